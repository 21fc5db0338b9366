//! The configuration of this run: read from disk, checked against this machine, reported.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::config::dump::{Runtime, dump, dump_bfd, dump_lvs};
use crate::config::{self, Class, Config, Diagnostic, Loaded};
use crate::daemon::files::DiskFiles;
use crate::daemon::logging::LogHandle;
use crate::daemon::machine::Machine;
use crate::daemon::options::Options;
use crate::daemon::script_security;
use crate::sys::process;

/// Reads what `-f` names, without a word.
#[must_use]
pub fn load(options: &Options) -> Loaded {
    config::load(&options.config_file, &DiskFiles, &Machine::with_options(options))
}

/// The same, in the network namespace that the command line or the configuration names, and leaves the
/// process there: what is said of interfaces is said of those in it.
///
/// # Errors
/// When it cannot be entered.
pub fn load_where_it_runs(options: &Options) -> Result<Loaded, NoNamespace> {
    if let Some(name) = &options.namespace {
        enter(name)?;
        return Ok(load(options));
    }
    let loaded = load(options);
    match &loaded.config.global.daemon.net_namespace {
        Some(name) => {
            enter(name)?;
            Ok(load(options))
        }
        None => Ok(loaded),
    }
}

fn enter(name: &str) -> Result<(), NoNamespace> {
    process::enter_network_namespace(name).map_err(|error| NoNamespace { name: name.to_owned(), error })
}

/// A network namespace that cannot be entered.
#[derive(Debug)]
pub struct NoNamespace {
    name: String,
    error: io::Error,
}

impl NoNamespace {
    /// For `-t`.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let Self { name, error } = self;
        Diagnostic::error(
            "no-namespace",
            None,
            format!("network namespace `{name}` cannot be entered: {error}"),
        )
        .classic(format!("Unable to set network namespace {name} - exiting"))
        .class(Class::Unusable)
        .help("`ip netns list` names those that there are")
    }
}

impl fmt::Display for NoNamespace {
    /// keepalived's line, and the reason in one of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unable to set network namespace {} - exiting\n  {}", self.name, self.error)
    }
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
    let text = dump_bfd(config, &BTreeMap::new()) + &dump(config, &Runtime::default()) + &dump_lvs(config);
    for (number, line) in text.lines().enumerate() {
        tracing::info!("{line}");
        if number % LINES_AT_A_TIME == LINES_AT_A_TIME - 1 {
            log.flush(Duration::from_secs(1));
        }
    }
}
