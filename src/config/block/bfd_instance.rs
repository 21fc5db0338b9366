//! `bfd_instance NAME { … }`: a BFD session with a neighbour, and who hears of it.
//!
//! keepalived reads it three times, each process for itself: its BFD process wants the session, VRRP the
//! weight, all of them who hears of it. A session that its BFD process refuses still has a name to VRRP and
//! the checkers; it never comes up.

use super::tracking::{Tracked, dump_tracking};
use crate::config::Config;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, SessionRunState, field, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, NameRules, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, Weight, bad_address, bare_address, unknown_weight_option};
use crate::types::Family;
use std::net::IpAddr;
use std::time::Duration;

/// A BFD session as trackers see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BfdInstance {
    /// Its name, at most 31 bytes.
    pub name: String,
    /// The session itself; `None`: it cannot run, as has been said, and never comes up.
    pub session: Option<BfdSession>,
    /// `weight`: what it is worth to those who track it and say nothing else.
    pub weight: Weight,
    /// Virtual routers may track it.
    pub tells_vrrp: bool,
    /// Checkers may follow it.
    pub tells_checkers: bool,
}

/// What is configured of a session (RFC 5880 §6.8.1, RFC 5881, RFC 5883).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BfdSession {
    /// `neighbor_ip`.
    pub neighbor: IpAddr,
    /// `source_ip`; `None`: what the kernel chooses.
    pub source: Option<IpAddr>,
    /// `min_rx`: the least time between two packets that we can take, 1 ms to 4294967 ms.
    pub min_rx: Duration,
    /// `min_tx`: the least time between two packets that we want to send while up, likewise.
    pub min_tx: Duration,
    /// `idle_tx`: the same while the session is not up, at least 1 s.
    pub idle_tx: Duration,
    /// `multiplier`: packets that may be missed; not 0.
    pub multiplier: u8,
    /// `passive`: wait for the neighbour's first packet.
    pub passive: bool,
    /// `ttl`: what our packets are sent with; not 0.
    pub ttl: u8,
    /// `max_hops`: by how much less than `ttl` a packet may arrive with; 255: by anything.
    pub max_hops: u8,
    /// `multihop`: port 4784 instead of 3784.
    pub multihop: bool,
}

/// A `bfd_instance` while it is read.
pub(in crate::config) struct BfdDraft {
    name: Word,
    neighbor: Option<IpAddr>,
    source: Option<(IpAddr, Span)>,
    /// Microseconds.
    min_rx: u64,
    min_tx: u64,
    idle_tx: u64,
    multiplier: u8,
    passive: bool,
    ttl: Option<u8>,
    max_hops: Option<(u8, Span)>,
    multihop: bool,
    weight: Weight,
    vrrp: bool,
    checker: bool,
    /// The session is refused, as reported: keepalived's BFD process reads no further in the block.
    refused: bool,
}

/// keepalived: BFD_INAME_MAX, which counts the NUL.
static NAME: NameRules = NameRules {
    longest: 31,
    too_long: |name| {
        vec![
            format!("BFD name {name} too long"),
            format!(
                "Configuration error: BFD instance {name} name too long (maximum length is 31 characters) - ignoring"
            ),
        ]
    },
    taken: |name| {
        vec![
            format!("BFD {name} already specified"),
            format!("Configuration error: BFD instance {name} already configured - ignoring"),
        ]
    },
};

keywords! {
    /// `bfd_instance`.
    BFD_INSTANCE: BfdDraft, "bfd_instance", Ruled(&NAME);
    "source_ip" Required "ADDRESS" "family of the neighbour" "the kernel's choice" => source_ip, "address that packets are sent from";
    "neighbor_ip" Required "ADDRESS" "" "required" => neighbor_ip, "the neighbour";
    "neighbour_ip" Required "ADDRESS" "" "required" => neighbor_ip, "another spelling of `neighbor_ip`";
    "min_rx" Required "MSECS" "1 to 4294967, three decimals" "10" => |d, n, cx| interval(d, n, cx, LEAST_INTERVAL, |d| &mut d.min_rx), "least time between two packets that we can take";
    "min_tx" Required "MSECS" "1 to 4294967, three decimals" "10" => |d, n, cx| interval(d, n, cx, LEAST_INTERVAL, |d| &mut d.min_tx), "least time between two packets that we want to send";
    "idle_tx" Required "MSECS" "1000 to 4294967, three decimals" "1000" => |d, n, cx| interval(d, n, cx, LEAST_IDLE, |d| &mut d.idle_tx), "time between two packets while the session is not up";
    "multiplier" Required "N" "1 to 255" "5" => multiplier, "packets missed before the session is down";
    "passive" Flag "" "" "off" => |d, _, _| d.passive = true, "wait for the neighbour to speak first";
    "ttl" Required "N" "1 to 255" "255" => ttl, "TTL of packets over IPv4";
    "hoplimit" Required "N" "1 to 255" "64" => ttl, "hop limit of packets over IPv6; another name of `ttl`";
    "max_hops" Required "N" "-1 to 255; -1 and 255: any" "0" => max_hops, "routers that a received packet may have crossed";
    "multihop" Optional "[BOOL]" "" "off" => multihop, "use the port for several hops (RFC 5883)";
    "weight" Required "N [reverse]" "-253 to 253" "0" => weight, "what the session adds to a priority, unless `track_bfd` says otherwise";
    "vrrp" Flag "" "" "both, unless one is named" => |d, _, _| d.vrrp = true, "virtual routers hear of it";
    "checker" Flag "" "" "both, unless one is named" => |d, _, _| d.checker = true, "checkers hear of it";
}

