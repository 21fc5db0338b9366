//! Text that knows where it was written.
//!
//! A line changes while it is expanded: comments go, definitions take the place of their names. Its
//! words must still be found in the file, so each piece of a [`Text`] carries its [`Span`].

use crate::config::source::{FileId, FrameId, Span};
use std::ops::Range;

/// A line, or a part of one.
#[derive(Clone, Debug)]
pub(in crate::config) struct Text {
    text: String,
    /// In order; together they cover the text.
    pieces: Vec<Piece>,
    /// Where the line stands: for a text with nothing left in it.
    line: Span,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// First byte in the text.
    start: usize,
    /// Where it was written, or the use that it took the place of.
    span: Span,
    /// Byte for byte as in the file, so that a part of the piece is a part of the span.
    verbatim: bool,
    /// It came out of a definition whose name says that it is a secret.
    secret: bool,
}

/// What [`Text::strip`] met on its way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::config) struct Stripped {
    /// The number of double quotes is odd: the last one is never closed.
    pub(in crate::config) open_quote: bool,
    /// A comment starts in the middle of a word: `77#x`.
    pub(in crate::config) glued_comment: Option<Span>,
    /// A backslash kept a `#` or `!` from starting a comment, here.
    pub(in crate::config) escaped: Option<Span>,
    /// The comment ends in a backslash, here.
    pub(in crate::config) comment_backslash: Option<Span>,
}

impl Text {
    /// A line of a file, as it is.
    pub(in crate::config) fn written(file: FileId, offset: usize, text: &str) -> Self {
        let line = Span::new(file, offset, offset + text.len());
        Self {
            text: text.to_owned(),
            pieces: vec![Piece { start: 0, span: line, verbatim: true, secret: false }],
            line,
        }
    }

    /// A line that stands for something else, which is at `span`.
    pub(in crate::config) fn instead_of(span: Span, text: &str, secret: bool) -> Self {
        let pieces = vec![Piece { start: 0, span, verbatim: false, secret }];
        Self { text: text.to_owned(), pieces, line: span }
    }

    /// The first byte of a part that came out of a secret.
    pub(in crate::config) fn secret_in(&self, range: Range<usize>) -> Option<usize> {
        let first = self.piece_at(range.start).unwrap_or(0);
        let inside = self.pieces.iter().skip(first).take_while(|piece| piece.start < range.end);
        inside.filter(|piece| piece.secret).map(|piece| piece.start.max(range.start)).next()
    }

    /// The characters.
    pub(in crate::config) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a part was written, or what it came from.
    pub(in crate::config) fn span(&self, range: Range<usize>) -> Span {
        let (Some(first), Some(last)) =
            (self.piece_at(range.start), self.piece_at(range.end.saturating_sub(1).max(range.start)))
        else {
            return self.line;
        };
        let between = &self.pieces[first..=last];
        let frame = between.iter().find_map(|piece| piece.span.frame);
        let span = self.place(first, &range).to(self.place(last, &range));
        Span { frame: span.frame.or(frame), ..span }
    }

    /// The whole of it.
    pub(in crate::config) fn whole(&self) -> Span {
        self.span(0..self.text.len())
    }

    fn piece_at(&self, at: usize) -> Option<usize> {
        self.pieces.partition_point(|piece| piece.start <= at).checked_sub(1)
    }

    /// The part of a piece's span that `range` takes up.
    fn place(&self, index: usize, range: &Range<usize>) -> Span {
        let piece = self.pieces[index];
        if !piece.verbatim {
            return piece.span;
        }
        let end = self.pieces.get(index + 1).map_or(self.text.len(), |next| next.start);
        let from = range.start.clamp(piece.start, end) - piece.start;
        let to = range.end.clamp(piece.start, end) - piece.start;
        let offset = piece.span.range().start;
        Span { frame: piece.span.frame, ..Span::new(piece.span.file, offset + from, offset + to) }
    }

    /// A part of it.
    pub(in crate::config) fn slice(&self, range: Range<usize>) -> Self {
        let first = self.piece_at(range.start).unwrap_or(0);
        let inside = self.pieces.iter().enumerate().skip(first);
        let pieces = inside.take_while(|(_, piece)| piece.start < range.end).map(|(index, piece)| Piece {
            start: piece.start.saturating_sub(range.start),
            span: self.place(index, &range),
            ..*piece
        });
        Self { text: self.text[range.clone()].to_owned(), pieces: pieces.collect(), line: self.line }
    }

    /// Puts `with`, which came from `span`, in the place of a part.
    pub(in crate::config) fn replace(&mut self, range: Range<usize>, with: &str, span: Span) {
        self.put(range, with, span, false);
    }

    /// The same, for what may be a secret.
    pub(in crate::config) fn put(&mut self, range: Range<usize>, with: &str, span: Span, secret: bool) {
        let tail = self.slice(range.end..self.text.len());
        self.truncate(range.start);
        if !with.is_empty() {
            self.pieces.push(Piece { start: self.text.len(), span, verbatim: false, secret });
            self.text.push_str(with);
        }
        let offset = self.text.len();
        self.pieces
            .extend(tail.pieces.into_iter().map(|piece| Piece { start: piece.start + offset, ..piece }));
        self.text.push_str(&tail.text);
    }

