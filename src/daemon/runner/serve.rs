//! The runner's own loop.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGCHLD, SIGKILL, SIGTERM};

use super::frame::{Command, Order, Report};
use crate::sys::process::{self, Exit};
use crate::sys::seqpacket::{Received, SeqPacket};
use crate::sys::spawn::{NOT_FOUND, Program};

/// Between TERM and KILL of a command whose client is gone.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);

/// Runs commands for clients, whose connections come over `control`, until `control` is closed,
/// all clients are gone and all their commands have ended.
///
/// # Errors
/// When not even waiting works any more.
pub fn serve(control: SeqPacket) -> io::Result<()> {
    let (child_ended, its_end) = UnixStream::pair()?;
    child_ended.set_nonblocking(true)?;
    let handler = signal_hook::low_level::pipe::register(SIGCHLD, its_end)?;
    process::unblock_signals()?;
    let mut server = Server {
        control: Some(control),
        clients: Vec::new(),
        orphans: Vec::new(),
        child_ended,
        buffer: vec![0; SeqPacket::MAX_MESSAGE],
    };
    while !server.is_done() {
        server.turn()?;
    }
    signal_hook::low_level::unregister(handler);
    Ok(())
}

struct Server {
    control: Option<SeqPacket>,
    clients: Vec<Client>,
    orphans: Vec<Orphan>,
    child_ended: UnixStream,
    buffer: Vec<u8>,
}

struct Client {
    socket: SeqPacket,
    /// Process ids of what runs for it.
    running: BTreeMap<u64, Run>,
    /// What it has not read yet: at most two for each order of its own.
    unsent: VecDeque<Report>,
    gone: bool,
}

struct Run {
    pid: u32,
    /// It was told to end.
    signalled: bool,
}

/// A command whose client is gone.
struct Orphan {
    pid: u32,
    kill_at: Instant,
}

impl Server {
    fn is_done(&self) -> bool {
        self.control.is_none() && self.clients.is_empty() && self.orphans.is_empty()
    }

    /// Waits for something to happen and deals with it.
    fn turn(&mut self) -> io::Result<()> {
        let (children, control, clients) = self.wait()?;
        if children {
            while self.child_ended.read(&mut self.buffer).is_ok_and(|n| n > 0) {}
        }
        if control {
            self.accept();
        }
        for (client, ready) in self.clients.iter_mut().zip(clients) {
            if ready {
                client.hear(&mut self.buffer);
            }
            client.reap();
            client.send_reports();
        }
        self.bury();
        Ok(())
    }

    /// Who has something: ended children, the parent, each client.
    fn wait(&self) -> io::Result<(bool, bool, Vec<bool>)> {
        let mut interest = vec![PollFd::new(self.child_ended.as_fd(), PollFlags::POLLIN)];
        interest.extend(self.control.iter().map(|control| PollFd::new(control.as_fd(), PollFlags::POLLIN)));
        for client in &self.clients {
            let flags = if client.unsent.is_empty() {
                PollFlags::POLLIN
            } else {
                PollFlags::POLLIN | PollFlags::POLLOUT
            };
            interest.push(PollFd::new(client.socket.as_fd(), flags));
        }
        match poll(&mut interest, self.timeout()) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut ready = interest.iter().map(|fd| fd.any().unwrap_or(true));
        let children = ready.next().unwrap_or(false);
        let control = self.control.is_some() && ready.next().unwrap_or(false);
        Ok((children, control, ready.collect()))
    }

    fn timeout(&self) -> PollTimeout {
        let now = Instant::now();
        let next = self.orphans.iter().map(|orphan| orphan.kill_at.saturating_duration_since(now)).min();
        // One more, because the timeout is cut to whole milliseconds.
        next.map_or(PollTimeout::NONE, |wait| {
            PollTimeout::try_from(wait + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        })
    }

    fn accept(&mut self) {
        let Some(control) = &self.control else { return };
        match control.recv(&mut self.buffer) {
            Ok(Received::Message(_, Some(descriptor))) => self.clients.push(Client::new(descriptor.into())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // One that cannot take clients any more makes way for another.
            Ok(Received::Closed | Received::Message(_, None)) | Err(_) => self.control = None,
        }
    }

    /// Ends what runs for clients that are gone.
    fn bury(&mut self) {
        let now = Instant::now();
        for client in self.clients.extract_if(.., |client| client.gone) {
            for Run { pid, .. } in client.running.into_values() {
                signal(pid, SIGTERM);
                self.orphans.push(Orphan { pid, kill_at: now + ORPHAN_GRACE });
            }
        }
        self.orphans.retain_mut(|orphan| {
            if reap(orphan.pid, true).is_some() {
                return false;
            }
            if orphan.kill_at <= now {
                signal(orphan.pid, SIGKILL);
                orphan.kill_at = now + ORPHAN_GRACE;
            }
            true
        });
    }
}

impl Client {
    fn new(socket: SeqPacket) -> Self {
        Self { socket, running: BTreeMap::new(), unsent: VecDeque::new(), gone: false }
    }

    fn hear(&mut self, buffer: &mut [u8]) {
        loop {
            match self.socket.recv(buffer) {
                Ok(Received::Message(length, _)) => match Order::decode(&buffer[..length]) {
                    Some(order) => self.obey(order),
                    None => {
                        tracing::error!("The script runner does not understand a message of {length} bytes")
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(Received::Closed) | Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Run(id, command) => {
                let report = match start(&command) {
                    Ok(pid) => {
                        self.running.insert(id, Run { pid, signalled: false });
                        Report::Started(id, pid)
                    }
                    Err(error) => {
                        tracing::error!("Cannot start {}: {error}", command.quoted());
                        Report::NotStarted(id)
                    }
                };
                self.unsent.push_back(report);
            }
            Order::Kill(id, number) => {
                if let Some(run) = self.running.get_mut(&id) {
                    run.signalled = true;
                    signal(run.pid, number);
                }
            }
        }
    }

    fn reap(&mut self) {
        self.running.retain(|id, run| match reap(run.pid, run.signalled) {
            None => true,
            Some(exit) => {
                self.unsent.push_back(Report::Ended(*id, exit));
                false
            }
        });
    }

    fn send_reports(&mut self) {
        while let Some(report) = self.unsent.front() {
            match self.socket.send(&report.encode(), None) {
                Ok(()) => self.unsent.pop_front(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.gone = true;
                    return;
                }
            };
        }
    }
}

fn start(command: &Command) -> io::Result<u32> {
    Program::new(&command.file, &command.argv, command.account, &command.groups)?.start(|error| {
        tracing::error!("Error exec-ing command {}: {error}", command.quoted());
    })
}

/// Collects a command that has ended. One that was told to end takes what is left of its process
/// group along: until it is collected nobody else can have that group's number.
fn reap(pid: u32, signalled: bool) -> Option<Exit> {
    if signalled && process::has_ended(pid) {
        signal(pid, SIGKILL);
    }
    // Nobody else collects our children, so a failure can only mean that there is none to wait for.
    process::try_wait(pid).unwrap_or(Some(Exit::Status(i32::from(NOT_FOUND))))
}

fn signal(group: u32, number: i32) {
    if let Err(error) = process::kill_group(group, number) {
        tracing::error!("Cannot send signal {number} to process group {group}: {error}");
    }
}

#[cfg(test)]
mod tests;
