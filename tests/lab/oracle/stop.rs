//! Signals that end a daemon. Every other timeline ends with TERM as well.

use nix::sys::signal::Signal;

use super::packet::v3;
use super::timeline::{Act, Timeline};
use super::{config, first_at, same, v3_config};

#[test]
fn term_as_master() {
    let outcome = same(&Timeline::new(v3_config(200, "")), 1300);
    first_at(&outcome, "ADVERT 0 ", 1_300_000);
    first_at(&outcome, "-10.99.0.100", 1_300_000);
    first_at(&outcome, "EXIT Some(0)", 1_300_000);
}

#[test]
fn term_as_backup() {
    let outcome = same(&Timeline::new(v3_config(100, "")).hear(100, 200, 1200, &v3(9, 200)), 1300);
    assert!(outcome.times("ADVERT").is_empty());
}

#[test]
fn int_as_master() {
    let timeline = Timeline::new(v3_config(200, "")).at(1300, Act::Signal(Signal::SIGINT));
    first_at(&same(&timeline, 3000), "ADVERT 0 ", 1_300_000);
}

#[test]
fn term_with_three_instances() {
    let text = (1..=3).fold(String::new(), |text, n| {
        let more = format!("version 3\nadvert_int 0.2\npriority {}", 190 + n);
        text + &config(&format!("VI_{n}"), 50 + n, &more, &format!("10.99.0.{}/24", 100 + n))
    });
    same(&Timeline::new(text), 1300);
}

#[test]
fn signals_that_change_nothing() {
    let timeline = Timeline::new(v3_config(200, ""))
        .at(1000, Act::Signal(Signal::SIGQUIT))
        .at(1100, Act::Signal(Signal::SIGPIPE))
        .at(1200, Act::Signal(Signal::SIGALRM));
    same(&timeline, 1740);
}
