//! Nodes, LAN and observer under one clock that jumps from event to event.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::border::{Border, Machine};
use super::check::{Cause, Checker, Scene, Violation};
use super::fault::{Behaviour, Fault, Numbering};
use super::frame;
use super::journal::Journal;
use super::lan::{Host, Lan};
use super::node::{Node, lan_of};
use super::observer::Observer;
use super::pcap::Pcap;
use super::plan::{Names, Plan};
use super::queue::Queue;
use super::random::Random;
use super::stranger;
use crate::track::{Because, ExitStatus, LinkStatus};
use crate::types::{IfName, Instant, MacAddr, State};
use crate::vrrp::{Announce, Claim, Lost, RunId, SwitchInput, Transmit};
use crate::wire::arp::GratuitousArp;
use crate::wire::ndisc::UnsolicitedAdvert;

/// No honest run has this many events; more is a machine that wants to be woken again and again.
const EVENT_LIMIT: u32 = 200_000;
/// How long a refused change of addresses waits for the next try.
const KERNEL_RETRY: Duration = Duration::from_millis(20);

/// By how much what a pause has held back comes after the timers.
pub(super) const HELD_BACK: Duration = Duration::from_nanos(1);

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A frame reaches a node.
    Frame { to: Host, link: IfName, frame: Vec<u8>, genuine: bool },
    /// An announcement reaches a node.
    Claim { to: Host, claim: Claim },
    /// A frame reaches the observer.
    Observed(Vec<u8>),
    /// A machine of a node wants to be woken.
    Wake(Host),
    /// A kernel comes to the next piece of its work.
    KernelWork { host: Host, life: u32 },
    /// A run of a script ends.
    ScriptEnded { host: Host, life: u32, run: RunId, status: ExitStatus },
    /// The tracker thread has found something.
    Found { host: Host, life: u32, input: SwitchInput },
    /// An instance that has failed starts again.
    Restart { machine: Machine, life: u32 },
    /// Somebody has removed something of a node's.
    Lost { host: Host, life: u32, lost: Box<Lost> },
    /// The next bad packet of a stranger.
    Stranger { left: u32, spacing: Duration },
    /// Something goes wrong, or is mended.
    Fault(Fault),
    /// Faults stop.
    Calm,
}

/// Everything.
pub struct World {
    pub(super) now: Instant,
    pub(super) queue: Queue<Event>,
    pub(super) nodes: Vec<Node>,
    lan: Lan,
    observer: Observer,
    pub(super) plan: Plan,
    pub(super) calm_since: Option<Instant>,
    random: Random,
    pub(super) border: Box<dyn Border>,
    pub(super) checkers: Vec<Box<dyn Checker>>,
    pub(super) journal: Journal,
    pcap: Option<Pcap>,
    pub(super) names: Names,
    /// The last advert, for strangers to imitate.
    last_advert: Option<(IfName, Transmit)>,
    pub(super) violation: Option<Violation>,
    events: u32,
}

/// How much of a run is kept.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Keep {
    /// Every line of the journal, not its hash alone.
    pub lines: bool,
    /// Every frame.
    pub frames: bool,
}

