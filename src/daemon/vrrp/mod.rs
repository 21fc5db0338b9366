//! The VRRP child: instances, and what carries out their effects.
//!
//! ```text
//! protocol thread ── real-time class where permitted; nothing on it ever blocks
//!  ├─ coordinator    Switchboard, links, reload, stop
//!  ├─ task × n       one Instance each, and its effects
//!  ├─ BFD            all sessions, and their sockets
//!  ├─ receiver × m   one per shared socket
//!  └─ announcer, deadline queue
//! writer thread   ── changes of addresses, routes, rules, links and the packet filter, blocking
//! monitor thread  ── links, addresses, our routes and rules
//! service thread  ── scripts, notifications, dumps: all that is slow
//! tracker thread  ── files and processes that are tracked
//! file thread     ── files that are written
//! ```

mod announcer;
mod back_off;
mod bfd;
mod coordinator;
mod coupling;
mod firewall;
mod inbox;
mod kernel;
mod ledger;
mod links;
mod loans;
mod memo;
mod route_message;
mod routing;
mod sentinel;
mod service;
mod sockets;
mod statics;
mod task;
mod trackers;
mod virtual_links;

use crate::config::Config;
use crate::config::block::{ProcessDefs, SyncGroup, VrrpInstance, VrrpScript};
use crate::config::value::VirtualAddress;
use crate::daemon::child::{ChildContext, exit_code};
use crate::daemon::file_writer::FileWriter;
use crate::daemon::panics;
use crate::status::Snapshot;
use crate::sys::breather::Breather;
use crate::sys::deadlines::Deadlines;
use crate::sys::nftables::Dropped;
use crate::sys::{process, sched};
use crate::track::Signal;
use crate::types::{Priority, State};
use crate::vrrp::{
    Blocked, ConflictCause, Event, Followed, Notification, OtherMaster, RunId, Silence, SwitchInput,
};
use announcer::{Announcer, Pace};
use bfd::Bfd;
use coordinator::{Coordinator, End, Setup};
use coupling::Coupling;
use kernel::Kernel;
use ledger::Ledger;
use links::Links;
use loans::SilentIgmp;
use memo::Memo;
use routing::Routing;
use sentinel::Sentinel;
use sockets::Sockets;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// What the protocol thread asks of the service thread.
#[derive(Debug)]
pub(super) enum ToService {
    /// All instances have started.
    Ready,
    /// A reload is in force, or was refused for this reason.
    Reloaded(Result<(), String>),
    /// Begin a run of a check script.
    StartScript(RunId, Arc<VrrpScript>),
    /// Signal the process group of a run.
    SignalScript(RunId, Signal),
    /// Tell scripts and whoever else subscribes.
    Notify(Notify),
    /// The priority of an instance has moved, and FIFOs shall know.
    Priority(Arc<VrrpInstance>, State, Priority),
    /// Another router is master beside this instance.
    SplitBrain(Arc<VrrpInstance>, OtherMaster, ConflictCause),
    /// Tell whoever subscribes of a sync group.
    NotifyGroup(Arc<SyncGroup>, Event),
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
    /// About something that is tracked.
    Tracked(SwitchInput),
    /// Run this configuration from now on.
    Reload(Arc<Config>),
    /// Say how everything is.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Count from zero again.
    ClearStats,
    /// Let the task of this instance fail.
    #[cfg(test)]
    Fail(String),
    /// Fail yourself.
    #[cfg(test)]
    FailAll,
    /// End, with last words.
    Stop,
    /// The end is not to wait for anybody.
    Hurry,
}

