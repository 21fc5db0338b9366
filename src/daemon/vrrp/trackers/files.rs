//! Files that are followed, and when to read each.

use super::sleep_until;
use crate::config::block::{InitFile, TrackFile};
use crate::daemon::followed_path::{FollowedPath, READ_INTERVAL};
use crate::sys::inotify::{Directories, Happening, Watch};
use crate::track::Reading;
use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

/// As many bytes of a file as keepalived reads.
const NUMBER_BYTES: u64 = 127;

/// All files that are followed.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: Vec<FollowedFile>,
    directories: Option<Directories>,
    /// What is to be told.
    news: VecDeque<(String, Reading)>,
    /// When those are read again that cannot be watched.
    next_reading: Option<Instant>,
}

#[derive(Debug)]
struct FollowedFile {
    config: Arc<TrackFile>,
    path: FollowedPath,
    last: Option<Reading>,
}

impl Files {
    /// Follows these and no others. To be called inside a runtime.
    pub(super) fn follow(&mut self, files: Vec<Arc<TrackFile>>, may_overwrite: bool) {
        if self.directories.is_none() && !files.is_empty() {
            self.directories = Directories::new()
                .inspect_err(|error| tracing::warn!("Unable to monitor track files: {error}"))
                .ok();
        }
        let mut old = std::mem::take(&mut self.files);
        for config in files {
            let known = old.iter().position(|file| file.config == config);
            let file = known.map(|index| old.swap_remove(index)).unwrap_or_else(|| {
                if let Some(init) = config.init {
                    initialise(&config, init, may_overwrite);
                }
                FollowedFile { path: FollowedPath::new(&config.path), config, last: None }
            });
            self.files.push(file);
        }
        for index in 0..self.files.len() {
            if self.files[index].last.is_none() {
                self.look(index, false);
            }
        }
        self.unwatch(old.iter().flat_map(|file| file.path.watches()).collect());
        if self.files.is_empty() {
            self.directories = None;
        }
    }

    /// What a file says that said something else before. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> (String, Reading) {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            let unwatched = self.files.iter().any(|file| file.path.unwatched().is_some());
            self.next_reading = match self.next_reading {
                _ if !unwatched => None,
                None => Some(Instant::now() + READ_INTERVAL),
                known => known,
            };
            tokio::select! {
                happenings = happenings(self.directories.as_ref()) => self.on_happenings(happenings),
                () = sleep_until(self.next_reading) => {
                    self.next_reading = None;
                    self.look_at(|file| file.path.unwatched().is_some());
                }
            }
        }
    }

    fn on_happenings(&mut self, happenings: io::Result<Vec<Happening>>) {
        let happenings = happenings.unwrap_or_else(|error| {
            tracing::error!("cannot watch track files any more: {error}");
            self.directories = None;
            vec![Happening::Missed]
        });
        for happening in happenings {
            for index in 0..self.files.len() {
                if let Some(just_made) = self.files[index].path.hears(&happening) {
                    self.look(index, just_made);
                }
            }
        }
    }

    fn look_at(&mut self, which: impl Fn(&FollowedFile) -> bool) {
        for index in 0..self.files.len() {
            if which(&self.files[index]) {
                self.look(index, false);
            }
        }
    }

    /// Sees that the right places are watched, and then what the file says. Whoever has `just_made` it is
    /// going to write it, and is heard when that is done.
    fn look(&mut self, index: usize, just_made: bool) {
        self.watch(index);
        let file = &mut self.files[index];
        if just_made && file.path.is_being_made() {
            return;
        }
        let reading = read(file.path.path());
        if file.last.replace(reading) != Some(reading) {
            self.news.push_back((file.config.name.clone(), reading));
        }
    }

    fn watch(&mut self, index: usize) {
        let file = &mut self.files[index];
        let was_unwatched = file.path.unwatched().is_some();
        let before = file.path.watch(self.directories.as_ref().map(Directories::watched));
        if let Some(why) = file.path.unwatched().filter(|_| !was_unwatched) {
            tracing::info!("Track file {} {why}: it is read every second", file.config.name);
        }
        self.unwatch(before);
    }

    /// Watches none of these any longer that no file needs.
    fn unwatch(&self, watches: BTreeSet<Watch>) {
        let Some(directories) = &self.directories else { return };
        let needed: BTreeSet<Watch> = self.files.iter().flat_map(|file| file.path.watches()).collect();
        watches.difference(&needed).for_each(|watch| directories.watched().unwatch(*watch));
    }
}

