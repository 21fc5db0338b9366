//! How a rule is read.

use super::{FirewallMark, Rule, RuleAction};
use crate::config::diagnostic::Diagnostic;
use crate::config::entry::{Dropped, Entry, Kind, SettledFamily, TrackGroups, options};
use crate::config::environment::NameFile;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::value::Junk;
use crate::config::value::number::c_number;
use crate::config::value::route::{KEEPALIVED_PROTOCOL, RouteType, Target};
use crate::config::value::unsigned::{Read, read_unsigned, read_unsigned_any_base, read_unsigned64};
use crate::types::Family;
use std::str::FromStr;

/// The preferences of rules that name none: they count down, each family for itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Preferences {
    next: [u32; 2],
}

/// keepalived's number for the first of them.
const FIRST_PREFERENCE: u32 = 16384;

impl Default for Preferences {
    fn default() -> Self {
        Self { next: [FIRST_PREFERENCE; 2] }
    }
}

impl Preferences {
    fn take(&mut self, family: Family) -> u32 {
        let next = match family {
            Family::V4 => &mut self.next[0],
            Family::V6 => &mut self.next[1],
        };
        let preference = *next;
        *next = next.wrapping_sub(1);
        preference
    }
}

/// A rule while its line is read.
pub(in crate::config) struct RuleDraft {
    rule: Rule,
    family: SettledFamily,
    from: Option<Target>,
    to: Option<Target>,
    preference: Option<u32>,
    action: Option<(RuleAction, Span)>,
    /// The first option that only means something for a lookup.
    of_table: Option<Span>,
    track_group: Option<(Option<String>, Span)>,
}

options! {
    /// Options of a rule. Any other word is an action.
    RULE_OPTIONS: RuleDraft;
    "inet6", "" "" "" => family_keyword, "makes it an IPv6 rule, and makes keepalived lose the next word";
    "inet", "" "" "" => family_keyword, "makes it an IPv4 rule, and makes keepalived lose the next word";
    "from", "ADDRESS[/PREFIX]|all" "" "all" => |d, e| { d.from = Some(d.network(e, "from")?); Ok(()) }, "source addresses that match";
    "to", "ADDRESS[/PREFIX]|all" "the family of the rule" "all" => |d, e| { d.to = Some(d.network(e, "to")?); Ok(()) }, "destinations that match";
    "table" | "lookup", "TABLE" "a number but 0, or a name of `rt_tables`" "" => table, "the routing table to look up";
    "not", "" "" "off" => |d, _| { d.rule.invert = true; Ok(()) }, "for what does not match";
    "preference" | "order" | "priority", "N" "0 to 4294967295" "16384 and counting down" => preference, "the lowest is asked first";
    "tos" | "dsfield", "TOS" "0 to 255 or a name of `rt_dsfield`" "any" => tos, "type of service that matches";
    "fwmark", "MARK[/MASK]" "0 to 4294967295" "any" => fwmark, "firewall mark that matches";
    "realms", "REALM[/REALM]" "0 to 255 or a name of `rt_realms`; IPv4" "none" => realms, "realms that packets get";
    "suppress_prefixlength" | "sup_pl", "N" "0 to 2147483647" "none" => suppress_prefix_length, "ignore routes with a prefix this short";
    "suppress_ifgroup" | "sup_group", "N" "or a name of `group`" "none" => suppress_group, "ignore routes by interfaces of this group";
    "dev" | "iif", "INTERFACE" "" "any" => |d, e| { d.rule.incoming = Some(interface(e)?); Ok(()) }, "interface that packets come in by";
    "oif", "INTERFACE" "" "any" => |d, e| { d.rule.outgoing = Some(interface(e)?); Ok(()) }, "interface that a socket is bound to";
    "tunnel-id", "N" "0 to 2^64 - 1" "any" => tunnel_id, "tunnel key that matches";
    "uidrange", "FIRST-LAST" "0 to 4294967295" "any" => uids, "users whose sockets match";
    "l3mdev", "" "" "" => l3mdev, "look up the table of the packet's VRF";
    "protocol", "N" "0 to 255" "18" => protocol, "who has installed the rule; needs `no_track`";
    "ipproto", "PROTOCOL" "0 to 255 or a name of /etc/protocols" "any" => ip_protocol, "IP protocol that matches";
    "sport", "FIRST-LAST" "0 to 65535" "any" => |d, e| { d.rule.source_ports = ports(e, "sport")?.or(d.rule.source_ports); Ok(()) }, "source ports that match";
    "dport", "FIRST-LAST" "0 to 65535" "any" => |d, e| { d.rule.destination_ports = ports(e, "dport")?.or(d.rule.destination_ports); Ok(()) }, "destination ports that match";
    "no_track", "" "" "tracked" => |d, _| { d.rule.no_track = true; Ok(()) }, "do nothing when somebody deletes it";
    "track_group", "NAME" "static rules only; needs `iif`" "none" => track_group, "instances that go to FAULT with its interface";
    "type", "ACTION" "blackhole, unreachable, prohibit, nop, goto N" "" => |d, e| { let word = e.value()?; action(d, e, word) }, "what is done with packets that match";
    "goto", "N" "above the preference" "" => |d, e| action(d, e, e.last()), "go on at another rule";
    "nop", "" "" "" => |d, e| action(d, e, e.last()), "do nothing";
    "blackhole", "" "" "" => |d, e| action(d, e, e.last()), "drop packets that match";
    "unreachable", "" "" "" => |d, e| action(d, e, e.last()), "answer that the network is unreachable";
    "prohibit", "" "" "" => |d, e| action(d, e, e.last()), "answer that it is prohibited";
}

