//! `track_group NAME { … }`: instances that static addresses, routes and rules are tied to.

use crate::config::block::VrrpInstance;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, member, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;
use std::sync::Arc;

/// Instances that go to FAULT with the interface of each static object of the group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackGroup {
    /// What static objects call it by.
    pub name: String,
    /// Names of instances that exist, at least one.
    pub instances: Vec<String>,
}

/// What a block has put together.
pub(in crate::config) struct TrackGroupDraft {
    pub(in crate::config) name: Word,
    group: Option<(Vec<Word>, Span)>,
}

keywords! {
    /// `track_group`.
    TRACK_GROUP: TrackGroupDraft, "track_group", Unique("track_group must have a name - skipping");
    "group" List "{ INSTANCE… }" "" "required" => group, "the instances";
}

fn group(d: &mut TrackGroupDraft, node: &Node, cx: &mut Context<'_>) {
    if let Some((_, first)) = d.group {
        let message = "a track group has one list of instances";
        let problem = Diagnostic::error("duplicate-value", node.keyword.span, message)
            .classic(format!("Group list already specified for sync group {}", d.name))
            .label("this list is ignored, and the block ends with it")
            .related(first, "this one is used")
            .keepalived("ends the whole block at the end of this list: what follows in it is read at the top level; 2.4 loses the whole group");
        cx.report(problem);
        return;
    }
    let instances = node.words();
    if instances.is_empty() {
        let message = format!("track group `{}` has no instances", d.name);
        let problem = Diagnostic::error("empty-block", node.keyword.span, message)
            .said_at(node.end)
            .classic(format!("Warning - track group {} has empty group block", d.name))
            .label("the group is left out, unless another list follows");
        return cx.report(problem);
    }
    d.group = Some((instances.to_vec(), node.keyword.span));
}

impl TrackGroupDraft {
    /// A block, when its name is in order.
    pub(in crate::config) fn read(node: &Node, cx: &mut Context<'_>) -> Option<Self> {
        let mut draft = Self { name: node.args.first()?.clone(), group: None };
        TRACK_GROUP.apply(&mut draft, node.children(), cx);
        Some(draft)
    }

    /// The group with the instances that exist; `None` when there are none.
    pub(in crate::config) fn complete(
        self,
        instances: &[Arc<VrrpInstance>],
        cx: &mut Context<'_>,
    ) -> Option<TrackGroup> {
        let name = &self.name;
        let words = self.group.map(|(words, _)| words).unwrap_or_default();
        let (known, unknown): (Vec<_>, Vec<_>) =
            words.iter().partition(|word| instances.iter().any(|instance| instance.name == word.text));
        for word in unknown {
            let problem =
                Diagnostic::warning("unknown-instance", word.span, format!("there is no instance `{word}`"))
                    .class(Class::Harmless)
                    .classic(format!(
                        "vrrp instance {word} specified in track group {name} doesn't exist - ignoring"
                    ))
                    .label("ignored");
            cx.report(problem.at_completion());
        }
        if known.is_empty() {
            let what = if words.is_empty() { "virtual router(s)" } else { "VRRP instance(s)" };
            let message = format!("track group `{name}` has no instances");
            let problem = Diagnostic::warning("empty-block", name.span, message)
                .class(Class::Harmless)
                .classic(format!("Static track group {name} has no {what}"))
                .classic(format!("Static track group {name} init fails - removing"))
                .label("the group is left out");
            cx.report(problem.at_completion());
            return None;
        }
        let instances = known.into_iter().map(|word| word.text.clone()).collect();
        Some(TrackGroup { name: self.name.text, instances })
    }
}

impl TrackGroup {
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        object!(out, "Static Track Group = {}", self.name);
        field!(out, "VRRP member instances :");
        for instance in &self.instances {
            member!(out, "{instance}");
        }
    }
}
