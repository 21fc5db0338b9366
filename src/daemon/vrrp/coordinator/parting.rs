//! The end, of the daemon or of what a reload drops: in no hurry, so that nobody misses us.
//!
//! An instance that is master says farewell at once and leaves when a successor has been heard
//! (`vrrp::Instance`). Until then everything that its addresses need stays, and the coordinator goes on
//! listening to links and trackers: a fault is a reason to leave at once.

use super::{Coordinator, End, Handle};
use crate::config::Config;
use crate::config::block::VrrpInstance;
use crate::daemon::vrrp::firewall::Tables;
use crate::daemon::vrrp::ledger::InstanceId;
use crate::daemon::vrrp::task::Control;
use crate::daemon::vrrp::{Command, ToService};
use crate::sys::clock;
use crate::types::IfName;
use crate::vrrp::{Input, PartingTimes, SwitchInput, Switchboard};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the end waits for the kernel to let go of addresses.
const KERNEL_LIMIT: Duration = Duration::from_secs(4);

impl Coordinator {
    /// Ends everything; returns when the kernel has nothing of ours any more.
    pub(super) async fn stop(mut self) -> End {
        if self.keep_addresses {
            self.tasks.abort_all();
            return End::Stopped;
        }
        let longest = self.say_farewell().await;
        let shared = Rc::clone(&self.shared);
        let limit = shared.deadlines.sleep_until(Some(clock::now() + longest + KERNEL_LIMIT));
        tokio::select! {
            () = self.clear_out() => {}
            () = limit => tracing::error!("the kernel has not let go of all addresses in time"),
        }
        shared.coupling.handle(SwitchInput::Stopped);
        shared.carry_out_coupling();
        self.memo.forget();
        End::Stopped
    }

    /// All say farewell; how long it may be until the last has left.
    async fn say_farewell(&self) -> Duration {
        let mut longest = Duration::ZERO;
        let times = PartingTimes::new(&self.config);
        for handle in &self.leaving {
            longest = longest.max(times.of(&handle.config));
        }
        for handle in &self.instances {
            let time = times.of(&handle.config);
            longest = longest.max(time);
            // One that has failed is seen to when all have left.
            stop_instance(handle, |confirm| Control::Confirmed(Input::Stop(time), confirm)).await;
        }
        longest
    }

    /// Waits until all have left, and removes what nobody can remove for himself.
    async fn clear_out(&mut self) {
        self.wait_for_leavers().await;
        self.shared.bfd.stop().await;
        self.hold_removals();
        let failed = self.instances.iter().filter(|handle| handle.restart.is_some());
        failed.for_each(|failed| self.let_go_of_all_for(failed));
        self.settle().recv().await;
        self.statics.release().recv().await;
        self.shared.use_tables(Tables::default()).recv().await;
        self.virtual_links.follow(&Config::default());
        self.virtual_links.let_go();
        while !self.virtual_links.is_gone()
            && let Some(done) = self.virtual_links.next_done().await
        {
            self.virtual_links.on_done(&done);
        }
    }

    async fn wait_for_leavers(&mut self) {
        let mut has_commander = true;
        while !self.tasks.is_empty() {
            self.shared.carry_out_coupling();
            let due = self.shared.coupling.ask(Switchboard::poll_timeout);
            let next = [due, self.virtual_links.poll_timeout()].into_iter().flatten().min();
            tokio::select! {
                biased;
                command = self.commands.recv(), if has_commander => match command {
                    Some(Command::Hurry) => self.hurry(),
                    Some(Command::Reload(_)) => {
                        let refusal = Err("the daemon is stopping".to_owned());
                        self.shared.tell_service(ToService::Reloaded(refusal));
                    }
                    Some(command) => self.on_command(command).await,
                    None => {
                        has_commander = false;
                        self.hurry();
                    }
                },
                Some(event) = self.events.recv() => self.on_events(event),
                input = self.verdicts.next() => self.shared.coupling.handle(input),
                () = self.shared.deadlines.sleep_until(next) => {
                    self.shared.coupling.handle_timeout();
                    self.virtual_links.on_time();
                }
                Some(done) = self.statics.next_done() => self.shared.tell_failures("", &done.failures),
                Some(done) = self.virtual_links.next_done() => self.virtual_links.on_done(&done),
                Some(ended) = self.tasks.join_next_with_id() => self.on_ended(ended),
            }
        }
    }

