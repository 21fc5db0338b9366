//! The ways an advert can travel: unicast, another group, VRRPv3 over IPv4 and IPv6. `matrix` has every mix.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::pairings;
use crate::world::{Node, SLACK, UNICAST, World, fill, need, tool, within};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const DOWN_A: Duration = Duration::from_micros(3_218_750);
const SKEW_B: Duration = Duration::from_micros(414_062);

/// What a cloud network does to multicast.
const FILTER: &str = "
table ip filter {
    chain input {
        type filter hook input priority 0;
        ip daddr 224.0.0.0/4 drop
    }
    chain output {
        type filter hook output priority 0;
        ip daddr 224.0.0.0/4 drop
    }
}
";

/// Unicast peers in a network that carries no multicast.
fn unicast(world: &mut World) {
    need(&["nft"]);
    for node in [&world.a, &world.b] {
        let rules = node.space.dir.join("rules.nft");
        fs::write(&rules, FILTER).expect("nft rules");
        node.space.call(Command::new(tool("nft")).arg("-f").arg(rules)).expect("nft");
    }
    let lines = "interface eth0\n    authentication {\n        auth_type PASS\n        auth_pass 1111\n    }";
    let config = |state, priority, own, peer| {
        let (who, vip) = ([("OWN", own), ("PEER", peer)], ("VIP", "10.99.0.100/24"));
        fill(UNICAST, &[("STATE", state), ("LINES", lines), ("PRIORITY", priority), who[0], who[1], vip])
    };
    let config_a = config("MASTER", "200", "10.99.0.1", "10.99.0.2");
    let config_b = config("BACKUP", "150", "10.99.0.2", "10.99.0.1");
    let begin = SystemTime::now();
    there_and_back(world, VIP, &config_a, &config_b, &["-D"]);
    let adverts = world.adverts(51, begin);
    assert!(
        adverts.iter().all(|a| a.to == world.a.ip() || a.to == world.b.ip()),
        "only unicast: {adverts:?}"
    );
}

const GROUP: &str = "
global_defs {
    router_id lab
    vrrp_mcast_group4 224.0.0.19
}
vrrp_instance VI_1 {
    state STATE
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.0.100/24 brd 10.99.0.255 dev eth0 label eth0:1
        10.99.0.101/24 brd 10.99.0.255 dev eth0 label eth0:1
        10.99.0.102/24 brd 10.99.0.255 dev eth0 label eth0:1
    }
}
";

/// Three VIPs with a label in another multicast group, with the options of many an init script.
fn labels_in_another_group(world: &mut World) {
    let config_a = fill(GROUP, &[("STATE", "MASTER"), ("PRIORITY", "200")]);
    let config_b = fill(GROUP, &[("STATE", "BACKUP"), ("PRIORITY", "150")]);
    let begin = SystemTime::now();
    there_and_back(world, VIP, &config_a, &config_b, &["-D", "-d", "-S", "0"]);
    let group = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 19));
    assert!(world.adverts(51, begin).iter().all(|a| a.to == group), "adverts outside 224.0.0.19");
    for last in [100, 101, 102] {
        let vip = IpAddr::V4(Ipv4Addr::new(10, 99, 0, last));
        let labels = |node: &Node| {
            let all = node.space.rtnl().addresses().expect("a list of addresses");
            all.into_iter().filter(|(ip, ..)| *ip == vip).map(|(_, prefix, label)| (prefix, label)).collect()
        };
        let on_a: Vec<(u8, Option<String>)> = labels(&world.a);
        assert_eq!(on_a, [(24, Some("eth0:1".to_owned()))], "{vip} on a");
        assert!(labels(&world.b).is_empty(), "{vip} on b");
        for node in [&world.a, &world.b] {
            let announces = world.lan.capture.announces(begin);
            let by_node = announces.iter().filter(|g| g.address == vip && g.mac[5] == node.n).count();
            assert!(by_node >= 5, "{by_node} gratuitous ARPs for {vip} from {}", node.space.name);
        }
    }
}