/// Microseconds of `min_rx` and `min_tx`.
const LEAST_INTERVAL: u64 = 1_000;
/// Microseconds of `idle_tx` (RFC 5880 §6.8.3).
const LEAST_IDLE: u64 = 1_000_000;
const LONGEST_INTERVAL: u64 = 4_294_967_000;
/// Microseconds above which keepalived wonders.
const SENSIBLE_INTERVAL: u64 = 10_000_000;

impl BfdDraft {
    pub(in crate::config) fn new(name: &Word) -> Self {
        Self {
            name: name.clone(),
            neighbor: None,
            source: None,
            min_rx: 10_000,
            min_tx: 10_000,
            idle_tx: LEAST_IDLE,
            multiplier: 5,
            passive: false,
            ttl: None,
            max_hops: None,
            multihop: false,
            weight: Weight::default(),
            vrrp: false,
            checker: false,
            refused: false,
        }
    }

    /// keepalived's line about it.
    fn says(&self, text: &str) -> String {
        format!("Configuration error: BFD instance {} {text}", self.name)
    }
}

/// Reads a block; `others` are those above it.
pub(in crate::config) fn bfd_instance(
    node: &Node,
    others: &[BfdInstance],
    cx: &mut Context<'_>,
) -> Option<BfdInstance> {
    let mut draft = BfdDraft::new(node.args.first()?);
    BFD_INSTANCE.apply(&mut draft, node.children(), cx);
    let session = draft.complete(others, node.end, cx);
    let all = !draft.vrrp && !draft.checker;
    Some(BfdInstance {
        name: draft.name.text,
        session,
        weight: draft.weight,
        tells_vrrp: draft.vrrp || all,
        tells_checkers: draft.checker || all,
    })
}

fn neighbor_ip(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if d.refused {
        return;
    }
    d.neighbor = bare_address(word);
    if d.neighbor.is_none() {
        d.refused = true;
        let problem = bad_address(word)
            .classic(d.says(&format!("has malformed neighbor address {word}, ignoring instance")))
            .label("there is no session: to those who track it, it is down");
        cx.report(problem);
    }
}

fn source_ip(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if d.refused {
        return;
    }
    match bare_address(word) {
        Some(address) => d.source = Some((address, word.span)),
        None => {
            let problem = bad_address(word)
                .classic(d.says(&format!("has malformed source address {word}, ignoring")))
                .label("this line is ignored: the kernel chooses the address");
            cx.report(problem);
        }
    }
}

/// Milliseconds with three decimals.
fn interval(
    d: &mut BfdDraft,
    node: &Node,
    cx: &mut Context<'_>,
    least: u64,
    slot: fn(&mut BfdDraft) -> &mut u64,
) {
    let (keyword, word) = (&node.keyword, node.arg());
    if d.refused {
        return;
    }
    let (min, max) = (least / 1000, LONGEST_INTERVAL / 1000);
    let text =
        d.says(&format!("{keyword} value {word} is not valid (must be in range [{min}-{max}]), ignoring"));
    let value = cx.strict_decimal(word, 3, least..=LONGEST_INTERVAL, Otherwise::ignored(text));
    let Some(micros) = value else { return };
    *slot(d) = micros;
    if micros > SENSIBLE_INTERVAL {
        let most = SENSIBLE_INTERVAL / 1000;
        let text = format!(
            "Configuration warning: BFD instance {} {keyword} value {word} is larger than max sensible ({most})",
            d.name
        );
        let message = format!("`{keyword}` is in milliseconds: this is {} s", micros as f64 / 1e6);
        let problem = Diagnostic::warning("bfd-interval-long", word.span, message)
            .label("used as it is")
            .class(Class::Harmless)
            .classic(text)
            .at_completion();
        cx.report(problem);
    }
}

