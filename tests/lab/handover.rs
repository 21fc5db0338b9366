//! A planned stop, as a client sees it that asks every millisecond: nobody misses the one that leaves.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use crate::net::process::{descendants, is_alive};
use crate::net::pulse::{Pulse, Responder};
use crate::net::wait_for;
use crate::world::{Kind, Node, Quiet, World, fill, need, tool, within};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 100));

/// What a client may miss, beside what the successor takes from its advert to telling where the address is.
const ALLOWED: Duration = Duration::from_millis(5);
/// A busy machine may keep the successor from its work for longer than that; not each time.
const TRIES: usize = 3;

const CONFIG: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    SPEED
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

fn config(priority: &str, speed: &str) -> String {
    fill(CONFIG, &[("PRIORITY", priority), ("SPEED", speed)])
}

/// How a master is made to leave.
#[derive(Clone, Copy, PartialEq)]
enum Leave {
    /// As a service manager does it.
    Term,
    /// As check scripts do it: it reaches every process of the daemon.
    Killall,
    /// By a reload that has another virtual router instead.
    Drop,
}

fn leave(node: &mut Node, how: Leave) {
    match how {
        Leave::Term => node.term(),
        Leave::Killall => killall(node),
        Leave::Drop => drop_it(node),
    }
}

fn killall(node: &Node) {
    node.space.call(Command::new(tool("killall")).arg("keepalived")).expect("killall finds it");
}

fn drop_it(node: &mut Node) {
    let file = node.space.dir.join("keepalived.conf");
    let text = fs::read_to_string(&file).expect("the file of the daemon");
    fs::write(file, fill(&text, &[("VI_1", "VI_2"), ("_id 51", "_id 52"), ("0.100/", "0.101/")]))
        .expect("another file");
    node.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
}

/// What a client missed.
#[derive(Clone, Copy, Debug)]
struct Outage {
    length: Duration,
    /// From the successor's first advert to its first announcement.
    successor: Duration,
}

impl Outage {
    fn is_ours(self) -> bool {
        self.length > self.successor + ALLOWED
    }
}

fn to_announce(world: &World, since: SystemTime) -> Duration {
    let advert = world.adverts(51, since).into_iter().find(|advert| advert.from == world.b.ip());
    let advert = advert.expect("an advert of the successor").at;
    let announced = world.lan.capture.announces(since);
    let first = announced.iter().find(|announce| announce.address == VIP && announce.at >= advert);
    first.expect("an announcement").at.duration_since(advert).unwrap_or_default()
}

/// A master leaves and comes back; the outage of each time that it left.
fn outages(world: &mut World, speed: &str, how: Leave, enough: impl Fn(&[Outage]) -> bool) -> Vec<Outage> {
    let _services = [&world.a, &world.b].map(|node| Responder::start(&node.space, VIP).expect("a service"));
    let pulse = Pulse::start(&world.client, VIP).expect("a client");
    let (config_a, config_b) = (config("250", speed), config("100", speed));
    world.a.start(&config_a);
    world.a.wait_for_log("Entering BACKUP STATE");
    world.b.start(&config_b);
    let served_by = |name: &str| {
        let served =
            wait_for(Duration::from_secs(20), || (pulse.server().as_deref() == Some(name)).then_some(()));
        assert!(served.is_some(), "{name} does not serve");
    };
    let mut outages = Vec::new();
    while outages.len() < TRIES && !enough(&outages) {
        match &world.a.daemon {
            None => world.a.start(&config_a),
            Some(daemon) => {
                fs::write(world.a.space.dir.join("keepalived.conf"), &config_a).expect("the first file");
                daemon.tree.signal(Signal::SIGHUP).expect("it runs");
            }
        }
        served_by("a");
        thread::sleep(Duration::from_millis(300));
        let (since, begin) = (Instant::now(), SystemTime::now());
        leave(&mut world.a, how);
        served_by("b");
        if how == Leave::Drop {
            let let_go = || (!world.a.has(VIP)).then_some(());
            wait_for(Duration::from_secs(1), let_go).expect("it leaves");
        } else {
            let ended = world.a.daemon().tree.wait(Duration::from_secs(5)).expect("a child of ours");
            assert_eq!(ended.and_then(|status| status.code()), Some(0));
            world.a.daemon = None;
        }
        assert!(!world.a.has(VIP));
        thread::sleep(Duration::from_millis(50));
        outages.push(Outage { length: pulse.outage(since), successor: to_announce(world, begin) });
    }
    println!("{speed}: {outages:?}");
    outages
}

