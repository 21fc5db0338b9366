//! What the machine of virtual links wants, done by the kernel thread.

use super::Shared;
use super::kernel::Done;
use super::links::Links;
use crate::config::Config;
use crate::config::block::{IpvlanMode, VirtualLinkKind};
use crate::sys::clock;
use crate::sys::netlink::{Address, Change, LinkKind, NewLink, Setting};
use crate::types::{IfName, Instant, IpNet};
use crate::vrrp::{LinkEffect, LinkSetting, LinkStep, LinkTable, LinkView, VirtualLinks};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tokio::sync::mpsc;

/// The machine, and what it has under way.
pub(super) struct Carpenter {
    shared: Rc<Shared>,
    machine: VirtualLinks,
    done: (mpsc::UnboundedSender<Done>, mpsc::UnboundedReceiver<Done>),
    /// Requests to the kernel thread, and the links that each is about.
    requests: BTreeMap<u64, BTreeSet<IfName>>,
    requested: u64,
}

impl LinkTable for Shared {
    fn link(&self, name: &IfName) -> Option<LinkView> {
        let links = self.links.borrow();
        let state = links.get(name)?;
        Some(LinkView {
            index: state.index,
            up: state.up,
            raised: state.raised,
            mac: state.mac,
            stacked: state.stacked,
            base: state.base,
            vrf: state.vrf,
            group: state.group,
            addresses: self.own_addresses(name),
        })
    }
}

impl Carpenter {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            shared,
            machine: VirtualLinks::default(),
            done: mpsc::unbounded_channel(),
            requests: BTreeMap::new(),
            requested: 0,
        }
    }

    /// From now on the links of this configuration are wanted; others stay until [`Self::let_go`].
    pub(super) fn follow(&mut self, config: &Config) {
        self.machine.follow(config);
        self.review();
    }

    /// Removes what is no longer wanted, after all that the kernel thread was told before.
    pub(super) fn let_go(&mut self) {
        self.machine.let_go();
        self.carry_out();
    }

    /// Looks at the links as they are now.
    pub(super) fn review(&mut self) {
        self.machine.review(clock::now(), &*self.shared);
        self.carry_out();
    }

    /// Looks at what may have changed with these links.
    pub(super) fn review_near(&mut self, changed: &BTreeSet<IfName>) {
        self.machine.review_near(clock::now(), &*self.shared, changed);
        self.carry_out();
    }

    /// A link has been made: see [`VirtualLinks::renew`].
    pub(super) fn renew(&mut self, name: &IfName) {
        self.machine.renew(name);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    pub(super) fn on_time(&mut self) {
        if self.poll_timeout().is_some_and(|at| at <= clock::now()) {
            self.review();
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.machine.is_settled(&*self.shared)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.machine.is_gone()
    }

    /// Whether a link of ours that is gone or down will be there in a moment.
    pub(super) fn can_have(&self, name: &IfName) -> bool {
        self.machine.can_have(name, &*self.shared)
    }

    pub(super) fn standing(&self) -> BTreeSet<IfName> {
        self.machine.standing().cloned().collect()
    }

    /// What the kernel thread answers.
    pub(super) async fn next_done(&mut self) -> Option<Done> {
        self.done.1.recv().await
    }

    pub(super) fn on_done(&mut self, done: &Done) {
        let Some(names) = self.requests.remove(&done.number) else { return };
        // A link without its settings is better than none.
        let serious = done.failures.iter().find(|(change, _)| !matches!(change, Change::Set(_)));
        if serious.is_none() {
            for (change, failure) in &done.failures {
                tracing::warn!("cannot {change}: {failure}");
            }
        }
        if let Some((Change::RemoveGroup(_), _)) = serious {
            for name in names {
                self.request([name.clone()].into(), vec![Change::RemoveLink(name)]);
            }
            return;
        }
        let failure = serious.map(|(_, failure)| failure.to_string());
        for name in &names {
            self.machine.done(clock::now(), name, failure.clone());
        }
        self.review_near(&names);
    }

    fn carry_out(&mut self) {
        let mut leaving = BTreeSet::new();
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                LinkEffect::Do(name, steps) if steps == [LinkStep::Remove] => drop(leaving.insert(name)),
                LinkEffect::Do(name, steps) => {
                    let changes = {
                        let links = self.shared.links.borrow();
                        steps.into_iter().filter_map(|step| change(&name, step, &links)).collect()
                    };
                    self.request([name].into(), changes);
                }
                LinkEffect::Notice(notice) if notice.is_detail() => tracing::debug!("{notice}"),
                LinkEffect::Notice(notice) => tracing::info!("{notice}"),
            }
        }
        self.remove(leaving);
    }

    /// Many links go together, in a group that is theirs alone, or they would outlive us.
    fn remove(&mut self, names: BTreeSet<IfName>) {
        if names.len() <= FEW {
            for name in names {
                self.request([name.clone()].into(), vec![Change::RemoveLink(name)]);
            }
            return;
        }
        let group = self.shared.links.borrow().free_group();
        let mut changes: Vec<Change> =
            names.iter().map(|name| Change::GroupLink(name.clone(), group.get())).collect();
        changes.push(Change::RemoveGroup(group));
        self.request(names, changes);
    }

    fn request(&mut self, names: BTreeSet<IfName>, changes: Vec<Change>) {
        self.requested += 1;
        self.requests.insert(self.requested, names);
        self.shared.kernel.apply(changes, self.requested, &self.done.0);
    }
}

/// A step as the kernel is asked for it; `None`: its link has just gone.
fn change(name: &IfName, step: LinkStep, links: &Links) -> Option<Change> {
    let name = name.clone();
    let address = |net, deprecated| Some(plain_address(links.get(&name)?.index, net, deprecated));
    Some(match step {
        LinkStep::Make { kind, base, vrf, group } => {
            let kind = match kind {
                VirtualLinkKind::Vmac { mac, .. } => LinkKind::Macvlan(mac),
                VirtualLinkKind::Ipvlan { mode, .. } => {
                    LinkKind::Ipvlan { private: mode == IpvlanMode::Private, vepa: mode == IpvlanMode::Vepa }
                }
            };
            Change::MakeLink(NewLink { name, base, kind, vrf, group })
        }
        LinkStep::Set(LinkSetting { family, key, value }) => {
            Change::Set(Setting { family, link: name, key, value: value.to_owned() })
        }
        LinkStep::Raise => Change::RaiseLink(name),
        LinkStep::Move(vrf) => Change::MoveLink(name, vrf),
        LinkStep::Install(net, deprecated) => Change::Add(address(net, deprecated)?),
        LinkStep::Uninstall(net) => Change::Remove(address(net, false)?),
        LinkStep::Report(base, group) => Change::GroupLink(base, group),
        LinkStep::Remove => Change::RemoveLink(name),
    })
}

fn plain_address(link: crate::types::IfIndex, net: IpNet, deprecated: bool) -> Address {
    Address {
        link,
        net,
        peer: None,
        broadcast: None,
        scope: if deprecated { LINK_SCOPE } else { 0 },
        label: None,
        preferred_lft: deprecated.then_some(0),
        nodad: true,
        home: false,
        mngtmpaddr: false,
        noprefixroute: false,
        autojoin: false,
    }
}

/// So many links may go one after another.
const FEW: usize = 4;

/// RT_SCOPE_LINK.
const LINK_SCOPE: u8 = 253;