fn multiplier(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if d.refused {
        return;
    }
    let text = d.says(&format!("multiplier value {word} not valid (must be in range [1-255]), ignoring"));
    let n = cx.unsigned(word, 1..=255, Junk::Refused, Otherwise::ignored(text));
    d.multiplier = n.and_then(|n| u8::try_from(n).ok()).unwrap_or(d.multiplier);
}

fn ttl(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if d.refused {
        return;
    }
    let text = d.says(&format!("ttl/hoplimit value {word} not valid (must be in range [1-255]), ignoring"));
    let n = cx.unsigned(word, 1..=255, Junk::Refused, Otherwise::ignored(text));
    d.ttl = n.and_then(|n| u8::try_from(n).ok()).or(d.ttl);
}

fn max_hops(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if d.refused {
        return;
    }
    let text = d.says(&format!("max_hops value {word} not valid (must be in range [-1-255]), ignoring"));
    let Some(n) = cx.integer(word, -1..=255, Junk::Refused, Otherwise::ignored(text)) else { return };
    d.max_hops = Some((u8::try_from(n).unwrap_or(u8::MAX), word.span));
}

fn multihop(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    if d.refused {
        return;
    }
    let name = d.name.clone();
    let value = cx.boolean(&node.args, |word| {
        format!("Configuration error: BFD instance {name} multihop setting not valid - {word}")
    });
    d.multihop = value.unwrap_or(d.multihop);
}

fn weight(d: &mut BfdDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = d.says(&format!("weight value {word} not valid (must be in range [-253-253]), ignoring"));
    let value = cx.integer(word, -253..=253, Junk::Tolerated, Otherwise::ignored(text));
    d.weight.value = value.and_then(|n| i16::try_from(n).ok()).unwrap_or(d.weight.value);
    match node.args.get(1) {
        None => {}
        Some(option) if option.text == "reverse" => d.weight.reverse = true,
        Some(option) => {
            cx.report(unknown_weight_option(option, d.says(&format!("unknown weight option {option}"))));
        }
    }
}

impl BfdDraft {
    /// What keepalived looks at when the block is over, in its order.
    fn complete(
        &self,
        others: &[BfdInstance],
        end: Option<Span>,
        cx: &mut Context<'_>,
    ) -> Option<BfdSession> {
        if self.refused {
            return None;
        }
        let mut refuse = |span: Span, message: String, text: &str| {
            let problem = Diagnostic::error("bfd-without-session", span, message)
                .classic(self.says(text))
                .said_at(end)
                .label("there is no session: to those who track it, it is down")
                .help("give each its own `neighbor_ip`, of the family of `source_ip`");
            cx.report(problem);
            None
        };
        let span = self.name.span;
        let Some(neighbor) = self.neighbor else {
            let message = format!("`bfd_instance {}` has no `neighbor_ip`", self.name);
            return refuse(span, message, "has no neighbor address set, disabling instance");
        };
        let source = self.source.map(|(source, _)| source);
        if let Some((source, span)) = self.source
            && Family::of(source) != Family::of(neighbor)
        {
            let message = format!("`{source}` is not of the family of the neighbour, {neighbor}");
            let text = format!(
                "source address {source} and neighbor address {neighbor} are not of the same family, disabling instance"
            );
            return refuse(span, message, &text);
        }
        let same = |other: &&BfdInstance| {
            other.session.is_some_and(|other| {
                other.neighbor == neighbor
                    && other.multihop == self.multihop
                    && (other.source.is_none() || source.is_none() || other.source == source)
            })
        };
        if let Some(other) = others.iter().find(same) {
            let message = format!("`bfd_instance {}` is the session with {neighbor} already", other.name);
            let text = match source {
                Some(source) => {
                    format!("has duplicate source/neighbor address {source}/{neighbor}, ignoring instance")
                }
                None => format!("has duplicate neighbor address {neighbor}, ignoring instance"),
            };
            return refuse(span, message, &text);
        }
        let default = if Family::of(neighbor) == Family::V4 { 255 } else { 64 };
        let ttl = self.ttl.unwrap_or(default);
        Some(BfdSession {
            neighbor,
            source,
            min_rx: Duration::from_micros(self.min_rx),
            min_tx: Duration::from_micros(self.min_tx),
            idle_tx: Duration::from_micros(self.idle_tx),
            multiplier: self.multiplier,
            passive: self.passive,
            ttl,
            max_hops: self.settle_max_hops(ttl, end, cx),
            multihop: self.multihop,
        })
    }