/// Nobody is cut off when a node that runs vrrpd leaves, whoever takes over.
fn misses_nothing(successor: Kind, speed: &str, how: Leave) {
    let quiet = Quiet::wait();
    let mut world = World::in_dir(quiet.dir(), Kind::Vrrpd, successor);
    let link = world.a.space.dir.join("keepalived");
    symlink(&world.a.program.path, &link).expect("a symlink");
    world.a.program.path = link;
    let outages = outages(&mut world, speed, how, |all| all.iter().any(|one| !one.is_ours()));
    assert!(outages.iter().any(|one| !one.is_ours()), "{outages:?}");
}

const V2: &str = "advert_int 1";
const V3: &str = "version 3\nadvert_int 0.1";

#[test]
fn vrrpd_follows_vrrpd() {
    misses_nothing(Kind::Vrrpd, V2, Leave::Term);
    misses_nothing(Kind::Vrrpd, V3, Leave::Term);
}

#[test]
fn keepalived_follows_vrrpd() {
    misses_nothing(Kind::Keepalived, V2, Leave::Term);
    misses_nothing(Kind::Keepalived, V3, Leave::Term);
}

/// The lab itself: clients of keepalived miss it for the skew of the backup.
#[test]
fn keepalived_is_missed() {
    let quiet = Quiet::wait();
    let mut world = World::in_dir(quiet.dir(), Kind::Keepalived, Kind::Keepalived);
    let outages = outages(&mut world, V3, Leave::Term, |all| !all.is_empty());
    within("the outage", outages[0].length, Duration::from_millis(55), Duration::from_millis(500));
}

#[test]
fn killed_by_name_nobody_is_missed() {
    need(&["killall"]);
    misses_nothing(Kind::Vrrpd, V3, Leave::Killall);
}

#[test]
fn dropped_by_a_reload_nobody_is_missed() {
    misses_nothing(Kind::Keepalived, V3, Leave::Drop);
}

/// Alone it stays as long as a successor could take, unless it is told twice.
#[test]
fn alone_it_waits_for_a_successor_unless_it_is_hurried() {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    for (speed, hurried, least, most) in
        [(V3, false, 100, 1000), (V2, false, 1000, 2000), (V2, true, 100, 900)]
    {
        world.a.start(&config("250", speed));
        assert!(wait_for(Duration::from_secs(10), || world.a.has(VIP).then_some(())).is_some(), "no master");
        thread::sleep(Duration::from_millis(100));
        let told = Instant::now();
        world.a.term();
        thread::sleep(Duration::from_millis(90));
        let (has, looked) = (world.a.has(VIP), told.elapsed());
        assert!(has || looked > Duration::from_millis(least), "{speed}: it has let go after {looked:?}");
        if hurried {
            thread::sleep(Duration::from_millis(10));
            world.a.term();
        }
        let status = world.a.daemon().tree.wait(Duration::from_secs(5)).expect("a child of ours");
        let took = told.elapsed();
        assert_eq!(status.and_then(|status| status.code()), Some(0));
        within(speed, took, Duration::from_millis(least), Duration::from_millis(most));
        assert!(!world.a.has(VIP));
        let log = world.a.daemon().log();
        assert_eq!(log.contains("nobody has taken over"), !hurried, "{log}");
        std::fs::write(world.a.space.dir.join("daemon.log"), "").expect("a log");
        world.a.daemon = None;
    }
}

