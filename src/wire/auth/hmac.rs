//! keepalived's authentication extension (its versions from 2.4 on, `auth_hmac`): 28 bytes behind the
//! complete VRRP message, of any version and over any family.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! |  type 1       |    key id     |               0               |
//! +---------------+---------------+---------------+---------------+
//! |                  sequence: seconds since 1970                 |
//! +-------------------------------+-------------------------------+
//! |  sequence: 1/65536 seconds    |  sequence: counter            |
//! +-------------------------------+-------------------------------+
//! |  the first 16 bytes of an HMAC-SHA256 over a pseudo-header,   |
//! |  the message with checksum 0, the 12 bytes above and 16 zeros |
//! |                                                               |
//! |                                                               |
//! +---------------------------------------------------------------+
//! ```
//!
//! The pseudo-header is family (4 or 6), VRRP version, VRID, 0 and the source address in 16 bytes. The
//! destination is not signed: one trailer serves the copies to all peers.

use ::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

use crate::types::Secret;
use crate::wire::{Malformed, array, vrrp};

/// Bytes of the trailer.
pub const TRAILER_LEN: usize = 28;
/// HMAC-SHA256 cut to 128 bits: the only type there is.
pub const TYPE_SHA256: u8 = 1;
const MAC_LEN: usize = 16;

mod field {
    pub(super) const TYPE: usize = 0;
    pub(super) const KEY_ID: usize = 1;
    pub(super) const RESERVED: usize = 2;
    pub(super) const SEQUENCE: usize = 4;
    pub(super) const MAC: usize = 12;
}

/// The 64 bits that only ever grow: seconds, 1/65536 seconds, and a counter for what shares those.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first one of a moment, given as the time since 1970-01-01 UTC.
    #[must_use]
    pub fn at(wall: Duration) -> Self {
        // 32 bits of seconds wrap in 2106; comparing by difference outlives that.
        let fraction = (u64::from(wall.subsec_nanos()) << 16) / 1_000_000_000;
        Self(wall.as_secs() << 32 | fraction << 16)
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Whether it is later, where the numbers wrap (RFC 1982 §3.2).
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }

    /// Seconds by which a clock is ahead of it; negative: behind it.
    #[must_use]
    pub const fn age(self, wall: Duration) -> i32 {
        (wall.as_secs() as u32).wrapping_sub((self.0 >> 32) as u32).cast_signed()
    }
}

/// A trailer as it was received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trailer {
    /// Which key it says it is signed with.
    pub key_id: u8,
    /// Its sequence.
    pub sequence: Sequence,
    prefix: [u8; field::MAC],
    mac: [u8; MAC_LEN],
}

impl Trailer {
    /// Reads a trailer.
    ///
    /// # Errors
    /// Not 28 bytes, another type than 1, or reserved bits that are set.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let found = bytes.len();
        if found < TRAILER_LEN {
            return Err(Malformed::Truncated { needed: TRAILER_LEN, found });
        }
        if found > TRAILER_LEN {
            return Err(Malformed::TooLong { expected: TRAILER_LEN, found });
        }
        if bytes[field::TYPE] != TYPE_SHA256 {
            return Err(Malformed::Kind(bytes[field::TYPE]));
        }
        if bytes[field::RESERVED..field::SEQUENCE] != [0, 0] {
            return Err(Malformed::Unexpected);
        }
        Ok(Self {
            key_id: bytes[field::KEY_ID],
            sequence: Sequence(u64::from_be_bytes(array(bytes, field::SEQUENCE))),
            prefix: array(bytes, 0),
            mac: array(bytes, field::MAC),
        })
    }

    /// Whether it was made with this key for this message, sent from there.
    #[must_use]
    pub fn is_authentic(&self, key: &Secret, source: IpAddr, message: vrrp::Packet<'_>) -> bool {
        mac(key, source, message, &self.prefix).ct_eq(&self.mac).into()
    }
}

/// Makes the trailer of a message that will be sent from there; its checksum need not be there yet.
#[must_use]
pub fn sign(
    key: &Secret,
    key_id: u8,
    sequence: Sequence,
    source: IpAddr,
    message: vrrp::Packet<'_>,
) -> [u8; TRAILER_LEN] {
    let mut trailer = [0; TRAILER_LEN];
    trailer[field::TYPE] = TYPE_SHA256;
    trailer[field::KEY_ID] = key_id;
    trailer[field::SEQUENCE..field::MAC].copy_from_slice(&sequence.0.to_be_bytes());
    let mac = mac(key, source, message, &trailer[..field::MAC]);
    trailer[field::MAC..].copy_from_slice(&mac);
    trailer
}

fn mac(key: &Secret, source: IpAddr, message: vrrp::Packet<'_>, prefix: &[u8]) -> [u8; MAC_LEN] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes a key of any length (RFC 2104 §2)");
    let (family, address) = match source {
        IpAddr::V4(source) => {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&source.octets());
            (4, address)
        }
        IpAddr::V6(source) => (6, source.octets()),
    };
    mac.update(&[family, message.version(), message.vrid(), 0]);
    mac.update(&address);
    let (before, after) = message.around_checksum();
    mac.update(before);
    mac.update(&[0; 2]);
    mac.update(after);
    mac.update(prefix);
    mac.update(&[0; MAC_LEN]);
    array(&mac.finalize().into_bytes(), 0)
}
