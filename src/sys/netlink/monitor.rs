//! What links, addresses, and routes and rules of ours there are, and every change to them.
//!
//! Events are differences between what was known and what the kernel reports, so that the dump
//! after an overrun tells exactly what was missed, and nothing twice.

use super::KEEPALIVED_PROTOCOL;
use super::link::{stacking, vrf_of};
use super::routing::{RouteKey, RuleKey, is_our_route, is_our_rule};
use crate::types::{IfIndex, IfName, IpNet, MacAddr, Stacked};
use futures_util::FutureExt;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use netlink_packet_core::{NLM_F_MULTIPART, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::rule::RuleMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::AsyncSocket;
use nix::sys::socket::{setsockopt, sockopt};
use rtnetlink::{Handle, IpVersion, MulticastGroup};
use socket2::{SockFilter, SockRef};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use tokio::task::AbortHandle;

/// Room for the events of thousands of changes while the process is busy.
const RECEIVE_BUFFER: u32 = 4 << 20;

/// Where there is always more than fits, what comes later is as good.
const FLUSHES: usize = 8;

/// A link, as far as anybody here cares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkState {
    /// The kernel's number.
    pub index: IfIndex,
    /// Its name now; links can be renamed.
    pub name: IfName,
    /// `IFF_UP` and `IFF_RUNNING`: configured up and with a carrier.
    pub up: bool,
    /// `IFF_UP`: configured up.
    pub raised: bool,
    /// `None` where it has no Ethernet address.
    pub mac: Option<MacAddr>,
    /// Octets of IP that fit a frame.
    pub mtu: u32,
    /// `IFF_NOARP` or loopback: nobody there listens to announcements.
    pub noarp: bool,
    /// What it is, where it is a macvlan or an ipvlan.
    pub stacked: Option<Stacked>,
    /// The number of the link below, where `stacked` is.
    pub base: Option<IfIndex>,
    /// The VRF that it is in.
    pub vrf: Option<IfIndex>,
    /// Its interface group.
    pub group: u32,
}

impl LinkState {
    /// A link that is down, and of which nothing else is known.
    #[must_use]
    pub const fn new(index: IfIndex, name: IfName) -> Self {
        Self {
            index,
            name,
            up: false,
            raised: false,
            mac: None,
            mtu: 1500,
            noarp: false,
            stacked: None,
            base: None,
            vrf: None,
            group: 0,
        }
    }
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
    /// Duplicate address detection has failed: another host has it.
    pub duplicate: bool,
    /// It is no source for new connections.
    pub deprecated: bool,
    /// No duplicate address detection.
    pub nodad: bool,
    /// It stays until somebody removes it.
    pub lasting: bool,
    /// Who has added it (`IFA_PROTO`); `None`: that is not said, and before Linux 5.18 it never is.
    pub protocol: Option<u8>,
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
    /// A route of ours that was not known.
    RouteAdded(RouteKey),
    /// A route of ours is gone. The kernel says nothing of IPv4 routes that go with their link.
    RouteRemoved(RouteKey),
    /// A rule of ours that was not known.
    RuleAdded(RuleKey),
    /// A rule of ours is gone.
    RuleRemoved(RuleKey),
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
    buffer: u32,
    links: BTreeMap<IfIndex, LinkState>,
    addresses: BTreeMap<AddressKey, PresentAddress>,
    routes: BTreeSet<RouteKey>,
    rules: BTreeSet<RuleKey>,
    events: VecDeque<Event>,
    synced: bool,
    /// The kernel had to leave out notices.
    missed: bool,
}

impl Monitor {
    /// Subscribes, in the network namespace of the calling thread; needs a tokio runtime.
    ///
    /// # Errors
    /// No descriptor or no memory left.
    pub fn open() -> io::Result<Self> {
        Self::with_buffer(0)
    }

