//! What the command line says, as values.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::block::FileDefs;

/// The name under which the program was called. It decides how the program names itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CalledAs {
    /// `keepalived`, as scripts and packages of keepalived's users do.
    Keepalived,
    /// Anything else.
    #[default]
    Vrrpd,
}

impl CalledAs {
    /// The name and version in `Starting …`, `Stopped …` and the first line of `-v`.
    ///
    /// Facts of Puppet and exporters parse keepalived's form, so under its name it must be that
    /// of the version whose behaviour we show.
    #[must_use]
    pub fn banner(self) -> &'static str {
        match self {
            Self::Keepalived => "Keepalived v2.2.7 (01/16,2022)",
            Self::Vrrpd => {
                concat!("vrrpd v", env!("CARGO_PKG_VERSION"), " (compatible with Keepalived v2.2.7)")
            }
        }
    }
}

/// `-S`: the syslog facility.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Facility {
    /// `user`.
    User,
    /// `daemon`, the default.
    #[default]
    Daemon,
    /// `0` to `7` or `local0` to `local7`.
    Local(u8),
}

impl Facility {
    /// From the argument of `-S`; `None` when it is none of those.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "user" => Some(Self::User),
            "daemon" => Some(Self::Daemon),
            _ => match word.strip_prefix("local").unwrap_or(word).as_bytes() {
                [digit @ b'0'..=b'7'] => Some(Self::Local(digit - b'0')),
                _ => None,
            },
        }
    }

    /// The number of RFC 3164 §4.1.1.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Daemon => 3,
            Self::Local(n) => 16 + n,
        }
    }
}

/// Where log lines go and which.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogOptions {
    /// `-l` together with `-n`: standard error.
    pub console: bool,
    /// How often `-D` was given: 0 leaves detail lines out, 2 gives most.
    pub detail: u8,
    /// `-S`.
    pub facility: Facility,
    /// `-G` clears it.
    pub syslog: bool,
    /// `-g`: a file, beside the others.
    pub file: Option<PathBuf>,
}

/// `-P`, `-C`, `-B`, `--all`: which children may run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parts {
    /// The VRRP child.
    pub vrrp: bool,
    /// The child of virtual servers.
    pub checker: bool,
    /// `--all`: children without configuration too.
    pub even_without_config: bool,
}

/// Where pid files are that need a directory, which is made when it is missing.
pub const PID_DIRECTORY: &str = "/run/keepalived";

/// `-p`, `-r`, `-c`; what is not given follows from the namespace and the configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GivenPidFiles {
    /// Of the parent.
    pub parent: Option<PathBuf>,
    /// Of the VRRP child.
    pub vrrp: Option<PathBuf>,
    /// Of the checker child.
    pub checkers: Option<PathBuf>,
}

/// The options of a run as a daemon.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// The name we were called by.
    pub called_as: CalledAs,
    /// The whole command line, for the log.
    pub argv: Vec<OsString>,
    /// `-f`.
    pub config_file: PathBuf,
    /// `-i`; default: the node name up to its first dot.
    pub config_id: String,
    /// `-e`: a file that is not there is an error.
    pub all_config: bool,
    /// `-d`.
    pub dump_conf: bool,
    /// `-P`, `-C`, `--all`.
    pub parts: Parts,
    /// `-l`, `-D`, `-S`, `-G`, `-g`.
    pub log: LogOptions,
    /// `-u`: the file creation mask of all processes and scripts; `None`: `umask` of the configuration.
    pub umask: Option<u32>,
    /// `-n`: stay in the foreground.
    pub dont_fork: bool,
    /// `-R`: a child that dies ends the daemon.
    pub dont_respawn: bool,
    /// `-V`: leave virtual addresses in place at the end, and send no priority 0.
    pub dont_release_vrrp: bool,
    /// `-B`: run no BFD session.
    pub no_bfd: bool,
    /// `-X`: on leaving MASTER remove the virtual addresses even when we did not add them.
    pub release_vips: bool,
    /// `-a`: log all addresses that come and go.
    pub address_monitoring: bool,
    /// `--ignore-sigint`.
    pub ignore_sigint: bool,
    /// `-m`, `-M`: allow core files.
    pub core_dump: bool,
    /// `-s`: the network namespace to run in.
    pub namespace: Option<String>,
    /// `-p`, `-r`, `-c`.
    pub pid_files: GivenPidFiles,
    /// What was asked for and will not happen, for the log.
    pub notes: Vec<String>,
}

impl Options {
    /// The file creation mask as long as no configuration is read.
    #[must_use]
    pub fn umask(&self) -> u32 {
        self.umask.unwrap_or(FileDefs::default().mask())
    }

    /// Makes all paths mean the same after the working directory has changed.
    pub fn make_paths_absolute(&mut self) {
        let GivenPidFiles { parent, vrrp, checkers } = &mut self.pid_files;
        let given = [parent, vrrp, checkers, &mut self.log.file].into_iter().filter_map(Option::as_mut);
        let paths = given.chain([&mut self.config_file]);
        for path in paths {
            // One that cannot be made absolute (the directory is gone) is reported when it is opened.
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_are_those_of_keepalived() {
        // oracle: keepalived 2.2.7 `--help`, numbers of RFC 3164 §4.1.1
        for (word, number) in
            [("user", 1), ("daemon", 3), ("0", 16), ("7", 23), ("local0", 16), ("local5", 21)]
        {
            assert_eq!(Facility::parse(word).map(Facility::number), Some(number), "{word}");
        }
        for word in ["8", "9", "local8", "local", "", "kern", "local07", "-1"] {
            assert_eq!(Facility::parse(word), None, "{word}");
        }
    }
}
