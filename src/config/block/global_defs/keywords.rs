//! The keywords of `global_defs`, and the setters of those that belong to no theme.

use super::{
    DynamicInterfaces, GlobalDraft, files, firewall, inherited, lvs, mail, process, refused, scripts, snmp,
};
use crate::config::diagnostic::Diagnostic;
use crate::config::schema::{Context, keywords};
use crate::config::tree::Node;
use crate::config::value::{DefaultAccount, Junk, Otherwise};
use std::time::Duration;

keywords! {
    /// `global_defs`.
    GLOBAL_DEFS: GlobalDraft, "global_defs", None;
    "router_id" Optional "NAME" "" "the host name" => mail::router_id, "name of this node in mails and dumps";
    "notification_email" Words "{ ADDRESS… }" "" "none" => mail::notification_email, "recipients of alerts; repeated blocks accumulate", NotYet("no mail is sent");
    "notification_email_from" Optional "ADDRESS" "" "user@host" => mail::notification_email_from, "sender of alerts", NotYet("no mail is sent");
    "smtp_server" Required "HOST [PORT]" "port 1 to 65535" "none; port 25" => mail::smtp_server, "relay that takes the alerts", NotYet("no mail is sent");
    "smtp_helo_name" Optional "NAME" "" "the host name" => mail::smtp_helo_name, "name given in HELO", NotYet("no mail is sent");
    "smtp_connect_timeout" Required "SECS" "1 to 4294" "30" => mail::smtp_connect_timeout, "how long to wait for the relay", NotYet("no mail is sent");
    "smtp_alert" Optional "[BOOL]" "" "off" => mail::smtp_alert, "default of every `smtp_alert`", NotYet("no mail is sent");
    "smtp_alert_vrrp" Optional "[BOOL]" "" "`smtp_alert`" => mail::smtp_alert_vrrp, "default of the instances' `smtp_alert`", NotYet("no mail is sent");
    "smtp_alert_checker" Optional "[BOOL]" "" "`smtp_alert`" => lvs::smtp_alert_checker, "default of the `smtp_alert` of virtual and real servers", NotYet("no load balancing");
    "checker_log_all_failures" Optional "[BOOL]" "" "off" => lvs::checker_log_all_failures, "log every failed check, not only the last", NotYet("no load balancing");
    "checker_process_name" Required "NAME" "15 characters" "none" => |d, n, cx| process::name(&mut d.defs.lvs.process.name, n, cx), "name of the process that checks real servers", NotYet("no load balancing");
    "lvs_process_name" Required "NAME" "15 characters" "none" => |d, n, cx| process::name(&mut d.defs.lvs.process.name, n, cx), "deprecated spelling of `checker_process_name`", NotYet("no load balancing");
    "lvs_timeouts" Optional "[tcp SECS] [tcpfin SECS] [udp SECS]" "0 to 2678400" "the kernel's" => lvs::timeouts, "how long IPVS remembers connections", NotYet("no load balancing");
    "lvs_flush" Flag "" "" "off" => |d, _, _| d.defs.lvs.flush = true, "empty the IPVS table at start", NotYet("no load balancing");
    "lvs_flush_on_stop" Optional "[VS]" "" "server by server" => lvs::flush_on_stop, "empty the IPVS table at shutdown, or our virtual servers in it", NotYet("no load balancing");
    "lvs_flush_onstop" Optional "[VS]" "" "server by server" => lvs::flush_on_stop, "deprecated spelling of `lvs_flush_on_stop`", NotYet("no load balancing");
    "lvs_sync_daemon" Optional "INTERFACE [[inst] INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]" "id 0 to 255, maxlen 1 to 65507" "none" => lvs::sync_daemon, "tell other nodes of connections", NotYet("the kernel's connections are not told to other nodes");
    "nftables_ipvs" Optional "[TABLE]" "" "off; keepalived_ipvs" => firewall::nftables_ipvs, "mark the packets of groups with nftables", NotYet("no load balancing");
    "nftables_ipvs_priority" Required "N" "-2147483648 to 2147483647" "-1" => firewall::nftables_ipvs_priority, "priority of the chain that marks", NotYet("no load balancing");
    "nftables_ipvs_start_fwmark" Required "N" "1 to 4294967295" "1000" => firewall::nftables_start_fwmark, "first mark that is used", NotYet("no load balancing");
    "nftables_counters" Flag "" "" "off" => |d, _, _| d.defs.firewall.counters = true, "count what nftables matches";
    "lvs_notify_fifo" Optional "PATH [USER [GROUP]]" "" "none" => |d, n, cx| d.defs.lvs.fifo.set_fifo("lvs_", n, d.script_account, cx), "FIFO that gets the events of virtual and real servers", NotYet("no load balancing");
    "lvs_notify_fifo_script" Optional "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.defs.lvs.fifo.set_script(n, d.script_account, cx), "reads that FIFO", NotYet("no load balancing");
    "checker_priority" Optional "N" "-20 to 19" "0" => |d, n, cx| process::priority(&mut d.defs.lvs.process, "checker", n, cx), "nice value of the process that checks real servers", NotYet("no load balancing");
    "checker_no_swap" Flag "" "" "off" => |d, _, _| d.defs.lvs.process.no_swap = true, "lock its memory", NotYet("no load balancing");
    "checker_rt_priority" Optional "N" "1 to 99" "none" => |d, n, cx| process::rt_priority(&mut d.defs.lvs.process, "checker", n, cx), "its real-time priority", NotYet("no load balancing");
    "checker_cpu_affinity" Optional "CPU…" "" "all" => |d, n, cx| process::cpu_affinity(&mut d.defs.lvs.process, "checker", n, cx), "CPUs that it may use", NotYet("no load balancing");
    "checker_rlimit_rttime" Required "MICROSECONDS" "1 to 4294967295" "10000" => |d, n, cx| process::rlimit_rttime(&mut d.defs.lvs.process, "checker", n, cx), "longest real-time run of it without a pause", NotYet("no load balancing");
    "checker_rlimit_rtime" Required "MICROSECONDS" "1 to 4294967295" "10000" => |d, n, cx| process::rlimit_rttime(&mut d.defs.lvs.process, "checker", n, cx), "deprecated spelling of `checker_rlimit_rttime`", NotYet("no load balancing");
    "lvs_netlink_cmd_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => |d, n, cx| d.defs.lvs.command_buffer.set(n, cx), "receive buffer for its requests to the kernel", NotYet("no load balancing");
    "lvs_netlink_cmd_rcv_bufs_force" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.lvs.command_buffer.force, n), "beyond the system's limit", NotYet("no load balancing");
    "lvs_netlink_monitor_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => |d, n, cx| d.defs.lvs.monitor_buffer.set(n, cx), "receive buffer for what the kernel reports to it", NotYet("no load balancing");
    "lvs_netlink_monitor_rcv_bufs_force" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.lvs.monitor_buffer.force, n), "beyond the system's limit", NotYet("no load balancing");
    "rs_init_notifies" Optional "[BOOL]" "" "off" => lvs::rs_init_notifies, "run `notify_up` for servers that are there from the start", NotYet("no load balancing");
    "no_checker_emails" Optional "[BOOL]" "" "off" => lvs::no_checker_emails, "mail when a server changes, not for each of its checks", NotYet("no load balancing");
    "enable_snmp_checker" Flag "" "" "off" => |d, _, _| d.defs.lvs.snmp = true, "serve the tables of virtual servers over SNMP", NotYet("no load balancing");
    "no_email_faults" Flag "" "" "off" => |d, _, _| d.defs.no_email_faults = true, "no alert for transitions to FAULT", NotYet("no mail is sent");
    "vrrp_mcast_group4" Required "ADDRESS" "IPv4 multicast" "224.0.0.18" => inherited::vrrp_mcast_group4, "group of IPv4 adverts";
    "vrrp_mcast_group6" Required "ADDRESS" "IPv6 multicast" "ff02::12" => inherited::vrrp_mcast_group6, "group of IPv6 adverts";
    "vrrp_garp_master_delay" Required "SECS" "0 to 4294" "5" => inherited::garp_master_delay, "from becoming master to the second burst of gratuitous ARPs";
    "vrrp_garp_master_repeat" Required "N" "1 to 4294967295" "5" => inherited::garp_master_repeat, "gratuitous ARPs in a burst";
    "vrrp_garp_master_refresh" Required "SECS" "0 to 4294967295" "0" => inherited::garp_master_refresh, "time between later bursts";
    "vrrp_garp_master_refresh_repeat" Required "N" "1 to 4294967295" "1" => inherited::garp_master_refresh_repeat, "gratuitous ARPs in a later burst";
    "vrrp_garp_lower_prio_delay" Required "SECS" "0 to 4294" "`vrrp_garp_master_delay`" => inherited::garp_lower_prio_delay, "the second burst after a lower advert";
    "vrrp_garp_lower_prio_repeat" Required "N" "0 to 2147483647" "`vrrp_garp_master_repeat`" => inherited::garp_lower_prio_repeat, "gratuitous ARPs after a lower advert";
    "vrrp_garp_interval" Required "SECS" "0.000001 to 4294.967295" "0" => inherited::garp_interval, "gap between gratuitous ARPs on a link";
    "vrrp_gna_interval" Required "SECS" "0.000001 to 4294.967295" "0" => inherited::gna_interval, "gap between unsolicited neighbour advertisements on a link";
    "vrrp_down_timer_adverts" Required "N" "1 to 100" "3" => inherited::down_timer_adverts, "adverts missed before a backup takes over";
    "vrrp_lower_prio_no_advert" Optional "[BOOL]" "" "off" => inherited::lower_prio_no_advert, "do not answer a lower advert with one of ours";
    "vrrp_higher_prio_send_advert" Optional "[BOOL]" "" "off" => inherited::higher_prio_send_advert, "send an advert before giving way to a higher one";
    "vrrp_version" Required "N" "2 or 3" "2" => inherited::version, "version of IPv4 instances";
    "vrrp_check_unicast_src" Flag "" "" "off" => |d, _, _| d.defs.vrrp_check_unicast_src = true, "accept unicast adverts of configured peers only";
    "vrrp_skip_check_adv_addr" Optional "[BOOL]" "" "off" => inherited::skip_check_adv_addr, "do not compare the addresses of further adverts of one master", Differs("`off` turns it off, as in keepalived 2.4; 2.2 turns it on");
    "vrrp_on_removal" Optional "restore | yield" "" "restore" => inherited::on_removal, "default of `on_removal`: what a master does when somebody removes what is its; unknown to keepalived";
    "vrrp_strict" Optional "[BOOL]" "" "off" => inherited::strict, "default of `strict_mode`: what the RFC forbids is refused", Differs("`off` turns it off, as in keepalived 2.4; 2.2 turns it on");
    "vrrp_owner_ignore_adverts" Optional "[BOOL]" "" "off" => inherited::owner_ignore_adverts, "default of `owner_ignore_adverts`: the owner of the addresses is master whatever it hears";
    "vrrp_notify_priority_changes" Optional "[BOOL]" "" "off" => inherited::notify_priority_changes, "default of `notify_priority_changes`: FIFOs are told of new priorities";
    "v3_checksum_as_v2" Flag "" "" "off" => |d, _, _| d.defs.v3_checksum_as_v2 = true, "default of `v3_checksum_as_v2`: VRRPv3 over IPv4 without the pseudo header in the checksum", Differs("a checksum must be right with or without the pseudo header; keepalived then takes any");
    "vrrp_garp_extra_if" Optional "[all] SECS" "1 to 86400" "off" => inherited::garp_extra_if, "default of `garp_extra_if`: repeat gratuitous ARPs on further interfaces of the addresses";
    "vrrp_vmac_garp_intvl" Optional "[all] SECS" "1 to 86400" "off" => inherited::garp_extra_if, "deprecated spelling of `vrrp_garp_extra_if`";
    "dynamic_interfaces" Optional "[allow_if_changes]" "" "off" => dynamic_interfaces, "interfaces need not exist when the file is read";
    "process_names" Flag "" "" "off" => process_names, "processes are called keepalived_vrrp, keepalived_lvs and keepalived_bfd";
    "process_name" Required "NAME" "15 characters" "the program's" => |d, n, cx| process::name(&mut d.defs.process_name, n, cx), "name of the parent";
    "vrrp_process_name" Required "NAME" "15 characters" "the program's" => |d, n, cx| process::name(&mut d.defs.vrrp_process.name, n, cx), "name of the VRRP process";
    "bfd_process_name" Required "NAME" "15 characters" "the program's" => |d, n, cx| process::name(&mut d.defs.bfd_process.name, n, cx), "name of the BFD process", Differs("BFD has no process of its own, and that of VRRP has its own name");
    "use_symlink_paths" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.use_symlink_paths, n), "run scripts by the path that is written, not by what it leads to";
    "set_supplementary_groups" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.set_supplementary_groups, n), "scripts have all groups of their user";
    "startup_script" Optional "COMMAND [USER [GROUP]]" "" "none" => scripts::startup, "runs once, before anything else";
    "startup_script_timeout" Optional "SECS" "1 to 1000" "10" => |d, n, cx| scripts::timeout(&mut d.defs.life.startup_timeout, 1000, n, cx), "how long it may take";
    "shutdown_script" Optional "COMMAND [USER [GROUP]]" "" "none" => scripts::shutdown, "runs once, when everything has stopped";
    "shutdown_script_timeout" Optional "SECS" "1 to 1000" "10" => |d, n, cx| scripts::timeout(&mut d.defs.life.shutdown_timeout, 1000, n, cx), "how long it may take";
    "max_auto_priority" Optional "[N]" "-1 to 99" "0: off; 99" => |d, n, cx| process::max_auto_priority(&mut d.defs.auto_priority, n, cx), "real-time priority up to which a late process raises itself", Differs("the protocol thread is in the real-time class from the start, where that is permitted");
    "min_auto_priority_delay" Optional "MICROSECONDS" "1 to 10000000" "1000000" => |d, n, cx| process::min_auto_priority_delay(&mut d.defs.auto_priority, n, cx), "lateness that makes it do so", Differs("the protocol thread is in the real-time class from the start, where that is permitted");
    "vrrp_priority" Optional "N" "-20 to 19" "0" => |d, n, cx| process::priority(&mut d.defs.vrrp_process, "vrrp", n, cx), "nice value of the VRRP process", Differs("it is taken when the process starts, not on a reload");
    "vrrp_no_swap" Flag "" "" "off" => |d, _, _| d.defs.vrrp_process.no_swap = true, "lock its memory", Differs("it is taken when the process starts, not on a reload");
    "vrrp_rt_priority" Optional "N" "1 to 99" "none" => |d, n, cx| process::rt_priority(&mut d.defs.vrrp_process, "vrrp", n, cx), "its real-time priority", Differs("it is taken when the process starts, not on a reload");
    "vrrp_cpu_affinity" Optional "CPU…" "" "all" => |d, n, cx| process::cpu_affinity(&mut d.defs.vrrp_process, "vrrp", n, cx), "CPUs that it may use", Differs("it is taken when the process starts, not on a reload");
    "vrrp_rlimit_rttime" Required "MICROSECONDS" "1 to 4294967295" "10000" => |d, n, cx| process::rlimit_rttime(&mut d.defs.vrrp_process, "vrrp", n, cx), "longest real-time run of it without a pause";
    "vrrp_rlimit_rtime" Required "MICROSECONDS" "1 to 4294967295" "10000" => |d, n, cx| process::rlimit_rttime(&mut d.defs.vrrp_process, "vrrp", n, cx), "deprecated spelling of `vrrp_rlimit_rttime`";
    "bfd_priority" Optional "N" "-20 to 19" "0" => |d, n, cx| process::priority(&mut d.defs.bfd_process, "bfd", n, cx), "nice value of the BFD process", Differs("BFD runs in the VRRP process, which takes the more urgent of both values");
    "bfd_no_swap" Flag "" "" "off" => |d, _, _| d.defs.bfd_process.no_swap = true, "lock its memory", Differs("BFD runs in the VRRP process, whose memory is locked then");
    "bfd_rt_priority" Optional "N" "1 to 99" "none" => |d, n, cx| process::rt_priority(&mut d.defs.bfd_process, "bfd", n, cx), "its real-time priority", Differs("BFD runs in the VRRP process, which takes the more urgent of both values");
    "bfd_cpu_affinity" Optional "CPU…" "" "all" => |d, n, cx| process::cpu_affinity(&mut d.defs.bfd_process, "bfd", n, cx), "CPUs that it may use", Differs("BFD runs in the VRRP process, and goes by `vrrp_cpu_affinity`");
    "bfd_rlimit_rttime" Required "MICROSECONDS" "1 to 4294967295" "10000" => |d, n, cx| process::rlimit_rttime(&mut d.defs.bfd_process, "bfd", n, cx), "longest real-time run of it without a pause", Differs("BFD runs in the VRRP process; it can raise `vrrp_rlimit_rttime`, where that is given");
    "bfd_rlimit_rtime" Required "MICROSECONDS" "1 to 4294967295" "10000" => |d, n, cx| process::rlimit_rttime(&mut d.defs.bfd_process, "bfd", n, cx), "deprecated spelling of `bfd_rlimit_rttime`", Differs("BFD runs in the VRRP process; it can raise `vrrp_rlimit_rttime`, where that is given");
    "default_interface" Optional "INTERFACE" "" "eth0" => default_interface, "interface of static addresses that name none";
    "disable_local_igmp" Flag "" "" "off" => |d, _, _| d.defs.disable_local_igmp = true, "the kernel does not report link-local groups";
    "vrrp_min_garp" Optional "[BOOL]" "" "off" => inherited::min_garp, "one message for each event: changes what has been left as it is so far";
    "vrrp_iptables" Optional "[NAME [NAME]]" "" "off" => firewall::iptables, "old-fashioned `nftables`";
    "vrrp_ipsets" Optional "[NAME…]" "" "" => firewall::ipsets, "sets of iptables; nftables has its own";
    "nftables" Optional "[TABLE]" "" "off; keepalived" => firewall::nftables, "filter with nftables what must not be accepted";
    "nftables_priority" Required "N" "-2147483648 to 2147483647" "-1" => firewall::nftables_priority, "priority of the chains that filter";
    "nftables_ifindex" Flag "" "" "off" => |d, _, _| d.defs.firewall.ifindex = true, "tell interfaces by number in them";
    "notify_fifo" Optional "PATH [USER [GROUP]]" "" "none" => |d, n, cx| d.defs.fifo.set_fifo("", n, d.script_account, cx), "FIFO that gets all events";
    "notify_fifo_script" Optional "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.defs.fifo.set_script(n, d.script_account, cx), "reads that FIFO";
    "vrrp_notify_fifo" Optional "PATH [USER [GROUP]]" "" "none" => |d, n, cx| d.defs.vrrp_fifo.set_fifo("vrrp_", n, d.script_account, cx), "FIFO that gets the events of VRRP";
    "vrrp_notify_fifo_script" Optional "COMMAND [USER [GROUP]]" "" "none" => |d, n, cx| d.defs.vrrp_fifo.set_script(n, d.script_account, cx), "reads that FIFO";
    "fifo_write_vrrp_states_on_reload" Flag "" "" "off" => |d, _, _| d.defs.fifo_write_vrrp_states_on_reload = true, "tell FIFOs every state again after a reload";
    "notify_replay_on_reload" Flag "" "" "off" => |d, _, _| d.defs.notify_replay_on_reload = true, "tell notify scripts every state again after a reload; unknown to keepalived";
    "notify_script_timeout" Optional "SECS" "1 to 86400" "60" => |d, n, cx| scripts::timeout(&mut d.defs.notify_script_timeout, 86_400, n, cx), "how long a notify script may run while another one of its instance or group waits for it; unknown to keepalived";
    "snmp_socket" Optional "PATH" "" "unix:/var/agentx/master" => snmp::socket, "where the SNMP master agent listens", NotYet("nothing is served over SNMP");
    "enable_traps" Flag "" "" "off" => |d, _, _| d.defs.snmp.traps = true, "send SNMP traps", NotYet("nothing is served over SNMP");
    "enable_snmp_vrrp" Flag "" "" "off" => |d, _, _| d.defs.snmp.vrrp = true, "serve keepalived's own MIB over SNMP", NotYet("nothing is served over SNMP");
    "enable_snmp_keepalived" Flag "" "" "off" => |d, _, _| d.defs.snmp.vrrp = true, "deprecated spelling of `enable_snmp_vrrp`", NotYet("nothing is served over SNMP");
    "enable_snmp_rfc" Flag "" "" "off" => snmp::rfc, "serve the MIBs of RFC 2787 and RFC 6527", NotYet("nothing is served over SNMP");
    "enable_snmp_rfcv2" Flag "" "" "off" => |d, _, _| d.defs.snmp.rfc_v2 = true, "serve the MIB of RFC 2787", NotYet("nothing is served over SNMP");
    "enable_snmp_rfcv3" Flag "" "" "off" => |d, _, _| d.defs.snmp.rfc_v3 = true, "serve the MIB of RFC 6527", NotYet("nothing is served over SNMP");
    "snmp_vs_stats_update_interval" Required "SECS" "0.001 to 30" "5" => |d, n, cx| snmp::stats_update_interval(&mut d.defs.snmp.vs_stats_update_interval, n, cx), "age at which counters of virtual servers are read again for SNMP", NotYet("nothing is served over SNMP");
    "snmp_rs_stats_update_interval" Required "SECS" "0.001 to 30" "`snmp_vs_stats_update_interval`" => |d, n, cx| snmp::stats_update_interval(&mut d.defs.snmp.rs_stats_update_interval, n, cx), "the same of real servers", NotYet("nothing is served over SNMP");
    "enable_dbus" Flag "" "" "off" => |d, _, _| d.defs.dbus.enabled = true, "run the D-Bus service", NotYet("there is no D-Bus service");
    "dbus_service_name" Optional "NAME" "" "org.keepalived.Vrrp1" => |d, n, cx| snmp::dbus_name(&mut d.defs.dbus.service_name, n, cx), "its name", NotYet("there is no D-Bus service");
    "dbus_no_interface_name" Optional "NAME" "" "none" => |d, n, cx| snmp::dbus_name(&mut d.defs.dbus.no_interface_name, n, cx), "stands for the interface of an instance that has none", NotYet("there is no D-Bus service");
    "vrrp_netlink_cmd_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => |d, n, cx| d.defs.buffers.command.set(n, cx), "receive buffer for answers of the kernel", Differs("never less than 1 MiB; it is taken when the process starts, not on a reload");
    "vrrp_netlink_cmd_rcv_bufs_force" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.buffers.command.force, n), "beyond the system's limit", Differs("it always is, where that is permitted");
    "vrrp_netlink_monitor_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => |d, n, cx| d.defs.buffers.monitor.set(n, cx), "receive buffer for what the kernel reports", Differs("never less than 4 MiB; it is taken when the process starts, not on a reload");
    "vrrp_netlink_monitor_rcv_bufs_force" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.buffers.monitor.force, n), "beyond the system's limit", Differs("it always is, where that is permitted");
    "process_monitor_rcv_bufs" Optional "BYTES" "0 to 4294967295" "0: the system's" => |d, n, cx| d.defs.buffers.process.set(n, cx), "receive buffer for what the kernel reports of processes";
    "process_monitor_rcv_bufs_force" Optional "[BOOL]" "" "off" => |d, n, cx| cx.global_flag(&mut d.defs.buffers.process.force, n), "beyond the system's limit";
    "vrrp_rx_bufs_policy" Optional "MTU|ADVERT|BYTES" "0 to 4294967295" "the system's" => |d, n, cx| d.defs.buffers.set_policy(n, cx), "receive buffers for adverts: a size, or packets that must fit";
    "vrrp_rx_bufs_multiplier" Optional "N" "1 to 4294967295" "3" => |d, n, cx| d.defs.buffers.set_multiplier(n, cx), "packets that must fit";
    "vrrp_startup_delay" Required "SECS" "0.001 to 4294.967295" "0" => startup_delay, "from the start of the daemon to that of its instances";
    "vrrp_startup_silence" Required "SECS" "0 to 4294" "25" => startup_silence, "for how long an instance that has heard nothing yet stays backup, at most, behind a link that has just come up (a machine that has just booted, or a cable that was plugged in after the start); 0: for no longer than others wait. Of no effect with `vrrp_startup_delay` or `vrrp_delay_after_boot`; unknown to keepalived";
    "vrrp_delay_after_boot" Required "SECS" "0.001 to 4294.967295" "0" => delay_after_boot, "from the start of the machine to that of the instances; the later of both counts";
    "log_unknown_vrids" Flag "" "" "off" => |d, _, _| d.defs.log_unknown_vrids = true, "log adverts of virtual routers that are not ours", Differs("each is logged once for a socket");
    "vmac_prefix" Required "NAME" "" "vrrp" => |d, n, cx| vmac_prefix(&mut d.defs.vmac_prefix, "vmac prefix", n, cx), "how names of virtual MAC interfaces begin";
    "vmac_addr_prefix" Required "NAME" "" "`vmac_prefix`" => |d, n, cx| vmac_prefix(&mut d.defs.vmac_addr_prefix, "vmac_addr prefix", n, cx), "those for addresses on further interfaces";
    "umask" Required "N | OPTION[|OPTION…]" "0 to 0777; IRUSR, IWGRP, IRWXO and their kind" "0177" => files::umask, "permissions that files are created without", Differs("it is taken when the process starts, not on a reload");
    "reload_check_config" Optional "[PATH]" "" "off; /dev/null" => files::reload_check_config, "refuse a reload when there is anything wrong with the new configuration, and tell a file what";
    "reload_time_file" Optional "PATH" "one word" "none" => files::reload_time_file, "holds the time of a reload";
    "reload_repeat" Flag "" "" "off" => |d, _, _| d.defs.files.reload_repeat = true, "every day at that time";
    "reload_file" Optional "[PATH]" "" "off; keepalived.reload beside the pid files" => files::reload_file, "a file that is there while a reload is under way";
    "config_save_dir" Required "DIRECTORY" "" "none" => |d, n, _| d.defs.files.config_save_dir = Some(n.arg().text.clone()), "gets a copy of each configuration that is read, and dumps from before and after each reload";
    "tmp_config_directory" Optional "DIRECTORY" "" "none" => files::tmp_config_directory, "where keepalived keeps the copy that its processes share", Differs("each process reads the files themselves");
    "data_use_instance" Optional "[BOOL]" "" "off" => files::data_use_instance, "names of dumps have the instance and the namespace in them";
    "json_version" Optional "N" "1 or 2" "1" => files::json_version, "layout of the JSON dump: 2 has tracked processes as well";
    "state_dump_file" Optional "PATH" "one word" "keepalived.data" => |d, n, cx| files::path(&mut d.defs.files.state_dump_file, n, cx), "where USR1 dumps the state";
    "stats_dump_file" Optional "PATH" "one word" "keepalived.stats" => |d, n, cx| files::path(&mut d.defs.files.stats_dump_file, n, cx), "where USR2 dumps the counters", Differs("keepalived reads it and writes keepalived.stats all the same");
    "json_dump_file" Optional "PATH" "one word" "keepalived.json" => |d, n, cx| files::path(&mut d.defs.files.json_dump_file, n, cx), "where the JSON dump goes", Differs("keepalived reads it and writes keepalived.json all the same");
    "iproute_usr_dir" Optional "DIRECTORY" "one word" "" => |d, n, cx| files::path(&mut d.defs.files.iproute_usr_dir, n, cx), "the distribution's names of routing tables and the like";
    "iproute_etc_dir" Optional "DIRECTORY" "one word" "/etc/iproute2" => |d, n, cx| files::path(&mut d.defs.files.iproute_etc_dir, n, cx), "those of this machine";
    "script_user" Optional "USER [GROUP]" "" "keepalived_script if it exists, else root" => script_user, "account of scripts that name none";
    "include_check" Optional "[[+|-]read|match|wildcard_match|brace_match…]" "" "none" => |_, _, _| (), "kinds of failure that are fatal in every `include` from here to the end of the file";
    "random_seed" Required "SEED" "" "the time of day" => random_seed, "no effect: keepalived too seeds `${_RANDOM}` before it reads the file";
    "enable_script_security" Flag "" "" "off" => |d, _, _| d.defs.enable_script_security = true, "refuse scripts of root that others can change";
}

