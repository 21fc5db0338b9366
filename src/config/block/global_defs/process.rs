//! What is set for each of keepalived's processes alike: name, priorities, CPUs, memory.

use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, object};
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use std::time::Duration;

/// Settings of one process.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProcessDefs {
    /// `*_process_name`, at most 15 bytes; `None`: that of the program.
    pub name: Option<String>,
    /// `*_priority`: nice value, -20 to 19.
    pub priority: i8,
    /// `*_no_swap`: its memory is locked.
    pub no_swap: bool,
    /// `*_rt_priority`, 1 to 99; `None`: what the program thinks right.
    pub rt_priority: Option<u8>,
    /// `*_cpu_affinity`: CPUs that it may use, ascending; empty: all.
    pub cpu_affinity: Vec<u16>,
    /// `*_rlimit_rttime`: longest real-time run without a pause; `None`: 10 ms.
    pub rlimit_rttime: Option<Duration>,
}

/// `max_auto_priority`, `min_auto_priority_delay`: keepalived raises its priority when it was late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AutoPriority {
    /// The highest real-time priority that it gives itself.
    pub most: AutoPriorityLimit,
    /// Lateness that makes it do so.
    pub delay: Duration,
}

/// How far a priority is raised.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AutoPriorityLimit {
    /// Not at all, and nobody is told that it might be.
    Disabled,
    /// Not at all.
    #[default]
    Off,
    /// Up to this real-time priority, 1 to 99.
    UpTo(u8),
}

impl Default for AutoPriority {
    fn default() -> Self {
        Self { most: AutoPriorityLimit::Off, delay: Duration::from_secs(1) }
    }
}

impl ProcessDefs {
    /// Of a process that does the work of `other` as well: it is as urgent as the more urgent of both. The
    /// name and the CPUs are its own.
    #[must_use]
    pub fn also_for(&self, other: &Self) -> Self {
        Self {
            name: self.name.clone(),
            priority: self.priority.min(other.priority),
            no_swap: self.no_swap || other.no_swap,
            rt_priority: self.rt_priority.max(other.rt_priority),
            cpu_affinity: self.cpu_affinity.clone(),
            // Without one of its own it has more time than keepalived's other processes have.
            rlimit_rttime: self.rlimit_rttime.map(|own| own.max(other.rlimit_rttime.unwrap_or(own))),
        }
    }

    /// `process` as keepalived's dump calls it: `VRRP`, `Checker`, `BFD`.
    pub(super) fn dump(&self, out: &mut Out, process: &str) {
        object!(out, "{process} process priority = {}", self.priority);
        object!(out, "{process} don't swap = {}", self.no_swap);
        object!(out, "{process} realtime priority = {}", self.rt_priority.unwrap_or(0));
        if !self.cpu_affinity.is_empty() {
            let cpus: String = self.cpu_affinity.iter().map(|cpu| format!(" {cpu}")).collect();
            object!(out, "{process} CPU Affinity ={cpus}");
        }
        let limit = self.rlimit_rttime.unwrap_or(Duration::from_millis(10));
        object!(out, "{process} realtime limit = {}", limit.as_micros());
    }
}

impl AutoPriority {
    pub(super) fn dump(self, out: &mut Out) {
        match self.most {
            AutoPriorityLimit::Disabled => object!(out, "Max auto priority = Disabled"),
            AutoPriorityLimit::Off => object!(out, "Max auto priority = 0"),
            AutoPriorityLimit::UpTo(most) => object!(out, "Max auto priority = {most}"),
        }
        object!(out, "Min auto priority delay = {} usecs", self.delay.as_micros());
    }
}

/// What the kernel keeps of a process name.
const LONGEST_NAME: usize = 15;

/// A name, cut to what the kernel keeps of it.
pub(super) fn name(slot: &mut Option<String>, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if node.keyword.text == "lvs_process_name" {
        let message = "`lvs_process_name` is called `checker_process_name` now";
        let problem = Diagnostic::warning("deprecated", node.keyword.span, message)
            .class(Class::Harmless)
            .classic("'lvs_process_name' is deprecated - please use 'checker_process_name'");
        cx.report(problem);
    }
    let end = word.as_str().floor_char_boundary(LONGEST_NAME);
    let name = word.as_str()[..end].to_owned();
    if name.len() < word.text.len() {
        let message = format!("the name of a process has at most {LONGEST_NAME} characters");
        let problem = Diagnostic::error("name-too-long", word.span, message)
            .classic(format!("Process name {word} more than {LONGEST_NAME} characters, truncating"))
            .label(format!("`{name}` is used"));
        cx.report(problem);
    }
    *slot = Some(name);
}

/// `process` as keepalived's messages call it: `vrrp`, `checker`, `bfd`.
pub(super) fn priority(slot: &mut ProcessDefs, process: &str, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("No {process} process priority specified"));
    };
    let text = format!("Invalid {process} process priority specified");
    let value = cx.integer(word, -20..=19, Junk::Tolerated, Otherwise::replaced(text, "0 is used"));
    slot.priority = value.and_then(|value| i8::try_from(value).ok()).unwrap_or(0);
}

pub(super) fn rt_priority(slot: &mut ProcessDefs, process: &str, node: &Node, cx: &mut Context<'_>) {
    const LEAST: u8 = 1;
    const MOST: u8 = 99;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("No {process} process real-time priority specified"));
    };
    let text = format!("{process} process real-time priority '{word}' invalid");
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let Some(value) = cx.integer(word, range, Junk::Refused, Otherwise::ignored(text)) else { return };
    let used = u8::try_from(value.clamp(i64::from(LEAST), i64::from(MOST))).unwrap_or(LEAST);
    let (low, name) = if value < i64::from(LEAST) { (true, "minimum") } else { (false, "maximum") };
    if i64::from(used) != value {
        let relation = if low { "less" } else { "greater" };
        let text = format!(
            "{process} process real-time priority {value} {relation} than {name} {used} - setting to {name}"
        );
        let message = format!("`{word}` is not from {LEAST} to {MOST}");
        let problem = Diagnostic::error("number-out-of-range", word.span, message).classic(text);
        cx.report(problem.label(format!("{used} is used")));
    }
    slot.rt_priority = Some(used);
}

