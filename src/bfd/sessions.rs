//! All sessions of a node: which one a packet is for, and what a reload makes of them.

use super::accept::{Datagram, Discard, admit, parse};
use super::notice::{Notice, NoticeKind};
use super::session::{Session, SessionEffect, SessionStatus};
use crate::config::block::{BfdInstance, BfdSession};
use crate::types::{Instant, Random};
use crate::wire::bfd::{Control, PACKET_LEN};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What can happen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A packet arrived.
    Packet(Datagram),
    /// The configuration has these `bfd_instance`s now.
    Reconfigure(Vec<Arc<BfdInstance>>),
    /// All of them are switched off.
    Stop,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Send a packet.
    Send(Transmit),
    /// To those who track this session it is up (`true`) or down from now on.
    Verdict(String, bool),
    /// Tell the operator.
    Notice(Notice),
}

/// A packet to send, from the socket of its session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Name of the session.
    pub session: String,
    /// Where to, where from, and with which TTL.
    pub config: BfdSession,
    /// The UDP payload.
    pub bytes: [u8; PACKET_LEN],
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    sessions: Vec<Session>,
    random: Random,
    /// Kinds of trouble that were told of since a session last changed.
    told: BTreeSet<u8>,
    effects: VecDeque<Effect>,
}

impl Sessions {
    /// Starts sessions; the seed decides on discriminators and jitter.
    #[must_use]
    pub fn new(now: Instant, instances: &[Arc<BfdInstance>], seed: u64) -> Self {
        let mut sessions = Self {
            sessions: Vec::new(),
            random: Random::new(seed),
            told: BTreeSet::new(),
            effects: VecDeque::new(),
        };
        sessions.handle(now, Input::Reconfigure(instances.to_vec()));
        sessions
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Packet(datagram) => self.on_packet(now, &datagram),
            Input::Reconfigure(instances) => self.reconfigure(now, &instances),
            Input::Stop => {
                self.sessions.iter_mut().for_each(|session| session.stop(now));
                self.collect();
            }
        }
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        for session in &mut self.sessions {
            session.handle_timeout(now, &mut self.random);
        }
        self.collect();
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sessions.iter().filter_map(Session::poll_timeout).min()
    }

    /// Whether a session is up, to those who track it.
    #[must_use]
    pub fn is_up(&self, name: &str) -> bool {
        self.sessions.iter().any(|session| session.name == name && session.is_up())
    }

    /// Every session, in the order of the configuration.
    #[must_use]
    pub fn status(&self) -> Vec<SessionStatus> {
        self.sessions.iter().map(Session::status).collect()
    }

    fn on_packet(&mut self, now: Instant, datagram: &Datagram) {
        match self.judge(datagram) {
            Ok((index, control)) => {
                self.sessions[index].on_packet(now, control, &mut self.random);
                self.collect();
            }
            Err(discard) => {
                if self.told.insert(discard.kind()) {
                    let kind = NoticeKind::Discarded(discard, datagram.source);
                    self.effects.push_back(Effect::Notice(Notice { session: String::new(), kind }));
                }
            }
        }
    }

    /// The session that a packet is for, and what it says.
    fn judge(&self, datagram: &Datagram) -> Result<(usize, Control), Discard> {
        let (packet, control) = parse(&datagram.payload)?;
        let wanted = control.your_discriminator;
        let by_address = |session: &Session| {
            let config = &session.config;
            config.neighbor == datagram.source.ip()
                && config.multihop == datagram.multihop
                && config.source.is_none_or(|source| source == datagram.destination)
        };
        let found = self.sessions.iter().position(|session| match wanted {
            0 => by_address(session),
            _ => session.discriminator == wanted,
        });
        let index = found.ok_or(Discard::NoSession(wanted))?;
        admit(&self.sessions[index].config, datagram, packet)?;
        Ok((index, control))
    }

    /// A session with the same neighbour, source and port is the same session, whatever it is called; all
    /// others end and begin.
    fn reconfigure(&mut self, now: Instant, instances: &[Arc<BfdInstance>]) {
        let mut old = std::mem::take(&mut self.sessions);
        for instance in instances {
            let Some(config) = instance.session else { continue };
            let same = |session: &Session| {
                (session.config.neighbor, session.config.source, session.config.multihop)
                    == (config.neighbor, config.source, config.multihop)
            };
            let kept = old.iter().position(same).map(|index| old.remove(index));
            let session = match kept {
                Some(mut session) => {
                    session.reconfigure(now, &instance.name, config, &mut self.random);
                    session
                }
                None => {
                    let taken: BTreeSet<u32> =
                        self.sessions.iter().chain(&old).map(|session| session.discriminator).collect();
                    let discriminator = self.discriminator(&taken);
                    Session::new(now, instance, config, discriminator)
                }
            };
            self.sessions.push(session);
        }
        self.collect();
        for mut gone in old {
            gone.stop(now);
            self.collect_from(&mut gone);
        }
    }

    /// Not 0, and of no other session (RFC 5880 §6.8.1).
    fn discriminator(&mut self, taken: &BTreeSet<u32>) -> u32 {
        loop {
            let number = self.random.within(1..=u64::from(u32::MAX)) as u32;
            if !taken.contains(&number) {
                return number;
            }
        }
    }

    fn collect(&mut self) {
        let mut sessions = std::mem::take(&mut self.sessions);
        sessions.iter_mut().for_each(|session| self.collect_from(session));
        self.sessions = sessions;
    }

    fn collect_from(&mut self, session: &mut Session) {
        while let Some(effect) = session.poll_effect() {
            let name = session.name.clone();
            self.effects.push_back(match effect {
                SessionEffect::Send(control) => {
                    Effect::Send(Transmit { session: name, config: session.config, bytes: control.emit() })
                }
                SessionEffect::Verdict(up) => {
                    self.told.clear();
                    Effect::Verdict(name, up)
                }
                SessionEffect::Notice(kind) => Effect::Notice(Notice { session: name, kind }),
            });
        }
    }
}
