//! The health checkers of a real server: what they have in common.

mod bfd;
mod dns;
mod file;
mod http;
mod misc;
mod ping;
mod smtp;
mod tcp;
mod udp;

pub use bfd::BfdCheck;
pub use dns::{DnsCheck, DnsType};
pub use file::FileCheck;
pub use http::{HttpCheck, HttpVersion, Regex, StatusCodes, Url};
pub use misc::MiscCheck;
pub use smtp::SmtpCheck;
pub use udp::{ReplyPattern, UdpCheck};

pub(in crate::config) use bfd::{BFD_CHECK, bfd_check};
pub(in crate::config) use dns::{DNS_CHECK, dns_check};
pub(in crate::config) use file::{FILE_CHECK, file_check};
pub(in crate::config) use http::{HTTP_GET, HTTP_URL, RegexUse, SSL_GET, SSL_URL, http_get, ssl_get};
pub(in crate::config) use misc::{MISC_CHECK, misc_check};
pub(in crate::config) use ping::{PING_CHECK, ping_check};
pub(in crate::config) use smtp::{SMTP_CHECK, SMTP_HOST, smtp_check};
pub(in crate::config) use tcp::{TCP_CHECK, tcp_check};
pub(in crate::config) use udp::{UDP_CHECK, udp_check};

use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, member, yes_no};
use crate::config::lexer::Word;
use crate::config::schema::{Context, Keyword, keyword_rows};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{
    ANY_TIME, Junk, Otherwise, SOME_TIME, ServerAddress, TIMEOUT, family_of, read_address,
};
use crate::types::IfName;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A check that decides whether a real server is in service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checker {
    /// `alpha`: failed until its first success.
    pub alpha: bool,
    /// Further attempts after a failure before the server is taken out.
    pub retry: u32,
    /// Time between those.
    pub delay_before_retry: Duration,
    /// Longest random delay of the first run.
    pub warmup: Duration,
    /// Time between two checks.
    pub delay_loop: Duration,
    /// Log each failed attempt, not the last one alone; `checker_log_all_failures` does it for all.
    pub log_all_failures: bool,
    /// Where it connects to; `None` for those that do not.
    pub connection: Option<Connection>,
    /// What it does.
    pub method: Method,
}

/// Where a checker connects to, and from where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// Address and port; those of the real server as it is written (port 0 where it gives none) unless
    /// `connect_ip` and `connect_port` say otherwise.
    pub destination: SocketAddr,
    /// `bindto`, `bind_port`.
    pub source: Option<SocketAddr>,
    /// `bind_if`.
    pub interface: Option<IfName>,
    /// `fwmark` of the check's own packets; 0: none.
    pub fwmark: u32,
    /// Time to connect, and to wait for a reply.
    pub timeout: Duration,
}

/// What a checker does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Method {
    /// `TCP_CHECK`: connects.
    Tcp,
    /// `PING_CHECK`: an echo request.
    Ping,
    /// `UDP_CHECK`
    Udp(UdpCheck),
    /// `HTTP_GET` and `SSL_GET`
    Http(HttpCheck),
    /// `SMTP_CHECK`
    Smtp(SmtpCheck),
    /// `DNS_CHECK`
    Dns(DnsCheck),
    /// `MISC_CHECK`
    Misc(MiscCheck),
    /// `BFD_CHECK`
    Bfd(BfdCheck),
    /// `FILE_CHECK`
    File(FileCheck),
}

impl Method {
    /// What `retry` and `delay_before_retry` are where neither the checker nor its servers say;
    /// no delay: that of `delay_loop`.
    fn defaults(&self) -> (u32, Option<Duration>) {
        match self {
            Self::Http(_) => (1, Some(Duration::from_secs(3))),
            Self::Dns(_) => (3, None),
            Self::Misc(_) => (0, Some(Duration::from_secs(1))),
            Self::Tcp | Self::Ping | Self::Udp(_) | Self::Smtp(_) | Self::Bfd(_) | Self::File(_) => {
                (1, Some(Duration::from_secs(1)))
            }
        }
    }

