//! What somebody does to what is ours, and what the kernel refuses.

use super::*;

fn soon(check: impl Fn() -> bool) -> bool {
    (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(2));
        check()
    })
}

fn run(words: &str) -> String {
    let output = Process::new("ip").args(words.split_whitespace()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn set(path: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{path}"), value).unwrap();
}

/// A master, and the number of times that it has changed its state since is the test's to see.
fn master(config: &Arc<Config>) -> Node {
    let mut node = start(config, false);
    node.await_event(Event::Master);
    node
}

#[test]
fn a_flush_of_many_addresses_is_one_removal() {
    in_namespace(|| {
        let vips: Vec<String> = (1..=60).map(|last| format!("10.99.0.{last}")).collect();
        let vips: Vec<&str> = vips.iter().map(String::as_str).collect();
        let mut node = master(&config(vec![instance("va", 150, &vips)]));
        ip("address flush dev va to 10.99.0.0/16");
        assert!(soon(|| vips.iter().all(|vip| has("va", vip))));
        let changes = std::iter::from_fn(|| node.service.try_recv().ok());
        assert_eq!(changes.filter(|told| matches!(told, ToService::Notify(_))).count(), 0);
        node.stop();
    });
}

#[test]
fn lifetimes_that_somebody_changes_are_mended() {
    in_namespace(|| {
        let node = master(&config(vec![instance("va", 150, &["10.99.0.100"])]));
        for words in ["preferred_lft 0", "preferred_lft 500 valid_lft 1000"] {
            ip(&format!("address change 10.99.0.100/32 dev va {words}"));
            let mended = || {
                let shown = run("-o address show dev va to 10.99.0.100");
                !shown.contains("deprecated") && shown.contains("valid_lft forever")
            };
            assert!(soon(mended), "{}", shown("va"));
        }
        node.stop();
    });
}

#[test]
fn what_the_kernel_refuses_is_asked_for_again() {
    in_namespace(|| {
        set("ipv6/conf/va/disable_ipv6", "1");
        let excluded_vips = vec![vip("2001:db8::100", "va")];
        let instance = VrrpInstance { excluded_vips, ..instance("va", 150, &["10.99.0.100"]) };
        let node = master(&config(vec![instance]));
        assert!(!has("va", "2001:db8::100"));
        set("ipv6/conf/va/disable_ipv6", "0");
        assert!(soon(|| has("va", "2001:db8::100")));
        node.stop();
        assert!(!has("va", "2001:db8::100"));
    });
}

/// The other end of the cable has the address, until it has not.
#[test]
fn an_address_that_another_host_has_is_tried_again() {
    in_namespace(|| {
        for link in ["va", "vb"] {
            set(&format!("ipv6/conf/{link}/accept_dad"), "1");
            set(&format!("ipv6/conf/{link}/dad_transmits"), "1");
        }
        ip("address add 2001:db8::100/64 dev vb nodad");
        let excluded = VirtualAddress { dad: true, ..vip("2001:db8::100", "va") };
        let instance =
            VrrpInstance { excluded_vips: vec![excluded], ..instance("va", 150, &["10.99.0.100"]) };
        let node = master(&config(vec![instance]));
        let failed = || run("-6 -o address show dev va").contains("dadfailed");
        assert!((0..3).any(|_| soon(failed)), "{}", shown("va"));
        ip("address del 2001:db8::100/64 dev vb");
        let works = || has("va", "2001:db8::100") && !run("-6 -o address show dev va").contains("tentative");
        assert!((0..10).any(|_| soon(works)), "{}", shown("va"));
        node.stop();
    });
}

/// The kernel says nothing of them.
#[test]
fn routes_that_go_with_the_last_address_of_their_link_come_back() {
    in_namespace(|| {
        let net = IpNet::new([10, 100, 0, 0].into(), 16).unwrap();
        let route = crate::config::value::Route {
            dev: Some(IfName::new("vb").unwrap()),
            ..crate::config::value::Route::to(net)
        };
        let instance = VrrpInstance { routes: vec![route], ..instance("va", 150, &["10.99.0.100"]) };
        let node = master(&config(vec![instance]));
        let there = || run("route show 10.100.0.0/16").contains("dev vb");
        assert!(soon(there));
        ip("-4 address flush dev vb");
        assert!(soon(there));
        node.stop();
        assert!(!there());
    });
}

/// What a socket has joined on a link is gone with it, also where the new one has its number.
#[test]
fn a_link_that_is_made_again_under_its_number_has_sockets_of_its_own() {
    in_namespace(|| {
        let mut node = master(&config(vec![instance("va", 150, &["10.99.0.100"])]));
        let (index, _) = crate::sys::testing::link("va");
        let before = node.snapshot().sockets.remove(0).fd_in;
        let groups = || run("maddress show dev va").contains("224.0.0.18");
        assert!(groups());
        let again = format!(
            "link del va\nlink add va index {index} type veth peer name vb\nlink set va up\nlink set vb up\n\
             address add 192.0.2.1/24 dev va\n"
        );
        let mut batch = Process::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(batch.stdin.as_mut().unwrap(), again.as_bytes()).unwrap();
        assert!(batch.wait().unwrap().success());
        node.await_event(Event::Master);
        assert!(soon(groups), "descriptor {before} before");
        node.stop();
    });
}

/// Under another configuration nothing of theirs would be asked for.
#[test]
fn what_a_killed_daemon_leaves_is_removed_whatever_is_configured_now() {
    in_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("vrrp.left");
        let memo = Some(file.clone());
        let net = IpNet::new([10, 100, 0, 0].into(), 16).unwrap();
        let route = crate::config::value::Route {
            dev: Some(IfName::new("vb").unwrap()),
            ..crate::config::value::Route::to(net)
        };
        let rules = vec![crate::config::value::Rule::looking_up(Family::V4, 100, 1000)];
        let first = VrrpInstance { routes: vec![route], rules, ..instance("va", 150, &["10.99.0.100"]) };
        let left = || {
            [
                has("va", "10.99.0.100"),
                run("route show 10.100.0.0/16").contains("dev vb"),
                run("rule show").contains("lookup 100"),
            ]
        };
        let mut node = start_with(&config(vec![first]), false, memo.clone());
        node.await_event(Event::Master);
        assert!(soon(|| left() == [true; 3]));
        node.crash();
        assert_eq!(left(), [true; 3]);
        // Of one that is not marked as ours nobody knows whose it is.
        ip("address del 10.99.0.100/32 dev va");
        ip("address add 10.99.0.100/32 dev va");
        let other = config(vec![instance("va", 150, &["10.99.0.101"])]);
        let mut node = start_with(&other, false, memo);
        node.await_event(Event::Master);
        assert_eq!(left(), [true, false, false]);
        node.stop();
        assert!(!file.exists());
    });
}

