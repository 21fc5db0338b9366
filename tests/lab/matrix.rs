//! vrrpd and keepalived in every mix of version, family, delivery, authentication and link: each in turn takes
//! over from the other and is given back to, and neither finds fault with what the other says.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::net::frame::Advert;
use crate::net::wait_for;
use crate::wire::dissect;
use crate::world::{Kind, Node, World, need};

/// Waited for, not measured: generous for a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(30);

/// What an instance sends, and how.
#[derive(Clone, Copy)]
struct Row {
    kind: Sort,
    delivery: Delivery,
    auth: Auth,
    link: Link,
}

/// Version and family. VRRPv2 over IPv6 is in no RFC, but keepalived does it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Sort {
    V2,
    V3,
    V2Ipv6,
    V3Ipv6,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Delivery {
    Multicast,
    Unicast,
}

/// Only VRRPv2 has any; over IPv6 keepalived sends no password and then misses it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Auth {
    None,
    Pass,
    Ah,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Link {
    Plain,
    Vmac,
}

impl Sort {
    fn version(self) -> u8 {
        if matches!(self, Self::V2 | Self::V2Ipv6) { 2 } else { 3 }
    }

    fn is_ipv6(self) -> bool {
        matches!(self, Self::V2Ipv6 | Self::V3Ipv6)
    }
}

impl Row {
    /// The address that tells who is master.
    fn vip(self) -> IpAddr {
        let vip = if self.kind.is_ipv6() { "2001:db8:99::100" } else { "10.99.0.100" };
        vip.parse().expect("an address")
    }

    fn config(self, own: u8, peer: u8, priority: u8) -> String {
        let version = self.kind.version();
        let interval = if version == 2 { "1" } else { "0.2" };
        let address = |n: u8| match self.kind.is_ipv6() {
            false => format!("10.99.0.{n}"),
            true => format!("2001:db8:99::{n}"),
        };
        let vips = match (self.kind.is_ipv6(), self.delivery) {
            (false, _) => "10.99.0.100/24\n10.99.0.101",
            (true, Delivery::Multicast) => "fe80::51\n2001:db8:99::100/64",
            (true, Delivery::Unicast) => "2001:db8:99::100/64\n2001:db8:99::101",
        };
        let delivery = match self.delivery {
            Delivery::Multicast => String::new(),
            Delivery::Unicast => {
                format!("unicast_src_ip {}\nunicast_peer {{\n{}\n}}", address(own), address(peer))
            }
        };
        let auth = match self.auth {
            Auth::None => "",
            Auth::Pass => "authentication {\nauth_type PASS\nauth_pass s3cr3t\n}",
            Auth::Ah => "authentication {\nauth_type AH\nauth_pass s3cr3t\n}",
        };
        let link = if self.link == Link::Vmac { "use_vmac" } else { "" };
        format!(
            "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\npriority {priority}\nversion {version}\n\
             advert_int {interval}\n{link}\n{delivery}\n{auth}\nvirtual_ipaddress {{\n{vips}\n}}\n}}\n"
        )
    }
}

/// Words in a log that say that something is wrong with what the other sends, or with our own part.
const COMPLAINTS: [&str; 15] = [
    "bogus",
    "nvalid",
    "mismatch",
    "ncorrect",
    "wrong",
    "rror",
    "not present",
    "too short",
    "annot",
    "nable",
    "expected",
    "nknown",
    "FAULT",
    "assword",
    "crash",
];

fn run(row: Row, first: Kind, second: Kind) {
    need(&["tshark"]);
    let mut world = World::without_service(first, second);
    let begin = SystemTime::now();
    let (config_a, config_b) = (row.config(1, 2, 200), row.config(2, 1, 150));
    // One after the other: two starts differ by more than two skews on a busy machine.
    let vip = row.vip();
    world.a.start(&config_a);
    await_master(&world.a, &world.b, vip, "at first");
    world.b.start(&config_b);
    world.b.wait_for_log("Entering BACKUP STATE");
    world.a.stop();
    await_master(&world.b, &world.a, vip, "after TERM");
    world.a.start(&config_a);
    await_master(&world.a, &world.b, vip, "after it came back");
    for node in [&mut world.a, &mut world.b] {
        let log = node.daemon().log();
        let complaint = log.lines().find(|line| COMPLAINTS.iter().any(|word| line.contains(word)));
        assert_eq!(complaint, None, "{} on {}:\n{log}", node.program.name, node.space.name);
    }
    check_adverts(row, &world, begin);
}

#[track_caller]
fn await_master(node: &Node, other: &Node, vip: IpAddr, when: &str) {
    let settled = || (node.has(vip) && !other.has(vip)).then_some(());
    let name = &node.space.name;
    assert!(wait_for(LIMIT, settled).is_some(), "{name} is not alone with {vip} {when}");
}

