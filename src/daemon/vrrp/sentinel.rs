//! What the neighbours are told of our addresses by others, for as long as an instance has them.
//!
//! A socket for each link and family, beside those of the adverts and never in their way: it is opened a moment after
//! an instance has become master, the kernel lets through only what names an address of ours, and of that an
//! instance hears no more than it can use.

use super::ledger::InstanceId;
use super::links::Links;
use crate::config::block::VrrpInstance;
use crate::sys::breather::Breather;
use crate::sys::clock;
use crate::sys::deadlines::Deadlines;
use crate::sys::neighbour_socket::NeighbourSocket;
use crate::sys::packet::PacketSocket;
use crate::types::{Family, IfIndex, IfName, Instant, MacAddr};
use crate::vrrp::{Claim, Input};
use crate::wire::arp::{ArpRequest, ArpSender};
use crate::wire::ndisc;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

/// Of a thousand instances that become master at once each may ask for another filter: one is made for all of them,
/// when there is time.
const SETTLED: Duration = Duration::from_millis(20);

/// An instance hears of one claim in this time.
const GAP: Duration = Duration::from_millis(10);

/// Frames taken before everybody else gets a turn.
const BATCH: usize = 32;

/// Listens for all instances; clones share sockets.
#[derive(Clone, Debug)]
pub(super) struct Sentinel(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    links: Rc<RefCell<Links>>,
    deadlines: Deadlines,
    breather: Breather,
    watches: RefCell<BTreeMap<InstanceId, Watch>>,
    posts: RefCell<BTreeMap<(IfIndex, Family), Post>>,
    changed: Notify,
}

/// What an instance wants to hear of.
#[derive(Debug)]
struct Watch {
    places: BTreeSet<(IfName, IpAddr)>,
    /// A neighbour whose MAC address it has asked for.
    asked: Option<(IfName, IpAddr)>,
    ears: mpsc::UnboundedSender<Input>,
    not_before: Instant,
}

/// An open socket, and who reads it.
#[derive(Debug)]
struct Post {
    socket: Rc<NeighbourSocket>,
    senders: BTreeSet<Ipv4Addr>,
    reader: AbortHandle,
}

impl Drop for Post {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Ends a watch when it is dropped.
#[derive(Debug)]
pub(super) struct Watching {
    sentinel: Sentinel,
    id: InstanceId,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.sentinel.0.watches.borrow_mut().remove(&self.id);
        self.sentinel.review();
    }
}

impl Sentinel {
    pub(super) fn new(links: Rc<RefCell<Links>>, deadlines: Deadlines, breather: Breather) -> Self {
        Self(Rc::new(Shared {
            links,
            deadlines,
            breather,
            watches: RefCell::default(),
            posts: RefCell::default(),
            changed: Notify::new(),
        }))
    }

    /// Watches over the addresses of an instance, in place of those that were watched for it before.
    pub(super) fn watch(
        &self,
        id: InstanceId,
        config: &VrrpInstance,
        ears: &mpsc::UnboundedSender<Input>,
    ) -> Watching {
        let vips = config.all_vips();
        let places = vips.map(|vip| (vip.link().clone(), vip.net.address)).collect();
        let watch = Watch { places, asked: None, ears: ears.clone(), not_before: Instant::ZERO };
        self.0.watches.borrow_mut().insert(id, watch);
        self.review();
        Watching { sentinel: self.clone(), id }
    }

    /// Asks for the MAC address of a neighbour, once.
    pub(super) fn ask(&self, id: InstanceId, link: &IfName, sender: Ipv4Addr, target: Ipv4Addr) {
        {
            let mut watches = self.0.watches.borrow_mut();
            let Some(watch) = watches.get_mut(&id) else { return };
            watch.asked = Some((link.clone(), target.into()));
        }
        // The answer must find the filter open.
        self.0.post(&self.clone());
        let links = self.0.links.borrow();
        let Some((index, mac)) = links.get(link).and_then(|link| Some((link.index, link.mac?))) else {
            return;
        };
        let request = ArpRequest { mac, sender, target };
        if let Err(error) = PacketSocket::open().and_then(|socket| socket.send(index, &request.emit())) {
            tracing::debug!("asking for {target} on {link} failed: {error}");
        }
    }

    /// Links or watches have changed.
    pub(super) fn review(&self) {
        self.0.changed.notify_one();
    }

