//! The keywords of `vrrp_instance`.

mod delivery;
mod policy;
mod virtual_link;

pub(in crate::config) use virtual_link::{IpvlanDraft, VmacDraft};

use super::{Announcements, NotifyScripts, UnicastChecksum, UnicastPeer};
use crate::config::block::GlobalDraft;
use crate::config::block::auth_hmac::{AUTH_HMAC, auth_hmac};
use crate::config::block::authentication::{AUTHENTICATION, AuthDraft};
use crate::config::block::tracking::{TrackDraft, Trackables, Tracks};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{
    AddressDraft, DefaultAccount, Junk, MUST_BE_THERE, OnRemoval, Otherwise, Route, Rule, ScriptCommand,
    bad_address, bare_address,
};
use crate::types::{Family, IfName, Priority, State, Version, Vrid};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// An instance while its block is read: what was given, and where.
pub(in crate::config) struct InstanceDraft {
    pub(in crate::config) name: Word,
    /// The `}` of the block.
    pub(in crate::config) end: Option<Span>,
    pub(in crate::config) state: Option<(State, Span)>,
    pub(in crate::config) interface: Option<(IfName, Span)>,
    /// An `interface` line was refused, as reported.
    pub(in crate::config) interface_refused: bool,
    /// There is none of that name, as reported.
    interface_absent: bool,
    pub(in crate::config) vrid: Option<(Vrid, Span)>,
    pub(in crate::config) priority: Option<Priority>,
    /// Microseconds, 10 ms to 255 s.
    pub(in crate::config) advert_int: Option<(u64, Span)>,
    pub(in crate::config) version: Option<(Version, Span)>,
    /// That of the first address.
    pub(in crate::config) family: Option<(Family, Span)>,
    pub(in crate::config) auth: AuthDraft,
    pub(in crate::config) source: Option<IpAddr>,
    pub(in crate::config) group: Option<(IpAddr, Span)>,
    pub(in crate::config) peers: Vec<UnicastPeer>,
    pub(in crate::config) ttl: Option<(u8, Span)>,
    pub(in crate::config) check_source: bool,
    /// The first keyword that makes sense for unicast only.
    pub(in crate::config) unicast: Option<Span>,
    pub(in crate::config) vips: Vec<AddressDraft>,
    pub(in crate::config) excluded_vips: Vec<AddressDraft>,
    pub(in crate::config) routes: Vec<Route>,
    pub(in crate::config) rules: Vec<Rule>,
    /// An entry of `virtual_ipaddress` was left out, as reported.
    pub(in crate::config) vip_refused: bool,
    pub(in crate::config) nopreempt: Option<Span>,
    pub(in crate::config) preempt_delay: Option<(Duration, Span)>,
    pub(in crate::config) garp: Announcements,
    /// Those of `garp` that the block itself gives.
    pub(in crate::config) garp_lower_prio_delay: Option<Span>,
    pub(in crate::config) garp_lower_prio_repeat: Option<Span>,
    pub(in crate::config) garp_extra: Option<Duration>,
    pub(in crate::config) garp_extra_all: bool,
    pub(in crate::config) down_timer_adverts: (u8, Option<Span>),
    pub(in crate::config) dont_track_primary: Option<Span>,
    pub(in crate::config) track: TrackDraft,
    pub(in crate::config) notify: NotifyScripts,
    pub(in crate::config) smtp_alert: Option<bool>,
    pub(in crate::config) lower_prio_no_advert: Option<(bool, Span)>,
    pub(in crate::config) higher_prio_send_advert: Option<(bool, Span)>,
    pub(in crate::config) skip_check_adv_addr: bool,
    pub(in crate::config) on_removal: OnRemoval,
    pub(in crate::config) debug: u8,
    pub(in crate::config) strict: Option<bool>,
    pub(in crate::config) accept: Option<(bool, Span)>,
    pub(in crate::config) owner_ignore_adverts: Option<(bool, Span)>,
    pub(in crate::config) timer_expired_backup: Option<(Priority, Span)>,
    pub(in crate::config) vmac: Option<VmacDraft>,
    pub(in crate::config) ipvlan: Option<IpvlanDraft>,
    pub(in crate::config) vmac_addr: bool,
    pub(in crate::config) xmit_base: Option<Span>,
    /// Names of virtual links that instances above this one give, each with the name of the instance.
    pub(in crate::config) other_links: Vec<(Word, IfName)>,
    pub(in crate::config) vrf: Option<(IfName, Span)>,
    pub(in crate::config) unicast_fault_no_peer: bool,
    pub(in crate::config) unicast_checksum: UnicastChecksum,
    pub(in crate::config) checksum_as_v2: bool,
    pub(in crate::config) track_source: bool,
    pub(in crate::config) no_vips: Option<Span>,
    pub(in crate::config) promote_secondaries: Option<Span>,
    pub(in crate::config) notify_deleted: bool,
    pub(in crate::config) notify_priority_changes: Option<bool>,
    /// 0: not given.
    pub(in crate::config) kernel_rx_buf_size: u32,
    /// The interface of the global sync daemon, if there is one up to here.
    pub(in crate::config) sync_daemon: Option<IfName>,
    /// This instance has made itself the master of the sync daemon.
    pub(in crate::config) runs_sync_daemon: bool,
    script_account: DefaultAccount,
}

