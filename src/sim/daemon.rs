//! What the daemon's tasks do, done by the world: machines are driven and their effects carried out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::border::Machine;
use super::check::{Cause, Step, advert_priority};
use super::fault::Behaviour;
use super::kernel::Operation;
use super::lan::Host;
use super::node::{Daemon, lan_of};
use super::world::{Event, World};
use crate::config::Config;
use crate::config::block::VrrpScript;
use crate::track::{ExitStatus, Signal};
use crate::types::{IfName, Instant, State};
use crate::vrrp::{
    Claim, Datagram, Effect, GroupReport, GroupSays, Input, Instance, KernelChange, Leftovers, Lost,
    PartingTimes, RunId, Silence, Start, SwitchEffect, SwitchInput, Switchboard, Tracking,
};

/// An instance that has failed starts again after this long, as in the daemon.
const RESTART_DELAY: Duration = Duration::from_secs(1);
const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

impl World {
    // Life and death.

    pub(super) fn start(&mut self, host: Host, adopt: bool) {
        let node = &mut self.nodes[host];
        if node.is_alive() {
            node.starts_again = !node.is_staying();
            return;
        }
        node.starts_again = false;
        let now = node.local(self.now);
        node.remove_unknown_leftovers();
        let config = self.border.config(host, Arc::clone(&node.plan.config));
        let homeless = config.instances.iter().filter(|config| node.source(config).is_none());
        let homeless = homeless.map(|config| config.name.clone()).collect();
        let mut switchboard = Switchboard::new(now, &config, node.kernel.links());
        switchboard.handle(now, SwitchInput::Start(Arc::clone(&config), homeless));
        node.life += 1;
        node.started_at_boot = std::mem::take(&mut node.boots);
        // Nothing has survived that.
        let adopt = adopt && !node.started_at_boot;
        node.daemon = Some(Daemon {
            config: Arc::clone(&config),
            switchboard,
            instances: Vec::new(),
            runs: Default::default(),
            trailers: Default::default(),
            told: Default::default(),
            reloading: true,
            stopping: false,
        });
        for instance in 0..config.instances.len() {
            self.start_instance(Machine { node: host, instance }, adopt);
        }
        self.end_reload(host);
    }

    fn start_instance(&mut self, machine: Machine, adopt: bool) {
        let node = &mut self.nodes[machine.node];
        let (now, wall) = (node.local(self.now), node.time_of_day(self.now));
        let Some(daemon) = &node.daemon else { return };
        let config = Arc::clone(&daemon.config.instances[machine.instance]);
        let left = config.all_vips().any(|vip| node.kernel.has(vip.link(), vip.net.address));
        let adopt = adopt && left;
        let start = Start {
            tracking: daemon.switchboard.tracking(&config.name),
            source: node.source(&config),
            word: daemon.switchboard.word(&config),
            leftovers: if adopt { Leftovers::Adopt } else { Leftovers::Remove },
            wall,
        };
        let mut instance = Instance::new(now, config, start);
        if !adopt {
            let bound = daemon.config.global.vrrp_startup_silence;
            let until = (node.started_at_boot && !bound.is_zero()).then(|| now + bound);
            instance.listen_first(Silence { bound, until });
            if left {
                instance.has_found_leftovers(now);
            }
        }
        let Some(daemon) = &mut node.daemon else { return };
        daemon.instances.resize_with(daemon.instances.len().max(machine.instance + 1), || None);
        daemon.instances[machine.instance] = Some(instance);
        self.carry_out(machine, State::Init, Cause::Started);
    }

