//! Changes of addresses, routes, rules and links, hundreds to a system call, each acknowledged.
//!
//! The kernel does its work inside `sendmsg`, in the calling thread: a thousand IPv6 addresses take
//! it a quarter of a second. So this blocks, and belongs on a thread of its own.

use super::link::{NewLink, configuring, named, raising};
use super::routing::{Position, removal, show_route, show_rule};
use super::{Address, KEEPALIVED_PROTOCOL, messages};
use crate::sys::sysctl;
use crate::types::{Family, IfIndex, IfName};
use netlink_packet_core::{
    Emitable, ErrorBuffer, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE,
    NLM_F_REQUEST, NLMSG_ERROR, NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::rule::RuleMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;

/// Messages in one `sendmsg`: more saves no time (measured at 50, 200 and 1000), and the
/// acknowledgements of this many fit the receive buffer easily.
const BATCH: usize = 200;

const RECEIVE_BUFFER: u32 = 1 << 20;

/// The text of an extended acknowledgement (Linux: NLMSGERR_ATTR_MSG).
const ACK_TEXT: u16 = 1;

/// A change to the addresses of a link, or to what leads packets their way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Add it; no failure if it is there.
    Add(Address),
    /// Make one that is there what it is to be: its lifetimes and flags.
    Mend(Address),
    /// Remove it; no failure if it, or its link, is gone.
    Remove(Address),
    /// Add a route; no failure if the very same is there.
    AddRoute(Box<RouteMessage>, Position),
    /// Remove it; no failure if it is gone.
    RemoveRoute(Box<RouteMessage>),
    /// Add a rule; no failure if it is there.
    AddRule(Box<RuleMessage>),
    /// Remove it; no failure if it is gone.
    RemoveRule(Box<RuleMessage>),
    /// Make a link on top of another; it is down at first.
    MakeLink(NewLink),
    /// Bring a link up.
    RaiseLink(IfName),
    /// Put a link into a VRF, or into none.
    MoveLink(IfName, Option<IfIndex>),
    /// Set the interface group of a link, which has the kernel report the link in any case; no failure if it is
    /// gone.
    GroupLink(IfName, u32),
    /// Remove a link; no failure if it is gone.
    RemoveLink(IfName),
    /// Remove all links of an interface group, at once: each by itself takes the kernel some 20 ms.
    RemoveGroup(NonZeroU32),
    /// Change a setting of a link.
    Set(Setting),
    /// The same in netlink's words.
    Configure(Box<LinkMessage>),
}

/// A setting of a link under `/proc/sys`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// Whether it is IPv4's or IPv6's.
    pub family: Family,
    /// The link.
    pub link: IfName,
    /// Its name: `arp_ignore`.
    pub key: &'static str,
    /// What it is to be.
    pub value: String,
}

