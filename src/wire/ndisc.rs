//! Unsolicited neighbour advertisements: what gratuitous ARP is to IPv4 (RFC 4861 §7.2.6).

use std::net::Ipv6Addr;

use pnet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::icmpv6::Icmpv6Types;
use pnet::icmpv6::ndp::NeighborAdvertFlags::{Override, Router, Solicited};
use pnet::icmpv6::ndp::{MutableNeighborAdvertPacket, NdpOptionTypes, NeighborAdvertPacket};

use super::checksum::Checksum;
use super::{Malformed, array, ipv6};
use crate::types::MacAddr;

const ETHERNET_LEN: usize = EthernetPacket::minimum_packet_size();
const MESSAGE_LEN: usize = NeighborAdvertPacket::minimum_packet_size() + OPTION_LEN;
const OPTION_LEN: usize = 8;
const OPTION_AT: usize = FRAME_LEN - OPTION_LEN;
const PROTOCOL_ICMPV6: u8 = 58;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Bytes of the frame.
pub const FRAME_LEN: usize = ETHERNET_LEN + ipv6::HEADER_LEN + MESSAGE_LEN;

/// "This address is at this link-layer address", to all nodes on the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnsolicitedAdvert {
    /// Link-layer address of the sender.
    pub mac: MacAddr,
    /// The address announced.
    pub address: Ipv6Addr,
    /// Flag R: the sender forwards packets.
    pub router: bool,
}

impl UnsolicitedAdvert {
    /// The Ethernet frame as keepalived sends it: from the address announced, flag O set.
    #[must_use]
    pub fn emit(&self) -> [u8; FRAME_LEN] {
        let mut frame = [0; FRAME_LEN];
        const FITS: &str = "the array has the length of all headers";
        let (headers, message) = frame.split_at_mut(ETHERNET_LEN + ipv6::HEADER_LEN);
        let (link, network) = headers.split_at_mut(ETHERNET_LEN);
        let mut ethernet = MutableEthernetPacket::new(link).expect(FITS);
        ethernet.set_destination(MacAddr::of_ipv6_multicast(ALL_NODES).0.into());
        ethernet.set_source(self.mac.0.into());
        ethernet.set_ethertype(EtherTypes::Ipv6);
        network.copy_from_slice(&self.header().emit(MESSAGE_LEN));

        let mut advert = MutableNeighborAdvertPacket::new(message).expect(FITS);
        advert.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
        advert.set_flags(if self.router { Override | Router } else { Override });
        advert.set_target_addr(self.address);
        let option = &mut message[MESSAGE_LEN - OPTION_LEN..];
        option[..2].copy_from_slice(&[NdpOptionTypes::TargetLLAddr.0, 1]);
        option[2..].copy_from_slice(&self.mac.0);
        let checksum = checksum(self.address, ALL_NODES, message).to_be_bytes();
        message[2..4].copy_from_slice(&checksum);
        frame
    }

    fn header(&self) -> ipv6::Repr {
        ipv6::Repr {
            traffic_class: 0,
            flow_label: 0,
            next_header: PROTOCOL_ICMPV6,
            hop_limit: 255,
            source: self.address,
            destination: ALL_NODES,
        }
    }

    /// Reads a frame as a neighbour does that updates its cache from it (RFC 4861 §7.1.2).
    ///
    /// # Errors
    /// Too short, a wrong checksum, or no neighbour advertisement with flag O whose first option is
    /// the target's link-layer address.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { needed: FRAME_LEN, found: frame.len() };
        let ethernet = EthernetPacket::new(frame).ok_or(truncated)?;
        if ethernet.get_ethertype() != EtherTypes::Ipv6 {
            return Err(Malformed::Unexpected);
        }
        let (header, message) = ipv6::Repr::parse(&frame[ETHERNET_LEN..])?;
        if header.next_header != PROTOCOL_ICMPV6 || header.hop_limit != 255 {
            return Err(Malformed::Unexpected);
        }
        if message.len() < MESSAGE_LEN {
            return Err(truncated);
        }
        let advert = NeighborAdvertPacket::new(message).ok_or(truncated)?;
        if advert.get_icmpv6_type() != Icmpv6Types::NeighborAdvert
            || advert.get_flags() & (Override | Solicited) != Override
            || frame[OPTION_AT..OPTION_AT + 2] != [NdpOptionTypes::TargetLLAddr.0, 1]
        {
            return Err(Malformed::Unexpected);
        }
        if advert.get_checksum() != checksum(header.source, header.destination, message) {
            return Err(Malformed::Checksum);
        }
        Ok(Self {
            mac: MacAddr(array(frame, OPTION_AT + 2)),
            address: advert.get_target_addr(),
            router: advert.get_flags() & Router != 0,
        })
    }
}

/// Whose address a neighbour advertisement gives, solicited or not, from the ICMPv6 message alone: the kernel has
/// looked at its checksum.
///
/// # Errors
/// Too short, or without the target's link-layer address as its first option.
pub fn claimed(message: &[u8]) -> Result<(Ipv6Addr, MacAddr), Malformed> {
    if message.len() < MESSAGE_LEN {
        return Err(Malformed::Truncated { needed: MESSAGE_LEN, found: message.len() });
    }
    let option_at = MESSAGE_LEN - OPTION_LEN;
    let is_advert = message[0] == Icmpv6Types::NeighborAdvert.0;
    if !is_advert || message[option_at..option_at + 2] != [NdpOptionTypes::TargetLLAddr.0, 1] {
        return Err(Malformed::Unexpected);
    }
    Ok((Ipv6Addr::from(array::<16>(message, 8)), MacAddr(array(message, option_at + 2))))
}

/// The checksum of an ICMPv6 message of at least 4 bytes, its checksum field counted as zero.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let mut checksum =
        Checksum::pseudo_header(source.into(), destination.into(), PROTOCOL_ICMPV6, message.len());
    checksum.add(&message[..2]);
    checksum.add(&message[4..]);
    checksum.finish()
}
