//! The text layer against keepalived itself: what becomes of a line.
//!
//! A word that keepalived does not know is named in its complaint, with the line it came from. So a
//! file of unknown words shows what each line was expanded to, without root and without a network.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use vrrpd::config::environment::Described;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Class, Loaded, load};
use vrrpd::daemon::files::DiskFiles;

/// keepalived's exit code under `-t` and what its parent says of the file: `(Line N) …`.
fn keepalived(file: &Path) -> Option<(u8, Vec<(u32, String)>)> {
    let name = file.file_name().expect("a file");
    let child = Command::new("keepalived")
        .args(["-t", "-i", "here", "-f"])
        .arg(name)
        .current_dir(file.parent().expect("a directory"))
        .stdin(Stdio::null())
        .output();
    let output = match child {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(std::env::var_os("CI").is_none(), "keepalived is needed in CI");
            eprintln!("keepalived is not installed: expansions are not compared with it");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = said.lines().filter(|line| line.starts_with("(Line ")).filter_map(numbered).collect();
    Some((u8::try_from(output.status.code()?).ok()?, lines))
}

/// `(Line 7) text` and `(FILE: Line 7) text` to number and text.
fn numbered(line: &str) -> Option<(u32, String)> {
    let (place, text) = line.strip_prefix('(')?.split_once(") ")?;
    let number = place.rsplit("Line ").next()?.parse().ok()?;
    Some((number, text.to_owned()))
}

fn loaded(file: &Path) -> Loaded {
    let environment = Described {
        config_id: Some("here".to_owned()),
        working_directory: file.parent().expect("a directory").to_owned(),
        ..Described::default()
    };
    load(file, &DiskFiles, &environment)
}

fn ours(loaded: &Loaded) -> Vec<(u32, String)> {
    let said = loaded.diagnostics.iter().filter(|d| d.class != Class::Harmless);
    let lines = said.flat_map(|d| d.classic_lines(&loaded.sources));
    lines.filter_map(|line| numbered(&line)).collect()
}

/// Both must say the same, line by line of the file.
fn compare(text: &str) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("k.conf");
    // keepalived does not count a last line that has no end.
    fs::write(&file, format!("{text}\n")).expect("a file");
    let Some((_, expected)) = keepalived(&file) else { return };
    let found = ours(&loaded(&file));
    assert!(!expected.is_empty(), "keepalived said nothing about\n{text}");
    let number = |(line, _): &(u32, String)| *line;
    for line in 1..=text.lines().count() as u32 {
        let of_line = |said: &[(u32, String)]| -> Vec<String> {
            let texts = said.iter().filter(|s| number(s) == line).map(|(_, text)| text.clone());
            let mut texts: Vec<_> = texts.collect();
            texts.sort();
            texts
        };
        let source = text.lines().nth(line as usize - 1).unwrap_or_default();
        assert_eq!(of_line(&found), of_line(&expected), "ours is on the left, for line {line}: {source}");
    }
}

#[test]
fn definitions_are_replaced_as_in_keepalived() {
    compare(
        "$A=one
$B=two $A
w_${A}_x
$B
p${B}q
$A.b
$NOPE
$A,z
$A)
\"$A\" q
\"${A} b\"
${A x}
$E=
x${E}y
$A=three
${A}
$A =four
$1=five
$_u1=six
$_u1
a$A$B
$L=	 blanks in front
$L
$Q=\"quo ted\"
$Q
q${Q}
${A }",
    );
}

#[test]
fn templates_are_read_as_in_keepalived() {
    compare(
        "$A=one
$M=\\
m1 \\
  m2 $A \\
# comment
m3
pre $M
pre2${M}
$M mid
${M} mid
$O=first \\
   second_$N \\
   $M
$N=x
$O
$N=y
$O
$BLANK=b1 \\
b2 \\

after_blank
$BLANK
$EMPTY= \\

x${EMPTY}y
$SINGLE=\\
only
$P=p1 \\
p2_$M
$P
$LAST=l1 \\
l2 \\
   ",
    );
}

