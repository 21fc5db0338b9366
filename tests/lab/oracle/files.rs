//! Files whose number moves a priority or takes an instance out.

use super::packet::v3;
use super::timeline::Act::{Move, Reload, Remove, Write, WriteInPlace};
use super::timeline::{Act, Timeline};
use super::{first_at, same, v3_config};

/// The file `number`, with these words in its block, tracked with these words.
fn config(priority: u8, file: &str, entry: &str) -> String {
    format!(
        "track_file f {{\nfile DIR/number\n{file}\n}}\n{}",
        v3_config(priority, &format!("track_file {{\nf {entry}\n}}"))
    )
}

fn number(text: &str) -> Act {
    Write("number", text.to_owned())
}

#[test]
fn a_number_moves_the_priority() {
    let timeline = Timeline::new(config(100, "", ""))
        .at(1000, number("7\n"))
        .at(1400, number("-20"))
        .at(1800, number("300"))
        .at(2200, number("-99"))
        .at(2600, Remove("number"));
    let outcome = same(&timeline, 3000);
    first_at(&outcome, "LOG (VI_1) Changing effective priority from 100 to 107", 1_000_000);
}

#[test]
fn a_number_is_multiplied() {
    let timeline = Timeline::new(config(100, "weight -3", "weight 2 reverse"))
        .at(1000, number("10"))
        .at(1400, number("-70"));
    same(&timeline, 2000);
}

#[test]
fn numbers_are_written_in_every_way() {
    let timeline = Timeline::new(config(100, "", ""))
        .at(1000, WriteInPlace("number", " 12abc"))
        .at(1400, WriteInPlace("number", "0x10"))
        .at(1800, WriteInPlace("number", "010"))
        .at(2200, WriteInPlace("number", "99999999999"))
        .at(2600, WriteInPlace("number", "foo"));
    same(&timeline, 3040);
}

#[test]
fn a_file_is_moved_away_and_back() {
    let timeline = Timeline::new(config(100, "init_file 5", ""))
        .at(1000, Move("number", "elsewhere"))
        .at(1400, Move("elsewhere", "number"));
    same(&timeline, 2010);
}

#[test]
fn a_low_number_is_a_fault_until_it_is_higher() {
    let timeline = Timeline::new(config(200, "", ""))
        .at(900, number("20"))
        .at(1300, number("-300"))
        .at(1700, number("-400"))
        .at(2100, number("-5"));
    same(&timeline, 3650);
}

#[test]
fn without_weight_any_number_is_a_fault() {
    let timeline = Timeline::new(config(200, "weight 0", ""))
        .at(900, number("1"))
        .at(1300, number("-1"))
        .at(1700, number("0"));
    same(&timeline, 3240);
}

#[test]
fn reversed_and_without_weight_0_is_a_fault() {
    let timeline = Timeline::new(config(200, "weight 0 reverse\ninit_file 1", ""))
        .at(900, number("0"))
        .at(1300, number("1"));
    same(&timeline, 2840);
}

#[test]
fn a_number_from_before_the_start_counts_from_the_start() {
    same(&Timeline::new(config(100, "init_file -50", "weight 2")), 2100);
}

#[test]
fn a_fault_from_before_the_start() {
    let timeline = Timeline::new(config(200, "init_file 1", "weight 0"))
        .from("Starting VRRP child")
        .except("FAULT", "said in other words by both, for every fault at the start")
        .at(1500, number("0"));
    same(&timeline, 3050);
}

#[test]
fn a_demoted_master_gives_way() {
    let timeline =
        Timeline::new(config(200, "", "")).at(900, number("-150")).hear(1340, 200, 3000, &v3(9, 100));
    same(&timeline, 3300);
}

#[test]
fn an_owner_has_no_weights() {
    let timeline = Timeline::new(config(255, "", ""))
        .from("Entering MASTER STATE")
        .except("Receive advertisement timeout", "keepalived's owner says so at its start, without waiting")
        .at(900, number("7"));
    same(&timeline, 1500);
}

#[test]
fn a_reload_that_changes_nothing_about_it_moves_nothing() {
    let text = config(100, "", "");
    let timeline = Timeline::new(text.clone())
        .except("priority from 100 to 120", "keepalived says it again")
        .except("setting VIPs", "keepalived says it again")
        .at(1000, number("20"))
        // When an advert is due: keepalived counts its interval anew from there.
        .at(1500, Reload(text))
        .at(2100, number("30"));
    same(&timeline, 2600);
}
