//! Reloads by the hundred: whatever the file is, nobody on the wire notices what has not changed.
//!
//! `VRRPD_RELOADS=n` reloads so often.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use crate::net::lan::Lan;
use crate::net::process::{Tree, descendants};
use crate::net::stall::Stall;
use crate::net::wait_for;
use crate::world::{Kind, Node, lab_dir, need, tool, write_script};

const INSTANCES: u8 = 50;
const INTERVAL: Duration = Duration::from_secs(1);
/// Twenty a second.
const PACE: Duration = Duration::from_millis(50);
/// Reloads after which memory is at its working size.
const WARM: u64 = 60;
/// What allocation and the kernel's accounting may add to it.
const GROWTH_KIB: u64 = 1536;

/// An address that two instances hand to and fro, and one that comes and goes.
const MOVING: Ipv4Addr = Ipv4Addr::new(10, 99, 2, 1);
const PASSING: Ipv4Addr = Ipv4Addr::new(10, 99, 2, 2);

fn vip(vrid: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 1, vrid)
}

/// Files that run: each differs from the one before in another way.
fn good(dir: &Path, number: u64) -> String {
    let (fifo, reader) = (dir.join("fifo"), dir.join("reader.sh"));
    let mut text = format!(
        "global_defs {{\nscript_user root\nvrrp_notify_fifo {}\nvrrp_notify_fifo_script {}\n}}\n\
         vrrp_script check {{\nscript /bin/true\ninterval 1\nweight 2\n}}\n",
        fifo.display(),
        reader.display()
    );
    let (holder, priority) = (1 + (number / 2 % 2) as u8, 200 + number / 2 % 3);
    for vrid in 1..=INSTANCES {
        let mut vips = format!("{}/32\n", vip(vrid));
        let mut more = String::new();
        if vrid == holder {
            let _ = writeln!(more, "virtual_ipaddress_excluded {{\n{MOVING}/32\n}}");
        }
        if vrid == 3 && number.is_multiple_of(3) {
            let _ = writeln!(vips, "{PASSING}/32");
        }
        if vrid == 4 && number.is_multiple_of(5) {
            more += "notify_master /bin/true\ngarp_master_refresh 60\n";
        }
        if vrid > 40 && number.is_multiple_of(2) {
            more += "track_script {\ncheck\n}\n";
        }
        let _ = writeln!(
            text,
            "vrrp_instance VI_{vrid} {{\nstate MASTER\ninterface eth0\nvirtual_router_id {vrid}\n\
             priority {priority}\nadvert_int 1\n{more}virtual_ipaddress {{\n{vips}}}\n}}"
        );
    }
    text
}

/// What the reload of this number finds, and whether it runs.
fn file(dir: &Path, turn: u64) -> (String, bool) {
    let good = good(dir, turn / 4);
    match turn % 8 {
        // The first of these is another one than before, the others are the same again.
        0 | 1 | 2 | 5 => (good, true),
        // keepalived stops reading, and dies.
        4 => (good.replacen("virtual_router_id 7\n", "virtual_router_id\n", 1), false),
        6 => (good + "includea nowhere.conf\n", false),
        // In the middle of a block, wherever that is.
        _ => {
            let block = good.match_indices("vrrp_instance").nth((turn / 4 % 50) as usize).expect("a block").0;
            (good[..block + 40 + (turn % 60) as usize].to_owned(), false)
        }
    }
}

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The processes that live as long as the daemon, with their memory.
fn processes(root: u32) -> BTreeMap<u32, u64> {
    let lasting = |process: &u32| {
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        ["vrrpd", "cat"].contains(&name.trim_end())
    };
    let all = std::iter::once(root).chain(descendants(root));
    all.filter(lasting).map(|process| (process, resident_kib(process))).collect()
}

