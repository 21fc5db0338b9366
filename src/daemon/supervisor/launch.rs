//! Becoming a daemon.

use std::io::{self, PipeReader, PipeWriter, Read, Write};

use crate::sys::process;

/// The daemon's line to the process that was called, which waits to learn the outcome.
///
/// So a configuration that cannot run, or a second instance, shows in the exit code, and a
/// service manager of `Type=forking` finds the pid file when it looks.
#[derive(Debug)]
pub(super) struct Launcher(PipeWriter);

impl Launcher {
    /// Forks; the child leaves terminal, directory and standard files and runs `body`. Returns, in
    /// the process that was called only, the exit code: 0 once `body` says that it succeeded, else
    /// what it returns.
    ///
    /// # Errors
    /// When the kernel refuses another process.
    pub(super) fn fork(body: impl FnOnce(Self) -> u8) -> io::Result<u8> {
        let (mut outcome, report) = io::pipe()?;
        let mut report = Some(report);
        let mut body = Some(body);
        let pid = process::fork(|| {
            let (Some(report), Some(body)) = (report.take(), body.take()) else {
                return process::INTERNAL_ERROR;
            };
            let detached = process::unblock_signals().and_then(|()| process::detach());
            match detached {
                Ok(()) => body(Self(report)),
                Err(_) => process::INTERNAL_ERROR,
            }
        })?;
        drop(report);
        wait_for(&mut outcome, pid)
    }

    /// Lets the process that was called end with 0.
    pub(super) fn succeeded(mut self) {
        // It may have been killed, which is no reason to stop.
        let _ = self.0.write_all(&[0]);
    }
}

fn wait_for(outcome: &mut PipeReader, pid: u32) -> io::Result<u8> {
    let mut code = [0];
    loop {
        match outcome.read(&mut code) {
            Ok(1) => return Ok(code[0]),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match process::wait(pid)? {
        process::Exit::Status(status) => Ok(u8::try_from(status).unwrap_or(process::INTERNAL_ERROR)),
        process::Exit::Signal(_) => Ok(process::INTERNAL_ERROR),
    }
}