/// What all tasks of the protocol thread use.
#[derive(Debug)]
struct Shared {
    deadlines: Deadlines,
    links: Rc<RefCell<Links>>,
    ledger: RefCell<Ledger<VirtualAddress>>,
    blocked: RefCell<Ledger<Blocked>>,
    /// Links that the packet filter keeps from reporting groups themselves.
    reports: RefCell<BTreeSet<Dropped>>,
    routing: RefCell<Routing>,
    sockets: Sockets,
    announcer: Announcer,
    sentinel: Sentinel,
    /// How instances begin.
    silence: Cell<Silence>,
    kernel: Kernel,
    coupling: Coupling,
    bfd: Bfd,
    service: mpsc::UnboundedSender<ToService>,
    trackers: mpsc::UnboundedSender<Followed>,
}

impl Shared {
    fn tell_service(&self, message: ToService) {
        // Without a service thread the process is about to end.
        let _ = self.service.send(message);
    }
}

fn pace(config: &Config) -> Pace {
    Pace {
        groups: config.garp_groups.clone(),
        garp: config.global.garp.interval,
        gna: config.global.garp.gna_interval,
    }
}

/// What the kernel lets the protocol thread run without ever sleeping before it ends the process:
/// a loop gone wild must not take the machine with it.
const REAL_TIME_LIMIT: Duration = Duration::from_secs(2);

/// How long the log and files may take at the very end.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Runs the VRRP child until it is told to end; its exit code.
#[must_use]
pub fn run(context: ChildContext) -> u8 {
    let (log, respawned) = (context.log.clone(), context.respawned);
    let code = run_child(context).unwrap_or_else(|error| {
        tracing::error!("VRRP cannot run: {error}");
        code_of(&error, respawned)
    });
    log.flush(FLUSH_LIMIT);
    code
}

/// What an error is to the parent. What the machine is short of may be there a moment later. A successor never
/// makes the parent give up, whatever the error: that would leave the addresses behind with nobody to mind them.
fn code_of(error: &io::Error, respawned: bool) -> u8 {
    let short = matches!(
        error.raw_os_error(),
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ENOBUFS)
    );
    match error.kind() {
        _ if respawned || short => process::INTERNAL_ERROR,
        io::ErrorKind::PermissionDenied => exit_code::MISSING_PERMISSION,
        _ => exit_code::FATAL,
    }
}

fn run_child(context: ChildContext) -> io::Result<u8> {
    let ChildContext { options, identity, config, log, signals, parent, runner, respawned } = context;
    panics::tell_panics(log);
    let (commands, receiver) = mpsc::channel(WAITING_COMMANDS);
    let (to_service, from_protocol) = mpsc::unbounded_channel();
    let detail = options.log.detail > 0;
    let process = config.protocol_process();
    let files = FileWriter::start()?;
    let memo = Memo::new(Some((identity.pid_files.vrrp.with_extension("left"), files.clone())));
    let (keep_addresses, no_bfd) = (options.dont_release_vrrp, options.no_bfd);
    let (to_trackers, followed) = mpsc::unbounded_channel();
    trackers::start(config.global.buffers.process, followed, commands.clone(), respawned)?;
    let service = service::start(service::Setup {
        options,
        identity,
        config: Arc::clone(&config),
        signals,
        parent,
        runner,
        from_protocol,
        commands,
        files: files.clone(),
    })?;
    enter_real_time(&process);
    // The service thread ends once this has dropped its end of their connection.
    let protocol = Protocol {
        config,
        commands: receiver,
        service: to_service,
        trackers: to_trackers,
        respawned,
        keep_addresses,
        no_bfd,
        memo,
    };
    let end = panics::essential(|| run_protocol(protocol));
    if service.join().is_err() {
        tracing::error!("the service thread failed by an internal error");
    }
    files.flush(FLUSH_LIMIT);
    Ok(match end? {
        End::Stopped => {
            tracing::info!("Stopped{}", if detail { used() } else { String::new() });
            0
        }
        End::InterfacesMissing => exit_code::CONFIG,
        // The parent starts another, which adopts what there is.
        End::Broken => process::INTERNAL_ERROR,
    })
}

