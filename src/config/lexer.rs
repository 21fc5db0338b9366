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
    /// From which byte on it may be (part of) a secret: that is never printed.
    pub secret: Option<usize>,
}

impl Word {
    /// A `{` that is taken for a word.
    pub(super) fn brace(span: Span) -> Self {
        Self { text: "{".to_owned(), span, quoted: false, glued: false, secret: None }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Word {
    /// The text, with stars for a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.secret {
            None => f.write_str(&self.text),
            Some(from) => write!(f, "{}********", self.text.get(..from).unwrap_or_default()),
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

/// Keywords whose arguments are secrets: a password of VRRPv2, that of a TLS key, a key of `auth_hmac`.
pub(super) const SECRET_KEYWORDS: [&str; 3] = ["auth_pass", "password", "key"];

/// Where, if at all, a line starts to hold a secret: behind one of the [`SECRET_KEYWORDS`], spelt well or not
/// and with a blank behind it or not, or in a definition whose name says so. Everything from there on is masked
/// wherever the line is shown. A path is no secret.
#[must_use]
pub fn secret_start(line: &str) -> Option<usize> {
    if let Some(value) = definition_value(line) {
        let (name, text) = line.split_at(value);
        return match names_a_secret(name) {
            true => Some(value),
            false => secret_start(text).map(|at| value + at),
        };
    }
    let keyword = first_words(line).find_map(|word| Some(word.start + secret_word(&line[word])?));
    [keyword, hmac_key(line), anywhere(line)].into_iter().flatten().min()
}

/// Whether the name of a definition says that its value is a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pw", "secret", "key"].iter().any(|word| name.contains(word))
}

/// A text for a message: stars for one that has a secret in it.
pub(super) fn shown(text: &str) -> &str {
    if secret_start(text).is_some() { "********" } else { text }
}

/// Where the value of `$NAME=VALUE` begins.
fn definition_value(line: &str) -> Option<usize> {
    let (name, _) = line.trim_start().strip_prefix('$')?.split_once('=')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| line.find('=').map(|at| at + 1))?
}

/// The words that may be keywords: the first one, the one behind a condition or a repetition, those behind braces.
fn first_words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let starts = line.match_indices(['{', '}', ')']).map(|(at, _)| at + 1);
    [0].into_iter().chain(starts).map(|start| first_word(line, start)).map(|word| {
        match line[word.clone()].starts_with('@') {
            true => first_word(line, word.end),
            false => word,
        }
    })
}

fn first_word(line: &str, from: usize) -> Range<usize> {
    let start = line.len() - line[from..].trim_start_matches(|c| is_blank(c) || c == '"').len();
    let length =
        line[start..].find(|c| is_blank(c) || matches!(c, '{' | '}' | '"')).unwrap_or(line.len() - start);
    start..start + length
}

/// How much of a word is the keyword, if it is or was to be one of the secret ones.
fn secret_word(word: &str) -> Option<usize> {
    if word.starts_with("password") {
        return Some("password".len());
    }
    // `passive` is a keyword.
    if word.starts_with("pass") && !word.starts_with("passi") {
        return Some(word.len());
    }
    if word == "key" {
        return None;
    }
    if word.strip_prefix("key").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Some("key".len());
    }
    // Every line comes by here: look closer only at words of the right length with the right letters.
    let letters = word.bytes().fold(0u32, |set, byte| set | letter(byte));
    let has = |of: &str, least| {
        (letters & of.bytes().fold(0, |set, byte| set | letter(byte))).count_ones() >= least
    };
    let near = |keyword: &str, most| {
        let length = word.chars().count().abs_diff(keyword.len()) <= most;
        length && strsim::damerau_levenshtein(&word.to_ascii_lowercase(), keyword) <= most
    };
    let misspelt = (has("authps", 4) && near("auth_pass", 2))
        || (has("paswordd", 5) && near("password", 2))
        || (word.len() <= 4 && has("key", 2) && near("key", 1));
    misspelt.then_some(word.len())
}

fn letter(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => 1 << (letter - b'a'),
        _ => 0,
    }
}

/// Behind a word like `auth_pass` anywhere in a line: `authentication { auth_type PASS auth_passwd x }`.
fn anywhere(line: &str) -> Option<usize> {
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

/// The value of `key ID VALUE`, or of `key VALUE` where the ID was forgotten; the name of a file is no secret.
fn hmac_key(line: &str) -> Option<usize> {
    const LEAST_KEY: usize = 32;
    let at = line.match_indices("key").map(|(at, _)| at).find(|at| {
        line[..*at].chars().next_back().is_none_or(|c| is_blank(c) || c == '{')
            && line[at + 3..].starts_with(is_blank)
    })?;
    let id = line[at + 3..].trim_start_matches(is_blank);
    let (first, rest) = id.split_at(id.find(is_blank).unwrap_or(id.len()));
    let value = rest.trim_start_matches(is_blank);
    let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
    let forgotten = first.len() >= LEAST_KEY || (value.is_empty() && !is_number);
    let secret = if forgotten { id } else { value };
    let bare = secret.trim_start_matches('"');
    let is_path = bare.starts_with(['/', '.']) || bare.starts_with("file:");
    (!secret.is_empty() && !is_path).then(|| line.len() - secret.len())
}

/// Cuts one line up that has no comment any more; `at` says where a part of it was written, and `hidden` from
/// where on a part of it is a secret for another reason than what stands before it.
pub(super) fn lex(
    code: &str,
    at: impl Fn(Range<usize>) -> Span,
    hidden: impl Fn(Range<usize>) -> Option<usize>,
) -> LexedLine {
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
        let text_start = start + usize::from(matches!(kind, Raw::Quoted));
        let hidden =
            [(end > secret_from).then_some(secret_from), hidden(start..end)].into_iter().flatten().min();
        let secret = hidden.map(|from| from.saturating_sub(text_start));
        let word =
            |text: &str, quoted| Token::Word(Word { text: text.to_owned(), span, quoted, glued, secret });
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
        lex(line, |range| Span::new(file, range.start, range.end), |_| None)
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
    fn whatever_follows_the_keyword_of_a_secret_is_one_however_that_is_spelt() {
        for line in [
            "auth_pass hunter2",
            "auth_passwd hunter2",
            "authpass hunter2",
            "auth_passhunter2",
            "auht_pass hunter2",
            "uath_pass hunter2",
            "auth_ps hunter2",
            "AUTH_PASS hunter2",
            "password hunter2",
            "passwordhunter2",
            "passwrd hunter2",
            "Password hunter2",
            "key 1 hunter2",
            "keys 1 hunter2",
            "kye 1 hunter2",
            "key1 hunter2",
            "@lb1 key 1 hunter2",
            "~SEQ(X,1,3) password hunter2",
            "auth_hmac { key 1 hunter2 }",
            "SSL { password hunter2",
            "$K=key 1 hunter2",
            "$HMAC_KEY=hunter2",
        ] {
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
        for line in ["auth_type PASS", "virtual_router_id 51", "track_script {", "url {", "keepalived x"] {
            assert_eq!(secret_start(line), None, "{line}");
        }
        assert!(format!("{:?}", lexed("auth_typePASS x").tokens).contains("auth_typePASS"));
    }
}
