//! The counters of one instance.

use super::DiscardKind;

/// What keepalived counts, under its names, and what it does not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Adverts that passed all checks.
    pub advert_rcvd: u64,
    /// Adverts sent, priority 0 among them.
    pub advert_sent: u64,
    /// Transitions to MASTER.
    pub become_master: u64,
    /// Transitions from MASTER.
    pub release_master: u64,
    /// Length is not what count, version and authentication demand.
    pub packet_len_err: u64,
    /// VRRPv2 interval is not ours.
    pub advert_interval_err: u64,
    /// TTL or hop limit is not 255.
    pub ip_ttl_err: u64,
    /// Packet type is not 1.
    pub invalid_type_rcvd: u64,
    /// Addresses are not ours; such adverts are accepted.
    pub addr_list_err: u64,
    /// Authentication type that VRRPv2 does not know.
    pub invalid_authtype: u64,
    /// Authentication type is not ours.
    pub authtype_mismatch: u64,
    /// Wrong password.
    pub auth_failure: u64,
    /// Adverts of a leaving master.
    pub pri_zero_rcvd: u64,
    /// Transitions that we announced with priority 0.
    pub pri_zero_sent: u64,
    /// Version is not ours.
    pub version_err: u64,
    /// Checksum is wrong.
    pub checksum_err: u64,
    /// From an address that is no peer, or by the wrong kind of delivery.
    pub delivery_err: u64,
    /// Heard by an owner that does not listen.
    pub ignored_as_owner: u64,
}

impl Stats {
    pub(super) fn count(&mut self, kind: DiscardKind) {
        *match kind {
            DiscardKind::Length => &mut self.packet_len_err,
            DiscardKind::Ttl => &mut self.ip_ttl_err,
            DiscardKind::Version => &mut self.version_err,
            DiscardKind::Type => &mut self.invalid_type_rcvd,
            DiscardKind::AuthTypeInvalid => &mut self.invalid_authtype,
            DiscardKind::AuthTypeMismatch => &mut self.authtype_mismatch,
            DiscardKind::AuthFailure => &mut self.auth_failure,
            DiscardKind::Interval => &mut self.advert_interval_err,
            DiscardKind::Checksum => &mut self.checksum_err,
            DiscardKind::Delivery => &mut self.delivery_err,
            DiscardKind::WeOwn => &mut self.ignored_as_owner,
        } += 1;
    }
}
