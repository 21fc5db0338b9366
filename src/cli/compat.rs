//! `vrrpd compat`: what of a configuration runs as in keepalived, what differs, and what is not run yet.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{DEFAULT_CONFIG, node_name};
use crate::config::environment::{Account, Environment, Fact, LinkFacts};
use crate::config::source::{SourceMap, Span};
use crate::config::{Consequence, FileSource, Support, Usage, Use, usage};
use crate::daemon::files::DiskFiles;
use crate::types::IfName;

/// Everything that the file asks for runs.
const RUNS: u8 = 0;
/// Something of it does not.
const DOES_NOT: u8 = 1;
/// There is no file to look at.
const NO_FILE: u8 = 2;

/// The question.
#[derive(Debug, clap::Args)]
#[command(
    about = "Say which keywords of a configuration run as in keepalived, differ, or are not run yet",
    after_help = "Exit code: 0 when everything in the file runs, 1 when something does not run yet or the file \
                  cannot start a daemon (with --strict: when something differs, too), 2 when there is no such file."
)]
pub(super) struct Compat {
    /// The configuration
    #[arg(value_name = "FILE", default_value = DEFAULT_CONFIG, value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// How to say it
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: Format,
    /// What differs from keepalived makes the exit code 1, too
    #[arg(long)]
    strict: bool,
    /// Selects lines that start with @ID; default: the name of this node
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The machine that the file is for, of which only its name is known: its interfaces and users are there.
struct Elsewhere {
    config_id: String,
}

impl Environment for Elsewhere {
    fn link(&self, _: &IfName) -> Fact<LinkFacts> {
        Fact::Unchecked
    }

    fn user(&self, _: &str) -> Fact<Account> {
        Fact::Unchecked
    }

    fn group(&self, _: &str) -> Fact<u32> {
        Fact::Unchecked
    }

