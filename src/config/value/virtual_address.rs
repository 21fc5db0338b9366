//! A line of `virtual_ipaddress`.

use super::address::bad_address;
use super::number::{Junk, Otherwise, leading_number};
use crate::config::diagnostic::{Class, Consequence, Diagnostic};
use crate::config::entry::{Dropped, TrackGroups};
use crate::config::environment::NameFile;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::types::{AddressKey, Family, IfName, IpNet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// An address that the master puts on a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualAddress<Dev = IfName> {
    /// Address and prefix; /32 or /128 when the line gives none.
    pub net: IpNet,
    /// `dev`; resolved: the interface of the instance when the line gives none.
    pub dev: Dev,
    /// `scope`, as the kernel's number (0 global, 253 link, 254 host).
    pub scope: u8,
    /// `label`, IPv4 only, at most 15 bytes.
    pub label: Option<String>,
    /// `brd`, resolved from `+` and `-`.
    pub broadcast: Option<IpAddr>,
    /// `peer`.
    pub peer: Option<IpNet>,
    /// `preferred_lft` in seconds; `None`: forever. An IPv6 /128 without one gets 0 (deprecated).
    pub preferred_lft: Option<u32>,
    /// `home`.
    pub home: bool,
    /// `-nodad`: let the kernel do duplicate address detection.
    pub dad: bool,
    /// `mngtmpaddr`.
    pub mngtmpaddr: bool,
    /// `noprefixroute`.
    pub noprefixroute: bool,
    /// `autojoin`.
    pub autojoin: bool,
    /// `no_track`: do not react when somebody deletes it.
    pub no_track: bool,
    /// `use_vmac`, where nothing else puts it on a VMAC.
    pub use_vmac: bool,
    /// The VMAC on `dev` that it lives on.
    pub vmac: Option<IfName>,
    /// `track_group`, static addresses only.
    pub track_group: Option<String>,
}

impl<Dev> VirtualAddress<Dev> {
    /// An address with no option but its interface.
    pub const fn new(net: IpNet, dev: Dev) -> Self {
        Self {
            net,
            dev,
            scope: 0,
            label: None,
            broadcast: None,
            peer: None,
            preferred_lft: None,
            home: false,
            dad: false,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            no_track: false,
            use_vmac: false,
            vmac: None,
            track_group: None,
        }
    }
}

impl VirtualAddress {
    /// The link that it lives on: the VMAC, where there is one.
    #[must_use]
    pub fn link(&self) -> &IfName {
        self.vmac.as_ref().unwrap_or(&self.dev)
    }

    /// What tells it from the others there.
    #[must_use]
    pub fn key(&self) -> AddressKey {
        AddressKey::new(self.net, self.peer)
    }
}

/// Words that may follow an address.
const OPTIONS: [&str; 15] = [
    "dev",
    "scope",
    "broadcast",
    "brd",
    "label",
    "peer",
    "preferred_lft",
    "home",
    "-nodad",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "no_track",
    "track_group",
    "use_vmac",
];

/// Names that the kernel's tables give to scopes.
const SCOPES: [(&str, u8); 5] =
    [("global", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)];
const LONGEST_LABEL: usize = 15;

/// An address line before the interface of its instance is known.
#[derive(Clone, Debug)]
pub(in crate::config) struct AddressDraft {
    pub(in crate::config) address: VirtualAddress<Option<IfName>>,
    /// The whole line.
    pub(in crate::config) span: Span,
}

impl AddressDraft {
    /// The address on its own interface, or else on this one; `None`: there is neither.
    pub(in crate::config) fn on(self, interface: Option<&IfName>) -> Option<VirtualAddress> {
        let a = self.address;
        Some(VirtualAddress {
            net: a.net,
            dev: a.dev.or_else(|| interface.cloned())?,
            scope: a.scope,
            label: a.label,
            broadcast: a.broadcast,
            peer: a.peer,
            preferred_lft: a.preferred_lft,
            home: a.home,
            dad: a.dad,
            mngtmpaddr: a.mngtmpaddr,
            noprefixroute: a.noprefixroute,
            autojoin: a.autojoin,
            no_track: a.no_track,
            use_vmac: a.use_vmac,
            vmac: a.vmac,
            track_group: a.track_group,
        })
    }
}

