//! The captured frames, both ways; a million bad packets; round trips.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::arp::{ArpRequest, ArpSender, GratuitousArp};
use super::ndisc::UnsolicitedAdvert;
use super::vrrp::{Advert, AdvertAuth, Coverage, Packet, expected_len};
use super::{Malformed, PROTOCOL_VRRP, ipv4, ipv6};
use crate::types::{AdvertInt, Family, MacAddr, Priority, Version, Vrid};

const ETHERNET_LEN: usize = 14;
const SENDER_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0a]);

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What a captured IPv4 frame says: TTL and ID of the header, and the advert.
struct Captured {
    frame: &'static str,
    id: u16,
    destination: &'static str,
    advert: Advert,
}

fn advert(version: Version, priority: u8, centis: u16, addresses: &[&str]) -> Advert {
    Advert {
        version,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority::new(priority),
        auth: AdvertAuth::None,
        interval: AdvertInt::from_centis(centis).unwrap(),
        addresses: addresses.iter().map(|address| ip(address)).collect(),
    }
}

fn with_password(advert: Advert) -> Advert {
    Advert { auth: AdvertAuth::Pass(*b"s3cr3t\0\0"), ..advert }
}

/// Parses the frame into the advert and emits the advert into the frame.
fn check_ipv4(captured: &Captured) {
    let frame = hex(captured.frame);
    let packet = ipv4::Packet::new(&frame[ETHERNET_LEN..]).unwrap();
    assert_eq!((packet.header_len(), usize::from(packet.total_len())), (20, frame.len() - ETHERNET_LEN));
    assert_eq!((packet.ttl(), packet.protocol()), (255, PROTOCOL_VRRP));
    assert!(packet.header_checksum_is_valid());
    assert_eq!(
        (IpAddr::from(packet.source()), IpAddr::from(packet.destination())),
        (ip("10.99.0.1"), ip(captured.destination))
    );
    let (source, destination) = (ip("10.99.0.1"), ip(captured.destination));
    let message = Packet::new(packet.payload()).unwrap();
    assert_eq!(Advert::parse(message, source, destination).as_ref(), Ok(&captured.advert));

    let header = ipv4::Repr {
        id: captured.id,
        ttl: 255,
        protocol: PROTOCOL_VRRP,
        source: packet.source(),
        destination: packet.destination(),
    };
    let message = captured.advert.emit(source, destination);
    assert_eq!([&header.emit(message.len()), message.as_slice()].concat(), &frame[ETHERNET_LEN..]);
}

/// As [`check_ipv4`]; the flow label is the kernel's and is taken from the frame.
fn check_ipv6(frame: &str, hop_limit: u8, source: &str, destination: &str, advert: &Advert) {
    let frame = hex(frame);
    let (header, payload) = ipv6::Repr::parse(&frame[ETHERNET_LEN..]).unwrap();
    assert_eq!(
        (header.traffic_class, header.next_header, header.hop_limit),
        (0xc0, PROTOCOL_VRRP, hop_limit)
    );
    let (source, destination) = (ip(source), ip(destination));
    assert_eq!((IpAddr::from(header.source), IpAddr::from(header.destination)), (source, destination));
    let message = Packet::new(payload).unwrap();
    assert_eq!(Advert::parse(message, source, destination).as_ref(), Ok(advert));
    let message = advert.emit(source, destination);
    assert_eq!([&header.emit(message.len()), message.as_slice()].concat(), &frame[ETHERNET_LEN..]);
}

/// oracle: capture of keepalived 2.2.7, two VIPs, first packet; and the same sender leaving.
#[test]
fn v2_without_authentication_is_keepaliveds() {
    let addresses = ["10.99.0.100", "10.99.0.101"];
    check_ipv4(&Captured {
        frame: "01005e00001202000000000a0800 45c0002c00010000ff70d02a0a630001e0000012
                213364020001653a 0a630064 0a630065 0000000000000000",
        id: 1,
        destination: "224.0.0.18",
        advert: advert(Version::V2, 100, 100, &addresses),
    });
    check_ipv4(&Captured {
        frame: "01005e00001202000000000a0800 45c0002c000a0000ff70d0210a630001e0000012
                213300020001c93a 0a630064 0a630065 0000000000000000",
        id: 10,
        destination: "224.0.0.18",
        advert: advert(Version::V2, 0, 100, &addresses),
    });
}

