//! Links on top of others: how they are asked of the kernel, and how it shows them.

use crate::types::{Family, IfIndex, IfName, MacAddr, Stacked};
use netlink_packet_core::{DefaultNla, Emitable};
use netlink_packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoIpVlan, InfoKind, InfoMacVlan,
    InfoPortKind, InfoVrf, IpVlanFlags, IpVlanMode, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
    MacVlanMode,
};

/// A link to be made on top of another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewLink {
    /// Its name, which nobody has yet.
    pub name: IfName,
    /// The link below.
    pub base: IfIndex,
    /// What it is to be.
    pub kind: LinkKind,
    /// The VRF that it is to be in.
    pub vrf: Option<IfIndex>,
    /// Its interface group.
    pub group: u32,
}

/// The kinds of links that are made here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkKind {
    /// A private macvlan with this address.
    Macvlan(MacAddr),
    /// An ipvlan of layer 2.
    Ipvlan {
        /// It hears nothing of its siblings.
        private: bool,
        /// Its packets to siblings go by the switch.
        vepa: bool,
    },
}

impl NewLink {
    pub(super) fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        let (kind, data, address) = match self.kind {
            LinkKind::Macvlan(mac) => {
                let data = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Private)]);
                (InfoKind::MacVlan, data, Some(LinkAttribute::Address(mac.0.to_vec())))
            }
            LinkKind::Ipvlan { private, vepa } => {
                let chosen = [(private, IpVlanFlags::Private), (vepa, IpVlanFlags::Vepa)];
                let flags = chosen.into_iter().filter_map(|(wanted, flag)| wanted.then_some(flag)).collect();
                let data = vec![InfoIpVlan::Mode(IpVlanMode::L2), InfoIpVlan::Flags(flags)];
                (InfoKind::IpVlan, InfoData::IpVlan(data), None)
            }
        };
        message.attributes = vec![
            LinkAttribute::IfName(self.name.to_string()),
            LinkAttribute::Link(self.base.get()),
            LinkAttribute::Group(self.group),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
        ];
        message.attributes.extend(address);
        message.attributes.extend(self.vrf.map(|vrf| LinkAttribute::Controller(vrf.get())));
        message
    }
}

/// A message about the link of that name.
pub(super) fn named(name: &IfName, about: impl IntoIterator<Item = LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_string()));
    message.attributes.extend(about);
    message
}

pub(super) fn raising(name: &IfName) -> LinkMessage {
    let mut message = named(name, []);
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message
}

/// A request to change a setting of a link that `/proc/sys` shows; `None`: netlink has no word for it. Containers
/// may have `/proc/sys` read-only and yet manage their links.
pub(super) fn configuring(name: &IfName, family: Family, key: &str, value: &str) -> Option<LinkMessage> {
    /// IFLA_INET_CONF.
    const CONF: u16 = 1;
    let about = match family {
        Family::V4 => {
            // linux/ip.h: IPV4_DEVCONF_*.
            let number: u16 = match key {
                "rp_filter" => 8,
                "arp_filter" => 13,
                "arp_ignore" => 19,
                "promote_secondaries" => 20,
                "accept_local" => 23,
                _ => return None,
            };
            let value: u32 = value.parse().ok()?;
            let setting = DefaultNla::new(number, value.to_ne_bytes().to_vec());
            let mut nested = vec![0; setting.buffer_len()];
            setting.emit(&mut nested);
            AfSpecUnspec::Inet(vec![AfSpecInet::Other(DefaultNla::new(CONF, nested))])
        }
        Family::V6 if (key, value) == ("addr_gen_mode", "1") => {
            AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)])
        }
        Family::V6 => return None,
    };
    Some(named(name, [LinkAttribute::AfSpecUnspec(vec![about])]))
}

/// What a link is on top of another, and the number of that: in the namespace of the other, which may not be
/// this one.
pub(super) fn stacking(message: &LinkMessage) -> Option<(Stacked, Option<IfIndex>)> {
    let stacked = infos(message).find_map(|info| match info {
        LinkInfo::Data(InfoData::MacVlan(data)) => {
            let private = data.contains(&InfoMacVlan::Mode(MacVlanMode::Private));
            Some(Stacked::Macvlan { private })
        }
        LinkInfo::Data(InfoData::IpVlan(data)) => {
            Some(Stacked::Ipvlan { l2: data.contains(&InfoIpVlan::Mode(IpVlanMode::L2)) })
        }
        _ => None,
    })?;
    let base = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Link(index) => IfIndex::new(*index),
        _ => None,
    });
    Some((stacked, base))
}

/// The VRF that a link is in.
pub(super) fn vrf_of(message: &LinkMessage) -> Option<IfIndex> {
    infos(message).find(|info| matches!(info, LinkInfo::PortKind(InfoPortKind::Vrf)))?;
    message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Controller(index) => IfIndex::new(*index),
        _ => None,
    })
}

