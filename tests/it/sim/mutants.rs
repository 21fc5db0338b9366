//! Bugs planted at the border between machines and world: every checker must catch one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use vrrpd::config::Config;
use vrrpd::config::block::{Preempt, Tracked, VrrpInstance};
use vrrpd::sim::{Border, Keep, Machine, Operation, check};
use vrrpd::types::{Instant, Priority, State};
use vrrpd::vrrp::{AddressChange, Datagram, Effect, GroupSays, Timer};

/// A bug that shows itself at all does so within so many seeds.
const SEEDS: u64 = 100;

/// Some seed must break the rule of that name.
fn assert_caught(checker: &str, plant: impl Fn() -> Box<dyn Border>) {
    assert_caught_in(SEEDS, checker, plant);
}

/// The same of one that needs a rare coincidence.
fn assert_caught_in(seeds: u64, checker: &str, plant: impl Fn() -> Box<dyn Border>) {
    let mut caught = BTreeMap::<&str, u64>::new();
    for seed in 0..seeds {
        if let Err(violation) = super::world(seed, plant(), Keep::default()).run() {
            if violation.checker == checker {
                return;
            }
            *caught.entry(violation.checker).or_default() += 1;
        }
    }
    panic!("{checker} did not notice in {seeds} seeds; others did: {caught:?}");
}

/// The configuration with its instances changed.
fn with_instances(config: &Config, change: impl Fn(&mut VrrpInstance)) -> Arc<Config> {
    let mut config = config.clone();
    for instance in &mut config.instances {
        change(Arc::make_mut(instance));
    }
    Arc::new(config)
}

/// A kernel that loses the removal of addresses.
struct LosesRemovals;

impl Border for LosesRemovals {
    fn operation(&mut self, node: usize, operation: Operation) -> Option<Operation> {
        match operation {
            Operation::Addresses(change) if node == 0 && !change.remove.is_empty() => None,
            other => Some(other),
        }
    }
}

#[test]
fn a_kernel_that_keeps_addresses_is_caught() {
    assert_caught("addresses", || Box::new(LosesRemovals));
}

/// An executor that never announces.
struct Mute;

impl Border for Mute {
    fn operation(&mut self, _node: usize, operation: Operation) -> Option<Operation> {
        match operation {
            Operation::Announce(_) => None,
            other => Some(other),
        }
    }
}

#[test]
fn an_executor_that_does_not_announce_is_caught() {
    assert_caught("neighbours", || Box::new(Mute));
}

/// keepalived's own bug: any packet with our VRID puts the next advert off by an interval.
#[derive(Default)]
struct RearmsOnAnyPacket {
    /// When each machine last heard anything.
    heard: BTreeMap<Machine, Instant>,
}

impl Border for RearmsOnAnyPacket {
    fn packet(&mut self, machine: Machine, now: Instant, datagram: Datagram) -> Option<Datagram> {
        self.heard.insert(machine, now);
        Some(datagram)
    }

    fn deadline(&mut self, machine: Machine, (deadline, timer): (Instant, Timer)) -> Instant {
        let put_off = self.heard.get(&machine).map(|heard| *heard + Duration::from_millis(10));
        match timer {
            Timer::Advert => deadline.max(put_off.unwrap_or(deadline)),
            Timer::MasterDown
            | Timer::Burst
            | Timer::LowerBurst
            | Timer::Refresh
            | Timer::OtherOwner
            | Timer::ExtraGarp
            | Timer::News
            | Timer::Leave
            | Timer::Repair
            | Timer::ConflictTold
            | Timer::ConflictFades
            | Timer::Nudge => deadline,
        }
    }
}

#[test]
fn a_master_that_any_packet_silences_is_caught() {
    assert_caught("rhythm", || Box::new(RearmsOnAnyPacket::default()));
}

/// Masters that tell a new priority one advert later.
#[derive(Default)]
struct TellsLater {
    told: BTreeMap<Machine, u8>,
}

impl Border for TellsLater {
    fn effects(&mut self, machine: Machine, state: State, effects: &mut Vec<Effect>) {
        let priority = effects.iter().find_map(|effect| match effect {
            Effect::Send(transmit) => check::advert_priority(transmit),
            _ => None,
        });
        let Some(priority) = priority else { return };
        let only_adverts = effects.iter().all(|effect| matches!(effect, Effect::Send(_)));
        let before = self.told.insert(machine, priority);
        if state == State::Master && only_adverts && before.is_some_and(|before| before != priority) {
            effects.clear();
        }
    }
}

