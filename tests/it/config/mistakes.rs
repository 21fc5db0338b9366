//! Deliberate mistakes: each is explained, none costs more than keepalived lets it cost.

use super::{instance, loaded, said};
use std::time::Duration;
use vrrpd::config::block::Preempt;

/// Asserts what is said of a file, the exit code of `-t` and whether a daemon starts with it.
#[track_caller]
fn check(text: &str, expected: &[&str], exit: u8, fatal: bool) {
    let loaded = loaded(text);
    let rendered: Vec<String> = loaded.diagnostics.iter().map(|d| d.render(&loaded.sources, false)).collect();
    assert_eq!(said(&loaded), expected, "{}", rendered.join("\n\n"));
    assert_eq!((loaded.test_exit_code(), loaded.is_fatal()), (exit, fatal), "{}", rendered.join("\n\n"));
}

#[track_caller]
fn check_rendering(text: &str, expected: &str) {
    let loaded = loaded(text);
    let rendered: Vec<String> = loaded.diagnostics.iter().map(|d| d.render(&loaded.sources, false)).collect();
    assert_eq!(rendered.join("\n"), expected);
}

#[test]
fn a_file_in_order_is_silent() {
    check(&instance(""), &[], 0, false);
}

// In this file `instance` puts its extra lines on line 7. Exit codes and flagged lines, oracle:
// keepalived 2.2.7 under `-t`.
#[test]
fn the_mistakes_that_people_make() {
    let auth = |lines: &str| instance(&format!("authentication {{\n{lines}\n}}"));
    check(&auth("auth_typePASS\nauth_pass x"), &["8:unknown-keyword", "9:auth-without-type"], 5, false);
    check(&auth("auth_type PASS\nauth_pass 123456789"), &["9:auth-pass-too-long"], 5, false);
    check(&auth("auth_type pass\nauth_pass 1"), &["8:bad-auth-type", "9:auth-without-type"], 5, false);
    check(
        &instance("authentication { auth_type PASS auth_pass 1234 }"),
        &["7:auth-without-password"],
        5,
        false,
    );
    check(&instance("lvs_sync_daemon_inteface eth0"), &["7:unknown-keyword"], 5, false);
    check(&instance("mcast_src_ip 192.168.17.101##peer"), &["7:comment-in-word"], 0, false);
    check(&instance("track_script{\n chk\n}"), &["8:unknown-script"], 5, false);
    check(&instance("priority 300"), &["7:number-out-of-range"], 5, false);
    check(&instance("virtual_router_id 0"), &["7:number-out-of-range"], 5, false);
    check(&instance("virtual_router_id 256"), &["7:number-out-of-range"], 5, false);
    check(&instance("advert_int 1.3"), &["7:advert-int-rounded"], 5, false);
    check(&instance("version 3\nadvert_int 41"), &["8:advert-int-clamped"], 5, false);
    check(&instance("state MASTER\nnopreempt"), &["8:nopreempt-ignored"], 5, false);
    check(&instance("nopreempt\npreempt_delay 3"), &["8:preempt-delay-ignored"], 5, false);
    check(&instance("unicast_ttl 5"), &["7:unicast-without-peers"], 5, false);
    check(&instance("unicast_src_ip 10.0.0.9/24"), &["7:unicast-without-peers"], 5, false);
    check(&instance("mcast_src_ip fe80::1"), &["7:family-mismatch"], 5, false);
    check(&instance("virtual_ipaddress {\nfe80::1\n}"), &["8:family-mismatch"], 5, false);
    check(&instance("virtual_ipaddress {\n10.0.0.2 10.0.0.3\n}"), &["8:address-option"], 5, false);
    check(&instance("virtual_ipaddress {\n10.0.0.2/\n}"), &["8:empty-prefix"], 0, false);
    check(&instance("track_interface {\neth0\n}"), &["8:own-interface-tracked"], 5, false);
    check(&instance("garp_master_delay 10x"), &["7:bad-number"], 5, false);
}

