//! A master that stops and stays until a successor is there.

use super::*;
use crate::config::Config;
use crate::config::block::SyncGroup;
use crate::types::MacAddr;

const PATIENCE: Duration = Duration::from_millis(1010);

/// A master that has been told to stop, and what came of it.
fn leaving() -> (Instance, Instant, Vec<Effect>) {
    let (mut instance, now) = master(&config());
    instance.handle(now, Input::Stop(PATIENCE));
    let effects = drain(&mut instance);
    (instance, now, effects)
}

/// What removes the address and tells scripts.
fn has_let_go(effects: &[Effect]) -> bool {
    let removes =
        |effect: &Effect| matches!(effect, Effect::Addresses(change) if change.remove == [vip(100)]);
    let gone = effects.iter().any(removes);
    assert_eq!(events(effects), if gone { vec![Event::Stop] } else { vec![] });
    gone
}

#[test]
fn a_farewell_is_said_at_once_and_the_addresses_stay() {
    let (instance, now, effects) = leaving();
    assert_eq!(priorities(&effects), [0]);
    assert!(effects.contains(&Effect::Hush), "no burst goes on");
    assert!(!has_let_go(&effects));
    assert!(instance.is_leaving() && !instance.has_left());
    assert_eq!(instance.state(), State::Init);
    assert_eq!(instance.poll_timeout(), Some((now + PATIENCE, Timer::Leave)), "and nothing else");
}

/// Somebody's word that our address is at his place.
fn claim(foreign: bool) -> Input {
    let mac = MacAddr([2, 0, 0, 0, 0, 7]);
    Input::Claim(Claim { address: vip(100).net.address, link: own_link(), mac, foreign })
}

#[test]
fn whoever_takes_over_gets_the_addresses_when_it_has_announced_them_whatever_its_priority() {
    for (from, priority) in [(LOWER, 1), (LOWER, 150), (HIGHER, 254), (HIGHER, 255)] {
        let (mut instance, now, _) = leaving();
        let then = now + Duration::from_millis(400);
        assert_eq!(hear(&mut instance, then, from, priority), [], "it has not announced them");
        instance.handle(then, claim(false));
        assert_eq!(drain(&mut instance), [], "another host's word is not the successor's");
        instance.handle(then, claim(true));
        let effects = drain(&mut instance);
        assert!(has_let_go(&effects));
        assert_eq!(notices(&effects)[0], format!("(VI_1) {from} has taken over"));
        assert!(instance.has_left() && priorities(&effects).is_empty());
        assert_eq!(instance.poll_timeout(), None);
    }
}

/// As long as it owned the addresses it heard nobody, and now it waits for somebody.
#[test]
fn an_owner_that_ignores_adverts_hears_its_successor() {
    let owner = VrrpInstance { priority: Priority::OWNER, owner_ignore_adverts: true, ..config() };
    let mut instance = start(&owner);
    assert_eq!(instance.state(), State::Master);
    instance.handle(ms(1_000), Input::Stop(PATIENCE));
    drain(&mut instance);
    instance.handle(ms(1_600), claim(true));
    assert!(!has_let_go(&hear(&mut instance, ms(1_600), LOWER, 0)));
    assert!(has_let_go(&hear(&mut instance, ms(1_600), LOWER, 100)));
}

#[test]
fn an_announcement_that_is_not_heard_is_not_waited_for_and_one_may_overtake_the_advert() {
    let (mut instance, now, _) = leaving();
    let then = now + Duration::from_millis(400);
    hear(&mut instance, then, LOWER, 100);
    let limit = then + Duration::from_millis(20);
    assert_eq!(instance.poll_timeout(), Some((limit, Timer::Leave)));
    assert_eq!(hear(&mut instance, then + Duration::from_millis(10), LOWER, 100), [], "it is the same");
    assert_eq!(instance.poll_timeout(), Some((limit, Timer::Leave)));
    instance.handle_timeout(limit);
    let effects = drain(&mut instance);
    assert!(has_let_go(&effects));
    assert_eq!(notices(&effects)[0], format!("(VI_1) {LOWER} has taken over"));

    let (mut instance, now, _) = leaving();
    let then = now + Duration::from_millis(400);
    instance.handle(then, claim(true));
    assert_eq!(drain(&mut instance), [], "nobody has taken over");
    assert!(has_let_go(&hear(&mut instance, then, LOWER, 100)));
}

