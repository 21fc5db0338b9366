//! Frames that wait for their turn on a link, or on a group of links.

use crate::daemon::vrrp::ledger::InstanceId;
use crate::types::{IfName, Instant};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

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
    pub(super) free_at: Instant,
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts a frame behind all others, unless it waits so many times already; at least 1.
    pub(super) fn push(&mut self, frame: Frame, most: u32) {
        let copies = self.copies.entry(frame.clone()).or_default();
        if *copies < most {
            *copies += 1;
            self.waiting.push_back(frame);
        }
    }

    /// Takes the first one.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.waiting.pop_front()?;
        if let Entry::Occupied(mut copies) = self.copies.entry(frame.clone()) {
            *copies.get_mut() -= 1;
            if *copies.get() == 0 {
                copies.remove();
            }
        }
        Some(frame)
    }

    /// Forgets what waits for an instance.
    pub(super) fn forget(&mut self, instance: InstanceId) {
        self.waiting.retain(|(owner, ..)| *owner != instance);
        self.copies.retain(|(owner, ..), _| *owner != instance);
    }
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
        assert!(lane.is_empty() && lane.copies.is_empty());
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
}
