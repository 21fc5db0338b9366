//! The tables as the kernel has them. What their rules say is compared with keepalived's in the lab.

use super::testing::{elements, rules, tables};
use super::*;
use crate::sys::testing::{in_namespace, link};

const TABLE: &str = "keepalived";

fn settings() -> Settings {
    Settings { table: TABLE.into(), priority: -1, counters: false }
}

fn dropped(addresses: &[&str]) -> BTreeSet<Dropped> {
    addresses.iter().map(|address| Dropped::Anywhere(address.parse().unwrap())).collect()
}

/// The last bytes of the addresses in a set.
fn last(family: Family, set: &str) -> Vec<u8> {
    elements(family, TABLE, set).iter().filter_map(|key| key.last().copied()).collect()
}

fn apply(filter: &mut Filter, wanted: &BTreeSet<Dropped>) {
    assert_eq!(filter.drop_packets(wanted).unwrap(), Ok(()));
}

#[test]
fn ipv4_addresses_come_and_go() {
    in_namespace(|| {
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &BTreeSet::new());
        assert!(tables().is_empty(), "nothing is made before it is needed");
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(tables(), [TABLE]);
        assert_eq!(rules(Family::V4, TABLE), ["out", "in"]);
        assert_eq!(last(Family::V4, "vips"), [100, 101]);
        apply(&mut filter, &dropped(&["10.9.0.101", "10.9.0.102"]));
        assert_eq!(last(Family::V4, "vips"), [101, 102]);
        apply(&mut filter, &BTreeSet::new());
        assert_eq!((tables().len(), last(Family::V4, "vips").len()), (1, 0));
        assert_eq!(filter.remove_tables().unwrap(), Ok(()));
        assert!(tables().is_empty());
        assert_eq!(filter.remove_tables().unwrap(), Ok(()), "they are gone already");
    });
}

#[test]
fn ipv6_has_neighbour_discovery_and_link_local_addresses_of_their_own() {
    in_namespace(|| {
        let (index, name) = link("va");
        let mut filter = Filter::open(Settings { priority: 5, counters: true, ..settings() }).unwrap();
        let local: Ipv6Addr = "fe80::100".parse().unwrap();
        let mut wanted = dropped(&["fd09::77"]);
        apply(&mut filter, &wanted);
        let both = ["out", "out", "out", "in", "in", "in"];
        assert_eq!(rules(Family::V6, TABLE), both);
        assert_eq!(last(Family::V6, "neighbor-discovery"), [135, 136]);
        wanted.insert(Dropped::OnIndex(local, index));
        wanted.insert(Dropped::OnName(local, name.clone()));
        apply(&mut filter, &wanted);
        assert_eq!(last(Family::V6, "vips"), [0x77]);
        let by_index = [local.octets().as_slice(), &index.get().to_ne_bytes()].concat();
        assert_eq!(elements(Family::V6, TABLE, "vips_link_local"), BTreeSet::from([by_index]));
        let mut by_name = [local.octets().as_slice(), name.as_str().as_bytes()].concat();
        by_name.resize(32, 0);
        assert_eq!(elements(Family::V6, TABLE, "vips_link_local_name"), BTreeSet::from([by_name]));
        assert_eq!(rules(Family::V6, TABLE).len(), both.len() + 4);
    });
}

#[test]
fn a_macvlan_reports_nothing_itself_whether_addresses_are_dropped_or_not() {
    in_namespace(|| {
        let ((link, _), (base, _)) = (link("va"), link("vb"));
        let mut filter = Filter::open(settings()).unwrap();
        let mut wanted =
            BTreeSet::from([Family::V4, Family::V6].map(|family| Dropped::Reports { family, link, base }));
        apply(&mut filter, &wanted);
        assert_eq!(rules(Family::V4, TABLE), ["out"]);
        assert_eq!(rules(Family::V6, TABLE), ["out", "out"]);
        let key = BTreeSet::from([link.get().to_ne_bytes().to_vec()]);
        assert_eq!(elements(Family::V4, TABLE, "vmac_map"), key);
        assert_eq!(elements(Family::V6, TABLE, "vmac_set"), key);
        wanted.extend(dropped(&["10.9.0.100"]));
        apply(&mut filter, &wanted);
        assert_eq!(rules(Family::V4, TABLE), ["out", "out", "in"]);
        assert_eq!(elements(Family::V4, TABLE, "vmac_map"), key);
        apply(&mut filter, &BTreeSet::new());
        assert!(elements(Family::V4, TABLE, "vmac_map").is_empty() && last(Family::V4, "vips").is_empty());
    });
}

#[test]
fn leftovers_are_replaced_and_tables_of_others_are_let_be() {
    in_namespace(|| {
        let mut predecessor = Filter::open(settings()).unwrap();
        apply(&mut predecessor, &dropped(&["10.9.0.77", "fd09::77"]));
        let mut stranger = Filter::open(Settings { table: "theirs".into(), ..settings() }).unwrap();
        apply(&mut stranger, &dropped(&["10.9.0.88"]));
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(last(Family::V4, "vips"), [100, 101]);
        assert_eq!(BTreeSet::from_iter(tables()), BTreeSet::from([TABLE.to_owned(), "theirs".to_owned()]));
        filter.change_settings(Settings { counters: true, ..settings() });
        apply(&mut filter, &dropped(&["10.9.0.100"]));
        assert_eq!(last(Family::V4, "vips"), [100]);
        assert_eq!(filter.remove_tables().unwrap(), Ok(()));
        assert_eq!(tables(), ["theirs"]);
    });
}

#[test]
fn tables_that_somebody_flushes_are_made_again() {
    in_namespace(|| {
        let flush = || assert_eq!(Filter::open(settings()).unwrap().remove_tables().unwrap(), Ok(()));
        let mut filter = Filter::open(settings()).unwrap();
        apply(&mut filter, &dropped(&["10.9.0.100"]));
        flush();
        assert!(tables().is_empty());
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(last(Family::V4, "vips"), [100, 101]);
        flush();
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
        // While the kernel still makes room for them a dump may miss some.
        let is_there = |there: &BTreeSet<Vec<u8>>| there.len() == 5000 && there.iter().all(|key| key[1] == 2);
        let mut there = BTreeSet::new();
        for _ in 0..100 {
            there = elements(Family::V4, TABLE, "vips");
            if is_there(&there) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(is_there(&there), "{}", there.len());
    });
}

#[test]
fn a_refusal_changes_nothing_and_says_why() {
    in_namespace(|| {
        let mut filter = Filter::open(Settings { table: "x".repeat(300), ..settings() }).unwrap();
        let refused = filter.drop_packets(&dropped(&["10.9.0.100"])).unwrap().unwrap_err();
        assert!(matches!(refused.code, libc::EINVAL | libc::ERANGE | libc::ENAMETOOLONG), "{refused}");
        assert!(tables().is_empty());
        filter.change_settings(settings());
        apply(&mut filter, &dropped(&["10.9.0.100", "10.9.0.101"]));
        assert_eq!(last(Family::V4, "vips"), [100, 101]);
    });
}
