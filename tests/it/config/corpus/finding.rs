//! What two daemons do not have in common, sorted so that the commonest can be mended first.

use super::alignment::{Step, align};
use std::collections::BTreeMap;
use std::fmt;

/// Where a difference shows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Surface {
    /// Exit code of `-t` on a machine with everything that the file names.
    Verdict,
    /// Exit code of `-t` on a machine with nothing but `lo`.
    BareVerdict,
    /// Lines of the first.
    Said,
    /// Lines of the second.
    BareSaid,
    /// The dump of the VRRP process.
    VrrpDump,
    /// The dump of the checker process.
    LvsDump,
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verdict => "verdicts",
            Self::BareVerdict => "verdicts, bare",
            Self::Said => "lines of -t",
            Self::BareSaid => "lines of -t, bare",
            Self::VrrpDump => "VRRP dump",
            Self::LvsDump => "LVS dump",
        })
    }
}

/// Who says it alone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Side {
    /// keepalived says it and we do not.
    Missing,
    /// We say it and keepalived does not.
    Extra,
}

/// How far keepalived got with a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Reached {
    /// It has said all that it has to say.
    #[default]
    End,
    /// An instance cannot run, so the others were not looked at.
    Completion,
    /// A keyword has no argument, so the rest was not read.
    Line,
    /// It crashed.
    Crash,
    /// It could not enter its network namespace, and ended without having looked at the rest.
    Namespace,
}

impl Reached {
    /// Of the exit code and the lines of `-t`.
    pub(crate) fn of(exit: u64, log: &[String]) -> Self {
        const UNFIT: [&str; 6] = [
            "Non-existent interface specified in configuration",
            "the virtual router id must be set",
            "Unknown interface!",
            "No VIP specified; at least one is required",
            "Unicast instances must have unicast_src_ip or interface",
            " both use VRID ",
        ];
        let said = |words: &str| log.iter().any(|line| line.contains(words));
        match exit {
            128.. => Self::Crash,
            _ if said("*** Configuration line starting `") => Self::Line,
            _ if UNFIT.iter().any(|words| said(words)) => Self::Completion,
            _ => Self::End,
        }
    }
}

/// One difference.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) surface: Surface,
    pub(crate) side: Side,
    pub(crate) reached: Reached,
    /// The file of the corpus.
    pub(crate) file: String,
    /// Line of the configuration with its text, or section of the dump.
    pub(crate) place: String,
    pub(crate) text: String,
    /// Of a verdict: the declared difference of lines from which it follows.
    pub(crate) follows_from: Option<&'static str>,
}

impl Finding {
    /// The text without what differs from file to file: numbers, names, quoted words.
    pub(crate) fn kind(&self) -> String {
        let place = match self.surface {
            Surface::VrrpDump | Surface::LvsDump => format!("[{}] ", self.place),
            _ => String::new(),
        };
        let text = match self.surface {
            Surface::VrrpDump | Surface::LvsDump => {
                let label = self.text.split(" = ").next().unwrap_or_default();
                if label.len() < self.text.len() { format!("{label} = …") } else { pattern(&self.text) }
            }
            Surface::Verdict | Surface::BareVerdict => self.text.clone(),
            _ => pattern(&self.text),
        };
        format!("{place}{text}")
    }
}

/// `(V_1) track script 'x' not found` → `(…) track script '…' not found`.
fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let close = match c {
            '\'' => Some('\''),
            '(' => Some(')'),
            '[' => Some(']'),
            _ => None,
        };
        if let Some(end) = close.and_then(|close| rest[1..].find(close)) {
            pattern.extend([c, '…']);
            rest = &rest[end + 1..];
            pattern.extend(rest.chars().next());
            rest = &rest[1..];
        } else if c.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !matches!(c, '.' | ':' | '/'));
            rest = &rest[end.unwrap_or(rest.len())..];
            pattern.push('#');
        } else {
            pattern.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    pattern
}

/// What agrees on one surface, and what does not.
#[derive(Debug, Default)]
struct Tally {
    agreed: usize,
    declared: usize,
    differing: usize,
}

