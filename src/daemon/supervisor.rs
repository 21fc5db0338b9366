//! The parent: starts the others, passes signals on, starts again what dies.
//!
//! It has one thread for all its life, because it forks for all its life, and it knows nothing of
//! VRRP. Start reading at [`run`]; [`Supervisor::turn`] is the loop.

mod late_accounts;
mod launch;
mod life_script;
mod pid_files;
mod reload;
mod reload_time;
mod respawn;
mod saved_copies;
mod timed_reload;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGKILL, SIGTERM};

use crate::config::block::{DaemonDefs, ProcessDefs};
use crate::config::{self, Config};
use crate::daemon::child::{ChildContext, ChildLink, FromChild, ParentLink, exit_code};
use crate::daemon::configuration::{self, Accepted};
use crate::daemon::dump_file::{self, Readers};
use crate::daemon::identity::Identity;
use crate::daemon::logging::{ALERT, LogHandle, SYSLOG_SOCKET};
use crate::daemon::options::Options;
use crate::daemon::runner::Runner;
use crate::daemon::script_security::Rules;
use crate::daemon::signals::{Request, Signals};
use crate::sys::pidfile::PidFile;
use crate::sys::process::{self, Exit};
use crate::sys::sched;
use crate::sys::sd_notify;
use crate::sys::seqpacket::SeqPacket;
use crate::vrrp::PartingTimes;
use late_accounts::LateAccounts;
use launch::Launcher;
use life_script::LifeScript;
use pid_files::claim;
use respawn::Respawn;
use saved_copies::SavedCopies;
use timed_reload::TimedReload;

/// The body of the VRRP child, which gives its exit code.
pub type ChildMain = fn(ChildContext) -> u8;

/// How long the script runner is waited for at the very end.
const RUNNER_LIMIT: Duration = Duration::from_millis(300);
/// How long the log may take at the very end.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);
/// How soon lines that syslog did not take are tried again.
const LOG_RETRY: Duration = Duration::from_millis(50);

/// The names of parent (and script runner) and VRRP child in syslog.
const IDENT: &str = "Keepalived";
const VRRP_IDENT: &str = "Keepalived_vrrp";

/// Runs the daemon, in the background unless told otherwise; the exit code of the process that
/// was called.
pub fn run(mut options: Options, vrrp_main: ChildMain) -> u8 {
    process::set_umask(options.umask());
    if options.dont_fork {
        return supervise(options, None, vrrp_main);
    }
    options.make_paths_absolute();
    match Launcher::fork(|launcher| supervise(options, Some(launcher), vrrp_main)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vrrpd: cannot become a daemon: {error}");
            exit_code::FATAL
        }
    }
}

fn supervise(options: Options, launcher: Option<Launcher>, vrrp_main: ChildMain) -> u8 {
    let identity = Identity::new(&options, &DaemonDefs::default());
    let log = LogHandle::new(&options.log, &identity.ident(IDENT), Path::new(SYSLOG_SOCKET));
    // Only a program that uses this library can have a subscriber already; it then gets the lines.
    let _ = log.install();
    let options = Arc::new(options);
    log_start(&options);
    let code = match Supervisor::start(Arc::clone(&options), log.clone(), launcher, vrrp_main) {
        Ok(supervisor) => supervisor.run(),
        Err(code) => code,
    };
    tracing::info!("Stopped {}", options.called_as.banner());
    log.flush(FLUSH_LIMIT);
    code
}

fn log_start(options: &Options) {
    tracing::info!("Starting {}", options.called_as.banner());
    if let Ok(system) = nix::sys::utsname::uname() {
        let [name, release, version] =
            [system.sysname(), system.release(), system.version()].map(|part| part.to_string_lossy());
        tracing::info!("Running on {name} {release} {version}");
    }
    for line in command_line(options.argv.iter().map(|word| word.to_string_lossy())) {
        tracing::info!("{line}");
    }
    for note in &options.notes {
        tracing::info!("Note: {note}");
    }
}

/// keepalived's lines: words in quotes, wrapped, continued under the first.
fn command_line<S: AsRef<str>>(words: impl Iterator<Item = S>) -> Vec<String> {
    const WIDTH: usize = 102;
    let mut lines = vec!["Command line:".to_owned()];
    for word in words {
        let word = format!(" '{}'", word.as_ref());
        let last = lines.last_mut().expect("there is always one line");
        if last.len() + word.len() > WIDTH && last.len() > "Command line:".len() {
            lines.push(format!("{:13}{word}", ""));
        } else {
            last.push_str(&word);
        }
    }
    lines
}

