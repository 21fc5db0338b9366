//! Keeps in the kernel what the instance wants there: what somebody removes or alters, and what the kernel
//! refuses.
//!
//! All of it looks at what is wanted and at what is there, and at no history.

use super::{Done, Input, Lost, Place, RECHECK_DELAY, Task, kernel_address};
use crate::config::value::VirtualAddress;
use crate::daemon::vrrp::back_off::BackOff;
use crate::daemon::vrrp::kernel::{is_altered, mending};
use crate::sys::clock;
use crate::sys::netlink::{Address, Change, Failure, PresentAddress};
use crate::types::{AddressKey, Instant};
use std::collections::BTreeMap;
use std::time::Duration;

/// Whoever removes things may be at it for a while: what goes within this time goes at one time.
const TOGETHER: Duration = Duration::from_millis(40);

/// Duplicate address detection takes a second.
const DUPLICATE_RETRY: Duration = Duration::from_secs(2);

/// What somebody alters is mended as often as this.
const MENDING: Duration = Duration::from_secs(1);

/// What is wrong, and when it is looked at again.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// Lost things are looked for then, and since when they may be missing.
    look: Option<(Instant, Instant)>,
    /// Addresses that the kernel has refused, each with what it said (errno).
    refused: BTreeMap<Place, i32>,
    /// Addresses that another host has, too.
    duplicates: BTreeMap<Place, Instant>,
    /// What was refused is asked for again then, and that much later the time after that.
    retry: Option<Instant>,
    back_off: BackOff,
    /// When something was last mended.
    mended: Option<Instant>,
}

impl Upkeep {
    /// When [`Task::tend`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let look = self.look.map(|(at, _)| at);
        let duplicate = self.duplicates.values().min().copied();
        [look, self.retry, duplicate].into_iter().flatten().min()
    }

    /// Something may be missing.
    pub(super) fn look_soon(&mut self) {
        let now = clock::now();
        let since = self.look.map_or(now, |(_, since)| since);
        self.look = Some(((now + RECHECK_DELAY).min(since + TOGETHER).max(now), since));
        if self.retry.is_some() {
            // A link may be up that was down.
            self.retry = Some(now + RECHECK_DELAY);
            self.back_off.reset();
        }
    }

    fn retry_later(&mut self) {
        if self.retry.is_none() {
            self.retry = Some(clock::now() + self.back_off.next());
        }
    }
}

impl Task {
    /// Does what is due.
    pub(super) fn tend(&mut self) {
        let now = clock::now();
        if self.upkeep.look.is_some_and(|(at, _)| at <= now) {
            self.look(now);
        }
        if self.upkeep.retry.is_some_and(|at| at <= now) {
            self.ask_again();
        }
        self.try_duplicates(now);
    }

    /// Tells the machine which of its addresses, routes and rules somebody else has removed, and mends what
    /// somebody has altered.
    fn look(&mut self, now: Instant) {
        if self.answered < self.requested {
            self.upkeep.look = Some((now + RECHECK_DELAY, now));
            return;
        }
        self.upkeep.look = None;
        // All of it is put back behind that.
        if self.source.is_awaited() {
            return;
        }
        let lost = self.lost();
        if !lost.is_empty() {
            self.feed(now, Input::Lost(Box::new(lost)));
        }
        self.mend(now);
        self.find_duplicates(now);
    }

    fn lost(&self) -> Lost {
        let (links, ledger) = (self.shared.links.borrow(), self.shared.ledger.borrow());
        let is_lost = |place: &&Place| {
            let (name, key) = place;
            let up = links.get(name).is_some_and(|link| link.up);
            up && links.address(name, *key).is_none() && !self.upkeep.refused.contains_key(*place)
        };
        let lost = ledger.wanted_by(self.id).map(|(place, _)| place).filter(is_lost);
        let addresses = lost.map(|(name, key)| (key.net.address, name.clone())).collect();
        let (routes, rules) = self.shared.routing.borrow().lost_by(self.id, &links);
        Lost { addresses, routes, rules }
    }

    /// Each address of the instance that is there, as it is wanted and as it is.
    fn present(&self) -> Vec<(Place, VirtualAddress, PresentAddress)> {
        let (links, ledger) = (self.shared.links.borrow(), self.shared.ledger.borrow());
        let there = |(place, vip): (&Place, &VirtualAddress)| {
            Some((place.clone(), vip.clone(), *links.address(&place.0, place.1)?))
        };
        ledger.wanted_by(self.id).filter_map(there).collect()
    }

