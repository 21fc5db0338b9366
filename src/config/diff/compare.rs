//! Two values of one block, field by field.

use crate::config::dump::general;
use crate::config::value::ScriptCommand;
use crate::types::AdvertInt;
use serde::Serialize;
use std::fmt::{self, Display};
use std::time::Duration;

/// How deep a change goes, the lightest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing that neighbours or the kernel could see: scripts, logs, what is told to whom.
    None,
    /// Something is due sooner or later than it was.
    Timers,
    /// What is advertised, or what is accepted of others.
    Advert,
    /// Addresses, routes or rules come or go.
    Addresses,
    /// Sockets are opened anew.
    Sockets,
    /// The instance ends and a new one begins; the others see nothing of it.
    Restart,
    /// It is taken when the daemon starts, and not before.
    DaemonRestart,
}

impl Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Timers => "timers",
            Self::Advert => "advert",
            Self::Addresses => "addresses",
            Self::Sockets => "sockets",
            Self::Restart => "restart",
            Self::DaemonRestart => "daemon restart",
        })
    }
}

/// What has become of a value. Secrets are not shown.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// One took the place of another; `None`: there is none.
    Value {
        /// What it was.
        old: Option<String>,
        /// What it is.
        new: Option<String>,
    },
    /// Some came, some went.
    List {
        /// Those that came.
        added: Vec<String>,
        /// Those that went.
        removed: Vec<String>,
    },
    /// That it has changed is all there is to see.
    Hidden {},
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { old: Some(old), new: Some(new) } => write!(f, "{old} -> {new}"),
            Self::Value { old: None, new } => write!(f, "(none) -> {}", new.as_deref().unwrap_or("(none)")),
            Self::Value { old: Some(old), new: None } => write!(f, "{old} -> (none)"),
            Self::List { added, removed } if added.is_empty() && removed.is_empty() => {
                f.write_str("another order")
            }
            Self::List { added, removed } => {
                let gone = removed.iter().map(|one| format!("-{{{one}}}"));
                let come = added.iter().map(|one| format!("+{{{one}}}"));
                f.write_str(&gone.chain(come).collect::<Vec<_>>().join(" "))
            }
            Self::Hidden {} => f.write_str("changed"),
        }
    }
}

/// One keyword that says something else than before.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// The keyword.
    pub keyword: &'static str,
    /// How deep it goes.
    pub impact: Impact,
    /// From what to what.
    #[serde(flatten)]
    pub shown: Shown,
    /// What a client, or a neighbour, may notice of it, and why; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noticed: Option<&'static str>,
}

/// What a block can say of another of its kind.
pub(in crate::config) trait Compare {
    /// What a reload from this one to `new` changes.
    fn differences(&self, new: &Self) -> Vec<Difference>;
}

/// Says of each field which keyword it comes from, how deep a change of it goes, how to show it, and what
/// others may notice; `..` goes into a block within. A field that is missing here does not compile.
macro_rules! compared {
    ($block:ty {
        $($field:ident: $keyword:literal $impact:ident $show:expr $(, $noticed:literal)?;)*
        $(.. $nested:ident;)*
    }) => {
        impl $crate::config::diff::Compare for $block {
            fn differences(&self, new: &Self) -> Vec<$crate::config::diff::Difference> {
                #[allow(unused_imports)]
                use $crate::config::diff::{Difference, Impact, shown::*};
                #[allow(unused_mut)]
                let mut found = Vec::new();
                let Self { $($field: _,)* $($nested: _,)* } = self;
                $(if self.$field != new.$field {
                    let noticed: &[&'static str] = &[$($noticed)?];
                    found.push(Difference {
                        keyword: $keyword,
                        impact: Impact::$impact,
                        shown: $show(&self.$field, &new.$field),
                        noticed: noticed.first().copied(),
                    });
                })*
                $(found.extend(self.$nested.differences(&new.$nested));)*
                found
            }
        }
    };
}
pub(in crate::config) use compared;

/// Ways to show what has become of a value.
pub(in crate::config) mod shown {
    use super::{AdvertInt, Display, Duration, ScriptCommand, Shown, general};

    pub(in crate::config) fn one(old: Option<String>, new: Option<String>) -> Shown {
        Shown::Value { old, new }
    }

    pub(in crate::config) fn plain<T: Display>(old: &T, new: &T) -> Shown {
        one(Some(old.to_string()), Some(new.to_string()))
    }

    pub(in crate::config) fn optional<T: Display>(old: &Option<T>, new: &Option<T>) -> Shown {
        one(old.as_ref().map(T::to_string), new.as_ref().map(T::to_string))
    }

    pub(in crate::config) fn onoff(old: &bool, new: &bool) -> Shown {
        let word = |on: bool| Some(if on { "on" } else { "off" }.to_owned());
        one(word(*old), word(*new))
    }

    pub(in crate::config) fn time(old: &Duration, new: &Duration) -> Shown {
        one(Some(secs(old)), Some(secs(new)))
    }

    pub(in crate::config) fn optional_time(old: &Option<Duration>, new: &Option<Duration>) -> Shown {
        one(old.as_ref().map(secs), new.as_ref().map(secs))
    }

    pub(in crate::config) fn interval(old: &AdvertInt, new: &AdvertInt) -> Shown {
        time(&old.duration(), &new.duration())
    }

    pub(in crate::config) fn command(old: &Option<ScriptCommand>, new: &Option<ScriptCommand>) -> Shown {
        optional(old, new)
    }

    pub(in crate::config) fn list<T: Display + PartialEq>(old: &[T], new: &[T]) -> Shown {
        list_by(old, new, T::to_string)
    }

    pub(in crate::config) fn list_by<T: PartialEq>(
        old: &[T],
        new: &[T],
        show: impl Fn(&T) -> String,
    ) -> Shown {
        Shown::List {
            added: new.iter().filter(|one| !old.contains(one)).map(&show).collect(),
            removed: old.iter().filter(|one| !new.contains(one)).map(&show).collect(),
        }
    }

    pub(in crate::config) fn hidden<T>(_: &T, _: &T) -> Shown {
        Shown::Hidden {}
    }

    fn secs(time: &Duration) -> String {
        format!("{} s", general(time.as_secs_f64()))
    }
}
