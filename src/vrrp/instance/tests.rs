mod group;

use super::sample::{sample as config, vip};
mod firewall;
mod leave;
mod removal;
mod routing;
mod split_brain;
mod vmac;

use super::*;
use crate::config::block::{Delivery, Preempt, UnicastPeer};
use crate::types::{AdvertInt, Family, IpNet, Version, skew_time};
use crate::vrrp::accept::Carrier;
use crate::vrrp::effect::{Event, Transmit};
use crate::wire::vrrp::{Advert, AdvertAuth, Coverage, Packet};
use std::net::Ipv4Addr;

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2));
const HIGHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 3));
const LOWER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));

fn own_link() -> IfName {
    config().interface.expect("the sample has one")
}

fn ms(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn us(micros: u64) -> Instant {
    Instant::ZERO + Duration::from_micros(micros)
}

fn start(config: &VrrpInstance) -> Instance {
    let start = Start {
        tracking: Tracking::default(),
        source: Some(OWN),
        word: None,
        leftovers: Leftovers::Remove,
        wall: Duration::ZERO,
    };
    Instance::new(ms(0), Arc::new(config.clone()), start)
}

/// An instance that has become master, its effects drained, and the moment it did.
fn master(config: &VrrpInstance) -> (Instance, Instant) {
    let mut instance = start(config);
    let (now, _) = instance.poll_timeout().unwrap();
    instance.handle_timeout(now);
    assert_eq!(instance.state(), State::Master);
    drain(&mut instance);
    (instance, now)
}

fn drain(instance: &mut Instance) -> Vec<Effect> {
    std::iter::from_fn(|| instance.poll_effect()).collect()
}

fn sends(effects: &[Effect]) -> Vec<&Transmit> {
    fn send(effect: &Effect) -> Option<&Transmit> {
        if let Effect::Send(transmit) = effect { Some(transmit) } else { None }
    }
    effects.iter().filter_map(send).collect()
}

/// Priorities of the adverts among these effects.
fn priorities(effects: &[Effect]) -> Vec<u8> {
    sends(effects).iter().map(|transmit| transmit.bytes[22]).collect()
}

fn events(effects: &[Effect]) -> Vec<Event> {
    let event = |effect: &Effect| if let Effect::Notify(told) = effect { Some(told.event) } else { None };
    effects.iter().filter_map(event).collect()
}

fn notices(effects: &[Effect]) -> Vec<String> {
    let line =
        |effect: &Effect| if let Effect::Notice(notice) = effect { Some(notice.to_string()) } else { None };
    effects.iter().filter_map(line).collect()
}

/// An advert of the virtual router of `config`, as another router sends it.
fn advert(config: &VrrpInstance, from: IpAddr, priority: u8) -> Datagram {
    let group = config.family.vrrp_group();
    let advert = Advert {
        version: config.version,
        vrid: config.vrid,
        priority: Priority::new(priority),
        auth: AdvertAuth::None,
        interval: config.advert_int,
        addresses: config.vips.iter().map(|vip| vip.net.address).collect(),
    };
    Datagram {
        source: from,
        destination: group,
        ttl: 255,
        carrier: Carrier::Vrrp,
        message: advert.emit(from, group),
    }
}

fn hear(instance: &mut Instance, now: Instant, from: IpAddr, priority: u8) -> Vec<Effect> {
    let config = Arc::clone(instance.config());
    instance.handle(now, Input::Packet(advert(&config, from, priority)));
    drain(instance)
}

/// oracle: behaviour seen of keepalived 2.2.7: `state MASTER` waits like everybody else.
#[test]
fn starts_as_backup_and_waits_a_whole_master_down_interval() {
    let mut instance = start(&config());
    assert_eq!(instance.state(), State::Backup);
    assert_eq!(events(&drain(&mut instance)), [Event::Backup]);
    assert_eq!(instance.poll_timeout(), Some((us(3_414_062), Timer::MasterDown)));
    instance.handle_timeout(us(3_414_061));
    assert_eq!(instance.state(), State::Backup);
    instance.handle_timeout(us(3_414_062));
    assert_eq!(instance.state(), State::Master);
}

#[test]
fn becoming_master_goes_advert_addresses_announcement_scripts() {
    let mut config = config();
    config.excluded_vips = vec![vip(102)];
    let mut instance = start(&config);
    drain(&mut instance);
    instance.handle_timeout(us(3_414_062));
    let kind = |effect: &Effect| match effect {
        Effect::Send(_) => Some("advert"),
        Effect::Firewall(_) => Some("firewall"),
        Effect::Addresses(change) if change.remove.is_empty() => Some("addresses"),
        Effect::Addresses(_) => Some("removal"),
        Effect::Routes(_) | Effect::Rules(_) => Some("routing"),
        Effect::Announce(announce) => {
            assert_eq!((announce.rounds, announce.targets.len()), (5, 2));
            Some("announcement")
        }
        Effect::Notice(_) | Effect::Group(_) | Effect::Hush | Effect::Resolve(_) => None,
        Effect::Notify(_) => Some("scripts"),
    };
    let order: Vec<_> = drain(&mut instance).iter().filter_map(kind).collect();
    assert_eq!(order, ["advert", "addresses", "announcement", "scripts"]);
}

/// oracle: T1 of the captures of keepalived 2.2.7, with one address less and another sender.
#[test]
fn the_first_advert_is_the_one_that_keepalived_sends() {
    let mut config = config();
    config.priority = Priority::new(100);
    config.vips = vec![vip(100), vip(101)];
    let source = Some(LOWER);
    let begin = Start {
        tracking: Tracking::default(),
        source,
        word: None,
        leftovers: Leftovers::Remove,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(config), begin);
    drain(&mut instance);
    instance.handle_timeout(us(3_609_375));
    let effects = drain(&mut instance);
    let hex: String = sends(&effects)[0].bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "45c0002c00010000ff70d02a0a630001e0000012213364020001653a0a6300640a6300650000000000000000"
    );
}

