//! How an instance is dumped.

use super::{
    Delivery, IpvlanMode, MacOrigin, NotifyScripts, Preempt, UnicastChecksum, VirtualLinkKind, VrrpInstance,
};
use crate::config::Config;
use crate::config::block::tracking::{dump_trackers, without_weights};
use crate::config::dump::{NOT_CONFIGURED, Out, RunState, Runtime, field, member, object, yes_no};
use crate::config::value::TrackKind;
use crate::types::{Family, IfName, Priority, State, Version};
use std::fmt;

impl VrrpInstance {
    pub(in crate::config) fn dump(&self, out: &mut Out, config: &Config, runtime: &Runtime) {
        let run = runtime.instances.get(&self.name);
        object!(out, "VRRP Instance = {}", self.name);
        field!(out, "VRRP Version = {}", self.version);
        if let Some(group) = &self.sync_group {
            field!(out, "Sync group = {group}");
        }
        if self.family == Family::V6 {
            field!(out, "Using Native IPv6");
        }
        if let Some(run) = run {
            self.dump_state(out, run);
        }
        self.dump_flags(out);
        field!(out, "Wantstate = {}", run.map_or(self.wanted_state, |run| run.wanted));
        field!(out, "Number of config faults = {}", self.config_faults);
        if let Some(run) = run {
            dump_timers(out, run);
        }
        self.dump_virtual_link(out, run);
        self.dump_link(out, runtime);
        self.dump_announcements(out);
        self.dump_election(out, run);
        self.auth.dump(self.version, out);
        if let Some(size) = self.kernel_rx_buf_size {
            field!(out, "Kernel rx buffer size = {size}");
        }
        if self.debug > 0 {
            field!(out, "Debug level = {}", self.debug);
        }
        self.dump_addresses(out, run);
        self.dump_unicast(out);
        match run.and_then(|run| run.sockets) {
            Some((fd_in, fd_out)) => field!(out, "fd_in {fd_in}, fd_out {fd_out}"),
            None => field!(out, "No sockets allocated"),
        }
        self.dump_routes(out);
        let weightless = config.group_of(self).is_some_and(|group| !group.tracking_weight);
        let track = if weightless { without_weights(&self.track) } else { self.track.clone() };
        dump_trackers(out, &track, TrackKind::plural);
        field!(out, "Using smtp notification = {}", yes_no(self.smtp_alert));
        field!(out, "Notify deleted = {}", if self.notify_deleted { "Deleted" } else { "Fault" });
        self.notify.dump(out);
        field!(out, "Notify priority changes = {}", self.notify_priority_changes);
    }

    fn dump_state(&self, out: &mut Out, run: &RunState) {
        field!(out, "State = {}", run.state);
        if run.state != State::Backup {
            return;
        }
        // Before it hears a master, keepalived names the group address and priority 0.
        let silent = match &self.delivery {
            Delivery::Multicast { group } => *group,
            Delivery::Unicast { .. } => self.family.vrrp_group(),
        };
        let (router, priority) = run.master.unwrap_or((silent, Priority::STOP));
        field!(out, "Master router = {router}");
        field!(out, "Master priority = {priority}");
    }

    /// keepalived writes `none` when no bit of its flag word is set; some bits have no line of their own.
    fn dump_flags(&self, out: &mut Out) {
        let unicast = matches!(self.delivery, Delivery::Unicast { .. });
        let any = unicast
            || self.unicast_configured
            || self.source.is_some()
            || self.preempt == Preempt::Never
            || !self.track_primary
            || self.skip_check_adv_addr
            || self.virtual_link.is_some()
            || self.vmac_addr
            || self.promote_secondaries
            || self.allow_no_vips
            || self.checksum_as_v2
            || self.garp_extra.all;
        field!(out, "Flags:{}", if any { "" } else { " none" });
        if unicast {
            member!(out, "Using unicast");
        } else if self.unicast_configured {
            member!(out, "Unicast config option specified but using multicast");
        }
        if self.unicast_fault_no_peer {
            member!(out, "If unicast go to fault state if no peers");
        }
    }

