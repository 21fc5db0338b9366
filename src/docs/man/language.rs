//! vrrpd.conf(5).

use super::Page;
use crate::config::{BlockReference, KeywordReference, Support, language as blocks};
use crate::docs::{PLACEHOLDERS, unit};

const HEAD: &str = "\
.Sh NAME
.Nm vrrpd.conf
.Nd configuration of vrrpd and keepalived
.Sh DESCRIPTION
.Xr vrrpd 8
reads
.Pa /etc/keepalived/keepalived.conf ,
or the file that
.Fl f
names, in the language of keepalived.
A file that keepalived runs,
.Xr vrrpd 8
runs; what it does not do yet is said below with each keyword, by
.Ql vrrpd -t ,
and for a whole file by
.Ql vrrpd compat .
.Pp
This is enough for two routers that share an address; the other one has
.Ql priority 90 :
.Bd -literal -offset indent
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress {
        192.0.2.10/24
    }
}
.Ed";

const TEXT: &str = "\
.Sh TEXT
.Ss Lines and words
A line is a keyword and its arguments, with blanks between them.
There is no continuation of lines: a backslash at the end of one is a part of its last word.
A line has at most 1022 bytes, and no NUL.
Keywords are case-sensitive and never abbreviated.
Words behind the last argument are ignored, and a keyword that is given twice counts as it was given last, unless its
description says otherwise.
.Ss Comments
.Ql #
and
.Ql \\&!
begin a comment wherever they stand, in the middle of a word too, except within double quotes.
A word with one of them in it stands in quotes.
A backslash before them does not help: of
.Ql a\\e#b
the word
.Ql a
is left, as in keepalived, whose first process takes the backslash away before the others read the line.
.Ss Quotes
Double quotes make one word of all that they enclose, with its blanks, braces and comment characters.
They close on the line where they open, and nothing in them is an escape.
Single quotes are ordinary characters.
In the command of a script, once it is a word, blanks separate arguments, quotes of both kinds group, and a backslash
escapes.
.Ss Blocks
A block is opened by
.Ql {
behind its keyword, on the same line or on the next, and closed by
.Ql } .
Braces count wherever they stand outside double quotes, and what stands behind one is a line of its own.
There are three kinds:
blocks of keywords, one a line;
blocks of entries, one a line, such as
.Ic virtual_ipaddress ;
and lists of words, any number on a line, such as
.Ic notification_email .
A keyword that is not known opens no block: the lines in its braces are read as lines of the block around it, and its
.Ql }
ends that.
.Ss Files
.Ql include PATTERN
stands for the lines of the files that the pattern matches
.Po
.Ql * ,
.Ql \\&? ,
.Ql [...] ,
.Ql {a,b}
.Pc ,
in alphabetical order.
All of the rest of the line is the pattern, and it is relative to the directory of the including file.
It can stand anywhere, and a block may begin in one file and end in another.
Files that are executable are not read.
A file that is missing is no error; with
.Ql includer
one that is there and cannot be read is one, with
.Ql includem
one that is missing too, with
.Ql includew
a pattern that matches nothing too, with
.Ql includeb
an alternative in braces that is missing; with
.Ql includea
all of these are.
.Ic include_check
in
.Ic global_defs
demands the same of every
.Ql include
below it.
.Ss Conditions
.Ql @ID LINE
is
.Ql LINE
where the name of the configuration is
.Ql ID :
that of
.Fl i ,
or of the host up to its first dot.
.Ql @^ID LINE
is
.Ql LINE
everywhere else.
So one file can serve several nodes:
.Bd -literal -offset indent
@lb1 priority 100
@^lb1 priority 90
.Ed
.Ss Definitions
.Ql $NAME=VALUE ,
without a blank before the
.Ql = ,
lets
.Ql ${NAME}
stand for the value from here on, within quotes too; without braces
.Ql $NAME
does so before a blank, a comma,
.Ql \\&)
and the end of the line.
A definition is looked at when it is used, so that definitions it uses may come later; a name that is not defined is
left as it is.
A definition goes on in the next line when it ends in a backslash.
Such a one has to be the last thing on the line where it is used:
.Bd -literal -offset indent
$VI= \\e
vrrp_instance VI_$N { \\e
    virtual_router_id $N \\e
    interface eth0 \\e
}
$N=51
$VI
$N=52
$VI
.Ed
.Pp
Defined from the start are
.Ql ${_PWD}
(the directory of the file),
.Ql ${_INSTANCE}
(the name that conditions are about),
.Ql ${_RANDOM [MIN [MAX]]}
(a number, from 0 to 32767),
.Ql ${_ENV NAME}
(a variable of the environment),
.Ql ${_HASH}
and
.Ql ${_BANG}
.Po
.Ql #
and
.Ql \\&!
.Pc .
.Ss Repetitions
.Ql ~SEQ(NAME, FIRST, STEP, LAST) LINE
is the line again and again, with
.Ql $NAME
counting from
.Ql FIRST
to
.Ql LAST .
Without
.Ql STEP
it counts by one, up or down, and without
.Ql FIRST
from 1;
.Ql ~SEQx
writes hexadecimal numbers.
.Pp
.Ql ~LST(NAME, VALUE, ...) LINE
does the same with each value of a list, and
.Ql ~LST({A, B}, {1, 2}, {3, 4}) LINE
with several names at a time.
Repetitions can follow one another on a line, the first one being the outermost, and the line can be a definition of
many lines:
.Bd -literal -offset indent
~SEQ(N, 51, 60) $VI
.Ed";