#[test]
fn sequences_and_lists_are_read_as_in_keepalived() {
    compare(
        "~SEQ(X,3) a$X
~SEQ(X,0) b$X
~SEQ(X,) c$X
~SEQ(X,-2) d$X
~SEQ(X,1,2,6) e$X
~SEQ(X,6,-4,1) f$X
~SEQx(X,8,17) g$X
~SEQ(X,0x10,021) h$X
~SEQ( X , 1 , 2 ) ~SEQ(Y,5,4) i$X,$Y
~SEQ(X Y,3) j$X
~SEQ(X,1,0,2) bad
~SEQ(X,1,-1,2) bad
~SEQ(X) bad
~SEQ(,2) bad
~SEQ foo
~SEQx(X,-1,2) bad
~SEQ(X,1,2,3,4) bad
~SEQ(X,1;2) bad
~SEQ(X,1111111111111111111111111111111111,222222222222222222222222222222222222222) bad
~SEQUENCE
~LST(X,4,9) k$X
~LST({X,Y},{1,4},{2,9},7) l${X}_${Y}.
~LST( { X , Y } , { , 4} , {2} ) m${X}_${Y}.
~LST(X,) n${X}n
~LST(X,a(b,c) o$X
~LST(X,1,2
~LST(X)
~LST X
~LST({X,Y},{1,2,3}) a
~LST(X,\"a b\") a
~LST({X Y},1)
$FROM=2
$TO=4
~SEQ(X,$FROM,$TO) p$X
~SEQ(X,${FROM},1,${TO}) q$X
after_$X
$M=m1_$X \\
m2_$X
~SEQ(X,1,2) $M
~SEQ(X,1,2) ~SEQ(Y,1,2) r${X} $M
$N=n1 \\
~SEQ(Y,1,2) n2_${X}_$Y \\
n3
~SEQ(X,7,8) $N
~SEQ(X,1,2) $D${X}=v$X
~SEQ(X,1,2)",
    );
}

#[test]
fn conditions_are_read_as_in_keepalived() {
    compare(
        "@here a
@there b
@^here c
@^there d
@here
@^there
@her e
@heree f
@ g
@^ h
	@here	 i
@here @here j
@here $A=1
@there $A=2
k$A
@here ~SEQ(X,1,2) l$X
@there ~SEQ(X,1,2) m$X
~SEQ(X,1,2) @here n$X
$M=m1 \\
@there m2 \\
@here m3
$M
${_INSTANCE}_o",
    );
}

#[test]
fn braces_comments_and_quotes_meet_expansions_as_in_keepalived() {
    compare(
        "a { @there b
} $Z=5
{ z$Z }
c { ~SEQ(X,1,2) d$X
~SEQ(Y,1,2) e$Y }
~foo $Z
${_HASH}f
g${_HASH}h
\"${_BANG} i\"
j\\#k
j\\#1 $Z
$C=l # comment
m$C
$ESC=n\\#o
p${ESC}q
\"${ESC}\"
$BR={ r }
s$BR
t ${BR}
} }
$ODD=\"u
$ODD
v${_RANDOM 7 7}",
    );
}

/// A tree of files of which each is a word that names it.
fn tree(dir: &Path) {
    for folder in ["d", "empty"] {
        fs::create_dir(dir.join(folder)).expect("a folder");
    }
    for name in ["a.cf", "b.cf", "d/c.cf", "d/g.cf", "x.cf"] {
        fs::write(dir.join(name), format!("in_{}\n", name.replace(['/', '.'], "_"))).expect("a file");
    }
    fs::write(dir.join("d/d.cf"), "include g.cf\nafter_g\n").expect("a file");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir.join("x.cf"), executable).expect("a mode");
}