keywords! {
    /// `vrrp_instance`.
    VRRP_INSTANCE: InstanceDraft, "vrrp_instance", Unique("vrrp_instance must have a name"), with &[InstanceDraft::TRACKERS];
    "state" Required "MASTER|BACKUP" "" "MASTER with priority 255, else BACKUP" => state, "what this node is meant to be; every node starts as backup";
    "interface" Required "INTERFACE" "" "required, but for unicast with `unicast_src_ip`" => interface, "the link that adverts use and VIPs live on; without one adverts take the way to each peer, and each VIP needs `dev`";
    "virtual_router_id" Required "N" "1 to 255" "required" => virtual_router_id, "number of the virtual router, the same on all its nodes";
    "priority" Required "N" "1 to 255" "100; 255 with `state MASTER`" => priority, "the highest becomes master; 255 owns the addresses";
    "advert_int" Required "SECS" "0.01 to 255; whole seconds in version 2, at most 40.95 in 3" "1" => advert_int, "time between two adverts";
    "version" Required "N" "2 or 3" "3 for IPv6, else `vrrp_version`" => version, "protocol version; for IPv6 2 counts only before the first address";
    "native_ipv6" Flag "" "" "off" => native_ipv6, "deprecated: the family is that of the first address";
    "authentication" Block(&AUTHENTICATION) "{…}" "" "none" => |d, node, cx| AUTHENTICATION.apply(&mut d.auth, node.children(), cx), "authentication of VRRPv2";
    "auth_hmac" Block(&AUTH_HMAC) "{…}" "" "none" => |d, node, cx| auth_hmac(&mut d.auth, node, cx), "sign every advert, in any version of the protocol";
    "virtual_ipaddress" Entries "{ ADDRESS[/PREFIX] [OPTION…] }" "one family" "" => virtual_ipaddress, "addresses of the virtual router, advertised in this order";
    "virtual_ipaddress_excluded" Entries "{ ADDRESS[/PREFIX] [OPTION…] }" "any family" "none" => virtual_ipaddress_excluded, "addresses that move along and are not advertised";
    "virtual_routes" Entries "{ [TYPE] DESTINATION [OPTION…] }" "any family" "none" => |d, n, cx| d.routes.extend(n.entries().iter().filter_map(|entry| cx.route_line(entry, None))), "routes of the master";
    "virtual_rules" Entries "{ [OPTION…] ACTION }" "any family" "none" => |d, n, cx| d.rules.extend(n.entries().iter().filter_map(|entry| cx.rule_line(entry, None))), "rules of policy routing of the master";
    "mcast_src_ip" Required "ADDRESS" "" "first address of the interface" => mcast_src_ip, "source address of adverts";
    "unicast_src_ip" Required "ADDRESS" "" "first address of the interface" => unicast_src_ip, "source address of adverts to peers";
    "mcast_dst_ip" Required "ADDRESS" "multicast" "`vrrp_mcast_group4` or 6" => mcast_dst_ip, "group of this instance";
    "unicast_peer" Entries "{ ADDRESS [min_ttl N] [max_ttl N] }" "one family" "multicast" => delivery::unicast_peer, "nodes that each get a copy of every advert", Differs("our own address is left out, and one that is given twice gets each advert once; keepalived 2.2 sends to all of them");
    "unicast_ttl" Required "N" "0 to 255" "255 for IPv4, 64 for IPv6" => delivery::unicast_ttl, "TTL or hop limit of unicast adverts", Differs("without `unicast_peer` it is ignored; keepalived then sends with TTL 0, and no advert leaves the host");
    "check_unicast_src" Flag "" "" "`vrrp_check_unicast_src`" => delivery::check_unicast_src, "accept adverts of configured peers only";
    "nopreempt" Flag "" "" "off" => |d, node, _| d.nopreempt = Some(node.keyword.span), "do not take over from a lower master that works";
    "preempt" Flag "" "" "on" => |d, _, _| d.nopreempt = None, "take over from a lower master";
    "preempt_delay" Required "SECS" "0 to 1000" "0" => preempt_delay, "how long to hear a lower master before taking over";
    "garp_master_delay" Required "SECS" "0 to 4294" "`vrrp_garp_master_delay`" => garp_master_delay, "from becoming master to the second burst";
    "garp_master_repeat" Required "N" "1 to 4294967295" "`vrrp_garp_master_repeat`" => garp_master_repeat, "gratuitous ARPs in a burst";
    "garp_master_refresh" Required "SECS" "0 to 4294967295" "`vrrp_garp_master_refresh`" => garp_master_refresh, "time between later bursts";
    "garp_master_refresh_repeat" Required "N" "1 to 4294967295" "`vrrp_garp_master_refresh_repeat`" => garp_master_refresh_repeat, "gratuitous ARPs in a later burst";
    "garp_lower_prio_delay" Required "SECS" "0 to 4294" "`vrrp_garp_lower_prio_delay`" => garp_lower_prio_delay, "the second burst after a lower advert";
    "garp_lower_prio_repeat" Required "N" "0 to 2147483647" "`vrrp_garp_lower_prio_repeat`" => garp_lower_prio_repeat, "gratuitous ARPs after a lower advert";
    "down_timer_adverts" Required "N" "1 to 100" "`vrrp_down_timer_adverts`" => down_timer_adverts, "adverts missed before taking over";
    "lower_prio_no_advert" Optional "[BOOL]" "" "`vrrp_lower_prio_no_advert`" => lower_prio_no_advert, "do not answer a lower advert with one of ours";
    "higher_prio_send_advert" Optional "[BOOL]" "" "`vrrp_higher_prio_send_advert`" => higher_prio_send_advert, "send an advert before giving way";
    "skip_check_adv_addr" Optional "[BOOL]" "" "`vrrp_skip_check_adv_addr`" => skip_check_adv_addr, "do not compare the addresses of further adverts of one master", Differs("`off` turns it off; in keepalived it turns it on");
    "on_removal" Optional "restore | yield" "" "`vrrp_on_removal`" => on_removal, "what a master does when somebody removes its addresses, routes or rules, or the address that its adverts come from: put them back (wait a moment for the last), or give way at once as keepalived does; unknown to keepalived";
    "dont_track_primary" Flag "" "" "off" => |d, node, _| d.dont_track_primary = Some(node.keyword.span), "a dead interface is no fault";
    "notify_master" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.master), "run on becoming master";
    "notify_backup" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.backup), "run on becoming backup";
    "notify_fault" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.fault), "run on a fault";
    "notify_stop" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.stop), "run when the daemon stops";
    "notify" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.any), "run on every transition, with its particulars as arguments";
    "smtp_alert" Optional "[BOOL]" "" "`smtp_alert_vrrp`" => smtp_alert, "mail on transitions";
    "unicast_fault_no_peer" Flag "" "" "off: multicast" => delivery::unicast_fault_no_peer, "a fault, not multicast, when a unicast keyword is given and there are no peers";
    "old_unicast_checksum" Optional "[never]" "" "as the peers do" => delivery::old_unicast_checksum, "checksum of VRRPv3 unicast adverts as keepalived 1.3.6 made it";
    "v3_checksum_as_v2" Optional "[BOOL]" "" "the global `v3_checksum_as_v2`" => delivery::v3_checksum_as_v2, "leave the pseudo-header out of the checksum of VRRPv3 over IPv4", Differs("a checksum must be right with or without the pseudo-header; keepalived then takes any");
    "vrf" Required "INTERFACE" "" "none" => delivery::vrf, "VRF of a unicast instance without `interface`";
    "track_src_ip" Flag "" "" "off" => |d, _, _| d.track_source = true, "a configured source address that is on no link is a fault";
    "kernel_rx_buf_size" Optional "BYTES" "0 to 4294967295" "as `vrrp_rx_bufs_policy` says" => policy::kernel_rx_buf_size, "receive buffer of its socket";
    "use_vmac" Optional "[[name] INTERFACE] [MAC] [netlink_notify_msg] [group N]" "" "vrrp.VRID, 00:00:5e:00:01:VRID" => virtual_link::use_vmac, "run on a macvlan that has the MAC address of the virtual router";
    "use_vmac_addr" Flag "" "" "off" => |d, _, _| d.vmac_addr = true, "VIPs on other links get a VMAC there";
    "vmac_xmit_base" Flag "" "" "off; on with unicast" => |d, node, _| d.xmit_base = Some(node.keyword.span), "adverts use the link below the VMAC";
    "use_ipvlan" Optional "[[name] INTERFACE] [ADDRESS] [bridge|private|vepa] [group N]" "" "vrrp.VRID, bridge" => virtual_link::use_ipvlan, "run on an ipvlan";
    "garp_extra_if" Optional "[all] SECS" "0 to 86400" "`vrrp_garp_extra_if`" => policy::garp_extra_if, "announce VIPs on VMACs (`all`: on any link) without adverts again and again";
    "vmac_garp_intvl" Optional "[all] SECS" "0 to 86400" "`vrrp_garp_extra_if`" => policy::garp_extra_if, "deprecated spelling of `garp_extra_if`";
    "no_virtual_ipaddress" Flag "" "" "off" => |d, node, _| d.no_vips = Some(node.keyword.span), "an instance without addresses is meant";
    "promote_secondaries" Flag "" "" "off" => |d, node, _| d.promote_secondaries = Some(node.keyword.span), "removing the first address of a subnet leaves the others alone";
    "accept" Flag "" "" "on, but in strict mode" => |d, node, _| d.accept = Some((true, node.keyword.span)), "a master takes packets to VIPs that it does not own";
    "no_accept" Flag "" "" "off" => |d, node, _| d.accept = Some((false, node.keyword.span)), "a master drops packets to VIPs that it does not own";
    "strict_mode" Optional "[BOOL]" "" "`vrrp_strict`" => policy::strict_mode, "keep to the RFC";
    "timer_expired_backup" Optional "[N]" "1 to 254" "off; 254" => policy::timer_expired_backup, "a master that slept long enough for another to take over listens first";
    "thread_timer_expired" Optional "[N]" "1 to 254" "off; 254" => policy::timer_expired_backup, "deprecated spelling of `timer_expired_backup`";
    "owner_ignore_adverts" Optional "[BOOL]" "" "`vrrp_owner_ignore_adverts`; on in strict mode" => policy::owner_ignore_adverts, "the owner of the addresses does not listen";
    "linkbeat_use_polling" Flag "" "" "off" => policy::linkbeat_use_polling, "deprecated: poll the state of the link", Differs("the kernel reports the state of every link; none is polled");
    "lvs_sync_daemon_interface" Optional "INTERFACE" "" "none" => policy::lvs_sync_daemon_interface, "deprecated: `lvs_sync_daemon` of this instance", NotYet("the kernel's connections are not told to other nodes");
    "notify_deleted" Optional "[SCRIPT [USER [GROUP]]]" "" "told as FAULT" => policy::notify_deleted, "tell as DELETED when a reload drops the instance, and run this";
    "notify_master_rx_lower_pri" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.master_rx_lower_pri), "run when a master hears a lower advert";
    "notify_split_brain" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.split_brain), "run when another router is master as well, once for as long as that lasts, with `INSTANCE NAME MASTER ADDRESS MAC CAUSE` appended; unknown to keepalived";
    "notify_priority_changes" Optional "[BOOL]" "" "`vrrp_notify_priority_changes`" => policy::notify_priority_changes, "tell FIFOs when the priority moves";
    "debug" Required "N" "0 to 4" "0" => debug, "has no effect";
}