    /// An instance fails by an internal error: nothing is said, nothing removed, and it starts again.
    pub(super) fn fail(&mut self, machine: Machine) {
        let node = &mut self.nodes[machine.node];
        let (now, life) = (node.local(self.now), node.life);
        let Some(daemon) = &mut node.daemon else { return };
        let Some(failed) = daemon.instances.get_mut(machine.instance).and_then(Option::take) else { return };
        daemon.trailers.retain(|(instance, _), _| *instance != machine.instance);
        daemon.switchboard.handle(now, SwitchInput::Lost(failed.config().name.clone()));
        let step =
            Step { machine, before: failed.state(), after: State::Init, cause: Cause::Killed, effects: &[] };
        self.check(|checker, scene| checker.on_step(scene, &step));
        self.queue.push(self.now + RESTART_DELAY, Event::Restart { machine, life });
        self.pump(machine.node);
    }

    pub(super) fn restart(&mut self, machine: Machine) {
        if self.nodes[machine.node].is_staying()
            && self.nodes[machine.node].instance(machine.instance).is_none()
        {
            self.start_instance(machine, true);
            self.pump(machine.node);
        }
    }

    pub(super) fn kill(&mut self, host: Host) {
        let node = &mut self.nodes[host];
        let Some(daemon) = node.daemon.take() else { return };
        node.life += 1;
        node.kernel.forget_work();
        node.kernel_scheduled = false;
        node.paused_until = None;
        if let Some((_, ticket)) = node.wake.take() {
            self.queue.cancel(ticket);
        }
        for (instance, dead) in daemon.instances.iter().enumerate() {
            let Some(dead) = dead else { continue };
            let machine = Machine { node: host, instance };
            let step = Step {
                machine,
                before: dead.state(),
                after: State::Init,
                cause: Cause::Killed,
                effects: &[],
            };
            self.check(|checker, scene| checker.on_step(scene, &step));
        }
    }

    /// Every instance is told to leave.
    pub(super) fn stop(&mut self, host: Host) {
        for machine in self.machines(host) {
            let Some(daemon) = &self.nodes[host].daemon else { return };
            let time = PartingTimes::new(&daemon.config).of(&daemon.config.instances[machine.instance]);
            self.handle(machine, Input::Stop(time), Cause::Stopped);
        }
        if let Some(daemon) = &mut self.nodes[host].daemon {
            daemon.stopping = true;
        }
        self.pump(host);
    }

    /// A daemon whose last instance has left waits for its kernel's work, then it is gone.
    fn end_if_all_have_left(&mut self, host: Host) {
        let stopping = self.nodes[host].daemon.as_ref().filter(|daemon| daemon.stopping);
        let has_left = |daemon: &Daemon| daemon.instances.iter().flatten().all(Instance::has_left);
        if !stopping.is_some_and(has_left) {
            return;
        }
        let trouble = std::mem::take(&mut self.nodes[host].kernel_trouble);
        while self.nodes[host].kernel.is_busy() {
            self.nodes[host].kernel.work();
        }
        self.nodes[host].kernel_trouble = trouble;
        self.kill(host);
        if self.nodes[host].starts_again {
            self.start(host, false);
        }
    }

    /// Reads the configuration again, which may be another by now. As in the daemon each instance hears
    /// of it, and of all that trackers say under it, before anything else that comes of it is done.
    pub(super) fn reload(&mut self, host: Host, cause: &Cause) {
        let node = &mut self.nodes[host];
        let Some(daemon) = node.daemon.as_mut().filter(|daemon| !daemon.stopping) else { return };
        let config = self.border.config(host, Arc::clone(&node.plan.config));
        daemon.config = Arc::clone(&config);
        daemon.reloading = true;
        daemon
            .switchboard
            .handle(node.plan.clock.local(self.now), SwitchInput::Reconfigure(Arc::clone(&config)));
        for machine in self.machines(host) {
            // A new value, as a parser would make it: that nothing has changed is for the machine to find.
            let instance = Arc::new((*config.instances[machine.instance]).clone());
            let tracking = self.tracking(host, &instance.name);
            self.handle(machine, Input::Reconfigure(instance), cause.clone());
            self.handle(machine, Input::Tracking(tracking), cause.clone());
        }
        self.end_reload(host);
    }

