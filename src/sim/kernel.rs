//! A node's kernel, as far as VRRP sees it, with the queue of work that the daemon has given it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use crate::config::value::{Route, RoutePlace, Rule};
use crate::types::IfName;
use crate::vrrp::{AddressChange, Announce, Blocked, KernelChange};

/// Work that is done in order, some time after it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Drop the packets of addresses, or no longer.
    Firewall(KernelChange<Blocked>),
    /// Change addresses.
    Addresses(AddressChange),
    /// Change routes.
    Routes(KernelChange<Route>),
    /// Change rules of policy routing.
    Rules(KernelChange<Rule>),
    /// Send announcements.
    Announce(Announce),
}

/// Links, the addresses on them, and what the daemon still wants changed.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    links: BTreeMap<IfName, bool>,
    addresses: BTreeSet<(IfName, IpAddr)>,
    blocked: BTreeSet<(IfName, IpAddr)>,
    routes: BTreeSet<RoutePlace>,
    rules: BTreeSet<Rule>,
    queue: VecDeque<Operation>,
}

impl Kernel {
    /// A kernel with these links, all up.
    #[must_use]
    pub fn new(links: impl IntoIterator<Item = IfName>) -> Self {
        Self { links: links.into_iter().map(|link| (link, true)).collect(), ..Self::default() }
    }

    /// Puts an address on a link, as an administrator does.
    pub fn add(&mut self, link: IfName, address: IpAddr) {
        self.addresses.insert((link, address));
    }

    /// Takes an address away, as a stranger does; whether it was there.
    pub fn remove(&mut self, link: &IfName, address: IpAddr) -> bool {
        self.addresses.remove(&(link.clone(), address))
    }

    /// Whether an address is on a link.
    #[must_use]
    pub fn has(&self, link: &IfName, address: IpAddr) -> bool {
        self.addresses.contains(&(link.clone(), address))
    }

    /// Whether the packets of an address on a link are dropped.
    #[must_use]
    pub fn drops(&self, link: &IfName, address: IpAddr) -> bool {
        self.blocked.contains(&(link.clone(), address))
    }

    /// Drops no packets any more.
    pub(super) fn drop_nothing(&mut self) {
        self.blocked.clear();
    }

    /// The addresses of a link.
    pub fn addresses<'a>(&'a self, link: &'a IfName) -> impl Iterator<Item = IpAddr> + 'a {
        self.addresses.iter().filter(move |(on, _)| on == link).map(|(_, address)| *address)
    }

    /// Takes a route away, as a stranger does; whether it was there.
    pub fn remove_route(&mut self, place: &RoutePlace) -> bool {
        self.routes.remove(place)
    }

    /// Takes a rule away, as a stranger does; whether it was there.
    pub fn remove_rule(&mut self, place: &Rule) -> bool {
        self.rules.remove(place)
    }

    /// Whether a route is there.
    #[must_use]
    pub fn has_route(&self, place: &RoutePlace) -> bool {
        self.routes.contains(place)
    }

    /// Whether a rule is there.
    #[must_use]
    pub fn has_rule(&self, place: &Rule) -> bool {
        self.rules.contains(place)
    }

    /// Whether a link is there, up and running.
    #[must_use]
    pub fn is_up(&self, link: &IfName) -> bool {
        self.links.get(link).copied().unwrap_or(false)
    }

    /// Plugs a cable in or pulls it; whether that changed anything.
    pub fn set_link(&mut self, link: &IfName, up: bool) -> bool {
        self.links.insert(link.clone(), up) != Some(up)
    }

    /// Every link.
    pub fn links(&self) -> impl Iterator<Item = (IfName, bool)> + '_ {
        self.links.iter().map(|(link, up)| (link.clone(), *up))
    }

    /// Queues work. An address that is to go is no longer announced, even if that was queued before.
    pub fn submit(&mut self, operation: Operation) {
        if let Operation::Addresses(change) = &operation {
            let gone = |target: &(IfName, IpAddr)| {
                change.remove.iter().any(|vip| (vip.link(), vip.net.address) == (&target.0, target.1))
            };
            for queued in &mut self.queue {
                if let Operation::Announce(announce) = queued {
                    announce.targets.retain(|target| !gone(target));
                }
            }
        }
        self.queue.push_back(operation);
    }

    /// Announces nothing that it has been given to announce.
    pub fn hush(&mut self) {
        self.queue.retain(|queued| !matches!(queued, Operation::Announce(_)));
    }

    /// Whether there is work.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Does the next piece of work; announcements are the caller's to put on the wire.
    pub fn work(&mut self) -> Option<Announce> {
        match self.queue.pop_front()? {
            Operation::Announce(announce) => Some(announce),
            Operation::Firewall(change) => {
                self.blocked.extend(change.install.into_iter().map(|one| (one.link, one.address)));
                for one in change.remove {
                    self.blocked.remove(&(one.link, one.address));
                }
                None
            }
            Operation::Addresses(change) => {
                self.addresses
                    .extend(change.install.into_iter().map(|vip| (vip.link().clone(), vip.net.address)));
                for vip in change.remove {
                    self.addresses.remove(&(vip.link().clone(), vip.net.address));
                }
                None
            }
            Operation::Routes(change) => {
                self.routes.extend(change.install.iter().map(Route::place));
                for route in change.remove {
                    self.routes.remove(&route.place());
                }
                None
            }
            Operation::Rules(change) => {
                self.rules.extend(change.install.iter().map(Rule::place));
                for rule in change.remove {
                    self.rules.remove(&rule.place());
                }
                None
            }
        }
    }

    /// The daemon dies: what it has not yet asked for never happens.
    pub fn forget_work(&mut self) {
        self.queue.clear();
    }
}
