//! Files at random, from the keyword tables: blocks of keywords with arguments, some of them wrong.

use super::words::{Arguments, Chance};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use vrrpd::config::{BlockReference, KeywordReference, language};

/// The language, without what the other daemon does not know.
pub(super) struct Language {
    blocks: Vec<BlockReference>,
}

/// A keyword with the blocks around it.
pub(super) type Place = (Vec<&'static str>, &'static str);

impl Language {
    /// All that we know.
    pub(super) fn whole() -> Self {
        Self { blocks: language() }
    }

    /// Leaves keywords out.
    pub(super) fn without(mut self, unknown: &BTreeSet<Place>) -> Self {
        for block in &mut self.blocks {
            let paths: Vec<Vec<&'static str>> =
                block.homes.iter().map(|home| home.iter().copied().chain([block.name]).collect()).collect();
            let is_known =
                |k: &KeywordReference| !paths.iter().any(|path| unknown.contains(&(path.clone(), k.name)));
            block.keywords.retain(is_known);
        }
        self.blocks.retain(|block| !block.keywords.is_empty());
        self
    }

    /// For every block a file that has each of its keywords on a line of its own, with those lines.
    pub(super) fn probes(&self) -> Vec<(String, Vec<(usize, Place)>)> {
        let tables = self.blocks.iter().filter(|block| !ENTRY_OPTIONS.contains(&block.name));
        tables.map(probe).collect()
    }

    fn inner(&self, path: &[&str], keyword: &str) -> Option<&BlockReference> {
        self.blocks.iter().find(|block| block.name == keyword && block.homes.iter().any(|home| home == path))
    }

    fn block(&self, name: &str) -> &BlockReference {
        self.blocks.iter().find(|block| block.name == name).expect("a block of the language")
    }
}

/// Blocks of entries whose options have a table.
const ENTRY_OPTIONS: [&str; 3] = ["virtual_routes", "virtual_rules", "nexthop"];

fn probe(block: &BlockReference) -> (String, Vec<(usize, Place)>) {
    let path: Vec<&'static str> =
        block.homes[0].iter().copied().chain([block.name]).filter(|name| !name.is_empty()).collect();
    let (mut text, mut lines) = (String::new(), Vec::new());
    for name in &path {
        let argument = match *name {
            "virtual_server" | "real_server" => " 10.0.0.1 80",
            "global_defs" | "authentication" | "auth_hmac" | "garp_group" | "SSL" => "",
            name if name.chars().all(char::is_uppercase) => "",
            _ => " n",
        };
        writeln!(text, "{name}{argument} {{").expect("memory");
    }
    for keyword in &block.keywords {
        lines.push((text.lines().count() + 1, (path.clone(), keyword.name)));
        let braces = if keyword.args.contains('{') { " {\n}" } else { "" };
        let argument = if keyword.name == "net_namespace" { "" } else { " 1" };
        writeln!(text, "{}{argument}{braces}", keyword.name).expect("memory");
    }
    text.push_str(&"}\n".repeat(path.len()));
    (text, lines)
}

/// A file and what it includes.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) included: String,
}

/// Makes the file of a seed.
pub(super) fn make(language: &Language, seed: u64) -> Made {
    let mut chance = Chance::new(seed);
    // Most files have one or two faults: what follows from one is not hidden behind the others.
    let faults = [0, 8, 8, 25, 25, 80, 200][chance.below(7)];
    let size = 1 + chance.below(6);
    let mut writer = Writer { language, chance, faults, text: String::new(), depth: 0 };
    writer.file(size);
    let Writer { mut chance, text, .. } = writer;
    decorate(text, &mut chance, faults)
}

struct Writer<'l> {
    language: &'l Language,
    chance: Chance,
    faults: usize,
    text: String,
    depth: usize,
}

/// Blocks of the top level, the commonest several times.
const TOP: [&str; 26] = [
    "global_defs",
    "global_defs",
    "global_defs",
    "vrrp_instance",
    "vrrp_instance",
    "vrrp_instance",
    "vrrp_instance",
    "vrrp_script",
    "vrrp_script",
    "vrrp_sync_group",
    "vrrp_sync_group",
    "track_file",
    "vrrp_track_file",
    "vrrp_track_process",
    "bfd_instance",
    "virtual_server",
    "virtual_server",
    "virtual_server_group",
    "track_group",
    "static_ipaddress",
    "static_routes",
    "static_rules",
    "garp_group",
    "interface_up_down_delays",
    "linkbeat_interfaces",
    "SSL",
];

