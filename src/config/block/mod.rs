//! One file per block: its struct, its keyword table and how it is dumped.

mod auth_hmac;
mod authentication;
mod bfd_instance;
mod checker;
mod garp_group;
mod global_defs;
mod interfaces;
mod lvs_dump;
mod lvs_root;
mod real_server;
mod root;
mod ssl;
mod static_objects;
mod track_file;
mod track_group;
mod track_process;
mod tracking;
mod virtual_server;
mod virtual_server_group;
mod vrrp_instance;
mod vrrp_script;
mod vrrp_sync_group;

pub use auth_hmac::{AuthHmac, Freshness, HmacKey, HmacMode};
pub use authentication::Auth;
pub use bfd_instance::{BfdInstance, BfdSession};
pub use checker::{
    BfdCheck, Checker, Connection, DnsCheck, DnsType, FileCheck, HttpCheck, HttpVersion, Method, MiscCheck,
    Regex, ReplyPattern, SmtpCheck, StatusCodes, UdpCheck, Url,
};

pub use garp_group::GarpGroup;
pub use global_defs::{
    AdvertBuffer, AutoPriority, AutoPriorityLimit, Buffer, BufferDefs, DaemonDefs, DbusDefs,
    DynamicInterfaces, FifoDefs, FileDefs, FirewallDefs, FlushOnStop, GarpDefaults, GarpExtraIf, GlobalDefs,
    IpvsNamespace, LifeScripts, LvsDefs, LvsTimeouts, NotifyFifo, ProcessDefs, ReloadFile, SmtpServer,
    SnmpDefs, SyncDaemon,
};
pub use interfaces::{Linkbeat, LinkbeatMethod, UpDownDelays};
pub use real_server::RealServer;
pub use ssl::SslSettings;
pub use static_objects::StaticObjects;
pub use track_file::{InitFile, TrackFile};
pub use track_group::TrackGroup;
pub use track_process::{ParamMatch, ProcessPattern, TrackProcess};
pub use tracking::{TrackEntry, Tracked};
pub use virtual_server::{
    Granularity, Persistence, Protocol, Scheduler, Service, SorryServer, VirtualServer,
};
pub use virtual_server_group::{AddressRange, GroupMark, VirtualServerGroup};
pub use vrrp_instance::{
    Announcements, Delivery, IpvlanMode, MacOrigin, NotifyScripts, Preempt, UnicastChecksum, UnicastPeer,
    VirtualLink, VirtualLinkKind, VrrpInstance,
};
pub use vrrp_script::VrrpScript;
pub use vrrp_sync_group::SyncGroup;

pub(super) use global_defs::{CUSTOMARY_TABLE, Dumper, GLOBAL_DEFS, GlobalDraft};
pub(super) use interfaces::settle_delays;
pub(super) use lvs_root::{
    BFD_BLOCK, BFD_PART, CHECKER_PART, LVS_BLOCKS, LVS_ROOT, LvsDraft, PARENT_PART, Part, VRRP_PART,
};
pub(super) use root::{ROOT, RootDraft};
pub(super) use static_objects::StaticDraft;
pub(super) use tracking::{TrackDraft, Trackables, Weightless, combined};
pub(super) use virtual_server_group::Alive;
pub(super) use vrrp_instance::{InstanceDraft, IpvlanDraft, VRRP_INSTANCE, VmacDraft};
pub(super) use vrrp_script::{ScriptDraft, VRRP_SCRIPT};
pub(super) use vrrp_sync_group::{GroupDraft, VRRP_SYNC_GROUP};

use super::schema::Schema;
use auth_hmac::AUTH_HMAC;
use authentication::AUTHENTICATION;
use bfd_instance::BFD_INSTANCE;

/// Every block that has a table, for suggestions and documentation.
pub(super) fn schemas() -> [&'static dyn Schema; 28] {
    [
        &ROOT,
        &GLOBAL_DEFS,
        &VRRP_INSTANCE,
        &garp_group::GARP_GROUP,
        &AUTHENTICATION,
        &AUTH_HMAC,
        &VRRP_SCRIPT,
        &track_file::TRACK_FILE,
        &track_process::VRRP_TRACK_PROCESS,
        &track_group::TRACK_GROUP,
        &VRRP_SYNC_GROUP,
        &BFD_INSTANCE,
        &virtual_server::VIRTUAL_SERVER,
        &real_server::REAL_SERVER,
        &checker::TCP_CHECK,
        &checker::HTTP_GET,
        &checker::HTTP_URL,
        &checker::SSL_GET,
        &checker::SSL_URL,
        &checker::SMTP_CHECK,
        &checker::SMTP_HOST,
        &checker::DNS_CHECK,
        &checker::MISC_CHECK,
        &checker::PING_CHECK,
        &checker::UDP_CHECK,
        &checker::BFD_CHECK,
        &checker::FILE_CHECK,
        &ssl::SSL,
    ]
}

/// The blocks in which a word is a keyword.
pub(super) fn homes_of(keyword: &str) -> Vec<&'static str> {
    let own = schemas().into_iter().filter(|schema| schema.shape(keyword).is_some()).map(Schema::block);
    let mut homes: Vec<&str> = own.filter(|block| !block.is_empty()).collect();
    homes.dedup();
    homes
}
