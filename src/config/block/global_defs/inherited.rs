//! Those of the globals that instances take over when their block opens.

use super::{GlobalDefs, GlobalDraft, MAX_SECS, secs};
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, object};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use crate::types::{Family, Version};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The `vrrp_garp_*` and `vrrp_gna_interval` family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GarpDefaults {
    /// From becoming master to the second burst; default 5 s, 0 for none.
    pub master_delay: Duration,
    /// Rounds of a burst; default 5, at least 1.
    pub master_repeat: u32,
    /// Time between later bursts; default 0: none.
    pub master_refresh: Duration,
    /// Rounds of a later burst; default 1.
    pub master_refresh_repeat: u32,
    /// As `master_delay`, after a lower advert was heard; `None`: as `master_delay`.
    pub lower_prio_delay: Option<Duration>,
    /// As `master_repeat`, after a lower advert was heard; `None`: as `master_repeat`.
    pub lower_prio_repeat: Option<u32>,
    /// Least time between two gratuitous ARPs on a link; default 0.
    pub interval: Duration,
    /// Least time between two unsolicited NAs on a link; default 0.
    pub gna_interval: Duration,
}

/// Gratuitous ARPs that are repeated on interfaces other than that of the instance.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GarpExtraIf {
    /// Seconds between them, 1 to 86400; zero: none.
    pub interval: Duration,
    /// `all`: on every interface that has an address of the instance, not on VMACs alone.
    pub all: bool,
}

impl Default for GarpDefaults {
    fn default() -> Self {
        Self {
            master_delay: Duration::from_secs(5),
            master_repeat: 5,
            master_refresh: Duration::ZERO,
            master_refresh_repeat: 1,
            lower_prio_delay: None,
            lower_prio_repeat: None,
            interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
        }
    }
}

impl GarpExtraIf {
    fn dump(self, out: &mut Out) {
        let what = if self.all { "i/f" } else { "VMAC" };
        object!(out, "Gratuitous ARP for each secondary {what} = {}s", self.interval.as_secs());
    }
}

pub(super) fn strict(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |_| "Invalid value for vrrp_strict specified".to_owned());
    d.defs.vrrp_strict = value.unwrap_or(d.defs.vrrp_strict);
    told_if_off(value, node, cx);
}

/// keepalived 2.2 has no arguments there.
fn told_if_off(value: Option<bool>, node: &Node, cx: &mut Context<'_>) {
    if value == Some(false) {
        let message = format!("`{}` is turned off", node.keyword);
        let problem = Diagnostic::note("version-dependent", node.span(), message)
            .label("as in keepalived 2.4")
            .help("leave the line out, which means the same to every version")
            .keepalived("turns it on in 2.2, whatever the argument says, and off in 2.4");
        cx.report(problem);
    }
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
    let mut interval = None;
    for word in &node.args {
        if word.text == "all" {
            // Once it has been said it stays said, whatever becomes of the number.
            d.defs.vrrp_garp_extra_if.all = true;
            continue;
        }
        let otherwise = Otherwise::ignored(format!("{keyword} '{word}' invalid - ignoring"));
        let Some(secs) = cx.unsigned(word, 1..=86_400, Junk::Tolerated, otherwise) else { return };
        interval = Some(Duration::from_secs(secs.into()));
    }
    match interval {
        Some(interval) => d.defs.vrrp_garp_extra_if.interval = interval,
        None => cx.missing_value(node, &format!("{keyword} specified without time - ignoring")),
    }
}

/// One message for each event: of what has not been set, or is set to what it would be anyway.
pub(super) fn min_garp(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    if cx.boolean(&node.args, |_| "Invalid value for vrrp_min_garp specified".to_owned()) != Some(true) {
        return;
    }
    let (garp, default) = (&mut d.defs.garp, GarpDefaults::default());
    if garp.master_delay == default.master_delay {
        garp.master_delay = Duration::ZERO;
    }
    if garp.master_repeat == default.master_repeat {
        garp.master_repeat = 1;
    }
    if garp.master_refresh_repeat == default.master_refresh_repeat {
        garp.master_refresh_repeat = 0;
    }
}

