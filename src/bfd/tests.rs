//! Sessions against each other over a link that delays, loses and is cut, and the RFC's rules one by one.

use super::*;
use crate::config::block::{BfdInstance, BfdSession};
use crate::config::value::Weight;
use crate::types::{Instant, Random};
use crate::wire::bfd::{Control, Diagnostic, Packet, State};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const A: [u8; 4] = [10, 99, 0, 1];
const B: [u8; 4] = [10, 99, 0, 2];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}

/// The session with the other one of A and B: 100 ms each way, 3 may be missed.
fn session(own: [u8; 4]) -> BfdSession {
    let other = if own == A { B } else { A };
    BfdSession {
        neighbor: other.into(),
        source: Some(own.into()),
        min_rx: ms(100),
        min_tx: ms(100),
        idle_tx: ms(1000),
        multiplier: 3,
        passive: false,
        ttl: 255,
        max_hops: 0,
        multihop: false,
    }
}

fn instance(name: &str, session: BfdSession) -> Arc<BfdInstance> {
    let weight = Weight::default();
    Arc::new(BfdInstance {
        name: name.into(),
        session: Some(session),
        weight,
        tells_vrrp: true,
        tells_checkers: true,
    })
}

fn sessions(now: Instant, session: BfdSession, seed: u64) -> Sessions {
    Sessions::new(now, &[instance("b", session)], seed)
}

/// What came out of a machine.
#[derive(Default)]
struct Drained {
    sent: Vec<Control>,
    verdicts: Vec<bool>,
    told: Vec<String>,
}

fn drain(machine: &mut Sessions) -> Drained {
    let mut drained = Drained::default();
    while let Some(effect) = machine.poll_effect() {
        match effect {
            Effect::Send(transmit) => drained.sent.push(Packet::new(&transmit.bytes).unwrap().control()),
            Effect::Verdict(_, up) => drained.verdicts.push(up),
            Effect::Notice(notice) => drained.told.push(notice.to_string()),
        }
    }
    drained
}

fn datagram(from: [u8; 4], to: [u8; 4], control: &Control) -> Datagram {
    Datagram {
        source: SocketAddr::from((from, 49_152)),
        destination: IpAddr::from(to),
        ttl: 255,
        multihop: false,
        payload: control.emit().to_vec(),
    }
}

/// A packet of B to A.
fn hear(machine: &mut Sessions, now: Instant, control: Control) -> Drained {
    machine.handle(now, Input::Packet(datagram(B, A, &control)));
    drain(machine)
}

/// What B says in a state.
fn says(state: State, yours: u32) -> Control {
    Control {
        diagnostic: Diagnostic::NONE,
        state,
        poll: false,
        final_: false,
        demand: false,
        detect_mult: 3,
        my_discriminator: 77,
        your_discriminator: yours,
        desired_min_tx: if state == State::Up { 100_000 } else { 1_000_000 },
        required_min_rx: 100_000,
    }
}

fn status(machine: &Sessions) -> SessionStatus {
    machine.status().remove(0)
}

/// A, brought up by packets of B by hand; its discriminator.
fn up(session: BfdSession) -> (Sessions, u32) {
    let mut a = sessions(at(0), session, 7);
    a.handle_timeout(at(0));
    let mine = drain(&mut a).sent.first().map_or(0, |control| control.my_discriminator);
    hear(&mut a, at(10), says(State::Down, 0));
    let mine = if mine == 0 { status(&a).local_discriminator } else { mine };
    let raised = hear(&mut a, at(20), says(State::Init, mine));
    assert_eq!((raised.verdicts, status(&a).state), (vec![true], State::Up));
    (a, mine)
}

/// Two nodes and what is under way between them.
struct Link {
    nodes: BTreeMap<[u8; 4], Sessions>,
    queue: BTreeMap<(Instant, u64), ([u8; 4], Datagram)>,
    number: u64,
    random: Random,
    /// Lost in a thousand.
    loss: u64,
    cut: bool,
    delay: std::ops::RangeInclusive<Duration>,
    now: Instant,
    /// Who said what when.
    verdicts: Vec<(Instant, [u8; 4], bool)>,
    sent: Vec<(Instant, [u8; 4], Control)>,
}

