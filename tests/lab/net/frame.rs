//! What the lab reads out of a frame, by hand from the RFCs and not with the daemon's own parser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use super::capture::Frame;

/// A VRRP packet, malformed or not, as far as its fixed header goes.
#[derive(Clone, Debug)]
pub(crate) struct Advert {
    /// Kernel's time stamp.
    pub(crate) at: SystemTime,
    /// Ethernet source.
    pub(crate) mac: [u8; 6],
    /// IP source.
    pub(crate) from: IpAddr,
    /// IP destination.
    pub(crate) to: IpAddr,
    /// 2 or 3.
    pub(crate) version: u8,
    /// Virtual router.
    pub(crate) vrid: u8,
    /// 0 means: leaving.
    pub(crate) priority: u8,
    /// Number of addresses.
    pub(crate) count: u8,
    /// The bytes before the checksum: VRRPv2 authentication type and seconds, VRRPv3 centiseconds.
    pub(crate) timing: [u8; 2],
}

impl Advert {
    /// `None` for frames that are not IP protocol 112, nor that behind an authentication header (51).
    pub(crate) fn parse(frame: &Frame) -> Option<Self> {
        let bytes = &frame.bytes;
        let (from, to, body): (IpAddr, IpAddr, &[u8]) = match bytes.get(12..14)? {
            [0x08, 0x00] if *bytes.get(23)? == 112 => {
                let header = usize::from(bytes[14] & 15) * 4;
                (v4(bytes.get(26..30)?)?, v4(bytes.get(30..34)?)?, bytes.get(14 + header..)?)
            }
            [0x08, 0x00] if *bytes.get(23)? == 51 => {
                let header = usize::from(bytes[14] & 15) * 4 + 24;
                (v4(bytes.get(26..30)?)?, v4(bytes.get(30..34)?)?, bytes.get(14 + header..)?)
            }
            [0x86, 0xdd] if *bytes.get(20)? == 112 => {
                (v6(bytes.get(22..38)?)?, v6(bytes.get(38..54)?)?, bytes.get(54..)?)
            }
            _ => return None,
        };
        let [kind, vrid, priority, count, first, second, ..] = *body else { return None };
        let (mac, timing) = (mac(bytes)?, [first, second]);
        Some(Self { at: frame.at, mac, from, to, version: kind >> 4, vrid, priority, count, timing })
    }
}

/// A gratuitous ARP or an unsolicited neighbour advertisement.
#[derive(Clone, Debug)]
pub(crate) struct Announce {
    /// Kernel's time stamp.
    pub(crate) at: SystemTime,
    /// Ethernet source.
    pub(crate) mac: [u8; 6],
    /// The address that is announced.
    pub(crate) address: IpAddr,
}

impl Announce {
    /// `None` for other frames, ordinary ARP and solicited NAs among them.
    pub(crate) fn parse(frame: &Frame) -> Option<Self> {
        let bytes = &frame.bytes;
        let address = match bytes.get(12..14)? {
            [0x08, 0x06] if bytes.get(28..32)? == bytes.get(38..42)? => v4(&bytes[28..32])?,
            [0x86, 0xdd] if bytes.get(20)? == &58 && bytes.get(54)? == &136 && bytes.get(58)? & 0x40 == 0 => {
                v6(bytes.get(62..78)?)?
            }
            _ => return None,
        };
        Some(Self { at: frame.at, mac: mac(bytes)?, address })
    }
}

fn mac(bytes: &[u8]) -> Option<[u8; 6]> {
    bytes.get(6..12)?.try_into().ok()
}

fn v4(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::V4(Ipv4Addr::from(b)))
}

fn v6(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b)))
}
