//! The manual pages, in mdoc(7).

mod daemon;
mod language;

pub use daemon::{CommandReference, OptionReference, daemon};
pub use language::language;

/// When the text of the pages last changed: a page has to bear a date, and must not depend on the clock.
const DATE: &str = "November 25, 2026";

/// Lines of text are no longer than this, which mandoc(1) asks for.
const WIDTH: usize = 79;

/// Lines of mdoc.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn new(title: &str, section: u8) -> Self {
        let mut page = Self::default();
        page.line(".\\\" Made by `vrrpd generate man`; a test says when it is stale.");
        page.line(&format!(".Dd {DATE}\n.Dt {} {section}\n.Os", title.to_uppercase()));
        page
    }

    /// Lines that are mdoc already; long ones are broken, unless they are macros.
    fn line(&mut self, mdoc: &str) {
        for line in mdoc.lines() {
            let mut room = if line.starts_with('.') { usize::MAX } else { WIDTH };
            for (n, word) in line.split(' ').enumerate() {
                let length = word.chars().count() + usize::from(n > 0);
                // At the beginning of a line these would make a macro of it.
                let fits = room >= length || word.starts_with(['.', '\'']);
                match (n, fits) {
                    (0, _) => {}
                    (_, true) => self.0.push(' '),
                    (_, false) => {
                        self.0.push('\n');
                        room = WIDTH;
                    }
                }
                self.0 += word;
                room = room.saturating_sub(length);
            }
            self.0.push('\n');
        }
    }

    /// A macro with one argument that may hold anything.
    fn quoted(&mut self, name: &str, argument: &str) {
        let argument = escaped(argument).replace('"', "\\(dq");
        self.line(&format!(".{name} \"{argument}\""));
    }

    /// Sentences, each on a line of its own; what stands in backticks is to be written as it is.
    fn prose(&mut self, text: &str) {
        let ends = |at: usize| text[..at].ends_with(['.', ';', ':', '?']);
        let breaks = text.match_indices(' ').map(|(at, _)| at).filter(|at| ends(*at) && !in_code(text, *at));
        let mut from = 0;
        for at in breaks.chain([text.len()]) {
            let sentence = with_code(&text[from..at]);
            let guard = if sentence.starts_with(['.', '\'']) { "\\&" } else { "" };
            self.line(&format!("{guard}{sentence}"));
            from = (at + 1).min(text.len());
        }
    }
}

fn in_code(text: &str, at: usize) -> bool {
    text[..at].matches('`').count() % 2 == 1
}

/// Text that roff takes for what it is.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('…', "...").replace('–', "\\(en").replace('’', "'")
}

/// A sentence whose parts in backticks are set in bold.
fn with_code(text: &str) -> String {
    let parts = escaped(text);
    let parts = parts.split('`').enumerate().map(|(n, part)| match n % 2 {
        0 => part.to_owned(),
        _ => format!("\\fB{}\\fP", part.replace('-', "\\-")),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_behind_sentences_and_never_taken_for_macros() {
        let mut page = Page::default();
        page.prose("Write `a. b-c` here. .Then \\ again… 'x' e.g");
        assert_eq!(page.0, "Write \\fBa. b\\-c\\fP here.\n\\&.Then \\e again... 'x' e.g\n");
    }
}