    /// The same text in a frame that lies within the one where it was.
    pub(in crate::config) fn within(&self, frame: FrameId) -> Self {
        let place = |span: Span| Span { frame: Some(frame), ..span };
        let pieces = self.pieces.iter().map(|piece| Piece { span: place(piece.span), ..*piece });
        Self { text: self.text.clone(), pieces: pieces.collect(), line: place(self.line) }
    }

    /// Puts a backslash at the end that was cut off there.
    pub(in crate::config) fn go_on(&mut self, backslash: Span) {
        let end = self.text.len();
        self.replace(end..end, "\\", backslash);
    }

    fn remove(&mut self, range: Range<usize>) {
        self.replace(range, "", self.line);
    }

    fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
        self.pieces.retain(|piece| piece.start < len);
    }

    /// Removes the comment, the backslashes that keep `#` and `!` from being one, blanks at both ends
    /// and before a final backslash (keepalived: decomment).
    pub(in crate::config) fn strip(&mut self) -> Stripped {
        let mut stripped = Stripped::default();
        let indent = self.text.len() - self.text.trim_start_matches(is_blank).len();
        if indent > 0 {
            *self = self.slice(indent..self.text.len());
        }
        let mut at = 0;
        while let Some(found) = self.text.as_bytes()[at..].iter().position(|b| b"!#\"\\".contains(b)) {
            at += found;
            match (self.text.as_bytes()[at], self.text.as_bytes().get(at + 1)) {
                (b'"', _) => stripped.open_quote = !stripped.open_quote,
                (b'\\', Some(b'#' | b'!')) if !stripped.open_quote => {
                    stripped.escaped.get_or_insert(self.span(at..at + 2));
                    self.remove(at..at + 1);
                }
                (b'\\', Some(_)) => at += 1,
                (b'\\', None) => {
                    let blanks = self.text[..at].trim_end_matches(is_blank).len();
                    self.remove(blanks..at);
                    return stripped;
                }
                _ if stripped.open_quote => {}
                _ => {
                    let word_before =
                        |c: char| !is_blank(c) && !matches!(c, '\r' | '\x0b' | '\x0c' | '{' | '}' | '"');
                    if self.text[..at].ends_with(word_before) {
                        stripped.glued_comment = Some(self.span(at..self.text.trim_end().len()));
                    }
                    if self.text.ends_with('\\') {
                        let end = self.text.len();
                        stripped.comment_backslash = Some(self.span(end - 1..end));
                    }
                    self.truncate(at);
                    break;
                }
            }
            at += 1;
        }
        self.truncate(self.text.trim_end_matches(is_blank).len());
        stripped
    }
}

/// What keepalived's text layer takes for a blank: less than what separates words.
pub(in crate::config) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceMap;

    fn text(line: &str) -> Text {
        Text::written(SourceMap::default().add("t".into(), line.into(), None), 100, line)
    }

    fn range(text: &Text, part: &str) -> (u32, u32) {
        let at = text.as_str().find(part).unwrap();
        let span = text.span(at..at + part.len());
        (span.start, span.end)
    }

    /// oracle: keepalived 2.2.7, config-language tests by hand.
    #[test]
    fn comments_start_anywhere_but_in_quotes_and_behind_a_backslash() {
        for (line, code) in [
            ("priority 77#x", "priority 77"),
            ("192.168.17.101##peer", "192.168.17.101"),
            ("router_id a\\#b ! c", "router_id a#b"),
            ("router_id \"a # b ! c\" # d", "router_id \"a # b ! c\""),
            ("\t \\!x\\", "!x\\"),
            ("more  \\", "more\\"),
            ("\\", "\\"),
            ("a \\\\ # b", "a \\\\"),
            ("# nothing", ""),
            ("", ""),
        ] {
            let mut text = text(line);
            text.strip();
            assert_eq!(text.as_str(), code, "{line}");
        }
    }

    #[test]
    fn a_comment_glued_to_a_value_is_noticed_and_one_behind_a_brace_is_not() {
        let glued = |line: &str| text(line).strip().glued_comment.is_some();
        assert!(glued("  10.0.0.1##peer"));
        assert!(!glued("vrrp_instance V {# ok"));
        assert!(!glued("priority 1 # ok"));
    }

    #[test]
    fn words_are_found_where_they_were_written_whatever_came_before_them() {
        let mut text = text("  a\\#b $X c");
        text.strip();
        let file = text.whole().file;
        let at = text.as_str().find("$X").unwrap();
        let place = text.span(at..at + 2);
        text.replace(at..at + 2, "a much longer value", place);
        assert_eq!(text.as_str(), "a#b a much longer value c");
        assert_eq!(range(&text, "a#b"), (102, 106));
        assert_eq!(range(&text, "longer"), (107, 109));
        assert_eq!(range(&text, "value c"), (107, 111));
        assert_eq!(range(&text, "c"), (107, 109), "the first c is inside the value");
        let end = text.slice(text.as_str().len() - 1..text.as_str().len());
        assert_eq!(end.whole(), Span::new(file, 110, 111));
        assert_eq!(range(&text.slice(2..10), "much"), (107, 109));
    }

    #[test]
    fn nothing_left_has_a_place_all_the_same() {
        let mut text = text(" # x");
        text.strip();
        assert_eq!(text.whole().start, 100);
        text.replace(0..0, "", text.whole());
        assert_eq!(text.slice(0..0).whole().start, 100);
    }
}
