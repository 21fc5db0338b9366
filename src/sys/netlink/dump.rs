//! All that the kernel has of a kind, by a socket that hears answers and nothing else.
//!
//! Notices bear the number of the request that made the change, whoever asked for it: on a socket that hears them
//! one may look like the end of an answer.

use super::messages;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;

/// What fits the largest datagram that the kernel makes of an answer, 32 KiB: with less room it makes smaller
/// ones, between which more can change.
const DATAGRAM: usize = 64 << 10;

/// Asks for all of a kind.
#[derive(Debug)]
pub(super) struct Dumper {
    socket: Socket,
    sequence: u32,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) messages: Vec<RouteNetlinkMessage>,
    /// What is not in it is not there.
    pub(super) whole: bool,
}

impl Dumper {
    /// Opens the socket in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Older kernels hand out every route when ours are asked for.
        let _ = socket.set_netlink_get_strict_chk(true);
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks, and reads the answer: the kernel makes it in these calls, each part when the one before is read.
    ///
    /// # Errors
    /// The socket failed, or the kernel does not take the question.
    pub(super) fn ask(&mut self, question: RouteNetlinkMessage) -> io::Result<Dump> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let mut question = NetlinkMessage::new(header, question.into());
        question.finalize();
        let mut bytes = vec![0; question.buffer_len()];
        question.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut dump = Dump { messages: Vec::new(), whole: true };
        let mut datagram = Vec::with_capacity(DATAGRAM);
        loop {
            datagram.clear();
            // There always is a part that can be read: waiting for more would be for ever.
            self.socket.recv(&mut datagram, libc::MSG_DONTWAIT)?;
            if dump.take(&datagram, self.sequence)? {
                return Ok(dump);
            }
        }
    }
}

impl Dump {
    /// Takes a part; whether it was the last.
    fn take(&mut self, datagram: &[u8], sequence: u32) -> io::Result<bool> {
        for message in messages(datagram).filter(|message| message.sequence_number() == sequence) {
            // Something has changed while the kernel told, and it may have left out what was there all the time.
            self.whole &= message.flags() & NLM_F_DUMP_INTR == 0;
            match NetlinkMessage::deserialize(message.buffer).map(|message| message.payload) {
                Ok(NetlinkPayload::InnerMessage(message)) => self.messages.push(message),
                Ok(NetlinkPayload::Done(done)) => {
                    // It could not go on.
                    self.whole &= done.code >= 0 || is_unknown(done.code);
                    return Ok(true);
                }
                Ok(NetlinkPayload::Error(error)) if error.code.is_none_or(|code| is_unknown(code.get())) => {
                    return Ok(true);
                }
                Ok(NetlinkPayload::Error(error)) => return Err(error.to_io()),
                // Something new, which nobody here can want.
                _ => {}
            }
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
    use netlink_packet_core::{DoneMessage, NLM_F_MULTIPART};
    use netlink_packet_route::address::AddressMessage;

    /// A datagram of one address, and the end, of these flags and this code.
    fn answer(sequence: u32, flags: [u16; 2], code: i32) -> Vec<u8> {
        let mut done = DoneMessage::default();
        done.code = code;
        let address = RouteNetlinkMessage::NewAddress(AddressMessage::default());
        let parts = [address.into(), NetlinkPayload::Done(done)];
        let mut datagram = Vec::new();
        for (payload, flags) in parts.into_iter().zip(flags) {
            let mut header = NetlinkHeader::default();
            (header.flags, header.sequence_number) = (NLM_F_MULTIPART | flags, sequence);
            let mut message = NetlinkMessage::new(header, payload);
            message.finalize();
            let mut bytes = vec![0; message.buffer_len()];
            message.serialize(&mut bytes);
            datagram.extend(bytes);
        }
        datagram
    }

    #[test]
    fn an_answer_is_whole_unless_the_kernel_was_interrupted_or_gave_up() {
        for (flags, code, whole) in [
            ([0, 0], 0, true),
            ([NLM_F_DUMP_INTR, 0], 0, false),
            ([0, NLM_F_DUMP_INTR], 0, false),
            ([0, 0], -libc::EMSGSIZE, false),
            ([0, 0], -libc::EAFNOSUPPORT, true),
        ] {
            let mut dump = Dump { messages: Vec::new(), whole: true };
            assert!(!dump.take(&answer(6, [0, NLM_F_DUMP_INTR], -libc::EIO), 7).unwrap(), "another's answer");
            assert!(dump.take(&answer(7, flags, code), 7).unwrap());
            assert_eq!((dump.messages.len(), dump.whole), (1, whole), "{flags:?} {code}");
        }
    }
}
