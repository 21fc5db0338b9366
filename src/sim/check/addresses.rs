//! The addresses are where the master is.

use std::net::IpAddr;

use super::{Checker, Scene};
use crate::config::block::VrrpInstance;
use crate::sim::node::lan_of;
use crate::types::State;

/// At rest a live node has the virtual addresses of an instance in its kernel exactly if it is master,
/// and none that it had under another configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses;

impl Checker for Addresses {
    fn name(&self) -> &'static str {
        "addresses"
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (host, node) in scene.nodes.iter().enumerate().filter(|(_, node)| node.is_alive()) {
            for instance in 0..scene.instances() {
                let (config, state) = (node.config(instance), node.state(instance));
                let configured = |address| all(config).any(|configured| configured == address);
                for address in node.plan.variants.iter().flat_map(|config| all(&config.instances[instance])) {
                    let has = node.kernel.has(lan_of(config), address);
                    if has != (state == State::Master && configured(address)) {
                        return Err(format!(
                            "node {host} is {state} in {}; does it have {address}? {has}",
                            config.name
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

fn all(config: &VrrpInstance) -> impl Iterator<Item = IpAddr> {
    config.all_vips().map(|vip| vip.net.address)
}
