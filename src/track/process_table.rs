//! Which processes are those that a `vrrp_track_process` looks for.
//!
//! Facts about single processes go in, in the order in which they happened; changed numbers come out. What
//! matches nothing leaves no trace, so that a machine that forks all day costs nothing here.

use super::Because;
use crate::config::block::{ParamMatch, ProcessPattern, TrackProcess};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a process is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProcessImage {
    /// The name that the kernel keeps, at most 15 bytes.
    pub name: Vec<u8>,
    /// Its command line, each word ended by a NUL; empty where nobody asks for it.
    pub command_line: Vec<u8>,
}

/// Something that is known of a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProcessFact {
    /// It is this now: it was found, or became this by `exec`.
    Is(u32, ProcessImage),
    /// The kernel keeps another name of it now.
    Renamed(u32, Vec<u8>),
    /// The first made the second, its copy.
    Forked(u32, u32),
    /// It has ended.
    Gone(u32),
    /// These are all that there are.
    All(Vec<(u32, ProcessImage)>),
}

/// A number that has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Census {
    /// Name of the `vrrp_track_process`.
    pub process: String,
    /// How many there are.
    pub count: usize,
    /// What has changed it.
    pub because: Because,
}

/// Processes that match something.
#[derive(Debug, Default)]
pub struct ProcessTable {
    patterns: Vec<Pattern>,
    /// By its id, what each matches: places in `patterns`.
    members: BTreeMap<u32, BTreeSet<usize>>,
}

#[derive(Debug)]
struct Pattern {
    config: Arc<TrackProcess>,
    count: usize,
}

impl ProcessTable {
    /// A table in which nothing is known yet.
    #[must_use]
    pub fn new(processes: impl IntoIterator<Item = Arc<TrackProcess>>) -> Self {
        let patterns = processes.into_iter().map(|config| Pattern { config, count: 0 }).collect();
        Self { patterns, members: BTreeMap::new() }
    }

    /// Whether command lines have to be read. Reading one may bring memory of the process back from disk.
    #[must_use]
    pub fn wants_command_lines(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.config.pattern.full_command)
    }

    /// The processes that match something.
    pub fn members(&self) -> impl Iterator<Item = u32> {
        self.members.keys().copied()
    }

    /// Takes a fact; the numbers that have changed by it. All of them, after [`ProcessFact::All`].
    pub fn handle(&mut self, fact: ProcessFact) -> Vec<Census> {
        let mut changed = BTreeSet::new();
        let because = match fact {
            ProcessFact::Is(pid, image) => {
                self.assign(pid, &image, &mut changed);
                Because::Found
            }
            ProcessFact::Renamed(pid, name) => {
                self.rename(pid, &name, &mut changed);
                Because::Found
            }
            ProcessFact::Forked(parent, child) => {
                if let Some(inherited) = self.members.get(&parent).cloned() {
                    self.set(child, inherited, &mut changed);
                }
                Because::Fork
            }
            ProcessFact::Gone(pid) => {
                self.set(pid, BTreeSet::new(), &mut changed);
                Because::Exit
            }
            ProcessFact::All(all) => {
                self.members.clear();
                self.patterns.iter_mut().for_each(|pattern| pattern.count = 0);
                for (pid, image) in all {
                    self.assign(pid, &image, &mut changed);
                }
                changed = (0..self.patterns.len()).collect();
                Because::Found
            }
        };
        let census = |index: usize| {
            let Pattern { config, count } = &self.patterns[index];
            Census { process: config.name.clone(), count: *count, because }
        };
        changed.into_iter().map(census).collect()
    }

    fn assign(&mut self, pid: u32, image: &ProcessImage, changed: &mut BTreeSet<usize>) {
        let matches = |(index, pattern): (usize, &Pattern)| {
            pattern.config.pattern.matches(&image.name, &image.command_line).then_some(index)
        };
        let now = self.patterns.iter().enumerate().filter_map(matches).collect();
        self.set(pid, now, changed);
    }

    /// A new name is nothing to those that look at command lines.
    fn rename(&mut self, pid: u32, name: &[u8], changed: &mut BTreeSet<usize>) {
        let mut now = self.members.get(&pid).cloned().unwrap_or_default();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let pattern = &pattern.config.pattern;
            if pattern.full_command {
                continue;
            }
            if pattern.matches(name, b"") {
                now.insert(index);
            } else {
                now.remove(&index);
            }
        }
        self.set(pid, now, changed);
    }

    fn set(&mut self, pid: u32, now: BTreeSet<usize>, changed: &mut BTreeSet<usize>) {
        let before = match now.is_empty() {
            true => self.members.remove(&pid),
            false => self.members.insert(pid, now.clone()),
        };
        let before = before.unwrap_or_default();
        for &index in before.difference(&now) {
            self.patterns[index].count -= 1;
            changed.insert(index);
        }
        for &index in now.difference(&before) {
            self.patterns[index].count += 1;
            changed.insert(index);
        }
    }
}

impl ProcessPattern {
    /// Whether a process is meant: by the name that the kernel keeps, or by its command line with a NUL
    /// behind each word.
    #[must_use]
    pub fn matches(&self, name: &[u8], command_line: &[u8]) -> bool {
        if !self.full_command {
            return name == self.command.as_bytes();
        }
        let end = command_line.iter().position(|byte| *byte == 0).unwrap_or(command_line.len());
        let (command, params) = command_line.split_at(end);
        let params = params.get(1..).unwrap_or_default();
        command == self.command.as_bytes() && self.matches_params(params)
    }