#[test]
fn reloads_of_all_kinds_leave_fifty_masters_alone() {
    need(&[]);
    let reloads: u64 = std::env::var("VRRPD_RELOADS").map_or(300, |number| number.parse().expect("a number"));
    let dir = lab_dir();
    let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
    let mut node = Node::new(&lan, "a", 1, Kind::Vrrpd);
    let (place, path) = (node.space.dir.clone(), node.space.dir.join("keepalived.conf"));
    write_script(&place.join("reader.sh"), "#!/bin/sh\nexec cat \"$1\" > /dev/null\n");
    // Without a syslog the lines for it would be kept, 16,384 of them, and look like a leak.
    node.start_with(&good(&place, 0), &["-D", "-G"]);
    let masters = |node: &Node| {
        let log = node.daemon.as_ref().expect("it runs").log();
        log.matches("Entering MASTER STATE").count() == usize::from(INSTANCES)
    };
    wait_for(Duration::from_secs(20), || masters(&node).then_some(())).expect("fifty masters");
    // All have spoken, and the script has had its first run.
    std::thread::sleep(2 * INTERVAL);
    let root = node.daemon().tree.pid();
    let (begin, since, stall) = (Instant::now(), SystemTime::now(), Stall::watch());
    let (mut before, mut runs, mut late) = (processes(root), 0, 0);
    for turn in 0..reloads {
        let (text, is_good) = file(&place, turn);
        runs += u64::from(is_good);
        // As editors and configuration management do; what is cut is cut on purpose.
        fs::write(path.with_extension("new"), text).expect("a file");
        fs::rename(path.with_extension("new"), &path).expect("the file");
        node.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
        let due = begin + PACE * (turn as u32 + 1);
        match due.checked_duration_since(Instant::now()) {
            Some(early) => std::thread::sleep(early),
            None => late += 1,
        }
        if turn + 1 == WARM.min(reloads) {
            let warm = processes(root);
            assert!(warm.keys().eq(before.keys()), "{before:?} -> {warm:?}");
            before = warm;
        }
    }
    std::thread::sleep(2 * INTERVAL);
    let (took, after, log) = (begin.elapsed(), processes(root), node.daemon().log());
    let (done, refused) = (log.matches("Reload complete").count(), log.matches("Reload failed").count());
    let adverts = lan.capture.adverts(since);
    let mut longest = (Duration::ZERO, 0);
    for vrid in 1..=INSTANCES {
        let times: Vec<SystemTime> = adverts.iter().filter(|a| a.vrid == vrid).map(|a| a.at).collect();
        assert!(times.len() as u64 >= took.as_secs() - 1, "{vrid}: {} adverts in {took:?}", times.len());
        for pair in times.windows(2) {
            longest = longest.max((pair[1].duration_since(pair[0]).unwrap_or_default(), vrid));
        }
    }
    println!(
        "{reloads} reloads in {took:?} ({late} late): {done} done of {runs} good ones, {refused} refused; \
         longest gap of adverts {longest:?}; KiB {before:?} -> {after:?}"
    );
    let stall = stall.longest();
    assert!(longest.0 <= INTERVAL.mul_f64(1.2) + stall, "a gap of {longest:?}, the machine's of {stall:?}");
    assert!(adverts.iter().all(|advert| advert.priority >= 200), "a priority that nobody has asked for");
    let watched = node.watch.all(since);
    let gone: Vec<_> = watched.iter().filter(|c| !c.added && c.address != IpAddr::V4(PASSING)).collect();
    assert!(gone.is_empty(), "addresses went: {gone:?}");
    assert!(!node.watch.changes(PASSING.into(), since).is_empty(), "no reload has changed anything");
    let entered = log.lines().filter(|line| line.contains(") Entering ")).count();
    assert_eq!(
        entered,
        2 * usize::from(INSTANCES),
        "each has entered BACKUP, then MASTER, and nothing since"
    );
    // Those that come while another is under way count as one, which a busy machine makes of many.
    let (done, refused) = (done as u64, refused as u64);
    assert!(done <= runs && done >= runs / 2, "{done} of {runs}");
    assert!(refused <= reloads - runs && refused >= (reloads - runs) / 2, "{refused} of {}", reloads - runs);
    assert!(after.keys().eq(before.keys()), "a process is another one: {before:?} -> {after:?}");
    for (process, kib) in &after {
        assert!(*kib <= before[process] + GROWTH_KIB, "process {process} grows: {before:?} -> {after:?}");
    }
    node.stop();
}

/// What an instance is made to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    Master,
    Backup,
    Fault,
}

const ROLES: [Role; 3] = [Role::Master, Role::Backup, Role::Fault];

/// Each ordered pair of roles, with a number. The first is that of two masters.
fn pairs() -> impl Iterator<Item = (u8, [Role; 2])> {
    (0..).zip(ROLES.into_iter().flat_map(|from| ROLES.into_iter().map(move |to| [from, to])))
}

/// Two instances of each pair; that of the place `holder` has what moves.
fn movers(holder: usize) -> String {
    let mut text = String::new();
    for (n, roles) in pairs() {
        for (place, role) in roles.into_iter().enumerate() {
            text += &head(2 * n + place as u8 + 1, 200);
            if role == Role::Fault {
                text += "track_interface {\neth1\n}\n";
            }
            if place == holder {
                let _ = writeln!(
                    text,
                    "virtual_ipaddress_excluded {{\n{}/32 dev eth0\n}}\n\
                     virtual_routes {{\n10.50.{n}.0/24 dev eth0\n}}\n\
                     virtual_rules {{\nfrom 10.51.{n}.0/24 table 77\n}}",
                    moved(n)
                );
            }
            text += "}\n";
        }
    }
    text
}

/// An instance without its last brace.
fn head(vrid: u8, priority: u8) -> String {
    format!(
        "vrrp_instance VI_{vrid} {{\nstate BACKUP\ninterface eth0\nversion 3\nadvert_int 0.2\n\
         virtual_router_id {vrid}\npriority {priority}\nvirtual_ipaddress {{\n{}/32\n}}\n",
        vip(vrid)
    )
}

fn moved(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 3, n)
}

