//! There is one master, or there are two for as long as it takes the worse one to hear the better.

use std::collections::BTreeMap;

use super::{Cause, Checker, Scene, Step};
use crate::types::{Instant, State};

/// Two masters of one virtual router never last longer than an interval, once faults have stopped; at
/// rest there is exactly one, wherever an instance takes part in the election at all.
#[derive(Debug, Default)]
pub(super) struct OneMaster {
    /// Since when there are several masters of an instance.
    several_since: BTreeMap<usize, Instant>,
    /// When the priority of one of its machines may last have changed: the better one of two masters
    /// may become the worse one, and its last advert no longer counts.
    changed: BTreeMap<usize, Instant>,
}

impl Checker for OneMaster {
    fn name(&self) -> &'static str {
        "one-master"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let instance = step.machine.instance;
        if matches!(step.cause, Cause::Tracking | Cause::Reconfigured | Cause::Source) {
            self.changed.insert(instance, scene.now);
        }
        let masters = scene.hosts_in(instance, State::Master);
        if masters.len() < 2 {
            self.several_since.remove(&instance);
            return Ok(());
        }
        let since = *self.several_since.entry(instance).or_insert(scene.now);
        let Some(calm) = scene.calm_since else { return Ok(()) };
        let interval = scene.plan.longest_interval(instance);
        let changed = self.changed.get(&instance).copied().unwrap_or_default();
        if scene.now > since.max(calm).max(changed) + interval + scene.slack(interval) {
            return Err(format!("nodes {masters:?} are all master of VI_{} since {since}", instance + 1));
        }
        Ok(())
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for instance in 0..scene.instances() {
            let masters = scene.hosts_in(instance, State::Master);
            let backups = scene.hosts_in(instance, State::Backup);
            let wanted = usize::from(!masters.is_empty() || !backups.is_empty());
            if masters.len() != wanted {
                return Err(format!("masters of VI_{}: {masters:?}, backups: {backups:?}", instance + 1));
            }
        }
        Ok(())
    }
}
