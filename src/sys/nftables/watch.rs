//! Hears of changes that somebody makes to tables of nf_tables.

use netlink_packet_core::{NetlinkBuffer, NlasIterator};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeSet;
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `NFNLGRP_NFTABLES`.
const CHANGES: u32 = 7;

/// The upper half of the type of every message of nf_tables.
const NFTABLES: u16 = 10;

/// `struct nfgenmsg`, ahead of the attributes of every message.
const FAMILY_HEADER: usize = 4;

/// The name of the table: of everything in a table the first attribute.
const TABLE: u16 = 1;

/// `NFT_MSG_NEWGEN`, which ends a batch and names no table.
const GENERATION: u8 = 15;

/// Others may load sets of a hundred thousand elements.
const RECEIVE_BUFFER: usize = 1 << 20;

/// What has been changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tampering {
    /// Tables of these names, each by the socket of this number.
    Tables(BTreeSet<(String, u32)>),
    /// Nobody can tell: there was too much at a time.
    Missed,
}

/// A subscription to the changes of all tables of one network namespace.
#[derive(Debug)]
pub struct Watch {
    socket: AsyncFd<Socket>,
}

impl Watch {
    /// Subscribes in the network namespace of the calling thread; needs a tokio runtime.
    ///
    /// # Errors
    /// The kernel has no netfilter.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.add_membership(CHANGES)?;
        // Without the right to that much, more is missed and looked after all the same.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        // SAFETY: the socket owns its descriptor and never changes it.
        Ok(Self { socket: unsafe { AsyncFd::register(socket)? } })
    }

    /// The next change. Cancel safe.
    ///
    /// # Errors
    /// The socket failed.
    pub async fn next(&mut self) -> io::Result<Tampering> {
        loop {
            let received = self.socket.async_io(Interest::READABLE, |socket| {
                let mut datagram = Vec::with_capacity(32 << 10);
                socket.recv(&mut datagram, 0).map(|_| datagram)
            });
            let datagram = match received.await {
                Ok(datagram) => datagram,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Tampering::Missed),
                Err(error) => return Err(error),
            };
            let changed = tables(&datagram);
            if !changed.is_empty() {
                return Ok(Tampering::Tables(changed));
            }
        }
    }
}

fn tables(mut datagram: &[u8]) -> BTreeSet<(String, u32)> {
    let mut found = BTreeSet::new();
    while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
        let [verb, subsystem] = message.message_type().to_le_bytes();
        if u16::from(subsystem) == NFTABLES && verb != GENERATION {
            let attributes = message.payload().get(FAMILY_HEADER..).unwrap_or_default();
            let table = NlasIterator::new(attributes).flatten().find(|nla| nla.kind() == TABLE);
            found.extend(table.map(|nla| {
                let name = String::from_utf8_lossy(nla.value()).trim_end_matches('\0').to_owned();
                (name, message.port_number())
            }));
        }
        let length = (message.length() as usize).next_multiple_of(4);
        datagram = datagram.get(length..).unwrap_or_default();
    }
    found
}
