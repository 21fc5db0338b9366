//! Sync groups against a model of their rules: any history of adverts, faults, trackers of the group and waiting gives the same
//! states and the same adverts, in the same order.
//!
//! oracle: the model, by hand from what keepalived 2.2.7 was seen to do (`tests/lab/oracle/groups.rs` holds
//! vrrpd against it directly). It has one loop where vrrpd has machines that talk to each other.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vrrpd::config::Config;
use vrrpd::config::environment::Anywhere;
use vrrpd::config::load;
use vrrpd::config::source::MemoryFiles;
use vrrpd::sim::check::advert_priority;
use vrrpd::sim::{Ensemble, Outcome};
use vrrpd::track::{LinkStatus, Reading};
use vrrpd::types::{AdvertInt, IfName, Instant, Priority, State, Version, master_down_interval, skew_time};
use vrrpd::vrrp::{Carrier, Datagram, Effect, Input, SwitchInput};
use vrrpd::wire::vrrp::{Advert, AdvertAuth};

const OWN: [u8; 4] = [192, 0, 2, 5];
const NAMES: [&str; 3] = ["A", "B", "C"];
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two adverts that tell of a changed priority.
const NEWS_GAP: Duration = Duration::from_millis(50);

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    Wait(u32),
    /// To this member comes an advert of this priority from an address above (`true`) or below ours.
    Advert(usize, u8, bool),
    /// This member has no address to send from any more, or has one again.
    Fault(usize, bool),
    /// The file that the group tracks says this.
    File(i32),
    /// The link that the group tracks is up, or not.
    Link(bool),
}

/// A member: its priority and whether it has `nopreempt`.
type Setting = (u8, bool);

/// An advert that a member sent.
type Sent = (usize, u8);

#[derive(Clone, Debug)]
struct Member {
    base: u8,
    /// By what the file said when it was no fault.
    priority: u8,
    nopreempt: bool,
    fault: bool,
    ready: bool,
    state: State,
    timer: Option<Instant>,
}

/// The rules, for the whole group at once.
#[derive(Debug)]
struct Model {
    now: Instant,
    members: Vec<Member>,
    /// The file's.
    weight: i64,
    /// Of the file, and of the link.
    faults: [bool; 2],
    sent: Vec<Sent>,
    /// Masters whose priority has changed, and when they may tell; when each did so last.
    news: BTreeMap<usize, Instant>,
    told: BTreeMap<usize, Instant>,
}

