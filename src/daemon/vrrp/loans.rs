//! Settings of the kernel that are lent from the machine, and given back: at the end, but not by a panic, whose
//! successor needs them and knows of them by the memo.

use super::memo::Memo;
use crate::config::Config;
use crate::sys::netlink::Setting;
use crate::sys::sysctl;
use crate::types::{Family, IfName};
use crate::vrrp::{LoanSetting, loans};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

const RP_FILTER: &str = "rp_filter";

/// `disable_local_igmp`: neighbours hear nothing of our membership of link-local groups, until this is dropped.
#[derive(Debug)]
pub(super) struct SilentIgmp {
    reported_before: bool,
}

/// What a memo says of one.
const SILENT_IGMP: &str = "igmp";

impl SilentIgmp {
    /// From now on, if that is `wanted`; if not, what a killed predecessor has lent is given back at once.
    pub(super) fn lend(wanted: bool, memo: &mut Memo) -> Self {
        let lent = memo.left().contains(SILENT_IGMP);
        if !wanted {
            return Self { reported_before: lent };
        }
        let before = sysctl::reports_local_groups().map(|reports| reports || lent);
        if before.as_ref().is_ok_and(|reported| *reported) {
            memo.expect_always(SILENT_IGMP);
        }
        let set = before.and_then(|before| sysctl::set_reports_local_groups(false).map(|()| before));
        if let Err(error) = &set {
            tracing::warn!("`disable_local_igmp` has no effect: {error}");
        }
        Self { reported_before: set.unwrap_or(false) }
    }
}

impl Drop for SilentIgmp {
    fn drop(&mut self) {
        if self.reported_before
            && !thread::panicking()
            && let Err(error) = sysctl::set_reports_local_groups(true)
        {
            tracing::warn!("reports of link-local groups stay off: {error}");
        }
    }
}

/// Names a setting.
type Place = (IfName, &'static str);

/// The settings that are as we want them, and what they were before.
#[derive(Debug, Default)]
pub(super) struct Loans {
    lent: BTreeMap<Place, Lent>,
    /// What links must have once they are there.
    wanted: BTreeSet<LoanSetting>,
}

#[derive(Debug)]
struct Lent {
    before: String,
    ours: String,
}

impl Loans {
    /// Sets what the instances want, and gives back what none wants any more.
    pub(super) fn follow(&mut self, config: &Config) {
        let wanted = loans(config);
        let places: BTreeSet<Place> = wanted.iter().map(|loan| (loan.link.clone(), loan.key)).collect();
        let on_vmacs = wanted.iter().any(|loan| loan.key == "arp_ignore");
        let stays = |(_, key): &Place| on_vmacs && *key == RP_FILTER;
        let (kept, rest) = std::mem::take(&mut self.lent)
            .into_iter()
            .partition(|(place, _)| places.contains(place) || stays(place));
        self.lent = kept;
        give_back(rest);
        if on_vmacs {
            self.narrow_rp_filter(config);
        }
        self.wanted = wanted.clone();
        for LoanSetting { link, key, value } in wanted {
            self.lend(link, key, value);
        }
    }

    /// Takes over what a killed predecessor has lent, as far as it is still as that left it.
    pub(super) fn inherit<'l>(&mut self, lines: impl Iterator<Item = &'l String>) {
        const KEYS: [&str; 4] = ["arp_ignore", "arp_filter", "promote_secondaries", RP_FILTER];
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let ["setting", link, key, ours, before] = words[..] else { continue };
            let Ok(link) = IfName::new(link) else { continue };
            let Some(key) = KEYS.into_iter().find(|known| *known == key) else { continue };
            if sysctl::get(Family::V4, &link, key).is_ok_and(|now| now == ours) {
                let lent = Lent { before: before.to_owned(), ours: ours.to_owned() };
                self.lent.insert((link, key), lent);
            }
        }
    }

    /// What [`Self::inherit`] takes.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.lent
            .iter()
            .map(|((link, key), Lent { before, ours })| format!("setting {link} {key} {ours} {before}"))
    }

    /// A link that is there anew has what new links have.
    pub(super) fn renew(&mut self, link: &IfName) {
        // It may be gone again, and come back.
        let wanted: Vec<_> = self.wanted.iter().filter(|loan| loan.link == *link).cloned().collect();
        for LoanSetting { link, key, value } in wanted {
            self.lent.remove(&(link.clone(), key));
            self.lend(link, key, value);
        }
    }

    fn lend(&mut self, link: IfName, key: &'static str, value: &str) {
        let place = (link, key);
        if self.lent.contains_key(&place) {
            return;
        }
        let link = &place.0;
        let before = sysctl::get(Family::V4, link, key);
        match before.and_then(|before| sysctl::set(&Setting::ipv4(link, key, value)).map(|()| before)) {
            Ok(before) => drop(self.lent.insert(place, Lent { before, ours: value.to_owned() })),
            Err(error) => tracing::warn!("cannot set {key} on {link}: {error}"),
        }
    }

    /// A VMAC hears adverts whose source the host has itself, and for that `rp_filter` of all links must not be
    /// on: what it says for all is said to each of the others (keepalived: clear_rp_filter).
    fn narrow_rp_filter(&mut self, config: &Config) {
        let (Ok(all), Ok(default)) = (IfName::new("all"), IfName::new("default")) else { return };
        let number = |link: &IfName| {
            sysctl::get(Family::V4, link, RP_FILTER).ok().and_then(|value| value.parse::<u8>().ok())
        };
        let Some(level) = number(&all).filter(|level| *level > 0) else { return };
        let ours: BTreeSet<&IfName> = config
            .instances
            .iter()
            .flat_map(|instance| instance.virtual_links())
            .map(|link| &link.name)
            .collect();
        // Nothing that arrives by `lo` is looked up again.
        let others = |link: &IfName| *link != all && link.as_str() != "lo" && !ours.contains(link);
        let links = sysctl::links(Family::V4).into_iter().filter(others);
        for link in links.filter(|link| number(link).is_some_and(|own| own < level)) {
            if link == default {
                let own = number(&default).unwrap_or(0);
                tracing::info!(
                    "NOTICE: setting sysctl net.ipv4.conf.default.rp_filter from {own} to {level}"
                );
            }
            self.lend(link, RP_FILTER, &level.to_string());
        }
        tracing::info!("NOTICE: setting sysctl net.ipv4.conf.all.rp_filter from {level} to 0");
        self.lend(all, RP_FILTER, "0");
    }
}