    /// As [`Self::open`], with a receive buffer of at least so many bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_buffer(bytes: u32) -> io::Result<Self> {
        Self::with_exact_buffer(bytes.max(RECEIVE_BUFFER))
    }

    /// As [`Self::with_buffer`], however small.
    pub(super) fn with_exact_buffer(buffer: u32) -> io::Result<Self> {
        let (handle, messages, connection) = connect(buffer)?;
        Ok(Self {
            handle,
            messages,
            connection,
            buffer,
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            routes: BTreeSet::new(),
            rules: BTreeSet::new(),
            events: VecDeque::new(),
            synced: false,
            missed: false,
        })
    }

    /// Subscribes anew after a failure; what was missed meanwhile is told as after an overrun.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reopen(&mut self) -> io::Result<()> {
        let (handle, messages, connection) = connect(self.buffer)?;
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
                if self.missed {
                    self.skip_what_is_old().await.map_err(io::Error::other)?;
                }
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

    /// The kernel says that it has left out something ahead of what it said before that. Notices from before the
    /// gap must not be believed after the dump, and an answer of its comes behind them all.
    async fn skip_what_is_old(&mut self) -> Result<(), rtnetlink::Error> {
        self.missed = false;
        for _ in 0..FLUSHES {
            let _: Vec<RuleMessage> = self.handle.rule().get(IpVersion::V4).execute().try_collect().await?;
            let mut again = false;
            while let Some(Some(message)) = self.messages.next().now_or_never() {
                again |= matches!(message.payload, NetlinkPayload::Overrun(_));
            }
            if !again {
                break;
            }
        }
        Ok(())
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
        self.dump_routing().await
    }

    async fn dump_routing(&mut self) -> Result<(), rtnetlink::Error> {
        let (mut routes, mut rules) = (BTreeSet::new(), BTreeSet::new());
        for (family, version) in [(AddressFamily::Inet, IpVersion::V4), (AddressFamily::Inet6, IpVersion::V6)]
        {
            // The kernel hands out ours alone, where it can: a full table is not for us to read.
            let mut wanted = RouteMessage::default();
            wanted.header.address_family = family;
            wanted.header.protocol = KEEPALIVED_PROTOCOL.into();
            let found: Vec<RouteMessage> = self.handle.route().get(wanted).execute().try_collect().await?;
            routes.extend(found.iter().filter(|route| is_our_route(route)).filter_map(RouteKey::of));
            let found: Vec<RuleMessage> = self.handle.rule().get(version).execute().try_collect().await?;
            rules.extend(found.iter().filter(|rule| is_our_rule(rule)).map(RuleKey::of));
        }
        for key in self.routes.difference(&routes) {
            self.events.push_back(Event::RouteRemoved(key.clone()));
        }
        for key in routes.difference(&self.routes) {
            self.events.push_back(Event::RouteAdded(key.clone()));
        }
        for key in self.rules.difference(&rules) {
            self.events.push_back(Event::RuleRemoved(key.clone()));
        }
        for key in rules.difference(&self.rules) {
            self.events.push_back(Event::RuleAdded(key.clone()));
        }
        (self.routes, self.rules) = (routes, rules);
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
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(message))
                if is_our_route(&message) =>
            {
                // Also when it was known: somebody may have missed that it was gone.
                if let Some(key) = RouteKey::of(&message) {
                    self.routes.insert(key.clone());
                    self.events.push_back(Event::RouteAdded(key));
                }
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(message))
                if is_our_route(&message) =>
            {
                if let Some(key) = RouteKey::of(&message) {
                    self.routes.remove(&key);
                    self.events.push_back(Event::RouteRemoved(key));
                }
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRule(message)) if is_our_rule(&message) => {
                let key = RuleKey::of(&message);
                self.rules.insert(key.clone());
                self.events.push_back(Event::RuleAdded(key));
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRule(message)) if is_our_rule(&message) => {
                let key = RuleKey::of(&message);
                self.rules.remove(&key);
                self.events.push_back(Event::RuleRemoved(key));
            }
            NetlinkPayload::Overrun(_) => (self.synced, self.missed) = (false, true),
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
                let index = link.index;
                self.events.push_back(Event::LinkRemoved(known));
                self.events.push_back(Event::LinkAdded(link));
                // They stay on it, and the kernel does not say so.
                let kept = self.addresses.values().filter(|address| address.link == index);
                self.events.extend(kept.copied().map(Event::AddressAdded));
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

