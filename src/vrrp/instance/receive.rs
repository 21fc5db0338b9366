//! What an advert does to a backup and to a master.

use super::split_brain::Evidence;
use super::{Heard, Instance, PreemptWait, Told};
use crate::config::block::{Auth, AuthHmac, Freshness, Preempt};
use crate::types::{Instant, Priority, State, Version};
use crate::vrrp::accept::{Accepted, Datagram, accept};
use crate::vrrp::effect::{Effect, Event};
use crate::vrrp::notice::NoticeKind;
use crate::vrrp::sync_group::GroupReport;
use crate::vrrp::timers::Timer;
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

impl Instance {
    pub(super) fn on_packet(&mut self, now: Instant, datagram: &Datagram) {
        match self.state {
            State::Init => return self.on_packet_in_init(datagram),
            State::Fault => return,
            State::Backup | State::Master => {}
        }
        let advert = match accept(&self.config, self.checksum, &mut self.sequences, self.wall, datagram) {
            Ok(advert) => advert,
            Err(discard) => {
                self.stats.count(discard.kind());
                if let Some(evidence) = Evidence::of_discard(datagram.source, discard.kind()) {
                    self.on_evidence(now, evidence);
                }
                self.tell_once(Told::Discard(discard.kind()), NoticeKind::Discarded(discard));
                return;
            }
        };
        self.stats.advert_rcvd += 1;
        self.note_heard(now);
        if advert.checksum != self.checksum {
            self.checksum = advert.checksum;
            self.notice(NoticeKind::OldChecksum);
        }
        self.tell_clock_skew(&advert);
        self.compare_with_ours(&advert);
        if advert.priority == Priority::STOP {
            self.stats.pri_zero_rcvd += 1;
        }
        match self.state {
            State::Backup => self.on_advert_as_backup(now, &advert),
            State::Master => self.on_advert_as_master(now, &advert),
            State::Init | State::Fault => {}
        }
    }

    /// Scripts may hold an instance for long. Addresses that it has adopted do not stay beside another master.
    fn on_packet_in_init(&mut self, datagram: &Datagram) {
        if !self.addresses_set {
            return;
        }
        let advert = accept(&self.config, self.checksum, &mut self.sequences, self.wall, datagram);
        let is_another =
            |advert: &Accepted| advert.priority != Priority::STOP && Some(advert.source) != self.source;
        if advert.is_ok_and(|advert| is_another(&advert)) {
            self.release_addresses();
            self.found_leftovers = true;
        }
    }

    /// RFC 9568 §6.4.2.
    pub(super) fn on_advert_as_backup(&mut self, now: Instant, advert: &Accepted) {
        if self.addresses_set {
            // Adopted from an earlier life, but somebody else is or was master.
            self.release_addresses();
            self.prepare_nudges(now);
        }
        let same_master = self.master.is_some_and(|master| master.address == advert.source);
        if same_master && (advert.priority, Some(advert.source)) <= (self.priority, self.source) {
            // It is better no longer, or leaves: what was to be told would be misunderstood.
            self.forget_nudges();
        }
        if !same_master || !advert.priority.is_owner() {
            self.return_from_standing_back(NoticeKind::OwnerAgainLowerHeard);
        }
        if advert.priority == Priority::STOP {
            self.notice(NoticeKind::MasterLeaves);
            self.timers.arm(Timer::MasterDown, now + self.skew());
            return;
        }
        if !self.heeds(now, advert) {
            self.notice(NoticeKind::LowerDiscarded(advert.source, advert.priority));
            return;
        }
        if advert.priority >= self.priority {
            self.stop_preempt_wait();
        }
        self.learn_master(advert);
        self.arm_nudge(now);
        self.ready = false;
        self.timers.arm(Timer::MasterDown, now + self.master_down());
    }

    /// Whether an advert keeps a backup waiting: a lower one does not, unless preemption is off or delayed.
    pub(super) fn heeds(&mut self, now: Instant, advert: &Accepted) -> bool {
        if advert.priority >= self.priority {
            return true;
        }
        match (self.config.preempt, self.preempt_wait) {
            (Preempt::Never, _) => true,
            (Preempt::After(Duration::ZERO), _) => false,
            (Preempt::After(delay), PreemptWait::Idle) => {
                self.preempt_wait = PreemptWait::Until(now + delay);
                self.notice(NoticeKind::PreemptDelayStarted(delay));
                true
            }
            (Preempt::After(_), PreemptWait::Until(end)) => now < end,
        }
    }

    pub(super) fn stop_preempt_wait(&mut self) {
        if std::mem::replace(&mut self.preempt_wait, PreemptWait::Idle) != PreemptWait::Idle {
            self.notice(NoticeKind::PreemptDelayStopped);
        }
    }

