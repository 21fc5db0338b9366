//! The raw sockets, shared by all instances that need the same one.

use super::inbox::Inbox;
use super::links::Incarnation;
use crate::config::block::{Auth, Delivery, VrrpInstance};
use crate::sys::breather::Breather;
use crate::sys::netlink::LinkState;
use crate::sys::vrrp_socket::{self, Device, Endpoint, Protocol, VrrpSocket};
use crate::types::{IfName, Vrid};
use crate::vrrp::{Carrier, Datagram, Transmit};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use tokio::task::AbortHandle;

/// Packets taken from a socket before everybody else gets a turn; fewer than an inbox holds.
const BATCH: usize = 32;

/// Octets of a packet that are looked at: the longest advert, 255 IPv6 addresses, has 4 088 and its IP
/// header. Of a longer packet the rest is cut off, and its length is as wrong as before.
const PACKET_MAX: usize = 8192;

/// What makes a socket shareable, beside the link, VRF or neither that it is bound to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Kind {
    pub(super) protocol: Protocol,
    pub(super) endpoint: Endpoint,
}

type Key = (Option<Incarnation>, Kind);

/// All open sockets; clones are the same table.
#[derive(Clone, Debug)]
pub(super) struct Sockets(Rc<Table>);

#[derive(Debug)]
struct Table {
    breather: Breather,
    open: RefCell<BTreeMap<Key, Weak<Shared>>>,
    next_number: Cell<u64>,
    /// `log_unknown_vrids`
    tells_strangers: Cell<bool>,
}

#[derive(Debug)]
struct Shared {
    key: Key,
    /// `None`: any.
    link: Option<IfName>,
    socket: VrrpSocket,
    /// Under a number that no other membership has had.
    members: RefCell<Vec<(u64, Member)>>,
    receiver: OnceCell<AbortHandle>,
    /// VRIDs that nobody has here and that have been told: once is enough, whoever it is may go on for ever.
    strangers: RefCell<BTreeSet<u8>>,
    table: Sockets,
}

/// An instance that listens on a socket.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) vrid: Vrid,
    /// Whom it expects adverts from; empty: anybody.
    pub(super) peers: Vec<IpAddr>,
    /// Its part of the receive buffer, in bytes; 0: none of its own.
    pub(super) buffer: u32,
    pub(super) inbox: Rc<Inbox>,
}

/// An instance's part in a socket; dropping it leaves.
#[derive(Debug)]
pub(super) struct Membership {
    shared: Rc<Shared>,
    number: u64,
    peers: Vec<IpAddr>,
}

/// The socket that an instance uses; `None` as long as a unicast one has no source.
pub(super) fn kind(config: &VrrpInstance, source: Option<IpAddr>) -> Option<Kind> {
    let endpoint = match config.delivery {
        Delivery::Multicast { group } => Endpoint::Multicast { group },
        Delivery::Unicast { .. } => Endpoint::Unicast { source: source? },
    };
    let protocol = if matches!(config.auth, Auth::Ah(_)) { Protocol::Ah } else { Protocol::Vrrp };
    Some(Kind { protocol, endpoint })
}

impl Sockets {
    pub(super) fn new(breather: Breather) -> Self {
        Self(Rc::new(Table {
            breather,
            open: RefCell::default(),
            next_number: Cell::default(),
            tells_strangers: Cell::default(),
        }))
    }

    /// Joins the socket of a link and kind, which is opened by the first to do so.
    pub(super) fn join(
        &self,
        link: Option<(&LinkState, Incarnation)>,
        kind: &Kind,
        member: Member,
    ) -> io::Result<Membership> {
        let key = (link.map(|(_, incarnation)| incarnation), kind.clone());
        let open = self.0.open.borrow().get(&key).and_then(Weak::upgrade);
        let shared = match open {
            Some(shared) => shared,
            None => self.open(link.map(|(link, _)| link), key, member.vrid)?,
        };
        let number = self.0.next_number.get();
        self.0.next_number.set(number + 1);
        let peers = member.peers.clone();
        shared.members.borrow_mut().push((number, member));
        let membership = Membership { shared, number, peers };
        membership.shared.refresh_filter()?;
        membership.shared.refresh_buffer();
        Ok(membership)
    }

    /// Whether adverts of virtual routers that are not ours are told.
    pub(super) fn tell_strangers(&self, tell: bool) {
        if self.0.tells_strangers.replace(tell) == tell {
            return;
        }
        for shared in self.0.open.borrow().values().filter_map(Weak::upgrade) {
            if let Err(error) = shared.refresh_filter() {
                tracing::warn!("`log_unknown_vrids` has no effect on {}: {error}", shared.link());
            }
        }
    }

    /// The descriptors that receive and send there, if anybody has that socket open.
    pub(super) fn descriptors(&self, link: Option<Incarnation>, kind: &Kind) -> Option<(i32, i32)> {
        let shared = self.0.open.borrow().get(&(link, kind.clone())).and_then(Weak::upgrade)?;
        Some(shared.socket.descriptors())
    }

