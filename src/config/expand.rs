//! keepalived's text layer: `@ID` conditions, `$NAME` definitions, `~SEQ` and `~LST` repetitions.
//!
//! It works on the text of one line at a time, before words are cut. The [`Expander`] knows what is
//! defined and says what a line is; the reader drives it, because a line can become many and a
//! definition can hold an `include`. Rules are those of keepalived 2.4; where 2.4.0 to 2.4.3 lost what
//! 2.2 could do (a definition that stands for a condition or a repetition), 2.2's way is kept.

mod repetition;
mod text;

use super::diagnostic::{Class, Consequence, Diagnostic, Diagnostics};
use super::environment::Environment;
use super::lexer;
use super::source::{Cause, FileId, SourceMap, Span, relative_to};
use super::suggest;
use repetition::{Malformed, Rounds};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
pub(super) use text::{Stripped, Text, is_blank};

/// keepalived's line buffer holds this many bytes: a line does not grow beyond it.
const LONGEST_LINE: usize = 1023;
/// Replacements in one line. A line has room for 500 uses; more means a definition that uses itself.
const MOST_REPLACEMENTS: usize = 2048;
/// Definitions in definitions and repetitions in repetitions, which recurse.
const DEEPEST_EXPANSION: usize = 64;
/// What the lines of a configuration may take up in memory, about, in bytes: 16 KB for each of the
/// 65,024 virtual routers that one host can have, five times what they usually need.
const MOST_MEMORY: usize = 1 << 30;
/// What a line and a word of it take up beside their characters.
const LINE_COST: usize = 64;
const WORD_COST: usize = 96;

/// Names that keepalived defines: how many parameters they take, and whether these are numbers.
const PREDEFINED: [(&str, usize, usize, bool); 6] = [
    ("_PWD", 0, 0, false),
    ("_INSTANCE", 0, 0, false),
    ("_HASH", 0, 0, false),
    ("_BANG", 0, 0, false),
    ("_RANDOM", 0, 2, true),
    ("_ENV", 1, 1, false),
];

/// What a configuration defines, and how much may still be made of it.
pub(super) struct Expander<'e> {
    environment: &'e dyn Environment,
    definitions: BTreeMap<String, Arc<Definition>>,
    /// The definition whose last line ended in a backslash.
    unfinished: Option<Unfinished>,
    /// Uses that were not replaced, as reported: once each, not in every round.
    not_used: BTreeSet<(FileId, u32, String)>,
    random: Random,
    pub(super) memory_left: usize,
    exhausted: bool,
    too_deep: bool,
}

/// What `$NAME` stands for.
#[derive(Debug)]
struct Definition {
    name: Arc<str>,
    /// One, or for a multi-line definition any number.
    lines: Vec<(Box<str>, Span)>,
    multiline: bool,
    /// `~SEQ` and `~LST` set it anew for each round.
    loop_variable: bool,
}

struct Unfinished {
    name: String,
    lines: Vec<(Box<str>, Span)>,
    start: Span,
}

/// What a line is to the text layer.
pub(super) struct Meaning {
    /// What it is itself.
    pub(super) first: Outcome,
    /// The lines that come with it, the last first.
    pub(super) rest: Vec<Rest>,
}

/// What becomes of a line.
pub(super) enum Outcome {
    /// Used up: a condition that does not hold, a definition.
    Nothing,
    /// A line for the parser.
    Line(Text),
    /// A line to be read many times.
    Repeat(Repetition),
}

/// The lines of a multi-line definition behind the first.
pub(super) struct Rest {
    definition: Arc<Definition>,
    used_at: Span,
}

/// A line that is read many times.
pub(super) struct Repetition {
    rounds: Rounds,
    /// `~SEQ(…)` as it was read.
    head: Arc<str>,
    head_span: Span,
    body: Text,
}

/// A `$NAME` or `${NAME …}` in a line.
#[derive(Debug, Eq, PartialEq)]
struct Use<'t> {
    name: &'t str,
    parameters: Option<&'t str>,
    /// What is replaced.
    range: Range<usize>,
    /// Nothing follows it.
    ends_line: bool,
    /// `$NAME` without braces in front of a character that a name cannot be followed by.
    glued: bool,
}

