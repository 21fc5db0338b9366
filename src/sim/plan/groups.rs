//! The sync group of a plan: who is in it, and what its members must have in common to end somewhere.

use super::{Names, Router};
use crate::config::block::{NotifyScripts, SyncGroup, TrackEntry, Tracked, VrrpInstance};
use crate::config::value::Weight;
use crate::sim::random::Random;
use crate::sim::things;
use crate::types::Priority;

/// The name of the group.
const NAME: &str = "G";

/// The variant of a node's configuration in which there is no group.
const LONERS: u64 = 2;

/// Puts two or all of the routers into the group, and each on one of two links.
pub(super) fn join(random: &mut Random, routers: &mut [Router]) {
    let names = Names::default();
    let all = random.chance(700);
    for (place, router) in routers.iter_mut().enumerate() {
        router.grouped = all || place < 2;
        router.link = if place == 1 || random.chance(300) { names.uplink.clone() } else { names.lan.clone() };
        // An owner is master whatever becomes of the others.
        router.owner = None;
    }
}

/// The group of one configuration. Its members change there as they must.
///
/// All members of a node have one priority. If node a is better in one of them and node b in the other, each
/// hears a better master than itself, both give way, and so they go on: so does keepalived, and nobody has that
/// on purpose. What the members track by themselves has no weight there, and what the group tracks counts for
/// all of them.
pub(super) fn form(
    random: &mut Random,
    variant: u64,
    routers: &[Router],
    instances: &mut [VrrpInstance],
) -> Option<SyncGroup> {
    let priority = Priority::new(random.pick(&[1, 50, 99, 100, 100, 101, 150, 200, 254]));
    let alone = variant == LONERS && random.chance(500);
    let mut track: Vec<TrackEntry> = Vec::new();
    let mut left = Vec::new();
    let mut members = Vec::new();
    for (_, instance) in routers.iter().zip(instances).filter(|(router, _)| router.grouped) {
        instance.priority = priority;
        for TrackEntry { tracked, .. } in std::mem::take(&mut instance.track) {
            if track.iter().any(|entry| entry.tracked == tracked) {
                continue;
            }
            // Members on the second link follow it by themselves, and without a weight.
            let is_link = matches!(tracked, Tracked::Interface(_));
            if is_link || left.contains(&tracked) || random.chance(500) {
                left.push(tracked.clone());
                instance.track.push(TrackEntry { tracked, weight: Weight::default() });
            } else {
                track.push(TrackEntry { tracked, weight: things::weight(random) });
            }
        }
        if !alone {
            instance.sync_group = Some(NAME.to_owned());
            members.push(instance.name.clone());
        }
    }
    if members.is_empty() {
        return None;
    }
    Some(SyncGroup {
        name: NAME.to_owned(),
        members,
        track,
        tracking_weight: false,
        notify: NotifyScripts::default(),
        smtp_alert: false,
        notify_priority_changes: None,
    })
}
