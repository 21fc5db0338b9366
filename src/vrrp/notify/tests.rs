use super::*;
use crate::types::Priority;
use proptest::prelude::*;
use std::collections::BTreeSet;

const LIMIT: Duration = Duration::from_secs(60);

fn command(name: &str) -> ScriptCommand {
    ScriptCommand { argv: vec![name.to_owned()], uid: None, gid: None }
}

fn scripts() -> NotifyScripts {
    NotifyScripts {
        master: Some(command("to_master")),
        backup: Some(command("to_backup")),
        fault: None,
        stop: Some(command("at_stop")),
        any: Some(command("any")),
        master_rx_lower_pri: Some(command("lower")),
        ..NotifyScripts::default()
    }
}

fn at(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

/// A machine, and what came out of it.
struct Bench {
    now: Instant,
    machine: Notifier,
    notices: Vec<String>,
    signals: Vec<(CallId, Signal)>,
}

impl Bench {
    fn new() -> Self {
        let machine = Notifier::new(NotifySettings { limit: LIMIT });
        Self { now: at(0), machine, notices: Vec::new(), signals: Vec::new() }
    }

    /// Everything that is started, as words.
    fn drain(&mut self) -> Vec<(String, CallId)> {
        let mut calls = Vec::new();
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                NotifyEffect::Start(Call { id, command, arguments }) => {
                    calls.push(([command.argv, arguments].concat().join(" "), id));
                }
                NotifyEffect::Signal(id, signal) => self.signals.push((id, signal)),
                NotifyEffect::Notice(notice) => self.notices.push(notice.to_string()),
            }
        }
        calls
    }

    fn tell(&mut self, subject: Subject, name: &str, event: Event, priority: u8) -> Vec<(String, CallId)> {
        let notification = Notification { event, priority: Priority::new(priority) };
        let telling = Telling::new(subject, name, &scripts(), notification).unwrap();
        self.machine.handle(self.now, NotifyInput::Event(telling));
        self.drain()
    }

    fn event(&mut self, event: Event) -> Vec<(String, CallId)> {
        self.tell(Subject::Instance, "VI_1", event, 150)
    }

    fn handle(&mut self, input: NotifyInput) -> Vec<(String, CallId)> {
        self.machine.handle(self.now, input);
        self.drain()
    }

    /// Until its next moment, which is that one.
    fn sleep_until(&mut self, expected: Instant) -> Vec<(String, CallId)> {
        assert_eq!(self.machine.poll_timeout(), Some(expected));
        self.now = expected;
        self.machine.handle_timeout(expected);
        self.drain()
    }

    /// Lets every script end as soon as it starts; what was called.
    fn run_out(&mut self, calls: Vec<(String, CallId)>) -> Vec<String> {
        let mut ids: VecDeque<CallId> = calls.into_iter().map(|(_, id)| id).collect();
        let mut seen = Vec::new();
        while let Some(id) = ids.pop_front() {
            for (words, id) in self.handle(NotifyInput::Ended(id)) {
                seen.push(words);
                ids.push_back(id);
            }
        }
        seen
    }
}

fn words(calls: &[(String, CallId)]) -> Vec<&str> {
    calls.iter().map(|(words, _)| words.as_str()).collect()
}

/// oracle: keepalived 2.2.7, seen: state scripts get nothing, the general one four words.
#[test]
fn the_state_script_comes_first_and_the_general_one_gets_four_words() {
    let mut bench = Bench::new();
    let calls = bench.event(Event::Master);
    assert_eq!(words(&calls), ["to_master"]);
    assert_eq!(bench.run_out(calls), ["any INSTANCE VI_1 MASTER 150"]);
    let calls = bench.tell(Subject::Group, "G", Event::Fault, 0);
    assert_eq!(words(&calls), ["any GROUP G FAULT 0"]);
    bench.run_out(calls);
    assert!(bench.machine.is_idle() && bench.machine.poll_timeout().is_none());
    let notification = Notification { event: Event::Master, priority: Priority::new(1) };
    assert_eq!(Telling::new(Subject::Instance, "VI_1", &NotifyScripts::default(), notification), None);
}

