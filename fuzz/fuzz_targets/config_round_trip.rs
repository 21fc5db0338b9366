//! `cargo +nightly fuzz run config_round_trip`
#![no_main]

#[path = "../bodies/config_round_trip.rs"]
mod body;
#[path = "../bodies/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
