//! The release binary of vrrpd, as an example finds it.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The release binary, built now if it is missing or stale.
///
/// Without cargo's environment the binary beside the example's directory has to do.
pub(crate) fn binary() -> io::Result<PathBuf> {
    let Some(cargo) = env::var_os("CARGO") else {
        let beside = env::current_exe()?.with_file_name("../vrrpd");
        let found = beside.canonicalize();
        return found.map_err(|e| {
            io::Error::other(format!("start this with `cargo run`: {}: {e}", beside.display()))
        });
    };
    let out = Command::new(cargo)
        .args(["build", "--release", "--bin", "vrrpd", "--quiet", "--message-format=json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    let messages = String::from_utf8_lossy(&out.stdout);
    let path = messages.split("\"executable\":\"").nth(1).and_then(|rest| rest.split('"').next());
    match path.filter(|_| out.status.success()) {
        Some(path) => Ok(path.into()),
        None => Err(io::Error::other(format!("cargo build --release --bin vrrpd: {}", out.status))),
    }
}
