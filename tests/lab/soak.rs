//! A soak: three nodes, four virtual routers, and everything that can happen to them, at random.
//!
//! Two nodes run vrrpd, the third keepalived, each preferred by some of the virtual routers. A round is a few
//! mishaps on top of each other, then everything is put right, and the world must come to rest: every router
//! has exactly one master, which is the right one, with the addresses there and nowhere else, the client
//! reaches it and knows its MAC, the last notification names the state, and no process, descriptor or memory
//! has been left behind. Between rounds the wire is judged: unless the nodes could not hear each other, no
//! router has had two masters for longer than an advert takes.
//!
//! `VRRPD_SOAK_SECONDS` says how long (120), `VRRPD_SEED` which history; both are printed.
//! `VRRPD_SOAK_WITHOUT=Partition,Freeze` leaves mishaps out, to see what else there is. `contrib/soak`
//! runs it for longer, and each time with a seed of its own.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;
use vrrpd::types::Random;

use crate::net::daemon::Daemon;
use crate::net::frame::Advert;
use crate::net::lan::{self, Lan};
use crate::net::process::descendants;
use crate::net::pulse::{Pulse, Responder};
use crate::net::space::Space;
use crate::net::wait_for;
use crate::process::kill;
use crate::world::{Kind, LabDir, Node, lab_dir, need, write_script};

/// How long a world that has been put right may take to come to rest, on a machine that does other things.
const REST: Duration = Duration::from_secs(20);

/// How long it must stay there.
const QUIET: Duration = Duration::from_millis(1500);

/// How far two masters may overlap beyond one advert: the loser may repeat itself so that the winner hears
/// that there were two, and the machine is busy.
const OVERLAP: Duration = Duration::from_millis(1200);

/// A virtual router: VRID, address, interval of its adverts, and the priorities on a, b and c.
struct Router {
    name: &'static str,
    vrid: u8,
    vip: IpAddr,
    interval: Duration,
    priorities: [u8; 3],
}

const ROUTERS: [Router; 4] = [
    Router {
        name: "VI_1",
        vrid: 51,
        vip: IpAddr::V4(Ipv4Addr::new(10, 99, 0, 101)),
        interval: Duration::from_millis(200),
        priorities: [200, 150, 100],
    },
    Router {
        name: "VI_2",
        vrid: 52,
        vip: IpAddr::V4(Ipv4Addr::new(10, 99, 0, 102)),
        interval: Duration::from_millis(200),
        priorities: [200, 150, 100],
    },
    Router {
        name: "VI_3",
        vrid: 53,
        vip: IpAddr::V4(Ipv4Addr::new(10, 99, 0, 103)),
        interval: Duration::from_secs(1),
        priorities: [150, 200, 100],
    },
    Router {
        name: "VI_4",
        vrid: 54,
        vip: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 0x104)),
        interval: Duration::from_millis(250),
        priorities: [100, 150, 200],
    },
];

impl Router {
    /// Which node is master when all is well.
    fn preferred(&self) -> usize {
        (0..3).max_by_key(|node| self.priorities[*node]).unwrap_or(0)
    }
}

/// An address that changed files have.
const EXTRA: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 111));

const CONFIG: &str = "
global_defs {
    script_user root
}
vrrp_track_file weight {
    file DIR/weight
}
vrrp_track_file fault {
    file DIR/fault
}
vrrp_script check {
    script DIR/check
    interval 1
    timeout 10
    fall 1
    rise 1
}
vrrp_sync_group G {
    group {
        VI_1
        VI_2
    }
    notify \"DIR/told\"
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.2
    priority P1
    track_file {
        fault
    }
    virtual_ipaddress {
        10.99.0.101/24
        EXTRA
    }
    notify \"DIR/told\"
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 52
    version 3
    advert_int 0.2
    priority P2
    virtual_ipaddress {
        10.99.0.102/24
    }
    virtual_routes {
        10.200.0.0/24 via 10.99.0.254 dev eth0
    }
    virtual_rules {
        from 10.200.0.0/24 lookup 100 priority 1000
    }
    notify \"DIR/told\"
}
vrrp_instance VI_3 {
    interface eth0
    virtual_router_id 53
    advert_int 1
    priority P3
    authentication {
        auth_type PASS
        auth_pass s3cr3t
    }
    track_file {
        weight weight 1
    }
    track_script {
        check
    }
    virtual_ipaddress {
        10.99.0.103/24
    }
    notify \"DIR/told\"
}
vrrp_instance VI_4 {
    interface eth0
    virtual_router_id 54
    version 3
    advert_int 0.25
    priority P4
    virtual_ipaddress {
        fe80::54/64
        2001:db8:99::104/64
    }
    notify \"DIR/told\"
}
";

