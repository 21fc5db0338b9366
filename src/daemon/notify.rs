//! Which notify script runs when: the queue between events and commands.
//!
//! keepalived starts notify scripts and looks away, so that two quick transitions overlap or
//! overtake each other, and the script that ends last decides what the node believes. Here each
//! instance has lanes, one for its `notify_STATE` scripts, one for `notify_master_rx_lower_pri` and one
//! for `notify`; within a lane a script starts when its predecessor has ended. The lanes run side by side,
//! as in keepalived. A lane that falls behind keeps the last events, so the last state always arrives.

use std::collections::{BTreeMap, VecDeque};

use crate::config::block::NotifyScripts;
use crate::config::value::ScriptCommand;
use crate::vrrp::{Event, Notification};

/// Events that wait in a lane at most. Of a router that flaps faster than its script runs the
/// events between are the ones to leave out.
const LANE_LIMIT: usize = 8;

/// A script to start now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The script.
    pub command: ScriptCommand,
    /// What is appended to its words.
    pub arguments: Vec<String>,
    /// To be handed to [`Notifier::ended`].
    pub ticket: Ticket,
}

/// Names the lane that a call belongs to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ticket(usize);

/// All lanes of all instances.
#[derive(Debug, Default)]
pub struct Notifier {
    lanes: Vec<Lane>,
    by_name: BTreeMap<(Subject, String, LaneKind), usize>,
}

/// Whose scripts: what `notify` gets as its first argument.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// Of an instance.
    Instance,
    /// Of a sync group.
    Group,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Instance => "INSTANCE",
            Self::Group => "GROUP",
        })
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum LaneKind {
    State,
    /// `notify_master_rx_lower_pri` says nothing of the state: it must not hold up what does.
    LowerPri,
    Any,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<(ScriptCommand, Vec<String>)>,
    busy: bool,
}

impl Notifier {
    /// Notes an event of an instance or a group for the scripts that it has for that.
    pub fn push(
        &mut self,
        subject: Subject,
        name: &str,
        scripts: &NotifyScripts,
        notification: Notification,
    ) {
        if let Some(command) = state_script(scripts, notification.event) {
            let lane = match notification.event {
                Event::MasterRxLowerPri => LaneKind::LowerPri,
                Event::Master | Event::Backup | Event::Fault | Event::Stop | Event::Deleted => {
                    LaneKind::State
                }
            };
            self.queue((subject, name, lane), notification, command.clone(), Vec::new());
        }
        if let Some(command) = scripts.any.as_ref().filter(|_| notification.event != Event::MasterRxLowerPri)
        {
            let Notification { event, priority } = notification;
            let arguments =
                vec![subject.to_string(), name.to_owned(), event.to_string(), priority.to_string()];
            self.queue((subject, name, LaneKind::Any), notification, command.clone(), arguments);
        }
    }

    /// A script that may start now: in keepalived's order, state script before the general one.
    pub fn next_call(&mut self) -> Option<Call> {
        let (number, lane) =
            self.lanes.iter_mut().enumerate().find(|(_, lane)| !lane.busy && !lane.waiting.is_empty())?;
        let (command, arguments) = lane.waiting.pop_front()?;
        lane.busy = true;
        Some(Call { command, arguments, ticket: Ticket(number) })
    }

    /// The script of that call has ended, or could not be started.
    pub fn ended(&mut self, ticket: Ticket) {
        self.lanes[ticket.0].busy = false;
    }

    /// Whether another script waits for that call to end.
    #[must_use]
    pub fn holds_up(&self, ticket: Ticket) -> bool {
        !self.lanes[ticket.0].waiting.is_empty()
    }

    /// Whether any script waits for another to end.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }

    /// Whether nothing runs and nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lanes.iter().all(|lane| !lane.busy && lane.waiting.is_empty())
    }

    fn queue(
        &mut self,
        (subject, name, kind): (Subject, &str, LaneKind),
        notification: Notification,
        command: ScriptCommand,
        arguments: Vec<String>,
    ) {
        let number = *self.by_name.entry((subject, name.to_owned(), kind)).or_insert_with(|| {
            self.lanes.push(Lane::default());
            self.lanes.len() - 1
        });
        let waiting = &mut self.lanes[number].waiting;
        if notification.event == Event::Stop {
            // There is no time for what it overrules.
            waiting.clear();
        } else if waiting.len() == LANE_LIMIT {
            waiting.pop_front();
            tracing::warn!("({name}) notify scripts are slower than events; one event was left out");
        }
        waiting.push_back((command, arguments));
    }
}

fn state_script(scripts: &NotifyScripts, event: Event) -> Option<&ScriptCommand> {
    match event {
        Event::Master => scripts.master.as_ref(),
        Event::Backup => scripts.backup.as_ref(),
        Event::Fault => scripts.fault.as_ref(),
        Event::Stop => scripts.stop.as_ref(),
        Event::Deleted => scripts.deleted.as_ref(),
        Event::MasterRxLowerPri => scripts.master_rx_lower_pri.as_ref(),
    }
}

#[cfg(test)]
mod tests;
