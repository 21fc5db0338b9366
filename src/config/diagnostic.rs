//! What is wrong with a configuration, for people and for keepalived's scripts.
//!
//! A [`Diagnostic`] is shown as an excerpt with the place underlined ([`Diagnostic::render`]), as the one-line
//! form that keepalived writes to syslog and that people grep for ([`Diagnostic::classic_lines`]), and for
//! programs ([`Report`], [`github`]). Its [`Class`] makes the exit code of `-t`, its id is one of
//! [`explanations`].

mod excerpt;
mod explanation;
mod report;

pub use explanation::{Explanation, explain, explanations};
pub use report::{Report, github};

use super::lexer::Word;
use super::source::{SourceMap, Span};
use super::suggest;
use serde::Serialize;

/// How bad it is for the one who wrote it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is wrong; worth knowing.
    Note,
    /// Something does not do what it says; everything else runs.
    Warning,
    /// Something is lost or the daemon does not start.
    Error,
}

/// keepalived's class of an error, from which `-t` makes its exit code.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// No error to keepalived, which says nothing of it under `-t`: exit code 0.
    #[default]
    Harmless,
    /// No error to keepalived, and said under `-t` too: exit code 0.
    Told,
    /// A file or an interface that is not there, a value that makes running impossible: 4.
    Unusable,
    /// Any ordinary error or warning: 5.
    Config,
    /// Scripts without `enable_script_security`, a failing `includer`: 6.
    Security,
}

impl Class {
    /// The exit code of `-t` when this is the highest class met (keepalived: config_err_t).
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Harmless | Self::Told => 0,
            Self::Unusable => 4,
            Self::Config => 5,
            Self::Security => 6,
        }
    }
}

/// What a diagnostic means for the daemon, beyond being printed.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consequence {
    /// The configuration runs without what the line meant.
    #[default]
    GoesOn,
    /// keepalived's checker process stops reading, and takes the daemon down: exit code 2 under `-t`. VRRP
    /// is not concerned, and runs.
    StopsCheckers,
    /// keepalived's VRRP process exits with 2 and takes the daemon down; `-t` has its class's code.
    Refused,
    /// keepalived stops reading at once: exit code 2, under `-t` too.
    StopsReading,
    /// There is no configuration to read: run mode exits with 6.
    NothingToRun,
}

/// Which of keepalived's processes would have said it: that decides how it names the place.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Speaker {
    /// A child, while reading: `(FILE: Line N) `.
    #[default]
    Child,
    /// The parent, while reading: `(Line N) ` in the file that `-f` names.
    Parent,
    /// Whoever completes the configuration: no place at all.
    Completion,
}

/// An edit that mends a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suggestion {
    /// What is replaced; empty where something is put in.
    pub span: Span,
    /// By what.
    pub replacement: String,
    /// What has to stand at the span, so that the edit can be made without looking.
    instead_of: String,
}

/// One thing to say about a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Stable, kebab-case: what people silence and search for.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// keepalived's class.
    pub class: Class,
    /// What follows for the daemon.
    pub consequence: Consequence,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// The place; `None` for what belongs to no line (a missing file).
    pub span: Option<Span>,
    /// What to write under the place.
    pub label: Option<String>,
    /// Other places that matter, with their labels.
    pub related: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
    /// What keepalived does with the line, where that is not what its author meant.
    pub keepalived: Option<String>,
    /// How to mend it, where that is one edit.
    pub suggestion: Option<Suggestion>,
    classic: Vec<String>,
    /// Where keepalived's reader stood when it said so, if not at `span`.
    classic_span: Option<Span>,
    speaker: Speaker,
    echo: bool,
}

impl Diagnostic {
    fn new(id: &'static str, severity: Severity, class: Class, span: Option<Span>, message: String) -> Self {
        Self {
            id,
            severity,
            class,
            consequence: Consequence::GoesOn,
            message,
            span,
            label: None,
            related: Vec::new(),
            help: None,
            keepalived: None,
            suggestion: None,
            classic: Vec::new(),
            classic_span: None,
            speaker: Speaker::Child,
            echo: false,
        }
    }

