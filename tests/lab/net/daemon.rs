//! A VRRP daemon on a machine. Which one is a parameter: both take the same file and options.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use vrrpd::sys::clock;

use super::process::Tree;
use super::space::Space;

/// Longer than vrrpd takes a machine for one that has just booted.
const JUST_BOOTED: Duration = Duration::from_secs(150);
const SILENCE: &str = "vrrp_startup_silence";
const AT_ONCE: &str = "\nglobal_defs {\n    vrrp_startup_silence 0\n}\n";

/// A program that speaks keepalived's command line.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// For tables and messages.
    pub(crate) name: &'static str,
    /// What is executed.
    pub(crate) path: PathBuf,
}

/// A running daemon.
pub(crate) struct Daemon {
    /// Parent process and all below it.
    pub(crate) tree: Tree,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` in the foreground inside `space` with this configuration text.
    ///
    /// Options are `-n -l`, `-f` the file, and `options`; all else is left at its default, since `/run`
    /// and `/tmp` belong to the machine. What it prints is appended to `daemon.log`.
    pub(crate) fn start(
        program: &Program,
        space: &Space,
        config: &str,
        options: &[&str],
    ) -> io::Result<Self> {
        let file = space.dir.join("keepalived.conf");
        // A machine of the lab that has just booted, as those of `vm` have, is not what its tests are about.
        let just_booted = program.name == "vrrpd" && clock::since_boot() < JUST_BOOTED;
        let at_once = if just_booted && !config.contains(SILENCE) { AT_ONCE } else { "" };
        fs::write(&file, format!("{config}{at_once}"))?;
        Self::start_on(program, space, &file, options)
    }

    /// As [`Daemon::start`], with a file that is there already.
    pub(crate) fn start_on(
        program: &Program,
        space: &Space,
        file: &Path,
        options: &[&str],
    ) -> io::Result<Self> {
        Self::start_in(program, space, &space.dir, file, options)
    }

    /// As [`Daemon::start_on`], with `dir` as the working directory.
    pub(crate) fn start_in(
        program: &Program,
        space: &Space,
        dir: &Path,
        file: &Path,
        options: &[&str],
    ) -> io::Result<Self> {
        let log = space.dir.join("daemon.log");
        let out = OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = Command::new(&program.path);
        command.args(["-n", "-l", "-f"]).arg(file).args(options).current_dir(dir);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        Ok(Self { tree: Tree::new(space.spawn(&mut command)?), log })
    }

    /// Everything that was logged, by earlier daemons of this machine too.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// When the last line was logged.
    pub(crate) fn last_said(&self) -> io::Result<SystemTime> {
        fs::metadata(&self.log)?.modified()
    }

    /// TERM, then its end within ten seconds.
    pub(crate) fn stop(&mut self) -> io::Result<ExitStatus> {
        self.tree.signal(Signal::SIGTERM)?;
        self.tree
            .wait(Duration::from_secs(10))?
            .ok_or_else(|| io::Error::other("the daemon did not end within ten seconds of TERM"))
    }
}
