//! Virtual MACs: taken over with their address, made and removed with all that belongs to them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::net::client::Client;
use crate::net::frame::{Advert, Announce};
use crate::net::lan::{self, Lan};
use crate::net::process::Tree;
use crate::net::space::Space;
use crate::net::wait_for;
use crate::pairings;
use crate::wire::dissect;
use crate::world::{Kind, Node, World, fill, lab_dir, need, tool};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const VRID: u8 = 51;
const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, VRID];
const MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, VRID];
/// For what a busy machine makes slow; nothing here is a measurement.
const LIMIT: Duration = Duration::from_secs(20);
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    garp_master_delay 1
    BODY
    virtual_ipaddress {
        VIPS
    }
}
";

fn config(body: &str, priority: &str, vips: &str) -> String {
    fill(CONFIG, &[("PRIORITY", priority), ("BODY", body), ("VIPS", vips)])
}

/// Waits until `node` alone has the address, and the client hears from it by that MAC address.
#[track_caller]
fn settle(world: &World, browser: &Client, vip: IpAddr, node: &Node, mac: [u8; 6]) {
    let begin = SystemTime::now();
    let other = if node.n == world.a.n { &world.b } else { &world.a };
    let neighbour = || world.client.rtnl().neighbour(vip).ok().flatten();
    let served = || {
        let entry = neighbour();
        assert!(entry.is_none_or(|entry| entry == mac), "the client knows {vip} as {entry:02x?}");
        let last = browser.last().filter(|request| request.at >= begin)?;
        let answers = last.server.as_deref() == Some(&node.space.name) && entry == Some(mac);
        (node.has(vip) && answers && (other.daemon.is_none() || !other.has(vip))).then_some(())
    };
    if wait_for(LIMIT, served).is_none() {
        let (a, b) = (world.a.has(vip), world.b.has(vip));
        panic!("{vip} is not served by {}: on a {a}, on b {b}, {:02x?}", node.space.name, neighbour());
    }
}

/// What a test of two nodes runs.
struct Case {
    body: &'static str,
    vips: &'static str,
    /// That the client uses.
    vip: IpAddr,
    mac: [u8; 6],
    /// Adverts are from the nodes' own MAC addresses.
    base: bool,
}

/// a and b, a is better; a leaves, comes back, and both leave.
fn hand_over_and_back(world: &mut World, case: &Case) {
    let Case { body, vips, vip, mac, base } = *case;
    let files = ["200", "150"].map(|priority| config(body, priority, vips));
    let before = [&world.a.space, &world.b.space].map(|space| (links(space), settings(space)));
    for node in [&world.a, &world.b] {
        know_the_client(node);
    }
    let browser = world.browse(vip);
    world.start_both(&files[0], &files[1], &["-D"]);
    settle(world, &browser, vip, &world.a, mac);
    world.a.stop();
    settle(world, &browser, vip, &world.b, mac);
    world.a.start(&files[0]);
    settle(world, &browser, vip, &world.a, mac);
    let log = |node: &Node| node.daemon.as_ref().expect("it runs").log();
    let logs = [log(&world.a), log(&world.b)];
    world.b.stop();
    world.a.stop();

    for (node, log) in [&world.a, &world.b].into_iter().zip(&logs) {
        let complaint = |line: &&str| {
            let line = line.to_lowercase();
            ["invalid", "error", "mismatch", "unable", "failed", "bogus", "different"]
                .iter()
                .any(|w| line.contains(w))
        };
        // keepalived 2.2.7 cannot have its table of nftables here; that is no affair of ours.
        let complaints: Vec<&str> = log.lines().filter(complaint).filter(|l| !l.contains("nft")).collect();
        assert_eq!(complaints, [""; 0], "{} on {}", node.program.name, node.space.name);
    }
    for (node, (links_before, settings_before)) in [&world.a, &world.b].into_iter().zip(before) {
        assert_eq!(links(&node.space), links_before, "{} leaves links", node.program.name);
        if node.program.name == "vrrpd" {
            assert_eq!(settings(&node.space), settings_before, "settings left behind");
        }
    }
    let adverts = world.adverts(VRID, SystemTime::UNIX_EPOCH);
    let expected = |advert: &Advert| match base {
        false => advert.mac == mac,
        true => [1, 2].into_iter().any(|n| advert.mac == lan::mac(n) && advert.from == lan::ipv4(n)),
    };
    assert!(adverts.len() > 6 && adverts.iter().all(expected), "{adverts:?}");
    let announces = world.lan.capture.announces(SystemTime::UNIX_EPOCH);
    let announces: Vec<_> = announces.iter().filter(|announce| announce.address == vip).collect();
    assert!(announces.iter().all(|announce| announce.mac == mac), "{announces:?}");
    assert!(announces.len() >= 15, "three takeovers, five rounds each: {announces:?}");
    let pcap = world.a.space.dir.join("all.pcap");
    let ours = |frame: &_| Advert::parse(frame).is_some() || Announce::parse(frame).is_some();
    world.lan.capture.write_pcap(&pcap, ours).expect("a pcap file");
    dissect(&pcap);
}

