//! Which script runs when: what lies between events and commands.
//!
//! keepalived starts notify scripts and looks away, so that two quick transitions overlap or overtake each
//! other, and the script that ends last decides what the node believes. Here every object (an instance, a
//! sync group, the reader of a FIFO) has one queue, and no two of its scripts ever run at once.
//!
//! * An event is told whole: its own script (`notify_master`), then the general one (`notify`), each when its
//!   predecessor has ended; nothing comes between them.
//! * While scripts run, the newest event of each kind is kept, in the order in which they came: a router that
//!   flaps a thousand times has at most one MASTER, one BACKUP and one FAULT waiting, and the last state
//!   always arrives, last.
//! * A script that has run for [`NotifySettings::limit`] is ended once another one waits for it: TERM for its
//!   process group, KILL after [`TERM_GRACE`]. What does not even end by that can do nothing any more, and is
//!   not waited for.
//! * Once the daemon ends ([`NotifyInput::Finish`]), what waits gets [`PREDECESSOR_LIMIT`]; then each object's
//!   last event alone is told, and each of its scripts gets [`STOP_LIMIT`], as in keepalived.
//! * A reader is ended before the next one starts, and what is newest is what runs next.
//!
//! Driven like every machine of this crate: [`Notifier::handle`] or [`Notifier::handle_timeout`], then
//! [`Notifier::poll_effect`] until it yields nothing, then sleep until [`Notifier::poll_timeout`].

mod backlog;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use super::{ConflictCause, Event, Notification, OtherMaster};
use crate::config::block::NotifyScripts;
use crate::config::value::ScriptCommand;
use crate::track::Signal;
use crate::types::{Instant, State};

pub use backlog::{Backlog, LineKind};

/// After TERM a script has this long before KILL, as a check script has.
pub const TERM_GRACE: Duration = Duration::from_secs(2);

/// After KILL nothing is waited for longer than this.
pub const KILL_GRACE: Duration = Duration::from_secs(1);

/// How much of its end the daemon spends on scripts that the last ones have to wait for.
pub const PREDECESSOR_LIMIT: Duration = Duration::from_millis(500);

/// How long each of the last scripts gets once the daemon ends, as in keepalived.
pub const STOP_LIMIT: Duration = Duration::from_secs(1);

/// Whose scripts: what `notify` gets as its first argument.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// Of an instance.
    Instance,
    /// Of a sync group.
    Group,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "INSTANCE",
            Self::Group => "GROUP",
        })
    }
}

/// Which of the FIFOs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FifoSlot {
    /// `notify_fifo`.
    All,
    /// `vrrp_notify_fifo`.
    Vrrp,
}

/// Whose scripts never run side by side.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Object {
    Router(Subject, String),
    Reader(FifoSlot),
}

/// Names one run of a script.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(pub u64);

/// A script to start now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// What is told of it, and what signals are for.
    pub id: CallId,
    /// The script.
    pub command: ScriptCommand,
    /// What is appended to its words.
    pub arguments: Vec<String>,
}

/// What the machine is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NotifyInput {
    /// Something has happened to an instance or a group.
    Event(Telling),
    /// This is to read a FIFO from now on, with these words appended, or nothing.
    Reader(FifoSlot, Option<(ScriptCommand, Vec<String>)>),
    /// A run has begun.
    Started(CallId),
    /// A run is over.
    Ended(CallId),
    /// A run could not begin; whoever knows why has said so.
    NotStarted(CallId),
    /// Whatever starts scripts is gone, and what it had started with it.
    RunnerGone,
    /// There is another one.
    RunnerBack,
    /// The daemon ends. Comes last.
    Finish,
}

/// What the machine wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NotifyEffect {
    /// Start this; the answer is `Started` and `Ended`, or `NotStarted`.
    Start(Call),
    /// Signal the process group of a run.
    Signal(CallId, Signal),
    /// Tell the operator.
    Notice(NotifyNotice),
}

/// What an operator is told of notify scripts; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NotifyNotice {
    /// The scripts of an object are slower than its events: so many were left out before this one.
    LeftOut(String, u32, Event),
    /// A script has run for so long while another one waits for it.
    TooLong(String, String, Duration),
    /// KILL has not ended it.
    Unkillable(String, String),
    /// It could not be started.
    NotStarted(String, String),
    /// What reads a FIFO has ended.
    ReaderEnded,
}

impl NotifyNotice {
    /// Whether it is something to worry about.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        !matches!(self, Self::ReaderEnded)
    }
}