/// Where the reader is, for what depends on it.
pub(super) struct Place<'a> {
    /// The file being read.
    pub(super) file: &'a Path,
    /// All files, and the frames of all expansions.
    pub(super) sources: &'a mut SourceMap,
    /// Where problems go.
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Place<'_> {
    fn report(&mut self, problem: Diagnostic) {
        self.diagnostics.push(problem.by_parent());
    }
}

impl<'e> Expander<'e> {
    pub(super) fn new(environment: &'e dyn Environment) -> Self {
        Self {
            environment,
            definitions: BTreeMap::new(),
            unfinished: None,
            not_used: BTreeSet::new(),
            random: Random(environment.random_seed()),
            memory_left: MOST_MEMORY,
            exhausted: false,
            too_deep: false,
        }
    }

    /// Whether there is room for one more line of so many bytes and words; says so once when not.
    pub(super) fn spend(&mut self, bytes: usize, words: usize, at: Span, place: &mut Place<'_>) -> bool {
        let cost = LINE_COST + bytes + words * WORD_COST;
        match self.memory_left.checked_sub(cost) {
            Some(left) => self.memory_left = left,
            None if !self.exhausted => {
                self.exhausted = true;
                let message =
                    "the configuration is too large, with all that its definitions and repetitions make";
                let problem = Diagnostic::error("expansion-too-large", at, message)
                    .label("left out from here on")
                    .consequence(Consequence::Refused)
                    .keepalived("goes on for as long as it takes, or for ever");
                place.report(problem);
            }
            None => {}
        }
        !self.exhausted
    }

    /// Whether an expansion may go on with one more line.
    pub(super) fn goes_on(&mut self, at: Span, place: &mut Place<'_>) -> bool {
        !self.too_deep && self.spend(0, 0, at, place)
    }

    /// Whether an expansion may have one more within it; says so once when not, and ends them all.
    pub(super) fn enter(&mut self, depth: usize, at: Span, place: &mut Place<'_>) -> bool {
        if depth >= DEEPEST_EXPANSION && !self.too_deep {
            self.too_deep = true;
            place.report(too_deep(at));
        }
        !self.too_deep
    }

