//! `cargo +nightly fuzz run reload_pair`
#![no_main]

#[path = "../bodies/reload_pair.rs"]
mod body;
#[path = "../bodies/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
