//! `vrrp_script NAME { … }`: a check that moves priorities.

use super::GlobalDraft;
use super::tracking::{Trackable, Tracked, dump_tracking};
use crate::config::Config;
use crate::config::diagnostic::Diagnostic;
use crate::config::diff::compared;
use crate::config::dump::{Out, ScriptRunState, field, object};
use crate::config::environment::Account;
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{
    CUSTOMARY_USER, DefaultAccount, Junk, Otherwise, ScriptCommand, Weight, no_customary_user,
    unknown_weight_option,
};
use std::time::Duration;

/// A check script, run again and again for as long as the daemon lives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VrrpScript {
    /// The name that `track_script` refers to.
    pub name: String,
    /// What to run and as whom.
    pub command: ScriptCommand,
    /// Time between two starts; default 1 s.
    pub interval: Duration,
    /// After this long a run is ended and counts as failed; `None`: after `interval`.
    pub timeout: Option<Duration>,
    /// Default for references that give no weight of their own; 0 means FAULT while failed.
    pub weight: Weight,
    /// Successes in a row that make it good; default 1.
    pub rise: u32,
    /// Failures in a row that make it bad; default 1.
    pub fall: u32,
    /// Whether it counts as failed until its first run says otherwise.
    pub init_fail: bool,
}

/// A script while its block is read.
pub(in crate::config) struct ScriptDraft {
    pub(in crate::config) name: Word,
    default_account: DefaultAccount,
    /// There is no `script_user`.
    secure_default: bool,
    /// `script` was given, well or not.
    command: Option<Option<Vec<String>>>,
    /// `user` was given; `Err`: it names nobody.
    user: Option<Result<Option<Account>, ()>>,
    interval: Duration,
    timeout: Option<Duration>,
    weight: Weight,
    rise: u32,
    fall: u32,
    init_fail: bool,
    /// What is left of it at the end of its block.
    pub(in crate::config) finished: Option<VrrpScript>,
}

keywords! {
    /// `vrrp_script`.
    VRRP_SCRIPT: ScriptDraft, "vrrp_script", Required;
    "script" Optional "\"COMMAND [ARGUMENT…]\"" "" "required" => script, "what to run; arguments stand inside the quotes", Differs("a file without `#!` is run by sh; keepalived counts it as successful and does not run it");
    "interval" Required "SECS" "0.001 to 4294" "1" => interval, "time between two starts", Differs("decimals count, as in keepalived 2.4; 2.2 takes such a line for 1 s");
    "timeout" Required "SECS" "0.001 to 4294" "`interval`" => timeout, "run time after which it counts as failed", Differs("decimals count, as in keepalived 2.4; 2.2 takes such a line for 1 s");
    "weight" Required "N [reverse]" "-253 to 253" "0" => weight, "default for trackers; 0 means FAULT while it fails";
    "rise" Required "N" "1 to 2147483647" "1" => rise, "successes in a row that make it good";
    "fall" Required "N" "1 to 2147483647" "1" => fall, "failures in a row that make it bad";
    "user" Required "USER [GROUP]" "" "`script_user`" => user, "account that runs it";
    "init_fail" Flag "" "" "off" => |d, _, _| d.init_fail = true, "counts as failed until it has run", Differs("counts as failed until `rise` successes, as it is meant; in keepalived until the first one");
}

/// Milliseconds in 4294 s.
const LONGEST_MS: u64 = 4_294_000;

impl ScriptDraft {
    pub(in crate::config) fn new(name: &Word, global: &GlobalDraft) -> Self {
        Self {
            name: name.clone(),
            default_account: global.script_account,
            secure_default: global.defs.script_user.is_none(),
            command: None,
            user: None,
            interval: Duration::from_secs(1),
            timeout: None,
            weight: Weight::default(),
            rise: 1,
            fall: 1,
            init_fail: false,
            finished: None,
        }
    }

