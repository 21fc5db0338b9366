//! `encap`: the tunnel that packets of a route go into.

use crate::config::diagnostic::Diagnostic;
use crate::config::entry::{Dropped, Entry};
use crate::config::environment::NameFile;
use crate::config::lexer::Word;
use crate::config::value::number::c_number;
use crate::config::value::unsigned::read_unsigned64;
use crate::types::Family;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How packets are wrapped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Encap {
    /// `mpls`: labels of 20 bits, outermost first; one or two.
    Mpls(Vec<u32>),
    /// `ip`.
    Ip(IpEncap<Ipv4Addr>),
    /// `ip6`.
    Ip6(IpEncap<Ipv6Addr>),
    /// `ila`: the locator that the upper half of the destination becomes.
    Ila([u16; 4]),
}

/// The outer header; what is not given is taken from the tunnel device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IpEncap<Address> {
    /// `id`.
    pub id: Option<u64>,
    /// `dst`.
    pub destination: Option<Address>,
    /// `src`.
    pub source: Option<Address>,
    /// `tos` or `tc`.
    pub tos: Option<u8>,
    /// `ttl` or `hoplimit`.
    pub ttl: Option<u8>,
    /// `flags`.
    pub flags: Option<u16>,
}

impl<Address> Default for IpEncap<Address> {
    fn default() -> Self {
        Self { id: None, destination: None, source: None, tos: None, ttl: None, flags: None }
    }
}

/// More labels are refused by keepalived; the kernel would take thirty.
const MOST_LABELS: usize = 2;
const LABEL_BITS: u32 = 20;
/// Where the label stands in a label stack entry (RFC 3032 §2.1).
const LABEL_SHIFT: u32 = 12;
const BOTTOM_OF_STACK: u32 = 1 << 8;

impl Encap {
    /// The label stack entries of MPLS, as they are on the wire.
    #[must_use]
    pub fn label_stack(labels: &[u32]) -> Vec<u32> {
        let last = labels.len().saturating_sub(1);
        let entry =
            |(n, label): (usize, &u32)| (label << LABEL_SHIFT) | if n == last { BOTTOM_OF_STACK } else { 0 };
        labels.iter().enumerate().map(entry).collect()
    }
}

impl fmt::Display for Encap {
    /// As in keepalived's dump, which shows stack entries for labels and the locator in one number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mpls(labels) => {
                let entries: Vec<_> =
                    Self::label_stack(labels).iter().map(|entry| format!("{entry:x}")).collect();
                write!(f, "mpls {}", entries.join("/"))
            }
            Self::Ip(encap) => encap.show(f, ["ip", "tos", "ttl"]),
            Self::Ip6(encap) => encap.show(f, ["ip6", "tc", "hoplimit"]),
            Self::Ila(locator) => {
                let mut bytes = [0; 8];
                for (pair, part) in bytes.chunks_exact_mut(2).zip(locator) {
                    pair.copy_from_slice(&part.to_be_bytes());
                }
                write!(f, "ila {}", u64::from_le_bytes(bytes))
            }
        }
    }
}

impl<Address: fmt::Display> IpEncap<Address> {
    fn show(&self, f: &mut fmt::Formatter<'_>, [name, tos, ttl]: [&str; 3]) -> fmt::Result {
        f.write_str(name)?;
        super::show(f, "id", self.id)?;
        super::show(f, "dst", self.destination.as_ref())?;
        super::show(f, "src", self.source.as_ref())?;
        super::show(f, tos, self.tos)?;
        super::show(f, ttl, self.ttl)?;
        self.flags.map_or(Ok(()), |flags| write!(f, " flags {flags:#x}"))
    }
}

