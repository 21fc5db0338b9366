use super::*;
use crate::config::environment::Anywhere;
use crate::config::load;
use crate::config::source::MemoryFiles;
use std::path::Path;

fn config(text: &str) -> Config {
    let loaded = load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &Anywhere);
    assert!(!loaded.is_fatal(), "{:?}", loaded.diagnostics);
    loaded.config
}

fn instance(name: &str, vrid: u8, vips: &str, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {more}\n \
         virtual_ipaddress {{\n {vips}\n }}\n}}\n"
    )
}

fn plan(old: &str, new: &str) -> ReloadPlan {
    ReloadPlan::new(&config(old), &config(new))
}

/// By hand, from what the machine does with each of them (`vrrp::instance::change`).
#[test]
fn each_keyword_goes_as_deep_as_it_goes() {
    use Impact::{Addresses, Advert, DaemonRestart, None, Sockets, Timers};
    let before = instance("A", 1, "10.0.0.1", "");
    for (more, keyword, impact, is_noticed) in [
        ("priority 150", "priority", Advert, true),
        ("advert_int 2", "advert_int", Advert, true),
        ("nopreempt", "nopreempt", Timers, false),
        ("garp_master_refresh 5", "garp_master_refresh", Timers, false),
        ("notify_master /bin/true", "notify_master", None, false),
        ("virtual_ipaddress_excluded {\n 10.0.0.2\n }", "virtual_ipaddress_excluded", Addresses, false),
        ("virtual_routes {\n 10.2.0.0/16 dev eth0\n }", "virtual_routes", Addresses, false),
        ("authentication {\n auth_type PASS\n auth_pass hunter2\n }", "authentication", Advert, true),
        ("track_interface {\n eth1 weight 5\n }", "track_*", Advert, true),
        ("kernel_rx_buf_size 99999", "kernel_rx_buf_size", DaemonRestart, false),
    ] {
        let plan = plan(&before, &instance("A", 1, "10.0.0.1", more));
        let [step] = plan.steps.as_slice() else { panic!("{more}: {plan}") };
        assert_eq!((step.block, step.name.as_str(), &step.action), ("vrrp_instance", "A", &Action::Change));
        let found = step.differences.iter().find(|difference| difference.keyword == keyword);
        let found = found.unwrap_or_else(|| panic!("{more}: {plan}"));
        assert_eq!((found.impact, step.is_noticed()), (impact, is_noticed), "{more}");
        assert_eq!(plan.origins, [Some(0)]);
        assert!(!plan.to_string().contains("hunter2"));
    }
    let peers = |peer| {
        instance("A", 1, "10.0.0.1", &format!("unicast_src_ip 10.0.0.9\n unicast_peer {{\n {peer}\n }}"))
    };
    let plan = plan(&peers("10.0.0.7"), &peers("10.0.0.8"));
    assert_eq!(plan.steps[0].impact(), Sockets, "{plan}");
}

#[test]
fn another_virtual_router_of_the_same_name_begins_anew_and_alone() {
    let other = instance("B", 2, "10.0.0.2", "");
    let plan =
        plan(&(instance("A", 1, "10.0.0.1", "") + &other), &(instance("A", 3, "10.0.0.1", "") + &other));
    assert_eq!(plan.origins, [None, Some(1)]);
    let [step] = plan.steps.as_slice() else { panic!("{plan}") };
    assert_eq!((step.name.as_str(), &step.action, step.impact()), ("A", &Action::Restart, Impact::Restart));
    assert!(step.is_noticed() && plan.moves.is_empty(), "{plan}");
}

#[test]
fn a_renamed_instance_goes_on_and_a_moved_address_stays() {
    let old = instance("A", 1, "10.0.0.1\n 10.0.0.3", "") + &instance("B", 2, "10.0.0.2", "");
    let new = instance("B", 2, "10.0.0.2\n 10.0.0.3", "") + &instance("X", 1, "10.0.0.1", "");
    let plan = plan(&old, &new);
    assert_eq!(plan.origins, [Some(1), Some(0)]);
    let actions: Vec<_> = plan.steps.iter().map(|step| (step.name.as_str(), step.action.clone())).collect();
    assert_eq!(actions, [("B", Action::Change), ("X", Action::Rename("A".to_owned()))]);
    let moved = Move { what: "10.0.0.3/32 dev eth0".to_owned(), from: "X".to_owned(), to: "B".to_owned() };
    assert_eq!(plan.moves, [moved]);
    assert_eq!(plan.noticed().count(), 0, "{plan}");
}

#[test]
fn what_goes_for_good_is_noticed_and_what_comes_is_not() {
    let old = instance("A", 1, "10.0.0.1\n 10.0.0.3", "");
    let less = plan(&old, &instance("A", 1, "10.0.0.1", ""));
    assert!(less.steps[0].is_noticed(), "{less}");
    let more = plan(&old, &(old.clone() + &instance("B", 2, "10.0.0.2", "")));
    assert_eq!((more.steps[0].action.clone(), more.noticed().count()), (Action::Add, 0), "{more}");
    let gone = plan(&old, "");
    assert_eq!((gone.steps[0].action.clone(), gone.noticed().count()), (Action::Remove, 1), "{gone}");
}

#[test]
fn blocks_around_instances_are_compared_by_name_and_their_order_is_nothing() {
    let script = |name: &str, interval: u8| {
        format!("vrrp_script {name} {{\n script /bin/true\n interval {interval}\n}}\n")
    };
    let tracking = instance("A", 1, "10.0.0.1", "track_script {\n s\n t\n }");
    let old = script("s", 1) + &script("t", 1) + &tracking;
    assert!(plan(&old, &(script("t", 1) + &script("s", 1) + &tracking)).is_empty());
    let plan = plan(
        &old,
        &(script("s", 5)
            + &script("t", 1)
            + &tracking
            + "global_defs {\n router_id x\n vrrp_priority -5\n}\n"),
    );
    let steps: Vec<_> =
        plan.steps.iter().map(|step| (step.block, step.name.as_str(), step.impact())).collect();
    assert_eq!(steps, [("global_defs", "", Impact::DaemonRestart), ("vrrp_script", "s", Impact::Timers)]);
    assert_eq!(plan.to_string().lines().last(), Some("2 change, no client notices"));
}
