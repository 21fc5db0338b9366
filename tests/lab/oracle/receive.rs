//! Packets that are not good adverts. A backup is not held by any of them.
//!
//! What they do to a master is not compared: keepalived puts off its next advert at each of them.

use super::packet::{Packet, v2, v3};
use super::timeline::Timeline;
use super::{first_at, same, v2_config, v3_config};

fn is_not_heeded(bad: &Packet) {
    let timeline = Timeline::new(v3_config(100, "")).hear(100, 100, 700, bad);
    first_at(&same(&timeline, 1430), "ADVERT 100", 721_875);
}

#[test]
fn a_ttl_below_255() {
    is_not_heeded(&v3(9, 200).ttl(254));
}

#[test]
fn a_wrong_checksum() {
    is_not_heeded(&v3(9, 200).damaged());
}

#[test]
fn another_version() {
    is_not_heeded(&v2(9, 200));
}

#[test]
fn another_type() {
    is_not_heeded(&v3(9, 200).kind(2));
}

#[test]
fn too_long() {
    is_not_heeded(&v3(9, 200).trailer(4));
}

#[test]
fn unicast_to_an_instance_that_multicasts() {
    is_not_heeded(&v3(9, 200).unicast());
}

#[test]
fn another_vrid() {
    is_not_heeded(&v3(9, 200).vrid(52));
}

#[test]
fn a_password_and_the_right_one() {
    let text = v2_config(200, "authentication {\nauth_type PASS\nauth_pass s3cr3t\n}");
    let timeline = Timeline::new(text)
        .hear(200, 1000, 1300, &v2(9, 250).password(*b"s3cr3t\0\0"))
        .hear(1600, 500, 4500, &v2(9, 250).password(*b"secret\0\0"))
        .hear(1700, 500, 4500, &v2(9, 250));
    first_at(&same(&timeline, 5000), "ADVERT 200", 1_200_000 + 3_218_750);
}

#[test]
fn v2_with_another_interval() {
    let timeline = Timeline::new(v2_config(200, "")).hear(200, 500, 3000, &v2(9, 250).interval(2));
    first_at(&same(&timeline, 3800), "ADVERT 200", 3_218_750);
}
