//! The configuration of this run: read from disk, checked against this machine, reported.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::config::dump::{Runtime, dump, dump_bfd, dump_lvs};
use crate::config::{self, Class, Config, Diagnostic, Loaded, Passwords, Recording};
use crate::daemon::files::DiskFiles;
use crate::daemon::handover::Handover;
use crate::daemon::logging::LogHandle;
use crate::daemon::machine::Machine;
use crate::daemon::options::Options;
use crate::sys::process;

/// Reads what `-f` names, without a word.
#[must_use]
pub fn load(options: &Options) -> Loaded {
    config::load(&options.config_file, &DiskFiles, &Machine::with_options(options))
}

/// The same, and keeps all that there was to read.
#[must_use]
pub fn read(options: &Options) -> Reading {
    let (loaded, recording) =
        config::record(&options.config_file, &DiskFiles, &Machine::with_options(options));
    Reading { loaded, recording }
}

/// A reading that was made before.
#[must_use]
pub fn again(recording: Recording) -> Reading {
    Reading { loaded: recording.load(), recording }
}

/// [`read`] in the network namespace that the command line or the configuration names, and leaves the
/// process there: what is said of interfaces is said of those in it.
///
/// # Errors
/// When it cannot be entered.
pub fn read_where_it_runs(options: &Options) -> Result<Reading, NoNamespace> {
    if let Some(name) = &options.namespace {
        enter(name)?;
        return Ok(read(options));
    }
    let reading = read(options);
    match &reading.loaded.config.global.daemon.net_namespace {
        Some(name) => {
            enter(name)?;
            Ok(read(options))
        }
        None => Ok(reading),
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

/// A configuration that has been read, and nothing more.
#[derive(Debug)]
pub struct Reading {
    /// What was understood.
    pub loaded: Loaded,
    recording: Recording,
}

/// A configuration that can run.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What runs.
    pub config: Arc<Config>,
    /// How it came about.
    pub handover: Handover,
    /// Why it looks like a part of a file only.
    pub doubt: Option<String>,
    /// The exit code of `-t`.
    pub test_exit_code: u8,
}

impl Accepted {
    /// Why it does not take the place of one that runs, `before`, which may have been doubtful itself.
    ///
    /// A file that is being written must not take addresses away; one that has always been like that runs.
    #[must_use]
    pub fn objection(&self, before: &Config, was_doubtful: bool) -> Option<String> {
        if let Some(log) = &before.global.files.reload_check_config
            && self.test_exit_code != 0
        {
            return Some(format!("New config failed validation, see {log} for details"));
        }
        self.doubt.clone().filter(|_| !was_doubtful)
    }
}

/// A configuration that cannot run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The exit code of a daemon that is started with it.
    pub code: u8,
    /// Where and why, in one line.
    pub reason: String,
}

impl Reading {
    /// What was read, in one text without includes, conditions and definitions; with its passwords.
    #[must_use]
    pub fn written_out(&self) -> String {
        let Self { recording, .. } = self;
        let expanded = config::expand(recording.main(), recording, recording, Passwords::Shown);
        format!("# {}\n{}", recording.main().display(), expanded.text)
    }

    /// Drops the scripts that may not run; gives what there is to say of all problems, in keepalived's form,
    /// and whether keepalived would run this.
    pub fn judge(self) -> (Vec<String>, Result<Accepted, Refused>) {
        let Self { loaded, recording } = self;
        let lines = loaded.diagnostics.iter().flat_map(|problem| problem.classic_lines(&loaded.sources));
        let mut lines: Vec<String> = lines.collect();
        if let Some(code) = loaded.run_exit_code() {
            return (lines, Err(Refused { code, reason: loaded.reason().unwrap_or_default() }));
        }
        let (doubt, code) = (loaded.doubt(), loaded.test_exit_code());
        let (vetted, handover) = Handover::vet(loaded, recording);
        let test_exit_code = vetted.test_exit_code(code);
        lines.extend(vetted.lines());
        (lines, Ok(Accepted { config: Arc::new(vetted.config), handover, doubt, test_exit_code }))
    }

    /// The same, and logs what there is to say.
    ///
    /// # Errors
    /// keepalived would not run this.
    pub fn accept(self) -> Result<Accepted, Refused> {
        let (lines, judged) = self.judge();
        lines.iter().for_each(|line| tracing::info!("{line}"));
        judged
    }
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
