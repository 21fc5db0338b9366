//! What the monitor tells: links that come and go, and what somebody else does to ours on them.

use super::{
    Change, Control, Coordinator, Done, Event, IfName, Input, InstanceId, Instant, LinkStatus, PresentAddress,
};
use super::{SwitchInput, VrrpInstance, clock};
use crate::config::value::VirtualAddress;
use crate::daemon::vrrp::back_off::BackOff;
use crate::daemon::vrrp::ledger::Place;
use crate::daemon::vrrp::task::RECHECK_DELAY;
use crate::types::{AddressKey, IpNet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// So long after it was seen something that is none of ours is looked at again: what we remove may still be
/// on its way out, and what somebody puts there may not stay.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// A link that we make, and that somebody has removed or set down, is back before this: nobody need know.
const MAKING: Duration = Duration::from_millis(200);

/// What has happened in all events that have come at one time.
#[derive(Default)]
struct Happened {
    /// Links that are other than before, or whose addresses of others are.
    changed: BTreeSet<IfName>,
    anew: BTreeSet<IfName>,
    came_up: BTreeSet<IfName>,
    /// Links with another MAC address.
    readdressed: BTreeSet<IfName>,
    /// Who misses something.
    bereft: BTreeSet<InstanceId>,
    new_address: bool,
}

/// What is to be looked at once more.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    at: Option<Instant>,
    /// Links that have lost IPv4 addresses, and routes with them of which the kernel says nothing.
    bare: BTreeSet<IfName>,
    /// Virtual addresses that are where nobody here wants them.
    copies: BTreeSet<Place>,
    /// Links of ours that somebody has removed or set down, and when that becomes a fault.
    missing: BTreeMap<IfName, Instant>,
    /// Those that have been told and are still there.
    told: BTreeSet<Place>,
    /// Routes were refused: they are asked for again, that much later the time after that.
    refused: bool,
    back_off: BackOff,
}

impl Doubts {
    /// When they are to be looked into.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }

    /// Whether it is too early to call a link of ours missing.
    fn is_patient(&mut self, name: &IfName) -> bool {
        let now = clock::now();
        let until = *self.missing.entry(name.clone()).or_insert(now + MAKING);
        self.look_after(until.since(now));
        until > now
    }

    fn look_after(&mut self, delay: Duration) {
        let at = clock::now() + delay;
        self.at = Some(self.at.map_or(at, |earlier| earlier.min(at)));
    }
}

impl Coordinator {
    /// Takes all events that have come, links first in effect: an address that went with its link is
    /// no address that somebody took away.
    pub(super) fn on_events(&mut self, first: Event) {
        let mut happened = Happened::default();
        let mut next = Some(first);
        while let Some(event) = next {
            self.note(&event, &mut happened);
            self.log_event(&event);
            self.shared.links.borrow_mut().apply(&event);
            happened.bereft.extend(self.shared.routing.borrow_mut().apply(&event));
            next = self.events.try_recv().ok();
        }
        self.act_on(happened);
    }

    /// What an event means, beside what was known before.
    fn note(&mut self, event: &Event, happened: &mut Happened) {
        match event {
            Event::LinkAdded(link) | Event::LinkChanged(link) => {
                if matches!(event, Event::LinkAdded(_)) {
                    happened.anew.insert(link.name.clone());
                }
                happened.changed.insert(link.name.clone());
                let links = self.shared.links.borrow();
                let known = links.get(&link.name);
                if link.up && !known.is_some_and(|known| known.up) {
                    happened.came_up.insert(link.name.clone());
                }
                if known.is_some_and(|known| known.mac != link.mac) {
                    happened.readdressed.insert(link.name.clone());
                }
            }
            Event::LinkRemoved(link) => {
                happened.changed.insert(link.name.clone());
            }
            Event::AddressAdded(address) | Event::AddressChanged(address) => {
                happened.new_address = true;
                match self.unless_wanted(address) {
                    Some(link) => {
                        if self.is_virtual(address.net.address) {
                            self.doubts.copies.insert((link.clone(), address.key()));
                            self.doubts.look_after(SECOND_LOOK);
                        }
                        happened.changed.insert(link);
                    }
                    // It may not be what it was.
                    None if matches!(event, Event::AddressChanged(_)) || !address.is_ours() => {
                        happened.bereft.extend(self.wanting(address));
                    }
                    None => {}
                }
            }
            Event::AddressRemoved(address) => {
                happened.changed.extend(self.unless_wanted(address));
                happened.bereft.extend(self.wanting(address));
                if let Some(link) = self.shared.links.borrow().name(address.link) {
                    self.doubts.told.remove(&(link.clone(), address.key()));
                    if address.net.address.is_ipv4() {
                        self.doubts.bare.insert(link.clone());
                        // Behind what puts the addresses back.
                        self.doubts.look_after(RECHECK_DELAY * 4);
                    }
                }
            }
            Event::RouteAdded(_)
            | Event::RouteRemoved(_)
            | Event::RuleAdded(_)
            | Event::RuleRemoved(_)
            | Event::Synced => {}
        }
    }

