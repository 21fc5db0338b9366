//! The machine against a kernel of the same few rules as Linux's.

use super::*;
use crate::config::block::{IpvlanMode, MacOrigin, VrrpInstance};
use crate::config::value::VirtualAddress;
use crate::types::Vrid;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const MAC: MacAddr = MacAddr([0, 0, 0x5e, 0, 1, 51]);

fn name(name: &str) -> IfName {
    IfName::new(name).unwrap()
}

fn ms(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// Links, as the kernel has them.
#[derive(Default)]
struct Kernel {
    links: BTreeMap<IfName, LinkView>,
    last: u32,
    /// Every step that was done.
    log: Vec<String>,
    /// It makes no links.
    refuses: bool,
}

impl LinkTable for Kernel {
    fn link(&self, name: &IfName) -> Option<LinkView> {
        self.links.get(name).cloned()
    }
}

impl Kernel {
    fn with(base: &str) -> Self {
        let mut kernel = Self::default();
        kernel.add(base);
        kernel
    }

    fn add(&mut self, base: &str) {
        self.last += 1;
        let net = IpNet::new("fe80::1:2".parse().unwrap(), 64).unwrap();
        self.links.insert(
            name(base),
            LinkView {
                index: IfIndex::new(self.last).unwrap(),
                up: true,
                raised: true,
                mac: Some(MacAddr([2, 0, 0, 0, 0, 0xa])),
                stacked: None,
                base: None,
                vrf: None,
                group: 3,
                addresses: vec![LinkAddress { net, tentative: false }],
            },
        );
    }

    fn delete(&mut self, link: &IfName) {
        if let Some(gone) = self.links.remove(link) {
            self.links.retain(|_, on_top| on_top.base != Some(gone.index));
        }
    }

    /// Macvlans follow the link below; a link that goes down loses its IPv6 addresses.
    fn set_up(&mut self, base: &str, up: bool) {
        let Some(index) = self.links.get(&name(base)).map(|link| link.index) else { return };
        for link in self.links.values_mut().filter(|link| link.index == index || link.base == Some(index)) {
            link.up = up;
            if !up && link.base.is_some() {
                link.addresses.clear();
            }
        }
    }

    fn carry_out(&mut self, link: &IfName, step: &LinkStep) -> Result<(), String> {
        self.log.push(match step {
            LinkStep::Make { .. } => format!("make {link}"),
            LinkStep::Set(LinkSetting { key, value, .. }) => format!("{key}={value}"),
            LinkStep::Install(net, _) => format!("+{net}"),
            LinkStep::Uninstall(net) => format!("-{net}"),
            step => format!("{step:?}").to_lowercase(),
        });
        if let LinkStep::Make { kind, base, vrf, group } = step {
            if self.refuses || self.links.contains_key(link) || !self.links.values().any(|l| l.index == *base)
            {
                return Err("no".to_owned());
            }
            self.last += 1;
            let (mac, stacked) = match kind {
                VirtualLinkKind::Vmac { mac, .. } => (Some(*mac), Stacked::Macvlan { private: true }),
                VirtualLinkKind::Ipvlan { .. } => (None, Stacked::Ipvlan { l2: true }),
            };
            let view = LinkView {
                index: IfIndex::new(self.last).unwrap(),
                up: false,
                raised: false,
                mac,
                stacked: Some(stacked),
                base: Some(*base),
                vrf: *vrf,
                group: *group,
                addresses: Vec::new(),
            };
            self.links.insert(link.clone(), view);
            return Ok(());
        }
        let base_up = |kernel: &Self, base| kernel.links.values().any(|l| Some(l.index) == base && l.up);
        let base = self.links.get(link).and_then(|view| view.base);
        let up = base_up(self, base);
        let Some(view) = self.links.get_mut(link) else { return Err("gone".to_owned()) };
        match step {
            LinkStep::Raise => (view.raised, view.up) = (true, up),
            LinkStep::Move(vrf) => view.vrf = *vrf,
            LinkStep::Install(net, _) => view.addresses.push(LinkAddress { net: *net, tentative: false }),
            LinkStep::Uninstall(net) => view.addresses.retain(|there| there.net != *net),
            LinkStep::Remove => drop(self.links.remove(link)),
            LinkStep::Make { .. } | LinkStep::Set(_) | LinkStep::Report(..) => {}
        }
        Ok(())
    }
}

/// Does what the machine wants until it wants nothing; what it has told.
fn settle(machine: &mut VirtualLinks, kernel: &mut Kernel, now: Instant) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..50 {
        machine.review(now, kernel);
        let mut idle = true;
        while let Some(effect) = machine.poll_effect() {
            match effect {
                LinkEffect::Notice(notice) => told.push(notice.to_string()),
                LinkEffect::Do(link, steps) => {
                    idle = false;
                    let failure = steps.iter().find_map(|step| kernel.carry_out(&link, step).err());
                    machine.done(now, &link, failure);
                }
            }
        }
        if idle {
            return told;
        }
    }
    panic!("it does not come to rest: {:?}", kernel.log);
}

