//! Those of the globals that are for load balancing.

use super::GlobalDraft;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, missing_argument};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, ScriptCommand};
use crate::types::IfName;
use std::net::IpAddr;
use std::time::Duration;

/// Settings for all virtual servers, and of the process that checks them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LvsDefs {
    /// `checker_process_name`, at most 15 characters.
    pub process_name: Option<String>,
    /// `smtp_alert_checker`: mail about virtual and real servers; wins over `smtp_alert`.
    pub smtp_alert_checker: Option<bool>,
    /// `checker_log_all_failures`
    pub checker_log_all_failures: bool,
    /// `lvs_timeouts`, in seconds; `None` and 0: the kernel's.
    pub timeouts: LvsTimeouts,
    /// `lvs_flush`: empty the table at start.
    pub flush: bool,
    /// `lvs_flush_on_stop`
    pub flush_on_stop: FlushOnStop,
    /// `lvs_sync_daemon`
    pub sync_daemon: Option<SyncDaemon>,
    /// `nftables_ipvs`: the name of the table.
    pub nftables_table: Option<String>,
    /// `nftables_ipvs_priority`; default -1.
    pub nftables_priority: Option<i32>,
    /// `nftables_ipvs_start_fwmark`; default 1000.
    pub nftables_start_fwmark: Option<u32>,
    /// `nftables_counters`
    pub nftables_counters: bool,
    /// `lvs_notify_fifo`: its path, with the account that owns it.
    pub notify_fifo: Option<NotifyFifo>,
    /// `lvs_notify_fifo_script`: reads the FIFO, whose path is its last argument.
    pub notify_fifo_script: Option<ScriptCommand>,
    /// `checker_priority`: nice value, -20 to 19.
    pub priority: i8,
    /// `checker_no_swap`
    pub no_swap: bool,
    /// `checker_rt_priority`, 1 to 99.
    pub rt_priority: Option<u8>,
    /// `checker_cpu_affinity`; empty: all.
    pub cpu_affinity: Vec<u16>,
    /// `checker_rlimit_rttime`; `None`: 10 ms.
    pub rlimit_rttime: Option<Duration>,
    /// `lvs_netlink_cmd_rcv_bufs`, in bytes; 0: the system's.
    pub cmd_rcv_bufs: u32,
    /// `lvs_netlink_cmd_rcv_bufs_force`
    pub cmd_rcv_bufs_force: bool,
    /// `lvs_netlink_monitor_rcv_bufs`, in bytes; 0: the system's.
    pub monitor_rcv_bufs: u32,
    /// `lvs_netlink_monitor_rcv_bufs_force`
    pub monitor_rcv_bufs_force: bool,
    /// `rs_init_notifies`: run `notify_up` for servers that are added at start.
    pub rs_init_notifies: bool,
    /// `no_checker_emails`: mail when a server changes, not for each of its checkers.
    pub no_checker_emails: bool,
    /// `enable_snmp_checker`
    pub snmp: bool,
}

/// `lvs_timeouts`, in seconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LvsTimeouts {
    /// Of TCP connections.
    pub tcp: Option<u32>,
    /// Of those that have seen a FIN.
    pub tcp_fin: Option<u32>,
    /// Of UDP.
    pub udp: Option<u32>,
}

/// How the table is cleared at shutdown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FlushOnStop {
    /// Server by server.
    #[default]
    No,
    /// As a whole, with what others have put there.
    Everything,
    /// Our virtual servers, each as a whole.
    VirtualServers,
}

/// The kernel's daemon that tells other nodes of connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SyncDaemon {
    /// The link that it uses.
    pub interface: IfName,
    /// The instance whose state it follows; `None`: it is master and backup at once.
    pub instance: Option<String>,
    /// `id`; `None`: the VRID of the instance, else 0.
    pub id: Option<u8>,
    /// `maxlen` in bytes, 1 to 65507.
    pub maxlen: Option<u16>,
    /// `port`, 1 to 65535.
    pub port: Option<u16>,
    /// `ttl`, 1 to 255.
    pub ttl: Option<u8>,
    /// `group`: a multicast address.
    pub group: Option<IpAddr>,
}