/// A node that asks for the client's MAC address in order to answer it says that the VIP is at its own, not at the
/// virtual one: `arp_announce` is what it is, with keepalived too.
fn know_the_client(node: &Node) {
    let mac = "02:00:00:00:00:09";
    let (v4, v6) = (lan::ipv4(9).to_string(), lan::ipv6(9).to_string());
    for address in [v4, v6] {
        let words = ["neigh", "replace", &address, "lladdr", mac, "dev", "eth0", "nud", "permanent"];
        node.space.call(Command::new(tool("ip")).args(words)).expect("ip");
    }
}

fn takeover(world: &mut World) {
    let case = Case { body: "use_vmac", vips: "10.99.0.100/24", vip: VIP, mac: MAC, base: false };
    hand_over_and_back(world, &case);
    let sources: Vec<IpAddr> = world.masters(VRID, SystemTime::UNIX_EPOCH);
    assert_eq!(sources, [1, 2, 1].map(|n| IpAddr::from(lan::ipv4(n))), "the addresses of the bases");
}

fn xmit_base(world: &mut World) {
    let body = "use_vmac\n    vmac_xmit_base";
    hand_over_and_back(world, &Case { body, vips: "10.99.0.100/24", vip: VIP, mac: MAC, base: true });
}

fn ipv6(world: &mut World) {
    let vip = "2001:db8:99::100".parse().expect("an address");
    let vips = "fe80::51\n        2001:db8:99::100/64";
    hand_over_and_back(world, &Case { body: "use_vmac", vips, vip, mac: MAC6, base: false });
}

pairings!(takeover, xmit_base, ipv6);

fn links(space: &Space) -> Vec<String> {
    let text = space.call(Command::new(tool("ip")).args(["-o", "link"])).expect("a list of links");
    // The kernel counts a carrier that comes and goes, and that is all that may differ.
    text.lines().map(|line| line.split_whitespace().take(9).collect::<Vec<_>>().join(" ")).collect()
}

/// What `sysctl -a` shows of links, by name.
fn settings(space: &Space) -> BTreeMap<String, String> {
    fn collect(dir: &Path, all: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, all);
            } else if let Ok(value) = std::fs::read_to_string(&path) {
                all.insert(path.display().to_string(), value.trim().to_owned());
            }
        }
    }
    let collect_all = || {
        let mut all = BTreeMap::new();
        for family in ["ipv4", "ipv6"] {
            collect(&Path::new("/proc/sys/net").join(family).join("conf"), &mut all);
        }
        // Random for each namespace, or counted by the kernel.
        all.retain(|path, _| !path.ends_with("stable_secret"));
        all
    };
    space.run(collect_all).expect("settings")
}

/// A machine with a second link and a daemon on both, whose links are in the kernel's order.
fn on_two_links(dir: &Path, kind: Kind) -> (Lan, Node) {
    let lan = Lan::new(dir).expect("a LAN (is this root?)");
    let mut node = Node::new(&lan, "a", 1, kind);
    let ip = |words: &str| {
        node.space.call(Command::new(tool("ip")).args(words.split_whitespace())).expect("ip");
    };
    ip("link add eth1 address 02:00:00:00:01:01 type veth peer name far");
    ip("link set eth1 up");
    ip("link set far up");
    node.space.sysctl("ipv4/conf/all/rp_filter", "1").expect("a setting");
    let file = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 200
    use_vmac
    virtual_ipaddress {
        10.99.0.100/24
        10.98.0.100/24 dev eth1 use_vmac
    }
}
vrrp_instance VI_6 {
    interface eth0
    virtual_router_id 51
    priority 200
    use_vmac
    virtual_ipaddress {
        fe80::51
        2001:db8:99::100/64
    }
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    priority 200
    mcast_src_ip 10.98.0.1
    use_vmac vi2 02:00:00:00:02:02
    vmac_xmit_base
    virtual_ipaddress {
        10.98.0.200
    }
}
";
    node.start(file);
    for name in ["VI_1", "VI_2", "VI_6"] {
        let words = format!("({name}) Entering MASTER STATE");
        let log = || node.daemon.as_ref().expect("it runs").log();
        assert!(wait_for(LIMIT, || log().contains(&words).then_some(())).is_some(), "{}", log());
    }
    let quiet = || {
        let shown = addresses(&node.space);
        ["10.99.0.100", "10.98.0.100", "10.98.0.200", "2001:db8:99::100"]
            .iter()
            .all(|vip| shown.iter().any(|line| line.contains(vip)))
            .then_some(())
    };
    wait_for(LIMIT, quiet).expect("all addresses are there");
    (lan, node)
}

