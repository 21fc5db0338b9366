//! What an instance sends, installs, announces and tells.

use super::{Instance, Told};
use crate::config::block::{Auth, Delivery};
use crate::config::value::VirtualAddress;
use crate::types::{Family, IfName, Instant, Priority, State};
use crate::vrrp::effect::{
    AddressChange, Announce, Blocked, Effect, Event, KernelChange, Notification, Transmit,
};
use crate::vrrp::notice::{Notice, NoticeKind, RoutingKind};
use crate::vrrp::timers::Timer;
use crate::wire::auth::{ah, hmac};
use crate::wire::vrrp::{Advert, AdvertAuth, Packet, append_trailer};
use crate::wire::{PROTOCOL_VRRP, ipv4};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What shows that an advert is a new one.
#[derive(Clone, Copy)]
enum Proof {
    None,
    Ah(u32),
    Hmac(hmac::Sequence),
}

impl Instance {
    /// Sends an advert and counts the next interval from now.
    pub(super) fn send_advert(&mut self, now: Instant) {
        self.send(self.priority);
        self.timers.disarm(Timer::News);
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
        let proof = self.next_proof();
        match &config.delivery {
            Delivery::Multicast { group } => self.transmit(priority, proof, source, *group, 255),
            Delivery::Unicast { peers, ttl, .. } => {
                let default = if config.family == Family::V4 { 255 } else { 64 };
                for peer in peers.iter().map(|peer| peer.address).filter(|peer| *peer != source) {
                    self.transmit(priority, proof, source, peer, ttl.unwrap_or(default));
                }
            }
        }
    }

    /// The numbers of the next advert, which all its copies have in common.
    fn next_proof(&mut self) -> Proof {
        match &self.config.auth {
            Auth::None | Auth::Pass(_) => Proof::None,
            Auth::Ah(_) => Proof::Ah(self.sequences.next_ah()),
            Auth::Hmac(auth) if auth.signs() => {
                Proof::Hmac(self.sequences.next_signed(self.wall, auth.freshness))
            }
            Auth::Hmac(_) => Proof::None,
        }
    }

    fn transmit(&mut self, priority: Priority, proof: Proof, source: IpAddr, destination: IpAddr, ttl: u8) {
        let message = self.message(priority, proof, source, destination);
        let bytes = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.ipv4_packet(proof, (source, destination), ttl, &message)
            }
            _ => message,
        };
        let family = self.config.family;
        self.push(Effect::Send(Transmit { family, source, destination, ttl, bytes }));
    }

    /// The VRRP message, with its trailer where there is one.
    fn message(&self, priority: Priority, proof: Proof, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let config = &self.config;
        let auth = match &config.auth {
            Auth::None | Auth::Hmac(_) => AdvertAuth::None,
            Auth::Pass(password) => {
                let mut bytes = [0; 8];
                for (to, from) in bytes.iter_mut().zip(password.expose()) {
                    *to = *from;
                }
                AdvertAuth::Pass(bytes)
            }
            Auth::Ah(_) => AdvertAuth::Ah,
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
        let mut message = advert.emit_covering(coverage, Family::of(source));
        if let (Auth::Hmac(auth), Proof::Hmac(sequence), Ok(signed)) =
            (&config.auth, proof, Packet::new(&message))
        {
            let trailer = hmac::sign(&auth.active.secret, auth.active.id, sequence, source, signed);
            append_trailer(&mut message, &trailer, source, destination);
        }
        message
    }

    fn ipv4_packet(
        &self,
        proof: Proof,
        (source, destination): (Ipv4Addr, Ipv4Addr),
        ttl: u8,
        message: &[u8],
    ) -> Vec<u8> {
        let header = |protocol| ipv4::Repr { id: self.ip_id, ttl, protocol, source, destination };
        let (Auth::Ah(password), Proof::Ah(sequence)) = (&self.config.auth, proof) else {
            return [header(PROTOCOL_VRRP).emit(message.len()).as_slice(), message].concat();
        };
        let ip_header = header(ah::PROTOCOL_AH).emit(ah::HEADER_LEN + message.len());
        let covered = if destination.is_multicast() { ah::Ttl::Signed } else { ah::Ttl::Mutable };
        let repr = ah::Repr { spi: source, sequence };
        let ah_header = repr.emit(password, &ip_header, message, covered);
        [ip_header.as_slice(), &ah_header, message].concat()
    }

    /// Addresses, behind what keeps packets from them, and the routes and rules that lead packets to and from
    /// them.
    pub(super) fn install_addresses(&mut self) {
        self.addresses_set = true;
        self.change_firewall(KernelChange::installing(Blocked::by(&self.config)));
        self.change_all_addresses(true, AddressChange::installing);
        let config = Arc::clone(&self.config);
        if !config.routes.is_empty() {
            self.notice(NoticeKind::Routing(RoutingKind::Route, true));
            self.push(Effect::Routes(KernelChange::installing(config.routes.clone())));
        }
        if !config.rules.is_empty() {
            self.notice(NoticeKind::Routing(RoutingKind::Rule, true));
            self.push(Effect::Rules(KernelChange::installing(config.rules.clone())));
        }
    }

    /// All that [`Self::install_addresses`] puts there, the last first.
    pub(super) fn release_addresses(&mut self) {
        self.addresses_set = false;
        let config = Arc::clone(&self.config);
        if !config.rules.is_empty() {
            self.notice(NoticeKind::Routing(RoutingKind::Rule, false));
            self.push(Effect::Rules(KernelChange::removing(config.rules.clone())));
        }
        if !config.routes.is_empty() {
            self.notice(NoticeKind::Routing(RoutingKind::Route, false));
            self.push(Effect::Routes(KernelChange::removing(config.routes.clone())));
        }
        self.change_all_addresses(false, AddressChange::removing);
        self.change_firewall(KernelChange::removing(Blocked::by(&self.config)));
    }

    pub(super) fn change_firewall(&mut self, change: KernelChange<Blocked>) {
        if change.is_empty() {
            return;
        }
        self.notice(NoticeKind::Firewall(!change.install.is_empty()));
        self.push(Effect::Firewall(change));
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
        let all: Vec<_> = config.all_vips().cloned().collect();
        if !all.is_empty() {
            self.push(Effect::Addresses(change(all)));
        }
    }

    pub(super) fn announce(&mut self, rounds: u32) {
        let config = Arc::clone(&self.config);
        let all = config.all_vips();
        self.announce_these(all.map(|vip| (vip.link().clone(), vip.net.address)).collect(), rounds);
    }

    /// One address on each link whose switches hear no adverts with its MAC address: they would forget the way.
    pub(super) fn announce_elsewhere(&mut self) {
        let config = Arc::clone(&self.config);
        let mut targets: Vec<(IfName, IpAddr)> = Vec::new();
        for vip in config.all_vips() {
            let link = vip.link();
            let concerned = config.garp_extra.all || vip.vmac.is_some();
            if concerned
                && Some(link) != config.advert_link()
                && targets.iter().all(|(known, _)| known != link)
            {
                targets.push((link.clone(), vip.net.address));
            }
        }
        self.announce_these(targets, 1);
    }

    /// What is on one link, because the neighbours have another MAC address for it.
    pub(super) fn announce_on(&mut self, link: &IfName) {
        let config = Arc::clone(&self.config);
        let here = config.all_vips().filter(|vip| vip.link() == link);
        let targets = here.map(|vip| (link.clone(), vip.net.address)).collect();
        self.announce_these(targets, config.garp.master_repeat.max(1));
    }

    fn announce_these(&mut self, targets: Vec<(IfName, IpAddr)>, rounds: u32) {
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
