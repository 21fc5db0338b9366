//! Files to logical lines: includes followed, comments gone, braces split off.
//!
//! keepalived's grammar is one of lines. A [`Line`] is what its parser sees at a time: words up to a
//! brace, or a brace alone. Substitution (`$NAME`), conditions (`@ID`) and repetition (`~SEQ`) work
//! on the text of a physical line before it is cut up; [`Reader::text_line`] is their place.

use super::diagnostic::{Class, Consequence, Diagnostic};
use super::glob;
use super::lexer::{self, Token, Word};
use super::source::{FileId, FileSource, ReadError, SourceMap, Span, relative_to};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the parser sees at a time.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// At least one word.
    Words {
        /// The words.
        words: Vec<Word>,
        /// Words behind a lonely `"` were lost: that an argument is missing has been said.
        broken: bool,
    },
    /// `{`
    Open(Span),
    /// `}`
    Close(Span),
}

/// keepalived's line buffer holds this many bytes without the line end.
const LONGEST_LINE: usize = 1022;
/// Files within files; keepalived ends at its limit of open files.
const DEEPEST_INCLUDE: usize = 32;
/// All files of a configuration together, so that includes of includes cannot multiply for ever.
const MOST_FILES: usize = 2048;

/// Reads one configuration.
pub(super) struct Reader<'a> {
    files: &'a dyn FileSource,
    pub(super) sources: SourceMap,
    pub(super) lines: Vec<Line>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The files being read, outermost first.
    open: Vec<PathBuf>,
    /// Names given by `$NAME=`.
    definitions: BTreeSet<String>,
    /// A `$NAME=` line ended in a backslash: its value goes on.
    in_definition: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a dyn FileSource) -> Self {
        Self {
            files,
            sources: SourceMap::default(),
            lines: Vec::new(),
            diagnostics: Vec::new(),
            open: Vec::new(),
            definitions: BTreeSet::new(),
            in_definition: false,
        }
    }

    /// Reads the file that `-f` names, and all that it includes.
    pub(super) fn read_main(&mut self, path: &Path) {
        match self.files.read(path) {
            Ok(bytes) => self.file(path.to_owned(), bytes, None),
            Err(error) => self.diagnostics.push(unreadable_main(path, &error)),
        }
    }

    fn file(&mut self, path: PathBuf, bytes: Vec<u8>, included_from: Option<Span>) {
        let id = self.sources.add(path.clone(), bytes, included_from);
        self.open.push(path);
        for number in 1..=self.sources.file(id).line_count() {
            let range = self.sources.file(id).line_range(number);
            let (start, text) = (range.start, self.sources.file(id).text()[range].to_owned());
            self.text_line(id, start, &text);
        }
        self.open.pop();
    }

    fn text_line(&mut self, file: FileId, start: usize, text: &str) {
        let whole = Span::new(file, start, start + text.len());
        let code = text[..lexer::comment_start(text)].trim();
        if std::mem::take(&mut self.in_definition) {
            self.in_definition = code.ends_with('\\');
            return;
        }
        if code.is_empty() {
            return;
        }
        if text.contains('\0') {
            let problem = Diagnostic::error("nul-byte", whole, "a line with NUL bytes in it is no text")
                .classic("configuration appears to have embedded NULs - ignoring line")
                .label("this line is ignored")
                .keepalived("2.2 cuts the line at the NUL, 2.4 ignores it");
            self.diagnostics.push(problem.by_parent());
            return;
        }
        if code.len() > LONGEST_LINE {
            self.diagnostics.push(too_long(whole, code.len()));
            return;
        }
        if self.unsupported(file, start, text, code) {
            return;
        }
        if let Some(pattern) = include_pattern(code) {
            let indent = text.len() - text.trim_start().len();
            let span = Span::new(file, start + indent, start + indent + code.len());
            self.include(span, pattern);
            return;
        }
        self.cut(file, start, text);
    }

    /// Reports what the next version expands; says whether the line is used up.
    fn unsupported(&mut self, file: FileId, start: usize, text: &str, code: &str) -> bool {
        let indent = text.len() - text.trim_start().len();
        let first = code.find(|c: char| c.is_ascii_whitespace()).unwrap_or(code.len());
        let span = Span::new(file, start + indent, start + indent + first);
        if code.starts_with('@') {
            self.not_yet(span, "a condition (`@ID …`)", "the line is left out on every node");
            return true;
        }
        if code.starts_with("~SEQ") || code.starts_with("~LST") {
            self.not_yet(span, "a repetition (`~SEQ`, `~LST`)", "the line is left out");
            return true;
        }
        if let Some(name) = definition(code) {
            self.not_yet(span, "a definition (`$NAME=…`)", "uses of the name stay as they are written");
            self.definitions.insert(name.to_owned());
            self.in_definition = code.ends_with('\\');
            return true;
        }
        if let Some((name, at)) = self.defined_name_in(code) {
            let span = Span::new(file, start + indent + at, start + indent + at + 1 + name.len());
            self.not_yet(span, "a substitution", "the text stays as it is written");
        }
        false
    }

    fn not_yet(&mut self, span: Span, what: &str, effect: &str) {
        let message = format!("{what} is known, but not yet in this version");
        let problem = Diagnostic::error("not-yet-supported", span, message)
            .label(effect)
            .keepalived("expands it while reading");
        self.diagnostics.push(problem.class(Class::Harmless).by_parent());
    }

    /// A use of a name that this file defines, or of a predefined one, and where in the code it is.
    fn defined_name_in<'t>(&self, code: &'t str) -> Option<(&'t str, usize)> {
        code.match_indices('$').find_map(|(at, _)| {
            let rest = &code[at + 1..];
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..end];
            let predefined = ["_PWD", "_INSTANCE", "_RANDOM", "_HASH", "_BANG", "_ENV"].contains(&name);
            (predefined || self.definitions.contains(name)).then_some((name, at))
        })
    }

    fn include(&mut self, span: Span, pattern: &str) {
        let including = self.open.last().cloned().unwrap_or_default();
        let full = relative_to(&including, pattern);
        let wild = glob::is_pattern(pattern);
        let paths = if wild { self.files.glob(&full.to_string_lossy()) } else { vec![full] };
        if paths.is_empty() {
            let message = format!("no file matches `{pattern}`");
            let problem = Diagnostic::note("include-missing", span, message);
            self.diagnostics.push(problem.classic(format!("Config files missing '{pattern}'.")).by_parent());
        }
        for path in paths {
            self.include_file(span, pattern, path);
        }
    }

    fn include_file(&mut self, span: Span, pattern: &str, path: PathBuf) {
        let shown = path.display().to_string();
        let refused = if self.open.contains(&path) {
            Some(format!("`{shown}` includes itself"))
        } else if self.open.len() > DEEPEST_INCLUDE {
            Some(format!("includes are nested more than {DEEPEST_INCLUDE} deep"))
        } else if self.sources.files().len() >= MOST_FILES {
            Some(format!("a configuration has at most {MOST_FILES} files"))
        } else {
            None
        };
        if let Some(message) = refused {
            let problem = Diagnostic::error("include-loop", span, message)
                .label("not read again here")
                .keepalived("reads on until it has no file descriptor left");
            self.diagnostics.push(problem.by_parent());
            return;
        }
        match self.files.read(&path) {
            Ok(bytes) => self.file(path, bytes, Some(span)),
            Err(error) => {
                let problem =
                    Diagnostic::warning("include-missing", span, format!("`{shown}` is not read: {error}"))
                        .class(self.include_class(span, pattern, &error))
                        .classic(classic_unreadable(pattern, &path, &error))
                        .keepalived("goes on without it");
                self.diagnostics.push(problem.by_parent());
            }
        }
    }

    /// Plain `include` never fails; `includer` fails for what is there and cannot be read, the others
    /// for what is missing as well.
    fn include_class(&self, span: Span, pattern: &str, error: &ReadError) -> Class {
        let keyword = self.sources.text(span).strip_suffix(pattern).map(str::trim_end);
        match (keyword, error) {
            (Some("include"), _) | (Some("includer"), ReadError::NotFound) => Class::Harmless,
            _ => Class::Security,
        }
    }

    /// Splits a physical line at its braces.
    fn cut(&mut self, file: FileId, start: usize, text: &str) {
        let lexed = lexer::lex(file, start, text);
        if let Some(span) = lexed.unterminated {
            self.diagnostics.push(unterminated(span, &self.sources));
        }
        if let Some(span) = lexed.glued_comment {
            self.diagnostics.push(glued(span, &lexed.tokens));
        }
        let mut words = Vec::new();
        for token in lexed.tokens {
            let brace = match token {
                Token::Word(word) => {
                    words.push(word);
                    continue;
                }
                Token::Open(span) => Line::Open(span),
                Token::Close(span) => Line::Close(span),
            };
            if !words.is_empty() {
                self.lines.push(Line::Words { words: std::mem::take(&mut words), broken: false });
            }
            self.lines.push(brace);
        }
        if !words.is_empty() {
            self.lines.push(Line::Words { words, broken: lexed.unterminated.is_some() });
        }
    }
}

