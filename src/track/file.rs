//! One `track_file`: the number in it.
//!
//! The tracker is told what every reading gave; it knows neither files nor directories.

use super::{FIRST_ANSWER, Notice, TrackerEffect};
use crate::config::block::TrackFile;
use crate::types::Instant;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// What a file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// A number. What begins with none says 0, and so does a file that is not there or cannot be read.
    Number(i32),
    /// A number beyond all that counts: as much of it as 64 bits hold.
    TooLarge(i64),
}

impl Reading {
    /// Of a file that is not there, or cannot be read.
    pub const ABSENT: Self = Self::Number(0);

    /// Reads a number as C's `strtol` does when it is left to find the base: blanks, a sign, `0x1f`, `017` or
    /// decimal digits, and whatever follows.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
        let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
        let (negative, rest) = match &bytes[start..] {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (base, digits) = match rest {
            [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &rest[2..]),
            [b'0', ..] => (8, rest),
            _ => (10, rest),
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(base);
        let limit = if negative { i64::MIN } else { i64::MAX };
        let number = digits.iter().map_while(digit).try_fold(0i64, |sum, digit| {
            let digit = i64::from(digit);
            sum.checked_mul(base.into())?.checked_add(if negative { -digit } else { digit })
        });
        let number = number.unwrap_or(limit);
        i32::try_from(number).map_or(Self::TooLarge(number), Self::Number)
    }
}

/// What an operator is told of a file; `Display` gives keepalived's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileNotice {
    /// A number that is none: the one before stands.
    TooLarge(i64, String),
    /// Nobody has said in time what is in the file: it counts as 0 until somebody does.
    Silent(String),
}

impl fmt::Display for FileNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(number, path) => write!(f, "Invalid number {number} read from {path} - ignoring"),
            Self::Silent(path) => write!(f, "Reading {path} takes too long: it counts as 0 until it is read"),
        }
    }
}

/// The machine of one `track_file`.
#[derive(Debug)]
pub struct FileTracker {
    config: Arc<TrackFile>,
    /// `None`: not read yet.
    number: Option<i32>,
    /// When it no longer waits for the first reading.
    deadline: Option<Instant>,
    effects: VecDeque<TrackerEffect>,
}

impl FileTracker {
    /// A tracker that waits for the first reading, for a moment.
    #[must_use]
    pub fn new(now: Instant, config: Arc<TrackFile>) -> Self {
        Self { config, number: None, deadline: Some(now + FIRST_ANSWER), effects: VecDeque::new() }
    }

    /// A tracker for a changed definition: until it is read, the old number stands, so that a reload moves
    /// no priority by itself.
    #[must_use]
    pub fn succeeding(now: Instant, config: Arc<TrackFile>, old: &Self) -> Self {
        match old.number {
            Some(number) => Self { config, number: Some(number), deadline: None, effects: VecDeque::new() },
            None => Self::new(now, config),
        }
    }

    /// The definition.
    #[must_use]
    pub fn config(&self) -> &Arc<TrackFile> {
        &self.config
    }

    /// The number in the file; `None` until it has been read.
    #[must_use]
    pub fn number(&self) -> Option<i32> {
        self.number
    }

    /// Takes what a reading gave.
    pub fn handle(&mut self, _now: Instant, reading: Reading) {
        self.deadline = None;
        match reading {
            Reading::Number(number) => self.number = Some(number),
            Reading::TooLarge(number) => {
                self.number.get_or_insert(0);
                self.notice(FileNotice::TooLarge(number, self.config.path.clone()));
            }
        }
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.number = Some(0);
            self.notice(FileNotice::Silent(self.config.path.clone()));
        }
    }

    fn notice(&mut self, notice: FileNotice) {
        self.effects.push_back(TrackerEffect::Notice(Notice::File(notice)));
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next thing to do: there is only something to tell.
    pub fn poll_effect(&mut self) -> Option<TrackerEffect> {
        self.effects.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn file() -> Arc<TrackFile> {
        Arc::new(TrackFile { name: "f".into(), path: "/run/f".into(), ..TrackFile::default() })
    }

    /// oracle: keepalived 2.2.7, the priorities that these contents led to.
    #[test]
    fn numbers_are_read_as_c_reads_them() {
        use Reading::{Number, TooLarge};
        let cases: [(&[u8], Reading); 14] = [
            (b"7\n", Number(7)),
            (b" 12abc", Number(12)),
            (b"0x10", Number(16)),
            (b"0x", Number(0)),
            (b"010", Number(8)),
            (b"08", Number(0)),
            (b"-254", Number(-254)),
            (b"+5", Number(5)),
            (b"--5", Number(0)),
            (b"foo", Number(0)),
            (b"", Number(0)),
            (b"99999999999", TooLarge(99_999_999_999)),
            (b"99999999999999999999", TooLarge(i64::MAX)),
            (b"-99999999999999999999", TooLarge(i64::MIN)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reading::of(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_too_large_leaves_the_number_as_it_was() {
        let mut tracker = FileTracker::new(Instant::ZERO, file());
        assert_eq!(tracker.number(), None);
        tracker.handle(Instant::ZERO, Reading::TooLarge(1 << 40));
        assert_eq!(tracker.number(), Some(0));
        tracker.handle(Instant::ZERO, Reading::Number(7));
        tracker.handle(Instant::ZERO, Reading::TooLarge(1 << 40));
        assert_eq!(tracker.number(), Some(7));
        let Some(TrackerEffect::Notice(notice)) = tracker.poll_effect() else { panic!("it is told") };
        assert_eq!(notice.to_string(), "Invalid number 1099511627776 read from /run/f - ignoring");
    }

    #[test]
    fn a_file_that_nobody_reads_counts_as_0_after_a_moment() {
        let mut tracker = FileTracker::new(Instant::ZERO, file());
        let Some(deadline) = tracker.poll_timeout() else { panic!("it waits") };
        tracker.handle_timeout(Instant::ZERO);
        assert_eq!(tracker.number(), None);
        tracker.handle_timeout(deadline);
        assert_eq!((tracker.number(), tracker.poll_timeout()), (Some(0), None));
        assert!(tracker.poll_effect().is_some(), "it is told");
        tracker.handle(deadline + Duration::from_secs(9), Reading::Number(3));
        assert_eq!(tracker.number(), Some(3));
    }

    #[test]
    fn a_changed_definition_starts_from_the_old_number() {
        let mut old = FileTracker::new(Instant::ZERO, file());
        assert!(FileTracker::succeeding(Instant::ZERO, file(), &old).poll_timeout().is_some());
        old.handle(Instant::ZERO, Reading::Number(5));
        let new = FileTracker::succeeding(Instant::ZERO, file(), &old);
        assert_eq!((new.number(), new.poll_timeout()), (Some(5), None));
    }
}
