//! `vrrp_instance NAME { … }`: our part of one virtual router.

mod changes;
mod dump;
mod keywords;
mod virtual_link;

pub use virtual_link::{IpvlanMode, MacOrigin, VirtualLink, VirtualLinkKind};

pub(in crate::config::block) use changes::tracked;
pub(in crate::config) use keywords::{InstanceDraft, IpvlanDraft, VRRP_INSTANCE, VmacDraft};

use super::GarpExtraIf;
use super::authentication::Auth;
use super::tracking::{TrackEntry, Tracked};
use crate::config::value::{OnRemoval, Route, Rule, ScriptCommand, VirtualAddress};
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
    /// The link that adverts use and that VIPs live on unless they name another; `None`: unicast by whatever way
    /// leads to the peers, and each VIP names its link.
    pub interface: Option<IfName>,
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
    /// `virtual_routes`, in this order.
    pub routes: Vec<Route>,
    /// `virtual_rules`, in this order.
    pub rules: Vec<Rule>,
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
    /// `strict_mode`, or `vrrp_strict`: the RFC to the letter. What follows from it has been applied.
    pub strict: bool,
    /// Whether a master that does not own the addresses takes packets to them; `no_accept` and strict
    /// mode clear it.
    pub accept: bool,
    /// `owner_ignore_adverts`: only ever set for an owner.
    pub owner_ignore_adverts: bool,
    /// `timer_expired_backup`: a master that slept so long that a router of this priority may have taken
    /// over listens before it speaks.
    pub timer_expired_backup: Option<Priority>,
    /// `use_vmac` or `use_ipvlan`: a link of our own on top of `interface`.
    pub virtual_link: Option<VirtualLink>,
    /// `vmac_xmit_base`: adverts use `interface`, not the link on top of it.
    pub xmit_base: bool,
    /// `use_vmac_addr`: VIPs on other links get a VMAC there, too.
    pub vmac_addr: bool,
    /// The VMACs that `vips` and `excluded_vips` live on, but for `virtual_link`.
    pub address_links: Vec<VirtualLink>,
    /// `garp_extra_if`: announce again and again on links other than that of the adverts.
    pub garp_extra: GarpExtraIf,
    /// `vrf`: the VRF that the adverts of an instance without an interface travel in.
    pub vrf: Option<IfName>,
    /// A unicast keyword was given, whether there are peers or not.
    pub unicast_configured: bool,
    /// `unicast_fault_no_peer`.
    pub unicast_fault_no_peer: bool,
    /// `track_src_ip`: the configured source is not on any link: a fault.
    pub track_source: bool,
    /// `no_virtual_ipaddress`: that there are no VIPs is meant.
    pub allow_no_vips: bool,
    /// `promote_secondaries`: removing the first address of a subnet leaves the others alone.
    pub promote_secondaries: bool,
    /// `v3_checksum_as_v2`: the checksum of VRRPv3 over IPv4 leaves out the pseudo-header.
    pub checksum_as_v2: bool,
    /// `notify_deleted`: a reload that drops the instance is told as DELETED, not as FAULT.
    pub notify_deleted: bool,
    /// `notify_priority_changes`.
    pub notify_priority_changes: bool,
    /// `kernel_rx_buf_size` in bytes; `None`: as `vrrp_rx_bufs_policy` says.
    pub kernel_rx_buf_size: Option<u32>,
    /// What one or the other makes of it: its part of the receive buffer; `None`: the system's.
    pub rx_buffer: Option<u32>,
    /// Mistakes of the configuration that hold it in FAULT.
    pub config_faults: u32,
    /// `on_removal`.
    pub on_removal: OnRemoval,
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
        peers: Vec<UnicastPeer>,
        /// `unicast_ttl`; `None`: 255 for IPv4, the kernel's 64 for IPv6.
        ttl: Option<u8>,
        /// `check_unicast_src`: accept adverts of these peers only.
        check_source: bool,
        /// `old_unicast_checksum`.
        checksum: UnicastChecksum,
        /// The group that it would use without peers: old checksums cover that.
        group: IpAddr,
    },
}

impl Delivery {
    /// A copy to each of these, and no further demands.
    #[must_use]
    pub fn to_peers(peers: impl IntoIterator<Item = IpAddr>) -> Self {
        let peers: Vec<_> = peers.into_iter().map(UnicastPeer::new).collect();
        let family = peers.first().map_or(Family::V4, |peer| Family::of(peer.address));
        Self::Unicast {
            peers,
            ttl: None,
            check_source: false,
            checksum: UnicastChecksum::default(),
            group: family.vrrp_group(),
        }
    }
}

/// A line of `unicast_peer`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: the lowest TTL or hop limit that is accepted from it; default 0.
    pub min_ttl: u8,
    /// `max_ttl`: the highest; default 255.
    pub max_ttl: u8,
}

impl UnicastPeer {
    /// A peer from anywhere.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self { address, min_ttl: 0, max_ttl: 255 }
    }
}

