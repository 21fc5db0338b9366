//! The tables as nft shows them.

use super::*;
use crate::sys::testing::{in_namespace, link};
use std::process::Command;

fn settings() -> Settings {
    Settings { table: "keepalived".into(), priority: -1, counters: false }
}

fn nft(words: &str) -> String {
    let output = Command::new("nft").args(words.split_whitespace()).output().expect("nft is installed");
    assert!(output.status.success(), "nft {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The ruleset in words, without the breaks that nft puts into long lists.
fn shown() -> String {
    nft("list ruleset").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn dropped(addresses: &[&str]) -> BTreeSet<Dropped> {
    addresses.iter().map(|address| Dropped::Anywhere(address.parse().unwrap())).collect()
}

fn apply(filter: &mut Filter, wanted: &BTreeSet<Dropped>) {
    assert_eq!(filter.drop_packets(wanted).unwrap(), Ok(()));
}

/// oracle: `nft list ruleset` beside keepalived 2.2.7 with the same addresses.
const IPV4: &str = "table ip keepalived { set vips { type ipv4_addr elements = { 10.9.0.100, 10.9.0.101 } } \
    chain out { type filter hook output priority filter - 1; policy accept; ip saddr @vips drop } \
    chain in { type filter hook input priority filter - 1; policy accept; ip daddr @vips drop } }";

/// oracle: the same, with `nftables_counters`, `nftables_priority 5` and a link-local address; its counters
/// set to 0.
const IPV6: &str = "table ip6 keepalived { set vips { type ipv6_addr elements = { fd09::100 } } \
    set neighbor-discovery { type icmpv6_type flags constant elements = { nd-neighbor-solicit, \
    nd-neighbor-advert } } set vips_link_local { type ipv6_addr . iface_index elements = { fe80::100 . \"va\" } } \
    chain out { type filter hook output priority filter + 5; policy accept; \
    icmpv6 type @neighbor-discovery counter packets 0 bytes 0 accept \
    ip6 saddr fe80::/10 counter packets 0 bytes 0 goto out_link_local \
    ip6 saddr @vips counter packets 0 bytes 0 drop } \
    chain in { type filter hook input priority filter + 5; policy accept; \
    icmpv6 type @neighbor-discovery counter packets 0 bytes 0 accept \
    ip6 daddr fe80::/10 counter packets 0 bytes 0 goto in_link_local \
    ip6 daddr @vips counter packets 0 bytes 0 drop } \
    chain in_link_local { ip6 daddr . iif @vips_link_local counter packets 0 bytes 0 drop } \
    chain out_link_local { ip6 saddr . oif @vips_link_local counter packets 0 bytes 0 drop } }";

/// The words of one `… { … }`, as a sorted list of what it holds: nft shows sets and chains in the order in
/// which they were made, which means nothing.
fn parts(text: &str) -> BTreeSet<String> {
    let text = text.trim_end().strip_suffix('}').unwrap_or(text);
    let mut parts = BTreeSet::new();
    for piece in text.split(" set ").flat_map(|piece| piece.split(" chain ")) {
        parts.insert(piece.trim().to_owned());
    }
    parts
}

#[test]
fn ipv4_addresses_come_and_go_in_the_table_that_keepalived_makes() {
    in_namespace(|| {
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &BTreeSet::new());
        assert_eq!(shown(), "", "nothing is made before it is needed");
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(parts(&shown()), parts(IPV4));
        apply(&mut filter, &dropped(&["10.9.0.101", "10.9.0.102"]));
        assert!(shown().contains("elements = { 10.9.0.101, 10.9.0.102 }"), "{}", shown());
        apply(&mut filter, &BTreeSet::new());
        assert!(shown().contains("set vips { type ipv4_addr }"), "{}", shown());
        assert_eq!(filter.remove_tables().unwrap(), Ok(()));
        assert_eq!(shown(), "");
        assert_eq!(filter.remove_tables().unwrap(), Ok(()), "they are gone already");
    });
}

#[test]
fn ipv6_has_neighbour_discovery_and_link_local_addresses_of_their_own() {
    in_namespace(|| {
        let (index, name) = link("va");
        let settings = Settings { priority: 5, counters: true, ..settings() };
        let mut filter = Filter::open(settings).unwrap();
        let local: Ipv6Addr = "fe80::100".parse().unwrap();
        let mut wanted = dropped(&["fd09::100"]);
        apply(&mut filter, &wanted);
        wanted.insert(Dropped::OnIndex(local, index));
        apply(&mut filter, &wanted);
        // What the namespace itself says to its routers meanwhile is counted, too.
        let counted = shown();
        let mut words: Vec<&str> = counted.split(' ').collect();
        for at in 2..words.len() {
            if matches!(words[at - 1], "packets" | "bytes") {
                words[at] = "0";
            }
        }
        assert_eq!(parts(&words.join(" ")), parts(IPV6));
        wanted.insert(Dropped::OnName(local, name));
        apply(&mut filter, &wanted);
        let shown = shown();
        assert!(shown.contains("type ipv6_addr . ifname elements = { fe80::100 . \"va\" }"), "{shown}");
        assert!(shown.contains("ip6 daddr . iifname @vips_link_local_name counter"), "{shown}");
    });
}

#[test]
fn leftovers_are_replaced_and_tables_of_others_are_let_be() {
    in_namespace(|| {
        nft("add table ip keepalived");
        nft("add chain ip keepalived somebody");
        nft("add table ip6 keepalived");
        nft("add table ip theirs");
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        let theirs = format!("table ip theirs {{ }} {IPV4}");
        assert_eq!(parts(&shown()), parts(&theirs));
        filter.change_settings(Settings { counters: true, ..settings() });
        apply(&mut filter, &dropped(&["10.9.0.100"]));
        assert!(shown().contains("ip daddr @vips counter packets 0 bytes 0 drop"), "{}", shown());
        assert_eq!(filter.remove_tables().unwrap(), Ok(()));
        assert_eq!(shown(), "table ip theirs { }");
    });
}

#[test]
fn tables_that_somebody_flushes_are_made_again() {
    in_namespace(|| {
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &dropped(&["10.9.0.100"]));
        nft("flush ruleset");
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(parts(&shown()), parts(IPV4));
        nft("flush ruleset");
        assert_eq!(filter.remove_tables().unwrap(), Ok(()));
    });
}

#[test]
fn thousands_of_addresses_go_in_one_batch() {
    in_namespace(|| {
        let many = |net: u8| {
            let host = |i: u16| IpAddr::from([10, net, i.to_be_bytes()[0], i.to_be_bytes()[1]]);
            (0..5000).map(host).map(Dropped::Anywhere).collect::<BTreeSet<_>>()
        };
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &many(1));
        apply(&mut filter, &many(2));
        let shown = shown();
        assert!(shown.matches("10.2.").count() == 5000 && !shown.contains("10.1."));
    });
}

#[test]
fn a_refusal_changes_nothing_and_says_why() {
    in_namespace(|| {
        let mut filter = Filter::open(Settings { table: "x".repeat(300), ..settings() }).unwrap();
        let refused = filter.drop_packets(&dropped(&["10.9.0.100"])).unwrap().unwrap_err();
        assert!(matches!(refused.code, libc::EINVAL | libc::ERANGE | libc::ENAMETOOLONG), "{refused}");
        assert_eq!(shown(), "");
        filter.change_settings(settings());
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(parts(&shown()), parts(IPV4));
    });
}
