//! Keywords of keepalived that this version reads and does not act on.
//!
//! They are told from mistakes: a file that uses them is right, and says what it will do once they
//! work. A keyword leaves this list by getting a line in its block's table.

/// Whether a keyword has braces to be skipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// One line.
    Line,
    /// A block.
    Block,
}

/// A `[block]` a line, then its keywords; `{` marks those with a block of their own.
const KNOWN: &str = include_str!("known.txt");

/// Finds a keyword of a block (`""`: the top level).
pub(super) fn find(block: &str, keyword: &str) -> Option<Kind> {
    words().filter(|(home, _)| *home == block).find_map(|(_, word)| kind(word, keyword))
}

/// The block that a keyword of another opens, where its own keywords are known one by one. A section that is
/// called like a block of the top level is about that, and not about a block of the same name elsewhere.
pub(super) fn inner(block: &str, keyword: &str) -> Option<&'static str> {
    if find(block, keyword) != Some(Kind::Block) || (!block.is_empty() && find("", keyword).is_some()) {
        return None;
    }
    words().map(|(home, _)| home).find(|home| *home == keyword)
}

/// The names of a block's keywords.
pub(super) fn names(block: &str) -> impl Iterator<Item = &'static str> {
    words().filter(move |(home, _)| *home == block).map(|(_, word)| word.trim_end_matches('{'))
}

/// Every keyword with its block.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    words().map(|(home, word)| (word.trim_end_matches('{'), home))
}

/// The blocks that have a keyword.
pub(super) fn homes(keyword: &str) -> impl Iterator<Item = &'static str> {
    words().filter(move |(_, word)| kind(word, keyword).is_some()).map(|(home, _)| home)
}

fn kind(word: &str, keyword: &str) -> Option<Kind> {
    match word.strip_suffix('{') {
        Some(name) => (name == keyword).then_some(Kind::Block),
        None => (word == keyword).then_some(Kind::Line),
    }
}

/// Every keyword with its block.
fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let sections = KNOWN.split('[').filter_map(|section| section.split_once(']'));
    sections.flat_map(|(block, words)| words.split_ascii_whitespace().map(move |word| (block, word)))
}

/// What the running daemon does without the keyword.
pub(super) fn effect(keyword: &str) -> &'static str {
    match keyword {
        "virtual_routes" | "virtual_rules" | "static_ipaddress" | "static_routes" | "static_rules" => {
            "none of its entries is installed"
        }
        "net_namespace" => "runs in the namespace that it was started in",
        _ => "has no effect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_keyword_is_found_in_its_own_block_only() {
        assert_eq!(find("", "track_group"), Some(Kind::Block));
        assert_eq!(find("vrrp_instance", "virtual_routes"), Some(Kind::Block));
        assert_eq!(find("vrrp_instance", "track_group"), None);
    }
}
