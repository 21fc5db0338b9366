//! `global_defs { … }`.

mod daemon;
mod fifo;
mod files;
mod firewall;
mod inherited;
mod keywords;
mod lvs;
mod mail;
mod netlink;
mod process;
mod scripts;
mod snmp;

pub use daemon::{DaemonDefs, IpvsNamespace};
pub use fifo::{FifoDefs, NotifyFifo};
pub use files::{FileDefs, ReloadFile};
pub(in crate::config) use firewall::CUSTOMARY_TABLE;
pub use firewall::FirewallDefs;
pub use inherited::{GarpDefaults, GarpExtraIf};
pub use lvs::{FlushOnStop, LvsDefs, LvsTimeouts, SyncDaemon};
pub use mail::SmtpServer;
pub use netlink::{AdvertBuffer, Buffer, BufferDefs};
pub use process::{AutoPriority, AutoPriorityLimit, ProcessDefs};
pub use scripts::LifeScripts;
pub use snmp::{DbusDefs, SnmpDefs};

pub(super) use daemon::{
    child_wait_time, instance, namespace_with_ipsets, net_namespace, net_namespace_ipvs,
};
pub(in crate::config) use keywords::GLOBAL_DEFS;

use crate::config::diagnostic::Diagnostic;
use crate::config::diff::compared;
use crate::config::dump::{Out, general, object, yes_no};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{DefaultAccount, OnRemoval};
use crate::types::Version;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Settings of the whole daemon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GlobalDefs {
    /// Keywords of the top level that are about the daemon as a whole.
    pub daemon: DaemonDefs,
    /// `process_name`: that of the parent, at most 15 bytes; `None`: that of the program.
    pub process_name: Option<String>,
    /// `vrrp_priority` and its kind.
    pub vrrp_process: ProcessDefs,
    /// `bfd_priority` and its kind.
    pub bfd_process: ProcessDefs,
    /// `max_auto_priority`, `min_auto_priority_delay`
    pub auto_priority: AutoPriority,
    /// Scripts that the parent runs.
    pub life: LifeScripts,
    /// `use_symlink_paths`: scripts are run by the path that is written, not by what it leads to.
    pub use_symlink_paths: bool,
    /// `set_supplementary_groups`: scripts have all groups of their user.
    pub set_supplementary_groups: bool,
    /// Files that are written or watched.
    pub files: FileDefs,
    /// `notify_fifo`: gets all events.
    pub fifo: FifoDefs,
    /// `vrrp_notify_fifo`: gets those of VRRP.
    pub vrrp_fifo: FifoDefs,
    /// `fifo_write_vrrp_states_on_reload`: FIFOs are told every state again after a reload.
    pub fifo_write_vrrp_states_on_reload: bool,
    /// `notify_replay_on_reload`: so are notify scripts.
    pub notify_replay_on_reload: bool,
    /// `notify_script_timeout`: how long a notify script may run while another one waits for it, 1 to 86400 s.
    pub notify_script_timeout: Duration,
    /// Packet filters.
    pub firewall: FirewallDefs,
    /// SNMP.
    pub snmp: SnmpDefs,
    /// D-Bus.
    pub dbus: DbusDefs,
    /// Receive buffers.
    pub buffers: BufferDefs,
    /// `vrrp_startup_silence`: how long an instance listens, at most, behind a link that has just come up; zero: no
    /// longer than keepalived.
    pub vrrp_startup_silence: Duration,
    /// `vrrp_startup_delay`: from the start of the daemon to that of its instances.
    pub vrrp_startup_delay: Duration,
    /// `vrrp_delay_after_boot`: from that of the machine; the later of both counts.
    pub vrrp_delay_after_boot: Duration,
    /// `log_unknown_vrids`: adverts of virtual routers that are not ours are told.
    pub log_unknown_vrids: bool,
    /// `default_interface`: of static addresses that name none; `None`: eth0.
    pub default_interface: Option<String>,
    /// `disable_local_igmp`: the kernel does not report link-local groups.
    pub disable_local_igmp: bool,
    /// `vmac_prefix`: how names of virtual MAC interfaces begin; `None`: `vrrp`.
    pub vmac_prefix: Option<String>,
    /// `vmac_addr_prefix`: of those for addresses on further interfaces; `None`: as `vmac_prefix`.
    pub vmac_addr_prefix: Option<String>,
    /// `router_id`: name of this router in mails, else the host name; `None`: that is not known.
    pub router_id: Option<String>,
    /// Recipients.
    pub notification_email: Vec<String>,
    /// Sender; `None`: user@host.
    pub notification_email_from: Option<String>,
    /// Where mail goes.
    pub smtp_server: Option<SmtpServer>,
    /// HELO name; `None`: the host name.
    pub smtp_helo_name: Option<String>,
    /// Default 30 s.
    pub smtp_connect_timeout: Duration,
    /// Mail on transitions unless said more precisely.
    pub smtp_alert: Option<bool>,
    /// Load balancing.
    pub lvs: LvsDefs,
    /// The same for VRRP alone.
    pub smtp_alert_vrrp: Option<bool>,
    /// No mail for transitions to FAULT.
    pub no_email_faults: bool,
    /// Group of IPv4 adverts; default 224.0.0.18.
    pub vrrp_mcast_group4: Ipv4Addr,
    /// Group of IPv6 adverts; default ff02::12.
    pub vrrp_mcast_group6: Ipv6Addr,
    /// Version of IPv4 instances that give none; default 2.
    pub vrrp_version: Version,
    /// Defaults of the instances' `garp_*` keywords.
    pub garp: GarpDefaults,
    /// Default of `down_timer_adverts`: 3.
    pub vrrp_down_timer_adverts: u8,
    /// Default of `lower_prio_no_advert`.
    pub vrrp_lower_prio_no_advert: bool,
    /// Default of `higher_prio_send_advert`.
    pub vrrp_higher_prio_send_advert: bool,
    /// Default of `check_unicast_src`.
    pub vrrp_check_unicast_src: bool,
    /// Default of `skip_check_adv_addr`.
    pub vrrp_skip_check_adv_addr: bool,
    /// Default of `on_removal`.
    pub vrrp_on_removal: OnRemoval,
    /// Default of `strict_mode`.
    pub vrrp_strict: bool,
    /// Default of `owner_ignore_adverts`.
    pub vrrp_owner_ignore_adverts: bool,
    /// Default of `notify_priority_changes`.
    pub vrrp_notify_priority_changes: bool,
    /// Default of the instances' `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: bool,
    /// Default of `garp_extra_if`.
    pub vrrp_garp_extra_if: GarpExtraIf,
    /// Interfaces that are not there when the file is read.
    pub dynamic_interfaces: DynamicInterfaces,
    /// User (and group) of scripts that name none, as written.
    pub script_user: Option<(String, Option<String>)>,
    /// User and group id of scripts that name none; `None` when nobody looked them up.
    pub script_ids: Option<(u32, u32)>,
    /// Refuse scripts run as root whose path somebody else could change.
    pub enable_script_security: bool,
}

