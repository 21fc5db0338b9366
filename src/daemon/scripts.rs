//! Check scripts and notify scripts of the VRRP child, carried to the script runner and back.
//!
//! Lives on the service thread. When to run and when to kill is decided elsewhere (the trackers
//! in the switchboard, [`Notifier`]); this gives each run a number, keeps the connection to the
//! runner, and turns its reports into inputs. When the runner dies all runs count as lost until the
//! parent hands over a connection to the next one.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use crate::config::block::{GlobalDefs, NotifyScripts, SyncGroup, VrrpInstance, VrrpScript};
use crate::config::value::ScriptCommand;
use crate::daemon::fifo::Reader;
use crate::daemon::runner::{Command, Order, Report};
use crate::daemon::script_security::{self, Rules};
use crate::sys::clock;
use crate::sys::process::Exit;
use crate::sys::seqpacket::{AsyncSeqPacket, Received, SeqPacket};
use crate::track::{ExitStatus, Signal};
use crate::types::Priority;
use crate::vrrp::{
    Call, CallId, ConflictCause, Event, Notification, Notifier, NotifyEffect, NotifyInput, NotifySettings,
    OtherMaster, RunId, Subject, SwitchInput, Telling,
};

/// The machine of notify scripts bounds its end; this is for a runner that answers nothing.
const FINISH_LIMIT: Duration = Duration::from_secs(4);

/// All commands of the VRRP child.
#[derive(Debug)]
pub struct Scripts {
    runner: Option<AsyncSeqPacket>,
    rules: Rules,
    /// What has been judged since the configuration was read, and why it may not run.
    judged: BTreeMap<CommandKey, Result<Command, String>>,
    next_number: u64,
    /// What runs, or is about to, by the number that the runner knows it by.
    runs: BTreeMap<u64, Purpose>,
    /// Orders that the runner has not taken yet; bounded by the number of scripts, because none
    /// runs twice at a time.
    orders: VecDeque<Vec<u8>>,
    /// Runs that ended without the runner.
    stillborn: VecDeque<SwitchInput>,
    notifier: Notifier,
}

type CommandKey = (Vec<String>, Option<u32>, Option<u32>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Check(RunId),
    Notify(CallId),
}

