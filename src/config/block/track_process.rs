//! `vrrp_track_process NAME { … }`: processes that must run.

use super::tracking::{Trackable, Tracked, dump_tracking};
use crate::config::Config;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, ProcessRunState, field, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, Weight, unknown_weight_option};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Processes that instances and groups can follow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackProcess {
    /// The name that `track_process` entries refer to.
    pub name: String,
    /// What to look for.
    pub pattern: ProcessPattern,
    /// Default for references that give no weight of their own, -254 to 254; 0 means FAULT without quorum.
    pub weight: Weight,
    /// This many of them at least; default 1.
    pub quorum: u16,
    /// This many of them at most; `None`: no limit.
    pub quorum_max: Option<u16>,
    /// From losing the quorum to when that counts, up to an hour; default 0.
    pub terminate_delay: Duration,
    /// From gaining the quorum to when that counts, up to an hour; default 0.
    pub fork_delay: Duration,
}

/// `process`, `param_match` and `full_command`: which processes count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessPattern {
    /// The first word of `process`.
    pub command: String,
    /// The others.
    pub params: Vec<String>,
    /// How they are compared; `None`: not at all.
    pub param_match: Option<ParamMatch>,
    /// The command is the first word of the command line; otherwise the name that the kernel keeps, which is
    /// cut off after 15 bytes.
    pub full_command: bool,
}

/// Bytes of the name that the kernel keeps of a process (`TASK_COMM_LEN`, without its NUL).
const LONGEST_NAME: usize = 15;

/// How the parameters of a process are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParamMatch {
    /// It has these and no others.
    Exact,
    /// It has these, and others may follow.
    Partial,
    /// It has these, the last one may go on, and others may follow.
    Initial,
}

/// Processes while their block is read.
pub(in crate::config) struct ProcessDraft {
    name: Word,
    words: Vec<Word>,
    param_match: Option<ParamMatch>,
    full_command: bool,
    weight: Weight,
    quorum: u16,
    quorum_max: Option<u16>,
    terminate_delay: Duration,
    fork_delay: Duration,
}

keywords! {
    /// `vrrp_track_process`.
    VRRP_TRACK_PROCESS: ProcessDraft, "vrrp_track_process", Required;
    "process" Required "NAME [ARGUMENT…]" "" "required" => process, "what to look for; with arguments, command lines are compared";
    "param_match" Optional "[initial|partial]" "" "exact when bare or with arguments" => param_match, "how arguments are compared: others may follow (`partial`), and the last may go on (`initial`)";
    "weight" Optional "N [reverse]" "-254 to 254" "0" => weight, "default for trackers; 0 means FAULT without quorum";
    "quorum" Required "N" "1 to 65535" "1" => quorum, "processes that must be there";
    "quorum_max" Required "N" "0 to 65535" "no limit" => quorum_max, "with more processes than this there is no quorum";
    "delay" Required "SECS" "0.000001 to 3600" "0" => delay, "sets `fork_delay` and `terminate_delay`";
    "terminate_delay" Required "SECS" "0.000001 to 3600" "0" => |d, n, cx| d.terminate_delay = seconds(d, n, cx).unwrap_or(d.terminate_delay), "how long the quorum must be lost before that counts";
    "fork_delay" Required "SECS" "0.000001 to 3600" "0" => |d, n, cx| d.fork_delay = seconds(d, n, cx).unwrap_or(d.fork_delay), "how long the quorum must be there before that counts";
    "full_command" Flag "" "" "off" => |d, _, _| d.full_command = true, "compare the first word of the command line, not the name that the kernel keeps";
}

/// What came of a block: the processes, unless they are left out, and what entries may refer to.
pub(in crate::config) struct ReadProcess {
    pub(in crate::config) process: Option<TrackProcess>,
    pub(in crate::config) trackable: Trackable,
}

/// Reads a block; `None` without a name.
pub(in crate::config) fn vrrp_track_process(node: &Node, cx: &mut Context<'_>) -> Option<ReadProcess> {
    let name = node.args.first()?;
    let mut draft = ProcessDraft {
        name: name.clone(),
        words: Vec::new(),
        param_match: None,
        full_command: false,
        weight: Weight::default(),
        quorum: 1,
        quorum_max: None,
        terminate_delay: Duration::ZERO,
        fork_delay: Duration::ZERO,
    };
    VRRP_TRACK_PROCESS.apply(&mut draft, node.children(), cx);
    if draft.words.is_empty() {
        let problem =
            Diagnostic::error("missing-value", name.span, "a `vrrp_track_process` needs a `process`")
                .said_at(node.end)
                .classic(format!("track process '{name}' process name not specified"))
                .label("nothing can follow it");
        cx.report(problem);
    }
    draft.check_name(cx);
    let trackable = Trackable { name: name.clone(), weight: draft.weight, usable: !draft.words.is_empty() };
    Some(ReadProcess { process: draft.finish(), trackable })
}

