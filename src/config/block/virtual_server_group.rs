//! `virtual_server_group NAME { … }`: a list of addresses and firewall marks.

use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field, member, object, yes_no};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Read, family_of, read_port, read_unsigned};
use crate::types::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses and marks that one virtual server stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualServerGroup {
    /// What virtual servers call it by; need not be unique, the first one counts.
    pub name: String,
    /// Addresses, in the order of the file.
    pub addresses: Vec<AddressRange>,
    /// Firewall marks, in the order of the file.
    pub fwmarks: Vec<GroupMark>,
}

/// Addresses in a row, all with one port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRange {
    /// The first.
    pub first: IpAddr,
    /// The last; the same for a single address. Of the family of the first, and not below it.
    pub last: IpAddr,
    /// 0 where none is given.
    pub port: u16,
}

/// A firewall mark of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GroupMark {
    /// The mark.
    pub mark: u32,
    /// `inet` or `inet6`; `None`: that of the virtual server.
    pub family: Option<Family>,
}

/// Reads a group; `None` when it is left out, as reported.
pub(in crate::config) fn virtual_server_group(
    node: &Node,
    cx: &mut Context<'_>,
) -> Option<VirtualServerGroup> {
    let name = node.args.first()?;
    let mut group =
        VirtualServerGroup { name: name.text.clone(), addresses: Vec::new(), fwmarks: Vec::new() };
    for entry in node.entries() {
        match entry.as_slice() {
            [keyword, rest @ ..] if keyword.text == "fwmark" => group.add_mark(keyword, rest, cx),
            [address, rest @ ..] => group.add_address(address, rest.first(), cx),
            [] => {}
        }
    }
    let (id, message, classic) = if group.addresses.is_empty() && group.fwmarks.is_empty() {
        (
            "empty-block",
            "a group without entries",
            format!("virtual server group {name} has no entries - removing"),
        )
    } else if group.has(Family::V4)
        && group.has(Family::V6)
        && group.fwmarks.iter().any(|mark| mark.family.is_none())
    {
        let text = format!(
            "virtual server group {name} cannot have IPv4, IPv6 and fwmark without family - removing"
        );
        ("group-family", "a mark beside addresses of both families needs `inet` or `inet6`", text)
    } else {
        return Some(group);
    };
    let problem = Diagnostic::error(id, name.span, message).said_at(node.end).classic(classic);
    cx.report(problem.label("the group is left out"));
    None
}

impl VirtualServerGroup {
    /// Whether it has an address, or a mark that says so, of a family.
    pub(in crate::config) fn has(&self, family: Family) -> bool {
        self.addresses.iter().any(|range| family_of(range.first) == family)
            || self.fwmarks.iter().any(|mark| mark.family == Some(family))
    }

    fn add_mark(&mut self, keyword: &Word, args: &[Word], cx: &mut Context<'_>) {
        let Some(word) = args.first() else {
            return cx.report(crate::config::schema::missing_argument(keyword, "N [inet|inet6]"));
        };
        let name = &self.name;
        let refused = |problem: Diagnostic| {
            problem
                .classic(format!("({name}): fwmark '{word}' must be in [0, {}] - ignoring", u32::MAX))
                .label("this entry is ignored")
        };
        let mark = match read_unsigned(word, 0..=u32::MAX, Junk::Refused) {
            Read::Good(mark) => mark,
            Read::Junk(_, problem) | Read::Bad(problem) => return cx.report(refused(problem)),
        };
        let family = match args.get(1).map(|word| (word, word.as_str())) {
            None => None,
            Some((_, "inet")) => Some(Family::V4),
            Some((_, "inet6")) => Some(Family::V6),
            Some((word, _)) => {
                let message = format!("`{word}` is not a family");
                let problem = Diagnostic::error("unknown-family", word.span, message)
                    .classic(format!("({name}): fwmark '{mark}' family {word} unknown - ignoring"))
                    .label("this entry is ignored")
                    .help("write `inet` or `inet6`");
                return cx.report(problem);
            }
        };
        self.fwmarks.push(GroupMark { mark, family });
    }

    fn add_address(&mut self, address: &Word, port: Option<&Word>, cx: &mut Context<'_>) {
        let shown = port.map_or(String::new(), |port| format!("/port/{port}"));
        let text = format!("Invalid virtual server group IP address {address} {shown} - skipping");
        let read = port.map_or(Ok((0, None)), read_port).map_err(|problem| problem.classic(text.clone()));
        let (port, problem) = match read {
            Ok(read) => read,
            Err(problem) => return cx.report(problem.label("this entry is ignored")),
        };
        problem.into_iter().for_each(|problem| cx.report(problem.classic(text.clone())));
        let (first, last) = match read_range(address, &text) {
            Ok(range) => range,
            Err(problem) => return cx.report(problem.label("this entry is ignored")),
        };
        self.addresses.push(AddressRange { first, last, port });
    }

