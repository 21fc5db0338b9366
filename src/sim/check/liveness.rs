//! Whoever waits for a master takes over in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::sim::node::lan_of;
use crate::sim::plan::Plan;
use crate::types::{Instant, State};

/// Once faults have stopped, no virtual router that has a backup is without a master for longer than
/// that backup's Master_Down_Interval, nor for longer than its Skew_Time if the master said farewell. In a sync
/// group the one who waits longest counts, and it waits for nothing if another router of the group has a master.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    /// Since when an instance has no master; absent while it has one.
    masterless_since: BTreeMap<usize, Instant>,
    /// Since when a machine is backup.
    backup_since: BTreeMap<Machine, Instant>,
    /// When an instance's last advert was sent.
    spoken: BTreeMap<usize, Instant>,
    /// When the last master of an instance said farewell, for all backups to hear; absent while there
    /// is a master.
    farewell: BTreeMap<usize, Instant>,
    /// Those that listen for longer behind a link that has just come up.
    listening: BTreeSet<Machine>,
}

impl Liveness {
    /// A farewell counts if it is the last that is heard: nothing sent before may come in after it.
    fn note_farewell(&mut self, scene: &Scene<'_>, step: &Step<'_>) {
        let instance = step.machine.instance;
        let node = &scene.nodes[step.machine.node];
        let audible = node.kernel.is_up(lan_of(node.config(instance)));
        let last = self.spoken.get(&instance).copied().unwrap_or_default();
        let in_order = last + scene.slack(Duration::ZERO) < scene.now;
        if step.sent().any(|priority| priority == 0) && audible && in_order {
            self.farewell.insert(instance, scene.now);
        }
        if step.sent().next().is_some() {
            self.spoken.insert(instance, scene.now);
        }
    }

    /// Since when a machine, and every other in its sync group, is backup and has no master.
    fn without_master(&self, scene: &Scene<'_>, machine: Machine) -> Option<Instant> {
        let mut since = Instant::ZERO;
        for instance in scene.companions(machine.node, machine.instance) {
            let backup = self.backup_since.get(&Machine { instance, ..machine })?;
            since = since.max(*backup).max(*self.masterless_since.get(&instance)?);
        }
        Some(since)
    }

    fn check(&self, scene: &Scene<'_>) -> Result<(), String> {
        let Some(calm) = scene.calm_since else { return Ok(()) };
        for machine in self.backup_since.keys() {
            let Some(since) = self.without_master(scene, *machine) else { continue };
            let since = calm.max(since);
            let Machine { node, instance } = *machine;
            let left = |it: &usize| self.farewell.get(it).is_some_and(|at| *at >= since);
            let patience = match scene.companions(node, instance).iter().all(left) {
                true => scene.longest(node, instance, Plan::longest_skew),
                false => scene.longest(node, instance, Plan::longest_master_down),
            };
            // Behind a link that has just come up it listens for longer.
            let listens = |it: &usize| self.listening.contains(&Machine { instance: *it, ..*machine });
            let silence = match scene.companions(node, instance).iter().any(listens) {
                true => scene.nodes[node].plan.config.global.vrrp_startup_silence,
                false => Duration::ZERO,
            };
            let patience = patience + silence;
            if scene.now > since + patience + scene.slack(patience) {
                return Err(format!(
                    "node {node} is backup and VI_{} has no master since {since}",
                    instance + 1
                ));
            }
        }
        Ok(())
    }
}

impl Checker for Liveness {
    fn name(&self) -> &'static str {
        "liveness"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        // Looked at before this step counts, or a late takeover would excuse itself.
        self.check(scene)?;
        self.note_farewell(scene, step);
        let instance = scene.nodes[step.machine.node].instance(step.machine.instance);
        match instance.and_then(|instance| instance.status().silent_until) {
            Some(_) => self.listening.insert(step.machine),
            None => self.listening.remove(&step.machine),
        };
        match step.after {
            State::Backup => {
                self.backup_since.entry(step.machine).or_insert(scene.now);
            }
            State::Init | State::Master | State::Fault => {
                self.backup_since.remove(&step.machine);
            }
        }
        if scene.hosts_in(step.machine.instance, State::Master).is_empty() {
            self.masterless_since.entry(step.machine.instance).or_insert(scene.now);
        } else {
            self.masterless_since.remove(&step.machine.instance);
            self.farewell.remove(&step.machine.instance);
        }
        Ok(())
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.check(scene)
    }
}