impl Drop for Loans {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        give_back(std::mem::take(&mut self.lent));
    }
}

/// What somebody else has set since stays.
fn give_back(settings: BTreeMap<Place, Lent>) {
    for ((link, key), Lent { before, ours }) in settings {
        if before == ours || sysctl::get(Family::V4, &link, key).is_ok_and(|now| now != ours) {
            continue;
        }
        if key == RP_FILTER && ["all", "default"].contains(&link.as_str()) {
            tracing::info!("NOTICE: resetting sysctl net.ipv4.conf.{link}.rp_filter to {before}");
        }
        if let Err(error) = sysctl::set(&Setting::ipv4(&link, key, &before)) {
            tracing::debug!("cannot put {key} of {link} back to {before}: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::block::{MacOrigin, VirtualLink, VirtualLinkKind, VrrpInstance};
    use crate::daemon::file_writer::FileWriter;
    use crate::sys::testing::{in_namespace, ip};
    use crate::types::MacAddr;
    use std::sync::Arc;

    fn link(name: &str) -> IfName {
        IfName::new(name).unwrap()
    }

    fn get(name: &str, key: &str) -> String {
        sysctl::get(Family::V4, &link(name), key).unwrap()
    }

    #[test]
    fn a_setting_follows_the_configuration_and_ends_with_it() {
        in_namespace(|| {
            const KEY: &str = "promote_secondaries";
            let config = |names: &[&str]| {
                let wants = |name: &&str| {
                    let interface = link(name);
                    let sample = crate::vrrp::sample();
                    Arc::new(VrrpInstance { interface: Some(interface), promote_secondaries: true, ..sample })
                };
                Config { instances: names.iter().map(wants).collect(), ..Config::default() }
            };
            let state = || ["va", "vb"].map(|name| get(name, KEY));
            let before = state();
            let mut loans = Loans::default();
            loans.follow(&config(&["va", "vb", "va"]));
            assert_eq!(state(), ["1", "1"]);
            loans.follow(&config(&["vb"]));
            assert_eq!(state(), [before[0].as_str(), "1"]);
            sysctl::set(&Setting::ipv4(&link("vb"), KEY, "0")).unwrap();
            loans.renew(&link("vb"));
            assert_eq!(state()[1], "1");
            // It comes, goes, and comes for good.
            ip("link set vb down");
            ip("link set vb name away");
            loans.renew(&link("vb"));
            ip("link set away name vb");
            sysctl::set(&Setting::ipv4(&link("vb"), KEY, "0")).unwrap();
            loans.renew(&link("vb"));
            assert_eq!(state()[1], "1");
            drop(loans);
            assert_eq!(state()[1], "0", "what it had when it was renewed");
        });
    }

    /// A killed daemon puts nothing back; its successor does, also where it wants nothing of that itself.
    #[test]
    fn what_a_killed_daemon_has_lent_is_put_back_by_its_successor() {
        in_namespace(|| {
            for key in ["arp_ignore", "arp_filter"] {
                sysctl::set(&Setting::ipv4(&link("va"), key, "1")).unwrap();
            }
            sysctl::set(&Setting::ipv4(&link("vb"), "arp_ignore", "2")).unwrap();
            let left = [
                "setting va arp_ignore 1 0",
                "setting va arp_filter 1 0",
                "setting vb arp_ignore 1 0",
                "setting away arp_ignore 1 0",
                "setting va forwarding 1 0",
            ];
            let left = left.map(str::to_owned);
            let mut loans = Loans::default();
            loans.inherit(left.iter());
            assert_eq!(loans.lines().collect::<BTreeSet<_>>(), left[..2].iter().cloned().collect());
            loans.follow(&Config::default());
            let now = [get("va", "arp_ignore"), get("va", "arp_filter"), get("vb", "arp_ignore")];
            assert_eq!(now, ["0", "0", "2"], "somebody has set the last one since");
        });
    }

    #[test]
    fn igmp_is_silent_for_as_long_as_it_is_lent_and_stays_so_if_it_was() {
        in_namespace(|| {
            let reports = || sysctl::reports_local_groups().unwrap();
            let mut none = Memo::default();
            sysctl::set_reports_local_groups(true).unwrap();
            drop(SilentIgmp::lend(false, &mut none));
            assert!(reports());
            let lent = SilentIgmp::lend(true, &mut none);
            assert!(!reports());
            let again = SilentIgmp::lend(true, &mut none);
            drop(again);
            assert!(!reports());
            drop(SilentIgmp::lend(false, &mut none));
            assert!(!reports(), "somebody else's");
            drop(lent);
            assert!(reports());
        });
    }

    #[test]
    fn a_killed_daemon_gives_igmp_back_through_the_next_that_ends_or_wants_none() {
        in_namespace(|| {
            let reports = || sysctl::reports_local_groups().unwrap();
            let directory = tempfile::tempdir().unwrap();
            let files = FileWriter::start().unwrap();
            let memo = || {
                files.flush(std::time::Duration::from_secs(60));
                Memo::new(Some((directory.path().join("vrrp.left"), files.clone())))
            };
            sysctl::set_reports_local_groups(true).unwrap();
            for _ in 0..3 {
                std::mem::forget(SilentIgmp::lend(true, &mut memo()));
                assert!(!reports());
            }
            drop(SilentIgmp::lend(true, &mut memo()));
            assert!(reports());
            std::mem::forget(SilentIgmp::lend(true, &mut memo()));
            drop(SilentIgmp::lend(false, &mut memo()));
            assert!(reports());
        });
    }

    /// oracle: keepalived 2.2.7 with `all.rp_filter` 2: 0 for all, 2 for each link that had less, and back.
    #[test]
    fn a_vmac_narrows_rp_filter_and_keeps_the_base_from_answering_for_it() {
        in_namespace(|| {
            for (name, value) in [("all", "2"), ("default", "0"), ("va", "1"), ("vb", "0")] {
                sysctl::set(&Setting::ipv4(&link(name), RP_FILTER, value)).unwrap();
            }
            let kind =
                VirtualLinkKind::Vmac { mac: MacAddr([0, 0, 0x5e, 0, 1, 51]), origin: MacOrigin::Standard };
            let vmac = VirtualLink {
                name: link("vrrp.51"),
                base: link("va"),
                kind,
                group: None,
                netlink_notify: false,
            };
            let instance = VrrpInstance {
                interface: Some(link("va")),
                virtual_link: Some(vmac),
                ..crate::vrrp::sample()
            };
            let config = Config { instances: vec![Arc::new(instance)], ..Config::default() };
            let filters = || ["all", "default", "va", "vb"].map(|name| get(name, RP_FILTER));
            let arp = || [get("va", "arp_ignore"), get("va", "arp_filter"), get("vb", "arp_ignore")];
            let mut loans = Loans::default();
            loans.follow(&config);
            loans.follow(&config);
            assert_eq!(
                (filters(), arp()),
                (["0", "2", "2", "2"].map(String::from), ["1", "1", "0"].map(String::from))
            );
            // Somebody else knows better.
            sysctl::set(&Setting::ipv4(&link("vb"), RP_FILTER, "1")).unwrap();
            loans.follow(&Config::default());
            assert_eq!(
                (filters(), arp()),
                (["2", "0", "1", "1"].map(String::from), ["0", "0", "0"].map(String::from))
            );
        });
    }
}
