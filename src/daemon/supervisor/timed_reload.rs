//! `reload_time_file`: a reload at the time that a file says, which may come, change and go at any moment.
//!
//! keepalived watches the directory that there is when it reads its configuration, and gives up when that goes.
//! Here the path is followed wherever it leads.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::reload_time::{LONGEST, ReloadTime, display};
use crate::config::block::FileDefs;
use crate::daemon::followed_path::{FollowedPath, READ_INTERVAL};
use crate::sys::inotify::Watched;
use crate::sys::local_time::utc_offset;
use crate::sys::wall_timer::WallTimer;

/// The file, what it says, and when that is.
#[derive(Debug)]
pub(super) struct TimedReload {
    path: FollowedPath,
    repeat: bool,
    directories: Option<Watched>,
    timer: WallTimer,
    /// What the file said when it was last read.
    text: Option<String>,
    /// What that means, even if it is past: somebody may set the clock back.
    time: Option<ReloadTime>,
    /// When to reload, in seconds since 1970.
    at: Option<i64>,
    /// When to read it again, where nobody tells of changes.
    next_reading: Option<Instant>,
}

impl TimedReload {
    /// What the configuration asks for, from now on. It is begun anew after every reload.
    pub(super) fn of(files: &FileDefs, now: SystemTime) -> Option<Self> {
        let path = files.reload_time_file.as_ref()?;
        let timer = WallTimer::new()
            .inspect_err(|error| tracing::error!("Cannot wait for the time in {path}: {error}"))
            .ok()?;
        let directories =
            Watched::new().inspect_err(|error| tracing::warn!("Unable to monitor {path}: {error}")).ok();
        let mut timed = Self {
            path: FollowedPath::new(path),
            repeat: files.reload_repeat,
            directories,
            timer,
            text: None,
            time: None,
            at: None,
            next_reading: None,
        };
        timed.read(now);
        if let Some(why) = timed.path.unwatched() {
            tracing::info!("Reload time file {path} {why}: it is read every second");
        }
        Some(timed)
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.directories.iter().map(|directories| directories.as_fd()).chain([self.timer.as_fd()])
    }

    /// When to look though nothing has happened to [`Self::descriptors`].
    pub(super) fn due(&self) -> Option<Instant> {
        self.next_reading
    }

    /// When the next reload is, for people; and what keepalived says of one on a date.
    pub(super) fn scheduled(&self) -> Option<String> {
        let dated = self.time.is_some_and(|time| time.is_dated());
        // The bracket is keepalived's, which never closes it.
        let suffix = if dated { " (date specified" } else { "" };
        self.at.map(|at| format!("{}{suffix}", local(at)))
    }

    /// Looks whether the file says something new, and whether the time of a reload has come. A file that is
    /// not to be met again is removed then.
    pub(super) fn has_come(&mut self, now: SystemTime) -> bool {
        let told = self.is_told();
        let unseen = self.next_reading.is_some_and(|at| at <= Instant::now());
        if told || (unseen && text(self.path.path()) != self.text) {
            self.read(now);
        } else if unseen {
            self.next_reading = Some(Instant::now() + READ_INTERVAL);
        }
        let woken = self.timer.has_fired().unwrap_or(true);
        if self.at.is_some_and(|at| at <= seconds(now)) {
            self.use_up();
            return true;
        }
        if woken {
            // Somebody has set the clock, and what was far or past may be near.
            let next = self.time.and_then(|time| time.next(seconds(now), utc_offset).ok());
            self.schedule(next);
        }
        false
    }

    /// Whether anybody has told of something that may have changed what the file says.
    fn is_told(&mut self) -> bool {
        let Some(directories) = &self.directories else { return false };
        let (mut elsewhere, mut changed) = (false, false);
        while let Ok(happenings) = directories.take() {
            for just_made in happenings.iter().filter_map(|happening| self.path.hears(happening)) {
                elsewhere = true;
                changed |= !(just_made && self.path.is_being_made());
            }
        }
        if elsewhere {
            self.follow();
        }
        changed
    }

