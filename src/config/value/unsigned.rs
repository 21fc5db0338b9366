//! Numbers that cannot be negative, and times: what the checkers count and wait with.

use super::number::{Junk, Otherwise, decimal_units, digits_meant, finish, leading_integer, show_units};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Microseconds of a time that may be zero, as far as keepalived's 64 bits reach.
pub(in crate::config) const ANY_TIME: RangeInclusive<u64> = 0..=u64::MAX - 1;
/// Microseconds of a time that may not be zero.
pub(in crate::config) const SOME_TIME: RangeInclusive<u64> = 1..=u64::MAX - 1;
/// Microseconds of a timeout.
pub(in crate::config) const TIMEOUT: RangeInclusive<u64> = 1..=u32::MAX as u64;

impl Context<'_> {
    /// An integer of `range`; `None` when it is reported and not used (keepalived: read_unsigned).
    pub(in crate::config) fn unsigned(
        &mut self,
        word: &Word,
        range: RangeInclusive<u32>,
        junk: Junk,
        otherwise: Otherwise,
    ) -> Option<u32> {
        match read_unsigned(word, range, junk) {
            Read::Good(value) => Some(value),
            Read::Junk(value, problem) => {
                let note = "takes the digits at the start when it runs, and refuses the value under `-t`";
                let problem = problem.classic(otherwise.classic).label(format!("{value} is used"));
                self.report(problem.keepalived(note));
                Some(value)
            }
            Read::Bad(problem) => {
                self.report(finish(problem, otherwise));
                None
            }
        }
    }

    /// A decimal number of `10^-places` units that must be nothing else; `range` is in those units.
    pub(in crate::config) fn strict_decimal(
        &mut self,
        word: &Word,
        places: u32,
        range: RangeInclusive<u64>,
        otherwise: Otherwise,
    ) -> Option<u64> {
        let text = word.as_str().trim_start();
        if text.starts_with('-') {
            self.report(finish(negative(word), otherwise));
            return None;
        }
        let Some(units) = decimal_units(text.strip_prefix('+').unwrap_or(text), places) else {
            self.report(finish(not_a_number(word), otherwise));
            return None;
        };
        self.units(word, places, range, units, otherwise)
    }

    /// Seconds with six decimals; `range` is in microseconds.
    ///
    /// keepalived reads `3x` as three microseconds; that helps nobody, so it is refused here.
    pub(in crate::config) fn time(
        &mut self,
        word: &Word,
        range: RangeInclusive<u64>,
        otherwise: Otherwise,
    ) -> Option<Duration> {
        let text = word.as_str().trim_start();
        if text.starts_with('-') {
            self.report(finish(negative(word), otherwise));
            return None;
        }
        let Some((micros, exact)) = decimal_units(text.strip_prefix('+').unwrap_or(text), 6) else {
            let problem = not_a_number(word);
            let digits = leading_integer(text).0.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            self.report(match range.contains(&digits) {
                true => problem.label("this line is ignored").keepalived(format!(
                    "waits {digits} microseconds when it runs, and says no more than that"
                )),
                false => finish(problem, otherwise),
            });
            return None;
        };
        if !range.contains(&micros) {
            let (min, max) = (show_units(*range.start(), 6), show_units(*range.end(), 6));
            let (min, max) = (min.trim_end_matches('0').trim_end_matches('.'), max);
            let problem = Diagnostic::error(
                "number-out-of-range",
                word.span,
                format!("`{word}` is not from {min} to {max}"),
            );
            let problem = match micros {
                u64::MAX => problem.classic(format!("number '{word}' outside unsigned decimal range")),
                _ => problem.classic(format!("number '{word}' outside range [{min}, {max}]")),
            };
            self.report(finish(problem, otherwise));
            return None;
        }
        if !exact {
            let message = format!("`{word}` has more than 6 decimal places");
            let problem = Diagnostic::warning("too-many-decimals", word.span, message)
                .classic(format!("number '{word}' has too many decimal places"))
                .label(format!("{} is used", show_units(micros, 6)));
            self.report(problem);
        }
        Some(Duration::from_micros(micros))
    }
}

/// What came of a number.
pub(in crate::config) enum Read {
    /// It is in order.
    Good(u32),
    /// Digits with something behind them; the daemon runs with the digits.
    Junk(u32, Diagnostic),
    /// It cannot be used.
    Bad(Diagnostic),
}

/// A number, with what there is to say about it.
pub(in crate::config) fn read_unsigned(word: &Word, range: RangeInclusive<u32>, junk: Junk) -> Read {
    if word.as_str().trim_start().starts_with('-') {
        return Read::Bad(negative(word));
    }
    let (value, has_junk) = leading_integer(word.as_str());
    let value = value.and_then(|value| u32::try_from(value).ok());
    if has_junk {
        let value = value.filter(|value| range.contains(value));
        let problem = digits_meant(not_a_number(word), word, value.is_some_and(|value| value != 0));
        return match value {
            Some(value) if junk == Junk::Tolerated => Read::Junk(value, problem),
            _ => Read::Bad(problem),
        };
    }
    let (min, max) = (range.start(), range.end());
    let problem =
        Diagnostic::error("number-out-of-range", word.span, format!("`{word}` is not from {min} to {max}"));
    match value {
        Some(value) if range.contains(&value) => Read::Good(value),
        Some(_) => Read::Bad(problem.classic(format!("number '{word}' outside range [{min}, {max}]"))),
        None => Read::Bad(problem.classic(format!("number '{word}' outside unsigned integer range"))),
    }
}

/// A number of 64 bits, or what there is to say about it.
pub(super) fn read_unsigned64(word: &Word) -> Result<u64, Box<Diagnostic>> {
    let text = word.as_str().trim_start();
    let digits = text.strip_prefix('+').unwrap_or(text);
    if text.starts_with('-') {
        Err(negative(word).into())
    } else if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Err(not_a_number(word).into())
    } else {
        digits.parse().map_err(|_| {
            let message = format!("`{word}` has more than 64 bits");
            Diagnostic::error("number-out-of-range", word.span, message)
                .classic(format!("number '{word}' outside unsigned 64 bit range"))
                .into()
        })
    }
}

/// A number in base 10, 16 (`0x…`) or 8 (`0…`), or what there is to say about it.
pub(super) fn read_unsigned_any_base(word: &Word) -> Result<u32, Box<Diagnostic>> {
    let text = word.as_str().trim_start();
    if text.starts_with('-') {
        return Err(negative(word).into());
    }
    let number = super::number::whole_c_number(text).ok_or_else(|| not_a_number(word))?;
    u32::try_from(number).map_err(|_| {
        let message = format!("`{word}` has more than 32 bits");
        Diagnostic::error("number-out-of-range", word.span, message)
            .classic(format!("number '{word}' outside unsigned integer range"))
            .into()
    })
}

fn not_a_number(word: &Word) -> Diagnostic {
    Diagnostic::error("bad-number", word.span, format!("`{word}` is not a number"))
        .classic(format!("invalid number '{word}'"))
}

fn negative(word: &Word) -> Diagnostic {
    Diagnostic::error("number-out-of-range", word.span, format!("`{word}` is less than nothing"))
        .classic(format!("negative number '{word}'"))
}
