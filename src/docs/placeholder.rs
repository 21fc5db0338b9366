//! The words in capitals that stand for an argument, and the unit in which it is counted.

/// What a word in capitals stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Placeholder {
    /// As it stands in the arguments of a keyword.
    pub name: &'static str,
    /// What to write in its place.
    pub meaning: &'static str,
    /// What a number in its place counts; empty for anything else.
    pub unit: &'static str,
}

const fn word(name: &'static str, meaning: &'static str) -> Placeholder {
    Placeholder { name, meaning, unit: "" }
}

const fn number(name: &'static str, meaning: &'static str, unit: &'static str) -> Placeholder {
    Placeholder { name, meaning, unit }
}

/// Every placeholder there is, in alphabetical order.
pub const PLACEHOLDERS: &[Placeholder] = &[
    word("ACTION", "what is done with packets"),
    word("ADDRESS", "an IPv4 or IPv6 address"),
    word("ARGUMENT", "a word that the command gets"),
    word("BOOL", "`on`, `true`, `yes`, `off`, `false` or `no`; without it: on"),
    number("BYTES", "a size", "bytes"),
    word("COMMAND", "a program with its arguments; in double quotes when there is more than one word"),
    word("CPU", "the number of a processor, from 0"),
    word("DESTINATION", "an address with a prefix, or `default`"),
    word("DIRECTORY", "a directory"),
    word("FILE", "the name of a `track_file`"),
    word("FIRST", "the first number of a range"),
    word("GROUP", "the name of a group of the system"),
    word("HEX", "hexadecimal digits"),
    word("HOST", "a host name or an address"),
    word("ID", "the number of a key, 1 to 255"),
    word("INSTANCE", "the name of a `vrrp_instance`"),
    word("INTERFACE", "the name of a network interface"),
    word("LAST", "the last number of a range"),
    word("M", "a whole number, not below N"),
    word("MAC", "an Ethernet address: `02:00:00:00:00:01`; with five octets, the VRID is the sixth"),
    word("MARK", "a firewall mark: a number, hexadecimal behind `0x`"),
    word("MASK", "the bits that count: a number, hexadecimal behind `0x`"),
    number("MAX", "the largest size", "bytes"),
    number("MICROSECONDS", "a time", "microseconds"),
    number("MSECS", "a time; with decimals where the range has them", "milliseconds"),
    word("N", "a whole number"),
    word("NAME", "a name"),
    word("NETMASK", "a network mask: `255.255.255.0`"),
    word("OPTION", "one of the words in the meaning"),
    word("PASSWORD", "what nobody else should read"),
    word("PATH", "a file"),
    word("PATTERN", "a regular expression"),
    word("PORT", "the number of a port"),
    word("PREFIX", "the length of a network prefix"),
    word("PREFIXLEN", "the length of a network prefix"),
    word("PROCESS", "the name of a `vrrp_track_process`"),
    word("PROTOCOL", "a protocol, by name or number"),
    word("REALM", "a realm of routes, by name or number"),
    word("SCOPE", "a scope, by name or number"),
    word("SCRIPT", "the name of a `vrrp_script`; of `notify*`: a program with its arguments"),
    number("SECS", "a time; with decimals where the range has them", "seconds"),
    word("SEED", "any number"),
    word("SESSION", "the name of a `bfd_instance`"),
    number("START", "the first size", "bytes"),
    word("STRING", "the key itself"),
    word("TABLE", "a routing table, by name or number"),
    word("TEXT", "any text; in double quotes when it has blanks"),
    word("TIME", "a number with a unit, `ms` or `s`, or without one"),
    word("TOS", "a type of service, by name or number"),
    word("TYPE", "one of the words in the range"),
    word("USER", "the name of a user of the system"),
    word("VERSION", "a version"),
];

/// Words in capitals that are written as they stand.
const LITERALS: &[&str] =
    &["ADVERT", "AH", "BACKUP", "DR", "ETHTOOL", "IOCTL", "MASTER", "MII", "MTU", "NAT", "PASS", "TUN", "VS"];

/// The placeholders of a keyword's arguments, in order; `Err`: a word in capitals that nobody explains.
///
/// # Errors
/// The word.
pub fn placeholders(args: &str) -> Result<Vec<&'static Placeholder>, String> {
    let words = args.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let capitals = words.filter(|word| {
        word.starts_with(|c: char| c.is_ascii_uppercase()) && !word.contains(|c: char| c.is_ascii_lowercase())
    });
    let mut found = Vec::new();
    for word in capitals.filter(|word| !LITERALS.contains(word)) {
        let placeholder = PLACEHOLDERS.iter().find(|placeholder| placeholder.name == word);
        found.push(placeholder.ok_or_else(|| word.to_owned())?);
    }
    Ok(found)
}

/// What the numbers among a keyword's arguments count: `seconds`; empty when they count nothing.
#[must_use]
pub fn unit(args: &str) -> String {
    let mut units: Vec<&str> = placeholders(args).unwrap_or_default().iter().map(|p| p.unit).collect();
    units.retain(|unit| !unit.is_empty());
    units.dedup();
    units.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_words_to_be_written() {
        let names = |args| placeholders(args).map(|all| all.iter().map(|p| p.name).collect::<Vec<_>>());
        assert_eq!(names("ADDRESS[/PREFIX] [min_ttl N]"), Ok(vec!["ADDRESS", "PREFIX", "N"]));
        assert_eq!(names("NAT|DR|TUN [type ipip|gue|gre]"), Ok(vec![]));
        assert_eq!(names("WOMBAT"), Err("WOMBAT".to_owned()));
        assert_eq!(unit("[tcp SECS] [udp SECS]"), "seconds");
        assert_eq!(unit("N"), "");
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(PLACEHOLDERS.is_sorted_by_key(|placeholder| placeholder.name));
    }
}
