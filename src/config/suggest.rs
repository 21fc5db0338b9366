//! What may have been meant by a word that nothing is called.
//!
//! Nearness is counted in letters that are wrong, missing, too many or exchanged, once capitals and dashes are
//! out of the way; a third of a word may be wrong. A keyword of the block at hand is preferred to one of
//! another block, unless that one is spelt exactly so.

use super::block;
use super::diagnostic::Diagnostic;
use super::lexer::{SECRET_KEYWORDS, Word};
use super::schema::Schema;
use super::source::Span;
use std::cmp::Reverse;
use std::net::IpAddr;

/// What some editors put in front of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The candidate that a word is nearest to, if it is near to any.
pub(super) fn spelling<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = plain(word);
    let limit = (plain.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(word, &plain, candidate, limit)?, candidate)))
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        // Of two that are equally near, the one that begins alike: `of` is `off` rather than `on`.
        .min_by_key(|(distance, candidate)| (*distance, Reverse(common_beginning(&plain, candidate))))
        .map(|(_, candidate)| candidate)
}

fn common_beginning(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

/// A word as it would be written by one who minds neither capitals nor dashes.
fn plain(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

/// How far a candidate is from a word, if that is no more than `limit`.
fn distance(word: &str, plain_word: &str, candidate: &str, limit: usize) -> Option<usize> {
    // A difference in length is a distance; with a thousand keywords to try, it pays to look at that first.
    if word.chars().count().abs_diff(candidate.chars().count()) > limit {
        return None;
    }
    let exact = strsim::damerau_levenshtein(word, candidate);
    let distance = exact.min(strsim::damerau_levenshtein(plain_word, &plain(candidate)));
    (distance <= limit).then_some(distance)
}

/// Adds to the diagnostic of a word that is no keyword of its block what may have been meant. `outer` are
/// the keywords of the blocks that are open, outermost first.
pub(super) fn keyword(
    problem: Diagnostic,
    word: &Word,
    args: &[Word],
    schema: &'static dyn Schema,
    outer: &[&str],
) -> Diagnostic {
    if let Some(from) = word.secret {
        return secret(problem, word, from);
    }
    let text = word.as_str();
    if let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) {
        let problem =
            problem.label("an invisible byte order mark stands before it: save the file without one");
        return problem.write_instead(word, rest);
    }
    let names = || schema.names().into_iter();
    if let Some((keyword, value)) = glued_value(text, names()) {
        let written = format!("{keyword} {value}");
        let missing = if text[keyword.len()..].starts_with(['=', ':']) {
            "a blank stands between a keyword and its value"
        } else {
            "a blank is missing"
        };
        return problem.label(format!("{missing}: `{written}`")).write_instead(word, written);
    }
    let near = spelling(text, names());
    let homes = block::homes_of(text);
    if let Some(near) =
        near.filter(|near| homes.is_empty() || distance(text, &plain(text), near, 1).is_some())
    {
        return problem.label(did_you_mean(text, near, args)).write_instead(word, near);
    }
    if !homes.is_empty() {
        return problem.label(belongs(&homes, outer));
    }
    if let Some(label) = no_word_at_all(text, schema) {
        return problem.label(label);
    }
    match near_elsewhere(text) {
        Some((near, home)) => problem.label(format!("did you mean `{near}`? that belongs in `{home}`")),
        None => problem,
    }
}

fn did_you_mean(word: &str, near: &str, args: &[Word]) -> String {
    let with_args: String = args.iter().take(3).map(|arg| format!(" {arg}")).collect();
    let why = if word.to_ascii_lowercase() == near {
        ": keywords of this kind are in lower case"
    } else if word.eq_ignore_ascii_case(near) {
        ": capitals matter"
    } else if plain(word) == plain(near) {
        if near.contains('_') {
            ": its parts are joined by underscores"
        } else {
            ": its parts are joined by dashes"
        }
    } else {
        ""
    };
    format!("did you mean `{near}{with_args}`?{why}")
}

fn belongs(homes: &[&str], outer: &[&str]) -> String {
    if let Some(home) = homes.iter().find(|home| outer.contains(home)) {
        return format!("this belongs in `{home}`, outside the block that is open here");
    }
    match homes {
        [home] => format!("this belongs in `{home}`"),
        [first, rest @ ..] => {
            let more: String = rest.iter().take(3).map(|home| format!(", `{home}`")).collect();
            format!("this belongs in `{first}`{more}")
        }
        [] => String::new(),
    }
}

/// An address where a keyword is expected, a name that is not defined, and the like.
fn no_word_at_all(word: &str, schema: &dyn Schema) -> Option<String> {
    let address = word.split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
    if let Some(address) = address {
        return Some(match schema.block() {
            "vrrp_instance" => format!("an address stands in a block: `virtual_ipaddress {{ {address} }}`"),
            _ => "an address is no keyword: which one is missing before it?".to_owned(),
        });
    }
    let name = word.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        return Some(format!("`{name}` is not defined above: `$NAME=VALUE`, without blanks around the `=`"));
    }
    match word.chars().next() {
        Some('/' | ';') if word.starts_with("//") || word.starts_with(';') => {
            Some("comments begin with `#` or `!`".to_owned())
        }
        _ => None,
    }
}

