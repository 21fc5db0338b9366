//! The task of one instance: a thin loop around its machine, and the executor of its effects.
//!
//! Adverts and log lines leave at once. Announcements and notifications wait until the address
//! changes asked for before them have been made, so that nobody is told of an address that is not there.

mod upkeep;

use super::inbox::Inbox;
use super::kernel::{Done, is_in_the_way, kernel_address};
use super::ledger::{InstanceId, Place, place};
use super::memo::is_left;
use super::routing::Work;
use super::sentinel::Watching;
use super::sockets::{Member, Membership, kind};
use super::{Notify, Shared, ToService};
use crate::config::block::{Delivery, VrrpInstance};
use crate::config::value::{OnRemoval, Route};
use crate::sys::clock;
use crate::sys::netlink::{Change, Failure};
use crate::types::{IfName, Instant, State};
use crate::vrrp::{
    AddressChange, Blocked, Effect, Event, GroupReport, Input, Instance, InstanceStatus, KernelChange,
    Leftovers, LinkAddress, Lost, Notice, NoticeKind, Notification, Source, Start, SwitchInput, Timer,
    Tracking, Transmit,
};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use upkeep::Upkeep;

/// A removed address is looked for again after this long: whoever removed it may be putting it back.
pub(super) const RECHECK_DELAY: Duration = Duration::from_millis(5);

/// A socket that could not be opened is tried again after this long.
const SOCKET_RETRY: Duration = Duration::from_secs(1);

/// An advert that is this late is not sent before what has arrived meanwhile was heard.
const ASLEEP: Duration = Duration::from_millis(20);

/// What the coordinator tells an instance.
#[derive(Debug)]
pub(super) enum Control {
    /// Something for the machine.
    Input(Input),
    /// The same, and an answer once its effects are under way.
    Confirmed(Input, oneshot::Sender<()>),
    /// Leave for good, within so long: a reload no longer has the instance. Answered like `Confirmed`.
    Remove(Duration, oneshot::Sender<()>),
    /// The sync group has something to say.
    HearGroup,
    /// The instance's link, or an address on it, has changed.
    LinkChanged,
    /// An address, a route or a rule that the instance wants is gone, or is not as it was.
    Look,
    /// Count from zero again.
    ClearStats,
    /// Show what becomes of the others when one fails.
    #[cfg(test)]
    Fail,
    /// Somebody wants to know how it is.
    Status(oneshot::Sender<InstanceStatus>),
}

/// Everything that the task of an instance owns.
pub(super) struct Task {
    id: InstanceId,
    shared: Rc<Shared>,
    machine: Instance,
    control: mpsc::UnboundedReceiver<Control>,
    inbox: Rc<Inbox>,
    membership: Option<Membership>,
    source: Source,
    done: (mpsc::UnboundedSender<Done>, mpsc::UnboundedReceiver<Done>),
    /// What the sentinel hears, while it watches.
    claims: (mpsc::UnboundedSender<Input>, mpsc::UnboundedReceiver<Input>),
    watching: Option<Watching>,
    /// Number of the last request to the kernel thread, and of the last that was answered.
    requested: u64,
    answered: u64,
    /// Effects, and the request that must be answered before.
    waiting: VecDeque<(u64, Effect)>,
    /// When a socket that could not be opened is tried again.
    retry: Option<Instant>,
    upkeep: Upkeep,
    last_error: Option<i32>,
    stopping: bool,
    /// It stops because a reload no longer has it.
    removed: bool,
}

/// What an instance starts from.
pub(super) struct Beginning {
    pub(super) id: InstanceId,
    pub(super) config: Arc<VrrpInstance>,
    pub(super) tracking: Tracking,
    pub(super) legacy: Legacy,
}

/// What an instance finds that was there before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Legacy {
    /// Whether it may stay.
    pub(super) adopt: bool,
    /// What a killed predecessor may have left, in the lines of its memo.
    pub(super) left: Rc<BTreeSet<String>>,
}

