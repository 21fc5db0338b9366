//! How a route is read.

use super::nexthop::nexthops;
use super::{ECN, KEEPALIVED_PROTOCOL, Metric, NextHop, Placement, Realms, Route, RouteType};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::entry::{Dropped, Entry, Kind, SettledFamily, TrackGroups, options};
use crate::config::environment::{Fact, NameFile};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::value::number::{decimal_units, show_units};
use crate::types::{Family, IfName, IpNet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A route while its line is read.
pub(in crate::config) struct RouteDraft {
    pub(super) route: Route,
    pub(super) family: SettledFamily,
    /// Where it goes to, as written.
    destination: Option<(Target, Word)>,
    /// `track_group`, and where.
    track_group: Option<(Option<String>, Span)>,
}

/// What a route or rule is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Target {
    /// `default`, `any` or `all`: everything, of a family that is yet to be settled.
    All,
    /// A network.
    Net(IpNet),
}

impl Target {
    pub(in crate::config) fn family(self) -> Option<Family> {
        match self {
            Self::All => None,
            Self::Net(net) => Some(net.family()),
        }
    }

    /// The network, once the family is settled.
    pub(in crate::config) fn of(self, family: Family) -> IpNet {
        match (self, family) {
            (Self::Net(net), _) => net,
            (Self::All, Family::V4) => IpNet { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 },
            (Self::All, Family::V6) => IpNet { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 0 },
        }
    }
}

