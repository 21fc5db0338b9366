//! Two nodes, a client and a wire: what every scenario starts from.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::net::client::Client;
use crate::net::daemon::{Daemon, Program};
use crate::net::frame::Advert;
use crate::net::lan::{self, Lan};
use crate::net::process::Tree;
use crate::net::space::Space;
use crate::net::wait_for;
use crate::net::watch::Watch;

/// What a loaded machine with two cores may add to a time that is measured.
pub(crate) const SLACK: Duration = Duration::from_millis(700);

/// What it may add to a time that is only waited for, the start of a daemon in it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// How long an advert may be on its way through two processes of such a machine.
const CROSSING: Duration = Duration::from_millis(60);

/// Which daemon a node runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Vrrpd,
    Keepalived,
}

impl Kind {
    pub(crate) fn program(self) -> Program {
        match self {
            Kind::Vrrpd => Program { name: "vrrpd", path: env!("CARGO_BIN_EXE_vrrpd").into() },
            Kind::Keepalived => Program { name: "keepalived", path: tool("keepalived") },
        }
    }
}

/// A node: a machine with nginx and a VRRP daemon.
pub(crate) struct Node {
    pub(crate) daemon: Option<Daemon>,
    nginx: Option<Tree>,
    pub(crate) watch: Watch,
    pub(crate) space: Space,
    pub(crate) program: Program,
    pub(crate) n: u8,
}

impl Node {
    pub(crate) fn new(lan: &Lan, name: &str, n: u8, kind: Kind) -> Self {
        let space = lan.machine(name, n).expect("a machine");
        let watch = Watch::start(&space).expect("a watch over addresses");
        let node = Self { daemon: None, nginx: None, watch, space, program: kind.program(), n };
        node.write_nginx_conf("");
        node
    }

    pub(crate) fn ip(&self) -> IpAddr {
        lan::ipv4(self.n).into()
    }

    /// Writes the node's nginx.conf, with an `extra` line at its top.
    pub(crate) fn write_nginx_conf(&self, extra: &str) {
        let dir = self.space.dir.display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {dir}/nginx-{kind};\n"))
            .concat();
        let text = format!(
            "{extra}\nuser root;\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx.log;\n\
             events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n{paths}\
             server {{ listen 80; listen [::]:80; location / {{ return 200 \"{}\\n\"; }} }}\n}}\n",
            self.space.name
        );
        fs::write(self.nginx_conf(), text).expect("nginx.conf");
    }

    pub(crate) fn nginx_conf(&self) -> PathBuf {
        self.space.dir.join("nginx.conf")
    }

    /// Starts nginx and waits until it listens.
    pub(crate) fn start_nginx(&mut self) {
        let mut command = Command::new(tool("nginx"));
        command.arg("-e").arg(self.space.dir.join("nginx.log")).arg("-c").arg(self.nginx_conf());
        command.args(["-g", "daemon off;"]);
        self.nginx = Some(Tree::new(self.space.spawn(&mut command).expect("nginx")));
        let pid = self.space.dir.join("nginx.pid");
        wait_for(Duration::from_secs(5), || pid.exists().then_some(())).expect("nginx runs");
    }

    /// Ends the nginx that [`Node::start_nginx`] started.
    pub(crate) fn stop_nginx(&mut self) {
        self.nginx = None;
        let _ = fs::remove_file(self.space.dir.join("nginx.pid"));
    }

    pub(crate) fn start(&mut self, config: &str) {
        self.start_with(config, &["-D"]);
    }

    pub(crate) fn start_with(&mut self, config: &str, options: &[&str]) {
        self.daemon = Some(Daemon::start(&self.program, &self.space, config, options).expect("the daemon"));
    }

    /// Waits for words in the log of this node, or fails with the log.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) {
        let log = || self.daemon.as_ref().map(Daemon::log).unwrap_or_default();
        let found = wait_for(Duration::from_secs(3), || log().contains(words).then_some(()));
        assert!(found.is_some(), "no line `{words}` in:\n{}", log());
    }

    /// The states that an instance has entered, by its log.
    pub(crate) fn states(&self, instance: &str) -> Vec<String> {
        let log = self.daemon.as_ref().map(Daemon::log).unwrap_or_default();
        let words = format!("({instance}) Entering ");
        let entered = log.lines().filter_map(|line| line.split(&words).nth(1));
        entered.map(|state| state.trim_end_matches(" (init)").trim_end_matches(" STATE").to_owned()).collect()
    }

    /// `assert!` that an instance has entered these states, in this order. The log may be behind the wire.
    #[track_caller]
    pub(crate) fn entered(&self, instance: &str, states: &[&str]) {
        let entered = || self.states(instance);
        wait_for(Duration::from_secs(3), || (entered().len() >= states.len()).then_some(()));
        assert_eq!(entered(), states, "{instance} on {}", self.space.name);
    }

    pub(crate) fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("the scenario started a daemon on this node")
    }

    /// TERM; it must end with status 0.
    pub(crate) fn stop(&mut self) {
        let status = self.daemon().stop().expect("an orderly end");
        assert!(status.success(), "{} on {} ended with {status} on TERM", self.program.name, self.space.name);
        self.daemon = None;
    }

    /// TERM, without waiting for the end.
    pub(crate) fn term(&mut self) {
        self.daemon().tree.signal(Signal::SIGTERM).expect("it runs");
    }

    /// `kill -9` of all its processes.
    pub(crate) fn kill(&mut self) {
        self.daemon().tree.kill_all().expect("it runs");
        self.daemon = None;
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let all = self.space.rtnl().addresses().expect("a list of addresses");
        all.iter().any(|(ip, ..)| *ip == address)
    }
}

