//! The service thread: everything that may take long, kept away from the protocol.

use super::{Command, Notify, ToService};
use crate::config::Config;
use crate::daemon::child::{AsyncParentLink, FromChild, FromParent, ParentLink};
use crate::daemon::dump_file::{self, Readers};
use crate::daemon::fifo::{Fifos, Line};
use crate::daemon::file_writer::FileWriter;
use crate::daemon::handover::Handover;
use crate::daemon::identity::Identity;
use crate::daemon::options::Options;
use crate::daemon::panics;
use crate::daemon::scripts::Scripts;
use crate::daemon::signals::{Request, SignalStream, Signals};
use crate::status::{self, Snapshot};
use crate::sys::clock;
use crate::sys::local_time::LocalTime;
use crate::sys::seqpacket::SeqPacket;
use crate::types::Instant;
use crate::vrrp::{Event, GroupStatus, InstanceStatus, LineKind, Notification, Subject};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the service thread starts from.
pub(super) struct Setup {
    pub(super) options: Arc<Options>,
    pub(super) identity: Arc<Identity>,
    pub(super) config: Arc<Config>,
    pub(super) signals: Signals,
    pub(super) parent: ParentLink,
    pub(super) runner: SeqPacket,
    pub(super) from_protocol: mpsc::UnboundedReceiver<ToService>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) files: FileWriter,
}

/// Starts the thread; it ends after the protocol thread has, when the last scripts have.
pub(super) fn start(setup: Setup) -> io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let service = {
        let _inside = runtime.enter();
        Service {
            scripts: Scripts::new(setup.runner, &setup.config.global)?,
            options: setup.options,
            identity: setup.identity,
            config: setup.config,
            coming: None,
            fifos: Fifos::default(),
            signals: setup.signals.into_stream()?,
            parent: setup.parent.into_async()?,
            commands: setup.commands,
            files: setup.files,
            saves: 0,
        }
    };
    let from_protocol = setup.from_protocol;
    std::thread::Builder::new()
        .name("vrrp-service".into())
        .spawn(move || panics::essential(|| runtime.block_on(service.run(from_protocol))))
}

/// How long the end of the daemon waits for a reader of a full FIFO.
const READER_LIMIT: Duration = Duration::from_millis(500);

struct Service {
    options: Arc<Options>,
    identity: Arc<Identity>,
    /// The configuration in force, and the one that a reload is bringing.
    config: Arc<Config>,
    coming: Option<Arc<Config>>,
    fifos: Fifos,
    signals: SignalStream,
    parent: AsyncParentLink,
    scripts: Scripts,
    commands: mpsc::Sender<Command>,
    files: FileWriter,
    /// How often it was saved how everything is before a reload.
    saves: u32,
}

