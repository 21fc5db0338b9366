//! What a file in order resolves to.

use super::{instance, loaded, machine, machine_with};
use std::net::IpAddr;
use std::time::Duration;
use vrrpd::config::block::{Auth, Delivery, Preempt, UnicastChecksum, UnicastPeer};
use vrrpd::config::environment::Described;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Loaded, load};
use vrrpd::types::{Family, Priority, State, Version};

fn only(loaded: &Loaded) -> &vrrpd::config::block::VrrpInstance {
    assert_eq!(loaded.config.instances.len(), 1, "{:?}", super::said(loaded));
    &loaded.config.instances[0]
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_instance_has_keepalived_s_defaults() {
    let file = loaded(instance(""));
    let v = only(&file);
    assert_eq!(
        (v.wanted_state, v.priority, v.version, v.family),
        (State::Backup, Priority::DEFAULT, Version::V2, Family::V4)
    );
    assert_eq!(v.advert_int.duration(), Duration::from_secs(1));
    assert_eq!(v.delivery, Delivery::Multicast { group: ip("224.0.0.18") });
    assert_eq!((v.preempt, v.down_timer_adverts), (Preempt::After(Duration::ZERO), 3));
    assert_eq!((v.garp.master_repeat, v.garp.lower_prio_repeat), (5, 5));
    assert_eq!(v.garp.lower_prio_delay, Duration::from_secs(5));
    assert_eq!(v.auth, Auth::None);
}

#[test]
fn state_and_priority_stand_in_for_each_other() {
    let of = |lines: &str| {
        let file = loaded(instance(lines));
        (only(&file).wanted_state, only(&file).priority.get())
    };
    assert_eq!(of("state MASTER"), (State::Master, 255));
    assert_eq!(of("priority 255"), (State::Master, 255));
    assert_eq!(of("state MASTER\npriority 150"), (State::Master, 150));
    assert_eq!(of("state BACKUP\npriority 255"), (State::Backup, 255));
}

#[test]
fn globals_apply_wherever_they_stand_in_the_file() {
    let globals = "global_defs {\n vrrp_garp_master_delay 9\n vrrp_version 3\n vrrp_mcast_group4 224.0.0.19\n smtp_alert\n}\n";
    for text in [instance("") + globals, globals.to_owned() + &instance("")] {
        let file = loaded(text);
        let v = only(&file);
        assert_eq!((v.garp.master_delay.as_secs(), v.garp.lower_prio_delay.as_secs()), (9, 9));
        assert_eq!((v.version, v.smtp_alert), (Version::V3, true));
        assert_eq!(v.delivery, Delivery::Multicast { group: ip("224.0.0.19") });
    }
}

#[test]
fn the_first_address_decides_the_family_and_ipv6_means_version_3() {
    let file = loaded(instance("").replace("10.0.0.1/24", "fe80::1/64\n 2001:db8::1"));
    let v = only(&file);
    assert_eq!((v.family, v.version), (Family::V6, Version::V3));
    assert_eq!(v.delivery, Delivery::Multicast { group: ip("ff02::12") });
    assert_eq!((v.vips[0].preferred_lft, v.vips[1].preferred_lft), (None, Some(0)));
}

#[test]
fn a_password_is_eight_bytes_on_the_wire_and_those_of_the_file() {
    let text = b"vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n\
                 authentication {\nauth_type PASS\nauth_pass p\xe9\"x y\"\n}\n}\n";
    let file = loaded(text);
    assert!(matches!(&only(&file).auth, Auth::Pass(secret) if secret.expose() == b"p\xe9\0\0\0\0\0\0"));
}

#[test]
fn an_address_line_takes_every_option() {
    let lines = "10.0.0.2/24 brd + label eth0:1 scope link\n10.0.0.3/24 brd - dev eth1 -nodad no_track\n10.0.0.4 peer 10.0.0.5";
    let file = loaded(instance(&format!("virtual_ipaddress_excluded {{\n{lines}\n}}")));
    let shown: Vec<String> = only(&file).excluded_vips.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "10.0.0.2/24 brd 10.0.0.255 dev eth0 scope link label eth0:1",
            "10.0.0.3/24 brd 10.0.0.0 dev eth1 scope global -nodad no_track",
            "10.0.0.4 dev eth0 scope global peer 10.0.0.5/32",
        ]
    );
    assert_eq!(file.diagnostics, []);
}