/// Two nodes `a` (10.99.0.1) and `b` (10.99.0.2) and a client (10.99.0.9) on one LAN.
pub(crate) struct World {
    pub(crate) a: Node,
    pub(crate) b: Node,
    pub(crate) client: Space,
    pub(crate) lan: Lan,
    _dir: LabDir,
}

impl World {
    /// Nodes with running nginx and without running daemons.
    pub(crate) fn new(a: Kind, b: Kind) -> Self {
        need(&["nginx"]);
        let mut world = Self::without_service(a, b);
        world.a.start_nginx();
        world.b.start_nginx();
        world
    }

    /// As [`World::new`], nginx not started.
    pub(crate) fn without_service(a: Kind, b: Kind) -> Self {
        Self::in_dir(lab_dir(), a, b)
    }

    /// As [`World::without_service`], in a directory that the test brings along.
    pub(crate) fn in_dir(dir: LabDir, a: Kind, b: Kind) -> Self {
        need(&["keepalived"]);
        let lan = Lan::new(dir.path()).expect("a LAN (is this root?)");
        let client = lan.machine("client", 9).expect("a client");
        let a = Node::new(&lan, "a", 1, a);
        let b = Node::new(&lan, "b", 2, b);
        Self { a, b, client, lan, _dir: dir }
    }

    /// Starts a, and b when a listens: two starts differ by more than two skews on a busy machine.
    pub(crate) fn start_both(&mut self, config_a: &str, config_b: &str, options: &[&str]) {
        self.a.start_with(config_a, options);
        self.a.wait_for_log("Entering BACKUP STATE");
        self.b.start_with(config_b, options);
    }

    /// A client that asks nginx at `vip` all along.
    pub(crate) fn browse(&self, vip: IpAddr) -> Client {
        Client::http(&self.client, vip, Duration::from_millis(10), Duration::from_millis(100))
            .expect("a client")
    }

    /// Waits until `node` holds `vip`, the other one with a daemon does not, the client's requests arrive at
    /// `node`, and the client's neighbour entry names its MAC. Takes about `limit`: how long the client was
    /// cut off is for the scenario to measure.
    #[track_caller]
    pub(crate) fn settle(&self, browser: &Client, vip: IpAddr, node: &Node, limit: Duration) {
        let begin = SystemTime::now();
        let name = &node.space.name;
        let other = if node.n == self.a.n { &self.b } else { &self.a };
        let served = || {
            let last = browser.last().filter(|r| r.at >= begin)?;
            let neighbour = self.client.rtnl().neighbour(vip).ok()?;
            let right = last.server.as_deref() == Some(name) && neighbour == Some(lan::mac(node.n));
            (node.has(vip) && right && (other.daemon.is_none() || !other.has(vip))).then_some(())
        };
        if wait_for(limit + PATIENCE, served).is_none() {
            panic!(
                "{vip} is not served by {name} after {limit:?}: on a {}, on b {}, neighbour {:02x?}, last answer {:?}",
                self.a.has(vip),
                self.b.has(vip),
                self.client.rtnl().neighbour(vip),
                browser.last()
            );
        }
    }

    /// Sources of the adverts with priority > 0 of one virtual router, repetitions left out.
    ///
    /// A master that a higher one ends may have an advert on its way while that one's first arrives: a
    /// single lower advert less than [`CROSSING`] after the other's is none of a master.
    pub(crate) fn masters(&self, vrid: u8, since: SystemTime) -> Vec<IpAddr> {
        let adverts = self.adverts(vrid, since);
        let adverts: Vec<&Advert> = adverts.iter().filter(|a| a.priority > 0).collect();
        let crosses = |n: usize| match n.checked_sub(1).and_then(|first| adverts.get(first..first + 3)) {
            Some([before, advert, after]) => {
                let late = advert.at.duration_since(before.at).is_ok_and(|late| late < CROSSING);
                late && advert.priority < before.priority
                    && advert.from != before.from
                    && before.from == after.from
            }
            _ => false,
        };
        let kept = (0..adverts.len()).filter(|n| !crosses(*n));
        let mut masters: Vec<IpAddr> = kept.map(|n| adverts[n].from).collect();
        masters.dedup();
        masters
    }

