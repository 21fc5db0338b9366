//! The command line: argv in, exit code out.
//!
//! Without a subcommand the program is the daemon and takes keepalived's options. [`getopt`]
//! brings those into a shape that clap understands, [`args`] says what they are. A subcommand is the
//! first word, and there is none under keepalived's name, which has no such words.

mod args;
mod compat;
mod config_test;
mod expand;
mod explain;
mod generate;
mod getopt;
mod plan;
mod subcommand;
mod version;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use args::{Args, Parsed};
use clap::{CommandFactory, FromArgMatches};
use subcommand::Subcommand;

use crate::daemon::options::CalledAs;
use crate::daemon::signals::Request;
use crate::daemon::{supervisor, vrrp};

/// Exit code of a command line that is not understood, as keepalived's.
const USAGE_ERROR: u8 = 1;

/// Runs the program and gives its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = args.collect();
    ExitCode::from(run(&argv).unwrap_or_else(|code| code))
}

/// `Err` is an exit code too: that of a run which ends before it begins.
fn run(argv: &[OsString]) -> Result<u8, u8> {
    let called_as = called_as(argv.first().map(OsString::as_os_str));
    if called_as == CalledAs::Vrrpd
        && let Some(subcommand) = Subcommand::of(argv)
    {
        return subcommand?.run();
    }
    let words = getopt::normalise(argv.get(1..).unwrap_or_default(), &Args::command());
    for complaint in &words.complaints {
        eprintln!("{complaint}");
    }
    let matches = Args::command().try_get_matches_from(&words.options).map_err(|error| {
        eprintln!("{error}");
        USAGE_ERROR
    })?;
    let args = Args::from_arg_matches(&matches).map_err(|error| {
        eprintln!("{error}");
        USAGE_ERROR
    })?;
    if args.version {
        eprint!("{}", version::text(called_as));
        return Ok(0);
    }
    if args.help {
        eprint!("{}", subcommand::whole_command_line().render_help());
        return Ok(0);
    }
    if let Some(name) = &args.signum {
        return signum(name);
    }
    if !words.leftover.is_empty() {
        let words: Vec<_> = words.leftover.iter().map(|word| word.display().to_string()).collect();
        // Where keepalived writes it, with its blank at the end.
        let _ = writeln!(std::io::stdout(), "Unexpected argument(s): {} ", words.join(" "));
    }
    if !words.complaints.is_empty() {
        return Err(USAGE_ERROR);
    }
    if args.genhash {
        eprintln!("genhash is not in this version of vrrpd");
        return Err(USAGE_ERROR);
    }
    let Parsed { options, complaints, bad_facility } = args.options(called_as, argv.to_vec());
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    match args.config_test() {
        Some(output) => Ok(config_test::run(&options, args.format.unwrap_or_default(), output, bad_facility)),
        None if args.format.is_some() => {
            eprintln!("--format is for -t");
            Err(USAGE_ERROR)
        }
        None => Ok(supervisor::run(options, vrrp::run)),
    }
}

/// `--signum NAME`.
fn signum(name: &str) -> Result<u8, u8> {
    match Request::number_by_name(name) {
        Some(number) => {
            println!("{number}");
            Ok(0)
        }
        None => {
            eprintln!("Unknown sigfunc {name}");
            Err(USAGE_ERROR)
        }
    }
}

fn called_as(argv0: Option<&OsStr>) -> CalledAs {
    match argv0.and_then(|path| Path::new(path).file_name()) {
        Some(name) if name == "keepalived" => CalledAs::Keepalived,
        _ => CalledAs::Vrrpd,
    }
}
