//! What happens in directories, as the kernel tells it.

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A directory that is watched. Watching one twice gives the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Watch(WatchDescriptor);

/// Something that has happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Happening {
    /// To an entry of a watched directory.
    Entry(Watch, OsString, EntryChange),
    /// A watched directory is gone, or is elsewhere now. It may still be watched.
    Ended(Watch),
    /// Something that nobody will ever tell: there was too much at a time.
    Missed,
}

/// What has happened to an entry of a directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryChange {
    /// It was made: a file that is empty so far, a link, a directory.
    Made,
    /// It was written, and whoever did so has closed it; or it came from elsewhere, whole.
    Written,
    /// It went elsewhere, or was removed.
    Gone,
}

/// Watched directories, for a loop that polls.
#[derive(Debug)]
pub struct Watched(Inotify);

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Watched {
    /// None so far.
    ///
    /// # Errors
    /// The user has too many of these (`fs.inotify.max_user_instances`), or no descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?))
    }

    /// Watches one more directory, or one that a symbolic link leads to.
    ///
    /// # Errors
    /// It is none, cannot be read, or the user watches too much (`fs.inotify.max_user_watches`).
    pub fn watch(&self, directory: &Path) -> io::Result<Watch> {
        let changes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        Ok(Watch(self.0.add_watch(directory, changes)?))
    }

    /// Watches it no longer. What has happened before may still be told.
    pub fn unwatch(&self, watch: Watch) {
        // One that is gone by itself is no error.
        let _ = self.0.rm_watch(watch.0);
    }

    /// Some of what has happened.
    ///
    /// # Errors
    /// `WouldBlock`: nothing has. None else that the kernel documents.
    pub fn take(&self) -> io::Result<Vec<Happening>> {
        Ok(self.0.read_events()?.into_iter().filter_map(happening).collect())
    }
}

fn happening(event: InotifyEvent) -> Option<Happening> {
    let (watch, mask) = (Watch(event.wd), event.mask);
    if mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
        return Some(Happening::Missed);
    }
    let ended = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
    if mask.intersects(ended | AddWatchFlags::IN_UNMOUNT) {
        return Some(Happening::Ended(watch));
    }
    let change = if mask.contains(AddWatchFlags::IN_CREATE) {
        EntryChange::Made
    } else if mask.intersects(AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO) {
        EntryChange::Written
    } else {
        EntryChange::Gone
    };
    Some(Happening::Entry(watch, event.name?, change))
}

/// Watched directories, for a task.
#[derive(Debug)]
pub struct Directories(AsyncFd<Watched>);

impl Directories {
    /// None so far. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// As [`Watched::new`].
    pub fn new() -> io::Result<Self> {
        // SAFETY: the descriptor is owned by what is registered, which never changes it.
        Ok(Self(unsafe { AsyncFd::register(Watched::new()?)? }))
    }

    /// To watch more of them, or fewer.
    #[must_use]
    pub fn watched(&self) -> &Watched {
        self.0.get_ref()
    }

    /// Waits for things to happen, and gives some that have. Dropping the future loses nothing.
    ///
    /// # Errors
    /// None that the kernel documents.
    pub async fn next(&self) -> io::Result<Vec<Happening>> {
        self.0.async_io(Interest::READABLE, Watched::take).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::block_on;

    /// All that is told until something named `last` is made.
    async fn until(directories: &Directories, last: &str) -> Vec<Happening> {
        let mut all = Vec::new();
        loop {
            for happening in directories.next().await.unwrap() {
                if matches!(&happening, Happening::Entry(_, name, EntryChange::Made) if *name == *last) {
                    return all;
                }
                all.push(happening);
            }
        }
    }

    #[test]
    fn what_happens_to_entries_is_told_in_order() {
        block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let directories = Directories::new().unwrap();
            let watch = directories.watched().watch(dir.path()).unwrap();
            assert_eq!(directories.watched().watch(dir.path()).unwrap(), watch);
            let (a, b) = (dir.path().join("a"), dir.path().join("b"));
            std::fs::write(&a, "1").unwrap();
            std::fs::rename(&a, &b).unwrap();
            std::fs::remove_file(&b).unwrap();
            std::fs::create_dir(dir.path().join("end")).unwrap();
            let entry = |name: &str, change| Happening::Entry(watch, name.into(), change);
            let (made, written, gone) = (EntryChange::Made, EntryChange::Written, EntryChange::Gone);
            let expected = [
                entry("a", made),
                entry("a", written),
                entry("a", gone),
                entry("b", written),
                entry("b", gone),
            ];
            assert_eq!(until(&directories, "end").await, expected);
        });
    }

    #[test]
    fn a_directory_that_goes_is_told_and_one_that_is_none_is_refused() {
        block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let inner = dir.path().join("inner");
            std::fs::create_dir(&inner).unwrap();
            let directories = Directories::new().unwrap();
            let watch = directories.watched().watch(&inner).unwrap();
            std::fs::remove_dir(&inner).unwrap();
            assert!(directories.next().await.unwrap().contains(&Happening::Ended(watch)));
            assert_eq!(directories.watched().watch(&inner).unwrap_err().kind(), io::ErrorKind::NotFound);
            std::fs::write(&inner, "").unwrap();
            assert_eq!(directories.watched().watch(&inner).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        });
    }
}
