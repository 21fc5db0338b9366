//! Gratuitous ARPs and unsolicited NAs: at once where the configuration sets no pace, else one at a
//! time per link, or per group of links.

mod lane;

use super::ledger::InstanceId;
use super::links::Links;
use crate::config::block::GarpGroup;
use crate::sys::clock;
use crate::sys::deadlines::Deadlines;
use crate::sys::packet::PacketSocket;
use crate::types::{Family, IfName, Instant};
use crate::vrrp::Announce;
use crate::wire::arp::GratuitousArp;
use crate::wire::ndisc::UnsolicitedAdvert;
use lane::Lane;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Frames sent before everybody else gets a turn: about a tenth of a millisecond.
const BATCH: usize = 64;

/// In this time no more than a [`BATCH`] leaves before everybody else gets a turn, whoever announces: of a thousand
/// instances that become master at once the last would otherwise send its advert when all others have announced.
const BATCH_TIME: Duration = Duration::from_millis(10);

/// The least time between two frames on a link.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Pace {
    /// `garp_group`: links that share their gaps.
    pub(super) groups: Vec<GarpGroup>,
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
    pace: RefCell<Pace>,
    lanes: RefCell<BTreeMap<(Road, Family), Lane>>,
    allowance: Cell<Allowance>,
    more: Notify,
}

/// Frames that may still leave at once.
#[derive(Clone, Copy, Debug, Default)]
struct Allowance {
    since: Instant,
    used: usize,
}

impl Allowance {
    fn left(self, now: Instant) -> usize {
        if now.since(self.since) < BATCH_TIME { BATCH.saturating_sub(self.used) } else { BATCH }
    }

    fn after(self, now: Instant, frames: usize) -> Self {
        match now.since(self.since) < BATCH_TIME {
            true => Self { used: self.used + frames, ..self },
            false => Self { since: now, used: frames },
        }
    }
}

/// What has a pace of its own.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Road {
    Link(IfName),
    /// The number of a `garp_group`.
    Group(usize),
}

impl Pace {
    fn road(&self, link: &IfName) -> Road {
        let group = self.groups.iter().position(|group| group.interfaces.contains(link));
        group.map_or_else(|| Road::Link(link.clone()), Road::Group)
    }

    fn gap(&self, road: &Road, family: Family) -> Duration {
        let (garp, gna) = match road {
            Road::Link(_) => (self.garp, self.gna),
            Road::Group(number) => {
                self.groups.get(*number).map_or((Duration::ZERO, Duration::ZERO), |group| {
                    (group.garp_interval.unwrap_or_default(), group.gna_interval.unwrap_or_default())
                })
            }
        };
        match family {
            Family::V4 => garp,
            Family::V6 => gna,
        }
    }
}

impl Announcer {
    /// Opens the packet socket.
    pub(super) fn open(links: Rc<RefCell<Links>>, deadlines: Deadlines, pace: Pace) -> io::Result<Self> {
        Ok(Self(Rc::new(Shared {
            socket: PacketSocket::open()?,
            links,
            deadlines,
            pace: RefCell::new(pace),
            lanes: RefCell::default(),
            allowance: Cell::default(),
            more: Notify::new(),
        })))
    }

    /// A reload may set another pace.
    pub(super) fn set_pace(&self, pace: Pace) {
        self.0.pace.replace(pace);
    }

    /// Sends a burst, or queues what may not leave yet and does not wait already.
    pub(super) fn announce(&self, instance: InstanceId, burst: &Announce) {
        {
            let (mut lanes, pace) = (self.0.lanes.borrow_mut(), self.0.pace.borrow());
            let links = self.0.links.borrow();
            for _ in 0..burst.rounds {
                for (link, address) in &burst.targets {
                    let lane = lanes.entry((pace.road(links.below(link)), Family::of(*address))).or_default();
                    lane.push((instance, link.clone(), *address), burst.rounds);
                }
            }
        }
        // The first frames leave before this returns: a client is waiting for them.
        let (now, allowance) = (clock::now(), self.0.allowance.get());
        let (sent, next) = self.0.send_due(now, allowance.left(now));
        self.0.allowance.set(allowance.after(now, sent));
        if next.is_some() {
            self.0.more.notify_one();
        }
    }

    /// Forgets what an instance has not announced yet.
    pub(super) fn cancel(&self, instance: InstanceId) {
        for lane in self.0.lanes.borrow_mut().values_mut() {
            lane.forget(instance);
        }
    }