const MAX_SECS: i64 = 4294;

impl Tracks for InstanceDraft {
    fn trackers(&mut self) -> &mut TrackDraft {
        &mut self.track
    }
}

impl InstanceDraft {
    pub(in crate::config) fn new(
        name: &Word,
        global: &GlobalDraft,
        known: &Arc<Trackables>,
        other_links: Vec<(Word, IfName)>,
    ) -> Self {
        let defs = &global.defs;
        let garp = &defs.garp;
        Self {
            name: name.clone(),
            end: None,
            state: None,
            interface: None,
            interface_refused: false,
            interface_absent: false,
            vrid: None,
            priority: None,
            advert_int: None,
            version: None,
            family: None,
            auth: AuthDraft::new(name),
            source: None,
            group: None,
            peers: Vec::new(),
            ttl: None,
            check_source: defs.vrrp_check_unicast_src,
            unicast: None,
            vips: Vec::new(),
            excluded_vips: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            vip_refused: false,
            nopreempt: None,
            preempt_delay: None,
            garp: Announcements {
                master_delay: garp.master_delay,
                master_repeat: garp.master_repeat,
                master_refresh: garp.master_refresh,
                master_refresh_repeat: garp.master_refresh_repeat,
                lower_prio_delay: garp.lower_prio_delay.unwrap_or(garp.master_delay),
                lower_prio_repeat: garp.lower_prio_repeat.unwrap_or(garp.master_repeat),
            },
            garp_lower_prio_delay: None,
            garp_lower_prio_repeat: None,
            garp_extra: None,
            garp_extra_all: false,
            down_timer_adverts: (defs.vrrp_down_timer_adverts, None),
            dont_track_primary: None,
            track: TrackDraft::new(name, known),
            notify: NotifyScripts::default(),
            smtp_alert: None,
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            skip_check_adv_addr: defs.vrrp_skip_check_adv_addr,
            on_removal: defs.vrrp_on_removal,
            debug: 0,
            strict: None,
            accept: None,
            owner_ignore_adverts: None,
            timer_expired_backup: None,
            vmac: None,
            ipvlan: None,
            vmac_addr: false,
            xmit_base: None,
            other_links,
            vrf: None,
            unicast_fault_no_peer: false,
            unicast_checksum: UnicastChecksum::default(),
            checksum_as_v2: defs.v3_checksum_as_v2,
            track_source: false,
            no_vips: None,
            promote_secondaries: None,
            notify_deleted: false,
            notify_priority_changes: None,
            kernel_rx_buf_size: 0,
            sync_daemon: defs.lvs.sync_daemon.as_ref().map(|daemon| daemon.interface.clone()),
            runs_sync_daemon: false,
            script_account: global.script_account,
        }
    }

