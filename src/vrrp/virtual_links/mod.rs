//! The links that instances run on and that we make: VMACs and ipvlans.
//!
//! [`VirtualLinks`] knows which there are to be, and is shown which there are after everything that happens to
//! links. It acts on what it sees, not on what it has heard: a link that somebody deletes, a base that comes
//! back under another number, and what a killed predecessor has left need no case of their own. Only that a base
//! is another one under the same number cannot be seen ([`VirtualLinks::renew`]).

mod blueprint;
#[cfg(test)]
mod tests;

pub use blueprint::{LinkSetting, LoanSetting, loans};

use super::patience::Patience;
use super::source::LinkAddress;
use crate::config::Config;
use crate::config::block::{VirtualLink, VirtualLinkKind};
use crate::types::{IfIndex, IfName, Instant, IpNet, MacAddr, Stacked};
use blueprint::{Blueprint, blueprints};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What could not be done is tried again after this long; doubled each time.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// How long a link that was made may take to be seen.
const SIGHT: Duration = Duration::from_secs(1);

/// A link as the kernel has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkView {
    /// Its number.
    pub index: IfIndex,
    /// Up, with a carrier.
    pub up: bool,
    /// Configured up.
    pub raised: bool,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// What it is on top of another, if it is.
    pub stacked: Option<Stacked>,
    /// The number of the link below, where it is.
    pub base: Option<IfIndex>,
    /// The VRF that it is in.
    pub vrf: Option<IfIndex>,
    /// Its interface group.
    pub group: u32,
    /// Its addresses, in the kernel's order, but for those of virtual routers.
    pub addresses: Vec<LinkAddress>,
}

/// Shows links.
pub trait LinkTable {
    /// The link of that name, if there is one now.
    fn link(&self, name: &IfName) -> Option<LinkView>;
}

/// One thing to do to a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkStep {
    /// Make it.
    Make {
        /// What it is.
        kind: VirtualLinkKind,
        /// The link below.
        base: IfIndex,
        /// The VRF that it is to be in.
        vrf: Option<IfIndex>,
        /// Its interface group.
        group: u32,
    },
    /// Change a setting of it.
    Set(LinkSetting),
    /// Bring it up.
    Raise,
    /// Put it into a VRF, or into none.
    Move(Option<IfIndex>),
    /// Add an address that is no virtual one; `true`: never preferred as a source.
    Install(IpNet, bool),
    /// Remove such an address.
    Uninstall(IpNet),
    /// Have the kernel report the link below once more, which is in this interface group.
    Report(IfName, u32),
    /// Remove it.
    Remove,
}

/// What [`VirtualLinks`] wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkEffect {
    /// Do this to the link of that name, in this order, and tell how it went: [`VirtualLinks::done`].
    Do(IfName, Vec<LinkStep>),
    /// Tell the operator.
    Notice(LinkNotice),
}

/// Something about a virtual link worth a line in the log; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkNotice {
    /// Name of the instance that it is for.
    pub instance: String,
    /// The link.
    pub link: IfName,
    /// Whether it is a VMAC.
    pub vmac: bool,
    /// What happened.
    pub kind: LinkNoticeKind,
}

/// What happened to a virtual link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkNoticeKind {
    /// It is there.
    Made,
    /// It cannot be made, for this reason.
    NotMade(String),
    /// It was there, as it is to be.
    Found,
    /// What was there was another's, and goes.
    Replaces,
    /// What is there is no virtual link, and stays.
    Conflicts,
    /// It is gone.
    Removed,
    /// It cannot be removed, for this reason.
    NotRemoved(String),
    /// It is there, but something about it cannot be had, for this reason.
    NotComplete(String),
}

impl LinkNotice {
    /// Whether keepalived writes it with `-D` only.
    #[must_use]
    pub const fn is_detail(&self) -> bool {
        matches!(self.kind, LinkNoticeKind::Made | LinkNoticeKind::Removed)
    }
}

impl fmt::Display for LinkNotice {
    /// In keepalived's words, which call every virtual link that goes a VMAC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, link, vmac, kind } = self;
        let what = if *vmac { "VMAC" } else { "ipvlan" };
        match kind {
            LinkNoticeKind::Made => write!(f, "({instance}): Success creating {what} interface {link}"),
            LinkNoticeKind::NotMade(why) => {
                write!(f, "({instance}): Unable to create {what} interface {link}: {why}")
            }
            LinkNoticeKind::Found => write!(f, "({instance}) Found matching interface {link}"),
            LinkNoticeKind::Replaces => {
                write!(f, "({instance}) Removing old {what} interface {link} due to conflicting interface")
            }
            LinkNoticeKind::Conflicts => write!(f, "{what} {link} conflicts with existing interface"),
            LinkNoticeKind::Removed => write!(f, "({instance}) Success removing VMAC interface {link}"),
            LinkNoticeKind::NotRemoved(why) => {
                write!(f, "({instance}) Error removing VMAC interface {link}: {why}")
            }
            LinkNoticeKind::NotComplete(why) => write!(f, "({instance}) {what} interface {link}: {why}"),
        }
    }
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Not there, or not ours; looked at again at each event, and at that time.
    Absent(Option<Instant>),
    /// Being worked on.
    Asked(Purpose),
    /// Made, but not seen so far; given up then.
    Made(Instant),
    /// There.
    Standing,
}

