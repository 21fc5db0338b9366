//! `vrrpd plan`: what a reload would do, object by object, without doing it.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::args::node_name;
use crate::config::diff::ReloadPlan;
use crate::config::environment::{Described, Environment as _};
use crate::config::{Config, Loaded, load};
use crate::daemon::configuration::{self, Accepted};
use crate::daemon::files::DiskFiles;
use crate::daemon::identity::Identity;
use crate::daemon::options::Options;
use crate::daemon::running::Running;

/// The daemon cannot be asked.
const NO_DAEMON: u8 = 1;
/// The new configuration would be refused, and the old one stay.
const REFUSED: u8 = 2;
/// With `--exit-code`: something changes, and no client notices.
const CHANGES: u8 = 3;
/// With `--exit-code`: a client may notice.
const NOTICED: u8 = 4;

/// The question.
#[derive(Debug, clap::Args)]
#[command(
    about = "Print what a reload would do, object by object, and whether a client would notice",
    override_usage = "vrrpd plan [OPTION...] [[OLD] NEW]",
    after_help = "Without OLD the running daemon's configuration is compared, which is not that of its file when the \
                  last reload failed; without NEW it is compared with the file that the daemon would read. With both, \
                  nothing is asked of this machine or of a daemon. Exit code: 0, or with --exit-code 3 when something \
                  changes and 4 when a client may notice; 1 when the daemon cannot be asked; 2 when the new \
                  configuration would be refused."
)]
pub(super) struct Plan {
    /// The configurations: [OLD] NEW
    #[arg(value_name = "FILE", num_args = 0..=2, value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Pid file of the running daemon
    #[arg(short = 'p', long, value_name = "FILE", default_value = "/run/keepalived.pid", value_hint = clap::ValueHint::FilePath)]
    pid: PathBuf,
    /// Process id of the running daemon, instead of a pid file
    #[arg(long, value_name = "PID", conflicts_with = "pid")]
    process: Option<u32>,
    /// With OLD: selects lines that start with @ID; default: the name of this node
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: Format,
    /// Let the exit code say whether anything changes
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The answer for programs.
#[derive(Serialize)]
struct Report<'a> {
    /// Why the new configuration would be refused.
    refused: Option<&'a str>,
    /// Whether a client may notice anything.
    noticed: bool,
    #[serde(flatten)]
    plan: &'a ReloadPlan,
}

/// What runs, and what would.
struct Pair {
    old: Arc<Config>,
    new: Arc<Config>,
}

impl Plan {
    pub(super) fn run(self) -> Result<u8, u8> {
        let pair = match self.files.as_slice() {
            [old, new] => self.between(old, new),
            files => self.against_daemon(files.first().map(PathBuf::as_path)),
        };
        let pair = match pair {
            Ok(pair) => pair,
            Err((code, reason)) => {
                eprintln!("vrrpd: {reason}");
                if code == REFUSED {
                    self.print(Some(&reason), &ReloadPlan::default());
                }
                return Err(code);
            }
        };
        let plan = ReloadPlan::new(&pair.old, &pair.new);
        self.print(None, &plan);
        Ok(match (self.exit_code, plan.is_empty(), plan.noticed().next().is_some()) {
            (false, ..) | (true, true, _) => 0,
            (true, false, false) => CHANGES,
            (true, false, true) => NOTICED,
        })
    }

    fn print(&self, refused: Option<&str>, plan: &ReloadPlan) {
        let text = match self.format {
            Format::Text if refused.is_some() => return,
            Format::Text => plan.to_string(),
            Format::Json => {
                let noticed = plan.noticed().next().is_some();
                let report = Report { refused, noticed, plan };
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
            }
        };
        // A closed pipe is nobody's fault.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Two files, wherever they are to run.
    fn between(&self, old: &Path, new: &Path) -> Result<Pair, (u8, String)> {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let machine = Described {
            config_id: Some(self.config_id.clone().unwrap_or_else(node_name)),
            working_directory: std::env::current_dir().unwrap_or_default(),
            variables: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            ..Described::default()
        };
        let read = |path: &Path| {
            let loaded = load(path, &DiskFiles, &machine);
            match loaded.reason() {
                Some(reason) => {
                    show(&loaded);
                    Err((REFUSED, format!("{} does not run: {reason}", path.display())))
                }
                None => Ok(Arc::new(loaded.config)),
            }
        };
        Ok(Pair { old: read(old)?, new: read(new)? })
    }

    /// What the daemon would make of a file; `None`: of its own.
    fn against_daemon(&self, new: Option<&Path>) -> Result<Pair, (u8, String)> {
        let running = match self.process {
            Some(pid) => Running::process(pid),
            None => Running::of_pid_file(&self.pid),
        };
        let no_daemon = |reason: String| (NO_DAEMON, reason);
        let running = running.map_err(|error| no_daemon(error.to_string()))?;
        let recording = running.handover.recording();
        let old = Arc::new(running.handover.config());
        // Where relative paths start, for whoever gives none.
        let config_file = match new {
            Some(file) => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
            None => recording.working_directory().join(recording.main()),
        };
        let options = Options {
            config_file,
            config_id: recording.config_id().unwrap_or_default().to_owned(),
            all_config: recording.all_includes_must_be_there(),
            ..Options::default()
        };
        // What is asked of interfaces is asked where the daemon is.
        running.enter_network().map_err(|error| no_daemon(error.to_string()))?;
        let reading = configuration::read(&options);
        show(&reading.loaded);
        let (_, judged) = reading.judge();
        let refused = |reason: &str| (REFUSED, format!("would be refused: {reason}"));
        let accepted = judged.map_err(|problem| refused(&problem.reason))?;
        if let Some(objection) = accepted.objection(&old, running.handover.is_doubtful()) {
            return Err(refused(&objection));
        }
        let Accepted { config: new, .. } = accepted;
        let identity = Identity::new(&options, &old.global.daemon);
        match identity.contradictions(&options, &old.global, &new.global).into_iter().next() {
            Some(contradiction) => Err((REFUSED, contradiction)),
            None => Ok(Pair { old, new }),
        }
    }
}

/// What is wrong with a file that does not run; of one that does, `-t` tells.
fn show(loaded: &Loaded) {
    let colour = io::stderr().is_terminal();
    for diagnostic in loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_fatal()) {
        eprintln!("{}\n", diagnostic.render(&loaded.sources, colour));
    }
}
