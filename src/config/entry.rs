//! The entries of a value block: a line of words, read option by option.
//!
//! As a keyword has one line in the table of its block, an option has one in the [`Options`] of its entries.
//! keepalived walks an entry word by word and takes what stands behind an option for its value, whatever
//! it is; so does this.

use super::diagnostic::{Class, Consequence, Diagnostic};
use super::lexer::Word;
use super::reference::KeywordReference;
use super::schema::{Context, Support};
use super::value::{Junk, MUST_BE_THERE, Read, read_unsigned};
use crate::types::{Family, IfName};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// Names of the track groups above an entry.
pub(super) type TrackGroups = BTreeSet<String>;

/// The entry is left out, as reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Dropped;

/// All there is to know about an option.
pub(super) struct EntryOption<T: 'static> {
    /// As it is written, and other spellings of it.
    pub names: &'static [&'static str],
    /// Its value, for documentation.
    pub args: &'static str,
    /// Values that are accepted, for documentation.
    pub range: &'static str,
    /// What holds without it, for documentation.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// Puts it into the draft.
    pub set: fn(&mut T, &mut Entry<'_, '_, '_>) -> Result<(), Dropped>,
}

/// The options of entries whose draft is `T`.
pub(super) struct Options<T: 'static> {
    /// One a line.
    pub options: &'static [EntryOption<T>],
}

/// Writes [`Options`]: `"name" | "other name", "args" "range" "default" => setter, "what it does";`
macro_rules! options {
    ($(#[$meta:meta])* $table:ident: $draft:ty;
     $($name:literal $(| $other:literal)*, $args:literal $range:literal $default:literal => $set:expr, $doc:literal;)*) => {
        $(#[$meta])*
        pub(in crate::config) static $table: $crate::config::entry::Options<$draft> = $crate::config::entry::Options {
            options: &[$($crate::config::entry::EntryOption {
                names: &[$name $(, $other)*],
                args: $args,
                range: $range,
                default: $default,
                doc: $doc,
                set: $set,
            }),*],
        };
    };
}
pub(super) use options;

impl<T> Options<T> {
    /// Reads words from where the entry stands; `other` gets those that are no option.
    pub(super) fn read(
        &self,
        draft: &mut T,
        entry: &mut Entry<'_, '_, '_>,
        other: fn(&mut T, &mut Entry<'_, '_, '_>) -> Result<(), Dropped>,
    ) -> Result<(), Dropped> {
        while self.step(draft, entry, other)? {}
        Ok(())
    }

    /// Reads one option with its value; false at the end of the entry.
    pub(super) fn step(
        &self,
        draft: &mut T,
        entry: &mut Entry<'_, '_, '_>,
        other: fn(&mut T, &mut Entry<'_, '_, '_>) -> Result<(), Dropped>,
    ) -> Result<bool, Dropped> {
        let Some(word) = entry.next() else { return Ok(false) };
        let option = self.options.iter().find(|option| option.names.contains(&word.as_str()));
        option.map_or(other, |option| option.set)(draft, entry)?;
        Ok(true)
    }

    /// Whether a word is one of them.
    pub(super) fn has(&self, word: &Word) -> bool {
        self.options.iter().any(|option| option.names.contains(&word.as_str()))
    }

    /// An option that may have been meant by a word.
    pub(super) fn nearest(&self, word: &Word) -> Option<&'static str> {
        let limit = word.text.chars().count() / 3;
        let names = self.options.iter().flat_map(|option| option.names.iter().copied());
        let near = names.map(|name| (strsim::damerau_levenshtein(word.as_str(), name), name));
        near.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
    }

    /// All there is to know about each option.
    pub(super) fn reference(&self) -> Vec<KeywordReference> {
        let rows =
            self.options.iter().flat_map(|option| option.names.iter().map(move |name| (option, *name)));
        rows.map(|(option, name)| KeywordReference {
            name,
            args: option.args,
            range: option.range,
            default: option.default,
            doc: option.doc,
            support: Support::Same,
        })
        .collect()
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Route,
    Rule,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "route",
            Self::Rule => "rule",
        })
    }
}

/// An entry that is being read.
pub(super) struct Entry<'l, 'c, 'e> {
    words: &'l [Word],
    /// The next word.
    at: usize,
    pub(super) kind: Kind,
    /// What a mistake costs.
    pub(super) loss: &'static str,
    /// The track groups above a static entry; others have none.
    pub(super) groups: Option<&'l TrackGroups>,
    pub(super) cx: &'c mut Context<'e>,
}

impl<'l, 'c, 'e> Entry<'l, 'c, 'e> {
    pub(super) fn new(
        words: &'l [Word],
        kind: Kind,
        groups: Option<&'l TrackGroups>,
        cx: &'c mut Context<'e>,
    ) -> Self {
        let loss = match kind {
            Kind::Route => "the route is left out",
            Kind::Rule => "the rule is left out",
        };
        Self { words, at: 0, kind, loss, groups, cx }
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Option<&'l Word> {
        let word = self.words.get(self.at);
        self.at = (self.at + 1).min(self.words.len() + 1);
        word
    }

