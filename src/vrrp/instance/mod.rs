//! The state machine of one virtual router on this node.
//!
//! ```text
//!                 ┌────────────── Init ──────────────┐
//!   first verdict │                                  │ a fault
//!                 ▼      nobody advertises           ▼
//!   ┌────────▶ Backup ──────────────────▶ Master ──▶ Fault
//!   │             ▲                          │         │
//!   │             └──────────────────────────┘         │
//!   │               higher advert, VIP taken           │
//!   └──────────────────────────────────────────────────┘
//!                     last fault gone
//! ```
//!
//! An owner (priority 255) goes to Master wherever another would go to Backup. RFC 9568 §6.4, RFC
//! 3768 §6.4; deviations are keepalived's and named where they are made.

#[cfg(test)]
mod auth_tests;
mod change;
mod group;
mod leave;
mod output;
mod receive;
mod rival;
#[cfg(test)]
pub(super) mod sample;
mod silence;
mod split_brain;
#[cfg(test)]
mod tests;
mod transition;

pub use leave::PartingTimes;

use super::accept::{Datagram, DiscardKind};
use super::checksum::ChecksumForm;
use super::effect::{Blocked, Effect, KernelChange};
use super::notice::{Fault, NoticeKind};
use super::patience::Patience;
use super::sequences::Sequences;
use super::stats::Stats;
use super::switchboard::Tracking;
use super::sync_group::{GroupReport, GroupSays, Word};
use super::timers::{Timer, Timers};
use crate::config::block::VrrpInstance;
use crate::config::value::{Route, Rule};
use crate::types::{AdvertInt, IfName, Instant, MacAddr, Priority, State};
use rival::Rival;
pub use silence::Silence;
pub use split_brain::{Claim, ConflictCause, OtherMaster};
use split_brain::{ClaimAnswers, Conflict};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The least time between two adverts that tell of a changed priority: a tracker that flaps floods nobody. The
/// last change is always told.
const NEWS_GAP: Duration = Duration::from_millis(50);

/// What can happen to an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A packet with our VRID arrived.
    Packet(Datagram),
    /// Trackers have changed.
    Tracking(Tracking),
    /// The address that adverts come from is now this one, or there is none.
    Source(Option<IpAddr>),
    /// A link has another MAC address than before, or has come up again: the neighbours behind it may not know
    /// where our addresses are.
    LinkRenewed(IfName),
    /// Somebody removed something of ours from the kernel.
    Lost(Box<Lost>),
    /// A frame says where an address is that is ours.
    Claim(Claim),
    /// The answer to [`Effect::Resolve`].
    Resolved(IpAddr, MacAddr),
    /// The sync group has something to say.
    Group(GroupSays),
    /// The configuration has changed, within what [`super::same_router`] calls the same router.
    Reconfigure(Arc<VrrpInstance>),
    /// Leave: the daemon stops or the instance is no longer configured. A master's addresses stay until a
    /// successor is heard, for so long at most; of one that is leaving already, zero ends the waiting.
    Stop(Duration),
}

/// What somebody removed at one time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lost {
    /// Addresses, each with its link.
    pub addresses: Vec<(IpAddr, IfName)>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Rules.
    pub rules: Vec<Rule>,
}

impl Lost {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty() && self.rules.is_empty()
    }
}

/// What becomes of addresses that an earlier life of this node may have left in the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leftovers {
    /// Remove them, as keepalived does at start.
    Remove,
    /// Keep them until it is known who is master: a killed daemon that comes back must not flap.
    Adopt,
}

/// What an instance must know to start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start {
    /// What trackers say.
    pub tracking: Tracking,
    /// The address that adverts come from.
    pub source: Option<IpAddr>,
    /// The last word of the sync group; without one an instance in a group stays in INIT.
    pub word: Option<Word>,
    /// What becomes of addresses in the kernel.
    pub leftovers: Leftovers,
    /// The time of day; see [`Instance::tell_time_of_day`].
    pub wall: Duration,
}

/// The last router that was heard as master.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Heard {
    /// Its address.
    pub address: IpAddr,
    /// Its priority.
    pub priority: Priority,
}

/// How far it is on its way out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Not at all.
    Present,
    /// It has said farewell, then, and waits for a successor.
    Leaving {
        since: Instant,
        /// It has been heard.
        successor: Option<IpAddr>,
        /// Somebody else has said that an address is at his place.
        claimed: bool,
    },
    /// It has stopped.
    Gone,
}