    /// The name that the file gives its virtual link.
    pub(in crate::config) fn link_name(&self) -> Option<&IfName> {
        let vmac = self.vmac.as_ref().and_then(|vmac| vmac.name.as_ref());
        vmac.or(self.ipvlan.as_ref().and_then(|ipvlan| ipvlan.name.as_ref()))
    }

    /// What keepalived says at the `}`.
    pub(in crate::config) fn close(&mut self, cx: &mut Context<'_>) {
        let vmac = self.vmac.as_ref().map(|vmac| vmac.span);
        let Some(span) = vmac.or(self.ipvlan.as_ref().map(|ipvlan| ipvlan.span)) else { return };
        let Some(unicast) = self.unicast else { return };
        let name = &self.name;
        if self.interface.is_none() || self.interface_absent {
            let text =
                format!("({name}): Cannot use VMAC/ipvlan with unicast and no interface - clearing use_vmac");
            let problem = Diagnostic::warning("virtual-link-without-base", span, "there is no `interface`")
                .classic(text)
                .said_at(self.end)
                .label("this line is ignored");
            cx.report(problem);
            (self.vmac, self.ipvlan) = (None, None);
        } else if self.xmit_base.is_none() {
            let text = format!("({name}) unicast with use_vmac requires vmac_xmit_base - setting");
            let problem = Diagnostic::warning("unicast-needs-xmit-base", span, "unicast uses the link below")
                .classic(text)
                .said_at(self.end)
                .label("add `vmac_xmit_base`")
                .related(unicast, "unicast");
            cx.report(problem);
            self.xmit_base = Some(span);
        }
    }

