//! Routes and rules of policy routing: how they are asked for, and by what they are known again.
//!
//! They are built by whoever knows what is wanted, as messages of the kernel's own; here is only what all
//! such messages have in common.

use super::KEEPALIVED_PROTOCOL;
use crate::types::IpNet;
use netlink_packet_core::Nla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteScope};
use netlink_packet_route::rule::{RuleAttribute, RuleFlags, RuleMessage};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a route goes among those with the same destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Position {
    /// Before them.
    First,
    /// Nowhere: it is refused.
    Only,
    /// Behind them.
    Last,
}

/// What tells one of our routes from the others.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RouteKey {
    destination: IpNet,
    source: Option<IpNet>,
    table: u32,
    kind: u8,
    tos: u8,
    metric: u32,
    /// Gateway and link of each way.
    ways: Vec<(Option<IpAddr>, u32)>,
}

/// What tells one of our rules from the others.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RuleKey {
    family: u8,
    action: u8,
    table: u32,
    tos: u8,
    lengths: (u8, u8),
    inverted: bool,
    /// By their numbers, as they are sent.
    attributes: BTreeMap<u16, Vec<u8>>,
}

/// Linux: IP6_RT_PRIO_USER, the metric of an IPv6 route that names none.
const IPV6_METRIC: u32 = 1024;

impl RouteKey {
    /// The key of a route, as asked for or as reported; `None` when it is not of IPv4 or IPv6.
    #[must_use]
    pub fn of(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let v6 = header.address_family == AddressFamily::Inet6;
        let any: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let mut key = Self {
            destination: IpNet::new(any, header.destination_prefix_length)?,
            source: None,
            table: header.table.into(),
            kind: header.kind.into(),
            tos: if v6 { 0 } else { header.tos },
            metric: 0,
            ways: Vec::new(),
        };
        let (mut gateway, mut link) = (None, 0);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(to) => key.destination.address = ip(to)?,
                RouteAttribute::Source(from) => {
                    key.source = IpNet::new(ip(from)?, header.source_prefix_length);
                }
                RouteAttribute::Table(table) => key.table = *table,
                RouteAttribute::Priority(metric) => key.metric = *metric,
                RouteAttribute::Gateway(via) => gateway = ip(via),
                RouteAttribute::Oif(index) => link = *index,
                RouteAttribute::MultiPath(hops) => {
                    key.ways.extend(hops.iter().map(|hop| {
                        let gateway = hop.attributes.iter().find_map(|attribute| match attribute {
                            RouteAttribute::Gateway(via) => ip(via),
                            _ => None,
                        });
                        (gateway, hop.interface_index)
                    }));
                }
                _ => {}
            }
        }
        if key.ways.is_empty() {
            key.ways.push((gateway, link));
        }
        key.ways.sort_unstable();
        if v6 && key.metric == 0 {
            key.metric = IPV6_METRIC;
        }
        Some(key)
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

impl RuleKey {
    /// The key of a rule, as asked for or as reported: what the kernel adds by itself is left out.
    #[must_use]
    pub fn of(message: &RuleMessage) -> Self {
        let header = &message.header;
        let mut key = Self {
            family: header.family.into(),
            action: header.action.into(),
            table: header.table.into(),
            tos: header.tos,
            lengths: (header.src_len, header.dst_len),
            inverted: header.flags.contains(RuleFlags::Invert),
            attributes: BTreeMap::new(),
        };
        let has_mark = message.attributes.iter().any(|a| matches!(a, RuleAttribute::FwMark(_)));
        let has_mask = message.attributes.iter().any(|a| matches!(a, RuleAttribute::FwMask(_)));
        let mask = (has_mark && !has_mask).then_some(RuleAttribute::FwMask(u32::MAX));
        for attribute in message.attributes.iter().chain(&mask) {
            match attribute {
                RuleAttribute::Table(table) => key.table = *table,
                RuleAttribute::SuppressIfGroup(u32::MAX)
                | RuleAttribute::SuppressPrefixLen(u32::MAX)
                | RuleAttribute::L3MDev(false)
                | RuleAttribute::Other(_) => {}
                attribute => {
                    let mut value = vec![0; attribute.value_len()];
                    attribute.emit_value(&mut value);
                    key.attributes.insert(attribute.kind(), value);
                }
            }
        }
        key
    }
}

/// Whether a route is marked as keepalived's, or ours.
pub(super) fn is_our_route(message: &RouteMessage) -> bool {
    u8::from(message.header.protocol) == KEEPALIVED_PROTOCOL
}

/// Whether a rule is.
pub(super) fn is_our_rule(message: &RuleMessage) -> bool {
    message.attributes.iter().any(|attribute| match attribute {
        RuleAttribute::Protocol(protocol) => u8::from(*protocol) == KEEPALIVED_PROTOCOL,
        _ => false,
    })
}

/// The same route, to be deleted: of any scope, unless one was asked for.
pub(super) fn removal(message: &RouteMessage) -> RouteMessage {
    let mut message = message.clone();
    if message.header.scope == RouteScope::Universe {
        message.header.scope = RouteScope::NoWhere;
    }
    message
}

/// A route in the words of `ip route`, as far as it takes to know which one it is.
pub(super) fn show_route(f: &mut fmt::Formatter<'_>, message: &RouteMessage) -> fmt::Result {
    let Some(key) = RouteKey::of(message) else { return f.write_str("the route") };
    write!(f, "the route to {}", key.destination)?;
    for (gateway, _) in key.ways {
        gateway.map_or(Ok(()), |gateway| write!(f, " via {gateway}"))?;
    }
    if key.table != MAIN_TABLE { write!(f, " table {}", key.table) } else { Ok(()) }
}

/// Linux: RT_TABLE_MAIN.
const MAIN_TABLE: u32 = 254;

/// A rule, likewise.
pub(super) fn show_rule(f: &mut fmt::Formatter<'_>, message: &RuleMessage) -> fmt::Result {
    let preference = message.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Priority(preference) => Some(*preference),
        _ => None,
    });
    write!(f, "the rule of preference {}", preference.unwrap_or(0))
}
