//! One file per block: its struct, its keyword table and how it is dumped.

mod global_defs;
mod vrrp_instance;
mod vrrp_script;

pub use global_defs::{GarpDefaults, GlobalDefs, SmtpServer};
pub use vrrp_instance::{
    Announcements, Auth, Delivery, NotifyScripts, Preempt, TrackedInterface, TrackedScript, VrrpInstance,
};
pub use vrrp_script::VrrpScript;
