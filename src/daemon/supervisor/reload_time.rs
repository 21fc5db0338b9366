//! What a `reload_time_file` says, and which moment that is: `HH:MM:SS`, or with a date before it
//! `YY-MM-DD` or `YYYY-MM-DD`; a `Z` behind it makes it UTC.
//!
//! Nothing here looks at a clock or a file. Moments are seconds since 1970, and a zone is a function that says
//! how many seconds its clocks are ahead of UTC at a moment.

use std::fmt;

const DAY: i64 = 86_400;

/// The longest text that keepalived reads: a date with four digits of the year, a time and a `Z`.
pub(super) const LONGEST: usize = 20;

/// A time of day, of one day or of every one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ReloadTime {
    /// The day, counted from 1970-01-01.
    day: Option<i64>,
    second_of_day: i64,
    utc: bool,
}

/// Why there is no reload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoReload {
    /// The text is none of the lengths that a time can have.
    Format,
    /// It has the length, but is no time.
    Invalid,
    /// Clocks never show this.
    Never,
    /// They have shown it for the last time.
    Past,
}

impl NoReload {
    /// keepalived's lines.
    pub(super) fn lines(self, text: &str) -> [String; 2] {
        let what = match self {
            Self::Format => format!("Reload time {text} format is incorrect - ignoring"),
            Self::Invalid => format!("Reload date/time {text} invalid - ignoring"),
            Self::Never => format!("Reload time {text} is not valid - ignoring"),
            Self::Past => format!("Reload time {text} is in the past - ignoring"),
        };
        let so = match self {
            Self::Past => "Reload date/time is in the past - ignoring".to_owned(),
            _ => format!("Invalid reload time '{text}' specified - ignoring"),
        };
        [what, so]
    }
}

impl ReloadTime {
    /// Reads it as keepalived does, who takes a number with blanks before it or with fewer digits as well if
    /// the whole keeps its length.
    ///
    /// # Errors
    /// It is no time, or none that a clock ever shows.
    pub(super) fn parse(text: &str) -> Result<Self, NoReload> {
        let (digits, utc) = text.strip_suffix('Z').map_or((text, false), |digits| (digits, true));
        let mut reader = Reader(digits.as_bytes());
        let date = match digits.len() {
            8 => None,
            17 => Some(reader.date(2).ok_or(NoReload::Invalid)?),
            19 => Some(reader.date(4).ok_or(NoReload::Invalid)?),
            _ => return Err(NoReload::Format),
        };
        let [hour, minute, second] = reader.time().ok_or(NoReload::Invalid)?;
        if !reader.0.is_empty() {
            return Err(NoReload::Invalid);
        }
        let day = date.map(|date| Some(day_of(date)).filter(|day| date_of(*day) == date));
        // A leap second is one that no clock of Unix shows.
        if second > 59 || day == Some(None) {
            return Err(NoReload::Never);
        }
        Ok(Self { day: day.flatten(), second_of_day: (hour * 60 + minute) * 60 + second, utc })
    }

    /// Whether it is of one day only.
    pub(super) fn is_dated(&self) -> bool {
        self.day.is_some()
    }

    /// The first moment after `now` at which a clock in the zone shows it: a clock that is set back for winter
    /// may show it twice, and one that is set ahead for summer may show it only the day after.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn next(&self, now: i64, zone: impl Fn(i64) -> i64) -> Result<i64, NoReload> {
        let zone = |moment| if self.utc { 0 } else { zone(moment) };
        let today = (now + zone(now)).div_euclid(DAY);
        let days = self.day.map_or(today..=today + 2, |day| day..=day);
        let mut is_shown = false;
        for day in days {
            let clock = day * DAY + self.second_of_day;
            // What clocks are ahead by a day earlier and a day later is what they can be ahead by then.
            let moments = [clock - zone(clock - DAY), clock - zone(clock + DAY)];
            let shown = moments.into_iter().filter(|moment| moment + zone(*moment) == clock);
            if let Some(next) = shown.inspect(|_| is_shown = true).filter(|moment| *moment > now).min() {
                return Ok(next);
            }
        }
        Err(if is_shown { NoReload::Past } else { NoReload::Never })
    }
}

/// `2026-11-26 08:52:22`, as a clock in the zone shows that moment.
pub(super) fn display(moment: i64, zone: impl Fn(i64) -> i64) -> impl fmt::Display {
    let clock = moment + zone(moment);
    let ((year, month, day), second) = (date_of(clock.div_euclid(DAY)), clock.rem_euclid(DAY));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    fmt::from_fn(move |f| write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
}

/// The rest of the text. All of it is read as C's `strptime` reads.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn date(&mut self, digits_of_year: usize) -> Option<(i64, i64, i64)> {
        let year = match digits_of_year {
            // As POSIX has it.
            2 => self.number(2, 0..=99).map(|year| if year < 69 { 2000 + year } else { 1900 + year })?,
            digits => self.number(digits, 0..=9999)?,
        };
        self.literal(b'-')?;
        let month = self.number(2, 1..=12)?;
        self.literal(b'-')?;
        Some((year, month, self.number(2, 1..=31)?))
    }

    fn time(&mut self) -> Option<[i64; 3]> {
        let hour = self.number(2, 0..=23)?;
        self.literal(b':')?;
        let minute = self.number(2, 0..=59)?;
        self.literal(b':')?;
        Some([hour, minute, self.number(2, 0..=61)?])
    }

    fn number(&mut self, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        self.0 = self.0.trim_ascii_start();
        let end = self.0.iter().take(digits).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        std::str::from_utf8(number).ok()?.parse().ok().filter(|number| range.contains(number))
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }
}

