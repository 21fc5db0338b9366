//! Whether the machine itself stood still, as shared ones do: no daemon's fault, and no test's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the clock.
const NAP: Duration = Duration::from_millis(2);

/// Watches until it is dropped.
pub(crate) struct Stall(Arc<AtomicU64>);

impl Stall {
    pub(crate) fn watch() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let seen = Arc::downgrade(&longest);
        thread::spawn(move || look(&seen));
        Self(longest)
    }

    /// For how long a thread that the kernel prefers to all others has not had its turn.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

fn look(seen: &Weak<AtomicU64>) {
    // Without the right to that, others may be what keeps it waiting; so they do a daemon.
    let _ = vrrpd::sys::sched::set_round_robin(2, Duration::from_secs(10));
    while let Some(longest) = seen.upgrade() {
        let before = Instant::now();
        thread::sleep(NAP);
        let late = before.elapsed().saturating_sub(NAP);
        longest.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
