//! Mail, and who it comes from.

use super::{GlobalDefs, GlobalDraft, MAX_SECS, secs};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, object};
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};

/// `smtp_server HOST [PORT]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmtpServer {
    /// Name or address.
    pub host: String,
    /// Default 25.
    pub port: u16,
}

/// keepalived's setters for text that is simply missing.
fn text(node: &Node, cx: &mut Context<'_>, classic: &str) -> Option<String> {
    let word = node.args.first();
    if word.is_none() {
        cx.missing_value(node, classic);
    }
    word.map(|word| word.text.clone())
}

pub(super) fn router_id(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.router_id = text(node, cx, "routerid name missing - ignoring").or(d.defs.router_id.take());
}

pub(super) fn notification_email(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let words = node.words();
    if words.is_empty() {
        let problem = Diagnostic::warning("empty-block", node.keyword.span, "no recipient is named")
            .said_at(node.end)
            .classic("Warning - empty notification_email block")
            .help("write an address a line, or leave the block out");
        cx.report(problem);
    }
    d.defs.notification_email.extend(words.iter().map(|word| word.text.clone()));
}

pub(super) fn notification_email_from(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    if let [_, extra, ..] = node.args.as_slice() {
        let problem = Diagnostic::warning("extra-words", extra.span, "a sender is one word")
            .class(Class::Harmless)
            .label("ignored from here on")
            .help("put the whole address in double quotes")
            .keepalived("2.2 uses the first word, 2.4 ignores the line");
        cx.report(problem);
    }
    let from = text(node, cx, "emailfrom missing - ignoring");
    d.defs.notification_email_from = from.or(d.defs.notification_email_from.take());
}

pub(super) fn smtp_server(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let host = node.arg().text.clone();
    let port = match node.args.get(1) {
        None => 25,
        Some(word) => {
            let otherwise = Otherwise::ignored(format!("Invalid smtp server {host} {word}"));
            let Some(port) = cx.integer(word, 1..=65535, Junk::Refused, otherwise) else { return };
            u16::try_from(port).unwrap_or(25)
        }
    };
    d.defs.smtp_server = Some(SmtpServer { host, port });
}

pub(super) fn smtp_helo_name(d: &mut GlobalDraft, node: &Node, _: &mut Context<'_>) {
    d.defs.smtp_helo_name = node.args.first().map(|word| word.text.clone()).or(d.defs.smtp_helo_name.take());
}

pub(super) fn smtp_connect_timeout(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let otherwise =
        Otherwise::ignored(format!("smtp_connect_timeout '{word}' must be in [0, {MAX_SECS}] - ignoring"));
    let Some(n) = cx.integer(word, 0..=MAX_SECS, Junk::Tolerated, otherwise) else { return };
    d.defs.smtp_connect_timeout = secs(cx.at_least_one(word, n, "smtp_conect_timeout"));
}

pub(super) fn smtp_alert(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |word| format!("Invalid value '{word}' for global smtp_alert specified"));
    d.defs.smtp_alert = value.or(d.defs.smtp_alert);
}

pub(super) fn smtp_alert_vrrp(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |word| format!("Invalid value '{word}' for global smtp_alert_vrrp specified"));
    d.defs.smtp_alert_vrrp = value.or(d.defs.smtp_alert_vrrp);
}

impl GlobalDefs {
    /// Behind the names of processes.
    pub(super) fn dump_mail(&self, out: &mut Out) {
        object!(out, "Router ID = {}", self.router_id.as_deref().unwrap_or("[unknown]"));
        if let Some(server) = &self.smtp_server {
            object!(out, "Smtp server = {}", server.host);
            object!(out, "Smtp server port = {}", server.port);
        }
        if let Some(name) = &self.smtp_helo_name {
            object!(out, "Smtp HELO name = {name}");
        }
        if self.smtp_server.is_some() {
            object!(out, "Smtp server connection timeout = {}", self.smtp_connect_timeout.as_secs());
        }
        if let Some(from) = &self.notification_email_from {
            object!(out, "Email notification from = {from}");
            object!(out, "Email notification to:");
            for recipient in &self.notification_email {
                field!(out, "{recipient}");
            }
        }
        object!(out, "Default smtp_alert = {}", switch(self.smtp_alert));
        object!(out, "Default smtp_alert_vrrp = {}", switch(self.smtp_alert_vrrp));
        object!(out, "Default smtp_alert_checker = {}", switch(self.lvs.smtp_alert_checker));
    }
}

fn switch(value: Option<bool>) -> &'static str {
    match value {
        None => "unset",
        Some(true) => "on",
        Some(false) => "off",
    }
}
