//! The text layer against keepalived itself: what becomes of a line.
//!
//! A word that keepalived does not know is named in its complaint, with the line it came from. So a
//! file of unknown words shows what each line was expanded to, without root and without a network.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use vrrpd::config::environment::Described;
use vrrpd::config::{Class, load};
use vrrpd::daemon::files::DiskFiles;

/// What keepalived says under `-t`, as often as its parent says it: `(Line N) …`.
fn keepalived(file: &Path) -> Option<Vec<(u32, String)>> {
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
    Some(said.lines().filter(|line| line.starts_with("(Line ")).filter_map(numbered).collect())
}

/// `(Line 7) text` and `(FILE: Line 7) text` to number and text.
fn numbered(line: &str) -> Option<(u32, String)> {
    let (place, text) = line.strip_prefix('(')?.split_once(") ")?;
    let number = place.rsplit("Line ").next()?.parse().ok()?;
    Some((number, text.to_owned()))
}

fn ours(file: &Path) -> Vec<(u32, String)> {
    let environment = Described {
        config_id: Some("here".to_owned()),
        working_directory: file.parent().expect("a directory").to_owned(),
        ..Described::default()
    };
    let loaded = load(file, &DiskFiles, &environment);
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
    let Some(expected) = keepalived(&file) else { return };
    let found = ours(&file);
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
