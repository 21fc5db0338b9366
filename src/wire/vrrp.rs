//! VRRP messages: versions 2 (RFC 3768 §5) and 3 (RFC 9568 §5), over IPv4 and IPv6.
//!
//! ```text
//!  0               1               2               3
//! +-------+-------+---------------+---------------+---------------+
//! |version| type  |     VRID      |   priority    |     count     |
//! +-------+-------+---------------+---------------+---------------+
//! | v2: auth type |  v2: seconds  |           checksum            |
//! | v3: 0 |     centiseconds      |                               |
//! +-------+-----------------------+-------------------------------+
//! |            addresses, 4 or 16 bytes each, then                |
//! |            v2 over IPv4: 8 bytes of authentication data       |
//! +---------------------------------------------------------------+
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Checksum;
use super::{Malformed, PROTOCOL_VRRP, array};
use crate::types::{AdvertInt, Family, Priority, Version, Vrid};

/// Bytes before the addresses.
pub const HEADER_LEN: usize = 8;
/// Bytes of authentication data after the addresses of VRRPv2 over IPv4.
pub const AUTH_DATA_LEN: usize = 8;
/// Authentication type 2 of VRRPv2: an IPsec authentication header before the message (RFC 2338 §5.3.6).
pub const AUTH_AH: u8 = 2;
/// Packet type 1, ADVERTISEMENT: the only one there is (RFC 9568 §5.2.2).
pub const KIND_ADVERT: u8 = 1;
/// Authentication type 0 of VRRPv2: none (RFC 3768 §5.3.6).
pub const AUTH_NONE: u8 = 0;
/// Authentication type 1 of VRRPv2: a password in clear (RFC 2338 §5.3.6).
pub const AUTH_PASS: u8 = 1;

/// How long a message of this version number, family and address count is, in bytes.
///
/// Only version 2 over IPv4 ends with authentication data: keepalived sends none over IPv6, and
/// version 3 has none.
#[must_use]
pub const fn expected_len(version: u8, family: Family, count: u8) -> usize {
    let auth_data = if version == 2 && matches!(family, Family::V4) { AUTH_DATA_LEN } else { 0 };
    HEADER_LEN + count as usize * address_len(family) + auth_data
}

const fn address_len(family: Family) -> usize {
    match family {
        Family::V4 => 4,
        Family::V6 => 16,
    }
}

/// What a checksum covers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coverage {
    /// The message alone, authentication data included: VRRPv2 over IPv4 (RFC 3768 §5.3.8), and
    /// VRRPv3 over IPv4 under `v3_checksum_as_v2`.
    Message,
    /// A pseudo-header before the message: VRRPv3 over IPv4 as keepalived reads RFC 5798 §5.2.8,
    /// and every version over IPv6.
    PseudoHeader {
        /// Source in the IP header.
        source: IpAddr,
        /// Destination in the IP header.
        destination: IpAddr,
    },
}

impl Coverage {
    /// What keepalived covers in a message of this version number between these addresses.
    #[must_use]
    pub const fn of(version: u8, source: IpAddr, destination: IpAddr) -> Self {
        match (version, Family::of(source)) {
            (2, Family::V4) => Self::Message,
            _ => Self::PseudoHeader { source, destination },
        }
    }

    /// The form of old keepalived versions for VRRPv3 over unicast IPv4: as if the message went to
    /// the multicast group (keepalived: `old_unicast_checksum`).
    #[must_use]
    pub const fn old_unicast(source: Ipv4Addr, group: Ipv4Addr) -> Self {
        Self::PseudoHeader { source: IpAddr::V4(source), destination: IpAddr::V4(group) }
    }

    /// The checksum of a message of at least 8 bytes, its checksum field counted as zero.
    fn checksum(self, message: &[u8]) -> u16 {
        let mut checksum = match self {
            Self::Message => Checksum::default(),
            Self::PseudoHeader { source, destination } => {
                Checksum::pseudo_header(source, destination, PROTOCOL_VRRP, message.len())
            }
        };
        checksum.add(&message[..field::CHECKSUM]);
        checksum.add(&message[HEADER_LEN..]);
        checksum.finish()
    }
}

mod field {
    pub(super) const VERSION_KIND: usize = 0;
    pub(super) const VRID: usize = 1;
    pub(super) const PRIORITY: usize = 2;
    pub(super) const COUNT: usize = 3;
    pub(super) const AUTH_TYPE: usize = 4;
    pub(super) const ADVER_INT_SECS: usize = 5;
    pub(super) const MAX_ADVER_INT: usize = 4;
    pub(super) const CHECKSUM: usize = 6;
}

