//! Trackers: things outside the protocol whose state moves a priority or takes a router out.
//!
//! Of each thing something is known ([`Standing`]); a [`Weight`](crate::config::value::Weight) says what
//! that is worth to one instance. Who tracks what is the [`Switchboard`](crate::vrrp::Switchboard)'s
//! business.

mod file;
mod link;
mod process;
mod process_table;
#[cfg(test)]
pub(crate) mod sample;
mod script;
mod standing;
mod tracker;

pub use file::{FileNotice, FileTracker, Reading};
pub use link::{LinkNotice, LinkStatus, LinkTracker};
pub use process::{Because, ProcessNotice, ProcessTracker};
pub use process_table::{Census, ProcessFact, ProcessImage, ProcessTable};
pub use script::{ExitStatus, ScriptInput, ScriptNotice, ScriptRun, ScriptTracker, Signal};
pub use standing::{Contribution, Standing, Verdict};
pub use tracker::{Definition, Tracker, TrackerEffect};

use std::fmt;
use std::time::Duration;

/// How long an instance waits at its start for what files say and how many processes there are. Both are
/// known within milliseconds, unless a file system hangs, and then waiting helps nobody.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// What an operator is told by a tracker; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// About a script.
    Script(ScriptNotice),
    /// About a file.
    File(FileNotice),
    /// About processes.
    Process(ProcessNotice),
    /// About a BFD session.
    Session(SessionNotice),
    /// About a link.
    Link(LinkNotice),
}

/// A BFD session has come up or gone down; `Display` gives keepalived's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionNotice {
    /// Name of an instance that tracks it.
    pub instance: String,
    /// Its name.
    pub session: String,
    /// Up.
    pub up: bool,
}

impl fmt::Display for SessionNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, session, up } = self;
        let state = if *up { "UP" } else { "DOWN" };
        write!(f, "VRRP_Instance({instance}) Tracked BFD instance {session} is {state}")
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(notice) => notice.fmt(f),
            Self::File(notice) => notice.fmt(f),
            Self::Process(notice) => notice.fmt(f),
            Self::Session(notice) => notice.fmt(f),
            Self::Link(notice) => notice.fmt(f),
        }
    }
}