    fn open(&self, link: Option<&LinkState>, key: Key, vrid: Vrid) -> io::Result<Rc<Shared>> {
        let Kind { protocol, endpoint } = &key.1;
        let vrids = BTreeSet::from([vrid]);
        let device = link.map(|link| Device { index: link.index, name: &link.name });
        let socket = VrrpSocket::open(device, *protocol, endpoint, &vrids)?;
        let shared = Rc::new(Shared {
            key: key.clone(),
            link: link.map(|link| link.name.clone()),
            socket,
            members: RefCell::default(),
            receiver: OnceCell::new(),
            strangers: RefCell::default(),
            table: self.clone(),
        });
        tracing::debug!("VRRP sockpool: [{}]", shared.socket);
        let receiver = tokio::task::spawn_local(receive(Rc::downgrade(&shared)));
        shared.receiver.get_or_init(|| receiver.abort_handle());
        self.0.open.borrow_mut().insert(key, Rc::downgrade(&shared));
        Ok(shared)
    }
}

/// Hands over what arrives, for as long as anybody listens.
async fn receive(shared: Weak<Shared>) {
    // Leaving aborts this task, so holding on to the socket while it waits keeps nothing alive for long.
    while let Some(shared) = shared.upgrade() {
        if let Err(error) = shared.socket.readable().await {
            tracing::error!("cannot wait for adverts: {error}");
            return;
        }
        loop {
            shared.table.0.breather.breathe().await;
            if shared.pump() < BATCH {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Shared {
    /// For messages.
    fn link(&self) -> &str {
        self.link.as_ref().map_or("any", IfName::as_str)
    }

    fn refresh_filter(&self) -> io::Result<()> {
        let ours = self.members.borrow().iter().map(|(_, member)| member.vrid).collect();
        let all = || (1..=u8::MAX).filter_map(Vrid::new).collect();
        self.socket.set_vrids(&if self.table.0.tells_strangers.get() { all() } else { ours })
    }

    /// The buffer is as large as all members together want it. A smaller one loses what it must hold.
    fn refresh_buffer(&self) {
        let wanted =
            self.members.borrow().iter().fold(0u32, |sum, (_, member)| sum.saturating_add(member.buffer));
        if wanted > 0
            && let Err(error) = self.socket.set_receive_buffer(wanted)
        {
            tracing::warn!("vrrp set receive socket buffer size error {}", error.raw_os_error().unwrap_or(0));
        }
    }

    /// Takes at most [`BATCH`] packets; how many there were.
    fn pump(&self) -> usize {
        let mut buffer = [0; PACKET_MAX];
        for taken in 0..BATCH {
            match self.socket.receive(&mut buffer) {
                Ok(Some(datagram)) => self.deliver(&datagram),
                Ok(None) => return taken,
                Err(error) => tracing::debug!("receiving an advert failed: {error}"),
            }
        }
        BATCH
    }

    fn deliver(&self, datagram: &vrrp_socket::Datagram<'_>) {
        let (carrier, message) = match self.key.1.protocol {
            Protocol::Vrrp => (Carrier::Vrrp, datagram.payload.to_vec()),
            Protocol::Ah => Datagram::behind_ah(datagram.ip_header, datagram.payload),
        };
        let received = Datagram {
            source: datagram.source,
            destination: datagram.destination,
            ttl: datagram.ttl,
            carrier,
            message,
        };
        let Some(vrid) = received.vrid() else { return };
        let members = self.members.borrow();
        let same = || members.iter().map(|(_, member)| member).filter(|member| member.vrid.get() == vrid);
        // Two unicast instances may share address and VRID if their peers differ.
        let expecting = same().find(|member| member.peers.contains(&datagram.source));
        if let Some(member) = expecting.or_else(|| same().next()) {
            member.inbox.push(datagram.arrived, received);
        } else if self.table.0.tells_strangers.get() && self.strangers.borrow_mut().insert(vrid) {
            tracing::info!("Unknown VRID({vrid}) received on interface({}). ignoring...", self.link());
        }
    }
}

impl Membership {
    /// Whether this is what an instance with that link, socket and peers needs.
    pub(super) fn is_for(&self, link: Option<Incarnation>, kind: &Kind, peers: &[IpAddr]) -> bool {
        (self.shared.key.0, &self.shared.key.1, self.peers.as_slice()) == (link, kind, peers)
    }

    /// Sends an advert. Never blocks.
    pub(super) fn send(&self, transmit: &Transmit) -> io::Result<()> {
        match (transmit.source, transmit.destination) {
            (IpAddr::V4(_), IpAddr::V4(to)) => self.shared.socket.send_ipv4(&transmit.bytes, to),
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                self.shared.socket.send_ipv6(&transmit.bytes, from, to, transmit.ttl)
            }
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }

    /// Hands over what has arrived already, without a turn of the runtime.
    pub(super) fn pump(&self) {
        self.shared.pump();
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut members = self.shared.members.borrow_mut();
        members.retain(|(number, _)| *number != self.number);
        if members.is_empty() {
            self.shared.table.0.open.borrow_mut().remove(&self.shared.key);
            if let Some(receiver) = self.shared.receiver.get() {
                receiver.abort();
            }
            return;
        }
        drop(members);
        // A filter that lets too much through costs a wake-up and nothing else.
        if let Err(error) = self.shared.refresh_filter() {
            tracing::debug!("cannot narrow the filter of a socket: {error}");
        }
    }
}
