//! `FILE_CHECK { … }`: follows the number in a file.

use super::{CheckerDraft, Method, dropped};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field, member};
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};

/// `FILE_CHECK`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileCheck {
    /// Name of the `track_file`.
    pub track_file: String,
    /// What the number in the file is multiplied by; 0: any other number than 0 is a failure.
    pub weight: i32,
    /// The product is subtracted, or the verdict turned round.
    pub reverse: bool,
}

/// `FILE_CHECK` while it is read.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct FileDraft {
    /// Files that exist, with their weights.
    files: Vec<(String, i32, bool)>,
    file: Option<String>,
    weight: Option<(i32, bool)>,
}

keywords! {
    /// `FILE_CHECK`.
    FILE_CHECK: CheckerDraft<FileDraft>, "FILE_CHECK", None;
    "track_file" Required "NAME" "a `track_file` above" "required" => track_file, "the file to follow";
    "weight" Optional "N [reverse|noreverse]" "-2147483647 to 2147483647" "that of the `track_file`" => weight, "what the number in the file counts; 0: any number but 0 is a failure";
}

pub(in crate::config) fn file_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let kind = FileDraft { files: server.track_files.clone(), ..FileDraft::default() };
    let mut draft = CheckerDraft::new(server.address, kind);
    FILE_CHECK.apply(&mut draft, node.children(), cx);
    let FileDraft { files, file, weight } = &draft.kind;
    let Some((name, default, reverse)) = files.iter().find(|(name, ..)| Some(name) == file.as_ref()) else {
        let text = "FILE_CHECK has no track_file specified - ignoring";
        return dropped(cx, node.end(), "a `FILE_CHECK` needs a `track_file`", text);
    };
    let (weight, reverse) = weight.unwrap_or((*default, *reverse));
    let check = FileCheck { track_file: name.clone(), weight, reverse };
    server.checkers.push(draft.finish(None, Method::File(check)));
}

fn track_file(d: &mut CheckerDraft<FileDraft>, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    if d.kind.files.iter().any(|(name, ..)| *name == word.text) {
        d.kind.file = Some(word.text.clone());
        return;
    }
    let message = format!("there is no `track_file {word}` above");
    let problem = Diagnostic::error("unknown-track-file", word.span, message)
        .classic(format!("track_file {word} not found"))
        .label("the check is not made");
    cx.report(problem);
}

fn weight(d: &mut CheckerDraft<FileDraft>, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else { return cx.missing_value(node, "track file weight missing") };
    let reverse = match node.args.get(1).map(|option| (option, option.as_str())) {
        None | Some((_, "noreverse")) => false,
        Some((_, "reverse")) => true,
        Some((option, _)) => {
            let problem = Diagnostic::error(
                "track-entry",
                option.span,
                format!("`{option}` is not an option of a weight"),
            )
            .classic(format!("unknown track file weight option {option} - ignoring"))
            .label("this line is ignored");
            return cx.report(problem);
        }
    };
    let most = i64::from(i32::MAX);
    let text = format!("weight for track file must be in [-{most}..{most}] inclusive. Ignoring...");
    if let Some(weight) = cx.integer(word, -most..=most, Junk::Tolerated, Otherwise::ignored(text)) {
        d.kind.weight = i32::try_from(weight).ok().map(|weight| (weight, reverse));
    }
}

impl FileCheck {
    pub(super) fn dump(&self, out: &mut Out) {
        field!(out, "Keepalive method = FILE_CHECK");
        member!(out, "Tracked file = {}", self.track_file);
        member!(out, "Reloaded = No");
    }

    /// `, weight 3 reverse`, as it stands behind a file or a server.
    pub(in crate::config) fn weight_shown(&self) -> String {
        format!("weight {}{}", self.weight, if self.reverse { " reverse" } else { "" })
    }
}