options! {
    /// Options of a route. Any other word is its destination, behind its type.
    ROUTE_OPTIONS: RouteDraft;
    "inet6", "" "" "" => family_keyword, "makes it an IPv6 route, and makes keepalived lose the next word";
    "inet", "" "" "" => family_keyword, "makes it an IPv4 route, and makes keepalived lose the next word";
    "src", "ADDRESS" "the family of the route" "the kernel's choice" => src, "source address of what this node sends";
    "as", "[to] ADDRESS" "" "" => as_to, "ignored: MPLS only";
    "via" | "gw", "[inet|inet6] ADDRESS" "the family of the route" "none" => via, "gateway";
    "from", "ADDRESS[/PREFIX]" "IPv6" "all" => from, "source addresses that take the route";
    "tos" | "dsfield", "TOS" "0 to 255 or a name of `rt_dsfield`" "0" => tos, "type of service that takes the route";
    "table", "TABLE" "a number or a name of `rt_tables`" "main" => table, "routing table";
    "protocol", "PROTOCOL" "0 to 255 or a name of `rt_protos`" "18" => protocol, "who has installed the route; needs `no_track`";
    "scope", "SCOPE" "0 to 255 or a name of `rt_scopes`" "global" => scope, "how far it reaches; IPv4";
    "metric" | "priority" | "preference", "N" "0 to 4294967295" "the kernel's" => metric, "the lowest is taken";
    "dev" | "oif", "INTERFACE" "" "that of the gateway" => dev, "interface that packets leave by; without it nothing is tracked";
    "onlink", "" "" "off" => |d, _| { d.route.onlink = true; Ok(()) }, "the gateway need not be in a network of the interface";
    "encap", "TYPE [OPTION…]" "`ip`, `ip6`, `mpls`, `ila`" "none" => |d, e| { d.route.encap = Some(e.encap()?); Ok(()) }, "the tunnel that packets go into";
    "expires", "SECS" "0 to 4294967295; IPv6" "never" => expires, "how long the kernel keeps it";
    "mtu", "[lock] BYTES" "0 to 4294967295" "the interface's" => |d, e| d.metric(e, Metric::Mtu, true, "MTU"), "largest packet";
    "hoplimit", "N" "0 to 255" "the kernel's" => hoplimit, "hop limit of what this node sends";
    "advmss", "[lock] BYTES" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::AdvertisedMss, true, "advmss"), "maximal segment size that is announced";
    "rtt", "[lock] TIME" "0.2 s to 120 s, or eighths of a millisecond" "the kernel's" => |d, e| d.time(e, Metric::Rtt), "round trip time to start with";
    "rttvar", "[lock] TIME" "0.2 s to 120 s, or quarters of a millisecond" "the kernel's" => |d, e| d.time(e, Metric::RttVar), "variance of the round trip time to start with";
    "rto_min", "[lock] TIME" "0.2 s to 120 s, or milliseconds" "the kernel's" => |d, e| d.time(e, Metric::MinimumRto), "least time to a retransmission";
    "reordering", "[lock] N" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::Reordering, true, "reordering value"), "segments that may be out of order";
    "window", "BYTES" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::Window, false, "window value"), "largest window that is announced";
    "cwnd", "[lock] N" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::CongestionWindow, true, "cwnd value"), "largest congestion window";
    "ssthresh", "[lock] N" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::SlowStart, true, "ssthresh value"), "slow start threshold to start with";
    "realms", "REALM[/REALM]" "0 to 255 or a name of `rt_realms`; IPv4" "none" => realms, "realms of the route";
    "initcwnd", "N" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::InitialWindow, false, "initcwnd value"), "congestion window to start with";
    "initrwnd", "N" "0 to 4294967295" "the kernel's" => |d, e| d.metric(e, Metric::InitialReceiveWindow, false, "initrwnd value"), "receive window to start with";
    "features", "ecn" "" "none" => features, "explicit congestion notification";
    "quickack", "N" "0 or 1" "the kernel's" => |d, e| d.switch(e, Metric::QuickAck, "quickack"), "acknowledge at once";
    "congctl", "[lock] NAME" "" "the kernel's" => congctl, "congestion control algorithm";
    "pref", "low|medium|high" "or 0 to 255; IPv6" "medium" => pref, "preference among routers";
    "ttl-propagate", "enabled|disabled" "" "the kernel's" => ttl_propagate, "carry the TTL over into MPLS";
    "fastopen_no_cookie", "N" "0 or 1" "the kernel's" => |d, e| d.switch(e, Metric::FastOpenNoCookie, "fastopen_no_cookie"), "TCP fast open without a cookie";
    "add", "" "" "prepend" => |d, _| d.place(Placement::Add), "do not install it where there is one to the same destination";
    "prepend", "" "" "prepend" => |d, _| d.place(Placement::Prepend), "install it before those to the same destination";
    "append", "" "" "prepend" => |d, _| d.place(Placement::Append), "install it behind those to the same destination";
    "or", "ADDRESS" "" "" => or, "deprecated: a second gateway";
    "nexthop", "[OPTION…] OPTION" "the last option" "" => nexthops, "one of several ways";
    "no_track", "" "" "tracked" => |d, _| { d.route.no_track = true; Ok(()) }, "do nothing when somebody deletes it";
    "track_group", "NAME" "static routes only; needs `dev`" "none" => track_group, "instances that go to FAULT with its interface";
    "vrf", "INTERFACE" "" "none" => vrf, "the routing table of a VRF";
}

impl Context<'_> {
    /// A line of `static_routes` (with the groups above it) or `virtual_routes`; reported and `None` when it
    /// is left out.
    pub(in crate::config) fn route_line(
        &mut self,
        words: &[Word],
        groups: Option<&TrackGroups>,
    ) -> Option<Route> {
        let mut draft = RouteDraft {
            route: Route::to(Target::All.of(Family::V4)),
            family: None,
            destination: None,
            track_group: None,
        };
        let first = words.first()?;
        let mut entry = Entry::new(words, Kind::Route, groups, self);
        ROUTE_OPTIONS.read(&mut draft, &mut entry, destination).ok()?;
        draft.finish(&mut entry, first).ok()
    }
}

