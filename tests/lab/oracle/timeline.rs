//! What happens to a daemon, and when.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use vrrpd::sys::sched::set_round_robin;

use super::outcome::{self, Outcome, Recording};
use super::packet::Packet;
use crate::net::daemon::{Daemon, Program};
use crate::net::lan::Lan;
use crate::net::space::Space;
use crate::net::stall::Stall;
use crate::net::wait_for;
use crate::net::watch::Watch;
use crate::world::{Kind, lab_dir, need, write_script};

/// One thing that we do to the daemon or around it.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A packet arrives.
    Hear(Packet),
    /// The far end of the cable is pulled or put back.
    Cable(bool),
    /// Somebody sets a link of the machine down or up.
    Link(&'static str, bool),
    /// Somebody adds an address to `eth0`.
    AddAddress(IpAddr, u8),
    /// Somebody removes an address from `eth0`.
    RemoveAddress(IpAddr, u8),
    /// A file in the machine's directory gets new contents.
    Write(&'static str, String),
    /// A file in the machine's directory is written where it is.
    WriteInPlace(&'static str, &'static str),
    /// A file in the machine's directory gets another name.
    Move(&'static str, &'static str),
    /// A file in the machine's directory is removed.
    Remove(&'static str),
    /// The daemon gets a signal.
    Signal(Signal),
    /// The daemon gets a new configuration and HUP.
    Reload(String),
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Hear(packet) => write!(f, "hear {packet}"),
            Act::Reload(_) => f.write_str("reload"),
            other => fmt::Debug::fmt(other, f),
        }
    }
}

/// A configuration and what happens to the daemon that runs it.
///
/// Times are milliseconds after the line in the log that says `anchor`. In the configuration `DIR` is the
/// machine's directory, with the script `chk`: it ends with the number in the file `verdict`, at first 0,
/// after as many seconds as the second number there says.
#[derive(Clone)]
pub(crate) struct Timeline {
    config: String,
    options: Vec<&'static str>,
    anchor: &'static str,
    steps: Vec<(u64, Act)>,
    exceptions: Vec<&'static str>,
    /// Times may differ by so much between the daemons.
    pub(super) tolerance: Duration,
}

impl Timeline {
    /// A daemon with this file and `-D`; the clock starts with its first state.
    pub(crate) fn new(config: impl Into<String>) -> Self {
        let (config, options) = (config.into(), vec!["-D"]);
        Self {
            config,
            options,
            anchor: "STATE (init)",
            steps: Vec::new(),
            exceptions: Vec::new(),
            tolerance: Duration::from_millis(60),
        }
    }

