//! What the daemon shows of itself, all of it drawn from one [`Snapshot`].

mod stats;

pub use stats::stats;

use crate::vrrp::{InstanceStatus, ScriptStatus};

/// The daemon at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Instances, in the order of the configuration.
    pub instances: Vec<InstanceStatus>,
    /// Scripts, in the order of the configuration.
    pub scripts: Vec<ScriptStatus>,
}
