//! The catalogue of mistakes (`tests/it/diagnostics`) against keepalived: under `-t` both say the same lines of
//! each file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::net::space::Space;
use crate::world::{lab_dir, need, tool};

/// Files of which Debian's keepalived says something else, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("auth-twice", NEW),
    ("bad-key", NEW),
    ("bad-key-file", NEW),
    ("bad-umask", "it takes `IRGRP|` for no syntax of a mask; 2.4 names the bit"),
    ("bad-value", NEW),
    ("bfd-no-hops", NEW),
    ("definition-parameters", "2.2 takes further parameters of `${_RANDOM}` for text"),
    ("duplicate-key", NEW),
    ("exposed-key-file", NEW),
    ("interrupted-definition", "its children complain of what is left of the definition"),
    ("line-too-long", "2.2 splits the line"),
    ("missing-interfaces", "it stops there; we tell what else is wrong"),
    ("no-active-key", NEW),
    ("nul-byte", "2.2 cuts the line"),
    ("owner-only", NEW),
    ("shared-vmac", NEW),
    ("timer-expired-backup", NEW),
    ("unterminated-quote", "it crashes"),
    ("vip-without-interface", LINKLESS),
    ("virtual-link-without-base", LINKLESS),
    ("version-dependent", "2.2 has no decimals there, and says so"),
];

const LINKLESS: &str = "2.2.7 runs no instance without an interface";
const NEW: &str = "keywords and rules that came after 2.2.7";

/// Files on which it is not tried.
const UNTRIED: [&str; 2] = [
    // It reads on until it has no descriptor left.
    "include-loop",
    // 2.2.7 goes round and round.
    "unknown-track-file",
];

/// The lines without the file's name, which the parent leaves out.
fn lines(said: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let place = |line: String| match line.split_once(": Line ") {
        Some((file, rest)) if file.starts_with('(') => format!("(Line {rest}"),
        _ => line,
    };
    said.into_iter().map(place).filter(|line| !line.trim().is_empty()).collect()
}

fn keepaliveds(space: &Space, folder: &Path, file: &str) -> BTreeSet<String> {
    let mut command = Command::new(tool("keepalived"));
    command.args(["-t", "-l", "-f", file]).current_dir(folder);
    let output = space.run(|| command.output()).expect("a namespace").expect("it starts");
    lines(String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned))
}

fn ours(space: &Space, folder: &Path, file: &str) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrrpd"));
    command.args(["-t", "--format", "json", "-f", file]).current_dir(folder);
    let output = space.run(|| command.output()).expect("a namespace").expect("it starts");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let problems = report["diagnostics"].as_array().expect("a list").iter();
    let said = problems.flat_map(|problem| problem["classic"].as_array().expect("a list"));
    lines(said.map(|line| line.as_str().expect("a line").to_owned()))
}

#[test]
fn keepalived_says_the_same_of_every_mistake() {
    need(&["keepalived", "ip"]);
    let dir = lab_dir();
    let space = Space::new(dir.path(), "catalogue").expect("a namespace (is this root?)");
    for line in
        ["link set lo up", "link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up"]
    {
        space.call(Command::new("ip").args(line.split(' '))).expect("ip");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/diagnostics");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).expect("a folder").flatten() {
        let name = entry.file_name().into_string().expect("UTF-8");
        let Some(id) = name.strip_suffix(".conf").filter(|id| !UNTRIED.contains(id)) else { continue };
        let (theirs, ours) = (keepaliveds(&space, &folder, &name), ours(&space, &folder, &name));
        let otherwise = OTHERWISE.iter().find(|(other, _)| *other == id);
        match (theirs == ours, otherwise) {
            (true, None) | (false, Some(_)) => {}
            (true, Some((_, why))) => wrong.push(format!("{name}: the same after all; not {why}")),
            (false, None) => {
                let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
                    a.difference(b).cloned().collect::<Vec<_>>().join("\n  ")
                };
                wrong.push(format!(
                    "{name}\n keepalived only:\n  {}\n ours only:\n  {}",
                    only(&theirs, &ours),
                    only(&ours, &theirs)
                ));
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
