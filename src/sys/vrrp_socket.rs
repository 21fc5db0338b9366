//! Raw sockets of IP protocol 112, or 51 where adverts have an authentication header: one pair for sending and receiving per link, family and
//! multicast group or unicast source, shared by every instance that needs the same. Unicast needs no link: its
//! pair may be bound to a VRF, or to nothing but its address.
//!
//! Sends never block and never queue in user space. Receives are filtered in the kernel by the
//! number in the second octet of the payload, so that a stranger's traffic never wakes the process.

use super::closer::ClosedElsewhere;
use crate::sys::clock;
use crate::types::{Family, IfIndex, IfName, Instant, Vrid};
use nix::sys::socket::sockopt::{Ipv6RecvPacketInfo, ReceiveTimestampns};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, SockAddr, SockFilter, Socket, Type};
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// What carries adverts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// VRRP itself.
    Vrrp,
    /// VRRP behind an IPsec authentication header of 24 bytes; IPv4 only.
    Ah,
}

impl Protocol {
    const fn number(self) -> i32 {
        match self {
            Self::Vrrp => 112,
            Self::Ah => libc::IPPROTO_AH,
        }
    }
}

/// Internetwork control: what all routing protocols use.
const TRAFFIC_CLASS: u32 = 0xc0;

/// What a socket pair is for, and what makes it shareable.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Endpoint {
    /// A group, joined on the link.
    Multicast {
        /// 224.0.0.18, ff02::12 or another.
        group: IpAddr,
    },
    /// One of our addresses; it need not be there yet.
    Unicast {
        /// Source of what we send, destination of what we hear.
        source: IpAddr,
    },
}

impl Endpoint {
    /// The family of group or source.
    #[must_use]
    pub const fn family(&self) -> Family {
        match *self {
            Self::Multicast { group: address } | Self::Unicast { source: address } => Family::of(address),
        }
    }
}

/// A received packet, as far as the IP layer tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Datagram<'a> {
    /// Sender, from the IP header.
    pub source: IpAddr,
    /// Destination, from the IP header.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// When the kernel took it from the link.
    pub arrived: Instant,
    /// The IPv4 header, its options included; empty for IPv6.
    pub ip_header: &'a [u8],
    /// What follows the IP header; the kernel has cut it to the length that the header claims.
    pub payload: &'a [u8],
}

/// What a pair of sockets is bound to: a link, or the device of a VRF.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Its number.
    pub index: IfIndex,
    /// Its name.
    pub name: &'a IfName,
}

/// A pair of raw sockets for one link and endpoint.
#[derive(Debug)]
pub struct VrrpSocket {
    send: Socket,
    /// It may be in a group, and to leave that waits for whoever changes links.
    receive: AsyncFd<ClosedElsewhere>,
    link: Option<IfIndex>,
    family: Family,
    protocol: Protocol,
    endpoint: Endpoint,
}

impl fmt::Display for VrrpSocket {
    /// In the words of keepalived's log: `ifindex(  8), family(IPv4), proto(112), fd(13,14) multicast, address(224.0.0.18)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (link, family, protocol) = (number(self.link), self.family, self.protocol.number());
        let (receive, send) = self.descriptors();
        write!(f, "ifindex({link:3}), family({family}), proto({protocol}), fd({receive},{send})")?;
        match &self.endpoint {
            Endpoint::Multicast { group } => write!(f, " multicast, address({group})"),
            Endpoint::Unicast { source } => write!(f, " , unicast, address({source})"),
        }
    }
}

impl VrrpSocket {
    /// Opens the pair and joins the group; needs a tokio runtime on this thread. Without a device adverts come
    /// and go by any link that has a route.
    ///
    /// # Errors
    /// No `CAP_NET_RAW`, no such link, none for a group, or a group that the kernel refuses.
    pub fn open(
        device: Option<Device<'_>>,
        protocol: Protocol,
        endpoint: &Endpoint,
        vrids: &BTreeSet<Vrid>,
    ) -> io::Result<Self> {
        let send = open_sender(device, protocol, endpoint)?;
        let receive = ClosedElsewhere::new(open_receiver(device, protocol, endpoint, vrids)?);
        // SAFETY: the socket owns its descriptor and nothing replaces or closes it inside the AsyncFd.
        let receive = unsafe { AsyncFd::register(receive)? };
        let link = device.map(|device| device.index);
        Ok(Self { send, receive, link, family: endpoint.family(), protocol, endpoint: endpoint.clone() })
    }

