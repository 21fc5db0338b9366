//! Signals of the parent and of the VRRP child, as values to wait for.
//!
//! One mechanism for both: a handler writes into a socket, whose other end can be polled (parent)
//! or put into a runtime (child, [`Signals::next`]). A child listens from before its signals are
//! let in, so that none is lost while it starts.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGXFSZ,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// keepalived's `SIGRTMIN + 2`. A number, because the C libraries disagree about SIGRTMIN while
/// those who send it do not.
pub const SIG_JSON: i32 = 36;
/// keepalived's `SIGRTMAX - 1`.
pub const SIG_STATS_CLEAR: i32 = 63;

/// Signals that would end or stop a process and that keepalived ignores. They are caught and not
/// ignored, since what is ignored stays so in scripts.
const IGNORED: [i32; 7] = [SIGALRM, SIGIO, SIGPROF, SIGQUIT, SIGTSTP, SIGVTALRM, SIGXFSZ];

/// What a signal asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Request {
    /// TERM: end.
    Stop,
    /// INT: end, unless `--ignore-sigint`.
    Interrupt,
    /// HUP: read the configuration again.
    Reload,
    /// USR1: write `keepalived.data`.
    Data,
    /// USR2: write `keepalived.stats`.
    Stats,
    /// 36: write `keepalived.json`.
    Json,
    /// 63: write `keepalived.stats`, then zero the counters.
    StatsClear,
    /// CHLD: a child has ended.
    ChildEnded,
}

impl Request {
    /// All but [`Request::ChildEnded`].
    pub const FROM_OUTSIDE: [Self; 7] =
        [Self::Stop, Self::Interrupt, Self::Reload, Self::Data, Self::Stats, Self::Json, Self::StatsClear];

    /// The signal that says it.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Stop => SIGTERM,
            Self::Interrupt => SIGINT,
            Self::Reload => SIGHUP,
            Self::Data => SIGUSR1,
            Self::Stats => SIGUSR2,
            Self::Json => SIG_JSON,
            Self::StatsClear => SIG_STATS_CLEAR,
            Self::ChildEnded => SIGCHLD,
        }
    }

    fn from_number(number: i32) -> Option<Self> {
        Self::FROM_OUTSIDE.into_iter().chain([Self::ChildEnded]).find(|request| request.number() == number)
    }

    /// The signal that `--signum NAME` asks for.
    ///
    /// keepalived: `get_signum`.
    #[must_use]
    pub fn number_by_name(name: &str) -> Option<i32> {
        let request = match name {
            "STOP" => Self::Stop,
            "RELOAD" => Self::Reload,
            "DATA" => Self::Data,
            "STATS" => Self::Stats,
            "STATS_CLEAR" => Self::StatsClear,
            "JSON" => Self::Json,
            _ => return None,
        };
        Some(request.number())
    }
}

/// Signals that have come and were not yet asked for. Several of one kind count as one.
pub struct Signals(SignalDelivery<UnixStream, SignalOnly>);

impl Signals {
    /// Begins to listen for all of [`Request`]; those of `IGNORED` are caught too.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn listen() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let numbers = Request::FROM_OUTSIDE.map(Request::number).into_iter().chain([SIGCHLD]).chain(IGNORED);
        Ok(Self(SignalDelivery::with_pipe(read, write, SignalOnly, numbers)?))
    }

    /// What has come since the last call, without waiting.
    pub fn take(&mut self) -> Vec<Request> {
        self.0.pending().filter_map(Request::from_number).collect()
    }

    /// Makes this a stream for the tokio runtime of the caller.
    ///
    /// # Errors
    /// Outside of a runtime with IO.
    pub fn into_stream(self) -> io::Result<SignalStream> {
        let read = self.0.get_read().try_clone()?;
        Ok(SignalStream { wakes: tokio::net::UnixStream::from_std(read)?, signals: self, taken: Vec::new() })
    }
}

impl AsFd for Signals {
    /// Readable when [`Signals::take`] has something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}

impl std::fmt::Debug for Signals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signals({})", self.0.get_read().as_raw_fd())
    }
}

/// [`Signals`] in a tokio runtime.
#[derive(Debug)]
pub struct SignalStream {
    signals: Signals,
    wakes: tokio::net::UnixStream,
    taken: Vec<Request>,
}

impl SignalStream {
    /// Waits for the next signal. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn next(&mut self) -> io::Result<Request> {
        loop {
            if self.taken.is_empty() {
                self.taken = self.signals.take();
            }
            if let Some(request) = self.taken.pop() {
                return Ok(request);
            }
            self.wakes.readable().await?;
            // Until the runtime knows that it is empty; the handlers have noted the signals themselves.
            while self.wakes.try_read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_numbers_that_exporters_hard_code() {
        // oracle: keepalived 2.2.7 `--signum=NAME`
        let table =
            [("STOP", 15), ("RELOAD", 1), ("DATA", 10), ("STATS", 12), ("STATS_CLEAR", 63), ("JSON", 36)];
        for (name, number) in table {
            assert_eq!(Request::number_by_name(name), Some(number), "{name}");
        }
        assert_eq!(Request::number_by_name("foo"), None);
        assert_eq!(Request::number_by_name("stop"), None);
    }

    #[test]
    fn every_number_leads_back_to_its_request() {
        for request in Request::FROM_OUTSIDE {
            assert_eq!(Request::from_number(request.number()), Some(request));
        }
    }
}
