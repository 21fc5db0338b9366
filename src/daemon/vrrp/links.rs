//! What the monitor has told so far: links, and the addresses on each in the kernel's order.

use crate::config::block::VrrpInstance;
use crate::sys::netlink::{Event, LinkState, PresentAddress};
use crate::types::{AddressKey, IfIndex, IfName, MacAddr};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// The links of this network namespace.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// By their births: in the order in which they came.
    links: BTreeMap<u64, Link>,
    by_index: BTreeMap<IfIndex, u64>,
    by_name: BTreeMap<IfName, u64>,
    births: u64,
}

/// Tells a link from one that was there before under the same number: what a socket had joined on that one
/// is gone with it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Incarnation {
    index: IfIndex,
    birth: u64,
}

#[derive(Debug)]
struct Link {
    state: LinkState,
    /// In the kernel's order: which address is the first decides where adverts come from.
    addresses: Vec<PresentAddress>,
}

impl Links {
    /// Takes over what an event says.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::LinkAdded(state) => {
                self.remove(state.index);
                self.births += 1;
                self.links.insert(self.births, Link { state: state.clone(), addresses: Vec::new() });
                self.by_index.insert(state.index, self.births);
                self.by_name.insert(state.name.clone(), self.births);
            }
            Event::LinkChanged(state) => {
                if let Some(link) = self.on(state.index) {
                    link.state = state.clone();
                }
            }
            Event::LinkRemoved(state) => self.remove(state.index),
            Event::AddressAdded(address) | Event::AddressChanged(address) => {
                let Some(link) = self.on(address.link) else { return };
                match link.addresses.iter_mut().find(|known| known.key() == address.key()) {
                    Some(known) => *known = *address,
                    None => link.addresses.push(*address),
                }
            }
            Event::AddressRemoved(address) => {
                if let Some(link) = self.on(address.link) {
                    link.addresses.retain(|known| known.key() != address.key());
                }
            }
            // Routes and rules are others' business.
            _ => {}
        }
    }

    fn on(&mut self, index: IfIndex) -> Option<&mut Link> {
        self.links.get_mut(self.by_index.get(&index)?)
    }

    fn named(&self, name: &IfName) -> Option<&Link> {
        self.links.get(self.by_name.get(name)?)
    }

    fn remove(&mut self, index: IfIndex) {
        let Some(birth) = self.by_index.remove(&index) else { return };
        let Some(link) = self.links.remove(&birth) else { return };
        // Another may have its name by now.
        if self.by_name.get(&link.state.name) == Some(&birth) {
            self.by_name.remove(&link.state.name);
        }
    }

    /// The link of that name, if there is one now.
    pub(super) fn get(&self, name: &IfName) -> Option<&LinkState> {
        self.named(name).map(|link| &link.state)
    }

    /// Which of the links that there have been under that name is there now.
    pub(super) fn incarnation(&self, name: &IfName) -> Option<Incarnation> {
        let birth = *self.by_name.get(name)?;
        Some(Incarnation { index: self.links.get(&birth)?.state.index, birth })
    }

    /// What the sockets of an instance are bound to, if anything; `None`: it is not there.
    pub(super) fn socket_link(&self, config: &VrrpInstance) -> Option<Option<(&LinkState, Incarnation)>> {
        match config.socket_link() {
            Some(name) => Some(Some(self.get(name).zip(self.incarnation(name))?)),
            None => Some(None),
        }
    }

    /// All addresses, each with the name of its link.
    pub(super) fn all_addresses(&self) -> impl Iterator<Item = (&IfName, &PresentAddress)> {
        self.links.values().flat_map(|link| link.addresses.iter().map(|address| (&link.state.name, address)))
    }

    /// A number that is not that of any interface group here.
    pub(super) fn free_group(&self) -> NonZeroU32 {
        let taken: BTreeSet<u32> = self.links.values().map(|link| link.state.group).collect();
        let mut free =
            (1..=u32::MAX).rev().filter(|group| !taken.contains(group)).filter_map(NonZeroU32::new);
        free.next().unwrap_or(NonZeroU32::MAX)
    }

    /// The link on top of which another is, or that link itself.
    pub(super) fn below<'a>(&'a self, name: &'a IfName) -> &'a IfName {
        let base = self.get(name).and_then(|link| link.base);
        base.and_then(|index| self.name(index)).unwrap_or(name)
    }

    /// The name of a link, by its number.
    pub(super) fn name(&self, index: IfIndex) -> Option<&IfName> {
        self.links.get(self.by_index.get(&index)?).map(|link| &link.state.name)
    }

    /// The addresses on a link, in the kernel's order.
    pub(super) fn addresses(&self, name: &IfName) -> impl Iterator<Item = &PresentAddress> {
        self.named(name).into_iter().flat_map(|link| &link.addresses)
    }

    /// The address as it is on the link; `None` when it is not there.
    pub(super) fn address(&self, name: &IfName, key: AddressKey) -> Option<&PresentAddress> {
        self.named(name)?.addresses.iter().find(|address| address.key() == key)
    }

    /// Whether a link here has this MAC address.
    pub(super) fn has_mac(&self, mac: MacAddr) -> bool {
        self.links.values().any(|link| link.state.mac == Some(mac))
    }

    /// Every link, and whether it is up.
    pub(super) fn states(&self) -> impl Iterator<Item = (IfName, bool)> + '_ {
        self.links.values().map(|link| (link.state.name.clone(), link.state.up))
    }
}
