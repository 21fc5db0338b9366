//! `vrrpd`: a keepalived-compatible VRRP daemon.
//!
//! Modules in dependency order; imports only point upwards in this list (a test checks it).
//! The pure ring knows no socket, no clock, no file and no tokio: time and events come in as
//! arguments, actions go out as values.

// ── pure ring ────────────────────────────────────────────────────────────────────────────────
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod types;

#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod config;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod wire;

#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod bfd;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod track;

#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod vrrp;

#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod docs;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod sim;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod status;

// ── IO ring ──────────────────────────────────────────────────────────────────────────────────
#[cfg(feature = "daemon")]
#[allow(unsafe_code)]
pub mod sys;

#[cfg(feature = "daemon")]
pub mod daemon;

#[cfg(feature = "daemon")]
pub mod cli;
