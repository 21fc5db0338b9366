//! Hearing of the end of any process, also of one that is no child.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use tokio::io::unix::AsyncFd;

/// A process, whatever becomes of its number.
#[derive(Debug)]
pub struct PidFd(AsyncFd<OwnedFd>);

impl PidFd {
    /// To be called inside a tokio runtime.
    ///
    /// # Errors
    /// There is no such process, or the kernel is older than 5.3.
    pub fn open(pid: u32) -> io::Result<Self> {
        let (pid, no_flags) = (pid.cast_signed(), 0u32);
        // SAFETY: the call takes numbers only.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, no_flags) };
        let descriptor = RawFd::try_from(result).map_err(io::Error::other)?;
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us, marked close-on-exec.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        // SAFETY: the descriptor is owned by what is registered, which never changes it.
        Ok(Self(unsafe { AsyncFd::register(descriptor)? }))
    }

    /// Returns when the process has ended. Dropping the future loses nothing.
    pub async fn ended(&self) {
        // An error would be one of the runtime at its end: nobody waits for the rest.
        let _ = self.0.readable().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::block_on;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn the_end_of_a_process_is_heard_at_once_and_no_sooner() {
        block_on(async {
            let mut child = Command::new("sleep").arg("600").spawn().unwrap();
            let process = PidFd::open(child.id()).unwrap();
            let early = tokio::time::timeout(Duration::from_millis(50), process.ended()).await;
            assert!(early.is_err(), "it runs");
            child.kill().unwrap();
            process.ended().await;
            child.wait().unwrap();
            assert!(PidFd::open(child.id()).is_err(), "there is no such process any more");
        });
    }
}
