//! Names and numbers of kernel interfaces.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The name of a kernel interface: 1 to 15 bytes, no `/`, no white space.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IfName(Arc<str>);

/// Why a word is no interface name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfNameError {
    /// Nothing there.
    Empty,
    /// More than 15 bytes.
    TooLong,
    /// A character that the kernel refuses: `/`, `:` or white space, or the names `.` and `..`.
    Invalid,
}

impl fmt::Display for IfNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an interface name cannot be empty",
            Self::TooLong => "an interface name has at most 15 characters",
            Self::Invalid => "an interface name cannot have `/`, `:` or blanks in it",
        })
    }
}

impl std::error::Error for IfNameError {}

impl IfName {
    /// Checks a word as the kernel does (Linux: dev_valid_name).
    ///
    /// # Errors
    /// The kernel would refuse the name.
    pub fn new(name: &str) -> Result<Self, IfNameError> {
        if name.is_empty() {
            return Err(IfNameError::Empty);
        }
        if name.len() > 15 {
            return Err(IfNameError::TooLong);
        }
        let refused = |c: char| c == '/' || c == ':' || c.is_ascii_whitespace() || c == '\0';
        if name == "." || name == ".." || name.contains(refused) {
            return Err(IfNameError::Invalid);
        }
        Ok(Self(name.into()))
    }

    /// The name of an alias, `eth0:1`: the kernel has no such interface, and an instance that is given one
    /// waits for it for ever. `None`: the word is none.
    #[must_use]
    pub fn of_alias(word: &str) -> Option<Self> {
        let (link, number) = word.split_once(':')?;
        let fits =
            Self::new(link).is_ok() && !number.contains(':') && Self::new(&word.replace(':', "-")).is_ok();
        fits.then(|| Self(word.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kernel's number of an interface.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// `None` for 0, which names no interface.
    #[must_use]
    pub const fn new(index: u32) -> Option<Self> {
        match NonZeroU32::new(index) {
            Some(index) => Some(Self(index)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a link on top of another is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Stacked {
    /// With a MAC address of its own.
    Macvlan {
        /// It hears nothing of its siblings: what `use_vmac` makes.
        private: bool,
    },
    /// With the MAC address of the link below.
    Ipvlan {
        /// It switches by MAC address: what `use_ipvlan` makes.
        l2: bool,
    },
}
