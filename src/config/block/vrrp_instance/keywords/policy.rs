//! How strictly the RFC is kept, and who is told of what.

use super::InstanceDraft;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::schema::{Context, missing_argument};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use crate::types::{IfName, Priority};
use std::time::Duration;

pub(super) fn strict_mode(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |w| format!("({}) invalid strict_mode {w} specified", d.name));
    d.strict = value.or(d.strict);
}

pub(super) fn owner_ignore_adverts(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |w| format!("({}) invalid owner_ignore_adverts {w} specified", d.name));
    d.owner_ignore_adverts = value.map(|value| (value, node.span())).or(d.owner_ignore_adverts);
}

/// Without a number the priority that takes over soonest counts.
const HIGHEST_OTHER: u8 = 254;

pub(super) fn timer_expired_backup(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let name = d.name.clone();
    if node.keyword.as_str() == "thread_timer_expired" {
        let problem = Diagnostic::warning("deprecated", node.keyword.span, "this is the old name")
            .classic(format!(
                "({name}) thread_timer_expired - please replace with keyword 'timer_expired_backup'"
            ))
            .label("write `timer_expired_backup`");
        cx.report(problem);
    }
    let priority = match node.args.first() {
        None => Some(HIGHEST_OTHER),
        Some(word) => {
            let text = format!(
                "({name}) timer_expired_backup highest_other_priority not valid! must be between 1 & {HIGHEST_OTHER}"
            );
            let range = 1..=i64::from(HIGHEST_OTHER);
            let n = cx.integer(word, range, Junk::Refused, Otherwise::ignored(text));
            n.and_then(|n| u8::try_from(n).ok())
        }
    };
    if let Some(priority) = priority {
        d.timer_expired_backup = Some((Priority::new(priority), node.span()));
    }
}

/// A day.
const LONGEST_EXTRA_GAP: i64 = 86_400;

pub(super) fn garp_extra_if(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, keyword) = (d.name.clone(), &node.keyword);
    if keyword.as_str() == "vmac_garp_intvl" {
        let text = "Keyword \"vmac_garp_intvl\" is deprecated - please use \"garp_extra_if\"";
        let problem = Diagnostic::warning("deprecated", keyword.span, "this is the old name");
        cx.report(problem.classic(text).label("write `garp_extra_if`"));
    }
    let mut interval = None;
    for word in &node.args {
        if word.as_str() == "all" {
            d.garp_extra_all = true;
            continue;
        }
        let otherwise = Otherwise::ignored(format!("({name}): {keyword} '{word}' invalid - ignoring"));
        match cx.integer(word, 0..=LONGEST_EXTRA_GAP, Junk::Tolerated, otherwise) {
            Some(n) => interval = Some(Duration::from_secs(n.unsigned_abs())),
            None => return,
        }
    }
    match interval {
        Some(interval) => d.garp_extra = Some(interval),
        None => {
            cx.missing_value(node, &format!("({name}): {keyword} specified without time - ignoring"));
        }
    }
}

pub(super) fn kernel_rx_buf_size(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}) invalid kernel_rx_buf_size specified", d.name);
    match node.args.as_slice() {
        [word] => {
            let n = cx.integer(word, 0..=i64::from(u32::MAX), Junk::Refused, Otherwise::ignored(text));
            let size = n.and_then(|n| u32::try_from(n).ok());
            d.kernel_rx_buf_size = size.unwrap_or(d.kernel_rx_buf_size);
        }
        [] => cx.missing_value(node, &text),
        [_, second, ..] => {
            let problem = Diagnostic::error("bad-value", second.span, "there is only one size")
                .classic(text)
                .label("this line is ignored");
            cx.report(problem);
        }
    }
}

pub(super) fn notify_deleted(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    if d.notify_deleted {
        let keyword = &node.keyword;
        let script = node.args.first().map_or("", |word| word.as_str());
        let problem =
            Diagnostic::error("duplicate-value", keyword.span, format!("there are two `{keyword}`"))
                .classic(format!("({}) notify_deleted already specified - ignoring {script}", d.name))
                .label("this line is ignored");
        return cx.report(problem);
    }
    if !node.args.is_empty() {
        super::notify(d, node, cx, |scripts| &mut scripts.deleted);
    }
    d.notify_deleted = true;
}

pub(super) fn notify_priority_changes(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let name = &d.name;
    let value = cx.boolean(&node.args, |w| {
        format!("({name}) Invalid value '{w}' for notify_priority_changes specified")
    });
    d.notify_priority_changes = value.or(d.notify_priority_changes);
}

pub(super) fn linkbeat_use_polling(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!(
        "({}) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block",
        d.name
    );
    let problem = Diagnostic::warning("deprecated", node.keyword.span, "links are not polled")
        .classic(text)
        .label("the kernel reports the state of every link");
    cx.report(problem);
}

/// keepalived's old way of writing the global `lvs_sync_daemon`.
pub(super) fn lvs_sync_daemon_interface(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let name = &d.name;
    let link = node.args.first().map_or("INTERFACE", |word| word.as_str());
    // keepalived takes the brackets off the indentation, and prints -1 blanks as 1.
    let indent = name.as_str().len().abs_diff(2);
    let problem = Diagnostic::warning("deprecated", node.keyword.span, "this belongs in `global_defs`")
        .classic(format!("({name}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated."))
        .classic(format!("      {:indent$}Please use global lvs_sync_daemon", ""))
        .help(format!("write `lvs_sync_daemon {link} {name}` there"));
    cx.report(problem);
    let Some(word) = node.args.first() else {
        return cx.report(missing_argument(&node.keyword, "INTERFACE"));
    };
    if let Some(other) = &d.sync_daemon {
        let problem =
            Diagnostic::error("duplicate-value", word.span, format!("the sync daemon uses `{other}`"))
                .classic(format!(
                    "({name}) lvs_sync_daemon_interface has already been specified as {other} - ignoring"
                ))
                .label("this line is ignored");
        return cx.report(problem);
    }
    match IfName::new(word.as_str()) {
        Ok(link) => {
            d.sync_daemon = Some(link);
            d.runs_sync_daemon = true;
        }
        Err(error) => {
            let problem = Diagnostic::error("bad-interface-name", word.span, error.to_string())
                .class(Class::Harmless)
                .label("this line is ignored")
                .keepalived("takes the name and cannot start the sync daemon");
            cx.report(problem);
        }
    }
}
