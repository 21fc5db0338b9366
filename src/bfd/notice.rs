//! What an operator is told, in keepalived's words.

use super::Discard;
use super::session::Timing;
use crate::wire::bfd::{Diagnostic, State};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Something worth a line in the log; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Name of the session; empty for what belongs to none.
    pub session: String,
    /// What happened.
    pub kind: NoticeKind,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoticeKind {
    /// It is in Init, Up or AdminDown now.
    Entered(State),
    /// It is down now.
    Down {
        /// Why, as we see it.
        local: Diagnostic,
        /// As the neighbour sees it.
        remote: Diagnostic,
        /// It was up.
        was_up: bool,
    },
    /// Nothing was heard for the detection time.
    Expired {
        /// Since the last packet.
        silent: Duration,
        /// By so much more than the detection time.
        overdue: Duration,
        /// It was up.
        was_up: bool,
    },
    /// The neighbour is asked to confirm new intervals.
    Polling,
    /// After so much silence it will be down.
    DetectionTime {
        /// From now on.
        now: Duration,
        /// Before.
        before: Duration,
    },
    /// A packet was dropped.
    Discarded(Discard, SocketAddr),
}

impl Notice {
    /// Whether keepalived writes it with `-D` only.
    #[must_use]
    pub fn is_detail(&self) -> bool {
        match self.kind {
            NoticeKind::Entered(state) => state == State::Init,
            NoticeKind::Down { was_up, .. } | NoticeKind::Expired { was_up, .. } => !was_up,
            NoticeKind::Polling | NoticeKind::Discarded(..) => true,
            NoticeKind::DetectionTime { .. } => false,
        }
    }
}

/// `[ADDRESS]:PORT`, as keepalived writes it.
struct Pair(SocketAddr);

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]:{}", self.0.ip(), self.0.port())
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.session;
        match &self.kind {
            NoticeKind::Entered(state) => write!(f, "({name}) Entering {state} state"),
            NoticeKind::Down { local, remote, .. } => write!(
                f,
                "({name}) Entering Down state (Local diagnostic - {local}, Remote diagnostic - {remote})"
            ),
            NoticeKind::Expired { silent, overdue, .. } => write!(
                f,
                "({name}) Expired after {} ms ({} usec overdue)",
                silent.as_millis(),
                overdue.as_micros()
            ),
            NoticeKind::Polling => write!(f, "({name}) Starting poll sequence"),
            NoticeKind::DetectionTime { now, before } => write!(
                f,
                "{:indent$} Detection time is {} us (was {} us)",
                "",
                now.as_micros(),
                before.as_micros(),
                indent = name.len() + 2
            ),
            NoticeKind::Discarded(discard @ (Discard::NoSession(_) | Discard::Authenticated), from) => {
                write!(f, "Discarding packet from {} ({discard})", Pair(*from))
            }
            NoticeKind::Discarded(discard @ Discard::Ttl { .. }, _) => discard.fmt(f),
            NoticeKind::Discarded(discard, from) => {
                write!(f, "Discarding bogus packet from {}: {discard}", Pair(*from))
            }
        }
    }
}

impl fmt::Display for Timing {
    /// A column of keepalived's table: min_tx, min_rx, tx_intv, mult, detect_time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min_tx, min_rx, interval, detect_mult, detection } = self;
        write!(f, "{min_tx:8} {min_rx:7} {interval:8} {detect_mult:5} {:12}", detection.as_micros())
    }
}
