//! The start behind a link that has just come up.
//!
//! Such a link may send before it receives: a switch port learns, a bond negotiates, a firewall is loaded. Whoever
//! takes the silence for a dead master is a second one. So an instance that has heard no advert in its life stays
//! backup for longer there, until it hears one, but not for ever.

use super::Instance;
use crate::types::{IfName, Instant, State};
use crate::vrrp::notice::{Fault, NoticeKind};
use crate::vrrp::timers::Timer;
use std::collections::BTreeSet;
use std::time::Duration;

/// How an instance starts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Silence {
    /// For so long after its link has come up, at most; zero: no longer than it waits anyway.
    pub bound: Duration,
    /// Its link has come up just now: until then.
    pub until: Option<Instant>,
}

impl Instance {
    /// Right after the start, unless it takes the place of one that was there a moment ago.
    pub fn listen_first(&mut self, silence: Silence) {
        if !self.has_heard && self.state != State::Master {
            self.silence = silence;
        }
    }

    /// A fault has gone: if it was a dead link, that has come up just now.
    pub(super) fn note_link_up(&mut self, now: Instant, before: &BTreeSet<Fault>, after: &BTreeSet<Fault>) {
        let own =
            |link: &IfName| [self.config.advert_link(), self.config.interface.as_ref()].contains(&Some(link));
        let is_own = |fault: &&Fault| matches!(fault, Fault::Link(link) if own(link));
        if !self.silence.bound.is_zero() && before.difference(after).any(|fault| is_own(&fault)) {
            self.silence.until = Some(now + self.silence.bound);
        }
    }

    /// Whether the end of the wait says nothing yet; then there is another end.
    pub(super) fn goes_on_listening(&mut self, now: Instant) -> bool {
        let Some(until) = self.silence.until.filter(|until| now < *until) else { return false };
        self.notice(NoticeKind::ListensFirst(until.since(now)));
        self.ready = false;
        self.timers.arm(Timer::MasterDown, until);
        true
    }

    /// An advert has arrived: the link carries them, and from here on the usual times count.
    pub(super) fn note_heard(&mut self, now: Instant) {
        self.has_heard = true;
        if std::mem::take(&mut self.silence).until.is_some()
            && let Some(deadline) = self.timers.get(Timer::MasterDown)
        {
            self.timers.arm(Timer::MasterDown, deadline.min(now + self.master_down()));
        }
    }
}