fn vmac(mac: MacAddr) -> VirtualLink {
    let kind = VirtualLinkKind::Vmac { mac, origin: MacOrigin::Standard };
    VirtualLink { name: name("vrrp.51"), base: name("eth0"), kind, group: None, netlink_notify: false }
}

fn instance(link: VirtualLink) -> VrrpInstance {
    let mut vip = VirtualAddress::new(IpNet::host([10, 99, 0, 100].into()), name("eth0"));
    vip.vmac = Some(link.name.clone());
    VrrpInstance { virtual_link: Some(link), vips: vec![vip], ..crate::vrrp::sample() }
}

fn config(instances: impl IntoIterator<Item = VrrpInstance>) -> Config {
    Config { instances: instances.into_iter().map(Arc::new).collect(), ..Config::default() }
}

fn on_vmac() -> Config {
    config([instance(vmac(MAC))])
}

/// A machine that has what it wants, and its kernel.
fn settled(config: &Config) -> (VirtualLinks, Kernel) {
    let (mut machine, mut kernel) = (VirtualLinks::default(), Kernel::with("eth0"));
    machine.follow(config);
    assert!(!machine.is_settled(&kernel));
    settle(&mut machine, &mut kernel, ms(0));
    assert!(machine.is_settled(&kernel));
    kernel.log.clear();
    (machine, kernel)
}

/// oracle: keepalived 2.2.7: the link is made, set, brought up, in this order; its line with `-D`.
#[test]
fn a_vmac_is_set_before_it_comes_up() {
    let (mut machine, mut kernel) = (VirtualLinks::default(), Kernel::with("eth0"));
    machine.follow(&on_vmac());
    let told = settle(&mut machine, &mut kernel, ms(0));
    assert_eq!(told, ["(VI_1): Success creating VMAC interface vrrp.51"]);
    let settings = [
        "make vrrp.51",
        "disable_ipv6=1",
        "addr_gen_mode=1",
        "arp_ignore=1",
        "accept_local=1",
        "rp_filter=0",
        "promote_secondaries=1",
        "raise",
    ];
    assert_eq!(kernel.log, settings);
    assert_eq!(machine.standing().collect::<Vec<_>>(), [&name("vrrp.51")]);
    assert_eq!(kernel.links[&name("vrrp.51")].group, 3, "that of the base");
    kernel.log.clear();
    assert_eq!(settle(&mut machine, &mut kernel, ms(1)), [""; 0]);
    assert_eq!(kernel.log, [""; 0]);
}

#[test]
fn what_a_killed_daemon_has_left_is_taken_over_and_removed_at_the_end() {
    let (_, mut kernel) = settled(&on_vmac());
    let before = kernel.links[&name("vrrp.51")].index;
    let mut machine = VirtualLinks::default();
    machine.follow(&on_vmac());
    assert_eq!(settle(&mut machine, &mut kernel, ms(0)), ["(VI_1) Found matching interface vrrp.51"]);
    assert_eq!(kernel.links[&name("vrrp.51")].index, before);
    machine.follow(&Config::default());
    machine.let_go();
    assert!(!machine.is_gone());
    assert_eq!(settle(&mut machine, &mut kernel, ms(0)), ["(VI_1) Success removing VMAC interface vrrp.51"]);
    assert!(machine.is_gone() && !kernel.links.contains_key(&name("vrrp.51")));
}

