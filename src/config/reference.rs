//! The language as a book about it sees it: every block, where it stands, and its keywords.
//!
//! [`language`] walks the keyword tables from the top level down, in their order. Documentation, completions
//! and `vrrpd compat` read this, so that no keyword is described twice.

use super::block::{LVS_ROOT, ROOT};
use super::schema::{Schema, Shape, Support};
use super::value::{NEXTHOP_OPTIONS, ROUTE_OPTIONS, RULE_OPTIONS};

/// A keyword as documentation sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeywordReference {
    /// As it is written.
    pub name: &'static str,
    /// Its arguments: `SECS`, `[BOOL]`, `NAME {…}`.
    pub args: &'static str,
    /// Values that are accepted, where that is not said by `args`.
    pub range: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// What the running daemon makes of it.
    pub support: Support,
}

/// A block as documentation sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockReference {
    /// The keyword that opens it; empty for the top level.
    pub name: &'static str,
    /// The blocks around it, outermost first; more than one way where it may stand in several places.
    pub homes: Vec<Vec<&'static str>>,
    /// The row of the keyword that opens it; `None` for the top level.
    pub opener: Option<KeywordReference>,
    /// The block around it, or a block further out, of which the daemon makes nothing yet.
    pub not_yet_because_of: Option<&'static str>,
    /// In the order of the table.
    pub keywords: Vec<KeywordReference>,
}

/// Every block of the language, each behind the one that it stands in.
#[must_use]
pub fn language() -> Vec<BlockReference> {
    let mut blocks = Vec::new();
    visit(Block::Table(&ROOT), None, &[], None, &mut blocks);
    blocks
}

/// Where the keywords of a block are written down.
#[derive(Clone, Copy)]
pub(super) enum Block {
    /// In a table.
    Table(&'static dyn Schema),
    /// In the table of the options of its entries.
    Options(&'static str, fn() -> Vec<KeywordReference>),
}

impl Block {
    /// The block's own keyword.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Table(table) => table.block(),
            Self::Options(name, _) => name,
        }
    }

    /// Its keywords; those of the top level that the checkers read have the rows of that reading.
    fn keywords(self) -> Vec<KeywordReference> {
        let table = match self {
            Self::Table(table) => table,
            Self::Options(_, rows) => return rows(),
        };
        let row = |row: KeywordReference| match table.shape(row.name) {
            Some(Shape::Foreign) => LVS_ROOT.reference().into_iter().find(|other| other.name == row.name),
            _ => Some(row),
        };
        table.reference().into_iter().filter_map(row).collect()
    }

    /// The keywords in the braces of one of its keywords; `None` where that opens no block of keywords.
    pub(super) fn inner(self, keyword: &str) -> Option<Self> {
        let Self::Table(table) = self else { return entry_options(keyword) };
        match table.shape(keyword)? {
            Shape::Block(inner) => Some(Self::Table(inner)),
            Shape::Foreign => Self::Table(&LVS_ROOT).inner(keyword),
            Shape::Entries => entry_options(keyword),
            _ => None,
        }
    }

    /// What the running daemon makes of one of its keywords; `None`: it is none of its keywords.
    pub(super) fn support(self, keyword: &str) -> Option<Support> {
        let Self::Table(table) = self else { return None };
        Some(match table.shape(keyword)? {
            Shape::Foreign => LVS_ROOT.support(keyword),
            _ => table.support(keyword),
        })
    }
}

/// The options of the entries of a block; those of `static_routes` and `static_rules` are the same as those of
/// the blocks of an instance.
fn entry_options(keyword: &str) -> Option<Block> {
    match keyword {
        "virtual_routes" => Some(Block::Options("virtual_routes", || ROUTE_OPTIONS.reference())),
        "nexthop" => Some(Block::Options("nexthop", || NEXTHOP_OPTIONS.reference())),
        "virtual_rules" => Some(Block::Options("virtual_rules", || RULE_OPTIONS.reference())),
        _ => None,
    }
}

fn visit(
    block: Block,
    opener: Option<KeywordReference>,
    home: &[&'static str],
    not_yet_because_of: Option<&'static str>,
    blocks: &mut Vec<BlockReference>,
) {
    let (name, keywords) = (block.name(), block.keywords());
    if let Some(same) = blocks.iter_mut().find(|other| other.name == name && other.keywords == keywords) {
        return same.homes.push(home.to_vec());
    }
    let homes = vec![home.to_vec()];
    blocks.push(BlockReference { name, homes, opener, not_yet_because_of, keywords: keywords.clone() });
    let path: Vec<_> = home.iter().copied().chain((!name.is_empty()).then_some(name)).collect();
    for keyword in keywords {
        let Some(inner) = block.inner(keyword.name) else { continue };
        let own = matches!(keyword.support, Support::NotYet(_)).then_some(keyword.name);
        visit(inner, Some(keyword), &path, not_yet_because_of.or(own), blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::block::schemas;

    #[test]
    fn every_table_is_reached_from_the_top_and_stands_behind_its_home() {
        let blocks = language();
        for schema in schemas() {
            assert!(blocks.iter().any(|block| block.name == schema.block()), "{}", schema.block());
        }
        let at = |name| blocks.iter().position(|block| block.name == name).unwrap();
        assert_eq!(at(""), 0);
        assert_eq!(blocks[at("authentication")].homes, [["vrrp_instance"]]);
        assert_eq!(blocks[at("SMTP_CHECK")].homes, [["virtual_server", "real_server"]]);
        assert!(at("vrrp_instance") < at("authentication"));
    }

    #[test]
    fn every_keyword_is_documented() {
        for block in language() {
            for keyword in block.keywords {
                assert!(!keyword.doc.is_empty(), "{} {}", block.name, keyword.name);
            }
        }
    }
}
