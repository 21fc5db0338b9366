//! What is suggested for words that nothing is called: by spelling, by place, by form.
//!
//! The oracle is what whoever typed the line meant.

use super::{instance, loaded};
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Loaded, load};

/// What is written under the first place, in its help, and the line with the edit made.
fn advice(loaded: &Loaded) -> (String, String) {
    let wanted = |d: &&vrrpd::config::Diagnostic| !matches!(d.id, "not-yet-supported" | "script-unused");
    let Some(first) = loaded.diagnostics.iter().find(wanted) else { return (String::new(), String::new()) };
    let said = [&first.label, &first.help].into_iter().flatten().cloned().collect::<Vec<_>>().join(" | ");
    let edited = first.edit(&loaded.sources).map(|edit| {
        let file = loaded.sources.file(edit.span.file);
        let line = file.line_range(file.line(edit.span.range().start));
        let (before, behind) = (
            &file.text()[line.start..edit.span.range().start],
            &file.text()[edit.span.range().end..line.end],
        );
        format!("{before}{}{behind}", edit.replacement).trim().to_owned()
    });
    (said, edited.unwrap_or_default())
}

#[track_caller]
fn check(text: &str, said: &str, edited: &str) {
    let loaded = loaded(text);
    let (advice, edit) = advice(&loaded);
    assert!(advice.contains(said), "{text}\nsays {advice}");
    assert_eq!(edit, edited, "{text}");
}

#[test]
fn misspelt_keywords() {
    for (line, said, edited) in [
        ("prioirty 120", "did you mean `priority 120`?", "priority 120"),
        ("virtual_router_ip 7", "did you mean `virtual_router_id 7`?", "virtual_router_id 7"),
        (
            "STATE MASTER",
            "did you mean `state MASTER`?: keywords of this kind are in lower case",
            "state MASTER",
        ),
        ("Priority 7", "did you mean `priority 7`?", "priority 7"),
        ("virtual-router-id 7", "its parts are joined by underscores", "virtual_router_id 7"),
        ("advert-interval 1", "did you mean `advert_int 1`?", "advert_int 1"),
        ("no_preempt", "did you mean `nopreempt`?", "nopreempt"),
        ("notify_masters /x", "did you mean `notify_master /x`?", "notify_master /x"),
        ("priority=100", "a blank stands between a keyword and its value: `priority 100`", "priority 100"),
        ("priority:100", "a blank stands between a keyword and its value: `priority 100`", "priority 100"),
        ("priority100", "a blank is missing: `priority 100`", "priority 100"),
        ("interfaceeth1", "a blank is missing: `interface eth1`", "interface eth1"),
        ("stateMASTER", "a blank is missing: `state MASTER`", "state MASTER"),
        ("notify/usr/bin/x", "a blank is missing: `notify /usr/bin/x`", "notify /usr/bin/x"),
    ] {
        check(&instance(line), said, edited);
    }
    check("vrrp_instanse V {\n}\n", "did you mean `vrrp_instance V`?", "vrrp_instance V {");
    check("VRRP_INSTANCE V {\n}\n", "did you mean `vrrp_instance V`?", "vrrp_instance V {");
    check("vrrp_scripts s {\n}\n", "did you mean `vrrp_script s`?", "vrrp_script s {");
    check(
        &instance("virtual_ipaddresses {\n10.0.0.2\n}"),
        "did you mean `virtual_ipaddress`?",
        "virtual_ipaddress {",
    );
    check(&instance("track_scripts {\n}"), "did you mean `track_script`?", "track_script {");
    let server = |line: &str| {
        format!(
            "virtual_server 10.0.0.1 80 {{\n protocol TCP\n lvs_sched rr\n lvs_method NAT\n real_server 10.0.0.2 80 {{\n{line} {{\n }}\n}}\n}}\n"
        )
    };
    check(&server("tcp_check"), "did you mean `TCP_CHECK`?: capitals matter", "TCP_CHECK {");
    check("\u{feff}global_defs {\n}\n", "an invisible byte order mark stands before it", "global_defs {");
    check(&server("TCP-CHECK"), "did you mean `TCP_CHECK`?", "TCP_CHECK {");
}

