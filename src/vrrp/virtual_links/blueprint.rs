//! What a virtual link is to be, from all that the configuration has on it.

use super::{LinkView, VirtualLinkOf};
use crate::config::Config;
use crate::config::block::{VirtualLink, VirtualLinkKind, VrrpInstance};
use crate::config::value::VirtualAddress;
use crate::types::{Family, IfName, IpNet, MacAddr, Stacked};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// A setting of the kernel for one link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LinkSetting {
    /// Whether it is IPv4's or IPv6's.
    pub family: Family,
    /// Its name: `arp_ignore`.
    pub key: &'static str,
    /// What it is to be.
    pub value: &'static str,
}

/// An IPv4 setting of a link that is not ours, for as long as we run.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LoanSetting {
    /// The link.
    pub link: IfName,
    /// Its name: `arp_filter`.
    pub key: &'static str,
    /// What it is to be.
    pub value: &'static str,
}

/// A virtual link that there is to be.
#[derive(Debug)]
pub(super) struct Blueprint {
    pub(super) of: VirtualLinkOf,
    /// Families of the adverts and virtual addresses on it.
    ipv4: bool,
    ipv6: bool,
    /// The virtual addresses on it.
    addresses: Vec<IpAddr>,
    /// IPv6 adverts leave by it, and this is said of their source.
    sends: Option<Option<Ipv6Addr>>,
}

/// All virtual links of a configuration, each once.
pub(super) fn blueprints(config: &Config) -> Vec<Blueprint> {
    let mut plans: Vec<Blueprint> = Vec::new();
    for instance in &config.instances {
        for link in instance.virtual_links() {
            let index = plans.iter().position(|plan| plan.of.link.name == link.name).unwrap_or_else(|| {
                plans.push(Blueprint::new(instance, link));
                plans.len() - 1
            });
            plans[index].serve(instance);
        }
    }
    plans
}

/// What instances need of links that are not ours: VMACs answer for their own addresses, and the links below
/// them must not do so as well (keepalived: parent_sysctl); and addresses of one subnet must not go together.
#[must_use]
pub fn loans(config: &Config) -> BTreeSet<LoanSetting> {
    let mut loans = BTreeSet::new();
    for plan in blueprints(config).iter().filter(|plan| plan.of.link.is_vmac() && plan.ipv4) {
        for key in ["arp_ignore", "arp_filter"] {
            loans.insert(LoanSetting { link: plan.of.link.base.clone(), key, value: "1" });
        }
    }
    let promoting = config.instances.iter().filter(|instance| instance.promote_secondaries);
    for link in promoting.filter_map(|instance| instance.interface.clone()) {
        loans.insert(LoanSetting { link, key: "promote_secondaries", value: "1" });
    }
    loans
}

impl Blueprint {
    fn new(instance: &VrrpInstance, link: &VirtualLink) -> Self {
        let of = VirtualLinkOf { instance: instance.name.clone(), link: link.clone() };
        Self { of, ipv4: false, ipv6: false, addresses: Vec::new(), sends: None }
    }

    /// Takes up what an instance has on the link.
    fn serve(&mut self, instance: &VrrpInstance) {
        let name = &self.of.link.name;
        let mut families = Vec::new();
        if instance.virtual_link.as_ref().is_some_and(|own| own.name == *name) {
            families.push(instance.family);
            if instance.family == Family::V6 && !instance.xmit_base {
                self.sends = Some(match instance.source {
                    Some(IpAddr::V6(source)) => Some(source),
                    _ => None,
                });
            }
        }
        let here = |vip: &&VirtualAddress| vip.link() == name;
        let here: Vec<IpAddr> = instance.all_vips().filter(here).map(|vip| vip.net.address).collect();
        families.extend(here.iter().copied().map(Family::of));
        self.addresses.extend(here);
        self.ipv4 |= families.contains(&Family::V4);
        self.ipv6 |= families.contains(&Family::V6);
    }

