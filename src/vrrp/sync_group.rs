//! The rules of a sync group: none of its instances is master unless all of them are.
//!
//! ```text
//!  member                     group                        members
//!    │ Stands(Ready) ──────────▶ all Ready: MASTER            │
//!    │◀─────────── Be(MASTER) ── the one that spoke first     │
//!    │ Stands(Master) ─────────▶   Be(MASTER), in their order ▶
//! ```
//!
//! Each member reports where it stands whenever that changes; the group works out from all of them what
//! they are to be and says so. Both directions carry *levels*, not steps: a [`GroupReport::Stands`] is all
//! that the group has to know of a member, a [`Word`] is all that a member has to know of the group. One
//! that comes late, comes back after an internal error, or comes from a reload has nothing to catch up
//! with but the last of them.
//!
//! # Order
//!
//! keepalived moves a whole group inside one function call. Here members are machines of their own, in the
//! daemon each in a task of its own, so the same has to follow from a contract with whoever drives them:
//!
//! 1. a report is handed to the group before anything else happens to the member that made it;
//! 2. a member hears the group's last word before it is given any other input;
//! 3. of the effects of the group each is carried out before the next: the member that is told first has
//!    sent its advert before the second is told.
//!
//! From 1, what the group knows of a member is never older than that member. From 2, no member ever acts on
//! a word that no longer holds, and none acts as if a word had not been said: between a decision and the
//! moment at which a member hears of it nothing happens to that member. So each run is the same as one in
//! which the decision had moved all members at once, only that the packets of the later ones leave some
//! microseconds later. When the timers of two members end in the same tick, the first is
//! [`Stance::Ready`] and goes on waiting, and the second finds that all are; when a member's timer and
//! another's fault coincide, one of the two comes first for everybody. The simulator and the daemon keep the
//! same contract (`sim::daemon`, `daemon::vrrp::task`), so what the simulator finds in the former holds for
//! the latter.
//!
//! # Newcomers
//!
//! keepalived takes a group that is master down when a reload adds an instance to it. Here a newcomer
//! counts from its first verdict on: it follows once its own time to wait has run out, and until then the
//! others stay; if it hears a master that it heeds, the group cannot be master and gives way. The same
//! holds for a member that comes back after an internal error. One that stays away for as long as others
//! would wait for its adverts is a fault of the group: half a gateway is none.

use super::effect::Event;
use super::notice::{GroupNotice, GroupNoticeKind};
use crate::config::block::SyncGroup;
use crate::types::{Instant, State};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Where a member is, as far as the others are concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stance {
    /// A check script without weight has not ended once.
    Pending,
    /// It has a fault of its own.
    Faulty,
    /// Its time to wait for a master has not run out, and it has heard none.
    Waiting,
    /// It heeds a master.
    Led,
    /// Its time to wait has run out: it would be master, were it alone.
    Ready,
    /// It is master.
    Master,
}

/// What a group wants its members to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Word {
    /// How many words came before: what was said once is never said again.
    serial: u32,
    /// What to be, for members without a fault of their own.
    pub state: State,
}

/// What a group says to a member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GroupSays {
    /// Be this.
    Be {
        /// What to be.
        word: Word,
        /// A master that becomes backup says so with priority 0: nobody is known to take its place.
        farewell: bool,
    },
    /// Somebody lower has announced itself to another member's neighbours, and maybe to ours.
    Announce,
}

/// What a member says to its group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GroupReport {
    /// Where it is now.
    Stands {
        /// As far as the others are concerned.
        stance: Stance,
        /// Its state.
        state: State,
        /// The last word that it heard.
        heard: Option<Word>,
    },
    /// As master it heard a lower advert, and has announced its addresses again.
    LowerHeard,
}

/// A group as others may see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupStatus {
    /// Its configuration.
    pub config: Arc<SyncGroup>,
    /// Its state: INIT until it is known.
    pub state: State,
    /// How many members have a fault of their own.
    pub faults: usize,
    /// How many members wait for scripts.
    pub pending: usize,
}

