//! What couples instances to the rest of the node: trackers and links.
//!
//! The switchboard owns the trackers and knows who tracks what. Whenever what is known of a thing changes
//! it works out anew, for every instance concerned, the whole of what trackers say ([`Tracking`]) and hands
//! that over; there is no increment that could be lost or counted twice. It also owns the sync groups, which
//! hear from their members and speak to them (`sync_group`).

mod groups;

use super::effect::Event;
use super::notice::{Fault, GroupNotice};
use super::sync_group::{Group, GroupReport, GroupSays};
use crate::config::Config;
use crate::config::block::{
    BfdInstance, StaticObjects, SyncGroup, TrackEntry, TrackFile, TrackProcess, Tracked, UpDownDelays,
    VrrpInstance, VrrpScript,
};
use crate::config::value::{Rule, VirtualAddress, Weight};
use crate::track::{
    Census, Contribution, Definition, ExitStatus, LinkStatus, LinkTracker, Notice, Reading, ScriptInput,
    ScriptRun, SessionNotice, Signal, Standing, Tracker, TrackerEffect, Verdict,
};
use crate::types::{IfName, Instant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// One run of a check script, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RunId(pub u64);

/// All that trackers say to one instance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tracking {
    /// Sum of weights, to be added to the base priority.
    pub weight: i64,
    /// What keeps it out of the election.
    pub faults: BTreeSet<Fault>,
    /// How many things are not known yet that it waits for.
    pub pending: usize,
}

/// Files and processes that somebody has to look at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Followed {
    /// Each is read whenever it changes.
    pub files: Vec<Arc<TrackFile>>,
    /// They are counted whenever their number changes.
    pub processes: Vec<Arc<TrackProcess>>,
    /// They are run, and whether they are up is told when it changes.
    pub sessions: Vec<Arc<BfdInstance>>,
}

/// What the switchboard is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SwitchInput {
    /// A run has begun, as this process.
    ScriptStarted(RunId, u32),
    /// A run is over.
    ScriptEnded(RunId, ExitStatus),
    /// A run could not begin.
    ScriptNotStarted(RunId),
    /// A run of a check script has gone with whatever starts scripts.
    ScriptLost(RunId),
    /// A link is like this now.
    Link(IfName, LinkStatus),
    /// The `track_file` of that name says this.
    File(String, Reading),
    /// So many processes there are.
    Processes(Census),
    /// All instances are about to start. Those of these names have no address to send from.
    Start(Arc<Config>, BTreeSet<String>),
    /// An instance has something to say to its group.
    Member(String, GroupReport),
    /// An instance has failed by an internal error; it starts again by and by.
    Lost(String),
    /// The scripts of an instance have been told this.
    Told(String, Event),
    /// All instances have stopped.
    Stopped,
    /// The BFD session of that name is up, or not.
    Session(String, bool),
    /// The configuration has changed.
    Reconfigure(Arc<Config>),
}

/// What the switchboard wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SwitchEffect {
    /// Begin a run.
    StartScript(RunId, Arc<VrrpScript>),
    /// Signal the process group of a run.
    SignalScript(RunId, Signal),
    /// From now on, look at these and no others; say at once how each is that was not looked at so far.
    Follow(Followed),
    /// Hand this to the instance of that name.
    Tracking(String, Tracking),
    /// Let this instance hear what [`Switchboard::group_says`], or [`GroupSays::Announce`].
    Group(String, GroupSays),
    /// Tell the scripts of a group.
    NotifyGroup(Arc<SyncGroup>, Event),
    /// Tell the operator.
    Notice(Notice),
    /// Tell the operator of a group.
    GroupNotice(GroupNotice),
}

/// A script as others may see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptStatus {
    /// Its definition.
    pub config: Arc<VrrpScript>,
    /// What is known of it.
    pub verdict: Verdict,
    /// 0 to rise + fall - 1.
    pub counter: u32,
    /// Whether a run is under way.
    pub run: ScriptRun,
}

/// An instance, as far as trackers are concerned.
#[derive(Debug)]
struct Listener {
    config: Arc<VrrpInstance>,
    /// All that it depends on, by itself and by its group.
    depends_on: Vec<(Tracked, Weight)>,
    /// What it was told last.
    tracking: Tracking,
}

