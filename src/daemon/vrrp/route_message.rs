//! Routes and rules as the kernel wants them.

use super::links::Links;
use crate::config::value::{
    Encap, IpEncap, Metric, Metrics, NextHop, Placement, Realms, Route, Rule, RuleAction,
};
use crate::sys::netlink::Position;
use crate::types::{Family, IfName, IpNet};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    MplsLabel, RouteAttribute, RouteFlags, RouteIp6Tunnel, RouteIp6TunnelFlags, RouteIpTunnel,
    RouteIpTunnelFlags, RouteLwEnCapType, RouteLwTunnelEncap, RouteMessage, RouteMetric, RouteMplsIpTunnel,
    RouteMplsTtlPropagation, RouteNextHop, RouteNextHopFlags, RouteRealm, RouteScope,
};
use netlink_packet_route::rule::{
    RuleAction as KernelAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};

/// Linux: ILA_ATTR_LOCATOR.
const ILA_LOCATOR: u16 = 1;

/// A route as the kernel wants it.
///
/// # Errors
/// The interface that is not there.
pub(super) fn route_message<'r>(route: &'r Route, links: &Links) -> Result<RouteMessage, &'r IfName> {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(route.family());
    header.destination_prefix_length = route.destination.prefix;
    header.tos = route.tos.unwrap_or(0);
    header.protocol = route.protocol().into();
    header.scope = route.scope.map_or(RouteScope::Universe, RouteScope::from);
    header.kind = route.kind.0.into();
    header.flags.set(RouteFlags::Onlink, route.onlink);
    let attributes = &mut message.attributes;
    match u8::try_from(route.table) {
        Ok(table) => header.table = table,
        Err(_) => attributes.push(RouteAttribute::Table(route.table)),
    }
    if route.destination.prefix > 0 {
        attributes.push(RouteAttribute::Destination(route.destination.address.into()));
    }
    if let Some(source) = route.source.filter(|source| source.prefix > 0) {
        header.source_prefix_length = source.prefix;
        attributes.push(RouteAttribute::Source(source.address.into()));
    }
    attributes.extend(route.preferred_source.map(|source| RouteAttribute::PrefSource(source.into())));
    attributes.extend(route.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
    attributes.extend(route.encap.iter().flat_map(encap));
    if let Some(dev) = &route.dev {
        attributes.push(RouteAttribute::Oif(index(dev, links)?));
    }
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    attributes.extend(realm(route.realms).map(RouteAttribute::Realm));
    attributes.extend(route.expires.map(RouteAttribute::Expires));
    attributes.extend(route.preference.map(|preference| RouteAttribute::Preference(preference.into())));
    attributes.extend(route.ttl_propagate.map(|on| {
        RouteAttribute::TtlPropagate(match on {
            true => RouteMplsTtlPropagation::Enabled,
            false => RouteMplsTtlPropagation::Disabled,
        })
    }));
    let metrics = metrics(&route.metrics);
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    if !route.nexthops.is_empty() {
        let hops = route.nexthops.iter().map(|hop| next_hop(hop, links)).collect::<Result<_, _>>()?;
        attributes.push(RouteAttribute::MultiPath(hops));
    }
    Ok(message)
}

/// Where a route goes among others.
pub(super) fn position(placement: Placement) -> Position {
    match placement {
        Placement::Prepend => Position::First,
        Placement::Add => Position::Only,
        Placement::Append => Position::Last,
    }
}

fn family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

fn index<'n>(name: &'n IfName, links: &Links) -> Result<u32, &'n IfName> {
    links.get(name).map(|link| link.index.get()).ok_or(name)
}

fn realm(realms: Realms) -> Option<RouteRealm> {
    let Realms { source, destination } = realms;
    (!realms.is_none()).then(|| RouteRealm { source: source.into(), destination: destination.into() })
}

