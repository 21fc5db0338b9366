//! What a reload does: one configuration beside another, object by object.
//!
//! The daemon walks a [`ReloadPlan`], and `vrrpd plan` prints it; there is no other opinion on which instance
//! goes on as which. How deep the change of a keyword goes stands in the file of its block, below the struct.

mod compare;
mod kernel;

pub(in crate::config) use compare::{Compare, compared, shown};
pub use compare::{Difference, Impact, Shown};
pub use kernel::{AddressChange, KernelChange};

use super::Config;
use super::block::{Delivery, VirtualLink, VrrpInstance};
use crate::types::{Family, IfName, Version, Vrid};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Display};
use std::net::IpAddr;
use std::sync::Arc;

/// What leads from one configuration to another.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ReloadPlan {
    /// Each object that does not stay as it is, in the order of the new configuration; then those that go.
    pub steps: Vec<Step>,
    /// What leaves one instance and comes to another.
    pub moves: Vec<Move>,
    /// For each instance of the new configuration, the place in the old one of the instance that goes on
    /// as it.
    #[serde(skip)]
    pub origins: Vec<Option<usize>>,
}

/// What becomes of one object.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Step {
    /// The keyword of its block.
    pub block: &'static str,
    /// Its name; of those that have none there is one.
    pub name: String,
    /// What becomes of it.
    pub action: Action,
    /// Keyword by keyword.
    pub differences: Vec<Difference>,
    /// What a client may notice of it as a whole, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noticed: Option<&'static str>,
}

/// What becomes of an object.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is new.
    Add,
    /// It goes on, changed.
    Change,
    /// The same, under another name than this one.
    Rename(String),
    /// It ends, and one of that name begins: an instance that is another virtual router now.
    Restart,
    /// It goes.
    Remove,
}

/// Something that the kernel has, on its way from one instance to another. Where both are master it stays
/// where it is all the time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Move {
    /// An address, a route or a rule.
    pub what: String,
    /// The instance that had it.
    pub from: String,
    /// The instance that has it.
    pub to: String,
}

