//! What an instance remembers of sequence numbers, so that no advert counts twice.
//!
//! Both kinds outlive a reload and a change of state: whoever began anew would be taken for a replay.

use crate::config::block::Freshness;
use crate::wire::auth::hmac::Sequence;
use std::net::IpAddr;
use std::time::Duration;

/// Multicast senders that are remembered. More than one is master only while that is being settled.
const MULTICAST_SENDERS: usize = 4;

/// The numbers of `auth_type AH` and of `auth_hmac`.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequences {
    ah: AhCounter,
    /// The last one that we signed with.
    signed: Option<Sequence>,
    /// The last one of each sender; who spoke last stands last.
    heard: Vec<(IpAddr, Sequence)>,
}

/// AH has one counter for both directions: it goes on from the last master's number, whoever that was
/// (keepalived: ipsecah_counter).
#[derive(Clone, Copy, Debug, Default)]
struct AhCounter {
    number: u32,
    /// There is no higher number to send. Nobody will believe us before another master has begun anew, or we
    /// have, by becoming master once more; at one advert a second after 136 years.
    exhausted: bool,
}

impl AhCounter {
    /// The last number that can be counted up from.
    const LAST: u32 = 0xffff_fffd;
    /// 2020-01-01, in seconds since 1970-01-01 UTC.
    const EPOCH: u64 = 1_577_836_800;
    /// No master sends more in the mean, so that the clock stays ahead of the counter; it has room until 2054.
    const ADVERTS_PER_SECOND: u64 = 4;
}

/// To return to.
#[derive(Clone, Copy, Debug)]
pub(super) struct AhNumber(AhCounter);

impl Sequences {
    // `auth_type AH`.

    /// The number of our next advert.
    pub(super) fn next_ah(&mut self) -> u32 {
        let AhCounter { number, exhausted } = &mut self.ah;
        if *number > AhCounter::LAST {
            *exhausted = true;
        } else {
            *number += 1;
        }
        *number
    }

    /// The number that was sent or heard last.
    pub(super) fn ah_number(&self) -> AhNumber {
        AhNumber(self.ah)
    }

    /// Takes back what has been counted since, for an advert that the master may never hear: it would take its own
    /// next number for a new one, and everybody else for a replay.
    pub(super) fn return_ah(&mut self, number: AhNumber) {
        self.ah = number.0;
    }

    /// Takes the number of an authentic advert.
    ///
    /// # Errors
    /// It is not above ours, which is given back.
    pub(super) fn hear_ah(&mut self, theirs: u32) -> Result<(), u32> {
        if theirs <= self.ah.number {
            return Err(self.ah.number);
        }
        self.ah = AhCounter { number: theirs, exhausted: false };
        Ok(())
    }

    /// As master we answer an advert that is not to count: our next one must be above it, and with room for
    /// one that is on its way.
    pub(super) fn outbid_ah(&mut self, theirs: u32) {
        self.ah = AhCounter { number: theirs.saturating_add(1), exhausted: false };
    }

    /// We are becoming master; `heir` is the time of day if we go on in the place of a predecessor that was killed, and
    /// with it what it knew. The others are at its last number, and one that is surely higher is taken from the clock.
    pub(super) fn lead_ah(&mut self, heir: Option<Duration>) {
        if self.ah.exhausted {
            self.ah = AhCounter::default();
        }
        if let Some(wall) = heir.filter(|_| self.ah.number == 0) {
            let number = wall.as_secs().saturating_sub(AhCounter::EPOCH) * AhCounter::ADVERTS_PER_SECOND;
            self.ah.number = u32::try_from(number).unwrap_or(0);
        }
    }

    // `auth_hmac`.

    /// The sequence of our next advert: that of the clock, or the one after the last when the clock has not
    /// moved on. A clock that was set back by more than the window counts all the same, or nobody would
    /// believe us until it has caught up.
    pub(super) fn next_signed(&mut self, wall: Duration, freshness: Freshness) -> Sequence {
        let clock = Sequence::at(wall);
        let next = match (self.signed, freshness) {
            (None, _) => clock,
            (Some(last), _) if clock.is_after(last) => clock,
            (Some(last), Freshness::Time(window)) if i64::from(last.age(wall)) < -i64::from(window) => clock,
            (Some(last), _) => last.next(),
        };
        self.signed = Some(next);
        next
    }

    /// Whether the sequence of an authentic trailer is later than the last one from there.
    pub(super) fn is_new(
        &self,
        from: IpAddr,
        theirs: Sequence,
        wall: Duration,
        freshness: Freshness,
    ) -> bool {
        let last = self.heard.iter().find(|(sender, _)| *sender == from).map(|(_, last)| *last);
        // One that is outside the window keeps out nothing that the window lets in, unless a clock was set
        // back: then it must not keep out what comes by the new time.
        let counts = last.filter(|last| is_fresh(*last, wall, freshness));
        counts.is_none_or(|last| theirs.is_after(last))
    }

    /// An advert with this sequence was believed, and is the last one from there from now on; whether it is
    /// later than the one before. `peers`: how many senders there can be, by configuration; 0: anybody.
    pub(super) fn hear_signed(
        &mut self,
        from: IpAddr,
        theirs: Sequence,
        peers: usize,
        wall: Duration,
        freshness: Freshness,
    ) -> bool {
        let later = self.is_new(from, theirs, wall, freshness);
        let known = self.heard.iter().position(|(sender, _)| *sender == from);
        let last = known.map(|at| self.heard.remove(at).1);
        let kept = match (later, last) {
            (false, Some(last)) => last,
            _ => theirs,
        };
        self.heard.push((from, kept));
        let most = if peers > 0 { peers } else { MULTICAST_SENDERS };
        if self.heard.len() > most {
            self.heard.remove(0);
        }
        later
    }
}

