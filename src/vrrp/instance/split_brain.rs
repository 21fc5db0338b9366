//! Two masters of one virtual router: seen, told once, and what they have done to the neighbours mended.
//!
//! A master has evidence of another one when it hears a worse advert, an advert that it must refuse, a farewell, or a
//! frame that puts an address of ours at a stranger's MAC address. From the first evidence to the end of the last
//! it is one conflict. The worse master of two gives way to the first advert of the better one, which may thus never
//! learn that it had a rival: unless the better one announces the addresses, as one that takes over does, the
//! worse one sends a last advert ([`Instance::nudge`]).

use super::Instance;
use crate::types::{AdvertInt, IfName, Instant, MacAddr, State};
use crate::vrrp::accept::{Accepted, DiscardKind};
use crate::vrrp::effect::Effect;
use crate::vrrp::notice::NoticeKind;
use crate::vrrp::timers::Timer;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// So long after the last evidence the addresses are announced again: whoever gave way has let go of them by then.
const REPAIR_DELAY: Duration = Duration::from_millis(300);
/// Claims of an address are answered like this at first, and ever more rarely: two masters that hear nothing but
/// each other's announcements would announce for ever.
const CLAIM_GAP: Duration = Duration::from_secs(1);
const CLAIM_GAP_MAX: Duration = Duration::from_secs(60);
/// The last words of the old master may come after the first of the new one.
const CROSSING: Duration = Duration::from_millis(100);
/// And so late its neighbours may still hear from it.
const ECHO: Duration = Duration::from_secs(1);
/// Of a conflict of which nothing but claims is heard the end is uncertain: caches are refreshed once a minute.
const CLAIMS_FADE: Duration = Duration::from_secs(60);
/// How long evidence is gathered before it is told, at most; and where nothing more can be learnt.
const REPORT_MAX: Duration = Duration::from_secs(3);
const REPORT_SOON: Duration = Duration::from_millis(20);
/// In this time a router that has just taken over announces the addresses.
const NUDGE_DELAY: Duration = Duration::from_millis(30);
/// The answer to one is no reason for the next.
const NUDGE_GAP: Duration = Duration::from_millis(300);
/// Adverts may be lost.
const NUDGES: u8 = 3;

/// Why there are two masters, as far as one of them can tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConflictCause {
    /// It goes on although we have answered.
    Deaf,
    /// It has our addresses, and no advert of it arrives.
    Mute,
    /// It stands for none of our addresses.
    Clash,
    /// Its adverts fail our authentication.
    Authentication,
    /// Its adverts are of another version or interval.
    Settings,
    /// It is silent since it has heard us.
    Parted,
}

impl ConflictCause {
    /// One word for scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deaf => "deaf",
            Self::Mute => "mute",
            Self::Clash => "clash",
            Self::Authentication => "authentication",
            Self::Settings => "settings",
            Self::Parted => "parted",
        }
    }
}

impl fmt::Display for ConflictCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deaf => {
                "it does not hear our adverts: protocol 112 from here to there is blocked by a firewall or a switch"
            }
            Self::Mute => {
                "its adverts do not arrive here: protocol 112 from there to here is blocked by a firewall or a switch"
            }
            Self::Clash => "another virtual router has this virtual_router_id: it stands for other addresses",
            Self::Authentication => "its adverts fail our authentication: the passwords or keys differ",
            Self::Settings => "its adverts have another version or interval than ours",
            Self::Parted => "they could not hear each other until now: a partition, or a link that came up late",
        })
    }
}

/// The other master, as far as it is known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OtherMaster {
    /// Where its adverts come from.
    pub address: Option<IpAddr>,
    /// Where its frames come from.
    pub mac: Option<MacAddr>,
}

impl fmt::Display for OtherMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.mac) {
            (Some(address), Some(mac)) => write!(f, "{address} ({mac})"),
            (Some(address), None) => address.fmt(f),
            (None, Some(mac)) => mac.fmt(f),
            (None, None) => f.write_str("somebody"),
        }
    }
}

/// Somebody's frame says that an address is at its MAC address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// Where the frame was heard.
    pub link: IfName,
    /// The MAC address that it names.
    pub mac: MacAddr,
    /// It is that of no link of this machine.
    pub foreign: bool,
}

/// What shows that there is another master.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence {
    /// A worse advert; whether it stands for none of our addresses.
    Advert { from: IpAddr, interval: AdvertInt, clash: bool },
    /// An advert that was dropped for this.
    Refused(IpAddr, ConflictCause),
    /// It leaves.
    Farewell(IpAddr),
    /// It has one of our addresses.
    Claim(MacAddr),
}

