//! Dummy links: one that has the virtual address, and one that an instance tracks.

use crate::vm::{pairings_in_vm, run, start, until, until_master, until_said};
use crate::world::{World, fill};

const VIP: &str = "10.99.0.100";
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.0.100/32 dev dummy0
    }
    TRACK
}
";
const TRACK: &str = "track_interface {
        dummy0
    }";

fn start_both(world: &mut World, track: &str) {
    for node in [&world.a, &world.b] {
        run(&node.space, "ip link add dummy0 type dummy");
        run(&node.space, "ip link set dummy0 up");
    }
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200"), ("TRACK", track)]));
    until_master(world, &world.a, VIP);
    start(&mut world.b, &fill(CONFIG, &[("PRIORITY", "100"), ("TRACK", track)]));
    until_said(world, &world.b, "Entering BACKUP STATE");
}

/// The address is on the dummy link of whoever is master.
fn address(world: &mut World) {
    start_both(world, "");
    assert!(run(&world.a.space, "ip address show dev dummy0").contains("10.99.0.100/32"), "not on dummy0");
    world.a.stop();
    until_master(world, &world.b, VIP);
    assert!(run(&world.b.space, "ip address show dev dummy0").contains("10.99.0.100/32"), "not on dummy0");
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200"), ("TRACK", "")]));
    until_master(world, &world.a, VIP);
}

/// Down and up, then deleted and made again: each time the other node takes over and gives back.
fn tracked(world: &mut World) {
    start_both(world, TRACK);
    run(&world.a.space, "ip link set dummy0 down");
    until_master(world, &world.b, VIP);
    run(&world.a.space, "ip link set dummy0 up");
    until_master(world, &world.a, VIP);
    run(&world.a.space, "ip link delete dummy0");
    until_master(world, &world.b, VIP);
    run(&world.a.space, "ip link add dummy0 type dummy");
    run(&world.a.space, "ip link set dummy0 up");
    until_master(world, &world.a, VIP);
    let expected = ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"];
    world.a.entered("VI_1", &expected);
    until(world, "b is backup again", || world.b.states("VI_1").last().is_some_and(|s| s == "BACKUP"));
}

pairings_in_vm! {
    address: vrrpd_keepalived | keepalived_keepalived;
    tracked: vrrpd_keepalived | keepalived_keepalived;
}