async fn happenings(directories: Option<&Directories>) -> io::Result<Vec<Happening>> {
    match directories {
        Some(directories) => directories.next().await,
        None => std::future::pending().await,
    }
}

/// What is not there, or cannot be read, says 0; a pipe that nobody writes to does not keep us.
fn read(path: &Path) -> Reading {
    let number = || -> io::Result<Vec<u8>> {
        let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let mut bytes = Vec::new();
        file.take(NUMBER_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    number().map_or(Reading::ABSENT, |bytes| Reading::of(&bytes))
}

/// `init_file`: makes the file, or at start writes over it.
fn initialise(config: &TrackFile, init: InitFile, may_overwrite: bool) {
    let path = Path::new(&config.path);
    match std::fs::metadata(path) {
        Ok(_) if !init.overwrite => return,
        Ok(metadata) if !metadata.is_file() => {
            tracing::error!("Cannot initialise track file {} - it is not a regular file", config.name);
            return;
        }
        Ok(_) if !may_overwrite => return,
        Ok(_) | Err(_) => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(path)
        .and_then(|mut file| writeln!(file, "{}", init.value));
    if let Err(error) = written {
        tracing::error!("Unable to initialise track file {}: {error}", config.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::block_on;
    use std::fs::{create_dir, remove_dir_all, remove_file, rename, write};
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::time::Duration;
    use tempfile::TempDir;

    fn followed(path: &Path, init: Option<InitFile>) -> Arc<TrackFile> {
        let path = path.to_str().unwrap().to_owned();
        Arc::new(TrackFile { name: "f".into(), path, init, ..TrackFile::default() })
    }

    /// One file of a directory of its own, followed.
    struct Fixture {
        dir: TempDir,
        files: Files,
    }

    impl Fixture {
        fn new(path: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut files = Files::default();
            files.follow(vec![followed(&dir.path().join(path), None)], true);
            Self { dir, files }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// The next number that differs from the one before.
        async fn next(&mut self) -> i32 {
            match self.files.next().await.1 {
                Reading::Number(number) => number,
                reading @ Reading::TooLarge(_) => panic!("{reading:?}"),
            }
        }

        async fn nothing(&mut self) {
            let told = tokio::time::timeout(Duration::from_millis(200), self.files.next()).await;
            assert!(told.is_err(), "{told:?}");
        }
    }

    #[test]
    fn a_file_is_read_when_it_is_closed_moved_and_removed() {
        block_on(async {
            let mut fixture = Fixture::new("f");
            assert_eq!(fixture.next().await, 0);
            write(fixture.path("f"), "7\n").unwrap();
            assert_eq!(fixture.next().await, 7);
            let mut open = File::create(fixture.path("f")).unwrap();
            open.write_all(b"8").unwrap();
            fixture.nothing().await;
            drop(open);
            assert_eq!(fixture.next().await, 8);
            write(fixture.path("g"), "9").unwrap();
            rename(fixture.path("g"), fixture.path("f")).unwrap();
            assert_eq!(fixture.next().await, 9);
            rename(fixture.path("f"), fixture.path("g")).unwrap();
            assert_eq!(fixture.next().await, 0);
            rename(fixture.path("g"), fixture.path("f")).unwrap();
            assert_eq!(fixture.next().await, 9);
            remove_file(fixture.path("f")).unwrap();
            assert_eq!(fixture.next().await, 0);
            write(fixture.path("h"), "5").unwrap();
            std::fs::hard_link(fixture.path("h"), fixture.path("f")).unwrap();
            assert_eq!(fixture.next().await, 5);
        });
    }

    #[test]
    fn directories_may_come_later_and_go_and_come_again() {
        block_on(async {
            let mut fixture = Fixture::new("a/b/f");
            assert_eq!(fixture.next().await, 0);
            for number in [7, 8] {
                create_dir(fixture.path("a")).unwrap();
                create_dir(fixture.path("a/b")).unwrap();
                write(fixture.path("a/b/f"), number.to_string()).unwrap();
                assert_eq!(fixture.next().await, number);
                remove_dir_all(fixture.path("a")).unwrap();
                assert_eq!(fixture.next().await, 0);
            }
            create_dir(fixture.path("a")).unwrap();
            create_dir(fixture.path("x")).unwrap();
            write(fixture.path("x/f"), "9").unwrap();
            rename(fixture.path("x"), fixture.path("a/b")).unwrap();
            assert_eq!(fixture.next().await, 9);
        });
    }

    /// As Kubernetes replaces the files of a ConfigMap.
    #[test]
    fn a_link_on_the_way_may_lead_elsewhere() {
        block_on(async {
            let mut fixture = Fixture::new("f");
            assert_eq!(fixture.next().await, 0);
            for number in ["3", "4"] {
                create_dir(fixture.path(number)).unwrap();
                write(fixture.path(number).join("f"), number).unwrap();
            }
            symlink("3", fixture.path("data")).unwrap();
            symlink("data/f", fixture.path("f")).unwrap();
            assert_eq!(fixture.next().await, 3);
            symlink("4", fixture.path("new")).unwrap();
            rename(fixture.path("new"), fixture.path("data")).unwrap();
            assert_eq!(fixture.next().await, 4);
            write(fixture.path("4/f"), "5").unwrap();
            assert_eq!(fixture.next().await, 5);
            write(fixture.path("3/f"), "6").unwrap();
            fixture.nothing().await;
        });
    }

    #[test]
    fn links_in_a_ring_and_pipes_and_directories_say_0() {
        block_on(async {
            let mut fixture = Fixture::new("f");
            assert_eq!(fixture.next().await, 0);
            symlink("g", fixture.path("f")).unwrap();
            symlink("f", fixture.path("g")).unwrap();
            remove_file(fixture.path("f")).unwrap();
            nix::unistd::mkfifo(&fixture.path("f"), nix::sys::stat::Mode::S_IRWXU).unwrap();
            remove_file(fixture.path("f")).unwrap();
            create_dir(fixture.path("f")).unwrap();
            fixture.nothing().await;
        });
    }

    #[test]
    fn what_tells_no_changes_is_read_every_second() {
        block_on(async {
            let mut files = Files::default();
            files.follow(vec![followed(Path::new("/proc/self/stat"), None)], true);
            assert!(files.next().await.1 != Reading::ABSENT);
            assert!(files.files[0].path.unwatched().is_some());
        });
    }

    #[test]
    fn a_reload_keeps_what_is_the_same_and_reads_the_rest() {
        block_on(async {
            let mut fixture = Fixture::new("f");
            fixture.next().await;
            let same = followed(&fixture.path("f"), None);
            let other = TrackFile { name: "g".into(), ..(*same).clone() };
            fixture.files.follow(vec![same, Arc::new(other)], false);
            assert_eq!(fixture.files.next().await, ("g".to_owned(), Reading::ABSENT));
            fixture.files.follow(Vec::new(), false);
            write(fixture.path("f"), "7").unwrap();
            fixture.nothing().await;
        });
    }

    #[test]
    fn a_file_is_initialised_as_it_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let content = || std::fs::read_to_string(&path).unwrap_or_default();
        let init = |value, overwrite, at_start| {
            let init = InitFile { value, overwrite };
            initialise(&followed(&path, Some(init)), init, at_start);
        };
        init(7, false, false);
        assert_eq!(content(), "7\n");
        init(8, false, true);
        init(8, true, false);
        assert_eq!(content(), "7\n");
        init(8, true, true);
        assert_eq!(content(), "8\n");
        remove_file(&path).unwrap();
        create_dir(&path).unwrap();
        init(9, true, true);
        assert!(path.is_dir());
    }
}
