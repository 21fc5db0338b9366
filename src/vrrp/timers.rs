//! The timers of one instance: a table, so that there is never one to cancel behind its back.

use crate::types::Instant;

/// What an instance waits for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Timer {
    /// The master's next advert (Adver_Timer, RFC 9568 §6.2).
    Advert,
    /// The backup's patience (Active_Down_Timer, RFC 9568 §6.2).
    MasterDown,
    /// The second burst of announcements after becoming master.
    Burst,
    /// The second burst of announcements after a lower advert.
    LowerBurst,
    /// The next refresh of announcements.
    Refresh,
    /// Another owner of the addresses must be silent by then.
    OtherOwner,
    /// `garp_extra_if`: the next announcements on links without adverts.
    ExtraGarp,
    /// A master whose priority has changed may tell it, not waiting for its next advert.
    News,
    /// Of one that leaves: nobody has taken over, and nobody will.
    Leave,
    /// Another master may be silent by now: the addresses are announced once more.
    Repair,
    /// Enough is known of another master to tell of it.
    ConflictTold,
    /// Another master has not been heard of for long.
    ConflictFades,
    /// The master to which we gave way may not know that there was another one.
    Nudge,
}

impl Timer {
    const ALL: [Self; 13] = [
        Self::Advert,
        Self::MasterDown,
        Self::Burst,
        Self::LowerBurst,
        Self::Refresh,
        Self::OtherOwner,
        Self::ExtraGarp,
        Self::News,
        Self::Leave,
        Self::Repair,
        Self::ConflictTold,
        Self::ConflictFades,
        Self::Nudge,
    ];
}

/// When each timer fires, if it is armed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(super) fn arm(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(super) fn disarm_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn get(&self, timer: Timer) -> Option<Instant> {
        self.deadlines[timer as usize]
    }

    /// The earliest; of equals, the one that comes first in [`Timer`].
    pub(super) fn next(&self) -> Option<(Instant, Timer)> {
        Timer::ALL.into_iter().filter_map(|timer| Some((self.get(timer)?, timer))).min()
    }

    /// Disarms and gives the earliest timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        let (deadline, timer) = self.next().filter(|&(deadline, _)| deadline <= now)?;
        self.disarm(timer);
        Some((deadline, timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_each_timer_is_its_place_in_the_list() {
        for (index, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, index);
        }
    }

    #[test]
    fn due_timers_come_in_the_order_of_their_deadlines() {
        let at = Instant::from_nanos;
        let mut timers = Timers::default();
        timers.arm(Timer::Burst, at(5));
        timers.arm(Timer::Advert, at(7));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(7)), Some((at(5), Timer::Burst)));
        assert_eq!(timers.pop_due(at(7)), Some((at(7), Timer::Advert)));
        assert_eq!(timers.next(), None);
    }
}
