//! Any bytes off the wire: none makes a parser panic, and what is understood survives a round trip.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use vrrpd::wire::{ipv4, ipv6, vrrp};

const V4: (IpAddr, IpAddr) =
    (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)));
const V6: (IpAddr, IpAddr) = (
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
);

/// The bytes as a VRRP packet of both families, and as an IP packet around one.
pub(crate) fn run(data: &[u8]) {
    advert(data);
    if let Ok(packet) = ipv4::Packet::new(data) {
        let _ = (packet.header_checksum_is_valid(), packet.total_len());
        advert(packet.payload());
    }
    if let Ok((_, payload)) = ipv6::Repr::parse(data) {
        advert(payload);
    }
}

fn advert(data: &[u8]) {
    let Ok(packet) = vrrp::Packet::new(data) else { return };
    for (source, destination) in [V4, V6] {
        let Ok(advert) = vrrp::Advert::parse(packet, source, destination) else { continue };
        let bytes = advert.emit(source, destination);
        let packet = vrrp::Packet::new(&bytes).expect("we can read what we write");
        let again = vrrp::Advert::parse(packet, source, destination).expect("we can read what we write");
        assert_eq!(again, advert);
    }
}
