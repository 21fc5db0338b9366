//! `cargo +nightly fuzz run config_text`
#![no_main]

#[path = "../bodies/config_text.rs"]
mod body;
#[path = "../bodies/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
