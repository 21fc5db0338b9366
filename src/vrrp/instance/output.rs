//! What an instance sends, installs, announces and tells.

use super::{Instance, Told};
use crate::config::block::{Auth, Delivery};
use crate::config::value::VirtualAddress;
use crate::types::{Family, Instant, Priority, State};
use crate::vrrp::effect::{AddressChange, Announce, Effect, Event, Notification, Transmit};
use crate::vrrp::notice::{Notice, NoticeKind};
use crate::vrrp::timers::Timer;
use crate::wire::vrrp::{Advert, AdvertAuth};
use crate::wire::{PROTOCOL_VRRP, ipv4};
use std::net::IpAddr;
use std::sync::Arc;

impl Instance {
    /// Sends an advert and counts the next interval from now.
    pub(super) fn send_advert(&mut self, now: Instant) {
        self.send(self.priority);
        self.last_advert = Some(now);
        self.timers.arm(Timer::Advert, now + self.config.advert_int.duration());
    }

    pub(super) fn send_priority_zero(&mut self) {
        self.stats.pri_zero_sent += 1;
        self.send_zero_packet();
    }

    pub(super) fn send_zero_packet(&mut self) {
        self.send(Priority::STOP);
    }

    /// One advert, in as many copies as there are receivers; all have the same identification.
    pub(super) fn send(&mut self, priority: Priority) {
        // The kernel sends an IPv4 packet from an address that it does not have, but no IPv6 packet.
        let farewell =
            self.last_source.filter(|_| priority == Priority::STOP && self.config.family == Family::V4);
        let Some(source) = self.source.or(farewell) else { return };
        let config = Arc::clone(&self.config);
        self.ip_id = self.ip_id.checked_add(1).unwrap_or(1);
        self.stats.advert_sent += 1;
        match &config.delivery {
            Delivery::Multicast { group } => self.transmit(priority, source, *group, 255),
            Delivery::Unicast { peers, ttl, .. } => {
                let default = if config.family == Family::V4 { 255 } else { 64 };
                for peer in peers.iter().map(|peer| peer.address).filter(|peer| *peer != source) {
                    self.transmit(priority, source, peer, ttl.unwrap_or(default));
                }
            }
        }
    }

    pub(super) fn transmit(&mut self, priority: Priority, source: IpAddr, destination: IpAddr, ttl: u8) {
        let config = &self.config;
        let auth = match &config.auth {
            Auth::None | Auth::Ah(_) | Auth::Hmac(_) => AdvertAuth::None,
            Auth::Pass(password) => {
                let mut bytes = [0; 8];
                for (to, from) in bytes.iter_mut().zip(password.expose()) {
                    *to = *from;
                }
                AdvertAuth::Pass(bytes)
            }
        };
        let advert = Advert {
            version: config.version,
            vrid: config.vrid,
            priority,
            auth,
            interval: config.advert_int,
            addresses: config.vips.iter().map(|vip| vip.net.address).collect(),
        };
        let coverage = self.checksum.coverage(config.version, source, destination);
        let message = advert.emit_covering(coverage, Family::of(source));
        let bytes = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = ipv4::Repr { id: self.ip_id, ttl, protocol: PROTOCOL_VRRP, source, destination };
                [header.emit(message.len()).as_slice(), &message].concat()
            }
            _ => message,
        };
        self.push(Effect::Send(Transmit { family: config.family, source, destination, ttl, bytes }));
    }

    pub(super) fn install_addresses(&mut self) {
        self.addresses_set = true;
        self.change_all_addresses(true, |install| AddressChange { install, remove: Vec::new() });
    }

    pub(super) fn release_addresses(&mut self) {
        self.addresses_set = false;
        self.change_all_addresses(false, |remove| AddressChange { install: Vec::new(), remove });
    }

    pub(super) fn change_all_addresses(
        &mut self,
        setting: bool,
        change: fn(Vec<VirtualAddress>) -> AddressChange,
    ) {
        let config = Arc::clone(&self.config);
        for (addresses, excluded) in [(&config.vips, false), (&config.excluded_vips, true)] {
            if !addresses.is_empty() {
                self.notice(NoticeKind::Addresses { setting, excluded });
            }
        }
        let all: Vec<_> = config.vips.iter().chain(&config.excluded_vips).cloned().collect();
        if !all.is_empty() {
            self.push(Effect::Addresses(change(all)));
        }
    }

    pub(super) fn announce(&mut self, rounds: u32) {
        let config = Arc::clone(&self.config);
        let all = config.vips.iter().chain(&config.excluded_vips);
        let targets: Vec<_> = all.map(|vip| (vip.dev.clone(), vip.net.address)).collect();
        if self.state != State::Master || rounds == 0 || targets.is_empty() {
            return;
        }
        for (link, address) in &targets {
            self.notice(NoticeKind::Announcing(link.clone(), *address));
        }
        self.push(Effect::Announce(Announce { targets, rounds }));
    }

    pub(super) fn notify(&mut self, event: Event) {
        let priority = self.priority;
        self.push(Effect::Notify(Notification { event, priority }));
    }

    pub(super) fn tell_once(&mut self, what: Told, kind: NoticeKind) {
        if self.told.insert(what) {
            self.notice(kind);
        }
    }

    pub(super) fn notice(&mut self, kind: NoticeKind) {
        let instance = self.config.name.clone();
        self.push(Effect::Notice(Notice { instance, kind }));
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }
}
