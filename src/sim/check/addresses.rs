//! The addresses are where the master is.

use super::{Checker, Scene};
use crate::types::State;

/// At rest a live node has the virtual addresses of an instance in its kernel exactly if it is master.
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
                for vip in config.vips.iter().chain(&config.excluded_vips) {
                    let has = node.kernel.has(&vip.dev, vip.net.address);
                    if has != (state == State::Master) {
                        let address = vip.net.address;
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
