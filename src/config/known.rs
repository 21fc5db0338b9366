//! Keywords of keepalived that this version reads and does not act on.
//!
//! They are told from mistakes: a file that uses them is right, and says what it will do once they
//! work. A keyword leaves this list by getting a line in its block's table.

/// Whether a keyword has braces to be skipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// One line.
    Line,
    /// A block.
    Block,
}

/// Finds a keyword of a block (`""`: the top level).
pub(super) fn find(block: &str, keyword: &str) -> Option<Kind> {
    words(block).find_map(|word| match word.strip_suffix('{') {
        Some(name) => (name == keyword).then_some(Kind::Block),
        None => (word == keyword).then_some(Kind::Line),
    })
}

/// The names of a block's keywords.
pub(super) fn names(block: &str) -> impl Iterator<Item = &'static str> {
    words(block).map(|word| word.trim_end_matches('{'))
}

/// The blocks that have a keyword.
pub(super) fn homes(keyword: &str) -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(block, _)| *block).filter(move |block| find(block, keyword).is_some())
}

fn words(block: &str) -> impl Iterator<Item = &'static str> {
    let list = KNOWN.iter().find(|(name, _)| *name == block).map_or("", |(_, words)| words);
    list.split_ascii_whitespace()
}

/// What the running daemon does without the keyword.
pub(super) fn effect(keyword: &str) -> &'static str {
    match keyword {
        "virtual_server" | "virtual_server_group" | "real_server" | "SSL" => {
            "no load balancing: its contents come later, VRRP is not touched"
        }
        "vrrp_sync_group" => "its instances change state each on its own",
        "track_file" | "vrrp_track_file" | "track_process" | "vrrp_track_process" | "track_bfd"
        | "bfd_instance" => "nothing is tracked by it: it neither moves a priority nor causes FAULT",
        "virtual_routes" | "virtual_rules" | "static_ipaddress" | "static_routes" | "static_rules" => {
            "none of its entries is installed"
        }
        "use_vmac" | "use_ipvlan" | "use_vmac_addr" | "vmac_xmit_base" => {
            "the interface keeps its own MAC address"
        }
        "auth_hmac" => "adverts are sent and accepted without it",
        "net_namespace" => "runs in the namespace that it was started in",
        _ => "has no effect",
    }
}

