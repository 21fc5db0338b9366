//! The log: lines of `tracing` in keepalived's shapes, to syslog, the console and a file.
//!
//! The message of an event is the line; its other fields are left to other subscribers. INFO and
//! above are always written, DEBUG is keepalived's detail (`-D`), TRACE its second `-D`.
//!
//! Nothing here ever waits for a reader on behalf of the caller. Lines go into a bounded queue.
//! The parent, which must stay a process of one thread, writes what can be written at once and
//! the rest later; a child hands its queue to a thread ([`LogHandle::enter_child`]).

mod output;

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::daemon::options::LogOptions;
use crate::sys::local_time::LocalTime;
use output::{BACKLOG_LIMIT, Backlog, Outputs, RECONNECT};

/// Target of an event that syslog shall get at ALERT, as keepalived's lines about dead children.
pub const ALERT: &str = "vrrpd::alert";

/// Where syslog listens.
pub const SYSLOG_SOCKET: &str = "/dev/log";

/// How long a writer waits before it tries a full reader again.
const RETRY: Duration = Duration::from_millis(50);

/// One line, not yet formatted for any output.
#[derive(Clone, Debug)]
struct Line {
    time: LocalTime,
    severity: Severity,
    text: String,
}

impl Line {
    /// What is said when lines can be written again.
    fn lost(count: u64) -> Self {
        let text = format!("{count} log lines were lost, because their reader did not keep up");
        Self { time: LocalTime::now(), severity: Severity::Warning, text }
    }
}

/// Severities of RFC 3164 §4.1.1 that we use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Severity {
    Alert = 1,
    Error = 3,
    Warning = 4,
    Info = 6,
}

/// The log of this process. Copies are the same log.
#[derive(Clone)]
pub struct LogHandle(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Told when there are lines, and when there are none left.
    changed: Condvar,
    /// Where syslog listens, and what does not change later.
    options: LogOptions,
    socket: PathBuf,
}

struct State {
    writer: Writer,
    backlog: Backlog,
}

/// Who writes.
enum Writer {
    /// Whoever logs, and [`LogHandle::drain`].
    Caller(Outputs),
    /// A thread, which takes the lines from here.
    Thread {
        queue: Vec<Line>,
        dropped: u64,
        /// Whether it holds lines that it took and has not handed to the outputs.
        busy: bool,
    },
}

