//! `vrrpd generate`: the books that are made from tables, to standard output or into their places.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap_complete::Shell;

use super::USAGE_ERROR;
use super::args::OURS;
use super::subcommand::whole_command_line;
use crate::docs::man::{CommandReference, OptionReference};
use crate::docs::{diagnostics, keywords, man};

/// What to make.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Generate {
    /// The reference of all keywords, as Markdown
    Keywords,
    /// A manual page: vrrpd(8) or vrrpd.conf(5)
    Man {
        /// The section
        #[arg(value_parser = clap::value_parser!(u8).range(5..=8), value_name = "5|8", default_value = "8")]
        section: u8,
    },
    /// The list of diagnostics, and the form in which programs get them, as Markdown
    Diagnostics,
    /// Completions of the command line
    Completions {
        /// For which shell
        #[arg(value_name = "bash|zsh|fish")]
        shell: Shell,
    },
    /// All of it, into the files of a source tree
    All {
        /// The top of the tree
        #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        directory: PathBuf,
    },
}

/// The shells whose completions are in the source tree, and the names under which they look for them.
const SHELLS: [(Shell, &str); 3] =
    [(Shell::Bash, "vrrpd.bash"), (Shell::Zsh, "_vrrpd"), (Shell::Fish, "vrrpd.fish")];

impl Generate {
    pub(super) fn run(self) -> Result<u8, u8> {
        let done = match self {
            Self::Keywords => print(&keywords::markdown()),
            Self::Diagnostics => print(&diagnostics::markdown()),
            Self::Man { section: 5 } => print(&man::language()),
            Self::Man { .. } => print(&man::daemon(&command_line())),
            Self::Completions { shell } => print(&completions(shell)),
            Self::All { directory } => all(&directory),
        };
        done.map(|()| 0).map_err(|error| {
            eprintln!("vrrpd generate: {error}");
            USAGE_ERROR
        })
    }
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

fn all(directory: &Path) -> io::Result<()> {
    let book = |path: &str, text: String| {
        let path = directory.join(path);
        let context = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text))
            .map_err(context)
    };
    book("docs/KEYWORDS.md", keywords::markdown())?;
    book("docs/DIAGNOSTICS.md", diagnostics::markdown())?;
    book("contrib/man/vrrpd.8", man::daemon(&command_line()))?;
    book("contrib/man/vrrpd.conf.5", man::language())?;
    SHELLS
        .into_iter()
        .try_for_each(|(shell, name)| book(&format!("contrib/completions/{name}"), completions(shell)))
}

fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut whole_command_line(), "vrrpd", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The command line as the manual describes it: a first entry without a name for the daemon itself, then
/// each subcommand.
fn command_line() -> Vec<CommandReference> {
    let mut commands = Vec::new();
    let mut whole = whole_command_line();
    whole.build();
    describe(&whole, "", &mut commands);
    commands
}

fn describe(command: &clap::Command, path: &str, commands: &mut Vec<CommandReference>) {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let arguments = shown.map(option).collect();
    let remark = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    commands.push(CommandReference { name: path.to_owned(), about, remark, arguments });
    for inner in command.get_subcommands() {
        let path = format!("{path} {}", inner.get_name());
        describe(inner, path.trim_start(), commands);
    }
}

/// The words that it takes, where it takes no others.
fn choices(argument: &clap::Arg) -> Vec<String> {
    let values = argument.get_possible_values();
    values.iter().filter(|_| argument.get_action().takes_values()).map(|v| v.get_name().to_owned()).collect()
}

fn option(argument: &clap::Arg) -> OptionReference {
    let takes_value = argument.get_action().takes_values();
    let name = || argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
    let optional = optional || (argument.is_positional() && !argument.is_required_set());
    OptionReference {
        ours: argument.get_help_heading() == Some(OURS),
        short: argument.get_short(),
        long: argument.get_long().map(str::to_owned),
        value: takes_value.then(name).flatten(),
        value_is_optional: optional,
        choices: choices(argument),
        help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
        default: argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned()),
    }
}
