//! The machine that we run on, as a configuration is checked against it.

use crate::config::environment::{Account, Environment, Fact, LinkFacts};
use crate::sys::{account, link_info};
use crate::types::IfName;
use std::io;

/// Answers from the kernel and the user database, at the moment of the question.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Environment for Machine {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        let facts = |info: link_info::LinkInfo| LinkFacts { mtu: Some(info.mtu), loopback: info.loopback };
        fact(link_info::link_info(name).map(|info| info.map(facts)))
    }

    fn user(&self, name: &str) -> Fact<Account> {
        let numbers = |account: account::Account| Account { uid: account.uid, gid: account.gid };
        fact(account::user(name).map(|found| found.map(numbers)))
    }

    fn group(&self, name: &str) -> Fact<u32> {
        fact(account::group(name))
    }
}

/// What cannot be found out is not held against the configuration.
fn fact<T>(answer: io::Result<Option<T>>) -> Fact<T> {
    match answer {
        Ok(Some(value)) => Fact::Known(value),
        Ok(None) => Fact::Absent,
        Err(_) => Fact::Unchecked,
    }
}