#[test]
fn adverts_keep_their_rhythm_even_when_the_timer_is_late() {
    let (mut instance, begin) = master(&config());
    instance.handle_timeout(begin + Duration::from_millis(1_200));
    assert_eq!(instance.poll_timeout(), Some((begin + Duration::from_secs(2), Timer::Advert)));
    instance.handle_timeout(begin + Duration::from_millis(4_300));
    assert_eq!(priorities(&drain(&mut instance)), [150, 150]);
    assert_eq!(instance.poll_timeout(), Some((begin + Duration::from_secs(5), Timer::Burst)));
    assert_eq!(instance.status().next_timeout, Some(begin + Duration::from_millis(5_300)));
}

/// RFC 9568 §6.1: a backup counts in the interval of its master, whose advert names the old one.
#[test]
fn a_backup_with_a_new_interval_counts_in_that_of_its_master_until_it_hears_another() {
    let centis = |centis| AdvertInt::from_centis(centis).unwrap();
    let slow = VrrpInstance { version: Version::V3, advert_int: centis(100), ..config() };
    let quick = VrrpInstance { advert_int: centis(10), ..slow.clone() };
    let mut instance = start(&slow);
    hear(&mut instance, ms(1_000), HIGHER, 200);
    instance.handle(ms(1_500), Input::Reconfigure(Arc::new(quick.clone())));
    assert_eq!(instance.poll_timeout(), Some((us(4_414_062), Timer::MasterDown)));
    hear(&mut instance, ms(2_000), HIGHER, 200);
    assert_eq!(instance.poll_timeout(), Some((us(2_341_406), Timer::MasterDown)));
    // One that has heard nobody counts in its own.
    let mut instance = start(&slow);
    instance.handle(ms(100), Input::Reconfigure(Arc::new(quick)));
    assert_eq!(instance.poll_timeout(), Some((us(341_406), Timer::MasterDown)));
}

/// Its script may take long, and meanwhile somebody else takes over.
#[test]
fn one_that_is_held_by_a_script_lets_go_of_adopted_addresses_when_there_is_a_master() {
    let heir = |heard: &[u8]| {
        let begin = Start {
            tracking: Tracking { pending: 1, ..Tracking::default() },
            source: Some(OWN),
            word: None,
            leftovers: Leftovers::Adopt,
            wall: Duration::ZERO,
        };
        let mut instance = Instance::new(ms(0), Arc::new(config()), begin);
        drain(&mut instance);
        let mut effects = Vec::new();
        for priority in heard {
            effects.extend(hear(&mut instance, ms(3_700), LOWER, *priority));
        }
        assert_eq!(instance.state(), State::Init);
        (instance, effects)
    };
    let removes = |effects: &[Effect]| {
        effects.iter().filter(|it| matches!(it, Effect::Addresses(it) if it.remove == [vip(100)])).count()
    };
    let (mut instance, effects) = heir(&[100, 100]);
    assert_eq!(removes(&effects), 1);
    instance.handle(ms(4_000), Input::Tracking(Tracking::default()));
    assert_eq!(instance.poll_timeout(), Some((us(7_414_062), Timer::MasterDown)));
    // Who leaves takes nothing.
    let (mut instance, effects) = heir(&[0]);
    assert_eq!(removes(&effects), 0);
    // A reload adds nothing to what an heir has.
    let more = VrrpInstance { vips: vec![vip(100), vip(101)], ..config() };
    instance.handle(ms(3_800), Input::Reconfigure(Arc::new(more)));
    let added = |effect: &Effect| matches!(effect, Effect::Addresses(change) if !change.install.is_empty());
    assert!(!drain(&mut instance).iter().any(added));
}

fn weight(weight: i64) -> Input {
    Input::Tracking(Tracking { weight, ..Tracking::default() })
}

#[test]
fn a_new_priority_is_told_at_once_and_the_rhythm_stays() {
    let (mut instance, begin) = master(&config());
    let at = |millis| begin + Duration::from_millis(millis);
    // Two trackers in one turn are one advert.
    instance.handle(at(300), weight(10));
    instance.handle(at(300), weight(30));
    assert!(priorities(&drain(&mut instance)).is_empty());
    assert_eq!(instance.poll_timeout(), Some((at(300), Timer::News)));
    instance.handle_timeout(at(300));
    assert_eq!(priorities(&drain(&mut instance)), [180]);
    assert_eq!(instance.poll_timeout(), Some((at(1_000), Timer::Advert)));
    // A backup has nothing to tell.
    hear(&mut instance, at(400), HIGHER, 200);
    instance.handle(at(500), weight(0));
    assert_eq!(instance.timers.get(Timer::News), None);
}

