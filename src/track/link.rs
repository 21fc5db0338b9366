//! One link: whether it counts as up, which may be later than it is (`interface_up_down_delays`).

use super::Notice;
use crate::config::block::UpDownDelays;
use crate::types::{IfName, Instant};
use std::fmt;
use std::time::Duration;

/// How a link is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LinkStatus {
    /// There is none of that name.
    Absent,
    /// It is there, but not up or without a carrier.
    Down,
    /// It is up and running (IFF_UP and IFF_RUNNING).
    Up,
}

impl LinkStatus {
    /// Of a link that is there.
    #[must_use]
    pub fn of(up: bool) -> Self {
        if up { Self::Up } else { Self::Down }
    }
}

/// What an operator is told of a link; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkNotice {
    /// It counts as up (`true`) or down from now on; keepalived's words.
    Counts(IfName, bool),
    /// It is up (`true`) or down, and will count as that after this long.
    Waits(IfName, bool, Duration),
    /// It has become again what it counted as all the time.
    Recovered(IfName, bool),
}

fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

impl fmt::Display for LinkNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counts(link, up) => write!(f, "Netlink reports {link} {}", word(*up)),
            Self::Waits(link, up, delay) => {
                let seconds = delay.as_secs_f64();
                write!(f, "Netlink reports {link} {}, which counts in {seconds} seconds", word(*up))
            }
            Self::Recovered(link, up) => {
                write!(f, "Netlink reports {link} {} again in time: nothing has changed", word(*up))
            }
        }
    }
}

/// The machine of one link.
///
/// ```text
///            another state             delay over, or the link is gone
///  settled ─────────────────▶ in doubt ───────────────────────────────▶ settled otherwise
///     ▲                          │
///     └──────────────────────────┘ the old state again
/// ```
///
/// Without a delay there is no doubt, and none about a link that has never been up.
#[derive(Debug)]
pub struct LinkTracker {
    link: IfName,
    counts: bool,
    /// Since when it is not what it counts as.
    doubt: Option<Instant>,
    was_up: bool,
    down_delay: Duration,
    up_delay: Duration,
}

impl LinkTracker {
    /// Of a link that was found like this, without delays.
    #[must_use]
    pub fn new(link: IfName, state: LinkStatus) -> Self {
        let up = state == LinkStatus::Up;
        let (down_delay, up_delay) = (Duration::ZERO, Duration::ZERO);
        Self { link, counts: up, doubt: None, was_up: up, down_delay, up_delay }
    }

    /// Whether it counts as up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.counts
    }

    /// From now on these delays; a doubt goes by them since it began.
    pub fn set_delays(&mut self, delays: Option<&UpDownDelays>) {
        let delays = delays.map(|delays| (delays.down, delays.up));
        (self.down_delay, self.up_delay) = delays.unwrap_or_default();
    }

    /// Takes the state that the link has now; what there is to tell.
    pub fn handle(&mut self, now: Instant, state: LinkStatus) -> Option<Notice> {
        let up = state == LinkStatus::Up;
        if state == LinkStatus::Absent {
            self.was_up = false;
        }
        let notice = match (up == self.counts, self.doubt) {
            (true, None) => return None,
            (true, Some(_)) => {
                self.doubt = None;
                LinkNotice::Recovered(self.link.clone(), up)
            }
            (false, None) if self.was_up && !self.delay().is_zero() => {
                self.doubt = Some(now);
                LinkNotice::Waits(self.link.clone(), up, self.delay())
            }
            (false, Some(_)) if self.was_up => return None,
            (false, _) => self.settle(),
        };
        Some(Notice::Link(notice))
    }

    /// Acts when a doubt is over; what there is to tell.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Notice> {
        self.poll_timeout().filter(|at| *at <= now).map(|_| Notice::Link(self.settle()))
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.doubt.map(|since| since + self.delay())
    }

    /// Until the other state counts.
    fn delay(&self) -> Duration {
        if self.counts { self.down_delay } else { self.up_delay }
    }

    fn settle(&mut self) -> LinkNotice {
        self.doubt = None;
        self.counts = !self.counts;
        self.was_up |= self.counts;
        LinkNotice::Counts(self.link.clone(), self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::LinkStatus::{Absent, Down, Up};
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// Down after 300 ms, up after 200 ms.
    fn link(state: LinkStatus) -> LinkTracker {
        let interface = IfName::new("eth0").unwrap();
        let mut link = LinkTracker::new(interface.clone(), state);
        let (down, up) = (Duration::from_millis(300), Duration::from_millis(200));
        link.set_delays(Some(&UpDownDelays { interface, down, up }));
        link
    }

    fn line(notice: Option<Notice>) -> String {
        notice.map(|notice| notice.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_lasts_long_enough_counts() {
        let mut link = link(Up);
        assert_eq!(line(link.handle(ms(0), Down)), "Netlink reports eth0 down, which counts in 0.3 seconds");
        // The same again moves nothing.
        assert_eq!(link.handle(ms(100), Down), None);
        assert_eq!((link.poll_timeout(), link.is_up()), (Some(ms(300)), true));
        assert_eq!(link.handle_timeout(ms(299)), None);
        assert_eq!(line(link.handle_timeout(ms(300))), "Netlink reports eth0 down");
        assert_eq!((link.poll_timeout(), link.is_up()), (None, false));
        assert_eq!(line(link.handle(ms(400), Up)), "Netlink reports eth0 up, which counts in 0.2 seconds");
        assert_eq!(line(link.handle_timeout(ms(600))), "Netlink reports eth0 up");
        assert!(link.is_up());
    }

    #[test]
    fn what_does_not_last_never_was() {
        let mut link = link(Up);
        link.handle(ms(0), Down);
        let recovered = "Netlink reports eth0 up again in time: nothing has changed";
        assert_eq!(line(link.handle(ms(299), Up)), recovered);
        assert_eq!((link.handle_timeout(ms(300)), link.poll_timeout()), (None, None));
        // Each doubt is as long as the first.
        link.handle(ms(400), Down);
        assert_eq!(link.poll_timeout(), Some(ms(700)));
    }

    #[test]
    fn a_link_that_is_gone_is_down_at_once_and_a_new_one_up_at_once() {
        let mut link = link(Up);
        link.handle(ms(0), Down);
        assert_eq!(line(link.handle(ms(1), Absent)), "Netlink reports eth0 down");
        assert_eq!(link.handle(ms(2), Down), None);
        assert_eq!(line(link.handle(ms(3), Up)), "Netlink reports eth0 up");
    }

    #[test]
    fn a_link_that_was_found_down_is_up_at_once_and_only_then_waited_for() {
        let mut link = link(Down);
        assert_eq!(line(link.handle(ms(0), Up)), "Netlink reports eth0 up");
        link.handle(ms(0), Down);
        assert_eq!(link.poll_timeout(), Some(ms(300)));
    }

    #[test]
    fn other_delays_count_from_when_the_doubt_began() {
        let mut link = link(Up);
        link.handle(ms(0), Down);
        link.set_delays(None);
        assert_eq!(link.poll_timeout(), Some(ms(0)));
        assert_eq!(line(link.handle_timeout(ms(100))), "Netlink reports eth0 down");
    }
}
