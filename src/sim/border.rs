//! The border between machines and their world, where bugs can be planted to try the checkers on.

use std::sync::Arc;

use super::kernel::Operation;
use crate::config::Config;
use crate::types::{Instant, State};
use crate::vrrp::{Datagram, Effect, GroupSays, Timer};

/// Which machine: the node and the instance's place in its configuration.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Machine {
    /// The node, from 0.
    pub node: usize,
    /// The instance, from 0.
    pub instance: usize,
}

/// Everything that passes between machines and world. The methods given pass it on as it is.
pub trait Border {
    /// A configuration on its way to the machines of a node.
    fn config(&mut self, _node: usize, config: Arc<Config>) -> Arc<Config> {
        config
    }

    /// A packet on its way to a machine; `None` loses it.
    fn packet(&mut self, _machine: Machine, _now: Instant, datagram: Datagram) -> Option<Datagram> {
        Some(datagram)
    }

    /// When a machine wants to be woken, by its own clock.
    fn deadline(&mut self, _machine: Machine, deadline: (Instant, Timer)) -> Instant {
        deadline.0
    }

    /// What a machine, now in this state, wants done.
    fn effects(&mut self, _machine: Machine, _state: State, _effects: &mut Vec<Effect>) {}

    /// What a group says on its way to a machine; `None` loses it.
    fn group(&mut self, _machine: Machine, says: GroupSays) -> Option<GroupSays> {
        Some(says)
    }

    /// Work on its way to a kernel; `None` loses it.
    fn operation(&mut self, _node: usize, operation: Operation) -> Option<Operation> {
        Some(operation)
    }
}

/// The border without bugs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faithful;

impl Border for Faithful {}
