//! What a client notices when somebody removes from a master what is its.

use std::net::IpAddr;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::net::pulse::{Pulse, Responder};
use crate::net::wait_for;
use crate::world::{Kind, Node, Quiet, World, fill, need};

/// VIPs 100 to 102 each have something that a client cannot do without: the address itself, a rule for what
/// is sent from it, a VMAC.
const CONFIG: &str = "
global_defs {
    vrrp_version 3
    nftables
}
vrrp_instance ADDRESS {
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    virtual_ipaddress {
        10.99.0.100
    }
}
vrrp_instance RULE {
    interface eth0
    virtual_router_id 52
    priority PRIORITY
    virtual_ipaddress {
        10.99.0.101
    }
    virtual_routes {
        10.99.0.0/24 dev eth0 table 99
    }
    virtual_rules {
        from 10.99.0.101 lookup 99 priority 990
    }
}
vrrp_instance VMAC {
    interface eth0
    use_vmac
    virtual_router_id 53
    priority PRIORITY
    virtual_ipaddress {
        10.99.0.102/24
    }
}
vrrp_instance DEAF {
    interface eth0
    virtual_router_id 54
    priority PRIORITY
    no_accept
    virtual_ipaddress {
        10.99.0.103
    }
}
";

const PATIENCE: Duration = Duration::from_secs(20);

fn vip(last: u8) -> IpAddr {
    [10, 99, 0, last].into()
}

fn shell(node: &Node, words: &str) -> String {
    node.space.call(Command::new("sh").args(["-c", words])).expect("it works")
}

/// The longest time without an answer after each removal; the last figure is how long packets got in that
/// must not. It is zero where the ruleset never came back within the time of the others, and `None` there.
fn outages(kind: Kind) -> (Vec<Duration>, Option<Duration>) {
    let quiet = Quiet::wait();
    let mut world = World::in_dir(quiet.dir(), kind, Kind::Keepalived);
    let [config_a, config_b] = ["200", "100"].map(|priority| fill(CONFIG, &[("PRIORITY", priority)]));
    world.start_both(&config_a, &config_b, &["-D"]);
    let mut outages = Vec::new();
    for (last, removal) in [
        (100, "ip address flush dev eth0 to 10.99.0.100"),
        (101, "ip rule flush"),
        (102, "ip link del vrrp.53"),
        (100, "ip address flush dev eth0; sleep 0.03; ip address add 10.99.0.1/24 dev eth0"),
    ] {
        let _on_a = Responder::start(&world.a.space, vip(last)).expect("a service");
        let _on_b = Responder::start(&world.b.space, vip(last)).expect("a service");
        let pulse = Pulse::start(&world.client, vip(last)).expect("a client");
        let served = || (pulse.server().as_deref() == Some("a") && world.a.has(vip(last))).then_some(());
        assert!(wait_for(PATIENCE, served).is_some(), "{last} is not served by a");
        // The bursts of a new master are over.
        sleep(Duration::from_millis(300));
        let begin = Instant::now();
        shell(&world.a, removal);
        sleep(Duration::from_millis(2500));
        outages.push(pulse.outage(begin));
        shell(&world.a, "ip rule add priority 32766 lookup main 2>/dev/null; true");
    }
    let listed = || shell(&world.a, "nft list ruleset").contains("10.99.0.103");
    assert!(wait_for(PATIENCE, || listed().then_some(())).is_some(), "nothing is blocked");
    shell(&world.a, "nft flush ruleset");
    let begin = Instant::now();
    let blocked_by = || {
        let asked = begin.elapsed();
        listed().then_some(asked)
    };
    let leak = wait_for(Duration::from_secs(2), blocked_by);
    (outages, leak)
}

/// Measured beside keepalived, whose clients wait for the skew of whoever takes over, and whose firewall stays
/// away. The last of them is what a network manager does to a link that it configures anew: the node is without
/// an address of its own for 30 ms.
#[test]
fn what_somebody_removes_from_a_master_is_back_before_a_client_minds() {
    need(&["keepalived", "nft"]);
    let (theirs, their_leak) = outages(Kind::Keepalived);
    let (ours, our_leak) = outages(Kind::Vrrpd);
    println!(
        "address, rule, VMAC, all addresses, ruleset: keepalived {theirs:?} {their_leak:?}, vrrpd {ours:?} {our_leak:?}"
    );
    for outage in ours {
        assert!(outage < Duration::from_millis(100), "{outage:?}");
    }
    assert!(our_leak.is_some_and(|leak| leak < Duration::from_millis(150)), "{our_leak:?}");
}

/// keepalived says nothing of it, and leaves it alone as well.
#[test]
fn a_copy_of_an_address_on_a_backup_is_told_once_and_left_alone() {
    let mut world = World::without_service(Kind::Vrrpd, Kind::Vrrpd);
    let [config_a, config_b] = ["200", "100"].map(|priority| fill(CONFIG, &[("PRIORITY", priority)]));
    world.start_both(&config_a, &config_b, &["-D"]);
    let served = || world.a.has(vip(100)).then_some(());
    assert!(wait_for(PATIENCE, served).is_some(), "a is not master");
    shell(&world.b, "ip address add 10.99.0.100/32 dev eth0");
    let told = "(ADDRESS) 10.99.0.100 is on eth0, and it was not put there by this instance";
    world.b.wait_for_log(told);
    shell(&world.b, "ip address change 10.99.0.100/32 dev eth0 preferred_lft 0");
    sleep(Duration::from_millis(400));
    assert!(world.b.has(vip(100)));
    let log = world.b.daemon().log();
    assert_eq!(log.matches(told).count(), 1, "{log}");
}
