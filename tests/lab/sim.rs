//! What the simulator puts on its LAN is what tshark calls good packets.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use vrrpd::config::block::{Auth, Delivery, VrrpInstance};
use vrrpd::sim::{Faithful, Fault, Keep, Plan, World, check};
use vrrpd::types::{Family, Version};

use crate::wire::dissect;
use crate::world::lab_dir;

/// Within so many seeds every kind of advert comes up.
const SEEDS: u64 = 200;

/// What adverts differ in.
type Kind = (Version, Family, bool);

fn kind(instance: &VrrpInstance) -> Kind {
    (instance.version, instance.family, matches!(instance.delivery, Delivery::Multicast { .. }))
}

/// oracle: tshark's own dissectors of VRRP, ARP and ICMPv6.
#[test]
fn simulated_traffic_is_well_formed() {
    let dir = lab_dir();
    let mut missing: BTreeSet<Kind> = BTreeSet::new();
    for multicast in [true, false] {
        missing.extend(
            [(Version::V2, Family::V4), (Version::V3, Family::V4), (Version::V3, Family::V6)]
                .map(|(version, family)| (version, family, multicast)),
        );
    }
    for seed in 0..SEEDS {
        let mut plan = Plan::new(seed, 3);
        let kinds: BTreeSet<Kind> = plan.nodes[0].config.instances.iter().map(|one| kind(one)).collect();
        // tshark knows no pseudo-header in VRRPv2; keepalived over IPv6 has one (the kernel adds it).
        let odd = kinds.iter().any(|kind| (kind.0, kind.1) == (Version::V2, Family::V6));
        // Nor does it know the trailer of `auth_hmac`, which over IPv4 no checksum covers.
        let signed = |one: &Arc<VrrpInstance>| matches!(one.auth, Auth::Hmac(_));
        let odd = odd || plan.nodes[0].config.instances.iter().any(signed);
        if odd || kinds.is_disjoint(&missing) {
            continue;
        }
        missing.retain(|kind| !kinds.contains(kind));
        // Strangers send bad packets on purpose.
        plan.faults.retain(|(_, fault)| !matches!(fault, Fault::Stranger(..)));
        let keep = Keep { lines: false, frames: true };
        let mut world = World::new(plan, Box::new(Faithful), check::all(), keep);
        world.run().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        let file = dir.path().join(format!("{seed}.pcap"));
        fs::write(&file, world.pcap().expect("frames were kept").bytes()).expect("a capture");
        let adverts =
            |frame: &Vec<(String, String, String)>| frame.iter().any(|field| field.0 == "vrrp.prio");
        assert!(dissect(&file).iter().any(adverts), "seed {seed}: no advert at all");
    }
    assert!(missing.is_empty(), "never came up: {missing:?}");
}