    /// Whether an address has the family of the instance; the first one decides it.
    fn same_family(&mut self, address: IpAddr, span: Span) -> bool {
        let (family, _) = *self.family.get_or_insert((Family::of(address), span));
        family == Family::of(address)
    }

    /// An address that is there already: for the same link, or as one that adverts carry twice.
    fn note_duplicate(&self, new: &AddressDraft, excluded: bool, cx: &mut Context<'_>) {
        let (ip, dev) = (new.address.net.address, &new.address.dev);
        let same = |other: &&AddressDraft| other.address.net.address == ip;
        let on_link = |other: &&AddressDraft| other.address.dev == *dev;
        let vip = self.vips.iter().filter(same).find(|other| !excluded || on_link(other));
        let Some(first) = vip.or_else(|| self.excluded_vips.iter().filter(same).find(on_link)) else {
            return;
        };
        let problem = Diagnostic::note("duplicate-address", new.span, format!("`{ip}` is here twice"))
            .label("this one is kept as well")
            .related(first.span, "it is given here")
            .help("leave one of the two out")
            .keepalived("keeps both in 2.2, and the first alone in 2.4");
        cx.report(problem);
    }

    fn other_family(&self, span: Span, what: &str) -> Diagnostic {
        let problem = Diagnostic::error(
            "family-mismatch",
            span,
            format!("{what} is not of the family of the instance"),
        );
        match self.family {
            Some((family, first)) => problem.related(first, format!("this makes it an {family} instance")),
            None => problem,
        }
    }
}

