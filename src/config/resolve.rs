//! Drafts to [`Config`]: rules that need a whole instance, or all of them.
//!
//! Everything here is said by keepalived when it has read the whole file, so it names no line; ours
//! point at the lines that disagree.

mod buffer;
mod groups;
mod left_out;
mod strict;
mod twins;
mod virtual_link;
mod way;

use super::block::{
    Auth, Delivery, InstanceDraft, Preempt, RootDraft, Tracked, VrrpInstance, VrrpScript, Weightless,
};
use super::block::{CUSTOMARY_TABLE, GlobalDefs, VirtualLink, settle_delays};
use super::diagnostic::{Class, Consequence, Diagnostic};
use super::environment::Fact;
use super::lexer::Word;
use super::schema::Context;
use super::source::Span;
use super::value::{AddressDraft, VirtualAddress};
use super::{Config, Lvs};
use crate::types::{AdvertInt, Family, IfName, Priority, State, Version, Vrid};
use buffer::Demand;
use groups::Groups;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use twins::Taken;
use virtual_link::{Links, Site};

/// Completes what the blocks have put together.
pub(super) fn resolve(root: RootDraft, cx: &mut Context<'_>) -> Config {
    let commands = left_out::Commands::of(&root);
    let mut global = root.global.defs;
    let groups = Groups::form(root.groups, &root.instances, cx);
    let mut links = Links::new(&root.instances);
    let mut instances = Vec::new();
    let mut spans = Vec::new();
    let mut taken = Taken::default();
    let mut used: BTreeSet<Tracked> = groups.tracked().cloned().collect();
    for draft in root.instances {
        let name = draft.name.clone();
        used.extend(draft.track.entries.iter().map(|(entry, _)| entry.tracked.clone()));
        let Some(instance) = complete(draft, &groups, &mut global, &mut links, cx) else { continue };
        if taken.take(&name, &instance, cx) {
            spans.push(name.span);
            instances.push(instance);
        }
    }
    virtual_link::check_conflicts(&mut instances, &spans, cx);
    let mut scripts: Vec<Arc<VrrpScript>> = Vec::new();
    for draft in root.scripts {
        let Some(script) = draft.finished else { continue };
        let duplicate = scripts.iter().any(|other| other.name == script.name);
        if duplicate || !used.contains(&Tracked::Script(script.name.clone())) {
            unused_script(cx, &draft.name, duplicate);
        }
        if !duplicate {
            scripts.push(Arc::new(script));
        }
    }
    let track_files = first_of_each(root.track_files, "track_file", cx);
    let track_processes = first_of_each(root.track_processes, "vrrp_track_process", cx);
    for (name, process) in &track_processes {
        if !used.contains(&Tracked::Process(process.name.clone())) {
            let message = format!("`{name}` is tracked by nothing");
            let problem = Diagnostic::note("tracker-unused", name.span, message);
            cx.report(problem.help("name it in a `track_process` block, or leave it out"));
        }
    }
    let track_files = track_files.into_iter().map(|(_, file)| file).collect();
    let track_processes = track_processes.into_iter().map(|(_, process)| process).collect();
    let sync_groups = groups.complete(&mut instances, &global, cx);
    let up_down_delays = settle_delays(root.up_down_delays, &instances, cx);
    let instances: Vec<_> = instances.into_iter().map(Arc::new).collect();
    settle_sync_daemon(&mut global, &instances);
    let statics = root.statics.complete(&instances, cx);
    let bfd_instances = root.bfd_instances.into_iter().map(Arc::new).collect();
    cx.left_out = commands.beside(&instances, &sync_groups);
    Config {
        global,
        scripts,
        track_files,
        track_processes,
        bfd_instances,
        instances,
        sync_groups,
        garp_groups: root.garp_groups,
        linkbeat: root.linkbeat,
        up_down_delays,
        statics,
        lvs: Lvs::default(),
    }
}