impl Task {
    /// Starts the machine; its first effects are carried out by [`Self::run`].
    pub(super) fn new(
        shared: Rc<Shared>,
        control: mpsc::UnboundedReceiver<Control>,
        beginning: Beginning,
    ) -> Self {
        let Beginning { id, config, tracking, legacy } = beginning;
        let source = shared.source_of(&config);
        let adopted = legacy.adopt && shared.adopt(id, &config, &legacy.left);
        let leftovers = if adopted { Leftovers::Adopt } else { Leftovers::Remove };
        let word = shared.coupling.ask(|board| board.word(&config));
        let start = Start { tracking, source, word, leftovers, wall: clock::wall() };
        let mut machine = Instance::new(clock::now(), config, start);
        if leftovers == Leftovers::Remove {
            machine.listen_first(shared.silence.get());
            if shared.has_left(machine.config(), &legacy.left) {
                machine.has_found_leftovers(clock::now());
            }
        }
        let mut task = Self {
            id,
            machine,
            shared,
            control,
            inbox: Rc::default(),
            membership: None,
            source: Source::new(source),
            done: mpsc::unbounded_channel(),
            claims: mpsc::unbounded_channel(),
            watching: None,
            requested: 0,
            answered: 0,
            waiting: VecDeque::new(),
            retry: None,
            upkeep: Upkeep::default(),
            last_error: None,
            stopping: false,
            removed: false,
        };
        task.join();
        task
    }

    /// Runs until the instance has stopped and the kernel has let go of its addresses.
    pub(super) async fn run(mut self) {
        let mut has_commander = true;
        loop {
            self.carry_out_effects();
            self.keep_watch();
            if self.machine.has_left() && self.answered == self.requested {
                return;
            }
            let timer = self.machine.poll_timeout().map(|(at, _)| at);
            let own = [self.source.poll_timeout(), self.upkeep.poll_timeout(), self.retry];
            let next = own.into_iter().chain([timer]).flatten().min();
            tokio::select! {
                biased;
                control = self.control.recv(), if has_commander => match control {
                    Some(control) => self.on_control(control),
                    // A reload has dropped it; what it still has to tell waits for the kernel.
                    None if self.stopping => has_commander = false,
                    None => return,
                },
                Some(done) = self.done.1.recv() => self.on_done(done),
                Some(claim) = self.claims.1.recv() => self.feed(clock::now(), claim),
                () = self.shared.deadlines.sleep_until(next) => self.on_time(),
                () = self.inbox.arrival() => self.take_packets(),
            }
        }
    }

    fn on_control(&mut self, control: Control) {
        match control {
            Control::Input(input) => self.handle(input),
            Control::Confirmed(input, confirm) => self.handle_confirmed(input, confirm),
            Control::Remove(patience, confirm) => {
                self.removed = true;
                self.handle_confirmed(Input::Stop(patience), confirm);
            }
            Control::HearGroup => self.hear_group(),
            Control::LinkChanged => self.on_link_changed(),
            Control::Look => self.upkeep.look_soon(),
            Control::ClearStats => self.machine.clear_stats(),
            #[cfg(test)]
            Control::Fail => panic!("asked for by a test"),
            Control::Status(answer) => drop(answer.send(self.machine.status())),
        }
    }

    fn handle_confirmed(&mut self, input: Input, confirm: oneshot::Sender<()>) {
        self.handle(input);
        self.carry_out_effects();
        // Whoever asked may have stopped waiting.
        let _ = confirm.send(());
    }

    fn handle(&mut self, input: Input) {
        self.stopping |= matches!(input, Input::Stop(_));
        let reconfigured = matches!(input, Input::Reconfigure(_));
        self.feed(clock::now(), input);
        if reconfigured {
            self.watching = None;
            self.on_link_changed();
        }
    }

    /// Gives the machine an input. What its group has said comes before it, and what it says to its group
    /// before anything else (`vrrp::sync_group`).
    fn feed(&mut self, at: Instant, input: Input) {
        self.hear_group();
        // What the clock showed at that moment: a packet that has waited for us is no older for it.
        self.machine.tell_time_of_day(clock::wall().saturating_sub(clock::now().since(at)));
        self.machine.handle(at, input);
        self.carry_out_effects();
    }

    fn hear_group(&mut self) {
        if let Some(says) = self.shared.coupling.news(self.machine.config(), self.machine.word()) {
            self.machine.handle(clock::now(), Input::Group(says));
            self.carry_out_effects();
        }
    }

    /// Tells the group, hears its answer and acts on it, and only then lets the others hear.
    fn tell_group(&mut self, report: GroupReport) {
        let name = self.machine.config().name.clone();
        self.shared.coupling.handle(SwitchInput::Member(name, report));
        self.hear_group();
        self.shared.carry_out_coupling();
    }

    fn on_link_changed(&mut self) {
        self.shared.sentinel.review();
        self.review_source();
        self.join();
    }