/// What a group wants done, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum GroupEffect {
    /// Let this member hear what [`Group::says`].
    Say(String),
    /// Let this member announce its addresses again.
    Announce(String),
    /// Tell the operator.
    Notice(GroupNotice),
    /// Tell scripts.
    Notify(Event),
}

/// Somebody who is to be a member.
#[derive(Clone, Debug)]
pub(super) struct Entrant {
    /// Its name.
    pub(super) name: String,
    /// The name that it had so far, if it runs already.
    pub(super) formerly: Option<String>,
    /// For how long nobody misses its adverts.
    pub(super) patience: Duration,
    /// Where it stands; `None` for one that will say so itself.
    pub(super) stance: Option<Stance>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    patience: Duration,
    /// `None`: has not said.
    stance: Option<Stance>,
    state: State,
    /// The last word that it had heard when it said so.
    heard: Option<Word>,
    /// It does not count in a group that is master.
    newcomer: bool,
    absence: Absence,
    /// What its own scripts were told last.
    told: Option<State>,
}

/// Whether a member has failed by an internal error, and not come back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Absence {
    No,
    /// Nobody misses it until then.
    Until(Instant),
    TooLong,
}

impl Member {
    fn new(entrant: Entrant, newcomer: bool) -> Self {
        Self {
            name: entrant.name,
            patience: entrant.patience,
            stance: entrant.stance,
            state: State::Init,
            heard: None,
            newcomer,
            absence: Absence::No,
            told: None,
        }
    }

    fn is(&self, stance: Stance) -> bool {
        self.stance == Some(stance)
    }
}

/// A sync group at work.
#[derive(Debug)]
pub(super) struct Group {
    config: Arc<SyncGroup>,
    members: Vec<Member>,
    /// `None`: not enough is known of the members.
    word: Option<Word>,
    serial: u32,
    /// Masters that become backup by the last word say farewell.
    farewell: bool,
    /// The state that scripts are told of once those of all members have been told.
    untold: Option<State>,
    effects: VecDeque<GroupEffect>,
}

impl Group {
    fn empty(config: Arc<SyncGroup>) -> Self {
        Self {
            config,
            members: Vec::new(),
            word: None,
            serial: 0,
            farewell: false,
            untold: None,
            effects: VecDeque::new(),
        }
    }

    /// A group of instances that are about to start; it is known of all of them where they stand.
    pub(super) fn new(config: Arc<SyncGroup>, entrants: Vec<Entrant>) -> Self {
        let mut group = Self::empty(config);
        group.members = entrants.into_iter().map(|entrant| Member::new(entrant, false)).collect();
        if let Some(state) = group.wanted(false) {
            group.serial = 1;
            group.word = Some(Word { serial: 1, state });
            group.tell_beginning(state);
        }
        group
    }

    /// At the start scripts of groups come before those of instances.
    fn tell_beginning(&mut self, state: State) {
        let faulty = self.members.iter().find(|member| member.is(Stance::Faulty));
        if let Some(member) = faulty {
            let kind = GroupNoticeKind::BeginsWithFault(member.name.clone());
            self.notice(kind);
        }
        match state {
            State::Backup => self.effects.push_back(GroupEffect::Notify(Event::Backup)),
            State::Fault => self.effects.push_back(GroupEffect::Notify(Event::Fault)),
            State::Master => self.untold = Some(State::Master),
            State::Init => {}
        }
    }

    /// The group that a reload makes of it, or of nothing. Members that go on are known already, others
    /// are newcomers.
    pub(super) fn succeeding(old: Option<Self>, config: Arc<SyncGroup>, entrants: Vec<Entrant>) -> Self {
        let mut group = old.unwrap_or_else(|| Self::empty(Arc::clone(&config)));
        let mut known = std::mem::take(&mut group.members);
        for entrant in entrants {
            let place = known.iter().position(|member| Some(&member.name) == entrant.formerly.as_ref());
            group.members.push(match place.map(|place| known.swap_remove(place)) {
                Some(member) => Member { name: entrant.name, patience: entrant.patience, ..member },
                None => Member::new(entrant, true),
            });
        }
        group.config = config;
        group.decide(None, false);
        group.tell_when_all_know();
        group
    }

