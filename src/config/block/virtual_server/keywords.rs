//! The keywords of `virtual_server`.

use super::{Granularity, Protocol, SCHEDULERS, Scheduler, Service, protocol_name};
use crate::config::block::TrackFile;
use crate::config::block::checker::Inherited;
use crate::config::block::lvs_root::LvsDraft;
use crate::config::block::real_server::{REAL_SERVER, RealServerDraft, real_server, retry};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{
    ANY_TIME, DefaultAccount, Forwarding, Junk, Otherwise, Read, SOME_TIME, ScriptCommand, ServerAddress,
    TIMEOUT, read_server, read_unsigned,
};
use crate::types::Family;
use std::net::Ipv4Addr;

/// A virtual server while its block is read.
pub(in crate::config) struct VirtualServerDraft {
    pub(in crate::config) service: Service,
    /// Its keyword with its name.
    pub(in crate::config) span: Span,
    /// That of the first thing that has one.
    pub(in crate::config) family: Option<Family>,
    pub(in crate::config) forwarding: Option<Forwarding>,
    pub(in crate::config) script_account: DefaultAccount,
    /// Names of `bfd_instance`s that checkers can follow.
    pub(in crate::config) sessions: Vec<String>,
    /// Name, weight and `reverse` of `track_file`s.
    pub(in crate::config) track_files: Vec<(String, i32, bool)>,
    pub(super) protocol: Option<(Protocol, Span)>,
    pub(super) scheduler: Option<Scheduler>,
    pub(super) flags: [bool; 3],
    pub(super) one_packet: Option<Span>,
    pub(super) persistence_timeout: Option<u32>,
    pub(super) granularity: Option<Granularity>,
    pub(super) persistence_engine: Option<String>,
    pub(super) settings: Inherited,
    pub(super) omega: bool,
    pub(super) inhibit_on_failure: bool,
    pub(super) quorum: (u32, Span),
    pub(super) hysteresis: (u32, Span),
    pub(super) quorum_up: Option<ScriptCommand>,
    pub(super) quorum_down: Option<ScriptCommand>,
    pub(super) ha_suspend: Option<Span>,
    pub(super) smtp_alert: Option<bool>,
    pub(super) virtualhost: Option<String>,
    pub(super) snmp_name: Option<String>,
    pub(super) weight: u32,
    pub(super) sorry_server: Option<SorryDraft>,
    pub(super) real_servers: Vec<RealServerDraft>,
}

/// A sorry server while the block is read.
pub(super) struct SorryDraft {
    pub(super) address: ServerAddress,
    pub(super) forwarding: Option<Forwarding>,
    pub(super) inhibit: bool,
    pub(super) span: Span,
}

