//! Files that are followed: which directories to watch for each, and when to read it.
//!
//! Watched is every place where a path can begin to mean another file: the directory of the file, that of
//! each symbolic link on the way, and where something is missing, the directory that it would be made in.
//! What cannot be watched is read once a second.

use super::sleep_until;
use crate::config::block::{InitFile, TrackFile};
use crate::sys::filesystem;
use crate::sys::inotify::{Directories, EntryChange, Happening, Watch};
use crate::track::Reading;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a file is read that cannot be watched.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// As many symbolic links as the kernel follows in one path.
const MOST_LINKS: usize = 40;

/// As many bytes of a file as keepalived reads.
const NUMBER_BYTES: u64 = 127;

/// An entry of a directory that decides what a path means.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Place {
    directory: PathBuf,
    name: OsString,
    /// The whole path leads here: it is the file, or where it would be.
    is_end: bool,
}

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
    watches: Vec<(Watch, Place)>,
    /// Not everything about it can be watched.
    unwatched: bool,
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
                FollowedFile { config, watches: Vec::new(), unwatched: false, last: None }
            });
            self.files.push(file);
        }
        for index in 0..self.files.len() {
            if self.files[index].last.is_none() {
                self.look(index, false);
            }
        }
        self.unwatch(old.into_iter().flat_map(|file| file.watches).map(|(watch, _)| watch).collect());
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
            let unwatched = self.files.iter().any(|file| file.unwatched);
            self.next_reading = match self.next_reading {
                _ if !unwatched => None,
                None => Some(Instant::now() + READ_INTERVAL),
                known => known,
            };
            tokio::select! {
                happenings = happenings(self.directories.as_ref()) => self.on_happenings(happenings),
                () = sleep_until(self.next_reading) => {
                    self.next_reading = None;
                    self.look_at(|file| file.unwatched);
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
            match happening {
                Happening::Missed => self.look_at(|_| true),
                Happening::Ended(ended) => {
                    self.look_at(|file| file.watches.iter().any(|(watch, _)| *watch == ended));
                }
                Happening::Entry(directory, name, change) => self.on_entry(directory, &name, change),
            }
        }
    }

    fn on_entry(&mut self, directory: Watch, name: &OsStr, change: EntryChange) {
        for index in 0..self.files.len() {
            let watches = &self.files[index].watches;
            let found = watches.iter().find(|(watch, place)| *watch == directory && place.name == name);
            if let Some((_, place)) = found {
                let just_made = place.is_end && change == EntryChange::Made;
                self.look(index, just_made);
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
        let path = Path::new(&file.config.path);
        if just_made && is_being_made(path) {
            return;
        }
        let reading = read(path);
        if file.last.replace(reading) != Some(reading) {
            self.news.push_back((file.config.name.clone(), reading));
        }
    }

    /// Something may change between looking where to watch and watching there.
    fn watch(&mut self, index: usize) {
        let path = PathBuf::from(&self.files[index].config.path);
        let mut old: BTreeSet<Watch> = self.files[index].watches.iter().map(|(watch, _)| *watch).collect();
        let mut places = places(&path);
        let mut watched = self.watch_places(&places);
        for _ in 0..MOST_LINKS {
            let again = self::places(&path);
            if again == places {
                break;
            }
            old.extend(watched.iter().flatten().map(|(watch, _)| *watch));
            places = again;
            watched = self.watch_places(&places);
        }
        let file = &mut self.files[index];
        let was_unwatched = file.unwatched;
        file.unwatched = watched.is_err() || filesystem::tells_no_changes(&path);
        if file.unwatched && !was_unwatched {
            let why = match &watched {
                Err(error) => format!("cannot be watched ({error})"),
                Ok(_) => "is where nobody tells of changes".to_owned(),
            };
            tracing::info!("Track file {} {why}: it is read every second", file.config.name);
        }
        file.watches = watched.unwrap_or_default();
        self.unwatch(old);
    }

    fn watch_places(&self, places: &[Place]) -> io::Result<Vec<(Watch, Place)>> {
        let Some(directories) = &self.directories else { return Err(io::ErrorKind::Unsupported.into()) };
        let watch = |place: &Place| Ok((directories.watch(&place.directory)?, place.clone()));
        places.iter().map(watch).collect()
    }

    /// Watches none of these any longer that no file needs.
    fn unwatch(&self, watches: BTreeSet<Watch>) {
        let Some(directories) = &self.directories else { return };
        let needed: BTreeSet<Watch> =
            self.files.iter().flat_map(|file| &file.watches).map(|(watch, _)| *watch).collect();
        watches.difference(&needed).for_each(|watch| directories.unwatch(*watch));
    }
}

async fn happenings(directories: Option<&Directories>) -> io::Result<Vec<Happening>> {
    match directories {
        Some(directories) => directories.next().await,
        None => std::future::pending().await,
    }
}

/// A plain file that has no other name: not one that was made under another and linked here.
fn is_being_made(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 1)
}

/// Everywhere that the meaning of a path is decided: symbolic links, what is missing, and the file itself.
fn places(path: &Path) -> Vec<Place> {
    let mut places = Vec::new();
    let mut ahead: VecDeque<OsString> = VecDeque::new();
    let mut here = PathBuf::from("/");
    let mut links = 0;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    push_front(&mut ahead, &absolute);
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let metadata = std::fs::symlink_metadata(&next);
        let link = std::fs::read_link(&next).ok().filter(|_| links < MOST_LINKS);
        let is_directory = metadata.as_ref().is_ok_and(std::fs::Metadata::is_dir);
        let is_end = ahead.is_empty();
        if is_end || link.is_some() || !is_directory {
            places.push(Place { directory: here.clone(), name, is_end });
        }
        match link {
            Some(target) => {
                links += 1;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                push_front(&mut ahead, &target);
            }
            None if is_directory => here = next,
            None => break,
        }
    }
    places
}

/// Puts the names in a path before those that are still to be looked at.
fn push_front(ahead: &mut VecDeque<OsString>, path: &Path) {
    let names: Vec<OsString> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect();
    names.into_iter().rev().for_each(|name| ahead.push_front(name));
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
            assert!(files.files[0].unwatched);
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