impl fmt::Display for NotifyNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut(name, 1, event) => {
                write!(f, "({name}) notify scripts are slower than events: one was left out before {event}")
            }
            Self::LeftOut(name, count, event) => {
                write!(
                    f,
                    "({name}) notify scripts are slower than events: {count} were left out before {event}"
                )
            }
            Self::TooLong(name, script, limit) => {
                write!(
                    f,
                    "({name}) notify script {script} has run for {limit:?} and holds up others: ending it"
                )
            }
            Self::Unkillable(name, script) => {
                write!(f, "({name}) notify script {script} does not end by KILL; it is not waited for")
            }
            Self::NotStarted(name, script) => {
                write!(f, "({name}) notify script {script} could not be started")
            }
            // keepalived's words, for both.
            Self::ReaderEnded => f.write_str("vrrp notify fifo script terminated"),
        }
    }
}

/// An event, and the scripts to tell it to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Telling {
    subject: Subject,
    name: String,
    event: Event,
    /// In order; not empty.
    calls: VecDeque<(ScriptCommand, Vec<String>)>,
}

impl Telling {
    /// `None`: nobody wants to know. keepalived's arguments and order: the event's own script gets none and is
    /// first, the general one gets four words, and nobody hears of a lower advert but the script for that.
    #[must_use]
    pub fn new(
        subject: Subject,
        name: &str,
        scripts: &NotifyScripts,
        notification: Notification,
    ) -> Option<Self> {
        let Notification { event, priority } = notification;
        let mut calls = VecDeque::new();
        calls.extend(own_script(scripts, event).map(|command| (command.clone(), Vec::new())));
        if let Some(command) = scripts.any.as_ref().filter(|_| event != Event::MasterRxLowerPri) {
            let words = [subject.to_string(), name.to_owned(), event.to_string(), priority.to_string()];
            calls.push_back((command.clone(), words.to_vec()));
        }
        (!calls.is_empty()).then(|| Self { subject, name: name.to_owned(), event, calls })
    }

    /// Another router is master as well; `None`: nobody wants to know.
    #[must_use]
    pub fn split_brain(
        name: &str,
        scripts: &NotifyScripts,
        other: OtherMaster,
        cause: ConflictCause,
    ) -> Option<Self> {
        let command = scripts.split_brain.clone()?;
        let known = |what: Option<String>| what.unwrap_or_else(|| "-".to_owned());
        let words = vec![
            Subject::Instance.to_string(),
            name.to_owned(),
            State::Master.to_string(),
            known(other.address.map(|address| address.to_string())),
            known(other.mac.map(|mac| mac.to_string())),
            cause.word().to_owned(),
        ];
        let calls = VecDeque::from([(command, words)]);
        Some(Self { subject: Subject::Instance, name: name.to_owned(), event: Event::SplitBrain, calls })
    }
}

fn own_script(scripts: &NotifyScripts, event: Event) -> Option<&ScriptCommand> {
    match event {
        Event::Master => scripts.master.as_ref(),
        Event::Backup => scripts.backup.as_ref(),
        Event::Fault => scripts.fault.as_ref(),
        Event::Stop => scripts.stop.as_ref(),
        Event::Deleted => scripts.deleted.as_ref(),
        Event::MasterRxLowerPri => scripts.master_rx_lower_pri.as_ref(),
        Event::SplitBrain => scripts.split_brain.as_ref(),
    }
}

/// What a configuration says of all notify scripts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotifySettings {
    /// `notify_script_timeout`.
    pub limit: Duration,
}

/// All queues.
#[derive(Debug)]
pub struct Notifier {
    settings: NotifySettings,
    /// Of objects for which something runs or waits.
    queues: BTreeMap<Object, Queue>,
    next_id: u64,
    has_runner: bool,
    finishing: Option<Instant>,
    effects: VecDeque<NotifyEffect>,
}

/// Of one object.
#[derive(Debug, Default)]
struct Queue {
    running: Option<Run>,
    /// What remains of the event that is being told.
    rest: VecDeque<(ScriptCommand, Vec<String>)>,
    /// Events that come after it: of each kind one at most.
    waiting: VecDeque<Telling>,
    left_out: u32,
}

#[derive(Debug)]
struct Run {
    id: CallId,
    command: ScriptCommand,
    arguments: Vec<String>,
    since: Instant,
    started: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Running,
    /// TERM was sent; KILL follows then.
    Terminating(Instant),
    /// KILL was sent; from then on nobody waits for it.
    Killing(Instant),
}

