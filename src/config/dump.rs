//! keepalived's text dump: what `-d` logs and USR1 writes to keepalived.data.
//!
//! The layout is that of 2.2.7, which exporters read: one blank indents an object, three a field, five
//! an entry of a list. Each block dumps itself, in its own file; what only the running daemon knows
//! comes in as [`Runtime`]. Passwords are stars, as in 2.4.

use super::Config;
use super::block::{Dumper, SyncGroup, TrackFile, Tracked};
use crate::types::{AdvertInt, Family, IfName, IpNet, Priority, State};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the running daemon knows beyond its configuration. Empty: not started, as for `-d`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Runtime {
    /// Instances by name; one that is not here has not started.
    pub instances: BTreeMap<String, RunState>,
    /// Scripts by name; one that is not here has not started.
    pub scripts: BTreeMap<String, ScriptRunState>,
    /// The number last read from a `track_file`, by its name; one that is not here has not been read.
    pub files: BTreeMap<String, i32>,
    /// `vrrp_track_process` blocks by name; one that is not here has not been looked for.
    pub processes: BTreeMap<String, ProcessRunState>,
    /// Sync groups by name; one that is not here has not started.
    pub groups: BTreeMap<String, GroupRunState>,
    /// Open sockets.
    pub sockets: Vec<SocketState>,
    /// Address that each interface sends from, where known: for instances that configure none.
    pub sources: BTreeMap<(IfName, Family), IpAddr>,
    /// Whether each BFD session is up, by its name.
    pub sessions: BTreeMap<String, bool>,
}

/// A virtual router at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunState {
    /// Where its machine is.
    pub state: State,
    /// Where it would be, were it alone.
    pub wanted: State,
    /// The master that it listens to, in BACKUP: its address and priority.
    pub master: Option<(IpAddr, Priority)>,
    /// Faults of interfaces and scripts that keep it in FAULT.
    pub faults: u32,
    /// Scripts that it waits for before it starts.
    pub scripts_init: u32,
    /// When it entered its state, as keepalived writes times:
    /// `1795228636.712313 (Sat Nov 21 02:37:16.712313 2026)`.
    pub last_transition: String,
    /// When its next timer is due, written likewise; `None`: no timer runs.
    pub read_timeout: Option<String>,
    /// Master_Down_Interval.
    pub master_down: Duration,
    /// The priority that it advertises.
    pub effective_priority: Priority,
    /// The sum of its priority and all weights, not clamped.
    pub total_priority: i64,
    /// What the master of a VRRPv3 router says its interval is, in BACKUP.
    pub master_advert_int: Option<AdvertInt>,
    /// Addresses that are on a link because of it.
    pub installed: BTreeSet<(IfName, IpNet)>,
    /// Descriptors that it receives and sends with.
    pub sockets: Option<(i32, i32)>,
    /// Its VMAC or ipvlan is there.
    pub virtual_link_up: bool,
    /// When the next burst of `garp_extra_if` is due, as keepalived writes times.
    pub next_extra_garp: Option<String>,
}

impl Default for RunState {
    /// INIT: started, and waiting.
    fn default() -> Self {
        Self {
            state: State::Init,
            wanted: State::Backup,
            master: None,
            faults: 0,
            scripts_init: 0,
            last_transition: "0.000000 (Thu Jan  1 00:00:00.000000 1970)".to_owned(),
            read_timeout: None,
            master_down: Duration::ZERO,
            effective_priority: Priority::DEFAULT,
            total_priority: 100,
            master_advert_int: None,
            installed: BTreeSet::new(),
            sockets: None,
            virtual_link_up: false,
            next_extra_garp: None,
        }
    }
}

/// A sync group at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GroupRunState {
    /// Where all its instances are to be.
    pub state: State,
    /// How many of them have a fault.
    pub faults: usize,
    /// How many of them wait for scripts.
    pub init: usize,
}

/// A script at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptRunState {
    /// keepalived's counter: 0 to rise + fall - 1, good from rise on.
    pub result: u32,
    /// What is known before the first result counts.
    pub init: ScriptInit,
    /// Whether the verdict is good.
    pub good: bool,
    /// What its process is doing: `idle`, `running`, …
    pub process: String,
}

impl Default for ScriptRunState {
    fn default() -> Self {
        Self { result: 0, init: ScriptInit::Init, good: false, process: "idle".to_owned() }
    }
}

/// Tracked processes at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProcessRunState {
    /// How many there are.
    pub current: usize,
    /// Whether that counts as a quorum.
    pub quorum: bool,
}

/// `Init state` of a script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ScriptInit {
    /// It has not run.
    Init,
    /// It has not run and counts as failed (`init_fail`).
    InitFailed,
    /// It has not run since the reload.
    InitReload,
    /// It has run.
    Done,
}

