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

use super::accept::{Accepted, Datagram, DiscardKind, accept};
use super::effect::{AddressChange, Announce, Effect, Event, Notification, Transmit};
use super::notice::{Fault, Notice, NoticeKind};
use super::stats::Stats;
use super::switchboard::Tracking;
use super::timers::{Timer, Timers};
use crate::config::block::{Auth, Delivery, Preempt, VrrpInstance};
use crate::config::value::VirtualAddress;
use crate::types::{
    AdvertInt, Family, IfName, Instant, Priority, State, Version, master_down_interval, skew_time,
};
use crate::wire::vrrp::{Advert, AdvertAuth};
use crate::wire::{PROTOCOL_VRRP, ipv4};
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// This many removals of our addresses by somebody else within [`TUG_WINDOW`] and we give way.
const TUG_LIMIT: u32 = 10;
const TUG_WINDOW: Duration = Duration::from_secs(1);

/// What can happen to an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A packet with our VRID arrived.
    Packet(Datagram),
    /// Trackers have changed.
    Tracking(Tracking),
    /// The address that adverts come from is now this one, or there is none.
    Source(Option<IpAddr>),
    /// Somebody removed an address of ours from the kernel.
    AddressLost(IpAddr, IfName),
    /// The configuration has changed, within what [`super::same_router`] calls the same router.
    Reconfigure(Arc<VrrpInstance>),
    /// Leave: the daemon stops or the instance is no longer configured.
    Stop,
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
    /// What becomes of addresses in the kernel.
    pub leftovers: Leftovers,
}

