//! Packets to the addresses of a master that does not accept them.

use super::*;
use crate::config::value::VirtualAddress;
use crate::types::IfName;
use crate::vrrp::{Blocked, KernelChange};

fn blocked(last: u8) -> Blocked {
    let VirtualAddress { dev: link, net, .. } = vip(last);
    Blocked { link, address: net.address, follows_name: false }
}

fn deaf() -> VrrpInstance {
    VrrpInstance { accept: false, excluded_vips: vec![vip(102)], ..config() }
}

/// Changes of the firewall, addresses and announcements, in order.
fn work(effects: &[Effect]) -> Vec<String> {
    fn signed<T>(change: &KernelChange<T>, show: impl Fn(&T) -> IpAddr) -> String {
        let show = |sign: &str, one: &T| {
            let address = show(one).to_string();
            format!("{sign}{}", address.rsplit('.').next().unwrap_or_default())
        };
        let install = change.install.iter().map(|one| show("+", one));
        let remove = change.remove.iter().map(|one| show("-", one));
        install.chain(remove).collect::<Vec<_>>().join(" ")
    }
    let shown = |effect: &Effect| match effect {
        Effect::Firewall(change) => Some(format!("block {}", signed(change, |one| one.address))),
        Effect::Addresses(change) => Some(format!("have {}", signed(change, |one| one.net.address))),
        Effect::Announce(_) => Some("announce".to_owned()),
        _ => None,
    };
    effects.iter().filter_map(shown).collect()
}

/// oracle: the log of keepalived 2.2.7.
#[test]
fn packets_are_dropped_before_the_addresses_are_there_until_they_are_gone() {
    let mut instance = start(&deaf());
    let effects = drain(&mut instance);
    assert_eq!(work(&effects), ["have -100 -102", "block -100 -102"], "leftovers");
    assert!(notices(&effects).contains(&"(VI_1) removing firewall drop rule".to_owned()));
    let due = instance.poll_timeout().unwrap().0;
    instance.handle_timeout(due);
    let effects = drain(&mut instance);
    assert_eq!(work(&effects), ["block +100 +102", "have +100 +102", "announce"]);
    let lines = notices(&effects);
    let at = |line: &str| lines.iter().position(|told| told == line);
    assert!(at("(VI_1) Entering MASTER STATE") < at("(VI_1) setting firewall drop rule"), "{lines:?}");
    assert!(at("(VI_1) setting firewall drop rule") < at("(VI_1) setting VIPs."), "{lines:?}");
    let effects = hear(&mut instance, due, HIGHER, 200);
    assert_eq!(work(&effects), ["have -100 -102", "block -100 -102"]);
}

/// oracle: keepalived 2.2.7 makes no table for an owner with `no_accept`.
#[test]
fn an_owner_and_a_master_that_accepts_block_nothing() {
    for config in [VrrpInstance { priority: Priority::OWNER, ..deaf() }, config()] {
        let mut instance = start(&config);
        while instance.state() != State::Master {
            let due = instance.poll_timeout().unwrap().0;
            instance.handle_timeout(due);
        }
        assert!(!drain(&mut instance).iter().any(|effect| matches!(effect, Effect::Firewall(_))));
    }
}

#[test]
fn a_reload_blocks_what_comes_and_lets_be_what_stays() {
    let (mut instance, now) = master(&deaf());
    let new = VrrpInstance { vips: vec![vip(100), vip(103)], excluded_vips: Vec::new(), ..deaf() };
    instance.handle(now, Input::Reconfigure(Arc::new(new)));
    let effects = work(&drain(&mut instance));
    assert_eq!(effects, ["block +103", "have +103 -102", "block -102", "announce"]);
    let accepting = VrrpInstance { accept: true, ..(**instance.config()).clone() };
    instance.handle(now, Input::Reconfigure(Arc::new(accepting.clone())));
    assert_eq!(work(&drain(&mut instance)), ["block -100 -103"]);
    instance.handle(now, Input::Reconfigure(Arc::new(VrrpInstance { accept: false, ..accepting })));
    assert_eq!(work(&drain(&mut instance)), ["block +100 +103"]);
}

#[test]
fn a_reload_that_only_changes_how_a_link_is_told_blocks_anew_and_lets_nothing_in() {
    let (mut instance, now) = master(&deaf());
    let new = VrrpInstance { track_primary: false, ..deaf() };
    instance.handle(now, Input::Reconfigure(Arc::new(new)));
    assert_eq!(work(&drain(&mut instance)), ["block +100 +102"]);
}

#[test]
fn a_backup_that_is_reloaded_blocks_nothing() {
    let mut instance = start(&config());
    drain(&mut instance);
    instance.handle(ms(1), Input::Reconfigure(Arc::new(deaf())));
    assert_eq!(work(&drain(&mut instance)), [""; 0]);
}

#[test]
fn what_is_adopted_is_blocked_at_once() {
    let start = Start {
        tracking: Tracking::default(),
        source: Some(OWN),
        word: None,
        leftovers: Leftovers::Adopt,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(deaf()), start);
    assert_eq!(work(&drain(&mut instance)), ["block +100 +102"]);
}

/// oracle: keepalived's sources (nft_update_ipv6_address), and `nft list ruleset`.
#[test]
fn an_address_follows_the_name_of_a_link_that_may_come_and_go() {
    let elsewhere = VirtualAddress { dev: IfName::new("eth1").unwrap(), ..vip(101) };
    let mut config = VrrpInstance { excluded_vips: vec![elsewhere], ..deaf() };
    let follow = |config: &VrrpInstance| -> Vec<bool> {
        Blocked::by(config).iter().map(|blocked| blocked.follows_name).collect()
    };
    assert_eq!(Blocked::by(&config)[0], blocked(100));
    config.track_primary = false;
    assert_eq!(follow(&config), [true, false]);
    config.excluded_vips[0].no_track = true;
    assert_eq!(follow(&config), [true, true]);
}
