//! Load balancing, against what keepalived says of real files.
//!
//! The oracle is keepalived 2.2.7 on each file of the corpus: what `-t` logs and the dump of its checker
//! process. Both lie beside the project and are never copied into it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use vrrpd::config::dump::dump_lvs;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Class, Loaded, load};

/// Agreement that has been reached, in thousandths; less is a step back.
const VERDICTS: usize = 976;
const FLAGGED_LINES: usize = 941;
const DUMP_LINES: usize = 1000;
/// The same for files with definitions; what is lacking are scripts that were not there for keepalived.
const EXPANDED_DUMP_LINES: usize = 973;

const CONFIG_PATH: &str = "/etc/keepalived/keepalived.conf";

/// A file of the corpus with its oracle.
struct Sample {
    name: String,
    /// Whether it says itself what it means, without definitions, sequences and conditions.
    plain: bool,
    loaded: Loaded,
    expected: Value,
    dump: Option<Vec<String>>,
}

/// Files below `folder`, with the paths that they have for the daemon.
fn companions(folder: &Path, name: &str, mut files: MemoryFiles) -> MemoryFiles {
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        files = match path.is_dir() {
            true => companions(&path, &name, files),
            false => files.with(&name, std::fs::read(&path).unwrap()),
        };
    }
    files
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn is_plain(line: &str) -> bool {
    !["${", "~SEQ", "~LST"].iter().any(|mark| line.contains(mark))
        && !line.trim_start().starts_with(['$', '@'])
}

fn sample(conf: &Path) -> Option<Sample> {
    let name = conf.file_stem()?.to_str()?.to_owned();
    let text = std::fs::read(conf).ok()?;
    let files = MemoryFiles::single(CONFIG_PATH, &text);
    let files = companions(&conf.with_extension("d"), "/etc/keepalived", files);
    let expected = std::fs::read(conf.with_extension("expect.json")).ok()?;
    let expected: Value = serde_json::from_slice(&expected).ok()?;
    let interfaces = strings(&expected["environment"]["interfaces"]);
    let interfaces: Vec<&str> = interfaces.iter().map(String::as_str).collect();
    let loaded = load(CONFIG_PATH.as_ref(), &files, &super::machine_with(&interfaces));
    let has_lvs = loaded.sources.files().any(|file| file.text().contains("virtual_server"));
    let dump = expected["dump"]["lvs"].as_str().and_then(|path| {
        let text = std::fs::read(conf.parent()?.join(path)).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let start = text.lines().position(|line| {
            line == "------< SSL definitions >------" || line == "------< LVS Topology >------"
        })?;
        Some(text.lines().skip(start).map(masked).collect())
    });
    let plain = loaded.sources.files().all(|file| file.text().lines().all(is_plain));
    has_lvs.then_some(Sample { name, plain, loaded, expected, dump })
}

/// keepalived 2.2 shows the password of the TLS key; nobody else does.
fn masked(line: &str) -> String {
    match line.strip_prefix(" Password : ") {
        Some(_) => " Password : ********".to_owned(),
        None => line.to_owned(),
    }
}

fn samples() -> Vec<Sample> {
    let root = super::corpus::corpus();
    let mut samples = Vec::new();
    for stratum in ["open", "seeds"] {
        let Ok(entries) = std::fs::read_dir(root.join(stratum)) else { continue };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let configs = paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "conf"));
        samples.extend(configs.filter_map(|path| sample(path)));
    }
    if samples.is_empty() {
        super::corpus::absent("load balancing is not compared with keepalived");
    }
    samples
}

/// `line` of a classic message, 0 for one without a place, and the message.
fn placed(text: &str) -> (usize, String) {
    let split = || {
        let (place, message) = text.strip_prefix('(')?.split_once(") ")?;
        let number = place.rsplit_once("Line ")?.1.parse().ok()?;
        Some((number, message.to_owned()))
    };
    split().unwrap_or((0, text.to_owned()))
}

/// What depends on programs that exist, which no configuration file can tell.
fn environmental(text: &str) -> bool {
    text.contains("script_security") || text.contains("not found/accessible") || text == "Terminated"
}

fn exit_code(sample: &Sample) -> Option<u8> {
    let exit = sample.expected["full"]["exit"].as_u64()?;
    let log = strings(&sample.expected["full"]["log"]);
    match exit {
        6 if log.iter().any(|line| line.contains("SECURITY VIOLATION")) => {
            Some(if log.iter().all(|line| environmental(line)) { 0 } else { 5 })
        }
        0..=6 => u8::try_from(exit).ok(),
        _ => None,
    }
}

