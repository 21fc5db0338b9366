//! `authentication { … }`, and how an instance proves where its adverts come from.

use super::auth_hmac::{AuthHmac, HmacDraft};
use super::vrrp_instance::InstanceDraft;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field};
use crate::config::lexer::Word;
use crate::config::resolve::about;
use crate::config::schema::{Context, keywords};
use crate::config::source::{Span, encode};
use crate::config::tree::Node;
use crate::types::{Family, Priority, Secret, State, Version};

/// How adverts prove where they come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Auth {
    /// They do not: type 0.
    None,
    /// Type 1, VRRPv2: a password in clear text, exactly 8 bytes, zero padded.
    Pass(Secret),
    /// Type 2, VRRPv2 over IPv4: an IPsec authentication header; the key is exactly 8 bytes, zero padded.
    Ah(Secret),
    /// Type 0 with keepalived's trailer behind the message, in any version and family.
    Hmac(AuthHmac),
}

/// `auth_type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum AuthType {
    /// A password in clear text.
    Pass,
    /// IPsec AH.
    Ah,
}

/// What an instance says of authentication while its block is read.
pub(in crate::config) struct AuthDraft {
    /// Name of the instance, for messages.
    pub(in crate::config) instance: Word,
    kind: Option<(AuthType, Span)>,
    password: Option<(Secret, Span)>,
    pub(in crate::config) hmac: Option<HmacDraft>,
}

keywords! {
    /// `authentication`.
    AUTHENTICATION: AuthDraft, "authentication", None;
    "auth_type" Required "PASS|AH" "" "none" => auth_type, "kind of authentication";
    "auth_pass" Required "PASSWORD" "1 to 8 bytes" "none" => auth_pass, "with PASS sent in clear text, with AH the key; the same on all nodes";
}

/// keepalived's limit of a password on the wire (RFC 2338 §5.3.6).
const PASSWORD_BYTES: usize = 8;

impl AuthDraft {
    /// Forgets `auth_type`; where it was given.
    pub(in crate::config) fn drop_type(&mut self) -> Option<Span> {
        self.kind.take().map(|(_, span)| span)
    }

    pub(in crate::config) fn new(instance: &Word) -> Self {
        Self { instance: instance.clone(), kind: None, password: None, hmac: None }
    }
}

fn auth_type(d: &mut AuthDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match word.as_str() {
        "PASS" => d.kind = Some((AuthType::Pass, word.span)),
        "AH" => d.kind = Some((AuthType::Ah, word.span)),
        _ => {
            let message = format!("`{word}` is not a kind of authentication");
            let problem = Diagnostic::error("bad-auth-type", word.span, message)
                .classic(format!("({}) unknown authentication type '{word}'", d.instance))
                .label("this line is ignored")
                .keepalived(format!("runs {} without authentication", d.instance));
            cx.report(problem.meant(word, ["PASS", "AH"], "write `auth_type PASS`"));
        }
    }
}

fn auth_pass(d: &mut AuthDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let mut bytes = encode(word.as_str());
    if bytes.len() > PASSWORD_BYTES {
        let message = format!("a password has at most {PASSWORD_BYTES} bytes, this one has {}", bytes.len());
        let problem = Diagnostic::warning("auth-pass-too-long", word.span, message)
            .classic(format!("Truncating auth_pass to {PASSWORD_BYTES} characters"))
            .label(format!("only the first {PASSWORD_BYTES} count"))
            .help("shorten it on all routers: nothing changes on the wire");
        cx.report(problem);
    }
    bytes.resize(PASSWORD_BYTES, 0);
    d.password = Some((Secret::new(bytes), word.span));
}

