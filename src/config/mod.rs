//! keepalived's configuration language: text in, [`Config`] and diagnostics out.

pub mod block;
pub mod value;

use block::{GlobalDefs, VrrpInstance, VrrpScript};
use std::sync::Arc;

/// Everything that a configuration says, resolved: references looked up, global defaults applied,
/// rules across keywords enforced. What the protocol sees of a configuration is this and nothing else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Config {
    /// `global_defs`.
    pub global: GlobalDefs,
    /// `vrrp_script` blocks that can run, in the order of the file.
    pub scripts: Vec<Arc<VrrpScript>>,
    /// `vrrp_instance` blocks, in the order of the file.
    pub instances: Vec<Arc<VrrpInstance>>,
    /// How many `virtual_server` blocks there are; they are read, not run, in this version.
    pub virtual_servers: usize,
}
