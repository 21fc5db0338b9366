//! The wanted state of the kernel's routes and rules, and what is known of how it is.
//!
//! Whoever wants something gets the changes to hand to the writer. The monitor tells what became of ours;
//! of IPv4 routes that go with their link the kernel says nothing, so those are asked for anew when the link
//! is back.

use super::ledger::{InstanceId, Ledger};
use super::links::Links;
use super::route_message::{position, route_message, rule_message};
use crate::config::value::{Route, RoutePlace, Rule};
use crate::sys::netlink::{Change, Event, RouteKey, RuleKey};
use crate::types::IfName;
use crate::vrrp::KernelChange;
use std::collections::{BTreeMap, BTreeSet};

/// Routes and rules, wanted and there.
#[derive(Debug, Default)]
pub(super) struct Routing {
    routes: Ledger<Route>,
    rules: Ledger<Rule>,
    /// By what the monitor calls them.
    route_places: BTreeMap<RouteKey, RoutePlace>,
    rule_places: BTreeMap<RuleKey, Rule>,
    /// Of ours, what was there when the monitor last spoke of it.
    there: (BTreeSet<RouteKey>, BTreeSet<RuleKey>),
    /// What somebody has removed and nobody has put back.
    gone: (BTreeSet<RouteKey>, BTreeSet<RuleKey>),
    /// What the kernel has refused.
    refused: BTreeSet<RouteKey>,
}

/// What a change comes to.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// For the writer.
    pub(super) changes: Vec<Change>,
    /// Routes that name a link that is not there.
    pub(super) impossible: Vec<(Route, IfName)>,
}

impl Routing {
    /// Installs and removes routes for an instance.
    pub(super) fn change_routes(
        &mut self,
        instance: InstanceId,
        change: &KernelChange<Route>,
        links: &Links,
    ) -> Work {
        let mut work = Work::default();
        for route in &change.install {
            let before = self.routes.want(instance, route);
            work.changes.extend(before.and_then(|before| self.removal(&before, links)));
            match self.addition(route, links) {
                Ok(change) => work.changes.push(change),
                Err(link) => work.impossible.push((route.clone(), link.clone())),
            }
        }
        for route in &change.remove {
            if self.routes.release(instance, route) {
                work.changes.extend(self.removal(route, links));
            }
        }
        work
    }

    /// Installs and removes rules for an instance.
    pub(super) fn change_rules(&mut self, instance: InstanceId, change: &KernelChange<Rule>) -> Vec<Change> {
        let mut changes = Vec::new();
        for rule in &change.install {
            // All but what we make of a rule tells it from others: there is nothing to replace.
            self.rules.want(instance, rule);
            changes.push(self.rule_addition(rule));
        }
        for rule in &change.remove {
            if self.rules.release(instance, rule) {
                changes.push(self.rule_removal(rule));
            }
        }
        changes
    }

