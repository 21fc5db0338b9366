//! The checks that a received packet passes before the state machine hears of it.
//!
//! Each reason to drop one is a variant of [`Discard`] and moves one counter. A dropped packet
//! changes nothing else: in keepalived any packet of the right VRID re-arms the master's advert
//! timer, so that three bad ones a second silence it.

use super::checksum::ChecksumForm;
use crate::config::block::{Auth, Delivery, VrrpInstance};
use crate::types::{AdvertInt, Family, Priority, Secret, Version};
use crate::wire::vrrp::{HEADER_LEN, KIND_ADVERT, Packet, expected_len};
use std::fmt;
use std::net::IpAddr;

/// A received packet, as the socket gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// Where it came from.
    pub source: IpAddr,
    /// The address that it was sent to.
    pub destination: IpAddr,
    /// TTL or hop limit on arrival.
    pub ttl: u8,
    /// The VRRP message: the payload of the IP packet.
    pub message: Vec<u8>,
}

/// What a good advert says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Sender.
    pub source: IpAddr,
    /// Its priority.
    pub priority: Priority,
    /// Its interval.
    pub interval: AdvertInt,
    /// The addresses it stands for.
    pub addresses: Vec<IpAddr>,
    /// What its checksum covers, where that is new to us.
    pub(super) checksum: ChecksumForm,
}

/// Why a packet is dropped; `Display` gives keepalived 2.4's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Discard {
    /// Shorter than a VRRP header, or not the length that its fields demand.
    Length {
        /// Sender.
        from: IpAddr,
        /// Bytes there.
        length: usize,
        /// Bytes demanded.
        expected: usize,
    },
    /// It crossed a router (RFC 9568 §7.1).
    Ttl {
        /// Sender.
        from: IpAddr,
        /// TTL or hop limit.
        ttl: u8,
    },
    /// Another version.
    Version {
        /// Sender.
        from: IpAddr,
        /// Its version.
        theirs: u8,
        /// Ours.
        ours: Version,
    },
    /// An authentication type that VRRPv2 does not know.
    AuthTypeInvalid {
        /// Sender.
        from: IpAddr,
        /// Its type.
        theirs: u8,
    },
    /// An authentication type that we do not use.
    AuthTypeMismatch {
        /// Sender.
        from: IpAddr,
        /// Its type.
        theirs: u8,
        /// Ours.
        ours: u8,
    },
    /// Another password.
    AuthFailure {
        /// Sender.
        from: IpAddr,
    },
    /// VRRPv2 with another interval (RFC 3768 §7.1).
    Interval {
        /// Sender.
        from: IpAddr,
        /// Its interval in seconds (VRRPv2) or centiseconds (VRRPv3).
        theirs: u16,
        /// Ours in the same unit.
        ours: u16,
    },
    /// Not an advertisement.
    Type {
        /// Sender.
        from: IpAddr,
        /// Its type.
        theirs: u8,
    },
    /// Damaged.
    Checksum {
        /// Sender.
        from: IpAddr,
        /// Its version.
        version: Version,
    },
    /// Multicast to a unicast instance or the other way round.
    Delivery {
        /// Sender.
        from: IpAddr,
        /// What it came by.
        multicast: bool,
    },
    /// `owner_ignore_adverts`: nobody outbids the owner of the addresses.
    WeOwn {
        /// Sender.
        from: IpAddr,
    },
    /// `check_unicast_src`: from nobody we know.
    NotAPeer {
        /// Sender.
        from: IpAddr,
    },
    /// From a peer that is nearer or farther than `min_ttl` and `max_ttl` allow.
    PeerTtl {
        /// Sender.
        from: IpAddr,
        /// TTL or hop limit.
        ttl: u8,
        /// The lowest and the highest that are accepted.
        range: (u8, u8),
    },
}