/// The word behind `via`, and the family that is written before it.
pub(super) fn gateway_family<'l>(
    entry: &mut Entry<'l, '_, '_>,
) -> Result<(Option<Family>, &'l Word), Dropped> {
    let word = entry.value()?;
    match word.as_str() {
        "inet" => Ok((Some(Family::V4), entry.value()?)),
        "inet6" => Ok((Some(Family::V6), entry.value()?)),
        _ => Ok((None, word)),
    }
}

const MIXED: &str = "Cannot mix IPv4 and IPv6 addresses for route";

fn family_keyword(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let (family, other) = match keyword.as_str() {
        "inet" => (Family::V4, Family::V6),
        _ => (Family::V6, Family::V4),
    };
    let text = format!("{keyword} specified for {other} route");
    entry.settle(&mut d.family, Some(family), keyword, &text)?;
    entry.family_keyword();
    Ok(())
}

fn src(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let address = entry.address(word, format!("invalid route src address {word}"))?;
    entry.settle(&mut d.family, Some(Family::of(address)), word, MIXED)?;
    d.route.preferred_source = Some(address);
    Ok(())
}

fn as_to(_: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    if entry.value()?.as_str() == "to" {
        entry.next();
    }
    let problem =
        entry.problem(keyword, "`as` is for MPLS only").classic("\"as to\" for MPLS only - ignoring");
    entry.cx.report(problem.label("ignored"));
    Ok(())
}

fn via(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    if keyword.text == "gw" {
        let problem = Diagnostic::warning("deprecated", keyword.span, "`gw` is called `via` now")
            .classic("\"gw\" for routes is deprecated. Please use \"via\"");
        entry.cx.report(problem);
    }
    let (family, word) = gateway_family(entry)?;
    if family.is_some() {
        entry.settle(&mut d.family, family, word, MIXED)?;
    }
    let address = entry.address(word, format!("invalid route via address {word}"))?;
    entry.settle(&mut d.family, Some(Family::of(address)), word, MIXED)?;
    d.route.gateway = Some(address);
    Ok(())
}

fn from(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let target = entry.target(word, format!("invalid route from address {word}"))?;
    let Target::Net(net @ IpNet { address: IpAddr::V6(_), .. }) = target else {
        let problem = Diagnostic::error("family-mismatch", word.span, "only IPv6 routes have a source")
            .classic(format!("route from address only supported with IPv6 ({word})"))
            .help("write a rule: `virtual_rules { from ADDRESS table TABLE }`");
        return Err(entry.refuse(problem));
    };
    entry.settle(&mut d.family, Some(Family::V6), word, MIXED)?;
    d.route.source = Some(net);
    Ok(())
}

/// A value that a file of iproute2 may name.
fn named(
    entry: &mut Entry<'_, '_, '_>,
    file: NameFile,
    what: &str,
    classic: fn(&Word) -> String,
) -> Result<u32, Dropped> {
    let word = entry.value()?;
    entry.cx.named_number(file, word.as_str()).ok_or_else(|| {
        let problem = entry.problem(word, format!("`{word}` is not {what}")).classic(classic(word));
        entry.refuse(problem)
    })
}

fn named_octet(
    entry: &mut Entry<'_, '_, '_>,
    file: NameFile,
    what: &str,
    classic: fn(&Word) -> String,
) -> Result<u8, Dropped> {
    named(entry, file, what, classic).and_then(|number| u8::try_from(number).map_err(|_| Dropped))
}

fn tos(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let what = "a type of service";
    let classic = |word: &Word| format!("TOS value {word} is invalid");
    d.route.tos = Some(named_octet(entry, NameFile::Dsfield, what, classic)?);
    Ok(())
}

fn table(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let classic = |word: &Word| format!("Routing table {word} not found for route");
    d.route.table = named(entry, NameFile::Tables, "a routing table", classic)?;
    Ok(())
}

fn protocol(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let what = "a protocol of routes";
    let classic = |word: &Word| format!("Protocol {word} not found or invalid for route");
    d.route.protocol = Some(named_octet(entry, NameFile::Protocols, what, classic)?);
    Ok(())
}

