//! From state to state, and the faults, priorities and timers that lead there.

use super::{Instance, NEWS_GAP, PreemptWait, Silence};
use crate::types::{AdvertInt, Instant, Priority, State, master_down_interval, skew_time};
use crate::vrrp::effect::Event;
use crate::vrrp::notice::{Fault, NoticeKind};
use crate::vrrp::switchboard::Tracking;
use crate::vrrp::timers::Timer;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// What a router waits for that has missed us.
const THREE_ADVERTS: u8 = 3;

impl Instance {
    pub(super) fn on_tracking(&mut self, now: Instant, tracking: Tracking) {
        let before = self.faults();
        self.tracking = tracking;
        let priority = self.effective_priority();
        let by_file = |faults: &BTreeSet<Fault>| faults.iter().any(|fault| matches!(fault, Fault::File(_)));
        // As long as a file keeps it out, keepalived leaves the priority as it was.
        match (by_file(&before), by_file(&self.faults())) {
            (_, true) => {}
            (true, false) => self.priority = priority,
            (false, false) => self.set_priority(now, priority),
        }
        self.review_faults(now, &before);
    }

    pub(super) fn on_source(&mut self, now: Instant, source: Option<IpAddr>) {
        let before = self.faults();
        self.source = source;
        self.last_source = source.or(self.last_source);
        self.review_faults(now, &before);
    }

    /// Enters or leaves FAULT (or INIT) as the faults demand, and says which came and went.
    pub(super) fn review_faults(&mut self, now: Instant, before: &BTreeSet<Fault>) {
        let faults = self.faults();
        self.note_link_up(now, before, &faults);
        if self.state == State::Init {
            self.leave_init(now, false);
            return;
        }
        for fault in before.difference(&faults) {
            self.notice(NoticeKind::Recovered(fault.clone()));
            if matches!(fault, Fault::File(_)) && self.tracking.weight != 0 {
                self.notice(NoticeKind::PrioritySet(self.priority));
            }
        }
        for fault in faults.difference(before) {
            self.notice(NoticeKind::Faulted(fault.clone()));
        }
        match (self.state, faults.is_empty()) {
            (State::Fault, true) if self.may_lead_itself() => self.enter_election(now, false),
            (State::Backup | State::Master, false) => self.become_fault(now),
            _ => {}
        }
    }

    /// Once the scripts that hold it have spoken, and those that hold the others of its group, an instance
    /// has its first real state.
    pub(super) fn leave_init(&mut self, now: Instant, at_start: bool) {
        let group_fails = self.told_to_be() == Some(State::Fault);
        if self.tracking.pending > 0 && !group_fails {
            return;
        }
        let faults = self.faults();
        if faults.is_empty() && !group_fails {
            if self.may_lead_itself() {
                self.enter_election(now, at_start);
            }
            return;
        }
        for fault in faults {
            self.notice(NoticeKind::StartsFaulted(fault));
        }
        self.enter(now, State::Fault, at_start);
        if self.addresses_set {
            self.release_addresses();
        }
        self.notify(Event::Fault);
    }

    /// Whether no group keeps it out of the election.
    fn may_lead_itself(&self) -> bool {
        !self.is_grouped() || matches!(self.told_to_be(), Some(State::Backup | State::Master))
    }

    pub(super) fn faults(&self) -> BTreeSet<Fault> {
        let mut faults = self.tracking.faults.clone();
        // A dead link is the better explanation of a missing address.
        if self.source.is_none() && faults.is_empty() {
            faults.insert(match self.config.track_source {
                true => Fault::SourceMissing,
                false => Fault::NoAddress(self.config.family),
            });
        }
        if self.config.config_faults > 0 {
            faults.insert(Fault::Configuration);
        }
        faults
    }

    pub(super) fn set_priority(&mut self, now: Instant, priority: Priority) {
        if priority == self.priority {
            return;
        }
        self.notice(NoticeKind::PriorityChanged(self.priority, priority));
        let old = self.master_down();
        self.priority = priority;
        self.shift_master_down(now, old);
        self.arm_news(now);
    }

