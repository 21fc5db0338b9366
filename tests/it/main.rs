//! The hermetic suite: no root, no network, no clock.

mod config;
mod sim;
mod tidy;