impl Service {
    async fn run(mut self, mut from_protocol: mpsc::UnboundedReceiver<ToService>) {
        let mut parent_is_there = true;
        self.configure_fifos();
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
                    Ok(FromParent::Configuration(sealed)) => self.reload(sealed).await,
                    Ok(FromParent::Hurry) => self.tell(Command::Hurry).await,
                    Ok(FromParent::Gone) | Err(_) => {
                        parent_is_there = false;
                        self.tell(Command::Stop).await;
                    }
                },
                input = self.scripts.next() => self.tell(Command::Tracked(input)).await,
                () = self.fifos.catch_up(), if self.fifos.is_behind() => {}
            }
        }
        // A reader gets the rest of the lines, and TERM with the end of this process.
        let Self { fifos, scripts, .. } = &mut self;
        let farewell = async {
            let rest = async {
                while fifos.is_behind() {
                    fifos.catch_up().await;
                }
            };
            let _ = tokio::time::timeout(READER_LIMIT, rest).await;
            fifos.close();
        };
        tokio::join!(farewell, scripts.finish());
    }

    fn configure_fifos(&mut self) {
        let readers = self.fifos.configure(&self.config.global);
        readers.into_iter().for_each(|reader| self.scripts.reader(reader));
    }

    /// All states again after a reload, for whoever wants that.
    async fn repeat_states(&mut self) {
        let to_fifos = self.config.global.fifo_write_vrrp_states_on_reload && !self.fifos.is_empty();
        let to_scripts = self.config.global.notify_replay_on_reload;
        if !to_fifos && !to_scripts {
            return;
        }
        let (answer, snapshot) = oneshot::channel();
        self.tell(Command::Snapshot(answer)).await;
        let Ok(snapshot) = snapshot.await else { return };
        for GroupStatus { config, state, .. } in &snapshot.groups {
            if to_fifos {
                self.write(Subject::Group, &config.name, LineKind::State, state.to_string(), 0);
            }
            if let Some(event) = Event::entering(*state).filter(|_| to_scripts) {
                self.scripts.notify_group(config, event);
            }
        }
        for InstanceStatus { config, state, priority, .. } in &snapshot.instances {
            if to_fifos {
                let what = state.to_string();
                self.write(Subject::Instance, &config.name, LineKind::State, what, priority.get());
            }
            if let Some(event) = Event::entering(*state).filter(|_| to_scripts) {
                self.scripts.notify(config, Notification { event, priority: *priority });
            }
        }
    }

    fn write(&mut self, subject: Subject, name: &str, kind: LineKind, what: String, priority: u8) {
        self.fifos.write(&Line { subject, name, kind, what, priority });
    }

    async fn tell(&self, command: Command) {
        // A protocol thread that is gone says so by closing the other channel.
        let _ = self.commands.send(command).await;
    }

    async fn on_message(&mut self, message: ToService) {
        match message {
            ToService::Ready => self.parent.tell(FromChild::Ready).await,
            ToService::Reloaded(Ok(())) => {
                self.config = self.coming.take().unwrap_or_else(|| Arc::clone(&self.config));
                self.configure_fifos();
                self.save("post").await;
                self.repeat_states().await;
                self.parent.tell(FromChild::Reloaded).await;
            }
            ToService::Reloaded(Err(reason)) => {
                self.coming = None;
                self.scripts.reconfigure(&self.config.global);
                self.parent.tell(FromChild::ReloadFailed(reason)).await;
            }
            ToService::StartScript(run, script) => self.scripts.start_check(run, &script),
            ToService::SignalScript(run, signal) => self.scripts.signal_check(run, signal),
            ToService::Notify(Notify { config, notification }) => {
                self.scripts.notify(&config, notification);
                let kind = match notification.event {
                    Event::MasterRxLowerPri | Event::SplitBrain => LineKind::LowerPri,
                    _ => LineKind::State,
                };
                let Notification { event, priority } = notification;
                self.write(Subject::Instance, &config.name, kind, event.to_string(), priority.get());
            }
            ToService::SplitBrain(config, other, cause) => {
                self.scripts.notify_split_brain(&config, other, cause);
            }
            ToService::NotifyGroup(group, event) => {
                self.scripts.notify_group(&group, event);
                self.write(Subject::Group, &group.name, LineKind::State, event.to_string(), 0);
            }
            ToService::Priority(config, state, priority) => {
                let what = format!("{state}_PRIORITY");
                self.write(Subject::Instance, &config.name, LineKind::Priority, what, priority.get());
            }
        }
    }

    fn use_runner(&mut self, runner: io::Result<SeqPacket>) {
        if let Err(error) = runner.and_then(|runner| self.scripts.use_runner(runner)) {
            tracing::error!("cannot reach the new script runner: {error}");
        }
    }

    async fn on_request(&mut self, request: Request) {
        let pid = std::process::id();
        match request {
            Request::Stop => self.tell(Command::Stop).await,
            Request::Interrupt if self.options.ignore_sigint => {}
            Request::Interrupt => self.tell(Command::Stop).await,
            // The parent reads the files, for all.
            Request::Reload => self.parent.tell(FromChild::ReloadWanted).await,
            Request::Data => {
                tracing::info!("Printing VRRP data for process({pid}) on signal");
                let global = &self.config.global;
                let name = self.identity.data_file("keepalived", global);
                let place = dump_file::place(global.files.state_dump_file.as_deref(), &name, "");
                self.dump(&place, |snapshot| status::data(snapshot, &wall_stamp)).await;
                if self.config.bfd_instances.iter().any(|instance| instance.session.is_some()) {
                    self.dump_sessions().await;
                }
            }
            Request::Stats => {
                tracing::info!("Printing VRRP stats for process({pid}) on signal");
                self.dump_stats().await;
            }
            Request::StatsClear => {
                tracing::info!("Printing and clearing VRRP stats for process({pid}) on signal");
                self.dump_stats().await;
                self.tell(Command::ClearStats).await;
            }
            Request::Json => {
                tracing::info!("Printing VRRP as json for process({pid}) on signal");
                let template = self.config.global.files.json_dump_file.as_deref();
                let place = dump_file::place(template, "keepalived.json", "");
                self.dump(&place, |snapshot| status::json(snapshot, &wall_seconds).unwrap_or_default()).await;
            }
            Request::ChildEnded => {}
        }
    }

    async fn dump_sessions(&self) {
        tracing::info!("Printing BFD data for process({}) on signal", std::process::id());
        let global = &self.config.global;
        let name = self.identity.data_file("keepalived_bfd", global);
        let place = dump_file::place(global.files.state_dump_file.as_deref(), &name, "_bfd");
        self.dump(&place, |snapshot| status::bfd(snapshot, &wall_stamp)).await;
    }

    async fn dump_stats(&self) {
        let template = self.config.global.files.stats_dump_file.as_deref();
        self.dump(&dump_file::place(template, "keepalived.stats", ""), status::stats).await;
    }

    /// `config_save_dir`: how everything is before a reload (`pre`) and after it (`post`).
    async fn save(&self, when: &str) {
        let Some(directory) = &self.config.global.files.config_save_dir else { return };
        let name = format!("keepalived_vrrp.{}.{}.{when}", std::process::id(), self.saves);
        let render = |snapshot: &Snapshot| status::data(snapshot, &wall_stamp);
        self.dump_for(&Path::new(directory).join(name), Readers::Owner, render).await;
    }

    async fn dump(&self, place: &Path, render: fn(&Snapshot) -> String) {
        self.dump_for(place, Readers::Umask, render).await;
    }

    async fn dump_for(&self, place: &Path, readers: Readers, render: fn(&Snapshot) -> String) {
        let (answer, snapshot) = oneshot::channel();
        self.tell(Command::Snapshot(answer)).await;
        let Ok(snapshot) = snapshot.await else { return };
        let text = render(&snapshot);
        if text.is_empty() {
            return;
        }
        self.files.write(place, text, readers, |place, error| {
            tracing::error!("Unable to write {}: {error}", place.display());
        });
    }

    /// Takes over what the parent has read and judged.
    async fn reload(&mut self, sealed: io::Result<OwnedFd>) {
        tracing::info!("Reloading");
        match sealed.and_then(Handover::open) {
            Ok(handover) => {
                if self.config.global.files.config_save_dir.is_some() {
                    self.saves += 1;
                    self.save("pre").await;
                }
                let config = Arc::new(handover.config());
                self.scripts.reconfigure(&config.global);
                self.coming = Some(Arc::clone(&config));
                self.tell(Command::Reload(config)).await;
            }
            Err(error) => {
                let reason = format!("the configuration has not arrived: {error}");
                self.parent.tell(FromChild::ReloadFailed(reason)).await;
            }
        }
    }
}

/// A moment as keepalived writes it: `1795228636.712313 (Sat Nov 21 02:37:16.712313 2026)`.
fn wall_stamp(at: Instant) -> String {
    let local = LocalTime::at(std::time::UNIX_EPOCH + wall(at));
    format!("{} ({})", wall_seconds(at), local.with_micros(wall(at).subsec_micros()))
}

/// Its first part.
fn wall_seconds(at: Instant) -> String {
    let wall = wall(at);
    format!("{}.{:06}", wall.as_secs(), wall.subsec_micros())
}

/// A moment of the protocol's clock as time since 1970.
fn wall(at: Instant) -> Duration {
    let (now, wall) = (clock::now(), clock::wall());
    (wall + at.since(now)).saturating_sub(now.since(at))
}
