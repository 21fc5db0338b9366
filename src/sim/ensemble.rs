//! All machines of one node, without a world around them: the contract of [`crate::vrrp::Switchboard`] and its
//! sync groups in the fewest words.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::config::block::VrrpInstance;
use crate::config::diff::origins;
use crate::types::{IfName, Instant, State};
use crate::vrrp::{
    Effect, GroupSays, GroupStatus, Input, Instance, Leftovers, Start, SwitchEffect, SwitchInput, Switchboard,
};

/// Something that a node wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// By the instance of that number, which it keeps through reloads.
    Instance(u64, Effect),
    /// By the switchboard.
    Switchboard(SwitchEffect),
}

/// A switchboard and the instances that it couples.
///
/// What they say to each other passes inside; everything else is an [`Outcome`].
#[derive(Debug)]
pub struct Ensemble {
    board: Switchboard,
    members: Vec<Member>,
    last_id: u64,
    source: fn(&VrrpInstance) -> Option<IpAddr>,
    /// A reload is under way: what comes of it waits until all instances have heard of it.
    reloading: bool,
    outcomes: VecDeque<Outcome>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    config: Arc<VrrpInstance>,
    /// `None`: failed by an internal error, and not started again.
    machine: Option<Instance>,
}

impl Ensemble {
    /// A node that starts with these links and, for each instance, this address to send from.
    #[must_use]
    pub fn new(
        now: Instant,
        config: &Arc<Config>,
        links: impl IntoIterator<Item = (IfName, bool)>,
        source: fn(&VrrpInstance) -> Option<IpAddr>,
    ) -> Self {
        let mut board = Switchboard::new(now, config, links);
        let homeless: BTreeSet<String> = config
            .instances
            .iter()
            .filter(|config| source(config).is_none())
            .map(|config| config.name.clone())
            .collect();
        board.handle(now, SwitchInput::Start(Arc::clone(config), homeless));
        let mut ensemble = Self {
            board,
            members: Vec::new(),
            last_id: 0,
            source,
            reloading: false,
            outcomes: VecDeque::new(),
        };
        config.instances.iter().for_each(|config| ensemble.add(config));
        for index in 0..ensemble.members.len() {
            ensemble.begin(now, index, Leftovers::Remove);
        }
        ensemble.carry_out_coupling(now);
        ensemble
    }

    /// The next thing to do.
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// The instances that run, with their numbers, in the order of the configuration.
    pub fn instances(&self) -> impl Iterator<Item = (u64, &Instance)> {
        self.members.iter().filter_map(|member| Some((member.id, member.machine.as_ref()?)))
    }