fn addresses(space: &Space) -> Vec<String> {
    let text = space.call(Command::new(tool("ip")).args(["-o", "address"])).expect("a list of addresses");
    let line = |line: &str| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    text.lines().map(line).filter(|line| line.starts_with("v")).collect()
}

/// What keepalived makes of the same file: links, settings and addresses. Its 2.2.7 does not put back what it set
/// on the links below, and leaves `arp_ignore` of an IPv6 VMAC as it was; 2.4 does otherwise.
#[test]
fn links_settings_and_addresses_are_those_of_keepalived() {
    need(&["keepalived"]);
    let dir = lab_dir();
    let ((_their_lan, theirs), (_our_lan, ours)) = std::thread::scope(|s| {
        let theirs = s.spawn(|| on_two_links(&dir.path().join("theirs"), Kind::Keepalived));
        let ours = s.spawn(|| on_two_links(&dir.path().join("ours"), Kind::Vrrpd));
        (theirs.join().expect("keepalived"), ours.join().expect("vrrpd"))
    });
    let all = |node: &Node| (settings(&node.space), addresses(&node.space));
    let ((theirs, their_addresses), (ours, our_addresses)) = (all(&theirs), all(&ours));
    let differs: BTreeMap<_, _> =
        ours.iter().filter(|(path, value)| theirs.get(*path) != Some(*value)).collect();
    let arp_ignore = "/proc/sys/net/ipv4/conf/vrrp6.51/arp_ignore".to_owned();
    assert_eq!(differs, BTreeMap::from([(&arp_ignore, &"1".to_owned())]));
    assert_eq!(theirs.len(), ours.len());
    assert_eq!(our_addresses, their_addresses);
    assert!(
        ours["/proc/sys/net/ipv4/conf/all/rp_filter"] == "0"
            && ours["/proc/sys/net/ipv4/conf/eth0/rp_filter"] == "1"
    );
}

#[test]
fn a_killed_daemon_s_links_are_taken_over_and_a_deleted_one_is_made_again() {
    need(&["keepalived"]);
    let dir = lab_dir();
    let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
    let mut node = Node::new(&lan, "a", 1, Kind::Vrrpd);
    let before = links(&node.space);
    let file = config("use_vmac", "200", "10.99.0.100/24");
    let index = |node: &Node| node.space.rtnl().link("vrrp.51").ok().map(|link| link.header.index);
    let master = |node: &Node| wait_for(LIMIT, || node.has(VIP).then_some(())).expect("it is master");
    node.start(&file);
    master(&node);
    let first = index(&node).expect("a VMAC");
    node.kill();
    node.start(&file);
    let found =
        || node.daemon.as_ref().expect("it runs").log().contains("Found matching interface").then_some(());
    wait_for(LIMIT, found).expect("it is found");
    master(&node);
    assert_eq!(index(&node), Some(first));
    let dropped = SystemTime::now();
    node.space.call(Command::new(tool("ip")).args(["link", "del", "vrrp.51"])).expect("ip");
    wait_for(LIMIT, || index(&node).filter(|now| *now != first)).expect("another VMAC");
    master(&node);
    let again = || {
        lan.capture
            .adverts(dropped)
            .iter()
            .any(|advert| advert.mac == MAC && advert.priority > 0)
            .then_some(())
    };
    wait_for(LIMIT, again).expect("adverts again");
    // A reload that keeps it does not touch it.
    let (standing, quiet) = (index(&node), SystemTime::now());
    node.daemon().tree.signal(nix::sys::signal::Signal::SIGHUP).expect("it runs");
    node.wait_for_log("Reload complete");
    let settled = || (lan.capture.adverts(quiet).len() >= 3).then_some(());
    wait_for(LIMIT, settled).expect("adverts");
    assert_eq!(index(&node), standing);
    assert!(lan.capture.adverts(quiet).iter().all(|advert| advert.priority == 200));
    node.stop();
    assert_eq!(links(&node.space), before);
}

