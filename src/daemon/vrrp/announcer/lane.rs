//! Frames that wait for their turn on a link, or on a group of links.

use crate::daemon::vrrp::ledger::InstanceId;
use crate::types::{IfName, Instant};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// A frame that a full queue has refused is tried again after this long, then after as long as it has waited: of a
/// thousand links all may be full.
const RETRY: Duration = Duration::from_millis(1);

/// A link that has taken nothing for so long is given up, with all that waits for it: others may share its lane.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who announces, where and what.
pub(super) type Frame = (InstanceId, IfName, IpAddr);

/// First come, first served, and nobody waits more often than one burst has rounds: an instance that announces
/// faster than its frames may leave would otherwise keep all others waiting, ever longer.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<Frame>,
    /// How often each of them waits; not 0.
    copies: BTreeMap<Frame, u32>,
    /// When the next frame may leave.
    free_at: Instant,
    /// Since when the first frame has been refused.
    refused_since: Option<Instant>,
}

impl Lane {
    /// Puts a frame behind all others, unless it waits so many times already; at least 1.
    pub(super) fn push(&mut self, frame: Frame, most: u32) {
        let copies = self.copies.entry(frame.clone()).or_default();
        if *copies < most {
            *copies += 1;
            self.waiting.push_back(frame);
        }
    }

    /// Hands over what may leave, so many frames at most; how many it was. Of a frame that a queue has no room for, the
    /// first copy stays the first, for a while.
    pub(super) fn serve(
        &mut self,
        now: Instant,
        gap: Duration,
        most: usize,
        mut send: impl FnMut(&IfName, IpAddr) -> io::Result<()>,
    ) -> usize {
        let mut sent = 0;
        while sent < most && self.free_at <= now {
            let Some((_, link, address)) = self.waiting.front() else { break };
            if let Err(error) = send(link, *address) {
                let full = is_full(&error);
                if full {
                    let waited = now.since(*self.refused_since.get_or_insert(now));
                    if waited < PATIENCE {
                        self.free_at = now + waited.max(RETRY);
                        break;
                    }
                }
                tracing::debug!("announcing {address} on {link} failed: {error}");
                if full {
                    self.give_up();
                    continue;
                }
            }
            self.pop();
            sent += 1;
            if !gap.is_zero() {
                self.free_at = now + gap;
            }
        }
        sent
    }

    /// When [`Self::serve`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.free_at)
    }

    /// Whether it is as a new one.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.waiting.is_empty() && self.free_at <= now
    }

    /// Forgets what waits for an instance.
    pub(super) fn forget(&mut self, instance: InstanceId) {
        self.retain(|(owner, ..)| *owner != instance);
    }

    /// Forgets what waits for the link of the first frame.
    fn give_up(&mut self) {
        if let Some((_, refusing, _)) = self.waiting.front().cloned() {
            self.retain(|(_, link, _)| *link != refusing);
        }
    }

    fn retain(&mut self, stays: impl Fn(&Frame) -> bool) {
        if self.waiting.front().is_some_and(|first| !stays(first)) {
            self.refused_since = None;
        }
        self.waiting.retain(&stays);
        self.copies.retain(|frame, _| stays(frame));
    }

    /// Takes the first one.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.refused_since = None;
        let frame = self.waiting.pop_front()?;
        if let Entry::Occupied(mut copies) = self.copies.entry(frame.clone()) {
            *copies.get_mut() -= 1;
            if *copies.get() == 0 {
                copies.remove();
            }
        }
        Some(frame)
    }
}

