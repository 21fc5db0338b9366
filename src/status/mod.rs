//! What the daemon shows of itself, all of it drawn from one [`Snapshot`].

mod bfd;
mod data;
mod json;
mod stats;

pub use bfd::bfd;
pub use data::data;
pub use json::json;
pub use stats::stats;

use crate::bfd::SessionStatus;
use crate::config::Config;
use crate::config::dump::SocketState;
use crate::track::Verdict;
use crate::vrrp::{GroupStatus, InstanceStatus, ScriptStatus};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The daemon at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What runs.
    pub config: Arc<Config>,
    /// Instances, in the order of the configuration.
    pub instances: Vec<InstanceStatus>,
    /// Sync groups, in the order of the configuration.
    pub groups: Vec<GroupStatus>,
    /// Scripts, in the order of the configuration.
    pub scripts: Vec<ScriptStatus>,
    /// The number in each `track_file`, by its name.
    pub files: BTreeMap<String, i32>,
    /// How many there are of each `vrrp_track_process`, by its name, and whether that is a quorum.
    pub processes: BTreeMap<String, (usize, Verdict)>,
    /// BFD sessions, in the order of the configuration.
    pub sessions: Vec<SessionStatus>,
    /// Whether each BFD session that VRRP hears of is up, by its name.
    pub tracked_sessions: BTreeMap<String, bool>,
    /// Open sockets.
    pub sockets: Vec<SocketState>,
}
