//! Bad packets with our VRID beside good adverts, few and many.
//!
//! keepalived's master re-arms its advert timer on any packet of its VRID, so three rejected ones a second
//! silence it (behaviour of 2.2.7 and 2.4.3). Both are measured in one run.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use crate::net::inject::{flood, ipv4, v2_pass};
use crate::net::space::Space;
use crate::net::stall::Stall;
use crate::net::wait_for;
use crate::world::{Kind, Node, Quiet, World, fill};

const VRID: u8 = 51;
const VIP: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 100);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 66);
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass s3cr3t
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";
const INTERVAL: Duration = Duration::from_secs(1);
const PHASE: Duration = Duration::from_secs(4);
const RATES: [u32; 4] = [3, 10, 2_000, 20_000];

/// Every advert of the vrrpd master is on time, its backup stays backup, and the counters say why.
#[test]
fn bad_packets_move_no_timer() {
    let quiet = Quiet::wait();
    let (ours, theirs) = (Lan::new(&quiet, Kind::Vrrpd), Lan::new(&quiet, Kind::Keepalived));
    println!("{:>10}  {:<11} {:>7} {:>12}  backup", "packets/s", "daemon", "adverts", "longest gap");
    for rate in RATES {
        let (before, stall) = (ours.counters(), Stall::watch());
        let results = if rate <= 10 {
            thread::scope(|s| {
                let (ours, theirs) = (s.spawn(|| ours.disturb(rate)), s.spawn(|| theirs.disturb(rate)));
                [ours.join().expect("vrrpd's phase"), theirs.join().expect("keepalived's phase")]
            })
        } else {
            // One after the other: two floods at a time measure the machine and not the daemon.
            [ours.disturb(rate), theirs.disturb(rate)]
        };
        for (name, result) in ["vrrpd", "keepalived"].into_iter().zip(&results) {
            let backup = if result.takeovers == 0 { "quiet" } else { "TOOK OVER" };
            let gap = result.longest_gap.as_secs_f64();
            let rate = f64::from(result.sent) / PHASE.as_secs_f64();
            println!("{rate:>10.0}  {name:<11} {:>7} {gap:>10.3} s  {backup}", result.adverts);
        }
        let [mine, _] = results;
        assert_eq!(mine.takeovers, 0, "vrrpd's backup became master under {rate} bad packets a second");
        let (gap, stall) = (mine.longest_gap, stall.longest());
        assert!(
            gap <= INTERVAL.mul_f64(1.2) + stall,
            "{rate} packets/s: a gap of {gap:?}, the machine's of {stall:?}"
        );
        ours.check_counters(rate, mine.sent, &before);
        theirs.settle();
    }
    let log = ours.world.a.daemon.as_ref().expect("it runs").log();
    assert!(log.contains("Invalid VRRPv2 checksum"), "no word about checksums:\n{log}");
}

/// What one phase did to one pair of daemons.
struct Disturbance {
    sent: u32,
    adverts: usize,
    longest_gap: Duration,
    /// Adverts with priority > 0 of the backup.
    takeovers: usize,
}

/// Length, TTL and authentication failures as keepalived.stats counts them.
#[derive(Clone, Copy, Debug)]
struct Counters {
    length: u32,
    ttl: u32,
    failure: u32,
}

struct Lan {
    world: World,
    stranger: Space,
}

impl Lan {
    fn new(quiet: &Quiet, kind: Kind) -> Self {
        let mut world = World::in_dir(quiet.dir(), kind, kind);
        let stranger = world.lan.machine("stranger", 66).expect("a machine");
        world.start_both(
            &fill(CONFIG, &[("PRIORITY", "200")]),
            &fill(CONFIG, &[("PRIORITY", "150")]),
            &["-D"],
        );
        let lan = Self { world, stranger };
        lan.settle();
        lan
    }

    /// Waits until a alone is master.
    fn settle(&self) {
        let (a, b) = (&self.world.a, &self.world.b);
        let vip = IpAddr::V4(VIP);
        let settled = || (a.has(vip) && !b.has(vip)).then_some(());
        wait_for(Duration::from_secs(8), settled).expect("a is master");
    }

