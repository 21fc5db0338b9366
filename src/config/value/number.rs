//! Numbers, the way keepalived reads them.
//!
//! Most keywords are lenient when the daemon runs and strict under `-t`: `10x` is reported and 10 is
//! used. What is returned here is what runs.

use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use std::ops::RangeInclusive;

/// What keepalived makes of digits with something behind them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Junk {
    /// The digits count.
    Tolerated,
    /// The value is refused.
    Refused,
}

/// What becomes of the line when its value is no good.
pub(in crate::config) struct Otherwise {
    /// keepalived's second line about it.
    pub(in crate::config) classic: String,
    /// In plain words.
    pub(in crate::config) effect: &'static str,
    /// keepalived says its second line of a decimal with junk behind it as well.
    of_junk_too: bool,
}

impl Otherwise {
    pub(in crate::config) fn ignored(classic: impl Into<String>) -> Self {
        Self { classic: classic.into(), effect: "this line is ignored", of_junk_too: false }
    }

    pub(in crate::config) fn replaced(classic: impl Into<String>, effect: &'static str) -> Self {
        Self { classic: classic.into(), effect, of_junk_too: false }
    }
}

/// Digits at the start of a text and whether something follows them.
pub(super) fn leading_integer(text: &str) -> (Option<i64>, bool) {
    let trimmed = text.trim_start();
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let magnitude = digits[..count]
        .bytes()
        .try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
    let value = if trimmed.starts_with('-') { magnitude.map(|n| -n) } else { magnitude };
    // A sign alone is no number to C, so nothing of it is used up.
    (value, count < digits.len() || count == 0 && digits.len() < trimmed.len())
}

/// The number that a word begins with, as keepalived shows it when the word is none.
pub(in crate::config) fn leading_number(word: &Word) -> Option<i64> {
    leading_integer(word.as_str()).0
}

/// A number as C's `strtoul` reads it with base 0 (`16`, `0x10`, `020`), and what stands behind it; `None`
/// without a digit. A number beyond 64 bits is the largest.
pub(super) fn c_number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start();
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let hex = hex.filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (base, digits) = match hex {
        Some(rest) => (16, rest),
        None if text.starts_with('0') => (8, text),
        None => (10, text),
    };
    let count = digits.chars().take_while(|c| c.is_digit(base)).count();
    let (number, rest) = digits.split_at(count);
    (count > 0).then(|| (u64::from_str_radix(number, base).unwrap_or(u64::MAX), rest))
}

