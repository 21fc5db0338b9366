//! The neighbours know where the addresses are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Cause, Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::sim::lan::Host;
use crate::sim::node::lan_of;
use crate::types::{Instant, State};
use crate::vrrp::Effect;

/// What repairs the neighbours' caches takes no longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A listening host sends packets for a virtual address to the master, a second at the latest after that is the only
/// one: whichever of two masters gives way when a partition ends, the other one learns of it and announces.
///
/// Nobody can tell it if the other one has gone without a word that reached it: that is excused until it announces
/// all its addresses for another reason. So is `garp_lower_prio_repeat 0`, which forbids just that.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// The only master of an instance, and since when it is.
    alone: BTreeMap<usize, (Host, Instant)>,
    /// Instances of which a master that had a rival has gone without a word.
    excused: BTreeSet<usize>,
}

impl Neighbours {
    /// What a step changes of who is master.
    fn follow(&mut self, scene: &Scene<'_>, step: &Step<'_>) {
        let Machine { node: host, instance } = step.machine;
        let masters = scene.hosts_in(instance, State::Master);
        match masters[..] {
            [master] if self.alone.get(&instance).is_none_or(|(known, _)| *known != master) => {
                self.alone.insert(instance, (master, scene.now));
            }
            [_] => {}
            _ => drop(self.alone.remove(&instance)),
        }
        let had_rival = masters.iter().any(|master| *master != host);
        let left = step.before == State::Master && step.after != State::Master;
        let gave_way =
            step.after == State::Backup && matches!(step.cause, Cause::Packet { .. } | Cause::Group);
        // In a storm the words that tell of it may be lost as well.
        let in_vain = scene.calm_since.is_none() || !gave_way;
        // What comes late out of a slow kernel is answered as a stranger's claim is, ever more rarely.
        let claimed = step.before == State::Master && matches!(step.cause, Cause::Claim);
        if (left && had_rival && in_vain) || claimed {
            self.excused.insert(instance);
        }
    }

    fn check(&self, scene: &Scene<'_>, instance: usize) -> Result<(), String> {
        let Some((host, since)) = self.alone.get(&instance).copied() else { return Ok(()) };
        let Some(calm) = scene.calm_since.filter(|_| !self.excused.contains(&instance)) else {
            return Ok(());
        };
        let node = &scene.nodes[host];
        let config = node.config(instance);
        // What is said into a pulled cable is not heard.
        let audible = config.track_primary || node.kernel.is_up(lan_of(config));
        let late = since.max(calm) + PATIENCE + scene.slack(PATIENCE) + node.plan.kernel_latency * 20;
        if config.garp.lower_prio_repeat == 0 || !audible || scene.now < late {
            return Ok(());
        }
        for vip in config.all_vips() {
            let found = scene.observer.resolve(vip.net.address);
            if found != Some(node.plan.mac) {
                let (address, mac) = (vip.net.address, node.plan.mac);
                return Err(format!(
                    "{address} is at node {host}, {mac}, since {since}; a neighbour has {found:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Checker for Neighbours {
    fn name(&self) -> &'static str {
        "neighbours"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let Machine { node: host, instance } = step.machine;
        let checked = self.check(scene, instance);
        self.follow(scene, step);
        let config = scene.nodes[host].config(instance);
        let all = config.vips.len() + config.excluded_vips.len();
        let announced = step.effects.iter().any(|effect| match effect {
            Effect::Announce(announce) => announce.targets.len() == all,
            _ => false,
        });
        if announced && scene.master(instance) == Some(host) {
            self.excused.remove(&instance);
        }
        checked
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.alone.keys().try_for_each(|instance| self.check(scene, *instance))
    }
}