    /// Nobody waits for a successor any more.
    fn hurry(&self) {
        let all = self.instances.iter().chain(&self.leaving);
        all.for_each(|handle| handle.tell(Control::Input(Input::Stop(Duration::ZERO))));
    }

    // A reload.

    /// Whoever still waits for a successor leaves: the next configuration may have the same again.
    pub(super) async fn hurry_leavers(&self) {
        for handle in &self.leaving {
            stop_instance(handle, |confirm| Control::Confirmed(Input::Stop(Duration::ZERO), confirm)).await;
        }
    }

    /// The instances that a new configuration drops and that may wait for a successor, and for how long. What is
    /// to have its place elsewhere goes at once.
    pub(super) fn leavers(&self, origins: &[Option<usize>], new: &Config) -> Leavers {
        let stay: BTreeSet<usize> = origins.iter().copied().flatten().collect();
        if stay.len() == self.instances.len() {
            return Leavers::new();
        }
        let (times, elsewhere) = (PartingTimes::new(&self.config), Places::of(&new.instances));
        let dropped = self.instances.iter().enumerate().filter(|(place, _)| !stay.contains(place));
        let may_wait = |handle: &&Handle| !elsewhere.have_any(&handle.config);
        let dropped = dropped.map(|(_, handle)| handle).filter(may_wait);
        let with_time = |handle: &Handle| (handle.id, (Arc::clone(&handle.config), times.of(&handle.config)));
        dropped.map(with_time).collect()
    }

    /// Lets an instance leave for good, within so long.
    pub(super) async fn part(&mut self, handle: Handle, time: Duration) {
        if !stop_instance(&handle, |confirm| Control::Remove(time, confirm)).await {
            self.let_go_of_all_for(&handle);
        } else if !time.is_zero() {
            self.leaving.push(handle);
        }
    }

    /// What only a leaver needed goes with it.
    pub(super) fn on_left(&mut self, id: InstanceId, panicked: bool) {
        let (left, rest) = std::mem::take(&mut self.leaving).into_iter().partition(|handle| handle.id == id);
        self.leaving = rest;
        if panicked {
            self.hold_removals();
            left.iter().for_each(|failed: &Handle| self.let_go_of_all_for(failed));
            drop(self.settle());
        }
        let meanwhile = with_leavers(&self.config, self.leaving.iter().map(|handle| &handle.config));
        self.loans.follow(&meanwhile);
        self.virtual_links.follow(&meanwhile);
        self.virtual_links.let_go();
        self.shared.redirect_reports(&meanwhile);
        let tables = Tables::of(&meanwhile, true);
        if tables.are_superfluous() {
            drop(self.shared.use_tables(tables));
        }
    }
}

/// Instances on their way out, and how long they may take.
pub(super) type Leavers = BTreeMap<InstanceId, (Arc<VrrpInstance>, Duration)>;

/// The addresses and the links of instances.
struct Places {
    addresses: BTreeSet<IpAddr>,
    links: BTreeSet<IfName>,
}

impl Places {
    fn of(instances: &[Arc<VrrpInstance>]) -> Self {
        Self {
            addresses: instances.iter().flat_map(|instance| addresses(instance)).collect(),
            links: instances.iter().flat_map(|instance| links(instance)).collect(),
        }
    }

    fn have_any(&self, instance: &VrrpInstance) -> bool {
        addresses(instance).any(|address| self.addresses.contains(&address))
            || links(instance).any(|link| self.links.contains(&link))
    }
}

fn addresses(instance: &VrrpInstance) -> impl Iterator<Item = IpAddr> {
    instance.all_vips().map(|vip| vip.net.address)
}

fn links(instance: &VrrpInstance) -> impl Iterator<Item = IfName> {
    instance.virtual_links().map(|link| link.name.clone())
}

/// What is to be there while these leave.
pub(super) fn with_leavers<'a>(
    config: &Arc<Config>,
    leavers: impl Iterator<Item = &'a Arc<VrrpInstance>>,
) -> Arc<Config> {
    let leavers: Vec<_> = leavers.cloned().collect();
    if leavers.is_empty() {
        return Arc::clone(config);
    }
    let mut both = (**config).clone();
    both.instances.extend(leavers);
    Arc::new(both)
}

/// Returns once the instance has said farewell; `false`: it has failed already.
async fn stop_instance(handle: &Handle, how: impl FnOnce(oneshot::Sender<()>) -> Control) -> bool {
    let (confirm, confirmed) = oneshot::channel();
    handle.tell(how(confirm));
    confirmed.await.is_ok()
}