/// What becomes of an interface that is named and not there.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum DynamicInterfaces {
    /// The configuration is refused.
    #[default]
    Refused,
    /// It may come later.
    Allowed,
    /// It may come later, and come back as one of another kind.
    MayChange,
}

impl Default for GlobalDefs {
    fn default() -> Self {
        Self {
            daemon: DaemonDefs::default(),
            process_name: None,
            vrrp_process: ProcessDefs::default(),
            bfd_process: ProcessDefs::default(),
            auto_priority: AutoPriority::default(),
            life: LifeScripts::default(),
            use_symlink_paths: false,
            set_supplementary_groups: false,
            files: FileDefs::default(),
            fifo: FifoDefs::default(),
            vrrp_fifo: FifoDefs::default(),
            fifo_write_vrrp_states_on_reload: false,
            notify_replay_on_reload: false,
            notify_script_timeout: Duration::from_secs(60),
            firewall: FirewallDefs::default(),
            snmp: SnmpDefs::default(),
            dbus: DbusDefs::default(),
            buffers: BufferDefs::default(),
            vrrp_startup_silence: Duration::from_secs(25),
            vrrp_startup_delay: Duration::ZERO,
            vrrp_delay_after_boot: Duration::ZERO,
            log_unknown_vrids: false,
            default_interface: None,
            disable_local_igmp: false,
            vmac_prefix: None,
            vmac_addr_prefix: None,
            router_id: None,
            notification_email: Vec::new(),
            notification_email_from: None,
            smtp_server: None,
            smtp_helo_name: None,
            smtp_connect_timeout: Duration::from_secs(30),
            smtp_alert: None,
            lvs: LvsDefs::default(),
            smtp_alert_vrrp: None,
            no_email_faults: false,
            vrrp_mcast_group4: Ipv4Addr::new(224, 0, 0, 18),
            vrrp_mcast_group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            vrrp_version: Version::V2,
            garp: GarpDefaults::default(),
            vrrp_down_timer_adverts: 3,
            vrrp_lower_prio_no_advert: false,
            vrrp_higher_prio_send_advert: false,
            vrrp_check_unicast_src: false,
            vrrp_skip_check_adv_addr: false,
            vrrp_on_removal: OnRemoval::default(),
            vrrp_strict: false,
            vrrp_owner_ignore_adverts: false,
            vrrp_notify_priority_changes: false,
            v3_checksum_as_v2: false,
            vrrp_garp_extra_if: GarpExtraIf::default(),
            dynamic_interfaces: DynamicInterfaces::default(),
            script_user: None,
            script_ids: None,
            enable_script_security: false,
        }
    }
}

