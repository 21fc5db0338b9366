//! Captured frames, both ways; and that whatever is changed in one is noticed.

use super::{ah, hmac};
use crate::types::{AdvertInt, Priority, Secret, Version, Vrid};
use crate::wire::vrrp::{Advert, AdvertAuth, Coverage, Packet, append_trailer};
use crate::wire::{ipv4, ipv6};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const ETHERNET_LEN: usize = 14;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn password() -> Secret {
    Secret::new(b"s3cr3t\0\0".to_vec())
}

/// Key 7 of the captures.
fn key() -> Secret {
    Secret::new((0..32).collect())
}

fn advert(version: Version, priority: u8, auth: AdvertAuth, address: &str) -> Advert {
    Advert {
        version,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority::new(priority),
        auth,
        interval: AdvertInt::DEFAULT,
        addresses: vec![ip(address)],
    }
}

/// oracle: capture of keepalived 2.2.7 with `auth_type AH`, `auth_pass s3cr3t`: first packet, second, farewell.
const AH_FRAMES: [&str; 3] = [
    "01005e00001202000000000a0800 45c0004000010000ff33d0530a630001e0000012
     700400000a63000100000001a6eae2c289548523a767a6c0 2133c80102010a03 0a630064 0000000000000000",
    "01005e00001202000000000a0800 45c0004000020000ff33d0520a630001e0000012
     700400000a630001000000029e379a8cb35f0c7b4ebd8070 2133c80102010a03 0a630064 0000000000000000",
    "01005e00001202000000000a0800 45c0004000030000ff33d0510a630001e0000012
     700400000a63000100000003c532518f61fcd53fff10dc85 213300010201d203 0a630064 0000000000000000",
];

#[test]
fn the_authentication_header_is_keepaliveds() {
    for (frame, (number, priority)) in AH_FRAMES.into_iter().zip([(1, 200), (2, 200), (3, 0)]) {
        let frame = hex(frame);
        let packet = ipv4::Packet::new(&frame[ETHERNET_LEN..]).unwrap();
        assert_eq!(packet.protocol(), ah::PROTOCOL_AH);
        let header = ah::Packet::new(packet.payload()).unwrap();
        assert_eq!((header.next_header(), header.spi(), header.sequence()), (112, packet.source(), number));
        assert!(header.is_authentic(&password(), packet.header(), ah::Ttl::Signed));
        assert!(!header.is_authentic(&password(), packet.header(), ah::Ttl::Mutable));
        assert!(!header.is_authentic(&key(), packet.header(), ah::Ttl::Signed));

        let advert = advert(Version::V2, priority, AdvertAuth::Ah, "10.99.0.100");
        let (source, destination) = (packet.source().into(), packet.destination().into());
        let message = advert.emit(source, destination);
        assert_eq!(message, header.payload());
        assert_eq!(Advert::parse(Packet::new(&message).unwrap(), source, destination), Ok(advert));
        let ip_header = ipv4::Repr {
            id: number as u16,
            ttl: 255,
            protocol: ah::PROTOCOL_AH,
            source: packet.source(),
            destination: packet.destination(),
        };
        let ip_header = ip_header.emit(ah::HEADER_LEN + message.len());
        let repr = ah::Repr { spi: packet.source(), sequence: number };
        let signed = repr.emit(&password(), &ip_header, &message, ah::Ttl::Signed);
        assert_eq!([&ip_header[..], &signed, &message].concat(), &frame[ETHERNET_LEN..]);
    }
}

/// oracle: by hand, RFC 2402 §3.3.3: routers change TOS, flags, offset, TTL and checksum, and nothing else.
#[test]
fn what_routers_may_change_is_not_signed_and_all_else_is() {
    let frame = hex(AH_FRAMES[0]);
    let packet = &frame[ETHERNET_LEN..];
    let (ip_header, rest) = packet.split_at(20);
    let message = &rest[ah::HEADER_LEN..];
    let repr = ah::Repr { spi: Ipv4Addr::new(10, 99, 0, 1), sequence: 1 };
    let unicast = repr.emit(&password(), ip_header, message, ah::Ttl::Mutable);
    let rest = [&unicast[..], message].concat();
    for at in 0..20 {
        let mut changed = ip_header.to_vec();
        changed[at] ^= 0x01;
        let authentic = ah::Packet::new(&rest).unwrap().is_authentic(&password(), &changed, ah::Ttl::Mutable);
        assert_eq!(authentic, matches!(at, 1 | 6 | 7 | 8 | 10 | 11), "byte {at}");
    }
    for at in 0..rest.len() {
        let mut changed = rest.clone();
        changed[at] ^= 0x80;
        let packet = ah::Packet::new(&changed).unwrap();
        assert!(!packet.is_authentic(&password(), ip_header, ah::Ttl::Mutable), "byte {at}");
    }
    // A header that is none signs like no header at all: never like the one that was sent.
    assert!(!ah::Packet::new(&rest).unwrap().is_authentic(&password(), &[], ah::Ttl::Mutable));
}

