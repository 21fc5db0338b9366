//! Which instances make a sync group, and what that does to them.

use super::settle_state;
use crate::config::block::{
    GlobalDefs, GroupDraft, InstanceDraft, SyncGroup, TrackDraft, TrackEntry, Tracked, VrrpInstance,
    Weightless,
};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::types::{Priority, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The groups of a file, with members that exist and are in no other group.
pub(super) struct Groups {
    formed: Vec<(GroupDraft, Vec<String>)>,
    /// The place in `formed` of each instance's group.
    homes: BTreeMap<String, usize>,
}

impl Groups {
    /// Finds the members of each group; a group without any is none (keepalived: vrrp_sync_set_group).
    pub(super) fn form(drafts: Vec<GroupDraft>, instances: &[InstanceDraft], cx: &mut Context<'_>) -> Self {
        let mut groups = Self { formed: Vec::new(), homes: BTreeMap::new() };
        for draft in drafts {
            if draft.members.is_empty() {
                no_members(&draft, cx);
                continue;
            }
            let members = groups.members_of(&draft, instances, cx);
            match members[..] {
                [] => removed(&draft, cx),
                [_] => one_member(&draft, cx),
                _ => {}
            }
            if !members.is_empty() {
                let names = members.iter().map(|member| member.name.text.clone()).collect();
                mixed_owners(&draft, &members, cx);
                groups.formed.push((draft, names));
            }
        }
        groups
    }

    fn members_of<'a>(
        &mut self,
        draft: &GroupDraft,
        instances: &'a [InstanceDraft],
        cx: &mut Context<'_>,
    ) -> Vec<&'a InstanceDraft> {
        let number = self.formed.len();
        let mut members: Vec<&InstanceDraft> = Vec::new();
        for word in &draft.members {
            let Some(instance) = instances.iter().find(|instance| instance.name.text == word.text) else {
                unknown_member(draft, word, instances, cx);
                continue;
            };
            if self.homes.contains_key(&word.text) {
                self.taken_member(draft, word, cx);
                continue;
            }
            self.homes.insert(word.text.clone(), number);
            members.push(instance);
        }
        members
    }

    fn taken_member(&self, draft: &GroupDraft, word: &Word, cx: &mut Context<'_>) {
        let home = self.homes.get(&word.text).and_then(|&number| self.formed.get(number));
        let (place, other) = home.map_or((draft, "this group"), |(home, _)| (home, home.name.as_str()));
        let message = format!("instance `{word}` is in {other} already");
        let classic = format!(
            "Virtual router {word} cannot exist in more than one sync group; ignoring {}",
            draft.name
        );
        let mut problem = Diagnostic::error("instance-in-two-groups", word.span, message)
            .label("not a member because of this word")
            .classic(classic);
        if let Some(first) = place.members.iter().find(|first| first.text == word.text) {
            problem = problem.related(first.span, "it is named here first");
        }
        cx.report(problem.at_completion());
    }

    /// All that the groups track.
    pub(super) fn tracked(&self) -> impl Iterator<Item = &Tracked> {
        self.formed.iter().flat_map(|(draft, _)| &draft.track.entries).map(|(entry, _)| &entry.tracked)
    }

    /// The group of an instance.
    pub(super) fn of(&self, instance: &str) -> Option<&GroupDraft> {
        self.homes.get(instance).and_then(|&number| self.formed.get(number)).map(|(draft, _)| draft)
    }

    /// Groups of the instances that there are in the end.
    pub(super) fn complete(
        self,
        instances: &mut [VrrpInstance],
        global: &GlobalDefs,
        cx: &mut Context<'_>,
    ) -> Vec<Arc<SyncGroup>> {
        let mut groups = Vec::new();
        for (draft, mut members) in self.formed {
            members.retain(|name| instances.iter().any(|instance| instance.name == *name));
            settle_wanted_states(&members, instances);
            let track = settle_trackers(draft.track, &members, instances, cx);
            let group = SyncGroup {
                name: draft.name.text,
                members,
                track,
                tracking_weight: draft.tracking_weight,
                notify: draft.notify,
                smtp_alert: draft
                    .smtp_alert
                    .or(global.smtp_alert_vrrp)
                    .or(global.smtp_alert)
                    .unwrap_or(false),
                notify_priority_changes: draft.notify_priority_changes,
            };
            if !group.members.is_empty() {
                groups.push(Arc::new(group));
            }
        }
        groups
    }
}

/// Only a group of owners can begin as master: unless all are, none wants to be.
fn settle_wanted_states(members: &[String], instances: &mut [VrrpInstance]) {
    let mut members: Vec<_> = instances.iter_mut().filter(|i| members.contains(&i.name)).collect();
    let owns =
        |instance: &&mut VrrpInstance| instance.wanted_state == State::Master && instance.priority.is_owner();
    if !members.iter().all(owns) {
        members.iter_mut().for_each(|instance| instance.wanted_state = State::Backup);
    }
}

