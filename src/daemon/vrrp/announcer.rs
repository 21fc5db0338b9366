//! Gratuitous ARPs and unsolicited NAs: at once where the configuration sets no pace, else one at a
//! time per link.

use super::ledger::InstanceId;
use super::links::Links;
use crate::sys::clock;
use crate::sys::deadlines::Deadlines;
use crate::sys::packet::PacketSocket;
use crate::types::{Family, IfName, Instant};
use crate::vrrp::Announce;
use crate::wire::arp::GratuitousArp;
use crate::wire::ndisc::UnsolicitedAdvert;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Frames sent before everybody else gets a turn: about a tenth of a millisecond.
const BATCH: usize = 64;

/// The least time between two frames on a link.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Pace {
    /// `vrrp_garp_interval`.
    pub(super) garp: Duration,
    /// `vrrp_gna_interval`.
    pub(super) gna: Duration,
}

/// Sends announcements; clones share queues and socket.
#[derive(Clone, Debug)]
pub(super) struct Announcer(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: PacketSocket,
    links: Rc<RefCell<Links>>,
    deadlines: Deadlines,
    pace: Cell<Pace>,
    lanes: RefCell<BTreeMap<(IfName, Family), Lane>>,
    more: Notify,
}

/// What waits for one link.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<(InstanceId, IpAddr)>,
    /// When the next frame may leave.
    free_at: Instant,
}

impl Announcer {
    /// Opens the packet socket.
    pub(super) fn open(links: Rc<RefCell<Links>>, deadlines: Deadlines, pace: Pace) -> io::Result<Self> {
        Ok(Self(Rc::new(Shared {
            socket: PacketSocket::open()?,
            links,
            deadlines,
            pace: Cell::new(pace),
            lanes: RefCell::default(),
            more: Notify::new(),
        })))
    }

    /// A reload may set another pace.
    pub(super) fn set_pace(&self, pace: Pace) {
        self.0.pace.set(pace);
    }

    /// Sends a burst, or queues what may not leave yet.
    pub(super) fn announce(&self, instance: InstanceId, burst: &Announce) {
        {
            let mut lanes = self.0.lanes.borrow_mut();
            for _ in 0..burst.rounds {
                for (link, address) in &burst.targets {
                    let lane = lanes.entry((link.clone(), Family::of(*address))).or_default();
                    lane.waiting.push_back((instance, *address));
                }
            }
        }
        // The first frames leave before this returns: a client is waiting for them.
        if self.0.send_due(clock::now()).is_some() {
            self.0.more.notify_one();
        }
    }

    /// Forgets what an instance has not announced yet.
    pub(super) fn cancel(&self, instance: InstanceId) {
        for lane in self.0.lanes.borrow_mut().values_mut() {
            lane.waiting.retain(|(owner, _)| *owner != instance);
        }
    }

    /// Sends what waits, in its time; never ends.
    pub(super) async fn run(self) -> Infallible {
        loop {
            match self.0.send_due(clock::now()) {
                Some(next) if next <= clock::now() => tokio::task::yield_now().await,
                next => {
                    tokio::select! {
                        () = self.0.deadlines.sleep_until(next) => {}
                        () = self.0.more.notified() => {}
                    }
                }
            }
        }
    }
}

impl Shared {
    /// Sends at most [`BATCH`] frames that may leave; when the next may, if any wait.
    fn send_due(&self, now: Instant) -> Option<Instant> {
        let mut lanes = self.lanes.borrow_mut();
        let mut left = BATCH;
        for ((link, family), lane) in lanes.iter_mut() {
            let pace = match family {
                Family::V4 => self.pace.get().garp,
                Family::V6 => self.pace.get().gna,
            };
            while left > 0 && lane.free_at <= now {
                let Some((_, address)) = lane.waiting.pop_front() else { break };
                self.send(link, address);
                left -= 1;
                if !pace.is_zero() {
                    lane.free_at = now + pace;
                }
            }
        }
        lanes.retain(|_, lane| !lane.waiting.is_empty() || lane.free_at > now);
        lanes.values().filter(|lane| !lane.waiting.is_empty()).map(|lane| lane.free_at).min()
    }

    fn send(&self, name: &IfName, address: IpAddr) {
        let links = self.links.borrow();
        // A link that is gone, has no Ethernet address or listens to no ARP has no caches to correct.
        let Some(link) = links.get(name).filter(|link| !link.noarp) else { return };
        let Some(mac) = link.mac else { return };
        let sent = match address {
            IpAddr::V4(address) => {
                tracing::debug!("Sending gratuitous ARP on {name} for {address}");
                self.socket.send(link.index, &GratuitousArp { mac, address }.emit())
            }
            IpAddr::V6(address) => {
                tracing::debug!("Sending unsolicited Neighbour Advert on {name} for {address}");
                let router = crate::sys::sysctl::forwards_ipv6(name);
                self.socket.send(link.index, &UnsolicitedAdvert { mac, address, router }.emit())
            }
        };
        if let Err(error) = sent {
            tracing::debug!("announcing {address} on {name} failed: {error}");
        }
    }
}