fn scope(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let classic = |word: &Word| format!("Scope {word} not found or invalid for route");
    d.route.scope = Some(named_octet(entry, NameFile::Scopes, "a scope", classic)?);
    Ok(())
}

fn metric(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let text = format!("Invalid metric {word} specified for route");
    d.route.metric = Some(entry.number(word, 0..=u32::MAX, &[text])?);
    Ok(())
}

fn dev(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let text = format!("WARNING - interface {word} for VROUTE nexthop doesn't exist");
    d.route.dev = Some(entry.interface(word, &text)?);
    Ok(())
}

fn expires(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    entry.settle(&mut d.family, Some(Family::V6), keyword, "expires is only valid for IPv6")?;
    let word = entry.value()?;
    let text = format!("Invalid expires time {word} specified for route");
    d.route.expires = Some(entry.number(word, 0..=u32::MAX, &[text])?);
    Ok(())
}

fn hoplimit(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let text = format!("Invalid hoplimit {word} specified for route");
    let limit = entry.number(word, 0..=255, &[text])?;
    d.route.metrics.values.insert(Metric::HopLimit, limit);
    Ok(())
}

fn realms(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    d.route.realms = entry.realms(word, format!("Invalid realms {word} for route"))?;
    entry.settle(&mut d.family, Some(Family::V4), word, "realms are only valid for IPv4")
}

fn features(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    if word.text == "ecn" {
        d.route.metrics.values.insert(Metric::Features, ECN);
        return Ok(());
    }
    let problem = entry
        .problem(word, format!("`{word}` is not a feature of a route"))
        .classic(format!("feature {word} not supported"))
        .label("ignored")
        .help("the only one is `ecn`");
    entry.cx.report(problem);
    Ok(())
}

fn congctl(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = d.lockable(entry, Metric::CongestionControl)?;
    d.route.metrics.congestion_control = Some(word.text.clone());
    Ok(())
}

fn pref(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    entry.settle(&mut d.family, Some(Family::V6), keyword, "pref is only valid for IPv6")?;
    let word = entry.value()?;
    let preference = match word.as_str() {
        "low" => 3,
        "medium" => 0,
        "high" => 1,
        _ => entry.number(word, 0..=255, &[format!("Invalid pref value {word} specified for route")])?,
    };
    d.route.preference = u8::try_from(preference).ok();
    Ok(())
}

fn ttl_propagate(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    if !matches!(word.as_str(), "enabled" | "disabled") {
        let problem = entry
            .problem(word, format!("`{word}` is neither `enabled` nor `disabled`"))
            .classic(format!("ttl-propagate value {word} not recognised"))
            .label("`disabled` is used");
        entry.cx.report(problem);
    }
    d.route.ttl_propagate = Some(word.text == "enabled");
    Ok(())
}

fn or(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let problem = Diagnostic::warning("deprecated", keyword.span, "`or` is deprecated")
        .classic("\"or\" for routes is deprecated. Please use \"nexthop\"")
        .help("write each gateway as a `nexthop` of its own");
    entry.cx.report(problem);
    if !d.route.nexthops.is_empty() {
        entry.next();
        let problem = entry
            .problem(keyword, "there is an `or` already")
            .classic("\"or\" route already specified - ignoring subsequent");
        entry.cx.report(problem.label("ignored"));
        return Ok(());
    }
    d.route.nexthops.push(NextHop { gateway: d.route.gateway.take(), ..NextHop::default() });
    let word = entry.value()?;
    let gateway = entry.address(word, format!("Invalid \"or\" address {word}"))?;
    d.route.nexthops.push(NextHop { gateway: Some(gateway), ..NextHop::default() });
    Ok(())
}

fn track_group(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let Some(groups) = entry.groups else { return destination(d, entry) };
    let span = entry.last().span;
    let word = entry.value()?;
    if let Some((Some(_), first)) = d.track_group {
        let problem = entry
            .problem(word, "a route is tied to one group only")
            .classic(format!("track_group {word} is a duplicate"))
            .classic(format!("Route has trailing nonsense - {word}"))
            .related(first, "given here");
        return Err(entry.refuse(problem));
    }
    d.track_group = Some((entry.cx.track_group(word, groups), span));
    Ok(())
}

