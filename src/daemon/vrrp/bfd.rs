//! The task of all BFD sessions: a thin loop around their machine, and its sockets.
//!
//! It lives on the protocol thread. keepalived has a process for it, so that a VRRP process that is busy
//! holds up no packet; here nothing on that thread ever blocks, its timers are the best there are, and a
//! verdict is an input of the switchboard in the same turn of the loop instead of a message between
//! processes. A panic ends this task alone, which then starts again.

use crate::bfd::{Datagram, Effect, Input, SessionStatus, Sessions, Transmit};
use crate::config::block::{BfdInstance, BfdSession};
use crate::sys::bfd_socket::{Receiver, Sender};
use crate::sys::breather::Breather;
use crate::sys::clock;
use crate::sys::deadlines::Deadlines;
use crate::types::{Family, Instant};
use crate::vrrp::SwitchInput;
use crate::wire::bfd::{LOWEST_SOURCE_PORT, MULTIHOP_PORT, PORT};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Packets taken from a socket before everybody else gets a turn.
const BATCH: usize = 32;

/// A socket that could not be opened is tried again after this long.
const SOCKET_RETRY: Duration = Duration::from_secs(1);

/// After a panic.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// What the coordinator tells the task.
#[derive(Debug)]
enum Control {
    /// Run these and no others.
    Follow(Vec<Arc<BfdInstance>>),
    /// Somebody wants to know how they are.
    Status(oneshot::Sender<Vec<SessionStatus>>),
    /// Say goodbye; answered when that is under way.
    Stop(oneshot::Sender<()>),
}

/// The sessions as the other tasks have them.
#[derive(Debug)]
pub(super) struct Bfd {
    control: mpsc::UnboundedSender<Control>,
    enabled: bool,
}

/// Where what the sessions come to arrives.
#[derive(Debug)]
pub(super) struct Verdicts(mpsc::UnboundedReceiver<SwitchInput>);

impl Verdicts {
    /// The next thing that the switchboard must hear.
    pub(super) async fn next(&mut self) -> SwitchInput {
        match self.0.recv().await {
            Some(input) => input,
            None => std::future::pending().await,
        }
    }
}

impl Bfd {
    /// Starts the task, without sessions; with `-B` it never has any.
    pub(super) fn start(deadlines: Deadlines, breather: Breather, enabled: bool) -> (Self, Verdicts) {
        let (control, receiver) = mpsc::unbounded_channel();
        let (sender, verdicts) = mpsc::unbounded_channel();
        tokio::task::spawn_local(keep_running(deadlines, breather, receiver, sender));
        (Self { control, enabled }, Verdicts(verdicts))
    }

    /// Runs these and no others.
    pub(super) fn follow(&self, sessions: Vec<Arc<BfdInstance>>) {
        if self.enabled {
            let _ = self.control.send(Control::Follow(sessions));
        }
    }

    /// How the sessions are.
    pub(super) async fn status(&self) -> Vec<SessionStatus> {
        let (answer, status) = oneshot::channel();
        let _ = self.control.send(Control::Status(answer));
        status.await.unwrap_or_default()
    }

    /// Tells all neighbours that this is no failure.
    pub(super) async fn stop(&self) {
        let (confirm, confirmed) = oneshot::channel();
        let _ = self.control.send(Control::Stop(confirm));
        // An error here is a task that has failed already.
        let _ = confirmed.await;
    }
}

