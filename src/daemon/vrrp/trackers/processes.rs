//! Processes that are followed: by what the kernel tells of all of them, or where it tells nothing, by
//! looking once a second and waiting for the end of each that matters.

use super::sleep_until;
use crate::config::block::{Buffer, TrackProcess};
use crate::sys::pidfd::PidFd;
use crate::sys::proc_connector::{ProcConnector, ProcEvent};
use crate::sys::procfs;
use crate::track::{Census, ProcessFact, ProcessImage, ProcessTable};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often all processes are looked at where nobody tells of them, and at most where much was missed.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// Room for thousands of forks while the process is busy, unless the configuration says otherwise.
const RECEIVE_BUFFER: usize = 4 << 20;

/// All processes that are followed.
#[derive(Debug, Default)]
pub(super) struct Processes {
    buffer: Buffer,
    followed: Vec<Arc<TrackProcess>>,
    table: ProcessTable,
    source: Option<Source>,
    /// What is to be told.
    news: VecDeque<Census>,
    /// When all are looked at again.
    next_scan: Option<Instant>,
    last_scan: Option<Instant>,
}

/// Who tells of processes.
#[derive(Debug)]
enum Source {
    /// The kernel, of all.
    Connector(ProcConnector),
    /// The kernel, of the end of those that matter.
    Endings(Endings),
}

impl Processes {
    /// None so far; `buffer` is for what the kernel tells.
    pub(super) fn new(buffer: Buffer) -> Self {
        Self { buffer, ..Self::default() }
    }

    /// Follows these and no others. To be called inside a runtime.
    pub(super) async fn follow(&mut self, processes: Vec<Arc<TrackProcess>>) {
        if processes == self.followed {
            return;
        }
        self.table = ProcessTable::new(processes.iter().cloned());
        self.followed = processes;
        self.next_scan = None;
        if self.followed.is_empty() {
            self.source = None;
            return;
        }
        match &mut self.source {
            Some(Source::Connector(_)) => {}
            Some(Source::Endings(endings)) => *endings = Endings::default(),
            None => self.source = Some(Source::open(self.buffer).await),
        }
        self.scan_all();
    }

    /// The next number that has changed. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Census {
        loop {
            if let Some(census) = self.news.pop_front() {
                return census;
            }
            let scan = sleep_until(self.next_scan);
            match &mut self.source {
                None => return std::future::pending().await,
                Some(Source::Connector(connector)) => tokio::select! {
                    event = connector.next() => self.on_event(event),
                    () = scan => self.scan_all(),
                },
                Some(Source::Endings(endings)) => tokio::select! {
                    pid = endings.next() => self.take(ProcessFact::Gone(pid)),
                    () = scan => self.scan_for_changes(),
                },
            }
        }
    }

    fn take(&mut self, fact: ProcessFact) {
        self.news.extend(self.table.handle(fact));
        if let Some(Source::Endings(endings)) = &mut self.source {
            endings.wait_for(self.table.members());
        }
    }

    fn on_event(&mut self, event: io::Result<ProcEvent>) {
        match event {
            Ok(ProcEvent::Forked(parent, child)) => self.take(ProcessFact::Forked(parent, child)),
            Ok(ProcEvent::Executed(pid)) => {
                // One that has ended already is told of next.
                if let Some((image, _)) = self.look(pid) {
                    self.take(ProcessFact::Is(pid, image));
                }
            }
            Ok(ProcEvent::Renamed(pid, name)) => self.take(ProcessFact::Renamed(pid, name)),
            Ok(ProcEvent::Exited(pid)) => self.take(ProcessFact::Gone(pid)),
            Ok(ProcEvent::Missed) => {
                // A machine that starts so many at a time is better left alone for a while.
                let next = self.last_scan.map(|last| last + SCAN_INTERVAL).unwrap_or_else(Instant::now);
                self.next_scan.get_or_insert(next);
            }
            Err(error) => {
                tracing::warn!("process events are not told any more ({error})");
                self.source = Some(Source::Endings(Endings::default()));
                self.scan_all();
            }
        }
    }

    fn look(&self, pid: u32) -> Option<(ProcessImage, u32)> {
        let info = procfs::process(pid, self.table.wants_command_lines())?;
        Some((ProcessImage { name: info.name, command_line: info.command_line }, info.parent))
    }

    fn list(&mut self) -> Vec<u32> {
        let now = Instant::now();
        self.last_scan = Some(now);
        self.next_scan = match self.source {
            Some(Source::Endings(_)) => Some(now + SCAN_INTERVAL),
            Some(Source::Connector(_)) | None => None,
        };
        procfs::processes().unwrap_or_else(|error| {
            tracing::error!("cannot look for processes: {error}");
            Vec::new()
        })
    }

    /// Forgets what was known, and counts.
    fn scan_all(&mut self) {
        let pids = self.list();
        let all = pids.into_iter().filter_map(|pid| Some((pid, self.look(pid)?.0))).collect();
        self.take(ProcessFact::All(all));
    }

    /// Finds what has changed since it was last looked: ends first, so that what replaces another does not
    /// stand beside it.
    fn scan_for_changes(&mut self) {
        let pids: BTreeSet<u32> = self.list().into_iter().collect();
        let known: BTreeSet<u32> = self.table.members().collect();
        let seen: BTreeMap<u32, (ProcessImage, u32)> =
            pids.iter().filter_map(|pid| Some((*pid, self.look(*pid)?))).collect();
        for gone in known.iter().filter(|pid| !seen.contains_key(pid)) {
            self.take(ProcessFact::Gone(*gone));
        }
        for (&pid, (image, parent)) in &seen {
            let is_copy = || seen.get(parent).is_some_and(|(original, _)| original == image);
            // A copy of one that is followed may be about to become something else.
            self.take(match !known.contains(&pid) && known.contains(parent) && is_copy() {
                true => ProcessFact::Forked(*parent, pid),
                false => ProcessFact::Is(pid, image.clone()),
            });
        }
    }
}

