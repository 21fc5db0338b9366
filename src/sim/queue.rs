//! What is still to happen, in order.

use std::collections::BTreeMap;

use crate::types::Instant;

/// Names one event of the queue, to take it back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Ticket(Instant, u64);

/// Events by their time; those of one moment in the order in which they were put in.
#[derive(Debug)]
pub(super) struct Queue<E> {
    events: BTreeMap<Ticket, E>,
    next: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { events: BTreeMap::new(), next: 0 }
    }
}

impl<E> Queue<E> {
    /// Has `event` happen at `at`.
    pub(super) fn push(&mut self, at: Instant, event: E) -> Ticket {
        let ticket = Ticket(at, self.next);
        self.next += 1;
        self.events.insert(ticket, event);
        ticket
    }

    /// Takes an event back; nothing happens if it has happened.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.events.remove(&ticket);
    }

    /// When the next event happens.
    #[must_use]
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.events.first_key_value().map(|(ticket, _)| ticket.0)
    }

    /// Takes the next event.
    pub(super) fn pop(&mut self) -> Option<(Instant, E)> {
        self.events.pop_first().map(|(ticket, event)| (ticket.0, event))
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use crate::types::Instant;

    #[test]
    fn events_come_by_time_and_then_in_their_order() {
        let at = Instant::from_nanos;
        let mut queue = Queue::default();
        queue.push(at(2), "c");
        queue.push(at(1), "a");
        let gone = queue.push(at(1), "gone");
        queue.push(at(1), "b");
        queue.cancel(gone);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(at(1), "a"), (at(1), "b"), (at(2), "c")]);
    }
}
