//! The hermetic suite: no root, no network, no clock.

#[cfg(feature = "daemon")]
mod cli;
mod config;
mod fuzz;
mod sim;
#[cfg(feature = "daemon")]
mod text_layer;
mod tidy;
