//! A partition that heals: two masters become one, and the client finds it.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::net::lan;
use crate::net::wait_for;
use crate::world::{Kind, Node, World, fill, write_script};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 100));
const CONFIG: &str = "
global_defs {
    script_user root
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.5
    KNOBS
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";
const LIMIT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(15);

/// How often, at another moment of the two rhythms each time.
fn rounds() -> u32 {
    std::env::var("VRRPD_PARTITIONS").ok().map_or(3, |text| text.parse().expect("a number"))
}

/// Takes the cable of a machine out of the switch, at which both ends keep their carrier, or puts it back.
fn plug(world: &World, node: &Node, plugged: bool) {
    let words = if plugged { ["master", "br0"].as_slice() } else { ["nomaster"].as_slice() };
    let mut command = Command::new("ip");
    command.args(["link", "set", "dev", &node.space.name]).args(words);
    world.lan.switch().call(&mut command).expect("ip");
}

fn log(node: &Node) -> String {
    node.daemon.as_ref().map(|daemon| daemon.log()).unwrap_or_default()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!(wait_for(PATIENCE, || is_so().then_some(())).is_some(), "{what}: not in {PATIENCE:?}");
}

fn neighbour(world: &World) -> Option<[u8; 6]> {
    world.client.rtnl().neighbour(VIP).expect("the client's neighbours")
}

/// A client that has asked for the address follows what it is told.
fn ask(world: &World) {
    let sent = world.client.run(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", (VIP, 9)));
    sent.expect("the client's network").expect("a packet of the client");
}

/// The better node is cut off and comes back, at several moments; each time the client, which is where the other
/// one is, knows where the address is a second later at most.
fn partition_and_heal(mut world: World, knobs: [&str; 2], limit: Duration) -> World {
    let config = |priority, knobs| fill(CONFIG, &[("PRIORITY", priority), ("KNOBS", knobs)]);
    world.start_both(&config("200", knobs[0]), &config("100", knobs[1]), &["-D"]);
    wait_until("a is master", || world.a.has(VIP));
    for round in 0..rounds() {
        plug(&world, &world.a, false);
        wait_until("b is master as well", || world.b.has(VIP));
        wait_until("the client has b", || {
            ask(&world);
            neighbour(&world) == Some(lan::mac(2))
        });
        // For a second Linux heeds nobody who says otherwise.
        thread::sleep(Duration::from_millis(1300) + Duration::from_millis(170) * (round % 3));
        let healed = SystemTime::now();
        plug(&world, &world.a, true);
        let right = wait_for(PATIENCE, || (neighbour(&world) == Some(lan::mac(1))).then(SystemTime::now));
        let right = right.expect("the client has a").duration_since(healed).expect("time goes on");
        println!("round {round}: right after {right:?}");
        assert!(right <= limit, "the client finds a after {right:?}");
        wait_until("b is backup", || !world.b.has(VIP));
        assert!(world.a.has(VIP));
    }
    world
}

#[test]
fn vrrpd_and_vrrpd() {
    let world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    let told = world.a.space.dir.join("told");
    let script = world.a.space.dir.join("split");
    write_script(&script, &format!("#!/bin/sh\necho \"$@\" >> {}\n", told.display()));
    let hook = format!("notify_split_brain {}", script.display());
    let world = partition_and_heal(world, [&hook, ""], LIMIT);
    let line = "split brain: 10.99.0.2 (02:00:00:00:00:02) is master as well; likely they could not hear";
    wait_until("it is told", || log(&world.a).contains(line));
    wait_until("its end is told", || log(&world.a).contains("split brain with 10.99.0.2"));
    wait_until("the script knows", || fs::read_to_string(&told).is_ok_and(|text| !text.is_empty()));
    let words = fs::read_to_string(&told).expect("what the script was told");
    assert_eq!(words.lines().next(), Some("INSTANCE VI_1 MASTER 10.99.0.2 02:00:00:00:00:02 parted"));
}

#[test]
fn vrrpd_is_the_worse_one() {
    partition_and_heal(World::without_service(Kind::Keepalived, Kind::Vrrpd), ["", ""], LIMIT);
}

/// A keepalived that gives way says nothing of itself, unless told to; nobody can know of it then.
#[test]
fn keepalived_is_the_worse_one() {
    partition_and_heal(
        World::without_service(Kind::Vrrpd, Kind::Keepalived),
        ["", "higher_prio_send_advert"],
        LIMIT,
    );
}

/// Its file is not ours to change: then our own repeats every second where the address is.
#[test]
fn keepalived_is_the_worse_one_and_says_nothing() {
    let limit = LIMIT + Duration::from_millis(100);
    partition_and_heal(
        World::without_service(Kind::Vrrpd, Kind::Keepalived),
        ["garp_master_refresh 1", ""],
        limit,
    );
}

/// Adverts do not get through, and all else does: both are master, and each finds out why.
#[test]
fn a_firewall_between_two_masters_is_named() {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    let rules = "table inet f {\nchain i {\ntype filter hook input priority 0;\nip protocol 112 drop\n}\n}\n";
    let file = world.b.space.dir.join("rules");
    fs::write(&file, rules).expect("rules");
    let config = |priority| fill(CONFIG, &[("PRIORITY", priority), ("KNOBS", "")]);
    world.start_both(&config("200"), &config("100"), &["-D"]);
    wait_until("a is master", || world.a.has(VIP));
    thread::sleep(Duration::from_millis(1500));
    let mut command = Command::new("nft");
    command.arg("-f").arg(&file);
    world.b.space.call(&mut command).expect("nft");
    wait_until("b is master as well", || world.b.has(VIP));
    let deaf =
        "split brain: 10.99.0.2 (02:00:00:00:00:02) is master as well; likely it does not hear our adverts";
    wait_until("a knows that b is deaf", || log(&world.a).contains(deaf));
    let mute = "split brain: 02:00:00:00:00:01 is master as well; likely its adverts do not arrive here";
    wait_until("b knows that nothing arrives", || log(&world.b).contains(mute));
    assert_eq!(log(&world.a).matches("is master as well").count(), 1);
    let mut command = Command::new("nft");
    command.args(["delete", "table", "inet", "f"]);
    world.b.space.call(&mut command).expect("nft");
    wait_until("b gives way", || !world.b.has(VIP));
    wait_until("a says that it is over", || log(&world.a).contains("split brain with 10.99.0.2"));
}
