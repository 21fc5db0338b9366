//! One session (RFC 5880 §6.8).
//!
//! ```text
//!            Down ◀──────── their AdminDown, or nothing heard for the detection time ───────┐
//!   they: Down │ ▲                                                                          │
//!              ▼ │                                                                          │
//!            Init ──── they: Init or Up ───▶ Up ──── they: Down ───────────────────────────▶┤
//!   Down ────────────── they: Init ────────▶ Up                                             │
//! ```

use super::notice::NoticeKind;
use crate::config::block::{BfdInstance, BfdSession};
use crate::types::{Instant, Random};
use crate::wire::bfd::{Control, Diagnostic, State};
use std::collections::VecDeque;
use std::time::Duration;

/// What a session wants done, before it is known which one it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum SessionEffect {
    Send(Control),
    /// To those who track it, it is up or down from now on.
    Verdict(bool),
    Notice(NoticeKind),
}

/// The timing of one side, in microseconds where keepalived writes them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timing {
    /// It would like to send no more often.
    pub min_tx: u32,
    /// It cannot take more.
    pub min_rx: u32,
    /// It sends this often.
    pub interval: u32,
    /// Packets that may be missed.
    pub detect_mult: u8,
    /// After so much silence of the other side it takes the session for down.
    pub detection: Duration,
}

/// A session as others may see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionStatus {
    /// Its name.
    pub name: String,
    /// Our state.
    pub state: State,
    /// What those who track it go by.
    pub up: bool,
    /// The neighbour's state.
    pub remote_state: State,
    /// Our name for it.
    pub local_discriminator: u32,
    /// The neighbour's; 0: not known.
    pub remote_discriminator: u32,
    /// Why we last changed our state.
    pub local_diagnostic: Diagnostic,
    /// Why the neighbour did.
    pub remote_diagnostic: Diagnostic,
    /// Our timing.
    pub local: Timing,
    /// The neighbour's.
    pub remote: Timing,
    /// The neighbour wants no periodic packets.
    pub remote_demand: bool,
    /// We are waiting for an answer to a poll.
    pub polling: bool,
    /// When the last packet came.
    pub last_heard: Option<Instant>,
    /// When the next periodic packet is due.
    pub next_send: Option<Instant>,
    /// When it expires.
    pub expires: Option<Instant>,
}

/// What the neighbour has said last (RFC 5880 §6.8.1).
#[derive(Clone, Copy, Debug)]
struct Remote {
    state: State,
    discriminator: u32,
    diagnostic: Diagnostic,
    demand: bool,
    /// Microseconds.
    min_rx: u32,
    min_tx: u32,
    detect_mult: u8,
}

impl Remote {
    /// Nothing yet.
    const UNHEARD: Self = Self {
        state: State::Down,
        discriminator: 0,
        diagnostic: Diagnostic::NONE,
        demand: false,
        min_rx: 1,
        min_tx: 0,
        detect_mult: 0,
    };
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) name: String,
    pub(super) config: BfdSession,
    pub(super) discriminator: u32,
    state: State,
    /// What trackers were told last.
    up: bool,
    diagnostic: Diagnostic,
    remote: Remote,
    /// What we announce, in microseconds: `min_tx` while up, else `idle_tx`.
    desired_min_tx: u32,
    /// Announced values count only once they are confirmed where that makes us slower to send or quicker to
    /// give up (RFC 5880 §6.8.3).
    tx_in_force: u32,
    rx_in_force: u32,
    polling: bool,
    last_sent: Option<Instant>,
    last_heard: Option<Instant>,
    next_send: Option<Instant>,
    expires: Option<Instant>,
    /// As last told.
    detection: Duration,
    effects: VecDeque<SessionEffect>,
}

impl Session {
    /// A session that speaks first, unless it is passive.
    pub(super) fn new(now: Instant, instance: &BfdInstance, config: BfdSession, discriminator: u32) -> Self {
        let mut session = Self {
            name: instance.name.clone(),
            discriminator,
            state: State::Down,
            up: false,
            diagnostic: Diagnostic::NONE,
            remote: Remote::UNHEARD,
            desired_min_tx: micros(config.idle_tx),
            tx_in_force: micros(config.idle_tx),
            rx_in_force: micros(config.min_rx),
            polling: false,
            last_sent: None,
            last_heard: None,
            next_send: None,
            expires: None,
            detection: Duration::ZERO,
            effects: VecDeque::new(),
            config,
        };
        if !config.passive {
            session.next_send = Some(now);
        }
        session
    }

    pub(super) fn poll_effect(&mut self) -> Option<SessionEffect> {
        self.effects.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.next_send, self.expires].into_iter().flatten().min()
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// Acts on whatever is due; silence is noticed before anything is said.
    pub(super) fn handle_timeout(&mut self, now: Instant, random: &mut Random) {
        if let Some(deadline) = self.expires.filter(|deadline| *deadline <= now) {
            self.on_silence(now, deadline, random);
        }
        if self.next_send.is_some_and(|due| due <= now) {
            self.send_periodic(now, random);
        }
    }

