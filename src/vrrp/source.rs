//! Which address adverts come from.

use crate::config::block::VrrpInstance;
use crate::types::{Family, Instant, IpNet};
use std::net::IpAddr;
use std::time::Duration;

/// Whoever configures a link anew takes its addresses away first and puts them back: a master does not
/// give up before that.
const PATIENCE: Duration = Duration::from_millis(200);

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

/// The source that an instance has been told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Source {
    told: Option<IpAddr>,
    /// It is gone, and that is not told before then.
    until: Option<Instant>,
}

impl Source {
    /// What there is at the start.
    #[must_use]
    pub fn new(found: Option<IpAddr>) -> Self {
        Self { told: found, until: None }
    }

    /// Where adverts come from: a moment longer than the address is there.
    #[must_use]
    pub fn get(&self) -> Option<IpAddr> {
        self.told
    }

    /// Whether it is gone and may come back.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.until.is_some()
    }

    /// What there is now; whether the instance is to be told. `patient`: it would lose something by that.
    pub fn see(&mut self, now: Instant, found: Option<IpAddr>, patient: bool) -> bool {
        if patient && found.is_none() && self.told.is_some() {
            let until = *self.until.get_or_insert(now + PATIENCE);
            if now < until {
                return false;
            }
        }
        self.until = None;
        std::mem::replace(&mut self.told, found) != found
    }

    /// When it is to be looked for without an event.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 1)));

    fn ms(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_master_waits_for_its_address_a_moment() {
        let mut source = Source::new(OWN);
        assert!(!source.see(ms(0), None, true));
        assert_eq!((source.get(), source.poll_timeout()), (OWN, Some(ms(200))));
        assert!(!source.see(ms(150), None, true), "the first loss counts");
        assert!(!source.see(ms(199), OWN, true));
        assert_eq!(source.poll_timeout(), None);
        assert!(!source.see(ms(300), None, true));
        assert!(source.see(ms(500), None, true));
        assert_eq!((source.get(), source.is_awaited()), (None, false));
        assert!(source.see(ms(600), OWN, true));
    }

    #[test]
    fn others_do_not_and_another_address_is_news() {
        let mut source = Source::new(OWN);
        assert!(source.see(ms(0), None, false));
        assert!(source.see(ms(1), OWN, false));
        assert!(!source.see(ms(2), None, true));
        assert!(source.see(ms(3), None, false), "it is no longer master");
        assert!(source.see(ms(4), OWN, true));
        let other = Some([10, 99, 0, 9].into());
        assert!(!source.see(ms(5), None, true));
        assert!(source.see(ms(6), other, true));
        assert_eq!((source.get(), source.is_awaited()), (other, false));
    }
}