    /// The next word, which stays the next.
    pub(super) fn peek(&self) -> Option<&'l Word> {
        self.words.get(self.at)
    }

    /// Whether the next word is the last one.
    pub(super) fn is_last_word(&self) -> bool {
        self.at + 1 == self.words.len()
    }

    /// The word that was read last.
    pub(super) fn last(&self) -> &'l Word {
        &self.words[self.at.saturating_sub(1).min(self.words.len() - 1)]
    }

    /// The value of an option; keepalived stops when there is none.
    pub(super) fn value(&mut self) -> Result<&'l Word, Dropped> {
        let option = self.last();
        if let Some(value) = self.next() {
            return Ok(value);
        }
        let (first, position) = (&self.words[0], self.words.len() + 1);
        let problem = Diagnostic::error("missing-argument", option.span, format!("`{option}` needs an argument"))
            .classic(format!(
                "*** Configuration line starting `{first}` is missing a parameter after keyword `{option}` at word position {position}"
            ))
            .label("nothing stands behind it")
            .consequence(Consequence::StopsReading)
            .keepalived("stops here with status 2, and takes a running daemon down on reload; vrrpd reads on and reports the rest");
        self.cx.report(problem);
        Err(Dropped)
    }

    /// Takes a word if it is the next one.
    pub(super) fn take(&mut self, text: &str) -> Option<&'l Word> {
        self.peek().filter(|word| word.text == text)?;
        self.next()
    }

    /// Leaves the rest of the words alone.
    pub(super) fn skip_rest(&mut self) {
        self.at = self.words.len();
    }

    /// A problem with a word.
    pub(super) fn problem(&self, word: &Word, message: impl Into<String>) -> Diagnostic {
        let id = match self.kind {
            Kind::Route => "route-option",
            Kind::Rule => "rule-option",
        };
        Diagnostic::error(id, word.span, message)
    }

    /// Reports what costs the whole entry.
    pub(super) fn refuse(&mut self, problem: Diagnostic) -> Dropped {
        let problem = match problem.label {
            None => problem.label(self.loss),
            Some(_) => problem,
        };
        self.cx.report(problem);
        Dropped
    }

    /// A number, or what keepalived says when it is none.
    pub(super) fn number(
        &mut self,
        word: &Word,
        range: RangeInclusive<u32>,
        classic: &[String],
    ) -> Result<u32, Dropped> {
        match read_unsigned(word, range, Junk::Refused) {
            Read::Good(number) => Ok(number),
            Read::Junk(_, problem) | Read::Bad(problem) => {
                Err(self.refuse(classic.iter().cloned().fold(problem, Diagnostic::classic)))
            }
        }
    }

    /// An interface that must exist.
    pub(super) fn interface(&mut self, word: &Word, classic: &str) -> Result<IfName, Dropped> {
        let Some((name, _)) = self.cx.interface(word) else {
            let problem = self.cx.no_such_interface(word, MUST_BE_THERE, classic.to_owned());
            self.cx.report(problem);
            return Err(Dropped);
        };
        Ok(name)
    }

    /// `inet` and `inet6`: keepalived reads the family and loses the next word.
    pub(super) fn family_keyword(&mut self) {
        let keyword = self.last();
        let Some(lost) = self.next() else { return };
        let message = format!("`{keyword}` makes keepalived lose the word behind it");
        let problem = Diagnostic::warning("swallowed-word", lost.span, message)
            .class(Class::Harmless)
            .label("this word is not read")
            .help(format!(
                "leave `{keyword}` out: the family is that of the addresses; behind `via` it may stand"
            ));
        self.cx.report(problem);
    }
}

impl Context<'_> {
    /// A track group by name; one that is not there is reported.
    pub(super) fn track_group(&mut self, word: &Word, groups: &TrackGroups) -> Option<String> {
        if groups.contains(word.as_str()) {
            return Some(word.text.clone());
        }
        let message = format!("there is no track group `{word}` at this point");
        let problem = Diagnostic::error("unknown-track-group", word.span, message)
            .classic(format!("track_group {word} not found"))
            .label("ignored: it is tied to nothing")
            .help("a `track_group` block must stand above the entries that name it");
        self.report(problem);
        None
    }
}

/// The family of an entry: that of its first address.
pub(super) type SettledFamily = Option<(Family, super::source::Span)>;

impl Entry<'_, '_, '_> {
    /// Settles the family, or refuses a second one.
    pub(super) fn settle(
        &mut self,
        settled: &mut SettledFamily,
        family: Option<Family>,
        word: &Word,
        classic: &str,
    ) -> Result<(), Dropped> {
        let Some((first, span)) = *settled else {
            *settled = family.map(|family| (family, word.span));
            return Ok(());
        };
        if family == Some(first) {
            return Ok(());
        }
        let kind = self.kind;
        let message = match family {
            Some(_) => format!("`{word}` is not of the family of the {kind}"),
            None => format!("`{word}` has no family, and the {kind} has one already"),
        };
        let problem = Diagnostic::error("family-mismatch", word.span, message)
            .classic(classic)
            .related(span, format!("this makes it an {first} {kind}"));
        let problem = match (family, first) {
            (None, Family::V4) => problem.help("write `0.0.0.0/0`, or put it first"),
            (None, Family::V6) => problem.help("write `::/0`, or put it first"),
            (Some(_), _) => problem,
        };
        Err(self.refuse(problem))
    }
}