    /// Whether something else than a timer makes it look.
    fn is_event_driven(&self) -> bool {
        matches!(self, Self::Bfd(_) | Self::File(_))
    }
}

/// Settings that a virtual server hands down to its real servers, and those to their checkers.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::config) struct Inherited {
    pub(in crate::config) alpha: Option<bool>,
    pub(in crate::config) retry: Option<u32>,
    pub(in crate::config) delay_before_retry: Option<Duration>,
    pub(in crate::config) warmup: Option<Duration>,
    pub(in crate::config) delay_loop: Option<Duration>,
    pub(in crate::config) connect_timeout: Option<Duration>,
}

impl Inherited {
    /// These, and where there is none those of the block around.
    pub(in crate::config) fn or(self, outer: Self) -> Self {
        Self {
            alpha: self.alpha.or(outer.alpha),
            retry: self.retry.or(outer.retry),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            warmup: self.warmup.or(outer.warmup),
            delay_loop: self.delay_loop.or(outer.delay_loop),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
        }
    }

    /// Time between two checks; 60 s where nobody says.
    pub(in crate::config) fn interval(self) -> Duration {
        self.delay_loop.unwrap_or(Duration::from_secs(60))
    }

    /// Time to connect; 5 s where nobody says.
    pub(in crate::config) fn timeout(self) -> Duration {
        self.connect_timeout.unwrap_or(Duration::from_secs(5))
    }
}

/// A checker while its block is read; `K` is what its kind has of its own.
#[derive(Clone, Debug)]
pub(in crate::config) struct CheckerDraft<K> {
    timing: Inherited,
    log_all_failures: Option<bool>,
    server: ServerAddress,
    /// `connect_ip`
    ip: Option<IpAddr>,
    /// The last `connect_ip` was of another family than `bindto`.
    nowhere: bool,
    port: Option<u16>,
    bind_ip: Option<IpAddr>,
    bind_port: u16,
    interface: Option<IfName>,
    fwmark: u32,
    kind: K,
}

/// A checker whose block is read, before it has inherited anything.
#[derive(Clone, Debug)]
pub(in crate::config) struct FinishedDraft {
    timing: Inherited,
    log_all_failures: bool,
    connection: Option<Connection>,
    method: Method,
}

impl FinishedDraft {
    pub(in crate::config) fn method(&self) -> &Method {
        &self.method
    }

    /// With what its real server hands down.
    pub(in crate::config) fn resolve(self, server: Inherited) -> Checker {
        let settings = self.timing.or(server);
        let (retry, delay) = self.method.defaults();
        let delay_loop = settings.interval();
        let timeout = settings.timeout();
        Checker {
            alpha: settings.alpha.unwrap_or(false),
            retry: settings.retry.unwrap_or(retry),
            delay_before_retry: settings.delay_before_retry.or(delay).unwrap_or(delay_loop),
            warmup: settings.warmup.unwrap_or(delay_loop),
            delay_loop,
            log_all_failures: self.log_all_failures,
            connection: self.connection.map(|connection| Connection { timeout, ..connection }),
            method: self.method,
        }
    }
}

