//! Our reader of configurations against Debian's keepalived under `-t`: the same lines flagged in the
//! same words, the same exit code.

mod globals;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use vrrpd::config::environment::{Account, Described, LinkFacts};
use vrrpd::config::environment::{NameDirectories, NameFile};
use vrrpd::config::{Class, load};
use vrrpd::daemon::files::DiskFiles;
use vrrpd::daemon::names::NameFiles;

/// A line of a verdict: 0 and the text for what names no line.
type Said = BTreeSet<(usize, String)>;

/// The part of `(FILE: Line N) text` or `(Line N) text` that can be compared.
fn parse(line: &str) -> (usize, String) {
    let placed = line.strip_prefix('(').and_then(|rest| {
        let (place, text) = rest.split_once(") ")?;
        let number = place.rsplit("Line ").next()?.parse().ok()?;
        place.contains("Line ").then(|| (number, text.to_owned()))
    });
    placed.unwrap_or_else(|| (0, line.to_owned()))
}

/// keepalived in a network namespace with lo, eth0 and eth1.
fn theirs(file: &Path) -> (i32, Said) {
    let script = "ip link set lo up && ip link add eth0 type veth peer name eth1 && \
                  ip link set eth0 up && ip link set eth1 up && exec keepalived -t -l -f \"$0\"";
    let output = Command::new("unshare").args(["-n", "sh", "-c", script]).arg(file).output();
    let output = output.expect("unshare, ip and keepalived are needed");
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() != Some(127), "keepalived and iproute2 are needed: {text}");
    let lines = text.lines().filter(|line| !line.is_empty()).map(parse).collect();
    (output.status.code().unwrap_or(-1), lines)
}

/// Our verdict: all that we would say in keepalived's words, and what of it is an error to keepalived.
fn ours(file: &Path) -> (i32, Said, Said) {
    let link = |loopback| LinkFacts { mtu: Some(1500), loopback, ..LinkFacts::default() };
    let links = [("lo", true), ("eth0", false), ("eth1", false)];
    let machine = Described {
        links: Some(links.map(|(name, loopback)| (name.to_owned(), link(loopback))).into()),
        users: Some(BTreeMap::from([("root".to_owned(), Account { uid: 0, gid: 0 })])),
        groups: Some(BTreeMap::from([("root".to_owned(), 0)])),
        cpus: std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()),
        numbers: numbers(),
        ..Described::default()
    };
    let loaded = load(file, &DiskFiles, &machine);
    let (mut all, mut errors) = (Said::new(), Said::new());
    for diagnostic in &loaded.diagnostics {
        for line in diagnostic.classic_lines(&loaded.sources).iter().map(|line| parse(line)) {
            if diagnostic.class != Class::Harmless {
                errors.insert(line.clone());
            }
            all.insert(line);
        }
    }
    (loaded.test_exit_code().into(), all, errors)
}

/// What this machine's files call by these names.
fn numbers() -> BTreeMap<(NameFile, String), u32> {
    let (files, directories) = (NameFiles::default(), NameDirectories::default());
    let names = [
        (NameFile::Dsfield, "AF11"),
        (NameFile::Realms, "cosmos"),
        (NameFile::Groups, "default"),
        (NameFile::IpProtocols, "tcp"),
    ];
    let number = |(file, name): (NameFile, &str)| {
        files.number(file, &directories, name).map(|number| ((file, name.to_owned()), number))
    };
    names.into_iter().filter_map(number).collect()
}

fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n10.0.0.1/24\n}}\n{lines}\n}}\n"
    )
}

/// A sync group of V and W with these lines in it, and these in V and in W.
fn group(lines: &str, first: &str, second: &str) -> String {
    let second = instance(second).replace("vrrp_instance V", "vrrp_instance W").replace(" 51", " 52");
    let group = format!("vrrp_sync_group G {{\ngroup {{\nV\nW\n}}\n{lines}\n}}\n");
    group + &instance(first) + &second
}

