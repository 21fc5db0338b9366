//! What the program does when its first word is not an option: look at configurations, make its own books.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

use super::USAGE_ERROR;
use super::args::Args;
use super::compat::Compat;
use super::expand::Expand;
use super::explain::Explain;
use super::generate::Generate;
use super::plan::Plan;

/// A command line that begins with one of them.
#[derive(Debug, Parser)]
#[command(name = "vrrpd", disable_version_flag = true)]
struct Line {
    #[command(subcommand)]
    subcommand: Subcommand,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Say which keywords of a configuration run as in keepalived, differ, or are not run yet
    Compat(Compat),
    /// Print a configuration with includes, conditions, definitions and repetitions written out
    Expand(Expand),
    /// Say what a diagnostic of `-t` is about, with an example
    Explain(Explain),
    /// Print what a reload would do, object by object, and whether a client would notice
    Plan(Plan),
    /// Print the manual pages, the list of keywords, or completions for a shell
    #[command(subcommand, disable_help_subcommand = true)]
    Generate(Generate),
}

impl Subcommand {
    /// The subcommand that a command line asks for, or the exit code of one that is not understood;
    /// `None` when its first word is no subcommand, and the program is the daemon.
    pub(super) fn of(argv: &[OsString]) -> Option<Result<Self, u8>> {
        let first = argv.get(1)?.to_str()?;
        Line::command().get_subcommands().find(|command| command.get_name() == first)?;
        let parsed = Line::try_parse_from(argv).map(|line| line.subcommand);
        Some(parsed.map_err(|error| {
            // To standard output when it is the help that was asked for; a closed pipe is nobody's fault.
            let _ = error.print();
            if error.use_stderr() { USAGE_ERROR } else { 0 }
        }))
    }

    /// Runs it and gives the exit code; `Err` is one too.
    pub(super) fn run(self) -> Result<u8, u8> {
        match self {
            Self::Compat(question) => question.run(),
            Self::Expand(what) => what.run(),
            Self::Explain(question) => question.run(),
            Self::Plan(question) => question.run(),
            Self::Generate(what) => what.run(),
        }
    }
}

/// keepalived's options and our subcommands: for the help, the manual and completions.
pub(super) fn whole_command_line() -> clap::Command {
    <Subcommand as clap::Subcommand>::augment_subcommands(Args::command())
}