impl Evidence {
    /// What a dropped packet shows, if it was the advert of another master.
    pub(super) fn of_discard(from: IpAddr, kind: DiscardKind) -> Option<Self> {
        use DiscardKind as Kind;
        let cause = match kind {
            Kind::AhHeader
            | Kind::AhIcv
            | Kind::AuthTypeInvalid
            | Kind::AuthTypeMismatch
            | Kind::AuthFailure
            | Kind::TrailerMissing
            | Kind::TrailerMalformed
            | Kind::TrailerUnknownKey
            | Kind::TrailerInvalid => ConflictCause::Authentication,
            Kind::Version | Kind::Interval => ConflictCause::Settings,
            // Damage, replays, and what is for somebody else.
            Kind::Length
            | Kind::Ttl
            | Kind::AhPayload
            | Kind::AhSpi
            | Kind::AhSequence
            | Kind::TrailerStale
            | Kind::TrailerReplayed
            | Kind::Type
            | Kind::Checksum
            | Kind::Delivery
            | Kind::WeOwn => return None,
        };
        Some(Self::Refused(from, cause))
    }
}

/// A conflict that goes on.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    since: Instant,
    last: Instant,
    other: OtherMaster,
    adverts: u32,
    interval: Duration,
    evident: Option<ConflictCause>,
    told: bool,
}

/// Announcements because of claims.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClaimAnswers {
    /// None before then.
    not_before: Instant,
    gap: Duration,
}

impl Instance {
    pub(super) fn on_evidence(&mut self, now: Instant, evidence: Evidence) {
        if self.state != State::Master {
            return;
        }
        let age = now.since(self.last_transition);
        let own = self.config.advert_int.duration();
        let too_soon = match evidence {
            Evidence::Advert { .. } | Evidence::Farewell(_) => age < CROSSING.min(own / 2),
            Evidence::Claim(_) => age < ECHO,
            Evidence::Refused(..) => false,
        };
        let (is_new, known) =
            (self.conflict.is_none(), self.conflict.as_ref().and_then(|it| it.other.address));
        if is_new && too_soon {
            return;
        }
        let fresh = Conflict {
            since: now,
            last: now,
            other: OtherMaster::default(),
            adverts: 0,
            interval: own,
            evident: None,
            told: false,
        };
        let conflict = self.conflict.get_or_insert(fresh);
        conflict.note(now, evidence);
        let fades = if conflict.other.address.is_some() {
            (conflict.interval * 3).max(ECHO) + CROSSING
        } else {
            CLAIMS_FADE
        };
        let gathers = match conflict.evident {
            Some(_) => REPORT_SOON,
            None => (conflict.interval * 2 + CROSSING).min(REPORT_MAX),
        };
        let address = conflict.other.address;
        self.timers.arm(Timer::ConflictFades, now + fades);
        if is_new {
            self.stats.split_brain += 1;
            self.timers.arm(Timer::ConflictTold, now + gathers);
        }
        if let Some(address) = address.filter(|_| known != address) {
            self.push(Effect::Resolve(address));
        }
    }

    /// The neighbour that was asked for has this MAC address.
    pub(super) fn on_resolved(&mut self, address: IpAddr, mac: MacAddr) {
        if let Some(conflict) = &mut self.conflict
            && conflict.other.address == Some(address)
        {
            conflict.other.mac = Some(mac);
        }
    }

    /// Whether a claim is about an address of ours.
    pub(super) fn is_about_us(&self, claim: &Claim) -> bool {
        self.config.all_vips().any(|vip| vip.net.address == claim.address && *vip.link() == claim.link)
    }

    pub(super) fn on_claim(&mut self, now: Instant, claim: &Claim) {
        if !self.is_about_us(claim) {
            return;
        }
        match self.state {
            // Whoever took over from us says so: there is nothing to mend.
            State::Backup => self.forget_nudges(),
            State::Master if claim.foreign => {
                self.stats.foreign_claims += 1;
                self.on_evidence(now, Evidence::Claim(claim.mac));
                if now >= self.claim_answers.not_before {
                    let gap = (self.claim_answers.gap * 2).clamp(CLAIM_GAP, CLAIM_GAP_MAX);
                    self.claim_answers = ClaimAnswers { not_before: now + gap, gap };
                    self.arm_repair(now);
                }
            }
            State::Master | State::Init | State::Fault => {}
        }
    }

    /// Announces once more when the other master, which has been heard just now, is silent. `garp_lower_prio_delay`
    /// does the same if it is as short.
    pub(super) fn arm_repair(&mut self, now: Instant) {
        let garp = self.config.garp;
        let done_anyway = !garp.lower_prio_delay.is_zero() && garp.lower_prio_delay <= ECHO;
        if self.state == State::Master && garp.lower_prio_repeat > 0 && !done_anyway {
            self.timers.arm(Timer::Repair, now + REPAIR_DELAY);
        }
    }

