//! The checks that a received packet passes before a session hears of it (RFC 5880 §6.8.6, in keepalived's
//! order and words).

use crate::config::block::BfdSession;
use crate::wire::bfd::{Control, PACKET_LEN, Packet, State, VERSION};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A received packet, as the socket gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// Where it came from.
    pub source: SocketAddr,
    /// The address of ours that it was sent to.
    pub destination: IpAddr,
    /// TTL or hop limit on arrival.
    pub ttl: u8,
    /// It came to the port of sessions over several hops.
    pub multihop: bool,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// Why a packet is dropped; `Display` gives keepalived's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Discard {
    /// Fewer than 24 bytes.
    Short(usize),
    /// It says that it is longer than it is, or shorter than what must be there.
    Length {
        /// What it says.
        said: u8,
        /// Bytes there are.
        found: usize,
    },
    /// Another version.
    Version(u8),
    /// No packet may be missed.
    DetectMult,
    /// M is set.
    Multipoint,
    /// The sender does not name its session.
    MyDiscriminator,
    /// The sender is further than Down and does not name our session.
    YourDiscriminator,
    /// P and F are both set.
    PollAndFinal,
    /// For no session of ours, by this discriminator.
    NoSession(u32),
    /// It has crossed more routers than are allowed.
    Ttl {
        /// TTL or hop limit.
        ttl: u8,
        /// The lowest that is accepted.
        least: u8,
        /// Over IPv6.
        v6: bool,
    },
    /// A is set: we have no authentication.
    Authenticated,
}

impl Discard {
    /// keepalived follows these with a line that says where the packet came from.
    #[must_use]
    pub fn is_bogus(self) -> bool {
        !matches!(self, Self::NoSession(_) | Self::Ttl { .. } | Self::Authenticated)
    }

    /// A number for each kind.
    pub(super) fn kind(self) -> u8 {
        match self {
            Self::Short(_) => 0,
            Self::Length { .. } => 1,
            Self::Version(_) => 2,
            Self::DetectMult => 3,
            Self::Multipoint => 4,
            Self::MyDiscriminator => 5,
            Self::YourDiscriminator => 6,
            Self::PollAndFinal => 7,
            Self::NoSession(_) => 8,
            Self::Ttl { .. } => 9,
            Self::Authenticated => 10,
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(found) => write!(f, "Packet is too small: {found} bytes"),
            Self::Length { said, found } => {
                write!(f, "Packet size mismatch: length field: {said} bytes, buffer size: {found} bytes")
            }
            Self::Version(version) => write!(f, "Packet is of unsupported version: {version}"),
            Self::DetectMult => f.write_str("Packet 'detection multiplier' field is zero"),
            Self::Multipoint => f.write_str("Packet has 'multipoint' flag"),
            Self::MyDiscriminator => f.write_str("Packet 'my discriminator' field is zero"),
            Self::YourDiscriminator => f.write_str(
                "Packet 'your discriminator' field is zero and 'state' field is not Down or AdminDown",
            ),
            Self::PollAndFinal => f.write_str("Packet has both poll and final  flags set"),
            Self::NoSession(discriminator) => {
                write!(f, "session is not found - your discriminator field is 0x{discriminator:08x}")
            }
            Self::Ttl { ttl, least, v6 } => {
                let name = if *v6 { "hop_limit" } else { "ttl" };
                write!(f, "Packet {name}({ttl}) < {least} - discarding")
            }
            Self::Authenticated => f.write_str("auth bit is set, but no authentication  is in use"),
        }
    }
}

/// What a packet says, if it is one.
pub(super) fn parse(payload: &[u8]) -> Result<(Packet<'_>, Control), Discard> {
    let found = payload.len();
    let packet = Packet::new(payload).map_err(|_| Discard::Short(found))?;
    let said = packet.length();
    // More bytes than it says are allowed by the RFC and refused by keepalived; nobody sends them.
    if usize::from(said) > found || usize::from(said) < PACKET_LEN {
        return Err(Discard::Length { said, found });
    }
    if packet.version() != VERSION {
        return Err(Discard::Version(packet.version()));
    }
    let control = packet.control();
    if control.detect_mult == 0 {
        return Err(Discard::DetectMult);
    }
    if packet.is_multipoint() {
        return Err(Discard::Multipoint);
    }
    if control.my_discriminator == 0 {
        return Err(Discard::MyDiscriminator);
    }
    if control.your_discriminator == 0 && !matches!(control.state, State::Down | State::AdminDown) {
        return Err(Discard::YourDiscriminator);
    }
    if control.poll && control.final_ {
        return Err(Discard::PollAndFinal);
    }
    Ok((packet, control))
}

/// What a session has against a packet for it: the generalized TTL security of RFC 5881 §5 with keepalived's
/// `max_hops`, and authentication.
pub(super) fn admit(config: &BfdSession, datagram: &Datagram, packet: Packet<'_>) -> Result<(), Discard> {
    let least = config.ttl.saturating_sub(config.max_hops);
    if config.max_hops != u8::MAX && datagram.ttl < least {
        return Err(Discard::Ttl { ttl: datagram.ttl, least, v6: datagram.source.is_ipv6() });
    }
    if packet.is_authenticated() {
        return Err(Discard::Authenticated);
    }
    Ok(())
}
