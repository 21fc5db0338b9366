//! What the simulator puts on its LAN is what tshark calls good packets.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use vrrpd::config::block::VrrpInstance;
use vrrpd::sim::{Faithful, Fault, Keep, Plan, World, check};
use vrrpd::types::{Family, Version};

use crate::wire::dissect;
use crate::world::lab_dir;

/// Within so many seeds both versions, both families and both kinds of delivery come up.
const SEEDS: u64 = 100;
/// VRRP version, IP version, multicast.
const KINDS: [(&str, &str, bool); 6] = [
    ("2", "4", true),
    ("2", "4", false),
    ("3", "4", true),
    ("3", "4", false),
    ("3", "6", true),
    ("3", "6", false),
];

/// oracle: tshark's own dissectors of VRRP, ARP and ICMPv6.
#[test]
fn simulated_traffic_is_well_formed() {
    let dir = lab_dir();
    let mut seen = BTreeSet::new();
    let complete = |seen: &BTreeSet<_>| {
        let some = |text: &str| Some(text.to_owned());
        KINDS.iter().all(|(vrrp, ip, multicast)| seen.contains(&(some(vrrp), some(ip), *multicast)))
    };
    for seed in 0..SEEDS {
        if complete(&seen) {
            return;
        }
        let mut plan = Plan::new(seed, 3);
        // Strangers send bad packets on purpose.
        plan.faults.retain(|(_, fault)| !matches!(fault, Fault::Stranger(..)));
        // tshark knows no pseudo-header in VRRPv2; keepalived over IPv6 has one (the kernel adds it).
        let odd =
            |instance: &Arc<VrrpInstance>| (instance.version, instance.family) == (Version::V2, Family::V6);
        if plan.nodes[0].config.instances.iter().any(odd) {
            continue;
        }
        let keep = Keep { lines: false, frames: true };
        let mut world = World::new(plan, Box::new(Faithful), check::all(), keep);
        world.run().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        let file = dir.path().join(format!("{seed}.pcap"));
        fs::write(&file, world.pcap().expect("frames were kept").bytes()).expect("a capture");
        for frame in dissect(&file) {
            let show =
                |field: &str| frame.iter().find(|(name, ..)| name == field).map(|(_, show, _)| show.clone());
            let multicast = show("eth.dst.ig").is_some_and(|ig| ig == "1" || ig == "True");
            seen.insert((show("vrrp.version"), show("ip.version").or(show("ipv6.version")), multicast));
        }
    }
    assert!(complete(&seen), "not every kind came up: {seen:?}");
}
