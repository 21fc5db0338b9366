//! Masters that take no packets to their addresses: `no_accept`, strict mode, and what nft shows of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::net::daemon::Daemon;
use crate::net::lan::{self, Lan};
use crate::net::space::Space;
use crate::net::wait_for;
use crate::pairings;
use crate::world::{Kind, Node, World, fill, lab_dir, need, tool};

const CONFIG: &str = "
vrrp_instance DEAF {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.2
    no_accept
    virtual_ipaddress {
        10.99.0.100/24
    }
}
vrrp_instance DEAF6 {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.2
    no_accept
    virtual_ipaddress {
        fe80::51
        2001:db8:99::100/64
    }
}
vrrp_instance STRICT {
    interface eth0
    virtual_router_id 52
    priority PRIORITY
    advert_int 1
    strict_mode
    virtual_ipaddress {
        10.99.0.101/24
    }
}
vrrp_instance HEARS {
    interface eth0
    virtual_router_id 53
    priority PRIORITY
    version 3
    advert_int 0.2
    accept
    virtual_ipaddress {
        10.99.0.102/24
    }
}
";

const fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, last))
}

const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 0x100));
const DEAF: [IpAddr; 3] = [v4(100), v4(101), V6];
const HEARS: IpAddr = v4(102);

/// What no daemon of a busy machine needs.
const LIMIT: Duration = Duration::from_secs(20);

/// Nobody reaches the addresses of a master that does not accept, yet neighbours find them; where it accepts
/// they do both. What a master blocks is let go of when it ends.
fn no_accept(world: &mut World) {
    need(&["nft"]);
    for (node, priority) in [(&mut world.a, "200"), (&mut world.b, "150")] {
        node.start(&fill(CONFIG, &[("PRIORITY", priority)]));
        node.wait_for_log("(HEARS) Entering BACKUP STATE");
    }
    is_master(&world.client, &world.a);
    world.a.stop();
    assert_eq!(shown(&world.a.space), BTreeSet::new());
    is_master(&world.client, &world.b);
    world.a.start(&fill(CONFIG, &[("PRIORITY", "200")]));
    is_master(&world.client, &world.a);
    let left = || shown(&world.b.space).iter().any(|object| object.contains("10.99.0.1")).then_some(());
    assert!(wait_for(LIMIT, || left().is_none().then_some(())).is_some(), "a backup goes on blocking");
}

#[track_caller]
fn is_master(client: &Space, node: &Node) {
    let mac = Some(lan::mac(node.n));
    for vip in DEAF.into_iter().chain([HEARS]) {
        let found = || {
            // A neighbour is asked for when there is something to send to it.
            answers(client, vip);
            let neighbour = client.rtnl().neighbour(vip).expect("a list of neighbours");
            (node.has(vip) && neighbour == mac).then_some(())
        };
        assert!(wait_for(LIMIT, found).is_some(), "the client does not find {vip} on {}", node.space.name);
    }
    assert_eq!(answers(client, HEARS), Some(()), "{HEARS} on {}", node.space.name);
    for vip in DEAF {
        assert_eq!(answers(client, vip), None, "{vip} on {}", node.space.name);
    }
}