impl InstanceDraft {
    /// What the blocks come to; AH takes a `state MASTER` back, because its sequence numbers go on from
    /// those of the master before.
    pub(in crate::config) fn settle_auth(
        &self,
        version: Version,
        family: Family,
        priority: Priority,
        wanted_state: &mut State,
        cx: &mut Context<'_>,
    ) -> Auth {
        let auth = self.settle_authentication(version, family, cx);
        if matches!(auth, Auth::Ah(_)) && *wanted_state == State::Master && !priority.is_owner() {
            *wanted_state = State::Backup;
            let span = self.state.map_or(self.name.span, |(_, span)| span);
            let problem =
                Diagnostic::warning("auth-ah-as-master", span, "`auth_type AH` needs `state BACKUP`")
                    .label("BACKUP is used")
                    .keepalived("needs to hear the master's sequence number before it takes over");
            let text = "Initial state master is incompatible with AH authentication - clearing";
            cx.report(about(self, problem, text));
        }
        let Some(hmac) = &self.auth.hmac else { return auth };
        if let (true, Some((_, span))) = (auth != Auth::None, self.auth.kind) {
            let message = "`auth_hmac` takes the place of `authentication`";
            let problem = Diagnostic::warning("auth-twice", span, message)
                .label("ignored")
                .help("leave the `authentication` block out")
                .related(hmac.span, "because of this block");
            let text = "auth_hmac cannot be combined with authentication, dropping legacy auth";
            cx.report(about(self, problem, text));
        }
        match hmac.complete(self, cx) {
            Some(hmac) => Auth::Hmac(hmac),
            None => Auth::None,
        }
    }

    fn settle_authentication(&self, version: Version, family: Family, cx: &mut Context<'_>) -> Auth {
        let Some((kind, span)) = self.auth.kind else {
            if let Some((_, span)) = self.auth.password {
                let message =
                    format!("a password without `auth_type`: `{}` runs without authentication", self.name);
                let problem = Diagnostic::warning("auth-without-type", span, message)
                    .class(Class::Harmless)
                    .label("not sent")
                    .help("add `auth_type PASS`")
                    .keepalived("says nothing and sends no password");
                cx.report(problem.at_completion());
            }
            return Auth::None;
        };
        // An IPv6 instance of version 2 runs as version 3; keepalived asks for the family after the password.
        let asked_for = self.version.map_or(version, |(version, _)| version);
        if asked_for == Version::V3 {
            let problem = Diagnostic::warning("auth-in-version-3", span, "VRRPv3 has no authentication")
                .label("adverts carry no password")
                .help("`auth_hmac` works in every version");
            cx.report(about(self, problem, "VRRP version 3 does not support authentication. Ignoring."));
            return Auth::None;
        }
        let Some((password, _)) = self.auth.password.as_ref().filter(|(p, _)| p.expose()[0] != 0) else {
            let problem =
                Diagnostic::warning("auth-without-password", span, "`auth_type` without `auth_pass`")
                    .label("adverts carry no password")
                    .help("add `auth_pass PASSWORD`, on a line of its own: in `authentication { auth_type PASS auth_pass … }` only the first keyword counts");
            cx.report(about(self, problem, "Authentication specified but no password given. Ignoring"));
            return Auth::None;
        };
        match (kind, family) {
            (AuthType::Ah, Family::V6) => {
                let problem =
                    Diagnostic::warning("auth-ah-over-ipv6", span, "`auth_type AH` is for IPv4 only")
                        .label("adverts carry no authentication")
                        .help("`auth_hmac` works in every family");
                cx.report(about(self, problem, "Cannot use AH authentication with IPv6. ignoring"));
                Auth::None
            }
            _ if version == Version::V3 => Auth::None,
            (AuthType::Pass, _) => Auth::Pass(password.clone()),
            (AuthType::Ah, Family::V4) => Auth::Ah(password.clone()),
        }
    }
}

impl Auth {
    /// Bytes that it takes in a packet beside the 8 that every VRRPv2 message over IPv4 ends in.
    pub(in crate::config) fn room(&self) -> u32 {
        match self {
            Self::None | Self::Pass(_) => 0,
            Self::Ah(_) => 24,
            Self::Hmac(hmac) if hmac.signs() => 28,
            Self::Hmac(_) => 0,
        }
    }

    pub(in crate::config) fn dump(&self, version: Version, out: &mut Out) {
        match self {
            Self::Pass(secret) => {
                field!(out, "Authentication type = SIMPLE_PASSWORD");
                field!(out, "Password = {secret}");
            }
            Self::Ah(_) => field!(out, "Authentication type = IPSEC_AH"),
            Self::None | Self::Hmac(_) => {
                if version == Version::V2 {
                    field!(out, "Authentication type = none");
                }
            }
        }
        if let Self::Hmac(hmac) = self {
            hmac.dump(out);
        }
    }
}