/// What for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Make,
    Adopt,
    Tend,
}

/// A link that is wanted.
#[derive(Debug)]
struct Kept {
    plan: Blueprint,
    phase: Phase,
    /// When the next attempt may be made.
    delay: Duration,
    /// A conflict was told.
    told: bool,
    /// What was asked for last, and when, once it stood.
    tended: Option<(Vec<LinkStep>, Instant)>,
    /// When it is to be looked at without an event.
    wake: Option<Instant>,
    /// With whoever deletes it or makes another link of it.
    patience: Option<Patience>,
    /// The base that it was last tried on, while that is there. What it could not have on one link it need
    /// not wait for on the next.
    tried_on: Option<IfIndex>,
}

/// The virtual links of a configuration.
#[derive(Debug, Default)]
pub struct VirtualLinks {
    kept: Vec<Kept>,
    /// No longer wanted, and still there.
    leaving: Vec<VirtualLinkOf>,
    /// Being removed.
    going: Vec<VirtualLinkOf>,
    effects: VecDeque<LinkEffect>,
}

/// A virtual link, and the instance that the log names with it.
#[derive(Clone, Debug)]
struct VirtualLinkOf {
    instance: String,
    link: VirtualLink,
}

impl VirtualLinkOf {
    fn notice(&self, kind: LinkNoticeKind) -> LinkEffect {
        let (instance, link) = (self.instance.clone(), self.link.name.clone());
        LinkEffect::Notice(LinkNotice { instance, link, vmac: self.link.is_vmac(), kind })
    }
}

impl VirtualLinks {
    /// From now on these are wanted. What is no longer wanted stays until [`Self::let_go`].
    pub fn follow(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.kept);
        for plan in blueprints(config) {
            let same = |kept: &Kept| kept.plan.is_same_link(&plan);
            let kept = match before.iter().position(same) {
                Some(index) => Kept { plan, ..before.remove(index) },
                None => Kept::new(plan),
            };
            self.kept.push(kept);
        }
        let wanted = |name: &IfName| self.kept.iter().any(|kept| kept.plan.of.link.name == *name);
        self.leaving.retain(|leaving| !wanted(&leaving.link.name));
        let gone = before.into_iter().filter(|kept| kept.is_ours() && !wanted(&kept.plan.of.link.name));
        self.leaving.extend(gone.map(|kept| kept.plan.of));
    }

    /// Removes what is no longer wanted.
    pub fn let_go(&mut self) {
        for leaving in self.leaving.drain(..) {
            let mut steps = vec![LinkStep::Remove];
            steps.extend(report(&leaving.link, leaving.link.group));
            self.effects.push_back(LinkEffect::Do(leaving.link.name.clone(), steps));
            self.going.push(leaving);
        }
    }

    /// Whether everything that was let go of is gone, or cannot go.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.leaving.is_empty() && self.going.is_empty()
    }

    /// Whether a link is wanted, and can be had: the one below it is up.
    #[must_use]
    pub fn can_have(&self, name: &IfName, links: &impl LinkTable) -> bool {
        let wanted = self.kept.iter().find(|kept| kept.plan.of.link.name == *name && kept.is_ours());
        wanted.and_then(|kept| links.link(&kept.plan.of.link.base)).is_some_and(|base| base.up)
    }

    /// The links that are there.
    pub fn standing(&self) -> impl Iterator<Item = &IfName> {
        let stands =
            |kept: &&Kept| kept.phase == Phase::Standing || kept.phase == Phase::Asked(Purpose::Tend);
        self.kept.iter().filter(stands).map(|kept| &kept.plan.of.link.name)
    }

    /// Whether each link is there and can be used, or will not be before something else happens.
    #[must_use]
    pub fn is_settled(&self, links: &impl LinkTable) -> bool {
        self.kept.iter().all(|kept| kept.is_settled(links))
    }

    /// A link has been made, perhaps under the number of one that has gone: what failed on that is forgotten.
    pub fn renew(&mut self, base: &IfName) {
        for kept in self.kept.iter_mut().filter(|kept| kept.plan.of.link.base == *base) {
            (kept.tried_on, kept.patience, kept.delay) = (None, None, RETRY);
        }
    }

    /// Looks at the links as they are now.
    pub fn review(&mut self, now: Instant, links: &impl LinkTable) {
        for kept in &mut self.kept {
            kept.review(now, links, &mut self.effects);
        }
    }

    /// As [`Self::review`], for what may have changed with these links.
    pub fn review_near(&mut self, now: Instant, links: &impl LinkTable, changed: &BTreeSet<IfName>) {
        let near = |kept: &&mut Kept| {
            [&kept.plan.of.link.name, &kept.plan.of.link.base].iter().any(|name| changed.contains(*name))
        };
        for kept in self.kept.iter_mut().filter(near) {
            kept.review(now, links, &mut self.effects);
        }
    }

    /// What was wanted of a link has been done, or could not be, for this reason.
    pub fn done(&mut self, now: Instant, name: &IfName, failure: Option<String>) {
        if let Some(index) = self.going.iter().position(|going| going.link.name == *name) {
            let going = self.going.remove(index);
            let kind = failure.map_or(LinkNoticeKind::Removed, LinkNoticeKind::NotRemoved);
            self.effects.push_back(going.notice(kind));
            return;
        }
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.plan.of.link.name == *name) {
            kept.done(now, failure, &mut self.effects);
        }
    }

    /// When [`Self::review`] is to be called without an event.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.kept.iter().filter_map(|kept| kept.wake).min()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<LinkEffect> {
        self.effects.pop_front()
    }
}

