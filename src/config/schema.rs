//! The keyword-table machinery: one keyword, one line.
//!
//! A block is a [`Table`] of [`Keyword`]s. The line of a keyword is everything there is to know about
//! it: how it is written, what it means, what it defaults to, and the function that puts it into the
//! block's draft. The parser, the suggestions, and generated documentation read the same line.

use super::diagnostic::{Class, Consequence, Diagnostic, Diagnostics};
use super::environment::{Environment, Fact, LinkFacts, NameDirectories};
use super::lexer::Word;
use super::reference::KeywordReference;
use super::source::Span;
use super::tree::{Body, Node};
use super::value::{Preferences, ScriptCommand};
use crate::types::IfName;

/// How a keyword is written.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// `KEYWORD`: whatever follows is ignored.
    Flag,
    /// `KEYWORD [ARGUMENT…]`: the setter says what a missing argument means.
    Optional,
    /// `KEYWORD ARGUMENT…`: keepalived stops with status 2 when there is none.
    Required,
    /// `KEYWORD [NAME] { keywords }`
    Block(&'static dyn Schema),
    /// `KEYWORD { one entry a line }`
    Entries,
    /// `KEYWORD NAME { one entry a line }`: keepalived stops with status 2 without a name.
    NamedEntries,
    /// `KEYWORD { any number of words }`
    Words,
    /// The same, once in a block.
    List,
    /// A block that another reading of the file takes: left out by counting braces.
    Foreign,
}

