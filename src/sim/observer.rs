//! A host that only listens: where would it send packets for a virtual address?

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::types::MacAddr;
use crate::wire::arp::GratuitousArp;
use crate::wire::ndisc::UnsolicitedAdvert;

/// A neighbour cache that is filled by announcements alone.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    neighbours: BTreeMap<IpAddr, MacAddr>,
}

impl Observer {
    /// Learns from a frame what it announces, if anything.
    pub fn hear(&mut self, frame: &[u8]) -> Option<(IpAddr, MacAddr)> {
        let arp = GratuitousArp::parse(frame).map(|arp| (arp.address.into(), arp.mac));
        let heard = arp.or_else(|_| UnsolicitedAdvert::parse(frame).map(|na| (na.address.into(), na.mac)));
        let (address, mac) = heard.ok()?;
        self.neighbours.insert(address, mac);
        Some((address, mac))
    }

    /// The link-layer address that packets for `address` would go to.
    #[must_use]
    pub fn resolve(&self, address: IpAddr) -> Option<MacAddr> {
        self.neighbours.get(&address).copied()
    }
}
