//! The running daemon: a small parent, the script runner and the VRRP child.
//!
//! ```text
//! parent (supervisor) ── signals, pid files, respawn; one thread for all its life
//!  ├─ script runner   ── forked first, without the configuration: it forks for every script
//!  └─ VRRP child      ── gets a ChildContext; its threads start after the fork
//! ```

pub mod child;
pub mod configuration;
pub mod dump_file;
pub mod fifo;
pub mod file_writer;
pub mod files;
pub mod followed_path;
pub mod handover;
pub mod identity;
pub mod logging;
pub mod machine;
pub mod names;
pub mod options;
pub mod panics;
pub mod runner;
pub mod running;
pub mod script_security;
pub mod scripts;
pub mod signals;
pub mod supervisor;
pub mod vrrp;

pub use child::ChildContext;
pub use options::Options;