    fn review_source(&mut self) {
        let config = Arc::clone(self.machine.config());
        let found = self.shared.source_of(&config);
        let link = config.source_link();
        let is_up = |link| self.shared.links.borrow().get(link).is_some_and(|link| link.up);
        let up = link.is_none_or(is_up);
        let awaited = self.source.is_awaited();
        let patient = up && self.machine.state() == State::Master && config.on_removal == OnRemoval::Restore;
        if self.source.see(clock::now(), found, patient) {
            // A farewell leaves by the socket that is about to be closed.
            self.feed(clock::now(), Input::Source(self.source.get()));
        }
        match (awaited, self.source.is_awaited()) {
            (false, true) => tracing::info!(
                "({}) {} has lost the address that adverts come from, waiting a moment for it to be back",
                config.name,
                link.map_or("this machine", IfName::as_str)
            ),
            // What went with it comes behind it, or it would be second to a virtual address.
            (true, false) if found.is_some() => self.upkeep.look_soon(),
            _ => {}
        }
    }

    fn take_packets(&mut self) {
        // Waiting times count from the arrival, not from when this task had its turn.
        while let Some((arrived, datagram)) = self.inbox.pop() {
            self.feed(arrived, Input::Packet(datagram));
        }
        let dropped = self.inbox.take_dropped();
        if dropped > 0 {
            tracing::debug!(
                "({}) {dropped} packets came faster than they can be read",
                self.machine.config().name
            );
        }
    }

