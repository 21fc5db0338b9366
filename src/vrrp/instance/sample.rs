//! An instance for unit tests: every field at a value that is easy to tell from the others.

use crate::config::block::VrrpInstance;
use crate::config::value::VirtualAddress;
use crate::types::{IfName, IpNet, Priority, State, Vrid};
use std::net::{IpAddr, Ipv4Addr};

/// 10.99.0.`last`/32 on eth0.
pub(crate) fn vip(last: u8) -> VirtualAddress {
    VirtualAddress::new(IpNet::host(IpAddr::V4(Ipv4Addr::new(10, 99, 0, last))), IfName::new("eth0").unwrap())
}

/// Priority 150, one VIP, all else at its default.
pub(crate) fn sample() -> VrrpInstance {
    let eth0 = IfName::new("eth0").unwrap();
    VrrpInstance {
        wanted_state: State::Master,
        priority: Priority::new(150),
        vips: vec![vip(100)],
        ..VrrpInstance::new("VI_1", eth0, Vrid::new(51).unwrap())
    }
}
