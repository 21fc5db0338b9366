//! `restore | yield`: what a master does when somebody removes what is its.

use crate::config::diagnostic::Diagnostic;
use crate::config::schema::Context;
use crate::config::tree::Node;

/// What a master does when somebody removes an address, a route or a rule of its.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnRemoval {
    /// Puts it back, unless that has become a tug of war.
    #[default]
    Restore,
    /// Gives way, with priority 0, as keepalived does.
    Yield,
}

const WORDS: [&str; 2] = ["restore", "yield"];

impl Context<'_> {
    /// `restore | yield`; `None` when what is there is reported.
    pub(in crate::config) fn on_removal(&mut self, node: &Node) -> Option<OnRemoval> {
        let help = "write `restore` or `yield`";
        let problem = match node.args.first() {
            Some(word) => match word.as_str() {
                "restore" => return Some(OnRemoval::Restore),
                "yield" => return Some(OnRemoval::Yield),
                _ => Diagnostic::error("unknown-option", word.span, format!("`{word}` means nothing here"))
                    .meant(word, WORDS, help),
            },
            None => Diagnostic::error("missing-value", node.keyword.span, "a value is missing").help(help),
        };
        self.report(problem.label("this line is ignored"));
        None
    }
}
