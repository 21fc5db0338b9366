//! The hermetic suite: no root, no network, no clock.

#[cfg(feature = "daemon")]
mod books;
mod catalogue;
#[cfg(feature = "daemon")]
mod cli;
mod config;
mod fuzz;
mod groups;
mod secrets;
mod sim;
mod text_layer;
mod tidy;
