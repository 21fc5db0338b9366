//! Interfaces that have to be there.

use crate::config::diagnostic::{Class, Consequence, Diagnostic};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::types::IfName;

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
        let problem =
            Diagnostic::error("no-such-interface", word.span, format!("there is no interface `{word}`"))
                .classic(classic)
                .label(label)
                .consequence(Consequence::Refused)
                .keepalived("exits 2: an interface of the configuration does not exist");
        match IfName::of_alias(word.as_str()) {
            Some(_) => name_the_link(problem, word),
            None => problem.meant(word, names.iter().map(String::as_str), list),
        }
    }

    /// That an interface that may come later never will.
    pub(in crate::config) fn report_alias(&mut self, word: &Word) {
        if IfName::of_alias(word.as_str()).is_none() {
            return;
        }
        let message = format!("no interface can have the name `{word}`");
        let problem = Diagnostic::warning("no-such-interface", word.span, message)
            .class(Class::Harmless)
            .label("waited for in vain: the instance stays in FAULT");
        self.report(name_the_link(problem, word));
    }
}

fn name_the_link(problem: Diagnostic, alias: &Word) -> Diagnostic {
    let link = alias.as_str().split(':').next().unwrap_or_default();
    problem
        .help(format!("an alias is the label of an address: name the link, `{link}`"))
        .write_instead(alias, link)
}
