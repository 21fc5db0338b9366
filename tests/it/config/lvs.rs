//! Load balancing, against captures of what keepalived says and dumps. Real files are compared in
//! [`corpus`](super::corpus).

use std::collections::BTreeSet;
use vrrpd::config::dump::dump_lvs;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Class, Loaded, load};

/// keepalived 2.2 shows the password of the TLS key; nobody else does.
fn masked(line: &str) -> String {
    match line.strip_prefix(" Password : ") {
        Some(_) => " Password : ********".to_owned(),
        None => line.to_owned(),
    }
}

/// `line` of a classic message, 0 for one without a place, and the message.
fn placed(text: &str) -> (usize, String) {
    let split = || {
        let (place, message) = text.strip_prefix('(')?.split_once(") ")?;
        let number = place.rsplit_once("Line ")?.1.parse().ok()?;
        Some((number, message.to_owned()))
    };
    split().unwrap_or((0, text.to_owned()))
}

fn ours_flagged(loaded: &Loaded) -> BTreeSet<(usize, String)> {
    let counted = loaded.diagnostics.iter().filter(|d| d.class != Class::Harmless);
    counted.flat_map(|d| d.classic_lines(&loaded.sources)).map(|text| placed(&text)).collect()
}

/// oracle: keepalived 2.2.7 on these files, with eth0 and the users root and nobody: the lines of `-t`, each
/// behind its number (0 for those without a place), and the dump of its checker process.
#[test]
fn what_is_said_and_dumped_is_what_keepalived_says_and_dumps() {
    let cases = [
        (
            "services",
            include_str!("lvs/services.conf"),
            include_str!("lvs/services.log"),
            include_str!("lvs/services.dump"),
        ),
        (
            "checkers",
            include_str!("lvs/checkers.conf"),
            include_str!("lvs/checkers.log"),
            include_str!("lvs/checkers.dump"),
        ),
        ("mistakes", include_str!("lvs/mistakes.conf"), include_str!("lvs/mistakes.log"), ""),
        (
            "globals",
            include_str!("lvs/globals.conf"),
            include_str!("lvs/globals.log"),
            include_str!("lvs/globals.dump"),
        ),
    ];
    for (name, conf, log, dumped) in cases {
        let file =
            load("k.conf".as_ref(), &MemoryFiles::single("k.conf", conf), &super::machine_with(&["eth0"]));
        let line = |text: &str| {
            let (number, message) = text.split_once(' ').unwrap();
            (number.parse::<usize>().unwrap(), message.to_owned())
        };
        let theirs: BTreeSet<_> = log.lines().map(line).collect();
        let ours = ours_flagged(&file);
        let lacking: Vec<_> = theirs.difference(&ours).collect();
        let surplus: Vec<_> = ours.difference(&theirs).collect();
        assert!(lacking.is_empty() && surplus.is_empty(), "{name}: not said {lacking:#?}, said {surplus:#?}");
        if !dumped.is_empty() {
            let ours = dump_lvs(&file.config);
            for (number, (ours, theirs)) in ours.lines().zip(dumped.lines()).enumerate() {
                assert_eq!(ours.trim_end(), masked(theirs), "line {} of {name}", number + 1);
            }
            assert_eq!(ours.lines().count(), dumped.lines().count(), "{name}");
        }
    }
}

#[test]
fn a_broken_virtual_server_costs_vrrp_nothing_and_is_said_to_be_idle_once() {
    let broken = "virtual_server 10.0.0.9 80 {\n protocol\n FOO_CHECK {\n }\n real_server 10.0.0.2 80 {\n }\n}\n\
                  virtual_server fwmark 7 {\n real_server 10.0.0.3 {\n }\n}\n";
    let file = super::loaded(
        super::instance("") + broken + &super::instance("").replace("V {", "W {").replace("51", "52"),
    );
    assert_eq!(file.config.instances.len(), 2);
    assert_eq!((file.test_exit_code(), file.run_exit_code(), file.is_fatal()), (2, None, false));
    let idle: Vec<_> = file.diagnostics.iter().filter(|d| d.id == "not-yet-supported").collect();
    let [idle] = &idle[..] else { panic!("{idle:?}") };
    assert!(idle.message.contains("not yet run in this version"), "{}", idle.message);
}

#[test]
fn the_password_of_the_key_is_in_no_output() {
    let text = "SSL {\n password hunter2\n password hunter3\n}\nvirtual_server 10.0.0.9 80 {\n real_server 10.0.0.2 80 {\n }\n}\n";
    let file = super::loaded(text);
    let shown: String = file.diagnostics.iter().map(|d| d.render(&file.sources, false)).collect();
    assert!(shown.contains("password"), "{shown}");
    let all = shown + &dump_lvs(&file.config) + &format!("{:?}", file.config);
    assert!(!all.contains("hunter"), "{all}");
}
