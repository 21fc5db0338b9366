//! `keepalived.stats`, as exporters read it: sections at two blanks, integers at four.

use super::Snapshot;
use crate::config::block::Auth;
use crate::vrrp::{InstanceStatus, Stats};
use std::fmt::{self, Write};

/// The text of `keepalived.stats` (keepalived 2.2: vrrp_print_stats).
#[must_use]
pub fn stats(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for instance in &snapshot.instances {
        write_instance(&mut text, instance).expect("a string takes everything");
    }
    text
}

fn write_instance(text: &mut String, instance: &InstanceStatus) -> fmt::Result {
    // Taken apart in full, so that a counter cannot be added and forgotten here.
    let Stats {
        advert_rcvd,
        advert_sent,
        become_master,
        release_master,
        packet_len_err,
        advert_interval_err,
        ip_ttl_err,
        invalid_type_rcvd,
        addr_list_err,
        invalid_authtype,
        authtype_mismatch,
        auth_failure,
        auth_ext_missing,
        auth_ext_malformed,
        auth_ext_unknown_key,
        auth_ext_invalid_hmac,
        auth_ext_stale,
        auth_ext_replay,
        pri_zero_rcvd,
        pri_zero_sent,
        split_brain,
        foreign_claims,
        version_err: _,
        checksum_err: _,
        delivery_err: _,
        ignored_as_owner: _,
    } = instance.stats;
    writeln!(text, "VRRP Instance: {}", instance.config.name)?;
    section(text, "Advertisements", &[("Received", advert_rcvd), ("Sent", advert_sent)])?;
    writeln!(text, "  Became master: {become_master}")?;
    writeln!(text, "  Released master: {release_master}")?;
    section(
        text,
        "Packet Errors",
        &[
            ("Length", packet_len_err),
            ("TTL", ip_ttl_err),
            ("Invalid Type", invalid_type_rcvd),
            ("Advertisement Interval", advert_interval_err),
            ("Address List", addr_list_err),
        ],
    )?;
    section(
        text,
        "Authentication Errors",
        &[
            ("Invalid Type", invalid_authtype),
            ("Type Mismatch", authtype_mismatch),
            ("Failure", auth_failure),
        ],
    )?;
    // Since keepalived 2.4; readers of the older form must not stumble over what they do not use.
    if matches!(instance.config.auth, Auth::Hmac(_)) {
        section(
            text,
            "Authentication Extension Errors",
            &[
                ("Missing", auth_ext_missing),
                ("Malformed", auth_ext_malformed),
                ("Unknown Key", auth_ext_unknown_key),
                ("Invalid HMAC", auth_ext_invalid_hmac),
                ("Stale", auth_ext_stale),
                ("Replay", auth_ext_replay),
            ],
        )?;
    }
    // Not keepalived's, so only for those who use what is not keepalived's.
    if instance.config.notify.split_brain.is_some() {
        section(text, "Split Brain", &[("Conflicts", split_brain), ("Foreign Claims", foreign_claims)])?;
    }
    section(text, "Priority Zero", &[("Received", pri_zero_rcvd), ("Sent", pri_zero_sent)])
}

fn section(text: &mut String, title: &str, counters: &[(&str, u64)]) -> fmt::Result {
    writeln!(text, "  {title}:")?;
    for (name, value) in counters {
        writeln!(text, "    {name}: {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::{Instance, Leftovers, Start, Tracking};
    use std::sync::Arc;

    /// oracle: keepalived.stats of keepalived 2.2.7 after a takeover, eight adverts and nothing heard.
    #[test]
    fn stats_have_the_shape_that_exporters_read() {
        let start = Start {
            tracking: Tracking::default(),
            source: None,
            word: None,
            leftovers: Leftovers::Adopt,
            wall: std::time::Duration::ZERO,
        };
        let config = Arc::new(crate::vrrp::sample());
        let instance = Instance::new(crate::types::Instant::ZERO, config, start);
        let mut status = instance.status();
        status.stats = Stats { advert_sent: 8, become_master: 1, ..Stats::default() };
        let expected = "\
VRRP Instance: VI_1
  Advertisements:
    Received: 0
    Sent: 8
  Became master: 1
  Released master: 0
  Packet Errors:
    Length: 0
    TTL: 0
    Invalid Type: 0
    Advertisement Interval: 0
    Address List: 0
  Authentication Errors:
    Invalid Type: 0
    Type Mismatch: 0
    Failure: 0
  Priority Zero:
    Received: 0
    Sent: 0
";
        assert_eq!(stats(&Snapshot { instances: vec![status], ..Snapshot::default() }), expected);
    }
}