keywords! {
    /// `virtual_server`.
    VIRTUAL_SERVER: VirtualServerDraft, "virtual_server", Checked(check_header);
    "ip_family" Required "inet|inet6" "" "that of the addresses, else inet" => ip_family, "family of a firewall mark";
    "retry" Required "N" "1 to 4294967295" "that of each checker" => |d, n, cx| d.settings.retry = retry(n, cx).or(d.settings.retry), "further attempts of the checkers";
    "delay_before_retry" Required "SECS" "0 or more, six decimals" "that of each checker" => delay_before_retry, "pause before each further attempt";
    "warmup" Required "SECS" "0 or more, six decimals" "the `delay_loop` of each checker" => warmup, "longest random delay of the first check";
    "connect_timeout" Required "SECS" "0.000001 to 4294.967295" "5" => connect_timeout, "time to connect, and to wait for a reply";
    "delay_loop" Required "SECS" "0.000001 or more" "60" => delay_loop, "time between two checks";
    "inhibit_on_failure" Flag "" "" "off" => |d, _, _| d.inhibit_on_failure = true, "failed servers stay in the table with weight 0";
    "lvs_sched" Required "NAME" "rr wrr lc wlc lblc sh mh dh fo ovf lblcr sed nq twos" "wlc" => scheduler, "how connections are spread";
    "lb_algo" Required "NAME" "rr wrr lc wlc lblc sh mh dh fo ovf lblcr sed nq twos" "wlc" => scheduler, "other spelling of `lvs_sched`";
    "hashed" Flag "" "" "off" => hashed, "has no effect";
    "ops" Flag "" "" "off" => |d, n, _| d.one_packet = Some(n.keyword.span), "each packet on its own; UDP and firewall marks";
    "flag-1" Flag "" "" "off" => |d, _, _| d.flags[0] = true, "first flag of the scheduler";
    "flag-2" Flag "" "" "off" => |d, _, _| d.flags[1] = true, "second flag of the scheduler";
    "flag-3" Flag "" "" "off" => |d, _, _| d.flags[2] = true, "third flag of the scheduler";
    "sh-port" Flag "" "after `lvs_sched sh`" "off" => |d, n, cx| hash_flag(d, n, cx, Scheduler::Sh, 1), "hash the port too";
    "sh-fallback" Flag "" "after `lvs_sched sh`" "off" => |d, n, cx| hash_flag(d, n, cx, Scheduler::Sh, 0), "take another server when the chosen one is down";
    "mh-port" Flag "" "after `lvs_sched mh`" "off" => |d, n, cx| hash_flag(d, n, cx, Scheduler::Mh, 1), "hash the port too";
    "mh-fallback" Flag "" "after `lvs_sched mh`" "off" => |d, n, cx| hash_flag(d, n, cx, Scheduler::Mh, 0), "take another server when the chosen one is down";
    "lvs_method" Required "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]" "" "NAT" => lvs_method, "how packets reach the servers";
    "lb_kind" Required "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]" "" "NAT" => lvs_method, "other spelling of `lvs_method`";
    "persistence_engine" Required "NAME" "16 characters" "none" => persistence_engine, "module that tells clients apart";
    "persistence_timeout" Optional "[SECS]" "1 to 2678400" "off; 360 without a number" => persistence_timeout, "clients stay with the server that they have";
    "persistence_granularity" Required "NETMASK|PREFIXLEN" "IPv6: 1 to 128" "each client on its own" => persistence_granularity, "clients that count as one";
    "protocol" Required "NAME" "TCP, UDP, SCTP" "UDP" => protocol, "transport protocol of the service";
    "ha_suspend" Flag "" "" "off" => |d, n, _| d.ha_suspend = Some(n.keyword.span), "check only while the address of the service is on this machine";
    "smtp_alert" Optional "[BOOL]" "" "`smtp_alert_checker`, else `smtp_alert`" => smtp_alert, "mail when the quorum is gained or lost";
    "virtualhost" Optional "NAME" "" "none" => virtualhost, "Host header of the HTTP checks";
    "snmp_name" Optional "TEXT" "" "none" => |d, n, cx| d.snmp_name = single_word(n, cx, "virtual server snmp_name missing or extra parameters").or(d.snmp_name.take()), "name in SNMP tables";
    "alpha" Flag "" "" "off" => |d, _, _| d.settings.alpha = Some(true), "servers are down until their checkers have succeeded";
    "omega" Flag "" "" "off" => |d, _, _| d.omega = true, "run the notifications of going down at shutdown too";
    "quorum_up" Required "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.quorum_up = notify(d, n, cx, d.quorum_up.is_some()).or(d.quorum_up.take()), "run when the quorum is gained";
    "quorum_down" Required "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.quorum_down = notify(d, n, cx, d.quorum_down.is_some()).or(d.quorum_down.take()), "run when the quorum is lost";
    "quorum" Required "N" "1 to the sum of the weights" "1" => quorum, "weight of live servers that the service needs";
    "hysteresis" Required "N" "0 to `quorum` - 1" "0" => hysteresis, "more than that to gain the quorum, less than that to lose it";
    "weight" Required "N" "1 to 2147483647" "1" => weight, "weight of real servers that give none";
    "sorry_server" Required "ADDRESS [PORT]" "" "none; the port of the service" => sorry_server, "serves while the quorum is missing";
    "sorry_server_inhibit" Flag "" "after `sorry_server`" "off" => sorry_server_inhibit, "it stays in the table with weight 0 while it is not needed";
    "sorry_server_lvs_method" Optional "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]" "after `sorry_server`" "`lvs_method`" => sorry_server_lvs_method, "how packets reach it";
    "real_server" Block(&REAL_SERVER) "ADDRESS [PORT] {…}" "" "" => add_real_server, "a machine that serves";
}

/// A header that names no service.
pub(in crate::config) fn bad_service_address(problem: Diagnostic, classic: String) -> Diagnostic {
    problem.classic(classic).label("the whole block is skipped")
}

