//! `auth_hmac { … }`: keepalived's trailer behind every advert, since its version 2.4.

use super::authentication::AuthDraft;
use super::vrrp_instance::InstanceDraft;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, member};
use crate::config::environment::Fact;
use crate::config::lexer::Word;
use crate::config::resolve::about;
use crate::config::schema::{Context, keywords};
use crate::config::source::{Span, encode};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use crate::types::{AdvertInt, Secret};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// The HMAC-SHA256 trailer of an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthHmac {
    /// `key` lines, in order; the ids differ.
    pub keys: Vec<HmacKey>,
    /// `active_key`: the one that signs.
    pub active: HmacKey,
    /// `anti_replay` and `time_window`.
    pub freshness: Freshness,
    /// `mode`.
    pub mode: HmacMode,
}

/// A shared secret with the number that trailers name it by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HmacKey {
    /// 1 to 255.
    pub id: u8,
    /// 32 to 64 bytes, used as they are. Empty: a file that this reading of the configuration did not look at.
    pub secret: Secret,
}

/// `anti_replay`: what keeps an old advert from being played again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// Its time of day is within this many seconds of ours, 1 to 300, and later than the last one's.
    Time(u32),
    /// It is later than the last one from there.
    Monotonic,
}

/// `mode`: what is signed and what is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HmacMode {
    /// Signs; nothing without a trailer is accepted.
    Enforce,
    /// Signs, and accepts adverts without a trailer.
    Permissive,
    /// Does not sign, and accepts adverts without a trailer; one that is there must be right.
    ReceiveOnly,
}

impl fmt::Display for HmacMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforce => "enforce",
            Self::Permissive => "permissive",
            Self::ReceiveOnly => "receive-only",
        })
    }
}

impl AuthHmac {
    /// Whether our adverts carry a trailer.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.mode != HmacMode::ReceiveOnly
    }
}

/// An `auth_hmac` block while it is read; repeated blocks accumulate.
pub(in crate::config) struct HmacDraft {
    instance: Word,
    /// The keyword of the first block.
    pub(in crate::config) span: Span,
    keys: Vec<(HmacKey, Span)>,
    active: Option<(u8, Span)>,
    monotonic: bool,
    /// Seconds.
    window: Option<u32>,
    mode: HmacMode,
}

keywords! {
    /// `auth_hmac`.
    AUTH_HMAC: HmacDraft, "auth_hmac", None;
    "key" Optional "N PASSWORD|hex:HEX|file:PATH" "N 1 to 255; 32 to 64 bytes" "none" => key, "a shared secret; several may be given, so that one can follow the other";
    "active_key" Required "N" "1 to 255" "required" => active_key, "the key that signs";
    "time_window" Required "SECS" "1 to 300" "3 `advert_int`, at least 5" => time_window, "how far the clocks of two nodes may differ";
    "anti_replay" Required "time|monotonic" "" "time" => anti_replay, "what keeps old adverts from being played again";
    "mode" Required "enforce|permissive|receive-only" "" "enforce" => mode, "what is signed, and whether adverts without a trailer are accepted";
}

const KEY_BYTES: std::ops::RangeInclusive<usize> = 32..=64;
/// Seconds that the window is when nobody says.
const LEAST_WINDOW: u64 = 5;
const LARGEST_WINDOW: u32 = 300;

pub(in crate::config) fn auth_hmac(d: &mut AuthDraft, node: &Node, cx: &mut Context<'_>) {
    let draft = d.hmac.get_or_insert_with(|| HmacDraft {
        instance: d.instance.clone(),
        span: node.keyword.span,
        keys: Vec::new(),
        active: None,
        monotonic: false,
        window: None,
        mode: HmacMode::Enforce,
    });
    AUTH_HMAC.apply(draft, node.children(), cx);
}