    fn matches_params(&self, params: &[u8]) -> bool {
        let wanted: Vec<u8> =
            self.params.iter().flat_map(|param| [param.as_bytes(), b"\0"].concat()).collect();
        match self.param_match {
            None => true,
            Some(ParamMatch::Exact) => params == wanted,
            Some(ParamMatch::Partial) => params.starts_with(&wanted),
            Some(ParamMatch::Initial) => params.starts_with(wanted.strip_suffix(b"\0").unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::sample::process;

    fn pattern(words: &[&str], param_match: Option<ParamMatch>) -> ProcessPattern {
        let mut words = words.iter().map(|word| (*word).to_owned());
        let command = words.next().unwrap_or_default();
        let full_command = param_match.is_some();
        ProcessPattern { command, params: words.collect(), param_match, full_command }
    }

    fn line(words: &str) -> Vec<u8> {
        words.split(' ').flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
    }

    /// oracle: keepalived 2.2.7, and its manual's words on `param_match`.
    #[test]
    fn parameters_are_the_same_or_others_follow_or_the_last_goes_on() {
        use ParamMatch::{Exact, Initial, Partial};
        let matches = |how: Option<ParamMatch>, wanted: &[&str], words: &str| {
            pattern(wanted, how).matches(b"", &line(words))
        };
        let lines = ["/bin/a x", "/bin/a x y", "/bin/a xy", "/bin/a", "/bin/b x"];
        let of = |how, wanted: &[&str]| lines.map(|line| matches(Some(how), wanted, line));
        assert_eq!(of(Exact, &["/bin/a", "x"]), [true, false, false, false, false]);
        assert_eq!(of(Partial, &["/bin/a", "x"]), [true, true, false, false, false]);
        assert_eq!(of(Initial, &["/bin/a", "x"]), [true, true, true, false, false]);
        assert_eq!(of(Exact, &["/bin/a"]), [false, false, false, true, false]);
        assert_eq!(of(Partial, &["/bin/a"]), [true, true, true, true, false]);
        let whole = ProcessPattern { full_command: true, ..pattern(&["/bin/a"], None) };
        assert!(whole.matches(b"b", &line("/bin/a x")));
        assert!(!pattern(&["/bin/a"], None).matches(b"a", &line("/bin/a")));
        assert!(pattern(&["a"], None).matches(b"a", b""));
    }

    fn image(name: &str, words: &str) -> ProcessImage {
        ProcessImage { name: name.into(), command_line: line(words) }
    }

    /// `a` by name, `b` by command line.
    fn table() -> ProcessTable {
        let by_name = TrackProcess { pattern: pattern(&["a"], None), ..process("a") };
        let by_line = pattern(&["/bin/b", "x"], Some(ParamMatch::Exact));
        let by_line = TrackProcess { pattern: by_line, ..process("b") };
        ProcessTable::new([Arc::new(by_name), Arc::new(by_line)])
    }

    fn after(table: &mut ProcessTable, fact: ProcessFact) -> Vec<(String, usize, Because)> {
        table.handle(fact).into_iter().map(|census| (census.process, census.count, census.because)).collect()
    }

    #[test]
    fn a_process_is_followed_from_fork_by_exec_and_name_to_its_end() {
        use Because::{Exit, Fork, Found};
        use ProcessFact::{All, Forked, Gone, Is, Renamed};
        let mut table = table();
        let all = vec![(1, image("init", "/sbin/init")), (7, image("a", "/bin/a"))];
        assert_eq!(after(&mut table, All(all)), [("a".into(), 1, Found), ("b".into(), 0, Found)]);
        assert_eq!(after(&mut table, Forked(1, 8)), []);
        assert_eq!(after(&mut table, Forked(7, 9)), [("a".into(), 2, Fork)]);
        assert_eq!(
            after(&mut table, Is(9, image("b", "/bin/b x"))),
            [("a".into(), 1, Found), ("b".into(), 1, Found)]
        );
        assert_eq!(after(&mut table, Is(9, image("b", "/bin/b x"))), []);
        assert_eq!(after(&mut table, Renamed(9, b"a".to_vec())), [("a".into(), 2, Found)]);
        assert_eq!(after(&mut table, Renamed(8, b"x".to_vec())), []);
        assert_eq!(after(&mut table, Renamed(7, b"x".to_vec())), [("a".into(), 1, Found)]);
        assert_eq!(after(&mut table, Gone(7)), []);
        assert_eq!(after(&mut table, Gone(9)), [("a".into(), 0, Exit), ("b".into(), 0, Exit)]);
        assert_eq!(table.members().count(), 0);
    }

    #[test]
    fn a_new_count_forgets_what_was_known() {
        let mut table = table();
        table.handle(ProcessFact::Is(7, image("a", "/bin/a")));
        let all = ProcessFact::All(vec![(9, image("a", "/bin/a")), (10, image("a", "/bin/a"))]);
        assert_eq!(table.handle(all).first().map(|census| census.count), Some(2));
        assert_eq!(table.members().collect::<Vec<_>>(), [9, 10]);
    }
}
