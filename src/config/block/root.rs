//! The top level of a file.

use super::bfd_instance::{BFD_INSTANCE, BfdInstance, bfd_instance};
use super::track_file::{ReadFile, TRACK_FILE, TrackFile, track_file, vrrp_track_file};
use super::track_process::{ReadProcess, TrackProcess, VRRP_TRACK_PROCESS, vrrp_track_process};
use super::tracking::Trackable;
use super::{
    GLOBAL_DEFS, GlobalDraft, GroupDraft, InstanceDraft, ScriptDraft, Trackables, VRRP_INSTANCE, VRRP_SCRIPT,
    VRRP_SYNC_GROUP,
};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::TrackKind;
use std::sync::Arc;

/// What the blocks of a file have put together so far.
pub(in crate::config) struct RootDraft {
    pub(in crate::config) global: GlobalDraft,
    pub(in crate::config) scripts: Vec<ScriptDraft>,
    /// With their names, for messages.
    pub(in crate::config) track_files: Vec<(Word, TrackFile)>,
    pub(in crate::config) track_processes: Vec<(Word, TrackProcess)>,
    pub(in crate::config) bfd_instances: Vec<BfdInstance>,
    pub(in crate::config) groups: Vec<GroupDraft>,
    pub(in crate::config) instances: Vec<InstanceDraft>,
    /// What the blocks so far have defined for others to track.
    pub(in crate::config) trackables: Arc<Trackables>,
}

keywords! {
    /// Blocks of the top level.
    ROOT: RootDraft, "", None;
    "global_defs" Block(&GLOBAL_DEFS) "{…}" "" "" => global_defs, "settings of the whole daemon; may appear several times";
    "vrrp_script" Block(&VRRP_SCRIPT) "NAME {…}" "" "" => vrrp_script, "a check that is run again and again and moves priorities";
    "track_file" Block(&TRACK_FILE) "NAME {…}" "" "" => |d, n, cx| d.add_file(track_file(n, cx)), "a file whose number moves priorities", NotYet("no file moves a priority or causes FAULT");
    "vrrp_track_file" Block(&TRACK_FILE) "NAME {…}" "" "" => |d, n, cx| d.add_file(vrrp_track_file(n, cx)), "deprecated spelling of `track_file`", NotYet("no file moves a priority or causes FAULT");
    "vrrp_track_process" Block(&VRRP_TRACK_PROCESS) "NAME {…}" "" "" => |d, n, cx| d.add_process(vrrp_track_process(n, cx)), "processes that must run, or that move priorities", NotYet("no process moves a priority or causes FAULT");
    "bfd_instance" Block(&BFD_INSTANCE) "NAME {…}" "one name of at most 31 bytes, used once" "" => session, "a BFD session with a neighbour", NotYet("no session runs, and nothing is tracked by it");
    "virtual_server" Foreign "ADDRESS [PORT] | fwmark N | group NAME {…}" "" "" => |_, _, _| {}, "a service and the machines behind it";
    "virtual_server_group" Foreign "NAME {…}" "" "" => |_, _, _| {}, "addresses and firewall marks that one virtual server stands for";
    "SSL" Foreign "{…}" "" "" => |_, _, _| {}, "settings of the TLS client of `SSL_GET`";
    "vrrp_sync_group" Block(&VRRP_SYNC_GROUP) "NAME {…}" "one name, used once" "" => vrrp_sync_group, "instances of which none is master unless all are", NotYet("its instances change state each on its own");
    "vrrp_instance" Block(&VRRP_INSTANCE) "NAME {…}" "one name, used once" "" => vrrp_instance, "our part of one virtual router";
}

/// `global_defs` is read by the parent before everything else, wherever it stands.
fn global_defs(_: &mut RootDraft, _: &Node, _: &mut Context<'_>) {}

impl RootDraft {
    pub(in crate::config) fn new(global: GlobalDraft) -> Self {
        Self {
            global,
            scripts: Vec::new(),
            track_files: Vec::new(),
            track_processes: Vec::new(),
            bfd_instances: Vec::new(),
            groups: Vec::new(),
            instances: Vec::new(),
            trackables: Arc::default(),
        }
    }

    fn add_file(&mut self, read: Option<ReadFile>) {
        let Some(ReadFile { file, trackable }) = read else { return };
        self.track_files.extend(file.map(|file| (trackable.name.clone(), file)));
        self.define(TrackKind::File, trackable);
    }

    fn add_process(&mut self, read: Option<ReadProcess>) {
        let Some(ReadProcess { process, trackable }) = read else { return };
        self.track_processes.extend(process.map(|process| (trackable.name.clone(), process)));
        self.define(TrackKind::Process, trackable);
    }

    /// Blocks further down can track this from now on.
    fn define(&mut self, kind: TrackKind, thing: Trackable) {
        Arc::make_mut(&mut self.trackables).define(kind, thing);
    }

    /// The pass of keepalived's parent: every `global_defs` of the file.
    pub(in crate::config) fn read_globals(&mut self, nodes: &[Node], cx: &mut Context<'_>) {
        cx.by_parent = true;
        for node in nodes.iter().filter(|node| node.keyword.text == GLOBAL_DEFS.block) {
            GLOBAL_DEFS.apply(&mut self.global, node.children(), cx);
        }
        self.global.complete(cx);
        cx.by_parent = false;
    }
}

fn vrrp_script(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(name) = node.args.first() else { return };
    let mut draft = ScriptDraft::new(name, &root.global);
    VRRP_SCRIPT.apply(&mut draft, node.children(), cx);
    draft.complete(node.end(), cx);
    root.define(TrackKind::Script, draft.trackable());
    root.scripts.push(draft);
}

fn vrrp_sync_group(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(name) = node.args.first() else { return };
    let mut draft = GroupDraft::new(name, &root.global, &root.trackables);
    VRRP_SYNC_GROUP.apply(&mut draft, node.children(), cx);
    root.groups.push(draft);
}

fn session(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let Some((name, session)) = node.args.first().zip(bfd_instance(node, &root.bfd_instances, cx)) else {
        return;
    };
    if session.tells_vrrp {
        let thing = Trackable { name: name.clone(), weight: session.weight, usable: true };
        root.define(TrackKind::Session, thing);
    }
    root.bfd_instances.push(session);
}

fn vrrp_instance(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(name) = node.args.first() else { return };
    let mut draft = InstanceDraft::new(name, &root.global, &root.trackables);
    VRRP_INSTANCE.apply(&mut draft, node.children(), cx);
    draft.end = node.end;
    root.instances.push(draft);
}