    /// What the end of the block decides: whether there is a script at all.
    pub(in crate::config) fn complete(&mut self, end: Span, cx: &mut Context<'_>) {
        let argv = match self.command.take() {
            Some(Some(argv)) => argv,
            Some(None) => return self.removed(cx, end, "its command cannot be read"),
            None => return self.removed(cx, end, "it has no `script`"),
        };
        let account = match (self.user, self.default_account) {
            (Some(Ok(account)), _) | (None, DefaultAccount::Usable(account)) => account,
            // That has been said where the user is named.
            (Some(Err(())), _) => return,
            (None, DefaultAccount::Unusable) => return self.nobody(cx, end),
        };
        let command = ScriptCommand { argv, uid: account.map(|a| a.uid), gid: account.map(|a| a.gid) };
        self.finished = Some(VrrpScript {
            name: self.name.text.clone(),
            command,
            interval: self.interval,
            timeout: self.timeout,
            weight: self.weight,
            rise: self.rise,
            fall: self.fall,
            init_fail: self.init_fail,
        });
    }

    /// As keepalived writes it: each word in single quotes.
    fn command_text(&self) -> String {
        let words = self.command.iter().flatten().flatten().map(|word| format!("'{word}'"));
        words.collect::<Vec<_>>().join(" ")
    }

    fn nobody(&self, cx: &mut Context<'_>, end: Span) {
        let name = &self.name;
        let problem =
            Diagnostic::error("script-removed", name.span, format!("there is nobody to run script `{name}`"));
        let problem = if self.secure_default {
            let problem = match cx.told_of_customary_user.replace(true) {
                true => problem,
                false => problem.classic(no_customary_user()),
            };
            problem
                .label(format!(
                    "not run: with `enable_script_security` there must be a user `{CUSTOMARY_USER}`"
                ))
                .help("name a `user` in this block, or a `script_user` in `global_defs`")
        } else {
            problem.label("not run: the `script_user` does not exist")
        };
        let problem = problem
            .said_at(Some(end))
            .classic(format!("Unable to set default user for vrrp script {name} - removing"))
            .keepalived("drops it from everything that tracks it");
        cx.report(problem);
    }

    fn removed(&self, cx: &mut Context<'_>, end: Span, why: &str) {
        let name = &self.name;
        let problem =
            Diagnostic::error("script-removed", name.span, format!("script `{name}` is not run: {why}"))
                .said_at(Some(end))
                .classic(format!("No script set for vrrp_script {name} - removing"))
                .keepalived("drops it from everything that tracks it");
        cx.report(problem);
    }

    pub(in crate::config) fn trackable(&self) -> Trackable {
        Trackable { name: self.name.clone(), weight: self.weight, usable: self.finished.is_some() }
    }
}

fn script(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    if node.args.is_empty() && node.lost.is_none() {
        // keepalived leaves it at the one before.
        return;
    }
    d.command = Some(cx.lone_command(node, "the script is not run"));
}

/// Seconds with three decimals; keepalived 2.2 takes whole seconds only.
fn seconds(node: &Node, cx: &mut Context<'_>, otherwise: Otherwise, what: &str) -> Option<Duration> {
    let ms = cx.decimal(node.arg(), 3, 0..=LONGEST_MS, otherwise.of_junk_too())?;
    if ms % 1000 != 0 {
        let problem =
            Diagnostic::note("version-dependent", node.arg().span, format!("`{what}` with decimals"))
                .classic(format!("invalid number '{}'", node.arg()))
                .label("taken as it is")
                .keepalived("takes decimals from 2.4 on; 2.2 uses the whole seconds, or 1");
        cx.report(problem);
    }
    Some(Duration::from_millis(ms))
}

fn interval(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (&d.name, node.arg());
    let text = format!("({name}): vrrp script interval '{word}' must be between 1 and 4294 - ignoring");
    let Some(interval) = seconds(node, cx, Otherwise::ignored(text), "interval") else { return };
    d.interval = interval;
    if interval.is_zero() {
        cx.at_least_one(word, 0, &format!("({name}): vrrp script interval"));
        d.interval = Duration::from_secs(1);
    }
}