/// `old_unicast_checksum`: keepalived up to 1.3.6 summed unicast adverts of VRRPv3 over IPv4 as if they
/// went to the group.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UnicastChecksum {
    /// As the RFC says, until a peer is heard that does not.
    #[default]
    Automatic,
    /// `old_unicast_checksum never`: as the RFC says.
    Never,
    /// `old_unicast_checksum`: as keepalived 1.3.6.
    Old,
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
    /// `notify_deleted`, where it has a script.
    pub deleted: Option<ScriptCommand>,
    /// `notify`: `INSTANCE NAME STATE PRIORITY` appended.
    pub any: Option<ScriptCommand>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<ScriptCommand>,
    /// `notify_split_brain`: `INSTANCE NAME STATE ADDRESS MAC CAUSE` appended.
    pub split_brain: Option<ScriptCommand>,
}

impl NotifyScripts {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each of them, in the order in which keepalived looks at them.
    pub fn slots(&mut self) -> [&mut Option<ScriptCommand>; 8] {
        let Self { master, backup, fault, stop, deleted, any, master_rx_lower_pri, split_brain } = self;
        [backup, master, fault, stop, deleted, any, master_rx_lower_pri, split_brain]
    }

    /// The same, for good.
    #[must_use]
    pub fn into_slots(self) -> [Option<ScriptCommand>; 8] {
        let Self { master, backup, fault, stop, deleted, any, master_rx_lower_pri, split_brain } = self;
        [backup, master, fault, stop, deleted, any, master_rx_lower_pri, split_brain]
    }
}

impl VrrpInstance {
    /// The addresses that it advertises, then those that it has beside them.
    pub fn all_vips(&self) -> impl Iterator<Item = &VirtualAddress> + Clone {
        self.vips.iter().chain(&self.excluded_vips)
    }

    /// The links that we make for it.
    pub fn virtual_links(&self) -> impl Iterator<Item = &VirtualLink> {
        self.virtual_link.iter().chain(&self.address_links)
    }

    /// The link that it runs on: one that we make for it, or its interface.
    #[must_use]
    pub fn own_link(&self) -> Option<&IfName> {
        self.virtual_link.as_ref().map(|link| &link.name).or(self.interface.as_ref())
    }

    /// The link that adverts leave and arrive by; `None`: any.
    #[must_use]
    pub fn advert_link(&self) -> Option<&IfName> {
        if self.xmit_base { self.interface.as_ref() } else { self.own_link() }
    }

    /// What sockets are bound to: that link, or the VRF.
    #[must_use]
    pub fn socket_link(&self) -> Option<&IfName> {
        self.advert_link().or(self.vrf.as_ref())
    }

    /// The link whose address adverts come from: a VMAC has no IPv4 address that is not a virtual one.
    #[must_use]
    pub fn source_link(&self) -> Option<&IfName> {
        match self.family {
            Family::V4 => self.interface.as_ref(),
            Family::V6 => self.advert_link(),
        }
    }

    /// Whether it is its own interface, which it tracks without being told.
    #[must_use]
    pub fn tracks_anyway(&self, tracked: &Tracked) -> bool {
        let own = matches!(tracked, Tracked::Interface(link) if Some(link) == self.interface.as_ref());
        own && self.track_primary
    }

    /// What a file makes of an instance with no more than a name, a link and a VRID: VRRPv2, priority
    /// 100, no addresses.
    #[must_use]
    pub fn new(name: &str, interface: impl Into<Option<IfName>>, vrid: Vrid) -> Self {
        Self {
            name: name.to_owned(),
            wanted_state: State::Backup,
            interface: interface.into(),
            vrid,
            family: Family::V4,
            version: Version::V2,
            priority: Priority::DEFAULT,
            advert_int: AdvertInt::DEFAULT,
            auth: Auth::None,
            delivery: Delivery::Multicast { group: Family::V4.vrrp_group() },
            source: None,
            vips: Vec::new(),
            excluded_vips: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            preempt: Preempt::After(Duration::ZERO),
            garp: Announcements::default(),
            down_timer_adverts: 3,
            track_primary: true,
            track: Vec::new(),
            sync_group: None,
            notify: NotifyScripts::default(),
            smtp_alert: false,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            skip_check_adv_addr: false,
            strict: false,
            accept: true,
            owner_ignore_adverts: false,
            timer_expired_backup: None,
            virtual_link: None,
            xmit_base: false,
            vmac_addr: false,
            address_links: Vec::new(),
            garp_extra: GarpExtraIf::default(),
            vrf: None,
            unicast_configured: false,
            unicast_fault_no_peer: false,
            track_source: false,
            allow_no_vips: false,
            promote_secondaries: false,
            checksum_as_v2: false,
            notify_deleted: false,
            notify_priority_changes: false,
            kernel_rx_buf_size: None,
            rx_buffer: None,
            config_faults: 0,
            on_removal: OnRemoval::default(),
            debug: 0,
        }
    }
}

impl Default for Announcements {
    /// Those of a file that says nothing of them.
    fn default() -> Self {
        let defaults = super::GarpDefaults::default();
        Self {
            master_delay: defaults.master_delay,
            master_repeat: defaults.master_repeat,
            master_refresh: defaults.master_refresh,
            master_refresh_repeat: defaults.master_refresh_repeat,
            lower_prio_delay: defaults.master_delay,
            lower_prio_repeat: defaults.master_repeat,
        }
    }
}