/// A sync daemon that follows an instance has its VRID for an id, unless another is given.
fn settle_sync_daemon(global: &mut GlobalDefs, instances: &[Arc<VrrpInstance>]) {
    let Some(daemon) = &mut global.lvs.sync_daemon else { return };
    let followed = instances.iter().find(|instance| Some(&instance.name) == daemon.instance.as_ref());
    daemon.id = daemon.id.or(followed.map(|instance| instance.vrid.get()));
}

/// keepalived keeps the second of a name too, where nothing can refer to it.
fn first_of_each<T>(drafts: Vec<(Word, T)>, block: &str, cx: &mut Context<'_>) -> Vec<(Word, Arc<T>)> {
    let mut kept: Vec<(Word, Arc<T>)> = Vec::new();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for (word, thing) in drafts {
        if let Some(first) = names.get(&word.text) {
            let message = format!("`{block} {word}` is defined above already");
            let problem = Diagnostic::note("duplicate-name", word.span, message)
                .label("nothing can refer to this one")
                .related(*first, "this one counts");
            cx.report(problem);
            continue;
        }
        names.insert(word.text.clone(), word.span);
        kept.push((word, Arc::new(thing)));
    }
    kept
}

fn unused_script(cx: &mut Context<'_>, name: &Word, duplicate: bool) {
    let message = match duplicate {
        true => format!("script `{name}` is defined above already"),
        false => format!("script `{name}` is tracked by nothing"),
    };
    let problem = Diagnostic::note("script-unused", name.span, message)
        .classic(format!("Warning - script {name} is not used"))
        .at_completion();
    let help = match duplicate {
        true => "give it a name of its own",
        false => "name it in a `track_script` block, or leave it out",
    };
    cx.report(problem.help(help));
}

