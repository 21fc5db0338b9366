//! A node's clock: it starts anywhere and runs a little fast or slow.

use crate::types::Instant;

const MILLION: i128 = 1_000_000;

/// Turns the world's time into a node's and back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: u64,
    /// Parts per million; positive: fast.
    drift_ppm: i32,
}

impl Clock {
    /// A clock that shows `start` when the world begins and gains `drift_ppm` microseconds a second
    /// (above -1 000 000).
    #[must_use]
    pub const fn new(start: Instant, drift_ppm: i32) -> Self {
        Self { start: start.nanos(), drift_ppm }
    }

    fn rate(self) -> i128 {
        MILLION + i128::from(self.drift_ppm)
    }

    /// What the clock shows at this moment of the world.
    #[must_use]
    pub fn local(self, world: Instant) -> Instant {
        let elapsed = i128::from(world.nanos()) * self.rate() / MILLION;
        Instant::from_nanos(self.start.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }

    /// The first moment of the world at which the clock shows `local` or later.
    #[must_use]
    pub fn world(self, local: Instant) -> Instant {
        let elapsed = i128::from(local.nanos().saturating_sub(self.start)) * MILLION;
        let world = (elapsed + self.rate() - 1) / self.rate();
        Instant::from_nanos(u64::try_from(world).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use crate::types::Instant;

    #[test]
    fn a_deadline_is_never_reached_early_nor_a_nanosecond_late() {
        for drift_ppm in [-50_000, -333, 0, 1, 777, 50_000] {
            let clock = Clock::new(Instant::from_nanos(12_345), drift_ppm);
            for nanos in (20_000..10_000_000_000).step_by(999_999_937) {
                let world = clock.world(Instant::from_nanos(nanos));
                assert!(clock.local(world).nanos() >= nanos);
                assert!(clock.local(Instant::from_nanos(world.nanos() - 1)).nanos() < nanos);
            }
        }
    }
}