/// The kinds of [`Discard`], each with a counter.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DiscardKind {
    /// [`Discard::Length`].
    Length,
    /// [`Discard::Ttl`] and [`Discard::PeerTtl`].
    Ttl,
    /// [`Discard::Version`].
    Version,
    /// [`Discard::AuthTypeInvalid`].
    AuthTypeInvalid,
    /// [`Discard::AuthTypeMismatch`].
    AuthTypeMismatch,
    /// [`Discard::AuthFailure`].
    AuthFailure,
    /// [`Discard::Interval`].
    Interval,
    /// [`Discard::Type`].
    Type,
    /// [`Discard::Checksum`].
    Checksum,
    /// [`Discard::Delivery`] and [`Discard::NotAPeer`].
    Delivery,
    /// [`Discard::WeOwn`].
    WeOwn,
}

impl Discard {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> DiscardKind {
        match self {
            Self::Length { .. } => DiscardKind::Length,
            Self::Ttl { .. } | Self::PeerTtl { .. } => DiscardKind::Ttl,
            Self::Version { .. } => DiscardKind::Version,
            Self::AuthTypeInvalid { .. } => DiscardKind::AuthTypeInvalid,
            Self::AuthTypeMismatch { .. } => DiscardKind::AuthTypeMismatch,
            Self::AuthFailure { .. } => DiscardKind::AuthFailure,
            Self::Interval { .. } => DiscardKind::Interval,
            Self::Type { .. } => DiscardKind::Type,
            Self::Checksum { .. } => DiscardKind::Checksum,
            Self::Delivery { .. } | Self::NotAPeer { .. } => DiscardKind::Delivery,
            Self::WeOwn { .. } => DiscardKind::WeOwn,
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { from, length, expected } => {
                let relation = if length > expected { "long" } else { "short" };
                write!(f, "vrrp packet from {from} too {relation}, length {length} and expect {expected}")
            }
            Self::Ttl { from, ttl } => {
                write!(f, "invalid TTL/HL from {from}. Received {ttl} and expect 255")
            }
            Self::Version { from, theirs, ours } => {
                write!(f, "wrong VRRP version from {from}. Received {theirs} and expect {ours}")
            }
            Self::AuthTypeInvalid { from, theirs } => write!(f, "Invalid auth type from {from}: {theirs}"),
            Self::AuthTypeMismatch { from, theirs, ours } => {
                write!(f, "received a {theirs} auth from {from}, expecting {ours}!")
            }
            Self::AuthFailure { from } => write!(f, "received an invalid passwd from {from}!"),
            Self::Interval { from, theirs, ours } => {
                write!(f, "advertisement interval mismatch with {from} mine={ours} sec rcv'd={theirs} sec")
            }
            Self::Type { from, theirs } => {
                write!(f, "Invalid packet type from {from}. {theirs} and expect 1")
            }
            Self::Checksum { from, version } => write!(f, "Invalid VRRPv{version} checksum from {from}"),
            Self::Delivery { from, multicast: true } => {
                write!(f, "Expected unicast packet but received multicast packet from {from}")
            }
            Self::Delivery { from, multicast: false } => {
                write!(f, "Expected multicast packet but received unicast packet from {from}")
            }
            Self::PeerTtl { from, ttl, range: (min, max) } => {
                write!(f, "TTL/HL {ttl} from {from} not in range [{min}, {max}]")
            }
            Self::WeOwn { from } => write!(f, "Dropping packet(s) from {from} since we are address owner"),
            Self::NotAPeer { from } => write!(f, "unicast source address {from} not a unicast peer"),
        }
    }
}