#[test]
fn another_s_macvlan_of_the_name_is_replaced_and_any_other_link_is_left_alone() {
    let (_, mut kernel) = settled(&config([instance(vmac(MacAddr([2, 0, 0, 0, 0, 9])))]));
    let mut machine = VirtualLinks::default();
    machine.follow(&on_vmac());
    let told = settle(&mut machine, &mut kernel, ms(0));
    let replaces = "(VI_1) Removing old VMAC interface vrrp.51 due to conflicting interface";
    assert_eq!(told, [replaces, "(VI_1): Success creating VMAC interface vrrp.51"]);
    assert_eq!(kernel.links[&name("vrrp.51")].mac, Some(MAC));

    let mut kernel = Kernel::with("eth0");
    kernel.add("vrrp.51");
    let mut machine = VirtualLinks::default();
    machine.follow(&on_vmac());
    let told = settle(&mut machine, &mut kernel, ms(0));
    assert_eq!(told, ["VMAC vrrp.51 conflicts with existing interface"]);
    assert_eq!(settle(&mut machine, &mut kernel, ms(5_000)), [""; 0], "told once");
    assert!(machine.is_settled(&kernel) && kernel.log.is_empty());
    machine.follow(&Config::default());
    machine.let_go();
    assert!(machine.is_gone(), "it is not ours to remove");
    kernel.delete(&name("vrrp.51"));
    machine.follow(&on_vmac());
    settle(&mut machine, &mut kernel, ms(6_000));
    assert_eq!(kernel.links[&name("vrrp.51")].mac, Some(MAC));
}

#[test]
fn a_link_that_somebody_sets_down_comes_up_again() {
    let (mut machine, mut kernel) = settled(&on_vmac());
    let view = kernel.links.get_mut(&name("vrrp.51")).unwrap();
    (view.up, view.raised) = (false, false);
    settle(&mut machine, &mut kernel, ms(10));
    assert!(machine.is_settled(&kernel));
}

/// Somebody gives the link another MAC address, at these times; whether it is right again after each.
fn tug_of_war(
    machine: &mut VirtualLinks,
    kernel: &mut Kernel,
    times: impl Iterator<Item = u64>,
) -> Vec<bool> {
    let tug = |millis| {
        kernel.links.get_mut(&name("vrrp.51")).unwrap().mac = Some(MacAddr([2, 0, 0, 0, 0, 0x99]));
        settle(machine, kernel, ms(millis));
        kernel.links[&name("vrrp.51")].mac == Some(MAC)
    };
    times.map(tug).collect()
}

/// As often as an address is put back, and then with patience.
#[test]
fn a_link_that_somebody_makes_another_of_is_made_anew() {
    let (mut machine, mut kernel) = settled(&on_vmac());
    let mut right = tug_of_war(&mut machine, &mut kernel, 1..12);
    assert_eq!((right.pop(), right), (Some(false), vec![true; 10]));
    let due = machine.poll_timeout().unwrap();
    assert_eq!(due, ms(11) + RETRY);
    settle(&mut machine, &mut kernel, due);
    assert_eq!(kernel.links[&name("vrrp.51")].mac, Some(MAC));
    kernel.delete(&name("vrrp.51"));
    settle(&mut machine, &mut kernel, due);
    assert!(!kernel.links.contains_key(&name("vrrp.51")), "there was no peace since");
    settle(&mut machine, &mut kernel, due + RETRY);
    assert!(kernel.links.contains_key(&name("vrrp.51")));
}

#[test]
fn a_link_that_somebody_deletes_is_made_again_and_a_base_is_followed() {
    let (mut machine, mut kernel) = settled(&on_vmac());
    kernel.delete(&name("vrrp.51"));
    assert_eq!(settle(&mut machine, &mut kernel, ms(1)), ["(VI_1): Success creating VMAC interface vrrp.51"]);
    kernel.delete(&name("eth0"));
    assert_eq!(settle(&mut machine, &mut kernel, ms(2)), [""; 0]);
    assert!(machine.is_settled(&kernel), "nothing will come before the base does");
    kernel.add("eth0");
    settle(&mut machine, &mut kernel, ms(3));
    assert_eq!(kernel.links[&name("vrrp.51")].base, Some(kernel.links[&name("eth0")].index));
}

