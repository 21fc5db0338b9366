//! A thousand virtual routers on two nodes: all of them start, none is late, none flaps.
//!
//! `VRRPD_SCALE_SECONDS=n` watches the steady state for that long; `VRRPD_SCALE_DAEMON=keepalived` shows how far
//! keepalived comes, with six times as long to start.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::net::daemon::Daemon;
use crate::net::frame::Advert;
use crate::net::lan::{self, Lan};
use crate::net::process::descendants;
use crate::net::space::Space;
use crate::world::{Kind, Quiet, SLACK, need};

const LINKS: u8 = 4;
/// On each link.
const ROUTERS: u8 = 255;
const ALL: usize = LINKS as usize * ROUTERS as usize;

const PRIORITIES: [u8; 2] = [200, 100];
/// Three intervals of one second and the skew of priority 100 (RFC 9568 §6.1).
const DOWN: Duration = Duration::from_micros(3_609_375);
/// A start takes no longer, on any machine.
const START: Duration = Duration::from_secs(10);
/// An advert that comes later than this after the one before has been missed.
const MISSED: Duration = Duration::from_millis(1_500);

/// A virtual router of the test: the number of its link, and its VRID.
type Router = (u8, u8);

fn kind() -> Kind {
    match std::env::var_os("VRRPD_SCALE_DAEMON") {
        Some(name) if name == "keepalived" => Kind::Keepalived,
        _ => Kind::Vrrpd,
    }
}

fn network(link: u8) -> u8 {
    99 - link
}

fn config(priority: u8) -> String {
    let one = |(link, vrid): Router| {
        format!(
            "vrrp_instance VI_{link}_{vrid} {{\nstate BACKUP\ninterface eth{link}\nversion 3\n\
             virtual_router_id {vrid}\npriority {priority}\nadvert_int 1\n\
             virtual_ipaddress {{\n10.{}.1.{vrid}/24\n}}\n}}\n",
            network(link)
        )
    };
    routers().map(one).collect()
}

fn routers() -> impl Iterator<Item = Router> {
    (0..LINKS).flat_map(|link| (1..=ROUTERS).map(move |vrid| (link, vrid)))
}

/// Two machines with four links between them.
struct World {
    lans: Vec<Lan>,
    spaces: [Space; 2],
    daemons: [Option<Daemon>; 2],
}

impl World {
    fn new(dir: &Path) -> Self {
        let lan = |link: u8| Lan::new(&dir.join(format!("lan{link}"))).expect("a LAN (is this root?)");
        let lans: Vec<Lan> = (0..LINKS).map(lan).collect();
        let spaces = [("a", 1), ("b", 2)].map(|(name, n)| {
            let space = lans[0].machine(name, n).expect("a machine");
            for (lan, link) in lans.iter().zip(0..).skip(1) {
                let address = Ipv4Addr::new(10, network(link), 0, n);
                lan.plug(&space, n, &format!("eth{link}"), address).expect("another link");
            }
            space
        });
        Self { lans, spaces, daemons: [None, None] }
    }

    fn start(&mut self, node: usize, group: &str) {
        let config = group.to_owned() + &config(PRIORITIES[node]);
        let daemon = Daemon::start(&kind().program(), &self.spaces[node], &config, &[]).expect("the daemon");
        self.daemons[node] = Some(daemon);
    }

    fn daemon(&mut self, node: usize) -> &mut Daemon {
        self.daemons[node].as_mut().expect("it was started")
    }

    /// How many instances of a node have entered a state, and how often one at most.
    fn entered(&self, node: usize, state: &str) -> (usize, usize) {
        let log = fs::read_to_string(self.spaces[node].dir.join("daemon.log")).unwrap_or_default();
        let words = format!(") Entering {state} STATE");
        let mut times = BTreeMap::<&str, usize>::new();
        for line in log.lines().filter(|line| line.contains(&words)) {
            let name = line.split_once('(').map_or(line, |(_, rest)| rest);
            *times.entry(name.split(')').next().unwrap_or(name)).or_default() += 1;
        }
        (times.len(), times.into_values().max().unwrap_or(0))
    }

    /// Waits until all instances of a node have entered a state; how long that took.
    #[track_caller]
    fn wait(&self, node: usize, state: &str, limit: Duration) -> Duration {
        let limit = if kind() == Kind::Vrrpd { limit } else { limit * 6 };
        let begin = Instant::now();
        while self.entered(node, state).0 < ALL {
            let waited = begin.elapsed();
            assert!(waited < limit, "{:?} of {ALL} are {state} after {waited:?}", self.entered(node, state));
            thread::sleep(Duration::from_millis(50));
        }
        begin.elapsed()
    }

    /// The virtual addresses that a node has.
    fn addresses(&self, node: usize) -> usize {
        let all = self.spaces[node].rtnl().addresses().expect("a list of addresses");
        all.iter().filter(|(ip, ..)| matches!(ip, std::net::IpAddr::V4(ip) if ip.octets()[2] == 1)).count()
    }