impl Model {
    fn new(settings: &[Setting], weight: i16) -> Self {
        let member = |&(priority, nopreempt): &Setting| Member {
            base: priority,
            priority,
            nopreempt,
            fault: false,
            ready: false,
            state: State::Backup,
            timer: None,
        };
        let members = settings.iter().map(member).collect();
        let weight = weight.into();
        let mut model = Self {
            now: Instant::ZERO,
            members,
            weight,
            faults: [false; 2],
            sent: Vec::new(),
            news: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        model.become_backup();
        model
    }

    fn down(&self, member: usize) -> Instant {
        let priority = Priority::new(self.members[member].priority);
        self.now + master_down_interval(Version::V3, priority, AdvertInt::DEFAULT, 3)
    }

    fn become_backup(&mut self) {
        for member in 0..self.members.len() {
            let timer = Some(self.down(member));
            let known = &mut self.members[member];
            (known.state, known.ready, known.timer) = (State::Backup, false, timer);
        }
    }

    fn send(&mut self, member: usize, priority: u8) {
        self.sent.push((member, priority));
    }

    /// An advert, and the next one an interval later.
    fn speak(&mut self, member: usize) {
        self.send(member, self.members[member].priority);
        self.members[member].timer = Some(self.now + INTERVAL);
        self.news.remove(&member);
    }

    /// A master tells a new priority beside its other adverts, but not too often.
    fn tell_news(&mut self, member: usize) {
        self.news.remove(&member);
        if self.members[member].state == State::Master {
            self.send(member, self.members[member].priority);
            self.told.insert(member, self.now);
        }
    }

    /// The last one to be ready goes first, the others follow in their order.
    fn become_master(&mut self, first: usize) {
        let others = (0..self.members.len()).filter(|member| *member != first);
        for member in [first].into_iter().chain(others.collect::<Vec<_>>()) {
            self.members[member].state = State::Master;
            self.speak(member);
        }
    }

    fn next(&self) -> Option<Instant> {
        let timers = self.members.iter().filter_map(|member| member.timer);
        timers.chain(self.news.values().copied()).min()
    }

    fn wait(&mut self, until: Instant) {
        while let Some(next) = self.next().filter(|next| *next <= until) {
            self.now = next;
            for member in 0..self.members.len() {
                if self.members[member].timer.is_some_and(|timer| timer <= next) {
                    self.fire(member);
                }
                if self.news.get(&member).is_some_and(|at| *at <= next) {
                    self.tell_news(member);
                }
            }
        }
        self.now = until;
    }

    fn fire(&mut self, member: usize) {
        if self.members[member].state == State::Master {
            return self.speak(member);
        }
        self.members[member].ready = true;
        self.members[member].timer = Some(self.down(member));
        if self.members.iter().all(|member| member.ready) {
            self.become_master(member);
        }
    }

    fn advert(&mut self, member: usize, priority: u8, higher_address: bool) {
        let known = self.members[member].clone();
        match known.state {
            State::Master if priority == 0 => self.speak(member),
            State::Master if (priority, higher_address) > (known.priority, false) => {
                self.send(member, known.priority);
                self.become_backup();
            }
            State::Master => self.speak(member),
            State::Backup if priority == 0 => {
                let skew = skew_time(Version::V3, Priority::new(known.priority), AdvertInt::DEFAULT);
                self.members[member].timer = Some(self.now + skew);
            }
            State::Backup if priority >= known.priority || known.nopreempt => {
                let timer = Some(self.down(member));
                (self.members[member].ready, self.members[member].timer) = (false, timer);
            }
            State::Backup | State::Fault | State::Init => {}
        }
    }

    fn fault(&mut self, member: usize, fault: bool) {
        let before = self.is_faulty();
        self.members[member].fault = fault;
        self.follow(before, member);
    }

    /// A fault of what the group tracks is one of every member, of the first one first.
    fn link(&mut self, up: bool) {
        let before = self.is_faulty();
        self.faults[1] = !up;
        self.follow(before, 0);
    }

    fn file(&mut self, number: i32) {
        let before = self.is_faulty();
        let moved = i64::from(number) * self.weight;
        self.faults[0] = if self.weight == 0 { number != 0 } else { moved <= -254 };
        if !self.faults[0] {
            for member in 0..self.members.len() {
                let (old, base) = (self.down(member), i64::from(self.members[member].base));
                let before = self.members[member].priority;
                self.members[member].priority = (base + moved.min(253)).clamp(1, 254) as u8;
                // A fault takes the timer away, and whoever comes back from it begins anew.
                let (new, now) = (self.down(member), self.now);
                let known = &mut self.members[member];
                if known.state == State::Master && known.priority != before {
                    let at = self.told.get(&member).map_or(now, |told| now.max(*told + NEWS_GAP));
                    self.news.insert(member, at);
                }
                if known.state == State::Backup {
                    known.timer = known.timer.map(|timer| (timer + new.since(now) - old.since(now)).max(now));
                }
            }
        }
        self.follow(before, 0);
    }

    fn is_faulty(&self) -> bool {
        self.faults.contains(&true) || self.members.iter().any(|member| member.fault)
    }

    fn follow(&mut self, before: bool, first: usize) {
        match (before, self.is_faulty()) {
            (false, true) => {
                // The one that fails says so twice, the others once.
                if self.members[first].state == State::Master {
                    self.send(first, 0);
                    self.send(first, 0);
                }
                for other in (0..self.members.len()).filter(|other| *other != first) {
                    if self.members[other].state == State::Master {
                        self.send(other, 0);
                    }
                }
                for known in &mut self.members {
                    (known.state, known.ready, known.timer) = (State::Fault, false, None);
                }
            }
            (true, false) => self.become_backup(),
            _ => {}
        }
    }
}

/// As many instances as there are settings, all in a group that follows a file at this weight, or each alone.
fn config(settings: &[Setting], group: Option<i16>) -> Arc<Config> {
    let names = &NAMES[..settings.len()];
    let mut text = group.map_or_else(String::new, |weight| {
        format!(
            "track_file f {{\nfile /run/f\n}}\nvrrp_sync_group G {{\ngroup {{\n{}\n}}\n\
             track_file {{\nf weight {weight}\n}}\ntrack_interface {{\neth1\n}}\n}}\n",
            names.join("\n")
        )
    });
    for ((name, vrid), (priority, nopreempt)) in names.iter().zip(51..).zip(settings) {
        let nopreempt = if *nopreempt { "nopreempt\n" } else { "" };
        text += &format!(
            "vrrp_instance {name} {{\ninterface eth0\nversion 3\nvirtual_router_id {vrid}\n\
             priority {priority}\n{nopreempt}higher_prio_send_advert\nvirtual_ipaddress {{\n192.0.2.{vrid}\n}}\n}}\n"
        );
    }
    let loaded = load(Path::new("k.conf"), &MemoryFiles::single("k.conf", text), &Anywhere);
    assert!(loaded.diagnostics.iter().all(|d| d.id == "group-of-one"), "{:?}", loaded.diagnostics);
    Arc::new(loaded.config)
}

/// The real thing.
struct Real {
    now: Instant,
    config: Arc<Config>,
    machines: Ensemble,
    ids: Vec<u64>,
}

impl Real {
    fn new(settings: &[Setting], weight: i16) -> Self {
        let config = config(settings, Some(weight));
        let links = ["eth0", "eth1"].map(|name| (IfName::new(name).expect("a valid name"), true));
        let mut machines = Ensemble::new(Instant::ZERO, &config, links, |_| Some(OWN.into()));
        machines.tell(Instant::ZERO, SwitchInput::File("f".to_owned(), Reading::Number(0)));
        while machines.poll_outcome().is_some() {}
        let ids = machines.instances().map(|(id, _)| id).collect();
        Self { now: Instant::ZERO, config, machines, ids }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Wait(millis) => {
                let until = self.now + Duration::from_millis(millis.into());
                while let Some(next) = self.machines.poll_timeout().filter(|next| *next <= until) {
                    self.machines.handle_timeout(next);
                }
                self.now = until;
            }
            Act::Advert(member, priority, higher_address) => {
                let source = IpAddr::from(if higher_address { [192, 0, 2, 9] } else { [192, 0, 2, 1] });
                let input = Input::Packet(self.datagram(member, priority, source));
                self.machines.feed(self.now, NAMES[member], input);
            }
            Act::Fault(member, fault) => {
                let source = (!fault).then(|| OWN.into());
                self.machines.feed(self.now, NAMES[member], Input::Source(source));
            }
            Act::File(number) => {
                let reading = Reading::Number(number);
                self.machines.tell(self.now, SwitchInput::File("f".to_owned(), reading));
            }
            Act::Link(up) => {
                let link = IfName::new("eth1").expect("a valid name");
                self.machines.tell(self.now, SwitchInput::Link(link, LinkStatus::of(up)));
            }
        }
    }

