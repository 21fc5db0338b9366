//! One virtual router's rules, and what couples several of them.
//!
//! [`Instance`] is the state machine of RFC 3768 and RFC 9568 with keepalived's FAULT state;
//! [`Switchboard`] turns what happens to tracked things and links into what each instance must know.
//! Both are values without IO, driven alike:
//!
//! 1. exactly one of `handle(now, input)` and `handle_timeout(now)`,
//! 2. `poll_effect()` until it yields nothing, carrying out each effect in that order,
//! 3. sleep until `poll_timeout()` or the next input.
//!
//! The order of effects is part of the contract: the advert leaves before the addresses move, the
//! addresses are there before they are announced, scripts are told last.

mod accept;
mod checksum;
mod effect;
mod instance;
mod notice;
mod notify;
mod patience;
mod sequences;
mod source;
mod stats;
mod switchboard;
mod sync_group;
mod timers;
mod virtual_links;

pub use crate::config::diff::same_router;
pub use accept::{Accepted, Carrier, Datagram, Discard, DiscardKind};
pub use effect::{AddressChange, Announce, Blocked, Effect, Event, KernelChange, Notification, Transmit};
pub use instance::{
    Claim, ConflictCause, Heard, Input, Instance, InstanceStatus, Leftovers, Lost, OtherMaster, PartingTimes,
    Silence, Start,
};
pub use notice::{Answer, Fault, GroupNotice, GroupNoticeKind, Notice, NoticeKind, RoutingKind};
pub use notify::{
    Backlog, Call, CallId, FifoSlot, KILL_GRACE, LineKind, Notifier, NotifyEffect, NotifyInput, NotifyNotice,
    NotifySettings, PREDECESSOR_LIMIT, STOP_LIMIT, Subject, TERM_GRACE, Telling,
};
pub use source::{LinkAddress, Source, primary_source};
pub use stats::Stats;
pub use switchboard::{Followed, RunId, ScriptStatus, SwitchEffect, SwitchInput, Switchboard, Tracking};
pub use sync_group::{GroupReport, GroupSays, GroupStatus, Stance, Word};
pub use timers::Timer;
pub use virtual_links::{
    LinkEffect, LinkNotice, LinkNoticeKind, LinkSetting, LinkStep, LinkTable, LinkView, LoanSetting,
    VirtualLinks, loans,
};

#[cfg(test)]
pub(crate) use instance::sample::sample;
