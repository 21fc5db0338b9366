//! `BFD_CHECK { … }`: follows a BFD session.

use super::{CheckerDraft, Method};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field};
use crate::config::schema::{Context, Keyword, keyword_rows, keywords};
use crate::config::source::Span;
use crate::config::tree::Node;

/// `BFD_CHECK`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BfdCheck {
    /// `name` of the `bfd_instance`.
    pub name: String,
}

/// `BFD_CHECK` while it is read.
#[derive(Clone, Debug)]
pub(in crate::config) struct BfdDraft {
    /// The real server, for messages.
    server: String,
    /// Sessions that exist, and that this real server follows already.
    sessions: Vec<String>,
    followed: Vec<String>,
    name: Option<String>,
    /// What is wrong with it has been said.
    explained: bool,
}

impl CheckerDraft<BfdDraft> {
    const ALPHA: &'static [Keyword<Self>] = keyword_rows! {
        "alpha" Optional "[BOOL]" "" "as the real server" => |d, n, cx| d.alpha(n, cx), "failed until the session is up";
    };
}

keywords! {
    /// `BFD_CHECK`.
    BFD_CHECK: CheckerDraft<BfdDraft>, "BFD_CHECK", None, with &[CheckerDraft::<BfdDraft>::ALPHA];
    "name" Optional "NAME" "a `bfd_instance` above" "required" => name, "the session to follow";
}

pub(in crate::config) fn bfd_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let followed = server.bfd_sessions().map(str::to_owned).collect();
    let kind = BfdDraft {
        server: server.label(),
        sessions: server.sessions.clone(),
        followed,
        name: None,
        explained: false,
    };
    let mut draft = CheckerDraft::new(server.address, kind);
    BFD_CHECK.apply(&mut draft, node.children(), cx);
    match draft.kind.name.clone() {
        _ if draft.kind.explained => {}
        Some(name) => server.checkers.push(draft.finish(None, Method::Bfd(BfdCheck { name }))),
        None => {
            let text = "No name has been specified for BFD_CHECKER - skipping";
            refuse(&mut draft.kind, cx, node.end(), "a `BFD_CHECK` needs a `name`".to_owned(), text);
        }
    }
}

fn refuse(d: &mut BfdDraft, cx: &mut Context<'_>, span: Span, message: String, classic: &str) {
    d.explained = true;
    let problem = Diagnostic::error("checker-dropped", span, message)
        .classic(format!("({}) {classic}", d.server))
        .label("the check is not made");
    cx.report(problem);
}

fn name(d: &mut CheckerDraft<BfdDraft>, node: &Node, cx: &mut Context<'_>) {
    let d = &mut d.kind;
    if d.explained {
        return;
    }
    let [word] = node.args.as_slice() else {
        let text = "BFD_CHECK - No or too many names specified - skipping checker";
        return refuse(d, cx, node.span(), "`name` takes one name".to_owned(), text);
    };
    if !d.sessions.contains(&word.text) {
        let message = format!("there is no `bfd_instance {word}` above that tells the checkers");
        return refuse(d, cx, word.span, message, &format!("BFD_CHECK - BFD {word} not configured"));
    }
    if let Some(other) = d.name.clone() {
        let text = format!("BFD_CHECK - BFD {word} already specified as {other}");
        return refuse(d, cx, word.span, format!("it follows `{other}` already"), &text);
    }
    if d.followed.contains(&word.text) {
        let text = format!("BFD_CHECK - RS already monitoring {word}");
        return refuse(d, cx, word.span, "this real server follows it already".to_owned(), &text);
    }
    d.name = Some(word.text.clone());
}

impl BfdCheck {
    pub(super) fn dump(&self, out: &mut Out, alpha: bool) {
        field!(out, "Keepalive method = BFD_CHECK");
        field!(out, "Name = {}", self.name);
        field!(out, "Alpha is {}", if alpha { "ON" } else { "OFF" });
    }
}