/// Reads the options of one line.
struct LineReader<'l, 'c, 'e> {
    cx: &'c mut Context<'e>,
    line: &'l Word,
    rest: std::slice::Iter<'l, Word>,
    draft: AddressDraft,
    preferred_lft: Option<Option<u32>>,
    prefix_given: bool,
    /// The track groups above a static address; others have none.
    groups: Option<&'c TrackGroups>,
}

impl Context<'_> {
    /// A line of `virtual_ipaddress`; reported and `None` when it is dropped.
    pub(in crate::config) fn address_line(&mut self, entry: &[Word]) -> Option<AddressDraft> {
        self.read_address(entry, None)
    }

    /// A line of `static_ipaddress`, on this interface if it names none; reported and `None` when it is
    /// dropped.
    pub(in crate::config) fn static_address_line(
        &mut self,
        entry: &[Word],
        groups: &TrackGroups,
        default: &str,
    ) -> Option<VirtualAddress> {
        let draft = self.read_address(entry, Some(groups))?;
        let line = entry.first()?;
        let own = draft.address.dev.clone();
        let mut default = || self.interface(&Word { text: default.to_owned(), ..line.clone() });
        let (dev, span) = (own.or_else(|| default().map(|(name, _)| name)), draft.span);
        if let Some(address) = draft.on(dev.as_ref()) {
            return Some(address);
        }
        let text =
            format!("Static address {line} requires either an interface or default interface must exist");
        let problem = Diagnostic::error("no-such-interface", span, "a static address needs an interface")
            .class(Class::Unusable)
            .classic(text)
            .label("the address cannot be added")
            .help("name it with `dev`, or with `default_interface` in `global_defs`")
            .consequence(Consequence::Refused)
            .keepalived("exits 2: an interface of the configuration does not exist");
        self.report(problem);
        None
    }

    fn read_address(&mut self, entry: &[Word], groups: Option<&TrackGroups>) -> Option<AddressDraft> {
        let (first, rest) = entry.split_first()?;
        let net = self.address_with_prefix(first)?;
        let address = VirtualAddress::new(net, None);
        let span = entry.last().map_or(first.span, |last| first.span.to(last.span));
        let draft = AddressDraft { address, span };
        let prefix_given = first.as_str().contains('/');
        let rest = rest.iter();
        let reader =
            LineReader { cx: self, line: first, rest, draft, preferred_lft: None, prefix_given, groups };
        reader.read().ok()
    }

    /// `ADDR[/PREFIX]`, reported when it is none.
    fn address_with_prefix(&mut self, word: &Word) -> Option<IpNet> {
        let net = self.network(word);
        net.map_err(|problem| {
            self.report(problem.label("this entry is ignored").keepalived("runs without this address"));
        })
        .ok()
    }

    /// `ADDR[/PREFIX]`, or what is wrong with the address; a prefix that is none becomes that of a host.
    pub(super) fn network(&mut self, word: &Word) -> Result<IpNet, Box<Diagnostic>> {
        let (address, prefix) = match word.as_str().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (word.as_str(), None),
        };
        let family = if address.contains(':') { Family::V6 } else { Family::V4 };
        let prefix = prefix.map(|prefix| self.prefix(word, prefix, family));
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(bad_address(word)
                .classic(format!("VRRP parsed invalid IP {word}. skipping IP..."))
                .into());
        };
        let host = IpNet::host(address);
        Ok(prefix.and_then(|prefix| IpNet::new(address, prefix)).unwrap_or(host))
    }

    /// The length behind the slash; keepalived looks at it before it looks at the address.
    fn prefix(&mut self, word: &Word, prefix: &str, family: Family) -> u8 {
        let bits = family.bits();
        if prefix.is_empty() {
            let problem =
                Diagnostic::error("empty-prefix", word.span, format!("the prefix of `{word}` is missing"))
                    .class(Class::Harmless)
                    .label(format!("/{bits} is used"))
                    .keepalived("takes it for /0 and says nothing; vrrpd does not copy that");
            self.report(problem);
            return bits;
        }
        let number = behind_slash(word, prefix);
        let text = format!("Invalid address prefix len {prefix} for address {word} - using {bits}");
        if let Some(length) = prefix.parse().ok().and_then(mask_length) {
            let message = format!("`{prefix}` is a mask, and not the length of a prefix");
            let problem = Diagnostic::error("bad-number", number.span, message)
                .classic(format!("invalid number '{prefix}'"))
                .classic(text)
                .label(format!("/{bits} is used"))
                .help(format!("write `/{length}`"))
                .write_instead(&number, length.to_string());
            self.report(problem);
            return bits;
        }
        let otherwise = Otherwise::replaced(text, "the length of the whole address is used");
        // keepalived takes what has no digits at all for /0, which nobody means.
        let junk = if leading_number(&number) == Some(0) { Junk::Refused } else { Junk::Tolerated };
        let length = self.integer(&number, 0..=i64::from(bits), junk, otherwise);
        length.and_then(|n| u8::try_from(n).ok()).unwrap_or(bits)
    }
}

