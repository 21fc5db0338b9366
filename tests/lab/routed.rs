//! Unicast over a router: the addresses are on one LAN, adverts take another way. On that way vrrpd needs no
//! `interface`; Debian's keepalived, which has to have one, is the peer.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::net::daemon::Daemon;
use crate::net::lan::Lan;
use crate::net::space::Space;
use crate::world::Kind::{self, Keepalived, Vrrpd};
use crate::world::{Node, SLACK, UNICAST, World, fill};

/// Three intervals and the skew of priority 200, in either version.
const DOWN_A: Duration = Duration::from_micros(3_218_750);

/// The legs of the way: each a LAN with one node and the router on it.
struct Way {
    left: Lan,
    _right: Lan,
    _router: Space,
}

impl Way {
    fn new(world: &World) -> Self {
        let router = Space::new(&world.a.space.dir, "router").expect("a router");
        for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            router.sysctl(key, "1").expect("it forwards");
        }
        let ip = |space: &Space, words: &str| {
            space.call(Command::new("ip").args(words.split(' '))).expect("ip");
        };
        let leg = |node: &Node, link: &str| {
            let n = node.n;
            let lan = Lan::new(&node.space.dir.join("leg")).expect("a leg");
            lan.plug(&node.space, n, "eth1", Ipv4Addr::new(10, 98, n, 1)).expect("a cable");
            lan.plug(&router, 100 + n, link, Ipv4Addr::new(10, 98, n, 254)).expect("a cable");
            ip(&node.space, &format!("address add fd98:{n}::1/64 dev eth1 nodad"));
            ip(&router, &format!("address add fd98:{n}::254/64 dev {link} nodad"));
            ip(&node.space, &format!("route add 10.98.0.0/16 via 10.98.{n}.254"));
            ip(&node.space, &format!("route add fd98::/16 via fd98:{n}::254"));
            lan
        };
        let (left, right) = (leg(&world.a, "left"), leg(&world.b, "right"));
        Self { left, _right: right, _router: router }
    }
}

#[derive(Clone, Copy)]
enum Form {
    V2Ipv4,
    V3Ipv6,
}

impl Form {
    fn vip(self) -> IpAddr {
        match self {
            Self::V2Ipv4 => Ipv4Addr::new(10, 99, 0, 100).into(),
            Self::V3Ipv6 => "2001:db8:99::100".parse().expect("an address"),
        }
    }

    /// The source of the adverts of node `n`.
    fn own(self, n: u8) -> IpAddr {
        match self {
            Self::V2Ipv4 => Ipv4Addr::new(10, 98, n, 1).into(),
            Self::V3Ipv6 => format!("fd98:{n}::1").parse().expect("an address"),
        }
    }

    fn config(self, node: &Node, priority: &str) -> String {
        let (version, prefix) = match self {
            Self::V2Ipv4 => ("2", 24),
            Self::V3Ipv6 => ("3", 64),
        };
        let interface = if node.program.name == "keepalived" { "interface eth1" } else { "" };
        fill(
            UNICAST,
            &[
                ("STATE", "BACKUP"),
                ("LINES", &format!("{interface}\n    version {version}")),
                ("PRIORITY", priority),
                ("OWN", &self.own(node.n).to_string()),
                ("PEER", &self.own(3 - node.n).to_string()),
                ("VIP", &format!("{}/{prefix} dev eth0", self.vip())),
            ],
        )
    }
}

/// The master ends and comes back, and loses the link of its address and gets it back: whoever is to be is
/// master each time, by adverts from one end of the way to the other, and nobody complains.
fn there_and_back(a: Kind, b: Kind, form: Form) {
    let mut world = World::new(a, b);
    let way = Way::new(&world);
    let (config_a, config_b) = (form.config(&world.a, "200"), form.config(&world.b, "150"));
    let (begin, vip) = (SystemTime::now(), form.vip());
    let browser = world.browse(vip);
    world.start_both(&config_a, &config_b, &["-D"]);
    world.settle(&browser, vip, &world.a, DOWN_A + SLACK);
    let complaints = |node: &Node| {
        let log = node.daemon.as_ref().map(Daemon::log).unwrap_or_default();
        let bad = ["rror", "ant send", "nvalid", "xpected", "ismatch", "ignoring", "Remote"];
        log.lines().filter(|line| bad.iter().any(|word| line.contains(word))).map(str::to_owned).collect()
    };
    let mut said: Vec<String> = complaints(&world.a);
    world.a.stop();
    world.settle(&browser, vip, &world.b, Duration::from_secs(1) + SLACK);
    world.a.start(&config_a);
    world.settle(&browser, vip, &world.a, DOWN_A + SLACK);

    world.lan.cable(&world.a.space, false).expect("the cable is there");
    world.settle(&browser, vip, &world.b, Duration::from_secs(1) + SLACK);
    world.lan.cable(&world.a.space, true).expect("the cable is there");
    world.settle(&browser, vip, &world.a, DOWN_A + SLACK);

    said.extend([&world.a, &world.b].into_iter().flat_map(complaints));
    assert!(said.is_empty(), "{said:#?}");
    let (own, peer) = (form.own(1), form.own(2));
    let adverts = way.left.capture.adverts(begin);
    let strange =
        adverts.iter().find(|advert| ![(own, peer), (peer, own)].contains(&(advert.from, advert.to)));
    assert!(strange.is_none(), "{strange:?}");
    let mut masters: Vec<IpAddr> =
        adverts.iter().filter(|advert| advert.priority > 0).map(|advert| advert.from).collect();
    masters.dedup();
    // The last adverts of the lower one may cross the first of the better one.
    assert!(masters.starts_with(&[own, peer, own]) && masters.ends_with(&[peer, own]), "{masters:?}");
}

#[test]
fn vrrpd_keepalived() {
    there_and_back(Vrrpd, Keepalived, Form::V2Ipv4);
}

#[test]
fn keepalived_vrrpd() {
    there_and_back(Keepalived, Vrrpd, Form::V2Ipv4);
}

#[test]
fn vrrpd_keepalived_ipv6() {
    there_and_back(Vrrpd, Keepalived, Form::V3Ipv6);
}