impl<K: 'static> CheckerDraft<K> {
    fn new(server: ServerAddress, kind: K) -> Self {
        Self {
            timing: Inherited::default(),
            log_all_failures: None,
            server,
            ip: None,
            nowhere: false,
            port: None,
            bind_ip: None,
            bind_port: 0,
            interface: None,
            fwmark: 0,
            kind,
        }
    }

    /// When checks are made and what is said of them.
    const TIMING: &'static [Keyword<Self>] = keyword_rows! {
        "retry" Required "N" "0 to 4294967295" "as the real server" => |d, n, cx| d.retry(n, cx), "further attempts after a failed check before the server is taken out";
        "delay_before_retry" Required "SECS" "0 or more, six decimals" "as the real server" => |d, n, cx| d.delay_before_retry(n, cx), "pause before each further attempt";
        "warmup" Required "SECS" "0 or more, six decimals" "as the real server, else `delay_loop`" => |d, n, cx| d.warmup(n, cx), "longest random delay of the first check";
        "delay_loop" Required "SECS" "0.000001 or more" "as the real server" => |d, n, cx| d.delay_loop(n, cx), "time between two checks";
        "alpha" Optional "[BOOL]" "" "as the real server" => |d, n, cx| d.alpha(n, cx), "failed until the first success";
        "log_all_failures" Optional "[BOOL]" "" "off" => |d, n, cx| d.log_all_failures(n, cx), "log every failed attempt, not only the last";
    };

    /// Where a check goes.
    const CONNECTION: &'static [Keyword<Self>] = keyword_rows! {
        "connect_ip" Required "ADDRESS" "" "that of the real server" => |d, n, cx| d.connect_ip(n, cx), "address to check";
        "connect_port" Required "PORT" "1 to 65535" "that of the real server" => |d, n, cx| d.port = port(n, cx, "connect_port").or(d.port), "port to check";
        "bindto" Required "ADDRESS" "of the destination's family" "none" => |d, n, cx| d.bindto(n, cx), "address that the check is sent from";
        "bind_port" Required "PORT" "1 to 65535" "any" => |d, n, cx| d.bind_port = port(n, cx, "bind_port").unwrap_or(d.bind_port), "port that the check is sent from";
        "bind_if" Required "INTERFACE" "" "none" => |d, n, cx| d.bind_if(n, cx), "interface that the check is sent from; needed for link-local addresses";
        "connect_timeout" Required "SECS" "0.000001 to 4294.967295" "as the real server" => |d, n, cx| d.connect_timeout(n, cx), "time to connect, and to wait for a reply";
        "fwmark" Required "N" "0 to 4294967295" "0" => |d, n, cx| d.fwmark(n, cx), "mark of the packets of the check";
    };

    fn retry(&mut self, node: &Node, cx: &mut Context<'_>) {
        let otherwise = Otherwise::ignored(format!("Invalid retry connection value '{}'", node.arg()));
        let value = cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Tolerated, otherwise);
        self.timing.retry = value.or(self.timing.retry);
    }

    fn delay_before_retry(&mut self, node: &Node, cx: &mut Context<'_>) {
        let text = format!("Invalid delay_before_retry connection value '{}'", node.arg());
        let value = cx.time(node.arg(), ANY_TIME, Otherwise::ignored(text));
        self.timing.delay_before_retry = value.or(self.timing.delay_before_retry);
    }

    fn warmup(&mut self, node: &Node, cx: &mut Context<'_>) {
        let text = format!("Invalid warmup connection value '{}'", node.arg());
        let value = cx.time(node.arg(), ANY_TIME, Otherwise::ignored(text));
        self.timing.warmup = value.or(self.timing.warmup);
    }

    fn delay_loop(&mut self, node: &Node, cx: &mut Context<'_>) {
        let text = format!("delay_loop '{}' is invalid - ignoring", node.arg());
        let value = cx.time(node.arg(), SOME_TIME, Otherwise::ignored(text));
        self.timing.delay_loop = value.or(self.timing.delay_loop);
    }

    fn connect_timeout(&mut self, node: &Node, cx: &mut Context<'_>) {
        let text = format!("connect_timeout {} invalid - ignoring", node.arg());
        let value = cx.time(node.arg(), TIMEOUT, Otherwise::ignored(text));
        self.timing.connect_timeout = value.or(self.timing.connect_timeout);
    }

    fn alpha(&mut self, node: &Node, cx: &mut Context<'_>) {
        let value = cx.boolean(&node.args, |word| format!("Invalid alpha parameter {word}"));
        self.timing.alpha = value.or(self.timing.alpha);
    }

    fn log_all_failures(&mut self, node: &Node, cx: &mut Context<'_>) {
        let value = cx.boolean(&node.args, |word| format!("Invalid log_all_failures parameter {word}"));
        self.log_all_failures = value.or(self.log_all_failures);
    }

    fn fwmark(&mut self, node: &Node, cx: &mut Context<'_>) {
        let otherwise = Otherwise::ignored(format!("Invalid fwmark connection value '{}'", node.arg()));
        let value = cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Tolerated, otherwise);
        self.fwmark = value.unwrap_or(self.fwmark);
    }

    fn connect_ip(&mut self, node: &Node, cx: &mut Context<'_>) {
        let Some(ip) = address(node, cx) else { return };
        match self.bind_ip {
            Some(other) if family_of(other) != family_of(ip) => {
                (self.ip, self.nowhere) = (None, true);
                families_differ(node, cx, "bindto");
            }
            _ => (self.ip, self.nowhere) = (Some(ip), false),
        }
    }

    fn bindto(&mut self, node: &Node, cx: &mut Context<'_>) {
        let Some(ip) = address(node, cx) else { return };
        let destination = self.ip.unwrap_or(self.server.ip);
        if !self.nowhere && family_of(destination) != family_of(ip) {
            self.bind_ip = None;
            return families_differ(node, cx, "connect_ip");
        }
        self.bind_ip = Some(ip);
    }

    fn bind_if(&mut self, node: &Node, cx: &mut Context<'_>) {
        let word = node.arg();
        match IfName::new(word.as_str()) {
            Ok(name) => self.interface = Some(name),
            Err(_) => {
                let message = format!("`{word}` is not the name of an interface");
                let problem = Diagnostic::error("bad-interface-name", word.span, message)
                    .classic(format!("Interface name {word} is too long - ignoring"))
                    .label("this line is ignored");
                cx.report(problem);
            }
        }
    }

    /// The connection at the end of the block; `None` when the checker is dropped, as reported.
    fn connection(&self, end: Span, cx: &mut Context<'_>) -> Option<Connection> {
        let ip = self.ip.unwrap_or(self.server.ip);
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        if link_local && self.interface.is_none() {
            let message = format!("`{ip}` is on every link");
            let problem = Diagnostic::error("link-local-checker", end, message)
                .classic(format!("Checker link local address {ip} requires a bind_if"))
                .label("the check is not made")
                .help("say through which interface: `bind_if INTERFACE`");
            cx.report(problem);
            return None;
        }
        Some(Connection {
            destination: SocketAddr::new(ip, self.port.unwrap_or(self.server.port)),
            source: self.bind_ip.map(|ip| SocketAddr::new(ip, self.bind_port)),
            interface: self.interface.clone(),
            fwmark: self.fwmark,
            timeout: Duration::ZERO,
        })
    }

    fn finish(&self, connection: Option<Connection>, method: Method) -> FinishedDraft {
        FinishedDraft {
            timing: self.timing,
            log_all_failures: self.log_all_failures.unwrap_or(false),
            connection,
            method,
        }
    }
}

