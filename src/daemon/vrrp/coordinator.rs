//! What couples the instances: links, trackers, reloads, the end.
//!
//! One task owns the view of the links and tells the switchboard of all that is not an instance's own affair
//! (`coupling` has the rest). It never waits for an instance except where a reload or the end must be whole.

mod events;
mod parting;

use super::bfd::Verdicts;
use super::firewall::Tables;
use super::kernel::{Done, kernel_address};
use super::ledger::{InstanceId, place};
use super::loans::Loans;
use super::memo::{self, Memo};
use super::sockets::kind;
use super::statics::Statics;
use super::task::{Beginning, Control, Legacy, Task};
use super::virtual_links::Carpenter;
use super::{Command, Shared, ToService};
use crate::config::Config;
use crate::config::block::{DynamicInterfaces, VrrpInstance};
use crate::config::diff::origins;
use crate::config::dump::{SocketState, general};
use crate::status::Snapshot;
use crate::sys::clock;
use crate::sys::netlink::{Change, Event, PresentAddress};
use crate::sys::vrrp_socket::{Endpoint, Protocol};
use crate::track::LinkStatus;
use crate::types::{IfName, Instant};
use crate::vrrp::InstanceStatus;
use crate::vrrp::{Input, KernelChange, Silence, SwitchInput, Switchboard};
use events::Doubts;
use parting::with_leavers;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};

/// How long the start and a reload wait for the links that they make.
const LINKS_LIMIT: Duration = Duration::from_secs(2);

/// A machine that has been up for less than this has just booted, and so have its links.
const BOOTING: Duration = Duration::from_secs(120);

/// An instance that has failed starts again at once, which nobody notices, the next time after this long;
/// doubled each time.
const RESTART_DELAY: Duration = Duration::from_secs(1);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(60);
/// Running this long earns a clean slate.
const GOOD_RUN: Duration = Duration::from_secs(60);

/// How the end came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// It was asked for.
    Stopped,
    /// The configuration names interfaces that are not there.
    InterfacesMissing,
    /// A thread that nothing works without is gone.
    Broken,
}

/// The task that owns everything the instances share.
pub(super) struct Coordinator {
    shared: Rc<Shared>,
    config: Arc<Config>,
    /// In the order of the configuration.
    instances: Vec<Handle>,
    /// What a reload has dropped and what waits for a successor.
    leaving: Vec<Handle>,
    tasks: JoinSet<()>,
    task_ids: BTreeMap<Id, InstanceId>,
    next_id: u64,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Receiver<Command>,
    respawned: bool,
    /// `vrrp_startup_delay`: no instance starts before then.
    starts_at: Option<Instant>,
    /// Leave addresses and sends no priority 0 at the end (`-V`).
    keep_addresses: bool,
    loans: Loans,
    virtual_links: Carpenter,
    statics: Statics,
    verdicts: Verdicts,
    doubts: Doubts,
    memo: Memo,
}

/// An instance as the coordinator knows it.
struct Handle {
    id: InstanceId,
    config: Arc<VrrpInstance>,
    control: mpsc::UnboundedSender<Control>,
    /// When it failed and is to start again.
    restart: Option<Instant>,
    restart_delay: Duration,
    started: Instant,
}

impl Handle {
    fn tell(&self, control: Control) {
        // One that has failed hears nothing until it starts again, and then looks for itself.
        let _ = self.control.send(control);
    }
}

/// What the coordinator starts from.
pub(super) struct Setup {
    pub(super) shared: Rc<Shared>,
    pub(super) verdicts: Verdicts,
    pub(super) config: Arc<Config>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) respawned: bool,
    pub(super) keep_addresses: bool,
    pub(super) memo: Memo,
}