#[test]
fn a_priority_that_flaps_floods_nobody_and_its_last_value_is_told() {
    let (mut instance, begin) = master(&config());
    let mut told = Vec::new();
    for micros in (0..400_000).step_by(100) {
        let now = begin + Duration::from_micros(300_000 + micros);
        instance.handle(now, weight(if micros % 200 == 0 { -20 } else { 20 }));
        if instance.poll_timeout().is_some_and(|(at, _)| at <= now) {
            instance.handle_timeout(now);
        }
        told.extend(priorities(&drain(&mut instance)));
    }
    assert_eq!(told.len(), 8);
    instance.handle_timeout(begin + Duration::from_millis(999));
    assert_eq!(priorities(&drain(&mut instance)), [170]);
}

#[test]
fn an_advert_that_leaves_for_another_reason_tells_the_new_priority() {
    let (mut instance, begin) = master(&config());
    let at = |millis| begin + Duration::from_millis(millis);
    instance.handle(at(300), weight(10));
    assert_eq!(priorities(&hear(&mut instance, at(300), HIGHER, 100)), [160]);
    assert_eq!(instance.status().next_timeout, Some(at(1_300)));
    assert_ne!(instance.poll_timeout().map(|(_, timer)| timer), Some(Timer::News));
}

/// oracle: keepalived 2.2.7 with a delay of 1 s and a refresh of 2 s: bursts after 1, 2 and 4 s.
#[test]
fn the_second_burst_and_the_refreshes_are_counted_from_the_takeover() {
    let mut config = config();
    config.advert_int = AdvertInt::from_secs(200).unwrap();
    config.garp.master_refresh = Duration::from_secs(7);
    config.garp.master_refresh_repeat = 2;
    let (mut instance, begin) = master(&config);
    let mut bursts = Vec::new();
    while let Some((now, _)) =
        instance.poll_timeout().filter(|(now, _)| *now < begin + Duration::from_secs(25))
    {
        instance.handle_timeout(now);
        for effect in drain(&mut instance) {
            if let Effect::Announce(announce) = effect {
                bursts.push((now.since(begin).as_secs(), announce.rounds));
            }
        }
    }
    assert_eq!(bursts, [(5, 5), (7, 2), (14, 2), (21, 2)]);
}

/// oracle: RFC 3768 §6.4.2 and what keepalived 2.2.7 does: takeover 0.414 s after priority 0.
#[test]
fn a_leaving_master_is_followed_after_the_skew_even_without_preemption() {
    for preempt in [Preempt::After(Duration::ZERO), Preempt::Never] {
        let mut instance = start(&VrrpInstance { preempt, ..config() });
        hear(&mut instance, ms(500), HIGHER, 200);
        hear(&mut instance, ms(1_000), HIGHER, 0);
        assert_eq!(instance.poll_timeout(), Some((us(1_414_062), Timer::MasterDown)));
    }
}

#[test]
fn a_lower_advert_does_not_make_a_backup_wait() {
    let mut instance = start(&config());
    hear(&mut instance, ms(1_000), HIGHER, 149);
    assert_eq!(instance.poll_timeout(), Some((us(3_414_062), Timer::MasterDown)));
}

#[test]
fn without_preemption_a_lower_advert_does() {
    let mut instance = start(&VrrpInstance { preempt: Preempt::Never, ..config() });
    hear(&mut instance, ms(1_000), HIGHER, 149);
    assert_eq!(instance.poll_timeout(), Some((us(4_414_062), Timer::MasterDown)));
}

/// oracle: keepalived 2.2.7, priority 200, delay 4 s: master one whole wait (3.2 s) after the last
/// advert within the delay.
#[test]
fn preempt_delay_comes_before_the_usual_wait() {
    let delay = Preempt::After(Duration::from_secs(4));
    let mut instance = start(&VrrpInstance { priority: Priority::new(200), preempt: delay, ..config() });
    for second in 0..=6 {
        instance.handle_timeout(ms(1_000 * second));
        hear(&mut instance, ms(1_000 * second), LOWER, 100);
    }
    assert_eq!(instance.state(), State::Backup);
    // The delay ended at 4 s, so the last advert heeded was that of 3 s.
    assert_eq!(instance.poll_timeout(), Some((us(3_000_000 + 3_218_750), Timer::MasterDown)));
}

#[test]
fn equal_priorities_are_decided_by_the_address() {
    let (mut instance, now) = master(&config());
    let effects = hear(&mut instance, now + Duration::from_millis(10), LOWER, 150);
    assert_eq!((instance.state(), priorities(&effects)), (State::Master, vec![150]));
    let effects = hear(&mut instance, now + Duration::from_millis(20), HIGHER, 150);
    assert_eq!((instance.state(), priorities(&effects)), (State::Backup, vec![]));
    assert_eq!(events(&effects), [Event::Backup]);
}

#[test]
fn a_master_gives_way_to_a_higher_one_without_priority_zero() {
    let (mut instance, now) = master(&config());
    let effects = hear(&mut instance, now, LOWER, 151);
    assert_eq!((instance.state(), priorities(&effects)), (State::Backup, vec![]));
    assert_eq!(instance.status().next_timeout, Some(now + Duration::from_micros(3_414_062)));
    assert!(notices(&effects).contains(
        &"(VI_1) Master received advert from 10.99.0.1 with higher priority 151, ours 150".to_owned()
    ));
}