/// A FIFO that gets a line for each event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotifyFifo {
    /// Where it is.
    pub path: String,
    /// Who owns it; `None`: nobody has looked them up.
    pub owner: Option<(u32, u32)>,
}

impl GlobalDraft {
    /// The `smtp_alert` of virtual and real servers that give none.
    pub(in crate::config) fn smtp_alert_checker(&self) -> Option<bool> {
        self.defs.lvs.smtp_alert_checker.or(self.defs.smtp_alert)
    }
}

/// A line, or a part of it, that is refused.
fn refused(cx: &mut Context<'_>, id: &'static str, word: &Word, message: impl Into<String>, classic: String) {
    cx.report(Diagnostic::error(id, word.span, message).classic(classic).label("ignored"));
}

impl Context<'_> {
    /// `KEYWORD [BOOL]`, in keepalived's usual words about globals.
    pub(super) fn global_flag(&mut self, slot: &mut bool, node: &Node) {
        let keyword = &node.keyword;
        let value =
            self.boolean(&node.args, |word| format!("Invalid value '{word}' for global {keyword} specified"));
        *slot = value.unwrap_or(*slot);
    }
}

pub(super) fn smtp_alert_checker(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = |word: &Word| format!("Invalid value '{word}' for global smtp_alert_checker specified");
    let value = cx.boolean(&node.args, text);
    d.defs.lvs.smtp_alert_checker = value.or(d.defs.lvs.smtp_alert_checker);
}

pub(super) fn checker_log_all_failures(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |_| "Invalid value for checker_log_all_failures specified".to_owned());
    d.defs.lvs.checker_log_all_failures = value.unwrap_or(d.defs.lvs.checker_log_all_failures);
}

/// What the kernel keeps of a process name.
const LONGEST_NAME: usize = 15;

pub(super) fn process_name(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if node.keyword.text == "lvs_process_name" {
        let message = "`lvs_process_name` is called `checker_process_name` now";
        let problem = Diagnostic::warning("deprecated", node.keyword.span, message)
            .class(Class::Harmless)
            .classic("'lvs_process_name' is deprecated - please use 'checker_process_name'");
        cx.report(problem);
    }
    let name: String = word.as_str().chars().take(LONGEST_NAME).collect();
    if name.len() < word.text.len() {
        let message = format!("the name of a process has at most {LONGEST_NAME} characters");
        let problem = Diagnostic::error("name-too-long", word.span, message)
            .classic(format!("Process name {word} more than {LONGEST_NAME} characters, truncating"))
            .label(format!("`{name}` is used"));
        cx.report(problem);
    }
    d.defs.lvs.process_name = Some(name);
}

/// The kernel's: 31 days.
const LONGEST_TIMEOUT: u32 = 31 * 24 * 60 * 60;

pub(super) fn timeouts(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    if node.args.len() < 2 {
        return cx.missing_value(node, "lvs_timeouts requires at least one option");
    }
    let timeouts = &mut d.defs.lvs.timeouts;
    let mut words = node.args.iter();
    while let Some(word) = words.next() {
        let slot = match word.as_str() {
            "tcp" => &mut timeouts.tcp,
            "tcpfin" => &mut timeouts.tcp_fin,
            "udp" => &mut timeouts.udp,
            _ => {
                let text = format!("Unknown option {word} specified for lvs_timeouts");
                refused(cx, "unknown-option", word, format!("`{word}` is not tcp, tcpfin or udp"), text);
                continue;
            }
        };
        let Some(value) = words.next() else {
            let text = format!("No value specified for lvs_timeout {word} - ignoring");
            return refused(cx, "missing-value", word, format!("`{word}` needs a number of seconds"), text);
        };
        let otherwise = Otherwise::ignored(format!("Invalid lvs_timeout {word} ({value}) - ignoring"));
        *slot = cx.unsigned(value, 0..=LONGEST_TIMEOUT, Junk::Tolerated, otherwise).or(*slot);
    }
}

