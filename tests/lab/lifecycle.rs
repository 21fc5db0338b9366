//! One node through its life: into the background, reloads, a lost child, dumps, the end.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use crate::net::stall::Stall;
use crate::net::wait_for;
use crate::world::{Kind, PATIENCE, SLACK, World, fill, within};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const ANOTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 101));
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    virtual_ipaddress {
        10.99.0.100/24
        MORE
    }
}
";
/// Three adverts and the skew of priority 200.
const DOWN: Duration = Duration::from_micros(3_218_750);

/// A reload, of the same file and of one with more in it, takes nothing away and delays no advert.
#[test]
fn reload_without_a_flap() {
    let mut world = World::new(Kind::Vrrpd, Kind::Keepalived);
    let config = |priority, more| fill(CONFIG, &[("PRIORITY", priority), ("MORE", more)]);
    let browser = world.browse(VIP);
    let begin = SystemTime::now();
    world.start_both(&config("200", ""), &config("150", ""), &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN + SLACK);

    let file = world.a.space.dir.join("keepalived.conf");
    let (reload, stall) = (SystemTime::now(), Stall::watch());
    world.a.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
    std::thread::sleep(Duration::from_millis(2500));
    fs::write(&file, config("180", "10.99.0.101/24")).expect("the file");
    world.a.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
    wait_for(Duration::from_secs(3), || world.a.has(ANOTHER).then_some(())).expect("the new address");
    let new_priority = || world.adverts(51, reload).iter().any(|a| a.priority == 180).then_some(());
    wait_for(Duration::from_secs(3), new_priority).expect("adverts with the new priority");
    std::thread::sleep(Duration::from_secs(2));

    within("the client was cut off", browser.longest_gap(reload).length(), Duration::ZERO, SLACK);
    assert_eq!(world.masters(51, begin), [world.a.ip()], "nobody else was master");
    assert!(world.adverts(51, begin).iter().all(|a| a.priority > 0), "nobody resigned");
    let removed = world.a.watch.changes(VIP, begin).iter().filter(|c| !c.added).count();
    assert_eq!(removed, 0, "removals of a VIP that stays wanted");
    let most = Duration::from_millis(1200);
    let times: Vec<SystemTime> = world.adverts(51, reload - most).iter().map(|a| a.at).collect();
    let gap = times.windows(2).map(|p| p[1].duration_since(p[0]).unwrap_or_default()).max();
    within("longest wait for an advert", gap.expect("adverts"), Duration::ZERO, most + stall.longest());
}

/// A file that cannot be used changes nothing: the daemon says so and goes on.
#[test]
fn reload_of_a_bad_file() {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    let begin = SystemTime::now();
    world.a.start(&fill(CONFIG, &[("PRIORITY", "200"), ("MORE", "")]));
    wait_for(DOWN + PATIENCE, || world.a.has(VIP).then_some(())).expect("a is master");
    fs::write(world.a.space.dir.join("keepalived.conf"), "vrrp_instance VI_1 {\n interface\n}\n")
        .expect("the file");
    world.a.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
    std::thread::sleep(Duration::from_millis(2500));
    assert!(world.a.daemon().tree.is_running(), "{}", world.a.daemon().log());
    assert!(world.a.has(VIP));
    assert!(world.adverts(51, begin).iter().all(|a| a.priority == 200));
    let last = world.adverts(51, begin).last().map(|a| a.at).expect("adverts");
    within(
        "since the last advert",
        last.elapsed().unwrap_or_default(),
        Duration::ZERO,
        Duration::from_millis(1200),
    );
}