/// The queue of the socket or of the link has no room now.
fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(instance: u64, last: u8) -> Frame {
        (InstanceId(instance), IfName::new("eth0").unwrap(), [10, 99, 0, last].into())
    }

    fn drained(lane: &mut Lane) -> Vec<Frame> {
        std::iter::from_fn(|| lane.pop()).collect()
    }

    #[test]
    fn whoever_waits_keeps_its_place_and_waits_no_more_often_than_the_larger_burst_has_rounds() {
        let mut lane = Lane::default();
        for most in [2, 2, 2, 3, 1] {
            for round in 0..most {
                lane.push(frame(1, 1), most);
                if round == 0 {
                    lane.push(frame(2, 1), 1);
                }
            }
        }
        let (one, two) = (frame(1, 1), frame(2, 1));
        assert_eq!(drained(&mut lane), [one.clone(), two, one.clone(), one.clone()]);
        assert!(lane.waiting.is_empty() && lane.copies.is_empty());
        // What has left may come again.
        lane.push(one.clone(), 1);
        assert_eq!(drained(&mut lane), [one]);
    }

    #[test]
    fn what_is_forgotten_may_come_again_and_nothing_else_is_touched() {
        let mut lane = Lane::default();
        for last in [1, 2] {
            (0..3).for_each(|_| lane.push(frame(1, last), 3));
            lane.push(frame(2, last), 3);
        }
        lane.pop();
        lane.forget(InstanceId(1));
        assert_eq!(lane.copies.len(), 2);
        (0..5).for_each(|_| lane.push(frame(1, 1), 3));
        let again = frame(1, 1);
        assert_eq!(drained(&mut lane), [frame(2, 1), frame(2, 2), again.clone(), again.clone(), again]);
        assert!(lane.copies.is_empty());
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(9000 + millis)
    }

    fn on(link: &str, last: u8) -> Frame {
        (InstanceId(1), IfName::new(link).unwrap(), [10, 99, 0, last].into())
    }

    /// A send queue with so much room; what it has taken.
    fn serve(lane: &mut Lane, now: Instant, gap: Duration, mut room: usize, code: i32) -> Vec<u8> {
        let mut taken = Vec::new();
        lane.serve(now, gap, 64, |_, address| {
            room = room.checked_sub(1).ok_or(io::Error::from_raw_os_error(code))?;
            let IpAddr::V4(address) = address else { unreachable!("there is no other") };
            taken.push(address.octets()[3]);
            Ok(())
        });
        taken
    }

    #[test]
    fn what_a_full_queue_refuses_leaves_once_there_is_room() {
        for code in [libc::EAGAIN, libc::ENOBUFS] {
            let mut lane = Lane::default();
            (1..=5).for_each(|last| lane.push(on("eth0", last), 1));
            assert_eq!(serve(&mut lane, at(0), Duration::ZERO, 2, code), [1, 2]);
            assert_eq!(lane.poll_timeout(), Some(at(1)));
            assert_eq!(serve(&mut lane, at(0), Duration::ZERO, 9, code), [0; 0], "not yet");
            assert_eq!(serve(&mut lane, at(1), Duration::ZERO, 0, code), [0; 0]);
            assert_eq!(serve(&mut lane, at(2), Duration::from_millis(5), 9, code), [3]);
            assert_eq!(lane.poll_timeout(), Some(at(7)), "the pace counts from what has left");
            // Each frame has its own patience.
            assert_eq!(serve(&mut lane, at(7), Duration::ZERO, 0, code), [0; 0]);
            assert_eq!(serve(&mut lane, at(8), Duration::ZERO, 9, code), [4, 5]);
            assert!(lane.is_idle(at(8)) && lane.copies.is_empty());
        }
    }

    #[test]
    fn a_link_that_takes_nothing_keeps_the_others_of_its_lane_waiting_for_a_second_or_so() {
        let mut lane = Lane::default();
        for last in 1..=3 {
            lane.push(on("eth0", last), 1);
            lane.push(on("eth1", last), 1);
        }
        let stuck = IfName::new("eth0").unwrap();
        let mut tried = Vec::new();
        for millis in 0..=1024 {
            lane.serve(at(millis), Duration::ZERO, 64, |link, _| {
                tried.push((millis, *link == stuck));
                if *link == stuck { Err(io::Error::from_raw_os_error(libc::ENOBUFS)) } else { Ok(()) }
            });
        }
        let others: Vec<u64> = tried.iter().filter(|(_, stuck)| !stuck).map(|(at, _)| *at).collect();
        assert_eq!((tried.len(), others), (12 + 3, vec![1024; 3]));
        assert!(lane.is_idle(at(1024)) && lane.copies.is_empty());
    }

    /// Of a link that is down nothing can be expected.
    #[test]
    fn what_is_refused_for_another_reason_is_not_tried_again() {
        let mut lane = Lane::default();
        (1..=5).for_each(|last| lane.push(on("eth0", last), 1));
        assert_eq!(serve(&mut lane, at(0), Duration::ZERO, 2, libc::ENETDOWN), [1, 2]);
        assert!(lane.is_idle(at(0)));
    }
}