/// The prefix of an address, at its own place where the whole stands as it is written. keepalived speaks of it
/// before it speaks of an address that is none.
fn behind_slash(word: &Word, prefix: &str) -> Word {
    let mut span = word.span;
    let address = word.as_str().split('/').next().and_then(|address| address.parse::<IpAddr>().ok());
    if address.is_some() && span.range().len() == word.text.len() && span.frame.is_none() {
        span.start = span.end - u32::try_from(prefix.len()).unwrap_or(0);
    }
    Word { text: prefix.to_owned(), span, ..word.clone() }
}

/// The length of the prefix that a mask covers; `None`: it is no mask.
fn mask_length(mask: Ipv4Addr) -> Option<u32> {
    let bits = mask.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() >= u32::BITS && bits != 0).then(|| bits.leading_ones())
}

impl<'l> LineReader<'l, '_, '_> {
    fn read(mut self) -> Result<AddressDraft, Dropped> {
        while let Some(option) = self.rest.next() {
            self.option(option)?;
        }
        self.finish();
        Ok(self.draft)
    }

    fn option(&mut self, option: &Word) -> Result<(), Dropped> {
        let address = &mut self.draft.address;
        match option.as_str() {
            "dev" => self.dev(option)?,
            "scope" => self.scope(option)?,
            "broadcast" | "brd" => self.broadcast(option)?,
            "label" => self.label(option)?,
            "peer" => self.peer(option)?,
            "preferred_lft" => self.preferred_lft(option)?,
            "home" => address.home = true,
            "-nodad" => address.dad = true,
            "mngtmpaddr" => address.mngtmpaddr = true,
            "noprefixroute" => address.noprefixroute = true,
            "autojoin" => address.autojoin = true,
            "no_track" => address.no_track = true,
            "track_group" if self.groups.is_some() => self.track_group(option)?,
            "use_vmac" if self.groups.is_none() => address.use_vmac = true,
            _ => self.unknown(option),
        }
        Ok(())
    }

    fn report(&mut self, problem: Diagnostic) {
        self.cx.report(problem);
    }

