//! `auth_hmac` between two vrrpd: it is brought in, its keys are changed, and strangers come to nothing.
//!
//! Debian's keepalived does not know it; that its bytes are those of keepalived 2.4.3 is a matter of the
//! captures in `src/wire/auth/tests.rs`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use vrrpd::types::{AdvertInt, Priority, Secret, Version, Vrid};
use vrrpd::wire::auth::hmac::{Sequence, sign};
use vrrpd::wire::vrrp::{Advert, AdvertAuth, Packet};

use crate::net::inject::{flood, ipv4};
use crate::net::wait_for;
use crate::world::Kind::Vrrpd;
use crate::world::{Node, World, fill};

const VRID: u8 = 51;
const VIP: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 100);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.2
    garp_master_delay 0
    auth_hmac {
        BODY
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";
const OLD: &str = "key 1 0123456789abcdef0123456789abcdef\n";
const NEW: &str = "key 2 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

fn config(priority: &str, body: &str) -> String {
    fill(CONFIG, &[("PRIORITY", priority), ("BODY", body)])
}

/// Reads another file, and is done when it says so.
fn reload(node: &mut Node, text: &str) {
    let done = |node: &mut Node| node.daemon().log().matches("Reload complete").count();
    let before = done(node);
    fs::write(node.space.dir.join("keepalived.conf"), text).expect("the file is written");
    node.daemon().tree.signal(Signal::SIGHUP).expect("it runs");
    let reloaded = wait_for(Duration::from_secs(5), || (done(node) > before).then_some(()));
    assert!(reloaded.is_some(), "no reload:\n{}", node.daemon().log());
}

/// A counter of the section of the extension.
fn counter(node: &mut Node, key: &str) -> u32 {
    let file = node.space.dir.join("tmp/keepalived.stats");
    let _ = fs::remove_file(&file);
    node.daemon().tree.signal(Signal::SIGUSR2).expect("it runs");
    let whole = || fs::read_to_string(&file).ok().filter(|text| text.contains("Priority Zero"));
    let text = wait_for(Duration::from_secs(5), whole).expect("USR2 writes /tmp/keepalived.stats");
    let section = text.lines().skip_while(|line| !line.contains("Authentication Extension Errors:"));
    let line = section.map(str::trim).find_map(|line| line.strip_prefix(key)).expect("a line for it");
    line.trim_start_matches(':').trim().parse().expect("a number")
}

/// Starts both and waits until a is master.
fn start(body: &str) -> World {
    let mut world = World::without_service(Vrrpd, Vrrpd);
    world.a.start_with(&config("200", body), &["-D"]);
    world.a.wait_for_log("Entering MASTER STATE");
    world.b.start_with(&config("100", body), &["-D"]);
    world.b.wait_for_log("master set to 10.99.0.1");
    world
}

/// Nobody but a has spoken since.
#[track_caller]
fn assert_no_flap(world: &World, since: SystemTime) {
    // As long as a backup would wait for.
    thread::sleep(Duration::from_millis(1200));
    assert_eq!(world.masters(VRID, since), [world.a.ip()], "somebody else became master");
    assert!(world.a.has(VIP.into()) && !world.b.has(VIP.into()));
}

/// Whether a's adverts have a trailer now: 28 bytes behind 8 and an address.
fn signs(world: &World) -> bool {
    let begin = SystemTime::now();
    let frame = wait_for(Duration::from_secs(2), || {
        let frames = world.lan.capture.frames(begin);
        frames.into_iter().find(|frame| frame.bytes.get(23) == Some(&112) && frame.bytes[15] == 0xc0)
    });
    let total = frame.map(|frame| u16::from_be_bytes([frame.bytes[16], frame.bytes[17]]));
    match total {
        Some(32) => false,
        Some(60) => true,
        other => panic!("no advert, or one of another length: {other:?}"),
    }
}

#[test]
fn a_group_is_moved_mode_by_mode_without_a_flap() {
    let begin = SystemTime::now();
    let body = |mode: &str| format!("{OLD}active_key 1\nmode {mode}");
    let mut world = World::without_service(Vrrpd, Vrrpd);
    let plain = |priority| {
        let text = config(priority, "");
        let (head, tail) = (text.split("auth_hmac").next(), text.split("}\n    virtual").nth(1));
        format!("{}virtual{}", head.unwrap_or_default(), tail.unwrap_or_default())
    };
    world.a.start_with(&plain("200"), &["-D"]);
    world.a.wait_for_log("Entering MASTER STATE");
    world.b.start_with(&plain("100"), &["-D"]);
    world.b.wait_for_log("master set to 10.99.0.1");
    for (mode, signed) in [("receive-only", false), ("permissive", true), ("enforce", true)] {
        reload(&mut world.b, &config("100", &body(mode)));
        reload(&mut world.a, &config("200", &body(mode)));
        assert_eq!(signs(&world), signed, "in mode {mode}");
    }
    assert_no_flap(&world, begin);
    for key in ["Missing", "Malformed", "Unknown Key", "Invalid HMAC", "Stale", "Replay"] {
        assert_eq!(counter(&mut world.b, key), 0, "{key}");
    }
    // A node that does not sign has no say any more.
    world.a.stop();
    world.b.wait_for_log("Entering MASTER STATE");
    world.a.start_with(&plain("200"), &["-D"]);
    world.b.wait_for_log("missing authentication trailer from 10.99.0.1");
    assert!(world.b.has(VIP.into()));
}

#[test]
fn keys_are_changed_by_reloads_without_a_flap() {
    let begin = SystemTime::now();
    let mut world = start(&format!("{OLD}active_key 1"));
    let both = |active: u8| format!("{OLD}{NEW}active_key {active}");
    let steps = [
        (both(1), false),
        (both(1), true),
        (both(2), true),
        (both(2), false),
        (format!("{NEW}active_key 2"), true),
        (format!("{NEW}active_key 2"), false),
    ];
    for (body, of_a) in steps {
        let (node, priority) = if of_a { (&mut world.a, "200") } else { (&mut world.b, "100") };
        reload(node, &config(priority, &body));
    }
    assert_no_flap(&world, begin);
    assert_eq!((counter(&mut world.b, "Unknown Key"), counter(&mut world.b, "Invalid HMAC")), (0, 0));
    // And the new one is what counts: a node with the old key alone is not believed.
    world.b.stop();
    world.b.start_with(&config("100", &format!("{OLD}active_key 1")), &["-D"]);
    world.b.wait_for_log("unknown authentication key id 2 from 10.99.0.1");
}

/// A key in a file of its own, and the takeover between nodes that have it.
#[test]
fn a_takeover_works_with_a_key_from_a_file() {
    take_over("");
}

#[test]
fn a_takeover_works_with_a_key_and_a_virtual_mac_address() {
    take_over("use_vmac");
}

/// `more`: lines of both instances.
fn take_over(more: &str) {
    let mut world = World::without_service(Vrrpd, Vrrpd);
    let body = |node: &Node| {
        let path: PathBuf = node.space.dir.join("vrrp.key");
        fs::write(&path, "0123456789abcdef0123456789abcdef\n").expect("a key file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a key file");
        format!("key 1 file:{}\nactive_key 1", path.display())
    };
    let whole = |priority, body: &str| {
        config(priority, body).replace("advert_int", &format!("{more}\n    advert_int"))
    };
    let (a, b) = (whole("200", &body(&world.a)), whole("100", &body(&world.b)));
    let begin = SystemTime::now();
    world.a.start_with(&a, &["-D"]);
    world.a.wait_for_log("Entering MASTER STATE");
    world.b.start_with(&b, &["-D"]);
    world.b.wait_for_log("master set to 10.99.0.1");
    assert!(signs(&world));
    world.a.stop();
    world.b.wait_for_log("Entering MASTER STATE");
    world.a.start_with(&a, &["-D"]);
    let back = || {
        let settled = world.a.has(VIP.into()) && !world.b.has(VIP.into());
        (settled && world.masters(VRID, begin) == [world.a.ip(), world.b.ip(), world.a.ip()]).then_some(())
    };
    assert!(wait_for(Duration::from_secs(5), back).is_some(), "masters: {:?}", world.masters(VRID, begin));
}

/// An advert of priority 255 in the name of b, signed at another time or with another key.
fn forged(key: &[u8], key_id: u8, age: i64) -> Vec<u8> {
    let from = Ipv4Addr::new(10, 99, 0, 2);
    let advert = Advert {
        version: Version::V3,
        vrid: Vrid::new(VRID).expect("not 0"),
        priority: Priority::OWNER,
        auth: AdvertAuth::None,
        interval: AdvertInt::from_centis(20).expect("an interval"),
        addresses: vec![VIP.into()],
    };
    let mut message = advert.emit(from.into(), GROUP.into());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let then = Duration::from_secs(now.as_secs().checked_add_signed(-age).expect("after 1970"));
    let signed = Packet::new(&message).expect("a message");
    let key = Secret::new(key.to_vec());
    let trailer = sign(&key, key_id, Sequence::at(then), IpAddr::V4(from), signed);
    message.extend(trailer);
    ipv4(from, GROUP, 255, &message)
}

#[test]
fn whoever_has_no_key_or_another_time_is_not_heard() {
    // As wide as a busy machine may need from a farewell to its replay.
    let body = format!("{OLD}active_key 1\ntime_window 30");
    let mut world = start(&body);
    let stranger = world.lan.machine("stranger", 66).expect("a stranger");
    let key = b"0123456789abcdef0123456789abcdef";
    let begin = SystemTime::now();
    // A port of the switch that is new may lose the first.
    let send = |packet: Vec<u8>| flood(&stranger, &[packet], 20, Duration::from_millis(500)).expect("sent");

    send(forged(b"another key of thirty-two bytes!", 1, 0));
    world.a.wait_for_log("(VI_1) invalid authentication HMAC from 10.99.0.2");
    send(forged(key, 9, 0));
    world.a.wait_for_log("(VI_1) unknown authentication key id 9 from 10.99.0.2");
    send(forged(key, 1, 60));
    world.a.wait_for_log("(VI_1) stale authentication trailer from 10.99.0.2, clock skew 6");
    send(forged(key, 1, -60));
    // Of the future it is no more believed than of the past. Told once; counted each time.
    let counted = |node: &mut Node, key: &str, least: u32| {
        let enough = wait_for(Duration::from_secs(5), || (counter(node, key) >= least).then_some(()));
        assert!(enough.is_some(), "{key} are counted: {}", counter(node, key));
    };
    counted(&mut world.a, "Stale", 4);

    // Last words of a that somebody recorded: they are played again when it is master anew.
    world.a.stop();
    world.b.wait_for_log("Entering MASTER STATE");
    world.a.start_with(&config("200", &body), &["-D"]);
    wait_for(Duration::from_secs(5), || world.a.has(VIP.into()).then_some(())).expect("a is master again");
    let farewell = world
        .lan
        .capture
        .frames(begin)
        .into_iter()
        .find(|frame| frame.bytes.get(23) == Some(&112) && frame.bytes[36] == 0 && frame.bytes[29] == 1)
        .expect("a farewell of a");
    let mastered = |node: &mut Node| node.daemon().log().matches("Entering MASTER STATE").count();
    let before = mastered(&mut world.b);
    let again = SystemTime::now();
    send(farewell.bytes[14..].to_vec());
    world.b.wait_for_log("(VI_1) replayed authentication trailer from 10.99.0.1");
    // Who has just given way may speak three times more.
    assert_no_flap(&world, again + Duration::from_millis(700));
    assert_eq!(mastered(&mut world.b), before);
    counted(&mut world.b, "Replay", 2);
}

#[test]
fn a_clock_that_drifts_is_told_of_while_it_is_still_believed() {
    let world = start(&format!("{OLD}active_key 1\ntime_window 5"));
    let stranger = world.lan.machine("stranger", 66).expect("a stranger");
    let key = b"0123456789abcdef0123456789abcdef";
    let packet = forged(key, 1, 3);
    // A port of the switch that is new may lose the first.
    flood(&stranger, &[packet], 10, Duration::from_millis(300)).expect("sent");
    // A second may pass on the way.
    world.a.wait_for_log("(VI_1) authentication clock skew ");
    world.a.wait_for_log(" sec from 10.99.0.2 approaching window 5 sec");
    // It is a good advert of a higher router, after all.
    world.a.wait_for_log("Master received advert from 10.99.0.2 with higher priority 255, ours 200");
}