/// A number as C's `strtoul` reads it with base 0: `16`, `0x10`, `020`. One beyond 64 bits is the largest.
#[must_use]
pub fn whole_c_number(text: &str) -> Option<u64> {
    c_number(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
}

impl Otherwise {
    /// For what is a decimal number here and a whole one in keepalived 2.2.
    pub(in crate::config) fn of_junk_too(self) -> Self {
        Self { of_junk_too: true, ..self }
    }
}

impl Context<'_> {
    /// An integer of `range`; `None` when it is reported and not used.
    pub(in crate::config) fn integer(
        &mut self,
        word: &Word,
        range: RangeInclusive<i64>,
        junk: Junk,
        otherwise: Otherwise,
    ) -> Option<i64> {
        let signed = *range.start() < 0;
        self.integer_of(signed, word, range, junk, otherwise)
    }

    /// The same; `signed`: keepalived reads an `int`, even where less than nothing is refused.
    pub(in crate::config) fn integer_of(
        &mut self,
        signed: bool,
        word: &Word,
        range: RangeInclusive<i64>,
        junk: Junk,
        otherwise: Otherwise,
    ) -> Option<i64> {
        let (value, has_junk) = leading_integer(word.as_str());
        let (min, max) = (*range.start(), *range.end());
        let below_nothing = !signed && word.as_str().trim_start().starts_with('-');
        if has_junk && !below_nothing {
            let classic = otherwise.classic.clone();
            return self.junk(word, value.unwrap_or(0), &range, (junk, Some(classic)), otherwise);
        }
        match value.filter(|value| range.contains(value)) {
            Some(value) if !below_nothing => Some(value),
            _ => {
                let message = format!("`{word}` is not from {min} to {max}");
                let int = i64::from(i32::MIN)..=i64::from(i32::MAX);
                let signed_32 = signed && max <= *int.end();
                let classic = match value {
                    value if signed_32 && value.is_none_or(|value| !int.contains(&value)) => {
                        format!("number '{word}' outside integer range")
                    }
                    _ if below_nothing => format!("negative number '{word}'"),
                    value if !signed && value.is_none_or(|value| value > i64::from(u32::MAX)) => {
                        format!("number '{word}' outside unsigned integer range")
                    }
                    _ => format!("number '{word}' outside range [{min}, {max}]"),
                };
                let problem = Diagnostic::error("number-out-of-range", word.span, message).classic(classic);
                self.report(finish(problem, otherwise));
                None
            }
        }
    }

    fn junk(
        &mut self,
        word: &Word,
        value: i64,
        range: &RangeInclusive<i64>,
        (junk, classic_when_used): (Junk, Option<String>),
        otherwise: Otherwise,
    ) -> Option<i64> {
        let problem = Diagnostic::error("bad-number", word.span, format!("`{word}` is not a number"))
            .classic(format!("invalid number '{word}'"));
        let problem = digits_meant(problem, word, value != 0 && range.contains(&value));
        if junk == Junk::Tolerated && range.contains(&value) {
            let label = format!("{value} is used");
            let note = "takes the digits at the start when it runs, and refuses the value under `-t`";

            let problem = classic_when_used.into_iter().fold(problem, Diagnostic::classic);
            self.report(problem.label(label).keepalived(note));
            return Some(value);
        }
        self.report(finish(problem, otherwise));
        None
    }

    /// keepalived counts the digits at the start in the smallest unit: `200000x` is 0.2 s.
    fn decimal_junk(
        &mut self,
        word: &Word,
        places: u32,
        range: &RangeInclusive<u64>,
        otherwise: Otherwise,
    ) -> Option<u64> {
        let problem = Diagnostic::error("bad-number", word.span, format!("`{word}` is not a number"))
            .classic(format!("invalid number '{word}'"));
        let problem = decimal_meant(problem, word, places, range);
        let digits = leading_integer(word.as_str()).0.and_then(|digits| u64::try_from(digits).ok());
        match digits.filter(|digits| range.contains(digits)) {
            Some(digits) => {
                let note =
                    "takes the digits at the start for that when it runs, and refuses the value under `-t`";
                let classic = otherwise.of_junk_too.then_some(otherwise.classic);
                let problem = classic.into_iter().fold(problem, Diagnostic::classic);
                let used = plain(&show_units(digits, places));
                self.report(problem.label(format!("{used} is used")).keepalived(note));
                Some(digits)
            }
            None => {
                self.report(finish(problem, otherwise));
                None
            }
        }
    }

    /// keepalived's rule for counts and times that cannot be nothing: 0 becomes 1, and that is said.
    pub(in crate::config) fn at_least_one(&mut self, word: &Word, value: i64, what: &str) -> i64 {
        if value > 0 {
            return value;
        }
        if leading_integer(word.as_str()).1 && !word.as_str().contains('.') {
            // That it is no number has been said.
            return 1;
        }
        let problem = Diagnostic::warning("number-out-of-range", word.span, "0 is too little")
            .classic(format!("{what} must be greater than 0, setting to 1"))
            .label("1 is used");
        self.report(problem);
        1
    }

    /// A decimal number of `10^-places` units; `range` is in those units.
    pub(in crate::config) fn decimal(
        &mut self,
        word: &Word,
        places: u32,
        range: RangeInclusive<u64>,
        otherwise: Otherwise,
    ) -> Option<u64> {
        let text = word.as_str().trim_start();
        if text.starts_with('-') {
            let message = format!("`{word}` is less than nothing");
            let problem = Diagnostic::error("number-out-of-range", word.span, message)
                .classic(format!("negative number '{word}'"));
            self.report(finish(problem, otherwise));
            return None;
        }
        let Some((value, exact)) = decimal_units(text.strip_prefix('+').unwrap_or(text), places) else {
            return self.decimal_junk(word, places, &range, otherwise);
        };
        self.units(word, places, range, (value, exact), otherwise)
    }

    /// A value in units of `10^-places`, once its range has been looked at.
    pub(super) fn units(
        &mut self,
        word: &Word,
        places: u32,
        range: RangeInclusive<u64>,
        (value, exact): (u64, bool),
        otherwise: Otherwise,
    ) -> Option<u64> {
        if !range.contains(&value) {
            let (min, max) = (show_units(*range.start(), places), show_units(*range.end(), places));
            let message = format!("`{word}` is not from {} to {}", plain(&min), plain(&max));
            let problem = Diagnostic::error("number-out-of-range", word.span, message).classic(match value {
                u64::MAX => format!("number '{word}' outside unsigned decimal range"),
                _ => format!("number '{word}' outside range [{min}, {max}]"),
            });
            self.report(finish(problem, otherwise));
            return None;
        }
        if !exact {
            let message = format!("`{word}` has more than {places} decimal places");
            let problem = Diagnostic::warning("too-many-decimals", word.span, message)
                .classic(format!("number '{word}' has too many decimal places"))
                .label(format!("{} is used", show_units(value, places)));
            self.report(problem);
        }
        Some(value)
    }
}

