//! Packets to addresses that accept none.

use super::*;

use crate::sys::nftables::testing::{Watch, elements, tables};
use crate::sys::nftables::{Dropped, Filter, Settings};
use std::collections::BTreeSet;

const TABLE: &str = "keepalived";

/// The last bytes of the addresses whose packets are dropped; `None`: there is no table.
fn dropped() -> Option<Vec<u8>> {
    if tables().is_empty() {
        return None;
    }
    Some(elements(Family::V4, TABLE, "vips").iter().map(|address| address[3]).collect())
}

fn soon(check: impl Fn() -> bool) -> bool {
    (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        check()
    })
}

fn deaf(priority: u8, vips: &[&str]) -> VrrpInstance {
    VrrpInstance { accept: false, ..instance("va", priority, vips) }
}

fn filtering(instances: Vec<VrrpInstance>) -> Arc<Config> {
    let mut config = (*config(instances)).clone();
    config.global.firewall.table = Some("keepalived".into());
    Arc::new(config)
}

#[test]
fn a_master_that_accepts_nothing_drops_packets_and_leaves_no_table() {
    in_namespace(|| {
        let leftover = Settings { table: TABLE.into(), priority: 0, counters: false };
        let leftover = Filter::open(leftover)
            .unwrap()
            .drop_packets(&BTreeSet::from([Dropped::Anywhere("10.99.0.77".parse().unwrap())]));
        assert_eq!(leftover.unwrap(), Ok(()));
        assert_eq!(dropped(), Some(vec![77]));
        let mut node = start(&filtering(vec![deaf(150, &["10.99.0.100", "10.99.0.101"])]), false);
        node.await_event(Event::Backup);
        assert_eq!(dropped(), None, "leftovers");
        node.await_event(Event::Master);
        assert_eq!(dropped(), Some(vec![100, 101]));
        node.stop();
        assert_eq!(dropped(), None);
    });
}

#[test]
fn a_reload_moves_an_address_between_instances_that_both_block_it_and_never_lets_a_packet_in() {
    in_namespace(|| {
        let pair = |first: &[&str], second: &[&str]| {
            let other =
                VrrpInstance { name: "VI_2".into(), vrid: Vrid::new(7).unwrap(), ..deaf(100, second) };
            filtering(vec![deaf(150, first), other])
        };
        let moving = "10.99.0.102";
        let mut node = start(&pair(&["10.99.0.100", moving], &["10.99.0.101"]), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        let watch = Watch::start();
        node.tell(Command::Reload(pair(&["10.99.0.100"], &["10.99.0.101", moving])));
        node.tell(Command::Reload(pair(&["10.99.0.100", "10.99.0.103"], &["10.99.0.101"])));
        assert!(soon(|| dropped() == Some(vec![100, 101, 103])), "{:?}", dropped());
        let seen: Vec<_> = watch.changes().into_iter().map(|(added, key)| (added, key[3])).collect();
        assert_eq!(seen, [(true, 103), (false, 102)]);
        node.stop();
    });
}

#[test]
fn a_reload_that_accepts_removes_the_table_and_one_that_does_not_makes_it_again() {
    in_namespace(|| {
        let vips = ["10.99.0.100"];
        let accepting = config(vec![instance("va", 150, &vips)]);
        let mut node = start(&filtering(vec![deaf(150, &vips)]), false);
        node.await_event(Event::Master);
        for _ in 0..2 {
            node.tell(Command::Reload(Arc::clone(&accepting)));
            assert!(soon(|| dropped().is_none()));
            assert!(has("va", "10.99.0.100"));
            node.tell(Command::Reload(filtering(vec![deaf(150, &vips)])));
            assert!(soon(|| dropped() == Some(vec![100])));
        }
        assert_eq!(node.snapshot().instances[0].stats.become_master, 1);
        node.stop();
        assert_eq!(dropped(), None);
    });
}

#[test]
fn a_child_that_takes_the_place_of_a_killed_one_goes_on_blocking() {
    in_namespace(|| {
        let config = filtering(vec![deaf(150, &["10.99.0.100"])]);
        let mut node = start(&config, false);
        node.await_event(Event::Master);
        node.crash();
        assert_eq!(dropped(), Some(vec![100]), "nobody has cleaned up");
        let mut node = start(&config, true);
        node.await_event(Event::Backup);
        assert_eq!(dropped(), Some(vec![100]));
        node.await_event(Event::Master);
        node.stop();
        assert_eq!(dropped(), None);
    });
}

#[test]
fn an_instance_that_fails_and_is_dropped_meanwhile_blocks_nothing_in_the_end() {
    in_namespace(|| {
        let mut node = start(&filtering(vec![deaf(150, &["10.99.0.100"])]), false);
        node.await_event(Event::Master);
        node.tell(Command::Fail("VI_1".into()));
        node.tell(Command::Reload(filtering(vec![deaf(150, &["10.99.0.101"])])));
        assert!(soon(|| dropped() == Some(vec![101])), "{:?}", dropped());
        node.stop();
        assert_eq!(dropped(), None);
    });
}

#[test]
fn a_table_that_somebody_removes_or_changes_is_there_again_at_once() {
    in_namespace(|| {
        let mut node = start(&filtering(vec![deaf(150, &["10.99.0.100"])]), false);
        node.await_event(Event::Master);
        assert_eq!(dropped(), Some(vec![100]));
        let settings = || Settings { table: TABLE.into(), priority: 0, counters: false };
        for _ in 0..3 {
            assert_eq!(Filter::open(settings()).unwrap().remove_tables().unwrap(), Ok(()));
            assert!(soon(|| dropped() == Some(vec![100])));
        }
        // Another table of that name.
        let other = BTreeSet::from([Dropped::Anywhere("10.99.0.77".parse().unwrap())]);
        assert_eq!(Filter::open(settings()).unwrap().drop_packets(&other).unwrap(), Ok(()));
        assert!(soon(|| dropped() == Some(vec![100])));
        node.stop();
        assert_eq!(dropped(), None);
    });
}
