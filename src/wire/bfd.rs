//! BFD control packets (RFC 5880 §4.1), without the authentication section.
//!
//! ```text
//!  0               1               2               3
//! +-----+---------+---+-----------+---------------+---------------+
//! |vers | diag    |sta|P|F|C|A|D|M|  detect mult  |    length     |
//! +-----+---------+---+-----------+---------------+---------------+
//! |                       my discriminator                        |
//! |                      your discriminator                       |
//! |                   desired min TX interval                     |
//! |                   required min RX interval                    |
//! |                 required min echo RX interval                 |
//! +---------------------------------------------------------------+
//! ```
//!
//! Intervals are microseconds.

use super::{Malformed, array};
use std::fmt;

/// Bytes of the mandatory section.
pub const PACKET_LEN: usize = 24;
/// The version of the protocol (RFC 5880 §4.1).
pub const VERSION: u8 = 1;
/// UDP port of sessions with a neighbour on the link (RFC 5881 §4).
pub const PORT: u16 = 3784;
/// UDP port of sessions over several hops (RFC 5883 §5).
pub const MULTIHOP_PORT: u16 = 4784;
/// The lowest UDP port to send from (RFC 5881 §4).
pub const LOWEST_SOURCE_PORT: u16 = 49_152;

mod field {
    pub(super) const VERSION_DIAG: usize = 0;
    pub(super) const STATE_FLAGS: usize = 1;
    pub(super) const DETECT_MULT: usize = 2;
    pub(super) const LENGTH: usize = 3;
    pub(super) const MY_DISCRIMINATOR: usize = 4;
    pub(super) const YOUR_DISCRIMINATOR: usize = 8;
    pub(super) const DESIRED_MIN_TX: usize = 12;
    pub(super) const REQUIRED_MIN_RX: usize = 16;
}

mod flag {
    pub(super) const POLL: u8 = 0x20;
    pub(super) const FINAL: u8 = 0x10;
    pub(super) const AUTHENTICATION: u8 = 0x04;
    pub(super) const DEMAND: u8 = 0x02;
    pub(super) const MULTIPOINT: u8 = 0x01;
}

/// The state of a session as one side sees it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum State {
    /// Switched off; to the other side this is no failure.
    AdminDown,
    /// Nothing heard, or nothing good.
    #[default]
    Down,
    /// The other side is heard and does not hear us yet.
    Init,
    /// Both hear each other.
    Up,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdminDown => "AdminDown",
            Self::Down => "Down",
            Self::Init => "Init",
            Self::Up => "Up",
        })
    }
}

/// Why a session last changed its state, 0 to 31.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Diagnostic(pub u8);

impl Diagnostic {
    /// No reason.
    pub const NONE: Self = Self(0);
    /// Nothing was heard for the detection time.
    pub const EXPIRED: Self = Self(1);
    /// The neighbour said that the session is down.
    pub const NEIGHBOR_DOWN: Self = Self(3);
    /// Switched off.
    pub const ADMIN_DOWN: Self = Self(7);
}

impl fmt::Display for Diagnostic {
    /// keepalived's words for those of RFC 5880 §4.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "No Diagnostic",
            1 => "Control Detection Time Expired",
            2 => "Echo Function Failed",
            3 => "Neighbor Signaled Session Down",
            4 => "Forwarding Plane Reset",
            5 => "Path Down",
            6 => "Concatenated Path Down",
            7 => "Administratively Down",
            8 => "Reverse Concatenated Path Down",
            _ => "Unknown",
        })
    }
}

/// A view over a control packet of at least 24 bytes; the fields may hold anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes the payload of a UDP datagram.
    ///
    /// # Errors
    /// Fewer than 24 bytes.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < PACKET_LEN {
            return Err(Malformed::Truncated { needed: PACKET_LEN, found: bytes.len() });
        }
        Ok(Self { bytes })
    }

    /// Version, 0 to 7.
    #[must_use]
    pub const fn version(self) -> u8 {
        self.bytes[field::VERSION_DIAG] >> 5
    }

    /// Length that the sender gave, in bytes.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.bytes[field::LENGTH]
    }

    /// The authentication section is there.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        self.has(flag::AUTHENTICATION)
    }

    /// Reserved, and must be clear.
    #[must_use]
    pub const fn is_multipoint(self) -> bool {
        self.has(flag::MULTIPOINT)
    }

    const fn has(self, flag: u8) -> bool {
        self.bytes[field::STATE_FLAGS] & flag != 0
    }

    /// What it says.
    #[must_use]
    pub fn control(self) -> Control {
        let word = |at| u32::from_be_bytes(array(self.bytes, at));
        Control {
            diagnostic: Diagnostic(self.bytes[field::VERSION_DIAG] & 0x1f),
            state: match self.bytes[field::STATE_FLAGS] >> 6 {
                0 => State::AdminDown,
                1 => State::Down,
                2 => State::Init,
                _ => State::Up,
            },
            poll: self.has(flag::POLL),
            final_: self.has(flag::FINAL),
            demand: self.has(flag::DEMAND),
            detect_mult: self.bytes[field::DETECT_MULT],
            my_discriminator: word(field::MY_DISCRIMINATOR),
            your_discriminator: word(field::YOUR_DISCRIMINATOR),
            desired_min_tx: word(field::DESIRED_MIN_TX),
            required_min_rx: word(field::REQUIRED_MIN_RX),
        }
    }
}

