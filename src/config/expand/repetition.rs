//! `~SEQ(…)` and `~LST(…)`: one line many times over.
//!
//! keepalived's readers of these are forgiving in odd places (a number that is missing is 0, values
//! that are missing are empty); what they make of a line is kept, what they refuse is said better.

use super::text::is_blank;

/// The rounds of a repetition: what its variables are in each of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Rounds {
    /// `~SEQ(NAME, FIRST, STEP, LAST)`
    Sequence {
        /// The variable.
        name: String,
        /// Its value in the first round.
        first: i64,
        /// Never 0, and towards `last`.
        step: i64,
        /// Not passed, and not necessarily met.
        last: i64,
        /// `~SEQx`: written in hexadecimal.
        hex: bool,
    },
    /// `~LST({NAME, …}, {VALUE, …}, …)`
    List {
        /// The variables.
        names: Vec<String>,
        /// As many values as there are names, for each round.
        sets: Vec<Vec<String>>,
    },
}

/// Why a line is no repetition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Malformed {
    /// keepalived's line about the detail, before that about the whole; the text of the line follows it.
    pub(super) classic: Option<&'static str>,
    /// For people.
    pub(super) reason: &'static str,
}

/// What stands before the numbers of a `~SEQ`; they may be definitions, so they are read later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SequenceHead<'t> {
    /// The variable.
    pub(super) name: &'t str,
    /// `~SEQx`
    pub(super) hex: bool,
    /// First byte of the numbers.
    pub(super) numbers: usize,
    /// The `)` behind them.
    pub(super) close: usize,
}

/// keepalived's buffer for the numbers of a `~SEQ`, with the `)`.
pub(super) const LONGEST_NUMBERS: usize = 62;

const BAD_SEQUENCE: &str = "Invalid ~SEQ definition";

fn malformed(classic: impl Into<Option<&'static str>>, reason: &'static str) -> Malformed {
    Malformed { classic: classic.into(), reason }
}

/// A line that is read from the left.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(is_blank).len();
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len_utf8() } else { 0 };
        found
    }

    /// Up to the first of `stops` or the end, and the blanks behind it.
    fn word(&mut self, stops: &[char]) -> &'t str {
        let end = self.rest().find(stops).unwrap_or(self.rest().len());
        let word = &self.rest()[..end];
        self.at += end;
        self.skip_blanks();
        word
    }

    /// A number as C's strtol reads it with base 0: none at all is 0.
    fn number(&mut self) -> i64 {
        let digits = self.rest().trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
        let (radix, digits) = match hex.filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit())) {
            Some(rest) => (16, rest),
            None if digits.starts_with('0') => (8, digits),
            None => (10, digits),
        };
        let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        if end == 0 {
            self.skip_blanks();
            return 0;
        }
        self.at = self.text.len() - digits.len() + end;
        self.skip_blanks();
        let limit = if negative { i64::MIN } else { i64::MAX };
        i128::from_str_radix(&digits[..end], radix)
            .ok()
            .and_then(|value| i64::try_from(if negative { -value } else { value }).ok())
            .unwrap_or(limit)
    }
}

/// The beginning of a line that starts with `~SEQ`.
pub(super) fn sequence_head(line: &str) -> Result<SequenceHead<'_>, Malformed> {
    let mut cursor = Cursor { text: line, at: "~SEQ".len() };
    let hex = cursor.take('x');
    cursor.skip_blanks();
    if !cursor.take('(') {
        return Err(malformed(None, "`(` is missing: `~SEQ(NAME, FIRST, LAST) TEXT`"));
    }
    cursor.skip_blanks();
    let name = cursor.word(&[' ', '\t', ',', ')']);
    if name.is_empty() || name.starts_with('{') {
        return Err(malformed(BAD_SEQUENCE, "the name of a variable is missing behind `(`"));
    }
    if cursor.rest().is_empty() || cursor.rest().starts_with(')') {
        return Err(malformed(BAD_SEQUENCE, "its numbers are missing: `~SEQ(NAME, FIRST, LAST) TEXT`"));
    }
    cursor.at += cursor.rest().chars().next().map_or(0, char::len_utf8);
    cursor.skip_blanks();
    let numbers = cursor.at;
    let Some(length) = cursor.rest().find(')') else {
        return Err(malformed("~SEQ missing terminating ')'", "`)` is missing"));
    };
    if length + 1 > LONGEST_NUMBERS {
        return Err(malformed("~SEQ parameter strings too long", "its numbers take up too much room"));
    }
    Ok(SequenceHead { name, hex, numbers, close: numbers + length })
}