    /// When a node has advertised each router since then.
    fn adverts(&self, node: usize, since: SystemTime) -> BTreeMap<Router, Vec<Advert>> {
        let mut all = BTreeMap::<Router, Vec<Advert>>::new();
        for (lan, link) in self.lans.iter().zip(0..) {
            let adverts = lan.capture.adverts(since);
            for advert in adverts.into_iter().filter(|advert| advert.mac == lan::mac(node as u8 + 1)) {
                all.entry((link, advert.vrid)).or_default().push(advert);
            }
        }
        all
    }

    /// Every router of a node has spoken all the time; the longest that any of them was silent.
    #[track_caller]
    fn longest_silence(&self, node: usize, since: SystemTime) -> Duration {
        let now = SystemTime::now();
        let adverts = self.adverts(node, since);
        assert_eq!(adverts.len(), ALL, "routers that have spoken");
        let mut longest = (Duration::ZERO, (0, 0));
        for (router, adverts) in adverts {
            let times = adverts.iter().map(|advert| advert.at);
            for (one, next) in times.clone().zip(times.skip(1).chain([now])) {
                longest = longest.max((next.duration_since(one).unwrap_or_default(), router));
            }
        }
        let (silence, router) = longest;
        assert!(silence < MISSED, "{router:?} of node {node} has sent nothing for {silence:?}");
        silence
    }

    /// CPU time that the processes of a node have used, and the memory that they have, in KiB.
    fn used(&mut self, node: usize) -> (Duration, u64) {
        let parent = self.daemon(node).tree.pid();
        let (mut ticks, mut memory) = (0, 0);
        for process in descendants(parent).into_iter().chain([parent]) {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
            ticks += fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
            memory += resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
        }
        // USER_HZ is 100 on every architecture that we build for.
        (Duration::from_millis(ticks * 10), memory)
    }
}

