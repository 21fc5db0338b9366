//! `promote_secondaries`: a setting of the kernel that is lent from the machine and given back.

use crate::config::Config;
use crate::sys::sysctl;
use crate::types::{Family, IfName};
use std::collections::{BTreeMap, BTreeSet};

const KEY: &str = "promote_secondaries";

/// The links that have it from us, and what they had before.
#[derive(Debug, Default)]
pub(super) struct Promotion {
    before: BTreeMap<IfName, String>,
}

impl Promotion {
    /// Sets it where an instance wants it, and gives back what none wants any more.
    pub(super) fn follow(&mut self, config: &Config) {
        let wants = config.instances.iter().filter(|instance| instance.promote_secondaries);
        let wanted: BTreeSet<IfName> = wants.map(|instance| instance.interface.clone()).collect();
        let (kept, rest) =
            std::mem::take(&mut self.before).into_iter().partition(|(l, _)| wanted.contains(l));
        self.before = kept;
        give_back(rest);
        for link in wanted {
            if !self.before.contains_key(&link) {
                self.lend(link);
            }
        }
    }

    /// A link that is there anew has what new links have.
    pub(super) fn renew(&mut self, link: &IfName) {
        if self.before.remove(link).is_some() {
            self.lend(link.clone());
        }
    }

    fn lend(&mut self, link: IfName) {
        let before = sysctl::get(Family::V4, &link, KEY);
        match before.and_then(|before| sysctl::set(Family::V4, &link, KEY, "1").map(|()| before)) {
            Ok(before) => drop(self.before.insert(link, before)),
            Err(error) => tracing::warn!("cannot set {KEY} on {link}: {error}"),
        }
    }
}

impl Drop for Promotion {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.before));
    }
}

fn give_back(settings: BTreeMap<IfName, String>) {
    for (link, before) in settings {
        if let Err(error) = sysctl::set(Family::V4, &link, KEY, &before) {
            tracing::debug!("cannot put {KEY} of {link} back to {before}: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::block::VrrpInstance;
    use crate::sys::testing::in_namespace;
    use std::sync::Arc;

    #[test]
    fn the_setting_follows_the_configuration_and_ends_with_it() {
        in_namespace(|| {
            let link = |name: &str| IfName::new(name).unwrap();
            let config = |names: &[&str]| {
                let wants = |name: &&str| {
                    let interface = link(name);
                    let sample = crate::vrrp::sample();
                    Arc::new(VrrpInstance { interface, promote_secondaries: true, ..sample })
                };
                Config { instances: names.iter().map(wants).collect(), ..Config::default() }
            };
            let state = || ["va", "vb"].map(|name| sysctl::get(Family::V4, &link(name), KEY).unwrap());
            let before = state();
            let mut promotion = Promotion::default();
            promotion.follow(&config(&["va", "vb", "va"]));
            assert_eq!(state(), ["1", "1"]);
            promotion.follow(&config(&["vb"]));
            assert_eq!(state(), [before[0].as_str(), "1"]);
            sysctl::set(Family::V4, &link("vb"), KEY, "0").unwrap();
            promotion.renew(&link("vb"));
            assert_eq!(state()[1], "1");
            drop(promotion);
            assert_eq!(state()[1], "0", "what it had when it was renewed");
        });
    }
}
