//! Trackers: things outside the protocol whose state moves a priority or takes a router out.
//!
//! A tracker reaches a [`Verdict`]; a [`Weight`](crate::config::value::Weight) says what that is
//! worth to one instance. Who tracks what is the [`Switchboard`](crate::vrrp::Switchboard)'s business.

mod script;
mod verdict;

pub use script::{ExitStatus, ScriptEffect, ScriptInput, ScriptNotice, ScriptRun, ScriptTracker, Signal};
pub use verdict::{Contribution, Verdict, contribution};