#[test]
fn no_successor_is_who_leaves_as_well_is_ourselves_or_spoke_before() {
    let (mut instance, now, _) = leaving();
    let soon = now + Duration::from_millis(1);
    for (at, from, priority) in
        [(soon, HIGHER, 0), (soon, OWN, 150), (now - Duration::from_millis(1), LOWER, 100)]
    {
        assert_eq!(hear(&mut instance, at, from, priority), []);
    }
    let stranger = VrrpInstance { version: Version::V3, ..config() };
    instance.handle(soon, Input::Packet(advert(&stranger, HIGHER, 200)));
    assert_eq!(drain(&mut instance), []);
    assert!(instance.is_leaving());
}

#[test]
fn nobody_is_waited_for_longer_than_a_successor_takes() {
    let (mut instance, now, _) = leaving();
    instance.handle_timeout(now + PATIENCE - Duration::from_micros(1));
    assert_eq!(drain(&mut instance), []);
    instance.handle_timeout(now + PATIENCE);
    let effects = drain(&mut instance);
    assert!(has_let_go(&effects) && priorities(&effects).is_empty());
    assert_eq!(notices(&effects)[0], "(VI_1) nobody has taken over");
}

#[test]
fn a_fault_and_haste_end_the_waiting() {
    let faulty = Tracking { faults: [Fault::Link(own_link())].into(), ..Tracking::default() };
    for input in [Input::Tracking(faulty), Input::Source(None), Input::Stop(Duration::ZERO)] {
        let (mut instance, now, _) = leaving();
        instance.handle(now, input);
        let effects = drain(&mut instance);
        assert!(has_let_go(&effects) && priorities(&effects).is_empty());
        assert!(instance.has_left());
    }
}

#[test]
fn what_concerns_those_that_stay_does_not_move_it() {
    let (mut instance, now, _) = leaving();
    let inputs = [
        Input::Tracking(Tracking { weight: -20, ..Tracking::default() }),
        Input::Source(Some(OWN)),
        Input::LinkRenewed(own_link()),
        Input::Lost(Box::new(Lost {
            addresses: vec![(vip(100).net.address, own_link())],
            ..Lost::default()
        })),
        Input::Reconfigure(Arc::new(VrrpInstance { vips: vec![vip(101)], ..config() })),
        Input::Stop(PATIENCE),
    ];
    for input in inputs {
        instance.handle(now, input);
        assert_eq!(drain(&mut instance), []);
    }
    assert_eq!(instance.poll_timeout(), Some((now + PATIENCE, Timer::Leave)));
}

#[test]
fn nobody_is_waited_for_who_cannot_have_heard_or_would_not_be_missed() {
    let lonely = VrrpInstance { source: Some(OWN), delivery: Delivery::to_peers([]), ..config() };
    let bare = VrrpInstance { vips: vec![], ..config() };
    for config in [lonely, bare] {
        let (mut instance, now) = master(&config);
        instance.handle(now, Input::Stop(PATIENCE));
        assert!(instance.has_left());
    }
    let mut backup = start(&config());
    drain(&mut backup);
    backup.handle(ms(1), Input::Stop(PATIENCE));
    assert!(backup.has_left());
    assert_eq!(events(&drain(&mut backup)), [Event::Stop]);
}

#[test]
fn patience_is_the_longest_skew_of_the_group() {
    let v3 = |name: &str, centis, group: Option<&str>| {
        Arc::new(VrrpInstance {
            name: name.into(),
            version: Version::V3,
            advert_int: AdvertInt::from_centis(centis).unwrap(),
            sync_group: group.map(Into::into),
            ..config()
        })
    };
    let v2 = Arc::new(VrrpInstance { name: "old".into(), sync_group: Some("G".into()), ..config() });
    let instances = vec![v3("quick", 10, None), v3("member", 30, Some("G")), v2, v3("slow", 4095, None)];
    let all = Config {
        instances: instances.clone(),
        sync_groups: Vec::<Arc<SyncGroup>>::new(),
        ..Config::default()
    };
    let times = PartingTimes::new(&all);
    let patience: Vec<_> = instances.iter().map(|instance| times.of(instance).as_millis()).collect();
    assert_eq!(patience, [110, 1010, 1010, 40_960]);
}
