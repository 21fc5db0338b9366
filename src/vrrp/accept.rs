//! The checks that a received packet passes before the state machine hears of it.
//!
//! Each reason to drop one is a variant of [`Discard`] and moves one counter. A dropped packet
//! changes nothing else: in keepalived any packet of the right VRID re-arms the master's advert
//! timer, so that three bad ones a second silence it.

use super::checksum::ChecksumForm;
use super::sequences::{Sequences, is_fresh};
use crate::config::block::{Auth, AuthHmac, Delivery, Freshness, HmacMode, VrrpInstance};
use crate::types::{AdvertInt, Family, Priority, Secret, Version};
use crate::wire::auth::hmac::Sequence;
use crate::wire::auth::{ah, hmac};
use crate::wire::vrrp::{AUTH_AH, AUTH_NONE, AUTH_PASS, HEADER_LEN, KIND_ADVERT, Packet, expected_len};
use crate::wire::{PROTOCOL_VRRP, ipv4};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A received packet, as the socket gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// Where it came from.
    pub source: IpAddr,
    /// The address that it was sent to.
    pub destination: IpAddr,
    /// TTL or hop limit on arrival.
    pub ttl: u8,
    /// What carries the message.
    pub carrier: Carrier,
    /// The VRRP message: what follows the IP header, or the authentication header behind that.
    pub message: Vec<u8>,
}

/// The protocol of a received IP packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Carrier {
    /// 112, VRRP itself.
    Vrrp,
    /// 51, an authentication header, over IPv4 only.
    Ah {
        /// The IPv4 header, its options included, as it arrived.
        ip_header: Vec<u8>,
        /// The 24 bytes behind it; fewer are no authentication header.
        header: Vec<u8>,
    },
}

impl Datagram {
    /// Takes an IP packet of protocol 51 apart; `payload` is what follows the IP header.
    #[must_use]
    pub fn behind_ah(ip_header: &[u8], payload: &[u8]) -> (Carrier, Vec<u8>) {
        let (header, message) = payload.split_at(payload.len().min(ah::HEADER_LEN));
        (Carrier::Ah { ip_header: ip_header.to_vec(), header: header.to_vec() }, message.to_vec())
    }

