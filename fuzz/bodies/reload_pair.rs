//! Any two configurations are a reload: nothing panics, an equal configuration changes nothing, and after
//! the way there and back a node is where a fresh one would be.

use super::files;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use vrrpd::config::block::VrrpInstance;
use vrrpd::config::diff::{Action, Impact, ReloadPlan, same_router};
use vrrpd::config::environment::Described;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::value::VirtualAddress;
use vrrpd::config::{Config, load};
use vrrpd::sim::{Ensemble, Outcome};
use vrrpd::track::ExitStatus;
use vrrpd::types::{Family, IfName, Instant, IpNet, State};
use vrrpd::vrrp::{Effect, Instance, SwitchEffect, SwitchInput};

/// More is another test, of patience.
const MOST_INSTANCES: usize = 12;
/// Steps after which a node that has not settled has intervals too different for this test.
const MOST_STEPS: usize = 4_000;

type Place = (IfName, IpNet);

/// Two texts with a line `%%` between them; without one, the same text twice.
pub(crate) fn run(data: &[u8]) {
    let parts = files::parts(data);
    let (Some(old), Some(new)) = (config(parts[0]), config(parts.get(1).unwrap_or(&parts[0]))) else {
        return;
    };
    let Some(mut node) = Node::settled(&old) else { return };
    check_plan(&old, &new);
    let before = node.picture();
    let said = node.reload(&old);
    assert!(said.is_empty(), "an equal configuration does something: {said:?}");
    let said = node.reload(&new);
    if ReloadPlan::new(&old, &new).is_empty() {
        assert!(said.is_empty(), "a plan of nothing does something: {said:?}");
    }
    node.check();
    if !node.settle() {
        return;
    }
    node.reload(&old);
    node.check();
    if node.settle() {
        assert_eq!(node.picture(), before, "there and back is somewhere else");
    }
}

/// Nothing is left to do when it is done, and it tells apart what goes on from what begins.
fn check_plan(old: &Config, new: &Config) {
    for config in [old, new] {
        assert!(ReloadPlan::new(config, config).is_empty(), "{}", ReloadPlan::new(config, config));
    }
    let plan = ReloadPlan::new(old, new);
    let step = |name: &str| plan.steps.iter().find(|step| step.block == "vrrp_instance" && step.name == name);
    for (instance, origin) in new.instances.iter().zip(&plan.origins) {
        let before = origin.map(|place| &old.instances[place]);
        match (before, step(&instance.name)) {
            (Some(before), None) => assert_eq!(before, instance, "changed, and the plan does not say so"),
            (Some(before), Some(step)) => {
                assert!(same_router(before, instance), "{} goes on as {}", before.name, instance.name);
                assert!(matches!(step.action, Action::Change | Action::Rename(_)), "{step}");
                assert_ne!(step.impact(), Impact::Restart, "{step}");
            }
            (None, step) => {
                let step = step.expect("an instance that begins is told");
                assert!(matches!(step.action, Action::Add | Action::Restart), "{step}");
            }
        }
    }
}

fn config(text: &[u8]) -> Option<Arc<Config>> {
    let machine = Described { config_id: Some("a".to_owned()), ..Described::default() };
    let loaded = load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &machine);
    let runs = !loaded.is_fatal() && loaded.config.instances.len() <= MOST_INSTANCES;
    runs.then(|| Arc::new(loaded.config))
}

/// A node without neighbours, whose links are all up and whose scripts all succeed.
struct Node {
    now: Instant,
    machines: Ensemble,
    /// What each instance has in the kernel.
    held: BTreeMap<u64, BTreeSet<Place>>,
}

fn source(config: &VrrpInstance) -> Option<IpAddr> {
    Some(match config.family {
        Family::V4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    })
}

impl Node {
    fn settled(config: &Arc<Config>) -> Option<Self> {
        let now = Instant::ZERO;
        let machines = Ensemble::new(now, config, links(config), source);
        let mut node = Self { now, machines, held: BTreeMap::new() };
        node.carry_out();
        node.settle().then_some(node)
    }