impl fmt::Display for ScriptInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::InitFailed => "INIT/FAILED",
            Self::InitReload => "INIT/RELOAD",
            Self::Done => "unknown",
        })
    }
}

/// A BFD session at one moment, intervals in microseconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionRunState {
    /// Our state and the neighbour's, in keepalived's words.
    pub states: [String; 2],
    /// Our discriminator and the neighbour's.
    pub discriminators: [u32; 2],
    /// Our diagnostic and the neighbour's, in keepalived's words.
    pub diagnostics: [String; 2],
    /// The neighbour's minimal intervals, to send and to receive.
    pub remote_min: [u32; 2],
    /// The neighbour wants no periodic packets.
    pub remote_demand: bool,
    /// The neighbour's multiplier.
    pub remote_detect_mult: u8,
    /// We are waiting for an answer to a poll.
    pub polling: bool,
    /// How often we send, and the neighbour.
    pub intervals: [u32; 2],
    /// After which silence we take the session for down, and the neighbour.
    pub detection: [u64; 2],
    /// When the next packet is due, and when the session expires, as keepalived writes times.
    pub timers: [Option<String>; 2],
    /// When the last packet came, written likewise.
    pub last_seen: Option<String>,
}

/// A pair of sockets that instances share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SocketState {
    /// Descriptor that receives.
    pub fd_in: i32,
    /// Descriptor that sends.
    pub fd_out: i32,
    /// The link; `None`: any.
    pub interface: Option<IfName>,
    /// The VRF, if it is bound to one instead.
    pub vrf: Option<IfName>,
    /// Of IP protocol 51: its adverts have an authentication header.
    pub ah: bool,
    /// The address that it is bound to, for unicast; `None`: multicast.
    pub unicast: Option<IpAddr>,
    /// IPv4 or IPv6.
    pub family: Family,
    /// What its instances want of its receive buffer, in bytes; 0: as the system has it.
    pub rx_buffer: u32,
    /// Names of the instances that use it.
    pub instances: Vec<String>,
}

/// A dump that grows. A method for each level of indentation.
#[derive(Debug, Default)]
pub(super) struct Out(String);

impl Out {
    pub(super) fn section(&mut self, title: &str) {
        self.line(0, format_args!("------< {title} >------"));
    }

    pub(super) fn object(&mut self, text: fmt::Arguments<'_>) {
        self.line(1, text);
    }

    pub(super) fn item(&mut self, text: fmt::Arguments<'_>) {
        self.line(2, text);
    }

    pub(super) fn field(&mut self, text: fmt::Arguments<'_>) {
        self.line(3, text);
    }

    pub(super) fn member(&mut self, text: fmt::Arguments<'_>) {
        self.line(5, text);
    }

    fn line(&mut self, indent: usize, text: fmt::Arguments<'_>) {
        writeln!(self.0, "{:indent$}{text}", "").expect("a string takes all that is written to it");
    }
}

/// ` object`, `  item`, `   field` and `     member` lines.
macro_rules! object {
    ($out:expr, $($text:tt)*) => { $out.object(format_args!($($text)*)) };
}
macro_rules! item {
    ($out:expr, $($text:tt)*) => { $out.item(format_args!($($text)*)) };
}
macro_rules! field {
    ($out:expr, $($text:tt)*) => { $out.field(format_args!($($text)*)) };
}
macro_rules! member {
    ($out:expr, $($text:tt)*) => { $out.member(format_args!($($text)*)) };
}
pub(super) use {field, item, member, object};

