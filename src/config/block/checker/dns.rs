//! `DNS_CHECK { … }`: a query over UDP.

use super::{CheckerDraft, Method};
use crate::config::block::real_server::RealServerDraft;
use crate::config::diagnostic::Diagnostic;
use crate::config::dump::{Out, field};
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use std::fmt;

/// `DNS_CHECK`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DnsCheck {
    /// `type`; default SOA.
    pub query: DnsType,
    /// `name`; `None`: the root.
    pub name: Option<String>,
}

/// What a query asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the name of the type")]
pub enum DnsType {
    A,
    Ns,
    Cname,
    #[default]
    Soa,
    Mx,
    Txt,
    Aaaa,
    Rrsig,
    Dnskey,
}

const TYPES: [(DnsType, &str); 9] = [
    (DnsType::A, "A"),
    (DnsType::Ns, "NS"),
    (DnsType::Cname, "CNAME"),
    (DnsType::Soa, "SOA"),
    (DnsType::Mx, "MX"),
    (DnsType::Txt, "TXT"),
    (DnsType::Aaaa, "AAAA"),
    (DnsType::Rrsig, "RRSIG"),
    (DnsType::Dnskey, "DNSKEY"),
];

impl fmt::Display for DnsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TYPES.iter().find(|(query, _)| query == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

keywords! {
    /// `DNS_CHECK`.
    DNS_CHECK: CheckerDraft<DnsCheck>, "DNS_CHECK", None, with &[CheckerDraft::<DnsCheck>::CONNECTION, CheckerDraft::<DnsCheck>::TIMING];
    "type" Required "TYPE" "A NS CNAME SOA MX TXT AAAA RRSIG DNSKEY" "SOA" => query, "what the query asks for";
    "name" Required "NAME" "" "the root" => name, "what the query asks about";
}

pub(in crate::config) fn dns_check(server: &mut RealServerDraft, node: &Node, cx: &mut Context<'_>) {
    let mut draft = CheckerDraft::new(server.address, DnsCheck::default());
    DNS_CHECK.apply(&mut draft, node.children(), cx);
    let Some(connection) = draft.connection(node.end(), cx) else { return };
    let method = Method::Dns(draft.kind.clone());
    server.checkers.push(draft.finish(Some(connection), method));
}

fn query(d: &mut CheckerDraft<DnsCheck>, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match TYPES.iter().find(|(_, name)| name.eq_ignore_ascii_case(word.as_str())) {
        Some((query, _)) => d.kind.query = *query,
        None => {
            let problem =
                Diagnostic::error("bad-dns-type", word.span, format!("`{word}` is not a type of query"))
                    .classic(format!("Unknown DNS check type {word} - ignoring"))
                    .label("this line is ignored")
                    .meant(word, TYPES.map(|(_, name)| name), "");
            cx.report(problem);
        }
    }
}

fn name(d: &mut CheckerDraft<DnsCheck>, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let labels = word.as_str().strip_suffix('.').unwrap_or(word.as_str());
    let (id, message, classic) = if d.kind.name.is_some() {
        (
            "duplicate-value",
            "there is a `name` already",
            "DNS_CHECK name already specified - ignoring".to_owned(),
        )
    } else if word.text != "." && labels.split('.').any(str::is_empty) {
        (
            "bad-dns-name",
            "a part of the name is empty",
            format!("DNS_CHECK name '{word}' has empty label - ignoring"),
        )
    } else {
        d.kind.name = Some(word.text.clone());
        return;
    };
    let problem = Diagnostic::error(id, word.span, message).classic(classic).label("this line is ignored");
    cx.report(if id == "bad-dns-name" { problem.help("one dot stands between two parts") } else { problem });
}

impl DnsCheck {
    pub(super) fn dump(&self, out: &mut Out) {
        field!(out, "Keepalive method = DNS_CHECK");
        field!(out, "Type = {}", self.query);
        field!(out, "Name = {}", self.name.as_deref().unwrap_or(""));
    }
}
