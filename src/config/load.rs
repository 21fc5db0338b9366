//! The whole way: a path in, a [`Config`] and everything there is to say about it out.

use super::block::{
    BFD_BLOCK, BFD_PART, CHECKER_PART, GlobalDraft, LVS_BLOCKS, LVS_ROOT, LvsDraft, PARENT_PART, Part,
    RootDraft, Service, VRRP_PART,
};
use super::diagnostic::{Class, Consequence, Diagnostic, Diagnostics};
use super::environment::Environment;
use super::reader::{Line, Reader};
use super::resolve::resolve;
use super::schema::Context;
use super::source::{FileSource, SourceMap};
use super::tree::{Builder, MISSING_CLOSE_BRACE, Node};
use super::value::{DefaultAccount, ScriptCommand};
use super::{Config, Lvs};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What became of a configuration file. Reading never fails: what cannot be used is left out and said.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What runs.
    pub config: Config,
    /// Everything there is to say, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that the diagnostics point into: the very bytes that were read.
    pub sources: SourceMap,
    /// Commands of blocks that do not run: keepalived looks at them all the same.
    pub left_out: Vec<ScriptCommand>,
}

impl Loaded {
    /// Whether keepalived would not run this: the daemon does not start, or keeps what it has on reload.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_fatal)
    }

    /// The exit code of a daemon that cannot start with this: 6 without a file, 2 when refused; `None`
    /// when it runs.
    #[must_use]
    pub fn run_exit_code(&self) -> Option<u8> {
        match self.worst_consequence() {
            Consequence::GoesOn | Consequence::StopsCheckers => None,
            Consequence::Refused | Consequence::StopsReading => Some(2),
            Consequence::NothingToRun => Some(6),
        }
    }

    /// Where and why it does not run, in one line; `None` when it does.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let worst = self.worst_consequence();
        self.diagnostics.iter().find(|d| d.is_fatal() && d.consequence == worst).map(|d| self.line_about(d))
    }

    /// Why it looks like a part of a file only, in one line: one that somebody is about to write. It can run.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let main = self.sources.files().next();
        if let Some(empty) = main.filter(|file| file.text().trim().is_empty()) {
            return Some(format!("{}: the file is empty", empty.path.display()));
        }
        self.diagnostics.iter().find(|d| d.id == MISSING_CLOSE_BRACE).map(|d| self.line_about(d))
    }

    fn line_about(&self, problem: &Diagnostic) -> String {
        let place = problem.span.map_or(String::new(), |span| {
            format!("{}:{}: ", self.sources.file(span.file).path.display(), self.sources.position(span).0)
        });
        format!("{place}{}", problem.message)
    }

    /// The exit code of `-t`: 2 for a missing argument, else that of the highest class (0, 4, 5, 6).
    #[must_use]
    pub fn test_exit_code(&self) -> u8 {
        let stops = [Consequence::StopsReading, Consequence::StopsCheckers];
        if self.diagnostics.iter().any(|d| stops.contains(&d.consequence)) {
            return 2;
        }
        self.diagnostics.iter().map(|d| d.class).max().unwrap_or(Class::Harmless).exit_code()
    }

    /// Whether keepalived's VRRP process gets so far as to look at the whole of what it has read.
    #[must_use]
    pub fn vrrp_is_complete(&self) -> bool {
        let stops = |d: &Diagnostic| {
            d.consequence >= Consequence::StopsReading || d.id == super::schema::MISSING_INTERFACES
        };
        !self.diagnostics.iter().any(stops)
    }

    /// The same of its checker process.
    #[must_use]
    pub fn lvs_is_complete(&self) -> bool {
        // The checkers read before the VRRP process does.
        let stops = |d: &Diagnostic| match d.consequence {
            Consequence::GoesOn | Consequence::Refused => false,
            Consequence::StopsReading => d.is_by_parent(),
            Consequence::StopsCheckers | Consequence::NothingToRun => true,
        };
        !self.diagnostics.iter().any(stops)
    }

    fn worst_consequence(&self) -> Consequence {
        self.diagnostics.iter().map(|d| d.consequence).max().unwrap_or_default()
    }
}

/// Reads the file that `-f` names, and all that it includes.
#[must_use]
pub fn load(path: &Path, files: &dyn FileSource, environment: &dyn Environment) -> Loaded {
    load_and(path, files, environment, &mut |_, _| {})
}

