//! The catalogue of mistakes: for each id of a diagnostic a small file that makes the mistake, and all that is
//! said of that file.
//!
//! `diagnostics/ID.conf` is read on the machine of the `config` tests, with the files of `diagnostics/files`
//! beside it; `diagnostics/ID.txt` is what `vrrpd -t` writes. The oracle of an expectation is its reader: it
//! names the word that is wrong, what keepalived does with it, and what to write instead. keepalived's own
//! lines in it are those of 2.2.7 under `-t`; `tests/lab/catalogue.rs` asks it. `VRRPD_BLESS=1` writes the
//! expectations anew; read them before they are committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use vrrpd::config::diagnostic::{Diagnostic, explain, explanations};
use vrrpd::config::environment::{Described, KeyFile, LinkFacts};
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Loaded, load};
use vrrpd::types::Secret;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/diagnostics")
}

/// The file of an id, and those that it may include.
fn read(id: &str) -> Loaded {
    let name = format!("{id}.conf");
    let text = fs::read(folder().join(&name)).unwrap_or_else(|error| {
        panic!("tests/it/diagnostics/{name}: {error}; write the smallest file that makes this mistake")
    });
    let mut files = MemoryFiles::single(&name, text);
    for entry in fs::read_dir(folder().join("files")).expect("a folder").flatten() {
        let name = format!("files/{}", entry.file_name().to_string_lossy());
        files = files.with(&name, fs::read(entry.path()).expect("a file"));
    }
    let exposed =
        KeyFile { text: Some(Secret::new(b"0123456789abcdef0123456789abcdef".to_vec())), exposed: true };
    let key_files = [(PathBuf::from("/etc/keepalived/exposed.key"), exposed)];
    let mut machine = Described { key_files: Some(key_files.into()), ..super::config::machine() };
    let links = machine.links.get_or_insert_default();
    let tunnel = LinkFacts { ethernet: false, multicast: false, ..LinkFacts::default() };
    links.extend([("tun0".to_owned(), tunnel), ("red".to_owned(), LinkFacts::default())]);
    load(Path::new(&name), &files, &machine)
}

/// As `vrrpd -t` writes it. What is not run yet is left out: that changes, and is not what a file is here for.
fn rendered(loaded: &Loaded, id: &str) -> String {
    let problems =
        loaded.diagnostics.iter().filter(|problem| problem.id == id || problem.id != "not-yet-supported");
    let show = |problem: &Diagnostic| {
        let lines = problem.keepaliveds_lines(&loaded.sources).into_iter();
        let excerpt = (!problem.is_echo()).then(|| problem.render(&loaded.sources, false));
        let lines = lines.chain(excerpt);
        lines.map(|line| line + "\n").collect::<String>()
    };
    problems.map(show).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_mistake_is_told_so_that_an_operator_can_mend_it() {
    let bless = std::env::var_os("VRRPD_BLESS").is_some();
    let mut wrong = Vec::new();
    for explanation in explanations() {
        let (id, Some(expected)) = (explanation.id, explanation.example) else { continue };
        let loaded = read(id);
        let text = rendered(&loaded, id);
        let strange = loaded.diagnostics.iter().find(|problem| explain(problem.id).is_none());
        wrong.extend(strange.map(|problem| format!("{id}.conf: nobody explains {}", problem.id)));
        if !loaded.diagnostics.iter().any(|problem| problem.id == id) {
            wrong.push(format!("{id}.conf does not make this mistake:\n{text}"));
        } else if text != expected {
            wrong.push(format!("{id}.txt is not what is said of {id}.conf:\n{text}"));
            if bless {
                fs::write(folder().join(format!("{id}.txt")), text).expect("written");
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of them; see the head of this file", wrong.join("\n\n"), wrong.len());
}

/// String literals of a source file, without those of its unit tests.
fn literals(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The ids of diagnostics that are made on the spot.
fn made_here(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let makers = ["Diagnostic::error(", "Diagnostic::warning(", "Diagnostic::note("];
    let made = makers.into_iter().flat_map(|maker| {
        let calls = code.split(maker).skip(1).map(str::trim_start);
        calls
            .filter_map(|call| call.strip_prefix('"')?.split('"').next().map(str::to_owned))
            .collect::<Vec<_>>()
    });
    made.collect()
}

fn sources(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path.clone(), fs::read_to_string(path).expect("UTF-8"));
        }
    }
}

/// Ids among the arguments of functions that make diagnostics: words joined by dashes, the first argument or
/// behind the context.
fn handed_on(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let pieces: Vec<&str> = code.split('"').collect();
    let literals = pieces.windows(3).step_by(2);
    let is_id = |word: &str| {
        word.contains('-')
            && word.split('-').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            })
    };
    literals
        .filter(|window| is_id(window[1]))
        .filter(|window| {
            let before = window[0].trim_end();
            let called =
                before.strip_suffix('(').is_some_and(|name| name.ends_with(|c: char| c.is_alphanumeric()));
            (called || before.ends_with("cx,")) && window[2].trim_start().starts_with(',')
        })
        .map(|window| window[1].to_owned())
        .collect()
}

#[test]
fn every_id_in_the_source_is_explained_and_none_is_explained_that_is_not_there() {
    let mut files = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    ["config", "cli", "daemon"].iter().for_each(|module| sources(&src.join(module), &mut files));
    files.retain(|path, _| !path.ends_with("diagnostic/explanation.rs") && !path.ends_with("tests.rs"));
    let said: BTreeSet<String> =
        files.values().flat_map(|text| made_here(text).into_iter().chain(handed_on(text))).collect();
    let known: BTreeSet<&str> = explanations().iter().map(|explanation| explanation.id).collect();
    let unexplained: Vec<&String> = said.iter().filter(|id| !known.contains(id.as_str())).collect();
    assert!(
        unexplained.is_empty(),
        "{unexplained:?}: give each a row in src/config/diagnostic/explanation.rs, the smallest file that makes \
         the mistake in tests/it/diagnostics/ID.conf, and an empty ID.txt that VRRPD_BLESS=1 fills",
    );
    let literals: BTreeSet<String> = files.values().flat_map(|text| literals(text)).collect();
    let gone: Vec<&&str> = known.iter().filter(|id| !literals.contains(**id)).collect();
    assert!(gone.is_empty(), "{gone:?} are explained, and nothing says them");
    assert!(explanations().is_sorted_by_key(|explanation| explanation.id));
}

#[test]
fn there_is_nothing_in_the_catalogue_that_nobody_asks_for() {
    let known: BTreeSet<&str> =
        explanations().iter().filter(|e| e.example.is_some()).map(|explanation| explanation.id).collect();
    for entry in fs::read_dir(folder()).expect("a folder").flatten() {
        let path = entry.path();
        let id = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(path.is_dir() || known.contains(id.as_str()), "{}", path.display());
    }
}