/// Exit codes, oracle: keepalived 2.2.7 under `-t`.
#[test]
fn what_keepalived_passes_over_in_silence_is_noted_and_costs_nothing() {
    check(&instance("nopreempt no"), &["7:flag-turned-on"], 0, false);
    check(&instance("dont_track_primary off"), &["7:flag-turned-on"], 0, false);
    check(&instance("nopreempt 1\ndont_track_primary on"), &[], 0, false);
    check(
        "global_defs {\nenable_script_security 0\nvrrp_check_unicast_src False\n}\n",
        &["2:flag-turned-on", "3:flag-turned-on"],
        0,
        false,
    );
    check(&instance("virtual_ipaddress {\n10.0.0.1/32\n}"), &["8:duplicate-address"], 0, false);
    check(&instance("virtual_ipaddress {\n10.0.0.1 dev eth1\n}"), &["8:duplicate-address"], 0, false);
    check(
        &instance("virtual_ipaddress_excluded {\n10.0.0.1 dev eth1\n10.0.0.2\n10.0.0.2\n}"),
        &["10:duplicate-address"],
        0,
        false,
    );
    check("global_defs {\nvrrp_skip_check_adv_addr off\n}\n", &["2:version-dependent"], 0, false);
    check("global_defs {\nvrrp_strict no\n}\n", &["2:version-dependent"], 0, false);
    check("global_defs {\nvrrp_strict\nvrrp_skip_check_adv_addr yes\n}\n", &[], 0, false);
}

#[test]
fn a_flag_with_an_opposite_is_told_it() {
    let help = |line: &str| loaded(instance(line)).diagnostics[0].help.clone().unwrap_or_default();
    assert_eq!(help("preempt no"), "write `nopreempt`");
    assert_eq!(help("accept off"), "write `no_accept`");
    assert_eq!(help("nopreempt no"), "leave the line out");
}

/// oracle: keepalived 2.2.7: it exits 2 with the line below, and with `dynamic_interfaces` it runs.
#[test]
fn an_alias_is_no_interface() {
    let alias = instance("").replace("interface eth0", "interface eth0:0");
    check(&alias, &["2:no-such-interface", "2:missing-interfaces"], 5, true);
    let file = loaded(&alias);
    let said = file.diagnostics[0].classic_lines(&file.sources);
    assert_eq!(said, ["(k.conf: Line 2) WARNING - interface eth0:0 for vrrp_instance V doesn't exist"]);
    assert_eq!(file.diagnostics[0].suggestion.as_ref().map(|edit| edit.replacement.as_str()), Some("eth0"));
    let waits = format!("global_defs {{\ndynamic_interfaces\n}}\n{alias}");
    check(&waits, &["5:no-such-interface"], 0, false);
    assert_eq!(loaded(&waits).config.instances.len(), 1);
}

#[test]
fn what_keepalived_does_not_start_with_is_fatal_and_nothing_else_is() {
    let bare = "vrrp_instance V {\n virtual_ipaddress {\n 10.0.0.1\n }\n";
    check(&format!("{bare} interface eth0\n}}"), &["1:missing-vrid"], 5, true);
    check(&format!("{bare} virtual_router_id 1\n}}"), &["1:missing-interface"], 5, true);
    check(
        &format!("{bare} virtual_router_id 1\n interface lo\n}}"),
        &["1:missing-interface", "6:loopback-interface"],
        5,
        true,
    );
    check(
        &format!("{bare} virtual_router_id 1\n interface eth9\n}}"),
        &["6:no-such-interface", "6:missing-interfaces"],
        5,
        true,
    );
    check(&instance("priority"), &["7:missing-argument"], 2, true);
    check(&instance("track_interface {\neth9\n}"), &["8:no-such-interface", "8:missing-interfaces"], 5, true);
    let twice = instance("") + &instance("").replace("V {", "W {");
    check(&twice, &["9:duplicate-vrid"], 5, true);
    let other_family = instance("") + &instance("").replace("V {", "W {").replace("10.0.0.1/24", "fe80::1");
    check(&other_family, &[], 0, false);
}