    /// The virtual router that it is for; 0 is possible here.
    #[must_use]
    pub fn vrid(&self) -> Option<u8> {
        self.message.get(1).copied()
    }
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
    /// `auth_type AH`: its sequence number.
    pub ah_sequence: Option<u32>,
    /// `auth_hmac`: seconds by which our clock is ahead of the sender's, where that is more than half of
    /// what is tolerated.
    pub clock_skew: Option<i32>,
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
    /// With an authentication header and `auth_type` is not AH, or the other way round.
    AhHeader {
        /// Sender.
        from: IpAddr,
        /// Whether there is one.
        found: bool,
    },
    /// An authentication header before something else than VRRP.
    AhPayload {
        /// Sender.
        from: IpAddr,
    },
    /// The integrity check value is another: a change on the way or another password.
    AhIcv {
        /// Sender.
        from: IpAddr,
    },
    /// The security parameters index is not the sender's address.
    AhSpi {
        /// Sender.
        from: IpAddr,
        /// The index.
        spi: Ipv4Addr,
    },
    /// A sequence number that was there before.
    AhSequence {
        /// Sender.
        from: IpAddr,
        /// Its number.
        theirs: u32,
        /// The last one that counts.
        ours: u32,
    },
    /// `auth_hmac`: no trailer.
    TrailerMissing {
        /// Sender.
        from: IpAddr,
    },
    /// A trailer of another type, or with reserved bits.
    TrailerMalformed {
        /// Sender.
        from: IpAddr,
    },
    /// A trailer signed with a key that we do not have.
    TrailerUnknownKey {
        /// Sender.
        from: IpAddr,
        /// The key's number.
        key_id: u8,
    },
    /// A trailer that was not made for this message with that key.
    TrailerInvalid {
        /// Sender.
        from: IpAddr,
    },
    /// A trailer from another time.
    TrailerStale {
        /// Sender.
        from: IpAddr,
        /// Seconds by which our clock is ahead of it.
        skew: i32,
        /// Seconds tolerated.
        window: u32,
    },
    /// A trailer that is not later than the last one from there.
    TrailerReplayed {
        /// Sender.
        from: IpAddr,
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
        /// What it bids.
        priority: Priority,
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
    /// [`Discard::AhHeader`].
    AhHeader,
    /// [`Discard::AhPayload`].
    AhPayload,
    /// [`Discard::AhIcv`].
    AhIcv,
    /// [`Discard::AhSpi`].
    AhSpi,
    /// [`Discard::AhSequence`].
    AhSequence,
    /// [`Discard::TrailerMissing`].
    TrailerMissing,
    /// [`Discard::TrailerMalformed`].
    TrailerMalformed,
    /// [`Discard::TrailerUnknownKey`].
    TrailerUnknownKey,
    /// [`Discard::TrailerInvalid`].
    TrailerInvalid,
    /// [`Discard::TrailerStale`].
    TrailerStale,
    /// [`Discard::TrailerReplayed`].
    TrailerReplayed,
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
            Self::AhHeader { .. } => DiscardKind::AhHeader,
            Self::AhPayload { .. } => DiscardKind::AhPayload,
            Self::AhIcv { .. } => DiscardKind::AhIcv,
            Self::AhSpi { .. } => DiscardKind::AhSpi,
            Self::AhSequence { .. } => DiscardKind::AhSequence,
            Self::TrailerMissing { .. } => DiscardKind::TrailerMissing,
            Self::TrailerMalformed { .. } => DiscardKind::TrailerMalformed,
            Self::TrailerUnknownKey { .. } => DiscardKind::TrailerUnknownKey,
            Self::TrailerInvalid { .. } => DiscardKind::TrailerInvalid,
            Self::TrailerStale { .. } => DiscardKind::TrailerStale,
            Self::TrailerReplayed { .. } => DiscardKind::TrailerReplayed,
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
            Self::AhHeader { from, found: true } => {
                write!(f, "Received AH header but auth type not AH from {from}")
            }
            Self::AhHeader { from, found: false } => {
                write!(f, "No AH header but auth type is AH from {from}")
            }
            Self::AhPayload { from } => write!(f, "AH header before something else than VRRP from {from}"),
            // keepalived does not say from whom; whatever greps for its words finds them.
            Self::AhIcv { from } => write!(
                f,
                "IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password ! (from {from})"
            ),
            Self::AhSpi { from, spi } => {
                write!(f, "IPSEC AH : invalid IPSEC SPI value. {spi} and expect {from}")
            }
            Self::AhSequence { from, theirs, ours } => write!(
                f,
                "IPSEC-AH : sequence number {theirs} already processed. Packet dropped. Local({ours}) (from {from})"
            ),
            Self::TrailerMissing { from } => write!(f, "missing authentication trailer from {from}"),
            Self::TrailerMalformed { from } => write!(f, "malformed authentication trailer from {from}"),
            Self::TrailerUnknownKey { from, key_id } => {
                write!(f, "unknown authentication key id {key_id} from {from}")
            }
            Self::TrailerInvalid { from } => write!(f, "invalid authentication HMAC from {from}"),
            Self::TrailerStale { from, skew, window } => write!(
                f,
                "stale authentication trailer from {from}, clock skew {skew} sec exceeds window {window} sec"
            ),
            Self::TrailerReplayed { from } => write!(f, "replayed authentication trailer from {from}"),
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
            Self::WeOwn { from, .. } => {
                write!(f, "Dropping packet(s) from {from} since we are address owner")
            }
            Self::NotAPeer { from } => write!(f, "unicast source address {from} not a unicast peer"),
        }
    }
}