    /// The word behind an option.
    fn value(&mut self, option: &Word) -> Result<&'l Word, Dropped> {
        if let Some(value) = self.rest.next() {
            return Ok(value);
        }
        let problem = Diagnostic::error("address-option", option.span, format!("`{option}` needs a value"))
            .classic(format!("No {option} parameter specified for {}", self.line))
            .label("the whole entry is ignored");
        self.report(problem);
        Err(Dropped)
    }

    fn track_group(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        if self.draft.address.track_group.is_some() {
            let problem =
                Diagnostic::error("address-option", value.span, "an address is tied to one group only")
                    .classic(format!("track_group {value} is a duplicate"))
                    .label("ignored up to the end of the line");
            self.report(problem);
            self.rest = [].iter();
            return Ok(());
        }
        if let Some(groups) = self.groups {
            self.draft.address.track_group = self.cx.track_group(value, groups);
        }
        Ok(())
    }

    fn dev(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        if self.draft.address.dev.is_some() {
            let problem =
                Diagnostic::error("address-option", value.span, "an address is on one interface only")
                    .classic(format!("Cannot specify ipaddress device more than once for {}", self.line))
                    .label("the whole entry is ignored");
            self.report(problem);
            return Err(Dropped);
        }
        let Some((name, _)) = self.cx.interface(value) else { return Err(self.no_interface(value)) };
        self.draft.address.dev = Some(name);
        Ok(())
    }

    fn no_interface(&mut self, value: &Word) -> Dropped {
        let classic = format!("WARNING - interface {value} for ip address {} doesn't exist", self.line);
        self.report(self.cx.no_such_interface(value, "the address cannot be added", classic));
        Dropped
    }

    fn scope(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        match self.cx.named_octet(NameFile::Scopes, value.as_str()) {
            Some(0) if self.draft.address.net.family() == Family::V6 => {}
            Some(_) if self.draft.address.net.family() == Family::V6 => {
                let problem =
                    Diagnostic::warning("address-option", option.span, "an IPv6 address has no scope to set")
                        .classic(format!(
                            "Cannot specify scope for IPv6 addresses ({}) - ignoring scope",
                            self.line
                        ))
                        .label("ignored");
                self.report(problem);
            }
            Some(scope) => self.draft.address.scope = scope,
            None => {
                let problem = Diagnostic::error(
                    "address-option",
                    value.span,
                    format!("`{value}` is not a scope"),
                )
                .classic(format!("Invalid scope '{value}' specified for {} - ignoring", self.line))
                .label("the scope is global")
                .help("scopes are global, site, link, host, nowhere, 0 to 255, and names in `rt_scopes`");
                self.report(problem);
            }
        }
        Ok(())
    }

    fn broadcast(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        let net = self.draft.address.net;
        let IpAddr::V4(own) = net.address else {
            let text = format!(
                "VRRP is trying to assign a broadcast {option} to the IPv6 address {} !!?? WTF... skipping VIP...",
                self.line
            );
            let problem = Diagnostic::error("address-option", option.span, "IPv6 has no broadcast")
                .classic(text)
                .label("the whole entry is ignored");
            self.report(problem);
            return Err(Dropped);
        };
        let host_bits = u32::MAX.checked_shr(u32::from(net.prefix)).unwrap_or(0);
        let broadcast = match value.as_str() {
            "+" | "-" if net.prefix > 30 => {
                let message = format!("a /{} has no broadcast address", net.prefix);
                let problem = Diagnostic::error("address-option", value.span, message)
                    .classic(format!("Address prefix length {} too long for broadcast", net.prefix))
                    .label("added without one");
                self.report(problem);
                return Ok(());
            }
            "+" => Ipv4Addr::from_bits(own.to_bits() | host_bits),
            "-" => Ipv4Addr::from_bits(own.to_bits() & !host_bits),
            text => match text.parse() {
                Ok(address) => address,
                Err(_) => {
                    let problem = Diagnostic::error(
                        "bad-address",
                        value.span,
                        format!("`{value}` is not an IPv4 address"),
                    )
                    .classic(format!("VRRP is trying to assign invalid broadcast {value}. skipping VIP..."))
                    .label("the whole entry is ignored");
                    self.report(problem);
                    return Err(Dropped);
                }
            },
        };
        self.draft.address.broadcast = Some(IpAddr::V4(broadcast));
        Ok(())
    }

    fn label(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        if self.draft.address.net.family() == Family::V6 {
            let problem = Diagnostic::warning("address-option", option.span, "an IPv6 address has no label")
                .classic(format!("Cannot specify label for IPv6 addresses ({}) - ignoring label", self.line))
                .label("ignored");
            self.report(problem);
            return Ok(());
        }
        if value.as_str().len() > LONGEST_LABEL {
            let message = format!("a label has at most {LONGEST_LABEL} characters");
            let text = format!(
                "Address label {value} is longer than maximum length {LONGEST_LABEL} - removing address"
            );
            let problem = Diagnostic::error("address-option", value.span, message)
                .classic(text)
                .label("the whole entry is ignored");
            self.report(problem);
            return Err(Dropped);
        }
        self.draft.address.label = Some(value.text.clone());
        Ok(())
    }

    fn peer(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        if self.draft.address.peer.is_some() {
            let problem = Diagnostic::error("address-option", value.span, "the address has a peer already")
                .classic(format!("Peer {value} - another peer has already been specified"))
                .label("ignored");
            self.report(problem);
            // keepalived goes on with the same word.
            return self.option(value);
        }
        let parsed = value.as_str().parse().ok().map(IpNet::host);
        let problem = match parsed {
            Some(net) if net.family() == self.draft.address.net.family() => {
                self.draft.address.peer = Some(net);
                return Ok(());
            }
            Some(_) => Diagnostic::error("bad-address", value.span, "a peer has the family of the address")
                .classic(format!("Peer address {value} does not match address family")),
            None => bad_address(value)
                .classic(format!("VRRP parsed invalid IP {value}. skipping IP..."))
                .classic(format!("Invalid peer address {value}")),
        };
        self.report(problem.label("added without a peer"));
        Ok(())
    }

    fn preferred_lft(&mut self, option: &Word) -> Result<(), Dropped> {
        let value = self.value(option)?;
        if value.as_str() == "forever" {
            self.preferred_lft = Some(None);
            return Ok(());
        }
        let otherwise = Otherwise::ignored(format!("preferred_lft {value} is invalid"));
        if let Some(secs) = self.cx.integer(value, 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise) {
            self.preferred_lft = Some(u32::try_from(secs).ok());
        }
        Ok(())
    }

    /// Rules that need the whole line.
    fn finish(&mut self) {
        let address = &mut self.draft.address;
        // With a peer the address is a single host, whatever its prefix says.
        let single = address.net.is_host() || address.peer.is_some();
        let deprecated = address.net.family() == Family::V6 && single;
        address.preferred_lft = self.preferred_lft.unwrap_or(deprecated.then_some(0));
        if address.peer.is_none() {
            return;
        }
        let (had_broadcast, line) = (address.broadcast.take().is_some(), self.line);
        let had_prefix = self.prefix_given && !address.net.is_host();
        if had_prefix {
            address.net = IpNet::host(address.net.address);
            let problem =
                Diagnostic::warning("address-option", line.span, "an address with a peer is a single host")
                    .classic("Cannot specify address prefix when specifying peer address - ignoring")
                    .label("the prefix is ignored");
            self.report(problem);
        }
        if had_broadcast {
            let problem =
                Diagnostic::warning("address-option", line.span, "an address with a peer has no broadcast")
                    .classic("Cannot specify broadcast and peer addresses - ignoring broadcast address")
                    .label("the broadcast address is ignored");
            self.report(problem);
        }
    }

    fn unknown(&mut self, word: &Word) {
        let mut problem = Diagnostic::error(
            "address-option",
            word.span,
            format!("`{word}` is not an option of an address"),
        )
        .classic(format!("Unknown configuration entry '{word}' for ip address - ignoring"))
        .label("this word is ignored");
        if word.as_str().split('/').next().is_some_and(|text| text.parse::<IpAddr>().is_ok()) {
            problem =
                problem.help("each address needs a line of its own").keepalived("runs without this address");
        } else {
            problem = problem.meant(word, OPTIONS, "");
        }
        self.report(problem);
    }
}
/// The word for a scope in dumps.
fn scope_name(scope: u8) -> String {
    let named = SCOPES.iter().find(|(_, number)| *number == scope);
    named.map_or_else(|| scope.to_string(), |(name, _)| (*name).to_owned())
}