/// A view over a VRRP message of at least 8 bytes; the fields may hold anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes what follows the IP header.
    ///
    /// # Errors
    /// Fewer than 8 bytes.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated { needed: HEADER_LEN, found: bytes.len() });
        }
        Ok(Self { bytes })
    }

    /// All bytes, the header's included. Never empty.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The same message without what comes after `length` bytes, but never less than the header:
    /// Ethernet pads short packets.
    #[must_use]
    pub fn truncated(self, length: usize) -> Self {
        let length = length.clamp(HEADER_LEN, self.bytes.len());
        Self { bytes: &self.bytes[..length] }
    }

    /// The version number, 0 to 15.
    #[must_use]
    pub const fn version(self) -> u8 {
        self.bytes[field::VERSION_KIND] >> 4
    }

    /// The packet type, 0 to 15.
    #[must_use]
    pub const fn kind(self) -> u8 {
        self.bytes[field::VERSION_KIND] & 0x0f
    }

    /// The virtual router identifier; 0 is possible here.
    #[must_use]
    pub const fn vrid(self) -> u8 {
        self.bytes[field::VRID]
    }

    /// The sender's priority; 0: it is leaving.
    #[must_use]
    pub const fn priority(self) -> Priority {
        Priority::new(self.bytes[field::PRIORITY])
    }

    /// The number of addresses that the sender says follow.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.bytes[field::COUNT]
    }

    /// VRRPv2: the authentication type.
    #[must_use]
    pub const fn auth_type(self) -> u8 {
        self.bytes[field::AUTH_TYPE]
    }

    /// VRRPv2: the advertisement interval in seconds.
    #[must_use]
    pub const fn adver_int_secs(self) -> u8 {
        self.bytes[field::ADVER_INT_SECS]
    }

    /// VRRPv3: the advertisement interval in centiseconds, 0 to 4095; the reserved bits are masked.
    #[must_use]
    pub fn max_adver_int_centis(self) -> u16 {
        u16::from_be_bytes(array(self.bytes, field::MAX_ADVER_INT)) & 0x0fff
    }

    /// The checksum field.
    #[must_use]
    pub fn checksum(self) -> u16 {
        u16::from_be_bytes(array(self.bytes, field::CHECKSUM))
    }

    /// Whether the checksum field is right for all the bytes of this view.
    #[must_use]
    pub fn checksum_is_valid(self, coverage: Coverage) -> bool {
        self.checksum() == coverage.checksum(self.bytes)
    }

    /// The bytes before the checksum and those after it.
    #[must_use]
    pub fn around_checksum(self) -> (&'a [u8], &'a [u8]) {
        (&self.bytes[..field::CHECKSUM], &self.bytes[HEADER_LEN..])
    }

    /// The addresses: as many as the count says, or as there are room for.
    pub fn addresses(self, family: Family) -> impl Iterator<Item = IpAddr> + 'a {
        self.bytes[HEADER_LEN..]
            .chunks_exact(address_len(family))
            .take(usize::from(self.count()))
            .map(move |address| read_address(address, family))
    }

    /// The 8 bytes of authentication data of VRRPv2 over IPv4, at the place that the count implies;
    /// `None` when the message ends before.
    #[must_use]
    pub fn auth_data(self) -> Option<[u8; AUTH_DATA_LEN]> {
        let at = HEADER_LEN + usize::from(self.count()) * address_len(Family::V4);
        (self.bytes.len() >= at + AUTH_DATA_LEN).then(|| array(self.bytes, at))
    }
}

fn read_address(bytes: &[u8], family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from(array::<4>(bytes, 0)),
        Family::V6 => IpAddr::from(array::<16>(bytes, 0)),
    }
}

/// How a VRRPv2 advert proves itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AdvertAuth {
    /// Type 0, and all there is in VRRPv3.
    None,
    /// Type 1: a password of 8 bytes, zero padded.
    Pass([u8; AUTH_DATA_LEN]),
    /// Type 2: by a header of its own before the message, see [`super::auth::ah`].
    Ah,
}

/// The meaning of an advertisement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advert {
    /// Version of the protocol.
    pub version: Version,
    /// The virtual router.
    pub vrid: Vrid,
    /// The sender's effective priority; [`Priority::STOP`] when it is leaving.
    pub priority: Priority,
    /// [`AdvertAuth::None`] in VRRPv3 and over IPv6.
    pub auth: AdvertAuth,
    /// The sender's interval. The wire has whole seconds in VRRPv2, centiseconds in VRRPv3.
    pub interval: AdvertInt,
    /// At most 255, all of one family, in the order of the configuration.
    pub addresses: Vec<IpAddr>,
}

