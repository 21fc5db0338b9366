//! Processes that are tracked, against the real kernel.
//!
//! keepalived cannot track processes in a machine of the lab: the kernel tells of them in the first network
//! and process namespaces only. What it said there in the same steps is the oracle.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::net::daemon::Daemon;
use crate::net::lan::Lan;
use crate::net::space::Space;
use crate::net::wait_for;
use crate::world::{Kind, LabDir, lab_dir, need};

const CONFIG: &str = "
vrrp_track_process p {
  process napper
  weight 20
}
vrrp_track_process q {
  process napper
  quorum 2
  quorum_max 3
  terminate_delay 2.2
  fork_delay 1
}
vrrp_track_process exact {
  process DIR/napper 100
}
vrrp_track_process initial {
  process DIR/napper 100
  param_match initial
}
vrrp_track_process partial {
  process DIR/napper 100
  param_match partial
}
vrrp_instance V {
  interface eth0
  virtual_router_id 51
  virtual_ipaddress {
    10.99.0.101
  }
  track_process {
    p
  }
}
vrrp_instance Q {
  interface eth0
  virtual_router_id 52
  virtual_ipaddress {
    10.99.0.102
  }
  track_process {
    q
  }
}
vrrp_instance R {
  interface eth0
  virtual_router_id 53
  virtual_ipaddress {
    10.99.0.103
  }
  track_process {
    p weight 0 reverse
  }
}
vrrp_instance F {
  interface eth0
  virtual_router_id 54
  virtual_ipaddress {
    10.99.0.104
  }
  track_process {
    exact weight 1
    initial weight 2
    partial weight 4
  }
}
";

/// Longer than the looks at all processes are apart, and than any delay here.
const SETTLED: Duration = Duration::from_millis(3000);

/// A machine with a daemon, and processes beside it.
struct Fixture {
    daemon: Daemon,
    machine: Space,
    /// How much of the log has been looked at.
    seen: usize,
    _lan: Lan,
    _dir: LabDir,
}

impl Fixture {
    fn new(config: &str) -> Self {
        need(&["sleep"]);
        let dir = lab_dir();
        let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
        let machine = lan.machine("node", 1).expect("a machine");
        let sleep = ["/bin/sleep", "/usr/bin/sleep"].into_iter().find(|path| Path::new(path).exists());
        std::fs::copy(sleep.expect("coreutils are there"), machine.dir.join("napper")).expect("a program");
        let config = config.replace("DIR", machine.dir.to_str().expect("the lab's paths are text"));
        let daemon = Daemon::start(&Kind::Vrrpd.program(), &machine, &config, &["-D"]).expect("it starts");
        let mut fixture = Self { daemon, machine, seen: 0, _lan: lan, _dir: dir };
        fixture.await_line("Startup complete", Duration::from_secs(5));
        fixture
    }

    fn nap(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(self.machine.dir.join("napper"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.machine.spawn(&mut command).expect("it starts")
    }

    fn await_line(&mut self, words: &str, limit: Duration) {
        let found = wait_for(limit, || self.daemon.log().contains(words).then_some(()));
        assert!(found.is_some(), "no line `{words}`:\n{}", self.daemon.log());
    }

    /// What the log says of processes, priorities and states since this was asked last.
    fn news(&mut self) -> Vec<String> {
        let log = self.daemon.log();
        let lines: Vec<&str> = log.lines().filter_map(|line| line.get(26..)).collect();
        let new = lines[self.seen..].iter();
        let told = ["Quorum ", "Changing effective priority", "Entering FAULT", "Entering BACKUP"];
        let news =
            new.filter(|line| told.iter().any(|words| line.contains(words))).map(|line| (*line).to_owned());
        let news = news.collect();
        self.seen = lines.len();
        news
    }
}

fn end(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// oracle: keepalived 2.2.7 on the same configuration and steps, but for a `terminate_delay` of 1.5 s; the
/// order of the trackers within a step is that of the file in keepalived, and that of their names here.
#[test]
fn processes_come_and_go_as_keepalived_sees_them() {
    let mut node = Fixture::new(CONFIG);
    thread::sleep(SETTLED);
    node.news();
    let first = node.nap(&["100"]);
    thread::sleep(SETTLED);
    let mut news = node.news();
    news.sort();
    assert_eq!(
        news,
        [
            "(F) Changing effective priority from 100 to 101",
            "(F) Changing effective priority from 101 to 103",
            "(F) Changing effective priority from 103 to 107",
            "(R) Entering FAULT STATE",
            "(V) Changing effective priority from 100 to 120",
            "Quorum gained for tracked process exact",
            "Quorum gained for tracked process initial",
            "Quorum gained for tracked process p",
            "Quorum gained for tracked process partial",
        ]
    );
    let second = node.nap(&["1000"]);
    thread::sleep(SETTLED);
    assert_eq!(node.news(), ["Quorum gained for tracked process q", "(Q) Entering BACKUP STATE"]);
    let third = node.nap(&["100", "200"]);
    thread::sleep(SETTLED);
    assert!(node.news().is_empty(), "three are no more than enough");
    let fourth = node.nap(&["200"]);
    thread::sleep(SETTLED);
    assert_eq!(node.news(), ["Quorum lost for tracked process q", "(Q) Entering FAULT STATE"]);
    end(fourth);
    thread::sleep(Duration::from_millis(1000));
    assert!(node.news().is_empty(), "what has ended may start again");
    thread::sleep(SETTLED);
    assert_eq!(node.news(), ["Quorum gained for tracked process q", "(Q) Entering BACKUP STATE"]);
    end(third);
    end(second);
    thread::sleep(Duration::from_millis(300));
    let again = node.nap(&["300"]);
    thread::sleep(SETTLED);
    assert!(node.news().is_empty(), "it was started again in time");
    end(again);
    end(first);
    thread::sleep(SETTLED);
    let mut news = node.news();
    news.sort();
    assert_eq!(
        news,
        [
            "(F) Changing effective priority from 104 to 100",
            "(F) Changing effective priority from 106 to 104",
            "(F) Changing effective priority from 107 to 106",
            "(Q) Entering FAULT STATE",
            "(R) Entering BACKUP STATE",
            "(V) Changing effective priority from 120 to 100",
            "Quorum lost for tracked process exact",
            "Quorum lost for tracked process initial",
            "Quorum lost for tracked process p",
            "Quorum lost for tracked process partial",
            "Quorum lost for tracked process q",
        ]
    );
}

/// The one thing that nobody wants to wait for.
#[test]
fn the_end_of_a_process_is_noticed_at_once() {
    let config = "vrrp_track_process p {\nprocess napper\n}\nvrrp_instance V {\ninterface eth0\n\
                  virtual_router_id 51\nvirtual_ipaddress {\n10.99.0.101\n}\ntrack_process {\np\n}\n}\n";
    let mut node = Fixture::new(config);
    let process = node.nap(&["100"]);
    node.await_line("Quorum gained for tracked process p", Duration::from_secs(3));
    let begin = std::time::Instant::now();
    end(process);
    node.await_line("Quorum lost for tracked process p", Duration::from_secs(3));
    assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
    let log = node.daemon.log();
    assert!(log.contains("the kernel tells no process events here"), "it says how it knows:\n{log}");
}