pub(super) fn vrrp_mcast_group4(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match word.as_str().parse::<Ipv4Addr>() {
        Ok(group) if group.is_multicast() => d.defs.vrrp_mcast_group4 = group,
        _ => no_group(cx, word, "vrrp_mcast_group4", Family::V4),
    }
}

pub(super) fn vrrp_mcast_group6(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match word.as_str().parse::<Ipv6Addr>() {
        Ok(group) if group.is_multicast() => {
            d.defs.vrrp_mcast_group6 = group;
            if group.octets()[1] & 0x0f != 2 {
                let message = format!("`{word}` leaves the link: adverts belong to ff02::/16");
                let problem = Diagnostic::warning("bad-address", word.span, message)
                    .classic(format!("vrrp_mcast_group6 [{word}] should be link-local multicast."))
                    .label("used all the same");
                cx.report(problem);
            }
        }
        _ => no_group(cx, word, "vrrp_mcast_group6", Family::V6),
    }
}

fn no_group(cx: &mut Context<'_>, word: &Word, keyword: &str, family: Family) {
    let text = match word.as_str().parse().map(Family::of) {
        Ok(found) if found == family => format!("{keyword} [{word}] is not multicast. Skipping"),
        Ok(_) => format!("{keyword} [{word}] is not {family}. Skipping"),
        Err(_) => format!("Can't parse {keyword} [{word}]. Skipping"),
    };
    let problem = Diagnostic::error("bad-address", word.span, format!("`{word}` is not a multicast address"));
    cx.report(problem.classic(text).label("this line is ignored"));
}

pub(super) fn garp_master_delay(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("vrrp_garp_master_delay '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=MAX_SECS, Junk::Tolerated, otherwise) {
        d.defs.garp.master_delay = secs(n);
    }
}

pub(super) fn garp_master_repeat(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise =
        Otherwise::ignored(format!("vrrp_garp_master_repeat '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise) {
        let n = cx.at_least_one(node.arg(), n, "vrrp_garp_master_repeat");
        d.defs.garp.master_repeat = u32::try_from(n).unwrap_or(u32::MAX);
    }
}

pub(super) fn garp_master_refresh(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("Invalid vrrp_garp_master_refresh '{}' - ignoring", node.arg());
    let otherwise = Otherwise::replaced(text, "0 is used");
    let n = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise);
    d.defs.garp.master_refresh = secs(n.unwrap_or(0));
}

pub(super) fn garp_master_refresh_repeat(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise =
        Otherwise::ignored(format!("vrrp_garp_master_refresh_repeat '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise) {
        let n = cx.at_least_one(node.arg(), n, "vrrp_garp_master_refresh_repeat");
        d.defs.garp.master_refresh_repeat = u32::try_from(n).unwrap_or(u32::MAX);
    }
}

pub(super) fn garp_lower_prio_delay(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise =
        Otherwise::ignored(format!("vrrp_garp_lower_prio_delay '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=MAX_SECS, Junk::Tolerated, otherwise) {
        d.defs.garp.lower_prio_delay = Some(secs(n));
    }
}

pub(super) fn garp_lower_prio_repeat(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("Invalid vrrp_garp_lower_prio_repeat '{}'", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=i64::from(i32::MAX), Junk::Tolerated, otherwise) {
        d.defs.garp.lower_prio_repeat = u32::try_from(n).ok();
    }
}

/// Microseconds that keepalived's 32 bits hold.
const ANNOUNCE_GAP: std::ops::RangeInclusive<u64> = 1..=4_294_967_295;

fn announce_gap(node: &Node, cx: &mut Context<'_>) -> Option<Duration> {
    let (keyword, word) = (&node.keyword, node.arg());
    let gap =
        cx.decimal(word, 6, ANNOUNCE_GAP, Otherwise::ignored(format!("{keyword} '{word}' is invalid")))?;
    let gap = Duration::from_micros(gap);
    if gap >= Duration::from_secs(1) {
        let message = format!("{} s between two announcements is very long", gap.as_secs_f64());
        let problem = Diagnostic::note("large-value", word.span, message)
            .classic(format!("The {keyword} is very large - {word} seconds"))
            .label("in seconds; used all the same");
        cx.report(problem);
    }
    Some(gap)
}

pub(super) fn garp_interval(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.garp.interval = announce_gap(node, cx).unwrap_or(d.defs.garp.interval);
}

pub(super) fn gna_interval(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.garp.gna_interval = announce_gap(node, cx).unwrap_or(d.defs.garp.gna_interval);
}

pub(super) fn down_timer_adverts(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("Invalid vrrp_down_timer_adverts [1:100] '{}'", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 1..=100, Junk::Tolerated, otherwise) {
        d.defs.vrrp_down_timer_adverts = u8::try_from(n).unwrap_or(3);
    }
}

pub(super) fn lower_prio_no_advert(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |_| "Invalid value for vrrp_lower_prio_no_advert specified".to_owned());
    d.defs.vrrp_lower_prio_no_advert = value.unwrap_or(d.defs.vrrp_lower_prio_no_advert);
}

pub(super) fn higher_prio_send_advert(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |_| "Invalid value for vrrp_higher_prio_send_advert specified".to_owned());
    d.defs.vrrp_higher_prio_send_advert = value.unwrap_or(d.defs.vrrp_higher_prio_send_advert);
}

