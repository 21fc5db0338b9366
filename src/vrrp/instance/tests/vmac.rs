//! Instances on VMACs: which link does what.

use super::*;
use crate::config::block::{MacOrigin, VirtualLink, VirtualLinkKind};
use crate::config::value::VirtualAddress;
use crate::types::MacAddr;

fn name(name: &str) -> IfName {
    IfName::new(name).unwrap()
}

/// On `vrrp.51`; 10.99.0.101 and .102 on a VMAC of eth1, .103 on eth2 itself.
fn on_vmac() -> VrrpInstance {
    let kind = VirtualLinkKind::Vmac { mac: MacAddr([0, 0, 0x5e, 0, 1, 51]), origin: MacOrigin::Standard };
    let own =
        VirtualLink { name: name("vrrp.51"), base: name("eth0"), kind, group: None, netlink_notify: false };
    let on =
        |last, dev, vmac: Option<&str>| VirtualAddress { dev: name(dev), vmac: vmac.map(name), ..vip(last) };
    let elsewhere = Some("vrrp1.51");
    VrrpInstance {
        virtual_link: Some(own),
        vips: vec![on(100, "eth0", Some("vrrp.51")), on(101, "eth1", elsewhere), on(102, "eth1", elsewhere)],
        excluded_vips: vec![on(103, "eth2", None)],
        ..config()
    }
}

fn announced(effects: &[Effect]) -> Vec<(String, u8, u32)> {
    let mut all = Vec::new();
    for effect in effects {
        if let Effect::Announce(announce) = effect {
            for (link, address) in &announce.targets {
                let IpAddr::V4(address) = address else { panic!("{address}") };
                all.push((link.to_string(), address.octets()[3], announce.rounds));
            }
        }
    }
    all
}

/// oracle: keepalived 2.2.7, `Sending gratuitous ARP on …` with `garp_extra_if 2`, `garp_extra_if all 2` and
/// `vmac_xmit_base`.
#[test]
fn links_without_adverts_are_told_again_and_again() {
    let at = |all, xmit_base| {
        let mut config = on_vmac();
        config.garp_extra = crate::config::block::GarpExtraIf { interval: Duration::from_millis(2_500), all };
        config.xmit_base = xmit_base;
        let (mut instance, now) = master(&config);
        instance.handle_timeout(now + Duration::from_millis(2_499));
        assert_eq!(announced(&drain(&mut instance)), []);
        let due = now + Duration::from_millis(2_500);
        assert_eq!(instance.status().next_extra_garp, Some(due));
        instance.handle_timeout(due);
        let first = announced(&drain(&mut instance));
        instance.handle_timeout(due + Duration::from_millis(2_499));
        drain(&mut instance);
        assert_eq!(instance.status().next_extra_garp, Some(due + Duration::from_millis(2_500)));
        first
    };
    let own = ("vrrp.51".to_owned(), 100, 1);
    let (vmac, plain) = (("vrrp1.51".to_owned(), 101, 1), ("eth2".to_owned(), 103, 1));
    assert_eq!(at(false, false), std::slice::from_ref(&vmac));
    assert_eq!(at(true, false), [vmac.clone(), plain]);
    assert_eq!(at(false, true), [own, vmac]);
}

#[test]
fn adverts_and_their_source_have_the_link_that_they_need() {
    let name = |link: Option<&IfName>| link.map(IfName::to_string).unwrap_or_default();
    let links = |config: &VrrpInstance| (name(config.advert_link()), name(config.source_link()));
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(links(&config()), pair("eth0", "eth0"));
    assert_eq!(links(&on_vmac()), pair("vrrp.51", "eth0"));
    let ipv6 = VrrpInstance { family: Family::V6, ..on_vmac() };
    assert_eq!(links(&ipv6), pair("vrrp.51", "vrrp.51"));
    assert_eq!(links(&VrrpInstance { xmit_base: true, ..ipv6 }), pair("eth0", "eth0"));
}

/// oracle: keepalived 2.2.7 (vrrp_exist): a VMAC more or less makes another router.
#[test]
fn a_reload_that_adds_a_vmac_begins_anew_and_one_that_renames_it_does_not() {
    use crate::vrrp::same_router;
    let mut renamed = on_vmac();
    renamed.virtual_link.as_mut().unwrap().name = name("other");
    assert!(same_router(&on_vmac(), &renamed));
    let plain = VrrpInstance { virtual_link: None, ..on_vmac() };
    assert!(!same_router(&plain, &on_vmac()));
    let vmac_addr = VrrpInstance { vmac_addr: true, ..on_vmac() };
    assert!(!same_router(&on_vmac(), &vmac_addr));
}