    fn on_time(&mut self) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= clock::now());
        // The whole process may have been asleep: a master that has spoken meanwhile is heard first.
        let asleep = |deadline: Instant| clock::now().since(deadline) >= ASLEEP;
        if due(self.machine.deadline(Timer::MasterDown))
            || self.machine.deadline(Timer::Advert).is_some_and(asleep)
        {
            self.membership.iter().for_each(Membership::pump);
            self.take_packets();
        }
        self.hear_group();
        self.machine.tell_time_of_day(clock::wall());
        self.machine.handle_timeout(clock::now());
        self.carry_out_effects();
        self.tend();
        if due(self.source.poll_timeout()) {
            self.on_link_changed();
        }
        if due(self.retry) {
            self.join();
        }
    }

    /// Brings the socket in line with link and source.
    fn join(&mut self) {
        self.retry = None;
        let shared = Rc::clone(&self.shared);
        let links = shared.links.borrow();
        let config = Arc::clone(self.machine.config());
        let link = links.socket_link(&config);
        let Some((link, kind)) = link.zip(kind(&config, self.source.get())) else {
            self.membership = None;
            return;
        };
        let incarnation = link.map(|(_, incarnation)| incarnation);
        let peers = match &config.delivery {
            Delivery::Unicast { peers, .. } => peers.iter().map(|peer| peer.address).collect(),
            Delivery::Multicast { .. } => Vec::new(),
        };
        let fits = |membership: &Membership| membership.is_for(incarnation, &kind, &peers);
        if self.membership.as_ref().is_some_and(fits) {
            return;
        }
        let buffer = config.rx_buffer.unwrap_or(0);
        let member = Member { vrid: config.vrid, peers, buffer, inbox: Rc::clone(&self.inbox) };
        // The old socket is left only after the new one is open.
        match shared.sockets.join(link, &kind, member) {
            Ok(membership) => self.membership = Some(membership),
            Err(error) => {
                let place = link.map(|(link, _)| format!(" on {}", link.name)).unwrap_or_default();
                tracing::error!("({}) cannot open a socket{place}: {error}", config.name);
                self.membership = None;
                self.retry = Some(clock::now() + SOCKET_RETRY);
            }
        }
    }

    fn carry_out_effects(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Send(transmit) => self.send(&transmit),
                Effect::Resolve(address) => self.resolve(address),
                Effect::Notice(notice) => self.tell(&notice),
                Effect::Firewall(change) => self.change_firewall(&change),
                Effect::Addresses(change) => self.change_addresses(change),
                Effect::Routes(change) => self.change_routes(&change),
                Effect::Rules(change) => {
                    let changes = self.shared.routing.borrow_mut().change_rules(self.id, &change);
                    self.request(changes);
                }
                Effect::Announce(_) | Effect::Notify(_) if self.answered < self.requested => {
                    self.waiting.push_back((self.requested, effect));
                }
                Effect::Announce(burst) => self.shared.announcer.announce(self.id, &burst),
                Effect::Hush => self.hush(),
                Effect::Notify(notification) => self.notify(notification),
                Effect::Group(report) => self.tell_group(report),
            }
        }
    }

    /// What the neighbours are told matters while the instance has the addresses, and a moment longer.
    fn keep_watch(&mut self) {
        let heeds = self.machine.heeds_claims();
        if heeds && self.watching.is_none() {
            let sentinel = &self.shared.sentinel;
            self.watching = Some(sentinel.watch(self.id, self.machine.config(), &self.claims.0));
        } else if !heeds {
            self.watching = None;
        }
    }

    fn resolve(&self, address: IpAddr) {
        // A router behind another one has no MAC address that could be asked for.
        let link = &self.machine.config().interface;
        if let (Some(IpAddr::V4(own)), IpAddr::V4(other), Some(link)) = (self.source.get(), address, link) {
            self.shared.sentinel.ask(self.id, link, own, other);
        }
    }

    fn tell(&self, notice: &Notice) {
        match notice.is_detail() {
            true => tracing::debug!("{notice}"),
            false => tracing::info!("{notice}"),
        }
        let config = self.machine.config();
        if let NoticeKind::PriorityChanged(_, new) = notice.kind
            && config.notify_priority_changes
        {
            let config = Arc::clone(config);
            self.shared.tell_service(ToService::Priority(config, self.machine.state(), new));
        }
        if let NoticeKind::SplitBrain { other, cause } = notice.kind
            && config.notify.split_brain.is_some()
        {
            self.shared.tell_service(ToService::SplitBrain(Arc::clone(config), other, cause));
        }
    }

    fn send(&mut self, transmit: &Transmit) {
        let sent = match &self.membership {
            Some(membership) => membership.send(transmit),
            None => Err(std::io::Error::from_raw_os_error(libc::ENODEV)),
        };
        let error = sent.err();
        let code = error.as_ref().and_then(std::io::Error::raw_os_error);
        // A link that goes down makes the last words fail as well, and every advert after that alike.
        if let Some(error) = error
            && code != self.last_error
            && self.machine.state() == State::Master
        {
            let name = &self.machine.config().name;
            let text = nix::errno::Errno::from_raw(code.unwrap_or(0)).desc();
            match self.machine.config().delivery {
                Delivery::Multicast { .. } => {
                    tracing::info!("({name}): send advert error {} ({text})", code.unwrap_or(0));
                }
                Delivery::Unicast { .. } => {
                    tracing::info!("({name}) Cant send advert to {} ({error})", transmit.destination);
                }
            }
        }
        self.last_error = code;
    }

    fn notify(&self, mut notification: Notification) {
        // To scripts an instance that is no longer configured is one in FAULT (keepalived: clear_diff_vrrp).
        let config = Arc::clone(self.machine.config());
        if self.removed && notification.event == Event::Stop {
            notification.event = if config.notify_deleted { Event::Deleted } else { Event::Fault };
        }
        let told = SwitchInput::Told(config.name.clone(), notification.event);
        let grouped = config.sync_group.is_some() && !self.stopping;
        self.shared.tell_service(ToService::Notify(Notify { config, notification }));
        if grouped {
            self.shared.coupling.handle(told);
            self.shared.carry_out_coupling();
        }
    }

    fn change_firewall(&mut self, change: &KernelChange<Blocked>) {
        if let Some(order) = self.shared.block(self.id, change) {
            self.requested += 1;
            self.shared.kernel.filter(order, self.requested, &self.done.0);
        }
    }

    fn change_addresses(&mut self, change: AddressChange) {
        let AddressChange { install, remove } = change;
        if !remove.is_empty() && self.machine.state() != State::Master {
            self.hush();
        }
        let mut changes = Vec::with_capacity(install.len() + remove.len());
        {
            let links = self.shared.links.borrow();
            let mut ledger = self.shared.ledger.borrow_mut();
            for vip in &install {
                let before = ledger.want(self.id, vip).filter(|before| is_in_the_way(before, vip));
                let (name, key) = place(vip);
                if before.is_none() && links.address(&name, key).is_some() {
                    // Somebody may have put it there as we would not.
                    self.upkeep.look_soon();
                }
                match links.get(vip.link()) {
                    Some(link) => {
                        let before = before.map(|before| kernel_address(link.index, &before));
                        changes.extend(before.map(Change::Remove));
                        changes.push(Change::Add(kernel_address(link.index, vip)));
                    }
                    None => tracing::warn!(
                        "({}) cannot add {}: there is no interface {}",
                        self.machine.config().name,
                        vip.net,
                        vip.link()
                    ),
                }
            }
            for vip in &remove {
                if ledger.release(self.id, vip)
                    && let Some(link) = links.get(vip.link())
                {
                    changes.push(Change::Remove(kernel_address(link.index, vip)));
                }
            }
        }
        self.request(changes);
    }

    /// Announces nothing that it has been asked to.
    fn hush(&mut self) {
        self.waiting.retain(|(_, effect)| !matches!(effect, Effect::Announce(_)));
        self.shared.announcer.cancel(self.id);
    }

    fn change_routes(&mut self, change: &KernelChange<Route>) {
        let Work { changes, impossible } = {
            let links = self.shared.links.borrow();
            self.shared.routing.borrow_mut().change_routes(self.id, change, &links)
        };
        for (route, link) in impossible {
            let name = &self.machine.config().name;
            tracing::warn!("({name}) cannot add the route {route}: there is no interface {link}");
        }
        self.request(changes);
    }

    /// Hands changes to the kernel thread; announcements wait until it has answered.
    fn request(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.requested += 1;
            self.shared.kernel.apply(changes, self.requested, &self.done.0);
        }
    }

    fn on_done(&mut self, done: Done) {
        self.answered = done.number;
        self.on_refusals(&done);
        while let Some((_, effect)) = self.waiting.pop_front_if(|(after, _)| *after <= done.number) {
            match effect {
                Effect::Announce(burst) => self.shared.announcer.announce(self.id, &burst),
                Effect::Notify(notification) => self.notify(notification),
                Effect::Send(_)
                | Effect::Resolve(_)
                | Effect::Notice(_)
                | Effect::Firewall(_)
                | Effect::Addresses(_)
                | Effect::Routes(_)
                | Effect::Rules(_)
                | Effect::Hush
                | Effect::Group(_) => {}
            }
        }
    }
}