/// Trackers, links, and who depends on them.
#[derive(Debug)]
pub struct Switchboard {
    trackers: BTreeMap<Tracked, Tracker>,
    /// Runs under way, each with its script. One that has been replaced since is not here.
    runs: BTreeMap<RunId, Tracked>,
    followed: Followed,
    links: BTreeMap<IfName, LinkTracker>,
    delays: Vec<UpDownDelays>,
    /// Whether each BFD session is up; like keepalived we take one for down of which nothing is known yet.
    sessions: BTreeMap<String, bool>,
    instances: Vec<Listener>,
    groups: Vec<Group>,
    /// Instances have been started.
    has_started: bool,
    /// Links of static objects that instances, by name, are tied to by a track group.
    tied: BTreeMap<String, BTreeSet<IfName>>,
    /// Which instances (by index) hear of a thing.
    dependents: BTreeMap<Tracked, Vec<usize>>,
    /// Instances (by index) for which something may have changed.
    touched: BTreeSet<usize>,
    next_run: u64,
    effects: VecDeque<SwitchEffect>,
}

impl Switchboard {
    /// A switchboard for a configuration and the links as they are now. First runs are due at once.
    #[must_use]
    pub fn new(now: Instant, config: &Config, links: impl IntoIterator<Item = (IfName, bool)>) -> Self {
        let mut switchboard = Self {
            trackers: BTreeMap::new(),
            runs: BTreeMap::new(),
            followed: Followed::default(),
            links: BTreeMap::new(),
            delays: Vec::new(),
            sessions: BTreeMap::new(),
            instances: Vec::new(),
            tied: BTreeMap::new(),
            groups: Vec::new(),
            has_started: false,
            dependents: BTreeMap::new(),
            touched: BTreeSet::new(),
            next_run: 0,
            effects: VecDeque::new(),
        };
        for (link, up) in links {
            let tracker = LinkTracker::new(link.clone(), LinkStatus::of(up));
            switchboard.links.insert(link, tracker);
        }
        switchboard.set_trackers(now, config);
        switchboard.set_instances(config);
        switchboard
    }

