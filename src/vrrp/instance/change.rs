//! Changes from outside the protocol: a reload, an address that somebody else removes.

use super::rival::Rival;
use super::{Instance, TUG_LIMIT, TUG_WINDOW};
use crate::config::block::VrrpInstance;
use crate::config::value::{Route, Rule, VirtualAddress};
use crate::types::{IfName, Instant, State, Version};
use crate::vrrp::effect::{Announce, Effect, KernelChange};
use crate::vrrp::notice::{NoticeKind, RoutingKind};
use crate::vrrp::timers::Timer;
use std::fmt;
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
        let change = KernelChange::of_addresses(old, &config);
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
        let routes = KernelChange::of_routes(old, &config);
        if !routes.is_empty() {
            self.push(Effect::Routes(routes));
        }
        let rules = KernelChange::of_rules(old, &config);
        if !rules.is_empty() {
            self.push(Effect::Rules(rules));
        }
    }

    pub(super) fn on_address_lost(&mut self, now: Instant, address: IpAddr, link: IfName) {
        let ours = |vip: &&VirtualAddress| vip.net.address == address && *vip.link() == link;
        let config = Arc::clone(&self.config);
        let Some(vip) = config.vips.iter().chain(&config.excluded_vips).find(ours) else { return };
        if self.state != State::Master || vip.no_track {
            return;
        }
        if self.tugs_too_often(now) {
            self.notice(NoticeKind::AddressGivenUp(address, link));
            self.give_way(now);
            return;
        }
        self.notice(NoticeKind::AddressRestored(address, link));
        self.push(Effect::Addresses(KernelChange::installing(vec![vip.clone()])));
        let targets = vec![(vip.link().clone(), vip.net.address)];
        self.push(Effect::Announce(Announce { targets, rounds: config.garp.master_repeat.max(1) }));
    }

    pub(super) fn on_route_lost(&mut self, now: Instant, route: &Route) {
        let lost = |ours: &&Route| ours.place() == route.place() && !ours.no_track;
        let Some(ours) = self.config.routes.iter().find(lost).cloned() else { return };
        let kind = RoutingKind::Route;
        if self.may_restore(now, kind, &ours) {
            self.push(Effect::Routes(KernelChange::installing(vec![ours])));
        }
    }

    pub(super) fn on_rule_lost(&mut self, now: Instant, rule: &Rule) {
        let lost = |ours: &&Rule| ours.place() == rule.place() && !ours.no_track;
        let Some(ours) = self.config.rules.iter().find(lost).cloned() else { return };
        if self.may_restore(now, RoutingKind::Rule, &ours) {
            self.push(Effect::Rules(KernelChange::installing(vec![ours])));
        }
    }

    /// Whether a master puts something back that somebody else has deleted.
    fn may_restore(&mut self, now: Instant, kind: RoutingKind, what: &dyn fmt::Display) -> bool {
        if self.state != State::Master {
            return false;
        }
        if self.tugs_too_often(now) {
            self.notice(NoticeKind::RoutingGivenUp(kind, what.to_string()));
            self.give_way(now);
            return false;
        }
        self.notice(NoticeKind::RoutingRestored(kind, what.to_string()));
        true
    }

    /// Counts what somebody else removes.
    fn tugs_too_often(&mut self, now: Instant) -> bool {
        let (since, count) = self.tug;
        self.tug = if now.since(since) < TUG_WINDOW { (since, count + 1) } else { (now, 1) };
        self.tug.1 > TUG_LIMIT
    }

    /// From MASTER to BACKUP while nobody is known to take over: what keepalived does at once when somebody
    /// removes something of its.
    pub(super) fn give_way(&mut self, now: Instant) {
        self.send_priority_zero();
        self.become_backup(now, self.config.advert_int);
        self.timers.arm(Timer::MasterDown, now + self.skew());
    }
}
