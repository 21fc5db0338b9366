//! Passwords and keys are in no output, however the line that holds them is spelt.

use std::process::Command;

use vrrpd::config::diagnostic::{Report, github};
use vrrpd::config::dump::{Runtime, dump, dump_lvs};
use vrrpd::config::environment::{Described, KeyFile};
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Loaded, load};
use vrrpd::types::Secret;

/// What must not be seen: no part of it is a word of anything else.
const PLANTED: &str = "hunter2";

fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n{lines}\n virtual_ipaddress {{\n 10.0.0.1\n }}\n}}\n"
    )
}

/// Lines with a secret, each in the block where it belongs or where somebody may have put it.
fn files() -> Vec<String> {
    let long = PLANTED.repeat(5);
    let in_authentication = [
        "auth_pass hunter2",
        "auth_pass \"hunter2 hunter2\"",
        "auth_pass hunter2hunter2 # hunter2",
        "auth_pass hunter2#hunter2",
        "auth_pass hunter2 {",
        "auth_pass hunter2{hunter2",
        "auth_pass hunter2}hunter2",
        "auth_pass \"hunter2",
        "auth_pass hunter2\"hunter2",
        "auth_pass $hunter2",
        "auth_pass ${hunter2}",
        "auth_pass x${hunter2 x}",
        "auth_pass hunter2 \\",
        "auth_pas hunter2",
        "auth_passsecrethunter2",
        "auth_passhunter2",
        "auth_pass=hunter2",
        "auth_pass:hunter2",
        "auth_passwd hunter2",
        "auth_password hunter2",
        "auth_pswd hunter2",
        "auth_pw hunter2",
        "auth-pass hunter2",
        "auth.pass hunter2",
        "authpass hunter2",
        "auht_pass hunter2",
        "atuh_pass hunter2",
        "auth_apss hunter2",
        "auth_ps hunter2",
        "aut_pass hunter2",
        "AUTH_PASS hunter2",
        "Auth_Pass hunter2",
        "password hunter2",
        "passwd hunter2",
        "pass hunter2",
        "\"auth_pass\" hunter2",
        "auth_type PASS auth_pass hunter2",
        "@here auth_pass hunter2",
        "@^here auth_pass hunter2",
        "~SEQ(N,1,2) auth_pass hunter2$N",
        "~LST(P,hunter2,hunter2b) auth_pass $P",
        "~LST({A,P},{auth_pass,hunter2}) $A $P",
        "priority 1 auth_pass hunter2",
    ];
    let in_hmac = [
        format!("key 1 {long}"),
        format!("key 1 hex:{long}"),
        "key 1 hunter2".to_owned(),
        "key 300 hunter2".to_owned(),
        "key one hunter2".to_owned(),
        format!("key {long}"),
        format!("key1 {long}"),
        format!("kye 1 {long}"),
        format!("keys 1 {long}"),
        format!("Key 1 {long}"),
        format!("key 1 \"{long}"),
        format!("key 1 {long} {{"),
        format!("@here key 1 {long}"),
        format!("~SEQ(N,1,2) key $N {long}"),
        format!("key 1 {long}\nkey 1 {long}\nactive_key 1"),
        "key 1 file:/etc/keepalived/key".to_owned(),
    ];
    let in_ssl = [
        "password hunter2",
        "password hunter2\npassword hunter2",
        "passwordhunter2",
        "password=hunter2",
        "passwrd hunter2",
        "pasword hunter2",
        "Password hunter2",
        "password \"hunter2",
        "password hunter2 { hunter2 }",
    ];
    let anywhere = [
        "$PASS=hunter2\nbogus $PASS\n".to_owned(),
        "$AUTH_PW=hunter2 \\\n hunter2\n".to_owned() + &instance("authentication {\nauth_pass $AUTH_PW\n}"),
        "$X=hunter2\n".to_owned() + &instance("authentication {\nauth_pass $X hunter2\nauth_pass ${X}y\n}"),
        "$L=auth_pass hunter2\n".to_owned() + &instance("authentication {\n$L\nbogus\n}"),
        "$B=authentication { \\\n auth_pas hunter2 \\\n }\n".to_owned() + &instance("$B"),
        format!("$K=key 1 {long}\n") + &instance("auth_hmac {\n$K\n$K\n}"),
        "$SECRET=hunter2 $SECRET\nbogus $SECRET\n".to_owned(),
        "$auth_pass hunter2\n".to_owned(),
        "$PASSWORD = hunter2\n".to_owned(),
        "global_defs { auth_pass hunter2 }\nauth_pass hunter2\n}\n".to_owned(),
        format!("auth_pass {}\n", PLANTED.repeat(200)),
        "auth_pass hunter2\0hunter2\n".to_owned(),
        "include auth_pass hunter2\n".to_owned(),
    ];
    let block = |name: &str, lines: &str| instance(&format!(" {name} {{\n{lines}\n }}"));
    let top = |name: &str, lines: &str| format!("{name} {{\n{lines}\n}}\n") + &instance("prority 3");
    in_authentication
        .iter()
        .flat_map(|line| {
            [
                block("authentication", line),
                block("authentcation", line),
                block("authentication", &format!("auth_type PASS\n{line}")),
            ]
        })
        .chain(in_hmac.iter().flat_map(|line| [block("auth_hmac", line), block("auth_hmc", line)]))
        .chain(in_ssl.iter().flat_map(|line| [top("SSL", line), top("SLL", line)]))
        .chain(anywhere)
        .collect()
}

