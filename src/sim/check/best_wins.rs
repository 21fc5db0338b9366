//! At rest the best router is master, and only those that should be are in FAULT.

use super::{Checker, Scene};
use crate::config::block::{Preempt, Tracked};
use crate::sim::lan::Host;
use crate::sim::node::lan_of;
use crate::track::{Contribution, Standing, Verdict};
use crate::types::{Priority, State};

/// A sync group preempts if all of its members do, and a fault of one is a fault of all.
///
/// Nobody who preempts has a higher effective priority than the master (between equals, whoever was
/// first stays: only two masters are parted by their addresses, and [`super::yields`] sees to that).
#[derive(Clone, Copy, Debug)]
pub(super) struct BestWins;

impl Checker for BestWins {
    fn name(&self) -> &'static str {
        "best-wins"
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for instance in 0..scene.instances() {
            let name = instance + 1;
            for (host, node) in scene.nodes.iter().enumerate().filter(|(_, node)| node.is_alive()) {
                let (fault, state) = (effective(scene, host, instance).is_none(), node.state(instance));
                if fault != (state == State::Fault) {
                    return Err(format!("node {host} is {state} in VI_{name}; is there a fault? {fault}"));
                }
            }
            let Some(master) = scene.master(instance) else { continue };
            let best = effective(scene, master, instance);
            for host in scene.hosts_in(instance, State::Backup) {
                let stays = |it: &usize| scene.nodes[host].config(*it).preempt == Preempt::Never;
                let preempts = !scene.companions(host, instance).iter().any(stays);
                let theirs = effective(scene, host, instance);
                if preempts && theirs > best {
                    return Err(format!(
                        "node {master} is master of VI_{name} with {best:?}, but node {host} has {theirs:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The priority that scripts and links as they are at rest give; `None`: a fault, its own or of its group.
fn effective(scene: &Scene<'_>, host: Host, instance: usize) -> Option<Priority> {
    let companions = scene.companions(host, instance);
    let is_faulty = companions.iter().any(|companion| by_itself(scene, host, *companion).is_none());
    by_itself(scene, host, instance).filter(|_| !is_faulty)
}

/// As [`effective`], whatever has become of the others in its group.
fn by_itself(scene: &Scene<'_>, host: Host, instance: usize) -> Option<Priority> {
    let node = &scene.nodes[host];
    let config = node.config(instance);
    let verdict = |good: bool| if good { Verdict::Good } else { Verdict::Bad };
    let group =
        node.plan.config.sync_groups.iter().find(|group| Some(&group.name) == config.sync_group.as_ref());
    let for_all = group.into_iter().flat_map(|group| &group.track);
    let tracked = config.track.iter().chain(for_all).map(|entry| {
        let good = match &entry.tracked {
            Tracked::File(_) => return Standing::Number(Some(node.things.number)).contribution(entry.weight),
            Tracked::Process(name) => {
                let process = node.plan.config.track_processes.iter().find(|process| process.name == *name);
                process.is_some_and(|process| process.is_quorum(node.things.count))
            }
            Tracked::Interface(link) => node.kernel.is_up(link),
            Tracked::Script(name) => {
                let number = node.plan.config.scripts.iter().position(|script| script.name == *name);
                number.is_some_and(|number| node.plan.scripts_end_good[number])
            }
            Tracked::Session(_) => false,
        };
        Standing::Verdict(verdict(good)).contribution(entry.weight)
    });
    let own_link_down = config.track_primary && !node.kernel.is_up(lan_of(config));
    let mut weight = 0;
    for contribution in tracked.chain(own_link_down.then_some(Contribution::Fault)) {
        match contribution {
            Contribution::Weight(more) => weight += more,
            Contribution::Fault | Contribution::Hold => return None,
        }
    }
    Some(config.priority.effective(weight))
}