#[test]
fn a_master_that_keeps_a_new_priority_to_itself_is_caught() {
    assert_caught("news", || Box::new(TellsLater::default()));
}

/// Machines that do not care that they have just booted.
struct Presumptuous;

impl Border for Presumptuous {
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        let mut config = (*config).clone();
        config.global.vrrp_startup_silence = Duration::ZERO;
        Arc::new(config)
    }
}

#[test]
fn a_machine_that_is_master_before_it_can_hear_is_caught() {
    assert_caught("startup", || Box::new(Presumptuous));
}

/// Routers that give way and say nothing, as keepalived.
struct GivesWayInSilence;

impl Border for GivesWayInSilence {
    fn effects(&mut self, _machine: Machine, state: State, effects: &mut Vec<Effect>) {
        if state == State::Backup && effects.iter().all(|effect| matches!(effect, Effect::Send(_))) {
            effects.clear();
        }
    }
}

#[test]
fn a_better_master_that_is_not_told_of_the_worse_one_is_caught() {
    assert_caught_in(6000, "neighbours", || Box::new(GivesWayInSilence));
}

/// A node that counts a hundred missed adverts instead of three.
struct TooPatient;

impl Border for TooPatient {
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        with_instances(&config, |instance| instance.down_timer_adverts = 100)
    }
}

#[test]
fn a_backup_that_waits_too_long_is_caught() {
    assert_caught("liveness", || Box::new(TooPatient));
}

/// Nodes that do not hear a master say farewell.
struct MissesFarewells;

impl Border for MissesFarewells {
    fn packet(&mut self, _machine: Machine, _now: Instant, datagram: Datagram) -> Option<Datagram> {
        let farewell = datagram.message.get(2) == Some(&0);
        (!farewell).then_some(datagram)
    }
}

#[test]
fn a_backup_that_waits_after_a_farewell_is_caught() {
    assert_caught("liveness", || Box::new(MissesFarewells));
}

/// Nodes that preempt whatever their configuration says.
struct IgnoresNopreempt;

impl Border for IgnoresNopreempt {
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        with_instances(&config, |instance| instance.preempt = Preempt::After(Duration::ZERO))
    }
}

#[test]
fn a_backup_that_preempts_in_spite_of_nopreempt_is_caught() {
    assert_caught("patience", || Box::new(IgnoresNopreempt));
}

/// Nodes that never preempt whatever their configuration says.
struct NeverPreempts;

impl Border for NeverPreempts {
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        with_instances(&config, |instance| instance.preempt = Preempt::Never)
    }
}

/// Nodes that do not care for files and processes.
struct ForgetsThings;

impl Border for ForgetsThings {
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        let forgotten = |tracked: &Tracked| matches!(tracked, Tracked::File(_) | Tracked::Process(_));
        with_instances(&config, |instance| instance.track.retain(|entry| !forgotten(&entry.tracked)))
    }
}

#[test]
fn files_and_processes_that_count_for_nothing_are_caught() {
    assert_caught("best-wins", || Box::new(ForgetsThings));
}

#[test]
fn a_better_router_that_never_preempts_is_caught() {
    assert_caught("best-wins", || Box::new(NeverPreempts));
}

/// A node to which no packet gets through.
struct Deaf;

impl Border for Deaf {
    fn packet(&mut self, machine: Machine, _now: Instant, datagram: Datagram) -> Option<Datagram> {
        (machine.node != 0).then_some(datagram)
    }
}

#[test]
fn a_second_master_is_caught() {
    assert_caught("one-master", || Box::new(Deaf));
}

/// A node that goes on repeating its last advert when it is no longer master.
#[derive(Default)]
struct Echo {
    last: BTreeMap<Machine, Effect>,
}

impl Border for Echo {
    fn effects(&mut self, machine: Machine, state: State, effects: &mut Vec<Effect>) {
        let sent = effects.iter().find(|effect| matches!(effect, Effect::Send(_)));
        match (state, sent, self.last.get(&machine)) {
            (State::Master, Some(sent), _) => {
                self.last.insert(machine, sent.clone());
            }
            (State::Backup, None, Some(last)) => effects.push(last.clone()),
            _ => {}
        }
    }
}

