//! Gratuitous ARPs and unsolicited NAs: when, how many, in which order.

use super::packet::v3;
use super::timeline::{Act::Hear, Timeline};
use super::{config, first_at, same};

const BASE: &str = "version 3\nadvert_int 0.2\npriority 200";
const THREE: &str =
    "10.99.0.100/24\n10.99.0.102/24\n10.99.0.101/24\n}\nvirtual_ipaddress_excluded {\n10.99.0.103/24";

fn knobs(text: &str) -> String {
    config("VI_1", 51, &format!("{BASE}\n{text}"), THREE)
}

#[test]
fn five_rounds_at_once_and_five_after_five_seconds() {
    first_at(&same(&Timeline::new(knobs("")), 6360), "ANNOUNCE 5 x", 643_750);
}

#[test]
fn delay_repeat_refresh() {
    let text =
        "garp_master_delay 1\ngarp_master_repeat 2\ngarp_master_refresh 2\ngarp_master_refresh_repeat 3";
    same(&Timeline::new(knobs(text)), 5360);
}

#[test]
fn no_second_burst_without_delay() {
    same(&Timeline::new(knobs("garp_master_delay 0\ngarp_master_repeat 1\ngarp_master_refresh 2")), 5340);
}

#[test]
fn the_global_knobs() {
    let globals = "global_defs {\nvrrp_garp_master_delay 1\nvrrp_garp_master_repeat 3\nvrrp_garp_lower_prio_delay 2\nvrrp_garp_lower_prio_repeat 1\n}\n";
    let timeline =
        Timeline::new(globals.to_owned() + &knobs("")).at(2350, Hear(v3(9, 50).vips(&[100, 102, 101])));
    same(&timeline, 4850);
}

/// One advert: keepalived repeats its burst for every lower advert, vrrpd once after the last one.
#[test]
fn a_lower_advert_brings_two_bursts() {
    let text = "garp_master_delay 0\ngarp_lower_prio_delay 1\ngarp_lower_prio_repeat 2";
    let timeline = Timeline::new(knobs(text)).at(1350, Hear(v3(9, 50).vips(&[100, 102, 101])));
    same(&timeline, 2860);
}

#[test]
fn lower_prio_repeat_0_brings_none() {
    let text = "garp_master_delay 0\ngarp_lower_prio_repeat 0";
    let timeline = Timeline::new(knobs(text)).hear(1350, 300, 2000, &v3(9, 50).vips(&[100, 102, 101]));
    same(&timeline, 2650);
}

#[test]
fn lower_adverts_before_the_second_burst() {
    let text = "garp_master_delay 2\ngarp_lower_prio_delay 1\ngarp_lower_prio_repeat 1";
    let timeline = Timeline::new(knobs(text)).at(1350, Hear(v3(9, 50).vips(&[100, 102, 101])));
    same(&timeline, 4060);
}

#[test]
fn no_second_burst_after_mastership() {
    let timeline =
        Timeline::new(knobs("garp_master_delay 1")).hear(1200, 200, 2200, &v3(9, 250).vips(&[100, 102, 101]));
    same(&timeline, 2500);
}

#[test]
fn two_instances_announce_what_is_theirs() {
    let text = "garp_master_delay 1\ngarp_master_repeat 2";
    let first = config("VI_1", 51, &format!("{BASE}\n{text}"), "10.99.0.100/24\n10.99.0.101/24");
    let second = config(
        "VI_2",
        52,
        "version 3\nadvert_int 0.2\npriority 100\ngarp_master_delay 1\ngarp_master_repeat 3",
        "10.99.0.110/24\n10.99.0.111/24",
    );
    same(&Timeline::new(first + &second), 2580);
}

#[test]
fn ipv6() {
    let text = format!("{BASE}\ngarp_master_delay 1\ngarp_master_repeat 2");
    same(&Timeline::new(config("VI_6", 61, &text, "fe80::51\n2001:db8:99::100/64")), 2350);
}