impl ProcessDraft {
    /// Says so when nothing can have such a name.
    fn check_name(&self, cx: &mut Context<'_>) {
        let [word] = &self.words[..] else { return };
        let by_name = self.param_match.is_none() && !self.full_command;
        if !by_name || (word.text.len() <= LONGEST_NAME && !word.text.starts_with('/')) {
            return;
        }
        let message = match word.text.starts_with('/') {
            true => "the name that the kernel keeps of a process has no path",
            false => "the name that the kernel keeps of a process is at most 15 bytes",
        };
        let problem = Diagnostic::warning("process-never-found", word.span, message)
            .class(Class::Harmless)
            .label("no process has this name")
            .help("add `full_command` to look for it in the command lines")
            .keepalived("finds none either: there is never a quorum, and says nothing");
        cx.report(problem);
    }

    fn finish(self) -> Option<TrackProcess> {
        let mut words = self.words.into_iter().map(|word| word.text);
        let command = words.next()?;
        let params: Vec<String> = words.collect();
        let param_match = self.param_match.or((!params.is_empty()).then_some(ParamMatch::Exact));
        Some(TrackProcess {
            name: self.name.text,
            pattern: ProcessPattern {
                command,
                full_command: self.full_command || param_match.is_some(),
                params,
                param_match,
            },
            weight: self.weight,
            quorum: self.quorum,
            quorum_max: self.quorum_max,
            terminate_delay: self.terminate_delay,
            fork_delay: self.fork_delay,
        })
    }
}

fn process(d: &mut ProcessDraft, node: &Node, cx: &mut Context<'_>) {
    if !d.words.is_empty() {
        let word = node.arg();
        let text = format!("Process already set for track process {} - ignoring {word}", d.name);
        let problem = Diagnostic::error("duplicate-value", word.span, "there is a `process` already");
        return cx.report(problem.classic(text).label("this line is ignored"));
    }
    d.words = node.args.clone();
}

fn param_match(d: &mut ProcessDraft, node: &Node, cx: &mut Context<'_>) {
    d.param_match = match node.args.first().map(|word| (word, word.as_str())) {
        None => Some(ParamMatch::Exact),
        Some((_, "initial")) => Some(ParamMatch::Initial),
        Some((_, "partial")) => Some(ParamMatch::Partial),
        Some((word, text)) => {
            let help = match text {
                "exact" => "write `param_match` alone for that",
                _ => "`initial` and `partial` can follow; alone it means that the arguments are the same",
            };
            let message = format!("`{word}` is no way to compare arguments");
            let problem = Diagnostic::error("param-match", word.span, message)
                .classic(format!("Invalid param_match type {word} - ignoring"))
                .label("this line is ignored")
                .meant(word, ["initial", "partial"], help);
            return cx.report(problem);
        }
    };
}

fn weight(d: &mut ProcessDraft, node: &Node, cx: &mut Context<'_>) {
    let name = &d.name;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("No weight specified for track process {name} - ignoring"));
    };
    if d.weight.value != 0 {
        let text = format!("Weight already set for track process {name} - ignoring {word}");
        let problem = Diagnostic::error("duplicate-value", word.span, "there is a `weight` already");
        return cx.report(problem.classic(text).label("this line is ignored"));
    }
    let text = format!(
        "Weight ({word}) for vrrp_track_process {name} must be between [-254..254] inclusive. Ignoring..."
    );
    let value = cx.integer(word, -254..=254, Junk::Tolerated, Otherwise::ignored(text));
    let Some(value) = value.and_then(|value| i16::try_from(value).ok()) else { return };
    d.weight.value = value;
    if word.as_str().trim_start().parse::<i16>().is_err() {
        return;
    }
    match node.args.get(1) {
        None => {}
        Some(option) if option.text == "reverse" => d.weight.reverse = true,
        Some(option) => {
            let text = format!("vrrp_track_process {name} unknown weight option {option}");
            cx.report(unknown_weight_option(option, text));
        }
    }
}

