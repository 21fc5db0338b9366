//! Bidirectional forwarding detection: sessions with neighbours (RFC 5880, 5881, 5883), asynchronous mode, no
//! authentication, no echo.
//!
//! [`Sessions`] is a machine like those of [`crate::vrrp`](../vrrp/index.html): a value without IO, driven by
//!
//! 1. exactly one of `handle(now, input)` and `handle_timeout(now)`,
//! 2. `poll_effect()` until it yields nothing, carrying out each effect in that order,
//! 3. sleep until `poll_timeout()` or the next input.
//!
//! Chance (discriminators, jitter) comes from a seed that it is made with.

mod accept;
mod notice;
mod session;
mod sessions;
#[cfg(test)]
mod tests;

pub use accept::{Datagram, Discard};
pub use notice::{Notice, NoticeKind};
pub use session::{SessionStatus, Timing};
pub use sessions::{Effect, Input, Sessions, Transmit};
