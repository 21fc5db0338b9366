//! Rules across the keywords of a virtual server, its group and its servers.
//!
//! keepalived says all this when it has read the whole file, so it names no line; ours point at the
//! lines that disagree.

use super::keywords::SorryDraft;
use super::{Persistence, Protocol, Service, SorryServer, VirtualServer, VirtualServerDraft};
use crate::config::block::real_server::{Handed, RealServerDraft};
use crate::config::block::virtual_server_group::{AddressRange, VirtualServerGroup};
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::value::Forwarding;
use crate::types::Family;

/// Says something that keepalived says at the end.
fn warn(
    cx: &mut Context<'_>,
    id: &'static str,
    span: Span,
    message: impl Into<String>,
    (text, help): (String, &str),
) {
    let problem = Diagnostic::warning(id, span, message).classic(text).at_completion();
    cx.report(problem.help(help));
}

impl VirtualServerDraft {
    /// The finished virtual server; `None` when it is left out, as reported. `smtp_alert` is what the globals
    /// say of it.
    pub(in crate::config) fn complete(
        mut self,
        groups: &[VirtualServerGroup],
        smtp_alert: Option<bool>,
        cx: &mut Context<'_>,
    ) -> Option<VirtualServer> {
        let is_known = match &self.service {
            Service::Group { name, .. } => groups.iter().any(|group| group.name == *name),
            Service::Address(_) | Service::Fwmark(_) => true,
        };
        if self.real_servers.is_empty() && is_known {
            let text = format!("Virtual server {} has no real servers - ignoring", self.label());
            let message = "a virtual server without real servers";
            cx.report(
                Diagnostic::error("no-real-servers", self.span, message)
                    .classic(text)
                    .at_completion()
                    .label("it is left out")
                    .help("add a `real_server` block"),
            );
            return None;
        }
        let group = self.find_group(groups, cx)?;
        let marked = self.is_marked(group);
        self.settle_suspension(marked, cx);
        self.settle_protocol(group, cx);
        if self.scheduler.is_none() {
            let text = format!("Virtual server {}: no scheduler set, setting default 'wlc'", self.label());
            warn(
                cx,
                "default-scheduler",
                self.span,
                "no `lvs_sched`: `wlc` is used",
                (text, "say so, or name another one: `lvs_sched rr`"),
            );
        }
        let forwarding = self.settle_forwarding(cx);
        self.remove_duplicates(cx);
        let is_real_server = self.match_sorry_server(cx);
        self.settle_quorum(cx);
        self.settle_ports(group, forwarding, cx);
        Some(self.finish(forwarding, is_real_server, smtp_alert))
    }

    fn finish(self, forwarding: Forwarding, is_real_server: bool, smtp_alert: Option<bool>) -> VirtualServer {
        let handed = Handed {
            settings: self.settings,
            forwarding,
            weight: self.weight,
            inhibit_on_failure: self.inhibit_on_failure,
            smtp_alert,
        };
        let sorry = |sorry: SorryDraft| SorryServer {
            address: sorry.address,
            forwarding: sorry.forwarding.unwrap_or(forwarding),
            inhibit: sorry.inhibit,
            is_real_server,
        };
        let (granularity, engine) = (self.granularity, self.persistence_engine);
        VirtualServer {
            service: self.service,
            family: self.family,
            protocol: self.protocol.map(|(protocol, _)| protocol),
            scheduler: self.scheduler.unwrap_or_default(),
            scheduler_flags: self.flags,
            one_packet: self.one_packet.is_some(),
            persistence: self.persistence_timeout.map(|timeout| Persistence { timeout, granularity, engine }),
            forwarding,
            alpha: self.settings.alpha.unwrap_or(false),
            omega: self.omega,
            retry: self.settings.retry,
            delay_before_retry: self.settings.delay_before_retry,
            warmup: self.settings.warmup,
            delay_loop: self.settings.interval(),
            connect_timeout: self.settings.timeout(),
            inhibit_on_failure: self.inhibit_on_failure,
            quorum: self.quorum.0,
            hysteresis: self.hysteresis.0,
            quorum_up: self.quorum_up,
            quorum_down: self.quorum_down,
            ha_suspend: self.ha_suspend.is_some(),
            smtp_alert: self.smtp_alert.or(smtp_alert).unwrap_or(false),
            virtualhost: self.virtualhost,
            snmp_name: self.snmp_name,
            sorry_server: self.sorry_server.map(sorry),
            real_servers: self.real_servers.into_iter().map(|server| server.resolve(&handed)).collect(),
        }
    }