impl Advert {
    /// Reads a well-formed advertisement between two addresses, checksum included.
    ///
    /// This is the strict reading, for tools and tests: a receiver judges the fields of a [`Packet`]
    /// one by one, in keepalived's order.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn parse(packet: Packet<'_>, source: IpAddr, destination: IpAddr) -> Result<Self, Malformed> {
        let family = Family::of(source);
        let version = match packet.version() {
            2 => Version::V2,
            3 => Version::V3,
            other => return Err(Malformed::Version(other)),
        };
        if packet.kind() != KIND_ADVERT {
            return Err(Malformed::Kind(packet.kind()));
        }
        let (expected, found) =
            (expected_len(packet.version(), family, packet.count()), packet.bytes().len());
        if found < expected {
            return Err(Malformed::Truncated { needed: expected, found });
        }
        if found > expected {
            return Err(Malformed::TooLong { expected, found });
        }
        if !packet.checksum_is_valid(Coverage::of(packet.version(), source, destination)) {
            return Err(Malformed::Checksum);
        }
        let interval = match version {
            Version::V2 => AdvertInt::from_secs(packet.adver_int_secs()),
            Version::V3 => AdvertInt::from_centis(packet.max_adver_int_centis()),
        };
        Ok(Self {
            version,
            vrid: Vrid::new(packet.vrid()).ok_or(Malformed::Vrid)?,
            priority: packet.priority(),
            auth: Self::parse_auth(packet, version, family)?,
            interval: interval.ok_or(Malformed::Interval)?,
            addresses: packet.addresses(family).collect(),
        })
    }

    fn parse_auth(packet: Packet<'_>, version: Version, family: Family) -> Result<AdvertAuth, Malformed> {
        if version == Version::V3 {
            return Ok(AdvertAuth::None);
        }
        match (packet.auth_type(), family) {
            (AUTH_NONE, _) => Ok(AdvertAuth::None),
            (AUTH_AH, Family::V4) => Ok(AdvertAuth::Ah),
            (AUTH_PASS, Family::V4) => packet.auth_data().map(AdvertAuth::Pass).ok_or(Malformed::Truncated {
                needed: packet.bytes().len() + AUTH_DATA_LEN,
                found: packet.bytes().len(),
            }),
            (other, _) => Err(Malformed::AuthType(other)),
        }
    }

    /// The message as bytes, for a packet from `source` to `destination`, whose family is that of the
    /// advert; the checksum is complete for IPv6 too.
    #[must_use]
    pub fn emit(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        self.emit_covering(Coverage::of(self.version.number(), source, destination), Family::of(source))
    }

    /// The message as bytes with a checksum of another form, for peers that expect one.
    ///
    /// Addresses of another family, and those after the 255th, have no place in it.
    #[must_use]
    pub fn emit_covering(&self, coverage: Coverage, family: Family) -> Vec<u8> {
        let count = self.addresses.iter().filter(|&&a| Family::of(a) == family).take(255).count() as u8;
        let mut bytes = Vec::with_capacity(expected_len(self.version.number(), family, count));
        let [high, low] = self.interval.wire_v3().to_be_bytes();
        let (auth_type, auth_data) = match self.auth {
            AdvertAuth::None => (AUTH_NONE, [0; AUTH_DATA_LEN]),
            AdvertAuth::Pass(password) => (AUTH_PASS, password),
            AdvertAuth::Ah => (AUTH_AH, [0; AUTH_DATA_LEN]),
        };
        let timing = match self.version {
            Version::V2 => [auth_type, self.interval.wire_v2()],
            Version::V3 => [high, low],
        };
        let version_kind = self.version.number() << 4 | KIND_ADVERT;
        bytes.extend([version_kind, self.vrid.get(), self.priority.get(), count]);
        bytes.extend(timing);
        bytes.extend([0, 0]);
        for address in self.addresses.iter().filter(|&&a| Family::of(a) == family).take(255) {
            match address {
                IpAddr::V4(address) => bytes.extend(Ipv4Addr::octets(address)),
                IpAddr::V6(address) => bytes.extend(Ipv6Addr::octets(address)),
            }
        }
        if self.version == Version::V2 && family == Family::V4 {
            bytes.extend(auth_data);
        }
        let checksum = coverage.checksum(&bytes).to_be_bytes();
        bytes[field::CHECKSUM..HEADER_LEN].copy_from_slice(&checksum);
        bytes
    }
}

/// Puts a trailer behind a message. Over IPv6 the checksum covers it, because it is part of the payload of
/// the IP packet; over IPv4 it does not.
pub fn append_trailer(message: &mut Vec<u8>, trailer: &[u8], source: IpAddr, destination: IpAddr) {
    message.extend(trailer);
    if Family::of(source) == Family::V6 && message.len() >= HEADER_LEN {
        let checksum = Coverage::PseudoHeader { source, destination }.checksum(message);
        message[field::CHECKSUM..HEADER_LEN].copy_from_slice(&checksum.to_be_bytes());
    }
}
