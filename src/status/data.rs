//! `keepalived.data`: the configuration as it is dumped, with the running state in its places.

use super::Snapshot;
use crate::config::dump::{
    GroupRunState, ProcessRunState, RunState, Runtime, ScriptInit, ScriptRunState, dump,
};
use crate::track::Verdict;
use crate::types::{Instant, State, Version};
use crate::vrrp::{GroupStatus, InstanceStatus, ScriptStatus};

/// The text of `keepalived.data` (keepalived 2.2: vrrp_print_data).
///
/// `stamp` writes a moment as keepalived does: `1795228636.712313 (Sat Nov 21 02:37:16.712313 2026)`.
#[must_use]
pub fn data(snapshot: &Snapshot, stamp: &dyn Fn(Instant) -> String) -> String {
    let instance = |status: &InstanceStatus| (status.config.name.clone(), run_state(status, snapshot, stamp));
    let script = |status: &ScriptStatus| (status.config.name.clone(), script_run_state(status));
    let group = |status: &GroupStatus| {
        let GroupStatus { config, state, faults, pending } = status;
        (config.name.clone(), GroupRunState { state: *state, faults: *faults, init: *pending })
    };
    let process = |(name, (current, verdict)): (&String, &(usize, Verdict))| {
        let quorum = *verdict == Verdict::Good;
        (name.clone(), ProcessRunState { current: *current, quorum })
    };
    let source = |status: &InstanceStatus| {
        Some(((status.config.source_link()?.clone(), status.config.family), status.source?))
    };
    let runtime = Runtime {
        instances: snapshot.instances.iter().map(instance).collect(),
        scripts: snapshot.scripts.iter().map(script).collect(),
        groups: snapshot.groups.iter().map(group).collect(),
        sockets: snapshot.sockets.clone(),
        sources: snapshot.instances.iter().filter_map(source).collect(),
        files: snapshot.files.clone(),
        processes: snapshot.processes.iter().map(process).collect(),
        sessions: snapshot.tracked_sessions.clone(),
    };
    dump(&snapshot.config, &runtime)
}

fn run_state(status: &InstanceStatus, snapshot: &Snapshot, stamp: &dyn Fn(Instant) -> String) -> RunState {
    let config = &status.config;
    let all = config.all_vips();
    let installed = all.filter(|_| status.addresses_set).map(|vip| (vip.link().clone(), vip.net));
    let socket = snapshot.sockets.iter().find(|socket| socket.instances.contains(&config.name));
    let learns = config.version == Version::V3 && status.state == State::Backup;
    RunState {
        state: status.state,
        wanted: status.wanted,
        master: status.master.map(|master| (master.address, master.priority)),
        faults: u32::try_from(status.faults.len()).unwrap_or(u32::MAX),
        scripts_init: u32::try_from(status.pending).unwrap_or(u32::MAX),
        last_transition: stamp(status.last_transition),
        read_timeout: status.next_timeout.map(stamp),
        master_down: status.master_down,
        effective_priority: status.priority,
        total_priority: status.total_priority,
        master_advert_int: learns.then_some(status.master_interval),
        installed: installed.collect(),
        sockets: socket.map(|socket| (socket.fd_in, socket.fd_out)),
        virtual_link_up: config
            .virtual_link
            .as_ref()
            .is_some_and(|link| snapshot.virtual_links.contains(&link.name)),
        next_extra_garp: status.next_extra_garp.map(|at| with_fraction_last(&stamp(at))),
    }
}

/// keepalived writes this one moment as `… (Thu Nov 26 01:39:59 2026.280351)`.
fn with_fraction_last(stamp: &str) -> String {
    let parts = stamp.rsplit_once('.').and_then(|(head, tail)| Some((head, tail.split_once(' ')?)));
    match parts {
        Some((head, (fraction, year))) => format!("{head} {}.{fraction})", year.trim_end_matches(')')),
        None => stamp.to_owned(),
    }
}

fn script_run_state(status: &ScriptStatus) -> ScriptRunState {
    ScriptRunState {
        result: status.counter,
        init: match status.verdict {
            Verdict::Pending => ScriptInit::Init,
            Verdict::Good | Verdict::Bad => ScriptInit::Done,
        },
        good: status.verdict == Verdict::Good,
        process: status.run.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: `keepalived.data` of keepalived 2.2.7 with `garp_extra_if`.
    #[test]
    fn the_next_extra_garp_has_its_fraction_last() {
        let stamp = "1795657199.280351 (Thu Nov 26 01:39:59.280351 2026)";
        assert_eq!(with_fraction_last(stamp), "1795657199.280351 (Thu Nov 26 01:39:59 2026.280351)");
    }

    #[test]
    fn the_running_state_stands_among_the_configuration() {
        let snapshot = Snapshot::of_a_master(crate::vrrp::sample());
        let text = data(&snapshot, &|at| format!("<{at}>"));
        for line in [
            " VRRP Instance = VI_1",
            "   State = MASTER",
            "   Wantstate = MASTER",
            "   Last transition = <2.000000>",
            "   Interface = eth0",
            "   Virtual Router ID = 51",
            "   Effective priority = 150",
            "   Virtual IP (1):",
            "     10.99.0.100 dev eth0 scope global set",
        ] {
            assert!(text.lines().any(|found| found == line), "`{line}` is not in\n{text}");
        }
        assert!(!text.contains("State = FAULT"), "liveness probes look for it anywhere in the file");
    }
}
