//! Pid files of the daemon's processes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::fatal;
use crate::daemon::options::PID_DIRECTORY;
use crate::sys::pidfile::{PidFile, PidFileError};

/// Whoever is started right after its predecessor was killed finds that one's last process dying.
const DYING_LIMIT: Duration = Duration::from_secs(1);

/// Takes a pid file. `name` is what its process will be called, beside the names of the program.
///
/// # Errors
/// The exit code: 0 when the daemon runs already; what it is about is logged.
pub(super) fn claim(path: &Path, name: Option<&str>) -> Result<PidFile, u8> {
    make_directory(path);
    let names: Vec<&str> = ["keepalived", "vrrpd"].into_iter().chain(name).collect();
    let patience = Instant::now() + DYING_LIMIT;
    loop {
        match PidFile::claim(path, &names) {
            Err(PidFileError::Taken) if Instant::now() < patience => std::thread::sleep(DYING_LIMIT / 20),
            claimed => return claimed.map_err(|error| refusal(path, error)),
        }
    }
}

/// Removes a pid file, and the directories below [`PID_DIRECTORY`] and itself that are empty then.
pub(super) fn remove(file: PidFile) {
    let path = file.path().to_owned();
    if let Err(error) = file.remove() {
        tracing::error!("Cannot remove pidfile {}: {error}", path.display());
    }
    let ours = path.ancestors().skip(1).take_while(|directory| directory.starts_with(PID_DIRECTORY));
    for directory in ours {
        // One that is not empty is somebody's.
        if std::fs::remove_dir(directory).is_err() {
            break;
        }
    }
}

/// Makes what is missing of [`PID_DIRECTORY`] above a pid file, whatever the umask; where it fails,
/// opening the file fails too and says why.
fn make_directory(path: &Path) {
    let mut missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|directory| directory.starts_with(PID_DIRECTORY) && !directory.exists())
        .collect();
    while let Some(directory) = missing.pop() {
        let _ = std::fs::create_dir(directory)
            .and_then(|()| std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)));
    }
}

fn refusal(path: &Path, error: PidFileError) -> u8 {
    match error {
        PidFileError::Taken => {
            tracing::warn!("Another process has pid file {} locked", path.display());
            tracing::warn!("daemon is already running");
            0
        }
        PidFileError::Io(error) => {
            tracing::error!("pidfile_write : Cannot open {} pidfile", path.display());
            fatal(&format!("  {error}"))
        }
    }
}