/// Whether a block is told from others of its kind by a name.
#[derive(Clone, Copy)]
pub(super) enum Naming {
    /// `global_defs {`: words before the brace mean nothing.
    None,
    /// `vrrp_script NAME {`: keepalived stops with status 2 without one.
    Required,
    /// `vrrp_instance NAME {`: one word, which no other block of the kind has, or the block is skipped.
    /// Holds what keepalived says when there is not exactly one.
    Unique(&'static str),
    /// `bfd_instance NAME {`: further words mean nothing; the block is skipped when its name breaks a rule.
    Ruled(&'static NameRules),
    /// `real_server ADDRESS [PORT] {`: words that are looked at before the block is; with a problem, the
    /// block is skipped.
    Checked(fn(&Word, &[Word]) -> Option<Diagnostic>),
}

/// What a block's name must be, and keepalived's words where it is not: a line for each process that reads
/// the block.
pub(super) struct NameRules {
    /// Bytes of the longest name.
    pub longest: usize,
    /// A longer one.
    pub too_long: fn(&Word) -> Vec<String>,
    /// One that an earlier block has.
    pub taken: fn(&Word) -> Vec<String>,
}

/// What the running daemon makes of a keyword, beside keepalived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Support {
    /// What keepalived makes of it.
    Same,
    /// Something else, as said here: "the addresses stay until a successor speaks".
    Differs(&'static str),
    /// Nothing yet: it is read, checked and dumped, and this is what it means for the daemon that it does
    /// no more: "its instances change state each on its own". Of a block, this holds for all that is in it.
    NotYet(&'static str),
}

/// All there is to know about a keyword.
pub(super) struct Keyword<T: 'static> {
    /// As it is written.
    pub name: &'static str,
    /// How it is written.
    pub shape: Shape,
    /// Its arguments, for documentation: `SECS`, `[BOOL]`.
    pub args: &'static str,
    /// Values that are accepted, for documentation.
    pub range: &'static str,
    /// What holds without it, for documentation.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// What the running daemon makes of it.
    pub support: Support,
    /// Puts the line into the draft.
    pub set: fn(&mut T, &Node, &mut Context<'_>),
}

/// The keywords of a block whose draft is `T`.
pub(super) struct Table<T: 'static> {
    /// The block's own keyword.
    pub block: &'static str,
    /// Whether it has a name.
    pub naming: Naming,
    /// One a line.
    pub keywords: &'static [Keyword<T>],
    /// Those that it has in common with other blocks.
    pub shared: &'static [&'static [Keyword<T>]],
}

/// Writes keywords: `"name" Shape "args" "range" "default" => setter, "what it does";`, and behind that,
/// where it is not [`Support::Same`], `, Differs("how")` or `, NotYet("what that means")`.
macro_rules! keyword_rows {
    ($($name:literal $shape:ident $(($sub:expr))? $args:literal $range:literal $default:literal => $set:expr, $doc:literal $(, $support:ident ($how:literal))?;)*) => {
        &[$($crate::config::schema::Keyword {
            name: $name,
            shape: $crate::config::schema::Shape::$shape $(($sub))?,
            args: $args,
            range: $range,
            default: $default,
            doc: $doc,
            support: $crate::config::schema::keyword_rows!(@support $($support ($how))?),
            set: $set,
        }),*]
    };
    (@support) => { $crate::config::schema::Support::Same };
    (@support $support:ident ($how:literal)) => { $crate::config::schema::Support::$support($how) };
}
pub(super) use keyword_rows;

/// Writes a [`Table`]: its block, and then a keyword a line.
macro_rules! keywords {
    ($(#[$meta:meta])* $table:ident: $draft:ty, $block:literal, $naming:ident $(($check:expr))? $(, with $shared:expr)?;
     $($rows:tt)*) => {
        $(#[$meta])*
        pub(in crate::config) static $table: $crate::config::schema::Table<$draft> = $crate::config::schema::Table {
            block: $block,
            naming: $crate::config::schema::Naming::$naming $(($check))?,
            keywords: $crate::config::schema::keyword_rows! { $($rows)* },
            shared: $crate::config::schema::keywords!(@shared $($shared)?),
        };
    };
    (@shared) => { &[] };
    (@shared $shared:expr) => { $shared };
}
pub(super) use keywords;

/// What the tree builder and the suggestions need of a table, whatever its draft.
pub(super) trait Schema: Sync {
    /// The block's own keyword.
    fn block(&self) -> &'static str;
    /// Whether it has a name.
    fn naming(&self) -> Naming;
    /// How a keyword is written; `None` if the block does not have it.
    fn shape(&self, keyword: &str) -> Option<Shape>;
    /// What the running daemon makes of a keyword; [`Support::Same`] if the block does not have it.
    fn support(&self, keyword: &str) -> Support;
    /// The names of all keywords.
    fn names(&self) -> Vec<&'static str>;
    /// All there is to know about each keyword, in the order of the table.
    fn reference(&self) -> Vec<KeywordReference>;
}

impl<T> Schema for Table<T> {
    fn block(&self) -> &'static str {
        self.block
    }

    fn naming(&self) -> Naming {
        self.naming
    }

    fn shape(&self, keyword: &str) -> Option<Shape> {
        self.find(keyword).map(|k| k.shape)
    }

    fn support(&self, keyword: &str) -> Support {
        self.find(keyword).map_or(Support::Same, |k| k.support)
    }

    fn names(&self) -> Vec<&'static str> {
        self.all().map(|k| k.name).collect()
    }

    fn reference(&self) -> Vec<KeywordReference> {
        let row = |k: &Keyword<T>| KeywordReference {
            name: k.name,
            args: k.args,
            range: k.range,
            default: k.default,
            doc: k.doc,
            support: k.support,
        };
        self.all().map(row).collect()
    }
}

impl<T> Table<T> {
    fn all(&self) -> impl Iterator<Item = &'static Keyword<T>> + use<T> {
        self.keywords.iter().chain(self.shared.iter().copied().flatten())
    }

