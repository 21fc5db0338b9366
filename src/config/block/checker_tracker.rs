//! What checkers can follow: files and BFD sessions, as far as the checkers are concerned.

use crate::config::diagnostic::Diagnostic;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};

/// `track_file NAME { … }`: a file that `FILE_CHECK` can follow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CheckedFile {
    /// Its name.
    pub name: String,
    /// `file`: the path.
    pub path: String,
    /// `weight`: what the number in the file counts, -254 to 254; default 1.
    pub weight: i32,
    /// The product is subtracted.
    pub reverse: bool,
}

/// A `track_file` while it is read.
pub(in crate::config) struct FileDraft {
    name: String,
    path: Option<String>,
    weight: Option<(i32, bool)>,
}

keywords! {
    /// `track_file`.
    TRACK_FILE: FileDraft, "track_file", Required;
    "file" Optional "PATH" "" "required" => path, "the file to watch";
    "weight" Optional "N [reverse]" "-254 to 254" "1" => weight, "what the number in the file counts";
    "init_file" Optional "[N] [overwrite]" "" "none" => |_, _, _| {}, "create the file at start";
}

/// Reads a `track_file`; `None` when it is left out, as reported.
pub(in crate::config) fn track_file(node: &Node, cx: &mut Context<'_>) -> Option<CheckedFile> {
    let name = node.args.first()?;
    let mut draft = FileDraft { name: name.text.clone(), path: None, weight: None };
    TRACK_FILE.apply(&mut draft, node.children(), cx);
    let Some(path) = draft.path else {
        let problem = Diagnostic::error("missing-value", name.span, "a `track_file` needs a `file`")
            .said_at(node.end)
            .classic(format!("No file set for track_file {name} - ignoring"))
            .label("nothing can follow it");
        cx.report(problem);
        return None;
    };
    let (weight, reverse) = draft.weight.unwrap_or((1, false));
    Some(CheckedFile { name: draft.name, path, weight, reverse })
}

fn path(d: &mut FileDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "track file file name missing");
    };
    if d.path.is_some() {
        let text = format!("File already set for track file {} - ignoring {word}", d.name);
        let problem = Diagnostic::error("duplicate-value", word.span, "there is a `file` already");
        return cx.report(problem.classic(text).label("this line is ignored"));
    }
    d.path = Some(word.text.clone());
}

fn weight(d: &mut FileDraft, node: &Node, cx: &mut Context<'_>) {
    let name = d.name.clone();
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("No weight specified for track file {name} - ignoring"));
    };
    if d.weight.is_some() {
        let text = format!("Weight already set for track file {name} - ignoring {word}");
        let problem = Diagnostic::error("duplicate-value", word.span, "there is a `weight` already");
        return cx.report(problem.classic(text).label("this line is ignored"));
    }
    let text =
        format!("Weight ({word}) for track_file {name} must be between [-254..254] inclusive. Ignoring...");
    let weight = cx.integer(word, -254..=254, Junk::Tolerated, Otherwise::replaced(text, "1 is used"));
    let reverse = node.args.get(1);
    if let Some(option) = reverse.filter(|option| option.text != "reverse") {
        let message = format!("`{option}` is not an option of a weight");
        let problem = Diagnostic::error("track-entry", option.span, message)
            .classic(format!("track_file {name} unknown weight option {option}"));
        return cx.report(problem.label("this line is ignored"));
    }
    d.weight = Some((weight.and_then(|weight| i32::try_from(weight).ok()).unwrap_or(1), reverse.is_some()));
}

/// Who hears of a BFD session.
#[derive(Default)]
pub(in crate::config) struct Session {
    vrrp: bool,
    checker: bool,
}

impl Session {
    /// Everybody does, unless somebody is named.
    pub(in crate::config) fn tells_checkers(&self) -> bool {
        self.checker || !self.vrrp
    }
}

keywords! {
    /// `bfd_instance`, as far as it matters here.
    SESSION: Session, "bfd_instance", Required;
    "vrrp" Flag "" "" "" => |d, _, _| d.vrrp = true, "tells VRRP";
    "checker" Flag "" "" "" => |d, _, _| d.checker = true, "tells the checkers";
    "source_ip" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "neighbor_ip" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "neighbour_ip" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "min_rx" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "min_tx" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "idle_tx" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "multiplier" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "passive" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "ttl" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "hoplimit" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "max_hops" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "multihop" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "weight" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
}
