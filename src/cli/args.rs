//! keepalived's options (behaviour of 2.2.7, and those that only other builds or versions have).

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::config::value::whole_c_number;
use crate::daemon::options::{CalledAs, Facility, GivenPidFiles, LogOptions, Options, Parts};

/// Where the configuration is unless `-f` says otherwise.
pub(super) const DEFAULT_CONFIG: &str = "/etc/keepalived/keepalived.conf";

/// Heading of the options that keepalived does not have. They have no short forms, so that they cannot be in
/// the way of one that it will have.
pub(super) const OURS: &str = "Options of ours";

/// How `-t` reports.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Format {
    /// keepalived's lines, and the places underlined
    #[default]
    Text,
    /// One document for programs
    Json,
    /// Annotations of a workflow
    Github,
}

/// A keepalived-compatible VRRP daemon.
#[derive(Debug, Parser)]
#[command(
    name = "vrrpd",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "vrrpd [OPTION...]\n       vrrpd COMMAND [ARGUMENT...]",
    disable_help_subcommand = true
)]
pub(super) struct Args {
    /// Use the specified configuration file
    #[arg(short = 'f', long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    use_file: PathBuf,
    /// Only run the VRRP part
    #[arg(short = 'P', long)]
    vrrp: bool,
    /// Only run the part for virtual servers
    #[arg(short = 'C', long)]
    check: bool,
    /// Run no BFD part
    #[arg(short = 'B', long = "no_bfd")]
    no_bfd: bool,
    /// Run every part, even without configuration for it
    #[arg(long)]
    all: bool,
    /// With -n: log to standard error
    #[arg(short = 'l', long)]
    log_console: bool,
    /// Log in detail; given twice, in more detail
    #[arg(short = 'D', long, action = clap::ArgAction::Count)]
    log_detail: u8,
    /// Syslog facility: 0 to 7, local0 to local7, user or daemon
    #[arg(short = 'S', long, value_name = "FACILITY", default_value = "daemon")]
    log_facility: String,
    /// Log to a file as well
    #[arg(
        short = 'g',
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "/tmp/keepalived.log"
    )]
    log_file: Option<PathBuf>,
    /// Without effect: lines are written at once
    #[arg(long)]
    flush_log_file: bool,
    /// Do not log to syslog
    #[arg(short = 'G', long)]
    no_syslog: bool,
    /// Mask of file permissions, as a number
    #[arg(short = 'u', long, value_name = "MASK")]
    umask: Option<String>,
    /// Remove virtual addresses on leaving MASTER even when they are not known to be set
    #[arg(short = 'X', long)]
    release_vips: bool,
    /// On exit leave virtual addresses in place
    #[arg(short = 'V', long)]
    dont_release_vrrp: bool,
    /// On exit leave virtual servers in place
    #[arg(short = 'I', long)]
    dont_release_ipvs: bool,
    /// End when a child process dies
    #[arg(short = 'R', long)]
    dont_respawn: bool,
    /// Stay in the foreground
    #[arg(short = 'n', long)]
    dont_fork: bool,
    /// Log the configuration as it was understood
    #[arg(short = 'd', long)]
    dump_conf: bool,
    /// Pid file of the parent process
    #[arg(short = 'p', long, value_name = "FILE")]
    pid: Option<PathBuf>,
    /// Pid file of the VRRP process
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    vrrp_pid: Option<PathBuf>,
    /// Pid file of the process for virtual servers
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE")]
    checkers_pid: Option<PathBuf>,
    /// Pid file of the BFD process
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE")]
    bfd_pid: Option<PathBuf>,
    /// Not in this version
    #[arg(short = 'T', long)]
    pub(super) genhash: bool,
    /// Log every address that comes or goes
    #[arg(short = 'a', long)]
    address_monitoring: bool,
    /// Without effect: there is no SNMP in this version
    #[arg(short = 'x', long)]
    snmp: bool,
    /// Without effect: there is no SNMP in this version
    #[arg(short = 'A', long, value_name = "FILE")]
    snmp_agent_socket: Option<OsString>,
    /// Run in this network namespace
    #[arg(short = 's', long, value_name = "NAME")]
    namespace: Option<String>,
    /// Allow core files
    #[arg(short = 'm', long)]
    core_dump: bool,
    /// Allow core files; the pattern is left to the system
    #[arg(short = 'M', long, value_name = "PATTERN", num_args = 0..=1, require_equals = true, default_missing_value = "core")]
    core_dump_pattern: Option<OsString>,
    /// A configuration file that is missing is an error
    #[arg(short = 'e', long)]
    all_config: bool,
    /// Selects lines that start with @ID; default: the name of this node
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
    /// Print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON
    #[arg(long, value_name = "NAME")]
    pub(super) signum: Option<String>,
    /// Check the configuration; report to standard error or to a file
    #[arg(short = 't', long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    config_test: Option<OsString>,
    /// With -t: how to report
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = OURS)]
    pub(super) format: Option<Format>,
    /// For debuggers
    #[arg(long)]
    ignore_sigint: bool,
    /// Print the version
    #[arg(short = 'v', long)]
    pub(super) version: bool,
    /// Print this help
    #[arg(short = 'h', long)]
    pub(super) help: bool,
    /// Of debug builds of keepalived; without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    perf: Option<OsString>,
    /// Of debug builds of keepalived; without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    debug: Option<OsString>,
    /// Of debug builds of keepalived; without effect
    #[arg(long, hide = true)]
    no_mem_check: bool,
    /// Of debug builds of keepalived; without effect
    #[arg(long, hide = true)]
    mem_check_log: bool,
}

