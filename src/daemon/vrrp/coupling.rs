//! The switchboard among the tasks: what instances and groups tell each other passes through here.
//!
//! The coordinator owns it and is the only one to tell it of scripts, links and reloads. A member of a sync
//! group tells it where it stands from within its own task, and acts on the answer before it does anything
//! else: that is the contract of `vrrp::sync_group`, and a takeover of a group takes no turn of the coordinator.

use super::task::Control;
use super::{Shared, ToService};
use crate::config::Config;
use crate::config::block::VrrpInstance;
use crate::sys::clock;
use crate::types::IfName;
use crate::vrrp::{GroupSays, Input, SwitchEffect, SwitchInput, Switchboard, Word};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// The switchboard, and who hears of it.
#[derive(Debug, Default)]
pub(super) struct Coupling {
    /// `None` until the links are known.
    board: RefCell<Option<Switchboard>>,
    /// Where the instances hear, by their names.
    doors: RefCell<BTreeMap<String, mpsc::UnboundedSender<Control>>>,
    /// What comes of a reload waits until every instance has heard of it.
    held: Cell<bool>,
}

impl Coupling {
    /// From now on there is a switchboard, for these links.
    pub(super) fn begin(&self, config: &Config, links: impl IntoIterator<Item = (IfName, bool)>) {
        *self.board.borrow_mut() = Some(Switchboard::new(clock::now(), config, links));
    }

    /// Looks something up.
    pub(super) fn ask<T: Default>(&self, ask: impl FnOnce(&Switchboard) -> T) -> T {
        self.board.borrow().as_ref().map(ask).unwrap_or_default()
    }

    fn with(&self, act: impl FnOnce(&mut Switchboard)) {
        if let Some(board) = self.board.borrow_mut().as_mut() {
            act(board);
        }
    }

    /// Gives the switchboard an input; what comes of it is for [`Shared::carry_out_coupling`].
    pub(super) fn handle(&self, input: SwitchInput) {
        self.with(|board| board.handle(clock::now(), input));
    }

    /// Lets the switchboard act on what is due.
    pub(super) fn handle_timeout(&self) {
        self.with(|board| board.handle_timeout(clock::now()));
    }

    /// An instance hears through this.
    pub(super) fn open(&self, name: &str, door: mpsc::UnboundedSender<Control>) {
        self.doors.borrow_mut().insert(name.to_owned(), door);
    }

    /// Nobody hears any more, until doors are opened again.
    pub(super) fn close_all(&self) {
        self.doors.borrow_mut().clear();
    }

    /// What comes of inputs waits (`true`), or no longer.
    pub(super) fn hold(&self, held: bool) {
        self.held.set(held);
    }

    /// What its group has to say to an instance that has heard `last`; `None`: nothing new.
    pub(super) fn news(&self, instance: &VrrpInstance, last: Option<Word>) -> Option<GroupSays> {
        let is_news = |board: &Switchboard| board.word(instance) != last;
        self.ask(|board| board.group_says(instance).filter(|_| is_news(board)))
    }

    fn tell(&self, name: &str, control: Control) {
        if let Some(door) = self.doors.borrow().get(name) {
            // One that has failed hears nothing until it starts again, and then looks for itself.
            let _ = door.send(control);
        }
    }
}

impl Shared {
    /// Carries out what the switchboard wants.
    pub(super) fn carry_out_coupling(&self) {
        let next = || {
            let mut board = self.coupling.board.borrow_mut();
            board.as_mut().filter(|_| !self.coupling.held.get())?.poll_effect()
        };
        while let Some(effect) = next() {
            match effect {
                SwitchEffect::StartScript(run, script) => {
                    self.tell_service(ToService::StartScript(run, script));
                }
                SwitchEffect::SignalScript(run, signal) => {
                    self.tell_service(ToService::SignalScript(run, signal));
                }
                SwitchEffect::Follow(followed) => {
                    self.bfd.follow(followed.sessions.clone());
                    // Without its thread nothing is found, and that is what the trackers then say.
                    let _ = self.trackers.send(followed);
                }
                SwitchEffect::Tracking(name, tracking) => {
                    self.coupling.tell(&name, Control::Input(Input::Tracking(tracking)));
                }
                SwitchEffect::Group(name, GroupSays::Be { .. }) => {
                    self.coupling.tell(&name, Control::HearGroup);
                }
                SwitchEffect::Group(name, says @ GroupSays::Announce) => {
                    self.coupling.tell(&name, Control::Input(Input::Group(says)));
                }
                SwitchEffect::NotifyGroup(group, event) => {
                    self.tell_service(ToService::NotifyGroup(group, event));
                }
                SwitchEffect::Notice(notice) => tracing::info!("{notice}"),
                SwitchEffect::GroupNotice(notice) => tracing::info!("{notice}"),
            }
        }
    }
}
