//! UDP sockets for BFD (RFC 5881 §4, RFC 5883 §5): one to receive for each family and port, one to send for
//! each session.

use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv4RecvTtl, Ipv6RecvHopLimit, Ipv6RecvPacketInfo};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;

use crate::types::Family;

/// Internetwork control: what keeps a link alive must not wait behind what it carries.
const TRAFFIC_CLASS: u32 = 0xc0;

/// A received packet, as far as UDP and IP tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Datagram<'a> {
    /// Sender.
    pub source: SocketAddr,
    /// The address of ours that it was sent to.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The UDP payload.
    pub payload: &'a [u8],
}

/// Receives whatever comes to a port of any of our addresses.
#[derive(Debug)]
pub struct Receiver {
    socket: AsyncFd<Socket>,
}

fn domain(family: Family) -> Domain {
    match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    }
}

fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

impl Receiver {
    /// Opens a port; needs a tokio runtime on this thread.
    ///
    /// # Errors
    /// Somebody else has the port, or the kernel does not know the family.
    pub fn open(family: Family, port: u16) -> io::Result<Self> {
        let socket = Socket::new(domain(family), Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        match family {
            Family::V4 => {
                setsockopt(&socket, Ipv4RecvTtl, &true)?;
                setsockopt(&socket, Ipv4PacketInfo, &true)?;
            }
            Family::V6 => {
                socket.set_only_v6(true)?;
                setsockopt(&socket, Ipv6RecvHopLimit, &true)?;
                setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
            }
        }
        socket.bind(&SockAddr::from(SocketAddr::new(unspecified(family), port)))?;
        // SAFETY: the socket owns its descriptor and nothing replaces or closes it inside the AsyncFd.
        let socket = unsafe { AsyncFd::register(socket)? };
        Ok(Self { socket })
    }

    /// Ready when something has arrived. Readiness is told once: receive until there is nothing left before
    /// polling again.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }

    /// Receives one packet without waiting; `None` when there is none left. What does not fit into the buffer
    /// is cut off.
    ///
    /// # Errors
    /// As recvmsg(2); the next call may succeed.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<Datagram<'a>>> {
        let received = receive_message(self.socket.get_ref(), buffer);
        match received {
            Ok((length, source, destination, ttl)) => {
                Ok(Some(Datagram { source, destination, ttl, payload: &buffer[..length] }))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn receive_message(socket: &Socket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, IpAddr, u8)> {
    let mut control = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::empty();
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let (mut destination, mut ttl) = (IpAddr::from(Ipv4Addr::UNSPECIFIED), 0);
    for item in message.cmsgs()? {
        match item {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                destination = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into();
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                destination = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
            }
            ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => {
                ttl = u8::try_from(hops).unwrap_or(0);
            }
            _ => {}
        }
    }
    let (length, address) = (message.bytes, message.address);
    let v4 = || Some(SocketAddr::V4((*address.as_ref()?.as_sockaddr_in()?).into()));
    let v6 = || Some(SocketAddr::V6((*address.as_ref()?.as_sockaddr_in6()?).into()));
    let source = v4().or_else(v6).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok((length, source, destination, ttl))
}

/// Sends the packets of one session from a port of its own.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
}

impl Sender {
    /// Binds the first free one of `ports` on an address, which need not be there yet, or on any.
    ///
    /// # Errors
    /// None of them is free, or the kernel does not know the family.
    pub fn open(
        family: Family,
        source: Option<IpAddr>,
        ttl: u8,
        ports: impl IntoIterator<Item = u16>,
    ) -> io::Result<Self> {
        let socket = Socket::new(domain(family), Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        // Answers go to the port of the receivers: what comes here is for nobody.
        socket.set_recv_buffer_size(0)?;
        match family {
            Family::V4 => {
                socket.set_ttl_v4(ttl.into())?;
                socket.set_tos_v4(TRAFFIC_CLASS)?;
                socket.set_freebind_v4(true)?;
            }
            Family::V6 => {
                socket.set_only_v6(true)?;
                socket.set_unicast_hops_v6(ttl.into())?;
                socket.set_tclass_v6(TRAFFIC_CLASS)?;
                socket.set_freebind_v6(true)?;
            }
        }
        let address = source.unwrap_or(unspecified(family));
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in ports {
            match socket.bind(&SockAddr::from(SocketAddr::new(address, port))) {
                Ok(()) => return Ok(Self { socket }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Sends a packet. Never blocks.
    ///
    /// # Errors
    /// There is no way to the neighbour, or the source is not ours.
    pub fn send(&self, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        self.socket.send_to_with_flags(payload, &SockAddr::from(to), libc::MSG_NOSIGNAL).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{block_on, in_namespace};

    async fn receive_one(receiver: &Receiver) -> (SocketAddr, IpAddr, u8, Vec<u8>) {
        let mut buffer = [0; 64];
        loop {
            if let Some(got) = receiver.receive(&mut buffer).unwrap() {
                return (got.source, got.destination, got.ttl, got.payload.to_vec());
            }
            std::future::poll_fn(|cx| receiver.poll_readable(cx)).await.unwrap();
        }
    }

    #[test]
    fn packets_arrive_with_their_ttl_and_both_addresses() {
        in_namespace(|| {
            block_on(async {
                for (family, from, to, ttl) in [
                    (Family::V4, "192.0.2.1", "192.0.2.2", 255),
                    (Family::V4, "192.0.2.1", "192.0.2.2", 42),
                    (Family::V6, "::1", "::1", 64),
                ] {
                    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
                    let receiver = Receiver::open(family, 3784).unwrap();
                    let sender = Sender::open(family, Some(from), ttl, [49_152]).unwrap();
                    sender.send(SocketAddr::new(to, 3784), &[7; 24]).unwrap();
                    let got = receive_one(&receiver).await;
                    assert_eq!(got, (SocketAddr::new(from, 49_152), to, ttl, vec![7; 24]));
                    assert!(receiver.receive(&mut [0; 64]).unwrap().is_none());
                }
            });
        });
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over_and_an_address_may_come_later() {
        in_namespace(|| {
            block_on(async {
                let absent = Some("192.0.2.77".parse().unwrap());
                let ports = [49_152, 49_153];
                let _first = Sender::open(Family::V4, absent, 255, ports).unwrap();
                let _second = Sender::open(Family::V4, absent, 255, ports).unwrap();
                let third = Sender::open(Family::V4, absent, 255, ports).unwrap_err();
                assert_eq!(third.kind(), io::ErrorKind::AddrInUse);
                Sender::open(Family::V6, None, 255, ports).unwrap();
            });
        });
    }
}
