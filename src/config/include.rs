//! What `include` and its stricter relatives demand, and what their patterns find.
//!
//! A plain `include` never fails. Each letter behind it makes one kind of failure fatal, and
//! `include_check` in `global_defs` makes kinds of failure fatal for all of them.

use super::diagnostic::{Class, Consequence, Diagnostic};
use super::glob;
use super::lexer::{self, Word};
use super::source::{FileSource, ReadError, Span};
use super::suggest;
use std::path::{Path, PathBuf};

/// Kinds of failure that are fatal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Demands(u8);

impl Demands {
    /// What is there can be read: it is no directory and not executable.
    pub(super) const READABLE: Self = Self(1);
    /// A path without wildcards is there.
    pub(super) const MATCH: Self = Self(2);
    /// Wildcards match something.
    pub(super) const WILDCARD: Self = Self(4);
    /// Each of the alternatives in braces is there.
    pub(super) const BRACES: Self = Self(8);
    /// All of them: `includea`, `include_check` without arguments, `-e`.
    pub(super) const ALL: Self = Self(15);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn demands(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    /// What the keyword demands; `None` if it is none of the family.
    fn of_keyword(keyword: &str) -> Option<Self> {
        Some(match keyword {
            "include" => Self(0),
            "includer" => Self::READABLE,
            "includem" => Self::READABLE.and(Self::MATCH),
            "includew" => Self::READABLE.and(Self::MATCH).and(Self::WILDCARD),
            "includeb" => Self::READABLE.and(Self::BRACES),
            "includea" => Self::ALL,
            _ => return None,
        })
    }

    /// Takes an `include_check` line; gives what is wrong with its words.
    pub(super) fn check(&mut self, words: &[Word]) -> Vec<Diagnostic> {
        if words.is_empty() {
            *self = Self::ALL;
        }
        let mut problems = Vec::new();
        for (n, word) in words.iter().enumerate() {
            let (sign, name) = match word.as_str().as_bytes().first() {
                Some(b'+') => (Some('+'), &word.as_str()[1..]),
                Some(b'-') => (Some('-'), &word.as_str()[1..]),
                _ => (None, word.as_str()),
            };
            if sign.is_none() && n > 0 {
                let problem =
                    bad_check(word, "only the first word can set the whole, others begin with + or -");
                problems
                    .push(problem.classic(format!("Duplicate include_check '{word}' specified - ignoring")));
                continue;
            }
            if sign.is_none() {
                *self = Self(0);
            }
            let one = match name {
                "read" => Self::READABLE,
                "match" => Self::MATCH,
                "wildcard_match" => Self::WILDCARD,
                "brace_match" => Self::BRACES,
                _ => {
                    let problem = bad_check(word, "this word is ignored").meant(
                        word,
                        CHECKS,
                        "write `read`, `match`, `wildcard_match` or `brace_match`",
                    );
                    problems.push(problem.classic(format!("Unknown include_check type '{name}' - ignoring")));
                    continue;
                }
            };
            *self = match sign {
                None => Self::READABLE.and(one),
                Some('+') => self.and(one),
                Some(_) => Self(self.0 & !one.0),
            };
        }
        problems
    }
}

/// The kinds of failure that `include_check` knows.
const CHECKS: [&str; 4] = ["read", "match", "wildcard_match", "brace_match"];

fn bad_check(word: &Word, label: &str) -> Diagnostic {
    Diagnostic::error("include-check", word.span, format!("`{word}` is nothing that can be checked"))
        .label(label)
        .keepalived("ignores this word")
        .by_parent()
}

/// An `include` line.
pub(super) struct Include<'t> {
    /// The keyword.
    keyword: &'t str,
    /// The rest of the line, whatever it is.
    pub(super) pattern: &'t str,
    /// Where the line stands.
    pub(super) span: Span,
    demands: Demands,
}

/// The keyword and the pattern of an `include` line: all of the rest, as it stands.
pub(super) fn parse(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_once(|c: char| c.is_ascii_whitespace())?;
    let pattern = rest.trim_matches([' ', '\t']);
    (Demands::of_keyword(word).is_some() && !pattern.is_empty()).then_some((word, pattern))
}

impl<'t> Include<'t> {
    /// The line, where `checks` holds.
    pub(super) fn new((keyword, pattern): (&'t str, &'t str), span: Span, checks: Demands) -> Self {
        let demands = checks.and(Demands::of_keyword(keyword).unwrap_or_default());
        Self { keyword, pattern, span, demands }
    }

