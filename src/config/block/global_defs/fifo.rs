//! FIFOs that are told of events, and the programs that read them.

use super::refused;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, object};
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{DefaultAccount, ScriptCommand};
use std::collections::BTreeMap;

/// A FIFO that gets a line for each event, and its reader.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FifoDefs {
    /// `*notify_fifo PATH`.
    pub fifo: Option<NotifyFifo>,
    /// `*notify_fifo_script COMMAND`: reads the FIFO, whose path is its last argument.
    pub script: Option<ScriptCommand>,
}

/// A FIFO.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotifyFifo {
    /// Where it is.
    pub path: String,
    /// Who owns it; `None`: nobody has looked them up.
    pub owner: Option<(u32, u32)>,
}

impl FifoDefs {
    /// `prefix` is what stands before `notify_fifo` in the keyword: nothing, `vrrp_` or `lvs_`.
    pub(super) fn set_fifo(
        &mut self,
        prefix: &str,
        node: &Node,
        default: DefaultAccount,
        cx: &mut Context<'_>,
    ) {
        let keyword = &node.keyword;
        let Some(word) = node.args.first() else {
            return cx.missing_value(node, &format!("No {keyword} name specified"));
        };
        if self.fifo.is_some() {
            let text = format!("{keyword} already specified - ignoring {word}");
            return refused(cx, "duplicate-value", keyword, format!("there are two `{keyword}`"), text);
        }
        let account = match (node.args.get(1), default) {
            (Some(user), _) => cx.account(user, node.args.get(2)),
            (None, DefaultAccount::Usable(account)) => Ok(account),
            (None, DefaultAccount::Unusable) => Ok(None),
        };
        match account {
            Ok(account) => {
                let owner = account.map(|account| (account.uid, account.gid));
                self.fifo = Some(NotifyFifo { path: word.text.clone(), owner });
            }
            Err(reason) => {
                let problem = Diagnostic::error("no-such-user", node.span(), reason.to_string())
                    .class(Class::Harmless)
                    .classic(format!("Invalid user/group for {prefix} fifo {word} - ignoring"))
                    .label("there is no FIFO");
                cx.report(problem);
            }
        }
    }

    pub(super) fn set_script(&mut self, node: &Node, default: DefaultAccount, cx: &mut Context<'_>) {
        let keyword = &node.keyword;
        let Some(word) = node.args.first() else {
            return cx.missing_value(node, &format!("No {keyword} specified"));
        };
        if self.script.is_some() {
            let text = format!("{keyword} already specified - ignoring {word}");
            return refused(cx, "duplicate-value", keyword, format!("there are two `{keyword}`"), text);
        }
        self.script = cx.notify_script(node, false, "", default);
    }

    /// `whose` as in keepalived's dump: `Global`, `VRRP`, `LVS`.
    pub(super) fn dump(&self, out: &mut Out, whose: &str) {
        let Some(NotifyFifo { path, owner }) = &self.fifo else { return };
        let (uid, gid) = owner.unwrap_or((0, 0));
        object!(out, "{whose} notify fifo = {path}, uid:gid {uid}:{gid}");
        if let Some(script) = &self.script {
            let (uid, gid) = (script.uid.unwrap_or(0), script.gid.unwrap_or(0));
            object!(out, "{whose} notify fifo script = {script} '{path}', uid:gid {uid}:{gid}");
        }
    }
}

/// Takes away what cannot go together: two kinds of events in one FIFO, and two readers of one.
///
/// `given` tells where the keywords are.
pub(super) fn settle(
    all: &FifoDefs,
    vrrp: &mut FifoDefs,
    lvs: &mut FifoDefs,
    given: &BTreeMap<String, Span>,
    cx: &mut Context<'_>,
) {
    let mut report = |keyword: &str, message: String, classic: String| {
        let problem = Diagnostic::note("duplicate-fifo", given.get(keyword).copied(), message);
        cx.report(problem.classic(classic).at_completion());
    };
    let path = |defs: &FifoDefs| defs.fifo.as_ref().map(|fifo| fifo.path.clone());
    let kinds = [(&mut *vrrp, "vrrp", "vrrp_notify_fifo"), (&mut *lvs, "LVS", "lvs_notify_fifo")];
    for (defs, whose, keyword) in kinds {
        let Some(common) = path(all).filter(|common| path(defs).as_ref() == Some(common)) else { continue };
        let text = format!(
            "notify FIFO {common} has been specified for global and {whose} FIFO - ignoring {whose} FIFO"
        );
        let message =
            format!("`{common}` gets all events already: the FIFO for those of {whose} is left out");
        report(keyword, message, text);
        *defs = FifoDefs::default();
    }
    if path(vrrp).is_some() && path(vrrp) == path(lvs) && vrrp.script.is_some() && lvs.script.take().is_some()
    {
        let text = "LVS notify FIFO and vrrp FIFO are the same both with scripts - ignoring LVS FIFO script";
        let message = "a FIFO has one reader: the script for the events of virtual servers is left out";
        report("lvs_notify_fifo_script", message.to_owned(), text.to_owned());
    }
}

compared! { FifoDefs {
    fifo: "notify_fifo" None hidden;
    script: "notify_fifo_script" None command;
}}
