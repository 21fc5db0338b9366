//! Changes from outside the protocol: a reload, an address that somebody else removes.

use super::rival::Rival;
use super::{Instance, Lost};
use crate::config::block::VrrpInstance;
use crate::config::value::{OnRemoval, Route, Rule, VirtualAddress};
use crate::types::{IfName, Instant, State, Version};
use crate::vrrp::effect::{Announce, Effect, KernelChange};
use crate::vrrp::notice::{Answer, NoticeKind, RoutingKind};
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
        // A backup waits in the interval of its master, which may be the old one of ours (RFC 9568 §6.1).
        let is_learnt = self.state == State::Backup && self.master.is_some();
        if !is_learnt || config.version == Version::V2 {
            self.master_interval = config.advert_int;
        }
        let added = self.change_addresses(&old);
        self.change_routing(&old);
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
            if old.garp_extra.interval != config.garp_extra.interval {
                self.arm_extra_garp(now);
            }
        }
        self.on_regrouped(now, old.sync_group.as_deref());
        self.review_faults(now, &before);
    }

    /// Brings the kernel from the old list of addresses to the new one; whether any was added.
    pub(super) fn change_addresses(&mut self, old: &VrrpInstance) -> bool {
        if !self.addresses_set {
            return false;
        }
        let config = Arc::clone(&self.config);
        let mut change = KernelChange::of_addresses(old, &config);
        // Those of an heir that is not master yet stay, and that is all.
        change.install.retain(|_| self.state == State::Master);
        let KernelChange { install: blocked, remove: unblocked } = KernelChange::of_blocked(old, &config);
        self.change_firewall(KernelChange::installing(blocked));
        for address in &change.remove {
            self.notice(NoticeKind::AddressDropped(address.net, address.link().clone()));
        }
        let added = !change.install.is_empty();
        if !change.is_empty() {
            self.push(Effect::Addresses(change));
        }
        self.change_firewall(KernelChange::removing(unblocked));
        added
    }

    /// Brings the kernel from the old routes and rules to the new ones.
    fn change_routing(&mut self, old: &VrrpInstance) {
        if !self.addresses_set {
            return;
        }
        let config = Arc::clone(&self.config);
        let mut routes = KernelChange::of_routes(old, &config);
        routes.install.retain(|_| self.state == State::Master);
        if !routes.is_empty() {
            self.push(Effect::Routes(routes));
        }
        let mut rules = KernelChange::of_rules(old, &config);
        rules.install.retain(|_| self.state == State::Master);
        if !rules.is_empty() {
            self.push(Effect::Rules(rules));
        }
    }

    /// A master puts back what somebody else removes, or gives way at once where it is configured to.
    pub(super) fn on_lost(&mut self, now: Instant, lost: &Lost) {
        if self.state != State::Master {
            return;
        }
        let config = Arc::clone(&self.config);
        let vips: Vec<VirtualAddress> = config
            .all_vips()
            .filter(|vip| {
                let is_it =
                    |(address, link): &(IpAddr, IfName)| (vip.net.address, vip.link()) == (*address, link);
                !vip.no_track && lost.addresses.iter().any(is_it)
            })
            .cloned()
            .collect();
        let is_lost =
            |route: &&Route| !route.no_track && lost.routes.iter().any(|l| l.place() == route.place());
        let routes: Vec<Route> = config.routes.iter().filter(is_lost).cloned().collect();
        let is_lost = |rule: &&Rule| !rule.no_track && lost.rules.iter().any(|l| l.place() == rule.place());
        let rules: Vec<Rule> = config.rules.iter().filter(is_lost).cloned().collect();
        if vips.is_empty() && routes.is_empty() && rules.is_empty() {
            return;
        }
        let answer = match config.on_removal {
            OnRemoval::Yield => Answer::Yields,
            OnRemoval::Restore if self.patience.bears(now) => Answer::Restores,
            OnRemoval::Restore => Answer::GivesUp,
        };
        for vip in &vips {
            self.notice(NoticeKind::AddressLost(vip.net.address, vip.link().clone(), answer));
        }
        for route in &routes {
            self.notice(NoticeKind::RoutingLost(RoutingKind::Route, route.to_string(), answer));
        }
        for rule in &rules {
            self.notice(NoticeKind::RoutingLost(RoutingKind::Rule, rule.to_string(), answer));
        }
        if answer != Answer::Restores {
            return self.give_way(now);
        }
        let targets: Vec<_> = vips.iter().map(|vip| (vip.link().clone(), vip.net.address)).collect();
        if !vips.is_empty() {
            self.push(Effect::Addresses(KernelChange::installing(vips)));
        }
        if !routes.is_empty() {
            self.push(Effect::Routes(KernelChange::installing(routes)));
        }
        if !rules.is_empty() {
            self.push(Effect::Rules(KernelChange::installing(rules)));
        }
        if !targets.is_empty() {
            self.push(Effect::Announce(Announce { targets, rounds: config.garp.master_repeat.max(1) }));
        }
    }

    /// From MASTER to BACKUP while nobody is known to take over: what keepalived does at once when somebody
    /// removes something of its.
    pub(super) fn give_way(&mut self, now: Instant) {
        self.send_priority_zero();
        self.become_backup(now, self.config.advert_int);
        self.timers.arm(Timer::MasterDown, now + self.skew());
    }
}
