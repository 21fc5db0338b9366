//! Commands of `script` and `notify*`, and the accounts that run them.

use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::environment::{Account, Fact};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::tree::Node;
use std::fmt;

/// A command with its arguments and the account that runs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptCommand {
    /// Program and arguments; never empty.
    pub argv: Vec<String>,
    /// User id to run as; `None` until an account is resolved (files are parsed without a user database).
    pub uid: Option<u32>,
    /// Group id to run as.
    pub gid: Option<u32>,
}

impl fmt::Display for ScriptCommand {
    /// Each word in single quotes, as keepalived writes commands in its dumps: a shell can read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.argv.iter().enumerate() {
            match (i, word.starts_with(['<', '>'])) {
                (0, true) => f.write_str(word)?,
                (0, false) => write!(f, "'{word}'")?,
                _ => write!(f, " '{word}'")?,
            }
        }
        Ok(())
    }
}

impl ScriptCommand {
    /// Whether it asks for a file instead of running one: `</etc/enabled` succeeds when the shell can open
    /// the file.
    #[must_use]
    pub fn is_redirection(&self) -> bool {
        let file = self.argv.first().and_then(|word| word.strip_prefix('<'));
        file.is_some_and(|file| file.trim_start_matches([' ', '\t']).starts_with('/'))
    }
}

/// Why a command string gives no command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommandError {
    /// Nothing in it.
    Empty,
    /// This quote has no partner.
    Unterminated(char),
    /// A backslash at the very end.
    LoneBackslash,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no command in it"),
            Self::Unterminated(quote) => write!(f, "a {quote} in it is never closed"),
            Self::LoneBackslash => f.write_str("it ends in a backslash"),
        }
    }
}

/// Splits a command string into program and arguments (keepalived: alloc_strvec_quoted_escaped).
///
/// Blanks separate, single and double quotes group, a backslash escapes.
///
/// # Errors
/// A quote without its partner, a lonely backslash, or nothing at all.
pub fn split_command(text: &str) -> Result<Vec<String>, CommandError> {
    let mut argv = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => {
                word.get_or_insert_default().push(escape(&mut chars).ok_or(CommandError::LoneBackslash)?)
            }
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (' ' | '\t', None) => argv.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(CommandError::Unterminated(open));
    }
    argv.extend(word);
    if argv.is_empty() { Err(CommandError::Empty) } else { Ok(argv) }
}

/// The words behind a keyword that names a command: in them, single quotes group too, and quotes may stand
/// within a word. So `"a "b" c"` is one word, which keepalived takes for three everywhere else. Backslashes
/// stay: they count when the command is split up.
///
/// # Errors
/// The line with its keyword, and what is wrong with it.
fn shell_words(node: &Node) -> Result<Vec<Word>, (String, CommandError)> {
    let (mut line, mut places) = (String::new(), Vec::new());
    for word in &node.args {
        if !line.is_empty() && !word.glued {
            line.push(' ');
        }
        places.push((line.len(), word.span));
        let quote = if word.quoted { "\"" } else { "" };
        line.extend([quote, word.text.as_str(), quote]);
    }
    let place = |at: usize| places[places.partition_point(|(start, _)| *start <= at).max(1) - 1].1;
    let secret = node.args.iter().any(|word| word.secret.is_some()).then_some(0);
    let (mut words, mut text, mut start, mut quote) = (Vec::new(), String::new(), None, None);
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && matches!(c, ' ' | '\t') {
            words.extend(
                start.take().map(|start| (std::mem::take(&mut text), place(start).to(place(at - 1)))),
            );
            continue;
        }
        start.get_or_insert(at);
        match c {
            '\\' => {
                let Some((_, escaped)) = chars.next() else {
                    return Err((format!("{} {line}", node.keyword), CommandError::LoneBackslash));
                };
                text.extend([c, escaped]);
            }
            _ if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ => text.push(c),
        }
    }
    if let Some(lost) = &node.lost {
        return Err((lost.to_string(), CommandError::Unterminated(quote.unwrap_or('"'))));
    }
    if let Some(open) = quote {
        return Err((format!("{} {line}", node.keyword), CommandError::Unterminated(open)));
    }
    words.extend(start.map(|start| (text, place(start).to(place(line.len().max(1) - 1)))));
    Ok(words
        .into_iter()
        .map(|(text, span)| Word { text, span, quoted: false, glued: false, secret })
        .collect())
}