impl Object {
    fn is_reader(&self) -> bool {
        matches!(self, Self::Reader(_))
    }

    fn name(&self) -> &str {
        match self {
            Self::Router(_, name) => name,
            Self::Reader(FifoSlot::All) => "notify_fifo",
            Self::Reader(FifoSlot::Vrrp) => "vrrp_notify_fifo",
        }
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.running.is_none() && !self.is_waiting()
    }

    fn is_waiting(&self) -> bool {
        !self.rest.is_empty() || !self.waiting.is_empty()
    }

    /// Keeps the newest event of each kind.
    fn push(&mut self, telling: Telling) {
        let before = self.waiting.len();
        self.waiting.retain(|other| other.event != telling.event);
        self.left_out += u32::try_from(before - self.waiting.len()).unwrap_or(u32::MAX);
        self.waiting.push_back(telling);
    }

    /// There is time for one event only.
    fn keep_last(&mut self) {
        let Some(last) = self.waiting.pop_back() else { return };
        self.left_out += u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.waiting.clear();
        self.rest.clear();
        self.waiting.push_back(last);
    }

    /// When the run must be looked at, and whether its time is up then.
    fn due(&self, settings: NotifySettings, finishing: Option<Instant>, reader: bool) -> Option<Instant> {
        let run = self.running.as_ref()?;
        match (run.phase, finishing) {
            (Phase::Terminating(at) | Phase::Killing(at), None) => Some(at),
            (Phase::Killing(at), Some(_)) => Some(at),
            _ if reader => None,
            (_, Some(end)) if self.waiting.is_empty() => Some(run.since.max(end) + STOP_LIMIT),
            (_, Some(end)) => Some(end + PREDECESSOR_LIMIT),
            (Phase::Running, None) => self.is_waiting().then(|| run.since + settings.limit),
        }
    }
}

impl Notifier {
    /// One that has nothing to do, and a runner.
    #[must_use]
    pub fn new(settings: NotifySettings) -> Self {
        Self {
            settings,
            queues: BTreeMap::new(),
            next_id: 0,
            has_runner: true,
            finishing: None,
            effects: VecDeque::new(),
        }
    }

    /// A reload: holds for what runs, too.
    pub fn set(&mut self, settings: NotifySettings) {
        self.settings = settings;
    }

