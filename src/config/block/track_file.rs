//! `track_file NAME { … }`: a file whose number moves priorities and weights.

use super::tracking::{Trackable, Tracked, dump_tracking};
use crate::config::Config;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, field, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, Weight, unknown_weight_option};

/// A file that instances, groups and checkers can follow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrackFile {
    /// The name that `track_file` entries refer to.
    pub name: String,
    /// `file`: its path.
    pub path: String,
    /// Default for references that give no weight of their own, -254 to 254; default 1.
    pub weight: Weight,
    /// `init_file`: what to write into it at start.
    pub init: Option<InitFile>,
}

/// `init_file [VALUE] [overwrite]`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InitFile {
    /// The number to write.
    pub value: i32,
    /// Write it even if there is a file already; not on a reload.
    pub overwrite: bool,
}

/// A file while its block is read.
pub(in crate::config) struct FileDraft {
    name: Word,
    path: Option<String>,
    weight: Weight,
    /// `weight` said something that counts: there is no second one.
    weighed: bool,
    init: Option<InitFile>,
}

keywords! {
    /// `track_file`.
    TRACK_FILE: FileDraft, "track_file", Required;
    "file" Optional "PATH" "" "required" => path, "the file to watch; what is not there counts as 0";
    "weight" Optional "N [reverse]" "-254 to 254" "1" => weight, "what the number in the file is multiplied by; 0: any other number than 0 is a fault";
    "init_file" Optional "[N] [overwrite]" "-254 to 254 make sense" "0 when bare; without this line nothing is written" => init_file, "write the file at start, if there is none";
}

/// What came of a block: the file, unless it is left out, and what entries may refer to.
pub(in crate::config) struct ReadFile {
    pub(in crate::config) file: Option<TrackFile>,
    pub(in crate::config) trackable: Trackable,
}

/// Reads a block; `None` without a name.
pub(in crate::config) fn track_file(node: &Node, cx: &mut Context<'_>) -> Option<ReadFile> {
    let name = node.args.first()?;
    let weight = Weight { value: 1, reverse: false };
    let mut draft = FileDraft { name: name.clone(), path: None, weight, weighed: false, init: None };
    TRACK_FILE.apply(&mut draft, node.children(), cx);
    if draft.path.is_none() {
        let problem = Diagnostic::error("missing-value", name.span, "a `track_file` needs a `file`")
            .said_at(node.end)
            .classic(format!("No file set for track_file {name} - ignoring"))
            .label("nothing can follow it");
        cx.report(problem);
    }
    let FileDraft { name, path, weight, init, .. } = draft;
    let trackable = Trackable { name: name.clone(), weight, usable: path.is_some() };
    let file = path.map(|path| TrackFile { name: name.text, path, weight, init });
    Some(ReadFile { file, trackable })
}

/// The deprecated spelling; keepalived says so, and does not count it as an error.
pub(in crate::config) fn vrrp_track_file(node: &Node, cx: &mut Context<'_>) -> Option<ReadFile> {
    let message = "`vrrp_track_file` is called `track_file` now";
    let problem = Diagnostic::warning("deprecated", node.keyword.span, message)
        .classic("\"vrrp_track_file\" is deprecated, please use \"track_file\"")
        .class(Class::Harmless)
        .at_completion();
    cx.report(problem);
    track_file(node, cx)
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
    let name = &d.name;
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("No weight specified for track file {name} - ignoring"));
    };
    if d.weighed {
        let text = format!("Weight already set for track file {name} - ignoring {word}");
        let problem = Diagnostic::error("duplicate-value", word.span, "there is a `weight` already");
        return cx.report(problem.classic(text).label("this line is ignored"));
    }
    let text =
        format!("Weight ({word}) for track_file {name} must be between [-254..254] inclusive. Ignoring...");
    let value = cx.integer(word, -254..=254, Junk::Tolerated, Otherwise::replaced(text, "1 is used"));
    d.weight.value = value.and_then(|value| i16::try_from(value).ok()).unwrap_or(1);
    // A weight of 1 is none to keepalived, and under `-t` one that is no number is 1.
    d.weighed = d.weight.value != 1 && word.as_str().trim_start().parse::<i16>().is_ok();
    match node.args.get(1) {
        None => {}
        Some(option) if option.text == "reverse" => d.weight.reverse = true,
        Some(option) => {
            cx.report(unknown_weight_option(
                option,
                format!("track_file {name} unknown weight option {option}"),
            ));
        }
    }
}

fn init_file(d: &mut FileDraft, node: &Node, cx: &mut Context<'_>) {
    let mut init = InitFile::default();
    for word in &node.args {
        let text = word.as_str().trim_start();
        if text.starts_with('-') || text.starts_with(|c: char| c.is_ascii_digit()) {
            init.value = init_value(&d.name, word, cx);
        } else if text == "overwrite" {
            init.overwrite = true;
        } else {
            let message = format!("`{word}` is not an option of `init_file`");
            let problem = Diagnostic::warning("init-file", word.span, message)
                .classic(format!("Unknown track file init option {text}"))
                .label("this word is ignored")
                .meant(word, ["overwrite"], "a number and `overwrite` can follow");
            cx.report(problem);
        }
    }
    d.init = Some(init);
}

fn init_value(name: &Word, word: &Word, cx: &mut Context<'_>) -> i32 {
    let text = format!("Track file {name} init value {word} is invalid");
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let otherwise = Otherwise::replaced(text, "0 is written");
    let value = cx.integer(word, range, Junk::Refused, otherwise);
    let value = value.and_then(|value| i32::try_from(value).ok()).unwrap_or(0);
    if !(-254..=254).contains(&value) {
        let problem =
            Diagnostic::warning("number-out-of-range", word.span, "this is more than a priority can move")
                .classic(format!(
                    "Track file {name} init value {value} is outside sensible range [-254, 254]"
                ))
                .label("written as it is");
        cx.report(problem);
    }
    value
}

impl TrackFile {
    /// `status`: the number that was last read.
    pub(in crate::config) fn dump(&self, out: &mut Out, config: &Config, status: i32) {
        self.dump_definition(out, status);
        dump_tracking(out, config, &Tracked::File(self.name.clone()));
    }

    /// What VRRP and the checkers say alike.
    pub(in crate::config) fn dump_definition(&self, out: &mut Out, status: i32) {
        object!(out, "Track file = {}", self.name);
        field!(out, "File = {}", self.path);
        field!(out, "Status = {status}");
        field!(out, "Weight = {}", self.weight);
    }
}

compared! { TrackFile {
    name: "track_file" None plain;
    path: "file" None plain, "the number in it may make another router master";
    weight: "weight" Advert plain, "another priority, or a fault, may make another router master";
    init: "init_file" DaemonRestart hidden;
}}
