//! `cargo +nightly fuzz run config_text`
#![no_main]

#[path = "../bodies/config_text.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