    /// What a failed instance has that its new configuration lacks, it cannot let go of itself.
    pub(super) fn let_go_for_the_failed(&mut self, host: Host, old: &Config, new: &Config) {
        for (instance, (old, new)) in old.instances.iter().zip(&new.instances).enumerate() {
            if self.nodes[host].instance(instance).is_some() {
                continue;
            }
            let addresses = KernelChange::of_addresses(old, new).only_removing();
            let routes = KernelChange::of_routes(old, new).only_removing();
            let rules = KernelChange::of_rules(old, new).only_removing();
            let blocked = KernelChange::of_blocked(old, new).only_removing();
            let operations = [
                Operation::Addresses(addresses),
                Operation::Routes(routes),
                Operation::Rules(rules),
                Operation::Firewall(blocked),
            ];
            for operation in operations {
                self.nodes[host].kernel.submit(operation);
            }
        }
        self.schedule_kernel(host);
    }

    fn end_reload(&mut self, host: Host) {
        if let Some(daemon) = &mut self.nodes[host].daemon {
            daemon.reloading = false;
        }
        self.pump(host);
    }

    fn tracking(&self, host: Host, instance: &str) -> Tracking {
        let daemon = self.nodes[host].daemon.as_ref();
        daemon.map(|daemon| daemon.switchboard.tracking(instance)).unwrap_or_default()
    }

    // Inputs.

    pub(super) fn receive(&mut self, host: Host, link: &IfName, datagram: Datagram, genuine: bool) {
        let vrid = datagram.vrid();
        let v4 = datagram.source.is_ipv4();
        for machine in self.machines(host) {
            let config = self.nodes[host].config(machine.instance);
            if lan_of(config) != link || Some(config.vrid.get()) != vrid || (config.family.bits() == 32) != v4
            {
                continue;
            }
            let now = self.nodes[host].local(self.now);
            if let Some(passed_on) = self.border.packet(machine, now, datagram.clone()) {
                let daemon = self.nodes[host].daemon.as_mut();
                let is_new =
                    daemon.is_none_or(|daemon| !genuine || daemon.is_new(machine.instance, &datagram));
                let cause = Cause::Packet { datagram: datagram.clone(), genuine: genuine && is_new };
                self.handle(machine, Input::Packet(passed_on), cause);
            }
        }
        self.rearm(host);
    }

    /// Somebody announces an address.
    pub(super) fn hear_claim(&mut self, host: Host, claim: &Claim) {
        for machine in self.machines(host) {
            if self.nodes[host].instance(machine.instance).is_some_and(Instance::heeds_claims) {
                self.handle(machine, Input::Claim(claim.clone()), Cause::Claim);
            }
        }
        self.rearm(host);
    }

    /// The node's own addresses have changed.
    pub(super) fn review_sources(&mut self, host: Host) {
        for machine in self.machines(host) {
            let node = &self.nodes[host];
            let Some(instance) = node.instance(machine.instance) else { continue };
            let source = node.source(instance.config());
            if source != instance.status().source {
                self.handle(machine, Input::Source(source), Cause::Source);
            }
        }
        self.rearm(host);
    }

    pub(super) fn renew_link(&mut self, host: Host, link: &IfName) {
        for machine in self.machines(host) {
            self.handle(machine, Input::LinkRenewed(link.clone()), Cause::LinkRenewed);
        }
        self.rearm(host);
    }

    pub(super) fn lose(&mut self, host: Host, lost: &Lost) {
        for machine in self.machines(host) {
            self.handle(machine, Input::Lost(Box::new(lost.clone())), Cause::Lost);
        }
        self.rearm(host);
    }