impl Scripts {
    /// Over a connection to the script runner. To be called
    /// inside a tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn new(runner: SeqPacket, global: &GlobalDefs) -> io::Result<Self> {
        Ok(Self {
            runner: Some(AsyncSeqPacket::new(runner)?),
            rules: Rules::of(global),
            judged: BTreeMap::new(),
            next_number: 0,
            runs: BTreeMap::new(),
            orders: VecDeque::new(),
            stillborn: VecDeque::new(),
            notifier: Notifier::new(settings(global)),
        })
    }

    /// A reload: commands are judged again before they run next.
    pub fn reconfigure(&mut self, global: &GlobalDefs) {
        self.rules = Rules::of(global);
        self.judged.clear();
        self.notifier.set(settings(global));
    }

    /// The parent started a new runner: what the old one ran has been given up.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn use_runner(&mut self, runner: SeqPacket) -> io::Result<()> {
        self.lose_runner();
        self.runner = Some(AsyncSeqPacket::new(runner)?);
        self.tell_notifier(NotifyInput::RunnerBack);
        Ok(())
    }

    /// Begins a run of a check script; what becomes of it comes from [`Scripts::next`].
    pub fn start_check(&mut self, run: RunId, script: &VrrpScript) {
        if self.runner.is_none() {
            self.stillborn.push_back(SwitchInput::ScriptLost(run));
        } else if !self.start(&script.command, &[], Purpose::Check(run)) {
            self.stillborn.push_back(SwitchInput::ScriptNotStarted(run));
        }
    }

    /// Signals the process group of a check script's run. One that has ended is no error.
    pub fn signal_check(&mut self, run: RunId, signal: Signal) {
        self.signal(Purpose::Check(run), signal);
    }

    /// Tells the scripts of an instance, in order and each when its predecessor has ended.
    pub fn notify(&mut self, instance: &VrrpInstance, notification: Notification) {
        self.tell(Subject::Instance, &instance.name, &instance.notify, notification);
    }

    /// Tells the script that an instance has for this of another master.
    pub fn notify_split_brain(&mut self, instance: &VrrpInstance, other: OtherMaster, cause: ConflictCause) {
        if let Some(telling) = Telling::split_brain(&instance.name, &instance.notify, other, cause) {
            self.tell_notifier(NotifyInput::Event(telling));
        }
    }

    /// The same of a sync group, to which keepalived gives priority 0.
    pub fn notify_group(&mut self, group: &SyncGroup, event: Event) {
        let notification = Notification { event, priority: Priority::STOP };
        self.tell(Subject::Group, &group.name, &group.notify, notification);
    }

    fn tell(&mut self, subject: Subject, name: &str, scripts: &NotifyScripts, notification: Notification) {
        if let Some(telling) = Telling::new(subject, name, scripts, notification) {
            self.tell_notifier(NotifyInput::Event(telling));
        }
    }

    /// Starts or ends what reads a FIFO, never two at once.
    pub fn reader(&mut self, Reader { slot, command }: Reader) {
        self.tell_notifier(NotifyInput::Reader(slot, command));
    }

    /// Carries orders out and waits for news of a check script. Dropping the future loses nothing.
    pub async fn next(&mut self) -> SwitchInput {
        loop {
            if let Some(input) = self.stillborn.pop_front() {
                return input;
            }
            if let Some(input) = self.step().await {
                return input;
            }
        }
    }

    /// The last act before the child ends: lets the scripts about the end run, for as long as the machine
    /// of notify scripts gives them.
    pub async fn finish(&mut self) {
        self.tell_notifier(NotifyInput::Finish);
        let steps = async {
            while !self.notifier.is_idle() && self.runner.is_some() {
                // News of check scripts interest nobody any more.
                let _ = self.step().await;
            }
        };
        // The runner takes orders at once unless it is stuck, and then nothing helps.
        let _ = tokio::time::timeout(FINISH_LIMIT, steps).await;
    }

    /// One exchange with the runner, or a time that is up.
    async fn step(&mut self) -> Option<SwitchInput> {
        let mut buffer = [0; 64];
        let due = self.notifier.poll_timeout();
        let received = {
            let Some(runner) = &self.runner else {
                return std::future::pending().await;
            };
            tokio::select! {
                received = runner.recv(&mut buffer) => Some(received),
                () = send_all(runner, &mut self.orders), if !self.orders.is_empty() => None,
                () = tokio::time::sleep(due.map_or(Duration::ZERO, |at| at.since(clock::now()))), if due.is_some() => {
                    self.notifier.handle_timeout(clock::now());
                    None
                }
            }
        };
        self.carry_out_notifier();
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
            (Purpose::Notify(call), report) => {
                self.tell_notifier(match report {
                    Report::Started(..) => NotifyInput::Started(call),
                    Report::Ended(..) => NotifyInput::Ended(call),
                    Report::NotStarted(_) => NotifyInput::NotStarted(call),
                });
                None
            }
        }
    }

    fn tell_notifier(&mut self, input: NotifyInput) {
        self.notifier.handle(clock::now(), input);
        self.carry_out_notifier();
    }

    fn carry_out_notifier(&mut self) {
        while let Some(effect) = self.notifier.poll_effect() {
            match effect {
                NotifyEffect::Start(Call { id, command, arguments }) => {
                    if !self.start(&command, &arguments, Purpose::Notify(id)) {
                        self.notifier.handle(clock::now(), NotifyInput::NotStarted(id));
                    }
                }
                NotifyEffect::Signal(id, signal) => self.signal(Purpose::Notify(id), signal),
                NotifyEffect::Notice(notice) if notice.is_warning() => tracing::warn!("{notice}"),
                NotifyEffect::Notice(notice) => tracing::info!("{notice}"),
            }
        }
    }

    fn signal(&mut self, purpose: Purpose, signal: Signal) {
        let number = match signal {
            Signal::Term => signal_hook::consts::SIGTERM,
            Signal::Kill => signal_hook::consts::SIGKILL,
        };
        let found = self.runs.iter().find(|(_, known)| **known == purpose);
        if let Some((id, _)) = found {
            self.orders.extend(Order::Kill(*id, number).encode());
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

    /// What may run stays allowed until a reload; what may not is looked at again, because whatever is
    /// missing may have come.
    fn judge(&mut self, command: &ScriptCommand) -> Option<Command> {
        let key = (command.argv.clone(), command.uid, command.gid);
        let known = self.judged.get(&key);
        if let Some(Ok(approved)) = known {
            return Some(approved.clone());
        }
        let judgement = script_security::judge(command, self.rules);
        let judgement = judgement.map(|approved| approved.command).map_err(|refusal| refusal.to_string());
        if let Err(refusal) = &judgement
            && known != Some(&judgement)
        {
            tracing::error!("{refusal}");
        }
        self.judged.insert(key, judgement.clone());
        judgement.ok()
    }

    fn lose_runner(&mut self) {
        self.runner = None;
        self.orders.clear();
        for purpose in std::mem::take(&mut self.runs).into_values() {
            match purpose {
                Purpose::Check(run) => self.stillborn.push_back(SwitchInput::ScriptLost(run)),
                Purpose::Notify(_) => {}
            }
        }
        self.tell_notifier(NotifyInput::RunnerGone);
    }
}

fn settings(global: &GlobalDefs) -> NotifySettings {
    NotifySettings { limit: global.notify_script_timeout }
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
