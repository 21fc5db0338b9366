//! A line of `virtual_rules` and `static_rules`.

mod read;

pub(in crate::config) use read::{Preferences, RULE_OPTIONS};

use super::route::{KEEPALIVED_PROTOCOL, Net, Realms};
use crate::types::{Family, IfName, IpNet};
use std::fmt;

/// A rule of policy routing.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rule {
    /// IPv4 or IPv6.
    pub family: Family,
    /// `not`: for everything that does not match.
    pub invert: bool,
    /// `from`; of this family.
    pub from: Option<IpNet>,
    /// `to`; of this family.
    pub to: Option<IpNet>,
    /// `preference`: the lowest is asked first.
    pub preference: u32,
    /// `tos`; 0: any.
    pub tos: u8,
    /// `fwmark`.
    pub mark: Option<FirewallMark>,
    /// `iif`.
    pub incoming: Option<IfName>,
    /// `oif`.
    pub outgoing: Option<IfName>,
    /// `suppress_prefixlength`, at most 2^31 - 1.
    pub suppress_prefix_length: Option<u32>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// `tunnel-id`; 0: any.
    pub tunnel_id: u64,
    /// `uidrange`, first and last.
    pub uids: Option<(u32, u32)>,
    /// `protocol`; `None`: [`KEEPALIVED_PROTOCOL`], and the dump does not show it.
    pub protocol: Option<u8>,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`, first and last.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`, first and last.
    pub destination_ports: Option<(u16, u16)>,
    /// `realms`.
    pub realms: Realms,
    /// What is done with what matches.
    pub action: RuleAction,
    /// `no_track`: nothing happens when somebody deletes it.
    pub no_track: bool,
    /// `track_group`, static rules only.
    pub track_group: Option<String>,
}

/// `fwmark MARK[/MASK]`
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FirewallMark {
    /// The mark.
    pub mark: u32,
    /// The bits that count; `None`: all.
    pub mask: Option<u32>,
}

/// What is done with packets that match a rule.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RuleAction {
    /// `table`: look it up there.
    Table(u32),
    /// `l3mdev`: look it up in the table of its VRF.
    L3mdev,
    /// `goto`: go on at this preference.
    Goto(u32),
    /// `nop`: nothing.
    Nop,
    /// `blackhole`: drop it.
    Blackhole,
    /// `unreachable`: answer that the network is unreachable.
    Unreachable,
    /// `prohibit`: answer that it is prohibited.
    Prohibit,
}

impl Rule {
    /// A rule for all packets of a family.
    #[must_use]
    pub const fn looking_up(family: Family, table: u32, preference: u32) -> Self {
        Self {
            family,
            invert: false,
            from: None,
            to: None,
            preference,
            tos: 0,
            mark: None,
            incoming: None,
            outgoing: None,
            suppress_prefix_length: None,
            suppress_group: None,
            tunnel_id: 0,
            uids: None,
            protocol: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            realms: Realms { source: 0, destination: 0 },
            action: RuleAction::Table(table),
            no_track: false,
            track_group: None,
        }
    }

    /// The kernel's RTPROT_*.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.protocol.unwrap_or(KEEPALIVED_PROTOCOL)
    }

    /// What tells it from others in the kernel: all but what we make of it.
    #[must_use]
    pub fn place(&self) -> Self {
        Self { no_track: false, track_group: None, ..self.clone() }
    }

    /// The interfaces that it names.
    pub fn links(&self) -> impl Iterator<Item = &IfName> {
        self.incoming.iter().chain(&self.outgoing)
    }
}

/// Writes ` name value` when there is a value.
fn show<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, value: Option<T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name} {value}"))
}

impl fmt::Display for Rule {
    /// As in keepalived's dump.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from.is_none() && self.to.is_none() && self.family == Family::V6 {
            f.write_str("inet6 ")?;
        }
        if self.invert {
            f.write_str("not ")?;
        }
        match self.from {
            Some(net) => write!(f, "from {}", Net(net))?,
            None => f.write_str("from all")?,
        }
        show(f, "to", self.to.map(Net))?;
        write!(f, " priority {} tos {:#x}", self.preference, self.tos)?;
        if let Some(FirewallMark { mark, mask }) = self.mark {
            write!(f, " fwmark {mark:#x}")?;
            if let Some(mask) = mask.filter(|mask| *mask != u32::MAX) {
                write!(f, "/{mask:#x}")?;
            }
        }
        show(f, "iif", self.incoming.as_ref())?;
        show(f, "oif", self.outgoing.as_ref())?;
        show(f, "suppress_prefixlen", self.suppress_prefix_length)?;
        show(f, "suppress_ifgroup", self.suppress_group)?;
        show(f, "tunnel-id", Some(self.tunnel_id).filter(|id| *id != 0))?;
        show(f, "uidrange", self.uids.map(Range))?;
        if self.action == RuleAction::L3mdev {
            f.write_str(" l3mdev")?;
        }
        show(f, "protocol", self.protocol)?;
        show(f, "ipproto", self.ip_protocol)?;
        show(f, "sport", self.source_ports.map(Range))?;
        show(f, "dport", self.destination_ports.map(Range))?;
        if !self.realms.is_none() {
            write!(f, " realms {}/{}", self.realms.source, self.realms.destination)?;
        }
        write!(f, " {}", self.action)?;
        if self.no_track {
            f.write_str(" no_track")?;
        }
        show(f, "track_group", self.track_group.as_ref())
    }
}

struct Range<T>((T, T));

impl<T: fmt::Display> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.0, self.0.1)
    }
}

impl fmt::Display for RuleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "lookup {table}"),
            Self::L3mdev => f.write_str("lookup 0"),
            Self::Goto(target) => write!(f, "goto {target}"),
            Self::Nop => f.write_str("nop"),
            Self::Blackhole => f.write_str("type blackhole"),
            Self::Unreachable => f.write_str("type unreachable"),
            Self::Prohibit => f.write_str("type prohibit"),
        }
    }
}
