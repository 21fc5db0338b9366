//! An instance whose interface belongs to a VRF, and routes into the table of that VRF; and one without an
//! interface, whose adverts take the routes of a VRF.

use crate::vm::{pairings_in_vm, run, start, until, until_master, until_said};
use crate::world::{Node, UNICAST, World, fill};

const VIP: &str = "10.99.0.100";
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.0.100/24
    }
    virtual_routes {
        10.120.0.0/16 via 10.99.0.254 vrf red
        10.121.0.0/16 via 10.99.0.254 dev eth0 table 10
        10.122.0.0/16 via 10.99.0.254 dev eth0 table 11
    }
}
";
/// And their tables, in the words of `ip`.
const ROUTES: [(&str, &str); 3] =
    [("10.120.0.0/16", "table 10 "), ("10.121.0.0/16", "table 10 "), ("10.122.0.0/16", "table 11 ")];

pub(super) fn enslave(node: &Node) {
    run(&node.space, "ip link add red type vrf table 10");
    run(&node.space, "ip link set red up");
    run(&node.space, "ip link set eth0 master red");
}

/// Whether the node has all of the routes, or none.
fn has_routes(node: &Node, wanted: bool) -> bool {
    let shown = run(&node.space, "ip route show table all");
    let line = |route: &str, table: &str| shown.lines().any(|l| l.starts_with(route) && l.contains(table));
    ROUTES.iter().all(|(route, table)| line(route, table) == wanted)
}

/// The routes of the master are in their tables, those of the backup are not.
fn takeover(world: &mut World) {
    [&world.a, &world.b].into_iter().for_each(enslave);
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200")]));
    until_master(world, &world.a, VIP);
    start(&mut world.b, &fill(CONFIG, &[("PRIORITY", "100")]));
    until_said(world, &world.b, "Entering BACKUP STATE");
    until(world, "a has routes", || has_routes(&world.a, true));
    assert!(has_routes(&world.b, false), "b has routes");
    world.a.stop();
    until_master(world, &world.b, VIP);
    until(world, "b has routes", || has_routes(&world.b, true));
    assert!(has_routes(&world.a, false), "a kept routes");
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200")]));
    until_master(world, &world.a, VIP);
    until(world, "a has routes again", || has_routes(&world.a, true) && has_routes(&world.b, false));
}

/// The interface of a running master goes into a VRF, which takes its routes but not its address.
fn enslaved_while_master(world: &mut World) {
    start(&mut world.a, &fill(CONFIG, &[("PRIORITY", "200")]));
    until_master(world, &world.a, VIP);
    start(&mut world.b, &fill(CONFIG, &[("PRIORITY", "100")]));
    until_said(world, &world.b, "Entering BACKUP STATE");
    enslave(&world.a);
    std::thread::sleep(std::time::Duration::from_secs(5));
    until_master(world, &world.a, VIP);
    world.a.stop();
    until_master(world, &world.b, VIP);
}

/// Peers in a VRF: vrrpd without an interface, keepalived 2.2.7 with the one that it has to have.
fn unicast_without_an_interface(world: &mut World) {
    [&world.a, &world.b].into_iter().for_each(enslave);
    let config = |node: &Node, priority: &str| {
        let link = if node.program.name == "vrrpd" { "vrf red" } else { "interface eth0" };
        let (own, peer) = (format!("10.99.0.{}", node.n), format!("10.99.0.{}", 3 - node.n));
        let words = [
            ("STATE", "BACKUP"),
            ("LINES", link),
            ("PRIORITY", priority),
            ("OWN", &own),
            ("PEER", &peer),
            ("VIP", "10.99.0.100/24 dev eth0"),
        ];
        fill(UNICAST, &words)
    };
    let (config_a, config_b) = (config(&world.a, "200"), config(&world.b, "100"));
    start(&mut world.a, &config_a);
    until_master(world, &world.a, VIP);
    start(&mut world.b, &config_b);
    until_said(world, &world.b, "Entering BACKUP STATE");
    world.a.stop();
    until_master(world, &world.b, VIP);
    start(&mut world.a, &config_a);
    until_master(world, &world.a, VIP);
    until(world, "b has given way", || world.b.states("VI_1") == ["BACKUP", "MASTER", "BACKUP"]);
    // The log has both of its lives.
    world.a.entered("VI_1", &["BACKUP", "MASTER", "BACKUP", "MASTER"]);
}

pairings_in_vm! {
    unicast_without_an_interface: vrrpd_keepalived;
    takeover: vrrpd_keepalived | keepalived_vrrpd | keepalived_keepalived;
    enslaved_while_master: vrrpd_keepalived | keepalived_keepalived;
}