pub(super) fn flush_on_stop(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.lvs.flush_on_stop = match node.args.first().map(|word| (word, word.as_str())) {
        None => FlushOnStop::Everything,
        Some((_, "VS")) => FlushOnStop::VirtualServers,
        Some((word, _)) => {
            let text = format!("Unknown lvs_flush_on_stop type {word}");
            return refused(cx, "unknown-option", word, "only `VS` can stand here", text);
        }
    };
}

pub(super) fn sync_daemon(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "lvs_sync_daemon requires interface");
    };
    if let Some(SyncDaemon { interface, instance, .. }) = &d.defs.lvs.sync_daemon {
        let instance = instance.as_deref().unwrap_or("");
        let text = format!("lvs_sync_daemon has already been specified as {interface} {instance} - ignoring");
        return refused(cx, "duplicate-value", &node.keyword, "there are two `lvs_sync_daemon`", text);
    }
    let Ok(interface) = IfName::new(word.as_str()) else {
        let text = format!("lvs_sync_daemon interface name '{word}' too long - ignoring");
        let message = format!("`{word}` is not the name of an interface");
        return refused(cx, "bad-interface-name", word, message, text);
    };
    let mut daemon =
        SyncDaemon { interface, instance: None, id: None, maxlen: None, port: None, ttl: None, group: None };
    let mut words = node.args[1..].iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "id" | "maxlen" | "port" | "ttl" | "group" => daemon.option(word, words.next(), cx),
            "inst" => match words.next() {
                Some(name) => daemon.follow(name, cx),
                None => cx.report(missing_argument(word, "NAME")),
            },
            _ if daemon.instance.is_none() => daemon.follow(word, cx),
            _ if daemon.id.is_none() && word.as_str().parse::<u8>().is_ok() => {
                daemon.id = word.as_str().parse().ok();
                let problem =
                    Diagnostic::error("deprecated", word.span, "a bare number is an old-fashioned id")
                        .classic("Please use keyword \"id\" before lvs_sync_daemon SYNCID")
                        .help(format!("write `id {word}`"));
                cx.report(problem);
            }
            _ => {
                let text = format!("Unknown option {word} specified for lvs_sync_daemon");
                let message = format!("`{word}` is not an option of `lvs_sync_daemon`");
                refused(cx, "unknown-option", word, message, text);
            }
        }
    }
    d.defs.lvs.sync_daemon = Some(daemon);
}

impl SyncDaemon {
    fn follow(&mut self, name: &Word, cx: &mut Context<'_>) {
        if let Some(other) = &self.instance {
            let text =
                format!("lvs_sync_daemon vrrp instance has already been specified as {other} - ignoring");
            return refused(cx, "duplicate-value", name, format!("it follows `{other}` already"), text);
        }
        self.instance = Some(name.text.clone());
    }

    fn option(&mut self, option: &Word, value: Option<&Word>, cx: &mut Context<'_>) {
        let Some(value) = value else {
            let text = match option.as_str() {
                "id" => "No value specified for lvs_sync_daemon id, defaulting to vrid".to_owned(),
                _ => format!("No value specified for lvs_sync_daemon {option} - ignoring"),
            };
            return refused(cx, "missing-value", option, format!("`{option}` needs a value"), text);
        };
        if option.text == "group" {
            return self.join(value, cx);
        }
        let (range, text) = match option.as_str() {
            "id" => (0..=255, format!("Invalid syncid ({value}) - defaulting to vrid")),
            other => {
                let most = match other {
                    "maxlen" => 65_507,
                    "port" => 65_535,
                    _ => 255,
                };
                (1..=most, format!("Invalid lvs_sync_daemon {option} ({value}) - ignoring"))
            }
        };
        let number = cx.unsigned(value, range, Junk::Tolerated, Otherwise::ignored(text));
        let Some(number) = number.and_then(|number| u16::try_from(number).ok()) else { return };
        match option.as_str() {
            "id" => self.id = u8::try_from(number).ok(),
            "maxlen" => self.maxlen = Some(number),
            "port" => self.port = Some(number),
            _ => self.ttl = u8::try_from(number).ok(),
        }
    }