/// How many lines two texts have in common, in order.
fn common_lines(ours: &[String], theirs: &[String]) -> usize {
    let start = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let (ours, theirs) = (&ours[start..], &theirs[start..]);
    let end = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
    let (ours, theirs) = (&ours[..ours.len() - end], &theirs[..theirs.len() - end]);
    let mut row = vec![0usize; theirs.len() + 1];
    for a in ours {
        let mut diagonal = 0;
        for (i, b) in theirs.iter().enumerate() {
            let above = row[i + 1];
            row[i + 1] = if a == b { diagonal + 1 } else { above.max(row[i]) };
            diagonal = above;
        }
    }
    start + end + row[theirs.len()]
}

/// Counts of what agrees and of all there is.
#[derive(Default)]
struct Score {
    agreed: usize,
    all: usize,
}

impl Score {
    fn add(&mut self, agreed: usize, all: usize) {
        self.agreed += agreed;
        self.all += all;
    }

    fn thousandths(&self) -> usize {
        self.agreed * 1000 / self.all.max(1)
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = self.agreed as f64 * 100.0 / self.all.max(1) as f64;
        write!(f, "{} of {} ({share:.2} %)", self.agreed, self.all)
    }
}

fn ours_flagged(loaded: &Loaded) -> BTreeSet<(usize, String)> {
    let counted = loaded.diagnostics.iter().filter(|d| d.class != Class::Harmless);
    counted.flat_map(|d| d.classic_lines(&loaded.sources)).map(|text| placed(&text)).collect()
}

/// Says where we differ, file by file, with `VRRPD_CORPUS_DIFF=1`.
fn show(text: impl FnOnce() -> String) {
    if std::env::var_os("VRRPD_CORPUS_DIFF").is_some() {
        eprintln!("{}", text());
    }
}

/// What a set of files agrees in.
#[derive(Default)]
struct Agreement {
    files: usize,
    verdicts: Score,
    flagged_lines: Score,
    messages: Score,
    dump_lines: Score,
}

impl Agreement {
    fn add(&mut self, sample: &Sample) {
        self.files += 1;
        self.add_verdict(sample);
        self.add_dump(sample);
    }

    fn add_verdict(&mut self, sample: &Sample) {
        let Some(exit) = exit_code(sample) else { return };
        let ours = sample.loaded.test_exit_code();
        self.verdicts.add(usize::from(ours == exit), 1);
        if ours != exit {
            show(|| format!("{}: exit code {ours}, keepalived {exit}", sample.name));
        }
        let log = strings(&sample.expected["full"]["log"]);
        let theirs: BTreeSet<_> = log.iter().filter(|text| !environmental(text)).map(|t| placed(t)).collect();
        let ours = ours_flagged(&sample.loaded);
        self.messages.add(ours.intersection(&theirs).count(), ours.union(&theirs).count());
        let numbers = |set: &BTreeSet<(usize, String)>| set.iter().map(|(n, _)| *n).collect::<BTreeSet<_>>();
        let (our_lines, their_lines) = (numbers(&ours), numbers(&theirs));
        let (common, all) = (our_lines.intersection(&their_lines), our_lines.union(&their_lines));
        self.flagged_lines.add(common.count(), all.count());
        for (number, text) in ours.difference(&theirs) {
            show(|| format!("{}: + {number} {text}", sample.name));
        }
        for (number, text) in theirs.difference(&ours) {
            show(|| format!("{}: - {number} {text}", sample.name));
        }
    }

    fn add_dump(&mut self, sample: &Sample) {
        let Some(theirs) = &sample.dump else { return };
        let text = dump_lvs(&sample.loaded.config);
        let ours: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        let common = common_lines(&ours, theirs);
        self.dump_lines.add(common, ours.len().max(theirs.len()));
        let count = |lines: &[String], step: i64, counts: &mut BTreeMap<String, i64>| {
            lines.iter().for_each(|line| *counts.entry(line.clone()).or_default() += step);
        };
        let mut difference = BTreeMap::new();
        count(&ours, 1, &mut difference);
        count(theirs, -1, &mut difference);
        for (line, n) in difference.iter().filter(|(_, n)| **n != 0).take(12) {
            show(|| format!("{}: dump {n:+} {line}", sample.name));
        }
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { files, verdicts, flagged_lines, messages, dump_lines } = self;
        write!(
            f,
            "{files} files: verdicts {verdicts}, flagged lines {flagged_lines}, messages {messages}, dump lines {dump_lines}"
        )
    }
}

