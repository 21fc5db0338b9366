//! When a better router waits.

use super::packet::v3;
use super::timeline::{Act::Hear, Timeline};
use super::{first_at, same, v3_config};

#[test]
fn nopreempt_waits_for_a_lower_master_to_go() {
    let timeline = Timeline::new(v3_config(200, "state BACKUP\nnopreempt")).hear(100, 200, 1800, &v3(9, 50));
    first_at(&same(&timeline, 3040), "ADVERT 200", 1_700_000 + 643_750);
}

#[test]
fn nopreempt_takes_over_after_priority_zero() {
    let timeline = Timeline::new(v3_config(100, "state BACKUP\nnopreempt"))
        .hear(100, 200, 1000, &v3(9, 50))
        .at(1050, Hear(v3(9, 0)));
    first_at(&same(&timeline, 1870), "ADVERT 100", 1_050_000 + 121_875);
}

#[test]
fn preempt_delay_counts_from_the_first_lower_advert() {
    let timeline =
        Timeline::new(v3_config(200, "state BACKUP\npreempt_delay 1")).hear(130, 150, 2900, &v3(9, 50));
    same(&timeline, 3320);
}

#[test]
fn preempt_delay_of_a_fraction() {
    let timeline =
        Timeline::new(v3_config(200, "state BACKUP\npreempt_delay 0.5")).hear(170, 150, 1900, &v3(9, 50));
    same(&timeline, 2320);
}

#[test]
fn preempt_delay_is_cancelled_by_a_higher_advert() {
    let timeline = Timeline::new(v3_config(200, "state BACKUP\npreempt_delay 1"))
        .hear(100, 200, 800, &v3(9, 50))
        .hear(850, 200, 1400, &v3(8, 250))
        .hear(1450, 150, 3600, &v3(9, 50));
    same(&timeline, 4040);
}

/// Nobody to wait for: the delay does not lengthen a takeover after silence.
#[test]
fn preempt_delay_does_not_matter_when_the_master_falls_silent() {
    let timeline =
        Timeline::new(v3_config(200, "state BACKUP\npreempt_delay 5")).hear(100, 200, 800, &v3(9, 50));
    same(&timeline, 2250);
}

#[test]
fn preempt_delay_starts_anew_after_mastership() {
    let timeline = Timeline::new(v3_config(200, "state BACKUP\npreempt_delay 1"))
        .at(1200, Hear(v3(8, 250)))
        .hear(1300, 150, 3900, &v3(9, 50));
    same(&timeline, 4350);
}
