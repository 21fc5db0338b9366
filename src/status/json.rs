//! `keepalived.json`: what exporters read that want no text (keepalived 2.2: vrrp_print_json).
//!
//! Written by hand, because its shapes are C's: numbers as `%g`, a slash with a backslash before it, and
//! members that are left out where they would be empty.

use super::Snapshot;
use crate::config::block::{Auth, ParamMatch, Preempt, TrackProcess, Tracked, VrrpInstance};
use crate::config::dump::general;
use crate::config::value::{ScriptCommand, VirtualAddress};
use crate::track::Verdict;
use crate::types::{Instant, State};
use crate::vrrp::{InstanceStatus, Stats};
use std::fmt::{Display, Write};

/// The text of `keepalived.json`, one line; `None` without instances, of which keepalived writes none.
///
/// `seconds` writes a moment as seconds since 1970 with six decimals.
#[must_use]
pub fn json(snapshot: &Snapshot, seconds: &dyn Fn(Instant) -> String) -> Option<String> {
    let instance = |status: &InstanceStatus| {
        let mut object = Object::default();
        object.member("data", data(status, snapshot, seconds).close());
        object.member("stats", stats(&status.stats).close());
        object.close()
    };
    let instances: Vec<String> = snapshot.instances.iter().map(instance).collect();
    if instances.is_empty() {
        return None;
    }
    let instances = format!("[{}]", instances.join(","));
    if !is_second(snapshot) {
        return Some(instances + "\n");
    }
    let mut all = Object::default();
    all.member("vrrp", instances);
    let processes: Vec<String> =
        snapshot.config.track_processes.iter().map(|process| tracked(process, snapshot).close()).collect();
    if !processes.is_empty() {
        all.member("track_process", format_args!("[{}]", processes.join(",")));
    }
    Some(all.close() + "\n")
}

/// Whether the configuration asks for `json_version 2` (keepalived 2.2.8).
fn is_second(snapshot: &Snapshot) -> bool {
    snapshot.config.global.files.json_version == 2
}

/// A `vrrp_track_process` of the second layout.
fn tracked(process: &TrackProcess, snapshot: &Snapshot) -> Object {
    let (count, verdict) = snapshot.processes.get(&process.name).copied().unwrap_or((0, Verdict::Bad));
    let (enough, settled) = (process.is_quorum(count), verdict == Verdict::Good);
    let pattern = &process.pattern;
    let mut o = Object::default();
    o.text("process", &pattern.command);
    if !pattern.params.is_empty() {
        o.text("parameters", &pattern.params.join(" "));
    }
    let compared = match pattern.param_match {
        None => "none",
        Some(ParamMatch::Exact) => "exact",
        Some(ParamMatch::Partial) => "partial",
        Some(ParamMatch::Initial) => "initial",
    };
    o.text("param_match", compared);
    o.member("min_processes", process.quorum);
    if let Some(most) = process.quorum_max {
        o.member("max_processes", most);
    }
    o.member("current_processes", count);
    o.member("have_quorum", settled);
    let weight = i32::from(process.weight.value);
    o.member("weight", if process.weight.reverse { -weight } else { weight });
    o.member("terminate_delay", general(process.terminate_delay.as_secs_f64()));
    o.member("fork_delay", general(process.fork_delay.as_secs_f64()));
    // What is not settled as it is waits for one of both.
    o.member("fork_delay_timer_running", enough && !settled);
    o.member("terminate_delay_timer_running", !enough && settled);
    o.member("full_command", pattern.full_command);
    o
}

