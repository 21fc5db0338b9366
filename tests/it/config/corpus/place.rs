//! Where there is a corpus of real files, and what it means that there is none.

use std::path::PathBuf;

/// Where real keepalived.conf files lie: `VRRPD_CORPUS`, or a directory beside the project.
pub(crate) fn corpus() -> PathBuf {
    match std::env::var_os("VRRPD_CORPUS") {
        Some(path) => path.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
    }
}

/// Says that there is no corpus, and fails where there must be one.
pub(crate) fn absent(consequence: &str) {
    let message = format!("no corpus at {} (set VRRPD_CORPUS): {consequence}", corpus().display());
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
    eprintln!("{message}");
}
