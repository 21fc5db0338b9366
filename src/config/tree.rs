//! Logical lines to blocks, the way keepalived's parser walks them.
//!
//! What opens a block is a matter of the keyword, not of the brace: an unknown keyword opens none, so
//! the lines of its block are read as lines of the current one and its `}` ends that. The builder
//! follows this to the letter, because the meaning of a broken file depends on it.

use super::block::ROOT;
use super::diagnostic::{Class, Consequence, Diagnostic, Diagnostics};
use super::lexer::Word;
use super::reader::Line;
use super::schema::{NameRules, Naming, Schema, Shape, Support, missing_argument, not_yet, unknown_here};
use super::source::Span;
use super::suggest;
use std::collections::BTreeMap;

/// A keyword with its arguments and its block.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The first word.
    pub keyword: Word,
    /// The others.
    pub args: Vec<Word>,
    /// What stands in its braces.
    pub body: Body,
    /// The line, when arguments were lost to a lonely quote in it.
    pub lost: Option<Box<str>>,
    /// The `}` of its block.
    pub end: Option<Span>,
}

/// What became of a line.
enum Step {
    /// Nothing that counts.
    Nothing,
    /// A keyword.
    Node(Node),
    /// A keyword that ends the block around it.
    LastOfBlock(Node),
}

/// What stands in the braces of a keyword.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// It has none.
    None,
    /// It was left out: a block of the other reading.
    Unread,
    /// Keywords.
    Block(Vec<Node>),
    /// An entry a line.
    Entries(Vec<Vec<Word>>),
    /// Words.
    Words(Vec<Word>),
}

/// Where a reading has its lines from.
enum Lines<'l> {
    /// Others read them, too.
    Lent(&'l [Line]),
    /// They are forgotten as soon as they are used up.
    Own(std::vec::IntoIter<Line>),
}

impl Lines<'_> {
    fn first(&self) -> Option<&Line> {
        match self {
            Self::Lent(lines) => lines.first(),
            Self::Own(lines) => lines.as_slice().first(),
        }
    }

    /// Takes the first line, with its words only if they are wanted.
    fn take(&mut self, wanted: bool) -> Option<Line> {
        match self {
            Self::Own(lines) => lines.next(),
            Self::Lent(lines) => {
                let (first, rest) = lines.split_first()?;
                *lines = rest;
                Some(match first {
                    Line::Words { .. } if !wanted => Line::Words { words: Vec::new(), lost: None },
                    line => line.clone(),
                })
            }
        }
    }
}