    fn act_on(&mut self, happened: Happened) {
        let Happened { changed, anew, came_up, readdressed, mut bereft, new_address } = happened;
        for name in &anew {
            self.loans.renew(name);
            self.virtual_links.renew(name);
        }
        if !anew.is_empty() {
            self.memo.settle(&self.loans);
        }
        for name in &changed {
            let up = self.shared.links.borrow().get(name).is_some_and(|link| link.up);
            if up {
                self.doubts.missing.remove(name);
            } else if self.virtual_links.can_have(name) && self.doubts.is_patient(name) {
                continue;
            }
            self.tell_status(name);
        }
        self.shared.carry_out_coupling();
        self.virtual_links.review_near(&changed);
        if !changed.is_empty() {
            self.shared.redirect_reports(&self.config);
        }
        self.reassert(&came_up, new_address);
        // What went with a link is missed once there is one again.
        bereft.extend(self.shared.ledger.borrow().wanting_any(|(link, _)| came_up.contains(link)));
        if bereft.contains(&InstanceId::STATIC) {
            self.statics.on_gone();
        }
        let renewed: BTreeSet<&IfName> = readdressed.union(&came_up).collect();
        for handle in self.instances.iter().chain(&self.leaving) {
            let VrrpInstance { interface, track_source, .. } = &*handle.config;
            let links = [interface.as_ref(), handle.config.socket_link()];
            // Without an interface the source may be on any link.
            let anywhere = interface.is_none() && *track_source && !changed.is_empty();
            if anywhere || links.iter().flatten().any(|link| changed.contains(*link)) {
                handle.tell(Control::LinkChanged);
            }
            if bereft.contains(&handle.id) {
                handle.tell(Control::Look);
            }
            for link in with_addresses_of(&handle.config, &renewed) {
                handle.tell(Control::Input(Input::LinkRenewed(link.clone())));
            }
        }
    }

    fn tell_status(&mut self, name: &IfName) {
        let status = self.shared.links.borrow().get(name).map(|link| LinkStatus::of(link.up));
        let status = status.unwrap_or(LinkStatus::Absent);
        self.shared.coupling.handle(SwitchInput::Link(name.clone(), status));
    }

    /// Asks again for what was lost with a link, or could not be had so far.
    fn reassert(&mut self, came_up: &BTreeSet<IfName>, new_address: bool) {
        let mut changes = Vec::new();
        {
            let (links, mut routing) = (self.shared.links.borrow(), self.shared.routing.borrow_mut());
            changes.extend(came_up.iter().flat_map(|name| routing.reassert(name, &links)));
            if new_address && came_up.is_empty() {
                changes.extend(routing.retry(&links));
            }
        }
        self.statics.apply(changes);
        came_up.iter().for_each(|name| self.statics.on_link_up(name));
    }

    // What is looked at twice.

    /// At the start: what is there already is told as if it came now.
    pub(super) fn doubt_all_addresses(&mut self) {
        let copies: Vec<Place> = {
            let (links, ledger) = (self.shared.links.borrow(), self.shared.ledger.borrow());
            let all = links.all_addresses().map(|(name, address)| (name.clone(), address.key()));
            all.filter(|place| self.is_virtual(place.1.net.address) && !ledger.is_wanted(place)).collect()
        };
        if !copies.is_empty() {
            self.doubts.copies.extend(copies);
            self.doubts.look_after(SECOND_LOOK);
        }
    }

    pub(super) fn look_into_doubts(&mut self) {
        if self.doubts.at.is_none_or(|at| at > clock::now()) {
            return;
        }
        self.doubts.at = None;
        let now = clock::now();
        let missing = std::mem::take(&mut self.doubts.missing);
        let (late, waiting) = missing.into_iter().partition(|(_, until)| *until <= now);
        self.doubts.missing = waiting;
        BTreeMap::into_keys(late).for_each(|name| self.tell_status(&name));
        if let Some(next) = self.doubts.missing.values().min() {
            self.doubts.look_after(next.since(now));
        }
        let bare = std::mem::take(&mut self.doubts.bare);
        self.reassert_routes(&bare);
        if std::mem::take(&mut self.doubts.refused) {
            let changes = self.shared.routing.borrow_mut().retry(&self.shared.links.borrow());
            if changes.is_empty() {
                self.doubts.back_off.reset();
            }
            self.statics.apply(changes);
        }
        for place in std::mem::take(&mut self.doubts.copies) {
            self.look_at_copy(place);
        }
    }

    /// An answer may come after the address that would have made it another.
    pub(super) fn on_statics_done(&mut self, done: &Done) {
        self.statics.on_done(done);
        if done.failures.iter().any(|(change, _)| matches!(change, Change::AddRoute(..))) {
            self.doubts.refused = true;
            let delay = self.doubts.back_off.next();
            self.doubts.look_after(delay);
        }
    }