/// The pattern of an `include` line and its stricter relatives: the rest of the line as it stands.
fn include_pattern(code: &str) -> Option<&str> {
    let (word, rest) = code.split_once(|c: char| c.is_ascii_whitespace())?;
    let known = ["include", "includer", "includem", "includew", "includeb", "includea"].contains(&word);
    known.then(|| rest.trim()).filter(|pattern| !pattern.is_empty())
}

/// The name that a `$NAME=VALUE` line defines.
fn definition(code: &str) -> Option<&str> {
    let (name, _) = code.strip_prefix('$')?.split_once('=')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest_is_fine = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (starts_well && rest_is_fine).then_some(name)
}

fn too_long(span: Span, bytes: usize) -> Diagnostic {
    Diagnostic::error(
        "line-too-long",
        span,
        format!("a line of {bytes} bytes is too long: {LONGEST_LINE} at most"),
    )
    .classic("line too long - ignoring")
    .label("this line is ignored")
    .keepalived("2.2 goes on after 1022 bytes as if a new line began, 2.4 ignores the first part")
    .by_parent()
}

fn unterminated(span: Span, sources: &SourceMap) -> Diagnostic {
    let line = sources.file(span.file).line(span.start as usize);
    let text = &sources.file(span.file).text()[sources.file(span.file).line_range(line)];
    let shown = if lexer::secret_start(text).is_some() { "********" } else { text.trim() };
    Diagnostic::error("unterminated-quote", span, "a double quote is never closed")
        .classic(format!("Unterminated quote '{shown}'"))
        .classic(format!("Unmatched quote: '{shown}'"))
        .label("ignored up to the end of the line")
        .help("quotes close on the line where they open; there is no way to write a double quote inside them")
}

