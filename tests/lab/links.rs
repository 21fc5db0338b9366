//! A link that becomes another one under a running master.

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::net::wait_for;
use crate::world::{Kind, Node, World, fill};

const VIP: &str = "10.99.0.100";
const CONFIG: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.3
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

/// Longer than any takeover here, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(15);

fn ip(node: &Node, words: &str) {
    node.space.call(Command::new("ip").args(words.split_whitespace())).expect("ip");
}

/// Waits until `node` alone has the address.
#[track_caller]
fn until_master(world: &World, node: &Node) {
    let vip: IpAddr = VIP.parse().expect("an address");
    let other = if node.n == world.a.n { &world.b } else { &world.a };
    let alone = wait_for(PATIENCE, || (node.has(vip) && !other.has(vip)).then_some(()));
    assert!(alone.is_some(), "{} is not the only master", node.space.name);
}

fn start() -> World {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Keepalived);
    let [config_a, config_b] = ["200", "100"].map(|priority| fill(CONFIG, &[("PRIORITY", priority)]));
    world.start_both(&config_a, &config_b, &["-D"]);
    until_master(&world, &world.a);
    world
}

/// A link with another name is gone, as for keepalived; with its old one it is back.
#[test]
fn a_master_whose_link_is_renamed_gives_way_and_is_back_with_the_name() {
    let world = start();
    ip(&world.a, "link set eth0 down");
    ip(&world.a, "link set eth0 name lan0");
    ip(&world.a, "link set lan0 up");
    until_master(&world, &world.b);
    ip(&world.a, "link set lan0 down");
    ip(&world.a, "link set lan0 name eth0");
    ip(&world.a, "link set eth0 up");
    until_master(&world, &world.a);
}

/// Adverts come from the new MAC address, and the neighbours are told of it, which keepalived leaves to chance.
#[test]
fn a_master_whose_link_changes_its_mac_address_says_so() {
    let world = start();
    let begin = SystemTime::now();
    let mac = [2, 0, 0, 0, 0, 0x77];
    ip(&world.a, "link set eth0 address 02:00:00:00:00:77");
    let told = wait_for(PATIENCE, || {
        let vip: IpAddr = VIP.parse().expect("an address");
        let announced = world.lan.capture.announces(begin).iter().any(|a| a.address == vip && a.mac == mac);
        let adverts = world.adverts(51, begin);
        (announced && adverts.last().is_some_and(|advert| advert.mac == mac)).then_some(())
    });
    assert!(told.is_some(), "no announcement and no advert from the new MAC address");
    assert_eq!(world.masters(51, begin), [world.a.ip()], "somebody else became master");
}

/// Whatever switch it is may have forgotten the addresses behind it; keepalived says nothing, as
/// `oracle::links::dont_track_primary_ignores_the_cable` shows.
#[test]
fn a_master_that_does_not_mind_its_link_announces_when_that_is_back() {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Keepalived);
    let config =
        fill(CONFIG, &[("PRIORITY", "200")]).replace("version 3", "version 3\n    dont_track_primary");
    world.a.start_with(&config, &["-D"]);
    world.a.wait_for_log("Entering MASTER STATE");
    std::thread::sleep(Duration::from_millis(300));
    let begin = SystemTime::now();
    ip(&world.a, "link set eth0 down");
    ip(&world.a, "link set eth0 up");
    let vip: IpAddr = VIP.parse().expect("an address");
    let announced =
        || world.lan.capture.announces(begin).into_iter().find(|announce| announce.address == vip);
    assert!(wait_for(Duration::from_secs(2), announced).is_some(), "its neighbours are told nothing");
}

/// Of two hosts with one IPv6 address the second finds out, which keepalived does not say. It is tried again until
/// the first has let go of it.
#[test]
fn a_virtual_address_that_another_host_has_is_told_and_had_in_the_end() {
    const VIP: &str = "fd99::100";
    let mut world = World::without_service(Kind::Vrrpd, Kind::Keepalived);
    ip(&world.b, &format!("address add {VIP}/64 dev eth0 nodad"));
    // The lab's machines do without it, so that their addresses can be used at once.
    let detect = "echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_dad; echo 1 > /proc/sys/net/ipv6/conf/eth0/dad_transmits";
    world.a.space.call(Command::new("sh").args(["-c", detect])).expect("duplicates are detected");
    let config = fill(CONFIG, &[("PRIORITY", "200")]).replace("10.99.0.100/24", "fd99::100/64 -nodad");
    world.a.start_with(&config, &["-D"]);
    let told = || world.a.daemon.as_ref().is_some_and(|daemon| daemon.log().contains("another host has it"));
    assert!(wait_for(PATIENCE, || told().then_some(())).is_some(), "nobody says so");
    ip(&world.b, &format!("address delete {VIP}/64 dev eth0"));
    let usable = || {
        let mut show = Command::new("ip");
        let show = show.args(["-6", "address", "show", "dev", "eth0", "to", VIP]);
        let shown = world.a.space.call(show).expect("ip");
        shown.contains(VIP) && !shown.contains("dadfailed") && !shown.contains("tentative")
    };
    assert!(wait_for(PATIENCE * 2, || usable().then_some(())).is_some(), "it stays of no use");
}
