//! `SSL { … }`: what `SSL_GET` checks with.

use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, object};
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::types::Secret;

/// Settings of the TLS client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SslSettings {
    /// `password` of the key.
    pub password: Option<Secret>,
    /// `ca`: certificates that are trusted.
    pub ca: Option<String>,
    /// `certificate`: ours, with its chain.
    pub certificate: Option<String>,
    /// `key`: that of our certificate.
    pub key: Option<String>,
}

keywords! {
    /// `SSL`.
    SSL: SslSettings, "SSL", None;
    "password" Optional "TEXT" "" "none" => password, "password of the key";
    "ca" Optional "PATH" "" "none" => |d, n, cx| file(&mut d.ca, n, cx, "cafile"), "certificates that are trusted";
    "certificate" Optional "PATH" "" "none" => |d, n, cx| file(&mut d.certificate, n, cx, "certfile"), "our certificate with its chain";
    "key" Optional "PATH" "" "none" => |d, n, cx| file(&mut d.key, n, cx, "keyfile"), "key of our certificate";
}

/// Reads a block; `again`: there was one before.
pub(in crate::config) fn ssl(node: &Node, again: bool, cx: &mut Context<'_>) -> SslSettings {
    if again {
        let problem = Diagnostic::error("duplicate-value", node.keyword.span, "there are two `SSL` blocks")
            .classic("SSL context already specified - replacing")
            .label("this one is used");
        cx.report(problem);
    }
    let mut settings = SslSettings::default();
    SSL.apply(&mut settings, node.children(), cx);
    settings
}

fn replacing(node: &Node, cx: &mut Context<'_>, what: &str) {
    let message = format!("there are two `{}`", node.keyword);
    let problem = Diagnostic::error("duplicate-value", node.keyword.span, message)
        .classic(format!("SSL {what} already specified - replacing"))
        .label("this one is used");
    cx.report(problem);
}

fn file(slot: &mut Option<String>, node: &Node, cx: &mut Context<'_>, what: &str) {
    let Some(word) = node.args.first() else {
        return cx.missing_value(node, &format!("SSL {what} missing"));
    };
    if slot.is_some() {
        replacing(node, cx, what);
    }
    *slot = Some(word.text.clone());
}

fn password(d: &mut SslSettings, node: &Node, cx: &mut Context<'_>) {
    let Some(word) = node.args.first() else { return cx.missing_value(node, "SSL password missing") };
    if d.password.is_some() {
        replacing(node, cx, "password");
    }
    d.password = Some(Secret::new(word.text.clone().into_bytes()));
}

impl SslSettings {
    /// keepalived's section, with the password starred out.
    pub(in crate::config) fn dump(settings: Option<&Self>, out: &mut Out) {
        out.section("SSL definitions");
        let Some(settings) = settings.filter(|settings| **settings != Self::default()) else {
            return object!(out, "Using autogen SSL context");
        };
        if let Some(password) = &settings.password {
            object!(out, "Password : {password}");
        }
        let files = [
            ("CA-file", &settings.ca),
            ("Certificate file", &settings.certificate),
            ("Key file", &settings.key),
        ];
        for (label, file) in files {
            if let Some(file) = file {
                object!(out, "{label} : {file}");
            }
        }
    }
}
