//! Files to logical lines: includes followed, text expanded, braces split off.
//!
//! keepalived's grammar is one of lines. A [`Line`] is what its parser sees at a time: words up to a
//! brace, or a brace alone. What a physical line means is asked of the
//! [`Expander`](super::expand::Expander) before it is cut up, and again of what stands behind a brace.

use super::diagnostic::{Class, Consequence, Diagnostic, Diagnostics};
use super::environment::Environment;
use super::expand::{Expander, Meaning, Outcome, Place, Repetition, Rest, Stripped, Text, is_blank};
use super::include::{self, Demands, Include};
use super::lexer::{self, Token, Word};
use super::source::{FileId, FileSource, ReadError, SourceMap, Span, relative_to};
use std::path::{Path, PathBuf};

/// What the parser sees at a time.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// At least one word.
    Words {
        /// The words.
        words: Vec<Word>,
        /// The line with a lonely `"` in it: what is behind that is no words, as has been said.
        lost: Option<Box<str>>,
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
    pub(super) diagnostics: Diagnostics,
    /// The files being read, outermost first.
    open: Vec<PathBuf>,
    expander: Expander<'a>,
    /// Expansions within expansions.
    depth: usize,
    /// `include_check`: what every `include` demands.
    checks: Demands,
    /// Open braces.
    blocks: usize,
    /// The outermost open block is `global_defs`.
    in_globals: bool,
    /// A line within a definition that has no text, and whether it looks empty.
    interruption: Option<(Span, bool)>,
    /// The line of the file that is being read, when a quote is left open in it and that has not been said.
    open_quote: Option<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a dyn FileSource, environment: &'a dyn Environment) -> Self {
        Self {
            files,
            sources: SourceMap::default(),
            lines: Vec::new(),
            diagnostics: Diagnostics::default(),
            open: Vec::new(),
            expander: Expander::new(environment),
            depth: 0,
            checks: if environment.all_includes_must_be_there() { Demands::ALL } else { Demands::default() },
            blocks: 0,
            in_globals: false,
            interruption: None,
            open_quote: None,
        }
    }

    /// Reads the file that `-f` names, and all that it includes.
    pub(super) fn read_main(&mut self, path: &Path) {
        match self.files.read(path) {
            Ok(bytes) => {
                self.file(path.to_owned(), path.to_owned(), bytes, None);
                self.expander.end();
            }
            Err(error) => self.diagnostics.push(unreadable_main(path, &error)),
        }
    }

    fn file(&mut self, path: PathBuf, name: PathBuf, bytes: Vec<u8>, included_from: Option<Span>) {
        let size = bytes.len();
        let id = self.sources.add(path.clone(), bytes, included_from);
        self.sources.rename(id, name);
        self.open.push(path);
        let (expander, mut place) = self.place();
        if !expander.spend(size, 0, included_from.unwrap_or(Span::new(id, 0, 0)), &mut place) {
            self.open.pop();
            return;
        }
        for number in 1..=self.sources.file(id).line_count() {
            let range = self.sources.file(id).line_range(number);
            let (start, text) = (range.start, self.sources.file(id).text()[range].to_owned());
            self.text_line(id, start, &text);
        }
        self.open.pop();
    }

    fn text_line(&mut self, file: FileId, start: usize, text: &str) {
        let mut line = Text::written(file, start, text);
        let whole = line.whole();
        let mut stripped = line.strip();
        if let Some(problem) = unreadable_line(whole, text, line.as_str()) {
            self.diagnostics.push(problem);
            self.interruption = None;
            self.expander.end();
            return;
        }
        if let Some(span) = stripped.glued_comment.filter(|_| stripped.escaped.is_none()) {
            self.diagnostics.push(glued(span, line.as_str()));
        }
        if let Some(escaped) = stripped.escaped {
            // keepalived's parent hands the line on without the backslash, and its children read it as any other.
            stripped = Stripped { open_quote: stripped.open_quote, ..line.strip() };
            self.diagnostics.push(escaped_comment(escaped));
        }
        if let Some(backslash) = stripped.comment_backslash.filter(|_| self.expander.defines(&line)) {
            self.diagnostics.push(commented_backslash(backslash));
            line.go_on(backslash);
        }
        self.open_quote = stripped.open_quote.then(|| text.trim_start_matches(is_blank).to_owned());
        match self.expander.in_definition() {
            true => self.definition_line(text, line),
            false => self.line(line),
        }
        if let Some(code) = self.open_quote.take() {
            self.diagnostics.push(unterminated(whole, &code, None).by_parent());
        }
    }

    /// A line of a file within a definition.
    ///
    /// keepalived's parent ends the definition at an empty line alone. In the copy that its children read, a
    /// line of a comment or of blanks is empty, too. What looks empty ends it here; a comment does not.
    fn definition_line(&mut self, written: &str, line: Text) {
        if written.is_empty() {
            self.interruption = None;
            return self.expander.end();
        }
        if line.as_str().is_empty() {
            let blank = written.trim_matches(is_blank).is_empty();
            let first = self.interruption.is_none_or(|(_, ends)| blank && !ends);
            if first {
                self.interruption = Some((line.whole(), blank));
            }
            return;
        }
        let Some((span, ends)) = self.interruption.take() else { return self.continue_definition(&line) };
        self.diagnostics.push(interrupted(span, ends));
        match ends {
            true => {
                self.expander.end();
                self.line(line);
            }
            false => self.continue_definition(&line),
        }
    }

    /// A line of text, wherever it came from.
    fn line(&mut self, line: Text) {
        if line.as_str().is_empty() {
            return;
        }
        let (expander, mut place) = self.place();
        let Meaning { first, rest } = expander.meaning(line, &mut place);
        match first {
            Outcome::Nothing => {}
            Outcome::Line(line) => match include::parse(line.as_str()) {
                Some(found) => self.include(&Include::new(found, line.whole(), self.checks)),
                None => self.cut(&line),
            },
            Outcome::Repeat(repetition) => self.repeat(&repetition),
        }
        rest.iter().rev().for_each(|rest| self.rest(rest));
    }

    fn place(&mut self) -> (&mut Expander<'a>, Place<'_>) {
        let file = self.open.last().map_or(Path::new(""), PathBuf::as_path);
        let place = Place { file, sources: &mut self.sources, diagnostics: &mut self.diagnostics };
        (&mut self.expander, place)
    }

    /// The lines of a definition behind its first one.
    fn rest(&mut self, rest: &Rest) {
        if !self.deeper(rest.span()) {
            return;
        }
        for n in rest.lines() {
            let (expander, mut place) = self.place();
            if !expander.goes_on(rest.span(), &mut place) {
                break;
            }
            let line = rest.line(n, &mut place);
            self.one_of_many(line);
        }
        self.depth -= 1;
    }

    fn repeat(&mut self, repetition: &Repetition) {
        if !self.deeper(repetition.span()) {
            return;
        }
        let open_quote = self.open_quote.take();
        for n in 0..repetition.count() {
            let (expander, mut place) = self.place();
            if !expander.goes_on(repetition.span(), &mut place) {
                break;
            }
            let line = expander.round(repetition, n, &mut place);
            self.one_of_many(line);
        }
        self.open_quote = open_quote;
        self.depth -= 1;
    }

    /// A line that an expansion made: it may be a part of a definition as any other.
    fn one_of_many(&mut self, line: Text) {
        match self.expander.in_definition() {
            true if line.as_str().is_empty() => {}
            true => self.continue_definition(&line),
            false => self.line(line),
        }
    }

    fn continue_definition(&mut self, line: &Text) {
        let (expander, mut place) = self.place();
        expander.continue_definition(line, &mut place);
    }

    fn deeper(&mut self, at: Span) -> bool {
        let depth = self.depth;
        let (expander, mut place) = self.place();
        let fits = expander.enter(depth, at, &mut place);
        self.depth += usize::from(fits);
        fits
    }

    fn include(&mut self, include: &Include<'_>) {
        let including = self.open.last().cloned().unwrap_or_default();
        let full = relative_to(&including, include.pattern);
        let (paths, problem) = include.find(&full.to_string_lossy(), self.files);
        self.diagnostics.extend(problem);
        let checks = self.checks;
        for path in paths {
            // keepalived goes to the directory of each file, and names files as seen from there.
            let name = match including.parent().and_then(|directory| path.strip_prefix(directory).ok()) {
                _ if path == full => PathBuf::from(include.pattern),
                Some(name) if Path::new(include.pattern).is_relative() => name.to_owned(),
                _ => path.clone(),
            };
            self.include_file(include, path, name);
            self.checks = checks;
        }
    }

    fn include_file(&mut self, include: &Include<'_>, path: PathBuf, name: PathBuf) {
        let shown = path.display();
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
            let problem = Diagnostic::error("include-loop", include.span, message)
                .label("not read again here")
                .keepalived("reads on until it has no file descriptor left");
            self.diagnostics.push(problem.by_parent());
            return;
        }
        match self.files.read(&path) {
            Ok(bytes) => self.file(path, name, bytes, Some(include.span)),
            Err(error) => self.diagnostics.push(include.unreadable(&name, &error)),
        }
    }

    /// A line for the parser.
    fn push(&mut self, line: Line) {
        match &line {
            Line::Words { words, .. } => {
                let keyword = words.first().map(Word::as_str);
                if self.blocks == 0 {
                    self.in_globals = keyword == Some("global_defs");
                } else if self.blocks == 1 && self.in_globals && keyword == Some("include_check") {
                    self.diagnostics.extend(self.checks.check(&words[1..]));
                }
            }
            Line::Open(_) => self.blocks += 1,
            Line::Close(_) => self.blocks = self.blocks.saturating_sub(1),
        }
        self.lines.push(line);
    }

    /// Splits a line at its braces. What stands behind one is a line of its own.
    fn cut(&mut self, text: &Text) {
        let lexed = lexer::lex(text.as_str(), |range| text.span(range), |range| text.secret_in(range));
        let (expander, mut place) = self.place();
        if !expander.spend(text.as_str().len(), lexed.tokens.len(), text.whole(), &mut place) {
            return;
        }
        let mut words = Vec::new();
        for token in lexed.tokens {
            let (brace, end) = match token {
                Token::Word(word) => {
                    words.push(word);
                    continue;
                }
                Token::Open(span, end) => (Line::Open(span), end),
                Token::Close(span, end) => (Line::Close(span), end),
            };
            if !words.is_empty() {
                self.push(Line::Words { words: std::mem::take(&mut words), lost: None });
            }
            self.push(brace);
            let behind = text.as_str()[end..].trim_start_matches(is_blank);
            if means_something(behind) {
                let start = text.as_str().len() - behind.len();
                self.line(text.slice(start..text.as_str().len()));
                return;
            }
        }
        if let Some(span) = lexed.unterminated {
            let whole = self.open_quote.take();
            let piece = text.as_str().trim_matches(is_blank);
            self.diagnostics.push(unterminated(span, whole.as_deref().unwrap_or(piece), Some(piece)));
        }
        if !words.is_empty() {
            let lost = lexed.unterminated.map(|_| text.as_str().trim_matches(is_blank).into());
            self.push(Line::Words { words, lost });
        }
    }
}