    fn dump_virtual_link(&self, out: &mut Out, run: Option<&RunState>) {
        let up = run.is_none_or(|run| run.virtual_link_up);
        match self.virtual_link.as_ref().map(|link| (&link.name, &link.kind)) {
            Some((name, VirtualLinkKind::Vmac { mac, origin })) => {
                field!(out, "Use VMAC, i/f name {name}, is_up = {up}, xmit_base = {}", self.xmit_base);
                match origin {
                    MacOrigin::Standard => {}
                    MacOrigin::Given => member!(out, "MAC = {mac}"),
                    MacOrigin::GivenButVrid => member!(out, "MAC = {mac} (using VRID)"),
                }
            }
            Some((name, VirtualLinkKind::Ipvlan { mode, address })) if !self.vmac_addr => {
                let address =
                    address.map(|net| format!(", i/f address = {}", net.short())).unwrap_or_default();
                field!(out, "Use IPVLAN, i/f {name}, is_up = {up}{address}, type {mode}");
            }
            Some((_, VirtualLinkKind::Ipvlan { .. })) | None => {}
        }
        if self.vmac_addr {
            field!(out, "Use VMAC for VIPs on other interfaces");
        }
    }

    fn dump_link(&self, out: &mut Out, runtime: &Runtime) {
        match &self.virtual_link {
            Some(link) => {
                let kind = if link.is_vmac() { "vmac" } else { "ipvlan" };
                let xmit_base = if self.xmit_base { ", xmit base i/f" } else { "" };
                field!(out, "Interface = {}, {kind} on {}{xmit_base}", link.name, link.base);
            }
            None => {
                let interface = self.interface.as_ref().map_or(NOT_CONFIGURED, IfName::as_str);
                field!(out, "Interface = {interface}");
            }
        }
        if let Some(vrf) = &self.vrf {
            field!(out, "VRF = {vrf}");
        }
        if !self.track_primary {
            field!(out, "VRRP interface tracking disabled");
        }
        if self.skip_check_adv_addr {
            field!(out, "Skip checking advert IP addresses");
        }
        if self.strict {
            field!(out, "Enforcing strict VRRP compliance");
        }
        // A VMAC that is not there yet will have the address of the link below it.
        let on = |link: &IfName| runtime.sources.get(&(link.clone(), self.family));
        let address = self.source_link().and_then(on).or_else(|| self.interface.as_ref().and_then(on));
        match (self.source, address) {
            (Some(address), _) => field!(out, "Using src_ip = {address} (from configuration)"),
            (None, Some(address)) => field!(out, "Using src_ip = {address}"),
            (None, None) if runtime.sources.is_empty() => {} // Nobody has looked.
            (None, None) => field!(out, "Using src_ip = (none)"),
        }
        if let Delivery::Multicast { group } = &self.delivery {
            field!(out, "Multicast address {group}");
        }
    }

    fn dump_announcements(&self, out: &mut Out) {
        let garp = &self.garp;
        field!(out, "Gratuitous ARP delay = {}", garp.master_delay.as_secs());
        field!(out, "Gratuitous ARP repeat = {}", garp.master_repeat);
        field!(out, "Gratuitous ARP refresh = {}", garp.master_refresh.as_secs());
        field!(out, "Gratuitous ARP refresh repeat = {}", garp.master_refresh_repeat);
        field!(out, "Gratuitous ARP lower priority delay = {}", garp.lower_prio_delay.as_secs());
        field!(out, "Gratuitous ARP lower priority repeat = {}", garp.lower_prio_repeat);
    }

    fn dump_election(&self, out: &mut Out, run: Option<&RunState>) {
        field!(out, "Down timer adverts = {}", self.down_timer_adverts);
        if !self.garp_extra.interval.is_zero() {
            let on = if self.garp_extra.all { "i/f" } else { "VMAC" };
            let interval = self.garp_extra.interval.as_secs();
            field!(out, "Gratuitous ARP for each secondary {on} = {interval}");
            let next = run.and_then(|run| run.next_extra_garp.as_deref()).unwrap_or(NO_EXTRA_GARP);
            field!(out, "Next gratuitous ARP for such secondary = {next}");
        }
        field!(out, "Send advert after receive lower priority advert = {}", !self.lower_prio_no_advert);
        field!(out, "Send advert after receive higher priority advert = {}", self.higher_prio_send_advert);
        field!(out, "Virtual Router ID = {}", self.vrid);
        field!(out, "Priority = {}", self.priority);
        if let Some(run) = run {
            field!(out, "Effective priority = {}", run.effective_priority);
            field!(out, "Total priority = {}", run.total_priority);
        }
        match self.version {
            Version::V2 => field!(out, "Advert interval = {} sec", self.advert_int.micros() / 1_000_000),
            Version::V3 => {
                field!(out, "Advert interval = {} milli-sec", self.advert_int.micros() / 1_000);
                let heard =
                    run.filter(|run| run.state == State::Backup).and_then(|run| run.master_advert_int);
                if let Some(interval) = heard {
                    field!(out, "Master advert interval = {} milli-sec", interval.micros() / 1_000);
                }
            }
        }
        field!(out, "Accept = {}", enabled(self.accept));
        field!(out, "Preempt = {}", enabled(self.preempt != Preempt::Never));
        if let Preempt::After(delay) = self.preempt
            && !delay.is_zero()
        {
            field!(out, "Preempt delay = {} secs", delay.as_secs_f64());
        }
        field!(out, "Promote_secondaries = {}", enabled(self.promote_secondaries));
    }

