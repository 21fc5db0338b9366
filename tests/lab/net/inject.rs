//! A stranger on the LAN who sends whatever he likes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::space::Space;

/// `IPPROTO_RAW`: the sender writes the IPv4 header, the kernel its checksum and identification.
const RAW: i32 = 255;

/// Sends `packets` (whole IPv4 packets) round robin at `rate` a second for `time`; how many were sent.
pub(crate) fn flood(space: &Space, packets: &[Vec<u8>], rate: u32, time: Duration) -> io::Result<u32> {
    space.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW)))?;
        socket.bind_device(Some(b"eth0"))?;
        let begin = Instant::now();
        let mut sent = 0;
        let total = (f64::from(rate) * time.as_secs_f64()) as u32;
        for (number, packet) in (0..total).zip(packets.iter().cycle()) {
            let due = begin + time.mul_f64(f64::from(number) / f64::from(total));
            let early = due.saturating_duration_since(Instant::now());
            if early > Duration::from_micros(200) {
                thread::sleep(early);
            }
            let to = Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]);
            socket.send_to(packet, &SocketAddr::V4(SocketAddrV4::new(to, 0)).into())?;
            sent += 1;
            // A machine too slow for the rate gets what it can take in the time.
            if begin.elapsed() > time {
                break;
            }
        }
        Ok(sent)
    })?
}

/// An IPv4 packet of protocol 112 around `message`.
pub(crate) fn ipv4(from: Ipv4Addr, to: Ipv4Addr, ttl: u8, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + message.len()).expect("a message of the lab is short");
    let mut packet = vec![0x45, 0xc0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, ttl, 112, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(message);
    packet
}

/// A VRRPv2 message with PASS and a good checksum (RFC 2338 §5.1).
pub(crate) fn v2_pass(vrid: u8, priority: u8, vip: Ipv4Addr, password: &[u8; 8]) -> Vec<u8> {
    let mut message = vec![0x21, vrid, priority, 1, 1, 1, 0, 0];
    message.extend(vip.octets());
    message.extend(password);
    let sum: u32 = message.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    message[6..8].copy_from_slice(&checksum.to_be_bytes());
    message
}
