//! What the kernel makes of our messages, beside what it makes of iproute2's.

use super::*;
use crate::config::environment::Anywhere;
use crate::config::source::MemoryFiles;
use crate::config::{Config, load};
use crate::sys::netlink::{Change, Event, LinkState, Monitor, RouteKey, RuleKey, Writer};
use crate::sys::testing::{block_on, in_namespace, ip, link};
use netlink_packet_core::Emitable;
use std::path::Path;
use std::process::Command;

fn config(block: &str, lines: &[&str]) -> Config {
    let text = format!("{block} {{\n{}\n}}\n", lines.join("\n"));
    let loaded = load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &Anywhere);
    loaded.config
}

fn links() -> Links {
    let mut links = Links::default();
    for name in ["va", "vb"] {
        let (index, name) = link(name);
        let state = LinkState { up: true, ..LinkState::new(index, name) };
        links.apply(&Event::LinkAdded(state));
    }
    links
}

fn shown(words: &str) -> String {
    let output = Command::new("ip").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn apply(changes: &[Change]) -> Vec<Result<(), String>> {
    let results = Writer::open().unwrap().apply(changes).unwrap();
    results.into_iter().map(|result| result.map_err(|failure| failure.to_string())).collect()
}

/// Lines of keepalived's language, and how iproute2 writes the same.
const ROUTES: &[(&str, &str)] = &[
    ("10.2.0.0/16 dev va", "10.2.0.0/16 dev va"),
    ("default via 192.0.2.254 dev va", "default via 192.0.2.254 dev va"),
    ("10.2.0.0/16 via 192.0.2.254", "10.2.0.0/16 via 192.0.2.254"),
    ("10.2.0.0/16 via 10.77.0.1 dev va onlink", "10.2.0.0/16 via 10.77.0.1 dev va onlink"),
    ("10.2.0.0/16 dev va src 192.0.2.1 scope link", "10.2.0.0/16 dev va src 192.0.2.1 scope link"),
    ("10.2.0.0/16 dev va tos 0x10 metric 7", "10.2.0.0/16 tos 0x10 dev va metric 7"),
    ("10.2.0.0/16 dev va protocol 5 no_track", "10.2.0.0/16 dev va proto 5"),
    ("10.2.0.0/16 dev va realms 3/4", "10.2.0.0/16 dev va realms 3/4"),
    ("10.2.0.0/16 dev va realms 4", "10.2.0.0/16 dev va realms 4"),
    ("blackhole 10.2.0.0/16", "blackhole 10.2.0.0/16"),
    ("unreachable 10.2.0.0/16 metric 9", "unreachable 10.2.0.0/16 metric 9"),
    ("prohibit fd00:2::/64", "prohibit fd00:2::/64"),
    ("throw 10.2.0.0/16", "throw 10.2.0.0/16"),
    (
        "10.2.0.0/16 dev va mtu lock 1400 advmss 1300 hoplimit 9 window 8 cwnd lock 7 ssthresh 6 reordering 5 \
         initcwnd 4 initrwnd 3 quickack 1 features ecn",
        "10.2.0.0/16 dev va mtu lock 1400 advmss 1300 hoplimit 9 window 8 cwnd lock 7 ssthresh 6 reordering 5 \
         initcwnd 4 initrwnd 3 quickack 1 features ecn",
    ),
    (
        "10.2.0.0/16 dev va rtt 300ms rttvar 400ms rto_min lock 500ms",
        "10.2.0.0/16 dev va rtt 300ms rttvar 400ms rto_min 500ms",
    ),
    ("10.2.0.0/16 dev va congctl lock reno", "10.2.0.0/16 dev va congctl lock reno"),
    ("10.2.0.0/16 dev va fastopen_no_cookie 1", "10.2.0.0/16 dev va fastopen_no_cookie 1"),
    (
        "10.2.0.0/16 nexthop via 192.0.2.254 dev va weight 3 nexthop via 192.0.2.253 dev vb weight 256 onlink",
        "10.2.0.0/16 nexthop via 192.0.2.254 dev va weight 3 nexthop via 192.0.2.253 dev vb weight 256 onlink",
    ),
    (
        "10.2.0.0/16 nexthop via 192.0.2.254 dev va realms 7",
        "10.2.0.0/16 nexthop via 192.0.2.254 dev va realms 7",
    ),
    (
        "10.2.0.0/16 encap ip id 5 dst 1.2.3.4 src 1.2.3.5 tos 4 ttl 3 dev va",
        "10.2.0.0/16 encap ip id 5 dst 1.2.3.4 src 1.2.3.5 tos 4 ttl 3 dev va scope global",
    ),
    (
        "10.2.0.0/16 nexthop via 192.0.2.254 dev va encap ip id 5 dst 1.2.3.4 nexthop via 192.0.2.253 dev va",
        "10.2.0.0/16 nexthop encap ip id 5 dst 1.2.3.4 via 192.0.2.254 dev va nexthop via 192.0.2.253 dev va",
    ),
    (
        "fd00:2::/64 encap ip6 id 5 dst fd00::1 src fd00::2 tc 4 hoplimit 3 dev va",
        "fd00:2::/64 encap ip6 id 5 dst fd00::1 src fd00::2 tc 4 hoplimit 3 dev va",
    ),
    ("fd00:2::/64 dev va", "fd00:2::/64 dev va"),
    ("default via inet6 fe80::1 dev va pref high", "default via fe80::1 dev va pref high"),
    (
        "fd00:2::/64 via fe80::1 dev va metric 7 src fe80::a",
        "fd00:2::/64 via fe80::1 dev va metric 7 src fe80::a",
    ),
    ("fd00:2::/64 from fd00:3::/64 dev va", "fd00:2::/64 from fd00:3::/64 dev va"),
    (
        "fd00:2::/64 nexthop via fe80::1 dev va weight 2 nexthop via fe80::2 dev va",
        "fd00:2::/64 nexthop via fe80::1 dev va weight 2 nexthop via fe80::2 dev va",
    ),
];

/// What stands before the first `nexthop`, and the rest.
fn halves(line: &str) -> (&str, &str) {
    line.split_at(line.find("nexthop").unwrap_or(line.len()))
}

/// oracle: `ip -d route` of what `ip route add` has installed, in a table of its own.
#[test]
fn the_kernel_has_of_each_route_what_iproute2_would_have_given_it() {
    in_namespace(|| {
        let links = links();
        for (ours, theirs) in ROUTES {
            let (before, hops) = halves(ours);
            let config = config("static_routes", &[&format!("{before} table 100 {hops}")]);
            let route = config.statics.routes.first().unwrap_or_else(|| panic!("{ours} is a route"));
            let message = Box::new(route_message(route, &links).unwrap());
            let (before, hops) = halves(theirs);
            let protocol = if theirs.contains("proto") { "" } else { "proto 18" };
            // Without a gateway iproute2 takes `link` for the scope, keepalived and we take `global`.
            let on_link = theirs.starts_with("10.") && !theirs.contains("via") && !theirs.contains("scope");
            let scope = if on_link { "scope global" } else { "" };
            let family = if theirs.contains(':') { "-6" } else { "-4" };
            ip(&format!("{family} route add {before} table 101 {protocol} {scope} {hops}"));
            assert_eq!(apply(&[Change::AddRoute(message.clone(), Position::First)]), [Ok(())], "{ours}");
            let table = |number| shown(&format!("{family} -d route show table {number}"));
            let without_age = |text: String| text.split(" expires").next().unwrap_or_default().to_owned();
            assert_eq!(without_age(table(100)), without_age(table(101)), "{ours}");
            assert_eq!(apply(&[Change::AddRoute(message.clone(), Position::First)]), [Ok(())], "it is there");
            assert_eq!(apply(&[Change::RemoveRoute(message.clone())]), [Ok(())], "{ours}");
            assert_eq!(table(100), "", "{ours}");
            assert_eq!(apply(&[Change::RemoveRoute(message)]), [Ok(())], "it is gone");
            ip(&format!("{family} route flush table 101"));
        }
    });
}

/// oracle: what iproute2 6.1 sends in RTA_ENCAP for the same words, which this kernel may not know.
#[test]
fn encapsulations_that_a_kernel_may_lack_are_those_of_iproute2_byte_for_byte() {
    let nested = |line: &str| {
        let config = config("static_routes", &[line]);
        let message = route_message(&config.statics.routes[0], &Links::default()).unwrap();
        let parts = message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Encap(parts) => Some(parts.clone()),
            _ => None,
        });
        let parts = parts.unwrap();
        let mut bytes = vec![0; parts.as_slice().buffer_len()];
        parts.as_slice().emit(&mut bytes);
        bytes
    };
    assert_eq!(
        nested("10.3.0.0/16 via 192.0.2.9 encap mpls 100/200"),
        *b"\x0c\x00\x01\x00\x00\x06\x40\x00\x00\x0c\x81\x00"
    );
    assert_eq!(
        nested("10.4.0.0/16 via 192.0.2.9 encap ila 1:2:3:4"),
        *b"\x0c\x00\x01\x00\x00\x01\x00\x02\x00\x03\x00\x04"
    );
}

