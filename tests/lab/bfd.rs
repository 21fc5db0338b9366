//! BFD with vrrpd, keepalived and FRR's bfdd as neighbours: sessions come up, a cut is noticed in time, virtual
//! routers follow.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use vrrpd::wire::bfd::{Control, Packet, State};

use crate::net::capture::Frame;
use crate::net::process::Tree;
use crate::net::wait_for;
use crate::pairings;
use crate::world::Kind::Vrrpd;
use crate::world::{Node, World, fill, need, tool};

/// How long a busy machine may take for what is only waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// `WEIGHT` is that of the tracked session; without it a session that is down is a fault.
const CONFIG: &str = "
bfd_instance b {
    neighbor_ip PEER
    source_ip OWN
    min_rx 200
    min_tx 200
    multiplier 5
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.0.100/24
    }
    track_bfd {
        b WEIGHT
    }
}
";

fn config(own: u8, peer: u8, priority: &str, weight: &str) -> String {
    let (own, peer) = (format!("10.99.0.{own}"), format!("10.99.0.{peer}"));
    fill(CONFIG, &[("OWN", &own), ("PEER", &peer), ("PRIORITY", priority), ("WEIGHT", weight)])
}

/// Control packets on the wire: when, from which node, from which port, with which TTL, and what they say.
fn packets(world: &World, since: SystemTime) -> Vec<(SystemTime, u8, u16, u8, Control)> {
    let parse = |frame: &Frame| {
        let bytes = &frame.bytes;
        let udp = bytes.get(12..14)? == [0x08, 0x00] && *bytes.get(23)? == 17;
        let port = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        if !udp || port(36)? != 3784 {
            return None;
        }
        let control = Packet::new(bytes.get(42..)?).ok()?.control();
        Some((frame.at, bytes[29], port(34)?, bytes[22], control))
    };
    world.lan.capture.frames(since).iter().filter_map(parse).collect()
}

fn lines(node: &mut Node, words: &str) -> usize {
    node.daemon().log().matches(words).count()
}

/// Waits for so many lines of that kind in the log of a node.
#[track_caller]
fn wait_for_lines(node: &mut Node, words: &str, count: usize) {
    let found = wait_for(PATIENCE, || (lines(node, words) >= count).then_some(()));
    assert!(found.is_some(), "not {count} lines `{words}`:\n{}", node.daemon().log());
}

/// Waits until this is so.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!(wait_for(PATIENCE, || is_so().then_some(())).is_some(), "{what}: not within {PATIENCE:?}");
}

/// The last packets of a node, the newest first.
fn last_of(world: &World, since: SystemTime, node: u8, count: usize) -> Vec<(SystemTime, Control)> {
    let packets = packets(world, since);
    let of = packets.iter().rev().filter(|packet| packet.1 == node).take(count);
    of.map(|packet| (packet.0, packet.4)).collect()
}

/// Both come up, a cut brings both down within the detection time, and both come back; a virtual router goes by it.
fn a_session_lives(world: &mut World) {
    let begin = SystemTime::now();
    world.a.start(&config(1, 2, "200", "weight -50"));
    world.b.start(&config(2, 1, "100", "weight -20"));
    for node in [&mut world.a, &mut world.b] {
        wait_for_lines(node, "(b) Entering Up state", 1);
        wait_for_lines(node, "VRRP_Instance(VI_1) Tracked BFD instance b is UP", 1);
    }
    wait_for_lines(&mut world.a, "Changing effective priority from 150 to 200", 1);
    // In the end both are up, no poll is open, and the pace is that of 200 ms.
    for node in [1, 2] {
        wait_until("the pace of a session that is up", || {
            let last = last_of(world, begin, node, 4);
            let [(newest, control), .., (oldest, _)] = last[..] else { return false };
            let gap = newest.duration_since(oldest).unwrap_or_default();
            (control.state, control.poll, control.desired_min_tx) == (State::Up, false, 200_000)
                && last.len() == 4
                && gap < Duration::from_millis(900)
        });
    }
    for (_, node, port, ttl, control) in &packets(world, begin) {
        assert!(*port >= 49_152 && *ttl == 255, "node {node}: port {port}, TTL {ttl}");
        assert!(!(control.poll && control.final_), "{control:?}");
    }

    // The detection time is one second: far less than the eight that a busy machine is given here.
    let down = "Tracked BFD instance b is DOWN";
    let before = [lines(&mut world.a, down), lines(&mut world.b, down)];
    let cut = SystemTime::now();
    world.lan.cable(&world.b.space, false).expect("the cable is there");
    for (node, before) in [&mut world.a, &mut world.b].into_iter().zip(before) {
        wait_for_lines(node, down, before + 1);
    }
    let noticed = SystemTime::now().duration_since(cut).expect("later");
    assert!(noticed < Duration::from_secs(8), "noticed after {noticed:?}");
    wait_for_lines(&mut world.a, "Changing effective priority from 200 to 150", 1);
    wait_for_lines(&mut world.a, "Local diagnostic - Control Detection Time Expired", 1);

    let up = "Tracked BFD instance b is UP";
    let before = [lines(&mut world.a, up), lines(&mut world.b, up)];
    world.lan.cable(&world.b.space, true).expect("the cable is there");
    for (node, before) in [&mut world.a, &mut world.b].into_iter().zip(before) {
        wait_for_lines(node, up, before + 1);
    }
}

