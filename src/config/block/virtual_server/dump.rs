//! A virtual server in keepalived's layout, as it is before the first check.

use super::{Protocol, Scheduler, Service, VirtualServer};
use crate::config::dump::{Out, field, member, object, yes_no};

impl VirtualServer {
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        object!(out, "------< Virtual server >------");
        match &self.service {
            Service::Address(address) => object!(out, "VS VIP = {}, VPORT = {}", address.ip, address.port),
            Service::Fwmark(mark) => object!(out, "VS FWMARK = {mark}"),
            Service::Group { .. } => object!(out, "VS GROUP = {}", self.label()),
        }
        if let Some(name) = &self.virtualhost {
            field!(out, "VirtualHost = {name}");
        }
        if let Some(name) = &self.snmp_name {
            field!(out, "SNMP name = '{name}'");
        }
        match self.family {
            Some(crate::types::Family::V4) => field!(out, "Address family = inet"),
            Some(crate::types::Family::V6) => field!(out, "Address family = inet6"),
            None => field!(out, "Address family = IPv4 & IPv6"),
        }
        field!(out, "connection timeout = {:.6}", self.connect_timeout.as_secs_f64());
        field!(out, "delay_loop = {:.6}", self.delay_loop.as_secs_f64());
        self.dump_scheduler(out);
        if let Some(persistence) = &self.persistence {
            field!(out, "persistence timeout = {}", persistence.timeout);
            if let Some(granularity) = persistence.granularity {
                field!(out, "persistence granularity = {granularity}");
            }
        }
        field!(out, "protocol = {}", self.protocol.map_or("none".to_owned(), |p| p.name().to_uppercase()));
        self.dump_settings(out);
        field!(out, "{}", self.forwarding.dump("default "));
        self.dump_sorry_server(out);
        field!(out, "alive = 1");
        field!(out, "quorum_state_up = {}", u8::from(self.starts_with_quorum()));
        field!(out, "reloaded = 0");
        for server in &self.real_servers {
            server.dump(out, self.starts_with_quorum() || self.sorry_server.is_none());
        }
    }

    fn dump_scheduler(&self, out: &mut Out) {
        let able = |value: bool| if value { "enabled" } else { "disabled" };
        field!(out, "lvs_sched = {}", self.scheduler);
        field!(out, "Hashed = disabled");
        let [first, second, third] = self.scheduler_flags;
        match self.scheduler {
            Scheduler::Sh | Scheduler::Mh => {
                field!(out, "{}-port = {}", self.scheduler, able(second));
                field!(out, "{}-fallback = {}", self.scheduler, able(first));
            }
            _ => {
                for (number, flag) in (1..).zip([first, second, third]) {
                    field!(out, "flag-{number} = {}", able(flag));
                }
            }
        }
        let idle = self.one_packet && self.protocol != Some(Protocol::Udp);
        let remark = if idle { " (inactive due to not UDP)" } else { "" };
        field!(out, "One packet scheduling = {}{remark}", able(self.one_packet));
    }

    fn dump_settings(&self, out: &mut Out) {
        let on = |value: bool| if value { "ON" } else { "OFF" };
        field!(out, "alpha is {}", on(self.alpha));
        field!(out, "omega is {}", on(self.omega));
        if let Some(retry) = self.retry {
            field!(out, "Retry count = {retry}");
        }
        if let Some(delay) = self.delay_before_retry {
            field!(out, "Retry delay = {:.6}", delay.as_secs_f64());
        }
        if let Some(warmup) = self.warmup {
            field!(out, "Warmup = {:.6}", warmup.as_secs_f64());
        }
        field!(out, "Inhibit on failure is {}", on(self.inhibit_on_failure));
        field!(out, "quorum = {}, hysteresis = {}", self.quorum, self.hysteresis);
        for (name, script) in [("up", &self.quorum_up), ("down", &self.quorum_down)] {
            if let Some(script) = script {
                let (uid, gid) = (script.uid.unwrap_or(0), script.gid.unwrap_or(0));
                field!(out, "Quorum {name} notify script = {script}, uid:gid {uid}:{gid}");
            }
        }
        if self.ha_suspend {
            field!(out, "Using HA suspend");
        }
        field!(out, "Using smtp notification = {}", yes_no(self.smtp_alert));
    }

    fn dump_sorry_server(&self, out: &mut Out) {
        let Some(sorry) = &self.sorry_server else { return };
        let remark = if sorry.is_real_server { "(duplicates rs) " } else { "" };
        field!(out, "sorry server {remark}= {}", self.server_label(sorry.address));
        field!(out, "{}", sorry.forwarding.dump("  "));
        member!(out, "Inhibit on failure is {}", if sorry.inhibit { "ON" } else { "OFF" });
    }

    /// Whether the servers that are up before the first check are enough.
    fn starts_with_quorum(&self) -> bool {
        let alive = self.real_servers.iter().filter(|server| server.failed_checkers() == 0);
        let weight: u64 = alive.map(|server| u64::from(server.weight)).sum();
        weight >= u64::from(self.quorum) + u64::from(self.hysteresis)
    }
}
