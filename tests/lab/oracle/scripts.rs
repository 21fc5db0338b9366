//! Check scripts, weights and faults.

use super::packet::v3;
use super::timeline::{Act::Write, Timeline};
use super::{same, v3_config};

/// A script `chk` every second with these words in its block, tracked with these words.
fn config(priority: u8, script: &str, tracked: &str) -> String {
    format!(
        "global_defs {{\nscript_user root\nenable_script_security\n}}\n\
         vrrp_script chk {{\nscript \"DIR/chk\"\ninterval 1\n{script}\n}}\n{}",
        v3_config(priority, &format!("track_script {{\n{tracked}\n}}"))
    )
}

fn verdict(text: &str) -> super::timeline::Act {
    Write("verdict", format!("{text}\n"))
}

#[test]
fn a_positive_weight() {
    let timeline =
        Timeline::new(config(100, "weight 20", "chk")).at(1500, verdict("1")).at(2500, verdict("0"));
    same(&timeline, 3600);
}

#[test]
fn a_negative_weight_of_the_reference() {
    let timeline = Timeline::new(config(100, "weight 20", "chk weight -30"))
        .at(1500, verdict("3"))
        .at(2500, verdict("0"));
    same(&timeline, 3630);
}

#[test]
fn a_reversed_weight() {
    let timeline =
        Timeline::new(config(100, "weight 20 reverse", "chk")).at(1500, verdict("1")).at(2500, verdict("0"));
    same(&timeline, 3600);
}

#[test]
fn weights_are_clamped() {
    let slower = config(240, "weight 20", "chk").replace("advert_int 0.2", "advert_int 0.3");
    same(&Timeline::new(slower).at(1500, verdict("1")), 2600);
}

#[test]
fn a_demoted_master_gives_way() {
    let timeline = Timeline::new(config(200, "weight -150", "chk")).at(500, verdict("1")).hear(
        140,
        150,
        3000,
        &v3(9, 100),
    );
    same(&timeline, 3300);
}

#[test]
fn a_promoted_backup_preempts() {
    let timeline = Timeline::new(config(90, "weight 50", "chk"))
        .from("Entering BACKUP STATE (init)")
        .hear(100, 200, 2000, &v3(9, 200))
        .hear(2000, 200, 2500, &v3(9, 120));
    same(&timeline, 4500);
}

#[test]
fn without_weight_a_failure_is_a_fault() {
    let timeline = Timeline::new(config(200, "", "chk"))
        .from("Starting VRRP child")
        .at(1500, verdict("7"))
        .at(2500, verdict("0"));
    same(&timeline, 4760);
}

#[test]
fn without_weight_a_first_failure_is_a_fault_from_the_start() {
    let text = config(200, "", "chk")
        .replace("DIR/chk", "DIR/chk wrong")
        .replace("script \"DIR/chk wrong\"", "script \"/bin/false\"");
    let timeline = Timeline::new(text)
        .from("Starting VRRP child")
        .except("FAULT", "keepalived says nothing until the first success");
    same(&timeline, 2500);
}

#[test]
fn init_fail_holds_in_fault_until_the_first_success() {
    let timeline = Timeline::new(config(200, "init_fail", "chk"))
        .from("Starting VRRP child")
        .except("FAULT", "keepalived says nothing until the first success");
    same(&timeline, 3560);
}

#[test]
fn rise_and_fall() {
    let timeline = Timeline::new(config(100, "weight 20\nrise 2\nfall 2", "chk"))
        .at(500, verdict("1"))
        .at(3500, verdict("0"));
    same(&timeline, 6610);
}

#[test]
fn a_failure_that_passes_before_fall_is_none() {
    let timeline =
        Timeline::new(config(100, "weight 20\nfall 2", "chk")).at(500, verdict("1")).at(1500, verdict("0"));
    same(&timeline, 3600);
}

#[test]
fn a_timeout_is_a_failure() {
    let timeline =
        Timeline::new(config(100, "weight 20\ntimeout 1", "chk").replace("interval 1", "interval 2"))
            .at(500, verdict("0 5"))
            .at(3500, verdict("0"));
    same(&timeline, 5610);
}

#[test]
fn a_reversed_verdict_without_weight() {
    let timeline = Timeline::new(config(200, "", "chk weight 0 reverse"))
        .from("Starting VRRP child")
        .at(1500, verdict("1"))
        .except("FAULT", "keepalived says nothing until the first success");
    same(&timeline, 3750);
}
