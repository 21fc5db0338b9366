//! Facts about the machine that a configuration is checked against.
//!
//! The pure ring asks, it never looks: a file can be checked for a machine that is not this one.

use crate::types::IfName;
use std::collections::BTreeMap;

/// The answer to a question about the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fact<T> {
    /// Nobody looked: whatever depends on it is taken to be in order.
    Unchecked,
    /// It is not there.
    Absent,
    /// It is there.
    Known(T),
}

/// What is asked of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkFacts {
    /// Bytes of the largest packet; `None` when not known (1500 is assumed).
    pub mtu: Option<u32>,
    /// `lo` and the like, on which no virtual router runs.
    pub loopback: bool,
}

/// What is asked of a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
}

/// The machine, as far as a configuration is concerned.
pub trait Environment {
    /// An interface by name.
    fn link(&self, name: &IfName) -> Fact<LinkFacts>;
    /// A user by name.
    fn user(&self, name: &str) -> Fact<Account>;
    /// A group by name.
    fn group(&self, name: &str) -> Fact<u32>;
}

/// A machine of which nothing is known: every name is taken to exist.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere;

impl Environment for Anywhere {
    fn link(&self, _: &IfName) -> Fact<LinkFacts> {
        Fact::Unchecked
    }

    fn user(&self, _: &str) -> Fact<Account> {
        Fact::Unchecked
    }

    fn group(&self, _: &str) -> Fact<u32> {
        Fact::Unchecked
    }
}

/// A machine described by lists: what the daemon collects before it reads the file, and what tests make up.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Interfaces; `None`: not checked.
    pub links: Option<BTreeMap<String, LinkFacts>>,
    /// Users; `None`: not checked.
    pub users: Option<BTreeMap<String, Account>>,
    /// Groups; `None`: not checked.
    pub groups: Option<BTreeMap<String, u32>>,
}

fn look_up<T: Copy>(table: Option<&BTreeMap<String, T>>, name: &str) -> Fact<T> {
    match table {
        None => Fact::Unchecked,
        Some(table) => table.get(name).map_or(Fact::Absent, |value| Fact::Known(*value)),
    }
}

impl Environment for Described {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        look_up(self.links.as_ref(), name.as_str())
    }

    fn user(&self, name: &str) -> Fact<Account> {
        look_up(self.users.as_ref(), name)
    }

    fn group(&self, name: &str) -> Fact<u32> {
        look_up(self.groups.as_ref(), name)
    }
}
