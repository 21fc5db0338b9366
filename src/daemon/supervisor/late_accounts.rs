//! Users and groups that are named in a configuration and made later.
//!
//! keepalived leaves out what would run as somebody who is not there, until it is reloaded or started again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant, SystemTime};

use crate::config::Recording;
use crate::config::environment::Environment;
use crate::daemon::handover::Handover;

/// How often the files of accounts are looked at, while anybody is missed.
const PAUSE: Duration = Duration::from_secs(2);

/// Where accounts of this machine are. Those of a directory service are asked for when these change, and not
/// before: the question may take as long as the network likes.
const FILES: [&str; 2] = ["/etc/passwd", "/etc/group"];

/// Waits for accounts that were missed.
#[derive(Debug, Default)]
pub(super) struct LateAccounts {
    /// Of the reading that missed them; `None`: nobody was missed.
    recording: Option<Recording>,
    stamp: Stamp,
    due: Option<Instant>,
}

/// What changes with the files: number, size and time of each that is there.
type Stamp = [Option<(u64, u64, SystemTime)>; FILES.len()];

fn stamp() -> Stamp {
    FILES.map(|file| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.ino(), metadata.len(), metadata.modified().ok()?))
    })
}

impl LateAccounts {
    /// Those that were missed in a reading.
    pub(super) fn of(handover: &Handover) -> Self {
        let recording = Some(handover.recording()).filter(|recording| recording.misses_accounts()).cloned();
        let due = recording.as_ref().map(|_| Instant::now() + PAUSE);
        Self { recording, stamp: stamp(), due }
    }

    /// When to look again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The same reading with those who are there now, if it is time and there are any.
    pub(super) fn look(&mut self, now: Instant, machine: &dyn Environment) -> Option<Recording> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = Some(now + PAUSE);
        let stamp = stamp();
        if std::mem::replace(&mut self.stamp, stamp) == stamp {
            return None;
        }
        let recording = self.recording.as_ref()?.with_late_accounts(machine)?;
        self.recording = Some(recording.clone());
        Some(recording)
    }
}