impl Change {
    /// As the kernel is asked for it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, request(self, 0));
        bytes
    }

    /// The removal of a route or of a rule that [`Self::to_bytes`] gave; `None` for anything else.
    #[must_use]
    pub fn from_removal(bytes: &[u8]) -> Option<Self> {
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).ok()?.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(message)) => {
                Some(Self::RemoveRoute(Box::new(message)))
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRule(message)) => {
                Some(Self::RemoveRule(Box::new(message)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Change {
    /// `add 10.99.0.100/24`, `remove the route to 10.100.0.0/16 via 10.99.0.254`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(address) => write!(f, "add {}", address.net),
            Self::Mend(address) => write!(f, "mend {}", address.net),
            Self::Remove(address) => write!(f, "remove {}", address.net),
            Self::AddRoute(message, _) => {
                f.write_str("add ")?;
                show_route(f, message)
            }
            Self::RemoveRoute(message) => {
                f.write_str("remove ")?;
                show_route(f, message)
            }
            Self::AddRule(message) => {
                f.write_str("add ")?;
                show_rule(f, message)
            }
            Self::RemoveRule(message) => {
                f.write_str("remove ")?;
                show_rule(f, message)
            }
            Self::MakeLink(link) => write!(f, "make {}", link.name),
            Self::RaiseLink(name) => write!(f, "bring {name} up"),
            Self::MoveLink(name, Some(_)) => write!(f, "put {name} into a VRF"),
            Self::MoveLink(name, None) => write!(f, "take {name} out of a VRF"),
            Self::GroupLink(name, group) => write!(f, "put {name} into the interface group {group}"),
            Self::RemoveLink(name) => write!(f, "remove {name}"),
            Self::RemoveGroup(group) => write!(f, "remove the links of the interface group {group}"),
            Self::Configure(_) => f.write_str("change a setting"),
            Self::Set(Setting { link, key, value, .. }) => write!(f, "set {key} of {link} to {value}"),
        }
    }
}

/// What the kernel said to a change that it refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// errno.
    pub code: i32,
    /// The kernel's own explanation, where it gives one.
    pub text: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.code))?;
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// A blocking rtnetlink socket for changes.
#[derive(Debug)]
pub struct Writer {
    socket: Socket,
    next_sequence: u32,
}

impl Writer {
    /// Opens the socket in the network namespace of the calling thread.
    ///
    /// # Errors
    /// No descriptor or no memory left.
    pub fn open() -> io::Result<Self> {
        Self::with_buffer(0)
    }

    /// As [`Self::open`], with a receive buffer of at least so many bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_buffer(bytes: u32) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        socket.set_rx_buf_sz(bytes.max(RECEIVE_BUFFER))?;
        Ok(Self { socket, next_sequence: 0 })
    }

    /// Makes all changes in order and returns one result for each.
    ///
    /// # Errors
    /// The socket failed; what was done by then is unknown.
    pub fn apply(&mut self, changes: &[Change]) -> io::Result<Vec<Result<(), Failure>>> {
        let mut results = Vec::with_capacity(changes.len());
        let is_message = |change: &Change| !matches!(change, Change::Set(_));
        for run in changes.chunk_by(|a, b| is_message(a) && is_message(b)) {
            if let [Change::Set(setting)] = run {
                results.push(setting.apply());
                continue;
            }
            for batch in run.chunks(BATCH) {
                results.extend(self.apply_batch(batch)?);
            }
        }
        Ok(results)
    }

    fn apply_batch(&mut self, batch: &[Change]) -> io::Result<Vec<Result<(), Failure>>> {
        let first = self.next_sequence;
        self.next_sequence = first.wrapping_add(batch.len() as u32);
        let mut datagram = Vec::with_capacity(batch.len() * 96);
        for (i, change) in batch.iter().enumerate() {
            append(&mut datagram, request(change, first.wrapping_add(i as u32)));
        }
        self.socket.send(&datagram, 0)?;
        let mut codes: Vec<Option<Result<(), Failure>>> = vec![None; batch.len()];
        while codes.iter().any(Option::is_none) {
            // All answers are queued before sendmsg returns: waiting for more would be for ever.
            let mut answer = Vec::with_capacity(8192);
            self.socket.recv(&mut answer, libc::MSG_DONTWAIT)?;
            for (sequence, result) in acknowledgements(&answer) {
                let slot = codes.get_mut(sequence.wrapping_sub(first) as usize);
                if let Some(slot) = slot {
                    *slot = Some(result);
                }
            }
        }
        Ok(batch
            .iter()
            .zip(codes.into_iter().flatten())
            .map(|(change, result)| judge(change, result))
            .collect())
    }
}

impl Setting {
    /// A setting of IPv4.
    #[must_use]
    pub fn ipv4(link: &IfName, key: &'static str, value: &str) -> Self {
        Self { family: Family::V4, link: link.clone(), key, value: value.to_owned() }
    }

