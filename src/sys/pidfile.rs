//! Pid files that say who runs, and that only one runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use crate::sys::procfs;

/// A pid file of ours, locked for as long as this value lives.
///
/// Dropping it leaves the file where it is: a forked child drops its copy of what the parent
/// still needs. [`PidFile::remove`] is what deletes.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

/// Why a pid file is not ours.
#[derive(Debug)]
pub enum PidFileError {
    /// Another process holds it.
    Taken,
    /// It cannot be opened, read or written.
    Io(io::Error),
}

impl From<io::Error> for PidFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl PidFile {
    /// Opens and locks `path` without writing to it: the start of a daemon that may yet fork.
    ///
    /// The lock is one of the open file, so a forked child shares it. A keepalived 2.2 does not
    /// lock; it is recognised by a pid in the file that belongs to a living process of one of
    /// `names` that is none of ours.
    ///
    /// # Errors
    /// [`PidFileError::Taken`] when somebody else runs.
    pub fn claim(path: &Path, names: &[&str]) -> Result<Self, PidFileError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file_lock())) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => return Err(PidFileError::Taken),
            Err(errno) => return Err(PidFileError::Io(errno.into())),
        }
        let mut text = String::new();
        Read::by_ref(&mut file).take(32).read_to_string(&mut text)?;
        if let Ok(pid) = text.trim().parse::<u32>()
            && is_daemon_of_others(pid, names)
        {
            return Err(PidFileError::Taken);
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes `pid` into the file, which becomes world readable whatever the umask.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&mut self, pid: u32) -> io::Result<()> {
        self.file.set_permissions(PermissionsExt::from_mode(0o644))?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{pid}")
    }

    /// Deletes the file and releases the lock. A file that is already gone is no error.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remove(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn whole_file_lock() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Process ids begin anew with a container, so that a file of its last life may name what has our name and is no
/// daemon beside us: this process, the one that was called and waits for it, or a child.
fn is_daemon_of_others(pid: u32, names: &[&str]) -> bool {
    let own = std::process::id();
    pid != own
        && pid != std::os::unix::process::parent_id()
        && procfs::process(pid, false).is_some_and(|process| {
            process.parent != own && names.iter().any(|name| name.as_bytes() == process.name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead;
    use std::process::{Command, Stdio};

    #[test]
    fn a_second_claim_fails_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let mut first = PidFile::claim(&path, &[]).unwrap();
        first.write(4711).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "4711\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
        assert!(matches!(PidFile::claim(&path, &[]), Err(PidFileError::Taken)));
        first.remove().unwrap();
        assert!(!path.exists());
        PidFile::claim(&path, &[]).unwrap();
    }

    #[test]
    fn a_shorter_pid_leaves_nothing_of_a_longer_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        std::fs::write(&path, "4194304\n").unwrap();
        PidFile::claim(&path, &["init"]).unwrap().write(7).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7\n");
    }

    #[test]
    fn a_pid_without_a_lock_counts_only_when_it_is_one_of_us() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", "sleep 600 & echo $!; read end; kill $!"]);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut pid = String::new();
        std::io::BufReader::new(shell.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        // It is a copy of the shell until it has become another.
        let taken = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            std::fs::write(&path, &pid).unwrap();
            matches!(PidFile::claim(&path, &["sleep"]), Err(PidFileError::Taken))
        });
        let free = PidFile::claim(&path, &["keepalived"]).is_ok();
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(taken && free);
    }

    #[test]
    fn a_pid_of_an_earlier_life_that_is_now_of_our_own_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let ours = [std::process::id(), std::os::unix::process::parent_id(), child.id()];
        let free = ours.map(|pid| {
            std::fs::write(&path, format!("{pid}\n")).unwrap();
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
            PidFile::claim(&path, &[name.trim_end()]).is_ok()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(free, [true; 3]);
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        std::os::unix::fs::symlink("/nonexistent/elsewhere", &path).unwrap();
        assert!(matches!(PidFile::claim(&path, &[]), Err(PidFileError::Io(_))));
    }
}