    /// A master tells its new priority once everything that changes it now has been heard, and not too often.
    fn arm_news(&mut self, now: Instant) {
        if self.state == State::Master {
            let at = self.last_news.map_or(now, |last| now.max(last + NEWS_GAP));
            self.timers.arm(Timer::News, at);
        }
    }

    /// One advert more: the rhythm of the others stays as it is, so that no backup ever waits for longer.
    pub(super) fn tell_news(&mut self, now: Instant) {
        if self.state == State::Master {
            self.last_news = Some(now);
            self.send(self.priority);
        }
    }

    /// Moves a running master-down timer by what its length has changed, so that the adverts already
    /// missed still count.
    pub(super) fn shift_master_down(&mut self, now: Instant, old: Duration) {
        if let Some(deadline) = self.timers.get(Timer::MasterDown) {
            let moved = deadline + self.master_down() - old;
            self.timers.arm(Timer::MasterDown, moved.max(now));
        }
    }

    pub(super) fn on_advert_timer(&mut self, now: Instant, deadline: Instant) {
        if self.state != State::Master {
            return;
        }
        self.send_advert(now);
        self.warn_other_owner(now);
        // The rhythm is kept by counting from the deadline, unless a whole interval was slept through.
        let next = deadline + self.config.advert_int.duration();
        if next > now {
            self.timers.arm(Timer::Advert, next);
        }
    }

    pub(super) fn on_master_down(&mut self, now: Instant, deadline: Instant) {
        if self.state != State::Backup {
            return;
        }
        let late = now.since(deadline);
        if late >= self.master_interval.duration() {
            // We were asleep, and of what was said meanwhile only the beginning may have been kept: a
            // master that is there will speak within its interval.
            self.notice(NoticeKind::Overslept(late));
            self.ready = false;
            self.timers.arm(Timer::MasterDown, now + self.master_interval.duration() + self.skew());
            return;
        }
        if self.goes_on_listening(now) {
            return;
        }
        if !self.is_grouped() {
            return self.become_master(now, Some(NoticeKind::AdvertTimeout));
        }
        self.notice(NoticeKind::AdvertTimeout);
        if self.ready && self.addresses_set {
            // Adopted from an earlier life; but the others do not become master.
            self.release_addresses();
        }
        self.ready = true;
        self.timers.arm(Timer::MasterDown, now + self.master_down());
    }

    /// `timer_expired_backup`: after so long a silence of ours another router may be master
    /// (keepalived 2.4: vrrp_thread_timeout_handler).
    pub(super) fn give_way_after_sleep(&mut self, now: Instant) {
        let config = &self.config;
        let Some(other) = config.timer_expired_backup.filter(|_| self.state == State::Master) else { return };
        let patience = master_down_interval(config.version, other, config.advert_int, THREE_ADVERTS);
        let Some(silence) = self.last_advert.map(|last| now.since(last)) else { return };
        if silence < patience {
            return;
        }
        let late = silence.saturating_sub(config.advert_int.duration());
        self.notice(NoticeKind::TimerExpired(late));
        self.become_backup(now, self.config.advert_int);
        self.timers.arm(Timer::MasterDown, now + self.master_down());
    }

    pub(super) fn skew(&self) -> Duration {
        skew_time(self.config.version, self.priority, self.master_interval)
    }

    pub(super) fn master_down(&self) -> Duration {
        let adverts = self.config.down_timer_adverts;
        master_down_interval(self.config.version, self.priority, self.master_interval, adverts)
    }

    /// BACKUP, or for an owner MASTER at once (RFC 9568 §6.4.1).
    pub(super) fn enter_election(&mut self, now: Instant, at_start: bool) {
        self.master_interval = self.config.advert_int;
        let leads = match self.is_grouped() {
            true => self.told_to_be() == Some(State::Master),
            false => self.priority.is_owner(),
        };
        if leads {
            self.become_master(now, None);
            return;
        }
        self.enter(now, State::Backup, at_start);
        self.ready = self.priority.is_owner();
        // Whoever took over from our killed predecessor speaks within one interval, and nobody waits
        // for less than three: a child that is back by then goes on before anyone has noticed.
        let patience = if self.addresses_set {
            self.config.advert_int.duration() + self.skew()
        } else {
            self.master_down()
        };
        self.timers.arm(Timer::MasterDown, now + patience);
        self.tell_of_leftovers(now);
        self.notify(Event::Backup);
    }

