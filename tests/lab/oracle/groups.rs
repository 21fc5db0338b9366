//! Sync groups.

use super::packet::v3;
use super::timeline::{
    Act::{Hear, Link, Reload, Write},
    Timeline,
};
use super::{config, first_at, same};

/// VI_1 and VI_2 in group G1, with these lines in the group, in VI_1 and in VI_2; VRRPv3 every 200 ms.
fn group(lines: &str, first: &str, second: &str) -> String {
    let instance =
        |name, vrid, vip, more: &str| config(name, vrid, &format!("version 3\nadvert_int 0.2\n{more}"), vip);
    format!(
        "vrrp_sync_group G1 {{\ngroup {{\nVI_1\nVI_2\n}}\n{lines}\n}}\n{}{}",
        instance("VI_1", 51, "10.99.0.100/24", first),
        instance("VI_2", 52, "10.99.0.101/24", second)
    )
}

/// Priorities 200 and 150: VI_2 is ready last, and both are master after 683 ms.
fn plain(lines: &str) -> String {
    group(lines, "priority 200", "priority 150")
}

/// With a script `chk` every second.
fn scripted(script: &str, text: &str) -> String {
    format!(
        "global_defs {{\nscript_user root\nenable_script_security\n}}\n\
         vrrp_script chk {{\nscript \"DIR/chk\"\ninterval 1\n{script}\n}}\n{text}"
    )
}

fn verdict(text: &str) -> super::timeline::Act {
    Write("verdict", format!("{text}\n"))
}

fn second(from: u8, priority: u8) -> super::packet::Packet {
    v3(from, priority).vrid(52).vips(&[101])
}

/// keepalived changes the state of a backup that another takes into FAULT without a line of its own.
const SILENT_FAULT: (&str, &str) =
    ("(VI_1) Entering FAULT STATE", "keepalived forgets to say it of a backup");

#[test]
fn the_last_one_to_wait_begins_and_the_other_follows() {
    let outcome = same(&Timeline::new(group("", "priority 200", "priority 100")), 1820);
    first_at(&outcome, "ADVERT 100", 721_875);
    first_at(&outcome, "ADVERT 200", 721_875);
}

#[test]
fn the_first_in_the_list_may_be_the_last_to_wait() {
    let outcome = same(&Timeline::new(group("", "priority 100", "priority 200")), 1830);
    first_at(&outcome, "ADVERT 200", 721_875);
}

#[test]
fn one_that_hears_a_master_holds_the_other() {
    let timeline = Timeline::new(plain("")).hear(100, 200, 2000, &second(9, 250));
    first_at(&same(&timeline, 3480), "ADVERT 200", 1_900_000 + 682_812);
}

#[test]
fn a_lower_advert_to_one_does_not_make_it_preempt_alone() {
    let timeline =
        Timeline::new(plain("")).hear(130, 150, 3000, &v3(9, 100)).hear(100, 200, 2000, &second(9, 250));
    first_at(&same(&timeline, 3490), "ADVERT 200", 1_900_000 + 682_812);
}

#[test]
fn they_preempt_together() {
    // Neither near the timeouts of the two nor at their first announcements.
    let timeline =
        Timeline::new(plain("")).hear(80, 170, 1000, &v3(9, 100)).hear(80, 170, 1000, &second(9, 100));
    first_at(&same(&timeline, 2030), "ADVERT 200", 682_812);
}

#[test]
fn nopreempt_of_one_holds_both() {
    let timeline = Timeline::new(group("", "priority 200", "priority 150\nnopreempt"))
        .hear(100, 200, 2000, &v3(9, 100))
        .hear(100, 200, 2000, &second(9, 100));
    first_at(&same(&timeline, 3300), "ADVERT 200", 1_900_000 + 682_812);
}

#[test]
fn preempt_delay_of_one_holds_both() {
    let timeline = Timeline::new(group("", "priority 200", "priority 150\npreempt_delay 1"))
        .hear(130, 150, 1500, &v3(9, 100))
        .hear(130, 150, 1500, &second(9, 100));
    same(&timeline, 3040);
}

#[test]
fn a_better_master_of_one_takes_both_down() {
    let timeline = Timeline::new(plain("")).hear(1780, 200, 2500, &second(9, 250));
    same(&timeline, 4200);
}

#[test]
fn priority_zero_to_one_shortens_its_wait_only() {
    let timeline = Timeline::new(plain(""))
        .hear(100, 200, 1200, &v3(9, 250))
        .hear(100, 200, 1200, &second(9, 250))
        .at(1200, Hear(second(9, 0)));
    first_at(&same(&timeline, 2850), "ADVERT 200", 1_100_000 + 682_812);
}