    /// A definition is being read that goes on in the next line.
    pub(super) fn in_definition(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Whether a line is a part of a definition.
    pub(super) fn defines(&self, line: &Text) -> bool {
        self.in_definition() || definition(line.as_str()).is_some()
    }

    /// The next line of a definition.
    pub(super) fn continue_definition(&mut self, line: &Text, place: &mut Place<'_>) {
        let Some(mut definition) = self.unfinished.take() else { return };
        let (text, goes_on) = continued(line.as_str());
        if !text.is_empty() && self.spend(text.len(), 1, line.whole(), place) {
            definition.lines.push((text.into(), line.span(0..text.len())));
        }
        match goes_on {
            true => self.unfinished = Some(definition),
            false => self.finish(definition),
        }
    }

    /// Ends a definition that an empty line or the end of the file cuts off.
    pub(super) fn end(&mut self) {
        self.unfinished.take().into_iter().for_each(|definition| self.finish(definition));
    }

    fn finish(&mut self, unfinished: Unfinished) {
        let Unfinished { name, mut lines, start } = unfinished;
        let multiline = !lines.is_empty();
        if lines.is_empty() {
            lines.push(("".into(), start));
        }
        self.insert(name, lines, multiline, false);
    }

    fn insert(&mut self, name: String, lines: Vec<(Box<str>, Span)>, multiline: bool, loop_variable: bool) {
        let shared = match self.definitions.get(&name) {
            Some(before) => Arc::clone(&before.name),
            None => Arc::from(name.as_str()),
        };
        let definition = Definition { name: shared, lines, multiline, loop_variable };
        self.definitions.insert(name, Arc::new(definition));
    }

    /// What a line is, once conditions and definitions are applied.
    pub(super) fn meaning(&mut self, line: Text, place: &mut Place<'_>) -> Meaning {
        let mut rest = Vec::new();
        let first = self.outcome(line, &mut rest, place);
        Meaning { first, rest }
    }

    fn outcome(&mut self, mut line: Text, rest: &mut Vec<Rest>, place: &mut Place<'_>) -> Outcome {
        let mut budget = MOST_REPLACEMENTS;
        loop {
            if line.as_str().starts_with('@') {
                match self.condition(&line) {
                    Some(kept) => line = kept,
                    None => return Outcome::Nothing,
                }
            }
            if self.define(&line, place) {
                return Outcome::Nothing;
            }
            if line.as_str().starts_with("~SEQ") || line.as_str().starts_with("~LST") {
                return self.repetition(&line, place).map_or(Outcome::Nothing, Outcome::Repeat);
            }
            if line.as_str().starts_with('~') || !line.as_str().contains('$') {
                return Outcome::Line(line);
            }
            let before = budget;
            let complete = self.substitute(&mut line, rest, &mut budget, place);
            if budget == before {
                return Outcome::Line(line);
            }
            line.strip();
            if !complete {
                return Outcome::Line(line);
            }
        }
    }

    /// `@ID rest`, `@^ID rest`: the rest, where the condition holds.
    fn condition(&self, line: &Text) -> Option<Text> {
        let text = line.as_str();
        let reversed = text[1..].starts_with('^');
        let start = if reversed { 2 } else { 1 };
        let end = start + text[start..].find(is_blank)?;
        let holds = self.environment.config_id() == Some(&text[start..end]);
        let rest = text.len() - text[end..].trim_start_matches(is_blank).len();
        (holds != reversed).then(|| line.slice(rest..text.len()))
    }

    /// Takes a `$NAME=VALUE` line; says whether it was one.
    fn define(&mut self, line: &Text, place: &mut Place<'_>) -> bool {
        let Some((name, value)) = definition(line.as_str()) else { return false };
        if !self.spend(line.as_str().len(), 2, line.whole(), place) {
            return true;
        }
        let name = name.to_owned();
        let (text, goes_on) = continued(&line.as_str()[value..]);
        let at = line.span(value..value + text.len());
        if goes_on {
            let lines = if text.is_empty() { Vec::new() } else { vec![(text.into(), at)] };
            self.unfinished = Some(Unfinished { name, lines, start: line.whole() });
        } else {
            self.insert(name, vec![(text.into(), at)], false, false);
        }
        true
    }

    /// Replaces every use in a line, each at the cost of one of `budget`; says whether it could.
    fn substitute(
        &mut self,
        line: &mut Text,
        rest: &mut Vec<Rest>,
        budget: &mut usize,
        place: &mut Place<'_>,
    ) -> bool {
        let mut from = 0;
        while let Some(found) = line.as_str()[from..].find('$') {
            let at = from + found;
            let Some(value) = self.value_of(line, at, place) else {
                from = at + 1;
                continue;
            };
            let Value { text, range, definition } = value;
            if line.as_str().len() - range.len() + text.len() > LONGEST_LINE {
                place.report(too_long(line.span(range)));
                return false;
            }
            let used_at = line.span(range.clone());
            if let Some(definition) = &definition
                && place.sources.came_out_of(used_at, &definition.name)
            {
                place.report(endless(used_at));
                return false;
            }
            if !self.spend(0, 1, used_at, place) {
                return false;
            }
            if lexer::secret_start(&line.as_str()[..range.start]).is_some() {
                definition.iter().for_each(|d| d.lines.iter().for_each(|(_, at)| place.sources.mask(*at)));
            }
            let span = match &definition {
                Some(definition) if !definition.loop_variable => in_expansion(definition, 0, used_at, place),
                _ => used_at,
            };
            line.put(range, &text, span, definition.as_ref().is_some_and(|d| lexer::names_a_secret(&d.name)));
            *budget -= 1;
            if let Some(definition) = definition.filter(|definition| definition.multiline) {
                rest.push(Rest { definition, used_at });
            }
            if *budget == 0 {
                place.report(endless(used_at));
                return false;
            }
            if text.trim_start_matches(is_blank).starts_with('~') {
                break;
            }
            from = at;
        }
        true
    }

    /// What the use at a `$` is replaced by.
    fn value_of(&mut self, line: &Text, at: usize, place: &mut Place<'_>) -> Option<Value> {
        let found = use_at(line.as_str(), at)?;
        let span = line.span(found.range.clone());
        let Some(definition) = self.definitions.get(found.name).cloned() else {
            self.undefined(line.as_str(), at, &found, span, place);
            let text = self.predefined(&found, span, place)?;
            return Some(Value { text, range: found.range, definition: None });
        };
        if found.glued {
            self.report_once(span, found.name, glued_use(span, found.name), place);
            return None;
        }
        if definition.multiline && !found.ends_line {
            self.report_once(span, found.name, multiline_amid(span, found.name), place);
            return None;
        }
        if found.parameters.is_some() {
            return None;
        }
        let text = definition.lines[0].0.to_string();
        Some(Value { text, range: found.range, definition: Some(definition) })
    }

    /// Says of a name that nothing defines that it is left as it is. Within quotes it may be meant for a shell,
    /// and among passwords it may be one.
    fn undefined(&mut self, line: &str, at: usize, found: &Use<'_>, span: Span, place: &mut Place<'_>) {
        let quoted = line[..at].matches('"').count() % 2 == 1;
        let secret = || lexer::secret_start(line).is_some_and(|start| start <= at);
        if PREDEFINED.iter().any(|(name, ..)| *name == found.name) || quoted || secret() {
            return;
        }
        let near = suggest::spelling(found.name, self.definitions.keys().map(String::as_str));
        let problem = undefined_use(span, &line[found.range.clone()], near);
        self.report_once(span, found.name, problem, place);
    }

    fn report_once(&mut self, span: Span, name: &str, problem: Diagnostic, place: &mut Place<'_>) {
        if self.not_used.insert((span.file, span.start, name.to_owned())) {
            place.report(problem);
        }
    }

    /// What keepalived itself defines; `None` for anything else and for parameters that do not fit.
    fn predefined(&mut self, found: &Use<'_>, span: Span, place: &mut Place<'_>) -> Option<String> {
        let (_, least, most, numeric) = PREDEFINED.into_iter().find(|(name, ..)| *name == found.name)?;
        if found.glued {
            self.report_once(span, found.name, glued_use(span, found.name), place);
            return None;
        }
        let parameters: Vec<&str> =
            found.parameters.unwrap_or_default().split(is_blank).filter(|word| !word.is_empty()).collect();
        let numbers = parameters.iter().all(|word| word.bytes().all(|b| b.is_ascii_digit()));
        if numeric && !numbers {
            let text = format!("Definition {} requires numeric parameters only.", found.name);
            let message = format!("`${{{}}}` takes numbers only", found.name);
            place.report(parameter_problem(span, message, text).label("left as it is"));
            return None;
        }
        if parameters.len() < least || parameters.len() > most {
            if most > 0 {
                let (name, given) = (found.name, parameters.len());
                let text = format!(
                    "Definition {name} requires between {least} and {most} parameters, {given} specified."
                );
                let message = match least {
                    0 => format!("`${{{name}}}` takes {most} parameters at most, not {given}"),
                    _ => format!("`${{{name}}}` takes {least} parameter, not {given}"),
                };
                let problem = parameter_problem(span, message, text).label("left as it is");
                place.report(problem.keepalived("2.2 takes no notice of further parameters"));
            }
            return None;
        }
        match found.name {
            "_PWD" => {
                let file = self.environment.working_directory().join(place.file);
                Some(relative_to(&file, ".").display().to_string())
            }
            "_INSTANCE" => self.environment.config_id().map(str::to_owned),
            "_HASH" => Some("#".to_owned()),
            "_BANG" => Some("!".to_owned()),
            "_ENV" => Some(self.environment.variable(parameters[0]).unwrap_or_default()),
            _ => Some(self.random_between(&parameters, span, place).to_string()),
        }
    }

    fn random_between(&mut self, parameters: &[&str], span: Span, place: &mut Place<'_>) -> u64 {
        let bound = |n: usize, default| {
            parameters.get(n).map_or(default, |digits: &&str| digits.parse().unwrap_or(u64::MAX))
        };
        let (least, most) = (bound(0, 0), bound(1, 32_767));
        if least > most {
            let text = format!("${{_RANDOM}}: min {least} exceeds max {most}, using {least}");
            let message = format!("no number is from {least} to {most}");
            place.report(parameter_problem(span, message, text).label(format!("{least} is used")));
            return least;
        }
        self.random.between(least, most)
    }

    /// A line that starts with `~SEQ` or `~LST`; `None` when it is none, as reported.
    fn repetition(&mut self, line: &Text, place: &mut Place<'_>) -> Option<Repetition> {
        let text = line.as_str();
        let parsed = match text.starts_with("~SEQ") {
            true => self.sequence(line, place),
            false => repetition::list(text),
        };
        let (rounds, close) = match parsed {
            Ok(parsed) => parsed,
            Err(problem) => {
                place.report(malformed(line, problem));
                return None;
            }
        };
        let body = text.len() - text[close + 1..].trim_start_matches(is_blank).len();
        // The values of a list may be passwords.
        let head = if text.starts_with("~SEQ") { &text[..=close] } else { "~LST" };
        Some(Repetition {
            rounds,
            head: Arc::from(head),
            head_span: line.span(0..close + 1),
            body: line.slice(body..text.len()),
        })
    }

    fn sequence(&mut self, line: &Text, place: &mut Place<'_>) -> Result<(Rounds, usize), Malformed> {
        let head = repetition::sequence_head(line.as_str())?;
        let mut numbers = line.slice(head.numbers..head.close + 1);
        let mut rest = Vec::new();
        self.substitute(&mut numbers, &mut rest, &mut { MOST_REPLACEMENTS }, place);
        if !rest.is_empty() {
            return Err(Malformed {
                classic: Some("~SEQ parameter is multiline definition"),
                reason: "one of its numbers is a definition of several lines",
            });
        }
        Ok((repetition::sequence(head, numbers.as_str())?, head.close))
    }

    /// Sets the variables of a round and gives its line.
    pub(super) fn round(&mut self, repetition: &Repetition, n: u64, place: &mut Place<'_>) -> Text {
        for (name, value) in repetition.rounds.round(n) {
            self.insert(name.to_owned(), vec![(value.into(), repetition.head_span)], false, true);
        }
        let cause = Cause::Repetition {
            head: Arc::clone(&repetition.head),
            round: repetition.rounds.describe(n).into(),
        };
        let frame = place.sources.enter(repetition.head_span.frame, cause);
        repetition.body.within(frame)
    }
}

impl Repetition {
    /// How many rounds there are.
    pub(super) fn count(&self) -> u64 {
        self.rounds.count()
    }