/// oracle: keepalived 2.4.3 under `-t`, but for what it crashes on; 2.2.7 runs none of these.
#[test]
fn unicast_without_an_interface_needs_a_source_and_its_addresses_a_link() {
    let unicast = |source: &str, peer: &str, vips: &str, lines: &str| {
        format!(
            "vrrp_instance V {{\n virtual_router_id 51\n {source}\n unicast_peer {{\n  {peer}\n }}\n \
             virtual_ipaddress {{\n  {vips}\n }}\n {lines}\n}}\n"
        )
    };
    let (source, peer, vip) = ("unicast_src_ip 10.0.0.1", "10.0.0.2", "10.9.9.9/24 dev eth0");
    let with = |lines: &str| unicast(source, peer, vip, lines);
    check(&with(""), &[], 0, false);
    check(&with("vrf eth1"), &[], 0, false);
    check(&with("vrf eth9"), &["10:no-such-interface", "10:missing-interfaces"], 5, true);
    check(&with("use_vmac"), &["10:virtual-link-without-base"], 5, false);
    check(&with("promote_secondaries"), &["10:no-effect"], 0, false);
    check(&with("dont_track_primary"), &["10:no-effect"], 0, false);
    check(&unicast("", peer, vip, ""), &["1:missing-interface"], 5, true);
    check(&unicast(source, "", vip, ""), &["1:missing-interface", "3:unicast-without-peers"], 5, true);
    let local = unicast("unicast_src_ip fe80::1", "fe80::2", "fd00::9/64 dev eth0", "");
    check(&local, &["1:missing-interface"], 5, true);
    check(&unicast(source, peer, "10.9.9.9/24", ""), &["1:no-vip", "8:vip-without-interface"], 5, false);
    let excluded = "virtual_ipaddress_excluded {\n10.9.9.8\n}";
    check(&with(excluded), &["11:vip-without-interface"], 5, false);
    let lines = [
        "(V): no interface for evip 10.9.9.8 - removing",
        "(V): Unicast instances must have unicast_src_ip or interface",
        "(V) Non link-local address required if interface omitted",
    ];
    for (text, line) in [with(excluded), unicast("", peer, vip, ""), local].iter().zip(lines) {
        let loaded = loaded(text);
        let said: Vec<_> = loaded.diagnostics.iter().flat_map(|d| d.classic_lines(&loaded.sources)).collect();
        assert_eq!(said, [line]);
    }
}

/// oracle: keepalived 2.2.7 and 2.4.3 (check_vrid_conflicts).
#[test]
fn two_unicast_instances_of_one_vrid_differ_by_source_peers_or_interface() {
    let instance = |name: &str, link: &str, own: &str, peer: &str| {
        format!(
            "vrrp_instance {name} {{\n{link}\nvirtual_router_id 51\nunicast_src_ip {own}\nunicast_peer {{\n\
             {peer}\n}}\nvirtual_ipaddress {{\n10.9.9.9 dev eth0\n}}\n}}\n"
        )
    };
    let first = instance("V", "interface eth0", "10.0.0.1", "10.0.0.2\n10.0.0.3");
    let beside = |link, own, peer| first.clone() + &instance("W", link, own, peer);
    check(&beside("interface eth0", "10.0.0.1", "10.0.0.4"), &[], 0, false);
    check(&beside("interface eth0", "10.0.0.9", "10.0.0.2"), &[], 0, false);
    check(&beside("interface eth1", "10.0.0.1", "10.0.0.2"), &[], 0, false);
    check(&beside("", "10.0.0.1", "10.0.0.4"), &[], 0, false);
    for link in ["interface eth0", ""] {
        check(&beside(link, "10.0.0.1", "10.0.0.3"), &["13:duplicate-vrid"], 5, true);
    }
}

#[test]
fn broken_structure_costs_what_it_costs_in_keepalived() {
    check(
        "foo {\n bar 1\n}\n",
        &["1:unknown-keyword", "1:unexpected-brace", "2:unknown-keyword", "3:extra-close-brace"],
        5,
        false,
    );
    check(&format!("{}}}\n", instance("")), &["9:extra-close-brace"], 5, false);
    let unclosed = instance("").trim_end().trim_end_matches('}').to_owned();
    check(&unclosed, &["1:missing-close-brace"], 5, false);
    check(&instance("virtual_ipaddress foo {\n10.0.0.2\n}"), &["7:block-arguments"], 5, false);
    check(&(instance("") + &instance("")), &["9:duplicate-name"], 5, false);
    check(&instance("").replace("V {", "V junk {"), &["1:block-name"], 5, false);
    check("router_id \"a\nglobal_defs {\n}\n", &["1:unknown-keyword", "1:unterminated-quote"], 5, false);
}

#[test]
fn a_process_that_nothing_can_be_is_named() {
    let said_of = |lines: &str| {
        let block = format!("vrrp_track_process p {{\n{lines}\n}}\n");
        let file = loaded(block + &instance("track_process {\np\n}"));
        (said(&file).join(" "), file.test_exit_code())
    };
    for lines in ["process /usr/sbin/nginx", "process a234567890123456"] {
        assert_eq!(said_of(lines), ("2:process-never-found".to_owned(), 0), "{lines}");
        assert_eq!(said_of(&format!("{lines}\nfull_command")), (String::new(), 0), "{lines}");
    }
    assert_eq!(said_of("process a23456789012345"), (String::new(), 0));
}

