//! `cargo +nightly fuzz run wire_vrrp`
#![no_main]

#[path = "../bodies/wire_vrrp.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
