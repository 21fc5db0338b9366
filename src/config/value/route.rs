//! A line of `virtual_routes` and `static_routes`.

mod encap;
mod nexthop;
mod read;

pub use encap::{Encap, IpEncap};
pub(in crate::config) use nexthop::NEXTHOP_OPTIONS;
pub(in crate::config) use read::{ROUTE_OPTIONS, Target};

use crate::types::{Family, IfName, IpNet};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// What `protocol` is without the option, and what makes a route ours: the kernel's RTPROT_KEEPALIVED.
pub const KEEPALIVED_PROTOCOL: u8 = 18;
/// The kernel's RT_TABLE_MAIN.
pub const MAIN_TABLE: u32 = 254;

/// A route that the master installs, or that is there for as long as the daemon is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Where it goes to; the default route is a prefix of length 0.
    pub destination: IpNet,
    /// `blackhole` and the like.
    pub kind: RouteType,
    /// `from`, IPv6 only.
    pub source: Option<IpNet>,
    /// `src`: the source address of what this node sends.
    pub preferred_source: Option<IpAddr>,
    /// `tos`.
    pub tos: Option<u8>,
    /// `encap`.
    pub encap: Option<Encap>,
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub dev: Option<IfName>,
    /// `table`, or that of a `vrf`.
    pub table: u32,
    /// `protocol`; `None`: [`KEEPALIVED_PROTOCOL`], and the dump does not show it.
    pub protocol: Option<u8>,
    /// `scope`, as the kernel's number.
    pub scope: Option<u8>,
    /// `metric`; `None`: the kernel's.
    pub metric: Option<u32>,
    /// `onlink`: the gateway need not be in a network of the interface.
    pub onlink: bool,
    /// `realms`.
    pub realms: Realms,
    /// `expires` in seconds, IPv6 only.
    pub expires: Option<u32>,
    /// `mtu` and what else the kernel keeps with a route.
    pub metrics: Metrics,
    /// `pref`, IPv6 only: 0 medium, 1 high, 3 low.
    pub preference: Option<u8>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `nexthop`: more than one way.
    pub nexthops: Vec<NextHop>,
    /// `add`, `append`, `prepend`.
    pub placement: Placement,
    /// `no_track`, or nothing to track it by: nothing happens when somebody deletes it.
    pub no_track: bool,
    /// `track_group`, static routes only.
    pub track_group: Option<String>,
}

/// The kernel's RTN_*: what is done with packets that take the route.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RouteType(pub u8);

impl RouteType {
    /// The packet goes on its way.
    pub const UNICAST: Self = Self(1);

    /// The kernel's types by name; the first of two names is the one shown.
    const NAMES: [(&'static str, u8); 12] = [
        ("local", 2),
        ("nat", 10),
        ("broadcast", 3),
        ("brd", 3),
        ("anycast", 4),
        ("multicast", 5),
        ("prohibit", 8),
        ("unreachable", 7),
        ("blackhole", 6),
        ("xresolve", 11),
        ("unicast", 1),
        ("throw", 9),
    ];

    /// A type by its name or number.
    pub(in crate::config) fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
        let number = || super::number::whole_c_number(text).and_then(|number| u8::try_from(number).ok());
        named.or_else(number).map(Self)
    }
}

impl fmt::Display for RouteType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What tells a route from others in the kernel. Two that have the same place cannot be told apart when one is
/// to be deleted, whatever else is different.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RoutePlace {
    table: u32,
    destination: IpNet,
    source: Option<IpNet>,
    kind: RouteType,
    tos: u8,
    metric: u32,
    /// Gateway and interface of each way.
    ways: Vec<(Option<IpAddr>, Option<IfName>)>,
}

/// Where a route goes among those with the same destination.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Placement {
    /// Before them: what the kernel does when nothing is said.
    #[default]
    Prepend,
    /// Nowhere: it is refused.
    Add,
    /// Behind them.
    Append,
}

/// Realms of a route or rule, IPv4 only; all zero: none.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Realms {
    /// Realm of the source; 0: none.
    pub source: u8,
    /// Realm of the destination.
    pub destination: u8,
}

impl Realms {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        ((self.source as u32) << 16) | self.destination as u32
    }

    /// Whether none is given.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.number() == 0
    }
}

