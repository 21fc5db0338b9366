//! The bodies of the fuzz targets with made-up input, for a few seconds: `VRRPD_SEED` chooses another
//! sequence, `VRRPD_FUZZ_SECONDS` gives it longer.

#[path = "../../fuzz/bodies/config_round_trip.rs"]
mod config_round_trip;
#[path = "../../fuzz/bodies/config_text.rs"]
mod config_text;
#[path = "../../fuzz/bodies/files.rs"]
mod files;
#[path = "../../fuzz/bodies/reload_pair.rs"]
mod reload_pair;
#[path = "../../fuzz/bodies/wire_auth.rs"]
mod wire_auth;
#[path = "../../fuzz/bodies/wire_vrrp.rs"]
mod wire_vrrp;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn choose<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().expect("a number"))
}

/// Runs `one` until the time is up; a panic names the input that made it.
fn run(mut one: impl FnMut(&mut Random) -> Vec<u8>, body: Body) {
    let end = Instant::now() + Duration::from_secs(number("VRRPD_FUZZ_SECONDS", 2));
    let mut random = Random(number("VRRPD_SEED", 20_268));
    let mut runs = 0;
    while Instant::now() < end || runs < 100 {
        let input = one(&mut random);
        let shown = input.clone();
        if let Err(panic) = std::panic::catch_unwind(move || body(&input)) {
            eprintln!("input: {}", shown.escape_ascii());
            std::panic::resume_unwind(panic);
        }
        runs += 1;
    }
}

type Body = fn(&[u8]);

/// The committed corpora: what fuzzing has found to lead to different places.
#[test]
fn the_corpora_hold() {
    let targets: [(&str, Body); 5] = [
        ("config_round_trip", config_round_trip::run),
        ("config_text", config_text::run),
        ("reload_pair", reload_pair::run),
        ("wire_auth", wire_auth::run),
        ("wire_vrrp", wire_vrrp::run),
    ];
    for (target, body) in targets {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let files: Vec<_> =
            fs::read_dir(&dir).expect("a corpus").map(|f| f.expect("a file").path()).collect();
        assert!(files.len() >= 20, "{} files in {}", files.len(), dir.display());
        for file in files {
            let input = fs::read(&file).expect("a file");
            if let Err(panic) = std::panic::catch_unwind(move || body(&input)) {
                eprintln!("input: {}", file.display());
                std::panic::resume_unwind(panic);
            }
        }
    }
}

const PIECES: &[&str] = &[
    "$A=",
    "$B=",
    "$A",
    "${A}",
    "${B}",
    "$B",
    "${_RANDOM 1 9}",
    "${_HASH}",
    "${_PWD}",
    "${_ENV HOME}",
    "${A ",
    "~SEQ(A,",
    "~SEQx(B,1,",
    "3)",
    "-2,1)",
    "~LST(A,",
    "~LST({A,B},{1,2},",
    "{3}) ",
    ")",
    "@a ",
    "@^a ",
    "@b ",
    "include 1",
    "includea {1,2}",
    "includem /[12]",
    "include_check ",
    "-match",
    " \\\n",
    "\\",
    "\n",
    "\n",
    "\n",
    "\n%%\n",
    "{",
    "}",
    " {\n",
    "\n}\n",
    "\"",
    "#",
    "!",
    "\\#",
    " ",
    "\t",
    "\r\n",
    "\0",
    "é",
    "\u{10ff80}",
    ",",
    "(",
    "global_defs",
    "vrrp_instance ",
    "vrrp_script ",
    "script ",
    "virtual_ipaddress ",
    "authentication ",
    "auth_type PASS",
    "auth_pass ",
    "virtual_router_id ",
    "interface eth0",
    "priority ",
    "state MASTER",
    "10.0.0.1/24",
    "fe80::1",
    "track_script ",
    "unicast_peer ",
    "7",
    "-1",
    "256",
    "1.5",
    "x",
    "virtual_server ",
    "notify_master ",
    "dev eth0",
    "999999999999999999999",
];

fn pieces(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..random.below(60) {
        text.extend_from_slice(random.choose(PIECES).as_bytes());
    }
    for _ in 0..random.below(3) {
        let at = random.below(text.len() + 1);
        text.insert(at, random.below(256) as u8);
    }
    text
}

