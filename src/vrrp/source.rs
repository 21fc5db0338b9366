//! Which address adverts come from.

use crate::config::block::VrrpInstance;
use crate::types::{Family, IpNet};
use std::net::IpAddr;

/// An address on the instance's link, as the kernel lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkAddress {
    /// Address and prefix.
    pub net: IpNet,
    /// IPv6: duplicate address detection has not ended, or has failed; unusable.
    pub tentative: bool,
}

/// The source of adverts: the configured one (with `track_src_ip` only while the link has it), else the first IPv4 address of the link, else its
/// link-local IPv6 address (RFC 9568 §5.1.2.1). Our own virtual addresses are never it, or a router
/// that becomes master would compete under another address than as backup.
#[must_use]
pub fn primary_source(config: &VrrpInstance, addresses: &[LinkAddress]) -> Option<IpAddr> {
    if let Some(source) = config.source {
        let there = !config.track_source || addresses.iter().any(|there| there.net.address == source);
        return there.then_some(source);
    }
    let virtual_address = |address: IpAddr| config.all_vips().any(|vip| vip.net.address == address);
    let usable = |candidate: &&LinkAddress| {
        let address = candidate.net.address;
        let scope = match (config.family, address) {
            (Family::V4, IpAddr::V4(_)) => true,
            (Family::V6, IpAddr::V6(address)) => address.is_unicast_link_local(),
            _ => false,
        };
        scope && !candidate.tentative && !virtual_address(address)
    };
    addresses.iter().find(usable).map(|candidate| candidate.net.address)
}