    /// The numbers of the descriptors that receive and send, for dumps.
    #[must_use]
    pub fn descriptors(&self) -> (i32, i32) {
        (self.receive.get_ref().as_raw_fd(), self.send.as_raw_fd())
    }

    /// Replaces the numbers that are let through, at once and without a gap.
    ///
    /// # Errors
    /// The kernel has no memory for the filter.
    pub fn set_vrids(&self, vrids: &BTreeSet<Vrid>) -> io::Result<()> {
        self.receive.get_ref().attach_filter(&vrid_filter(self.family, self.protocol, vrids))
    }

    /// Asks for a receive buffer of this many bytes; the kernel keeps it within `net.core.rmem_max`, and
    /// counts twice as much for its own book-keeping.
    ///
    /// # Errors
    /// None that is known.
    pub fn set_receive_buffer(&self, bytes: u32) -> io::Result<()> {
        self.receive.get_ref().set_recv_buffer_size(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Sends a complete IPv4 packet, header included (the kernel fills in the header checksum).
    ///
    /// # Errors
    /// The link is down, or there is no route to a unicast peer.
    pub fn send_ipv4(&self, packet: &[u8], destination: Ipv4Addr) -> io::Result<()> {
        let flags = if destination.is_multicast() { libc::MSG_DONTROUTE } else { 0 };
        let to = SockAddr::from(SocketAddrV4::new(destination, 0));
        self.send.send_to_with_flags(packet, &to, flags | libc::MSG_NOSIGNAL).map(drop)
    }

    /// Sends an IPv6 payload.
    ///
    /// # Errors
    /// The link is down, the source is not ours, or there is no route to a unicast peer.
    pub fn send_ipv6(
        &self,
        payload: &[u8],
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
    ) -> io::Result<()> {
        let from = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
            ipi6_ifindex: number(self.link),
        };
        let hops = libc::c_int::from(hop_limit);
        let control = [ControlMessage::Ipv6PacketInfo(&from), ControlMessage::Ipv6HopLimit(&hops)];
        let to = SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, number(self.link)));
        let route = if destination.is_multicast() { libc::MSG_DONTROUTE } else { 0 };
        let flags = MsgFlags::from_bits_retain(route | libc::MSG_NOSIGNAL);
        sendmsg(self.send.as_raw_fd(), &[IoSlice::new(payload)], &control, flags, Some(&to))?;
        Ok(())
    }

    /// Waits until something arrives. Readiness is told once: receive until there is nothing left
    /// before waiting again.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.receive.readable().await.map(|mut guard| guard.clear_ready())
    }

    /// Receives one packet without waiting; `None` when there is none left.
    ///
    /// # Errors
    /// As recvmsg(2): the link went down, for instance. The next call may succeed.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<Datagram<'a>>> {
        let socket = self.receive.get_ref();
        let received = match self.family {
            Family::V4 => receive_ipv4(socket, buffer),
            Family::V6 => receive_ipv6(socket, buffer),
        };
        match received {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The kernel's 0 for any link.
fn number(link: Option<IfIndex>) -> u32 {
    link.map_or(0, IfIndex::get)
}

fn open_raw(family: Family, protocol: Protocol, device: Option<Device<'_>>) -> io::Result<Socket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol.number().into()))?;
    socket.set_nonblocking(true)?;
    if let Some(device) = device {
        socket.bind_device(Some(device.name.as_str().as_bytes()))?;
    }
    Ok(socket)
}

fn open_sender(device: Option<Device<'_>>, protocol: Protocol, endpoint: &Endpoint) -> io::Result<Socket> {
    let (family, link) = (endpoint.family(), device.map(|device| device.index));
    let socket = open_raw(family, protocol, device)?;
    // A raw socket receives whatever its protocol number matches; this one must never fill up.
    socket.attach_filter(&[RETURN_NOTHING])?;
    match family {
        Family::V4 => {
            socket.set_header_included_v4(true)?;
            socket.set_multicast_loop_v4(false)?;
            if let Some(device) = device {
                set_multicast_link_v4(&socket, device.index)?;
            }
        }
        Family::V6 => {
            socket.set_tclass_v6(TRAFFIC_CLASS)?;
            socket.set_multicast_loop_v6(false)?;
            socket.set_multicast_if_v6(number(link))?;
        }
    }
    Ok(socket)
}

fn open_receiver(
    device: Option<Device<'_>>,
    protocol: Protocol,
    endpoint: &Endpoint,
    vrids: &BTreeSet<Vrid>,
) -> io::Result<Socket> {
    let (family, link) = (endpoint.family(), device.map(|device| device.index));
    let socket = open_raw(family, protocol, device)?;
    socket.attach_filter(&vrid_filter(family, protocol, vrids))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    match family {
        Family::V4 => socket.set_multicast_all_v4(false)?,
        Family::V6 => {
            socket.set_multicast_all_v6(false)?;
            socket.set_recv_hoplimit_v6(true)?;
            setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
        }
    }
    let local = match *endpoint {
        Endpoint::Multicast { group } => {
            let link = link.ok_or(io::ErrorKind::InvalidInput)?;
            join(&socket, group, link)?;
            group
        }
        Endpoint::Unicast { source } => {
            match family {
                Family::V4 => socket.set_freebind_v4(true)?,
                Family::V6 => socket.set_freebind_v6(true)?,
            }
            source
        }
    };
    socket.bind(&SockAddr::from(match local {
        IpAddr::V4(address) => SocketAddr::from((address, 0)),
        IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, number(link)).into(),
    }))?;
    Ok(socket)
}