fn check_adverts(row: Row, world: &World, begin: SystemTime) {
    // The capture may lag behind. Adverts may cross when the first comes back.
    let turns = || {
        let masters = world.masters(51, begin);
        let comes_back = |turn: usize| masters.get(turn) == masters.first();
        (masters.len() >= 3 && (0..masters.len()).step_by(2).all(comes_back)).then_some(())
    };
    assert!(wait_for(LIMIT, turns).is_some(), "{:?}", world.masters(51, begin));
    let adverts = world.adverts(51, begin);
    let (version, count) = (row.kind.version(), 2);
    assert!(adverts.iter().all(|advert| (advert.version, advert.count) == (version, count)), "{adverts:?}");
    assert!(adverts.iter().all(|advert| advert.to.is_multicast() == (row.delivery == Delivery::Multicast)));
    // keepalived sends to peers from the link below.
    if (row.link, row.delivery) == (Link::Vmac, Delivery::Multicast) {
        let group = if row.kind.is_ipv6() { 2 } else { 1 };
        let virtual_mac = [0, 0, 0x5e, 0, group, 51];
        assert!(adverts.iter().all(|advert| advert.mac == virtual_mac), "{adverts:?}");
    }
    if row.auth == Auth::Ah {
        check_numbers(world, begin);
    }
    if row.kind == Sort::V2Ipv6 {
        // tshark goes by RFC 3768, whose checksum covers no pseudo header; keepalived has believed ours.
        return;
    }
    let pcap = world.a.space.dir.join("adverts.pcap");
    world.lan.capture.write_pcap(&pcap, |frame| Advert::parse(frame).is_some()).expect("a pcap file");
    dissect(&pcap);
}

/// Behind authentication headers nobody uses a number twice, and who takes over goes on from the other's. When
/// the first comes back both may speak at once, under the same number.
fn check_numbers(world: &World, begin: SystemTime) {
    let frames = world.lan.capture.frames(begin);
    let numbered: Vec<(IpAddr, u32)> = frames
        .iter()
        .filter_map(|frame| {
            let from = Advert::parse(frame)?.from;
            assert_eq!(frame.bytes[23], 51, "an advert without a header");
            Some((from, u32::from_be_bytes(frame.bytes[42..46].try_into().expect("four bytes"))))
        })
        .collect();
    let first = numbered[0].0;
    let of = |own: bool| numbered.iter().filter(move |(from, _)| (*from == first) == own).map(|(_, n)| *n);
    assert!(of(true).is_sorted_by(|a, b| a < b) && of(false).is_sorted_by(|a, b| a < b), "{numbered:?}");
    let takeover = numbered.iter().position(|(from, _)| *from != first).expect("the second speaks");
    assert!(numbered[takeover].1 > numbered[takeover - 1].1, "{numbered:?}");
}

/// One module for each row, in it one test for each role.
macro_rules! rows {
    ($($name:ident: $kind:ident $delivery:ident $auth:ident $link:ident;)*) => {$(
        mod $name {
            use super::{Auth, Delivery, Link, Row, Sort, run};
            use crate::world::Kind::{Keepalived, Vrrpd};

            const ROW: Row =
                Row { kind: Sort::$kind, delivery: Delivery::$delivery, auth: Auth::$auth, link: Link::$link };

            #[test]
            fn vrrpd_and_backup_keepalived() {
                run(ROW, Vrrpd, Keepalived);
            }

            #[test]
            fn keepalived_and_backup_vrrpd() {
                run(ROW, Keepalived, Vrrpd);
            }
        }
    )*};
}

rows! {
    v2: V2 Multicast None Plain;
    v2_pass: V2 Multicast Pass Plain;
    v2_ah: V2 Multicast Ah Plain;
    v2_unicast: V2 Unicast None Plain;
    v2_unicast_pass: V2 Unicast Pass Plain;
    v2_unicast_ah: V2 Unicast Ah Plain;
    v2_ipv6: V2Ipv6 Multicast None Plain;
    v2_ipv6_unicast: V2Ipv6 Unicast None Plain;
    v3: V3 Multicast None Plain;
    v3_unicast: V3 Unicast None Plain;
    v3_ipv6: V3Ipv6 Multicast None Plain;
    v3_ipv6_unicast: V3Ipv6 Unicast None Plain;
    vmac_v2: V2 Multicast None Vmac;
    vmac_v2_pass: V2 Multicast Pass Vmac;
    vmac_v2_ah: V2 Multicast Ah Vmac;
    vmac_v2_unicast: V2 Unicast None Vmac;
    vmac_v2_unicast_pass: V2 Unicast Pass Vmac;
    vmac_v2_unicast_ah: V2 Unicast Ah Vmac;
    vmac_v2_ipv6: V2Ipv6 Multicast None Vmac;
    vmac_v3: V3 Multicast None Vmac;
    vmac_v3_unicast: V3 Unicast None Vmac;
    vmac_v3_ipv6: V3Ipv6 Multicast None Vmac;
    vmac_v3_ipv6_unicast: V3Ipv6 Unicast None Vmac;
}
