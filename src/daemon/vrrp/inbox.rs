//! Packets on their way from a shared socket to the instance that they are for.

use crate::types::Instant;
use crate::vrrp::Datagram;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use tokio::sync::Notify;

/// Packets that wait at most. The receiving task hands over fewer than this between two turns of the
/// instance, so that the bound only bites when an instance is stuck.
const LIMIT: usize = 64;

/// A bounded queue in which, once it is full, the newest packet of a sender replaces its oldest one,
/// and a sender that has none waiting is turned away: strangers cannot push out the master.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: RefCell<VecDeque<(Instant, Datagram)>>,
    dropped: Cell<u64>,
    arrival: Notify,
}

impl Inbox {
    /// Puts a packet in, with the moment of its arrival, and wakes the instance.
    pub(super) fn push(&self, arrived: Instant, datagram: Datagram) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= LIMIT {
            self.dropped.set(self.dropped.get() + 1);
            match waiting.iter().position(|(_, old)| old.source == datagram.source) {
                Some(oldest) => drop(waiting.remove(oldest)),
                None => return,
            }
        }
        waiting.push_back((arrived, datagram));
        self.arrival.notify_one();
    }

    /// Takes the oldest packet.
    pub(super) fn pop(&self) -> Option<(Instant, Datagram)> {
        self.waiting.borrow_mut().pop_front()
    }

    /// Waits until a packet is put in, or has been since the last wait.
    pub(super) async fn arrival(&self) {
        self.arrival.notified().await;
    }

    /// How many packets were lost here since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::Carrier;
    use std::net::IpAddr;

    fn from(last: u8, mark: u8) -> Datagram {
        let source = IpAddr::from([192, 0, 2, last]);
        Datagram {
            source,
            destination: [224, 0, 0, 18].into(),
            ttl: 255,
            carrier: Carrier::Vrrp,
            message: vec![mark],
        }
    }

    #[test]
    fn strangers_cannot_push_out_the_master_and_every_loss_is_counted() {
        let inbox = Inbox::default();
        inbox.push(Instant::ZERO, from(1, 1));
        for _ in 0..LIMIT - 1 {
            inbox.push(Instant::ZERO, from(2, 0));
        }
        inbox.push(Instant::ZERO, from(3, 0));
        inbox.push(Instant::ZERO, from(1, 2));
        assert_eq!(inbox.take_dropped(), 2);
        let all: Vec<Datagram> = std::iter::from_fn(|| inbox.pop()).map(|(_, datagram)| datagram).collect();
        assert_eq!(all.len(), LIMIT);
        assert_eq!(all.last(), Some(&from(1, 2)));
        assert!(!all.contains(&from(3, 0)));
    }
}