/// `preempt_delay` at work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PreemptWait {
    /// No lower master heard yet.
    Idle,
    /// Lower adverts are heeded until then.
    Until(Instant),
}

/// An instance as others may see it: the source of every dump and table.
#[derive(Clone, Debug)]
pub struct InstanceStatus {
    /// Its configuration.
    pub config: Arc<VrrpInstance>,
    /// State.
    pub state: State,
    /// What it would be, were it in no sync group.
    pub wanted: State,
    /// Effective priority.
    pub priority: Priority,
    /// The sum of base priority and weights before it is clamped.
    pub total_priority: i64,
    /// The last master heard, unless we are it.
    pub master: Option<Heard>,
    /// The interval that the master-down timer counts in.
    pub master_interval: AdvertInt,
    /// How long a backup waits.
    pub master_down: Duration,
    /// What is wrong.
    pub faults: BTreeSet<Fault>,
    /// Scripts that have not ended once and hold it in INIT.
    pub pending: usize,
    /// When it entered its state.
    pub last_transition: Instant,
    /// When its advert or master-down timer fires.
    pub next_timeout: Option<Instant>,
    /// Behind a link that has just come up: until when it listens if it hears nothing.
    pub silent_until: Option<Instant>,
    /// When `garp_extra_if` announces next.
    pub next_extra_garp: Option<Instant>,
    /// Where its adverts come from.
    pub source: Option<IpAddr>,
    /// Whether its addresses are in the kernel.
    pub addresses_set: bool,
    /// Counters.
    pub stats: Stats,
}

/// One virtual router on this node.
#[derive(Debug)]
pub struct Instance {
    config: Arc<VrrpInstance>,
    state: State,
    priority: Priority,
    tracking: Tracking,
    source: Option<IpAddr>,
    /// The last address that there was: a master whose address is taken away says farewell from it.
    last_source: Option<IpAddr>,
    timers: Timers,
    /// VRRPv3 learns it from the master; VRRPv2 has only its own.
    master_interval: AdvertInt,
    master: Option<Heard>,
    preempt_wait: PreemptWait,
    checksum: ChecksumForm,
    /// An advert has arrived in this life.
    has_heard: bool,
    silence: Silence,
    /// Another owner of the same addresses.
    rival: Rival,
    /// Another master, while there is one.
    conflict: Option<Conflict>,
    claim_answers: ClaimAnswers,
    /// Adverts that may still tell the master to which we gave way of us.
    nudges: u8,
    last_nudge: Option<Instant>,
    /// Addresses that nobody held were here until the start.
    found_leftovers: bool,
    /// When the last advert left.
    last_advert: Option<Instant>,
    /// When the last advert left that told of a changed priority.
    last_news: Option<Instant>,
    /// Identification of the last IPv4 advert.
    ip_id: u16,
    sequences: Sequences,
    /// The time of day, as last told.
    wall: Duration,
    /// The last word of the sync group that was heard.
    word: Option<Word>,
    /// Backup, and its time to wait has run out: only the sync group holds it.
    ready: bool,
    /// It has been backup or master: scripts that have not ended hold it no more.
    has_begun: bool,
    /// What the sync group was told last.
    reported: Option<GroupReport>,
    addresses_set: bool,
    phase: Phase,
    last_transition: Instant,
    /// Kinds of trouble already told since the last change of state or master.
    told: BTreeSet<Told>,
    /// With whoever removes what is ours.
    patience: Patience,
    stats: Stats,
    effects: VecDeque<Effect>,
}

/// Things that are told once and then only counted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Told {
    Discard(DiscardKind),
    Interval,
    Addresses,
    OwnAddress,
    ClockSkew,
}

impl Instance {
    /// Starts the instance; its first effects are queued when this returns.
    ///
    /// Like keepalived it starts as backup whatever `state` says, unless it is the owner.
    #[must_use]
    pub fn new(now: Instant, config: Arc<VrrpInstance>, start: Start) -> Self {
        let mut instance = Self {
            state: State::Init,
            priority: config.priority.effective(start.tracking.weight),
            tracking: start.tracking,
            source: start.source,
            last_source: start.source,
            timers: Timers::default(),
            master_interval: config.advert_int,
            master: None,
            preempt_wait: PreemptWait::Idle,
            checksum: ChecksumForm::of(&config),
            has_heard: false,
            silence: Silence::default(),
            rival: Rival::default(),
            conflict: None,
            claim_answers: ClaimAnswers::default(),
            nudges: 0,
            last_nudge: None,
            found_leftovers: false,
            last_advert: None,
            last_news: None,
            ip_id: 0,
            sequences: Sequences::default(),
            wall: start.wall,
            word: start.word.filter(|_| config.sync_group.is_some()),
            ready: false,
            has_begun: false,
            reported: None,
            addresses_set: true,
            phase: Phase::Present,
            last_transition: now,
            told: BTreeSet::new(),
            patience: Patience::new(now),
            stats: Stats::default(),
            effects: VecDeque::new(),
            config,
        };
        let base = instance.config.priority;
        if instance.priority != base {
            instance.notice(NoticeKind::PriorityChanged(base, instance.priority));
        }
        match start.leftovers {
            Leftovers::Remove => instance.release_addresses(),
            Leftovers::Adopt => {
                instance.change_firewall(KernelChange::installing(Blocked::by(&instance.config)));
            }
        }
        instance.leave_init(now, true);
        instance.report();
        instance
    }

