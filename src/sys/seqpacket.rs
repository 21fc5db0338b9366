//! Connected pairs of sockets that keep messages apart and can carry one descriptor with each.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One end of a `SOCK_SEQPACKET` pair. Nothing on it ever blocks.
#[derive(Debug)]
pub struct SeqPacket(OwnedFd);

/// What [`SeqPacket::recv`] got.
#[derive(Debug)]
pub enum Received {
    /// A message of this many bytes, never 0, and the descriptor that came with it. A process that has no room
    /// for another descriptor gets the message without it.
    Message(usize, Option<OwnedFd>),
    /// The other end is closed, and all that it sent has been read.
    Closed,
}

impl SeqPacket {
    /// Largest message: what fits with certainty into the default socket buffer of Linux.
    pub const MAX_MESSAGE: usize = 128 * 1024;

    /// Two connected ends.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        Ok((Self(a), Self(b)))
    }

    /// Sends one message, whole, with a copy of `descriptor`.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the other side does not keep up,
    /// [`io::ErrorKind::BrokenPipe`] when it is gone, [`io::ErrorKind::InvalidInput`] when the
    /// message is empty (that would read as the end) or longer than [`Self::MAX_MESSAGE`].
    pub fn send(&self, message: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        if message.is_empty() || message.len() > Self::MAX_MESSAGE {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let descriptors: Vec<RawFd> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let control = if descriptors.is_empty() { &[] } else { &rights[..] };
        sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(message)], control, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }

    /// Receives one message into `buffer`, which should have [`Self::MAX_MESSAGE`] bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is none,
    /// [`io::ErrorKind::InvalidData`] when `buffer` is too small for it: it is lost.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = nix::cmsg_space!(RawFd);
        let mut parts = [IoSliceMut::new(buffer)];
        let message =
            recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
        let mut descriptor = None;
        // An error here is that the one descriptor did not fit.
        for item in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::ScmRights(numbers) = item {
                for number in numbers {
                    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
                    descriptor = Some(unsafe { OwnedFd::from_raw_fd(number) });
                }
            }
        }
        if message.flags.contains(MsgFlags::MSG_TRUNC) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(match message.bytes {
            0 => Received::Closed,
            n => Received::Message(n, descriptor),
        })
    }
}

impl From<OwnedFd> for SeqPacket {
    /// For a descriptor that came over another [`SeqPacket`].
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

impl AsFd for SeqPacket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for SeqPacket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A [`SeqPacket`] in a tokio runtime.
#[derive(Debug)]
pub struct AsyncSeqPacket(AsyncFd<SeqPacket>);

impl AsyncSeqPacket {
    /// To be called inside a runtime with IO.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn new(socket: SeqPacket) -> io::Result<Self> {
        // SAFETY: a `SeqPacket` owns its one descriptor and never changes it.
        Ok(Self(unsafe { AsyncFd::register(socket)? }))
    }

    /// As [`SeqPacket::send`], but waits until the other side keeps up.
    ///
    /// # Errors
    /// As [`SeqPacket::send`].
    pub async fn send(&self, message: &[u8]) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, |socket| socket.send(message, None)).await
    }

    /// As [`SeqPacket::recv`], but waits for a message.
    ///
    /// # Errors
    /// As [`SeqPacket::recv`].
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.0.async_io(Interest::READABLE, |socket| socket.recv(buffer)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    #[test]
    fn messages_stay_apart_and_carry_descriptors() {
        let (a, b) = SeqPacket::pair().unwrap();
        let (c, d) = SeqPacket::pair().unwrap();
        a.send(b"one", None).unwrap();
        a.send(b"three", Some(c.as_fd())).unwrap();
        drop(c);
        let mut buffer = [0xa5; 64];
        assert!(matches!(b.recv(&mut buffer).unwrap(), Received::Message(3, None)));
        let Received::Message(5, Some(sent)) = b.recv(&mut buffer).unwrap() else { panic!("no descriptor") };
        SeqPacket::from(sent).send(b"hello", None).unwrap();
        assert!(matches!(d.recv(&mut buffer).unwrap(), Received::Message(5, None)));
        assert_eq!(&buffer[..5], b"hello");
        assert!(matches!(d.recv(&mut buffer).unwrap(), Received::Closed));
    }

    /// Set in the process that has no descriptor left: a limit is of all threads.
    const MARK: &str = "VRRPD_TEST_NO_DESCRIPTOR_LEFT";

    #[test]
    fn a_descriptor_that_there_is_no_room_for_does_not_cost_the_message() {
        if std::env::var_os(MARK).is_some() {
            let (a, b) = SeqPacket::pair().unwrap();
            let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
            a.send(b"one", Some(a.as_fd())).unwrap();
            a.send(b"three", Some(a.as_fd())).unwrap();
            let mut buffer = [0; 64];
            assert!(matches!(b.recv(&mut buffer), Ok(Received::Message(3, None))));
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
            assert!(matches!(b.recv(&mut buffer), Ok(Received::Message(5, Some(_)))));
            return;
        }
        let name = "sys::seqpacket::tests::a_descriptor_that_there_is_no_room_for_does_not_cost_the_message";
        let mut itself = std::process::Command::new(std::env::current_exe().unwrap());
        let ended = itself.args([name, "--exact"]).env(MARK, "1").output().unwrap();
        let ran = String::from_utf8_lossy(&ended.stdout).contains("1 passed");
        assert!(ended.status.success() && ran, "{ended:?}");
    }

    #[test]
    fn an_idle_or_too_small_or_closed_end_says_so() {
        let (a, b) = SeqPacket::pair().unwrap();
        let mut buffer = [0; 4];
        assert_eq!(b.recv(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(a.send(b"", None).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        a.send(b"12345", None).unwrap();
        assert_eq!(b.recv(&mut buffer).unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(b);
        assert_eq!(a.send(b"x", None).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn the_largest_message_passes() {
        let (a, b) = SeqPacket::pair().unwrap();
        a.send(&vec![7; SeqPacket::MAX_MESSAGE], None).unwrap();
        let mut buffer = vec![0; SeqPacket::MAX_MESSAGE];
        assert!(matches!(b.recv(&mut buffer).unwrap(), Received::Message(SeqPacket::MAX_MESSAGE, None)));
    }
}
