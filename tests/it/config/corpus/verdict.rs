//! What a daemon makes of a file under `-t`, and where two of them differ.

use super::declared::excuse;
use super::finding::{Finding, Reached, Report, Side, Surface};
use std::collections::BTreeSet;

/// An exit code, and every line with its place.
pub(crate) struct Verdict {
    pub(crate) exit: u64,
    pub(crate) said: BTreeSet<(String, String)>,
}

impl Verdict {
    /// Of the lines that were printed about the file `main`.
    pub(crate) fn new(exit: u64, lines: impl IntoIterator<Item = impl AsRef<str>>, main: &str) -> Self {
        Self { exit, said: lines.into_iter().map(|line| placed(line.as_ref(), main)).collect() }
    }
}

/// `line` or `file:line` of a classic message, empty for one without a place, and the message.
fn placed(text: &str, main: &str) -> (String, String) {
    let split = || {
        let (place, message) = text.strip_prefix('(')?.split_once(") ")?;
        let (file, line) = place.rsplit_once("Line ")?;
        let _: usize = line.parse().ok()?;
        let file = file.trim_end_matches([' ', ':']);
        let is_main = file.is_empty() || file == main;
        Some((if is_main { line.to_owned() } else { format!("{file}:{line}") }, message.to_owned()))
    };
    split().unwrap_or_else(|| (String::new(), text.to_owned()))
}

/// A file that both daemons were asked about.
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    /// How far keepalived got.
    pub(crate) reached: Reached,
}

impl Asked<'_> {
    /// Compares exit codes and lines, each on its surface.
    pub(crate) fn compare(
        &self,
        theirs: &Verdict,
        ours: &Verdict,
        [verdict, lines]: [Surface; 2],
        report: &mut Report,
    ) {
        let finding = |surface, side, place: &str, text: String| {
            let (file, place) = (self.name.to_owned(), self.shown(place));
            Finding { surface, side, reached: self.reached, file, place, text, follows_from: None }
        };
        report.agreed(lines, ours.said.intersection(&theirs.said).count());
        let missing = theirs.said.difference(&ours.said).map(|said| (Side::Missing, said));
        let extra = ours.said.difference(&theirs.said).map(|said| (Side::Extra, said));
        let differing =
            missing.chain(extra).map(|(side, (place, text))| finding(lines, side, place, text.clone()));
        let differing: Vec<Finding> = differing.collect();
        if ours.exit == theirs.exit {
            report.agreed(verdict, 1);
        } else {
            let text = format!("exit code {} of keepalived, {} of ours", theirs.exit, ours.exit);
            // What is declared of lines explains the verdict, where nothing else differs.
            let reasons: Option<Vec<&'static str>> = differing.iter().map(excuse).collect();
            let follows_from = reasons.and_then(|reasons| reasons.first().copied());
            report.add(Finding { follows_from, ..finding(verdict, Side::Missing, "", text) });
        }
        differing.into_iter().for_each(|finding| report.add(finding));
    }

    /// A place with its line of the configuration, as far as that is the main file.
    fn shown(&self, place: &str) -> String {
        let line = place.parse::<usize>().ok().and_then(|n| self.text.lines().nth(n.saturating_sub(1)));
        line.map_or_else(|| place.to_owned(), |line| format!("{place}: `{}`", line.trim()))
    }
}
