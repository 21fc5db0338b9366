//! The top level of a file.

use super::{GLOBAL_DEFS, GlobalDraft, InstanceDraft, ScriptDraft, Trackables, VRRP_INSTANCE, VRRP_SCRIPT};
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::TrackKind;
use std::sync::Arc;

/// What the blocks of a file have put together so far.
pub(in crate::config) struct RootDraft {
    pub(in crate::config) global: GlobalDraft,
    pub(in crate::config) scripts: Vec<ScriptDraft>,
    pub(in crate::config) instances: Vec<InstanceDraft>,
    /// What the blocks so far have defined for others to track.
    pub(in crate::config) trackables: Arc<Trackables>,
}

keywords! {
    /// Blocks of the top level.
    ROOT: RootDraft, "", None;
    "global_defs" Block(&GLOBAL_DEFS) "{…}" "" "" => global_defs, "settings of the whole daemon; may appear several times";
    "vrrp_script" Block(&VRRP_SCRIPT) "NAME {…}" "" "" => vrrp_script, "a check that is run again and again and moves priorities";
    "virtual_server" Foreign "ADDRESS [PORT] | fwmark N | group NAME {…}" "" "" => |_, _, _| {}, "a service and the machines behind it";
    "virtual_server_group" Foreign "NAME {…}" "" "" => |_, _, _| {}, "addresses and firewall marks that one virtual server stands for";
    "SSL" Foreign "{…}" "" "" => |_, _, _| {}, "settings of the TLS client of `SSL_GET`";
    "vrrp_instance" Block(&VRRP_INSTANCE) "NAME {…}" "one name, used once" "" => vrrp_instance, "our part of one virtual router";
}

/// `global_defs` is read by the parent before everything else, wherever it stands.
fn global_defs(_: &mut RootDraft, _: &Node, _: &mut Context<'_>) {}

impl RootDraft {
    pub(in crate::config) fn new(global: GlobalDraft) -> Self {
        Self { global, scripts: Vec::new(), instances: Vec::new(), trackables: Arc::default() }
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
    Arc::make_mut(&mut root.trackables).define(TrackKind::Script, draft.trackable());
    root.scripts.push(draft);
}

fn vrrp_instance(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(name) = node.args.first() else { return };
    let mut draft = InstanceDraft::new(name, &root.global, &root.trackables);
    VRRP_INSTANCE.apply(&mut draft, node.children(), cx);
    draft.end = node.end;
    root.instances.push(draft);
}
