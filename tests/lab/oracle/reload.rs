//! HUP with another file.

use super::packet::v3;
use super::timeline::{Act::Reload, Timeline};
use super::{config, v3_config};

fn same(timeline: Timeline, end: u64) {
    let timeline = timeline
        .except("setting VIPs.", "keepalived sets all of them again")
        .except("setting E-VIPs.", "keepalived sets all of them again")
        .except("(VI_2) removing VIPs.", "vrrpd clears up before an instance starts, whenever that is")
        .except("(VI_1) removing VIPs.", "the same")
        .except("Changing effective priority", "keepalived takes over another base priority in silence");
    super::same(&timeline, end);
}

/// Without a second burst: keepalived forgets it at a reload, vrrpd does not.
const BASE: &str = "version 3\nadvert_int 0.2\npriority 200\ngarp_master_delay 0";

fn vips(vips: &str) -> String {
    config("VI_1", 51, BASE, vips)
}

#[test]
fn the_same_file_as_master() {
    same(Timeline::new(v3_config(200, "")).at(1255, Reload(v3_config(200, ""))), 2350);
}

#[test]
fn the_same_file_as_backup() {
    let timeline = Timeline::new(v3_config(100, ""))
        .hear(100, 200, 1700, &v3(9, 200))
        .at(1200, Reload(v3_config(100, "")));
    same(timeline, 2920);
}

#[test]
fn another_priority_as_master() {
    same(Timeline::new(v3_config(200, "")).at(1255, Reload(v3_config(150, ""))), 2200);
}

/// keepalived begins its wait anew at a reload, vrrpd shortens it: a reload soon after an advert.
#[test]
fn another_priority_as_backup() {
    let timeline = Timeline::new(v3_config(100, ""))
        .hear(100, 200, 1200, &v3(9, 150))
        .at(1120, Reload(v3_config(200, "")));
    same(timeline, 3070);
}

#[test]
fn another_interval_as_master() {
    let slower = v3_config(200, "").replace("advert_int 0.2", "advert_int 0.5");
    same(Timeline::new(v3_config(200, "")).at(1255, Reload(slower)), 3100);
}

#[test]
fn a_vip_more() {
    let timeline =
        Timeline::new(vips("10.99.0.100/24")).at(2255, Reload(vips("10.99.0.100/24\n10.99.0.101/24")));
    same(timeline, 4000);
}

#[test]
fn a_vip_less() {
    let timeline =
        Timeline::new(vips("10.99.0.100/24\n10.99.0.101/24")).at(2255, Reload(vips("10.99.0.100/24")));
    same(timeline, 4000);
}

#[test]
fn an_excluded_vip_more_and_a_vip_less() {
    let after = "10.99.0.100/24\n}\nvirtual_ipaddress_excluded {\n10.99.0.105/24";
    let timeline = Timeline::new(vips("10.99.0.100/24\n10.99.0.101/24")).at(2255, Reload(vips(after)));
    same(timeline, 4000);
}

#[test]
fn another_name() {
    let renamed = config("VI_X", 51, BASE, "10.99.0.100/24");
    same(Timeline::new(vips("10.99.0.100/24")).at(1255, Reload(renamed)), 2200);
}

#[test]
fn another_vrid() {
    let other = config("VI_1", 52, BASE, "10.99.0.100/24");
    same(Timeline::new(vips("10.99.0.100/24")).at(1255, Reload(other)), 3210);
}

#[test]
fn an_instance_less() {
    let second = config("VI_2", 52, BASE, "10.99.0.110/24");
    let timeline = Timeline::new(vips("10.99.0.100/24") + &second)
        .at(1255, Reload(vips("10.99.0.100/24")))
        .except("-10.99.0.110", "keepalived lets go of it at once, vrrpd first waits for a successor");
    same(timeline, 2750);
}

#[test]
fn an_instance_more() {
    let second = config("VI_2", 52, BASE, "10.99.0.110/24");
    same(Timeline::new(vips("10.99.0.100/24")).at(1255, Reload(vips("10.99.0.100/24") + &second)), 3170);
}