/// A thread that does nothing as fast as it can.
struct Busy {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Busy {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let work = move || {
            while !flag.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        Self { stop, thread: Some(thread::spawn(work)) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn steady() -> Duration {
    let seconds = std::env::var("VRRPD_SCALE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(60, |text| text.parse().expect("VRRPD_SCALE_SECONDS is a number")))
}

#[test]
fn a_thousand_routers_start_keep_time_and_are_taken_over_once() {
    need(&[]);
    let quiet = Quiet::wait();
    let dir = quiet.dir();
    let mut world = World::new(dir.path());

    world.start(0, "");
    let started = world.wait(0, "MASTER", START);
    println!("all {ALL} are master {started:?} after the start of a");
    world.start(1, "");
    let listening = world.wait(1, "BACKUP", START);
    println!("all {ALL} are backup {listening:?} after the start of b");
    assert_eq!(world.addresses(0), ALL);

    let busy = Busy::start();
    let before = [world.used(0).0, world.used(1).0];
    let begin = SystemTime::now();
    thread::sleep(steady());
    let silence = world.longest_silence(0, begin);
    println!("in {:?} nobody was silent for more than {silence:?}", steady());
    for (node, before) in before.into_iter().enumerate() {
        let (cpu, memory) = world.used(node);
        let share = (cpu - before).as_secs_f64() / steady().as_secs_f64();
        println!("node {node}: {:.1} % of one core, {} MiB", share * 100.0, memory / 1024);
        assert!(share < 0.25, "node {node} uses {share} of one core to do nothing");
        assert!(memory < 160 * 1024, "node {node} has {memory} KiB");
    }
    assert_eq!(world.entered(1, "MASTER"), (0, 0), "b had no reason to take over");

    let cut = SystemTime::now();
    world.daemon(0).tree.kill_all().expect("it runs");
    world.all_are_taken_over_once(cut);
    drop(busy);
    assert_eq!(world.addresses(1), ALL);
    world.takeovers_are_in_time(begin, cut);
    world.all_are_announced(cut);

    let begin = SystemTime::now();
    assert!(world.daemon(1).stop().expect("an orderly end").success());
    let farewells = world.adverts(1, begin);
    let last = |adverts: &Vec<Advert>| adverts.last().is_some_and(|advert| advert.priority == 0);
    assert_eq!(farewells.values().filter(|adverts| last(adverts)).count(), ALL, "farewells");
    assert_eq!(world.addresses(1), 0, "addresses that are left");
}

/// All of them in one sync group: nothing that it does may take the square of its members.
#[test]
fn a_group_of_a_thousand_moves_as_one() {
    need(&[]);
    let quiet = Quiet::wait();
    let dir = quiet.dir();
    let mut world = World::new(dir.path());
    let members: String = routers().map(|(link, vrid)| format!("VI_{link}_{vrid}\n")).collect();
    let group = format!("vrrp_sync_group ALL {{\ngroup {{\n{members}}}\n}}\n");
    world.start(0, &group);
    world.wait(0, "MASTER", START);
    world.start(1, &group);
    world.wait(1, "BACKUP", START);
    let cut = SystemTime::now();
    world.daemon(0).tree.kill_all().expect("it runs");
    world.all_are_taken_over_once(cut);
    let mut firsts: Vec<SystemTime> = world.adverts(1, cut).values().map(|adverts| adverts[0].at).collect();
    firsts.sort();
    let took = firsts[ALL - 1].duration_since(firsts[0]).expect("sorted");
    println!("from the first to the last of the group {took:?}");
    assert!(took < Duration::from_millis(500), "the group took {took:?} to become master");
}

impl World {
    /// And from its first advert on no router of b is silent, whatever else there is to do.
    #[track_caller]
    fn all_are_taken_over_once(&self, cut: SystemTime) {
        let taken = self.wait(1, "MASTER", DOWN + START);
        println!("all {ALL} are taken over {taken:?} after the end of a");
        // The second announcements come five seconds after the first.
        thread::sleep(Duration::from_secs(7));
        let silence = self.longest_silence(1, cut);
        println!("with all that nobody was silent for more than {silence:?}");
        assert_eq!(self.entered(1, "MASTER"), (ALL, 1), "each becomes master once");
        assert_eq!(self.entered(1, "BACKUP"), (ALL, 1), "and never goes back");
        assert_eq!(self.entered(1, "FAULT"), (0, 0));
    }

    /// Each router's first advert of b comes after its last of a as the protocol has it.
    #[track_caller]
    fn takeovers_are_in_time(&self, begin: SystemTime, cut: SystemTime) {
        let (old, new) = (self.adverts(0, begin), self.adverts(1, cut));
        let mut latest = Duration::ZERO;
        for (router, new) in &new {
            let last = old[router].last().map(|advert| advert.at).expect("a was master");
            let waited = new[0].at.duration_since(last).expect("b speaks after a");
            let early = DOWN.saturating_sub(waited);
            assert!(early < Duration::from_millis(3), "{router:?} was taken over after {waited:?}");
            latest = latest.max(waited.saturating_sub(DOWN));
        }
        println!("takeovers were late by {latest:?} at most");
        assert!(latest < SLACK, "a takeover was late by {latest:?}");
    }

    /// b has told the neighbours of all addresses, twice five times each.
    #[track_caller]
    fn all_are_announced(&self, cut: SystemTime) {
        let mut times = BTreeMap::<std::net::IpAddr, usize>::new();
        for lan in &self.lans {
            for announce in lan.capture.announces(cut).into_iter().filter(|it| it.mac == lan::mac(2)) {
                *times.entry(announce.address).or_default() += 1;
            }
        }
        let fewest = times.values().min();
        assert_eq!(
            (times.len(), fewest),
            (ALL, Some(&10)),
            "announced addresses, and how often one at least"
        );
    }
}

/// Two routers, one of them with a thousand addresses.
const BURSTS: &str = "
vrrp_instance SMALL {
    interface eth0
    version 3
    virtual_router_id 1
    priority 100
    advert_int 0.1
    virtual_ipaddress {
        10.99.1.1/24
    }
}
vrrp_instance LARGE {
    interface eth0
    version 3
    virtual_router_id 2
    priority 250
    advert_int 0.1
    garp_master_delay 1
    virtual_ipaddress {
        10.99.2.1/24
    }
    virtual_ipaddress_excluded {
        EXCLUDED
    }
}
";

#[test]
fn a_thousand_addresses_delay_no_advert() {
    need(&[]);
    let quiet = Quiet::wait();
    // A machine that stands still is no fault of ours; what the addresses cause comes each time.
    let mut silences = (0..3).map(|life| silence_of_bursts(&quiet.dir().path().join(format!("{life}"))));
    // A backup would have waited for three intervals.
    let is_short = silences.any(|longest| longest < Duration::from_millis(250));
    assert!(is_short, "silent in each of three lives");
}

/// One life: the longest time without an advert.
fn silence_of_bursts(dir: &Path) -> Duration {
    let lan = Lan::new(dir).expect("a LAN (is this root?)");
    let space = lan.machine("a", 1).expect("a machine");
    let mut silence = Duration::ZERO;
    let excluded: String = (0..1_000).map(|n| format!("10.97.{}.{}/16\n", n / 250, 1 + n % 250)).collect();
    let begin = SystemTime::now();
    let config = BURSTS.replace("EXCLUDED", &excluded);
    let mut daemon = Daemon::start(&kind().program(), &space, &config, &[]).expect("the daemon");
    thread::sleep(Duration::from_secs(4));
    let adverts = lan.capture.adverts(begin);
    for vrid in [1, 2] {
        let times: Vec<SystemTime> =
            adverts.iter().filter(|advert| advert.vrid == vrid).map(|advert| advert.at).collect();
        let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).unwrap_or_default());
        let longest = gaps.max().unwrap_or(Duration::MAX);
        println!("VRID {vrid}: {} adverts, silent for {longest:?} at most", times.len());
        silence = silence.max(longest);
    }
    let announces = lan.capture.announces(begin);
    assert!(announces.len() >= 2 * 5 * 1_000, "only {} announcements", announces.len());
    let all = space.rtnl().addresses().expect("a list of addresses");
    assert!(all.len() >= 1_002, "only {} addresses", all.len());
    assert!(daemon.stop().expect("an orderly end").success());
    silence
}