#[test]
fn a_misspelt_keyword_of_another_block_is_found_there() {
    let loaded = loaded("global_defs {\n lvs_sync_daemon_inteface eth0\n}\n");
    let text = loaded.diagnostics[0].render(&loaded.sources, false);
    assert!(
        text.contains("did you mean `lvs_sync_daemon_interface`? that belongs in `vrrp_instance`"),
        "{text}"
    );
}

#[test]
fn an_instance_inside_an_unclosed_one_is_told_where_the_brace_is_missing() {
    let unclosed = instance("").trim_end().trim_end_matches('}').to_owned();
    let loaded = loaded(unclosed + &instance("").replace("V {", "W {").replace("51", "52"));
    let first = loaded.diagnostics.iter().find(|d| d.id == "unknown-keyword").unwrap();
    let text = first.render(&loaded.sources, false);
    assert!(text.contains("this belongs at the top level: a `}` is missing above"), "{text}");
    assert!(loaded.diagnostics.iter().any(|d| d.id == "missing-close-brace" && d.span.unwrap().start == 0));
}

#[test]
fn what_the_next_versions_bring_is_named_and_skipped_as_a_whole() {
    let later = "virtual_server 10.0.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.0.0.2 80 {\n weight 1\n TCP_CHECK {\n }\n }\n}\n\
                 track_group G {\n group {\n V\n }\n}\nglobal_defs {\n lvs_sync_daemon eth0 V\n}\n";
    let file = loaded(later.to_owned() + &instance("use_vmac"));
    assert_eq!(file.config.lvs.virtual_servers.len(), 1);
    assert_eq!(file.config.instances.len(), 1);
    // How many of them there are changes with each that runs; nothing else is said, but a note on the firewall.
    let others =
        file.diagnostics.iter().filter(|d| d.id != "not-yet-supported" && d.id != "firewall").count();
    assert_eq!(others, 0, "{:?}", said(&file));
    assert!(file.diagnostics.iter().any(|d| d.id == "not-yet-supported"));
    assert_eq!((file.test_exit_code(), file.is_fatal()), (0, false));
}

/// oracle: the messages of keepalived 2.4.3, read in its source: Debian's 2.2.7 does not know these keywords.
#[test]
fn keywords_that_came_after_2_2_7_are_judged_as_2_4_judges_them() {
    let classic = |lines: &str| {
        let file = loaded(instance(lines));
        let said = file.diagnostics.iter().filter(|d| d.id != "not-yet-supported");
        said.flat_map(|d| d.classic_lines(&file.sources)).collect::<Vec<_>>()
    };
    let quiet = [
        "no_virtual_ipaddress",
        "v3_checksum_as_v2",
        "v3_checksum_as_v2 off",
        "nopreempt\ntimer_expired_backup",
        "nopreempt\ntimer_expired_backup 200",
        "priority 255\nowner_ignore_adverts",
        "owner_ignore_adverts off",
    ];
    for lines in quiet {
        assert_eq!(classic(lines), [""; 0], "{lines}");
    }
    let firewall = "use_vmac or no_accept/strict specified, but no firewall configured - using nftables";
    for lines in
        ["use_vmac name vx group 7", "use_vmac netlink_notify_msg 02:00:00:00:00:01 vx group default"]
    {
        assert_eq!(classic(lines), [firewall], "{lines}");
    }
    let told = [
        ("use_vmac group x", "(k.conf: Line 7) VMAC group x not found"),
        ("use_ipvlan 10.0.0.9 group x", "(k.conf: Line 7) ipvlan group x not found"),
        ("v3_checksum_as_v2 2", "(k.conf: Line 7) (V) invalid v3_checksum_as_v2 2 specified"),
        ("timer_expired_backup", "(V) expired_timer_backup requires nopreempt - resetting"),
        (
            "nopreempt\ntimer_expired_backup 255",
            "(k.conf: Line 8) (V) timer_expired_backup highest_other_priority not valid! must be between 1 & 254",
        ),
        (
            "nopreempt\nthread_timer_expired 9",
            "(k.conf: Line 8) (V) thread_timer_expired - please replace with keyword 'timer_expired_backup'",
        ),
        ("owner_ignore_adverts", "(V) ignoring owner_ignore_adverts since priority is not 255"),
        (
            "priority 255\nowner_ignore_adverts no",
            "(V) strict_mode with priority 255 requires owner_ignore_adverts",
        ),
        ("owner_ignore_adverts x", "(k.conf: Line 7) (V) invalid owner_ignore_adverts x specified"),
        (
            "strict_mode\nno_virtual_ipaddress",
            "(V) no_virtual_ipaddress and strict mode incompatible, clearing no_virtual_ipaddress",
        ),
    ];
    for (lines, line) in told {
        assert!(classic(lines).iter().any(|said| said == line), "{lines}: {:?}", classic(lines));
    }
    let hmac = format!("auth_hmac {{\nkey 7 {}\nactive_key 7\nmode permissive\n}}\n", "k".repeat(32));
    assert_eq!(classic(&hmac), [""; 0]);
    let enforced = "(V) strict mode requires auth_hmac mode enforce";
    assert!(classic(&format!("strict_mode\n{hmac}")).iter().any(|said| said == enforced));
    let bare = instance("version 3\nno_virtual_ipaddress").replace("10.0.0.1/24", "");
    assert_eq!(loaded(bare).run_exit_code(), None);
    let stops = loaded(instance("use_vmac name"));
    assert_eq!(stops.test_exit_code(), 2);
}