fn machine() -> Described {
    let file = KeyFile { text: Some(Secret::new(PLANTED.repeat(2).into_bytes())), exposed: true };
    Described {
        config_id: Some("here".to_owned()),
        key_files: Some([("/etc/keepalived/key".into(), file)].into()),
        ..super::config::machine()
    }
}

/// Everything that is made of a configuration, by name.
fn outputs(loaded: &Loaded) -> Vec<(&'static str, String)> {
    let sources = &loaded.sources;
    let each = |show: &dyn Fn(&vrrpd::config::Diagnostic) -> String| {
        loaded.diagnostics.iter().map(show).collect::<String>()
    };
    vec![
        ("text", each(&|d| d.render(sources, false))),
        ("text in colours", each(&|d| d.render_once(sources, true, 3))),
        ("lines of the log", each(&|d| d.classic_lines(sources).join("\n"))),
        ("json", Report::new(&loaded.diagnostics, sources, true, 5).json()),
        ("github", github(&loaded.diagnostics, sources)),
        ("the debug form", format!("{:?} {:?}", loaded.diagnostics, loaded.config)),
        ("the dump", dump(&loaded.config, &Runtime::default()) + &dump_lvs(&loaded.config)),
    ]
}

#[test]
fn no_output_shows_a_secret() {
    let mut leaks = Vec::new();
    for text in files() {
        let loaded = load("k.conf".as_ref(), &MemoryFiles::single("k.conf", &text), &machine());
        for (output, shown) in outputs(&loaded) {
            let leak = shown.lines().find(|line| line.contains(PLANTED));
            leaks.extend(leak.map(|line| format!("{output} of\n{text}\nhas\n{line}\n")));
        }
    }
    assert!(leaks.is_empty(), "{}{} leaks", leaks.join("\n"), leaks.len());
}

/// The program itself, for what is put together outside the library.
#[cfg(feature = "daemon")]
#[test]
fn no_command_shows_a_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let lines = [
        "auth_pass hunter2hunter2",
        "auth_pas hunter2",
        "auth_passhunter2",
        "auth_type hunter\nauth_pass hunter2",
    ];
    for line in lines {
        std::fs::write(dir.path().join("k.conf"), instance(&format!(" authentication {{\n{line}\n }}")))
            .expect("a file");
        for arguments in [
            "-t -f k.conf",
            "-t --format json -f k.conf",
            "-t --format github -f k.conf",
            "compat k.conf",
            "compat --format json k.conf",
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_vrrpd"))
                .args(arguments.split(' '))
                .current_dir(dir.path())
                .env("CLICOLOR_FORCE", "1")
                .output()
                .expect("it starts");
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(PLANTED), "{line} with {arguments}: {text}");
            assert!(!text.is_empty(), "{arguments}");
        }
    }
}
