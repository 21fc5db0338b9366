//! `authentication`, `auth_hmac` and `bfd_instance`: what is read, what is said, what is dumped, and that no
//! key is ever shown.

use super::{instance, loaded, machine, said};
use std::collections::BTreeMap;
use std::path::PathBuf;
use vrrpd::config::block::{Auth, AuthHmac, Freshness, HmacMode};
use vrrpd::config::dump::{Runtime, dump, dump_bfd};
use vrrpd::config::environment::KeyFile;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Loaded, load};
use vrrpd::types::{Family, IfName, Secret, State};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const HEX: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn hmac_block(lines: &str) -> String {
    instance(&format!("auth_hmac {{\n{lines}\n}}"))
}

fn hmac_of(loaded: &Loaded) -> &AuthHmac {
    match &loaded.config.instances[0].auth {
        Auth::Hmac(hmac) => hmac,
        other => panic!("no trailer but {other:?}: {:?}", said(loaded)),
    }
}

/// What is said, without what only says that a keyword does not run yet.
fn complaints(loaded: &Loaded) -> Vec<String> {
    said(loaded).into_iter().filter(|said| !said.ends_with("not-yet-supported")).collect()
}

#[test]
fn keys_are_their_own_bytes_or_hexadecimal_digits() {
    let loaded = loaded(hmac_block(&format!("key 1 \"{KEY}\"\nkey 7 {HEX}\nactive_key 7")));
    assert_eq!(complaints(&loaded), [""; 0]);
    let hmac = hmac_of(&loaded);
    let bytes: Vec<u8> = (0..32).collect();
    assert_eq!((hmac.active.id, hmac.active.secret.expose()), (7, bytes.as_slice()));
    assert_eq!(hmac.keys[0].secret.expose(), KEY.as_bytes());
    assert_eq!((hmac.freshness, hmac.mode, hmac.signs()), (Freshness::Time(5), HmacMode::Enforce, true));
}

// In these blocks line 8 is the first inner one. Words and outcome, oracle: keepalived 2.4.3's, from the
// reference tables (no 2.4 runs here).
#[test]
fn what_is_wrong_with_a_key_costs_that_key() {
    let good = format!("key 1 {KEY}\nactive_key 1\n");
    let check = |line: &str, id: &str, classic: &str| {
        let loaded = loaded(hmac_block(&format!("{good}{line}")));
        assert_eq!(complaints(&loaded), [format!("10:{id}")], "{line}");
        let problem = loaded.diagnostics.iter().find(|d| d.id == id).unwrap();
        let classics = problem.classic_lines(&loaded.sources);
        assert!(classics.iter().any(|said| said.ends_with(classic)), "{classics:?}");
        assert_eq!((hmac_of(&loaded).keys.len(), loaded.test_exit_code()), (1, 5));
    };
    check("key 2", "missing-value", "(V) auth_hmac key needs an id and a value");
    check(
        &format!("key 0 {KEY}"),
        "number-out-of-range",
        "(V) auth_hmac key id '0' must be between 1 and 255",
    );
    check(&format!("key x {KEY}"), "bad-number", "(V) auth_hmac key id 'x' must be between 1 and 255");
    check("key 2 short", "bad-key", "(V) auth_hmac key 2 length 5 not in range [32, 64]");
    check("key 2 hex:0g", "bad-key", "(V) auth_hmac key 2 length 0 not in range [32, 64]");
    check(&format!("key 1 {HEX}"), "duplicate-key", "(V) duplicate auth_hmac key id 1");
    check("active_key 0", "number-out-of-range", "(V) auth_hmac active_key '0' must be between 1 and 255");
    check(
        "time_window 301",
        "number-out-of-range",
        "(V) auth_hmac time_window '301' must be between 1 and 300 seconds",
    );
    check("anti_replay never", "bad-value", "(V) auth_hmac anti_replay 'never' must be time or monotonic");
    check("mode off", "bad-value", "(V) auth_hmac mode 'off' must be enforce, permissive or receive-only");
}

#[test]
fn the_extension_needs_a_key_that_signs_and_takes_the_place_of_passwords() {
    let none = loaded(hmac_block(&format!("key 1 {KEY}")));
    assert_eq!(
        (complaints(&none), &none.config.instances[0].auth),
        (vec!["7:no-active-key".into()], &Auth::None)
    );
    let other = loaded(hmac_block(&format!("key 1 {KEY}\nactive_key 2")));
    assert_eq!(complaints(&other), ["9:no-active-key"]);
    let both = instance(&format!(
        "authentication {{\nauth_type PASS\nauth_pass x\n}}\nauth_hmac {{\nkey 1 {KEY}\nactive_key 1\n}}"
    ));
    let both = loaded(both);
    assert_eq!(complaints(&both), ["8:auth-twice"]);
    assert_eq!(hmac_of(&both).active.id, 1);
}