    /// Something is lost, or nothing runs.
    pub fn error(id: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Error, Class::Config, span.into(), message.into())
    }

    /// Something does not do what it says.
    pub fn warning(id: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Warning, Class::Config, span.into(), message.into())
    }

    /// Nothing is wrong to keepalived.
    pub fn note(id: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Note, Class::Harmless, span.into(), message.into())
    }

    /// A line of keepalived's own words for it; may be called again for a second line.
    #[must_use]
    pub fn classic(mut self, text: impl Into<String>) -> Self {
        self.classic.push(text.into());
        self
    }

    /// keepalived has one line for it here, and it is this.
    #[must_use]
    pub fn in_other_words(mut self, text: impl Into<String>) -> Self {
        self.classic = vec![text.into()];
        self
    }

    /// keepalived says it at the end of the block, and names that line; at the end of the file it names none.
    #[must_use]
    pub fn said_at(mut self, span: Option<Span>) -> Self {
        self.classic_span = span;
        if span.is_none() {
            self.speaker = Speaker::Completion;
        }
        self
    }

    /// keepalived's parent reads this part of the file.
    #[must_use]
    pub fn by_parent(mut self) -> Self {
        self.speaker = Speaker::Parent;
        self
    }

    /// One of keepalived's processes says it because of something that is told already.
    #[must_use]
    pub(super) fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Whether it follows from what is told already: people need not read it, who mends that mends this.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        self.echo
    }

    /// Whether keepalived's parent says it, before any other process reads the file.
    pub(super) fn is_by_parent(&self) -> bool {
        self.speaker == Speaker::Parent
    }

    /// keepalived says it when the whole file is read, and names no line.
    #[must_use]
    pub fn at_completion(mut self) -> Self {
        self.speaker = Speaker::Completion;
        self
    }

    /// Sets keepalived's class.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Sets what follows.
    #[must_use]
    pub fn consequence(mut self, consequence: Consequence) -> Self {
        self.consequence = consequence;
        self
    }

    /// Sets what is written under the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Sets what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets what keepalived makes of it.
    #[must_use]
    pub fn keepalived(mut self, note: impl Into<String>) -> Self {
        self.keepalived = Some(note.into());
        self
    }

    /// Sets the edit that mends it: another text in the place of a word. A word that may be (part of) a
    /// password is left alone.
    #[must_use]
    pub fn write_instead(mut self, word: &Word, replacement: impl Into<String>) -> Self {
        if word.secret.is_none() && !word.quoted {
            let (span, instead_of) = (word.span, word.text.clone());
            self.suggestion = Some(Suggestion { span, replacement: replacement.into(), instead_of });
        }
        self
    }

    /// Sets the edit that mends it: another text in the place of what stands at a span, as it is written.
    #[must_use]
    pub fn replace(mut self, span: Span, written: impl Into<String>, replacement: impl Into<String>) -> Self {
        let (instead_of, replacement) = (written.into(), replacement.into());
        self.suggestion = Some(Suggestion { span, replacement, instead_of });
        self
    }

    /// Sets the edit that mends it: a text put in at a place.
    #[must_use]
    pub fn insert(mut self, at: Span, text: impl Into<String>) -> Self {
        let span = Span { end: at.start, ..at };
        self.suggestion = Some(Suggestion { span, replacement: text.into(), instead_of: String::new() });
        self
    }

    /// Asks whether one of these was meant, if the word is near to it; without that, `else_help` says what
    /// can be written.
    #[must_use]
    pub fn meant<'c>(
        self,
        word: &Word,
        candidates: impl IntoIterator<Item = &'c str>,
        else_help: impl Into<String>,
    ) -> Self {
        match suggest::spelling(word.as_str(), candidates).filter(|_| word.secret.is_none()) {
            Some(near) => self.help(format!("did you mean `{near}`?")).write_instead(word, near),
            None => {
                let help = else_help.into();
                if help.is_empty() { self } else { self.help(help) }
            }
        }
    }

    /// The edit that mends it, where the text is written: in the line of a definition, if it came out of one
    /// and stands there once. `None` if it cannot be made without looking.
    #[must_use]
    pub fn edit(&self, sources: &SourceMap) -> Option<Suggestion> {
        let edit = self.suggestion.as_ref()?;
        let Some(line) = sources.definition_line(edit.span) else {
            return (sources.text(edit.span) == edit.instead_of).then(|| edit.clone());
        };
        let text = sources.text(line);
        let is_word = |at: usize| {
            let apart = |c: Option<char>| c.is_none_or(char::is_whitespace);
            apart(text[..at].chars().next_back()) && apart(text[at + edit.instead_of.len()..].chars().next())
        };
        let mut places =
            text.match_indices(edit.instead_of.as_str()).map(|(at, _)| at).filter(|at| is_word(*at));
        let at = places.next().filter(|_| !edit.instead_of.is_empty() && line.frame.is_none())?;
        let start = line.range().start + at;
        let span = Span::new(line.file, start, start + edit.instead_of.len());
        places.next().is_none().then(|| Suggestion { span, ..edit.clone() })
    }

    /// Whether keepalived would not run with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self.consequence, Consequence::GoesOn | Consequence::StopsCheckers)
    }

    /// What keepalived says about it under `-t`, a line each: `(FILE: Line N) text`, `(Line N) text` or `text`;
    /// nothing where it does not mind.
    #[must_use]
    pub fn keepaliveds_lines(&self, sources: &SourceMap) -> Vec<String> {
        match self.classic.is_empty() || self.class == Class::Harmless {
            true => Vec::new(),
            false => self.classic_lines(sources),
        }
    }

    /// The same for the log, with a line of ours where keepalived does not mind.
    #[must_use]
    pub fn classic_lines(&self, sources: &SourceMap) -> Vec<String> {
        let own = [self.message.clone()];
        let texts = if self.classic.is_empty() { &own[..] } else { &self.classic };
        let place = match self.classic_span.or(self.span) {
            Some(span) if self.speaker != Speaker::Completion => {
                let line = sources.position(span).0;
                let file = sources.file(span.file);
                if self.speaker == Speaker::Parent && file.included_from.is_none() {
                    format!("(Line {line}) ")
                } else {
                    format!("({}: Line {line}) ", file.name.display())
                }
            }
            _ => String::new(),
        };
        texts.iter().map(|text| format!("{place}{text}")).collect()
    }
}