/// Notes what it is told, takes a moment, and complains when another one of its object runs. The lock is
/// gone with its holder, however that ends.
const TOLD: &str = "#!/bin/sh
cd DIR
exec 9> lock.$2
flock -n 9 || echo \"OVERLAP $*\" >> overlaps
echo \"$*\" >> told.$2
sleep 0.1 9>&-
";

/// What can happen, to which node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mishap {
    /// A reload of a changed file.
    Reload,
    /// A reload of a file that cannot run.
    BadReload,
    /// A reload of a file that ends too early.
    CutReload(u16),
    /// Many reloads of an unchanged file.
    ReloadStorm,
    /// The cable flaps, and stays cut for a while.
    Cable(u8),
    /// The administrator takes the link down.
    LinkDown,
    /// All addresses are flushed, the node's own put back.
    Flush,
    /// The virtual addresses, the route and the rule are deleted.
    Deleted,
    /// `kill -9` of the VRRP process.
    KillChild,
    /// `kill -9` of what runs the scripts.
    KillRunner,
    /// `kill -9` of all, and a new start.
    KillAll,
    /// All processes are frozen.
    Freeze,
    /// Two nodes do not hear each other.
    Partition,
    /// TERM, and a new start.
    Stop,
    /// A tracked file lowers the priority.
    Weight(u8),
    /// A tracked file says FAULT, again and again.
    Flap(u8),
    /// A check script fails.
    Check,
}

impl Mishap {
    fn draw(random: &mut Random, kind: Kind) -> Self {
        let amount = u8::try_from(random.within(1..=32)).unwrap_or(1);
        // What keepalived makes of the others is its own affair.
        if kind == Kind::Keepalived {
            return random.pick(&[Self::Stop, Self::Cable(amount % 5 + 1), Self::Weight(120), Self::Check]);
        }
        let without = std::env::var("VRRPD_SOAK_WITHOUT").unwrap_or_default();
        let all = [
            Self::Reload,
            Self::BadReload,
            Self::CutReload(u16::from(amount) * 40),
            Self::ReloadStorm,
            Self::Cable(amount % 5 + 1),
            Self::LinkDown,
            Self::Flush,
            Self::Deleted,
            Self::KillChild,
            Self::KillRunner,
            Self::KillAll,
            Self::Freeze,
            Self::Partition,
            Self::Stop,
            Self::Weight(amount * 4),
            Self::Flap(amount),
            Self::Check,
        ];
        loop {
            let mishap = random.pick(&all);
            let named = format!("{mishap:?}");
            let name = named.split('(').next().unwrap_or_default();
            if !without.split(',').any(|left_out| left_out == name) {
                return mishap;
            }
        }
    }

    /// Whether nobody who is master ceases to be it, or it is known afterwards.
    fn is_borne_alone(self) -> bool {
        use Mishap::{BadReload, Deleted, KillAll, KillChild, KillRunner, Partition, ReloadStorm};
        matches!(self, BadReload | Deleted | KillAll | KillChild | KillRunner | Partition | ReloadStorm)
    }

