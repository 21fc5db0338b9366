//! Bytes on the wire, one file per protocol.
//!
//! A `Packet` is a view over bytes whose length has been checked, with one accessor per field and no
//! opinion about their values: which of them make a receiver discard an advert, in which order and
//! under which counter, is [`crate::vrrp`]'s business. A `Repr` (an [`vrrp::Advert`] for VRRP) is the
//! meaning, and `emit` turns it into the very bytes that keepalived sends.

pub mod arp;
pub mod auth;
pub mod bfd;
mod checksum;
pub mod ipv4;
pub mod ipv6;
pub mod ndisc;
pub mod vrrp;

#[cfg(test)]
mod tests;

use std::fmt;

/// The protocol number of VRRP in IPv4's *protocol* and IPv6's *next header* (RFC 9568 §5.1.1.4).
pub const PROTOCOL_VRRP: u8 = 112;

/// Why bytes cannot be read as a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Malformed {
    /// Fewer bytes than the fields that must be there.
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes there are.
        found: usize,
    },
    /// More bytes than the packet says it has.
    TooLong {
        /// Bytes expected.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A version that the parser does not speak.
    Version(u8),
    /// A header length below the least, in bytes.
    HeaderLength(usize),
    /// A packet type other than advertisement.
    Kind(u8),
    /// VRID 0.
    Vrid,
    /// An advertisement interval of 0.
    Interval,
    /// An authentication type that there is not.
    AuthType(u8),
    /// A checksum that does not match.
    Checksum,
    /// Something else than the frame that the parser is for.
    Unexpected,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, found } => write!(f, "too short: {found} bytes, expected {needed}"),
            Self::TooLong { expected, found } => write!(f, "too long: {found} bytes, expected {expected}"),
            Self::Version(version) => write!(f, "version {version} is not understood"),
            Self::HeaderLength(bytes) => write!(f, "a header of {bytes} bytes is too short"),
            Self::Kind(kind) => write!(f, "packet type {kind} is not an advertisement"),
            Self::Vrid => f.write_str("virtual router id 0"),
            Self::Interval => f.write_str("advertisement interval 0"),
            Self::AuthType(kind) => write!(f, "authentication type {kind} is not understood"),
            Self::Checksum => f.write_str("wrong checksum"),
            Self::Unexpected => f.write_str("another kind of frame"),
        }
    }
}

impl std::error::Error for Malformed {}

/// The `N` bytes at `at`; the caller has checked that they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}