#[test]
fn a_lower_master_is_answered_and_the_caches_are_repaired() {
    let (mut instance, now) = master(&config());
    let effects = hear(&mut instance, now, HIGHER, 100);
    assert_eq!(priorities(&effects), [150]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Announce(_))));
    assert_eq!(events(&effects), [Event::MasterRxLowerPri]);
}

/// oracle: keepalived 2.2.7 sends both, each in its time.
#[test]
fn the_second_burst_after_a_lower_advert_does_not_replace_that_of_a_new_master() {
    let mut config = config();
    config.advert_int = AdvertInt::from_secs(200).unwrap();
    config.garp.lower_prio_delay = Duration::from_secs(1);
    config.garp.lower_prio_repeat = 2;
    let (mut instance, begin) = master(&config);
    let heard = begin + Duration::from_secs(2);
    hear(&mut instance, heard, HIGHER, 100);
    let (lower, _) = instance.poll_timeout().unwrap();
    assert_eq!(lower, heard + Duration::from_secs(1));
    instance.handle_timeout(lower);
    assert!(drain(&mut instance).iter().any(|e| matches!(e, Effect::Announce(a) if a.rounds == 2)));
    assert_eq!(instance.poll_timeout(), Some((begin + Duration::from_secs(5), Timer::Burst)));
}

#[test]
fn an_owner_is_master_at_once() {
    let mut instance = start(&VrrpInstance { priority: Priority::OWNER, ..config() });
    assert_eq!(instance.state(), State::Master);
    let effects = drain(&mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![255], vec![Event::Master]));
}

fn tracking(weight: i64, faults: &[&str], pending: usize) -> Input {
    let faults = faults.iter().map(|script| Fault::Script((*script).into())).collect();
    Input::Tracking(Tracking { weight, faults, pending })
}

/// oracle: capture and stats of keepalived 2.2.7: two packets of priority 0, counted as one.
#[test]
fn a_failing_master_says_so_twice() {
    let (mut instance, now) = master(&config());
    let sent = instance.status().stats.advert_sent;
    instance.handle(now, tracking(0, &["chk"], 0));
    let effects = drain(&mut instance);
    assert_eq!((instance.state(), priorities(&effects)), (State::Fault, vec![0, 0]));
    let stats = instance.status().stats;
    assert_eq!((stats.advert_sent - sent, stats.pri_zero_sent), (2, 1));
    assert_eq!(
        notices(&effects)[..2],
        [
            "(VI_1): entering FAULT state due to script chk".to_owned(),
            "(VI_1) Entering FAULT STATE".to_owned()
        ]
    );
}

#[test]
fn the_last_fault_gone_leads_back_to_backup_with_a_whole_wait() {
    let mut instance = start(&config());
    instance.handle(ms(100), tracking(0, &["a", "b"], 0));
    instance.handle(ms(200), tracking(0, &["b"], 0));
    assert_eq!(instance.state(), State::Fault);
    instance.handle(ms(300), tracking(0, &[], 0));
    assert_eq!(instance.state(), State::Backup);
    assert_eq!(instance.poll_timeout(), Some((us(300_000 + 3_414_062), Timer::MasterDown)));
}

#[test]
fn a_script_without_verdict_holds_the_instance_in_init() {
    let pending = Tracking { pending: 1, ..Tracking::default() };
    let begin = Start {
        tracking: pending,
        source: Some(OWN),
        word: None,
        leftovers: Leftovers::Remove,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(config()), begin);
    assert_eq!((instance.state(), events(&drain(&mut instance))), (State::Init, vec![]));
    assert_eq!(instance.poll_timeout(), None);
    instance.handle(ms(700), tracking(0, &[], 0));
    assert_eq!((instance.state(), events(&drain(&mut instance))), (State::Backup, vec![Event::Backup]));
}

#[test]
fn a_change_of_priority_moves_the_wait_by_the_difference_of_the_skews() {
    let mut instance = start(&config());
    instance.handle(ms(2_000), tracking(-50, &[], 0));
    assert_eq!(instance.status().priority, Priority::new(100));
    assert_eq!(instance.poll_timeout(), Some((us(3_609_375), Timer::MasterDown)));
}

#[test]
fn without_an_address_to_send_from_it_is_a_fault() {
    let (mut instance, now) = master(&config());
    instance.handle(now, Input::Source(None));
    assert_eq!(instance.state(), State::Fault);
    let effects = drain(&mut instance);
    let line = "(VI_1) entering FAULT state (no IPv4 address for interface)";
    assert!(notices(&effects).contains(&line.to_owned()));
    // oracle: keepalived 2.2.7 says farewell from the address that is gone.
    assert_eq!(priorities(&effects), [0, 0]);
    assert!(sends(&effects).iter().all(|transmit| transmit.source == OWN));
    instance.handle(now, Input::Source(Some(LOWER)));
    assert_eq!(instance.state(), State::Backup);
}