/// A value that is exactly one word.
pub(in crate::config) fn single_word(node: &Node, cx: &mut Context<'_>, classic: &str) -> Option<String> {
    let [word] = node.args.as_slice() else {
        cx.missing_value(node, classic);
        return None;
    };
    Some(word.text.clone())
}

/// The words before the brace; problems that do not keep it from being used come along.
fn read_header(args: &[Word]) -> Result<(Service, Option<Diagnostic>), Box<Diagnostic>> {
    let nameless = |word: &Word| {
        Diagnostic::error("missing-value", word.span, format!("`{word}` needs a value"))
            .label("the whole block is skipped")
            .keepalived("crashes")
    };
    match args {
        [kind, rest @ ..] if kind.text == "group" => match rest.first() {
            Some(name) => Ok((Service::Group { name: name.text.clone(), index: 0 }, None)),
            None => Err(nameless(kind).into()),
        },
        [kind, rest @ ..] if kind.text == "fwmark" => {
            let word = rest.first().ok_or_else(|| nameless(kind))?;
            let text = format!("virtual server fwmark '{word}' must be in [0, {}] - ignoring", u32::MAX);
            match read_unsigned(word, 0..=u32::MAX, Junk::Refused) {
                Read::Good(mark) => Ok((Service::Fwmark(mark), None)),
                Read::Junk(_, problem) | Read::Bad(problem) => Err(bad_service_address(problem, text).into()),
            }
        }
        [address, rest @ ..] => {
            let shown =
                rest.first().map_or(address.to_string(), |port| format!("address/port {address}/{port}"));
            let shown = if rest.is_empty() { format!("address {shown}") } else { shown };
            let text = format!("Invalid virtual server IP {shown} - skipping");
            let read = read_server(address, rest.first());
            let (address, problem) = read.map_err(|problem| bad_service_address(*problem, text.clone()))?;
            Ok((Service::Address(address), problem.map(|problem| problem.classic(text))))
        }
        [] => Ok((Service::Fwmark(0), None)),
    }
}

/// Looks at the words before the brace before the block is read.
fn check_header(_: &Word, args: &[Word]) -> Option<Diagnostic> {
    read_header(args).err().map(|problem| *problem)
}

/// Reads a virtual server.
pub(in crate::config) fn virtual_server(root: &mut LvsDraft, node: &Node, cx: &mut Context<'_>) {
    if node.args.is_empty() {
        return;
    }
    let Ok((service, problem)) = read_header(&node.args) else { return };
    if let Some(problem) = problem {
        cx.report(problem);
    }
    let family = match &service {
        Service::Address(address) => Some(address.family()),
        Service::Fwmark(_) | Service::Group { .. } => None,
    };
    let file = |file: &TrackFile| (file.name.clone(), i32::from(file.weight.value), file.weight.reverse);
    let mut draft = VirtualServerDraft {
        service,
        span: node.span(),
        family,
        forwarding: None,
        script_account: root.script_account,
        sessions: root.sessions(),
        track_files: root.track_files.iter().map(file).collect(),
        protocol: None,
        scheduler: None,
        flags: [false; 3],
        one_packet: None,
        persistence_timeout: None,
        granularity: None,
        persistence_engine: None,
        settings: Inherited::default(),
        omega: false,
        inhibit_on_failure: false,
        quorum: (1, node.span()),
        hysteresis: (0, node.span()),
        quorum_up: None,
        quorum_down: None,
        ha_suspend: None,
        smtp_alert: None,
        virtualhost: None,
        snmp_name: None,
        weight: 1,
        sorry_server: None,
        real_servers: Vec::new(),
    };
    VIRTUAL_SERVER.apply(&mut draft, node.children(), cx);
    draft.settle_family(node.end(), cx);
    root.servers.push(draft);
}