fn secs(n: i64) -> Duration {
    Duration::from_secs(n.unsigned_abs())
}

fn state(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (&d.name, node.arg());
    match word.as_str() {
        "MASTER" => d.state = Some((State::Master, word.span)),
        "BACKUP" => match d.state {
            Some((State::Master, first)) => {
                let problem =
                    Diagnostic::error("conflicting-values", word.span, "`state` was given as MASTER before")
                        .classic(format!("({name}) state previously set as MASTER - ignoring BACKUP"))
                        .label("this line is ignored")
                        .related(first, "given here");
                cx.report(problem);
            }
            _ => d.state = Some((State::Backup, word.span)),
        },
        _ => {
            let problem =
                Diagnostic::error("bad-state", word.span, format!("`{word}` is not a state to start in"))
                    .classic(format!("({name}) unknown state '{word}', defaulting to BACKUP"))
                    .label("BACKUP is used")
                    .meant(word, ["MASTER", "BACKUP"], "write `state MASTER` or `state BACKUP`, in capitals");
            cx.report(problem);
            d.state = Some((State::Backup, word.span));
        }
    }
}

fn interface(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (&d.name, node.arg());
    let link = match IfName::of_alias(word.as_str()).map_or_else(|| IfName::new(word.as_str()), Ok) {
        Ok(link) => link,
        Err(error) => {
            let problem = Diagnostic::error("bad-interface-name", word.span, error.to_string())
                .classic(format!("Interface name '{word}' too long - ignoring"))
                .label("this line is ignored");
            d.interface_refused = true;
            return cx.report(problem);
        }
    };
    let found = cx.interface(word);
    d.interface_absent = found.is_none();
    match found {
        Some((_, Some(facts))) if facts.loopback => {
            let problem = Diagnostic::error(
                "loopback-interface",
                word.span,
                format!("no virtual router can run on `{word}`"),
            )
            .classic(format!("({name}) cannot use a loopback interface ({word}) for vrrp - ignoring"))
            .label("this line is ignored")
            .help("name the interface that leads to the other routers");

            d.interface_refused = true;
            d.interface = None;
            cx.report(problem);
        }
        None => {
            let classic = format!("WARNING - interface {word} for vrrp_instance {name} doesn't exist");
            cx.report(cx.no_such_interface(word, MUST_BE_THERE, classic));
            d.interface = Some((link, word.span));
        }
        Some(_) => {
            cx.report_alias(word);
            d.interface = Some((link, word.span));
        }
    }
}

fn virtual_router_id(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}): VRID '{word}' not valid - must be between 1 & 255", d.name);
    let n = cx.integer(word, 1..=255, Junk::Refused, Otherwise::ignored(text));
    if let Some(vrid) = n.and_then(|n| u8::try_from(n).ok()).and_then(Vrid::new) {
        d.vrid = Some((vrid, word.span));
    }
}

fn priority(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}) Priority not valid! must be between 1 & 255. Using default 100", d.name);
    let n = cx.integer(word, 1..=255, Junk::Refused, Otherwise::replaced(text, "100 is used"));
    d.priority = Some(n.and_then(|n| u8::try_from(n).ok()).map_or(Priority::DEFAULT, Priority::new));
}

fn advert_int(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}) Advert interval ({word}) not valid! Must be > 0 - ignoring", d.name);
    if let Some(micros) = cx.decimal(word, 6, 10_000..=255_000_000, Otherwise::ignored(text)) {
        d.advert_int = Some((micros, word.span));
    }
}

fn version(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}): Version must be either 2 or 3", d.name);
    let version = match cx.integer_of(true, word, 2..=3, Junk::Tolerated, Otherwise::ignored(text)) {
        Some(2) => Version::V2,
        Some(_) => Version::V3,
        None => return,
    };
    let deduced = matches!(d.family, Some((Family::V6, _))).then_some(Version::V3);
    let conflict = match d.version {
        Some((earlier, span)) => (earlier != version).then_some((Some(earlier), span)),
        None if deduced.is_some_and(|v| v != version) => d.family.map(|(_, span)| (None, span)),
        None => None,
    };
    let Some((earlier, span)) = conflict else {
        d.version = Some((version, word.span));
        return;
    };
    let number = earlier.map_or(0, Version::number);
    let text = format!(
        "({}) vrrp_version {version} conflicts with configured or deduced version {number}; ignoring.",
        d.name
    );
    let because = if earlier.is_some() { "given here" } else { "an IPv6 address needs version 3" };
    let problem = Diagnostic::error("conflicting-values", word.span, "the version is settled already")
        .classic(text)
        .label("this line is ignored")
        .related(span, because);
    cx.report(problem);
}

