//! Gratuitous ARP: how an IPv4 neighbour learns where a virtual address lives now (RFC 5227 §3).

use std::net::Ipv4Addr;

use pnet::arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket};
use pnet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::{MutablePacket, Packet};

use super::Malformed;
use crate::types::MacAddr;

/// Bytes of the frame.
pub const FRAME_LEN: usize = EthernetPacket::minimum_packet_size() + ArpPacket::minimum_packet_size();

/// "This address is at this link-layer address", to all on the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GratuitousArp {
    /// Link-layer address of the sender.
    pub mac: MacAddr,
    /// The address announced.
    pub address: Ipv4Addr,
}

impl GratuitousArp {
    /// The Ethernet frame as keepalived sends it: a *request* whose target hardware address is
    /// broadcast.
    #[must_use]
    pub fn emit(&self) -> [u8; FRAME_LEN] {
        let mut frame = [0; FRAME_LEN];
        const FITS: &str = "the array has the length of both headers";
        let mut ethernet = MutableEthernetPacket::new(&mut frame).expect(FITS);
        ethernet.set_destination(MacAddr::BROADCAST.0.into());
        ethernet.set_source(self.mac.0.into());
        ethernet.set_ethertype(EtherTypes::Arp);
        let mut arp = MutableArpPacket::new(ethernet.payload_mut()).expect(FITS);
        arp.set_hardware_type(ArpHardwareTypes::Ethernet);
        arp.set_protocol_type(EtherTypes::Ipv4);
        arp.set_hw_addr_len(6);
        arp.set_proto_addr_len(4);
        arp.set_operation(ArpOperations::Request);
        arp.set_sender_hw_addr(self.mac.0.into());
        arp.set_sender_proto_addr(self.address);
        arp.set_target_hw_addr(MacAddr::BROADCAST.0.into());
        arp.set_target_proto_addr(self.address);
        frame
    }

    /// Reads a frame as a neighbour does that updates its cache from it.
    ///
    /// # Errors
    /// Too short, or no ARP for IPv4 over Ethernet in which sender and target address are one.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { needed: FRAME_LEN, found: frame.len() };
        let ethernet = EthernetPacket::new(frame).ok_or(truncated)?;
        if ethernet.get_ethertype() != EtherTypes::Arp {
            return Err(Malformed::Unexpected);
        }
        let arp = ArpPacket::new(ethernet.payload()).ok_or(truncated)?;
        let ipv4_over_ethernet = arp.get_hardware_type() == ArpHardwareTypes::Ethernet
            && arp.get_protocol_type() == EtherTypes::Ipv4
            && (arp.get_hw_addr_len(), arp.get_proto_addr_len()) == (6, 4);
        if !ipv4_over_ethernet || arp.get_sender_proto_addr() != arp.get_target_proto_addr() {
            return Err(Malformed::Unexpected);
        }
        Ok(Self { mac: MacAddr(arp.get_sender_hw_addr().into()), address: arp.get_sender_proto_addr() })
    }
}
