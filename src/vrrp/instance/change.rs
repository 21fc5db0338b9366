//! Changes from outside the protocol: a reload, an address that somebody else removes.

use super::rival::Rival;
use super::{Instance, TUG_LIMIT, TUG_WINDOW};
use crate::config::block::VrrpInstance;
use crate::config::value::VirtualAddress;
use crate::types::{IfName, Instant, State, Version};
use crate::vrrp::effect::{AddressChange, Announce, Effect};
use crate::vrrp::notice::NoticeKind;
use crate::vrrp::timers::Timer;
use std::net::IpAddr;
use std::sync::Arc;

impl Instance {
    /// Takes over what has changed and nothing else.
    pub(super) fn on_reconfigure(&mut self, now: Instant, config: Arc<VrrpInstance>) {
        if *config == *self.config {
            self.config = config;
            return;
        }
        let before = self.faults();
        let old_down = self.master_down();
        let old = std::mem::replace(&mut self.config, Arc::clone(&config));
        if self.master_interval == old.advert_int || config.version == Version::V2 {
            self.master_interval = config.advert_int;
        }
        let added = self.change_addresses(&old);
        self.checksum = self.checksum.reconfigured(&config);
        if !config.priority.is_owner() {
            self.rival = Rival::default();
        }
        let priority = self.effective_priority();
        if priority != self.priority {
            self.notice(NoticeKind::PriorityChanged(self.priority, priority));
            self.priority = priority;
        }
        self.shift_master_down(now, old_down);
        if self.state == State::Master {
            self.send_advert(now);
            if added {
                self.announce(config.garp.master_repeat);
                self.arm_second_burst(now);
            }
            if old.garp.master_refresh != config.garp.master_refresh {
                self.arm_refresh(now);
            }
        }
        self.review_faults(now, &before);
    }

    /// Brings the kernel from the old list of addresses to the new one; whether any was added.
    pub(super) fn change_addresses(&mut self, old: &VrrpInstance) -> bool {
        if !self.addresses_set {
            return false;
        }
        let config = Arc::clone(&self.config);
        let all = |config: &VrrpInstance| -> Vec<VirtualAddress> {
            config.vips.iter().chain(&config.excluded_vips).cloned().collect()
        };
        let (had, has) = (all(old), all(&config));
        let same_place = |a: &VirtualAddress, b: &VirtualAddress| a.net == b.net && a.dev == b.dev;
        let remove: Vec<_> =
            had.iter().filter(|old| !has.iter().any(|new| same_place(old, new))).cloned().collect();
        let install: Vec<_> = has.iter().filter(|new| !had.contains(new)).cloned().collect();
        for address in &remove {
            self.notice(NoticeKind::AddressDropped(address.net, address.dev.clone()));
        }
        let added = !install.is_empty();
        if added || !remove.is_empty() {
            self.push(Effect::Addresses(AddressChange { install, remove }));
        }
        added
    }

    pub(super) fn on_address_lost(&mut self, now: Instant, address: IpAddr, link: IfName) {
        let ours = |vip: &&VirtualAddress| vip.net.address == address && vip.dev == link;
        let config = Arc::clone(&self.config);
        let Some(vip) = config.vips.iter().chain(&config.excluded_vips).find(ours) else { return };
        if self.state != State::Master || vip.no_track {
            return;
        }
        let (since, count) = self.tug;
        self.tug = if now.since(since) < TUG_WINDOW { (since, count + 1) } else { (now, 1) };
        if self.tug.1 > TUG_LIMIT {
            self.notice(NoticeKind::AddressGivenUp(address, link));
            self.send_priority_zero();
            self.become_backup(now, self.config.advert_int);
            self.timers.arm(Timer::MasterDown, now + self.skew());
            return;
        }
        self.notice(NoticeKind::AddressRestored(address, link));
        self.push(Effect::Addresses(AddressChange { install: vec![vip.clone()], remove: Vec::new() }));
        let targets = vec![(vip.dev.clone(), vip.net.address)];
        self.push(Effect::Announce(Announce { targets, rounds: config.garp.master_repeat.max(1) }));
    }
}