    /// The kernel says nothing of IPv4 routes that go with the last address of a link, or with the address
    /// that they are sent from. Of those that are still there it says that they are.
    fn reassert_routes(&mut self, bare: &BTreeSet<IfName>) {
        let mut changes = Vec::new();
        {
            let (links, mut routing) = (self.shared.links.borrow(), self.shared.routing.borrow_mut());
            let up = |name: &&IfName| links.get(name).is_some_and(|link| link.up);
            changes.extend(bare.iter().filter(up).flat_map(|name| routing.reassert(name, &links)));
        }
        self.statics.apply(changes);
    }

    /// A virtual address that somebody else has put on a link here: two nodes may answer for it. It is not
    /// ours to remove, as it is not keepalived's.
    fn look_at_copy(&mut self, place: Place) {
        let (name, AddressKey { net: IpNet { address: ip, .. }, .. }) = &place;
        let still_there = self.shared.links.borrow().address(name, place.1).is_some();
        if !still_there || self.shared.ledger.borrow().is_wanted(&place) {
            return;
        }
        let has = |instance: &&Arc<VrrpInstance>| instance.all_vips().any(|vip| vip.net.address == *ip);
        let Some(instance) = self.config.instances.iter().find(has) else { return };
        if self.doubts.told.contains(&place) {
            return;
        }
        tracing::warn!(
            "({}) {ip} is on {name}, and it was not put there by this instance: it is left alone, and two nodes may \
             answer for it",
            instance.name
        );
        self.doubts.told.insert(place);
    }

    fn is_virtual(&self, ip: IpAddr) -> bool {
        let mut all = self.config.instances.iter().flat_map(|instance| instance.all_vips());
        all.any(|vip| vip.net.address == ip)
    }

    /// The link of an address that is none of ours: it may become, or have been, somebody's source.
    fn unless_wanted(&self, address: &PresentAddress) -> Option<IfName> {
        let name = self.shared.links.borrow().name(address.link)?.clone();
        let wanted = self.shared.ledger.borrow().is_wanted(&(name.clone(), address.key()));
        (!wanted).then_some(name)
    }

    fn wanting(&self, address: &PresentAddress) -> Vec<InstanceId> {
        let links = self.shared.links.borrow();
        let Some(name) = links.name(address.link) else { return Vec::new() };
        self.shared.ledger.borrow().wanting(&(name.clone(), address.key())).collect()
    }

    fn log_event(&self, event: &Event) {
        let links = self.shared.links.borrow();
        let used = |name: &IfName| {
            let mut made = self.config.instances.iter().flat_map(|instance| instance.virtual_links());
            self.shared.coupling.ask(|board| board.uses(name)) || made.any(|link| link.name == *name)
        };
        match event {
            Event::LinkAdded(link) if used(&link.name) => tracing::debug!("Interface {} added", link.name),
            Event::LinkRemoved(link) if used(&link.name) => {
                tracing::debug!("Interface {} deleted", link.name)
            }
            Event::AddressRemoved(address) => {
                if let Some(name) = links.name(address.link)
                    && self.shared.ledger.borrow().is_wanted(&(name.clone(), address.key()))
                {
                    let ip = address.net.address;
                    tracing::debug!("Netlink reflector reports IP {ip} removed from {name}");
                }
            }
            _ => {}
        }
    }
}

/// Of these links, those that an instance has addresses on. Nobody else has anything to do when one is renewed, and a
/// thousand VMACs come up with their base.
fn with_addresses_of<'a>(config: &'a VrrpInstance, links: &BTreeSet<&IfName>) -> BTreeSet<&'a IfName> {
    if links.is_empty() {
        return BTreeSet::new();
    }
    config.all_vips().map(VirtualAddress::link).filter(|link| links.contains(link)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::sample;

    #[test]
    fn a_link_that_is_renewed_concerns_who_has_addresses_there() {
        let [eth0, eth1, eth2] = ["eth0", "eth1", "eth2"].map(|name| IfName::new(name).unwrap());
        let vip = |dev: &IfName| VirtualAddress::new(IpNet::host([10, 99, 0, 100].into()), dev.clone());
        let (vips, on_a_vmac) = (vec![vip(&eth0), vip(&eth0)], Some(eth1.clone()));
        let excluded_vips = vec![VirtualAddress { vmac: on_a_vmac, ..vip(&eth2) }];
        let config = VrrpInstance { interface: Some(eth2.clone()), vips, excluded_vips, ..sample() };
        let of = |links: &[&IfName]| with_addresses_of(&config, &links.iter().copied().collect()).len();
        assert_eq!([of(&[]), of(&[&eth0, &eth1, &eth2]), of(&[&eth1]), of(&[&eth2])], [0, 2, 1, 0]);
    }
}
