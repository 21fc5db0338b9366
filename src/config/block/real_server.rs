//! `real_server ADDRESS [PORT] { … }`: one of the machines behind a virtual server.

use super::checker::{
    BFD_CHECK, Checker, DNS_CHECK, FILE_CHECK, FinishedDraft, HTTP_GET, Inherited, MISC_CHECK, Method,
    PING_CHECK, SMTP_CHECK, SSL_GET, TCP_CHECK, UDP_CHECK,
};
use super::checker::{
    bfd_check, dns_check, file_check, http_get, misc_check, ping_check, smtp_check, ssl_get, tcp_check,
    udp_check,
};
use super::virtual_server::{VirtualServerDraft, bad_service_address, single_word};
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field, member};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{
    ANY_TIME, DefaultAccount, Forwarding, Junk, Otherwise, SOME_TIME, ScriptCommand, ServerAddress, TIMEOUT,
    read_server,
};
use std::time::Duration;

/// A machine that serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RealServer {
    /// Where it is; port 0 for firewall marks and groups.
    pub address: ServerAddress,
    /// `lvs_method`, or that of the virtual server.
    pub forwarding: Forwarding,
    /// `weight`, 0 to 2147483647; default that of the virtual server.
    pub weight: u32,
    /// `uthreshold`: connections from which on it gets no more; 0: no limit.
    pub uthreshold: u32,
    /// `lthreshold`: connections below which it gets some again.
    pub lthreshold: u32,
    /// `inhibit_on_failure`: stays in the table with weight 0 while it is down.
    pub inhibit_on_failure: bool,
    /// `notify_up`
    pub notify_up: Option<ScriptCommand>,
    /// `notify_down`
    pub notify_down: Option<ScriptCommand>,
    /// Whether its checkers start as failed.
    pub alpha: bool,
    /// `retry`; `None`: that of each kind of checker.
    pub retry: Option<u32>,
    /// `delay_before_retry`; `None`: that of each kind of checker.
    pub delay_before_retry: Option<Duration>,
    /// `warmup`; `None`: the `delay_loop` of each checker.
    pub warmup: Option<Duration>,
    /// `delay_loop`
    pub delay_loop: Duration,
    /// `connect_timeout`
    pub connect_timeout: Duration,
    /// `smtp_alert`, with its global twins applied; on where nobody says.
    pub smtp_alert: bool,
    /// `virtualhost`: Host header of HTTP checkers that give none.
    pub virtualhost: Option<String>,
    /// `snmp_name`
    pub snmp_name: Option<String>,
    /// In the order of the file.
    pub checkers: Vec<Checker>,
}

/// A real server while its block is read.
pub(in crate::config) struct RealServerDraft {
    pub(in crate::config) address: ServerAddress,
    /// Its keyword.
    pub(in crate::config) span: Span,
    /// That of the virtual server at this place of the file, until it has its own.
    pub(in crate::config) forwarding: Option<Forwarding>,
    pub(in crate::config) weight: Option<u32>,
    pub(in crate::config) settings: Inherited,
    pub(in crate::config) checkers: Vec<FinishedDraft>,
    pub(in crate::config) script_account: DefaultAccount,
    /// Names of `bfd_instance`s that checkers can follow.
    pub(in crate::config) sessions: Vec<String>,
    /// Name, weight and `reverse` of `track_file`s.
    pub(in crate::config) track_files: Vec<(String, i32, bool)>,
    protocol: &'static str,
    uthreshold: u32,
    lthreshold: u32,
    inhibit_on_failure: Option<bool>,
    notify_up: Option<ScriptCommand>,
    notify_down: Option<ScriptCommand>,
    smtp_alert: Option<bool>,
    virtualhost: Option<String>,
    snmp_name: Option<String>,
}