    fn follow(&mut self) {
        let old = self.path.watch(self.directories.as_ref());
        if let Some(directories) = &self.directories {
            let needed = self.path.watches().collect();
            old.difference(&needed).for_each(|watch| directories.unwatch(*watch));
        }
        self.next_reading = self.path.unwatched().map(|_| Instant::now() + READ_INTERVAL);
    }

    fn read(&mut self, now: SystemTime) {
        self.follow();
        self.text = text(self.path.path());
        let time = self.text.as_deref().map(ReloadTime::parse).transpose();
        self.time = time.ok().flatten();
        let next = time.and_then(|time| time.map(|time| time.next(seconds(now), utc_offset)).transpose());
        if let (Err(no), Some(text)) = (next, &self.text) {
            no.lines(&printable(text)).iter().for_each(|line| tracing::info!("{line}"));
        }
        self.schedule(next.ok().flatten());
    }

    /// keepalived's lines.
    fn schedule(&mut self, next: Option<i64>) {
        match (self.at, next) {
            (None, Some(next)) => tracing::info!("Scheduling reload for {}", local(next)),
            (Some(at), None) => tracing::info!("Cancelling reload scheduled for {}", local(at)),
            (Some(at), Some(next)) if at != next => {
                tracing::info!("Reload time updated from {} to {}", local(at), local(next));
            }
            _ => {}
        }
        self.at = next;
        let moment = next.and_then(|next| u64::try_from(next).ok()).map(Duration::from_secs);
        if let Err(error) = self.timer.arm(moment.map(|since| UNIX_EPOCH + since)) {
            tracing::error!("Cannot wait for the time of a reload: {error}");
        }
    }

    /// The reload begins a new one of these.
    fn use_up(&mut self) {
        self.at = None;
        let dated = self.time.take().is_some_and(|time| time.is_dated());
        let path = self.path.path();
        if (dated || !self.repeat)
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!("Cannot remove {}: {error}", path.display());
        }
    }
}

/// The first line, as much of it as keepalived reads; `None`: there is none. A pipe is no file, and a file
/// without an end does not keep us.
fn text(path: &Path) -> Option<String> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    let mut bytes = Vec::new();
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.take(LONGEST as u64).read_to_end(&mut bytes).ok()?;
    let line = bytes.split(|byte| *byte == b'\n').next().filter(|_| !bytes.is_empty())?;
    Some(String::from_utf8_lossy(line).into_owned())
}

/// What stands for a character that a terminal would obey.
fn printable(text: &str) -> String {
    let print = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(print).collect()
}