/// Block and its keywords; `{` marks those with a block of their own.
#[rustfmt::skip]
const KNOWN: &[(&str, &str)] = &[
    ("",
        "linkbeat_use_polling net_namespace net_namespace_ipvs namespace_with_ipsets use_pid_dir instance \
        child_wait_time track_group{ static_ipaddress{ static_routes{ static_rules{ vrrp_sync_group{ \
        garp_group{ linkbeat_interfaces{ vrrp_track_process{ interface_up_down_delays{ track_file{ \
        vrrp_track_file{ bfd_instance{ SSL{ virtual_server_group{ virtual_server{"),
    ("global_defs",
        "process_names process_name vrrp_process_name checker_process_name lvs_process_name \
        bfd_process_name use_symlink_paths set_supplementary_groups startup_script \
        startup_script_timeout shutdown_script shutdown_script_timeout max_auto_priority \
        min_auto_priority_delay smtp_alert_checker checker_log_all_failures dynamic_interfaces \
        default_interface disable_local_igmp v3_checksum_as_v2 lvs_timeouts lvs_flush lvs_flush_on_stop \
        lvs_flush_onstop lvs_sync_daemon vrrp_min_garp vrrp_garp_extra_if vrrp_vmac_garp_intvl \
        vrrp_iptables vrrp_ipsets nftables nftables_priority nftables_ifindex vrrp_strict vrrp_priority \
        vrrp_no_swap vrrp_rt_priority vrrp_cpu_affinity vrrp_rlimit_rttime vrrp_rlimit_rtime \
        nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark nftables_counters notify_fifo \
        notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script vrrp_notify_priority_changes \
        fifo_write_vrrp_states_on_reload lvs_notify_fifo lvs_notify_fifo_script checker_priority \
        checker_no_swap checker_rt_priority checker_cpu_affinity checker_rlimit_rttime \
        checker_rlimit_rtime bfd_priority bfd_no_swap bfd_rt_priority bfd_cpu_affinity bfd_rlimit_rttime \
        bfd_rlimit_rtime snmp_socket enable_traps enable_snmp_vrrp enable_snmp_keepalived \
        enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_snmp_checker \
        snmp_vs_stats_update_interval snmp_rs_stats_update_interval enable_dbus dbus_service_name \
        dbus_no_interface_name vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force \
        vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs \
        process_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force \
        lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force rs_init_notifies \
        no_checker_emails vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier vrrp_startup_delay \
        vrrp_delay_after_boot log_unknown_vrids vrrp_owner_ignore_adverts vmac_prefix vmac_addr_prefix \
        umask random_seed reload_check_config reload_time_file reload_repeat reload_file include_check \
        config_save_dir tmp_config_directory data_use_instance json_version iproute_usr_dir \
        iproute_etc_dir state_dump_file stats_dump_file json_dump_file"),
    ("track_group",
        "group{"),
    ("vrrp_sync_group",
        "group{ track_interface{ track_script{ track_file{ track_process{ track_bfd{ notify_backup \
        notify_master notify_fault notify_stop notify smtp_alert global_tracking \
        sync_group_tracking_weight notify_priority_changes"),
    ("garp_group",
        "garp_interval gna_interval interface interfaces{"),
    ("vrrp_instance",
        "use_vmac use_vmac_addr vmac_xmit_base use_ipvlan unicast_fault_no_peer old_unicast_checksum vrf \
        track_src_ip no_virtual_ipaddress promote_secondaries linkbeat_use_polling v3_checksum_as_v2 \
        virtual_routes{ virtual_rules{ accept no_accept strict_mode track_file{ track_process{ \
        track_bfd{ notify_deleted notify_master_rx_lower_pri notify_priority_changes \
        lvs_sync_daemon_interface timer_expired_backup thread_timer_expired garp_extra_if \
        vmac_garp_intvl owner_ignore_adverts kernel_rx_buf_size auth_hmac{"),
    ("auth_hmac",
        "key active_key time_window anti_replay mode"),
    ("vrrp_track_process",
        "process param_match weight quorum quorum_max delay terminate_delay fork_delay full_command"),
    ("track_file",
        "file weight init_file"),
    ("vrrp_track_file",
        "file weight init_file"),
    ("bfd_instance",
        "source_ip neighbor_ip neighbour_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit \
        max_hops multihop weight vrrp checker"),
    ("SSL",
        "password ca certificate key"),
    ("virtual_server_group",
        "fwmark"),
    ("virtual_server",
        "ip_family retry delay_before_retry warmup connect_timeout delay_loop inhibit_on_failure \
        lvs_sched lb_algo hashed ops flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback \
        lvs_method lb_kind persistence_engine persistence_timeout persistence_granularity protocol \
        ha_suspend smtp_alert virtualhost snmp_name alpha omega quorum_up quorum_down quorum hysteresis \
        weight sorry_server sorry_server_inhibit sorry_server_lvs_method real_server{"),
    ("real_server",
        "weight lvs_method uthreshold lthreshold inhibit_on_failure notify_up notify_down alpha retry \
        delay_before_retry warmup connect_timeout delay_loop smtp_alert virtualhost snmp_name TCP_CHECK{ \
        HTTP_GET{ SSL_GET{ SMTP_CHECK{ DNS_CHECK{ MISC_CHECK{ PING_CHECK{ UDP_CHECK{ BFD_CHECK{ \
        FILE_CHECK{"),
    ("TCP_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures"),
    ("PING_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures"),
    ("HTTP_GET",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures nb_get_retry virtualhost http_protocol enable_sni \
        sni_name fast_recovery url{"),
    ("url",
        "path digest status_code virtualhost regex regex_no_match regex_options regex_min_offset \
        regex_max_offset regex_stack tls_compliant"),
    ("SSL_GET",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures nb_get_retry virtualhost http_protocol enable_sni \
        sni_name fast_recovery tls_compliant url{"),
    ("SMTP_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures helo_name host{"),
    ("host",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures"),
    ("DNS_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures type name"),
    ("MISC_CHECK",
        "retry delay_before_retry warmup delay_loop alpha log_all_failures misc_path misc_timeout \
        misc_dynamic user"),
    ("UDP_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
        warmup delay_loop alpha log_all_failures payload require_reply min_reply_length max_reply_length"),
    ("BFD_CHECK",
        "name alpha"),
    ("FILE_CHECK",
        "track_file weight"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_keyword_is_found_in_its_own_block_only() {
        assert_eq!(find("", "virtual_server"), Some(Kind::Block));
        assert_eq!(find("vrrp_instance", "use_vmac"), Some(Kind::Line));
        assert_eq!(find("vrrp_instance", "virtual_server"), None);
        assert_eq!(find("global_defs", "lvs_sync_daemon"), Some(Kind::Line));
        assert_eq!(homes("delay_loop").next(), Some("virtual_server"));
    }
}