    fn addition<'r>(&mut self, route: &'r Route, links: &Links) -> Result<Change, &'r IfName> {
        let message = route_message(route, links)?;
        if let Some(key) = RouteKey::of(&message) {
            self.gone.0.remove(&key);
            self.route_places.insert(key, route.place());
        }
        Ok(Change::AddRoute(Box::new(message), position(route.placement)))
    }

    /// `None` when it went with its link.
    fn removal(&mut self, route: &Route, links: &Links) -> Option<Change> {
        let message = route_message(route, links).ok()?;
        if let Some(key) = RouteKey::of(&message) {
            self.gone.0.remove(&key);
            self.refused.remove(&key);
            self.route_places.remove(&key);
        }
        Some(Change::RemoveRoute(Box::new(message)))
    }

    fn rule_addition(&mut self, rule: &Rule) -> Change {
        let message = rule_message(rule);
        let key = RuleKey::of(&message);
        self.gone.1.remove(&key);
        self.rule_places.insert(key, rule.place());
        Change::AddRule(Box::new(message))
    }

    fn rule_removal(&mut self, rule: &Rule) -> Change {
        let message = rule_message(rule);
        let key = RuleKey::of(&message);
        self.gone.1.remove(&key);
        self.rule_places.remove(&key);
        Change::RemoveRule(Box::new(message))
    }

    /// Takes over what an earlier life of the instance left in the kernel.
    pub(super) fn adopt(&mut self, instance: InstanceId, routes: &[Route], rules: &[Rule], links: &Links) {
        for route in routes {
            let key = route_message(route, links).ok().and_then(|message| RouteKey::of(&message));
            if let Some(key) = key.filter(|key| self.there.0.contains(key)) {
                self.routes.want(instance, route);
                self.route_places.insert(key, route.place());
            }
        }
        for rule in rules {
            let key = RuleKey::of(&rule_message(rule));
            if self.there.1.contains(&key) {
                self.rules.want(instance, rule);
                self.rule_places.insert(key, rule.place());
            }
        }
    }

    /// Takes over what the monitor says; who has lost something by it.
    pub(super) fn apply(&mut self, event: &Event) -> Vec<InstanceId> {
        match event {
            Event::RouteAdded(key) => {
                self.gone.0.remove(key);
                self.refused.remove(key);
                self.there.0.insert(key.clone());
            }
            Event::RouteRemoved(key) => {
                self.there.0.remove(key);
                if let Some(place) = self.route_places.get(key) {
                    self.gone.0.insert(key.clone());
                    return self.routes.wanting(place).collect();
                }
            }
            Event::RuleAdded(key) => {
                self.gone.1.remove(key);
                self.there.1.insert(key.clone());
            }
            Event::RuleRemoved(key) => {
                self.there.1.remove(key);
                if let Some(place) = self.rule_places.get(key) {
                    self.gone.1.insert(key.clone());
                    return self.rules.wanting(place).collect();
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// What an instance wants that somebody else has removed: not what went with its link.
    pub(super) fn lost_by(&self, instance: InstanceId, links: &Links) -> (Vec<Route>, Vec<Rule>) {
        let up = |route: &Route| route.links().all(|name| links.get(name).is_some_and(|link| link.up));
        let gone: BTreeSet<_> = self.gone.0.iter().filter_map(|key| self.route_places.get(key)).collect();
        let routes =
            self.routes.wanted_by(instance).filter(|(place, route)| gone.contains(place) && up(route));
        let gone: BTreeSet<_> = self.gone.1.iter().filter_map(|key| self.rule_places.get(key)).collect();
        let rules = self.rules.wanted_by(instance).filter(|(place, _)| gone.contains(place));
        (routes.map(|(_, route)| route.clone()).collect(), rules.map(|(_, rule)| rule.clone()).collect())
    }

    /// The kernel has refused a change; whether that is news.
    pub(super) fn is_first_refusal(&mut self, change: &Change) -> bool {
        let Change::AddRoute(message, _) = change else { return true };
        RouteKey::of(message).is_none_or(|key| self.refused.insert(key))
    }

    /// A link has come up: what was, or may have been, lost with it.
    pub(super) fn reassert(&mut self, name: &IfName, links: &Links) -> Vec<Change> {
        let concerned = |route: &Route| {
            route.links().any(|link| link == name)
                || route.links().next().is_none()
                || self.is_refused(route, links)
        };
        let routes: Vec<Route> = self.routes.all().filter(|route| concerned(route)).cloned().collect();
        routes.iter().filter_map(|route| self.addition(route, links).ok()).collect()
    }

    /// There is an address that there was not: what has been refused may be possible now.
    pub(super) fn retry(&mut self, links: &Links) -> Vec<Change> {
        if self.refused.is_empty() {
            return Vec::new();
        }
        let routes: Vec<Route> =
            self.routes.all().filter(|route| self.is_refused(route, links)).cloned().collect();
        routes.iter().filter_map(|route| self.addition(route, links).ok()).collect()
    }

    /// What an instance wants and the kernel has refused, or has not told of.
    pub(super) fn refused_to(&mut self, instance: InstanceId, links: &Links) -> Vec<Change> {
        let refused = |route: &&Route| self.is_refused(route, links);
        let wanted = self.routes.wanted_by(instance).map(|(_, route)| route);
        let routes: Vec<Route> = wanted.filter(refused).cloned().collect();
        let absent = |rule: &&Rule| !self.there.1.contains(&RuleKey::of(&rule_message(rule)));
        let wanted = self.rules.wanted_by(instance).map(|(_, rule)| rule);
        let rules: Vec<Rule> = wanted.filter(absent).cloned().collect();
        let mut changes: Vec<Change> =
            routes.iter().filter_map(|route| self.addition(route, links).ok()).collect();
        changes.extend(rules.iter().map(|rule| self.rule_addition(rule)));
        changes
    }

    fn is_refused(&self, route: &Route, links: &Links) -> bool {
        let key = route_message(route, links).ok().and_then(|message| RouteKey::of(&message));
        key.is_some_and(|key| self.refused.contains(&key))
    }

    /// From here on nothing is removed.
    pub(super) fn hold_removals(&mut self) {
        self.routes.hold_removals();
        self.rules.hold_removals();
    }

    /// Ends [`Self::hold_removals`]; what is to be removed after all, rules first.
    pub(super) fn let_go(&mut self, links: &Links) -> Vec<Change> {
        let (rules, routes) = (self.rules.let_go(), self.routes.let_go());
        let mut changes: Vec<Change> = rules.iter().map(|rule| self.rule_removal(rule)).collect();
        changes.extend(routes.iter().filter_map(|route| self.removal(route, links)));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::LinkState;
    use crate::types::{Family, IfIndex, IpNet};

    const A: InstanceId = InstanceId(1);
    const B: InstanceId = InstanceId(2);

    fn eth0() -> IfName {
        IfName::new("eth0").unwrap()
    }

    fn links() -> Links {
        let mut links = Links::default();
        links.apply(&Event::LinkAdded(LinkState {
            up: true,
            ..LinkState::new(IfIndex::new(7).unwrap(), eth0())
        }));
        links
    }

    fn route() -> Route {
        let net = IpNet::new([10, 100, 0, 0].into(), 16).unwrap();
        Route { gateway: Some([10, 99, 0, 254].into()), dev: Some(eth0()), ..Route::to(net) }
    }

    fn key(route: &Route) -> RouteKey {
        RouteKey::of(&route_message(route, &links()).unwrap()).unwrap()
    }

    fn kinds(changes: &[Change]) -> String {
        let kind = |change: &Change| match change {
            Change::AddRoute(..) => "+",
            Change::RemoveRoute(_) => "-",
            Change::AddRule(_) => "+rule",
            Change::RemoveRule(_) => "-rule",
            _ => "?",
        };
        changes.iter().map(kind).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_option_that_changes_takes_the_old_route_away_first_and_another_gateway_comes_before() {
        let (mut routing, links) = (Routing::default(), links());
        let with_mtu =
            Route { metrics: crate::config::value::Metrics { locked: 4, ..Default::default() }, ..route() };
        let elsewhere = Route { gateway: Some([10, 99, 0, 253].into()), ..route() };
        routing.change_routes(A, &KernelChange::installing(vec![route()]), &links);
        let work = routing.change_routes(A, &KernelChange::installing(vec![with_mtu.clone()]), &links);
        assert_eq!(kinds(&work.changes), "- +");
        let change = KernelChange { install: vec![elsewhere], remove: vec![with_mtu] };
        assert_eq!(kinds(&routing.change_routes(A, &change, &links).changes), "+ -");
    }

    #[test]
    fn a_route_that_moves_between_instances_in_a_reload_is_not_removed() {
        let (mut routing, links) = (Routing::default(), links());
        routing.change_routes(A, &KernelChange::installing(vec![route()]), &links);
        routing.hold_removals();
        let given = routing.change_routes(A, &KernelChange::removing(vec![route()]), &links);
        assert!(given.changes.is_empty());
        routing.change_routes(B, &KernelChange::installing(vec![route()]), &links);
        assert!(routing.let_go(&links).is_empty());
        assert_eq!(routing.apply(&Event::RouteRemoved(key(&route()))), [B]);
    }

    #[test]
    fn what_somebody_removes_is_lost_until_it_is_back_and_what_we_remove_is_not() {
        let (mut routing, links) = (Routing::default(), links());
        routing.change_routes(A, &KernelChange::installing(vec![route()]), &links);
        routing.apply(&Event::RouteAdded(key(&route())));
        assert_eq!(routing.apply(&Event::RouteRemoved(key(&route()))), [A]);
        assert_eq!(routing.lost_by(A, &links).0, [route()]);
        assert_eq!(routing.lost_by(A, &Links::default()).0, [], "it went with its link");
        routing.apply(&Event::RouteAdded(key(&route())));
        assert_eq!(routing.lost_by(A, &links).0, []);
        routing.change_routes(A, &KernelChange::removing(vec![route()]), &links);
        assert_eq!(routing.apply(&Event::RouteRemoved(key(&route()))), []);
    }

    #[test]
    fn a_refused_route_is_told_once_and_tried_again() {
        let (mut routing, links) = (Routing::default(), links());
        let work = routing.change_routes(A, &KernelChange::installing(vec![route()]), &links);
        assert!(routing.retry(&links).is_empty());
        assert!(routing.is_first_refusal(&work.changes[0]));
        assert!(!routing.is_first_refusal(&work.changes[0]));
        assert_eq!(kinds(&routing.retry(&links)), "+");
        assert_eq!(kinds(&routing.reassert(&eth0(), &links)), "+");
        routing.apply(&Event::RouteAdded(key(&route())));
        assert!(routing.retry(&links).is_empty());
    }

    #[test]
    fn a_route_without_its_link_waits_for_it() {
        let mut routing = Routing::default();
        let work = routing.change_routes(A, &KernelChange::installing(vec![route()]), &Links::default());
        assert!(work.changes.is_empty());
        assert_eq!(work.impossible, [(route(), eth0())]);
        assert_eq!(kinds(&routing.reassert(&eth0(), &links())), "+");
    }

    #[test]
    fn rules_are_known_again_by_all_that_the_kernel_does_not_add() {
        let mut routing = Routing::default();
        let rule = Rule { incoming: Some(eth0()), ..Rule::looking_up(Family::V4, 70_000, 5) };
        let changes = routing.change_rules(A, &KernelChange::installing(vec![rule.clone()]));
        let [Change::AddRule(message)] = &changes[..] else { panic!("one rule") };
        let mut reported = (**message).clone();
        let suppressed = netlink_packet_route::rule::RuleAttribute::SuppressPrefixLen(u32::MAX);
        reported.attributes.push(suppressed);
        assert_eq!(routing.apply(&Event::RuleRemoved(RuleKey::of(&reported))), [A]);
        assert_eq!(routing.lost_by(A, &Links::default()).1, [rule]);
    }
}
