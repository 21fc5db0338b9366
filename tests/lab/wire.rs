//! What vrrpd puts on the wire is what keepalived puts there, in tshark's eyes.
//!
//! Both run alone, each on a LAN of its own, with the same MAC, addresses and file. They become master,
//! send three adverts and two bursts of announcements, and are told to stop.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::net::capture::Frame;
use crate::net::daemon::Daemon;
use crate::net::frame::{Advert, Announce};
use crate::net::lan::Lan;
use crate::net::wait_for;
use crate::world::{Kind, fill, lab_dir, need, tool};

/// `BODY` and `VIPS` differ from case to case. The second burst comes one second after the first.
const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 250
    advert_int 1
    garp_master_delay 1
    BODY
    virtual_ipaddress {
        VIPS
    }
}
";
const IPV4: &str = "10.99.0.100/24\n        10.99.0.101";
const IPV6: &str = "fe80::51\n        2001:db8:99::100/64";

#[test]
fn v2() {
    same_frames("", IPV4);
}

#[test]
fn v2_pass() {
    same_frames("authentication {\n auth_type PASS\n auth_pass s3cr3t\n }", IPV4);
}

#[test]
fn v2_vmac() {
    same_frames("use_vmac", IPV4);
}

#[test]
fn v2_vmac_xmit_base() {
    same_frames("use_vmac\n vmac_xmit_base", IPV4);
}

#[test]
fn v3_ipv6_vmac() {
    same_frames("use_vmac", IPV6);
}

#[test]
fn v2_ah() {
    same_frames("authentication {\n auth_type AH\n auth_pass s3cr3t\n }", IPV4);
}

#[test]
fn v2_ah_unicast() {
    same_frames(
        "authentication {\n auth_type AH\n auth_pass s3cr3t\n }\n unicast_src_ip 10.99.0.1\n unicast_peer {\n 10.99.0.2\n 10.99.0.3\n }",
        IPV4,
    );
}

#[test]
fn v2_unicast() {
    same_frames("unicast_src_ip 10.99.0.1\n unicast_peer {\n 10.99.0.2\n 10.99.0.3\n }", IPV4);
}

#[test]
fn v3_ipv4() {
    same_frames("version 3", IPV4);
}

#[test]
fn v3_ipv4_unicast() {
    same_frames("version 3\n unicast_src_ip 10.99.0.1\n unicast_peer {\n 10.99.0.2\n 10.99.0.3\n }", IPV4);
}

#[test]
fn v3_ipv6() {
    same_frames("version 3", IPV6);
}

#[test]
fn v3_ipv6_unicast() {
    same_frames(
        "version 3\n unicast_src_ip 2001:db8:99::1\n unicast_peer {\n 2001:db8:99::2\n 2001:db8:99::3\n }",
        "2001:db8:99::100/64\n        2001:db8:99::101",
    );
}

/// The check itself: keepalived's frames are not equal to keepalived's frames with another password.
#[test]
fn a_difference_is_seen() {
    need(&["keepalived", "tshark"]);
    let dir = lab_dir();
    let config = |word| {
        fill(
            CONFIG,
            &[("BODY", "authentication {\n auth_type PASS\n auth_pass PW\n }"), ("VIPS", IPV4), ("PW", word)],
        )
    };
    let (one, two) = std::thread::scope(|s| {
        let one = s.spawn(|| record(dir.path(), "one", Kind::Keepalived, &config("s3cr3t")));
        let two = s.spawn(|| record(dir.path(), "two", Kind::Keepalived, &config("s3cr3T")));
        (one.join().expect("frames"), two.join().expect("frames"))
    });
    assert_ne!(one["adverts"], two["adverts"]);
    assert_eq!(one["announcements"], two["announcements"]);
}

fn same_frames(body: &str, vips: &str) {
    need(&["keepalived", "tshark"]);
    let dir = lab_dir();
    let config = fill(CONFIG, &[("BODY", body), ("VIPS", vips)]);
    let (theirs, ours) = std::thread::scope(|s| {
        let theirs = s.spawn(|| record(dir.path(), "keepalived", Kind::Keepalived, &config));
        let ours = s.spawn(|| record(dir.path(), "vrrpd", Kind::Vrrpd, &config));
        (theirs.join().expect("keepalived's frames"), ours.join().expect("vrrpd's frames"))
    });
    for (class, theirs) in &theirs {
        let ours = &ours[class];
        assert_eq!(theirs.len(), ours.len(), "number of {class}, keepalived and vrrpd");
        for (number, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
            assert_eq!(theirs, ours, "{class}, frame {number}: keepalived left, vrrpd right");
        }
    }
}

