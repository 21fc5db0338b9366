//! A daemon that does not run for a while, as on a virtual machine that is moved, and then goes on.

use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::net::process::descendants;
use crate::net::wait_for;
use crate::world::{Kind, Node, World, fill};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const INTERVAL: Duration = Duration::from_millis(200);
/// What a busy machine may add to an interval.
const LATE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);
const CONFIG: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.2
    PREEMPT
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

/// Milliseconds of each trial: a few, or with `VRRPD_THAWS=n` so many from half a second to half a minute.
fn trials() -> Vec<u64> {
    let Ok(text) = std::env::var("VRRPD_THAWS") else { return vec![500, 1100, 2500] };
    let trials: u64 = text.parse().expect("a number");
    (0..trials).map(|trial| 500 + trial * 29_500 / trials.max(2).saturating_sub(1)).collect()
}

/// Lets no process of a daemon run, or all.
fn signal(node: &mut Node, what: Signal) {
    let root = node.daemon().tree.pid();
    for process in descendants(root).into_iter().chain([root]) {
        let process = i32::try_from(process).expect("process ids fit");
        kill(Pid::from_raw(process), what).expect("it is there");
    }
}

fn start(preempt: &str) -> World {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    let config = |priority| fill(CONFIG, &[("PRIORITY", priority), ("PREEMPT", preempt)]);
    if preempt.is_empty() {
        world.start_both(&config("200"), &config("100"), &["-D"]);
    } else {
        // The worse one comes first and stays.
        world.a.start(&config("100"));
        settled(&world, true);
        world.b.start(&config("200"));
    }
    settled(&world, true);
    world
}

/// Waits until one of them alone has the address.
#[track_caller]
fn settled(world: &World, a_leads: bool) {
    let (a, b) = (world.a.has(VIP), world.b.has(VIP));
    let so =
        wait_for(PATIENCE, || ((world.a.has(VIP), world.b.has(VIP)) == (a_leads, !a_leads)).then_some(()));
    assert!(
        so.is_some(),
        "a leads: {a_leads}? before {a} and {b}, after {} and {}",
        world.a.has(VIP),
        world.b.has(VIP)
    );
}

/// The better master sleeps, the other one takes over, and gives way to the first advert after the thaw.
#[test]
fn the_better_master_thaws() {
    let mut world = start("");
    for millis in trials() {
        signal(&mut world.a, Signal::SIGSTOP);
        thread::sleep(Duration::from_millis(millis));
        let thaw = SystemTime::now();
        signal(&mut world.a, Signal::SIGCONT);
        settled(&world, true);
        let own = || world.adverts(51, thaw).into_iter().find(|advert| advert.from == world.a.ip());
        let first = wait_for(PATIENCE, own).expect("a speaks").at;
        let gone = world.b.watch.changes(VIP, thaw).into_iter().find(|change| !change.added);
        if let Some(gone) = gone {
            let both = gone.at.duration_since(first).unwrap_or_default();
            println!("{millis} ms: two masters for {both:?}");
            assert!(both <= INTERVAL + LATE, "after {millis} ms: two masters for {both:?}");
        }
        thread::sleep(Duration::from_millis(1200));
    }
}

/// The worse master sleeps, and after the thaw hears the better one before it says anything.
#[test]
fn the_worse_master_thaws() {
    for millis in trials().into_iter().filter(|millis| *millis > 1000) {
        let mut world = start("nopreempt");
        signal(&mut world.a, Signal::SIGSTOP);
        let taken = wait_for(PATIENCE, || world.b.has(VIP).then_some(()));
        taken.expect("b takes over");
        thread::sleep(Duration::from_millis(millis).saturating_sub(Duration::from_millis(700)));
        let thaw = SystemTime::now();
        signal(&mut world.a, Signal::SIGCONT);
        settled(&world, false);
        let let_go = || world.a.watch.changes(VIP, thaw).into_iter().find(|change| !change.added);
        let gone = wait_for(PATIENCE, let_go);
        let both = gone.expect("a has let go").at.duration_since(thaw).unwrap_or_default();
        println!("{millis} ms: two masters for {both:?}");
        assert!(both <= INTERVAL + LATE, "after {millis} ms: two masters for {both:?}");
        assert!(world.b.has(VIP));
    }
}

/// A backup that sleeps past the end of its wait does not take the silence that it was in for the master's.
#[test]
fn a_backup_thaws() {
    let mut world = start("");
    let begin = SystemTime::now();
    for millis in trials() {
        signal(&mut world.b, Signal::SIGSTOP);
        thread::sleep(Duration::from_millis(millis));
        signal(&mut world.b, Signal::SIGCONT);
        thread::sleep(INTERVAL * 5);
        assert_eq!(world.masters(51, begin), [world.a.ip()], "after {millis} ms");
    }
}
