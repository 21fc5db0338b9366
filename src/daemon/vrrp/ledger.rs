//! Which instance wants what in the kernel: addresses, routes, rules.
//!
//! An address may move from one instance to another in a reload: it must never be removed while
//! anybody wants it, in whatever order the two instances hear of the change.

use crate::config::value::{Route, RoutePlace, Rule, VirtualAddress};
use crate::types::{AddressKey, IfName};
use std::collections::{BTreeMap, BTreeSet};

/// Tells instances apart for as long as the process lives; names may change in a reload.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct InstanceId(pub(super) u64);

impl InstanceId {
    /// Who wants the static objects: the daemon itself. Instances have higher numbers.
    pub(super) const STATIC: Self = Self(0);
}

/// Names an address in the kernel.
pub(super) type Place = (IfName, AddressKey);

/// Where the kernel has a virtual address.
pub(super) fn place(vip: &VirtualAddress) -> Place {
    (vip.link().clone(), vip.key())
}

/// Something that the kernel has one of at each place.
pub(super) trait Placed: Clone + PartialEq {
    /// Tells it from others in the kernel.
    type Place: Clone + Ord;

    /// Its place.
    fn place(&self) -> Self::Place;
}

impl Placed for VirtualAddress {
    type Place = Place;

    fn place(&self) -> Place {
        place(self)
    }
}

impl Placed for Route {
    type Place = RoutePlace;

    fn place(&self) -> RoutePlace {
        Self::place(self)
    }
}

impl Placed for Rule {
    type Place = Rule;

    fn place(&self) -> Rule {
        Self::place(self)
    }
}

/// The wanted state of the kernel's addresses, routes or rules.
#[derive(Debug)]
pub(super) struct Ledger<T: Placed> {
    wanted: BTreeMap<T::Place, Wanted<T>>,
    /// While a reload is under way: what would be removed, unless somebody wants it at its end.
    held: Option<Vec<T>>,
}

/// What is wanted at a place, and by whom.
#[derive(Debug)]
struct Wanted<T> {
    what: T,
    by: BTreeSet<InstanceId>,
}

impl<T: Placed> Default for Ledger<T> {
    fn default() -> Self {
        Self { wanted: BTreeMap::new(), held: None }
    }
}

impl<T: Placed> Ledger<T> {
    /// The instance wants it. What is returned has been at its place so far, and is different.
    pub(super) fn want(&mut self, instance: InstanceId, what: &T) -> Option<T> {
        let place = what.place();
        if let Some(wanted) = self.wanted.get_mut(&place) {
            wanted.by.insert(instance);
            let before = std::mem::replace(&mut wanted.what, what.clone());
            return (before != *what).then_some(before);
        }
        self.wanted.insert(place.clone(), Wanted { what: what.clone(), by: BTreeSet::from([instance]) });
        let held = self.held.as_mut()?;
        let index = held.iter().position(|held| held.place() == place)?;
        let before = held.swap_remove(index);
        (before != *what).then_some(before)
    }

    /// The instance no longer wants it; whether it is to be removed now.
    #[must_use]
    pub(super) fn release(&mut self, instance: InstanceId, what: &T) -> bool {
        let place = what.place();
        if let Some(wanted) = self.wanted.get_mut(&place) {
            wanted.by.remove(&instance);
            if !wanted.by.is_empty() {
                return false;
            }
            self.wanted.remove(&place);
        }
        match &mut self.held {
            Some(held) => {
                held.push(what.clone());
                false
            }
            None => true,
        }
    }

    /// Who wants what is at a place.
    pub(super) fn wanting(&self, place: &T::Place) -> impl Iterator<Item = InstanceId> + use<'_, T> {
        self.wanted.get(place).into_iter().flat_map(|wanted| &wanted.by).copied()
    }

    /// Who wants anything at places like these.
    pub(super) fn wanting_any(&self, like: impl Fn(&T::Place) -> bool) -> BTreeSet<InstanceId> {
        let wanted = self.wanted.iter().filter(|(place, _)| like(place));
        wanted.flat_map(|(_, wanted)| &wanted.by).copied().collect()
    }

    /// Whether anybody wants it.
    pub(super) fn is_wanted(&self, place: &T::Place) -> bool {
        self.wanted.contains_key(place)
    }

    /// What an instance wants.
    pub(super) fn wanted_by(&self, instance: InstanceId) -> impl Iterator<Item = (&T::Place, &T)> {
        let wanted = self.wanted.iter().filter(move |(_, wanted)| wanted.by.contains(&instance));
        wanted.map(|(place, wanted)| (place, &wanted.what))
    }

    /// All that anybody wants.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.wanted.values().map(|wanted| &wanted.what)
    }

    /// From here on nothing is removed.
    pub(super) fn hold_removals(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Ends [`Self::hold_removals`]; what is to be removed after all.
    #[must_use]
    pub(super) fn let_go(&mut self) -> Vec<T> {
        let held = self.held.take().unwrap_or_default();
        held.into_iter().filter(|what| !self.is_wanted(&what.place())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::IpNet;

    const A: InstanceId = InstanceId(1);
    const B: InstanceId = InstanceId(2);

    fn vip() -> VirtualAddress {
        VirtualAddress::new(IpNet::host([10, 99, 0, 100].into()), IfName::new("eth0").unwrap())
    }

    #[test]
    fn an_address_that_two_want_stays_until_the_last_lets_go() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.want(A, &vip()), None);
        assert_eq!(ledger.want(B, &vip()), None);
        assert!(!ledger.release(A, &vip()));
        assert!(ledger.release(B, &vip()));
    }

    #[test]
    fn what_takes_the_place_of_another_says_so_whether_that_is_wanted_or_held() {
        let (mut ledger, old) = (Ledger::default(), vip());
        let new = VirtualAddress { scope: 253, ..vip() };
        ledger.want(A, &old);
        assert_eq!(ledger.want(A, &new), Some(old.clone()));
        ledger.hold_removals();
        assert!(!ledger.release(A, &new));
        assert_eq!(ledger.want(B, &old), Some(new));
        assert_eq!(ledger.let_go(), []);
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
