//! A configuration with its text layer gone: includes read, conditions decided, definitions and repetitions
//! written out.
//!
//! What is left is keepalived.conf again, one logical line a line, and means the same: the printed text
//! gives the same [`Config`](super::Config) as the file, and is printed the same when it is read again.

use super::Diagnostic;
use super::environment::Environment;
use super::include;
use super::lexer::Word;
use super::reader::{Line, Reader};
use super::source::{FileSource, SourceMap};
use std::path::Path;

/// A configuration written out.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// The text; it ends with a newline unless it is empty.
    pub text: String,
    /// What the text layer had to say.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that the diagnostics point into.
    pub sources: SourceMap,
}

/// Whether passwords are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Passwords {
    /// As they are.
    Shown,
    /// As eight stars. What is printed is for looking at, not for running.
    Masked,
}

/// Writes out the file that `-f` names, and all that it includes.
#[must_use]
pub fn expand(
    path: &Path,
    files: &dyn FileSource,
    environment: &dyn Environment,
    passwords: Passwords,
) -> Expanded {
    let mut reader = Reader::new(files, environment);
    reader.read_main(path);
    let Reader { sources, lines, diagnostics, .. } = reader;
    Expanded { text: print(&lines, passwords), diagnostics: diagnostics.into_vec(), sources }
}

fn print(lines: &[Line], passwords: Passwords) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    let mut lines = lines.iter().peekable();
    while let Some(line) = lines.next() {
        match line {
            Line::Close(_) => {
                depth = depth.saturating_sub(1);
                indent(&mut text, depth);
                text.push('}');
            }
            Line::Open(_) => {
                indent(&mut text, depth);
                text.push('{');
                depth += 1;
            }
            Line::Words { words, lost } => {
                indent(&mut text, depth);
                print_words(&mut text, words, passwords);
                if lost.is_some() {
                    // What stood behind the lonely quote is lost, but not that there was one.
                    text.push_str(" \"");
                } else if lines.next_if(|next| matches!(next, Line::Open(_))).is_some() {
                    text.push_str(" {");
                    depth += 1;
                }
            }
        }
        text.push('\n');
    }
    text
}

fn indent(text: &mut String, depth: usize) {
    // Nobody nests deeper, but a broken file may, and a line of blanks could outgrow what is read.
    text.extend(std::iter::repeat_n("    ", depth.min(16)));
}

fn print_words(text: &mut String, words: &[Word], passwords: Passwords) {
    for (n, word) in words.iter().enumerate() {
        if n > 0 && !word.glued {
            text.push(' ');
        }
        if word.secret.is_some() && passwords == Passwords::Masked {
            text.push_str(&word.to_string());
        } else if word.quoted
            || word.text.contains(['#', '!'])
            || (n == 0 && means_something_first(&word.text))
        {
            text.push('"');
            text.push_str(&word.text);
            text.push('"');
        } else {
            text.push_str(&word.text);
        }
    }
}

/// Whether a bare word at the beginning of a line would be taken for one of the text layer.
fn means_something_first(word: &str) -> bool {
    word.starts_with(['@', '~']) || include::parse(&format!("{word} x")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Described;
    use crate::config::load;
    use crate::config::source::MemoryFiles;

    fn expanded(text: &str, passwords: Passwords) -> String {
        let files = MemoryFiles::single("/k.conf", text.as_bytes()).with("/more.conf", b"priority 77\n");
        let machine = Described { config_id: Some("a".to_owned()), ..Described::default() };
        expand(Path::new("/k.conf"), &files, &machine, passwords).text
    }

    #[test]
    fn the_text_layer_is_gone_and_the_rest_is_tidy() {
        let text = "$IF=eth0\n@a vrrp_instance V{ # ours\n@b state MASTER\ninterface $IF\ninclude more.conf\n\
                    virtual_ipaddress {\n~SEQ(N,1,2) 10.0.0.${N}/24\n} }\nrouter_id \"a#b\"\nx \"# {\" \"\"\n";
        let tidy = "vrrp_instance V {\n    interface eth0\n    priority 77\n    virtual_ipaddress {\n        \
                    10.0.0.1/24\n        10.0.0.2/24\n    }\n}\nrouter_id \"a#b\"\nx \"# {\" \"\"\n";
        assert_eq!(expanded(text, Passwords::Shown), tidy);
        assert_eq!(expanded(tidy, Passwords::Shown), tidy);
    }

    #[test]
    fn what_looks_like_the_text_layer_and_is_none_stays_none() {
        for text in
            ["\"@a\" x\n", "\"include\" more.conf\n", "$X = 5\n", "x ${Y} z\n", "priority \"\n", "x \"\n"]
        {
            let once = expanded(text, Passwords::Shown);
            assert_eq!(expanded(&once, Passwords::Shown), once, "{text}");
            assert!(!once.contains("priority 77"), "{once}");
        }
    }

    #[test]
    fn passwords_are_masked_unless_asked_for() {
        let text = "vrrp_instance V {\nauthentication {\nauth_type PASS\nauth_pass s3cr3t\n}\n}\n";
        assert!(!expanded(text, Passwords::Masked).contains("s3cr3t"));
        assert!(expanded(text, Passwords::Shown).contains("auth_pass s3cr3t\n"));
    }

    #[test]
    fn the_printed_text_is_the_same_configuration() {
        let text = "$A=10.0.0\n~SEQ(I,1,3) vrrp_instance V${I} { interface eth0\nvirtual_router_id $I\n\
                    virtual_ipaddress { ${A}.${I}/24 } }\n";
        let machine = Described::default();
        let of =
            |text: &str| load("/k.conf".as_ref(), &MemoryFiles::single("/k.conf", text.as_bytes()), &machine);
        assert_eq!(of(&expanded(text, Passwords::Shown)).config, of(text).config);
    }
}