    fn join(&mut self, word: &Word, cx: &mut Context<'_>) {
        let text = match word.as_str().parse::<IpAddr>() {
            Ok(group) if group.is_multicast() => {
                self.group = Some(group);
                return;
            }
            Ok(_) => format!("lvs_sync_daemon group address {word} is not multicast - ignoring"),
            Err(_) => format!("Invalid lvs_sync_daemon group ({word}) - ignoring"),
        };
        refused(cx, "bad-address", word, format!("`{word}` is not a multicast address"), text);
    }

    fn dump(&self, out: &mut Out) {
        if let Some(name) = &self.instance {
            object!(out, "LVS syncd vrrp name = {name}");
        }
        object!(out, "LVS syncd interface = {}", self.interface);
        // Until the instance is known, keepalived keeps -1 for "its VRID".
        let unset = if self.instance.is_some() { u32::MAX } else { 0 };
        object!(out, "LVS syncd syncid = {}", self.id.map_or(unset, u32::from));
        if let Some(maxlen) = self.maxlen {
            object!(out, "LVS syncd maxlen = {maxlen}");
        }
        if let Some(group) = self.group {
            object!(out, "LVS mcast group {group}");
        }
        if let Some(port) = self.port {
            object!(out, "LVS syncd mcast port = {port}");
        }
        if let Some(ttl) = self.ttl {
            object!(out, "LVS syncd mcast ttl = {ttl}");
        }
    }
}

/// What the table is called where no name is given.
const CUSTOMARY_TABLE: &str = "keepalived_ipvs";
/// What nftables keeps of a name.
const LONGEST_TABLE: usize = 31;

pub(super) fn nftables(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let lvs = &mut d.defs.lvs;
    let name = node.args.first();
    if lvs.nftables_table.is_some() {
        let text = "ipvs nftables already specified - ignoring".to_owned();
        return refused(cx, "duplicate-value", &node.keyword, "there are two `nftables_ipvs`", text);
    }
    if let Some(word) = name.filter(|word| word.text.len() > LONGEST_TABLE) {
        let text = "ipvs nftables table name too long - ignoring".to_owned();
        return refused(cx, "name-too-long", word, format!("a name has at most {LONGEST_TABLE} bytes"), text);
    }
    lvs.nftables_table = Some(name.map_or_else(|| CUSTOMARY_TABLE.to_owned(), |word| word.text.clone()));
}

pub(super) fn nftables_priority(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("invalid ipvs nftables chain priority '{}'", node.arg());
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let value = cx.integer(node.arg(), range, Junk::Tolerated, Otherwise::ignored(text));
    let value = value.and_then(|value| i32::try_from(value).ok());
    d.defs.lvs.nftables_priority = value.or(d.defs.lvs.nftables_priority);
}

pub(super) fn nftables_start_fwmark(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("invalid ipvs nftables start_fwmark priority '{}'", node.arg());
    let value = cx.unsigned(node.arg(), 1..=u32::MAX, Junk::Tolerated, Otherwise::ignored(text));
    d.defs.lvs.nftables_start_fwmark = value.or(d.defs.lvs.nftables_start_fwmark);
}

pub(super) fn notify_fifo(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "No lvs_notify_fifo name specified");
    };
    if d.defs.lvs.notify_fifo.is_some() {
        let text = format!("lvs_notify_fifo already specified - ignoring {word}");
        return refused(cx, "duplicate-value", &node.keyword, "there are two `lvs_notify_fifo`", text);
    }
    let account = match node.args.get(1) {
        Some(user) => cx.account(user, node.args.get(2)),
        None => Ok(None),
    };
    match account {
        Ok(account) => {
            let owner = account.map(|account| (account.uid, account.gid));
            d.defs.lvs.notify_fifo = Some(NotifyFifo { path: word.text.clone(), owner });
        }
        Err(reason) => {
            let problem = Diagnostic::error("no-such-user", node.span(), reason)
                .class(Class::Harmless)
                .classic(format!("Invalid user/group for lvs_ fifo {word} - ignoring"))
                .label("there is no FIFO");
            cx.report(problem);
        }
    }
}