/// What keepalived fails at: there any packet of the VRID puts off the next advert.
#[test]
fn bad_packets_move_no_timer_and_are_told_once() {
    let (mut instance, now) = master(&config());
    let due = instance.poll_timeout();
    let good = advert(&config(), HIGHER, 100);
    let mut bad = [good.clone(), good.clone(), good.clone(), good.clone()];
    bad[0].message[6] ^= 1;
    bad[1].ttl = 254;
    bad[2].message.truncate(11);
    bad[3].message.clear();
    for packet in bad {
        for _ in 0..3 {
            instance.handle(now, Input::Packet(packet.clone()));
        }
    }
    assert_eq!(instance.poll_timeout(), due);
    let stats = instance.status().stats;
    assert_eq!((stats.checksum_err, stats.ip_ttl_err, stats.packet_len_err), (3, 3, 6));
    assert_eq!(drain(&mut instance).len(), 3);
}

#[test]
fn a_differing_address_list_is_told_and_accepted() {
    let mut instance = start(&config());
    let other = VrrpInstance { vips: vec![vip(100), vip(101)], ..config() };
    instance.handle(ms(1_000), Input::Packet(advert(&other, HIGHER, 200)));
    assert_eq!(instance.status().stats.addr_list_err, 1);
    assert_eq!(instance.poll_timeout(), Some((us(1_000_000 + 3_414_062), Timer::MasterDown)));
}

/// oracle: keepalived dumps 1804687 µs for priority 100 behind a master of 0.5 s.
#[test]
fn version_3_learns_the_masters_interval_and_forgets_it_as_master() {
    let ours = VrrpInstance { version: Version::V3, priority: Priority::new(100), ..config() };
    let theirs = VrrpInstance { advert_int: AdvertInt::from_centis(50).unwrap(), ..ours.clone() };
    let mut instance = start(&ours);
    instance.handle(ms(1_000), Input::Packet(advert(&theirs, HIGHER, 200)));
    assert_eq!(instance.status().master_down, Duration::from_micros(1_804_687));
    let (due, _) = instance.poll_timeout().unwrap();
    assert_eq!(due, us(1_000_000 + 1_804_687));
    drain(&mut instance);
    instance.handle_timeout(due);
    assert_eq!(instance.poll_timeout(), Some((due + Duration::from_secs(1), Timer::Advert)));
    let line = "(VI_1) changing advert interval from 500ms to locally configured 1000ms";
    assert!(notices(&drain(&mut instance)).iter().any(|said| said == line));
}

#[test]
fn another_interval_is_told_once() {
    let ours = VrrpInstance { version: Version::V3, priority: Priority::new(100), ..config() };
    let theirs = VrrpInstance { advert_int: AdvertInt::from_centis(50).unwrap(), ..ours.clone() };
    let mut instance = start(&ours);
    drain(&mut instance);
    let mut said = Vec::new();
    for at in [100, 600, 1_100] {
        instance.handle(ms(at), Input::Packet(advert(&theirs, HIGHER, 200)));
        said.extend(notices(&drain(&mut instance)));
    }
    assert_eq!(said.iter().filter(|line| line.contains("interval mismatch")).count(), 1, "{said:?}");
}

/// oracle: keepalived 2.2.7 says so before its first state when an interface adds weight.
#[test]
fn weights_that_count_from_the_start_are_told() {
    let tracking = Tracking { weight: 50, ..Tracking::default() };
    let start =
        Start { tracking, source: Some(OWN), word: None, leftovers: Leftovers::Remove, wall: Duration::ZERO };
    let mut instance = Instance::new(ms(0), Arc::new(config()), start);
    let said = notices(&drain(&mut instance));
    assert_eq!(said[0], "(VI_1) Changing effective priority from 150 to 200");
}

#[test]
fn stopping_says_so_and_leaves_nothing_behind() {
    let (mut instance, now) = master(&config());
    instance.handle(now, Input::Stop(Duration::ZERO));
    let effects = drain(&mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![0], vec![Event::Stop]));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Addresses(change) if change.remove == [vip(100)]))
    );
    assert_eq!(instance.poll_timeout(), None);
    instance.handle(now, Input::Packet(advert(&config(), HIGHER, 200)));
    assert_eq!(instance.poll_effect(), None);
}

fn adopted() -> Instance {
    let begin = Start {
        tracking: Tracking::default(),
        source: Some(OWN),
        word: None,
        leftovers: Leftovers::Adopt,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(config()), begin);
    assert!(!drain(&mut instance).iter().any(|effect| matches!(effect, Effect::Addresses(_))));
    instance
}

#[test]
fn adopted_addresses_stay_when_nobody_else_is_master() {
    let mut instance = adopted();
    instance.handle_timeout(us(3_414_062));
    let removes = |effect: &Effect| matches!(effect, Effect::Addresses(change) if !change.remove.is_empty());
    assert!(!drain(&mut instance).iter().any(removes));
}

/// oracle: by hand; a peer waits 3 s and its skew after the last advert of the killed child.
#[test]
fn a_child_that_adopts_addresses_goes_on_before_a_peer_takes_over() {
    let mut instance = adopted();
    instance.handle_timeout(us(1_414_061));
    assert_eq!(instance.state(), State::Backup);
    instance.handle_timeout(us(1_414_062));
    assert_eq!(instance.state(), State::Master);
    let mut instance = adopted();
    drop(hear(&mut instance, ms(1_400), HIGHER, 200));
    instance.handle_timeout(us(1_400_000 + 3_414_061));
    assert_eq!(instance.state(), State::Backup);
}