const RULES: &[(&str, &str)] = &[
    ("from 10.2.0.0/16 table 100", "from 10.2.0.0/16 table 100"),
    ("to 10.2.0.1 table 70000", "to 10.2.0.1 table 70000"),
    (
        "not from 10.2.0.0/16 to 10.3.0.0/16 table 100 tos 0x10",
        "not from 10.2.0.0/16 to 10.3.0.0/16 tos 0x10 table 100",
    ),
    ("from all iif va oif vb table 100", "from all iif va oif vb table 100"),
    ("fwmark 5 table 100", "fwmark 5 table 100"),
    ("fwmark 5/0xff table 100", "fwmark 5/0xff table 100"),
    ("from 10.2.0.0/16 table 100 realms 3/4", "from 10.2.0.0/16 table 100 realms 3/4"),
    ("table 100 suppress_prefixlength 3", "from all table 100 suppress_prefixlength 3"),
    ("table 100 suppress_ifgroup 3", "from all table 100 suppress_ifgroup 3"),
    ("table 100 uidrange 5-10", "from all uidrange 5-10 table 100"),
    ("table 100 ipproto tcp sport 80-90 dport 1-2", "from all ipproto tcp sport 80-90 dport 1-2 table 100"),
    ("tunnel-id 77 table 100", "from all tun_id 77 table 100"),
    ("from 10.2.0.0/16 blackhole", "from 10.2.0.0/16 type blackhole"),
    ("from 10.2.0.0/16 prohibit", "from 10.2.0.0/16 type prohibit"),
    ("from 10.2.0.0/16 unreachable", "from 10.2.0.0/16 type unreachable"),
    ("from 10.2.0.0/16 goto 32766", "from 10.2.0.0/16 goto 32766"),
    ("from 10.2.0.0/16 nop", "from 10.2.0.0/16 nop"),
    ("from fd00:2::/64 table 100", "from fd00:2::/64 table 100"),
    ("from fd00:2::/64 iif va prohibit", "from fd00:2::/64 iif va type prohibit"),
];

