//! `vrrp_instance NAME { … }`: our part of one virtual router.

mod dump;
mod keywords;

pub(in crate::config) use keywords::{InstanceDraft, VRRP_INSTANCE};

use super::authentication::Auth;
use super::tracking::TrackEntry;
use crate::config::value::{ScriptCommand, VirtualAddress};
use crate::types::{AdvertInt, Family, IfName, Priority, State, Version, Vrid};
use std::net::IpAddr;
use std::time::Duration;

/// A virtual router that this node takes part in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VrrpInstance {
    /// Its name in logs, scripts and dumps.
    pub name: String,
    /// `state`: MASTER or BACKUP. Like keepalived we start as backup either way.
    pub wanted_state: State,
    /// The link that adverts use and that VIPs live on unless they name another.
    pub interface: IfName,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// Family of the adverts: that of the first address given.
    pub family: Family,
    /// `version`, or what the family and `vrrp_version` imply.
    pub version: Version,
    /// `priority`, before trackers.
    pub priority: Priority,
    /// `advert_int`, already rounded as the version demands.
    pub advert_int: AdvertInt,
    /// `authentication` and `auth_hmac`.
    pub auth: Auth,
    /// Multicast, or unicast to named peers.
    pub delivery: Delivery,
    /// `mcast_src_ip` or `unicast_src_ip`; `None`: the first address of the interface.
    pub source: Option<IpAddr>,
    /// `virtual_ipaddress`: advertised, in this order.
    pub vips: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`: owned like the others, never advertised.
    pub excluded_vips: Vec<VirtualAddress>,
    /// `nopreempt`, `preempt_delay`.
    pub preempt: Preempt,
    /// `garp_*`.
    pub garp: Announcements,
    /// Adverts that may be missed before taking over; default 3.
    pub down_timer_adverts: u8,
    /// `dont_track_primary` clears it: whether a dead interface is a fault.
    pub track_primary: bool,
    /// `track_interface`, `track_script`, `track_file`, `track_process`, `track_bfd`, in this order.
    pub track: Vec<TrackEntry>,
    /// Name of the sync group that it is in.
    pub sync_group: Option<String>,
    /// `notify*`.
    pub notify: NotifyScripts,
    /// `smtp_alert`, with its global twins applied.
    pub smtp_alert: bool,
    /// Answer a lower advert with GARPs only, not with an advert.
    pub lower_prio_no_advert: bool,
    /// Send one last advert before giving way to a higher one.
    pub higher_prio_send_advert: bool,
    /// Do not compare the addresses of further adverts of the same master.
    pub skip_check_adv_addr: bool,
    /// `debug`, 0 to 4: kept, without effect, as in keepalived.
    pub debug: u8,
}

/// How adverts travel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// To a group on the link.
    Multicast {
        /// `mcast_dst_ip`, or the global group of the family.
        group: IpAddr,
    },
    /// A copy to each peer, routed.
    Unicast {
        /// `unicast_peer`, in order; may hold our own address.
        peers: Vec<IpAddr>,
        /// `unicast_ttl`; `None`: 255 for IPv4, the kernel's 64 for IPv6.
        ttl: Option<u8>,
        /// `check_unicast_src`: accept adverts of these peers only.
        check_source: bool,
    },
}

/// Whether a router of higher priority takes over from a lower one that works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preempt {
    /// Yes, after `preempt_delay` (0 to 1000 s) of hearing the lower one.
    After(Duration),
    /// `nopreempt`.
    Never,
}

/// When gratuitous ARPs and unsolicited NAs are sent; see [`super::GarpDefaults`] for the meanings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Announcements {
    /// `garp_master_delay`; zero: no second burst.
    pub master_delay: Duration,
    /// `garp_master_repeat`.
    pub master_repeat: u32,
    /// `garp_master_refresh`; zero: none.
    pub master_refresh: Duration,
    /// `garp_master_refresh_repeat`.
    pub master_refresh_repeat: u32,
    /// `garp_lower_prio_delay`; zero: no second burst.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`; zero: none at all.
    pub lower_prio_repeat: u32,
}

/// The `notify*` scripts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NotifyScripts {
    /// `notify_master`: no arguments appended.
    pub master: Option<ScriptCommand>,
    /// `notify_backup`.
    pub backup: Option<ScriptCommand>,
    /// `notify_fault`.
    pub fault: Option<ScriptCommand>,
    /// `notify_stop`.
    pub stop: Option<ScriptCommand>,
    /// `notify`: `INSTANCE NAME STATE PRIORITY` appended.
    pub any: Option<ScriptCommand>,
}