/// Files about sync groups.
fn groups() -> Vec<String> {
    let in_group = [
        "",
        "notify_master /usr/bin/true\nnotify_master /usr/bin/false",
        "notify \"/usr/bin/true a\" root root\nnotify /usr/bin/false",
        "notify_fault /usr/bin/true nobodyx",
        "notify_stop",
        "smtp_alert x",
        "smtp_alert",
        "notify_priority_changes x",
        "notify_priority_changes",
        "sync_group_tracking_weight foo",
        "global_tracking",
        "foo",
        "track_interface {\nlo weight 5\nlo\neth9 weight 5\n}",
        "track_interface {\neth1 weight 300\nlo foo\n}",
        "track_script {\nc\n}",
    ];
    let in_members = [
        ("", "state MASTER\npriority 255", "state BACKUP"),
        ("", "state BACKUP", "state MASTER\npriority 255"),
        ("", "state MASTER", "state BACKUP"),
        ("", "state MASTER\npriority 255", "priority 255"),
        ("", "priority 255", ""),
        ("", "track_interface {\neth1 weight 5\n}", ""),
        ("", "track_interface {\neth1 weight 5 reverse\n}", "track_interface {\neth0 weight 5\n}"),
        ("", "priority 255\ntrack_interface {\neth1 weight 5\n}", "priority 255"),
        ("track_interface {\neth0\neth1 weight 5\n}", "track_interface {\neth1 weight 3\n}", "priority 255"),
        ("track_interface {\neth0 weight 5\n}", "", "dont_track_primary"),
        ("global_tracking", "track_interface {\neth1 weight 5\n}", ""),
        ("sync_group_tracking_weight", "priority 255\ntrack_interface {\neth1 weight 5\n}", ""),
    ];
    let secure = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    let mut files: Vec<String> =
        in_group.iter().map(|lines| secure.to_owned() + &group(lines, "", "")).collect();
    files.extend(in_members.iter().map(|(lines, first, second)| group(lines, first, second)));
    let script = "vrrp_script c {\nscript \"/usr/bin/true a\"\nweight 5\n}\n";
    let tracking = "track_script {\nc\n}";
    for (lines, first) in [
        ("", tracking),
        ("", "priority 255\ntrack_script {\nc\n}"),
        ("", "track_script {\nc weight 0\n}"),
        ("sync_group_tracking_weight", tracking),
        (tracking, ""),
        (tracking, tracking),
        (tracking, "priority 255"),
        ("track_script {\nc weight 3\nc\n}", "track_script {\nc weight 0\n}"),
    ] {
        files.push(format!("{secure}{script}{}", group(lines, first, "")));
    }
    files.extend(
        [
            "vrrp_sync_group {\ngroup {\nV\n}\n}\n",
            "vrrp_sync_group G H {\ngroup {\nV\n}\n}\n",
            "vrrp_sync_group G {\n}\n",
            "vrrp_sync_group G {\ngroup {\n}\n}\n",
            "vrrp_sync_group G {\ngroup {\n}\ngroup {\nV\n}\n}\n",
            "vrrp_sync_group G {\ngroup {\nV\nV\n}\n}\n",
            "vrrp_sync_group G {\ngroup {\nW\n}\n}\n",
            "vrrp_sync_group G {\ngroup {\nV W X\n}\n}\n",
            "vrrp_sync_group G {\ngroup {\nV\n}\n}\nvrrp_sync_group H {\ngroup {\nV\n}\n}\n",
            "vrrp_sync_group G {\ngroup {\nV\n}\n}\nvrrp_sync_group G {\ngroup {\nV\n}\n}\n",
            "vrrp_sync_group G { group { V } }\n",
            "vrrp_sync_group G {\ngroup V {\nV\n}\n}\n",
        ]
        .map(|text| text.to_owned() + &instance("")),
    );
    files
}

