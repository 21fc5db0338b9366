//! A file of the corpus with what keepalived says of it, and what we do.

use super::finding::{Reached, Report, Surface};
use super::verdict::{Asked, Verdict};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use vrrpd::config::dump::{Runtime, dump, dump_lvs};
use vrrpd::config::environment::Described;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::value::ScriptCommand;
use vrrpd::config::{Loaded, load};
use vrrpd::daemon::runner::Command;
use vrrpd::daemon::script_security::{Approved, Refusal, Vetted, vet_by};
use vrrpd::sys::account::Account;
use vrrpd::types::{Family, IfName};

/// Where keepalived found each file, as its messages name it.
const CONFIG_PATH: &str = "/etc/keepalived/keepalived.conf";
/// Where the machine of the corpus looks for programs.
const SEARCH_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A file with its oracle.
pub(super) struct Sample {
    name: String,
    files: MemoryFiles,
    expected: Value,
    folder: PathBuf,
    text: String,
}

/// Every file of the corpus that has an oracle, in the order of their names.
pub(super) fn samples() -> Vec<Sample> {
    let root = super::corpus();
    let mut samples = Vec::new();
    for stratum in ["open", "seeds"] {
        let Ok(entries) = std::fs::read_dir(root.join(stratum)) else { continue };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let configs = paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "conf"));
        samples.extend(configs.filter_map(|path| Sample::read(path)));
    }
    samples
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

impl Sample {
    fn read(conf: &Path) -> Option<Self> {
        let name = conf.file_stem()?.to_str()?.to_owned();
        let text = std::fs::read(conf).ok()?;
        let files = MemoryFiles::single(CONFIG_PATH, &text);
        let files = companions(&conf.with_extension("d"), "/etc/keepalived", files);
        let expected = std::fs::read(conf.with_extension("expect.json")).ok()?;
        let expected = serde_json::from_slice(&expected).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Some(Self { name, files, expected, folder: conf.parent()?.to_owned(), text })
    }

    /// Compares everything that the oracle has said about the file.
    pub(super) fn compare(&self, report: &mut Report) {
        let interfaces = strings(&self.expected["environment"]["interfaces"]);
        let scripts = strings(&self.expected["environment"]["scripts"]);
        let full = self.load(&interfaces);
        self.compare_test("bare", &self.load(&[]), &[], report);
        self.compare_test("full", &full, &scripts, report);
        let vetted = vetted(full, &scripts);
        let runtime = Runtime { sources: sources(&interfaces), ..Runtime::default() };
        self.compare_dump(Surface::VrrpDump, &dump(&vetted.config, &runtime), report);
        self.compare_dump(Surface::LvsDump, &dump_lvs(&vetted.config), report);
    }

    fn load(&self, interfaces: &[String]) -> Loaded {
        let interfaces: Vec<&str> = interfaces.iter().map(String::as_str).collect();
        let machine =
            Described { config_id: Some("vm".to_owned()), ..crate::config::machine_with(&interfaces) };
        load(CONFIG_PATH.as_ref(), &self.files, &machine)
    }

    fn compare_test(&self, mode: &str, loaded: &Loaded, scripts: &[String], report: &mut Report) {
        let (verdict, lines) = match mode {
            "bare" => (Surface::BareVerdict, Surface::BareSaid),
            _ => (Surface::Verdict, Surface::Said),
        };
        let ours = our_verdict(loaded, scripts);
        let log = strings(&self.expected[mode]["log"]);
        let theirs = Verdict::new(self.expected[mode]["exit"].as_u64().unwrap_or(0), &log, CONFIG_PATH);
        let run = |process: &str| &self.expected["run"][process];
        let gone = |process: &str| run(process)["started"] == false && run(process)["exit"] == 0;
        let reached = match gone("vrrp") || gone("lvs") {
            true => Reached::Namespace,
            false => Reached::of(theirs.exit, &log),
        };
        let asked = Asked { name: &self.name, text: &self.text, reached };
        asked.compare(&theirs, &ours, [verdict, lines], report);
    }

