//! How adverts travel: peers, the VRF they are behind, checksums.

use super::{InstanceDraft, bare_address};
use crate::config::block::{UnicastChecksum, UnicastPeer};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, MUST_BE_THERE, Otherwise};
use crate::types::IfName;

pub(super) fn unicast_peer(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    d.unicast.get_or_insert(node.keyword.span);
    for entry in node.entries() {
        peer(d, entry, cx);
    }
}

fn peer(d: &mut InstanceDraft, entry: &[Word], cx: &mut Context<'_>) {
    let Some((word, options)) = entry.split_first() else { return };
    let name = d.name.clone();

    let Some(address) = bare_address(word) else {
        let text = format!(
            "Configuration error: VRRP instance[{name}] malformed unicast peer address[{word}]. Skipping..."
        );
        let problem = Diagnostic::error("bad-address", word.span, format!("`{word}` is not an IP address"))
            .classic(text)
            .label("this entry is ignored");
        return cx.report(problem);
    };
    if !d.same_family(address, word.span) {
        let text = format!(
            "Configuration error: VRRP instance[{name}] and unicast peer address[{word}] MUST be of the same family !!! Skipping..."
        );
        let problem =
            d.other_family(word.span, &format!("`{word}`")).classic(text).label("this entry is ignored");
        return cx.report(problem);
    }
    let mut peer = UnicastPeer::new(address);
    for option in options.chunks(2) {
        if !peer_option(d, &mut peer, option, cx) {
            break;
        }
    }
    if peer.min_ttl > peer.max_ttl {
        let (min, max) = (peer.min_ttl, peer.max_ttl);
        let text = format!("({name}) min_ttl {min} > max_ttl {max} - all packets will be discarded");
        let message = format!("no TTL is at least {min} and at most {max}");
        let problem = Diagnostic::error("peer-option", word.span, message).classic(text);
        cx.report(problem.label("every advert of this peer is dropped"));
    }
    if d.peers.iter().any(|other| other.address == address) {
        let problem = Diagnostic::warning("duplicate-peer", word.span, format!("`{word}` is a peer already"))
            .class(Class::Harmless)
            .label("this entry is ignored")
            .keepalived("2.2 sends two copies of every advert to it, 2.4 drops the second entry");
        cx.report(problem);
    } else {
        d.peers.push(peer);
    }
}

/// `min_ttl N` or `max_ttl N`; `false` where keepalived reads the line no further.
fn peer_option(d: &mut InstanceDraft, peer: &mut UnicastPeer, option: &[Word], cx: &mut Context<'_>) -> bool {
    let name = &d.name;
    let (option, value) = match option {
        [option, value] => (option, value),
        [option, ..] => {
            let what = match option.as_str() {
                "min_ttl" | "max_ttl" => format!("`{option}` needs a value"),
                _ => format!("`{option}` is not an option of a peer"),
            };
            let problem = Diagnostic::error("peer-option", option.span, what)
                .classic(format!("({name}) {option} is missing a value"))
                .label("ignored")
                .help("each peer needs a line of its own");
            cx.report(problem);
            return false;
        }
        [] => return false,
    };
    let Some(ttl) = cx.integer(value, 0..=255, Junk::Refused, Otherwise::ignored("")) else { return true };
    let slot = match option.as_str() {
        "min_ttl" => &mut peer.min_ttl,
        "max_ttl" => &mut peer.max_ttl,
        _ => {
            let message = format!("`{option}` is not an option of a peer");
            let problem = Diagnostic::error("peer-option", option.span, message)
                .classic(format!("({name}) unknown unicast_peer option {option}"))
                .label("ignored up to the end of the line");
            cx.report(problem);
            return false;
        }
    };
    *slot = u8::try_from(ttl).unwrap_or(*slot);
    d.check_source = true;
    true
}

pub(super) fn unicast_ttl(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let text = format!("({}): TTL '{word}' not valid - must be between 0 & 255", d.name);
    let n = cx.integer(word, 0..=255, Junk::Refused, Otherwise::ignored(text));
    if let Some(ttl) = n.and_then(|n| u8::try_from(n).ok()) {
        d.ttl = Some((ttl, node.span()));
    }
}

pub(super) fn check_unicast_src(d: &mut InstanceDraft, node: &Node, _: &mut Context<'_>) {
    d.unicast.get_or_insert(node.keyword.span);
    d.check_source = true;
}

pub(super) fn unicast_fault_no_peer(d: &mut InstanceDraft, node: &Node, _: &mut Context<'_>) {
    d.unicast.get_or_insert(node.keyword.span);
    d.unicast_fault_no_peer = true;
}

pub(super) fn old_unicast_checksum(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    d.unicast.get_or_insert(node.keyword.span);
    match node.args.first() {
        None => d.unicast_checksum = UnicastChecksum::Old,
        Some(word) if word.as_str() == "never" => d.unicast_checksum = UnicastChecksum::Never,
        Some(word) => {
            let message = format!("`{word}` is not what can follow `{}`", node.keyword);
            let problem = Diagnostic::error("bad-value", word.span, message)
                .classic(format!("({}) Unknown old_unicast_chksum mode {word} - ignoring", d.name))
                .label("this line is ignored")
                .help("write `never`, or nothing");
            cx.report(problem);
        }
    }
}

pub(super) fn v3_checksum_as_v2(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |w| format!("({}) invalid v3_checksum_as_v2 {w} specified", d.name));
    d.checksum_as_v2 = value.unwrap_or(d.checksum_as_v2);
}

pub(super) fn vrf(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let (name, word) = (&d.name, node.arg());
    let refused = |id, message: String, classic: String| {
        Diagnostic::error(id, word.span, message).classic(classic).label("this line is ignored")
    };
    let Ok(link) = IfName::new(word.as_str()) else {
        let text = format!("({name}) VRF interface name '{word}' too long - ignoring");
        let message = format!("`{word}` is not the name of an interface");
        return cx.report(refused("bad-interface-name", message, text));
    };
    let problem = if let Some((interface, span)) = &d.interface {
        let text = format!("({name}) Cannot specify VRF interface and interface - ignoring");
        let message = format!("adverts use `{interface}`: the VRF is that of the interface");
        refused("conflicting-values", message, text).related(*span, "given here")
    } else if let Some((vrf, span)) = &d.vrf {
        let text = format!("({name}) VRF interface already specified as '{vrf}' - ignoring");
        refused("duplicate-value", "an instance is in one VRF".to_owned(), text).related(*span, "given here")
    } else {
        let found = cx.interface(word);
        if let Some((_, Some(facts))) = found
            && facts.loopback
        {
            let text = format!("({name}) cannot use a loopback interface ({word}) for VRF - ignoring");
            let message = format!("`{word}` is not a VRF");
            return cx.report(refused("loopback-interface", message, text));
        }
        if found.is_none() {
            let text = format!("({name}) WARNING - VRF interface {word} doesn't exist");
            return cx.report(cx.no_such_interface(word, MUST_BE_THERE, text));
        }
        d.vrf = Some((link, node.span()));
        return;
    };
    cx.report(problem);
}
