//! vrrpd(8).

use super::Page;

/// A command of the command line: the daemon itself, or a subcommand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommandReference {
    /// Its words, `generate keywords`; empty for the daemon.
    pub name: String,
    /// What it does.
    pub about: String,
    /// What else there is to say, as for its exit code.
    pub remark: String,
    /// Options, and arguments without a name.
    pub arguments: Vec<OptionReference>,
}

/// An option or an argument.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OptionReference {
    /// keepalived does not have it.
    pub ours: bool,
    /// `-f`
    pub short: Option<char>,
    /// `--use-file`
    pub long: Option<String>,
    /// `FILE`; `None`: it takes no value.
    pub value: Option<String>,
    /// The value can be left out; one that is given is glued to its option.
    pub value_is_optional: bool,
    /// The words that it takes, where it takes no others.
    pub choices: Vec<String>,
    /// What it does.
    pub help: String,
    /// What holds without it.
    pub default: Option<String>,
}

const SYNOPSIS: &str = "\
.Sh NAME
.Nm vrrpd
.Nd VRRP daemon that stands in for keepalived
.Sh SYNOPSIS
.Nm
.Op Ar option ...
.Nm
.Fl t
.Op Ar option ...
.Nm
.Ar command
.Op Ar argument ...";

const DESCRIPTION: &str = "\
.Sh DESCRIPTION
.Nm
reads a configuration in keepalived's language, see
.Xr vrrpd.conf 5 ,
speaks VRRP (version 2 and 3, IPv4 and IPv6) with the other routers of each
.Ic vrrp_instance ,
and keeps virtual addresses on the one that is master.
It runs in the background unless
.Fl n
is given, in several processes that bear the name under which it was called.
.Pp
Called as
.Ql keepalived ,
by a symbolic link, it names itself so in its log and its version, and knows no commands.
.Sh OPTIONS
They are keepalived's.
A long option can be cut short where its beginning is that of no other; a value that is optional is glued to its option,
as in
.Fl t Ns Ar FILE .
Those that keepalived does not have are marked
.Dq ours .";

const SIGNALS: &str = "\
.Sh SIGNALS
To the parent process, whose number is in its pid file:
.Bl -tag -width SIGTERM
.It Dv SIGHUP
Read the configuration again.
What is the same in the new one is not touched; one that cannot run changes nothing.
.It Dv SIGTERM , SIGINT
Give up being master, remove the addresses, run
.Ic notify_stop ,
end.
.It Dv SIGUSR1
Write
.Pa keepalived.data :
the configuration and the state of everything.
.It Dv SIGUSR2
Write
.Pa keepalived.stats :
the counters of each instance.
.It 36
Asks for
.Pa keepalived.json .
.It 63
Write
.Pa keepalived.stats ,
then set the counters to 0.
.El
.Pp
The numbers are those that
.Fl -signum
prints.";

const FILES: &str = "\
.Sh ENVIRONMENT
.Bl -tag -width CLICOLOR_FORCE
.It Ev TMPDIR
The directory of
.Pa keepalived.data
and its kin, if it is an absolute path; else
.Pa /tmp .
.It Ev PATH
Where scripts are looked for that are given without a directory.
.It Ev NOTIFY_SOCKET
Where the service manager is told that the daemon is ready, reloading, or at its end.
.It Ev NO_COLOR
If it is not empty,
.Fl t
reports without colours.
.It Ev CLICOLOR_FORCE
If it is neither empty nor 0,
.Fl t
reports in colours even where standard error is no terminal.
.It any other
Is what
.Ql ${_ENV NAME}
stands for in a configuration.
.El
.Sh FILES
.Bl -tag -width indent
.It Pa /etc/keepalived/keepalived.conf
The configuration, unless
.Fl f
names another.
.It Pa /run/keepalived.pid , /run/vrrp.pid
Numbers of the parent process and of the one that speaks VRRP; with
.Fl s Ar NAME
they are in
.Pa /run/keepalived/NAME .
.It Pa /tmp/keepalived.data , /tmp/keepalived.stats
What the signals ask for.
.El
.Sh EXIT STATUS
Of the daemon:
.Bl -tag -width 1n -compact
.It 0
It was told to end.
.It 1
The command line is not understood, or something failed that running again does not mend.
.It 2
The configuration makes running impossible.
.It 4
It lacks a permission.
.It 6
There is no configuration, or a file that an
.Ic include
demands is missing.
.El
.Pp
Of
.Fl t ,
the number of the worst that was found:
.Bl -tag -width 1n -compact
.It 0
keepalived would find nothing wrong.
.It 1
The command line is not understood, or the report cannot be written.
.It 2
A keyword lacks its argument: keepalived would stop reading there.
.It 4
A file or an interface is missing.
.It 5
Anything else is wrong.
.It 6
Scripts would run without
.Ic enable_script_security ,
or a file that an
.Ic include
demands is missing.
.El
.Pp
Of the commands: 0, and 1 for a command line that is not understood, unless they say otherwise.";

