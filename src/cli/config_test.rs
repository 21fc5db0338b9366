//! `-t`: what is wrong with a configuration, without running it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::USAGE_ERROR;
use super::args::Format;
use crate::config::diagnostic::{self, Class, Diagnostic, Report};
use crate::config::{Loaded, SourceMap, source};
use crate::daemon::options::Options;
use crate::daemon::{configuration, script_security};
use crate::sys::process;

/// Reports everything to `output`; the exit code is that of keepalived's highest class of error.
/// Without `output`, people read standard error, as with keepalived, and programs standard output.
/// `bad_facility`: `-S` was ignored, which counts.
pub(super) fn run(options: &Options, format: Format, output: Option<&Path>, bad_facility: bool) -> u8 {
    process::set_umask(options.umask());
    let examined = Examined::of(options, bad_facility);
    let written = match (output, format) {
        (None, Format::Text) => {
            let colour = colour(io::stderr().is_terminal(), |name| std::env::var_os(name));
            io::stderr().lock().write_all(examined.text(colour).as_bytes())
        }
        (None, _) => io::stdout().lock().write_all(examined.formatted(format).as_bytes()),
        (Some(path), _) => {
            open(path).and_then(|mut file| file.write_all(examined.formatted(format).as_bytes()))
        }
    };
    match written {
        Ok(()) => examined.code,
        Err(error) => {
            let path = output.unwrap_or(Path::new("standard output"));
            eprintln!("Unable to open config-test log file {}: {error}", path.display());
            USAGE_ERROR
        }
    }
}

fn open(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().append(true).create(true).mode(0o666).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Whether to write in colours: what the environment asks for, else to terminals only.
fn colour(terminal: bool, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    let is_set = |name| variable(name).filter(|value| !value.is_empty());
    if is_set("NO_COLOR").is_some() {
        return false;
    }
    let forced = is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    forced || (terminal && is_set("TERM").is_none_or(|term| term != "dumb"))
}

/// What there is to say about a configuration, of whatever kind.
struct Examined {
    problems: Vec<Diagnostic>,
    sources: SourceMap,
    /// Whether a daemon starts with it.
    starts: bool,
    code: u8,
}

impl Examined {
    fn of(options: &Options, bad_facility: bool) -> Self {
        let (loaded, elsewhere) = match configuration::read_where_it_runs(options) {
            Ok(reading) => (reading.loaded, None),
            // The file can be looked at from here, too.
            Err(error) => (configuration::load(options), Some(error.diagnostic())),
        };
        let mut code = loaded.test_exit_code();
        if let Some(problem) = &elsewhere {
            code = worse(code, problem.class);
        }
        if options.all_config {
            code = worse(code, missing_files(&loaded));
        }
        let (starts, sources) = (!loaded.is_fatal() && elsewhere.is_none(), loaded.sources.clone());
        let mut problems: Vec<_> = elsewhere.into_iter().chain(loaded.diagnostics.iter().cloned()).collect();
        let vetted = script_security::vet(loaded);
        code = vetted.test_exit_code(code);
        if bad_facility {
            code = worse(code, Class::Config);
        }
        problems.extend(vetted.problems);
        Self { problems, sources, starts, code }
    }

    fn formatted(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(false),
            Format::Json => Report::new(&self.problems, &self.sources, self.starts, self.code).json(),
            Format::Github => diagnostic::github(&self.problems, &self.sources),
        }
    }

    fn text(&self, colour: bool) -> String {
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for problem in &self.problems {
            *times.entry(identity(problem)).or_default() += 1;
        }
        let mut text = String::new();
        for problem in &self.problems {
            for line in problem.keepaliveds_lines(&self.sources) {
                text += &format!("{line}\n");
            }
            if problem.is_echo() {
                continue;
            }
            // keepalived says the same of each round of a repetition; an excerpt of each helps nobody.
            if let Some(times) = times.remove(&identity(problem)) {
                text += &format!("{}\n\n", problem.render_once(&self.sources, colour, times - 1));
            }
        }
        text
    }
}

type Identity<'d> = (&'static str, Option<(source::FileId, u32, u32)>, &'d str);

/// What makes two diagnostics one to a reader.
fn identity(problem: &Diagnostic) -> Identity<'_> {
    (problem.id, problem.span.map(|span| (span.file, span.start, span.end)), &problem.message)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: no-color.org and bixense.com/clicolors
    #[test]
    fn the_environment_decides_on_colours_before_the_terminal_does() {
        for (variables, on_terminal, elsewhere) in [
            (&[][..], true, false),
            (&[("NO_COLOR", "1")], false, false),
            (&[("NO_COLOR", "")], true, false),
            (&[("CLICOLOR_FORCE", "1")], true, true),
            (&[("CLICOLOR_FORCE", "0")], true, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false),
            (&[("TERM", "dumb")], false, false),
            (&[("TERM", "xterm")], true, false),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into());
            assert_eq!(colour(true, variable), on_terminal, "{variables:?}");
            assert_eq!(colour(false, variable), elsewhere, "{variables:?}");
        }
    }
}
