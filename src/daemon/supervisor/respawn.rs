//! How long to wait before starting again what died.

use std::time::{Duration, Instant};

/// Running this long earns a clean slate (keepalived: `RESPAWN_TIMER`).
const GOOD_RUN: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(60);

/// The back-off of one child: 0, 1, 2, 4 … 60 s.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Respawn {
    started: Option<Instant>,
    next_delay: Duration,
    due: Option<Instant>,
}

impl Respawn {
    /// The child was started.
    pub(super) fn on_start(&mut self, now: Instant) {
        self.started = Some(now);
        self.due = None;
    }

    /// The child has died: how long to wait before the next.
    pub(super) fn after_death(&mut self, now: Instant) -> Duration {
        if self.started.is_some_and(|started| now.duration_since(started) >= GOOD_RUN) {
            self.next_delay = Duration::ZERO;
        }
        let delay = self.next_delay;
        self.next_delay = (delay * 2).clamp(Duration::from_secs(1), LONGEST);
        self.due = Some(now + delay);
        delay
    }

    /// When the next is to be started; `None` while one runs.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the next is to be started now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_a_minute_and_a_good_run_forgives() {
        let mut respawn = Respawn::default();
        let mut now = Instant::now();
        let mut die_after = |respawn: &mut Respawn, seconds: u64| {
            respawn.on_start(now);
            assert_eq!(respawn.due(), None);
            now += Duration::from_secs(seconds);
            respawn.after_death(now).as_secs()
        };
        // oracle: keepalived 2.2.7, seen
        for expected in [0, 1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(die_after(&mut respawn, 1), expected);
        }
        assert_eq!(die_after(&mut respawn, 60), 0);
        assert_eq!(die_after(&mut respawn, 59), 1);
    }
}