struct Supervisor {
    options: Arc<Options>,
    identity: Arc<Identity>,
    log: LogHandle,
    vrrp_main: ChildMain,
    launcher: Option<Launcher>,
    /// What was asked for while nobody listened.
    deferred: Vec<Request>,
    /// `None` only in a forked child.
    signals: Option<Signals>,
    runner: Option<Runner>,
    runner_respawn: Respawn,
    pid_file: Option<PidFile>,
    vrrp_pid_file: Option<PidFile>,
    /// The configuration in force, and the same as a file, for whoever wants to compare.
    config: Arc<Config>,
    sealed: Option<OwnedFd>,
    /// It looks like a part of a file.
    doubtful: bool,
    /// What the child is about to run instead.
    coming: Option<Coming>,
    vrrp: Vrrp,
    vrrp_respawn: Respawn,
    /// A child that is started now takes the place of one that died.
    respawned: bool,
    phase: Phase,
    late: LateAccounts,
    timed: Option<TimedReload>,
    saved: SavedCopies,
    reload: Reload,
    /// What is there as long as one is under way.
    reload_file: Option<PathBuf>,
    started_up: bool,
}

/// A configuration that can run.
struct Coming {
    config: Arc<Config>,
    sealed: OwnedFd,
    doubtful: bool,
    late: LateAccounts,
}

/// The VRRP child.
enum Vrrp {
    /// There is nothing for it to do.
    Unwanted,
    /// To be started then.
    Due(Instant),
    /// Process id and connection.
    Running(u32, ChildLink),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Running,
    /// Children get KILL then.
    Stopping(Instant),
    /// Nothing is left to do but to end with this code.
    Ended(u8),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reload {
    Idle,
    UnderWay,
    /// Another was asked for meanwhile.
    Again,
}

impl Supervisor {
    /// # Errors
    /// The exit code, when it cannot start; the reason is logged.
    fn start(
        options: Arc<Options>,
        log: LogHandle,
        launcher: Option<Launcher>,
        vrrp_main: ChildMain,
    ) -> Result<Self, u8> {
        if options.core_dump
            && let Err(error) = process::allow_core_files()
        {
            tracing::warn!("Cannot allow core files: {error}");
        }
        if let Err(error) = process::allow_more_descriptors() {
            tracing::debug!("the limit of descriptors stays as it is: {error}");
        }
        process::become_subreaper().map_err(|error| fatal(&format!("Cannot become a subreaper: {error}")))?;
        let signals =
            Signals::listen().map_err(|error| fatal(&format!("Cannot listen to signals: {error}")))?;
        tracing::info!("Configuration file {}", options.config_file.display());
        let reading =
            configuration::read_where_it_runs(&options).map_err(|error| fatal(&error.to_string()))?;
        let mut saved = SavedCopies::default();
        saved.save(&reading);
        let Accepted { config, handover, doubt, .. } = reading.accept().map_err(|refused| refused.code)?;
        // Without it nothing can be compared with what runs, which is no reason not to run.
        let sealed =
            handover.seal().map_err(|error| tracing::debug!("no copy of the configuration: {error}")).ok();
        let identity = Identity::new(&options, &config.global.daemon);
        rename(&identity, &log, &options);
        process::set_umask(options.umask.unwrap_or(config.global.files.mask()));
        let name = config.global.process_name.as_deref();
        let pid_file = claim(&identity.pid_files.parent, name)?;
        if let Some(name) = name {
            process::set_own_name(name);
        }
        let mut supervisor = Self {
            options,
            identity: Arc::new(identity),
            log,
            vrrp_main,
            launcher,
            deferred: Vec::new(),
            signals: Some(signals),
            runner: None,
            runner_respawn: Respawn::default(),
            pid_file: Some(pid_file),
            vrrp_pid_file: None,
            config,
            sealed,
            doubtful: doubt.is_some(),
            coming: None,
            vrrp: Vrrp::Unwanted,
            vrrp_respawn: Respawn::default(),
            respawned: false,
            phase: Phase::Running,
            late: LateAccounts::of(&handover),
            timed: None,
            saved,
            reload: Reload::Idle,
            reload_file: None,
            started_up: false,
        };
        match supervisor.start_all() {
            Ok(()) => Ok(supervisor),
            Err(code) => {
                supervisor.remove_pid_files();
                Err(code)
            }
        }
    }

