//! Random things are done to the links, addresses, routes, rules and tables of a master, and undone: what the
//! daemon then is and has is what it was and had when it was freshly started.
//!
//! `VRRPD_SEEDS=17..18` runs seed 17 alone, `VRRPD_OPERATIONS=90` the first 90 of its operations: so a failure
//! is narrowed down by hand. A failure prints the operations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::net::daemon::Daemon;
use crate::net::space::Space;
use crate::net::stall::Stall;
use crate::net::watch::Watch;
use crate::world::{Kind, lab_dir, need};

const SEEDS: Range<u64> = 0..50;
const OPERATIONS: usize = 200;

/// So many nodes at a time.
const NODES: usize = 4;

/// An advert each 100 ms: three of them and the skew, as a daemon needs that has just been started, and as long again
/// and more for a busy machine. After so long it is in the state that it is to be in, which shows in its addresses.
const LIMIT: Duration = Duration::from_millis(300 + 22 + 700);
/// What keeps being changed, as the tables of nftables are here, is put right more rarely.
const LIMIT_OF_ALL: Duration = Duration::from_millis(600 + 40 + 1500);

/// To look takes a busy machine longer than the daemon took: so long is looked.
const PATIENCE: Duration = Duration::from_secs(10);

const CONFIG: &str = "
global_defs {
    vrrp_version 3
    vrrp_startup_silence 0
    nftables
}
static_ipaddress {
    10.98.0.1/24 dev eth1
}
static_routes {
    10.97.0.0/16 dev eth1
}
static_rules {
    from 10.97.0.1 lookup 97 priority 970
}
vrrp_instance PLAIN {
    interface eth0
    virtual_router_id 51
    priority 200
    advert_int 0.1
    garp_master_delay 0
    virtual_ipaddress {
        10.99.0.100/24
        10.99.0.101
        10.96.0.1/24 dev eth1
    }
    virtual_routes {
        10.100.0.0/16 via 10.99.0.254 dev eth0
        10.101.0.0/16 dev eth1
    }
    virtual_rules {
        from 10.99.0.100 lookup 100 priority 1000
    }
}
vrrp_instance VMAC {
    interface eth0
    use_vmac
    virtual_router_id 52
    priority 200
    advert_int 0.1
    garp_master_delay 0
    no_accept
    virtual_ipaddress {
        10.99.0.110/24
    }
}
vrrp_instance SIX {
    interface eth1
    virtual_router_id 53
    priority 200
    advert_int 0.1
    garp_master_delay 0
    virtual_ipaddress {
        fe80::53
        2001:db8::100/64
    }
}
";

const INSTANCES: [&str; 3] = ["PLAIN", "VMAC", "SIX"];

/// What a node has before its daemon starts, and again in the end.
const LINKS: [Link; 2] = [
    Link {
        name: "eth0",
        far: "p0",
        mac: "02:00:00:00:01:01",
        number: 100,
        nets: ["10.99.0.1/24", "fe80::1/64"],
    },
    Link {
        name: "eth1",
        far: "p1",
        mac: "02:00:00:00:01:02",
        number: 200,
        nets: ["10.95.0.1/24", "fe80::2/64"],
    },
];

struct Link {
    name: &'static str,
    far: &'static str,
    mac: &'static str,
    number: u32,
    nets: [&'static str; 2],
}

/// Each with the link that it belongs on.
const VIPS: [(&str, &str); 7] = [
    ("10.99.0.100/24", "eth0"),
    ("10.99.0.101/32", "eth0"),
    ("10.96.0.1/24", "eth1"),
    ("10.99.0.110/24", "vrrp.52"),
    ("fe80::53/128", "eth1"),
    ("2001:db8::100/64", "eth1"),
    ("10.98.0.1/24", "eth1"),
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Where a link is by now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Home,
    /// Under another name.
    Renamed,
    /// In another network namespace.
    Away,
    Gone,
    /// Something else has its name.
    Replaced,
}

/// A line of a shell, or of `ip -batch`.
#[derive(Clone, Debug)]
enum Line {
    Ip(String),
    Shell(String),
}

/// Makes up operations that can be done.
struct Story {
    random: Random,
    places: [Place; 2],
    lines: Vec<Line>,
}

impl Story {
    fn ip(&mut self, words: impl Into<String>) {
        self.lines.push(Line::Ip(words.into()));
    }

    fn shell(&mut self, words: impl Into<String>) {
        self.lines.push(Line::Shell(words.into()));
    }