    /// An instance that runs.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances().map(|(_, instance)| instance).find(|instance| instance.config().name == name)
    }

    /// The state of an instance; INIT of one that does not run.
    #[must_use]
    pub fn state(&self, name: &str) -> State {
        self.instance(name).map_or(State::Init, Instance::state)
    }

    /// The sync groups.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupStatus> {
        self.board.groups()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let instances =
            self.instances().filter_map(|(_, instance)| instance.poll_timeout().map(|(at, _)| at));
        instances.chain(self.board.poll_timeout()).min()
    }

    /// Acts on whatever is due, instances in their order.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.board.handle_timeout(now);
        self.carry_out_coupling(now);
        for index in 0..self.members.len() {
            self.with(now, index, |instance| instance.handle_timeout(now));
        }
    }

    /// Gives an instance an input.
    pub fn feed(&mut self, now: Instant, name: &str, input: Input) {
        if let Some(index) = self.place(name) {
            self.with(now, index, |instance| instance.handle(now, input));
        }
    }

    /// Tells the switchboard something.
    pub fn tell(&mut self, now: Instant, input: SwitchInput) {
        self.board.handle(now, input);
        self.carry_out_coupling(now);
    }

    /// An instance fails by an internal error; [`Self::restart`] starts it again.
    pub fn fail(&mut self, now: Instant, name: &str) {
        if let Some(index) = self.place(name) {
            self.members[index].machine = None;
            self.tell(now, SwitchInput::Lost(name.to_owned()));
        }
    }

    /// Starts an instance that has failed.
    pub fn restart(&mut self, now: Instant, name: &str) {
        if let Some(index) = self.place(name).filter(|index| self.members[*index].machine.is_none()) {
            self.begin(now, index, Leftovers::Adopt);
        }
    }

    /// Another configuration: instances that stay are changed, new ones start, and then the others stop.
    pub fn reload(&mut self, now: Instant, config: &Arc<Config>) {
        self.reloading = true;
        self.board.handle(now, SwitchInput::Reconfigure(Arc::clone(config)));
        let before: Vec<_> = self.members.iter().map(|member| Arc::clone(&member.config)).collect();
        let mut old: Vec<_> = std::mem::take(&mut self.members).into_iter().map(Some).collect();
        for (new, origin) in config.instances.iter().zip(origins(&before, &config.instances)) {
            let index = self.members.len();
            match origin.and_then(|place| old[place].take()) {
                Some(member) => {
                    self.members.push(Member { config: Arc::clone(new), ..member });
                    let reconfigure = Input::Reconfigure(Arc::clone(new));
                    self.with(now, index, |instance| instance.handle(now, reconfigure));
                    let tracking = Input::Tracking(self.board.tracking(&new.name));
                    self.with(now, index, |instance| instance.handle(now, tracking));
                }
                None => {
                    self.add(new);
                    self.begin(now, index, Leftovers::Remove);
                }
            }
        }
        self.reloading = false;
        self.carry_out_coupling(now);
        for Member { id, machine, .. } in old.into_iter().flatten() {
            let Some(mut machine) = machine else { continue };
            machine.handle(now, Input::Stop(Duration::ZERO));
            let effects = std::iter::from_fn(|| machine.poll_effect());
            self.outcomes.extend(effects.map(|effect| Outcome::Instance(id, effect)));
        }
    }

    fn add(&mut self, config: &Arc<VrrpInstance>) {
        self.last_id += 1;
        self.members.push(Member { id: self.last_id, config: Arc::clone(config), machine: None });
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| member.config.name == name)
    }

    fn begin(&mut self, now: Instant, index: usize, leftovers: Leftovers) {
        let config = Arc::clone(&self.members[index].config);
        let start = Start {
            tracking: self.board.tracking(&config.name),
            source: (self.source)(&config),
            word: self.board.word(&config),
            leftovers,
            wall: Duration::ZERO,
        };
        self.members[index].machine = Some(Instance::new(now, config, start));
        self.carry_out(now, index);
    }

    /// Lets an instance act. What its group has said comes before that.
    fn with(&mut self, now: Instant, index: usize, act: impl FnOnce(&mut Instance)) {
        self.hear_group(now, index);
        if let Some(instance) = &mut self.members[index].machine {
            act(instance);
        }
        self.carry_out(now, index);
    }

    fn hear_group(&mut self, now: Instant, index: usize) {
        let Some(instance) = &mut self.members[index].machine else { return };
        let Some(says) = self.board.group_says(instance.config()) else { return };
        if self.board.word(instance.config()) != instance.word() {
            instance.handle(now, Input::Group(says));
            self.carry_out(now, index);
        }
    }

    /// What it says to its group comes before anything else, and is answered before others hear of it.
    fn carry_out(&mut self, now: Instant, index: usize) {
        let id = self.members[index].id;
        while let Some(instance) = &mut self.members[index].machine
            && let Some(effect) = instance.poll_effect()
        {
            let name = instance.config().name.clone();
            match effect {
                Effect::Group(report) => {
                    self.board.handle(now, SwitchInput::Member(name, report));
                    self.hear_group(now, index);
                    self.carry_out_coupling(now);
                }
                Effect::Notify(notification) => {
                    self.board.handle(now, SwitchInput::Told(name, notification.event));
                    self.outcomes.push_back(Outcome::Instance(id, effect));
                }
                _ => self.outcomes.push_back(Outcome::Instance(id, effect)),
            }
        }
        self.carry_out_coupling(now);
    }

    fn carry_out_coupling(&mut self, now: Instant) {
        while !self.reloading
            && let Some(effect) = self.board.poll_effect()
        {
            match effect {
                SwitchEffect::Tracking(name, tracking) => self.feed(now, &name, Input::Tracking(tracking)),
                SwitchEffect::Group(name, says @ GroupSays::Announce) => {
                    self.feed(now, &name, Input::Group(says));
                }
                SwitchEffect::Group(name, GroupSays::Be { .. }) => {
                    if let Some(index) = self.place(&name) {
                        self.hear_group(now, index);
                    }
                }
                other => self.outcomes.push_back(Outcome::Switchboard(other)),
            }
        }
    }
}