    fn config_id(&self) -> Option<&str> {
        Some(&self.config_id)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

impl Compat {
    pub(super) fn run(self) -> Result<u8, u8> {
        let machine = Elsewhere { config_id: self.config_id.unwrap_or_else(node_name) };
        let report = Report::of(&self.file, &DiskFiles, &machine);
        if report.code(self.strict) == NO_FILE {
            eprintln!("vrrpd compat: {}", report.unreadable.as_deref().unwrap_or_default());
            return Err(NO_FILE);
        }
        let text = match self.format {
            Format::Text => report.text(),
            Format::Json => report.json(),
        };
        // A closed pipe is nobody's fault, and the answer is in the exit code all the same.
        let _ = io::stdout().lock().write_all(text.as_bytes());
        Ok(report.code(self.strict))
    }
}

/// What there is to say about a file.
#[derive(Debug, Serialize)]
struct Report {
    /// As it was asked for.
    file: String,
    /// Whether the daemon does all that the file asks for.
    runs: bool,
    /// Neither keepalived nor vrrpd starts with it; `vrrpd -t` says why.
    refused: bool,
    /// Keywords, in the order of their first use.
    keywords: Vec<Entry>,
    /// Lines that are none: keepalived ignores them too.
    unknown: usize,
    #[serde(skip)]
    unreadable: Option<String>,
}

/// A keyword with all its uses.
#[derive(Debug, Serialize)]
struct Entry {
    /// The blocks around it, outermost first.
    home: Vec<&'static str>,
    keyword: String,
    support: Verdict,
    /// How it differs, or what it means that it is not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    /// The block for which alone it is not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_alone_with: Option<&'static str>,
    uses: Vec<Place>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    NotRunYet,
    Differs,
    Same,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Place {
    file: String,
    line: usize,
}

fn place(sources: &SourceMap, span: Span) -> Place {
    Place { file: sources.file(span.file).path.display().to_string(), line: sources.position(span).0 }
}

impl Report {
    fn of(path: &Path, files: &dyn FileSource, machine: &dyn Environment) -> Self {
        let Usage { loaded, uses } = usage(path, files, machine);
        let unreadable = loaded.diagnostics.iter().find(|d| d.consequence == Consequence::NothingToRun);
        let mut keywords: Vec<Entry> = Vec::new();
        let mut known = BTreeMap::new();
        for used in &uses {
            let key = (used.home.to_vec(), used.keyword.clone(), used.left_alone_with);
            let index = *known.entry(key).or_insert_with(|| {
                keywords.push(Entry::of(used));
                keywords.len() - 1
            });
            keywords[index].uses.push(place(&loaded.sources, used.span));
        }
        keywords.iter_mut().for_each(|entry| entry.uses.dedup());
        let refused = loaded.is_fatal();
        Self {
            file: path.display().to_string(),
            runs: !refused && keywords.iter().all(|entry| entry.support != Verdict::NotRunYet),
            refused,
            keywords,
            unknown: loaded.diagnostics.iter().filter(|d| d.id == "unknown-keyword").count(),
            unreadable: unreadable.map(|d| d.message.clone()),
        }
    }

    fn code(&self, strict: bool) -> u8 {
        match self {
            Self { unreadable: Some(_), .. } => NO_FILE,
            Self { runs: true, .. } if !strict || self.count(Verdict::Differs) == 0 => RUNS,
            _ => DOES_NOT,
        }
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.keywords.iter().filter(|entry| entry.support == verdict).count()
    }

    fn json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (verdict, title) in [
            (Verdict::NotRunYet, "Not run yet"),
            (Verdict::Differs, "Differs from keepalived"),
            (Verdict::Same, "As in keepalived"),
        ] {
            let entries = || self.keywords.iter().filter(|entry| entry.support == verdict);
            if entries().next().is_none() {
                continue;
            }
            text += &format!("{title}:\n");
            let width = entries().map(|entry| entry.name().chars().count()).max().unwrap_or(0);
            for entry in entries() {
                text += &format!("  {:width$}  {}\n", entry.name(), self.places(entry));
                if let Some(explanation) = &entry.explanation {
                    text += &format!("      {explanation}\n");
                }
            }
            text.push('\n');
        }
        text + &self.summary()
    }

    /// `12, 40`, with the file where it is another than the one that was asked for.
    fn places(&self, entry: &Entry) -> String {
        const MOST: usize = 8;
        let shown = |place: &Place| match place.file == self.file {
            true => place.line.to_string(),
            false => format!("{}:{}", place.file, place.line),
        };
        let mut places: Vec<String> = entry.uses.iter().take(MOST).map(shown).collect();
        if entry.uses.len() > MOST {
            places.push(format!("and {} more", entry.uses.len() - MOST));
        }
        let word = if entry.uses.len() == 1 { "line" } else { "lines" };
        format!("{word} {}", places.join(", "))
    }

    fn summary(&self) -> String {
        let (not_yet, differ) = (self.count(Verdict::NotRunYet), self.count(Verdict::Differs));
        let all = self.keywords.len();
        let mut text = format!(
            "{}: {all} keywords, {} as in keepalived, {differ} that differ, {not_yet} not run yet.\n",
            self.file,
            all - not_yet - differ,
        );
        if self.unknown > 0 {
            let lines = if self.unknown == 1 { "line begins" } else { "lines begin" };
            text += &format!("{} {lines} with no keyword; `vrrpd -t` says more.\n", self.unknown);
        }
        text += match self {
            Self { refused: true, .. } => "No daemon starts with this file; `vrrpd -t` says why.\n",
            Self { runs: true, .. } => "All of it runs.\n",
            _ => "Not all of it runs yet.\n",
        };
        text
    }
}

impl Entry {
    fn of(used: &Use) -> Self {
        let (support, explanation) = match (used.left_alone_with, used.support) {
            (Some(_), _) => (Verdict::NotRunYet, None),
            (None, Support::NotYet(effect)) => (Verdict::NotRunYet, Some(effect.to_owned())),
            (None, Support::Differs(how)) => (Verdict::Differs, Some(how.to_owned())),
            (None, Support::Same) => (Verdict::Same, None),
        };
        Self {
            home: used.home.to_vec(),
            keyword: used.keyword.clone(),
            support,
            explanation,
            left_alone_with: used.left_alone_with,
            uses: Vec::new(),
        }
    }

    fn name(&self) -> String {
        let words = self.home.iter().copied().chain([self.keyword.as_str()]);
        words.collect::<Vec<_>>().join(" › ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::MemoryFiles;

    fn report(text: &str) -> Report {
        let files =
            MemoryFiles::single("k.conf", text).with("more.conf", "vrrp_instance W {\n priority 3\n}\n");
        Report::of(Path::new("k.conf"), &files, &Elsewhere { config_id: "here".to_owned() })
    }

    const RUNNING: &str =
        "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n  10.0.0.1\n }\n}\n";

    #[test]
    fn a_file_that_runs_is_told_from_one_that_does_not() {
        let file = report(RUNNING);
        assert_eq!((file.code(false), file.count(Verdict::Same)), (RUNS, 4), "{}", file.text());
        let file = report(&RUNNING.replace(" virtual_router_id 1\n", ""));
        assert_eq!((file.code(false), file.refused), (DOES_NOT, true), "{}", file.text());
        let file = report(
            &(RUNNING.to_owned()
                + "virtual_server 10.0.0.1 80 {\n real_server 10.0.0.2 {\n TCP_CHECK {\n }\n }\n}\n"),
        );
        assert_eq!((file.code(false), file.count(Verdict::NotRunYet)), (DOES_NOT, 3), "{}", file.text());
        assert!(
            file.text().contains("virtual_server › real_server › TCP_CHECK  line 10\n"),
            "{}",
            file.text()
        );
        let missing =
            Report::of(Path::new("none"), &MemoryFiles::default(), &Elsewhere { config_id: String::new() });
        assert_eq!(missing.code(false), NO_FILE);
    }

    #[test]
    fn uses_are_counted_in_all_files_and_once_for_each_line() {
        let file = report(
            "vrrp_instance V {\n priority 1\n priority 2\n}\n~SEQ(X,1,9) vrrp_instance V$X { priority $X\n}\ninclude more.conf\n",
        );
        let text = file.text();
        assert!(text.contains("vrrp_instance › priority  lines 2, 3, 5, more.conf:2\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&file.json()).unwrap();
        assert_eq!(json["keywords"][1]["uses"][3], serde_json::json!({"file": "more.conf", "line": 2}));
        assert_eq!(json["keywords"][1]["support"], "same");
    }
}
