//! Waiting for a moment of the wall clock, which may be set meanwhile.

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Farther than any wait.
const NEVER: Duration = Duration::from_secs(i32::MAX as u64 * 2);

/// Is readable when its moment has come, or somebody has set the clock. Sleep of the machine counts.
#[derive(Debug)]
pub struct WallTimer(TimerFd);

impl AsFd for WallTimer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl WallTimer {
    /// For no moment yet.
    ///
    /// # Errors
    /// The kernel refuses a timerfd: no descriptor or no memory left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Self(TimerFd::new(ClockId::CLOCK_REALTIME, flags)?);
        timer.arm(None)?;
        Ok(timer)
    }

    /// Waits for this moment from now on, and for none before; with `None` only for the clock to be set.
    ///
    /// # Errors
    /// None that the kernel documents.
    pub fn arm(&self, moment: Option<SystemTime>) -> io::Result<()> {
        let since = moment.map_or(NEVER, |moment| moment.duration_since(UNIX_EPOCH).unwrap_or_default());
        // No time at all would disarm it.
        let at = TimeSpec::from_duration(since.clamp(Duration::from_nanos(1), NEVER));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match self.0.set(Expiration::OneShot(at), flags) {
            // Armed all the same: the clock has been set since nobody has asked.
            Err(Errno::ECANCELED) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it has woken somebody, who is now told; it has to be armed again.
    ///
    /// # Errors
    /// None that the kernel documents.
    pub fn has_fired(&self) -> io::Result<bool> {
        let mut count = [0; 8];
        match nix::unistd::read(&self.0, &mut count) {
            Ok(_) | Err(Errno::ECANCELED) => Ok(true),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fires_when_its_moment_has_come_and_no_sooner() {
        let timer = WallTimer::new().unwrap();
        timer.arm(Some(SystemTime::now() + Duration::from_secs(3600))).unwrap();
        assert!(!timer.has_fired().unwrap());
        let soon = SystemTime::now() + Duration::from_millis(20);
        timer.arm(Some(soon)).unwrap();
        while !timer.has_fired().unwrap() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(SystemTime::now() >= soon);
        timer.arm(Some(UNIX_EPOCH)).unwrap();
        assert!(timer.has_fired().unwrap(), "a moment that is past");
        timer.arm(None).unwrap();
        assert!(!timer.has_fired().unwrap());
    }
}
