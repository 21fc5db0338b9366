//! `docs/DIAGNOSTICS.md` and `vrrpd explain`: what is said of a configuration, for people and for programs.

use crate::config::diagnostic::{Explanation, explain, explanations};
use std::fmt::Write as _;

const HEAD: &str = r#"# Diagnostics

<!-- Made by `vrrpd generate diagnostics`; a test says when it is stale. -->

What `vrrpd -t` and the start of the daemon say of a configuration. All problems are told in one pass. None of them
changes what runs: a file that keepalived runs, vrrpd runs.

## For people

    $ vrrpd -t -f lb1.conf
    (lb1.conf: Line 16) Unknown keyword 'auth_typePASS'
    error[unknown-keyword]: `auth_typePASS` is not a keyword of `authentication`
      --> lb1.conf:16:9
       |
    16 |         auth_typePASS
       |         ^^^^^^^^^^^^^ a blank is missing: `auth_type PASS`
       |
       = keepalived: ignores this line

First what keepalived says under `-t`, if it says anything; then how bad it is, the id, what is wrong, where, and

- under the place: what becomes of the line;
- `help`: what to write instead;
- `keepalived`: what keepalived makes of the line, where that is not what its author meant;
- `note`: how the text came to stand there, if it is not written there: expansions of definitions, repetitions, includes.

The log of a daemon has keepalived's lines, and one of ours where keepalived has none. Passwords and keys are starred out
everywhere. Reports are in colours on a terminal, unless `NO_COLOR` is set; `CLICOLOR_FORCE=1` asks for colours anywhere.

The exit code of `-t` is keepalived's: 0 when it would find nothing wrong, 2 when it would stop reading because an
argument is missing, else that of the worst problem: 4 for a missing file or interface, 5 for anything ordinary, 6 for
scripts without `enable_script_security` and for an `include` that must not fail. What vrrpd alone minds (a note, a
keyword that is not run yet) leaves it as it is.

`vrrpd explain ID` prints what is below of one id.

## For programs

`vrrpd -t --format json` writes one JSON document to standard output (with `-tFILE`, to that file). The exit code is the
same as without.

| field | type | meaning |
|---|---|---|
| `version` | number | 1; it changes when a field changes its meaning, not when one is added |
| `exit_code` | number | that of `-t` |
| `starts` | boolean | whether a daemon starts with this configuration |
| `files` | list of strings | every file that was read, in that order |
| `diagnostics` | list | in the order of the files |

A diagnostic has these fields; those that have nothing to say are `null` or empty.

| field | type | meaning |
|---|---|---|
| `id` | string | one of those below |
| `severity` | string | `error`: something is lost, or nothing runs; `warning`: something does not do what it says; `note`: worth knowing |
| `message` | string | what is wrong |
| `file`, `line`, `column`, `end_line`, `end_column` | string, numbers | where: from 1, columns in characters, the end behind the last one; they are missing when it belongs to no place |
| `label` | string | what becomes of it |
| `help` | string | what to do |
| `keepalived` | string | what keepalived makes of it |
| `classic` | list of strings | keepalived's lines under `-t` |
| `consequence` | string | `goes-on`, `stops-checkers`, `refused`, `stops-reading` (keepalived would read no further), `nothing-to-run`: a daemon starts with the first two |
| `related` | list | other places, each with a `label` |
| `suggestion` | object | an edit that can be made without looking: a place, and its `replacement` |
| `origin` | list | how the text came to stand there, innermost step first: `kind` is `definition` (with `name`, `file`, `line`), `repetition` (with `head`, `round`), `include` (with `file`, `line`) or `more` |

An edit is made where the text is written: for what came out of a definition, in the line of the definition.

`vrrpd -t --format github` writes the same as annotations of GitHub's workflows, which are shown beside the lines of a
change:

    ::error file=lb1.conf,line=16,col=9,endLine=16,endColumn=22,title=unknown-keyword::`auth_typePASS` is not …

## All of them

Each with what is said of the smallest file that makes the mistake (`tests/it/diagnostics` in the source).
"#;

/// The book.
#[must_use]
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    for explanation in explanations() {
        let _ = write!(text, "\n### {}\n\n{}\n", explanation.id, explanation.text);
        if let Some(example) = explanation.example {
            text.push('\n');
            for line in example.lines() {
                text += if line.is_empty() { "" } else { "    " };
                text += line;
                text.push('\n');
            }
        }
    }
    text
}

/// All ids, each with the first sentence about it.
#[must_use]
pub fn list() -> String {
    let width = explanations().iter().map(|explanation| explanation.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Explanation { id, text: about, .. } in explanations() {
        let ends = [". ", ": ", "; "].into_iter().filter_map(|end| about.find(end)).min();
        let first = &about[..ends.unwrap_or(about.len())];
        let _ = writeln!(text, "{id:width$}  {}", first.trim_end_matches('.'));
    }
    text
}

/// What an id is about, with an example.
///
/// # Errors
/// There is no such id; the nearest one, if there is one near.
pub fn about(id: &str) -> Result<String, Option<&'static str>> {
    let Some(explanation) = explain(id) else {
        let near = explanations().iter().map(|e| (strsim::damerau_levenshtein(id, e.id), e.id)).min();
        return Err(near.filter(|(distance, _)| *distance <= id.len() / 3).map(|(_, near)| near));
    };
    let mut text = format!("{}\n\n{}\n", explanation.id, explanation.text);
    if let Some(example) = explanation.example {
        let _ = write!(text, "\nFor example:\n\n{example}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_explained_and_a_misspelt_one_is_asked_for() {
        let text = about("bad-state").unwrap();
        assert!(text.starts_with("bad-state\n\n") && text.contains("did you mean `MASTER`?"), "{text}");
        assert_eq!(about("bad-sate"), Err(Some("bad-state")));
        assert_eq!(about("wombat"), Err(None));
        assert_eq!(list().lines().count(), explanations().len());
    }
}
