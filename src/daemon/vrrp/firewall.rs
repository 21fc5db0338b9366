//! The packet filter, and who wants what dropped.
//!
//! The protocol thread knows by whom each address is blocked (a ledger); the writer thread has the tables.
//! Of what is asked of it at one time it blocks everything before it changes an address, and lets through
//! again when the addresses are gone, so that a burst of changes costs two batches.

use super::Shared;
use super::kernel::Done;
use super::ledger::{InstanceId, Placed};
use crate::config::Config;
use crate::config::block::{VirtualLink, VrrpInstance};
use crate::sys::clock;
use crate::sys::netlink::Failure;
use crate::sys::nftables::{Dropped, Filter, Settings, Tampering};
use crate::types::{IfIndex, IfName, Instant};
use crate::vrrp::{Blocked, KernelChange};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;

impl Placed for Blocked {
    type Place = (IfName, IpAddr);

    fn place(&self) -> Self::Place {
        Self::place(self)
    }
}

/// What the writer thread is told of the filter.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// From now on the tables are these: at once if something will be blocked, else once nothing is.
    Use(Tables),
    /// Drop packets, and no longer.
    Change(Change),
    /// From now on these links do not report themselves.
    Reports(BTreeSet<Dropped>),
    /// Somebody has changed tables, perhaps ours.
    Tampered(Tampering),
}

/// The tables that a configuration wants; by default none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Tables {
    settings: Option<Settings>,
    /// Link-local addresses go with the number of their link, whatever an instance wants.
    by_index: bool,
    /// Whether there is anything that may have to be blocked.
    needed: bool,
    /// Whether tables of that name are not ours, and go at once.
    sweep: bool,
}

impl Tables {
    /// Those of a configuration. `keep`: those that are there stay until something is blocked, because they
    /// are ours, or those of a child whose place this one takes.
    pub(super) fn of(config: &Config, keep: bool) -> Self {
        let defs = &config.global.firewall;
        let needed = config
            .instances
            .iter()
            .any(|instance| !Blocked::by(instance).is_empty() || vmac(instance).is_some());
        let settings = defs.table.clone().map(|table| Settings {
            table,
            priority: defs.priority.unwrap_or(-1),
            counters: defs.counters,
        });
        Self { settings, by_index: defs.ifindex, needed, sweep: !needed || !keep }
    }

    /// Those of a name that a predecessor used, and nobody uses any more: they go.
    pub(super) fn left_behind(table: &str) -> Self {
        let settings = Settings { table: table.to_owned(), priority: 0, counters: false };
        Self { settings: Some(settings), by_index: false, needed: false, sweep: true }
    }

    /// Whether nothing is ever blocked.
    pub(super) fn are_superfluous(&self) -> bool {
        !self.needed
    }
}

/// Addresses to block, each with the number of its link if that is there, and to let be.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    block: Vec<(Blocked, Option<IfIndex>)>,
    lift: Vec<Blocked>,
}

/// The link of an instance that must not report groups itself.
fn vmac(instance: &VrrpInstance) -> Option<&VirtualLink> {
    instance.virtual_link.as_ref().filter(|link| link.is_vmac())
}

impl Shared {
    /// Has the VMACs that there are now report through the links below them.
    pub(super) fn redirect_reports(&self, config: &Config) {
        let links = self.links.borrow();
        let mut reports = BTreeSet::new();
        for instance in &config.instances {
            let Some(vmac) = vmac(instance) else { continue };
            let Some((link, base)) = links.get(&vmac.name).zip(links.get(&vmac.base)) else { continue };
            let other = instance.excluded_vips.iter().map(|vip| vip.net.family());
            for family in other.chain([instance.family]) {
                reports.insert(Dropped::Reports { family, link: link.index, base: base.index });
            }
        }
        if *self.reports.borrow() != reports {
            self.reports.replace(reports.clone());
            self.kernel.filter(Order::Reports(reports), 0, &mpsc::unbounded_channel().0);
        }
    }