fn vrf(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let name = IfName::new(word.as_str()).ok();
    let link = name.as_ref().map_or(Fact::Absent, |name| entry.cx.environment.link(name));
    let table = name.as_ref().map_or(Fact::Absent, |name| entry.cx.environment.vrf_table(name));
    let (message, classic) = match (link, table) {
        (Fact::Absent, _) => {
            (format!("there is no interface `{word}`"), format!("VRF {word} not found for route"))
        }
        (_, Fact::Absent) => {
            (format!("`{word}` is not a VRF"), format!("Route specified VRF {word} is not a VRF"))
        }
        (_, Fact::Known(table)) => {
            d.route.table = table;
            return Ok(());
        }
        (_, Fact::Unchecked) => return Ok(()),
    };
    let problem = Diagnostic::error("no-such-interface", word.span, message).classic(classic);
    Err(entry.refuse(problem))
}

/// `[to] DESTINATION` or `[TYPE] DESTINATION`: any word that is no option.
fn destination(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let mut word = entry.last();
    if word.text == "to" {
        word = entry.value()?;
    } else if let Some(kind) = RouteType::parse(word.as_str()) {
        d.route.kind = kind;
        word = entry.value()?;
    }
    let target = entry.destination(word)?;
    let text = format!("Cannot mix IPv4 and IPv6 addresses for route ({word})");
    entry.settle(&mut d.family, target.family(), word, &text)?;
    d.destination = Some((target, word.clone()));
    Ok(())
}

impl RouteDraft {
    fn place(&mut self, placement: Placement) -> Result<(), Dropped> {
        self.route.placement = placement;
        Ok(())
    }

    /// The value of an option, behind `lock` if that is written.
    fn lockable<'l>(&mut self, entry: &mut Entry<'l, '_, '_>, metric: Metric) -> Result<&'l Word, Dropped> {
        let word = entry.value()?;
        if word.text != "lock" {
            return Ok(word);
        }
        self.route.metrics.locked |= 1 << metric as u16;
        entry.value()
    }

    fn metric(
        &mut self,
        entry: &mut Entry<'_, '_, '_>,
        metric: Metric,
        lockable: bool,
        name: &str,
    ) -> Result<(), Dropped> {
        let word = if lockable { self.lockable(entry, metric)? } else { entry.value()? };
        let text = format!("Invalid {name} {word} specified for route");
        let value = entry.number(word, 0..=u32::MAX, &[text])?;
        self.route.metrics.values.insert(metric, value);
        Ok(())
    }

    fn switch(&mut self, entry: &mut Entry<'_, '_, '_>, metric: Metric, name: &str) -> Result<(), Dropped> {
        let word = entry.value()?;
        let value =
            entry.number(word, 0..=1, &[format!("Invalid {name} value {word} specified for route")])?;
        self.route.metrics.values.insert(metric, value);
        Ok(())
    }

    fn time(&mut self, entry: &mut Entry<'_, '_, '_>, metric: Metric) -> Result<(), Dropped> {
        let word = self.lockable(entry, metric)?;
        let (per_ms, text) = match metric {
            Metric::Rtt => (8, format!("Invalid rtt {word} for route")),
            Metric::RttVar => (4, format!("Invalid rttvar {word} for route")),
            _ => (1, format!("Invalid rto_min value {word} specified for route")),
        };
        let value = entry.time(word, per_ms).map_err(|problem| entry.refuse(problem.classic(text)))?;
        self.route.metrics.values.insert(metric, value);
        Ok(())
    }

    /// Rules that need the whole line.
    fn finish(self, entry: &mut Entry<'_, '_, '_>, first: &Word) -> Result<Route, Dropped> {
        let Some((target, written)) = self.destination else {
            let span = first.span.to(entry.last().span);
            let problem = Diagnostic::error("route-option", span, "a route needs a destination")
                .classic("Route must have a destination");
            return Err(entry.refuse(problem));
        };
        let mut route = self.route;
        let family = self.family.map_or(Family::V4, |(family, _)| family);
        route.destination = target.of(family);
        if !route.no_track {
            if route.protocol.is_some_and(|protocol| protocol != KEEPALIVED_PROTOCOL) {
                let problem = Diagnostic::warning(
                    "route-option",
                    first.span,
                    "a route of another protocol cannot be tracked",
                )
                .classic(
                    "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol",
                )
                .label("protocol 18 is used")
                .help("write `no_track` to keep the protocol");
                entry.cx.report(problem);
            }
            route.protocol = Some(KEEPALIVED_PROTOCOL);
            if route.dev.is_none() {
                let text = format!(
                    "Warning - cannot track route {written} with no interface specified, not tracking"
                );
                let problem = Diagnostic::warning(
                    "untracked-route",
                    written.span,
                    "a route without `dev` is not tracked",
                )
                .classic(text)
                .label("nothing happens when somebody deletes it")
                .help("name the interface with `dev`, or write `no_track`");
                entry.cx.report(problem);
                route.no_track = true;
            }
        }
        if let Some((Some(group), span)) = self.track_group {
            if route.dev.is_some() {
                route.track_group = Some(group);
            } else {
                let problem =
                    Diagnostic::warning("route-option", span, "a route without `dev` has nothing to tie")
                        .classic("Static route cannot have track group if no oif specified")
                        .label("ignored");
                entry.cx.report(problem);
            }
        }
        Ok(route)
    }
}

