//! A master speaks in time, whatever it hears.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cause, Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::sim::lan::Host;
use crate::types::{AdvertInt, Instant, State};

/// Clocks count in nanoseconds and do not always meet.
const ROUNDING: Duration = Duration::from_micros(1);

/// From becoming master on, no two adverts are further apart than the interval, by the master's clock.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    /// The last advert of each master, by its clock, and the interval that it had then: a reload gives it another
    /// one when it comes to this instance, and not before.
    last: BTreeMap<Machine, (Instant, AdvertInt)>,
}

impl Rhythm {
    fn check(&self, scene: &Scene<'_>, machine: Machine) -> Result<(), String> {
        let node = &scene.nodes[machine.node];
        let Some((last, interval)) = self.last.get(&machine) else { return Ok(()) };
        let gap = node.local(scene.now).since(*last);
        if gap > interval.duration() + ROUNDING {
            return Err(format!("{machine:?} is master and has sent nothing for {gap:?}"));
        }
        Ok(())
    }
}

impl Checker for Rhythm {
    fn name(&self) -> &'static str {
        "rhythm"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        // Another configuration may have a shorter interval, and is told at once.
        if step.before == State::Master && !matches!(step.cause, Cause::Reconfigured) {
            self.check(scene, step.machine)?;
        }
        let sent = step.sent().any(|priority| priority > 0);
        if step.after != State::Master {
            self.last.remove(&step.machine);
        } else if sent {
            let node = &scene.nodes[step.machine.node];
            let interval = node.config(step.machine.instance).advert_int;
            self.last.insert(step.machine, (node.local(scene.now), interval));
        } else if step.before != State::Master {
            return Err(format!("{:?} became master without a word", step.machine));
        }
        Ok(())
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.last.keys().try_for_each(|machine| self.check(scene, *machine))
    }

    fn on_pause(&mut self, host: Host) {
        self.last.retain(|machine, _| machine.node != host);
    }
}