fn settle_trackers(
    draft: TrackDraft,
    members: &[String],
    instances: &[VrrpInstance],
    cx: &mut Context<'_>,
) -> Vec<TrackEntry> {
    let members = || instances.iter().filter(|instance| members.contains(&instance.name));
    for (entry, span) in &draft.entries {
        members().for_each(|member| tracked_twice(member, &entry.tracked, *span, cx));
    }
    let owned = members().any(|member| member.priority.is_owner());
    draft.settle(None, owned.then_some(Weightless::GroupOfOwner), cx)
}

/// Something that an instance tracks and its group as well.
fn tracked_twice(member: &VrrpInstance, tracked: &Tracked, span: Span, cx: &mut Context<'_>) {
    if !member.tracks_anyway(tracked) && !member.track.iter().any(|entry| entry.tracked == *tracked) {
        return;
    }
    let (name, what, keyword) = (&member.name, tracked.name(), tracked.kind().keyword());
    let message = format!("`{what}` is tracked by instance `{name}` as well");
    let classic = format!("({name}) {keyword} {what} is configured on VRRP instance and sync group");
    let problem = Diagnostic::warning("tracked-twice", span, message)
        .label("where the instance gives a weight, the one given here counts")
        .help("track it in one of the two")
        .at_completion();
    cx.report(match tracked {
        Tracked::Interface(_) => {
            problem.classic(format!("{classic}. Remove vrrp instance or sync group config"))
        }
        _ => problem.class(Class::Harmless).classic(format!("{classic}. Remove vrrp instance config")),
    });
}

fn no_members(draft: &GroupDraft, cx: &mut Context<'_>) {
    let name = &draft.name;
    let problem = Diagnostic::error(
        "group-without-members",
        name.span,
        format!("sync group `{name}` has no instances"),
    )
    .label("removed")
    .help("name its instances in `group { … }`")
    .classic(format!("Sync group {name} has no virtual router(s). removing"));
    cx.report(problem.at_completion());
}

fn removed(draft: &GroupDraft, cx: &mut Context<'_>) {
    let name = &draft.name;
    let message = format!("none of the instances of sync group `{name}` can be in it");
    let problem = Diagnostic::error("group-without-members", name.span, message).label("removed").classic(
        format!("Sync group {name}, no matching virtual router found in group declaration - removing"),
    );
    cx.report(problem.at_completion());
}

fn one_member(draft: &GroupDraft, cx: &mut Context<'_>) {
    let name = &draft.name;
    let message = format!("sync group `{name}` has one instance only");
    let problem = Diagnostic::warning("group-of-one", name.span, message)
        .label("there is nothing to keep in step")
        .help("name another instance, or leave the group out")
        .classic(format!(
            "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
        ));
    cx.report(problem.at_completion());
}

fn unknown_member(draft: &GroupDraft, word: &Word, instances: &[InstanceDraft], cx: &mut Context<'_>) {
    let problem = Diagnostic::error("unknown-instance", word.span, format!("there is no instance `{word}`"))
        .label("this word is ignored")
        .classic(format!(
            "Virtual router {word} specified in sync group {} doesn't exist - ignoring",
            draft.name
        ));
    let names = instances.iter().map(|instance| instance.name.as_str());
    cx.report(problem.meant(word, names, "").at_completion());
}

/// An owner never waits, other routers do: together in a group they hold each other up.
fn mixed_owners(draft: &GroupDraft, members: &[&InstanceDraft], cx: &mut Context<'_>) {
    let name = &draft.name;
    let is_owner = |member: &&&InstanceDraft| settle_state(member).1.is_owner();
    let owner = members.iter().find(is_owner);
    let other = members.iter().find(|member| !is_owner(member));
    let Some((owner, other)) = owner.zip(other) else { return };
    let message = format!("sync group `{name}` has owners of their addresses and others");
    let problem = Diagnostic::warning("group-of-mixed-owners", name.span, message)
        .label("the owners wait until the others may be master as well")
        .help("give `priority 255` to all of its instances, or to none")
        .related(owner.name.span, "this one has priority 255")
        .related(other.name.span, "this one has not");
    // keepalived looks at what is written so far, before it has filled in what is not.
    let said = |instance: &&&InstanceDraft, state| instance.state.is_some_and(|(said, _)| said == state);
    let declared = |member: &&&InstanceDraft| {
        member.priority.is_some_and(Priority::is_owner) && said(member, State::Master)
    };
    let owners = members.iter().take_while(declared).count();
    let heard = owners > 0 && members.get(owners).is_some_and(|next| said(&next, State::Backup));
    cx.report(if heard {
        let classic = format!(
            "Sync group {name} has some member(s) as address owner and some not as address owner. This won't work."
        );
        problem.classic(classic).at_completion()
    } else {
        problem.class(Class::Harmless).at_completion()
    });
}