/// Two unicast instances of one VRID: the interface, the source and the peer of the second; 10.0.0.1 to 10.0.0.2 by
/// eth0 is the first.
fn twins() -> Vec<String> {
    let unicast = |name: &str, link: &str, own: &str, peer: &str| {
        let lines = format!("unicast_src_ip {own}\nunicast_peer {{\n{peer}\n}}");
        let text = instance(&lines).replace("vrrp_instance V", &format!("vrrp_instance {name}"));
        text.replace("interface eth0", &format!("interface {link}"))
            .replace("10.0.0.1/24", "10.9.9.9 dev eth0")
    };
    let seconds = [
        ("eth0", "10.0.0.1", "10.0.0.2"),
        ("eth0", "10.0.0.1", "10.0.0.3\n10.0.0.2"),
        ("eth0", "10.0.0.1", "10.0.0.3"),
        ("eth0", "10.0.0.9", "10.0.0.2"),
        ("eth1", "10.0.0.1", "10.0.0.2"),
    ];
    let first = unicast("V", "eth0", "10.0.0.1", "10.0.0.2");
    seconds.iter().map(|(link, own, peer)| first.clone() + &unicast("W", link, own, peer)).collect()
}

/// Files that use keywords of this version only. Each is small, so that a difference points at its cause.
fn files() -> Vec<String> {
    let keyword = [
        "",
        "priority 300",
        "priority 0",
        "priority 1x",
        "virtual_router_id 0",
        "virtual_router_id 256",
        "advert_int 0.5",
        "advert_int 1.6",
        "advert_int 0",
        "advert_int 256",
        "version 3\nadvert_int 41",
        "version 3\nadvert_int 0.014",
        "version 4",
        "version 3\nversion 2",
        "state master",
        "state MASTER\nstate BACKUP",
        "state MASTER\nnopreempt",
        "state MASTER\npreempt_delay 5",
        "nopreempt\npreempt_delay 5",
        "priority 255\nnopreempt",
        "preempt_delay 1001",
        "preempt_delay x",
        "debug 5",
        "smtp_alert maybe",
        "down_timer_adverts 0",
        "down_timer_adverts 101",
        "lower_prio_no_advert x",
        "higher_prio_send_advert x",
        "garp_master_delay 5000",
        "garp_master_delay 10x",
        "garp_master_repeat 0",
        "garp_lower_prio_repeat x",
        "garp_master_refresh x",
        "garp_master_refresh_repeat 0",
        "garp_lower_prio_delay -1",
        "mcast_src_ip 1.2.3.400",
        "mcast_src_ip fe80::1",
        "mcast_src_ip 10.0.0.9/24",
        "mcast_dst_ip 10.0.0.1",
        "mcast_dst_ip ff02::5",
        "mcast_dst_ip x",
        "unicast_ttl 300",
        "unicast_ttl 5",
        "unicast_src_ip 10.0.0.2",
        "check_unicast_src",
        "unicast_peer {\n}",
        "unicast_peer {\nx\nfe80::2\n10.0.0.3 10.0.0.4\n}",
        "unicast_peer {\n10.0.0.2\n}\nmcast_dst_ip 224.0.0.19",
        "interface lo",
        "interface eth9",
        "interface abcdefghijklmnop",
        "lvs_sync_daemon_inteface eth0",
        "authentication {\nauth_typePASS\n}",
        "authentication {\nauth_type pass\nauth_pass 1\n}",
        "authentication {\nauth_type PASS\n}",
        "authentication {\nauth_type PASS\nauth_pass 123456789\n}",
        "authentication { auth_type PASS auth_pass 1234 }",
        "version 3\nauthentication {\nauth_type PASS\nauth_pass 1\n}",
        "authentication {\nauth_type AH\nauth_pass x\n}",
        "authentication {\nauth_type AH\n}",
        "authentication {\nauth_type AH\nauth_pass \"\"\n}",
        "state MASTER\nauthentication {\nauth_type AH\nauth_pass x\n}",
        "state MASTER\npriority 100\nauthentication {\nauth_type AH\nauth_pass x\n}",
        "state MASTER\npriority 100\nnopreempt\nauthentication {\nauth_type AH\nauth_pass x\n}",
        "version 3\nauthentication {\nauth_type AH\nauth_pass x\n}",
        "track_script{\nchk\n}",
        "track_interface {\neth0\n}",
        "track_interface {\neth1 weight 254\neth1\n}",
        "track_interface {\neth1 weight 300\n}",
        "track_interface {\neth1 foo\n}",
        "track_interface {\neth1 weight\n}",
        "track_interface {\neth1 weight 5 foo\n}",
        "priority 255\ntrack_interface {\neth1 weight 5\n}",
        "foo {\nbar 1\npriority 7 }\npriority 120",
        "priority",
        "notify",
        "virtual_ipaddress foo {\n10.0.0.2\n}",
        "virtual_ipaddress\n10.0.0.2\n}",
        "authentication\nauth_type PASS\n}",
        "priority 100 \"foo",
        "router_id \"a\"b",
        "} }",
        "virtual_ipaddress {\n10.0.0.2\n",
        "mcast_src_ip 10.0.0.9##x",
    ];
    let running = [
        "use_vmac",
        "use_vmac vx",
        "use_vmac vx 02:00:00:00:01",
        "use_vmac 02:00:00:00:01:02",
        "use_vmac 02:00:00:00:01:",
        "use_vmac 02:00:00:00",
        "use_vmac 01:00:00:00:01:02",
        "use_vmac 00:00:5e:00:01:33",
        "use_vmac 02:00:00:00:xx:02",
        "use_vmac 02:0:0:0:1:2 02:0:0:0:1:3",
        "use_vmac abcdefghijklmnopq",
        "use_vmac a/b",
        "use_vmac vx vy",
        "use_vmac eth1",
        "use_vmac\nuse_vmac vx",
        "use_vmac\npromote_secondaries",
        "use_vmac\nvmac_xmit_base",
        "use_vmac\nunicast_peer {\n10.0.0.2\n}",
        "use_vmac\nvmac_xmit_base\nunicast_peer {\n10.0.0.2\n}",
        "interface eth9\nuse_vmac\nunicast_peer {\n10.0.0.2\n}",
        "use_vmac\nstrict_mode",
        "use_vmac 02:00:00:00:01:02\nstrict_mode\nvmac_xmit_base",
        "use_vmac\nvirtual_ipaddress {\n10.0.0.2 use_vmac\n10.0.0.3 dev eth1 use_vmac\n}",
        "use_vmac_addr\nvirtual_ipaddress {\n10.0.0.2 use_vmac\n10.0.0.3 dev eth1 use_vmac\n}",
        "use_vmac_addr",
        "vmac_xmit_base",
        "use_ipvlan",
        "use_ipvlan 10.0.0.9/24 bridge",
        "use_ipvlan 10.0.0.9 private vepa",
        "use_ipvlan 10.0.0.9 10.0.0.8",
        "use_ipvlan fe80::9",
        "use_ipvlan ix iy 10.0.0.9",
        "use_ipvlan abcdefghijklmnopq 10.0.0.9",
        "use_ipvlan eth1 10.0.0.9",
        "use_ipvlan 10.0.0.9\nuse_ipvlan",
        "use_ipvlan 10.0.0.9\nvmac_xmit_base",
        "use_ipvlan 10.0.0.9\npromote_secondaries",
        "garp_extra_if 5",
        "garp_extra_if all 5",
        "garp_extra_if",
        "garp_extra_if x",
        "garp_extra_if 5x",
        "garp_extra_if 90000",
        "vmac_garp_intvl 5",
        "vmac_garp_intvl all",
        "unicast_fault_no_peer",
        "unicast_fault_no_peer\nunicast_peer {\n10.0.0.2\n}",
        "old_unicast_checksum",
        "old_unicast_checksum never",
        "old_unicast_checksum always",
        "vrf eth1",
        "track_src_ip",
        "track_src_ip\nmcast_src_ip 10.0.0.7",
        "promote_secondaries",
        "linkbeat_use_polling",
        "accept",
        "no_accept",
        "no_accept\naccept",
        "strict_mode",
        "strict_mode off",
        "strict_mode maybe",
        "strict_mode\nstate MASTER",
        "strict_mode\nstate MASTER\npriority 150",
        "strict_mode\nstate BACKUP\npriority 255",
        "strict_mode\npriority 255",
        "strict_mode\nauthentication {\nauth_type PASS\nauth_pass 1\n}",
        "strict_mode\npreempt_delay 5",
        "strict_mode\ndown_timer_adverts 4",
        "strict_mode\ngarp_lower_prio_repeat 2\ngarp_lower_prio_delay 7",
        "strict_mode\ngarp_lower_prio_repeat 0",
        "strict_mode\nlower_prio_no_advert off\nhigher_prio_send_advert",
        "strict_mode\nlower_prio_no_advert\nhigher_prio_send_advert off",
        "strict_mode\naccept",
        "strict_mode\nversion 3\naccept",
        "strict_mode\nunicast_peer {\n10.0.0.2\n}",
        "notify_deleted",
        "notify_deleted\nnotify_deleted x",
        "notify_deleted /usr/bin/true nobodyx",
        "notify_master_rx_lower_pri",
        "notify_priority_changes",
        "notify_priority_changes maybe",
        "lvs_sync_daemon_interface eth0",
        "lvs_sync_daemon_interface eth0\nlvs_sync_daemon_interface eth1",
        "lvs_sync_daemon_interface",
        "kernel_rx_buf_size 5000",
        "kernel_rx_buf_size",
        "kernel_rx_buf_size 5 6",
        "kernel_rx_buf_size x",
        "kernel_rx_buf_size 5x",
        "unicast_peer {\n10.0.0.2 min_ttl 200 max_ttl 254\n}",
        "unicast_peer {\n10.0.0.2 min_ttl 255 max_ttl 2\n10.0.0.3 min_ttl\n10.0.0.4 min_ttl 256\n}",
        "unicast_peer {\n10.0.0.2 ttl 5\n10.0.0.3 min_ttl x max_ttl 5\n10.0.0.4 min_ttl 5 max_ttl\n}",
    ];
    let address = [
        "10.0.0.2 use_vmac",
        "10.0.0.2 track_group x",
        "10.0.0.2 peer 10.2.2.2 peer 10.2.2.3",
        "10.0.0.2 preferred_lft 5x",
        "10.0.0.2 preferred_lft forever",
        "10.0.0.2 preferred_lifetime 5",
        "10.0.0.2 home -nodad mngtmpaddr noprefixroute autojoin no_track",
        "10.0.0.2/33",
        "10.0.0.2/x",
        "10.0.0.999",
        "10.0.0.2 dev eth9",
        "10.0.0.2 label abcdefghijklmnopqrstuv",
        "10.0.0.2 scope foo",
        "10.0.0.2 brd",
        "10.0.0.2 brd +",
        "10.0.0.2/24 brd +",
        "10.0.0.2/24 brd x",
        "10.0.0.2 foo bar",
        "10.0.0.2 10.0.0.3",
        "fe80::2",
        "10.0.0.2 peer fe80::1",
        "10.0.0.2 peer x",
        "10.0.0.2/24 peer 10.2.2.2",
        "10.0.0.2 preferred_lft x",
        "10.0.0.2 dev",
        "10.0.0.2 dev eth0 dev eth0",
        "10.0.0.2/24 brd 10.0.0.9 peer 10.2.2.2",
    ];
    let excluded = ["fe80::2/64 scope link", "fe80::2 label x", "fe80::2/64 brd +", "fe80::2/129"];
    let global = [
        "foo bar",
        "router_id",
        "notification_email {\n}",
        "notification_email_from",
        "smtp_server 127.0.0.1 99999",
        "smtp_connect_timeout 0",
        "smtp_connect_timeout 5000",
        "smtp_alert maybe",
        "smtp_alert_vrrp maybe",
        "vrrp_version 4",
        "vrrp_mcast_group4 10.0.0.1",
        "vrrp_mcast_group4 x",
        "vrrp_mcast_group6 ff05::12",
        "vrrp_mcast_group6 fe80::1",
        "vrrp_garp_master_delay 10x",
        "vrrp_garp_master_delay 5000",
        "vrrp_garp_master_repeat 0",
        "vrrp_garp_interval 0",
        "vrrp_gna_interval x",
        "vrrp_garp_lower_prio_repeat x",
        "vrrp_garp_master_refresh x",
        "vrrp_garp_master_refresh_repeat x",
        "vrrp_garp_lower_prio_delay 5000",
        "vrrp_down_timer_adverts 0",
        "vrrp_lower_prio_no_advert x",
        "vrrp_higher_prio_send_advert x",
        "dynamic_interfaces",
        "dynamic_interfaces foo",
        "dynamic_interfaces allow_if_changes",
        "vrrp_strict\nvrrp_strict on",
        "vrrp_notify_priority_changes x",
        "vrrp_garp_extra_if",
        "vrrp_garp_extra_if all",
        "vrrp_garp_extra_if all 0",
        "vrrp_garp_extra_if 86401",
        "vrrp_garp_extra_if 5x",
        "vrrp_vmac_garp_intvl 5",
        "vrrp_vmac_garp_intvl x",
        "script_user",
        "script_user nobodyx",
        "script_user root",
        "vrrp_version",
        "enable_script_security",
    ];
    let script = [
        "",
        "interval 0",
        "interval x",
        "timeout 0",
        "weight 300",
        "weight 5 foo",
        "weight x",
        "rise 0",
        "fall x",
        "user nobodyx",
        "user",
        "init_fail",
        "foo",
    ];
    let file = [
        "",
        "file",
        "weight 3",
        "file /run/a\nfile /run/b",
        "file /run/a\nweight",
        "file /run/a\nweight 300",
        "file /run/a\nweight -255 reverse",
        "file /run/a\nweight 3x",
        "file /run/a\nweight 3\nweight 4",
        "file /run/a\nweight 1\nweight 4 reverse",
        "file /run/a\nweight 3 foo",
        "file /run/a\nweight 3 noreverse",
        "file /run/a\ninit_file",
        "file /run/a\ninit_file overwrite -3",
        "file /run/a\ninit_file 3x",
        "file /run/a\ninit_file 300 overwrite",
        "file /run/a\ninit_file +3 foo",
        "file /run/a\nfoo",
    ];
    let process = [
        "",
        "process",
        "process a\nprocess b",
        "process a b \"c d\"",
        "process \"\"",
        "process a\nparam_match",
        "process a\nparam_match partial x",
        "process a\nparam_match exact",
        "process a\nweight",
        "process a\nweight 300 reverse",
        "process a\nweight 3x",
        "process a\nweight 3\nweight 4",
        "process a\nweight 0\nweight -254 reverse",
        "process a\nweight 3 foo",
        "process a\nquorum",
        "process a\nquorum 0",
        "process a\nquorum 65536",
        "process a\nquorum 3x",
        "process a\nquorum -1",
        "process a\nquorum_max 0",
        "process a\nquorum_max 65536",
        "process a\nquorum 2\nquorum_max 1",
        "process a\nquorum_max 1\nquorum 2",
        "process a\nquorum_max 0\nquorum 2",
        "process a\ndelay",
        "process a\ndelay 0",
        "process a\ndelay 3601",
        "process a\ndelay 0.00000051",
        "process a\ndelay 3x",
        "process a\ndelay x",
        "process a\nterminate_delay -1",
        "process a\nfork_delay 4000",
        "process a\nfull_command x",
        "process a\nfoo",
    ];
    // keepalived -t goes round for ever over a file that is not defined.
    let entry = [
        "track_file {\nf foo\n}",
        "track_file {\nf weight\n}",
        "track_file {\nf weight 255\nf\n}",
        "track_file {\nf weight -254 reverse foo\nf weight 3x\n}",
        "track_file {\nf weight 3 foo\nf weight 3 noreverse\n}",
        "track_process {\nq\n}",
        "track_process {\np foo\n}",
        "track_process {\np weight\n}",
        "track_process {\np weight 255\np\n}",
        "track_process {\np weight -254 foo\n}",
        "priority 255\ntrack_file {\nf\n}\ntrack_process {\np weight 3\n}",
    ];
    let globals = |lines: &str| format!("global_defs {{\n{lines}\n}}\n") + &instance("");
    let scripts = |lines: &str| {
        let secure = "global_defs {\nenable_script_security\nscript_user root\n}\n";
        let script = format!("vrrp_script c {{\nscript \"/usr/bin/true a\"\n{lines}\n}}\n");
        format!("{secure}{script}{}", instance("track_script {\nc\n}"))
    };
    let mut files: Vec<String> = keyword.iter().chain(&running).map(|lines| instance(lines)).collect();
    files.extend(address.iter().map(|line| instance(&format!("virtual_ipaddress {{\n{line}\n}}"))));
    files.extend(excluded.iter().map(|line| instance(&format!("virtual_ipaddress_excluded {{\n{line}\n}}"))));
    files.extend(global.iter().map(|lines| globals(lines)));
    files.extend(script.iter().map(|lines| scripts(lines)));
    files.extend(file.iter().map(|lines| format!("track_file f {{\n{lines}\n}}\n{}", instance(""))));
    files.extend(
        process.iter().map(|lines| {
            format!("vrrp_track_process p {{\n{lines}\n}}\n{}", instance("track_process {\np\n}"))
        }),
    );
    let trackable = "vrrp_track_file f {\nfile /run/a\n}\nvrrp_track_process p {\nprocess a\n}\n";
    files.extend(entry.iter().map(|lines| trackable.to_owned() + &instance(lines)));
    files.extend(sessions());
    let ah = instance("authentication {\nauth_type AH\nauth_pass x\n}").replace("10.0.0.1/24", "fe80::1");
    files.push(ah.replacen("interface", "version 2\ninterface", 1));
    files.push(ah);
    files.extend(
        [
            "",
            "# nothing\n",
            "foo {\nbar 1\n}\n",
            "}\n",
            "vrrp_instance V {\ninterface eth0\n}\n",
            "vrrp_instance V {\nvirtual_router_id 5\n}\n",
            "vrrp_instance V junk {\ninterface eth0\n}\n",
            "vrrp_script {\n}\n",
            "include nothing\n",
            "include /tmp\n",
            "include /bin/true\n",
            "vrrp_script c {\nrise 2\n}\n",
        ]
        .map(str::to_owned),
    );
    files.extend(globals::files());
    files.push(instance("") + &instance(""));
    files.push(instance("") + &instance("").replace("V {", "W {"));
    files.push(instance("") + &instance("version 3").replace("V {", "W {").replace("10.0.0.1/24", "fe80::1"));
    files.push(instance("version 3").replace("10.0.0.1/24", ""));
    files.push(instance("strict_mode").replace("10.0.0.1/24", ""));
    files.push(instance("use_vmac vx") + &instance("use_vmac vx").replace("V {", "W {").replace("51", "52"));
    files.push(
        instance("use_ipvlan vx 10.0.0.9")
            + &instance("use_vmac vx").replace("V {", "W {").replace("51", "52"),
    );
    for lines in ["strict_mode", "", "version 2\nstrict_mode", "use_vmac\nstrict_mode"] {
        files.push(instance(lines).replace("10.0.0.1/24", "2001:db8::1/64\nfe80::1"));
        files.push(instance(lines).replace("10.0.0.1/24", "fe80::1"));
    }
    files.push(instance("").replace("10.0.0.1/24", ""));
    files.extend(groups());
    files.extend(twins());
    files
}