/// `netlink_notify_msg`: the kernel tells nobody that it has made some kinds of base promiscuous.
fn report(link: &VirtualLink, group: Option<u32>) -> Option<LinkStep> {
    link.netlink_notify.then(|| LinkStep::Report(link.base.clone(), group.unwrap_or(0)))
}

impl Kept {
    fn new(plan: Blueprint) -> Self {
        Self {
            plan,
            phase: Phase::Absent(None),
            delay: RETRY,
            told: false,
            tended: None,
            wake: None,
            patience: None,
            tried_on: None,
        }
    }

    /// Whether the link is one that we have made or taken over, or are about to.
    fn is_ours(&self) -> bool {
        !matches!(self.phase, Phase::Absent(_))
    }

    fn is_settled(&self, links: &impl LinkTable) -> bool {
        let base = links.link(&self.plan.of.link.base);
        match (self.phase, base) {
            (_, None) => true,
            (Phase::Absent(retry), Some(_)) => retry.is_some() || self.told,
            (Phase::Asked(Purpose::Make | Purpose::Adopt) | Phase::Made(_), Some(_)) => false,
            (Phase::Asked(Purpose::Tend) | Phase::Standing, Some(base)) => {
                let ready = |view: LinkView| view.up && self.lacks(&view, &base).is_empty();
                !base.up || links.link(&self.plan.of.link.name).is_some_and(ready)
            }
        }
    }

    fn review(&mut self, now: Instant, links: &impl LinkTable, effects: &mut VecDeque<LinkEffect>) {
        self.wake = None;
        let view = links.link(&self.plan.of.link.name);
        let base = links.link(&self.plan.of.link.base);
        let tried = base.as_ref().is_some_and(|base| self.tried_on == Some(base.index));
        self.phase = match (self.phase, &view) {
            (Phase::Asked(_), _) => return,
            (Phase::Made(_), Some(_)) => Phase::Standing,
            (Phase::Made(until), None) if tried && now < until => {
                self.wake = Some(until);
                return;
            }
            (Phase::Standing, None) if tried => self.lost(now),
            (Phase::Made(_) | Phase::Standing, None) => Phase::Absent(None),
            (phase, _) => phase,
        };
        let Some(base) = base else { return };
        let is_there = view.as_ref().is_some_and(|view| self.plan.fits(view, &base));
        if self.phase == Phase::Standing && !is_there {
            self.phase = self.lost(now);
        }
        match self.phase {
            // It may have been made after all, before the last attempt that failed.
            Phase::Absent(Some(retry)) if tried && now < retry && !is_there => self.wake = Some(retry),
            Phase::Absent(_) => self.establish(&base, view.as_ref(), effects),
            Phase::Standing => {
                if let Some(view) = view {
                    self.tend(now, &view, &base, effects);
                }
            }
            Phase::Asked(_) | Phase::Made(_) => {}
        }
    }

    /// Somebody has deleted it, or made another link of it by its MAC address or by a link of that name: it is
    /// made anew, at once unless that goes on and on.
    fn lost(&mut self, now: Instant) -> Phase {
        let patience = self.patience.get_or_insert_with(|| Patience::new(now));
        Phase::Absent((!patience.bears(now)).then_some(now + self.delay))
    }