fn native_ipv6(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let span = node.keyword.span;
    let (family, _) = *d.family.get_or_insert((Family::V6, span));
    if family == Family::V6 {
        return;
    }
    let problem = d
        .other_family(span, "`native_ipv6`")
        .classic(format!("({}) Cannot specify native_ipv6 with IPv4 addresses", d.name))
        .label("this line is ignored");
    cx.report(problem);
}

fn virtual_ipaddress(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    for entry in node.entries() {
        let Some(address) = cx.address_line(entry) else {
            d.vip_refused = true;
            continue;
        };
        let ip = address.address.net.address;
        if d.same_family(ip, address.span) {
            d.note_duplicate(&address, false, cx);
            d.vips.push(address);
            continue;
        }
        let problem = d
            .other_family(address.span, &format!("`{ip}`"))
            .classic(format!(
                "({}): address family must match VRRP instance [{}] - ignoring",
                d.name, entry[0]
            ))
            .label("this entry is ignored")
            .help("put it into `virtual_ipaddress_excluded`, or into an instance of its own");
        cx.report(problem);
    }
}

fn virtual_ipaddress_excluded(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    for entry in node.entries() {
        if let Some(address) = cx.address_line(entry) {
            d.note_duplicate(&address, true, cx);
            d.excluded_vips.push(address);
        }
    }
}

/// The argument of `mcast_src_ip` and `unicast_src_ip`.
fn source(d: &mut InstanceDraft, word: &Word, cx: &mut Context<'_>) {
    let Some(address) = bare_address(word) else {
        let problem = bad_address(word)
            .classic(format!(
                "Configuration error: VRRP instance[{}] malformed src address[{word}]. Skipping...",
                d.name
            ))
            .label("this line is ignored")
            .keepalived("sends from the first address of the interface");
        return cx.report(problem);
    };
    if d.same_family(address, word.span) {
        d.source = Some(address);
        return;
    }
    let text = format!(
        "Configuration error: VRRP instance[{}] and src address[{word}] MUST be of the same family !!! Skipping...",
        d.name
    );
    let problem = d.other_family(word.span, &format!("`{word}`")).classic(text).label("this line is ignored");
    cx.report(problem);
}

fn mcast_src_ip(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    source(d, node.arg(), cx);
}

fn unicast_src_ip(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    d.unicast.get_or_insert(node.keyword.span);
    source(d, node.arg(), cx);
}

fn mcast_dst_ip(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (d.name.clone(), node.arg());
    let problem = match word.as_str().parse::<IpAddr>() {
        Err(_) => {
            bad_address(word).classic(format!("({name}) malformed mcast dest address {word}. Skipping..."))
        }
        Ok(address) if !d.same_family(address, word.span) => {
            d.other_family(word.span, &format!("`{word}`")).classic(format!(
                "({name}) mcast dest address {word} MUST match VRRP instance family. Skipping..."
            ))
        }
        Ok(address) if !address.is_multicast() => {
            let kind = if address.is_ipv6() { "not link-local" } else { "not" };
            Diagnostic::error("bad-address", word.span, format!("`{word}` is not a multicast address"))
                .classic(format!("({name}) mcast_dst_ip {word} {kind} multicast. Skipping..."))
        }
        Ok(IpAddr::V6(group)) if group.octets()[1] & 0x0f != 2 => {
            let message = format!("`{word}` leaves the link: adverts belong to ff02::/16");
            Diagnostic::error("bad-address", word.span, message)
                .help("write a group of ff02::/16; ff02::12 is that of VRRP")
                .classic(format!("({name}) mcast_dst_ip {word} not link-local multicast. Skipping..."))
        }
        Ok(address) => {
            d.group = Some((address, word.span));
            return;
        }
    };
    cx.report(problem.label("this line is ignored"));
}

fn preempt_delay(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}) Preempt_delay not valid! must be between 0-1000", d.name);
    let micros = cx.decimal(word, 6, 0..=1_000_000_000, Otherwise::replaced(text, "0 is used"));
    d.preempt_delay = Some((Duration::from_micros(micros.unwrap_or(0)), node.span()));
}