impl World {
    /// The world of a plan, with nothing in it running yet but all due to start at once.
    #[must_use]
    pub fn new(mut plan: Plan, border: Box<dyn Border>, checkers: Vec<Box<dyn Checker>>, keep: Keep) -> Self {
        let mut queue = Queue::default();
        queue.push(plan.calm_at, Event::Calm);
        for (at, fault) in &plan.faults {
            queue.push(*at, Event::Fault(fault.clone()));
        }
        for host in 0..plan.nodes.len() {
            queue.push(Instant::ZERO, Event::Fault(Fault::Start(host)));
        }
        let mut random = plan.random.fork();
        Self {
            now: Instant::ZERO,
            queue,
            nodes: plan.nodes.iter().cloned().map(Node::new).collect(),
            lan: Lan::new(plan.stormy, random.fork()),
            observer: Observer::default(),
            calm_since: None,
            random,
            border,
            checkers,
            journal: Journal::new(keep.lines),
            pcap: keep.frames.then(Pcap::new),
            names: Names::default(),
            last_advert: None,
            violation: None,
            events: 0,
            plan,
        }
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The log.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The capture, if one was wanted.
    #[must_use]
    pub fn pcap(&self) -> Option<&Pcap> {
        self.pcap.as_ref()
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u32 {
        self.events
    }

    /// Runs the whole plan: the storm, the calm until all has settled, a while of watching, and then a
    /// failure of a master that another node must make good.
    ///
    /// # Errors
    /// The first rule that was broken.
    pub fn run(&mut self) -> Result<(), Violation> {
        self.run_until(self.plan.calm_at + self.plan.settle)?;
        self.rest()?;
        let interval = (0..self.instances()).map(|i| self.plan.longest_interval(i)).max().unwrap_or_default();
        self.run_until(self.now + interval * 3)?;
        self.rest()?;
        if let Some(fault) = self.failover() {
            self.mend_nothing_more(fault);
            self.run_until(self.now + self.plan.settle)?;
            self.rest()?;
        }
        Ok(())
    }

    fn instances(&self) -> usize {
        self.plan.nodes.first().map_or(0, |node| node.config.instances.len())
    }

    /// Something that a master does not survive.
    fn failover(&mut self) -> Option<Fault> {
        let host = (0..self.nodes.len()).find(|&host| self.nodes[host].state(0) == State::Master)?;
        let tracked = self.nodes[host].plan.config.instances.iter().all(|config| config.track_primary);
        Some(match self.random.within(0..=3) {
            0 => Fault::PowerOff(host),
            1 => Fault::Stop(host),
            2 if tracked => Fault::Link(host, lan_of(self.nodes[host].config(0)).clone(), false),
            _ => Fault::Kill(host),
        })
    }

    fn mend_nothing_more(&mut self, fault: Fault) {
        self.calm_since = Some(self.now);
        for checker in &mut self.checkers {
            checker.on_failover();
        }
        self.on_fault(fault);
    }

    /// Lets everything happen that happens until `end`.
    ///
    /// # Errors
    /// The first rule that was broken.
    pub fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        while self.queue.next_at().is_some_and(|at| at <= end) {
            let Some((at, event)) = self.queue.pop() else { break };
            self.now = at;
            self.events += 1;
            self.on_event(event);
            if self.events > EVENT_LIMIT {
                self.violate("livelock", format!("more than {EVENT_LIMIT} events"));
            }
            if let Some(violation) = self.violation.clone() {
                return Err(violation);
            }
        }
        self.now = end;
        Ok(())
    }

    /// Has every checker look at the world while nothing should be going on.
    fn rest(&mut self) -> Result<(), Violation> {
        self.check(|checker, scene| checker.at_rest(scene));
        self.record(format_args!("-- at rest"));
        self.violation.clone().map_or(Ok(()), Err)
    }

    pub(super) fn check(&mut self, mut ask: impl FnMut(&mut dyn Checker, &Scene<'_>) -> Result<(), String>) {
        let scene = Scene {
            now: self.now,
            calm_since: self.calm_since,
            plan: &self.plan,
            nodes: &self.nodes,
            observer: &self.observer,
        };
        for checker in &mut self.checkers {
            if let Err(what) = ask(checker.as_mut(), &scene) {
                let violation = Violation { checker: checker.name(), at: self.now, what };
                self.violation.get_or_insert(violation);
            }
        }
    }

    fn violate(&mut self, checker: &'static str, what: String) {
        self.violation.get_or_insert(Violation { checker, at: self.now, what });
    }

    pub(super) fn record(&mut self, line: fmt::Arguments<'_>) {
        self.journal.record(self.now, line);
    }

    fn on_event(&mut self, event: Event) {
        if let Some(event) = self.hold_back(event) {
            match event {
                Event::Frame { to, link, frame, genuine } => self.on_frame(to, &link, &frame, genuine),
                Event::Claim { to, claim } => {
                    if self.nodes[to].hears(&claim.link) {
                        self.hear_claim(to, &claim);
                    }
                }
                Event::Observed(frame) => self.on_observed(&frame),
                Event::Wake(host) => self.on_wake(host),
                Event::KernelWork { host, life } => self.on_kernel_work(host, life),
                Event::ScriptEnded { host, life, run, status } => {
                    if self.nodes[host].life == life {
                        self.end_script(host, run, status);
                    }
                }
                Event::Found { host, life, input } => {
                    if self.nodes[host].life == life {
                        self.deliver_switch_input(host, input);
                    }
                }
                Event::Restart { machine, life } => {
                    if self.nodes[machine.node].life == life {
                        self.restart(machine);
                    }
                }
                Event::Lost { host, life, lost } => {
                    if self.nodes[host].life == life {
                        self.lose(host, &lost);
                    }
                }
                Event::Stranger { left, spacing } => self.on_stranger(left, spacing),
                // What was held back until the calm no longer happens.
                Event::Fault(fault) if self.calm_since.is_none() => self.on_fault(fault),
                Event::Fault(_) => {}
                Event::Calm => self.on_calm(),
            }
        }
    }

    /// What happens to a paused node waits until it goes on. Timers come before or after packets then,
    /// as the plan has it: a real loop may look at either first.
    fn hold_back(&mut self, event: Event) -> Option<Event> {
        let host = match &event {
            Event::Frame { to: host, .. }
            | Event::Claim { to: host, .. }
            | Event::Wake(host)
            | Event::KernelWork { host, .. }
            | Event::ScriptEnded { host, .. }
            | Event::Found { host, .. }
            | Event::Restart { machine: Machine { node: host, .. }, .. }
            | Event::Lost { host, .. }
            | Event::Fault(
                Fault::Stop(host)
                | Fault::Reload(host)
                | Fault::Reconfigure(host, _)
                | Fault::Renumber(host, _)
                | Fault::Link(host, ..),
            ) => *host,
            Event::Fault(_) | Event::Observed(_) | Event::Stranger { .. } | Event::Calm => {
                return Some(event);
            }
        };
        let Some(until) = self.nodes[host].paused_until else { return Some(event) };
        if until <= self.now {
            self.nodes[host].paused_until = None;
            return Some(event);
        }
        let after_timers = self.plan.timers_first && !matches!(event, Event::Wake(_));
        let at = if after_timers { until + HELD_BACK } else { until };
        if let Event::Wake(_) = event {
            let ticket = self.queue.push(at, event);
            self.nodes[host].wake = Some((at, ticket));
        } else {
            self.queue.push(at, event);
        }
        None
    }

    // The LANs.

    pub(super) fn transmit(&mut self, host: Host, link: &IfName, transmit: &Transmit) {
        self.last_advert = Some((link.clone(), transmit.clone()));
        self.put_advert(host, self.nodes[host].plan.mac, link, transmit, true);
    }

    fn put_advert(&mut self, from: Host, mac: MacAddr, link: &IfName, transmit: &Transmit, genuine: bool) {
        let owner = |node: &&Node| node.is_at(link, transmit.destination);
        let peer = self.nodes.iter().find(owner).map(|node| node.plan.mac);
        if let Some(frame) = frame::encode(transmit, mac, peer) {
            self.put_on_lan(from, link, frame, genuine);
        }
    }

    /// Hosts are told apart by number: `from` may be one that is no node.
    fn put_on_lan(&mut self, from: Host, link: &IfName, frame: Vec<u8>, genuine: bool) {
        if self.nodes.get(from).is_some_and(|node| !node.kernel.is_up(link)) {
            return;
        }
        if let Some(pcap) = &mut self.pcap {
            pcap.push(self.now, &frame);
        }
        for to in 0..self.nodes.len() {
            if to == from {
                continue;
            }
            for delivery in self.lan.carry(link, from, to) {
                let mut copy = frame.clone();
                let mut genuine = genuine;
                // Two changed bits may make up for each other, so what is bad is not made worse.
                if let Some(bit) = delivery.flipped_bit.filter(|_| genuine) {
                    let bit = bit as usize % (copy.len() * 8);
                    copy[bit / 8] ^= 1 << (bit % 8);
                    genuine &= frame::is_as_good(&copy, &frame, self.nodes[to].plan.mac);
                }
                let frame = Event::Frame { to, link: link.clone(), frame: copy, genuine };
                self.queue.push(self.now + delivery.after, frame);
            }
        }
    }

    fn on_frame(&mut self, to: Host, link: &IfName, frame: &[u8], genuine: bool) {
        let node = &self.nodes[to];
        if !node.hears(link) {
            return;
        }
        let Some(datagram) = frame::decode(frame, node.plan.mac) else { return };
        if !datagram.destination.is_multicast() && !node.is_at(link, datagram.destination) {
            return;
        }
        self.receive(to, link, datagram, genuine);
    }

    /// Announcements always reach the observer: VRRP has no answer to lost ones but to repeat them.
    fn announce(&mut self, host: Host, announce: &Announce) {
        let mac = self.nodes[host].plan.mac;
        for _ in 0..announce.rounds {
            for (link, address) in &announce.targets {
                if self.nodes[host].kernel.is_up(link) {
                    self.put_announcement(announcement(mac, *address));
                    self.spread_claim(
                        host,
                        Claim { address: *address, link: link.clone(), mac, foreign: true },
                    );
                }
            }
        }
    }

    /// The other nodes hear an announcement as they hear all frames, if it reaches them.
    fn spread_claim(&mut self, from: Host, claim: Claim) {
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            for delivery in self.lan.carry(&claim.link, from, to).filter(|copy| copy.flipped_bit.is_none()) {
                let claim = claim.clone();
                self.queue.push(self.now + delivery.after, Event::Claim { to, claim });
            }
        }
    }

    fn put_announcement(&mut self, frame: Vec<u8>) {
        if let Some(pcap) = &mut self.pcap {
            pcap.push(self.now, &frame);
        }
        let weather = self.lan.weather;
        let after = weather.latency + self.random.duration(Duration::ZERO..=self.plan.calm.jitter);
        self.queue.push(self.now + after, Event::Observed(frame));
    }

    fn on_observed(&mut self, frame: &[u8]) {
        if let Some((address, mac)) = self.observer.hear(frame) {
            self.record(format_args!("observer: {address} is at {mac}"));
        }
        self.check(|checker, scene| checker.on_world(scene));
    }

    fn on_stranger(&mut self, left: u32, spacing: Duration) {
        if left == 0 || self.calm_since.is_some() {
            return;
        }
        if let Some((link, advert)) = self.last_advert.clone() {
            const MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0xba, 0xd0]);
            let forged = stranger::forge(&mut self.random, &advert);
            self.put_advert(self.nodes.len() + 1, MAC, &link, &forged, false);
        }
        self.queue.push(self.now + spacing, Event::Stranger { left: left - 1, spacing });
    }

    // Kernels.

    pub(super) fn schedule_kernel(&mut self, host: Host) {
        let node = &mut self.nodes[host];
        if node.kernel_scheduled || !node.kernel.is_busy() {
            return;
        }
        node.kernel_scheduled = true;
        let delay = match node.kernel_trouble {
            true => KERNEL_RETRY,
            false => self.random.duration(Duration::ZERO..=node.plan.kernel_latency),
        };
        let life = node.life;
        self.queue.push(self.now + delay, Event::KernelWork { host, life });
    }

    fn on_kernel_work(&mut self, host: Host, life: u32) {
        let node = &mut self.nodes[host];
        if node.life != life {
            return;
        }
        node.kernel_scheduled = false;
        if !node.kernel_trouble
            && let Some(announce) = node.kernel.work()
        {
            self.announce(host, &announce);
        }
        self.check(|checker, scene| checker.on_world(scene));
        self.schedule_kernel(host);
    }

    // Faults.

    fn on_fault(&mut self, fault: Fault) {
        self.record(format_args!("== {fault:?}"));
        match fault {
            Fault::Cut(link, from, to) => self.lan.cut(&link, from, to),
            Fault::Isolate(link, host) => {
                for other in 0..self.nodes.len() {
                    self.lan.cut(&link, host, other);
                    self.lan.cut(&link, other, host);
                }
            }
            Fault::Heal => self.lan.heal(),
            Fault::Deafen(host, link, deaf) => self.nodes[host].deafen(link, deaf),
            Fault::Link(host, link, up) => self.set_link(host, link, up),
            Fault::Kill(host) => self.kill(host),
            Fault::Fail(node, instance) => self.fail(Machine { node, instance }),
            Fault::PowerOff(host) => {
                self.kill(host);
                self.nodes[host].boot();
                self.nodes[host].boots = true;
            }
            Fault::Stop(host) => self.stop(host),
            Fault::Start(host) => {
                let adopt = self.random.chance(500);
                self.start(host, adopt);
            }
            Fault::Reload(host) => self.reload(host, &Cause::Reloaded),
            Fault::Reconfigure(host, variant) => self.reconfigure(host, variant),
            Fault::Renumber(host, numbering) => {
                self.nodes[host].renumber(numbering);
                self.review_sources(host);
            }
            Fault::Script(host, script, behaviour) => self.nodes[host].behaviours[script] = behaviour,
            Fault::File(host, number) => self.set_number(host, number),
            Fault::Processes(host, count, because) => self.set_count(host, count, because),
            Fault::Pause(host, _) if !self.nodes[host].is_alive() => {}
            Fault::Pause(host, time) => {
                let until = (self.now + time).min(self.plan.calm_at);
                self.nodes[host].paused_until = Some(until);
                self.check(|checker, _| {
                    checker.on_pause(host);
                    Ok(())
                });
            }
            Fault::RemoveAddress(host) => self.remove_an_address(host),
            Fault::KernelTrouble(host, trouble) => self.nodes[host].kernel_trouble = trouble,
            Fault::Stranger(left, spacing) => self.on_stranger(left, spacing),
        }
    }

    fn on_calm(&mut self) {
        self.record(format_args!("-- calm"));
        self.lan.heal();
        self.lan.weather = self.plan.calm;
        let names = self.names.clone();
        for host in 0..self.nodes.len() {
            let node = &mut self.nodes[host];
            node.kernel_trouble = false;
            node.deaf.clear();
            let ends_good = &node.plan.scripts_end_good;
            let end = |good: &bool| if *good { Behaviour::Good } else { Behaviour::Bad };
            node.behaviours = ends_good.iter().map(end).collect();
            node.renumber(Numbering::Home);
            self.set_link(host, names.lan.clone(), true);
            self.set_link(host, names.uplink.clone(), true);
            self.review_sources(host);
            self.end_hanging_scripts(host);
            let things = self.nodes[host].plan.things_at_end;
            self.set_number(host, things.number);
            self.set_count(host, things.count, Because::Found);
            self.return_to_group(host);
            self.start(host, true);
            self.machines(host).for_each(|machine| self.restart(machine));
        }
        self.calm_since = Some(self.now);
    }

    /// All nodes have the same groups in the end, or nothing could be said of how they end.
    fn return_to_group(&mut self, host: Host) {
        let node = &mut self.nodes[host];
        if node.plan.config.sync_groups.len() == node.plan.variants[0].sync_groups.len() {
            return;
        }
        if node.is_staying() {
            self.reconfigure(host, 0);
        } else {
            node.plan.config = Arc::clone(&node.plan.variants[0]);
        }
    }

    /// Only a running daemon reads another configuration here.
    fn reconfigure(&mut self, host: Host, variant: usize) {
        let node = &mut self.nodes[host];
        let new = Arc::clone(&node.plan.variants[variant]);
        if node.is_staying() && *new != *node.plan.config {
            let old = std::mem::replace(&mut node.plan.config, Arc::clone(&new));
            self.reload(host, &Cause::Reconfigured);
            self.let_go_for_the_failed(host, &old, &new);
        }
    }

    fn remove_an_address(&mut self, host: Host) {
        let node = &mut self.nodes[host];
        let configs = &node.plan.config.instances;
        let vips: Vec<_> = configs.iter().flat_map(|config| &config.vips).collect();
        let vip = vips[self.random.index(vips.len())];
        let (link, address) = (vip.link().clone(), vip.net.address);
        let mut lost = Lost::default();
        if node.kernel.remove(&link, address) {
            lost.addresses.push((address, link));
        }
        // Whoever cleans up one thing may clean up the others as well.
        if let Some(owner) = configs.iter().find(|config| config.vips.contains(vip)) {
            let route = owner.routes.first().filter(|route| node.kernel.remove_route(&route.place()));
            let rule = owner.rules.first().filter(|rule| node.kernel.remove_rule(&rule.place()));
            lost.routes.extend(route.cloned());
            lost.rules.extend(rule.cloned());
        }
        if !lost.is_empty() {
            self.queue.push(self.now, Event::Lost { host, life: node.life, lost: Box::new(lost) });
        }
    }

    pub(super) fn deliver_switch_input(&mut self, host: Host, input: SwitchInput) {
        let now = self.nodes[host].local(self.now);
        if let Some(daemon) = &mut self.nodes[host].daemon {
            daemon.switchboard.handle(now, input);
        }
        self.pump(host);
    }

    fn set_link(&mut self, host: Host, link: IfName, up: bool) {
        if self.nodes[host].kernel.set_link(&link, up) {
            self.deliver_switch_input(host, SwitchInput::Link(link.clone(), LinkStatus::of(up)));
            if up {
                self.renew_link(host, &link);
            }
        }
    }

    pub(super) fn machines(&self, host: Host) -> impl Iterator<Item = Machine> + use<> {
        let count = self.nodes[host].daemon.as_ref().map_or(0, |daemon| daemon.instances.len());
        (0..count).map(move |instance| Machine { node: host, instance })
    }
}

fn announcement(mac: MacAddr, address: std::net::IpAddr) -> Vec<u8> {
    match address {
        std::net::IpAddr::V4(address) => GratuitousArp { mac, address }.emit().to_vec(),
        std::net::IpAddr::V6(address) => UnsolicitedAdvert { mac, address, router: false }.emit().to_vec(),
    }
}
