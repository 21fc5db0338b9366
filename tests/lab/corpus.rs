//! Our `-t` against Debian's keepalived on files that nobody has written by hand: made at random from the keyword
//! tables, and, where there is a corpus of real files, those.
//!
//! `VRRPD_SEEDS=1000..3000` tries other seeds than the usual ones, `VRRPD_FILES=DIRECTORY` keeps the files with
//! what both daemons said.

#[path = "../it/config/corpus/alignment.rs"]
#[allow(dead_code)]
mod alignment;
#[path = "../it/config/corpus/declared.rs"]
#[allow(dead_code)]
mod declared;
#[path = "../it/config/corpus/finding.rs"]
#[allow(dead_code)]
mod finding;
#[path = "../it/config/corpus/place.rs"]
mod place;
#[path = "../it/config/corpus/verdict.rs"]
mod verdict;

mod made;
mod words;

use crate::world::{need, tool};
use finding::{Reached, Report, Surface};
use made::{Language, Place, make};
use place::{absent, corpus};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use verdict::{Asked, Verdict};

/// The seeds that are tried every time.
const SEEDS: Range<u64> = 190..340;
/// Lines said of real files that agree at least, in ten-thousandths.
const LINES_OF_REAL_FILES: usize = 9_990;
/// Where keepalived would end without a word.
const NO_NAMESPACE: &str = "Unable to set network namespace";
/// Of the published files every so many are tried every time; `VRRPD_FILES` tries all.
const OF_OPEN: usize = 12;

/// Asks both daemons about `k.conf` in each of the directories that are named on its input, in a network namespace
/// of their own. keepalived may hang or crash.
const ASK: &str = "
    ip link set lo up
    [ \"$3\" = bare ] || { ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up; }
    while read -r dir; do
        timeout -s KILL 10 \"$1\" -t -l -i here -f \"$dir/k.conf\" >\"$dir/theirs\" 2>&1 </dev/null
        echo $? >\"$dir/exit\"
        timeout -s KILL 20 \"$2\" -t --format json -i here -f \"$dir/k.conf\" >\"$dir/ours\" 2>/dev/null </dev/null
    done
    exit 0";

/// A machine with eth0 and eth1, or with nothing but lo.
#[derive(Clone, Copy)]
enum Machine {
    Full,
    Bare,
}

fn ask(directories: &[PathBuf], machine: Machine) {
    let list: String = directories.iter().map(|dir| format!("{}\n", dir.display())).collect();
    let input = directories[0].with_extension("list");
    fs::write(&input, list).expect("a list of files");
    let machine = match machine {
        Machine::Full => "full",
        Machine::Bare => "bare",
    };
    let status = Command::new("unshare")
        .args(["-n", "sh", "-c", ASK, "ask"])
        .arg(tool("keepalived"))
        .args([env!("CARGO_BIN_EXE_vrrpd"), machine])
        .stdin(fs::File::open(&input).expect("the list"))
        .status();
    assert!(status.expect("unshare is needed").success(), "both were asked");
}

/// Files that both daemons are asked about, half of them at a time.
struct Files {
    dir: PathBuf,
    _own: Option<tempfile::TempDir>,
}

impl Files {
    fn new() -> Self {
        need(&["keepalived"]);
        if let Some(dir) = std::env::var_os("VRRPD_FILES") {
            return Self { dir: dir.into(), _own: None };
        }
        let own = tempfile::tempdir().expect("a directory for the files");
        Self { dir: own.path().to_owned(), _own: Some(own) }
    }

    fn directory(&self, name: &str) -> PathBuf {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).expect("a directory for a file");
        dir
    }

    fn ask(&self, names: &[String], machine: Machine) {
        let directories: Vec<PathBuf> = names.iter().map(|name| self.directory(name)).collect();
        std::thread::scope(|scope| {
            for part in directories.chunks(directories.len().div_ceil(2)) {
                scope.spawn(move || ask(part, machine));
            }
        });
    }

    fn compare(&self, names: &[String], surfaces: [Surface; 2], report: &mut Report) {
        for name in names {
            let dir = self.dir.join(name);
            let main = dir.join("k.conf").display().to_string();
            let text = read(&dir.join("k.conf"));
            let log: Vec<String> = read(&dir.join("theirs")).lines().map(str::to_owned).collect();
            let log: Vec<String> = log.into_iter().filter(|line| !is_noise(line)).collect();
            let exit = read(&dir.join("exit")).trim().parse().expect("an exit code");
            let theirs = Verdict::new(exit, &log, &main);
            let ours = ours(&dir.join("ours"), &main);
            let reached = match ours.said.iter().any(|(_, text)| text.starts_with(NO_NAMESPACE)) {
                true => Reached::Namespace,
                false => Reached::of(exit, &log),
            };
            Asked { name, text: &text, reached }.compare(&theirs, &ours, surfaces, report);
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// What says nothing about a file.
fn is_noise(line: &str) -> bool {
    let is_of_shell = ["Segmentation fault", "Aborted", "Killed"].contains(&line);
    line.is_empty() || is_of_shell || line.contains("has no configuration to run")
}

/// What we report, in keepalived's words.
fn ours(path: &Path, main: &str) -> Verdict {
    let report: serde_json::Value = serde_json::from_str(&read(path))
        .unwrap_or_else(|error| panic!("{}: no report of ours: {error}", path.display()));
    let diagnostics = report["diagnostics"].as_array().cloned().unwrap_or_default();
    let lines = diagnostics.iter().flat_map(|d| d["classic"].as_array().cloned().unwrap_or_default());
    let lines: Vec<String> = lines.filter_map(|line| line.as_str().map(str::to_owned)).collect();
    Verdict::new(report["exit_code"].as_u64().expect("an exit code"), lines, main)
}

/// Keywords of ours that this keepalived does not have: it is older, or built without some part.
fn unknown(files: &Files, language: &Language) -> BTreeSet<Place> {
    let probes = language.probes();
    let names: Vec<String> = (0..probes.len()).map(|n| format!("probe{n}")).collect();
    for ((text, _), name) in probes.iter().zip(&names) {
        fs::write(files.directory(name).join("k.conf"), text).expect("a file");
    }
    files.ask(&names, Machine::Full);
    let mut unknown = BTreeSet::new();
    for ((_, lines), name) in probes.into_iter().zip(&names) {
        let theirs = read(&files.dir.join(name).join("theirs"));
        for (line, place) in lines {
            let words = format!("Line {line}) Unknown keyword '{}'", place.1);
            if theirs.contains(&words) {
                unknown.insert(place);
            }
        }
    }
    unknown
}

/// The files of a stratum of the corpus, each with those that it includes beside it.
fn stratum(name: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(corpus().join(name)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file() && path.extension().is_some_and(|ext| ext == "conf"));
    files.sort();
    files
}

fn copy_all(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).expect("a directory");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let copy = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy_all(&path, &copy),
            false => drop(fs::copy(&path, &copy).expect("a copy")),
        }
    }
}