impl VirtualServerDraft {
    /// keepalived's name of its protocol so far.
    pub(in crate::config) fn protocol_name(&self) -> &'static str {
        protocol_name(self.protocol.map(|(protocol, _)| protocol))
    }

    /// keepalived's name of it so far.
    pub(super) fn label(&self) -> String {
        self.service.label(self.protocol.map(|(protocol, _)| protocol))
    }

    /// What the end of the block decides: the sorry server has to be of the family.
    fn settle_family(&mut self, end: Span, cx: &mut Context<'_>) {
        let tunnel = |forwarding: Option<Forwarding>| forwarding.is_some_and(Forwarding::is_tunnel);
        let sorry = self.sorry_server.as_ref().filter(|sorry| !tunnel(sorry.forwarding));
        let family = sorry.map(|sorry| sorry.address.family());
        if self.family.is_none() {
            self.family = family.or_else(|| self.common_family());
        }
        let (Some(sorry), Some(family)) = (sorry, self.family) else { return };
        if sorry.address.family() != family {
            let ip = sorry.address.ip;
            let message = format!("the sorry server is not of the virtual server's family, {family}");
            let text = format!(
                "Address family of virtual server and sorry server {ip} don't match - skipping sorry server."
            );
            let problem = Diagnostic::error("family-mismatch", sorry.span, message).said_at(Some(end));
            cx.report(problem.classic(text).label("left out").help("only tunnels cross families"));
            self.sorry_server = None;
        }
    }

    /// The family of all servers, where they are of one: tunnels alone do not decide it.
    fn common_family(&self) -> Option<Family> {
        let sorry = self.sorry_server.iter().map(|sorry| sorry.address.family());
        let mut families = self.real_servers.iter().map(|server| server.address.family()).chain(sorry);
        let first = families.next()?;
        families.all(|family| family == first).then_some(first)
    }
}

fn add_real_server(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(server) = real_server(d, node, cx) else { return };
    if !server.forwarding.is_some_and(Forwarding::is_tunnel) {
        let family = *d.family.get_or_insert(server.address.family());
        if family != server.address.family() {
            let ip = server.address.ip;
            let message = format!("the real server is not of the virtual server's family, {family}");
            let text = format!(
                "Address family of virtual server and real server {ip} don't match - skipping real server."
            );
            let problem = Diagnostic::error("family-mismatch", server.span, message).said_at(node.end);
            return cx.report(problem.classic(text).label("left out").help("only tunnels cross families"));
        }
    }
    d.real_servers.push(server);
}

/// A line whose value is refused.
fn refused(cx: &mut Context<'_>, id: &'static str, word: &Word, message: String, classic: String) {
    cx.report(Diagnostic::error(id, word.span, message).classic(classic).label("this line is ignored"));
}

fn ip_family(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let family = match word.as_str() {
        "inet" => Family::V4,
        "inet6" => Family::V6,
        _ => {
            let message = format!("`{word}` is neither `inet` nor `inet6`");
            let meant = if word.text.contains('6') { "inet6" } else { "inet" };
            let problem = Diagnostic::error("unknown-family", word.span, message)
                .classic(format!("unknown address family {word}"))
                .label("this line is ignored")
                .help(format!("did you mean `{meant}`?"))
                .write_instead(word, meant);
            return cx.report(problem);
        }
    };
    if *d.family.get_or_insert(family) != family {
        let text = format!("Virtual server specified family {word} conflicts with server family");
        refused(cx, "family-mismatch", word, "the virtual server is of the other family".to_owned(), text);
    }
}

