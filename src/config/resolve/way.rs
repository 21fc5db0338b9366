//! An instance without `interface`: adverts take whatever way leads to each peer.

use super::about;
use crate::config::block::InstanceDraft;
use crate::config::diagnostic::{Class, Consequence, Diagnostic};
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::types::IpNet;
use std::net::IpAddr;

/// Whether adverts have a way to go: a link, or peers and an address to send from that is good on any link
/// (keepalived 2.4: chk_min_cfg, vrrp_complete_instance).
pub(super) fn has_way(draft: &InstanceDraft, cx: &mut Context<'_>) -> bool {
    if draft.interface.is_some() {
        return true;
    }
    let name = &draft.name;
    let lacks = |what: &str, label: &str| {
        let message = format!("instance `{name}` has no {what}");
        let problem = Diagnostic::error("missing-interface", name.span, message).label(label);
        problem.consequence(Consequence::Refused)
    };
    let exits = "does not start with it: it exits with 2";
    let problem = match draft.source {
        _ if draft.unicast.is_none() => {
            let label = match draft.interface_refused {
                true => "the one that it names cannot be used",
                false => "name the link that its adverts travel on",
            };
            about(draft, lacks("`interface`", label).keepalived(exits), "Unknown interface!")
        }
        _ if draft.peers.is_empty() => {
            let label = "name a link to multicast on, or the other routers in `unicast_peer`";
            let crashes = "2.2 exits with 2, 2.4 starts and crashes, again and again";
            lacks("`interface`, and no peers", label).keepalived(crashes).at_completion()
        }
        None => lacks("`interface`, and no `unicast_src_ip`", "give it one of the two")
            .help(
                "without a link to take one from, `unicast_src_ip` must say which address adverts come from",
            )
            .classic(format!("({name}): Unicast instances must have unicast_src_ip or interface"))
            .keepalived(exits)
            .at_completion(),
        Some(IpAddr::V6(source)) if source.is_unicast_link_local() => {
            let problem =
                lacks("`interface`, and a link-local source", "a link-local address is one on a link")
                    .help("name the link with `interface`, or send from another address")
                    .keepalived(exits);
            about(draft, problem, "Non link-local address required if interface omitted")
        }
        Some(_) => return true,
    };
    cx.report(problem);
    false
}

/// What is said of an interface that is not there says nothing.
pub(super) fn check_meaning(draft: &InstanceDraft, cx: &mut Context<'_>) {
    if draft.interface.is_some() || draft.unicast.is_none() {
        return;
    }
    let crashes = "2.4 crashes when it reads this with an address; vrrpd does not copy that";
    let lines = [
        (draft.dont_track_primary, "there is no `interface` that could be tracked", crashes),
        (draft.promote_secondaries, "there is no `interface` whose addresses it is about", "ignores it"),
    ];
    for (span, message, keepalived) in lines {
        if let Some(span) = span {
            let problem = Diagnostic::warning("no-effect", span, message).class(Class::Harmless);
            cx.report(problem.label("this line changes nothing").keepalived(keepalived).at_completion());
        }
    }
}

/// An address that names no link, of an instance that has none.
pub(super) fn homeless(draft: &InstanceDraft, net: IpNet, span: Span, excluded: bool, cx: &mut Context<'_>) {
    let (name, short, which) = (&draft.name, net.short(), if excluded { "e" } else { "" });
    let problem = Diagnostic::error("vip-without-interface", span, format!("`{short}` is on no link"))
        .classic(format!("({name}): no interface for {which}vip {short} - removing"))
        .label("this entry is ignored")
        .help(format!("the instance has no `interface`: write `{short} dev INTERFACE`"));
    cx.report(problem.at_completion());
}
