//! One file per block: its struct, its keyword table and how it is dumped.

mod global_defs;
mod root;
mod vrrp_instance;
mod vrrp_script;

pub use global_defs::{GarpDefaults, GlobalDefs, SmtpServer};
pub use vrrp_instance::{
    Announcements, Auth, Delivery, NotifyScripts, Preempt, TrackedInterface, TrackedScript, VrrpInstance,
};
pub use vrrp_script::VrrpScript;

pub(super) use global_defs::{GLOBAL_DEFS, GlobalDraft};
pub(super) use root::{ROOT, RootDraft};
pub(super) use vrrp_instance::{AuthType, InstanceDraft, VRRP_INSTANCE};
pub(super) use vrrp_script::{ScriptDraft, ScriptReference, VRRP_SCRIPT};

use super::known;
use super::schema::Schema;
use vrrp_instance::AUTHENTICATION;

/// Every block that has a table, for suggestions and documentation.
pub(super) fn schemas() -> [&'static dyn Schema; 5] {
    [&ROOT, &GLOBAL_DEFS, &VRRP_INSTANCE, &AUTHENTICATION, &VRRP_SCRIPT]
}

/// The blocks in which a word is a keyword.
pub(super) fn homes_of(keyword: &str) -> Vec<&'static str> {
    let own = schemas().into_iter().filter(|schema| schema.shape(keyword).is_some()).map(Schema::block);
    let mut homes: Vec<&str> = own.chain(known::homes(keyword)).filter(|block| !block.is_empty()).collect();
    homes.dedup();
    homes
}
