//! keepalived's configuration language: text in, [`Config`] and diagnostics out.
//!
//! [`load`] is the way in. A file goes through [`source`], `expand` and `reader` (files to logical lines),
//! [`lexer`] (a line to words), `tree` (lines to blocks), the keyword tables of [`block`] (blocks to
//! drafts) and `resolve` (drafts to [`Config`]); each stage adds its [`Diagnostic`]s and none stops
//! at the first.

pub mod block;
pub mod diagnostic;
pub mod diff;
pub mod dump;
pub mod environment;
pub mod glob;
pub mod lexer;
pub mod source;
pub mod value;

mod entry;
mod expand;
mod expanded;
mod include;
mod load;
mod reader;
mod recording;
mod reference;
mod resolve;
mod schema;
mod suggest;
mod tree;
mod usage;

pub use diagnostic::{Class, Consequence, Diagnostic, Severity};
pub use environment::Environment;
pub use expanded::{Expanded, Passwords, expand};
pub use load::{Loaded, load};
pub use recording::{Recording, record};
pub use reference::{BlockReference, KeywordReference, language};
pub use schema::Support;
pub use source::{FileSource, SourceMap};
pub use usage::{Usage, Use, usage};

use crate::types::IfName;
use block::{
    BfdInstance, GarpGroup, GlobalDefs, Linkbeat, ProcessDefs, SslSettings, StaticObjects, SyncGroup,
    TrackEntry, TrackFile, TrackProcess, UpDownDelays, VirtualServer, VirtualServerGroup, VrrpInstance,
    VrrpScript, combined,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Everything that a configuration says, resolved: references looked up, global defaults applied,
/// rules across keywords enforced. What the protocol sees of a configuration is this and nothing else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Config {
    /// `global_defs`.
    pub global: GlobalDefs,
    /// `vrrp_script` blocks that can run, in the order of the file.
    pub scripts: Vec<Arc<VrrpScript>>,
    /// `track_file` blocks with a file, in the order of the file.
    pub track_files: Vec<Arc<TrackFile>>,
    /// `vrrp_track_process` blocks with a process, in the order of the file.
    pub track_processes: Vec<Arc<TrackProcess>>,
    /// `bfd_instance` blocks, in the order of the file.
    pub bfd_instances: Vec<Arc<BfdInstance>>,
    /// `vrrp_instance` blocks, in the order of the file.
    pub instances: Vec<Arc<VrrpInstance>>,
    /// `vrrp_sync_group` blocks that have instances, in the order of the file.
    pub sync_groups: Vec<Arc<SyncGroup>>,
    /// `garp_group` blocks, in the order of the file.
    pub garp_groups: Vec<GarpGroup>,
    /// `linkbeat_interfaces`.
    pub linkbeat: Vec<Linkbeat>,
    /// `interface_up_down_delays`.
    pub up_down_delays: Vec<UpDownDelays>,
    /// `static_ipaddress`, `static_routes`, `static_rules` and `track_group`.
    pub statics: StaticObjects,
    /// Load balancing; it is read, not run, in this version.
    pub lvs: Lvs,
}

/// Virtual servers, and what belongs to them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lvs {
    /// `virtual_server` blocks that can run, in the order of the file.
    pub virtual_servers: Vec<Arc<VirtualServer>>,
    /// `virtual_server_group` blocks, in the order of the file.
    pub groups: Vec<VirtualServerGroup>,
    /// `SSL`.
    pub ssl: Option<SslSettings>,
    /// `track_file` blocks, for the checkers.
    pub track_files: Vec<TrackFile>,
    /// Names of the `bfd_instance` blocks that tell the checkers.
    pub sessions: Vec<String>,
}

impl Config {
    /// What `vrrp_garp_interval` and `vrrp_gna_interval` make of the links of instances and of their
    /// addresses that are in no `garp_group`: a group of its own of each.
    fn links_with_gaps(&self) -> Vec<GarpGroup> {
        let gap = |gap: Duration| Some(gap).filter(|gap| !gap.is_zero());
        let garp = &self.global.garp;
        let (garp_interval, gna_interval) = (gap(garp.interval), gap(garp.gna_interval));
        if garp_interval.or(gna_interval).is_none() {
            return Vec::new();
        }
        let grouped = |link: &IfName| self.garp_groups.iter().any(|group| group.interfaces.contains(link));
        let mut seen = BTreeSet::new();
        let links = self.instances.iter().flat_map(|instance| {
            let vips = instance.all_vips();
            instance.interface.iter().chain(vips.map(|vip| &vip.dev))
        });
        let links = links.filter(|link| !grouped(link) && seen.insert(*link));
        let alone = |link: &IfName| vec![link.clone()];
        links
            .map(|link| GarpGroup { garp_interval, gna_interval, interfaces: alone(link), is_list: false })
            .collect()
    }

    /// The instance of that name.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<&Arc<VrrpInstance>> {
        self.instances.iter().find(|instance| instance.name == name)
    }

    /// How the process that runs virtual routers, and BFD sessions where there are any, is to be.
    #[must_use]
    pub fn protocol_process(&self) -> ProcessDefs {
        let GlobalDefs { vrrp_process, bfd_process, .. } = &self.global;
        match self.bfd_instances.is_empty() {
            true => vrrp_process.clone(),
            false => vrrp_process.also_for(bfd_process),
        }
    }

    /// The sync group of an instance.
    #[must_use]
    pub fn group_of(&self, instance: &VrrpInstance) -> Option<&Arc<SyncGroup>> {
        let name = instance.sync_group.as_deref()?;
        self.sync_groups.iter().find(|group| group.name == name)
    }

    /// What an instance tracks by name, and its group for it.
    #[must_use]
    pub fn tracked_by(&self, instance: &VrrpInstance) -> Vec<TrackEntry> {
        let mut group = self.group_of(instance).map(|group| group.track.clone()).unwrap_or_default();
        // That one is tracked anyway, and without a weight.
        group.retain(|entry| !instance.tracks_anyway(&entry.tracked));
        combined(&instance.track, &group)
    }
}