    /// Whether it may give a router two masters while it lasts.
    fn divides(self) -> bool {
        matches!(
            self,
            Self::Cable(_)
                | Self::LinkDown
                | Self::KillChild
                | Self::KillAll
                | Self::Freeze
                | Self::Partition
        )
    }
}

/// The world, and what has happened to it.
struct Soak {
    nodes: [Node; 3],
    client: Space,
    lan: Lan,
    responders: Vec<Responder>,
    /// When the VRRP process of each node was killed last: the next one starts the later for it.
    killed: [Option<Instant>; 3],
    /// Processes, descriptors and resident KiB of each node at its first rest.
    first: [Option<Size>; 3],
    seed: u64,
    round: u32,
    mishaps: Vec<(usize, Mishap)>,
    longest_rest: Duration,
    _dir: LabDir,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    processes: usize,
    descriptors: usize,
    resident: usize,
}

impl fmt::Display for Soak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .mishaps
            .iter()
            .map(|(node, mishap)| format!("{} {mishap:?}", self.nodes[*node].space.name))
            .collect();
        write!(f, "VRRPD_SEED={} round {}: {}", self.seed, self.round, names.join(", "))
    }
}

impl Soak {
    fn new(seed: u64) -> Self {
        need(&["keepalived", "ip", "flock"]);
        let dir = lab_dir();
        let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
        let client = lan.machine("client", 9).expect("a client");
        let nodes = [("a", Kind::Vrrpd), ("b", Kind::Vrrpd), ("c", Kind::Keepalived)];
        let mut n = 0;
        let nodes = nodes.map(|(name, kind)| {
            n += 1;
            Node::new(&lan, name, n, kind)
        });
        let mut responders = Vec::new();
        for node in &nodes {
            let dir = &node.space.dir;
            let fill = |text: &str| text.replace("DIR", &dir.display().to_string());
            write_script(&dir.join("told"), &fill(TOLD));
            write_script(&dir.join("check"), &fill("#!/bin/sh\ntest ! -e DIR/ill\n"));
            fs::write(dir.join("weight"), "0").expect("a file");
            fs::write(dir.join("fault"), "0").expect("a file");
            for router in &ROUTERS {
                responders.push(Responder::start(&node.space, router.vip).expect("a service"));
            }
        }
        Self {
            nodes,
            client,
            lan,
            responders,
            killed: [None; 3],
            first: [None; 3],
            seed,
            round: 0,
            mishaps: Vec::new(),
            longest_rest: Duration::ZERO,
            _dir: dir,
        }
    }

    fn config(&self, node: usize, changed: bool) -> String {
        let mut text = CONFIG.replace("DIR", &self.nodes[node].space.dir.display().to_string());
        for (n, router) in ROUTERS.iter().enumerate() {
            text = text.replace(&format!("P{}", n + 1), &router.priorities[node].to_string());
        }
        text.replace("EXTRA", if changed { "10.99.0.111/24" } else { "" })
    }

    fn start(&mut self, node: usize) {
        let config = self.config(node, false);
        self.nodes[node].start(&config);
        self.first[node] = None;
    }

    fn reload(&mut self, node: usize, config: &str) {
        let node = &mut self.nodes[node];
        fs::write(node.space.dir.join("keepalived.conf"), config).expect("a file");
        node.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
    }

    fn everything(&mut self, node: usize) -> Vec<u32> {
        let parent = self.nodes[node].daemon().tree.pid();
        std::iter::once(parent).chain(descendants(parent)).collect()
    }

    /// The VRRP process has the most descriptors.
    fn vrrp(&mut self, node: usize) -> Option<u32> {
        self.everything(node).into_iter().skip(1).max_by_key(|pid| descriptors(*pid))
    }

    fn ip(&self, node: usize, words: &str) {
        // What is not there, or is there already, is what happens in such a world.
        let _ = self.nodes[node].space.call(Command::new("ip").args(words.split(' ')));
    }

    /// The node's own addresses, which go with the link.
    fn readdress(&self, node: usize) {
        let n = node + 1;
        self.ip(node, &format!("addr add 10.99.0.{n}/24 dev eth0"));
        self.ip(node, &format!("addr add 2001:db8:99::{n}/64 dev eth0"));
    }