    /// keepalived's lines. `alive`: servers of each protocol, and of each family for marks.
    pub(in crate::config) fn dump(&self, out: &mut Out, alive: &Alive) {
        object!(out, "------< Virtual server group >------");
        let (v4, v6) = (yes_no(self.has(Family::V4)), yes_no(self.has(Family::V6)));
        object!(out, "Virtual Server Group = {}, IPv4 = {v4}, IPv6 = {v6}", self.name);
        for range in &self.addresses {
            let AddressRange { first, last, port } = range;
            match first == last {
                true => field!(out, "VIP = {first}, VPORT = {port}"),
                false => field!(out, "VIP Range = {first}-{last}, VPORT = {port}"),
            }
            let [tcp, udp, sctp] = alive.protocols;
            member!(out, "Alive: {tcp} tcp, {udp} udp, {sctp} sctp");
            member!(out, "reloaded = False");
        }
        for mark in &self.fwmarks {
            let family = mark.family.map_or(String::new(), |family| format!(" {family}"));
            field!(out, "FWMARK = {}{family}", mark.mark);
            let [v4, v6] = alive.families;
            member!(out, "Alive: {v4} IPv4, {v6} IPv6");
            member!(out, "reloaded = False");
        }
    }
}

/// Real servers in service behind a group, counted over the virtual servers that use it.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::config) struct Alive {
    /// TCP, UDP, SCTP.
    pub(in crate::config) protocols: [usize; 3],
    /// IPv4, IPv6.
    pub(in crate::config) families: [usize; 2],
}

/// `ADDRESS`, `ADDRESS-LAST`, `ADDRESS-ADDRESS` or `ADDRESS/LENGTH`. `invalid`: what keepalived says of
/// anything else.
fn read_range(word: &Word, invalid: &str) -> Result<(IpAddr, IpAddr), Box<Diagnostic>> {
    let text = word.as_str();
    let unreadable = || bad_range(word, "this is neither an address nor a range of them", invalid.to_owned());
    if let Some((address, length)) = text.split_once('/') {
        let first: IpAddr = address.parse().map_err(|_| unreadable())?;
        return read_prefix(word, first, length);
    }
    let Some((start, end)) = text.split_once('-') else {
        let address = text.parse().map_err(|_| unreadable())?;
        return Ok((address, address));
    };
    let first: IpAddr = start.parse().map_err(|_| unreadable())?;
    let Ok(last) = end.parse::<IpAddr>() else { return read_short_range(word, first, end) };
    if family_of(first) != family_of(last) {
        return Err(unreadable());
    }
    if last < first {
        let text = format!("Address range end is less than address range start - {word} - skipping");
        return Err(bad_range(word, "the range ends before it starts", text));
    }
    Ok((first, last))
}

fn bad_range(word: &Word, message: &str, classic: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("bad-address", word.span, message).classic(classic))
}

fn read_prefix(word: &Word, first: IpAddr, length: &str) -> Result<(IpAddr, IpAddr), Box<Diagnostic>> {
    let bits = if first.is_ipv4() { 32 } else { 128 };
    let Some(length) = length.parse::<u32>().ok().filter(|length| (1..=bits).contains(length)) else {
        let text = format!("Invalid netmask - {word} - skipping");
        return Err(bad_range(word, &format!("the prefix goes from 1 to {bits}"), text));
    };
    let host = u128::MAX.checked_shr(length + 128 - bits).unwrap_or(0);
    let number = as_number(first);
    if number & host != 0 {
        let text = format!("Address mask bits not empty - {word} - skipping");
        let network = from_number(first, number & !host);
        let problem = bad_range(word, "bits beyond the prefix are set", text);
        return Err(problem.help(format!("the network is `{network}/{length}`")).into());
    }
    Ok((first, from_number(first, number | host)))
}

/// `10.0.0.1-5` and `fe80::1-ff`: the end of the last part.
fn read_short_range(word: &Word, first: IpAddr, end: &str) -> Result<(IpAddr, IpAddr), Box<Diagnostic>> {
    let (radix, most) = if first.is_ipv4() { (10, 0xff) } else { (16, 0xffff) };
    let digits = end.find(|c: char| !c.is_digit(radix)).unwrap_or(end.len());
    if digits < end.len() || end.is_empty() {
        let text =
            format!("Virtual server group range '{word}' has extra characters at end '{}'", &end[digits..]);
        return Err(bad_range(word, "the end of the range is not a number", text));
    }
    let Some(last) = u128::from_str_radix(end, radix).ok().filter(|last| *last <= most) else {
        let text = format!("Virtual server group range '{word}' end '{end}' too large");
        return Err(bad_range(word, "the end of the range is too large", text));
    };
    let number = as_number(first);
    if last <= number & most {
        let text = format!("Address range end is not greater than address range start - {word} - skipping");
        return Err(bad_range(word, "the range ends before it starts", text));
    }
    Ok((first, from_number(first, number & !most | last)))
}

fn as_number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// An address of the same family.
fn from_number(like: IpAddr, number: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => {
            Ipv4Addr::from_bits(u32::try_from(number & u128::from(u32::MAX)).unwrap_or(0)).into()
        }
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}