/// Sessions of BFD, each with a fault of its own.
fn sessions() -> Vec<String> {
    let line = [
        "min_rx 0",
        "min_rx x",
        "min_rx 10x",
        "min_rx 20000",
        "min_rx 5000000",
        "min_rx 10.1234",
        "min_rx -5",
        "min_tx 0",
        "idle_tx 10",
        "multiplier 0",
        "multiplier 300",
        "multiplier 3x",
        "ttl 0",
        "hoplimit 256",
        "max_hops -2",
        "max_hops -1",
        "max_hops 256",
        "max_hops 3x",
        "ttl 5\nmax_hops 6",
        "ttl 64\nmax_hops -1",
        "weight 300",
        "weight 5 foo",
        "weight x",
        "weight",
        "source_ip x",
        "source_ip",
        "source_ip 10.0.0.1/24",
        "neighbor_ip x\nmin_rx 0\nsource_ip x\nttl 0\nweight 500",
        "neighbour_ip y",
        "passive x y",
        "vrrp foo",
        "checker\nvrrp",
        "min_rx",
        "foo",
    ];
    let session = |name: &str, lines: &str| format!("bfd_instance {name} {{\n{lines}\n}}\n");
    let (here, there) =
        ("neighbor_ip 10.0.0.2\nsource_ip 10.0.0.1", "neighbor_ip 10.0.0.2\nsource_ip 10.0.0.3");
    let whole = [
        session("b", "min_rx 10"),
        session("b", "neighbor_ip 10.0.0.2") + &session("b", "neighbor_ip 10.0.0.3\nfoo"),
        session("b", here)
            + &session("c", here)
            + &session("d", there)
            + &session("e", "neighbor_ip 10.0.0.2"),
        session("e", "neighbor_ip 10.0.0.2") + &session("c", here),
        session("abcdefghijklmnopqrstuvwxyz123456", "neighbor_ip 10.0.0.2"),
        session("abcdefghijklmnopqrstuvwxyz12345", "neighbor_ip 10.0.0.2"),
        session("b c", "neighbor_ip 10.0.0.2"),
    ];
    let entry = ["b", "c", "b weight 254", "b weight", "b foo", "b weight 5 foo", "b\nb", "b weight x"];
    let tracked = entry
        .map(|entry| session("b", "neighbor_ip 10.0.0.2") + &instance(&format!("track_bfd {{\n{entry}\n}}")));
    let unheard = session("b", "neighbor_ip 10.0.0.2\nchecker") + &instance("track_bfd {\nb\n}");
    let lines = line.iter().map(|lines| session("b", &format!("neighbor_ip 10.0.0.2\n{lines}")));
    let alone = lines.chain(whole).map(|text| text + &instance(""));
    alone.chain(tracked).chain([unheard]).collect()
}

