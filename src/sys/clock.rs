//! The two clocks: one for protocol time, one for people.

use crate::types::Instant;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Reads `CLOCK_MONOTONIC`: every deadline of the daemon is on this clock.
#[must_use]
pub fn now() -> Instant {
    read(ClockId::CLOCK_MONOTONIC).map_or(Instant::ZERO, |since| Instant::ZERO + since)
}

/// Reads the wall clock, as the time since 1970-01-01 UTC: for labels only, it may jump.
#[must_use]
pub fn wall() -> Duration {
    read(ClockId::CLOCK_REALTIME).unwrap_or_default()
}

/// How long the machine has run, sleep included.
#[must_use]
pub fn since_boot() -> Duration {
    read(ClockId::CLOCK_BOOTTIME).unwrap_or_default()
}

/// A stamp by the wall clock of a moment just past, as the kernel gives one to a packet, on the clock of
/// [`now`]. A stamp that is in the future or more than a second old (the wall clock was set, or this
/// process did not run) counts as now.
#[must_use]
pub fn since_stamp(stamp: Duration) -> Instant {
    let (now, wall) = (now(), wall());
    match wall.checked_sub(stamp) {
        Some(age) if age < Duration::from_secs(1) => now - age,
        _ => now,
    }
}

/// `None` only for a clock that the kernel does not have, which neither of the two is.
fn read(clock: ClockId) -> Option<Duration> {
    clock_gettime(clock).ok().map(Duration::from)
}