    fn start_all(&mut self) -> Result<(), u8> {
        self.start_runner().map_err(|error| fatal(&format!("Cannot start the script runner: {error}")))?;
        let pid = std::process::id();
        if let Some(file) = &mut self.pid_file
            && let Err(error) = file.write(pid)
        {
            return Err(fatal(&format!("Cannot write pidfile {}: {error}", file.path().display())));
        }
        self.run_startup_script();
        if self.wants_vrrp() {
            self.vrrp_pid_file = Some(self.claim_for_vrrp()?);
            self.start_vrrp();
        } else {
            tracing::info!("Warning - keepalived has no configuration to run");
            self.on_started_up();
        }
        self.wait_for_the_time_of_a_reload();
        if let Some(launcher) = self.launcher.take() {
            launcher.succeeded();
        }
        Ok(())
    }

    fn run_startup_script(&mut self) {
        let life = &self.config.global.life;
        if let (Some(command), Some(runner)) = (&life.startup, &self.runner) {
            let rules = Rules::of(&self.config.global);
            let script = LifeScript { when: "startup", command, rules, timeout: life.startup_timeout };
            self.deferred = script.run(runner, self.signals.as_mut());
        }
    }

    fn run_shutdown_script(&self) {
        let life = &self.config.global.life;
        if let (Some(command), Some(runner)) = (&life.shutdown, &self.runner) {
            let rules = Rules::of(&self.config.global);
            let script = LifeScript { when: "shutdown", command, rules, timeout: life.shutdown_timeout };
            script.run(runner, None);
        }
    }

    /// The exit code.
    fn run(mut self) -> u8 {
        loop {
            if let Phase::Ended(code) = self.phase {
                self.end();
                return code;
            }
            self.turn();
        }
    }

    /// Waits for something to happen and deals with it.
    fn turn(&mut self) {
        if self.deferred.is_empty() {
            self.wait();
        }
        let fresh = self.signals.as_mut().map(Signals::take).unwrap_or_default();
        for request in std::mem::take(&mut self.deferred).into_iter().chain(fresh) {
            self.on_request(request);
        }
        self.hear_vrrp();
        let now = Instant::now();
        match (&self.vrrp, self.phase) {
            (Vrrp::Due(at), Phase::Running) if *at <= now => self.start_vrrp(),
            (Vrrp::Running(pid, _), Phase::Stopping(kill_at)) if kill_at <= now => {
                tracing::error!(target: ALERT, "VRRP process failed to die - forcing termination");
                send(*pid, SIGKILL);
                self.phase = Phase::Stopping(now + self.config.global.daemon.child_wait_time);
            }
            (Vrrp::Unwanted | Vrrp::Due(_), Phase::Stopping(_)) => self.phase = Phase::Ended(0),
            _ => {}
        }
        if self.runner.is_none() && self.runner_respawn.is_due(now) {
            self.replace_runner();
        }
        if self.timed.as_mut().is_some_and(|timed| timed.has_come(SystemTime::now())) {
            self.on_reload();
        }
        if self.may_reload() {
            self.look_for_late_accounts(now);
        }
    }

    /// How long children may take to stop. None has less than what its last words need.
    fn stop_limit(&self) -> Duration {
        let times = PartingTimes::new(&self.config);
        let parting = self.config.instances.iter().map(|instance| times.of(instance)).max();
        self.config.global.daemon.child_wait_time + parting.unwrap_or_default()
    }

    fn wait(&self) {
        let mut interest = Vec::new();
        interest.extend(self.signals.as_ref().map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
        if let Vrrp::Running(_, link) = &self.vrrp {
            interest.extend(link.is_open().then(|| PollFd::new(link.as_fd(), PollFlags::POLLIN)));
        }
        let timed = self.timed.iter().flat_map(TimedReload::descriptors);
        interest.extend(timed.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)));
        // Whatever the outcome, the next step is to look what there is.
        let _ = poll(&mut interest, self.timeout());
    }

    fn timeout(&self) -> PollTimeout {
        let now = Instant::now();
        let child = match (&self.vrrp, self.phase) {
            (Vrrp::Due(at), Phase::Running) => Some(*at),
            (_, Phase::Stopping(kill_at)) => Some(kill_at),
            _ => None,
        };
        let runner = if self.runner.is_none() { self.runner_respawn.due() } else { None };
        let log = self.log.drain().then(|| now + LOG_RETRY);
        let late = self.late.due().filter(|_| self.may_reload());
        let timed = self.timed.as_ref().and_then(TimedReload::due);
        let next = [child, runner, log, late, timed].into_iter().flatten().min();
        // One more, because the timeout is cut to whole milliseconds.
        next.map_or(PollTimeout::NONE, |at| {
            let wait = at.saturating_duration_since(now) + Duration::from_millis(1);
            PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
        })
    }

