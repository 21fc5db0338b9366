//! Another master beside us.

use super::*;
use crate::types::AdvertInt;
use crate::vrrp::{Claim, ConflictCause};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

pub(super) fn claim(foreign: bool) -> Input {
    let link = own_link();
    Input::Claim(Claim { address: [10, 99, 0, 100].into(), link, mac: MAC, foreign })
}

/// What is told of conflicts until `end`, with the milliseconds since `begin`; and the announcements.
fn follow(instance: &mut Instance, begin: Instant, end: Instant) -> (Vec<(u64, String)>, Vec<u64>) {
    let (mut lines, mut bursts) = (Vec::new(), Vec::new());
    while let Some((at, _)) = instance.poll_timeout().filter(|(at, _)| *at <= end) {
        instance.handle_timeout(at);
        let effects = drain(instance);
        let since = at.since(begin).as_millis() as u64;
        lines.extend(
            notices(&effects).into_iter().filter(|it| it.contains("split brain")).map(|it| (since, it)),
        );
        let announced = effects.iter().any(|effect| matches!(effect, Effect::Announce(_)));
        bursts.extend(announced.then_some(since));
    }
    (lines, bursts)
}

/// A master whose second burst is over.
fn old_master() -> (Instance, Instant) {
    let (mut instance, begin) = master(&config());
    let now = begin + Duration::from_secs(20);
    follow(&mut instance, begin, now);
    (instance, now)
}

#[test]
fn a_partition_that_heals_is_told_with_its_length_and_the_neighbours_are_told_within_a_second() {
    let (mut instance, begin) = old_master();
    let at = |millis| begin + Duration::from_millis(millis);
    let effects = hear(&mut instance, at(0), LOWER, 100);
    assert_eq!(priorities(&effects), [150]);
    assert!(effects.contains(&Effect::Resolve(LOWER)));
    assert_eq!(events(&effects), [Event::MasterRxLowerPri]);
    instance.handle(at(1), Input::Resolved(LOWER, MAC));
    let (lines, bursts) = follow(&mut instance, begin, at(10_000));
    // The one that keepalived sends as well is five seconds later.
    assert_eq!(bursts, [300, 5_000]);
    let [(told, first), (_, last)] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(*told, 2_100);
    assert!(
        first.starts_with("(VI_1) split brain: 10.99.0.1 (02:00:00:00:00:09) is master as well; likely they")
    );
    assert_eq!(last, "(VI_1) split brain with 10.99.0.1 (02:00:00:00:00:09) is over after 0.000000 seconds");
    assert_eq!(instance.status().stats.split_brain, 1);
}

#[test]
fn one_that_goes_on_does_not_hear_us_and_is_told_once() {
    let (mut instance, begin) = old_master();
    let at = |millis| begin + Duration::from_millis(millis);
    let mut lines = Vec::new();
    for second in 0..10u64 {
        lines.extend(follow(&mut instance, begin, at(second * 1_000)).0);
        hear(&mut instance, at(second * 1_000), LOWER, 100);
    }
    lines.extend(follow(&mut instance, begin, at(20_000)).0);
    let [(_, first), (_, last)] = &lines[..] else { panic!("{lines:?}") };
    assert!(first.contains("likely it does not hear our adverts"), "{first}");
    assert!(last.ends_with("is over after 9.000000 seconds"), "{last}");
    assert_eq!(instance.status().stats.split_brain, 1);
}

#[test]
fn the_last_advert_of_the_old_master_is_no_conflict() {
    let (mut instance, begin) = master(&config());
    let effects = hear(&mut instance, begin + Duration::from_millis(1), LOWER, 100);
    assert_eq!(events(&effects), [Event::MasterRxLowerPri]);
    assert!(follow(&mut instance, begin, begin + Duration::from_secs(4)).0.is_empty());
    assert_eq!(instance.status().stats.split_brain, 0);
}

#[test]
fn other_addresses_and_other_passwords_are_told_apart() {
    let (mut instance, begin) = old_master();
    let other = VrrpInstance { vips: vec![vip(7)], ..config() };
    instance.handle(begin, Input::Packet(advert(&other, LOWER, 100)));
    let (lines, _) = follow(&mut instance, begin, begin + Duration::from_millis(900));
    assert!(lines[0].1.contains("another virtual router has this virtual_router_id"), "{lines:?}");

    let (mut instance, begin) = old_master();
    let mut refused = advert(&config(), LOWER, 200);
    refused.message[4] = 1;
    instance.handle(begin, Input::Packet(refused));
    assert_eq!(instance.state(), State::Master);
    let (lines, _) = follow(&mut instance, begin, begin + Duration::from_millis(900));
    assert!(lines[0].1.contains("its adverts fail our authentication"), "{lines:?}");
}

#[test]
fn an_address_at_a_strangers_mac_is_a_conflict_and_is_answered_ever_more_rarely() {
    let (mut instance, begin) = old_master();
    let at = |millis| begin + Duration::from_millis(millis);
    instance.handle(begin, claim(false));
    assert_eq!(instance.status().stats.foreign_claims, 0);
    let (mut lines, mut bursts) = (Vec::new(), Vec::new());
    for tenth in 0..600u64 {
        let (told, announced) = follow(&mut instance, begin, at(tenth * 100));
        lines.extend(told);
        bursts.extend(announced);
        instance.handle(at(tenth * 100), claim(true));
        drain(&mut instance);
    }
    assert!(lines[0].1.contains("likely its adverts do not arrive here"), "{lines:?}");
    assert_eq!((lines.len(), instance.status().stats.split_brain), (1, 1));
    assert_eq!(bursts, [300, 1_300, 3_300, 7_300, 15_300, 31_300]);
}

