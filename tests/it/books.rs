//! What is made from tables and kept in the tree: fresh, and good of its kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vrrpd::config::language;
use vrrpd::docs::placeholders;

const ANEW: &str = "cargo run -- generate all .";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below it").to_owned();
                found.insert(name, fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    found
}

/// The first line in which two texts differ, with both.
fn difference(ours: &str, made: &str) -> String {
    let lines = ours.lines().map(Some).chain([None]).zip(made.lines().map(Some).chain([None]));
    match lines.enumerate().find(|(_, (ours, made))| ours != made) {
        Some((n, (ours, made))) => {
            let shown = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
            format!("line {}:\n  is      {}\n  should  {}", n + 1, shown(ours), shown(made))
        }
        None => "only in line ends".to_owned(),
    }
}

#[test]
fn every_book_is_as_the_tables_make_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let status = Command::new(env!("CARGO_BIN_EXE_vrrpd"))
        .args(["generate", "all"])
        .arg(dir.path())
        .status()
        .expect("it starts");
    assert!(status.success());
    let made = files(dir.path());
    assert!(made.len() >= 6, "{:?}", made.keys());
    let stale: Vec<String> = made
        .iter()
        .filter_map(|(name, made)| match fs::read_to_string(root().join(name)) {
            Ok(ours) if ours == *made => None,
            Ok(ours) => Some(format!("{}, {}", name.display(), difference(&ours, made))),
            Err(error) => Some(format!("{}: {error}", name.display())),
        })
        .collect();
    assert!(
        stale.is_empty(),
        "these files are made from the tables of keywords and options, and one of those has changed:\n{}\n\
         make them anew with `{ANEW}` and commit them with the change",
        stale.join("\n"),
    );
}

#[test]
fn every_placeholder_is_explained() {
    let strange: Vec<String> = language()
        .iter()
        .flat_map(|block| block.keywords.iter().map(|keyword| (block.name, keyword)))
        .filter_map(|(block, keyword)| {
            let word = placeholders(keyword.args).err()?;
            Some(format!("{block} {}: `{word}` of `{}`", keyword.name, keyword.args))
        })
        .collect();
    assert!(
        strange.is_empty(),
        "words in capitals that are in no list of src/docs/placeholder.rs; use one that is there, or explain it:\n{}",
        strange.join("\n"),
    );
}

/// oracle: mandoc's own rules
#[test]
fn the_manual_pages_are_good_mdoc() {
    let pages = ["contrib/man/vrrpd.8", "contrib/man/vrrpd.conf.5"];
    let Ok(output) =
        Command::new("mandoc").args(["-T", "lint", "-W", "style"]).args(pages).current_dir(root()).output()
    else {
        return eprintln!(
            "mandoc is not installed: the manual pages are not checked here, but by contrib/test"
        );
    };
    let text = String::from_utf8_lossy(&output.stdout);
    // They refer to each other, and may not be installed.
    let complaints: Vec<&str> =
        text.lines().filter(|line| !line.contains("referenced manual not found: Xr vrrpd")).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
