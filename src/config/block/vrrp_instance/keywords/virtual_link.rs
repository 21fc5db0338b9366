//! `use_vmac`, `use_ipvlan`.

use super::InstanceDraft;
use crate::config::block::{IpvlanMode, MacOrigin};
use crate::config::diagnostic::Diagnostic;
use crate::config::environment::{Fact, NameFile, Stacked};
use crate::config::lexer::Word;
use crate::config::schema::{Context, missing_argument};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::types::{IfName, IpNet, MacAddr};

/// The words of `use_vmac`.
pub(in crate::config) struct VmacDraft {
    pub(in crate::config) span: Span,
    pub(in crate::config) name: Option<IfName>,
    /// With five octets given, the last is not set yet.
    pub(in crate::config) mac: Option<(MacAddr, MacOrigin)>,
    pub(in crate::config) group: Option<u32>,
    pub(in crate::config) netlink_notify: bool,
}

/// The words of `use_ipvlan`.
pub(in crate::config) struct IpvlanDraft {
    pub(in crate::config) span: Span,
    pub(in crate::config) name: Option<IfName>,
    pub(in crate::config) address: Option<IpNet>,
    pub(in crate::config) mode: Option<IpvlanMode>,
    pub(in crate::config) group: Option<u32>,
}

/// Two octets that begin the standard addresses of virtual routers, up to the family's (RFC 9568 §7.3).
const ROUTER_PREFIX: [u8; 4] = [0x00, 0x00, 0x5e, 0x00];

pub(super) fn use_vmac(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    let nothing =
        VmacDraft { span: node.keyword.span, name: None, mac: None, group: None, netlink_notify: false };
    // Several lines add up.
    let mut draft = d.vmac.take().unwrap_or(nothing);
    let mut words = node.args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            text if text.contains(':') => mac(&mut draft, word, cx),
            "netlink_notify_msg" => draft.netlink_notify = true,
            "group" => draft.group = group(&mut words, word, "VMAC", cx).or(draft.group),
            "name" => match words.next() {
                Some(word) => vmac_name(d, &mut draft, word, cx),
                None => cx.report(missing_argument(word, "INTERFACE")),
            },
            _ => vmac_name(d, &mut draft, word, cx),
        }
    }
    d.vmac = Some(draft);
}

fn mac(draft: &mut VmacDraft, word: &Word, cx: &mut Context<'_>) {
    let refused = |message: &str, classic: String| {
        Diagnostic::error("bad-mac-address", word.span, message).classic(classic).label("ignored")
    };
    let strange = |c: char| !c.is_ascii_hexdigit() && c != ':';
    let problem = if draft.mac.is_some() {
        refused("the VMAC has an address already", "VMAC interface address already specified".to_owned())
    } else if word.as_str().contains(strange) {
        refused("this is not a MAC address", format!("VMAC invalid MAC address {word}"))
    } else {
        match read_mac(word.as_str()) {
            None => refused(
                "a MAC address has six octets, or five if the VRID is to be the last",
                format!("VMAC invalid MAC address {word} - ignored"),
            ),
            Some((MacAddr([first, ..]), _)) if first & 1 == 1 => refused(
                "this is a multicast address",
                format!("VMAC MAC address is multicast {word} - ignoring"),
            ),
            Some((MacAddr([a, b, c, e, family, _]), _))
                if [a, b, c, e] == ROUTER_PREFIX && matches!(family, 1 | 2) =>
            {
                let text = format!("VMAC MAC address not allowed to be RFC5798 address ({word}) - ignoring");
                refused("this address belongs to a virtual router", text)
                    .help("leave it out: a VMAC has the address of its own virtual router")
            }
            Some(mac) => {
                draft.mac = Some(mac);
                return;
            }
        }
    };
    cx.report(problem);
}