/// oracle: keepalived 2.2.7, the limits that it names for these MTUs.
#[test]
fn addresses_that_an_advert_has_no_room_for_are_excluded() {
    for (mtu, lines, most) in [(1500, "", 255), (576, "", 131), (576, "version 3", 133)] {
        let vips: String = (0..300).map(|n| format!("10.1.{}.{}\n", n / 256, n % 256)).collect();
        let text = instance(lines).replace("10.0.0.1/24", &vips);
        let mut machine: Described = machine_with(&["eth0"]);
        machine.links.as_mut().unwrap().get_mut("eth0").unwrap().mtu = Some(mtu);
        let file = load("k.conf".as_ref(), &MemoryFiles::single("k.conf", text), &machine);
        let v = only(&file);
        assert_eq!((v.vips.len(), v.excluded_vips.len()), (most, 300 - most));
        let (first, last) = (v.excluded_vips[0].net.address, v.vips[most - 1].net.address);
        assert!(last < first, "the order of the file is kept");
        assert_eq!(super::said(&file).len(), 1);
    }
}

#[test]
fn scripts_have_their_own_weight_where_an_instance_gives_one() {
    let scripts = "vrrp_script a {\n script \"/x/a 'b c'\"\n weight -20\n user nobody nogroup\n}\nvrrp_script b {\n script /x/b\n interval 3\n timeout 0.5\n}\n";
    let file = loaded(scripts.to_owned() + &instance("track_script {\n a\n b weight 7 reverse\n}"));
    let weights: Vec<String> =
        only(&file).track.iter().map(|t| format!("{} {}", t.tracked.name(), t.weight)).collect();
    assert_eq!(weights, ["a -20", "b 7 reverse"]);
    let [a, b] = &file.config.scripts[..] else { panic!("two scripts") };
    assert_eq!(
        (a.command.argv.join("|").as_str(), a.command.uid, a.command.gid),
        ("/x/a|b c", Some(65534), Some(65534))
    );
    assert_eq!(
        (b.interval, b.timeout, b.command.uid),
        (Duration::from_secs(3), Some(Duration::from_millis(500)), Some(0))
    );
    assert_eq!(a.timeout, None);
}

#[test]
fn unicast_needs_peers_and_keeps_their_order() {
    let lines =
        "unicast_src_ip 10.0.0.9\nunicast_ttl 7\ncheck_unicast_src\nunicast_peer {\n 10.0.0.3\n 10.0.0.2\n}";
    let file = loaded(instance(lines));
    let peers = ["10.0.0.3", "10.0.0.2"].map(|peer| UnicastPeer::new(ip(peer))).to_vec();
    let (checksum, group) = (UnicastChecksum::Automatic, ip("224.0.0.18"));
    let expected = Delivery::Unicast { peers, ttl: Some(7), check_source: true, checksum, group };
    assert_eq!(only(&file).delivery, expected);
    assert_eq!(only(&file).source, Some(ip("10.0.0.9")));
}

#[test]
fn a_block_may_start_in_one_file_and_end_in_another() {
    let files = MemoryFiles::single("k.conf", "vrrp_instance V {\ninclude rest.inc")
        .with("rest.inc", "interface eth0\nvirtual_router_id 51\nvirtual_ipaddress { 10.0.0.1 }\n}\n");
    let file = load("k.conf".as_ref(), &files, &machine());
    assert_eq!(only(&file).vrid.get(), 51);
    assert_eq!(file.diagnostics, []);
}