fn metrics(metrics: &Metrics) -> Vec<RouteMetric> {
    let name = metrics.congestion_control.clone().map(RouteMetric::CcAlgo);
    let value = |(metric, value): (&Metric, &u32)| {
        let known = match metric {
            Metric::Mtu => RouteMetric::Mtu,
            Metric::Window => RouteMetric::Window,
            Metric::Rtt => RouteMetric::Rtt,
            Metric::RttVar => RouteMetric::RttVar,
            Metric::SlowStart => RouteMetric::SsThresh,
            Metric::CongestionWindow => RouteMetric::Cwnd,
            Metric::AdvertisedMss => RouteMetric::Advmss,
            Metric::Reordering => RouteMetric::Reordering,
            Metric::HopLimit => RouteMetric::Hoplimit,
            Metric::InitialWindow => RouteMetric::InitCwnd,
            Metric::Features => RouteMetric::Features,
            Metric::MinimumRto => RouteMetric::RtoMin,
            Metric::InitialReceiveWindow => RouteMetric::InitRwnd,
            Metric::QuickAck => RouteMetric::QuickAck,
            Metric::FastOpenNoCookie => RouteMetric::FastopenNoCookie,
            Metric::CongestionControl => return None,
        };
        Some(known(*value))
    };
    let mut all: Vec<_> = name.into_iter().chain(metrics.values.iter().filter_map(value)).collect();
    if metrics.locked != 0 && !all.is_empty() {
        all.push(RouteMetric::Lock(metrics.locked));
    }
    all
}

fn next_hop<'r>(hop: &'r NextHop, links: &Links) -> Result<RouteNextHop, &'r IfName> {
    let mut message = RouteNextHop::default();
    message.flags.set(RouteNextHopFlags::Onlink, hop.onlink);
    // The kernel counts from 0 what is written from 1.
    message.hops = hop.weight.map_or(0, |weight| u8::try_from(weight - 1).unwrap_or(u8::MAX));
    if let Some(dev) = &hop.dev {
        message.interface_index = index(dev, links)?;
    }
    message.attributes.extend(hop.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
    message.attributes.extend(realm(hop.realms).map(RouteAttribute::Realm));
    message.attributes.extend(hop.encap.iter().flat_map(encap));
    Ok(message)
}

fn encap(encap: &Encap) -> [RouteAttribute; 2] {
    let (kind, parts) = match encap {
        Encap::Mpls(labels) => {
            let last = labels.len().saturating_sub(1);
            let label = |(n, label): (usize, &u32)| MplsLabel {
                label: *label,
                traffic_class: 0,
                bottom_of_stack: n == last,
                ttl: 0,
            };
            let stack = labels.iter().enumerate().map(label).collect();
            let parts = vec![RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(stack))];
            (RouteLwEnCapType::Mpls, parts)
        }
        Encap::Ip(tunnel) => {
            let IpEncap { id, destination, source, tos, ttl, flags } = *tunnel;
            let flags = flags.map(RouteIpTunnelFlags::from_bits_retain);
            let parts = [
                id.map(RouteIpTunnel::Id),
                destination.map(RouteIpTunnel::Destination),
                source.map(RouteIpTunnel::Source),
                tos.map(RouteIpTunnel::Tos),
                ttl.map(RouteIpTunnel::Ttl),
                flags.map(RouteIpTunnel::Flags),
            ];
            let parts = parts.into_iter().flatten().map(RouteLwTunnelEncap::Ip).collect();
            (RouteLwEnCapType::Ip, parts)
        }
        Encap::Ip6(tunnel) => {
            let IpEncap { id, destination, source, tos, ttl, flags } = *tunnel;
            let flags = flags.map(RouteIp6TunnelFlags::from_bits_retain);
            let parts = [
                id.map(RouteIp6Tunnel::Id),
                destination.map(RouteIp6Tunnel::Destination),
                source.map(RouteIp6Tunnel::Source),
                tos.map(RouteIp6Tunnel::Tc),
                ttl.map(RouteIp6Tunnel::Hoplimit),
                flags.map(RouteIp6Tunnel::Flags),
            ];
            let parts = parts.into_iter().flatten().map(RouteLwTunnelEncap::Ip6).collect();
            (RouteLwEnCapType::Ip6, parts)
        }
        Encap::Ila(locator) => {
            let bytes = locator.iter().flat_map(|group| group.to_be_bytes()).collect();
            let parts = vec![RouteLwTunnelEncap::Other(DefaultNla::new(ILA_LOCATOR, bytes))];
            (RouteLwEnCapType::Ila, parts)
        }
    };
    [RouteAttribute::EncapType(kind), RouteAttribute::Encap(parts)]
}