    /// Where it is written.
    pub(super) fn span(&self) -> Span {
        self.head_span
    }
}

impl Rest {
    /// Where the definition is used.
    pub(super) fn span(&self) -> Span {
        self.used_at
    }

    /// The lines behind the first one.
    pub(super) fn lines(&self) -> Range<usize> {
        1..self.definition.lines.len()
    }

    /// One of them.
    pub(super) fn line(&self, n: usize, place: &mut Place<'_>) -> Text {
        let span = in_expansion(&self.definition, n, self.used_at, place);
        let secret = lexer::names_a_secret(&self.definition.name);
        Text::instead_of(span, &self.definition.lines[n].0, secret)
    }
}

/// The use of a definition, as the place of what its line `n` says.
fn in_expansion(definition: &Definition, n: usize, used_at: Span, place: &mut Place<'_>) -> Span {
    let cause = Cause::Definition { name: Arc::clone(&definition.name), at: definition.lines[n].1 };
    Span { frame: Some(place.sources.enter(used_at.frame, cause)), ..used_at }
}

/// What a use is replaced by.
struct Value {
    text: String,
    range: Range<usize>,
    definition: Option<Arc<Definition>>,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The name that a `$NAME=VALUE` line defines, and where the value starts.
fn definition(line: &str) -> Option<(&str, usize)> {
    let (name, _) = line.strip_prefix('$')?.split_once('=')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(is_name) {
        return None;
    }
    let value = line[name.len() + 2..].trim_start_matches(is_blank);
    Some((name, line.len() - value.len()))
}

/// A line of a definition without the backslash at its end, and whether there was one.
fn continued(line: &str) -> (&str, bool) {
    match line.strip_suffix('\\') {
        Some(text) => (text.trim_end_matches(is_blank), true),
        None => (line, false),
    }
}

/// The use that starts at a `$`, going by its form alone.
fn use_at(line: &str, at: usize) -> Option<Use<'_>> {
    let after = &line[at + 1..];
    let braces = after.starts_with('{');
    let inner = if braces { &after[1..] } else { after };
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let length = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
    let (name, behind) = inner.split_at(length);
    if !braces {
        let glued = !behind.is_empty() && !behind.starts_with([' ', '\t', ',', ')']);
        let range = at..at + 1 + length;
        return Some(Use { name, parameters: None, range, ends_line: behind.is_empty(), glued });
    }
    let close = behind.find(|c| !is_name(c) && !is_blank(c))?;
    if !behind[close..].starts_with('}') {
        return None;
    }
    let between = &behind[..close];
    let parameters = between.trim_start_matches(is_blank);
    if parameters.ends_with(is_blank) {
        return None;
    }
    // keepalived counts a single character behind a name without parameters, be it the brace or not:
    // `${NAME }` leaves its brace behind.
    let replaced = if parameters.is_empty() { length + 1 } else { length + close + 1 };
    Some(Use {
        name,
        parameters: Some(parameters).filter(|words| !words.is_empty()),
        range: at..at + 2 + replaced,
        ends_line: behind == "}",
        glued: false,
    })
}

/// A small generator of numbers that nobody has to be unable to guess (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Both ends included.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        match (most - least).checked_add(1) {
            Some(width) => least + self.next() % width,
            None => self.next(),
        }
    }
}