/// One instance; `None` when it cannot run, as reported.
fn complete(
    mut draft: InstanceDraft,
    groups: &Groups,
    global: &mut GlobalDefs,
    links: &mut Links,
    cx: &mut Context<'_>,
) -> Option<VrrpInstance> {
    let group = groups.of(draft.name.as_str());
    let vrid = required_vrid(&draft, cx);
    let has_way = way::has_way(&draft, cx);
    let strict = draft.strict.unwrap_or(global.vrrp_strict);
    let family = draft.family.map_or(Family::V4, |(family, _)| family);
    let version = settle_version(&draft, family, strict, global, cx);
    let (wanted_state, priority) = settle_state(&draft);
    let mut wanted_state = strict::check_state(&draft, wanted_state, priority, strict, cx);
    if strict {
        strict::check_auth(&mut draft, cx);
    }
    let mut auth = draft.settle_auth(version, family, priority, &mut wanted_state, cx);
    if strict {
        strict::check_hmac(&draft, &mut auth, cx);
        strict::check_unicast(&draft, cx);
        strict::check_preempt_delay(&mut draft, cx);
    }
    strict::check_link_local(&draft, strict, cx);
    let mut config_faults = u32::from(lacks_peers(&draft, cx));
    let delivery = settle_delivery(&mut draft, family, global, cx);
    let preempt = settle_preempt(&draft, wanted_state, priority, cx);
    let down_timer_adverts = strict::settle_down_timer(&draft, strict, cx);
    let accept = strict::settle_accept(&draft, strict, priority, version, cx);
    let (lower_prio_no_advert, higher_prio_send_advert) =
        strict::settle_answers(&mut draft, strict, global, cx);
    let owner_ignore_adverts = strict::settle_owner_ignore(&draft, strict, priority, global, cx);
    let timer_expired_backup = strict::settle_timer_expired(&draft, preempt == Preempt::Never, cx);
    let advert_int = settle_advert_int(&draft, version, cx);
    let vrid = vrid.filter(|_| has_way)?;
    way::check_meaning(&draft, cx);
    let interface = draft.interface.as_ref().map(|(interface, _)| interface.clone());
    config_faults += u32::from(needs_peers(&draft, &delivery, cx));
    let site = Site { base: interface.as_ref(), family, vrid, strict, global };
    let link = links.settle(&mut draft, &site, cx);
    config_faults += link.faults;
    let vrf = settle_vrf(&draft, cx);
    let surplus = surplus_vips(&mut draft, family, version, &auth, interface.as_ref(), cx);
    let placed = place_addresses(&mut draft, surplus, &site, link.own.as_ref(), links, cx);
    let allow_no_vips = settle_no_vips(&draft, strict, cx);
    if placed.vips.is_empty() && !allow_no_vips {
        no_vip(&draft, strict || version == Version::V3, cx);
    }
    let demand = Demand {
        given: draft.kernel_rx_buf_size,
        mtu: interface.as_ref().map(|interface| mtu(interface, cx)),
        version,
        family,
        auth: &auth,
        vips: placed.vips.len(),
    };
    let rx_buffer = demand.bytes(global);
    let garp_extra = strict::settle_extra(&draft, global, &placed);
    want_firewall(&draft, !accept, link.own.as_ref(), global, cx);
    let weightless = match group {
        Some(group) if !group.tracking_weight => Some(Weightless::InGroup),
        _ => priority.is_owner().then_some(Weightless::Owner),
    };
    let track = draft.track.settle(interface.as_ref(), weightless, cx);
    Some(VrrpInstance {
        name: draft.name.text,
        wanted_state,
        interface,
        vrid,
        family,
        version,
        priority,
        advert_int,
        auth,
        delivery,
        source: draft.source,
        vips: placed.vips,
        excluded_vips: placed.excluded,
        routes: draft.routes,
        rules: draft.rules,
        preempt,
        garp: draft.garp,
        down_timer_adverts,
        track_primary: draft.dont_track_primary.is_none(),
        track,
        sync_group: group.map(|group| group.name.text.clone()),
        notify: draft.notify,
        smtp_alert: draft.smtp_alert.or(global.smtp_alert_vrrp).or(global.smtp_alert).unwrap_or(false),
        lower_prio_no_advert,
        higher_prio_send_advert,
        skip_check_adv_addr: draft.skip_check_adv_addr,
        on_removal: draft.on_removal,
        strict,
        accept,
        owner_ignore_adverts,
        timer_expired_backup,
        virtual_link: link.own,
        xmit_base: link.xmit_base,
        vmac_addr: draft.vmac_addr,
        address_links: placed.links,
        garp_extra,
        vrf,
        unicast_configured: draft.unicast.is_some(),
        unicast_fault_no_peer: draft.unicast_fault_no_peer,
        track_source: draft.track_source && draft.source.is_some(),
        allow_no_vips,
        promote_secondaries: draft.promote_secondaries.is_some(),
        checksum_as_v2: draft.checksum_as_v2,
        notify_deleted: draft.notify_deleted,
        notify_priority_changes: draft
            .notify_priority_changes
            .or(group.and_then(|group| group.notify_priority_changes))
            .unwrap_or(global.vrrp_notify_priority_changes),
        kernel_rx_buf_size: Some(draft.kernel_rx_buf_size).filter(|size| *size > 0),
        rx_buffer,
        config_faults,
        debug: draft.debug,
    })
}

/// The addresses of an instance, each on the link where it lives.
struct Placed {
    vips: Vec<VirtualAddress>,
    excluded: Vec<VirtualAddress>,
    /// The VMACs that these need beside the instance's own.
    links: Vec<VirtualLink>,
    /// One of them is on a link that is no VMAC and sends no adverts.
    elsewhere: bool,
}

