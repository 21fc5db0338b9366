//! rtnetlink: a writer that changes addresses, routes, rules and links in batches, a monitor that tells what is there.

mod dump;
mod link;
mod monitor;
mod query;
mod routing;
mod writer;

pub use link::{LinkKind, NewLink};
pub use monitor::{Event, LinkState, Monitor, PresentAddress};
pub use query::{LinkInfo, link_info, link_names};
pub use routing::{Position, RouteKey, RuleKey};
pub(super) use writer::acknowledgements;
pub use writer::{Change, Failure, Setting, Writer};

use crate::types::{IfIndex, IpNet};
use netlink_packet_core::NetlinkBuffer;
use std::net::Ipv4Addr;

/// The protocol of addresses, routes and rules that this daemon added: keepalived's number in rt_protos.
pub const KEEPALIVED_PROTOCOL: u8 = 18;

/// An address as it is asked of the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// The link it lives on.
    pub link: IfIndex,
    /// Address and prefix.
    pub net: IpNet,
    /// The far end of a point-to-point address.
    pub peer: Option<IpNet>,
    /// IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// 0 global, 253 link, 254 host.
    pub scope: u8,
    /// IPv4 only, at most 15 bytes, beginning with the name of the link by custom.
    pub label: Option<String>,
    /// Seconds that it stays preferred as a source; `None`: forever.
    pub preferred_lft: Option<u32>,
    /// No duplicate address detection (IPv6).
    pub nodad: bool,
    /// A home address (IPv6).
    pub home: bool,
    /// Temporary addresses are made from it (IPv6).
    pub mngtmpaddr: bool,
    /// No route for the prefix.
    pub noprefixroute: bool,
    /// The kernel joins the multicast group that the address names.
    pub autojoin: bool,
}

/// The messages in a datagram.
fn messages(mut datagram: &[u8]) -> impl Iterator<Item = NetlinkBuffer<&[u8]>> {
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(datagram).ok()?;
        datagram = datagram.get((message.length() as usize).next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

#[cfg(test)]
mod tests;