    /// RFC 5880 §6.8.4.
    fn on_silence(&mut self, now: Instant, deadline: Instant, random: &mut Random) {
        self.expires = None;
        self.remote.discriminator = 0;
        let was_up = self.state == State::Up;
        if matches!(self.state, State::Init | State::Up) {
            let silent = self.last_heard.map_or(Duration::ZERO, |heard| now.since(heard));
            let overdue = now.since(deadline);
            self.notice(NoticeKind::Expired { silent, overdue, was_up });
            self.remote.state = State::Down;
            self.go_down(now, Diagnostic::EXPIRED, random);
        }
        if self.config.passive {
            // A passive side that knows nobody says nothing (RFC 5880 §6.8.7).
            self.next_send = None;
        }
    }

    /// A packet that is for this session and has passed all checks (RFC 5880 §6.8.6).
    pub(super) fn on_packet(&mut self, now: Instant, packet: Control, random: &mut Random) {
        if self.state == State::AdminDown {
            return;
        }
        let detect_mult = packet.detect_mult;
        self.remote = Remote {
            state: packet.state,
            discriminator: packet.my_discriminator,
            diagnostic: packet.diagnostic,
            demand: packet.demand,
            min_rx: packet.required_min_rx,
            min_tx: packet.desired_min_tx,
            detect_mult,
        };
        self.last_heard = Some(now);
        if packet.final_ && self.polling {
            self.polling = false;
            (self.tx_in_force, self.rx_in_force) = (self.desired_min_tx, micros(self.config.min_rx));
        }
        let before = self.state;
        self.transition(now, random);
        self.watch_silence(now);
        if packet.poll {
            self.send(now, true);
        } else if self.state != before {
            self.send_periodic(now, random);
        }
        self.pace(now, random);
    }

    fn transition(&mut self, now: Instant, random: &mut Random) {
        match (self.state, self.remote.state) {
            (State::AdminDown, _) | (State::Down, State::AdminDown | State::Up) => {}
            (State::Down, State::Down) => self.rise(State::Init),
            (State::Down, State::Init) | (State::Init, State::Init | State::Up) => self.come_up(),
            (State::Init, State::Down) | (State::Up, State::Init | State::Up) => {}
            (State::Init | State::Up, State::AdminDown) | (State::Up, State::Down) => {
                self.go_down(now, Diagnostic::NEIGHBOR_DOWN, random);
            }
        }
    }

    fn rise(&mut self, state: State) {
        self.state = state;
        self.diagnostic = Diagnostic::NONE;
        self.notice(NoticeKind::Entered(state));
    }

    fn come_up(&mut self) {
        self.rise(State::Up);
        self.announce(micros(self.config.min_tx));
        self.tell(true);
    }

    /// The neighbour's AdminDown is no failure to those who track the session (RFC 5882 §3.2).
    fn go_down(&mut self, now: Instant, why: Diagnostic, random: &mut Random) {
        let was_up = self.state == State::Up;
        self.state = State::Down;
        self.diagnostic = why;
        self.notice(NoticeKind::Down { local: why, remote: self.remote.diagnostic, was_up });
        self.announce(micros(self.config.idle_tx));
        if self.remote.state != State::AdminDown {
            self.tell(false);
        }
        if why == Diagnostic::EXPIRED && !self.config.passive {
            self.send_periodic(now, random);
        }
    }

    fn tell(&mut self, up: bool) {
        if std::mem::replace(&mut self.up, up) != up {
            self.effects.push_back(SessionEffect::Verdict(up));
        }
    }

    /// Announces another interval to send in; while up it is polled for.
    fn announce(&mut self, desired_min_tx: u32) {
        let changed = self.desired_min_tx != desired_min_tx;
        self.desired_min_tx = desired_min_tx;
        if self.state != State::Up {
            (self.tx_in_force, self.rx_in_force) = (desired_min_tx, micros(self.config.min_rx));
            self.polling = false;
            return;
        }
        self.tx_in_force = self.tx_in_force.min(desired_min_tx);
        if changed {
            self.start_poll();
        }
    }

    fn start_poll(&mut self) {
        self.polling = true;
        self.notice(NoticeKind::Polling);
    }

    /// Takes over what has changed in the configuration of the same session, its name perhaps.
    pub(super) fn reconfigure(&mut self, now: Instant, name: &str, config: BfdSession, random: &mut Random) {
        if self.name != name {
            name.clone_into(&mut self.name);
            self.effects.push_back(SessionEffect::Verdict(self.up));
        }
        let old = std::mem::replace(&mut self.config, config);
        if old == config || self.state == State::AdminDown {
            return;
        }
        let min_rx = micros(config.min_rx);
        // Until the neighbour knows that we can take more it sends as rarely as before.
        self.rx_in_force = self.rx_in_force.max(min_rx);
        self.announce(micros(if self.state == State::Up { config.min_tx } else { config.idle_tx }));
        if self.state == State::Up && old.min_rx != config.min_rx && !self.polling {
            self.start_poll();
        }
        self.watch_silence(self.last_heard.unwrap_or(now));
        match (config.passive, self.remote.discriminator) {
            (true, 0) => self.next_send = None,
            (false, 0) if self.next_send.is_none() => self.next_send = Some(now),
            _ => {}
        }
        self.pace(now, random);
    }

