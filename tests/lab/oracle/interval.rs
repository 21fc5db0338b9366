//! VRRPv3: the master says the interval.

use super::packet::v3;
use super::timeline::{Act::Hear, Timeline};
use super::{first_at, same, v3_config};

/// oracle: RFC 9568 §6.1 with the master's interval: 3 x 0.5 s + 56 / 256 x 0.5 s.
#[test]
fn a_backup_waits_by_the_masters_interval_and_speaks_by_its_own() {
    let timeline = Timeline::new(v3_config(200, "")).hear(100, 500, 1000, &v3(9, 250).interval(50));
    first_at(&same(&timeline, 3310), "ADVERT 200", 600_000 + 1_609_375);
}

#[test]
fn priority_zero_waits_by_the_masters_interval() {
    let timeline = Timeline::new(v3_config(50, ""))
        .at(100, Hear(v3(9, 250).interval(100)))
        .at(300, Hear(v3(9, 0).interval(100)));
    first_at(&same(&timeline, 2000), "ADVERT 50", 300_000 + 804_687);
}

#[test]
fn a_higher_advert_teaches_a_master() {
    let timeline = Timeline::new(v3_config(100, "")).at(1200, Hear(v3(9, 200).interval(50)));
    same(&timeline, 4110);
}

#[test]
fn a_shorter_interval_is_learnt_too() {
    let timeline = Timeline::new(v3_config(100, "")).hear(100, 100, 1000, &v3(9, 200).interval(10));
    same(&timeline, 2200);
}

#[test]
fn a_lower_advert_teaches_nothing() {
    let timeline = Timeline::new(v3_config(100, "")).hear(100, 200, 500, &v3(9, 50).interval(100));
    same(&timeline, 1800);
}