    pub(super) fn on_wake(&mut self, host: Host) {
        self.nodes[host].wake = None;
        let now = self.nodes[host].local(self.now);
        for machine in self.machines(host) {
            if self.deadline(machine).is_some_and(|deadline| deadline <= now) {
                self.hear_group(machine);
                let before = self.nodes[host].state(machine.instance);
                self.instance(machine, |instance| instance.handle_timeout(now));
                self.carry_out(machine, before, Cause::Timer);
            }
        }
        if let Some(daemon) = &mut self.nodes[host].daemon
            && daemon.switchboard.poll_timeout().is_some_and(|deadline| deadline <= now)
        {
            daemon.switchboard.handle_timeout(now);
        }
        self.pump(host);
    }

    /// When a machine is to be woken, as far as the border lets it.
    fn deadline(&mut self, machine: Machine) -> Option<Instant> {
        let deadline = self.nodes[machine.node].instance(machine.instance)?.poll_timeout()?;
        Some(self.border.deadline(machine, deadline))
    }

    fn rearm(&mut self, host: Host) {
        self.end_if_all_have_left(host);
        let machines: Vec<_> = self.machines(host).filter_map(|machine| self.deadline(machine)).collect();
        let node = &mut self.nodes[host];
        let switchboard = node.daemon.as_ref().and_then(|daemon| daemon.switchboard.poll_timeout());
        let next = machines.into_iter().chain(switchboard).min();
        let at = next.map(|local| node.plan.clock.world(local).max(self.now));
        if node.wake.map(|(at, _)| at) == at {
            return;
        }
        if let Some((_, ticket)) = node.wake.take() {
            self.queue.cancel(ticket);
        }
        node.wake = at.map(|at| (at, self.queue.push(at, Event::Wake(host))));
    }

    fn instance(&mut self, machine: Machine, act: impl FnOnce(&mut Instance)) {
        let wall = self.nodes[machine.node].time_of_day(self.now);
        let daemon = self.nodes[machine.node].daemon.as_mut();
        if let Some(instance) = daemon.and_then(|daemon| daemon.instances.get_mut(machine.instance)?.as_mut())
        {
            instance.tell_time_of_day(wall);
            act(instance);
        }
    }

    /// Gives a machine an input; what its group has said comes before it.
    fn handle(&mut self, machine: Machine, input: Input, cause: Cause) {
        self.hear_group(machine);
        self.step(machine, input, cause);
    }

    fn hear_group(&mut self, machine: Machine) {
        let node = &self.nodes[machine.node];
        let Some((daemon, instance)) = node.daemon.as_ref().zip(node.instance(machine.instance)) else {
            return;
        };
        let Some(says) = daemon.switchboard.group_says(instance.config()) else { return };
        if daemon.switchboard.word(instance.config()) != instance.word()
            && let Some(says) = self.border.group(machine, says)
        {
            self.step(machine, Input::Group(says), Cause::Group);
        }
    }

    fn step(&mut self, machine: Machine, input: Input, cause: Cause) {
        let now = self.nodes[machine.node].local(self.now);
        let before = self.nodes[machine.node].state(machine.instance);
        self.instance(machine, |instance| instance.handle(now, input));
        self.carry_out(machine, before, cause);
    }

    // Effects.

    fn carry_out(&mut self, machine: Machine, before: State, cause: Cause) {
        let mut effects = Vec::new();
        self.instance(machine, |instance| effects.extend(std::iter::from_fn(|| instance.poll_effect())));
        let host = machine.node;
        let after = self.nodes[host].state(machine.instance);
        self.border.effects(machine, after, &mut effects);
        let step = Step { machine, before, after, cause, effects: &effects };
        self.journal.record(self.now, format_args!("{step}"));
        let link = lan_of(self.nodes[host].config(machine.instance)).clone();
        for effect in &effects {
            let operation = match effect {
                Effect::Send(transmit) => {
                    self.transmit(host, &link, transmit);
                    continue;
                }
                Effect::Firewall(change) => Operation::Firewall(change.clone()),
                Effect::Addresses(change) => Operation::Addresses(change.clone()),
                Effect::Routes(change) => Operation::Routes(change.clone()),
                Effect::Rules(change) => Operation::Rules(change.clone()),
                Effect::Announce(announce) => Operation::Announce(announce.clone()),
                Effect::Hush => {
                    self.nodes[host].kernel.hush();
                    continue;
                }
                Effect::Resolve(_) | Effect::Notice(_) | Effect::Notify(_) | Effect::Group(_) => continue,
            };
            if let Some(operation) = self.border.operation(host, operation) {
                self.nodes[host].kernel.submit(operation);
            }
        }
        self.schedule_kernel(host);
        self.check(|checker, scene| checker.on_step(scene, &step));
        self.tell_group(machine, &effects);
    }