/// What came of the options.
pub(super) struct Parsed {
    pub(super) options: Options,
    /// keepalived's lines about values that are ignored.
    pub(super) complaints: Vec<String>,
    /// `-S` is one of them, which `-t` takes for an error of the configuration.
    pub(super) bad_facility: bool,
}

impl Args {
    /// Where `-t` reports to: a file, or standard error when there is no name; `None` without `-t`.
    pub(super) fn config_test(&self) -> Option<Option<&Path>> {
        self.config_test
            .as_deref()
            .map(|file| Some(Path::new(file)).filter(|path| !path.as_os_str().is_empty()))
    }

    pub(super) fn options(&self, called_as: CalledAs, argv: Vec<OsString>) -> Parsed {
        let mut complaints = Vec::new();
        let facility = Facility::parse(&self.log_facility);
        if facility.is_none() {
            complaints.push(format!("Invalid log facility '{}'", self.log_facility));
        }
        let umask = match self.umask.as_deref().map(|text| (text, whole_c_number(text))) {
            None => None,
            Some((_, Some(mask @ ..=0o777))) => u32::try_from(mask).ok(),
            Some((text, _)) => {
                complaints.push(format!("Invalid --umask option {text}"));
                None
            }
        };
        let options = Options {
            called_as,
            argv,
            config_file: self.use_file.clone(),
            config_id: self.config_id.clone().unwrap_or_else(node_name),
            all_config: self.all_config,
            dump_conf: self.dump_conf,
            parts: Parts { vrrp: !self.check, checker: !self.vrrp, even_without_config: self.all },
            log: LogOptions {
                console: self.log_console && self.dont_fork,
                detail: self.log_detail,
                facility: facility.unwrap_or_default(),
                syslog: !self.no_syslog,
                file: self.log_file.clone(),
            },
            umask,
            dont_fork: self.dont_fork,
            dont_respawn: self.dont_respawn,
            dont_release_vrrp: self.dont_release_vrrp,
            no_bfd: self.no_bfd,
            release_vips: self.release_vips,
            address_monitoring: self.address_monitoring,
            ignore_sigint: self.ignore_sigint,
            core_dump: self.core_dump || self.core_dump_pattern.is_some(),
            namespace: self.namespace.clone(),
            pid_files: GivenPidFiles {
                parent: self.pid.clone(),
                vrrp: self.vrrp_pid.clone(),
                checkers: self.checkers_pid.clone(),
            },
            notes: self.notes(),
        };
        Parsed { options, complaints, bad_facility: facility.is_none() }
    }