#[test]
fn adopted_addresses_go_when_somebody_else_is() {
    for priority in [100, 200] {
        let effects = hear(&mut adopted(), ms(100), HIGHER, priority);
        assert!(
            effects.iter().any(|e| matches!(e, Effect::Addresses(change) if change.remove == [vip(100)]))
        );
    }
}

#[test]
fn a_reload_without_a_change_does_nothing() {
    let (mut instance, now) = master(&config());
    let due = instance.poll_timeout();
    instance.handle(now, Input::Reconfigure(Arc::new(config())));
    assert_eq!((drain(&mut instance), instance.poll_timeout()), (vec![], due));
}

#[test]
fn a_reload_changes_just_the_addresses_that_differ() {
    let (mut instance, now) = master(&VrrpInstance { vips: vec![vip(100), vip(101)], ..config() });
    let new = VrrpInstance { vips: vec![vip(100), vip(102)], ..config() };
    instance.handle(now, Input::Reconfigure(Arc::new(new)));
    let effects = drain(&mut instance);
    let change =
        effects.iter().find_map(|e| if let Effect::Addresses(change) = e { Some(change) } else { None });
    let change = change.unwrap();
    assert_eq!((&change.install[..], &change.remove[..]), (&[vip(102)][..], &[vip(101)][..]));
    assert_eq!((instance.state(), priorities(&effects)), (State::Master, vec![150]));
}

#[test]
fn a_reload_lets_adverts_already_missed_count() {
    let mut instance = start(&config());
    let new = VrrpInstance { advert_int: AdvertInt::from_secs(2).unwrap(), ..config() };
    instance.handle(ms(1_000), Input::Reconfigure(Arc::new(new)));
    assert_eq!(instance.poll_timeout(), Some((us(6_414_062), Timer::MasterDown)));
}

#[test]
fn another_mac_address_is_told_to_the_neighbours_of_its_link() {
    let (mut instance, now) = master(&config());
    let announced = |instance: &mut Instance| {
        let of = |e: Effect| if let Effect::Announce(a) = e { Some((a.targets, a.rounds)) } else { None };
        drain(instance).into_iter().filter_map(of).collect::<Vec<_>>()
    };
    instance.handle(now, Input::LinkRenewed(vip(100).dev));
    let targets = config().vips.iter().map(|vip| (vip.dev.clone(), vip.net.address)).collect();
    assert_eq!(announced(&mut instance), [(targets, config().garp.master_repeat)]);
    instance.handle(now, Input::LinkRenewed(IfName::new("other").unwrap()));
    assert_eq!(announced(&mut instance), []);
    let mut backup = start(&config());
    backup.handle(ms(1), Input::LinkRenewed(vip(100).dev));
    assert_eq!(announced(&mut backup), []);
}

#[test]
fn unicast_sends_each_peer_its_own_packet_and_none_to_ourselves() {
    let delivery = Delivery::to_peers([LOWER, OWN, HIGHER]);
    let mut instance = start(&VrrpInstance { delivery, version: Version::V3, ..config() });
    let due = instance.poll_timeout().unwrap().0;
    instance.handle_timeout(due);
    let effects = drain(&mut instance);
    let sent = sends(&effects);
    assert_eq!(sent.iter().map(|s| s.destination).collect::<Vec<_>>(), [LOWER, HIGHER]);
    assert_ne!(sent[0].bytes[26..28], sent[1].bytes[26..28], "the pseudo-header has the peer in it");
    assert_eq!(sent[0].bytes[4..6], sent[1].bytes[4..6], "one identification per advert, not per copy");
}

/// Whatever comes in whatever state, an instance answers and its timers agree with its state.
#[test]
fn every_state_answers_every_input() {
    use proptest::prelude::*;
    let input = prop_oneof![
        (0..=255u8, prop_oneof![Just(LOWER), Just(OWN), Just(HIGHER)])
            .prop_map(|(priority, from)| Input::Packet(advert(&config(), from, priority))),
        (-300i64..300, 0usize..2, 0usize..2).prop_map(|(w, f, p)| tracking(w, &["chk"][..f], p)),
        prop_oneof![Just(None), Just(Some(OWN)), Just(Some(LOWER))].prop_map(Input::Source),
        Just(removal::vip_lost()),
        prop_oneof![Just(split_brain::claim(true)), Just(split_brain::claim(false))],
        Just(Input::LinkRenewed(vip(100).dev)),
        (1..=255u8).prop_map(|p| Input::Reconfigure(Arc::new(VrrpInstance {
            priority: Priority::new(p),
            ..config()
        }))),
    ];
    let steps = prop::collection::vec((0u64..4_000, input), 1..60);
    proptest!(|(steps in steps)| {
        let mut instance = start(&config());
        let mut now = ms(0);
        for (wait, input) in steps {
            now = now + Duration::from_millis(wait);
            instance.handle_timeout(now);
            instance.handle(now, input);
            drain(&mut instance);
            let status = instance.status();
            let armed = instance.poll_timeout().map(|(_, timer)| timer);
            match status.state {
                State::Backup => prop_assert!(instance.timers.get(Timer::MasterDown).is_some()),
                State::Master => prop_assert!(status.next_timeout.is_some() && status.addresses_set),
                State::Fault => prop_assert!(armed.is_none() && !status.addresses_set),
                State::Init => prop_assert!(armed.is_none()),
            }
        }
    });
}