#[test]
fn a_link_that_cannot_be_made_is_tried_again_by_and_by() {
    let (mut machine, mut kernel) = (VirtualLinks::default(), Kernel::with("eth0"));
    kernel.refuses = true;
    machine.follow(&on_vmac());
    let unable = ["(VI_1): Unable to create VMAC interface vrrp.51: no"];
    assert_eq!(settle(&mut machine, &mut kernel, ms(0)), unable);
    assert!(machine.is_settled(&kernel));
    assert_eq!(settle(&mut machine, &mut kernel, ms(999)), [""; 0]);
    assert_eq!(machine.poll_timeout(), Some(ms(1_000)));
    assert_eq!(settle(&mut machine, &mut kernel, ms(1_000)), unable);
    assert_eq!(machine.poll_timeout(), Some(ms(3_000)));
    kernel.refuses = false;
    settle(&mut machine, &mut kernel, ms(3_000));
    assert_eq!(machine.standing().count(), 1);
}

#[test]
fn what_failed_on_one_base_is_not_waited_for_on_the_next() {
    let (mut machine, mut kernel) = settled(&on_vmac());
    tug_of_war(&mut machine, &mut kernel, 10..21);
    assert_eq!(machine.poll_timeout(), Some(ms(1_020)), "a tug of war");
    kernel.delete(&name("eth0"));
    kernel.add("eth0");
    settle(&mut machine, &mut kernel, ms(30));
    assert_eq!(kernel.links[&name("vrrp.51")].mac, Some(MAC));

    // It goes with its base after it was made, before it was seen.
    machine.renew(&name("eth0"));
    kernel.delete(&name("vrrp.51"));
    machine.review(ms(40), &kernel);
    assert!(matches!(machine.poll_effect(), Some(LinkEffect::Do(..))));
    kernel.delete(&name("eth0"));
    kernel.add("eth0");
    machine.done(ms(41), &name("vrrp.51"), None);
    settle(&mut machine, &mut kernel, ms(42));
    assert_eq!(kernel.links[&name("vrrp.51")].mac, Some(MAC));
}

/// Numbers are used again: then only the news tells one from the other.
#[test]
fn a_new_base_may_have_the_number_of_the_old_one() {
    let (mut machine, mut kernel) = (VirtualLinks::default(), Kernel::with("eth0"));
    kernel.refuses = true;
    machine.follow(&on_vmac());
    settle(&mut machine, &mut kernel, ms(0));
    settle(&mut machine, &mut kernel, ms(1_000));
    kernel.refuses = false;
    kernel.delete(&name("eth0"));
    kernel.last -= 1;
    kernel.add("eth0");
    machine.renew(&name("eth0"));
    settle(&mut machine, &mut kernel, ms(1_001));
    assert_eq!(machine.standing().count(), 1);
}

/// The news of the new base comes after the link was made on it.
#[test]
fn a_link_that_turns_out_to_be_there_is_taken_at_once() {
    let (mut machine, mut kernel) = (VirtualLinks::default(), Kernel::with("eth0"));
    let before = Kernel { links: kernel.links.clone(), ..Kernel::default() };
    machine.follow(&on_vmac());
    machine.review(ms(0), &before);
    let make = |machine: &mut VirtualLinks, kernel: &mut Kernel| {
        let effects = std::iter::from_fn(|| machine.poll_effect());
        let steps = effects.filter_map(|effect| match effect {
            LinkEffect::Do(link, steps) => Some((link, steps)),
            LinkEffect::Notice(_) => None,
        });
        let (link, steps) = steps.last().unwrap();
        let failure = steps.iter().find_map(|step| kernel.carry_out(&link, step).err());
        machine.done(ms(1), &link, failure);
    };
    make(&mut machine, &mut kernel);
    machine.renew(&name("eth0"));
    machine.review(ms(2), &before);
    make(&mut machine, &mut kernel);
    let told = settle(&mut machine, &mut kernel, ms(3));
    assert_eq!(told.last().unwrap(), "(VI_1) Found matching interface vrrp.51");
    assert!(machine.is_settled(&kernel));
}