fn count(
    node: &Node,
    range: RangeInclusive<u32>,
    (what, name): (&str, &Word),
    cx: &mut Context<'_>,
) -> Option<u16> {
    let word = node.arg();
    let (min, max) = (range.start(), range.end());
    let text = format!(
        "{what} ({word}) for vrrp_track_process {name} must be between [{min}..{max}] inclusive. Ignoring..."
    );
    let value = cx.unsigned(word, range, Junk::Tolerated, Otherwise::ignored(text));
    value.and_then(|value| u16::try_from(value).ok())
}

fn quorum(d: &mut ProcessDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(quorum) = count(node, 1..=65535, ("Quorum", &d.name), cx) else { return };
    if d.quorum_max.is_some_and(|max| quorum > max) {
        return cx.report(crossed(node, "Quorum is greater than quorum_max - ignoring"));
    }
    d.quorum = quorum;
}

fn quorum_max(d: &mut ProcessDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(max) = count(node, 0..=65535, ("quorum_max", &d.name), cx) else { return };
    // Nobody writes `quorum 0`: with `quorum_max 0` alone, none of them may run.
    if max == 0 && d.quorum == 1 {
        d.quorum = 0;
    }
    if max < d.quorum {
        return cx.report(crossed(node, "quorum_max is less than quorum - ignoring"));
    }
    d.quorum_max = Some(max);
}

fn crossed(node: &Node, classic: &str) -> Diagnostic {
    Diagnostic::error("conflicting-values", node.span(), "no number of processes would be a quorum")
        .classic(classic)
        .label("this line is ignored")
}

fn seconds(d: &ProcessDraft, node: &Node, cx: &mut Context<'_>) -> Option<Duration> {
    let (name, keyword, word) = (&d.name, &node.keyword, node.arg());
    let text = format!(
        "{keyword} ({word}) for vrrp_track_process {name} must be between [0.000001..3600] inclusive. Ignoring..."
    );
    cx.time(word, 1..=3_600_000_000, Otherwise::ignored(text))
}

fn delay(d: &mut ProcessDraft, node: &Node, cx: &mut Context<'_>) {
    if let Some(delay) = seconds(d, node, cx) {
        (d.terminate_delay, d.fork_delay) = (delay, delay);
    }
}

impl TrackProcess {
    /// Whether this many processes are a quorum.
    #[must_use]
    pub fn is_quorum(&self, count: usize) -> bool {
        count >= usize::from(self.quorum) && self.quorum_max.is_none_or(|max| count <= usize::from(max))
    }

    pub(in crate::config) fn dump(&self, out: &mut Out, config: &Config, run: Option<&ProcessRunState>) {
        let unknown = ProcessRunState { current: 0, quorum: self.is_quorum(0) };
        let run = run.unwrap_or(&unknown);
        let pattern = &self.pattern;
        object!(out, "VRRP Track process = {}", self.name);
        field!(out, "Process = {}", pattern.command);
        if !pattern.params.is_empty() {
            field!(out, "Parameters = {}", pattern.params.join(" "));
        }
        match pattern.param_match {
            None => {}
            Some(ParamMatch::Exact) => field!(out, "Param match"),
            Some(ParamMatch::Partial) => field!(out, "Param match = partial"),
            Some(ParamMatch::Initial) => field!(out, "Param match = initial"),
        }
        field!(out, "Min processes = {}", self.quorum);
        if let Some(max) = self.quorum_max {
            field!(out, "Max processes = {max}");
        }
        field!(out, "Current processes = {}", run.current);
        field!(out, "Have quorum = {}", run.quorum);
        field!(out, "Weight = {}", self.weight);
        field!(out, "Terminate delay = {:.6}s", self.terminate_delay.as_secs_f64());
        field!(out, "Fork delay = {:.6}s", self.fork_delay.as_secs_f64());
        field!(out, "Full command = {}", pattern.full_command);
        dump_tracking(out, config, &Tracked::Process(self.name.clone()));
    }
}

compared! { TrackProcess {
    name: "vrrp_track_process" None plain;
    pattern: "process" None hidden, "other processes may make another router master";
    weight: "weight" Advert plain, "another priority, or a fault, may make another router master";
    quorum: "quorum" None plain, "another quorum may make another router master";
    quorum_max: "quorum_max" None optional, "another quorum may make another router master";
    terminate_delay: "terminate_delay" Timers time;
    fork_delay: "fork_delay" Timers time;
}}