    /// Its group, if it has one; outer `None`: it names one that does not fit.
    fn find_group<'g>(
        &mut self,
        groups: &'g [VirtualServerGroup],
        cx: &mut Context<'_>,
    ) -> Option<Option<&'g VirtualServerGroup>> {
        let Service::Group { name, .. } = &self.service else {
            self.family.get_or_insert(Family::V4);
            return Some(None);
        };
        // keepalived logs these and does not count them as errors of the configuration.
        let names = groups.iter().map(|group| group.name.as_str());
        let near = crate::config::suggest::spelling(name, names);
        let mut leave_out = |message: String, classic: String| {
            let problem = Diagnostic::warning("group-unusable", self.span, message)
                .class(Class::Harmless)
                .classic(classic)
                .at_completion()
                .label("the virtual server is left out");
            cx.report(match near.filter(|near| near != name) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            });
        };
        let label = self.service.label(None);
        let Some(group) = groups.iter().find(|group| group.name == *name) else {
            let text = format!(
                "Virtual server group {name} specified but not configured - ignoring virtual server {label}"
            );
            leave_out(format!("there is no group `{name}`"), text);
            return None;
        };
        let (v4, v6) = (group.has(Family::V4), group.has(Family::V6));
        match (self.family, v4, v6) {
            (Some(_), true, true) => {
                let text = format!(
                    "{name}: virtual server group with IPv4 & IPv6 doesn't match virtual server {label} - ignoring"
                );
                leave_out(
                    format!("`{name}` has addresses of both families, the virtual server is of one"),
                    text,
                );
                return None;
            }
            (Some(Family::V4), false, true) | (Some(Family::V6), true, false) => {
                let text = format!("{name}: address family doesn't match virtual server {label} - ignoring");
                leave_out(format!("`{name}` and the virtual server are of different families"), text);
                return None;
            }
            (None, true, false) | (None, false, false) => self.family = Some(Family::V4),
            (None, false, true) => self.family = Some(Family::V6),
            (None, true, true) | (Some(_), _, _) => {}
        }
        Some(Some(group))
    }

    /// Whether packets find it by a mark, be it among other things.
    fn is_marked(&self, group: Option<&VirtualServerGroup>) -> bool {
        matches!(self.service, Service::Fwmark(_)) || group.is_some_and(|group| !group.fwmarks.is_empty())
    }

    fn settle_suspension(&mut self, marked: bool, cx: &mut Context<'_>) {
        let Some(span) = self.ha_suspend.filter(|_| marked) else { return };
        let text = format!(
            "Virtual server {}: cannot use ha_suspend with fwmarks - clearing ha_suspend",
            self.label()
        );
        warn(
            cx,
            "ha-suspend-ignored",
            span,
            "a firewall mark is not on any machine: `ha_suspend` is ignored",
            (text, "leave it out"),
        );
        self.ha_suspend = None;
    }

    fn settle_protocol(&mut self, group: Option<&VirtualServerGroup>, cx: &mut Context<'_>) {
        let port_zero = match (&self.service, group) {
            (Service::Fwmark(_), _) => None,
            (Service::Address(address), _) => Some(address.port == 0),
            (Service::Group { .. }, None) => None,
            (Service::Group { .. }, Some(group)) if group.addresses.is_empty() => None,
            (Service::Group { .. }, Some(group)) => Some(group.addresses.iter().any(|range| range.port == 0)),
        };
        let Some(port_zero) = port_zero else {
            if let Some((_, span)) = self.protocol.take() {
                let text = format!(
                    "Warning: Virtual server {}: protocol specified for fwmark - protocol will be ignored",
                    self.label()
                );
                warn(cx, "protocol-ignored", span, "a firewall mark has no protocol", (text, "leave it out"));
            }
            return;
        };
        if self.protocol.is_none() {
            let text = format!("Virtual server {}: no protocol set - defaulting to UDP", self.label());
            warn(
                cx,
                "default-protocol",
                self.span,
                "no `protocol`: UDP is used",
                (text, "say which: `protocol TCP`"),
            );
            self.protocol = Some((Protocol::Udp, self.span));
        }
        let udp = self.protocol.is_some_and(|(protocol, _)| protocol == Protocol::Udp);
        if let Some(span) = self.one_packet.filter(|_| !udp) {
            let text =
                format!("Virtual server {}: one packet scheduling requires UDP - resetting", self.label());
            warn(
                cx,
                "ops-ignored",
                span,
                "`ops` is for UDP",
                (text, "leave it out, or write `protocol UDP`"),
            );
            self.one_packet = None;
        }
        if port_zero && self.persistence_timeout.is_none() {
            let text = format!(
                "Virtual server {}: zero port only valid for persistent services - setting",
                self.label()
            );
            warn(
                cx,
                "persistence-turned-on",
                self.span,
                "a service for all ports has to be persistent",
                (text, "say how long: `persistence_timeout 360`"),
            );
            self.persistence_timeout = Some(super::keywords::CUSTOMARY_PERSISTENCE);
        }
    }

    fn settle_forwarding(&self, cx: &mut Context<'_>) -> Forwarding {
        let lacking = self.real_servers.iter().any(|server| server.forwarding.is_none());
        if self.forwarding.is_none() && lacking {
            let text =
                format!("Virtual server {}: no forwarding method set, setting default NAT", self.label());
            warn(
                cx,
                "default-forwarding",
                self.span,
                "no `lvs_method`: NAT is used",
                (text, "say so, or name another one: `lvs_method DR`"),
            );
        }
        self.forwarding.unwrap_or(Forwarding::Nat)
    }

    fn remove_duplicates(&mut self, cx: &mut Context<'_>) {
        let label = self.label();
        let protocol = self.protocol_name();
        let mut kept: Vec<RealServerDraft> = Vec::new();
        for server in std::mem::take(&mut self.real_servers) {
            let Some(first) = kept.iter().find(|other| other.address == server.address) else {
                kept.push(server);
                continue;
            };
            let shown = server.address.label(protocol);
            let text = format!("VS {label}: real server {shown} is duplicated - removing second rs");
            let problem = Diagnostic::warning("duplicate-real-server", server.span, "there are two of these")
                .classic(text)
                .at_completion()
                .label("this one is left out")
                .related(first.span, "the first one");
            cx.report(problem);
        }
        self.real_servers = kept;
    }

    /// Whether the sorry server is a real server; then the two are inhibited alike.
    fn match_sorry_server(&mut self, cx: &mut Context<'_>) -> bool {
        let (label, protocol) = (self.label(), self.protocol_name());
        let Some(sorry) = &mut self.sorry_server else { return false };
        let twin = self.real_servers.iter().find(|server| server.address == sorry.address);
        let Some(twin) = twin else { return false };
        let inhibit = twin.inhibits(self.inhibit_on_failure);
        if inhibit != sorry.inhibit {
            let (shown, verb) = (sorry.address.label(protocol), if inhibit { "sett" } else { "clear" });
            let text = format!(
                "Virtual server {label}: real server {shown} matches sorry server, but inhibit setting differs, {verb}ing on sorry server"
            );
            warn(
                cx,
                "sorry-server-inhibit",
                sorry.span,
                "it is a real server too, and inhibited otherwise",
                (text, "give both `sorry_server_inhibit` and `inhibit_on_failure`, or neither"),
            );
            sorry.inhibit = inhibit;
        }
        true
    }

    fn settle_quorum(&mut self, cx: &mut Context<'_>) {
        let weights = self.real_servers.iter().map(|server| server.weight.unwrap_or(self.weight));
        let total = weights.fold(0u32, u32::saturating_add);
        let label = self.label();
        let (quorum, span) = self.quorum;
        if quorum > total {
            let text = format!(
                "Warning - quorum {quorum} for {label} exceeds total weight of real servers {total}, reducing quorum to {total}"
            );
            let message = format!("the real servers weigh {total} together: that is the quorum");
            warn(cx, "quorum-too-high", span, message, (text, "lower the `quorum`, or raise the weights"));
            self.quorum.0 = total;
        }
        let quorum = self.quorum.0;
        let (hysteresis, span) = self.hysteresis;
        if hysteresis > 0 && hysteresis >= quorum {
            let lowered = quorum.saturating_sub(1);
            let text = format!(
                "Virtual server {label}: hysteresis {hysteresis} >= quorum {quorum}; setting hysteresis to {lowered}"
            );
            warn(
                cx,
                "hysteresis-too-high",
                span,
                format!("it has to be less than the quorum: {lowered} is used"),
                (text, "lower the `hysteresis`"),
            );
            self.hysteresis.0 = lowered;
        }
    }

    fn settle_ports(
        &mut self,
        group: Option<&VirtualServerGroup>,
        default: Forwarding,
        cx: &mut Context<'_>,
    ) {
        let label = self.label();
        let protocol = self.protocol_name();
        let service = self.service.clone();
        for server in &mut self.real_servers {
            let forwarding = server.forwarding.unwrap_or(default);
            let who = Who { label: &label, shown: Some(server.address.label(protocol)), span: server.span };
            let port = &mut server.address.port;
            settle_port(port, forwarding, &service, group, &who, cx);
        }
        if let Some(sorry) = &mut self.sorry_server {
            let forwarding = sorry.forwarding.unwrap_or(default);
            let who = Who { label: &label, shown: None, span: sorry.span };
            settle_port(&mut sorry.address.port, forwarding, &service, group, &who, cx);
        }
    }
}

