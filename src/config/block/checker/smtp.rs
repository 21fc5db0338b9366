//! `SMTP_CHECK { … }`: greeting, HELO and QUIT with a mail server.

use super::{CheckerDraft, Method};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field};
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;

/// `SMTP_CHECK`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmtpCheck {
    /// `helo_name`: who we say we are.
    pub helo_name: String,
}

const CUSTOMARY_HELO: &str = "smtpchecker.keepalived.org";

/// `SMTP_CHECK` while it is read.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct SmtpDraft {
    helo_name: Option<String>,
    /// `host` blocks: old-fashioned checkers, each with what was said before it and what it says itself.
    hosts: Vec<CheckerDraft<()>>,
}

keywords! {
    /// `SMTP_CHECK`.
    SMTP_CHECK: CheckerDraft<SmtpDraft>, "SMTP_CHECK", None, with &[CheckerDraft::<SmtpDraft>::CONNECTION, CheckerDraft::<SmtpDraft>::TIMING];
    "helo_name" Optional "NAME" "" "smtpchecker.keepalived.org" => helo_name, "name given in HELO";
    "host" Block(&SMTP_HOST) "{…}" "" "" => host, "deprecated: one more checker, with a destination of its own";
}

keywords! {
    /// `host` of `SMTP_CHECK`.
    SMTP_HOST: CheckerDraft<()>, "host", None, with &[CheckerDraft::<()>::CONNECTION, CheckerDraft::<()>::TIMING];
}

pub(in crate::config) fn smtp_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, SmtpDraft::default());
    // Where it goes is settled at the end of its block.
    draft.nowhere = true;
    SMTP_CHECK.apply(&mut draft, node.children(), cx);
    let helo_name = draft.kind.helo_name.clone().unwrap_or_else(|| CUSTOMARY_HELO.to_owned());
    let method = Method::Smtp(SmtpCheck { helo_name });
    let hosts = std::mem::take(&mut draft.kind.hosts);
    // With `host` blocks, what stands around them is a checker of its own if it says where to.
    if hosts.is_empty() || draft.ip.is_some() {
        let connection = draft.connection(node.end(), cx);
        server.checkers.extend(connection.map(|c| draft.finish(Some(c), method.clone())));
    }
    for mut host in hosts {
        host.timing = host.timing.or(draft.timing);
        host.log_all_failures = host.log_all_failures.or(draft.log_all_failures);
        let Some(connection) = host.connection(node.end(), cx) else { continue };
        server.checkers.push(host.finish(Some(connection), method.clone()));
    }
}

fn helo_name(d: &mut CheckerDraft<SmtpDraft>, node: &Node, cx: &mut Context<'_>) {
    match node.args.first() {
        Some(word) => d.kind.helo_name = Some(word.text.clone()),
        None => cx.missing_value(node, "SMTP_CHECK helo name missing"),
    }
}

fn host(d: &mut CheckerDraft<SmtpDraft>, node: &Node, cx: &mut Context<'_>) {
    let problem = Diagnostic::warning("deprecated", node.keyword.span, "`host` blocks are deprecated")
        .said_at(node.end)
        .classic("The SMTP_CHECK host block is deprecated. Please define additional checkers.")
        .class(crate::config::diagnostic::Class::Harmless)
        .help("write one `SMTP_CHECK` for each host")
        .keepalived("puts what a `host` says into the checker around it, and checks with a timeout of 0");
    cx.report(problem);
    let mut draft = CheckerDraft::new(d.server, ());
    SMTP_HOST.apply(&mut draft, node.children(), cx);
    d.kind.hosts.push(draft);
}

impl SmtpCheck {
    pub(super) fn dump(&self, out: &mut Out) {
        field!(out, "Keepalive method = SMTP_CHECK");
        field!(out, "helo = {}", self.helo_name);
    }
}
