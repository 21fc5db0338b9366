//! Packets of a router that does not exist, by hand from RFC 3768 §5 and RFC 9568 §5.

use std::fmt;
use std::net::Ipv4Addr;

/// An advert as frame number `from` of the LAN would send it, good unless told otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    version: u8,
    kind: u8,
    vrid: u8,
    from: Ipv4Addr,
    to: Ipv4Addr,
    priority: u8,
    ttl: u8,
    auth_type: u8,
    password: [u8; 8],
    /// Seconds in version 2, centiseconds in version 3.
    interval: u16,
    vips: Vec<Ipv4Addr>,
    damage: u16,
    trailer: usize,
}

/// VRRPv2 from 10.99.0.`from`: VRID 51, one second, 10.99.0.100.
pub(crate) fn v2(from: u8, priority: u8) -> Packet {
    Packet {
        version: 2,
        kind: 1,
        vrid: 51,
        from: Ipv4Addr::new(10, 99, 0, from),
        to: Ipv4Addr::new(224, 0, 0, 18),
        priority,
        ttl: 255,
        auth_type: 0,
        password: [0; 8],
        interval: 1,
        vips: vec![Ipv4Addr::new(10, 99, 0, 100)],
        damage: 0,
        trailer: 0,
    }
}

/// VRRPv3 from 10.99.0.`from`: as [`v2`], 20 centiseconds.
pub(crate) fn v3(from: u8, priority: u8) -> Packet {
    Packet { version: 3, interval: 20, ..v2(from, priority) }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, vrid, priority, from, .. } = self;
        write!(f, "{priority} from {from}, v{version} vrid {vrid}")
    }
}

impl Packet {
    /// From an address outside the LAN's network.
    pub(crate) fn source(self, from: [u8; 4]) -> Self {
        Self { from: from.into(), ..self }
    }

    pub(crate) fn vrid(self, vrid: u8) -> Self {
        Self { vrid, ..self }
    }

    /// In seconds (VRRPv2) or centiseconds (VRRPv3).
    pub(crate) fn interval(self, interval: u16) -> Self {
        Self { interval, ..self }
    }

    pub(crate) fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    pub(crate) fn kind(self, kind: u8) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn password(self, password: [u8; 8]) -> Self {
        Self { auth_type: 1, password, ..self }
    }

    pub(crate) fn vips(self, last: &[u8]) -> Self {
        Self { vips: last.iter().map(|&n| Ipv4Addr::new(10, 99, 0, n)).collect(), ..self }
    }

    /// To 10.99.0.1 instead of the group.
    pub(crate) fn unicast(self) -> Self {
        Self { to: Ipv4Addr::new(10, 99, 0, 1), ..self }
    }

    /// With a wrong checksum.
    pub(crate) fn damaged(self) -> Self {
        Self { damage: 1, ..self }
    }

    /// With so many bytes too much at the end, counted in the IP header.
    pub(crate) fn trailer(self, trailer: usize) -> Self {
        Self { trailer, ..self }
    }

    /// The whole Ethernet frame, to the node whose MAC ends with 1.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let message = self.message();
        let length = (20 + message.len()) as u16;
        let mut header = vec![0x45, 0xc0];
        header.extend(length.to_be_bytes());
        header.extend([0, 7, 0, 0, self.ttl, 112, 0, 0]);
        header.extend(self.from.octets());
        header.extend(self.to.octets());
        let checksum = checksum(&header).to_be_bytes();
        header[10..12].copy_from_slice(&checksum);
        let to = if self.to.is_multicast() { [0x01, 0, 0x5e, 0, 0, 18] } else { [2, 0, 0, 0, 0, 1] };
        let from = [2, 0, 0, 0, 0, self.from.octets()[3]];
        [&to[..], &from, &[0x08, 0x00], &header, &message].concat()
    }

    fn message(&self) -> Vec<u8> {
        let mut message =
            vec![self.version << 4 | self.kind, self.vrid, self.priority, self.vips.len() as u8];
        match self.version {
            2 => message.extend([self.auth_type, self.interval as u8]),
            _ => message.extend(self.interval.to_be_bytes()),
        }
        message.extend([0, 0]);
        self.vips.iter().for_each(|vip| message.extend(vip.octets()));
        if self.version == 2 {
            message.extend(self.password);
        }
        message.extend(vec![0; self.trailer]);
        let mut covered = message.clone();
        if self.version == 3 {
            covered.extend(self.from.octets());
            covered.extend(self.to.octets());
            covered.extend([0, 112]);
            covered.extend((message.len() as u16).to_be_bytes());
        }
        let sum = (checksum(&covered) ^ self.damage).to_be_bytes();
        message[6..8].copy_from_slice(&sum);
        message
    }
}

/// RFC 1071, for an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// oracle: captures of keepalived 2.2.7, without Ethernet and IP headers.
#[test]
fn the_packets_are_those_that_keepalived_sends() {
    let own = v2(1, 100).vips(&[100, 101]).message();
    assert_eq!(own[..8], [0x21, 0x33, 0x64, 0x02, 0x00, 0x01, 0x65, 0x3a]);
    let pass = v2(1, 200).password(*b"s3cr3t\0\0").message();
    assert_eq!(pass[..8], [0x21, 0x33, 0xc8, 0x01, 0x01, 0x01, 0x00, 0xe9]);
    let v3 = v3(1, 200).interval(50).message();
    assert_eq!(v3, [0x31, 0x33, 0xc8, 0x01, 0x00, 0x32, 0x10, 0xdf, 10, 99, 0, 100]);
}
