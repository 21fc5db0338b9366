//! Routes, rules and static objects against the kernel.

use super::*;
use crate::config::environment::Anywhere;
use crate::config::load;
use crate::config::source::MemoryFiles;

/// A configuration from text; instances advertise fast.
fn parsed(text: &str) -> Arc<Config> {
    let loaded = load(std::path::Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &Anywhere);
    let wrong: Vec<_> = loaded.diagnostics.iter().filter(|d| d.id != "untracked-route").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    Arc::new(loaded.config)
}

fn virtual_router(vrid: u8, body: &str) -> String {
    format!(
        "vrrp_instance V{vrid} {{\n interface va\n version 3\n virtual_router_id {vrid}\n priority 150\n \
         advert_int 0.1\n virtual_ipaddress {{ 10.99.{vrid}.100/24 }}\n {body}\n}}\n"
    )
}

fn ip_shows(words: &str, what: &str) -> bool {
    let output = Process::new("ip").args(words.split_whitespace()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).contains(what)
}

/// Waits a second for it.
fn soon(what: impl Fn() -> bool) -> bool {
    (0..200).any(|_| {
        let yes = what();
        if !yes {
            std::thread::sleep(Duration::from_millis(5));
        }
        yes
    })
}

const ROUTING: &str = "virtual_routes {\n 10.100.0.0/16 via 10.99.1.254 dev va\n blackhole 10.101.0.0/16 table 100\n }\n \
                       virtual_rules {\n from 10.102.0.0/16 table 100 preference 77\n }";

#[test]
fn the_master_has_its_routes_and_rules_and_nobody_else() {
    in_namespace(|| {
        let mut node = start(&parsed(&virtual_router(1, ROUTING)), false);
        node.await_event(Event::Backup);
        assert!(!ip_shows("route", "10.100.0.0/16"));
        node.await_event(Event::Master);
        assert!(ip_shows("route", "10.100.0.0/16 via 10.99.1.254 dev va proto keepalived"));
        assert!(ip_shows("route show table 100", "blackhole 10.101.0.0/16 proto keepalived"));
        assert!(ip_shows("rule", "77:\tfrom 10.102.0.0/16 lookup 100 proto keepalived"));
        node.stop();
        assert!(!ip_shows("route show table all", "10.10"));
        assert!(!ip_shows("rule", "77:"));
    });
}

const STATICS: &str = "static_ipaddress {\n 10.4.0.1/24 dev vb\n fd00:4::1/64 dev vb\n}\n\
                       static_routes {\n 10.5.0.0/16 via 10.4.0.254 dev vb\n fd00:5::/64 dev vb\n}\n\
                       static_rules {\n to 10.5.0.0/16 table 100 preference 78\n}\n";

fn has_statics() -> bool {
    has("vb", "10.4.0.1")
        && has("vb", "fd00:4::1")
        && ip_shows("route", "10.5.0.0/16 via 10.4.0.254 dev vb")
        && ip_shows("-6 route", "fd00:5::/64 dev vb")
        && ip_shows("rule", "78:")
}

#[test]
fn static_objects_are_there_from_the_start_to_the_end_and_come_back() {
    in_namespace(|| {
        let mut node = start(&parsed(&(STATICS.to_owned() + &virtual_router(1, ""))), false);
        node.await_event(Event::Backup);
        assert!(soon(has_statics));
        ip("address del 10.4.0.1/24 dev vb");
        ip("-6 route del fd00:5::/64");
        ip("rule del pref 78");
        assert!(soon(has_statics), "what somebody removes is put back, and the route that went along");
        ip("link set vb down");
        assert!(!ip_shows("route", "10.5.0.0/16"));
        ip("link set vb up");
        assert!(soon(has_statics), "what went with the link is back with it");
        node.stop();
        assert!(!has("vb", "10.4.0.1") && !has("vb", "fd00:4::1"));
        assert!(!ip_shows("route", "10.5.") && !ip_shows("-6 route", "fd00:5") && !ip_shows("rule", "78:"));
    });
}

