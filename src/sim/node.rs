//! A machine with a kernel, and on it, most of the time, a daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::fault::{Behaviour, Numbering};
use super::kernel::Kernel;
use super::plan::{Names, NodePlan};
use super::queue::Ticket;
use super::things::Things;
use crate::config::Config;
use crate::config::block::{Auth, VrrpInstance};
use crate::config::value::{Route, Rule};
use crate::types::{IfName, Instant, IpNet, State};
use crate::vrrp::{Datagram, Event, Instance, LinkAddress, RunId, Switchboard, primary_source};
use crate::wire::auth::hmac::{Sequence, TRAILER_LEN, Trailer};

/// One node of the world.
#[derive(Debug)]
pub struct Node {
    /// What it was given.
    pub plan: NodePlan,
    /// Its kernel.
    pub kernel: Kernel,
    pub(super) daemon: Option<Daemon>,
    /// It is to start again as soon as the daemon that is stopping has.
    pub(super) starts_again: bool,
    /// How each check script behaves now.
    pub(super) behaviours: Vec<Behaviour>,
    /// What it tracks, as it is now.
    pub things: Things,
    pub(super) paused_until: Option<Instant>,
    pub(super) kernel_trouble: bool,
    /// Links on which nothing that arrives gets through.
    pub(super) deaf: BTreeSet<IfName>,
    /// It has just got power.
    pub(super) boots: bool,
    /// Its daemon started when it had.
    pub(super) started_at_boot: bool,
    /// Whether the kernel's next piece of work is in the queue of events.
    pub(super) kernel_scheduled: bool,
    pub(super) wake: Option<(Instant, Ticket)>,
    /// Counts daemons, so that what was meant for an earlier one can be told.
    pub(super) life: u32,
}

/// The machines of a daemon.
#[derive(Debug)]
pub(super) struct Daemon {
    pub(super) config: Arc<Config>,
    pub(super) switchboard: Switchboard,
    /// `None`: failed by an internal error, and not started again.
    pub(super) instances: Vec<Option<Instance>>,
    /// What scripts of groups were told last.
    pub(super) told: BTreeMap<String, Event>,
    /// A reload is under way: what comes of it waits until all instances have heard of it.
    pub(super) reloading: bool,
    /// It has been told to stop: every instance that has not left is leaving.
    pub(super) stopping: bool,
    /// Runs of scripts that have not ended, with the script's number and what the run does.
    pub(super) runs: BTreeMap<RunId, (usize, Behaviour)>,
    /// The last trailer that came to an instance from each sender.
    pub(super) trailers: BTreeMap<(usize, IpAddr), Sequence>,
}

impl Daemon {
    /// Whether an advert that an instance listens to is no replay: frames may come twice, and overtake each
    /// other.
    pub(super) fn is_new(&mut self, instance: usize, datagram: &Datagram) -> bool {
        let Some(Some(machine)) = self.instances.get(instance) else { return true };
        let listens = matches!(machine.state(), State::Backup | State::Master);
        let signed = matches!(machine.config().auth, Auth::Hmac(_)) && listens;
        let trailer = datagram.message.len().checked_sub(TRAILER_LEN).filter(|_| signed);
        let Some(Ok(trailer)) = trailer.map(|at| Trailer::parse(&datagram.message[at..])) else {
            return true;
        };
        let last = self.trailers.insert((instance, datagram.source), trailer.sequence);
        let is_new = last.is_none_or(|last| trailer.sequence.is_after(last));
        if let Some(last) = last.filter(|_| !is_new) {
            self.trailers.insert((instance, datagram.source), last);
        }
        is_new
    }
}

impl Node {
    /// A machine that is on, with its own addresses and no daemon yet.
    #[must_use]
    pub fn new(plan: NodePlan) -> Self {
        let behaviours = vec![Behaviour::Good; plan.config.scripts.len()];
        let mut node = Self {
            kernel: Kernel::default(),
            daemon: None,
            starts_again: false,
            behaviours,
            things: Things::default(),
            paused_until: None,
            kernel_trouble: false,
            deaf: BTreeSet::new(),
            boots: false,
            started_at_boot: false,
            kernel_scheduled: false,
            wake: None,
            life: 0,
            plan,
        };
        node.boot();
        node
    }

    /// Whether what arrives on a link gets through.
    pub(super) fn hears(&self, link: &IfName) -> bool {
        self.kernel.is_up(link) && !self.deaf.contains(link)
    }

    pub(super) fn deafen(&mut self, link: IfName, deaf: bool) {
        match deaf {
            true => drop(self.deaf.insert(link)),
            false => drop(self.deaf.remove(&link)),
        }
    }

    /// Forgets everything that does not survive a loss of power.
    pub(super) fn boot(&mut self) {
        let names = Names::default();
        self.kernel = Kernel::new([names.lan, names.uplink]);
        for (link, address) in &self.plan.addresses {
            self.kernel.add(link.clone(), *address);
        }
    }

