//! Cables, links and addresses that come and go.

use std::net::{IpAddr, Ipv4Addr};

use super::packet::v3;
use super::timeline::Act::{AddAddress, Cable, Link, RemoveAddress};
use super::timeline::Timeline;
use super::{same, v3_config};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 77));

#[test]
fn a_master_loses_its_cable_and_gets_it_back() {
    let timeline = Timeline::new(v3_config(200, "")).at(1150, Cable(false)).at(2000, Cable(true));
    same(&timeline, 3550);
}

#[test]
fn a_backup_loses_its_cable_and_gets_it_back() {
    let timeline = Timeline::new(v3_config(100, ""))
        .hear(100, 200, 900, &v3(9, 200))
        .at(1000, Cable(false))
        .at(1500, Cable(true));
    same(&timeline, 3130);
}

#[test]
fn a_link_is_set_down_and_up() {
    let timeline =
        Timeline::new(v3_config(200, "")).at(1150, Link("eth0", false)).at(2000, Link("eth0", true));
    same(&timeline, 3550);
}

#[test]
fn a_tracked_link_without_weight() {
    let timeline = Timeline::new(v3_config(200, "track_interface {\nlo\n}"))
        .at(1150, Link("lo", false))
        .at(2000, Link("lo", true));
    same(&timeline, 3540);
}

#[test]
fn a_tracked_link_with_negative_weight() {
    let timeline = Timeline::new(v3_config(200, "track_interface {\nlo weight -50\n}"))
        .at(1150, Link("lo", false))
        .at(1950, Link("lo", true));
    same(&timeline, 2740);
}

#[test]
fn a_tracked_link_with_positive_weight() {
    let timeline = Timeline::new(v3_config(100, "track_interface {\nlo weight 50\n}"))
        // Over before the takeover: who is first would be chance.
        .hear(100, 200, 600, &v3(9, 120))
        .at(1150, Link("lo", false))
        .at(1950, Link("lo", true));
    same(&timeline, 2600);
}

#[test]
fn a_tracked_link_with_reversed_weight() {
    let timeline = Timeline::new(v3_config(100, "track_interface {\nlo weight -30 reverse\n}"))
        .at(1220, Link("lo", false))
        .at(2020, Link("lo", true));
    same(&timeline, 2600);
}

#[test]
fn a_master_is_demoted_below_its_rival() {
    let timeline = Timeline::new(v3_config(200, "track_interface {\nlo weight -150\n}"))
        .at(1150, Link("lo", false))
        .hear(1550, 200, 2500, &v3(9, 100))
        .at(2150, Link("lo", true));
    same(&timeline, 3300);
}

/// A VIP that the kernel does not take away together with the address of the link.
fn host_vip() -> String {
    v3_config(200, "").replace("10.99.0.100/24", "10.99.0.100/32")
}

/// A master of ours waits for it a moment, unless it is told to yield.
#[test]
fn the_source_address_goes_and_comes_back() {
    let config = host_vip().replace("version 3", "version 3\non_removal yield");
    let timeline = Timeline::new(config)
        .at(1150, RemoveAddress(OWN, 24))
        .at(2000, AddAddress(OWN, 24))
        .except("Unknown keyword 'on_removal'", "it is vrrpd's");
    same(&timeline, 3550);
}

#[test]
fn the_source_address_goes_and_another_is_there() {
    let timeline = Timeline::new(host_vip())
        .at(300, AddAddress(OTHER, 16))
        .at(1150, RemoveAddress(OWN, 24))
        .at(2150, AddAddress(OWN, 24));
    same(&timeline, 2940);
}

#[test]
fn dont_track_primary_ignores_the_cable() {
    let timeline =
        Timeline::new(v3_config(200, "dont_track_primary")).at(1300, Cable(false)).at(1700, Cable(true));
    same(&timeline, 2540);
}