/// A text with its backslash sequences made plain; a backslash at the very end stays.
pub(in crate::config) fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { escape(&mut chars).unwrap_or(c) } else { c });
    }
    plain
}

/// The character that a backslash sequence stands for; the backslash is already gone.
fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let c = chars.next()?;
    match c {
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'E' => Some('\x1b'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => digits(chars, 16, 0, usize::MAX),
        '0'..='7' => digits(chars, 8, c.to_digit(8).unwrap_or(0), 2),
        'c' if chars.peek().is_some() => chars.next().and_then(|c| char::from_u32(u32::from(c) & 0x1f)),
        other => Some(other),
    }
}

/// Further digits of a character's number, of which the last eight bits count.
fn digits(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    radix: u32,
    first: u32,
    most: usize,
) -> Option<char> {
    let mut value = first;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
        value = (value * radix + digit) & 0xff;
        chars.next();
    }
    char::from_u32(value)
}

/// A user or a group that does not exist.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::config) struct NoAccount {
    what: &'static str,
    name: String,
}

impl NoAccount {
    /// keepalived's line.
    fn classic(&self) -> String {
        format!("Script {} '{}' does not exist", self.what, self.name)
    }
}

impl fmt::Display for NoAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} `{}`", self.what, self.name)
    }
}

/// The account that scripts without a user of their own run as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum DefaultAccount {
    /// `script_user`, `keepalived_script`, or root; `None` for ids that nobody looked up.
    Usable(Option<Account>),
    /// `script_user` names nobody, or `enable_script_security` is on and there is neither it nor
    /// keepalived_script: scripts that rely on it are dropped.
    Unusable,
}

/// keepalived's account for scripts, used when it exists and nothing else is said.
pub(in crate::config) const CUSTOMARY_USER: &str = "keepalived_script";
const ROOT: Account = Account { uid: 0, gid: 0 };

/// What keepalived says, once, when it needs that account.
pub(in crate::config) fn no_customary_user() -> String {
    format!("Unable to set default user {CUSTOMARY_USER} for script")
}