/// What is not where it belongs.
fn misplaced(node: &Node, holder: usize) -> Vec<String> {
    let addresses = node.space.rtnl().addresses().expect("addresses");
    let list = |words: [&str; 2]| node.space.call(Command::new(tool("ip")).args(words)).expect("ip");
    let (routes, rules) = (list(["route", "show"]), list(["rule", "show"]));
    let wrong = pairs().filter_map(|(n, roles)| {
        let there = [
            addresses.iter().any(|(ip, ..)| *ip == IpAddr::V4(moved(n))),
            routes.contains(&format!("10.50.{n}.0/24")),
            rules.contains(&format!("10.51.{n}.0/24")),
        ];
        (there != [roles[holder] == Role::Master; 3]).then(|| format!("{roles:?}: {there:?}"))
    });
    wrong.collect()
}

/// `vrrpd plan` beside the running daemon, whose file it has not read yet.
fn ask_for_the_plan(node: &Node) {
    let path = node.space.dir.join("keepalived.conf");
    let plan = |text: String| {
        fs::write(&path, text).expect("a file");
        let mut command = Command::new(&node.program.path);
        command.args(["plan", "--exit-code"]).stdin(Stdio::null());
        let child =
            node.space.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).expect("it starts");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout) + &text(output.stderr))
    };
    assert_eq!(plan(movers(1)), (Some(0), "nothing changes\n".to_owned()));
    let (code, text) = plan(movers(0));
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("10.99.3.0/32 dev eth0: from VI_2 to VI_1"), "{text}");
    let (code, text) = plan(movers(1).replacen("virtual_router_id 1\n", "virtual_router_id 99\n", 1));
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("vrrp_instance VI_1: ends, and begins again [restart]"), "{text}");
    let (code, text) = plan(movers(1).trim_end().trim_end_matches('}').to_owned());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("would be refused: ") && text.contains("keepalived.conf:"), "{text}");
}

/// One HUP moves an address, a route and a rule between instances in all states, there and back.
#[test]
fn what_moves_between_instances_is_where_it_belongs_within_a_second() {
    need(&["ip"]);
    let dir = lab_dir();
    let lan = Lan::new(&dir.path().join("lan")).expect("a LAN (is this root?)");
    let other = Lan::new(&dir.path().join("other")).expect("another LAN");
    let mut node = Node::new(&lan, "a", 1, Kind::Vrrpd);
    let mut better = Node::new(&lan, "b", 2, Kind::Vrrpd);
    other.plug(&node.space, 1, "eth1", Ipv4Addr::new(10, 98, 0, 1)).expect("another link");
    other.cable(&node.space, false).expect("a dead link");
    let backups = pairs().flat_map(|(n, roles)| {
        let each = roles.into_iter().zip([2 * n + 1, 2 * n + 2]);
        each.filter(|(role, _)| *role == Role::Backup).map(|(_, vrid)| head(vrid, 250) + "}\n")
    });
    better.start(&backups.collect::<String>());
    better.wait_for_log("Entering MASTER STATE");
    node.start(&movers(0));
    let settled = |node: &Node| {
        let log = node.daemon.as_ref().expect("it runs").log();
        ["MASTER", "FAULT"].map(|state| log.matches(&format!("Entering {state} STATE")).count()) == [6, 6]
    };
    wait_for(Duration::from_secs(10), || settled(&node).then_some(())).expect("each in its state");
    let told = node.space.dir.join("monitor");
    let mut monitor = Command::new(tool("ip"));
    monitor.args(["monitor", "route", "rule"]).stdin(Stdio::null());
    monitor.stdout(fs::File::create(&told).expect("a file"));
    let monitor = Tree::new(node.space.spawn(&mut monitor).expect("ip monitor"));
    std::thread::sleep(Duration::from_millis(200));
    let (path, since) = (node.space.dir.join("keepalived.conf"), SystemTime::now());
    for holder in [1, 0, 1] {
        fs::write(&path, movers(holder)).expect("a file");
        let begin = Instant::now();
        node.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
        let placed = || misplaced(&node, holder).is_empty().then_some(());
        let placed = wait_for(Duration::from_secs(1), placed);
        assert!(placed.is_some(), "held by {holder}: {:?}", misplaced(&node, holder));
        println!("held by {holder} after {:?}", begin.elapsed());
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(misplaced(&node, holder), [""; 0], "held by {holder}, later");
    }
    drop(monitor);
    ask_for_the_plan(&node);
    // Between two masters nothing is ever away.
    let of_masters = node.watch.changes(moved(0).into(), since);
    assert!(of_masters.iter().all(|change| change.added), "{of_masters:?}");
    let told = fs::read_to_string(told).expect("what ip monitor says");
    let deleted: Vec<&str> = told.lines().filter(|line| line.starts_with("Deleted")).collect();
    let has = |what: &str| deleted.iter().any(|line| line.contains(what));
    assert!(has("10.50.1.0/24") && has("10.51.1.0/24"), "the monitor hears nothing: {told}");
    assert!(!has("10.50.0.0/24") && !has("10.51.0.0/24"), "{deleted:?}");
    node.stop();
    better.stop();
}