fn glued(span: Span, tokens: &[Token]) -> Diagnostic {
    let problem = Diagnostic::note("comment-in-word", span, "a comment starts in the middle of a word")
        .label("from here on it is a comment");
    match tokens.last() {
        Some(Token::Word(word)) => problem.help(format!(
            "the value is `{word}`; put a blank before the comment, or quote the value if it goes on"
        )),
        _ => problem,
    }
}

fn classic_unreadable(pattern: &str, path: &Path, error: &ReadError) -> String {
    let path = path.display();
    match error {
        ReadError::NotFound => format!("Config files missing '{pattern}'."),
        ReadError::Directory => format!("Configuration file '{path}/' is a directory - skipping"),
        ReadError::NotPlain => {
            format!("Configuration file '{path}' is not a regular non-executable file - skipping")
        }
        ReadError::TooLarge(_) | ReadError::Other(_) => {
            format!("Configuration file '{path}' open problem ({error}) - skipping")
        }
    }
}

fn unreadable_main(path: &Path, error: &ReadError) -> Diagnostic {
    let shown = path.display();
    Diagnostic::error("no-configuration", None, format!("cannot read the configuration `{shown}`: {error}"))
        .classic(classic_unreadable(&shown.to_string(), path, error))
        .class(Class::Unusable)
        .consequence(Consequence::NothingToRun)
        .help("name the file with `-f FILE`")
        .keepalived("exits 6 when started so, but 0 under `-t`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::MemoryFiles;

    fn read(files: &MemoryFiles) -> (Vec<String>, Vec<&'static str>) {
        let mut reader = Reader::new(files);
        reader.read_main(Path::new("/k.conf"));
        let shape = |line: &Line| match line {
            Line::Words { words, .. } => words.iter().map(Word::as_str).collect::<Vec<_>>().join(" "),
            Line::Open(_) => "{".to_owned(),
            Line::Close(_) => "}".to_owned(),
        };
        (reader.lines.iter().map(shape).collect(), reader.diagnostics.iter().map(|d| d.id).collect())
    }

    #[test]
    fn braces_split_a_physical_line_into_logical_ones() {
        let (lines, problems) = read(&MemoryFiles::single("/k.conf", "a {b c} d\r\n\n# x {\n}}"));
        assert_eq!(lines, ["a", "{", "b c", "}", "d", "}", "}"]);
        assert!(problems.is_empty());
    }

    #[test]
    fn an_include_stands_for_its_files_in_order_and_from_the_including_directory() {
        let files = MemoryFiles::single("/k.conf", "a\ninclude d/*.conf\nz")
            .with("/d/2.conf", "two")
            .with("/d/1.conf", "include x/y")
            .with("/d/x/y", "one");
        let (lines, problems) = read(&files);
        assert_eq!(lines, ["a", "one", "two", "z"]);
        assert!(problems.is_empty());
    }

    #[test]
    fn a_file_that_includes_itself_is_read_once() {
        let files =
            MemoryFiles::single("/k.conf", "a\ninclude b").with("/b", "include k.conf\ninclude ./b\nb");
        assert_eq!(read(&files), (vec!["a".into(), "b".into()], vec!["include-loop", "include-loop"]));
    }

    #[test]
    fn includes_cannot_multiply_for_ever() {
        let mut files = MemoryFiles::single("/k.conf", "include 0\ninclude 0");
        for n in 0..40 {
            files = files.with(&format!("/{n}"), format!("include {}\ninclude {}", n + 1, n + 1));
        }
        let mut reader = Reader::new(&files);
        reader.read_main(Path::new("/k.conf"));
        assert!(reader.sources.files().len() <= MOST_FILES);
        assert!(reader.diagnostics.iter().any(|d| d.id == "include-loop"));
    }

    #[test]
    fn nul_bytes_and_endless_lines_cost_their_line_alone() {
        let long = "x".repeat(10_000_000);
        let (lines, problems) = read(&MemoryFiles::single("/k.conf", format!("a\nb\0c\n{long}\nd # {long}")));
        assert_eq!(lines, ["a", "d"]);
        assert_eq!(problems, ["nul-byte", "line-too-long"]);
    }

    #[test]
    fn what_the_next_version_expands_is_known_by_name() {
        let text = "@a b\n~SEQ(X,1,3) c\n$IF=eth0 \\\n more\ninterface $IF\nrouter_id $x";
        let (lines, problems) = read(&MemoryFiles::single("/k.conf", text));
        assert_eq!(lines, ["interface $IF", "router_id $x"]);
        assert_eq!(problems, ["not-yet-supported"; 4]);
    }
}