/// oracle: capture of keepalived 2.2.7, `auth_pass s3cr3t`; and the same sender leaving.
#[test]
fn v2_with_a_password_is_keepaliveds() {
    check_ipv4(&Captured {
        frame: "01005e00001202000000000a0800 45c0002800010000ff70d02e0a630001e0000012
                2133c801010100e9 0a630064 7333637233740000",
        id: 1,
        destination: "224.0.0.18",
        advert: with_password(advert(Version::V2, 200, 100, &["10.99.0.100"])),
    });
    check_ipv4(&Captured {
        frame: "01005e00001202000000000a0800 45c0002800030000ff70d02c0a630001e0000012
                213300010101c8e9 0a630064 7333637233740000",
        id: 3,
        destination: "224.0.0.18",
        advert: with_password(advert(Version::V2, 0, 100, &["10.99.0.100"])),
    });
}

/// oracle: capture of keepalived 2.2.7, interval 0.5 s; and the same sender leaving.
#[test]
fn v3_over_ipv4_is_keepaliveds() {
    check_ipv4(&Captured {
        frame: "01005e00001202000000000a0800 45c0002000010000ff70d0360a630001e0000012
                3133c801003210df 0a630064",
        id: 1,
        destination: "224.0.0.18",
        advert: advert(Version::V3, 200, 50, &["10.99.0.100"]),
    });
    check_ipv4(&Captured {
        frame: "01005e00001202000000000a0800 45c0002000090000ff70d02e0a630001e0000012
                313300010032d8df 0a630064",
        id: 9,
        destination: "224.0.0.18",
        advert: advert(Version::V3, 0, 50, &["10.99.0.100"]),
    });
}

/// oracle: captures of keepalived 2.2.7 over IPv6: version 3 and leaving, and version 2, which has
/// no authentication data there.
#[test]
fn both_versions_over_ipv6_are_keepaliveds() {
    let (source, group) = ("fe80::ff:fe00:a", "ff02::12");
    let addresses = ["fe80::51", "2001:db8:99::100"];
    check_ipv6(
        "33330000001202000000000a86dd
         6c01bef3002870fffe80000000000000000000fffe00000aff020000000000000000000000000012
         3133c8020064db09 fe800000000000000000000000000051 20010db8009900000000000000000100",
        255,
        source,
        group,
        &advert(Version::V3, 200, 100, &addresses),
    );
    check_ipv6(
        "33330000001202000000000a86dd
         6c01bef3002870fffe80000000000000000000fffe00000aff020000000000000000000000000012
         313300020064a30a fe800000000000000000000000000051 20010db8009900000000000000000100",
        255,
        source,
        group,
        &advert(Version::V3, 0, 100, &addresses),
    );
    check_ipv6(
        "33330000001202000000000a86dd
         6c01bef3001870fffe80000000000000000000fffe00000aff020000000000000000000000000012
         2133c80100011ad0 fe800000000000000000000000000051",
        255,
        source,
        group,
        &advert(Version::V2, 200, 100, &addresses[..1]),
    );
}