fn address(node: &Node, cx: &mut Context<'_>) -> Option<IpAddr> {
    let (keyword, word) = (&node.keyword, node.arg());
    match read_address(word) {
        Ok(ip) => Some(ip),
        Err(problem) => {
            let text = format!("Invalid {keyword} address {word} - ignoring");
            cx.report(problem.classic(text).label("this line is ignored"));
            None
        }
    }
}

fn families_differ(node: &Node, cx: &mut Context<'_>, other: &str) {
    let (keyword, word) = (&node.keyword, node.arg());
    let message = format!("`{keyword}` and `{other}` are of different families");
    let problem = Diagnostic::error("family-mismatch", word.span, message)
        .classic(format!("{keyword} address {word} does not match address family of {other} - skipping"))
        .label("this line is ignored");
    cx.report(problem);
}

fn port(node: &Node, cx: &mut Context<'_>, what: &str) -> Option<u16> {
    let otherwise = Otherwise::ignored(format!("Invalid checker {what} '{}'", node.arg()));
    let port = cx.unsigned(node.arg(), 1..=65535, Junk::Tolerated, otherwise)?;
    u16::try_from(port).ok()
}

/// keepalived's message about a checker that is left out.
fn dropped(cx: &mut Context<'_>, end: Span, message: impl Into<String>, classic: impl Into<String>) {
    let problem = Diagnostic::error("checker-dropped", end, message).classic(classic);
    cx.report(problem.label("the check is not made"));
}