fn place_addresses(
    draft: &mut InstanceDraft,
    surplus: Vec<AddressDraft>,
    site: &Site<'_>,
    own: Option<&VirtualLink>,
    links: &mut Links,
    cx: &mut Context<'_>,
) -> Placed {
    let (given, excluded) = (std::mem::take(&mut draft.vips), std::mem::take(&mut draft.excluded_vips));
    let count = given.len();
    let mut place = |vip: AddressDraft, excluded| {
        let (net, span) = (vip.address.net, vip.span);
        let placed = links.place(vip, draft, site, own, cx);
        if placed.is_none() {
            way::homeless(draft, net, span, excluded, cx);
        }
        placed
    };
    let vips: Vec<_> = given.into_iter().filter_map(|vip| place(vip, false)).collect();
    let excluded: Vec<_> = surplus.into_iter().chain(excluded).filter_map(|vip| place(vip, true)).collect();
    draft.vip_refused |= vips.len() < count;
    let adverts_on = own.map(|link| &link.name).or(site.base);
    let mut needed: Vec<VirtualLink> = Vec::new();
    for vmac in vips.iter().chain(&excluded).filter_map(|vip| vip.vmac.as_ref()) {
        if Some(vmac) != adverts_on && needed.iter().all(|link| link.name != *vmac) {
            needed.extend(links.get(vmac).cloned());
        }
    }
    let elsewhere =
        vips.iter().chain(&excluded).any(|vip| vip.vmac.is_none() && Some(&vip.dev) != adverts_on);
    Placed { vips, excluded, links: needed, elsewhere }
}

/// A completion message about an instance: keepalived's starts with its name in brackets.
pub(super) fn about(draft: &InstanceDraft, problem: Diagnostic, classic: &str) -> Diagnostic {
    problem.classic(format!("({}) {classic}", draft.name)).at_completion()
}

fn required_vrid(draft: &InstanceDraft, cx: &mut Context<'_>) -> Option<Vrid> {
    if draft.vrid.is_none() {
        let message = format!("instance `{}` has no `virtual_router_id`", draft.name);
        let problem = Diagnostic::error("missing-vrid", draft.name.span, message)
            .label("it needs one, 1 to 255, the same on all its nodes")
            .consequence(Consequence::Refused)
            .keepalived("does not start with it: it exits with 2");
        cx.report(about(draft, problem, "the virtual router id must be set"));
    }
    draft.vrid.map(|(vrid, _)| vrid)
}

fn settle_version(
    draft: &InstanceDraft,
    family: Family,
    strict: bool,
    global: &GlobalDefs,
    cx: &mut Context<'_>,
) -> Version {
    match (draft.version, family) {
        (Some((Version::V2, span)), Family::V6) if strict => {
            strict::refuse_version_2(draft, family, span, cx);
            Version::V3
        }
        (Some((Version::V2, span)), Family::V6) => {
            let problem = Diagnostic::warning("version-conflict", span, "no RFC has a VRRPv2 for IPv6")
                .class(Class::Harmless)
                .label("adverts have keepalived's own form of one, which nobody else understands")
                .help("write `version 3` on all routers, or leave the line out")
                .at_completion();
            cx.report(problem);
            Version::V2
        }
        (Some((version, _)), _) => version,
        (None, Family::V6) => Version::V3,
        (None, Family::V4) => global.vrrp_version,
    }
}

fn settle_state(draft: &InstanceDraft) -> (State, Priority) {
    let master = matches!(draft.state, Some((State::Master, _)));
    let priority = draft.priority.unwrap_or(if master { Priority::OWNER } else { Priority::DEFAULT });
    let default = if priority.is_owner() { State::Master } else { State::Backup };
    (draft.state.map_or(default, |(state, _)| state), priority)
}

