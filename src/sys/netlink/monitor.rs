//! What links, addresses, and routes and rules of ours there are, and every change to them.
//!
//! Events are differences between what was known and what the kernel reports, so that the dump
//! after an overrun tells exactly what was missed, and nothing twice.

use super::dump::{Dump, Dumper};
use super::link::{stacking, vrf_of};
use super::routing::{RouteKey, RuleKey, is_our_route, is_our_rule};
use super::{KEEPALIVED_PROTOCOL, messages};
use crate::types::{AddressKey, IfIndex, IfName, IpNet, MacAddr, Stacked};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::rule::RuleMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockFilter, SockRef};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// Room for the events of thousands of changes while the process is busy.
const RECEIVE_BUFFER: u32 = 4 << 20;

/// More than can wait in a buffer: whatever happens, skipping ends.
const SKIPPED_MAX: usize = 1 << 20;

/// When the kernel is asked again that was interrupted while it told. Changes come in bursts.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// After so many answers that were not whole there may never be one, and nobody is to wait for it.
const ASKED_OFTEN: u32 = 50;

/// When it is asked again after that.
const ASK_AT_LEISURE: Duration = Duration::from_secs(1);

/// Octets of a datagram; notices of links are the longest, and have some hundreds.
const DATAGRAM: usize = 32 << 10;

/// What the monitor hears of.
const GROUPS: [u32; 7] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_IPV4_IFADDR,
    libc::RTNLGRP_IPV6_IFADDR,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_ROUTE,
    libc::RTNLGRP_IPV4_RULE,
    libc::RTNLGRP_IPV6_RULE,
];

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
    /// The far end of a point-to-point address.
    pub peer: Option<IpAddr>,
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

