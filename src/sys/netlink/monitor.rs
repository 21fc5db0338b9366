//! What links and addresses there are, and every change to them.
//!
//! Events are differences between what was known and what the kernel reports, so that the dump
//! after an overrun tells exactly what was missed, and nothing twice.

use super::KEEPALIVED_PROTOCOL;
use crate::types::{IfIndex, IfName, IpNet, MacAddr};
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_sys::AsyncSocket;
use rtnetlink::{Handle, MulticastGroup};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use tokio::task::AbortHandle;

/// Room for the events of thousands of changes while the process is busy.
const RECEIVE_BUFFER: i32 = 4 << 20;

/// A link, as far as anybody here cares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkState {
    /// The kernel's number.
    pub index: IfIndex,
    /// Its name now; links can be renamed.
    pub name: IfName,
    /// `IFF_UP` and `IFF_RUNNING`: configured up and with a carrier.
    pub up: bool,
    /// `None` where it has no Ethernet address.
    pub mac: Option<MacAddr>,
    /// Octets of IP that fit a frame.
    pub mtu: u32,
    /// `IFF_NOARP` or loopback: nobody there listens to announcements.
    pub noarp: bool,
}

/// An address on a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PresentAddress {
    /// The link it lives on.
    pub link: IfIndex,
    /// Address and prefix (that of the peer where there is one).
    pub net: IpNet,
    /// 0 global, 253 link, 254 host.
    pub scope: u8,
    /// Not usable yet or never: duplicate address detection runs or has failed.
    pub tentative: bool,
    /// Marked as added by keepalived or by us.
    pub ours: bool,
}

/// A change that the kernel reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A link that was not known.
    LinkAdded(LinkState),
    /// A known link is different: up or down, another MAC or MTU.
    LinkChanged(LinkState),
    /// A link is gone, or has another name now (then an addition follows).
    LinkRemoved(LinkState),
    /// An address that was not known.
    AddressAdded(PresentAddress),
    /// A known address is different: no longer tentative, for instance.
    AddressChanged(PresentAddress),
    /// An address is gone.
    AddressRemoved(PresentAddress),
    /// All that was there when the monitor started, or after an overrun, has been told.
    Synced,
}

type Messages = Pin<Box<dyn Stream<Item = NetlinkMessage<RouteNetlinkMessage>> + Send>>;
type AddressKey = (IfIndex, IpNet);

/// The running view of links and addresses of one network namespace.
pub struct Monitor {
    handle: Handle,
    messages: Messages,
    connection: AbortHandle,
    links: BTreeMap<IfIndex, LinkState>,
    addresses: BTreeMap<AddressKey, PresentAddress>,
    events: VecDeque<Event>,
    synced: bool,
}

impl Monitor {
    /// Subscribes, in the network namespace of the calling thread; needs a tokio runtime.
    ///
    /// # Errors
    /// No descriptor or no memory left.
    pub fn open() -> io::Result<Self> {
        let (handle, messages, connection) = connect()?;
        Ok(Self {
            handle,
            messages,
            connection,
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            events: VecDeque::new(),
            synced: false,
        })
    }

