//! The neighbours know where the addresses are.

use std::collections::BTreeMap;

use super::{Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::sim::lan::Host;
use crate::types::{Instant, State};
use crate::vrrp::Effect;

/// At rest a listening host sends packets for a virtual address to the master.
///
/// VRRP cannot promise that after two masters have announced the same address at the same time, until
/// one of them announces again: when a partition ends, the worse master gives way to the first advert of
/// the better one, which then never learns that it had a rival whose announcements are to be corrected
/// (`higher_prio_send_advert` tells it). So it is demanded of a master that took over, or announced all of its
/// addresses, while there was no other and nothing of another was still on its way.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// Who must be found at the addresses of an instance.
    expected: BTreeMap<usize, Host>,
    /// When a machine ceased to be master.
    left: BTreeMap<Machine, Instant>,
}

impl Neighbours {
    fn alone(&self, scene: &Scene<'_>, machine: Machine) -> bool {
        let way = scene.slack(std::time::Duration::ZERO);
        let others = self
            .left
            .iter()
            .filter(|(other, _)| other.instance == machine.instance && other.node != machine.node);
        scene.master(machine.instance) == Some(machine.node)
            && others.into_iter().all(|(_, left)| *left + way < scene.now)
    }
}

impl Checker for Neighbours {
    fn name(&self) -> &'static str {
        "neighbours"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let Machine { node: host, instance } = step.machine;
        let node = &scene.nodes[host];
        let config = node.config(instance);
        if step.before == State::Master && step.after != State::Master {
            self.left.insert(step.machine, scene.now);
        }
        let all = config.vips.len() + config.excluded_vips.len();
        let entered = step.before != State::Master && step.after == State::Master;
        let announced = step.effects.iter().any(|effect| match effect {
            Effect::Announce(announce) => announce.targets.len() == all,
            _ => false,
        });
        // What is said into a pulled cable is not heard.
        let audible = config.track_primary || node.kernel.is_up(&config.interface);
        if entered || announced {
            self.expected.remove(&instance);
            if audible && self.alone(scene, step.machine) {
                self.expected.insert(instance, host);
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&instance, &host) in &self.expected {
            if scene.master(instance) != Some(host) {
                continue;
            }
            let node = &scene.nodes[host];
            let config = node.config(instance);
            for vip in config.vips.iter().chain(&config.excluded_vips) {
                let found = scene.observer.resolve(vip.net.address);
                if found != Some(node.plan.mac) {
                    let (address, mac) = (vip.net.address, node.plan.mac);
                    return Err(format!("{address} is at node {host}, {mac}; a neighbour has {found:?}"));
                }
            }
        }
        Ok(())
    }
}
