//! Good adverts come in, bad packets do not.

use std::collections::BTreeMap;

use super::{Cause, Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::types::State;

/// A backup or master accepts every packet that arrives as a node sent it, and no other.
#[derive(Debug, Default)]
pub(super) struct Doorkeeper {
    /// How many adverts each machine had accepted.
    accepted: BTreeMap<Machine, u64>,
}

impl Checker for Doorkeeper {
    fn name(&self) -> &'static str {
        "doorkeeper"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let machine = step.machine;
        let Some(instance) = scene.nodes[machine.node].instance(machine.instance) else {
            self.accepted.remove(&machine);
            return Ok(());
        };
        let now = instance.status().stats.advert_rcvd;
        let before = self.accepted.insert(machine, now).unwrap_or(0);
        let Cause::Packet { genuine, .. } = step.cause else { return Ok(()) };
        let listens = matches!(step.before, State::Backup | State::Master);
        if now - before != u64::from(genuine && listens) {
            return Err(format!("{machine:?} accepted {} packets: {}", now - before, step.cause));
        }
        Ok(())
    }
}
