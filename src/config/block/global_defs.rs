//! `global_defs { … }`.

mod inherited;
mod lvs;

pub use inherited::GarpExtraIf;
pub use lvs::{FlushOnStop, LvsDefs, LvsTimeouts, NotifyFifo, SyncDaemon};

use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, object};
use crate::config::lexer::Word;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{DefaultAccount, Junk, Otherwise};
use crate::types::Version;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Settings of the whole daemon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GlobalDefs {
    /// Name of this router in mails; `None`: the host name.
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
    /// Default of `strict_mode`.
    pub vrrp_strict: bool,
    /// Default of `owner_ignore_adverts`.
    pub vrrp_owner_ignore_adverts: bool,
    /// Default of `notify_priority_changes`.
    pub vrrp_notify_priority_changes: bool,
    /// Default of the instances' option of that name.
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

/// `smtp_server HOST [PORT]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmtpServer {
    /// Name or address.
    pub host: String,
    /// Default 25.
    pub port: u16,
}

/// The `vrrp_garp_*` and `vrrp_gna_interval` family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GarpDefaults {
    /// From becoming master to the second burst; default 5 s, 0 for none.
    pub master_delay: Duration,
    /// Rounds of a burst; default 5, at least 1.
    pub master_repeat: u32,
    /// Time between later bursts; default 0: none.
    pub master_refresh: Duration,
    /// Rounds of a later burst; default 1.
    pub master_refresh_repeat: u32,
    /// As `master_delay`, after a lower advert was heard; `None`: as `master_delay`.
    pub lower_prio_delay: Option<Duration>,
    /// As `master_repeat`, after a lower advert was heard; `None`: as `master_repeat`.
    pub lower_prio_repeat: Option<u32>,
    /// Least time between two gratuitous ARPs on a link; default 0.
    pub interval: Duration,
    /// Least time between two unsolicited NAs on a link; default 0.
    pub gna_interval: Duration,
}

impl Default for GarpDefaults {
    fn default() -> Self {
        Self {
            master_delay: Duration::from_secs(5),
            master_repeat: 5,
            master_refresh: Duration::ZERO,
            master_refresh_repeat: 1,
            lower_prio_delay: None,
            lower_prio_repeat: None,
            interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
        }
    }
}

