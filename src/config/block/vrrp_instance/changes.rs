//! What a reload makes of each keyword of an instance that goes on.

use super::{Delivery, NotifyScripts, Preempt, VirtualLink, VrrpInstance};
use crate::config::block::{Announcements, GarpExtraIf, TrackEntry};
use crate::config::diff::{Shown, compared, shown};
use crate::config::value::VirtualAddress;

compared! { VrrpInstance {
    name: "vrrp_instance" None plain;
    wanted_state: "state" None plain;
    interface: "interface" Restart optional;
    vrid: "virtual_router_id" Restart plain;
    family: "family" Restart plain;
    version: "version" Restart plain;
    priority: "priority" Advert plain, "another router may become master";
    advert_int: "advert_int" Advert interval, "neighbours that have another interval may take over, or drop VRRPv2 adverts, until they have the same";
    auth: "authentication" Advert hidden, "neighbours drop the adverts until they have the same";
    delivery: "unicast_peer" Sockets delivery, "whoever hears no adverts any more takes over";
    source: "unicast_src_ip" Sockets optional;
    vips: "virtual_ipaddress" Addresses addresses;
    excluded_vips: "virtual_ipaddress_excluded" Addresses addresses;
    routes: "virtual_routes" Addresses list;
    rules: "virtual_rules" Addresses list;
    preempt: "nopreempt" Timers preempt;
    down_timer_adverts: "down_timer_adverts" Timers plain;
    track_primary: "dont_track_primary" None hidden;
    track: "track_*" Advert tracked, "another priority, or a fault, may make another router master";
    sync_group: "sync group" None optional, "it does what its group does";
    smtp_alert: "smtp_alert" None onoff;
    lower_prio_no_advert: "lower_prio_no_advert" None onoff;
    higher_prio_send_advert: "higher_prio_send_advert" None onoff;
    skip_check_adv_addr: "skip_check_adv_addr" Advert onoff;
    strict: "strict_mode" Advert onoff;
    accept: "accept" Addresses onoff, "as master it takes packets to its addresses, or no longer";
    owner_ignore_adverts: "owner_ignore_adverts" Advert onoff;
    timer_expired_backup: "timer_expired_backup" Timers optional;
    virtual_link: "use_vmac" Sockets virtual_link, "the addresses may answer from another MAC address";
    xmit_base: "vmac_xmit_base" Sockets onoff;
    vmac_addr: "use_vmac_addr" Restart onoff;
    address_links: "use_vmac_addr" Addresses hidden, "addresses may answer from another MAC address";
    vrf: "vrf" Sockets optional;
    unicast_configured: "unicast_peer" None onoff;
    unicast_fault_no_peer: "unicast_fault_no_peer" None onoff;
    track_source: "track_src_ip" None onoff;
    allow_no_vips: "no_virtual_ipaddress" None onoff;
    promote_secondaries: "promote_secondaries" None onoff;
    checksum_as_v2: "v3_checksum_as_v2" Advert onoff, "neighbours drop the adverts until they have the same";
    on_removal: "on_removal" None hidden;
    notify_deleted: "notify_deleted" None onoff;
    notify_priority_changes: "notify_priority_changes" None onoff;
    kernel_rx_buf_size: "kernel_rx_buf_size" DaemonRestart optional;
    rx_buffer: "vrrp_rx_bufs_policy" DaemonRestart optional;
    config_faults: "mistakes" None plain, "it may leave or enter FAULT";
    debug: "debug" None plain;
    .. garp;
    .. garp_extra;
    .. notify;
}}

compared! { Announcements {
    master_delay: "garp_master_delay" Timers time;
    master_repeat: "garp_master_repeat" Timers plain;
    master_refresh: "garp_master_refresh" Timers time;
    master_refresh_repeat: "garp_master_refresh_repeat" Timers plain;
    lower_prio_delay: "garp_lower_prio_delay" Timers time;
    lower_prio_repeat: "garp_lower_prio_repeat" Timers plain;
}}

compared! { GarpExtraIf {
    interval: "garp_extra_if" Timers time;
    all: "garp_extra_if all" None onoff;
}}

compared! { NotifyScripts {
    master: "notify_master" None command;
    backup: "notify_backup" None command;
    fault: "notify_fault" None command;
    stop: "notify_stop" None command;
    deleted: "notify_deleted" None command;
    any: "notify" None command;
    master_rx_lower_pri: "notify_master_rx_lower_pri" None command;
    split_brain: "notify_split_brain" None command;
}}

fn addresses(old: &[VirtualAddress], new: &[VirtualAddress]) -> Shown {
    shown::list_by(old, new, VirtualAddress::to_string)
}

fn delivery(old: &Delivery, new: &Delivery) -> Shown {
    let peers = |delivery: &Delivery| match delivery {
        Delivery::Multicast { group } => vec![format!("multicast {group}")],
        Delivery::Unicast { peers, .. } => peers.iter().map(|peer| peer.address.to_string()).collect(),
    };
    let (old, new) = (peers(old), peers(new));
    if old == new { Shown::Hidden {} } else { shown::list(&old, &new) }
}

fn preempt(old: &Preempt, new: &Preempt) -> Shown {
    let text = |preempt: &Preempt| match preempt {
        Preempt::Never => "nopreempt".to_owned(),
        Preempt::After(delay) => format!("preempt after {} s", delay.as_secs_f64()),
    };
    shown::one(Some(text(old)), Some(text(new)))
}

pub(in crate::config::block) fn tracked(old: &[TrackEntry], new: &[TrackEntry]) -> Shown {
    shown::list_by(old, new, |entry| format!("{} weight {}", entry.tracked.name(), entry.weight))
}

fn virtual_link(old: &Option<VirtualLink>, new: &Option<VirtualLink>) -> Shown {
    let name = |link: &Option<VirtualLink>| link.as_ref().map(|link| link.name.to_string());
    shown::one(name(old), name(new))
}
