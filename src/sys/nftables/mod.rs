//! The packet filter: tables of nf_tables that drop packets to and from addresses.
//!
//! There is one table for IPv4 and one for IPv6, both under one name. What is wanted is handed over whole;
//! the difference to what is there goes to the kernel in one batch, which takes effect as a whole or not at
//! all. Chains, sets and rules are keepalived's.

mod batch;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod watch;

pub use watch::{Tampering, Watch};

use super::netlink::{Failure, acknowledgements};
use crate::types::{Family, IfIndex, IfName};
use batch::Batch;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use tables::{Part, Shape};

/// A batch is one datagram: this much holds some hundred thousand addresses.
const SEND_BUFFER: usize = 16 << 20;

/// What the tables are called, and how their chains are made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The name of both tables; at most 255 bytes.
    pub table: String,
    /// The place of the chains among those of others at the same hooks; 0 is `filter`.
    pub priority: i32,
    /// Whether every rule counts what it matches.
    pub counters: bool,
}

/// What is dropped. For an address these are the packets to it when they come in, and those from it when they
/// go out.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Dropped {
    /// On whatever link.
    Anywhere(IpAddr),
    /// A link-local address, on the link of this number.
    OnIndex(Ipv6Addr, IfIndex),
    /// A link-local address, on whatever link has this name at the time.
    OnName(Ipv6Addr, IfName),
    /// What a macvlan reports of groups (IGMP, MLD): the link below reports it instead. Of IPv6 its router
    /// solicitations, too.
    Reports {
        /// Of which groups.
        family: Family,
        /// The macvlan.
        link: IfIndex,
        /// The link below.
        base: IfIndex,
    },
}

impl Dropped {
    fn family(&self) -> Family {
        match self {
            Self::Anywhere(address) => Family::of(*address),
            Self::OnIndex(..) | Self::OnName(..) => Family::V6,
            Self::Reports { family, .. } => *family,
        }
    }
}

/// The tables of this daemon in the kernel.
#[derive(Debug)]
pub struct Filter {
    socket: Socket,
    port: u32,
    sequence: u32,
    settings: Settings,
    /// Tables of this name may be there that are not ours.
    leftovers: bool,
    /// What the tables have; `None`: there is none. In the order of [`FAMILIES`].
    made: [Option<Part>; 2],
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

impl Filter {
    /// Opens a socket in the network namespace of the calling thread; changes nothing yet.
    ///
    /// # Errors
    /// The kernel has no netfilter.
    pub fn open(settings: Settings) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        let port = socket.bind_auto()?.port_number();
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        // Without the right to go beyond the limit of the system only uncommonly many addresses fail.
        let _ = setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER);
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &SEND_BUFFER);
        Ok(Self { socket, port, sequence: 1, settings, leftovers: true, made: [None, None] })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes the tables drop exactly this. Tables of that name that an earlier
    /// process has left are replaced in the same moment, and those that somebody has removed are made again. A
    /// table stays when nothing is dropped any more.
    ///
    /// # Errors
    /// The kernel's reason; nothing has changed then.
    pub fn drop_packets(&mut self, wanted: &BTreeSet<Dropped>) -> io::Result<Result<(), Failure>> {
        let there = self.is_made();
        match self.change_to(wanted)? {
            // `nft flush ruleset` knows no mercy.
            Err(_) if there => {
                self.make_anew();
                self.change_to(wanted)
            }
            outcome => Ok(outcome),
        }
    }

    fn change_to(&mut self, wanted: &BTreeSet<Dropped>) -> io::Result<Result<(), Failure>> {
        let mut batch = Batch::begin(self.sequence);
        if self.leftovers && !wanted.is_empty() {
            FAMILIES.iter().for_each(|family| tables::remove(&mut batch, *family, &self.settings.table));
        }
        let mut next = [None, None];
        for (index, family) in FAMILIES.into_iter().enumerate() {
            let made = self.made[index].as_ref();
            let dropped: BTreeSet<_> = wanted.iter().filter(|one| one.family() == family).cloned().collect();
            if made.is_none() && dropped.is_empty() {
                continue;
            }
            let shape = Shape::of(&dropped).with(made.map(|made| made.shape).unwrap_or_default());
            let part = Part { shape, dropped };
            tables::change(&mut batch, family, &self.settings, made, &part);
            next[index] = Some(part);
        }
        if batch.is_empty() {
            return Ok(Ok(()));
        }
        let outcome = self.commit(batch)?;
        if outcome.is_ok() {
            self.made = next;
            self.leftovers = false;
        }
        Ok(outcome)
    }

    /// Removes the tables, be they made by this process or by an earlier one.
    ///
    /// # Errors
    /// The kernel's reason; nothing has changed then.
    pub fn remove_tables(&mut self) -> io::Result<Result<(), Failure>> {
        let mut batch = Batch::begin(self.sequence);
        for (made, family) in self.made.iter().zip(FAMILIES) {
            if made.is_some() || self.leftovers {
                tables::remove(&mut batch, family, &self.settings.table);
            }
        }
        if batch.is_empty() {
            return Ok(Ok(()));
        }
        let outcome = self.commit(batch)?;
        if outcome.is_ok() {
            self.made = [None, None];
            self.leftovers = false;
        }
        Ok(outcome)
    }

    /// The same tables with other settings; the next [`Self::drop_packets`] makes them anew, in one moment.
    pub fn change_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.make_anew();
    }

    /// The number of the socket that makes its changes.
    #[must_use]
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Whether there is a table.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.made.iter().any(Option::is_some)
    }

    /// The next [`Self::drop_packets`] makes the tables anew, whatever has become of them.
    pub fn make_anew(&mut self) {
        self.made = [None, None];
        self.leftovers = true;
    }

    /// Sends a batch; its first refusal is why the kernel has done nothing.
    fn commit(&mut self, batch: Batch) -> io::Result<Result<(), Failure>> {
        let (datagram, next) = batch.finish();
        self.sequence = next;
        self.socket.send(&datagram, 0)?;
        let mut outcome = None;
        // All answers are queued before sendmsg returns: waiting for more would be for ever.
        loop {
            let mut answer = Vec::with_capacity(32 << 10);
            match self.socket.recv(&mut answer, libc::MSG_DONTWAIT) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            for (_, result) in acknowledgements(&answer) {
                if outcome.as_ref().is_none_or(Result::is_ok) {
                    outcome = Some(result);
                }
            }
        }
        outcome.ok_or_else(|| io::Error::other("the kernel does not answer"))
    }
}