impl Coordinator {
    /// Waits until the links are known; `None` when nobody will ever tell.
    pub(super) async fn new(setup: Setup) -> Option<Self> {
        let Setup { shared, verdicts, config, mut events, commands, respawned, keep_addresses, memo } = setup;
        loop {
            match events.recv().await? {
                Event::Synced => break,
                event => {
                    shared.links.borrow_mut().apply(&event);
                    shared.routing.borrow_mut().apply(&event);
                }
            }
        }
        let links: Vec<_> = shared.links.borrow().states().collect();
        shared.coupling.begin(&config, links);
        Some(Self {
            statics: Statics::new(Rc::clone(&shared)),
            virtual_links: Carpenter::new(Rc::clone(&shared)),
            shared,
            config,
            instances: Vec::new(),
            leaving: Vec::new(),
            tasks: JoinSet::new(),
            task_ids: BTreeMap::new(),
            next_id: 0,
            events,
            commands,
            respawned,
            starts_at: None,
            keep_addresses,
            loans: Loans::default(),
            verdicts,
            doubts: Doubts::default(),
            memo,
        })
    }

    /// Starts all instances and runs until it is told to stop.
    pub(super) async fn run(mut self) -> End {
        // A child that comes back goes on with what there is: its addresses are at stake.
        if self.interfaces_missing(&self.config) && !self.respawned {
            return End::InterfacesMissing;
        }
        self.tell_sources();
        self.clear_up();
        self.loans.follow(&self.config);
        self.memo.settle(&self.loans);
        self.virtual_links.follow(&self.config);
        drop(self.shared.use_tables(Tables::of(&self.config, self.respawned)));
        self.statics.change(&self.config.statics);
        let mut early = self.await_virtual_links(true).await;
        self.shared.redirect_reports(&self.config);
        if early.is_none() {
            early = self.await_trackers().await;
        }
        self.starts_at = self.startup_delay();
        if self.starts_at.is_none() {
            self.start_instances();
        }
        self.shared.carry_out_coupling();
        self.shared.tell_service(ToService::Ready);
        loop {
            self.shared.carry_out_coupling();
            let restart = self.instances.iter().filter_map(|handle| handle.restart).min();
            let due = self.shared.coupling.ask(Switchboard::poll_timeout);
            let next = [
                due,
                restart,
                self.starts_at,
                self.statics.poll_timeout(),
                self.virtual_links.poll_timeout(),
                self.doubts.poll_timeout(),
            ];
            let next = next.into_iter().flatten().min();
            tokio::select! {
                biased;
                command = next_command(&mut early, &mut self.commands) => match command {
                    Some(Command::Stop) => return self.stop().await,
                    Some(command) => self.on_command(command).await,
                    None => return End::Broken,
                },
                event = self.events.recv() => match event {
                    Some(event) => self.on_events(event),
                    None => return End::Broken,
                },
                input = self.verdicts.next() => self.shared.coupling.handle(input),
                () = self.shared.deadlines.sleep_until(next) => self.on_time(),
                Some(done) = self.statics.next_done() => self.on_statics_done(&done),
                Some(done) = self.virtual_links.next_done() => self.virtual_links.on_done(&done),
                Some(ended) = self.tasks.join_next_with_id() => self.on_ended(ended),
            }
        }
    }

