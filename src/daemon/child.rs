//! What a forked child starts with, and how it speaks with the parent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FromChild {
    /// It runs; a service manager may be told.
    Ready,
    /// A reload is done, and the new configuration is in force.
    Reloaded,
    /// A reload failed for this reason, and the old configuration is still in force.
    ReloadFailed(String),
    /// Somebody asks the child for a reload, which is the parent's to do.
    ReloadWanted,
}

/// Bytes of a message: a reason of more is cut.
const MOST_OF_A_MESSAGE: usize = 1024;

impl FromChild {
    fn encode(&self) -> Vec<u8> {
        let (code, text) = match self {
            Self::Ready => (b'R', ""),
            Self::Reloaded => (b'L', ""),
            Self::ReloadFailed(reason) => (b'F', reason.as_str()),
            Self::ReloadWanted => (b'W', ""),
        };
        let text = text.as_bytes().iter().take(MOST_OF_A_MESSAGE - 1);
        std::iter::once(&code).chain(text).copied().collect()
    }

    fn decode(message: &[u8]) -> Option<Self> {
        Some(match message {
            [b'R'] => Self::Ready,
            [b'L'] => Self::Reloaded,
            [b'F', reason @ ..] => Self::ReloadFailed(String::from_utf8_lossy(reason).into_owned()),
            [b'W'] => Self::ReloadWanted,
            _ => return None,
        })
    }
}

/// What a parent tells its child.
#[derive(Debug)]
pub enum FromParent {
    /// The script runner died; this is the connection to its successor, if there was room for its descriptor.
    NewRunner(io::Result<SeqPacket>),
    /// Run what is in this [`Handover`](crate::daemon::handover::Handover) from now on, and say so; an
    /// error if there was no room for the descriptor.
    Configuration(io::Result<OwnedFd>),
    /// The end, which it has been told of by SIGTERM, is not to wait for anybody. No signal says so: a
    /// `killall` or a service manager sends one to every process, beside the one that the parent passes on.
    Hurry,
    /// The parent is gone. SIGTERM comes too.
    Gone,
}

/// The first byte of what a descriptor comes with.
const RUNNER: u8 = b'S';
const CONFIGURATION: u8 = b'C';
const HURRY: u8 = b'H';

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
        if let Err(error) = self.0.send(&message.encode(), None) {
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
        if let Err(error) = self.0.send(&message.encode()).await {
            tracing::debug!("cannot tell the parent that {message:?}: {error}");
        }
    }

    /// Waits for what the parent says.
    ///
    /// # Errors
    /// When the connection cannot be read any more: as good as [`FromParent::Gone`].
    pub async fn hear(&self) -> io::Result<FromParent> {
        loop {
            let mut code = [0; 8];
            match self.0.recv(&mut code).await? {
                Received::Closed => return Ok(FromParent::Gone),
                Received::Message(_, descriptor) => {
                    let descriptor = descriptor.ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE));
                    match code[0] {
                        CONFIGURATION => return Ok(FromParent::Configuration(descriptor)),
                        RUNNER => return Ok(FromParent::NewRunner(descriptor.map(SeqPacket::from))),
                        HURRY => return Ok(FromParent::Hurry),
                        _ => {}
                    }
                }
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
        let mut message = [0; MOST_OF_A_MESSAGE];
        match self.socket.recv(&mut message) {
            Ok(Received::Message(length, _)) => FromChild::decode(&message[..length]),
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
        self.socket.send(&[RUNNER], Some(runner.as_fd()))
    }

    /// Hands the child a configuration, which it answers.
    ///
    /// # Errors
    /// When the child is gone.
    pub fn give_configuration(&self, sealed: BorrowedFd<'_>) -> io::Result<()> {
        self.socket.send(&[CONFIGURATION], Some(sealed))
    }

    /// Tells a child that has been told to end not to wait for anybody. One that is gone has done so.
    pub fn hurry(&self) {
        let _ = self.socket.send(&[HURRY], None);
    }
}

impl AsFd for ChildLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