pairings!(a_session_lives);

/// Without a weight a session that is down is a fault, also before it has ever been up.
#[test]
fn a_session_without_weight_is_a_fault_while_it_is_down() {
    let mut world = World::without_service(Vrrpd, Vrrpd);
    world.a.start(&config(1, 2, "200", ""));
    wait_for_lines(&mut world.a, "(VI_1) Entering FAULT STATE (init)", 1);
    world.b.start(&config(2, 1, "100", "weight 10"));
    wait_for_lines(&mut world.a, "(VI_1) Entering BACKUP STATE", 1);
    wait_until("a is master", || world.a.has([10, 99, 0, 100].into()));
    // b dies without a word: a has nobody to be master for.
    let before = lines(&mut world.a, "(VI_1) Entering FAULT STATE");
    world.b.kill();
    wait_for_lines(&mut world.a, "(VI_1) Entering FAULT STATE", before + 1);
    wait_until("a lets go", || !world.a.has([10, 99, 0, 100].into()));
}

/// A daemon that is told to stop says so, and that is no failure to the other one.
#[test]
fn the_end_of_a_daemon_is_no_failure_of_its_session() {
    let mut world = World::without_service(Vrrpd, Vrrpd);
    world.a.start(&config(1, 2, "200", ""));
    world.b.start(&config(2, 1, "100", ""));
    wait_for_lines(&mut world.b, "(b) Entering Up state", 1);
    wait_for_lines(&mut world.a, "(VI_1) Entering MASTER STATE", 1);
    let begin = SystemTime::now();
    world.a.stop();
    wait_for_lines(
        &mut world.b,
        "(b) Entering Down state (Local diagnostic - Neighbor Signaled Session Down, Remote diagnostic - Administratively Down)",
        1,
    );
    wait_until("last words", || {
        let last = last_of(&world, begin, 1, 1);
        last.iter().any(|(_, control)| (control.state, control.diagnostic.0) == (State::AdminDown, 7))
    });
    wait_for_lines(&mut world.b, "(VI_1) Entering MASTER STATE", 1);
    let log = world.b.daemon().log();
    assert!(!log.contains("is DOWN"), "{log}");
}

/// A reload with other intervals goes through a poll; nobody goes down, and nothing is forgotten.
#[test]
fn a_reload_changes_the_pace_of_a_session_that_stays_up() {
    let mut world = World::without_service(Vrrpd, Vrrpd);
    world.a.start(&config(1, 2, "200", "weight -50"));
    world.b.start(&config(2, 1, "100", "weight -50"));
    wait_for_lines(&mut world.a, "(b) Entering Up state", 1);
    wait_for_lines(&mut world.b, "(b) Entering Up state", 1);
    let text = config(1, 2, "200", "weight -50").replace("min_tx 200", "min_tx 400");
    fs::write(world.a.space.dir.join("keepalived.conf"), text).expect("the file is written");
    let begin = SystemTime::now();
    world.a.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
    wait_until("a poll with an answer", || {
        let (seen, last) = (packets(&world, begin), last_of(&world, begin, 1, 1));
        let polled = seen.iter().any(|packet| packet.1 == 1 && packet.4.poll);
        let answered = seen.iter().any(|packet| packet.1 == 2 && packet.4.final_);
        let slower = last.iter().any(|(_, control)| control.desired_min_tx == 400_000 && !control.poll);
        polled && answered && slower
    });
    for node in [&mut world.a, &mut world.b] {
        assert!(!node.daemon().log().contains("Entering Down state"), "{}", node.daemon().log());
    }
    // The dump knows it.
    let file = world.a.space.dir.join("tmp/keepalived_bfd.data");
    world.a.daemon().tree.signal(Signal::SIGUSR1).expect("it runs");
    let text = wait_for(PATIENCE, || fs::read_to_string(&file).ok()).expect("a dump");
    for line in
        ["   local state = Up", "   remote state = Up", "   local tx intv = 400000 us", "   !poll, !final"]
    {
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
    let file = world.a.space.dir.join("tmp/keepalived.data");
    wait_until("a dump that says so", || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains("   Bfd is up"))
    });
}