fn seconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn local(moment: i64) -> impl std::fmt::Display {
    display(moment, utc_offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir, read_to_string, remove_dir_all, remove_file, rename, write};
    use tempfile::TempDir;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A directory, and what follows the file `when` in it.
    struct Fixture {
        directory: TempDir,
        timed: TimedReload,
        now: SystemTime,
    }

    impl Fixture {
        fn new(file: &str, repeat: bool) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(file).to_str().unwrap().to_owned();
            let files =
                FileDefs { reload_time_file: Some(path), reload_repeat: repeat, ..FileDefs::default() };
            let now = SystemTime::now();
            Self { timed: TimedReload::of(&files, now).unwrap(), directory, now }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.directory.path().join(name)
        }

        /// A time of this day or the next in UTC, with the date or without.
        fn time(&self, ahead: Duration, dated: bool) -> String {
            let full = display(seconds(self.now + ahead), |_| 0).to_string();
            format!("{}Z\n", if dated { full.as_str() } else { &full[11..] })
        }

        /// How far ahead the reload is.
        fn ahead(&mut self) -> Option<Duration> {
            assert!(!self.timed.has_come(self.now));
            let at = u64::try_from(self.timed.at?).unwrap();
            Some(Duration::from_secs(at - u64::try_from(seconds(self.now)).unwrap()))
        }
    }

    #[test]
    fn a_file_that_comes_changes_and_goes_takes_the_reload_with_it() {
        let mut fixture = Fixture::new("when", false);
        assert_eq!(fixture.ahead(), None);
        write(fixture.path("when"), fixture.time(HOUR, true)).unwrap();
        assert_eq!(fixture.ahead(), Some(HOUR));
        write(fixture.path("when"), fixture.time(HOUR * 2, false)).unwrap();
        assert_eq!(fixture.ahead(), Some(HOUR * 2));
        write(fixture.path("other"), "no business of ours").unwrap();
        assert_eq!(fixture.ahead(), Some(HOUR * 2));
        for nothing in ["", "\n", "hello\n", "2020-01-01 00:00:00\n"] {
            write(fixture.path("when"), nothing).unwrap();
            assert_eq!(fixture.ahead(), None, "{nothing:?}");
            write(fixture.path("when"), fixture.time(HOUR, true)).unwrap();
            assert_eq!(fixture.ahead(), Some(HOUR));
        }
        rename(fixture.path("when"), fixture.path("away")).unwrap();
        assert_eq!(fixture.ahead(), None);
        rename(fixture.path("away"), fixture.path("when")).unwrap();
        assert_eq!(fixture.ahead(), Some(HOUR));
        remove_file(fixture.path("when")).unwrap();
        assert_eq!(fixture.ahead(), None);
    }

    #[test]
    fn the_directory_may_come_later_and_go() {
        let mut fixture = Fixture::new("a/when", false);
        for ahead in [HOUR, HOUR * 2] {
            assert_eq!(fixture.ahead(), None);
            create_dir(fixture.path("a")).unwrap();
            assert_eq!(fixture.ahead(), None);
            write(fixture.path("a/when"), fixture.time(ahead, true)).unwrap();
            assert_eq!(fixture.ahead(), Some(ahead));
            remove_dir_all(fixture.path("a")).unwrap();
        }
        assert_eq!(fixture.ahead(), None);
    }

    #[test]
    fn a_reload_comes_once_and_leaves_only_a_time_that_is_to_be_met_again() {
        for (repeat, dated, stays) in
            [(false, false, false), (false, true, false), (true, true, false), (true, false, true)]
        {
            let mut fixture = Fixture::new("when", repeat);
            write(fixture.path("when"), fixture.time(HOUR, dated)).unwrap();
            assert_eq!(fixture.ahead(), Some(HOUR));
            let at = fixture.now + HOUR;
            assert!(fixture.timed.has_come(at));
            assert!(!fixture.timed.has_come(at));
            assert_eq!(read_to_string(fixture.path("when")).is_ok(), stays, "{repeat} {dated}");
        }
    }

    /// The timer is woken as by a step of the clock.
    #[test]
    fn a_clock_that_is_set_brings_the_time_nearer_or_puts_it_off() {
        let mut fixture = Fixture::new("when", false);
        let start = fixture.now;
        let ahead_at = |fixture: &mut Fixture, now| {
            fixture.now = now;
            fixture.timed.timer.arm(Some(UNIX_EPOCH)).unwrap();
            fixture.ahead()
        };
        write(fixture.path("when"), fixture.time(HOUR, false)).unwrap();
        assert_eq!(ahead_at(&mut fixture, start), Some(HOUR));
        assert_eq!(ahead_at(&mut fixture, start - HOUR), Some(HOUR * 2));
        assert_eq!(ahead_at(&mut fixture, start - HOUR * 23), Some(HOUR * 24));
        assert_eq!(ahead_at(&mut fixture, start - HOUR * 24), Some(HOUR), "the day before");
        assert!(fixture.timed.has_come(start), "what has become past has come");
        fixture.now = start;
        write(fixture.path("when"), fixture.time(HOUR, true)).unwrap();
        assert_eq!(ahead_at(&mut fixture, start - HOUR * 100), Some(HOUR * 101));
        assert_eq!(ahead_at(&mut fixture, start), Some(HOUR));
        let dated = fixture.time(HOUR, true);
        write(fixture.path("when"), dated).unwrap();
        fixture.now = start + HOUR * 2;
        assert_eq!(fixture.ahead(), None, "it was past when it was read");
        assert_eq!(ahead_at(&mut fixture, start), Some(HOUR));
    }
}