impl Shared {
    /// The address that adverts of this instance come from now.
    pub(super) fn source_of(&self, config: &VrrpInstance) -> Option<IpAddr> {
        let addresses = match config.source_link() {
            Some(link) => self.own_addresses(link),
            None => self.links.borrow().states().flat_map(|(link, _)| self.own_addresses(&link)).collect(),
        };
        crate::vrrp::primary_source(config, &addresses)
    }

    /// The addresses of a link. What an instance has put there will go away again.
    pub(super) fn own_addresses(&self, link: &IfName) -> Vec<LinkAddress> {
        let (links, ledger) = (self.links.borrow(), self.ledger.borrow());
        let lasting = links.addresses(link).filter(|there| !ledger.is_wanted(&(link.clone(), there.key())));
        lasting.map(|there| LinkAddress { net: there.net, tentative: there.tentative }).collect()
    }

    /// Whether an earlier life of the instance left addresses that nobody here has taken over.
    fn has_left(&self, config: &VrrpInstance, left: &BTreeSet<String>) -> bool {
        let (links, ledger) = (self.links.borrow(), self.ledger.borrow());
        config.all_vips().any(|vip| {
            let place = place(vip);
            let there = links.address(&place.0, place.1);
            there.is_some_and(|there| is_left(vip, there, left)) && !ledger.is_wanted(&place)
        })
    }

    /// Takes over what an earlier life of the instance left in the kernel; whether there was anything.
    fn adopt(&self, id: InstanceId, config: &VrrpInstance, left: &BTreeSet<String>) -> bool {
        let (links, mut ledger) = (self.links.borrow(), self.ledger.borrow_mut());
        for vip in config.all_vips() {
            let (name, key) = place(vip);
            if links.address(&name, key).is_some_and(|there| is_left(vip, there, left)) {
                ledger.want(id, vip);
            }
        }
        self.routing.borrow_mut().adopt(id, &config.routes, &config.rules, &links);
        ledger.wanted_by(id).next().is_some()
    }

    /// Says what the kernel has refused, each route once until it is there.
    pub(super) fn tell_failures(&self, who: &str, failures: &[(Change, Failure)]) {
        for (change, failure) in failures {
            if self.routing.borrow_mut().is_first_refusal(change) {
                let later = match change {
                    Change::AddRoute(..) => "; it is tried again when a link or an address comes",
                    _ => "",
                };
                tracing::error!("{who}cannot {change}: {failure}{later}");
            }
        }
    }
}
