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
use crate::types::IfName;
use crate::vrrp::{GroupStatus, InstanceStatus, ScriptStatus};
use std::collections::{BTreeMap, BTreeSet};
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
    /// The virtual links that are there.
    pub virtual_links: BTreeSet<IfName>,
    /// Open sockets.
    pub sockets: Vec<SocketState>,
}

#[cfg(test)]
impl Snapshot {
    /// Of a daemon with one instance, which has been master since it waited for 2 s.
    fn of_a_master(config: crate::config::block::VrrpInstance) -> Self {
        use crate::types::Instant;
        use crate::vrrp::{Instance, Leftovers, Start, Tracking};
        use std::time::Duration;

        let config = Arc::new(config);
        let start = Start {
            tracking: Tracking::default(),
            source: Some("10.99.0.2".parse().unwrap()),
            word: None,
            leftovers: Leftovers::Adopt,
            wall: Duration::ZERO,
        };
        let mut instance = Instance::new(Instant::ZERO, Arc::clone(&config), start);
        instance.handle_timeout(Instant::ZERO + Duration::from_secs(2));
        Self {
            config: Arc::new(Config { instances: vec![config], ..Config::default() }),
            instances: vec![instance.status()],
            ..Self::default()
        }
    }
}