/// Whose port is settled.
struct Who<'a> {
    /// The virtual server.
    label: &'a str,
    /// The real server; `None`: the sorry server.
    shown: Option<String>,
    span: Span,
}

/// Only NAT can change the port: with anything else the server's is that of the service.
fn settle_port(
    port: &mut u16,
    forwarding: Forwarding,
    service: &Service,
    group: Option<&VirtualServerGroup>,
    who: &Who<'_>,
    cx: &mut Context<'_>,
) {
    let (label, span) = (who.label, who.span);
    let message =
        format!("{} cannot change the port", if forwarding.is_tunnel() { "a tunnel" } else { "DR" });
    match service {
        Service::Address(address) if *port == 0 => *port = address.port,
        _ if forwarding == Forwarding::Nat || *port == 0 => {}
        Service::Address(address) if *port == address.port => {}
        Service::Address(address) => {
            let text = match &who.shown {
                Some(shown) => {
                    format!(
                        "WARNING - virtual server {label} and real server {shown} ports don't match - resetting"
                    )
                }
                None => {
                    format!("WARNING - virtual server {label} and sorry server ports don't match - resetting")
                }
            };
            warn(
                cx,
                "port-mismatch",
                span,
                format!("{message}: {} is used", address.port),
                (text, "write the port of the service, or none"),
            );
            *port = address.port;
        }
        Service::Fwmark(_) => {
            let text = match &who.shown {
                Some(shown) => format!(
                    "WARNING - fwmark virtual server {label}, real server {shown} has port specified - clearing"
                ),
                None => {
                    format!("WARNING - virtual server {label}, sorry server has port specified - clearing")
                }
            };
            warn(
                cx,
                "port-mismatch",
                span,
                format!("{message}, so it is ignored"),
                (text, "write the port of the service, or none"),
            );
            *port = 0;
        }
        Service::Group { .. } => {
            let Some(group) = group else { return };
            for text in group_port_texts(group, *port, who) {
                warn(
                    cx,
                    "port-mismatch",
                    span,
                    message.clone(),
                    (text, "write the port of the service, or none"),
                );
            }
        }
    }
}

/// What keepalived says about a server's port and each entry of a group.
fn group_port_texts(group: &VirtualServerGroup, port: u16, who: &Who<'_>) -> Vec<String> {
    let label = who.label;
    let mark = match &who.shown {
        Some(shown) => format!(
            "WARNING - fwmark virtual server {label}, real server {shown} has port specified - port will be ignored"
        ),
        None => format!(
            "WARNING - fwmark virtual server {label}, sorry server has port specified - port will be ignored"
        ),
    };
    let marks = group.fwmarks.iter().map(|_| mark.clone());
    let others = group.addresses.iter().filter(|range| range.port != port);
    let address = |range: &AddressRange| match &who.shown {
        Some(shown) => {
            let AddressRange { first, last, port } = range;
            let entry = if first == last { first.to_string() } else { format!("{first}-{last}") };
            format!("virtual server {label}:[{entry},{port}] and real server {shown} ports don't match")
        }
        None => {
            format!(
                "WARNING - virtual server {label}, sorry server has port specified - port will be ignored"
            )
        }
    };
    marks.chain(others.map(address)).collect()
}