    /// Its configuration.
    pub(super) fn config(&self) -> &Arc<SyncGroup> {
        &self.config
    }

    /// Whether an instance is in it.
    pub(super) fn has(&self, member: &str) -> bool {
        self.place(member).is_some()
    }

    fn place(&self, member: &str) -> Option<usize> {
        self.members.iter().position(|known| known.name == member)
    }

    /// The last word for a member.
    pub(super) fn says(&self, member: &str) -> Option<GroupSays> {
        let member = &self.members[self.place(member)?];
        let word = self.word_for(member)?;
        // One that was master by itself until a moment ago has led nobody else to expect another.
        Some(GroupSays::Be { word, farewell: self.farewell || member.heard.is_none() })
    }

    fn word_for(&self, member: &Member) -> Option<Word> {
        let word = self.word?;
        let waits = member.newcomer && word.state == State::Master;
        Some(if waits { Word { state: State::Backup, ..word } } else { word })
    }

    fn state(&self) -> State {
        self.word.map_or(State::Init, |word| word.state)
    }

    /// The group as others may see it.
    pub(super) fn status(&self) -> GroupStatus {
        let count = |stance| self.members.iter().filter(|member| member.is(stance)).count();
        GroupStatus {
            config: Arc::clone(&self.config),
            state: self.state(),
            faults: count(Stance::Faulty),
            pending: count(Stance::Pending),
        }
    }

    /// Takes what a member has to say.
    pub(super) fn report(&mut self, member: &str, report: GroupReport) {
        let Some(place) = self.place(member) else { return };
        match report {
            GroupReport::Stands { stance, state, heard } => self.stands(place, stance, state, heard),
            GroupReport::LowerHeard => {
                let others = self.members.iter().enumerate().filter(|(other, _)| *other != place);
                let names: Vec<_> = others.map(|(_, other)| other.name.clone()).collect();
                self.effects.extend(names.into_iter().map(GroupEffect::Announce));
            }
        }
    }

    fn stands(&mut self, place: usize, stance: Stance, state: State, heard: Option<Word>) {
        let is_master = self.state() == State::Master;
        let member = &mut self.members[place];
        if member.stance.is_none() {
            member.told = Some(state);
        }
        member.absence = Absence::No;
        member.stance = Some(stance);
        member.state = state;
        member.heard = heard;
        let has_verdict = !matches!(stance, Stance::Pending | Stance::Waiting);
        let arrives = member.newcomer && has_verdict;
        member.newcomer &= !has_verdict;
        let refuses = is_master && arrives && stance == Stance::Led;
        if !self.decide(Some(place), refuses) && self.word_for(&self.members[place]) != heard {
            self.say(place);
        }
    }

    /// A member has failed by an internal error; it starts again by and by.
    pub(super) fn lost(&mut self, now: Instant, member: &str) {
        let Some(place) = self.place(member) else { return };
        let member = &mut self.members[place];
        member.absence = Absence::Until(now + member.patience);
        member.stance = None;
        member.heard = None;
        member.newcomer = true;
        self.decide(None, false);
        self.tell_when_all_know();
    }

    /// The scripts of a member have been told this.
    pub(super) fn told(&mut self, member: &str, event: Event) {
        let Some(place) = self.place(member) else { return };
        self.members[place].told = match event {
            Event::Master => Some(State::Master),
            Event::Backup => Some(State::Backup),
            Event::Fault => Some(State::Fault),
            Event::Stop | Event::Deleted | Event::MasterRxLowerPri | Event::SplitBrain => return,
        };
        self.tell_when_all_know();
    }

    /// The daemon stops, and the scripts of all members have been told so.
    pub(super) fn stop(&mut self) {
        self.effects.push_back(GroupEffect::Notify(Event::Stop));
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let deadline = |member: &Member| match member.absence {
            Absence::Until(deadline) => Some(deadline),
            Absence::No | Absence::TooLong => None,
        };
        self.members.iter().filter_map(deadline).min()
    }