fn join(socket: &Socket, group: IpAddr, link: IfIndex) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(link.get())),
        IpAddr::V6(group) => socket.join_multicast_v6(&group, link.get()),
    }
}

/// `IP_MULTICAST_IF` by number: socket2 offers it by address only, and a link may have none yet.
fn set_multicast_link_v4(socket: &Socket, link: IfIndex) -> io::Result<()> {
    let any = libc::in_addr { s_addr: 0 };
    let request =
        libc::ip_mreqn { imr_multiaddr: any, imr_address: any, imr_ifindex: link.get() as libc::c_int };
    // SAFETY: the option takes an ip_mreqn, which `request` is for the length of the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MULTICAST_IF,
            (&raw const request).cast(),
            size_of_val(&request) as libc::socklen_t,
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const RETURN_NOTHING: SockFilter = SockFilter::new(RETURN, 0, 0, 0);
const RETURN_ALL: SockFilter = SockFilter::new(RETURN, 0, 0, u32::MAX);
/// Octets of an authentication header.
const AH_LEN: u32 = 24;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Lets a packet through when the second octet of its IP payload is one of `vrids`; behind an authentication
/// header, when that is followed by VRRP and the 26th octet is one of them.
///
/// IPv4 raw sockets filter from the IP header on, IPv6 ones from the payload on.
fn vrid_filter(family: Family, protocol: Protocol, vrids: &BTreeSet<Vrid>) -> Vec<SockFilter> {
    let load_header_length = SockFilter::new((libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16, 0, 0, 0);
    let load = |mode: u32, at: u32| SockFilter::new((libc::BPF_LD | libc::BPF_B | mode) as u16, 0, 0, at);
    let unless_equal_skip = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let mut program = match (family, protocol) {
        (Family::V4, Protocol::Vrrp) => vec![load_header_length, load(libc::BPF_IND, 1)],
        (Family::V4, Protocol::Ah) => vec![
            load_header_length,
            load(libc::BPF_IND, 0),
            SockFilter::new(unless_equal_skip, 1, 0, Protocol::Vrrp.number() as u32),
            RETURN_NOTHING,
            load(libc::BPF_IND, AH_LEN + 1),
        ],
        (Family::V6, _) => vec![load(libc::BPF_ABS, 1)],
    };
    for vrid in vrids {
        program.push(SockFilter::new(unless_equal_skip, 0, 1, vrid.get().into()));
        program.push(RETURN_ALL);
    }
    program.push(RETURN_NOTHING);
    program
}

/// A message with what the kernel says beside it.
struct Received {
    length: usize,
    from: Option<SockaddrIn6>,
    destination: Ipv6Addr,
    hop_limit: u8,
    arrived: Instant,
}

fn receive_message(socket: &Socket, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int, libc::timespec);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::empty();
    let message = recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let (mut destination, mut hop_limit, mut stamp) = (Ipv6Addr::UNSPECIFIED, 0, None);
    for item in message.cmsgs()? {
        match item {
            ControlMessageOwned::Ipv6PacketInfo(info) => destination = info.ipi6_addr.s6_addr.into(),
            ControlMessageOwned::Ipv6HopLimit(hops) => hop_limit = u8::try_from(hops).unwrap_or(0),
            ControlMessageOwned::ScmTimestampns(time) => stamp = Some(Duration::from(time)),
            _ => {}
        }
    }
    let arrived = stamp.map_or_else(clock::now, clock::since_stamp);
    Ok(Received { length: message.bytes, from: message.address, destination, hop_limit, arrived })
}

fn receive_ipv4<'a>(socket: &Socket, buffer: &'a mut [u8]) -> io::Result<Datagram<'a>> {
    let Received { length, arrived, .. } = receive_message(socket, buffer)?;
    let packet = &buffer[..length];
    // The kernel delivers no IPv4 packet without a whole header: this is for the type system.
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let header = packet.first_chunk::<20>().ok_or_else(malformed)?;
    let header_length = usize::from(header[0] & 0xf) * 4;
    let octets = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
    Ok(Datagram {
        source: Ipv4Addr::from(octets(12)).into(),
        destination: Ipv4Addr::from(octets(16)).into(),
        ttl: header[8],
        arrived,
        ip_header: packet.get(..header_length).ok_or_else(malformed)?,
        payload: packet.get(header_length..).ok_or_else(malformed)?,
    })
}

