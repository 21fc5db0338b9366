//! A cable that flaps, with `interface_up_down_delays`, for vrrpd and keepalived alike.

use std::fs;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use crate::net::wait_for;
use crate::world::{Kind, Node, World};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 100));

/// The limit of the delay down is twice ten seconds: a busy machine cannot be as slow as that.
const CONFIG: &str = "
interface_up_down_delays {
    eth0 8 1
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 200
    advert_int 10
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

fn lines(node: &Node, words: &str) -> usize {
    let log = node.daemon.as_ref().map(|daemon| daemon.log()).unwrap_or_default();
    log.matches(words).count()
}

#[track_caller]
fn wait_until(node: &Node, what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Duration::from_secs(60);
    let log = || node.daemon.as_ref().map(|daemon| daemon.log()).unwrap_or_default();
    assert!(wait_for(limit, || is_so().then_some(())).is_some(), "{what}: not in {limit:?}\n{}", log());
}

/// What lasts a moment moves nothing, what lasts longer than the delay is a fault, and that ends as late as
/// it should.
fn flaps(kind: Kind) {
    let mut world = World::without_service(kind, kind);
    let (down, up) = ("Netlink reports eth0 down\n", "Netlink reports eth0 up\n");
    world.a.start(CONFIG);
    wait_until(&world.a, "a is master", || world.a.has(VIP));
    // What the daemon knows of the link can be seen from nothing but that it has had time to hear of it.
    let heard = Duration::from_millis(400);
    for _ in 0..3 {
        world.lan.cable(&world.a.space, false).expect("the cable is there");
        thread::sleep(heard);
        world.lan.cable(&world.a.space, true).expect("the cable is there");
        thread::sleep(heard);
    }
    thread::sleep(Duration::from_secs(9));
    assert_eq!((lines(&world.a, down), lines(&world.a, "Entering FAULT STATE")), (0, 0));
    assert!(world.a.has(VIP));

    world.lan.cable(&world.a.space, false).expect("the cable is there");
    thread::sleep(Duration::from_secs(4));
    assert!(world.a.has(VIP), "half of the delay is not over");
    wait_until(&world.a, "a lets go", || lines(&world.a, "Entering FAULT STATE") == 1 && !world.a.has(VIP));
    world.lan.cable(&world.a.space, true).expect("the cable is there");
    wait_until(&world.a, "a is backup", || lines(&world.a, "Entering BACKUP STATE") == 2);
    assert_eq!((lines(&world.a, down), lines(&world.a, up)), (1, 1));
    if kind == Kind::Keepalived {
        return;
    }
    // A reload without delays makes what is in doubt count. keepalived forgets the cable over it.
    world.lan.cable(&world.a.space, false).expect("the cable is there");
    thread::sleep(heard);
    let without = CONFIG.replace("eth0 8 1", "");
    fs::write(world.a.space.dir.join("keepalived.conf"), without).expect("the file is written");
    world.a.daemon().tree.signal(nix::sys::signal::Signal::SIGHUP).expect("it runs");
    wait_until(&world.a, "a is in fault", || lines(&world.a, "Entering FAULT STATE") == 2);
}

#[test]
fn vrrpd() {
    flaps(Kind::Vrrpd);
}

#[test]
fn keepalived() {
    flaps(Kind::Keepalived);
}