    fn mend(&mut self, now: Instant) {
        let altered: Vec<_> =
            self.present().into_iter().filter(|(_, vip, there)| is_altered(vip, there)).collect();
        if altered.is_empty() {
            return;
        }
        if let Some(next) = self.upkeep.mended.map(|last| last + MENDING).filter(|next| *next > now) {
            self.upkeep.look = Some((next, now));
            return;
        }
        self.upkeep.mended = Some(now);
        let name = &self.machine.config().name;
        let mut changes = Vec::new();
        for ((link, key), vip, there) in altered {
            tracing::info!("({name}) {} on {link} was altered by somebody else, mending it", key.net.address);
            changes.extend(mending(&vip, &there));
        }
        self.request(changes);
    }

    /// Tells of addresses that another host answers for, too.
    fn find_duplicates(&mut self, now: Instant) {
        let present = self.present();
        let duplicate = |place: &Place| present.iter().any(|(p, _, there)| p == place && there.duplicate);
        self.upkeep.duplicates.retain(|place, _| duplicate(place));
        for ((link, key), ..) in present.iter().filter(|(.., there)| there.duplicate) {
            let place = (link.clone(), *key);
            if self.upkeep.duplicates.contains_key(&place) {
                continue;
            }
            tracing::error!(
                "({}) {} on {link} is of no use: another host has it (duplicate address detection); it is tried again",
                self.machine.config().name,
                key.net.address
            );
            self.upkeep.duplicates.insert(place, now + DUPLICATE_RETRY);
        }
    }

    /// Has the kernel ask the LAN again, for as long as another host answers.
    fn try_duplicates(&mut self, now: Instant) {
        if self.upkeep.duplicates.values().all(|at| *at > now) {
            return;
        }
        let due = |place: &Place| self.upkeep.duplicates.get(place).is_some_and(|at| *at <= now);
        let due: Vec<_> =
            self.present().into_iter().filter(|(place, _, there)| there.duplicate && due(place)).collect();
        self.upkeep
            .duplicates
            .values_mut()
            .filter(|at| **at <= now)
            .for_each(|at| *at = now + DUPLICATE_RETRY * 5);
        let mut changes = Vec::new();
        for (_, vip, there) in due {
            let address = kernel_address(there.link, &vip);
            changes.extend([Change::Remove(address.clone()), Change::Add(address)]);
        }
        self.request(changes);
    }

    // What the kernel refuses.

    pub(super) fn on_refusals(&mut self, done: &Done) {
        let name = self.machine.config().name.clone();
        let mut others = Vec::new();
        for (change, failure) in &done.failures {
            match change {
                Change::Add(address) => self.on_refused_address(&name, address, failure),
                Change::AddRoute(..) | Change::AddRule(_) => {
                    self.upkeep.retry_later();
                    others.push((change.clone(), failure.clone()));
                }
                _ => others.push((change.clone(), failure.clone())),
            }
        }
        self.shared.tell_failures(&format!("({name}) "), &others);
    }

    fn on_refused_address(&mut self, name: &str, address: &Address, failure: &Failure) {
        let key = AddressKey::new(address.net, address.peer);
        let place = self.shared.links.borrow().name(address.link).map(|link| (link.clone(), key));
        // Without its link it is asked for when that is back.
        let Some(place) = place else { return };
        if self.upkeep.refused.insert(place.clone(), failure.code) != Some(failure.code) {
            tracing::error!(
                "({name}) cannot add {} to {}: {failure}; it is tried again",
                address.net,
                place.0
            );
        }
        self.upkeep.retry_later();
    }

    /// What is wanted and was refused, once more.
    fn ask_again(&mut self) {
        if self.answered < self.requested {
            self.upkeep.retry = Some(clock::now() + RECHECK_DELAY);
            return;
        }
        self.upkeep.retry = None;
        let mut changes = Vec::new();
        {
            let (links, ledger) = (self.shared.links.borrow(), self.shared.ledger.borrow());
            let wanted: BTreeMap<&Place, &VirtualAddress> = ledger.wanted_by(self.id).collect();
            self.upkeep.refused.retain(|place, _| {
                let there = links.address(&place.0, place.1).is_some();
                let Some(vip) = wanted.get(place).filter(|_| !there) else { return false };
                changes.extend(links.get(&place.0).map(|link| Change::Add(kernel_address(link.index, vip))));
                true
            });
            changes.extend(self.shared.routing.borrow_mut().refused_to(self.id, &links));
        }
        if changes.is_empty() {
            self.upkeep.back_off.reset();
        }
        self.request(changes);
    }
}
