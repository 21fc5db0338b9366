//! All that the kernel has of a kind, by a socket that hears answers and nothing else.
//!
//! Notices bear the number of the request that made the change, whoever asked for it: on a socket that hears them
//! one may look like the end of an answer.

use futures_util::stream::StreamExt;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{AsyncSocket, SocketAddr};
use rtnetlink::Handle;
use std::io;

/// Asks for all of a kind.
#[derive(Debug)]
pub(super) struct Dumper(Handle);

/// An answer.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) messages: Vec<RouteNetlinkMessage>,
    /// What is not in it is not there.
    pub(super) whole: bool,
}

impl Dumper {
    /// Opens the socket in the network namespace of the calling thread; needs a tokio runtime.
    pub(super) fn open() -> io::Result<Self> {
        let (mut connection, handle, _) = rtnetlink::new_connection()?;
        // Its flags say whether the answer is whole.
        connection.set_forward_done(true);
        let socket = connection.socket_mut().socket_mut();
        socket.connect(&SocketAddr::new(0, 0))?;
        // Older kernels hand out every route when ours are asked for.
        let _ = socket.set_netlink_get_strict_chk(true);
        // It ends with the handle.
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    /// Asks, and reads the answer. Whoever waits no longer has asked for nothing.
    ///
    /// # Errors
    /// The socket failed, or the kernel does not take the question.
    pub(super) async fn ask(&mut self, question: RouteNetlinkMessage) -> io::Result<Dump> {
        let mut question = NetlinkMessage::from(question);
        question.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut answer = self.0.request(question).map_err(io::Error::other)?;
        let mut dump = Dump { messages: Vec::new(), whole: true };
        while let Some(message) = answer.next().await {
            if dump.take(message)? {
                return Ok(dump);
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl Dump {
    /// Takes a part; whether it was the last.
    fn take(&mut self, message: NetlinkMessage<RouteNetlinkMessage>) -> io::Result<bool> {
        // Something has changed while the kernel told, and it may have left out what was there all the time.
        self.whole &= message.header.flags & NLM_F_DUMP_INTR == 0;
        match message.payload {
            NetlinkPayload::InnerMessage(message) => self.messages.push(message),
            NetlinkPayload::Done(done) => {
                // It could not go on.
                self.whole &= done.code >= 0 || is_unknown(done.code);
                return Ok(true);
            }
            NetlinkPayload::Error(error) if error.code.is_none_or(|code| is_unknown(code.get())) => {
                return Ok(true);
            }
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            // Something new, which nobody here can want.
            _ => {}
        }
        Ok(false)
    }
}

/// A kernel without IPv6 has nothing of its kinds.
const fn is_unknown(code: i32) -> bool {
    matches!(code.saturating_abs(), libc::EAFNOSUPPORT | libc::EOPNOTSUPP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{DoneMessage, NLM_F_MULTIPART, NetlinkHeader};
    use netlink_packet_route::address::AddressMessage;

    #[test]
    fn an_answer_is_whole_unless_the_kernel_was_interrupted_or_gave_up() {
        for (flags, code, whole) in [
            ([0, 0], 0, true),
            ([NLM_F_DUMP_INTR, 0], 0, false),
            ([0, NLM_F_DUMP_INTR], 0, false),
            ([0, 0], -libc::EMSGSIZE, false),
            ([0, 0], -libc::EAFNOSUPPORT, true),
        ] {
            let mut done = DoneMessage::default();
            done.code = code;
            let address = RouteNetlinkMessage::NewAddress(AddressMessage::default());
            let parts = [address.into(), NetlinkPayload::Done(done)];
            let mut dump = Dump { messages: Vec::new(), whole: true };
            let ends = parts.into_iter().zip(flags).map(|(payload, flags)| {
                let mut header = NetlinkHeader::default();
                header.flags = NLM_F_MULTIPART | flags;
                dump.take(NetlinkMessage::new(header, payload)).unwrap()
            });
            assert_eq!(ends.collect::<Vec<_>>(), [false, true]);
            assert_eq!((dump.messages.len(), dump.whole), (1, whole), "{flags:?} {code}");
        }
    }
}