    /// Whether nothing stands in the way of another configuration.
    fn may_reload(&self) -> bool {
        self.phase == Phase::Running && self.reload == Reload::Idle
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Interrupt if self.options.ignore_sigint => {}
            Request::Stop | Request::Interrupt => self.stop(),
            Request::Reload => self.on_reload(),
            Request::Data => {
                self.pass_on(request);
                self.write_parent_data();
            }
            Request::Stats | Request::Json | Request::StatsClear => self.pass_on(request),
            Request::ChildEnded => self.collect(),
        }
    }

    fn pass_on(&self, request: Request) {
        if let Vrrp::Running(pid, _) = &self.vrrp {
            send(*pid, request.number());
        }
    }

    fn write_parent_data(&self) {
        tracing::info!("Printing parent data for process({}) on signal", std::process::id());
        let text = config::dump::dump_parent(
            &self.config,
            self.timed.as_ref().and_then(TimedReload::scheduled).as_deref(),
        );
        let global = &self.config.global;
        let name = self.identity.data_file("keepalived_parent", global);
        let place = dump_file::place(global.files.state_dump_file.as_deref(), &name, "_parent");
        if let Err(error) = dump_file::write(&place, &text, Readers::Umask) {
            tracing::error!("Cannot write {}: {error}", place.display());
        }
    }

    fn stop(&mut self) {
        if self.phase != Phase::Running {
            if let Vrrp::Running(_, link) = &self.vrrp {
                tracing::info!("Stopping at once");
                link.hurry();
            }
            return;
        }
        tracing::info!("Stopping");
        tell_service_manager("STOPPING=1");
        self.timed = None;
        if self.respawned && matches!(self.vrrp, Vrrp::Due(_)) {
            // One that has died has left its addresses, and only a successor can let go of them.
            self.start_vrrp();
        }
        if let Vrrp::Running(pid, _) = &self.vrrp {
            send(*pid, SIGTERM);
        }
        self.phase = Phase::Stopping(Instant::now() + self.stop_limit());
    }

    fn on_started_up(&mut self) {
        if !std::mem::replace(&mut self.started_up, true) {
            tracing::info!("Startup complete");
            tell_service_manager(&format!("READY=1\nMAINPID={}\nSTATUS=Running", std::process::id()));
        }
    }

    fn hear_vrrp(&mut self) {
        while let Vrrp::Running(_, link) = &mut self.vrrp
            && let Some(message) = link.hear()
        {
            match message {
                FromChild::Ready => self.on_started_up(),
                FromChild::Reloaded => self.on_reloaded(Ok(())),
                FromChild::ReloadFailed(reason) => self.on_reloaded(Err(reason)),
                FromChild::ReloadWanted => self.on_reload(),
            }
        }
    }

    fn collect(&mut self) {
        // Those that are neither are orphans of scripts, of which we are the reaper.
        while let Ok(Some((pid, exit))) = process::try_wait_any() {
            if self.runner.as_ref().is_some_and(|runner| runner.pid() == pid) {
                self.on_runner_ended(exit);
            } else if matches!(&self.vrrp, Vrrp::Running(vrrp, _) if *vrrp == pid) {
                self.hear_vrrp();
                self.on_vrrp_ended(pid, exit);
            }
        }
    }

    fn on_vrrp_ended(&mut self, pid: u32, exit: Exit) {
        self.vrrp = Vrrp::Unwanted;
        if self.phase != Phase::Running {
            return;
        }
        if let Some((name, code)) = permanent_error(exit) {
            tracing::error!("pid {pid} exited with permanent error {name}. Terminating");
            self.phase = Phase::Ended(code);
            return;
        }
        if let Exit::Signal(number) = exit {
            let name = process::signal_description(number);
            let guess = if number == SIGKILL { " - has rlimit_rttime been exceeded?" } else { "" };
            tracing::info!("pid {pid} exited due to signal {number} ({name}){guess}");
        }
        if self.options.dont_respawn {
            tracing::error!(target: ALERT, "VRRP child process({pid}) died: Exiting");
            tracing::info!("Stopping");
            tell_service_manager("STOPPING=1");
            self.phase = Phase::Ended(0);
            return;
        }
        let now = Instant::now();
        let delay = self.vrrp_respawn.after_death(now);
        tracing::error!(target: ALERT, "VRRP child process({pid}) died: Respawning");
        tracing::info!("Restart of VRRP process delayed {} seconds to limit respawn rate", delay.as_secs());
        self.respawned = true;
        self.vrrp = Vrrp::Due(now + delay);
        if self.reload != Reload::Idle {
            // The next child starts with what has been seen to run.
            self.on_reloaded(Err(format!("the VRRP process died of it ({exit})")));
        }
    }

    fn wants_vrrp(&self) -> bool {
        let parts = self.options.parts;
        parts.vrrp && (parts.even_without_config || !self.config.instances.is_empty())
    }

    fn claim_for_vrrp(&self) -> Result<PidFile, u8> {
        claim(&self.identity.pid_files.vrrp, self.config.global.vrrp_process.name.as_deref())
    }

    fn start_vrrp(&mut self) {
        if self.vrrp_pid_file.is_none() {
            // A reload has brought the first instances. Why there can be no file is logged, and costs only that.
            self.vrrp_pid_file = self.claim_for_vrrp().ok();
        }
        match self.fork_vrrp() {
            Ok((pid, link)) => {
                tracing::info!("Starting VRRP child process, pid={pid}");
                self.vrrp = Vrrp::Running(pid, link);
                if let Some(file) = &mut self.vrrp_pid_file
                    && let Err(error) = file.write(pid)
                {
                    tracing::error!("Cannot write pidfile {}: {error}", file.path().display());
                }
            }
            Err(error) => {
                let delay = self.vrrp_respawn.after_death(Instant::now()).max(Duration::from_secs(1));
                tracing::error!(target: ALERT, "Cannot start the VRRP process: {error}");
                self.vrrp = Vrrp::Due(Instant::now() + delay);
            }
        }
    }

    fn fork_vrrp(&mut self) -> std::io::Result<(u32, ChildLink)> {
        if self.runner.is_none() {
            // Addresses do not wait for scripts. Before there is a connection that it would keep open.
            self.start_runner()?;
        }
        let (ours, its_end) = SeqPacket::pair()?;
        let runner = self.runner.as_ref().ok_or(std::io::ErrorKind::NotConnected)?.connect()?;
        let parent = std::process::id();
        self.vrrp_respawn.on_start(Instant::now());
        let mut ours = Some(ours);
        let mut handed = Some((ParentLink::new(its_end), runner));
        let pid = process::fork(|| {
            // A copy of what only the parent should have would keep it open when the parent is gone.
            ours = None;
            self.leave();
            let Some((parent_link, runner)) = handed.take() else { return exit_code::FATAL };
            self.become_vrrp(parent, parent_link, runner)
        })?;
        let ours = ours.ok_or(std::io::ErrorKind::NotConnected)?;
        Ok((pid, ChildLink::new(ours)))
    }

    /// In the child.
    fn become_vrrp(&self, parent: u32, parent_link: ParentLink, runner: SeqPacket) -> u8 {
        let process = &self.config.protocol_process();
        let begin = || {
            if let Some(name) = &process.name {
                process::set_own_name(name);
            }
            let signals = Signals::listen()?;
            process::unblock_signals()?;
            process::end_with_parent(parent)?;
            // Before there is a thread that would not get it.
            take_share(process);
            self.log.enter_child(&self.identity.ident(VRRP_IDENT))?;
            Ok::<_, std::io::Error>(signals)
        };
        let signals = match begin() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!("The VRRP process cannot start: {error}");
                return process::INTERNAL_ERROR;
            }
        };
        if self.options.dump_conf {
            configuration::log_dump(&self.config, &self.log);
        }
        let code = (self.vrrp_main)(ChildContext {
            options: Arc::clone(&self.options),
            identity: Arc::clone(&self.identity),
            config: Arc::clone(&self.config),
            log: self.log.clone(),
            signals,
            parent: parent_link,
            runner,
            respawned: self.respawned,
        });
        self.log.flush(FLUSH_LIMIT);
        code
    }

    /// In a forked process: lets go of what only the parent should have. Files stay where they are.
    fn leave(&mut self) {
        self.signals = None;
        self.runner = None;
        self.launcher = None;
        self.sealed = None;
        self.coming = None;
        self.timed = None;
        self.pid_file = None;
        self.vrrp_pid_file = None;
        self.vrrp = Vrrp::Unwanted;
    }

    fn start_runner(&mut self) -> std::io::Result<()> {
        self.runner_respawn.on_start(Instant::now());
        let (log, ident) = (self.log.clone(), self.identity.ident(IDENT));
        self.runner = Some(Runner::fork(&log, &ident, || {
            self.leave();
            // Nothing that would make its forks dearer than they must be.
            self.config = Arc::default();
        })?);
        Ok(())
    }

    fn on_runner_ended(&mut self, exit: Exit) {
        self.runner = None;
        if self.phase != Phase::Running {
            return;
        }
        let delay = self.runner_respawn.after_death(Instant::now());
        tracing::error!(
            target: ALERT,
            "Script runner process died ({exit}): Respawning in {} seconds",
            delay.as_secs()
        );
    }

    /// A new runner, and word of it to the child.
    fn replace_runner(&mut self) {
        if let Err(error) = self.start_runner() {
            self.runner_respawn.after_death(Instant::now());
            tracing::error!(target: ALERT, "Cannot start the script runner: {error}");
            return;
        }
        if let (Vrrp::Running(_, link), Some(runner)) = (&self.vrrp, &self.runner)
            && let Err(error) = runner.connect().and_then(|connection| link.give_runner(&connection))
        {
            tracing::error!("Cannot tell the VRRP process of the new script runner: {error}");
        }
    }

    /// The last things to do, once the children have ended.
    fn end(&mut self) {
        self.run_shutdown_script();
        if let Some(runner) = self.runner.take() {
            runner.finish(RUNNER_LIMIT);
        }
        self.remove_pid_files();
        let (own, children) = process::cpu_time();
        tracing::debug!(
            "CPU usage (self/children) user: {:.6}/{:.6} system: {:.6}/{:.6}",
            own.user.as_secs_f64(),
            children.user.as_secs_f64(),
            own.system.as_secs_f64(),
            children.system.as_secs_f64()
        );
    }

    fn remove_pid_files(&mut self) {
        [self.vrrp_pid_file.take(), self.pid_file.take()].into_iter().flatten().for_each(pid_files::remove);
    }
}

