//! Shell patterns of `include`: `*`, `?`, `[a-z]`, `[!a-z]` and `{a,b}`.

/// Whether a pattern has anything to match with.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Alternatives are bounded: `{a,b}` thirty times over is no file name.
const MOST_ALTERNATIVES: usize = 1024;

/// `a{b,c}d` to `abd` and `acd`, in order; braces that do not pair stay as they are (glob(3), GLOB_BRACE).
#[must_use]
pub fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(text) = todo.pop() {
        match choices(&text) {
            Some((before, choices, after)) if done.len() + todo.len() < MOST_ALTERNATIVES => {
                todo.extend(choices.iter().rev().map(|choice| format!("{before}{choice}{after}")));
            }
            _ => done.push(text),
        }
    }
    done
}

/// The first pair of braces: what stands before it, what between its own commas, and what behind.
fn choices(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = text.find('{')?;
    let (mut depth, mut start, mut choices) = (0, open + 1, Vec::new());
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            choices.push(&text[start..at]);
            start = at + 1;
        }
        if depth == 0 {
            return Some((&text[..open], choices, &text[start..]));
        }
    }
    None
}

/// Whether one component of a path matches; a leading dot is matched by a dot only (glob(7)).
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&pattern[p..], name[n]),
            Some(c) if *c == name[n] => Some(1),
            _ => None,
        };
        match (step, retry) {
            (Some(width), _) => (p, n) = (p + width, n + 1),
            (None, Some((after, from))) => {
                (p, n) = (after, from + 1);
                retry = Some((after, from + 1));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How many characters of the pattern a `[…]` that matches takes up.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let close = pattern.iter().skip(first + 1).position(|c| *c == ']')? + first + 1;
    let set = &pattern[first..close];
    let mut found = false;
    let mut i = 0;
    while i < set.len() {
        if let [low, '-', high, ..] = set[i..] {
            found |= (low..=high).contains(&c);
            i += 3;
        } else {
            found |= set[i] == c;
            i += 1;
        }
    }
    (found != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: glob(7).
    #[test]
    fn components_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[ab", "a", false),
            ("*a*b*", "xxaxxb", true),
            ("*a*b", "xxaxx", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_make_alternatives_and_never_too_many() {
        assert_eq!(alternatives("a{b,c{d,e}}f"), ["abf", "acdf", "acef"]);
        assert_eq!(alternatives("{a,b}.conf"), ["a.conf", "b.conf"]);
        assert_eq!(alternatives("a{b"), ["a{b"]);
        assert_eq!(alternatives("{a,{b,c}}{1,2}"), ["a1", "a2", "b1", "b2", "c1", "c2"]);
        assert!(alternatives(&"{a,b}".repeat(30)).len() < 3000);
    }
}