#[test]
fn load_balancing_is_read_as_keepalived_reads_it() {
    let (mut plain, mut expanded) = (Agreement::default(), Agreement::default());
    for sample in samples() {
        if sample.plain { &mut plain } else { &mut expanded }.add(&sample);
    }
    eprintln!("plain: {plain}\nwith definitions, sequences or conditions: {expanded}");
    if plain.files > 0 {
        let floor = |score: &Score, least: usize| assert!(score.thousandths() >= least, "{score}");
        floor(&plain.verdicts, VERDICTS);
        floor(&plain.flagged_lines, FLAGGED_LINES);
        floor(&plain.dump_lines, DUMP_LINES);
        floor(&expanded.dump_lines, EXPANDED_DUMP_LINES);
    }
}

/// oracle: keepalived 2.2.7 on these files, with eth0 and the users root and nobody: the lines of `-t`, each
/// behind its number (0 for those without a place), and the dump of its checker process.
#[test]
fn what_is_said_and_dumped_is_what_keepalived_says_and_dumps() {
    let cases = [
        (
            "services",
            include_str!("lvs/services.conf"),
            include_str!("lvs/services.log"),
            include_str!("lvs/services.dump"),
        ),
        (
            "checkers",
            include_str!("lvs/checkers.conf"),
            include_str!("lvs/checkers.log"),
            include_str!("lvs/checkers.dump"),
        ),
        ("mistakes", include_str!("lvs/mistakes.conf"), include_str!("lvs/mistakes.log"), ""),
        (
            "globals",
            include_str!("lvs/globals.conf"),
            include_str!("lvs/globals.log"),
            include_str!("lvs/globals.dump"),
        ),
    ];
    for (name, conf, log, dumped) in cases {
        let file =
            load("k.conf".as_ref(), &MemoryFiles::single("k.conf", conf), &super::machine_with(&["eth0"]));
        let line = |text: &str| {
            let (number, message) = text.split_once(' ').unwrap();
            (number.parse::<usize>().unwrap(), message.to_owned())
        };
        let theirs: BTreeSet<_> = log.lines().map(line).collect();
        let ours = ours_flagged(&file);
        let lacking: Vec<_> = theirs.difference(&ours).collect();
        let surplus: Vec<_> = ours.difference(&theirs).collect();
        assert!(lacking.is_empty() && surplus.is_empty(), "{name}: not said {lacking:#?}, said {surplus:#?}");
        if !dumped.is_empty() {
            let ours = dump_lvs(&file.config);
            for (number, (ours, theirs)) in ours.lines().zip(dumped.lines()).enumerate() {
                assert_eq!(ours.trim_end(), masked(theirs), "line {} of {name}", number + 1);
            }
            assert_eq!(ours.lines().count(), dumped.lines().count(), "{name}");
        }
    }
}

#[test]
fn a_broken_virtual_server_costs_vrrp_nothing_and_is_said_to_be_idle_once() {
    let broken = "virtual_server 10.0.0.9 80 {\n protocol\n FOO_CHECK {\n }\n real_server 10.0.0.2 80 {\n }\n}\n\
                  virtual_server fwmark 7 {\n real_server 10.0.0.3 {\n }\n}\n";
    let file = super::loaded(
        super::instance("") + broken + &super::instance("").replace("V {", "W {").replace("51", "52"),
    );
    assert_eq!(file.config.instances.len(), 2);
    assert_eq!((file.test_exit_code(), file.run_exit_code(), file.is_fatal()), (2, None, false));
    let idle: Vec<_> = file.diagnostics.iter().filter(|d| d.id == "not-yet-supported").collect();
    let [idle] = &idle[..] else { panic!("{idle:?}") };
    assert!(idle.message.contains("not yet run in this version"), "{}", idle.message);
}

#[test]
fn the_password_of_the_key_is_in_no_output() {
    let text = "SSL {\n password hunter2\n password hunter3\n}\nvirtual_server 10.0.0.9 80 {\n real_server 10.0.0.2 80 {\n }\n}\n";
    let file = super::loaded(text);
    let shown: String = file.diagnostics.iter().map(|d| d.render(&file.sources, false)).collect();
    assert!(shown.contains("password"), "{shown}");
    let all = shown + &dump_lvs(&file.config) + &format!("{:?}", file.config);
    assert!(!all.contains("hunter"), "{all}");
}
