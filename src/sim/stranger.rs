//! Somebody on the LAN who sends packets that are almost adverts.

use std::net::IpAddr;

use super::random::Random;
use crate::vrrp::Transmit;
use crate::wire::ipv4;

/// A copy of an advert that is wrong in one way, so that nobody may heed it.
pub(super) fn forge(random: &mut Random, advert: &Transmit) -> Transmit {
    let mut forged = advert.clone();
    let mut message = match ipv4::Packet::new(&advert.bytes) {
        Ok(packet) if advert.source.is_ipv4() => packet.payload().to_vec(),
        _ => advert.bytes.clone(),
    };
    match random.within(0..=3) {
        0 if advert.destination.is_multicast() => forged.ttl = random.within(0..=254) as u8,
        1 => message.truncate(message.len() - 1 - random.index(message.len())),
        2 => message.extend(vec![0; 1 + random.index(9)]),
        _ => {
            let bit = random.index(message.len() * 8);
            message[bit / 8] ^= 1 << (bit % 8);
        }
    }
    forged.bytes = match (advert.source, advert.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let protocol = crate::wire::PROTOCOL_VRRP;
            let header = ipv4::Repr { id: 1, ttl: forged.ttl, protocol, source, destination };
            [header.emit(message.len()).as_slice(), &message].concat()
        }
        _ => message,
    };
    forged
}
