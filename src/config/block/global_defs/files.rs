//! Files that the daemon writes or watches, and the mask that they are created with.

use super::{GlobalDraft, refused};
use crate::config::diagnostic::Diagnostic;
use crate::config::diff::compared;
use crate::config::dump::{Out, object};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise, whole_c_number};

/// Files and how they come about. Paths are as they were written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileDefs {
    /// `umask`; `None`: 0177. `-u` on the command line wins.
    pub umask: Option<u32>,
    /// `reload_check_config [LOG]`: a reload reads the new configuration first, and tells this file.
    pub reload_check_config: Option<String>,
    /// `reload_time_file PATH`: holds the time of a reload.
    pub reload_time_file: Option<String>,
    /// `reload_repeat`: every day at that time.
    pub reload_repeat: bool,
    /// `reload_file [PATH]`: is there while a configuration is read.
    pub reload_file: Option<ReloadFile>,
    /// `config_save_dir DIR`: gets a copy of each configuration.
    pub config_save_dir: Option<String>,
    /// `tmp_config_directory DIR`: where keepalived keeps the copy that its processes share.
    pub tmp_config_directory: Option<String>,
    /// `data_use_instance`: names of dumps have the instance and the namespace in them.
    pub data_use_instance: bool,
    /// `json_version`, 1 or 2.
    pub json_version: u8,
    /// `state_dump_file PATH`: instead of `keepalived.data`.
    pub state_dump_file: Option<String>,
    /// `stats_dump_file PATH`: instead of `keepalived.stats`.
    pub stats_dump_file: Option<String>,
    /// `json_dump_file PATH`: instead of `keepalived.json`.
    pub json_dump_file: Option<String>,
    /// `iproute_usr_dir DIR`: the distribution's names of routing tables and the like.
    pub iproute_usr_dir: Option<String>,
    /// `iproute_etc_dir DIR`: those of this machine; `None`: `/etc/iproute2`.
    pub iproute_etc_dir: Option<String>,
}

/// The file that is there while a configuration is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ReloadFile {
    /// `keepalived.reload`, where the pid files are.
    Customary,
    /// This one.
    At(String),
}

impl Default for FileDefs {
    fn default() -> Self {
        Self {
            umask: None,
            reload_check_config: None,
            reload_time_file: None,
            reload_repeat: false,
            reload_file: None,
            config_save_dir: None,
            tmp_config_directory: None,
            data_use_instance: false,
            json_version: 1,
            state_dump_file: None,
            stats_dump_file: None,
            json_dump_file: None,
            iproute_usr_dir: None,
            iproute_etc_dir: None,
        }
    }
}

impl FileDefs {
    /// The mask of files that are created.
    #[must_use]
    pub fn mask(&self) -> u32 {
        self.umask.unwrap_or(0o177)
    }

    /// Behind the settings of mail. `use_pid_dir` decides where the customary reload file is.
    pub(super) fn dump(&self, out: &mut Out, use_pid_dir: bool, reload: Option<&str>) {
        match &self.reload_check_config {
            Some(log) => object!(out, "Test config before reload, log to {log}"),
            None => object!(out, "No test config before reload"),
        }
        if let Some(path) = &self.reload_time_file {
            object!(out, "Reload time file = {path}{}", if self.reload_repeat { " (repeat)" } else { "" });
            match reload {
                Some(time) => object!(out, "Reload scheduled for {time}"),
                None => object!(out, "No reload scheduled"),
            }
        }
        match &self.reload_file {
            Some(ReloadFile::At(path)) => object!(out, "Reload_file = {path}"),
            Some(ReloadFile::Customary) => {
                let directory = if use_pid_dir { "/run/keepalived" } else { "/run" };
                object!(out, "Reload_file = {directory}/keepalived.reload");
            }
            None => {}
        }
        if let Some(directory) = &self.tmp_config_directory {
            object!(out, "config save directory = {directory}");
        }
        if self.data_use_instance {
            object!(out, "Use instance name in data dumps");
        }
    }
}

pub(super) fn umask(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let first = node.arg();
    if !first.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        if let Some(mask) = named_mask(node, cx) {
            d.defs.files.umask = Some(mask);
        }
        return;
    }
    if let Some(extra) = node.args.get(1) {
        let text = "Extra parameter(s) to umask option".to_owned();
        return refused(cx, "extra-words", extra, "a mask is one number", text);
    }
    let mask = whole_c_number(first.as_str()).filter(|mask| *mask <= 0o777);
    match mask.and_then(|mask| u32::try_from(mask).ok()) {
        Some(mask) => d.defs.files.umask = Some(mask),
        None => {
            let message = format!("`{first}` is no mask of 0 to 0777");
            refused(cx, "bad-number", first, message, format!("invalid umask value {first}"));
        }
    }
}