    /// Whether both are one link in the kernel.
    pub(super) fn is_same_link(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.of.link, &other.of.link);
        let address = |kind: &VirtualLinkKind| match *kind {
            VirtualLinkKind::Vmac { mac, .. } => Ok(mac),
            VirtualLinkKind::Ipvlan { mode, .. } => Err(mode),
        };
        (&ours.name, &ours.base, address(&ours.kind)) == (&theirs.name, &theirs.base, address(&theirs.kind))
            && self.settings() == other.settings()
    }

    /// Whether a link that is there is the one that is to be made.
    pub(super) fn fits(&self, view: &LinkView, base: &LinkView) -> bool {
        let kind = match self.of.link.kind {
            VirtualLinkKind::Vmac { mac, .. } => {
                view.stacked == Some(Stacked::Macvlan { private: true }) && view.mac == Some(mac)
            }
            VirtualLinkKind::Ipvlan { .. } => view.stacked == Some(Stacked::Ipvlan { l2: true }),
        };
        // The kernel puts what is asked for on top of a macvlan on top of what is below that.
        kind && view.base.is_some() && [Some(base.index), base.base].contains(&view.base)
    }

    /// Whether a link that is in the way may go: only of the kind that we make.
    pub(super) fn may_replace(&self, view: &LinkView) -> bool {
        match view.stacked {
            Some(Stacked::Macvlan { .. }) => self.of.link.is_vmac(),
            Some(Stacked::Ipvlan { .. }) => !self.of.link.is_vmac(),
            None => false,
        }
    }

    /// What is set on it before it comes up (keepalived: vmac_sysctl, link_set_ipv6).
    pub(super) fn settings(&self) -> Vec<LinkSetting> {
        let v4 = |key, value| LinkSetting { family: Family::V4, key, value };
        let v6 = |key, value| LinkSetting { family: Family::V6, key, value };
        let mut settings = vec![v6("disable_ipv6", if self.ipv6 { "0" } else { "1" })];
        if !self.of.link.is_vmac() {
            return settings;
        }
        // The address that the kernel would make from the MAC would be that of another virtual router's
        // host on another node (RFC 9568 §7.4).
        settings.extend([v6("addr_gen_mode", "1"), v4("arp_ignore", "1")]);
        if self.ipv4 {
            settings.extend([v4("accept_local", "1"), v4("rp_filter", "0"), v4("promote_secondaries", "1")]);
        }
        settings
    }

    /// The address that is put on an ipvlan.
    pub(super) const fn ipvlan_address(&self) -> Option<IpNet> {
        match self.of.link.kind {
            VirtualLinkKind::Ipvlan { address, .. } => address,
            VirtualLinkKind::Vmac { .. } => None,
        }
    }

    /// The address that IPv6 adverts leave a VMAC from: that of the base, so that routers are told apart on
    /// the wire by what is theirs. `None`: none is needed, or it is not known yet.
    pub(super) fn link_local(&self, base: &LinkView) -> Option<IpNet> {
        if !self.of.link.is_vmac() {
            return None;
        }
        let address = match self.sends? {
            Some(configured) => configured,
            None => self.copied(base)?,
        };
        IpNet::new(address.into(), 64)
    }

    fn copied(&self, base: &LinkView) -> Option<Ipv6Addr> {
        let mut there = base.addresses.iter().filter_map(|there| match there.net.address {
            IpAddr::V6(ip) if ip.is_unicast_link_local() && !self.is_virtual(ip.into()) => {
                Some((ip, there.tentative))
            }
            _ => None,
        });
        let mut tentative = false;
        let usable = there.by_ref().find(|(_, is_tentative)| {
            tentative |= is_tentative;
            !is_tentative
        });
        match usable {
            Some((ip, _)) => Some(ip),
            None if tentative => None,
            None => base.mac.map(link_local_of),
        }
    }

    pub(super) fn is_virtual(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}

/// The link-local address that is made from a MAC address (RFC 4291 §2.5.6, appendix A).
fn link_local_of(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, ((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: what Linux gives a link with this MAC address, as captured (T6 of keepalived 2.2.7).
    #[test]
    fn the_address_of_a_mac_is_the_kernels() {
        let made = link_local_of(MacAddr([2, 0, 0, 0, 0, 0xa]));
        assert_eq!(made, "fe80::ff:fe00:a".parse::<Ipv6Addr>().unwrap());
    }
}
