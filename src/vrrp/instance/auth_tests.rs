//! Authentication as instances live it: what they send is what others receive.

use super::sample::{sample, vip};
use super::*;
use crate::config::block::{
    Auth, AuthHmac, Delivery, Freshness, HmacKey, HmacMode, UnicastChecksum, UnicastPeer,
};
use crate::types::{Family, Secret, Version};
use crate::vrrp::accept::Carrier;
use crate::vrrp::effect::Transmit;
use crate::wire::auth::ah::PROTOCOL_AH;
use crate::wire::ipv4;

const A: [u8; 4] = [10, 99, 0, 1];
const B: [u8; 4] = [10, 99, 0, 2];
const NOON: Duration = Duration::from_secs(1_800_000_000);

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn secs(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

fn router(auth: Auth, priority: u8) -> VrrpInstance {
    VrrpInstance { auth, priority: Priority::new(priority), vips: vec![vip(100)], ..sample() }
}

fn ah(priority: u8) -> VrrpInstance {
    router(Auth::Ah(Secret::new(b"s3cr3t\0\0".to_vec())), priority)
}

fn key(id: u8) -> HmacKey {
    HmacKey { id, secret: Secret::new((0..32).map(|n| n + id - 7).collect()) }
}

fn hmac_auth(ids: &[u8], active: u8, mode: HmacMode) -> Auth {
    let keys = ids.iter().map(|id| key(*id)).collect();
    Auth::Hmac(AuthHmac { keys, active: key(active), freshness: Freshness::Time(5), mode })
}

fn hmac(priority: u8, mode: HmacMode) -> VrrpInstance {
    router(hmac_auth(&[7], 7, mode), priority)
}

fn unicast(peers: &[[u8; 4]], ttl: Option<u8>) -> Delivery {
    let peers = peers.iter().map(|peer| UnicastPeer::new((*peer).into())).collect();
    Delivery::Unicast {
        peers,
        ttl,
        check_source: false,
        checksum: UnicastChecksum::default(),
        group: Family::V4.vrrp_group(),
    }
}

fn start(config: &VrrpInstance, source: [u8; 4], now: Instant) -> Instance {
    begin(config, source, now, Leftovers::Remove)
}

fn begin(config: &VrrpInstance, source: [u8; 4], now: Instant, leftovers: Leftovers) -> Instance {
    let tracking = Tracking::default();
    let start = Start { tracking, source: Some(source.into()), word: None, leftovers, wall: NOON };
    Instance::new(now, Arc::new(config.clone()), start)
}

/// What a raw socket gives of what an instance sends.
fn datagram(transmit: &Transmit) -> Datagram {
    let packet = ipv4::Packet::new(&transmit.bytes).unwrap();
    let (carrier, message) = match packet.protocol() {
        PROTOCOL_AH => Datagram::behind_ah(packet.header(), packet.payload()),
        _ => (Carrier::Vrrp, packet.payload().to_vec()),
    };
    let Transmit { source, destination, ttl, .. } = *transmit;
    Datagram { source, destination, ttl, carrier, message }
}

/// The adverts and the lines of the log that are waiting.
fn drain(instance: &mut Instance) -> (Vec<Transmit>, Vec<String>) {
    let (mut sent, mut told) = (Vec::new(), Vec::new());
    while let Some(effect) = instance.poll_effect() {
        match effect {
            Effect::Send(transmit) => sent.push(transmit),
            Effect::Notice(notice) => told.push(notice.kind.to_string()),
            _ => {}
        }
    }
    (sent, told)
}

/// Lets the master-down timer run out; the first advert.
fn take_over(instance: &mut Instance) -> (Transmit, Instant) {
    drain(instance);
    let (now, _) = instance.poll_timeout().unwrap();
    instance.handle_timeout(now);
    assert_eq!(instance.state(), State::Master);
    (drain(instance).0.remove(0), now)
}

fn next_advert(instance: &mut Instance) -> (Transmit, Instant) {
    let (now, _) = instance.poll_timeout().unwrap();
    instance.handle_timeout(now);
    (drain(instance).0.remove(0), now)
}

fn hear(instance: &mut Instance, now: Instant, transmit: &Transmit) -> (Vec<Transmit>, Vec<String>) {
    instance.handle(now, Input::Packet(datagram(transmit)));
    drain(instance)
}

fn sequence(transmit: &Transmit) -> u32 {
    u32::from_be_bytes(transmit.bytes[28..32].try_into().unwrap())
}

/// oracle: capture of keepalived 2.2.7, priority 200: first advert, second, farewell.
#[test]
fn a_life_with_ah_is_keepaliveds_on_the_wire() {
    let mut config = ah(200);
    config.vips = vec![vip(100)];
    let mut a = start(&config, A, secs(0));
    let (first, _) = take_over(&mut a);
    let (second, now) = next_advert(&mut a);
    a.handle(now, Input::Stop(Duration::ZERO));
    let farewell = drain(&mut a).0.remove(0);
    let expected = [
        "45c0004000010000ff33d0530a630001e0000012 700400000a63000100000001a6eae2c289548523a767a6c0
         2133c80102010a03 0a630064 0000000000000000",
        "45c0004000020000ff33d0520a630001e0000012 700400000a630001000000029e379a8cb35f0c7b4ebd8070
         2133c80102010a03 0a630064 0000000000000000",
        "45c0004000030000ff33d0510a630001e0000012 700400000a63000100000003c532518f61fcd53fff10dc85
         213300010201d203 0a630064 0000000000000000",
    ];
    for (sent, expected) in [first, second, farewell].iter().zip(expected) {
        assert_eq!(sent.bytes, hex(expected));
    }
}

/// oracle: capture of keepalived 2.4.3, key 7, at the moments that the captures name.
#[test]
fn a_life_with_the_extension_is_keepaliveds_on_the_wire() {
    let expected = [
        (
            Version::V3,
            Duration::new(0x6b00_fb37, 429_489_136),
            "45c0003c00010000ff70d01a0a630001e0000012 3133c801006410ad 0a630064
             010700006b00fb376df300007922343223556524354671a2ae0ed0a7",
        ),
        (
            Version::V2,
            Duration::new(0x6b00_fb45, 548_492_432),
            "45c0004400010000ff70d0120a630001e0000012 2133c80100010c03 0a630064 0000000000000000
             010700006b00fb458c6a0000a4a735b6da6e58eb5bc8963370004ed8",
        ),
    ];
    for (version, wall, expected) in expected {
        let mut a = start(&VrrpInstance { version, ..hmac(200, HmacMode::Enforce) }, A, secs(0));
        a.tell_time_of_day(wall);
        assert_eq!(take_over(&mut a).0.bytes, hex(expected));
    }
}

/// oracle: keepalived 2.2.7, seen: a new master goes on from the old one's number.
#[test]
fn a_takeover_goes_on_from_the_old_masters_number_and_the_hand_back_too() {
    let (mut a, mut b) = (start(&ah(200), A, secs(0)), start(&ah(100), B, secs(0)));
    let (first, mut now) = take_over(&mut a);
    drain(&mut b);
    assert_eq!(hear(&mut b, now, &first).1, ["master set to 10.99.0.1"]);
    for number in 2..=5 {
        let (advert, at) = next_advert(&mut a);
        assert_eq!((sequence(&advert), hear(&mut b, at, &advert).1.len()), (number, 0));
        now = at;
    }
    // A falls silent: B takes over with 6, and A, which comes back, follows that.
    let (sixth, _) = take_over(&mut b);
    assert_eq!(sequence(&sixth), 6);
    let mut a = start(&ah(200), A, now);
    drain(&mut a);
    let heard = hear(&mut a, now, &sixth);
    assert_eq!(heard.1, ["received lower priority (100) advert from 10.99.0.2 - discarding"]);
    let (seventh, at) = take_over(&mut a);
    assert_eq!(sequence(&seventh), 7);
    hear(&mut b, at, &seventh);
    assert_eq!(b.state(), State::Backup);
}

/// oracle: keepalived (code): a master answers a lower advert with a number above it, so that it is heard.
#[test]
fn a_master_that_was_cut_off_outbids_the_number_of_the_lower_one() {
    let (mut a, mut b) = (start(&ah(200), A, secs(0)), start(&ah(100), B, secs(0)));
    take_over(&mut a);
    let (mut theirs, mut now) = take_over(&mut b);
    for _ in 0..100 {
        (theirs, now) = next_advert(&mut b);
    }
    assert_eq!(sequence(&theirs), 101);
    let (answers, told) = hear(&mut a, now, &theirs);
    assert_eq!(told[1], "IPSEC-AH : Syncing seq_num - Increment seq");
    assert_eq!(sequence(&answers[0]), 103);
    hear(&mut b, now, &answers[0]);
    assert_eq!((a.state(), b.state()), (State::Master, State::Backup));
}

/// All count in common: a number that the master does not hear would be its next one.
#[test]
fn last_words_that_the_master_does_not_hear_use_up_no_number() {
    let (mut a, mut b) = (start(&ah(200), A, secs(0)), start(&ah(100), B, secs(0)));
    let (first, now) = take_over(&mut b);
    hear(&mut a, now, &first);
    let (second, now) = take_over(&mut a);
    hear(&mut b, now, &second);
    let (nudge, _) = next_advert(&mut b);
    assert_eq!((b.state(), sequence(&second), sequence(&nudge)), (State::Backup, 2, 3));
    let (third, now) = next_advert(&mut a);
    hear(&mut b, now, &third);
    assert_eq!((sequence(&third), b.status().stats.advert_rcvd), (3, 2));
    // The next one is a number above what the master may have taken.
    let (nudge, now) = next_advert(&mut b);
    hear(&mut a, now, &nudge);
    assert_eq!((sequence(&nudge), a.status().stats.advert_rcvd), (4, 2));
}

#[test]
fn the_heir_of_a_killed_master_sends_numbers_that_the_others_believe() {
    let (mut a, mut b) = (start(&ah(200), A, secs(0)), start(&ah(100), B, secs(0)));
    let (advert, mut now) = take_over(&mut a);
    hear(&mut b, now, &advert);
    for life in 1..=2 {
        a = begin(&ah(200), A, now, Leftovers::Adopt);
        a.tell_time_of_day(NOON + Duration::from_secs(60) * life);
        let (advert, at) = take_over(&mut a);
        hear(&mut b, at, &advert);
        let (advert, at) = next_advert(&mut a);
        hear(&mut b, at, &advert);
        assert_eq!(b.status().stats.advert_rcvd, 1 + 2 * u64::from(life));
        now = at;
    }
    // Who has heard another master goes on from there.
    let mut heir = begin(&ah(100), B, now, Leftovers::Adopt);
    drain(&mut heir);
    let (advert, now) = next_advert(&mut a);
    hear(&mut heir, now, &advert);
    assert_eq!((heir.status().stats.advert_rcvd, heir.state()), (1, State::Backup));
}

#[test]
fn what_is_wrong_with_ah_is_counted_told_once_and_changes_nothing() {
    let mut b = start(&ah(100), B, secs(0));
    drain(&mut b);
    let mut a = start(&ah(200), A, secs(0));
    let (good, now) = take_over(&mut a);
    hear(&mut b, now, &good);
    let before = b.poll_timeout();
    let replayed = hear(&mut b, now, &good).1;
    assert_eq!(replayed.len(), 1);
    assert!(
        replayed[0].starts_with("IPSEC-AH : sequence number 1 already processed. Packet dropped. Local(1)"),
        "{replayed:?}"
    );
    assert_eq!(hear(&mut b, now, &good).1.len(), 0);

    let other = Auth::Ah(Secret::new(b"other\0\0\0".to_vec()));
    let (forged, _) = take_over(&mut start(&router(other, 200), A, secs(0)));
    let told = hear(&mut b, now, &forged).1;
    assert!(
        told[0]
            .starts_with("IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !")
    );

    let (plain, _) = take_over(&mut start(&router(Auth::None, 200), A, secs(0)));
    assert_eq!(hear(&mut b, now, &plain).1, ["No AH header but auth type is AH from 10.99.0.1"]);

    let stats = b.status().stats;
    assert_eq!((stats.auth_failure, stats.authtype_mismatch, stats.advert_rcvd), (3, 1, 1));
    assert_eq!(b.poll_timeout(), before);

    let mut none = start(&router(Auth::None, 100), B, secs(0));
    drain(&mut none);
    assert_eq!(hear(&mut none, now, &good).1, ["Received AH header but auth type not AH from 10.99.0.1"]);
}

#[test]
fn a_reload_keeps_the_numbers() {
    let mut a = start(&ah(200), A, secs(0));
    take_over(&mut a);
    let (_, now) = next_advert(&mut a);
    a.handle(now, Input::Reconfigure(Arc::new(ah(150))));
    assert_eq!(sequence(&drain(&mut a).0[0]), 3);

    let (mut a, mut b) =
        (start(&hmac(200, HmacMode::Enforce), A, secs(0)), start(&hmac(100, HmacMode::Enforce), B, secs(0)));
    drain(&mut b);
    let (advert, now) = take_over(&mut a);
    hear(&mut b, now, &advert);
    b.handle(now, Input::Reconfigure(Arc::new(hmac(90, HmacMode::Enforce))));
    drain(&mut b);
    assert_eq!(hear(&mut b, now, &advert).1, ["replayed authentication trailer from 10.99.0.1"]);
}

/// What B makes of an advert of A, with their modes: whether it is accepted.
fn accepts(a: HmacMode, b: HmacMode) -> bool {
    let (mut a, mut b) = (start(&hmac(200, a), A, secs(0)), start(&hmac(100, b), B, secs(0)));
    drain(&mut b);
    let (advert, now) = take_over(&mut a);
    hear(&mut b, now, &advert);
    b.status().stats.advert_rcvd == 1
}

#[test]
fn the_modes_let_a_group_be_moved_node_by_node() {
    use HmacMode::{Enforce, Permissive, ReceiveOnly};
    for (a, b) in [
        (ReceiveOnly, ReceiveOnly),
        (Permissive, ReceiveOnly),
        (Enforce, ReceiveOnly),
        (ReceiveOnly, Permissive),
        (Permissive, Permissive),
        (Enforce, Permissive),
        (Permissive, Enforce),
        (Enforce, Enforce),
    ] {
        assert!(accepts(a, b), "{a} to {b}");
    }
    assert!(!accepts(ReceiveOnly, Enforce));
}

#[test]
fn a_node_without_the_extension_finds_the_advert_too_long() {
    let mut plain = start(&router(Auth::None, 100), B, secs(0));
    drain(&mut plain);
    let (advert, now) = take_over(&mut start(&hmac(200, HmacMode::Enforce), A, secs(0)));
    let told = hear(&mut plain, now, &advert).1;
    assert_eq!(told, ["vrrp packet from 10.99.0.1 too long, length 68 and expect 40"]);
}

/// oracle: keepalived 2.4.3 (code): the order of the checks, the words, the counters.
#[test]
fn what_is_wrong_with_a_trailer_is_counted_and_told() {
    let config = router(hmac_auth(&[7], 7, HmacMode::Enforce), 100);
    let mut b = start(&config, B, secs(0));
    drain(&mut b);
    let mut a = start(&hmac(200, HmacMode::Enforce), A, secs(0));
    let (good, now) = take_over(&mut a);

    let mut malformed = good.clone();
    malformed.bytes[40] = 2;
    let mut check = |transmit: &Transmit, words: &str| {
        assert_eq!(hear(&mut b, now, transmit).1, [words]);
        assert_eq!(hear(&mut b, now, transmit).1.len(), 0);
    };
    check(&malformed, "malformed authentication trailer from 10.99.0.1");
    let (unsigned, _) = take_over(&mut start(&hmac(200, HmacMode::ReceiveOnly), A, secs(0)));
    check(&unsigned, "missing authentication trailer from 10.99.0.1");
    let (other, _) = take_over(&mut start(&router(hmac_auth(&[9], 9, HmacMode::Enforce), 200), A, secs(0)));
    check(&other, "unknown authentication key id 9 from 10.99.0.1");
    let mut forged = good.clone();
    forged.bytes[67] ^= 1;
    check(&forged, "invalid authentication HMAC from 10.99.0.1");
    let mut late = start(&hmac(200, HmacMode::Enforce), A, secs(0));
    late.tell_time_of_day(NOON - Duration::from_secs(60));
    check(
        &take_over(&mut late).0,
        "stale authentication trailer from 10.99.0.1, clock skew 60 sec exceeds window 5 sec",
    );
    let stats = b.status().stats;
    assert_eq!(stats.advert_rcvd, 0);
    hear(&mut b, now, &good);
    assert_eq!(hear(&mut b, now, &good).1, ["replayed authentication trailer from 10.99.0.1"]);
    let stats = b.status().stats;
    assert_eq!(
        [
            stats.auth_ext_missing,
            stats.auth_ext_malformed,
            stats.auth_ext_unknown_key,
            stats.auth_ext_invalid_hmac,
            stats.auth_ext_stale,
            stats.auth_ext_replay,
            stats.advert_rcvd
        ],
        [2, 2, 2, 2, 2, 1, 1]
    );
}

#[test]
fn keys_are_rotated_without_losing_an_advert() {
    let config = |ids: &[u8], active, priority| router(hmac_auth(ids, active, HmacMode::Enforce), priority);
    let mut a = start(&config(&[7], 7, 200), A, secs(0));
    let mut b = start(&config(&[7], 7, 100), B, secs(0));
    drain(&mut b);
    let (advert, mut now) = take_over(&mut a);
    hear(&mut b, now, &advert);
    // Both learn the new key, then one after the other signs with it, then both forget the old one.
    let steps = [
        (&[7u8, 8][..], 7, false),
        (&[7, 8], 7, true),
        (&[7, 8], 8, true),
        (&[7, 8], 8, false),
        (&[8], 8, true),
        (&[8], 8, false),
    ];
    for (ids, active, of_a) in steps {
        let (node, priority) = if of_a { (&mut a, 200) } else { (&mut b, 100) };
        node.handle(now, Input::Reconfigure(Arc::new(config(ids, active, priority))));
        for sent in drain(node).0 {
            if of_a {
                hear(&mut b, now, &sent);
            }
        }
        let (advert, at) = next_advert(&mut a);
        now = at;
        assert_eq!(hear(&mut b, now, &advert).1.len(), 0);
    }
    let stats = b.status().stats;
    assert_eq!(stats.advert_rcvd, a.status().stats.advert_sent);
    assert_eq!(stats.auth_ext_unknown_key + stats.auth_ext_invalid_hmac + stats.auth_ext_replay, 0);
}

#[test]
fn clocks_that_drift_apart_are_told_of_before_it_is_too_late() {
    let mut b = start(&hmac(100, HmacMode::Enforce), B, secs(0));
    drain(&mut b);
    let mut a = start(&hmac(200, HmacMode::Enforce), A, secs(0));
    let (advert, now) = take_over(&mut a);
    b.tell_time_of_day(NOON + Duration::from_secs(4));
    let told = hear(&mut b, now, &advert).1;
    assert_eq!(told[0], "authentication clock skew 4 sec from 10.99.0.1 approaching window 5 sec");
    let (advert, now) = next_advert(&mut a);
    assert_eq!(hear(&mut b, now, &advert).1.len(), 0);
    assert_eq!(b.status().stats.advert_rcvd, 2);
}

/// An hour back and forth: the two believe each other again as soon as their clocks agree.
#[test]
fn a_step_of_all_clocks_costs_nothing() {
    let (mut a, mut b) =
        (start(&hmac(200, HmacMode::Enforce), A, secs(0)), start(&hmac(100, HmacMode::Enforce), B, secs(0)));
    drain(&mut b);
    let (advert, now) = take_over(&mut a);
    hear(&mut b, now, &advert);
    for hours in [1, 0, 2, 1] {
        for node in [&mut a, &mut b] {
            node.tell_time_of_day(NOON + Duration::from_secs(3_600 * hours));
        }
        let (advert, now) = next_advert(&mut a);
        assert_eq!(hear(&mut b, now, &advert).1.len(), 0);
    }
    assert_eq!(b.status().stats.advert_rcvd, 5);
}

#[test]
fn a_unicast_trailer_is_that_of_a_peer_and_one_for_all_of_them() {
    let mut config = hmac(200, HmacMode::Enforce);
    config.delivery = unicast(&[B, [10, 99, 0, 3]], None);
    let mut a = start(&config, A, secs(0));
    drain(&mut a);
    let (now, _) = a.poll_timeout().unwrap();
    a.handle_timeout(now);
    let sent = drain(&mut a).0;
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].bytes[20..], sent[1].bytes[20..]);

    config.priority = Priority::new(100);
    config.delivery = unicast(&[A], None);
    let mut b = start(&config, B, secs(0));
    drain(&mut b);
    hear(&mut b, now, &sent[0]);
    assert_eq!(b.status().stats.advert_rcvd, 1);
    config.delivery = unicast(&[[10, 99, 0, 9]], None);
    let mut c = start(&config, B, secs(0));
    drain(&mut c);
    let told = hear(&mut c, now, &sent[0]).1;
    assert_eq!(told, ["unicast source address 10.99.0.1 not a unicast peer"]);
}

