//! `vrrp_sync_group NAME { … }`: instances that change state together.

use super::tracking::{TrackDraft, TrackEntry, Trackables, Tracked, Tracks, dump_trackers};
use super::vrrp_instance::tracked;
use super::{GlobalDraft, NotifyScripts, VrrpInstance};
use crate::config::Config;
use crate::config::diagnostic::Diagnostic;
use crate::config::diff::compared;
use crate::config::dump::{GroupRunState, Out, field, member, object, yes_no};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{DefaultAccount, ScriptCommand, TrackKind};
use crate::types::State;
use std::sync::Arc;

/// Instances of which none is master unless all of them are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SyncGroup {
    /// Its name in logs, scripts and dumps.
    pub name: String,
    /// `group`: names of its instances, in the order of the file; never empty. An instance is in one group
    /// at most.
    pub members: Vec<String>,
    /// `track_*`: followed by all its instances.
    pub track: Vec<TrackEntry>,
    /// `sync_group_tracking_weight`: weights of its instances' own trackers count.
    pub tracking_weight: bool,
    /// `notify*`.
    pub notify: NotifyScripts,
    /// `smtp_alert`, with its global twins applied.
    pub smtp_alert: bool,
    /// `notify_priority_changes`: default for its instances.
    pub notify_priority_changes: Option<bool>,
}

/// A group while its block is read.
pub(in crate::config) struct GroupDraft {
    pub(in crate::config) name: Word,
    /// The words of `group`.
    pub(in crate::config) members: Vec<Word>,
    pub(in crate::config) track: TrackDraft,
    pub(in crate::config) tracking_weight: bool,
    pub(in crate::config) notify: NotifyScripts,
    pub(in crate::config) smtp_alert: Option<bool>,
    pub(in crate::config) notify_priority_changes: Option<bool>,
    script_account: DefaultAccount,
}

keywords! {
    /// `vrrp_sync_group`.
    VRRP_SYNC_GROUP: GroupDraft, "vrrp_sync_group", Unique("vrrp_sync_group must have a name - skipping"), with &[GroupDraft::TRACKERS];
    "group" List "{ INSTANCE… }" "" "required" => group, "its instances";
    "notify_master" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.master), "run when all instances have become master";
    "notify_backup" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.backup), "run when the instances have become backup";
    "notify_fault" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.fault), "run when an instance has a fault";
    "notify_stop" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.stop), "run when the daemon stops, after those of the instances";
    "notify" Required "SCRIPT [USER [GROUP]]" "" "none" => |d, n, cx| notify(d, n, cx, |s| &mut s.any), "run on every transition, with its particulars as arguments";
    "smtp_alert" Optional "[BOOL]" "" "`smtp_alert_vrrp`" => smtp_alert, "mail on transitions", NotYet("no mail is sent");
    "global_tracking" Flag "" "" "off" => global_tracking, "deprecated: the same as `sync_group_tracking_weight`";
    "sync_group_tracking_weight" Flag "" "" "off" => |d, _, _| d.tracking_weight = true, "weights of its instances' own trackers count";
    "notify_priority_changes" Optional "[BOOL]" "" "`vrrp_notify_priority_changes`" => notify_priority_changes, "default of this keyword for its instances";
}

impl Tracks for GroupDraft {
    fn trackers(&mut self) -> &mut TrackDraft {
        &mut self.track
    }
}

impl GroupDraft {
    pub(in crate::config) fn new(name: &Word, global: &GlobalDraft, known: &Arc<Trackables>) -> Self {
        Self {
            name: name.clone(),
            members: Vec::new(),
            track: TrackDraft::new(name, known),
            tracking_weight: false,
            notify: NotifyScripts::default(),
            smtp_alert: None,
            notify_priority_changes: None,
            script_account: global.script_account,
        }
    }
}

