//! `vrrpd explain`: what a diagnostic is about.

use std::io::{self, Write as _};

use super::USAGE_ERROR;
use crate::docs::diagnostics;

/// The question.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The id in the brackets of a diagnostic; without it, all of them are listed
    id: Option<String>,
}

impl Explain {
    pub(super) fn run(self) -> Result<u8, u8> {
        let text = match self.id.as_deref() {
            None => diagnostics::list(),
            // As it is copied from a report, perhaps with its brackets.
            Some(id) => match diagnostics::about(id.trim_matches(['[', ']'])) {
                Ok(text) => text,
                Err(near) => {
                    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    eprintln!("vrrpd explain: there is no diagnostic `{id}`{hint}");
                    return Err(USAGE_ERROR);
                }
            },
        };
        // A closed pipe is nobody's fault.
        let _ = io::stdout().lock().write_all(text.as_bytes());
        Ok(0)
    }
}