/// The names that keepalived's processes have then, whatever has been said before.
fn process_names(d: &mut GlobalDraft, _: &Node, _: &mut Context<'_>) {
    d.defs.vrrp_process.name = Some("keepalived_vrrp".to_owned());
    d.defs.lvs.process.name = Some("keepalived_lvs".to_owned());
    d.defs.bfd_process.name = Some("keepalived_bfd".to_owned());
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

fn default_interface(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    match node.args.first() {
        Some(word) => d.defs.default_interface = Some(word.text.clone()),
        None => cx.missing_value(node, "default_interface requires interface name"),
    }
}

/// Microseconds from 1 ms to what keepalived's 32 bits hold.
fn delay(node: &Node, cx: &mut Context<'_>) -> Option<Duration> {
    let (keyword, word) = (&node.keyword, node.arg());
    let otherwise = Otherwise::ignored(format!("{keyword} '{word}' is invalid"));
    let delay = Duration::from_micros(cx.decimal(word, 6, 1_000..=u64::from(u32::MAX), otherwise)?);
    if delay >= Duration::from_secs(60) {
        let message = format!("{} s without any instance is very long", delay.as_secs_f64());
        let text = format!("The {keyword} is very large - {word} seconds");
        let problem = Diagnostic::note("large-value", word.span, message).classic(text);
        cx.report(problem.label("in seconds; used all the same"));
    }
    Some(delay)
}

fn startup_delay(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.vrrp_startup_delay = delay(node, cx).unwrap_or(d.defs.vrrp_startup_delay);
}

fn startup_silence(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    let text = format!("vrrp_startup_silence '{}' invalid - ignoring", node.arg());
    let seconds = cx.integer(node.arg(), 0..=4294, Junk::Refused, Otherwise::ignored(text));
    let silence = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    d.defs.vrrp_startup_silence = silence.unwrap_or(d.defs.vrrp_startup_silence);
}

fn delay_after_boot(d: &mut GlobalDraft, node: &Node, cx: &mut Context<'_>) {
    d.defs.vrrp_delay_after_boot = delay(node, cx).unwrap_or(d.defs.vrrp_delay_after_boot);
}

/// `what` as keepalived calls it.
fn vmac_prefix(slot: &mut Option<String>, what: &str, node: &Node, cx: &mut Context<'_>) {
    if slot.is_some() {
        let (keyword, word) = (&node.keyword, node.arg());
        let text = format!("{what} has already been specified - ignoring {word}");
        return refused(cx, "duplicate-value", keyword, format!("there are two `{keyword}`"), text);
    }
    *slot = Some(node.arg().text.clone());
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
            // There is nobody else to be looked for.
            cx.told_of_customary_user.set(true);
            let problem = Diagnostic::error("no-such-user", node.span(), reason.to_string())
                .classic("Error setting global script uid/gid")
                .label("scripts without a user of their own are not run")
                .keepalived("drops these scripts from everything that tracks them");
            cx.report(problem);
        }
    }
    d.defs.script_user = Some((user.text.clone(), group.map(|word| word.text.clone())));
}