    fn isolate(&self, isolated: bool) {
        let isolated = if isolated { "on" } else { "off" };
        for name in ["a", "b"] {
            let words = format!("link set dev {name} type bridge_slave isolated {isolated}");
            let done = self.lan.switch().call(Command::new("ip").args(words.split(' ')));
            done.expect("the bridge can isolate ports");
        }
    }

    fn write(&self, node: usize, file: &str, text: &str) {
        fs::write(self.nodes[node].space.dir.join(file), text).expect("a file");
    }

    fn begin(&mut self, node: usize, mishap: Mishap, random: &mut Random) {
        match mishap {
            Mishap::Reload => {
                let config = self.config(node, true);
                self.reload(node, &config);
            }
            Mishap::BadReload => {
                let config = self.config(node, false).replacen("interface eth0", "interface eth9", 1);
                self.reload(node, &config);
            }
            Mishap::CutReload(length) => {
                let mut config = self.config(node, true);
                config.truncate(length.into());
                self.reload(node, &config);
            }
            Mishap::ReloadStorm => {
                let config = self.config(node, false);
                for _ in 0..20 {
                    self.reload(node, &config);
                    thread::sleep(Duration::from_millis(30));
                }
            }
            Mishap::Cable(times) => {
                for n in 0..times {
                    let plugged = n % 2 == 1;
                    self.lan.cable(&self.nodes[node].space, plugged).expect("the cable is there");
                    thread::sleep(random.duration(Duration::from_millis(10)..=Duration::from_millis(400)));
                }
            }
            Mishap::LinkDown => self.ip(node, "link set eth0 down"),
            Mishap::Flush => {
                self.ip(node, "addr flush dev eth0 scope global");
                self.readdress(node);
            }
            Mishap::Deleted => {
                for words in [
                    "addr del 10.99.0.101/24 dev eth0",
                    "addr del 10.99.0.103/24 dev eth0",
                    "-6 addr del 2001:db8:99::104/64 dev eth0",
                    "route del 10.200.0.0/24",
                    "rule del priority 1000",
                ] {
                    self.ip(node, words);
                }
            }
            Mishap::KillChild => {
                if self.killed[node].is_none_or(|at| at.elapsed() > Duration::from_secs(65))
                    && let Some(pid) = self.vrrp(node)
                {
                    self.killed[node] = Some(Instant::now());
                    self.first[node] = None;
                    kill(pid, Signal::SIGKILL);
                }
            }
            Mishap::KillRunner => {
                if self.killed[node].is_none_or(|at| at.elapsed() > Duration::from_secs(65))
                    && let Some(vrrp) = self.vrrp(node)
                    && let Some(pid) = self
                        .everything(node)
                        .into_iter()
                        .skip(1)
                        .find(|pid| *pid != vrrp && descriptors(*pid) > 4)
                {
                    self.killed[node] = Some(Instant::now());
                    kill(pid, Signal::SIGKILL);
                }
            }
            Mishap::KillAll => self.nodes[node].kill(),
            Mishap::Freeze => self.everything(node).into_iter().for_each(|pid| kill(pid, Signal::SIGSTOP)),
            Mishap::Partition => self.isolate(true),
            Mishap::Stop => self.nodes[node].stop(),
            Mishap::Weight(points) => self.write(node, "weight", &format!("-{points}")),
            Mishap::Flap(times) => {
                for n in 0..times {
                    self.write(node, "fault", if n % 2 == 0 { "-1" } else { "0" });
                    thread::sleep(random.duration(Duration::from_millis(1)..=Duration::from_millis(60)));
                }
            }
            Mishap::Check => self.write(node, "ill", ""),
        }
    }

