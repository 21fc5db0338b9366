//! The rules that every run must keep, one per file.
//!
//! A checker sees every step of every machine and, when nothing should be going on, the world at rest.
//! What it expects it works out from the plan and from what went over the border, not from what the
//! machines believe, wherever that can be had.

mod addresses;
mod best_wins;
mod doorkeeper;
mod firewall;
mod handover;
mod liveness;
mod neighbours;
mod news;
mod one_master;
mod patience;
mod quiet_reload;
mod rhythm;
mod routing;
mod silence;
mod stable;
mod startup;
mod sync_group;
mod yields;

use std::fmt;
use std::time::Duration;

use super::border::Machine;
use super::lan::Host;
use super::node::Node;
use super::observer::Observer;
use super::plan::Plan;
use crate::types::{Instant, State};
use crate::vrrp::{Datagram, Effect, Transmit};
use crate::wire::ipv4;
use crate::wire::vrrp::Packet;

/// Why a machine was driven.
#[derive(Clone, Debug)]
pub enum Cause {
    /// The daemon started.
    Started,
    /// A deadline was reached.
    Timer,
    /// A packet arrived.
    Packet {
        /// The packet.
        datagram: Datagram,
        /// A node sent it and it arrived as it was sent.
        genuine: bool,
    },
    /// Trackers have changed.
    Tracking,
    /// Somebody announced an address.
    Claim,
    /// The sync group has something to say.
    Group,
    /// A link has come up.
    LinkRenewed,
    /// Somebody removed an address, a route or a rule.
    Lost,
    /// The same configuration was read again.
    Reloaded,
    /// Another configuration was read.
    Reconfigured,
    /// The address that adverts come from has changed.
    Source,
    /// The daemon was told to stop.
    Stopped,
    /// The daemon is no more.
    Killed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet { datagram, genuine } => {
                let priority = priority_of(&datagram.message).unwrap_or_default();
                let kind = if *genuine { "advert" } else { "bad packet" };
                write!(f, "<- {kind} {priority} from {}", datagram.source)
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// One step of one machine.
#[derive(Debug)]
pub struct Step<'a> {
    /// Which.
    pub machine: Machine,
    /// Its state before.
    pub before: State,
    /// And after.
    pub after: State,
    /// Why it was driven.
    pub cause: Cause,
    /// What it wanted done.
    pub effects: &'a [Effect],
}

impl Step<'_> {
    /// The priorities of the adverts that it sent.
    fn sent(&self) -> impl Iterator<Item = u8> {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(transmit) => advert_priority(transmit),
            _ => None,
        })
    }

    /// The good advert that was the cause, if one was.
    fn advert(&self) -> Option<(&Datagram, Packet<'_>)> {
        match &self.cause {
            Cause::Packet { datagram, genuine: true } => {
                Some((datagram, Packet::new(&datagram.message).ok()?))
            }
            _ => None,
        }
    }
}

/// The priority in the advert that is to be sent.
#[must_use]
pub fn advert_priority(transmit: &Transmit) -> Option<u8> {
    if transmit.source.is_ipv4() {
        priority_of(ipv4::Packet::new(&transmit.bytes).ok()?.payload())
    } else {
        priority_of(&transmit.bytes)
    }
}

fn priority_of(message: &[u8]) -> Option<u8> {
    Packet::new(message).ok().map(|packet| packet.priority().get())
}

/// What checkers may look at.
pub struct Scene<'a> {
    /// The world's time.
    pub now: Instant,
    /// Since when there are no faults.
    pub calm_since: Option<Instant>,
    /// What was planned.
    pub plan: &'a Plan,
    /// The nodes.
    pub nodes: &'a [Node],
    /// The host that only listens.
    pub observer: &'a Observer,
}

impl Scene<'_> {
    fn instances(&self) -> usize {
        self.plan.nodes.first().map_or(0, |node| node.config.instances.len())
    }

    /// The instances that stand and fall with this one at a node, itself among them.
    fn companions(&self, host: Host, instance: usize) -> Vec<usize> {
        let config = &self.nodes[host].plan.config;
        match &config.instances[instance].sync_group {
            None => vec![instance],
            group => {
                (0..config.instances.len()).filter(|it| config.instances[*it].sync_group == *group).collect()
            }
        }
    }

    /// The longest of what the companions of an instance take.
    fn longest(&self, host: Host, instance: usize, time: impl Fn(&Plan, usize) -> Duration) -> Duration {
        let times = self.companions(host, instance).into_iter().map(|instance| time(self.plan, instance));
        times.max().unwrap_or_default()
    }

    /// Nodes on which an instance is in this state.
    fn hosts_in(&self, instance: usize, state: State) -> Vec<Host> {
        let is = |host: &Host| self.nodes[*host].is_alive() && self.nodes[*host].state(instance) == state;
        (0..self.nodes.len()).filter(is).collect()
    }

    /// The only master, if there is exactly one.
    fn master(&self, instance: usize) -> Option<Host> {
        match self.hosts_in(instance, State::Master)[..] {
            [host] => Some(host),
            _ => None,
        }
    }

    /// The most that a node's kernel takes for everything that a change of state asks of it.
    fn kernel_time(&self, host: Host) -> Duration {
        self.nodes[host].plan.kernel_latency * 6
    }

    /// What frames still under way, and clocks that differ a little, may add to a time.
    fn slack(&self, time: Duration) -> Duration {
        time / 100 + self.plan.frame_time() + self.plan.stormy.latency + self.plan.stormy.jitter
    }
}

/// A rule.
pub trait Checker {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// A machine has been driven, and its effects are under way.
    ///
    /// # Errors
    /// How the rule was broken.
    fn on_step(&mut self, _scene: &Scene<'_>, _step: &Step<'_>) -> Result<(), String> {
        Ok(())
    }

    /// A kernel has done a piece of work, or an announcement has reached the observer.
    ///
    /// # Errors
    /// How the rule was broken.
    fn on_world(&mut self, _scene: &Scene<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Nothing should be going on now.
    ///
    /// # Errors
    /// How the rule is broken.
    fn at_rest(&mut self, _scene: &Scene<'_>) -> Result<(), String> {
        Ok(())
    }

    /// A node stops doing anything for a while.
    fn on_pause(&mut self, _host: Host) {}

    /// The rest is over: a master is about to fail.
    fn on_failover(&mut self) {}
}

/// A rule that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Name of the checker.
    pub checker: &'static str,
    /// When it was noticed.
    pub at: Instant,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.checker, self.at, self.what)
    }
}

/// Every checker, new.
#[must_use]
pub fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(one_master::OneMaster::default()),
        Box::new(liveness::Liveness::default()),
        Box::new(best_wins::BestWins),
        Box::new(patience::Patience::default()),
        Box::new(yields::Yields),
        Box::new(silence::Silence::default()),
        Box::new(rhythm::Rhythm::default()),
        Box::new(news::News::default()),
        Box::new(doorkeeper::Doorkeeper::default()),
        Box::new(addresses::Addresses),
        Box::new(firewall::Firewall),
        Box::new(routing::Routing),
        Box::new(neighbours::Neighbours::default()),
        Box::new(handover::Handover::default()),
        Box::new(quiet_reload::QuietReload),
        Box::new(stable::Stable::default()),
        Box::new(startup::Startup::default()),
        Box::new(sync_group::InStep::default()),
    ]
}