    /// All adverts of one virtual router.
    pub(crate) fn adverts(&self, vrid: u8, since: SystemTime) -> Vec<Advert> {
        self.lan.capture.adverts(since).into_iter().filter(|a| a.vrid == vrid).collect()
    }

    /// From the last advert with priority > 0 of `from` to the first one of `to` after it.
    #[track_caller]
    pub(crate) fn handover(&self, vrid: u8, from: IpAddr, to: IpAddr, since: SystemTime) -> Duration {
        let adverts = self.adverts(vrid, since);
        let last = adverts.iter().filter(|a| a.from == from && a.priority > 0).map(|a| a.at).next_back();
        let last = last.unwrap_or_else(|| panic!("no advert of {from}"));
        let first = adverts.iter().find(|a| a.from == to && a.at > last).map(|a| a.at);
        let first = first.unwrap_or_else(|| panic!("no advert of {to} after the last one of {from}"));
        first.duration_since(last).expect("filtered to be later")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for node in [&self.a, &self.b] {
            let log = fs::read(node.space.dir.join("daemon.log")).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let from = log.lines().count().saturating_sub(60);
            println!("--- {} on {}:", node.program.name, node.space.name);
            log.lines().skip(from).for_each(|line| println!("{line}"));
        }
        println!("--- adverts:");
        let adverts = self.lan.capture.adverts(SystemTime::UNIX_EPOCH);
        for Advert { at, from, to, version, vrid, priority, .. } in
            &adverts[adverts.len().saturating_sub(60)..]
        {
            let seconds =
                at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() % 1000.0;
            println!("{seconds:10.4} {from} > {to} v{version} vrid {vrid} priority {priority}");
        }
    }
}

/// Held shared by tests that only need a machine, alone by those that measure it.
static MACHINE: RwLock<()> = RwLock::new(());

/// A directory for one test, and the test's turn on the machine.
pub(crate) struct LabDir {
    dir: TempDir,
    _turn: Option<RwLockReadGuard<'static, ()>>,
}

impl LabDir {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The machine without other tests of the lab, for measurements.
pub(crate) struct Quiet {
    _turn: RwLockWriteGuard<'static, ()>,
}

impl Quiet {
    pub(crate) fn wait() -> Self {
        // A test that panicked left the machine as it was: there is nothing to poison.
        Self { _turn: MACHINE.write().unwrap_or_else(|poison| poison.into_inner()) }
    }

    /// A directory for a test that has the machine to itself.
    pub(crate) fn dir(&self) -> LabDir {
        LabDir { dir: temp_dir(), _turn: None }
    }
}

/// A directory for a test that shares the machine.
pub(crate) fn lab_dir() -> LabDir {
    let turn = MACHINE.read().unwrap_or_else(|poison| poison.into_inner());
    LabDir { dir: temp_dir(), _turn: Some(turn) }
}

/// Below the build directory: `/tmp` means another one inside each machine.
fn temp_dir() -> TempDir {
    TempDir::with_prefix_in("lab.", env!("CARGO_TARGET_TMPDIR")).expect("a directory for the lab")
}

/// The path of a program that a test needs.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.map(|dir| dir.join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| {
        panic!("this test needs the program `{name}`, which is not installed (see contrib/test)")
    })
}

/// Fails with a clear text unless this is root and all programs are there. A test of the lab never
/// passes without having been run.
#[track_caller]
pub(crate) fn need(programs: &[&str]) {
    assert!(nix::unistd::geteuid().is_root(), "this test makes network namespaces: it must be run as root");
    programs.iter().for_each(|name| drop(tool(name)));
}

/// A unicast instance, on whatever link LINES say.
pub(crate) const UNICAST: &str = "
vrrp_instance VI_1 {
    state STATE
    LINES
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    unicast_src_ip OWN
    unicast_peer {
        PEER
    }
    virtual_ipaddress {
        VIP
    }
}
";

/// `template` with the words `NAME` replaced, for files that differ a little between nodes.
pub(crate) fn fill(template: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(template.to_owned(), |text, (word, value)| text.replace(word, value))
}

/// Writes an executable script.
pub(crate) fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable script");
}

/// `assert!(low <= value <= high)` with the figures in the message.
#[track_caller]
pub(crate) fn within(what: &str, value: Duration, low: Duration, high: Duration) {
    assert!(low <= value && value <= high, "{what}: {value:?}, expected {low:?} to {high:?}");
}