impl Default for GlobalDefs {
    fn default() -> Self {
        Self {
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
}

keywords! {
    /// `global_defs`.
    GLOBAL_DEFS: GlobalDraft, "global_defs", None;
    "router_id" Optional "NAME" "" "the host name" => router_id, "name of this node in mails and dumps";
    "notification_email" Words "{ ADDRESS… }" "" "none" => notification_email, "recipients of alerts; repeated blocks accumulate";
    "notification_email_from" Optional "ADDRESS" "" "user@host" => notification_email_from, "sender of alerts";
    "smtp_server" Required "HOST [PORT]" "port 1 to 65535" "none; port 25" => smtp_server, "relay that takes the alerts";
    "smtp_helo_name" Optional "NAME" "" "the host name" => smtp_helo_name, "name given in HELO";
    "smtp_connect_timeout" Required "SECS" "1 to 4294" "30" => smtp_connect_timeout, "how long to wait for the relay";
    "smtp_alert" Optional "[BOOL]" "" "off" => smtp_alert, "default of every `smtp_alert`";
    "smtp_alert_vrrp" Optional "[BOOL]" "" "`smtp_alert`" => smtp_alert_vrrp, "default of the instances' `smtp_alert`";
    "smtp_alert_checker" Optional "[BOOL]" "" "`smtp_alert`" => lvs::smtp_alert_checker, "default of the `smtp_alert` of virtual and real servers";
    "checker_log_all_failures" Optional "[BOOL]" "" "off" => lvs::checker_log_all_failures, "log every failed check, not only the last";
    "checker_process_name" Required "NAME" "15 characters" "none" => lvs::process_name, "name of the process that checks real servers";
    "lvs_process_name" Required "NAME" "15 characters" "none" => lvs::process_name, "deprecated spelling of `checker_process_name`";
    "lvs_timeouts" Optional "[tcp SECS] [tcpfin SECS] [udp SECS]" "0 to 2678400" "the kernel's" => lvs::timeouts, "how long IPVS remembers connections";
    "lvs_flush" Flag "" "" "off" => |d, _, _| d.defs.lvs.flush = true, "empty the IPVS table at start";
    "lvs_flush_on_stop" Optional "[VS]" "" "server by server" => lvs::flush_on_stop, "empty the IPVS table at shutdown, or our virtual servers in it";
    "lvs_flush_onstop" Optional "[VS]" "" "server by server" => lvs::flush_on_stop, "deprecated spelling of `lvs_flush_on_stop`";
    "lvs_sync_daemon" Optional "INTERFACE [[inst] INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]" "id 0 to 255, maxlen 1 to 65507" "none" => lvs::sync_daemon, "tell other nodes of connections", NotYet("the kernel's connections are not told to other nodes");
    "nftables_ipvs" Optional "[TABLE]" "" "off; keepalived_ipvs" => lvs::nftables, "mark the packets of groups with nftables";
    "nftables_ipvs_priority" Required "N" "-2147483648 to 2147483647" "-1" => lvs::nftables_priority, "priority of the chain that marks";
    "nftables_ipvs_start_fwmark" Required "N" "1 to 4294967295" "1000" => lvs::nftables_start_fwmark, "first mark that is used";
    "nftables_counters" Flag "" "" "off" => |d, _, _| d.defs.lvs.nftables_counters = true, "count what nftables matches";
    "lvs_notify_fifo" Optional "PATH [USER [GROUP]]" "" "none" => lvs::notify_fifo, "FIFO that gets the events of virtual and real servers";
    "lvs_notify_fifo_script" Optional "COMMAND [USER [GROUP]]" "" "none" => lvs::notify_fifo_script, "reads that FIFO";
    "checker_priority" Optional "N" "-20 to 19" "0" => lvs::priority, "nice value of the process that checks real servers";
    "checker_no_swap" Flag "" "" "off" => |d, _, _| d.defs.lvs.no_swap = true, "lock its memory";
    "checker_rt_priority" Optional "N" "1 to 99" "none" => lvs::rt_priority, "its real-time priority";
    "checker_cpu_affinity" Optional "CPU…" "" "all" => lvs::cpu_affinity, "CPUs that it may use";
    "checker_rlimit_rttime" Required "MICROSECONDS" "1 to 4294967295" "10000" => lvs::rlimit_rttime, "longest real-time run of it without a pause";
    "checker_rlimit_rtime" Required "MICROSECONDS" "1 to 4294967295" "10000" => lvs::rlimit_rttime, "deprecated spelling of `checker_rlimit_rttime`";
    "lvs_netlink_cmd_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => lvs::cmd_rcv_bufs, "receive buffer for its requests to the kernel";
    "lvs_netlink_cmd_rcv_bufs_force" Optional "[BOOL]" "" "off" => lvs::cmd_rcv_bufs_force, "beyond the system's limit";
    "lvs_netlink_monitor_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => lvs::monitor_rcv_bufs, "receive buffer for what the kernel reports to it";
    "lvs_netlink_monitor_rcv_bufs_force" Optional "[BOOL]" "" "off" => lvs::monitor_rcv_bufs_force, "beyond the system's limit";
    "rs_init_notifies" Optional "[BOOL]" "" "off" => lvs::rs_init_notifies, "run `notify_up` for servers that are there from the start";
    "no_checker_emails" Optional "[BOOL]" "" "off" => lvs::no_checker_emails, "mail when a server changes, not for each of its checks";
    "enable_snmp_checker" Flag "" "" "off" => |d, _, _| d.defs.lvs.snmp = true, "serve the tables of virtual servers over SNMP";
    "no_email_faults" Flag "" "" "off" => |d, _, _| d.defs.no_email_faults = true, "no alert for transitions to FAULT";
    "vrrp_mcast_group4" Required "ADDRESS" "IPv4 multicast" "224.0.0.18" => vrrp_mcast_group4, "group of IPv4 adverts";
    "vrrp_mcast_group6" Required "ADDRESS" "IPv6 multicast" "ff02::12" => vrrp_mcast_group6, "group of IPv6 adverts";
    "vrrp_garp_master_delay" Required "SECS" "0 to 4294" "5" => garp_master_delay, "from becoming master to the second burst of gratuitous ARPs";
    "vrrp_garp_master_repeat" Required "N" "1 to 4294967295" "5" => garp_master_repeat, "gratuitous ARPs in a burst";
    "vrrp_garp_master_refresh" Required "SECS" "0 to 4294967295" "0" => garp_master_refresh, "time between later bursts";
    "vrrp_garp_master_refresh_repeat" Required "N" "1 to 4294967295" "1" => garp_master_refresh_repeat, "gratuitous ARPs in a later burst";
    "vrrp_garp_lower_prio_delay" Required "SECS" "0 to 4294" "`vrrp_garp_master_delay`" => garp_lower_prio_delay, "the second burst after a lower advert";
    "vrrp_garp_lower_prio_repeat" Required "N" "0 to 2147483647" "`vrrp_garp_master_repeat`" => garp_lower_prio_repeat, "gratuitous ARPs after a lower advert";
    "vrrp_garp_interval" Required "SECS" "0.000001 to 4294.967295" "0" => garp_interval, "gap between gratuitous ARPs on a link";
    "vrrp_gna_interval" Required "SECS" "0.000001 to 4294.967295" "0" => gna_interval, "gap between unsolicited neighbour advertisements on a link";
    "vrrp_down_timer_adverts" Required "N" "1 to 100" "3" => down_timer_adverts, "adverts missed before a backup takes over";
    "vrrp_lower_prio_no_advert" Optional "[BOOL]" "" "off" => lower_prio_no_advert, "do not answer a lower advert with one of ours";
    "vrrp_higher_prio_send_advert" Optional "[BOOL]" "" "off" => higher_prio_send_advert, "send an advert before giving way to a higher one";
    "vrrp_version" Required "N" "2 or 3" "2" => version, "version of IPv4 instances";
    "vrrp_check_unicast_src" Flag "" "" "off" => |d, _, _| d.defs.vrrp_check_unicast_src = true, "accept unicast adverts of configured peers only";
    "vrrp_skip_check_adv_addr" Optional "[BOOL]" "" "off" => skip_check_adv_addr, "do not compare the addresses of further adverts of one master";
    "vrrp_strict" Optional "[BOOL]" "" "off" => inherited::strict, "default of `strict_mode`: what the RFC forbids is refused", NotYet("instances are not held to the letter of the RFC");
    "vrrp_owner_ignore_adverts" Optional "[BOOL]" "" "off" => inherited::owner_ignore_adverts, "default of `owner_ignore_adverts`: the owner of the addresses is master whatever it hears", NotYet("an owner answers the adverts of others");
    "vrrp_notify_priority_changes" Optional "[BOOL]" "" "off" => inherited::notify_priority_changes, "default of `notify_priority_changes`: FIFOs are told of new priorities", NotYet("there are no FIFOs");
    "v3_checksum_as_v2" Flag "" "" "off" => |d, _, _| d.defs.v3_checksum_as_v2 = true, "default of `v3_checksum_as_v2`: VRRPv3 over IPv4 without the pseudo header in the checksum", NotYet("the pseudo header is always in the checksum");
    "vrrp_garp_extra_if" Optional "[all] SECS" "1 to 86400" "off" => inherited::garp_extra_if, "default of `garp_extra_if`: repeat gratuitous ARPs on further interfaces of the addresses", NotYet("nothing is repeated there");
    "vrrp_vmac_garp_intvl" Optional "[all] SECS" "1 to 86400" "off" => inherited::garp_extra_if, "deprecated spelling of `vrrp_garp_extra_if`", NotYet("nothing is repeated there");
    "dynamic_interfaces" Optional "[allow_if_changes]" "" "off" => dynamic_interfaces, "interfaces need not exist when the file is read", NotYet("an interface that is not there is still refused");
    "script_user" Optional "USER [GROUP]" "" "keepalived_script if it exists, else root" => script_user, "account of scripts that name none";
    "include_check" Optional "[[+|-]read|match|wildcard_match|brace_match…]" "" "none" => |_, _, _| (), "kinds of failure that are fatal in every `include` from here to the end of the file";
    "random_seed" Optional "SEED" "" "the time of day" => random_seed, "no effect: keepalived too seeds `${_RANDOM}` before it reads the file";
    "enable_script_security" Flag "" "" "off" => |d, _, _| d.defs.enable_script_security = true, "refuse scripts of root that others can change";
}

const MAX_SECS: i64 = 4294;

impl GlobalDraft {
    pub(in crate::config) fn new(script_account: DefaultAccount) -> Self {
        Self { defs: GlobalDefs::default(), script_account }
    }

    /// With `enable_script_security`, root is no default: only `script_user` or keepalived_script is.
    pub(in crate::config) fn complete(&mut self, cx: &Context<'_>) {
        if self.defs.enable_script_security && self.defs.script_user.is_none() {
            self.script_account = cx.secure_account();
        }
        self.defs.script_ids = match self.script_account {
            DefaultAccount::Usable(account) => account.map(|account| (account.uid, account.gid)),
            DefaultAccount::Unusable => None,
        };
    }
}

fn secs(n: i64) -> Duration {
    Duration::from_secs(n.unsigned_abs())
}

/// keepalived's setters for text that is simply missing.
fn text(node: &Node, cx: &mut Context<'_>, classic: &str) -> Option<String> {
    let word = node.args.first();
    if word.is_none() {
        cx.missing_value(node, classic);
    }
    word.map(|word| word.text.clone())
}

fn router_id(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.router_id = text(node, cx, "routerid name missing - ignoring").or(d.defs.router_id.take());
}

fn notification_email(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let words = node.words();
    if words.is_empty() {
        let problem = Diagnostic::warning("empty-block", node.keyword.span, "no recipient is named")
            .said_at(node.end)
            .classic("Warning - empty notification_email block");
        cx.report(problem);
    }
    d.defs.notification_email.extend(words.iter().map(|word| word.text.clone()));
}

fn notification_email_from(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    if let [_, extra, ..] = node.args.as_slice() {
        let problem = Diagnostic::warning("extra-words", extra.span, "a sender is one word")
            .class(Class::Harmless)
            .label("ignored from here on")
            .help("put the whole address in double quotes")
            .keepalived("2.2 uses the first word, 2.4 ignores the line");
        cx.report(problem);
    }
    let from = text(node, cx, "emailfrom missing - ignoring");
    d.defs.notification_email_from = from.or(d.defs.notification_email_from.take());
}

fn smtp_server(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let host = node.arg().text.clone();
    let port = match node.args.get(1) {
        None => 25,
        Some(word) => {
            let otherwise = Otherwise::ignored(format!("Invalid smtp server {host} {word}"));
            let Some(port) = cx.integer(word, 1..=65535, Junk::Refused, otherwise) else { return };
            u16::try_from(port).unwrap_or(25)
        }
    };
    d.defs.smtp_server = Some(SmtpServer { host, port });
}

fn smtp_helo_name(d: &mut GlobalDraft, node: &Node, _: &mut Context<'_>) {
    d.defs.smtp_helo_name = node.args.first().map(|word| word.text.clone()).or(d.defs.smtp_helo_name.take());
}

fn smtp_connect_timeout(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    let otherwise =
        Otherwise::ignored(format!("smtp_connect_timeout '{word}' must be in [0, {MAX_SECS}] - ignoring"));
    let Some(n) = cx.integer(word, 0..=MAX_SECS, Junk::Tolerated, otherwise) else { return };
    d.defs.smtp_connect_timeout = secs(cx.at_least_one(word, n, "smtp_conect_timeout"));
}

fn smtp_alert(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |word| format!("Invalid value '{word}' for global smtp_alert specified"));
    d.defs.smtp_alert = value.or(d.defs.smtp_alert);
}

fn smtp_alert_vrrp(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |word| format!("Invalid value '{word}' for global smtp_alert_vrrp specified"));
    d.defs.smtp_alert_vrrp = value.or(d.defs.smtp_alert_vrrp);
}