    /// Makes the packet filter use these tables; told when that is done.
    pub(super) fn use_tables(&self, tables: Tables) -> mpsc::UnboundedReceiver<Done> {
        let (done, is_done) = mpsc::unbounded_channel();
        self.kernel.filter(Order::Use(tables), 0, &done);
        is_done
    }

    /// Notes who wants what blocked; `None` where that changes nothing.
    pub(super) fn block(&self, id: InstanceId, change: &KernelChange<Blocked>) -> Option<Order> {
        let (links, mut ledger) = (self.links.borrow(), self.blocked.borrow_mut());
        let mut order = Change::default();
        for blocked in &change.install {
            ledger.want(id, blocked);
            order.block.push((blocked.clone(), links.get(&blocked.link).map(|link| link.index)));
        }
        order.lift.extend(change.remove.iter().filter(|blocked| ledger.release(id, blocked)).cloned());
        let is_empty = order.block.is_empty() && order.lift.is_empty();
        (!is_empty).then_some(Order::Change(order))
    }

    /// Lets go of what a reload has held and nobody wants.
    pub(super) fn unblock_held(&self) -> Order {
        Order::Change(Change { block: Vec::new(), lift: self.blocked.borrow_mut().let_go() })
    }
}

/// The filter on the writer thread.
#[derive(Debug, Default)]
pub(super) struct Firewall {
    filter: Option<Filter>,
    tables: Tables,
    blocked: BTreeMap<(IfName, IpAddr), Dropped>,
    reports: BTreeSet<Dropped>,
    /// The kernel has refused, and that has been said.
    failing: bool,
    repair: Repair,
}

/// What somebody else has done to our tables is undone.
#[derive(Debug, Default)]
struct Repair {
    due: Option<Instant>,
    last: Option<Instant>,
    /// From one repair to the next, as long as there is no peace.
    pause: Duration,
}

impl Repair {
    /// A batch of somebody's comes in many notices.
    const TOGETHER: Duration = Duration::from_millis(5);
    const PAUSE: Duration = Duration::from_millis(50);
    const PAUSE_MAX: Duration = Duration::from_secs(10);

    fn ask(&mut self, now: Instant) {
        let earliest = match self.last {
            Some(last) if now < last + Self::PAUSE_MAX * 2 => last + self.pause,
            _ => {
                self.pause = Duration::ZERO;
                now
            }
        };
        self.due.get_or_insert(earliest.max(now + Self::TOGETHER));
    }

    /// Whether it is to be made now.
    fn is_due(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|at| at > now) {
            return false;
        }
        (self.due, self.last) = (None, Some(now));
        self.pause = (self.pause * 2).clamp(Self::PAUSE, Self::PAUSE_MAX);
        true
    }
}

impl Firewall {
    /// Blocks what any of these orders wants blocked.
    pub(super) fn block_ahead(&mut self, orders: &[Order]) {
        let mut changed = false;
        for order in orders {
            match order {
                Order::Use(tables) if tables.needed => self.use_tables(tables),
                Order::Use(_) => {}
                Order::Tampered(tampering) => self.on_tampering(tampering),
                Order::Reports(reports) => {
                    self.reports.clone_from(reports);
                    changed = true;
                }
                Order::Change(change) => {
                    self.block(change);
                    changed |= !change.block.is_empty();
                }
            }
        }
        if changed {
            self.commit();
        }
    }

    /// Lets through what none of these orders wants blocked in the end.
    pub(super) fn lift_behind(&mut self, orders: &[Order]) {
        let mut changed = false;
        for order in orders {
            match order {
                Order::Use(tables) if tables.needed => {}
                Order::Reports(_) | Order::Tampered(_) => {}
                Order::Use(tables) => self.use_tables(tables),
                Order::Change(change) => {
                    self.block(change);
                    for blocked in &change.lift {
                        changed |= self.blocked.remove(&blocked.place()).is_some();
                    }
                }
            }
        }
        if changed {
            self.commit();
        }
    }