/// FRR's vrrpd and its zebra on a machine whose macvlan is made by hand, as its manual says.
struct Frr {
    space: Space,
    _daemons: Vec<Tree>,
}

impl Frr {
    fn start(lan: &Lan, n: u8, priority: u8) -> Self {
        let space = lan.machine("frr", n).expect("a machine");
        let vip = format!("{VIP}/32");
        space.sysctl("ipv6/conf/default/disable_ipv6", "1").expect("a setting");
        for words in [
            "link add vrrp4-51 link eth0 type macvlan mode bridge".to_owned(),
            "link set dev vrrp4-51 address 00:00:5e:00:01:33".to_owned(),
            format!("addr add {vip} dev vrrp4-51"),
            "link set dev vrrp4-51 up".to_owned(),
        ] {
            space.call(Command::new(tool("ip")).args(words.split_whitespace())).expect("ip");
        }
        let dir = space.dir.join("frr");
        std::fs::create_dir_all(&dir).expect("a directory");
        let path = |name: &str| dir.join(name).display().to_string();
        let text =
            format!("interface eth0\n vrrp 51 version 3\n vrrp 51 priority {priority}\n vrrp 51 ip {VIP}\n");
        std::fs::write(path("vrrpd.conf"), text).expect("a configuration");
        // FRR gives up root for an account of its own, which has to get there.
        space.call(Command::new("chown").args(["-R", "frr:frr"]).arg(&dir)).expect("the account frr");
        let start = |name: &str, more: &[&str]| {
            let mut command = Command::new(Path::new("/usr/lib/frr").join(name));
            command.args(["-z", &path("zserv.api"), "-i", &path(&format!("{name}.pid"))]).args(more);
            command.args(["--vty_socket", &path(""), "-u", "frr", "-g", "frr", "-A", "127.0.0.1"]);
            command.args(["--log", "stdout", "--log-level", "debug"]);
            let log = std::fs::File::create(space.dir.join(format!("frr-{name}.log"))).expect("a log");
            command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
            Tree::new(space.spawn(&mut command).expect("FRR"))
        };
        let zebra = start("zebra", &[]);
        let listens = || dir.join("zserv.api").exists().then_some(());
        wait_for(LIMIT, listens).expect("zebra listens");
        let vrrpd = start("vrrpd", &["-f", &path("vrrpd.conf")]);
        Self { space, _daemons: vec![zebra, vrrpd] }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.space.dir.join("frr-vrrpd.log")).unwrap_or_default()
    }
}

/// VRRPv3 with a VMAC on both sides: FRR's vrrpd is master, gives way to a better one and takes over from it.
#[test]
fn frr_gives_way_and_takes_over() {
    need(&["keepalived"]);
    assert!(Path::new("/usr/lib/frr/vrrpd").is_file(), "this test needs FRR (see contrib/test)");
    let dir = lab_dir();
    let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
    let begin = SystemTime::now();
    let frr = Frr::start(&lan, 2, 100);
    let last_from = |n: u8| {
        let adverts = lan.capture.adverts(begin);
        adverts
            .last()
            .is_some_and(|advert| advert.from == IpAddr::from(lan::ipv4(n)) && advert.priority > 0)
            .then_some(())
    };
    assert!(wait_for(LIMIT, || last_from(2)).is_some(), "FRR is no master:\n{}", frr.log());
    let mut node = Node::new(&lan, "a", 1, Kind::Vrrpd);
    node.start(&config("version 3\nuse_vmac", "200", "10.99.0.100/32"));
    let taken = || last_from(1).filter(|()| node.has(VIP));
    assert!(
        wait_for(LIMIT, taken).is_some(),
        "{}\n{}",
        frr.log(),
        node.daemon.as_ref().expect("it runs").log()
    );
    let quiet = SystemTime::now();
    wait_for(LIMIT, || (lan.capture.adverts(quiet).len() >= 3).then_some(())).expect("adverts");
    let adverts = lan.capture.adverts(quiet);
    assert!(
        adverts.iter().all(|advert| advert.from == IpAddr::from(lan::ipv4(1))),
        "{adverts:?}\n{}",
        frr.log()
    );
    node.stop();
    assert!(wait_for(LIMIT, || last_from(2)).is_some(), "FRR does not take over:\n{}", frr.log());
    assert!(lan.capture.adverts(begin).iter().all(|advert| advert.mac == MAC && advert.version == 3));
    let pcap = dir.path().join("all.pcap");
    lan.capture.write_pcap(&pcap, |frame| Advert::parse(frame).is_some()).expect("a pcap file");
    dissect(&pcap);
}
