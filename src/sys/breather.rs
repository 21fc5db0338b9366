//! A moment of sleep for a thread that never comes to one of itself.
//!
//! The kernel ends a real-time thread that runs for `RLIMIT_RTTIME` without having slept. That is meant for a loop gone
//! wild; but whoever sends packets as fast as they can be judged keeps the thread awake as well, because there is always
//! one more. So reading them stops for a moment when the thread has been awake for too long; what else there is to do
//! goes on.

use crate::sys::clock;
use crate::sys::deadlines::Deadlines;
use crate::sys::process::{self, ThreadUsage};
use crate::types::Instant;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// What is spent awake before there is a pause: half of keepalived's `RLIMIT_RTTIME`.
const AWAKE: Duration = Duration::from_millis(5);

/// How long nobody reads. The buffer of a socket holds what arrives in less than that, or is full after it, and then
/// nothing wakes the thread any more.
const PAUSE: Duration = Duration::from_millis(1);

/// The kernel is not asked more often than this.
const GLANCE: Duration = Duration::from_millis(1);

/// The pauses of one thread; clones share them.
#[derive(Clone, Debug)]
pub struct Breather {
    deadlines: Deadlines,
    state: Rc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the kernel was asked.
    asked: Cell<Instant>,
    /// What it said when there had been a sleep, or was to be one.
    slept: Cell<ThreadUsage>,
    /// Until when nobody reads.
    until: Cell<Instant>,
}

impl Breather {
    /// For the thread that drives these deadlines.
    #[must_use]
    pub fn new(deadlines: Deadlines) -> Self {
        Self { deadlines, state: Rc::default() }
    }

    /// To be waited for before packets are read: at once, unless the thread has been awake for too long. Cancel safe.
    pub async fn breathe(&self) {
        let now = clock::now();
        if now.since(self.state.asked.get()) >= GLANCE {
            self.state.asked.set(now);
            if self.state.is_tired(process::thread_usage()) {
                self.state.until.set(now + PAUSE);
            }
        }
        let until = self.state.until.get();
        if until > now {
            self.deadlines.sleep_until(Some(until)).await;
        }
    }
}

impl State {
    fn is_tired(&self, usage: ThreadUsage) -> bool {
        let slept = self.slept.get();
        let tired = usage.sleeps == slept.sleeps && usage.cpu.saturating_sub(slept.cpu) >= AWAKE;
        if tired || usage.sleeps != slept.sleeps {
            self.slept.set(usage);
        }
        tired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    #[test]
    fn only_who_has_been_awake_for_too_long_is_tired() {
        let state = State::default();
        let tired =
            |sleeps, millis| state.is_tired(ThreadUsage { sleeps, cpu: Duration::from_millis(millis) });
        // Sleeping a little is enough, whatever was done before.
        assert!(!tired(1, 900) && !tired(1, 904) && !tired(2, 905) && !tired(2, 909));
        assert!(tired(2, 910));
        assert!(!tired(2, 914) && tired(2, 915), "it has not slept after all");
        assert!(!tired(3, 916) && !tired(4, 921));
    }

    #[test]
    fn a_thread_that_always_finds_more_to_read_sleeps_all_the_same() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let deadlines = Deadlines::new().unwrap();
            let driver = deadlines.clone();
            tokio::task::spawn_local(async move { driver.run().await });
            let breather = Breather::new(deadlines);
            let work = AWAKE * 10;
            let before = process::thread_usage();
            while process::thread_usage().cpu < before.cpu + work {
                breather.breathe().await;
                tokio::task::yield_now().await;
            }
            let sleeps = process::thread_usage().sleeps - before.sleeps;
            assert!(sleeps >= 5, "{sleeps} sleeps in {work:?}");
        });
    }
}