    fn datagram(&self, member: usize, priority: u8, source: IpAddr) -> Datagram {
        let config = &self.config.instances[member];
        let destination = config.family.vrrp_group();
        let advert = Advert {
            version: config.version,
            vrid: config.vrid,
            priority: Priority::new(priority),
            auth: AdvertAuth::None,
            interval: config.advert_int,
            addresses: config.vips.iter().map(|vip| vip.net.address).collect(),
        };
        let message = advert.emit(source, destination);
        Datagram { source, destination, ttl: 255, carrier: Carrier::Vrrp, message }
    }

    fn states(&self) -> Vec<State> {
        NAMES[..self.ids.len()].iter().map(|name| self.machines.state(name)).collect()
    }

    fn sent(&mut self) -> Vec<Sent> {
        let outcomes = std::iter::from_fn(|| self.machines.poll_outcome());
        let sent = outcomes.filter_map(|outcome| match outcome {
            Outcome::Instance(id, Effect::Send(transmit)) => Some((id, advert_priority(&transmit)?)),
            _ => None,
        });
        let member = |id| self.ids.iter().position(|known| *known == id).expect("no instance comes or goes");
        sent.map(|(id, priority)| (member(id), priority)).collect()
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    (prop::sample::select(vec![1, 100, 150, 200, 254]), prop::bool::weighted(0.2))
}

fn act(members: usize) -> impl Strategy<Value = Act> {
    let priority = prop::sample::select(vec![0, 0, 50, 100, 150, 200, 255]);
    prop_oneof![
        6 => (0..4_000_u32).prop_map(Act::Wait),
        8 => (0..members, priority, any::<bool>()).prop_map(|(m, p, higher)| Act::Advert(m, p, higher)),
        1 => (0..members, prop::bool::weighted(0.3)).prop_map(|(m, fault)| Act::Fault(m, fault)),
        2 => prop::sample::select(vec![0, 0, 1, 10, -10, 50, 100, -300]).prop_map(Act::File),
        1 => prop::bool::weighted(0.7).prop_map(Act::Link),
    ]
}

/// Members, the weight of the file, and what happens.
fn history() -> impl Strategy<Value = (Vec<Setting>, i16, Vec<Act>)> {
    (1..=3_usize).prop_flat_map(|members| {
        let weight = prop::sample::select(vec![0, 1, 3, -2]);
        (prop::collection::vec(setting(), members), weight, prop::collection::vec(act(members), 0..60))
    })
}

/// Its own time has run out, and the group holds it: then a reload sets it free. With `nopreempt` it is one among
/// others who find a master there.
#[test]
fn whoever_a_reload_sets_free_takes_what_is_its_own_but_not_with_nopreempt() {
    for nopreempt in [false, true] {
        let mut node = Real::new(&[(100, false), (100, false)], 0);
        for _ in 0..5 {
            node.act(&Act::Advert(0, 200, true));
            node.act(&Act::Advert(1, 50, true));
            node.act(&Act::Wait(1_000));
        }
        assert_eq!(node.states(), [State::Backup, State::Backup]);
        node.machines.reload(node.now, &config(&[(100, false), (100, nopreempt)], None));
        let freed = if nopreempt { State::Backup } else { State::Master };
        assert_eq!(node.states(), [State::Backup, freed], "nopreempt: {nopreempt}");
        // Where there is no master it has to wait for one no longer than anybody.
        node.act(&Act::Wait(3_610));
        assert_eq!(node.states()[1], State::Master, "nopreempt: {nopreempt}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_history_goes_as_the_rules_have_it((settings, weight, acts) in history()) {
        let (mut model, mut real) = (Model::new(&settings, weight), Real::new(&settings, weight));
        for (number, act) in acts.iter().enumerate() {
            match *act {
                Act::Wait(millis) => model.wait(model.now + Duration::from_millis(millis.into())),
                Act::Advert(member, priority, higher) => model.advert(member, priority, higher),
                Act::Fault(member, fault) => model.fault(member, fault),
                Act::File(number) => model.file(number),
                Act::Link(up) => model.link(up),
            }
            real.act(act);
            let states: Vec<State> = model.members.iter().map(|member| member.state).collect();
            prop_assert_eq!(real.states(), states, "after act {}, {:?}", number, act);
            let sent = std::mem::take(&mut model.sent);
            prop_assert_eq!(real.sent(), sent, "of act {}, {:?}", number, act);
        }
    }
}
