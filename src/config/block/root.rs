//! The top level of a file.

use super::bfd_instance::{BFD_INSTANCE, BfdInstance, bfd_instance};
use super::garp_group::{GARP_GROUP, GarpGroup, GarpGroupDraft};
use super::global_defs as global;
use super::interfaces::{Linkbeat, UpDownDelays, linkbeat_interfaces, up_down_delays};
use super::track_file::{ReadFile, TRACK_FILE, TrackFile, track_file, vrrp_track_file};
use super::track_group::TRACK_GROUP;
use super::track_process::{ReadProcess, TrackProcess, VRRP_TRACK_PROCESS, vrrp_track_process};
use super::tracking::Trackable;
use super::{
    DynamicInterfaces, GLOBAL_DEFS, GlobalDraft, GroupDraft, InstanceDraft, ScriptDraft, StaticDraft,
    SyncDaemon, Trackables, VRRP_INSTANCE, VRRP_SCRIPT, VRRP_SYNC_GROUP,
};
use crate::config::environment::NameDirectories;
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::TrackKind;
use crate::types::IfName;
use std::path::PathBuf;
use std::sync::Arc;

/// Of static addresses, unless `default_interface` or their own line names another.
const DEFAULT_INTERFACE: &str = "eth0";

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
    /// Links that instances have named, with their names.
    links: Vec<(Word, IfName)>,
    pub(in crate::config) garp_groups: Vec<GarpGroup>,
    pub(in crate::config) linkbeat: Vec<Linkbeat>,
    /// With their names, for messages.
    pub(in crate::config) up_down_delays: Vec<(Word, UpDownDelays)>,
    /// What the blocks so far have defined for others to track.
    pub(in crate::config) trackables: Arc<Trackables>,
    pub(in crate::config) statics: StaticDraft,
}

keywords! {
    /// Keywords of the top level.
    ROOT: RootDraft, "", None;
    "net_namespace" Optional "NAME" "" "the caller's" => |d, n, cx| global::net_namespace(&mut d.global, n, cx), "network namespace in which everything runs";
    "net_namespace_ipvs" Optional "[NAME]" "" "`net_namespace`" => |d, n, cx| global::net_namespace_ipvs(&mut d.global, n, cx), "that of the virtual servers; without a name that of the caller", NotYet("no virtual server runs");
    "namespace_with_ipsets" Flag "" "" "off" => |d, n, cx| global::namespace_with_ipsets(&mut d.global, n, cx), "for kernels before 3.13: ipsets in a namespace";
    "use_pid_dir" Flag "" "" "off" => |d, _, _| d.global.defs.daemon.use_pid_dir = true, "pid files are in /run/keepalived";
    "instance" Optional "NAME" "" "none" => |d, n, cx| global::instance(&mut d.global, n, cx), "a part of the names of pid files and in the log";
    "child_wait_time" Required "SECS" "0 to 4294967295" "5" => |d, n, cx| global::child_wait_time(&mut d.global, n, cx), "how long the end of the other processes is waited for";
    "linkbeat_use_polling" Flag "" "" "off" => |d, _, _| d.global.defs.daemon.linkbeat_use_polling = true, "ask interfaces for their carrier, instead of being told", Differs("the kernel tells, which is sooner");
    "global_defs" Block(&GLOBAL_DEFS) "{…}" "" "" => global_defs, "settings of the whole daemon; may appear several times";
    "vrrp_script" Block(&VRRP_SCRIPT) "NAME {…}" "" "" => vrrp_script, "a check that is run again and again and moves priorities";
    "track_file" Block(&TRACK_FILE) "NAME {…}" "" "" => |d, n, cx| d.add_file(track_file(n, cx)), "a file whose number moves priorities";
    "vrrp_track_file" Block(&TRACK_FILE) "NAME {…}" "" "" => |d, n, cx| d.add_file(vrrp_track_file(n, cx)), "deprecated spelling of `track_file`";
    "vrrp_track_process" Block(&VRRP_TRACK_PROCESS) "NAME {…}" "" "" => |d, n, cx| d.add_process(vrrp_track_process(n, cx)), "processes that must run, or that move priorities";
    "bfd_instance" Block(&BFD_INSTANCE) "NAME {…}" "one name of at most 31 bytes, used once" "" => session, "a BFD session with a neighbour", Differs("it lives in the VRRP process, has no pid file, and its lines are logged under that name");
    "virtual_server" Foreign "ADDRESS [PORT] | fwmark N | group NAME {…}" "" "" => |_, _, _| {}, "a service and the machines behind it";
    "virtual_server_group" Foreign "NAME {…}" "" "" => |_, _, _| {}, "addresses and firewall marks that one virtual server stands for";
    "SSL" Foreign "{…}" "" "" => |_, _, _| {}, "settings of the TLS client of `SSL_GET`";
    "track_group" Block(&TRACK_GROUP) "NAME {…}" "one name, used once" "" => |r, n, cx| r.statics.read_group(n, cx), "instances that static addresses, routes and rules are tied to";
    "static_ipaddress" Entries "{ ADDRESS[/PREFIX] [OPTION…] }" "" "none" => static_ipaddress, "addresses that are there for as long as the daemon is";
    "static_routes" Entries "{ [TYPE] DESTINATION [OPTION…] }" "" "none" => |r, n, cx| r.statics.read_routes(n, cx), "routes that are there for as long as the daemon is";
    "static_rules" Entries "{ [OPTION…] ACTION }" "" "none" => |r, n, cx| r.statics.read_rules(n, cx), "rules of policy routing that are there for as long as the daemon is";
    "vrrp_sync_group" Block(&VRRP_SYNC_GROUP) "NAME {…}" "one name, used once" "" => vrrp_sync_group, "instances of which none is master unless all are";
    "vrrp_instance" Block(&VRRP_INSTANCE) "NAME {…}" "one name, used once" "" => vrrp_instance, "our part of one virtual router";
    "garp_group" Block(&GARP_GROUP) "{…}" "" "" => garp_group, "gaps between gratuitous ARPs and unsolicited neighbour advertisements on some interfaces";
    "linkbeat_interfaces" Entries "{ INTERFACE [MII|ETHTOOL|IOCTL] }" "" "none" => |d, n, cx| linkbeat_interfaces(&mut d.linkbeat, n, cx), "interfaces that are asked for their carrier", Differs("the kernel tells, which is sooner");
    "interface_up_down_delays" Entries "{ INTERFACE SECS [SECS] }" "0 to 255" "none" => |d, n, cx| up_down_delays(&mut d.up_down_delays, n, cx), "how long an interface must be down or up before it counts", Differs("a master that sends faster than is configured here does not shorten them");
}