keywords! {
    /// `real_server`.
    REAL_SERVER: RealServerDraft, "real_server", Checked(check_header);
    "weight" Required "N" "0 to 2147483647" "as the virtual server" => weight, "its share of the connections";
    "lvs_method" Required "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]" "" "as the virtual server" => lvs_method, "how packets reach it";
    "uthreshold" Required "N" "0 to 4294967295" "0" => uthreshold, "connections from which on it gets no more; 0: no limit";
    "lthreshold" Required "N" "0 to 4294967295" "0" => lthreshold, "connections below which it gets some again";
    "inhibit_on_failure" Optional "[BOOL]" "" "as the virtual server" => inhibit_on_failure, "stays in the table with weight 0 while it is down";
    "notify_up" Required "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.notify_up = notify(d, n, cx, d.notify_up.is_some()).or(d.notify_up.take()), "run when it is put into service";
    "notify_down" Required "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.notify_down = notify(d, n, cx, d.notify_down.is_some()).or(d.notify_down.take()), "run when it is taken out of service";
    "alpha" Optional "[BOOL]" "" "as the virtual server" => alpha, "down until its checkers have succeeded";
    "retry" Required "N" "1 to 4294967295" "as the virtual server" => |d, n, cx| d.settings.retry = retry(n, cx).or(d.settings.retry), "further attempts of its checkers";
    "delay_before_retry" Required "SECS" "0 or more, six decimals" "as the virtual server" => delay_before_retry, "pause before each further attempt";
    "warmup" Required "SECS" "0 or more, six decimals" "as the virtual server" => warmup, "longest random delay of the first check";
    "connect_timeout" Required "SECS" "0.000001 to 4294.967295" "as the virtual server" => connect_timeout, "time to connect, and to wait for a reply";
    "delay_loop" Required "SECS" "0.000001 or more" "as the virtual server" => delay_loop, "time between two checks";
    "smtp_alert" Optional "[BOOL]" "" "`smtp_alert_checker`, else `smtp_alert`, else on" => smtp_alert, "mail when its state changes";
    "virtualhost" Optional "NAME" "" "as the virtual server" => virtualhost, "Host header of its HTTP checks";
    "snmp_name" Optional "TEXT" "" "none" => |d, n, cx| d.snmp_name = single_word(n, cx, "real server snmp_name missing or extra parameters").or(d.snmp_name.take()), "name in SNMP tables";
    "TCP_CHECK" Block(&TCP_CHECK) "{…}" "" "" => tcp_check, "connect to a port";
    "HTTP_GET" Block(&HTTP_GET) "{…}" "" "" => http_get, "fetch URLs and judge status, digest and text";
    "SSL_GET" Block(&SSL_GET) "{…}" "" "" => ssl_get, "the same over TLS";
    "SMTP_CHECK" Block(&SMTP_CHECK) "{…}" "" "" => smtp_check, "greeting, HELO and QUIT with a mail server";
    "DNS_CHECK" Block(&DNS_CHECK) "{…}" "" "" => dns_check, "a query over UDP";
    "MISC_CHECK" Block(&MISC_CHECK) "{…}" "" "" => misc_check, "run a command and judge its exit code";
    "PING_CHECK" Block(&PING_CHECK) "{…}" "" "" => ping_check, "an echo request";
    "UDP_CHECK" Block(&UDP_CHECK) "{…}" "" "" => udp_check, "a datagram, and perhaps its answer";
    "BFD_CHECK" Block(&BFD_CHECK) "{…}" "" "" => bfd_check, "follow a `bfd_instance`";
    "FILE_CHECK" Block(&FILE_CHECK) "{…}" "" "" => file_check, "follow the number in a file";
}

/// Looks at `ADDRESS [PORT]` before the block is read.
fn check_header(_: &Word, args: &[Word]) -> Option<Diagnostic> {
    let problem = read_server(args.first()?, args.get(1)).err()?;
    Some(bad_service_address(*problem, bad_header(args)))
}

fn bad_header(args: &[Word]) -> String {
    let shown: Vec<&str> = args.iter().take(2).map(Word::as_str).collect();
    format!("Invalid real server ip address/port {} - skipping", shown.join("/"))
}

/// Reads a real server; `None` when it is left out, as reported.
pub(in crate::config) fn real_server(
    server: &mut VirtualServerDraft,
    node: &Node,
    cx: &mut Context<'_>,
) -> Option<RealServerDraft> {
    let (address, problem) = read_server(node.args.first()?, node.args.get(1)).ok()?;
    if let Some(problem) = problem {
        cx.report(problem.classic(bad_header(&node.args)));
    }
    let mut draft = RealServerDraft {
        address,
        span: node.span(),
        forwarding: server.forwarding,
        weight: None,
        settings: Inherited::default(),
        checkers: Vec::new(),
        script_account: server.script_account,
        sessions: server.sessions.clone(),
        track_files: server.track_files.clone(),
        protocol: server.protocol_name(),
        uthreshold: 0,
        lthreshold: 0,
        inhibit_on_failure: None,
        notify_up: None,
        notify_down: None,
        smtp_alert: None,
        virtualhost: None,
        snmp_name: None,
    };
    REAL_SERVER.apply(&mut draft, node.children(), cx);
    Some(draft)
}

