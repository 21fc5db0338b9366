//! Adverts as Ethernet frames and back: what kernels do below the raw sockets.

use std::net::{IpAddr, Ipv4Addr};

use crate::types::MacAddr;
use crate::vrrp::{Carrier, Datagram, Transmit};
use crate::wire::{PROTOCOL_VRRP, ipv4, ipv6};

const HEADER_LEN: usize = 14;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const INTERNETWORK_CONTROL: u8 = 0xc0;

/// The frame that carries an advert; `peer` is the link-layer address of a unicast destination.
#[must_use]
pub(super) fn encode(transmit: &Transmit, from: MacAddr, peer: Option<MacAddr>) -> Option<Vec<u8>> {
    let to = match transmit.destination {
        IpAddr::V4(group) if group.is_multicast() => of_ipv4_multicast(group),
        IpAddr::V6(group) if group.is_multicast() => MacAddr::of_ipv6_multicast(group),
        _ => peer?,
    };
    let mut frame = [to.0, from.0].concat();
    match (transmit.source, transmit.destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = ipv6::Repr {
                traffic_class: INTERNETWORK_CONTROL,
                flow_label: 0,
                next_header: PROTOCOL_VRRP,
                hop_limit: transmit.ttl,
                source,
                destination,
            };
            frame.extend(ETHERTYPE_IPV6);
            frame.extend(header.emit(transmit.bytes.len()));
        }
        _ => frame.extend(ETHERTYPE_IPV4),
    }
    frame.extend(&transmit.bytes);
    Some(frame)
}

/// What a raw socket gets of a frame, if anything.
#[must_use]
pub(super) fn decode(frame: &[u8], own: MacAddr) -> Option<Datagram> {
    let (header, packet) = frame.split_at_checked(HEADER_LEN)?;
    let for_us = header[..6] == own.0 || header[0] & 1 == 1;
    if !for_us {
        return None;
    }
    if header[12..] == ETHERTYPE_IPV4 {
        let packet = ipv4::Packet::new(packet).ok()?;
        let payload_len = usize::from(packet.total_len()).checked_sub(packet.header_len())?;
        let message = packet.payload().get(..payload_len)?;
        if !packet.header_checksum_is_valid() || packet.protocol() != PROTOCOL_VRRP {
            return None;
        }
        return Some(Datagram {
            source: packet.source().into(),
            destination: packet.destination().into(),
            ttl: packet.ttl(),
            carrier: Carrier::Vrrp,
            message: message.to_vec(),
        });
    }
    if header[12..] == ETHERTYPE_IPV6 {
        let (packet, message) = ipv6::Repr::parse(packet).ok()?;
        return (packet.next_header == PROTOCOL_VRRP).then(|| Datagram {
            source: packet.source.into(),
            destination: packet.destination.into(),
            ttl: packet.hop_limit,
            carrier: Carrier::Vrrp,
            message: message.to_vec(),
        });
    }
    None
}

/// Whether a damaged frame says the same as the one that was sent: nobody looks at a flow label, and
/// at the hop limit only where it proves that no router was passed.
pub(super) fn is_as_good(damaged: &[u8], sent: &[u8], own: MacAddr) -> bool {
    let (Some(mut damaged), Some(sent)) = (decode(damaged, own), decode(sent, own)) else { return false };
    if !sent.destination.is_multicast() {
        damaged.ttl = sent.ttl;
    }
    damaged == sent
}

/// RFC 1112 §6.4.
fn of_ipv4_multicast(group: Ipv4Addr) -> MacAddr {
    let [_, a, b, c] = group.octets();
    MacAddr([0x01, 0x00, 0x5e, a & 0x7f, b, c])
}