impl Link {
    fn new(seed: u64, a: BfdSession, b: BfdSession) -> Self {
        let mut random = Random::new(seed);
        let nodes = [(A, a), (B, b)]
            .map(|(address, session)| (address, sessions(Instant::ZERO, session, random.bits())));
        Self {
            nodes: nodes.into(),
            queue: BTreeMap::new(),
            number: 0,
            random,
            loss: 0,
            cut: false,
            delay: ms(1)..=ms(5),
            now: Instant::ZERO,
            verdicts: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self.nodes.values().filter_map(Sessions::poll_timeout);
            let frames = self.queue.keys().map(|(at, _)| *at);
            let Some(next) = timers.chain(frames).min().filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.queue.range(..=(now, u64::MAX)).map(|(key, _)| *key).collect();
        for key in due {
            let (to, datagram) = self.queue.remove(&key).unwrap();
            self.nodes.get_mut(&to).unwrap().handle(now, Input::Packet(datagram));
            self.carry(to);
        }
        for address in [A, B] {
            if self.nodes[&address].poll_timeout().is_some_and(|due| due <= now) {
                self.nodes.get_mut(&address).unwrap().handle_timeout(now);
                self.carry(address);
            }
        }
    }

    fn carry(&mut self, from: [u8; 4]) {
        let drained = drain(self.nodes.get_mut(&from).unwrap());
        self.verdicts.extend(drained.verdicts.iter().map(|up| (self.now, from, *up)));
        let to = if from == A { B } else { A };
        for control in drained.sent {
            assert!(!(control.poll && control.final_), "{control:?}");
            self.sent.push((self.now, from, control));
            if !self.cut && !self.random.chance(self.loss) {
                let arrival = self.now + self.random.duration(self.delay.clone());
                self.number += 1;
                self.queue.insert((arrival, self.number), (to, datagram(from, to, &control)));
            }
        }
    }

    fn states(&self) -> [State; 2] {
        [A, B].map(|address| status(&self.nodes[&address]).state)
    }
}

#[test]
fn two_sides_come_up_within_a_second_and_agree_on_the_slower_pace() {
    for seed in 0..200 {
        let fast = BfdSession { min_rx: ms(20), min_tx: ms(20), ..session(B) };
        let mut link = Link::new(seed, session(A), fast);
        // A Down that is overtaken by the Init after it brings a session down again: not on a LAN.
        link.delay = ms(seed % 7)..=ms(seed % 7);
        link.run_for(ms(1100));
        assert_eq!(link.states(), [State::Up, State::Up], "seed {seed}");
        link.run_for(ms(200));
        let [a, b] = [A, B].map(|address| status(&link.nodes[&address]));
        assert_eq!((a.local.interval, b.local.interval), (100_000, 100_000), "seed {seed}");
        assert_eq!((a.local.detection, b.local.detection), (ms(300), ms(300)), "seed {seed}");
        assert!(!a.polling && !b.polling, "seed {seed}: a poll without an answer");
        assert_eq!(link.verdicts.len(), 2);
    }
}

#[test]
fn a_cut_is_noticed_within_the_detection_time_and_mended_within_two_seconds() {
    for seed in 0..200 {
        let mut link = Link::new(seed, session(A), session(B));
        link.run_for(ms(3000));
        link.verdicts.clear();
        link.cut = true;
        let cut = link.now;
        link.run_for(ms(310));
        assert_eq!(link.states(), [State::Down, State::Down], "seed {seed}");
        for (when, who, up) in link.verdicts.drain(..) {
            // Three intervals after the last packet, which left at most one interval before the cut.
            assert!(!up && when.since(cut) >= ms(195), "seed {seed}: {who:?} after {:?}", when.since(cut));
        }
        link.run_for(ms(5000));
        link.cut = false;
        link.run_for(ms(2100));
        assert_eq!(link.states(), [State::Up, State::Up], "seed {seed}");
    }
}

#[test]
fn loss_that_leaves_one_packet_of_three_is_no_failure() {
    for seed in 0..50 {
        let patient = |own| BfdSession { multiplier: 10, ..session(own) };
        let mut link = Link::new(seed, patient(A), patient(B));
        link.loss = 200;
        link.delay = ms(1)..=ms(60);
        link.run_for(ms(5000));
        assert_eq!(link.states(), [State::Up, State::Up], "seed {seed}");
        link.verdicts.clear();
        link.run_for(Duration::from_secs(60));
        assert_eq!(link.verdicts, [], "seed {seed}");
    }
}

/// RFC 5880 §6.8.7: between three quarters of the interval and all of it, and with a multiplier of 1 at most 90 %.
#[test]
fn packets_are_jittered_and_never_too_close() {
    for (multiplier, most) in [(3, 100), (1, 90)] {
        let one = |own| BfdSession { multiplier, ..session(own) };
        let mut link = Link::new(1, one(A), one(B));
        link.delay = ms(0)..=ms(0);
        link.run_for(ms(3000));
        link.sent.clear();
        link.run_for(ms(20_000));
        let times: Vec<_> =
            link.sent.iter().filter(|(_, who, c)| *who == A && !c.final_).map(|s| s.0).collect();
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        assert!(gaps.iter().all(|gap| (ms(75)..=ms(most)).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < ms(79)) && gaps.iter().any(|gap| *gap > ms(most - 4)));
    }
}

/// RFC 5880 §6.8.3: at least a second while not up.
#[test]
fn a_session_that_is_not_up_speaks_once_a_second_at_most() {
    let mut a = sessions(at(0), session(A), 3);
    let mut times = Vec::new();
    for _ in 0..20 {
        let now = a.poll_timeout().unwrap();
        a.handle_timeout(now);
        let sent = drain(&mut a).sent;
        assert_eq!(sent.len(), 1);
        assert_eq!(
            (sent[0].state, sent[0].your_discriminator, sent[0].desired_min_tx),
            (State::Down, 0, 1_000_000)
        );
        times.push(now);
    }
    assert_eq!(times[0], at(0));
    assert!(times.windows(2).all(|pair| (ms(750)..=ms(1000)).contains(&pair[1].since(pair[0]))));
}

/// oracle: keepalived 2.2.7's log with intervals of 100 ms, and RFC 5880 §6.8.6.
#[test]
fn a_life_in_keepaliveds_words() {
    let mut a = sessions(at(0), session(A), 7);
    a.handle_timeout(at(0));
    let mine = drain(&mut a).sent[0].my_discriminator;
    let init = hear(&mut a, at(10), says(State::Down, 0));
    assert_eq!(init.told, ["(b) Entering Init state", "    Detection time is 3000000 us (was 0 us)"]);
    assert_eq!((init.sent[0].state, init.sent[0].your_discriminator), (State::Init, 77));
    let raised = hear(&mut a, at(20), says(State::Up, mine));
    assert_eq!(
        raised.told,
        [
            "(b) Entering Up state",
            "(b) Starting poll sequence",
            "    Detection time is 300000 us (was 3000000 us)"
        ]
    );
    assert_eq!(
        (raised.sent[0].state, raised.sent[0].poll, raised.sent[0].desired_min_tx),
        (State::Up, true, 100_000)
    );
    hear(&mut a, at(30), Control { final_: true, ..says(State::Up, mine) });
    assert!(!status(&a).polling);
    let end = at(30) + ms(300);
    while let Some(due) = a.poll_timeout().filter(|due| *due < end) {
        a.handle_timeout(due);
    }
    drain(&mut a);
    a.handle_timeout(end + Duration::from_micros(69));
    let down = drain(&mut a);
    assert_eq!(
        down.told,
        [
            "(b) Expired after 300 ms (69 usec overdue)",
            "(b) Entering Down state (Local diagnostic - Control Detection Time Expired, Remote diagnostic - No Diagnostic)"
        ]
    );
    assert_eq!(down.verdicts, [false]);
    let last = down.sent[0];
    assert_eq!((last.diagnostic, last.your_discriminator), (Diagnostic::EXPIRED, 0));
    assert_eq!((last.desired_min_tx, last.my_discriminator), (1_000_000, mine));
}

#[test]
fn a_poll_is_answered_at_once_and_outside_the_rhythm() {
    let (mut a, mine) = up(session(A));
    let planned = status(&a).next_send;
    let answer = hear(&mut a, at(25), Control { poll: true, ..says(State::Up, mine) });
    assert_eq!(answer.sent.len(), 1);
    assert_eq!((answer.sent[0].final_, answer.sent[0].poll), (true, false));
    assert_eq!(status(&a).next_send, planned);
}

#[test]
fn the_neighbours_word_brings_a_session_down_at_once() {
    let (mut a, mine) = up(session(A));
    let down = hear(&mut a, at(30), says(State::Down, mine));
    assert_eq!((down.verdicts, down.sent[0].state), (vec![false], State::Down));
    assert_eq!(down.sent[0].diagnostic, Diagnostic::NEIGHBOR_DOWN);
}

/// RFC 5882 §3.2, and keepalived: somebody who is switched off has not failed.
#[test]
fn a_neighbour_that_is_switched_off_is_no_failure_to_those_who_track_it() {
    let (mut a, mine) = up(session(A));
    let off = Control { diagnostic: Diagnostic::ADMIN_DOWN, ..says(State::AdminDown, mine) };
    let down = hear(&mut a, at(30), off);
    assert_eq!((down.verdicts.len(), status(&a).state, status(&a).up), (0, State::Down, true));
    // AdminDown does not bring it out of Down either.
    hear(&mut a, at(40), off);
    assert_eq!(status(&a).state, State::Down);
    // It comes back, and fails for real.
    hear(&mut a, at(50), says(State::Down, 0));
    hear(&mut a, at(60), says(State::Init, mine));
    assert_eq!((status(&a).state, status(&a).up), (State::Up, true));
    assert_eq!(hear(&mut a, at(70), says(State::Down, mine)).verdicts, [false]);
}

#[test]
fn at_the_end_the_neighbour_is_told_and_nothing_follows() {
    let (mut a, mine) = up(session(A));
    a.handle(at(30), Input::Stop);
    let end = drain(&mut a);
    assert_eq!(end.told, ["(b) Entering AdminDown state"]);
    assert_eq!(end.sent.len(), 1);
    assert_eq!((end.sent[0].state, end.sent[0].diagnostic), (State::AdminDown, Diagnostic::ADMIN_DOWN));
    assert_eq!(a.poll_timeout(), None);
    assert!(hear(&mut a, at(40), says(State::Down, mine)).sent.is_empty());
}

#[test]
fn a_passive_side_waits_to_be_spoken_to_and_falls_silent_with_the_other() {
    let mut a = sessions(at(0), BfdSession { passive: true, ..session(A) }, 7);
    assert_eq!(a.poll_timeout(), None);
    let answer = hear(&mut a, at(10), says(State::Down, 0));
    assert_eq!(answer.sent[0].state, State::Init);
    let mine = answer.sent[0].my_discriminator;
    hear(&mut a, at(20), says(State::Init, mine));
    assert_eq!(status(&a).state, State::Up);
    let mut last = at(20);
    while let Some(due) = a.poll_timeout() {
        assert!(due.since(at(0)) < ms(10_000), "it never falls silent");
        a.handle_timeout(due);
        last = due;
    }
    assert_eq!((status(&a).state, last), (State::Down, at(20) + ms(3000)));
}

/// RFC 5880 §6.8.7: a neighbour that can take nothing, or wants nothing, gets nothing that it has not asked for.
#[test]
fn nothing_is_sent_to_whoever_wants_nothing() {
    let (mut a, mine) = up(session(A));
    hear(&mut a, at(25), Control { final_: true, ..says(State::Up, mine) });
    hear(&mut a, at(30), Control { required_min_rx: 0, ..says(State::Up, mine) });
    assert_eq!(status(&a).next_send, None);
    hear(&mut a, at(40), says(State::Up, mine));
    assert!(status(&a).next_send.is_some());
    hear(&mut a, at(50), Control { demand: true, ..says(State::Up, mine) });
    assert_eq!(status(&a).next_send, None);
    let polled = hear(&mut a, at(60), Control { demand: true, poll: true, ..says(State::Up, mine) });
    assert!(polled.sent[0].final_);
}

/// RFC 5880 §6.8.3: what makes us slower counts when the neighbour has confirmed it.
#[test]
fn a_reload_changes_the_pace_by_a_poll_and_drops_nothing() {
    let (mut a, mine) = up(session(A));
    hear(&mut a, at(25), Control { final_: true, ..says(State::Up, mine) });
    let slower = BfdSession { min_tx: ms(400), min_rx: ms(50), multiplier: 5, ..session(A) };
    a.handle(at(30), Input::Reconfigure(vec![instance("b", slower)]));
    assert_eq!(drain(&mut a).told, ["(b) Starting poll sequence"]);
    let before = status(&a);
    assert_eq!((before.local.interval, before.local.detection), (100_000, ms(300)));
    hear(&mut a, at(40), Control { desired_min_tx: 10_000, final_: true, ..says(State::Up, mine) });
    let after = status(&a);
    assert_eq!((after.local.interval, after.local.detection), (400_000, ms(150)));
    assert_eq!((after.state, after.local_discriminator), (State::Up, mine));
    // Faster counts at once.
    a.handle(at(50), Input::Reconfigure(vec![instance("b", session(A))]));
    assert_eq!(status(&a).local.interval, 100_000);
    assert!(status(&a).next_send.unwrap() <= at(50) + ms(100));
}

#[test]
fn a_reload_keeps_a_renamed_session_and_ends_one_that_is_gone() {
    let (mut a, mine) = up(session(A));
    drain(&mut a);
    a.handle(at(30), Input::Reconfigure(vec![instance("c", session(A))]));
    let effects: Vec<_> = std::iter::from_fn(|| a.poll_effect()).collect();
    assert_eq!(effects, [Effect::Verdict("c".into(), true)]);
    assert_eq!((status(&a).local_discriminator, a.is_up("c"), a.is_up("b")), (mine, true, false));
    let elsewhere = BfdSession { neighbor: [10, 99, 0, 3].into(), ..session(A) };
    a.handle(at(40), Input::Reconfigure(vec![instance("c", elsewhere)]));
    let gone = drain(&mut a);
    assert_eq!(gone.sent[0].state, State::AdminDown);
    assert_ne!(status(&a).local_discriminator, mine);
    assert!(!a.is_up("c"));
}

#[test]
fn packets_find_their_session_by_discriminator_or_by_address() {
    let other = BfdSession { neighbor: [10, 99, 0, 3].into(), ..session(A) };
    let multihop = BfdSession { multihop: true, ..session(A) };
    let all = [instance("b", session(A)), instance("c", other), instance("d", multihop)];
    let mut a = Sessions::new(at(0), &all, 1);
    let states = |a: &Sessions| a.status().iter().map(|s| s.state).collect::<Vec<_>>();
    let discriminators: Vec<u32> = a.status().iter().map(|s| s.local_discriminator).collect();
    let distinct: std::collections::BTreeSet<_> = discriminators.iter().collect();
    assert_eq!(distinct.len(), 3);

    a.handle(at(1), Input::Packet(datagram([10, 99, 0, 3], A, &says(State::Down, 0))));
    assert_eq!(states(&a), [State::Down, State::Init, State::Down]);
    let far = Datagram { multihop: true, ..datagram(B, A, &says(State::Down, 0)) };
    a.handle(at(2), Input::Packet(far));
    assert_eq!(states(&a), [State::Down, State::Init, State::Init]);
    a.handle(at(3), Input::Packet(datagram([10, 99, 0, 9], A, &says(State::Down, discriminators[0]))));
    assert_eq!(states(&a), [State::Init, State::Init, State::Init]);
    // To another address of ours than the one configured.
    a.handle(at(4), Input::Packet(datagram(B, [10, 99, 0, 8], &says(State::Down, 0))));
    let told = drain(&mut a).told;
    assert_eq!(
        told.last().unwrap(),
        "Discarding packet from [10.99.0.2]:49152 (session is not found - your discriminator field is 0x00000000)"
    );
}

/// oracle: RFC 5880 §6.8.6, the words keepalived 2.2.7's.
#[test]
fn what_is_wrong_is_told_once_and_changes_nothing() {
    let (mut a, mine) = up(session(A));
    let good = says(State::Up, mine);
    let before = status(&a);
    let mut check = |payload: Vec<u8>, ttl: u8, words: &str| {
        let packet = Datagram { payload, ttl, ..datagram(B, A, &good) };
        a.handle(at(50), Input::Packet(packet.clone()));
        let told = drain(&mut a).told;
        assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        a.handle(at(50), Input::Packet(packet));
        assert!(drain(&mut a).told.is_empty());
        assert_eq!(status(&a), before);
    };
    let bytes = good.emit();
    let changed = |at: usize, value: u8| {
        let mut changed = bytes.to_vec();
        changed[at] = value;
        changed
    };
    check(bytes[..23].to_vec(), 255, "Packet is too small: 23 bytes");
    check(changed(3, 25), 255, "Packet size mismatch: length field: 25 bytes, buffer size: 24 bytes");
    check(changed(0, 0x40), 255, "Packet is of unsupported version: 2");
    check(changed(2, 0), 255, "Packet 'detection multiplier' field is zero");
    check(changed(1, 0xc1), 255, "Packet has 'multipoint' flag");
    check(Control { my_discriminator: 0, ..good }.emit().to_vec(), 255, "'my discriminator' field is zero");
    check(
        Control { your_discriminator: 0, ..good }.emit().to_vec(),
        255,
        "'your discriminator' field is zero",
    );
    check(changed(1, 0xf0), 255, "Packet has both poll and final");
    check(Control { your_discriminator: 1, ..good }.emit().to_vec(), 255, "session is not found");
    check(bytes.to_vec(), 254, "Packet ttl(254) < 255 - discarding");
    check(changed(1, 0xc4), 255, "(auth bit is set, but no authentication  is in use)");
}

/// keepalived's `max_hops` counts from our own `ttl`.
#[test]
fn a_packet_may_cross_as_many_routers_as_it_is_allowed() {
    for (ttl, max_hops, arriving, accepted) in [
        (255, 0, 255, true),
        (255, 0, 254, false),
        (255, 3, 252, true),
        (255, 3, 251, false),
        (64, 0, 64, true),
        (64, 0, 63, false),
        (255, 255, 1, true),
    ] {
        let mut a = sessions(at(0), BfdSession { ttl, max_hops, ..session(A) }, 1);
        let packet = Datagram { ttl: arriving, ..datagram(B, A, &says(State::Down, 0)) };
        a.handle(at(1), Input::Packet(packet));
        assert_eq!(status(&a).state == State::Init, accepted, "{ttl} {max_hops} {arriving}");
    }
}

#[test]
fn any_bytes_are_taken() {
    let mut random = Random::new(20_260);
    let (mut a, mine) = up(session(A));
    for round in 0..20_000 {
        let mut payload = says(State::Up, mine).emit().to_vec();
        for _ in 0..random.within(0..=4) {
            let at = random.index(payload.len());
            payload[at] = random.bits() as u8;
        }
        payload.truncate(payload.len() - random.within(0..=2) as usize);
        let now = at(100) + ms(round);
        a.handle(now, Input::Packet(Datagram { payload, ..datagram(B, A, &says(State::Up, mine)) }));
        a.handle_timeout(now);
        drain(&mut a);
        assert!(a.poll_timeout().is_none_or(|due| due > now), "it would spin");
    }
}
