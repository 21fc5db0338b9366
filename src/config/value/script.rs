//! Commands of `script` and `notify*`.

use std::fmt;

/// A command with its arguments and the account that runs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptCommand {
    /// Program and arguments; never empty.
    pub argv: Vec<String>,
    /// User id to run as; `None` until an account is resolved (files are parsed without a user database).
    pub uid: Option<u32>,
    /// Group id to run as.
    pub gid: Option<u32>,
}

impl fmt::Display for ScriptCommand {
    /// Each word in single quotes, as keepalived writes commands in its dumps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.argv.iter().enumerate() {
            let blank = if i == 0 { "" } else { " " };
            write!(f, "{blank}'{word}'")?;
        }
        Ok(())
    }
}
