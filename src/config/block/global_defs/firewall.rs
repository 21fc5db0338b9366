//! How packets are kept from addresses that accept none, and from virtual MACs.

use super::{GlobalDraft, refused};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, object};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};

/// `nftables` and its kind. keepalived's iptables is nftables here, as in every build without libiptc.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FirewallDefs {
    /// `nftables`: the name of the table.
    pub table: Option<String>,
    /// `nftables_priority`; `None`: -1.
    pub priority: Option<i32>,
    /// `nftables_ifindex`: link-local addresses go with the number of the interface, not its name.
    pub ifindex: bool,
    /// `nftables_counters`, of all tables.
    pub counters: bool,
    /// `nftables_ipvs`: the name of the table that marks packets of virtual server groups.
    pub ipvs_table: Option<String>,
    /// `nftables_ipvs_priority`; `None`: -1.
    pub ipvs_priority: Option<i32>,
    /// `nftables_ipvs_start_fwmark`; `None`: 1000.
    pub ipvs_start_fwmark: Option<u32>,
}

/// What the table is called where no name is given.
pub(in crate::config) const CUSTOMARY_TABLE: &str = "keepalived";
const CUSTOMARY_IPVS_TABLE: &str = "keepalived_ipvs";
/// What the kernel keeps of a name (Linux: NFT_TABLE_MAXNAMELEN less its end).
const LONGEST_TABLE: usize = 255;
/// What keepalived's messages call each family of keywords.
const KEPT: &str = "nftables";
const IPVS: &str = "ipvs nftables";

impl FirewallDefs {
    pub(super) fn dump(&self, out: &mut Out) {
        let counters = if self.counters { "" } else { "out" };
        if let Some(table) = &self.table {
            object!(out, "nftables table name = {table}");
            object!(out, "nftables base chain priority = {}", self.priority.unwrap_or(-1));
            let force = if self.ifindex { "" } else { "don't " };
            object!(out, "nftables {force}force use ifindex for link local IPv6");
        }
        if let Some(table) = &self.ipvs_table {
            object!(out, "ipvs nftables table name = {table}");
            object!(out, "ipvs nftables base chain priority = {}", self.ipvs_priority.unwrap_or(-1));
            object!(out, "ipvs nftables start fwmark = {}", self.ipvs_start_fwmark.unwrap_or(1000));
        }
        object!(out, "nftables with{counters} counters");
    }
}

fn table(slot: &mut Option<String>, family: &str, customary: &str, node: &Node, cx: &mut Context<'_>) {
    let (keyword, name) = (&node.keyword, node.args.first());
    if slot.is_some() {
        let text = format!("{family} already specified - ignoring");
        return refused(cx, "duplicate-value", keyword, format!("there are two `{keyword}`"), text);
    }
    if let Some(word) = name.filter(|word| word.text.len() > LONGEST_TABLE) {
        let text = format!("{family} table name too long - ignoring");
        return refused(cx, "name-too-long", word, format!("a name has at most {LONGEST_TABLE} bytes"), text);
    }
    *slot = Some(name.map_or(customary, Word::as_str).to_owned());
}

pub(super) fn nftables(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    table(&mut d.defs.firewall.table, KEPT, CUSTOMARY_TABLE, node, cx);
}

pub(super) fn nftables_ipvs(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    table(&mut d.defs.firewall.ipvs_table, IPVS, CUSTOMARY_IPVS_TABLE, node, cx);
}

fn chain_priority(slot: &mut Option<i32>, family: &str, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("invalid {family} chain priority '{}'", node.arg()));
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let value = cx.integer(node.arg(), range, Junk::Refused, otherwise);
    *slot = value.and_then(|value| i32::try_from(value).ok()).or(*slot);
}

pub(super) fn nftables_priority(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    chain_priority(&mut d.defs.firewall.priority, KEPT, node, cx);
}

pub(super) fn nftables_ipvs_priority(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    chain_priority(&mut d.defs.firewall.ipvs_priority, IPVS, node, cx);
}

pub(super) fn nftables_start_fwmark(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("invalid ipvs nftables start_fwmark priority '{}'", node.arg());
    let value = cx.unsigned(node.arg(), 1..=u32::MAX, Junk::Refused, Otherwise::ignored(text));
    d.defs.firewall.ipvs_start_fwmark = value.or(d.defs.firewall.ipvs_start_fwmark);
}

/// As Debian's build of keepalived has it: the chains that are named mean nothing to nftables.
pub(super) fn iptables(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = "iptables not supported, using nftables instead. Please replace 'vrrp_iptables and 'vrrp_ipsets' with 'nftables' config option";
    let problem = Diagnostic::warning("iptables", node.span(), "there is no iptables here, nftables is used")
        .classic(text)
        .help("write `nftables` instead");
    cx.report(problem);
    d.defs.firewall.table.get_or_insert_with(|| CUSTOMARY_TABLE.to_owned());
}

pub(super) fn ipsets(_: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let problem = Diagnostic::warning("iptables", node.span(), "nftables has sets of its own")
        .class(Class::Harmless)
        .label("this line is ignored")
        .keepalived("uses these sets when it is built with iptables; else the keyword is unknown to it");
    cx.report(problem);
}

compared! { FirewallDefs {
    table: "nftables" None optional;
    priority: "nftables_priority" None optional;
    ifindex: "nftables_ifindex" None onoff;
    counters: "nftables_counters" None onoff;
    ipvs_table: "nftables_ipvs" None optional;
    ipvs_priority: "nftables_ipvs_priority" None optional;
    ipvs_start_fwmark: "nftables_ipvs_start_fwmark" None optional;
}}