/// A decimal number without the zeros that say nothing.
fn plain(number: &str) -> String {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => number.to_owned(),
    }
}

/// Asks whether the number at the start of a word was meant, with a comma for its point perhaps.
fn decimal_meant(problem: Diagnostic, word: &Word, places: u32, range: &RangeInclusive<u64>) -> Diagnostic {
    let text = word.as_str().replace(',', ".");
    let number: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let fits = decimal_units(&number, places).is_some_and(|(units, _)| units != 0 && range.contains(&units));
    match fits && word.secret.is_none() {
        true => problem.help(format!("did you mean `{number}`?")).write_instead(word, number),
        false => problem,
    }
}

/// Asks whether the digits at the start of a word were meant.
pub(super) fn digits_meant(problem: Diagnostic, word: &Word, fit: bool) -> Diagnostic {
    let digits: String = word.as_str().chars().take_while(char::is_ascii_digit).collect();
    // `1,5` is one and a half, and not one.
    let rest = &word.as_str()[digits.len()..];
    let separated = rest.starts_with(['.', ',']) && rest.len() > 1;
    match fit && !digits.is_empty() && !separated && word.secret.is_none() {
        true => problem.help(format!("did you mean `{digits}`?")).write_instead(word, digits),
        false => problem,
    }
}

pub(super) fn finish(problem: Diagnostic, otherwise: Otherwise) -> Diagnostic {
    let problem = if otherwise.classic.is_empty() { problem } else { problem.classic(otherwise.classic) };
    problem.label(otherwise.effect)
}

/// `12.345` in units of `10^-places`, rounded half up, and whether nothing was rounded off.
pub(super) fn decimal_units(text: &str, places: u32) -> Option<(u64, bool)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || text == "." {
        return None;
    }
    let digit = |index: u32| u64::from(fraction.as_bytes().get(index as usize).map_or(0, |b| b - b'0'));
    let mut units =
        whole.bytes().fold(0u64, |sum, b| sum.saturating_mul(10).saturating_add(u64::from(b - b'0')));
    for place in 0..places {
        units = units.saturating_mul(10).saturating_add(digit(place));
    }
    let exact = fraction.bytes().skip(places as usize).all(|b| b == b'0');
    Some((units.saturating_add(u64::from(digit(places) >= 5)), exact))
}

pub(super) fn show_units(units: u64, places: u32) -> String {
    let one = 10u64.pow(places);
    format!("{}.{:0width$}", units / one, units % one, width = places as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: keepalived 2.2.7 under `-t`, values read back from its dump.
    #[test]
    fn decimals_may_omit_either_side_and_round_half_up() {
        assert_eq!(decimal_units(".5", 6), Some((500_000, true)));
        assert_eq!(decimal_units("1.", 6), Some((1_000_000, true)));
        assert_eq!(decimal_units("0.0000015", 6), Some((2, false)));
        assert_eq!(decimal_units("1e3", 6), None);
        assert_eq!(decimal_units(".", 6), None);
        assert_eq!(decimal_units("99999999999999999999999", 6), Some((u64::MAX, true)));
    }

    #[test]
    fn the_base_of_a_number_is_in_its_prefix() {
        assert_eq!(c_number("0x1fg"), Some((31, "g")));
        assert_eq!(c_number("020"), Some((16, "")));
        assert_eq!(c_number("08"), Some((0, "8")));
        assert_eq!(c_number("0x"), Some((0, "x")));
        assert_eq!(c_number("-1"), None);
        assert_eq!(whole_c_number("99999999999999999999"), Some(u64::MAX));
        assert_eq!(whole_c_number("5/6"), None);
    }

    #[test]
    fn digits_at_the_start_are_found_and_no_number_is_too_long() {
        assert_eq!(leading_integer("10x"), (Some(10), true));
        assert_eq!(leading_integer(" -7"), (Some(-7), false));
        assert_eq!(leading_integer("x"), (Some(0), true));
        assert_eq!(leading_integer(""), (Some(0), false));
        assert_eq!(leading_integer("99999999999999999999").0, None);
        assert_eq!(leading_integer("0x50"), (Some(0), true));
        assert_eq!(leading_integer("-"), (Some(0), true));
        assert_eq!(leading_integer(" +"), (Some(0), true));
    }
}