/// Checks a packet in keepalived's order (keepalived: vrrp_check_packet; RFC 9568 §7.1). In
/// `sequences`, a signed one counts when it is good in all: the HMAC leaves the checksum out, and a copy damaged
/// there must not stand in the way of the next. One of AH counts when it is authentic, because its ICV covers
/// all of the message. `wall` is the time of day.
pub(super) fn accept(
    config: &VrrpInstance,
    checksum: ChecksumForm,
    sequences: &mut Sequences,
    wall: Duration,
    datagram: &Datagram,
) -> Result<Accepted, Discard> {
    let from = datagram.source;
    let message = datagram.message.as_slice();
    let too_short_or_long = |expected| {
        let headers = headers(config, &datagram.carrier);
        Discard::Length { from, length: headers + message.len(), expected: headers + expected }
    };
    let Ok(packet) = Packet::new(message) else { return Err(too_short_or_long(HEADER_LEN)) };
    let multicast = datagram.destination.is_multicast();
    if config.family == Family::V6 {
        check_delivery(config, from, multicast)?;
    }
    let behind_ah = matches!(datagram.carrier, Carrier::Ah { .. });
    if behind_ah != matches!(config.auth, Auth::Ah(_)) {
        return Err(Discard::AhHeader { from, found: behind_ah });
    }
    let expected = expected_len(packet.version(), config.family, packet.count());
    let trailer = match (&config.auth, message.split_at_checked(expected)) {
        (Auth::Hmac(_), Some((_, trailer))) if trailer.len() == hmac::TRAILER_LEN => Some(trailer),
        _ => None,
    };
    if message.len() != expected && trailer.is_none() {
        return Err(too_short_or_long(expected));
    }
    if multicast && datagram.ttl != 255 {
        return Err(Discard::Ttl { from, ttl: datagram.ttl });
    }
    if packet.version() != config.version.number() {
        return Err(Discard::Version { from, theirs: packet.version(), ours: config.version });
    }
    let signed = match &config.auth {
        Auth::Hmac(auth) => {
            let received = Received { from, message: packet.truncated(expected), trailer, wall };
            check_trailer(auth, &config.delivery, &received, sequences)?
        }
        Auth::None | Auth::Pass(_) | Auth::Ah(_) => None,
    };
    if config.version == Version::V2 {
        check_auth(config, packet, from)?;
    }
    let ah_sequence = check_ah(config, datagram, sequences)?;
    let interval = interval(config, packet, from)?;
    if packet.kind() != KIND_ADVERT {
        return Err(Discard::Type { from, theirs: packet.kind() });
    }
    // Over IPv6 the checksum covers the trailer, because it is part of the payload.
    let covered = if config.family == Family::V6 { packet } else { packet.truncated(expected) };
    let Some(checksum) = checksum.judge(covered, from, datagram.destination) else {
        return Err(Discard::Checksum { from, version: config.version });
    };
    check_delivery(config, from, multicast)?;
    if config.owner_ignore_adverts {
        return Err(Discard::WeOwn { from, priority: packet.priority() });
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
    if let Some(Signed { sequence, senders, freshness, .. }) = signed {
        sequences.hear_signed(from, sequence, senders, wall, freshness);
    }
    Ok(Accepted {
        source: from,
        priority: packet.priority(),
        interval,
        addresses: packet.addresses(config.family).collect(),
        checksum,
        ah_sequence,
        clock_skew: signed.and_then(|signed| signed.skew_to_tell),
    })
}

/// What a trailer is judged by.
struct Received<'a> {
    from: IpAddr,
    message: Packet<'a>,
    trailer: Option<&'a [u8]>,
    wall: Duration,
}

/// What an authentic trailer says.
struct Signed {
    sequence: Sequence,
    /// How many senders there can be; 0: anybody.
    senders: usize,
    freshness: Freshness,
    /// Seconds by which the clocks differ, where that is much.
    skew_to_tell: Option<i32>,
}

