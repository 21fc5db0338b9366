//! The excerpt form of a diagnostic: the place underlined in its line, with passwords starred out.

use super::{Diagnostic, Severity};
use crate::config::lexer::secret_start;
use crate::config::source::{FileId, SourceMap, Span};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::ops::{Range, RangeInclusive};

impl Diagnostic {
    /// The excerpt form, with passwords masked. Ends without a newline.
    #[must_use]
    pub fn render(&self, sources: &SourceMap, colour: bool) -> String {
        self.render_once(sources, colour, 0)
    }

    /// The same, for one that is said again of so many further rounds of a repetition.
    #[must_use]
    pub fn render_once(&self, sources: &SourceMap, colour: bool, again: usize) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let excerpts = self.excerpts(sources);
        let mut group =
            level.primary_title(self.message.as_str()).id(self.id).elements(excerpts.iter().map(|excerpt| {
                let annotations = excerpt.marks.iter().map(|mark| {
                    let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                    kind.span(mark.range.clone()).label(mark.label.as_deref())
                });
                Snippet::source(excerpt.text.as_str())
                    .path(excerpt.path.as_str())
                    .line_start(excerpt.first_line)
                    .annotations(annotations)
            }));
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        if let Some(note) = &self.keepalived {
            group = group.element(Level::NOTE.with_name("keepalived").message(note.as_str()));
        }
        let way = self.span.map(|span| sources.way(span)).unwrap_or_default();
        group = group.elements(way.iter().map(|step| Level::NOTE.message(step.to_string())));
        if again > 0 {
            let times = if again == 1 { "one more time" } else { &format!("{again} more times") };
            group =
                group.element(Level::NOTE.message(format!("and so {times}, where this line is used again")));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// What is shown of each file: the lines of all places in it, or several parts of it where they are far
    /// apart. The file of the diagnostic's own place comes first.
    fn excerpts(&self, sources: &SourceMap) -> Vec<Excerpt> {
        let primary = self.span.map(|span| (span, self.label.clone(), true));
        let related = self.related.iter().map(|(span, label)| (*span, Some(label.clone()), false));
        let definition = self.span.and_then(|span| sources.definition_line(span));
        let definition = definition.map(|span| (span, Some("it is written here".to_owned()), false));
        let places: Vec<_> = primary.into_iter().chain(definition).chain(related).collect();
        let mut parts: Vec<Part> = Vec::new();
        for (span, ..) in &places {
            let line = sources.file(span.file).line(span.start as usize);
            match parts.iter_mut().find(|part| part.file == span.file && part.is_near(line)) {
                Some(part) => part.lines = line.min(*part.lines.start())..=line.max(*part.lines.end()),
                None => parts.push(Part { file: span.file, lines: line..=line }),
            }
        }
        let mut excerpts: Vec<Excerpt> = parts.iter().map(|part| Excerpt::of(sources, part)).collect();
        for (span, label, primary) in places {
            let line = sources.file(span.file).line(span.start as usize);
            if let Some(excerpt) = excerpts.iter_mut().find(|excerpt| excerpt.covers(span.file, line)) {
                excerpt.mark(span, line, label, primary);
            }
        }
        excerpts
    }
}

/// Lines of a file that are shown together.
struct Part {
    file: FileId,
    lines: RangeInclusive<usize>,
}

/// How far apart two places may be to be shown together; what lies between is left out.
const NEAR: usize = 100;

impl Part {
    fn is_near(&self, line: usize) -> bool {
        line + NEAR >= *self.lines.start() && line <= *self.lines.end() + NEAR
    }
}

/// Lines of a file with what is to be underlined in them.
struct Excerpt {
    path: String,
    file: FileId,
    first_line: usize,
    text: String,
    lines: Vec<Shown>,
    marks: Vec<Mark>,
}

/// A line of an excerpt.
struct Shown {
    /// Its first byte in the file.
    in_file: usize,
    /// Its bytes in the excerpt.
    in_text: Range<usize>,
}

struct Mark {
    range: Range<usize>,
    label: Option<String>,
    primary: bool,
}

/// Longer lines are cut: nobody reads 10 MB.
const EXCERPT_BYTES: usize = 400;

impl Excerpt {
    fn of(sources: &SourceMap, part: &Part) -> Self {
        let file = sources.file(part.file);
        let (mut text, mut lines) = (String::new(), Vec::new());
        for number in part.lines.clone() {
            let range = file.line_range(number);
            let line = shown(sources, part.file, range.clone());
            lines.push(Shown { in_file: range.start, in_text: text.len()..text.len() + line.len() });
            text += &line;
            if number != *part.lines.end() {
                text.push('\n');
            }
        }
        let path = file.path.display().to_string();
        Self { path, file: part.file, first_line: *part.lines.start(), text, lines, marks: Vec::new() }
    }

    fn covers(&self, file: FileId, line: usize) -> bool {
        self.file == file && (self.first_line..self.first_line + self.lines.len()).contains(&line)
    }

    fn mark(&mut self, span: Span, line: usize, label: Option<String>, primary: bool) {
        let Shown { in_file, in_text } = &self.lines[line - self.first_line];
        let place = |offset: usize| in_text.start + offset.saturating_sub(*in_file).min(in_text.len());
        let start = floor_boundary(&self.text, place(span.range().start));
        let end = floor_boundary(&self.text, place(span.range().end)).max(start);
        self.marks.push(Mark { range: start..end, label, primary });
    }
}

/// A line as it is shown: with its secrets starred out, and not too long.
fn shown(sources: &SourceMap, file: FileId, range: Range<usize>) -> String {
    let mut text = masked(&sources.file(file).text()[range.clone()]);
    for secret in sources.masked(file).filter(|secret| secret.start < range.end && secret.end > range.start) {
        text = starred(
            &text,
            secret.start.max(range.start) - range.start..secret.end.min(range.end) - range.start,
        );
    }
    text.truncate(floor_boundary(&text, EXCERPT_BYTES.min(text.len())));
    text
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The line with everything behind `auth_pass` starred out, byte for byte, so that columns stay.
fn masked(line: &str) -> String {
    match secret_start(line) {
        Some(from) => starred(line, from..line.len()),
        None => line.to_owned(),
    }
}

fn starred(line: &str, secret: Range<usize>) -> String {
    let mut text = String::with_capacity(line.len());
    for (at, c) in line.char_indices() {
        if !secret.contains(&at) || c.is_whitespace() || matches!(c, '{' | '}') {
            text.push(c);
        } else {
            text.extend(std::iter::repeat_n('*', c.len_utf8()));
        }
    }
    text
}
