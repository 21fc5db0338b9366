//! A machine that boots: its link is up and sends before it receives.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::net::wait_for;
use crate::world::{Kind, Node, SLACK, World, fill, within};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const CONFIG: &str = "
global_defs {
    vrrp_startup_silence SILENCE
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.2
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";
/// What a firewall does that has not been told yet what to let in: behind the link, and before anything else.
const INPUT: &str =
    "table inet f {\nchain c {\ntype filter hook input priority 0;\niifname eth0 drop\n}\n}\n";
const INGRESS: &str =
    "table netdev f {\nchain c {\ntype filter hook ingress device eth0 priority 0;\ndrop\n}\n}\n";
const PATIENCE: Duration = Duration::from_secs(10);

/// The time that an instance listens at most, and for how long nothing gets in, in seconds; with
/// `VRRPD_BOOTS=full` the real times.
fn times() -> (u64, Vec<u64>) {
    match std::env::var_os("VRRPD_BOOTS") {
        Some(_) => (25, vec![0, 1, 2, 5, 10, 15, 20]),
        None => (4, vec![0, 2]),
    }
}

fn nft(node: &Node, words: &[&str]) {
    node.space.call(Command::new("nft").args(words)).expect("nft");
}

/// Boots the node: its daemon is there before its link, which brings nothing in.
fn boot(world: &mut World, rules: &str, silence: u64) {
    // Lines are waited for: those of an earlier life are none.
    fs::write(world.b.space.dir.join("daemon.log"), "").expect("a log");
    let file = world.b.space.dir.join("rules");
    fs::write(&file, rules).expect("rules");
    nft(&world.b, &["-f", file.to_str().expect("the lab's paths are text")]);
    world.lan.cable(&world.b.space, false).expect("the cable is there");
    thread::sleep(Duration::from_millis(200));
    world.b.start(&fill(CONFIG, &[("PRIORITY", "100"), ("SILENCE", &silence.to_string())]));
    world.b.wait_for_log("Entering FAULT STATE");
    world.lan.cable(&world.b.space, true).expect("the cable is there");
    world.b.wait_for_log("Entering BACKUP STATE");
}

#[test]
fn it_is_not_master_while_another_one_is() {
    let (silence, blocked) = times();
    for kind in [Kind::Vrrpd, Kind::Keepalived] {
        let mut world = World::without_service(kind, Kind::Vrrpd);
        world.a.start(&fill(CONFIG, &[("PRIORITY", "200"), ("SILENCE", "0")]));
        wait_for(PATIENCE, || world.a.has(VIP).then_some(())).expect("a is master");
        for (rules, family) in [(INPUT, "inet"), (INGRESS, "netdev")] {
            for seconds in &blocked {
                let begin = SystemTime::now();
                boot(&mut world, rules, silence);
                thread::sleep(Duration::from_secs(*seconds));
                nft(&world.b, &["delete", "table", family, "f"]);
                world.b.wait_for_log("master set to 10.99.0.1");
                thread::sleep(Duration::from_secs(1));
                assert_eq!(world.masters(51, begin), [world.a.ip()], "{seconds} s, {family}");
                world.b.stop();
            }
        }
    }
}

#[test]
fn one_that_is_alone_waits_for_so_long_and_no_longer() {
    let (silence, _) = times();
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    boot(&mut world, INPUT, silence);
    let up = SystemTime::now();
    let limit = Duration::from_secs(silence);
    let master = wait_for(limit + PATIENCE, || world.b.has(VIP).then(SystemTime::now)).expect("b is master");
    let waited = master.duration_since(up).expect("time goes on");
    within("the wait", waited, limit - Duration::from_millis(500), limit + SLACK);
    // Where the link has been up for long it waits as everybody does.
    world.b.stop();
    if uptime() > Duration::from_secs(150) {
        world.b.start(&fill(CONFIG, &[("PRIORITY", "100"), ("SILENCE", "25")]));
        wait_for(Duration::from_secs(4), || world.b.has(VIP).then_some(())).expect("b is master at once");
    }
}

fn uptime() -> Duration {
    vrrpd::sys::clock::since_boot()
}