/// oracle: captures of keepalived 2.2.7, `unicast_peer` with two peers: to B, to C, leaving to B.
#[test]
fn unicast_over_ipv4_is_keepaliveds() {
    let b_and_c = |version, priority, frame, id, destination| {
        let advert = advert(version, priority, 100, &["10.99.0.100"]);
        check_ipv4(&Captured { frame, id, destination, advert });
    };
    b_and_c(
        Version::V2,
        200,
        "02000000000b02000000000a0800 45c0002800010000ff70a5dc0a6300010a630002
         2133c80100010c03 0a630064 0000000000000000",
        1,
        "10.99.0.2",
    );
    b_and_c(
        Version::V2,
        200,
        "02000000000c02000000000a0800 45c0002800010000ff70a5db0a6300010a630003
         2133c80100010c03 0a630064 0000000000000000",
        1,
        "10.99.0.3",
    );
    b_and_c(
        Version::V2,
        0,
        "02000000000b02000000000a0800 45c0002800020000ff70a5db0a6300010a630002
         213300010001d403 0a630064 0000000000000000",
        2,
        "10.99.0.2",
    );
    b_and_c(
        Version::V3,
        200,
        "02000000000b02000000000a0800 45c0002000010000ff70a5e40a6300010a630002
         3133c8010064e65a 0a630064",
        1,
        "10.99.0.2",
    );
    b_and_c(
        Version::V3,
        200,
        "02000000000c02000000000a0800 45c0002000010000ff70a5e30a6300010a630003
         3133c8010064e659 0a630064",
        1,
        "10.99.0.3",
    );
    b_and_c(
        Version::V3,
        0,
        "02000000000b02000000000a0800 45c0002000020000ff70a5e30a6300010a630002
         313300010064ae5b 0a630064",
        2,
        "10.99.0.2",
    );
}

/// oracle: captures of keepalived 2.2.7, unicast over IPv6 with the kernel's hop limit; and leaving.
#[test]
fn unicast_over_ipv6_is_keepaliveds() {
    let (source, peer) = ("2001:db8:99::1", "2001:db8:99::2");
    check_ipv6(
        "02000000000b02000000000a86dd
         6c04943500187040 20010db8009900000000000000000001 20010db8009900000000000000000002
         3133c801006479e5 20010db8009900000000000000000100",
        64,
        source,
        peer,
        &advert(Version::V3, 200, 100, &["2001:db8:99::100"]),
    );
    check_ipv6(
        "02000000000b02000000000a86dd
         6c04943500187040 20010db8009900000000000000000001 20010db8009900000000000000000002
         31330001006441e6 20010db8009900000000000000000100",
        64,
        source,
        peer,
        &advert(Version::V3, 0, 100, &["2001:db8:99::100"]),
    );
}

/// oracle: captures of keepalived 2.2.7 from an interface and from a VMAC of VRID 51.
#[test]
fn gratuitous_arp_is_keepaliveds() {
    let frames = [
        (
            SENDER_MAC,
            "ffffffffffff02000000000a0806 0001080006040001 02000000000a 0a630064 ffffffffffff 0a630064",
        ),
        (
            MacAddr([0x00, 0x00, 0x5e, 0x00, 0x01, 0x33]),
            "ffffffffffff00005e0001330806 0001080006040001 00005e000133 0a630064 ffffffffffff 0a630064",
        ),
    ];
    for (mac, frame) in frames {
        let announced = GratuitousArp { mac, address: Ipv4Addr::new(10, 99, 0, 100) };
        assert_eq!(announced.emit().as_slice(), hex(frame));
        assert_eq!(GratuitousArp::parse(&hex(frame)), Ok(announced));
    }
}

/// oracle: captures of keepalived 2.2.7 on an interface that does not forward; the checksum with
/// flag R by hand (the flags' word grows by 0x8000).
#[test]
fn unsolicited_neighbour_advertisement_is_keepaliveds() {
    let frames = [
        (
            "fe80::51",
            false,
            "33330000000102000000000a86dd
             6000000000203afffe800000000000000000000000000051ff020000000000000000000000000001
             880056f220000000fe800000000000000000000000000051 020102000000000a",
        ),
        (
            "2001:db8:99::100",
            false,
            "33330000000102000000000a86dd
             6000000000203aff20010db8009900000000000000000100ff020000000000000000000000000001
             8800f5f12000000020010db8009900000000000000000100 020102000000000a",
        ),
        (
            "2001:db8:99::100",
            true,
            "33330000000102000000000a86dd
             6000000000203aff20010db8009900000000000000000100ff020000000000000000000000000001
             880075f1a000000020010db8009900000000000000000100 020102000000000a",
        ),
    ];
    for (address, router, frame) in frames {
        let announced = UnsolicitedAdvert { mac: SENDER_MAC, address: address.parse().unwrap(), router };
        assert_eq!(announced.emit().as_slice(), hex(frame));
        assert_eq!(UnsolicitedAdvert::parse(&hex(frame)), Ok(announced));
    }
}