#[test]
fn keywords_in_the_wrong_place() {
    for (text, said) in [
        ("priority 100\n".to_owned(), "this belongs in `vrrp_instance`"),
        ("global_defs {\n priority 100\n}\n".to_owned(), "this belongs in `vrrp_instance`"),
        (instance("auth_pass x"), "this belongs in `authentication`"),
        (instance("router_id x"), "this belongs in `global_defs`"),
        (instance("real_server 10.0.0.2 80 {\n}"), "this belongs in `virtual_server`"),
        (
            instance("authentication {\n auth_type PASS\n auth_pass 1\n priority 7\n}"),
            "this belongs in `vrrp_instance`, outside the block that is open here",
        ),
        ("global_defs {\n lvs_sync_daemon_inteface eth0\n}\n".to_owned(), "that belongs in `vrrp_instance`"),
        (instance("10.0.0.2/24"), "an address stands in a block: `virtual_ipaddress { 10.0.0.2 }`"),
        (instance("// priority 7"), "comments begin with `#` or `!`"),
        (instance("$PRIO"), "define it above its use"),
    ] {
        check(&text, said, "");
    }
}

#[test]
fn values_that_are_nearly_right() {
    for (line, said, edited) in [
        ("state MASTR", "did you mean `MASTER`?", "state MASTER"),
        ("state Master", "did you mean `MASTER`?", "state MASTER"),
        ("state slave", "write `state MASTER` or `state BACKUP`", ""),
        ("authentication {\nauth_type PASSS\n}", "did you mean `PASS`?", "auth_type PASS"),
        ("authentication {\nauth_type pass\n}", "did you mean `PASS`?", "auth_type PASS"),
        ("smtp_alert flase", "did you mean `false`?", "smtp_alert false"),
        ("smtp_alert TRUE", "did you mean `true`?", "smtp_alert true"),
        ("smtp_alert 1", "write `on`, `true`, `yes`, `off`, `false` or `no`", ""),
        ("priority 150%", "did you mean `150`?", "priority 150"),
        ("advert_int 1,5", "did you mean `1.5`?", "advert_int 1.5"),
        ("advert_int 1s", "did you mean `1`?", "advert_int 1"),
        ("interface eth00", "did you mean `eth0`?", "interface eth0"),
        ("interface wlan7", "this machine has `eth0`, `eth1`, `lo`", ""),
        ("track_interface {\neht1\n}", "did you mean `eth1`?", "eth1"),
        ("virtual_ipaddress {\n10.0.0.2/24 dve eth0\n}", "did you mean `dev`?", "10.0.0.2/24 dev eth0"),
        ("mcast_src_ip 10.0.0.300", "300 is more", ""),
        ("$VRID=51\nvirtual_router_id $VRDI", "did you mean `${VRID}`?", ""),
    ] {
        check(&instance(line), said, edited);
    }
    let script = "vrrp_script check_nginx {\n script /bin/true\n}\n";
    check(
        &(script.to_owned() + &instance("track_script {\nchk_nginx\n}")),
        "did you mean `check_nginx`?",
        "check_nginx",
    );
    check(
        &(script.to_owned() + &instance("track_script {\ncheck_nginx wieght 3\n}")),
        "did you mean `weight`?",
        "check_nginx weight 3",
    );
}

#[test]
fn files_that_are_called_otherwise() {
    let files = MemoryFiles::single("/e/k.conf", "include conf.d/site.cfg\n").with("/e/conf.d/site.conf", "");
    let loaded = load("/e/k.conf".as_ref(), &files, &super::machine());
    assert!(advice(&loaded).0.contains("did you mean `site.conf`, which is in that directory?"));
}

#[test]
fn what_came_out_of_a_definition_is_edited_there_if_it_is_plain() {
    let file = loaded("$STATE=MASTR\n".to_owned() + &instance("state $STATE"));
    let (advised, edited) = advice(&file);
    assert_eq!(
        (advised.as_str(), edited.as_str()),
        ("BACKUP is used | did you mean `MASTER`?", "$STATE=MASTER")
    );
    let pieces = loaded("$HEAD=MAS\n".to_owned() + &instance("state ${HEAD}TR"));
    assert_eq!(advice(&pieces), ("BACKUP is used | did you mean `MASTER`?".to_owned(), String::new()));
    let twice = loaded("$LINE=state MASTR MASTR\n".to_owned() + &instance("$LINE"));
    assert_eq!(advice(&twice).1, "");
}