    /// Whether every file has been read and all processes have been counted.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.trackers.values().all(|tracker| match tracker {
            Tracker::Script(_) => true,
            Tracker::File(tracker) => tracker.number().is_some(),
            Tracker::Process(tracker) => tracker.verdict() != Verdict::Pending,
        })
    }

    /// What trackers say to the instance of that name now; nothing at all to one it does not know.
    #[must_use]
    pub fn tracking(&self, instance: &str) -> Tracking {
        let known = self.instances.iter().find(|known| known.config.name == instance);
        known.map(|known| known.tracking.clone()).unwrap_or_default()
    }

    /// Every script.
    #[must_use]
    pub fn scripts(&self) -> Vec<ScriptStatus> {
        let status = |tracker: &Tracker| match tracker {
            Tracker::Script(tracker) => Some(ScriptStatus {
                config: Arc::clone(tracker.config()),
                verdict: tracker.verdict(),
                counter: tracker.counter(),
                run: tracker.run(),
            }),
            Tracker::File(_) | Tracker::Process(_) => None,
        };
        self.trackers.values().filter_map(status).collect()
    }

    /// The number in every `track_file` that has been read, by its name.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, i32> {
        let number = |tracker: &Tracker| match tracker {
            Tracker::File(tracker) => Some((tracker.config().name.clone(), tracker.number()?)),
            Tracker::Script(_) | Tracker::Process(_) => None,
        };
        self.trackers.values().filter_map(number).collect()
    }

    /// How many there are of every `vrrp_track_process` that has been counted, by its name, and whether that
    /// is a quorum.
    #[must_use]
    pub fn processes(&self) -> BTreeMap<String, (usize, Verdict)> {
        let count = |tracker: &Tracker| match tracker {
            Tracker::Process(tracker) => {
                Some((tracker.config().name.clone(), (tracker.count()?, tracker.verdict())))
            }
            Tracker::Script(_) | Tracker::File(_) => None,
        };
        self.trackers.values().filter_map(count).collect()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: SwitchInput) {
        match input {
            SwitchInput::ScriptStarted(run, pid) => self.tell_script(now, run, ScriptInput::Started { pid }),
            SwitchInput::ScriptEnded(run, status) => self.tell_script(now, run, ScriptInput::Ended(status)),
            SwitchInput::ScriptNotStarted(run) => self.tell_script(now, run, ScriptInput::NotStarted),
            SwitchInput::ScriptLost(run) => self.tell_script(now, run, ScriptInput::Lost),
            SwitchInput::Link(link, status) => {
                let delays = self.delays.iter().find(|delays| delays.interface == link);
                let tracker = self.links.entry(link.clone()).or_insert_with(|| {
                    let mut tracker = LinkTracker::new(link.clone(), LinkStatus::Absent);
                    tracker.set_delays(delays);
                    tracker
                });
                let notice = tracker.handle(now, status);
                self.on_link(link, notice);
            }
            SwitchInput::File(name, reading) => self.with(&Tracked::File(name), |tracker| {
                if let Tracker::File(tracker) = tracker {
                    tracker.handle(now, reading);
                }
            }),
            SwitchInput::Processes(Census { process, count, because }) => {
                self.with(&Tracked::Process(process), |tracker| {
                    if let Tracker::Process(tracker) = tracker {
                        tracker.handle(now, count, because);
                    }
                });
            }
            SwitchInput::Session(name, up) => self.on_session(name, up),
            SwitchInput::Reconfigure(config) => {
                let old: Vec<_> = self.instances.iter().map(|known| Arc::clone(&known.config)).collect();
                self.set_trackers(now, &config);
                self.set_instances(&config);
                if self.has_started {
                    self.reform_groups(&old, &config);
                }
            }
            SwitchInput::Start(config, homeless) => {
                self.has_started = true;
                self.form_groups(&config, &homeless);
            }
            SwitchInput::Member(name, report) => self.group(&name, |group| group.report(&name, report)),
            SwitchInput::Lost(name) => self.group(&name, |group| group.lost(now, &name)),
            SwitchInput::Told(name, event) => self.group(&name, |group| group.told(&name, event)),
            SwitchInput::Stopped => self.stop_groups(),
        }
        self.review();
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_due = |tracker: &Tracker| tracker.poll_timeout().is_some_and(|deadline| deadline <= now);
        let due = self.trackers.iter().filter(|(_, tracker)| is_due(tracker));
        let due: Vec<Tracked> = due.map(|(tracked, _)| tracked.clone()).collect();
        for tracked in due {
            self.with(&tracked, |tracker| tracker.handle_timeout(now));
        }
        let due = self.links.iter().filter(|(_, link)| link.poll_timeout().is_some_and(|at| at <= now));
        let due: Vec<IfName> = due.map(|(name, _)| name.clone()).collect();
        for link in due {
            let notice = self.links.get_mut(&link).and_then(|tracker| tracker.handle_timeout(now));
            self.on_link(link, notice);
        }
        self.handle_group_timeouts(now);
        self.review();
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let groups = self.groups.iter().filter_map(Group::poll_timeout);
        let links = self.links.values().filter_map(LinkTracker::poll_timeout);
        self.trackers.values().filter_map(Tracker::poll_timeout).chain(links).chain(groups).min()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<SwitchEffect> {
        self.effects.pop_front()
    }

    /// What there is to tell of a link interests nobody who does not use it.
    fn on_link(&mut self, link: IfName, notice: Option<Notice>) {
        let Some(notice) = notice else { return };
        if self.uses(&link) {
            self.effects.push_back(SwitchEffect::Notice(notice));
        }
        self.touch(&Tracked::Interface(link));
    }

    /// Whether an instance has this interface, or depends on it.
    #[must_use]
    pub fn uses(&self, link: &IfName) -> bool {
        let carries_an_instance =
            self.instances.iter().any(|known| known.config.interface.as_ref() == Some(link));
        carries_an_instance || self.dependents.contains_key(&Tracked::Interface(link.clone()))
    }

    fn on_session(&mut self, name: String, up: bool) {
        let Some(known) = self.sessions.get_mut(&name).filter(|known| **known != up) else { return };
        *known = up;
        let tracked = Tracked::Session(name);
        for index in self.dependents.get(&tracked).into_iter().flatten() {
            let instance = self.instances[*index].config.name.clone();
            let notice = SessionNotice { instance, session: tracked.name().to_owned(), up };
            self.effects.push_back(SwitchEffect::Notice(Notice::Session(notice)));
        }
        self.touch(&tracked);
    }

    /// Whether each BFD session that VRRP hears of is up, by its name.
    #[must_use]
    pub fn sessions(&self) -> &BTreeMap<String, bool> {
        &self.sessions
    }

    /// Lets a tracker act, and sees to what comes of it.
    fn with(&mut self, tracked: &Tracked, act: impl FnOnce(&mut Tracker)) {
        let Some(tracker) = self.trackers.get_mut(tracked) else { return };
        let before = tracker.standing();
        act(tracker);
        let after = tracker.standing();
        self.drain(tracked);
        if after != before {
            self.touch(tracked);
        }
    }

    /// Runs that have been replaced since may still report; nobody waits for them.
    fn tell_script(&mut self, now: Instant, run: RunId, input: ScriptInput) {
        let Some(tracked) = self.runs.get(&run).cloned() else { return };
        let mut ended = false;
        self.with(&tracked, |tracker| {
            if let Tracker::Script(tracker) = tracker {
                tracker.handle(now, input);
                ended = tracker.run() == ScriptRun::Idle;
            }
        });
        if ended {
            self.runs.remove(&run);
        }
    }

    fn drain(&mut self, tracked: &Tracked) {
        while let Some(tracker) = self.trackers.get_mut(tracked)
            && let Some(effect) = tracker.poll_effect()
        {
            match (effect, tracker.definition()) {
                (TrackerEffect::Start, Definition::Script(script)) => {
                    self.next_run += 1;
                    let run = RunId(self.next_run);
                    self.runs.insert(run, tracked.clone());
                    self.effects.push_back(SwitchEffect::StartScript(run, script));
                }
                (TrackerEffect::Start, Definition::File(_) | Definition::Process(_)) => {}
                (TrackerEffect::Signal(signal), _) => self.signal(tracked, signal),
                (TrackerEffect::Notice(notice), _) => self.effects.push_back(SwitchEffect::Notice(notice)),
            }
        }
    }

    fn signal(&mut self, script: &Tracked, signal: Signal) {
        let runs = self.runs.iter().filter(|(_, tracked)| *tracked == script);
        self.effects.extend(runs.map(|(run, _)| SwitchEffect::SignalScript(*run, signal)));
    }

    /// What has not changed goes on as if nothing had happened.
    fn set_trackers(&mut self, now: Instant, config: &Config) {
        let mut old = std::mem::take(&mut self.trackers);
        for definition in Definition::all(config) {
            let tracked = definition.tracked();
            let tracker = match old.remove(&tracked) {
                Some(tracker) if tracker.definition() == definition => tracker,
                Some(tracker) => {
                    self.abandon(&tracked);
                    tracker.succeeded(now, definition)
                }
                None => Tracker::new(now, definition),
            };
            self.trackers.insert(tracked.clone(), tracker);
            self.drain(&tracked);
        }
        old.keys().for_each(|tracked| self.abandon(tracked));
        let followed = Followed {
            files: config.track_files.clone(),
            processes: config.track_processes.clone(),
            sessions: config.bfd_instances.clone(),
        };
        self.delays = delays(config);
        for (name, link) in &mut self.links {
            link.set_delays(self.delays.iter().find(|delays| delays.interface == *name));
        }
        let known = std::mem::take(&mut self.sessions);
        let heard = config.bfd_instances.iter().filter(|session| session.tells_vrrp);
        self.sessions = heard
            .map(|session| (session.name.clone(), known.get(&session.name).copied().unwrap_or(false)))
            .collect();
        if followed != self.followed {
            self.followed = followed.clone();
            self.effects.push_back(SwitchEffect::Follow(followed));
        }
    }

    /// An instance that is new here asks for its tracking when it starts; a known one hears of changes.
    fn set_instances(&mut self, config: &Config) {
        let known: BTreeMap<String, Tracking> =
            self.instances.drain(..).map(|known| (known.config.name.clone(), known.tracking)).collect();
        self.dependents.clear();
        self.tied = tied_links(&config.statics);
        for (index, instance) in config.instances.iter().enumerate() {
            let depends_on: Vec<_> = self.dependencies(instance, &config.tracked_by(instance)).collect();
            for (tracked, _) in &depends_on {
                self.dependents.entry(tracked.clone()).or_default().push(index);
            }
            let tracking = known.get(&instance.name).cloned().unwrap_or_else(|| self.track(&depends_on));
            self.instances.push(Listener { config: Arc::clone(instance), depends_on, tracking });
        }
        self.touched = (0..self.instances.len()).collect();
    }

    /// Nobody waits any longer for what it is doing.
    fn abandon(&mut self, tracked: &Tracked) {
        self.signal(tracked, Signal::Kill);
        self.runs.retain(|_, script| script != tracked);
    }

    fn touch(&mut self, tracked: &Tracked) {
        self.touched.extend(self.dependents.get(tracked).into_iter().flatten());
    }

    /// Tells each instance for which something has changed.
    fn review(&mut self) {
        for index in std::mem::take(&mut self.touched) {
            let tracking = self.track(&self.instances[index].depends_on);
            let listener = &mut self.instances[index];
            if tracking != listener.tracking {
                let name = listener.config.name.clone();
                self.effects.push_back(SwitchEffect::Tracking(name, tracking.clone()));
                listener.tracking = tracking;
            }
        }
    }

    fn track(&self, depends_on: &[(Tracked, Weight)]) -> Tracking {
        let mut tracking = Tracking::default();
        for (tracked, weight) in depends_on {
            let Some(standing) = self.standing(tracked) else { continue };
            match standing.contribution(*weight) {
                Contribution::Weight(weight) => tracking.weight += weight,
                Contribution::Fault => {
                    tracking.faults.insert(Fault::of(tracked.clone(), *weight));
                }
                Contribution::Hold => tracking.pending += 1,
            }
        }
        tracking
    }

    /// All that an instance depends on.
    fn dependencies<'a>(
        &'a self,
        config: &'a VrrpInstance,
        track: &'a [TrackEntry],
    ) -> impl Iterator<Item = (Tracked, Weight)> + use<'a> {
        let tied = self.tied.get(&config.name).into_iter().flatten();
        let tied = tied.map(|link| (Tracked::Interface(link.clone()), Weight::default()));
        own_dependencies(config, track).chain(tied)
    }

    /// What is known of a thing; `None` of one that does not exist.
    fn standing(&self, tracked: &Tracked) -> Option<Standing> {
        if let Tracked::Interface(link) = tracked {
            let up = self.links.get(link).is_some_and(LinkTracker::is_up);
            return Some(Standing::Verdict(if up { Verdict::Good } else { Verdict::Bad }));
        }
        if let Tracked::Session(name) = tracked {
            let verdict = |up: &bool| Standing::Verdict(if *up { Verdict::Good } else { Verdict::Bad });
            return self.sessions.get(name).map(verdict);
        }
        self.trackers.get(tracked).map(Tracker::standing)
    }
}