impl Source {
    async fn open(buffer: Buffer) -> Self {
        if procfs::hides_others() {
            tracing::warn!(
                "/proc is mounted with hidepid: only processes of the same user can be seen and tracked"
            );
        }
        let (bytes, force) = match buffer.bytes {
            0 => (RECEIVE_BUFFER, true),
            bytes => (bytes as usize, buffer.force),
        };
        match ProcConnector::open(bytes, force).await {
            Ok(connector) => {
                tracing::debug!("processes are tracked by the kernel's process events");
                Self::Connector(connector)
            }
            Err(error) => {
                tracing::info!(
                    "the kernel tells no process events here ({error}): tracked processes are looked for every second, and their ends are heard at once"
                );
                Self::Endings(Endings::default())
            }
        }
    }
}

/// Waits for the end of processes.
#[derive(Debug, Default)]
struct Endings {
    waiting: FuturesUnordered<Ending>,
    awaited: BTreeSet<u32>,
}

type Ending = Pin<Box<dyn Future<Output = u32> + Send>>;

impl Endings {
    /// Waits for the ends of all these. Where the kernel cannot, the next scan misses them.
    fn wait_for(&mut self, pids: impl Iterator<Item = u32>) {
        for pid in pids {
            if self.awaited.contains(&pid) {
                continue;
            }
            if let Ok(process) = PidFd::open(pid) {
                self.awaited.insert(pid);
                self.waiting.push(Box::pin(async move {
                    process.ended().await;
                    pid
                }));
            }
        }
    }

    async fn next(&mut self) -> u32 {
        match self.waiting.next().await {
            Some(pid) => {
                self.awaited.remove(&pid);
                pid
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::block::{ParamMatch, ProcessPattern};
    use crate::sys::testing::{block_on, in_namespace};
    use crate::track::Because;
    use std::process::{Child, Command};

    /// `sleep` with an argument that nobody else gives it.
    fn sleeper(seconds: u32) -> Child {
        Command::new("sleep").arg(seconds.to_string()).spawn().unwrap()
    }

    fn followed(seconds: u32) -> Vec<Arc<TrackProcess>> {
        let pattern = ProcessPattern {
            command: "sleep".into(),
            params: vec![seconds.to_string()],
            param_match: Some(ParamMatch::Exact),
            full_command: true,
        };
        vec![Arc::new(TrackProcess { pattern, ..crate::track::sample::process("p") })]
    }

    async fn count(processes: &mut Processes) -> (usize, Because) {
        let census = processes.next().await;
        (census.count, census.because)
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    async fn one_comes_and_goes(processes: &mut Processes, seconds: u32) {
        let first = sleeper(seconds);
        // The child is a copy of this program until it is a `sleep`.
        tokio::time::sleep(Duration::from_millis(200)).await;
        processes.follow(followed(seconds)).await;
        assert_eq!(count(processes).await, (1, Because::Found));
        let second = sleeper(seconds);
        assert_eq!(count(processes).await, (2, Because::Found));
        end(first);
        assert_eq!(count(processes).await, (1, Because::Exit));
        end(second);
        assert_eq!(count(processes).await, (0, Because::Exit));
    }

    #[test]
    fn processes_are_counted_as_they_come_and_go() {
        block_on(one_comes_and_goes(&mut Processes::default(), 7_654_321));
    }

    #[test]
    fn where_nobody_tells_they_are_looked_for_and_their_ends_are_heard() {
        in_namespace(|| {
            block_on(async {
                let mut processes = Processes::default();
                one_comes_and_goes(&mut processes, 7_654_322).await;
                assert!(matches!(processes.source, Some(Source::Endings(_))));
                let third = sleeper(7_654_322);
                assert_eq!(count(&mut processes).await, (1, Because::Found));
                let before = Instant::now();
                end(third);
                assert_eq!(count(&mut processes).await, (0, Because::Exit));
                assert!(before.elapsed() < SCAN_INTERVAL / 2, "its end was heard, not found");
                processes.follow(Vec::new()).await;
                assert!(processes.source.is_none());
            });
        });
    }
}
