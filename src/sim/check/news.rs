//! A master tells its priority as soon as it changes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::sim::lan::Host;
use crate::types::{Instant, State};

/// Changes may follow one another so fast that not each of them is told; and clocks count in nanoseconds.
const PATIENCE: Duration = Duration::from_micros(50_001);

/// The last advert of a master says what its priority is, but for a moment.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The last priority that each master has told.
    told: BTreeMap<Machine, u8>,
    /// Since when, by its clock, a master has another priority than it has told.
    untold_since: BTreeMap<Machine, Instant>,
}

impl News {
    fn check(&self, scene: &Scene<'_>, machine: Machine) -> Result<(), String> {
        let Some(since) = self.untold_since.get(&machine) else { return Ok(()) };
        let late = scene.nodes[machine.node].local(scene.now).since(*since);
        if late > PATIENCE {
            return Err(format!("{machine:?} has had another priority for {late:?} and does not say so"));
        }
        Ok(())
    }
}

impl Checker for News {
    fn name(&self) -> &'static str {
        "news"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let machine = step.machine;
        let node = &scene.nodes[machine.node];
        let checked = self.check(scene, machine);
        self.told.extend(step.sent().map(|priority| (machine, priority)));
        let priority = node.instance(machine.instance).map(|instance| instance.status().priority.get());
        if step.after != State::Master || self.told.get(&machine).copied() == priority {
            self.untold_since.remove(&machine);
        } else {
            self.untold_since.entry(machine).or_insert(node.local(scene.now));
        }
        checked
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.untold_since.keys().try_for_each(|machine| self.check(scene, *machine))
    }

    fn on_pause(&mut self, host: Host) {
        self.untold_since.retain(|machine, _| machine.node != host);
    }
}