const FAST: &str = "
global_defs {
    router_id lab
    vrrp_version 3
}
vrrp_instance VI_1 {
    state STATE
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 0.1
    virtual_ipaddress {
        VIPS
    }
}
";

/// VRRPv3 at ten centiseconds over IPv4.
fn v3_ipv4(world: &mut World) {
    fast(world, VIP, "10.99.0.100/24");
}

/// VRRPv3 at ten centiseconds over IPv6; the client's neighbour cache follows unsolicited NAs.
fn v3_ipv6(world: &mut World) {
    let vip = Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 0x100);
    fast(world, vip.into(), "fe80::51/64\n        2001:db8:99::100/64");
}

fn fast(world: &mut World, vip: IpAddr, vips: &str) {
    let config_a = fill(FAST, &[("STATE", "MASTER"), ("PRIORITY", "200"), ("VIPS", vips)]);
    let config_b = fill(FAST, &[("STATE", "BACKUP"), ("PRIORITY", "150"), ("VIPS", vips)]);
    let begin = SystemTime::now();
    let browser = world.browse(vip);
    // One after the other: the skews of both are nearer to each other than two starts are.
    world.a.start(&config_a);
    world.settle(&browser, vip, &world.a, Duration::from_secs(2));
    world.b.start(&config_b);
    world.b.wait_for_log("Entering BACKUP STATE (init)");
    // A few adverts for it to hear.
    std::thread::sleep(Duration::from_millis(300));

    // RFC 5798 §6.1 at 0.1 s and priority 150: 3 × 0.1 s + 106 / 256 × 0.1 s.
    let down = Duration::from_micros(341_406);
    let cut = SystemTime::now();
    world.lan.cable(&world.a.space, false).expect("the cable is there");
    world.settle(&browser, vip, &world.b, down + 2 * SLACK);
    let (a, b) = speakers(world, begin);
    let waited = world.handover(51, a, b, begin);
    within("from the last advert to the takeover", waited, down - Duration::from_millis(3), down + SLACK);
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, down + 2 * SLACK);
    world.lan.cable(&world.a.space, true).expect("the cable is there");
    world.settle(&browser, vip, &world.a, Duration::from_secs(3));

    let cut = SystemTime::now();
    world.a.kill();
    world.settle(&browser, vip, &world.b, down + SLACK);
    within("the client after kill -9", browser.longest_gap(cut).length(), Duration::ZERO, down + SLACK);
    world.a.start(&config_a);
    world.settle(&browser, vip, &world.a, Duration::from_secs(2));
    assert_eq!(world.masters(51, begin), [a, b, a, b, a]);
    assert!(world.adverts(51, begin).iter().all(|advert| advert.version == 3));
}

/// The addresses that a and b send from, by the MAC on their frames.
fn speakers(world: &World, since: SystemTime) -> (IpAddr, IpAddr) {
    let adverts = world.adverts(51, since);
    let of = |node: &Node| adverts.iter().find(|a| a.mac[5] == node.n).expect("an advert of each").from;
    (of(&world.a), of(&world.b))
}

/// Master a ends by TERM and comes back: the client follows both times, and nobody else ever speaks.
fn there_and_back(world: &mut World, vip: IpAddr, config_a: &str, config_b: &str, options: &[&str]) {
    let begin = SystemTime::now();
    let browser = world.browse(vip);
    world.start_both(config_a, config_b, options);
    world.settle(&browser, vip, &world.a, DOWN_A + SLACK);
    let cut = SystemTime::now();
    world.a.stop();
    world.settle(&browser, vip, &world.b, SKEW_B + SLACK);
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, SKEW_B + SLACK);
    world.a.start_with(config_a, options);
    world.settle(&browser, vip, &world.a, DOWN_A + SLACK);
    assert_eq!(world.masters(51, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
}

pairings!(unicast, labels_in_another_group, v3_ipv4, v3_ipv6);
