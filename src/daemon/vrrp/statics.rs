//! Static addresses, routes and rules: there from the start to the end, whatever the instances do.

use super::back_off::BackOff;
use super::kernel::{Done, is_altered, is_in_the_way, kernel_address, mending};
use super::ledger::{InstanceId, place};
use super::routing::Work;
use super::{Shared, task};
use crate::config::block::StaticObjects;
use crate::config::value::{Route, Rule, VirtualAddress};
use crate::sys::clock;
use crate::sys::netlink::Change;
use crate::types::{IfName, Instant};
use crate::vrrp::KernelChange;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Somebody who removes things again and again is answered this much later after [`PATIENCE`] times.
const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 10;

const OWNER: InstanceId = InstanceId::STATIC;

/// What keeps the static objects in the kernel.
pub(super) struct Statics {
    shared: Rc<Shared>,
    objects: StaticObjects,
    done: (mpsc::UnboundedSender<Done>, mpsc::UnboundedReceiver<Done>),
    /// When lost objects are looked for.
    recheck: Option<Instant>,
    /// Since when and how often somebody has been removing them.
    tug: (Instant, u32),
    /// For what the kernel refuses.
    back_off: BackOff,
}

impl Statics {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            shared,
            objects: StaticObjects::default(),
            done: mpsc::unbounded_channel(),
            recheck: None,
            tug: (clock::now(), 0),
            back_off: BackOff::default(),
        }
    }

    /// Brings the kernel from the objects so far to these, without touching what stays.
    pub(super) fn change(&mut self, new: &StaticObjects) {
        let old = std::mem::replace(&mut self.objects, new.clone());
        self.change_addresses(&KernelChange::between(old.addresses.iter(), new.addresses.iter(), place));
        self.change_routes(&KernelChange::between(old.routes.iter(), new.routes.iter(), Route::place));
        self.change_rules(&KernelChange::between(old.rules.iter(), new.rules.iter(), Rule::place));
        // What is there already may be there as we would not have it.
        self.mend();
    }

    /// What the kernel has said.
    pub(super) fn on_done(&mut self, done: &Done) {
        self.shared.tell_failures("", &done.failures);
        let refused = |change: &Change| matches!(change, Change::Add(_) | Change::AddRule(_));
        if !done.failures.iter().any(|(change, _)| refused(change)) {
            return;
        }
        self.recheck = Some(clock::now() + self.back_off.next());
    }

    fn change_addresses(&self, change: &KernelChange<VirtualAddress>) {
        let mut changes = Vec::new();
        {
            let (links, mut ledger) = (self.shared.links.borrow(), self.shared.ledger.borrow_mut());
            for address in &change.install {
                let before = ledger.want(OWNER, address).filter(|before| is_in_the_way(before, address));
                match links.get(&address.dev) {
                    Some(link) => {
                        let before = before.map(|before| kernel_address(link.index, &before));
                        changes.extend(before.map(Change::Remove));
                        changes.push(Change::Add(kernel_address(link.index, address)));
                    }
                    None => {
                        tracing::warn!("cannot add {}: there is no interface {}", address.net, address.dev)
                    }
                }
            }
            for address in &change.remove {
                if ledger.release(OWNER, address)
                    && let Some(link) = links.get(&address.dev)
                {
                    changes.push(Change::Remove(kernel_address(link.index, address)));
                }
            }
        }
        self.apply(changes);
    }

    fn change_routes(&self, change: &KernelChange<Route>) {
        let links = self.shared.links.borrow();
        let Work { changes, impossible } =
            self.shared.routing.borrow_mut().change_routes(OWNER, change, &links);
        for (route, link) in impossible {
            tracing::warn!("cannot add the route {route}: there is no interface {link}");
        }
        self.apply(changes);
    }

    fn change_rules(&self, change: &KernelChange<Rule>) {
        let changes = self.shared.routing.borrow_mut().change_rules(OWNER, change);
        self.apply(changes);
    }

    /// Something that is wanted here is gone.
    pub(super) fn on_gone(&mut self) {
        self.recheck.get_or_insert(clock::now() + task::RECHECK_DELAY);
    }

    /// A link has come up: what went with it nobody has removed.
    pub(super) fn on_link_up(&mut self, name: &IfName) {
        if self.objects.addresses.iter().any(|address| address.dev == *name) {
            let now = clock::now();
            self.tug = (now, 0);
            let soon = now + task::RECHECK_DELAY;
            self.recheck = Some(self.recheck.map_or(soon, |at| at.min(soon)));
        }
    }

    /// When [`Self::on_time`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.recheck
    }

    /// Puts back what somebody has removed, and what went with a link that is back.
    pub(super) fn on_time(&mut self) {
        let now = clock::now();
        if self.recheck.is_none_or(|at| at > now) {
            return;
        }
        self.recheck = None;
        self.mend();
        let (addresses, routes, rules) = self.lost();
        if addresses.is_empty() && routes.is_empty() && rules.is_empty() {
            self.back_off.reset();
            return;
        }
        let (since, count) = self.tug;
        self.tug = if now.since(since) < PAUSE { (since, count + 1) } else { (now, 1) };
        if self.tug.1 > PATIENCE {
            self.recheck = Some(now + PAUSE);
            return;
        }
        for address in &addresses {
            tracing::info!("Restoring deleted static address {address} set");
        }
        for route in &routes {
            tracing::info!("Restoring deleted static route {route}");
        }
        for rule in &rules {
            tracing::info!("Restoring deleted static rule {rule}");
        }
        self.change_addresses(&KernelChange::installing(addresses));
        self.change_routes(&KernelChange::installing(routes));
        self.change_rules(&KernelChange::installing(rules));
    }

    fn mend(&self) {
        let mut changes = Vec::new();
        let links = self.shared.links.borrow();
        for address in self.objects.addresses.iter().filter(|address| !address.no_track) {
            let (name, key) = place(address);
            if let Some(there) = links.address(&name, key).filter(|there| is_altered(address, there)) {
                tracing::info!("static address {address} was altered by somebody else, mending it");
                changes.extend(mending(address, there));
            }
        }
        self.apply(changes);
    }

    fn lost(&self) -> (Vec<VirtualAddress>, Vec<Route>, Vec<Rule>) {
        let links = self.shared.links.borrow();
        let is_lost = |address: &&VirtualAddress| {
            let (name, key) = place(address);
            let up = links.get(&name).is_some_and(|link| link.up);
            up && !address.no_track && links.address(&name, key).is_none()
        };
        let addresses = self.objects.addresses.iter().filter(is_lost).cloned().collect();
        let (mut routes, mut rules) = self.shared.routing.borrow().lost_by(OWNER, &links);
        routes.retain(|route| !route.no_track);
        rules.retain(|rule| !rule.no_track);
        (addresses, routes, rules)
    }

    /// Lets go of everything, rules first; told when that is done.
    pub(super) fn release(&mut self) -> mpsc::UnboundedReceiver<Done> {
        let StaticObjects { addresses, routes, rules, .. } = std::mem::take(&mut self.objects);
        self.change_rules(&KernelChange::removing(rules));
        self.change_routes(&KernelChange::removing(routes));
        self.change_addresses(&KernelChange::removing(addresses));
        let (done, is_done) = mpsc::unbounded_channel();
        self.shared.kernel.apply(Vec::new(), 0, &done);
        is_done
    }

    /// Hands over changes that nobody waits for.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.shared.kernel.apply(changes, 0, &self.done.0);
        }
    }

    /// What the kernel has said to changes. Cancel safe.
    pub(super) async fn next_done(&mut self) -> Option<Done> {
        self.done.1.recv().await
    }
}
