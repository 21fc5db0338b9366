//! The service thread: everything that may take long, kept away from the protocol.

use super::{Command, ToService};
use crate::daemon::child::{AsyncParentLink, FromChild, FromParent, ParentLink};
use crate::daemon::configuration;
use crate::daemon::dump_file;
use crate::daemon::options::Options;
use crate::daemon::scripts::Scripts;
use crate::daemon::signals::{Request, SignalStream, Signals};
use crate::status::{self, Snapshot};
use crate::sys::clock;
use crate::sys::local_time::LocalTime;
use crate::sys::seqpacket::SeqPacket;
use crate::types::Instant;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What the service thread starts from.
pub(super) struct Setup {
    pub(super) options: Arc<Options>,
    pub(super) signals: Signals,
    pub(super) parent: ParentLink,
    pub(super) runner: SeqPacket,
    /// `enable_script_security`.
    pub(super) strict: bool,
    pub(super) from_protocol: mpsc::UnboundedReceiver<ToService>,
    pub(super) commands: mpsc::Sender<Command>,
}

/// Starts the thread; it ends after the protocol thread has, when the last scripts have.
pub(super) fn start(setup: Setup) -> io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let service = {
        let _inside = runtime.enter();
        Service {
            options: setup.options,
            signals: setup.signals.into_stream()?,
            parent: setup.parent.into_async()?,
            scripts: Scripts::new(setup.runner, setup.strict)?,
            commands: setup.commands,
        }
    };
    let from_protocol = setup.from_protocol;
    std::thread::Builder::new()
        .name("vrrp-service".into())
        .spawn(move || runtime.block_on(service.run(from_protocol)))
}

struct Service {
    options: Arc<Options>,
    signals: SignalStream,
    parent: AsyncParentLink,
    scripts: Scripts,
    commands: mpsc::Sender<Command>,
}

impl Service {
    async fn run(mut self, mut from_protocol: mpsc::UnboundedReceiver<ToService>) {
        let mut parent_is_there = true;
        loop {
            tokio::select! {
                biased;
                message = from_protocol.recv() => match message {
                    Some(message) => self.on_message(message).await,
                    None => break,
                },
                request = self.signals.next() => match request {
                    Ok(request) => self.on_request(request).await,
                    Err(error) => {
                        tracing::error!("cannot hear signals any more: {error}");
                        self.tell(Command::Stop).await;
                        break;
                    }
                },
                told = self.parent.hear(), if parent_is_there => match told {
                    Ok(FromParent::NewRunner(runner)) => self.use_runner(runner),
                    Ok(FromParent::Gone) | Err(_) => {
                        parent_is_there = false;
                        self.tell(Command::Stop).await;
                    }
                },
                input = self.scripts.next() => self.tell(Command::Script(input)).await,
            }
        }
        self.scripts.finish().await;
    }

    async fn tell(&self, command: Command) {
        // A protocol thread that is gone says so by closing the other channel.
        let _ = self.commands.send(command).await;
    }

    async fn on_message(&mut self, message: ToService) {
        match message {
            ToService::Ready => self.parent.tell(FromChild::Ready).await,
            ToService::Reloaded(true) => self.parent.tell(FromChild::Reloaded).await,
            ToService::Reloaded(false) => self.parent.tell(FromChild::ReloadFailed).await,
            ToService::StartScript(run, script) => self.scripts.start_check(run, &script),
            ToService::SignalScript(run, signal) => self.scripts.signal_check(run, signal),
            ToService::Notify(notify) => self.scripts.notify(&notify.config, notify.notification),
        }
    }

    fn use_runner(&mut self, runner: SeqPacket) {
        if let Err(error) = self.scripts.use_runner(runner) {
            tracing::error!("cannot reach the new script runner: {error}");
        }
    }

    async fn on_request(&mut self, request: Request) {
        let pid = std::process::id();
        match request {
            Request::Stop => self.tell(Command::Stop).await,
            Request::Interrupt if self.options.ignore_sigint => {}
            Request::Interrupt => self.tell(Command::Stop).await,
            Request::Reload => self.reload().await,
            Request::Data => {
                tracing::info!("Printing VRRP data for process({pid}) on signal");
                self.dump("keepalived.data", |snapshot| status::data(snapshot, &wall_stamp)).await;
            }
            Request::Stats => {
                tracing::info!("Printing VRRP stats for process({pid}) on signal");
                self.dump("keepalived.stats", status::stats).await;
            }
            Request::StatsClear => {
                tracing::info!("Printing and clearing VRRP stats for process({pid}) on signal");
                self.dump("keepalived.stats", status::stats).await;
                self.tell(Command::ClearStats).await;
            }
            Request::Json => tracing::info!("keepalived.json is not written in this version"),
            Request::ChildEnded => {}
        }
    }

    async fn dump(&self, name: &str, render: fn(&Snapshot) -> String) {
        let (answer, snapshot) = oneshot::channel();
        self.tell(Command::Snapshot(answer)).await;
        let Ok(snapshot) = snapshot.await else { return };
        let tmpdir = std::env::var_os("TMPDIR");
        let directory = dump_file::directory(tmpdir.as_deref().map(Path::new));
        if let Err(error) = dump_file::write(&directory, name, &render(&snapshot)) {
            tracing::error!("Unable to write {}: {error}", directory.join(name).display());
        }
    }

    async fn reload(&mut self) {
        tracing::info!("Reloading");
        match configuration::read(&self.options) {
            Ok(config) => {
                self.scripts.reconfigure(config.global.enable_script_security);
                self.tell(Command::Reload(Arc::new(config))).await;
            }
            Err(_code) => {
                tracing::error!("The new configuration cannot run; the old one stays in force");
                self.parent.tell(FromChild::ReloadFailed).await;
            }
        }
    }
}

/// A moment as keepalived writes it: `1795228636.712313 (Sat Nov 21 02:37:16.712313 2026)`.
fn wall_stamp(at: Instant) -> String {
    let (now, wall) = (clock::now(), clock::wall());
    let wall = (wall + at.since(now)).saturating_sub(now.since(at));
    let micros = wall.subsec_micros();
    let local = LocalTime::at(std::time::UNIX_EPOCH + wall);
    format!("{}.{micros:06} ({})", wall.as_secs(), local.with_micros(micros))
}
