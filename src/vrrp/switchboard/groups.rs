//! Sync groups at the switchboard: which there are, and who is in them.

use super::{SwitchEffect, Switchboard, Tracking};
use crate::config::Config;
use crate::config::block::{SyncGroup, VrrpInstance};
use crate::config::diff::same_router;
use crate::types::{Instant, master_down_interval};
use crate::vrrp::sync_group::{Entrant, Group, GroupEffect, GroupSays, GroupStatus, Stance, Word};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Switchboard {
    /// What its group has to say to an instance: all that it has said lately comes to this.
    ///
    /// While a reload is under way an instance may not be in the group that it still knows: `None`.
    #[must_use]
    pub fn group_says(&self, instance: &VrrpInstance) -> Option<GroupSays> {
        let name = instance.sync_group.as_deref()?;
        self.groups.iter().find(|group| group.config().name == name)?.says(&instance.name)
    }

    /// The last word of its group to an instance.
    #[must_use]
    pub fn word(&self, instance: &VrrpInstance) -> Option<Word> {
        match self.group_says(instance)? {
            GroupSays::Be { word, .. } => Some(word),
            GroupSays::Announce => None,
        }
    }

    /// Every sync group, in the order of the configuration.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupStatus> {
        self.groups.iter().map(Group::status).collect()
    }

    /// At the start of the daemon.
    pub(super) fn form_groups(&mut self, config: &Config, homeless: &BTreeSet<String>) {
        for group in &config.sync_groups {
            let entrants = members(config, group).map(|instance| {
                let known = self.beginning(instance);
                let stance = if homeless.contains(&instance.name) { Stance::Faulty } else { known };
                entrant(instance, None, Some(stance))
            });
            let group = Group::new(Arc::clone(group), entrants.collect());
            self.groups.push(group);
        }
        self.drain_groups();
    }

    /// At a reload. A group goes on under its name, or under a new one if its first member goes on in it.
    pub(super) fn reform_groups(&mut self, old: &[Arc<VrrpInstance>], config: &Config) {
        let mut before: Vec<Group> = std::mem::take(&mut self.groups);
        let is_kept = |name: &str| config.sync_groups.iter().any(|group| group.name == name);
        for group in &config.sync_groups {
            let entrants: Vec<_> = members(config, group)
                .map(|instance| {
                    let former = old.iter().find(|old| same_router(old, instance));
                    let stance = former.is_none().then(|| self.beginning(instance));
                    entrant(instance, former.map(|former| former.name.clone()), stance)
                })
                .collect();
            let first = entrants.iter().find_map(|entrant| entrant.formerly.clone());
            let by_name = before.iter().position(|old| old.config().name == group.name);
            let predecessor = by_name.or_else(|| {
                let first = first?;
                before.iter().position(|old| !is_kept(&old.config().name) && old.has(&first))
            });
            let predecessor = predecessor.map(|place| before.remove(place));
            self.groups.push(Group::succeeding(predecessor, Arc::clone(group), entrants));
        }
        self.drain_groups();
    }

    /// Where an instance stands that has yet to start.
    fn beginning(&self, instance: &VrrpInstance) -> Stance {
        let Tracking { faults, pending, .. } = self.tracking(&instance.name);
        match (faults.is_empty(), pending) {
            (false, _) => Stance::Faulty,
            (true, 0) if instance.priority.is_owner() => Stance::Ready,
            (true, 0) => Stance::Waiting,
            (true, _) => Stance::Pending,
        }
    }

    /// Lets the group of an instance act, and sees to what comes of it.
    pub(super) fn group(&mut self, instance: &str, act: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.has(instance)) {
            act(group);
        }
        self.drain_groups();
    }

    pub(super) fn stop_groups(&mut self) {
        self.groups.iter_mut().for_each(Group::stop);
        self.drain_groups();
    }

    pub(super) fn handle_group_timeouts(&mut self, now: Instant) {
        self.groups.iter_mut().for_each(|group| group.handle_timeout(now));
        self.drain_groups();
    }

    fn drain_groups(&mut self) {
        for group in &mut self.groups {
            while let Some(effect) = group.poll_effect() {
                self.effects.extend(match effect {
                    GroupEffect::Say(member) => {
                        group.says(&member).map(|says| SwitchEffect::Group(member, says))
                    }
                    GroupEffect::Announce(member) => Some(SwitchEffect::Group(member, GroupSays::Announce)),
                    GroupEffect::Notice(notice) => Some(SwitchEffect::GroupNotice(notice)),
                    GroupEffect::Notify(event) => {
                        Some(SwitchEffect::NotifyGroup(Arc::clone(group.config()), event))
                    }
                });
            }
        }
    }
}

/// The instances of a group, in its order.
fn members<'a>(config: &'a Config, group: &'a SyncGroup) -> impl Iterator<Item = &'a VrrpInstance> {
    group.members.iter().filter_map(|name| config.instance(name)).map(|instance| &**instance)
}

fn entrant(instance: &VrrpInstance, formerly: Option<String>, stance: Option<Stance>) -> Entrant {
    let VrrpInstance { version, priority, advert_int, down_timer_adverts, .. } = *instance;
    Entrant {
        name: instance.name.clone(),
        formerly,
        patience: master_down_interval(version, priority, advert_int, down_timer_adverts),
        stance,
    }
}
