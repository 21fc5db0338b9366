//! BOOL: `on true yes off false no`.

use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;

const WORDS: [&str; 6] = ["on", "true", "yes", "off", "false", "no"];

/// The six words of a BOOL, in lower case only.
fn parse(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

impl Context<'_> {
    /// `[BOOL]`: true when there is none, `None` when it is reported. `classic` is keepalived's line.
    pub(in crate::config) fn boolean(
        &mut self,
        args: &[Word],
        classic: impl FnOnce(&Word) -> String,
    ) -> Option<bool> {
        let Some(word) = args.first() else { return Some(true) };
        let value = parse(word.as_str());
        if value.is_none() {
            let message = format!("`{word}` is neither true nor false");
            let problem = Diagnostic::error("bad-boolean", word.span, message)
                .classic(classic(word))
                .label("this line is ignored")
                .meant(word, WORDS, "write `on`, `true`, `yes`, `off`, `false` or `no`");
            self.report(problem);
        }
        value
    }
}
