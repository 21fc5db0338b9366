//! IPv6 headers (RFC 8200 §3). The kernel writes those of real adverts; announcements and the
//! simulated LAN need their own.

use std::net::Ipv6Addr;

use super::{Malformed, array};

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 40;

/// A fixed header; it is followed by `payload_len` bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repr {
    /// Traffic class: 0xc0 in adverts, 0 in announcements.
    pub traffic_class: u8,
    /// Flow label, 20 bits; those above are ignored.
    pub flow_label: u32,
    /// Protocol of the payload.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
}

impl Repr {
    /// Reads a header and what follows it.
    ///
    /// # Errors
    /// Not version 6, or the packet is shorter than it says.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated { needed: HEADER_LEN, found: bytes.len() });
        }
        let first = u32::from_be_bytes(array(bytes, 0));
        let version = (first >> 28) as u8;
        if version != 6 {
            return Err(Malformed::Version(version));
        }
        let end = HEADER_LEN + usize::from(u16::from_be_bytes(array(bytes, 4)));
        let payload =
            bytes.get(HEADER_LEN..end).ok_or(Malformed::Truncated { needed: end, found: bytes.len() })?;
        let repr = Self {
            traffic_class: (first >> 20) as u8,
            flow_label: first & 0x000f_ffff,
            next_header: bytes[6],
            hop_limit: bytes[7],
            source: Ipv6Addr::from(array::<16>(bytes, 8)),
            destination: Ipv6Addr::from(array::<16>(bytes, 24)),
        };
        Ok((repr, payload))
    }

    /// The header's bytes, before a payload of this many (at most 65 535).
    #[must_use]
    pub fn emit(&self, payload_len: usize) -> [u8; HEADER_LEN] {
        let payload_len = u16::try_from(payload_len).unwrap_or(u16::MAX);
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0x000f_ffff;
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(&first.to_be_bytes());
        header[4..6].copy_from_slice(&payload_len.to_be_bytes());
        header[6] = self.next_header;
        header[7] = self.hop_limit;
        header[8..24].copy_from_slice(&self.source.octets());
        header[24..].copy_from_slice(&self.destination.octets());
        header
    }
}