    /// Hands on what is for the group, and lets the machine hear the answer before anything else.
    fn tell_group(&mut self, machine: Machine, effects: &[Effect]) {
        let host = machine.node;
        let now = self.nodes[host].local(self.now);
        for effect in effects {
            let Some(instance) = self.nodes[host].instance(machine.instance) else { return };
            let name = instance.config().name.clone();
            let (input, is_report) = match effect {
                Effect::Group(report) => (SwitchInput::Member(name, *report), true),
                Effect::Notify(notification) => (SwitchInput::Told(name, notification.event), false),
                _ => continue,
            };
            if let Some(daemon) = &mut self.nodes[host].daemon {
                daemon.switchboard.handle(now, input);
            }
            if is_report {
                self.hear_group(machine);
                self.carry_out_coupling(host);
            }
        }
        self.carry_out_coupling(host);
    }

    /// Carries out what the switchboard wants, and sees to the next wake-up.
    pub(super) fn pump(&mut self, host: Host) {
        self.carry_out_coupling(host);
        self.rearm(host);
    }

    fn carry_out_coupling(&mut self, host: Host) {
        while let Some(effect) = self.nodes[host]
            .daemon
            .as_mut()
            .filter(|daemon| !daemon.reloading)
            .and_then(|daemon| daemon.switchboard.poll_effect())
        {
            match effect {
                SwitchEffect::StartScript(run, script) => self.start_script(host, run, &script),
                SwitchEffect::SignalScript(run, signal) => self.signal_script(host, run, signal),
                SwitchEffect::Follow(followed) => self.follow(host, &followed),
                SwitchEffect::Tracking(name, tracking) => {
                    self.record(format_args!("n{host} {name} tracking {tracking:?}"));
                    if let Some(machine) = self.named(host, &name) {
                        self.handle(machine, Input::Tracking(tracking), Cause::Tracking);
                    }
                }
                SwitchEffect::Group(name, says) => {
                    if let Some(machine) = self.named(host, &name) {
                        match says {
                            GroupSays::Be { .. } => self.hear_group(machine),
                            GroupSays::Announce => self.handle(machine, Input::Group(says), Cause::Group),
                        }
                    }
                }
                SwitchEffect::NotifyGroup(group, event) => {
                    self.record(format_args!("n{host} {} notify {event}", group.name));
                    if let Some(daemon) = &mut self.nodes[host].daemon {
                        daemon.told.insert(group.name.clone(), event);
                    }
                }
                SwitchEffect::GroupNotice(notice) => self.record(format_args!("n{host} {notice}")),
                SwitchEffect::Notice(notice) => self.record(format_args!("n{host} {notice}")),
            }
        }
    }

    fn named(&self, host: Host, name: &str) -> Option<Machine> {
        self.machines(host).find(|machine| self.nodes[host].config(machine.instance).name == name)
    }

    fn start_script(&mut self, host: Host, run: RunId, script: &VrrpScript) {
        let node = &mut self.nodes[host];
        let Some(daemon) = &mut node.daemon else { return };
        let number = daemon.config.scripts.iter().position(|known| known.name == script.name).unwrap_or(0);
        let behaviour = node.behaviours[number];
        daemon.runs.insert(run, (number, behaviour));
        let status = match behaviour {
            Behaviour::Good => ExitStatus::Exited(0),
            Behaviour::Bad => ExitStatus::Exited(1),
            Behaviour::Hanging | Behaviour::Stubborn => return,
        };
        self.schedule_script_end(host, run, status, script.interval / 20);
    }