    fn end(&mut self, node: usize, mishap: Mishap) {
        match mishap {
            Mishap::Reload | Mishap::BadReload | Mishap::CutReload(_) => {
                let config = self.config(node, false);
                self.reload(node, &config);
            }
            Mishap::Cable(_) => self.lan.cable(&self.nodes[node].space, true).expect("the cable is there"),
            Mishap::LinkDown => {
                self.ip(node, "link set eth0 up");
                self.readdress(node);
            }
            Mishap::KillAll | Mishap::Stop => self.start(node),
            Mishap::Freeze => {
                // The parent last: it must not take its children for dead.
                self.everything(node).into_iter().rev().for_each(|pid| kill(pid, Signal::SIGCONT));
            }
            Mishap::Partition => self.isolate(false),
            Mishap::Weight(_) => self.write(node, "weight", "0"),
            Mishap::Flap(_) => self.write(node, "fault", "0"),
            Mishap::Check => drop(fs::remove_file(self.nodes[node].space.dir.join("ill"))),
            Mishap::ReloadStorm
            | Mishap::Flush
            | Mishap::Deleted
            | Mishap::KillChild
            | Mishap::KillRunner => {}
        }
    }

    /// Mishaps on top of each other, one for each node at most, then everything is put right.
    fn round(&mut self, random: &mut Random) {
        self.round += 1;
        self.mishaps.clear();
        let begin = SystemTime::now();
        let (count, first) = (random.index(3) + 1, random.index(3));
        for n in 0..count {
            let node = (first + n) % 3;
            let kind = if node == 2 { Kind::Keepalived } else { Kind::Vrrpd };
            let mishap = Mishap::draw(random, kind);
            self.mishaps.push((node, mishap));
        }
        // Who ceases to be master while nobody hears it leaves wrong entries behind, and nobody who could know.
        if self.mishaps.iter().any(|(_, mishap)| *mishap == Mishap::Partition) {
            self.mishaps.retain(|(node, mishap)| *node == 2 || mishap.is_borne_alone());
        }
        println!("{self}");
        for (node, mishap) in self.mishaps.clone() {
            self.begin(node, mishap, random);
            thread::sleep(random.duration(Duration::ZERO..=Duration::from_millis(1500)));
        }
        thread::sleep(random.duration(Duration::ZERO..=Duration::from_millis(2500)));
        for (node, mishap) in self.mishaps.clone() {
            self.end(node, mishap);
        }
        // What has divided the world excuses nothing once it is over.
        let divided = self.mishaps.iter().any(|(_, mishap)| mishap.divides());
        self.rest(if divided { SystemTime::now() } else { begin });
    }

    /// Waits until everything is as it should be, and sees that it stays so. From `begin` on there is nobody
    /// who could not hear another.
    fn rest(&mut self, begin: SystemTime) {
        let start = Instant::now();
        let mut wrong = String::new();
        let mut good_since = None;
        let rested = wait_for(REST, || {
            thread::sleep(Duration::from_millis(50));
            wrong = self.wrong();
            if !wrong.is_empty() {
                good_since = None;
                return None;
            }
            let since = *good_since.get_or_insert_with(Instant::now);
            (since.elapsed() > QUIET).then_some(since)
        });
        let Some(since) = rested else { self.fail(&format!("not at rest after {REST:?}: {wrong}")) };
        println!("  at rest after {:?}", since - start);
        self.longest_rest = self.longest_rest.max(since - start);
        self.judge_client();
        self.judge_masters(begin);
        self.judge_sizes();
        self.judge_words();
    }