    /// Subscribes anew after a failure; what was missed meanwhile is told as after an overrun.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reopen(&mut self) -> io::Result<()> {
        let (handle, messages, connection) = connect()?;
        self.connection.abort();
        (self.handle, self.messages, self.connection) = (handle, messages, connection);
        self.synced = false;
        Ok(())
    }

    /// The next event; the first ones tell what is there, up to [`Event::Synced`]. Cancel safe.
    ///
    /// # Errors
    /// The netlink socket failed: [`Self::reopen`] it.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if !self.synced {
                self.dump().await.map_err(io::Error::other)?;
                self.synced = true;
                self.events.push_back(Event::Synced);
                continue;
            }
            match self.messages.next().await {
                Some(message) => self.take(message),
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            }
        }
    }

    /// Asks for everything and turns the difference into events.
    async fn dump(&mut self) -> Result<(), rtnetlink::Error> {
        let links: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await?;
        let addresses: Vec<AddressMessage> = self.handle.address().get().execute().try_collect().await?;
        let links: Vec<LinkState> = links.iter().filter_map(link_state).collect();
        let addresses: Vec<PresentAddress> = addresses.iter().filter_map(present_address).collect();
        let gone: Vec<AddressKey> =
            self.addresses.keys().copied().filter(|key| !addresses.iter().any(|a| a.key() == *key)).collect();
        for key in gone {
            self.address_gone(key);
        }
        let gone: Vec<IfIndex> =
            self.links.keys().copied().filter(|index| !links.iter().any(|l| l.index == *index)).collect();
        for index in gone {
            self.link_gone(index);
        }
        for link in links {
            self.link_seen(link);
        }
        for address in addresses {
            self.address_seen(address);
        }
        Ok(())
    }

    fn take(&mut self, message: NetlinkMessage<RouteNetlinkMessage>) {
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message)) => {
                link_state(&message).into_iter().for_each(|link| self.link_seen(link));
            }
            // A port that leaves its bridge is reported as a deleted link of the bridge's family.
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(message))
                if u8::from(message.header.interface_family) == 0 =>
            {
                IfIndex::new(message.header.index).into_iter().for_each(|index| self.link_gone(index));
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(message)) => {
                present_address(&message).into_iter().for_each(|address| self.address_seen(address));
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(message)) => {
                present_address(&message).into_iter().for_each(|address| self.address_gone(address.key()));
            }
            NetlinkPayload::Overrun(_) => self.synced = false,
            _ => {}
        }
    }

    fn link_seen(&mut self, link: LinkState) {
        let known = self.links.insert(link.index, link.clone());
        match known {
            None => self.events.push_back(Event::LinkAdded(link)),
            Some(known) if known == link => {}
            Some(known) if known.name == link.name => self.events.push_back(Event::LinkChanged(link)),
            Some(known) => {
                self.events.push_back(Event::LinkRemoved(known));
                self.events.push_back(Event::LinkAdded(link));
            }
        }
    }

    fn link_gone(&mut self, index: IfIndex) {
        let Some(link) = self.links.remove(&index) else { return };
        let on_it: Vec<AddressKey> = self.addresses.keys().copied().filter(|key| key.0 == index).collect();
        for key in on_it {
            self.address_gone(key);
        }
        self.events.push_back(Event::LinkRemoved(link));
    }

    fn address_seen(&mut self, address: PresentAddress) {
        match self.addresses.insert(address.key(), address) {
            None => self.events.push_back(Event::AddressAdded(address)),
            Some(known) if known == address => {}
            Some(_) => self.events.push_back(Event::AddressChanged(address)),
        }
    }

    fn address_gone(&mut self, key: AddressKey) {
        if let Some(address) = self.addresses.remove(&key) {
            self.events.push_back(Event::AddressRemoved(address));
        }
    }
}

fn connect() -> io::Result<(Handle, Messages, AbortHandle)> {
    let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
    let (mut connection, handle, messages) = rtnetlink::new_multicast_connection(&groups)?;
    connection.socket_mut().socket_mut().set_rx_buf_sz(RECEIVE_BUFFER)?;
    let messages = Box::pin(messages.map(|(message, _from)| message));
    Ok((handle, messages, tokio::spawn(connection).abort_handle()))
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl PresentAddress {
    fn key(&self) -> AddressKey {
        (self.link, self.net)
    }
}

/// `None` for what is no link of its own: bridge port notices, nameless links.
fn link_state(message: &LinkMessage) -> Option<LinkState> {
    if u8::from(message.header.interface_family) != 0 {
        return None;
    }
    let flags = message.header.flags;
    let (mut name, mut mac, mut mtu) = (None, None, 0);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = IfName::new(text).ok(),
            LinkAttribute::Address(octets) => mac = octets.as_slice().try_into().ok().map(MacAddr),
            LinkAttribute::Mtu(octets) => mtu = *octets,
            _ => {}
        }
    }
    Some(LinkState {
        index: IfIndex::new(message.header.index)?,
        name: name?,
        up: flags.contains(LinkFlags::Up | LinkFlags::Running),
        mac,
        mtu,
        noarp: flags.intersects(LinkFlags::Noarp | LinkFlags::Loopback),
    })
}

fn present_address(message: &AddressMessage) -> Option<PresentAddress> {
    let (mut local, mut address, mut ours) = (None, None, false);
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::Protocol(protocol) => ours = u8::from(*protocol) == KEEPALIVED_PROTOCOL,
            _ => {}
        }
    }
    Some(PresentAddress {
        link: IfIndex::new(message.header.index)?,
        net: IpNet::new(local.or(address)?, message.header.prefix_len)?,
        scope: message.header.scope.into(),
        tentative: flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed)
            && !flags.contains(AddressFlags::Optimistic),
        ours,
    })
}
