//! What a takeover costs beyond the wait that the protocol demands: vrrpd and keepalived in one run.
//!
//! `cargo run --release --example takeover [ROUNDS]`
//!
//! Needs keepalived in the `PATH`, and root or unprivileged user namespaces. Takes a minute for the twenty
//! rounds of the default. The exit status is 1 if a measurement failed.

#[path = "../tests/lab/net/mod.rs"]
#[allow(dead_code)]
mod net;
#[path = "failover/release.rs"]
mod release;
#[path = "../tests/lab/takeover_cost.rs"]
mod takeover_cost;

use std::env;
use std::io;
use std::process::ExitCode;

use net::daemon::Program;
use takeover_cost::{Bench, run, table};

fn main() -> ExitCode {
    match measure() {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("takeover: {e}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> io::Result<String> {
    let rounds = match env::args().nth(1) {
        None => 20,
        Some(word) => word.parse().map_err(|_| io::Error::other("usage: takeover [ROUNDS]"))?,
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let keepalived = places.map(|dir| dir.join("keepalived")).find(|p| p.is_file());
    let keepalived = keepalived.ok_or_else(|| io::Error::other("keepalived is not installed"))?;
    let vrrpd = release::binary()?;
    net::become_root()?;
    let dir = tempfile::TempDir::with_prefix("vrrpd-takeover.")?;
    let mut benches = [
        Bench::new(dir.path(), Program { name: "keepalived", path: keepalived })?,
        Bench::new(dir.path(), Program { name: "vrrpd", path: vrrpd })?,
    ];
    run(&mut benches, rounds)?;
    Ok(format!("{rounds} takeovers each, in turn, VRRPv3 at 100 ms; median and worst\n{}", table(&benches)))
}
