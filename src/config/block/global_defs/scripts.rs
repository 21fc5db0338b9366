//! Scripts of the daemon's own life, run by the parent.

use super::GlobalDraft;
use super::refused;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, object};
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, ScriptCommand};
use std::time::Duration;

/// `startup_script`, `shutdown_script`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LifeScripts {
    /// Runs once, before anything else.
    pub startup: Option<ScriptCommand>,
    /// How long it may take, 1 to 1000 s; default 10 s.
    pub startup_timeout: Duration,
    /// Runs once, when everything has stopped.
    pub shutdown: Option<ScriptCommand>,
    /// How long it may take, 1 to 1000 s; default 10 s.
    pub shutdown_timeout: Duration,
}

impl Default for LifeScripts {
    fn default() -> Self {
        let timeout = Duration::from_secs(10);
        Self { startup: None, startup_timeout: timeout, shutdown: None, shutdown_timeout: timeout }
    }
}

impl LifeScripts {
    /// In the parent's dump alone.
    pub(super) fn dump(&self, out: &mut Out) {
        let account = |script: &ScriptCommand| (script.uid.unwrap_or(0), script.gid.unwrap_or(0));
        if let Some(script) = &self.startup {
            let ((uid, gid), timeout) = (account(script), self.startup_timeout.as_secs());
            object!(out, "Startup script = {script}, uid:gid {uid}:{gid}, timeout {timeout}");
        }
        if let Some(script) = &self.shutdown {
            let ((uid, gid), timeout) = (account(script), self.shutdown_timeout.as_secs());
            object!(out, "Shutdown script = {script}, uid:gid {uid}:{gid} timeout {timeout}");
        }
    }
}

pub(super) fn startup(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let given = d.defs.life.startup.is_some();
    let script = life_script(given, "startup", d, node, cx);
    d.defs.life.startup = d.defs.life.startup.take().or(script);
}

pub(super) fn shutdown(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let given = d.defs.life.shutdown.is_some();
    let script = life_script(given, "shutdown", d, node, cx);
    d.defs.life.shutdown = d.defs.life.shutdown.take().or(script);
}

fn life_script(
    given: bool,
    when: &str,
    d: &GlobalDraft,
    node: &Node,
    cx: &mut Context<'_>,
) -> Option<ScriptCommand> {
    let keyword = &node.keyword;
    if node.args.is_empty() {
        // Also where a lonely quote has taken the words away.
        let problem =
            Diagnostic::error("missing-value", keyword.span, format!("`{keyword}` needs a command"));
        cx.report(problem.classic(format!("{when} script missing")).label("this line is ignored"));
        return None;
    }
    if given {
        let text = format!("{when} script already specified");
        refused(cx, "duplicate-value", keyword, format!("there are two `{keyword}`"), text);
        return None;
    }
    match cx.script_with_account(node, d.script_account) {
        Ok(script) => Some(script),
        Err(problem) => {
            let text = format!("Invalid {when} script");
            // What keepalived says of others is a mere log line, and not said here.
            let problem = match problem.class {
                Class::Harmless => problem.class(Class::Config).in_other_words(text),
                _ => problem.classic(text),
            };
            cx.report(problem.label("this line is ignored"));
            None
        }
    }
}

/// `KEYWORD SECS`
pub(super) fn timeout(slot: &mut Duration, most: i64, node: &Node, cx: &mut Context<'_>) {
    let keyword = &node.keyword;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("{keyword} requires value"));
    };
    let otherwise = Otherwise::ignored(format!("{keyword} '{word}' must be in [1, {most}] - ignoring"));
    if let Some(secs) = cx.integer(word, 1..=most, Junk::Tolerated, otherwise) {
        *slot = super::secs(secs);
    }
}

compared! { LifeScripts {
    startup: "startup_script" DaemonRestart command;
    startup_timeout: "startup_script" DaemonRestart time;
    shutdown: "shutdown_script" None command;
    shutdown_timeout: "shutdown_script" None time;
}}