/// FRR's bfdd on node b.
struct Frr {
    _zebra: Tree,
    _bfdd: Tree,
}

impl Frr {
    fn start(node: &Node) -> Self {
        need(&["vtysh"]);
        let daemons = ["zebra", "bfdd"].map(|name| Path::new("/usr/lib/frr").join(name));
        for daemon in &daemons {
            assert!(daemon.is_file(), "no {} of FRR (see contrib/test)", daemon.display());
        }
        let dir = node.space.dir.join("frr");
        fs::create_dir_all(&dir).expect("a directory");
        let file = dir.join("bfdd.conf");
        let text = "bfd\n peer 10.99.0.1 local-address 10.99.0.2\n  detect-multiplier 5\n  receive-interval 200\n  transmit-interval 200\n  no shutdown\n exit\nexit\n";
        fs::write(&file, text).expect("a configuration");
        // FRR gives up root for an account of its own, which has to get there.
        let mut chown = Command::new("chown");
        node.space.call(chown.args(["-R", "frr:frr"]).arg(&dir)).expect("the account frr");
        let start = |name: &str, more: &[&str]| {
            let path = |name: &str| dir.join(name).display().to_string();
            let mut command = Command::new(format!("/usr/lib/frr/{name}"));
            command.args(["-z", &path("zserv.api"), "-i", &path(&format!("{name}.pid"))]);
            command.args(["--vty_socket", &path(""), "-u", "frr", "-g", "frr", "-A", "127.0.0.1"]).args(more);
            let log = fs::File::create(dir.join(format!("{name}.log"))).expect("a log");
            command.stdout(log.try_clone().expect("a log")).stderr(log);
            Tree::new(node.space.spawn(&mut command).expect("a daemon of FRR"))
        };
        let zebra = start("zebra", &[]);
        let socket = dir.join("zserv.api");
        wait_until("zebra runs", || socket.exists());
        let (file, control) = (file.display().to_string(), dir.join("bfdd.sock").display().to_string());
        let bfdd = start("bfdd", &["-f", &file, "--bfdctl", &control]);
        Self { _zebra: zebra, _bfdd: bfdd }
    }
}

/// What FRR says of its one session.
fn frr_says(node: &Node, words: &str) -> bool {
    let mut vtysh = Command::new(tool("vtysh"));
    vtysh.arg("--vty_socket").arg(node.space.dir.join("frr")).args(["-c", "show bfd peers"]);
    let output = node.space.run(move || vtysh.output()).expect("a namespace").expect("vtysh runs");
    String::from_utf8_lossy(&output.stdout).contains(words)
}

#[test]
fn frr_is_a_neighbour_like_any_other() {
    let mut world = World::without_service(Vrrpd, Vrrpd);
    let _frr = Frr::start(&world.b);
    world.a.start(&config(1, 2, "200", "weight -50"));
    wait_for_lines(&mut world.a, "(b) Entering Up state", 1);
    wait_until("FRR agrees", || frr_says(&world.b, "Status: up"));
    let down = lines(&mut world.a, "(b) Entering Down state");
    world.lan.cable(&world.b.space, false).expect("the cable is there");
    wait_for_lines(&mut world.a, "(b) Entering Down state", down + 1);
    wait_until("FRR agrees", || frr_says(&world.b, "Status: down"));
    let up = lines(&mut world.a, "(b) Entering Up state");
    world.lan.cable(&world.b.space, true).expect("the cable is there");
    wait_for_lines(&mut world.a, "(b) Entering Up state", up + 1);
    wait_until("FRR agrees", || frr_says(&world.b, "Status: up"));
    // An orderly end is told apart from a failure.
    world.a.stop();
    wait_until("FRR has heard it", || frr_says(&world.b, "Remote diagnostics: administratively down"));
}
