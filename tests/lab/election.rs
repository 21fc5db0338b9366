//! Who is master when priorities do not decide, or may not.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use crate::net::wait_for;
use crate::pairings;
use crate::world::{SLACK, World, fill, within};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    NOPREEMPT
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";
/// Three adverts and the skew of priority 200 and of 150.
const DOWN_200: Duration = Duration::from_micros(3_218_750);
const DOWN_150: Duration = Duration::from_micros(3_414_062);
const SKEW_200: Duration = Duration::from_micros(218_750);
const SKEW_150: Duration = Duration::from_micros(414_062);

/// Both BACKUP, equal priorities, started together: one of them becomes master and stays; if both did,
/// the one with the higher address. The loser of a restart does not take the VIP back.
fn equal_priorities(world: &mut World) {
    let config = fill(CONFIG, &[("PRIORITY", "200"), ("NOPREEMPT", "")]);
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.a.start(&config);
    world.b.start(&config);
    let spoke = || world.masters(51, begin).into_iter().next();
    wait_for(DOWN_200 + 2 * SLACK, spoke).expect("a master");
    // Two that spoke at once have settled it with their next adverts.
    std::thread::sleep(Duration::from_millis(1200));
    let first = world.masters(51, begin);
    let winner = *first.last().expect("a master");
    assert!(first.len() == 1 || winner == world.b.ip(), "10.99.0.2 is the higher address: {first:?}");
    let (a, b) = (world.a.ip(), world.b.ip());
    let winner_node = if winner == a { &world.a } else { &world.b };
    world.settle(&browser, VIP, winner_node, SLACK);

    let cut = SystemTime::now();
    let loser = if winner == a {
        world.a.stop();
        world.settle(&browser, VIP, &world.b, SKEW_200 + SLACK);
        world.a.start(&config);
        b
    } else {
        world.b.stop();
        world.settle(&browser, VIP, &world.a, SKEW_200 + SLACK);
        world.b.start(&config);
        a
    };
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, SKEW_200 + SLACK);
    let after = SystemTime::now();
    std::thread::sleep(DOWN_200 + Duration::from_secs(1));
    assert_eq!(world.masters(51, after), [loser], "an equal priority preempts nobody");
}

/// With `nopreempt` a better node that comes back waits its turn.
fn nopreempt(world: &mut World) {
    let config = |priority| fill(CONFIG, &[("PRIORITY", priority), ("NOPREEMPT", "nopreempt")]);
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.start_both(&config("200"), &config("150"), &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN_200 + SLACK);
    world.a.stop();
    world.settle(&browser, VIP, &world.b, SKEW_150 + SLACK);
    world.a.start(&config("200"));
    std::thread::sleep(DOWN_150 + Duration::from_secs(1));
    assert_eq!(world.masters(51, begin), [world.a.ip(), world.b.ip()], "nopreempt");
    let cut = SystemTime::now();
    world.b.stop();
    world.settle(&browser, VIP, &world.a, SKEW_200 + SLACK);
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, SKEW_200 + SLACK);
    assert_eq!(world.masters(51, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
}

pairings!(equal_priorities, nopreempt);