    /// What was asked for and will not happen.
    fn notes(&self) -> Vec<String> {
        let note = |given: bool, text: &str| given.then(|| text.to_owned());
        [
            note(
                self.snmp || self.snmp_agent_socket.is_some(),
                "-x and -A are ignored: no SNMP in this version",
            ),
            note(
                self.core_dump_pattern.is_some(),
                "-M sets no pattern: /proc/sys/kernel/core_pattern is the system's",
            ),
            note(self.perf.is_some() || self.debug.is_some(), "--perf and --debug are ignored"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The name of this node up to its first dot.
pub(super) fn node_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let first = name.as_bytes().split(|byte| *byte == b'.').next().unwrap_or_default();
    String::from_utf8_lossy(first).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::getopt;
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> (Args, Parsed) {
        let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let words = getopt::normalise(&argv, &Args::command());
        let args = Args::try_parse_from(words.options).unwrap();
        let parsed = args.options(CalledAs::Vrrpd, argv);
        (args, parsed)
    }

    fn options(line: &str) -> Options {
        parse(line).1.options
    }

    #[test]
    fn clap_accepts_the_table() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_last_of_repeated_options_wins_and_detail_counts() {
        assert_eq!(options("-f a -f b -S 1 -S7").config_file, Path::new("b"));
        assert_eq!(options("-S 1 -S7").log.facility, Facility::Local(7));
        assert_eq!(options("-D -n -n -D -l").log.detail, 2);
    }

    #[test]
    fn the_console_needs_the_foreground() {
        assert!(options("-n -l").log.console);
        assert!(!options("-l").log.console);
    }

    #[test]
    fn bad_values_are_named_and_ignored() {
        let (_, parsed) = parse("-S 9 -u zz");
        // oracle: keepalived 2.2.7
        assert_eq!(parsed.complaints, ["Invalid log facility '9'", "Invalid --umask option zz"]);
        assert_eq!((parsed.options.log.facility, parsed.options.umask()), (Facility::Daemon, 0o177));
    }

    #[test]
    fn a_mask_is_a_number_of_c() {
        for (text, mask) in [("022", 0o22), ("18", 0o22), ("0x12", 0o22), ("0", 0)] {
            assert_eq!(options(&format!("-u {text}")).umask, Some(mask), "{text}");
        }
        assert_eq!(options("-u 01000").umask, None);
        assert_eq!(options("-u 089").umask, None);
    }

    #[test]
    fn the_test_reports_to_a_file_or_to_standard_error() {
        assert_eq!(parse("-n").0.config_test(), None);
        assert_eq!(parse("-t").0.config_test(), Some(None));
        assert_eq!(parse("-tx").0.config_test(), Some(Some(Path::new("x"))));
        assert_eq!(parse("-t=x").0.config_test(), Some(Some(Path::new("=x"))));
        assert_eq!(parse("--config-test=x").0.config_test(), Some(Some(Path::new("x"))));
    }

    #[test]
    fn a_part_alone_excludes_the_other() {
        let parts = |line| (options(line).parts.vrrp, options(line).parts.checker);
        assert_eq!(parts("-n"), (true, true));
        assert_eq!(parts("-P"), (true, false));
        assert_eq!(parts("-C"), (false, true));
    }

    /// The shapes in units and images of keepalived's users.
    #[test]
    fn command_lines_seen_in_the_wild_are_understood() {
        for line in [
            "--dont-fork --log-console --log-detail --dump-conf",
            "--dont-fork --vrrp --log-detail --log-console",
            "--config-id=a --use-file=x --pid=/etc/keepalived.pid/keepalived.pid",
            "-P -C -d -D -S 7 -f x --dont-fork --log-console",
            "-l -t -f x",
            "--use-file=x --check --all-config --config-test",
            "-x -A unix:/var/agentx/master -m -Mcore -a -s ns -g/tmp/x -G --flush-log-file --no-mem-check --debug=x --perf",
        ] {
            let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let words = getopt::normalise(&argv, &Args::command());
            assert_eq!((words.complaints.len(), words.leftover.len()), (0, 0), "{line}: {words:?}");
            Args::try_parse_from(words.options).unwrap();
        }
    }
}
