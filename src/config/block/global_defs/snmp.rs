//! SNMP and D-Bus.

use super::{GlobalDraft, refused};
use crate::config::dump::{Out, object};
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::Otherwise;
use std::time::Duration;

/// What is served over SNMP; the tables of virtual servers are in [`super::LvsDefs::snmp`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SnmpDefs {
    /// `snmp_socket`: that of the master agent; `None`: unix:/var/agentx/master.
    pub socket: Option<String>,
    /// `enable_traps`
    pub traps: bool,
    /// `enable_snmp_vrrp`: the tables of keepalived's own MIB.
    pub vrrp: bool,
    /// `enable_snmp_rfcv2`: RFC 2787.
    pub rfc_v2: bool,
    /// `enable_snmp_rfcv3`: RFC 6527.
    pub rfc_v3: bool,
    /// `snmp_vs_stats_update_interval`: age at which counters of virtual servers are read again; `None`: 5 s.
    pub vs_stats_update_interval: Option<Duration>,
    /// `snmp_rs_stats_update_interval`: the same of real servers; `None`: as of virtual ones.
    pub rs_stats_update_interval: Option<Duration>,
}

/// The D-Bus service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DbusDefs {
    /// `enable_dbus`
    pub enabled: bool,
    /// `dbus_service_name`; `None`: org.keepalived.Vrrp1.
    pub service_name: Option<String>,
    /// `dbus_no_interface_name`: stands for the interface of an instance that has none.
    pub no_interface_name: Option<String>,
}

fn enabled(value: bool) -> &'static str {
    if value { "enabled" } else { "disabled" }
}

impl SnmpDefs {
    /// `checker` is `enable_snmp_checker`, which stands among them.
    pub(super) fn dump(&self, out: &mut Out, checker: bool) {
        object!(out, "SNMP vrrp {}", enabled(self.vrrp));
        object!(out, "SNMP checker {}", enabled(checker));
        object!(out, "SNMP RFCv2 {}", enabled(self.rfc_v2));
        object!(out, "SNMP RFCv3 {}", enabled(self.rfc_v3));
        object!(out, "SNMP traps {}", enabled(self.traps));
        let socket = self.socket.as_deref().unwrap_or("default (unix:/var/agentx/master)");
        object!(out, "SNMP socket = {socket}");
    }
}

impl DbusDefs {
    pub(super) fn dump(&self, out: &mut Out) {
        object!(out, "DBus {}", enabled(self.enabled));
        object!(out, "DBus service name = {}", self.service_name.as_deref().unwrap_or(""));
    }
}

pub(super) fn socket(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    /// The room in a `sockaddr_un`.
    const LONGEST: usize = 107;
    let text = match node.args.as_slice() {
        [] => return cx.missing_value(node, "SNMP error : snmp socket name missing"),
        [_, extra, ..] => {
            let text = "Too many parameters specified for snmp_socket - ignoring".to_owned();
            return refused(cx, "extra-words", extra, "`snmp_socket` takes one word", text);
        }
        [word] if word.text.len() > LONGEST => "SNMP error : snmp socket name too long - ignored".to_owned(),
        [word] => match &d.defs.snmp.socket {
            None => {
                d.defs.snmp.socket = Some(word.text.clone());
                return;
            }
            Some(other) => {
                let text = format!("SNMP socket already set to {other} - ignoring");
                return refused(cx, "duplicate-value", &node.keyword, "there are two `snmp_socket`", text);
            }
        },
    };
    refused(cx, "name-too-long", node.arg(), format!("a socket has at most {LONGEST} bytes"), text);
}

/// Both MIBs of the RFCs.
pub(super) fn rfc(d: &mut GlobalDraft, _: &Node, _: &mut Context<'_>) {
    d.defs.snmp.rfc_v2 = true;
    d.defs.snmp.rfc_v3 = true;
}

pub(super) fn stats_update_interval(slot: &mut Option<Duration>, node: &Node, cx: &mut Context<'_>) {
    let (keyword, word) = (&node.keyword, node.arg());
    let otherwise = Otherwise::ignored(format!("{keyword} '{word}' is invalid"));
    let micros = cx.decimal(word, 6, 1_000..=30_000_000, otherwise);
    *slot = micros.map(Duration::from_micros).or(*slot);
}

pub(super) fn dbus_name(slot: &mut Option<String>, node: &Node, cx: &mut Context<'_>) {
    match node.args.first() {
        Some(word) => *slot = Some(word.text.clone()),
        None => cx.missing_value(node, &format!("{} missing - ignoring", node.keyword)),
    }
}