/// Of the one who preempts it is heard that it announces; after a partition nothing is.
#[test]
fn the_one_that_gives_way_speaks_again_unless_the_other_announces() {
    let (mut instance, begin) = old_master();
    let at = |millis| begin + Duration::from_millis(millis);
    hear(&mut instance, begin, HIGHER, 200);
    assert!(instance.heeds_claims());
    assert_eq!(instance.poll_timeout(), Some((at(30), Timer::Nudge)));
    let mut sent = Vec::new();
    for millis in [0, 20, 1_000, 1_100, 2_000, 3_000, 4_000] {
        hear(&mut instance, at(millis), HIGHER, 200);
        while let Some((now, Timer::Nudge)) = instance.poll_timeout() {
            instance.handle_timeout(now);
            sent.push((now.since(begin).as_millis(), priorities(&drain(&mut instance))));
        }
    }
    assert_eq!(sent, [(30, vec![150]), (1_030, vec![150]), (2_030, vec![150])], "each after an advert");
    assert_eq!(instance.state(), State::Backup);

    let (mut instance, begin) = old_master();
    hear(&mut instance, begin, HIGHER, 200);
    instance.handle(begin + Duration::from_millis(1), claim(true));
    assert_ne!(instance.poll_timeout().map(|(_, timer)| timer), Some(Timer::Nudge));
    assert!(!instance.heeds_claims());
}

/// To a worse master it would be a reason to give way, and to one that leaves a successor.
#[test]
fn nothing_is_said_to_a_master_that_is_better_no_longer() {
    for priority in [90, 0] {
        let (mut instance, begin) = old_master();
        hear(&mut instance, begin, HIGHER, 200);
        hear(&mut instance, begin + Duration::from_millis(20), HIGHER, priority);
        assert_eq!(instance.deadline(Timer::Nudge), None, "{priority}");
        assert!(!instance.heeds_claims());
    }
}

/// A third router would count in our interval afterwards, and find the master late.
#[test]
fn a_quicker_one_gives_way_in_silence() {
    let quick =
        VrrpInstance { version: Version::V3, advert_int: AdvertInt::from_centis(10).unwrap(), ..config() };
    let (mut instance, begin) = master(&quick);
    let slow = VrrpInstance { advert_int: AdvertInt::from_centis(100).unwrap(), ..quick };
    instance.handle(begin, Input::Packet(advert(&slow, HIGHER, 200)));
    assert_eq!(instance.state(), State::Backup);
    drain(&mut instance);
    instance.handle_timeout(begin + Duration::from_millis(900));
    assert_eq!(priorities(&drain(&mut instance)), [0; 0]);
}

/// A node that was killed while nobody heard it, or whose VRRP process was: its addresses were still answered for.
#[test]
fn a_better_master_hears_of_addresses_that_were_left_behind() {
    let nudged = |mut instance: Instance| {
        assert_eq!(instance.state(), State::Backup);
        drain(&mut instance);
        hear(&mut instance, ms(1_500), HIGHER, 200);
        assert_eq!(instance.poll_timeout(), Some((ms(1_530), Timer::Nudge)));
        instance.handle_timeout(ms(1_530));
        assert_eq!(priorities(&drain(&mut instance)), [150]);
    };
    let mut instance = start(&config());
    instance.has_found_leftovers(ms(0));
    nudged(instance);

    let begin = |leftovers, tracking| {
        let start = Start { tracking, source: Some(OWN), word: None, leftovers, wall: Duration::ZERO };
        Instance::new(ms(0), Arc::new(config()), start)
    };
    nudged(begin(Leftovers::Adopt, Tracking::default()));
    let mut instance = begin(Leftovers::Remove, Tracking { pending: 1, ..Tracking::default() });
    instance.has_found_leftovers(ms(0));
    instance.handle(ms(1_000), Input::Tracking(Tracking::default()));
    nudged(instance);

    let patient = VrrpInstance { preempt: Preempt::Never, ..config() };
    let mut instance = start(&patient);
    instance.has_found_leftovers(ms(0));
    hear(&mut instance, ms(1_500), LOWER, 100);
    instance.handle_timeout(ms(1_530));
    assert_eq!(priorities(&drain(&mut instance)), [0; 0], "a worse one would give way to it");
}

#[test]
fn an_equal_advert_is_a_conflict_that_ends_by_giving_way() {
    let (mut instance, begin) = old_master();
    let told = notices(&hear(&mut instance, begin, HIGHER, 150));
    let told: Vec<_> = told.iter().filter(|line| line.contains("split brain")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(instance.status().stats.split_brain, 1);
}

#[test]
fn without_announcements_after_lower_adverts_nothing_is_repaired() {
    let mut config = config();
    config.garp.lower_prio_repeat = 0;
    let (mut instance, begin) = master(&config);
    let now = begin + Duration::from_secs(20);
    follow(&mut instance, begin, now);
    hear(&mut instance, now, LOWER, 100);
    assert!(follow(&mut instance, now, now + Duration::from_secs(9)).1.is_empty());
    assert_eq!(ConflictCause::Parted.word(), "parted");
}
