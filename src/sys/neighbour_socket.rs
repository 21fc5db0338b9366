//! What the neighbours on a link say of addresses: ARP, as whole frames, and neighbour advertisements.
//!
//! Both are filtered in the kernel: of ARP only what comes from one of a few addresses wakes the process.

use super::closer::ClosedElsewhere;
use crate::types::IfIndex;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use tokio::io::unix::AsyncFd;

/// Addresses that a filter tells apart; with more of them every ARP packet is let through. The kernel takes 4096
/// instructions, and each address needs two.
const MOST: usize = 2000;

/// The sender's protocol address in an ARP packet for IPv4 over Ethernet.
const SENDER_AT: u32 = 14 + 14;
const NEIGHBOUR_ADVERT: u32 = 136;
const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const UNLESS_EQUAL_SKIP: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const RETURN_NOTHING: SockFilter = SockFilter::new(RETURN, 0, 0, 0);
const RETURN_ALL: SockFilter = SockFilter::new(RETURN, 0, 0, u32::MAX);

/// A socket that only listens.
#[derive(Debug)]
pub struct NeighbourSocket(AsyncFd<ClosedElsewhere>);

impl NeighbourSocket {
    /// ARP on a link from these addresses; needs a tokio runtime on this thread.
    ///
    /// # Errors
    /// No `CAP_NET_RAW`, no such link, or no descriptor left.
    pub fn arp(link: IfIndex, senders: &BTreeSet<Ipv4Addr>) -> io::Result<Self> {
        // Nothing arrives before it is bound to a protocol, and then the filter is there.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&sender_filter(senders))?;
        bind_to_arp(&socket, link)?;
        Self::new(socket)
    }

    /// Neighbour advertisements on a link; needs a tokio runtime on this thread.
    ///
    /// # Errors
    /// As [`Self::arp`].
    pub fn neighbour_adverts(name: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&[
            SockFilter::new(LOAD_BYTE, 0, 0, 0),
            SockFilter::new(UNLESS_EQUAL_SKIP, 0, 1, NEIGHBOUR_ADVERT),
            RETURN_ALL,
            RETURN_NOTHING,
        ])?;
        socket.bind_device(Some(name.as_bytes()))?;
        Self::new(socket)
    }

    fn new(socket: Socket) -> io::Result<Self> {
        // SAFETY: the socket owns its descriptor and nothing replaces or closes it inside the AsyncFd.
        let socket = unsafe { AsyncFd::register(ClosedElsewhere::new(socket))? };
        Ok(Self(socket))
    }

    /// Replaces the addresses from which ARP is let through.
    ///
    /// # Errors
    /// The kernel has no memory for the filter.
    pub fn set_senders(&self, senders: &BTreeSet<Ipv4Addr>) -> io::Result<()> {
        self.0.get_ref().attach_filter(&sender_filter(senders))
    }

    /// Waits until something arrives. Readiness is told once.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await.map(|mut guard| guard.clear_ready())
    }

    /// Receives a frame (ARP) or an ICMPv6 message without waiting; `None` when there is none left.
    ///
    /// # Errors
    /// The link went down, for instance. The next call may succeed.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        let mut socket: &Socket = self.0.get_ref();
        match socket.read(buffer) {
            Ok(length) => Ok(Some(&buffer[..length])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn sender_filter(senders: &BTreeSet<Ipv4Addr>) -> Vec<SockFilter> {
    if senders.len() > MOST {
        return vec![RETURN_ALL];
    }
    let mut program = vec![SockFilter::new(LOAD_WORD, 0, 0, SENDER_AT)];
    for sender in senders {
        program.extend([SockFilter::new(UNLESS_EQUAL_SKIP, 0, 1, u32::from(*sender)), RETURN_ALL]);
    }
    program.push(RETURN_NOTHING);
    program
}

fn bind_to_arp(socket: &Socket, link: IfIndex) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ARP as u16).to_be(),
        sll_ifindex: link.get() as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the address is a sockaddr_ll, valid for reads of its length during the call.
    let result = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of_val(&address) as libc::socklen_t)
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::packet::PacketSocket;
    use crate::sys::testing::{in_namespace, link};
    use crate::types::MacAddr;
    use crate::wire::arp::GratuitousArp;
    use std::time::Duration;

    #[test]
    fn arp_of_an_address_that_is_watched_arrives_and_other_does_not() {
        in_namespace(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let watched = Ipv4Addr::new(10, 99, 0, 100);
                let listener = NeighbourSocket::arp(link("vb").0, &BTreeSet::from([watched])).unwrap();
                let sender = PacketSocket::open().unwrap();
                let mac = MacAddr([2, 0, 0, 0, 0, 7]);
                for address in [Ipv4Addr::new(10, 99, 0, 101), watched] {
                    sender.send(link("va").0, &GratuitousArp { mac, address }.emit()).unwrap();
                }
                let arrived = tokio::time::timeout(Duration::from_secs(5), listener.readable());
                arrived.await.expect("it arrives").unwrap();
                let mut buffer = [0; 128];
                let frame = listener.receive(&mut buffer).unwrap().expect("a frame");
                assert_eq!(GratuitousArp::parse(frame).unwrap(), GratuitousArp { mac, address: watched });
                assert_eq!(listener.receive(&mut buffer).unwrap(), None);
            });
        });
    }
}