    pub(super) fn tell_conflict(&mut self, now: Instant) {
        let Some(conflict) = self.conflict.as_mut().filter(|conflict| !conflict.told) else { return };
        conflict.told = true;
        let (other, cause) = (conflict.other, conflict.cause(now));
        self.notice(NoticeKind::SplitBrain { other, cause });
    }

    /// It is over, or we are no longer part of it.
    pub(super) fn end_conflict(&mut self, now: Instant) {
        self.tell_conflict(now);
        self.timers.disarm(Timer::ConflictFades);
        self.timers.disarm(Timer::ConflictTold);
        self.claim_answers = ClaimAnswers::default();
        if let Some(Conflict { other, since, last, .. }) = self.conflict.take() {
            self.notice(NoticeKind::SplitBrainOver { other, lasted: last.since(since) });
        }
    }

    /// After having given way to a better master, or with its group: it shall hear of us, once it is known.
    pub(super) fn prepare_nudges(&mut self, now: Instant) {
        // Of two owners one stands back for the other, and that is all that there is to say.
        let owners = self.config.priority.is_owner();
        if !self.config.higher_prio_send_advert && !self.config.vips.is_empty() && !owners {
            self.nudges = NUDGES;
            self.last_nudge = None;
            self.arm_nudge(now);
        }
    }

    /// Right after the start: addresses were still here that an earlier life of the node had left. Neighbours may
    /// have been told of them, and a better master knows nothing of it.
    pub fn has_found_leftovers(&mut self, now: Instant) {
        match self.state {
            State::Backup => self.prepare_nudges(now),
            State::Init | State::Fault => self.found_leftovers = true,
            State::Master => {}
        }
    }

    /// The same, once the instance takes part.
    pub(super) fn tell_of_leftovers(&mut self, now: Instant) {
        if std::mem::take(&mut self.found_leftovers) {
            self.prepare_nudges(now);
        }
    }

    /// Right after an advert of the master: what was said long ago of its priority may no longer be true.
    pub(super) fn arm_nudge(&mut self, now: Instant) {
        let is_time = self.last_nudge.is_none_or(|last| now.since(last) >= NUDGE_GAP);
        if self.nudges > 0 && is_time && self.master.is_some() && self.timers.get(Timer::Nudge).is_none() {
            let delay = NUDGE_DELAY.min(self.config.advert_int.duration() / 4);
            self.timers.arm(Timer::Nudge, now + delay);
        }
    }

    /// A last advert: the better master hears that there was another one, and announces the addresses. To any other
    /// it would be a reason to give way; and who counts in our interval afterwards must not find the master late.
    pub(super) fn nudge(&mut self, now: Instant) {
        let rank = (self.priority, self.source);
        let better = self.master.is_some_and(|master| (master.priority, Some(master.address)) > rank);
        let is_patient = self.config.advert_int >= self.master_interval;
        if self.state != State::Backup || !better || !is_patient {
            self.nudges = 0;
        }
        if self.nudges == 0 {
            return;
        }
        self.nudges -= 1;
        self.last_nudge = Some(now);
        let number = self.sequences.ah_number();
        self.send(self.priority);
        self.sequences.return_ah(number);
    }

    pub(super) fn forget_nudges(&mut self) {
        self.nudges = 0;
        self.timers.disarm(Timer::Nudge);
    }

    /// Whether it matters to this instance what the neighbours are told of its addresses.
    #[must_use]
    pub fn heeds_claims(&self) -> bool {
        self.state == State::Master || self.nudges > 0 || self.is_leaving()
    }

    /// What a worse advert shows.
    pub(super) fn evidence_of(&self, advert: &Accepted) -> Evidence {
        let ours = |address: &IpAddr| self.config.vips.iter().any(|vip| vip.net.address == *address);
        let clash = !advert.addresses.is_empty() && !advert.addresses.iter().any(ours);
        Evidence::Advert { from: advert.source, interval: advert.interval, clash }
    }
}

impl Conflict {
    fn note(&mut self, now: Instant, evidence: Evidence) {
        self.last = now;
        match evidence {
            Evidence::Advert { from, interval, clash } => {
                self.adverts += 1;
                self.interval = self.interval.max(interval.duration());
                self.evident = self.evident.or(clash.then_some(ConflictCause::Clash));
                self.other.address = Some(from);
            }
            Evidence::Refused(from, cause) => {
                self.evident = self.evident.or(Some(cause));
                self.other.address = Some(from);
            }
            Evidence::Farewell(from) => self.other.address = self.other.address.or(Some(from)),
            Evidence::Claim(mac) => self.other.mac = self.other.mac.or(Some(mac)),
        }
    }

    fn cause(&self, now: Instant) -> ConflictCause {
        match self.evident {
            Some(cause) => cause,
            None if self.other.address.is_none() => ConflictCause::Mute,
            None if self.adverts > 1 && now.since(self.last) < self.interval * 3 / 2 => ConflictCause::Deaf,
            None => ConflictCause::Parted,
        }
    }
}