/// keepalived says this and goes on, without counting it as an error.
fn remark(cx: &mut Context<'_>, word: &Word, message: impl Into<String>, classic: impl Into<String>) {
    let problem = Diagnostic::warning("regex-option", word.span, message).class(Class::Harmless);
    cx.report(problem.classic(classic).label("this line is ignored"));
}

impl Checker {
    /// Whether its server is down until it has succeeded.
    pub(in crate::config) fn starts_down(&self) -> bool {
        self.alpha && !matches!(self.method, Method::File(_))
    }

    /// An entry of keepalived's list of checkers, as it is before the first check.
    pub(in crate::config) fn dump(&self, out: &mut Out, uses: &dyn Fn(&Regex) -> RegexUse) {
        field!(out, "Enabled = yes");
        field!(out, "Up = {}", yes_no(!self.starts_down()));
        field!(out, "Has run = {}", yes_no(matches!(self.method, Method::File(_))));
        field!(out, "Current weight = 0");
        if !matches!(self.method, Method::File(_)) {
            self.dump_timing(out);
        }
        field!(out, "Log all failures = {}", yes_no(self.log_all_failures));
        if let Some(connection) = &self.connection {
            connection.dump(out);
        }
        match &self.method {
            Method::Tcp => field!(out, "Keepalive method = TCP_CHECK"),
            Method::Ping => field!(out, "Keepalive method = PING_CHECK"),
            Method::Udp(check) => check.dump(out),
            Method::Http(check) => check.dump(out, uses),
            Method::Smtp(check) => check.dump(out),
            Method::Dns(check) => check.dump(out),
            Method::Misc(check) => check.dump(out),
            Method::Bfd(check) => check.dump(out, self.alpha),
            Method::File(check) => check.dump(out),
        }
    }

    fn dump_timing(&self, out: &mut Out) {
        field!(out, "Alpha = {}", yes_no(self.alpha));
        // A checker that waits for events has no timing; keepalived shows what it keeps for "unset".
        let (micros, retry) = match self.method.is_event_driven() {
            true => ([u128::from(u64::MAX); 3], u32::MAX),
            false => {
                ([self.delay_loop, self.warmup, self.delay_before_retry].map(|d| d.as_micros()), self.retry)
            }
        };
        field!(out, "Delay loop = {} us", micros[0]);
        field!(out, "Warmup = {} us", micros[1]);
        field!(out, "Retries = {retry}");
        if retry > 0 {
            field!(out, "Delay before retry = {} us", micros[2]);
            field!(out, "Retries iterations = {retry}");
        }
        let default = self.method.defaults().1.unwrap_or(Duration::ZERO);
        field!(out, "Default delay before retry = {} us", default.as_micros());
    }
}

impl Connection {
    fn dump(&self, out: &mut Out) {
        let shown = |at: SocketAddr| format!("[{}]:{}", at.ip(), at.port());
        field!(out, "Connection");
        member!(out, "Dest = {}", shown(self.destination));
        if let Some(source) = self.source {
            member!(out, "Bind to = {}", shown(source));
        }
        if let Some(interface) = &self.interface {
            member!(out, "Bind i/f = {interface}");
        }
        if self.fwmark != 0 {
            member!(out, "Mark = {}", self.fwmark);
        }
        member!(out, "Timeout = {:.6}", self.timeout.as_secs_f64());
    }
}
