//! One line to tokens: words, quotes and braces.
//!
//! keepalived's lines are not continued, so the lexer never sees more than one. What it makes of a
//! line is decided here alone; which words open a block is not its business, and comments and names
//! of definitions are gone already.

use super::source::Span;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_till, take_while};
use nom::character::complete::char;
use nom::combinator::{consumed, map, value};
use nom::sequence::delimited;
use nom::{IResult, Parser};
use std::fmt;
use std::ops::Range;

/// A word with the place it was written at.
#[derive(Clone, Eq, PartialEq)]
pub struct Word {
    /// The text, without its quotes.
    pub text: String,
    /// With its quotes.
    pub span: Span,
    /// Whether it stood in double quotes.
    pub quoted: bool,
    /// Whether nothing stands between it and the word before: `a"b"` are two words.
    pub glued: bool,
    /// Whether it may be (part of) a password: such a word is never printed.
    pub secret: bool,
}

impl Word {
    /// A `{` that is taken for a word.
    pub(super) fn brace(span: Span) -> Self {
        Self { text: "{".to_owned(), span, quoted: false, glued: false, secret: false }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Word {
    /// The text, or stars for a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.secret, self.text.starts_with("auth_pass")) {
            (false, _) => f.write_str(&self.text),
            (true, true) => f.write_str("auth_pass********"),
            (true, false) => f.write_str("********"),
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// What a line is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Token {
    /// A word.
    Word(Word),
    /// `{` outside quotes, and where the line goes on behind it.
    Open(Span, usize),
    /// `}` outside quotes, and where the line goes on behind it.
    Close(Span, usize),
}

/// A line, cut up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LexedLine {
    /// In order.
    pub tokens: Vec<Token>,
    /// From a `"` that has no partner to the end of the line; what it held is lost.
    pub unterminated: Option<Span>,
}

#[derive(Clone, Copy)]
enum Raw {
    Quoted,
    Bare,
    Open,
    Close,
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\x0b' | '\x0c')
}

fn blanks(input: &str) -> IResult<&str, &str> {
    take_while(is_blank).parse(input)
}

fn raw_token(input: &str) -> IResult<&str, (&str, Raw)> {
    consumed(alt((
        value(Raw::Open, char('{')),
        value(Raw::Close, char('}')),
        value(Raw::Quoted, delimited(char('"'), take_till(|c| c == '"'), tag("\""))),
        map(is_not(" \t\r\n\x0b\x0c\"{}"), |_| Raw::Bare),
    )))
    .parse(input)
}

/// Where, if at all, a line starts to hold a password: behind a word like `auth_pass`, spelt well or
/// not, behind the `password` of a TLS key, behind `key ID`, or in a definition whose name says so. Everything from there on
/// is masked wherever the line is shown.
#[must_use]
pub fn secret_start(line: &str) -> Option<usize> {
    if let Some(value) = secret_definition(line) {
        return Some(value);
    }
    let keyword = line.trim_start_matches(is_blank);
    if let Some(rest) = keyword.strip_prefix("password").filter(|rest| rest.starts_with(is_blank)) {
        return Some(line.len() - rest.len());
    }
    if let Some(value) = hmac_key(line) {
        return Some(value);
    }
    // Every line comes by here, and few go on.
    if !line.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"auth")) {
        return None;
    }
    let lower = line.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find("auth") {
        let word = from + found;
        let rest = lower[word + 4..].trim_start_matches(['_', '-', '.']);
        if rest.starts_with("pas") || rest.starts_with("psw") || rest.starts_with("pw") {
            let keyword = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let exact = keyword.min(if rest.starts_with("pass") { 4 } else { keyword });
            return Some(lower.len() - rest.len() + exact);
        }
        from = word + 4;
    }
    None
}

/// The value of `key ID VALUE`, or of `key VALUE` where the ID was forgotten; a file's name is no secret.
fn hmac_key(line: &str) -> Option<usize> {
    const LEAST_KEY: usize = 32;
    let word = |text: &str| text.find(is_blank).unwrap_or(text.len());
    let is_secret = |value: &str| !value.is_empty() && !value.trim_start_matches('"').starts_with("file:");
    let at = line.match_indices("key").map(|(at, _)| at).find(|at| {
        line[..*at].chars().next_back().is_none_or(|c| is_blank(c) || c == '{')
            && line[at + 3..].starts_with(is_blank)
    })?;
    let id = line[at + 3..].trim_start_matches(is_blank);
    let value = id[word(id)..].trim_start_matches(is_blank);
    let path = |value: &str| value.trim_start_matches('"').starts_with('/');
    if word(id) >= LEAST_KEY && is_secret(id) && !path(id) {
        return Some(line.len() - id.len());
    }
    is_secret(value).then(|| line.len() - value.len())
}