/// What a stage has to say, up to a bound: a repetition can make the same mistake a million times.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    told: Vec<Diagnostic>,
    /// The worst of those for which there was no room: the verdict must not depend on it.
    untold: Option<Box<Diagnostic>>,
}

/// Nobody reads more, and each takes half a kilobyte.
const MOST_TOLD: usize = 10_000;

impl Diagnostics {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if self.told.len() < MOST_TOLD {
            self.told.push(diagnostic);
            return;
        }
        let weight = |d: &Diagnostic| (d.consequence, d.class);
        if self.untold.as_deref().is_none_or(|worst| weight(worst) < weight(&diagnostic)) {
            self.untold = Some(Box::new(diagnostic));
        }
    }

    /// Whether there is no room for more: help is not worth looking for.
    pub(super) fn is_full(&self) -> bool {
        self.told.len() >= MOST_TOLD
    }

    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        more.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Another of keepalived's processes says the same of the same place, and perhaps more.
    pub(super) fn also_said(&mut self, n: usize, other: &Diagnostic) {
        let own = &mut self.told[n].classic;
        let more: Vec<String> = other.classic.iter().filter(|text| !own.contains(text)).cloned().collect();
        own.extend(more);
    }

    /// All of them, and that there were more.
    pub(super) fn into_vec(self) -> Vec<Diagnostic> {
        let mut all = self.told;
        if let Some(worst) = self.untold {
            let message = format!("there are more than {MOST_TOLD} problems: the rest is not told");
            all.push(Diagnostic::note("more-problems", worst.span, message));
            all.push(*worst);
        }
        all
    }
}

impl std::ops::Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> (SourceMap, Span) {
        let mut map = SourceMap::default();
        let id = map.add("/etc/keepalived/keepalived.conf".into(), text.into(), None);
        (map, Span::new(id, 0, 0))
    }

    /// oracle: by hand, after the example in the design.
    #[test]
    fn an_excerpt_names_place_help_and_what_keepalived_does() {
        let (map, at) = sources("a\n         auth_typePASS\n");
        let span = Span::new(at.file, 11, 24);
        let text = Diagnostic::warning("unknown-keyword", span, "`auth_typePASS` is not a keyword")
            .label("a space is missing")
            .help("write `auth_type PASS`")
            .keepalived("ignores this line")
            .render(&map, false);
        let expected = "\
warning[unknown-keyword]: `auth_typePASS` is not a keyword
 --> /etc/keepalived/keepalived.conf:2:10
  |
2 |          auth_typePASS
  |          ^^^^^^^^^^^^^ a space is missing
  |
  = help: write `auth_type PASS`
  = keepalived: ignores this line";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_password_is_in_no_form_of_a_diagnostic() {
        let (map, at) = sources("  auth_pass hunter2hunter2 # hunter3\n");
        let span = Span::new(at.file, 12, 26);
        let shown = Diagnostic::warning("auth-pass-truncated", span, "long").render(&map, true);
        assert!(!shown.contains("hunter"), "{shown}");
    }

    /// oracle: keepalived 2.2.7 under `-t`.
    #[test]
    fn the_classic_form_names_the_file_as_the_process_that_speaks_would() {
        let (map, at) = sources("x\ny\n");
        let span = Span::new(at.file, 2, 3);
        let parent = Diagnostic::warning("x", span, "m").classic("Unknown keyword 'y'").by_parent();
        assert_eq!(parent.classic_lines(&map), ["(Line 2) Unknown keyword 'y'"]);
        let child = Diagnostic::warning("x", span, "m").classic("t");
        assert_eq!(child.classic_lines(&map), ["(/etc/keepalived/keepalived.conf: Line 2) t"]);
        let end = Diagnostic::warning("x", span, "m").classic("(V) t").at_completion();
        assert_eq!(end.classic_lines(&map), ["(V) t"]);
    }

    #[test]
    fn a_flood_is_cut_off_and_keeps_its_verdict() {
        let (_, at) = sources("x");
        let mut all = Diagnostics::default();
        all.extend((0..MOST_TOLD + 5).map(|_| Diagnostic::note("a", at, "a")));
        all.push(Diagnostic::error("b", at, "b").consequence(Consequence::Refused));
        all.push(Diagnostic::error("c", at, "c"));
        let all = all.into_vec();
        assert_eq!(all.len(), MOST_TOLD + 2);
        assert_eq!(all.last().map(|d| d.id), Some("b"));
    }

    #[test]
    fn marks_at_the_end_of_a_line_or_file_do_not_panic() {
        let (map, at) = sources("é{");
        for (start, end) in [(0, 1), (1, 2), (3, 3), (3, 900), (2, 3)] {
            let _ = Diagnostic::error("x", Span::new(at.file, start, end), "m").render(&map, false);
        }
    }
}
