//! What a machine wants done.

use super::Notice;
use crate::config::value::VirtualAddress;
use crate::types::{Family, IfName, Priority};
use std::net::IpAddr;

/// One thing to do; the order in which a machine yields them is the order to do them in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Put an advert on the wire, now.
    Send(Transmit),
    /// Change addresses in the kernel.
    Addresses(AddressChange),
    /// Tell the neighbours where the addresses are, once earlier address changes are done.
    Announce(Announce),
    /// Tell the operator.
    Notice(Notice),
    /// Tell scripts and whoever else subscribes.
    Notify(Notification),
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

/// A change of the kernel's addresses. Installing what is there and removing what is not are no errors.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddressChange {
    /// To be there, in this order; done before the removals.
    pub install: Vec<VirtualAddress>,
    /// To be gone.
    pub remove: Vec<VirtualAddress>,
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
        })
    }
}