/// `auth_passhunter2`: all that can be said is that a blank is missing, and all that can be done is to put it in.
fn secret(problem: Diagnostic, word: &Word, from: usize) -> Diagnostic {
    let keyword = word.as_str().get(..from).unwrap_or_default();
    if word.quoted || !SECRET_KEYWORDS.contains(&keyword) {
        return problem;
    }
    let at = Span { start: word.span.start + u32::try_from(from).unwrap_or(0), ..word.span };
    problem.label(format!("a blank is missing: `{keyword} ********`")).insert(at, " ")
}

/// `auth_typePASS`, `priority=100`: a keyword of this block with something stuck to it.
fn glued_value<'w>(
    word: &'w str,
    names: impl Iterator<Item = &'static str>,
) -> Option<(&'static str, &'w str)> {
    let value = |rest: &'w str| {
        let value = rest.trim_start_matches(['=', ':']);
        let separated = value.len() < rest.len() && !value.is_empty();
        let capital = value.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '/');
        // eth0, but not the plural of a keyword.
        let numbered = value.len() > 2 && value.ends_with(|c: char| c.is_ascii_digit());
        (separated || capital || numbered).then_some(value)
    };
    let candidates = names.filter_map(|name| Some((name, value(word.strip_prefix(name)?)?)));
    candidates.max_by_key(|(name, _)| name.len())
}

/// A keyword of another block that differs in two letters at most, and its block.
fn near_elsewhere(word: &str) -> Option<(&'static str, &'static str)> {
    let plain_word = plain(word);
    let limit = 2.min(word.chars().count() / 3);
    let own = block::schemas().into_iter().flat_map(|s| s.names().into_iter().map(|n| (n, s.block())));
    own.filter(|(_, home)| !home.is_empty())
        .filter_map(|near| Some((distance(word, &plain_word, near.0, limit)?, near)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_a_word_may_be_wrong_and_capitals_and_dashes_do_not_count() {
        let near = |word| spelling(word, ["MASTER", "BACKUP", "virtual_ipaddress", "on", "off"]);
        assert_eq!(near("MASTR"), Some("MASTER"));
        assert_eq!(near("master"), Some("MASTER"));
        assert_eq!(near("Backup"), Some("BACKUP"));
        assert_eq!(near("virtual-ipaddresses"), Some("virtual_ipaddress"));
        assert_eq!(near("of"), Some("off"));
        assert_eq!(near("FAULT"), None);
        assert_eq!(near("x"), None);
    }

    #[test]
    fn glued_values_are_told_from_plurals() {
        let glued = |word| glued_value(word, ["interface", "virtual_ipaddress", "priority"].into_iter());
        assert_eq!(glued("interfaceeth0"), Some(("interface", "eth0")));
        assert_eq!(glued("priority=100"), Some(("priority", "100")));
        assert_eq!(glued("priority100"), Some(("priority", "100")));
        assert_eq!(glued("virtual_ipaddresses"), None);
        assert_eq!(glued("priority"), None);
    }
}
