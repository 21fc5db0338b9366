//! The configuration of this run: read from disk, checked against this machine, reported.

use std::time::Duration;

use crate::config::dump::{Runtime, dump, dump_bfd, dump_lvs};
use crate::config::{self, Config, Loaded};
use crate::daemon::files::DiskFiles;
use crate::daemon::logging::LogHandle;
use crate::daemon::machine::Machine;
use crate::daemon::options::Options;
use crate::daemon::script_security;

/// Reads what `-f` names, without a word.
#[must_use]
pub fn load(options: &Options) -> Loaded {
    config::load(&options.config_file, &DiskFiles, &Machine::with_options(options))
}

/// Logs all problems of a configuration, in keepalived's form, and drops the scripts that may not
/// run.
///
/// # Errors
/// The exit code of a daemon that cannot run with it.
pub fn report(loaded: Loaded) -> Result<Config, u8> {
    for line in loaded.diagnostics.iter().flat_map(|problem| problem.classic_lines(&loaded.sources)) {
        tracing::info!("{line}");
    }
    if let Some(code) = loaded.run_exit_code() {
        return Err(code);
    }
    let vetted = script_security::vet(loaded);
    for line in vetted.lines() {
        tracing::info!("{line}");
    }
    Ok(vetted.config)
}

/// [`load`] and [`report`].
///
/// # Errors
/// The exit code of a daemon that cannot run with it.
pub fn read(options: &Options) -> Result<Config, u8> {
    report(load(options))
}

/// `-d`: logs the configuration as it was understood, before anything runs with it. Waits for the
/// log now and then, so that a long dump arrives whole.
pub fn log_dump(config: &Config, log: &LogHandle) {
    const LINES_AT_A_TIME: usize = 1000;
    let text = dump_bfd(config) + &dump(config, &Runtime::default()) + &dump_lvs(config);
    for (number, line) in text.lines().enumerate() {
        tracing::info!("{line}");
        if number % LINES_AT_A_TIME == LINES_AT_A_TIME - 1 {
            log.flush(Duration::from_secs(1));
        }
    }
}
