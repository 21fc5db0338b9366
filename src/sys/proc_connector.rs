//! What happens to processes, as the kernel's process connector tells it.
//!
//! Only the first network, process and user namespaces hear of it, with `CAP_NET_ADMIN`; elsewhere the
//! kernel refuses, or says nothing at all (Linux `drivers/connector/cn_proc.c`).

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_CONNECTOR};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Something that has happened to a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProcEvent {
    /// The first made the second, its copy.
    Forked(u32, u32),
    /// It runs another program now.
    Executed(u32),
    /// It has another name now, of at most 15 bytes.
    Renamed(u32, Vec<u8>),
    /// It has ended.
    Exited(u32),
    /// Things that nobody will ever tell: there was too much at a time.
    Missed,
}

/// A subscription to the connector.
#[derive(Debug)]
pub struct ProcConnector {
    socket: AsyncFd<Socket>,
    events: VecDeque<ProcEvent>,
}

/// The kernel answers a subscription at once, or never.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// The group of process events, and its number there (`CN_IDX_PROC`, `CN_VAL_PROC`).
const PROCESS_EVENTS: u32 = 1;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;
/// `NLMSG_DONE`, the type of all messages of the connector.
const DONE: u16 = 3;

impl ProcConnector {
    /// Subscribes with a receive buffer of so many bytes, and waits until the kernel has agreed. To be called
    /// inside a tokio runtime with time.
    ///
    /// `force`: beyond `net.core.rmem_max`, where that is permitted.
    ///
    /// # Errors
    /// The kernel does not have it, refuses it here ([`io::ErrorKind::ConnectionRefused`] in other network
    /// namespaces), or does not answer ([`io::ErrorKind::TimedOut`], in other process namespaces).
    pub async fn open(buffer: usize, force: bool) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_CONNECTOR)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, PROCESS_EVENTS))?;
        match force {
            true => setsockopt(&socket, sockopt::RcvBufForce, &buffer)?,
            false => setsockopt(&socket, sockopt::RcvBuf, &buffer)?,
        }
        socket.send_to(&subscription(), &SocketAddr::new(0, 0), 0)?;
        // SAFETY: the socket owns its descriptor and never changes it.
        let socket = unsafe { AsyncFd::register(socket)? };
        let mut connector = Self { socket, events: VecDeque::new() };
        match tokio::time::timeout(ANSWER_LIMIT, connector.answer()).await {
            Ok(answer) => answer.map(|()| connector),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// The next thing that has happened. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The socket failed.
    pub async fn next(&mut self) -> io::Result<ProcEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let told = self.receive().await?;
            self.events.extend(told.into_iter().filter_map(|message| message.event()));
        }
    }

    async fn answer(&mut self) -> io::Result<()> {
        loop {
            for message in self.receive().await? {
                match message.answer() {
                    Some(0) => return Ok(()),
                    Some(error) => return Err(io::Error::from_raw_os_error(error.cast_signed())),
                    None => self.events.extend(message.event()),
                }
            }
        }
    }

    async fn receive(&self) -> io::Result<Vec<Message>> {
        let received = self
            .socket
            .async_io(Interest::READABLE, |socket| {
                let mut buffer = Vec::with_capacity(4096);
                let (_, from) = socket.recv_from(&mut buffer, 0)?;
                Ok((buffer, from))
            })
            .await;
        match received {
            // Anybody can send to this socket; only the kernel has number 0.
            Ok((buffer, from)) if from.port_number() == 0 => Ok(messages(&buffer)),
            Ok(_) => Ok(Vec::new()),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(vec![Message::Missed]),
            Err(error) => Err(error),
        }
    }
}

/// The message that subscribes: `nlmsghdr`, `cn_msg`, `proc_cn_mcast_op`.
fn subscription() -> Vec<u8> {
    const LENGTH: u32 = 16 + 20 + 4;
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(DONE.to_ne_bytes());
    // No flags, no sequence, from whoever we are.
    message.extend([0; 10]);
    message.extend(PROCESS_EVENTS.to_ne_bytes());
    message.extend(PROCESS_EVENTS.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(4u16.to_ne_bytes());
    message.extend([0; 2]);
    message.extend(LISTEN.to_ne_bytes());
    message
}

/// A `proc_event`, or the news that some are lost.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Message {
    Event { what: u32, data: Vec<u8> },
    Missed,
}

