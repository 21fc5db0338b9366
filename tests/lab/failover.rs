//! One VIP: lost by TERM, by `kill -9`, by a cut cable, and taken back each time.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::pairings;
use crate::world::{SLACK, World, fill, within};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 100));
const VRID: u8 = 51;
const CONFIG: &str = "
global_defs {
    router_id lab
}
vrrp_instance VI_1 {
    state STATE
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass s3cr3t
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";
/// Three adverts of one second and the skew of priority 150 and 200 (RFC 3768 §6.1).
const DOWN_B: Duration = Duration::from_micros(3_414_062);
const DOWN_A: Duration = Duration::from_micros(3_218_750);
const SKEW_B: Duration = Duration::from_micros(414_062);

fn config_a() -> String {
    fill(CONFIG, &[("STATE", "MASTER"), ("PRIORITY", "200")])
}

fn config_b() -> String {
    fill(CONFIG, &[("STATE", "BACKUP"), ("PRIORITY", "150")])
}

/// TERM: priority 0 is on the wire at once and the backup waits for its skew only.
fn term(world: &mut World) {
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.start_both(&config_a(), &config_b(), &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN_A + SLACK);

    let cut = SystemTime::now();
    world.a.term();
    world.settle(&browser, VIP, &world.b, SKEW_B + SLACK);
    let adverts = world.adverts(VRID, cut);
    let farewell = adverts.iter().find(|a| a.priority == 0).expect("an advert of priority 0");
    assert_eq!(farewell.from, world.a.ip());
    let first = adverts.iter().find(|a| a.from == world.b.ip()).expect("an advert of b");
    let waited = first.at.duration_since(farewell.at).expect("b speaks after a");
    within("from priority 0 to the takeover", waited, SKEW_B - Duration::from_millis(3), SKEW_B + SLACK);
    let gap = browser.longest_gap(cut).length();
    within("the client was cut off", gap, Duration::ZERO, SKEW_B + SLACK);
    world.a.stop();

    let back = SystemTime::now();
    world.a.start(&config_a());
    world.settle(&browser, VIP, &world.a, DOWN_A + SLACK);
    within("the client at the way back", browser.longest_gap(back).length(), Duration::ZERO, SLACK);
    assert_eq!(world.masters(VRID, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
    let on_b: Vec<bool> = world.b.watch.changes(VIP, begin).iter().map(|c| c.added).collect();
    assert_eq!(on_b, [true, false], "VIP added to and removed from b");
}

/// `kill -9`: nobody says farewell, so the backup waits for its whole master-down interval.
fn kill(world: &mut World) {
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.start_both(&config_a(), &config_b(), &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN_A + SLACK);

    let cut = SystemTime::now();
    world.a.kill();
    world.settle(&browser, VIP, &world.b, DOWN_B + SLACK);
    let waited = world.handover(VRID, world.a.ip(), world.b.ip(), begin);
    within("from the last advert to the takeover", waited, DOWN_B - Duration::from_millis(3), DOWN_B + SLACK);
    // The dead daemon's node keeps the address and goes on serving until b announces it.
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, SLACK);

    let back = SystemTime::now();
    world.a.start(&config_a());
    world.settle(&browser, VIP, &world.a, DOWN_A + SLACK);
    within("the client at the way back", browser.longest_gap(back).length(), Duration::ZERO, SLACK);
    assert_eq!(world.masters(VRID, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
}

/// A cable cut at its far end: the master loses its carrier and goes to FAULT.
fn cable(world: &mut World) {
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.start_both(&config_a(), &config_b(), &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN_A + SLACK);

    let cut = SystemTime::now();
    world.lan.cable(&world.a.space, false).expect("the cable is there");
    world.settle(&browser, VIP, &world.b, DOWN_B + SLACK);
    let waited = world.handover(VRID, world.a.ip(), world.b.ip(), begin);
    within("from the last advert to the takeover", waited, DOWN_B - Duration::from_millis(3), DOWN_B + SLACK);
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, DOWN_B + SLACK);
    assert!(!world.a.has(VIP), "a keeps the VIP without a carrier");

    let back = SystemTime::now();
    world.lan.cable(&world.a.space, true).expect("the cable is there");
    // The kernel reports a returning carrier up to a second late.
    world.settle(&browser, VIP, &world.a, DOWN_A + Duration::from_secs(1) + SLACK);
    within("the client at the way back", browser.longest_gap(back).length(), Duration::ZERO, SLACK);
    assert_eq!(world.masters(VRID, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
    world.a.entered("VI_1", &["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"]);
}

pairings!(term, kill, cable);
