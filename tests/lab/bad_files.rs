//! Configuration files that are none: a diagnostic, and the exit code that keepalived has for it.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use crate::net::daemon::Daemon;
use crate::net::lan::Lan;
use crate::net::wait_for;
use crate::world::{Kind, Quiet, lab_dir, need, write_script};

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
    compare([Runs, Exit(0)], [Runs, Exit(0)], ["Startup complete"; 2], |path| {
        fs::write(path, GOOD).expect("a file")
    });
}

/// keepalived calls a file that is not there a good one under `-t`; vrrpd does not.
#[test]
fn a_missing_file() {
    compare(
        [Exit(6), Exit(0)],
        [Exit(6), Exit(4)],
        ["Config files missing", "there is no such file"],
        |_| {},
    );
}

#[test]
fn a_directory() {
    let make = |path: &Path| fs::create_dir(path).expect("a directory");
    compare([Exit(6), Exit(0)], [Exit(6), Exit(4)], ["is a directory"; 2], make);
}

/// Root may read every file, but nobody can open a socket as one.
#[test]
fn an_unreadable_file() {
    let make = |path: &Path| drop(UnixListener::bind(path).expect("a socket"));
    compare([Exit(6), Exit(0)], [Exit(6), Exit(4)], ["regular"; 2], make);
}

/// keepalived 2.2 takes the NUL for the end of the line and finds a parameter missing; vrrpd ignores the
/// line, as keepalived 2.4 does.
#[test]
fn nul_bytes() {
    let text = GOOD.replace("priority 150", "priority \0 150");
    compare([Exit(2); 2], [Runs, Exit(5)], ["embedded NULs"; 2], |path| {
        fs::write(path, text).expect("a file")
    });
}

/// keepalived is in the kernel for ten seconds with that: on its processor no packet gets to anybody else meanwhile.
#[test]
fn a_line_of_ten_megabytes() {
    let quiet = Quiet::wait();
    let text = format!("{} yes\n{GOOD}", "x".repeat(10_000_000));
    let write = |path: &Path| fs::write(path, text).expect("a file");
    compare_in(quiet.dir().path(), [Runs, Exit(5)], [Runs, Exit(5)], ["too long"; 2], write);
}

#[test]
fn a_file_that_includes_itself() {
    let text = format!("include x.conf\n{GOOD}");
    compare([Runs, Exit(5)], [Runs, Exit(5)], ["include"; 2], |path| fs::write(path, text).expect("a file"));
}

#[test]
fn all_byte_values() {
    let bytes: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(100);
    compare([Runs, Exit(5)], [Runs, Exit(5)], ["embedded NULs"; 2], |path| {
        fs::write(path, bytes).expect("a file")
    });
}

/// Started and under `-t`, keepalived and vrrpd end as told, and vrrpd says `words` about it.
fn compare(theirs: [Outcome; 2], ours: [Outcome; 2], words: [&str; 2], make: impl FnOnce(&Path)) {
    compare_in(lab_dir().path(), theirs, ours, words, make);
}

fn compare_in(
    dir: &Path,
    theirs: [Outcome; 2],
    ours: [Outcome; 2],
    words: [&str; 2],
    make: impl FnOnce(&Path),
) {
    need(&["keepalived"]);
    let lan = Lan::new(dir).expect("a LAN (is this root?)");
    let file = dir.join("x.conf");
    make(&file);
    // Which keepalived fills with a file that includes itself, and is busy with it for half a minute else.
    let limited = dir.join("limited");
    write_script(&limited, "#!/bin/sh\nulimit -n 64\nexec keepalived \"$@\"\n");
    for (kind, expected) in [(Kind::Keepalived, theirs), (Kind::Vrrpd, ours)] {
        let mut program = kind.program();
        if kind == Kind::Keepalived {
            program.path.clone_from(&limited);
        }
        for (mode, options) in [&[][..], &["-t"][..]].into_iter().enumerate() {
            let (expected, words) = (expected[mode], words[mode]);
            let name = format!("{}{}", kind.program().name, options.concat());
            let node = lan.machine(&name, if kind == Kind::Vrrpd { 1 } else { 2 }).expect("a machine");
            // An include is relative to the directory that the daemon was started in.
            let mut daemon = Daemon::start_in(&program, &node, dir, &file, options).expect("it starts");
            let outcome = outcome(&mut daemon);
            let log: String = daemon.log().chars().take(4000).collect();
            assert_eq!(outcome, expected, "{name}:\n{log}");
            let silent =
                kind == Kind::Vrrpd && !log.contains(words) && !(options == ["-t"] && outcome == Exit(0));
            assert!(!silent, "nothing about `{words}` in:\n{log}");
            if outcome == Runs {
                daemon.stop().expect("an orderly end");
            }
        }
    }
}

/// Waits until it has ended, or has been through its start for half a second.
fn outcome(daemon: &mut Daemon) -> Outcome {
    let started = |log: &str| log.contains("Startup complete") || log.contains("no configuration to run");
    for limit in [Duration::from_secs(90), Duration::from_millis(500)] {
        let ended = || match daemon.tree.wait(Duration::ZERO).expect("a child of ours") {
            Some(status) => Some(Some(status)),
            None => (limit > Duration::from_secs(1) && started(&daemon.log())).then_some(None),
        };
        if let Some(Some(status)) = wait_for(limit, ended) {
            return Exit(status.code().unwrap_or_else(|| panic!("killed: {status}\n{}", daemon.log())));
        }
    }
    Runs
}
