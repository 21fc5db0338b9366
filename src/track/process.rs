//! One `vrrp_track_process`: how many there are, and whether that is a quorum.
//!
//! The tracker is told numbers; which processes they are the numbers of is [`ProcessTable`]'s business.
//!
//! [`ProcessTable`]: super::ProcessTable

use super::{FIRST_ANSWER, Notice, TrackerEffect, Verdict};
use crate::config::block::TrackProcess;
use crate::types::Instant;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a number of processes came to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Because {
    /// One of them made another by forking: what it may become by `exec` is waited for (`fork_delay`).
    Fork,
    /// One has ended: what may start in its place is waited for (`terminate_delay`).
    Exit,
    /// One became what it is by `exec` or a new name, or all were counted anew: that is how it is.
    Found,
}

/// What an operator is told of processes; `Display` gives keepalived's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProcessNotice {
    /// There are enough now, and not too many.
    Gained(String),
    /// There are too few now, or too many.
    Lost(String),
    /// Nobody has counted them in time: there is no quorum until somebody does.
    Silent(String),
}

impl fmt::Display for ProcessNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gained(name) => write!(f, "Quorum gained for tracked process {name}"),
            Self::Lost(name) => write!(f, "Quorum lost for tracked process {name}"),
            Self::Silent(name) => {
                write!(f, "Looking for tracked process {name} takes too long: no quorum until it is counted")
            }
        }
    }
}

/// The machine of one `vrrp_track_process`.
///
/// ```text
///            count crosses a limit                 delay over
///  settled ───────────────────────▶ in doubt ────────────────────▶ settled otherwise
///     ▲                                │
///     └────────────────────────────────┘ count crosses back
/// ```
///
/// Without a delay for what has happened there is no doubt.
#[derive(Debug)]
pub struct ProcessTracker {
    config: Arc<TrackProcess>,
    count: Option<usize>,
    verdict: Verdict,
    /// When a doubt ends, or when it no longer waits for the first count.
    deadline: Option<Instant>,
    effects: VecDeque<TrackerEffect>,
}

impl ProcessTracker {
    /// A tracker that waits for the first count, for a moment.
    #[must_use]
    pub fn new(now: Instant, config: Arc<TrackProcess>) -> Self {
        Self {
            config,
            count: None,
            verdict: Verdict::Pending,
            deadline: Some(now + FIRST_ANSWER),
            effects: VecDeque::new(),
        }
    }

    /// A tracker for a changed definition: until they are counted, the old verdict stands, so that a reload
    /// moves no priority by itself.
    #[must_use]
    pub fn succeeding(now: Instant, config: Arc<TrackProcess>, old: &Self) -> Self {
        Self { verdict: old.verdict, ..Self::new(now, config) }
    }

    /// The definition.
    #[must_use]
    pub fn config(&self) -> &Arc<TrackProcess> {
        &self.config
    }