#[test]
fn priority_zero_to_both() {
    let timeline = Timeline::new(plain(""))
        .hear(100, 200, 1200, &v3(9, 250))
        .hear(100, 200, 1200, &second(9, 250))
        .at(1200, Hear(v3(9, 0)))
        .at(1200, Hear(second(9, 0)));
    first_at(&same(&timeline, 2800), "ADVERT 200", 1_200_000 + 82_812);
}

#[test]
fn a_lower_advert_to_a_master_makes_both_announce() {
    let text = group("", "priority 200", "priority 150\ngarp_lower_prio_repeat 2\ngarp_lower_prio_delay 1");
    same(&Timeline::new(text).at(1780, Hear(v3(9, 100))).at(3340, Hear(second(9, 100))), 5060);
}

#[test]
fn a_link_of_one_is_a_fault_of_both() {
    let timeline = Timeline::new(group("", "priority 200", "priority 150\ntrack_interface {\nlo\n}"))
        .at(1780, Link("lo", false))
        .at(2780, Link("lo", true));
    same(&timeline, 4370);
}

#[test]
fn a_link_of_one_that_is_backup_is_a_fault_of_both() {
    let timeline = Timeline::new(group("", "priority 200", "priority 150\ntrack_interface {\nlo\n}"))
        .hear(100, 200, 3000, &v3(9, 250))
        .hear(100, 200, 3000, &second(9, 250))
        .at(1780, Link("lo", false))
        .at(2780, Link("lo", true))
        .except(SILENT_FAULT.0, SILENT_FAULT.1);
    same(&timeline, 4490);
}

#[test]
fn a_link_of_the_group_is_a_fault_of_both() {
    let timeline = Timeline::new(plain("track_interface {\nlo\n}"))
        .at(1780, Link("lo", false))
        .at(2780, Link("lo", true));
    same(&timeline, 4370);
}

#[test]
fn their_own_link_is_a_fault_of_both() {
    let timeline = Timeline::new(plain("")).at(1780, Link("eth0", false)).at(2780, Link("eth0", true));
    same(&timeline, 4360);
}

#[test]
fn a_weight_of_the_group_moves_both() {
    let timeline = Timeline::new(plain("track_interface {\nlo weight -50\n}"))
        .at(1780, Link("lo", false))
        .at(2780, Link("lo", true));
    same(&timeline, 3600);
}

/// keepalived says that it ignores such a weight.
#[test]
fn a_weight_of_an_interface_of_one_counts_all_the_same() {
    let timeline =
        Timeline::new(group("", "priority 200", "priority 150\ntrack_interface {\nlo weight -50\n}"))
            .at(1780, Link("lo", false))
            .at(2780, Link("lo", true));
    same(&timeline, 4390);
}

#[test]
fn a_weight_of_one_counts_where_the_group_says_so() {
    let text = group(
        "sync_group_tracking_weight",
        "priority 200",
        "priority 200\ntrack_interface {\nlo weight -50\n}",
    );
    same(&Timeline::new(text).at(1780, Link("lo", false)).at(2780, Link("lo", true)), 3740);
}

#[test]
fn none_begins_before_the_script_of_one_has_ended() {
    let text = scripted("", &group("", "priority 200", "priority 150\ntrack_script {\nchk\n}"));
    same(&Timeline::new(text).from("VRRP_Script(chk) succeeded"), 2580);
}

#[test]
fn a_script_of_one_is_a_fault_of_both() {
    let text = scripted("", &group("", "priority 200", "priority 150\ntrack_script {\nchk\n}"));
    let timeline =
        Timeline::new(text).from("VRRP_Script(chk) succeeded").at(1500, verdict("7")).at(2500, verdict("0"));
    same(&timeline, 4600);
}

#[test]
fn a_script_of_the_group_is_a_fault_of_both() {
    let text = scripted("", &plain("track_script {\nchk\n}"));
    let timeline =
        Timeline::new(text).from("VRRP_Script(chk) succeeded").at(1500, verdict("7")).at(2500, verdict("0"));
    same(&timeline, 4600);
}

#[test]
fn a_weighted_script_of_the_group_moves_both() {
    let text = scripted("weight -30", &plain("track_script {\nchk\n}"));
    same(&Timeline::new(text).at(1500, verdict("1")).at(2500, verdict("0")), 3600);
}

#[test]
fn owners_are_master_at_once() {
    let owner = "state MASTER\npriority 255";
    let timeline = Timeline::new(group("", owner, owner))
        .from("Entering MASTER STATE")
        .except("Receive advertisement timeout", "an owner waits for no advert, and vrrpd does not say so");
    first_at(&same(&timeline, 1100), "ADVERT 255", 0);
}

#[test]
fn the_same_file_again() {
    let timeline = Timeline::new(plain("")).at(1255, Reload(plain("")));
    let timeline = timeline.except("setting VIPs.", "keepalived sets all of them again");
    same(&timeline, 2200);
}