    /// Sends what waits, in its time; never ends.
    pub(super) async fn run(self) -> Infallible {
        loop {
            match self.0.send_due(clock::now(), BATCH).1 {
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
    /// Sends so many frames at most that may leave; how many, and when the next may, if any wait.
    fn send_due(&self, now: Instant, most: usize) -> (usize, Option<Instant>) {
        let mut lanes = self.lanes.borrow_mut();
        let mut left = most;
        for ((road, family), lane) in lanes.iter_mut() {
            let gap = self.pace.borrow().gap(road, *family);
            left -= lane.serve(now, gap, left, |link, address| self.send(link, address));
        }
        lanes.retain(|_, lane| !lane.is_idle(now));
        let next = lanes.values().filter_map(Lane::poll_timeout).min();
        (most - left, next)
    }

    fn send(&self, name: &IfName, address: IpAddr) -> io::Result<()> {
        let links = self.links.borrow();
        // A link that is gone, has no Ethernet address or listens to no ARP has no caches to correct.
        let Some(link) = links.get(name).filter(|link| !link.noarp) else { return Ok(()) };
        let Some(mac) = link.mac else { return Ok(()) };
        let what = match address {
            IpAddr::V4(address) => {
                self.socket.send(link.index, &GratuitousArp { mac, address }.emit())?;
                "gratuitous ARP"
            }
            IpAddr::V6(address) => {
                let router = crate::sys::sysctl::forwards_ipv6(name);
                self.socket.send(link.index, &UnsolicitedAdvert { mac, address, router }.emit())?;
                "unsolicited Neighbour Advert"
            }
        };
        tracing::debug!("Sending {what} on {name} for {address}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::in_namespace;
    use tokio::task::LocalSet;

    /// A lower master that is deaf is answered for each of its adverts, for as long as it lives.
    #[test]
    fn whoever_announces_faster_than_frames_may_leave_keeps_nobody_waiting_for_ever() {
        in_namespace(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            LocalSet::new().block_on(&runtime, async {
                let pace = Pace { garp: Duration::from_secs(60), ..Pace::default() };
                let announcer = Announcer::open(Rc::default(), Deadlines::new().unwrap(), pace).unwrap();
                let link = IfName::new("eth0").unwrap();
                let burst = |net: u8, addresses: u8| Announce {
                    targets: (1..=addresses).map(|last| (link.clone(), [10, 99, net, last].into())).collect(),
                    rounds: 5,
                };
                for _ in 0..1000 {
                    announcer.announce(InstanceId(1), &burst(0, 20));
                }
                announcer.announce(InstanceId(2), &burst(1, 1));
                let mut lanes = announcer.0.lanes.borrow_mut();
                let lane = lanes.values_mut().next().unwrap();
                let waiting: Vec<_> = std::iter::from_fn(|| lane.pop()).collect();
                let late = waiting.iter().position(|(instance, ..)| *instance == InstanceId(2));
                // The first one has left at once, and has come again.
                assert_eq!((late, waiting.len()), (Some(100), 105));
            });
        });
    }

    #[test]
    fn a_batch_is_all_that_leaves_at_once_in_its_time() {
        let at = |millis| Instant::ZERO + Duration::from_secs(9) + Duration::from_millis(millis);
        let fresh = Allowance::default();
        assert_eq!(fresh.left(at(0)), BATCH);
        let used = fresh.after(at(0), BATCH - 4).after(at(9), 4);
        assert_eq!((used.left(at(9)), used.left(at(10))), (0, BATCH));
    }

    #[test]
    fn links_of_a_group_share_its_gaps_and_the_others_have_the_global_ones() {
        let name = |name: &str| IfName::new(name).unwrap();
        let (garp, gna) = (Duration::from_millis(5), Duration::from_millis(7));
        let group = GarpGroup {
            garp_interval: Some(Duration::from_millis(100)),
            gna_interval: None,
            interfaces: vec![name("eth0"), name("eth1")],
            ..GarpGroup::default()
        };
        let pace = Pace { groups: vec![group], garp, gna };
        assert_eq!(pace.road(&name("eth0")), pace.road(&name("eth1")));
        let (shared, own) = (pace.road(&name("eth0")), pace.road(&name("eth2")));
        assert_eq!(pace.gap(&shared, Family::V4), Duration::from_millis(100));
        assert_eq!(pace.gap(&shared, Family::V6), Duration::ZERO);
        assert_eq!((pace.gap(&own, Family::V4), pace.gap(&own, Family::V6)), (garp, gna));
    }
}