    fn step(&mut self) {
        let which = self.random.below(2);
        let Link { name, far, nets, .. } = &LINKS[which];
        let (vip, dev) = *self.random.pick(&VIPS);
        match self.random.below(30) {
            0..=3 => self.ip(format!("address del {vip} dev {dev}")),
            4 => {
                let dev = *self.random.pick(&["eth0", "eth1", "vrrp.52"]);
                let family = *self.random.pick(&["", "-4 ", "-6 "]);
                self.shell(format!("ip {family}address flush dev {dev}"));
            }
            5 => self.ip(format!("address change {vip} dev {dev} preferred_lft 0")),
            6 => self.ip(format!("address add {vip} dev {name}")),
            7 => {
                let net = *self.random.pick(nets);
                self.ip(format!("address del {net} dev {name}"));
            }
            8 => {
                let net = *self.random.pick(nets);
                self.ip(format!("address replace {net} dev {name}"));
            }
            9..=11 => {
                let link = *self.random.pick(&[name, far, "vrrp.52"]);
                let way = *self.random.pick(&["down", "up"]);
                self.ip(format!("link set {link} {way}"));
            }
            12 => self.ip("link del vrrp.52"),
            13 => self.ip("link set vrrp.52 address 02:00:00:00:00:99"),
            14 => {
                let number = self.random.below(100);
                self.ip(format!("link set {name} address 02:00:00:00:02:{number:02}"));
            }
            15 => self.shell("ip route flush proto keepalived; ip -6 route flush proto keepalived"),
            16 => self.shell(format!("ip route flush dev {name}")),
            17 => self.ip("route del 10.100.0.0/16"),
            18 => self.ip("route del 10.97.0.0/16"),
            19 => self.shell("ip rule flush"),
            20 => self.ip("rule del priority 1000"),
            21 => self.ip("rule del priority 970"),
            22 => self.shell("nft flush ruleset"),
            23 => self.shell("nft add rule ip keepalived in counter accept"),
            24 => {
                let hundredths = 1 + self.random.below(15);
                self.shell(format!("sleep 0.{hundredths:02}"));
            }
            25..=29 => self.move_link(which),
            _ => unreachable!("the last number is 29"),
        }
    }

    /// A link goes, or one that has gone comes back.
    fn move_link(&mut self, which: usize) {
        let Link { name, .. } = &LINKS[which];
        if self.places[which] != Place::Home {
            return self.bring_home(which);
        }
        let place = *self.random.pick(&[Place::Renamed, Place::Away, Place::Gone, Place::Replaced]);
        self.places[which] = place;
        match place {
            Place::Home => {}
            Place::Renamed => {
                self.ip(format!("link set {name} down"));
                self.ip(format!("link set {name} name was{which}"));
                self.ip(format!("link set was{which} up"));
            }
            Place::Away => self.ip(format!("link set {name} netns other")),
            Place::Gone => self.ip(format!("link del {name}")),
            Place::Replaced => {
                self.ip(format!("link del {name}"));
                self.ip(format!("link add {name} type bridge"));
                self.ip(format!("link set {name} up"));
                self.ip(format!("address add 10.99.0.77/24 dev {name}"));
            }
        }
    }

    fn bring_home(&mut self, which: usize) {
        let Link { name, .. } = &LINKS[which];
        match std::mem::replace(&mut self.places[which], Place::Home) {
            Place::Home => {}
            Place::Renamed => {
                self.ip(format!("link set was{which} down"));
                self.ip(format!("link set was{which} name {name}"));
            }
            Place::Away => self.shell(format!("ip -n other link set {name} netns 1")),
            Place::Gone => self.make(which),
            Place::Replaced => {
                self.ip(format!("link del {name}"));
                self.make(which);
            }
        }
        self.dress(which);
    }

    /// Now and then under the number that it had.
    fn make(&mut self, which: usize) {
        let Link { name, far, mac, number, .. } = &LINKS[which];
        let number = if self.random.below(2) == 0 { format!("index {number}") } else { String::new() };
        self.ip(format!("link add {name} {number} address {mac} type veth peer name {far}"));
    }

    fn dress(&mut self, which: usize) {
        let Link { name, far, mac, nets, .. } = &LINKS[which];
        self.ip(format!("link set {name} address {mac}"));
        self.ip(format!("link set {far} up"));
        self.ip(format!("link set {name} up"));
        for net in nets {
            let nodad = if net.contains(':') { " nodad" } else { "" };
            self.ip(format!("address replace {net} dev {name}{nodad}"));
        }
    }

