//! An instance for unit tests: every field at a value that is easy to tell from the others.

use crate::config::block::{Announcements, Auth, Delivery, NotifyScripts, Preempt, VrrpInstance};
use crate::config::value::VirtualAddress;
use crate::types::{AdvertInt, Family, IfName, IpNet, Priority, State, Version, Vrid};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// 10.99.0.`last`/32 on eth0.
pub(crate) fn vip(last: u8) -> VirtualAddress {
    VirtualAddress::new(IpNet::host(IpAddr::V4(Ipv4Addr::new(10, 99, 0, last))), IfName::new("eth0").unwrap())
}

/// Priority 150, one VIP, all else at its default.
pub(crate) fn sample() -> VrrpInstance {
    VrrpInstance {
        name: "VI_1".into(),
        wanted_state: State::Master,
        interface: IfName::new("eth0").unwrap(),
        vrid: Vrid::new(51).unwrap(),
        family: Family::V4,
        version: Version::V2,
        priority: Priority::new(150),
        advert_int: AdvertInt::DEFAULT,
        auth: Auth::None,
        delivery: Delivery::Multicast { group: Family::V4.vrrp_group() },
        source: None,
        vips: vec![vip(100)],
        excluded_vips: Vec::new(),
        preempt: Preempt::After(Duration::ZERO),
        garp: Announcements {
            master_delay: Duration::from_secs(5),
            master_repeat: 5,
            master_refresh: Duration::ZERO,
            master_refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
        },
        down_timer_adverts: 3,
        track_primary: true,
        track: Vec::new(),
        sync_group: None,
        notify: NotifyScripts::default(),
        smtp_alert: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        skip_check_adv_addr: false,
        debug: 0,
    }
}
