//! Which instance wants which address in the kernel.
//!
//! An address may move from one instance to another in a reload: it must never be removed while
//! anybody wants it, in whatever order the two instances hear of the change.

use crate::config::value::VirtualAddress;
use crate::types::{IfName, IpNet};
use std::collections::{BTreeMap, BTreeSet};

/// Tells instances apart for as long as the process lives; names may change in a reload.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct InstanceId(pub(super) u64);

/// Names an address in the kernel.
pub(super) type Place = (IfName, IpNet);

/// Where the kernel has a virtual address: with a peer, under the peer's prefix.
pub(super) fn place(vip: &VirtualAddress) -> Place {
    let prefix = vip.peer.map_or(vip.net.prefix, |peer| peer.prefix);
    (vip.dev.clone(), IpNet { address: vip.net.address, prefix })
}

/// The wanted state of the kernel's addresses.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    wanted: BTreeMap<Place, BTreeSet<InstanceId>>,
    /// While a reload is under way: what would be removed, unless somebody wants it at its end.
    held: Option<Vec<VirtualAddress>>,
}

impl Ledger {
    /// The instance wants the address.
    pub(super) fn want(&mut self, instance: InstanceId, vip: &VirtualAddress) {
        self.wanted.entry(place(vip)).or_default().insert(instance);
    }

    /// The instance no longer wants it; whether it is to be removed now.
    #[must_use]
    pub(super) fn release(&mut self, instance: InstanceId, vip: &VirtualAddress) -> bool {
        let place = place(vip);
        if let Some(wanting) = self.wanted.get_mut(&place) {
            wanting.remove(&instance);
            if !wanting.is_empty() {
                return false;
            }
            self.wanted.remove(&place);
        }
        match &mut self.held {
            Some(held) => {
                held.push(vip.clone());
                false
            }
            None => true,
        }
    }

    /// Who wants the address.
    pub(super) fn wanting(&self, place: &Place) -> impl Iterator<Item = InstanceId> + '_ {
        self.wanted.get(place).into_iter().flatten().copied()
    }

    /// Whether anybody wants it.
    pub(super) fn is_wanted(&self, place: &Place) -> bool {
        self.wanted.contains_key(place)
    }

    /// What an instance wants.
    pub(super) fn wanted_by(&self, instance: InstanceId) -> impl Iterator<Item = &Place> {
        self.wanted.iter().filter(move |(_, wanting)| wanting.contains(&instance)).map(|(place, _)| place)
    }

    /// From here on nothing is removed.
    pub(super) fn hold_removals(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Ends [`Self::hold_removals`]; what is to be removed after all.
    #[must_use]
    pub(super) fn let_go(&mut self) -> Vec<VirtualAddress> {
        let held = self.held.take().unwrap_or_default();
        held.into_iter().filter(|vip| !self.is_wanted(&place(vip))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InstanceId = InstanceId(1);
    const B: InstanceId = InstanceId(2);

    fn vip() -> VirtualAddress {
        VirtualAddress::new(IpNet::host([10, 99, 0, 100].into()), IfName::new("eth0").unwrap())
    }

    #[test]
    fn an_address_that_two_want_stays_until_the_last_lets_go() {
        let mut ledger = Ledger::default();
        ledger.want(A, &vip());
        ledger.want(B, &vip());
        assert!(!ledger.release(A, &vip()));
        assert!(ledger.release(B, &vip()));
    }

    #[test]
    fn leftovers_that_nobody_wants_are_removed() {
        assert!(Ledger::default().release(A, &vip()));
    }

    #[test]
    fn an_address_that_moves_in_a_reload_is_never_removed_in_either_order() {
        for new_owner_first in [true, false] {
            let mut ledger = Ledger::default();
            ledger.want(A, &vip());
            ledger.hold_removals();
            if new_owner_first {
                ledger.want(B, &vip());
            }
            assert!(!ledger.release(A, &vip()));
            ledger.want(B, &vip());
            assert_eq!(ledger.let_go(), []);
        }
    }

    #[test]
    fn what_a_reload_drops_is_removed_at_its_end() {
        let mut ledger = Ledger::default();
        ledger.want(A, &vip());
        ledger.hold_removals();
        assert!(!ledger.release(A, &vip()));
        assert_eq!(ledger.let_go(), [vip()]);
        assert!(ledger.let_go().is_empty());
    }
}