/// A rule as the kernel wants it.
pub(super) fn rule_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = family(rule.family);
    header.tos = rule.tos;
    header.flags.set(RuleFlags::Invert, rule.invert);
    let attributes = &mut message.attributes;
    let network = |net: Option<IpNet>| net.filter(|net| net.prefix > 0);
    if let Some(from) = network(rule.from) {
        header.src_len = from.prefix;
        attributes.push(RuleAttribute::Source(from.address));
    }
    if let Some(to) = network(rule.to) {
        header.dst_len = to.prefix;
        attributes.push(RuleAttribute::Destination(to.address));
    }
    header.action = match rule.action {
        RuleAction::Table(_) | RuleAction::L3mdev => KernelAction::ToTable,
        RuleAction::Goto(_) => KernelAction::Goto,
        RuleAction::Nop => KernelAction::Nop,
        RuleAction::Blackhole => KernelAction::Blackhole,
        RuleAction::Unreachable => KernelAction::Unreachable,
        RuleAction::Prohibit => KernelAction::Prohibit,
    };
    match rule.action {
        RuleAction::Table(table) => match u8::try_from(table) {
            Ok(table) => header.table = table,
            Err(_) => attributes.push(RuleAttribute::Table(table)),
        },
        RuleAction::L3mdev => attributes.push(RuleAttribute::L3MDev(true)),
        RuleAction::Goto(target) => attributes.push(RuleAttribute::Goto(target)),
        RuleAction::Nop | RuleAction::Blackhole | RuleAction::Unreachable | RuleAction::Prohibit => {}
    }
    attributes.push(RuleAttribute::Priority(rule.preference));
    attributes.push(RuleAttribute::Protocol(rule.protocol().into()));
    if let Some(mark) = rule.mark {
        attributes.push(RuleAttribute::FwMark(mark.mark));
        attributes.extend(mark.mask.map(RuleAttribute::FwMask));
    }
    attributes.extend(realm(rule.realms).map(RuleAttribute::Realm));
    attributes.extend(rule.suppress_prefix_length.map(RuleAttribute::SuppressPrefixLen));
    attributes.extend(rule.suppress_group.map(RuleAttribute::SuppressIfGroup));
    attributes.extend(rule.incoming.as_ref().map(|link| RuleAttribute::Iifname(link.to_string())));
    attributes.extend(rule.outgoing.as_ref().map(|link| RuleAttribute::Oifname(link.to_string())));
    attributes.extend((rule.tunnel_id != 0).then_some(RuleAttribute::TunId(rule.tunnel_id)));
    attributes.extend(rule.uids.map(|(start, end)| RuleAttribute::UidRange(RuleUidRange { start, end })));
    attributes.extend(rule.ip_protocol.map(|n| RuleAttribute::IpProtocol(i32::from(n).into())));
    let ports = |(start, end): (u16, u16)| RulePortRange { start, end };
    attributes.extend(rule.source_ports.map(ports).map(RuleAttribute::SourcePortRange));
    attributes.extend(rule.destination_ports.map(ports).map(RuleAttribute::DestinationPortRange));
    message
}

#[cfg(test)]
mod tests;
