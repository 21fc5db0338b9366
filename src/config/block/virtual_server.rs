//! `virtual_server … { … }`: a service, and the machines behind it.

mod complete;
mod dump;
mod keywords;

pub(in crate::config) use keywords::{
    VIRTUAL_SERVER, VirtualServerDraft, bad_service_address, single_word, virtual_server,
};

use super::real_server::RealServer;
use crate::config::value::{Forwarding, ScriptCommand, ServerAddress};
use crate::types::Family;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// A service that IPVS spreads over real servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualServer {
    /// What it is a service for.
    pub service: Service,
    /// Its family; `None` for a group of both.
    pub family: Option<Family>,
    /// `protocol`; `None` for firewall marks.
    pub protocol: Option<Protocol>,
    /// `lvs_sched`; default `wlc`.
    pub scheduler: Scheduler,
    /// `flag-1`, `flag-2`, `flag-3`: what they mean is up to the scheduler. For `sh` and `mh` the first is
    /// `sh-fallback` and the second `sh-port`.
    pub scheduler_flags: [bool; 3],
    /// `ops`: each packet on its own; UDP and firewall marks.
    pub one_packet: bool,
    /// `persistence_*`
    pub persistence: Option<Persistence>,
    /// `lvs_method`: default of its servers.
    pub forwarding: Forwarding,
    /// `alpha`: real servers are down until their checkers have succeeded.
    pub alpha: bool,
    /// `omega`: run the notifications of going down at shutdown too.
    pub omega: bool,
    /// `retry`; `None`: that of each kind of checker.
    pub retry: Option<u32>,
    /// `delay_before_retry`; `None`: that of each kind of checker.
    pub delay_before_retry: Option<Duration>,
    /// `warmup`; `None`: the `delay_loop` of each checker.
    pub warmup: Option<Duration>,
    /// `delay_loop`; default 60 s.
    pub delay_loop: Duration,
    /// `connect_timeout`; default 5 s.
    pub connect_timeout: Duration,
    /// `inhibit_on_failure`
    pub inhibit_on_failure: bool,
    /// `quorum`: weight of live servers that it needs; at most the sum of all weights.
    pub quorum: u32,
    /// `hysteresis`: more than that to gain the quorum, less than that to lose it.
    pub hysteresis: u32,
    /// `quorum_up`
    pub quorum_up: Option<ScriptCommand>,
    /// `quorum_down`
    pub quorum_down: Option<ScriptCommand>,
    /// `ha_suspend`: check only while its address is on this machine.
    pub ha_suspend: bool,
    /// `smtp_alert`, with its global twins applied: mail about the quorum; off where nobody says.
    pub smtp_alert: bool,
    /// `virtualhost`: Host header of HTTP checkers that have no nearer one.
    pub virtualhost: Option<String>,
    /// `snmp_name`
    pub snmp_name: Option<String>,
    /// `sorry_server`: serves while the quorum is missing.
    pub sorry_server: Option<SorryServer>,
    /// At least one, in the order of the file.
    pub real_servers: Vec<RealServer>,
}

/// What a virtual server is a service for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Service {
    /// An address and a port.
    Address(ServerAddress),
    /// A firewall mark.
    Fwmark(u32),
    /// A `virtual_server_group`.
    Group {
        /// Its name.
        name: String,
        /// How many virtual servers of this group come before.
        index: usize,
    },
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// SCTP
    Sctp,
}

impl Protocol {
    /// As keepalived writes it in names of services.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// As keepalived writes the protocol in names of services.
fn protocol_name(protocol: Option<Protocol>) -> &'static str {
    protocol.map_or("none", Protocol::name)
}

/// A scheduler of IPVS.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the name of the scheduler")]
pub enum Scheduler {
    Rr,
    Wrr,
    Lc,
    #[default]
    Wlc,
    Lblc,
    Sh,
    Mh,
    Dh,
    Fo,
    Ovf,
    Lblcr,
    Sed,
    Nq,
    Twos,
}

const SCHEDULERS: [(Scheduler, &str); 14] = [
    (Scheduler::Rr, "rr"),
    (Scheduler::Wrr, "wrr"),
    (Scheduler::Lc, "lc"),
    (Scheduler::Wlc, "wlc"),
    (Scheduler::Lblc, "lblc"),
    (Scheduler::Sh, "sh"),
    (Scheduler::Mh, "mh"),
    (Scheduler::Dh, "dh"),
    (Scheduler::Fo, "fo"),
    (Scheduler::Ovf, "ovf"),
    (Scheduler::Lblcr, "lblcr"),
    (Scheduler::Sed, "sed"),
    (Scheduler::Nq, "nq"),
    (Scheduler::Twos, "twos"),
];

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEDULERS.iter().find(|(scheduler, _)| scheduler == self).map_or("", |(_, name)| name))
    }
}

/// Clients stay with the server that they have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Persistence {
    /// `persistence_timeout`, 1 to 2678400 s; default 360.
    pub timeout: u32,
    /// `persistence_granularity`; `None`: each client on its own.
    pub granularity: Option<Granularity>,
    /// `persistence_engine`, at most 16 characters.
    pub engine: Option<String>,
}

/// Which clients count as one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Granularity {
    /// IPv4: bits of the address that matter.
    Mask(Ipv4Addr),
    /// IPv6: length of the prefix that matters, 1 to 128.
    Prefix(u8),
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask(mask) => mask.fmt(f),
            Self::Prefix(length) => length.fmt(f),
        }
    }
}

/// `sorry_server`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SorryServer {
    /// Where it is.
    pub address: ServerAddress,
    /// `sorry_server_lvs_method`, or that of the virtual server.
    pub forwarding: Forwarding,
    /// `sorry_server_inhibit`: stays in the table with weight 0 while it is not needed.
    pub inhibit: bool,
    /// It is one of the real servers too.
    pub is_real_server: bool,
}

impl VirtualServer {
    /// keepalived's name of it in logs: `[10.0.0.1]:tcp:80`, `FWM 7`, `[GROUP]:0`.
    #[must_use]
    pub fn label(&self) -> String {
        self.service.label(self.protocol)
    }

    /// keepalived's name of one of its servers.
    #[must_use]
    pub fn server_label(&self, address: ServerAddress) -> String {
        address.label(protocol_name(self.protocol))
    }
}

impl Service {
    fn label(&self, protocol: Option<Protocol>) -> String {
        match self {
            Self::Address(address) => address.label(protocol_name(protocol)),
            Self::Fwmark(mark) => format!("FWM {mark}"),
            Self::Group { name, index } => format!("[{name}]:{index}"),
        }
    }
}