#[test]
fn the_window_follows_the_interval_and_repeated_blocks_accumulate() {
    let window = |lines: &str| {
        let loaded = loaded(instance(&format!("{lines}\nauth_hmac {{\nkey 1 {KEY}\nactive_key 1\n}}")));
        hmac_of(&loaded).freshness
    };
    assert_eq!(window("advert_int 3"), Freshness::Time(9));
    assert_eq!(window("advert_int 200"), Freshness::Time(300));
    assert_eq!(window("version 3\nadvert_int 2.99"), Freshness::Time(6));
    assert_eq!(window("auth_hmac {\ntime_window 60\n}"), Freshness::Time(60));
    assert_eq!(window("auth_hmac {\nanti_replay monotonic\n}"), Freshness::Monotonic);
}

fn with_key_file(text: &str, file: Option<KeyFile>) -> Loaded {
    let mut machine = machine();
    machine.key_files = Some(file.into_iter().map(|file| (PathBuf::from("/k"), file)).collect());
    load("k.conf".as_ref(), &MemoryFiles::single("k.conf", text), &machine)
}

#[test]
fn a_key_comes_from_a_file_that_nobody_else_may_touch() {
    let text = hmac_block("key 1 file:/k\nactive_key 1");
    let file = |text: &str, exposed| KeyFile { text: Some(Secret::new(text.into())), exposed };
    let good = with_key_file(&text, Some(file(&format!("{HEX}\r\n\n"), false)));
    assert_eq!(complaints(&good), [""; 0]);
    assert_eq!(hmac_of(&good).active.secret.expose()[31], 31);

    let open = with_key_file(&text, Some(file(KEY, true)));
    assert_eq!((complaints(&open), open.test_exit_code()), (vec!["8:exposed-key-file".to_owned()], 6));
    assert_eq!(hmac_of(&open).active.secret.expose(), KEY.as_bytes());

    for missing in [None, Some(KeyFile { text: None, exposed: false })] {
        let loaded = with_key_file(&text, missing);
        assert_eq!(complaints(&loaded), ["8:bad-key-file", "9:no-active-key"]);
        assert_eq!((&loaded.config.instances[0].auth, loaded.is_fatal()), (&Auth::None, false));
    }
}

#[test]
fn no_key_is_shown_in_any_form() {
    let secret = "hunter2hunter2hunter2hunter2hunter2hunter2";
    for lines in [
        format!("key 1 {secret}\nactive_key 1"),
        format!("key {secret}"),
        format!("key x \"{secret}\""),
        format!("key 1 {secret}{secret}"),
        format!("kee 1 {secret}\nkey 1 {secret}\nkey 1 {secret}"),
    ] {
        let loaded = loaded(hmac_block(&lines));
        for problem in &loaded.diagnostics {
            // `kee` is no keyword that takes a key: what stands behind an unknown word is shown.
            if problem.message.contains("kee") {
                continue;
            }
            let text =
                problem.render(&loaded.sources, false) + &problem.classic_lines(&loaded.sources).join("\n");
            assert!(!text.contains("hunter2"), "{text}");
        }
        assert!(!format!("{:?}", loaded.config).contains("hunter2"));
        assert!(!dump(&loaded.config, &Runtime::default()).contains("hunter2"));
    }
}

/// oracle: keepalived 2.2.7 under `-t`.
#[test]
fn ah_is_for_version_2_over_ipv4_with_a_password() {
    let block = "authentication {\nauth_type AH\nauth_pass s3cr3t\n}";
    let ah = loaded(instance(block));
    assert_eq!(ah.config.instances[0].auth, Auth::Ah(Secret::new(b"s3cr3t\0\0".to_vec())));
    let master = loaded(instance(&format!("state MASTER\npriority 100\n{block}")));
    assert_eq!(complaints(&master), ["7:auth-ah-as-master"]);
    assert_eq!(master.config.instances[0].wanted_state, State::Backup);
    assert_eq!(complaints(&loaded(instance(&format!("state MASTER\n{block}")))), [""; 0]);
    assert_eq!(complaints(&loaded(instance(&format!("version 3\n{block}")))), ["9:auth-in-version-3"]);
    let empty = loaded(instance("authentication {\nauth_type AH\nauth_pass \"\"\n}"));
    assert_eq!(
        (complaints(&empty), &empty.config.instances[0].auth),
        (vec!["8:auth-without-password".into()], &Auth::None)
    );
    let ipv6 =
        instance(block).replace("10.0.0.1/24", "fe80::1").replacen(" interface", "version 2\n interface", 1);
    assert_eq!(complaints(&loaded(ipv6)), ["2:version-conflict", "9:auth-ah-over-ipv6"]);
}

