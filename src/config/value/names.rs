//! Numbers with names: routing tables, protocols, scopes, realms, types of service.
//!
//! The names come from the files of iproute2; those that every kernel header knows are known without them.

use super::number::whole_c_number;
use crate::config::environment::NameFile;
use crate::config::schema::Context;

/// Names that need no file.
fn builtin(file: NameFile) -> &'static [(&'static str, u32)] {
    match file {
        NameFile::Tables => &[("default", 253), ("main", 254), ("local", 255)],
        NameFile::Protocols => &[
            ("none", 0),
            ("redirect", 1),
            ("kernel", 2),
            ("boot", 3),
            ("static", 4),
            ("gated", 8),
            ("ra", 9),
            ("mrt", 10),
            ("zebra", 11),
            ("bird", 12),
            ("dnrouted", 13),
            ("xorp", 14),
            ("ntk", 15),
            ("dhcp", 16),
            ("keepalived", 18),
            ("babel", 42),
        ],
        NameFile::Scopes => &[("global", 0), ("nowhere", 255), ("host", 254), ("link", 253), ("site", 200)],
        NameFile::Realms => &[("cosmos", 0)],
        NameFile::Dsfield | NameFile::Groups => &[],
        NameFile::IpProtocols => &[
            ("icmp", 1),
            ("igmp", 2),
            ("tcp", 6),
            ("udp", 17),
            ("gre", 47),
            ("esp", 50),
            ("ah", 51),
            ("ipv6-icmp", 58),
            ("ospf", 89),
            ("vrrp", 112),
            ("sctp", 132),
            ("udplite", 136),
        ],
    }
}

/// The largest number of each kind.
fn largest(file: NameFile) -> u32 {
    match file {
        NameFile::Tables => u32::MAX,
        NameFile::Groups => i32::MAX.unsigned_abs(),
        NameFile::Protocols
        | NameFile::Scopes
        | NameFile::Realms
        | NameFile::Dsfield
        | NameFile::IpProtocols => 255,
    }
}

impl Context<'_> {
    /// A number, or what a file calls by that name; `None` when it is neither.
    pub(in crate::config) fn named_number(&self, file: NameFile, text: &str) -> Option<u32> {
        if let Some(number) = whole_c_number(text) {
            return u32::try_from(number).ok().filter(|number| *number <= largest(file));
        }
        let found = self.environment.number(file, &self.name_directories, text);
        found
            .filter(|number| *number <= largest(file))
            .or_else(|| builtin(file).iter().find(|(name, _)| *name == text).map(|(_, number)| *number))
    }

    /// As [`Self::named_number`], of what is an octet to the kernel.
    pub(in crate::config) fn named_octet(&self, file: NameFile, text: &str) -> Option<u8> {
        self.named_number(file, text).and_then(|number| u8::try_from(number).ok())
    }
}

/// The lines of one of the files: a number and a name each, or a name and a number in `/etc/protocols`.
/// Comments, and lines that say something else, are left out.
#[must_use]
pub fn parse_names(file: NameFile, text: &str) -> Vec<(String, u32)> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (number, name) = match (file, words.as_slice()) {
            (NameFile::IpProtocols, [name, number, ..]) | (_, [number, name]) => (number, name),
            _ => return None,
        };
        let number = whole_c_number(number).and_then(|number| u32::try_from(number).ok())?;
        (number <= largest(file)).then(|| ((*name).to_owned(), number))
    };
    lines.filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: iproute2's own files, and keepalived 2.4 on them.
    #[test]
    fn the_files_of_iproute2_are_read_as_they_are() {
        let text = "#\n# reserved values\n#\n255\tlocal\n254 main # all\n0x10 sixteen\n-1 x\n5\n1 a b\n4294967296 y\n";
        let expected = [("local", 255), ("main", 254), ("sixteen", 16)].map(|(n, v)| (n.to_owned(), v));
        assert_eq!(parse_names(NameFile::Tables, text), expected);
        assert_eq!(parse_names(NameFile::Scopes, "256 far\n")[..], []);
        let protocols = parse_names(NameFile::IpProtocols, "tcp\t6\tTCP\t# transmission control\n");
        assert_eq!(protocols, [("tcp".to_owned(), 6)]);
    }
}