impl Context<'_> {
    /// A line of `static_rules` (with the groups above it) or `virtual_rules`; reported and `None` when it is
    /// left out.
    pub(in crate::config) fn rule_line(
        &mut self,
        words: &[Word],
        groups: Option<&TrackGroups>,
    ) -> Option<Rule> {
        let first = words.first()?;
        let mut draft = RuleDraft {
            rule: Rule::looking_up(Family::V4, 0, 0),
            family: None,
            from: None,
            to: None,
            preference: None,
            action: None,
            of_table: None,
            track_group: None,
        };
        let mut entry = Entry::new(words, Kind::Rule, groups, self);
        RULE_OPTIONS.read(&mut draft, &mut entry, |d, e| action(d, e, e.last())).ok()?;
        draft.finish(&mut entry, first).ok()
    }
}

fn family_keyword(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let (family, other) = match keyword.as_str() {
        "inet" => (Family::V4, Family::V6),
        _ => (Family::V6, Family::V4),
    };
    let text = format!("{keyword} specified for {other} rule");
    entry.settle(&mut d.family, Some(family), keyword, &text)?;
    entry.family_keyword();
    Ok(())
}

fn table(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let (message, classic) = match entry.cx.named_number(NameFile::Tables, word.as_str()) {
        None => {
            (format!("`{word}` is not a routing table"), format!("Routing table {word} not found for rule"))
        }
        Some(0) => ("there is no routing table 0".to_owned(), "Table 0 is not valid".to_owned()),
        Some(table) => {
            let text =
                "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable for rule";
            return d.act(entry, RuleAction::Table(table), word, text);
        }
    };
    let problem = entry.problem(word, message).classic(classic);
    Err(entry.refuse(problem))
}

fn preference(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let word = entry.value()?;
    d.preference = Some(read_unsigned_any_base(word).map_err(|problem| {
        entry.refuse(problem.classic(format!("Invalid rule preference {keyword} specified")))
    })?);
    Ok(())
}

fn tos(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    d.rule.tos = entry.cx.named_octet(NameFile::Dsfield, word.as_str()).ok_or_else(|| {
        let problem = entry
            .problem(word, format!("`{word}` is not a type of service"))
            .classic(format!("TOS value {word} is invalid"));
        entry.refuse(problem)
    })?;
    Ok(())
}