fn settle_delivery(
    draft: &mut InstanceDraft,
    family: Family,
    global: &GlobalDefs,
    cx: &mut Context<'_>,
) -> Delivery {
    let peers = std::mem::take(&mut draft.peers);
    let default = match family {
        Family::V4 => IpAddr::V4(global.vrrp_mcast_group4),
        Family::V6 => IpAddr::V6(global.vrrp_mcast_group6),
    };
    if peers.is_empty() {
        if let Some((_, span)) = draft.ttl {
            let problem = Diagnostic::warning("unicast-without-peers", span, "`unicast_ttl` without `unicast_peer`")
                .label("ignored: adverts are multicast")
                .classic(format!("({}): Cannot use unicast_ttl without unicast peers - resetting", draft.name))
                .said_at(draft.end)
                .keepalived("sends its multicast adverts with TTL 0, so that none leaves the host; vrrpd does not copy that");
            cx.report(problem);
        }
        if let Some(span) = draft.unicast.filter(|_| !draft.unicast_fault_no_peer) {
            let problem =
                Diagnostic::warning("unicast-without-peers", span, "unicast without `unicast_peer`")
                    .label("adverts are multicast")
                    .help("name the other routers in `unicast_peer`, or leave this out");
            let classic = "A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - please update your configuration.";
            cx.report(about(draft, problem, classic));
        }
        return Delivery::Multicast { group: draft.group.map_or(default, |(group, _)| group) };
    }
    if let Some((_, span)) = draft.group {
        let problem =
            Diagnostic::warning("multicast-with-peers", span, "`mcast_dst_ip` beside `unicast_peer`")
                .label("ignored: adverts go to the peers")
                .help("leave one of the two out");
        cx.report(about(draft, problem, "multicast destination specified with unicast - ignoring"));
    }
    Delivery::Unicast {
        peers,
        ttl: draft.ttl.map(|(ttl, _)| ttl),
        check_source: draft.check_source,
        checksum: draft.unicast_checksum,
        group: default,
    }
}

/// `unicast_fault_no_peer` with no peer.
fn lacks_peers(draft: &InstanceDraft, cx: &mut Context<'_>) -> bool {
    let Some(span) = draft.unicast.filter(|_| draft.unicast_fault_no_peer && draft.peers.is_empty()) else {
        return false;
    };
    let problem = Diagnostic::warning("unicast-without-peers", span, "unicast without `unicast_peer`")
        .class(Class::Harmless)
        .label("the instance stays in FAULT, as `unicast_fault_no_peer` says");
    cx.report(about(draft, problem, "Cannot use unicast without any peers - going to fault state"));
    true
}

/// Multicast on a link that has none.
fn needs_peers(draft: &InstanceDraft, delivery: &Delivery, cx: &mut Context<'_>) -> bool {
    let Some((interface, span)) = &draft.interface else { return false };
    let Fact::Known(facts) = cx.environment.link(interface) else { return false };
    if facts.multicast || matches!(delivery, Delivery::Unicast { .. }) {
        return false;
    }
    let problem = Diagnostic::error("no-multicast", *span, format!("`{interface}` does not do multicast"))
        .label("the instance stays in FAULT")
        .help("name the other nodes in `unicast_peer`");
    let text = format!("interface {interface} does not support multicast, specify unicast peers - disabling");
    cx.report(about(draft, problem, &text));
    true
}

/// A VMAC, and a master that takes no packets to its addresses, need a firewall.
fn want_firewall(
    draft: &InstanceDraft,
    drops: bool,
    link: Option<&VirtualLink>,
    global: &mut GlobalDefs,
    cx: &mut Context<'_>,
) {
    let wanted = drops || link.is_some_and(VirtualLink::is_vmac);
    if !wanted || global.firewall.table.is_some() {
        return;
    }
    let span = draft.accept.map_or(draft.name.span, |(_, span)| span);
    let classic = "use_vmac or no_accept/strict specified, but no firewall configured - using nftables";
    let problem = Diagnostic::note("firewall", span, "this needs a firewall: nftables is used")
        .classic(classic)
        .help("say so: `nftables` in `global_defs`")
        .at_completion();
    cx.report(problem);
    global.firewall.table = Some(CUSTOMARY_TABLE.to_owned());
}

/// `vrf` is for unicast without an interface.
fn settle_vrf(draft: &InstanceDraft, cx: &mut Context<'_>) -> Option<IfName> {
    let (vrf, span) = draft.vrf.as_ref()?;
    let unicast = draft.unicast.is_some();
    if draft.interface.is_none() && unicast {
        return Some(vrf.clone());
    }
    let what = if draft.interface.is_some() { "out interface" } else { " unicast" };
    let problem = Diagnostic::warning("vrf-ignored", *span, "`vrf` is for unicast without `interface`")
        .label("ignored");
    cx.report(about(draft, problem, &format!("vrf can only be specified with{what} - clearing")));
    None
}