    /// The time since 1970-01-01 UTC, by a clock that may be set at any moment. Told before an input or a
    /// timeout wherever `auth_hmac` is configured; nothing else in here knows what day it is.
    pub fn tell_time_of_day(&mut self, wall: Duration) {
        self.wall = wall;
    }

    /// Takes one input. Total: every state has an answer to every input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match self.phase {
            Phase::Present => {}
            Phase::Leaving { .. } => return self.handle_leaving(now, input),
            Phase::Gone => return,
        }
        match input {
            Input::Packet(datagram) => self.on_packet(now, &datagram),
            Input::Tracking(tracking) => self.on_tracking(now, tracking),
            Input::Source(source) => self.on_source(now, source),
            Input::LinkRenewed(link) => self.announce_on(&link),
            Input::Lost(lost) => self.on_lost(now, &lost),
            Input::Claim(claim) => self.on_claim(now, &claim),
            Input::Resolved(address, mac) => self.on_resolved(address, mac),
            Input::Group(says) => self.on_group(now, says),
            Input::Reconfigure(config) => self.on_reconfigure(now, config),
            Input::Stop(patience) => self.on_stop(now, patience),
        }
        self.report();
    }

    /// Acts on every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_way_after_sleep(now);
        while let Some((deadline, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::Advert => self.on_advert_timer(now, deadline),
                Timer::MasterDown => self.on_master_down(now, deadline),
                Timer::OtherOwner => self.notice(NoticeKind::OtherOwnerSilent),
                Timer::Burst => self.announce(self.config.garp.master_repeat),
                Timer::LowerBurst => self.announce(self.config.garp.lower_prio_repeat),
                Timer::Refresh => {
                    self.announce(self.config.garp.master_refresh_repeat);
                    self.timers.arm(Timer::Refresh, now + self.config.garp.master_refresh);
                }
                Timer::ExtraGarp => {
                    self.announce_elsewhere();
                    self.arm_extra_garp(now);
                }
                Timer::News => self.tell_news(now),
                Timer::Leave => self.leave_to_successor(),
                Timer::Repair => self.announce(self.config.garp.lower_prio_repeat),
                Timer::ConflictTold => self.tell_conflict(now),
                Timer::ConflictFades => self.end_conflict(now),
                Timer::Nudge => self.nudge(now),
            }
        }
        self.report();
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, and for which timer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// When a timer fires, if it is armed.
    #[must_use]
    pub fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.timers.get(timer)
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The last word of its sync group that it has heard.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        self.word
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<VrrpInstance> {
        &self.config
    }

    /// Counts from zero again.
    pub fn clear_stats(&mut self) {
        self.stats = Stats::default();
    }

    /// The instance as others may see it.
    #[must_use]
    pub fn status(&self) -> InstanceStatus {
        let next_timeout = self.timers.get(Timer::Advert).or(self.timers.get(Timer::MasterDown));
        InstanceStatus {
            config: Arc::clone(&self.config),
            state: self.state,
            wanted: self.wanted(),
            priority: self.priority,
            total_priority: match self.config.priority.is_owner() {
                true => i64::from(self.priority.get()),
                false => i64::from(self.config.priority.get()) + self.tracking.weight,
            },
            master: self.master.filter(|_| self.state == State::Backup),
            master_interval: self.master_interval,
            master_down: self.master_down(),
            faults: self.faults(),
            pending: self.tracking.pending,
            last_transition: self.last_transition,
            next_timeout,
            silent_until: self.silence.until,
            next_extra_garp: self.timers.get(Timer::ExtraGarp),
            source: self.source,
            addresses_set: self.addresses_set,
            stats: self.stats,
        }
    }
}