#[test]
fn ah_to_peers_leaves_the_ttl_to_the_routers() {
    let mut config = ah(200);
    config.delivery = unicast(&[B], Some(64));
    let (advert, now) = take_over(&mut start(&config, A, secs(0)));
    config.priority = Priority::new(100);
    config.delivery = unicast(&[A], None);
    let mut b = start(&config, B, secs(0));
    drain(&mut b);
    // A router lowers the TTL in the packet that arrives.
    let mut crossed = advert;
    crossed.bytes[8] = 60;
    crossed.ttl = 60;
    hear(&mut b, now, &crossed);
    assert_eq!(b.status().stats.advert_rcvd, 1);
}

#[test]
fn the_extension_works_over_ipv6() {
    let config = |priority| VrrpInstance {
        family: Family::V6,
        version: Version::V3,
        delivery: Delivery::Multicast { group: Family::V6.vrrp_group() },
        vips: Vec::new(),
        ..hmac(priority, HmacMode::Enforce)
    };
    let node = |priority, source: &str| {
        let begin = Start {
            tracking: Tracking::default(),
            source: Some(source.parse().unwrap()),
            word: None,
            leftovers: Leftovers::Remove,
            wall: NOON,
        };
        Instance::new(secs(0), Arc::new(config(priority)), begin)
    };
    let (mut a, mut b) = (node(200, "fe80::a"), node(100, "fe80::b"));
    drain(&mut b);
    let (advert, now) = take_over(&mut a);
    let Transmit { source, destination, ttl, bytes, .. } = advert;
    let mut packet = Datagram { source, destination, ttl, carrier: Carrier::Vrrp, message: bytes };
    b.handle(now, Input::Packet(packet.clone()));
    assert_eq!(b.status().stats.advert_rcvd, 1);
    // The checksum is no part of what is signed, and is looked at all the same.
    let (advert, now) = next_advert(&mut a);
    packet.message = advert.bytes;
    packet.message[7] ^= 1;
    b.handle(now, Input::Packet(packet));
    assert_eq!(b.status().stats.checksum_err, 1);
}
