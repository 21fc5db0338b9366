//! `NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]`: how packets reach a server.

use super::number::Junk;
use super::unsigned::{Read, read_unsigned};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use std::fmt;

/// How packets reach a real server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forwarding {
    /// Addresses are rewritten.
    Nat,
    /// The packet goes out as it is, to the server's MAC address.
    DirectRouting,
    /// In a tunnel.
    Tunnel(Tunnel),
}

/// How packets are wrapped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tunnel {
    /// IP in IP.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// UDP port of the server, 1 to 65535.
        port: u16,
        /// What is done about the checksum.
        checksum: TunnelChecksum,
    },
    /// Generic routing encapsulation; no remote checksum.
    Gre {
        /// What is done about the checksum.
        checksum: TunnelChecksum,
    },
}

/// The checksum of a tunnel's own header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TunnelChecksum {
    /// `nocsum`
    #[default]
    None,
    /// `csum`
    Full,
    /// `remcsum`: remote checksum offload.
    Remote,
}

impl Forwarding {
    /// Whether it is a tunnel: the only way in which families may differ.
    #[must_use]
    pub fn is_tunnel(self) -> bool {
        matches!(self, Self::Tunnel(_))
    }

    /// keepalived's line of a dump; GUE and GRE lose the prefix there.
    pub(in crate::config) fn dump(self, prefix: &str) -> String {
        let text = format!("forwarding method = {self}");
        match self {
            Self::Tunnel(Tunnel::Gue { .. } | Tunnel::Gre { .. }) => text,
            Self::Nat | Self::DirectRouting | Self::Tunnel(Tunnel::Ipip) => format!("{prefix}{text}"),
        }
    }
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nat => f.write_str("NAT"),
            Self::DirectRouting => f.write_str("DR"),
            Self::Tunnel(tunnel) => write!(f, "TUN, type = {tunnel}"),
        }
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |checksum: &TunnelChecksum| match checksum {
            TunnelChecksum::None => ", no checksum",
            TunnelChecksum::Full => ", checksum",
            TunnelChecksum::Remote => ", remote checksum",
        };
        match self {
            Self::Ipip => f.write_str("IPIP"),
            Self::Gue { port, checksum } => write!(f, "GUE, port = {port}{}", text(checksum)),
            Self::Gre { checksum } => write!(f, "GRE{}", text(checksum)),
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    Ipip,
    Gue,
    Gre,
}

impl Context<'_> {
    /// The arguments of a `lvs_method`; `None` when the method is unknown. With options that make no
    /// sense it is a plain tunnel, as in keepalived. `owner` is `virtual`, `real` or `sorry`.
    pub(in crate::config) fn forwarding(&mut self, node: &Node, owner: &str) -> Option<Forwarding> {
        let word = node.arg();
        match word.as_str() {
            "NAT" | "DR" | "TUN" => {}
            _ => {
                let problem = Diagnostic::error(
                    "bad-forwarding",
                    word.span,
                    format!("`{word}` is not a forwarding method"),
                )
                .classic(format!("PARSER : unknown [{word}] routing method for {owner} server."))
                .label("this line is ignored")
                .meant(word, ["NAT", "DR", "TUN"], "write `NAT`, `DR` or `TUN`");
                self.report(problem);
                return None;
            }
        }
        let tunnel = tunnel(&node.args[1..], node, owner).unwrap_or_else(|problem| {
            let effect = if word.text == "TUN" { "a plain IPIP tunnel is used" } else { "ignored" };
            self.report(problem.label(effect));
            Tunnel::Ipip
        });
        Some(match word.as_str() {
            "NAT" => Forwarding::Nat,
            "DR" => Forwarding::DirectRouting,
            _ => Forwarding::Tunnel(tunnel),
        })
    }
}

fn tunnel(options: &[Word], node: &Node, owner: &str) -> Result<Tunnel, Box<Diagnostic>> {
    let bad = |word: &Word, message: String, classic: String| {
        Box::new(Diagnostic::error("bad-forwarding", word.span, message).classic(classic))
    };
    let (mut kind, mut port, mut checksum) = (Kind::Ipip, None, (TunnelChecksum::None, &node.keyword));
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "type" => {
                let Some(name) = words.next() else {
                    let message = "the type of the tunnel is missing".to_owned();
                    return Err(bad(word, message, format!("Missing tunnel type for {owner} server.")));
                };
                kind = match name.as_str() {
                    "ipip" => Kind::Ipip,
                    "gue" => Kind::Gue,
                    "gre" => Kind::Gre,
                    _ => {
                        let text = format!("Unknown tunnel type {name} for {owner} server.");
                        return Err(bad(name, format!("there are no `{name}` tunnels"), text)
                            .help("write `ipip`, `gue` or `gre`")
                            .into());
                    }
                };
            }
            "port" => {
                let Some(number) = words.next() else {
                    let text = format!("Missing port for {owner} server gue tunnel.");
                    return Err(bad(word, "the port of the tunnel is missing".to_owned(), text));
                };
                let text = format!("Invalid gue tunnel port {number} for {owner} server.");
                port = match read_unsigned(number, 1..=65535, Junk::Tolerated) {
                    Read::Good(port) => u16::try_from(port).ok(),
                    Read::Junk(_, problem) | Read::Bad(problem) => return Err(problem.classic(text).into()),
                };
            }
            "nocsum" => checksum = (TunnelChecksum::None, word),
            "csum" => checksum = (TunnelChecksum::Full, word),
            "remcsum" => checksum = (TunnelChecksum::Remote, word),
            _ => {
                let text = format!("Invalid tunnel option {word} for {owner} server.");
                return Err(bad(word, format!("`{word}` is not an option of a forwarding method"), text));
            }
        }
    }
    if (kind == Kind::Gue) != port.is_some() {
        let message = "a `gue` tunnel needs a `port`, and no other has one".to_owned();
        return Err(bad(
            &node.keyword,
            message,
            "gue tunnels require port, otherwise cannot have port.".to_owned(),
        ));
    }
    match (kind, port, checksum) {
        (Kind::Ipip, _, (TunnelChecksum::Full | TunnelChecksum::Remote, word)) => {
            let message = "an `ipip` tunnel has no checksum".to_owned();
            Err(bad(word, message, "ipip tunnels do not support checksum option.".to_owned()))
        }
        (Kind::Gre, _, (TunnelChecksum::Remote, word)) => {
            let message = "a `gre` tunnel has no remote checksum".to_owned();
            Err(bad(word, message, "gre tunnels do not support remote checksum option.".to_owned()))
        }
        (Kind::Gue, Some(port), (checksum, _)) => Ok(Tunnel::Gue { port, checksum }),
        (Kind::Gre, _, (checksum, _)) => Ok(Tunnel::Gre { checksum }),
        (Kind::Ipip | Kind::Gue, _, _) => Ok(Tunnel::Ipip),
    }
}