impl Entry<'_, '_, '_> {
    /// An address without a prefix.
    pub(super) fn address(&mut self, word: &Word, classic: String) -> Result<IpAddr, Dropped> {
        word.as_str().parse().map_err(|_| {
            let message = format!("`{word}` is not an IP address");
            let problem = Diagnostic::error("bad-address", word.span, message)
                .classic(format!("VRRP parsed invalid IP {word}. skipping IP..."))
                .classic(classic);
            self.refuse(problem)
        })
    }

    /// A network, or everything.
    pub(in crate::config) fn target(&mut self, word: &Word, classic: String) -> Result<Target, Dropped> {
        match word.as_str() {
            "default" | "any" | "all" => return Ok(Target::All),
            "default6" => {
                let problem = Diagnostic::warning("deprecated", word.span, "`default6` is called `::/0` now")
                    .class(Class::Harmless)
                    .classic("'default6' is deprecated - please replace with 'inet6 default'")
                    .at_completion()
                    .keepalived("asks for `inet6 default`, and loses the `default` when it reads that");
                self.cx.report(problem);
                return Ok(Target::Net(Target::All.of(Family::V6)));
            }
            _ => {}
        }
        let net = self.cx.network(word).map_err(|problem| self.refuse(problem.classic(classic)))?;
        Ok(Target::Net(net))
    }

    /// Where a route goes to.
    fn destination(&mut self, word: &Word) -> Result<Target, Dropped> {
        if !self.word_may_be_network(word) {
            let mut problem = self
                .problem(word, format!("`{word}` is neither an option nor a destination"))
                .classic(format!("VRRP parsed invalid IP {word}. skipping IP..."))
                .classic(format!("unknown route keyword {word}"));
            if let Some(near) = ROUTE_OPTIONS.nearest(word) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            return Err(self.refuse(problem));
        }
        self.target(word, format!("unknown route keyword {word}"))
    }

    fn word_may_be_network(&self, word: &Word) -> bool {
        matches!(word.as_str(), "default" | "any" | "all" | "default6")
            || word.as_str().starts_with(|c: char| c.is_ascii_digit())
            || word.as_str().contains(':')
    }

    /// `REALM[/REALM]`
    pub(in crate::config) fn realms(&mut self, word: &Word, classic: String) -> Result<Realms, Dropped> {
        let realm = |text: &str| self.cx.named_octet(NameFile::Realms, text);
        let realms = match word.as_str().split_once('/') {
            Some((source, destination)) => realm(source)
                .zip(realm(destination))
                .map(|(source, destination)| Realms { source, destination }),
            None => realm(word.as_str()).map(|destination| Realms { source: 0, destination }),
        };
        realms.ok_or_else(|| {
            let problem = self.problem(word, format!("`{word}` is not a realm")).classic(classic);
            self.refuse(problem)
        })
    }

    /// A time of TCP in fractions of a millisecond, which it is also written in unless it has a unit.
    fn time(&mut self, word: &Word, per_ms: u32) -> Result<u32, Box<Diagnostic>> {
        let (least, most) = (200 * per_ms, 120_000 * per_ms);
        let Some((number, places, factor)) = time_and_unit(word.as_str(), per_ms) else {
            return Err(Box::new(Diagnostic::error(
                "bad-number",
                word.span,
                format!("`{word}` is not a time"),
            )));
        };
        if number.contains(['e', 'E']) {
            let message = format!("`{word}` is not a plain number");
            return Err(Box::new(Diagnostic::error("bad-number", word.span, message)));
        }
        if number.starts_with('-') {
            let message = format!("`{word}` is less than nothing");
            return Err(Box::new(
                Diagnostic::error("number-out-of-range", word.span, message)
                    .classic(format!("negative number '{number}'")),
            ));
        }
        let Some((units, exact)) = decimal_units(number, places) else {
            return Err(Box::new(
                Diagnostic::error("bad-number", word.span, format!("`{word}` is not a time"))
                    .classic(format!("invalid number '{number}'")),
            ));
        };
        if units > u64::from(most) {
            let shown = |units: u64| match places {
                0 => format!("{}.", if units == 0 { String::from("0") } else { units.to_string() }),
                _ => show_units(units, places),
            };
            let text = format!("number '{number}' outside range [{}, {}]", shown(0), shown(most.into()));
            let message = format!("`{word}` is more than 120 seconds");
            return Err(Box::new(Diagnostic::error("number-out-of-range", word.span, message).classic(text)));
        }
        if !exact {
            let message = format!("`{number}` has more than {places} decimal places");
            let problem = Diagnostic::warning("too-many-decimals", word.span, message)
                .classic(format!("number '{number}' has too many decimal places"))
                .label(format!("{} is used", show_units(units, places)));
            self.cx.report(problem);
        }
        let value = u32::try_from(units).unwrap_or(most).saturating_mul(factor);
        let clamped = value.clamp(least, most);
        if clamped != value {
            let (what, bound) = if clamped == most {
                (format!("rtt value {word} exceeds maximum 120s, resetting"), "120 s is used")
            } else {
                (format!("rtt value {word} below minimum 200ms, resetting"), "200 ms is used")
            };
            let message = "TCP waits at least 200 milliseconds and at most 120 seconds";
            let problem = Diagnostic::warning("number-out-of-range", word.span, message);
            self.cx.report(problem.class(Class::Harmless).classic(what).label(bound).at_completion());
        }
        Ok(clamped)
    }
}

/// The digits of a time, how many decimal places they may have, and by what they are multiplied.
fn time_and_unit(text: &str, per_ms: u32) -> Option<(&str, u32, u32)> {
    let text = text.trim_start();
    let Some(at) = text.find(['s', 'S']) else { return Some((text, 0, 1)) };
    let (number, unit) = text.split_at(at);
    if !["s", "sec", "secs"].iter().any(|name| unit.eq_ignore_ascii_case(name)) {
        return None;
    }
    let (number, places) = match number.strip_suffix(['m', 'M']) {
        Some(number) => (number, 0),
        None => (number, 3),
    };
    (!number.is_empty()).then_some((number, places, per_ms))
}
