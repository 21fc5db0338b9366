//! Files are written behind: on a thread of its own, where a disk may take as long as it likes.

use crate::daemon::dump_file::{self, Readers};
use crate::daemon::panics;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// Takes what is to be written. What is asked for one file is done in order, and of what waits for it only the
/// newest; whoever asks never waits.
#[derive(Clone, Debug)]
pub struct FileWriter(Sender<Job>);

#[derive(Debug)]
enum Job {
    File(PathBuf, Order),
    /// All that was asked for before is done.
    Tell(SyncSender<()>),
}

#[derive(Debug)]
enum Order {
    Write(String, Readers, Failed),
    Remove,
}

/// What to say of a file that cannot be written.
pub type Failed = fn(&Path, &io::Error);

impl FileWriter {
    /// Starts the thread, which ends with the last of these.
    ///
    /// # Errors
    /// There can be no thread more.
    pub fn start() -> io::Result<Self> {
        let (jobs, receiver) = channel();
        std::thread::Builder::new()
            .name("vrrp-files".into())
            .spawn(move || panics::essential(|| run(&receiver)))?;
        Ok(Self(jobs))
    }

    /// Replaces the file by one with this text, as [`dump_file::write`] does.
    pub fn write(&self, path: &Path, text: String, readers: Readers, failed: Failed) {
        self.ask(Job::File(path.to_owned(), Order::Write(text, readers, failed)));
    }

    /// Sees that there is no such file.
    pub fn remove(&self, path: &Path) {
        self.ask(Job::File(path.to_owned(), Order::Remove));
    }

    /// Waits until all that was asked for has been done, but no longer than this.
    pub fn flush(&self, limit: Duration) {
        let (tell, told) = sync_channel(1);
        self.ask(Job::Tell(tell));
        // Too long: the end does not wait for a disk.
        let _ = told.recv_timeout(limit);
    }

    fn ask(&self, job: Job) {
        // The thread lives as long as this.
        let _ = self.0.send(job);
    }
}

fn run(jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut newest = BTreeMap::new();
        let mut waiting = Vec::new();
        for job in std::iter::once(first).chain(jobs.try_iter()) {
            match job {
                Job::File(path, order) => drop(newest.insert(path, order)),
                Job::Tell(tell) => waiting.push(tell),
            }
        }
        for (path, order) in newest {
            match order {
                Order::Write(text, readers, failed) => {
                    if let Err(error) = dump_file::write(&path, &text, readers) {
                        failed(&path, &error);
                    }
                }
                // It may never have been there.
                Order::Remove => drop(std::fs::remove_file(&path)),
            }
        }
        for tell in waiting {
            // It may have waited long enough.
            let _ = tell.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn unexpected(path: &Path, error: &io::Error) {
        panic!("{}: {error}", path.display());
    }

    #[test]
    fn the_newest_is_what_stays() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
        let writer = FileWriter::start().unwrap();
        for number in 0..1000 {
            writer.write(&one, number.to_string(), Readers::Umask, unexpected);
            writer.write(&two, number.to_string(), Readers::Umask, unexpected);
        }
        writer.remove(&two);
        writer.flush(LIMIT);
        assert_eq!(std::fs::read_to_string(&one).unwrap(), "999");
        assert!(!two.exists());
        writer.write(&two, "again".to_owned(), Readers::Umask, unexpected);
        writer.flush(LIMIT);
        assert_eq!(std::fs::read_to_string(&two).unwrap(), "again");
    }

    /// A place that keeps whoever opens it: nobody reads this pipe.
    #[test]
    fn whoever_asks_does_not_wait_for_a_place_that_takes_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let (jobs, receiver) = channel();
        let writer = FileWriter(jobs);
        let stuck = std::thread::spawn(move || {
            let _reader = std::fs::OpenOptions::new().write(true).open(&pipe);
            run(&receiver);
        });
        let path = directory.path().join("file");
        let start = std::time::Instant::now();
        for number in 0..1000 {
            writer.write(&path, number.to_string(), Readers::Umask, unexpected);
        }
        writer.flush(Duration::from_millis(50));
        assert!(start.elapsed() < Duration::from_secs(10) && !path.exists());
        let _there = std::fs::File::open(directory.path().join("pipe")).unwrap();
        writer.flush(LIMIT);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "999");
        drop(writer);
        stuck.join().unwrap();
    }
}
