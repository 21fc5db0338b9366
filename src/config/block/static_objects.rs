//! `static_ipaddress`, `static_routes` and `static_rules`: what is there for as long as the daemon is,
//! whatever the instances do.

use super::TrackGroup;
use super::track_group::TrackGroupDraft;
use crate::config::block::VrrpInstance;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::diff::compared;
use crate::config::dump::{Out, member};
use crate::config::entry::TrackGroups;
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{Route, Rule, VirtualAddress};
use std::sync::Arc;

/// Addresses, routes and rules that do not move.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StaticObjects {
    /// `static_ipaddress`.
    pub addresses: Vec<VirtualAddress>,
    /// `static_routes`.
    pub routes: Vec<Route>,
    /// `static_rules`.
    pub rules: Vec<Rule>,
    /// `track_group`: only those that have an instance.
    pub track_groups: Vec<TrackGroup>,
}

/// What the blocks have put together so far.
#[derive(Default)]
pub(in crate::config) struct StaticDraft {
    addresses: Vec<(VirtualAddress, Span)>,
    routes: Vec<(Route, Span)>,
    rules: Vec<(Rule, Span)>,
    groups: Vec<TrackGroupDraft>,
}

impl StaticDraft {
    fn group_names(&self) -> TrackGroups {
        self.groups.iter().map(|group| group.name.text.clone()).collect()
    }

    pub(in crate::config) fn read_group(&mut self, node: &Node, cx: &mut Context<'_>) {
        self.groups.extend(TrackGroupDraft::read(node, cx));
    }

    pub(in crate::config) fn read_addresses(
        &mut self,
        node: &Node,
        default_interface: &str,
        cx: &mut Context<'_>,
    ) {
        let groups = self.group_names();
        for entry in node.entries() {
            let address = cx.static_address_line(entry, &groups, default_interface);
            self.addresses.extend(address.map(|address| (address, entry[0].span)));
        }
    }

    pub(in crate::config) fn read_routes(&mut self, node: &Node, cx: &mut Context<'_>) {
        let groups = self.group_names();
        for entry in node.entries() {
            self.routes.extend(cx.route_line(entry, Some(&groups)).map(|route| (route, entry[0].span)));
        }
    }

    pub(in crate::config) fn read_rules(&mut self, node: &Node, cx: &mut Context<'_>) {
        let groups = self.group_names();
        for entry in node.entries() {
            self.rules.extend(cx.rule_line(entry, Some(&groups)).map(|rule| (rule, entry[0].span)));
        }
    }

    /// With the groups that have instances, and nothing tied to others.
    pub(in crate::config) fn complete(
        self,
        instances: &[Arc<VrrpInstance>],
        cx: &mut Context<'_>,
    ) -> StaticObjects {
        let Self { addresses, routes, rules, groups } = self;
        let track_groups: Vec<_> =
            groups.into_iter().filter_map(|group| group.complete(instances, cx)).collect();
        let mut tie = |group: &mut Option<String>, no_track: bool, span: Span, what: &str| {
            if !group.as_ref().is_some_and(|name| track_groups.iter().any(|group| group.name == *name)) {
                *group = None;
            } else if no_track {
                let message = format!("a static {what} with `no_track` is tied to nothing");
                let problem = Diagnostic::warning("no-track-with-group", span, message)
                    .class(Class::Harmless)
                    .classic(format!("Static {what} has both track_group and no_track set - not tracking"))
                    .label("`track_group` has no effect");
                cx.report(problem.at_completion());
            }
        };
        let addresses = addresses
            .into_iter()
            .map(|(mut address, span)| {
                tie(&mut address.track_group, address.no_track, span, "address");
                address
            })
            .collect();
        let routes = routes
            .into_iter()
            .map(|(mut route, span)| {
                tie(&mut route.track_group, route.no_track, span, "route");
                route
            })
            .collect();
        let rules = rules
            .into_iter()
            .map(|(mut rule, span)| {
                tie(&mut rule.track_group, rule.no_track, span, "rule");
                rule
            })
            .collect();
        StaticObjects { addresses, routes, rules, track_groups }
    }
}

impl StaticObjects {
    pub(in crate::config) fn dump(&self, out: &mut Out) {
        if !self.addresses.is_empty() {
            out.section("Static Addresses");
            self.addresses.iter().for_each(|address| member!(out, "{address}"));
        }
        if !self.routes.is_empty() {
            out.section("Static Routes");
            self.routes.iter().for_each(|route| member!(out, "{route}"));
        }
        if !self.rules.is_empty() {
            out.section("Static Rules");
            self.rules.iter().for_each(|rule| member!(out, "{rule}"));
        }
        if !self.track_groups.is_empty() {
            out.section("Static Track groups");
            self.track_groups.iter().for_each(|group| group.dump(out));
        }
    }
}

compared! { StaticObjects {
    addresses: "static_ipaddress" Addresses list, "what leaves no longer answers";
    routes: "static_routes" Addresses list, "what leaves is no longer reached this way";
    rules: "static_rules" Addresses list;
    track_groups: "track_group" None hidden;
}}