fn vrrp_mcast_group4(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match word.as_str().parse::<Ipv4Addr>() {
        Ok(group) if group.is_multicast() => d.defs.vrrp_mcast_group4 = group,
        parsed => no_group(cx, word, "vrrp_mcast_group4", parsed.is_ok()),
    }
}

fn vrrp_mcast_group6(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let word = node.arg();
    match word.as_str().parse::<Ipv6Addr>() {
        Ok(group) if group.is_multicast() => {
            d.defs.vrrp_mcast_group6 = group;
            if group.octets()[1] & 0x0f != 2 {
                let message = format!("`{word}` leaves the link: adverts belong to ff02::/16");
                let problem = Diagnostic::warning("bad-address", word.span, message)
                    .classic(format!("vrrp_mcast_group6 [{word}] should be link-local multicast."))
                    .label("used all the same");
                cx.report(problem);
            }
        }
        parsed => no_group(cx, word, "vrrp_mcast_group6", parsed.is_ok()),
    }
}

fn no_group(cx: &mut Context<'_>, word: &Word, keyword: &str, is_address: bool) {
    let text = match is_address {
        true => format!("{keyword} [{word}] is not multicast. Skipping"),
        false => format!("Can't parse {keyword} [{word}]. Skipping"),
    };
    let problem = Diagnostic::error("bad-address", word.span, format!("`{word}` is not a multicast address"));
    cx.report(problem.classic(text).label("this line is ignored"));
}

