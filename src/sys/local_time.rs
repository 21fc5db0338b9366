//! Wall clock time in the zone of this machine, in the two shapes that log lines need.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in local time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LocalTime {
    year: i32,
    month: usize,
    day: i32,
    weekday: usize,
    hour: i32,
    minute: i32,
    second: i32,
}

impl LocalTime {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self::at(SystemTime::now())
    }

    /// A given moment; one before 1970 counts as 1970.
    #[must_use]
    pub fn at(moment: SystemTime) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let tm = broken_down(libc::time_t::try_from(since.as_secs()).unwrap_or(libc::time_t::MAX));
        Self {
            year: tm.tm_year + 1900,
            month: usize::try_from(tm.tm_mon).unwrap_or(0).min(11),
            day: tm.tm_mday,
            weekday: usize::try_from(tm.tm_wday).unwrap_or(0).min(6),
            hour: tm.tm_hour,
            minute: tm.tm_min,
            second: tm.tm_sec,
        }
    }

    /// `Sat Nov 21 01:55:25.712313 2026`: the time stamp of keepalived's dumps.
    #[must_use]
    pub fn with_micros(&self, micros: u32) -> impl fmt::Display {
        let Self { year, weekday, .. } = *self;
        fmt::from_fn(move |f| write!(f, "{} {}.{micros:06} {year}", DAYS[weekday], self.rfc3164()))
    }

    /// `Nov 21 01:55:25`: the time stamp of RFC 3164 §4.1.2.
    #[must_use]
    pub fn rfc3164(&self) -> impl fmt::Display {
        let Self { month, day, hour, minute, second, .. } = *self;
        fmt::from_fn(move |f| write!(f, "{} {day:2} {hour:02}:{minute:02}:{second:02}", MONTHS[month]))
    }
}

impl fmt::Display for LocalTime {
    /// `Sat Nov 21 01:55:25 2026`: what `%c` of C's `strftime` gives.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", DAYS[self.weekday], self.rfc3164(), self.year)
    }
}

/// How many seconds local clocks are ahead of UTC at that moment, which is in seconds since 1970.
#[must_use]
pub fn utc_offset(moment: i64) -> i64 {
    broken_down(moment).tm_gmtoff
}

fn broken_down(seconds: libc::time_t) -> libc::tm {
    // SAFETY: all fields of `tm` are integers or a pointer that may be null; `localtime_r` writes it whole, or
    // leaves the zeroes and returns null.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut tm);
        tm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_pad_the_day_with_a_blank() {
        let time = LocalTime { year: 2026, month: 10, day: 1, weekday: 0, hour: 1, minute: 5, second: 9 };
        // oracle: `date -d '2026-11-01 01:05:09' '+%c'` in the C locale, and RFC 3164 §4.1.2
        assert_eq!(time.to_string(), "Sun Nov  1 01:05:09 2026");
        assert_eq!(time.rfc3164().to_string(), "Nov  1 01:05:09");
    }
}
