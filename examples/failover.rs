//! Two nodes, one address, and all that can happen to them, on this machine and in a minute.
//!
//! `cargo run --release --example failover`
//!
//! Runs the real `vrrpd` on the files in `examples/conf/failover`, on two nodes that are network
//! namespaces, and asks the shared address a thousand times a second from a third one. Needs root or a
//! kernel that allows unprivileged user namespaces; no other program, and nothing outside the
//! namespaces is touched. `--daemon PATH` runs another daemon with keepalived's command line instead,
//! `--short` leaves out the second act. The exit status is 1 if anything did not fail over.

#[path = "../tests/lab/net/mod.rs"]
#[allow(dead_code)]
mod net;
#[path = "failover/play.rs"]
mod play;
#[path = "failover/release.rs"]
mod release;
#[path = "failover/stage.rs"]
mod stage;
#[path = "failover/view.rs"]
mod view;

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use net::daemon::Program;
use play::{Act, Row};
use view::View;

fn main() -> ExitCode {
    let view = View::new();
    match run(&view) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            view.complain(&e);
            ExitCode::FAILURE
        }
    }
}

fn run(view: &View) -> io::Result<bool> {
    let mut daemon = None;
    let mut short = false;
    let mut words = env::args_os().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--daemon") => daemon = words.next().map(PathBuf::from),
            Some("--short") => short = true,
            _ => return Err(io::Error::other("usage: failover [--short] [--daemon PATH]")),
        }
    }
    let path = match daemon {
        Some(path) => std::path::absolute(path)?,
        None => {
            view.note("building the release binary …");
            release::binary()?
        }
    };
    let program = Program { name: "vrrpd", path };
    net::become_root().map_err(|e| {
        io::Error::other(format!(
            "network namespaces need root, or a kernel that gives unprivileged users a user namespace: {e}"
        ))
    })?;
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/conf/failover");
    let slow =
        Act { title: "VRRPv2, an advert every second", files: ["a.conf", "b.conf"], adverts_per_second: 1 };
    let fast = Act {
        title: "VRRPv3, an advert every 100 ms",
        files: ["a-fast.conf", "b-fast.conf"],
        adverts_per_second: 10,
    };
    let mut columns: Vec<(&str, Vec<Row>)> = Vec::new();
    for act in if short { vec![slow] } else { vec![slow, fast] } {
        columns.push((act.title, play::perform(&act, &program, &conf, view)?));
    }
    view.table(&columns);
    Ok(columns.iter().all(|(_, rows)| rows.iter().all(|row| row.good)))
}
