//! Commands of what does not run. keepalived looks at them before it knows that.

use crate::config::block::{NotifyScripts, RootDraft, SyncGroup, VrrpInstance};
use crate::config::value::ScriptCommand;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The notify scripts of every instance and every group that has some, with its name.
pub(super) struct Commands {
    of_instances: Vec<(String, NotifyScripts)>,
    of_groups: Vec<(String, NotifyScripts)>,
}

impl Commands {
    pub(super) fn of(root: &RootDraft) -> Self {
        let of_instances = root.instances.iter().filter(|draft| !draft.notify.is_empty());
        let of_groups = root.groups.iter().filter(|draft| !draft.notify.is_empty());
        Self {
            of_instances: of_instances.map(|draft| (draft.name.text.clone(), draft.notify.clone())).collect(),
            of_groups: of_groups.map(|draft| (draft.name.text.clone(), draft.notify.clone())).collect(),
        }
    }

    /// Those of what is not among the instances and the groups that run.
    pub(super) fn beside(
        self,
        instances: &[Arc<VrrpInstance>],
        groups: &[Arc<SyncGroup>],
    ) -> Vec<ScriptCommand> {
        let running: BTreeSet<&str> = instances.iter().map(|instance| instance.name.as_str()).collect();
        let formed: BTreeSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let of_instances = self.of_instances.into_iter().filter(|(name, _)| !running.contains(name.as_str()));
        let of_groups = self.of_groups.into_iter().filter(|(name, _)| !formed.contains(name.as_str()));
        of_instances
            .chain(of_groups)
            .flat_map(|(_, scripts)| scripts.into_slots().into_iter().flatten())
            .collect()
    }
}
