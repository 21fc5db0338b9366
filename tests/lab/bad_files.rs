//! Configuration files that are none: a diagnostic, and the exit code that keepalived has for it.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use crate::net::daemon::Daemon;
use crate::net::lan::Lan;
use crate::world::{Kind, lab_dir, need};

const GOOD: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

/// How a daemon takes a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Exit(i32),
    Runs,
}

use Outcome::{Exit, Runs};

#[test]
fn a_good_file() {
    compare(Runs, Exit(0), None, |path| fs::write(path, GOOD).expect("a file"));
}

#[test]
fn a_missing_file() {
    compare(Exit(6), Exit(0), Some("x.conf"), |_| {});
}

#[test]
fn a_directory() {
    compare(Exit(6), Exit(0), Some("x.conf"), |path| fs::create_dir(path).expect("a directory"));
}

/// Root may read every file, but nobody can open a socket as one.
#[test]
fn an_unreadable_file() {
    compare(Exit(6), Exit(0), Some("x.conf"), |path| drop(UnixListener::bind(path).expect("a socket")));
}

#[test]
fn nul_bytes() {
    let text = GOOD.replace("priority 150", "priority \0 150");
    compare(Exit(2), Exit(2), Some("priority"), |path| fs::write(path, text).expect("a file"));
}

#[test]
fn a_line_of_ten_megabytes() {
    let text = format!("{} yes\n{GOOD}", "x".repeat(10_000_000));
    compare(Runs, Exit(5), Some("xxxxx"), |path| fs::write(path, text).expect("a file"));
}

#[test]
fn a_file_that_includes_itself() {
    let text = format!("include x.conf\n{GOOD}");
    compare(Runs, Exit(5), Some("include"), |path| fs::write(path, text).expect("a file"));
}

#[test]
fn all_byte_values() {
    let bytes: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(100);
    compare(Runs, Exit(5), Some("nknown keyword"), |path| fs::write(path, bytes).expect("a file"));
}

/// Both daemons take the file as expected, and vrrpd says `words` about it.
fn compare(run: Outcome, test: Outcome, words: Option<&str>, make: impl FnOnce(&Path)) {
    need(&["keepalived"]);
    let dir = lab_dir();
    let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
    let file = dir.path().join("x.conf");
    make(&file);
    for kind in [Kind::Keepalived, Kind::Vrrpd] {
        let node =
            lan.machine(kind.program().name, if kind == Kind::Vrrpd { 1 } else { 2 }).expect("a machine");
        for (options, expected) in [(&[][..], run), (&["-t"][..], test)] {
            // An include is relative to the directory that the daemon was started in.
            let mut daemon =
                Daemon::start_in(&kind.program(), &node, dir.path(), &file, options).expect("it starts");
            let limit = if expected == Runs { Duration::from_secs(2) } else { Duration::from_secs(20) };
            let status = daemon.tree.wait(limit).expect("a child of ours");
            let outcome = match status.map(|s| s.code()) {
                None => Runs,
                Some(Some(code)) => Exit(code),
                Some(None) => panic!("{} was killed: {status:?}\n{}", kind.program().name, daemon.log()),
            };
            let log: String = daemon.log().chars().take(4000).collect();
            assert_eq!(outcome, expected, "{} {options:?}:\n{log}", kind.program().name);
            if kind == Kind::Vrrpd {
                assert!(words.is_none_or(|w| log.contains(w)), "nothing about {words:?} in:\n{log}");
            }
            if outcome == Runs {
                daemon.stop().expect("an orderly end");
            }
        }
    }
}