/// Whether a sequence is from near enough to the present; by the number alone there is always a present.
pub(super) fn is_fresh(sequence: Sequence, wall: Duration, freshness: Freshness) -> bool {
    match freshness {
        Freshness::Time(window) => sequence.age(wall).unsigned_abs() <= window,
        Freshness::Monotonic => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Freshness = Freshness::Time(5);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn ip(last: u8) -> IpAddr {
        [10, 99, 0, last].into()
    }

    /// oracle: keepalived 2.2.7, captured: B goes on with 6 after it has heard A's 5.
    #[test]
    fn one_counter_serves_both_directions() {
        let mut b = Sequences::default();
        assert_eq!((1..=5).map(|n| b.hear_ah(n)).filter(Result::is_ok).count(), 5);
        assert_eq!((b.hear_ah(5), b.hear_ah(4)), (Err(5), Err(5)));
        assert_eq!((b.next_ah(), b.next_ah()), (6, 7));
        b.outbid_ah(20);
        assert_eq!(b.next_ah(), 22);
    }

    /// oracle: keepalived 2.4.3 (code): the counter stands still at its end and begins anew with a new master.
    #[test]
    fn the_counter_stops_at_its_end_and_begins_anew_on_becoming_master() {
        let mut counter = Sequences::default();
        assert_eq!(counter.hear_ah(0xffff_fffc), Ok(()));
        assert_eq!([(); 4].map(|()| counter.next_ah()), [0xffff_fffd, 0xffff_fffe, 0xffff_fffe, 0xffff_fffe]);
        counter.lead_ah(None);
        assert_eq!(counter.next_ah(), 1);
        let mut followed = Sequences::default();
        assert_eq!(followed.hear_ah(u32::MAX), Ok(()));
        assert_eq!(followed.next_ah(), u32::MAX);
        followed.lead_ah(None);
        assert_eq!(followed.next_ah(), 1);
    }

    #[test]
    fn what_we_sign_with_only_grows_while_the_clock_stands_or_goes_back_a_little() {
        let mut ours = Sequences::default();
        let first = ours.next_signed(secs(100), WINDOW);
        assert_eq!(first, Sequence::at(secs(100)));
        assert_eq!(ours.next_signed(secs(100), WINDOW), first.next());
        assert_eq!(ours.next_signed(secs(95), WINDOW), first.next().next());
        assert_eq!(ours.next_signed(secs(101), WINDOW), Sequence::at(secs(101)));
    }

    #[test]
    fn a_clock_that_was_set_back_counts_in_time_mode_and_never_in_monotonic_mode() {
        let mut ours = Sequences::default();
        ours.next_signed(secs(3_700), WINDOW);
        assert_eq!(ours.next_signed(secs(100), WINDOW), Sequence::at(secs(100)));
        let last = ours.next_signed(secs(3_700), Freshness::Monotonic);
        assert_eq!(ours.next_signed(secs(100), Freshness::Monotonic), last.next());
    }

    #[test]
    fn a_replay_is_noticed_and_another_sender_is_another_matter() {
        let mut ours = Sequences::default();
        let at = |n| Sequence::at(secs(n));
        let mut hear = |from, seq| ours.hear_signed(ip(from), seq, 0, secs(100), WINDOW);
        assert!(hear(1, at(100)) && hear(2, at(99)) && hear(1, at(100).next()));
        assert!(!hear(1, at(100)) && !hear(1, at(100).next()) && !hear(2, at(99)));
        assert!(hear(2, at(100)));
    }

    #[test]
    fn four_multicast_senders_are_remembered_and_every_peer() {
        let at = Sequence::at(secs(100));
        let mut any = Sequences::default();
        let mut peers = Sequences::default();
        for sender in 1..=5 {
            assert!(any.hear_signed(ip(sender), at, 0, secs(100), WINDOW));
            assert!(peers.hear_signed(ip(sender), at, 5, secs(100), WINDOW));
        }
        // The first one, who has been silent for longest, was forgotten; and so now is the second.
        assert!(any.hear_signed(ip(1), at, 0, secs(100), WINDOW));
        let replayed = (3..=5).all(|sender| !any.hear_signed(ip(sender), at, 0, secs(100), WINDOW));
        assert!(replayed);
        assert!((1..=5).all(|sender| !peers.hear_signed(ip(sender), at, 5, secs(100), WINDOW)));
    }

    #[test]
    fn what_was_heard_before_our_clock_was_set_back_keeps_nobody_out() {
        let at = |n| Sequence::at(secs(n));
        let mut ours = Sequences::default();
        assert!(ours.hear_signed(ip(1), at(3_700), 0, secs(3_700), WINDOW));
        assert!(ours.hear_signed(ip(1), at(100), 0, secs(100), WINDOW));
        assert!(!ours.hear_signed(ip(1), at(100), 0, secs(100), WINDOW));
        let mut strict = Sequences::default();
        assert!(strict.hear_signed(ip(1), at(3_700), 0, secs(3_700), Freshness::Monotonic));
        assert!(!strict.hear_signed(ip(1), at(100), 0, secs(100), Freshness::Monotonic));
    }
}
