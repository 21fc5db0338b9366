//! Ends sockets where nobody waits for it.
//!
//! Before the last descriptor of a packet socket is gone the kernel waits until no CPU can still be at it: tens of
//! milliseconds on a busy machine, in which this thread would not send an advert either. One that is in a group
//! leaves it first, for which the kernel takes the lock that changes of links hold: our writer removes virtual links
//! while their sockets go (15 ms, seen with Linux 6.18 and IPv4).

use socket2::Socket;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{OnceLock, mpsc};

/// A socket that another thread closes.
#[derive(Debug)]
pub(super) struct ClosedElsewhere(ManuallyDrop<Socket>);

impl ClosedElsewhere {
    pub(super) fn new(socket: Socket) -> Self {
        Self(ManuallyDrop::new(socket))
    }
}

impl Deref for ClosedElsewhere {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.0
    }
}

impl AsRawFd for ClosedElsewhere {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Drop for ClosedElsewhere {
    fn drop(&mut self) {
        // SAFETY: this is the end of self, which alone has it.
        let socket = unsafe { ManuallyDrop::take(&mut self.0) };
        if let Some(closer) = closer() {
            // What cannot be handed over comes back in the error, and is closed here.
            drop(closer.send(socket));
        }
    }
}

/// The way to the thread, which lives as long as the process; `None` if there can be no thread.
fn closer() -> Option<&'static mpsc::Sender<Socket>> {
    static CLOSER: OnceLock<Option<mpsc::Sender<Socket>>> = OnceLock::new();
    let start = || {
        let (sender, sockets) = mpsc::channel();
        let close = move || sockets.into_iter().for_each(drop::<Socket>);
        std::thread::Builder::new().name("closer".into()).spawn(close).ok().map(|_| sender)
    };
    CLOSER.get_or_init(start).as_ref()
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use std::time::Duration;

    /// A socket that takes so long to close: with SO_LINGER and unsent data.
    pub(in crate::sys) fn lingering(time: Duration) -> Socket {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::from(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        // Nobody takes what is sent.
        std::mem::forget(listener);
        socket.set_nonblocking(true).unwrap();
        let mut unread = 0;
        while let Ok(sent) = socket.send(&[0; 65536]) {
            unread += sent;
        }
        assert!(unread > 0);
        socket.set_linger(Some(time)).unwrap();
        socket.set_nonblocking(false).unwrap();
        socket
    }
}

#[cfg(test)]
mod tests {
    use super::testing::lingering;
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    #[test]
    fn a_socket_is_closed_and_nobody_waits_for_it() {
        let (near, mut far) = UnixStream::pair().unwrap();
        drop(ClosedElsewhere::new(Socket::from(std::os::fd::OwnedFd::from(near))));
        far.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(far.read(&mut [0]).unwrap(), 0, "it is closed");

        let socket = lingering(Duration::from_secs(2));
        let begin = Instant::now();
        drop(ClosedElsewhere::new(socket));
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    }
}