impl ReloadPlan {
    /// What a reload from `old` to `new` does.
    #[must_use]
    pub fn new(old: &Config, new: &Config) -> Self {
        let mut plan = Self { origins: origins(&old.instances, &new.instances), ..Self::default() };
        let Config {
            global,
            scripts,
            track_files,
            track_processes,
            bfd_instances,
            instances: _,
            sync_groups,
            garp_groups,
            linkbeat,
            up_down_delays,
            statics,
            lvs,
        } = new;
        plan.alone("global_defs", &old.global, global);
        plan.alone("static objects", &old.statics, statics);
        plan.named("vrrp_script", &old.scripts, scripts, |it| it.name.clone());
        plan.named("track_file", &old.track_files, track_files, |it| it.name.clone());
        plan.named("vrrp_track_process", &old.track_processes, track_processes, |it| it.name.clone());
        plan.named("bfd_instance", &old.bfd_instances, bfd_instances, |it| it.name.clone());
        plan.named("linkbeat_interfaces", &old.linkbeat, linkbeat, |it| it.interface.to_string());
        let delays = |config: &Config| config.up_down_delays.clone();
        plan.named("interface_up_down_delays", &delays(old), up_down_delays, |it| it.interface.to_string());
        plan.named("garp_group", &old.garp_groups, garp_groups, |it| {
            it.interfaces.first().map(IfName::to_string).unwrap_or_default()
        });
        plan.named("vrrp_sync_group", &old.sync_groups, sync_groups, |it| it.name.clone());
        plan.instances(&old.instances, &new.instances);
        plan.alone("virtual servers", &old.lvs, lvs);
        plan
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What a client may notice: the object, and why.
    pub fn noticed(&self) -> impl Iterator<Item = (&Step, &'static str)> {
        self.steps.iter().flat_map(|step| {
            let each = step.differences.iter().filter_map(|difference| difference.noticed);
            step.noticed.into_iter().chain(each).map(move |why| (step, why))
        })
    }

    fn alone<T: Compare>(&mut self, block: &'static str, old: &T, new: &T) {
        let differences = old.differences(new);
        if !differences.is_empty() {
            self.steps.push(Step {
                block,
                name: String::new(),
                action: Action::Change,
                differences,
                noticed: None,
            });
        }
    }

    fn named<T: Compare, B: AsRef<T>>(
        &mut self,
        block: &'static str,
        old: &[B],
        new: &[B],
        name: impl Fn(&T) -> String,
    ) {
        let mut before: BTreeMap<String, &T> = BTreeMap::new();
        for it in old {
            before.entry(name(it.as_ref())).or_insert(it.as_ref());
        }
        for it in new.iter().map(AsRef::as_ref) {
            let name = name(it);
            let (action, differences) = match before.remove(&name) {
                None => (Action::Add, Vec::new()),
                Some(old) => (Action::Change, old.differences(it)),
            };
            if action == Action::Add || !differences.is_empty() {
                self.steps.push(Step { block, name, action, differences, noticed: None });
            }
        }
        for name in before.into_keys() {
            self.steps.push(Step {
                block,
                name,
                action: Action::Remove,
                differences: Vec::new(),
                noticed: None,
            });
        }
    }

    fn instances(&mut self, old: &[Arc<VrrpInstance>], new: &[Arc<VrrpInstance>]) {
        const BLOCK: &str = "vrrp_instance";
        let mut gone: Vec<Option<&VrrpInstance>> = old.iter().map(|it| Some(&**it)).collect();
        for origin in self.origins.iter().flatten() {
            gone[*origin] = None;
        }
        let mut holdings = Holdings::default();
        for (it, origin) in new.iter().zip(self.origins.clone()) {
            let name = it.name.clone();
            let (before, action) = match origin {
                Some(place) if old[place].name == name => (Some(&*old[place]), Action::Change),
                Some(place) => (Some(&*old[place]), Action::Rename(old[place].name.clone())),
                None => {
                    let same_name = gone.iter_mut().find(|gone| gone.is_some_and(|gone| gone.name == name));
                    match same_name.and_then(Option::take) {
                        Some(before) => (Some(before), Action::Restart),
                        None => (None, Action::Add),
                    }
                }
            };
            holdings.compare(before, Some(it));
            let differences = before.map(|before| before.differences(it)).unwrap_or_default();
            if differences.is_empty() && action == Action::Change {
                continue;
            }
            let noticed = (action == Action::Restart).then_some(
                "where it is master it gives way, and its addresses leave until there is one again",
            );
            self.steps.push(Step { block: BLOCK, name, action, differences, noticed });
        }
        for it in gone.into_iter().flatten() {
            holdings.compare(Some(it), None);
            self.steps.push(Step {
                block: BLOCK,
                name: it.name.clone(),
                action: Action::Remove,
                differences: Vec::new(),
                noticed: Some("where it is master it gives way"),
            });
        }
        self.moves = holdings.moves();
        let losers = holdings.losers();
        for step in self.steps.iter_mut().filter(|step| step.block == BLOCK && step.noticed.is_none()) {
            if losers.contains(step.name.as_str()) {
                step.noticed = Some("what leaves no longer answers");
            }
        }
    }
}

/// What instances have no more, and what they have anew.
#[derive(Default)]
struct Holdings {
    gone: Vec<(String, String)>,
    /// What there is anew, and the first that has it.
    come: BTreeMap<String, String>,
}

impl Holdings {
    fn compare(&mut self, old: Option<&VrrpInstance>, new: Option<&VrrpInstance>) {
        let Some(some) = new.or(old) else { return };
        let nothing = VrrpInstance::new(&some.name, some.interface.clone(), some.vrid);
        let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
        let addresses = KernelChange::of_addresses(old, new);
        let routes = KernelChange::of_routes(old, new);
        let rules = KernelChange::of_rules(old, new);
        let address = |vip: &super::value::VirtualAddress| {
            let peer = vip.peer.map(|peer| format!(" peer {peer}")).unwrap_or_default();
            format!("{}{peer} dev {}", vip.net, vip.link())
        };
        let strings = |gone: bool| {
            let pick = |install: Vec<String>, remove: Vec<String>| if gone { remove } else { install };
            let addresses = pick(
                addresses.install.iter().map(address).collect(),
                addresses.remove.iter().map(address).collect(),
            );
            let routes = pick(texts(&routes.install), texts(&routes.remove));
            let rules = pick(texts(&rules.install), texts(&rules.remove));
            addresses.into_iter().chain(routes).chain(rules)
        };
        self.gone.extend(strings(true).map(|what| (what, new.name.clone())));
        for what in strings(false) {
            self.come.entry(what).or_insert_with(|| new.name.clone());
        }
    }