    /// Makes the link, or takes over what is there already.
    fn establish(&mut self, base: &LinkView, view: Option<&LinkView>, effects: &mut VecDeque<LinkEffect>) {
        self.tended = None;
        let mut steps = Vec::new();
        let purpose = match view {
            Some(view) if self.plan.fits(view, base) => {
                effects.push_back(self.plan.of.notice(LinkNoticeKind::Found));
                Purpose::Adopt
            }
            Some(view) if !self.plan.may_replace(view) => {
                if !std::mem::replace(&mut self.told, true) {
                    effects.push_back(self.plan.of.notice(LinkNoticeKind::Conflicts));
                }
                return;
            }
            other => {
                if other.is_some() {
                    effects.push_back(self.plan.of.notice(LinkNoticeKind::Replaces));
                    steps.push(LinkStep::Remove);
                }
                let VirtualLink { kind, group, .. } = &self.plan.of.link;
                let group = group.unwrap_or(base.group);
                steps.push(LinkStep::Make { kind: kind.clone(), base: base.index, vrf: base.vrf, group });
                Purpose::Make
            }
        };
        steps.extend(self.plan.settings().into_iter().map(LinkStep::Set));
        steps.push(LinkStep::Raise);
        if purpose == Purpose::Make {
            steps.extend(report(&self.plan.of.link, Some(base.group)));
        }
        self.told = false;
        self.tried_on = Some(base.index);
        self.phase = Phase::Asked(purpose);
        effects.push_back(LinkEffect::Do(self.plan.of.link.name.clone(), steps));
    }

    /// What a link that stands lacks: the VRF of its base, addresses to send from.
    fn lacks(&self, view: &LinkView, base: &LinkView) -> Vec<LinkStep> {
        let mut steps = Vec::new();
        if view.vrf != base.vrf {
            steps.push(LinkStep::Move(base.vrf));
        }
        if base.up && !view.raised {
            steps.push(LinkStep::Raise);
        }
        if !view.up || !base.up {
            return steps;
        }
        let has = |net: &IpNet| view.addresses.iter().any(|there| there.net == *net);
        if let Some(net) = self.plan.ipvlan_address().filter(|net| !has(net)) {
            steps.push(LinkStep::Install(net, false));
        }
        if let Some(wanted) = self.plan.link_local(base) {
            if !has(&wanted) {
                steps.push(LinkStep::Install(wanted, true));
            }
            let stale = view.addresses.iter().map(|there| there.net).filter(|net| {
                let link_local = matches!(net.address, IpAddr::V6(ip) if ip.is_unicast_link_local());
                link_local
                    && *net != wanted
                    && net.prefix == wanted.prefix
                    && !self.plan.is_virtual(net.address)
            });
            steps.extend(stale.map(LinkStep::Uninstall));
        }
        steps
    }

    fn tend(&mut self, now: Instant, view: &LinkView, base: &LinkView, effects: &mut VecDeque<LinkEffect>) {
        let steps = self.lacks(view, base);
        if steps.is_empty() {
            self.tended = None;
            return;
        }
        // What has been done may not be seen yet; what cannot be done is no news.
        if let Some((last, at)) = &self.tended
            && *last == steps
            && now < *at + self.delay
        {
            self.wake = Some(*at + self.delay);
            return;
        }
        self.tended = Some((steps.clone(), now));
        self.phase = Phase::Asked(Purpose::Tend);
        effects.push_back(LinkEffect::Do(self.plan.of.link.name.clone(), steps));
    }

    fn done(&mut self, now: Instant, failure: Option<String>, effects: &mut VecDeque<LinkEffect>) {
        let Phase::Asked(purpose) = self.phase else { return };
        let mut tell = |kind| effects.push_back(self.plan.of.notice(kind));
        self.phase = match (purpose, failure) {
            (Purpose::Make, None) => {
                tell(LinkNoticeKind::Made);
                Phase::Made(now + SIGHT)
            }
            (Purpose::Adopt, None) => Phase::Made(now + SIGHT),
            (Purpose::Make | Purpose::Adopt, Some(why)) => {
                tell(LinkNoticeKind::NotMade(why));
                let retry = now + self.delay;
                self.delay = (self.delay * 2).min(RETRY_MAX);
                self.wake = Some(retry);
                self.phase = Phase::Absent(Some(retry));
                return;
            }
            (Purpose::Tend, failure) => {
                if let Some(why) = failure {
                    tell(LinkNoticeKind::NotComplete(why));
                    self.delay = (self.delay * 2).min(RETRY_MAX);
                    return self.phase = Phase::Standing;
                }
                Phase::Standing
            }
        };
        self.delay = RETRY;
    }
}