/// Octets of one or two digits; a colon may stand behind the fifth.
fn read_mac(text: &str) -> Option<(MacAddr, MacOrigin)> {
    let parts: Vec<&str> = text.split(':').collect();
    let (parts, origin) = match parts.as_slice() {
        [five @ .., ""] if five.len() == 5 => (five, MacOrigin::GivenButVrid),
        five if five.len() == 5 => (five, MacOrigin::GivenButVrid),
        six if six.len() == 6 => (six, MacOrigin::Given),
        _ => return None,
    };
    let mut octets = [0; 6];
    for (octet, part) in octets.iter_mut().zip(parts) {
        if part.len() > 2 {
            return None;
        }
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    Some((MacAddr(octets), origin))
}

fn vmac_name(d: &InstanceDraft, draft: &mut VmacDraft, word: &Word, cx: &mut Context<'_>) {
    let (name, refused) = (&d.name, refused_name(word));
    if draft.name.is_some() {
        let problem = refused("duplicate-value", "the VMAC has a name already");
        return cx.report(problem.classic("VMAC interface name already specified"));
    }
    let Ok(link) = IfName::new(word.as_str()) else {
        let text = format!("VMAC interface name '{word}' too long or invalid characters - ignoring");
        return cx
            .report(refused("bad-interface-name", "this cannot be the name of an interface").classic(text));
    };
    if let Some(problem) = taken(d, word, &link) {
        return cx.report(problem);
    }
    if let Fact::Known(facts) = cx.environment.link(&link)
        && facts.stacked != Some(Stacked::Macvlan { private: true })
    {
        let text = format!(
            "({name}) interface {word} already exists and is not a private macvlan; ignoring vmac if_name"
        );
        return cx.report(refused("interface-exists", "there is an interface of this name").classic(text));
    }
    draft.name = Some(link);
}

fn refused_name(word: &Word) -> impl Fn(&'static str, &str) -> Diagnostic {
    let span = word.span;
    move |id, message| Diagnostic::error(id, span, message).label("ignored")
}

/// Another instance has a virtual link of this name.
fn taken(d: &InstanceDraft, word: &Word, link: &IfName) -> Option<Diagnostic> {
    let (other, _) = d.other_links.iter().find(|(_, name)| name == link)?;
    let text = format!("({}) VRRP instance {other} is already using {word} - ignoring name", d.name);
    let problem = refused_name(word)("duplicate-value", "the virtual link of another instance has this name");
    Some(problem.classic(text).related(other.span, "this instance"))
}

/// `group GROUP`: a number, or a name of iproute2's.
fn group(
    words: &mut std::slice::Iter<'_, Word>,
    keyword: &Word,
    kind: &str,
    cx: &mut Context<'_>,
) -> Option<u32> {
    let Some(word) = words.next() else {
        cx.report(missing_argument(keyword, "GROUP"));
        return None;
    };
    let number = match word.as_str() {
        "default" => Some(0),
        text => cx.named_number(NameFile::Groups, text),
    };
    if number.is_none() {
        let problem =
            Diagnostic::error("bad-value", word.span, format!("`{word}` is not a group of interfaces"))
                .classic(format!("{kind} group {word} not found"))
                .label("ignored")
                .help("a group is a number from 0 to 2147483647, or a name in the `group` file of iproute2");
        cx.report(problem);
    }
    number
}

pub(super) fn use_ipvlan(d: &mut InstanceDraft, node: &Node, cx: &mut Context<'_>) {
    if let Some(first) = &d.ipvlan {
        let problem = Diagnostic::error("duplicate-value", node.keyword.span, "there are two `use_ipvlan`")
            .classic(format!("({}) use_ipvlan already specified", d.name))
            .label("this line is ignored")
            .related(first.span, "given here");
        return cx.report(problem);
    }
    let span = node.keyword.span;
    let mut draft = IpvlanDraft { span, name: None, address: None, mode: None, group: None };
    let mut words = node.args.iter();
    while let Some(word) = words.next() {
        let mode = match word.as_str() {
            "bridge" => Some(IpvlanMode::Bridge),
            "private" => Some(IpvlanMode::Private),
            "vepa" => Some(IpvlanMode::Vepa),
            _ => None,
        };
        match (mode, word.as_str()) {
            (Some(mode), _) => ipvlan_mode(d, &mut draft, word, mode, cx),
            (None, "group") => draft.group = group(&mut words, word, "ipvlan", cx).or(draft.group),
            (None, "name") => match words.next() {
                Some(word) => ipvlan_name(d, &mut draft, word, cx),
                None => cx.report(missing_argument(word, "INTERFACE")),
            },
            (None, text) => match read_net(text) {
                Some(net) => ipvlan_address(d, &mut draft, word, net, cx),
                None => ipvlan_name(d, &mut draft, word, cx),
            },
        }
    }
    d.ipvlan = Some(draft);
}

fn read_net(text: &str) -> Option<IpNet> {
    match text.split_once('/') {
        Some((address, prefix)) => IpNet::new(address.parse().ok()?, prefix.parse().ok()?),
        None => text.parse().ok().map(IpNet::host),
    }
}

fn ipvlan_mode(
    d: &InstanceDraft,
    draft: &mut IpvlanDraft,
    word: &Word,
    mode: IpvlanMode,
    cx: &mut Context<'_>,
) {
    if draft.mode.is_some() {
        let text = format!("({}) ipvlan type already specified - ignoring '{word}'", d.name);
        let problem = refused_name(word)("duplicate-value", "an ipvlan is of one type");
        return cx.report(problem.classic(text));
    }
    draft.mode = Some(mode);
}

fn ipvlan_address(
    d: &mut InstanceDraft,
    draft: &mut IpvlanDraft,
    word: &Word,
    net: IpNet,
    cx: &mut Context<'_>,
) {
    if draft.address.is_some() {
        let text = format!("({}) ipvlan address already specified - ignoring '{word}'", d.name);
        let problem = refused_name(word)("duplicate-value", "the ipvlan has an address already");
        return cx.report(problem.classic(text));
    }
    if !d.same_family(net.address, word.span) {
        let text =
            format!("({}) ipvlan address[{word}] MUST match vrrp instance family !!! Skipping...", d.name);
        let problem = d.other_family(word.span, &format!("`{word}`"));
        return cx.report(problem.classic(text).label("ignored"));
    }
    draft.address = Some(net);
    d.source.get_or_insert(net.address);
}

fn ipvlan_name(d: &InstanceDraft, draft: &mut IpvlanDraft, word: &Word, cx: &mut Context<'_>) {
    let (name, refused) = (&d.name, refused_name(word));
    if draft.name.is_some() {
        let text = format!("({name}) IPVLAN interface already specified - ignoring '{word}'");
        return cx.report(refused("duplicate-value", "the ipvlan has a name already").classic(text));
    }
    let Ok(link) = IfName::new(word.as_str()) else {
        let text = format!("({name}) IPVLAN interface name '{word}' too long - ignoring");
        return cx
            .report(refused("bad-interface-name", "this cannot be the name of an interface").classic(text));
    };
    if let Some(problem) = taken(d, word, &link) {
        return cx.report(problem);
    }
    if let Fact::Known(facts) = cx.environment.link(&link)
        && facts.stacked != Some(Stacked::Ipvlan { l2: true })
    {
        let text = format!(
            "({name}) interface {word} already exists and is not an l2 ipvlan; ignoring ipvlan if_name"
        );
        return cx.report(refused("interface-exists", "there is an interface of this name").classic(text));
    }
    draft.name = Some(link);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: keepalived 2.2.7, `use_vmac` under `-t`.
    #[test]
    fn a_mac_address_has_six_octets_or_five() {
        let octets = |text| read_mac(text).map(|(mac, origin)| (mac.to_string(), origin));
        let given = Some(("02:00:00:00:0a:01".to_owned(), MacOrigin::Given));
        assert_eq!(octets("2:0:0:0:a:1"), given);
        let five = Some(("02:00:00:00:0a:00".to_owned(), MacOrigin::GivenButVrid));
        assert_eq!(octets("02:00:00:00:0a"), five);
        assert_eq!(octets("02:00:00:00:0a:"), five);
        for bad in ["02:00:00:00", "02:00:00:00:", "002:0:0:0:0:0", ":0:0:0:0:0", "2:0:0:0:0:0:0"] {
            assert_eq!(octets(bad), None, "{bad}");
        }
    }
}
