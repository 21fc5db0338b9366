//! Files and processes that the nodes track: what they are like, and telling the daemon.

use std::time::Duration;

use super::fault::Fault;
use super::lan::Host;
use super::random::Random;
use super::world::{Event, HELD_BACK, World};
use crate::config::block::{ParamMatch, ProcessPattern, TrackFile, TrackProcess};
use crate::config::value::Weight;
use crate::track::{Because, Census, Reading};
use crate::vrrp::{Followed, SwitchInput};

/// What there is beside the daemon: one file and one kind of process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Things {
    /// The number in the file.
    pub number: i32,
    /// How many processes there are.
    pub count: usize,
}

impl Things {
    /// As they are once faults have stopped; mostly nothing is wrong.
    pub(super) fn at_rest(random: &mut Random) -> Self {
        let fine = random.chance(800);
        Self { number: if fine { 0 } else { number(random) }, count: if fine { 2 } else { random.index(5) } }
    }
}

impl Default for Things {
    fn default() -> Self {
        Self { number: 0, count: 2 }
    }
}

fn number(random: &mut Random) -> i32 {
    random.pick(&[0, 1, -1, 3, -20, 40, 300, -300])
}

/// The `track_file` of every node.
pub(super) fn file(random: &mut Random) -> TrackFile {
    let path = random.pick(&["/run/a", "/run/b"]).to_owned();
    TrackFile { name: "file".to_owned(), path, weight: weight(random), init: None }
}

/// The `vrrp_track_process` of every node.
pub(super) fn process(random: &mut Random, interval: Duration) -> TrackProcess {
    let mut delay = || random.pick(&[Duration::ZERO, interval / 3, interval * 2]);
    let (fork_delay, terminate_delay) = (delay(), delay());
    TrackProcess {
        name: "process".to_owned(),
        pattern: ProcessPattern {
            command: "server".to_owned(),
            params: Vec::new(),
            param_match: Some(ParamMatch::Exact),
            full_command: true,
        },
        weight: weight(random),
        quorum: random.within(1..=2) as u16,
        quorum_max: random.chance(300).then_some(3),
        terminate_delay,
        fork_delay,
    }
}

/// 0 half of the time.
pub(super) fn weight(random: &mut Random) -> Weight {
    let value = random.pick(&[0, 0, 0, 1, 2, 100, -1, -50]);
    Weight { value, reverse: value != 0 && random.chance(100) }
}

/// Something becomes otherwise now, and as it was later.
pub(super) fn change(random: &mut Random, host: Host) -> (Fault, Fault) {
    if random.chance(500) {
        return (Fault::File(host, number(random)), Fault::File(host, 0));
    }
    let because = random.pick(&[Because::Fork, Because::Found, Because::Exit]);
    (Fault::Processes(host, random.index(5), because), Fault::Processes(host, 2, Because::Found))
}

impl World {
    /// The tracker thread is told what to look at, and says how that is.
    pub(super) fn follow(&mut self, host: Host, followed: &Followed) {
        let Things { number, count } = self.nodes[host].things;
        for file in &followed.files {
            self.tell(host, SwitchInput::File(file.name.clone(), Reading::Number(number)));
        }
        for process in &followed.processes {
            let census = Census { process: process.name.clone(), count, because: Because::Found };
            self.tell(host, SwitchInput::Processes(census));
        }
    }

    pub(super) fn set_number(&mut self, host: Host, number: i32) {
        self.nodes[host].things.number = number;
        self.tell(host, SwitchInput::File("file".to_owned(), Reading::Number(number)));
    }

    pub(super) fn set_count(&mut self, host: Host, count: usize, because: Because) {
        self.nodes[host].things.count = count;
        self.tell(host, SwitchInput::Processes(Census { process: "process".to_owned(), count, because }));
    }

    /// Comes in its turn, behind what was told before, and be it by a pause held back until now.
    fn tell(&mut self, host: Host, input: SwitchInput) {
        let life = self.nodes[host].life;
        self.queue.push(self.now + HELD_BACK, Event::Found { host, life, input });
    }
}