    fn compare_dump(&self, surface: Surface, ours: &str, report: &mut Report) {
        let key = if surface == Surface::VrrpDump { "vrrp" } else { "lvs" };
        let path = self.expected["dump"][key].as_str().unwrap_or_default();
        let Ok(theirs) = std::fs::read(self.folder.join(path)) else { return };
        let theirs = String::from_utf8_lossy(&theirs).into_owned();
        let refused = self.expected["run"][key]["started"] == false;
        let theirs: Vec<&str> = match surface {
            // It dumps as far as it has come, and ends; we dump what runs.
            _ if refused => return,
            Surface::VrrpDump => of_vrrp_process(&theirs),
            // The checker process dumps the globals too; ours are those of the VRRP process.
            Surface::LvsDump => theirs.lines().skip_while(|line| !begins_lvs(line)).collect(),
            _ => theirs.lines().collect(),
        };
        super::finding::compare_texts(&self.name, surface, &theirs, ours, report);
    }
}

/// The BFD process dumps the globals too, before or behind the VRRP process: once is enough.
fn of_vrrp_process(dump: &str) -> Vec<&str> {
    let mut seen = false;
    let mut skipping = false;
    let lines = dump.lines().filter(|line| {
        if line.starts_with("------<") {
            skipping = *line == "------< Global definitions >------" && std::mem::replace(&mut seen, true);
        }
        !skipping
    });
    lines.collect()
}

fn begins_lvs(line: &str) -> bool {
    line.starts_with("------<") && line != "------< Global definitions >------"
}

/// What `-t` makes of a file on a machine with these scripts and no others.
fn our_verdict(loaded: &Loaded, scripts: &[String]) -> Verdict {
    let vetted = vetted(loaded.clone(), scripts);
    let exit = vetted.test_exit_code(loaded.test_exit_code());
    let told = loaded.diagnostics.iter().chain(&vetted.problems);
    Verdict::new(exit.into(), told.flat_map(|d| d.keepaliveds_lines(&loaded.sources)), CONFIG_PATH)
}

fn vetted(loaded: Loaded, scripts: &[String]) -> Vetted {
    vet_by(loaded, &mut |command, _| judge(command, scripts))
}

/// Every script is a program of root's that anybody may run, and nobody but root can change.
fn judge(command: &ScriptCommand, scripts: &[String]) -> Result<Approved, Refusal> {
    let account = Account { uid: command.uid.unwrap_or(0), gid: command.gid.unwrap_or(0) };
    let name = &command.argv[0];
    let exists = |path: &str| scripts.iter().any(|script| script == path);
    let found_in_path = match name.contains('/') {
        true => None,
        false => Some(
            SEARCH_PATH
                .iter()
                .map(|directory| format!("{directory}/{name}"))
                .find(|path| exists(path))
                .ok_or_else(|| Refusal::NotInPath(name.into()))?,
        ),
    };
    let path = found_in_path.clone().unwrap_or_else(|| name.clone());
    if !exists(&path) {
        return Err(Refusal::Inaccessible(path.into(), std::io::Error::from_raw_os_error(2)));
    }
    let mut argv: Vec<OsString> = command.argv.iter().map(Into::into).collect();
    argv[0] = path.clone().into();
    let command = Command { file: path.into(), argv, account, groups: Vec::new() };
    Ok(Approved { command, found_in_path: found_in_path.map(Into::into), weakness: None })
}

/// The addresses that the interfaces of the corpus' machine have: 198.18.N.1, and what follows from their
/// MAC addresses.
fn sources(interfaces: &[String]) -> BTreeMap<(IfName, Family), IpAddr> {
    let mut sources = BTreeMap::new();
    for (n, name) in (1..).zip(interfaces) {
        let Ok(name) = IfName::new(name) else { continue };
        sources.insert((name.clone(), Family::V4), format!("198.18.{n}.1").parse().unwrap());
        sources.insert((name, Family::V6), format!("fe80::ff:fe00:1{n:02x}").parse().unwrap());
    }
    sources
}