/// One of keepalived's processes at its reading of a file. Each reads all of it, and leaves out what is for
/// others by its braces: in a broken file they do not see the same blocks.
pub(super) struct Builder<'l> {
    lines: Lines<'l>,
    pub(super) diagnostics: Diagnostics,
    /// The blocks that are open, with their keywords.
    open: Vec<(&'static str, Span)>,
    /// Every `{` without its `}` so far: the brace, or the keyword whose block it opens. In a broken
    /// file these are not the blocks that are open.
    braces: Vec<Span>,
    /// The last `}`.
    last_close: Option<Span>,
    /// Names of blocks that must not be given twice.
    names: BTreeMap<(&'static str, String), Span>,
    by_parent: bool,
    /// What is not run yet is told block by block; of virtual servers there can be thousands, and they are
    /// told together.
    tells_not_yet: bool,
    /// A keyword that was to be left out and turned out to have no block: the lines behind it are read as if
    /// they stood where it does.
    bare: Option<Word>,
}

impl<'l> Builder<'l> {
    /// The last reading.
    pub(super) fn new(lines: Vec<Line>) -> Self {
        Self::reading(Lines::Own(lines.into_iter()))
    }

    /// One of several.
    pub(super) fn of(lines: &'l [Line]) -> Self {
        Self::reading(Lines::Lent(lines))
    }

    /// By keepalived's parent, whose messages about the main file do not name it.
    pub(super) fn by_parent(self) -> Self {
        Self { by_parent: true, ..self }
    }

    /// Of blocks about which it is said elsewhere that they are not run.
    pub(super) fn quietly(self) -> Self {
        Self { tells_not_yet: false, ..self }
    }

    fn reading(lines: Lines<'l>) -> Self {
        Self {
            lines,
            diagnostics: Diagnostics::default(),
            open: Vec::new(),
            braces: Vec::new(),
            last_close: None,
            names: BTreeMap::new(),
            by_parent: false,
            tells_not_yet: true,
            bare: None,
        }
    }

    /// The whole file.
    pub(super) fn build(&mut self, root: &'static dyn Schema) -> Vec<Node> {
        let nodes = self.block(root);
        self.end_of_file();
        nodes
    }

    /// What there was to say; the lines are forgotten.
    pub(super) fn into_diagnostics(self) -> Diagnostics {
        self.diagnostics
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        let follows = self.open.is_empty() && self.bare.is_some();
        let diagnostic = if follows { diagnostic.echo() } else { diagnostic };
        self.diagnostics.push(if self.by_parent { diagnostic.by_parent() } else { diagnostic });
    }

    /// The next line, with its brace counted.
    fn next(&mut self) -> Option<Line> {
        self.take(true)
    }

    fn take(&mut self, wanted: bool) -> Option<Line> {
        let line = self.lines.take(wanted)?;
        match line {
            Line::Open(span) => self.braces.push(span),
            Line::Close(span) => {
                self.last_close = Some(span);
                if self.braces.pop().is_none() {
                    self.extra_close(span);
                }
            }
            Line::Words { .. } => {}
        }
        Some(line)
    }

    /// Takes the `{` that a block begins with, if it is there.
    fn take_open(&mut self, keyword: &Word) -> bool {
        if !self.open_follows() {
            return false;
        }
        self.next();
        if let Some(brace) = self.braces.last_mut() {
            *brace = keyword.span;
        }
        true
    }

    fn open_follows(&self) -> bool {
        matches!(self.lines.first(), Some(Line::Open(_)))
    }

    /// Lines up to the `}` of the current block, or all of them at the top level.
    fn block(&mut self, schema: &'static dyn Schema) -> Vec<Node> {
        let mut nodes = Vec::new();
        while let Some(line) = self.next() {
            match line {
                Line::Close(_) if !self.open.is_empty() => {
                    self.open.pop();
                    return nodes;
                }
                Line::Close(span) => self.stray_close(span),
                Line::Open(span) => self.unexpected_open(span),
                Line::Words { words, lost } => {
                    let listed = |keyword: &str| {
                        nodes.iter().any(|n: &Node| n.keyword.as_str() == keyword && !n.words().is_empty())
                    };
                    match self.statement(words, lost, schema, &listed) {
                        Step::Node(node) => nodes.push(node),
                        Step::Nothing => {}
                        Step::LastOfBlock(node) => {
                            nodes.push(node);
                            self.open.pop();
                            return nodes;
                        }
                    }
                }
            }
        }
        self.open.pop();
        self.last_close = None;
        nodes
    }

    /// `listed` knows the lists that the block has already.
    fn statement(
        &mut self,
        words: Vec<Word>,
        lost: Option<Box<str>>,
        schema: &'static dyn Schema,
        listed: &dyn Fn(&str) -> bool,
    ) -> Step {
        let mut words = words.into_iter();
        let Some(keyword) = words.next() else { return Step::Nothing };
        let args: Vec<Word> = words.collect();
        let Some(shape) = schema.shape(keyword.as_str()) else {
            self.unknown(&keyword, &args, schema);
            return Step::Nothing;
        };
        if self.open.is_empty() {
            self.bare = None;
        }
        if let Support::NotYet(effect) = schema.support(keyword.as_str())
            && self.tells_not_yet
        {
            self.report(not_yet(&keyword, schema, effect));
        }
        let body = match shape {
            Shape::Flag | Shape::Optional | Shape::Required => Body::None,
            Shape::Foreign => {
                let takes_block = !matches!(
                    ROOT.shape(keyword.as_str()),
                    Some(Shape::Flag | Shape::Optional | Shape::Required)
                );
                if !self.skip(&keyword) && takes_block {
                    self.bare = Some(keyword.clone());
                }
                Body::Unread
            }
            Shape::List if listed(keyword.as_str()) => {
                // keepalived leaves the second list by leaving the block that it stands in.
                let left = self.skip(&keyword);
                let node = Node { keyword, args, body: Body::Unread, lost, end: None };
                return if left { Step::LastOfBlock(node) } else { Step::Node(node) };
            }
            Shape::Entries => Body::Entries(self.entries(&keyword, &args)),
            Shape::NamedEntries => {
                match args.as_slice() {
                    [] => self.report(missing_argument(&keyword, "NAME {")),
                    [_, extra, ..] => {
                        let message = format!("`{keyword}` takes exactly one name");
                        let problem = Diagnostic::error("block-name", extra.span, message);
                        self.report(nameless(problem.label("this word means nothing")));
                    }
                    [_] if !self.open_follows() => {
                        let message = format!("`{keyword}` needs a `{{`");
                        let problem = Diagnostic::error("missing-open-brace", keyword.span, message);
                        let problem = problem.label("lines up to the next `}` are read as its entries");
                        self.report(nameless(problem.said_at(self.next_span())));
                    }
                    [_] => {}
                }
                Body::Entries(self.entries(&keyword, &[]))
            }
            Shape::List | Shape::Words => {
                Body::Words(self.entries(&keyword, &args).into_iter().flatten().collect())
            }
            Shape::Block(sub) => {
                if !self.admit(&keyword, &args, sub) {
                    if !self.skip(&keyword) {
                        self.enter(&keyword, sub.block());
                        self.block(sub);
                    }
                    return Step::Nothing;
                }
                self.enter(&keyword, sub.block());
                Body::Block(self.block(sub))
            }
        };
        let end = if matches!(body, Body::None | Body::Unread) { None } else { self.last_close };
        Step::Node(Node { keyword, args, body, lost, end })
    }

    /// A word that is no keyword of the block.
    fn unknown(&mut self, keyword: &Word, args: &[Word], schema: &'static dyn Schema) {
        let mut problem = unknown_here(keyword, schema);
        if !self.diagnostics.is_full() {
            let outer: Vec<&str> = self.open.iter().map(|(block, _)| *block).collect();
            problem = suggest::keyword(problem, keyword, args, schema, &outer);
        }
        if let Some((_, block)) = self.open.last().filter(|_| opens_at_top_level(keyword)) {
            problem = problem
                .label("this belongs at the top level: a `}` is missing above")
                .related(*block, "this block is still open");
        } else if let Some(bare) = self.bare.as_ref().filter(|_| self.open.is_empty()) {
            problem = problem
                .keepalived(format!(
                    "has a process that leaves out `{bare}`, and reads on behind it: no `{{` follows"
                ))
                .related(bare.span, "no `{` follows");
        } else if self.open_follows() {
            problem = problem.keepalived(
                "ignores the line, reads the lines of its block as lines of the block around it, and ends that at the block's `}`",
            );
        }
        self.report(problem);
    }

    /// Whether a block's name is in order.
    fn admit(&mut self, keyword: &Word, args: &[Word], schema: &'static dyn Schema) -> bool {
        match (schema.naming(), args) {
            (Naming::None, _) => true,
            (Naming::Required | Naming::Ruled(_), []) => {
                self.report(missing_argument(keyword, "NAME {"));
                true
            }
            (Naming::Required, _) => true,
            (Naming::Ruled(rules), [name, ..]) => self.admit_ruled(keyword, name, schema.block(), rules),
            (Naming::Checked(_), []) => {
                self.report(missing_argument(keyword, "ADDRESS {"));
                true
            }
            (Naming::Checked(check), args) => {
                let problem = check(keyword, args);
                let fine = problem.is_none();
                problem.into_iter().for_each(|problem| self.report(problem));
                fine
            }
            (Naming::Unique(_), [name]) => {
                let block = schema.block();
                let what = if block == "track_group" { block.to_owned() } else { block.replace('_', " ") };
                let taken = || vec![format!("{what} {name} already defined")];
                self.admit_name(keyword, name, block, taken)
            }
            (Naming::Unique(classic), other) => {
                let span = other.last().map_or(keyword.span, |last| keyword.span.to(last.span));
                let message = format!("`{keyword}` takes exactly one name");
                let problem = Diagnostic::error("block-name", span, message)
                    .classic(classic)
                    .label("the whole block is skipped")
                    .help(match other {
                        [] => format!("write `{keyword} NAME {{`"),
                        _ => {
                            let words: Vec<&str> = other.iter().map(Word::as_str).collect();
                            format!(
                                "a name with blanks goes in double quotes: `{keyword} \"{}\" {{`",
                                words.join(" ")
                            )
                        }
                    });
                self.report(problem);
                false
            }
        }
    }

    fn admit_ruled(&mut self, keyword: &Word, name: &Word, block: &'static str, rules: &NameRules) -> bool {
        if name.text.len() <= rules.longest {
            return self.admit_name(keyword, name, block, || (rules.taken)(name));
        }
        let longest = rules.longest;
        let message = format!(
            "the name of a `{keyword}` has at most {longest} bytes, this one has {}",
            name.text.len()
        );
        let problem =
            Diagnostic::error("name-too-long", name.span, message).label("this whole block is skipped");
        self.report((rules.too_long)(name).into_iter().fold(problem, Diagnostic::classic));
        false
    }

    fn admit_name(
        &mut self,
        keyword: &Word,
        name: &Word,
        block: &'static str,
        taken: impl FnOnce() -> Vec<String>,
    ) -> bool {
        let Some(first) = self.names.get(&(block, name.text.clone())).copied() else {
            self.names.insert((block, name.text.clone()), name.span);
            return true;
        };
        let problem =
            Diagnostic::error("duplicate-name", name.span, format!("there are two `{keyword} {name}`"))
                .label("this whole block is skipped")
                .help("each needs a name of its own")
                .related(first, "first defined here");
        self.report(taken().into_iter().fold(problem, Diagnostic::classic));
        false
    }

    /// Takes the `{` of a keyword block.
    fn enter(&mut self, keyword: &Word, block: &'static str) {
        self.open.push((block, keyword.span));
        if self.take_open(keyword) {
            return;
        }
        let problem =
            Diagnostic::error("missing-open-brace", keyword.span, format!("`{keyword}` needs a `{{`"))
                .said_at(self.next_span())
                .classic("Missing '{' at beginning of configuration block")
                .label("read as if one stood behind it")
                .help("put it at the end of this line, or alone on the next");
        self.report(problem);
    }

    fn next_span(&self) -> Option<Span> {
        self.lines.first().and_then(|line| match line {
            Line::Words { words, .. } => words.first().map(|word| word.span),
            Line::Open(span) | Line::Close(span) => Some(*span),
        })
    }

    /// The entries of a value block or a list of words.
    fn entries(&mut self, keyword: &Word, args: &[Word]) -> Vec<Vec<Word>> {
        if let [first, ..] = args {
            let message = format!("words between `{keyword}` and `{{` mean nothing");
            let problem = Diagnostic::warning("block-arguments", first.span, message)
                .classic(format!("Block {keyword} has extra parameters {first} ..."))
                .label("ignored up to the `{`")
                .help("leave them out");
            self.report(problem);
        }
        if !self.take_open(keyword) {
            let problem =
                Diagnostic::warning("missing-open-brace", keyword.span, format!("`{keyword}` needs a `{{`"))
                    .class(Class::Harmless)
                    .said_at(self.next_span())
                    .classic(format!("'{{' missing from beginning of block {keyword}"))
                    .label("lines up to the next `}` are read as its entries");
            self.report(problem);
        }
        let mut entries = Vec::new();
        while let Some(line) = self.next() {
            match line {
                Line::Words { words, .. } => entries.push(words),
                // keepalived takes it for one of them.
                Line::Open(span) => entries.push(vec![Word::brace(span)]),
                Line::Close(_) => return entries,
            }
        }
        self.last_close = None;
        entries
    }

    /// Leaves out a block by counting braces; one that turns out to have none
    /// costs its line only, which is `false`.
    fn skip(&mut self, keyword: &Word) -> bool {
        if !self.take_open(keyword) {
            return false;
        }
        let mut depth = 1;
        while depth > 0 {
            match self.take(false) {
                Some(Line::Open(_)) => depth += 1,
                Some(Line::Close(_)) => depth -= 1,
                Some(Line::Words { .. }) => {}
                None => break,
            }
        }
        true
    }

    fn unexpected_open(&mut self, span: Span) {
        let problem = Diagnostic::error("unexpected-brace", span, "a `{` that opens nothing")
            .classic("Unexpected '{' - ignoring")
            .label("nothing before it takes a block")
            .keepalived("ignores the brace; its `}` then ends the block around it");
        self.report(problem);
    }

    /// A `}` without a `{` before it.
    fn extra_close(&mut self, span: Span) {
        let problem =
            Diagnostic::error("extra-close-brace", span, "a `}` without its `{`").classic("Extra '}' found");
        self.report(match self.open.last() {
            Some((_, block)) => problem.label("it ends the block that is open").related(*block, "this one"),
            None => problem.classic("Unknown keyword '}'").label("every block is closed already"),
        });
    }

    /// A `}` at the top level: an extra one, or that of a block whose keyword is unknown.
    fn stray_close(&mut self, span: Span) {
        let said =
            self.diagnostics.last().is_some_and(|d| d.id == "extra-close-brace" && d.span == Some(span));

        if said {
            return;
        }
        let problem = Diagnostic::error("extra-close-brace", span, "a `}` that ends no block")
            .classic("Unknown keyword '}'")
            .label("its `{` opened none");
        self.report(problem);
    }

    /// Says which blocks the file left open.
    fn end_of_file(&mut self) {
        let Some(innermost) = self.braces.pop() else { return };
        let count = self.braces.len() + 1;
        let message = match count {
            1 => "a `{` is never closed".to_owned(),
            _ => format!("{count} blocks are never closed"),
        };
        let mut problem = Diagnostic::error(MISSING_CLOSE_BRACE, innermost, message)
            .classic(format!("There are {count} missing '}}'s or extra '{{'s"))
            .label("the `}` of this block is missing")
            .keepalived("closes every open block at the end of the file and runs what it has")
            .at_completion();
        for outer in self.braces.iter().rev().take(MOST_RELATED) {
            problem = problem.related(*outer, "and of this one");
        }
        self.diagnostics.push(problem);
    }
}

/// Where keepalived wants to complain, and has lost the keyword that it would name.
fn nameless(problem: Diagnostic) -> Diagnostic {
    problem
        .classic("*** Configuration line starting `***MISSING ***` is missing a parameter at word position 1")
        .consequence(Consequence::StopsReading)
        .keepalived("stops here with status 2, and takes a running daemon down on reload")
}

/// The id of what a reading says of blocks that are never closed.
pub(super) const MISSING_CLOSE_BRACE: &str = "missing-close-brace";

/// Nobody reads a list of ten thousand braces.
const MOST_RELATED: usize = 8;

/// Whether a keyword begins a block of the top level, and of nothing else.
fn opens_at_top_level(keyword: &Word) -> bool {
    super::block::ROOT.shape(keyword.as_str()).is_some() && !keyword.text.starts_with("track_")
}