/// Whether the text layer has to look at a line again that stands behind a brace.
fn means_something(line: &str) -> bool {
    line.starts_with(['@', '~']) || line.contains('$') || include::parse(line).is_some()
}

/// What no line of a configuration can be.
fn unreadable_line(whole: Span, text: &str, code: &str) -> Option<Diagnostic> {
    if code.is_empty() {
        return None;
    }
    if text.contains('\0') {
        let problem = Diagnostic::error("nul-byte", whole, "a line with NUL bytes in it is no text")
            .classic("configuration appears to have embedded NULs - ignoring line")
            .label("this line is ignored")
            .keepalived("2.2 cuts the line at the NUL, 2.4 ignores it");
        return Some(problem.by_parent());
    }
    (code.len() > LONGEST_LINE).then(|| too_long(whole, code.len()))
}

fn too_long(span: Span, bytes: usize) -> Diagnostic {
    Diagnostic::error(
        "line-too-long",
        span,
        format!("a line of {bytes} bytes is too long: {LONGEST_LINE} at most"),
    )
    .classic("line too long - ignoring")
    .label("this line is ignored")
    .help("spread it over several lines: a block needs not stand on one")
    .keepalived("2.2 goes on after 1022 bytes as if a new line began, 2.4 ignores the first part")
    .by_parent()
}

