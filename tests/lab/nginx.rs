//! Two Nginx front ends: dual master, and the check scripts that people write for them.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::pairings;
use crate::world::{Kind, Node, SLACK, World, fill, need, tool, within, write_script};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));
const VIP_2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 101));
const DOWN_B: Duration = Duration::from_micros(3_414_062);
const DOWN_A: Duration = Duration::from_micros(3_218_750);
const SKEW_B: Duration = Duration::from_micros(414_062);

const DUAL: &str = "
vrrp_instance VI_1 {
    state STATE_1
    interface eth0
    virtual_router_id 51
    priority PRIORITY_1
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        10.99.0.100
    }
}

vrrp_instance VI_2 {
    state STATE_2
    interface eth0
    virtual_router_id 52
    priority PRIORITY_2
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 2222
    }
    virtual_ipaddress {
        10.99.0.101
    }
}
";

/// Two instances crossed: each node serves one VIP, and both when it is alone.
fn dual_master(world: &mut World) {
    let begin = SystemTime::now();
    let first = [("STATE_1", "MASTER"), ("PRIORITY_1", "200"), ("STATE_2", "BACKUP"), ("PRIORITY_2", "150")];
    let second = [("STATE_1", "BACKUP"), ("PRIORITY_1", "150"), ("STATE_2", "MASTER"), ("PRIORITY_2", "200")];
    let (one, two) = (world.browse(VIP), world.browse(VIP_2));
    world.start_both(&fill(DUAL, &first), &fill(DUAL, &second), &["-D"]);
    world.settle(&one, VIP, &world.a, DOWN_A + SLACK);
    // Here a came first, and may have been master until b was there.
    world.settle(&two, VIP_2, &world.b, DOWN_A + SLACK);

    let cut = SystemTime::now();
    world.a.stop();
    world.settle(&one, VIP, &world.b, SKEW_B + SLACK);
    within("VIP 1 was cut off", one.longest_gap(cut).length(), Duration::ZERO, SKEW_B + SLACK);
    within("VIP 2 was cut off", two.longest_gap(cut).length(), Duration::ZERO, SLACK);
    world.a.start(&fill(DUAL, &first));
    world.settle(&one, VIP, &world.a, DOWN_A + SLACK);
    world.settle(&two, VIP_2, &world.b, SLACK);
    assert_eq!(world.masters(51, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
    assert_eq!(world.masters(52, cut), [world.b.ip()]);
}

const RESTARTER: &str = "
global_defs {
    router_id lab
    script_user root
}
vrrp_script chk_nginx {
    script \"DIR/nginx_check.sh\"
    interval 1
    timeout 5
}
vrrp_instance VI_1 {
    state STATE
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    track_script {
        chk_nginx
    }
    virtual_ipaddress {
        10.99.0.100
    }
}
";

const INTERVAL: Duration = Duration::from_secs(1);
const SCRIPT_SLEEP: Duration = Duration::from_secs(2);

/// The script of a thousand tutorials.
const RESTART_OR_LEAVE: &str = "#!/bin/sh
if [ \"$(ps -C nginx --no-headers | wc -l)\" -eq 0 ]; then
    NGINX -e DIR/nginx.log -c DIR/nginx.conf
    sleep 2
    if [ \"$(ps -C nginx --no-headers | wc -l)\" -eq 0 ]; then
        killall keepalived
    fi
fi
";

/// The check script restarts nginx, and when that fails ends the daemon by the name `keepalived`.
fn restart_or_leave(world: &mut World) {
    need(&["killall", "ps"]);
    for node in [&mut world.a, &mut world.b] {
        call_it_keepalived(node);
        let dir = node.space.dir.display().to_string();
        let nginx = tool("nginx").display().to_string();
        let script = fill(RESTART_OR_LEAVE, &[("DIR", &dir), ("NGINX", &nginx)]);
        write_script(&node.space.dir.join("nginx_check.sh"), &script);
    }
    let config = |node: &Node, state: &str, priority: &str| {
        let dir = node.space.dir.display().to_string();
        fill(RESTARTER, &[("DIR", &dir), ("STATE", state), ("PRIORITY", priority)])
    };
    let (config_a, config_b) = (config(&world.a, "MASTER", "200"), config(&world.b, "BACKUP", "150"));
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.start_both(&config_a, &config_b, &["-D"]);
    world.settle(&browser, VIP, &world.a, DOWN_A + 2 * SLACK);

    // nginx dies and can be restarted: the VIP stays, nginx is back with the next run of the script.
    let crash = SystemTime::now();
    world.a.stop_nginx();
    std::thread::sleep(Duration::from_millis(100));
    world.settle(&browser, VIP, &world.a, INTERVAL + SLACK);
    let gap = browser.longest_gap(crash).length();
    within("nginx was away", gap, Duration::ZERO, INTERVAL + 2 * SLACK);
    assert_eq!(world.masters(51, begin), [world.a.ip()], "nobody else was master");

    // nginx dies and cannot be restarted: the script says `killall keepalived`.
    world.a.write_nginx_conf("this is not nginx;");
    let crash = SystemTime::now();
    stop_restarted_nginx(&world.a);
    let at_most = INTERVAL + SCRIPT_SLEEP + SKEW_B;
    world.settle(&browser, VIP, &world.b, at_most);
    let gap = browser.longest_gap(crash).length();
    within("the client was cut off", gap, Duration::ZERO, at_most + 2 * SLACK);
    let status = world.a.daemon().tree.wait(Duration::from_secs(5)).expect("a child of ours");
    assert_eq!(status.and_then(|s| s.code()), Some(0), "killall keepalived is an orderly stop");
    assert!(!world.a.has(VIP));

    world.a.write_nginx_conf("");
    world.a.start(&config_a);
    world.settle(&browser, VIP, &world.a, DOWN_A + Duration::from_secs(1) + SLACK);
    assert_eq!(world.masters(51, begin), [world.a.ip(), world.b.ip(), world.a.ip()]);
}

/// Starts the node's daemon through a symlink named as the scripts expect it.
fn call_it_keepalived(node: &mut Node) {
    let link = node.space.dir.join("keepalived");
    symlink(&node.program.path, &link).expect("a symlink");
    node.program.path = link;
}

fn stop_restarted_nginx(node: &Node) {
    let script = "kill -9 $(ps -C nginx --no-headers -o pid)";
    node.space.call(Command::new("/bin/sh").args(["-c", script])).expect("nginx ends");
}

const NO_WEIGHT: &str = "
global_defs {
    router_id lab
    script_user root
}
vrrp_script chk_nginx {
    script \"KILLALL -0 nginx\"
    interval 1
    fall 1
    rise 1
}
vrrp_instance VI_1 {
    state STATE
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    track_script {
        chk_nginx
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

/// A script without weight puts the instance into FAULT: no VIP while nginx is absent on both.
fn no_service_no_vip(mut world: World) {
    need(&["killall"]);
    let killall = tool("killall").display().to_string();
    let config =
        |state, priority| fill(NO_WEIGHT, &[("KILLALL", &killall), ("STATE", state), ("PRIORITY", priority)]);
    let run = Duration::from_secs(1);
    let begin = SystemTime::now();
    let browser = world.browse(VIP);
    world.a.start(&config("MASTER", "200"));
    world.b.start(&config("BACKUP", "150"));
    std::thread::sleep(DOWN_B + SLACK);
    assert!(!world.a.has(VIP) && !world.b.has(VIP), "a VIP without a service");
    assert!(world.adverts(51, begin).is_empty(), "adverts without a service");

    world.b.start_nginx();
    world.settle(&browser, VIP, &world.b, run + DOWN_B + SLACK);
    world.a.start_nginx();
    world.settle(&browser, VIP, &world.a, run + DOWN_A + SLACK);
    let crash = SystemTime::now();
    world.a.stop_nginx();
    world.settle(&browser, VIP, &world.b, run + SKEW_B + SLACK);
    within("the client was cut off", browser.longest_gap(crash).length(), SKEW_B, run + SKEW_B + SLACK);
    world.b.stop_nginx();
    let gone = crate::net::wait_for(run + 3 * SLACK, || (!world.b.has(VIP)).then_some(()));
    assert!(gone.is_some(), "b keeps the VIP without a service");
    let alone = SystemTime::now();
    std::thread::sleep(DOWN_B);
    assert!(world.masters(51, alone).is_empty(), "a master without a service");
    assert_eq!(world.masters(51, begin), [world.b.ip(), world.a.ip(), world.b.ip()]);
}

pairings!(dual_master, restart_or_leave);

mod no_service {
    use super::{Kind, World, no_service_no_vip};

    #[test]
    fn vrrpd_vrrpd() {
        no_service_no_vip(World::without_service(Kind::Vrrpd, Kind::Vrrpd));
    }

    #[test]
    fn vrrpd_keepalived() {
        no_service_no_vip(World::without_service(Kind::Vrrpd, Kind::Keepalived));
    }

    #[test]
    fn keepalived_vrrpd() {
        no_service_no_vip(World::without_service(Kind::Keepalived, Kind::Vrrpd));
    }

    #[test]
    fn keepalived_keepalived() {
        no_service_no_vip(World::without_service(Kind::Keepalived, Kind::Keepalived));
    }
}