impl Context<'_> {
    /// The default account of a configuration without `script_user`.
    pub(in crate::config) fn customary_account(&self) -> DefaultAccount {
        DefaultAccount::Usable(match self.environment.user(CUSTOMARY_USER) {
            Fact::Unchecked => None,
            Fact::Absent => Some(ROOT),
            Fact::Known(account) => Some(account),
        })
    }

    /// The default account of a configuration with `enable_script_security` and without `script_user`.
    pub(in crate::config) fn secure_account(&self) -> DefaultAccount {
        match self.environment.user(CUSTOMARY_USER) {
            Fact::Unchecked => DefaultAccount::Usable(None),
            Fact::Absent => DefaultAccount::Unusable,
            Fact::Known(account) => DefaultAccount::Usable(Some(account)),
        }
    }

    /// `USER [[:]GROUP]`. `Err`: one of them does not exist.
    pub(in crate::config) fn account(
        &self,
        user: &Word,
        group: Option<&Word>,
    ) -> Result<Option<Account>, NoAccount> {
        let account = match self.environment.user(user.as_str()) {
            Fact::Known(account) => Some(account),
            Fact::Unchecked => None,
            Fact::Absent => return Err(NoAccount { what: "user", name: user.to_string() }),
        };
        let Some(group) = group else { return Ok(account) };
        let name = group.as_str().strip_prefix(':').unwrap_or(group.as_str());
        let gid = match self.environment.group(name) {
            Fact::Known(gid) => Some(gid),
            Fact::Unchecked => None,
            Fact::Absent => return Err(NoAccount { what: "group", name: name.to_owned() }),
        };
        Ok(account.zip(gid).map(|(account, gid)| Account { gid, ..account }))
    }

    /// `COMMAND [WORD…]` of `script` or `notify*`: the command, split up, and the words of the line; or why
    /// there is no command in it.
    fn command(node: &Node) -> Result<(Vec<String>, Vec<Word>), Box<Diagnostic>> {
        let words = shell_words(node)
            .map_err(|(line, error)| Box::new(bad_command(node.arg().span.to(node.span()), &line, error)))?;
        let Some(word) = words.first() else {
            return Err(Box::new(bad_command(node.keyword.span, "", CommandError::Empty)));
        };
        match split_command(word.as_str()) {
            Ok(argv) => Ok((argv, words)),
            Err(error) => Err(Box::new(bad_command(word.span, &word.to_string(), error))),
        }
    }

    /// `COMMAND` of `script` and `misc_path`, which take no other word; reported and `None` when there is no
    /// command in it.
    pub(in crate::config) fn lone_command(&mut self, node: &Node, effect: &str) -> Option<Vec<String>> {
        let (argv, words) = Self::command(node).map_err(|problem| self.report(problem.label(effect))).ok()?;
        if let [_, extra, ..] = words.as_slice() {
            let message = "arguments outside the quotes do not reach the command";
            let whole: Vec<&str> = words.iter().map(Word::as_str).collect();
            let problem = Diagnostic::warning("script-arguments", extra.span, message)
                .class(Class::Harmless)
                .label("ignored from here on")
                .help(format!("write `{} \"{}\"`", node.keyword, whole.join(" ")))
                .keepalived("ignores them in silence");
            self.report(problem);
        }
        Some(argv)
    }

    /// `COMMAND [USER [GROUP]]` of a `notify*` or `quorum_*` keyword; `None` when it is reported and the
    /// line is ignored. `given`: the keyword was there before. `owner` begins what keepalived says then: `(VI_1)`.
    pub(in crate::config) fn notify_script(
        &mut self,
        node: &Node,
        given: bool,
        owner: &str,
        default: DefaultAccount,
    ) -> Option<ScriptCommand> {
        let keyword = &node.keyword;
        if given {
            let word = node.arg();
            let problem =
                Diagnostic::error("duplicate-value", keyword.span, format!("there are two `{keyword}`"))
                    .classic(format!("{owner} {keyword} script already specified - ignoring {word}"))
                    .label("this line is ignored");
            self.report(problem);
            return None;
        }
        self.script_with_account(node, default).map_err(|problem| self.report(*problem)).ok()
    }

    /// `COMMAND [USER [GROUP]]`, or why it is none in the words that keepalived has for it.
    pub(in crate::config) fn script_with_account(
        &self,
        node: &Node,
        default: DefaultAccount,
    ) -> Result<ScriptCommand, Box<Diagnostic>> {
        let (argv, words) =
            Self::command(node).map_err(|problem| Box::new(problem.label("nothing is run")))?;
        let (keyword, word) = (&node.keyword, &words[0]);
        let account = match (words.get(1), default) {
            (Some(user), _) => {
                let account = self.account(user, words.get(2));
                account.map_err(|missing| (user.span, missing.to_string(), missing.classic()))
            }
            (None, DefaultAccount::Usable(account)) => Ok(account),
            (None, DefaultAccount::Unusable) => {
                let classic = format!("Failed to set default user for {keyword} script {word} - ignoring");
                let message = "there is no user to run scripts";
                if !self.told_of_customary_user.replace(true) {
                    // This much of it keepalived counts as an error.
                    let problem = Diagnostic::error("no-such-user", word.span, message);
                    return Err(problem.classic(no_customary_user()).label("nothing is run").into());
                }
                Err((word.span, message.to_owned(), classic))
            }
        };
        match account {
            Ok(account) => {
                let (uid, gid) = (account.map(|a| a.uid), account.map(|a| a.gid));
                Ok(ScriptCommand { argv, uid, gid })
            }
            Err((span, reason, classic)) => {
                let problem = Diagnostic::error("no-such-user", span, reason)
                    .class(Class::Harmless)
                    .classic(classic)
                    .label("nothing is run")
                    .help("words behind the command are its user and group; a command with arguments stands in quotes");
                Err(problem.into())
            }
        }
    }
}