fn data(status: &InstanceStatus, snapshot: &Snapshot, seconds: &dyn Fn(Instant) -> String) -> Object {
    let config = &*status.config;
    let mut o = Object::default();
    o.text("iname", &config.name);
    o.member("dont_track_primary", u8::from(!config.track_primary));
    o.member("skip_check_adv_addr", u8::from(config.skip_check_adv_addr));
    o.member("strict_mode", u8::from(config.strict));
    o.text("vmac_ifname", config.virtual_link.as_ref().map_or("", |link| link.name.as_str()));
    if let Some(link) = config.own_link() {
        o.text("ifp_ifname", link.as_str());
    }
    o.member("master_priority", status.master.map_or(0, |master| master.priority.get()));
    o.member("last_transition", seconds(status.last_transition));
    let garp = &config.garp;
    o.member("garp_delay", garp.master_delay.as_secs());
    o.member("garp_refresh", garp.master_refresh.as_secs());
    o.member("garp_rep", garp.master_repeat);
    o.member("garp_refresh_rep", garp.master_refresh_repeat);
    o.member("garp_lower_prio_delay", garp.lower_prio_delay.as_secs());
    o.member("garp_lower_prio_rep", garp.lower_prio_repeat);
    o.member("lower_prio_no_advert", u8::from(config.lower_prio_no_advert));
    o.member("higher_prio_send_advert", u8::from(config.higher_prio_send_advert));
    o.member("vrid", config.vrid);
    o.member("base_priority", config.priority.get());
    o.member("effective_priority", status.priority.get());
    o.member("vipset", status.addresses_set);
    o.member("promote_secondaries", config.promote_secondaries);
    o.member("adver_int", general(config.advert_int.duration().as_secs_f64()));
    o.member("master_adver_int", general(status.master_interval.duration().as_secs_f64()));
    o.member("accept", u8::from(config.accept));
    o.member("nopreempt", config.preempt == Preempt::Never);
    o.member(
        "preempt_delay",
        match config.preempt {
            Preempt::After(delay) => delay.as_secs(),
            Preempt::Never => 0,
        },
    );
    o.member("state", number(status.state));
    o.member("wantstate", number(status.wanted));
    o.member("version", config.version);
    o.member("smtp_alert", config.smtp_alert);
    o.member("notify_deleted", config.notify_deleted);
    scripts(&mut o, config);
    lists(&mut o, status, snapshot);
    let (kind, secret) = match config.auth {
        Auth::Pass(_) => (1, true),
        Auth::Ah(_) => (2, true),
        Auth::None | Auth::Hmac(_) => (0, false),
    };
    o.member("auth_type", kind);
    if secret {
        o.text("auth_data", "********");
    }
    o
}

fn scripts(o: &mut Object, config: &VrrpInstance) {
    let notify = &config.notify;
    for (name, script) in [
        ("script_backup", &notify.backup),
        ("script_master", &notify.master),
        ("script_fault", &notify.fault),
        ("script_stop", &notify.stop),
        ("script_deleted", &notify.deleted),
        ("script", &notify.any),
        ("script_master_rx_lower_pri", &notify.master_rx_lower_pri),
        ("script_split_brain", &notify.split_brain),
    ] {
        if let Some(script) = script {
            o.text(name, &script.to_string());
        }
    }
}

fn lists(o: &mut Object, status: &InstanceStatus, snapshot: &Snapshot) {
    let config = &*status.config;
    let set = if status.addresses_set { " set" } else { "" };
    let address = |address: &VirtualAddress| format!("{address}{set}");
    o.list("vips", config.vips.iter().map(address));
    o.list("evips", config.excluded_vips.iter().map(address));
    o.list("vroutes", config.routes.iter().map(ToString::to_string));
    o.list("vrules", config.rules.iter().map(ToString::to_string));
    let interface = |tracked: &Tracked| match tracked {
        Tracked::Interface(name) => Some(name.to_string()),
        _ => None,
    };
    // Not its name, but what it runs.
    let script = |tracked: &Tracked| match tracked {
        Tracked::Script(name) => command(snapshot, name).map(ToString::to_string),
        _ => None,
    };
    o.list("track_ifp", config.track.iter().filter_map(|entry| interface(&entry.tracked)));
    o.list("track_script", config.track.iter().filter_map(|entry| script(&entry.tracked)));
    if is_second(snapshot) {
        let process = |tracked: &Tracked| match tracked {
            Tracked::Process(name) => {
                let mut all = snapshot.config.track_processes.iter();
                all.find(|process| process.name == *name).map(|process| process.pattern.command.clone())
            }
            _ => None,
        };
        o.list("track_process", config.track.iter().filter_map(|entry| process(&entry.tracked)));
    }
}

fn command<'s>(snapshot: &'s Snapshot, name: &str) -> Option<&'s ScriptCommand> {
    snapshot.config.scripts.iter().find(|script| script.name == name).map(|script| &script.command)
}