/// What the kernel keeps with a route; the numbers are those of RTAX_*.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u16)]
pub enum Metric {
    /// `mtu`, bytes.
    Mtu = 2,
    /// `window`, bytes.
    Window = 3,
    /// `rtt`, eighths of a millisecond.
    Rtt = 4,
    /// `rttvar`, quarters of a millisecond.
    RttVar = 5,
    /// `ssthresh`, segments.
    SlowStart = 6,
    /// `cwnd`, segments.
    CongestionWindow = 7,
    /// `advmss`, bytes.
    AdvertisedMss = 8,
    /// `reordering`, segments.
    Reordering = 9,
    /// `hoplimit`, 0 to 255.
    HopLimit = 10,
    /// `initcwnd`, segments.
    InitialWindow = 11,
    /// `features`: bit 0 is `ecn`.
    Features = 12,
    /// `rto_min`, milliseconds.
    MinimumRto = 13,
    /// `initrwnd`, segments.
    InitialReceiveWindow = 14,
    /// `quickack`, 0 or 1.
    QuickAck = 15,
    /// `congctl`: a name, see [`Metrics::congestion_control`].
    CongestionControl = 16,
    /// `fastopen_no_cookie`, 0 or 1.
    FastOpenNoCookie = 17,
}

/// The `ecn` of `features`.
pub(in crate::config) const ECN: u32 = 1;

/// The metrics of a route.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metrics {
    /// All but `congctl`.
    pub values: BTreeMap<Metric, u32>,
    /// `congctl`.
    pub congestion_control: Option<String>,
    /// `lock`: a bit, numbered as [`Metric`], for each that the kernel must not change.
    pub locked: u32,
}

impl Metrics {
    /// Whether the kernel must not change one.
    #[must_use]
    pub fn is_locked(&self, metric: Metric) -> bool {
        self.locked & (1 << metric as u16) != 0
    }

    fn lock_word(&self, metric: Metric) -> &'static str {
        if self.is_locked(metric) { "lock " } else { "" }
    }
}

/// One of several ways.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NextHop {
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub dev: Option<IfName>,
    /// `weight`, 1 to 256; `None`: 1, and the dump does not show it.
    pub weight: Option<u16>,
    /// `onlink`.
    pub onlink: bool,
    /// `realms`.
    pub realms: Realms,
    /// `encap`.
    pub encap: Option<Encap>,
}

impl Route {
    /// A route with no option.
    #[must_use]
    pub fn to(destination: IpNet) -> Self {
        Self {
            destination,
            kind: RouteType::UNICAST,
            source: None,
            preferred_source: None,
            tos: None,
            encap: None,
            gateway: None,
            dev: None,
            table: MAIN_TABLE,
            protocol: None,
            scope: None,
            metric: None,
            onlink: false,
            realms: Realms::default(),
            expires: None,
            metrics: Metrics::default(),
            preference: None,
            ttl_propagate: None,
            nexthops: Vec::new(),
            placement: Placement::default(),
            no_track: false,
            track_group: None,
        }
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.destination.family()
    }

    /// What tells it from others.
    #[must_use]
    pub fn place(&self) -> RoutePlace {
        let own = (self.gateway, self.dev.clone());
        let ways = self.nexthops.iter().map(|hop| (hop.gateway, hop.dev.clone()));
        RoutePlace {
            table: self.table,
            destination: self.destination,
            source: self.source,
            kind: self.kind,
            tos: self.tos.unwrap_or(0),
            metric: self.metric.unwrap_or(0),
            ways: if self.nexthops.is_empty() { vec![own] } else { ways.collect() },
        }
    }

    /// The interfaces that it names.
    pub fn links(&self) -> impl Iterator<Item = &IfName> {
        self.dev.iter().chain(self.nexthops.iter().filter_map(|hop| hop.dev.as_ref()))
    }

    /// The kernel's RTPROT_*.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.protocol.unwrap_or(KEEPALIVED_PROTOCOL)
    }
}

/// A network in a dump: that of a host without its prefix.
pub(in crate::config) struct Net(pub(in crate::config) IpNet);

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_host() { write!(f, "{}", self.0.address) } else { write!(f, "{}", self.0) }
    }
}

/// ` via inet ADDRESS`
struct Via(IpAddr);

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.0.is_ipv6() { "inet6" } else { "inet" };
        write!(f, " via {family} {}", self.0)
    }
}

impl fmt::Display for Route {
    /// As in keepalived's dump.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.placement {
            Placement::Prepend => "prepend ",
            Placement::Add => "add ",
            Placement::Append => "append ",
        })?;
        if self.kind != RouteType::UNICAST {
            write!(f, "{} ", self.kind)?;
        }
        write!(f, "{}", Net(self.destination))?;
        self.show_path(f)?;
        self.show_place(f)?;
        self.metrics.show(f)?;
        self.show_tail(f)?;
        for hop in &self.nexthops {
            hop.show(f, self.realms)?;
        }
        if self.no_track {
            f.write_str(" no_track")?;
        }
        self.track_group.as_ref().map_or(Ok(()), |group| write!(f, " track_group {group}"))
    }
}

/// Writes ` name value` when there is a value.
fn show<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, value: Option<T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name} {value}"))
}