fn connect(buffer: u32) -> io::Result<(Handle, Messages, AbortHandle)> {
    let groups = [
        MulticastGroup::Link,
        MulticastGroup::Ipv4Ifaddr,
        MulticastGroup::Ipv6Ifaddr,
        MulticastGroup::Ipv4Route,
        MulticastGroup::Ipv6Route,
        MulticastGroup::Ipv4Rule,
        MulticastGroup::Ipv6Rule,
    ];
    let (mut connection, handle, messages) = rtnetlink::new_multicast_connection(&groups)?;
    let socket = connection.socket_mut().socket_mut();
    // Beyond the limit of the system where that is permitted.
    if setsockopt(&*socket, sockopt::RcvBufForce, &(buffer as usize)).is_err() {
        socket.set_rx_buf_sz(buffer)?;
    }
    SockRef::from(&*socket).attach_filter(&foreign_routes_filter())?;
    // Older kernels hand out every route when ours are asked for.
    let _ = socket.set_netlink_get_strict_chk(true);
    let messages = Box::pin(messages.map(|(message, _from)| message));
    Ok((handle, messages, tokio::spawn(connection).abort_handle()))
}

/// Leaves out notices of routes that are none of ours: a full table of the Internet changes all the time.
fn foreign_routes_filter() -> [SockFilter; 9] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    // Offsets in nlmsghdr and, behind it, rtmsg. Loads are in network order, the header is in the host's.
    let (kind, flags, protocol) = (4, 6, 16 + 5);
    let half = |value: u16| u32::from(value.to_be());
    [
        SockFilter::new(LOAD_HALF, 0, 0, kind),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, half(libc::RTM_NEWROUTE)),
        SockFilter::new(JUMP_IF_EQUAL, 0, 4, half(libc::RTM_DELROUTE)),
        SockFilter::new(LOAD_HALF, 0, 0, flags),
        // Answers to what we have asked hold many routes.
        SockFilter::new(JUMP_IF_ANY_BIT, 2, 0, half(NLM_F_MULTIPART)),
        SockFilter::new(LOAD_BYTE, 0, 0, protocol),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, KEEPALIVED_PROTOCOL.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl PresentAddress {
    /// Whether it is marked as added by keepalived or by us.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.protocol == Some(KEEPALIVED_PROTOCOL)
    }

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
    let (mut name, mut mac, mut mtu, mut group) = (None, None, 0, 0);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = IfName::new(text).ok(),
            LinkAttribute::Address(octets) => mac = octets.as_slice().try_into().ok().map(MacAddr),
            LinkAttribute::Mtu(octets) => mtu = *octets,
            LinkAttribute::Group(number) => group = *number,
            _ => {}
        }
    }
    let (stacked, base) = stacking(message).unzip();
    Some(LinkState {
        index: IfIndex::new(message.header.index)?,
        name: name?,
        up: flags.contains(LinkFlags::Up | LinkFlags::Running),
        raised: flags.contains(LinkFlags::Up),
        mac,
        mtu,
        noarp: flags.intersects(LinkFlags::Noarp | LinkFlags::Loopback),
        stacked,
        base: base.flatten(),
        vrf: vrf_of(message),
        group,
    })
}

fn present_address(message: &AddressMessage) -> Option<PresentAddress> {
    let (mut local, mut address, mut protocol) = (None, None, None);
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::Protocol(adder) => protocol = Some(u8::from(*adder)),
            _ => {}
        }
    }
    Some(PresentAddress {
        link: IfIndex::new(message.header.index)?,
        net: IpNet::new(local.or(address)?, message.header.prefix_len)?,
        scope: message.header.scope.into(),
        tentative: flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed)
            && !flags.contains(AddressFlags::Optimistic),
        duplicate: flags.contains(AddressFlags::Dadfailed),
        deprecated: flags.contains(AddressFlags::Deprecated),
        nodad: flags.contains(AddressFlags::Nodad),
        lasting: flags.contains(AddressFlags::Permanent),
        protocol,
    })
}