fn too_long(span: Span) -> Diagnostic {
    let message = format!("the line would grow beyond {LONGEST_LINE} bytes");
    Diagnostic::warning("line-too-long", span, message)
        .class(Class::Harmless)
        .label("this and further names of the line are not replaced")
        .help("put the text into several lines")
}

fn endless(span: Span) -> Diagnostic {
    Diagnostic::error("endless-definition", span, "a definition uses itself")
        .label("not replaced any further")
        .help("its value is looked up when it is used, so it cannot have itself in it: use another name")
        .keepalived("never ends replacing it")
        .consequence(Consequence::Refused)
}

fn too_deep(span: Span) -> Diagnostic {
    let message = format!("definitions and repetitions are nested more than {DEEPEST_EXPANSION} deep");
    Diagnostic::error("endless-definition", span, message)
        .label("left out from here on, and all further ones")
        .help("does a definition use itself?")
        .keepalived("goes on for ever when a definition uses itself")
        .consequence(Consequence::Refused)
}

fn glued_use(span: Span, name: &str) -> Diagnostic {
    Diagnostic::note("definition-not-used", span, format!("`${name}` is not replaced here"))
        .label(format!("write `${{{name}}}`"))
        .replace(span, format!("${name}"), format!("${{{name}}}"))
        .help("without braces a name is replaced before a blank, `,`, `)` and the end of the line only")
}

