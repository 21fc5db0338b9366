//! `linkbeat_interfaces { … }` and `interface_up_down_delays { … }`: how the state of links is taken.

use super::VrrpInstance;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::environment::Fact;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::Otherwise;
use crate::types::IfName;
use std::time::Duration;

/// An interface that is asked for its carrier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Linkbeat {
    /// The interface.
    pub interface: IfName,
    /// `None`: the first that works, in the order of the methods.
    pub method: Option<LinkbeatMethod>,
}

/// How an interface is asked for its carrier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkbeatMethod {
    /// The registers of the transceiver.
    Mii,
    /// The driver.
    Ethtool,
    /// The flags of the interface.
    Ioctl,
}

/// How long a link must be in a state before that counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpDownDelays {
    /// The interface.
    pub interface: IfName,
    /// From going down to counting as down; at most 255 s.
    pub down: Duration,
    /// From coming up to counting as up; at most 255 s.
    pub up: Duration,
}

/// The interface of an entry, if there is one; `what` is what it is specified for.
fn entry_interface(word: &Word, what: &str, cx: &mut Context<'_>) -> Option<IfName> {
    let may_be = |name: &IfName| cx.interfaces_may_come || cx.environment.link(name) != Fact::Absent;
    let name = IfName::new(word.as_str()).ok().filter(may_be);
    if name.is_none() {
        let problem =
            Diagnostic::error("no-such-interface", word.span, format!("there is no interface `{word}`"))
                .class(Class::Unusable)
                .classic(format!("unknown interface {word} specified for {what}"))
                .label("this entry is ignored");
        cx.report(problem);
    }
    name
}

pub(super) fn linkbeat_interfaces(linkbeat: &mut Vec<Linkbeat>, node: &Node, cx: &mut Context<'_>) {
    for entry in node.entries() {
        let [name, options @ ..] = entry.as_slice() else { continue };
        let Some(interface) = entry_interface(name, "linkbeat interface", cx) else { continue };
        let method = match options {
            [] => None,
            [word, rest @ ..] => {
                let method = match word.as_str() {
                    "MII" => Some(LinkbeatMethod::Mii),
                    "ETHTOOL" => Some(LinkbeatMethod::Ethtool),
                    "IOCTL" => Some(LinkbeatMethod::Ioctl),
                    _ => None,
                };
                if let Some(extra) = if method.is_none() { Some(word) } else { rest.first() } {
                    let message = format!("`{extra}` means nothing here");
                    let problem = Diagnostic::error("extra-words", extra.span, message)
                        .classic(format!("extra characters {word} in linkbeat interface"))
                        .label("ignored")
                        .help("`MII`, `ETHTOOL` or `IOCTL` can stand behind the interface");
                    cx.report(problem);
                }
                method
            }
        };
        linkbeat.retain(|other| other.interface != interface);
        linkbeat.push(Linkbeat { interface, method });
    }
}

/// Microseconds of a delay.
const DELAY: std::ops::RangeInclusive<u64> = 0..=255_000_000;

pub(super) fn up_down_delays(delays: &mut Vec<(Word, UpDownDelays)>, node: &Node, cx: &mut Context<'_>) {
    for entry in node.entries() {
        let [name, times @ ..] = entry.as_slice() else { continue };
        let Some(interface) = entry_interface(name, "up/down delay", cx) else { continue };
        let Some(down) = times.first() else {
            let message = format!("`{name}` needs a delay");
            let problem = Diagnostic::warning("missing-value", name.span, message)
                .class(Class::Harmless)
                .classic(format!("No timeouts specified for {name} up/down delays"))
                .label("this entry is ignored");
            cx.report(problem);
            continue;
        };
        if let Some(extra) = times.get(2) {
            let problem = Diagnostic::warning("extra-words", extra.span, "there are two delays at most")
                .class(Class::Harmless)
                .classic(format!("Too many parameters for {name} up/down delays"))
                .label("ignored from here on");
            cx.report(problem);
        }
        let Some(down) = delay(down, "down", name, cx) else { continue };
        let up = match times.get(1) {
            Some(up) => delay(up, "up", name, cx),
            None => Some(Duration::ZERO),
        };
        let Some(up) = up else { continue };
        delays.retain(|(_, other)| other.interface != interface);
        delays.push((name.clone(), UpDownDelays { interface, down, up }));
    }
}

/// An interface that takes as long to go down as its master to be missed has no use: each instance that
/// runs on it sets a limit.
pub(in crate::config) fn settle_delays(
    mut delays: Vec<(Word, UpDownDelays)>,
    instances: &[VrrpInstance],
    cx: &mut Context<'_>,
) -> Vec<UpDownDelays> {
    for instance in instances {
        let VrrpInstance { name, interface: Some(interface), down_timer_adverts, .. } = instance else {
            continue;
        };
        let on_it = delays.iter_mut().find(|(_, delays)| delays.interface == *interface);
        let Some((word, delays)) = on_it else { continue };
        let adverts = u32::from(*down_timer_adverts).saturating_sub(1);
        let interval = instance.advert_int.duration();
        let limit = interval * adverts;
        if delays.down < limit && delays.up < limit || delays.down.is_zero() && delays.up.is_zero() {
            continue;
        }
        let (text, most) = match adverts {
            0 => {
                let text =
                    format!("{name}: cannot use debounce timers with down_timer_adverts = 1 - resetting");
                (text, Duration::ZERO)
            }
            _ => {
                let text = format!(
                    "{name}: interface {interface} debounce timer(s) not less that {adverts} * advert_int - resetting"
                );
                (text, limit.saturating_sub(interval / 256))
            }
        };
        (delays.down, delays.up) = (delays.down.min(most), delays.up.min(most));
        let message = format!(
            "`{interface}` counts as up or down after {} s at most, before `{name}` misses its master",
            most.as_secs_f64()
        );
        let problem = Diagnostic::note("delays-shortened", word.span, message);
        cx.report(problem.classic(text).at_completion());
    }
    delays.into_iter().map(|(_, delays)| delays).collect()
}

fn delay(word: &Word, which: &str, name: &Word, cx: &mut Context<'_>) -> Option<Duration> {
    let value = cx.decimal(word, 6, DELAY, Otherwise::ignored(""));
    if value.is_none() {
        let message = format!("`{name}` has no delays");
        let problem = Diagnostic::warning("entry-ignored", word.span, message)
            .class(Class::Harmless)
            .classic(format!("Invalid {which} delay {word} for {name}"))
            .label("because of this");
        cx.report(problem);
    }
    value.map(Duration::from_micros)
}

compared! { Linkbeat {
    interface: "linkbeat_interfaces" None plain;
    method: "linkbeat_interfaces" None hidden;
}}

compared! { UpDownDelays {
    interface: "interface_up_down_delays" None plain;
    down: "down_delay" Timers time;
    up: "up_delay" Timers time;
}}

impl AsRef<Linkbeat> for Linkbeat {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsRef<UpDownDelays> for UpDownDelays {
    fn as_ref(&self) -> &Self {
        self
    }
}