/// In a line that is kept for later, keepalived counts its quotes only.
fn unterminated(span: Span, code: &str, piece: Option<&str>) -> Diagnostic {
    let mut problem = Diagnostic::error("unterminated-quote", span, "a double quote is never closed").help(
        "quotes close on the line where they open; there is no way to write a double quote inside them",
    );
    // The parent sees the line as it is, its children without the blanks at the end.
    for code in [Some(code), Some(code.trim_end_matches(is_blank)).filter(|trimmed| *trimmed != code)] {
        let Some(code) = code else { continue };
        problem = problem.classic(format!("Unterminated quote '{}'", lexer::shown(code)));
    }
    match piece {
        Some(piece) => problem
            .classic(format!("Unmatched quote: '{}'", lexer::shown(piece)))
            .label("ignored up to the end of the line"),
        None => problem.label("kept as it is: it counts again where this is used"),
    }
}

/// Where keepalived's processes do not agree on the end of a definition. They complain of what is left of it.
fn interrupted(span: Span, ends: bool) -> Diagnostic {
    let problem = match ends {
        true => Diagnostic::warning("interrupted-definition", span, "a line of blanks ends the definition")
            .label("what follows is read as lines of its own")
            .help("take the backslash from the line above, or this line out")
            .keepalived("ends it here, too, but for its first process: that takes the next line for a part of it"),
        false => Diagnostic::warning("interrupted-definition", span, "a comment within a definition")
            .label("the definition goes on all the same")
            .help("leave it out, or put it above the definition")
            .keepalived("goes on in its first process alone: to the others the definition ends here, and what follows are lines of their own"),
    };
    problem.by_parent()
}

