//! A planned stop is no outage.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Cause, Checker, Scene, Step};
use crate::sim::lan::Host;
use crate::sim::node::lan_of;
use crate::types::{Instant, State, Version};

/// When the only master of a settled network is told to stop and there is a backup, a host that knows where the
/// addresses are reaches them all the time, but for as long as kernels and frames take. The one that leaves
/// has them for no longer than that beside a successor, and alone for no longer than the slowest backup takes. Two
/// successors at one time are excused where `garp_lower_prio_repeat 0` forbids what repairs that.
#[derive(Debug, Default)]
pub(super) struct Handover {
    resting: bool,
    /// When an advert that is no farewell was last sent.
    spoken: BTreeMap<usize, Instant>,
    leaving: BTreeMap<usize, Leave>,
}

/// An instance whose master leaves.
#[derive(Debug)]
struct Leave {
    host: Host,
    since: Instant,
    /// Whether there was a backup that heard the farewell last, and all could be reached.
    missed: bool,
    /// Since when an address is where nobody looks for it.
    dark_since: Option<Instant>,
    /// Since when there is another master.
    succeeded: Option<Instant>,
}

impl Handover {
    fn begin(&mut self, scene: &Scene<'_>, step: &Step<'_>) {
        let (host, instance) = (step.machine.node, step.machine.instance);
        let was_master = step.before == State::Master && step.after != State::Master;
        if !self.resting || !was_master || !matches!(step.cause, Cause::Stopped) {
            return;
        }
        if !scene.hosts_in(instance, State::Master).is_empty() {
            return;
        }
        let is_backup = |other: &Host| {
            let all = scene.companions(*other, instance);
            all.iter().all(|it| scene.nodes[*other].state(*it) == State::Backup)
        };
        let others = scene.hosts_in(instance, State::Backup);
        let way = scene.slack(Duration::ZERO);
        let mut all = scene.companions(host, instance).into_iter();
        let in_order = all.all(|it| self.spoken.get(&it).is_none_or(|spoken| *spoken + way < scene.now));
        let missed = others.iter().any(is_backup) && in_order && is_reached(scene, instance);
        let leave = Leave { host, since: scene.now, missed, dark_since: None, succeeded: None };
        self.leaving.insert(instance, leave);
    }

    fn look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&instance, leave) in &mut self.leaving {
            let name = instance + 1;
            let has = has_any(scene, leave.host, instance);
            let way = scene.slack(Duration::ZERO);
            if let Some(since) = leave.dark_since.filter(|_| leave.missed) {
                let takers = (0..scene.nodes.len()).map(|host| scene.kernel_time(host));
                // One kernel takes over for all that stand and fall together.
                let together = u32::try_from(scene.companions(leave.host, instance).len()).unwrap_or(1);
                let allowed = takers.max().unwrap_or_default() * together + way;
                if scene.now > since + allowed {
                    return Err(format!("nobody reaches VI_{name} since {since}, {allowed:?} would do"));
                }
            }
            if let Some(since) = leave.succeeded
                && has
                && scene.now > since + scene.kernel_time(leave.host) + way + Duration::from_millis(20)
            {
                return Err(format!("node {} keeps VI_{name} from its successor since {since}", leave.host));
            }
            let patience = scene.longest(leave.host, instance, |plan, it| {
                match plan.nodes[leave.host].config.instances[it].version {
                    Version::V2 => Duration::from_secs(1),
                    Version::V3 => plan.longest_interval(it),
                }
            });
            let patience = patience + Duration::from_millis(10);
            if has
                && scene.now > leave.since + patience + scene.kernel_time(leave.host) + scene.slack(patience)
            {
                return Err(format!("node {} keeps VI_{name} since {}", leave.host, leave.since));
            }
            let masters = scene.hosts_in(instance, State::Master);
            if !masters.is_empty() {
                leave.succeeded.get_or_insert(scene.now);
            }
            // Of two that take over at one time the worse one may be heard last, and that is not to be mended.
            let mends = |host: &Host| scene.nodes[*host].config(instance).garp.lower_prio_repeat > 0;
            if masters.len() > 1 && !masters.iter().all(mends) {
                leave.missed = false;
            }
            match is_reached(scene, instance) {
                true => leave.dark_since = None,
                false => drop(leave.dark_since.get_or_insert(scene.now)),
            }
        }
        self.leaving.retain(|&instance, leave| {
            let done = leave.succeeded.is_some() && leave.dark_since.is_none();
            has_any(scene, leave.host, instance) || (leave.missed && !done)
        });
        Ok(())
    }
}

fn addresses<'a>(
    scene: &'a Scene<'_>,
    host: Host,
    instance: usize,
) -> impl Iterator<Item = IpAddr> + use<'a> {
    let config = scene.nodes[host].config(instance);
    config.all_vips().map(|vip| vip.net.address)
}

fn has_any(scene: &Scene<'_>, host: Host, instance: usize) -> bool {
    let node = &scene.nodes[host];
    let link = lan_of(node.config(instance));
    addresses(scene, host, instance).any(|address| node.kernel.has(link, address))
}

/// Whether a packet for each address gets to a node that has it: for those that every node is to have, and whose
/// way was ever announced.
fn is_reached(scene: &Scene<'_>, instance: usize) -> bool {
    let everywhere = |address: &IpAddr| {
        (0..scene.nodes.len()).all(|it| addresses(scene, it, instance).any(|x| x == *address))
    };
    addresses(scene, 0, instance).filter(everywhere).all(|address| {
        let mac = scene.observer.resolve(address);
        let Some(node) = scene.nodes.iter().find(|node| Some(node.plan.mac) == mac) else { return true };
        let link = lan_of(node.config(instance));
        node.kernel.has(link, address) && node.kernel.is_up(link)
    })
}

impl Checker for Handover {
    fn name(&self) -> &'static str {
        "handover"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        self.look(scene)?;
        self.begin(scene, step);
        if step.sent().any(|priority| priority > 0) {
            self.spoken.insert(step.machine.instance, scene.now);
        }
        Ok(())
    }

    fn on_world(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.look(scene)
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        self.look(scene)?;
        self.resting = true;
        Ok(())
    }
}