    fn reload(&mut self, config: &Arc<Config>) -> Vec<Outcome> {
        self.machines.reload(self.now, config);
        let said = self.carry_out();
        let runs: BTreeSet<u64> = self.machines.instances().map(|(id, _)| id).collect();
        for (id, held) in self.held.iter().filter(|(id, _)| !runs.contains(id)) {
            assert!(held.is_empty(), "instance {id} is gone and leaves {held:?}");
        }
        said
    }

    /// Lets timers fire until nobody waits for a master any more; `false` if that takes too long.
    fn settle(&mut self) -> bool {
        for _ in 0..MOST_STEPS {
            let waits =
                |(_, machine): (u64, &Instance)| matches!(machine.state(), State::Init | State::Backup);
            if !self.machines.instances().any(waits) {
                return true;
            }
            let Some(next) = self.machines.poll_timeout() else { return true };
            self.now = self.now.max(next);
            self.machines.handle_timeout(self.now);
            self.carry_out();
            self.check();
        }
        false
    }

    fn carry_out(&mut self) -> Vec<Outcome> {
        let mut said = Vec::new();
        while let Some(outcome) = self.machines.poll_outcome() {
            match &outcome {
                Outcome::Instance(id, Effect::Addresses(change)) => {
                    let held = self.held.entry(*id).or_default();
                    held.extend(change.install.iter().map(place));
                    held.retain(|held| !change.remove.iter().any(|vip| place(vip) == *held));
                }
                Outcome::Switchboard(SwitchEffect::StartScript(run, _)) => {
                    let ended = SwitchInput::ScriptEnded(*run, ExitStatus::Exited(0));
                    self.machines.tell(self.now, ended);
                    continue;
                }
                Outcome::Switchboard(_) => continue,
                Outcome::Instance(..) => {}
            }
            said.push(outcome);
        }
        said
    }

    /// Nobody but a master has addresses, and it none that are not its own.
    fn check(&self) {
        for (id, machine) in self.machines.instances() {
            let (config, state, held) = (machine.config(), machine.state(), self.held(id));
            let own: BTreeSet<Place> = config.all_vips().map(place).collect();
            assert!(held.is_subset(&own), "{} has {held:?}, of which not all is its own", config.name);
            assert!(state == State::Master || held.is_empty(), "{} in {state} has {held:?}", config.name);
        }
        for group in self.machines.groups() {
            let states = group.config.members.iter().map(|name| self.machines.state(name));
            // A newcomer may wait for a script, and one to a group that is master for its turn.
            let states: BTreeSet<State> = states.filter(|state| *state != State::Init).collect();
            let newcomer = group.state == State::Master && states.contains(&State::Master);
            assert!(states.len() <= 1 || newcomer, "{}: {states:?}", group.config.name);
        }
    }

    fn held(&self, id: u64) -> BTreeSet<Place> {
        self.held.get(&id).cloned().unwrap_or_default()
    }

    /// What can be seen of it from outside.
    fn picture(&self) -> Vec<(String, State, u8, BTreeSet<Place>)> {
        let one = |(id, machine): (u64, &Instance)| {
            let (status, name) = (machine.status(), machine.config().name.clone());
            (name, status.state, status.priority.get(), self.held(id))
        };
        self.machines.instances().map(one).collect()
    }
}

fn place(vip: &VirtualAddress) -> Place {
    (vip.dev.clone(), vip.net)
}

/// Every link that the configuration names.
fn links(config: &Config) -> BTreeMap<IfName, bool> {
    let own = config.instances.iter().filter_map(|instance| instance.interface.as_ref());
    let vips = config.instances.iter().flat_map(|instance| instance.all_vips()).map(|vip| &vip.dev);
    own.chain(vips).map(|name| (name.clone(), true)).collect()
}