    /// Undoes all that is not the daemon's to undo.
    fn restore(&mut self) {
        for (which, Link { name, nets, .. }) in LINKS.iter().enumerate() {
            self.bring_home(which);
            // With them comes the route to their subnet, which somebody may have flushed.
            for net in nets {
                self.ip(format!("address del {net} dev {name}"));
            }
            self.dress(which);
            for (vip, dev) in VIPS {
                if dev != *name {
                    self.ip(format!("address del {vip} dev {name}"));
                }
            }
            self.ip(format!("address del 10.99.0.77/24 dev {name}"));
        }
        for family in ["", "-6 "] {
            self.shell(format!("ip {family}rule add priority 32766 lookup main"));
        }
        self.shell("ip rule add priority 32767 lookup default");
    }

    /// The script that does it all; errors are part of the story.
    fn script(&self) -> String {
        let mut text = String::new();
        let mut in_batch = false;
        for line in &self.lines {
            match line {
                Line::Ip(words) => {
                    if !std::mem::replace(&mut in_batch, true) {
                        text.push_str("ip -force -batch - <<'E'\n");
                    }
                    let _ = writeln!(text, "{words}");
                }
                Line::Shell(words) => {
                    if std::mem::replace(&mut in_batch, false) {
                        text.push_str("E\n");
                    }
                    let _ = writeln!(text, "{words}");
                }
            }
        }
        if in_batch {
            text.push_str("E\n");
        }
        text.push_str("true\n");
        text
    }
}

fn story(seed: u64, operations: usize) -> [String; 2] {
    let mut story = Story { random: Random(seed), places: [Place::Home; 2], lines: Vec::new() };
    for _ in 0..operations {
        story.step();
    }
    let done = story.script();
    story.lines.clear();
    story.restore();
    [done, story.script()]
}

/// What is compared: as `ip`, `nft` and `/proc` show it, without numbers that differ from link to link, and
/// without the labels that the kernel gives addresses when their link is renamed.
const VIEW: &str = r#"
for link in eth0 eth1 vrrp.52; do
    ip -o address show dev $link | awk '{$1=""; print}' | sed 's/ secondary//; s/\\.*//; s/ *$//; s/ eth[01]:[0-9]*$//; s/ eth[01]$//' | sort
    for key in arp_ignore arp_filter rp_filter accept_local promote_secondaries; do
        echo "$link $key $(cat /proc/sys/net/ipv4/conf/$link/$key)"
    done
    for key in disable_ipv6 addr_gen_mode; do
        echo "$link $key $(cat /proc/sys/net/ipv6/conf/$link/$key)"
    done
done
ip -d -o link show dev vrrp.52 | sed 's/^[0-9]*: //; s/ promiscuity.*macvlan/ macvlan/; s/ numtxqueues.*//; s/qlen [0-9]*//'
echo all $(cat /proc/sys/net/ipv4/conf/all/rp_filter)
for family in -4 -6; do
    ip $family route show table all proto keepalived | sed 's/ linkdown//; s/ pref medium//' | sort
    ip $family rule | sort -u
done
nft -s list ruleset | sed 's/ # handle.*//'
awk '/^[0-9]/ {link = $2} /^\t/ && $1 == "120000E0" {print "group", link, $2}' /proc/net/igmp | sort
awk '$3 == "ff020000000000000000000000000012" {print "group", $2, $4}' /proc/net/igmp6 | sort
"#;

fn view(node: &Space, log: &str) -> String {
    let shown = shell(node, VIEW);
    let mut states = BTreeMap::new();
    for line in log.lines() {
        for name in INSTANCES {
            if let Some((_, rest)) = line.split_once(&format!("({name}) Entering ")) {
                states.insert(name, rest.to_owned());
            }
        }
    }
    format!("{states:#?}\n{shown}")
}

/// Its output; whether it succeeds is not asked.
fn shell(node: &Space, script: &str) -> String {
    let mut command = Command::new("sh");
    let child = node
        .spawn(
            command.arg("-c").arg(script).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()),
        )
        .expect("a shell");
    let output = child.wait_with_output().expect("its end");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Looks until the view is this one, or what it is instead.
fn until(
    node: &Space,
    daemon: &Daemon,
    wanted: impl Fn(&str) -> bool,
    limit: Duration,
) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        let seen = view(node, &daemon.log());
        if wanted(&seen) {
            return Ok(());
        }
        if begin.elapsed() > limit {
            return Err(seen);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How long after the end of the story the daemon did something for the last time.
#[derive(Clone, Copy, Debug, Default)]
struct Took {
    /// To an address.
    addresses: Duration,
    /// At all: what it has mended it has said.
    all: Duration,
}

impl Took {
    fn since(restored_at: SystemTime, watch: &Watch, daemon: &Daemon) -> Self {
        let late = |at: SystemTime| at.duration_since(restored_at).unwrap_or_default();
        let addresses = watch.all(restored_at).last().map_or(Duration::ZERO, |change| late(change.at));
        Self { addresses, all: addresses.max(late(daemon.last_said().expect("a log"))) }
    }
}

fn run(dir: &Path, seed: u64, operations: usize) -> Result<Took, String> {
    let node = Space::new(dir, &format!("node{seed}")).map_err(|error| error.to_string())?;
    let mut first = Story { random: Random(0), places: [Place::Gone; 2], lines: Vec::new() };
    for key in ["accept_dad 0", "addr_gen_mode 1", "router_solicitations 0", "disable_ipv6 0"] {
        let (key, value) = key.split_once(' ').expect("two words");
        first.shell(format!("echo {value} > /proc/sys/net/ipv6/conf/default/{key}"));
    }
    first.shell("echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6; mkdir -p /run/netns; ip netns add other");
    (0..2).for_each(|which| first.bring_home(which));
    shell(&node, &first.script());
    let mut daemon =
        Daemon::start(&Kind::Vrrpd.program(), &node, CONFIG, &["-D"]).map_err(|error| error.to_string())?;
    let all_master = |seen: &str| {
        seen.matches("MASTER STATE").count() == 3 && VIPS.iter().all(|(vip, _)| seen.contains(vip))
    };
    until(&node, &daemon, all_master, Duration::from_secs(20))
        .map_err(|seen| format!("no master: {seen}\n{}", daemon.log()))?;
    // Announcements and the like are over.
    std::thread::sleep(Duration::from_millis(100));
    let fresh = view(&node, &daemon.log());
    let [done, restored] = story(seed, operations);
    let watch = Watch::start(&node).map_err(|error| error.to_string())?;
    shell(&node, &done);
    shell(&node, &restored);
    let (restored_at, stall) = (SystemTime::now(), Stall::watch());
    let failure = |what: &str| {
        let log = daemon.log();
        let from = log.lines().count().saturating_sub(80);
        let log: Vec<&str> = log.lines().skip(from).collect();
        format!("--- done:\n{done}--- restored:\n{restored}--- log:\n{}\n--- {what}", log.join("\n"))
    };
    until(&node, &daemon, |seen| seen == fresh, PATIENCE)
        .map_err(|seen| failure(&format!("difference (fresh, now):\n{}", difference(&fresh, &seen))))?;
    let took = Took::since(restored_at, &watch, &daemon);
    let stall = stall.longest();
    if took.addresses > LIMIT + stall || took.all > LIMIT_OF_ALL + stall {
        return Err(failure(&format!("the last deed: {took:?}, the machine stood still for {stall:?}")));
    }
    daemon.stop().map_err(|error| error.to_string())?;
    Ok(took)
}

fn difference(left: &str, right: &str) -> String {
    let only = |a: &str, b: &str, sign: &str| -> String {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    let text = only(left, right, "-") + &only(right, left, "+");
    if text.is_empty() { format!("the order:\n{left}\n---\n{right}") } else { text }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("VRRPD_SEEDS") else { return SEEDS };
    let ends = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    ends.unwrap_or_else(|| panic!("VRRPD_SEEDS is a range: 0..50"))
}

#[test]
fn whatever_is_done_to_a_node_and_undone_leaves_it_as_a_fresh_one() {
    need(&["nft"]);
    let dir = lab_dir();
    let (seeds, operations) = (seeds(), number("VRRPD_OPERATIONS", OPERATIONS as u64) as usize);
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(Vec::new());
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..NODES {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match run(dir.path(), seed, operations) {
                        Ok(time) => times.lock().expect("no panic").push((time, seed)),
                        Err(why) => {
                            failures.lock().expect("no panic").push(format!("=== seed {seed}\n{why}"))
                        }
                    }
                }
            });
        }
    });
    let times = times.into_inner().expect("no panic");
    let failures = failures.into_inner().expect("no panic");
    println!("seeds {seeds:?}, {operations} operations each: as a fresh one");
    let tell = |what: &str, of: fn(&Took) -> Duration| {
        let mut times: Vec<(Duration, u64)> = times.iter().map(|(took, seed)| (of(took), *seed)).collect();
        times.sort();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        let [half, most, last] = [50, 90, 100].map(|percent| at(percent).copied().unwrap_or_default());
        println!(
            "{what} after {:?} (50 %), {:?} (90 %), {:?} at most (seed {})",
            half.0, most.0, last.0, last.1
        );
    };
    tell("in its addresses", |took| took.addresses);
    tell("in all", |took| took.all);
    assert!(failures.is_empty(), "{} seeds failed\n{}", failures.len(), failures.join("\n"));
}