    /// By netlink, where that has a word for it.
    ///
    /// # Errors
    /// There is no such link, the kernel refuses the value, or netlink has no word for the setting.
    pub fn apply_by_netlink(&self) -> io::Result<()> {
        let Self { family, link, key, value } = self;
        let unknown = || io::Error::from(io::ErrorKind::Unsupported);
        let message = configuring(link, *family, key, value).ok_or_else(unknown)?;
        let result = Writer::open()?.apply(&[Change::Configure(Box::new(message))])?.pop();
        match result {
            Some(Err(failure)) => Err(io::Error::from_raw_os_error(failure.code)),
            _ => Ok(()),
        }
    }

    /// A kernel without IPv6 has nothing to set there.
    fn apply(&self) -> Result<(), Failure> {
        match sysctl::set(self) {
            Err(error) if self.family == Family::V6 && error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure { code: error.raw_os_error().unwrap_or(libc::EIO), text: None }),
            Ok(()) => Ok(()),
        }
    }
}

/// An address that is there already was added; one that is gone was removed.
fn judge(change: &Change, result: Result<(), Failure>) -> Result<(), Failure> {
    match (change, &result) {
        (Change::Add(_), Err(failure)) if failure.code == libc::EEXIST => Ok(()),
        (Change::Remove(_), Err(failure)) if matches!(failure.code, libc::EADDRNOTAVAIL | libc::ENODEV) => {
            Ok(())
        }
        // Where it is to stand among others, only the same route is in the way.
        (Change::AddRoute(_, Position::First | Position::Last) | Change::AddRule(_), Err(failure))
            if failure.code == libc::EEXIST =>
        {
            Ok(())
        }
        (Change::RemoveRoute(_), Err(failure)) if matches!(failure.code, libc::ESRCH | libc::ENODEV) => {
            Ok(())
        }
        (Change::RemoveRule(_), Err(failure)) if failure.code == libc::ENOENT => Ok(()),
        (Change::GroupLink(..) | Change::RemoveLink(_) | Change::RemoveGroup(_), Err(failure))
            if failure.code == libc::ENODEV =>
        {
            Ok(())
        }
        _ => result,
    }
}

fn request(change: &Change, sequence: u32) -> NetlinkMessage<RouteNetlinkMessage> {
    let (flags, payload) = match change {
        Change::Add(address) => {
            (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewAddress(addition(address)))
        }
        Change::Mend(address) => {
            (NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewAddress(addition(address)))
        }
        Change::Remove(address) => (0, RouteNetlinkMessage::DelAddress(naming(address))),
        Change::AddRoute(message, position) => {
            let flags = match position {
                Position::First => NLM_F_CREATE,
                Position::Only => NLM_F_CREATE | NLM_F_EXCL,
                Position::Last => NLM_F_CREATE | NLM_F_APPEND,
            };
            (flags, RouteNetlinkMessage::NewRoute((**message).clone()))
        }
        Change::RemoveRoute(message) => (0, RouteNetlinkMessage::DelRoute(removal(message))),
        Change::AddRule(message) => {
            (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewRule((**message).clone()))
        }
        Change::RemoveRule(message) => (0, RouteNetlinkMessage::DelRule((**message).clone())),
        Change::MakeLink(link) => (NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(link.message())),
        Change::RaiseLink(name) => (0, RouteNetlinkMessage::NewLink(raising(name))),
        Change::MoveLink(name, vrf) => {
            let vrf = LinkAttribute::Controller(vrf.map_or(0, IfIndex::get));
            (0, RouteNetlinkMessage::NewLink(named(name, [vrf])))
        }
        Change::GroupLink(name, group) => {
            (0, RouteNetlinkMessage::NewLink(named(name, [LinkAttribute::Group(*group)])))
        }
        Change::RemoveLink(name) => (0, RouteNetlinkMessage::DelLink(named(name, []))),
        Change::RemoveGroup(group) => {
            let mut message = LinkMessage::default();
            message.attributes.push(LinkAttribute::Group(group.get()));
            (0, RouteNetlinkMessage::DelLink(message))
        }
        Change::Configure(message) => (0, RouteNetlinkMessage::NewLink((**message).clone())),
        Change::Set(_) => (0, RouteNetlinkMessage::NewLink(LinkMessage::default())),
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, payload.into());
    message.finalize();
    message
}

