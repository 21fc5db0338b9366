//! Writer and monitor against the kernel of a network namespace.

use super::*;
use crate::sys::testing::{block_on, in_namespace, ip, link};
use crate::types::{Family, IfName, MacAddr, Stacked};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn address(link: IfIndex, net: &str, prefix: u8) -> Address {
    let net = IpNet::new(net.parse().unwrap(), prefix).unwrap();
    Address {
        link,
        net,
        peer: None,
        broadcast: None,
        scope: 0,
        label: None,
        preferred_lft: None,
        nodad: net.family() == Family::V6,
        home: false,
        mngtmpaddr: false,
        noprefixroute: false,
        autojoin: false,
    }
}

fn thousand(link: IfIndex) -> Vec<Address> {
    (0..1000u16)
        .map(|i| {
            let [high, low] = i.to_be_bytes();
            let v6 = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, i));
            let net = if i % 2 == 0 { IpAddr::from([10, 98, high, low]) } else { v6 };
            address(link, &net.to_string(), Family::of(net).bits())
        })
        .collect()
}

fn shown(name: &str) -> String {
    let output = Command::new("ip").args(["address", "show", "dev", name]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn until_synced(monitor: &mut Monitor) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        match monitor.next().await.unwrap() {
            Event::Synced => return events,
            event => events.push(event),
        }
    }
}

#[test]
fn a_thousand_addresses_come_and_go_in_one_call_each_and_the_monitor_sees_each_once() {
    in_namespace(|| {
        block_on(async {
            let (index, _) = link("va");
            let mut monitor = Monitor::open().unwrap();
            until_synced(&mut monitor).await;
            let all = thousand(index);
            let mut writer = Writer::open().unwrap();
            let adds: Vec<Change> = all.iter().cloned().map(Change::Add).collect();
            assert!(writer.apply(&adds).unwrap().iter().all(Result::is_ok));
            for _ in 0..1000 {
                let added = loop {
                    match monitor.next().await.unwrap() {
                        Event::AddressAdded(added) => break added,
                        // The kernel's own link-local address is tentative no longer.
                        Event::AddressChanged(_) => {}
                        other => panic!("{other:?}"),
                    }
                };
                assert!(added.is_ours() && added.link == index && !added.tentative);
                assert!(all.iter().any(|address| address.net == added.net));
            }
            assert!(writer.apply(&adds).unwrap().iter().all(Result::is_ok), "they are there already");
            let removals: Vec<Change> = all.into_iter().map(Change::Remove).collect();
            assert!(writer.apply(&removals).unwrap().iter().all(Result::is_ok));
            for _ in 0..1000 {
                assert!(matches!(monitor.next().await.unwrap(), Event::AddressRemoved(_)));
            }
            assert!(writer.apply(&removals).unwrap().iter().all(Result::is_ok), "they are gone already");
        });
    });
}

/// oracle: iproute2's reading of what the kernel stored.
#[test]
fn every_option_of_an_address_reaches_the_kernel() {
    in_namespace(|| {
        let (index, _) = link("va");
        let labelled = Address {
            broadcast: Some([10, 99, 7, 255].into()),
            scope: 253,
            label: Some("va:vip".into()),
            noprefixroute: true,
            ..address(index, "10.99.7.100", 24)
        };
        let far = IpNet::host([10, 97, 1, 2].into());
        let point_to_point = Address { peer: Some(far), ..address(index, "10.97.1.1", 32) };
        let deprecated =
            Address { preferred_lft: Some(0), home: true, ..address(index, "2001:db8:99::100", 128) };
        let plain = address(index, "2001:db8:98::1", 64);
        let mut writer = Writer::open().unwrap();
        let all = [labelled, point_to_point, deprecated, plain];
        let adds: Vec<Change> = all.iter().cloned().map(Change::Add).collect();
        assert_eq!(writer.apply(&adds).unwrap(), vec![Ok(()); 4]);
        let text = shown("va");
        assert!(
            text.contains("inet 10.99.7.100/24 brd 10.99.7.255 scope link noprefixroute va:vip"),
            "{text}"
        );
        assert!(text.contains("inet 10.97.1.1 peer 10.97.1.2/32 scope global va"), "{text}");
        assert!(text.contains("inet6 2001:db8:99::100/128 scope global nodad home deprecated"), "{text}");
        assert!(text.contains("inet6 2001:db8:98::1/64 scope global nodad"), "{text}");
        let removals: Vec<Change> = all.into_iter().map(Change::Remove).collect();
        assert_eq!(writer.apply(&removals).unwrap(), vec![Ok(()); 4]);
        assert!(!shown("va").contains("10.9") && !shown("va").contains("2001:"));
    });
}

