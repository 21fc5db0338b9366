//! What `getopt_long(3)` accepts and clap does not.
//!
//! An argument of an optional kind glued to its letter (`-tFILE`), a required one that looks like
//! an option (`-f -n`), options after other words, unknown options that do not stop the rest from
//! being looked at. All of it becomes `--name=value`, which leaves clap nothing to argue about.
//! The table of options is clap's own.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, ArgAction, Command};

use super::args::OURS;

/// A command line taken apart.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Words {
    /// The program's name, then options, each as one word `--name` or `--name=value`.
    pub(super) options: Vec<OsString>,
    /// Words that belong to no option.
    pub(super) leftover: Vec<OsString>,
    /// keepalived's lines about what is wrong.
    pub(super) complaints: Vec<String>,
}

/// Options that keepalived obeys at once, whatever follows them.
const IMMEDIATE: [&str; 3] = ["version", "help", "signum"];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Takes {
    Nothing,
    Optional,
    Required,
}

/// Takes apart what follows the program's name.
pub(super) fn normalise(arguments: &[OsString], table: &Command) -> Words {
    let mut words = Words { options: vec![table.get_name().into()], ..Words::default() };
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let stop = match word.as_bytes() {
            b"--" => {
                words.leftover.extend(rest.by_ref().cloned());
                false
            }
            [b'-', b'-', long @ ..] => words.long(long, &mut rest, table),
            [b'-', letters @ ..] if !letters.is_empty() => words.short(letters, &mut rest, table),
            _ => {
                words.leftover.push(word.clone());
                false
            }
        };
        if stop {
            break;
        }
    }
    words
}

type Rest<'a> = std::slice::Iter<'a, OsString>;

impl Words {
    /// Both give whether the command line ends here.
    fn long(&mut self, word: &[u8], rest: &mut Rest<'_>, table: &Command) -> bool {
        let (name, glued) = match word.iter().position(|byte| *byte == b'=') {
            Some(at) => (&word[..at], Some(&word[at + 1..])),
            None => (word, None),
        };
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Some(option) = find_long(table, name) else {
            self.complaints.push(format!("Unknown option --{}", shown(word)));
            return false;
        };
        match (takes(option), glued) {
            (Takes::Nothing, Some(_)) => {
                self.complaints.push(format!("Unknown option --{}", shown(word)));
                false
            }
            (Takes::Nothing | Takes::Optional, None) => self.push(option, None),
            (Takes::Optional, Some(value)) => self.push(option, Some(value)),
            (Takes::Required, glued) => match glued.or_else(|| rest.next().map(|next| next.as_bytes())) {
                Some(value) if !value.is_empty() => self.push(option, Some(value)),
                _ => {
                    self.complaints.push(format!("Missing parameter for option --{}", shown(name)));
                    false
                }
            },
        }
    }

    fn short(&mut self, letters: &[u8], rest: &mut Rest<'_>, table: &Command) -> bool {
        for (at, letter) in letters.iter().enumerate() {
            let letter = char::from(*letter);
            let glued = Some(&letters[at + 1..]).filter(|glued| !glued.is_empty());
            let Some(option) = table.get_arguments().find(|option| option.get_short() == Some(letter)) else {
                self.complaints.push(format!("Unknown option -{letter}"));
                continue;
            };
            match takes(option) {
                Takes::Nothing => {
                    if self.push(option, None) {
                        return true;
                    }
                }
                Takes::Optional => return self.push(option, glued),
                Takes::Required => {
                    return match glued.or_else(|| rest.next().map(|next| next.as_bytes())) {
                        Some(value) if !value.is_empty() => self.push(option, Some(value)),
                        _ => {
                            self.complaints.push(format!("Missing parameter for option -{letter}"));
                            false
                        }
                    };
                }
            }
        }
        false
    }