/// CPUs that a set has room for.
const MOST_CPUS: u32 = 1024;

pub(super) fn cpu_affinity(slot: &mut ProcessDefs, process: &str, node: &Node, cx: &mut Context<'_>) {
    if node.args.is_empty() {
        cx.missing_value(node, &format!("No {process} cpu_id set specified"));
    }
    let last = i64::from(cx.environment.cpus().unwrap_or(MOST_CPUS).clamp(1, MOST_CPUS) - 1);
    let mut cpus = std::collections::BTreeSet::new();
    for word in &node.args {
        let shown = crate::config::value::leading_number(word).unwrap_or(0);
        let text = format!("Invalid cpu_id:{shown} specified for {process} process");
        let otherwise = Otherwise::replaced(text, "all CPUs are used");
        let Some(cpu) = cx.integer_of(true, word, 0..=last, Junk::Refused, otherwise) else {
            cpus.clear();
            break;
        };
        cpus.extend(u16::try_from(cpu));
    }
    slot.cpu_affinity = cpus.into_iter().collect();
}

pub(super) fn rlimit_rttime(slot: &mut ProcessDefs, process: &str, node: &Node, cx: &mut Context<'_>) {
    let (keyword, word) = (&node.keyword, node.arg());
    if let Some(stem) = keyword.as_str().strip_suffix("rtime").filter(|stem| stem.ends_with('_')) {
        let message = format!("`{keyword}` is called `{stem}rttime` now");
        let text = format!("Keyword '{keyword}' is deprecated - please use '{stem}rttime'");
        let problem = Diagnostic::warning("deprecated", keyword.span, message).class(Class::Harmless);
        cx.report(problem.classic(text));
    }
    let text = format!("Invalid {process} real-time limit - {word}");
    let micros = cx.unsigned(word, 1..=u32::MAX, Junk::Tolerated, Otherwise::replaced(text, "0 is used"));
    // The kernel takes 1 for none at all.
    let micros = micros.map_or(0, |micros| micros.max(2));
    slot.rlimit_rttime = Some(Duration::from_micros(u64::from(micros)));
}

pub(super) fn max_auto_priority(slot: &mut AutoPriority, node: &Node, cx: &mut Context<'_>) {
    const MOST: i64 = 99;
    let Some(word) = node.args.first() else {
        slot.most = AutoPriorityLimit::UpTo(99);
        return;
    };
    let text = format!("max_auto_priority '{word}' must be in [0, {MOST}] (or -1 to disable) - ignoring");
    let value = cx.integer(word, -1..=MOST, Junk::Tolerated, Otherwise::ignored(text));
    match value {
        Some(..=-1) => slot.most = AutoPriorityLimit::Disabled,
        Some(0) => slot.most = AutoPriorityLimit::Off,
        Some(most) => slot.most = AutoPriorityLimit::UpTo(u8::try_from(most).unwrap_or(99)),
        None => {}
    }
}

pub(super) fn min_auto_priority_delay(slot: &mut AutoPriority, node: &Node, cx: &mut Context<'_>) {
    const MOST: i64 = 10_000_000;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "min_auto_priority_delay requires delay time");
    };
    let text = format!("min_auto_priority_delay '{word}' must be in [1, {MOST}] - ignoring");
    if let Some(micros) = cx.integer(word, 1..=MOST, Junk::Tolerated, Otherwise::ignored(text)) {
        slot.delay = Duration::from_micros(micros.unsigned_abs());
    }
}

compared! { ProcessDefs {
    name: "vrrp_process_name" DaemonRestart optional;
    priority: "vrrp_priority" DaemonRestart plain;
    no_swap: "vrrp_no_swap" DaemonRestart onoff;
    rt_priority: "vrrp_rt_priority" DaemonRestart optional;
    cpu_affinity: "vrrp_cpu_affinity" DaemonRestart list;
    rlimit_rttime: "vrrp_rlimit_rttime" DaemonRestart optional_time;
}}

compared! { AutoPriority {
    most: "max_auto_priority" None hidden;
    delay: "min_auto_priority_delay" None time;
}}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_more_to_do_is_as_urgent_as_the_more_urgent_of_both() {
        let vrrp = ProcessDefs { rt_priority: Some(5), priority: -3, ..ProcessDefs::default() };
        let bfd = ProcessDefs { no_swap: true, ..ProcessDefs::default() };
        let both = ProcessDefs { no_swap: true, ..vrrp.clone() };
        assert_eq!((vrrp.also_for(&bfd), bfd.also_for(&vrrp)), (both.clone(), both));
        let limited =
            |ms| ProcessDefs { rlimit_rttime: Some(Duration::from_millis(ms)), ..ProcessDefs::default() };
        assert_eq!(limited(1).also_for(&limited(2)), limited(2));
        assert_eq!(limited(1).also_for(&ProcessDefs::default()), limited(1));
        assert_eq!(ProcessDefs::default().also_for(&limited(1)), ProcessDefs::default());
        let named = ProcessDefs { name: Some("b".into()), cpu_affinity: vec![1], ..ProcessDefs::default() };
        assert_eq!(vrrp.also_for(&named), vrrp);
    }
}