#[test]
fn a_refusal_is_told_for_its_own_change_only() {
    in_namespace(|| {
        let (index, _) = link("va");
        let nowhere = IfIndex::new(9999).unwrap();
        let changes = [
            address(index, "10.98.0.1", 32),
            address(nowhere, "10.98.0.2", 32),
            address(index, "10.98.0.3", 32),
        ]
        .map(Change::Add);
        let results = Writer::open().unwrap().apply(&changes).unwrap();
        assert!(results[0].is_ok() && results[2].is_ok());
        let failure = results[1].clone().unwrap_err();
        assert_eq!(failure.code, libc::ENODEV);
        assert!(failure.to_string().starts_with("No such device"), "{failure}");
    });
}

#[test]
fn the_monitor_tells_what_is_there_and_what_changes() {
    in_namespace(|| {
        block_on(async {
            let mut monitor = Monitor::open().unwrap();
            let first = until_synced(&mut monitor).await;
            let (va, _) = link("va");
            let known = first.iter().find_map(|event| match event {
                Event::LinkAdded(link) if link.index == va => Some(link.clone()),
                _ => None,
            });
            let known = known.unwrap();
            assert_eq!(known.mac.unwrap().0, [2, 0, 0, 0, 0, 0xa]);
            assert!(known.up && !known.noarp && known.mtu == 1500);
            let has = |net: &str| {
                let net = IpNet::new(net.parse().unwrap(), 24).unwrap();
                first
                    .iter()
                    .any(|event| matches!(event, Event::AddressAdded(a) if a.net == net && !a.is_ours()))
            };
            assert!(has("192.0.2.1") && has("192.0.2.2"));

            ip("link set va mtu 1400");
            let Event::LinkChanged(changed) = monitor.next().await.unwrap() else { panic!("not the MTU") };
            assert_eq!((changed.index, changed.mtu), (va, 1400));
            ip("link set vb down");
            loop {
                if let Event::LinkChanged(link) = monitor.next().await.unwrap()
                    && link.index == va
                    && !link.up
                {
                    break;
                }
            }
            ip("link del vb");
            loop {
                if let Event::LinkRemoved(link) = monitor.next().await.unwrap()
                    && link.index == va
                {
                    break;
                }
            }
        });
    });
}

