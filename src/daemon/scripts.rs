//! Check scripts and notify scripts of the VRRP child, carried to the script runner and back.
//!
//! Lives on the service thread. When to run and when to kill is decided elsewhere (the trackers
//! in the switchboard, [`Notifier`]); this gives each run a number, keeps the connection to the
//! runner, and turns its reports into inputs. When the runner dies all runs count as not started
//! until the parent hands over a connection to the next one.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use crate::config::block::{SyncGroup, VrrpInstance, VrrpScript};
use crate::config::value::ScriptCommand;
use crate::daemon::fifo::{Reader, Slot};
use crate::daemon::notify::{Notifier, Subject, Ticket};
use crate::daemon::runner::{Command, Order, Report};
use crate::daemon::script_security::{self, Rules};
use crate::sys::process::Exit;
use crate::sys::seqpacket::{AsyncSeqPacket, Received, SeqPacket};
use crate::track::{ExitStatus, Signal};
use crate::types::Priority;
use crate::vrrp::{Event, Notification, RunId, SwitchInput};

/// How long notify scripts get once the daemon stops, as in keepalived.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// How much of its end the daemon spends on scripts that the last ones have to wait for.
const PREDECESSOR_LIMIT: Duration = Duration::from_millis(500);

/// All commands of the VRRP child.
#[derive(Debug)]
pub struct Scripts {
    runner: Option<AsyncSeqPacket>,
    rules: Rules,
    /// What has been judged since the configuration was read; `None`: may not run.
    judged: BTreeMap<CommandKey, Option<Command>>,
    next_number: u64,
    /// What runs, or is about to, by the number that the runner knows it by.
    runs: BTreeMap<u64, Purpose>,
    /// Orders that the runner has not taken yet; bounded by the number of scripts, because none
    /// runs twice at a time.
    orders: VecDeque<Vec<u8>>,
    /// Runs that ended without the runner.
    stillborn: VecDeque<RunId>,
    notifier: Notifier,
}

type CommandKey = (Vec<String>, Option<u32>, Option<u32>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Check(RunId),
    Notify(Ticket),
    /// It reads a FIFO.
    Reader(Slot),
}

