//! What has settled stays settled.

use super::{Checker, Scene, Step};

/// After the first rest no machine changes its state until something fails.
#[derive(Debug, Default)]
pub(super) struct Stable {
    resting: bool,
}

impl Checker for Stable {
    fn name(&self) -> &'static str {
        "stable"
    }

    fn on_step(&mut self, _scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        if self.resting && step.before != step.after {
            return Err(format!("{:?} goes from {} to {}", step.machine, step.before, step.after));
        }
        Ok(())
    }

    fn at_rest(&mut self, _scene: &Scene<'_>) -> Result<(), String> {
        self.resting = true;
        Ok(())
    }

    fn on_failover(&mut self) {
        self.resting = false;
    }
}