    /// Keeps the sockets as they are needed. Never ends.
    pub(super) async fn run(self) {
        loop {
            self.0.changed.notified().await;
            self.0.deadlines.sleep_until(Some(clock::now() + SETTLED)).await;
            self.0.post(&self);
        }
    }
}

impl Shared {
    /// Opens and closes sockets, and sets their filters.
    fn post(&self, sentinel: &Sentinel) {
        let needed = self.needed();
        let mut posts = self.posts.borrow_mut();
        posts.retain(|key, _| needed.contains_key(key));
        for (key, (name, senders)) in needed {
            match posts.get_mut(&key) {
                Some(post) if post.senders == senders => {}
                Some(post) => match post.socket.set_senders(&senders) {
                    Ok(()) => post.senders = senders,
                    Err(error) => tracing::debug!("cannot watch more addresses on {name}: {error}"),
                },
                None => match open(key, &name, &senders) {
                    Ok(socket) => {
                        let socket = Rc::new(socket);
                        let reading = read(Rc::downgrade(&sentinel.0), name, key.1, Rc::clone(&socket));
                        let reader = tokio::task::spawn_local(reading).abort_handle();
                        posts.insert(key, Post { socket, senders, reader });
                    }
                    Err(error) => tracing::debug!("cannot watch what {name} is told of addresses: {error}"),
                },
            }
        }
    }

    fn needed(&self) -> BTreeMap<(IfIndex, Family), (IfName, BTreeSet<Ipv4Addr>)> {
        let (links, watches) = (self.links.borrow(), self.watches.borrow());
        let mut needed: BTreeMap<_, (IfName, BTreeSet<Ipv4Addr>)> = BTreeMap::new();
        for (name, address) in watches.values().flat_map(|watch| watch.places.iter().chain(&watch.asked)) {
            let Some(link) = links.get(name).filter(|link| !link.noarp) else { continue };
            let entry = needed
                .entry((link.index, Family::of(*address)))
                .or_insert_with(|| (name.clone(), BTreeSet::new()));
            if let IpAddr::V4(address) = address {
                entry.1.insert(*address);
            }
        }
        needed
    }

    fn heard(&self, link: &IfName, address: IpAddr, mac: MacAddr) {
        let foreign = !self.links.borrow().has_mac(mac);
        let now = clock::now();
        let place = (link.clone(), address);
        for watch in self.watches.borrow_mut().values_mut() {
            // A task that is gone hears nothing.
            if watch.asked.as_ref() == Some(&place) {
                watch.asked = None;
                let _ = watch.ears.send(Input::Resolved(address, mac));
            }
            if watch.places.contains(&place) && watch.not_before <= now {
                watch.not_before = now + GAP;
                let _ = watch.ears.send(Input::Claim(Claim { address, link: link.clone(), mac, foreign }));
            }
        }
    }
}

fn open(
    (link, family): (IfIndex, Family),
    name: &IfName,
    senders: &BTreeSet<Ipv4Addr>,
) -> std::io::Result<NeighbourSocket> {
    match family {
        Family::V4 => NeighbourSocket::arp(link, senders),
        Family::V6 => NeighbourSocket::neighbour_adverts(name.as_str()),
    }
}

async fn read(shared: Weak<Shared>, link: IfName, family: Family, socket: Rc<NeighbourSocket>) {
    let mut buffer = [0; 256];
    while socket.readable().await.is_ok() {
        let mut taken = 0;
        loop {
            let Some(shared) = shared.upgrade() else { return };
            if taken % BATCH == 0 {
                shared.breather.breathe().await;
            }
            match socket.receive(&mut buffer) {
                Ok(Some(bytes)) => {
                    if let Some((address, mac)) = claim(family, bytes) {
                        shared.heard(&link, address, mac);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!("hearing the neighbours on {link} failed: {error}");
                    break;
                }
            }
            taken += 1;
            if taken % BATCH == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn claim(family: Family, bytes: &[u8]) -> Option<(IpAddr, MacAddr)> {
    match family {
        Family::V4 => ArpSender::parse(bytes).ok().map(|arp| (arp.address.into(), arp.mac)),
        Family::V6 => ndisc::claimed(bytes).ok().map(|(address, mac)| (address.into(), mac)),
    }
}