#[test]
fn a_reload_touches_only_what_it_changes_and_removes_only_at_its_end() {
    let other = VirtualLink {
        name: name("vrrp.7"),
        kind: VirtualLinkKind::Vmac { mac: MacAddr([0, 0, 0x5e, 0, 1, 7]), origin: MacOrigin::Standard },
        ..vmac(MAC)
    };
    let second = VrrpInstance { name: "VI_2".into(), vrid: Vrid::new(7).unwrap(), ..instance(other) };
    let both = config([instance(vmac(MAC)), second.clone()]);
    let (mut machine, mut kernel) = settled(&on_vmac());
    machine.follow(&both);
    settle(&mut machine, &mut kernel, ms(1));
    assert_eq!(kernel.log.iter().filter(|step| step.starts_with("make")).count(), 1);
    machine.follow(&config([second]));
    settle(&mut machine, &mut kernel, ms(2));
    assert!(kernel.links.contains_key(&name("vrrp.51")));
    kernel.log.clear();
    machine.let_go();
    settle(&mut machine, &mut kernel, ms(2));
    assert_eq!(kernel.log, ["remove"]);
    assert!(!kernel.links.contains_key(&name("vrrp.51")) && kernel.links.contains_key(&name("vrrp.7")));
}

fn ipv6() -> VrrpInstance {
    let mut instance = instance(vmac(MacAddr([0, 0, 0x5e, 0, 2, 51])));
    instance.family = crate::types::Family::V6;
    instance.vips[0].net = IpNet::new("fe80::51".parse().unwrap(), 64).unwrap();
    instance
}

fn addresses(kernel: &Kernel) -> Vec<String> {
    kernel.links[&name("vrrp.51")].addresses.iter().map(|there| there.net.to_string()).collect()
}

/// oracle: keepalived 2.2.7 (`ip address` of its VMAC): the base's link-local address, made from its MAC address
/// if it has none; with `mcast_src_ip`, that.
#[test]
fn ipv6_adverts_leave_a_vmac_from_the_address_of_its_base() {
    let (mut machine, mut kernel) = settled(&config([ipv6()]));
    assert_eq!(addresses(&kernel), ["fe80::1:2/64"]);
    let there = |address: &str, tentative| {
        let net = IpNet::new(address.parse().unwrap(), 64).unwrap();
        vec![LinkAddress { net, tentative }]
    };
    let base = name("eth0");
    kernel.links.get_mut(&base).unwrap().addresses = there("fe80::9", true);
    settle(&mut machine, &mut kernel, ms(1));
    assert_eq!(addresses(&kernel), ["fe80::1:2/64"], "the new one is not usable yet");
    kernel.links.get_mut(&base).unwrap().addresses = there("fe80::9", false);
    settle(&mut machine, &mut kernel, ms(2));
    assert_eq!(addresses(&kernel), ["fe80::9/64"]);
    kernel.links.get_mut(&base).unwrap().addresses.clear();
    settle(&mut machine, &mut kernel, ms(3));
    assert_eq!(addresses(&kernel), ["fe80::ff:fe00:a/64"]);
    kernel.set_up("eth0", false);
    settle(&mut machine, &mut kernel, ms(4));
    assert_eq!(addresses(&kernel), [""; 0]);
    kernel.set_up("eth0", true);
    settle(&mut machine, &mut kernel, ms(5));
    assert_eq!(addresses(&kernel), ["fe80::ff:fe00:a/64"]);

    let given = VrrpInstance { source: Some("fe80::5".parse().unwrap()), ..ipv6() };
    assert_eq!(addresses(&settled(&config([given])).1), ["fe80::5/64"]);
    let base = VrrpInstance { xmit_base: true, ..ipv6() };
    assert_eq!(addresses(&settled(&config([base])).1), [""; 0]);
}