fn escaped_comment(span: Span) -> Diagnostic {
    Diagnostic::warning("escaped-comment", span, "a backslash does not keep this from starting a comment")
        .class(Class::Harmless)
        .label("from here on it is a comment")
        .help("put the whole word in double quotes if it belongs to it")
        .keepalived(
            "takes the backslash away in its first process; the others read what is left, and a comment here",
        )
}

/// Nobody who ends a line so means the definition to end there.
fn commented_backslash(span: Span) -> Diagnostic {
    Diagnostic::note("commented-backslash", span, "the backslash that continues a definition is in a comment")
        .label("the definition goes on all the same")
        .help("leave the comment out, or put it above the definition")
        .keepalived("goes on in 2.2, and ends the definition here in 2.4")
        .by_parent()
}

fn glued(span: Span, code: &str) -> Diagnostic {
    let problem = Diagnostic::note("comment-in-word", span, "a comment starts in the middle of a word")
        .label("from here on it is a comment");
    let word = code.rsplit([' ', '\t', '{', '}', '"']).next().unwrap_or_default();
    let shown = if lexer::secret_start(code).is_some() { "********" } else { word };
    problem.help(format!(
        "the value is `{shown}`; put a blank before the comment, or quote the value if it goes on"
    ))
}

fn unreadable_main(path: &Path, error: &ReadError) -> Diagnostic {
    let shown = path.display();
    Diagnostic::error("no-configuration", None, format!("cannot read the configuration `{shown}`: {error}"))
        .classic(include::classic_unreadable(path, error))
        .class(Class::Unusable)
        .consequence(Consequence::NothingToRun)
        .help("name the file with `-f FILE`")
        .keepalived("exits 6 when started so, but 0 under `-t`: it calls a missing file a good one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Anywhere;
    use crate::config::source::MemoryFiles;

    fn read(files: &MemoryFiles) -> (Vec<String>, Vec<&'static str>) {
        let mut reader = Reader::new(files, &Anywhere);
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

    /// oracle: keepalived 2.2.7 under `-t`, each line an unknown keyword.
    #[test]
    fn alternatives_in_braces_keep_their_order_and_are_read_as_often_as_they_are_named() {
        let files = MemoryFiles::single("/k.conf", "include {b,a,b,x*}").with("/a", "a").with("/b", "b");
        let files = files.with("/x2", "x2").with("/x1", "x1");
        assert_eq!(read(&files), (["b", "a", "b", "x1", "x2"].map(str::to_owned).into(), vec![]));
    }

    #[test]
    fn include_check_holds_until_its_file_ends() {
        let files = MemoryFiles::single("/k.conf", "include a\ninclude none")
            .with("/a", "global_defs {\ninclude_check match\n}\ninclude none\ninclude n*\ninclude b")
            .with("/b", "include none");
        let problems = read(&files).1;
        assert_eq!(problems, ["include-failed", "include-failed", "include-missing"]);
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
        let mut reader = Reader::new(&files, &Anywhere);
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

    fn expanded(text: &str) -> Vec<String> {
        read(&MemoryFiles::single("/k.conf", text)).0
    }

    #[test]
    fn definitions_are_replaced_recursively_when_they_are_used() {
        let text = "$A=one\n$B=two $A\n$A=three\n$B\n${A}x $A, \"${A}\" \"$A\" $A.b $C";
        assert_eq!(expanded(text), ["two three", "threex three, three $A $A.b $C"]);
    }

    #[test]
    fn a_definition_of_many_lines_is_a_template() {
        let text = "$T= \\\nvrrp_instance $N { \\\n# what it is\n  priority $P \\\n}\n$N=V\n$P=7\n$T\n$N=W\n$T\n$T x";
        let lines =
            ["vrrp_instance V", "{", "priority 7", "}", "vrrp_instance W", "{", "priority 7", "}", "$T x"];
        assert_eq!(expanded(text), lines);
    }

    /// oracle: keepalived 2.2.7; 2.4 takes the definition to end at such a comment.
    #[test]
    fn a_backslash_at_the_end_of_a_comment_continues_a_definition_and_nothing_else() {
        let text = "$T=a # one \\\nb # two \\\n# three \\\nc\n$T\nd # four \\\n# five \\\ne";
        assert_eq!(expanded(text), ["a", "b", "c", "d", "e"]);
    }

    /// oracle: keepalived 2.2.7, its children; its parent goes on at blanks as well.
    #[test]
    fn a_line_of_blanks_ends_a_definition_and_a_comment_does_not() {
        let said = |text: &str| read(&MemoryFiles::single("/k.conf", text));
        let problems = || vec!["interrupted-definition"];
        let strings = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(said("$T=a \\\n# one\nb\n$T"), (strings(&["a", "b"]), problems()));
        assert_eq!(said("$T=a \\\n \t\nb\n$T"), (strings(&["b", "a"]), problems()));
        assert_eq!(said("$T=a \\\n# one\n  \n# two\nb\n$T"), (strings(&["b", "a"]), problems()));
        for nothing_follows in ["$T=a \\\n# one\n\nb\n$T", "$T=a \\\n  \n\nb\n$T"] {
            assert_eq!(said(nothing_follows), (strings(&["b", "a"]), vec![]), "{nothing_follows}");
        }
        assert_eq!(said("b\n$T=a \\\n  \n# x\n").1, Vec::<&str>::new());
    }

    /// oracle: keepalived 2.2.7, its children: they read what its parent has read already.
    #[test]
    fn a_backslash_keeps_no_comment_away() {
        let (lines, problems) =
            read(&MemoryFiles::single("/k.conf", "a pa\\#ss\nb x\\!y # z\n$E=n\\#o\np${E}q \"r\\#\""));
        assert_eq!(lines, ["a pa", "b x", "pnq r\\#"]);
        assert_eq!(problems, ["escaped-comment"; 3]);
    }

    #[test]
    fn repetitions_nest_and_repeat_templates() {
        let text = "$T=\\\na$X$Y {\\\n ~SEQ(Z,1,2) z${Y}$Z\\\n}\n~SEQ(X,1,2) ~LST(Y,p,q) $T\nend$X";
        let lines = expanded(text);
        assert_eq!(lines[..6], ["a$Xp", "{", "zp1", "zp2", "}", "a$Xq"]);
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[20], "end2");
    }

    /// oracle: keepalived 2.2.7 under `-t`, each line an unknown keyword.
    #[test]
    fn a_definition_may_begin_with_a_line_that_the_text_layer_uses_up() {
        let text = "$T=\\\n$A=1 \\\nx$A \\\n$A=2 \\\nx$A\n$T\n$C= \\\n@nobody y \\\nz\n$C\n\
                    $R=\\\n~SEQ(N,1,2) r$N \\\ns\n$R\n";
        assert_eq!(expanded(text), ["x1", "x2", "z", "r1", "r2", "s"]);
    }

    #[test]
    fn what_stands_behind_a_brace_is_a_line_of_its_own() {
        let text = "a { ~SEQ(X,1,2) b$X\n} $A=1\n{ @x c }\n} include none\n$A";
        assert_eq!(expanded(text), ["a", "{", "b1", "b2", "}", "{", "}", "1"]);
    }

    #[test]
    fn hostile_expansions_end() {
        let bomb: String = (0..60).map(|n| format!("$A{n}=$A{m} \\\n$A{m}\n", m = n + 1)).collect();
        for text in [
            "$A=$A\n$A",
            "$A=x $A\n$A",
            "$A=@^n $A\n$A",
            "$A=~$A\n$A\nx $A",
            "$A=\\\na \\\n$A\n$A",
            "~SEQ(X,1,99999999999999)",
            "$A=~SEQ(X,1,2) $A\n$A",
            &format!("{bomb}$A0"),
            &"~SEQ(X,1,1) ".repeat(80),
        ] {
            let files = MemoryFiles::single("/k.conf", text);
            let mut reader = Reader::new(&files, &Anywhere);
            reader.expander.memory_left = 100_000;
            reader.read_main(Path::new("/k.conf"));
            assert!(reader.lines.len() <= 2000, "{text}");
            let known = ["endless-definition", "expansion-too-large", "line-too-long"];
            assert!(reader.diagnostics.iter().any(|d| known.contains(&d.id)), "{text}");
            assert!(reader.diagnostics.len() < 100, "{text}");
        }
    }
}
