//! The VRRP child: instances, and what carries out their effects.
//!
//! ```text
//! protocol thread ── real-time class where permitted; nothing on it ever blocks
//!  ├─ coordinator    Switchboard, links, reload, stop
//!  ├─ task × n       one Instance each, and its effects
//!  ├─ receiver × m   one per shared socket
//!  └─ announcer, deadline queue
//! writer thread   ── address changes, blocking
//! monitor thread  ── links and addresses
//! service thread  ── scripts, notifications, files: all that is slow
//! ```

mod announcer;
mod coordinator;
mod inbox;
mod kernel;
mod ledger;
mod links;
mod sockets;
mod task;

use crate::config::Config;
use crate::config::block::{VrrpInstance, VrrpScript};
use crate::status::Snapshot;
use crate::sys::deadlines::Deadlines;
use crate::track::Signal;
use crate::vrrp::{Notification, RunId, SwitchInput};
use announcer::{Announcer, Pace};
use coordinator::{Coordinator, End, Setup};
use kernel::Kernel;
use ledger::Ledger;
use links::Links;
use sockets::Sockets;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// What the protocol thread asks of the service thread.
#[derive(Debug)]
pub(super) enum ToService {
    /// All instances have started.
    Ready,
    /// A reload is in force (`true`) or was refused.
    Reloaded(bool),
    /// Begin a run of a check script.
    StartScript(RunId, Arc<VrrpScript>),
    /// Signal the process group of a run.
    SignalScript(RunId, Signal),
    /// Tell scripts and whoever else subscribes.
    Notify(Notify),
}

/// An instance has something to tell.
#[derive(Debug)]
pub(super) struct Notify {
    /// The instance.
    pub(super) config: Arc<VrrpInstance>,
    /// What happened.
    pub(super) notification: Notification,
}

/// What the protocol thread is told.
#[derive(Debug)]
pub(super) enum Command {
    /// About a run of a script.
    Script(SwitchInput),
    /// Run this configuration from now on.
    Reload(Arc<Config>),
    /// Say how everything is.
    Snapshot(oneshot::Sender<Snapshot>),
    /// End, with last words.
    Stop,
}

/// What all tasks of the protocol thread use.
#[derive(Debug)]
struct Shared {
    deadlines: Deadlines,
    links: Rc<RefCell<Links>>,
    ledger: RefCell<Ledger>,
    sockets: Sockets,
    announcer: Announcer,
    kernel: Kernel,
    service: mpsc::UnboundedSender<ToService>,
}

impl Shared {
    fn tell_service(&self, message: ToService) {
        // Without a service thread the process is about to end.
        let _ = self.service.send(message);
    }
}

fn pace(config: &Config) -> Pace {
    Pace { garp: config.global.garp.interval, gna: config.global.garp.gna_interval }
}

/// What the protocol thread starts from.
struct Protocol {
    config: Arc<Config>,
    commands: mpsc::Receiver<Command>,
    service: mpsc::UnboundedSender<ToService>,
    respawned: bool,
    keep_addresses: bool,
}

/// Runs all instances on the calling thread until the end.
fn run_protocol(protocol: Protocol) -> io::Result<End> {
    let Protocol { config, commands, service, respawned, keep_addresses } = protocol;
    let kernel = Kernel::start()?;
    let events = kernel::watch()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let deadlines = Deadlines::new()?;
        let links = Rc::new(RefCell::new(Links::default()));
        let announcer = Announcer::open(Rc::clone(&links), deadlines.clone(), pace(&config))?;
        let timer = deadlines.clone();
        let timer = tokio::task::spawn_local(async move { timer.run().await });
        let announcing = tokio::task::spawn_local(announcer.clone().run());
        let sockets = Sockets::default();
        let ledger = RefCell::default();
        let shared = Rc::new(Shared { deadlines, links, ledger, sockets, announcer, kernel, service });
        let setup = Setup { shared, config, events, commands, respawned, keep_addresses };
        let coordinator = async { Coordinator::new(setup).await.run().await };
        tokio::select! {
            end = coordinator => Ok(end),
            ended = timer => match ended {
                Ok(Err(error)) => Err(error),
                Err(panic) => Err(io::Error::other(panic)),
            },
            Err(panic) = announcing => Err(io::Error::other(panic)),
        }
    })
}

#[cfg(test)]
mod tests;