#[test]
fn a_script_waits_for_its_predecessor_but_not_for_those_of_others() {
    let mut bench = Bench::new();
    let first = bench.event(Event::Backup);
    assert_eq!(words(&bench.event(Event::Master)), [""; 0]);
    let other = bench.tell(Subject::Instance, "VI_2", Event::Backup, 100);
    assert_eq!(words(&other), ["to_backup"]);
    let of_group = bench.tell(Subject::Group, "VI_1", Event::Backup, 0);
    assert_eq!(words(&of_group), ["to_backup"], "a group is another object");
    let rest = ["any INSTANCE VI_1 BACKUP 150", "to_master", "any INSTANCE VI_1 MASTER 150"];
    assert_eq!(bench.run_out(first), rest);
}

#[test]
fn of_many_events_the_newest_of_each_kind_is_kept_in_order() {
    let mut bench = Bench::new();
    let running = bench.event(Event::Backup);
    for priority in 1..=100 {
        for event in [Event::Master, Event::Fault, Event::MasterRxLowerPri, Event::Backup] {
            assert_eq!(bench.tell(Subject::Instance, "VI_1", event, priority), []);
        }
    }
    bench.tell(Subject::Instance, "VI_1", Event::Fault, 101);
    let rest = [
        "any INSTANCE VI_1 BACKUP 150",
        "to_master",
        "any INSTANCE VI_1 MASTER 100",
        "lower",
        "to_backup",
        "any INSTANCE VI_1 BACKUP 100",
        "any INSTANCE VI_1 FAULT 101",
    ];
    assert_eq!(bench.run_out(running), rest);
    let told = "(VI_1) notify scripts are slower than events: 397 were left out before MASTER";
    assert_eq!(bench.notices, [told]);
    assert!(bench.machine.is_idle());
}

#[test]
fn a_script_may_take_its_time_until_another_one_waits_for_it() {
    let mut bench = Bench::new();
    bench.event(Event::Fault);
    assert_eq!(bench.machine.poll_timeout(), None, "nobody minds");
    bench.now = at(10_000);
    bench.event(Event::Master);
    assert_eq!(bench.sleep_until(at(60_000)), []);
    let id = CallId(1);
    assert_eq!(bench.signals, [(id, Signal::Term)]);
    assert_eq!(bench.sleep_until(at(62_000)), []);
    assert_eq!(bench.signals, [(id, Signal::Term), (id, Signal::Kill)]);
    let calls = bench.handle(NotifyInput::Ended(id));
    assert_eq!(words(&calls), ["to_master"]);
    let told = "(VI_1) notify script 'any' has run for 60s and holds up others: ending it";
    assert_eq!(bench.notices, [told]);
    assert_eq!(bench.machine.poll_timeout(), Some(at(122_000)), "the general script waits for it");
}

#[test]
fn what_even_kill_does_not_end_is_not_waited_for() {
    let mut bench = Bench::new();
    bench.event(Event::Fault);
    bench.event(Event::Master);
    bench.sleep_until(at(60_000));
    bench.sleep_until(at(62_000));
    assert_eq!(words(&bench.sleep_until(at(63_000))), ["to_master"]);
    assert_eq!(bench.handle(NotifyInput::Ended(CallId(1))), [], "whenever that comes");
    assert_eq!(bench.notices[1], "(VI_1) notify script 'any' does not end by KILL; it is not waited for");
}

#[test]
fn a_script_that_cannot_start_holds_up_nothing() {
    let mut bench = Bench::new();
    bench.event(Event::Master);
    let calls = bench.handle(NotifyInput::NotStarted(CallId(1)));
    assert_eq!(words(&calls), ["any INSTANCE VI_1 MASTER 150"]);
    assert_eq!(bench.notices, ["(VI_1) notify script 'to_master' could not be started"]);
}

#[test]
fn what_a_lost_runner_had_not_started_is_started_by_the_next() {
    let mut bench = Bench::new();
    bench.event(Event::Master);
    bench.tell(Subject::Instance, "VI_2", Event::Backup, 100);
    bench.handle(NotifyInput::Started(CallId(1)));
    assert_eq!(bench.handle(NotifyInput::RunnerGone), []);
    assert_eq!(bench.event(Event::Backup), []);
    let calls = bench.handle(NotifyInput::RunnerBack);
    assert_eq!(words(&calls), ["any INSTANCE VI_1 MASTER 150", "to_backup"]);
    let rest = ["to_backup", "any INSTANCE VI_2 BACKUP 100", "any INSTANCE VI_1 BACKUP 150"];
    assert_eq!(bench.run_out(calls), rest);
}