pub(super) fn skip_check_adv_addr(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |_| "Invalid value for vrrp_skip_check_adv_addr specified".to_owned());
    d.defs.vrrp_skip_check_adv_addr = value.unwrap_or(d.defs.vrrp_skip_check_adv_addr);
    told_if_off(value, node, cx);
}

pub(super) fn on_removal(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.vrrp_on_removal = cx.on_removal(node).unwrap_or(d.defs.vrrp_on_removal);
}

pub(super) fn version(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored("VRRP Error: Version must be either 2 or 3");
    match cx.integer_of(true, node.arg(), 2..=3, Junk::Tolerated, otherwise) {
        Some(2) => d.defs.vrrp_version = Version::V2,
        Some(_) => d.defs.vrrp_version = Version::V3,
        None => {}
    }
}

impl GlobalDefs {
    /// Before what is about packet filters.
    pub(super) fn dump_inherited(&self, out: &mut Out) {
        let garp = &self.garp;
        object!(out, "VRRP IPv4 mcast group = {}", self.vrrp_mcast_group4);
        object!(out, "VRRP IPv6 mcast group = {}", self.vrrp_mcast_group6);
        object!(out, "Gratuitous ARP delay = {}", garp.master_delay.as_secs());
        object!(out, "Gratuitous ARP repeat = {}", garp.master_repeat);
        object!(out, "Gratuitous ARP refresh timer = {}", garp.master_refresh.as_secs());
        object!(out, "Gratuitous ARP refresh repeat = {}", garp.master_refresh_repeat);
        let lower_delay = garp.lower_prio_delay.unwrap_or(garp.master_delay);
        object!(out, "Gratuitous ARP lower priority delay = {}", lower_delay.as_secs());
        let lower_repeat = garp.lower_prio_repeat.unwrap_or(garp.master_repeat);
        object!(out, "Gratuitous ARP lower priority repeat = {lower_repeat}");
        object!(out, "Num adverts before down = {}", self.vrrp_down_timer_adverts);
        self.vrrp_garp_extra_if.dump(out);
        object!(out, "Send advert after receive lower priority advert = {}", !self.vrrp_lower_prio_no_advert);
        object!(
            out,
            "Send advert after receive higher priority advert = {}",
            self.vrrp_higher_prio_send_advert
        );
        object!(out, "Gratuitous ARP interval = {:.6}", garp.interval.as_secs_f64());
        object!(out, "Gratuitous NA interval = {:.6}", garp.gna_interval.as_secs_f64());
        object!(out, "VRRP default protocol version = {}", self.vrrp_version);
    }
}