/// What is configured of CPU time and memory, for this process; what is not permitted is told and left out.
fn take_share(defs: &ProcessDefs) {
    let tell = |keyword: &str, result: std::io::Result<()>| {
        if let Err(error) = result {
            tracing::warn!("`{keyword}` has no effect: {error}");
        }
    };
    if defs.priority != 0 {
        tell("vrrp_priority", sched::set_nice(defs.priority));
    }
    if !defs.cpu_affinity.is_empty() {
        tell("vrrp_cpu_affinity", sched::set_cpus(&defs.cpu_affinity));
    }
    if defs.no_swap {
        tell("vrrp_no_swap", sched::lock_memory());
    }
}

/// The codes that running again would not change, and keepalived's names for them.
fn permanent_error(exit: Exit) -> Option<(&'static str, u8)> {
    let Exit::Status(status) = exit else { return None };
    match u8::try_from(status).ok()? {
        exit_code::FATAL => Some(("FATAL", exit_code::FATAL)),
        exit_code::CONFIG => Some(("CONFIG", exit_code::CONFIG)),
        exit_code::MISSING_PERMISSION => Some(("missing permission", exit_code::MISSING_PERMISSION)),
        _ => None,
    }
}

/// Gives the log the name that the configuration asks for.
fn rename(identity: &Identity, log: &LogHandle, options: &Options) {
    let ident = identity.ident(IDENT);
    if ident != Identity::new(options, &DaemonDefs::default()).ident(IDENT) {
        tracing::info!("Changing syslog ident to {ident}");
        log.rename(&ident);
    }
}

/// Logs why the daemon does not start; the exit code.
fn fatal(reason: &str) -> u8 {
    tracing::error!("{reason}");
    exit_code::FATAL
}

fn send(pid: u32, signal: i32) {
    if let Err(error) = process::kill(pid, signal) {
        tracing::error!("Cannot send signal {signal} to process {pid}: {error}");
    }
}

fn tell_service_manager(state: &str) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("Cannot tell the service manager {state:?}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_is_wrapped_under_its_first_word() {
        let words = "keepalived -n -l -G -f a.conf -p /tmp/sup/p -r /tmp/sup/r -c /tmp/sup/c";
        // oracle: log of keepalived 2.2.7 started so
        assert_eq!(
            command_line(words.split(' ')),
            [
                "Command line: 'keepalived' '-n' '-l' '-G' '-f' 'a.conf' '-p' '/tmp/sup/p' '-r' '/tmp/sup/r' '-c'",
                "              '/tmp/sup/c'"
            ]
        );
    }
}
