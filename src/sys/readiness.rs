//! Waiting for somebody else's descriptor, once.

use std::io;
use std::os::fd::BorrowedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Returns when something can be written to a descriptor that does not block, or when it has failed. To be
/// called inside a tokio runtime.
///
/// # Errors
/// When the runtime cannot watch another descriptor, or cannot watch this one.
pub async fn writable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: it is borrowed, and so open, for longer than the registration lives.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::WRITABLE) };
    watched?.writable().await?.clear_ready();
    Ok(())
}