fn fwmark(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    d.rule.mark = Some(mark(word.as_str()).ok_or_else(|| {
        let problem = entry
            .problem(word, format!("`{word}` is not a firewall mark: `MARK` or `MARK/MASK`"))
            .classic(format!("Invalid rule fwmark {word} specified"));
        entry.refuse(problem)
    })?);
    Ok(())
}

fn mark(text: &str) -> Option<FirewallMark> {
    let (mark, rest) = c_number(text)?;
    let mask = match rest.strip_prefix('/') {
        Some(mask) if !mask.starts_with(|c: char| c.is_ascii_whitespace()) => {
            let (mask, rest) = c_number(mask)?;
            (rest.is_empty()).then_some(Some(mask))?
        }
        Some(_) => return None,
        None => rest.is_empty().then_some(None)?,
    };
    let mask = mask.map(u32::try_from).transpose().ok()?;
    Some(FirewallMark { mark: u32::try_from(mark).ok()?, mask })
}

fn realms(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let span = entry.last().span;
    let word = entry.value()?;
    d.rule.realms = entry.realms(word, format!("invalid realms {word} for rule"))?;
    d.of_table.get_or_insert(span);
    entry.settle(&mut d.family, Some(Family::V4), word, "realms is only valid for IPv4")
}

fn suppress_prefix_length(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let word = entry.value()?;
    let text = format!("Invalid suppress_prefixlength {keyword} specified");
    let most = i32::MAX.unsigned_abs();
    d.rule.suppress_prefix_length = Some(entry.number(word, 0..=most, &[text])?);
    d.of_table.get_or_insert(keyword.span);
    Ok(())
}

fn suppress_group(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let span = entry.last().span;
    let word = entry.value()?;
    let group = entry.cx.named_number(NameFile::Groups, word.as_str());
    d.rule.suppress_group = Some(group.ok_or_else(|| {
        let problem = entry
            .problem(word, format!("`{word}` is not a group of interfaces"))
            .classic(format!("suppress_group {word} is invalid"));
        entry.refuse(problem)
    })?);
    d.of_table.get_or_insert(span);
    Ok(())
}

fn interface(entry: &mut Entry<'_, '_, '_>) -> Result<crate::types::IfName, Dropped> {
    let word = entry.value()?;
    entry.interface(word, &format!("WARNING - interface {word} for rule doesn't exist"))
}

fn tunnel_id(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let word = entry.value()?;
    d.rule.tunnel_id = read_unsigned64(word)
        .map_err(|problem| entry.refuse(problem.classic(format!("Invalid tunnel-id {keyword} specified"))))?;
    Ok(())
}

fn uids(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let word = entry.value()?;
    d.rule.uids = Some(range(word.as_str()).ok_or_else(|| {
        let problem = entry
            .problem(word, format!("`{word}` is not a range of users: `FIRST-LAST`"))
            .classic(format!("Invalid uidrange {keyword} specified"));
        entry.refuse(problem)
    })?);
    Ok(())
}

/// `FIRST-LAST`
fn range<N: FromStr + Ord>(text: &str) -> Option<(N, N)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// `sport` and `dport`; `None` when the value is ignored.
fn ports(entry: &mut Entry<'_, '_, '_>, name: &str) -> Result<Option<(u16, u16)>, Dropped> {
    let word = entry.value()?;
    if let Some(ports) = range(word.as_str()) {
        return Ok(Some(ports));
    }
    let mut problem = entry
        .problem(word, format!("`{word}` is not a range of ports: `FIRST-LAST`"))
        .classic(format!("invalid {name} range {word}"))
        .label("ignored: the rule matches every port");
    if word.as_str().parse::<u16>().is_ok() {
        problem = problem.help(format!("for one port write `{name} {word}-{word}`"));
    }
    entry.cx.report(problem);
    Ok(None)
}

