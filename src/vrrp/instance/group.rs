//! What an instance has to do with its sync group.

use super::{Instance, Phase};
use crate::config::block::Preempt;
use crate::types::{Instant, State};
use crate::vrrp::effect::Effect;
use crate::vrrp::sync_group::{GroupReport, GroupSays, Stance};
use crate::vrrp::timers::Timer;

impl Instance {
    pub(super) fn is_grouped(&self) -> bool {
        self.config.sync_group.is_some()
    }

    /// What its group wants it to be; `None`: nothing has been said, or it is in no group.
    pub(super) fn told_to_be(&self) -> Option<State> {
        self.word.map(|word| word.state)
    }

    /// The group moves every state to every other; a fault of its own is stronger, and known to the group.
    pub(super) fn on_group(&mut self, now: Instant, says: GroupSays) {
        if !self.is_grouped() {
            return;
        }
        let (word, farewell) = match says {
            GroupSays::Announce => return self.announce_after_lower(now),
            GroupSays::Be { word, farewell } => (word, farewell),
        };
        self.word = Some(word);
        match (word.state, self.state) {
            (_, State::Init) => self.leave_init(now, false),
            (State::Backup | State::Master, State::Fault) if self.may_begin() => {
                self.enter_election(now, false);
            }
            (State::Master, State::Backup) => self.become_master(now, None),
            (State::Backup, State::Master) if farewell => self.give_way(now),
            (State::Backup, State::Master) => {
                self.become_backup(now, self.config.advert_int);
                self.timers.arm(Timer::MasterDown, now + self.master_down());
                self.prepare_nudges(now);
            }
            (State::Fault, State::Backup | State::Master) => self.follow_to_fault(now),
            _ => {}
        }
    }

    /// A reload may bring it into a group, out of one, or into another.
    pub(super) fn on_regrouped(&mut self, now: Instant, old: Option<&str>) {
        if self.config.sync_group.as_deref() == old {
            return;
        }
        self.word = None;
        self.reported = None;
        if self.is_grouped() || !self.ready {
            return;
        }
        match self.config.preempt {
            // It was ready by the rules of another configuration; a master that is there is not to be ousted.
            Preempt::Never => {
                self.ready = false;
                self.timers.arm(Timer::MasterDown, now + self.master_down());
            }
            Preempt::After(_) => self.become_master(now, None),
        }
    }

    /// Whether nothing but the group keeps it out of the election.
    pub(super) fn may_begin(&self) -> bool {
        self.faults().is_empty() && (self.has_begun || self.tracking.pending == 0)
    }

    /// Another member has failed. One packet tells the backups not to wait; it does not count as ours.
    fn follow_to_fault(&mut self, now: Instant) {
        if self.state == State::Master {
            self.send_zero_packet();
        }
        self.enter_fault(now);
    }

    /// Tells the group where it stands, if that is news.
    pub(super) fn report(&mut self) {
        if self.phase != Phase::Present || !self.is_grouped() {
            return;
        }
        let report = GroupReport::Stands { stance: self.stance(), state: self.state, heard: self.word };
        if self.reported.replace(report) != Some(report) {
            self.push(Effect::Group(report));
        }
    }

    fn stance(&self) -> Stance {
        if !self.faults().is_empty() {
            return Stance::Faulty;
        }
        match self.state {
            State::Master => Stance::Master,
            State::Init | State::Fault if !self.may_begin() => Stance::Pending,
            State::Init | State::Fault if self.priority.is_owner() => Stance::Ready,
            State::Init | State::Fault => Stance::Waiting,
            State::Backup if self.ready => Stance::Ready,
            State::Backup if self.master.is_some() => Stance::Led,
            State::Backup => Stance::Waiting,
        }
    }

    /// keepalived's `Wantstate`.
    pub(super) fn wanted(&self) -> State {
        match self.state {
            State::Backup if self.ready => State::Master,
            state => state,
        }
    }
}
