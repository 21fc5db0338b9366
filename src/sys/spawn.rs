//! Starting somebody else's program so that nothing of ours goes with it.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::unistd::{Gid, Pid, Uid};

use crate::sys::account::Account;
use crate::sys::process;

/// Exit status of a command that could not be executed (the shell's convention).
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit status of a command that was not found (the shell's convention).
pub const NOT_FOUND: u8 = 127;

/// Variables that are not handed on: keepalived drops the first three, and the last would let a
/// script speak to the service manager in our name.
const NOT_INHERITED: [&str; 4] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH", "NOTIFY_SOCKET"];

/// A program about to be started.
#[derive(Debug)]
pub struct Program {
    file: CString,
    argv: Vec<CString>,
    shell: Vec<CString>,
    environment: Vec<CString>,
    account: Account,
    groups: Vec<Gid>,
}

impl Program {
    /// `file` is what is executed, `argv` what it is told, its own name first; `groups` are the
    /// supplementary ones of its process, besides that of the account.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when a word has a NUL byte.
    pub fn new(file: &Path, argv: &[OsString], account: Account, groups: &[u32]) -> io::Result<Self> {
        let c_string = |word: &OsStr| CString::new(word.as_bytes()).map_err(io::Error::from);
        let argv: Vec<CString> = argv.iter().map(|word| c_string(word)).collect::<Result<_, _>>()?;
        let file = c_string(file.as_os_str())?;
        let mut shell = vec![c_string(OsStr::new("/bin/sh"))?, file.clone()];
        shell.extend(argv.iter().skip(1).cloned());
        let environment = std::env::vars_os()
            .filter(|(name, _)| !NOT_INHERITED.iter().any(|dropped| name == dropped))
            .map(|(name, value)| {
                let mut pair = name;
                pair.push("=");
                pair.push(value);
                c_string(&pair)
            })
            .collect::<Result<_, _>>()?;
        let mut groups: Vec<Gid> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        if !groups.contains(&Gid::from_raw(account.gid)) {
            groups.push(Gid::from_raw(account.gid));
        }
        Ok(Self { file, argv, shell, environment, account, groups })
    }

    /// Starts it in a process group of its own, as its user and in no other groups, with all
    /// signals as a new program expects them, without input and output, and tied to the life of
    /// the calling thread. Does not wait until the program is loaded: a file system that hangs
    /// holds up this one alone.
    ///
    /// A file that the kernel cannot execute for want of a `#!` line is given to `/bin/sh`.
    /// `report` is called in the new process when the program cannot be started.
    ///
    /// # Errors
    /// When the kernel refuses another process.
    pub fn start(&self, report: impl FnOnce(&io::Error)) -> io::Result<u32> {
        let parent = std::process::id();
        let pid = process::fork(|| {
            let error = self.replace_process(parent);
            report(&error);
            match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            }
        })?;
        // Both sides set the group, so that it exists whichever of them runs first.
        let _ = nix::unistd::setpgid(Pid::from_raw(pid.cast_signed()), Pid::from_raw(0));
        Ok(pid)
    }

    /// Returns only when it fails.
    fn replace_process(&self, parent: u32) -> io::Error {
        let error = match self.prepare(parent) {
            Ok(()) => nix::unistd::execve(&self.file, &self.argv, &self.environment),
            Err(error) => return error,
        };
        match error {
            Err(nix::errno::Errno::ENOEXEC) => {
                match nix::unistd::execve(&self.shell[0], &self.shell, &self.environment) {
                    Err(errno) => errno.into(),
                    Ok(never) => match never {},
                }
            }
            Err(errno) => errno.into(),
            Ok(never) => match never {},
        }
    }

    fn prepare(&self, parent: u32) -> io::Result<()> {
        nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        let stays = self.account == Account::current();
        if !stays || Uid::effective().is_root() {
            let gid = Gid::from_raw(self.account.gid);
            match nix::unistd::setgroups(&self.groups) {
                // A user namespace forbids it; who stays the same user gains nothing by the old groups.
                Err(nix::errno::Errno::EPERM) if stays => {}
                result => result?,
            }
            nix::unistd::setgid(gid)?;
            nix::unistd::setuid(Uid::from_raw(self.account.uid))?;
        }
        process::null_stdio()?;
        close_on_exec_from(3);
        process::restore_descriptor_limit()?;
        // After the change of user, which would undo it.
        process::end_with_parent(parent)?;
        process::reset_signals();
        Ok(())
    }
}

/// All descriptors of ours are marked already; this is for what the process was started with.
fn close_on_exec_from(first: u32) {
    // SAFETY: marks descriptors and closes none, so no owner is deceived. Kernels before 5.11
    // refuse, which leaves the marks that each descriptor has.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}