#[test]
fn the_end_is_told_last_and_in_time() {
    let mut bench = Bench::new();
    bench.event(Event::Backup);
    bench.event(Event::Master);
    bench.event(Event::Stop);
    bench.event(Event::MasterRxLowerPri);
    bench.handle(NotifyInput::Finish);
    // The first one hangs: what came between has no time any more.
    assert_eq!(bench.sleep_until(at(500)), []);
    assert_eq!(bench.signals, [(CallId(1), Signal::Kill)]);
    let calls = bench.handle(NotifyInput::Ended(CallId(1)));
    assert_eq!(words(&calls), ["at_stop"]);
    assert_eq!(bench.sleep_until(at(1_500)), []);
    assert_eq!(bench.signals.last(), Some(&(CallId(2), Signal::Kill)));
    assert_eq!(words(&bench.handle(NotifyInput::Ended(CallId(2)))), ["any INSTANCE VI_1 STOP 150"]);
    assert_eq!(bench.sleep_until(at(2_500)), []);
    assert_eq!(bench.sleep_until(at(3_500)), []);
    assert!(bench.machine.is_idle(), "and not even then does anybody wait for longer");
}

#[test]
fn what_waits_at_the_end_is_told_while_there_is_time() {
    let mut bench = Bench::new();
    let running = bench.event(Event::Backup);
    bench.event(Event::Master);
    bench.event(Event::Stop);
    bench.handle(NotifyInput::Finish);
    let rest = [
        "any INSTANCE VI_1 BACKUP 150",
        "to_master",
        "any INSTANCE VI_1 MASTER 150",
        "at_stop",
        "any INSTANCE VI_1 STOP 150",
    ];
    assert_eq!(bench.run_out(running), rest);
    assert!(bench.machine.is_idle());
}