/// The last router that was heard as master.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Heard {
    /// Its address.
    pub address: IpAddr,
    /// Its priority.
    pub priority: Priority,
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
    timers: Timers,
    /// VRRPv3 learns it from the master; VRRPv2 has only its own.
    master_interval: AdvertInt,
    master: Option<Heard>,
    preempt_wait: PreemptWait,
    /// Rounds of the burst that [`Timer::Burst`] sends.
    burst_rounds: u32,
    /// Identification of the last IPv4 advert.
    ip_id: u16,
    addresses_set: bool,
    stopped: bool,
    last_transition: Instant,
    /// Kinds of trouble already told since the last change of state or master.
    told: BTreeSet<Told>,
    /// Since when and how often somebody has been removing our addresses.
    tug: (Instant, u32),
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
            timers: Timers::default(),
            master_interval: config.advert_int,
            master: None,
            preempt_wait: PreemptWait::Idle,
            burst_rounds: 0,
            ip_id: 0,
            addresses_set: true,
            stopped: false,
            last_transition: now,
            told: BTreeSet::new(),
            tug: (now, 0),
            stats: Stats::default(),
            effects: VecDeque::new(),
            config,
        };
        if start.leftovers == Leftovers::Remove {
            instance.release_addresses();
        }
        instance.leave_init(now, true);
        instance
    }

    /// Takes one input. Total: every state has an answer to every input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.stopped {
            return;
        }
        match input {
            Input::Packet(datagram) => self.on_packet(now, &datagram),
            Input::Tracking(tracking) => self.on_tracking(now, tracking),
            Input::Source(source) => self.on_source(now, source),
            Input::AddressLost(address, link) => self.on_address_lost(now, address, link),
            Input::Reconfigure(config) => self.on_reconfigure(now, config),
            Input::Stop => self.on_stop(),
        }
    }

    /// Acts on every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((deadline, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::Advert => self.on_advert_timer(now, deadline),
                Timer::MasterDown => self.on_master_down(now),
                Timer::Burst => self.announce(self.burst_rounds),
                Timer::Refresh => {
                    self.announce(self.config.garp.master_refresh_repeat);
                    self.timers.arm(Timer::Refresh, now + self.config.garp.master_refresh);
                }
            }
        }
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

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<VrrpInstance> {
        &self.config
    }

    /// The instance as others may see it.
    #[must_use]
    pub fn status(&self) -> InstanceStatus {
        let next_timeout = self.timers.get(Timer::Advert).or(self.timers.get(Timer::MasterDown));
        InstanceStatus {
            config: Arc::clone(&self.config),
            state: self.state,
            priority: self.priority,
            total_priority: i64::from(self.config.priority.get()) + self.tracking.weight,
            master: self.master.filter(|_| self.state == State::Backup),
            master_interval: self.master_interval,
            master_down: self.master_down(),
            faults: self.faults(),
            pending: self.tracking.pending,
            last_transition: self.last_transition,
            next_timeout,
            source: self.source,
            addresses_set: self.addresses_set,
            stats: self.stats,
        }
    }

    // What comes in.

    fn on_packet(&mut self, now: Instant, datagram: &Datagram) {
        if matches!(self.state, State::Init | State::Fault) {
            return;
        }
        let advert = match accept(&self.config, datagram) {
            Ok(advert) => advert,
            Err(discard) => {
                self.stats.count(discard.kind());
                self.tell_once(Told::Discard(discard.kind()), NoticeKind::Discarded(discard));
                return;
            }
        };
        self.stats.advert_rcvd += 1;
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

    /// RFC 9568 §6.4.2.
    fn on_advert_as_backup(&mut self, now: Instant, advert: &Accepted) {
        if self.addresses_set {
            // Adopted from an earlier life, but somebody else is or was master.
            self.release_addresses();
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
        self.timers.arm(Timer::MasterDown, now + self.master_down());
    }

    /// Whether an advert keeps a backup waiting: a lower one does not, unless preemption is off or delayed.
    fn heeds(&mut self, now: Instant, advert: &Accepted) -> bool {
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

    fn stop_preempt_wait(&mut self) {
        if std::mem::replace(&mut self.preempt_wait, PreemptWait::Idle) != PreemptWait::Idle {
            self.notice(NoticeKind::PreemptDelayStopped);
        }
    }

    fn learn_master(&mut self, advert: &Accepted) {
        let known = self.master.map(|master| master.address);
        if known != Some(advert.source) {
            self.notice(NoticeKind::MasterIs(known, advert.source));
            self.told.clear();
        }
        self.master = Some(Heard { address: advert.source, priority: advert.priority });
        if self.config.version == Version::V3 && self.master_interval != advert.interval {
            self.notice(NoticeKind::MasterInterval(self.master_interval, advert.interval));
            self.master_interval = advert.interval;
        }
    }

    /// RFC 9568 §6.4.3; equal priorities are decided by the sender's address.
    fn on_advert_as_master(&mut self, now: Instant, advert: &Accepted) {
        if advert.priority == Priority::STOP {
            self.notice(NoticeKind::RivalLeaves);
            self.send_advert(now);
            return;
        }
        let (from, theirs, ours) = (advert.source, advert.priority, self.priority);
        let by_address = self.source.map_or(Ordering::Equal, |own| from.cmp(&own));
        match theirs.cmp(&ours).then(by_address) {
            Ordering::Less => self.on_lower_as_master(now, from, theirs),
            Ordering::Equal => self.tell_once(Told::OwnAddress, NoticeKind::OwnAddressHeard),
            Ordering::Greater => {
                self.notice(if theirs > ours {
                    NoticeKind::HigherHeard { from, theirs, ours }
                } else {
                    NoticeKind::EqualHeard(from, theirs)
                });
                if self.config.higher_prio_send_advert {
                    self.send_advert(now);
                }
                self.become_backup(now, self.master_interval);
                self.learn_master(advert);
                self.timers.arm(Timer::MasterDown, now + self.master_down());
            }
        }
    }

    /// Somebody else thinks that it is master: tell it, and repair the caches that it has spoilt.
    fn on_lower_as_master(&mut self, now: Instant, from: IpAddr, theirs: Priority) {
        let answered = !self.config.lower_prio_no_advert;
        self.notice(NoticeKind::LowerHeard { from, theirs, ours: self.priority, answered });
        if answered {
            self.send_advert(now);
        }
        let garp = self.config.garp;
        self.announce(garp.lower_prio_repeat);
        if garp.lower_prio_repeat > 0 && garp.lower_prio_delay > Duration::ZERO {
            self.burst_rounds = garp.lower_prio_repeat;
            self.timers.arm(Timer::Burst, now + garp.lower_prio_delay);
        }
        self.notify(Event::MasterRxLowerPri);
    }

    /// Differences that keepalived 2.2 drops an advert for and 2.4 only reports: dropping gives two
    /// masters while an address is added to one node after the other.
    fn compare_with_ours(&mut self, advert: &Accepted) {
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

    fn on_tracking(&mut self, now: Instant, tracking: Tracking) {
        let before = self.faults();
        self.tracking = tracking;
        self.set_priority(now, self.config.priority.effective(self.tracking.weight));
        self.review_faults(now, &before);
    }

    fn on_source(&mut self, now: Instant, source: Option<IpAddr>) {
        let before = self.faults();
        self.source = source;
        self.review_faults(now, &before);
    }

    /// Enters or leaves FAULT (or INIT) as the faults demand, and says which came and went.
    fn review_faults(&mut self, now: Instant, before: &BTreeSet<Fault>) {
        let faults = self.faults();
        if self.state == State::Init {
            self.leave_init(now, false);
            return;
        }
        for fault in before.difference(&faults) {
            self.notice(NoticeKind::Recovered(fault.clone()));
        }
        for fault in faults.difference(before) {
            self.notice(NoticeKind::Faulted(fault.clone()));
        }
        match (self.state, faults.is_empty()) {
            (State::Fault, true) => self.enter_election(now, false),
            (State::Backup | State::Master, false) => self.become_fault(now),
            _ => {}
        }
    }

    /// Once the scripts that hold it have spoken, an instance has its first real state.
    fn leave_init(&mut self, now: Instant, at_start: bool) {
        if self.tracking.pending > 0 {
            return;
        }
        let faults = self.faults();
        if faults.is_empty() {
            self.enter_election(now, at_start);
            return;
        }
        for fault in faults {
            self.notice(NoticeKind::Faulted(fault));
        }
        self.enter(now, State::Fault, at_start);
        if self.addresses_set {
            self.release_addresses();
        }
        self.notify(Event::Fault);
    }

    fn faults(&self) -> BTreeSet<Fault> {
        let mut faults = self.tracking.faults.clone();
        // A dead link is the better explanation of a missing address.
        if self.source.is_none() && faults.is_empty() {
            faults.insert(Fault::NoAddress(self.config.family));
        }
        faults
    }

    fn set_priority(&mut self, now: Instant, priority: Priority) {
        if priority == self.priority {
            return;
        }
        self.notice(NoticeKind::PriorityChanged(self.priority, priority));
        let old = self.master_down();
        self.priority = priority;
        self.shift_master_down(now, old);
    }

    /// Moves a running master-down timer by what its length has changed, so that the adverts already
    /// missed still count.
    fn shift_master_down(&mut self, now: Instant, old: Duration) {
        if let Some(deadline) = self.timers.get(Timer::MasterDown) {
            let moved = deadline + self.master_down() - old;
            self.timers.arm(Timer::MasterDown, moved.max(now));
        }
    }

    fn on_address_lost(&mut self, now: Instant, address: IpAddr, link: IfName) {
        let ours = |vip: &&VirtualAddress| vip.net.address == address && vip.dev == link;
        let config = Arc::clone(&self.config);
        let Some(vip) = config.vips.iter().chain(&config.excluded_vips).find(ours) else { return };
        if self.state != State::Master || vip.no_track {
            return;
        }
        let (since, count) = self.tug;
        self.tug = if now.since(since) < TUG_WINDOW { (since, count + 1) } else { (now, 1) };
        if self.tug.1 > TUG_LIMIT {
            self.notice(NoticeKind::AddressGivenUp(address, link));
            self.send_priority_zero();
            self.become_backup(now, self.config.advert_int);
            self.timers.arm(Timer::MasterDown, now + self.skew());
            return;
        }
        self.notice(NoticeKind::AddressRestored(address, link));
        self.push(Effect::Addresses(AddressChange { install: vec![vip.clone()], remove: Vec::new() }));
        let targets = vec![(vip.dev.clone(), vip.net.address)];
        self.push(Effect::Announce(Announce { targets, rounds: config.garp.master_repeat.max(1) }));
    }

    /// Takes over what has changed and nothing else; see DESIGN of the reload in `docs/ARCHITECTURE.md`.
    fn on_reconfigure(&mut self, now: Instant, config: Arc<VrrpInstance>) {
        if *config == *self.config {
            self.config = config;
            return;
        }
        let before = self.faults();
        let old_down = self.master_down();
        let old = std::mem::replace(&mut self.config, Arc::clone(&config));
        if self.master_interval == old.advert_int || config.version == Version::V2 {
            self.master_interval = config.advert_int;
        }
        let added = self.change_addresses(&old);
        let priority = config.priority.effective(self.tracking.weight);
        if priority != self.priority {
            self.notice(NoticeKind::PriorityChanged(self.priority, priority));
            self.priority = priority;
        }
        self.shift_master_down(now, old_down);
        if self.state == State::Master {
            self.send_advert(now);
            if added {
                self.announce(config.garp.master_repeat);
                self.arm_second_burst(now);
            }
            if old.garp.master_refresh != config.garp.master_refresh {
                self.arm_refresh(now);
            }
        }
        self.review_faults(now, &before);
    }

    /// Brings the kernel from the old list of addresses to the new one; whether any was added.
    fn change_addresses(&mut self, old: &VrrpInstance) -> bool {
        if !self.addresses_set {
            return false;
        }
        let config = Arc::clone(&self.config);
        let all = |config: &VrrpInstance| -> Vec<VirtualAddress> {
            config.vips.iter().chain(&config.excluded_vips).cloned().collect()
        };
        let (had, has) = (all(old), all(&config));
        let same_place = |a: &VirtualAddress, b: &VirtualAddress| a.net == b.net && a.dev == b.dev;
        let remove: Vec<_> =
            had.iter().filter(|old| !has.iter().any(|new| same_place(old, new))).cloned().collect();
        let install: Vec<_> = has.iter().filter(|new| !had.contains(new)).cloned().collect();
        for address in &remove {
            self.notice(NoticeKind::AddressDropped(address.net, address.dev.clone()));
        }
        let added = !install.is_empty();
        if added || !remove.is_empty() {
            self.push(Effect::Addresses(AddressChange { install, remove }));
        }
        added
    }

    fn on_stop(&mut self) {
        if self.state == State::Master {
            self.send_priority_zero();
            self.notice(NoticeKind::SentPriorityZero);
            self.stats.release_master += 1;
        }
        self.timers.disarm_all();
        if self.addresses_set {
            self.release_addresses();
        }
        self.state = State::Init;
        self.stopped = true;
        self.notify(Event::Stop);
    }

    // Timers.

    fn on_advert_timer(&mut self, now: Instant, deadline: Instant) {
        if self.state != State::Master {
            return;
        }
        self.send_advert(now);
        // The rhythm is kept by counting from the deadline, unless a whole interval was slept through.
        let next = deadline + self.config.advert_int.duration();
        if next > now {
            self.timers.arm(Timer::Advert, next);
        }
    }

    fn on_master_down(&mut self, now: Instant) {
        if self.state == State::Backup {
            self.notice(NoticeKind::AdvertTimeout);
            self.become_master(now);
        }
    }

    fn skew(&self) -> Duration {
        skew_time(self.config.version, self.priority, self.master_interval)
    }

    fn master_down(&self) -> Duration {
        let adverts = self.config.down_timer_adverts;
        master_down_interval(self.config.version, self.priority, self.master_interval, adverts)
    }

    // Transitions.

    /// BACKUP, or for an owner MASTER at once (RFC 9568 §6.4.1).
    fn enter_election(&mut self, now: Instant, at_start: bool) {
        self.master_interval = self.config.advert_int;
        if self.priority.is_owner() {
            self.become_master(now);
            return;
        }
        self.enter(now, State::Backup, at_start);
        self.timers.arm(Timer::MasterDown, now + self.master_down());
        self.notify(Event::Backup);
    }

    /// Advert first: the old master must let go before the neighbours are told.
    fn become_master(&mut self, now: Instant) {
        self.state = State::Master;
        self.master_interval = self.config.advert_int;
        self.stats.become_master += 1;
        self.send_advert(now);
        self.enter(now, State::Master, false);
        self.install_addresses();
        self.announce(self.config.garp.master_repeat);
        self.arm_second_burst(now);
        self.arm_refresh(now);
        self.notify(Event::Master);
    }

    fn arm_second_burst(&mut self, now: Instant) {
        let garp = self.config.garp;
        if garp.master_delay > Duration::ZERO {
            self.burst_rounds = garp.master_repeat;
            self.timers.arm(Timer::Burst, now + garp.master_delay);
        }
    }

    /// The first refresh is counted from the second burst.
    fn arm_refresh(&mut self, now: Instant) {
        let garp = self.config.garp;
        if garp.master_refresh > Duration::ZERO {
            self.timers.arm(Timer::Refresh, now + garp.master_delay + garp.master_refresh);
        } else {
            self.timers.disarm(Timer::Refresh);
        }
    }

    /// From MASTER; the caller arms the master-down timer.
    fn become_backup(&mut self, now: Instant, master_interval: AdvertInt) {
        self.stats.release_master += 1;
        self.master_interval = master_interval;
        self.timers.disarm_all();
        self.enter(now, State::Backup, false);
        self.release_addresses();
        self.notify(Event::Backup);
    }

    /// A master that fails says so twice, as keepalived does: the one packet that tells a backup not
    /// to wait is worth repeating.
    fn become_fault(&mut self, now: Instant) {
        let was_master = self.state == State::Master;
        if was_master {
            self.send_priority_zero();
            self.send_zero_packet();
            self.stats.release_master += 1;
        }
        self.timers.disarm_all();
        self.enter(now, State::Fault, false);
        if was_master {
            self.notice(NoticeKind::SentPriorityZero);
        }
        if self.addresses_set {
            self.release_addresses();
        }
        self.notify(Event::Fault);
    }

    fn enter(&mut self, now: Instant, state: State, at_start: bool) {
        self.state = state;
        self.last_transition = now;
        self.preempt_wait = PreemptWait::Idle;
        self.told.clear();
        if state != State::Backup {
            self.timers.disarm(Timer::MasterDown);
            self.master = None;
        }
        self.notice(NoticeKind::Entered { state, at_start });
    }

    // What goes out.

    /// Sends an advert and counts the next interval from now.
    fn send_advert(&mut self, now: Instant) {
        self.send(self.priority);
        self.timers.arm(Timer::Advert, now + self.config.advert_int.duration());
    }

    fn send_priority_zero(&mut self) {
        self.stats.pri_zero_sent += 1;
        self.send_zero_packet();
    }

    fn send_zero_packet(&mut self) {
        self.send(Priority::STOP);
    }

    /// One advert, in as many copies as there are receivers; all have the same identification.
    fn send(&mut self, priority: Priority) {
        let Some(source) = self.source else { return };
        let config = Arc::clone(&self.config);
        self.ip_id = self.ip_id.checked_add(1).unwrap_or(1);
        self.stats.advert_sent += 1;
        match &config.delivery {
            Delivery::Multicast { group } => self.transmit(priority, source, *group, 255),
            Delivery::Unicast { peers, ttl, .. } => {
                let default = if config.family == Family::V4 { 255 } else { 64 };
                for peer in peers.iter().filter(|peer| **peer != source) {
                    self.transmit(priority, source, *peer, ttl.unwrap_or(default));
                }
            }
        }
    }

    fn transmit(&mut self, priority: Priority, source: IpAddr, destination: IpAddr, ttl: u8) {
        let config = &self.config;
        let auth = match &config.auth {
            Auth::None => AdvertAuth::None,
            Auth::Pass(password) => {
                let mut bytes = [0; 8];
                for (to, from) in bytes.iter_mut().zip(password.expose()) {
                    *to = *from;
                }
                AdvertAuth::Pass(bytes)
            }
        };
        let advert = Advert {
            version: config.version,
            vrid: config.vrid,
            priority,
            auth,
            interval: config.advert_int,
            addresses: config.vips.iter().map(|vip| vip.net.address).collect(),
        };
        let message = advert.emit(source, destination);
        let bytes = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = ipv4::Repr { id: self.ip_id, ttl, protocol: PROTOCOL_VRRP, source, destination };
                [header.emit(message.len()).as_slice(), &message].concat()
            }
            _ => message,
        };
        self.push(Effect::Send(Transmit { family: config.family, source, destination, ttl, bytes }));
    }

    fn install_addresses(&mut self) {
        self.addresses_set = true;
        self.change_all_addresses(true, |install| AddressChange { install, remove: Vec::new() });
    }

    fn release_addresses(&mut self) {
        self.addresses_set = false;
        self.change_all_addresses(false, |remove| AddressChange { install: Vec::new(), remove });
    }

    fn change_all_addresses(&mut self, setting: bool, change: fn(Vec<VirtualAddress>) -> AddressChange) {
        let config = Arc::clone(&self.config);
        for (addresses, excluded) in [(&config.vips, false), (&config.excluded_vips, true)] {
            if !addresses.is_empty() {
                self.notice(NoticeKind::Addresses { setting, excluded });
            }
        }
        let all: Vec<_> = config.vips.iter().chain(&config.excluded_vips).cloned().collect();
        if !all.is_empty() {
            self.push(Effect::Addresses(change(all)));
        }
    }

    fn announce(&mut self, rounds: u32) {
        let config = Arc::clone(&self.config);
        let all = config.vips.iter().chain(&config.excluded_vips);
        let targets: Vec<_> = all.map(|vip| (vip.dev.clone(), vip.net.address)).collect();
        if self.state != State::Master || rounds == 0 || targets.is_empty() {
            return;
        }
        for (link, address) in &targets {
            self.notice(NoticeKind::Announcing(link.clone(), *address));
        }
        self.push(Effect::Announce(Announce { targets, rounds }));
    }

    fn notify(&mut self, event: Event) {
        let priority = self.priority;
        self.push(Effect::Notify(Notification { event, priority }));
    }

    fn tell_once(&mut self, what: Told, kind: NoticeKind) {
        if self.told.insert(what) {
            self.notice(kind);
        }
    }

    fn notice(&mut self, kind: NoticeKind) {
        let instance = self.config.name.clone();
        self.push(Effect::Notice(Notice { instance, kind }));
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }
}
