//! Start, takeover, and adverts heard in BACKUP and in MASTER.

use super::packet::{v2, v3};
use super::timeline::{Act::Hear, Timeline};
use super::{config, first_at, same, v2_config, v3_config};

/// An address below that of the node.
const LOWER: [u8; 4] = [10, 98, 0, 9];
const OWN: [u8; 4] = [10, 99, 0, 1];

/// oracle: RFC 3768 §6.1, 3 x 1 s + (256 - 100) / 256 s.
#[test]
fn v2_priority_100_takes_over() {
    let outcome = same(&Timeline::new(v2_config(100, "")), 5200);
    first_at(&outcome, "ADVERT 100", 3_609_375);
}

#[test]
fn v2_priority_150_with_state_master_takes_over_no_earlier() {
    let outcome = same(&Timeline::new(v2_config(150, "state MASTER")), 4600);
    first_at(&outcome, "ADVERT 150", 3_414_062);
}

/// oracle: RFC 9568 §6.1, 3 x 0.2 s + (256 - 200) / 256 x 0.2 s.
#[test]
fn v3_priority_200_takes_over() {
    let outcome = same(&Timeline::new(v3_config(200, "")), 2140);
    first_at(&outcome, "ADVERT 200", 643_750);
}

#[test]
fn priority_1_takes_over_last() {
    let outcome = same(&Timeline::new(v3_config(1, "")), 1500);
    first_at(&outcome, "ADVERT 1 ", 799_218);
}

#[test]
fn down_timer_adverts_lengthen_the_wait() {
    let outcome = same(&Timeline::new(v3_config(200, "down_timer_adverts 5")), 1730);
    first_at(&outcome, "ADVERT 200", 1_043_750);
}

#[test]
fn the_owner_is_master_at_once() {
    let timeline = Timeline::new(v3_config(255, "state MASTER"))
        .from("Entering MASTER STATE")
        .except("Receive advertisement timeout", "an owner waits for no advert, and vrrpd does not say so");
    first_at(&same(&timeline, 1100), "ADVERT 255", 0);
}

#[test]
fn priority_zero_heard_in_backup_v2() {
    let timeline =
        Timeline::new(v2_config(100, "")).hear(200, 1000, 1300, &v2(9, 250)).at(1300, Hear(v2(9, 0)));
    first_at(&same(&timeline, 2500), "ADVERT 100", 1_909_375);
}

#[test]
fn priority_zero_heard_in_backup_v3() {
    let timeline =
        Timeline::new(v3_config(50, "")).hear(100, 200, 1000, &v3(9, 250)).at(1050, Hear(v3(9, 0)));
    first_at(&same(&timeline, 1700), "ADVERT 50", 1_210_937);
}

#[test]
fn priority_zero_heard_in_master_is_answered() {
    let timeline = Timeline::new(v3_config(200, "")).at(1350, Hear(v3(9, 0))).at(1850, Hear(v3(9, 0)));
    same(&timeline, 1970);
}

#[test]
fn lower_adverts_neither_hold_a_backup_nor_silence_a_master() {
    let timeline = Timeline::new(v3_config(200, "")).hear(140, 150, 1700, &v3(9, 150));
    first_at(&same(&timeline, 2130), "ADVERT 200", 643_750);
}

#[test]
fn higher_adverts_hold_a_backup() {
    let timeline = Timeline::new(v3_config(100, "")).hear(100, 200, 2000, &v3(9, 101));
    first_at(&same(&timeline, 3320), "ADVERT 100", 2_621_875);
}

#[test]
fn equal_adverts_hold_a_backup_whatever_their_address() {
    let timeline = Timeline::new(v3_config(100, "")).hear(100, 200, 1000, &v3(9, 100)).hear(
        1100,
        200,
        2000,
        &v3(9, 100).source(LOWER),
    );
    first_at(&same(&timeline, 3330), "ADVERT 100", 2_621_875);
}

#[test]
fn a_higher_advert_ends_a_master_without_priority_zero() {
    let timeline = Timeline::new(v3_config(100, "")).hear(1200, 200, 1800, &v3(9, 101));
    same(&timeline, 3000);
}

#[test]
fn an_equal_advert_from_a_higher_address_ends_a_master() {
    let timeline = Timeline::new(v3_config(100, "")).hear(1200, 200, 1800, &v3(9, 100));
    same(&timeline, 3000);
}

#[test]
fn an_equal_advert_from_a_lower_address_is_answered() {
    // Not 300 ms apart, or each falls on the repair of the one before.
    let timeline = Timeline::new(v3_config(100, "")).hear(1220, 100, 1800, &v3(9, 100).source(LOWER));
    same(&timeline, 2610);
}

#[test]
fn the_own_address_heard_in_master() {
    // Just after an advert: keepalived counts its interval anew from there.
    let timeline = Timeline::new(v3_config(100, "")).at(1135, Hear(v3(9, 100).source(OWN)));
    same(&timeline, 2030);
}

#[test]
fn higher_prio_send_advert_speaks_once_more() {
    let timeline =
        Timeline::new(v3_config(100, "higher_prio_send_advert")).hear(1220, 200, 1800, &v3(9, 200));
    same(&timeline, 3050);
}

#[test]
fn lower_prio_no_advert_keeps_the_rhythm() {
    let timeline = Timeline::new(v3_config(100, "lower_prio_no_advert")).hear(1220, 200, 2000, &v3(9, 50));
    same(&timeline, 2820);
}

#[test]
fn two_instances_live_their_own_lives() {
    let of = |name, vrid, priority, last: u8| {
        let more = format!("version 3\nadvert_int 0.2\npriority {priority}");
        config(name, vrid, &more, &format!("10.99.0.{last}/24"))
    };
    let timeline = Timeline::new(of("VI_1", 51, 200, 100) + &of("VI_2", 52, 100, 101))
        .hear(1340, 500, 1900, &v3(9, 150))
        .hear(1250, 200, 1900, &v3(9, 150).vrid(52).vips(&[101]))
        .at(2200, Hear(v3(9, 0).vrid(52).vips(&[101])));
    same(&timeline, 2780);
}

#[test]
fn without_details_in_the_log() {
    let timeline = Timeline::new(v3_config(100, ""))
        .options(&[])
        .hear(100, 200, 800, &v3(9, 50))
        .hear(1200, 200, 1800, &v3(9, 101))
        .at(1800, Hear(v3(9, 0)))
        .at(2400, Hear(v3(9, 50)));
    same(&timeline, 3090);
}

#[test]
fn ipv6_takes_over() {
    let more = "version 3\nadvert_int 0.2\npriority 200";
    let timeline = Timeline::new(config("VI_6", 61, more, "fe80::51\n2001:db8:99::100/64"));
    first_at(&same(&timeline, 1550), "ADVERT 200", 643_750);
}

#[test]
fn unicast_takes_over_and_yields() {
    let more = "version 3\nadvert_int 0.2\npriority 100\nunicast_src_ip 10.99.0.1\nunicast_peer {\n10.99.0.9\n10.99.0.8\n}";
    let timeline = Timeline::new(config("VI_1", 51, more, "10.99.0.100/24")).hear(
        1200,
        200,
        1800,
        &v3(9, 200).unicast(),
    );
    same(&timeline, 2800);
}