fn delay_before_retry(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("virtual server delay before retry '{}' invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), ANY_TIME, Otherwise::ignored(text));
    d.settings.delay_before_retry = value.or(d.settings.delay_before_retry);
}

fn warmup(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("virtual server warmup '{}' invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), ANY_TIME, Otherwise::ignored(text));
    d.settings.warmup = value.or(d.settings.warmup);
}

fn connect_timeout(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("virtual server connect_timeout {} invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), TIMEOUT, Otherwise::ignored(text));
    d.settings.connect_timeout = value.or(d.settings.connect_timeout);
}

fn delay_loop(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("virtual server delay loop '{}' invalid - ignoring", node.arg());
    let value = cx.time(node.arg(), SOME_TIME, Otherwise::ignored(text));
    d.settings.delay_loop = value.or(d.settings.delay_loop);
}

fn scheduler(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match SCHEDULERS.iter().find(|(_, name)| word.text == *name) {
        Some((scheduler, _)) => d.scheduler = Some(*scheduler),
        None => {
            let problem =
                Diagnostic::error("unknown-scheduler", word.span, format!("there is no scheduler `{word}`"))
                    .classic(format!("Invalid lvs_scheduler '{word}' - ignoring"))
                    .label("this line is ignored");
            let names = SCHEDULERS.map(|(_, name)| name);
            cx.report(problem.meant(word, names, format!("there are {}", names.join(", "))));
        }
    }
}

fn is_hash(scheduler: Option<Scheduler>) -> bool {
    matches!(scheduler, Some(Scheduler::Sh | Scheduler::Mh))
}

fn not_for_scheduler(node: &Node, cx: &mut Context<'_>, scheduler: &str) {
    let keyword = &node.keyword;
    let text = format!("{keyword} only applies to sh scheduler - ignoring");
    let message = format!("`{keyword}` goes with the scheduler `{scheduler}`, which is not set above");
    refused(cx, "not-for-scheduler", keyword, message, text);
}

fn hashed(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    if !is_hash(d.scheduler) {
        not_for_scheduler(node, cx, "sh");
    }
}

fn hash_flag(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>, wanted: Scheduler, flag: usize) {
    if d.scheduler == Some(wanted) {
        d.flags[flag] = true;
    } else if !is_hash(d.scheduler) {
        not_for_scheduler(node, cx, &wanted.to_string());
    }
}

fn lvs_method(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    d.forwarding = cx.forwarding(node, "virtual").or(d.forwarding);
}

const LONGEST_ENGINE: usize = 16;

fn persistence_engine(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let name: String = word.as_str().chars().take(LONGEST_ENGINE).collect();
    if name.len() < word.text.len() {
        let message = format!("the name of an engine has at most {LONGEST_ENGINE} characters");
        let problem = Diagnostic::error("name-too-long", word.span, message)
            .classic(format!("persistence_name too long, truncating - {word}"))
            .label(format!("`{name}` is used"));
        cx.report(problem);
    }
    d.persistence_engine = Some(name);
}

/// Seconds that clients stay where no number is given.
pub(super) const CUSTOMARY_PERSISTENCE: u32 = 360;
/// The kernel's: 31 days.
const LONGEST_PERSISTENCE: u32 = 31 * 24 * 60 * 60;

fn persistence_timeout(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        d.persistence_timeout = Some(CUSTOMARY_PERSISTENCE);
        return;
    };
    let otherwise = Otherwise::ignored("persistence_timeout invalid");
    let value = cx.unsigned(word, 1..=LONGEST_PERSISTENCE, Junk::Refused, otherwise);
    d.persistence_timeout = value.or(d.persistence_timeout);
}

/// An IPv4 mask as inet_aton reads it: one to four numbers, the last one filling what is left.
fn read_mask(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (last, bytes) = parts.split_last()?;
    let room = 4usize.checked_sub(bytes.len()).filter(|room| *room > 0)?;
    let limit = u64::from(*last) < 1u64 << (8 * room);
    let high =
        bytes.iter().try_fold(0u64, |sum, byte| Some(sum << 8 | u64::from(u8::try_from(*byte).ok()?)))?;
    let bits = (high << (8 * room)) | u64::from(*last);
    limit.then(|| u32::try_from(bits).ok().map(Ipv4Addr::from_bits))?
}

/// `/24` or `24`, which is how everybody but keepalived writes it.
fn mask_of_prefix(text: &str) -> Option<Ipv4Addr> {
    let length: u32 = text.strip_prefix('/').unwrap_or(text).parse().ok().filter(|length| *length <= 32)?;
    Some(Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - length).unwrap_or(0)))
}

fn persistence_granularity(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let family = d.family.unwrap_or(if word.text.contains('.') { Family::V4 } else { Family::V6 });
    let text = format!("Invalid {family} persistence_granularity specified - {word}");
    let granularity = match family {
        Family::V4 => match read_mask(word.as_str()) {
            Some(mask) => Granularity::Mask(mask),
            None => {
                let problem =
                    Diagnostic::error("bad-granularity", word.span, format!("`{word}` is not an IPv4 mask"));
                let problem = problem.classic(text).label("this line is ignored");
                return cx.report(match mask_of_prefix(word.as_str()) {
                    Some(mask) => {
                        problem.help(format!("write `{mask}`")).write_instead(word, mask.to_string())
                    }
                    None => problem.help("write a mask: `255.255.255.0`"),
                });
            }
        },
        Family::V6 => match cx.unsigned(word, 1..=128, Junk::Refused, Otherwise::ignored(text)) {
            Some(length) => Granularity::Prefix(u8::try_from(length).unwrap_or(128)),
            None => return,
        },
    };
    d.family = Some(family);
    d.granularity = Some(granularity);
    d.persistence_timeout.get_or_insert(CUSTOMARY_PERSISTENCE);
}