fn undefined_use(span: Span, used: &str, near: Option<&str>) -> Diagnostic {
    let problem = Diagnostic::note("undefined-name", span, format!("`{used}` is not defined at this point"))
        .label("left as it is");
    let problem = match near {
        Some(near) => problem.help(format!("did you mean `${{{near}}}`?")),
        None => problem.help("define it above its use, without blanks before the `=`: `$NAME=VALUE`"),
    };
    match used.starts_with("${") {
        true => problem.keepalived("takes its braces for those of a block"),
        false => problem,
    }
}

fn multiline_amid(span: Span, name: &str) -> Diagnostic {
    Diagnostic::note("definition-not-used", span, format!("`${name}` is not replaced here"))
        .label("its definition has several lines: nothing can follow it on a line")
}

fn parameter_problem(span: Span, message: String, classic: String) -> Diagnostic {
    Diagnostic::error("definition-parameters", span, message).classic(classic)
}

fn malformed(line: &Text, problem: Malformed) -> Diagnostic {
    let text = line.as_str();
    let kind = &text[..4];
    let shown = lexer::shown(text);
    let end = text.find(')').map_or(text.len(), |close| close + 1);
    let mut diagnostic =
        Diagnostic::error("bad-repetition", line.span(0..end), format!("this `{kind}` cannot be read"));
    if let Some(detail) = problem.classic {
        diagnostic = diagnostic.classic(format!("{detail} '{shown}'"));
    }
    diagnostic
        .classic(format!("Invalid {kind} specification '{shown}'"))
        .label(problem.reason)
        .keepalived("ignores this line")
}