/// The numbers of a `~SEQ` up to and with the `)`.
pub(super) fn sequence(head: SequenceHead<'_>, numbers: &str) -> Result<Rounds, Malformed> {
    let mut cursor = Cursor { text: numbers, at: 0 };
    let mut given = vec![cursor.number()];
    while !cursor.rest().starts_with(')') {
        if given.len() == 3 || !cursor.take(',') {
            return Err(malformed(
                BAD_SEQUENCE,
                "one to three numbers with commas between them are expected",
            ));
        }
        given.push(cursor.number());
    }
    let (first, step, last) = match given[..] {
        [last] => (if last < 0 { -1 } else { 1 }, if last < 1 { -1 } else { 1 }, last),
        [first, last] => (first, if first <= last { 1 } else { -1 }, last),
        _ => (given[0], given[1], given[2]),
    };
    if step == 0 || (first < last && step < 0) || (first > last && step > 0) {
        return Err(malformed(
            "Invalid ~SEQ values",
            "the second of three numbers is the step, and this one never arrives",
        ));
    }
    if head.hex && (first < 0 || last < 0) {
        return Err(malformed(
            "~SEQx is only valid for positive numbers",
            "there is no hexadecimal form of negative numbers",
        ));
    }
    Ok(Rounds::Sequence { name: head.name.to_owned(), first, step, last, hex: head.hex })
}

/// A line that starts with `~LST`: its rounds, and the `)`.
pub(super) fn list(line: &str) -> Result<(Rounds, usize), Malformed> {
    let mut cursor = Cursor { text: line, at: "~LST".len() };
    cursor.skip_blanks();
    if !cursor.take('(') {
        return Err(malformed(None, "`(` is missing: `~LST(NAME, VALUE, …) TEXT`"));
    }
    cursor.skip_blanks();
    let names = group(&mut cursor, &[' ', '\t', ',', '}'], usize::MAX, false)?;
    if !cursor.take(',') {
        return Err(malformed(
            None,
            "values are expected behind the names: `~LST({A,B}, {1,2}, {3,4}) TEXT`",
        ));
    }
    let mut sets = Vec::new();
    loop {
        cursor.skip_blanks();
        let mut values = group(&mut cursor, &[' ', '\t', ',', '}', ')'], names.len(), true)?;
        values.resize(names.len(), String::new());
        sets.push(values);
        if cursor.rest().starts_with(')') {
            let close = cursor.at;
            return Ok((Rounds::List { names, sets }, close));
        }
        if !cursor.take(',') {
            return Err(malformed(None, "`,` or `)` is expected behind a value"));
        }
    }
}

/// `{A, B}`, or one word.
fn group(
    cursor: &mut Cursor<'_>,
    stops: &[char],
    most: usize,
    values: bool,
) -> Result<Vec<String>, Malformed> {
    let braces = cursor.take('{');
    if braces {
        cursor.skip_blanks();
    }
    let mut words = Vec::new();
    loop {
        words.push(cursor.word(stops).to_owned());
        let rest = cursor.rest();
        let ends_list = values && !braces && rest.starts_with(')');
        if ends_list || rest.starts_with(if braces { '}' } else { ',' }) {
            break;
        }
        if !cursor.take(',') {
            return Err(malformed(None, "words in braces are separated by commas and hold no blanks"));
        }
        cursor.skip_blanks();
        if words.len() == most {
            return Err(malformed(
                "~LST specification has too many values",
                "there are more values in the braces than names",
            ));
        }
    }
    if braces {
        cursor.take('}');
        cursor.skip_blanks();
    }
    Ok(words)
}