/// oracle: iproute2's reading of what the kernel stored.
#[test]
fn a_macvlan_is_made_set_up_moved_and_removed() {
    in_namespace(|| {
        let (base, _) = link("va");
        let name = IfName::new("vrrp.51").unwrap();
        let kind = LinkKind::Macvlan(MacAddr([0, 0, 0x5e, 0, 1, 51]));
        let new = NewLink { name: name.clone(), base, kind, vrf: None, group: 7 };
        let set = |family, key, value| Change::Set(Setting { family, ..Setting::ipv4(&name, key, value) });
        let mut writer = Writer::open().unwrap();
        let changes = [
            Change::MakeLink(new.clone()),
            set(Family::V4, "arp_ignore", "1"),
            set(Family::V6, "addr_gen_mode", "1"),
            Change::RaiseLink(name.clone()),
            Change::GroupLink(name.clone(), 8),
        ];
        assert_eq!(writer.apply(&changes).unwrap(), vec![Ok(()); 5]);
        let output = Command::new("ip").args(["-d", "link", "show", "dev", "vrrp.51"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let wanted = [
            "vrrp.51@va",
            ",UP,",
            "00:00:5e:00:01:33",
            "macvlan mode private",
            "addrgenmode none",
            "group 8",
        ];
        for part in wanted {
            assert!(text.contains(part), "`{part}` in {text}");
        }
        assert_eq!(crate::sys::sysctl::get(Family::V4, &name, "arp_ignore").unwrap(), "1");
        assert!(!shown("vrrp.51").contains("inet6"), "{}", shown("vrrp.51"));
        let refused = writer.apply(&[Change::MakeLink(new)]).unwrap().remove(0).unwrap_err();
        assert_eq!(refused.code, libc::EEXIST);
        assert_eq!(writer.apply(&[Change::RemoveLink(name.clone())]).unwrap(), [Ok(())]);
        assert_eq!(
            writer.apply(&[Change::RemoveLink(name.clone())]).unwrap(),
            [Ok(())],
            "it is gone already"
        );
        assert_eq!(
            writer.apply(&[Change::RaiseLink(name)]).unwrap()[0].clone().unwrap_err().code,
            libc::ENODEV
        );
    });
}

/// Nothing else goes with them.
#[test]
fn the_links_of_a_group_go_together() {
    in_namespace(|| {
        let (base, _) = link("va");
        let group = std::num::NonZeroU32::MAX;
        let names: Vec<IfName> = (0..100).map(|n| IfName::new(&format!("vrrp.{n}")).unwrap()).collect();
        let make = |(n, name): (usize, &IfName)| {
            let kind = LinkKind::Macvlan(MacAddr([0, 0, 0x5e, 0, 1, n as u8]));
            Change::MakeLink(NewLink { name: name.clone(), base, kind, vrf: None, group: 7 })
        };
        let mut writer = Writer::open().unwrap();
        let made: Vec<Change> = names.iter().enumerate().map(make).collect();
        assert!(writer.apply(&made).unwrap().iter().all(Result::is_ok));
        let (stays, go) = names.split_first().unwrap();
        let mut changes: Vec<Change> =
            go.iter().map(|name| Change::GroupLink(name.clone(), group.get())).collect();
        changes.push(Change::RemoveGroup(group));
        assert!(writer.apply(&changes).unwrap().iter().all(Result::is_ok));
        let left = link_names().unwrap();
        assert!(left.contains(&stays.to_string()) && left.len() == 4, "{left:?}");
        assert_eq!(writer.apply(&[Change::RemoveGroup(group)]).unwrap(), [Ok(())], "they are gone already");
    });
}

#[test]
fn the_monitor_tells_what_is_on_top_of_what() {
    in_namespace(|| {
        block_on(async {
            let (base, _) = link("va");
            let mut monitor = Monitor::open().unwrap();
            until_synced(&mut monitor).await;
            ip("link add mv link va type macvlan mode private");
            loop {
                if let Event::LinkAdded(link) = monitor.next().await.unwrap() {
                    let private = Stacked::Macvlan { private: true };
                    assert_eq!((link.stacked, link.base), (Some(private), Some(base)));
                    break;
                }
            }
        });
    });
}

/// What it knows in the end is what there is, whatever it has missed on the way.
#[test]
fn a_monitor_that_was_told_too_much_at_a_time_asks_for_everything() {
    in_namespace(|| {
        block_on(async {
            let (index, _) = link("va");
            let mut monitor = Monitor::with_exact_buffer(4096).unwrap();
            let first = until_synced(&mut monitor).await;
            let mut known: BTreeSet<IpNet> = BTreeSet::new();
            let mut follow = |event: Event| match event {
                Event::AddressAdded(address) => assert!(known.insert(address.net), "{address:?} twice"),
                Event::AddressRemoved(address) => assert!(known.remove(&address.net), "{address:?}"),
                _ => {}
            };
            first.into_iter().for_each(&mut follow);
            // Nobody reads meanwhile.
            let mut writer = Writer::open().unwrap();
            let all = thousand(index);
            writer.apply(&all.iter().cloned().map(Change::Add).collect::<Vec<_>>()).unwrap();
            let (gone, stay) = all.split_at(600);
            writer.apply(&gone.iter().cloned().map(Change::Remove).collect::<Vec<_>>()).unwrap();
            let mut overruns = 0;
            let patience = Duration::from_secs(2);
            while let Ok(event) = tokio::time::timeout(patience, monitor.next()).await {
                match event.unwrap() {
                    Event::Synced => overruns += 1,
                    event => follow(event),
                }
            }
            assert!(overruns > 0);
            assert!(stay.iter().all(|address| known.contains(&address.net)));
            assert!(!gone.iter().any(|address| known.contains(&address.net)));
        });
    });
}

/// Somebody who goes on until this is dropped.
struct Busybody {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Busybody {
    fn start(mut work: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let go_on = move || {
            while !stopped.load(Ordering::Relaxed) {
                work();
                std::thread::sleep(Duration::from_micros(500));
            }
        };
        Self { stop, thread: Some(std::thread::spawn(go_on)) }
    }
}

impl Drop for Busybody {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        assert!(thread.join().is_ok() || std::thread::panicking());
    }
}

/// So many addresses in one subnet, where all but the first are secondary: the kernel tells them last.
fn in_one_subnet(link: IfIndex, count: u16) -> Vec<Address> {
    let net = |n: u16| format!("10.97.{}.{}", n / 250, n % 250 + 1);
    (0..count).map(|n| address(link, &net(n), 16)).collect()
}

/// The kernel tells them in pieces, and where it goes on with the next one it finds by counting.
#[test]
fn what_goes_while_the_kernel_tells_does_not_hide_what_stays() {
    in_namespace(|| {
        block_on(async {
            let (index, _) = link("va");
            let mut writer = Writer::open().unwrap();
            let stay = in_one_subnet(index, 400);
            let come_and_go: Vec<Address> =
                (0..100).map(|n| address(index, &format!("10.98.0.{n}"), 32)).collect();
            let adds = |addresses: &[Address]| addresses.iter().cloned().map(Change::Add).collect::<Vec<_>>();
            assert!(writer.apply(&adds(&stay)).unwrap().iter().all(Result::is_ok));
            let mut monitor = Monitor::open().unwrap();
            until_synced(&mut monitor).await;
            let mut churn: Vec<Change> = adds(&come_and_go);
            churn.extend(come_and_go.iter().cloned().map(Change::Remove));
            let busybody = Busybody::start(move || {
                assert!(writer.apply(&churn).unwrap().iter().all(Result::is_ok));
            });
            let mut last = BTreeSet::new();
            let (begin, mut round) = (Instant::now(), 0);
            while begin.elapsed() < Duration::from_secs(2) {
                round += 1;
                monitor.reopen().unwrap();
                for event in until_synced(&mut monitor).await {
                    match event {
                        Event::AddressRemoved(gone) => {
                            let stays = stay.iter().any(|address| address.net == gone.net);
                            assert!(!stays, "{gone:?} in round {round}");
                            last.remove(&gone.net);
                        }
                        Event::AddressAdded(there) => assert!(last.insert(there.net), "{there:?} twice"),
                        _ => {}
                    }
                }
            }
            drop(busybody);
            monitor.reopen().unwrap();
            for event in until_synced(&mut monitor).await {
                if let Event::AddressRemoved(gone) = event {
                    last.remove(&gone.net);
                }
            }
            assert_eq!(last, BTreeSet::new(), "what came and went is gone");
        });
    });
}

/// Notices bear the number of the request that made the change.
#[test]
fn what_somebody_else_asks_for_under_our_numbers_is_no_answer() {
    in_namespace(|| {
        block_on(async {
            let (index, _) = link("va");
            let mut writer = Writer::open().unwrap();
            let all = in_one_subnet(index, 300);
            let adds: Vec<Change> = all.iter().cloned().map(Change::Add).collect();
            assert!(writer.apply(&adds).unwrap().iter().all(Result::is_ok));
            let mut socket = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_ROUTE).unwrap();
            socket.bind_auto().unwrap();
            let mended = Change::Mend(all[0].clone()).to_bytes();
            let requests: Vec<Vec<u8>> = (1..=5u32)
                .map(|number| [&mended[..8], &number.to_ne_bytes(), &mended[12..]].concat())
                .collect();
            let _busybody = Busybody::start(move || {
                for request in requests.iter().cycle().take(50) {
                    socket.send(request, 0).unwrap();
                    socket.recv(&mut Vec::with_capacity(4096), 0).unwrap();
                }
            });
            for round in 0..50 {
                let first = until_synced(&mut Monitor::open().unwrap()).await;
                let told: BTreeSet<IpNet> = first
                    .iter()
                    .filter_map(|event| match event {
                        Event::AddressAdded(address) => Some(address.net),
                        _ => None,
                    })
                    .collect();
                assert!(all.iter().all(|address| told.contains(&address.net)), "round {round}");
                let links = first.iter().filter(|event| matches!(event, Event::LinkAdded(_))).count();
                assert_eq!(links, 3, "round {round}");
            }
        });
    });
}
