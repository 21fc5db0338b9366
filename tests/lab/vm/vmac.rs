//! `use_vmac` on a VLAN and in a VRF: a macvlan on top of what itself is on top of, or belongs to, another link;
//! and `use_ipvlan`.

use crate::vm::{pairings_in_vm, run, start, until, until_master, until_said, vlan, vrf};
use crate::world::{World, fill};

const VLAN_VIP: &str = "10.99.10.100";
const VRF_VIP: &str = "10.99.0.100";
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface LINK
    use_vmac
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        VIP/24
    }
}
";
/// RFC 9568 §7.3: the MAC of virtual router 51.
const VMAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

fn config(link: &str, vip: &str, priority: &str) -> String {
    fill(CONFIG, &[("LINK", link), ("VIP", vip), ("PRIORITY", priority)])
}

fn start_both(world: &mut World, link: &str, vip: &str) {
    start(&mut world.a, &config(link, vip, "200"));
    until_master(world, &world.a, vip);
    start(&mut world.b, &config(link, vip, "100"));
    until_said(world, &world.b, "Entering BACKUP STATE");
}

/// The address is on a macvlan of the VLAN, and is announced from the virtual router's MAC by both nodes.
fn on_a_vlan(world: &mut World) {
    [&world.a, &world.b].into_iter().for_each(vlan::add);
    start_both(world, "eth0.10", VLAN_VIP);
    let shown = run(&world.a.space, "ip -d address show dev vrrp.51");
    assert!(shown.contains("vrrp.51@eth0.10") && shown.contains(VLAN_VIP), "{shown}");
    world.a.stop();
    until_master(world, &world.b, VLAN_VIP);
    start(&mut world.a, &config("eth0.10", VLAN_VIP, "200"));
    until_master(world, &world.a, VLAN_VIP);
    let vip: std::net::IpAddr = VLAN_VIP.parse().expect("an address");
    let announces = world.lan.capture.announces(std::time::SystemTime::UNIX_EPOCH);
    let others: Vec<_> = announces.iter().filter(|a| a.address == vip && a.mac != VMAC).collect();
    assert!(others.is_empty() && announces.iter().any(|a| a.address == vip), "{others:?}");
}

/// The master's VLAN goes and takes the macvlan with it; both come back.
fn vlan_made_again(world: &mut World) {
    [&world.a, &world.b].into_iter().for_each(vlan::add);
    start_both(world, "eth0.10", VLAN_VIP);
    run(&world.a.space, "ip link delete eth0.10");
    until_master(world, &world.b, VLAN_VIP);
    vlan::add(&world.a);
    until_master(world, &world.a, VLAN_VIP);
    let shown = run(&world.a.space, "ip -d address show dev vrrp.51");
    assert!(shown.contains("vrrp.51@eth0.10") && shown.contains(VLAN_VIP), "{shown}");
    world.a.entered("VI_1", &["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"]);
}

/// The macvlan is in the VRF of its link.
fn in_a_vrf(world: &mut World) {
    [&world.a, &world.b].into_iter().for_each(vrf::enslave);
    start_both(world, "eth0", VRF_VIP);
    let shown = run(&world.a.space, "ip -d address show dev vrrp.51");
    assert!(shown.contains("master red") && shown.contains(VRF_VIP), "{shown}");
    world.a.stop();
    until_master(world, &world.b, VRF_VIP);
    start(&mut world.a, &config("eth0", VRF_VIP, "200"));
    until_master(world, &world.a, VRF_VIP);
}

/// The link of a running master goes into a VRF and its macvlan follows; out of it, too.
fn moved_with_its_link(world: &mut World) {
    start_both(world, "eth0", VRF_VIP);
    let master = |world: &World| run(&world.a.space, "ip link show dev vrrp.51").contains("master red");
    vrf::enslave(&world.a);
    until(world, "the macvlan is in the VRF", || master(world));
    until_master(world, &world.a, VRF_VIP);
    run(&world.a.space, "ip link set eth0 nomaster");
    until(world, "the macvlan is out of the VRF", || !master(world));
    until_master(world, &world.a, VRF_VIP);
    world.a.stop();
    until_master(world, &world.b, VRF_VIP);
}

/// Adverts come from the address of an ipvlan, which is gone after the end; virtual addresses stay on its link.
fn ipvlan(world: &mut World) {
    // Over IPv4 an ipvlan needs an address to send from.
    let config = |priority, source| {
        config("eth0", VRF_VIP, priority).replace("use_vmac", &format!("use_ipvlan {source}/24"))
    };
    start(&mut world.a, &config("200", "10.99.0.11"));
    until_master(world, &world.a, VRF_VIP);
    start(&mut world.b, &config("100", "10.99.0.12"));
    until_said(world, &world.b, "Entering BACKUP STATE");
    let shown = run(&world.a.space, "ip -d address show dev vrrp.51");
    assert!(
        shown.contains("vrrp.51@eth0") && shown.contains("ipvlan") && shown.contains(" mode l2 "),
        "{shown}"
    );
    assert!(shown.contains("10.99.0.11/24") && !shown.contains(VRF_VIP), "{shown}");
    world.a.stop();
    until_master(world, &world.b, VRF_VIP);
    let sources = world.masters(51, std::time::SystemTime::UNIX_EPOCH);
    assert_eq!(
        sources,
        ["10.99.0.11", "10.99.0.12"].map(|source| source.parse::<std::net::IpAddr>().expect("one"))
    );
    assert!(!run(&world.a.space, "ip link show").contains("vrrp.51"), "the ipvlan outlives the daemon");
    start(&mut world.a, &config("200", "10.99.0.11"));
    until_master(world, &world.a, VRF_VIP);
    world.b.entered("VI_1", &["BACKUP", "MASTER", "BACKUP"]);
}

pairings_in_vm! {
    ipvlan: vrrpd_keepalived | keepalived_vrrpd | keepalived_keepalived;
    on_a_vlan: vrrpd_keepalived | keepalived_keepalived;
    vlan_made_again: vrrpd_keepalived | keepalived_keepalived;
    in_a_vrf: vrrpd_keepalived | keepalived_keepalived;
    moved_with_its_link: vrrpd_keepalived | keepalived_keepalived;
}
