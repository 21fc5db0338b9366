//! A planned stop, as a client sees it that asks every millisecond: nobody misses the one that leaves.

use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::net::process::descendants;
use crate::net::pulse::{Pulse, Responder};
use crate::net::wait_for;
use crate::world::{Kind, Node, Quiet, World, fill, need, tool, within};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 100));

/// What a client may miss.
const ALLOWED: Duration = Duration::from_millis(5);
/// A busy machine may keep the successor from its work for longer than that; not each time.
const TRIES: usize = 4;

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
type Leave = fn(&mut Node);

fn term(node: &mut Node) {
    node.term();
}

/// As check scripts do it.
fn killall(node: &mut Node) {
    node.space.call(Command::new(tool("killall")).arg("keepalived")).expect("killall finds it");
}

/// A master leaves and comes back; the outage of each time that it left.
fn outages(
    world: &mut World,
    speed: &str,
    leave: Leave,
    enough: impl Fn(&[Duration]) -> bool,
) -> Vec<Duration> {
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
        if !outages.is_empty() {
            world.a.start(&config_a);
        }
        served_by("a");
        thread::sleep(Duration::from_millis(300));
        let since = Instant::now();
        leave(&mut world.a);
        served_by("b");
        let ended = world.a.daemon().tree.wait(Duration::from_secs(5)).expect("a child of ours");
        assert_eq!(ended.and_then(|status| status.code()), Some(0));
        world.a.daemon = None;
        assert!(!world.a.has(VIP));
        thread::sleep(Duration::from_millis(50));
        outages.push(pulse.outage(since));
    }
    println!("{speed}: {outages:?}");
    outages
}

/// Nobody is cut off when a node that runs vrrpd leaves, whoever takes over.
fn misses_nothing(successor: Kind, speed: &str, leave: Leave) {
    let quiet = Quiet::wait();
    let mut world = World::in_dir(quiet.dir(), Kind::Vrrpd, successor);
    let link = world.a.space.dir.join("keepalived");
    symlink(&world.a.program.path, &link).expect("a symlink");
    world.a.program.path = link;
    let outages = outages(&mut world, speed, leave, |all| all.iter().any(|one| *one <= ALLOWED));
    assert!(outages.iter().any(|one| *one <= ALLOWED), "{outages:?}");
}

const V2: &str = "advert_int 1";
const V3: &str = "version 3\nadvert_int 0.1";

#[test]
fn vrrpd_follows_vrrpd() {
    misses_nothing(Kind::Vrrpd, V2, term);
    misses_nothing(Kind::Vrrpd, V3, term);
}

#[test]
fn keepalived_follows_vrrpd() {
    misses_nothing(Kind::Keepalived, V2, term);
    misses_nothing(Kind::Keepalived, V3, term);
}

/// The lab itself: clients of keepalived miss it for the skew of the backup.
#[test]
fn keepalived_is_missed() {
    let quiet = Quiet::wait();
    let mut world = World::in_dir(quiet.dir(), Kind::Keepalived, Kind::Keepalived);
    let outages = outages(&mut world, V3, term, |all| !all.is_empty());
    within("the outage", outages[0], Duration::from_millis(55), Duration::from_millis(500));
}

/// A `killall` reaches every process of the daemon.
#[test]
fn killed_by_name_nobody_is_missed() {
    need(&["killall"]);
    misses_nothing(Kind::Vrrpd, V3, killall);
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
        assert!(world.a.has(VIP), "{speed}: it has let go at once");
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
        assert!(!processes.iter().any(|process| crate::net::process::is_alive(*process)), "one is left");
        std::fs::write(world.a.space.dir.join("daemon.log"), "").expect("a log");
        world.a.daemon = None;
    }
    all.sort();
    println!("gone after {all:?}");
    assert!(all[0] <= Duration::from_millis(20), "{all:?}");
}
