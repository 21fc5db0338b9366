//! Real files and random ones: nothing that can be typed makes the reader panic or hang, and what it makes of
//! real files is what keepalived makes of them ([`agreement`]).

mod agreement;
mod alignment;
mod declared;
mod finding;
mod place;
mod sample;
mod verdict;

use super::loaded;
use place::{absent, corpus};
use proptest::prelude::*;
use vrrpd::config::diagnostic::{Report, explain};
use vrrpd::config::dump::{Runtime, dump, dump_lvs};

/// Loads, and shows everything that can be shown of it.
fn exercise(text: &[u8]) {
    let loaded = loaded(text);
    for diagnostic in &loaded.diagnostics {
        let _ = diagnostic.render(&loaded.sources, false);
        let _ = diagnostic.classic_lines(&loaded.sources);
        assert!(explain(diagnostic.id).is_some(), "nobody explains {}", diagnostic.id);
    }
    let _ = Report::new(&loaded.diagnostics, &loaded.sources, true, 0).json();
    let _ = dump(&loaded.config, &Runtime::default());
    let _ = dump_lvs(&loaded.config);
}

#[test]
fn every_file_of_the_corpus_is_read() {
    let root = corpus();
    let mut files = 0;
    for stratum in ["open", "seeds", "maintainer"] {
        let Ok(entries) = std::fs::read_dir(root.join(stratum)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_file() && path.extension().is_none_or(|ext| ext != "json" && ext != "tsv") {
                exercise(&std::fs::read(&path).unwrap());
                files += 1;
            }
        }
    }
    if files == 0 {
        absent("only made-up files are read");
    }
}

/// Words that make random text reach further than the first brace.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "vrrp_instance",
        "vrrp_script",
        "global_defs",
        "authentication",
        "virtual_ipaddress",
        "track_script",
        "auth_pass",
        "unicast_peer",
        "priority",
        "advert_int",
        "script",
        "notify",
        "weight",
        "virtual_server",
        "virtual_server_group",
        "real_server",
        "fwmark",
        "group",
        "HTTP_GET",
        "url",
        "MISC_CHECK",
        "UDP_CHECK",
        "payload",
        "digest",
        "10.0.0.1-5",
        "include",
        "dev",
        "brd",
        "V",
        "{",
        "}",
        "\n",
        "\"",
        "'",
        "\\",
        "#",
        "!",
        "$X=",
        "${X}",
        "~SEQ(",
        "@a",
        "10.0.0.1/24",
        "fe80::1",
        "1.5",
        "-3",
        "x",
        "\0",
        "é",
        "\u{10ff80}",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[ -~]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&text);
    }

    #[test]
    fn random_words_are_read(words in prop::collection::vec(word(), 0..120)) {
        exercise(words.join(" ").as_bytes());
    }

    #[test]
    fn random_options_are_read(lines in prop::collection::vec((word(), word(), word()), 0..30)) {
        let body: String = lines.iter().map(|(a, b, c)| format!("{a} {b} {c}\n")).collect();
        exercise(super::instance(&body).as_bytes());
    }
}