/// Whether anybody answers, be it by refusing.
fn answers(client: &Space, vip: IpAddr) -> Option<()> {
    let connect = || TcpStream::connect_timeout(&SocketAddr::new(vip, 80), Duration::from_millis(500));
    match client.run(connect).expect("inside the client") {
        Ok(_) => Some(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(()),
        Err(_) => None,
    }
}

pairings!(no_accept);

/// Tables, sets with their elements, chains and rules; each rule with its place in its chain. Counters are
/// as if nothing had been counted, and what nft numbers for itself is left out.
fn shown(space: &Space) -> BTreeSet<String> {
    let text = space.call(Command::new(tool("nft")).args(["-j", "list", "ruleset"])).expect("nft");
    let ruleset: Value = serde_json::from_str(&text).expect("JSON");
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    let mut objects = BTreeSet::new();
    for object in ruleset["nftables"].as_array().expect("a list of objects") {
        let mut object = object.clone();
        if object.get("metainfo").is_some() {
            continue;
        }
        simplify(&mut object);
        let mut place = 0;
        if let Some(rule) = object.get("rule") {
            let next = rules.entry(format!("{}{}", rule["family"], rule["chain"])).or_default();
            place = std::mem::replace(next, *next + 1);
        }
        objects.insert(format!("{place} {object}"));
    }
    objects
}

fn simplify(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("handle");
            for (name, member) in members.iter_mut() {
                match (name.as_str(), &mut *member) {
                    ("packets" | "bytes", count) => *count = 0.into(),
                    ("elem", Value::Array(elements)) => elements.sort_by_key(Value::to_string),
                    _ => {}
                }
                simplify(member);
            }
        }
        Value::Array(members) => members.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// The same file alone on vrrpd and on keepalived: nft shows the same.
fn same_ruleset(global: &str, body: &str) {
    need(&["keepalived", "nft"]);
    let dir = lab_dir();
    let vrrp = fill(
        "vrrp_instance A {\n interface eth0\n virtual_router_id 51\n version 3\n advert_int 0.2\n no_accept\n BODY\n \
         virtual_ipaddress {\n 10.99.0.100\n 10.99.0.101/24\n }\n virtual_ipaddress_excluded {\n fd09::77\n }\n}\n\
         vrrp_instance B {\n interface eth0\n virtual_router_id 52\n version 3\n advert_int 0.2\n no_accept\n BODY\n \
         virtual_ipaddress {\n fe80::100\n fd09::100/64\n }\n}\n",
        &[("BODY", body)],
    );
    let config = format!("{global}{vrrp}");
    let [theirs, ours] = [Kind::Keepalived, Kind::Vrrpd].map(|kind| {
        let program = kind.program();
        let lan = Lan::new(&dir.path().join(program.name)).expect("a LAN");
        let node = lan.machine("a", 1).expect("a machine");
        let mut daemon = Daemon::start(&program, &node, &config, &["-D"]).expect("the daemon");
        let all: [IpAddr; 2] = [v4(101), "fd09::100".parse().expect("an address")];
        let there = || {
            let addresses = node.rtnl().addresses().expect("a list of addresses");
            all.iter().all(|vip| addresses.iter().any(|(ip, ..)| ip == vip)).then_some(())
        };
        assert!(wait_for(LIMIT, there).is_some(), "{}:\n{}", program.name, daemon.log());
        let ruleset = shown(&node);
        assert!(daemon.stop().expect("an end").success());
        assert_eq!(shown(&node), BTreeSet::new(), "what {} leaves behind", program.name);
        ruleset
    });
    assert!(ours.len() > 10, "{ours:#?}");
    assert_eq!(theirs, ours, "keepalived left, vrrpd right");
}

#[test]
fn rulesets_are_keepalived_s() {
    same_ruleset("", "");
}

#[test]
fn every_setting_of_the_tables_is_keepalived_s() {
    same_ruleset(
        "global_defs {\n nftables lab\n nftables_counters\n nftables_priority 7\n nftables_ifindex\n}\n",
        "dont_track_primary",
    );
}

#[test]
fn addresses_that_follow_the_name_of_their_link_are_keepalived_s() {
    same_ruleset("global_defs {\n nftables\n}\n", "dont_track_primary");
}

#[test]
fn what_vmacs_report_of_groups_takes_keepalived_s_way() {
    same_ruleset("global_defs {\n nftables_counters\n}\n", "use_vmac");
}

#[test]
fn vrrp_iptables_is_nftables_as_in_keepalived() {
    same_ruleset("global_defs {\n vrrp_iptables IN OUT\n}\n", "");
}
