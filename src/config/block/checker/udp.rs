//! `UDP_CHECK { … }`: a datagram, and perhaps its answer.

use super::{CheckerDraft, Method};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field, member, yes_no};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};

/// `UDP_CHECK`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UdpCheck {
    /// `payload`; `None`: 32 bytes of keepalived's own text.
    pub payload: Option<Vec<u8>>,
    /// `require_reply`: silence is a failure.
    pub require_reply: bool,
    /// What the reply has to begin with.
    pub reply: ReplyPattern,
    /// `min_reply_length`, where there is a pattern.
    pub min_reply_length: u16,
    /// `max_reply_length`, where there is a pattern; default 255.
    pub max_reply_length: u16,
}

/// Bytes with half bytes that do not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReplyPattern {
    /// The bytes; 0 in half bytes that do not matter.
    pub bytes: Vec<u8>,
    /// Bits that matter, a byte for each of `bytes`.
    pub mask: Vec<u8>,
}

impl ReplyPattern {
    fn has_wildcards(&self) -> bool {
        self.mask.iter().any(|mask| *mask != 0xff)
    }
}

impl Default for UdpCheck {
    fn default() -> Self {
        Self {
            payload: None,
            require_reply: false,
            reply: ReplyPattern::default(),
            min_reply_length: 0,
            max_reply_length: 255,
        }
    }
}

keywords! {
    /// `UDP_CHECK`.
    UDP_CHECK: CheckerDraft<UdpCheck>, "UDP_CHECK", None, with &[CheckerDraft::<UdpCheck>::CONNECTION, CheckerDraft::<UdpCheck>::TIMING];
    "payload" Optional "HEX…" "" "32 bytes of text" => payload, "what to send";
    "require_reply" Optional "[HEX…]" "`x` stands for any half byte" "off" => require_reply, "silence is a failure; with digits, the reply has to begin with them";
    "min_reply_length" Required "N" "0 to 65535" "0" => min_reply_length, "shortest reply that is accepted";
    "max_reply_length" Required "N" "0 to 65535" "255" => max_reply_length, "longest reply that is accepted";
}

pub(in crate::config) fn udp_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, UdpCheck::default());
    UDP_CHECK.apply(&mut draft, node.children(), cx);
    let (min, max) = (draft.kind.min_reply_length, draft.kind.max_reply_length);
    if min > max {
        let problem = Diagnostic::error("number-out-of-range", node.end(), "no reply can be long enough")
            .classic(format!("UDP_CHECK min_reply length {min} > max_reply_length {max} - will always fail"))
            .label("this check always fails");
        cx.report(problem);
    }
    let Some(connection) = draft.connection(node.end(), cx) else { return };
    let method = Method::Udp(draft.kind.clone());
    server.checkers.push(draft.finish(Some(connection), method));
}

/// Digits two by two, `x` for those that do not matter; a word's last one may stand alone.
fn pattern(words: &[Word], wildcards: bool) -> Option<ReplyPattern> {
    let half = |c: char| match c.to_digit(16) {
        Some(digit) => u8::try_from(digit).ok().map(|digit| (digit, 0x0f)),
        None if wildcards && matches!(c, 'x' | 'X') => Some((0, 0)),
        None => None,
    };
    let mut pattern = ReplyPattern::default();
    for word in words.iter().flat_map(|word| word.as_str().split_ascii_whitespace()) {
        let halves: Vec<(u8, u8)> = word.chars().map(half).collect::<Option<_>>()?;
        for pair in halves.chunks(2) {
            let (byte, mask) = match *pair {
                [high, low] => (high.0 << 4 | low.0, high.1 << 4 | low.1),
                // A digit alone is a whole byte; a lone `x` leaves all of it open.
                [(_, 0)] => (0, 0),
                [(low, _), ..] => (low, 0xff),
                [] => continue,
            };
            pattern.bytes.push(byte);
            pattern.mask.push(mask);
        }
    }
    Some(pattern)
}

