//! What a machine wants done.

use super::{GroupReport, Notice};
use crate::config::block::VrrpInstance;
pub use crate::config::diff::{AddressChange, KernelChange};
use crate::config::value::{Route, Rule};
use crate::types::{Family, IfName, Priority, State};
use std::net::IpAddr;

/// One thing to do; the order in which a machine yields them is the order to do them in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Put an advert on the wire, now.
    Send(Transmit),
    /// Drop the packets of addresses (`install`), before these are there, or no longer (`remove`).
    Firewall(KernelChange<Blocked>),
    /// Change addresses in the kernel.
    Addresses(AddressChange),
    /// Change routes in the kernel, once earlier changes are done.
    Routes(KernelChange<Route>),
    /// Change rules of policy routing in the kernel, once earlier changes are done.
    Rules(KernelChange<Rule>),
    /// Tell the neighbours where the addresses are, once earlier address changes are done.
    Announce(Announce),
    /// Announce nothing of what is still to be announced.
    Hush,
    /// Ask who has this neighbour's address; an answer comes back as `Input::Resolved`.
    Resolve(IpAddr),
    /// Tell the operator.
    Notice(Notice),
    /// Tell scripts and whoever else subscribes.
    Notify(Notification),
    /// Tell the sync group, and hear its answer, before anything else happens to the instance.
    Group(GroupReport),
}

/// A packet to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// IPv4: `bytes` is a whole packet with its header; IPv6: the VRRP message, checksum included.
    pub family: Family,
    /// Source address.
    pub source: IpAddr,
    /// A group or a peer.
    pub destination: IpAddr,
    /// TTL or hop limit, 1 to 255.
    pub ttl: u8,
    /// What to hand to the socket.
    pub bytes: Vec<u8>,
}

/// An address whose packets are dropped: those to it and those from it, but for neighbour discovery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked {
    /// Where it is.
    pub link: IfName,
    /// The address.
    pub address: IpAddr,
    /// If it is link-local: on whatever link has that name, not only on the one that has it now.
    pub follows_name: bool,
}

impl Blocked {
    /// What a master of this configuration takes no packets for (RFC 9568 §6.1: Accept_Mode).
    #[must_use]
    pub fn by(config: &VrrpInstance) -> Vec<Self> {
        if config.accept || config.priority.is_owner() {
            return Vec::new();
        }
        let all = config.all_vips();
        let own = config.own_link();
        all.map(|vip| Self {
            link: vip.link().clone(),
            address: vip.net.address,
            follows_name: !config.track_primary && (Some(vip.link()) == own || vip.no_track),
        })
        .collect()
    }

    /// Tells it from others in the kernel.
    #[must_use]
    pub fn place(&self) -> (IfName, IpAddr) {
        (self.link.clone(), self.address)
    }
}

impl KernelChange<Blocked> {
    /// From what a master of one configuration takes no packets for to that of another.
    #[must_use]
    pub fn of_blocked(old: &VrrpInstance, new: &VrrpInstance) -> Self {
        Self::between(Blocked::by(old).iter(), Blocked::by(new).iter(), Blocked::place)
    }
}

/// A burst of gratuitous ARPs and unsolicited NAs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announce {
    /// One frame for each of these in every round.
    pub targets: Vec<(IfName, IpAddr)>,
    /// How many rounds; not 0.
    pub rounds: u32,
}

/// What scripts are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Notification {
    /// What happened.
    pub event: Event,
    /// Effective priority at that moment.
    pub priority: Priority,
}

/// What can happen to an instance, in the words of notify scripts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// It is master.
    Master,
    /// It is backup.
    Backup,
    /// It is out of the election.
    Fault,
    /// The daemon is stopping.
    Stop,
    /// A reload no longer has it, and `notify_deleted` wants that to be told.
    Deleted,
    /// As master, it heard a lower advert.
    MasterRxLowerPri,
    /// Another router is master as well; told by other means.
    SplitBrain,
}

impl Event {
    /// What scripts are told when a state is entered; of INIT nothing.
    #[must_use]
    pub const fn entering(state: State) -> Option<Self> {
        match state {
            State::Init => None,
            State::Backup => Some(Self::Backup),
            State::Master => Some(Self::Master),
            State::Fault => Some(Self::Fault),
        }
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::MasterRxLowerPri => "MASTER_RX_LOWER_PRI",
            Self::SplitBrain => "SPLIT_BRAIN",
        })
    }
}