/// oracle: `ip -d rule` of what `ip rule add` has installed.
#[test]
fn the_kernel_has_of_each_rule_what_iproute2_would_have_given_it() {
    in_namespace(|| {
        for (ours, theirs) in RULES {
            let config = config("static_rules", &[&format!("{ours} preference 77")]);
            let rule = config.statics.rules.first().unwrap_or_else(|| panic!("{ours} is a rule"));
            let message = Box::new(rule_message(rule));
            let family = if theirs.contains(':') { "-6" } else { "-4" };
            let show = || shown(&format!("{family} -d rule show pref 77"));
            let (matching, action) = theirs.split_at(theirs.find("goto").unwrap_or(theirs.len()));
            ip(&format!("{family} rule add {matching} pref 77 {action} protocol 18"));
            let expected = show();
            ip(&format!("{family} rule del pref 77"));
            assert_eq!(apply(&[Change::AddRule(message.clone())]), [Ok(())], "{ours}");
            assert_eq!(show(), expected, "{ours}");
            assert_eq!(apply(&[Change::AddRule(message.clone())]), [Ok(())], "it is there");
            assert_eq!(apply(&[Change::RemoveRule(message.clone())]), [Ok(())], "{ours}");
            assert_eq!(show(), "", "{ours}");
            assert_eq!(apply(&[Change::RemoveRule(message)]), [Ok(())], "it is gone");
        }
    });
}

/// Somebody else's rule and route, alike but for the protocol, stay where they are.
#[test]
fn what_is_not_ours_is_not_removed() {
    in_namespace(|| {
        let links = links();
        let config = config("static_routes", &["10.2.0.0/16 via 192.0.2.254 dev va"]);
        let route = route_message(&config.statics.routes[0], &links).unwrap();
        ip("route add 10.2.0.0/16 via 192.0.2.254 dev va proto 99");
        assert_eq!(apply(&[Change::RemoveRoute(Box::new(route))]), [Ok(())]);
        assert!(shown("route show").contains("10.2.0.0/16"));
        let config = self::config("static_rules", &["from 10.2.0.0/16 table 100 preference 77"]);
        ip("rule add from 10.2.0.0/16 table 100 pref 77");
        assert_eq!(apply(&[Change::RemoveRule(Box::new(rule_message(&config.statics.rules[0])))]), [Ok(())]);
        assert!(shown("rule show").contains("10.2.0.0/16"));
    });
}