/// The routing table of a link that is a VRF.
pub(super) fn vrf_table(message: &LinkMessage) -> Option<u32> {
    let table = |part: &InfoVrf| match part {
        InfoVrf::TableId(table) => Some(*table),
        _ => None,
    };
    infos(message).find_map(|info| match info {
        LinkInfo::Data(InfoData::Vrf(parts)) => parts.iter().find_map(table),
        _ => None,
    })
}

fn infos(message: &LinkMessage) -> impl Iterator<Item = &LinkInfo> {
    let infos = message.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    infos.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Parseable;
    use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::RouteNetlinkMessage;

    fn bytes(link: &NewLink) -> Vec<u8> {
        let message = link.message();
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    fn contains(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    fn ipvlan() -> NewLink {
        NewLink {
            name: IfName::new("ix").unwrap(),
            base: IfIndex::new(3).unwrap(),
            kind: LinkKind::Ipvlan { private: true, vepa: false },
            vrf: IfIndex::new(9),
            group: 7,
        }
    }

    /// oracle: linux/if_link.h: IFLA_IPVLAN_MODE 1 and _FLAGS 2, 16 bits each, within IFLA_INFO_DATA 2;
    /// IFLA_INFO_KIND 1; IFLA_LINK 5; IFLA_MASTER 10; IFLA_GROUP 27.
    #[test]
    fn an_ipvlan_is_asked_for_as_the_kernel_reads_it() {
        let bytes = bytes(&ipvlan());
        assert!(contains(&bytes, b"\x0b\0\x01\0ipvlan\0"), "{bytes:02x?}");
        assert!(contains(&bytes, b"\x14\0\x02\0\x06\0\x01\0\0\0\0\0\x06\0\x02\0\x01\0\0\0"), "{bytes:02x?}");
        for (kind, value) in [(5u8, 3u8), (10, 9), (27, 7)] {
            assert!(contains(&bytes, &[8, 0, kind, 0, value, 0, 0, 0]), "{kind}: {bytes:02x?}");
        }
    }

    #[test]
    fn what_a_link_is_on_top_of_another_is_read_back() {
        let read = |link: &NewLink| {
            let message = RouteNetlinkMessage::NewLink(link.message());
            let mut message = NetlinkMessage::new(NetlinkHeader::default(), message.into());
            message.finalize();
            let mut bytes = vec![0; message.buffer_len()];
            message.serialize(&mut bytes);
            match NetlinkMessage::deserialize(&bytes).unwrap().payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message)) => message,
                other => panic!("{other:?}"),
            }
        };
        let ipvlan = ipvlan();
        assert_eq!(stacking(&read(&ipvlan)), Some((Stacked::Ipvlan { l2: true }, Some(ipvlan.base))));
        let macvlan = NewLink { kind: LinkKind::Macvlan(MacAddr([0, 0, 0x5e, 0, 1, 51])), ..ipvlan };
        let private = Stacked::Macvlan { private: true };
        assert_eq!(stacking(&read(&macvlan)), Some((private, Some(macvlan.base))));
        assert_eq!(stacking(&LinkMessage::default()), None);
        let mut slave = LinkMessage::default();
        slave.attributes.push(LinkAttribute::Controller(9));
        assert_eq!(vrf_of(&slave), None);
        let port = LinkInfo::PortKind(InfoPortKind::Vrf);
        slave.attributes.push(LinkAttribute::LinkInfo(vec![port]));
        assert_eq!(vrf_of(&slave), IfIndex::new(9));
    }

    #[test]
    fn a_vrf_is_told_by_its_table() {
        let mut link = LinkMessage::default();
        assert_eq!(vrf_table(&link), None);
        let vrf =
            vec![LinkInfo::Kind(InfoKind::Vrf), LinkInfo::Data(InfoData::Vrf(vec![InfoVrf::TableId(10)]))];
        link.attributes.push(LinkAttribute::LinkInfo(vrf));
        assert_eq!(vrf_table(&link), Some(10));
    }

    /// oracle: `uapi/linux/if_link.h`, by hand: interface 7, IFLA_LINKINFO with IFLA_INFO_KIND and, in
    /// IFLA_INFO_DATA, IFLA_VRF_TABLE.
    #[test]
    fn the_table_of_a_vrf_is_read_from_the_kernel_s_bytes() {
        let header = [0, 0, 1, 0, 7, 0, 0, 0, 0xc1, 4, 1, 0, 0, 0, 0, 0];
        let kind = [8, 0, 1, 0, b'v', b'r', b'f', 0];
        let data = [12, 0, 2, 0, 8, 0, 1, 0, 0xf4, 1, 0, 0];
        let info = [24, 0, 18, 0];
        let bytes = [header.as_slice(), &info, &kind, &data].concat();
        assert_eq!(vrf_table(&LinkMessage::parse(&bytes).unwrap()), Some(500));
    }
}