#[test]
fn a_backup_that_speaks_is_caught() {
    assert_caught("silence", || Box::new(Echo::default()));
}

/// Senders seem to have the highest of all addresses.
struct MisreadsSenders;

impl Border for MisreadsSenders {
    fn packet(&mut self, _machine: Machine, _now: Instant, mut datagram: Datagram) -> Option<Datagram> {
        if datagram.source.is_ipv4() {
            datagram.source = IpAddr::from(Ipv4Addr::BROADCAST);
        }
        Some(datagram)
    }
}

#[test]
fn a_master_that_gives_way_to_a_lower_address_is_caught() {
    assert_caught("yields", || Box::new(MisreadsSenders));
}

/// Packets that have crossed a router look as if they had not.
struct HidesTtl;

impl Border for HidesTtl {
    fn packet(&mut self, _machine: Machine, _now: Instant, datagram: Datagram) -> Option<Datagram> {
        Some(Datagram { ttl: 255, ..datagram })
    }
}

#[test]
fn a_receiver_that_lets_strangers_in_is_caught() {
    assert_caught("doorkeeper", || Box::new(HidesTtl));
}

/// A node that hears nothing every other five seconds.
struct Dozes;

impl Border for Dozes {
    fn packet(&mut self, machine: Machine, now: Instant, datagram: Datagram) -> Option<Datagram> {
        let awake = (now.nanos() / 5_000_000_000).is_multiple_of(2);
        (machine.node != 0 || awake).then_some(datagram)
    }
}

#[test]
fn an_election_that_never_ends_is_caught() {
    assert_caught("stable", || Box::new(Dozes));
}

/// A reload that finds another priority in the same file.
#[derive(Default)]
struct FickleReload {
    started: BTreeMap<usize, u32>,
}

impl Border for FickleReload {
    fn config(&mut self, node: usize, config: Arc<Config>) -> Arc<Config> {
        let times = self.started.entry(node).or_default();
        *times += 1;
        let priority = Priority::new(10 + *times as u8 % 200);
        with_instances(&config, |instance| instance.priority = priority)
    }
}

#[test]
fn a_reload_that_changes_something_is_caught() {
    assert_caught("quiet-reload", || Box::new(FickleReload::default()));
}

/// A kernel that loses the removal of routes.
struct LosesRouteRemovals;

impl Border for LosesRouteRemovals {
    fn operation(&mut self, node: usize, operation: Operation) -> Option<Operation> {
        match operation {
            Operation::Routes(change) if node == 0 && !change.remove.is_empty() => None,
            other => Some(other),
        }
    }
}

#[test]
fn a_kernel_that_keeps_routes_is_caught() {
    assert_caught("routing", || Box::new(LosesRouteRemovals));
}

/// An executor that never installs a rule.
struct Ruleless;

impl Border for Ruleless {
    fn operation(&mut self, _node: usize, operation: Operation) -> Option<Operation> {
        match operation {
            Operation::Rules(change) if !change.install.is_empty() => None,
            other => Some(other),
        }
    }
}

#[test]
fn an_executor_that_forgets_rules_is_caught() {
    assert_caught("routing", || Box::new(Ruleless));
}

/// A member of a sync group to which nothing gets through from the others.
struct Aloof;

impl Border for Aloof {
    fn group(&mut self, machine: Machine, says: GroupSays) -> Option<GroupSays> {
        (machine != Machine { node: 0, instance: 1 }).then_some(says)
    }
}

#[test]
fn a_member_that_does_not_follow_its_group_is_caught() {
    assert_caught("sync-group", || Box::new(Aloof));
}

/// A node on which everybody is alone.
struct Groupless;

impl Border for Groupless {
    fn config(&mut self, node: usize, config: Arc<Config>) -> Arc<Config> {
        if node != 0 {
            return config;
        }
        let alone = with_instances(&config, |instance| instance.sync_group = None);
        Arc::new(Config { sync_groups: Vec::new(), ..(*alone).clone() })
    }
}

#[test]
fn a_node_that_forgets_its_groups_is_caught() {
    assert_caught("sync-group", || Box::new(Groupless));
}

/// Groups that never dare.
struct Timid;

impl Border for Timid {
    fn group(&mut self, _machine: Machine, says: GroupSays) -> Option<GroupSays> {
        match says {
            GroupSays::Be { word, .. } if word.state == State::Master => None,
            other => Some(other),
        }
    }
}

