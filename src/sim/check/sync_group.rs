//! The members of a sync group are what the others are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::sim::lan::Host;
use crate::sim::plan::Plan;
use crate::types::{Instant, State};
use crate::vrrp::Event;

/// Between two moments all members of a group on one node are in the same state, but for a newcomer: by a reload
/// or after an internal error the others may be master without it for as long as it waits for a script, and then
/// for a master, behind a link that has just come up for that as well. At rest there is no exception, and the scripts of the group have been told of that state.
#[derive(Debug, Default)]
pub(super) struct InStep {
    /// Members that have not been in step with the others yet, and since when they have been backup.
    newcomers: BTreeMap<Machine, Option<Instant>>,
    /// Since when the groups of a node, by their first member, are not in step, and how.
    broken: BTreeMap<(Host, usize), (Instant, String)>,
}

impl InStep {
    /// What was in order a moment ago may be out of it only until that moment is over.
    fn check(&self, scene: &Scene<'_>) -> Result<(), String> {
        match self.broken.values().find(|(since, _)| *since < scene.now) {
            Some((since, how)) => Err(format!("since {since} {how}")),
            None => Ok(()),
        }
    }

    fn look(&mut self, scene: &Scene<'_>, host: Host, instance: usize) {
        let members = scene.companions(host, instance);
        let machine = |instance: &usize| Machine { node: host, instance: *instance };
        // Behind a link that has just come up it listens for longer.
        let silence = scene.nodes[host].plan.config.global.vrrp_startup_silence;
        let patience = scene.longest(host, instance, Plan::longest_master_down) + silence;
        let is_over = |since: Instant| scene.now > since + patience + scene.slack(patience);
        let state = |member: &usize| scene.nodes[host].state(*member);
        let all: BTreeSet<State> = members.iter().map(state).collect();
        for member in members.iter().map(machine) {
            let in_step = all.len() == 1 && !all.contains(&State::Init) && !all.contains(&State::Backup);
            let over = self.newcomers.get(&member).is_some_and(|since| since.is_some_and(is_over));
            if in_step || over {
                self.newcomers.remove(&member);
            }
        }
        let waits = |member: &usize| {
            matches!(state(member), State::Init | State::Backup)
                && self.newcomers.contains_key(&machine(member))
        };
        let states: BTreeSet<State> = members.iter().filter(|member| !waits(member)).map(state).collect();
        let key = (host, members[0]);
        if !scene.nodes[host].is_alive() || states.len() < 2 {
            self.broken.remove(&key);
        } else {
            let how = format!("VI_{members:?} of node {host} are {states:?}");
            self.broken.entry(key).or_insert((scene.now, how));
        }
    }
}

impl Checker for InStep {
    fn name(&self) -> &'static str {
        "sync-group"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        self.check(scene)?;
        let Machine { node: host, instance } = step.machine;
        match step.cause {
            Cause::Killed => drop(self.newcomers.insert(step.machine, None)),
            // It may have been out of step with another group, or with none, before.
            Cause::Reconfigured => {
                let since = (step.after != State::Init).then_some(scene.now);
                self.newcomers.insert(step.machine, since);
            }
            _ => {}
        }
        if let Some(since) = self.newcomers.get_mut(&step.machine).filter(|_| step.before == State::Init) {
            *since = (step.after == State::Backup).then_some(scene.now);
        }
        self.look(scene, host, instance);
        Ok(())
    }

    fn on_pause(&mut self, host: Host) {
        let here = self.newcomers.iter_mut().filter(|(machine, _)| machine.node == host);
        here.for_each(|(_, since)| *since = None);
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.check(scene)?;
        for (host, node) in scene.nodes.iter().enumerate().filter(|(_, node)| node.is_alive()) {
            for group in &node.plan.config.sync_groups {
                let instances = node.plan.config.instances.iter().enumerate();
                let members = instances.filter(|(_, config)| group.members.contains(&config.name));
                let states: BTreeSet<State> = members.map(|(member, _)| node.state(member)).collect();
                if states.len() != 1 {
                    return Err(format!("members of {} on node {host} are {states:?}", group.name));
                }
                let due = states.first().and_then(|state| Event::entering(*state));
                if node.told(&group.name) != due {
                    let told = node.told(&group.name);
                    return Err(format!(
                        "scripts of {} on node {host} heard {told:?}, not {due:?}",
                        group.name
                    ));
                }
            }
        }
        Ok(())
    }
}