impl Rounds {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Sequence { first, step, last, .. } => {
                let steps = (i128::from(*last) - i128::from(*first)) / i128::from(*step);
                u64::try_from(steps + 1).unwrap_or(u64::MAX)
            }
            Self::List { sets, .. } => sets.len() as u64,
        }
    }

    /// Names and values of round `n`, from 0.
    pub(super) fn round(&self, n: u64) -> Vec<(&str, String)> {
        match self {
            Self::Sequence { name, first, step, hex, .. } => {
                let value = i128::from(*first) + i128::from(*step) * i128::from(n);
                let written = if *hex { format!("{value:x}") } else { value.to_string() };
                vec![(name, written)]
            }
            Self::List { names, sets } => {
                let values = usize::try_from(n).ok().and_then(|n| sets.get(n)).cloned().unwrap_or_default();
                names.iter().map(String::as_str).zip(values).collect()
            }
        }
    }

    /// Which round it is, for people. Values of a list may be passwords: they are counted only.
    pub(super) fn describe(&self, n: u64) -> String {
        match self {
            Self::Sequence { name, .. } => {
                let value = self.round(n).pop().map(|(_, value)| value).unwrap_or_default();
                format!("with {name} = {value}")
            }
            Self::List { sets, .. } => format!("round {} of {}", n + 1, sets.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let rounds = if line.starts_with("~SEQ") {
            let head = sequence_head(line).unwrap();
            sequence(head, &line[head.numbers..=head.close]).unwrap()
        } else {
            list(line).unwrap().0
        };
        let round = |n| rounds.round(n).into_iter().map(|(_, value)| value).collect::<Vec<_>>().join("/");
        (0..rounds.count()).map(round).collect()
    }

    fn refused(line: &str) -> Option<&'static str> {
        match line.starts_with("~SEQ") {
            true => {
                sequence_head(line)
                    .and_then(|head| sequence(head, &line[head.numbers..=head.close]))
                    .unwrap_err()
                    .classic
            }
            false => list(line).unwrap_err().classic,
        }
    }

    /// oracle: keepalived 2.2.7 under `-t`, each value as an unknown keyword.
    #[test]
    fn sequences_count_as_in_keepalived() {
        for (line, expected) in [
            ("~SEQ(X,3)", "1 2 3"),
            ("~SEQ(X,0)", "1 0"),
            ("~SEQ(X,)", "1 0"),
            ("~SEQ(X,-2)", "-1 -2"),
            ("~SEQ( X , 1 , 2 , 6 )", "1 3 5"),
            ("~SEQ(X,5,4)", "5 4"),
            ("~SEQ(X,7,7)", "7"),
            ("~SEQx(X,8,0x11)", "8 9 a b c d e f 10 11"),
            ("~SEQ(X,010,011)", "8 9"),
            ("~SEQ(X,6,-3,1)", "6 3"),
        ] {
            assert_eq!(values(line).join(" "), expected, "{line}");
        }
    }

    /// oracle: keepalived 2.2.7 under `-t`, each value as an unknown keyword.
    #[test]
    fn lists_fill_what_is_missing() {
        for (line, expected) in [
            ("~LST(X,4,9)", "4 9"),
            ("~LST({X,Y},{1,4},{2,9},7)", "1/4 2/9 7/"),
            ("~LST({ X , Y }, {,a} , { b })", "/a b/"),
            ("~LST({X},{1},2)", "1 2"),
        ] {
            assert_eq!(values(line).join(" "), expected, "{line}");
        }
    }

    /// oracle: keepalived 2.2.7 under `-t`.
    #[test]
    fn what_keepalived_refuses_is_refused_with_its_words() {
        assert_eq!(refused("~SEQ foo"), None);
        assert_eq!(refused("~SEQ(X) bad"), Some(BAD_SEQUENCE));
        assert_eq!(refused("~SEQ(,1,2) bad"), Some(BAD_SEQUENCE));
        assert_eq!(refused("~SEQ(X,1 2) bad"), Some(BAD_SEQUENCE));
        assert_eq!(refused("~SEQ(X,1,2,3,4) bad"), Some(BAD_SEQUENCE));
        assert_eq!(refused("~SEQ(X,1,0,2) bad"), Some("Invalid ~SEQ values"));
        assert_eq!(refused("~SEQ(X,1,-1,2) bad"), Some("Invalid ~SEQ values"));
        assert_eq!(refused("~SEQx(X,-1,2) bad"), Some("~SEQx is only valid for positive numbers"));
        assert_eq!(refused("~LST(X,1,2"), None);
        assert_eq!(refused("~LST(X)"), None);
        assert_eq!(refused("~LST({X,Y},{1,2,3}) a"), Some("~LST specification has too many values"));
    }

    #[test]
    fn numbers_as_large_as_they_come_do_not_overflow() {
        let line = "~SEQ(X,-99999999999999999999,99999999999999999999)";
        let head = sequence_head(line).unwrap();
        let rounds = sequence(head, &line[head.numbers..=head.close]).unwrap();
        assert_eq!(rounds.count(), u64::MAX);
        assert_eq!(rounds.round(0)[0].1, i64::MIN.to_string());
        let _ = rounds.round(u64::MAX);
    }
}