    fn dump_addresses(&self, out: &mut Out, run: Option<&RunState>) {
        let set = |address: &crate::config::value::VirtualAddress| {
            let installed =
                run.is_some_and(|run| run.installed.contains(&(address.link().clone(), address.net)));
            if installed { " set" } else { "" }
        };
        if !self.vips.is_empty() {
            field!(out, "Virtual IP ({}):", self.vips.len());
        }
        for address in &self.vips {
            member!(out, "{address}{}", set(address));
        }
        if !self.excluded_vips.is_empty() {
            field!(out, "Virtual IP Excluded :");
        }
        for address in &self.excluded_vips {
            member!(out, "{address}{}", set(address));
        }
    }

    fn dump_routes(&self, out: &mut Out) {
        if !self.routes.is_empty() {
            field!(out, "Virtual Routes :");
            self.routes.iter().for_each(|route| member!(out, "{route}"));
        }
        if !self.rules.is_empty() {
            field!(out, "Virtual Rules :");
            self.rules.iter().for_each(|rule| member!(out, "{rule}"));
        }
    }

    fn dump_unicast(&self, out: &mut Out) {
        let Delivery::Unicast { peers, ttl, check_source, checksum, group: _ } = &self.delivery else {
            return;
        };
        match (ttl, self.family) {
            (Some(ttl), _) => field!(out, "Unicast TTL = {ttl}"),
            (None, Family::V4) => field!(out, "Unicast TTL = 255"),
            (None, Family::V6) => {}
        }
        field!(out, "Check unicast src : {}", yes_no(*check_source));
        field!(out, "Unicast Peer :");
        for peer in peers {
            member!(out, "{} min_ttl {} max_ttl {}", peer.address, peer.min_ttl, peer.max_ttl);
        }
        let checksum = match checksum {
            UnicastChecksum::Automatic => "no",
            UnicastChecksum::Never => "never",
            UnicastChecksum::Old => "config",
        };
        field!(out, "Unicast checksum compatibility = {checksum}");
    }
}

fn dump_timers(out: &mut Out, run: &RunState) {
    field!(out, "Number of interface and track script faults = {}", run.faults);
    field!(out, "Number of track scripts init = {}", run.scripts_init);
    field!(out, "Last transition = {}", run.last_transition);
    match &run.read_timeout {
        Some(at) => field!(out, "Read timeout = {at}"),
        None => field!(out, "Read timeout = DISABLED"),
    }
    field!(out, "Master down timer = {} usecs", run.master_down.as_micros());
}

/// Before the first of them: the beginning of time.
const NO_EXTRA_GARP: &str = "0.000000 (Thu Jan  1 00:00:00 1970.000000)";

fn enabled(value: bool) -> &'static str {
    if value { "enabled" } else { "disabled" }
}

impl fmt::Display for IpvlanMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "bridge",
            Self::Private => "private",
            Self::Vepa => "vepa",
        })
    }
}

impl NotifyScripts {
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        let scripts = [
            ("Backup", &self.backup),
            ("Master", &self.master),
            ("Fault", &self.fault),
            ("Stop", &self.stop),
            ("Deleted", &self.deleted),
            ("Generic", &self.any),
            ("Master rx lower pri", &self.master_rx_lower_pri),
            ("Split brain", &self.split_brain),
        ];
        for (state, script) in scripts {
            if let Some(script) = script {
                let (uid, gid) = (script.uid.unwrap_or(0), script.gid.unwrap_or(0));
                field!(out, "{state} state transition script = {script}, uid:gid {uid}:{gid}");
            }
        }
    }
}
