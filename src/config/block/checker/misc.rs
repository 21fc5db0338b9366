//! `MISC_CHECK { … }`: a command whose exit code is the verdict.

use super::{CheckerDraft, Method, dropped};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field};
use crate::config::environment::Account;
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{DefaultAccount, Junk, Otherwise, ScriptCommand};
use std::time::Duration;

/// `MISC_CHECK`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MiscCheck {
    /// `misc_path` and `user`.
    pub command: ScriptCommand,
    /// `misc_timeout`; zero: `delay_loop` of the virtual server.
    pub timeout: Duration,
    /// `misc_dynamic`: exit codes 2 to 255 set the weight to the code less 2.
    pub dynamic: bool,
}

/// `MISC_CHECK` while it is read.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct MiscDraft {
    /// `misc_path`: the word, and the command in it.
    path: Option<(Word, Option<Vec<String>>)>,
    /// `user`; `Err`: it names nobody.
    account: Option<Result<Option<Account>, ()>>,
    timeout: Duration,
    dynamic: bool,
}

keywords! {
    /// `MISC_CHECK`.
    MISC_CHECK: CheckerDraft<MiscDraft>, "MISC_CHECK", None, with &[CheckerDraft::<MiscDraft>::TIMING];
    "misc_path" Required "\"COMMAND [ARGUMENT…]\"" "" "required" => misc_path, "what to run; arguments stand inside the quotes";
    "misc_timeout" Required "SECS" "0 to 4294" "`delay_loop` of the virtual server" => misc_timeout, "run time after which it is ended and counts as failed";
    "misc_dynamic" Flag "" "" "off" => |d, _, _| d.kind.dynamic = true, "exit codes from 2 on set the weight to the code less 2";
    "user" Optional "USER [GROUP]" "" "`script_user`" => user, "account that runs it";
}

pub(in crate::config) fn misc_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, MiscDraft::default());
    MISC_CHECK.apply(&mut draft, node.children(), cx);
    if matches!(draft.kind.account, Some(Err(()))) {
        return;
    }
    let Some((path, Some(argv))) = draft.kind.path.clone() else {
        let text = "No script path has been specified for MISC_CHECKER - skipping";
        return dropped(cx, node.end(), "a `MISC_CHECK` needs a `misc_path`", text);
    };
    let shown = ScriptCommand { argv, uid: None, gid: None };
    let account = match (draft.kind.account, server.script_account) {
        (Some(Ok(account)), _) | (None, DefaultAccount::Usable(account)) => account,
        (Some(Err(())), _) | (None, DefaultAccount::Unusable) => {
            let text = format!("Unable to set default user for misc script {shown} - removing");
            let message = format!("there is nobody to run `{path}`");
            return dropped(cx, node.end(), message, text);
        }
    };
    let command = ScriptCommand { uid: account.map(|a| a.uid), gid: account.map(|a| a.gid), ..shown };
    let check = MiscCheck { command, timeout: draft.kind.timeout, dynamic: draft.kind.dynamic };
    server.checkers.push(draft.finish(None, Method::Misc(check)));
}

impl CheckerDraft<MiscDraft> {
    /// Once its user is nobody, keepalived does not look at what else is its own.
    fn is_dropped(&self) -> bool {
        matches!(self.kind.account, Some(Err(())))
    }
}

fn misc_path(d: &mut CheckerDraft<MiscDraft>, node: &Node, cx: &mut Context<'_>) {
    if d.is_dropped() {
        return;
    }
    d.kind.path = Some((node.arg().clone(), cx.lone_command(node, "the check is not made")));
}

fn misc_timeout(d: &mut CheckerDraft<MiscDraft>, node: &Node, cx: &mut Context<'_>) {
    if d.is_dropped() {
        return;
    }
    let otherwise = Otherwise::ignored(format!("Invalid misc_timeout value '{}'", node.arg()));
    if let Some(secs) = cx.unsigned(node.arg(), 0..=4294, Junk::Tolerated, otherwise) {
        d.kind.timeout = Duration::from_secs(u64::from(secs));
    }
}

fn user(d: &mut CheckerDraft<MiscDraft>, node: &Node, cx: &mut Context<'_>) {
    if d.is_dropped() {
        return;
    }
    let command = match &d.kind.path {
        Some((_, Some(argv))) => ScriptCommand { argv: argv.clone(), uid: None, gid: None }.to_string(),
        _ => String::new(),
    };
    let Some(user) = node.args.first() else {
        return cx.missing_value(node, &format!("No user specified for misc checker script {command}"));
    };
    let account = cx.account(user, node.args.get(1));
    if let Err(reason) = &account {
        let problem = Diagnostic::error("no-such-user", node.span(), reason.to_string())
            .classic(format!("Failed to set uid/gid for misc checker script {command} - removing"))
            .label("the check is not made");
        cx.report(problem);
    }
    d.kind.account = Some(account.map_err(drop));
}

impl MiscCheck {
    pub(super) fn dump(&self, out: &mut Out) {
        field!(out, "Keepalive method = MISC_CHECK");
        field!(out, "script = {}", self.command);
        field!(out, "timeout = {}", self.timeout.as_secs());
        field!(out, "dynamic = {}", if self.dynamic { "YES" } else { "NO" });
        field!(out, "uid:gid = {}:{}", self.command.uid.unwrap_or(0), self.command.gid.unwrap_or(0));
        field!(out, "Last ran = 0.000000 (Thu Jan  1 00:00:00 1970.000000)");
    }
}