#[test]
fn an_ipvlan_has_the_address_that_it_sends_from() {
    let address = IpNet::new([10, 99, 0, 7].into(), 24);
    let kind = VirtualLinkKind::Ipvlan { mode: IpvlanMode::Bridge, address };
    let (_, kernel) = settled(&config([instance(VirtualLink { kind, ..vmac(MAC) })]));
    assert_eq!(addresses(&kernel), ["10.99.0.7/24"]);
}

#[test]
fn a_vmac_is_in_the_vrf_of_its_base() {
    let (mut machine, mut kernel) = settled(&on_vmac());
    let vrf = IfIndex::new(77);
    kernel.links.get_mut(&name("eth0")).unwrap().vrf = vrf;
    settle(&mut machine, &mut kernel, ms(1));
    assert_eq!(kernel.links[&name("vrrp.51")].vrf, vrf);
    kernel.delete(&name("vrrp.51"));
    settle(&mut machine, &mut kernel, ms(2));
    assert_eq!(kernel.links[&name("vrrp.51")].vrf, vrf, "from the start");
    kernel.links.get_mut(&name("eth0")).unwrap().vrf = None;
    settle(&mut machine, &mut kernel, ms(3));
    assert_eq!(kernel.links[&name("vrrp.51")].vrf, None);
}

#[test]
fn what_has_been_done_is_not_asked_for_again_before_it_could_be_seen() {
    let (mut machine, mut kernel) = settled(&config([ipv6()]));
    kernel.links.get_mut(&name("vrrp.51")).unwrap().addresses.clear();
    machine.review(ms(1), &kernel);
    assert!(matches!(machine.poll_effect(), Some(LinkEffect::Do(..))));
    machine.done(ms(1), &name("vrrp.51"), None);
    machine.review(ms(2), &kernel);
    assert_eq!((machine.poll_effect(), machine.poll_timeout()), (None, Some(ms(1_001))));
    machine.review(ms(1_001), &kernel);
    assert!(matches!(machine.poll_effect(), Some(LinkEffect::Do(..))));
}

#[derive(Clone, Debug)]
enum Blow {
    DeleteBase,
    AddBase,
    DeleteVmac,
    Carrier(bool),
    Refuse(bool),
    Reload(bool),
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        Just(Blow::DeleteBase),
        Just(Blow::AddBase),
        Just(Blow::DeleteVmac),
        any::<bool>().prop_map(Blow::Carrier),
        any::<bool>().prop_map(Blow::Refuse),
        any::<bool>().prop_map(Blow::Reload),
    ]
}

proptest! {
    /// Whatever happens to the links: once it is over, each that is wanted is there, with its address.
    #[test]
    fn in_the_end_there_is_what_is_wanted(blows in prop::collection::vec(blow(), 0..20)) {
        let (mut machine, mut kernel) = settled(&config([ipv6()]));
        let mut now = ms(0);
        for blow in blows {
            match blow {
                Blow::DeleteBase => kernel.delete(&name("eth0")),
                Blow::AddBase if !kernel.links.contains_key(&name("eth0")) => kernel.add("eth0"),
                Blow::AddBase => {}
                Blow::DeleteVmac => kernel.delete(&name("vrrp.51")),
                Blow::Carrier(up) => kernel.set_up("eth0", up),
                Blow::Refuse(refuses) => kernel.refuses = refuses,
                Blow::Reload(with) => {
                    machine.follow(&if with { config([ipv6()]) } else { Config::default() });
                    machine.let_go();
                }
            }
            now = now + Duration::from_millis(700);
            settle(&mut machine, &mut kernel, now);
        }
        kernel.refuses = false;
        if !kernel.links.contains_key(&name("eth0")) {
            kernel.add("eth0");
        }
        kernel.set_up("eth0", true);
        machine.follow(&config([ipv6()]));
        settle(&mut machine, &mut kernel, now + RETRY_MAX);
        prop_assert!(machine.is_settled(&kernel) && machine.standing().count() == 1);
        prop_assert_eq!(addresses(&kernel), ["fe80::1:2/64"]);
        machine.follow(&Config::default());
        machine.let_go();
        settle(&mut machine, &mut kernel, now + RETRY_MAX);
        prop_assert!(machine.is_gone() && kernel.links.len() == 1);
    }
}
