//! What must not be reached is not.

use super::{Checker, Scene};
use crate::vrrp::Blocked;

/// At rest a live node drops the packets of a virtual address exactly if it has it and does not accept them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Firewall;

impl Checker for Firewall {
    fn name(&self) -> &'static str {
        "firewall"
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (host, node) in scene.nodes.iter().enumerate().filter(|(_, node)| node.is_alive()) {
            for instance in 0..scene.instances() {
                let config = node.config(instance);
                let blocked = Blocked::by(config);
                let variants = node.plan.variants.iter().map(|config| &config.instances[instance]);
                for vip in variants.flat_map(|config| config.all_vips()) {
                    let (link, address) = (vip.link(), vip.net.address);
                    let refused = blocked.iter().any(|one| one.link == *link && one.address == address);
                    let (has, drops) = (node.kernel.has(link, address), node.kernel.drops(link, address));
                    if drops != (has && refused) {
                        return Err(format!(
                            "node {host} has {address} of {}: {has}; it drops its packets: {drops}",
                            config.name
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}