    /// Switched off; the neighbour is told once (RFC 5880 §6.8.16).
    pub(super) fn stop(&mut self, now: Instant) {
        self.state = State::AdminDown;
        self.diagnostic = Diagnostic::ADMIN_DOWN;
        self.polling = false;
        self.notice(NoticeKind::Entered(State::AdminDown));
        if self.remote.discriminator != 0 {
            self.send(now, false);
        }
        self.next_send = None;
        self.expires = None;
    }

    // Timers.

    /// RFC 5880 §6.8.4: as many of the neighbour's intervals as it says.
    fn detection_time(&self) -> Duration {
        let interval = self.rx_in_force.max(self.remote.min_tx);
        Duration::from_micros(u64::from(interval)) * u32::from(self.remote.detect_mult)
    }

    fn watch_silence(&mut self, heard: Instant) {
        if self.remote.discriminator == 0 {
            return;
        }
        let (before, detection) = (self.detection, self.detection_time());
        self.expires = Some(heard + detection);
        if detection != before {
            self.detection = detection;
            self.notice(NoticeKind::DetectionTime { now: detection, before });
        }
    }

    /// Microseconds between two packets of ours before they are jittered (RFC 5880 §6.8.2).
    fn interval(&self) -> u32 {
        self.tx_in_force.max(self.remote.min_rx)
    }

    /// Whether packets are sent without being asked for (RFC 5880 §6.8.7).
    fn sends_periodically(&self) -> bool {
        let unknown = self.remote.discriminator == 0;
        let asleep =
            self.remote.demand && self.state == State::Up && self.remote.state == State::Up && !self.polling;
        self.state != State::AdminDown
            && self.remote.min_rx != 0
            && !(unknown && self.config.passive)
            && !asleep
    }

    /// Three quarters of the interval and up to a quarter more; at most nine tenths where no packet may be missed.
    fn jittered(&self, random: &mut Random) -> Duration {
        let interval = u64::from(self.interval());
        let most = if self.config.multiplier == 1 { interval * 9 / 10 } else { interval };
        Duration::from_micros(random.within(interval * 3 / 4..=most))
    }

    /// Brings the next packet forward when we may send more often now; starts and ends sending.
    fn pace(&mut self, now: Instant, random: &mut Random) {
        if !self.sends_periodically() {
            self.next_send = None;
            return;
        }
        let after = self.jittered(random);
        let due = self.last_sent.map_or(now, |sent| sent + after).max(now);
        let longest = now + Duration::from_micros(u64::from(self.interval()));
        match self.next_send {
            Some(planned) if planned <= longest => {}
            _ => self.next_send = Some(due),
        }
    }

    fn send_periodic(&mut self, now: Instant, random: &mut Random) {
        if !self.sends_periodically() {
            self.next_send = None;
            return;
        }
        self.send(now, false);
        self.next_send = Some(now + self.jittered(random));
    }

    fn send(&mut self, now: Instant, final_: bool) {
        if !final_ {
            self.last_sent = Some(now);
        }
        self.effects.push_back(SessionEffect::Send(Control {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: self.polling && !final_,
            final_,
            demand: false,
            detect_mult: self.config.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: self.desired_min_tx,
            required_min_rx: micros(self.config.min_rx),
        }));
    }

    fn notice(&mut self, kind: NoticeKind) {
        self.effects.push_back(SessionEffect::Notice(kind));
    }

    /// As others may see it.
    pub(super) fn status(&self) -> SessionStatus {
        let Remote { state, discriminator, diagnostic, demand, min_rx, min_tx, detect_mult } = self.remote;
        let ours = Duration::from_micros(u64::from(self.interval()));
        SessionStatus {
            name: self.name.clone(),
            state: self.state,
            up: self.up,
            remote_state: state,
            local_discriminator: self.discriminator,
            remote_discriminator: discriminator,
            local_diagnostic: self.diagnostic,
            remote_diagnostic: diagnostic,
            local: Timing {
                min_tx: self.desired_min_tx,
                min_rx: micros(self.config.min_rx),
                interval: self.interval(),
                detect_mult: self.config.multiplier,
                detection: self.detection_time(),
            },
            remote: Timing {
                min_tx,
                min_rx,
                interval: self.rx_in_force.max(min_tx),
                detect_mult,
                detection: ours * u32::from(self.config.multiplier),
            },
            remote_demand: demand,
            polling: self.polling,
            last_heard: self.last_heard,
            next_send: self.next_send,
            expires: self.expires,
        }
    }
}

/// As the wire has it; the configuration has no more than 32 bits of them.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