/// The same, and shows the tree of each reading to `look`, which is told whether it is that of the checkers.
///
/// Each of keepalived's processes reads the whole file, and so do we in its place.
pub(super) fn load_and(
    path: &Path,
    files: &dyn FileSource,
    environment: &dyn Environment,
    look: &mut dyn FnMut(&[Node], bool),
) -> Loaded {
    let mut reader = Reader::new(files, environment);
    reader.read_main(path);
    let Reader { sources, lines, diagnostics, .. } = reader;

    let mut cx = Context::new(diagnostics, environment);
    let mut root = RootDraft::new(GlobalDraft::new(cx.customary_account()));
    let (globals, mut said) = build(Builder::of(&lines).by_parent(), &PARENT_PART);
    // Whoever reads the blocks sees better which one is open.
    said.retain(|d| d.id != MISSING_CLOSE_BRACE);
    look(&globals, false);
    // Where all braces are in order for the parent, they are for those who only look for their blocks.
    let in_disorder = said.iter().any(|d| d.class != Class::Harmless);
    cx.diagnostics.extend(said);
    root.read_globals(&globals, &mut cx);
    let needs = |blocks: &[&str]| in_disorder || lines.iter().any(|line| begins(line, blocks));
    let checkers = needs(&LVS_BLOCKS).then(|| build(Builder::of(&lines).quietly(), &CHECKER_PART));
    let bfd = needs(&[BFD_BLOCK]).then(|| build(Builder::of(&lines).quietly(), &BFD_PART).1);

    let (nodes, said) = build(Builder::new(lines), &VRRP_PART);
    look(&nodes, false);
    join(&mut cx.diagnostics, said);
    root.read(&nodes, &mut cx);
    // Of a large file the tree is most of the memory, and nobody needs it any more.
    drop(nodes);
    let (script_account, smtp_alert) = (root.global.script_account, root.global.smtp_alert_checker());
    cx.check_interfaces();
    let mut config = resolve(root, &mut cx);
    let told_of_user = cx.told_of_customary_user;
    let (mut diagnostics, left_out) = (cx.diagnostics, cx.left_out);
    if let Some((nodes, said)) = checkers {
        look(&nodes, true);
        let mut told = Diagnostics::default();
        told.extend(said);
        let cx = Context::new(told, environment);
        cx.told_of_customary_user.set(told_of_user.get());
        let (lvs, said) = load_lvs(&nodes, script_account, smtp_alert, cx);
        config.lvs = lvs;
        join(&mut diagnostics, said.into_iter().map(of_checkers));
    }
    join(&mut diagnostics, bfd.into_iter().flatten());
    let mut diagnostics = diagnostics.into_vec();
    diagnostics.sort_by_key(|d| d.span.map(|span| (span.file, span.start)));
    Loaded { config, diagnostics, sources, left_out }
}

/// What one of the processes makes of the braces.
fn build(mut builder: Builder<'_>, part: &'static Part) -> (Vec<Node>, Vec<Diagnostic>) {
    let nodes = builder.build(part);
    (nodes, builder.into_diagnostics().into_vec())
}

/// Whether a line may begin one of these blocks.
fn begins(line: &Line, blocks: &[&str]) -> bool {
    match line {
        Line::Words { words, .. } => words.first().is_some_and(|word| blocks.contains(&word.as_str())),
        Line::Open(_) | Line::Close(_) => false,
    }
}

/// The second reading: what keepalived's checker process makes of the file.
///
/// It leaves out the blocks of VRRP as the first leaves out its own, by their braces alone. So nothing
/// that stands in a `virtual_server`, however broken, is ever read as part of a `vrrp_instance`.
fn load_lvs(
    nodes: &[Node],
    script_account: DefaultAccount,
    smtp_alert: Option<bool>,
    mut cx: Context<'_>,
) -> (Lvs, Vec<Diagnostic>) {
    let first = nodes.iter().find(|node| node.keyword.text == "virtual_server").map(Node::span);
    let mut root = LvsDraft::new(script_account);
    LVS_ROOT.apply(&mut root, nodes, &mut cx);
    let sessions = root.sessions();
    let LvsDraft { ssl, groups, servers, track_files, .. } = root;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut virtual_servers = Vec::new();
    for mut draft in servers {
        let group = match &mut draft.service {
            Service::Group { name, index } => {
                *index = seen.get(name).copied().unwrap_or(0);
                Some(name.clone())
            }
            Service::Address(_) | Service::Fwmark(_) => None,
        };
        let Some(server) = draft.complete(&groups, smtp_alert, &mut cx) else { continue };
        *seen.entry(group.unwrap_or_default()).or_default() += 1;
        virtual_servers.push(Arc::new(server));
    }
    if let Some(span) = first {
        let count = virtual_servers.len();
        let servers = if count == 1 { "virtual server is" } else { "virtual servers are" };
        let message = format!("{count} {servers} read and checked, but not yet run in this version");
        let problem = Diagnostic::warning("not-yet-supported", span, message).class(Class::Harmless);
        cx.report(problem.label("no load balancing; VRRP is not touched"));
    }
    (Lvs { virtual_servers, groups, ssl, track_files, sessions }, cx.diagnostics.into_vec())
}

/// Adds what another reading has to say, where no earlier one has said it.
fn join(diagnostics: &mut Diagnostics, said: impl IntoIterator<Item = Diagnostic>) {
    // One use of a definition is the place of all its lines: the message tells them apart.
    let place = |d: &Diagnostic| {
        let span = d.span.filter(|_| d.id != MISSING_CLOSE_BRACE);
        (d.id, span.map(|span| (span.file, span.start)), d.message.clone())
    };
    let said: Vec<Diagnostic> = said.into_iter().collect();
    if said.is_empty() {
        return;
    }
    let known: BTreeMap<_, usize> = diagnostics.iter().enumerate().map(|(n, d)| (place(d), n)).collect();
    for diagnostic in said {
        match known.get(&place(&diagnostic)) {
            Some(n) => diagnostics.also_said(*n, &diagnostic),
            None => diagnostics.push(diagnostic),
        }
    }
}

/// A process that stops reading stops what it does, not what others do.
fn of_checkers(diagnostic: Diagnostic) -> Diagnostic {
    match diagnostic.consequence {
        Consequence::StopsReading => diagnostic.consequence(Consequence::StopsCheckers),
        _ => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Anywhere;
    use crate::config::source::MemoryFiles;

    #[test]
    fn a_file_that_is_being_written_is_told_from_one_that_is_whole() {
        let doubt =
            |text: &str| load(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", text), &Anywhere).doubt();
        let whole = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n \
                     10.0.0.1\n }\n}\n";
        assert_eq!(doubt(whole), None);
        assert_eq!(doubt("# nobody runs anything here\n"), None);
        assert_eq!(doubt("\n").as_deref(), Some("/k.conf: the file is empty"));
        for cut in whole.find('{').expect("a block") + 1..whole.len() - 2 {
            let part = &whole[..cut];
            assert!(doubt(part).is_some_and(|doubt| doubt.starts_with("/k.conf:")), "{part}");
        }
    }
}