    /// What is not as it should be.
    fn wrong(&mut self) -> String {
        let mut wrong = Vec::new();
        for router in &ROUTERS {
            let master = router.preferred();
            for (n, node) in self.nodes.iter().enumerate() {
                if node.has(router.vip) != (n == master) {
                    let is = if n == master { "lacks" } else { "has" };
                    wrong.push(format!("{} {is} {}", node.space.name, router.vip));
                }
                if n == 2 {
                    continue;
                }
                let state = if n == master { "MASTER" } else { "BACKUP" };
                let expected = format!("INSTANCE {} {state} ", router.name);
                let told = fs::read_to_string(node.space.dir.join(format!("told.{}", router.name)));
                let told = told.unwrap_or_default();
                let last = told.lines().next_back().unwrap_or("nothing");
                if !last.starts_with(&expected) {
                    wrong.push(format!("{} was told {last} and not {expected}", node.space.name));
                }
            }
        }
        for (n, node) in self.nodes.iter().enumerate() {
            if node.has(EXTRA) {
                wrong.push(format!("{} has {EXTRA}", node.space.name));
            }
            let list =
                |words: &str| node.space.call(Command::new("ip").args(words.split(' '))).unwrap_or_default();
            let has_route = list("route show 10.200.0.0/24").contains("10.200.0.0/24");
            let has_rule = list("rule show priority 1000").contains("10.200.0.0/24");
            let is_master = n == ROUTERS[1].preferred();
            if (has_route, has_rule) != (is_master, is_master) {
                wrong.push(format!("{}: route {has_route}, rule {has_rule}", node.space.name));
            }
        }
        wrong.join("; ")
    }

    /// The client reaches every address at its master, and has its MAC.
    fn judge_client(&self) {
        for router in &ROUTERS {
            let master = &self.nodes[router.preferred()];
            let pulse = Pulse::start(&self.client, router.vip).expect("a client");
            let served = || (pulse.server().as_deref() == Some(&master.space.name)).then_some(());
            if wait_for(Duration::from_secs(3), served).is_none() {
                self.fail(&format!(
                    "{} is answered by {:?} and not {}",
                    router.vip,
                    pulse.server(),
                    master.space.name
                ));
            }
            let known = self.client.rtnl().neighbour(router.vip).expect("a list of neighbours");
            if known != Some(lan::mac(master.n)) {
                self.fail(&format!("the client takes {} to be at {known:02x?}", router.vip));
            }
        }
    }

    /// No two masters are seen on the wire for longer than one advert of each takes.
    fn judge_masters(&self, begin: SystemTime) {
        let adverts = self.lan.capture.adverts(begin);
        for router in &ROUTERS {
            let of_router: Vec<&Advert> =
                adverts.iter().filter(|advert| advert.vrid == router.vrid && advert.priority > 0).collect();
            let overlap = overlap(&of_router, router.interval);
            if overlap > router.interval + OVERLAP {
                self.fail(&format!("{} has two masters for {overlap:?}", router.name));
            }
        }
    }

    /// Nothing grows.
    fn judge_sizes(&mut self) {
        for node in 0..2 {
            let all = self.everything(node);
            let vrrp = self.vrrp(node).unwrap_or(0);
            // Check and notify scripts come and go.
            let processes = all.iter().filter(|pid| descriptors(**pid) > 4).count();
            let size = Size { processes, descriptors: descriptors(vrrp), resident: resident(vrrp) };
            let first = *self.first[node].get_or_insert(size);
            let grown = size.processes > first.processes + 2
                || size.descriptors > first.descriptors + 8
                || size.resident > first.resident * 2 + 8192;
            if grown {
                self.fail(&format!("{} has grown from {first:?} to {size:?}", self.nodes[node].space.name));
            }
        }
    }

    /// Nobody complains of itself.
    fn judge_words(&self) {
        for node in &self.nodes[..2] {
            let overlaps = fs::read_to_string(node.space.dir.join("overlaps")).unwrap_or_default();
            let log = node.daemon.as_ref().map(Daemon::log).unwrap_or_default();
            let bad = ["internal error", "panicked", "OVERLAP", "kernel has not let go", "failed to die"];
            for line in log.lines().chain(overlaps.lines()) {
                if bad.iter().any(|word| line.contains(word)) {
                    self.fail(&format!("{}: {line}", node.space.name));
                }
            }
        }
    }