impl Entry<'_, '_, '_> {
    /// What stands behind `encap`. Without its encapsulation a route would send packets in the clear, so
    /// what is wrong with it costs the route.
    pub(super) fn encap(&mut self) -> Result<Encap, Dropped> {
        let option = self.last();
        let Some(kind) = self.next() else {
            let problem = self.problem(option, "`encap` needs a type").classic("Missing encap type");
            return Err(
                self.refuse(problem.help(TYPES).keepalived("installs the route without encapsulation"))
            );
        };
        match kind.as_str() {
            "ip" => self.ip_encap(&IPV4).map(Encap::Ip),
            "ip6" => self.ip_encap(&IPV6).map(Encap::Ip6),
            "mpls" => self.mpls(kind).map(Encap::Mpls),
            "ila" => self.ila(kind).map(Encap::Ila),
            _ => {
                let problem = self
                    .problem(kind, format!("`{kind}` is not a type of encapsulation"))
                    .classic(format!("Unknown encap type - {kind}"))
                    .help(TYPES)
                    .keepalived("loses the next word too, and installs what is left without encapsulation");
                Err(self.refuse(problem))
            }
        }
    }

    fn mpls(&mut self, kind: &Word) -> Result<Vec<u32>, Dropped> {
        let Some(word) = self.next() else {
            let problem = self
                .problem(kind, "`mpls` needs labels: `100` or `100/200`")
                .classic("missing address for MPLS encapsulation");
            return Err(self.refuse(problem));
        };
        labels(word.as_str()).ok_or_else(|| {
            let problem = self
                .problem(word, format!("`{word}` is not one label, or two: 20 bits each, with a `/` between"))
                .classic(format!("invalid mpls address {word} for encapsulation"));
            self.refuse(problem)
        })
    }

    fn ila(&mut self, kind: &Word) -> Result<[u16; 4], Dropped> {
        let Some(word) = self.next() else {
            let problem = self
                .problem(kind, "`ila` needs a locator: `1:2:3:4`")
                .classic("missing locator for ILA encapsulation");
            return Err(self.refuse(problem));
        };
        locator(word.as_str()).ok_or_else(|| {
            let problem = self
                .problem(word, format!("`{word}` is not a locator: four groups of hexadecimal digits"))
                .classic(format!("invalid locator {word} for ila encapsulation"))
                .keepalived("installs the route with the locator 0");
            self.refuse(problem)
        })
    }

    fn ip_encap<Address>(&mut self, words: &IpWords<Address>) -> Result<IpEncap<Address>, Dropped> {
        let kind = self.last();
        let mut encap = IpEncap::default();
        while let Some(option) = self.peek() {
            let known = ["id", "dst", "src", words.tos, words.ttl, "flags"].contains(&option.as_str());
            if !known || self.is_last_word() {
                break;
            }
            self.next();
            let value = self.value()?;
            match option.as_str() {
                "id" => encap.id = Some(self.encap_id(option, value, words)?),
                "dst" => encap.destination = Some(self.encap_address(option, value, words)?),
                "src" => encap.source = Some(self.encap_address(option, value, words)?),
                "flags" => {
                    let text = format!("flags {value} is not valid for ip encapsulation");
                    encap.flags = Some(self.encap_number(option, value, u16::MAX, text)?);
                }
                name if name == words.ttl => {
                    let text = (words.bad_ttl)(value);
                    let ttl = self.encap_number(option, value, u8::MAX.into(), text)?;
                    encap.ttl = u8::try_from(ttl).ok();
                }
                _ => encap.tos = Some(self.encap_tos(option, value, words)?),
            }
        }
        if encap.destination.is_none() && encap.id.is_none() {
            let problem =
                Diagnostic::error("route-option", kind.span, "an encapsulation needs `dst` or `id`")
                    .classic(format!("address or id missing for {} encapsulation", words.name))
                    .label("packets of this route lead nowhere");
            self.cx.report(problem);
        }
        Ok(encap)
    }

    fn encap_problem(&self, option: &Word, value: &Word, message: String, classic: String) -> Diagnostic {
        let problem = self.problem(value, message).classic(classic);
        read_again(option, value).into_iter().fold(problem, Diagnostic::classic)
    }

    fn encap_address<Address>(
        &mut self,
        option: &Word,
        value: &Word,
        words: &IpWords<Address>,
    ) -> Result<Address, Dropped> {
        let problem = match value.as_str().parse::<IpAddr>() {
            Ok(address) => {
                if let Some(address) = (words.address)(address) {
                    return Ok(address);
                }
                let other = Family::of(address);
                let message = format!("`{value}` is an {other} address");
                let text = format!("{other} address {value} not valid for {} encapsulation", words.name);
                self.encap_problem(option, value, message, text)
            }
            Err(_) => {
                let message = format!("`{value}` is not an IP address");
                let text = format!("Invalid encap {} {option} {value}", words.name);
                self.encap_problem(option, value, message, text)
                    .classic(format!("VRRP parsed invalid IP {value}. skipping IP..."))
            }
        };
        Err(self.refuse(problem))
    }

    fn encap_tos<Address>(
        &mut self,
        option: &Word,
        value: &Word,
        words: &IpWords<Address>,
    ) -> Result<u8, Dropped> {
        self.cx.named_octet(NameFile::Dsfield, value.as_str()).ok_or_else(|| {
            let message = format!("`{value}` is not a type of service");
            let problem = self.encap_problem(option, value, message, (words.bad_tos)(option, value));
            self.refuse(problem)
        })
    }

    fn encap_number(
        &mut self,
        option: &Word,
        value: &Word,
        most: u16,
        classic: String,
    ) -> Result<u16, Dropped> {
        let mut said = read_again(option, value);
        said.insert(0, classic);
        let number = self.number(value, 0..=most.into(), &said)?;
        u16::try_from(number).map_err(|_| Dropped)
    }

    fn encap_id<Address>(
        &mut self,
        option: &Word,
        value: &Word,
        words: &IpWords<Address>,
    ) -> Result<u64, Dropped> {
        read_unsigned64(value).map_err(|problem| {
            let problem = problem.classic((words.bad_id)(value));
            self.refuse(read_again(option, value).into_iter().fold(problem, Diagnostic::classic))
        })
    }
}