/// Checks a packet in keepalived's order (keepalived: vrrp_check_packet; RFC 9568 §7.1).
pub(super) fn accept(
    config: &VrrpInstance,
    checksum: ChecksumForm,
    datagram: &Datagram,
) -> Result<Accepted, Discard> {
    let from = datagram.source;
    let message = datagram.message.as_slice();
    let Ok(packet) = Packet::new(message) else {
        return Err(Discard::Length { from, length: message.len(), expected: HEADER_LEN });
    };
    let multicast = datagram.destination.is_multicast();
    if config.family == Family::V6 {
        check_delivery(config, from, multicast)?;
    }
    let expected = expected_len(packet.version(), config.family, packet.count());
    if message.len() != expected {
        return Err(Discard::Length { from, length: message.len(), expected });
    }
    if multicast && datagram.ttl != 255 {
        return Err(Discard::Ttl { from, ttl: datagram.ttl });
    }
    if packet.version() != config.version.number() {
        return Err(Discard::Version { from, theirs: packet.version(), ours: config.version });
    }
    if config.version == Version::V2 {
        check_auth(config, packet, from)?;
    }
    let interval = interval(config, packet, from)?;
    if packet.kind() != KIND_ADVERT {
        return Err(Discard::Type { from, theirs: packet.kind() });
    }
    let Some(checksum) = checksum.judge(packet, from, datagram.destination) else {
        return Err(Discard::Checksum { from, version: config.version });
    };
    check_delivery(config, from, multicast)?;
    if config.owner_ignore_adverts {
        return Err(Discard::WeOwn { from });
    }
    if let Delivery::Unicast { peers, check_source: true, .. } = &config.delivery {
        let Some(peer) = peers.iter().find(|peer| peer.address == from) else {
            return Err(Discard::NotAPeer { from });
        };
        let (ttl, range) = (datagram.ttl, (peer.min_ttl, peer.max_ttl));
        if !(peer.min_ttl..=peer.max_ttl).contains(&ttl) {
            return Err(Discard::PeerTtl { from, ttl, range });
        }
    }
    Ok(Accepted {
        source: from,
        priority: packet.priority(),
        interval,
        addresses: packet.addresses(config.family).collect(),
        checksum,
    })
}

fn check_delivery(config: &VrrpInstance, from: IpAddr, multicast: bool) -> Result<(), Discard> {
    match (&config.delivery, multicast) {
        (Delivery::Multicast { .. }, true) | (Delivery::Unicast { .. }, false) => Ok(()),
        _ => Err(Discard::Delivery { from, multicast }),
    }
}

fn check_auth(config: &VrrpInstance, packet: Packet<'_>, from: IpAddr) -> Result<(), Discard> {
    let theirs = packet.auth_type();
    if theirs > 2 {
        return Err(Discard::AuthTypeInvalid { from, theirs });
    }
    let ours = match &config.auth {
        Auth::None | Auth::Ah(_) | Auth::Hmac(_) => 0,
        Auth::Pass(_) => 1,
    };
    if theirs != ours {
        return Err(Discard::AuthTypeMismatch { from, theirs, ours });
    }
    // Over IPv6 there is no room for a password behind the addresses, so there is none to compare.
    if let (Auth::Pass(password), Family::V4) = (&config.auth, config.family)
        && packet.auth_data().map(|data| Secret::new(data.to_vec())).as_ref() != Some(password)
    {
        return Err(Discard::AuthFailure { from });
    }
    Ok(())
}

/// VRRPv2 demands our interval; VRRPv3 lets the master say it, but 0 says nothing.
fn interval(config: &VrrpInstance, packet: Packet<'_>, from: IpAddr) -> Result<AdvertInt, Discard> {
    match config.version {
        Version::V2 => {
            let (theirs, ours) = (packet.adver_int_secs(), config.advert_int.wire_v2());
            match AdvertInt::from_secs(theirs) {
                Some(interval) if theirs == ours => Ok(interval),
                _ => Err(Discard::Interval { from, theirs: theirs.into(), ours: ours.into() }),
            }
        }
        Version::V3 => {
            let theirs = packet.max_adver_int_centis();
            let ours = config.advert_int.wire_v3();
            AdvertInt::from_centis(theirs).ok_or(Discard::Interval { from, theirs, ours })
        }
    }
}