/// `text` is what keepalived has in its hands when it says so.
fn bad_command(span: Span, text: &str, error: CommandError) -> Diagnostic {
    let problem = Diagnostic::error("bad-command", span, format!("the command cannot be read: {error}"));
    match error {
        CommandError::Unterminated(quote) => {
            problem.classic(format!("String '{text}': missing terminating {quote}"))
        }
        CommandError::LoneBackslash => {
            problem.class(Class::Harmless).classic(format!("Missing escape char at end: '{text}'"))
        }
        CommandError::Empty => {
            problem.class(Class::Harmless).classic(format!("Unable to parse script '{text}' - ignoring"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Anywhere;
    use crate::config::source::MemoryFiles;

    fn argv(text: &str) -> Vec<String> {
        split_command(text).unwrap()
    }

    /// oracle: behaviour of keepalived 2.2.7 and 2.4.3, seen.
    #[test]
    fn a_command_string_is_split_as_keepalived_splits_it() {
        assert_eq!(argv("/x/a b 'c d' e"), ["/x/a", "b", "c d", "e"]);
        assert_eq!(argv("/x/a \"b c\"d"), ["/x/a", "b cd"]);
        assert_eq!(argv("/x/a '' b"), ["/x/a", "", "b"]);
        assert_eq!(argv("/x/a $HOME * | ;"), ["/x/a", "$HOME", "*", "|", ";"]);
        assert_eq!(argv("</dev/tcp/127.0.0.1/80"), ["</dev/tcp/127.0.0.1/80"]);
    }

    #[test]
    fn escapes_are_those_of_c_and_control_characters() {
        assert_eq!(argv(r"/x a\ b \x41\102\n\cA \\ \'q"), ["/x", "a b", "AB\n\u{1}", "\\", "'q"]);
        assert_eq!(argv(r"\777"), ["\u{ff}"]);
    }

    /// oracle: `Command` in the dump of keepalived 2.2.7.
    #[test]
    fn a_backslash_before_a_letter_that_means_nothing_goes() {
        assert_eq!(argv(r"/x \e\E \xyz \x0041 \c"), ["/x", "e\u{1b}", "xyz", "A", "c"]);
    }

    /// oracle: keepalived 2.2.7: the first is a script without quotes in the dump, the others are not found.
    #[test]
    fn a_file_to_be_opened_is_no_file_to_be_run() {
        let command = |text: &str| ScriptCommand { argv: argv(text), uid: None, gid: None };
        assert!(command("</etc/passwd").is_redirection());
        assert_eq!(command("</etc/passwd x").to_string(), "</etc/passwd 'x'");
        assert!(!command("< /etc/passwd").is_redirection());
        assert!(!command(">/tmp/x").is_redirection());
    }

    /// oracle: `Command` in the dump of keepalived 2.2.7, and of 2.4.3 where backslashes are in it.
    #[test]
    fn quotes_within_the_words_of_a_command_group_as_in_a_shell() {
        let commands = [
            (
                r#"script "ps aux | grep -v "grep" | grep x""#,
                "'ps' 'aux' '|' 'grep' '-v' 'grep' '|' 'grep' 'x'",
            ),
            ("script '/x a' b", "'/x' 'a'"),
            (r#"script "/x 'a b' c'd e'""#, "'/x' 'a b' 'cd e'"),
            (r#"script "/x \\y""#, r"'/x' '\y'"),
        ];
        for (line, shown) in commands {
            let text = crate::config::load(
                "k.conf".as_ref(),
                &MemoryFiles::single("k.conf", format!("vrrp_script s {{\n{line}\n}}\n")),
                &Anywhere,
            );
            assert_eq!(text.config.scripts[0].command.to_string(), shown, "{line}");
        }
    }

    #[test]
    fn an_unfinished_command_is_refused() {
        assert_eq!(split_command("/x 'a"), Err(CommandError::Unterminated('\'')));
        assert_eq!(split_command("/x \\"), Err(CommandError::LoneBackslash));
        assert_eq!(split_command(" \t"), Err(CommandError::Empty));
    }
}
