//! Words that should be addresses and are none.

use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use std::net::IpAddr;

/// That a word is no address, and why.
pub(in crate::config) fn bad_address(word: &Word) -> Diagnostic {
    let problem = Diagnostic::error("bad-address", word.span, format!("`{word}` is not an IP address"));
    match word.secret {
        Some(_) => problem,
        None => problem.help(reason(word.as_str())),
    }
}

/// What is wrong with a text that is no address; whether a prefix may follow is not the question.
fn reason(text: &str) -> String {
    let (address, behind) = text.find(['/', '%']).map_or((text, ""), |at| text.split_at(at));
    if address.parse::<IpAddr>().is_ok() {
        return match behind.starts_with('%') {
            true => format!("write `{address}`: the interface is said elsewhere"),
            false => format!("write `{address}`, without a prefix"),
        };
    }
    let inner = address.trim_matches(['[', ']']);
    if inner.len() < address.len() && inner.parse::<IpAddr>().is_ok() {
        return format!("write `{inner}`, without brackets");
    }
    let parts: Vec<&str> = address.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() > 1 && parts.iter().all(is_number) {
        let large = parts.iter().find(|part| part.parse::<u8>().is_err());
        let padded = parts.iter().find(|part| part.len() > 1 && part.starts_with('0'));
        return match (large, padded) {
            _ if parts.len() != 4 => format!("an IPv4 address has four numbers, this one {}", parts.len()),
            (Some(part), _) => format!("the numbers of an IPv4 address go to 255, and {part} is more"),
            (None, Some(part)) => format!(
                "write {} for {part}: a zero in front has no place there",
                part.trim_start_matches('0')
            ),
            (None, None) => "write an IPv4 or IPv6 address".to_owned(),
        };
    }
    if address.matches("::").count() > 1 {
        return "`::` stands for one row of zeros only".to_owned();
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match address.chars().all(is_name) && address.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => "names are not looked up here: write the address".to_owned(),
        false => "write an IPv4 or IPv6 address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, why) in [
            ("10.0.0.300", "the numbers of an IPv4 address go to 255, and 300 is more"),
            ("10.0.0", "an IPv4 address has four numbers, this one 3"),
            ("10.0.0.1.5/24", "an IPv4 address has four numbers, this one 5"),
            ("10.0.0.01", "write 1 for 01: a zero in front has no place there"),
            ("10.0.0.1/24", "write `10.0.0.1`, without a prefix"),
            ("[fe80::1]", "write `fe80::1`, without brackets"),
            ("fe80::1%eth0", "write `fe80::1`: the interface is said elsewhere"),
            ("fe80::1::2", "`::` stands for one row of zeros only"),
            ("lb1.example.org", "names are not looked up here: write the address"),
            ("$VIP", "write an IPv4 or IPv6 address"),
            ("", "write an IPv4 or IPv6 address"),
        ] {
            assert_eq!(reason(text), why, "{text}");
        }
    }
}