fn receive_ipv6<'a>(socket: &Socket, buffer: &'a mut [u8]) -> io::Result<Datagram<'a>> {
    let Received { length, from, destination, hop_limit, arrived } = receive_message(socket, buffer)?;
    let source = from.map_or(Ipv6Addr::UNSPECIFIED, |address| address.ip());
    let payload = &buffer[..length];
    Ok(Datagram {
        source: source.into(),
        destination: destination.into(),
        ttl: hop_limit,
        arrived,
        ip_header: &[],
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::closer::testing::lingering;
    use crate::sys::testing::{block_on, in_namespace, ip, link};
    use std::str::FromStr;

    const GROUP: IpAddr = Family::V4.vrrp_group();

    fn vrids(numbers: &[u8]) -> BTreeSet<Vrid> {
        numbers.iter().filter_map(|number| Vrid::new(*number)).collect()
    }

    fn open(name: &str, endpoint: &Endpoint, numbers: &[u8]) -> VrrpSocket {
        let (index, name) = link(name);
        let device = Some(Device { index, name: &name });
        VrrpSocket::open(device, Protocol::Vrrp, endpoint, &vrids(numbers)).unwrap()
    }

    /// oracle: by hand from RFC 791; TTL 255, TOS 0xc0, identification 0x0102.
    fn ipv4(source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0xc0, 0, 20 + payload.len() as u8, 1, 2, 0, 0, 255, 112, 0, 0];
        packet.extend(source);
        packet.extend(destination);
        packet.extend(payload);
        packet
    }

    async fn receive_one(socket: &VrrpSocket, buffer: &mut [u8]) -> (IpAddr, IpAddr, u8, Vec<u8>) {
        loop {
            if let Some(got) = socket.receive(buffer).unwrap() {
                return (got.source, got.destination, got.ttl, got.payload.to_vec());
            }
            socket.readable().await.unwrap();
        }
    }

    #[test]
    fn an_ipv4_multicast_arrives_whole_and_other_vrids_do_not() {
        in_namespace(|| {
            block_on(async {
                let endpoint = Endpoint::Multicast { group: GROUP };
                let (a, b) = (open("va", &endpoint, &[51]), open("vb", &endpoint, &[51, 7]));
                let mut buffer = [0xa5; 256];
                let group = Ipv4Addr::new(224, 0, 0, 18);
                for vrid in [52, 51, 1, 7, 6] {
                    let packet = ipv4([192, 0, 2, 1], group.octets(), &[0x21, vrid, 150, 0, 0, 1, 0, 0]);
                    a.send_ipv4(&packet, group).unwrap();
                }
                for vrid in [51, 7] {
                    let (source, destination, ttl, payload) = receive_one(&b, &mut buffer).await;
                    assert_eq!(source, IpAddr::from([192, 0, 2, 1]));
                    assert_eq!((destination, ttl), (group.into(), 255));
                    assert_eq!(payload, [0x21, vrid, 150, 0, 0, 1, 0, 0]);
                }
                assert!(b.receive(&mut buffer).unwrap().is_none());
                assert!(a.receive(&mut buffer).unwrap().is_none(), "our own packets come back");
            });
        });
    }

    #[test]
    fn behind_an_authentication_header_the_same_numbers_are_let_through_and_only_vrrp() {
        in_namespace(|| {
            block_on(async {
                let endpoint = Endpoint::Multicast { group: GROUP };
                let [a, b] = ["va", "vb"].map(|name| {
                    let (index, name) = link(name);
                    let device = Some(Device { index, name: &name });
                    VrrpSocket::open(device, Protocol::Ah, &endpoint, &vrids(&[51])).unwrap()
                });
                let mut buffer = [0xa5; 256];
                let group = Ipv4Addr::new(224, 0, 0, 18);
                for (next_header, vrid, protocol) in
                    [(112, 52, 51), (89, 51, 51), (112, 51, 112), (112, 51, 51)]
                {
                    let mut payload = [0; 32];
                    payload[0] = next_header;
                    payload[24..26].copy_from_slice(&[0x21, vrid]);
                    let mut packet = ipv4([192, 0, 2, 1], group.octets(), &payload);
                    packet[9] = protocol;
                    a.send_ipv4(&packet, group).unwrap();
                }
                let (.., payload) = receive_one(&b, &mut buffer).await;
                assert_eq!((payload.len(), payload[0], payload[25]), (32, 112, 51));
                assert!(b.receive(&mut buffer).unwrap().is_none());
            });
        });
    }

    #[test]
    fn the_filter_can_be_replaced_while_packets_flow() {
        in_namespace(|| {
            block_on(async {
                let endpoint = Endpoint::Multicast { group: GROUP };
                let (a, b) = (open("va", &endpoint, &[9]), open("vb", &endpoint, &[9]));
                let mut buffer = [0xa5; 256];
                let all: Vec<u8> = (1..=255).filter(|vrid| *vrid != 9).collect();
                b.set_vrids(&vrids(&all)).unwrap();
                let group = Ipv4Addr::new(224, 0, 0, 18);
                for vrid in [9, 255] {
                    a.send_ipv4(&ipv4([192, 0, 2, 1], group.octets(), &[0x21, vrid]), group).unwrap();
                }
                let (.., payload) = receive_one(&b, &mut buffer).await;
                assert_eq!(payload, [0x21, 255]);
                assert!(b.receive(&mut buffer).unwrap().is_none());
            });
        });
    }

    #[test]
    fn the_receive_buffer_has_the_size_that_is_asked_for() {
        in_namespace(|| {
            block_on(async {
                let socket = open("va", &Endpoint::Multicast { group: GROUP }, &[9]);
                socket.set_receive_buffer(50_000).unwrap();
                assert_eq!(socket.receive.get_ref().recv_buffer_size().unwrap(), 100_000);
            });
        });
    }

    #[test]
    fn an_ipv6_multicast_arrives_from_the_source_that_was_chosen() {
        in_namespace(|| {
            block_on(async {
                let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
                let endpoint = Endpoint::Multicast { group: group.into() };
                let (a, b) = (open("va", &endpoint, &[51]), open("vb", &endpoint, &[51]));
                let mut buffer = [0xa5; 256];
                let source: Ipv6Addr = "fe80::a".parse().unwrap();
                a.send_ipv6(&[0x31, 52, 100, 0], source, group, 255).unwrap();
                a.send_ipv6(&[0x31, 51, 100, 0], source, group, 255).unwrap();
                let got = receive_one(&b, &mut buffer).await;
                assert_eq!(got, (source.into(), group.into(), 255, vec![0x31, 51, 100, 0]));
                assert!(b.receive(&mut buffer).unwrap().is_none());
            });
        });
    }

    #[test]
    fn unicast_needs_no_address_to_open_and_carries_the_hop_limit_given() {
        in_namespace(|| {
            block_on(async {
                for absent in ["2001:db8:99::7", "fe80::7", "192.0.2.7"] {
                    let source: IpAddr = absent.parse().unwrap();
                    open("va", &Endpoint::Unicast { source }, &[51]);
                }
                let (a, b) = (Ipv6Addr::from_str("fe80::a").unwrap(), Ipv6Addr::from_str("fe80::b").unwrap());
                let (near, far) =
                    (Endpoint::Unicast { source: a.into() }, Endpoint::Unicast { source: b.into() });
                let (near, far) = (open("va", &near, &[51]), open("vb", &far, &[51]));
                // The first neighbour solicitation may be lost to a link that is only coming up.
                let mut buffer = [0xa5; 256];
                let got = loop {
                    near.send_ipv6(&[0x31, 51], a, b, 254).unwrap();
                    let second = std::time::Duration::from_secs(1);
                    if let Ok(got) = tokio::time::timeout(second, receive_one(&far, &mut buffer)).await {
                        break got;
                    }
                };
                assert_eq!(got, (a.into(), b.into(), 254, vec![0x31, 51]));
            });
        });
    }

    #[test]
    fn unicast_without_a_link_goes_by_the_route_and_hears_its_own_address_on_any() {
        in_namespace(|| {
            block_on(async {
                let open = |source: IpAddr| {
                    let endpoint = Endpoint::Unicast { source };
                    VrrpSocket::open(None, Protocol::Vrrp, &endpoint, &vrids(&[51])).unwrap()
                };
                let mut buffer = [0xa5; 256];
                let (a, b) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
                let (near, far) = (open(a.into()), open(b.into()));
                assert_eq!(near.to_string().split(',').next(), Some("ifindex(  0)"));
                for vrid in [52, 51] {
                    near.send_ipv4(&ipv4(a.octets(), b.octets(), &[0x21, vrid]), b).unwrap();
                }
                let got = receive_one(&far, &mut buffer).await;
                assert_eq!(got, (a.into(), b.into(), 255, vec![0x21, 51]));
                assert!(near.receive(&mut buffer).unwrap().is_none());

                let [a, b] = ["2001:db8:99::a", "2001:db8:99::b"].map(|it| Ipv6Addr::from_str(it).unwrap());
                ip(&format!("address add {a}/64 dev va nodad"));
                ip(&format!("address add {b}/64 dev vb nodad"));
                let (near, far) = (open(a.into()), open(b.into()));
                near.send_ipv6(&[0x31, 51], a, b, 255).unwrap();
                let got = receive_one(&far, &mut buffer).await;
                assert_eq!(got, (a.into(), b.into(), 255, vec![0x31, 51]));
            });
        });
    }

    #[test]
    fn a_group_needs_a_link() {
        in_namespace(|| {
            block_on(async {
                let endpoint = Endpoint::Multicast { group: GROUP };
                let error = VrrpSocket::open(None, Protocol::Vrrp, &endpoint, &vrids(&[51])).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            });
        });
    }

    #[test]
    fn who_drops_a_socket_does_not_wait_until_it_has_left_its_group() {
        in_namespace(|| {
            block_on(async {
                let open_here = || {
                    let raw = std::fs::read_to_string("/proc/thread-self/net/raw").unwrap();
                    raw.lines().count() - 1
                };
                // Whoever closes it is busy for so long.
                drop(ClosedElsewhere::new(lingering(Duration::from_secs(2))));
                drop(open("va", &Endpoint::Multicast { group: GROUP }, &[51]));
                assert_eq!(open_here(), 1, "the one that receives");
                let begin = std::time::Instant::now();
                while open_here() > 0 {
                    assert!(begin.elapsed() < Duration::from_secs(10));
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        });
    }
}
