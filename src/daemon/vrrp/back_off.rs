//! How long to wait before the kernel is asked again for what it has refused.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);

/// 0.1 s, 0.2 s, … 60 s.
#[derive(Debug, Default)]
pub(super) struct BackOff(Duration);

impl BackOff {
    /// How long this time; the next time twice that.
    pub(super) fn next(&mut self) -> Duration {
        let delay = self.0.max(FIRST);
        self.0 = (delay * 2).min(LONGEST);
        delay
    }

    /// It has been granted: the next refusal is the first.
    pub(super) fn reset(&mut self) {
        self.0 = FIRST;
    }
}
