//! Those of the globals that are for load balancing.

use super::{Buffer, FifoDefs, GlobalDraft, ProcessDefs, refused};
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, missing_argument};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use crate::types::IfName;
use std::net::IpAddr;

/// Settings for all virtual servers, and of the process that checks them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LvsDefs {
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
    /// `lvs_notify_fifo`, `lvs_notify_fifo_script`
    pub fifo: FifoDefs,
    /// `checker_*`
    pub process: ProcessDefs,
    /// `lvs_netlink_cmd_rcv_bufs`: for answers of the kernel.
    pub command_buffer: Buffer,
    /// `lvs_netlink_monitor_rcv_bufs`: for what the kernel reports.
    pub monitor_buffer: Buffer,
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

impl GlobalDraft {
    /// The `smtp_alert` of virtual and real servers that give none.
    pub(in crate::config) fn smtp_alert_checker(&self) -> Option<bool> {
        self.defs.lvs.smtp_alert_checker.or(self.defs.smtp_alert)
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
                let message = format!("`{word}` is not tcp, tcpfin or udp");
                let problem = Diagnostic::error("unknown-option", word.span, message).classic(text);
                cx.report(problem.label("ignored").meant(word, ["tcp", "tcpfin", "udp"], ""));
                continue;
            }
        };
        let Some(value) = words.next() else {
            let text = format!("No value specified for lvs_timeout {word} - ignoring");
            return refused(cx, "missing-value", word, format!("`{word}` needs a number of seconds"), text);
        };
        let otherwise = Otherwise::ignored(format!("Invalid lvs_timeout {word} ({value}) - ignoring"));
        *slot = cx.unsigned(value, 0..=LONGEST_TIMEOUT, Junk::Refused, otherwise).or(*slot);
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
    let mut words = (2..).zip(&node.args[1..]);
    while let Some((position, word)) = words.next() {
        match word.as_str() {
            "id" | "maxlen" | "port" | "ttl" | "group" => {
                daemon.option(word, words.next().map(|(_, value)| value), cx);
            }
            "inst" => match words.next() {
                Some((_, name)) => daemon.follow(name, cx),
                None => cx.report(missing_argument(word, "NAME")),
            },
            _ if position == 2 => daemon.follow(word, cx),
            _ if position == 3 => {
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
    /// One that follows an instance, with nothing else said.
    pub(in crate::config) const fn of_instance(interface: IfName, instance: String) -> Self {
        Self {
            interface,
            instance: Some(instance),
            // keepalived gives the VRID to the other spelling only.
            id: Some(0),
            maxlen: None,
            port: None,
            ttl: None,
            group: None,
        }
    }

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
        let number = cx.unsigned(value, range, Junk::Refused, Otherwise::ignored(text));
        let Some(number) = number.and_then(|number| u16::try_from(number).ok()) else { return };
        match option.as_str() {
            "id" => self.id = u8::try_from(number).ok(),
            "maxlen" => self.maxlen = Some(number),
            "port" => self.port = Some(number),
            _ => self.ttl = u8::try_from(number).ok(),
        }
    }

    fn join(&mut self, word: &Word, cx: &mut Context<'_>) {
        let address = word.as_str().split_once('/').map_or(word.as_str(), |(address, _)| address);
        let text = match address.parse::<IpAddr>() {
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
            object!(out, "LVS syncd vrrp instance = {name}");
        }
        object!(out, "LVS syncd interface = {}", self.interface);
        object!(out, "LVS syncd syncid = {}", self.id.unwrap_or(0));
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
    }

    pub(super) fn dump_notifications(&self, out: &mut Out) {
        self.command_buffer.dump(out, "lvs_netlink_cmd_rcv_bufs");
        self.monitor_buffer.dump(out, "lvs_netlink_monitor_rcv_bufs");
        object!(out, "rs_init_notifies = {}", u8::from(self.rs_init_notifies));
        object!(out, "no_checker_emails = {}", u8::from(self.no_checker_emails));
    }
}