fn garp_master_delay(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}): garp_master_delay '{}' invalid - ignoring", d.name, node.arg());
    if let Some(n) = cx.integer(node.arg(), 0..=MAX_SECS, Junk::Tolerated, Otherwise::ignored(text)) {
        d.garp.master_delay = secs(n);
    }
}

/// A count of gratuitous ARPs: 0 becomes 1.
fn repeat(d: &InstanceDraft, node: &Node, cx: &mut Context<'_>) -> Option<u32> {
    let (name, keyword, word) = (&d.name, &node.keyword, node.arg());
    let otherwise = Otherwise::ignored(format!("({name}): {keyword} '{word}' invalid - ignoring"));
    let n = cx.integer(word, 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise)?;
    u32::try_from(cx.at_least_one(word, n, &format!("({name}): {keyword}"))).ok()
}

fn garp_master_repeat(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    d.garp.master_repeat = repeat(d, node, cx).unwrap_or(d.garp.master_repeat);
}

fn garp_master_refresh_repeat(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    d.garp.master_refresh_repeat = repeat(d, node, cx).unwrap_or(d.garp.master_refresh_repeat);
}

fn garp_master_refresh(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}): Invalid garp_master_refresh '{}' - ignoring", d.name, node.arg());
    let otherwise = Otherwise::replaced(text, "0 is used");
    let n = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise);
    d.garp.master_refresh = secs(n.unwrap_or(0));
}

fn garp_lower_prio_delay(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}): garp_lower_prio_delay '{}' invalid - ignoring", d.name, node.arg());
    if let Some(n) = cx.integer(node.arg(), 0..=MAX_SECS, Junk::Tolerated, Otherwise::ignored(text)) {
        d.garp.lower_prio_delay = secs(n);
        d.garp_lower_prio_delay = Some(node.span());
    }
}

fn garp_lower_prio_repeat(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}): Invalid garp_lower_prio_repeat '{}'", d.name, node.arg());
    let n = cx.integer(node.arg(), 0..=i64::from(i32::MAX), Junk::Tolerated, Otherwise::ignored(text));
    if let Some(n) = n.and_then(|n| u32::try_from(n).ok()) {
        d.garp.lower_prio_repeat = n;
        d.garp_lower_prio_repeat = Some(node.span());
    }
}

fn down_timer_adverts(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}): Invalid down_timer_adverts [1:100] '{}'", d.name, node.arg());
    let n = cx.integer(node.arg(), 1..=100, Junk::Tolerated, Otherwise::ignored(text));
    if let Some(n) = n.and_then(|n| u8::try_from(n).ok()) {
        d.down_timer_adverts = (n, Some(node.span()));
    }
}

fn lower_prio_no_advert(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |w| format!("({}) invalid lower_prio_no_advert {w} specified", d.name));
    d.lower_prio_no_advert = value.map(|value| (value, node.span())).or(d.lower_prio_no_advert);
}

fn higher_prio_send_advert(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |w| format!("({}) invalid higher_prio_send_advert {w} specified", d.name));
    d.higher_prio_send_advert = value.map(|value| (value, node.span())).or(d.higher_prio_send_advert);
}

fn on_removal(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    d.on_removal = cx.on_removal(node).unwrap_or(d.on_removal);
}

fn skip_check_adv_addr(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |w| format!("({}) invalid skip_check_adv_addr {w} specified", d.name));
    d.skip_check_adv_addr = value.unwrap_or(d.skip_check_adv_addr);
    if value == Some(false) {
        let problem =
            Diagnostic::note("version-dependent", node.span(), "`skip_check_adv_addr` is turned off")
                .keepalived("turns it on, whatever the argument says; vrrpd does not copy that");
        cx.report(problem);
    }
}

/// `notify*`: a command, and the account that runs it.
fn notify(
    d: &mut InstanceDraft,
    node: &Node,
    cx: &mut Context<'_>,
    slot: fn(&mut NotifyScripts) -> &mut Option<ScriptCommand>,
) {
    let owner = format!("({})", d.name);
    let command = cx.notify_script(node, slot(&mut d.notify).is_some(), &owner, d.script_account);
    if command.is_some() {
        *slot(&mut d.notify) = command;
    }
}

fn smtp_alert(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid vrrp_instance smtp_alert parameter {word}"));
    d.smtp_alert = value.or(d.smtp_alert);
}

fn debug(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("({}) Debug value '{}' not valid; must be between 0-4", d.name, node.arg());
    let n = cx.integer(node.arg(), 0..=4, Junk::Tolerated, Otherwise::ignored(text));
    d.debug = n.and_then(|n| u8::try_from(n).ok()).unwrap_or(d.debug);
}