/// Puts the protocol thread into the real-time class, as far as that is permitted.
fn enter_real_time(process: &ProcessDefs) {
    let (priority, limit) =
        (process.rt_priority.unwrap_or(1), process.rlimit_rttime.unwrap_or(REAL_TIME_LIMIT));
    if let Err(error) = sched::set_round_robin(priority, limit) {
        match process.rt_priority {
            Some(_) => tracing::warn!("no real-time priority {priority} for the protocol: {error}"),
            None => tracing::debug!("no real-time class for the protocol: {error}"),
        }
    }
}

/// keepalived's account of CPU time in its last line.
fn used() -> String {
    let (own, children) = process::cpu_time();
    let seconds = |time: Duration| format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    if children.user.is_zero() && children.system.is_zero() {
        return format!(" - used {} user time, {} system time", seconds(own.user), seconds(own.system));
    }
    format!(
        " - used (self/children) {}/{} user time, {}/{} system time",
        seconds(own.user),
        seconds(children.user),
        seconds(own.system),
        seconds(children.system)
    )
}

/// Commands that wait before whoever gives them waits: the protocol thread takes them at once.
const WAITING_COMMANDS: usize = 64;

/// What the protocol thread starts from.
struct Protocol {
    config: Arc<Config>,
    commands: mpsc::Receiver<Command>,
    service: mpsc::UnboundedSender<ToService>,
    trackers: mpsc::UnboundedSender<Followed>,
    respawned: bool,
    keep_addresses: bool,
    no_bfd: bool,
    memo: Memo,
}

/// Runs all instances on the calling thread until the end.
fn run_protocol(protocol: Protocol) -> io::Result<End> {
    let Protocol { config, commands, service, trackers, respawned, keep_addresses, no_bfd, mut memo } =
        protocol;
    let buffers = config.global.buffers;
    let kernel = Kernel::start(buffers.command.bytes)?;
    let events = kernel::watch(buffers.monitor.bytes, kernel.clone())?;
    // Before the first group is joined.
    let igmp = SilentIgmp::lend(config.global.disable_local_igmp, &mut memo);
    // What only a predecessor has wanted is given back here.
    let _given_back_at_the_end = config.global.disable_local_igmp.then_some(igmp);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let deadlines = Deadlines::new()?;
        let links = Rc::new(RefCell::new(Links::default()));
        let announcer = Announcer::open(Rc::clone(&links), deadlines.clone(), pace(&config))?;
        let timer = deadlines.clone();
        let timer = tokio::task::spawn_local(async move { timer.run().await });
        let breather = Breather::new(deadlines.clone());
        let sentinel = Sentinel::new(Rc::clone(&links), deadlines.clone(), breather.clone());
        tokio::task::spawn_local(sentinel.clone().run());
        let announcing = tokio::task::spawn_local(announcer.clone().run());
        let sockets = Sockets::new(breather.clone());
        sockets.tell_strangers(config.global.log_unknown_vrids);
        let (ledger, blocked, reports) = (RefCell::default(), RefCell::default(), RefCell::default());
        let routing = RefCell::default();
        let coupling = Coupling::default();
        let (bfd, verdicts) = Bfd::start(deadlines.clone(), breather, !no_bfd);
        let shared = Rc::new(Shared {
            deadlines,
            links,
            ledger,
            blocked,
            reports,
            routing,
            sockets,
            announcer,
            sentinel,
            silence: Cell::default(),
            kernel,
            coupling,
            bfd,
            service,
            trackers,
        });
        let setup = Setup { shared, verdicts, config, events, commands, respawned, keep_addresses, memo };
        let coordinator = async {
            match Coordinator::new(setup).await {
                Some(coordinator) => coordinator.run().await,
                None => End::Broken,
            }
        };
        tokio::select! {
            end = coordinator => Ok(end),
            ended = timer => {
                // A panic has told of itself.
                if let Ok(Err(error)) = ended {
                    tracing::error!("the timer of the protocol has failed: {error}");
                }
                Ok(End::Broken)
            }
            Err(_panic) = announcing => Ok(End::Broken),
        }
    })
}

#[cfg(test)]
mod tests;