/// oracle: by hand, after the example in the design.
#[test]
fn a_rendering_says_where_what_and_what_keepalived_does() {
    check_rendering(
        &instance("authentication {\n    auth_typePASS\n}"),
        "\
error[unknown-keyword]: `auth_typePASS` is not a keyword of `authentication`
 --> k.conf:8:5
  |
8 |     auth_typePASS
  |     ^^^^^^^^^^^^^ a blank is missing: `auth_type PASS`
  |
  = keepalived: ignores this line",
    );
    check_rendering(
        &instance("prioirty 120"),
        "\
error[unknown-keyword]: `prioirty` is not a keyword of `vrrp_instance`
 --> k.conf:7:2
  |
7 |  prioirty 120
  |  ^^^^^^^^ did you mean `priority 120`?
  |
  = keepalived: ignores this line",
    );
    check_rendering(
        &instance("auth_type PASS"),
        "\
error[unknown-keyword]: `auth_type` is not a keyword of `vrrp_instance`
 --> k.conf:7:2
  |
7 |  auth_type PASS
  |  ^^^^^^^^^ this belongs in `authentication`
  |
  = keepalived: ignores this line",
    );
}

#[test]
fn no_password_is_shown_however_the_line_is_spelt() {
    let secret = "hunter2";
    for line in [
        "auth_pass hunter2hunter2",
        "auth_passwd hunter2",
        "auth_pas hunter2",
        "auth_passhunter2",
        "authpass hunter2",
        "auth_pass \"hunter2",
        "auth_pass a{hunter2",
        "auth_type hash\nauth_pass hunter2 # hunter2",
    ] {
        let loaded = loaded(instance(&format!("authentication {{\n{line}\n}}")));
        for d in &loaded.diagnostics {
            let shown = d.render(&loaded.sources, true) + &d.classic_lines(&loaded.sources).join("\n");
            assert!(!shown.contains(secret), "{line}: {shown}");
        }
        assert!(!format!("{:?}", loaded.config).contains(secret), "{line}");
    }
}

#[test]
fn there_is_no_configuration_where_there_is_no_file() {
    use vrrpd::config::source::{MemoryFiles, ReadError};
    let load = |files: MemoryFiles| vrrpd::config::load("k.conf".as_ref(), &files, &super::machine());
    for files in [
        MemoryFiles::default(),
        MemoryFiles::default().with_error("k.conf", ReadError::Directory),
        MemoryFiles::default().with_error("k.conf", ReadError::NotPlain),
        MemoryFiles::default().with_error("k.conf", ReadError::Other("permission denied".into())),
    ] {
        let loaded = load(files);
        assert_eq!((loaded.run_exit_code(), loaded.test_exit_code()), (Some(6), 4));
    }
    let missing = load(MemoryFiles::single("k.conf", "include nothing.conf\n"));
    assert_eq!((missing.run_exit_code(), missing.test_exit_code()), (None, 0));
    let strict = load(MemoryFiles::single("k.conf", "includem nothing.conf\n"));
    assert_eq!(strict.test_exit_code(), 6);
    assert_eq!(load(MemoryFiles::single("k.conf", "# nothing\n")).diagnostics, []);
}

/// oracle: RFC 9568 §6.1, RFC 3768 §6.1.
#[test]
fn defaults_are_those_of_the_rfc() {
    for version in [2, 3] {
        let file = loaded(instance(&format!("version {version}")));
        let router = &file.config.instances[0];
        assert_eq!((router.priority.get(), router.advert_int.micros()), (100, 1_000_000));
        assert_eq!((router.preempt, router.down_timer_adverts), (Preempt::After(Duration::ZERO), 3));
    }
}