fn key(d: &mut HmacDraft, node: &Node, cx: &mut Context<'_>) {
    let name = d.instance.clone();
    let [id, value, ..] = node.args.as_slice() else {
        return cx.missing_value(node, &format!("({name}) auth_hmac key needs an id and a value"));
    };
    let text = format!("({name}) auth_hmac key id '{id}' must be between 1 and 255");
    let number = cx.unsigned(id, 1..=255, Junk::Refused, Otherwise::ignored(text));
    let Some(number) = number.and_then(|n| u8::try_from(n).ok()) else { return };
    let secret = match value.as_str().strip_prefix("file:") {
        Some(path) => key_file(&name, number, path, value.span, cx),
        None => decoded(&Zeroizing::new(encode(value.as_str())))
            .map_err(|problem| Box::new(bad_key(&name, number, value.span, problem))),
    };
    let secret = match secret {
        Ok(secret) => secret,
        Err(problem) => return cx.report(*problem),
    };
    if let Some((_, first)) = d.keys.iter().find(|(key, _)| key.id == number) {
        let problem = Diagnostic::error("duplicate-key", id.span, format!("there is a key {number} already"))
            .classic(format!("({name}) duplicate auth_hmac key id {number}"))
            .label("this line is ignored")
            .related(*first, "given here");
        return cx.report(problem);
    }
    d.keys.push((HmacKey { id: number, secret }, id.span));
}

/// Why bytes are no key.
enum BadKey {
    NotHex,
    Length(usize),
}

/// A key as it is written: `hex:` and digits, or its very bytes.
fn decoded(text: &[u8]) -> Result<Secret, BadKey> {
    let bytes = match text.strip_prefix(b"hex:") {
        Some(digits) => hex(digits).ok_or(BadKey::NotHex)?,
        None => text.to_vec(),
    };
    let secret = Secret::new(bytes);
    let length = secret.expose().len();
    if KEY_BYTES.contains(&length) { Ok(secret) } else { Err(BadKey::Length(length)) }
}

/// Bytes as two digits each, blanks between them allowed; a digit before a blank or the end is a byte of its own
/// (keepalived: read_hex_str).
fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().peekable();
    while let Some(digit) = rest.next() {
        if matches!(digit, b' ' | b'\t') {
            continue;
        }
        let high = value(digit)?;
        let byte = match rest.next_if(|next| *next != b' ') {
            Some(low) => high << 4 | value(low)?,
            None => high,
        };
        bytes.push(byte);
    }
    Some(bytes)
}

fn bad_key(name: &Word, id: u8, span: Span, problem: BadKey) -> Diagnostic {
    let (min, max) = (KEY_BYTES.start(), KEY_BYTES.end());
    let (message, length) = match problem {
        BadKey::NotHex => ("behind `hex:` there is something else than hexadecimal digits".to_owned(), 0),
        BadKey::Length(length) => (format!("a key has {min} to {max} bytes, this one has {length}"), length),
    };
    Diagnostic::error("bad-key", span, message)
        .classic(format!("({name}) auth_hmac key {id} length {length} not in range [{min}, {max}]"))
        .label("this key is ignored")
        .help("`openssl rand -hex 32` makes one: write `hex:` before it")
}

/// A key from a file of its own, which ends in a newline or does not.
fn key_file(
    name: &Word,
    id: u8,
    path: &str,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<Secret, Box<Diagnostic>> {
    let (min, max) = (KEY_BYTES.start(), KEY_BYTES.end());
    let unusable = |what: &str, classic: &str| {
        let problem = Diagnostic::error("bad-key-file", span, format!("the key file {what}"))
            .classic(format!("({name}) auth_hmac key file '{path}' {classic}"))
            .classic(format!("({name}) auth_hmac key {id} length 0 not in range [{min}, {max}]"));
        Box::new(problem.label("this key is ignored"))
    };
    let file = match cx.environment.key_file(Path::new(path)) {
        Fact::Unchecked => return Ok(Secret::new(Vec::new())),
        Fact::Absent => return Err(unusable("cannot be read", "cannot be opened")),
        Fact::Known(file) => file,
    };
    if file.exposed {
        let message = format!("`{path}` holds a secret, and its group or others may read or write it");
        let problem = Diagnostic::warning("exposed-key-file", span, message)
            .class(Class::Security)
            .classic(format!("({name}) auth_hmac key file '{path}' is readable by group or others"))
            .label("the key is used all the same")
            .help(format!("`chmod 600 {path}`, and give every node a new key if somebody may have seen it"));
        cx.report(problem);
    }
    let Some(text) = &file.text else {
        return Err(unusable("holds more than a key", "is too large"));
    };
    let mut bytes = text.expose();
    while let Some(rest) = bytes.strip_suffix(b"\n").or_else(|| bytes.strip_suffix(b"\r")) {
        bytes = rest;
    }
    decoded(bytes).map_err(|problem| Box::new(bad_key(name, id, span, problem)))
}

fn active_key(d: &mut HmacDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}) auth_hmac active_key '{word}' must be between 1 and 255", d.instance);
    let id = cx.unsigned(word, 1..=255, Junk::Refused, Otherwise::ignored(text));
    if let Some(id) = id.and_then(|id| u8::try_from(id).ok()) {
        d.active = Some((id, word.span));
    }
}

