//! One timerfd for all deadlines of a thread.
//!
//! tokio's own timers fire one to two milliseconds late by design, which is more than the skew that
//! orders an election at centisecond intervals. Here every waiting task is an entry of an ordered
//! set, and one absolute `CLOCK_MONOTONIC` timerfd is armed for the earliest. Start at
//! [`Deadlines::sleep_until`]; somebody must drive [`Deadlines::run`].

use crate::sys::clock;
use crate::types::Instant;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::unix::AsyncFd;

/// The deadlines of one thread; clones share them.
#[derive(Clone, Debug)]
pub struct Deadlines(Rc<Queue>);

#[derive(Debug)]
struct Queue {
    timer: AsyncFd<Timer>,
    /// The second part of the key tells equal deadlines apart and keeps them in order of arrival.
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    next_id: Cell<u64>,
    armed: Cell<Option<Instant>>,
}

/// nix's timer, with the trait that tokio asks for.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Deadlines {
    /// Makes the timer; needs a tokio runtime on this thread.
    ///
    /// # Errors
    /// The kernel refuses a timerfd: no descriptor or no memory left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        // SAFETY: the timer owns its descriptor and nothing replaces or closes it inside the AsyncFd.
        let timer = unsafe { AsyncFd::register(timer)? };
        Ok(Self(Rc::new(Queue {
            timer,
            waiting: RefCell::default(),
            next_id: Cell::new(0),
            armed: Cell::new(None),
        })))
    }

    /// Ready once the clock has reached `at`; never for `None`. Dropping it takes it out again.
    pub fn sleep_until(&self, at: Option<Instant>) -> Sleep {
        let id = self.0.next_id.get();
        self.0.next_id.set(id + 1);
        Sleep { queue: Rc::clone(&self.0), at, id }
    }

    /// Wakes whoever is due, for as long as it is polled.
    ///
    /// # Errors
    /// The timer cannot be read or armed any more.
    pub async fn run(&self) -> io::Result<Infallible> {
        loop {
            let mut guard = self.0.timer.readable().await?;
            let expirations = guard.try_io(|timer| {
                let mut count = [0; 8];
                nix::unistd::read(&timer.get_ref().0, &mut count).map_err(io::Error::from)
            });
            match expirations {
                Ok(Ok(_)) => self.0.wake_due(clock::now())?,
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }
}

impl Queue {
    fn wake_due(&self, now: Instant) -> io::Result<()> {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= now) {
            first.remove().wake();
        }
        self.armed.set(None);
        match waiting.first_key_value() {
            Some((&(at, _), _)) => self.arm(at),
            None => Ok(()),
        }
    }

    fn arm(&self, at: Instant) -> io::Result<()> {
        // A time of zero would disarm the timer instead of firing at once.
        let at_nanos = at.nanos().max(1);
        let when = TimeSpec::from_duration(std::time::Duration::from_nanos(at_nanos));
        self.timer.get_ref().0.set(Expiration::OneShot(when), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        self.armed.set(Some(at));
        Ok(())
    }
}

/// A task's wait for a deadline; see [`Deadlines::sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    queue: Rc<Queue>,
    at: Option<Instant>,
    id: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        if clock::now() >= at {
            return Poll::Ready(());
        }
        self.queue.waiting.borrow_mut().insert((at, self.id), cx.waker().clone());
        // A later deadline needs no call: the armed one fires first and arms the next.
        if self.queue.armed.get().is_none_or(|armed| at < armed) && self.queue.arm(at).is_err() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            self.queue.waiting.borrow_mut().remove(&(at, self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::task::LocalSet;

    fn on_local_runtime<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, future)
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_deadlines_and_never_early() {
        on_local_runtime(async {
            let deadlines = Deadlines::new().unwrap();
            let driver = deadlines.clone();
            tokio::task::spawn_local(async move { driver.run().await });
            let woken = Rc::new(RefCell::new(Vec::new()));
            let start = clock::now();
            let sleepers: Vec<_> = [30u64, 7, 19, 7]
                .into_iter()
                .map(|millis| {
                    let sleep = deadlines.sleep_until(Some(start + Duration::from_millis(millis)));
                    let woken = Rc::clone(&woken);
                    tokio::task::spawn_local(async move {
                        sleep.await;
                        assert!(clock::now() >= start + Duration::from_millis(millis));
                        woken.borrow_mut().push(millis);
                    })
                })
                .collect();
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
            assert_eq!(*woken.borrow(), [7, 7, 19, 30]);
            assert!(deadlines.0.waiting.borrow().is_empty());
        });
    }

    #[test]
    fn a_dropped_sleep_leaves_nothing_behind_and_none_never_ends() {
        on_local_runtime(async {
            let deadlines = Deadlines::new().unwrap();
            let driver = deadlines.clone();
            tokio::task::spawn_local(async move { driver.run().await });
            let soon = clock::now() + Duration::from_millis(5);
            tokio::select! {
                () = deadlines.sleep_until(None) => panic!("no deadline was given"),
                () = deadlines.sleep_until(Some(soon + Duration::from_secs(60))) => panic!("not yet due"),
                () = deadlines.sleep_until(Some(soon)) => {}
            }
            assert!(deadlines.0.waiting.borrow().is_empty());
        });
    }
}