    fn find(&self, keyword: &str) -> Option<&'static Keyword<T>> {
        self.all().find(|k| k.name == keyword)
    }

    /// Puts every line of a block into the draft, in order.
    pub(super) fn apply<'n>(
        &self,
        draft: &mut T,
        nodes: impl IntoIterator<Item = &'n Node>,
        cx: &mut Context<'_>,
    ) {
        let is_read = |node: &&Node| !matches!(node.body, Body::Unread);
        for node in nodes {
            let Some(keyword) = self.find(node.keyword.as_str()) else { continue };
            if !is_read(&node) && !matches!(keyword.shape, Shape::List) {
                continue;
            }
            if matches!(keyword.shape, Shape::Required) && node.args.is_empty() {
                // Of a command keepalived sees the whole line, lonely quotes and all.
                let first = keyword.args.trim_start_matches('"');
                let takes_command = first.starts_with("SCRIPT") || first.starts_with("COMMAND");
                if node.lost.is_none() || !takes_command {
                    cx.report(missing_argument(&node.keyword, keyword.args));
                    continue;
                }
            }
            if matches!(keyword.shape, Shape::Flag)
                && let Some(word) = node.args.first().filter(|word| means_no(word.as_str()))
            {
                cx.report(self.turned_on(&node.keyword, word));
            }
            cx.expected = keyword.args;
            (keyword.set)(draft, node, cx);
        }
    }

    /// A flag with an argument that would turn it off, if it took any.
    fn turned_on(&self, keyword: &Word, word: &Word) -> Diagnostic {
        let opposites = [format!("no{keyword}"), format!("no_{keyword}")];
        let help = match opposites.iter().find(|opposite| self.find(opposite).is_some()) {
            Some(opposite) => format!("write `{opposite}`"),
            None => "leave the line out".to_owned(),
        };
        let message = format!("`{keyword} {word}` is the same as `{keyword}`");
        Diagnostic::warning("flag-turned-on", word.span, message)
            .class(Class::Harmless)
            .label("this word means nothing here")
            .help(help)
            .keepalived("ignores the word in silence")
    }
}

/// Whether a word is written by somebody who wants something off.
fn means_no(word: &str) -> bool {
    ["off", "no", "false", "0"].iter().any(|no| word.eq_ignore_ascii_case(no))
}

/// What setters work with.
pub(super) struct Context<'a> {
    /// Where problems go.
    pub(super) diagnostics: Diagnostics,
    /// The machine.
    pub(super) environment: &'a dyn Environment,
    /// The arguments of the keyword being applied, for documentation.
    expected: &'static str,
    /// Whether keepalived's parent reads the part being applied.
    pub(super) by_parent: bool,
    /// `dynamic_interfaces`: an interface may come later.
    pub(super) interfaces_may_come: bool,
    /// The first interface that had to be there and is not.
    missing_interface: Option<Span>,
    /// Where names of routing tables and the like are looked up.
    pub(super) name_directories: NameDirectories,
    /// The preferences of rules that name none.
    pub(super) preferences: Preferences,
    /// Commands of blocks that are left out.
    pub(super) left_out: Vec<ScriptCommand>,
    /// That there is no customary user for scripts has been said.
    pub(super) told_of_customary_user: std::cell::Cell<bool>,
}

/// The id of the problem that sums up those about single interfaces.
pub(super) const MISSING_INTERFACES: &str = "missing-interfaces";

impl<'a> Context<'a> {
    pub(super) fn new(diagnostics: Diagnostics, environment: &'a dyn Environment) -> Self {
        Self {
            diagnostics,
            environment,
            expected: "",
            by_parent: false,
            interfaces_may_come: false,
            missing_interface: None,
            name_directories: NameDirectories::default(),
            preferences: Preferences::default(),
            left_out: Vec::new(),
            told_of_customary_user: std::cell::Cell::new(false),
        }
    }

    /// An interface without which keepalived does not run; `None` when it is not there and may not come
    /// later, which is left to the caller to say.
    pub(super) fn interface(&mut self, word: &Word) -> Option<(IfName, Option<LinkFacts>)> {
        let found = match IfName::new(word.as_str()) {
            Ok(name) => match self.environment.link(&name) {
                Fact::Absent if self.interfaces_may_come => Some((name, None)),
                Fact::Absent => None,
                Fact::Unchecked => Some((name, None)),
                Fact::Known(facts) => Some((name, Some(facts))),
            },
            Err(_) => {
                let alias = IfName::of_alias(word.as_str()).filter(|_| self.interfaces_may_come);
                alias.map(|name| (name, None))
            }
        };
        if found.is_none() {
            self.missing_interface.get_or_insert(word.span);
        }
        found
    }