/// One frame as tshark sees it: every field with what it shows and its bytes.
type Fields = Vec<(String, String, String)>;

/// Runs one daemon alone and dissects its frames, by class.
fn record(dir: &Path, name: &str, kind: Kind, config: &str) -> BTreeMap<&'static str, Vec<Fields>> {
    let dir = dir.join(name);
    let lan = Lan::new(&dir).expect("a LAN (is this root?)");
    let node = lan.machine("a", 1).expect("a machine");
    let _peers = [lan.machine("b", 2).expect("a machine"), lan.machine("c", 3).expect("a machine")];
    let mut daemon = Daemon::start(&kind.program(), &node, config, &["-D"]).expect("the daemon");
    let begin = SystemTime::UNIX_EPOCH;
    // Unicast sends one packet to each peer: what counts is the third one to the first destination.
    let first_peer = |lan: &Lan| -> Option<IpAddr> { lan.capture.adverts(begin).first().map(|a| a.to) };
    let third = || {
        let to = first_peer(&lan)?;
        (lan.capture.adverts(begin).iter().filter(|a| a.to == to).count() >= 3).then_some(())
    };
    if wait_for(Duration::from_secs(8), third).is_none() {
        panic!("{name} did not send three adverts:\n{}", daemon.log());
    }
    daemon.stop().expect("an orderly end");

    let pcap = |class: &str, keep: &dyn Fn(&Frame) -> bool| -> PathBuf {
        let path = dir.join(format!("{class}.pcap"));
        lan.capture.write_pcap(&path, keep).expect("a pcap file");
        path
    };
    let advert = |zero: bool| move |f: &Frame| Advert::parse(f).is_some_and(|a| (a.priority == 0) == zero);
    let classes = [
        ("adverts", pcap("adverts", &advert(false))),
        ("adverts of priority 0", pcap("zero", &advert(true))),
        ("announcements", pcap("announcements", &|f| Announce::parse(f).is_some())),
    ];
    let dissected = classes.map(|(class, path)| (class, dissect(&path)));
    for (class, frames) in &dissected {
        assert!(!frames.is_empty(), "{name} sent no {class}:\n{}", daemon.log());
    }
    dissected.into()
}

/// tshark's view of a capture. Panics on a malformed packet, a warning or a checksum that is not good.
pub(crate) fn dissect(pcap: &Path) -> Vec<Fields> {
    let out = Command::new(tool("tshark"))
        .args(["-n", "-T", "pdml", "-o", "ip.check_checksum:TRUE"])
        // An address that moves is what all this is for.
        .args(["-o", "arp.detect_duplicate_ips:FALSE", "-r"])
        .arg(pcap)
        .output()
        .expect("tshark runs");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "tshark: {}", String::from_utf8_lossy(&out.stderr));
    assert!(
        !text.contains("_ws.malformed"),
        "tshark calls a packet of {} malformed:\n{text}",
        pcap.display()
    );
    let frames: Vec<Fields> = text.split("<packet>").skip(1).map(fields).collect();
    for frame in &frames {
        for (name, show, _) in frame {
            assert!(!name.ends_with("checksum.status") || show == "1", "{name} is not good:\n{frame:#?}");
        }
        let expert = frame.iter().find(|(name, ..)| name == "_ws.expert.severity");
        // 2 097 152 is a chat, 4 194 304 a note; a warning or an error is more.
        let severity = expert.map_or(0, |(_, show, _)| show.parse().unwrap_or(u32::MAX));
        assert!(severity <= 4_194_304, "tshark complains:\n{frame:#?}");
        let has = |field: &str| frame.iter().any(|(name, ..)| name == field);
        for (proto, sign) in [("ip", "ip.src"), ("vrrp", "vrrp.prio"), ("icmpv6", "icmpv6.type")] {
            let checked = has(&format!("{proto}.checksum.status"));
            assert!(!has(sign) || checked, "tshark did not check the checksum of {proto}:\n{frame:#?}");
        }
        assert!(["arp.opcode", "vrrp.prio", "icmpv6.type"].into_iter().any(has), "what is this?\n{frame:#?}");
    }
    frames
}

/// The fields of one packet in PDML, times and the kernel's flow label left out.
fn fields(packet: &str) -> Fields {
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or_default().to_owned()
    };
    let all = packet.split("<field").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    let all = all.map(|tag| (attribute(tag, "name"), attribute(tag, "show"), attribute(tag, "value")));
    all.filter(|(name, ..)| {
        let of_the_capture = ["frame.", "num", "len", "caplen", "timestamp"];
        !of_the_capture.iter().any(|start| name.starts_with(start)) && name != "ipv6.flow"
    })
    .collect()
}