fn protocol(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let protocol = match word.text.to_ascii_uppercase().as_str() {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        _ => {
            let message = format!("`{word}` is not TCP, UDP or SCTP");
            let problem = Diagnostic::error("unknown-protocol", word.span, message)
                .classic(format!("Unknown protocol {word} - ignoring"))
                .label("this line is ignored");
            return cx.report(problem.meant(word, ["TCP", "UDP", "SCTP"], "write `protocol TCP`"));
        }
    };
    d.protocol = Some((protocol, node.span()));
}

fn smtp_alert(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid virtual_server smtp_alert parameter {word}"));
    d.smtp_alert = value.or(d.smtp_alert);
}

fn virtualhost(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    match node.args.first() {
        Some(word) => d.virtualhost = Some(word.text.clone()),
        None => cx.missing_value(node, "virtual server virtualhost missing"),
    }
}

fn notify(d: &VirtualServerDraft, node: &Node, cx: &mut Context<'_>, given: bool) -> Option<ScriptCommand> {
    cx.notify_script(node, given, &format!("({})", d.label()), d.script_account)
}

fn quorum(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("Quorum {} must be in [1, {}]. Setting to 1.", node.arg(), u32::MAX);
    let value =
        cx.unsigned(node.arg(), 1..=u32::MAX, Junk::Tolerated, Otherwise::replaced(text, "1 is used"));
    d.quorum = (value.unwrap_or(1), node.span());
}

fn hysteresis(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("Hysteresis {} must be in [0, {}] - ignoring", node.arg(), u32::MAX);
    let value = cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Tolerated, Otherwise::ignored(text));
    d.hysteresis = value.map_or(d.hysteresis, |value| (value, node.span()));
}

fn weight(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    let most = i32::MAX.unsigned_abs();
    let text = format!("Virtual server weight {} is outside range 1-{most}", node.arg());
    let value = cx.unsigned(node.arg(), 1..=most, Junk::Tolerated, Otherwise::ignored(text));
    d.weight = value.unwrap_or(d.weight);
}

fn sorry_server(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    match read_server(node.arg(), node.args.get(1)) {
        Ok((address, problem)) => {
            let text = format!("Invalid sorry server IP address {} - skipping", node.arg());
            problem.into_iter().for_each(|problem| cx.report(problem.classic(text.clone())));
            d.sorry_server =
                Some(SorryDraft { address, forwarding: d.forwarding, inhibit: false, span: node.span() });
        }
        Err(problem) => {
            let text = format!("Invalid sorry server IP address {} - skipping", node.arg());
            cx.report(problem.classic(text).label("this line is ignored"));
        }
    }
}

fn without_sorry_server(node: &Node, cx: &mut Context<'_>, classic: &str) {
    let keyword = &node.keyword;
    let message = format!("`{keyword}` has to come after `sorry_server`");
    refused(cx, "no-sorry-server", keyword, message, classic.to_owned());
}

fn sorry_server_inhibit(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    match &mut d.sorry_server {
        Some(sorry) => sorry.inhibit = true,
        None => {
            let text = "Ignoring sorry_server inhibit used before or without sorry_server";
            without_sorry_server(node, cx, text);
        }
    }
}

fn sorry_server_lvs_method(d: &mut VirtualServerDraft, node: &Node, cx: &mut Context<'_>) {
    match &mut d.sorry_server {
        Some(_) if node.args.is_empty() => {
            cx.report(crate::config::schema::missing_argument(&node.keyword, "NAT|DR|TUN"))
        }
        Some(sorry) => sorry.forwarding = cx.forwarding(node, "sorry").or(sorry.forwarding),
        None => without_sorry_server(node, cx, "sorry_server forwarding used without sorry_server"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: keepalived 2.2.7, masks read back from its dump.
    #[test]
    fn a_mask_is_read_as_an_address_even_if_it_is_meant_as_a_length() {
        assert_eq!(read_mask("255.255.0.0"), Some(Ipv4Addr::new(255, 255, 0, 0)));
        assert_eq!(read_mask("24"), Some(Ipv4Addr::new(0, 0, 0, 24)));
        assert_eq!(read_mask("255.1"), Some(Ipv4Addr::new(255, 0, 0, 1)));
        for text in ["xx", "64x", "", "1.2.3.4.5", "256.0.0.0", "1.2.3.256"] {
            assert_eq!(read_mask(text), None, "{text}");
        }
    }
}