impl RealServerDraft {
    /// `[ADDRESS]:PROTOCOL:PORT`, as keepalived names it.
    pub(in crate::config) fn label(&self) -> String {
        self.address.label(self.protocol)
    }

    /// Whether it stays in the table while it is down; `default` is the virtual server's.
    pub(in crate::config) fn inhibits(&self, default: bool) -> bool {
        self.inhibit_on_failure.unwrap_or(default)
    }

    /// Sessions that its checkers follow so far.
    pub(in crate::config) fn bfd_sessions(&self) -> impl Iterator<Item = &str> {
        self.checkers.iter().filter_map(|checker| match checker.method() {
            Method::Bfd(check) => Some(check.name.as_str()),
            _ => None,
        })
    }

    /// With all that its virtual server hands down.
    pub(in crate::config) fn resolve(self, outer: &Handed) -> RealServer {
        let settings = self.settings.or(outer.settings);
        let resolve = |draft: FinishedDraft| draft.resolve(settings);
        RealServer {
            address: self.address,
            forwarding: self.forwarding.unwrap_or(outer.forwarding),
            weight: self.weight.unwrap_or(outer.weight),
            uthreshold: self.uthreshold,
            lthreshold: self.lthreshold,
            inhibit_on_failure: self.inhibit_on_failure.unwrap_or(outer.inhibit_on_failure),
            notify_up: self.notify_up,
            notify_down: self.notify_down,
            alpha: settings.alpha.unwrap_or(false),
            retry: settings.retry,
            delay_before_retry: settings.delay_before_retry,
            warmup: settings.warmup,
            delay_loop: settings.interval(),
            connect_timeout: settings.timeout(),
            smtp_alert: self.smtp_alert.or(outer.smtp_alert).unwrap_or(true),
            virtualhost: self.virtualhost,
            snmp_name: self.snmp_name,
            checkers: self.checkers.into_iter().map(resolve).collect(),
        }
    }
}

/// What a virtual server hands down to its real servers.
pub(in crate::config) struct Handed {
    pub(in crate::config) settings: Inherited,
    pub(in crate::config) forwarding: Forwarding,
    pub(in crate::config) weight: u32,
    pub(in crate::config) inhibit_on_failure: bool,
    pub(in crate::config) smtp_alert: Option<bool>,
}

fn weight(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let most = i32::MAX.unsigned_abs();
    let text = format!("Real server weight {} is outside range 0-{most}", node.arg());
    d.weight = cx.unsigned(node.arg(), 0..=most, Junk::Tolerated, Otherwise::ignored(text)).or(d.weight);
}

fn lvs_method(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    d.forwarding = cx.forwarding(node, "real").or(d.forwarding);
}

fn threshold(node: &Node, cx: &mut Context<'_>) -> Option<u32> {
    let text = format!("Invalid real_server {} '{}' - ignoring", node.keyword, node.arg());
    cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Tolerated, Otherwise::ignored(text))
}

fn uthreshold(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    d.uthreshold = threshold(node, cx).unwrap_or(d.uthreshold);
}

fn lthreshold(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    d.lthreshold = threshold(node, cx).unwrap_or(d.lthreshold);
}

fn inhibit_on_failure(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid inhibit_on_failure parameter {word}"));
    d.inhibit_on_failure = value.or(d.inhibit_on_failure);
}

fn notify(d: &RealServerDraft, node: &Node, cx: &mut Context<'_>, given: bool) -> Option<ScriptCommand> {
    cx.notify_script(node, given, &format!("({})", d.label()), d.script_account)
}

fn alpha(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid alpha parameter {word}"));
    d.settings.alpha = value.or(d.settings.alpha);
}

/// `retry` of a virtual or real server; unlike that of a checker it cannot be 0.
pub(in crate::config) fn retry(node: &Node, cx: &mut Context<'_>) -> Option<u32> {
    let otherwise = Otherwise::ignored(format!("retry value invalid - {}", node.arg()));
    cx.unsigned(node.arg(), 1..=u32::MAX, Junk::Refused, otherwise)
}

