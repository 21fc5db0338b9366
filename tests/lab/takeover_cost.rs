//! What a takeover costs beyond the wait that the protocol demands.
//!
//! Two nodes of equal priority take turns: the master is killed, the other takes over. The due moment is
//! the master's last advert as the switch saw it, plus three intervals and the skew (RFC 5798 §6.1).

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::net::daemon::{Daemon, Program};
use crate::net::lan::Lan;
use crate::net::space::Space;
use crate::net::wait_for;

const CONFIG: &str = "
vrrp_instance VI_1 {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority 150
    version 3
    advert_int 0.1
    virtual_ipaddress {
        10.99.0.100/24
        10.99.0.101/24
        10.99.0.102/24
    }
}
";
/// Three addresses, five times each.
const BURST: usize = 15;
/// 3 × 0.1 s + (256 - 150) / 256 × 0.1 s.
const DOWN: Duration = Duration::from_micros(341_406);

/// From the due moment to what was seen on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Takeover {
    pub(crate) advert: Duration,
    pub(crate) last_announce: Duration,
}

/// One of the figures of a takeover.
pub(crate) type Figure = fn(&Takeover) -> Duration;

/// Median and worst.
pub(crate) struct Summary {
    pub(crate) median: Duration,
    pub(crate) worst: Duration,
}

/// One pair of nodes with one daemon.
pub(crate) struct Bench {
    program: Program,
    lan: Lan,
    nodes: [(Option<Daemon>, Space); 2],
    master: usize,
    /// All takeovers so far.
    pub(crate) takeovers: Vec<Takeover>,
}

impl Bench {
    /// Starts both nodes; the first one is master.
    pub(crate) fn new(dir: &Path, program: Program) -> io::Result<Self> {
        let lan = Lan::new(&dir.join(program.name))?;
        let nodes = [(None, lan.machine("a", 1)?), (None, lan.machine("b", 2)?)];
        let mut bench = Self { program, lan, nodes, master: 0, takeovers: Vec::new() };
        let begin = SystemTime::now();
        bench.start(0)?;
        bench.wait(|b| b.lan.capture.adverts(begin).len() >= 3, "adverts of the first node")?;
        bench.start(1)?;
        Ok(bench)
    }

    /// One takeover. Afterwards the other node is master and the killed one its backup.
    pub(crate) fn round(&mut self) -> io::Result<()> {
        // The backup listens, and the bursts of the last takeover are over.
        std::thread::sleep(Duration::from_millis(500));
        // A machine that stood still may have let the backup take over meanwhile.
        let recent = self.lan.capture.adverts(SystemTime::now() - Duration::from_secs(1));
        if let Some(last) = recent.last() {
            self.master = usize::from(last.mac[5]) - 1;
        }
        let (old, new) = (self.master, 1 - self.master);
        let mac = |n: usize| n as u8 + 1;
        let begin = SystemTime::now();
        if let Some(mut daemon) = self.nodes[old].0.take() {
            daemon.tree.kill_all()?;
        }
        let burst = |b: &Self| {
            b.lan
                .capture
                .announces(begin)
                .into_iter()
                .filter(|g| g.mac[5] == mac(new))
                .take(BURST)
                .map(|g| g.at)
                .collect()
        };
        self.wait(|b| Vec::len(&burst(b)) == BURST, "a takeover")?;
        let announces: Vec<SystemTime> = burst(self);
        let adverts = self.lan.capture.adverts(begin - Duration::from_secs(1));
        let last = adverts.iter().rfind(|a| a.mac[5] == mac(old)).map(|a| a.at);
        let first = adverts.iter().find(|a| a.mac[5] == mac(new) && Some(a.at) > last).map(|a| a.at);
        let (Some(last), Some(first)) = (last, first) else {
            return Err(io::Error::other("a takeover without adverts"));
        };
        let due = last + DOWN;
        let late = |at: SystemTime| at.duration_since(due).unwrap_or_default();
        self.takeovers.push(Takeover { advert: late(first), last_announce: late(announces[BURST - 1]) });
        self.start(old)?;
        self.master = new;
        Ok(())
    }

    /// Summary of one figure over all takeovers.
    pub(crate) fn summary(&self, figure: Figure) -> Summary {
        let mut all: Vec<Duration> = self.takeovers.iter().map(figure).collect();
        all.sort();
        Summary { median: all[all.len() / 2], worst: all[all.len() - 1] }
    }

    fn start(&mut self, node: usize) -> io::Result<()> {
        let (daemon, space) = &mut self.nodes[node];
        let words = "Entering BACKUP STATE (init)";
        let before =
            fs::read_to_string(space.dir.join("daemon.log")).unwrap_or_default().matches(words).count();
        *daemon = Some(Daemon::start(&self.program, space, CONFIG, &[])?);
        let log = |b: &Self| b.nodes[node].0.as_ref().map(Daemon::log).unwrap_or_default();
        self.wait(|b| log(b).matches(words).count() > before, words)
    }

    fn wait(&self, done: impl Fn(&Self) -> bool, complaint: &str) -> io::Result<()> {
        wait_for(Duration::from_secs(5), || done(self).then_some(())).ok_or_else(|| {
            let logs: String = self.nodes.iter().filter_map(|(d, _)| d.as_ref().map(Daemon::log)).collect();
            io::Error::other(format!("{}, waiting for `{complaint}`\n{logs}", self.program.name))
        })
    }
}

/// Runs all benches for `rounds` takeovers each, in turn.
pub(crate) fn run(benches: &mut [Bench], rounds: usize) -> io::Result<()> {
    (0..rounds).try_for_each(|_| benches.iter_mut().try_for_each(Bench::round))
}

/// The table of a run.
pub(crate) fn table(benches: &[Bench]) -> String {
    let mut text = format!("{:<44}", "milliseconds after master_down was due");
    benches.iter().for_each(|b| text += &format!(" {:>12} {:>7}", b.program.name, "worst"));
    text += "\n";
    let figures: [(&str, Figure); 2] =
        [("first advert", |t| t.advert), ("last gratuitous ARP (3 addresses, 5 each)", |t| t.last_announce)];
    for (name, figure) in figures {
        text += &format!("{name:<44}");
        for bench in benches {
            let summary = bench.summary(figure);
            let ms = |d: Duration| d.as_secs_f64() * 1000.0;
            text += &format!(" {:>12.3} {:>7.3}", ms(summary.median), ms(summary.worst));
        }
        text += "\n";
    }
    text
}