/// oracle: the dump of a running keepalived 2.2.7; `/x`, of which it makes /0, is ours.
#[test]
fn the_digits_of_a_prefix_count_whatever_is_behind_them() {
    let file = loaded(instance(
        "virtual_ipaddress {\n10.0.0.2/24,\n10.0.0.3/16;\n10.0.0.4/x\n10.0.0.5/255.255.255.0\n10.0.0.6/0x\n}",
    ));
    let prefixes: Vec<u8> = only(&file).vips.iter().map(|vip| vip.net.prefix).collect();
    assert_eq!(prefixes, [24, 24, 16, 32, 32, 32]);
    assert_eq!(file.test_exit_code(), 5);
    let helps: Vec<_> = file.diagnostics.iter().filter_map(|d| d.help.as_deref()).collect();
    assert_eq!(helps, ["did you mean `24`?", "did you mean `16`?", "write `/24`"]);
    let neither = loaded(instance("virtual_ipaddress {\nADDRESS/PREFIX\n}"));
    assert_eq!(super::said(&neither), ["8:bad-number", "8:bad-address"], "as keepalived says it");
    let edit = file.diagnostics[0].edit(&file.sources).expect("an edit");
    assert_eq!((file.sources.text(edit.span), edit.replacement.as_str()), ("24,", "24"));
}

/// oracle: the dump of a running keepalived 2.2.7.
#[test]
fn an_ipv6_address_with_a_peer_is_a_single_host_and_deprecated() {
    let text = instance("").replace("10.0.0.1/24", "fe80::1\nfd00::10/64 peer fd00::11\nfd00::12/64");
    let file = loaded(text);
    let lifetimes: Vec<_> = only(&file).vips.iter().map(|vip| vip.preferred_lft).collect();
    assert_eq!(lifetimes, [Some(0), Some(0), None]);
}

/// oracle: the dump of keepalived 2.2.7.
#[test]
fn all_counts_wherever_it_stands_in_garp_extra_if() {
    let of = |line: &str| loaded(format!("global_defs {{\n{line}\n}}\n")).config.global.vrrp_garp_extra_if;
    for line in ["vrrp_garp_extra_if 60 all", "vrrp_garp_extra_if all 60", "vrrp_garp_extra_if 30 all 60"] {
        assert_eq!((of(line).interval.as_secs(), of(line).all), (60, true), "{line}");
    }
    let bad = of("vrrp_garp_extra_if 60 x all");
    assert_eq!((bad.interval.as_secs(), bad.all), (0, false));
}

/// oracle: keepalived 2.2.7, whose entries hold for interfaces that come later.
#[test]
fn delays_wait_for_an_interface_that_may_come() {
    let blocks = "interface_up_down_delays {\nbond7 1.5 2\n}\nlinkbeat_interfaces {\nbond7 MII\n}\n";
    let now = loaded(blocks);
    assert_eq!((now.config.up_down_delays.len(), now.config.linkbeat.len()), (0, 0));
    let later = loaded(format!("global_defs {{\ndynamic_interfaces\n}}\n{blocks}"));
    assert_eq!((later.config.up_down_delays.len(), later.config.linkbeat.len()), (1, 1));
    assert_eq!(super::said(&later), [""; 0]);
}

/// oracle: keepalived 2.2.7.
#[test]
fn adverts_do_not_leave_the_link_over_ipv6() {
    let of = |group: &str| {
        let text = instance(&format!("mcast_dst_ip {group}")).replace("10.0.0.1/24", "fe80::1");
        let file = loaded(text);
        let said = file.diagnostics.iter().flat_map(|d| d.classic_lines(&file.sources)).collect::<Vec<_>>();
        (only(&file).delivery.clone(), said)
    };
    let group = |text: &str| Delivery::Multicast { group: ip(text) };
    assert_eq!(of("ff02::99"), (group("ff02::99"), vec![]));
    for word in ["ff05::12", "fe80::12"] {
        let line = format!("(k.conf: Line 7) (V) mcast_dst_ip {word} not link-local multicast. Skipping...");
        assert_eq!(of(word), (group("ff02::12"), vec![line]));
    }
}

/// oracle: keepalived 2.2.7; numbers as C reads them, and names of iproute2's files.
#[test]
fn a_scope_has_a_number_or_a_name() {
    let scopes = |scope: &str| {
        let file = loaded(instance(&format!("virtual_ipaddress {{\n10.0.0.2/24 scope {scope}\n}}")));
        (only(&file).vips[1].scope, file.test_exit_code())
    };
    assert_eq!(scopes("0xfd"), (253, 0));
    assert_eq!(scopes("nowhere"), (255, 0));
    assert_eq!(scopes("host"), (254, 0));
    assert_eq!(scopes("256"), (0, 5));
    assert_eq!(scopes("universe"), (0, 5));
}
