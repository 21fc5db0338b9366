//! Only masters speak.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Checker, Scene, Step};
use crate::sim::border::Machine;
use crate::types::State;
use crate::vrrp::Effect;

/// Last words after having given way.
const NUDGES: u32 = 3;

/// Adverts come from a master: one that is, has just become, or at this moment ceases to be one.
/// Priority 0 comes from one that ceases to be.
///
/// One that has given way to a better master may tell it so, a few times; and so may one that was not master and
/// had addresses that an earlier life has left.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// How often a backup may still speak.
    last_words: BTreeMap<Machine, u32>,
    /// Whose addresses were there though it was not master, until it takes part.
    heirs: BTreeSet<Machine>,
}

impl Checker for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn on_step(&mut self, scene: &Scene<'_>, step: &Step<'_>) -> Result<(), String> {
        let (was, is) = (step.before == State::Master, step.after == State::Master);
        let mut spoke = false;
        for priority in step.sent() {
            let last_word = !was && step.after == State::Backup && matches!(step.cause, Cause::Timer);
            let allowed = match priority {
                0 => was && !is,
                _ if was || is => true,
                _ => last_word && self.last_words.get(&step.machine).is_some_and(|left| *left > 0),
            };
            spoke |= !was && !is;
            if !allowed {
                return Err(format!(
                    "{:?} sent priority {priority} going from {} to {}",
                    step.machine, step.before, step.after
                ));
            }
        }
        let kernel = &scene.nodes[step.machine.node].kernel;
        // Whoever starts lets go of addresses that it may not have.
        let starts = matches!(step.cause, Cause::Started);
        let lets_go = step.effects.iter().any(|effect| match effect {
            Effect::Addresses(change) => {
                change.remove.iter().any(|vip| !starts || kernel.has(vip.link(), vip.net.address))
            }
            _ => false,
        });
        if !was && lets_go {
            self.heirs.insert(step.machine);
        }
        let gives_way = step.after == State::Backup && (was || self.heirs.contains(&step.machine));
        if matches!(step.after, State::Backup | State::Master) {
            self.heirs.remove(&step.machine);
        }
        if gives_way {
            self.last_words.insert(step.machine, NUDGES);
        } else if step.after != State::Backup {
            self.last_words.remove(&step.machine);
        }
        if let Some(left) = self.last_words.get_mut(&step.machine).filter(|_| spoke) {
            *left -= 1;
        }
        Ok(())
    }
}
