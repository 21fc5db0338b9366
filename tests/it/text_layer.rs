//! What the text layer says, and what it makes of facts about the machine.

use std::path::Path;
use vrrpd::config::environment::Described;
use vrrpd::config::load;
use vrrpd::config::source::MemoryFiles;

fn rendered(files: &MemoryFiles) -> String {
    let environment = Described { config_id: Some("here".to_owned()), ..Described::default() };
    let loaded = load(Path::new("/e/k.conf"), files, &environment);
    let shown: Vec<_> = loaded.diagnostics.iter().map(|d| d.render(&loaded.sources, false)).collect();
    shown.join("\n")
}

/// oracle: by hand: the use is underlined, and each step that led there is told, innermost first.
#[test]
fn a_problem_inside_an_expansion_points_at_the_use_and_tells_the_way() {
    let files = MemoryFiles::single("/e/k.conf", "# one\ninclude d/v\n").with(
        "/e/d/v",
        "$PRIO=300\n$VI=\\\nvrrp_instance V$N { \\\n  interface eth0 \\\n  virtual_router_id $N \\\n  priority $PRIO \\\n  \
         virtual_ipaddress { 10.0.0.1\\\n } \\\n}\n  ~SEQ(N,7,7) $VI\n",
    );
    let expected = "\
error[number-out-of-range]: `300` is not from 1 to 255
 --> /e/d/v:10:15
   |
 1 | $PRIO=300
   |       --- it is written here
...
10 |   ~SEQ(N,7,7) $VI
   |               ^^^ 100 is used
   |
   = note: in expansion of `$PRIO`, defined at /e/d/v:1
   = note: in expansion of `$VI`, defined at /e/d/v:6
   = note: in repetition of `~SEQ(N,7,7)`, with N = 7
   = note: included from /e/k.conf:2";
    let shown = rendered(&files);
    assert!(shown.contains(&expected.replace(" --> ", "  --> ")), "{shown}");
}

/// oracle: by hand: what became a password is masked where it was written, wherever that was.
#[test]
fn a_password_that_came_out_of_an_expansion_is_shown_nowhere() {
    let text = "$PW=hunter2 hunter3\n~LST({N,P},{1,hunter4}) vrrp_instance V$N { authentication { auth_pass $P\n} }\n\
                ~LST({A,P},{3,hunter5}) auth_pass $P\n$L=authentication { auth_pass $PW\nvrrp_instance W {\n$L\n} prority 300\n}\n\
                auth_pass $PW$x\n$PW=\"hunter6\n$Q=hunter7 \\\nx\nauth_pass x$Q\n";
    let shown = rendered(&MemoryFiles::single("/e/k.conf", text));
    assert!(shown.contains("did you mean `priority 300`"), "{shown}");
    assert!(shown.contains("auth_pass"), "{shown}");
    let leaks: Vec<&str> = shown.lines().filter(|line| line.contains("hunter")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// The seed decides: a machine that is described twice in the same way reads the same.
#[test]
fn random_numbers_keep_within_their_bounds_and_come_from_the_seed() {
    let words = |seed| -> Vec<String> {
        let text = "~SEQ(X,1,50) ${_RANDOM 5 9} ${_RANDOM}\n${_RANDOM 7 3}\n${_RANDOM a}\n${_RANDOM 1 2 3}\n";
        let environment = Described { random_seed: seed, ..Described::default() };
        let loaded = load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &environment);
        loaded.diagnostics.iter().flat_map(|d| d.classic_lines(&loaded.sources)).collect()
    };
    let (first, again, other) = (words(1), words(1), words(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let known = |line: &&String| {
        line.contains("Line 1)") && (5..=9).any(|n| line.ends_with(&format!("Unknown keyword '{n}'")))
    };
    assert_eq!(first.iter().filter(known).count(), 50);
    for text in [
        "${_RANDOM}: min 7 exceeds max 3, using 7",
        "Definition _RANDOM requires numeric parameters only.",
        "Definition _RANDOM requires between 0 and 2 parameters, 3 specified.",
    ] {
        assert!(first.iter().any(|line| line.contains(text)), "{text}");
    }
}

/// oracle: keepalived 2.4.3 as its reference describes it; 2.2.7 has no `_ENV`.
#[test]
fn what_the_machine_is_comes_in_by_predefined_names() {
    let environment = Described {
        config_id: Some("node7".to_owned()),
        working_directory: "/home/me".into(),
        variables: [("SITE".to_owned(), "west".to_owned())].into(),
        ..Described::default()
    };
    let files = MemoryFiles::single(
        "conf/k.conf",
        "w${_ENV SITE} ${_ENV NONE}\n${_PWD}\ninclude d/x\n@node7 ${_INSTANCE}\n",
    )
    .with("conf/d/x", "${_PWD}/x\n");
    let loaded = load(Path::new("conf/k.conf"), &files, &environment);
    let said: Vec<_> = loaded.diagnostics.iter().flat_map(|d| d.classic_lines(&loaded.sources)).collect();
    for word in ["wwest", "/home/me/conf", "/home/me/conf/d/x", "node7"] {
        assert!(said.iter().any(|line| line.ends_with(&format!("Unknown keyword '{word}'"))), "{said:?}");
    }
}

/// 2.4.0 to 2.4.3 lost this; 2.2.7 can do it for repetitions and mangles conditions.
#[test]
fn a_definition_may_stand_for_a_condition_or_a_repetition() {
    let text = "$S=~SEQ(X,1,2) s$X\n$S\n$R=~SEQ(X,1,2)\n$R r$X\n$C=@here\n$C c\n$N=@^here\n$N n\n";
    let environment = Described { config_id: Some("here".to_owned()), ..Described::default() };
    let loaded = load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &environment);
    let words: Vec<_> =
        loaded.diagnostics.iter().map(|d| d.message.split('`').nth(1).unwrap_or_default()).collect();
    assert_eq!(words, ["s1", "s2", "r1", "r2", "c"]);
}