/// The globals while they are read.
pub(in crate::config) struct GlobalDraft {
    pub(in crate::config) defs: GlobalDefs,
    /// What scripts without a user run as.
    pub(in crate::config) script_account: DefaultAccount,
    /// Where each keyword was given last.
    pub(in crate::config) given: BTreeMap<String, Span>,
}

const MAX_SECS: i64 = 4294;

impl GlobalDraft {
    pub(in crate::config) fn new(script_account: DefaultAccount) -> Self {
        Self { defs: GlobalDefs::default(), script_account, given: BTreeMap::new() }
    }

    /// With `enable_script_security`, root is no default: only `script_user` or keepalived_script is.
    pub(in crate::config) fn complete(&mut self, cx: &mut Context<'_>) {
        if self.defs.router_id.is_none() {
            self.defs.router_id = cx.environment.host_name().map(str::to_owned);
        }
        if self.defs.enable_script_security && self.defs.script_user.is_none() {
            self.script_account = cx.secure_account();
        }
        self.defs.script_ids = match self.script_account {
            DefaultAccount::Usable(account) => account.map(|account| (account.uid, account.gid)),
            DefaultAccount::Unusable => None,
        };
        let GlobalDefs { fifo, vrrp_fifo, lvs, .. } = &mut self.defs;
        fifo::settle(fifo, vrrp_fifo, &mut lvs.fifo, &self.given, cx);
    }
}

fn secs(n: i64) -> Duration {
    Duration::from_secs(n.unsigned_abs())
}

/// A line, or a part of it, that is refused.
fn refused(cx: &mut Context<'_>, id: &'static str, word: &Word, message: impl Into<String>, classic: String) {
    cx.report(Diagnostic::error(id, word.span, message).classic(classic).label("ignored"));
}

impl Context<'_> {
    /// `KEYWORD [BOOL]`, in keepalived's usual words about globals.
    fn global_flag(&mut self, slot: &mut bool, node: &Node) {
        let keyword = &node.keyword;
        let value =
            self.boolean(&node.args, |word| format!("Invalid value '{word}' for global {keyword} specified"));
        *slot = value.unwrap_or(*slot);
    }
}

