//! What `strict_mode` allows, and the settings that it decides when nothing else does.

use super::{Placed, about};
use crate::config::block::{Auth, GarpExtraIf, GlobalDefs, HmacMode, InstanceDraft};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::environment::Fact;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::types::{Family, Priority, State, Version};
use std::net::IpAddr;
use std::time::Duration;

/// Something that strict mode takes back, in keepalived's words.
fn taken_back(
    draft: &InstanceDraft,
    span: Span,
    message: &str,
    label: &str,
    classic: &str,
    cx: &mut Context<'_>,
) {
    let problem = Diagnostic::warning("strict-mode", span, message).label(label);
    cx.report(about(draft, problem, classic));
}

/// `state` says who owns the addresses, and nothing else.
pub(super) fn check_state(
    draft: &InstanceDraft,
    state: State,
    priority: Priority,
    strict: bool,
    cx: &mut Context<'_>,
) -> State {
    let implied = if priority.is_owner() { State::Master } else { State::Backup };
    let Some((_, span)) = draft.state.filter(|_| strict && state != implied) else { return state };
    let message = "in strict mode the owner of the addresses is MASTER, and nobody else";
    taken_back(draft, span, message, "ignored", "State MASTER must match being address owner", cx);
    implied
}

/// `authentication` is not in the RFC any more.
pub(super) fn check_auth(draft: &mut InstanceDraft, cx: &mut Context<'_>) {
    let Some(span) = draft.auth.drop_type() else { return };
    let message = "the RFC has no authentication any more";
    let classic = "Strict mode does not support authentication. Ignoring.";
    taken_back(draft, span, message, "adverts carry no password", classic, cx);
}

/// `auth_hmac` is all or nothing. keepalived 2.4.3.
pub(super) fn check_hmac(draft: &InstanceDraft, auth: &mut Auth, cx: &mut Context<'_>) {
    let Auth::Hmac(hmac) = auth else { return };
    if hmac.mode != HmacMode::Enforce {
        let span = draft.auth.hmac.as_ref().map_or(draft.name.span, |hmac| hmac.span);
        let message = "in strict mode every advert is signed";
        taken_back(
            draft,
            span,
            message,
            "`mode enforce` is used",
            "strict mode requires auth_hmac mode enforce",
            cx,
        );
        hmac.mode = HmacMode::Enforce;
    }
}

/// Adverts to and from peers: strict mode has none, but only 2.4 insists.
pub(super) fn check_unicast(draft: &InstanceDraft, cx: &mut Context<'_>) {
    let multicast = draft.interface.as_ref().is_some_and(|(link, _)| match cx.environment.link(link) {
        Fact::Known(facts) => facts.multicast,
        Fact::Unchecked => true,
        Fact::Absent => false,
    });
    if draft.peers.is_empty() || !multicast {
        return;
    }
    let span = draft.unicast.unwrap_or(draft.name.span);
    let problem = Diagnostic::warning("strict-mode", span, "there are no unicast peers in the RFC")
        .class(Class::Harmless)
        .label("used all the same")
        .keepalived("2.2 runs with this, 2.4 exits 2")
        .at_completion();
    cx.report(problem);
}

/// The first address of an IPv6 router is link-local (RFC 9568 §6.1).
pub(super) fn check_link_local(draft: &InstanceDraft, strict: bool, cx: &mut Context<'_>) {
    let Some(first) = draft.vips.first() else { return };
    let IpAddr::V6(address) = first.address.net.address else { return };
    if address.is_unicast_link_local() || (!draft.peers.is_empty() && draft.unicast.is_some()) {
        return;
    }
    let message = "the first address of an IPv6 router is link-local";
    let (problem, verb) = match strict {
        true => (Diagnostic::warning("first-vip-not-link-local", first.span, message), "must"),
        false => (Diagnostic::note("first-vip-not-link-local", first.span, message), "should"),
    };
    let problem = problem.label("used all the same").help("put an address of fe80::/10 above it");
    cx.report(about(draft, problem, &format!("the first IPv6 VIP address {verb} be link local")));
}

/// `preempt_delay`, unless strict mode takes it back.
pub(super) fn check_preempt_delay(draft: &mut InstanceDraft, cx: &mut Context<'_>) {
    let Some((_, span)) = draft.preempt_delay.filter(|(delay, _)| !delay.is_zero()) else { return };
    let message = "the RFC does not wait before it takes over";
    let classic = "preempt_delay is incompatible with strict mode - resetting";
    taken_back(draft, span, message, "ignored", classic, cx);
    draft.preempt_delay = None;
}

/// Adverts that may be missed.
pub(super) fn settle_down_timer(draft: &InstanceDraft, strict: bool, cx: &mut Context<'_>) -> u8 {
    let (count, span) = draft.down_timer_adverts;
    if !strict || count == 3 {
        return count;
    }
    let message = "in the RFC a master is missed after three adverts";
    let classic = "down_timer_adverts is incompatible with strict mode - resetting";
    taken_back(draft, span.unwrap_or(draft.name.span), message, "3 is used", classic, cx);
    3
}