fn delay_before_retry(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("real server delay_before_retry '{}' invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), ANY_TIME, Otherwise::ignored(text));
    d.settings.delay_before_retry = value.or(d.settings.delay_before_retry);
}

fn warmup(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("real server warmup '{}' invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), ANY_TIME, Otherwise::ignored(text));
    d.settings.warmup = value.or(d.settings.warmup);
}

fn connect_timeout(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("real server connect_timeout {} invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), TIMEOUT, Otherwise::ignored(text));
    d.settings.connect_timeout = value.or(d.settings.connect_timeout);
}

fn delay_loop(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("real server delay_loop '{}' invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), SOME_TIME, Otherwise::ignored(text));
    d.settings.delay_loop = value.or(d.settings.delay_loop);
}

fn smtp_alert(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid real_server smtp_alert parameter {word}"));
    d.smtp_alert = value.or(d.smtp_alert);
}

fn virtualhost(d: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    match node.args.first() {
        Some(word) => d.virtualhost = Some(word.text.clone()),
        None => cx.missing_value(node, "real server virtualhost missing"),
    }
}

impl RealServer {
    /// How many of its checkers start as failed.
    pub(in crate::config) fn failed_checkers(&self) -> usize {
        self.checkers.iter().filter(|checker| checker.starts_down()).count()
    }

    /// keepalived's lines. `in_service`: no sorry server stands in for it.
    pub(in crate::config) fn dump(&self, out: &mut Out, in_service: bool) {
        let on = |value: bool| if value { "ON" } else { "OFF" };
        let ServerAddress { ip, port } = self.address;
        let weight = self.weight;
        field!(out, "------< Real server >------");
        field!(out, "RIP = {ip}, RPORT = {port}, WEIGHT = {weight} EFF WEIGHT = {weight}");
        field!(out, "{}", self.forwarding.dump(""));
        field!(out, "Alpha is {}", on(self.alpha));
        field!(out, "connection timeout = {:.6}", self.connect_timeout.as_secs_f64());
        field!(out, "connection limit range = {} -> {}", self.lthreshold, self.uthreshold);
        field!(out, "Delay loop = {:.6}", self.delay_loop.as_secs_f64());
        if let Some(retry) = self.retry {
            field!(out, "Retry count = {retry}");
        }
        if let Some(delay) = self.delay_before_retry {
            field!(out, "Retry delay = {:.6}", delay.as_secs_f64());
        }
        if let Some(warmup) = self.warmup {
            field!(out, "Warmup = {:.6}", warmup.as_secs_f64());
        }
        field!(out, "Inhibit on failure is {}", on(self.inhibit_on_failure));
        for (name, script) in [("up", &self.notify_up), ("down", &self.notify_down)] {
            if let Some(script) = script {
                let (uid, gid) = (script.uid.unwrap_or(0), script.gid.unwrap_or(0));
                member!(out, "RS {name} notify script = {script}, uid:gid {uid}:{gid}");
            }
        }
        if let Some(name) = &self.virtualhost {
            field!(out, " VirtualHost = '{name}'");
        }
        if let Some(name) = &self.snmp_name {
            field!(out, "SNMP name = {name}");
        }
        field!(out, "Using smtp notification = {}", crate::config::dump::yes_no(self.smtp_alert));
        field!(out, "initial weight = {weight}");
        field!(out, "effective weight = {weight}");
        field!(out, "previous effective_weight = 0");
        let failed = self.failed_checkers();
        let set = if in_service { failed == 0 || self.inhibit_on_failure } else { self.inhibit_on_failure };
        field!(out, "alive = {}", u8::from(failed == 0));
        field!(out, "num failed checkers = {failed}");
        field!(out, "RS set = {}", u8::from(set));
        field!(out, "reloaded = 0");
        self.dump_tracked(out);
    }

    fn dump_tracked(&self, out: &mut Out) {
        let files: Vec<String> = self
            .checkers
            .iter()
            .filter_map(|checker| match &checker.method {
                Method::File(check) => Some(format!("{}, {}", check.track_file, check.weight_shown())),
                _ => None,
            })
            .collect();
        let sessions = self.checkers.iter().filter_map(|checker| match &checker.method {
            Method::Bfd(check) => Some(check.name.clone()),
            _ => None,
        });
        for (title, entries) in [("Tracked Files", files), ("Tracked BFDs", sessions.collect())] {
            if !entries.is_empty() {
                field!(out, "{title}");
            }
            for entry in entries {
                member!(out, "{entry}");
            }
        }
    }
}
