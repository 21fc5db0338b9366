//! `startup_script` and `shutdown_script`: the one thing that the parent waits for.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGKILL, SIGTERM};

use crate::config::value::ScriptCommand;
use crate::daemon::runner::{Order, Report, Runner};
use crate::daemon::script_security::{self, Rules};
use crate::daemon::signals::{Request, Signals};
use crate::sys::process::Exit;
use crate::sys::seqpacket::{Received, SeqPacket};

/// Between TERM and KILL of a script that has taken too long.
const GRACE: Duration = Duration::from_secs(1);

/// The number that the runner knows the script by; it is the only one on its connection.
const RUN: u64 = 0;

/// A script of the parent's.
pub(super) struct LifeScript<'a> {
    /// `startup` or `shutdown`.
    pub(super) when: &'static str,
    /// What to run; judged already when the configuration was read.
    pub(super) command: &'a ScriptCommand,
    /// What the file says of all scripts.
    pub(super) rules: Rules,
    /// How long it may take.
    pub(super) timeout: Duration,
}

impl LifeScript<'_> {
    /// Runs it to its end, or until it has taken too long or one of `signals` ends the daemon; the requests
    /// that have come meanwhile.
    pub(super) fn run(&self, runner: &Runner, mut signals: Option<&mut Signals>) -> Vec<Request> {
        let when = self.when;
        let mut requests = Vec::new();
        let outcome = self.start(runner).and_then(|connection| {
            let Some(connection) = connection else { return Ok(Some(Exit::Status(127))) };
            self.wait(&connection, &mut signals, &mut requests)
        });
        match outcome {
            Ok(Some(Exit::Status(0))) => tracing::info!("{when} script script succeeded"),
            Ok(Some(Exit::Status(status))) => tracing::info!("{when} script script failed, status {status}"),
            Ok(Some(Exit::Signal(number))) => tracing::info!("{when} script script failed, signal {number}"),
            Ok(None) => tracing::info!("{when} script timed out"),
            Err(error) => tracing::error!("Cannot run the {when} script: {error}"),
        }
        requests
    }

    /// `None`: the command may not run, which is logged.
    fn start(&self, runner: &Runner) -> io::Result<Option<SeqPacket>> {
        let command = match script_security::judge(self.command, self.rules) {
            Ok(approved) => approved.command,
            Err(refusal) => {
                tracing::error!("{refusal}");
                return Ok(None);
            }
        };
        tracing::info!("Running {} script {}", self.when, command.file.display());
        let order = Order::Run(RUN, command).encode().ok_or(io::ErrorKind::InvalidInput)?;
        let connection = runner.connect()?;
        connection.send(&order, None)?;
        Ok(Some(connection))
    }

    fn wait(
        &self,
        connection: &SeqPacket,
        signals: &mut Option<&mut Signals>,
        requests: &mut Vec<Request>,
    ) -> io::Result<Option<Exit>> {
        let term_at = Instant::now() + self.timeout;
        let mut deadline = term_at;
        let mut told = false;
        loop {
            if let Some(report) = hear(connection)? {
                match report {
                    Report::Ended(_, exit) => return Ok((!told).then_some(exit)),
                    Report::NotStarted(_) => return Ok(Some(Exit::Status(127))),
                    Report::Started(..) => {}
                }
                continue;
            }
            let now = Instant::now();
            requests.extend(signals.iter_mut().flat_map(|signals| signals.take()));
            if !told && requests.iter().any(|request| matches!(request, Request::Stop | Request::Interrupt)) {
                deadline = now;
            }
            if deadline <= now {
                let signal = if told { SIGKILL } else { SIGTERM };
                connection.send(&Order::Kill(RUN, signal).encode().unwrap_or_default(), None)?;
                (told, deadline) = (true, now + GRACE);
            }
            let mut interest = vec![PollFd::new(connection.as_fd(), PollFlags::POLLIN)];
            interest.extend(signals.iter().map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
            let left = deadline.saturating_duration_since(now) + Duration::from_millis(1);
            // Whatever the outcome, the next step is to look what there is.
            let _ = poll(&mut interest, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
        }
    }
}

fn hear(connection: &SeqPacket) -> io::Result<Option<Report>> {
    let mut buffer = [0; 64];
    match connection.recv(&mut buffer) {
        Ok(Received::Message(length, _)) => Ok(Report::decode(&buffer[..length])),
        Ok(Received::Closed) => Err(io::ErrorKind::BrokenPipe.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