    /// Gives the node other addresses of its own. Unicast goes on under the old ones.
    pub(super) fn renumber(&mut self, numbering: Numbering) {
        let away = |address: &IpAddr| match address {
            IpAddr::V4(address) => IpAddr::from((u32::from(*address) ^ 0x80).to_be_bytes()),
            IpAddr::V6(address) => Ipv6Addr::from(u128::from(*address) ^ 0x8000).into(),
        };
        for (link, address) in &self.plan.addresses {
            let other = away(address);
            self.kernel.remove(link, *address);
            self.kernel.remove(link, other);
            match numbering {
                Numbering::Home => self.kernel.add(link.clone(), *address),
                Numbering::Away => self.kernel.add(link.clone(), other),
                Numbering::Gone => {}
            }
        }
    }

    /// A daemon knows by their mark the addresses that an earlier one has left behind; those that its
    /// configuration does not have go before anything starts. What it blocks it says itself.
    pub(super) fn remove_unknown_leftovers(&mut self) {
        let all = |config: &Config| -> Vec<_> {
            let vips = config.instances.iter().flat_map(|config| config.all_vips());
            vips.map(|vip| (vip.link().clone(), vip.net.address)).collect()
        };
        let known = all(&self.plan.config);
        self.kernel.drop_nothing();
        let routes = |config: &Config| -> Vec<_> {
            config.instances.iter().flat_map(|config| &config.routes).map(Route::place).collect()
        };
        let rules = |config: &Config| -> Vec<_> {
            config.instances.iter().flat_map(|config| &config.rules).map(Rule::place).collect()
        };
        let (known_routes, known_rules) = (routes(&self.plan.config), rules(&self.plan.config));
        for place in self.plan.variants.iter().flat_map(|config| routes(config)) {
            if !known_routes.contains(&place) {
                self.kernel.remove_route(&place);
            }
        }
        for place in self.plan.variants.iter().flat_map(|config| rules(config)) {
            if !known_rules.contains(&place) {
                self.kernel.remove_rule(&place);
            }
        }
        for (link, address) in self.plan.variants.iter().flat_map(|config| all(config)) {
            if !known.contains(&(link.clone(), address)) {
                self.kernel.remove(&link, address);
            }
        }
    }

    /// Whether a daemon runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.daemon.is_some()
    }

    /// Whether a daemon runs that has not been told to stop.
    #[must_use]
    pub fn is_staying(&self) -> bool {
        self.daemon.as_ref().is_some_and(|daemon| !daemon.stopping)
    }

    /// An instance, while the daemon runs.
    #[must_use]
    pub fn instance(&self, instance: usize) -> Option<&Instance> {
        self.daemon.as_ref()?.instances.get(instance)?.as_ref()
    }

    /// Whether an address is one of its own on a link, wherever it is now.
    pub(super) fn is_at(&self, link: &IfName, address: IpAddr) -> bool {
        self.plan.addresses.iter().any(|(on, own)| (on, *own) == (link, address))
    }

    /// What the scripts of a sync group were told last, while the daemon runs.
    #[must_use]
    pub fn told(&self, group: &str) -> Option<Event> {
        self.daemon.as_ref()?.told.get(group).copied()
    }

    /// The state of an instance; INIT while no daemon runs.
    #[must_use]
    pub fn state(&self, instance: usize) -> State {
        self.instance(instance).map_or(State::Init, Instance::state)
    }

    /// The configuration of an instance, as it was meant.
    #[must_use]
    pub fn config(&self, instance: usize) -> &VrrpInstance {
        &self.plan.config.instances[instance]
    }

    /// The node's clock at a moment of the world.
    #[must_use]
    pub fn local(&self, world: Instant) -> Instant {
        self.plan.clock.local(world)
    }

    /// The node's wall clock at a moment of the world: set by NTP, it may be off and does not drift.
    #[must_use]
    pub(super) fn time_of_day(&self, world: Instant) -> Duration {
        /// 2027, or so.
        const BEGINNING: Duration = Duration::from_secs(1_800_000_000);
        BEGINNING + self.plan.wall_error + world.since(Instant::ZERO)
    }

    /// The address that an instance of this configuration sends from.
    #[must_use]
    pub(super) fn source(&self, config: &VrrpInstance) -> Option<IpAddr> {
        let addresses = self.kernel.addresses(lan_of(config));
        let listed: Vec<_> =
            addresses.map(|address| LinkAddress { net: IpNet::host(address), tentative: false }).collect();
        primary_source(config, &listed)
    }
}

/// The LAN of a router: plans put each on one.
pub(super) fn lan_of(config: &VrrpInstance) -> &IfName {
    config.interface.as_ref().expect("a router of a plan has an interface")
}
