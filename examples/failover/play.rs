//! What happens on the stage, and what the client notices of it.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::net::daemon::Program;
use crate::stage::{Node, Stage, State, VIP};
use crate::view::View;

/// One run of all events with one pair of files.
pub(crate) struct Act {
    /// Headline.
    pub(crate) title: &'static str,
    /// Configuration of node a and node b.
    pub(crate) files: [&'static str; 2],
    /// How patient one has to be.
    pub(crate) adverts_per_second: u32,
}

/// A line of the final table.
pub(crate) struct Row {
    /// What was done.
    pub(crate) event: &'static str,
    /// Who serves afterwards.
    pub(crate) server: &'static str,
    /// How long the client got no answer.
    pub(crate) outage: Duration,
    /// Whether the right node took over in time.
    pub(crate) good: bool,
}

/// Something that is done to node a, and who has to serve afterwards.
struct Event {
    name: &'static str,
    server: &'static str,
    /// How long the daemons may need beyond the master-down interval.
    extra: Duration,
    run: fn(&mut Stage, &Program) -> io::Result<()>,
}

const EVENTS: [Event; 8] = [
    Event {
        name: "a: kill -9 of vrrpd",
        server: "b",
        extra: Duration::ZERO,
        run: |stage, _| daemon(&mut stage.a)?.tree.kill_all(),
    },
    Event {
        name: "a: vrrpd started again",
        server: "a",
        extra: Duration::from_secs(2),
        run: |stage, program| stage.a.start(program),
    },
    Event {
        name: "a: cable cut",
        server: "b",
        extra: Duration::ZERO,
        run: |stage, _| stage.lan.cable(&stage.a.space, false),
    },
    Event {
        name: "a: cable mended",
        server: "a",
        extra: Duration::from_secs(1),
        run: |stage, _| stage.lan.cable(&stage.a.space, true),
    },
    Event {
        name: "a: service fails",
        server: "b",
        extra: Duration::from_secs(2),
        run: |stage, _| stage.a.serve(false),
    },
    Event {
        name: "a: service repaired",
        server: "a",
        extra: Duration::from_secs(3),
        run: |stage, _| stage.a.serve(true),
    },
    Event {
        name: "a: vrrpd stopped (TERM)",
        server: "b",
        extra: Duration::ZERO,
        run: |stage, _| daemon(&mut stage.a)?.tree.signal(Signal::SIGTERM),
    },
    Event {
        name: "a: vrrpd started again",
        server: "a",
        extra: Duration::from_secs(2),
        run: |stage, program| stage.a.start(program),
    },
];

/// Plays all events; the rows of the final table.
pub(crate) fn perform(act: &Act, program: &Program, conf: &Path, view: &View) -> io::Result<Vec<Row>> {
    let mut scene = Scene {
        stage: Stage::new(conf, act.files)?,
        began: Instant::now(),
        shown: None,
        // Three adverts, at most one more of skew, and what a busy machine needs.
        patience: Duration::from_secs(4) / act.adverts_per_second + Duration::from_secs(1),
        view,
    };
    view.act(act.title, act.files);
    scene.view.event(scene.began.elapsed(), "both nodes start");
    scene.stage.a.start(program)?;
    // Two starts can be further apart than the two skews: a listens before b comes.
    while scene.look().0 == State::Starting && scene.began.elapsed() < Duration::from_secs(2) {
        thread::sleep(Duration::from_millis(2));
    }
    scene.stage.b.start(program)?;
    if !scene.wait("a", Duration::from_secs(3)) {
        scene.explain();
        return Ok(vec![Row { event: "both nodes start", server: "a", outage: Duration::ZERO, good: false }]);
    }
    let mut rows = Vec::new();
    for event in &EVENTS {
        scene.watch(Duration::from_millis(400));
        let begin = Instant::now();
        view.event(scene.began.elapsed(), event.name);
        (event.run)(&mut scene.stage, program)?;
        let good = scene.wait(event.server, event.extra);
        let outage = scene.stage.client.outage(begin);
        view.outage(scene.began.elapsed(), event.server, outage, good);
        if !good {
            scene.explain();
        }
        rows.push(Row { event: event.name, server: event.server, outage, good });
    }
    Ok(rows)
}

/// What can be seen at one moment.
type Sight = (State, State, Option<String>);

struct Scene<'a> {
    stage: Stage,
    began: Instant,
    shown: Option<Sight>,
    patience: Duration,
    view: &'a View,
}

impl Scene<'_> {
    /// Shows what changes until `server` alone is MASTER and answers the client; false if the time is up.
    fn wait(&mut self, server: &str, extra: Duration) -> bool {
        let end = Instant::now() + self.patience + extra;
        loop {
            let (a, b, answering) = self.look();
            let master = match server {
                "a" => (a, b != State::Master),
                _ => (b, a != State::Master),
            };
            if master == (State::Master, true) && answering.as_deref() == Some(server) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Shows what changes for a while.
    fn watch(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look();
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn look(&mut self) -> Sight {
        let sight = (self.stage.a.state(), self.stage.b.state(), self.stage.client.server());
        if self.shown.as_ref() != Some(&sight) {
            self.view.sight(self.began.elapsed(), sight.0, sight.1, sight.2.as_deref());
            self.shown = Some(sight.clone());
        }
        sight
    }

    /// After a failure: what the daemons had to say.
    fn explain(&self) {
        for node in [&self.stage.a, &self.stage.b] {
            self.view.log(&node.space.name, &node.log_tail());
        }
        let holders: Vec<&str> = [&self.stage.a, &self.stage.b]
            .into_iter()
            .filter(|n| n.space.rtnl().addresses().is_ok_and(|all| all.iter().any(|(ip, ..)| *ip == VIP)))
            .map(|n| n.space.name.as_str())
            .collect();
        self.view.log("address held by", &holders.join(", "));
    }
}

fn daemon(node: &mut Node) -> io::Result<&mut crate::net::daemon::Daemon> {
    node.daemon.as_mut().ok_or_else(|| io::Error::other("no daemon runs on this node"))
}
