//! The routes and rules are where the master is.

use super::{Checker, Scene};
use crate::config::value::{Route, Rule};
use crate::types::State;

/// At rest a live node has the virtual routes and rules of an instance in its kernel exactly if it is master,
/// and none that it had under another configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Routing;

impl Checker for Routing {
    fn name(&self) -> &'static str {
        "routing"
    }

    fn at_rest(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (host, node) in scene.nodes.iter().enumerate().filter(|(_, node)| node.is_alive()) {
            for instance in 0..scene.instances() {
                let (config, state) = (node.config(instance), node.state(instance));
                let wrong = |what: &dyn std::fmt::Display, has: bool| {
                    format!("node {host} is {state} in {}; does it have {what}? {has}", config.name)
                };
                let variants = || node.plan.variants.iter().map(|config| &config.instances[instance]);
                for route in variants().flat_map(|config| &config.routes) {
                    let has = node.kernel.has_route(&route.place());
                    let configured = config.routes.iter().any(|own| Route::place(own) == route.place());
                    if has != (state == State::Master && configured) {
                        return Err(wrong(route, has));
                    }
                }
                for rule in variants().flat_map(|config| &config.rules) {
                    let has = node.kernel.has_rule(&rule.place());
                    let configured = config.rules.iter().any(|own| Rule::place(own) == rule.place());
                    if has != (state == State::Master && configured) {
                        return Err(wrong(rule, has));
                    }
                }
            }
        }
        Ok(())
    }
}
