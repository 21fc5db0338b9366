//! A machine that has just booted does not take silence for a dead master.

use std::collections::BTreeMap;

use super::{Cause, Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::types::{Instant, State};

/// Behind a link that came up with the machine an instance that has heard nothing is not master before the time that
/// its configuration sets for that, unless it owns the addresses.
#[derive(Debug, Default)]
pub(super) struct Startup {
    /// Machines that have booted and heard nothing, and when their instance started, by their clocks.
    unproven: BTreeMap<Machine, Instant>,
    /// The last life of its daemon in which each has started: one that has failed starts again in the same life.
    lives: BTreeMap<Machine, u32>,
}

impl Checker for Startup {
    fn name(&self) -> &'static str {
        "startup"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let node = &scene.nodes[step.machine.node];
        let now = node.local(scene.now);
        match step.cause {
            Cause::Started
                if node.started_at_boot && self.lives.insert(step.machine, node.life) != Some(node.life) =>
            {
                self.unproven.insert(step.machine, now);
            }
            Cause::Started | Cause::Killed | Cause::Packet { genuine: true, .. } => {
                self.unproven.remove(&step.machine);
            }
            _ => {}
        }
        let bound = node.plan.config.global.vrrp_startup_silence;
        let owns = node.config(step.machine.instance).priority.is_owner();
        if step.after == State::Master
            && let Some(started) = self.unproven.remove(&step.machine)
            && now < started + bound
            && !owns
        {
            return Err(format!("{:?} started at {started}, has heard nothing and is master", step.machine));
        }
        Ok(())
    }
}
