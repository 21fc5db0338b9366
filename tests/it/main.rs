//! The hermetic suite: no root, no network, no clock.

mod sim;
mod tidy;