/// What keepalived's parent reads, before everything else and wherever it stands.
const READ_BY_PARENT: [&str; 8] = [
    "global_defs",
    "net_namespace",
    "net_namespace_ipvs",
    "namespace_with_ipsets",
    "use_pid_dir",
    "instance",
    "child_wait_time",
    "linkbeat_use_polling",
];

/// Whether keepalived's parent reads a keyword of the top level, and no other process.
pub(in crate::config) fn is_read_by_parent(keyword: &str) -> bool {
    READ_BY_PARENT.contains(&keyword)
}

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
            links: Vec::new(),
            garp_groups: Vec::new(),
            linkbeat: Vec::new(),
            up_down_delays: Vec::new(),
            trackables: Arc::default(),
            statics: StaticDraft::default(),
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

    /// What the parent reads.
    pub(in crate::config) fn read_globals(&mut self, nodes: &[Node], cx: &mut Context<'_>) {
        cx.by_parent = true;
        ROOT.apply(self, nodes, cx);
        self.global.complete(cx);
        cx.by_parent = false;
        let files = &self.global.defs.files;
        cx.name_directories = NameDirectories {
            usr: files.iproute_usr_dir.as_ref().map(PathBuf::from),
            etc: files.iproute_etc_dir.as_ref().map(PathBuf::from),
        };
        cx.interfaces_may_come = self.global.defs.dynamic_interfaces != DynamicInterfaces::Refused;
    }

    /// What the VRRP process reads then.
    pub(in crate::config) fn read(&mut self, nodes: &[Node], cx: &mut Context<'_>) {
        ROOT.apply(self, nodes, cx);
    }
}

fn global_defs(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    root.global.given.extend(node.children().iter().map(|n| (n.keyword.text.clone(), n.keyword.span)));
    GLOBAL_DEFS.apply(&mut root.global, node.children(), cx);
}

fn garp_group(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = GarpGroupDraft::new(&root.garp_groups);
    GARP_GROUP.apply(&mut draft, node.children(), cx);
    root.garp_groups.extend(draft.complete(node, cx));
}

fn static_ipaddress(root: &mut RootDraft, node: &Node, cx: &mut Context<'_>) {
    let default = root.global.defs.default_interface.as_deref().unwrap_or(DEFAULT_INTERFACE);
    root.statics.read_addresses(node, default, cx);
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
    let mut draft = InstanceDraft::new(name, &root.global, &root.trackables, root.links.clone());
    VRRP_INSTANCE.apply(&mut draft, node.children(), cx);
    draft.end = node.end;
    draft.close(cx);
    if let Some(interface) = draft.sync_daemon.take_if(|_| draft.runs_sync_daemon) {
        root.global.defs.lvs.sync_daemon = Some(SyncDaemon::of_instance(interface, name.text.clone()));
    }
    root.links.extend(draft.link_name().map(|link| (draft.name.clone(), link.clone())));
    root.instances.push(draft);
}
