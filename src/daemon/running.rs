//! A daemon that runs, seen from another process.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::daemon::handover::{self, Handover};
use crate::sys::process;

/// How often a daemon is asked in the middle of a reload, and how long between.
const ATTEMPTS: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

/// A daemon, and what it runs.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    /// The configuration in force, as it came about.
    pub handover: Handover,
}

/// Why a daemon cannot be asked.
#[derive(Debug)]
pub enum NotAsked {
    /// There is no pid file.
    NoPidFile(PathBuf, io::Error),
    /// It holds no process id.
    NoPid(PathBuf),
    /// There is no such process.
    NotRunning(u32),
    /// It may not be looked at.
    NotPermitted(u32),
    /// It has no configuration to show.
    NotOurs(u32, String),
    /// It has been reloading all the time.
    Reloading(u32),
    /// What it has is not what this program can read.
    Unreadable(u32, io::Error),
}

impl fmt::Display for NotAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPidFile(path, error) => write!(
                f,
                "no daemon found: {}: {error}; give its pid file with -p, or two files to compare",
                path.display()
            ),
            Self::NoPid(path) => write!(f, "{} holds no process id", path.display()),
            Self::NotRunning(pid) => write!(f, "the daemon is not running: there is no process {pid}"),
            Self::NotPermitted(pid) => write!(f, "no permission to ask process {pid}: this takes root"),
            Self::NotOurs(pid, name) => {
                write!(
                    f,
                    "process {pid} ({name}) is not the parent process of a vrrpd that can tell what it runs"
                )
            }
            Self::Reloading(pid) => write!(f, "process {pid} has not finished its reload"),
            Self::Unreadable(pid, error) => write!(f, "what process {pid} runs cannot be read: {error}"),
        }
    }
}

impl std::error::Error for NotAsked {}

impl Running {
    /// The daemon whose parent process has left its number there.
    ///
    /// # Errors
    /// It does not run, or cannot be asked.
    pub fn of_pid_file(path: &Path) -> Result<Self, NotAsked> {
        let text =
            std::fs::read_to_string(path).map_err(|error| NotAsked::NoPidFile(path.to_owned(), error))?;
        Self::process(text.trim().parse().map_err(|_| NotAsked::NoPid(path.to_owned()))?)
    }

    /// The daemon whose parent process that is.
    ///
    /// # Errors
    /// As [`Self::of_pid_file`].
    pub fn process(pid: u32) -> Result<Self, NotAsked> {
        for _ in 0..ATTEMPTS {
            match configurations(pid)?.as_slice() {
                [] => {
                    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    return Err(NotAsked::NotOurs(pid, name.trim_end().to_owned()));
                }
                [one] => {
                    // It may have been replaced since; then there is another.
                    let Ok(file) = File::open(one) else { continue };
                    let handover =
                        Handover::open(file.into()).map_err(|error| NotAsked::Unreadable(pid, error))?;
                    return Ok(Self { pid, handover });
                }
                // The one in force and the one that is coming.
                _ => std::thread::sleep(BETWEEN),
            }
        }
        Err(NotAsked::Reloading(pid))
    }

    /// Moves this thread into the network namespace of the daemon.
    ///
    /// # Errors
    /// Without permission.
    pub fn enter_network(&self) -> io::Result<()> {
        process::enter_network_of(self.pid)
    }
}

/// The configurations that a process holds.
fn configurations(pid: u32) -> Result<Vec<PathBuf>, NotAsked> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => NotAsked::NotPermitted(pid),
        _ => NotAsked::NotRunning(pid),
    };
    let called = format!("/memfd:{} (deleted)", handover::NAME.to_string_lossy());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        match std::fs::read_link(&path) {
            Ok(target) if target == Path::new(&called) => found.push(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(NotAsked::NotPermitted(pid));
            }
            // Something else, or closed meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_runs_nothing_is_told_apart_from_whoever_is_not_there() {
        let own = std::process::id();
        assert!(matches!(Running::process(own), Err(NotAsked::NotOurs(pid, _)) if pid == own));
        assert!(matches!(Running::process(u32::MAX), Err(NotAsked::NotRunning(_))));
        let none = Path::new("/nonexistent/vrrpd.pid");
        assert!(matches!(Running::of_pid_file(none), Err(NotAsked::NoPidFile(..))));
        assert!(matches!(Running::of_pid_file(Path::new("/proc/version")), Err(NotAsked::NoPid(_))));
    }
}