const TAIL: &str = "\
.Sh FILES
.Bl -tag -width indent
.It Pa /etc/keepalived/keepalived.conf
The configuration.
.El
.Sh SEE ALSO
.Xr vrrpd 8";

/// The manual page of the language.
#[must_use]
pub fn language() -> String {
    let mut page = Page::new("vrrpd.conf", 5);
    page.line(HEAD);
    page.line(TEXT);
    arguments(&mut page);
    page.line(".Sh KEYWORDS");
    for block in blocks() {
        section(&mut page, &block);
    }
    page.line(TAIL);
    page.0
}

fn arguments(page: &mut Page) {
    page.line(".Sh ARGUMENTS\nWords in capitals stand for what is to be written:");
    page.line(".Bl -tag -width INTERFACE -compact");
    for placeholder in PLACEHOLDERS {
        page.line(&format!(".It Ar {}", placeholder.name));
        let unit =
            if placeholder.unit.is_empty() { String::new() } else { format!(", in {}", placeholder.unit) };
        page.prose(&format!("{}{unit}.", placeholder.meaning));
    }
    page.line(".El\n.Pp");
    page.prose(
        "What stands in `[...]` can be left out, `|` stands between words of which one is written, and `...` \
         means any number of them.",
    );
}

fn section(page: &mut Page, block: &BlockReference) {
    match block.opener {
        None => page.line(".Ss The top level"),
        Some(opener) => {
            page.quoted("Ss", &[block.name, opener.args].join(" "));
            page.prose(&opening(block, &opener));
        }
    }
    page.line(".Bl -tag -width indent");
    for keyword in &block.keywords {
        let args = keyword.args.replace('…', "...").replace('"', "\\(dq");
        let args = if args.is_empty() { args } else { format!(" Ar \"{args}\"") };
        page.line(&format!(".It Ic {}{args}", keyword.name));
        page.prose(&meaning(keyword, block.not_yet_because_of.is_none()));
    }
    page.line(".El");
}

fn opening(block: &BlockReference, opener: &KeywordReference) -> String {
    let home =
        |home: &Vec<&str>| home.last().map_or("at the top level".to_owned(), |name| format!("in `{name}`"));
    let homes: Vec<String> = block.homes.iter().map(home).collect();
    let mut text = if opener.doc.is_empty() { String::new() } else { format!("{}. ", capital(opener.doc)) };
    text += &format!("It stands {}.", homes.join(" and "));
    match (block.not_yet_because_of, opener.support) {
        (Some(outer), _) if outer != block.name => {
            text += &format!(" Not run yet, as the whole of `{outer}`.")
        }
        (_, support) => text += &beside_keepalived(support),
    }
    text
}

/// All that a row says; `run`: the block is not left alone as a whole.
fn meaning(keyword: &KeywordReference, run: bool) -> String {
    let mut text = if keyword.doc.is_empty() { String::new() } else { format!("{}.", capital(keyword.doc)) };
    let unit = unit(keyword.args);
    if !keyword.range.is_empty() {
        text += &format!(
            " Range: {}{}.",
            keyword.range,
            if unit.is_empty() { unit } else { format!(" ({unit})") }
        );
    } else if !unit.is_empty() {
        text += &format!(" In {unit}.");
    }
    if !keyword.default.is_empty() {
        text += &format!(" Default: {}.", keyword.default);
    }
    if run {
        text += &beside_keepalived(keyword.support);
    }
    if text.is_empty() { "Not run yet.".to_owned() } else { text.trim_start().to_owned() }
}

fn beside_keepalived(support: Support) -> String {
    match support {
        Support::Same => String::new(),
        Support::Differs(how) => format!(" Differs from keepalived: {how}."),
        Support::NotYet(effect) => format!(" Not run yet: {effect}."),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