    fn push(&mut self, option: &Arg, value: Option<&[u8]>) -> bool {
        let name = option.get_long().unwrap_or_default();
        let mut word = format!("--{name}").into_bytes();
        if let Some(value) = value {
            word.push(b'=');
            word.extend(value);
        }
        self.options.push(OsString::from_vec(word));
        IMMEDIATE.contains(&name)
    }
}

/// By its whole name, or by a beginning that only one of keepalived's has.
fn find_long<'a>(table: &'a Command, name: &[u8]) -> Option<&'a Arg> {
    let long = |option: &'a Arg| option.get_long().unwrap_or_default().as_bytes();
    if let Some(exact) = table.get_arguments().find(|option| long(option) == name) {
        return Some(exact);
    }
    let begins_so = |option: &&'a Arg| !name.is_empty() && long(option).starts_with(name);
    let keepaliveds = table.get_arguments().filter(|option| option.get_help_heading() != Some(OURS));
    let mut candidates = keepaliveds.filter(begins_so);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

fn takes(option: &Arg) -> Takes {
    match (option.get_action(), option.get_num_args()) {
        (ArgAction::Set | ArgAction::Append, Some(range)) if range.min_values() == 0 => Takes::Optional,
        (ArgAction::Set | ArgAction::Append, _) => Takes::Required,
        _ => Takes::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Args;
    use super::*;
    use clap::CommandFactory;
    use std::ffi::OsStr;

    fn words(line: &str) -> (String, String, String) {
        let arguments: Vec<OsString> =
            line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect();
        let words = normalise(&arguments, &Args::command());
        let join = |words: &[OsString]| words.join(OsStr::new(" ")).into_string().unwrap();
        (join(&words.options[1..]), join(&words.leftover), words.complaints.join("; "))
    }

    /// oracle: keepalived 2.2.7 with these arguments.
    #[test]
    fn options_are_taken_apart_as_by_getopt_long() {
        for (line, options) in [
            ("-nlDf a.conf", "--dont-fork --log-console --log-detail --use-file=a.conf"),
            ("-fa.conf", "--use-file=a.conf"),
            ("-f -n", "--use-file=-n"),
            ("-t -l", "--config-test --log-console"),
            ("-tFILE", "--config-test=FILE"),
            ("-t=FILE", "--config-test==FILE"),
            ("-tf", "--config-test=f"),
            ("--config-test=FILE", "--config-test=FILE"),
            ("--config-t", "--config-test"),
            ("--sig JSON", "--signum=JSON"),
            ("--signum=JSON -Z --bad", "--signum=JSON"),
            ("-S7 -S 0", "--log-facility=7 --log-facility=0"),
            ("--vrrp", "--vrrp"),
            ("--vrrp_pid x", "--vrrp_pid=x"),
            ("-v -f", "--version"),
            ("-hZ", "--help"),
            ("-t --f", "--config-test --flush-log-file"),
            ("-t --format=json", "--config-test --format=json"),
        ] {
            assert_eq!(words(line), (options.to_owned(), String::new(), String::new()), "{line}");
        }
    }

    #[test]
    fn words_of_no_option_are_set_aside_wherever_they_stand() {
        assert_eq!(words("extra -n args").1, "extra args");
        assert_eq!(words("-n -- -l").1, "-l");
        assert_eq!(words("-tf a.conf").1, "a.conf");
    }

    /// oracle: keepalived 2.2.7 with these arguments.
    #[test]
    fn complaints_are_keepaliveds() {
        for (line, complaint) in [
            ("-Z", "Unknown option -Z"),
            ("-nZl", "Unknown option -Z"),
            ("--badopt", "Unknown option --badopt"),
            ("--conf", "Unknown option --conf"),
            ("--vr", "Unknown option --vr"),
            ("--log-c=3", "Unknown option --log-c=3"),
            ("-f", "Missing parameter for option -f"),
            ("--use-file", "Missing parameter for option --use-file"),
            ("--use-file=", "Missing parameter for option --use-file"),
            ("-Z --bad", "Unknown option -Z; Unknown option --bad"),
        ] {
            assert_eq!(words(line).2, complaint, "{line}");
        }
    }
}