/// Whoever is master of nothing is gone at once, with all its processes.
#[test]
fn a_backup_is_gone_within_20_milliseconds() {
    let quiet = Quiet::wait();
    let mut world = World::in_dir(quiet.dir(), Kind::Vrrpd, Kind::Vrrpd);
    let mut all = Vec::new();
    for _ in 0..10 {
        world.a.start(&config("100", "advert_int 10"));
        world.a.wait_for_log("Entering BACKUP STATE");
        thread::sleep(Duration::from_millis(200));
        let processes = descendants(world.a.daemon().tree.pid());
        assert!(processes.len() >= 2, "{processes:?}");
        let told = Instant::now();
        world.a.term();
        let status = world.a.daemon().tree.wait(Duration::from_secs(5)).expect("a child of ours");
        assert_eq!(status.and_then(|status| status.code()), Some(0));
        all.push(told.elapsed());
        assert!(!processes.iter().any(|process| is_alive(*process)), "one is left");
        std::fs::write(world.a.space.dir.join("daemon.log"), "").expect("a log");
        world.a.daemon = None;
    }
    all.sort();
    println!("gone after {all:?}");
    assert!(all[0] <= Duration::from_millis(20), "{all:?}");
}

/// Until no process of these is left.
#[track_caller]
fn all_end(processes: &[u32]) {
    let gone = || (!processes.iter().any(|process| is_alive(*process))).then_some(());
    assert!(wait_for(Duration::from_secs(5), gone).is_some(), "some of {processes:?} are left");
}

/// A and its backup, b, which has heard of it.
fn settled(world: &mut World, speed: &str) {
    world.a.start(&config("250", speed));
    world.a.wait_for_log("Entering BACKUP STATE");
    world.b.start(&config("100", speed));
    let is_master = || world.a.has(VIP).then_some(());
    wait_for(Duration::from_secs(10), is_master).expect("a is master");
    thread::sleep(Duration::from_millis(300));
}

/// `kill -9` of the process that speaks VRRP: the next one goes on, and nobody has noticed.
#[test]
fn a_killed_child_is_not_missed() {
    let quiet = Quiet::wait();
    for (speed, interval) in [(V3, Duration::from_millis(100)), (V2, Duration::from_secs(1))] {
        let mut world = World::in_dir(quiet.dir(), Kind::Vrrpd, Kind::Vrrpd);
        settled(&mut world, speed);
        let begin = SystemTime::now();
        thread::sleep(interval * 2);
        let pid = fs::read_to_string(world.a.space.dir.join("run/vrrp.pid")).expect("its process id");
        world
            .a
            .space
            .call(Command::new(tool("sh")).args(["-c", &format!("kill -9 {}", pid.trim())]))
            .expect("a kill");
        thread::sleep(interval * 8);
        let adverts = world.adverts(51, begin);
        assert!(
            adverts.iter().all(|advert| advert.from == world.a.ip() && advert.priority == 250),
            "{adverts:?}"
        );
        let gap = adverts.windows(2).map(|two| two[1].at.duration_since(two[0].at).unwrap_or_default()).max();
        let gap = gap.expect("adverts");
        println!("{speed}: longest gap {gap:?}");
        within("the longest gap", gap, interval, interval * 3);
        assert!(world.a.watch.changes(VIP, begin).is_empty(), "the address has moved");
        world.a.stop();
    }
}

/// `kill -9` of the parent: everything else leaves as if it had been told to.
#[test]
fn a_killed_parent_takes_the_others_along_in_good_order() {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    settled(&mut world, V3);
    let begin = SystemTime::now();
    let processes = descendants(world.a.daemon().tree.pid());
    assert!(processes.len() >= 2, "{processes:?}");
    world.a.daemon().tree.signal(Signal::SIGKILL).expect("it runs");
    let follows = || world.b.has(VIP).then_some(());
    assert!(wait_for(Duration::from_secs(5), follows).is_some(), "b does not take over");
    all_end(&processes);
    assert!(!world.a.has(VIP));
    assert_eq!(world.adverts(51, begin).iter().filter(|advert| advert.priority == 0).count(), 1);
}