/// The value of `$PASSWORD=…` and the like.
fn secret_definition(line: &str) -> Option<usize> {
    let (name, _) = line.trim_start().strip_prefix('$')?.split_once('=')?;
    let value = line.find('=')? + 1;
    let name = name.to_ascii_lowercase();
    ["pass", "pw", "secret", "key"].iter().any(|word| name.contains(word)).then_some(value)
}

/// Cuts one line up that has no comment any more; `at` says where a part of it was written.
pub(super) fn lex(code: &str, at: impl Fn(Range<usize>) -> Span) -> LexedLine {
    let secret_from = secret_start(code).unwrap_or(usize::MAX);
    let mut lexed = LexedLine::default();
    let mut rest = code;
    while let Ok((after_blanks, _)) = blanks(rest) {
        let start = code.len() - after_blanks.len();
        let Ok((remainder, (text, kind))) = raw_token(after_blanks) else {
            if !after_blanks.is_empty() {
                lexed.unterminated = Some(at(start..code.trim_end().len()));
            }
            break;
        };
        let end = start + text.len();
        let span = at(start..end);
        let glued = after_blanks.len() == rest.len() && matches!(lexed.tokens.last(), Some(Token::Word(_)));
        let word = |text: &str, quoted| {
            Token::Word(Word { text: text.to_owned(), span, quoted, glued, secret: end > secret_from })
        };
        lexed.tokens.push(match kind {
            Raw::Open => Token::Open(span, end),
            Raw::Close => Token::Close(span, end),
            Raw::Bare => word(text, false),
            Raw::Quoted => word(&text[1..text.len() - 1], true),
        });
        rest = remainder;
    }
    lexed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceMap;

    fn lexed(line: &str) -> LexedLine {
        let file = SourceMap::default().add("t".into(), line.into(), None);
        lex(line, |range| Span::new(file, range.start, range.end))
    }

    fn words(line: &str) -> Vec<String> {
        let shape = |token: &Token| match token {
            Token::Word(word) => word.text.clone(),
            Token::Open(..) => "{".to_owned(),
            Token::Close(..) => "}".to_owned(),
        };
        lexed(line).tokens.iter().map(shape).collect()
    }

    #[test]
    fn braces_are_tokens_wherever_they_stand_outside_quotes() {
        assert_eq!(words("vrrp_instance V{"), ["vrrp_instance", "V", "{"]);
        assert_eq!(
            words("virtual_ipaddress {10.0.0.10/24}"),
            ["virtual_ipaddress", "{", "10.0.0.10/24", "}"]
        );
        assert_eq!(words("}}"), ["}", "}"]);
        assert_eq!(words("router_id \"a{b}\""), ["router_id", "a{b}"]);
    }

    #[test]
    fn a_quote_in_mid_word_ends_the_word_and_an_empty_word_is_one() {
        assert_eq!(words("ab\"cd ef\"gh"), ["ab", "cd ef", "gh"]);
        assert_eq!(words("router_id \"\""), ["router_id", ""]);
        assert_eq!(words("'a b'"), ["'a", "b'"]);
    }

    #[test]
    fn words_before_a_lonely_quote_survive() {
        let line = lexed("priority 100 \"foo bar");
        assert_eq!(line.tokens.len(), 2);
        assert!(line.unterminated.is_some());
        assert!(lexed("priority 100").unterminated.is_none());
    }

    #[test]
    fn whatever_follows_auth_pass_is_a_secret() {
        for line in ["auth_pass hunter2", "auth_passwd hunter2", "authpass hunter2", "auth_passhunter2"] {
            let shown = format!("{:?}", lexed(line).tokens);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let key = "hunter2hunter2hunter2hunter2hunter2";
        for line in ["key 1 hunter2", "auth_hmac { key 7 \"hunter2\" }", "  key x hex:hunter2"] {
            let shown = format!("{:?}", lexed(line).tokens);
            assert!(!shown.contains("hunter2") && shown.contains("key"), "{shown}");
        }
        assert_eq!(secret_start(&format!("key {key}")), Some(4));
        assert_eq!(secret_start("key 1 file:/etc/keepalived/key"), None);
        assert_eq!(secret_start("active_key 1 x"), None);
        assert_eq!(secret_start("key /etc/keepalived/a-long-name-of-a-key-file.pem"), None);
        assert_eq!(secret_start("  $VRRP_PW=hunter2"), Some(11));
        assert_eq!(secret_start("$IF=eth0"), None);
        assert!(format!("{:?}", lexed("auth_typePASS x").tokens).contains("auth_typePASS"));
    }
}