#[test]
fn any_text_is_a_configuration() {
    run(pieces, config_text::run);
}

#[test]
fn a_configuration_written_out_is_the_same() {
    run(pieces, config_round_trip::run);
}

/// Lines of an instance and of the file around it.
const INSTANCE: &[&str] = &[
    "priority 150",
    "priority 255",
    "priority 1",
    "state MASTER",
    "nopreempt",
    "preempt_delay 3",
    "advert_int 2",
    "version 3\nadvert_int 0.1",
    "garp_master_refresh 5",
    "virtual_ipaddress_excluded {\nfe80::7/64\n10.0.9.9/24\n}",
    "virtual_ipaddress {\n10.0.0.9/24\n10.0.0.8/24\n}",
    "virtual_ipaddress {\n10.0.0.1/24 dev eth1\n}",
    "track_script {\nc weight -20\n}",
    "track_script {\nc\n}",
    "track_interface {\neth1 weight 30\n}",
    "down_timer_adverts 5",
    "unicast_peer {\n10.0.0.77\n}",
    "unicast_src_ip 10.0.0.5",
    "dont_track_primary",
    "authentication {\nauth_type PASS\nauth_pass x\n}",
];

/// A file that runs: up to three instances, of names and routers that may be those of another such file.
fn file(random: &mut Random) -> String {
    let mut text = String::from("vrrp_script c {\nscript \"/bin/true\"\n}\n");
    let mut vrid = 50;
    for _ in 0..random.below(4) {
        vrid += 1 + random.below(2);
        let name = random.choose(&["A", "B", "C", "D"]);
        text += &format!("vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n");
        text += "virtual_ipaddress {\n10.0.0.1/24\n}\n";
        for _ in 0..random.below(5) {
            text += random.choose(INSTANCE);
            text.push('\n');
        }
        text += "}\n";
    }
    for name in ["G", "H"].iter().take(random.below(3)) {
        let members: Vec<&str> = (0..random.below(4)).map(|_| random.choose(&["A", "B", "C", "D"])).collect();
        text += &format!("vrrp_sync_group {name} {{\ngroup {{\n{}\n}}\n", members.join("\n"));
        text += random.choose(&["", "sync_group_tracking_weight\n", "track_script {\nc\n}\n"]);
        text += "}\n";
    }
    text
}

#[test]
fn any_two_files_are_a_reload() {
    run(|random| format!("{}\n%%\n{}", file(random), file(random)).into_bytes(), reload_pair::run);
}

/// A VRRPv2 advert with a password, a VRRPv3 one, and an IPv4 packet around it.
const PACKETS: &[&[u8]] = &[
    &[0x21, 51, 150, 1, 1, 1, 0x9a, 0x10, 192, 0, 2, 7, b's', b'e', b'c', b'r', b'e', b't', 0, 0],
    &[0x31, 51, 150, 2, 0, 70, 0x12, 0x34, 192, 0, 2, 7, 192, 0, 2, 8],
    &[
        0x45, 0xc0, 0, 32, 0, 1, 0, 0, 255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18, 0x31, 51, 150, 1, 0, 100,
        0, 0, 192, 0, 2, 7,
    ],
    // Behind an authentication header, and with a trailer.
    &[
        0x45, 0xc0, 0, 64, 0, 1, 0, 0, 255, 51, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18, 112, 4, 0, 0, 192, 0, 2,
        1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x21, 51, 150, 1, 2, 1, 0, 0, 192, 0, 2, 7, 0,
        0, 0, 0, 0, 0, 0, 0,
    ],
    &[
        0x31, 51, 150, 1, 0, 100, 0, 0, 192, 0, 2, 7, 1, 7, 0, 0, 107, 0, 251, 55, 109, 243, 0, 0, 1, 2, 3,
        4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ],
];

/// Some packet, with a few bytes changed, a few less or a few more.
fn packet(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.choose(PACKETS).to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        bytes[at] = random.below(256) as u8;
    }
    bytes.truncate(bytes.len() - random.below(3) * random.below(bytes.len() / 2));
    bytes.extend((0..random.below(2) * random.below(40)).map(|n| n as u8));
    bytes
}

#[test]
fn any_bytes_are_a_packet() {
    run(packet, wire_vrrp::run);
}

#[test]
fn any_bytes_may_claim_to_be_authentic() {
    run(packet, wire_auth::run);
}
