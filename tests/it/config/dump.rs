//! The text dump against a capture of keepalived's.

use std::collections::BTreeMap;
use vrrpd::config::dump::{Runtime, dump};
use vrrpd::types::{Family, IfName};

/// oracle: `keepalived -d` of 2.2.7 on dump.conf, in a namespace with eth0 10.99.0.1/24 and eth1; sections up
/// to the scripts. Its password is masked here, as 2.4 does.
const CAPTURE: &str = include_str!("dump.txt");

/// Lines of one section, of either dump.
fn section<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let start = format!("------< {title} >------");
    let lines = text.lines().map(str::trim_end).skip_while(move |line| *line != start).skip(1);
    lines.take_while(|line| !line.starts_with("------<")).collect()
}

fn ours() -> String {
    let loaded = super::loaded(include_str!("dump.conf"));
    assert!(loaded.diagnostics.is_empty(), "{:?}", super::said(&loaded));
    let eth0 = IfName::new("eth0").unwrap();
    let sources = BTreeMap::from([((eth0, Family::V4), "10.99.0.1".parse().unwrap())]);
    dump(&loaded.config, &Runtime { sources, ..Runtime::default() })
}

#[test]
fn instances_and_scripts_are_dumped_word_for_word() {
    let ours = ours();
    let masked = CAPTURE.replace("Password = abcdefgh", "Password = ********").replace(", ifindex 3", "");
    for title in ["VRRP Topology", "VRRP Scripts"] {
        let (ours, theirs) = (section(&ours, title), section(&masked, title));
        assert!(!theirs.is_empty());
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "line {n} of {title}");
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

#[test]
fn the_globals_are_those_of_keepalived_in_its_order() {
    let ours = ours();
    let theirs = section(CAPTURE, "Global definitions");
    let mut rest = theirs.iter();
    for line in section(&ours, "Global definitions") {
        assert!(
            rest.any(|other| *other == line),
            "`{line}` is not in keepalived's list, or not at this place"
        );
    }
}
