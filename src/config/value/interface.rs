//! Interfaces that have to be there.

use crate::config::diagnostic::{Consequence, Diagnostic};
use crate::config::lexer::Word;
use crate::config::schema::Context;

/// What an interface that is not there would be needed for.
pub(in crate::config) const MUST_BE_THERE: &str = "it must exist when the daemon starts";

/// Names that are listed where none is near to the one that is missing.
const MOST_LISTED: usize = 8;

impl Context<'_> {
    /// That an interface is not there, which keepalived does not start with; `label` says what it is for.
    pub(in crate::config) fn no_such_interface(
        &self,
        word: &Word,
        label: &str,
        classic: String,
    ) -> Diagnostic {
        let names = self.environment.link_names();
        let quoted: Vec<String> = names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
        let list = match quoted.len() {
            0 => String::new(),
            _ if names.len() > MOST_LISTED => format!("this machine has {} and others", quoted.join(", ")),
            _ => format!("this machine has {}", quoted.join(", ")),
        };
        Diagnostic::error("no-such-interface", word.span, format!("there is no interface `{word}`"))
            .classic(classic)
            .label(label)
            .consequence(Consequence::Refused)
            .keepalived("exits 2: an interface of the configuration does not exist")
            .meant(word, names.iter().map(String::as_str), list)
    }
}