/// The day of a date, counted from 1970-01-01, in the calendar that counts from the first of March: so the
/// day that comes and goes is the last of the year.
fn day_of((year, month, day): (i64, i64, i64)) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let (day, next) = (day - (153 * month + 2) / 5 + 1, i64::from(month > 9));
    (era * 400 + year + next, month + 3 - 12 * next, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26 08:52:22 UTC; this and all others of these from `date -u -d … +%s`.
    const NOW: i64 = 1_795_683_142;
    /// 2027-03-28 01:00:00 UTC: clocks in Berlin go from 02:00 to 03:00.
    const SPRING: i64 = 1_806_195_600;
    /// 2026-10-25 01:00:00 UTC: they go from 03:00 to 02:00.
    const AUTUMN: i64 = 1_792_890_000;

    fn utc(_: i64) -> i64 {
        0
    }

    fn berlin(moment: i64) -> i64 {
        if (AUTUMN..SPRING).contains(&moment) { 3600 } else { 7200 }
    }

    fn next(text: &str, now: i64, zone: fn(i64) -> i64) -> Result<String, NoReload> {
        ReloadTime::parse(text)?.next(now, zone).map(|at| display(at, zone).to_string())
    }

    #[track_caller]
    fn is(text: &str, expected: &str) {
        assert_eq!(next(text, NOW, berlin).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn a_time_is_the_next_of_it_and_a_date_the_only_one() {
        // oracle: keepalived 2.2.7 in Europe/Berlin at 2026-11-26 09:52:22
        is("10:00:00", "2026-11-26 10:00:00");
        is("09:52:22", "2026-11-27 09:52:22");
        is("01:02:03", "2026-11-27 01:02:03");
        is("09:00:00Z", "2026-11-26 10:00:00");
        is("08:00:00Z", "2026-11-27 09:00:00");
        is("30-02-20 12:00:00", "2030-02-20 12:00:00");
        is("2027-02-20 12:00:00Z", "2027-02-20 13:00:00");
        is("2028-02-29 23:59:59", "2028-02-29 23:59:59");
        is(" 1: 2:03", "2026-11-27 01:02:03");
        for past in ["2020-02-20 12:00:00", "2026-11-26 08:52:22Z", "70-01-01 00:00:00"] {
            assert_eq!(next(past, NOW, berlin), Err(NoReload::Past), "{past}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_in_keepaliveds_words() {
        // oracle: log of keepalived 2.2.7
        for (text, no) in [
            ("hello", NoReload::Format),
            ("", NoReload::Format),
            ("Z", NoReload::Format),
            ("01:02:03\r", NoReload::Format),
            ("25:00:00", NoReload::Invalid),
            ("12:60:00", NoReload::Invalid),
            ("12-00-00", NoReload::Invalid),
            ("12:00:0 ", NoReload::Invalid),
            ("12:00:0ä", NoReload::Format),
            ("+1:00:00", NoReload::Invalid),
            ("2026-13-01 00:00:00", NoReload::Invalid),
            ("2026/12/01 00:00:00", NoReload::Invalid),
            ("2027-02-30 12:00:00", NoReload::Never),
            ("2027-02-29 12:00:00", NoReload::Never),
            ("23:59:60", NoReload::Never),
        ] {
            assert_eq!(ReloadTime::parse(text), Err(no), "{text:?}");
        }
        assert_eq!(
            NoReload::Never.lines("23:59:60"),
            [
                "Reload time 23:59:60 is not valid - ignoring",
                "Invalid reload time '23:59:60' specified - ignoring"
            ]
        );
        assert_eq!(NoReload::Past.lines("x")[1], "Reload date/time is in the past - ignoring");
    }

    #[test]
    fn an_hour_that_comes_twice_is_met_twice_and_one_that_is_left_out_a_day_later() {
        let twice = ReloadTime::parse("02:30:00").unwrap();
        let first = twice.next(AUTUMN - 3600, berlin).unwrap();
        assert_eq!(first, AUTUMN - 1800);
        assert_eq!(twice.next(first, berlin), Ok(AUTUMN + 1800));
        assert_eq!(twice.next(AUTUMN + 1800, berlin), Ok(AUTUMN + 1800 + DAY));
        assert_eq!(next("02:30:00", SPRING - 3600, berlin).as_deref(), Ok("2027-03-29 02:30:00"));
        assert_eq!(next("2027-03-28 02:30:00", NOW, berlin), Err(NoReload::Never));
        assert_eq!(next("2027-03-28 02:30:00Z", NOW, berlin).as_deref(), Ok("2027-03-28 04:30:00"));
        assert_eq!(next("03:00:00", SPRING - 1, berlin).as_deref(), Ok("2027-03-28 03:00:00"));
    }

    #[test]
    fn days_and_dates_are_each_others() {
        let mut last = date_of(-800_000);
        for day in -799_999..800_000 {
            let date = date_of(day);
            assert_eq!(day_of(date), day);
            let (year, month, of_month) = last;
            assert!(
                date == (year, month, of_month + 1)
                    || date == (year, month + 1, 1)
                    || (date, month) == ((year + 1, 1, 1), 12)
            );
            last = date;
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(display(NOW, utc).to_string(), "2026-11-26 08:52:22");
    }
}