/// The room of an advert is less by a header or a trailer: oracle, keepalived's own count at MTU 576 (125 for AH).
#[test]
fn authentication_takes_room_from_addresses() {
    let many: String = (1..=255).map(|n| format!("10.0.1.{n}\n")).collect();
    let vips = |block: &str| {
        let text = instance(block).replace("10.0.0.1/24", &many);
        let mut machine = machine();
        for link in machine.links.iter_mut().flatten() {
            link.1.mtu = Some(576);
        }
        let loaded = load("k.conf".as_ref(), &MemoryFiles::single("k.conf", text), &machine);
        loaded.config.instances[0].vips.len()
    };
    let hmac = |mode: &str| format!("version 3\nauth_hmac {{\nkey 1 {KEY}\nactive_key 1\nmode {mode}\n}}");
    assert_eq!(vips("authentication {\nauth_type AH\nauth_pass x\n}"), 125);
    assert_eq!((vips(""), vips("version 3")), (131, 133));
    assert_eq!((vips(&hmac("enforce")), vips(&hmac("receive-only"))), (126, 133));
}

/// oracle: `keepalived -d` of 2.2.7 on bfd.conf, in a namespace with eth0 10.99.0.1/24 and eth1.
#[test]
fn sessions_are_dumped_word_for_word() {
    let loaded = loaded(include_str!("bfd.conf"));
    assert_eq!(complaints(&loaded), [""; 0]);
    let eth0 = IfName::new("eth0").unwrap();
    let sources = [((eth0, Family::V4), "10.99.0.1".parse().unwrap())].into();
    let ours = dump(&loaded.config, &Runtime { sources, ..Runtime::default() });
    let ours = ours.split_once("------< VRRP Topology").map_or("", |(_, rest)| rest);
    let ours = format!("------< VRRP Topology{ours}{}", dump_bfd(&loaded.config, &BTreeMap::new()));
    assert_eq!(ours, include_str!("bfd.txt"));
}

/// oracle: the dump of 2.4.3, from the reference.
#[test]
fn the_trailer_is_dumped_without_its_keys() {
    let shown = |lines: &str| {
        let loaded = loaded(hmac_block(&format!("key 1 {KEY}\nactive_key 1\n{lines}")));
        let text = dump(&loaded.config, &Runtime::default());
        let lines: Vec<&str> =
            text.lines().skip_while(|line| !line.contains("Authentication")).take(5).collect();
        lines.join("\n")
    };
    assert_eq!(
        shown("mode permissive"),
        "   Authentication type = none\n   Authentication extension = HMAC-SHA256-128\n     Keys = 1, active key id = 1\n     Mode = permissive\n     Anti replay = time, window = 5 sec"
    );
    assert!(
        shown("anti_replay monotonic\nmode receive-only")
            .ends_with("     Mode = receive-only\n     Anti replay = monotonic")
    );
}

#[test]
fn a_session_that_cannot_run_still_has_its_name() {
    let text = "bfd_instance a {\nneighbor_ip x\nmin_rx 0\nweight 5\n}\nbfd_instance b {\nneighbor_ip 10.0.0.2\n}\nbfd_instance c {\nneighbor_ip 10.0.0.2\n}\n";
    let loaded = loaded(text.to_owned() + &instance(""));
    assert_eq!(complaints(&loaded), ["2:bad-address", "9:bfd-without-session"]);
    let sessions = &loaded.config.bfd_instances;
    let shape: Vec<_> =
        sessions.iter().map(|s| (s.name.as_str(), s.session.is_some(), s.weight.value)).collect();
    assert_eq!(shape, [("a", false, 5), ("b", true, 0), ("c", false, 0)]);
    let twice = "bfd_instance a {\nneighbor_ip 10.0.0.2\n}\nbfd_instance a {\nneighbor_ip 10.0.0.3\nfoo\n}\n";
    let twice = super::loaded(twice.to_owned() + &instance(""));
    assert_eq!((complaints(&twice), twice.config.bfd_instances.len()), (vec!["4:duplicate-name".into()], 1));
    let long = format!("bfd_instance {} {{\nneighbor_ip 10.0.0.2\n}}\n", "n".repeat(32));
    let long = super::loaded(long + &instance(""));
    assert_eq!((complaints(&long), long.config.bfd_instances.len()), (vec!["1:name-too-long".into()], 0));
    let nameless = super::loaded(format!("bfd_instance {{\nneighbor_ip 10.0.0.2\n}}\n{}", instance("")));
    assert_eq!((complaints(&nameless), nameless.test_exit_code()), (vec!["1:missing-argument".into()], 2));
}