fn timeout(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (&d.name, node.arg());
    let text = format!("({name}): vrrp script timeout '{word}' invalid - ignoring");
    let Some(timeout) = seconds(node, cx, Otherwise::ignored(text), "timeout") else { return };
    d.timeout = Some(timeout);
    if timeout.is_zero() {
        cx.at_least_one(word, 0, &format!("({name}): vrrp script timeout"));
        d.timeout = Some(Duration::from_secs(1));
    }
}

fn weight(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (&d.name, node.arg());
    let text = format!("vrrp_script {name} weight {word} must be in [-253, 253]");
    let otherwise = Otherwise::replaced(text, "the nearest weight that there is is used");
    let value = cx.integer(word, -253..=253, Junk::Tolerated, otherwise);
    let clamped = || word.as_str().parse::<i64>().unwrap_or(0).clamp(-253, 253);
    d.weight.value = i16::try_from(value.unwrap_or_else(clamped)).unwrap_or(0);
    match node.args.get(1) {
        None => {}
        Some(word) if word.text == "reverse" => d.weight.reverse = true,
        Some(word) => {
            let text = format!("vrrp_script {name} unknown weight option {word}");
            cx.report(unknown_weight_option(word, text));
        }
    }
}

fn count(node: &Node, cx: &mut Context<'_>, name: &Word, what: &str) -> u32 {
    let word = node.arg();
    let text = format!("({name}): vrrp script {what} value '{word}' invalid, defaulting to 1");
    let n =
        cx.integer(word, 1..=i64::from(i32::MAX), Junk::Tolerated, Otherwise::replaced(text, "1 is used"));
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

fn rise(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    d.rise = count(node, cx, &d.name, "rise");
}

fn fall(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    d.fall = count(node, cx, &d.name, "fall");
}

fn user(d: &mut ScriptDraft, node: &Node, cx: &mut Context<'_>) {
    let account = cx.account(node.arg(), node.args.get(1));
    if let Err(reason) = &account {
        let problem = Diagnostic::error("no-such-user", node.span(), reason.to_string())
            .classic(format!("Unable to set uid/gid for script {}", d.command_text()))
            .label("the script is not run");
        cx.report(problem);
    }
    d.user = Some(account.map_err(drop));
}

impl VrrpScript {
    pub(in crate::config) fn dump(&self, out: &mut Out, config: &Config, run: Option<&ScriptRunState>) {
        let run = run.cloned().unwrap_or_default();
        object!(out, "VRRP Script = {}", self.name);
        field!(out, "Command = {}", self.command);
        field!(out, "Interval = {} sec", self.interval.as_secs_f64());
        let timeout = self.timeout.unwrap_or_default();
        field!(out, "Timeout = {} sec", timeout.as_secs_f64());
        field!(out, "Weight = {}", self.weight);
        field!(out, "Rise = {}", self.rise);
        field!(out, "Fall = {}", self.fall);
        field!(out, "Result = {}", run.result);
        field!(out, "Insecure = no");
        field!(out, "Init state = {}", run.init);
        field!(out, "Status = {}", if run.good { "GOOD" } else { "BAD" });
        let (uid, gid) = (self.command.uid.unwrap_or(0), self.command.gid.unwrap_or(0));
        field!(out, "Script uid:gid = {uid}:{gid}");
        field!(out, "VRRP instances :");
        dump_tracking(out, config, &Tracked::Script(self.name.clone()));
        field!(out, "State = {}", run.process);
    }
}

compared! { VrrpScript {
    name: "vrrp_script" None plain;
    command: "script" None plain, "its result may make another router master";
    interval: "interval" Timers time;
    timeout: "timeout" Timers optional_time;
    weight: "weight" Advert plain, "another priority, or a fault, may make another router master";
    rise: "rise" Timers plain;
    fall: "fall" Timers plain;
    init_fail: "init_fail" None onoff;
}}
