//! `ADDRESS [PORT]`: where a service or one of its servers is.

use super::address::bad_address;
use super::number::Junk;
use super::unsigned::{Read, read_unsigned};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::types::Family;
use std::net::IpAddr;

/// An address with its port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerAddress {
    /// The address.
    pub ip: IpAddr,
    /// The port; 0 where none is given.
    pub port: u16,
}

impl ServerAddress {
    /// IPv4 or IPv6.
    #[must_use]
    pub fn family(self) -> Family {
        family_of(self.ip)
    }

    /// `[ADDRESS]:PROTOCOL:PORT`, as keepalived names services and servers.
    pub(in crate::config) fn label(self, protocol: &str) -> String {
        format!("[{}]:{protocol}:{}", self.ip, self.port)
    }
}

/// IPv4 or IPv6.
pub(in crate::config) fn family_of(ip: IpAddr) -> Family {
    if ip.is_ipv4() { Family::V4 } else { Family::V6 }
}

/// An address of which a prefix or the end of a range is cut off (keepalived: inet_stosockaddr).
pub(in crate::config) fn bare_address(word: &Word) -> Option<IpAddr> {
    word.as_str().split(['/', '-']).next()?.parse().ok()
}

/// An address as it is written, or what is wrong with it.
pub(in crate::config) fn read_address(word: &Word) -> Result<IpAddr, Box<Diagnostic>> {
    word.as_str().parse().map_err(|_| Box::new(bad_address(word)))
}

/// A port of 1 to 65535, or 0; the second part is a problem that does not keep it from being used.
pub(in crate::config) fn read_port(word: &Word) -> Result<(u16, Option<Diagnostic>), Box<Diagnostic>> {
    if word.text == "0" {
        return Ok((0, None));
    }
    let narrow = |port: u32| u16::try_from(port).unwrap_or(u16::MAX);
    match read_unsigned(word, 1..=65535, Junk::Tolerated) {
        Read::Good(port) => Ok((narrow(port), None)),
        Read::Junk(port, problem) => Ok((narrow(port), Some(problem.label(format!("{port} is used"))))),
        Read::Bad(problem) => Err(problem.into()),
    }
}

/// `ADDRESS [PORT]`, with what there is to say about it.
pub(in crate::config) fn read_server(
    address: &Word,
    port: Option<&Word>,
) -> Result<(ServerAddress, Option<Diagnostic>), Box<Diagnostic>> {
    let (port, problem) = port.map_or(Ok((0, None)), read_port)?;
    let ip = read_address(address)?;
    Ok((ServerAddress { ip, port }, problem))
}
