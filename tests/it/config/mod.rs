//! Configuration files from text to the resolved model, with all that is said about them.

mod auth;
mod corpus;
mod dump;
mod examples;
mod groups;
mod lvs;
mod mistakes;
mod model;
mod routes;
mod suggestions;

use std::collections::BTreeMap;
use std::path::Path;
use vrrpd::config::environment::{Account, Described, LinkFacts};
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Loaded, load};

/// A machine with lo, eth0 and eth1 and the users root and nobody.
pub(crate) fn machine() -> Described {
    machine_with(&["eth0", "eth1"])
}

pub(crate) fn machine_with(interfaces: &[&str]) -> Described {
    let ethernet = interfaces
        .iter()
        .map(|name| (name.to_string(), LinkFacts { mtu: Some(1500), ..LinkFacts::default() }));
    let loopback = ("lo".to_string(), LinkFacts { mtu: Some(65536), loopback: true, ..LinkFacts::default() });
    let users = [("root", 0), ("nobody", 65534)];
    let account = |(name, id): (&str, u32)| (name.to_string(), Account { uid: id, gid: id });
    let groups = [("root", 0), ("nogroup", 65534)];
    Described {
        links: Some(ethernet.chain([loopback]).collect()),
        users: Some(users.into_iter().map(account).collect()),
        groups: Some(groups.into_iter().map(|(name, id)| (name.to_string(), id)).collect::<BTreeMap<_, _>>()),
        ..Described::default()
    }
}

/// Loads one file on that machine.
pub(crate) fn loaded(text: impl AsRef<[u8]>) -> Loaded {
    load(Path::new("k.conf"), &MemoryFiles::single("k.conf", text), &machine())
}

/// An instance in order, with room for one more line of each kind.
pub(crate) fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n  10.0.0.1/24\n }}\n {lines}\n}}\n"
    )
}

/// `line:id` of each diagnostic, in order.
pub(crate) fn said(loaded: &Loaded) -> Vec<String> {
    let at = |d: &vrrpd::config::Diagnostic| d.span.map_or(0, |span| loaded.sources.position(span).0);
    loaded.diagnostics.iter().map(|d| format!("{}:{}", at(d), d.id)).collect()
}