    /// Waits until it is known what files say and how many processes there are, so that instances start
    /// from that; the trackers end it after a moment. Gives back the command that ended it, if one did.
    async fn await_trackers(&mut self) -> Option<Command> {
        loop {
            self.shared.carry_out_coupling();
            if self.shared.coupling.ask(Switchboard::has_looked) {
                return None;
            }
            let next = self.shared.coupling.ask(Switchboard::poll_timeout);
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Tracked(input)) => self.shared.coupling.handle(input),
                    other => return other,
                },
                () = self.shared.deadlines.sleep_until(next) => self.shared.coupling.handle_timeout(),
            }
        }
    }

    /// Waits until the virtual links are there, so that instances need not start without them. Gives back the
    /// command that ended it, if one did.
    async fn await_virtual_links(&mut self, hears_commands: bool) -> Option<Command> {
        let limit = clock::now() + LINKS_LIMIT;
        while !self.virtual_links.is_settled() && clock::now() < limit {
            tokio::select! {
                biased;
                command = self.commands.recv(), if hears_commands => match command {
                    Some(Command::Tracked(input)) => self.shared.coupling.handle(input),
                    other => return other,
                },
                Some(event) = self.events.recv() => self.on_events(event),
                Some(done) = self.virtual_links.next_done() => self.virtual_links.on_done(&done),
                () = self.shared.deadlines.sleep_until(Some(limit)) => {}
            }
            self.virtual_links.on_time();
        }
        None
    }

    /// A child that takes the place of another starts at once, for the same reason.
    fn startup_delay(&self) -> Option<Instant> {
        let global = &self.config.global;
        let after_boot = global.vrrp_delay_after_boot.saturating_sub(clock::since_boot());
        let delay = global.vrrp_startup_delay.max(after_boot);
        if delay.is_zero() || self.respawned {
            return None;
        }
        tracing::info!("Delaying startup for {} seconds", general(delay.as_secs_f64()));
        Some(clock::now() + delay)
    }

    /// How long instances listen that find a link that has just come up. keepalived's own delays are for the same, and
    /// whoever sets them knows better.
    fn startup_silence(&self) -> Silence {
        let global = &self.config.global;
        let delayed = !(global.vrrp_startup_delay.is_zero() && global.vrrp_delay_after_boot.is_zero());
        if self.respawned || delayed || global.vrrp_startup_silence.is_zero() {
            return Silence::default();
        }
        let bound = global.vrrp_startup_silence;
        // No link has been up for longer than the machine.
        let until = (clock::since_boot() < BOOTING).then(|| clock::now() + bound);
        Silence { bound, until }
    }

    fn start_instances(&mut self) {
        self.shared.silence.set(self.startup_silence());
        let homeless = |instance: &&Arc<VrrpInstance>| self.shared.source_of(instance).is_none();
        let homeless = self.config.instances.iter().filter(homeless);
        let homeless = homeless.map(|instance| instance.name.clone()).collect();
        self.shared.coupling.handle(SwitchInput::Start(Arc::clone(&self.config), homeless));
        let legacy = Legacy { adopt: self.respawned, left: Rc::new(self.memo.left().clone()) };
        for config in self.config.instances.clone() {
            let handle = self.start(config, legacy.clone());
            self.instances.push(handle);
        }
        self.doubt_all_addresses();
    }

    fn start(&mut self, config: Arc<VrrpInstance>, legacy: Legacy) -> Handle {
        self.next_id += 1;
        let id = InstanceId(self.next_id);
        let control = self.spawn(id, Arc::clone(&config), legacy);
        Handle { id, config, control, restart: None, restart_delay: Duration::ZERO, started: clock::now() }
    }

    fn spawn(
        &mut self,
        id: InstanceId,
        config: Arc<VrrpInstance>,
        legacy: Legacy,
    ) -> mpsc::UnboundedSender<Control> {
        let (control, receiver) = mpsc::unbounded_channel();
        let tracking = self.shared.coupling.ask(|board| board.tracking(&config.name));
        self.shared.coupling.open(&config.name, control.clone());
        let (shared, beginning) = (Rc::clone(&self.shared), Beginning { id, config, tracking, legacy });
        // The machine is made inside the task, so that a panic of its beginning is caught as well.
        let running =
            self.tasks.spawn_local(async move { Task::new(shared, receiver, beginning).run().await });
        self.task_ids.insert(running.id(), id);
        control
    }

    /// A task ends when its instance has stopped, or by a panic, which is nobody else's business.
    fn on_ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (task, panicked) = match &ended {
            Ok((task, ())) => (*task, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some(id) = self.task_ids.remove(&task) else { return };
        if self.leaving.iter().any(|handle| handle.id == id) {
            return self.on_left(id, panicked);
        }
        let Some(handle) = self.instances.iter_mut().find(|handle| handle.id == id) else { return };
        if panicked {
            let name = &handle.config.name;
            if clock::now().since(handle.started) >= GOOD_RUN {
                handle.restart_delay = Duration::ZERO;
            }
            let seconds = handle.restart_delay.as_secs();
            tracing::error!("({name}) failed by an internal error; starting it again in {seconds} seconds");
            self.shared.announcer.cancel(id);
            self.shared.coupling.handle(SwitchInput::Lost(name.clone()));
            handle.restart = Some(clock::now() + handle.restart_delay);
            handle.restart_delay = (handle.restart_delay * 2).clamp(RESTART_DELAY, RESTART_DELAY_MAX);
        }
    }

    fn on_time(&mut self) {
        if self.starts_at.is_some_and(|at| at <= clock::now()) {
            self.starts_at = None;
            tracing::info!("Delayed start completed");
            self.start_instances();
        }
        let now = clock::now();
        self.shared.coupling.handle_timeout();
        self.statics.on_time();
        self.virtual_links.on_time();
        self.look_into_doubts();
        for index in 0..self.instances.len() {
            if self.instances[index].restart.is_some_and(|at| at <= now) {
                let (id, config) = (self.instances[index].id, Arc::clone(&self.instances[index].config));
                // Its addresses are still there, and stay until it knows who is master.
                let legacy = Legacy { adopt: true, ..Legacy::default() };
                self.instances[index].control = self.spawn(id, config, legacy);
                self.instances[index].restart = None;
                self.instances[index].started = now;
            }
        }
    }

    async fn on_command(&mut self, command: Command) {
        match command {
            Command::Tracked(input) => self.shared.coupling.handle(input),
            Command::Reload(config) => self.reload(config).await,
            Command::Snapshot(answer) => drop(answer.send(self.snapshot().await)),
            Command::ClearStats => self.instances.iter().for_each(|handle| handle.tell(Control::ClearStats)),
            #[cfg(test)]
            Command::Fail(name) => {
                self.instances.iter().filter(|h| h.config.name == name).for_each(|h| h.tell(Control::Fail));
            }
            #[cfg(test)]
            Command::FailAll => panic!("asked for by a test"),
            Command::Stop | Command::Hurry => {}
        }
    }

    async fn snapshot(&self) -> Snapshot {
        let mut instances = Vec::with_capacity(self.instances.len());
        for handle in &self.instances {
            let (answer, status) = oneshot::channel();
            handle.tell(Control::Status(answer));
            instances.extend(status.await);
        }
        let sockets = self.socket_states(&instances);
        let board = &self.shared.coupling;
        let (scripts, groups) = board.ask(|board| (board.scripts(), board.groups()));
        let (files, processes) = board.ask(|board| (board.files(), board.processes()));
        let tracked_sessions = board.ask(|board| board.sessions().clone());
        let sessions = self.shared.bfd.status().await;
        let (config, virtual_links) = (Arc::clone(&self.config), self.virtual_links.standing());
        Snapshot {
            config,
            instances,
            groups,
            scripts,
            files,
            processes,
            sessions,
            tracked_sessions,
            virtual_links,
            sockets,
        }
    }

    /// Each open socket with the instances that share it, in the order of the configuration.
    fn socket_states(&self, instances: &[InstanceStatus]) -> Vec<SocketState> {
        let links = self.shared.links.borrow();
        let mut states: Vec<SocketState> = Vec::new();
        for InstanceStatus { config, source, .. } in instances {
            let link = links.socket_link(config);
            let Some((link, kind)) = link.zip(kind(config, *source)) else { continue };
            let incarnation = link.map(|(_, incarnation)| incarnation);
            let Some((fd_in, fd_out)) = self.shared.sockets.descriptors(incarnation, &kind) else {
                continue;
            };
            if let Some(known) = states.iter_mut().find(|state| state.fd_in == fd_in) {
                known.instances.push(config.name.clone());
                known.rx_buffer = known.rx_buffer.saturating_add(config.rx_buffer.unwrap_or(0));
                continue;
            }
            states.push(SocketState {
                fd_in,
                fd_out,
                interface: config.advert_link().cloned(),
                vrf: config.vrf.clone(),
                ah: kind.protocol == Protocol::Ah,
                unicast: match kind.endpoint {
                    Endpoint::Unicast { source } => Some(source),
                    Endpoint::Multicast { .. } => None,
                },
                family: config.family,
                rx_buffer: config.rx_buffer.unwrap_or(0),
                instances: vec![config.name.clone()],
            });
        }
        states
    }

    // Links.

    fn tell_sources(&self) {
        let names: BTreeSet<&IfName> =
            self.config.instances.iter().filter_map(|instance| instance.interface.as_ref()).collect();
        for name in names {
            if let Some(first) = self.shared.links.borrow().addresses(name).next() {
                tracing::debug!("Assigned address {} for interface {name}", first.net.address);
            }
        }
    }

    fn interfaces_missing(&self, config: &Config) -> bool {
        if config.global.dynamic_interfaces != DynamicInterfaces::Refused {
            return false;
        }
        let links = self.shared.links.borrow();
        let mut any = false;
        for instance in &config.instances {
            let VrrpInstance { name, interface, vrf, .. } = &**instance;
            for link in interface.iter().chain(vrf).filter(|link| links.get(link).is_none()) {
                tracing::warn!("WARNING - interface {link} for vrrp_instance {name} doesn't exist");
                any = true;
            }
        }
        if any {
            tracing::error!("Non-existent interface specified in configuration");
        }
        any
    }

    // What a killed daemon leaves.

    /// From here on this configuration may leave something in the kernel.
    fn expect(&mut self, config: &Config) {
        let ours = memo::lines(config, &self.shared.links.borrow());
        self.memo.expect(ours, &self.loans);
    }

    /// Removes what a killed predecessor has left and nobody wants any more; what is wanted is the business of
    /// whoever wants it.
    fn clear_up(&mut self) {
        let left = self.memo.left().clone();
        self.loans.inherit(left.iter());
        self.expect(&Arc::clone(&self.config));
        let links = self.shared.links.borrow();
        let superfluous = &left - &memo::lines(&self.config, &links);
        for table in superfluous.iter().filter_map(|line| memo::table(line)) {
            drop(self.shared.use_tables(Tables::left_behind(table)));
        }
        let changes: Vec<Change> = superfluous.iter().filter_map(|line| memo::undo(line, &links)).collect();
        for change in &changes {
            tracing::info!("a predecessor that was killed has left something: {change}");
        }
        self.statics.apply(changes);
    }

    // Reload.

    /// Instances that stay are changed in place, new ones start, then the others stop; addresses are
    /// removed last, and none that anybody wants by then.
    async fn reload(&mut self, config: Arc<Config>) {
        if *config == *self.config {
            self.shared.tell_service(ToService::Reloaded(Ok(())));
            return;
        }
        if self.interfaces_missing(&config) {
            let reason = "an interface is missing, and `dynamic_interfaces` is not set".to_owned();
            self.shared.tell_service(ToService::Reloaded(Err(reason)));
            return;
        }
        self.hurry_leavers().await;
        // Of the plan this alone: to put the rest into words is nothing for the thread of the timers.
        let origins = origins(&self.config.instances, &config.instances);
        let leavers = self.leavers(&origins, &config);
        let meanwhile = with_leavers(&config, leavers.values().map(|(config, _)| config));
        self.loans.follow(&meanwhile);
        self.expect(&meanwhile);
        self.virtual_links.follow(&meanwhile);
        self.await_virtual_links(false).await;
        self.hold_removals();
        let tables = Tables::of(&meanwhile, true);
        let superfluous = tables.are_superfluous();
        if !superfluous {
            drop(self.shared.use_tables(tables.clone()));
        }
        self.statics.change(&config.statics);
        self.shared.announcer.set_pace(super::pace(&config));
        self.shared.sockets.tell_strangers(config.global.log_unknown_vrids);
        self.shared.coupling.hold(true);
        self.shared.coupling.handle(SwitchInput::Reconfigure(Arc::clone(&config)));
        if self.starts_at.is_some() {
            self.config = config;
            self.shared.coupling.hold(false);
            drop(self.settle());
            self.virtual_links.let_go();
            return self.shared.tell_service(ToService::Reloaded(Ok(())));
        }
        let mut old: Vec<_> = std::mem::take(&mut self.instances).into_iter().map(Some).collect();
        for (new, origin) in config.instances.iter().zip(origins) {
            let kept = origin.and_then(|place| old.get_mut(place)?.take());
            let handle = match kept {
                Some(handle) => self.change(handle, new).await,
                None => self.start(Arc::clone(new), Legacy::default()),
            };
            self.instances.push(handle);
        }
        self.config = config;
        self.shared.coupling.close_all();
        for handle in &self.instances {
            self.shared.coupling.open(&handle.config.name, handle.control.clone());
        }
        self.shared.coupling.hold(false);
        self.shared.carry_out_coupling();
        for handle in old.into_iter().flatten() {
            let time = leavers.get(&handle.id).map(|(_, time)| *time);
            self.part(handle, time.unwrap_or_default()).await;
        }
        // Nobody has to wait for what is no longer wanted.
        drop(self.settle());
        self.shared.redirect_reports(&meanwhile);
        self.virtual_links.let_go();
        if superfluous {
            drop(self.shared.use_tables(tables));
        }
        self.memo.settle(&self.loans);
        self.shared.tell_service(ToService::Reloaded(Ok(())));
    }

    fn hold_removals(&self) {
        self.shared.ledger.borrow_mut().hold_removals();
        self.shared.routing.borrow_mut().hold_removals();
        self.shared.blocked.borrow_mut().hold_removals();
    }

    /// What an instance has that its new configuration lacks; one that has failed cannot let go of it itself.
    /// Held until the reload settles.
    fn let_go_for(&self, id: InstanceId, old: &VrrpInstance, new: &VrrpInstance) {
        let (mut ledger, mut routing) = (self.shared.ledger.borrow_mut(), self.shared.routing.borrow_mut());
        for vip in &KernelChange::of_addresses(old, new).remove {
            let _held_until_settled = ledger.release(id, vip);
        }
        let links = self.shared.links.borrow();
        routing.change_routes(id, &KernelChange::of_routes(old, new).only_removing(), &links);
        routing.change_rules(id, &KernelChange::of_rules(old, new).only_removing());
        let blocked = KernelChange::of_blocked(old, new).only_removing();
        let _held_as_well = self.shared.block(id, &blocked);
    }

    /// The same, of everything.
    fn let_go_of_all_for(&self, failed: &Handle) {
        let nothing = VrrpInstance {
            vips: Vec::new(),
            excluded_vips: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            ..(*failed.config).clone()
        };
        self.let_go_for(failed.id, &failed.config, &nothing);
    }

    async fn change(&mut self, mut handle: Handle, new: &Arc<VrrpInstance>) -> Handle {
        let old = std::mem::replace(&mut handle.config, Arc::clone(new));
        let (confirm, confirmed) = oneshot::channel();
        handle.tell(Control::Confirmed(Input::Reconfigure(Arc::clone(new)), confirm));
        // Under a new name it has tracking that was never handed over.
        let tracking = self.shared.coupling.ask(|board| board.tracking(&new.name));
        handle.tell(Control::Input(Input::Tracking(tracking)));
        // An error here is an instance that has failed: it starts again from the new configuration.
        if confirmed.await.is_err() {
            self.let_go_for(handle.id, &old, new);
        }
        handle
    }

    /// Removes what was held back and nobody wants; told when that is done.
    fn settle(&self) -> mpsc::UnboundedReceiver<Done> {
        let dropped = self.shared.ledger.borrow_mut().let_go();
        let links = self.shared.links.borrow();
        let removal = |vip| {
            let link = links.get(&place(vip).0)?;
            Some(Change::Remove(kernel_address(link.index, vip)))
        };
        let mut changes = self.shared.routing.borrow_mut().let_go(&links);
        changes.extend(dropped.iter().filter_map(removal));
        let (done, is_done) = mpsc::unbounded_channel();
        self.shared.kernel.apply(changes, 0, &done);
        self.shared.kernel.filter(self.shared.unblock_held(), 0, &done);
        is_done
    }
}

/// What came before everything was ready is first.
async fn next_command(
    early: &mut Option<Command>,
    commands: &mut mpsc::Receiver<Command>,
) -> Option<Command> {
    match early.take() {
        Some(command) => Some(command),
        None => commands.recv().await,
    }
}