    /// Whether there is a quorum.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// How many there are; `None` until they have been counted.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.count
    }

    /// Takes a new number.
    pub fn handle(&mut self, now: Instant, count: usize, because: Because) {
        let before = self.count.replace(count).map(|count| self.judge(count));
        let after = self.judge(count);
        if before == Some(after) {
            return;
        }
        self.deadline = None;
        let delay = match because {
            _ if before.is_none() => Duration::ZERO,
            Because::Fork => self.config.fork_delay,
            Because::Exit => self.config.terminate_delay,
            Because::Found => Duration::ZERO,
        };
        if after != self.verdict && !delay.is_zero() {
            self.deadline = Some(now + delay);
        } else {
            self.settle(after);
        }
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        match self.count {
            Some(count) => self.settle(self.judge(count)),
            None => {
                self.notice(ProcessNotice::Silent(self.config.name.clone()));
                self.settle(self.judge(0));
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next thing to do: there is only something to tell.
    pub fn poll_effect(&mut self) -> Option<TrackerEffect> {
        self.effects.pop_front()
    }

    fn judge(&self, count: usize) -> Verdict {
        if self.config.is_quorum(count) { Verdict::Good } else { Verdict::Bad }
    }

    /// The first verdict is how it was found, and no news.
    fn settle(&mut self, verdict: Verdict) {
        let old = std::mem::replace(&mut self.verdict, verdict);
        let name = || self.config.name.clone();
        let notice = match (old, verdict) {
            (Verdict::Bad, Verdict::Good) => ProcessNotice::Gained(name()),
            (Verdict::Good, Verdict::Bad) => ProcessNotice::Lost(name()),
            _ => return,
        };
        self.notice(notice);
    }

    fn notice(&mut self, notice: ProcessNotice) {
        self.effects.push_back(TrackerEffect::Notice(Notice::Process(notice)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::sample::process;
    use Verdict::{Bad, Good, Pending};

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// 2 to 3 of them; a second after a fork, one and a half after an exit.
    fn tracker() -> ProcessTracker {
        let second = Duration::from_secs(1);
        let config = TrackProcess {
            quorum: 2,
            quorum_max: Some(3),
            fork_delay: second,
            terminate_delay: second * 3 / 2,
            ..process("p")
        };
        ProcessTracker::new(at(0), Arc::new(config))
    }

    fn told(tracker: &mut ProcessTracker) -> Vec<String> {
        let text = |effect| match effect {
            TrackerEffect::Notice(notice) => notice.to_string(),
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| tracker.poll_effect()).map(text).collect()
    }

    #[test]
    fn the_first_count_decides_at_once_and_is_no_news() {
        let mut tracker = tracker();
        assert_eq!(tracker.verdict(), Pending);
        tracker.handle(at(1), 2, Because::Found);
        assert_eq!((tracker.verdict(), tracker.poll_timeout()), (Good, None));
        assert!(told(&mut tracker).is_empty());
    }

    /// oracle: keepalived 2.2.7, with processes started by `exec`, ended, and started again.
    #[test]
    fn what_runs_by_exec_counts_at_once_and_what_ends_after_its_delay() {
        let mut tracker = tracker();
        tracker.handle(at(0), 1, Because::Found);
        tracker.handle(at(1_000), 2, Because::Found);
        assert_eq!(told(&mut tracker), ["Quorum gained for tracked process p"]);
        tracker.handle(at(2_000), 4, Because::Found);
        assert_eq!((tracker.verdict(), told(&mut tracker).len()), (Bad, 1));
        tracker.handle(at(3_000), 3, Because::Exit);
        assert_eq!((tracker.verdict(), tracker.poll_timeout()), (Bad, Some(at(4_500))));
        tracker.handle_timeout(at(4_499));
        assert_eq!(tracker.verdict(), Bad);
        tracker.handle_timeout(at(4_500));
        assert_eq!(told(&mut tracker), ["Quorum gained for tracked process p"]);
        tracker.handle(at(5_000), 2, Because::Exit);
        tracker.handle(at(5_100), 1, Because::Exit);
        assert_eq!((tracker.verdict(), tracker.poll_timeout()), (Good, Some(at(6_600))));
        tracker.handle(at(6_000), 2, Because::Found);
        assert_eq!((tracker.verdict(), tracker.poll_timeout()), (Good, None), "started again in time");
        assert!(told(&mut tracker).is_empty());
    }

    #[test]
    fn a_fork_that_becomes_something_else_in_time_is_no_change() {
        let mut tracker = tracker();
        tracker.handle(at(0), 3, Because::Found);
        tracker.handle(at(100), 4, Because::Fork);
        assert_eq!((tracker.verdict(), tracker.poll_timeout()), (Good, Some(at(1_100))));
        tracker.handle(at(200), 3, Because::Found);
        assert_eq!((tracker.verdict(), tracker.poll_timeout()), (Good, None));
        tracker.handle(at(300), 4, Because::Fork);
        tracker.handle(at(400), 5, Because::Fork);
        assert_eq!(tracker.poll_timeout(), Some(at(1_300)), "a doubt is not prolonged");
        tracker.handle_timeout(at(1_300));
        assert_eq!(told(&mut tracker), ["Quorum lost for tracked process p"]);
    }

    #[test]
    fn processes_that_nobody_counts_are_none_after_a_moment() {
        let mut tracker = tracker();
        let Some(deadline) = tracker.poll_timeout() else { panic!("it waits") };
        tracker.handle_timeout(deadline);
        assert_eq!((tracker.verdict(), told(&mut tracker).len()), (Bad, 1));
        tracker.handle(deadline, 2, Because::Found);
        assert_eq!(told(&mut tracker), ["Quorum gained for tracked process p"]);
    }

    #[test]
    fn a_changed_definition_starts_from_the_old_verdict() {
        let mut old = tracker();
        old.handle(at(0), 2, Because::Found);
        let mut new = ProcessTracker::succeeding(at(10), Arc::clone(old.config()), &old);
        assert_eq!((new.verdict(), new.count()), (Good, None));
        new.handle(at(20), 1, Because::Found);
        assert_eq!(told(&mut new), ["Quorum lost for tracked process p"]);
    }
}