/// An owner that is master, at the moment it became so.
fn owner() -> Instance {
    let mut instance = start(&VrrpInstance { priority: Priority::OWNER, ..config() });
    assert_eq!(instance.state(), State::Master);
    drain(&mut instance);
    instance
}

/// oracle: keepalived 2.4.3, read in its source: the lower address gives way at once.
#[test]
fn of_two_owners_the_one_with_the_lower_address_gives_way() {
    let mut instance = owner();
    let effects = hear(&mut instance, ms(100), HIGHER, 255);
    assert_eq!((instance.state(), priorities(&effects)), (State::Backup, vec![]));
    assert_eq!(
        notices(&effects)[..2],
        [
            "(VI_1) CONFIGURATION ERROR: local instance and 10.99.0.3 are both configured as address owner, please resolve",
            "(VI_1) Master received advert from 10.99.0.3 with same priority 255 but higher IP address than ours",
        ]
    );
    assert_eq!(instance.status().priority, Priority::OWNER);
}

/// Adverts on time up to `until`; what happens meanwhile.
fn run(instance: &mut Instance, until: Instant) -> Vec<Effect> {
    let mut effects = Vec::new();
    while let Some((at, _)) = instance.poll_timeout().filter(|(at, _)| *at <= until) {
        instance.handle_timeout(at);
        effects.extend(drain(instance));
    }
    effects
}

/// oracle: keepalived 2.4.3, read in its source: two adverts of ours, then 1.2 intervals.
#[test]
fn an_owner_steps_down_when_the_other_does_not_and_comes_back_when_it_is_gone() {
    let mut instance = owner();
    let conflict = "(VI_1) CONFIGURATION ERROR: local instance and 10.99.0.1 are both configured as address owner, please resolve";
    let effects = hear(&mut instance, ms(100), LOWER, 255);
    assert_eq!((instance.state(), priorities(&effects)), (State::Master, vec![255]));
    assert!(notices(&effects).iter().any(|line| line == conflict));
    // The advert was an answer; two on time follow, at 1.1 s and 2.1 s.
    run(&mut instance, ms(2_100));
    assert_eq!(instance.timers.get(Timer::OtherOwner), Some(ms(3_300)));
    let effects = hear(&mut instance, ms(2_200), LOWER, 255);
    assert_eq!((instance.state(), instance.status().priority.get()), (State::Backup, 254));
    assert_eq!(
        notices(&effects)[0],
        "(VI_1) 10.99.0.1 is still advertising as address owner, please resolve - reducing our priority"
    );
    // A change of trackers is no reason to come back.
    instance.handle(ms(2_300), Input::Tracking(Tracking { weight: 1, ..Tracking::default() }));
    hear(&mut instance, ms(3_200), LOWER, 255);
    assert_eq!(instance.status().priority.get(), 254);
    let effects = run(&mut instance, ms(7_000));
    assert_eq!((instance.state(), instance.status().priority.get()), (State::Master, 255));
    assert_eq!(priorities(&effects)[0], 255);
    let back = "(VI_1) Restoring our priority to 255 since other address owner has disappeared";
    assert!(notices(&effects).iter().any(|line| line == back));
}

#[test]
fn an_owner_that_is_heeded_goes_on_as_if_nothing_had_been() {
    let mut instance = owner();
    hear(&mut instance, ms(100), LOWER, 255);
    let effects = run(&mut instance, ms(3_300));
    let silent = "(VI_1): rogue address owner appears to have stopped advertising";
    assert!(notices(&effects).iter().any(|line| line == silent));
    assert_eq!(instance.state(), State::Master);
    // And another time it begins anew.
    hear(&mut instance, ms(9_000), LOWER, 255);
    assert_eq!((instance.state(), instance.timers.get(Timer::OtherOwner)), (State::Master, None));
}

/// oracle: keepalived 2.4.3, read in its source.
#[test]
fn a_deaf_owner_hears_nobody() {
    let config = VrrpInstance { priority: Priority::OWNER, owner_ignore_adverts: true, ..config() };
    let mut instance = start(&config);
    drain(&mut instance);
    let effects = hear(&mut instance, ms(100), HIGHER, 255);
    assert_eq!((instance.state(), priorities(&effects)), (State::Master, vec![]));
    assert_eq!(notices(&effects), ["(VI_1) Dropping packet(s) from 10.99.0.3 since we are address owner"]);
    assert_eq!((instance.stats.advert_rcvd, instance.stats.ignored_as_owner), (0, 1));
    assert!(notices(&hear(&mut instance, ms(200), HIGHER, 255)).is_empty(), "told once");
}

/// oracle: keepalived 2.4.3, read in its source: three intervals and the skew of the priority given.
#[test]
fn a_master_that_slept_long_enough_for_another_listens_first() {
    let other = Some(Priority::new(200));
    let config = VrrpInstance { preempt: Preempt::Never, timer_expired_backup: other, ..config() };
    let (mut instance, now) = master(&config);
    let patience = Duration::from_micros(3_218_750);
    let mut late = start(&config);
    late.handle_timeout(now);
    drain(&mut late);
    instance.handle_timeout(now + patience - Duration::from_micros(1));
    assert_eq!((instance.state(), priorities(&drain(&mut instance))), (State::Master, vec![150]));
    late.handle_timeout(now + patience);
    let effects = drain(&mut late);
    assert_eq!((late.state(), priorities(&effects)), (State::Backup, vec![]));
    assert_eq!(notices(&effects)[0], "VRRP thread timer expired 2.218750 seconds ago");
    let (until, _) = late.poll_timeout().unwrap();
    assert_eq!(until, now + patience + Duration::from_micros(3_414_062));
}

