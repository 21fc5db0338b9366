//! Blocking rtnetlink requests: links, addresses, neighbours.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// A request socket in the network namespace in which it was made.
pub(crate) struct Rtnl {
    socket: Socket,
}

impl Rtnl {
    /// Opens the socket in the calling thread's network namespace.
    pub(crate) fn new() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    fn request(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            for message in messages(&bytes) {
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(e) if e.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(e) => return Err(e.to_io()),
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    _ => {}
                }
            }
        }
    }

    fn create(&self, message: RouteNetlinkMessage) -> io::Result<()> {
        self.request(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Makes a bridge without spanning tree and without multicast snooping.
    pub(crate) fn add_bridge(&self, name: &str) -> io::Result<()> {
        let data = vec![InfoBridge::StpState(BridgeStpState::Disabled), InfoBridge::MulticastSnooping(false)];
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(data)),
        ]));
        self.create(RouteNetlinkMessage::NewLink(link))?;
        self.set_up(name, true)
    }

    /// Makes a cable: `port` here, plugged into the bridge `bridge`, `far_name` with `far_mac` in `far`.
    pub(crate) fn add_cable(
        &self,
        port: &str,
        bridge: &str,
        far: &File,
        far_name: &str,
        far_mac: [u8; 6],
    ) -> io::Result<()> {
        let mut peer = LinkMessage::default();
        peer.attributes.push(LinkAttribute::IfName(far_name.to_owned()));
        peer.attributes.push(LinkAttribute::Address(far_mac.to_vec()));
        peer.attributes.push(LinkAttribute::NetNsFd(far.as_raw_fd()));
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(port.to_owned()));
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.create(RouteNetlinkMessage::NewLink(link))?;
        let mut plug = LinkMessage::default();
        plug.header.index = self.link(port)?.header.index;
        plug.attributes.push(LinkAttribute::Controller(self.link(bridge)?.header.index));
        self.request(RouteNetlinkMessage::SetLink(plug), NLM_F_ACK)?;
        self.set_up(port, true)
    }

    /// The kernel's description of a link.
    pub(crate) fn link(&self, name: &str) -> io::Result<LinkMessage> {
        let mut query = LinkMessage::default();
        query.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.request(RouteNetlinkMessage::GetLink(query), NLM_F_ACK)?.pop() {
            Some(RouteNetlinkMessage::NewLink(link)) => Ok(link),
            other => Err(io::Error::other(format!("no description of {name}: {other:?}"))),
        }
    }

    /// Sets a link administratively up or down.
    pub(crate) fn set_up(&self, name: &str, up: bool) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = self.link(name)?.header.index;
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        link.header.change_mask = LinkFlags::Up;
        self.request(RouteNetlinkMessage::SetLink(link), NLM_F_ACK).map(drop)
    }

    /// Puts an address on a link.
    pub(crate) fn add_address(&self, link: &str, address: IpAddr, prefix: u8) -> io::Result<()> {
        self.request(
            RouteNetlinkMessage::NewAddress(self.address(link, address, prefix)?),
            NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
        )
        .map(drop)
    }

    /// Takes an address from a link.
    pub(crate) fn remove_address(&self, link: &str, address: IpAddr, prefix: u8) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelAddress(self.address(link, address, prefix)?);
        self.request(message, NLM_F_ACK).map(drop)
    }

    fn address(&self, link: &str, address: IpAddr, prefix: u8) -> io::Result<AddressMessage> {
        let mut message = AddressMessage::default();
        message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.prefix_len = prefix;
        message.header.index = self.link(link)?.header.index;
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Local(address));
        message.attributes.push(AddressAttribute::Address(address));
        Ok(message)
    }

    /// Every address of every link, with prefix length and label (IPv4).
    pub(crate) fn addresses(&self) -> io::Result<Vec<(IpAddr, u8, Option<String>)>> {
        let answers = self.request(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewAddress(message) => Some((
                    address_of(&message)?,
                    message.header.prefix_len,
                    message.attributes.iter().find_map(|a| match a {
                        AddressAttribute::Label(label) => Some(label.clone()),
                        _ => None,
                    }),
                )),
                _ => None,
            })
            .collect())
    }

    /// The link-layer address that the neighbour cache holds for `address`.
    pub(crate) fn neighbour(&self, address: IpAddr) -> io::Result<Option<[u8; 6]>> {
        let wanted = match address {
            IpAddr::V4(a) => NeighbourAddress::Inet(a),
            IpAddr::V6(a) => NeighbourAddress::Inet6(a),
        };
        let query = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
        let answers = self.request(query, NLM_F_DUMP)?;
        Ok(answers.into_iter().find_map(|answer| {
            let RouteNetlinkMessage::NewNeighbour(entry) = answer else { return None };
            let is_it = entry.attributes.contains(&NeighbourAttribute::Destination(wanted.clone()));
            entry.attributes.iter().find_map(|a| match a {
                NeighbourAttribute::LinkLayerAddress(mac) if is_it => mac.as_slice().try_into().ok(),
                _ => None,
            })
        }))
    }
}

/// The messages of one datagram; what does not parse is left out.
pub(super) fn messages(mut bytes: &[u8]) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    let mut found = Vec::new();
    while bytes.len() >= 16 {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if length < 16 || length > bytes.len() {
            break;
        }
        found.extend(NetlinkMessage::deserialize(&bytes[..length]).ok());
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    found
}

/// The address that a message is about: the local one where the link is point to point.
pub(super) fn address_of(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|a| match a {
        AddressAttribute::Local(ip) => Some(*ip),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(ip) if *ip != IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(*ip),
            _ => None,
        })
    })
}