    fn disturb(&self, rate: u32) -> Disturbance {
        let begin = SystemTime::now();
        let sent = flood(&self.stranger, &packets(), rate, PHASE).expect("a raw socket");
        let end = SystemTime::now();
        // The first advert after the flood belongs to the last gap.
        thread::sleep(INTERVAL.mul_f64(1.3));
        let adverts = self.world.adverts(VRID, begin - INTERVAL);
        let by = |node: &Node| {
            let ip = node.ip();
            adverts.iter().filter(move |a| a.from == ip && a.priority > 0).map(|a| a.at)
        };
        let times: Vec<SystemTime> = by(&self.world.a).collect();
        let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).unwrap_or_default());
        // Nothing at all after the beginning is a gap that has not ended.
        let open = SystemTime::now().duration_since(*times.last().unwrap_or(&begin)).unwrap_or_default();
        let in_phase = times.iter().filter(|at| **at >= begin && **at <= end).count();
        Disturbance {
            sent,
            adverts: in_phase,
            longest_gap: gaps.chain([open]).max().unwrap_or(open),
            takeovers: by(&self.world.b).count(),
        }
    }

    /// Asks the master for its statistics.
    fn counters(&self) -> Counters {
        let file = self.world.a.space.dir.join("tmp/keepalived.stats");
        let _ = fs::remove_file(&file);
        self.world.a.daemon.as_ref().expect("it runs").tree.signal(Signal::SIGUSR2).expect("it runs");
        let whole = || {
            fs::read_to_string(&file)
                .ok()
                .filter(|text| text.contains("Priority Zero") && text.ends_with('\n'))
        };
        let text = wait_for(Duration::from_secs(15), whole).expect("USR2 writes /tmp/keepalived.stats");
        let number = |section: &str, key: &str| {
            let lines = text.lines().skip_while(|l| l.trim() != section).skip(1);
            let value =
                lines.map(str::trim).find_map(|l| l.strip_prefix(key)).expect("a line of keepalived.stats");
            value.trim().parse().expect("a number")
        };
        Counters {
            length: number("Packet Errors:", "Length:"),
            ttl: number("Packet Errors:", "TTL:"),
            failure: number("Authentication Errors:", "Failure:"),
        }
    }

    /// One packet in four has a wrong length, TTL or password. A flood may overrun a socket, a few
    /// packets a second may not.
    fn check_counters(&self, rate: u32, sent: u32, before: &Counters) {
        let now = self.counters();
        let pairs = [(before.length, now.length), (before.ttl, now.ttl), (before.failure, now.failure)];
        for (kind, (before, now)) in pairs.into_iter().enumerate() {
            let counted = now - before;
            let of_this_kind = (0..sent).filter(|n| *n as usize % 4 == kind).count() as u32;
            if rate <= 10 {
                assert_eq!(counted, of_this_kind, "{rate} packets/s, kind {kind}: {now:?}");
            } else {
                assert!(counted > 0 && counted <= of_this_kind, "{rate} packets/s, kind {kind}: {now:?}");
            }
        }
    }
}

/// Wrong length, TTL, password and checksum, in this order. Each would win the election if believed.
fn packets() -> Vec<Vec<u8>> {
    let group = Ipv4Addr::new(224, 0, 0, 18);
    let good = v2_pass(VRID, 254, VIP, b"s3cr3t\0\0");
    let mut checksum = good.clone();
    checksum[6] ^= 0x40;
    vec![
        ipv4(STRANGER, group, 255, &good[..16]),
        ipv4(STRANGER, group, 254, &good),
        ipv4(STRANGER, group, 255, &v2_pass(VRID, 254, VIP, b"guessed\0")),
        ipv4(STRANGER, group, 255, &checksum),
    ]
}

/// The injector itself: the same advert without a mistake does win the election, in keepalived too.
#[test]
fn a_good_packet_would_be_believed() {
    let lan = Lan::new(&Quiet::wait(), Kind::Keepalived);
    let good = v2_pass(VRID, 254, VIP, b"s3cr3t\0\0");
    let packet = ipv4(STRANGER, Ipv4Addr::new(224, 0, 0, 18), 255, &good);
    flood(&lan.stranger, &[packet], 10, Duration::from_millis(500)).expect("a raw socket");
    let gone = || (!lan.world.a.has(IpAddr::V4(VIP))).then_some(());
    wait_for(Duration::from_secs(1), gone).expect("a yields to priority 254");
}