/// oracle: capture of keepalived 2.4.3, priority 200, key 7: version 3 and 2 over IPv4, version 3 over IPv6.
const HMAC_FRAMES: [(&str, Version, &str); 3] = [
    (
        "01005e00001202000000000a0800 45c0003c00010000ff70d01a0a630001e0000012 3133c801006410ad 0a630064
         010700006b00fb376df300007922343223556524354671a2ae0ed0a7",
        Version::V3,
        "10.99.0.100",
    ),
    (
        "01005e00001202000000000a0800 45c0004400010000ff70d0120a630001e0000012 2133c80100010c03 0a630064
         0000000000000000 010700006b00fb458c6a0000a4a735b6da6e58eb5bc8963370004ed8",
        Version::V2,
        "10.99.0.100",
    ),
    (
        "33330000001202000000000a86dd
         6c01bef3003470fffe80000000000000000000fffe00000aff020000000000000000000000000012
         3133c80100643e83 fe800000000000000000000000000051
         010700006b00fb3e7a9600008de80260b187b236a44a31196ddfb2a6",
        Version::V3,
        "fe80::51",
    ),
];

fn payload(frame: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    let packet = &frame[ETHERNET_LEN..];
    if let Ok(packet) = ipv4::Packet::new(packet) {
        return (packet.source().into(), packet.destination().into(), packet.payload());
    }
    let (header, payload) = ipv6::Repr::parse(packet).unwrap();
    (header.source.into(), header.destination.into(), payload)
}

#[test]
fn the_trailer_is_keepaliveds() {
    for (frame, version, address) in HMAC_FRAMES {
        let frame = hex(frame);
        let (source, destination, payload) = payload(&frame);
        let (message, bytes) = payload.split_at(payload.len() - hmac::TRAILER_LEN);
        let (message, trailer) = (Packet::new(message).unwrap(), hmac::Trailer::parse(bytes).unwrap());
        assert_eq!((trailer.key_id, trailer.sequence.0 & 0xffff), (7, 0));
        assert!(trailer.is_authentic(&key(), source, message));
        assert!(!trailer.is_authentic(&password(), source, message));
        // Over IPv6 the checksum covers the trailer.
        let covered = if source.is_ipv6() { Packet::new(payload).unwrap() } else { message };
        assert!(covered.checksum_is_valid(Coverage::of(version.number(), source, destination)));

        let mut ours = advert(version, 200, AdvertAuth::None, address).emit(source, destination);
        let signed = hmac::sign(&key(), 7, trailer.sequence, source, Packet::new(&ours).unwrap());
        append_trailer(&mut ours, &signed, source, destination);
        assert_eq!(ours, payload);
    }
}

#[test]
fn a_trailer_is_bound_to_every_bit_of_its_advert_but_the_checksum_and_to_its_sender() {
    let frame = hex(HMAC_FRAMES[0].0);
    let (source, _, payload) = payload(&frame);
    let at = payload.len() - hmac::TRAILER_LEN;
    for bit in 0..payload.len() * 8 {
        let mut changed = payload.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let message = Packet::new(&changed[..at]).unwrap();
        let accepted = hmac::Trailer::parse(&changed[at..])
            .is_ok_and(|trailer| trailer.is_authentic(&key(), source, message));
        assert_eq!(accepted, (6..8).contains(&(bit / 8)), "bit {bit}");
    }
    let message = Packet::new(&payload[..at]).unwrap();
    let trailer = hmac::Trailer::parse(&payload[at..]).unwrap();
    assert!(!trailer.is_authentic(&key(), ip("10.99.0.2"), message));
}

#[test]
fn sequences_follow_the_clock_and_survive_their_wrap() {
    let at = |secs, nanos| hmac::Sequence::at(Duration::new(secs, nanos));
    assert_eq!(at(0x6b00_fb37, 429_489_136).0, 0x6b00_fb37_6df3_0000);
    assert!(at(10, 1_000_000).is_after(at(10, 0)) && at(10, 0).next().is_after(at(10, 0)));
    assert!(!at(10, 0).is_after(at(10, 0)) && !at(9, 0).is_after(at(10, 0)));
    // 2106: the seconds start again, and are later all the same.
    assert!(at(1 << 32, 0).is_after(at((1 << 32) - 1, 0)));
    assert_eq!(at(1 << 32, 0).0, 0);
    assert_eq!((at(100, 0).age(Duration::from_secs(103)), at(100, 0).age(Duration::from_secs(98))), (3, -2));
    assert_eq!(at((1 << 32) - 1, 0).age(Duration::from_secs((1 << 32) + 1)), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = hmac::Trailer::parse(&bytes);
        if let Ok(header) = ah::Packet::new(&bytes) {
            prop_assert!(!header.is_authentic(&password(), &bytes, ah::Ttl::Signed));
            let _ = (header.next_header(), header.spi(), header.sequence(), header.payload());
        }
    }

    #[test]
    fn what_is_signed_is_accepted(
        sequence in any::<u64>(),
        key_id in any::<u8>(),
        secret in prop::collection::vec(any::<u8>(), 32..=64),
        message in prop::collection::vec(any::<u8>(), 8..600),
        source in any::<IpAddr>(),
    ) {
        let (key, message) = (Secret::new(secret), Packet::new(&message).unwrap());
        let bytes = hmac::sign(&key, key_id, hmac::Sequence(sequence), source, message);
        let trailer = hmac::Trailer::parse(&bytes).unwrap();
        prop_assert_eq!((trailer.key_id, trailer.sequence.0), (key_id, sequence));
        prop_assert!(trailer.is_authentic(&key, source, message));
    }
}
