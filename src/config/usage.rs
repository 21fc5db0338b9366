//! Which keywords a configuration uses, and what the running daemon makes of each.
//!
//! This is about the language and not about what the file says in it: it walks the tree of nodes, so that
//! keywords which are read and then left alone count like any other.

use super::block::ROOT;
use super::load::{Loaded, load_and};
use super::reference::Block;
use super::schema::{Schema, Shape, Support};
use super::source::Span;
use super::tree::{Body, Node};
use super::{Environment, FileSource};
use std::path::Path;
use std::rc::Rc;

/// What a configuration uses.
#[derive(Debug)]
pub struct Usage {
    /// What came of reading it.
    pub loaded: Loaded,
    /// Every use of a keyword, in the order of the files.
    pub uses: Vec<Use>,
}

/// A keyword somewhere in a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Use {
    /// The blocks around it, outermost first; empty at the top level.
    pub home: Rc<[&'static str]>,
    /// As it is written.
    pub keyword: String,
    /// Where.
    pub span: Span,
    /// What the daemon makes of it.
    pub support: Support,
    /// The block around it, or further out, that the daemon leaves alone with all that is in it.
    pub left_alone_with: Option<&'static str>,
}

/// Reads the file that `-f` names, and all that it includes.
#[must_use]
pub fn usage(path: &Path, files: &dyn FileSource, environment: &dyn Environment) -> Usage {
    let mut uses = Vec::new();
    let loaded = load_and(path, files, environment, &mut |nodes, second| {
        // Each reading has left out the blocks of the others; some are read twice.
        let own = |node: &&Node| {
            let for_checkers = matches!(ROOT.shape(node.keyword.as_str()), Some(Shape::Foreign));
            !matches!(node.body, Body::Unread) && for_checkers == second
        };
        walk(nodes.iter().filter(own), Block::Table(&ROOT), &Rc::from([]), None, &mut uses);
    });
    uses.sort_by_key(|used: &Use| (used.span.file, used.span.start));
    Usage { loaded, uses }
}

fn walk<'n>(
    nodes: impl Iterator<Item = &'n Node>,
    block: Block,
    home: &Rc<[&'static str]>,
    left_alone_with: Option<&'static str>,
    uses: &mut Vec<Use>,
) {
    for node in nodes {
        let Some(support) = block.support(node.keyword.as_str()) else { continue };
        let (keyword, span) = (node.keyword.text.clone(), node.keyword.span);
        uses.push(Use { home: Rc::clone(home), keyword, span, support, left_alone_with });
        let Some(inner) = block.inner(node.keyword.as_str()) else { continue };
        let home = home.iter().copied().chain([inner.name()]).collect();
        let own = matches!(support, Support::NotYet(_)).then_some(inner.name());
        walk(node.children().iter(), inner, &home, left_alone_with.or(own), uses);
    }
}

impl Use {
    /// Whether the daemon does nothing of what it asks for.
    #[must_use]
    pub fn is_not_run(&self) -> bool {
        self.left_alone_with.is_some() || matches!(self.support, Support::NotYet(_))
    }
}