fn l3mdev(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.last();
    d.act(entry, RuleAction::L3mdev, word, "Cannot specify l3mdev with other action")
}

fn protocol(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    match read_unsigned(word, 0..=255, Junk::Refused) {
        Read::Good(number) => d.rule.protocol = u8::try_from(number).ok(),
        Read::Junk(_, problem) | Read::Bad(problem) => {
            let problem = problem.classic(format!("Invalid protocol {word}")).label("ignored");
            entry.cx.report(problem.help("protocols of rules have no names here"));
        }
    }
    Ok(())
}

fn ip_protocol(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let number = entry.cx.named_octet(NameFile::IpProtocols, word.as_str());
    if number.is_none() {
        let problem = entry
            .problem(word, format!("`{word}` is not an IP protocol"))
            .classic(format!("Invalid ipproto {word}"))
            .label("ignored: the rule matches every protocol");
        entry.cx.report(problem);
    }
    d.rule.ip_protocol = number.or(d.rule.ip_protocol);
    Ok(())
}

fn track_group(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let Some(groups) = entry.groups else { return action(d, entry, entry.last()) };
    let span = entry.last().span;
    let word = entry.value()?;
    if let Some((Some(_), first)) = d.track_group {
        let problem = entry
            .problem(word, "a rule is tied to one group only")
            .classic(format!("track_group {word} is a duplicate"))
            .label("ignored up to the end of the line")
            .related(first, "given here");
        entry.cx.report(problem);
        entry.skip_rest();
        return Ok(());
    }
    d.track_group = Some((entry.cx.track_group(word, groups), span));
    Ok(())
}

/// What is done with packets that match; any word that is no option.
fn action(d: &mut RuleDraft, entry: &mut Entry<'_, '_, '_>, word: &Word) -> Result<(), Dropped> {
    let action = match word.as_str() {
        "goto" => {
            let target = entry.value()?;
            RuleAction::Goto(entry.number(target, 0..=u32::MAX, &["Invalid target goto specified".into()])?)
        }
        "nop" => RuleAction::Nop,
        text => match RouteType::parse(text) {
            Some(RouteType(6)) => RuleAction::Blackhole,
            Some(RouteType(7)) => RuleAction::Unreachable,
            Some(RouteType(8)) => RuleAction::Prohibit,
            other => {
                let (message, classic) = match other {
                    Some(_) => ("is nothing that a rule can do", format!("Invalid rule action {word}")),
                    None => ("is not an option of a rule", format!("Unknown rule option {word}")),
                };
                let mut problem = entry.problem(word, format!("`{word}` {message}")).classic(classic);
                if let Some(near) = RULE_OPTIONS.nearest(word) {
                    problem = problem.help(format!("did you mean `{near}`?"));
                } else if word.text == "ip_proto" {
                    problem = problem.help("it is written `ipproto`");
                }
                return Err(entry.refuse(problem));
            }
        },
    };
    let text =
        "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule";
    d.act(entry, action, word, text)
}

impl RuleDraft {
    /// Sets the action, or refuses a second one.
    fn act(
        &mut self,
        entry: &mut Entry<'_, '_, '_>,
        action: RuleAction,
        word: &Word,
        classic: &str,
    ) -> Result<(), Dropped> {
        if let Some((_, first)) = self.action {
            let problem = entry
                .problem(word, "a rule does one thing only")
                .classic(classic)
                .related(first, "this is what it does already");
            return Err(entry.refuse(problem));
        }
        self.action = Some((action, word.span));
        Ok(())
    }

    fn network(&mut self, entry: &mut Entry<'_, '_, '_>, which: &str) -> Result<Target, Dropped> {
        let word = entry.value()?;
        let target = entry.target(word, format!("Invalid rule {which} address {word}"))?;
        let mixed = "rule specification has mixed IPv4 and IPv6";
        entry.settle(&mut self.family, target.family(), word, mixed)?;
        Ok(target)
    }