/// As above, with its mark.
#[test]
fn an_address_of_a_killed_daemon_is_removed_by_its_mark() {
    in_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let memo = Some(directory.path().join("vrrp.left"));
        let mut node = start_with(&config(vec![instance("va", 150, &["10.99.0.100"])]), false, memo.clone());
        node.await_event(Event::Master);
        node.crash();
        assert!(has("va", "10.99.0.100"));
        let mut node = start_with(&config(vec![instance("va", 150, &["10.99.0.101"])]), false, memo);
        node.await_event(Event::Master);
        assert!(!has("va", "10.99.0.100"));
        node.stop();
    });
}

/// The kernel has an IPv4 address once for each far end.
#[test]
fn an_address_with_another_far_end_comes_before_the_one_with_the_old_goes() {
    in_namespace(|| {
        let with_peer = |peer: &str| {
            let mut instance = instance("va", 150, &["10.99.0.100"]);
            instance.vips[0].peer = Some(IpNet::host(peer.parse().unwrap()));
            config(vec![instance])
        };
        let (old, new) = ("10.99.0.100 peer 10.98.0.1/32", "10.99.0.100 peer 10.98.0.2/32");
        let node = master(&with_peer("10.98.0.1"));
        assert!(shown("va").contains(old), "{}", shown("va"));
        let monitor = watch_addresses();
        node.tell(Command::Reload(with_peer("10.98.0.2")));
        assert!(soon(|| shown("va").contains(new) && !shown("va").contains(old)), "{}", shown("va"));
        let events = told(monitor);
        let (added, removed) = (events.find(new).unwrap(), events.find("Deleted").unwrap());
        assert!(added < removed && !events.get(removed + 1..).unwrap().contains("Deleted"), "{events}");
        node.stop();
        assert!(!shown("va").contains("10.99.0.100"), "{}", shown("va"));
    });
}

/// The kernel has an IPv6 address once, and neither prefix nor far end of it can be changed.
#[test]
fn an_ipv6_address_stays_when_a_reload_changes_its_prefix_or_far_end() {
    in_namespace(|| {
        let with = |prefix: u8, peer: Option<&str>| {
            let mut instance = instance("va", 150, &["fe80::100", "2001:db8:99::100"]);
            instance.vips[1].net.prefix = prefix;
            instance.vips[1].peer = peer.map(|peer| IpNet::host(peer.parse().unwrap()));
            config(vec![instance])
        };
        let node = master(&with(64, None));
        for (prefix, peer, there) in [
            (128, None, "2001:db8:99::100/128"),
            (128, Some("2001:db8:98::1"), "2001:db8:99::100 peer 2001:db8:98::1/128"),
            (128, Some("2001:db8:98::2"), "2001:db8:99::100 peer 2001:db8:98::2/128"),
            (64, None, "2001:db8:99::100/64"),
        ] {
            node.tell(Command::Reload(with(prefix, peer)));
            node.snapshot();
            assert!(soon(|| shown("va").contains(there)), "{there}: {}", shown("va"));
            // Nobody takes it for lost, or for what it is not to be.
            std::thread::sleep(Duration::from_millis(100));
            assert!(shown("va").contains(there), "{there}: {}", shown("va"));
        }
        assert_eq!(node.snapshot().instances[0].stats.become_master, 1);
        node.stop();
        assert!(!shown("va").contains("2001:db8:99::100"), "{}", shown("va"));
    });
}
