//! Where lines go: a syslog socket, standard error, a file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Line, LogOptions};

/// Time between two attempts to reach a syslog that is not there.
pub(super) const RECONNECT: Duration = Duration::from_secs(1);

/// A datagram that a usual syslog takes whole; longer lines are cut.
const DATAGRAM_LIMIT: usize = 8 * 1024;

/// Bytes that a pipe takes without blocking once it says that it is writable (`PIPE_BUF`).
const ATOMIC_WRITE: usize = 4096;

/// Lines that wait at most for one reader. When that is reached further lines are counted instead;
/// a dump of a few hundred instances still fits.
pub(super) const BACKLOG_LIMIT: usize = 16_384;

/// What is left to write.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Backlog {
    /// Nothing.
    None,
    /// Lines for a reader that is not there. Nobody should wait for that.
    Unreachable,
    /// Lines for a reader that is slow.
    Busy,
}

/// All outputs of one process. None holds up another.
pub(super) struct Outputs(Vec<Output>);

impl Outputs {
    pub(super) fn new(options: &LogOptions, ident: &str, socket: &Path) -> Self {
        let priority = options.facility.number() << 3;
        let console = options.console.then(|| Sink::Console { done: 0 });
        let file = options.file.as_deref().and_then(|path| open_file(&beside(path, ident)));
        let syslog = options.syslog.then(|| Sink::Syslog(Syslog::new(socket, ident, priority)));
        let sinks = console.into_iter().chain(file.map(Sink::File)).chain(syslog);
        Self(sinks.map(|sink| Output { sink, waiting: VecDeque::new(), dropped: 0 }).collect())
    }

    /// Syslog gets what is still to be written under this name.
    pub(super) fn rename(&mut self, ident: &str) {
        for output in &mut self.0 {
            if let Sink::Syslog(syslog) = &mut output.sink {
                syslog.tag = tag(ident);
            }
        }
    }

    /// Takes a line and writes what can be written at once.
    pub(super) fn write(&mut self, line: &Line) -> Backlog {
        self.0.iter_mut().map(|output| output.push(line)).max().unwrap_or(Backlog::None)
    }

    /// Lines were lost on their way here.
    pub(super) fn lose(&mut self, lines: u64) {
        self.0.iter_mut().for_each(|output| output.dropped += lines);
    }

    /// Tries again with what waits.
    pub(super) fn retry(&mut self) -> Backlog {
        self.0.iter_mut().map(Output::drain).max().unwrap_or(Backlog::None)
    }
}

struct Output {
    sink: Sink,
    waiting: VecDeque<Line>,
    dropped: u64,
}

impl Output {
    fn push(&mut self, line: &Line) -> Backlog {
        if self.waiting.len() < BACKLOG_LIMIT {
            self.waiting.push_back(line.clone());
        } else {
            self.dropped += 1;
        }
        self.drain()
    }

    fn drain(&mut self) -> Backlog {
        loop {
            // Said last, and from the count: a full backlog would only lose it again.
            if self.waiting.is_empty() && self.dropped > 0 {
                self.waiting.push_back(Line::lost(std::mem::take(&mut self.dropped)));
            }
            let Some(line) = self.waiting.front() else { return Backlog::None };
            match self.sink.write(line) {
                Backlog::None => self.waiting.pop_front(),
                backlog => return backlog,
            };
        }
    }
}

enum Sink {
    /// Standard error, which may be a pipe that nobody reads, and how much of the line in hand it has.
    Console {
        done: usize,
    },
    File(File),
    Syslog(Syslog),
}

impl Sink {
    /// [`Backlog::None`] when the line is dealt with; otherwise the same line must come again.
    fn write(&mut self, line: &Line) -> Backlog {
        match self {
            Self::Console { done } => {
                write_console(format!("{}: {}\n", line.time, line.text).as_bytes(), done)
            }
            Self::File(file) => {
                // A full disk must not stop anything.
                let _ = writeln!(file, "{}: {}", line.time, line.text);
                Backlog::None
            }
            Self::Syslog(syslog) => syslog.write(line),
        }
    }
}

fn write_console(text: &[u8], done: &mut usize) -> Backlog {
    let stderr = io::stderr();
    while *done < text.len() {
        if !is_writable(stderr.as_fd()) {
            return Backlog::Busy;
        }
        let end = text.len().min(*done + ATOMIC_WRITE);
        match stderr.lock().write(&text[*done..end]) {
            Ok(n) => *done += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Backlog::Busy,
            // Nobody will read it any more.
            Err(_) => break,
        }
    }
    *done = 0;
    Backlog::None
}

/// keepalived gives each process a file: the parent the one named, a child `NAME_vrrp.EXT`.
fn beside(path: &Path, ident: &str) -> PathBuf {
    let Some((_, part)) = ident.split_once('_') else { return path.to_owned() };
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("_");
    name.push(part);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn open_file(path: &Path) -> Option<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o666)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .ok()
}

/// RFC 3164 datagrams, as `syslog(3)` sends them, to a local socket.
struct Syslog {
    path: PathBuf,
    priority: u8,
    /// `Keepalived_vrrp[123]`.
    tag: String,
    socket: Option<UnixDatagram>,
    next_attempt: Option<Instant>,
}

impl Syslog {
    fn new(path: &Path, ident: &str, priority: u8) -> Self {
        Self { path: path.to_owned(), priority, tag: tag(ident), socket: None, next_attempt: None }
    }

    fn write(&mut self, line: &Line) -> Backlog {
        let priority = self.priority | line.severity as u8;
        let mut datagram = format!("<{priority}>{} {}: {}", line.time.rfc3164(), self.tag, line.text);
        datagram.truncate(datagram.floor_char_boundary(DATAGRAM_LIMIT));
        // Twice: a syslog that was restarted is noticed by the first.
        for _ in 0..2 {
            let Some(socket) = self.connected() else { return Backlog::Unreachable };
            match socket.send(datagram.as_bytes()) {
                Ok(_) => return Backlog::None,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Backlog::Busy,
                Err(_) => {
                    self.socket = None;
                    self.next_attempt = None;
                }
            }
        }
        Backlog::Unreachable
    }

    fn connected(&mut self) -> Option<&UnixDatagram> {
        if self.socket.is_none() {
            let now = Instant::now();
            if self.next_attempt.is_some_and(|next| now < next) {
                return None;
            }
            match connect(&self.path) {
                Ok(socket) => self.socket = Some(socket),
                Err(_) => self.next_attempt = Some(now + RECONNECT),
            }
        }
        self.socket.as_ref()
    }
}

fn tag(ident: &str) -> String {
    format!("{ident}[{}]", std::process::id())
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    let mut interest = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    poll(&mut interest, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_its_own_file() {
        // oracle: keepalived `lib/logger.c`, make_file_name
        assert_eq!(beside(Path::new("/tmp/k.log"), "Keepalived"), Path::new("/tmp/k.log"));
        assert_eq!(beside(Path::new("/tmp/k.log"), "Keepalived_vrrp"), Path::new("/tmp/k_vrrp.log"));
        assert_eq!(beside(Path::new("/tmp/k"), "Keepalived_vrrp"), Path::new("/tmp/k_vrrp"));
    }
}
