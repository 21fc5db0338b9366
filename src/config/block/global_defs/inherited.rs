//! Those of the globals that instances take over when their block opens.

use super::GlobalDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, object};
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use std::time::Duration;

/// Gratuitous ARPs that are repeated on interfaces other than that of the instance.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GarpExtraIf {
    /// Seconds between them, 1 to 86400; zero: none.
    pub interval: Duration,
    /// `all`: on every interface that has an address of the instance, not on VMACs alone.
    pub all: bool,
}

impl GarpExtraIf {
    pub(super) fn dump(self, out: &mut Out) {
        let what = if self.all { "i/f" } else { "VMAC" };
        object!(out, "Gratuitous ARP for each secondary {what} = {}s", self.interval.as_secs());
    }
}

pub(super) fn strict(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |_| "Invalid value for vrrp_strict specified".to_owned());
    d.defs.vrrp_strict = value.unwrap_or(d.defs.vrrp_strict);
}

pub(super) fn owner_ignore_adverts(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    cx.global_flag(&mut d.defs.vrrp_owner_ignore_adverts, node);
}

pub(super) fn notify_priority_changes(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    cx.global_flag(&mut d.defs.vrrp_notify_priority_changes, node);
}

pub(super) fn garp_extra_if(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let keyword = &node.keyword;
    if keyword.text == "vrrp_vmac_garp_intvl" {
        let message = "`vrrp_vmac_garp_intvl` is called `vrrp_garp_extra_if` now";
        let text = "Keyword \"vrrp_vmac_garp_intvl\" is deprecated - please use \"vrrp_garp_extra_if\"";
        cx.report(Diagnostic::warning("deprecated", keyword.span, message).classic(text));
    }
    let mut words = node.args.iter().peekable();
    // Once it has been said it stays said, whatever becomes of the number.
    d.defs.vrrp_garp_extra_if.all |= words.next_if(|word| word.text == "all").is_some();
    let Some(word) = words.next() else {
        return cx.missing_value(node, &format!("{keyword} specified without time - ignoring"));
    };
    let otherwise = Otherwise::ignored(format!("{keyword} '{word}' invalid - ignoring"));
    if let Some(secs) = cx.unsigned(word, 1..=86_400, Junk::Tolerated, otherwise) {
        d.defs.vrrp_garp_extra_if.interval = Duration::from_secs(secs.into());
    }
}