    /// Options in place of `-D`.
    pub(crate) fn options(self, options: &[&'static str]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    /// Lets the clock start with another line of the log.
    pub(crate) fn from(self, anchor: &'static str) -> Self {
        Self { anchor, ..self }
    }

    /// Leaves out what has these words, in both lives; `_why` is for the reader.
    pub(crate) fn except(mut self, words: &'static str, _why: &str) -> Self {
        self.exceptions.push(words);
        self
    }

    pub(crate) fn at(mut self, millis: u64, act: Act) -> Self {
        self.steps.push((millis, act));
        self
    }

    /// A packet `first` milliseconds after the start and then every `every`, before `end`.
    pub(crate) fn hear(mut self, first: u64, every: u64, end: u64, packet: &Packet) -> Self {
        let times = (first..end).step_by(every as usize);
        self.steps.extend(times.map(|at| (at, Act::Hear(packet.clone()))));
        self
    }

    /// Lets one daemon live through it, and at `end` milliseconds tells it to stop.
    pub(super) fn play(&self, kind: Kind, end: u64) -> Outcome {
        be_on_time();
        need(&["keepalived"]);
        let dir = lab_dir();
        let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
        let machine = lan.machine("node", 1).expect("a machine");
        write_script(&machine.dir.join("chk"), CHECK);
        fs::write(machine.dir.join("verdict"), "0\n").expect("a verdict");
        // Packets from the machine's own address are to arrive.
        machine.sysctl("ipv4/conf/all/accept_local", "1").expect("a knob of the kernel");
        let watch = Watch::start(&machine).expect("a watch over addresses");
        let log = Tail::start(&machine.dir.join("daemon.log"));
        let begin = SystemTime::now();
        let config = self.text(&machine, &self.config);
        let program = self.hurried(&machine, kind);
        let mut daemon =
            Daemon::start(&program, &machine, &config, &self.options).expect("the daemon starts");
        let start = self.wait_for_anchor(&log, &mut daemon);

        let mut steps = self.steps.clone();
        steps.sort_by_key(|(at, _)| *at);
        for (at, act) in &steps {
            sleep_until(start + Duration::from_millis(*at));
            self.act(act, &lan, &machine, &daemon);
        }
        sleep_until(start + Duration::from_millis(end));
        let status = daemon.stop().expect("it ends");
        let ended = SystemTime::now();
        thread::sleep(Duration::from_millis(20));
        outcome::read(&Recording {
            start,
            ended,
            reloads: &self.times(|act| matches!(act, Act::Reload(_))),
            plugged: &self.times(|act| matches!(act, Act::Cable(true))),
            exceptions: &self.exceptions,
            stop: Duration::from_millis(self.told_to_stop().unwrap_or(end)),
            code: status.code(),
            adverts: lan.capture.adverts(begin),
            announces: lan.capture.announces(begin),
            addresses: watch.all(begin),
            lines: log.lines(),
            is_ours: kind == Kind::Vrrpd,
            stall: log.stall.longest(),
            dir: machine.dir.to_str().expect("the lab's paths are text"),
        })
    }

    /// What is done to both, a line for each step.
    pub(super) fn story(&self) -> String {
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|(at, _)| *at);
        let mut story = String::new();
        for (at, act) in steps {
            let _ = writeln!(story, "  {:>10.3}           < {act}", *at as f64 / 1000.0);
        }
        story
    }

    /// When such things happen, since the start.
    fn times(&self, which: fn(&Act) -> bool) -> Vec<Duration> {
        let steps = self.steps.iter().filter(|(_, act)| which(act));
        steps.map(|(at, _)| Duration::from_millis(*at)).collect()
    }

    /// When a step tells it to stop, if one does.
    fn told_to_stop(&self) -> Option<u64> {
        let stops = |act: &Act| matches!(act, Act::Signal(Signal::SIGINT | Signal::SIGTERM));
        self.steps.iter().filter(|(_, act)| stops(act)).map(|(at, _)| *at).min()
    }

    fn hurried(&self, machine: &Space, kind: Kind) -> Program {
        let program = kind.program();
        let path = machine.dir.join("hurried");
        write_script(&path, &HURRIED.replace("PROGRAM", &program.path.display().to_string()));
        Program { path, ..program }
    }

    fn text(&self, machine: &Space, config: &str) -> String {
        config.replace("DIR", machine.dir.to_str().expect("the lab's paths are text"))
    }

    fn wait_for_anchor(&self, log: &Tail, daemon: &mut Daemon) -> SystemTime {
        let seen = || log.lines().into_iter().find(|(_, line)| line.contains(self.anchor)).map(|(at, _)| at);
        let Some(start) = wait_for(Duration::from_secs(5), seen) else {
            let runs = daemon.tree.is_running();
            panic!("no line `{}` in the log; the daemon runs: {runs}\n{}", self.anchor, daemon.log());
        };
        start
    }

    fn act(&self, act: &Act, lan: &Lan, machine: &Space, daemon: &Daemon) {
        let done = match act {
            Act::Hear(packet) => lan.inject(machine, &packet.frame()),
            Act::Cable(plugged) => lan.cable(machine, *plugged),
            Act::Link(link, up) => machine.rtnl().set_up(link, *up),
            Act::AddAddress(address, prefix) => machine.rtnl().add_address("eth0", *address, *prefix),
            Act::RemoveAddress(address, prefix) => machine.rtnl().remove_address("eth0", *address, *prefix),
            Act::Write(file, text) => write_whole(&machine.dir, file, text),
            Act::WriteInPlace(file, text) => fs::write(machine.dir.join(file), text),
            Act::Move(from, to) => fs::rename(machine.dir.join(from), machine.dir.join(to)),
            Act::Remove(file) => fs::remove_file(machine.dir.join(file)),
            Act::Signal(signal) => daemon.tree.signal(*signal),
            Act::Reload(config) => write_whole(&machine.dir, "keepalived.conf", &self.text(machine, config))
                .and_then(|()| daemon.tree.signal(Signal::SIGHUP)),
        };
        done.unwrap_or_else(|error| panic!("{act:?}: {error}"));
    }
}

/// Ends as the file `verdict` says, after as many seconds as its second word says.
const CHECK: &str = r#"#!/bin/sh
read -r verdict seconds < "${0%/*}/verdict"
[ -z "$seconds" ] || sleep "$seconds"
exit "$verdict"
"#;

/// A script that reads the file meanwhile sees the old text or the new, and never none.
fn write_whole(dir: &Path, file: &str, text: &str) -> std::io::Result<()> {
    let next = dir.join(format!("{file}.next"));
    fs::write(&next, text)?;
    fs::rename(next, dir.join(file))
}

/// Puts the calling thread before the rest of a busy machine; where that is not permitted times are less exact.
fn be_on_time() {
    let _ = set_round_robin(2, Duration::from_secs(10));
}

/// The same for a daemon: timers are compared, not the kernel's fairness.
const HURRIED: &str = "#!/bin/sh\nchrt --rr --pid 1 $$ 2>&1\nexec PROGRAM \"$@\"\n";

fn sleep_until(at: SystemTime) {
    if let Ok(rest) = at.duration_since(SystemTime::now()) {
        thread::sleep(rest);
    }
}

/// The lines of a growing file, each with the time at which it was seen.
struct Tail {
    lines: Arc<Mutex<Vec<(SystemTime, String)>>>,
    stall: Stall,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Tail {
    fn start(path: &Path) -> Self {
        let mut file = fs::OpenOptions::new().create(true).append(true).read(true).open(path).expect("a log");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sink, flag) = (lines.clone(), stop.clone());
        let reader = thread::spawn(move || {
            be_on_time();
            let mut rest = String::new();
            while !flag.load(Ordering::Relaxed) {
                let got = file.read_to_string(&mut rest);
                let at = SystemTime::now();
                if matches!(got, Ok(0) | Err(_)) {
                    thread::sleep(Duration::from_millis(2));
                }
                while let Some((line, after)) = rest.split_once('\n') {
                    sink.lock().expect("no holder of the lock panics").push((at, line.to_owned()));
                    rest = after.to_owned();
                }
            }
        });
        Self { lines, stall: Stall::watch(), stop, reader: Some(reader) }
    }

    fn lines(&self) -> Vec<(SystemTime, String)> {
        self.lines.lock().expect("the reader does not panic").clone()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