/// Cuts what was received into `nlmsghdr`s, and takes the `cn_msg`s of processes out of them.
fn messages(mut buffer: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some(length) = word(buffer, 0).map(|length| length as usize)
        && length >= 16
        && let Some(message) = buffer.get(..length)
    {
        let of_processes = [16, 20].iter().all(|&at| word(message, at) == Some(PROCESS_EVENTS));
        // Behind `what` are the number of a CPU and a time.
        if let (true, Some(what), Some(data)) = (of_processes, word(message, 36), message.get(52..)) {
            found.push(Message::Event { what, data: data.to_vec() });
        }
        buffer = buffer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Message {
    /// To a subscription: 0, or the number of an error.
    fn answer(&self) -> Option<u32> {
        match self {
            Self::Event { what: 0, data } => word(data, 0),
            Self::Event { .. } | Self::Missed => None,
        }
    }

    /// Threads come as processes do, with another number in front of that of their process.
    fn event(&self) -> Option<ProcEvent> {
        const FORK: u32 = 1;
        const EXEC: u32 = 2;
        const COMM: u32 = 0x200;
        const EXIT: u32 = 0x8000_0000;
        let Self::Event { what, data } = self else { return Some(ProcEvent::Missed) };
        let (thread, process) = match *what {
            FORK => (word(data, 8)?, word(data, 12)?),
            EXEC | COMM | EXIT => (word(data, 0)?, word(data, 4)?),
            _ => return None,
        };
        if thread != process {
            return None;
        }
        Some(match *what {
            FORK => ProcEvent::Forked(word(data, 4)?, process),
            EXEC => ProcEvent::Executed(process),
            COMM => {
                let name = data.get(8..24)?;
                ProcEvent::Renamed(process, name.split(|byte| *byte == 0).next()?.to_vec())
            }
            _ => ProcEvent::Exited(process),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::block_on;
    use std::process::Command;

    fn message(what: u32, words: &[u32], tail: &[u8]) -> Vec<u8> {
        let length = 52 + words.len() as u32 * 4 + tail.len() as u32;
        let mut message = Vec::new();
        for word in [length, u32::from(DONE), 0, 0, 1, 1, 9, 0, 0x28, what, 3, 0xffff, 0xffff] {
            message.extend(word.to_ne_bytes());
        }
        words.iter().for_each(|word| message.extend(word.to_ne_bytes()));
        message.extend(tail);
        message
    }

    fn events(bytes: &[u8]) -> Vec<ProcEvent> {
        messages(bytes).iter().filter_map(Message::event).collect()
    }

    /// oracle: layouts by hand, after Linux `include/uapi/linux/cn_proc.h`.
    #[test]
    fn processes_are_told_from_threads_and_everything_else_is_left_out() {
        let mut all = message(1, &[10, 10, 20, 20], b"");
        all.extend(message(1, &[10, 10, 21, 20], b""));
        all.extend(message(2, &[20, 20], b""));
        all.extend(message(0x200, &[20, 20], b"worker\0\0\0\0\0\0\0\0\0\0"));
        all.extend(message(4, &[20, 20, 0, 0], b""));
        all.extend(message(0x8000_0000, &[21, 20, 0, 0], b""));
        all.extend(message(0x8000_0000, &[20, 20, 0, 17], b""));
        let expected = [
            ProcEvent::Forked(10, 20),
            ProcEvent::Executed(20),
            ProcEvent::Renamed(20, b"worker".to_vec()),
            ProcEvent::Exited(20),
        ];
        assert_eq!(events(&all), expected);
    }

    #[test]
    fn bytes_cut_off_anywhere_are_no_events() {
        let whole = message(1, &[10, 10, 20, 20], b"");
        for end in 0..whole.len() {
            assert_eq!(events(&whole[..end]), [], "{end}");
        }
        assert_eq!(events(&[0; 64]), []);
        assert_eq!(events(&[0xff; 64]), []);
    }

    /// oracle: the answer of Linux 6.18 to a subscription.
    #[test]
    fn the_answer_to_a_subscription_is_no_event() {
        let answer = message(0, &[0], &[0; 20]);
        let answers: Vec<_> = messages(&answer).iter().map(Message::answer).collect();
        assert_eq!((answers, events(&answer)), (vec![Some(0)], vec![]));
    }

    #[test]
    fn a_child_is_followed_from_its_birth_to_its_end() {
        block_on(async {
            let mut connector = match ProcConnector::open(1 << 20, true).await {
                Ok(connector) => connector,
                Err(error) => {
                    eprintln!("not run: the kernel tells nothing of processes here ({error})");
                    return;
                }
            };
            let mut child = Command::new("true").spawn().unwrap();
            let (mut born, mut executed) = (false, false);
            loop {
                match connector.next().await.unwrap() {
                    ProcEvent::Forked(parent, pid) if pid == child.id() => {
                        born = parent == std::process::id();
                    }
                    ProcEvent::Executed(pid) if pid == child.id() => executed = true,
                    ProcEvent::Exited(pid) if pid == child.id() => break,
                    _ => {}
                }
            }
            assert!(born && executed);
            child.wait().unwrap();
        });
    }

    #[test]
    fn another_network_namespace_hears_nothing_and_is_told_so() {
        crate::sys::testing::in_namespace(|| {
            let error = block_on(ProcConnector::open(4096, false)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        });
    }
}
