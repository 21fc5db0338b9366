//! `docs/KEYWORDS.md`: every keyword, block by block.

use super::placeholder::{PLACEHOLDERS, unit};
use crate::config::{BlockReference, KeywordReference, Support, language};
use std::fmt::Write as _;

const HEAD: &str = "\
# Keywords

<!-- Made by `vrrpd generate keywords` from the keyword tables; a test says when it is stale. -->

Every keyword of keepalived that vrrpd knows, block by block, in the order in which they stand within each other.
Keywords are case-sensitive and stand at the beginning of a line; what opens a block has its `{` on the same line or on
the next. The text layer (comments, quotes, `include`, `@`, `$`, `~SEQ`, `~LST`) is in vrrpd.conf(5).

The last column says what the running daemon makes of a keyword, beside keepalived:

- **same**: what keepalived makes of it.
- **differs**: something else, as said there; `docs/COMPATIBILITY.md` says why.
- **not run yet**: it is read, checked and dumped, and then left alone; what that means is said there. `vrrpd -t` warns
  of such keywords, and `vrrpd compat FILE` says which of them a file uses.
";

/// The reference as Markdown.
#[must_use]
pub fn markdown() -> String {
    let blocks = language();
    let mut text = HEAD.to_owned();
    text += &format!("\n{}\n", counts(&blocks));
    text += "\n## Arguments\n\n| word | stands for | unit |\n|---|---|---|\n";
    for placeholder in PLACEHOLDERS {
        let _ = writeln!(text, "| {} | {} | {} |", placeholder.name, placeholder.meaning, placeholder.unit);
    }
    text += "\n`[…]` can be left out, `|` stands between words of which one is written, `…` means any number of them.\n";
    text += "\n## Blocks\n\n";
    for block in &blocks {
        let depth = block.homes[0].len() + usize::from(!block.name.is_empty());
        let _ = writeln!(text, "{}- [{}](#{})", "  ".repeat(depth), shown_name(block), anchor(block));
    }
    for block in &blocks {
        section(&mut text, block);
    }
    text
}

fn counts(blocks: &[BlockReference]) -> String {
    let mut counts = [0; 3];
    for block in blocks {
        for keyword in &block.keywords {
            let index = match (keyword.support, block.not_yet_because_of) {
                (_, Some(_)) | (Support::NotYet(_), None) => 2,
                (Support::Differs(_), None) => 1,
                (Support::Same, None) => 0,
            };
            counts[index] += 1;
        }
    }
    let [same, differ, not_yet] = counts;
    format!(
        "{} keywords in {} blocks: {same} as in keepalived, {differ} that differ, {not_yet} not run yet.",
        same + differ + not_yet,
        blocks.len(),
    )
}

fn section(text: &mut String, block: &BlockReference) {
    let _ = write!(text, "\n## {}\n\n", title(block));
    if let Some(opener) = block.opener {
        let _ = write!(text, "`{}`", [block.name, opener.args].join(" ").trim_end());
        if !opener.doc.is_empty() {
            let _ = write!(text, ": {}", opener.doc);
        }
        let homes: Vec<String> = block.homes.iter().map(|home| place(home)).collect();
        let _ = write!(text, ".\nStands {}.\n", homes.join(", and "));
        match (block.not_yet_because_of, opener.support) {
            (Some(outer), _) if outer != block.name => {
                let _ = writeln!(text, "Not run yet, as the whole of `{outer}`.");
            }
            (_, Support::NotYet(effect)) => {
                let _ = writeln!(text, "Not run yet: {effect}.");
            }
            (_, Support::Differs(how)) => {
                let _ = writeln!(text, "Differs: {how}.");
            }
            (_, Support::Same) => {}
        }
        text.push('\n');
    }
    *text += "| keyword | arguments | range | default | unit | meaning | in vrrpd |\n|---|---|---|---|---|---|---|\n";
    for keyword in &block.keywords {
        let cells = [
            code(keyword.name),
            code(keyword.args),
            cell(keyword.range),
            cell(keyword.default),
            unit(keyword.args),
            cell(keyword.doc),
            support(keyword, block.not_yet_because_of),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

fn support(keyword: &KeywordReference, outer: Option<&str>) -> String {
    match (outer, keyword.support) {
        (Some(outer), _) => format!("not run yet, as `{outer}`"),
        (None, Support::Same) => "same".to_owned(),
        (None, Support::Differs(how)) => cell(&format!("**differs**: {how}")),
        (None, Support::NotYet(effect)) => cell(&format!("**not run yet**: {effect}")),
    }
}

fn shown_name(block: &BlockReference) -> String {
    if block.name.is_empty() { "the top level".to_owned() } else { code(block.name) }
}

fn title(block: &BlockReference) -> String {
    if block.name.is_empty() {
        return "The top level".to_owned();
    }
    let way: Vec<String> = block.homes[0].iter().chain([&block.name]).map(|name| code(name)).collect();
    way.join(" › ")
}

fn place(home: &[&str]) -> String {
    match home {
        [] => "at the top level".to_owned(),
        [.., innermost] => format!("in `{innermost}`"),
    }
}

/// The name under which a heading can be linked to, as forges make it.
fn anchor(block: &BlockReference) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    title(block).to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", cell(text)) }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: by hand, from the rows of these keywords.
    #[test]
    fn a_row_tells_all_there_is_to_know_of_a_keyword() {
        let text = markdown();
        let row =
            |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
        assert_eq!(
            row("| `preempt_delay` |"),
            "| `preempt_delay` | `SECS` | 0 to 1000 | 0 | seconds | how long to hear a lower master before taking over | same |"
        );
        assert_eq!(row("| `state` |").matches("\\|").count(), 1);
        assert!(text.contains("  - [`vrrp_instance`](#vrrp_instance)\n    - [`authentication`](#vrrp_instance--authentication)\n"));
        assert!(text.contains("\n## `vrrp_instance` › `authentication`\n"));
    }
}
