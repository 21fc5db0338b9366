//! Virtual routes and rules.

use super::*;
use crate::config::value::{Route, Rule};
use crate::types::{Family, IpNet};
use crate::vrrp::patience::LIMIT;
use crate::vrrp::{Answer, KernelChange, NoticeKind, RoutingKind};

fn route(third: u8) -> Route {
    let net = IpNet::new([10, 100, third, 0].into(), 24).unwrap();
    Route { dev: Some(vip(100).dev), ..Route::to(net) }
}

fn rule(preference: u32) -> Rule {
    Rule::looking_up(Family::V4, 100, preference)
}

fn with_routing() -> VrrpInstance {
    VrrpInstance { routes: vec![route(1), route(2)], rules: vec![rule(5)], ..config() }
}

/// What is done to the kernel, in order: `+a` for addresses that come, `-r` for routes that go, `u` for rules.
fn kernel_work(effects: &[Effect]) -> Vec<&'static str> {
    fn sign<T>(change: &KernelChange<T>, signs: [&'static str; 2]) -> &'static str {
        if change.remove.is_empty() { signs[0] } else { signs[1] }
    }
    let work = |effect: &Effect| match effect {
        Effect::Addresses(change) => Some(sign(change, ["+a", "-a"])),
        Effect::Routes(change) => Some(sign(change, ["+r", "-r"])),
        Effect::Rules(change) => Some(sign(change, ["+u", "-u"])),
        Effect::Announce(_) => Some("announce"),
        _ => None,
    };
    effects.iter().filter_map(work).collect()
}

/// oracle: `ip monitor` and the log beside keepalived 2.2.7.
#[test]
fn routes_and_rules_come_behind_the_addresses_and_go_before_them() {
    let mut instance = start(&with_routing());
    assert_eq!(kernel_work(&drain(&mut instance)), ["-u", "-r", "-a"], "leftovers");
    let due = instance.poll_timeout().unwrap().0;
    instance.handle_timeout(due);
    assert_eq!(kernel_work(&drain(&mut instance)), ["+a", "+r", "+u", "announce"]);
    instance.handle(due, Input::Stop(Duration::ZERO));
    assert_eq!(kernel_work(&drain(&mut instance)), ["-u", "-r", "-a"]);
}

#[test]
fn a_reload_touches_the_routes_that_change_and_no_others() {
    let (mut instance, now) = master(&with_routing());
    let with_mtu = Route { onlink: true, ..route(1) };
    let new = VrrpInstance { routes: vec![with_mtu.clone(), route(3)], rules: vec![rule(5)], ..config() };
    instance.handle(now, Input::Reconfigure(Arc::new(new)));
    let effects = drain(&mut instance);
    let changes: Vec<_> = effects
        .iter()
        .filter_map(|e| if let Effect::Routes(change) = e { Some(change) } else { None })
        .collect();
    let expected = KernelChange { install: vec![with_mtu, route(3)], remove: vec![route(2)] };
    assert_eq!(changes, [&expected], "what has its place already need not go first");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Rules(_) | Effect::Announce(_))));
}

fn route_lost(route: Route) -> Input {
    Input::Lost(Box::new(Lost { routes: vec![route], ..Lost::default() }))
}

#[test]
fn what_somebody_deletes_is_put_back_until_it_is_hopeless_and_what_is_not_tracked_is_let_be() {
    let untracked = Route { no_track: true, ..route(9) };
    let mut config = with_routing();
    config.routes.push(untracked.clone());
    let (mut instance, now) = master(&config);
    instance.handle(now, route_lost(untracked));
    instance.handle(now, route_lost(route(77)));
    assert!(drain(&mut instance).is_empty());
    instance.handle(now, route_lost(route(1)));
    let effects = drain(&mut instance);
    assert!(effects.contains(&Effect::Routes(KernelChange::installing(vec![route(1)]))));
    let told = |effect: &Effect| match effect {
        Effect::Notice(notice) => {
            matches!(notice.kind, NoticeKind::RoutingLost(RoutingKind::Route, _, Answer::Restores))
        }
        _ => false,
    };
    assert!(effects.iter().any(told));
    for _ in 0..LIMIT {
        instance.handle(now, Input::Lost(Box::new(Lost { rules: vec![rule(5)], ..Lost::default() })));
    }
    assert_eq!((instance.state(), priorities(&drain(&mut instance))), (State::Backup, vec![0]));
    instance.handle(now, route_lost(route(1)));
    assert!(drain(&mut instance).is_empty(), "a backup has none to lose");
}
