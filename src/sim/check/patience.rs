//! `nopreempt` means it.

use std::collections::BTreeMap;

use super::{Checker, Scene, Step};
use crate::config::block::Preempt;
use crate::sim::border::Machine;
use crate::types::{AdvertInt, Instant, Priority, State, Version};

/// A backup with `nopreempt` does not become master while adverts of a live master reach it.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// When, by the node's clock, the last advert was heeded, and the interval to count in if it names one.
    heard: BTreeMap<Machine, (Instant, Option<AdvertInt>)>,
}

impl Checker for Patience {
    fn name(&self) -> &'static str {
        "patience"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let machine = step.machine;
        let node = &scene.nodes[machine.node];
        let config = node.config(machine.instance);
        let now = node.local(scene.now);
        if (step.before, step.after) == (State::Backup, State::Master)
            && config.preempt == Preempt::Never
            && let Some((heard, interval)) = self.heard.get(&machine)
            && now.since(*heard)
                < interval.unwrap_or(config.advert_int).duration() * u32::from(config.down_timer_adverts)
        {
            return Err(format!("{machine:?} became master {:?} after an advert", now.since(*heard)));
        }
        if step.after != State::Backup {
            self.heard.remove(&machine);
        } else if let Some((_, packet)) = step.advert() {
            let theirs = match config.version {
                Version::V2 => None,
                Version::V3 => AdvertInt::from_centis(packet.max_adver_int_centis()),
            };
            // Without `nopreempt` it may not be heeded, and the timer runs on.
            if packet.priority() == Priority::STOP || config.preempt != Preempt::Never {
                self.heard.remove(&machine);
            } else {
                self.heard.insert(machine, (now, theirs));
            }
        }
        Ok(())
    }
}