#[test]
fn a_reader_ends_before_the_next_one_starts() {
    let reader =
        |name: &str| NotifyInput::Reader(FifoSlot::Vrrp, Some((command(name), vec!["/f".to_owned()])));
    let mut bench = Bench::new();
    assert_eq!(words(&bench.handle(reader("old"))), ["old /f"]);
    assert_eq!(bench.machine.poll_timeout(), None, "it may run for ever");
    assert!(bench.machine.is_idle(), "nobody waits for it at the end");
    assert_eq!(bench.handle(reader("new")), []);
    assert_eq!(bench.handle(reader("newer")), []);
    assert_eq!(bench.signals, [(CallId(1), Signal::Term)]);
    assert_eq!(bench.sleep_until(at(2_000)), []);
    assert_eq!(bench.signals.last(), Some(&(CallId(1), Signal::Kill)));
    assert_eq!(words(&bench.handle(NotifyInput::Ended(CallId(1)))), ["newer /f"]);
    bench.handle(NotifyInput::Started(CallId(2)));
    bench.handle(NotifyInput::RunnerGone);
    assert_eq!(words(&bench.handle(NotifyInput::RunnerBack)), ["newer /f"]);
    bench.handle(NotifyInput::Reader(FifoSlot::Vrrp, None));
    assert_eq!(bench.handle(NotifyInput::Ended(CallId(3))), []);
    assert_eq!(bench.notices, ["vrrp notify fifo script terminated"; 2]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Tell(u8, Event),
    /// The n-th of what runs ends, as it will.
    End(usize, u8),
    Sleep(u64),
    Runner(bool),
    Finish,
}

fn step() -> impl Strategy<Value = Step> {
    let event =
        prop::sample::select(vec![Event::Master, Event::Backup, Event::Fault, Event::MasterRxLowerPri]);
    prop_oneof![
        10 => (0_u8..3, event).prop_map(|(object, event)| Step::Tell(object, event)),
        8 => (0_usize..3, 0_u8..4).prop_map(|(n, how)| Step::End(n, how)),
        4 => (1_u64..90_000).prop_map(Step::Sleep),
        1 => any::<bool>().prop_map(Step::Runner),
        1 => Just(Step::Finish),
    ]
}

/// What runs, as whoever starts scripts would see it.
#[derive(Default)]
struct World {
    /// What got KILL: it can do nothing any more, though nobody may have collected it.
    killed: BTreeSet<CallId>,
    running: Vec<(u8, CallId)>,
    told: BTreeMap<u8, Vec<String>>,
}

impl World {
    fn look(&mut self, bench: &mut Bench) {
        for (words, id) in bench.drain() {
            let object = words.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap();
            let acts = |(other, id): &(u8, CallId)| *other == object && !self.killed.contains(id);
            assert!(!self.running.iter().any(acts), "two scripts of {object}");
            self.running.push((object, id));
            self.told.entry(object).or_default().push(words);
        }
        for (id, signal) in std::mem::take(&mut bench.signals) {
            if signal == Signal::Kill {
                self.killed.insert(id);
                // Some hang in the kernel.
                if id.0 % 5 > 0 {
                    self.end(bench, id, 0);
                }
            }
        }
        self.running.retain(|(_, id)| bench.machine.run(*id).is_some());
        for queue in bench.machine.queues.values() {
            assert!(queue.waiting.len() <= 4);
        }
    }

    fn end(&mut self, bench: &mut Bench, id: CallId, how: u8) {
        self.running.retain(|(_, other)| *other != id);
        if how > 0 {
            bench.machine.handle(bench.now, NotifyInput::Started(id));
        }
        let input = if how == 3 { NotifyInput::NotStarted(id) } else { NotifyInput::Ended(id) };
        bench.machine.handle(bench.now, input);
        self.look(bench);
    }

    fn sleep(&mut self, bench: &mut Bench, time: u64) {
        let end = bench.now + Duration::from_millis(time);
        while let Some(due) = bench.machine.poll_timeout().filter(|due| *due <= end) {
            bench.now = bench.now.max(due);
            bench.machine.handle_timeout(bench.now);
            self.look(bench);
        }
        bench.now = end;
    }
}

/// Scripts that carry the object and, the general one, the event: `own_2`, `any INSTANCE x MASTER 2`.
fn scripts_of(object: u8) -> NotifyScripts {
    let own = |name: &str| {
        Some(ScriptCommand { argv: vec![name.into(), object.to_string()], uid: None, gid: None })
    };
    NotifyScripts {
        master: own("MASTER"),
        backup: own("BACKUP"),
        fault: own("FAULT"),
        master_rx_lower_pri: own("lower"),
        any: Some(command("any")),
        ..NotifyScripts::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Whatever happens: no two scripts of one object at once, the backlog is bounded, an event's two scripts
    /// are neighbours, the last state is told last, and the end comes in time.
    #[test]
    fn the_last_state_is_told_last_and_nothing_overlaps(steps in prop::collection::vec(step(), 0..120)) {
        let (mut bench, mut world) = (Bench::new(), World::default());
        let (mut last, mut finished) = (BTreeMap::new(), false);
        for step in steps {
            match step {
                Step::Tell(object, event) if !finished => {
                    let notification = Notification { event, priority: Priority::new(object) };
                    let telling = Telling::new(Subject::Instance, "x", &scripts_of(object), notification);
                    let mut telling = telling.unwrap();
                    telling.name = object.to_string();
                    bench.machine.handle(bench.now, NotifyInput::Event(telling));
                    if event != Event::MasterRxLowerPri {
                        last.insert(object, event);
                    }
                    world.look(&mut bench);
                }
                Step::End(n, how) if n < world.running.len() => {
                    let (_, id) = world.running[n];
                    world.end(&mut bench, id, how);
                }
                Step::Sleep(time) => world.sleep(&mut bench, time),
                Step::Runner(there) if !finished => {
                    if !there {
                        world.running.clear();
                    }
                    let input = if there { NotifyInput::RunnerBack } else { NotifyInput::RunnerGone };
                    bench.machine.handle(bench.now, input);
                    world.look(&mut bench);
                }
                Step::Finish => {
                    bench.machine.handle(bench.now, NotifyInput::Finish);
                    finished = true;
                }
                Step::Tell(..) | Step::End(..) | Step::Runner(_) => {}
            }
        }
        bench.machine.handle(bench.now, NotifyInput::RunnerBack);
        world.look(&mut bench);
        if finished {
            world.sleep(&mut bench, 7_000);
            prop_assert!(bench.machine.is_idle(), "{:?}", bench.machine);
        } else {
            while let Some((_, id)) = world.running.first().copied() {
                world.end(&mut bench, id, 1);
            }
            prop_assert!(bench.machine.is_idle(), "{:?}", bench.machine);
        }
        for (object, event) in last {
            let told = &world.told[&object];
            let states: Vec<&String> = told.iter().filter(|words| !words.starts_with("lower")).collect();
            let expected = format!("any INSTANCE x {event} {object}");
            prop_assert_eq!(states.last(), Some(&&expected));
        }
    }
}
