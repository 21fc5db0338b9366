//! `-t`: what is wrong with a configuration, without running it.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::USAGE_ERROR;
use crate::config::{Class, Diagnostic, Loaded, SourceMap};
use crate::daemon::options::Options;
use crate::daemon::{configuration, script_security};
use crate::sys::process;

/// Reports everything to `output`, or to standard error; the exit code is that of keepalived's
/// highest class of error. `bad_facility`: `-S` was ignored, which counts.
pub(super) fn run(options: &Options, output: Option<&Path>, bad_facility: bool) -> u8 {
    process::set_umask(options.umask());
    let result = match output {
        None => report(options, &mut io::stderr().lock(), io::stderr().is_terminal()),
        Some(path) => open(path).and_then(|mut file| report(options, &mut file, false)),
    };
    match result {
        Ok(code) if bad_facility => worse(code, Class::Config),
        Ok(code) => code,
        Err(error) => {
            let path = output.unwrap_or(Path::new("standard error"));
            eprintln!("Unable to open config-test log file {}: {error}", path.display());
            USAGE_ERROR
        }
    }
}

fn open(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().append(true).create(true).mode(0o666).custom_flags(libc::O_NOFOLLOW).open(path)
}

fn report(options: &Options, output: &mut dyn Write, colour: bool) -> io::Result<u8> {
    let loaded = match configuration::load_where_it_runs(options) {
        Ok(loaded) => loaded,
        Err(error) => {
            writeln!(output, "{error}")?;
            return Ok(Class::Unusable.exit_code());
        }
    };
    let mut code = loaded.test_exit_code();
    if options.all_config {
        code = worse(code, missing_files(&loaded));
    }
    tell(&loaded.diagnostics, &loaded.sources, output, colour)?;
    let sources = loaded.sources.clone();
    let vetted = script_security::vet(loaded);
    tell(&vetted.problems, &sources, output, colour)?;
    Ok(vetted.test_exit_code(code))
}

/// keepalived's line, where it has one under `-t`, and ours.
fn tell(
    problems: &[Diagnostic],
    sources: &SourceMap,
    output: &mut dyn Write,
    colour: bool,
) -> io::Result<()> {
    for problem in problems {
        if problem.class != Class::Harmless {
            for line in problem.classic_lines(sources) {
                writeln!(output, "{line}")?;
            }
        }
        writeln!(output, "{}\n", problem.render(sources, colour))?;
    }
    Ok(())
}

/// What `-e` makes of a main file that is not there; included ones are the reader's business.
fn missing_files(loaded: &Loaded) -> Class {
    if loaded.run_exit_code() == Some(crate::daemon::child::exit_code::NO_CONFIG) {
        Class::Unusable
    } else {
        Class::Harmless
    }
}

/// 2 is about a file that was not read to its end, and stays.
fn worse(code: u8, class: Class) -> u8 {
    if code == 2 { code } else { code.max(class.exit_code()) }
}