/// Starts the task again when it fails: with sessions that begin anew.
async fn keep_running(
    deadlines: Deadlines,
    breather: Breather,
    mut control: mpsc::UnboundedReceiver<Control>,
    verdicts: mpsc::UnboundedSender<SwitchInput>,
) {
    let mut followed: Vec<Arc<BfdInstance>> = Vec::new();
    loop {
        // What is to be done passes through here, so that it outlives the task.
        let (forward, receiver) = mpsc::unbounded_channel();
        let task =
            Task::new(deadlines.clone(), breather.clone(), followed.clone(), receiver, verdicts.clone());
        let mut running = tokio::task::spawn_local(task.run());
        let ended = loop {
            tokio::select! {
                message = control.recv() => match message {
                    Some(message) => {
                        if let Control::Follow(sessions) = &message {
                            followed.clone_from(sessions);
                        }
                        let _ = forward.send(message);
                    }
                    None => return running.abort(),
                },
                ended = &mut running => break ended,
            }
        };
        if ended.is_ok() {
            return;
        }
        tracing::error!("BFD failed by an internal error; starting it again in {RESTART_DELAY:?}");
        for session in &followed {
            let _ = verdicts.send(SwitchInput::Session(session.name.clone(), false));
        }
        deadlines.sleep_until(Some(clock::now() + RESTART_DELAY)).await;
    }
}

/// What makes a session one: its packets come from one port all its life.
type Key = (IpAddr, Option<IpAddr>, bool);

fn key(session: &BfdSession) -> Key {
    (session.neighbor, session.source, session.multihop)
}

struct Task {
    deadlines: Deadlines,
    breather: Breather,
    machine: Sessions,
    control: mpsc::UnboundedReceiver<Control>,
    verdicts: mpsc::UnboundedSender<SwitchInput>,
    /// By family and whether it is the port for several hops.
    receivers: BTreeMap<(Family, bool), Receiver>,
    senders: BTreeMap<Key, Sending>,
    wanted: Vec<BfdSession>,
    retry: Option<Instant>,
    /// Where the search for a free port begins.
    next_port: u16,
}

struct Sending {
    sender: Option<Sender>,
    ttl: u8,
    /// The last packet could not be sent, as has been told.
    failed: bool,
}

impl Task {
    fn new(
        deadlines: Deadlines,
        breather: Breather,
        followed: Vec<Arc<BfdInstance>>,
        control: mpsc::UnboundedReceiver<Control>,
        verdicts: mpsc::UnboundedSender<SwitchInput>,
    ) -> Self {
        let seed = clock::wall().as_nanos() as u64 ^ u64::from(std::process::id()) << 40;
        let mut task = Self {
            deadlines,
            breather,
            machine: Sessions::new(clock::now(), &followed, seed),
            control,
            verdicts,
            receivers: BTreeMap::new(),
            senders: BTreeMap::new(),
            wanted: Vec::new(),
            retry: None,
            next_port: LOWEST_SOURCE_PORT + (seed % 8192) as u16,
        };
        task.open_sockets(&followed);
        task
    }

    async fn run(mut self) {
        loop {
            self.carry_out_effects();
            let next = [self.machine.poll_timeout(), self.retry].into_iter().flatten().min();
            tokio::select! {
                biased;
                control = self.control.recv() => match control {
                    Some(Control::Follow(sessions)) => self.follow(sessions),
                    Some(Control::Status(answer)) => drop(answer.send(self.machine.status())),
                    Some(Control::Stop(confirm)) => {
                        self.machine.handle(clock::now(), Input::Stop);
                        self.carry_out_effects();
                        let _ = confirm.send(());
                    }
                    None => return,
                },
                () = self.deadlines.sleep_until(next) => self.on_time(),
                () = readable(&self.breather, &self.receivers) => self.receive(),
            }
        }
    }

    fn follow(&mut self, sessions: Vec<Arc<BfdInstance>>) {
        self.machine.handle(clock::now(), Input::Reconfigure(sessions.clone()));
        // A farewell leaves by the socket that is about to be closed.
        self.carry_out_effects();
        self.open_sockets(&sessions);
    }

    fn on_time(&mut self) {
        // The whole process may have been asleep: what has arrived meanwhile is heard first.
        self.receive();
        self.machine.handle_timeout(clock::now());
        if self.retry.is_some_and(|at| at <= clock::now()) {
            self.open_missing();
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 256];
        for ((_, multihop), receiver) in &self.receivers {
            for _ in 0..BATCH {
                match receiver.receive(&mut buffer) {
                    Ok(Some(got)) => {
                        let datagram = Datagram {
                            source: got.source,
                            destination: got.destination,
                            ttl: got.ttl,
                            multihop: *multihop,
                            payload: got.payload.to_vec(),
                        };
                        self.machine.handle(clock::now(), Input::Packet(datagram));
                    }
                    Ok(None) => break,
                    Err(error) => tracing::debug!("receiving a BFD packet failed: {error}"),
                }
            }
        }
    }

