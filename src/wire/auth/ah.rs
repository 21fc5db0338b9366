//! The IPsec authentication header of VRRPv2 (RFC 2402 §2, RFC 2338 §5.3.6.3): IP protocol 51, HMAC-MD5-96.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! |  112 (VRRP)   |       4       |               0               |
//! +---------------+---------------+---------------+---------------+
//! |                SPI: the sender's IPv4 address                 |
//! +---------------------------------------------------------------+
//! |                        sequence number                        |
//! +---------------------------------------------------------------+
//! |       ICV: the first 12 bytes of an HMAC-MD5 over the IP      |
//! |       header, this header and the VRRP message                |
//! |                                                               |
//! +---------------------------------------------------------------+
//! ```
//!
//! There is no agreement about keys or security associations: the password of the virtual router is the
//! key of all its nodes.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use std::net::Ipv4Addr;
use subtle::ConstantTimeEq;

use crate::types::Secret;
use crate::wire::{Malformed, PROTOCOL_VRRP, array, ipv4};

/// The protocol number of AH in IPv4's *protocol*.
pub const PROTOCOL_AH: u8 = 51;
/// Bytes of the header.
pub const HEADER_LEN: usize = 24;
/// Bytes of the integrity check value (RFC 2403: HMAC-MD5-96).
const ICV_LEN: usize = 12;

mod field {
    pub(super) const NEXT_HEADER: usize = 0;
    pub(super) const PAYLOAD_LEN: usize = 1;
    pub(super) const SPI: usize = 4;
    pub(super) const SEQUENCE: usize = 8;
    pub(super) const ICV: usize = 12;
}

/// Whether the TTL is part of what is signed. keepalived takes it for immutable in multicast adverts,
/// which cross no router, and for mutable in those to peers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ttl {
    /// As it is in the header.
    Signed,
    /// As zero.
    Mutable,
}

/// A view over an authentication header and what follows it; the fields may hold anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes what follows the IP header.
    ///
    /// # Errors
    /// Fewer than 24 bytes.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated { needed: HEADER_LEN, found: bytes.len() });
        }
        Ok(Self { bytes })
    }

    /// The protocol of what follows; 112 for an advert.
    #[must_use]
    pub const fn next_header(self) -> u8 {
        self.bytes[field::NEXT_HEADER]
    }

    /// The security parameters index, where keepalived puts the sender's address.
    #[must_use]
    pub fn spi(self) -> Ipv4Addr {
        Ipv4Addr::from(array::<4>(self.bytes, field::SPI))
    }

    /// The sequence number.
    #[must_use]
    pub fn sequence(self) -> u32 {
        u32::from_be_bytes(array(self.bytes, field::SEQUENCE))
    }

    /// What follows.
    #[must_use]
    pub fn payload(self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }

    /// Whether the integrity check value is that of this key, behind this IP header (with its options).
    #[must_use]
    pub fn is_authentic(self, key: &Secret, ip_header: &[u8], ttl: Ttl) -> bool {
        let expected = icv(key, ip_header, &self.bytes[..field::ICV], self.payload(), ttl);
        self.bytes[field::ICV..HEADER_LEN].ct_eq(&expected).into()
    }
}

/// The header of an advert.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repr {
    /// The sender's address.
    pub spi: Ipv4Addr,
    /// The sequence number.
    pub sequence: u32,
}

impl Repr {
    /// The header's bytes, between an IP header whose total length counts them and a VRRP message.
    #[must_use]
    pub fn emit(&self, key: &Secret, ip_header: &[u8], message: &[u8], ttl: Ttl) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[field::NEXT_HEADER] = PROTOCOL_VRRP;
        // In words of 32 bits, less two (RFC 2402 §2.2).
        header[field::PAYLOAD_LEN] = (HEADER_LEN / 4 - 2) as u8;
        header[field::SPI..field::SEQUENCE].copy_from_slice(&self.spi.octets());
        header[field::SEQUENCE..field::ICV].copy_from_slice(&self.sequence.to_be_bytes());
        let icv = icv(key, ip_header, &header[..field::ICV], message, ttl);
        header[field::ICV..].copy_from_slice(&icv);
        header
    }
}

/// RFC 2402 §3.3.3: what may change on the way, and the value itself, count as zero.
fn icv(key: &Secret, ip_header: &[u8], header: &[u8], payload: &[u8], ttl: Ttl) -> [u8; ICV_LEN] {
    let mut mac =
        Hmac::<Md5>::new_from_slice(key.expose()).expect("HMAC takes a key of any length (RFC 2104 §2)");
    ipv4::immutable_parts(ip_header, ttl == Ttl::Signed, |part| mac.update(part));
    mac.update(header);
    mac.update(&[0; ICV_LEN]);
    mac.update(payload);
    array(&mac.finalize().into_bytes(), 0)
}