/// Names of bits with a bar between each two, blanks or none around it.
fn named_mask(node: &Node, cx: &mut Context<'_>) -> Option<u32> {
    let mut mask = 0;
    let mut name_wanted = true;
    for word in &node.args {
        let mut rest = word.as_str();
        while !rest.is_empty() {
            if !name_wanted {
                let Some(behind) = rest.strip_prefix('|') else {
                    let text = format!("Invalid umask syntax {rest}");
                    refused(cx, "bad-umask", word, format!("a `|` is missing before `{rest}`"), text);
                    return None;
                };
                (rest, name_wanted) = (behind, true);
                continue;
            }
            let end = rest.find('|').filter(|end| *end > 0).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            let Some(bits) = mask_bits(name) else {
                let message = format!("`{name}` names no bit of a mask");
                refused(cx, "bad-umask", word, message, format!("Unknown umask bit {name}"));
                return None;
            };
            mask |= bits;
            (rest, name_wanted) = (behind, false);
        }
    }
    if name_wanted {
        let last = node.args.last().unwrap_or(&node.keyword);
        let text = "umask missing bit value".to_owned();
        refused(cx, "bad-umask", last, "the name of a bit is missing", text);
        return None;
    }
    Some(mask)
}

/// The names of `<sys/stat.h>` without their `S_`.
fn mask_bits(name: &str) -> Option<u32> {
    let (bits, who) = match name.strip_prefix('I')?.split_at_checked(name.len().checked_sub(4)?)? {
        ("R", who) => (0o4, who),
        ("W", who) => (0o2, who),
        ("X", who) => (0o1, who),
        _ => {
            let shift = match name {
                "IRWXU" => 6,
                "IRWXG" => 3,
                "IRWXO" => 0,
                _ => return None,
            };
            return Some(0o7 << shift);
        }
    };
    match who {
        "USR" => Some(bits << 6),
        "GRP" => Some(bits << 3),
        "OTH" => Some(bits),
        _ => None,
    }
}

/// Where keepalived's check of a reload says what it found, when no file is named.
const NOWHERE: &str = "/dev/null";

pub(super) fn reload_check_config(d: &mut GlobalDraft, node: &Node, _: &mut Context<'_>) {
    let log = node.args.first().map_or(NOWHERE, Word::as_str);
    d.defs.files.reload_check_config = Some(log.to_owned());
}

pub(super) fn reload_time_file(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let path = one_word(node, cx, "reload_time_file invalid");
    d.defs.files.reload_time_file = path.or(d.defs.files.reload_time_file.take());
}

pub(super) fn reload_file(d: &mut GlobalDraft, node: &Node, _: &mut Context<'_>) {
    let path = node.args.first().map(|word| ReloadFile::At(word.text.clone()));
    d.defs.files.reload_file = Some(path.unwrap_or(ReloadFile::Customary));
}

pub(super) fn tmp_config_directory(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "tmp_config_directory missing directory name");
    };
    if d.defs.files.tmp_config_directory.is_some() {
        let text = "tmp_config_directory already specified - ignoring".to_owned();
        let message = "there are two `tmp_config_directory`";
        return refused(cx, "duplicate-value", &node.keyword, message, text);
    }
    d.defs.files.tmp_config_directory = Some(word.text.clone());
}

pub(super) fn data_use_instance(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    // The slip of the pen is keepalived's.
    let text = |word: &Word| format!("Invalid value '{word}' for global date_use_instance specified");
    let value = cx.boolean(&node.args, text);
    d.defs.files.data_use_instance = value.unwrap_or(d.defs.files.data_use_instance);
}

pub(super) fn json_version(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, "json_version requires a version number");
    };
    let otherwise = Otherwise::ignored(format!("json_version '{word}' must be in [1, 2] - ignoring"));
    if let Some(version) = cx.integer(word, 1..=2, Junk::Tolerated, otherwise) {
        d.defs.files.json_version = u8::try_from(version).unwrap_or(1);
    }
}

/// `KEYWORD PATH` and nothing more, whose newest line counts.
pub(super) fn path(slot: &mut Option<String>, node: &Node, cx: &mut Context<'_>) {
    let value = one_word(node, cx, &format!("{} invalid", node.keyword));
    *slot = value.or(slot.take());
}

fn one_word(node: &Node, cx: &mut Context<'_>, classic: &str) -> Option<String> {
    match node.args.as_slice() {
        [word] if !word.text.is_empty() => Some(word.text.clone()),
        [] => {
            cx.missing_value(node, classic);
            None
        }
        [word, ..] => {
            let keyword = &node.keyword;
            let message = format!("`{keyword}` takes one word");
            let problem = Diagnostic::error("extra-words", word.span.to(node.span()), message);
            cx.report(
                problem
                    .classic(classic)
                    .label("this line is ignored")
                    .help("a path with blanks in it goes in double quotes"),
            );
            None
        }
    }
}

compared! { FileDefs {
    umask: "umask" DaemonRestart hidden;
    reload_check_config: "reload_check_config" None optional;
    reload_time_file: "reload_time_file" None optional;
    reload_repeat: "reload_repeat" None onoff;
    reload_file: "reload_file" None hidden;
    config_save_dir: "config_save_dir" None optional;
    tmp_config_directory: "tmp_config_directory" None optional;
    data_use_instance: "data_use_instance" None onoff;
    json_version: "json_version" None plain;
    state_dump_file: "state_dump_file" None optional;
    stats_dump_file: "stats_dump_file" None optional;
    json_dump_file: "json_dump_file" None optional;
    iproute_usr_dir: "iproute_usr_dir" None optional;
    iproute_etc_dir: "iproute_etc_dir" None optional;
}}
