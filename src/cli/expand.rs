//! `vrrpd expand`: a configuration with its includes, conditions, definitions and repetitions written out.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use super::args::{DEFAULT_CONFIG, node_name};
use crate::config::environment::Described;
use crate::config::{Consequence, Passwords, expand};
use crate::daemon::files::DiskFiles;

/// There is no file to write out.
const NO_FILE: u8 = 2;

/// What to write out.
#[derive(Debug, clap::Args)]
#[command(
    about = "Print a configuration with includes, conditions, definitions and repetitions written out",
    after_help = "What is printed means the same as the file, but for passwords, which are stars unless asked for. \
                  Exit code: 0, or 2 when there is no such file."
)]
pub(super) struct Expand {
    /// The configuration
    #[arg(value_name = "FILE", default_value = DEFAULT_CONFIG, value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Print passwords as they are
    #[arg(long)]
    show_passwords: bool,
    /// Selects lines that start with @ID; default: the name of this node
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
}

impl Expand {
    pub(super) fn run(self) -> Result<u8, u8> {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let machine = Described {
            config_id: Some(self.config_id.unwrap_or_else(node_name)),
            working_directory: std::env::current_dir().unwrap_or_default(),
            variables: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            ..Described::default()
        };
        let passwords = if self.show_passwords { Passwords::Shown } else { Passwords::Masked };
        let expanded = expand(&self.file, &DiskFiles, &machine, passwords);
        let colour = io::stderr().is_terminal();
        for diagnostic in &expanded.diagnostics {
            eprintln!("{}", diagnostic.render(&expanded.sources, colour));
        }
        if expanded.diagnostics.iter().any(|d| d.consequence == Consequence::NothingToRun) {
            return Err(NO_FILE);
        }
        // A closed pipe is nobody's fault.
        let _ = io::stdout().lock().write_all(expanded.text.as_bytes());
        Ok(0)
    }
}
