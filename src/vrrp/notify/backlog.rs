//! Lines for which a FIFO had no room.
//!
//! keepalived throws them away, so that a reader that comes back has missed the last state for ever. Of each
//! object the newest line of each kind is kept here until there is room, in the order in which they came:
//! what waits is bounded by the number of objects, and the last state always arrives.

use std::collections::BTreeMap;

use super::Subject;

/// Lines that wait at most: names come and go with reloads, and a reader may never come back.
const LIMIT: usize = 1 << 16;

/// What a line says of its object.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LineKind {
    /// Its state, or its end.
    State,
    /// Its priority.
    Priority,
    /// That it has heard a lower advert.
    LowerPri,
}

type Key = (Subject, String, LineKind);

/// What waits for room.
#[derive(Debug, Default)]
pub struct Backlog {
    by_age: BTreeMap<u64, (Key, String)>,
    ages: BTreeMap<Key, u64>,
    next_age: u64,
    left_out: u64,
}

impl Backlog {
    /// Keeps a line, in place of the last one of that kind.
    pub fn push(&mut self, subject: Subject, name: &str, kind: LineKind, line: String) {
        let key = (subject, name.to_owned(), kind);
        let age = self.next_age;
        self.next_age += 1;
        if let Some(old) = self.ages.insert(key.clone(), age) {
            self.by_age.remove(&old);
            self.left_out += 1;
        }
        self.by_age.insert(age, (key, line));
        if self.by_age.len() > LIMIT {
            self.pop();
            self.left_out += 1;
        }
    }

    /// The line that is next.
    #[must_use]
    pub fn front(&self) -> Option<&str> {
        self.by_age.first_key_value().map(|(_, (_, line))| line.as_str())
    }

    /// It has been written.
    pub fn pop(&mut self) {
        if let Some((_, (key, _))) = self.by_age.pop_first() {
            self.ages.remove(&key);
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    /// How many lines were overtaken by newer ones since this was last asked.
    pub fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(backlog: &mut Backlog) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = backlog.front() {
            lines.push(line.to_owned());
            backlog.pop();
        }
        lines
    }

    #[test]
    fn the_newest_of_each_kind_is_kept_in_order() {
        let mut backlog = Backlog::default();
        for (name, kind, line) in [
            ("a", LineKind::State, "a MASTER"),
            ("b", LineKind::State, "b BACKUP"),
            ("a", LineKind::LowerPri, "a MASTER_RX_LOWER_PRI"),
            ("a", LineKind::State, "a FAULT"),
        ] {
            backlog.push(Subject::Instance, name, kind, line.to_owned());
        }
        assert_eq!(drain(&mut backlog), ["b BACKUP", "a MASTER_RX_LOWER_PRI", "a FAULT"]);
        assert_eq!((backlog.take_left_out(), backlog.take_left_out()), (1, 0));
    }

    #[test]
    fn what_nobody_ever_reads_is_bounded() {
        let mut backlog = Backlog::default();
        for n in 0..LIMIT + 7 {
            backlog.push(Subject::Group, &n.to_string(), LineKind::State, n.to_string());
        }
        assert_eq!((backlog.ages.len(), backlog.front()), (LIMIT, Some("7")));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever comes and goes, what is written of an object ends with its newest line.
        #[test]
        fn the_last_line_of_each_object_arrives_last(
            steps in prop::collection::vec((0_u8..4, 0_u8..3, prop::bool::weighted(0.3)), 0..200),
        ) {
            let mut backlog = Backlog::default();
            let (mut written, mut last) = (Vec::new(), BTreeMap::new());
            for (n, (object, kind, room)) in steps.into_iter().enumerate() {
                let kind = [LineKind::State, LineKind::Priority, LineKind::LowerPri][usize::from(kind)];
                let line = format!("{object} {kind:?} {n}");
                backlog.push(Subject::Instance, &object.to_string(), kind, line.clone());
                last.insert((object, kind), line);
                prop_assert!(backlog.by_age.len() <= 12 && backlog.by_age.len() == backlog.ages.len());
                if room {
                    written.extend(backlog.front().map(str::to_owned));
                    backlog.pop();
                }
            }
            written.extend(drain(&mut backlog));
            for ((object, kind), line) in last {
                let prefix = format!("{object} {kind:?} ");
                let mut of_object = written.iter().filter(|line| line.starts_with(&prefix));
                prop_assert_eq!(of_object.next_back(), Some(&line));
            }
        }
    }
}