/// Whose dump it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Dumper<'a> {
    /// The parent, which knows of its own scripts and when it is going to reload, and not what instances do
    /// with the globals.
    Parent {
        /// The next reload of `reload_time_file`.
        reload: Option<&'a str>,
    },
    /// The VRRP process.
    Vrrp,
}

impl GlobalDefs {
    /// keepalived's whole list.
    pub(in crate::config) fn dump(&self, out: &mut Out, dumper: Dumper<'_>) {
        self.dump_daemon(out);
        self.dump_mail(out);
        object!(out, "Checkers log all failures = {}", self.lvs.checker_log_all_failures);
        let reload = if let Dumper::Parent { reload } = dumper { reload } else { None };
        self.files.dump(out, self.daemon.use_pid_dir, reload);
        if dumper != Dumper::Vrrp {
            self.life.dump(out);
        }
        let dynamic = self.dynamic_interfaces;
        object!(out, "Dynamic interfaces = {}", dynamic != DynamicInterfaces::Refused);
        if dynamic != DynamicInterfaces::Refused {
            object!(out, "Allow interface changes = {}", dynamic == DynamicInterfaces::MayChange);
        }
        if self.no_email_faults {
            object!(out, "Send emails for fault transitions = off");
        }
        self.lvs.dump_timeouts(out);
        if dumper == Dumper::Vrrp {
            object!(out, "Default interface = {}", self.default_interface.as_deref().unwrap_or("eth0"));
        }
        object!(out, "Disable local IGMP = {}", yes_no(self.disable_local_igmp));
        self.lvs.dump_table(out);
        self.fifo.dump(out, "Global");
        self.vrrp_fifo.dump(out, "VRRP");
        self.lvs.fifo.dump(out, "LVS");
        object!(out, "FIFO write vrrp states on reload = {}", self.fifo_write_vrrp_states_on_reload);
        object!(out, "VRRP notify priority changes = {}", self.vrrp_notify_priority_changes);
        self.dump_inherited(out);
        self.firewall.dump(out);
        object!(out, "VRRP check unicast_src = {}", self.vrrp_check_unicast_src);
        object!(out, "VRRP skip check advert addresses = {}", self.vrrp_skip_check_adv_addr);
        object!(out, "VRRP strict mode = {}", self.vrrp_strict);
        self.auto_priority.dump(out);
        self.vrrp_process.dump(out, "VRRP");
        self.lvs.process.dump(out, "Checker");
        self.bfd_process.dump(out, "BFD");
        self.snmp.dump(out, self.lvs.snmp);
        self.dbus.dump(out);
        object!(out, "Script security {}", if self.enable_script_security { "enabled" } else { "disabled" });
        if let Some((uid, gid)) = self.script_ids {
            object!(out, "Default script uid:gid {uid}:{gid}");
        }
        self.buffers.dump_netlink(out);
        self.lvs.dump_notifications(out);
        self.buffers.dump_adverts(out);
        object!(out, "umask = 0{:o}", self.files.mask());
        if !self.vrrp_startup_delay.is_zero() {
            object!(out, "vrrp_startup_delay = {}", general(self.vrrp_startup_delay.as_secs_f64()));
        }
        if self.log_unknown_vrids {
            object!(out, "log_unknown_vrids");
        }
        if let Some(prefix) = &self.vmac_prefix {
            object!(out, "VMAC prefix = {prefix}");
        }
        if let Some(prefix) = &self.vmac_addr_prefix {
            object!(out, "VMAC address prefix = {prefix}");
        }
    }