/// `no_virtual_ipaddress`, unless strict mode takes it back. keepalived 2.4.3.
fn settle_no_vips(draft: &InstanceDraft, strict: bool, cx: &mut Context<'_>) -> bool {
    let Some(span) = draft.no_vips else { return false };
    if strict {
        let problem = Diagnostic::warning("strict-mode", span, "in strict mode a router has addresses")
            .label("ignored");
        let classic = "no_virtual_ipaddress and strict mode incompatible, clearing no_virtual_ipaddress";
        cx.report(about(draft, problem, classic));
    }
    !strict
}

fn settle_preempt(draft: &InstanceDraft, state: State, priority: Priority, cx: &mut Context<'_>) -> Preempt {
    let mut nopreempt = draft.nopreempt;
    if let Some(span) = nopreempt {
        let (message, classic) = if priority.is_owner() {
            let text = format!("nopreempt is incompatible with priority {priority}. resetting nopreempt");
            ("the owner of the addresses always takes over", text)
        } else if state == State::Master {
            let text = "Warning - nopreempt will not work with initial state MASTER - clearing";
            ("`nopreempt` needs `state BACKUP`", text.to_owned())
        } else {
            ("", String::new())
        };
        if !message.is_empty() {
            let help = match priority.is_owner() {
                true => "leave it out, or give a `priority` below 255",
                false => {
                    "write `state BACKUP` on all routers: the highest priority becomes master at start all the same"
                }
            };
            let problem = Diagnostic::warning("nopreempt-ignored", span, message).label("ignored").help(help);
            let problem = match draft.state {
                Some((State::Master, state)) if !priority.is_owner() => {
                    problem.related(state, "it is MASTER here")
                }
                _ => problem,
            };
            cx.report(about(draft, problem, &classic));
            nopreempt = None;
        }
    }
    let Some((delay, span)) = draft.preempt_delay.filter(|(delay, _)| !delay.is_zero()) else {
        return if nopreempt.is_some() { Preempt::Never } else { Preempt::After(Duration::ZERO) };
    };
    if nopreempt.is_some() {
        let problem = Diagnostic::warning("preempt-delay-ignored", span, "`preempt_delay` with `nopreempt`")
            .label("ignored")
            .help("leave one of the two out: with `nopreempt` there is nothing to delay");
        cx.report(about(draft, problem, "preempt_delay is incompatible with nopreempt mode - resetting"));
        return Preempt::Never;
    }
    if state == State::Master {
        let problem =
            Diagnostic::warning("preempt-delay-ignored", span, "`preempt_delay` needs `state BACKUP`")
                .label("ignored")
                .help("write `state BACKUP`: the highest priority becomes master at start all the same");
        cx.report(about(
            draft,
            problem,
            "Warning - preempt delay will not work with initial state MASTER - clearing",
        ));
        return Preempt::After(Duration::ZERO);
    }
    Preempt::After(delay)
}

