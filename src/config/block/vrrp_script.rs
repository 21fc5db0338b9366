//! `vrrp_script NAME { … }`: a check that moves priorities.

use crate::config::value::{ScriptCommand, Weight};
use std::time::Duration;

/// A check script, run again and again for as long as the daemon lives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VrrpScript {
    /// The name that `track_script` refers to.
    pub name: String,
    /// What to run and as whom.
    pub command: ScriptCommand,
    /// Time between two starts; default 1 s.
    pub interval: Duration,
    /// After this long a run is ended and counts as failed; default `interval`.
    pub timeout: Duration,
    /// Default for references that give no weight of their own; 0 means FAULT while failed.
    pub weight: Weight,
    /// Successes in a row that make it good; default 1.
    pub rise: u32,
    /// Failures in a row that make it bad; default 1.
    pub fall: u32,
    /// Whether it counts as failed until its first run says otherwise.
    pub init_fail: bool,
}
