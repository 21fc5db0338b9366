//! Safe, typed kernel calls: the only place where `unsafe` may live.
//!
//! Knows kernel words (link, address, socket, timer), not VRRP words, and imports `types` only.

pub mod account;
pub mod bfd_socket;
pub mod breather;
pub mod clock;
mod closer;
pub mod deadlines;
pub mod filesystem;
pub mod inotify;
pub mod local_time;
pub mod memfd;
pub mod neighbour_socket;
pub mod netlink;
pub mod nftables;
pub mod packet;
pub mod pidfd;
pub mod pidfile;
pub mod proc_connector;
pub mod process;
pub mod procfs;
pub mod readiness;
pub mod sched;
pub mod sd_notify;
pub mod seqpacket;
pub mod spawn;
pub mod sysctl;
pub mod vrrp_socket;
pub mod wall_timer;

#[cfg(test)]
pub(crate) mod testing;