/// Whether a master that does not own the addresses takes packets to them (RFC 9568 §6.1: Accept_Mode).
pub(super) fn settle_accept(
    draft: &InstanceDraft,
    strict: bool,
    priority: Priority,
    version: Version,
    cx: &mut Context<'_>,
) -> bool {
    let Some((accept, span)) = draft.accept else { return priority.is_owner() || !strict };
    if !accept || priority.is_owner() || !strict || version == Version::V3 {
        return accept;
    }
    let message = "VRRPv2 has no accept mode";
    let classic = "warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting";
    taken_back(draft, span, message, "packets to the addresses are dropped", classic, cx);
    false
}

/// What follows a lower and a higher advert: announcements and answers.
pub(super) fn settle_answers(
    draft: &mut InstanceDraft,
    strict: bool,
    global: &GlobalDefs,
    cx: &mut Context<'_>,
) -> (bool, bool) {
    let no_answer = draft.lower_prio_no_advert;
    let farewell = draft.higher_prio_send_advert;
    if !strict {
        return (
            no_answer.map_or(global.vrrp_lower_prio_no_advert, |(value, _)| value),
            farewell.map_or(global.vrrp_higher_prio_send_advert, |(value, _)| value),
        );
    }
    let refused = "the RFC does not do this, and strict mode keeps to it";
    if let Some(span) = draft.garp_lower_prio_repeat.filter(|_| draft.garp.lower_prio_repeat > 0) {
        let classic = "Strict mode requires no repeat garps. resetting";
        taken_back(draft, span, refused, "0 is used", classic, cx);
    }
    if let Some(span) = draft.garp_lower_prio_delay.filter(|_| !draft.garp.lower_prio_delay.is_zero()) {
        let classic = "Strict mode requires no repeat garp delay. resetting";
        taken_back(draft, span, refused, "0 is used", classic, cx);
    }
    if let Some((false, span)) = no_answer {
        let classic = "Strict mode requires no lower priority advert. resetting";
        taken_back(draft, span, "a lower advert is not answered in strict mode", "ignored", classic, cx);
    }
    if let Some((true, span)) = farewell {
        let classic = "strict mode requires higher_prio_send_advert to be clear. resetting";
        taken_back(draft, span, refused, "ignored", classic, cx);
    }
    draft.garp.lower_prio_repeat = 0;
    draft.garp.lower_prio_delay = Duration::ZERO;
    (true, false)
}

/// Whether the owner of the addresses is deaf. keepalived 2.4.3.
pub(super) fn settle_owner_ignore(
    draft: &InstanceDraft,
    strict: bool,
    priority: Priority,
    global: &GlobalDefs,
    cx: &mut Context<'_>,
) -> bool {
    match draft.owner_ignore_adverts {
        None => priority.is_owner() && (strict || global.vrrp_owner_ignore_adverts),
        Some((true, span)) if !priority.is_owner() => {
            let message = "only the owner of the addresses, with priority 255, may be deaf";
            let classic = "ignoring owner_ignore_adverts since priority is not 255";
            let problem = Diagnostic::warning("owner-only", span, message).label("ignored");
            cx.report(about(draft, problem, classic));
            false
        }
        Some((false, span)) if priority.is_owner() => {
            let message = "the owner of the addresses does not listen";
            let classic = "strict_mode with priority 255 requires owner_ignore_adverts";
            let problem = Diagnostic::warning("owner-only", span, message)
                .label("turned on")
                .keepalived("turns it on, in strict mode or not");
            cx.report(about(draft, problem, classic));
            true
        }
        Some((value, _)) => value,
    }
}

/// `timer_expired_backup` needs `nopreempt`. keepalived 2.4.3.
pub(super) fn settle_timer_expired(
    draft: &InstanceDraft,
    preempt_is_off: bool,
    cx: &mut Context<'_>,
) -> Option<Priority> {
    let (priority, span) = draft.timer_expired_backup?;
    if preempt_is_off {
        return Some(priority);
    }
    let problem =
        Diagnostic::warning("timer-expired-backup", span, "`timer_expired_backup` needs `nopreempt`")
            .label("ignored");
    cx.report(about(draft, problem, "expired_timer_backup requires nopreempt - resetting"));
    None
}

/// `garp_extra_if`, if there is a link that it is for.
pub(super) fn settle_extra(draft: &InstanceDraft, global: &GlobalDefs, placed: &Placed) -> GarpExtraIf {
    let mut extra = GarpExtraIf { all: draft.garp_extra_all, ..GarpExtraIf::default() };
    match draft.garp_extra {
        Some(interval) => extra.interval = interval,
        None => {
            extra.interval = global.vrrp_garp_extra_if.interval;
            extra.all |= global.vrrp_garp_extra_if.all;
        }
    }
    if placed.links.is_empty() && !(placed.elsewhere && extra.all) {
        extra.interval = Duration::ZERO;
    }
    extra
}

/// An IPv6 router of version 2: strict mode makes it one of version 3.
pub(super) fn refuse_version_2(draft: &InstanceDraft, family: Family, span: Span, cx: &mut Context<'_>) {
    let message = format!("there is no VRRPv2 for {family}");
    let classic = "cannot use IPv6 with VRRP version 2; setting version 3";
    taken_back(draft, span, &message, "version 3 is used", classic, cx);
}
