//! The field's nouns and units, and nothing that knows a file format or a packet.
//!
//! Every raw integer of the protocol has a type here, so that a centisecond can never be taken for
//! a second and a priority never for a VRID. Arithmetic on time is integer throughout.

mod address;
mod interval;
mod link;
mod priority;
mod random;
mod secret;
mod time;
mod vrid;

pub use address::{AddressKey, Family, IpNet, MacAddr};
pub use interval::{AdvertInt, AdvertIntError, master_down_interval, skew_time};
pub use link::{IfIndex, IfName, IfNameError, Stacked};
pub use priority::Priority;
pub use random::Random;
pub use secret::Secret;
pub use time::Instant;
pub use vrid::Vrid;

use std::fmt;

/// The protocol version of a virtual router.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// VRRPv2, RFC 3768.
    V2,
    /// VRRPv3, RFC 9568 (and 5798 before it).
    V3,
}

impl Version {
    /// The number in the packet and in the configuration: 2 or 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// The state of a virtual router on this node, in keepalived's words.
///
/// RFC 9568 calls Init *Initialize* and Master *Active*; FAULT is keepalived's own: something that
/// the instance depends on has failed, so it neither speaks nor counts adverts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Waiting for something it must know first (a check script's first verdict).
    Init,
    /// Listening to a master.
    Backup,
    /// Owner of the virtual addresses.
    Master,
    /// Out of the election until a fault is gone.
    Fault,
}

impl State {
    /// keepalived's number, as in its JSON dump: INIT 0, BACKUP 1, MASTER 2, FAULT 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Init => 0,
            Self::Backup => 1,
            Self::Master => 2,
            Self::Fault => 3,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
            Self::Fault => "FAULT",
        })
    }
}
