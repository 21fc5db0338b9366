//! Gratuitous ARP: how an IPv4 neighbour learns where a virtual address lives now (RFC 5227 §3).

use std::net::Ipv4Addr;

use pnet::MutablePacket;
use pnet::arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket};
use pnet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};

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
        let arp = parse_arp(frame)?.ok_or(truncated)?;
        if arp.get_sender_proto_addr() != arp.get_target_proto_addr() {
            return Err(Malformed::Unexpected);
        }
        Ok(Self { mac: MacAddr(arp.get_sender_hw_addr().into()), address: arp.get_sender_proto_addr() })
    }
}

/// What any ARP packet says of its sender.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArpSender {
    /// Its link-layer address.
    pub mac: MacAddr,
    /// Its address; that of a probe (RFC 5227 §2.1.1), 0.0.0.0, says nothing.
    pub address: Ipv4Addr,
}

impl ArpSender {
    /// Reads a frame, request or reply.
    ///
    /// # Errors
    /// Too short, or no ARP for IPv4 over Ethernet.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { needed: FRAME_LEN, found: frame.len() };
        let arp = parse_arp(frame)?.ok_or(truncated)?;
        Ok(Self { mac: MacAddr(arp.get_sender_hw_addr().into()), address: arp.get_sender_proto_addr() })
    }
}

/// "Who has this address?", to all on the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArpRequest {
    /// Link-layer address of the sender.
    pub mac: MacAddr,
    /// Address of the sender.
    pub sender: Ipv4Addr,
    /// The address asked for.
    pub target: Ipv4Addr,
}

impl ArpRequest {
    /// The Ethernet frame.
    #[must_use]
    pub fn emit(&self) -> [u8; FRAME_LEN] {
        let mut frame = GratuitousArp { mac: self.mac, address: self.sender }.emit();
        let arp = &mut frame[EthernetPacket::minimum_packet_size()..];
        let mut arp = MutableArpPacket::new(arp).expect("the array has the length of both headers");
        arp.set_target_hw_addr(MacAddr([0; 6]).0.into());
        arp.set_target_proto_addr(self.target);
        frame
    }
}

/// The ARP packet for IPv4 over Ethernet in a frame; `None`: too short.
fn parse_arp(frame: &[u8]) -> Result<Option<ArpPacket<'_>>, Malformed> {
    let Some(ethertype) = frame.get(12..14) else { return Ok(None) };
    if ethertype != EtherTypes::Arp.0.to_be_bytes() {
        return Err(Malformed::Unexpected);
    }
    let Some(arp) = ArpPacket::new(&frame[EthernetPacket::minimum_packet_size()..]) else { return Ok(None) };
    let ipv4_over_ethernet = arp.get_hardware_type() == ArpHardwareTypes::Ethernet
        && arp.get_protocol_type() == EtherTypes::Ipv4
        && (arp.get_hw_addr_len(), arp.get_proto_addr_len()) == (6, 4);
    if ipv4_over_ethernet { Ok(Some(arp)) } else { Err(Malformed::Unexpected) }
}
