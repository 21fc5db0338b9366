//! A wire that loses adverts: at random, and all of them in one direction.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::net::lan::mac;
use crate::vm::{pairings_in_vm, run, start, until, until_master, until_said};
use crate::world::{World, fill};

const VIP: &str = "10.99.0.101";
const INSTANCE: &str = "
vrrp_instance VI_NUMBER {
    state BACKUP
    interface eth0
    virtual_router_id NUMBER
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.0.10NUMBER/24
    }
}
";
/// As many as have room in two seconds of a test: what is rare shall happen.
const INSTANCES: u8 = 9;

/// Three adverts of one second and the skew of priority 100, less what the clock of a wire is worth.
const DOWN_B: Duration = Duration::from_millis(3_609 - 50);

fn config(instances: u8, priority: &str) -> String {
    let one = |number: u8| fill(INSTANCE, &[("NUMBER", &number.to_string()), ("PRIORITY", priority)]);
    (1..=instances).map(one).collect()
}

fn start_both(world: &mut World, instances: u8) {
    start(&mut world.a, &config(instances, "200"));
    (1..=instances).for_each(|n| until_master(world, &world.a, &format!("10.99.0.10{n}")));
    start(&mut world.b, &config(instances, "100"));
    (1..=instances).for_each(|n| until_said(world, &world.b, &format!("(VI_{n}) Entering BACKUP STATE")));
}

/// Every second advert of the master is lost. The backup takes over only after the silence of a whole
/// master-down interval, which is three in a row, and gives way to the next advert that it hears.
fn every_second_lost(world: &mut World) {
    start_both(world, INSTANCES);
    run(&world.a.space, "tc qdisc add dev eth0 root netem loss random 50%");
    thread::sleep(Duration::from_secs(12));
    run(&world.a.space, "tc qdisc delete dev eth0 root");
    let mut takeovers = 0;
    for n in 1..=INSTANCES {
        until_master(world, &world.a, &format!("10.99.0.10{n}"));
        takeovers += world.b.states(&format!("VI_{n}")).iter().filter(|state| *state == "MASTER").count();
        let (adverts, mut master) = (world.adverts(n, SystemTime::UNIX_EPOCH), world.a.ip());
        let last = |from: IpAddr, before: SystemTime| {
            let found = adverts.iter().rfind(|advert| advert.from == from && advert.at < before);
            found.map_or(SystemTime::UNIX_EPOCH, |advert| advert.at)
        };
        for (at, from) in claims(world, n) {
            if from == world.b.ip() && master != from {
                // Its advert is the first of it, and a may answer that before b announces.
                let spoke = last(from, at);
                let silence = spoke.duration_since(last(world.a.ip(), spoke)).unwrap_or_default();
                assert!(silence >= DOWN_B, "VI_{n}: b took over {silence:?} after an advert of a");
            }
            master = from;
        }
    }
    assert!(takeovers > 0, "of {INSTANCES} instances none lost three adverts in a row");
}

/// What b has heard of a, and when b made itself known as the master, from the start on: what was heard before the
/// loss began counts too. Not its adverts: it sends some after it has given way, when the announcements of a are lost.
fn claims(world: &World, n: u8) -> Vec<(SystemTime, IpAddr)> {
    let vip: IpAddr = format!("10.99.0.10{n}").parse().expect("an address");
    let adverts = world.adverts(n, SystemTime::UNIX_EPOCH).into_iter().filter(|a| a.from == world.a.ip());
    let announces = world.lan.capture.announces(SystemTime::UNIX_EPOCH).into_iter();
    let announces = announces.filter(|a| a.address == vip && a.mac == mac(world.b.n));
    let mut claims: Vec<_> = adverts.map(|a| (a.at, a.from)).collect();
    claims.extend(announces.map(|a| (a.at, world.b.ip())));
    claims.sort();
    claims
}

/// The backup hears nothing and speaks: two masters, as nobody can know. When it hears again there is one,
/// and the neighbours were told last by that one.
fn one_way(world: &mut World) {
    start_both(world, 1);
    run(world.lan.switch(), "tc qdisc add dev b root netem loss 100%");
    until(world, "b is master too", || world.b.has(VIP.parse().expect("an address")));
    thread::sleep(Duration::from_secs(2));
    assert!(world.a.has(VIP.parse().expect("an address")), "a gave way to a lower priority");
    let healed = SystemTime::now();
    run(world.lan.switch(), "tc qdisc delete dev b root");
    until_master(world, &world.a, VIP);
    world.a.entered("VI_1", &["BACKUP", "MASTER"]);
    world.b.entered("VI_1", &["BACKUP", "MASTER", "BACKUP"]);
    let last =
        || world.lan.capture.announces(SystemTime::UNIX_EPOCH).into_iter().rfind(|a| a.address == vip());
    until(world, "a announced last", || last().is_some_and(|last| last.mac == mac(1)));
    let masters = world.masters(1, healed + Duration::from_secs(2));
    assert!(masters.is_empty() || masters == [world.a.ip()], "after healing: {masters:?}");
}

fn vip() -> IpAddr {
    VIP.parse().expect("an address")
}

pairings_in_vm! {
    every_second_lost: keepalived_vrrpd | keepalived_keepalived;
    one_way: vrrpd_keepalived | keepalived_vrrpd | keepalived_keepalived;
}