/// The running view of links and addresses of one network namespace.
pub struct Monitor {
    /// Hears of changes, and asks nothing.
    notices: AsyncFd<Socket>,
    dumper: Dumper,
    buffer: u32,
    links: BTreeMap<IfIndex, LinkState>,
    addresses: BTreeMap<(IfIndex, AddressKey), PresentAddress>,
    routes: BTreeSet<RouteKey>,
    rules: BTreeSet<RuleKey>,
    events: VecDeque<Event>,
    /// When the kernel is asked for everything, if it is to be.
    asks: Option<Instant>,
    /// Answers in a row that were not whole.
    partial: u32,
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
        Ok(Self {
            notices: subscribe(buffer)?,
            dumper: Dumper::open()?,
            buffer,
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            routes: BTreeSet::new(),
            rules: BTreeSet::new(),
            events: VecDeque::new(),
            asks: Some(Instant::now()),
            partial: 0,
            missed: false,
        })
    }

    /// Subscribes anew after a failure; what was missed meanwhile is told as after an overrun.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reopen(&mut self) -> io::Result<()> {
        (self.notices, self.dumper) = (subscribe(self.buffer)?, Dumper::open()?);
        self.asks = Some(Instant::now());
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
            tokio::select! {
                biased;
                () = until(self.asks) => self.ask().await?,
                received = received(&self.notices) => match received? {
                    Some(datagram) => self.take_all(&datagram),
                    None => (self.asks, self.missed) = (Some(Instant::now()), true),
                },
            }
        }
    }

    /// Asks for everything, now and, unless the answer is whole, once more later.
    async fn ask(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.missed) {
            self.skip_what_is_old()?;
        }
        let whole = self.dump().await?;
        self.partial = if whole { 0 } else { self.partial.saturating_add(1) };
        self.asks = match self.partial {
            0 => None,
            1..ASKED_OFTEN => Some(Instant::now() + ASK_AGAIN),
            ASKED_OFTEN.. => Some(Instant::now() + ASK_AT_LEISURE),
        };
        if matches!(self.partial, 0 | ASKED_OFTEN) {
            self.events.push_back(Event::Synced);
        }
        Ok(())
    }

    /// The kernel says that it has left out something ahead of what it said before that. Notices from before the
    /// gap must not be believed after the dump. Until all are read it puts no others behind them.
    fn skip_what_is_old(&self) -> io::Result<()> {
        for _ in 0..SKIPPED_MAX {
            match datagram(self.notices.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks for everything and turns the difference into events; whether that is all of it. What is missing in
    /// an answer that is not whole may be there all the same.
    async fn dump(&mut self) -> io::Result<bool> {
        let answer = self.dumper.ask(RouteNetlinkMessage::GetLink(LinkMessage::default())).await?;
        let links: Vec<LinkState> = answer.messages.iter().filter_map(link_of).collect();
        let links_whole = answer.whole;
        let answer = self.dumper.ask(RouteNetlinkMessage::GetAddress(AddressMessage::default())).await?;
        let addresses: Vec<PresentAddress> = answer.messages.iter().filter_map(address_of).collect();
        let addresses_whole = answer.whole;
        if addresses_whole {
            let there: BTreeSet<(IfIndex, AddressKey)> = addresses.iter().map(place).collect();
            let gone: Vec<(IfIndex, AddressKey)> =
                self.addresses.keys().copied().filter(|place| !there.contains(place)).collect();
            gone.into_iter().for_each(|place| self.address_gone(place));
        }
        if links_whole {
            let there: BTreeSet<IfIndex> = links.iter().map(|link| link.index).collect();
            let gone: Vec<IfIndex> =
                self.links.keys().copied().filter(|index| !there.contains(index)).collect();
            gone.into_iter().for_each(|index| self.link_gone(index));
        }
        links.into_iter().for_each(|link| self.link_seen(link));
        addresses.into_iter().for_each(|address| self.address_seen(address));
        let routing_whole = self.dump_routing().await?;
        Ok(links_whole && addresses_whole && routing_whole)
    }

    async fn dump_routing(&mut self) -> io::Result<bool> {
        let (mut routes, mut rules) = (BTreeSet::new(), BTreeSet::new());
        let (mut routes_whole, mut rules_whole) = (true, true);
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            // The kernel hands out ours alone, where it can: a full table is not for us to read.
            let mut wanted = RouteMessage::default();
            wanted.header.address_family = family;
            wanted.header.protocol = KEEPALIVED_PROTOCOL.into();
            let Dump { messages, whole } = self.dumper.ask(RouteNetlinkMessage::GetRoute(wanted)).await?;
            routes.extend(messages.iter().filter_map(route_of));
            routes_whole &= whole;
            let mut wanted = RuleMessage::default();
            wanted.header.family = family;
            let Dump { messages, whole } = self.dumper.ask(RouteNetlinkMessage::GetRule(wanted)).await?;
            rules.extend(messages.iter().filter_map(rule_of));
            rules_whole &= whole;
        }
        if !routes_whole {
            routes.extend(self.routes.iter().cloned());
        }
        if !rules_whole {
            rules.extend(self.rules.iter().cloned());
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
        Ok(routes_whole && rules_whole)
    }

    fn take_all(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            if let Ok(NetlinkMessage { payload: NetlinkPayload::InnerMessage(notice), .. }) =
                NetlinkMessage::deserialize(message.buffer)
            {
                self.take(notice);
            }
        }
    }

    fn take(&mut self, notice: RouteNetlinkMessage) {
        match notice {
            RouteNetlinkMessage::NewLink(_) => {
                link_of(&notice).into_iter().for_each(|link| self.link_seen(link));
            }
            // A port that leaves its bridge is reported as a deleted link of the bridge's family.
            RouteNetlinkMessage::DelLink(message) if u8::from(message.header.interface_family) == 0 => {
                IfIndex::new(message.header.index).into_iter().for_each(|index| self.link_gone(index));
            }
            RouteNetlinkMessage::NewAddress(_) => {
                address_of(&notice).into_iter().for_each(|address| self.address_seen(address));
            }
            RouteNetlinkMessage::DelAddress(message) => {
                present_address(&message).into_iter().for_each(|address| self.address_gone(place(&address)));
            }
            RouteNetlinkMessage::NewRoute(_) => {
                // Also when it was known: somebody may have missed that it was gone.
                if let Some(key) = route_of(&notice) {
                    self.routes.insert(key.clone());
                    self.events.push_back(Event::RouteAdded(key));
                }
            }
            RouteNetlinkMessage::DelRoute(message) if is_our_route(&message) => {
                if let Some(key) = RouteKey::of(&message) {
                    self.routes.remove(&key);
                    self.events.push_back(Event::RouteRemoved(key));
                }
            }
            RouteNetlinkMessage::NewRule(_) => {
                if let Some(key) = rule_of(&notice) {
                    self.rules.insert(key.clone());
                    self.events.push_back(Event::RuleAdded(key));
                }
            }
            RouteNetlinkMessage::DelRule(message) if is_our_rule(&message) => {
                let key = RuleKey::of(&message);
                self.rules.remove(&key);
                self.events.push_back(Event::RuleRemoved(key));
            }
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
        let on_it: Vec<_> = self.addresses.keys().copied().filter(|place| place.0 == index).collect();
        for place in on_it {
            self.address_gone(place);
        }
        self.events.push_back(Event::LinkRemoved(link));
    }

    fn address_seen(&mut self, address: PresentAddress) {
        match self.addresses.insert(place(&address), address) {
            None => self.events.push_back(Event::AddressAdded(address)),
            Some(known) if known == address => {}
            Some(_) => self.events.push_back(Event::AddressChanged(address)),
        }
    }

    fn address_gone(&mut self, place: (IfIndex, AddressKey)) {
        if let Some(address) = self.addresses.remove(&place) {
            self.events.push_back(Event::AddressRemoved(address));
        }
    }
}

/// A socket that hears of changes.
fn subscribe(buffer: u32) -> io::Result<AsyncFd<Socket>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_non_blocking(true)?;
    socket.bind_auto()?;
    // Beyond the limit of the system where that is permitted.
    if setsockopt(&socket, sockopt::RcvBufForce, &(buffer as usize)).is_err() {
        socket.set_rx_buf_sz(buffer)?;
    }
    SockRef::from(&socket).attach_filter(&foreign_routes_filter())?;
    for group in GROUPS {
        socket.add_membership(group)?;
    }
    // SAFETY: the socket owns its descriptor and never changes it.
    Ok(unsafe { AsyncFd::register(socket)? })
}

/// The next datagram; `None`: the kernel had to leave some out.
async fn received(notices: &AsyncFd<Socket>) -> io::Result<Option<Vec<u8>>> {
    match notices.async_io(Interest::READABLE, datagram).await {
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(None),
        received => received.map(Some),
    }
}

fn datagram(socket: &Socket) -> io::Result<Vec<u8>> {
    let mut datagram = Vec::with_capacity(DATAGRAM);
    socket.recv(&mut datagram, 0).map(|_| datagram)
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Leaves out notices of routes that are none of ours: a full table of the Internet changes all the time.
fn foreign_routes_filter() -> [SockFilter; 7] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // Offsets in nlmsghdr and, behind it, rtmsg. Loads are in network order, the header is in the host's.
    let (kind, protocol) = (4, 16 + 5);
    let half = |value: u16| u32::from(value.to_be());
    [
        SockFilter::new(LOAD_HALF, 0, 0, kind),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, half(libc::RTM_NEWROUTE)),
        SockFilter::new(JUMP_IF_EQUAL, 0, 2, half(libc::RTM_DELROUTE)),
        SockFilter::new(LOAD_BYTE, 0, 0, protocol),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, KEEPALIVED_PROTOCOL.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

impl PresentAddress {
    /// Whether it is marked as added by keepalived or by us.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.protocol == Some(KEEPALIVED_PROTOCOL)
    }

    /// What tells it from the others on its link.
    #[must_use]
    pub fn key(&self) -> AddressKey {
        let peer = self.peer.map(|address| IpNet { address, ..self.net });
        AddressKey::new(self.net, peer)
    }
}

fn place(address: &PresentAddress) -> (IfIndex, AddressKey) {
    (address.link, address.key())
}

fn link_of(message: &RouteNetlinkMessage) -> Option<LinkState> {
    match message {
        RouteNetlinkMessage::NewLink(message) => link_state(message),
        _ => None,
    }
}

fn address_of(message: &RouteNetlinkMessage) -> Option<PresentAddress> {
    match message {
        RouteNetlinkMessage::NewAddress(message) => present_address(message),
        _ => None,
    }
}

/// `None` for routes of others.
fn route_of(message: &RouteNetlinkMessage) -> Option<RouteKey> {
    match message {
        RouteNetlinkMessage::NewRoute(message) if is_our_route(message) => RouteKey::of(message),
        _ => None,
    }
}

/// `None` for rules of others.
fn rule_of(message: &RouteNetlinkMessage) -> Option<RuleKey> {
    match message {
        RouteNetlinkMessage::NewRule(message) if is_our_rule(message) => Some(RuleKey::of(message)),
        _ => None,
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
    let near = local.or(address)?;
    Some(PresentAddress {
        link: IfIndex::new(message.header.index)?,
        net: IpNet::new(near, message.header.prefix_len)?,
        peer: address.filter(|far| *far != near),
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
