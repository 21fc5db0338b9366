//! Keywords of the top level that are about the daemon as a whole. keepalived's parent reads them.

use super::{GlobalDraft, refused};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};
use std::time::Duration;

/// Where and under which name the daemon runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DaemonDefs {
    /// `net_namespace`: in which everything runs; `None`: that of the caller.
    pub net_namespace: Option<String>,
    /// `net_namespace_ipvs`: that of the virtual servers.
    pub net_namespace_ipvs: IpvsNamespace,
    /// `namespace_with_ipsets`: a kernel before 3.13 has them there too.
    pub namespace_with_ipsets: bool,
    /// `use_pid_dir`: pid files are in `/run/keepalived`.
    pub use_pid_dir: bool,
    /// `instance`: a part of the names of pid files and in the log.
    pub instance: Option<String>,
    /// `child_wait_time`: how long the parent waits for its children at the end; default 5 s.
    pub child_wait_time: Duration,
    /// `linkbeat_use_polling`: ask every interface for its carrier, instead of being told.
    pub linkbeat_use_polling: bool,
}

/// The network namespace of the virtual servers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum IpvsNamespace {
    /// That of everything else.
    #[default]
    Same,
    /// The one that the daemon was started in.
    Main,
    /// This one.
    Named(String),
}

impl Default for DaemonDefs {
    fn default() -> Self {
        Self {
            net_namespace: None,
            net_namespace_ipvs: IpvsNamespace::Same,
            namespace_with_ipsets: false,
            use_pid_dir: false,
            instance: None,
            child_wait_time: Duration::from_secs(5),
            linkbeat_use_polling: false,
        }
    }
}

pub(in crate::config) fn net_namespace(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    once(&mut d.defs.daemon.net_namespace, node, cx);
}

pub(in crate::config) fn instance(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    once(&mut d.defs.daemon.instance, node, cx);
}

/// `KEYWORD NAME`, which cannot be changed once it is given.
fn once(slot: &mut Option<String>, node: &Node, cx: &mut Context<'_>) {
    let keyword = &node.keyword;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("{keyword} name missing - ignoring"));
    };
    if slot.is_some() {
        return duplicate(node, word.as_str(), cx);
    }
    *slot = Some(word.text.clone());
}

fn duplicate(node: &Node, name: &str, cx: &mut Context<'_>) {
    let keyword = &node.keyword;
    let text = format!("Duplicate {keyword} definition {name} - ignoring");
    refused(cx, "duplicate-value", keyword, format!("there are two `{keyword}`"), text);
}

pub(in crate::config) fn net_namespace_ipvs(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let slot = &mut d.defs.daemon.net_namespace_ipvs;
    let name = node.args.first().map(|word| word.text.clone());
    if *slot != IpvsNamespace::Same {
        return duplicate(node, name.as_deref().unwrap_or_default(), cx);
    }
    *slot = name.map_or(IpvsNamespace::Main, IpvsNamespace::Named);
}

pub(in crate::config) fn child_wait_time(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("Invalid child_wait_time {}", node.arg()));
    if let Some(secs) = cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Refused, otherwise) {
        d.defs.daemon.child_wait_time = Duration::from_secs(secs.into());
    }
}

/// Kernels that need it are older than any that this program runs on.
pub(in crate::config) fn namespace_with_ipsets(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.daemon.namespace_with_ipsets = true;
    let problem = Diagnostic::note("no-effect", node.keyword.span, "no kernel of today needs this")
        .class(Class::Harmless);
    cx.report(problem);
}

compared! { DaemonDefs {
    net_namespace: "net_namespace" DaemonRestart optional;
    net_namespace_ipvs: "net_namespace_ipvs" DaemonRestart hidden;
    namespace_with_ipsets: "namespace_with_ipsets" None onoff;
    use_pid_dir: "use_pid_dir" DaemonRestart onoff;
    instance: "instance" DaemonRestart optional;
    child_wait_time: "child_wait_time" None time;
    linkbeat_use_polling: "linkbeat_use_polling" None onoff;
}}
