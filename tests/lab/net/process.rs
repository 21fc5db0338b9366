//! A process with all its descendants, ended by id and never by name.

use std::fs;
use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_for;

/// A process that we started.
pub(crate) struct Tree {
    child: Child,
}

impl Tree {
    /// Takes charge of a child.
    pub(crate) fn new(child: Child) -> Self {
        Self { child }
    }

    /// Process id as we see it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process itself.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(pid(self.child.id()), signal)?)
    }

    /// The exit status once it has ended, waiting up to `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let found = wait_for(limit, || match self.child.try_wait() {
            Ok(None) => None,
            other => Some(other),
        });
        found.unwrap_or(Ok(None))
    }

    /// True while it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9` of everything: the parent is stopped first, so that it neither restarts a child nor
    /// notices that one has gone; then the descendants, then the parent.
    pub(crate) fn kill_all(&mut self) -> io::Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        self.signal(Signal::SIGSTOP)?;
        let all = descendants(self.child.id());
        for process in &all {
            let _ = kill(pid(*process), Signal::SIGKILL);
        }
        self.child.kill()?;
        self.child.wait()?;
        // A process that dies still holds its locks and sockets for a moment.
        let gone = || (!all.iter().any(|process| is_alive(*process))).then_some(());
        wait_for(Duration::from_secs(2), gone)
            .ok_or_else(|| io::Error::other("a killed process does not die"))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = self.kill_all();
    }
}

/// Whether there is such a process, and it is no zombie.
pub(crate) fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// All living descendants of a process, by the parent ids in `/proc`.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|(_, p)| *p == parent).map(|(id, _)| *id);
        for child in children {
            found.push(child);
            parents.push(child);
        }
    }
    found
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("process ids fit"))
}
