//! `keepalived_bfd.data`: the globals, and the sessions with their running state.

use super::Snapshot;
use crate::bfd::SessionStatus;
use crate::config::dump::{SessionRunState, dump_bfd, dump_parent};
use crate::types::Instant;

/// The text of `keepalived_bfd.data` (keepalived 2.2: dump_bfd_data); empty without sessions.
///
/// `stamp` writes a moment as keepalived does.
#[must_use]
pub fn bfd(snapshot: &Snapshot, stamp: &dyn Fn(Instant) -> String) -> String {
    let running = snapshot.sessions.iter().map(|session| (session.name.clone(), run_state(session, stamp)));
    let topology = dump_bfd(&snapshot.config, &running.collect());
    if topology.is_empty() {
        return topology;
    }
    dump_parent(&snapshot.config, None) + "------< BFD Data >------\n" + &topology
}

fn run_state(session: &SessionStatus, stamp: &dyn Fn(Instant) -> String) -> SessionRunState {
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (local, remote) = (session.local, session.remote);
    SessionRunState {
        states: [session.state.to_string(), session.remote_state.to_string()],
        discriminators: [session.local_discriminator, session.remote_discriminator],
        diagnostics: [session.local_diagnostic.to_string(), session.remote_diagnostic.to_string()],
        remote_min: [remote.min_tx, remote.min_rx],
        remote_demand: session.remote_demand,
        remote_detect_mult: remote.detect_mult,
        polling: session.polling,
        intervals: [local.interval, remote.interval],
        detection: [micros(local.detection), micros(remote.detection)],
        timers: [session.next_send.map(stamp), session.expires.map(stamp)],
        last_seen: session.last_heard.map(stamp),
    }
}
