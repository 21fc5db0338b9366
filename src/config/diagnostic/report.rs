//! Diagnostics for programs: one JSON document for editors and continuous integration, and the annotations of
//! GitHub's workflows.
//!
//! The fields are an interface, described in `docs/DIAGNOSTICS.md`: they are added to, and none changes its
//! meaning while `version` stays.

use super::{Consequence, Diagnostic, Severity};
use crate::config::source::{SourceMap, Span, Step};
use serde::Serialize;
use std::fmt::Write as _;

/// All there is to say about a configuration.
#[derive(Debug, Serialize)]
pub struct Report<'d> {
    /// Of the form of this document: 1.
    version: u8,
    /// The exit code of `-t`.
    exit_code: u8,
    /// Whether a daemon starts with it.
    starts: bool,
    /// Every file that was read, in that order.
    files: Vec<String>,
    /// In the order of the files.
    diagnostics: Vec<Entry<'d>>,
}

/// A diagnostic.
#[derive(Debug, Serialize)]
struct Entry<'d> {
    id: &'static str,
    severity: Severity,
    message: &'d str,
    #[serde(flatten)]
    place: Option<Place>,
    label: Option<&'d str>,
    help: Option<&'d str>,
    /// What keepalived makes of the line.
    keepalived: Option<&'d str>,
    /// keepalived's own lines.
    classic: Vec<String>,
    consequence: Consequence,
    related: Vec<Related<'d>>,
    suggestion: Option<Edit>,
    /// How the text came to stand there, innermost step first.
    origin: Vec<Step>,
}

/// Lines and columns count from 1, columns in characters; the end is behind the last character.
#[derive(Clone, Debug, Serialize)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
struct Related<'d> {
    #[serde(flatten)]
    place: Place,
    label: &'d str,
}

/// An edit that can be made without looking.
#[derive(Debug, Serialize)]
struct Edit {
    #[serde(flatten)]
    place: Place,
    replacement: String,
}

impl Place {
    fn of(sources: &SourceMap, span: Span) -> Self {
        let file = sources.file(span.file);
        let (line, column) = sources.position(span);
        let end = span.range().end.max(span.range().start);
        // The end of a span that reaches to the end of a line belongs to that line, not to the next.
        let last = end.saturating_sub(1).max(span.range().start);
        let end_line = file.line(last);
        let end_column = if end == span.range().start { column } else { file.column(last) + 1 };
        Self { file: file.path.display().to_string(), line, column, end_line, end_column }
    }
}

impl<'d> Report<'d> {
    /// A report of what was found.
    #[must_use]
    pub fn new(diagnostics: &'d [Diagnostic], sources: &SourceMap, starts: bool, exit_code: u8) -> Self {
        Self {
            version: 1,
            exit_code,
            starts,
            files: sources.files().map(|file| file.path.display().to_string()).collect(),
            diagnostics: diagnostics.iter().map(|diagnostic| Entry::new(diagnostic, sources)).collect(),
        }
    }

    /// As JSON, with a line end.
    #[must_use]
    pub fn json(&self) -> String {
        // Strings and numbers: there is nothing that JSON cannot hold.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl<'d> Entry<'d> {
    fn new(diagnostic: &'d Diagnostic, sources: &SourceMap) -> Self {
        let place = |span: Span| Place::of(sources, span);
        let related = diagnostic.related.iter();
        Self {
            id: diagnostic.id,
            severity: diagnostic.severity,
            message: &diagnostic.message,
            place: diagnostic.span.map(place),
            label: diagnostic.label.as_deref(),
            help: diagnostic.help.as_deref(),
            keepalived: diagnostic.keepalived.as_deref(),
            classic: diagnostic.keepaliveds_lines(sources),
            consequence: diagnostic.consequence,
            related: related.map(|(span, label)| Related { place: place(*span), label }).collect(),
            suggestion: diagnostic
                .edit(sources)
                .map(|edit| Edit { place: place(edit.span), replacement: edit.replacement }),
            origin: diagnostic.span.map(|span| sources.way(span)).unwrap_or_default(),
        }
    }
}

/// The annotations that GitHub's workflows show beside the lines of a change: one line for each diagnostic.
#[must_use]
pub fn github<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>, sources: &SourceMap) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.into_iter().filter(|diagnostic| !diagnostic.is_echo()) {
        let kind = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let place = diagnostic.span.map(|span| {
            let Place { file, line, column, end_line, end_column } = Place::of(sources, span);
            let file = property(&file);
            format!("file={file},line={line},col={column},endLine={end_line},endColumn={end_column},")
        });
        let more = [&diagnostic.label, &diagnostic.help].into_iter().flatten();
        let note = diagnostic.keepalived.iter().map(|note| format!("keepalived: {note}"));
        let message = [diagnostic.message.clone()].into_iter().chain(more.cloned()).chain(note);
        let message: Vec<String> = message.map(|line| data(&line)).collect();
        let (place, id) = (place.unwrap_or_default(), diagnostic.id);
        let _ = writeln!(text, "::{kind} {place}title={id}::{}", message.join("%0A"));
    }
    text
}

