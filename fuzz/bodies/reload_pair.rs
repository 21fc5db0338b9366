//! Any two configurations are a reload: nothing panics, an equal configuration changes nothing, and after
//! the way there and back a node is where a fresh one would be.

use super::files;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vrrpd::config::block::VrrpInstance;
use vrrpd::config::environment::Described;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::value::VirtualAddress;
use vrrpd::config::{Config, load};
use vrrpd::track::ExitStatus;
use vrrpd::types::{Family, IfName, Instant, IpNet, State};
use vrrpd::vrrp::{
    Effect, Input, Instance, Leftovers, Start, SwitchEffect, SwitchInput, Switchboard, same_router,
};

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
    let before = node.picture();
    let said = node.reload(&old);
    assert!(said.is_empty(), "an equal configuration does something: {said:?}");
    node.reload(&new);
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

fn config(text: &[u8]) -> Option<Arc<Config>> {
    let machine = Described { config_id: Some("a".to_owned()), ..Described::default() };
    let loaded = load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &machine);
    // Groups need more of a driver than this one.
    let runs = !loaded.is_fatal()
        && loaded.config.instances.len() <= MOST_INSTANCES
        && loaded.config.sync_groups.is_empty();
    runs.then(|| Arc::new(loaded.config))
}

/// A node without neighbours, whose links are all up and whose scripts all succeed.
struct Node {
    now: Instant,
    board: Switchboard,
    instances: Vec<Member>,
}

/// An instance, and what it has in the kernel.
struct Member {
    machine: Instance,
    held: BTreeSet<Place>,
}

impl Node {
    fn settled(config: &Arc<Config>) -> Option<Self> {
        let now = Instant::ZERO;
        let board = Switchboard::new(now, config, links(config));
        let mut node = Self { now, board, instances: Vec::new() };
        node.carry_out_switch();
        for config in &config.instances {
            node.start(config);
        }
        node.settle().then_some(node)
    }

    fn start(&mut self, config: &Arc<VrrpInstance>) {
        let source = match config.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
        };
        let tracking = self.board.tracking(&config.name);
        let start = Start {
            tracking,
            source: Some(source),
            word: None,
            leftovers: Leftovers::Remove,
            wall: Duration::ZERO,
        };
        let machine = Instance::new(self.now, Arc::clone(config), start);
        let mut member = Member { machine, held: BTreeSet::new() };
        member.carry_out();
        self.instances.push(member);
    }

    /// In the order of the daemon: those that stay, those that are new, and then the others leave.
    fn reload(&mut self, config: &Arc<Config>) -> Vec<Effect> {
        let mut said = Vec::new();
        self.board.handle(self.now, SwitchInput::Reconfigure(Arc::clone(config)));
        let mut old = std::mem::take(&mut self.instances);
        for new in &config.instances {
            let kept = old.iter().position(|member| same_router(member.machine.config(), new));
            let Some(index) = kept else {
                self.start(new);
                continue;
            };
            let mut member = old.remove(index);
            member.machine.handle(self.now, Input::Reconfigure(Arc::clone(new)));
            member.machine.handle(self.now, Input::Tracking(self.board.tracking(&new.name)));
            said.extend(member.carry_out());
            self.instances.push(member);
        }
        for mut gone in old {
            gone.machine.handle(self.now, Input::Stop);
            gone.carry_out();
            assert!(gone.held.is_empty(), "{} leaves {:?}", gone.machine.config().name, gone.held);
        }
        self.carry_out_switch();
        said
    }

    /// Lets timers fire until nobody waits for a master any more; `false` if that takes too long.
    fn settle(&mut self) -> bool {
        for _ in 0..MOST_STEPS {
            let waits = |member: &Member| matches!(member.machine.state(), State::Init | State::Backup);
            if !self.instances.iter().any(waits) {
                return true;
            }
            let timers = self.instances.iter().filter_map(|m| m.machine.poll_timeout().map(|(at, _)| at));
            let Some(next) = timers.chain(self.board.poll_timeout()).min() else { return true };
            self.now = self.now.max(next);
            self.board.handle_timeout(self.now);
            self.carry_out_switch();
            for member in &mut self.instances {
                member.machine.handle_timeout(self.now);
                member.carry_out();
            }
            self.check();
        }
        false
    }

    fn carry_out_switch(&mut self) {
        while let Some(effect) = self.board.poll_effect() {
            match effect {
                SwitchEffect::StartScript(run, _) => {
                    self.board.handle(self.now, SwitchInput::ScriptEnded(run, ExitStatus::Exited(0)));
                }
                SwitchEffect::Tracking(name, tracking) => {
                    let named = |member: &&mut Member| member.machine.config().name == name;
                    if let Some(member) = self.instances.iter_mut().find(named) {
                        member.machine.handle(self.now, Input::Tracking(tracking));
                        member.carry_out();
                    }
                }
                _ => {}
            }
        }
    }

    /// Nobody but a master has addresses, and it none that are not its own.
    fn check(&self) {
        for Member { machine, held } in &self.instances {
            let (config, state) = (machine.config(), machine.state());
            let own: BTreeSet<Place> = config.vips.iter().chain(&config.excluded_vips).map(place).collect();
            assert!(held.is_subset(&own), "{} has {held:?}, of which not all is its own", config.name);
            assert!(state == State::Master || held.is_empty(), "{} in {state} has {held:?}", config.name);
        }
    }

    /// What can be seen of it from outside.
    fn picture(&self) -> Vec<(String, State, u8, BTreeSet<Place>)> {
        let one = |Member { machine, held }: &Member| {
            let (status, name) = (machine.status(), machine.config().name.clone());
            (name, status.state, status.priority.get(), held.clone())
        };
        self.instances.iter().map(one).collect()
    }
}

impl Member {
    fn carry_out(&mut self) -> Vec<Effect> {
        let effects: Vec<Effect> = std::iter::from_fn(|| self.machine.poll_effect()).collect();
        for effect in &effects {
            if let Effect::Addresses(change) = effect {
                self.held.extend(change.install.iter().map(place));
                self.held.retain(|held| !change.remove.iter().any(|vip| place(vip) == *held));
            }
        }
        effects
    }
}

fn place(vip: &VirtualAddress) -> Place {
    (vip.dev.clone(), vip.net)
}

/// Every link that the configuration names.
fn links(config: &Config) -> BTreeMap<IfName, bool> {
    let own = config.instances.iter().map(|instance| &instance.interface);
    let vips =
        config.instances.iter().flat_map(|i| i.vips.iter().chain(&i.excluded_vips)).map(|vip| &vip.dev);
    own.chain(vips).map(|name| (name.clone(), true)).collect()
}