/// Exit code and complaints about the `include` line itself are keepalived's.
#[test]
fn includes_fail_as_in_keepalived() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    tree(dir.path());
    let file = dir.path().join("k.conf");
    let patterns = [
        "nope.cf",
        "n*.cf",
        "nod/n*.cf",
        "{a,nope}.cf",
        "{a,n*}.cf",
        "{nope,nop2}.cf",
        "d",
        "x.cf",
        "[ax].cf",
        "empty/*",
        "a.cf",
        "\"a.cf\"",
        "a.cf b.cf",
        "?.cf",
        "d/../a.cf",
    ];
    let mut checks = vec![String::new()];
    for words in
        ["", "read", "match", "wildcard_match", "brace_match", "read +match", "match -read", "readable"]
    {
        checks.push(format!("global_defs {{\n include_check {words}\n}}\n"));
    }
    for check in &checks {
        let keywords: &[&str] = match check.is_empty() {
            true => &["include", "includer", "includem", "includew", "includeb", "includea", "includex"],
            false => &["include"],
        };
        for (keyword, pattern) in keywords.iter().flat_map(|k| patterns.iter().map(move |p| (k, p))) {
            let text = format!("{check}{keyword} {pattern}\n");
            fs::write(&file, &text).expect("a file");
            let Some((code, expected)) = keepalived(&file) else { return };
            let loaded = loaded(&file);
            assert_eq!(loaded.test_exit_code(), code, "{text}");
            let said = loaded.diagnostics.iter().flat_map(|d| d.classic_lines(&loaded.sources));
            let of_main = |line: &String| line.starts_with("(Line ") || line.contains("k.conf: Line ");
            let found: Vec<_> = said.filter(of_main).filter_map(|line| numbered(&line)).collect();
            // Ours names the line of a bad file in a glob, keepalived the file read before it.
            if *pattern != "[ax].cf" && *pattern != "?.cf" {
                assert_eq!(found, expected, "ours is on the left, for {text}");
            }
        }
    }
}

/// What is read and what it is called, seen by what the words in the files are.
#[test]
fn includes_find_the_files_that_keepalived_finds() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    tree(dir.path());
    let file = dir.path().join("k.conf");
    let unknown = |lines: &mut dyn Iterator<Item = String>| -> Vec<String> {
        let words = lines.filter(|line| line.contains("Unknown keyword"));
        words.map(|line| line.replace("(k.conf: ", "(")).collect()
    };
    for pattern in
        ["*.cf", "{b,a}.cf", "{b,a,a}.cf", "d/*.cf", "{d/{d,c},b}.cf", "$F.cf", "./d/d.cf", "d/../b.cf"]
    {
        fs::write(&file, format!("$F=d/d\n$G=${{F}}.cf\ninclude {}\nlast\n", pattern.replace("$F.cf", "$G")))
            .expect("a file");
        let output = Command::new("keepalived").args(["-t", "-f", "k.conf"]).current_dir(dir.path()).output();
        let Ok(output) = output else {
            assert!(std::env::var_os("CI").is_none(), "keepalived is needed in CI");
            eprintln!("keepalived is not installed: includes are not compared with it");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = unknown(&mut said.lines().map(str::to_owned));
        let loaded = loaded(Path::new(&file));
        let mut problems = Vec::new();
        for diagnostic in loaded.diagnostics.iter().filter(|d| d.id == "unknown-keyword") {
            problems.extend(diagnostic.classic_lines(&loaded.sources));
        }
        let prefix = format!("({}: ", file.display());
        let mut found = unknown(&mut problems.into_iter().map(|line| line.replace(&prefix, "(")));
        found.sort();
        // Each of keepalived's processes says it once; the parent speaks first.
        let mut by_parent = expected[..found.len().min(expected.len())].to_vec();
        by_parent.sort();
        assert_eq!(found, by_parent, "ours is on the left, for {pattern}");
        assert_eq!(expected.len() % found.len(), 0, "{expected:?}");
    }
}

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
