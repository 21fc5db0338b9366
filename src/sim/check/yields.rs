//! A master gives way to a better one and to nobody else.

use super::{Checker, Scene, Step};
use crate::types::{Priority, State};

/// A good advert makes a master backup exactly if it has the higher priority, or the same from the
/// higher address (RFC 9568 §6.4.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Yields;

impl Checker for Yields {
    fn name(&self) -> &'static str {
        "yields"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        if step.before != State::Master {
            return Ok(());
        }
        let Some((datagram, packet)) = step.advert() else { return Ok(()) };
        let Some(instance) = scene.nodes[step.machine.node].instance(step.machine.instance) else {
            return Ok(());
        };
        let status = instance.status();
        let theirs = (packet.priority(), Some(datagram.source));
        let better = packet.priority() != Priority::STOP && theirs > (status.priority, status.source);
        match (better, step.after == State::Backup) {
            (true, false) => Err(format!("{:?} stays master against {theirs:?}", step.machine)),
            (false, true) => Err(format!("{:?} gives way to {theirs:?}", step.machine)),
            _ => Ok(()),
        }
    }
}
