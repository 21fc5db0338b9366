//! `garp_group { … }`: a pace that some interfaces share.

use crate::config::diagnostic::Diagnostic;
use crate::config::diff::compared;
use crate::config::dump::{Out, general, item, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::MUST_BE_THERE;
use crate::config::value::Otherwise;
use crate::types::IfName;
use std::time::Duration;

/// Interfaces, and the gaps between announcements on all of them together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GarpGroup {
    /// `garp_interval`: between gratuitous ARPs; `None`: no gap.
    pub garp_interval: Option<Duration>,
    /// `gna_interval`: between unsolicited neighbour advertisements; `None`: no gap.
    pub gna_interval: Option<Duration>,
    /// `interface`, `interfaces`; none is in two groups.
    pub interfaces: Vec<IfName>,
    /// `interfaces` names them.
    pub is_list: bool,
}

/// A group while it is read.
pub(in crate::config) struct GarpGroupDraft {
    group: GarpGroup,
    /// Groups with `interfaces` above; 0 when this one has none.
    number: usize,
    above: usize,
    /// Interfaces of other groups.
    taken: Vec<IfName>,
}

keywords! {
    /// `garp_group`.
    GARP_GROUP: GarpGroupDraft, "garp_group", None;
    "garp_interval" Required "SECS" "0 to 2147.483647" "none" => |d, n, cx| d.group.garp_interval = gap(n, cx).or(d.group.garp_interval), "gap between gratuitous ARPs";
    "gna_interval" Required "SECS" "0 to 2147.483647" "none" => |d, n, cx| d.group.gna_interval = gap(n, cx).or(d.group.gna_interval), "gap between unsolicited neighbour advertisements";
    "interface" Required "INTERFACE" "" "none" => |d, n, cx| d.add(n.arg(), None, cx), "an interface of the group";
    "interfaces" Words "{ INTERFACE… }" "" "none" => interfaces, "interfaces of the group, which share its gaps";
}

/// Microseconds that fit keepalived's 31 bits.
const GAP: std::ops::RangeInclusive<u64> = 0..=2_147_483_647;

fn gap(node: &Node, cx: &mut Context<'_>) -> Option<Duration> {
    let (keyword, word) = (&node.keyword, node.arg());
    let otherwise = Otherwise::ignored(format!("garp_group {keyword} '{word}' invalid"));
    let gap = Duration::from_micros(cx.decimal(word, 6, GAP, otherwise)?);
    if gap >= Duration::from_secs(1) {
        let message = format!("{} s between two announcements is very long", gap.as_secs_f64());
        let text = format!("The {keyword} is very large - {word} seconds");
        cx.report(Diagnostic::note("large-value", word.span, message).classic(text));
    }
    Some(gap)
}

fn interfaces(d: &mut GarpGroupDraft, node: &Node, cx: &mut Context<'_>) {
    let words = node.words();
    if !words.is_empty() {
        d.number = d.above + 1;
    }
    if words.is_empty() {
        let problem = Diagnostic::warning("empty-block", node.keyword.span, "no interface is named")
            .said_at(node.end)
            .classic("Warning - empty garp_group interfaces block")
            .help("name the interfaces of the group");
        cx.report(problem);
    }
    for word in words {
        d.add(word, node.end, cx);
    }
}

impl GarpGroupDraft {
    pub(in crate::config) fn new(others: &[GarpGroup]) -> Self {
        let taken = others.iter().flat_map(|group| group.interfaces.iter().cloned()).collect();
        Self {
            group: GarpGroup::default(),
            number: 0,
            above: others.iter().filter(|group| group.is_list).count(),
            taken,
        }
    }

    /// `said_at` is where keepalived's reader stands.
    fn add(&mut self, word: &Word, said_at: Option<Span>, cx: &mut Context<'_>) {
        let at = said_at.or(Some(word.span));
        let Some((name, _)) = cx.interface(word) else {
            let text = format!("WARNING - interface {word} specified for garp_group doesn't exist");
            return cx.report(cx.no_such_interface(word, MUST_BE_THERE, text).said_at(at));
        };
        if self.taken.contains(&name) {
            let problem =
                Diagnostic::error("duplicate-value", word.span, format!("`{name}` has a group already"))
                    .said_at(at)
                    .classic(format!("garp_group already specified for {name} - ignoring"))
                    .label("ignored");
            return cx.report(problem);
        }
        self.taken.push(name.clone());
        self.group.interfaces.push(name);
    }

    /// A group without any gap is none.
    pub(in crate::config) fn complete(self, node: &Node, cx: &mut Context<'_>) -> Option<GarpGroup> {
        let group = GarpGroup { is_list: self.number > 0, ..self.group };
        if group.garp_interval.is_some() || group.gna_interval.is_some() {
            return Some(group);
        }
        let problem =
            Diagnostic::error("missing-value", node.keyword.span, "a group without any gap has no effect")
                .said_at(node.end)
                .classic(format!("garp group {} does not have any delay set - removing", self.number))
                .help("give it a `garp_interval` or a `gna_interval`");
        cx.report(problem);
        None
    }
}

impl GarpGroup {
    /// A section of its own; `number` counts from 0.
    pub(in crate::config) fn dump(&self, number: usize, out: &mut Out) {
        /// Nothing has been sent.
        const NEVER: &str = "0.000000 (Thu Jan  1 00:00:00.000000)";
        out.section(&format!("GARP delay group {number}"));
        for (what, gap) in [("GARP", self.garp_interval), ("GNA", self.gna_interval)] {
            if let Some(gap) = gap {
                object!(out, "{what} interval = {}", general(gap.as_secs_f64()));
                object!(out, "{what} next time {NEVER}");
            }
        }
        if !self.interfaces.is_empty() {
            object!(out, "Interfaces");
        }
        for interface in &self.interfaces {
            item!(out, "{interface}");
        }
    }
}

compared! { GarpGroup {
    garp_interval: "garp_interval" Timers optional_time;
    gna_interval: "gna_interval" Timers optional_time;
    interfaces: "interfaces" Timers list;
    is_list: "interfaces" None onoff;
}}

impl AsRef<GarpGroup> for GarpGroup {
    fn as_ref(&self) -> &Self {
        self
    }
}