pub(super) fn notify_fifo_script(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "No lvs_notify_fifo_script specified");
    };
    if d.defs.lvs.notify_fifo_script.is_some() {
        let text = format!("lvs_notify_fifo_script already specified - ignoring {word}");
        return refused(cx, "duplicate-value", &node.keyword, "there are two `lvs_notify_fifo_script`", text);
    }
    d.defs.lvs.notify_fifo_script = cx.notify_script(node, false, "(lvs)", d.script_account);
}

pub(super) fn priority(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "No checker process priority specified");
    };
    let otherwise = Otherwise::replaced("Invalid checker process priority specified", "0 is used");
    let value = cx.integer(word, -20..=19, Junk::Tolerated, otherwise);
    d.defs.lvs.priority = value.and_then(|value| i8::try_from(value).ok()).unwrap_or(0);
}

pub(super) fn rt_priority(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    const LEAST: u8 = 1;
    const MOST: u8 = 99;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "No checker process real-time priority specified");
    };
    let text = format!("checker process real-time priority '{word}' invalid");
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let Some(value) = cx.integer(word, range, Junk::Refused, Otherwise::ignored(text)) else { return };
    let used = u8::try_from(value.clamp(i64::from(LEAST), i64::from(MOST))).unwrap_or(LEAST);
    let (low, name) = if value < i64::from(LEAST) { (true, "minimum") } else { (false, "maximum") };
    if i64::from(used) != value {
        let relation = if low { "less" } else { "greater" };
        let text = format!(
            "checker process real-time priority {value} {relation} than {name} {used} - setting to {name}"
        );
        let message = format!("`{word}` is not from {LEAST} to {MOST}");
        let problem = Diagnostic::error("number-out-of-range", word.span, message).classic(text);
        cx.report(problem.label(format!("{used} is used")));
    }
    d.defs.lvs.rt_priority = Some(used);
}

/// CPUs that a set has room for.
const MOST_CPUS: u32 = 1023;

pub(super) fn cpu_affinity(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let mut cpus = Vec::new();
    for word in &node.args {
        let text = format!("Invalid cpu_id:{word} specified for checker process");
        let otherwise = Otherwise::replaced(text, "all CPUs are used");
        let Some(cpu) = cx.unsigned(word, 0..=MOST_CPUS, Junk::Refused, otherwise) else {
            cpus.clear();
            break;
        };
        cpus.extend(u16::try_from(cpu));
    }
    d.defs.lvs.cpu_affinity = cpus;
}

pub(super) fn rlimit_rttime(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let (keyword, word) = (&node.keyword, node.arg());
    if keyword.text == "checker_rlimit_rtime" {
        let message = "`checker_rlimit_rtime` is called `checker_rlimit_rttime` now";
        let text =
            "Keyword 'checker_rlimit_rtime' is deprecated - please use 'checker_rlimit_rttime'".to_owned();
        let problem = Diagnostic::warning("deprecated", keyword.span, message).class(Class::Harmless);
        cx.report(problem.classic(text));
    }
    let text = format!("Invalid checker real-time limit - {word}");
    let micros = cx.unsigned(word, 1..=u32::MAX, Junk::Tolerated, Otherwise::replaced(text, "0 is used"));
    // The kernel takes 1 for none at all.
    let micros = micros.map_or(0, |micros| micros.max(2));
    d.defs.lvs.rlimit_rttime = Some(Duration::from_micros(u64::from(micros)));
}

fn buffer(node: &Node, cx: &mut Context<'_>) -> Option<u32> {
    let keyword = &node.keyword;
    let Some(word) = node.args.first() else {
        cx.missing_value(node, &format!("{keyword} size missing"));
        return None;
    };
    let otherwise = Otherwise::ignored(format!("{keyword} size ({word}) invalid"));
    cx.unsigned(word, 0..=u32::MAX, Junk::Tolerated, otherwise)
}

pub(super) fn cmd_rcv_bufs(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.lvs.cmd_rcv_bufs = buffer(node, cx).unwrap_or(d.defs.lvs.cmd_rcv_bufs);
}

pub(super) fn cmd_rcv_bufs_force(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    cx.global_flag(&mut d.defs.lvs.cmd_rcv_bufs_force, node);
}