    /// Gives up on members that have been away for too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for member in &mut self.members {
            if matches!(member.absence, Absence::Until(deadline) if deadline <= now) {
                member.absence = Absence::TooLong;
            }
        }
        self.decide(None, false);
    }

    /// The next thing to do.
    pub(super) fn poll_effect(&mut self) -> Option<GroupEffect> {
        self.effects.pop_front()
    }

    /// What all members are to be, as they stand; `None`: not enough is known.
    fn wanted(&self, refused: bool) -> Option<State> {
        let any = |stance| self.members.iter().any(|member| member.is(stance));
        if any(Stance::Faulty) || self.members.iter().any(|member| member.absence == Absence::TooLong) {
            return Some(State::Fault);
        }
        if self.state() == State::Master {
            // Heard that it is to be master, and is not: it has given way.
            let gave_way =
                |member: &Member| !member.newcomer && !member.is(Stance::Master) && member.heard == self.word;
            let lost = refused || self.members.iter().any(gave_way);
            return Some(if lost { State::Backup } else { State::Master });
        }
        let all_known = self.members.iter().all(|member| member.stance.is_some());
        if self.word.is_none() && any(Stance::Master) {
            return Some(if any(Stance::Led) { State::Backup } else { State::Master });
        }
        if self.word.is_none() && !all_known {
            return None;
        }
        let holds = |member: &Member| member.is(Stance::Pending) && !member.newcomer;
        let leads = |member: &Member| member.is(Stance::Ready) || member.is(Stance::Master);
        Some(if self.members.iter().all(leads) {
            State::Master
        } else if self.state() != State::Backup && self.members.iter().any(holds) {
            State::Init
        } else {
            State::Backup
        })
    }

    /// Says another word if one is due; whether it was. `first`: the member whose report it was, who hears it
    /// first.
    fn decide(&mut self, first: Option<usize>, refused: bool) -> bool {
        let before = self.word.map(|word| word.state);
        let Some(state) = self.wanted(refused).filter(|state| Some(*state) != before) else { return false };
        // A master that heeds another has seen who takes its place; all others have not.
        let replaced = first.is_some_and(|place| self.members[place].is(Stance::Led)) && !refused;
        self.farewell = !replaced;
        self.serial += 1;
        self.word = Some(Word { serial: self.serial, state });
        if state == State::Master && before.is_some() {
            self.members.iter_mut().for_each(|member| member.newcomer = false);
        }
        first.into_iter().for_each(|place| self.say(place));
        let moves = self.members.iter().any(|member| member.stance.is_some() && member.state != state);
        if state != State::Init && (first.is_some() && before.is_some() || moves) {
            self.notice(GroupNoticeKind::Syncing(state));
        }
        (0..self.members.len()).filter(|place| Some(*place) != first).for_each(|place| self.say(place));
        if state != State::Init {
            // Scripts hear of every state, in their order, if need be before members' have.
            let missed = self.untold.replace(state);
            self.effects.extend(missed.and_then(Event::entering).map(GroupEffect::Notify));
            self.tell_when_all_know();
        }
        true
    }

    fn tell_when_all_know(&mut self) {
        let Some(state) = self.untold else { return };
        let knows =
            |member: &Member| member.newcomer || member.absence != Absence::No || member.told == Some(state);
        if self.members.iter().all(knows) {
            self.untold = None;
            self.effects.extend(Event::entering(state).map(GroupEffect::Notify));
        }
    }

    fn say(&mut self, place: usize) {
        self.effects.push_back(GroupEffect::Say(self.members[place].name.clone()));
    }

    fn notice(&mut self, kind: GroupNoticeKind) {
        let group = self.config.name.clone();
        self.effects.push_back(GroupEffect::Notice(GroupNotice { group, kind }));
    }
}

#[cfg(test)]
mod tests;