#[test]
fn a_group_that_leaves_a_black_hole_is_caught() {
    assert_caught("liveness", || Box::new(Timid));
}

/// Nodes that do not care for what a group tracks.
struct ForgetsTracksOfGroups;

impl Border for ForgetsTracksOfGroups {
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        let mut config = (*config).clone();
        config.sync_groups.iter_mut().for_each(|group| Arc::make_mut(group).track.clear());
        Arc::new(config)
    }
}

#[test]
fn trackers_of_a_group_that_count_for_nothing_are_caught() {
    assert_caught("best-wins", || Box::new(ForgetsTracksOfGroups));
}

/// An executor that blocks nothing.
struct LetsAllIn;

impl Border for LetsAllIn {
    fn operation(&mut self, _node: usize, operation: Operation) -> Option<Operation> {
        match operation {
            Operation::Firewall(change) if !change.install.is_empty() => None,
            other => Some(other),
        }
    }
}

#[test]
fn an_executor_that_accepts_what_it_must_not_is_caught() {
    assert_caught("firewall", || Box::new(LetsAllIn));
}

/// A kernel that goes on blocking.
struct BlocksForEver;

impl Border for BlocksForEver {
    fn operation(&mut self, node: usize, operation: Operation) -> Option<Operation> {
        match operation {
            Operation::Firewall(change) if node == 0 && !change.remove.is_empty() => None,
            other => Some(other),
        }
    }
}

#[test]
fn a_kernel_that_goes_on_blocking_is_caught() {
    assert_caught("firewall", || Box::new(BlocksForEver));
}

/// A node that says farewell and lets go of everything, as keepalived does.
#[derive(Default)]
struct Hasty {
    configs: BTreeMap<usize, Arc<Config>>,
}

/// Whether these are the last words of a machine.
fn says_farewell(state: State, effects: &[Effect]) -> bool {
    let is_farewell = |effect: &Effect| match effect {
        Effect::Send(transmit) => check::advert_priority(transmit) == Some(0),
        _ => false,
    };
    state == State::Init && effects.iter().any(is_farewell)
}

impl Border for Hasty {
    fn config(&mut self, node: usize, config: Arc<Config>) -> Arc<Config> {
        self.configs.insert(node, Arc::clone(&config));
        config
    }

    fn effects(&mut self, machine: Machine, state: State, effects: &mut Vec<Effect>) {
        if says_farewell(state, effects) {
            let config = &self.configs[&machine.node].instances[machine.instance];
            let all = config.all_vips().cloned().collect();
            effects.push(Effect::Addresses(AddressChange::removing(all)));
        }
    }
}

#[test]
fn a_master_that_leaves_before_its_successor_is_there_is_caught() {
    assert_caught_in(1000, "handover", || Box::new(Hasty::default()));
}

/// A node that leaves and does not listen for a successor.
#[derive(Default)]
struct LeavesDeaf {
    leaving: BTreeSet<Machine>,
}

impl Border for LeavesDeaf {
    fn packet(&mut self, machine: Machine, _now: Instant, datagram: Datagram) -> Option<Datagram> {
        (!self.leaving.contains(&machine)).then_some(datagram)
    }

    fn effects(&mut self, machine: Machine, state: State, effects: &mut Vec<Effect>) {
        if says_farewell(state, effects) {
            self.leaving.insert(machine);
        } else if state != State::Init {
            self.leaving.remove(&machine);
        }
    }
}

#[test]
fn a_master_that_does_not_make_room_for_its_successor_is_caught() {
    assert_caught("handover", || Box::new(LeavesDeaf::default()));
}

/// A node that never gives up waiting for a successor, of which it hears nothing.
#[derive(Default)]
struct Clings(LeavesDeaf);

impl Border for Clings {
    fn packet(&mut self, machine: Machine, now: Instant, datagram: Datagram) -> Option<Datagram> {
        self.0.packet(machine, now, datagram)
    }

    fn effects(&mut self, machine: Machine, state: State, effects: &mut Vec<Effect>) {
        self.0.effects(machine, state, effects);
    }

    fn deadline(&mut self, _machine: Machine, (deadline, timer): (Instant, Timer)) -> Instant {
        if timer == Timer::Leave { deadline + Duration::from_hours(1) } else { deadline }
    }
}

#[test]
fn a_master_that_never_leaves_is_caught() {
    assert_caught("handover", || Box::new(Clings::default()));
}