/// The VRRP child is killed: the parent starts another one, and clients do not notice.
#[test]
fn a_killed_child_comes_back() {
    let mut world = World::new(Kind::Vrrpd, Kind::Keepalived);
    let config = |priority| fill(CONFIG, &[("PRIORITY", priority), ("MORE", "")]);
    let browser = world.browse(VIP);
    world.start_both(&config("200"), &config("150"), &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN + SLACK);
    let cut = SystemTime::now();
    let kill = "kill -9 $(cat /run/vrrp.pid)";
    world.a.space.call(Command::new("/bin/sh").args(["-c", kill])).expect("the child's pid file");
    let speaks = || world.adverts(51, cut).iter().any(|a| a.from == world.a.ip()).then_some(());
    wait_for(DOWN + Duration::from_secs(1) + SLACK, speaks).expect("adverts of the new child");
    world.settle(&browser, VIP, &world.a, Duration::from_secs(1));
    within("the client was cut off", browser.longest_gap(cut).length(), Duration::ZERO, SLACK);
    let log = world.a.daemon().log();
    assert!(log.contains("VRRP child process("), "the parent says nothing:\n{log}");
    world.a.stop();
    assert!(!world.a.has(VIP));
}

/// Without `-n` the daemon goes into the background, writes pid files, and takes them along at its end.
#[test]
fn in_the_background() {
    for kind in [Kind::Keepalived, Kind::Vrrpd] {
        let world = World::without_service(kind, kind);
        let file = world.a.space.dir.join("keepalived.conf");
        fs::write(&file, fill(CONFIG, &[("PRIORITY", "200"), ("MORE", "")])).expect("the file");
        let run = world.a.space.dir.join("run");
        world
            .a
            .space
            .call(Command::new(world.a.program.path.clone()).arg("-f").arg(&file))
            .expect("it goes away");
        wait_for(DOWN + PATIENCE, || world.a.has(VIP).then_some(())).expect("a is master");
        let pid = fs::read_to_string(run.join("keepalived.pid")).expect("a pid file");
        assert!(pid.ends_with('\n') && pid.trim().parse::<u32>().is_ok(), "{pid:?}");
        assert!(run.join("vrrp.pid").exists(), "the child's pid file");

        // A second one notices the first and leaves it alone.
        world
            .a
            .space
            .call(Command::new(world.a.program.path.clone()).arg("-f").arg(&file))
            .expect("exit status 0");
        std::thread::sleep(SLACK);
        assert!(world.a.has(VIP));

        let term = "kill -TERM $(cat /run/keepalived.pid)";
        world.a.space.call(Command::new("/bin/sh").args(["-c", term])).expect("it runs");
        let gone = || (!run.join("keepalived.pid").exists() && !run.join("vrrp.pid").exists()).then_some(());
        wait_for(Duration::from_secs(5), gone).expect("the pid files are removed");
        assert!(!world.a.has(VIP), "{kind:?} left the VIP behind");
    }
}

/// What USR1 writes, section by section, without what differs from run to run.
fn dumped(kind: Kind) -> Vec<String> {
    const CHECKED: &str = "
vrrp_script chk {
    script /usr/bin/true
    interval 1
    rise 2
    weight 7
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    virtual_ipaddress {
        10.99.0.100/24 label eth0:v1
    }
    virtual_ipaddress_excluded {
        10.99.0.101
    }
    track_script {
        chk
    }
}
";
    let mut world = World::without_service(kind, kind);
    world.a.start(CHECKED);
    wait_for(Duration::from_micros(3_609_375) + PATIENCE, || world.a.has(VIP).then_some(()))
        .expect("a is master");
    std::thread::sleep(Duration::from_millis(300));
    world.a.daemon().tree.signal(Signal::SIGUSR1).expect("it runs");
    let file = world.a.space.dir.join("tmp/keepalived.data");
    let whole = || {
        fs::read_to_string(&file).ok().filter(|text| text.contains("VRRP Scripts") && text.ends_with('\n'))
    };
    let text = wait_for(Duration::from_secs(15), whole).expect("USR1 writes /tmp/keepalived.data");
    let mut wanted = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("------<") {
            wanted =
                ["VRRP Topology", "VRRP Sockpool", "VRRP Scripts"].iter().any(|title| line.contains(title));
        }
        let varies = ["Last transition", "Read timeout", "fd_in"].iter().any(|word| line.contains(word));
        if wanted && !varies {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// oracle: keepalived's own file for the same life.
#[test]
fn keepalived_data_reads_like_keepaliveds() {
    assert_eq!(dumped(Kind::Vrrpd), dumped(Kind::Keepalived));
}