    fn moves(&self) -> Vec<Move> {
        let moves = self.gone.iter().filter_map(|(what, from)| {
            let to = self.come.get(what)?;
            Some(Move { what: what.clone(), from: from.clone(), to: to.clone() })
        });
        moves.collect()
    }

    /// Instances that lose something for good.
    fn losers(&self) -> BTreeSet<&str> {
        let lost = self.gone.iter().filter(|(what, _)| !self.come.contains_key(what));
        lost.map(|(_, from)| from.as_str()).collect()
    }
}

fn texts<T: Display>(things: &[T]) -> Vec<String> {
    things.iter().map(T::to_string).collect()
}

/// What makes two instances the same virtual router, on the wire and on this node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Router<'a> {
    vrid: Vrid,
    family: Family,
    interface: Option<&'a IfName>,
    version: Version,
    way: Way<'a>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Way<'a> {
    Multicast { group: &'a IpAddr, on_vmac: bool, vmac_addr: bool },
    Unicast { source: Option<&'a IpAddr> },
}

impl<'a> Router<'a> {
    fn of(instance: &'a VrrpInstance) -> Self {
        let VrrpInstance { vrid, family, interface, version, vmac_addr, .. } = instance;
        let way = match &instance.delivery {
            Delivery::Multicast { group } => Way::Multicast {
                group,
                on_vmac: instance.virtual_link.as_ref().is_some_and(VirtualLink::is_vmac),
                vmac_addr: *vmac_addr,
            },
            Delivery::Unicast { .. } => Way::Unicast { source: instance.source.as_ref() },
        };
        Self { vrid: *vrid, family: *family, interface: interface.as_ref(), version: *version, way }
    }
}

/// Whether a reload may take over `new` in place of `old`: the adverts of both belong together. Their
/// names do not matter, so a renamed instance keeps its state (keepalived: vrrp_exist).
#[must_use]
pub fn same_router(old: &VrrpInstance, new: &VrrpInstance) -> bool {
    Router::of(old) == Router::of(new)
}

/// For each new instance, the place of the old one that goes on as it.
#[must_use]
pub fn origins(old: &[Arc<VrrpInstance>], new: &[Arc<VrrpInstance>]) -> Vec<Option<usize>> {
    let mut known: BTreeMap<Router<'_>, VecDeque<usize>> = BTreeMap::new();
    for (place, instance) in old.iter().enumerate() {
        known.entry(Router::of(instance)).or_default().push_back(place);
    }
    new.iter().map(|instance| known.get_mut(&Router::of(instance))?.pop_front()).collect()
}

impl Display for ReloadPlan {
    /// For people: an object, and below it what changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing changes");
        }
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for Move { what, from, to } in &self.moves {
            writeln!(f, "{what}: from {from} to {to}, and never away where both are master")?;
        }
        let noticed = self.steps.iter().filter(|step| step.is_noticed()).count();
        let count = self.steps.len();
        match noticed {
            0 => writeln!(f, "{count} change, no client notices"),
            _ => writeln!(f, "{count} change, clients or neighbours may notice {noticed} of them"),
        }
    }
}

impl Step {
    /// How deep it goes.
    #[must_use]
    pub fn impact(&self) -> Impact {
        match self.action {
            Action::Restart => Impact::Restart,
            Action::Add | Action::Remove | Action::Change | Action::Rename(_) => {
                self.differences.iter().map(|difference| difference.impact).max().unwrap_or(Impact::None)
            }
        }
    }

    /// Whether a client or a neighbour may notice it.
    #[must_use]
    pub fn is_noticed(&self) -> bool {
        self.noticed.is_some() || self.differences.iter().any(|difference| difference.noticed.is_some())
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.block)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        match &self.action {
            Action::Add => f.write_str(": new")?,
            Action::Change => write!(f, ": changes in place [{}]", self.impact())?,
            Action::Rename(old) => write!(f, ": was {old} and goes on [{}]", self.impact())?,
            Action::Restart => f.write_str(": ends, and begins again [restart]")?,
            Action::Remove => f.write_str(": goes")?,
        }
        if let Some(why) = self.noticed {
            write!(f, "\n    noticed: {why}")?;
        }
        for Difference { keyword, impact, shown, noticed } in &self.differences {
            write!(f, "\n    {keyword:<24} {impact:<10} {shown}")?;
            if let Some(why) = noticed {
                write!(f, "\n        noticed: {why}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
