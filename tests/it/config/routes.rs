//! Routes, rules and static objects: every option of each, against a capture of keepalived.

use super::{loaded, said};
use vrrpd::config::dump::{Runtime, dump};

/// oracle: keepalived.data of 2.2.7 on routes.conf, in a namespace with eth0 10.99.0.1/24 and eth1; the
/// sections from the static addresses to the instance. What it notes of objects that are installed is cut
/// off: ` set`, ` [installed ifindex 0]`.
const CAPTURE: &str = include_str!("routes.txt");

/// The lines from a section or list on, as far as they stand deeper.
fn list<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| line.trim() != title).skip(1);
    lines
        .take_while(|line| {
            line.starts_with("     ") || line.starts_with(" Static") || line.starts_with("   VRRP member")
        })
        .collect()
}

#[test]
fn every_option_is_dumped_word_for_word() {
    let loaded = loaded(include_str!("routes.conf"));
    let ours = dump(&loaded.config, &Runtime::default());
    for title in [
        "------< Static Addresses >------",
        "------< Static Routes >------",
        "------< Static Rules >------",
        "------< Static Track groups >------",
        "Virtual Routes :",
        "Virtual Rules :",
    ] {
        let theirs = list(CAPTURE, title);
        assert!(theirs.len() > 1, "{title}");
        assert_eq!(list(&ours, title), theirs, "{title}");
    }
    let at = |title| ours.find(title).unwrap();
    assert!(at("No sockets") < at("Virtual Routes :") && at("Virtual Rules :") < at("Tracked interfaces"));
}

fn route(line: &str) -> vrrpd::config::Loaded {
    loaded(super::instance(&format!("virtual_routes {{\n{line}\n }}")))
}

#[test]
fn what_is_wrong_with_a_route_is_said_at_its_word() {
    for (line, word, message) in [
        ("10.2.0.0/16 dev eth0 mteric 5", "mteric", "`mteric` is neither an option nor a destination"),
        ("10.2.0.0/16 dev eth0 table nope", "nope", "`nope` is not a routing table"),
        ("10.2.0.0/16 dev eth0 mtu lock x", "x", "`x` is not a number"),
        ("10.2.0.0/16 dev eth0 via fe80::1", "fe80::1", "`fe80::1` is not of the family of the route"),
        ("inet6 default dev eth0 via fe80::1", "default", "`inet6` makes keepalived lose the word behind it"),
        ("10.2.0.0/16 dev eth0 encap seg6 mode", "seg6", "`seg6` is not a type of encapsulation"),
        ("10.2.0.0/16 dev eth0 via", "via", "`via` needs an argument"),
        ("10.2.0.0/16 via 10.0.0.9", "10.2.0.0/16", "a route without `dev` is not tracked"),
    ] {
        let loaded = route(line);
        let said: Vec<_> = loaded
            .diagnostics
            .iter()
            .filter_map(|d| {
                let span = d.span?;
                Some((&loaded.sources.file(span.file).text()[span.range()], d.message.as_str()))
            })
            .collect();
        assert!(said.contains(&(word, message)), "{line}: {said:?}");
    }
}

/// A route that has lost a part of itself is not installed: it would lead packets elsewhere.
#[test]
fn a_route_with_a_mistake_is_left_out_whole() {
    for line in ["10.2.0.0/16 dev eth0 encap foo", "10.2.0.0/16 dev eth0 encap mpls x", "10.2.0.0/16 foo"] {
        assert!(route(line).config.instances[0].routes.is_empty(), "{line}");
    }
    let kept = route("10.2.0.0/16 dev eth0 nexthop via 10.0.0.8 nexthop via x");
    assert_eq!(kept.config.instances[0].routes[0].nexthops.len(), 1);
}

#[test]
fn preferences_count_down_over_the_file_and_start_anew_with_each_reading() {
    let text = "static_rules {\n table 1\n from fd00::1 table 2\n}\n".to_owned()
        + &super::instance("virtual_rules {\n table 3\n table 4 preference 7\n table 5\n }");
    for _ in 0..2 {
        let config = loaded(&text).config;
        let of =
            |rules: &[vrrpd::config::value::Rule]| rules.iter().map(|r| r.preference).collect::<Vec<_>>();
        assert_eq!(of(&config.statics.rules), [16384, 16384]);
        assert_eq!(of(&config.instances[0].rules), [16383, 7, 16382]);
    }
}

#[test]
fn a_track_group_without_instances_ties_nothing() {
    let group = "track_group G {\n group { W }\n}\nstatic_routes {\n 10.2.0.0/16 dev eth0 track_group G\n}\n";
    let loaded = loaded(group.to_owned() + &super::instance(""));
    assert!(loaded.config.statics.track_groups.is_empty());
    assert_eq!(loaded.config.statics.routes[0].track_group, None);
    assert!(said(&loaded).iter().any(|line| line.ends_with("unknown-instance")), "{:?}", said(&loaded));
}

#[test]
fn a_static_address_without_interface_goes_to_eth0_or_stops_the_daemon() {
    let text = "static_ipaddress {\n 10.2.0.1/24\n}\n";
    assert_eq!(loaded(text).config.statics.addresses[0].dev.as_str(), "eth0");
    let machine = super::machine_with(&["eth1"]);
    let files = vrrpd::config::source::MemoryFiles::single("k.conf", text);
    let loaded = vrrpd::config::load(std::path::Path::new("k.conf"), &files, &machine);
    assert_eq!(loaded.run_exit_code(), Some(2));
    assert!(loaded.config.statics.addresses.is_empty());
}

/// oracle: `iproute_*_dir` of 2.4; the files are asked for where the globals say, wherever they stand.
#[test]
fn names_are_looked_up_in_the_directories_that_the_globals_name() {
    use std::path::Path;
    use vrrpd::config::environment::{Environment, Fact, LinkFacts, NameDirectories, NameFile};

    struct Elsewhere;
    impl Environment for Elsewhere {
        fn link(&self, _: &vrrpd::types::IfName) -> Fact<LinkFacts> {
            Fact::Unchecked
        }
        fn user(&self, _: &str) -> Fact<vrrpd::config::environment::Account> {
            Fact::Unchecked
        }
        fn group(&self, _: &str) -> Fact<u32> {
            Fact::Unchecked
        }
        fn number(&self, file: NameFile, directories: &NameDirectories, name: &str) -> Option<u32> {
            let there = directories.etc.as_deref() == Some(Path::new("/etc/names"))
                && directories.usr.as_deref() == Some(Path::new("/usr/names"));
            (there && file == NameFile::Tables && name == "wan").then_some(77)
        }
    }
    let text = "static_rules {\n table wan preference 5\n}\n".to_owned()
        + "global_defs {\n iproute_usr_dir /usr/names\n iproute_etc_dir /etc/names\n}\n";
    let files = vrrpd::config::source::MemoryFiles::single("k.conf", text);
    let loaded = vrrpd::config::load(Path::new("k.conf"), &files, &Elsewhere);
    assert_eq!(loaded.config.statics.rules[0].action, vrrpd::config::value::RuleAction::Table(77));
}
