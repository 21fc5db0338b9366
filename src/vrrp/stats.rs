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
    /// Wrong password; with AH also a value, index or sequence number that is not right.
    pub auth_failure: u64,
    /// `auth_hmac`: no trailer.
    pub auth_ext_missing: u64,
    /// `auth_hmac`: a trailer of another type.
    pub auth_ext_malformed: u64,
    /// `auth_hmac`: a key that we do not have.
    pub auth_ext_unknown_key: u64,
    /// `auth_hmac`: not made with that key for that message.
    pub auth_ext_invalid_hmac: u64,
    /// `auth_hmac`: from another time.
    pub auth_ext_stale: u64,
    /// `auth_hmac`: not later than the last one from there.
    pub auth_ext_replay: u64,
    /// Adverts of a leaving master.
    pub pri_zero_rcvd: u64,
    /// Transitions that we announced with priority 0.
    pub pri_zero_sent: u64,
    /// Version is not ours.
    pub version_err: u64,
    /// Checksum is wrong.
    pub checksum_err: u64,
    /// From an address that is no peer, by the wrong kind of delivery, or something else than VRRP behind AH.
    pub delivery_err: u64,
    /// Times that there was another master beside us.
    pub split_brain: u64,
    /// Frames that put an address of ours, while we are master, at the MAC address of a stranger.
    pub foreign_claims: u64,
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
            DiscardKind::AuthTypeMismatch | DiscardKind::AhHeader => &mut self.authtype_mismatch,
            DiscardKind::AuthFailure | DiscardKind::AhIcv | DiscardKind::AhSpi | DiscardKind::AhSequence => {
                &mut self.auth_failure
            }
            DiscardKind::TrailerMissing => &mut self.auth_ext_missing,
            DiscardKind::TrailerMalformed => &mut self.auth_ext_malformed,
            DiscardKind::TrailerUnknownKey => &mut self.auth_ext_unknown_key,
            DiscardKind::TrailerInvalid => &mut self.auth_ext_invalid_hmac,
            DiscardKind::TrailerStale => &mut self.auth_ext_stale,
            DiscardKind::TrailerReplayed => &mut self.auth_ext_replay,
            DiscardKind::Interval => &mut self.advert_interval_err,
            DiscardKind::Checksum => &mut self.checksum_err,
            DiscardKind::Delivery | DiscardKind::AhPayload => &mut self.delivery_err,
            DiscardKind::WeOwn => &mut self.ignored_as_owner,
        } += 1;
    }
}
