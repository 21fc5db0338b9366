//! The text layer against keepalived itself: what becomes of a line.
//!
//! A word that keepalived does not know is named in its complaint, with the line it came from. So a
//! file of unknown words shows what each line was expanded to, without a network.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use vrrpd::config::environment::Described;
use vrrpd::config::{Loaded, load};
use vrrpd::daemon::files::DiskFiles;

/// What keepalived says of lines of a file under `-t`.
struct Said {
    /// Its parent: `(Line N) …`.
    parent: Vec<(u32, String)>,
    /// Its other processes, each of which reads what the parent has written: `(k.conf: Line N) …`.
    children: BTreeSet<(u32, String)>,
}

/// keepalived's exit code under `-t` and what it says.
fn keepalived(file: &Path) -> (u8, Said) {
    let name = file.file_name().expect("a file");
    let child = Command::new("keepalived")
        .args(["-t", "-i", "here", "-f"])
        .arg(name)
        .current_dir(file.parent().expect("a directory"))
        .stdin(Stdio::null())
        .output();
    let output = child.expect("keepalived is needed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let parent = said.lines().filter(|line| line.starts_with("(Line ")).filter_map(numbered).collect();
    let children =
        said.lines().filter(|line| line.starts_with("(k.conf: Line ")).filter_map(numbered).collect();
    let code = output.status.code().expect("keepalived ends by itself under -t");
    (u8::try_from(code).expect("an exit code"), Said { parent, children })
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
    let lines = loaded.diagnostics.iter().flat_map(|d| d.keepaliveds_lines(&loaded.sources));
    lines.filter_map(|line| numbered(&line)).collect()
}

/// What we say of a file, and what keepalived says.
fn both(text: &str) -> (Vec<(u32, String)>, Said) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("k.conf");
    // keepalived does not count a last line that has no end.
    fs::write(&file, format!("{text}\n")).expect("a file");
    let (_, said) = keepalived(&file);
    assert!(!said.parent.is_empty() && !said.children.is_empty(), "keepalived said nothing about\n{text}");
    (ours(&loaded(&file)), said)
}

/// Both must say the same, line by line of the file.
fn compare_lines<'s>(
    text: &str,
    found: impl Iterator<Item = &'s (u32, String)> + Clone,
    expected: impl Iterator<Item = &'s (u32, String)> + Clone,
) {
    for (line, source) in (1u32..).zip(text.lines()) {
        let mut found: Vec<&str> = of_line(found.clone(), line);
        let mut expected: Vec<&str> = of_line(expected.clone(), line);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "ours is on the left, for line {line}: {source}");
    }
}

fn of_line<'s>(said: impl Iterator<Item = &'s (u32, String)>, line: u32) -> Vec<&'s str> {
    said.filter(|(number, _)| *number == line).map(|(_, text)| text.as_str()).collect()
}

/// We say what keepalived's parent says as often as it does, and what its children say.
fn compare(text: &str) {
    let (found, said) = both(text);
    compare_lines(text, found.iter(), said.parent.iter());
    let found: BTreeSet<_> = found.into_iter().collect();
    compare_lines(text, found.iter(), said.children.iter());
}

/// We say what keepalived's parent says: its children have another file.
fn compare_parent(text: &str) {
    let (found, said) = both(text);
    compare_lines(text, found.iter(), said.parent.iter());
}

/// We say what keepalived's children say: they have another file than its parent.
fn compare_children(text: &str) {
    let (found, said) = both(text);
    let found: BTreeSet<_> = found.into_iter().collect();
    compare_lines(text, found.iter(), said.children.iter());
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
$C=l # comment
m$C
$BR={ r }
s$BR
t ${BR}
} }
$ODD=\"u
$ODD
v${_RANDOM 7 7}",
    );
}

#[test]
fn a_comment_within_a_definition_is_passed_over_as_by_the_parent() {
    compare_parent(
        "$M=\\
m1 \\
# comment
m2
$M",
    );
}

#[test]
fn what_the_parent_has_taken_away_is_gone_for_the_children() {
    compare_children(
        "j\\#k
j\\!1 $Z
$ESC=n\\#o
p${ESC}q
\"${ESC}\"
r\\\\\\#s
t\\\\#u
$BLANKS=v \\
   
w
$BLANKS",
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
            let (code, expected) = keepalived(&file);
            let loaded = loaded(&file);
            assert_eq!(loaded.test_exit_code(), code, "{text}");
            let said = loaded.diagnostics.iter().flat_map(|d| d.classic_lines(&loaded.sources));
            let of_main = |line: &String| line.starts_with("(Line ") || line.contains("k.conf: Line ");
            let found: Vec<_> = said.filter(of_main).filter_map(|line| numbered(&line)).collect();
            // Ours names the line of a bad file in a glob, keepalived the file read before it.
            if *pattern != "[ax].cf" && *pattern != "?.cf" {
                assert_eq!(found, expected.parent, "ours is on the left, for {text}");
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
        let output = output.expect("keepalived is needed");
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