    /// Rules that need the whole line.
    fn finish(self, entry: &mut Entry<'_, '_, '_>, first: &Word) -> Result<Rule, Dropped> {
        let whole = first.span.to(entry.last().span);
        let Some((action, did)) = self.action else {
            let problem = Diagnostic::error("rule-option", whole, "a rule needs something to do")
                .classic("No action specified for rule - ignoring")
                .help("write `table TABLE`, `blackhole`, `unreachable`, `prohibit`, `goto N` or `nop`");
            return Err(entry.refuse(problem));
        };
        if let RuleAction::Goto(target) = action {
            let (message, text) = match self.preference {
                Some(preference) if preference < target => (None, String::new()),
                Some(preference) => (
                    Some("a rule can only go on at a higher preference than its own"),
                    format!("Invalid rule - preference {preference} >= goto target {target}"),
                ),
                None => (
                    Some("`goto` needs a `preference`"),
                    format!("Invalid rule - goto target {target} specified without preference"),
                ),
            };
            if let Some(message) = message {
                let problem = Diagnostic::error("rule-option", did, message).classic(text);
                return Err(entry.refuse(problem));
            }
        }
        let looks_up = matches!(action, RuleAction::Table(_) | RuleAction::L3mdev);
        if let Some(span) = self.of_table.filter(|_| !looks_up) {
            let problem = Diagnostic::error("rule-option", span, "this is for rules that look up a table")
                .classic("suppressor/realm specified for non table action - skipping")
                .related(did, "and this one does something else");
            return Err(entry.refuse(problem));
        }
        let family = self.family.map_or(Family::V4, |(family, _)| family);
        let mut rule = Rule {
            family,
            from: self.from.map(|target| target.of(family)),
            to: self.to.map(|target| target.of(family)),
            action,
            ..self.rule
        };
        if !rule.no_track {
            if rule.protocol.is_some_and(|protocol| protocol != KEEPALIVED_PROTOCOL) {
                let problem = Diagnostic::warning(
                    "rule-option",
                    whole,
                    "a rule of another protocol cannot be tracked",
                )
                .classic(
                    "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol",
                )
                .label("protocol 18 is used")
                .help("write `no_track` to keep the protocol");
                entry.cx.report(problem);
            }
            rule.protocol = Some(KEEPALIVED_PROTOCOL);
        }
        if let Some((Some(group), span)) = self.track_group {
            if rule.incoming.is_some() {
                rule.track_group = Some(group);
            } else {
                let problem =
                    Diagnostic::warning("rule-option", span, "a rule without `iif` has nothing to tie")
                        .classic("Static rule cannot have track_group if dev/iif not specified")
                        .label("ignored");
                entry.cx.report(problem);
            }
        }
        rule.preference = self.preference.unwrap_or_else(|| {
            let preference = entry.cx.preferences.take(family);
            let text = format!(
                "Rule has no preference specified - setting to {preference}. This is probably not what you want."
            );
            let problem = Diagnostic::warning("no-preference", whole, "a rule without `preference`")
                .classic(text)
                .label(format!("{preference} is used, one less for each such rule of the file"))
                .help("a preference that the file gives is the same whatever stands above the rule");
            entry.cx.report(problem);
            preference
        });
        Ok(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: keepalived 2.2.7 under `-t`.
    #[test]
    fn marks_and_ranges_are_whole_words() {
        let read = |text| mark(text).map(|m| (m.mark, m.mask));
        assert_eq!(read("24/12"), Some((24, Some(12))));
        assert_eq!(read("0x10/0xff"), Some((16, Some(255))));
        assert_eq!(read("7"), Some((7, None)));
        for bad in ["x", "1/x", "1/ 2", "1x", "-1", "4294967296"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(range::<u16>("80-443"), Some((80, 443)));
        assert_eq!(range::<u16>("80"), None);
        assert_eq!(range::<u16>("1-70000"), None);
    }
}