fn time_window(d: &mut HmacDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!(
        "({}) auth_hmac time_window '{word}' must be between 1 and {LARGEST_WINDOW} seconds",
        d.instance
    );
    d.window = cx.unsigned(word, 1..=LARGEST_WINDOW, Junk::Refused, Otherwise::ignored(text)).or(d.window);
}

/// A word that is not one of those that there are.
fn no_choice(node: &Node, classic: String, choices: &[&str]) -> Diagnostic {
    let word = node.arg();
    let message = format!("`{word}` is not a value of `{}`", node.keyword);
    Diagnostic::error("bad-value", word.span, message).classic(classic).label("this line is ignored").meant(
        word,
        choices.iter().copied(),
        format!("write `{}`", choices.join("` or `")),
    )
}

fn anti_replay(d: &mut HmacDraft, node: &Node, cx: &mut Context<'_>) {
    match node.arg().as_str() {
        "time" => d.monotonic = false,
        "monotonic" => d.monotonic = true,
        word => {
            let text = format!("({}) auth_hmac anti_replay '{word}' must be time or monotonic", d.instance);
            cx.report(no_choice(node, text, &["time", "monotonic"]));
        }
    }
}

fn mode(d: &mut HmacDraft, node: &Node, cx: &mut Context<'_>) {
    d.mode = match node.arg().as_str() {
        "enforce" => HmacMode::Enforce,
        "permissive" => HmacMode::Permissive,
        "receive-only" => HmacMode::ReceiveOnly,
        word => {
            let text = format!(
                "({}) auth_hmac mode '{word}' must be enforce, permissive or receive-only",
                d.instance
            );
            return cx.report(no_choice(node, text, &["enforce", "permissive", "receive-only"]));
        }
    };
}

impl HmacDraft {
    /// `None`: the key that is to sign is not there, as reported.
    pub(in crate::config) fn complete(
        &self,
        draft: &InstanceDraft,
        cx: &mut Context<'_>,
    ) -> Option<AuthHmac> {
        let active = self.active.map_or(0, |(id, _)| id);
        let Some((key, _)) = self.keys.iter().find(|(key, _)| key.id == active) else {
            let (span, message) = match self.active {
                Some((id, span)) => (span, format!("there is no key {id}")),
                None => (self.span, "an `auth_hmac` without `active_key`".to_owned()),
            };
            let problem = Diagnostic::error("no-active-key", span, message)
                .label("adverts carry no trailer, and none is asked for")
                .help("name one of the keys: `active_key ID`");
            let text = format!("auth_hmac active_key {active} is not defined, disabling extension");
            cx.report(about(draft, problem, &text));
            return None;
        };
        let default = || {
            // keepalived counts whole seconds, before it rounds the interval.
            let interval = draft.advert_int.map_or(AdvertInt::DEFAULT.micros(), |(micros, _)| micros);
            let window = (3 * (interval / 1_000_000)).max(LEAST_WINDOW);
            u32::try_from(window).unwrap_or(LARGEST_WINDOW).min(LARGEST_WINDOW)
        };
        Some(AuthHmac {
            keys: self.keys.iter().map(|(key, _)| key.clone()).collect(),
            active: key.clone(),
            freshness: match self.monotonic {
                true => Freshness::Monotonic,
                false => Freshness::Time(self.window.unwrap_or_else(default)),
            },
            mode: self.mode,
        })
    }
}

impl AuthHmac {
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        field!(out, "Authentication extension = HMAC-SHA256-128");
        member!(out, "Keys = {}, active key id = {}", self.keys.len(), self.active.id);
        member!(out, "Mode = {}", self.mode);
        match self.freshness {
            Freshness::Time(window) => member!(out, "Anti replay = time, window = {window} sec"),
            Freshness::Monotonic => member!(out, "Anti replay = monotonic"),
        }
    }
}