    /// What keepalived says of missing interfaces when the file is read.
    pub(super) fn check_interfaces(&mut self) {
        let Some(span) = self.missing_interface else { return };
        let problem = Diagnostic::error(
            MISSING_INTERFACES,
            span,
            "nothing runs while interfaces of the configuration do not exist",
        )
        .class(Class::Unusable)
        .classic("Non-existent interface specified in configuration")
        .consequence(Consequence::Refused)
        .label("this is the first of them")
        .keepalived("exits 2, and says nothing about what else is wrong with the instances")
        .at_completion();
        self.report(problem);
    }
    /// A keyword without the value that it needs, where keepalived reads on.
    pub(super) fn missing_value(&mut self, node: &Node, classic: &str) {
        let message = format!("`{}` needs a value", node.keyword);
        let problem = Diagnostic::error("missing-value", node.keyword.span, message);
        let problem = problem.classic(classic).label("this line is ignored");
        self.report(problem.help(format!("write `{} {}`", node.keyword, self.expected)));
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(if self.by_parent { diagnostic.by_parent() } else { diagnostic });
    }
}

/// keepalived stops reading here and exits with 2.
pub(super) fn missing_argument(keyword: &Word, args: &str) -> Diagnostic {
    Diagnostic::error("missing-argument", keyword.span, format!("`{keyword}` needs an argument"))
        .classic(format!(
            "*** Configuration line starting `{keyword}` is missing a parameter after keyword `{keyword}` at word position 2"
        ))
        .label(format!("expected `{keyword} {args}`"))
        .consequence(Consequence::StopsReading)
        .keepalived("stops here with status 2, and takes a running daemon down on reload; vrrpd reads on and reports the rest")
}

impl Node {
    /// The lines of a keyword block; empty for anything else.
    pub(super) fn children(&self) -> &[Node] {
        match &self.body {
            Body::Block(nodes) => nodes,
            Body::None | Body::Unread | Body::Entries(_) | Body::Words(_) => &[],
        }
    }

    /// The lines of a value block; empty for anything else.
    pub(super) fn entries(&self) -> &[Vec<Word>] {
        match &self.body {
            Body::Entries(entries) => entries,
            Body::None | Body::Unread | Body::Block(_) | Body::Words(_) => &[],
        }
    }

    /// The words of a list of words; empty for anything else.
    pub(super) fn words(&self) -> &[Word] {
        match &self.body {
            Body::Words(words) => words,
            Body::None | Body::Unread | Body::Block(_) | Body::Entries(_) => &[],
        }
    }

    /// The first argument. Only for keywords that require one.
    pub(super) fn arg(&self) -> &Word {
        self.args.first().unwrap_or(&self.keyword)
    }

    /// The `}` of its block, or the keyword where there is none.
    pub(super) fn end(&self) -> Span {
        self.end.unwrap_or(self.keyword.span)
    }

    /// From the keyword to the last argument.
    pub(super) fn span(&self) -> Span {
        self.args.last().map_or(self.keyword.span, |last| self.keyword.span.to(last.span))
    }
}

/// A word that is no keyword of its block; [`super::suggest`] knows what may have been meant.
pub(super) fn unknown_here(word: &Word, schema: &dyn Schema) -> Diagnostic {
    let here = place(schema);
    Diagnostic::error("unknown-keyword", word.span, format!("`{word}` is not a keyword {here}"))
        .classic(format!("Unknown keyword '{word}'"))
        .keepalived("ignores this line")
}

fn place(schema: &dyn Schema) -> String {
    match schema.block() {
        "" => "at the top level".to_owned(),
        block => format!("of `{block}`"),
    }
}

/// A keyword of keepalived's that this version reads and does not act on.
pub(super) fn not_yet(word: &Word, schema: &dyn Schema, effect: &str) -> Diagnostic {
    Diagnostic::warning(
        "not-yet-supported",
        word.span,
        format!("`{word}` is known, but not yet in this version"),
    )
    .class(Class::Harmless)
    .label(effect)
    .help(format!("nothing else {} is affected", place(schema)))
}
