//! An instance on a VLAN of eth0, and the VLAN taken away from under it.

use std::time::{Duration, Instant};

use crate::vm::{SLACK, pairings_in_vm, run, start, until, until_master, until_said};
use crate::world::{Node, World, fill, within};

const VIP: &str = "10.99.10.100";
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0.10
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.10.100/24
    }
}
";
/// Three adverts of one second and the skew of priority 200.
const DOWN_A: Duration = Duration::from_micros(3_218_750);

pub(super) fn add(node: &Node) {
    run(&node.space, "ip link add link eth0 name eth0.10 type vlan id 10");
    run(&node.space, &format!("ip address add 10.99.10.{}/24 dev eth0.10", node.n));
    run(&node.space, "ip link set eth0.10 up");
}

fn start_both(world: &mut World) {
    [&world.a, &world.b].into_iter().for_each(add);
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200")]));
    until_master(world, &world.a, VIP);
    start(&mut world.b, &fill(CONFIG, &[("PRIORITY", "100")]));
    until_said(world, &world.b, "Entering BACKUP STATE");
}

/// The master ends and starts again.
fn takeover(world: &mut World) {
    start_both(world);
    world.a.stop();
    until_master(world, &world.b, VIP);
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200")]));
    until_master(world, &world.a, VIP);
    world.b.entered("VI_1", &["BACKUP", "MASTER", "BACKUP"]);
}

/// The master's VLAN goes, and comes back as a new link with the same name.
fn deleted_and_made_again(world: &mut World) {
    start_both(world);
    run(&world.a.space, "ip link delete eth0.10");
    until_master(world, &world.b, VIP);
    let back = Instant::now();
    add(&world.a);
    until_master(world, &world.a, VIP);
    within("from the new link to the address on it", back.elapsed(), Duration::ZERO, DOWN_A + SLACK);
    let expected = ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"];
    world.a.entered("VI_1", &expected);
    world.b.entered("VI_1", &["BACKUP", "MASTER", "BACKUP"]);
    world.a.stop();
    until_master(world, &world.b, VIP);
}

/// The backup's VLAN goes and comes back: the master does not notice, and the backup is one again.
fn deleted_under_the_backup(world: &mut World) {
    start_both(world);
    run(&world.b.space, "ip link delete eth0.10");
    until_said(world, &world.b, "Entering FAULT STATE");
    add(&world.b);
    until(world, "b is backup again", || world.b.states("VI_1").last().is_some_and(|s| s == "BACKUP"));
    world.a.stop();
    until_master(world, &world.b, VIP);
    world.b.entered("VI_1", &["BACKUP", "FAULT", "BACKUP", "MASTER"]);
}

/// The VLAN is not there when the daemon starts.
fn made_after_the_start(world: &mut World) {
    let dynamic = format!("global_defs {{\n    dynamic_interfaces\n}}\n{CONFIG}");
    add(&world.b);
    start(&mut world.a, &fill(&dynamic, &[("PRIORITY", "200")]));
    start(&mut world.b, &fill(CONFIG, &[("PRIORITY", "100")]));
    until_master(world, &world.b, VIP);
    add(&world.a);
    until_master(world, &world.a, VIP);
    until(world, "a is master", || world.a.states("VI_1").last().is_some_and(|s| s == "MASTER"));
}

pairings_in_vm! {
    takeover: vrrpd_keepalived | keepalived_vrrpd | keepalived_keepalived;
    deleted_and_made_again: vrrpd_keepalived | keepalived_keepalived;
    deleted_under_the_backup: keepalived_vrrpd | keepalived_keepalived;
    made_after_the_start: vrrpd_keepalived | keepalived_keepalived;
}
