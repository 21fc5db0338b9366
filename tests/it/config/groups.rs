//! Sync groups: what their blocks resolve to, and their dump.

use super::dump::section;
use super::{instance, loaded, machine, said};
use std::collections::BTreeMap;
use std::path::Path;
use vrrpd::config::block::{NotifyScripts, Tracked};
use vrrpd::config::dump::{Runtime, dump};
use vrrpd::config::load;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::value::ScriptCommand;
use vrrpd::daemon::script_security::{Refusal, vet_by};
use vrrpd::types::{Family, IfName};

/// oracle: `keepalived -d` of 2.2.7 on groups.conf, in a namespace with eth0 10.99.0.1/24 and eth1
/// 10.98.0.1/24.
const CAPTURE: &str = include_str!("groups.dump");

/// A group of V and W, with these lines, and with these in V.
fn group(lines: &str, in_first: &str) -> String {
    let second = instance("").replace("vrrp_instance V", "vrrp_instance W").replace(" 51", " 52");
    format!("vrrp_sync_group G {{\n group {{\n  V W\n }}\n {lines}\n}}\n{}{second}", instance(in_first))
}

#[test]
fn groups_and_their_instances_are_dumped_word_for_word() {
    let loaded = loaded(include_str!("groups.conf"));
    let source =
        |link: &str, address: &str| ((IfName::new(link).unwrap(), Family::V4), address.parse().unwrap());
    let sources = BTreeMap::from([source("eth0", "10.99.0.1"), source("eth1", "10.98.0.1")]);
    let ours = dump(&loaded.config, &Runtime { sources, ..Runtime::default() });
    for title in ["VRRP Topology", "VRRP Sync groups", "VRRP Scripts"] {
        let (ours, theirs) = (section(&ours, title), section(CAPTURE, title));
        assert!(!theirs.is_empty());
        assert_eq!(ours, theirs, "{title}");
    }
}

#[test]
fn a_group_has_the_instances_that_exist_and_each_knows_it() {
    let file = loaded(group("smtp_alert", "").replace("V W", "X W V"));
    let names = |loaded: &vrrpd::config::Loaded| -> Vec<Option<String>> {
        loaded.config.instances.iter().map(|instance| instance.sync_group.clone()).collect()
    };
    assert_eq!(file.config.sync_groups[0].members, ["W", "V"]);
    assert!(file.config.sync_groups[0].smtp_alert);
    assert_eq!(names(&file), [Some("G".to_owned()), Some("G".to_owned())]);

    // W has no VRID: keepalived would not run; if it is run all the same, there is nobody to wait for.
    let file = loaded(group("", "").replace("virtual_router_id 52", ""));
    assert_eq!(file.config.sync_groups[0].members, ["V"]);
}

#[test]
fn a_second_list_ends_the_group() {
    let file = loaded(group("group {\n W\n }\n sync_group_tracking_weight", ""));
    for said_of in ["5:duplicate-value", "8:unknown-keyword"] {
        assert!(said(&file).contains(&said_of.to_owned()), "{:?}", said(&file));
    }
    assert!(!file.config.sync_groups[0].tracking_weight);
    assert_eq!(file.config.sync_groups[0].members, ["V", "W"]);
}

/// keepalived says of the weight of an interface that it ignores it, shows it as 0, and adds it all the same
/// (seen of 2.2.7; 2.4 has the same code).
#[test]
fn weights_of_members_count_only_where_the_group_says_so_but_for_interfaces() {
    let tracked = "track_interface {\n eth1 weight -30 reverse\n }\n track_script {\n chk\n }";
    let script = "vrrp_script chk {\n script /usr/bin/true\n weight 5\n}\n";
    for (lines, counts) in [("", false), ("sync_group_tracking_weight", true), ("global_tracking", true)] {
        let file = loaded(script.to_owned() + &group(lines, tracked));
        let entries: Vec<_> = file.config.instances[0].track.iter().map(|entry| entry.weight.value).collect();
        assert_eq!(entries, if counts { vec![-30, 5] } else { vec![-30] }, "{lines}");
        let warned = said(&file).iter().filter(|said| said.ends_with(":weight-in-group")).count();
        assert_eq!(warned, if counts { 0 } else { 2 }, "{lines}");
        let dumped = dump(&file.config, &Runtime::default());
        let shown = if counts { "     eth1 weight -30 reverse\n" } else { "     eth1 weight 0 reverse\n" };
        assert!(dumped.contains(shown), "{lines}");
    }
}

#[test]
fn owners_among_others_are_reported_in_whatever_order() {
    for in_first in ["priority 255", "state MASTER", "state MASTER\n priority 255"] {
        let file = loaded(group("", in_first));
        assert!(said(&file).contains(&"1:group-of-mixed-owners".to_owned()), "{:?}", said(&file));
    }
    assert!(!said(&loaded(group("", ""))).contains(&"1:group-of-mixed-owners".to_owned()));
}

#[test]
fn a_misspelt_member_is_recognised() {
    let text = group("", "").replace("vrrp_instance V", "vrrp_instance VI_one").replace("V W", "VI_on W");
    let file = load(Path::new("k.conf"), &MemoryFiles::single("k.conf", text), &machine());
    let problem = file.diagnostics.iter().find(|d| d.id == "unknown-instance").unwrap();
    assert_eq!(problem.help.as_deref(), Some("did you mean `VI_one`?"));
}

#[test]
fn what_may_not_run_is_no_script_of_a_group_either() {
    let loaded = loaded(include_str!("groups.conf"));
    let refuse = &mut |_: &ScriptCommand, _| Err(Refusal::NotInPath("x".into()));
    let vetted = vet_by(loaded, refuse);
    assert!(vetted.test_exit_code(0) == 5 && vetted.config.scripts.is_empty());
    for group in &vetted.config.sync_groups {
        assert_eq!(group.notify, NotifyScripts::default(), "{}", group.name);
        assert!(group.track.iter().all(|entry| matches!(entry.tracked, Tracked::Interface(_))));
    }
}