    /// Tells the machine of something. Anything about a run that it does not know, or waits for no more, is
    /// ignored.
    pub fn handle(&mut self, now: Instant, input: NotifyInput) {
        match input {
            NotifyInput::Event(telling) => {
                let object = Object::Router(telling.subject, telling.name.clone());
                self.queues.entry(object.clone()).or_default().push(telling);
                self.advance(now, &object);
            }
            NotifyInput::Reader(slot, reader) => self.seat(now, slot, reader),
            NotifyInput::Started(id) => {
                let mut runs = self.queues.values_mut().filter_map(|queue| queue.running.as_mut());
                runs.find(|run| run.id == id).into_iter().for_each(|run| run.started = true);
            }
            NotifyInput::Ended(id) => self.ended(now, id),
            NotifyInput::NotStarted(id) => {
                if let Some((object, run)) = self.run(id) {
                    let notice = NotifyNotice::NotStarted(object.name().to_owned(), run.command.to_string());
                    self.effects.push_back(NotifyEffect::Notice(notice));
                }
                self.ended(now, id);
            }
            NotifyInput::RunnerGone => self.lose_runner(),
            NotifyInput::RunnerBack => {
                self.has_runner = true;
                self.advance_all(now);
            }
            NotifyInput::Finish => {
                self.finishing.get_or_insert(now);
                // Of adverts nobody needs to hear any more, and nothing of the state shall wait for them.
                let is_state =
                    |telling: &Telling| !matches!(telling.event, Event::MasterRxLowerPri | Event::SplitBrain);
                self.queues.values_mut().for_each(|queue| queue.waiting.retain(is_state));
            }
        }
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let overdue = self.overdue(now);
        for object in overdue {
            self.on_overdue(now, &object);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due =
            |(object, queue): (&Object, &Queue)| queue.due(self.settings, self.finishing, object.is_reader());
        self.queues.iter().filter_map(due).min()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<NotifyEffect> {
        self.effects.pop_front()
    }

    /// Whether nothing runs and nothing waits, readers left aside.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queues.keys().all(Object::is_reader)
    }

    fn run(&self, id: CallId) -> Option<(&Object, &Run)> {
        let runs = self.queues.iter().filter_map(|(object, queue)| Some((object, queue.running.as_ref()?)));
        runs.into_iter().find(|(_, run)| run.id == id)
    }

    fn ended(&mut self, now: Instant, id: CallId) {
        let Some(object) = self.run(id).map(|(object, _)| object.clone()) else { return };
        if object.is_reader() {
            self.effects.push_back(NotifyEffect::Notice(NotifyNotice::ReaderEnded));
        }
        if let Some(queue) = self.queues.get_mut(&object) {
            queue.running = None;
        }
        self.advance(now, &object);
    }

    /// Starts what can be started of an object; forgets the object if there is nothing.
    fn advance(&mut self, now: Instant, object: &Object) {
        let Some(queue) = self.queues.get_mut(object) else { return };
        if queue.running.is_some() || !self.has_runner {
            return;
        }
        if queue.rest.is_empty()
            && let Some(Telling { event, calls, .. }) = queue.waiting.pop_front()
        {
            queue.rest = calls;
            let left_out = std::mem::take(&mut queue.left_out);
            if left_out > 0 {
                let notice = NotifyNotice::LeftOut(object.name().to_owned(), left_out, event);
                self.effects.push_back(NotifyEffect::Notice(notice));
            }
        }
        let Some((command, arguments)) = queue.rest.pop_front() else {
            self.queues.remove(object);
            return;
        };
        self.next_id += 1;
        let id = CallId(self.next_id);
        let call = Call { id, command: command.clone(), arguments: arguments.clone() };
        self.effects.push_back(NotifyEffect::Start(call));
        queue.running =
            Some(Run { id, command, arguments, since: now, started: false, phase: Phase::Running });
    }

    fn advance_all(&mut self, now: Instant) {
        for object in self.queues.keys().cloned().collect::<Vec<_>>() {
            self.advance(now, &object);
        }
    }

    /// Another reader, or none: the one that runs is ended first.
    fn seat(&mut self, now: Instant, slot: FifoSlot, reader: Option<(ScriptCommand, Vec<String>)>) {
        let object = Object::Reader(slot);
        let queue = self.queues.entry(object.clone()).or_default();
        queue.rest.clear();
        queue.rest.extend(reader);
        if let Some(run) = &mut queue.running
            && run.phase == Phase::Running
        {
            run.phase = Phase::Terminating(now + TERM_GRACE);
            self.effects.push_back(NotifyEffect::Signal(run.id, Signal::Term));
        }
        self.advance(now, &object);
    }

    /// What had been started is over, and what had not will be started by the next one. A reader is needed
    /// again either way, unless it was to end.
    fn lose_runner(&mut self) {
        self.has_runner = false;
        for (object, queue) in &mut self.queues {
            if let Some(Run { command, arguments, started, phase, .. }) = queue.running.take()
                && phase == Phase::Running
                && (!started || object.is_reader())
            {
                queue.rest.push_front((command, arguments));
            }
        }
        self.queues.retain(|_, queue| !queue.is_idle());
    }

    fn overdue(&self, now: Instant) -> Vec<Object> {
        let is_due = |(object, queue): &(&Object, &Queue)| {
            let due = queue.due(self.settings, self.finishing, object.is_reader());
            due.is_some_and(|at| at <= now)
        };
        self.queues.iter().filter(is_due).map(|(object, _)| object.clone()).collect()
    }

    fn on_overdue(&mut self, now: Instant, object: &Object) {
        let Some(queue) = self.queues.get_mut(object) else { return };
        if self.finishing.is_some() && !queue.waiting.is_empty() {
            queue.keep_last();
        }
        let Some(run) = &mut queue.running else { return };
        let (name, script) = (object.name().to_owned(), run.command.to_string());
        match run.phase {
            Phase::Running if self.finishing.is_none() => {
                run.phase = Phase::Terminating(now + TERM_GRACE);
                let notice = NotifyNotice::TooLong(name, script, self.settings.limit);
                self.effects.push_back(NotifyEffect::Notice(notice));
                self.effects.push_back(NotifyEffect::Signal(run.id, Signal::Term));
            }
            Phase::Running | Phase::Terminating(_) => {
                run.phase = Phase::Killing(now + KILL_GRACE);
                self.effects.push_back(NotifyEffect::Signal(run.id, Signal::Kill));
            }
            Phase::Killing(_) => {
                queue.running = None;
                self.effects.push_back(NotifyEffect::Notice(NotifyNotice::Unkillable(name, script)));
                self.advance(now, object);
            }
        }
    }
}

#[cfg(test)]
mod tests;