    /// Advert first: the old master must let go before the neighbours are told.
    pub(super) fn become_master(&mut self, now: Instant, why: Option<NoticeKind>) {
        self.return_from_standing_back(NoticeKind::OwnerAgain);
        self.state = State::Master;
        self.silence = Silence::default();
        self.found_leftovers = false;
        let (learnt, own) = (self.master_interval, self.config.advert_int);
        self.master_interval = own;
        self.stats.become_master += 1;
        self.sequences.lead_ah(self.addresses_set.then_some(self.wall));
        self.send_advert(now);
        if let Some(why) = why {
            self.notice(why);
        }
        self.enter(now, State::Master, false);
        if learnt != own {
            self.notice(NoticeKind::IntervalRestored(learnt, own));
        }
        self.install_addresses();
        self.announce(self.config.garp.master_repeat);
        self.arm_second_burst(now);
        self.arm_refresh(now);
        self.arm_extra_garp(now);
        self.notify(Event::Master);
    }

    pub(super) fn arm_second_burst(&mut self, now: Instant) {
        let garp = self.config.garp;
        if garp.master_delay > Duration::ZERO {
            self.timers.arm(Timer::Burst, now + garp.master_delay);
        }
    }

    /// Refreshes are counted from the takeover, whenever the second burst comes.
    pub(super) fn arm_refresh(&mut self, now: Instant) {
        let garp = self.config.garp;
        if garp.master_refresh > Duration::ZERO {
            self.timers.arm(Timer::Refresh, now + garp.master_refresh);
        } else {
            self.timers.disarm(Timer::Refresh);
        }
    }

    pub(super) fn arm_extra_garp(&mut self, now: Instant) {
        match self.config.garp_extra.interval {
            Duration::ZERO => self.timers.disarm(Timer::ExtraGarp),
            interval => self.timers.arm(Timer::ExtraGarp, now + interval),
        }
    }

    /// From MASTER; the caller arms the master-down timer.
    pub(super) fn become_backup(&mut self, now: Instant, master_interval: AdvertInt) {
        self.stats.release_master += 1;
        self.master_interval = master_interval;
        self.timers.disarm_all();
        self.enter(now, State::Backup, false);
        self.release_addresses();
        self.notify(Event::Backup);
    }

    /// A master that fails says so twice, as keepalived does: the one packet that tells a backup not
    /// to wait is worth repeating.
    pub(super) fn become_fault(&mut self, now: Instant) {
        if self.state == State::Master {
            self.send_priority_zero();
            self.send_zero_packet();
        }
        self.enter_fault(now);
    }

    pub(super) fn enter_fault(&mut self, now: Instant) {
        let was_master = self.state == State::Master;
        if was_master {
            self.stats.release_master += 1;
        }
        self.timers.disarm_all();
        self.enter(now, State::Fault, false);
        if was_master && !self.faults().is_empty() {
            self.notice(NoticeKind::SentPriorityZero);
        }
        if self.addresses_set {
            self.release_addresses();
        }
        self.notify(Event::Fault);
    }

    pub(super) fn enter(&mut self, now: Instant, state: State, at_start: bool) {
        self.state = state;
        self.last_transition = now;
        self.preempt_wait = PreemptWait::Idle;
        self.told.clear();
        self.ready = false;
        self.forget_nudges();
        self.has_begun |= matches!(state, State::Backup | State::Master);
        if state != State::Backup {
            self.timers.disarm(Timer::MasterDown);
            self.master = None;
        }
        if state != State::Master {
            self.forget_other_owner();
            self.end_conflict(now);
        }
        self.notice(NoticeKind::Entered { state, at_start });
    }
}