    fn on_tampering(&mut self, tampering: &Tampering) {
        let Some(filter) = self.filter.as_ref().filter(|filter| filter.is_made()) else { return };
        let (table, port) = (&filter.settings().table, filter.port());
        let ours = match tampering {
            Tampering::Missed => true,
            Tampering::Tables(changed) => changed.iter().any(|(name, by)| name == table && *by != port),
        };
        if ours {
            self.repair.ask(clock::now());
        }
    }

    /// How long until [`Self::on_time`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.repair.due.map(|at| at.since(clock::now()))
    }

    /// Makes tables anew that somebody has removed or changed.
    pub(super) fn on_time(&mut self) {
        if !self.repair.is_due(clock::now()) {
            return;
        }
        if let Some(filter) = self.filter.as_mut().filter(|filter| filter.is_made()) {
            let table = &filter.settings().table;
            tracing::info!("nftables: table {table} was changed by somebody else, making it anew");
            filter.make_anew();
            self.commit();
        }
    }

    fn block(&mut self, change: &Change) {
        let by_index = self.tables.by_index;
        let dropped = |blocked: &Blocked, link: Option<IfIndex>| match blocked.address {
            IpAddr::V6(address) if address.is_unicast_link_local() => match blocked.follows_name && !by_index
            {
                true => Some(Dropped::OnName(address, blocked.link.clone())),
                false => Some(Dropped::OnIndex(address, link?)),
            },
            address => Some(Dropped::Anywhere(address)),
        };
        let block = change.block.iter();
        self.blocked.extend(block.filter_map(|(one, link)| Some((one.place(), dropped(one, *link)?))));
    }

    fn use_tables(&mut self, tables: &Tables) {
        let before = std::mem::replace(&mut self.tables, tables.clone());
        if before.settings.as_ref().map(|old| &old.table) != tables.settings.as_ref().map(|new| &new.table) {
            self.remove_tables();
            self.filter = None;
        }
        let Some(settings) = &tables.settings else { return };
        match &mut self.filter {
            Some(filter) if filter.settings() == settings => {}
            Some(filter) => {
                filter.change_settings(settings.clone());
                return self.commit();
            }
            None => match Filter::open(settings.clone()) {
                Ok(filter) => self.filter = Some(filter),
                Err(error) => return tracing::debug!("nftables: {error}"),
            },
        }
        if tables.sweep {
            self.remove_tables();
        }
    }

    fn remove_tables(&mut self) {
        self.blocked.clear();
        self.reports.clear();
        // Nothing that is asked for fails: there may never have been a table.
        if let Some(Err(reason)) = self.filter.as_mut().map(|filter| settled(filter.remove_tables())) {
            tracing::debug!("nftables: cannot remove old tables: {reason}");
        }
    }

    fn commit(&mut self) {
        let mut result = self.drop_packets();
        if let Err(reason) = &result
            && !self.reports.is_empty()
        {
            // A kernel may be unable to copy packets, and still drop them.
            tracing::warn!("nftables: VMACs report their groups themselves: {reason}");
            self.reports.clear();
            result = self.drop_packets();
        }
        match result {
            Ok(()) => self.failing = false,
            Err(_) if self.failing => {}
            Err(reason) => {
                self.failing = true;
                tracing::error!(
                    "nftables: cannot drop packets to virtual addresses: {reason}; they are accepted"
                );
            }
        }
    }

    fn drop_packets(&mut self) -> Result<(), String> {
        let dropped: BTreeSet<_> = self.blocked.values().chain(&self.reports).cloned().collect();
        match &mut self.filter {
            Some(filter) => settled(filter.drop_packets(&dropped)),
            None if dropped.is_empty() => Ok(()),
            None => Err("the kernel has no netfilter".to_owned()),
        }
    }
}

/// Both ways to fail, in words.
fn settled(result: io::Result<Result<(), Failure>>) -> Result<(), String> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refused)) => Err(refused.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