/// What an instance itself depends on: its own link and those of its addresses, routes and rules, and what it
/// or its group tracks by name.
fn own_dependencies<'a>(
    config: &'a VrrpInstance,
    track: &'a [TrackEntry],
) -> impl Iterator<Item = (Tracked, Weight)> + use<'a> {
    let fault = Weight::default();
    let virtual_link = config.virtual_link.as_ref().map(|link| &link.name);
    let own = config.interface.iter().chain(virtual_link).filter(|_| config.track_primary);
    let own = own.map(move |link| (Tracked::Interface(link.clone()), fault));
    let named = track.iter().map(|entry| (entry.tracked.clone(), entry.weight));
    let elsewhere = config
        .all_vips()
        .filter(|vip| !vip.no_track)
        .map(VirtualAddress::link)
        .filter(move |link| Some(*link) != config.interface.as_ref() && Some(*link) != virtual_link)
        .map(move |link| (Tracked::Interface(link.clone()), fault));
    let routes = config.routes.iter().filter(|route| !route.no_track).filter_map(|route| route.dev.as_ref());
    let rules = config.rules.iter().filter(|rule| !rule.no_track).flat_map(Rule::links);
    let routing = routes.chain(rules).filter(|link| Some(*link) != config.interface.as_ref());
    let routing = routing.map(move |link| (Tracked::Interface(link.clone()), fault));
    own.chain(named).chain(elsewhere).chain(routing)
}