impl fmt::Display for VirtualAddress {
    /// As in keepalived's dump: the prefix of a host is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.net.short())?;
        if let Some(broadcast) = self.broadcast {
            write!(f, " brd {broadcast}")?;
        }
        match &self.vmac {
            Some(vmac) => write!(f, " dev {vmac}@{}", self.dev)?,
            None => write!(f, " dev {}", self.dev)?,
        }
        if self.use_vmac {
            f.write_str(" use_vmac")?;
        }
        write!(f, " scope {}", scope_name(self.scope))?;
        if let Some(label) = &self.label {
            write!(f, " label {label}")?;
        }
        if let Some(peer) = self.peer {
            write!(f, " peer {peer}")?;
        }
        let flags = [
            (self.home, " home"),
            (self.dad, " -nodad"),
            (self.mngtmpaddr, " mngtmpaddr"),
            (self.noprefixroute, " noprefixroute"),
            (self.autojoin, " autojoin"),
            (self.no_track, " no_track"),
        ];
        for (_, text) in flags.iter().filter(|(set, _)| *set) {
            f.write_str(text)?;
        }
        if let Some(group) = &self.track_group {
            write!(f, " track_group {group}")?;
        }
        match (self.net.family(), self.preferred_lft) {
            (Family::V4, _) => Ok(()),
            (Family::V6, None) => f.write_str(" preferred_lft forever"),
            (Family::V6, Some(0)) => f.write_str(" deprecated"),
            (Family::V6, Some(secs)) => write!(f, " preferred_lft {secs}"),
        }
    }
}