#[test]
fn each_placement_puts_a_route_where_it_says() {
    in_namespace(|| {
        let links = links();
        let of = |line: &str| {
            let config = config("static_routes", &[line]);
            let route = &config.statics.routes[0];
            Change::AddRoute(Box::new(route_message(route, &links).unwrap()), position(route.placement))
        };
        ip("route add 10.2.0.0/16 via 192.0.2.9");
        let results = apply(&[
            of("10.2.0.0/16 via 192.0.2.1 dev va"),
            of("10.2.0.0/16 via 192.0.2.3 dev va append"),
            of("10.2.0.0/16 via 192.0.2.4 dev va add"),
        ]);
        assert!(results[0].is_ok() && results[1].is_ok());
        assert!(results[2].as_ref().is_err_and(|text| text.starts_with("File exists")), "{results:?}");
        let shown = shown("route show 10.2.0.0/16");
        let order: Vec<_> = ["192.0.2.1 ", "192.0.2.9 ", "192.0.2.3 "].map(|gw| shown.find(gw)).into();
        assert!(order.is_sorted() && order[0].is_some(), "{shown}");
    });
}

async fn next(monitor: &mut Monitor) -> Event {
    monitor.next().await.unwrap()
}

#[test]
fn the_monitor_calls_routes_and_rules_what_we_call_them_and_says_nothing_of_others() {
    in_namespace(|| {
        block_on(async {
            let links = links();
            let lines: Vec<&str> = ROUTES.iter().map(|(ours, _)| *ours).collect();
            let config = config("static_routes", &lines);
            let routes = config.statics.routes.iter().filter(|route| route.dev.is_some() && !route.no_track);
            let mut monitor = Monitor::open().unwrap();
            while next(&mut monitor).await != Event::Synced {}
            ip("route add 10.9.0.0/16 via 192.0.2.254 dev va proto 99");
            ip("route del 10.9.0.0/16");
            for route in routes {
                let message = Box::new(route_message(route, &links).unwrap());
                let key = RouteKey::of(&message).unwrap();
                assert_eq!(apply(&[Change::AddRoute(message.clone(), Position::First)]), [Ok(())], "{route}");
                assert_eq!(next(&mut monitor).await, Event::RouteAdded(key.clone()), "{route}");
                assert_eq!(apply(&[Change::RemoveRoute(message)]), [Ok(())]);
                assert_eq!(next(&mut monitor).await, Event::RouteRemoved(key), "{route}");
            }
            let lines: Vec<String> = RULES.iter().map(|(ours, _)| format!("{ours} preference 77")).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            for rule in &self::config("static_rules", &lines).statics.rules {
                let message = Box::new(rule_message(rule));
                let key = RuleKey::of(&message);
                assert_eq!(apply(&[Change::AddRule(message.clone())]), [Ok(())], "{rule}");
                assert_eq!(next(&mut monitor).await, Event::RuleAdded(key.clone()), "{rule}");
                assert_eq!(apply(&[Change::RemoveRule(message)]), [Ok(())]);
                assert_eq!(next(&mut monitor).await, Event::RuleRemoved(key), "{rule}");
            }
        });
    });
}

#[test]
fn what_is_there_when_the_monitor_starts_is_told_and_nothing_that_is_not_ours() {
    in_namespace(|| {
        block_on(async {
            ip("route add 10.2.0.0/16 via 192.0.2.254 dev va proto 18");
            ip("route add 10.3.0.0/16 via 192.0.2.254 dev va");
            ip("-6 rule add from fd00::/64 table 100 pref 9 protocol 18");
            let mut monitor = Monitor::open().unwrap();
            let (mut routes, mut rules) = (0, 0);
            loop {
                match next(&mut monitor).await {
                    Event::RouteAdded(_) => routes += 1,
                    Event::RuleAdded(_) => rules += 1,
                    Event::Synced => break,
                    _ => {}
                }
            }
            assert_eq!((routes, rules), (1, 1));
        });
    });
}