/// The delays of links that have some. What is made on top of a link goes up and down with it.
fn delays(config: &Config) -> Vec<UpDownDelays> {
    let mut delays = config.up_down_delays.clone();
    for made in config.instances.iter().flat_map(|instance| instance.virtual_links()) {
        if let Some(base) = config.up_down_delays.iter().find(|known| known.interface == made.base) {
            delays.push(UpDownDelays { interface: made.name.clone(), ..*base });
        }
    }
    delays
}

/// The links of static objects, by the names of the instances that a track group ties to them.
fn tied_links(statics: &StaticObjects) -> BTreeMap<String, BTreeSet<IfName>> {
    let addresses = statics.addresses.iter().map(|it| (&it.track_group, it.no_track, Some(&it.dev)));
    let routes = statics.routes.iter().map(|it| (&it.track_group, it.no_track, it.dev.as_ref()));
    let rules = statics.rules.iter().map(|it| (&it.track_group, it.no_track, it.incoming.as_ref()));
    let mut tied: BTreeMap<String, BTreeSet<IfName>> = BTreeMap::new();
    for (group, no_track, link) in addresses.chain(routes).chain(rules) {
        let group =
            statics.track_groups.iter().find(|known| !no_track && Some(&known.name) == group.as_ref());
        let Some((group, link)) = group.zip(link) else { continue };
        for instance in &group.instances {
            tied.entry(instance.clone()).or_default().insert(link.clone());
        }
    }
    tied
}

#[cfg(test)]
mod tests;
