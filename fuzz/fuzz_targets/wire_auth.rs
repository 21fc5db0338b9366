//! `cargo +nightly fuzz run wire_auth`
#![no_main]

#[path = "../bodies/wire_auth.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
