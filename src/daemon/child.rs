//! What a forked child starts with, and how it speaks with the parent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crate::config::Config;
use crate::daemon::identity::Identity;
use crate::daemon::logging::LogHandle;
use crate::daemon::options::Options;
use crate::daemon::signals::Signals;
use crate::sys::seqpacket::{AsyncSeqPacket, Received, SeqPacket};

/// All that the parent hands to the VRRP child.
///
/// The child has one thread when it gets this. It ends by returning its exit code: 0, or
/// [`exit_code`]'s when running again would not help.
#[derive(Debug)]
pub struct ChildContext {
    /// The command line.
    pub options: Arc<Options>,
    /// Under which names the daemon runs.
    pub identity: Arc<Identity>,
    /// The configuration to start with, checked and reported by the parent. A child that replaces
    /// another gets the one that was last in force, whatever has happened to the files.
    pub config: Arc<Config>,
    /// The log of this process; lines of `tracing` go there already.
    pub log: LogHandle,
    /// Already listening; see [`Signals::into_stream`].
    pub signals: Signals,
    /// To and from the parent.
    pub parent: ParentLink,
    /// The connection to the script runner, for `scripts::ScriptClient`.
    pub runner: SeqPacket,
    /// Whether this child replaces one that died: what that one left in the kernel is ours.
    pub respawned: bool,
}

/// Exit codes of a child that the parent takes as final (keepalived: `lib/scheduler.h`).
pub mod exit_code {
    /// Something that running again does not mend.
    pub const FATAL: u8 = 1;
    /// The configuration makes running impossible.
    pub const CONFIG: u8 = 2;
    /// No permission for what must be done.
    pub const MISSING_PERMISSION: u8 = 4;
    /// No configuration file. Of the parent alone.
    pub const NO_CONFIG: u8 = 6;
}

/// What a child tells its parent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FromChild {
    /// It runs; a service manager may be told.
    Ready,
    /// A reload is done, and the new configuration is in force.
    Reloaded,
    /// A reload failed, and the old configuration is still in force.
    ReloadFailed,
}

impl FromChild {
    const ALL: [Self; 3] = [Self::Ready, Self::Reloaded, Self::ReloadFailed];

    const fn code(self) -> u8 {
        match self {
            Self::Ready => b'R',
            Self::Reloaded => b'L',
            Self::ReloadFailed => b'F',
        }
    }
}

/// What a parent tells its child.
#[derive(Debug)]
pub enum FromParent {
    /// The script runner died; this is the connection to its successor.
    NewRunner(SeqPacket),
    /// The parent is gone. SIGTERM comes too.
    Gone,
}

/// The child's end of its connection with the parent; nothing on it blocks.
#[derive(Debug)]
pub struct ParentLink(SeqPacket);

impl ParentLink {
    /// From one end of a pair whose other end is a [`ChildLink`].
    #[must_use]
    pub fn new(socket: SeqPacket) -> Self {
        Self(socket)
    }

    /// Tells the parent. Losing it is harmless, so there is no error: a parent that is gone ends
    /// us anyway.
    pub fn tell(&self, message: FromChild) {
        if let Err(error) = self.0.send(&[message.code()], None) {
            tracing::debug!("cannot tell the parent that {message:?}: {error}");
        }
    }

    /// Makes this one for the tokio runtime of the caller.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn into_async(self) -> io::Result<AsyncParentLink> {
        Ok(AsyncParentLink(AsyncSeqPacket::new(self.0)?))
    }
}

/// [`ParentLink`] in a tokio runtime.
#[derive(Debug)]
pub struct AsyncParentLink(AsyncSeqPacket);

impl AsyncParentLink {
    /// As [`ParentLink::tell`].
    pub async fn tell(&self, message: FromChild) {
        if let Err(error) = self.0.send(&[message.code()]).await {
            tracing::debug!("cannot tell the parent that {message:?}: {error}");
        }
    }

    /// Waits for what the parent says.
    ///
    /// # Errors
    /// When the connection cannot be read any more: as good as [`FromParent::Gone`].
    pub async fn hear(&self) -> io::Result<FromParent> {
        loop {
            match self.0.recv(&mut [0; 8]).await? {
                Received::Closed => return Ok(FromParent::Gone),
                Received::Message(_, Some(descriptor)) => {
                    return Ok(FromParent::NewRunner(descriptor.into()));
                }
                Received::Message(_, None) => {}
            }
        }
    }
}

/// The parent's end.
#[derive(Debug)]
pub struct ChildLink {
    socket: SeqPacket,
    open: bool,
}

impl ChildLink {
    /// From one end of a pair whose other end is a [`ParentLink`].
    #[must_use]
    pub fn new(socket: SeqPacket) -> Self {
        Self { socket, open: true }
    }

    /// What the child says; `None` when it has said all, or is gone.
    pub fn hear(&mut self) -> Option<FromChild> {
        let mut byte = [0];
        match self.socket.recv(&mut byte) {
            Ok(Received::Message(..)) => FromChild::ALL.into_iter().find(|message| message.code() == byte[0]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(Received::Closed) | Err(_) => {
                self.open = false;
                None
            }
        }
    }

    /// Whether the child may still say something. One that has closed its end is about to die.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Hands the child a connection to a new script runner.
    ///
    /// # Errors
    /// When the child is gone.
    pub fn give_runner(&self, runner: &SeqPacket) -> io::Result<()> {
        self.socket.send(b"S", Some(runner.as_fd()))
    }
}

impl AsFd for ChildLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