    fn schedule_script_end(&mut self, host: Host, run: RunId, status: ExitStatus, after: Duration) {
        let life = self.nodes[host].life;
        self.queue.push(self.now + after, Event::ScriptEnded { host, life, run, status });
    }

    fn signal_script(&mut self, host: Host, run: RunId, signal: Signal) {
        let runs = self.nodes[host].daemon.as_ref().map(|daemon| &daemon.runs);
        let Some((_, behaviour)) = runs.and_then(|runs| runs.get(&run)) else { return };
        let status = match (behaviour, signal) {
            (Behaviour::Stubborn, Signal::Term) => return,
            (_, Signal::Term) => ExitStatus::Signalled(SIGTERM),
            (_, Signal::Kill) => ExitStatus::Signalled(SIGKILL),
        };
        self.schedule_script_end(host, run, status, Duration::ZERO);
    }

    pub(super) fn end_script(&mut self, host: Host, run: RunId, status: ExitStatus) {
        let ended = self.nodes[host].daemon.as_mut().and_then(|daemon| daemon.runs.remove(&run));
        if ended.is_some() {
            self.deliver_switch_input(host, SwitchInput::ScriptEnded(run, status));
        }
    }

    /// Runs that would hang for ever end as their script ends from now on.
    pub(super) fn end_hanging_scripts(&mut self, host: Host) {
        let node = &self.nodes[host];
        let Some(daemon) = &node.daemon else { return };
        let hanging = |(_, (_, behaviour)): &(&RunId, &(usize, Behaviour))| {
            matches!(behaviour, Behaviour::Hanging | Behaviour::Stubborn)
        };
        let status = |number: usize| match node.behaviours[number] {
            Behaviour::Good => ExitStatus::Exited(0),
            _ => ExitStatus::Exited(1),
        };
        let ends: Vec<_> =
            daemon.runs.iter().filter(hanging).map(|(run, (number, _))| (*run, status(*number))).collect();
        for (run, status) in ends {
            self.schedule_script_end(host, run, status, Duration::ZERO);
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { node, instance } = self.machine;
        write!(f, "n{node} VI_{} {:<6} {}", instance + 1, self.after.to_string(), self.cause)?;
        for effect in self.effects {
            match effect {
                Effect::Send(transmit) => {
                    let priority = advert_priority(transmit).unwrap_or_default();
                    write!(f, " | advert {priority} to {}", transmit.destination)?;
                }
                Effect::Firewall(change) => {
                    write!(f, " | +{} -{} blocked", change.install.len(), change.remove.len())?;
                }
                Effect::Addresses(change) => {
                    write!(f, " | +{} -{} addresses", change.install.len(), change.remove.len())?;
                }
                Effect::Routes(change) => {
                    write!(f, " | +{} -{} routes", change.install.len(), change.remove.len())?;
                }
                Effect::Rules(change) => {
                    write!(f, " | +{} -{} rules", change.install.len(), change.remove.len())?;
                }
                Effect::Announce(announce) => {
                    write!(f, " | announce {}x{}", announce.targets.len(), announce.rounds)?;
                }
                Effect::Hush => write!(f, " | hush")?,
                Effect::Resolve(address) => write!(f, " | who has {address}?")?,
                Effect::Notice(notice) => write!(f, " | {}", notice.kind)?,
                Effect::Notify(notification) => write!(f, " | notify {}", notification.event)?,
                Effect::Group(GroupReport::Stands { stance, .. }) => write!(f, " | stands {stance:?}")?,
                Effect::Group(GroupReport::LowerHeard) => write!(f, " | lower heard")?,
            }
        }
        Ok(())
    }
}