    fn fail(&self, what: &str) -> ! {
        for node in &self.nodes {
            let log = node.daemon.as_ref().map(Daemon::log).unwrap_or_default();
            let from = log.lines().count().saturating_sub(80);
            println!("--- {} on {}:", node.program.name, node.space.name);
            log.lines().skip(from).for_each(|line| println!("{line}"));
        }
        println!("--- adverts:");
        let adverts = self.lan.capture.adverts(SystemTime::now() - Duration::from_secs(20));
        for Advert { at, from, vrid, priority, .. } in &adverts[adverts.len().saturating_sub(150)..] {
            let seconds =
                at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() % 1000.0;
            println!("{seconds:10.4} {from} vrid {vrid} priority {priority}");
        }
        panic!("{self}\n{what}");
    }
}

/// For how long two senders were both in the middle of their adverts. A sender is, from one advert to the
/// next unless that is overdue.
fn overlap(adverts: &[&Advert], interval: Duration) -> Duration {
    let mut reigns: Vec<(IpAddr, SystemTime, SystemTime)> = Vec::new();
    for advert in adverts {
        let goes_on = |(from, _, last): &&mut (IpAddr, SystemTime, SystemTime)| {
            *from == advert.from && advert.at.duration_since(*last).is_ok_and(|gap| gap < interval * 3 / 2)
        };
        match reigns.iter_mut().find(goes_on) {
            Some((_, _, last)) => *last = advert.at,
            None => reigns.push((advert.from, advert.at, advert.at)),
        }
    }
    let mut longest = Duration::ZERO;
    for (n, (one, from, to)) in reigns.iter().enumerate() {
        for (other, from_too, to_too) in &reigns[n + 1..] {
            let common = to.min(to_too).duration_since(*from.max(from_too));
            longest = longest.max(common.ok().filter(|_| one != other).unwrap_or_default());
        }
    }
    longest
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// In KiB.
fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

#[test]
fn two_masters_at_once_are_told_from_one_after_the_other() {
    let advert = |node: u8, millis: u64| Advert {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
        mac: lan::mac(node),
        from: lan::ipv4(node).into(),
        to: Ipv4Addr::new(224, 0, 0, 18).into(),
        version: 3,
        vrid: 51,
        priority: 100,
        count: 1,
        timing: [0, 20],
    };
    let interval = Duration::from_millis(200);
    let measure = |adverts: &[Advert]| overlap(&adverts.iter().collect::<Vec<_>>(), interval);
    let one_after_the_other = [advert(1, 0), advert(1, 200), advert(2, 390), advert(1, 400), advert(2, 590)];
    assert_eq!(measure(&one_after_the_other), Duration::from_millis(10), "they cross");
    let at_once =
        [advert(1, 0), advert(2, 100), advert(1, 200), advert(2, 300), advert(1, 400), advert(2, 500)];
    assert_eq!(measure(&at_once), Duration::from_millis(300));
    let back = [advert(1, 0), advert(1, 200), advert(2, 500), advert(2, 700), advert(1, 1000)];
    assert_eq!(measure(&back), Duration::ZERO);
}

#[test]
fn whatever_happens_the_world_comes_to_rest() {
    let seed = number("VRRPD_SEED").unwrap_or(2);
    let time = Duration::from_secs(number("VRRPD_SOAK_SECONDS").unwrap_or(120));
    println!("VRRPD_SEED={seed} VRRPD_SOAK_SECONDS={}", time.as_secs());
    let mut random = Random::new(seed);
    let mut soak = Soak::new(seed);
    let begin = Instant::now();
    for node in 0..3 {
        soak.start(node);
    }
    soak.rest(SystemTime::now() + REST);
    while begin.elapsed() < time {
        soak.round(&mut random);
    }
    println!("{} rounds, at rest after {:?} at most", soak.round, soak.longest_rest);
    for node in 0..2 {
        soak.nodes[node].stop();
    }
    for router in &ROUTERS {
        assert!(!soak.nodes[..2].iter().any(|node| node.has(router.vip)), "{} is left", router.vip);
    }
    assert!(!soak.responders.is_empty());
}
