//! The text dump against a capture of keepalived's.

use std::collections::BTreeMap;
use vrrpd::config::Config;
use vrrpd::config::dump::{Runtime, dump, dump_parent};
use vrrpd::types::{Family, IfName};

/// oracle: `keepalived -d` of 2.2.7 on dump.conf, in a namespace with eth0 10.99.0.1/24 and eth1; sections up
/// to the scripts. Its password is masked here, as 2.4 does.
const CAPTURE: &str = include_str!("dump.txt");
/// oracle: the same for instances.conf, with fe80::1:1/64 on eth0; its section of instances.
const INSTANCES: &str = include_str!("instances.txt");

/// Lines of one section, of either dump.
pub(super) fn section<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let start = format!("------< {title} >------");
    let lines = text.lines().map(str::trim_end).skip_while(move |line| *line != start).skip(1);
    lines.take_while(|line| !line.starts_with("------<")).collect()
}

fn ours() -> String {
    let loaded = super::loaded(include_str!("dump.conf"));
    assert!(loaded.diagnostics.iter().all(|d| d.id == "not-yet-supported"), "{:?}", super::said(&loaded));
    dumped(&loaded.config, Runtime::default())
}

fn dumped(config: &Config, runtime: Runtime) -> String {
    let eth0 = IfName::new("eth0").unwrap();
    let sources = BTreeMap::from([
        ((eth0.clone(), Family::V4), "10.99.0.1".parse().unwrap()),
        ((eth0, Family::V6), "fe80::1:1".parse().unwrap()),
    ]);
    dump(config, &Runtime { sources, ..runtime })
}

fn same_sections(ours: &str, theirs: &str, titles: &[&str]) {
    for title in titles {
        let (ours, theirs) = (section(ours, title), section(theirs, title));
        assert!(!theirs.is_empty());
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "line {n} of {title}");
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

/// oracle: `keepalived -d` of 2.4.3 on linkless.conf, in a namespace with eth0 and eth1, built without a
/// firewall; 2.2.7 runs no such instance.
#[test]
fn an_instance_without_an_interface_is_dumped_as_one() {
    let loaded = super::loaded(include_str!("linkless.conf"));
    let (ours, theirs) = (dump(&loaded.config, &Runtime::default()), include_str!("linkless.txt"));
    let instances = |text| section(text, "VRRP Topology");
    let mut ours = instances(&ours);
    ours.retain(|line| *line != "   Accept = enabled");
    let mut theirs = instances(theirs);
    // Since 2.4.
    theirs.retain(|line| *line != "   Last advert sent = 0.000000");
    assert_eq!(ours, theirs);
}

/// oracle: `keepalived -d` of 2.2.7 on trackers.conf, in the same namespace: the sections of VRRP.
#[test]
fn files_and_processes_are_dumped_with_those_that_track_them() {
    let loaded = super::loaded(include_str!("trackers.conf"));
    let others: Vec<_> =
        super::said(&loaded).into_iter().filter(|s| !s.ends_with("not-yet-supported")).collect();
    assert_eq!(others, ["42:tracker-unused"]);
    // keepalived has read the files by then.
    let files = BTreeMap::from([("load".to_owned(), 7)]);
    let ours = dumped(&loaded.config, Runtime { files, ..Runtime::default() });
    let titles = ["VRRP Topology", "VRRP Track files", "VRRP Track processes"];
    same_sections(&ours, include_str!("trackers.txt"), &titles);
}

#[test]
fn instances_and_scripts_are_dumped_word_for_word() {
    let ours = ours();
    let masked = CAPTURE.replace("Password = abcdefgh", "Password = ********").replace(", ifindex 3", "");
    same_sections(&ours, &masked, &["VRRP Topology", "VRRP Scripts"]);
}

#[test]
fn the_globals_of_a_plain_file_are_those_of_keepalived() {
    assert_eq!(section(&ours(), "Global definitions"), globals(CAPTURE, "Global definitions"));
}

#[test]
fn every_keyword_of_an_instance_is_dumped() {
    let loaded = super::loaded(include_str!("instances.conf"));
    assert_eq!(loaded.run_exit_code(), None);
    let theirs = INSTANCES.replace(", ifindex 6", "");
    same_sections(&dumped(&loaded.config, Runtime::default()), &theirs, &["VRRP Topology"]);
}

/// oracle: `keepalived -d` of 2.2.7 on globals.conf, as the captures above; where we mean to differ, it says so.
const GLOBALS: &str = include_str!("globals.txt");
/// oracle: keepalived_parent.data of the same daemon.
const PARENT: &str = include_str!("globals_parent.txt");

fn globals(capture: &'static str, title: &str) -> Vec<&'static str> {
    // The version of a library that is not ours.
    section(capture, title).into_iter().filter(|line| !line.starts_with(" libnftnl")).collect()
}

#[test]
fn every_global_setting_is_dumped_word_for_word() {
    let loaded = super::loaded(include_str!("globals.conf"));
    let ours = dump(&loaded.config, &Runtime::default());
    for title in ["Global definitions", "GARP delay group 0", "GARP delay group 1"] {
        assert_eq!(section(&ours, title), globals(GLOBALS, title));
    }
    assert_eq!(section(&ours, "Gratuitous ARP delays"), [""; 0]);
}

#[test]
fn the_parent_dumps_its_own_scripts_too() {
    let loaded = super::loaded(include_str!("globals.conf"));
    let ours = dump_parent(&loaded.config, None);
    let ours = section(&ours, "Global definitions");
    // keepalived's parent has not settled what follows from the delay after becoming master, and does not
    // know which FIFO a script will read.
    let settled = |line: &&&str| !line.contains("notify fifo script") && !line.contains("lower priority");
    let theirs = globals(PARENT, "Global definitions");
    assert_eq!(
        ours.iter().filter(settled).collect::<Vec<_>>(),
        theirs.iter().filter(settled).collect::<Vec<_>>()
    );
}