impl LogHandle {
    /// Makes a log under `ident` (`Keepalived`) that the caller's thread writes.
    #[must_use]
    pub fn new(options: &LogOptions, ident: &str, socket: &Path) -> Self {
        let outputs = Outputs::new(options, ident, socket);
        let state = State { writer: Writer::Caller(outputs), backlog: Backlog::None };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            options: options.clone(),
            socket: socket.to_owned(),
        }))
    }

    /// Lines go to syslog under this name from now on. Only for a log without a thread.
    pub fn rename(&self, ident: &str) {
        if let Writer::Caller(outputs) = &mut self.0.lock().writer {
            outputs.rename(ident);
        }
    }

    /// Makes this the log of the whole process: all events of `tracing` come here.
    ///
    /// # Errors
    /// When the process has a log already.
    pub fn install(&self) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(self.layer()))
    }

    /// The layer alone, for a subscriber of one's own.
    #[must_use]
    pub fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        LineLayer { log: self.clone(), level: level_of(self.0.options.detail) }
    }

    /// To be called in a forked child: forgets what the parent has not written yet, opens outputs
    /// of its own under `ident`, and starts the thread that writes.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn enter_child(&self, ident: &str) -> io::Result<()> {
        let outputs = Outputs::new(&self.0.options, ident, &self.0.socket);
        *self.0.lock() = State {
            writer: Writer::Thread { queue: Vec::new(), dropped: 0, busy: false },
            backlog: Backlog::None,
        };
        let shared = Arc::clone(&self.0);
        std::thread::Builder::new()
            .name(crate::sys::process::own_name())
            .spawn(move || write_lines(&shared, outputs))?;
        Ok(())
    }

    /// To be called in a forked child that shall stay without threads: as [`Self::enter_child`],
    /// but written by the caller.
    pub fn enter_small_child(&self, ident: &str) {
        let outputs = Outputs::new(&self.0.options, ident, &self.0.socket);
        *self.0.lock() = State { writer: Writer::Caller(outputs), backlog: Backlog::None };
    }

    /// Writes what waits and can be written now; the answer is whether it pays to come back soon.
    /// Only for a log without a thread.
    #[must_use]
    pub fn drain(&self) -> bool {
        let mut state = self.0.lock();
        if let Writer::Caller(outputs) = &mut state.writer {
            state.backlog = outputs.retry();
        }
        state.backlog != Backlog::None
    }

    /// Waits until all is written that has a reader, at most `limit`. The last act of a process,
    /// and what one who logs thousands of lines calls in between.
    pub fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let _ = self.drain();
            let state = self.0.lock();
            let left = deadline.saturating_duration_since(Instant::now());
            if state.is_settled() || left.is_zero() {
                return;
            }
            let pause = left.min(RETRY);
            match state.writer {
                Writer::Caller(_) => {
                    drop(state);
                    std::thread::sleep(pause);
                }
                Writer::Thread { .. } => drop(self.0.changed.wait_timeout(state, pause)),
            }
        }
    }

    fn push(&self, severity: Severity, text: &str) {
        let time = LocalTime::now();
        let mut state = self.0.lock();
        let state = &mut *state;
        for text in text.lines() {
            let line = Line { time, severity, text: text.to_owned() };
            match &mut state.writer {
                Writer::Caller(outputs) => state.backlog = outputs.write(&line),
                Writer::Thread { queue, .. } if queue.len() < BACKLOG_LIMIT => queue.push(line),
                Writer::Thread { dropped, .. } => *dropped += 1,
            }
        }
        if let Writer::Thread { .. } = state.writer {
            self.0.changed.notify_all();
        }
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogHandle({:?})", self.0.options)
    }
}

impl Shared {
    /// A caller that panicked while it held the lock has left whole lines behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.backlog != Backlog::Busy
            && match &self.writer {
                Writer::Caller(_) => true,
                Writer::Thread { queue, busy, .. } => queue.is_empty() && !busy,
            }
    }
}

/// The thread: takes what there is, writes it however long that takes, takes more.
fn write_lines(shared: &Shared, mut outputs: Outputs) {
    let mut backlog = Backlog::None;
    loop {
        let (lines, lost) = take_lines(shared, backlog);
        outputs.lose(lost);
        backlog = outputs.retry();
        for line in &lines {
            backlog = outputs.write(line);
        }
    }
}

/// Waits for lines, and how many were lost; when there is a backlog, not longer than until it should be
/// tried again.
fn take_lines(shared: &Shared, backlog: Backlog) -> (Vec<Line>, u64) {
    let mut state = shared.lock();
    state.backlog = backlog;
    let mut tired = false;
    loop {
        if let Writer::Thread { queue, dropped, busy } = &mut state.writer {
            let (lines, lost) = (std::mem::take(queue), std::mem::take(dropped));
            *busy = !lines.is_empty() || lost > 0;
            if *busy || tired {
                return (lines, lost);
            }
        }
        shared.changed.notify_all();
        let pause = match backlog {
            Backlog::None => {
                state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            Backlog::Unreachable => RECONNECT,
            Backlog::Busy => RETRY,
        };
        state = shared.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        tired = true;
    }
}

fn level_of(detail: u8) -> LevelFilter {
    match detail {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

struct LineLayer {
    log: LogHandle,
    level: LevelFilter,
}

impl<S: Subscriber> Layer<S> for LineLayer {
    /// Our own events only: what libraries have to say in theirs is not for the operator.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("vrrpd") && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let severity = match *event.metadata().level() {
            _ if event.metadata().target() == ALERT => Severity::Alert,
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            _ => Severity::Info,
        };
        self.log.push(severity, &message.0);
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing into a string cannot fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests;