pub(super) fn monitor_rcv_bufs(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.lvs.monitor_rcv_bufs = buffer(node, cx).unwrap_or(d.defs.lvs.monitor_rcv_bufs);
}

pub(super) fn monitor_rcv_bufs_force(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    cx.global_flag(&mut d.defs.lvs.monitor_rcv_bufs_force, node);
}

pub(super) fn rs_init_notifies(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    cx.global_flag(&mut d.defs.lvs.rs_init_notifies, node);
}

pub(super) fn no_checker_emails(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    cx.global_flag(&mut d.defs.lvs.no_checker_emails, node);
}

impl LvsDefs {
    /// Between the settings of interfaces and their defaults.
    pub(super) fn dump_timeouts(&self, out: &mut Out) {
        let LvsTimeouts { tcp, tcp_fin, udp } = self.timeouts;
        for (label, timeout) in [("TCP", tcp), ("TCP FIN", tcp_fin), ("UDP", udp)] {
            if let Some(timeout) = timeout.filter(|timeout| *timeout > 0) {
                object!(out, "LVS {label} timeout = {timeout}");
            }
        }
    }

    pub(super) fn dump_table(&self, out: &mut Out) {
        if let Some(daemon) = &self.sync_daemon {
            daemon.dump(out);
        }
        object!(out, "LVS flush = {}", self.flush);
        let on_stop = match self.flush_on_stop {
            FlushOnStop::No => "disabled",
            FlushOnStop::Everything => "full",
            FlushOnStop::VirtualServers => "VS",
        };
        object!(out, "LVS flush on stop = {on_stop}");
        if let Some(NotifyFifo { path, owner }) = &self.notify_fifo {
            let (uid, gid) = owner.unwrap_or((0, 0));
            object!(out, "LVS notify fifo = {path}, uid:gid {uid}:{gid}");
        }
        if let Some(script) = &self.notify_fifo_script {
            let (uid, gid) = (script.uid.unwrap_or(0), script.gid.unwrap_or(0));
            let path = self.notify_fifo.as_ref().map_or(String::new(), |fifo| format!(" '{}'", fifo.path));
            object!(out, "LVS notify fifo script = {script}{path}, uid:gid {uid}:{gid}");
        }
    }

    pub(super) fn dump_nftables(&self, out: &mut Out) {
        let Some(table) = &self.nftables_table else { return };
        object!(out, "ipvs nftables table name = {table}");
        object!(out, "ipvs nftables base chain priority = {}", self.nftables_priority.unwrap_or(-1));
        object!(out, "ipvs nftables start fwmark = {}", self.nftables_start_fwmark.unwrap_or(1000));
        object!(out, "nftables with{} counters", if self.nftables_counters { "" } else { "out" });
    }

    pub(super) fn dump_process(&self, out: &mut Out) {
        object!(out, "Checker process priority = {}", self.priority);
        object!(out, "Checker don't swap = {}", self.no_swap);
        object!(out, "Checker realtime priority = {}", self.rt_priority.unwrap_or(0));
        if !self.cpu_affinity.is_empty() {
            let cpus: String = self.cpu_affinity.iter().map(|cpu| format!(" {cpu}")).collect();
            object!(out, "Checker CPU Affinity ={cpus}");
        }
        let limit = self.rlimit_rttime.unwrap_or(Duration::from_millis(10));
        object!(out, "Checker realtime limit = {}", limit.as_micros());
    }

    pub(super) fn dump_notifications(&self, out: &mut Out) {
        for (name, size, force) in [
            ("cmd", self.cmd_rcv_bufs, self.cmd_rcv_bufs_force),
            ("monitor", self.monitor_rcv_bufs, self.monitor_rcv_bufs_force),
        ] {
            object!(out, "lvs_netlink_{name}_rcv_bufs = {size}");
            object!(out, "lvs_netlink_{name}_rcv_bufs_force = {}", u8::from(force));
        }
        object!(out, "rs_init_notifies = {}", u8::from(self.rs_init_notifies));
        object!(out, "no_checker_emails = {}", u8::from(self.no_checker_emails));
    }
}