fn bad_hex(cx: &mut Context<'_>, node: &Node, what: &str) {
    let problem = Diagnostic::error("bad-hex", node.span(), "these are not hexadecimal digits")
        .classic(format!("Invalid hex string for UDP_CHECK {what}"))
        .label("ignored")
        .help("write 0 to 9 and a to f, two for each byte");
    cx.report(problem);
}

fn payload(d: &mut CheckerDraft<UdpCheck>, node: &Node, cx: &mut Context<'_>) {
    if node.args.is_empty() {
        return cx.missing_value(node, "UDP_CHECK payload requires a payload");
    }
    match pattern(&node.args, false) {
        Some(pattern) => d.kind.payload = Some(pattern.bytes),
        None => bad_hex(cx, node, "payload"),
    }
}

fn require_reply(d: &mut CheckerDraft<UdpCheck>, node: &Node, cx: &mut Context<'_>) {
    d.kind.require_reply = true;
    match pattern(&node.args, true) {
        Some(pattern) => d.kind.reply = pattern,
        None => bad_hex(cx, node, "reply"),
    }
}

fn length(node: &Node, cx: &mut Context<'_>, which: &str) -> Option<u16> {
    let text = format!("UDP_CHECK {which} length {} not valid - must be between 0 & 65535", node.arg());
    let length = cx.unsigned(node.arg(), 0..=65535, Junk::Tolerated, Otherwise::ignored(text))?;
    u16::try_from(length).ok()
}

fn min_reply_length(d: &mut CheckerDraft<UdpCheck>, node: &Node, cx: &mut Context<'_>) {
    d.kind.min_reply_length = length(node, cx, "min").unwrap_or(d.kind.min_reply_length);
}

fn max_reply_length(d: &mut CheckerDraft<UdpCheck>, node: &Node, cx: &mut Context<'_>) {
    d.kind.max_reply_length = length(node, cx, "max").unwrap_or(d.kind.max_reply_length);
}

impl UdpCheck {
    pub(super) fn dump(&self, out: &mut Out) {
        field!(out, "Keepalive method = UDP_CHECK");
        match &self.payload {
            Some(payload) => field!(out, "Payload len = {}", payload.len()),
            None => field!(out, "Payload specified = no"),
        }
        field!(out, "Require reply = {}", yes_no(self.require_reply));
        if self.require_reply {
            member!(out, "Min reply length = {}", self.min_reply_length);
            member!(out, "Max reply length = {}", self.max_reply_length);
            member!(out, "Reply data len = {}", self.reply.bytes.len());
            if self.reply.has_wildcards() {
                member!(out, "Reply data mask = yes");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::{SourceMap, Span};

    fn words(text: &str) -> Vec<Word> {
        let file = SourceMap::default().add("t".into(), text.into(), None);
        let word = |text: &str| Word {
            text: text.into(),
            span: Span::new(file, 0, 0),
            quoted: false,
            glued: false,
            secret: None,
        };
        text.split(' ').map(word).collect()
    }

    /// oracle: what keepalived puts on the wire for this payload.
    #[test]
    fn digits_stand_in_pairs_and_may_stand_alone() {
        let free = pattern(&words("Ab12f 3 456"), false).unwrap();
        assert_eq!(free.bytes, [0xab, 0x12, 0x0f, 0x03, 0x45, 0x06]);
        assert!(!free.has_wildcards());
        assert_eq!(pattern(&words("zz"), true), None);
        assert_eq!(pattern(&words("1x"), false), None);
    }

    #[test]
    fn half_bytes_can_be_left_open() {
        let open = pattern(&words("1x 2X34 X"), true).unwrap();
        assert_eq!(open.bytes, [0x10, 0x20, 0x34, 0]);
        assert_eq!(open.mask, [0xf0, 0xf0, 0xff, 0]);
    }
}
