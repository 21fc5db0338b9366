//! The same life for keepalived and for vrrpd, at the same moment, and the same outcome.
//!
//! Each daemon runs alone on a LAN of its own. A [`timeline::Timeline`] says what arrives and what breaks,
//! and when; what the daemon sends, adds, removes and logs is compared by words and times.
//! `ORACLE_SHOW=1` prints the table of both lives even when they agree.

mod lines;
mod outcome;
mod packet;
mod timeline;

mod announce;
mod election;
mod files;
mod groups;
mod interval;
mod links;
mod preempt;
mod receive;
mod reload;
mod scripts;
mod stop;

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use crate::world::Kind;
use outcome::Outcome;
use timeline::Timeline;

/// Lets both daemons live through the timeline until `end` milliseconds; fails where they differ.
///
/// A busy machine may make one of them late: only what differs in each of several lives is a difference,
/// and a life in which the machine stood still proves nothing.
#[track_caller]
fn same(timeline: &Timeline, end: u64) -> Outcome {
    let mut table = String::new();
    let mut undisturbed = 0;
    let mut agreed = None;
    for _ in 0..LIVES {
        let (oracle, ours) = thread::scope(|s| {
            let oracle = s.spawn(|| timeline.play(Kind::Keepalived, end));
            let ours = s.spawn(|| timeline.play(kind(), end));
            (
                oracle.join().expect("keepalived's life is played"),
                ours.join().expect("vrrpd's life is played"),
            )
        });
        let same;
        (same, table) = outcome::compare(&oracle, &ours, timeline.tolerance);
        let _ = writeln!(table, "  {:>10.3} {:>8.3}  gone", oracle.end.as_secs_f64(), ours.end.as_secs_f64());
        let stall = oracle.stall.max(ours.stall);
        let _ = writeln!(table, "  the machine stood still for {stall:?}\n{}", timeline.story());
        if std::env::var_os("ORACLE_SHOW").is_some() {
            println!("{table}");
        }
        if same && ours.end <= oracle.end + timeline.tolerance {
            // Both may have been late by the same time, and the test still asks when it was.
            if stall < timeline.tolerance {
                return oracle;
            }
            agreed = Some(oracle);
            continue;
        }
        undisturbed += u32::from(stall < timeline.tolerance / 2);
        if undisturbed == ENOUGH {
            break;
        }
    }
    agreed.unwrap_or_else(|| panic!("the daemons differ:\n{table}"))
}

/// How many lives they get on a machine that keeps standing still.
const LIVES: u32 = 8;
/// How many undisturbed lives are enough to say that they differ.
const ENOUGH: u32 = 3;

/// An instance `VI_1` of VRRPv3 every 200 ms: master after 0.6 s and its skew.
fn v3_config(priority: u8, more: &str) -> String {
    config("VI_1", 51, &format!("version 3\nadvert_int 0.2\npriority {priority}\n{more}"), "10.99.0.100/24")
}

/// An instance `VI_1` of VRRPv2 every second.
fn v2_config(priority: u8, more: &str) -> String {
    config("VI_1", 51, &format!("advert_int 1\npriority {priority}\n{more}"), "10.99.0.100/24")
}

fn config(name: &str, vrid: u8, more: &str, vips: &str) -> String {
    format!(
        "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n{more}\n\
         virtual_ipaddress {{\n{vips}\n}}\n}}\n"
    )
}

fn kind() -> Kind {
    if std::env::var_os("ORACLE_SELF").is_some() { Kind::Keepalived } else { Kind::Vrrpd }
}

/// `assert!` that keepalived did it first at this moment, so that the timeline tests what it says.
#[track_caller]
fn first_at(outcome: &Outcome, words: &str, micros: u64) {
    let times = outcome.times(words);
    let expected = Duration::from_micros(micros);
    let first = times.first().unwrap_or_else(|| panic!("no `{words}`"));
    assert!(
        first.abs_diff(expected) < Duration::from_millis(60),
        "`{words}` at {first:?}, expected {expected:?}"
    );
}
