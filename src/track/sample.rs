//! Definitions for tests.

use crate::config::block::{ProcessPattern, TrackProcess};
use crate::config::value::Weight;
use std::time::Duration;

/// One `vrrp_track_process`: one of that name is enough.
pub(crate) fn process(name: &str) -> TrackProcess {
    TrackProcess {
        name: name.to_owned(),
        pattern: ProcessPattern {
            command: name.to_owned(),
            params: Vec::new(),
            param_match: None,
            full_command: false,
        },
        weight: Weight::default(),
        quorum: 1,
        quorum_max: None,
        terminate_delay: Duration::ZERO,
        fork_delay: Duration::ZERO,
    }
}
