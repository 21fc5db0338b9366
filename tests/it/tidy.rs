//! House rules that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and what it may import of the crate; everything else is a wrong turn.
const IMPORTS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("wire", &["types"]),
    ("config", &["types"]),
    ("track", &["types", "config"]),
    ("bfd", &["types", "wire", "config"]),
    ("vrrp", &["types", "wire", "config", "track"]),
    ("status", &["types", "wire", "config", "track", "bfd", "vrrp"]),
    ("docs", &["types", "config"]),
    ("sim", &["types", "wire", "config", "track", "vrrp"]),
    ("sys", &["types"]),
    ("daemon", &["types", "wire", "config", "track", "bfd", "vrrp", "status", "sys"]),
    ("cli", &["types", "wire", "config", "track", "vrrp", "status", "docs", "sim", "sys", "daemon"]),
];

/// The modules that know no socket, no clock, no file and no thread.
const PURE: &[&str] = &["types", "wire", "config", "track", "bfd", "vrrp", "status", "docs", "sim"];

/// What has no place in them.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::",
    "tokio",
    "socket2",
    "nix::",
    "libc::",
    "rtnetlink",
    "netlink_packet",
    "netlink_proto",
    "netlink_sys",
    "tracing",
    "clap",
];

/// Lines of code a file may have before it must be said here why it has more.
const LONG: usize = 800;
const LONG_FILES: &[(&str, &str)] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `dir`, with its path from the root of the project.
fn sources(dir: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(dir)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project").flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                files.push((name, fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    files.sort();
    files
}

fn module_of(file: &str) -> &str {
    file.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default()
}

/// The code of a file without comments and without its unit tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests]
        .lines()
        .enumerate()
        .map(|(n, line)| (n + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.ends_with("/sample.rs") || file.contains("/tests/")
}

fn report(rule: &str, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let module = module_of(&file);
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else { continue };
        for (n, line) in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = IMPORTS.iter().any(|(name, _)| *name == used);
                if known && used != module && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{file}:{n}: `{module}` may not know `{used}`"));
                }
            }
        }
    }
    report("imports only point up in the list of src/lib.rs", wrong);
}

#[test]
fn the_pure_ring_is_pure() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src").into_iter().filter(|(file, _)| PURE.contains(&module_of(file))) {
        for (n, line) in code(&text) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{file}:{n}: `{word}`"));
            }
        }
    }
    report("sockets, files, clocks and threads belong to sys, daemon and cli", wrong);
}

#[test]
fn unsafe_stays_in_sys_and_says_why() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let lines: Vec<&str> = text.lines().collect();
        for (n, line) in
            code(&text).filter(|(_, line)| line.contains("unsafe {") || line.contains("unsafe fn"))
        {
            if module_of(&file) != "sys" {
                wrong.push(format!("{file}:{n}: outside sys"));
            }
            let above = &lines[n.saturating_sub(8)..n];
            if !above.iter().any(|line| line.contains("SAFETY")) {
                wrong.push(format!("{file}:{n}: no reason above `{}`", line.trim()));
            }
        }
    }
    report("unsafe code", wrong);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent =
        sources("src").into_iter().filter(|(file, text)| !is_test(file) && !text.starts_with("//! "));
    report("a file begins with `//!`", silent.map(|(file, _)| file).collect());
}

#[test]
fn no_file_outgrows_its_reader() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src").into_iter().filter(|(file, _)| !is_test(file)) {
        let lines = code(&text).count();
        let excused = LONG_FILES.iter().any(|(name, _)| *name == file);
        if lines > LONG && !excused {
            wrong.push(format!("{file}: {lines} lines"));
        }
        if excused && lines <= LONG {
            wrong.push(format!("{file}: needs no excuse any more"));
        }
    }
    report("files over 800 lines of code", wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let later = ["todo!", "unimplemented!", "FIXME", "XXX", "TODO"];
    let mut wrong = Vec::new();
    for dir in ["src", "examples", "tests/lab"] {
        for (file, text) in sources(dir) {
            for (n, line) in text.lines().enumerate() {
                if later.iter().any(|word| line.contains(word)) {
                    wrong.push(format!("{file}:{}: {}", n + 1, line.trim()));
                }
            }
        }
    }
    report("no stub, no reminder", wrong);
}

#[test]
fn tests_are_not_switched_off() {
    let mut wrong = Vec::new();
    for dir in ["src", "tests"] {
        for (file, text) in sources(dir) {
            let ignore = concat!("#[", "ignore");
            for (n, _) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(ignore)) {
                wrong.push(format!("{file}:{}", n + 1));
            }
        }
    }
    report("a test runs or does not exist", wrong);
}

/// A name of a test: longer than any keyword that is not one.
fn names_of_tests(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[test]
fn the_tests_that_the_ledger_of_the_rfcs_names_exist() {
    let ledger = fs::read_to_string(root().join("docs/RFC.md")).expect("the ledger");
    let code: Vec<_> = ["src", "tests"].into_iter().flat_map(sources).map(|(_, text)| text).collect();
    let missing = |name: &&str| !code.iter().any(|text| text.contains(&format!("fn {name}(")));
    assert!(names_of_tests(&ledger).count() > 40);
    report("no such test", names_of_tests(&ledger).filter(missing).map(str::to_owned).collect());
}
