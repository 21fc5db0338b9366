//! Where it happens: two nodes with a service and a daemon each, a LAN, a client.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::net::daemon::{Daemon, Program};
use crate::net::lan::Lan;
use crate::net::pulse::{Pulse, Responder};
use crate::net::space::Space;

/// The address that the configuration files share.
pub(crate) const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 100));

/// What a node's state machine is in, as its log says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Down,
    Starting,
    Backup,
    Master,
    Fault,
    Stopping,
}

/// A node.
pub(crate) struct Node {
    /// Running, or `None`.
    pub(crate) daemon: Option<Daemon>,
    service: Responder,
    file: PathBuf,
    pub(crate) space: Space,
    /// Length of the log when the present daemon started.
    log_from: usize,
}

impl Node {
    fn new(lan: &Lan, name: &str, n: u8, file: PathBuf) -> io::Result<Self> {
        let space = lan.machine(name, n)?;
        let service = Responder::start(&space, VIP)?;
        let node = Self { daemon: None, service, file, space, log_from: 0 };
        node.serve(true)?;
        Ok(node)
    }

    /// Starts the daemon, once its predecessor has ended.
    pub(crate) fn start(&mut self, program: &Program) -> io::Result<()> {
        if let Some(mut old) = self.daemon.take() {
            old.tree.wait(Duration::from_secs(5))?;
        }
        self.log_from = fs::metadata(self.space.dir.join("daemon.log")).map_or(0, |m| m.len() as usize);
        self.daemon = Some(Daemon::start_on(program, &self.space, &self.file, &[])?);
        Ok(())
    }

    /// Lets the service fail or work, for its users and for the check script.
    pub(crate) fn serve(&self, up: bool) -> io::Result<()> {
        self.service.serve(up);
        let flag = self.space.dir.join("run/service.up");
        if up { fs::write(flag, "") } else { fs::remove_file(flag) }
    }

    /// What the daemon last said about itself.
    pub(crate) fn state(&mut self) -> State {
        let Some(daemon) = &mut self.daemon else { return State::Down };
        if !daemon.tree.is_running() {
            return State::Down;
        }
        let log = daemon.log();
        let own = &log[self.log_from.min(log.len())..];
        let telling = |line: &str| match line.split("Entering ").nth(1) {
            Some(words) => words.split(' ').next().map(str::to_owned),
            None => line.ends_with(" Stopping").then(|| "Stopping".to_owned()),
        };
        match own.lines().rev().find_map(telling).as_deref() {
            Some("Stopping") => State::Stopping,
            Some("MASTER") => State::Master,
            Some("BACKUP") => State::Backup,
            Some("FAULT") => State::Fault,
            _ => State::Starting,
        }
    }

    /// The end of the log of the present daemon.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.daemon.as_ref().map(Daemon::log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// Everything on the stage. Fields are dropped in order: daemons before the machines they run on.
pub(crate) struct Stage {
    pub(crate) client: Pulse,
    pub(crate) a: Node,
    pub(crate) b: Node,
    pub(crate) lan: Lan,
    _user: Space,
    _dir: tempfile::TempDir,
}

impl Stage {
    /// Builds the stage; no daemon runs yet.
    pub(crate) fn new(conf: &Path, files: [&str; 2]) -> io::Result<Self> {
        let dir = tempfile::TempDir::with_prefix("vrrpd-failover.")?;
        let lan = Lan::new(dir.path())?;
        let user = lan.machine("client", 9)?;
        let a = Node::new(&lan, "a", 1, conf.join(files[0]))?;
        let b = Node::new(&lan, "b", 2, conf.join(files[1]))?;
        let client = Pulse::start(&user, VIP)?;
        Ok(Self { client, a, b, lan, _user: user, _dir: dir })
    }
}