/// The names of blocks of a kind.
fn names(block: &str) -> &'static [&'static str] {
    match block {
        "vrrp_instance" => &["V0", "V1", "V2"],
        "vrrp_sync_group" => &["G0", "G1"],
        "vrrp_script" => &["s0", "s1"],
        "track_file" | "vrrp_track_file" => &["f0", "f1"],
        "vrrp_track_process" => &["p0", "p1"],
        "bfd_instance" => &["b0", "b1"],
        "track_group" => &["t0", "t1"],
        "virtual_server_group" => &["g0", "g1"],
        _ => &["n0", "n1"],
    }
}

impl Writer<'_> {
    fn file(&mut self, size: usize) {
        let mut used = BTreeSet::new();
        for _ in 0..size {
            let name = self.chance.of(&TOP);
            let Some(row) = self.language.block("").keywords.iter().find(|row| row.name == name) else {
                continue;
            };
            let row = *row;
            self.keyword(&[], &row, Some(&mut used));
            if self.chance.permille(60) {
                let rows = &self.language.block("").keywords;
                let row = rows[self.chance.below(rows.len())];
                self.keyword(&[], &row, Some(&mut used));
            }
        }
    }

    fn faulty(&mut self) -> bool {
        self.chance.permille(self.faults)
    }

    fn line(&mut self, line: &str) {
        let indent = "    ".repeat(self.depth);
        writeln!(self.text, "{indent}{line}").expect("memory");
    }

    fn arguments(&mut self, pattern: &str, range: &str) -> String {
        Arguments { chance: &mut self.chance, faults: self.faults, range }.write(pattern)
    }

    /// A keyword with its arguments and its block.
    fn keyword(
        &mut self,
        path: &[&'static str],
        row: &KeywordReference,
        used: Option<&mut BTreeSet<&'static str>>,
    ) {
        let name = row.name;
        let Some((before, inside)) = row.args.split_once('{') else { return self.plain(row) };
        let mut arguments = match before.trim() {
            "NAME" => self.name(name, used),
            "ADDRESS [PORT] | fwmark N | group NAME" => self.service(),
            "ADDRESS [PORT]" => format!("10.0.0.{} 80", 1 + self.chance.below(9)),
            pattern => self.arguments(pattern, row.range),
        };
        if self.faulty() {
            arguments = self.disturbed(&arguments);
        }
        let opener = format!("{name} {arguments}").trim_end().to_owned();
        let inside = inside.trim_end_matches('}').trim();
        match (self.chance.below(30), self.faulty()) {
            (_, true) => {
                let spoilt = self.chance.of(&["", " {{", " { }", "{", " }", " { x"]);
                self.line(&format!("{opener}{spoilt}"));
            }
            (0, _) => self.line(&format!("{opener}\n{{")),
            (1, _) => self.line(&format!("{opener}{{")),
            _ => self.line(&format!("{opener} {{")),
        }
        self.depth += 1;
        let deeper: Vec<&'static str> = path.iter().copied().chain([name]).collect();
        match self.language.inner(path, name) {
            Some(block) if !ENTRY_OPTIONS.contains(&name) => self.block(&deeper, block),
            _ => self.entries(name, inside),
        }
        self.depth -= 1;
        if !self.faulty() {
            self.line("}");
        }
        if self.faulty() {
            self.line("}");
        }
    }

    fn name(&mut self, block: &'static str, used: Option<&mut BTreeSet<&'static str>>) -> String {
        let choices = names(block);
        let repeats = self.faulty();
        let free = choices
            .iter()
            .copied()
            .find(|name| used.as_ref().is_none_or(|used| repeats || !used.contains(name)));
        if let (Some(name), Some(used)) = (free, used) {
            used.insert(name);
        }
        free.unwrap_or("other").to_owned()
    }

    fn service(&mut self) -> String {
        match self.chance.below(4) {
            0 => format!("fwmark {}", self.arguments("N", "")),
            1 => format!("group {}", self.chance.of(&["g0", "g1"])),
            2 => "2001:db8::1 80".to_owned(),
            _ => self.arguments("10.0.0.1 PORT", ""),
        }
    }

    fn block(&mut self, path: &[&'static str], block: &BlockReference) {
        self.customary(block.name);
        let count = 1 + self.chance.below(7);
        let usual: Vec<KeywordReference> =
            block.keywords.iter().filter(|row| row.name != "real_server").copied().collect();
        for _ in 0..count {
            if self.faulty() {
                self.stray();
            }
            let row = usual[self.chance.below(usual.len())];
            self.keyword(path, &row, None);
        }
        if block.name == "virtual_server" && self.chance.permille(700) {
            let row = block.keywords.iter().find(|row| row.name == "real_server").expect("a real server");
            self.keyword(path, row, None);
        }
    }

    /// Lines without which a block is of no use.
    fn customary(&mut self, block: &str) {
        let vrid = 51 + self.chance.below(3);
        let lines: &[&str] = match block {
            "vrrp_instance" => {
                &["interface eth0", "virtual_router_id VRID", "virtual_ipaddress {", "    10.0.0.1/24", "}"]
            }
            "vrrp_script" => &["script /usr/bin/true"],
            "track_file" | "vrrp_track_file" => &["file /run/a"],
            "vrrp_track_process" => &["process a"],
            "vrrp_sync_group" => &["group {", "    V0", "    V1", "}"],
            "bfd_instance" => &["neighbor_ip 10.0.0.2"],
            "virtual_server" => &["lb_algo rr", "lb_kind DR", "protocol TCP"],
            "authentication" => &["auth_type PASS", "auth_pass secret"],
            "garp_group" => &["interface eth0", "garp_interval 1"],
            _ => &[],
        };
        for line in lines {
            if !self.faulty() {
                self.line(&line.replace("VRID", &vrid.to_string()));
            }
        }
    }

    /// A line that does not belong where it stands.
    fn stray(&mut self) {
        let blocks = &self.language.blocks;
        match self.chance.below(6) {
            0 => self.line("nonsense"),
            1 => self.line("nonsense 1 2"),
            2 => self.line("nonsense { a b }"),
            3 => {
                self.line("nonsense x {");
                self.line("    priority 5");
                self.line("}");
            }
            _ => {
                let block = &blocks[self.chance.below(blocks.len())];
                if ENTRY_OPTIONS.contains(&block.name) {
                    return;
                }
                let row = block.keywords[self.chance.below(block.keywords.len())];
                self.keyword(&[], &row, None);
            }
        }
    }

    fn plain(&mut self, row: &KeywordReference) {
        let mut arguments = match row.name {
            "net_namespace" => return,
            // `off` turns these on in 2.2.
            "vrrp_strict" | "skip_check_adv_addr" | "vrrp_skip_check_adv_addr" => String::new(),
            "virtual_router_id" => (51 + self.chance.below(3)).to_string(),
            _ => self.arguments(row.args, row.range),
        };
        if self.faulty() {
            arguments = self.disturbed(&arguments);
        }
        let line = format!("{} {arguments}", row.name);
        self.line(line.trim_end());
    }

    /// Arguments with something wrong about them.
    fn disturbed(&mut self, arguments: &str) -> String {
        match self.chance.below(8) {
            0 | 1 => String::new(),
            2 => format!("{arguments} x"),
            3 => format!("{arguments} {{"),
            4 => format!("\"{arguments}"),
            5 if !arguments.contains('"') => format!("\"{arguments}\""),
            6 => arguments.rsplit_once(' ').map_or("", |(rest, _)| rest).to_owned(),
            _ => format!("{arguments} {arguments}"),
        }
    }

    fn entries(&mut self, name: &str, pattern: &str) {
        let count = if self.faulty() { 0 } else { 1 + self.chance.below(3) };
        for _ in 0..count {
            let entry = self.entry(name, pattern);
            let entry = if self.faulty() { self.disturbed(&entry) } else { entry };
            self.line(&entry);
        }
    }

    fn entry(&mut self, name: &str, pattern: &str) -> String {
        match name {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" | "static_ipaddress" => self.address(),
            "virtual_routes" | "static_routes" => {
                let destination =
                    self.arguments("10.3.0.0/16|default|10.4.0.1|blackhole 10.5.0.0/24|2001:db8:1::/64", "");
                format!("{destination} {}", self.options("virtual_routes", &["nexthop", "encap"]))
            }
            "virtual_rules" | "static_rules" => {
                let options = self.options("virtual_rules", &[]);
                format!("from 10.0.0.{} {options} table 5", self.chance.below(9))
            }
            // keepalived ends when the only interface of a list has a group already.
            "interfaces" => "eth1 lo".to_owned(),
            "virtual_server_group" => self.arguments("10.0.0.1-5 PORT | 10.0.0.9 PORT | fwmark N", ""),
            "track_script" => self.arguments("s0|s1|s9 [weight N [reverse]]", "-254 to 254"),
            _ => self.arguments(
                if pattern.is_empty() || pattern == "…" { "NAME" } else { pattern },
                "-254 to 254",
            ),
        }
    }

    fn address(&mut self) -> String {
        const OPTIONS: &str = "[dev INTERFACE] [brd +|-|ADDRESS] [label NAME] [scope global|link|SCOPE] [peer 10.9.9.9/24] \
             [home] [-nodad] [mngtmpaddr] [noprefixroute] [autojoin] [no_track] [preferred_lft N|forever]";
        let address = format!("10.0.{}.{}", self.chance.below(3), 2 + self.chance.below(9));
        let address = if self.chance.permille(100) { "2001:db8::9".to_owned() } else { address };
        let prefix = if self.chance.permille(600) { self.arguments("/24", "") } else { String::new() };
        let options = if self.chance.permille(400) { self.arguments(OPTIONS, "") } else { String::new() };
        format!("{address}{prefix} {options}")
    }

    /// Some options of an entry, from their table.
    fn options(&mut self, table: &str, without: &[&str]) -> String {
        let rows = self.language.block(table).keywords.clone();
        let mut words = String::new();
        for _ in 0..self.chance.below(4) {
            let row = rows[self.chance.below(rows.len())];
            if !without.contains(&row.name) && !row.name.starts_with('<') {
                let arguments = self.arguments(row.args, row.range);
                words += &format!("{} {arguments} ", row.name);
            }
        }
        words.trim_end().to_owned()
    }
}

/// Comments, definitions, conditions, repetitions, an included file.
fn decorate(text: String, chance: &mut Chance, faults: usize) -> Made {
    let mut made = Made { text: String::new(), included: String::new() };
    let mut is_defined = false;
    for line in text.lines() {
        let decoration = if chance.permille(40) { chance.below(14) } else { 99 };
        let (words, spoilt) = (line.trim(), chance.permille(faults));
        let has_braces = words.contains(['{', '}', '"']);
        let last = words.rsplit_once(' ');
        let _ = match (decoration, last) {
            (0, _) => writeln!(made.text, "{line} # a comment"),
            (1, _) => writeln!(made.text, "! a comment\n{line}"),
            (2, _) => writeln!(made.text, "@here {words}"),
            (3, _) => writeln!(made.text, "@^there {words}"),
            (4, _) if !has_braces => writeln!(made.text, "@there {words}\n{line}"),
            (5, Some((head, value))) if !has_braces => writeln!(made.text, "$A={value}\n{head} $A"),
            (6, Some((head, value))) if !has_braces => writeln!(made.text, "$B={value}\n{head} ${{B}}"),
            (7, Some((head, _))) if !has_braces && is_defined => writeln!(made.text, "{head} $A"),
            (8, Some((head, _))) if !has_braces && spoilt => writeln!(made.text, "{head} ${{UNKNOWN}}"),
            (9, Some((head, _))) if !has_braces => writeln!(made.text, "~SEQ(N,1,2) {head} $N"),
            (10, Some((head, value))) if !has_braces => {
                writeln!(made.text, "~LST(L,{value},7) {head} ${{L}}")
            }
            (11, _) if made.included.is_empty() && !has_braces => {
                made.included = format!("{line}\n");
                writeln!(made.text, "include included.conf")
            }
            (12, _) if spoilt => writeln!(made.text, "include nothing.conf\n{line}"),
            (13, _) => writeln!(made.text, "$D=\\\n{words}\n$D"),
            _ => writeln!(made.text, "{line}"),
        };
        is_defined |= decoration == 5;
    }
    made
}
