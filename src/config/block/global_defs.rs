//! `global_defs { … }`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::types::Version;

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
    /// The same for VRRP alone.
    pub smtp_alert_vrrp: Option<bool>,
    /// Group of IPv4 adverts; default 224.0.0.18.
    pub vrrp_mcast_group4: Ipv4Addr,
    /// Group of IPv6 adverts; default ff02::12.
    pub vrrp_mcast_group6: Ipv6Addr,
    /// Version of IPv4 instances that give none; default 2.
    pub vrrp_version: Version,
    /// Defaults of the instances' `garp_*` keywords.
    pub garp: GarpDefaults,
    /// User (and group) of scripts that name none, as written.
    pub script_user: Option<(String, Option<String>)>,
    /// Refuse scripts run as root whose path somebody else could change.
    pub enable_script_security: bool,
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
            smtp_alert_vrrp: None,
            vrrp_mcast_group4: Ipv4Addr::new(224, 0, 0, 18),
            vrrp_mcast_group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            vrrp_version: Version::V2,
            garp: GarpDefaults::default(),
            script_user: None,
            enable_script_security: false,
        }
    }
}