/// The text of an annotation.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of one of its properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Anywhere;
    use crate::config::source::MemoryFiles;
    use crate::config::{Loaded, load};
    use serde_json::{Value, json};
    use std::path::Path;

    fn loaded(text: &str) -> Loaded {
        load(Path::new("a,b.conf"), &MemoryFiles::single("a,b.conf", text), &Anywhere)
    }

    /// oracle: by hand, as docs/DIAGNOSTICS.md describes the fields
    #[test]
    fn a_report_has_places_edits_and_the_way_of_the_text() {
        let loaded = loaded("# é\nglobal_defs {\n é vrp_version 3\n vrp_version 3\n}\n");
        let report: Value =
            serde_json::from_str(&Report::new(&loaded.diagnostics, &loaded.sources, true, 5).json()).unwrap();
        assert_eq!(report["files"], json!(["a,b.conf"]));
        assert_eq!(
            (&report["version"], &report["exit_code"], &report["starts"]),
            (&json!(1), &json!(5), &json!(true))
        );
        let entry = &report["diagnostics"][1];
        for (key, value) in [
            ("id", json!("unknown-keyword")),
            ("severity", json!("error")),
            ("consequence", json!("goes-on")),
            ("file", json!("a,b.conf")),
            ("line", json!(4)),
            ("column", json!(2)),
            ("end_line", json!(4)),
            ("end_column", json!(13)),
            ("classic", json!(["(Line 4) Unknown keyword 'vrp_version'"])),
            (
                "suggestion",
                json!({"file": "a,b.conf", "line": 4, "column": 2, "end_line": 4, "end_column": 13,
                       "replacement": "vrrp_version"}),
            ),
            ("origin", json!([])),
        ] {
            assert_eq!(entry[key], value, "{key} of {entry}");
        }
    }

    #[test]
    fn what_came_out_of_a_definition_has_a_way_and_is_edited_where_it_is_written() {
        let loaded = loaded("$X=vrp_version 3\nglobal_defs {\n $X\n ~SEQ(N,1,1) vrp_version 3\n}\n");
        let report: Value =
            serde_json::from_str(&Report::new(&loaded.diagnostics, &loaded.sources, true, 5).json()).unwrap();
        let [first, second] = &report["diagnostics"].as_array().unwrap()[..] else { panic!("{report}") };
        let edit = &first["suggestion"];
        assert_eq!((&edit["line"], &edit["column"], &first["line"]), (&json!(1), &json!(4), &json!(3)));
        assert_eq!(
            first["origin"],
            json!([{"kind": "definition", "name": "X", "file": "a,b.conf", "line": 1}])
        );
        assert_eq!(second["suggestion"]["column"], json!(14));
        assert_eq!(second["origin"][0]["round"], json!("with N = 1"));
    }

    #[test]
    fn annotations_escape_what_would_end_them() {
        let loaded = loaded("vrrp_instance V {\n priorty 100%\n}\n");
        let text = github(&loaded.diagnostics, &loaded.sources);
        let line = text.lines().find(|line| line.contains("unknown-keyword")).unwrap();
        assert!(line.starts_with(
            "::error file=a%2Cb.conf,line=2,col=2,endLine=2,endColumn=9,title=unknown-keyword::"
        ));
        assert!(
            line.contains(
                "`priorty` is not a keyword of `vrrp_instance`%0Adid you mean `priority 100%25`?%0A"
            )
        );
    }
}