/// Lines that keepalived repeats or adds, and that say nothing about a file.
fn noise(text: &str) -> bool {
    text.contains("has no configuration to run") || text.starts_with("Non-existent interface specified")
}

#[test]
fn small_files_are_judged_as_keepalived_judges_them() {
    compare(files());
}

fn compare(files: Vec<String>) {
    let dir = tempfile::tempdir().expect("a directory for the files");
    let path = dir.path().join("k.conf");
    let mut differences = Vec::new();
    for text in files {
        std::fs::write(&path, &text).expect("the file is written");
        let ((exit, theirs), (our_exit, all, errors)) = (theirs(&path), ours(&path));
        let stops = exit == 2 && our_exit == 2;
        let missing: Vec<_> = theirs.iter().filter(|said| !all.contains(said) && !noise(&said.1)).collect();
        // Where keepalived stops reading, we read on and say more.
        let extra: Vec<_> = errors.iter().filter(|said| !theirs.contains(said) && !stops).collect();
        if exit != our_exit || !missing.is_empty() || !extra.is_empty() {
            differences.push(format!(
                "{text}exit {exit}, ours {our_exit}\n missing {missing:?}\n extra {extra:?}\n"
            ));
        }
    }
    assert!(differences.is_empty(), "{} files differ:\n{}", differences.len(), differences.join("\n"));
}
