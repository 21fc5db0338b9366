//! `kernel_rx_buf_size` and `vrrp_rx_bufs_policy`.

use crate::config::block::{AdvertBuffer, Auth, GlobalDefs};
use crate::types::{Family, Version};

/// keepalived's, unless `vrrp_rx_bufs_multiplier` says otherwise.
const PACKETS: u32 = 3;

/// What a receive buffer must hold.
pub(super) struct Demand<'a> {
    /// `kernel_rx_buf_size`; 0: not given.
    pub(super) given: u32,
    /// Of its interface, if it has one.
    pub(super) mtu: Option<u32>,
    pub(super) version: Version,
    pub(super) family: Family,
    pub(super) auth: &'a Auth,
    pub(super) vips: usize,
}

impl Demand<'_> {
    /// Bytes; `None`: what the system gives (keepalived: alloc_sock).
    pub(super) fn bytes(&self, global: &GlobalDefs) -> Option<u32> {
        if self.given > 0 {
            return Some(self.given);
        }
        let packets = global.buffers.multiplier.unwrap_or(PACKETS);
        match global.buffers.adverts {
            AdvertBuffer::System => None,
            AdvertBuffer::Bytes(bytes) => Some(bytes),
            AdvertBuffer::Mtu => self.mtu.map(|mtu| packets.saturating_mul(mtu)),
            AdvertBuffer::Advert => Some(packets.saturating_mul(self.advert())),
        }
    }

    /// An advert as the socket sees it: over IPv4 with its IP header.
    fn advert(&self) -> u32 {
        let vips = u32::try_from(self.vips).unwrap_or(u32::MAX);
        let (header, address) = match self.family {
            Family::V4 => (20, 4),
            Family::V6 => (0, 16),
        };
        let auth_data = if (self.version, self.family) == (Version::V2, Family::V4) { 8 } else { 0 };
        (header + 8 + auth_data + self.auth.room()).saturating_add(vips.saturating_mul(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: the lengths of T1 and T6 of the captures of keepalived 2.2.7: 44 and 40 bytes.
    #[test]
    fn a_buffer_holds_so_many_adverts() {
        let mut global = GlobalDefs::default();
        let v2 = Demand {
            given: 0,
            mtu: Some(1500),
            version: Version::V2,
            family: Family::V4,
            auth: &Auth::None,
            vips: 2,
        };
        let v3 = Demand { version: Version::V3, family: Family::V6, ..v2 };
        assert_eq!(v2.bytes(&global), None);
        global.buffers.adverts = AdvertBuffer::Advert;
        assert_eq!((v2.bytes(&global), v3.bytes(&global)), (Some(3 * 44), Some(3 * 40)));
        global.buffers.adverts = AdvertBuffer::Mtu;
        global.buffers.multiplier = Some(7);
        assert_eq!(v2.bytes(&global), Some(7 * 1500));
        assert_eq!(Demand { mtu: None, ..v2 }.bytes(&global), None);
        assert_eq!(Demand { given: 9000, ..v2 }.bytes(&global), Some(9000));
    }
}
