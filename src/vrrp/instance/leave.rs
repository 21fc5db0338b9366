//! The end of an instance: it says farewell at once, and keeps its addresses until another has them.
//!
//! A backup that hears the farewell waits for its Skew_Time before it takes over, and keepalived's clients
//! wait with it, because the one that leaves has let go already. Backups are silent, so whether there is one
//! is found out by waiting: for the advert of the successor, or for as long as the slowest could take.

use super::{Claim, Input, Instance, Phase};
use crate::config::Config;
use crate::config::block::{Delivery, VrrpInstance};
use crate::types::{Instant, Priority, State, Version};
use crate::vrrp::accept::{Datagram, Discard, accept};
use crate::vrrp::effect::{Effect, Event};
use crate::vrrp::notice::NoticeKind;
use crate::vrrp::timers::Timer;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How much later than its Skew_Time a successor may be heard: what its timers, its addresses and the
/// network take.
const LEEWAY: Duration = Duration::from_millis(10);

/// From its first advert to its first announcement a successor takes less, or announces nothing. Between the two
/// neighbours still send to us, and for longer we must not answer whoever asks where an address is.
const ANNOUNCED: Duration = Duration::from_millis(20);

/// How long instances that stop wait for a successor at most: the Skew_Time of the lowest priority, in a sync
/// group that of its slowest member, since the group of the successor takes over as one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PartingTimes {
    groups: BTreeMap<String, Duration>,
}

impl PartingTimes {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut groups = BTreeMap::<String, Duration>::new();
        for member in &config.instances {
            if let Some(group) = &member.sync_group {
                let slowest = groups.entry(group.clone()).or_default();
                *slowest = longest_skew(member).max(*slowest);
            }
        }
        Self { groups }
    }

    /// That of an instance of this configuration.
    #[must_use]
    pub fn of(&self, instance: &VrrpInstance) -> Duration {
        let group = instance.sync_group.as_ref().and_then(|group| self.groups.get(group));
        longest_skew(instance).max(group.copied().unwrap_or_default()) + LEEWAY
    }
}

/// Skew_Time is a fraction of this (RFC 3768 §6.1, RFC 9568 §6.1).
fn longest_skew(instance: &VrrpInstance) -> Duration {
    match instance.version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => instance.advert_int.duration(),
    }
}

impl Instance {
    /// Whether it has said farewell and waits for a successor.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    /// Whether it has stopped: nothing will come of it any more.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// A master says farewell; its addresses stay for `patience` at most.
    pub(super) fn on_stop(&mut self, now: Instant, patience: Duration) {
        let was_master = self.state == State::Master;
        self.timers.disarm_all();
        self.end_conflict(now);
        if was_master {
            self.send_priority_zero();
            self.notice(NoticeKind::SentPriorityZero);
            self.stats.release_master += 1;
            self.push(Effect::Hush);
        }
        self.state = State::Init;
        if was_master && !patience.is_zero() && self.may_have_successor() {
            self.phase = Phase::Leaving { since: now, successor: None, claimed: false };
            self.timers.arm(Timer::Leave, now + patience);
        } else {
            self.leave();
        }
    }

    /// Whether anybody could have heard the farewell, and there is anything to keep for them.
    fn may_have_successor(&self) -> bool {
        let config = &self.config;
        let is_heard = match &config.delivery {
            Delivery::Multicast { .. } => true,
            Delivery::Unicast { peers, .. } => peers.iter().any(|peer| Some(peer.address) != self.source),
        };
        is_heard && !(config.vips.is_empty() && config.excluded_vips.is_empty())
    }

    /// What happens while it waits: a successor, or that waiting has become useless.
    pub(super) fn handle_leaving(&mut self, now: Instant, input: Input) {
        match input {
            Input::Packet(datagram) => {
                if let Some(successor) = self.successor(now, &datagram) {
                    self.on_successor(now, successor);
                }
            }
            Input::Claim(claim) => self.on_claim_leaving(&claim),
            Input::Tracking(tracking) => {
                self.tracking = tracking;
                self.leave_if_faulty();
            }
            Input::Source(source) => {
                self.source = source;
                self.leave_if_faulty();
            }
            Input::Stop(patience) if patience.is_zero() => self.leave(),
            Input::Stop(_)
            | Input::LinkRenewed(_)
            | Input::Resolved(..)
            | Input::Lost(_)
            | Input::Group(_)
            | Input::Reconfigure(_) => {}
        }
    }

    /// Who sent an advert that was not sent before the farewell, if it is a good one of another master.
    fn successor(&mut self, now: Instant, datagram: &Datagram) -> Option<IpAddr> {
        let Phase::Leaving { since, .. } = self.phase else { return None };
        if now < since {
            return None;
        }
        let advert = accept(&self.config, self.checksum, &mut self.sequences, self.wall, datagram);
        let (from, priority) = match advert {
            Ok(advert) => (advert.source, advert.priority),
            // What it has ignored as the owner is what it waits for now.
            Err(Discard::WeOwn { from, priority }) => (from, priority),
            Err(_) => return None,
        };
        (priority != Priority::STOP && Some(from) != self.source).then_some(from)
    }

    fn leave_if_faulty(&mut self) {
        if !self.faults().is_empty() {
            self.leave();
        }
    }

    /// It has the addresses in a moment, and then says so.
    fn on_successor(&mut self, now: Instant, from: IpAddr) {
        let Phase::Leaving { successor, claimed, .. } = &mut self.phase else { return };
        let is_first = successor.is_none();
        successor.get_or_insert(from);
        if *claimed {
            return self.leave_to_successor();
        }
        let limit = now + ANNOUNCED;
        if is_first && self.timers.get(Timer::Leave).is_none_or(|at| limit < at) {
            self.timers.arm(Timer::Leave, limit);
        }
    }

    /// Nobody sends to us any more once the successor has announced its addresses.
    fn on_claim_leaving(&mut self, claim: &Claim) {
        let is_ours = self.is_about_us(claim);
        let Phase::Leaving { successor, claimed, .. } = &mut self.phase else { return };
        if !is_ours || !claim.foreign {
            return;
        }
        *claimed = true;
        if successor.is_some() {
            self.leave_to_successor();
        }
    }

    pub(super) fn leave_to_successor(&mut self) {
        let successor = match self.phase {
            Phase::Leaving { successor, .. } => successor,
            Phase::Present | Phase::Gone => None,
        };
        self.notice(NoticeKind::Succeeded(successor));
        self.leave();
    }

    fn leave(&mut self) {
        self.timers.disarm_all();
        if self.addresses_set {
            self.release_addresses();
        }
        self.phase = Phase::Gone;
        self.notify(Event::Stop);
    }
}
