//! What the kernel tells of its tables, for tests that must do without nft.

use super::batch::dump;
use crate::types::Family;
use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NlasIterator};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use std::collections::BTreeSet;
use std::io;

const GET_TABLE: u8 = 1;
const GET_RULE: u8 = 7;
const GET_ELEMENTS: u8 = 13;
const NEW_ELEMENTS: u8 = 12;
const DELETE_ELEMENTS: u8 = 14;
/// `NFNLGRP_NFTABLES`.
const CHANGES: u32 = 7;
/// `struct nfgenmsg`, ahead of the attributes of every message.
const FAMILY_HEADER: usize = 4;

/// Kind and value of each attribute.
fn attributes(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    NlasIterator::new(bytes).flatten().map(|nla| (nla.kind(), nla.value().to_vec())).collect()
}

fn attribute(bytes: &[u8], kind: u16) -> Option<Vec<u8>> {
    attributes(bytes).into_iter().find(|(of, _)| *of == kind).map(|(_, value)| value)
}

fn text(bytes: &[u8], kind: u16) -> String {
    let value = attribute(bytes, kind).unwrap_or_default();
    String::from_utf8_lossy(&value).trim_end_matches('\0').to_owned()
}

/// Verb and attributes of each message in a datagram; `None` stands for the end of an answer.
fn messages(mut datagram: &[u8]) -> Vec<Option<(u8, Vec<u8>)>> {
    let mut found = Vec::new();
    while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
        found.push(match message.message_type() {
            NLMSG_DONE | NLMSG_ERROR => None,
            kind => Some((kind as u8, message.payload().get(FAMILY_HEADER..).unwrap_or_default().to_vec())),
        });
        let length = (message.length() as usize).next_multiple_of(4);
        datagram = datagram.get(length..).unwrap_or_default();
    }
    found
}

/// The attributes of every message of an answer; none where the kernel knows nothing of the kind.
fn answer(request: &[u8]) -> Vec<Vec<u8>> {
    let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.send(request, 0).unwrap();
    let mut all = Vec::new();
    loop {
        let mut datagram = Vec::with_capacity(64 << 10);
        socket.recv(&mut datagram, 0).unwrap();
        for message in messages(&datagram) {
            match message {
                Some((_, attributes)) => all.push(attributes),
                None => return all,
            }
        }
    }
}

/// The names of the tables of both families.
pub(crate) fn tables() -> Vec<String> {
    let of = |family| answer(&dump(GET_TABLE, family, |_| {}));
    [Family::V4, Family::V6].into_iter().flat_map(of).map(|table| text(&table, 1)).collect()
}

/// The chain of every rule of a table, in their order.
pub(super) fn rules(family: Family, table: &str) -> Vec<String> {
    let all = answer(&dump(GET_RULE, family, |request| request.text(1, table)));
    all.iter().filter(|rule| text(rule, 1) == table).map(|rule| text(rule, 2)).collect()
}

/// The elements of a set.
pub(crate) fn elements(family: Family, table: &str, set: &str) -> BTreeSet<Vec<u8>> {
    let request = dump(GET_ELEMENTS, family, |request| {
        request.text(1, table);
        request.text(2, set);
    });
    answer(&request).iter().flat_map(|message| keys(message)).collect()
}

fn keys(message: &[u8]) -> Vec<Vec<u8>> {
    let list = attribute(message, 3).unwrap_or_default();
    attributes(&list).iter().filter_map(|(_, element)| attribute(&attribute(element, 1)?, 1)).collect()
}

/// Hears of every change of an element.
pub(crate) struct Watch(Socket);

impl Watch {
    pub(crate) fn start() -> Self {
        let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
        socket.bind_auto().unwrap();
        socket.add_membership(CHANGES).unwrap();
        socket.set_non_blocking(true).unwrap();
        Self(socket)
    }

    /// What was added (`true`) and removed so far.
    pub(crate) fn changes(&self) -> Vec<(bool, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let mut datagram = Vec::with_capacity(64 << 10);
            match self.0.recv(&mut datagram, 0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return all,
                outcome => outcome.unwrap(),
            };
            for (verb, message) in messages(&datagram).into_iter().flatten() {
                if matches!(verb, NEW_ELEMENTS | DELETE_ELEMENTS) {
                    all.extend(keys(&message).into_iter().map(|key| (verb == NEW_ELEMENTS, key)));
                }
            }
        }
    }
}
