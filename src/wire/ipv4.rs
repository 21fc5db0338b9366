//! IPv4 headers (RFC 791 §3.1): raw sockets deliver them, and keepalived writes its own.

use std::net::Ipv4Addr;

use super::checksum::Checksum;
use super::{Malformed, array};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;

mod field {
    pub(super) const VERSION_IHL: usize = 0;
    pub(super) const TOS: usize = 1;
    pub(super) const TOTAL_LEN: usize = 2;
    pub(super) const FRAGMENT: usize = 6;
    pub(super) const TTL: usize = 8;
    pub(super) const PROTOCOL: usize = 9;
    pub(super) const CHECKSUM: usize = 10;
    pub(super) const SOURCE: usize = 12;
    pub(super) const DESTINATION: usize = 16;
}

/// A view over an IPv4 packet whose header, options included, is all there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes a packet from its first byte on.
    ///
    /// # Errors
    /// Not version 4, or not all of the header is there. Whether the header's checksum and the total
    /// length are right is not looked at: the kernel has done the former.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated { needed: HEADER_LEN, found: bytes.len() });
        }
        let packet = Self { bytes };
        let version = bytes[field::VERSION_IHL] >> 4;
        if version != 4 {
            return Err(Malformed::Version(version));
        }
        if packet.header_len() < HEADER_LEN {
            return Err(Malformed::HeaderLength(packet.header_len()));
        }
        if bytes.len() < packet.header_len() {
            return Err(Malformed::Truncated { needed: packet.header_len(), found: bytes.len() });
        }
        Ok(packet)
    }

    /// Length of the header with its options: 20 to 60 bytes.
    #[must_use]
    pub const fn header_len(self) -> usize {
        (self.bytes[field::VERSION_IHL] & 0x0f) as usize * 4
    }

    /// Length that the sender gave the whole packet, in bytes.
    #[must_use]
    pub fn total_len(self) -> u16 {
        u16::from_be_bytes(array(self.bytes, field::TOTAL_LEN))
    }

    /// Time to live.
    #[must_use]
    pub const fn ttl(self) -> u8 {
        self.bytes[field::TTL]
    }

    /// Protocol of the payload.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        self.bytes[field::PROTOCOL]
    }

    /// Source address.
    #[must_use]
    pub fn source(self) -> Ipv4Addr {
        Ipv4Addr::from(array::<4>(self.bytes, field::SOURCE))
    }

    /// Destination address.
    #[must_use]
    pub fn destination(self) -> Ipv4Addr {
        Ipv4Addr::from(array::<4>(self.bytes, field::DESTINATION))
    }

    /// Whether the header's checksum is right. The kernel drops packets where it is not, so only those
    /// that have not been through one need this.
    #[must_use]
    pub fn header_checksum_is_valid(self) -> bool {
        let mut checksum = Checksum::default();
        checksum.add(&self.bytes[..self.header_len()]);
        checksum.finish() == 0
    }

    /// The header with its options.
    #[must_use]
    pub fn header(self) -> &'a [u8] {
        &self.bytes[..self.header_len()]
    }

    /// Every byte after the header, whatever the total length says.
    #[must_use]
    pub fn payload(self) -> &'a [u8] {
        &self.bytes[self.header_len()..]
    }
}

/// The parts of a header, options included, that no router changes, in order; the others as zeros (RFC 2402
/// §3.3.3.1.1.1: TOS, flags, fragment offset, TTL, checksum). A multicast advert crosses no router: there
/// the TTL may be asked for. Fewer than 20 bytes are no header and yield nothing.
pub(super) fn immutable_parts(header: &[u8], with_ttl: bool, mut take: impl FnMut(&[u8])) {
    let Some((fixed, options)) = header.split_first_chunk::<HEADER_LEN>() else { return };
    let mut fixed = *fixed;
    fixed[field::TOS] = 0;
    fixed[field::FRAGMENT..field::TTL].fill(0);
    if !with_ttl {
        fixed[field::TTL] = 0;
    }
    fixed[field::CHECKSUM..field::SOURCE].fill(0);
    take(&fixed);
    take(options);
}

/// The header of an advert: no options, not fragmented, DF clear, TOS 0xc0 (internetwork control).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repr {
    /// Identification.
    pub id: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
}

impl Repr {
    /// The header's bytes, before a payload of this many (at most 65 515).
    #[must_use]
    pub fn emit(&self, payload_len: usize) -> [u8; HEADER_LEN] {
        let total_len = u16::try_from(HEADER_LEN + payload_len).unwrap_or(u16::MAX);
        let ([len_high, len_low], [id_high, id_low]) = (total_len.to_be_bytes(), self.id.to_be_bytes());
        let mut header = [0; HEADER_LEN];
        header[..field::CHECKSUM].copy_from_slice(&[
            0x45,
            0xc0,
            len_high,
            len_low,
            id_high,
            id_low,
            0,
            0,
            self.ttl,
            self.protocol,
        ]);
        header[field::SOURCE..field::DESTINATION].copy_from_slice(&self.source.octets());
        header[field::DESTINATION..].copy_from_slice(&self.destination.octets());
        let mut checksum = Checksum::default();
        checksum.add(&header);
        header[field::CHECKSUM..field::SOURCE].copy_from_slice(&checksum.finish().to_be_bytes());
        header
    }
}