/// The part of an address that names it: enough to remove it.
fn naming(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match address.net.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.index = address.link.get();
    // With a peer the prefix is that of the peer (Linux: IFA_ADDRESS is the far end).
    let prefix_of = address.peer.unwrap_or(address.net);
    message.header.prefix_len = prefix_of.prefix;
    message.attributes.push(AddressAttribute::Local(address.net.address));
    message.attributes.push(AddressAttribute::Address(prefix_of.address));
    message
}

fn addition(address: &Address) -> AddressMessage {
    let mut message = naming(address);
    message.header.scope = AddressScope::from(address.scope);
    message.attributes.push(AddressAttribute::Flags(flags(address)));
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::from(KEEPALIVED_PROTOCOL)));
    message.attributes.extend(address.broadcast.map(AddressAttribute::Broadcast));
    message.attributes.extend(address.label.clone().map(AddressAttribute::Label));
    if let Some(preferred) = address.preferred_lft {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred;
        lifetimes.ifa_valid = u32::MAX;
        message.attributes.push(AddressAttribute::CacheInfo(lifetimes));
    }
    message
}

fn flags(address: &Address) -> AddressFlags {
    let chosen = [
        (address.nodad, AddressFlags::Nodad),
        (address.home, AddressFlags::Homeaddress),
        (address.mngtmpaddr, AddressFlags::Managetempaddr),
        (address.noprefixroute, AddressFlags::Noprefixroute),
        (address.autojoin, AddressFlags::Mcautojoin),
    ];
    chosen.into_iter().filter_map(|(wanted, flag)| wanted.then_some(flag)).collect()
}

fn append(datagram: &mut Vec<u8>, message: NetlinkMessage<RouteNetlinkMessage>) {
    let start = datagram.len();
    datagram.resize(start + align(message.buffer_len()), 0);
    message.serialize(&mut datagram[start..start + message.buffer_len()]);
}

const fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The sequence number and the verdict of each acknowledgement in a datagram of the kernel's.
pub(in crate::sys) fn acknowledgements(datagram: &[u8]) -> Vec<(u32, Result<(), Failure>)> {
    let mut found = Vec::new();
    for message in messages(datagram) {
        if message.message_type() == NLMSG_ERROR
            && let Ok(error) = ErrorBuffer::new_checked(message.payload())
        {
            let result = match error.code() {
                None => Ok(()),
                Some(code) => Err(Failure {
                    code: code.get().saturating_abs(),
                    text: ack_text(message.flags(), error.payload()),
                }),
            };
            found.push((message.sequence_number(), result));
        }
    }
    found
}

/// The attributes follow the header of the request that is quoted (only the header, with capped acks).
fn ack_text(flags: u16, payload: &[u8]) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let attributes = payload.get(NetlinkHeader::default().buffer_len()..)?;
    NlasIterator::new(attributes)
        .flatten()
        .find(|nla| nla.kind() == ACK_TEXT)
        .map(|nla| String::from_utf8_lossy(nla.value()).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::in_namespace;

    #[test]
    fn a_buffer_is_as_large_as_is_asked_and_never_too_small() {
        in_namespace(|| {
            // The kernel counts twice as much, for its own book-keeping.
            let size = |bytes| Writer::with_buffer(bytes).unwrap().socket.get_rx_buf_sz().unwrap();
            assert_eq!([size(0), size(4096), size(3 << 20)], [2 << 20, 2 << 20, 6 << 20]);
        });
    }
}
