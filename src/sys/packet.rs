//! Whole Ethernet frames out of a link: gratuitous ARP and unsolicited NA.

use super::closer::ClosedElsewhere;
use crate::types::{IfIndex, MacAddr};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::os::fd::AsRawFd;

/// A packet socket that only sends.
#[derive(Debug)]
pub struct PacketSocket(ClosedElsewhere);

impl PacketSocket {
    /// Opens it with protocol 0, so that the kernel never copies a received frame to it.
    ///
    /// # Errors
    /// No `CAP_NET_RAW`, or no descriptor left.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        Ok(Self(ClosedElsewhere::new(socket)))
    }

    /// Sends a frame, Ethernet header and all, through a link. Never blocks.
    ///
    /// # Errors
    /// The link is down or gone, or its queue is full.
    pub fn send(&self, link: IfIndex, frame: &[u8]) -> io::Result<()> {
        let Some((destination, rest)) = frame.split_first_chunk::<6>() else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let ethertype = rest.get(6..8).map_or([0, 0], |bytes| [bytes[0], bytes[1]]);
        let address = link_address(link, MacAddr(*destination), ethertype);
        // SAFETY: buffer and address are valid for reads of the lengths given during the call.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                libc::MSG_NOSIGNAL,
                (&raw const address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        };
        if sent == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn link_address(link: IfIndex, destination: MacAddr, ethertype: [u8; 2]) -> libc::sockaddr_ll {
    let [a, b, c, d, e, f] = destination.0;
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: u16::from_ne_bytes(ethertype),
        sll_ifindex: link.get() as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [a, b, c, d, e, f, 0, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{in_namespace, link};
    use std::io::Read;
    use std::time::Duration;

    /// oracle: frame T13 of a capture of keepalived 2.2.7.
    #[test]
    fn a_frame_arrives_at_the_other_end_as_it_was_sent() {
        in_namespace(|| {
            let frame = [
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0,
                1, 2, 0, 0, 0, 0, 0x0a, 10, 99, 0, 100, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 99, 0, 100,
            ];
            let arp = Protocol::from(i32::from((libc::ETH_P_ARP as u16).to_be()));
            let mut listener = Socket::new(Domain::PACKET, Type::RAW, Some(arp)).unwrap();
            listener.bind_device(Some(b"vb")).unwrap();
            listener.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let sender = PacketSocket::open().unwrap();
            sender.send(link("va").0, &frame).unwrap();
            let mut got = [0xa5; 128];
            let length = listener.read(&mut got).unwrap();
            assert_eq!(got[..length], frame);
        });
    }

    #[test]
    fn a_frame_without_a_destination_is_refused() {
        in_namespace(|| {
            let refused = PacketSocket::open().unwrap().send(link("va").0, &[0xff; 5]).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        });
    }
}
