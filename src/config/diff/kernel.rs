//! What two configurations of an instance differ in that the kernel has.

use crate::config::block::VrrpInstance;
use crate::config::value::{Route, Rule, VirtualAddress};

/// A change of what the kernel has of ours. Installing what is there and removing what is not are no errors.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KernelChange<T> {
    /// To be there, in this order; done before the removals. One that has the place of another takes it.
    pub install: Vec<T>,
    /// To be gone.
    pub remove: Vec<T>,
}

/// A change of addresses.
pub type AddressChange = KernelChange<VirtualAddress>;

impl AddressChange {
    /// From the addresses of one configuration of an instance to those of another.
    #[must_use]
    pub fn of_addresses(old: &VrrpInstance, new: &VrrpInstance) -> Self {
        let had = old.all_vips();
        let has = new.all_vips();
        Self::between(had, has, |vip| (vip.key(), vip.link()))
    }
}

impl KernelChange<Route> {
    /// From the routes of one configuration of an instance to those of another.
    #[must_use]
    pub fn of_routes(old: &VrrpInstance, new: &VrrpInstance) -> Self {
        Self::between(old.routes.iter(), new.routes.iter(), Route::place)
    }
}

impl KernelChange<Rule> {
    /// From the rules of one configuration of an instance to those of another.
    #[must_use]
    pub fn of_rules(old: &VrrpInstance, new: &VrrpInstance) -> Self {
        Self::between(old.rules.iter(), new.rules.iter(), Rule::place)
    }
}

impl<T> KernelChange<T> {
    /// Nothing but installing.
    #[must_use]
    pub const fn installing(install: Vec<T>) -> Self {
        Self { install, remove: Vec::new() }
    }

    /// Nothing but removing.
    #[must_use]
    pub const fn removing(remove: Vec<T>) -> Self {
        Self { install: Vec::new(), remove }
    }

    /// The removals alone.
    #[must_use]
    pub fn only_removing(self) -> Self {
        Self::removing(self.remove)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.install.is_empty() && self.remove.is_empty()
    }
}

impl<T: Clone + PartialEq> KernelChange<T> {
    /// What leads from one list to another, without touching what stays; what has the same `place` as
    /// something else need not be removed first.
    pub(crate) fn between<'a, P: PartialEq>(
        had: impl Iterator<Item = &'a T> + Clone,
        has: impl Iterator<Item = &'a T> + Clone,
        place: impl Fn(&'a T) -> P,
    ) -> Self
    where
        T: 'a,
    {
        let stays = |old: &'a T| has.clone().any(|new| place(new) == place(old));
        Self {
            remove: had.clone().filter(|old| !stays(old)).cloned().collect(),
            install: has.clone().filter(|new| !had.clone().any(|old| old == *new)).cloned().collect(),
        }
    }
}