impl Scripts {
    /// Over a connection to the script runner. To be called
    /// inside a tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn new(runner: SeqPacket, rules: Rules) -> io::Result<Self> {
        Ok(Self {
            runner: Some(AsyncSeqPacket::new(runner)?),
            rules,
            judged: BTreeMap::new(),
            next_number: 0,
            runs: BTreeMap::new(),
            orders: VecDeque::new(),
            stillborn: VecDeque::new(),
            notifier: Notifier::default(),
        })
    }

    /// A reload: commands are judged again before they run next.
    pub fn reconfigure(&mut self, rules: Rules) {
        self.rules = rules;
        self.judged.clear();
    }

    /// The parent started a new runner: what the old one ran has been given up.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn use_runner(&mut self, runner: SeqPacket) -> io::Result<()> {
        self.lose_runner();
        self.runner = Some(AsyncSeqPacket::new(runner)?);
        self.start_notifications();
        Ok(())
    }

    /// Begins a run of a check script; what becomes of it comes from [`Scripts::next`].
    pub fn start_check(&mut self, run: RunId, script: &VrrpScript) {
        if !self.start(&script.command, &[], Purpose::Check(run)) {
            self.stillborn.push_back(run);
        }
    }

    /// Signals the process group of a check script's run. One that has ended is no error.
    pub fn signal_check(&mut self, run: RunId, signal: Signal) {
        let number = match signal {
            Signal::Term => signal_hook::consts::SIGTERM,
            Signal::Kill => signal_hook::consts::SIGKILL,
        };
        let found = self.runs.iter().find(|(_, purpose)| **purpose == Purpose::Check(run));
        if let Some((id, _)) = found {
            self.orders.extend(Order::Kill(*id, number).encode());
        }
    }

    /// Tells the scripts of an instance, in order and each when its predecessor has ended.
    pub fn notify(&mut self, instance: &VrrpInstance, notification: Notification) {
        self.notifier.push(Subject::Instance, &instance.name, &instance.notify, notification);
        self.start_notifications();
    }

    /// The same of a sync group, to which keepalived gives priority 0.
    pub fn notify_group(&mut self, group: &SyncGroup, event: Event) {
        let notification = Notification { event, priority: Priority::STOP };
        self.notifier.push(Subject::Group, &group.name, &group.notify, notification);
        self.start_notifications();
    }

    /// Starts or ends what reads a FIFO.
    pub fn reader(&mut self, reader: Reader) {
        match reader {
            Reader::Start(slot, command, path) => {
                self.start(&command, &[path], Purpose::Reader(slot));
            }
            Reader::Stop(slot) => {
                let runs = self.runs.iter().filter(|(_, purpose)| **purpose == Purpose::Reader(slot));
                let orders = runs.map(|(id, _)| Order::Kill(*id, signal_hook::consts::SIGTERM).encode());
                self.orders.extend(orders.flatten());
            }
        }
    }

    /// Carries orders out and waits for news of a check script. Dropping the future loses nothing.
    pub async fn next(&mut self) -> SwitchInput {
        loop {
            if let Some(run) = self.stillborn.pop_front() {
                return SwitchInput::ScriptNotStarted(run);
            }
            if let Some(input) = self.step().await {
                return input;
            }
        }
    }

    /// The last act before the child ends: lets the scripts about the end run, killing what keeps
    /// them from starting after [`PREDECESSOR_LIMIT`] and what has not ended after another
    /// [`STOP_LIMIT`].
    pub async fn finish(&mut self) {
        if !self.step_while(PREDECESSOR_LIMIT, Notifier::is_waiting).await {
            self.kill_notifications(Notifier::holds_up).await;
        }
        if !self.step_while(STOP_LIMIT, |notifier| !notifier.is_idle()).await {
            self.kill_notifications(|_, _| true).await;
        }
    }

    /// Whether `condition` ceased to hold within `limit`.
    async fn step_while(&mut self, limit: Duration, condition: impl Fn(&Notifier) -> bool) -> bool {
        let steps = async {
            while condition(&self.notifier) && self.runner.is_some() {
                // News of check scripts interest nobody any more.
                let _ = self.step().await;
            }
        };
        tokio::time::timeout(limit, steps).await.is_ok()
    }

    async fn kill_notifications(&mut self, which: impl Fn(&Notifier, Ticket) -> bool) {
        for (id, purpose) in &self.runs {
            if let Purpose::Notify(ticket) = purpose
                && which(&self.notifier, *ticket)
            {
                self.orders.extend(Order::Kill(*id, signal_hook::consts::SIGKILL).encode());
            }
        }
        if let Some(runner) = &self.runner {
            // The runner takes orders at once unless it is stuck, and then nothing helps.
            let _ =
                tokio::time::timeout(Duration::from_millis(100), send_all(runner, &mut self.orders)).await;
        }
    }

    /// One exchange with the runner.
    async fn step(&mut self) -> Option<SwitchInput> {
        let mut buffer = [0; 64];
        let Some(runner) = &self.runner else {
            return std::future::pending().await;
        };
        let received = if self.orders.is_empty() {
            Some(runner.recv(&mut buffer).await)
        } else {
            tokio::select! {
                received = runner.recv(&mut buffer) => Some(received),
                () = send_all(runner, &mut self.orders) => None,
            }
        };
        match received? {
            Ok(Received::Message(length, _)) => self.on_report(Report::decode(&buffer[..length])?),
            Ok(Received::Closed) | Err(_) => {
                tracing::error!("The script runner is gone; scripts wait for the next one");
                self.lose_runner();
                None
            }
        }
    }

    fn on_report(&mut self, report: Report) -> Option<SwitchInput> {
        let purpose = match report {
            Report::Started(id, _) => *self.runs.get(&id)?,
            Report::Ended(id, _) | Report::NotStarted(id) => self.runs.remove(&id)?,
        };
        match (purpose, report) {
            (Purpose::Check(run), Report::Started(_, pid)) => Some(SwitchInput::ScriptStarted(run, pid)),
            (Purpose::Check(run), Report::Ended(_, exit)) => {
                Some(SwitchInput::ScriptEnded(run, status(exit)))
            }
            (Purpose::Check(run), Report::NotStarted(_)) => Some(SwitchInput::ScriptNotStarted(run)),
            (Purpose::Notify(_) | Purpose::Reader(_), Report::Started(..)) => None,
            (Purpose::Reader(_), Report::Ended(..) | Report::NotStarted(_)) => {
                tracing::info!("vrrp notify fifo script terminated");
                None
            }
            (Purpose::Notify(ticket), Report::Ended(..) | Report::NotStarted(_)) => {
                self.notifier.ended(ticket);
                self.start_notifications();
                None
            }
        }
    }

    fn start_notifications(&mut self) {
        while self.runner.is_some()
            && let Some(call) = self.notifier.next_call()
        {
            if !self.start(&call.command, &call.arguments, Purpose::Notify(call.ticket)) {
                self.notifier.ended(call.ticket);
            }
        }
    }

    /// Whether it was ordered.
    fn start(&mut self, command: &ScriptCommand, arguments: &[String], purpose: Purpose) -> bool {
        if self.runner.is_none() {
            return false;
        }
        let Some(mut command) = self.judge(command) else { return false };
        command.argv.extend(arguments.iter().map(Into::into));
        self.next_number += 1;
        let Some(order) = Order::Run(self.next_number, command).encode() else {
            tracing::error!("A command is too long to be run, or has a NUL in it");
            return false;
        };
        self.orders.push_back(order);
        self.runs.insert(self.next_number, purpose);
        true
    }

    fn judge(&mut self, command: &ScriptCommand) -> Option<Command> {
        let key = (command.argv.clone(), command.uid, command.gid);
        let judgement =
            self.judged.entry(key).or_insert_with(|| match script_security::judge(command, self.rules) {
                Ok(approved) => Some(approved.command),
                Err(refusal) => {
                    tracing::error!("{refusal}");
                    None
                }
            });
        judgement.clone()
    }

    fn lose_runner(&mut self) {
        self.runner = None;
        self.orders.clear();
        for purpose in std::mem::take(&mut self.runs).into_values() {
            match purpose {
                Purpose::Check(run) => self.stillborn.push_back(run),
                Purpose::Notify(ticket) => self.notifier.ended(ticket),
                Purpose::Reader(_) => {}
            }
        }
    }
}

/// Sends orders until none is left. Where nobody is there to take them the next receive says so.
async fn send_all(runner: &AsyncSeqPacket, orders: &mut VecDeque<Vec<u8>>) {
    while let Some(order) = orders.front() {
        if runner.send(order).await.is_err() {
            return std::future::pending().await;
        }
        orders.pop_front();
    }
}

fn status(exit: Exit) -> ExitStatus {
    match exit {
        Exit::Status(status) => ExitStatus::Exited(u8::try_from(status).unwrap_or(u8::MAX)),
        Exit::Signal(signal) => ExitStatus::Signalled(signal),
    }
}

#[cfg(test)]
mod tests;
