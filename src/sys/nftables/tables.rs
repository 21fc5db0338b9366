//! What is in the tables: chains, sets and rules under keepalived's names.

use super::batch::{Attributes, Base, Batch, Meta, Verb, Verdict};
use super::{Dropped, Settings};
use crate::types::Family;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Elements in one message, whose list has less than 64 KiB.
const ELEMENTS: usize = 1000;

// Types of keys, as nft knows them; two make one of 6 bits each.
const IPV4_ADDRESS: u32 = 7;
const IPV6_ADDRESS: u32 = 8;
const LINK_INDEX: u32 = 20;
const ICMPV6_TYPE: u32 = 29;
const LINK_NAME: u32 = 41;
const LINK_NAME_LENGTH: usize = 16;

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const ROUTER_SOLICITATION: u8 = 133;
const GROUP_REPORT: u8 = 143;
const ICMPV6: u8 = 58;
const IGMP: u8 = 2;

const VIPS: &str = "vips";
const ON_INDEX: &str = "vips_link_local";
const ON_NAME: &str = "vips_link_local_name";
const REPORTERS: &str = "vmac_map";
const SOLICITORS: &str = "vmac_set";
const DISCOVERY: &str = "neighbor-discovery";

/// What nft needs to know to show numbers: that keys, and in a map values, are in the order of this machine
/// (libnftnl: NFTNL_UDATA_SET_KEYBYTEORDER, NFTNL_UDATA_SET_DATABYTEORDER).
fn in_host_order(is_map: bool) -> Vec<u8> {
    const HOST: u32 = 1;
    let kinds: &[u8] = if is_map { &[0, 1] } else { &[0] };
    let order = |kind: &u8| [&[*kind, 4], HOST.to_ne_bytes().as_slice()].concat();
    kinds.iter().flat_map(order).collect()
}

/// Key, and in a map value.
type Element = (Vec<u8>, Option<Vec<u8>>);

// NFT_SET_CONSTANT, NFT_SET_MAP.
const CONSTANT: u32 = 2;
const MAP: u32 = 8;

/// What a table has beside elements; it only ever grows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Shape {
    addresses: bool,
    reports: bool,
    on_index: bool,
    on_name: bool,
}

impl Shape {
    /// What these need.
    pub(super) fn of(dropped: &BTreeSet<Dropped>) -> Self {
        let is_report = |one: &Dropped| matches!(one, Dropped::Reports { .. });
        Self {
            addresses: !dropped.iter().all(is_report),
            reports: dropped.iter().any(is_report),
            on_index: dropped.iter().any(|one| matches!(one, Dropped::OnIndex(..))),
            on_name: dropped.iter().any(|one| matches!(one, Dropped::OnName(..))),
        }
    }

    /// Both.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            addresses: self.addresses || other.addresses,
            reports: self.reports || other.reports,
            on_index: self.on_index || other.on_index,
            on_name: self.on_name || other.on_name,
        }
    }
}

/// A table with all that is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) shape: Shape,
    pub(super) dropped: BTreeSet<Dropped>,
}

/// Whether packets come in or go out: where a rule stands, and which of their addresses it looks at.
#[derive(Clone, Copy, Debug)]
enum Way {
    In,
    Out,
}

impl Way {
    const BOTH: [Self; 2] = [Self::In, Self::Out];

    fn chain(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    fn link_local_chain(self) -> &'static str {
        match self {
            Self::In => "in_link_local",
            Self::Out => "out_link_local",
        }
    }

    /// NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT.
    fn hook(self) -> u32 {
        match self {
            Self::In => 1,
            Self::Out => 3,
        }
    }
}

/// Removes a table whether it is there or not.
pub(super) fn remove(batch: &mut Batch, family: Family, table: &str) {
    batch.message(Verb::NewTable, family, |message| message.text(1, table));
    batch.message(Verb::DeleteTable, family, |message| message.text(1, table));
}

/// Leads from what a table has to what it is to have. One of another shape is replaced as a whole.
pub(super) fn change(
    batch: &mut Batch,
    family: Family,
    settings: &Settings,
    made: Option<&Part>,
    wanted: &Part,
) {
    let mut table = Table { batch, family, settings };
    let none = BTreeSet::new();
    let before = match made {
        Some(made) if made.shape == wanted.shape => &made.dropped,
        _ => {
            if made.is_some() {
                remove(table.batch, family, &settings.table);
            }
            table.make(wanted.shape);
            &none
        }
    };
    table.elements(Verb::DeleteElements, before.difference(&wanted.dropped));
    table.elements(Verb::NewElements, wanted.dropped.difference(before));
}