fn stats(stats: &Stats) -> Object {
    let mut o = Object::default();
    for (name, counter) in [
        ("advert_rcvd", stats.advert_rcvd),
        ("advert_sent", stats.advert_sent),
        ("become_master", stats.become_master),
        ("release_master", stats.release_master),
        ("packet_len_err", stats.packet_len_err),
        ("advert_interval_err", stats.advert_interval_err),
        ("ip_ttl_err", stats.ip_ttl_err),
        ("invalid_type_rcvd", stats.invalid_type_rcvd),
        ("addr_list_err", stats.addr_list_err),
        ("invalid_authtype", stats.invalid_authtype),
        ("authtype_mismatch", stats.authtype_mismatch),
        ("auth_failure", stats.auth_failure),
        ("pri_zero_rcvd", stats.pri_zero_rcvd),
        ("pri_zero_sent", stats.pri_zero_sent),
    ] {
        o.member(name, counter);
    }
    // Not keepalived's: there only where there is something to tell.
    for (name, counter) in [("split_brain", stats.split_brain), ("foreign_claims", stats.foreign_claims)] {
        if counter > 0 {
            o.member(name, counter);
        }
    }
    o
}

/// keepalived's numbers of states.
fn number(state: State) -> u8 {
    match state {
        State::Init => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
    }
}

/// An object that grows.
#[derive(Default)]
struct Object(String);

impl Object {
    /// A member whose value is JSON as it is displayed.
    fn member(&mut self, name: &str, value: impl Display) {
        let comma = if self.0.is_empty() { "" } else { "," };
        write!(self.0, "{comma}\"{name}\":{value}").expect("a string takes all that is written to it");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.member(name, quoted(value));
    }

    /// A list of texts, left out when it is empty.
    fn list(&mut self, name: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.map(|value| quoted(&value)).collect();
        if !values.is_empty() {
            self.member(name, format_args!("[{}]", values.join(",")));
        }
    }

    fn close(self) -> String {
        format!("{{{}}}", self.0)
    }
}

fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '/' => json.extend(['\\', c]),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            c if c < ' ' => write!(json, "\\u{:04x}", u32::from(c)).expect("a string takes everything"),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_json_whatever_the_names_are() {
        let mut config = crate::vrrp::sample();
        config.name = "a\"b\\c/d\u{1}ü".to_owned();
        let snapshot = Snapshot::of_a_master(config);
        let text = json(&snapshot, &|at| at.to_string()).unwrap();
        assert!(
            text.starts_with(r#"[{"data":{"iname":"a\"b\\c\/d\u0001ü","dont_track_primary":0,"#),
            "{text}"
        );
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["data"]["iname"], "a\"b\\c/d\u{1}ü");
        assert_eq!(value[0]["data"]["state"], 2);
        assert_eq!(value[0]["data"]["last_transition"], 2.0);
        assert_eq!(value[0]["stats"]["become_master"], 1);
        assert_eq!(json(&Snapshot::default(), &|at| at.to_string()), None);
    }

    /// oracle: keepalived 2.4's members and their order; no 2.4 to run is at hand.
    #[test]
    fn the_second_layout_is_an_object_and_has_processes() {
        let mut snapshot = Snapshot::of_a_master(crate::vrrp::sample());
        let first = json(&snapshot, &|at| at.to_string()).unwrap();
        let mut config = crate::config::Config::clone(&snapshot.config);
        config.global.files.json_version = 2;
        snapshot.config = std::sync::Arc::new(config.clone());
        let second = json(&snapshot, &|at| at.to_string()).unwrap();
        assert_eq!(second.trim_end(), format!("{{\"vrrp\":{}}}", first.trim_end()));
        let mut process = crate::track::sample::process("p");
        process.pattern.command = "/usr/sbin/nginx".into();
        process.pattern.params = vec!["-g".into(), "x".into()];
        process.pattern.param_match = Some(ParamMatch::Partial);
        process.quorum = 2;
        process.fork_delay = std::time::Duration::from_millis(1500);
        process.weight = crate::config::value::Weight { value: 10, reverse: true };
        snapshot.processes.insert("p".into(), (3, Verdict::Bad));
        config.track_processes = vec![std::sync::Arc::new(process)];
        snapshot.config = std::sync::Arc::new(config);
        let text = json(&snapshot, &|at| at.to_string()).unwrap();
        let processes = text.split_once(",\"track_process\":").unwrap().1;
        assert_eq!(
            processes,
            "[{\"process\":\"\\/usr\\/sbin\\/nginx\",\"parameters\":\"-g x\",\"param_match\":\"partial\",\
             \"min_processes\":2,\"current_processes\":3,\"have_quorum\":false,\"weight\":-10,\
             \"terminate_delay\":0,\"fork_delay\":1.5,\"fork_delay_timer_running\":true,\
             \"terminate_delay_timer_running\":false,\"full_command\":false}]}\n"
        );
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