/// Everything, in keepalived's order; each line ends in a newline.
#[must_use]
pub fn dump(config: &Config, runtime: &Runtime) -> String {
    let mut out = Out::default();
    dump_globals(config, Dumper::Vrrp, &mut out);
    let links = config.links_with_gaps();
    if !config.garp_groups.is_empty() || !links.is_empty() {
        out.section("Gratuitous ARP delays");
        let groups = config.garp_groups.iter().enumerate();
        groups.for_each(|(number, group)| group.dump(number, &mut out));
        links.iter().for_each(|link| link.dump(0, &mut out));
    }
    config.statics.dump(&mut out);
    if !config.instances.is_empty() {
        out.section("VRRP Topology");
        for instance in &config.instances {
            instance.dump(&mut out, config, runtime);
        }
    }
    if !runtime.sockets.is_empty() {
        out.section("VRRP Sockpool");
        for socket in &runtime.sockets {
            dump_socket(socket, config, &mut out);
        }
    }
    if !config.sync_groups.is_empty() {
        out.section("VRRP Sync groups");
        for group in &config.sync_groups {
            let before = group.before_start(config);
            group.dump(&mut out, runtime.groups.get(&group.name).copied().unwrap_or(before));
        }
    }
    if !config.scripts.is_empty() {
        out.section("VRRP Scripts");
        for script in &config.scripts {
            script.dump(&mut out, config, runtime.scripts.get(&script.name));
        }
    }
    let has_members = |group: &&Arc<SyncGroup>| group.members.iter().any(|m| config.instance(m).is_some());
    let by_groups = config.sync_groups.iter().filter(has_members).flat_map(|group| &group.track);
    let entries = config.instances.iter().flat_map(|instance| &instance.track).chain(by_groups);
    let tracked: BTreeSet<&Tracked> = entries.map(|entry| &entry.tracked).collect();
    let is_tracked = |file: &&Arc<TrackFile>| tracked.contains(&Tracked::File(file.name.clone()));
    let mut files = config.track_files.iter().filter(is_tracked).peekable();
    if files.peek().is_some() {
        out.section("VRRP Track files");
    }
    for file in files {
        file.dump(&mut out, config, runtime.files.get(&file.name).copied().unwrap_or(0));
    }
    if !config.track_processes.is_empty() {
        out.section("VRRP Track processes");
        for process in &config.track_processes {
            process.dump(&mut out, config, runtime.processes.get(&process.name));
        }
    }
    let mut heard = config.bfd_instances.iter().filter(|session| session.tells_vrrp).peekable();
    if heard.peek().is_some() {
        out.section("VRRP Track BFDs");
    }
    for session in heard {
        let up = runtime.sessions.get(&session.name).copied().unwrap_or(false);
        session.dump_tracker(&mut out, config, up);
    }
    out.0
}

/// What keepalived's BFD process dumps behind the globals. Empty without sessions; of those that are not in
/// `running` the configuration alone is shown.
#[must_use]
pub fn dump_bfd(config: &Config, running: &BTreeMap<String, SessionRunState>) -> String {
    let mut out = Out::default();
    if config.bfd_instances.iter().any(|instance| instance.session.is_some()) {
        out.section("BFD Topology");
        for instance in &config.bfd_instances {
            instance.dump_session(&mut out, running.get(&instance.name));
        }
    }
    out.0
}

/// What keepalived's checker process dumps behind the globals: virtual servers, groups and checkers, as
/// they are before the first check. Empty without virtual servers.
#[must_use]
pub fn dump_lvs(config: &Config) -> String {
    let mut out = Out::default();
    config.lvs.dump(&mut out);
    out.0
}

/// The global section alone: what the parent writes to keepalived_parent.data. `reload`: when the next one of
/// `reload_time_file` is.
#[must_use]
pub fn dump_parent(config: &Config, reload: Option<&str>) -> String {
    let mut out = Out::default();
    dump_globals(config, Dumper::Parent { reload }, &mut out);
    out.0
}

fn dump_globals(config: &Config, dumper: Dumper<'_>, out: &mut Out) {
    out.section("Global definitions");
    config.global.dump(out, dumper);
}

fn dump_socket(socket: &SocketState, config: &Config, out: &mut Out) {
    object!(out, "fd_in {} fd_out = {}", socket.fd_in, socket.fd_out);
    field!(out, "Interface = {}", socket.interface.as_ref().map_or(NOT_CONFIGURED, IfName::as_str));
    if let Some(vrf) = &socket.vrf {
        field!(out, "VRF = {vrf}");
    }
    field!(out, "Family = {}", socket.family);
    field!(out, "Protocol = {}", if socket.ah { "AH" } else { "VRRP" });
    field!(out, "Type = {}", if socket.unicast.is_some() { "Unicast" } else { "Multicast" });
    if let Some(address) = socket.unicast {
        field!(out, "Address = {address}");
    }
    field!(out, "Rx buf size = {}", socket.rx_buffer);
    field!(out, "VRRP instances");
    for instance in config.instances.iter().filter(|i| socket.instances.contains(&i.name)) {
        member!(out, "{} vrid {}", instance.name, instance.vrid);
    }
}

/// What stands for an interface that an instance has none of.
pub(super) const NOT_CONFIGURED: &str = "not configured";

/// `true` or `false`, `yes` or `no`: keepalived uses all of them.
pub(super) fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// A number as C's `%g` writes it: six digits that count, none behind them that says nothing.
pub(crate) fn general(value: f64) -> String {
    let scientific = format!("{value:.5e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or(0);
        return trimmed(&format!("{value:.places$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: printf of glibc.
    #[test]
    fn numbers_are_written_as_percent_g_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.00001, "1e-05"),
            (0.0001, "0.0001"),
            (1.0 / 3.0, "0.333333"),
            (2000.5, "2000.5"),
            (1.0, "1"),
            (999_999.5, "1e+06"),
            (123_456.7, "123457"),
            (1.5e10, "1.5e+10"),
            (100.0, "100"),
        ] {
            assert_eq!(general(value), text);
        }
    }
}