/// Everything that a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    tallies: BTreeMap<Surface, Tally>,
    findings: Vec<Finding>,
    /// How often each declared difference was met, by its id.
    pub(crate) declared: BTreeMap<&'static str, usize>,
}

impl Report {
    pub(crate) fn agreed(&mut self, surface: Surface, count: usize) {
        self.tallies.entry(surface).or_default().agreed += count;
    }

    /// A difference, declared or not.
    pub(crate) fn add(&mut self, finding: Finding) {
        let tally = self.tallies.entry(finding.surface).or_default();
        match finding.follows_from.or_else(|| super::declared::excuse(&finding)) {
            Some(id) => {
                tally.declared += 1;
                *self.declared.entry(id).or_default() += 1;
            }
            None => {
                tally.differing += 1;
                self.findings.push(finding);
            }
        }
    }

    /// Agreement on a surface in ten-thousandths, declared differences left out; all of it without samples.
    pub(crate) fn agreement(&self, surface: Surface) -> usize {
        self.tallies.get(&surface).map_or(10_000, |t| t.agreed * 10_000 / (t.agreed + t.differing).max(1))
    }

    /// One line for each surface.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:<18} {:>7} {:>9} {:>9} {:>9}\n",
            "surface", "agreed", "differing", "declared", "share"
        );
        for (surface, tally) in &self.tallies {
            let share = self.agreement(*surface) as f64 / 100.0;
            let surface = surface.to_string();
            let Tally { agreed, declared, differing } = tally;
            table += &format!("{surface:<18} {agreed:>7} {differing:>9} {declared:>9} {share:>7.2} %\n");
        }
        for (id, count) in &self.declared {
            table += &format!("declared: {id} ({count})\n");
        }
        table
    }

    /// The kinds of differences, commonest first, each with up to `examples` of them.
    pub(crate) fn by_frequency(&self, examples: usize) -> String {
        let mut kinds: BTreeMap<(Surface, Side, String), Vec<&Finding>> = BTreeMap::new();
        for finding in &self.findings {
            kinds.entry((finding.surface, finding.side, finding.kind())).or_default().push(finding);
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, findings)| std::cmp::Reverse(findings.len()));
        let mut list = String::new();
        for ((surface, side, kind), findings) in kinds {
            let sign = match side {
                Side::Missing => '-',
                Side::Extra => '+',
            };
            list += &format!("{:>5} {surface} {sign} {kind}\n", findings.len());
            for finding in findings.iter().take(examples) {
                let Finding { file, place, text, .. } = finding;
                list += &format!("        {file}: {place}: {text}\n");
            }
        }
        list
    }
}

/// Compares two dumps line by line; a line is told with the section that it stands in.
pub(crate) fn compare_texts(file: &str, surface: Surface, theirs: &[&str], ours: &str, report: &mut Report) {
    let ours: Vec<&str> = ours.lines().map(str::trim_end).collect();
    let theirs: Vec<&str> = theirs.iter().map(|line| line.trim_end()).collect();
    let steps = align(&theirs, &ours);
    let missing = steps.iter().filter(|step| matches!(step, Step::Left(_))).count();
    report.agreed(surface, theirs.len() - missing);
    for step in steps {
        let (side, lines, n) = match step {
            Step::Left(n) => (Side::Missing, &theirs, n),
            Step::Right(n) => (Side::Extra, &ours, n),
        };
        let place = lines[..=n].iter().rev().find_map(|line| section(line)).unwrap_or_default();
        let (file, text) = (file.to_owned(), lines[n].to_owned());
        let reached = Reached::End;
        let place = place.to_owned();
        report.add(Finding { surface, side, reached, file, place, text, follows_from: None });
    }
}

fn section(line: &str) -> Option<&str> {
    line.strip_prefix("------< ")?.strip_suffix(" >------")
}

#[test]
fn texts_that_differ_in_names_and_numbers_only_are_one_kind() {
    assert_eq!(pattern("(V_1) track script 'x y' not found [7"), "(…) track script '…' not found [#");
    assert_eq!(pattern("it's 10.0.0.1/24"), "it's #");
}