/// Appends what belongs to one table.
struct Table<'a> {
    batch: &'a mut Batch,
    family: Family,
    settings: &'a Settings,
}

impl Table<'_> {
    fn make(&mut self, shape: Shape) {
        let table = self.settings.table.as_str();
        self.batch.message(Verb::NewTable, self.family, |message| message.text(1, table));
        self.base_chain(Way::Out);
        if shape.reports {
            self.redirect_reports();
        }
        if !shape.addresses {
            return;
        }
        self.base_chain(Way::In);
        match self.family {
            Family::V4 => {
                self.set(VIPS, (IPV4_ADDRESS, 4), 0);
                self.drop_vips();
            }
            Family::V6 => self.make_ipv6(shape),
        }
    }

    /// What a macvlan says to a switch of its groups would tell the switch of a second place where their
    /// members are.
    fn redirect_reports(&mut self) {
        self.set(REPORTERS, (LINK_INDEX, 4), MAP);
        let family = self.family;
        self.rule(
            Way::Out.chain(),
            |rule| {
                match family {
                    Family::V4 => {
                        rule.load_payload(Base::Network, 9, 1);
                        rule.compare(1, &[IGMP]);
                    }
                    Family::V6 => icmpv6(rule, GROUP_REPORT),
                }
                // The destination is where the copy goes.
                address(rule, family, Way::In);
                of_a_macvlan(rule);
                rule.look_up_value(REPORTERS, 2);
                rule.duplicate(1, 2);
            },
            Verdict::Drop,
        );
        if family == Family::V6 {
            self.set(SOLICITORS, (LINK_INDEX, 4), 0);
            self.rule(
                Way::Out.chain(),
                |rule| {
                    icmpv6(rule, ROUTER_SOLICITATION);
                    of_a_macvlan(rule);
                    rule.look_up(SOLICITORS, 2);
                },
                Verdict::Drop,
            );
        }
    }

    fn make_ipv6(&mut self, shape: Shape) {
        for way in Way::BOTH {
            let table = self.settings.table.as_str();
            self.batch.message(Verb::NewChain, Family::V6, |message| {
                message.text(1, table);
                message.text(3, way.link_local_chain());
            });
        }
        self.set(VIPS, (IPV6_ADDRESS, 16), 0);
        self.set(DISCOVERY, (ICMPV6_TYPE, 1), CONSTANT);
        let types = [[NEIGHBOUR_SOLICITATION], [NEIGHBOUR_ADVERTISEMENT]];
        self.keys(Verb::NewElements, DISCOVERY, types.iter().map(|kind| (kind.to_vec(), None)));
        for way in Way::BOTH {
            self.rule(
                way.chain(),
                |rule| {
                    rule.load_payload(Base::Network, 6, 1);
                    rule.compare(1, &[ICMPV6]);
                    rule.load_payload(Base::Transport, 0, 1);
                    rule.look_up(DISCOVERY, 1);
                },
                Verdict::Accept,
            );
            self.rule(
                way.chain(),
                |rule| {
                    address(rule, Family::V6, way);
                    rule.mask(&[0xff, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                    rule.compare(1, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                },
                Verdict::Goto(way.link_local_chain()),
            );
        }
        self.drop_vips();
        if shape.on_index {
            self.set(ON_INDEX, (IPV6_ADDRESS << 6 | LINK_INDEX, 16 + 4), 0);
            self.drop_link_local(ON_INDEX, [Meta::InIndex, Meta::OutIndex]);
        }
        if shape.on_name {
            self.set(ON_NAME, (IPV6_ADDRESS << 6 | LINK_NAME, 16 + LINK_NAME_LENGTH as u32), 0);
            self.drop_link_local(ON_NAME, [Meta::InName, Meta::OutName]);
        }
    }

    fn drop_vips(&mut self) {
        let family = self.family;
        for way in Way::BOTH {
            self.rule(
                way.chain(),
                |rule| {
                    address(rule, family, way);
                    rule.look_up(VIPS, 1);
                },
                Verdict::Drop,
            );
        }
    }

    fn drop_link_local(&mut self, set: &str, links: [Meta; 2]) {
        for (way, link) in Way::BOTH.into_iter().zip(links) {
            self.rule(
                way.link_local_chain(),
                |rule| {
                    address(rule, Family::V6, way);
                    rule.load_meta(link, 2);
                    rule.look_up(set, 1);
                },
                Verdict::Drop,
            );
        }
    }

    fn base_chain(&mut self, way: Way) {
        const ACCEPT: u32 = 1;
        let Settings { table, priority, .. } = self.settings;
        self.batch.message(Verb::NewChain, self.family, |message| {
            message.text(1, table);
            message.text(3, way.chain());
            message.nest(4, |hook| {
                hook.number(1, way.hook());
                hook.bytes(2, &priority.to_be_bytes());
            });
            message.number(5, ACCEPT);
            message.text(7, "filter");
        });
    }

    /// Type and length of the keys; of a map also of the values.
    fn set(&mut self, name: &str, (key, length): (u32, u32), flags: u32) {
        let table = self.settings.table.as_str();
        let number = self.batch.next_set();
        self.batch.message(Verb::NewSet, self.family, |message| {
            message.text(1, table);
            message.text(2, name);
            message.number(3, flags);
            message.number(4, key);
            message.number(5, length);
            if flags & MAP != 0 {
                message.number(6, key);
                message.number(7, length);
            }
            message.number(10, number);
            if key == LINK_INDEX {
                message.bytes(13, &in_host_order(flags & MAP != 0));
            }
        });
    }

    fn rule(&mut self, chain: &str, fill: impl FnOnce(&mut Attributes<'_>), verdict: Verdict<'_>) {
        let Settings { table, counters, .. } = self.settings;
        self.batch.message(Verb::NewRule, self.family, |message| {
            message.text(1, table);
            message.text(2, chain);
            message.nest(4, |rule| {
                fill(rule);
                if *counters {
                    rule.count();
                }
                rule.verdict(verdict);
            });
        });
    }

    fn elements<'a>(&mut self, verb: Verb, dropped: impl Iterator<Item = &'a Dropped>) {
        let mut sets: BTreeMap<&str, Vec<Element>> = BTreeMap::new();
        let mut add = |set, key, value| sets.entry(set).or_default().push((key, value));
        for one in dropped {
            match one {
                Dropped::Anywhere(IpAddr::V4(address)) => add(VIPS, address.octets().to_vec(), None),
                Dropped::Anywhere(IpAddr::V6(address)) => add(VIPS, address.octets().to_vec(), None),
                // The kernel compares the number as it has it.
                Dropped::OnIndex(address, link) => {
                    add(ON_INDEX, [address.octets().as_slice(), &link.get().to_ne_bytes()].concat(), None);
                }
                Dropped::OnName(address, link) => {
                    let mut name = link.as_str().as_bytes().to_vec();
                    name.resize(LINK_NAME_LENGTH, 0);
                    add(ON_NAME, [address.octets().as_slice(), &name].concat(), None);
                }
                Dropped::Reports { family, link, base } => {
                    let link = link.get().to_ne_bytes().to_vec();
                    if *family == Family::V6 {
                        add(SOLICITORS, link.clone(), None);
                    }
                    add(REPORTERS, link, Some(base.get().to_ne_bytes().to_vec()));
                }
            }
        }
        for (set, elements) in sets {
            self.keys(verb, set, elements.into_iter());
        }
    }

    fn keys(&mut self, verb: Verb, set: &str, elements: impl Iterator<Item = Element>) {
        let elements: Vec<_> = elements.collect();
        let table = self.settings.table.as_str();
        for some in elements.chunks(ELEMENTS) {
            self.batch.message(verb, self.family, |message| {
                message.text(1, table);
                message.text(2, set);
                message.nest(3, |list| {
                    for (key, value) in some {
                        list.nest(1, |element| {
                            element.nest(1, |data| data.bytes(1, key));
                            if let Some(value) = value {
                                element.nest(2, |data| data.bytes(1, value));
                            }
                        });
                    }
                });
            });
        }
    }
}

/// ICMPv6 of one type, behind whatever extension headers.
fn icmpv6(rule: &mut Attributes<'_>, kind: u8) {
    rule.load_meta(Meta::Protocol, 1);
    rule.compare(1, &[ICMPV6]);
    rule.load_payload(Base::Transport, 0, 1);
    rule.compare(1, &[kind]);
}

/// What leaves through a macvlan; its number is in the second register then.
fn of_a_macvlan(rule: &mut Attributes<'_>) {
    rule.load_meta(Meta::OutKind, 2);
    rule.compare(2, b"macvlan\0\0\0\0\0\0\0\0\0");
    rule.load_meta(Meta::OutIndex, 2);
}

/// Loads the address of ours: the destination of what comes in, the source of what goes out.
fn address(rule: &mut Attributes<'_>, family: Family, way: Way) {
    let (offset, length) = match (family, way) {
        (Family::V4, Way::Out) => (12, 4),
        (Family::V4, Way::In) => (16, 4),
        (Family::V6, Way::Out) => (8, 16),
        (Family::V6, Way::In) => (24, 16),
    };
    rule.load_payload(Base::Network, offset, length);
}
