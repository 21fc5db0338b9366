//! `nexthop OPTIONS…`: the ways of a route that has several.

use super::NextHop;
use super::read::{RouteDraft, gateway_family};
use crate::config::diagnostic::Diagnostic;
use crate::config::entry::{Dropped, Entry, SettledFamily, options};
use crate::types::Family;

/// A way, and the family of its route.
#[derive(Default)]
pub(in crate::config) struct HopDraft {
    hop: NextHop,
    family: SettledFamily,
}

options! {
    /// Options of a `nexthop`.
    NEXTHOP_OPTIONS: HopDraft;
    "via", "[inet|inet6] ADDRESS" "the family of the route" "none" => via, "gateway of this way";
    "dev", "INTERFACE" "" "none" => dev, "interface of this way";
    "weight", "N" "1 to 256" "1" => weight, "share of this way";
    "onlink", "" "" "off" => |d, _| { d.hop.onlink = true; Ok(()) }, "the gateway need not be in a network of the interface";
    "encap", "TYPE [OPTION…]" "`ip`, `ip6`, `mpls`, `ila`" "none" => |d, e| { d.hop.encap = Some(e.encap()?); Ok(()) }, "encapsulation of this way";
    "realms", "REALM[/REALM]" "0 to 255 or a name of `rt_realms`" "none" => realms, "realms of this way; IPv4";
    "as", "[to] ADDRESS" "" "" => not_supported, "not supported";
}

/// `nexthop` and all that stands behind it: nothing of the route can follow.
pub(super) fn nexthops(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    if !d.route.nexthops.is_empty() {
        let problem = entry
            .problem(keyword, "`nexthop` beside `or`")
            .classic("Cannot specify nexthops with \"or\" route")
            .classic(format!("Route has trailing nonsense - {keyword}"))
            .help("write each gateway as a `nexthop` of its own");
        return Err(entry.refuse(problem));
    }
    let loss = std::mem::replace(&mut entry.loss, "this nexthop and those behind it are left out");
    let read = read_hops(d, entry);
    entry.loss = loss;
    if read.is_err() {
        entry.skip_rest();
    }
    if let Some(word) = entry.peek() {
        let mut problem = entry
            .problem(word, format!("`{word}` is not an option of `nexthop`"))
            .classic(format!("Route has trailing nonsense after nexthops - {word}"))
            .label("ignored up to the end of the line");
        if super::ROUTE_OPTIONS.has(word) {
            problem = problem.help("options of the route stand before the first `nexthop`");
        } else if let Some(near) = NEXTHOP_OPTIONS.nearest(word) {
            problem = problem.help(format!("did you mean `{near}`?"));
        }
        entry.cx.report(problem);
        entry.skip_rest();
    }
    Ok(())
}

fn read_hops(d: &mut RouteDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    loop {
        let mut draft = HopDraft { family: d.family, ..HopDraft::default() };
        while entry.peek().is_some_and(|word| NEXTHOP_OPTIONS.has(word)) {
            NEXTHOP_OPTIONS.step(&mut draft, entry, |_, _| Err(Dropped))?;
            d.family = draft.family;
        }
        d.route.nexthops.push(draft.hop);
        if entry.take("nexthop").is_none() {
            return Ok(());
        }
    }
}

fn via(d: &mut HopDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let (family, word) = gateway_family(entry)?;
    if family.is_some() {
        entry.settle(&mut d.family, family, word, "IPv4/6 mismatch for nexthop")?;
    }
    let address = entry.address(word, format!("invalid nexthop address {word}"))?;
    let family = Family::of(address);
    entry.settle(&mut d.family, Some(family), word, "Address family mismatch for next hop")?;
    d.hop.gateway = Some(address);
    Ok(())
}

fn dev(d: &mut HopDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let text = format!("WARNING - interface {word} for VROUTE nexthop doesn't exist");
    d.hop.dev = Some(entry.interface(word, &text)?);
    Ok(())
}

fn weight(d: &mut HopDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    let weight = entry.number(word, 0..=256, &[format!("Invalid weight {word} specified for route")])?;
    if weight == 0 {
        let problem = Diagnostic::error("number-out-of-range", word.span, "a weight is at least 1")
            .classic("Invalid weight 0 specified for route");
        return Err(entry.refuse(problem));
    }
    d.hop.weight = u16::try_from(weight).ok();
    Ok(())
}

fn realms(d: &mut HopDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let word = entry.value()?;
    d.hop.realms = entry.realms(word, format!("Invalid realms {word} for route"))?;
    entry.settle(&mut d.family, Some(Family::V4), word, "realms are only supported for IPv4")
}

fn not_supported(_: &mut HopDraft, entry: &mut Entry<'_, '_, '_>) -> Result<(), Dropped> {
    let keyword = entry.last();
    let problem = entry
        .problem(keyword, "the kernel's routes do not rewrite addresses")
        .classic("'as [to]' (nat) not supported");
    Err(entry.refuse(problem))
}