/// keepalived reads the option that it did not like once more, as one of the route.
fn read_again(option: &Word, value: &Word) -> Vec<String> {
    match option.as_str() {
        "tos" => vec![format!("TOS value {value} is invalid")],
        "hoplimit" => vec![format!("Invalid hoplimit {value} specified for route")],
        "src" => vec![
            format!("VRRP parsed invalid IP {value}. skipping IP..."),
            format!("invalid route src address {value}"),
        ],
        _ => vec![
            format!("VRRP parsed invalid IP {option}. skipping IP..."),
            format!("unknown route keyword {option}"),
        ],
    }
}

const TYPES: &str = "types are `ip`, `ip6`, `mpls` and `ila`";

/// In what the encapsulations in IPv4 and in IPv6 differ.
struct IpWords<Address: 'static> {
    name: &'static str,
    tos: &'static str,
    ttl: &'static str,
    address: fn(IpAddr) -> Option<Address>,
    bad_id: fn(&Word) -> String,
    bad_tos: fn(&Word, &Word) -> String,
    bad_ttl: fn(&Word) -> String,
}

static IPV4: IpWords<Ipv4Addr> = IpWords {
    name: "ip",
    tos: "tos",
    ttl: "ttl",
    address: |address| match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    },
    bad_id: |value| format!("encap id {value} value is invalid"),
    bad_tos: |_, value| format!("dsfield {value} not valid for ip encapsulation"),
    bad_ttl: |value| format!("ttl {value} is not valid for ip encapsulation"),
};

static IPV6: IpWords<Ipv6Addr> = IpWords {
    name: "ip6",
    tos: "tc",
    ttl: "hoplimit",
    address: |address| match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(address),
    },
    bad_id: |value| format!("id {value} value invalid for IPv6 encapsulation"),
    bad_tos: |option, _| format!("tc value {option} is invalid for ip6 encapsulation"),
    bad_ttl: |value| format!("Invalid hoplimit {value} specified for ip6 encapsulation"),
};

fn labels(text: &str) -> Option<Vec<u32>> {
    let parts: Vec<&str> = text.split('/').collect();
    let label = |part: &&str| {
        let number = c_number(part).filter(|(_, rest)| rest.is_empty())?.0;
        u32::try_from(number).ok().filter(|label| *label < 1 << LABEL_BITS)
    };
    if parts.len() > MOST_LABELS { None } else { parts.iter().map(label).collect() }
}

fn locator(text: &str) -> Option<[u16; 4]> {
    let groups: Option<Vec<u16>> = text.split(':').map(|group| u16::from_str_radix(group, 16).ok()).collect();
    groups?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: keepalived 2.2.7, `-d` on a file with these.
    #[test]
    fn labels_and_locators_are_shown_as_keepalived_shows_them() {
        assert_eq!(Encap::Mpls(labels("100/200").unwrap()).to_string(), "mpls 64000/c8100");
        assert_eq!(Encap::Ila(locator("1:2:3:4").unwrap()).to_string(), "ila 288233674720149760");
        for bad in ["", "1/", "1/2/3", "0x100000", "-1", "x"] {
            assert_eq!(labels(bad), None, "{bad}");
        }
        for bad in ["1:2:3", "1:2:3:4:5", "1:2:3:g", "1:2:3:10000"] {
            assert_eq!(locator(bad), None, "{bad}");
        }
    }
}
