//! The end, which is in no hurry, so that nobody misses us.
//!
//! An instance that is master says farewell at once and leaves when a successor has been heard
//! (`vrrp::Instance`). Until then everything that its addresses need stays, and the coordinator goes on
//! listening to links and trackers: a fault is a reason to leave at once.

use super::{Coordinator, End, Handle};
use crate::config::Config;
use crate::daemon::vrrp::firewall::Tables;
use crate::daemon::vrrp::task::Control;
use crate::daemon::vrrp::{Command, ToService};
use crate::sys::clock;
use crate::vrrp::{Input, SwitchInput, Switchboard, parting_time};
use std::rc::Rc;
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
        End::Stopped
    }

    /// All say farewell; how long it may be until the last has left.
    async fn say_farewell(&self) -> Duration {
        let mut longest = Duration::ZERO;
        for handle in &self.instances {
            let time = parting_time(&self.config, &handle.config);
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
        self.instances.iter().for_each(|handle| handle.tell(Control::Input(Input::Stop(Duration::ZERO))));
    }
}

/// Returns once the instance has said farewell; `false`: it has failed already.
pub(super) async fn stop_instance(handle: &Handle, how: impl FnOnce(oneshot::Sender<()>) -> Control) -> bool {
    let (confirm, confirmed) = oneshot::channel();
    handle.tell(how(confirm));
    confirmed.await.is_ok()
}
