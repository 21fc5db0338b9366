//! The hermetic suite: no root, no network, no clock.

#[cfg(feature = "daemon")]
mod books;
#[cfg(feature = "daemon")]
mod cli;
mod config;
mod fuzz;
mod sim;
mod text_layer;
mod tidy;
