//! Two routers that both own the addresses: a mistake that must not leave two masters (keepalived 2.4).
//!
//! Neither of two owners can be outbid, so the lower address gives way at once. The higher one expects
//! that, and if adverts of the other still come after two of its own and a little more than an interval,
//! it is the one to step down, to 254, until the other is gone.

use super::Instance;
use crate::types::{AdvertInt, Instant, Priority};
use crate::vrrp::notice::NoticeKind;
use crate::vrrp::timers::Timer;
use std::cmp::Ordering;
use std::net::IpAddr;

/// Adverts of ours that the other owner gets to hear before it must be silent.
const WARNINGS: u8 = 2;

/// What there is to do about another owner.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Rival {
    /// Adverts that we still send before the other must be silent; 0: none is heard, or the time runs.
    warnings: u8,
    /// Its interval.
    interval: Option<AdvertInt>,
    /// We stand back: our priority is 254 for as long as the other is there.
    stood_back: bool,
}

impl Instance {
    /// The priority that trackers and another owner leave us.
    pub(super) fn effective_priority(&self) -> Priority {
        match self.rival.stood_back {
            true => Priority::HIGHEST_BACKUP,
            false => self.config.priority.effective(self.tracking.weight),
        }
    }

    /// As master with 255, an advert with 255.
    pub(super) fn on_other_owner(&mut self, from: IpAddr, interval: AdvertInt, by_address: Ordering) {
        match by_address {
            Ordering::Equal => {}
            Ordering::Greater => self.notice(NoticeKind::TwoOwners(from)),
            Ordering::Less if self.timers.get(Timer::OtherOwner).is_some() => {
                self.notice(NoticeKind::StandsBack(from));
                self.timers.disarm(Timer::OtherOwner);
                self.rival = Rival { stood_back: true, ..Rival::default() };
                self.priority = self.effective_priority();
            }
            Ordering::Less => {
                if self.rival.warnings == 0 {
                    self.notice(NoticeKind::TwoOwners(from));
                    self.rival.warnings = WARNINGS;
                }
                self.rival.interval = Some(interval);
            }
        }
    }

    /// An advert of ours has gone out on time.
    pub(super) fn warn_other_owner(&mut self, now: Instant) {
        let Some(theirs) = self.rival.interval.filter(|_| self.rival.warnings > 0) else { return };
        self.rival.warnings -= 1;
        if self.rival.warnings == 0 {
            let longer = theirs.duration().max(self.config.advert_int.duration());
            self.timers.arm(Timer::OtherOwner, now + longer * 12 / 10);
        }
    }

    /// No longer master: nobody is to be warned.
    pub(super) fn forget_other_owner(&mut self) {
        self.rival = Rival { stood_back: self.rival.stood_back, ..Rival::default() };
    }

    /// As backup, an advert that is not the other owner's: nobody bids 255 against us any more.
    pub(super) fn return_from_standing_back(&mut self, kind: NoticeKind) {
        if std::mem::take(&mut self.rival.stood_back) {
            self.notice(kind);
            self.priority = self.effective_priority();
        }
    }
}