#[test]
fn real_files_are_judged_as_keepalived_judges_them_on_a_machine_that_lacks_all_they_name() {
    let files = Files::new();
    let every = if std::env::var_os("VRRPD_FILES").is_some() { 1 } else { OF_OPEN };
    let mut paths: Vec<PathBuf> = stratum("open").into_iter().step_by(every).collect();
    paths.extend(stratum("seeds"));
    paths.extend(stratum("maintainer"));
    if paths.is_empty() {
        return absent("no real file is judged");
    }
    let mut names = Vec::new();
    for path in &paths {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let dir = files.directory(&name);
        copy_all(&path.with_extension("d"), &dir);
        fs::copy(path, dir.join("k.conf")).expect("a copy");
        names.push(name);
    }
    files.ask(&names, Machine::Bare);
    let mut report = Report::default();
    files.compare(&names, [Surface::BareVerdict, Surface::BareSaid], &mut report);
    let told = format!("{}\n{}", report.table(), report.by_frequency(4));
    assert_eq!(report.agreement(Surface::BareVerdict), 10_000, "{told}");
    assert!(report.agreement(Surface::BareSaid) >= LINES_OF_REAL_FILES, "{told}");
}

#[test]
fn files_made_at_random_are_judged_as_keepalived_judges_them() {
    let files = Files::new();
    let language = Language::whole();
    let unknown = unknown(&files, &language);
    let language = language.without(&unknown);
    let seeds = std::env::var("VRRPD_SEEDS").ok().map_or(SEEDS, |range| {
        let (from, to) = range.split_once("..").expect("FROM..TO");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    let mut names = Vec::new();
    for seed in seeds {
        let name = format!("seed{seed}");
        let made = make(&language, seed);
        let dir = files.directory(&name);
        fs::write(dir.join("k.conf"), made.text).expect("a file");
        fs::write(dir.join("included.conf"), made.included).expect("a file");
        names.push(name);
    }
    files.ask(&names, Machine::Full);
    let mut report = Report::default();
    files.compare(&names, [Surface::Verdict, Surface::Said], &mut report);
    let differences = report.by_frequency(4);
    assert!(differences.is_empty(), "{}\n{differences}", report.table());
}