    /// The files, and what to say about those that are missing. `full` is the pattern as seen from the
    /// directory of the including file.
    pub(super) fn find(&self, full: &str, files: &dyn FileSource) -> (Vec<PathBuf>, Option<Diagnostic>) {
        let (mut found, mut missing, mut wild) = (Vec::new(), false, false);
        for alternative in glob::alternatives(full) {
            let path = Path::new(&alternative);
            let mut matching = files.glob(&alternative);
            if alternative.contains(['*', '?', '[']) {
                wild = true;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                missing |= matching.is_empty()
                    && parent.is_some_and(|parent| files.read(parent) == Err(ReadError::NotFound));
            } else if matching.is_empty() {
                match files.read(path) {
                    Err(ReadError::NotFound) => missing = true,
                    _ => matching.push(path.to_owned()),
                }
            }
            found.append(&mut matching);
        }
        let pattern = lexer::shown(self.pattern);
        let problem = match (found.is_empty(), missing) {
            (true, true) => {
                let kind = if full.contains('{') { Demands::BRACES } else { Demands::MATCH };
                let message = format!("there is no `{pattern}`");
                let problem = self.problem(kind, message, format!("Config files missing '{pattern}'."));
                Some(match near(full, files) {
                    Some(near) => problem.help(format!("did you mean `{near}`, which is in that directory?")),
                    None => problem,
                })
            }
            (true, false) if wild && self.demands.demands(Demands::WILDCARD) => {
                let message = format!("no file matches `{pattern}`");
                let classic = format!("No config files matched '{pattern}'.");
                Some(self.problem(Demands::WILDCARD, message, classic))
            }
            (false, true) => {
                if self.demands.demands(Demands::BRACES) {
                    found.clear();
                }
                let message = format!("not all files of `{pattern}` are there");
                let classic = format!("Some config files missing: \"{pattern}\".");
                Some(self.problem(Demands::BRACES, message, classic))
            }
            _ => None,
        };
        (found, problem)
    }

    /// A file that is there and cannot be read.
    pub(super) fn unreadable(&self, name: &Path, error: &ReadError) -> Diagnostic {
        let message = format!("`{}` is not read: {error}", name.display());
        let kind = match error {
            ReadError::NotFound => Demands::MATCH,
            _ => Demands::READABLE,
        };
        self.problem(kind, message, classic_unreadable(name, error))
    }

    fn problem(&self, kind: Demands, message: String, classic: String) -> Diagnostic {
        if !self.demands.demands(kind) {
            return Diagnostic::warning("include-missing", self.span, message)
                .class(Class::Told)
                .classic(classic)
                .label("nothing is read here")
                .by_parent();
        }
        let label = match Demands::of_keyword(self.keyword).is_some_and(|own| own.demands(kind)) {
            true => format!("`{}` does not run without it", self.keyword),
            false => "`include_check` or `-e` does not run without it".to_owned(),
        };
        Diagnostic::error("include-failed", self.span, message)
            .class(Class::Security)
            .consequence(Consequence::NothingToRun)
            .classic(classic)
            .label(label)
            .keepalived("does not start: it exits with 6")
            .by_parent()
    }
}

/// The name of a file in the same directory that a path may have meant.
fn near(full: &str, files: &dyn FileSource) -> Option<String> {
    let path = Path::new(full);
    let name = path.file_name()?.to_str().filter(|name| !name.contains(['*', '?', '[', '{']))?;
    let others = files.glob(&path.with_file_name("*").to_string_lossy());
    let names = || others.iter().filter_map(|other| other.file_name()?.to_str());
    // `.cfg` for `.conf` is no matter of letters.
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    let same_stem = || names().find(|other| stem(other) == stem(name));
    suggest::spelling(name, names()).or_else(same_stem).map(str::to_owned)
}

/// keepalived's words for a file that it does not read.
pub(super) fn classic_unreadable(name: &Path, error: &ReadError) -> String {
    let name = name.display();
    match error {
        ReadError::NotFound => format!("Config files missing '{name}'."),
        ReadError::Directory => format!("Configuration file '{name}/' is a directory - skipping"),
        ReadError::NotPlain => {
            format!("Configuration file '{name}' is not a regular non-executable file - skipping")
        }
        ReadError::TooLarge(_) | ReadError::Other(_) => {
            format!("Configuration file '{name}' open problem ({error}) - skipping")
        }
    }
}