#[test]
fn every_field_of_a_message_is_where_the_rfcs_draw_it() {
    let bytes = [0x2f, 0x33, 0x96, 0x01, 0xe5, 0x07, 0xab, 0xcd, 10, 99, 0, 100, 1, 2, 3, 4, 5, 6, 7, 8];
    let packet = Packet::new(&bytes).unwrap();
    assert_eq!((packet.version(), packet.kind(), packet.vrid()), (2, 15, 0x33));
    assert_eq!((packet.priority(), packet.count()), (Priority::new(150), 1));
    assert_eq!((packet.auth_type(), packet.adver_int_secs()), (0xe5, 7));
    assert_eq!((packet.max_adver_int_centis(), packet.checksum()), (0x507, 0xabcd));
    assert_eq!(packet.addresses(Family::V4).collect::<Vec<_>>(), [ip("10.99.0.100")]);
    assert_eq!(packet.auth_data(), Some([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(packet.truncated(19).auth_data(), None);
    assert_eq!(packet.truncated(3).bytes().len(), 8);
}

#[test]
fn a_wrong_field_is_named() {
    let (source, group) = (ip("10.99.0.1"), ip("224.0.0.18"));
    let good = advert(Version::V3, 150, 70, &["10.99.0.100"]).emit(source, group);
    let parse = |bytes: &[u8]| Advert::parse(Packet::new(bytes).unwrap(), source, group);
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        parse(&bytes)
    };
    assert_eq!(Packet::new(&good[..7]), Err(Malformed::Truncated { needed: 8, found: 7 }));
    assert_eq!(changed(0, 0x41), Err(Malformed::Version(4)));
    assert_eq!(changed(0, 0x32), Err(Malformed::Kind(2)));
    assert_eq!(changed(3, 2), Err(Malformed::Truncated { needed: 16, found: 12 }));
    assert_eq!(changed(3, 0), Err(Malformed::TooLong { expected: 8, found: 12 }));
    assert_eq!(changed(2, 151), Err(Malformed::Checksum));
    assert!(parse(&good).is_ok());
}

/// oracle: the checksum in a capture of keepalived 2.4.3 sending the same message to the group.
#[test]
fn the_old_unicast_form_covers_the_group() {
    let (source, peer, group) =
        (Ipv4Addr::new(10, 99, 0, 1), Ipv4Addr::new(10, 99, 0, 2), Ipv4Addr::new(224, 0, 0, 18));
    let advert = advert(Version::V3, 200, 100, &["10.99.0.100"]);
    let old = advert.emit_covering(Coverage::old_unicast(source, group), Family::V4);
    let packet = Packet::new(&old).unwrap();
    assert_eq!(packet.checksum(), 0x10ad);
    assert!(!packet.checksum_is_valid(Coverage::of(3, source.into(), peer.into())));
    assert!(packet.checksum_is_valid(Coverage::old_unicast(source, group)));
}

/// xorshift64*: enough to shake parsers with.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }
}

fn read_everything(bytes: &[u8]) -> usize {
    let mut read = 0;
    if let Ok(packet) = ipv4::Packet::new(bytes) {
        read += packet.payload().len();
    }
    if let Ok((_, payload)) = ipv6::Repr::parse(bytes) {
        read += payload.len();
    }
    read += usize::from(GratuitousArp::parse(bytes).is_ok());
    read += usize::from(ArpSender::parse(bytes).is_ok());
    read += usize::from(super::ndisc::claimed(bytes).is_ok());
    read += usize::from(UnsolicitedAdvert::parse(bytes).is_ok());
    let Ok(packet) = Packet::new(bytes) else { return read };
    for (source, destination) in [(Ipv4Addr::LOCALHOST.into(), ip("224.0.0.18")), (ip("::1"), ip("ff02::12"))]
    {
        let family = Family::of(source);
        read += packet.addresses(family).count();
        read += usize::from(packet.auth_data().is_some());
        read += usize::from(Advert::parse(packet, source, destination).is_ok());
        let length = expected_len(packet.version(), family, packet.count());
        read += packet.truncated(length).bytes().len();
    }
    read
}

/// Random bytes, and captured frames cut, extended and with bytes changed.
#[test]
fn a_million_bad_packets_do_no_harm() {
    let frames = [
        hex("45c0002c00010000ff70d02a0a630001e0000012213364020001653a0a6300640a6300650000000000000000"),
        hex("213364020001653a0a6300640a6300650000000000000000"),
        hex("3133c8020064db09fe80000000000000000000000000005120010db8009900000000000000000100"),
        hex("ffffffffffff02000000000a0806000108000604000102000000000a0a630064ffffffffffff0a630064"),
        hex("33330000000102000000000a86dd
             6000000000203afffe800000000000000000000000000051ff020000000000000000000000000001
             880056f220000000fe800000000000000000000000000051020102000000000a"),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut buffer = Vec::with_capacity(256);
    let mut read = 0;
    for round in 0..1_000_000 {
        buffer.clear();
        if round % 4 == 0 {
            let length = random.below(96);
            buffer.extend((0..length).map(|_| (random.next() >> 56) as u8));
        } else {
            buffer.extend_from_slice(&frames[random.below(frames.len())]);
            for _ in 0..random.below(4) {
                let at = random.below(buffer.len());
                buffer[at] = (random.next() >> 56) as u8;
            }
            buffer.resize(random.below(buffer.len() + 16), 0xa5);
        }
        read += read_everything(&buffer);
    }
    assert!(read > 1_000_000, "the packets are so bad that nothing in them is ever read: {read}");
}

fn any_advert() -> impl Strategy<Value = (Advert, IpAddr, IpAddr)> {
    let v4 = any::<[u8; 4]>().prop_map(IpAddr::from).boxed();
    let v6 = any::<[u8; 16]>().prop_map(|octets| IpAddr::from(Ipv6Addr::from(octets))).boxed();
    let of_family = prop_oneof![Just(v4), Just(v6)];
    let addresses = of_family
        .prop_flat_map(|address| (prop::collection::vec(address.clone(), 0..=255), address.clone(), address));
    (addresses, any::<bool>(), 1..=255u8, any::<u8>(), 1..=4095u16, any::<Option<[u8; 8]>>()).prop_map(
        |((addresses, source, destination), v2, vrid, priority, interval, password)| {
            let (version, interval) = if v2 {
                (Version::V2, AdvertInt::from_secs((interval % 255) as u8 + 1))
            } else {
                (Version::V3, AdvertInt::from_centis(interval))
            };
            let auth = match password {
                Some(password) if v2 && source.is_ipv4() => AdvertAuth::Pass(password),
                _ => AdvertAuth::None,
            };
            let advert = Advert {
                version,
                vrid: Vrid::new(vrid).unwrap(),
                priority: Priority::new(priority),
                auth,
                interval: interval.unwrap(),
                addresses,
            };
            (advert, source, destination)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn what_is_emitted_is_what_is_parsed((advert, source, destination) in any_advert()) {
        let bytes = advert.emit(source, destination);
        let count = advert.addresses.len() as u8;
        prop_assert_eq!(bytes.len(), expected_len(advert.version.number(), Family::of(source), count));
        prop_assert_eq!(Advert::parse(Packet::new(&bytes).unwrap(), source, destination), Ok(advert));
    }

    #[test]
    fn a_changed_bit_never_passes_the_checksum(
        (advert, source, destination) in any_advert(), position in any::<prop::sample::Index>(), bit in 0..8u8,
    ) {
        let mut bytes = advert.emit(source, destination);
        let at = position.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let coverage = Coverage::of(advert.version.number(), source, destination);
        prop_assert!(!Packet::new(&bytes).unwrap().checksum_is_valid(coverage));
    }

    #[test]
    fn headers_and_announcements_round_trip(
        octets in any::<[u8; 16]>(), other in any::<[u8; 16]>(), mac in any::<[u8; 6]>(),
        id in any::<u16>(), ttl in any::<u8>(), router in any::<bool>(), payload in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (v6, destination) = (Ipv6Addr::from(octets), Ipv6Addr::from(other));
        let [a, b, c, d, e, f, g, h, ..] = octets;
        let (v4, v4_destination) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
        let mac = MacAddr(mac);

        let header = ipv4::Repr { id, ttl, protocol: PROTOCOL_VRRP, source: v4, destination: v4_destination };
        let bytes = [header.emit(payload.len()).as_slice(), payload.as_slice()].concat();
        let packet = ipv4::Packet::new(&bytes).unwrap();
        prop_assert_eq!((packet.source(), packet.destination(), packet.ttl()), (v4, v4_destination, ttl));
        prop_assert_eq!((packet.payload(), usize::from(packet.total_len())), (payload.as_slice(), bytes.len()));

        let header = ipv6::Repr {
            traffic_class: ttl, flow_label: u32::from(id) << 4, next_header: PROTOCOL_VRRP, hop_limit: ttl,
            source: v6, destination,
        };
        let bytes = [header.emit(payload.len()).as_slice(), payload.as_slice()].concat();
        prop_assert_eq!(ipv6::Repr::parse(&bytes), Ok((header, payload.as_slice())));

        let arp = GratuitousArp { mac, address: v4 };
        prop_assert_eq!(GratuitousArp::parse(&arp.emit()), Ok(arp));
        prop_assert_eq!(ArpSender::parse(&arp.emit()), Ok(ArpSender { mac, address: v4 }));
        let na = UnsolicitedAdvert { mac, address: v6, router };
        prop_assert_eq!(UnsolicitedAdvert::parse(&na.emit()), Ok(na));
    }
}

/// oracle: a request of Linux 6 (`ping 10.99.0.9` from 10.99.0.1, tcpdump), padding left out.
#[test]
fn an_arp_request_is_the_kernels() {
    let request = ArpRequest {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        sender: Ipv4Addr::new(10, 99, 0, 1),
        target: Ipv4Addr::new(10, 99, 0, 9),
    };
    let frame = "ffffffffffff02000000000108060001080006040001\
                 0200000000010a6300010000000000000a630009";
    assert_eq!(request.emit().to_vec(), hex(frame));
    let sender = ArpSender { mac: request.mac, address: request.sender };
    assert_eq!(ArpSender::parse(&request.emit()), Ok(sender));
    assert!(GratuitousArp::parse(&request.emit()).is_err());
}

/// oracle: RFC 4861 §4.4, by hand: flags S and O, as in an answer to a solicitation.
#[test]
fn a_solicited_neighbour_advert_claims_its_target() {
    let message =
        "88000000600000002001 0db8 0099 0000 0000 0000 0000 0100 0201 020000000002".replace(' ', "");
    let address: std::net::Ipv6Addr = "2001:db8:99::100".parse().unwrap();
    assert_eq!(super::ndisc::claimed(&hex(&message)), Ok((address, MacAddr([2, 0, 0, 0, 0, 2]))));
    assert!(super::ndisc::claimed(&hex(&message[..48])).is_err());
    assert!(super::ndisc::claimed(&hex(&message.replacen("88", "87", 1))).is_err());
}
