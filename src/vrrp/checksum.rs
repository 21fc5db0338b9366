//! What the checksums of an instance cover: keepalived has had three opinions on VRRPv3 over IPv4.

use crate::config::block::{Delivery, UnicastChecksum, VrrpInstance};
use crate::types::{Family, Version};
use crate::wire::vrrp::{Coverage, Packet};
use std::net::{IpAddr, Ipv4Addr};

/// The form of the checksums that an instance sends and accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ChecksumForm {
    /// That of the version and family.
    Standard,
    /// `v3_checksum_as_v2`: sent without a pseudo-header, accepted either way.
    WithoutPseudoHeader,
    /// Standard, until a peer is heard that sums as keepalived 1.3.6 did.
    Undecided(Ipv4Addr),
    /// As keepalived 1.3.6: unicast is summed as if it went to this group.
    Old(Ipv4Addr),
}

impl ChecksumForm {
    /// What a configuration says.
    pub(super) fn of(config: &VrrpInstance) -> Self {
        if (config.version, config.family) != (Version::V3, Family::V4) {
            return Self::Standard;
        }
        if config.checksum_as_v2 {
            return Self::WithoutPseudoHeader;
        }
        match config.delivery {
            Delivery::Unicast { checksum, group: IpAddr::V4(group), .. } => match checksum {
                UnicastChecksum::Automatic => Self::Undecided(group),
                UnicastChecksum::Never => Self::Standard,
                UnicastChecksum::Old => Self::Old(group),
            },
            Delivery::Unicast { .. } | Delivery::Multicast { .. } => Self::Standard,
        }
    }

    /// What a changed configuration says; what was learnt from a peer stays learnt.
    pub(super) fn reconfigured(self, config: &VrrpInstance) -> Self {
        match (self, Self::of(config)) {
            (Self::Old(_), Self::Undecided(group)) => Self::Old(group),
            (_, new) => new,
        }
    }

    /// What a checksum covers that we send.
    pub(super) fn coverage(self, version: Version, source: IpAddr, destination: IpAddr) -> Coverage {
        match (self, source) {
            (Self::WithoutPseudoHeader, _) => Coverage::Message,
            (Self::Old(group), IpAddr::V4(source)) => Coverage::old_unicast(source, group),
            _ => Coverage::of(version.number(), source, destination),
        }
    }

    /// The form that holds after this packet; `None` when its checksum is wrong.
    pub(super) fn judge(self, packet: Packet<'_>, from: IpAddr, to: IpAddr) -> Option<Self> {
        let standard = Coverage::of(packet.version(), from, to);
        let right = |coverage| packet.checksum_is_valid(coverage);
        match (self, from) {
            (Self::Standard, _) => right(standard).then_some(self),
            (Self::WithoutPseudoHeader, _) => (right(Coverage::Message) || right(standard)).then_some(self),
            (Self::Undecided(group), IpAddr::V4(from)) => match right(standard) {
                true => Some(self),
                false => right(Coverage::old_unicast(from, group)).then_some(Self::Old(group)),
            },
            (Self::Old(group), IpAddr::V4(from)) => right(Coverage::old_unicast(from, group)).then_some(self),
            (Self::Undecided(_) | Self::Old(_), IpAddr::V6(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AdvertInt, Priority};
    use crate::vrrp::instance::sample::sample;
    use crate::wire::vrrp::{Advert, AdvertAuth};

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
    const TO: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

    fn form(checksum: UnicastChecksum) -> ChecksumForm {
        let Delivery::Unicast { peers, ttl, check_source, group, .. } = Delivery::to_peers([FROM.into()])
        else {
            unreachable!("these are peers")
        };
        let delivery = Delivery::Unicast { peers, ttl, check_source, checksum, group };
        ChecksumForm::of(&VrrpInstance { version: Version::V3, delivery, ..sample() })
    }

    fn message(coverage: Coverage) -> Vec<u8> {
        let advert = Advert {
            version: Version::V3,
            vrid: sample().vrid,
            priority: Priority::DEFAULT,
            auth: AdvertAuth::None,
            interval: AdvertInt::DEFAULT,
            addresses: vec![TO.into()],
        };
        advert.emit_covering(coverage, Family::V4)
    }

    /// oracle: keepalived 2.2.7, seen: the old form is taken up from a peer and kept, and the new one is
    /// refused from then on; `never` forbids it.
    #[test]
    fn the_old_form_is_taken_up_from_a_peer_and_kept() {
        let (new, old) =
            (message(Coverage::of(3, FROM.into(), TO.into())), message(Coverage::old_unicast(FROM, GROUP)));
        let judge = |form: ChecksumForm, bytes: &[u8]| {
            form.judge(Packet::new(bytes).unwrap(), FROM.into(), TO.into())
        };
        let automatic = form(UnicastChecksum::Automatic);
        assert_eq!(judge(automatic, &new), Some(automatic));
        assert_eq!(judge(automatic, &old), Some(ChecksumForm::Old(GROUP)));
        assert_eq!(judge(ChecksumForm::Old(GROUP), &new), None);
        assert_eq!(form(UnicastChecksum::Old), ChecksumForm::Old(GROUP));
        assert_eq!(judge(form(UnicastChecksum::Never), &old), None);
        let peers =
            VrrpInstance { version: Version::V3, delivery: Delivery::to_peers([FROM.into()]), ..sample() };
        assert_eq!(ChecksumForm::Old(GROUP).reconfigured(&peers), ChecksumForm::Old(GROUP));
    }

    /// keepalived takes any checksum then; we take the two that there are.
    #[test]
    fn without_a_pseudo_header_both_forms_are_taken_and_one_is_sent() {
        let config = VrrpInstance { version: Version::V3, checksum_as_v2: true, ..sample() };
        let form = ChecksumForm::of(&config);
        assert_eq!(form.coverage(Version::V3, FROM.into(), TO.into()), Coverage::Message);
        for coverage in [Coverage::Message, Coverage::of(3, FROM.into(), TO.into())] {
            let bytes = message(coverage);
            assert_eq!(form.judge(Packet::new(&bytes).unwrap(), FROM.into(), TO.into()), Some(form));
        }
        let mut bytes = message(Coverage::Message);
        bytes[2] ^= 1;
        assert_eq!(form.judge(Packet::new(&bytes).unwrap(), FROM.into(), TO.into()), None);
    }
}