fn garp_master_delay(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("vrrp_garp_master_delay '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=MAX_SECS, Junk::Tolerated, otherwise) {
        d.defs.garp.master_delay = secs(n);
    }
}

fn garp_master_repeat(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise =
        Otherwise::ignored(format!("vrrp_garp_master_repeat '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise) {
        let n = cx.at_least_one(node.arg(), n, "vrrp_garp_master_repeat");
        d.defs.garp.master_repeat = u32::try_from(n).unwrap_or(u32::MAX);
    }
}

fn garp_master_refresh(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("Invalid vrrp_garp_master_refresh '{}' - ignoring", node.arg());
    let otherwise = Otherwise::replaced(text, "0 is used");
    let n = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise);
    d.defs.garp.master_refresh = secs(n.unwrap_or(0));
}

fn garp_master_refresh_repeat(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise =
        Otherwise::ignored(format!("vrrp_garp_master_refresh_repeat '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=i64::from(u32::MAX), Junk::Tolerated, otherwise) {
        let n = cx.at_least_one(node.arg(), n, "vrrp_garp_master_refresh_repeat");
        d.defs.garp.master_refresh_repeat = u32::try_from(n).unwrap_or(u32::MAX);
    }
}

fn garp_lower_prio_delay(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise =
        Otherwise::ignored(format!("vrrp_garp_lower_prio_delay '{}' invalid - ignoring", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=MAX_SECS, Junk::Tolerated, otherwise) {
        d.defs.garp.lower_prio_delay = Some(secs(n));
    }
}

fn garp_lower_prio_repeat(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("Invalid vrrp_garp_lower_prio_repeat '{}'", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 0..=i64::from(i32::MAX), Junk::Tolerated, otherwise) {
        d.defs.garp.lower_prio_repeat = u32::try_from(n).ok();
    }
}

/// Microseconds that keepalived's 32 bits hold.
const ANNOUNCE_GAP: std::ops::RangeInclusive<u64> = 1..=4_294_967_295;

fn announce_gap(node: &Node, cx: &mut Context<'_>) -> Option<Duration> {
    let (keyword, word) = (&node.keyword, node.arg());
    let gap =
        cx.decimal(word, 6, ANNOUNCE_GAP, Otherwise::ignored(format!("{keyword} '{word}' is invalid")))?;
    let gap = Duration::from_micros(gap);
    if gap >= Duration::from_secs(1) {
        let message = format!("{} s between two announcements is very long", gap.as_secs_f64());
        let problem = Diagnostic::note("large-value", word.span, message)
            .classic(format!("The {keyword} is very large - {word} seconds"));
        cx.report(problem);
    }
    Some(gap)
}

fn garp_interval(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.garp.interval = announce_gap(node, cx).unwrap_or(d.defs.garp.interval);
}

fn gna_interval(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.garp.gna_interval = announce_gap(node, cx).unwrap_or(d.defs.garp.gna_interval);
}

fn down_timer_adverts(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored(format!("Invalid vrrp_down_timer_adverts [1:100] '{}'", node.arg()));
    if let Some(n) = cx.integer(node.arg(), 1..=100, Junk::Tolerated, otherwise) {
        d.defs.vrrp_down_timer_adverts = u8::try_from(n).unwrap_or(3);
    }
}

fn lower_prio_no_advert(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |_| "Invalid value for vrrp_lower_prio_no_advert specified".to_owned());
    d.defs.vrrp_lower_prio_no_advert = value.unwrap_or(d.defs.vrrp_lower_prio_no_advert);
}

fn higher_prio_send_advert(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value =
        cx.boolean(&node.args, |_| "Invalid value for vrrp_higher_prio_send_advert specified".to_owned());
    d.defs.vrrp_higher_prio_send_advert = value.unwrap_or(d.defs.vrrp_higher_prio_send_advert);
}

fn skip_check_adv_addr(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let value = cx.boolean(&node.args, |_| "Invalid value for vrrp_skip_check_adv_addr specified".to_owned());
    d.defs.vrrp_skip_check_adv_addr = value.unwrap_or(d.defs.vrrp_skip_check_adv_addr);
}

fn dynamic_interfaces(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.dynamic_interfaces = match node.args.first() {
        Some(word) if word.text == "allow_if_changes" => DynamicInterfaces::MayChange,
        Some(word) => {
            let problem =
                Diagnostic::error("unknown-option", word.span, format!("`{word}` means nothing here"))
                    .classic(format!("Unknown dynamic_interfaces option '{word}'"))
                    .label("ignored; the keyword counts")
                    .help("`allow_if_changes` is the only option");
            cx.report(problem);
            d.defs.dynamic_interfaces.max(DynamicInterfaces::Allowed)
        }
        None => d.defs.dynamic_interfaces.max(DynamicInterfaces::Allowed),
    };
}

fn version(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let otherwise = Otherwise::ignored("VRRP Error: Version must be either 2 or 3");
    match cx.integer(node.arg(), 2..=3, Junk::Tolerated, otherwise) {
        Some(2) => d.defs.vrrp_version = Version::V2,
        Some(_) => d.defs.vrrp_version = Version::V3,
        None => {}
    }
}

fn random_seed(_: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let problem = Diagnostic::note("no-effect", node.span(), "`random_seed` has no effect")
        .label("`${_RANDOM}` differs each time the file is read")
        .keepalived("does not use it either");
    cx.report(problem);
}

fn script_user(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let Some(user) = node.args.first() else {
        let problem = Diagnostic::error("missing-value", node.keyword.span, "`script_user` needs a user")
            .classic("No script username specified")
            .label("this line is ignored");
        return cx.report(problem);
    };
    let group = node.args.get(1);
    match cx.account(user, group) {
        Ok(account) => d.script_account = DefaultAccount::Usable(account),
        Err(reason) => {
            d.script_account = DefaultAccount::Unusable;
            let problem = Diagnostic::error("no-such-user", node.span(), reason)
                .classic("Error setting global script uid/gid")
                .label("scripts without a user of their own are not run")
                .keepalived("drops these scripts from everything that tracks them");
            cx.report(problem);
        }
    }
    d.defs.script_user = Some((user.text.clone(), group.map(|word| word.text.clone())));
}

impl GlobalDefs {
    /// keepalived's whole list; what this version has no setting for has keepalived's default.
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        self.dump_mail(out);
        object!(out, "Default smtp_alert = {}", switch(self.smtp_alert));
        object!(out, "Default smtp_alert_vrrp = {}", switch(self.smtp_alert_vrrp));
        object!(out, "Default smtp_alert_checker = {}", switch(self.lvs.smtp_alert_checker));
        object!(out, "Checkers log all failures = {}", self.lvs.checker_log_all_failures);
        object!(out, "No test config before reload");
        let dynamic = self.dynamic_interfaces;
        object!(out, "Dynamic interfaces = {}", dynamic != DynamicInterfaces::Refused);
        if dynamic != DynamicInterfaces::Refused {
            object!(out, "Allow interface changes = {}", dynamic == DynamicInterfaces::MayChange);
        }
        if self.no_email_faults {
            object!(out, "Send emails for fault transitions = off");
        }
        self.lvs.dump_timeouts(out);
        object!(out, "Default interface = eth0");
        object!(out, "Disable local IGMP = no");
        self.lvs.dump_table(out);
        object!(out, "FIFO write vrrp states on reload = false");
        object!(out, "VRRP notify priority changes = {}", self.vrrp_notify_priority_changes);
        self.dump_vrrp(out);
        for line in FIXED_BEFORE_CHECKERS {
            object!(out, "{line}");
        }
        self.lvs.dump_process(out);
        for line in FIXED_BEFORE_SNMP {
            object!(out, "{line}");
        }
        object!(out, "SNMP checker {}", if self.lvs.snmp { "enabled" } else { "disabled" });
        for line in FIXED_BEFORE_SECURITY {
            object!(out, "{line}");
        }
        object!(out, "Script security {}", if self.enable_script_security { "enabled" } else { "disabled" });
        if let Some((uid, gid)) = self.script_ids {
            object!(out, "Default script uid:gid {uid}:{gid}");
        }
        self.lvs.dump_notifications(out);
        for line in FIXED_AT_THE_END {
            object!(out, "{line}");
        }
    }

    fn dump_mail(&self, out: &mut Out) {
        object!(out, "Network namespace = (default)");
        object!(out, "Network namespace ipvs = (main namespace)");
        if let Some(name) = &self.lvs.process_name {
            object!(out, "LVS process name = {name}");
        }
        if let Some(name) = &self.router_id {
            object!(out, "Router ID = {name}");
        }
        if let Some(server) = &self.smtp_server {
            object!(out, "Smtp server = {}", server.host);
            object!(out, "Smtp server port = {}", server.port);
        }
        if let Some(name) = &self.smtp_helo_name {
            object!(out, "Smtp HELO name = {name}");
        }
        if self.smtp_server.is_some() {
            object!(out, "Smtp server connection timeout = {}", self.smtp_connect_timeout.as_secs());
        }
        if let Some(from) = &self.notification_email_from {
            object!(out, "Email notification from = {from}");
        }
        if !self.notification_email.is_empty() {
            object!(out, "Email notification to:");
        }
        for recipient in &self.notification_email {
            field!(out, "{recipient}");
        }
    }

    fn dump_vrrp(&self, out: &mut Out) {
        let garp = &self.garp;
        object!(out, "VRRP IPv4 mcast group = {}", self.vrrp_mcast_group4);
        object!(out, "VRRP IPv6 mcast group = {}", self.vrrp_mcast_group6);
        object!(out, "Gratuitous ARP delay = {}", garp.master_delay.as_secs());
        object!(out, "Gratuitous ARP repeat = {}", garp.master_repeat);
        object!(out, "Gratuitous ARP refresh timer = {}", garp.master_refresh.as_secs());
        object!(out, "Gratuitous ARP refresh repeat = {}", garp.master_refresh_repeat);
        let lower_delay = garp.lower_prio_delay.unwrap_or(garp.master_delay);
        object!(out, "Gratuitous ARP lower priority delay = {}", lower_delay.as_secs());
        let lower_repeat = garp.lower_prio_repeat.unwrap_or(garp.master_repeat);
        object!(out, "Gratuitous ARP lower priority repeat = {lower_repeat}");
        object!(out, "Num adverts before down = {}", self.vrrp_down_timer_adverts);
        self.vrrp_garp_extra_if.dump(out);
        object!(out, "Send advert after receive lower priority advert = {}", !self.vrrp_lower_prio_no_advert);
        object!(
            out,
            "Send advert after receive higher priority advert = {}",
            self.vrrp_higher_prio_send_advert
        );
        object!(out, "Gratuitous ARP interval = {:.6}", garp.interval.as_secs_f64());
        object!(out, "Gratuitous NA interval = {:.6}", garp.gna_interval.as_secs_f64());
        object!(out, "VRRP default protocol version = {}", self.vrrp_version);
        self.lvs.dump_nftables(out);
        object!(out, "VRRP check unicast_src = {}", self.vrrp_check_unicast_src);
        object!(out, "VRRP skip check advert addresses = {}", self.vrrp_skip_check_adv_addr);
        object!(out, "VRRP strict mode = {}", self.vrrp_strict);
    }
}

fn switch(value: Option<bool>) -> &'static str {
    match value {
        None => "unset",
        Some(true) => "on",
        Some(false) => "off",
    }
}

const FIXED_BEFORE_CHECKERS: [&str; 6] = [
    "Max auto priority = 0",
    "Min auto priority delay = 1000000 usecs",
    "VRRP process priority = 0",
    "VRRP don't swap = false",
    "VRRP realtime priority = 0",
    "VRRP realtime limit = 10000",
];

const FIXED_BEFORE_SNMP: [&str; 5] = [
    "BFD process priority = 0",
    "BFD don't swap = false",
    "BFD realtime priority = 0",
    "BFD realtime limit = 10000",
    "SNMP vrrp disabled",
];

const FIXED_BEFORE_SECURITY: [&str; 2] = ["SNMP traps disabled", "DBus disabled"];

const FIXED_AT_THE_END: [&str; 2] = ["rx_bufs_multiples = 3", "umask = 0177"];