/// The meaning of a control packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Control {
    /// Why the sender last changed its state.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// The sender wants an answer with F.
    pub poll: bool,
    /// The answer to a packet with P.
    pub final_: bool,
    /// The sender wants no periodic packets while both are up.
    pub demand: bool,
    /// Packets that may be missed before the sender counts as gone.
    pub detect_mult: u8,
    /// Names the session at the sender; not 0.
    pub my_discriminator: u32,
    /// Names it at the receiver; 0: not known yet.
    pub your_discriminator: u32,
    /// Microseconds: the sender would like to send no more often.
    pub desired_min_tx: u32,
    /// Microseconds: the sender cannot take more; 0: it wants no periodic packets at all.
    pub required_min_rx: u32,
}

impl Control {
    /// The packet; C, A, M and the echo interval are zero.
    #[must_use]
    pub fn emit(&self) -> [u8; PACKET_LEN] {
        let mut bytes = [0; PACKET_LEN];
        bytes[field::VERSION_DIAG] = VERSION << 5 | self.diagnostic.0 & 0x1f;
        let state = match self.state {
            State::AdminDown => 0,
            State::Down => 1,
            State::Init => 2,
            State::Up => 3,
        };
        let flags = [(self.poll, flag::POLL), (self.final_, flag::FINAL), (self.demand, flag::DEMAND)];
        let flags = flags.iter().filter(|(set, _)| *set).fold(0, |sum, (_, flag)| sum | flag);
        bytes[field::STATE_FLAGS] = state << 6 | flags;
        bytes[field::DETECT_MULT] = self.detect_mult;
        bytes[field::LENGTH] = PACKET_LEN as u8;
        let words = [
            (field::MY_DISCRIMINATOR, self.my_discriminator),
            (field::YOUR_DISCRIMINATOR, self.your_discriminator),
            (field::DESIRED_MIN_TX, self.desired_min_tx),
            (field::REQUIRED_MIN_RX, self.required_min_rx),
        ];
        for (at, word) in words {
            bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    const UP: Control = Control {
        diagnostic: Diagnostic::NONE,
        state: State::Up,
        poll: false,
        final_: false,
        demand: false,
        detect_mult: 5,
        my_discriminator: 0x6f0b_c88c,
        your_discriminator: 0x4a21_5f1a,
        desired_min_tx: 100_000,
        required_min_rx: 100_000,
    };
    const BACK: Control = Control { my_discriminator: 0x576d_2f1a, your_discriminator: 0xa926_8b56, ..UP };

    /// oracle: captures of keepalived 2.2.7, intervals of 100 ms, the link cut and mended.
    const CAPTURES: [(&str, Control); 5] = [
        ("20c00518 6f0bc88c 4a215f1a 000186a0 000186a0 00000000", UP),
        (
            "21400518 a9268b56 00000000 000f4240 000186a0 00000000",
            Control {
                diagnostic: Diagnostic::EXPIRED,
                state: State::Down,
                my_discriminator: 0xa926_8b56,
                your_discriminator: 0,
                desired_min_tx: 1_000_000,
                ..UP
            },
        ),
        (
            "20800518 576d2f1a a9268b56 000f4240 000186a0 00000000",
            Control { state: State::Init, desired_min_tx: 1_000_000, ..BACK },
        ),
        (
            "20e00518 a9268b56 576d2f1a 000186a0 000186a0 00000000",
            Control { poll: true, my_discriminator: 0xa926_8b56, your_discriminator: 0x576d_2f1a, ..UP },
        ),
        ("20d00518 576d2f1a a9268b56 000186a0 000186a0 00000000", Control { final_: true, ..BACK }),
    ];

    #[test]
    fn packets_are_keepaliveds() {
        for (bytes, control) in CAPTURES {
            let bytes = hex(bytes);
            let packet = Packet::new(&bytes).unwrap();
            assert_eq!((packet.version(), packet.length()), (VERSION, 24));
            assert!(!packet.is_authenticated() && !packet.is_multipoint());
            assert_eq!(packet.control(), control);
            assert_eq!(control.emit().as_slice(), bytes);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(packet) = Packet::new(&bytes) {
                let control = packet.control();
                let emitted = control.emit();
                prop_assert_eq!(Packet::new(&emitted).unwrap().control(), control);
                let _ = (packet.version(), packet.length(), packet.is_authenticated(), packet.is_multipoint());
            }
        }
    }
}