    fn settle_max_hops(&self, ttl: u8, end: Option<Span>, cx: &mut Context<'_>) -> u8 {
        let Some((hops, span)) = self.max_hops else {
            if self.multihop {
                let message = "`multihop` without `max_hops`: packets that crossed a router are dropped";
                let problem = Diagnostic::note("bfd-no-hops", self.name.span, message);
                cx.report(problem.help("say how many routers are on the way: `max_hops N`"));
            }
            return 0;
        };
        if hops > ttl {
            let message = format!("a packet cannot cross more routers than its TTL, {ttl}");
            let text = format!(
                "BFD instance {}: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit",
                self.name
            );
            let problem = Diagnostic::warning("number-out-of-range", span, message)
                .classic(text)
                .said_at(end)
                .label(format!("{ttl} is used"));
            cx.report(problem);
        }
        hops.min(ttl)
    }
}

impl BfdInstance {
    /// As keepalived's BFD process dumps it.
    pub(in crate::config) fn dump_session(&self, out: &mut Out, run: Option<&SessionRunState>) {
        let Some(session) = &self.session else { return };
        let yes_no = |value: bool| if value { "Yes" } else { "No" };
        object!(out, "BFD Instance = {}", self.name);
        field!(out, "Neighbor IP = {}", session.neighbor);
        if let Some(source) = session.source {
            field!(out, "Source IP = {source}");
        }
        field!(out, "Required min RX interval = {} us", session.min_rx.as_micros());
        field!(out, "Desired min TX interval = {} us", session.min_tx.as_micros());
        field!(out, "Desired idle TX interval = {} us", session.idle_tx.as_micros());
        field!(out, "Detection multiplier = {}", session.multiplier);
        let hops = if session.neighbor.is_ipv4() { "TTL" } else { "hoplimit" };
        field!(out, "{hops} = {}", session.ttl);
        field!(out, "max_hops = {}", session.max_hops);
        field!(out, "passive = {}", session.passive);
        field!(out, "send event to VRRP process = {}", yes_no(self.tells_vrrp));
        field!(out, "send event to checker process = {}", yes_no(self.tells_checkers));
        if let Some(run) = run {
            dump_run_state(out, run);
        }
    }

    /// As keepalived's VRRP process dumps it.
    pub(in crate::config) fn dump_tracker(&self, out: &mut Out, config: &Config, up: bool) {
        object!(out, "VRRP Track BFD = {}", self.name);
        field!(out, "Weight = {}", self.weight);
        field!(out, "Bfd is {}", if up { "up" } else { "down" });
        field!(out, "Tracking VRRP instances :");
        dump_tracking(out, config, &Tracked::Session(self.name.clone()));
    }
}

/// Without the addresses of keepalived's threads.
fn dump_run_state(out: &mut Out, run: &SessionRunState) {
    for (name, at) in ["sands_out", "sands_exp"].iter().zip(&run.timers) {
        field!(out, "{name} = {}", at.as_deref().unwrap_or("[disabled]"));
    }
    let sides = ["local", "remote"];
    for (side, state) in sides.iter().zip(&run.states) {
        field!(out, "{side} state = {state}");
    }
    for (side, discriminator) in sides.iter().zip(run.discriminators) {
        field!(out, "{side} discriminator = {discriminator:#x}");
    }
    for (side, diagnostic) in sides.iter().zip(&run.diagnostics) {
        field!(out, "{side} diag = {diagnostic}");
    }
    let [min_tx, min_rx] = run.remote_min;
    field!(out, "remote min tx intv = {min_tx} us");
    field!(out, "remote min rx intv = {min_rx} us");
    field!(out, "local demand = 0");
    field!(out, "remote demand = {}", u8::from(run.remote_demand));
    field!(out, "remote detect multiplier = {}", run.remote_detect_mult);
    field!(out, "{}poll, !final", if run.polling { "" } else { "!" });
    for (side, interval) in sides.iter().zip(run.intervals) {
        field!(out, "{side} tx intv = {interval} us");
    }
    for (side, detection) in sides.iter().zip(run.detection) {
        field!(out, "{side} detection time = {detection} us");
    }
    match &run.last_seen {
        Some(at) => field!(out, "last seen = {at}"),
        None => field!(out, "last_seen = [never]"),
    }
}

compared! { BfdInstance {
    name: "bfd_instance" None plain;
    session: "bfd_instance" Sockets hidden, "a session that begins anew is down until the neighbour has answered";
    weight: "weight" Advert plain, "another priority, or a fault, may make another router master";
    tells_vrrp: "vrrp" None onoff;
    tells_checkers: "checker" None onoff;
}}