#[test]
fn a_route_or_rule_that_somebody_deletes_is_put_back_unless_it_is_not_tracked() {
    in_namespace(|| {
        let untracked = "virtual_routes {\n 10.103.0.0/16 dev va no_track\n }";
        let mut node = start(&parsed(&virtual_router(1, &format!("{ROUTING}\n {untracked}"))), false);
        node.await_event(Event::Master);
        ip("route del 10.100.0.0/16");
        ip("rule del pref 77");
        ip("route del 10.103.0.0/16");
        assert!(soon(|| ip_shows("route", "10.100.0.0/16") && ip_shows("rule", "77:")));
        assert!(!ip_shows("route", "10.103.0.0/16"));
        assert_eq!(node.snapshot().instances[0].state, State::Master);
        node.stop();
    });
}

/// Everything that `ip monitor` says of routes and rules while `test` runs.
fn watched(test: impl FnOnce()) -> String {
    let mut command = Process::new("ip");
    let command = command.args(["monitor", "route", "rule"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let watch = AddressWatch(command.spawn().unwrap());
    std::thread::sleep(Duration::from_millis(200));
    test();
    told(watch)
}

#[test]
fn a_reload_moves_a_route_between_instances_and_changes_what_has_changed_and_nothing_else() {
    in_namespace(|| {
        let config = |first: &str, second: &str| {
            parsed(&(STATICS.to_owned() + &virtual_router(1, first) + &virtual_router(2, second)))
        };
        let extra = "virtual_routes {\n 10.110.0.0/16 dev va\n 10.111.0.0/16 dev va\n }";
        let changed = "virtual_routes {\n 10.110.0.0/16 dev va mtu 1400\n }";
        let mut node = start(&config(ROUTING, extra), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        let seen = watched(|| {
            node.tell(Command::Reload(config("", &format!("{ROUTING}\n {changed}"))));
            assert!(soon(|| ip_shows("route", "10.110.0.0/16 dev va proto keepalived scope link mtu 1400")
                || ip_shows("route", "10.110.0.0/16 dev va proto keepalived mtu 1400")));
            assert!(soon(|| !ip_shows("route", "10.111.0.0/16")));
        });
        for stays in ["10.100.", "10.101.", "10.102.", "10.4.", "10.5.", "fd00"] {
            assert!(!seen.contains(&format!("Deleted {stays}")) && !seen.contains(stays), "{stays}:\n{seen}");
        }
        assert!(seen.contains("Deleted 10.111.0.0/16"), "{seen}");
        node.stop();
        assert!(!ip_shows("route show table all", "10.1"));
    });
}

#[test]
fn a_route_that_cannot_be_had_is_tried_again_when_an_address_or_a_link_comes() {
    in_namespace(|| {
        let routes = "virtual_routes {\n 10.100.0.0/16 via 10.88.0.254 dev vb no_track\n \
                      10.101.0.0/16 via 10.99.1.254\n }";
        let mut node = start(&parsed(&virtual_router(1, routes)), false);
        node.await_event(Event::Master);
        assert!(!ip_shows("route", "10.100.0.0/16"));
        ip("address add 10.88.0.1/24 dev vb");
        assert!(soon(|| ip_shows("route", "10.100.0.0/16")));
        ip("link set vb down");
        assert!(soon(|| !ip_shows("route", "10.100.0.0/16")));
        ip("link set vb up");
        // Both ends lose their carrier: the instance fails and comes back meanwhile.
        assert!(
            (0..20)
                .any(|_| soon(|| ip_shows("route", "10.100.0.0/16") && ip_shows("route", "10.101.0.0/16")))
        );
        node.stop();
    });
}

#[test]
fn a_respawned_child_keeps_the_routes_of_the_killed_one() {
    in_namespace(|| {
        let config = parsed(&(STATICS.to_owned() + &virtual_router(1, ROUTING)));
        let mut node = start(&config, false);
        node.await_event(Event::Master);
        node.crash();
        assert!(ip_shows("route", "10.100.0.0/16"), "nobody has cleaned up");
        let seen = watched(|| {
            let mut node = start(&config, true);
            node.await_event(Event::Master);
            assert!(ip_shows("route", "10.100.0.0/16") && ip_shows("rule", "77:") && has_statics());
        });
        assert!(!seen.contains("Deleted"), "{seen}");
    });
}
