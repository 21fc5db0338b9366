//! What becomes of a panic in the VRRP child: it is told with where it came from, and never costs an address.
//!
//! In the task of an instance, or of the BFD sessions, it ends that task alone, which is started again. Nothing
//! else can be missed for long, so a panic anywhere else ends the process, at once and as if it had been killed:
//! all that is in the kernel stays, nobody hears a farewell, and the parent starts a successor that adopts it.

use std::backtrace::Backtrace;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::daemon::logging::LogHandle;
use crate::sys::process;

/// How long the log may take at the very end.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// What tells the last panics.
static TELLERS: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
static LOG: OnceLock<LogHandle> = OnceLock::new();

/// From here on panics go to the log, with the way that led to them.
pub fn tell_panics(log: LogHandle) {
    // A second call would be about the same log.
    let _ = LOG.set(log);
    panic::set_hook(Box::new(|panic| {
        tracing::error!("internal error: {panic}");
        // Names for its addresses take many milliseconds, and adverts may be due on this thread.
        let way = Backtrace::force_capture();
        let tell = move || way.to_string().lines().for_each(|line| tracing::error!("  {}", line.trim_end()));
        if let Ok(teller) = std::thread::Builder::new().spawn(tell) {
            let mut tellers = TELLERS.lock().unwrap_or_else(PoisonError::into_inner);
            tellers.retain(|teller| !teller.is_finished());
            tellers.push(teller);
        }
    }));
}

/// Runs what the process does not work without: a panic in it ends the process.
pub fn essential<T>(body: impl FnOnce() -> T) -> T {
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        for teller in std::mem::take(&mut *TELLERS.lock().unwrap_or_else(PoisonError::into_inner)) {
            // Of a panic in there nobody can be told.
            let _ = teller.join();
        }
        if let Some(log) = LOG.get() {
            log.flush(FLUSH_LIMIT);
        }
        process::exit_now(process::INTERNAL_ERROR)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set in the process that is to end.
    const MARK: &str = "VRRPD_TEST_PANICS";

    #[test]
    fn a_thread_that_panics_takes_the_process_with_it() {
        if std::env::var_os(MARK).is_some() {
            let _ = std::thread::spawn(|| essential(|| panic!("asked for by a test"))).join();
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        let itself = std::env::current_exe().unwrap();
        let name = "daemon::panics::tests::a_thread_that_panics_takes_the_process_with_it";
        let ended = Command::new(itself).args([name, "--exact"]).env(MARK, "1").output().unwrap();
        assert_eq!(ended.status.code(), Some(i32::from(process::INTERNAL_ERROR)), "{ended:?}");
    }

    #[test]
    fn what_does_not_panic_is_handed_through() {
        assert_eq!(essential(|| 7), 7);
    }
}