/// `auth_hmac`, in keepalived's order: what is stale costs no HMAC (keepalived: vrrp_auth_ext_verify).
/// `None`: there is no trailer, and need not be one.
fn check_trailer(
    auth: &AuthHmac,
    delivery: &Delivery,
    received: &Received<'_>,
    sequences: &Sequences,
) -> Result<Option<Signed>, Discard> {
    let Received { from, message, trailer, wall } = *received;
    let Some(trailer) = trailer else {
        return match auth.mode {
            HmacMode::Enforce => Err(Discard::TrailerMissing { from }),
            HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(None),
        };
    };
    let peers = match delivery {
        Delivery::Multicast { .. } => 0,
        Delivery::Unicast { peers, .. } if peers.iter().any(|peer| peer.address == from) => peers.len(),
        Delivery::Unicast { .. } => return Err(Discard::NotAPeer { from }),
    };
    let trailer = hmac::Trailer::parse(trailer).map_err(|_| Discard::TrailerMalformed { from })?;
    let skew = trailer.sequence.age(wall);
    if let Freshness::Time(window) = auth.freshness
        && !is_fresh(trailer.sequence, wall, auth.freshness)
    {
        return Err(Discard::TrailerStale { from, skew, window });
    }
    let key_id = trailer.key_id;
    let Some(key) = auth.keys.iter().find(|key| key.id == key_id) else {
        return Err(Discard::TrailerUnknownKey { from, key_id });
    };
    if !trailer.is_authentic(&key.secret, from, message) {
        return Err(Discard::TrailerInvalid { from });
    }
    if !sequences.is_new(from, trailer.sequence, wall, auth.freshness) {
        return Err(Discard::TrailerReplayed { from });
    }
    let skew_to_tell = match auth.freshness {
        Freshness::Time(window) if skew.unsigned_abs() > window / 2 => Some(skew),
        Freshness::Time(_) | Freshness::Monotonic => None,
    };
    let (sequence, freshness) = (trailer.sequence, auth.freshness);
    Ok(Some(Signed { sequence, senders: peers, freshness, skew_to_tell }))
}

/// `auth_type AH` (keepalived: vrrp_in_chk_ipsecah). Its sequence number.
fn check_ah(
    config: &VrrpInstance,
    datagram: &Datagram,
    sequences: &mut Sequences,
) -> Result<Option<u32>, Discard> {
    let (Auth::Ah(password), Carrier::Ah { ip_header, header }) = (&config.auth, &datagram.carrier) else {
        return Ok(None);
    };
    let from = datagram.source;
    let packet = [header.as_slice(), &datagram.message].concat();
    let Ok(header) = ah::Packet::new(&packet) else {
        return Err(Discard::Length { from, length: packet.len(), expected: ah::HEADER_LEN });
    };
    if header.next_header() != PROTOCOL_VRRP {
        return Err(Discard::AhPayload { from });
    }
    let ttl = if datagram.destination.is_multicast() { ah::Ttl::Signed } else { ah::Ttl::Mutable };
    if !header.is_authentic(password, ip_header, ttl) {
        return Err(Discard::AhIcv { from });
    }
    if from != header.spi() {
        return Err(Discard::AhSpi { from, spi: header.spi() });
    }
    let theirs = header.sequence();
    sequences.hear_ah(theirs).map_err(|ours| Discard::AhSequence { from, theirs, ours })?;
    Ok(Some(theirs))
}

fn check_delivery(config: &VrrpInstance, from: IpAddr, multicast: bool) -> Result<(), Discard> {
    match (&config.delivery, multicast) {
        (Delivery::Multicast { .. }, true) | (Delivery::Unicast { .. }, false) => Ok(()),
        _ => Err(Discard::Delivery { from, multicast }),
    }
}

/// What keepalived counts in with a message's length: over IPv4 it gets the headers before it, too.
fn headers(config: &VrrpInstance, carrier: &Carrier) -> usize {
    match (config.family, carrier) {
        (Family::V6, _) => 0,
        (Family::V4, Carrier::Vrrp) => ipv4::HEADER_LEN,
        (Family::V4, Carrier::Ah { .. }) => ipv4::HEADER_LEN + ah::HEADER_LEN,
    }
}

fn check_auth(config: &VrrpInstance, packet: Packet<'_>, from: IpAddr) -> Result<(), Discard> {
    let theirs = packet.auth_type();
    if theirs > AUTH_AH {
        return Err(Discard::AuthTypeInvalid { from, theirs });
    }
    let ours = match &config.auth {
        Auth::None | Auth::Hmac(_) => AUTH_NONE,
        Auth::Pass(_) => AUTH_PASS,
        Auth::Ah(_) => AUTH_AH,
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
