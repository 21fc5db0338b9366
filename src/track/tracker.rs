//! Trackers of every kind, as whoever owns them sees them.

use super::{FileTracker, Notice, ProcessTracker, ScriptTracker, Signal, Standing};
use crate::config::Config;
use crate::config::block::{TrackFile, TrackProcess, Tracked, VrrpScript};
use crate::types::Instant;
use std::sync::Arc;

/// What a tracker wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TrackerEffect {
    /// Begin a run of the script.
    Start,
    /// Signal the process group of the run under way. Whoever runs it takes along what a leader that
    /// has obeyed leaves in its group, before the group's number can be another's.
    Signal(Signal),
    /// Tell the operator.
    Notice(Notice),
}

/// What a tracker is made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Definition {
    /// A `vrrp_script`.
    Script(Arc<VrrpScript>),
    /// A `track_file`.
    File(Arc<TrackFile>),
    /// A `vrrp_track_process`.
    Process(Arc<TrackProcess>),
}

impl Definition {
    /// All that a configuration defines.
    pub fn all(config: &Config) -> impl Iterator<Item = Self> {
        let scripts = config.scripts.iter().map(|script| Self::Script(Arc::clone(script)));
        let files = config.track_files.iter().map(|file| Self::File(Arc::clone(file)));
        let processes = config.track_processes.iter().map(|process| Self::Process(Arc::clone(process)));
        scripts.chain(files).chain(processes)
    }

    /// What it defines.
    #[must_use]
    pub fn tracked(&self) -> Tracked {
        match self {
            Self::Script(script) => Tracked::Script(script.name.clone()),
            Self::File(file) => Tracked::File(file.name.clone()),
            Self::Process(process) => Tracked::Process(process.name.clone()),
        }
    }
}

/// A tracker of one kind or another.
#[derive(Debug)]
pub enum Tracker {
    /// Of a script.
    Script(ScriptTracker),
    /// Of a file.
    File(FileTracker),
    /// Of processes.
    Process(ProcessTracker),
}

impl Tracker {
    /// A tracker that knows nothing yet.
    #[must_use]
    pub fn new(now: Instant, definition: Definition) -> Self {
        match definition {
            Definition::Script(config) => Self::Script(ScriptTracker::new(now, config)),
            Definition::File(config) => Self::File(FileTracker::new(now, config)),
            Definition::Process(config) => Self::Process(ProcessTracker::new(now, config)),
        }
    }

    /// A tracker for a changed definition of the same thing, which starts from what this one knows.
    #[must_use]
    pub fn succeeded(self, now: Instant, definition: Definition) -> Self {
        match (definition, self) {
            (Definition::Script(config), Self::Script(old)) => {
                Self::Script(ScriptTracker::succeeding(now, config, old.verdict()))
            }
            (Definition::File(config), Self::File(old)) => {
                Self::File(FileTracker::succeeding(now, config, &old))
            }
            (Definition::Process(config), Self::Process(old)) => {
                Self::Process(ProcessTracker::succeeding(now, config, &old))
            }
            (definition, _) => Self::new(now, definition),
        }
    }

    /// The definition.
    #[must_use]
    pub fn definition(&self) -> Definition {
        match self {
            Self::Script(tracker) => Definition::Script(Arc::clone(tracker.config())),
            Self::File(tracker) => Definition::File(Arc::clone(tracker.config())),
            Self::Process(tracker) => Definition::Process(Arc::clone(tracker.config())),
        }
    }

    /// What is known.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self {
            Self::Script(tracker) => Standing::Verdict(tracker.verdict()),
            Self::File(tracker) => Standing::Number(tracker.number()),
            Self::Process(tracker) => Standing::Verdict(tracker.verdict()),
        }
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Script(tracker) => tracker.handle_timeout(now),
            Self::File(tracker) => tracker.handle_timeout(now),
            Self::Process(tracker) => tracker.handle_timeout(now),
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Script(tracker) => Some(tracker.poll_timeout()),
            Self::File(tracker) => tracker.poll_timeout(),
            Self::Process(tracker) => tracker.poll_timeout(),
        }
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<TrackerEffect> {
        match self {
            Self::Script(tracker) => tracker.poll_effect(),
            Self::File(tracker) => tracker.poll_effect(),
            Self::Process(tracker) => tracker.poll_effect(),
        }
    }
}
