//! A path that is followed: which directories to watch, so that nothing is missed that changes the file it
//! leads to.
//!
//! Watched is every place where a path can begin to mean another file: the directory of the file, that of
//! each symbolic link on the way, and where something is missing, the directory that it would be made in.

use crate::sys::filesystem;
use crate::sys::inotify::{EntryChange, Happening, Watch, Watched};
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// How often a file is to be read that cannot be watched.
pub const READ_INTERVAL: Duration = Duration::from_secs(1);

/// As many symbolic links as the kernel follows in one path.
const MOST_LINKS: usize = 40;

/// An entry of a directory that decides what a path means.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Place {
    directory: PathBuf,
    name: OsString,
    /// The whole path leads here: it is the file, or where it would be.
    is_end: bool,
}

/// The path, and what is watched of it.
#[derive(Debug)]
pub struct FollowedPath {
    path: PathBuf,
    watches: Vec<(Watch, Place)>,
    unwatched: Option<String>,
}

impl FollowedPath {
    /// Not watched yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), watches: Vec::new(), unwatched: None }
    }

    /// As it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sees that the right places are watched. Gives what was watched before, of which another path may still
    /// need some.
    pub fn watch(&mut self, directories: Option<&Watched>) -> BTreeSet<Watch> {
        let mut old: BTreeSet<Watch> = self.watches().collect();
        let mut places = places(&self.path);
        let mut watched = watch_places(directories, &places);
        // Something may change between looking where to watch and watching there.
        for _ in 0..MOST_LINKS {
            let again = self::places(&self.path);
            if again == places {
                break;
            }
            old.extend(watched.iter().flatten().map(|(watch, _)| *watch));
            places = again;
            watched = watch_places(directories, &places);
        }
        self.unwatched = match &watched {
            Err(error) => Some(format!("cannot be watched ({error})")),
            Ok(_) if filesystem::tells_no_changes(&self.path) => {
                Some("is where nobody tells of changes".to_owned())
            }
            Ok(_) => None,
        };
        self.watches = watched.unwrap_or_default();
        old
    }

    /// What is watched.
    pub fn watches(&self) -> impl Iterator<Item = Watch> {
        self.watches.iter().map(|(watch, _)| *watch)
    }

    /// Why not everything about it can be watched, if that is so.
    #[must_use]
    pub fn unwatched(&self) -> Option<&str> {
        self.unwatched.as_deref()
    }

    /// Whether the file may be another now, or say something else. `Some(true)`: it has only just been made
    /// under its name.
    #[must_use]
    pub fn hears(&self, happening: &Happening) -> Option<bool> {
        match happening {
            Happening::Missed => Some(false),
            Happening::Ended(ended) => self.watches().any(|watch| watch == *ended).then_some(false),
            Happening::Entry(directory, name, change) => {
                let mut watches = self.watches.iter();
                let (_, place) = watches.find(|(watch, place)| watch == directory && place.name == *name)?;
                Some(place.is_end && *change == EntryChange::Made)
            }
        }
    }

    /// A plain file that has no other name, and so not one that was made under another and linked here: if it
    /// has just been made, whoever has made it is going to write it, and is heard when that is done.
    #[must_use]
    pub fn is_being_made(&self) -> bool {
        std::fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 1)
    }
}

fn watch_places(directories: Option<&Watched>, places: &[Place]) -> io::Result<Vec<(Watch, Place)>> {
    let Some(directories) = directories else { return Err(io::ErrorKind::Unsupported.into()) };
    let watch = |place: &Place| Ok((directories.watch(&place.directory)?, place.clone()));
    places.iter().map(watch).collect()
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
