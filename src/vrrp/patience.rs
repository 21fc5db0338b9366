//! How often something of ours is put back that somebody else keeps removing.

use crate::types::Instant;
use std::time::Duration;

/// So many removals within [`WINDOW`] are answered.
pub(super) const LIMIT: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// Once it has run out it is back when nothing has been removed for so long.
const CALM: Duration = Duration::from_secs(60);

/// Patience with whoever removes things of ours. What goes at one time is one removal.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    since: Instant,
    count: u32,
    /// It has run out, and this was the last removal since.
    out: Option<Instant>,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0, out: None }
    }

    /// Somebody has removed something; whether it is to be put back.
    pub(super) fn bears(&mut self, now: Instant) -> bool {
        match &mut self.out {
            Some(last) if now.since(*last) < CALM => {
                *last = now;
                return false;
            }
            Some(_) => *self = Self::new(now),
            None => {}
        }
        if now.since(self.since) >= WINDOW {
            (self.since, self.count) = (now, 0);
        }
        self.count += 1;
        if self.count > LIMIT {
            self.out = Some(now);
        }
        self.out.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_removed_now_and_then_is_put_back_for_ever() {
        let mut patience = Patience::new(s(0));
        assert!((1..1000).all(|second| patience.bears(s(second))));
    }

    #[test]
    fn a_tug_of_war_ends_and_the_next_removal_is_not_answered_before_there_was_peace() {
        let mut patience = Patience::new(s(0));
        assert!((0..LIMIT).all(|_| patience.bears(s(0))));
        assert!(!patience.bears(s(0)));
        assert!(!patience.bears(s(59)));
        assert!(!patience.bears(s(118)), "the peace counts from the last removal");
        assert!(patience.bears(s(178)));
    }
}
