//! The script runner: a small process that starts every command of an operator.
//!
//! It is forked from the parent before there is a real-time class, locked memory or a descriptor that
//! scripts should not have, and lets go of the configuration. A VRRP child is its client over a
//! connection that the parent made ([`Runner::connect`]); when that connection closes, the
//! child's commands are ended. The runner outlives the parent for as long as it has a client, so
//! that what runs at the very end (`notify_stop`) still runs.

mod frame;
mod serve;

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::daemon::logging::LogHandle;
use crate::sys::process;
use crate::sys::seqpacket::SeqPacket;

pub use frame::{Command, Order, Report};
pub use serve::serve;

/// The parent's hold on the script runner.
#[derive(Debug)]
pub struct Runner {
    pid: u32,
    control: SeqPacket,
}

impl Runner {
    /// Forks it. The caller must have one thread.
    ///
    /// Signals do not end it: a `killall` of the daemon's name must leave the VRRP child a way to
    /// run its last scripts. `leave` is run in the new process first: it drops what only the parent should have.
    ///
    /// # Errors
    /// When the kernel refuses another process or descriptor.
    pub fn fork(log: &LogHandle, ident: &str, leave: impl FnOnce()) -> io::Result<Self> {
        let (control, its_end) = SeqPacket::pair()?;
        let mut control = Some(control);
        let pid = process::fork(|| {
            // The parent's end would hide from us that the parent is gone.
            control = None;
            leave();
            log.enter_small_child(ident);
            match process::catch_termination().and_then(|()| serve(its_end)) {
                Ok(()) => 0,
                Err(error) => {
                    tracing::error!("The script runner cannot go on: {error}");
                    1
                }
            }
        })?;
        let control = control.ok_or(io::ErrorKind::NotConnected)?;
        Ok(Self { pid, control })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A new connection for a client, to be handed to a child.
    ///
    /// # Errors
    /// When the runner is gone, or descriptors run out.
    pub fn connect(&self) -> io::Result<SeqPacket> {
        let (client, its_end) = SeqPacket::pair()?;
        self.control.send(b"C", Some(its_end.as_fd()))?;
        Ok(client)
    }

    /// Lets it end, once its clients are gone, and waits for that at most `limit`; one that has
    /// commands to kill takes longer, and nobody needs to wait for it.
    pub fn finish(self, limit: Duration) {
        drop(self.control);
        let deadline = Instant::now() + limit;
        while matches!(process::try_wait(self.pid), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