/// Rounds as the version's field on the wire demands.
fn settle_advert_int(draft: &InstanceDraft, version: Version, cx: &mut Context<'_>) -> AdvertInt {
    let Some((micros, span)) = draft.advert_int else { return AdvertInt::DEFAULT };
    let unit = match version {
        Version::V2 => 1_000_000,
        Version::V3 => 10_000,
    };
    let rounded = ((micros + unit / 2) / unit).max(1) * unit;
    let seconds = micros as f64 / 1e6;
    if version == Version::V3 && rounded > AdvertInt::MAX_V3.micros() {
        let problem = Diagnostic::warning("advert-int-clamped", span, "a VRRPv3 interval is at most 40.95 s")
            .label("40.95 s is used")
            .help("write `advert_int 40.95` or less, on all routers");
        let text = format!(
            "VRRPv3 advertisement interval {seconds:.2}s is out of range. Must be less than 40.96s. Setting to 40.95s"
        );
        cx.report(about(draft, problem, &text));
        return AdvertInt::MAX_V3;
    }
    if rounded != micros {
        let (message, text) = match version {
            Version::V2 => (
                "a VRRPv2 interval is a whole number of seconds",
                format!("VRRPv2 advertisement interval {seconds:.6}s must be an integer. rounding"),
            ),
            Version::V3 => (
                "a VRRPv3 interval is a whole number of centiseconds",
                format!("VRRPv3 advertisement interval {seconds:.6}s must be in units of 10ms - rounding"),
            ),
        };
        let used = Duration::from_micros(rounded).as_secs_f64();
        let problem =
            Diagnostic::warning("advert-int-rounded", span, message).label(format!("{used} s is used"));
        let problem = match version {
            Version::V2 => problem.help(format!("write `advert_int {used}`, or `version 3` on all routers")),
            Version::V3 => problem.help(format!("write `advert_int {used}`")),
        };
        cx.report(about(draft, problem, &text));
    }
    AdvertInt::from_micros(rounded).unwrap_or(AdvertInt::DEFAULT)
}

fn no_vip(draft: &InstanceDraft, required: bool, cx: &mut Context<'_>) {
    let label = match draft.vip_refused {
        true => "none of its addresses can be used",
        false => "has no `virtual_ipaddress`",
    };
    let problem = |message: &str| Diagnostic::warning("no-vip", draft.name.span, message).label(label);
    if required {
        let mut problem = problem("a VRRPv3 instance, and one in strict mode, needs an address");
        problem.severity = super::diagnostic::Severity::Error;
        let problem =
            problem.consequence(Consequence::Refused).keepalived("does not start with it: it exits with 2");
        cx.report(about(draft, problem, "No VIP specified; at least one is required"));
    } else {
        let problem = problem("an instance without addresses has nothing to move");
        cx.report(about(draft, problem, "No VIP specified; at least one is sensible"));
    }
}

const ASSUMED_MTU: u32 = 1500;

fn mtu(interface: &IfName, cx: &Context<'_>) -> u32 {
    match cx.environment.link(interface) {
        Fact::Known(facts) => facts.mtu.unwrap_or(ASSUMED_MTU),
        Fact::Unchecked | Fact::Absent => ASSUMED_MTU,
    }
}

/// The count of addresses is an octet of the packet.
const MOST_VIPS: usize = 255;

/// Takes the addresses that an advert has no room for off the list (keepalived: vrrp_complete_instance).
fn surplus_vips(
    draft: &mut InstanceDraft,
    family: Family,
    version: Version,
    auth: &Auth,
    interface: Option<&IfName>,
    cx: &mut Context<'_>,
) -> Vec<AddressDraft> {
    let mtu = interface.map_or(ASSUMED_MTU, |interface| mtu(interface, cx));
    let (ip_header, address) = match family {
        Family::V4 => (20, 4),
        Family::V6 => (40, 16),
    };
    let auth_data = if family == Family::V4 && version == Version::V2 { 8 } else { 0 };
    let headers = 14 + ip_header + 8 + auth_data + auth.room();
    let room = (mtu.saturating_sub(headers) / address) as usize;
    let most = room.min(MOST_VIPS);
    let count = draft.vips.len();
    if count <= most {
        return Vec::new();
    }
    let surplus = draft.vips.split_off(most);
    let span = surplus.first().map_or(draft.name.span, |vip| vip.span);
    let message = format!("an advert has room for {most} of these {count} addresses");
    let text = format!(
        "Number of VIPs ({count}) exceeds maximum/space available in packet (max {most} addresses) - excess moved to eVIPs"
    );
    let problem = Diagnostic::warning("too-many-vips", span, message)
        .label("from here on they are treated as `virtual_ipaddress_excluded`");
    cx.report(about(draft, problem, &text));
    surplus
}