/// A receive buffer keeps the oldest packets: what a sleeper finds in it says nothing of now.
#[test]
fn a_backup_that_overslept_listens_for_an_interval_more() {
    let mut instance = start(&config());
    drain(&mut instance);
    instance.handle_timeout(ms(60_000));
    let effects = drain(&mut instance);
    assert_eq!((instance.state(), priorities(&effects)), (State::Backup, vec![]));
    assert_eq!(
        notices(&effects),
        ["(VI_1) master down timer expired 56.585938 seconds ago, listening first"]
    );
    assert_eq!(instance.poll_timeout(), Some((us(61_414_062), Timer::MasterDown)));
    hear(&mut instance, ms(60_500), HIGHER, 200);
    assert_eq!(instance.poll_timeout(), Some((us(63_914_062), Timer::MasterDown)));
    // A hiccup is no sleep.
    instance.handle_timeout(us(64_000_000));
    assert_eq!(instance.state(), State::Master);
}

#[test]
fn a_mistake_of_the_configuration_is_a_fault_until_it_is_gone() {
    let mut instance = start(&VrrpInstance { config_faults: 1, ..config() });
    assert_eq!(instance.state(), State::Fault);
    let why = "(VI_1) entering FAULT state (configuration error)".to_owned();
    assert!(notices(&drain(&mut instance)).contains(&why));
    instance.handle(ms(10), Input::Reconfigure(Arc::new(config())));
    assert_eq!(instance.state(), State::Backup);
}

/// oracle: keepalived 2.2.7, seen.
#[test]
fn a_source_that_is_tracked_and_missing_is_a_fault() {
    let config = VrrpInstance { source: Some(OWN), track_source: true, ..config() };
    let there = [crate::vrrp::LinkAddress { net: IpNet::host(OWN), tentative: false }];
    assert_eq!(crate::vrrp::primary_source(&config, &there), Some(OWN));
    assert_eq!(crate::vrrp::primary_source(&config, &[]), None);
    let (mut instance, now) = master(&config);
    instance.handle(now, Input::Source(None));
    let effects = drain(&mut instance);
    assert_eq!(instance.state(), State::Fault);
    assert_eq!(notices(&effects)[0], "(VI_1): entering FAULT state (src address not configured)");
}

/// oracle: keepalived 2.2.7, seen: a peer that sums in the old way makes us do so.
#[test]
fn a_peer_with_the_old_checksum_is_answered_with_it() {
    let delivery = Delivery::to_peers([LOWER]);
    let config = VrrpInstance { version: Version::V3, source: Some(OWN), delivery, ..config() };
    let (mut instance, now) = master(&config);
    let (IpAddr::V4(lower), IpAddr::V4(group)) = (LOWER, Family::V4.vrrp_group()) else { panic!() };
    let advert = Advert {
        version: Version::V3,
        vrid: config.vrid,
        priority: Priority::new(100),
        auth: AdvertAuth::None,
        interval: config.advert_int,
        addresses: vec![vip(100).net.address],
    };
    let message = advert.emit_covering(Coverage::old_unicast(lower, group), Family::V4);
    let datagram = Datagram { source: LOWER, destination: OWN, ttl: 255, carrier: Carrier::Vrrp, message };
    instance.handle(now, Input::Packet(datagram));
    let effects = drain(&mut instance);
    assert_eq!(notices(&effects)[0], "(VI_1) Setting unicast VRRPv3 checksum to old version");
    let answer = &sends(&effects)[0].bytes[20..];
    let IpAddr::V4(own) = OWN else { panic!() };
    let packet = Packet::new(answer).unwrap();
    assert!(packet.checksum_is_valid(Coverage::old_unicast(own, group)));
    assert!(!packet.checksum_is_valid(Coverage::of(3, OWN, LOWER)));
}

/// oracle: keepalived 2.2.7, seen, in the words of 2.4.
#[test]
fn peers_that_are_too_near_or_too_far_are_not_heard() {
    let peers = vec![UnicastPeer { address: LOWER, min_ttl: 250, max_ttl: 254 }];
    let Delivery::Unicast { ttl, checksum, group, .. } = Delivery::to_peers([LOWER]) else { panic!() };
    let delivery = Delivery::Unicast { peers, ttl, check_source: true, checksum, group };
    let config = VrrpInstance { source: Some(OWN), delivery, ..config() };
    let mut instance = start(&config);
    drain(&mut instance);
    let mut heard = |ttl| {
        let datagram = Datagram { ttl, destination: OWN, ..advert(&config, LOWER, 200) };
        instance.handle(ms(100), Input::Packet(datagram));
        notices(&drain(&mut instance))
    };
    assert_eq!(heard(255), ["(VI_1) TTL/HL 255 from 10.99.0.1 not in range [250, 254]"]);
    assert_eq!(heard(252), ["(VI_1) master set to 10.99.0.1"]);
    assert_eq!(instance.stats.ip_ttl_err, 1);
}