    fn dump_daemon(&self, out: &mut Out) {
        if let Some(directory) = &self.files.config_save_dir {
            object!(out, "Config save dir = {directory}");
        }
        let daemon = &self.daemon;
        object!(out, "Network namespace = {}", daemon.net_namespace.as_deref().unwrap_or("(default)"));
        let ipvs = match &daemon.net_namespace_ipvs {
            IpvsNamespace::Same | IpvsNamespace::Main => "(main namespace)",
            IpvsNamespace::Named(name) => name,
        };
        object!(out, "Network namespace ipvs = {ipvs}");
        if let Some(name) = &daemon.instance {
            object!(out, "Instance name = {name}");
        }
        for (process, name) in [
            ("Parent", &self.process_name),
            ("VRRP", &self.vrrp_process.name),
            ("LVS", &self.lvs.process.name),
            ("BFD", &self.bfd_process.name),
        ] {
            if let Some(name) = name {
                object!(out, "{process} process name = {name}");
            }
        }
    }
}

compared! { GlobalDefs {
    process_name: "process_name" DaemonRestart optional;
    use_symlink_paths: "use_symlink_paths" None onoff;
    set_supplementary_groups: "set_supplementary_groups" None onoff;
    fifo_write_vrrp_states_on_reload: "fifo_write_vrrp_states_on_reload" None onoff;
    notify_replay_on_reload: "notify_replay_on_reload" None onoff;
    notify_script_timeout: "notify_script_timeout" None time;
    snmp: "enable_snmp_*" None hidden;
    dbus: "enable_dbus" None hidden;
    buffers: "*_bufs*" DaemonRestart hidden;
    vrrp_startup_silence: "vrrp_startup_silence" DaemonRestart time;
    vrrp_startup_delay: "vrrp_startup_delay" DaemonRestart time;
    vrrp_delay_after_boot: "vrrp_delay_after_boot" DaemonRestart time;
    log_unknown_vrids: "log_unknown_vrids" None onoff;
    default_interface: "default_interface" None optional;
    disable_local_igmp: "disable_local_igmp" DaemonRestart onoff;
    vmac_prefix: "vmac_prefix" None optional;
    vmac_addr_prefix: "vmac_addr_prefix" None optional;
    router_id: "router_id" None optional;
    notification_email: "notification_email" None list;
    notification_email_from: "notification_email_from" None optional;
    smtp_server: "smtp_server" None hidden;
    smtp_helo_name: "smtp_helo_name" None optional;
    smtp_connect_timeout: "smtp_connect_timeout" None time;
    smtp_alert: "smtp_alert" None optional;
    lvs: "lvs_*" None hidden;
    smtp_alert_vrrp: "smtp_alert_vrrp" None optional;
    no_email_faults: "no_email_faults" None onoff;
    vrrp_mcast_group4: "vrrp_mcast_group4" None plain;
    vrrp_mcast_group6: "vrrp_mcast_group6" None plain;
    vrrp_version: "vrrp_version" None plain;
    garp: "vrrp_garp_*" Timers hidden;
    vrrp_down_timer_adverts: "vrrp_down_timer_adverts" None plain;
    vrrp_lower_prio_no_advert: "vrrp_lower_prio_no_advert" None onoff;
    vrrp_higher_prio_send_advert: "vrrp_higher_prio_send_advert" None onoff;
    vrrp_check_unicast_src: "vrrp_check_unicast_src" None onoff;
    vrrp_skip_check_adv_addr: "vrrp_skip_check_adv_addr" None onoff;
    vrrp_on_removal: "vrrp_on_removal" None hidden;
    vrrp_strict: "vrrp_strict" None onoff;
    vrrp_owner_ignore_adverts: "vrrp_owner_ignore_adverts" None onoff;
    vrrp_notify_priority_changes: "vrrp_notify_priority_changes" None onoff;
    v3_checksum_as_v2: "v3_checksum_as_v2" None onoff;
    vrrp_garp_extra_if: "vrrp_garp_extra_if" None hidden;
    dynamic_interfaces: "dynamic_interfaces" None hidden;
    script_user: "script_user" None hidden;
    script_ids: "script_user" None hidden;
    enable_script_security: "enable_script_security" None onoff;
    .. daemon;
    .. vrrp_process;
    .. bfd_process;
    .. auto_priority;
    .. life;
    .. files;
    .. fifo;
    .. vrrp_fifo;
    .. firewall;
}}