    fn carry_out_effects(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Send(transmit) => self.send(&transmit),
                Effect::Verdict(session, up) => {
                    let _ = self.verdicts.send(SwitchInput::Session(session, up));
                }
                Effect::Notice(notice) if notice.is_detail() => tracing::debug!("{notice}"),
                Effect::Notice(notice) => tracing::info!("{notice}"),
            }
        }
    }

    fn send(&mut self, transmit: &Transmit) {
        let Transmit { session, config, bytes } = transmit;
        let Some(sending) = self.senders.get_mut(&key(config)) else { return };
        let Some(sender) = &sending.sender else { return };
        let port = if config.multihop { MULTIHOP_PORT } else { PORT };
        let outcome = sender.send(SocketAddr::new(config.neighbor, port), bytes);
        if let Err(error) = &outcome
            && !sending.failed
        {
            tracing::error!("({session}) Error sending packet: {error}");
        }
        sending.failed = outcome.is_err();
    }

    /// Closes what is no longer needed and opens what is.
    fn open_sockets(&mut self, instances: &[Arc<BfdInstance>]) {
        self.wanted = instances.iter().filter_map(|instance| instance.session).collect();
        let wanted = &self.wanted;
        self.senders.retain(|known, sending| {
            wanted.iter().any(|session| key(session) == *known && session.ttl == sending.ttl)
        });
        let port = |session: &BfdSession| (Family::of(session.neighbor), session.multihop);
        self.receivers.retain(|known, _| wanted.iter().any(|session| port(session) == *known));
        self.open_missing();
    }

    fn open_missing(&mut self) {
        let retried = self.retry.take().is_some();
        for session in self.wanted.clone() {
            let port = (Family::of(session.neighbor), session.multihop);
            let open = self.receivers.contains_key(&port);
            if !open {
                let number = if session.multihop { MULTIHOP_PORT } else { PORT };
                match Receiver::open(port.0, number) {
                    Ok(receiver) => drop(self.receivers.insert(port, receiver)),
                    Err(error) => {
                        self.missing(
                            retried,
                            &format!("Unable to open listening socket on port {number}: {error}"),
                        );
                    }
                }
            }
            let known = self.senders.get(&key(&session)).is_some_and(|sending| sending.sender.is_some());
            if !known {
                let sender = self.open_sender(&session);
                if let Err(error) = &sender {
                    self.missing(
                        retried,
                        &format!("Unable to open output socket to {}: {error}", session.neighbor),
                    );
                }
                let sending = Sending { sender: sender.ok(), ttl: session.ttl, failed: false };
                self.senders.insert(key(&session), sending);
            }
        }
    }

    /// Told once, and tried again.
    fn missing(&mut self, retried: bool, problem: &str) {
        if !retried {
            tracing::error!("{problem}; trying again every {SOCKET_RETRY:?}");
        }
        self.retry = Some(clock::now() + SOCKET_RETRY);
    }

    fn open_sender(&mut self, session: &BfdSession) -> std::io::Result<Sender> {
        let first = self.next_port;
        let ports = (first..=u16::MAX).chain(LOWEST_SOURCE_PORT..first);
        self.next_port = if first == u16::MAX { LOWEST_SOURCE_PORT } else { first + 1 };
        Sender::open(Family::of(session.neighbor), session.source, session.ttl, ports)
    }
}

/// Ready when anything has arrived anywhere.
async fn readable(breather: &Breather, receivers: &BTreeMap<(Family, bool), Receiver>) {
    breather.breathe().await;
    std::future::poll_fn(|cx| {
        let ready = receivers.values().filter(|receiver| receiver.poll_readable(cx).is_ready()).count();
        if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