const SEE_ALSO: &str = "\
.Sh SEE ALSO
.Xr vrrpd.conf 5
.Sh STANDARDS
RFC 3768 (VRRP version 2) and RFC 5798 (version 3), as keepalived 2.2.7 understands them.
Where
.Nm
differs from keepalived on purpose, docs/COMPATIBILITY.md says how and why.";

/// The manual page of the program. The first of `commands` is the daemon itself.
#[must_use]
pub fn daemon(commands: &[CommandReference]) -> String {
    let mut page = Page::new("vrrpd", 8);
    page.line(SYNOPSIS);
    page.line(DESCRIPTION);
    let (daemon, subcommands) = commands
        .split_first()
        .map_or((&[][..], commands), |(first, rest)| (first.arguments.as_slice(), rest));
    list(&mut page, daemon);
    page.line(".Sh COMMANDS");
    page.line("A command is the first word.");
    page.line(".Bl -tag -width indent");
    for command in subcommands.iter().filter(|command| !has_parts(command, subcommands)) {
        let mut item = format!(".It Cm {}", command.name);
        let named = |argument: &&OptionReference| argument.long.is_some() || argument.short.is_some();
        if command.arguments.iter().any(|argument| named(&argument)) {
            item += " Oo Ar option ... Oc";
        }
        for argument in command.arguments.iter().filter(|argument| !named(argument)) {
            let value = argument.value.as_deref().unwrap_or_default();
            item += &if argument.value_is_optional {
                format!(" Oo Ar {value} Oc")
            } else {
                format!(" Ar {value}")
            };
        }
        page.line(&item.replace('|', "\\*(Ba"));
        page.prose(&sentence(&command.about));
        if !command.arguments.is_empty() {
            list(&mut page, &command.arguments);
        }
        if !command.remark.is_empty() {
            page.line(".Pp");
            page.prose(&command.remark);
        }
    }
    page.line(".El");
    page.line(SIGNALS);
    page.line(FILES);
    page.line(SEE_ALSO);
    page.0
}

/// Whether a command is the common beginning of others.
fn has_parts(command: &CommandReference, all: &[CommandReference]) -> bool {
    all.iter()
        .any(|other| other.name.strip_prefix(command.name.as_str()).is_some_and(|rest| rest.starts_with(' ')))
}

fn list(page: &mut Page, arguments: &[OptionReference]) {
    page.line(".Bl -tag -width indent");
    for argument in arguments {
        page.line(&format!(".It {}", spelling(argument).replace('|', "\\*(Ba")));
        let mark = if argument.ours { " (ours)." } else { "." };
        page.prose(&format!("{}{mark}", argument.help.trim_end_matches('.')));
        if !argument.choices.is_empty() && !argument.value.as_deref().is_some_and(|value| value.contains('|'))
        {
            page.prose(&format!("One of `{}`.", argument.choices.join("`, `")));
        }
        if let Some(default) = argument.default.as_deref().filter(|_| argument.value.is_some()) {
            page.prose(&format!("The default is `{default}`."));
        }
    }
    page.line(".El");
}

/// `Fl f Ar FILE , Fl -use-file Ns = Ns Ar FILE`
fn spelling(argument: &OptionReference) -> String {
    let value = argument.value.as_deref();
    let short = argument.short.map(|letter| match value {
        None => format!("Fl {letter}"),
        Some(value) if argument.value_is_optional => format!("Fl {letter} Ns Oo Ar {value} Oc"),
        Some(value) => format!("Fl {letter} Ar {value}"),
    });
    let long = argument.long.as_deref().map(|name| match value {
        None => format!("Fl -{name}"),
        Some(value) if argument.value_is_optional => format!("Fl -{name} Ns Oo = Ns Ar {value} Oc"),
        Some(value) => format!("Fl -{name} Ns = Ns Ar {value}"),
    });
    match (short, long, value) {
        (None, None, value) => format!("Ar {}", value.unwrap_or_default()),
        (short, long, _) => [short, long].into_iter().flatten().collect::<Vec<_>>().join(" , "),
    }
}

/// Help texts have no full stop.
fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}