impl Route {
    fn show_path(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "from", self.source.map(Net))?;
        show(f, "src", self.preferred_source)?;
        show(f, "tos", self.tos)?;
        show(f, "encap", self.encap.as_ref())?;
        if let Some(gateway) = self.gateway {
            write!(f, "{}", Via(gateway))?;
        }
        show(f, "dev", self.dev.as_ref())
    }

    fn show_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "table", Some(self.table).filter(|table| *table != MAIN_TABLE))?;
        show(f, "proto", self.protocol)?;
        show(f, "scope", self.scope)?;
        show(f, "metric", self.metric)?;
        if self.onlink && self.family() == Family::V4 {
            f.write_str(" onlink")?;
        }
        if !self.realms.is_none() {
            self.realms.show(f, self.realms.source != 0)?;
        }
        self.expires.map_or(Ok(()), |secs| write!(f, " expires {secs}sec"))
    }

    fn show_tail(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preference = self.preference.map(|preference| match preference {
            0 => "medium",
            1 => "high",
            3 => "low",
            _ => "unknown",
        });
        show(f, "pref", preference)?;
        show(f, "fastopen_no_cookie", self.metrics.values.get(&Metric::FastOpenNoCookie))?;
        show(f, "ttl-propagate", self.ttl_propagate.map(|on| if on { "enabled" } else { "disabled" }))
    }
}

impl Realms {
    /// ` realms A/B` or ` realm B`.
    fn show(self, f: &mut fmt::Formatter<'_>, both: bool) -> fmt::Result {
        match both {
            true => write!(f, " realms {}/{}", self.source, self.destination),
            false => write!(f, " realm {}", self.destination),
        }
    }
}

impl NextHop {
    /// keepalived asks the realms of the route how to write those of a hop.
    fn show(&self, f: &mut fmt::Formatter<'_>, of_route: Realms) -> fmt::Result {
        f.write_str(" nexthop")?;
        if let Some(gateway) = self.gateway {
            write!(f, "{}", Via(gateway))?;
        }
        show(f, "dev", self.dev.as_ref())?;
        show(f, "weight", self.weight)?;
        if self.onlink {
            f.write_str(" onlink")?;
        }
        if !self.realms.is_none() {
            self.realms.show(f, of_route.source != 0)?;
        }
        show(f, "encap", self.encap.as_ref())
    }
}

impl Metrics {
    /// All but `fastopen_no_cookie`, which keepalived shows later.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.congestion_control {
            write!(f, " congctl {name}{}", self.lock_word(Metric::CongestionControl))?;
        }
        for (name, metric, per_ms) in
            [("rtt", Metric::Rtt, 8), ("rttvar", Metric::RttVar, 4), ("rto_min", Metric::MinimumRto, 1)]
        {
            let Some(value) = self.values.get(&metric) else { continue };
            let lock = if self.is_locked(metric) { " lock" } else { "" };
            write!(f, " {name}{lock} {}", Time { value: *value, per_ms })?;
        }
        if self.values.get(&Metric::Features).is_some_and(|bits| bits & ECN != 0) {
            f.write_str(" features ecn")?;
        }
        for (name, metric) in [
            ("mtu", Metric::Mtu),
            ("window", Metric::Window),
            ("ssthresh", Metric::SlowStart),
            ("cwnd", Metric::CongestionWindow),
            ("advmss", Metric::AdvertisedMss),
            ("reordering", Metric::Reordering),
            ("hoplimit", Metric::HopLimit),
            ("initcwnd", Metric::InitialWindow),
            ("initrwnd", Metric::InitialReceiveWindow),
            ("quickack", Metric::QuickAck),
        ] {
            let Some(value) = self.values.get(&metric) else { continue };
            write!(f, " {name} {}{value}", self.lock_word(metric))?;
        }
        Ok(())
    }
}

/// A time in fractions of a millisecond, in seconds from one on: six digits, as C's `%g`.
struct Time {
    value: u32,
    per_ms: u32,
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = f64::from(self.value) / f64::from(self.per_ms);
        let (value, unit) = if ms >= 1000.0 { (ms / 1000.0, "s") } else { (ms, "ms") };
        let whole_digits = format!("{:.0}", value.trunc()).len();
        let text = format!("{value:.*}", 6usize.saturating_sub(whole_digits));
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        write!(f, "{text}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: by hand, after `%g`.
    #[test]
    fn times_are_shown_with_six_digits_in_milliseconds_or_seconds() {
        let shown = |value, per_ms| Time { value, per_ms }.to_string();
        assert_eq!(shown(1600, 8), "200ms");
        assert_eq!(shown(2667, 8), "333.375ms");
        assert_eq!(shown(8001, 8), "1.00012s");
        assert_eq!(shown(20_000, 4), "5s");
        assert_eq!(shown(120_000, 1), "120s");
    }
}
