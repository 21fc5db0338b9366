//! A reload of the same configuration is no event.

use super::{Cause, Checker, Scene, Step};

/// Nothing comes of it: no advert, no address, no line in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuietReload;

impl Checker for QuietReload {
    fn name(&self) -> &'static str {
        "quiet-reload"
    }

    fn on_step(&mut self, _scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        if matches!(step.cause, Cause::Reloaded) && (!step.effects.is_empty() || step.before != step.after) {
            return Err(format!("{:?} went from {}: {:?}", step.machine, step.before, step.effects));
        }
        Ok(())
    }
}