fn group(d: &mut GroupDraft, node: &Node, cx: &mut Context<'_>) {
    let name = &d.name;
    if !d.members.is_empty() {
        let problem =
            Diagnostic::error("duplicate-value", node.keyword.span, format!("`{name}` has its `group` already"))
                .classic(format!("Group list already specified for sync group {name}"))
                .label("this list is ignored, and the block ends with it")
                .help("one `group` takes any number of names")
                .keepalived("ends the whole block at the end of this list: what follows in it is read at the top level; 2.4 loses the whole group");
        return cx.report(problem);
    }
    d.members = node.words().to_vec();
    if d.members.is_empty() {
        let problem = Diagnostic::warning("empty-block", node.keyword.span, "no instance is named")
            .said_at(node.end)
            .classic(format!("Warning - sync group {name} has empty group block"))
            .help("name the instances of the group");
        cx.report(problem);
    }
}

fn notify(
    d: &mut GroupDraft,
    node: &Node,
    cx: &mut Context<'_>,
    slot: fn(&mut NotifyScripts) -> &mut Option<ScriptCommand>,
) {
    let owner = format!("vrrp group {}:", d.name);
    let command = cx.notify_script(node, slot(&mut d.notify).is_some(), &owner, d.script_account);
    if command.is_some() {
        *slot(&mut d.notify) = command;
    }
}

fn smtp_alert(d: &mut GroupDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |word| format!("Invalid vrrp_group smtp_alert parameter {word}"));
    d.smtp_alert = value.or(d.smtp_alert);
}

fn global_tracking(d: &mut GroupDraft, node: &Node, cx: &mut Context<'_>) {
    d.tracking_weight = true;
    let problem = Diagnostic::warning("deprecated", node.keyword.span, "`global_tracking` is an old word")
        .classic(format!(
            "({}) global_tracking is deprecated. Use track_interface/script/file on the sync group",
            d.name
        ))
        .label("read as `sync_group_tracking_weight`")
        .help("what all instances depend on is tracked by the group itself");
    cx.report(problem);
}

fn notify_priority_changes(d: &mut GroupDraft, node: &Node, cx: &mut Context<'_>) {
    let name = &d.name;
    let value = cx.boolean(&node.args, |word| {
        format!("({name}) Invalid value '{word}' for sync group notify_priority_changes specified")
    });
    d.notify_priority_changes = value.or(d.notify_priority_changes);
}

impl SyncGroup {
    /// How keepalived shows it before anything runs.
    pub(in crate::config) fn before_start(&self, config: &Config) -> GroupRunState {
        let members = || config.instances.iter().filter(|instance| self.members.contains(&instance.name));
        let waits = |instance: &&Arc<VrrpInstance>| {
            let holds =
                |entry: &TrackEntry| matches!(entry.tracked, Tracked::Script(_)) && entry.weight.value == 0;
            config.tracked_by(instance).iter().any(holds)
        };
        let init = members().filter(waits).count();
        let state = match init {
            0 if members().all(|instance| instance.wanted_state == State::Master) => State::Master,
            0 => State::Backup,
            _ => State::Init,
        };
        GroupRunState { state, faults: 0, init }
    }

    pub(in crate::config) fn dump(&self, out: &mut Out, run: GroupRunState) {
        object!(out, "VRRP Sync Group = {}, {}", self.name, run.state);
        field!(out, "Num member fault {}, num member init {}", run.faults, run.init);
        field!(out, "VRRP member instances :");
        for instance in &self.members {
            member!(out, "{instance}");
        }
        if self.tracking_weight {
            field!(out, "sync group tracking weight set");
        }
        field!(out, "Using smtp notification = {}", yes_no(self.smtp_alert));
        if let Some(changes) = self.notify_priority_changes {
            field!(out, "Notify priority changes = {}", yes_no(changes));
        }
        dump_trackers(out, &self.track, |kind| match kind {
            TrackKind::Process => "process",
            other => other.plural(),
        });
        self.notify.dump(out);
    }
}

compared! { SyncGroup {
    name: "vrrp_sync_group" None plain;
    members: "group" Advert list, "instances that come to a group do what it does";
    track: "track_*" Advert tracked, "another priority, or a fault, may make another router master";
    tracking_weight: "sync_group_tracking_weight" Advert onoff, "another priority may make another router master";
    smtp_alert: "smtp_alert" None onoff;
    notify_priority_changes: "notify_priority_changes" None optional;
    .. notify;
}}
