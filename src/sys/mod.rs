//! Safe, typed kernel calls: the only place where `unsafe` may live.
//!
//! Knows kernel words (link, address, socket, timer), not VRRP words, and imports `types` only.

pub mod clock;
pub mod deadlines;
pub mod netlink;
pub mod packet;
pub mod sched;
pub mod vrrp_socket;

#[cfg(test)]
mod testing;