    pub(super) fn learn_master(&mut self, advert: &Accepted) {
        let known = self.master.map(|master| master.address);
        if known != Some(advert.source) {
            self.notice(NoticeKind::MasterIs(known, advert.source));
            if known.is_some() {
                self.told.clear();
            }
        }
        self.master = Some(Heard { address: advert.source, priority: advert.priority });
        if self.config.version == Version::V3 && self.master_interval != advert.interval {
            self.notice(NoticeKind::MasterInterval(self.master_interval, advert.interval));
            self.master_interval = advert.interval;
        }
    }

    /// RFC 9568 §6.4.3; equal priorities are decided by the sender's address.
    pub(super) fn on_advert_as_master(&mut self, now: Instant, advert: &Accepted) {
        if advert.priority == Priority::STOP {
            self.notice(NoticeKind::RivalLeaves);
            self.send_advert(now);
            self.on_evidence(now, Evidence::Farewell(advert.source));
            self.arm_repair(now);
            return;
        }
        let (from, theirs) = (advert.source, advert.priority);
        let by_address = self.source.map_or(Ordering::Equal, |own| from.cmp(&own));
        if theirs == self.priority && theirs.is_owner() {
            self.on_other_owner(from, advert.interval, by_address);
        }
        let ours = self.priority;
        match theirs.cmp(&ours).then(by_address) {
            Ordering::Less => self.on_lower_as_master(now, advert),
            Ordering::Equal => self.tell_once(Told::OwnAddress, NoticeKind::OwnAddressHeard),
            Ordering::Greater => {
                self.notice(if theirs > ours && !self.config.priority.is_owner() {
                    NoticeKind::HigherHeard { from, theirs, ours }
                } else {
                    NoticeKind::EqualHeard(from, theirs)
                });
                if self.config.higher_prio_send_advert {
                    self.send_advert(now);
                }
                if theirs == ours {
                    self.on_evidence(now, self.evidence_of(advert));
                }
                self.become_backup(now, self.master_interval);
                self.learn_master(advert);
                self.timers.arm(Timer::MasterDown, now + self.master_down());
                self.prepare_nudges(now);
            }
        }
    }

    /// Somebody else thinks that it is master: tell it, and repair the caches that it has spoilt.
    pub(super) fn on_lower_as_master(&mut self, now: Instant, advert: &Accepted) {
        let answered = !self.config.lower_prio_no_advert;
        let (from, theirs) = (advert.source, advert.priority);
        self.notice(NoticeKind::LowerHeard { from, theirs, ours: self.priority, answered });
        if let Some(theirs) = advert.ah_sequence {
            self.notice(NoticeKind::SequenceFollows);
            self.sequences.outbid_ah(theirs);
        }
        if answered {
            self.send_advert(now);
        }
        self.on_evidence(now, self.evidence_of(advert));
        self.announce_after_lower(now);
        if self.is_grouped() {
            self.push(Effect::Group(GroupReport::LowerHeard));
        }
        self.notify(Event::MasterRxLowerPri);
    }

    pub(super) fn announce_after_lower(&mut self, now: Instant) {
        if self.state != State::Master {
            return;
        }
        let garp = self.config.garp;
        self.announce(garp.lower_prio_repeat);
        if garp.lower_prio_repeat > 0 && garp.lower_prio_delay > Duration::ZERO {
            self.timers.arm(Timer::LowerBurst, now + garp.lower_prio_delay);
        }
        self.arm_repair(now);
    }

    /// Clocks that drift apart are told of before they are so far apart that nobody believes anybody.
    pub(super) fn tell_clock_skew(&mut self, advert: &Accepted) {
        if let (Some(skew), Auth::Hmac(AuthHmac { freshness: Freshness::Time(window), .. })) =
            (advert.clock_skew, &self.config.auth)
        {
            let (from, window) = (advert.source, *window);
            self.tell_once(Told::ClockSkew, NoticeKind::ClockSkew { from, skew, window });
        }
    }

    /// Differences that keepalived 2.2 drops an advert for and 2.4 only reports: dropping gives two
    /// masters while an address is added to one node after the other.
    pub(super) fn compare_with_ours(&mut self, advert: &Accepted) {
        let ours = self.config.advert_int;
        if self.config.version == Version::V3 && advert.interval != ours {
            self.tell_once(Told::Interval, NoticeKind::IntervalDiffers(ours, advert.interval));
        }
        let same_master = self.master.is_some_and(|master| master.address == advert.source);
        if self.config.skip_check_adv_addr && same_master {
            return;
        }
        let config = Arc::clone(&self.config);
        let from = advert.source;
        let missing = config.vips.iter().find(|vip| !advert.addresses.contains(&vip.net.address));
        let problem = if advert.addresses.len() != config.vips.len() {
            NoticeKind::AddressCount { ours: config.vips.len(), theirs: advert.addresses.len(), from }
        } else if let Some(vip) = missing {
            NoticeKind::AddressMissing(from, vip.net.address)
        } else {
            return;
        };
        self.stats.addr_list_err += 1;
        self.tell_once(Told::Addresses, problem);
    }
}
