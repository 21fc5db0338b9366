//! One question about one link, asked without a monitor: for checking a configuration.

use super::link::{named, stacking, vrf_table};
use crate::types::{IfIndex, IfName, MacAddr, Stacked};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;

/// What a link is at this moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkInfo {
    /// The kernel's number.
    pub index: IfIndex,
    /// Octets of IP that fit a frame.
    pub mtu: u32,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// `IFF_MULTICAST`.
    pub multicast: bool,
    /// `ARPHRD_ETHER`.
    pub ethernet: bool,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// What it is on top of another link, if it is.
    pub stacked: Option<Stacked>,
    /// The number of the link below, where `stacked` is.
    pub base: Option<IfIndex>,
    /// The routing table, where it is a VRF.
    pub vrf_table: Option<u32>,
}

/// Looks a link up by name, in the network namespace of the calling thread; `Ok(None)`: there is none.
///
/// # Errors
/// No descriptor left, or an answer that cannot be read.
pub fn link_info(name: &IfName) -> io::Result<Option<LinkInfo>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let mut question = NetlinkMessage::new(header, RouteNetlinkMessage::GetLink(named(name, [])).into());
    question.finalize();
    let mut bytes = vec![0; question.buffer_len()];
    question.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
    match answer.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message)) => Ok(info(&message)),
        NetlinkPayload::Error(error) => match error.to_io() {
            error if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            error => Err(error),
        },
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn info(message: &LinkMessage) -> Option<LinkInfo> {
    let (mut mtu, mut mac) = (0, None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Mtu(octets) => mtu = *octets,
            LinkAttribute::Address(octets) => mac = octets.as_slice().try_into().ok().map(MacAddr),
            _ => {}
        }
    }
    let (stacked, base) = stacking(message).unzip();
    Some(LinkInfo {
        index: IfIndex::new(message.header.index)?,
        mtu,
        loopback: message.header.flags.contains(LinkFlags::Loopback),
        multicast: message.header.flags.contains(LinkFlags::Multicast),
        ethernet: message.header.link_layer_type == LinkLayerType::Ether,
        mac,
        stacked,
        base: base.flatten(),
        vrf_table: vrf_table(message),
    })
}

/// The names of all links in the network namespace of the calling thread.
///
/// # Errors
/// The kernel does not say.
pub fn link_names() -> io::Result<Vec<String>> {
    let links = nix::net::if_::if_nameindex()?;
    Ok(links.iter().map(|link| link.name().to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{in_namespace, ip, link};

    #[test]
    fn links_are_told_with_their_mtu_and_kind() {
        in_namespace(|| {
            ip("link set va mtu 1400");
            ip("link add mv link va type macvlan mode private");
            ip("link add bridged link va type macvlan mode bridge");
            let info = |name| link_info(&IfName::new(name).unwrap()).unwrap();
            let va = LinkInfo {
                index: link("va").0,
                mtu: 1400,
                loopback: false,
                multicast: true,
                ethernet: true,
                mac: Some(MacAddr([2, 0, 0, 0, 0, 0xa])),
                stacked: None,
                base: None,
                vrf_table: None,
            };
            assert_eq!(info("va"), Some(va));
            assert!(info("lo").unwrap().loopback);
            assert_eq!(info("eth9"), None);
            for (name, private) in [("mv", true), ("bridged", false)] {
                let info = info(name).unwrap();
                assert_eq!((info.stacked, info.base), (Some(Stacked::Macvlan { private }), Some(va.index)));
            }
            let names = link_names().unwrap();
            assert!(names.contains(&"va".to_owned()) && names.contains(&"lo".to_owned()), "{names:?}");
        });
    }
}
