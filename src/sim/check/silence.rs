//! Only masters speak.

use super::{Checker, Scene, Step};
use crate::types::State;

/// Adverts come from a master: one that is, has just become, or at this moment ceases to be one.
/// Priority 0 comes from one that ceases to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence;

impl Checker for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn on_step(&mut self, _scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let (was, is) = (step.before == State::Master, step.after == State::Master);
        for priority in step.sent() {
            let allowed = if priority == 0 { was && !is } else { was || is };
            if !allowed {
                return Err(format!(
                    "{:?} sent priority {priority} going from {} to {}",
                    step.machine, step.before, step.after
                ));
            }
        }
        Ok(())
    }
}
