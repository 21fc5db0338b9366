//! What a reading of a configuration has asked of the world, and the answers: the same reading again,
//! elsewhere and later, comes to the same [`Config`](super::Config).

use super::environment::{Account, Environment, Fact, KeyFile, LinkFacts, NameDirectories, NameFile};
use super::load::{Loaded, load};
use super::source::{FileSource, ReadError};
use crate::types::{IfName, Secret};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that a reading has asked. Another version of this program may
/// have asked other questions: what has not been asked is not there, or taken to be in order.
#[derive(Clone, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recording {
    main: Name,
    #[serde(with = "pairs")]
    files: BTreeMap<Name, Result<Content, ReadError>>,
    globs: BTreeMap<String, Vec<Name>>,
    links: BTreeMap<String, Fact<LinkFacts>>,
    link_names: Vec<String>,
    vrfs: BTreeMap<String, Fact<u32>>,
    users: BTreeMap<String, Fact<Account>>,
    groups: BTreeMap<String, Fact<u32>>,
    #[serde(with = "pairs")]
    numbers: BTreeMap<(NameFile, NameDirectories, String), Option<u32>>,
    #[serde(with = "pairs")]
    key_files: BTreeMap<Name, Fact<KeyFile>>,
    variables: BTreeMap<String, Option<String>>,
    cpus: Option<u32>,
    host_name: Option<String>,
    config_id: Option<String>,
    working_directory: Name,
    random_seed: u64,
    all_includes_must_be_there: bool,
}

/// A path, of whatever bytes.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Raw(OsString),
}

impl Default for Name {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Name {
    fn of(path: &Path) -> Self {
        path.to_str().map_or_else(|| Self::Raw(path.into()), |text| Self::Text(text.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Text(text) => Path::new(text),
            Self::Raw(bytes) => Path::new(bytes),
        }
    }
}

/// What a file holds; most hold text.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Raw(Vec<u8>),
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Raw(error.into_bytes()), Self::Text)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Raw(bytes) => bytes,
        }
    }
}

/// Maps whose keys are no text.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

/// For [`KeyFile`]: a recording is as secret as what it has read.
pub(super) mod secret {
    use super::{Content, Secret};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::config) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(|secret| Content::of(secret.expose().to_vec())).serialize(serializer)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        let content = Option::<Content>::deserialize(deserializer)?;
        Ok(content.map(|content| Secret::new(content.bytes().to_vec())))
    }
}

/// [`load`], and all that it has asked.
#[must_use]
pub fn record(path: &Path, files: &dyn FileSource, environment: &dyn Environment) -> (Loaded, Recording) {
    let recording = Recording {
        main: Name::of(path),
        cpus: environment.cpus(),
        host_name: environment.host_name().map(str::to_owned),
        config_id: environment.config_id().map(str::to_owned),
        working_directory: Name::of(environment.working_directory()),
        random_seed: environment.random_seed(),
        all_includes_must_be_there: environment.all_includes_must_be_there(),
        ..Recording::default()
    };
    Recorder { files, environment, accounts: environment, recording: RefCell::new(recording) }.load(path)
}

impl Recording {
    /// The same reading again.
    #[must_use]
    pub fn load(&self) -> Loaded {
        load(self.main.path(), self, self)
    }

    /// Whether users or groups were asked for who are not there.
    #[must_use]
    pub fn misses_accounts(&self) -> bool {
        self.missed() > 0
    }

    /// The same reading as it would have been with those users and groups who have come since; `None`: nobody
    /// has.
    #[must_use]
    pub fn with_late_accounts(&self, accounts: &dyn Environment) -> Option<Self> {
        let mut known = self.clone();
        known.users.retain(|_, user| *user != Fact::Absent);
        known.groups.retain(|_, group| *group != Fact::Absent);
        let recorder = Recorder { files: self, environment: self, accounts, recording: RefCell::new(known) };
        let (_, recording) = recorder.load(self.main());
        (recording.missed() < self.missed()).then_some(recording)
    }

    fn missed(&self) -> usize {
        let users = self.users.values().filter(|user| **user == Fact::Absent).count();
        users + self.groups.values().filter(|group| **group == Fact::Absent).count()
    }

    /// The file that was read, without those that it includes.
    #[must_use]
    pub fn main(&self) -> &Path {
        self.main.path()
    }
}

impl fmt::Debug for Recording {
    /// Not what stands in the files: there are passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Recording({} and {} other files)",
            self.main.path().display(),
            self.files.len().saturating_sub(1)
        )
    }
}

impl FileSource for Recording {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        match self.files.get(&Name::of(path)) {
            Some(Ok(content)) => Ok(content.bytes().to_vec()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(ReadError::NotFound),
        }
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let found = self.globs.get(pattern).into_iter().flatten();
        found.map(|name| name.path().to_owned()).collect()
    }
}

fn answer<T: Clone>(answers: &BTreeMap<String, Fact<T>>, question: &str) -> Fact<T> {
    answers.get(question).cloned().unwrap_or(Fact::Unchecked)
}

impl Environment for Recording {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        answer(&self.links, name.as_str())
    }

    fn link_names(&self) -> Vec<String> {
        self.link_names.clone()
    }

    fn user(&self, name: &str) -> Fact<Account> {
        answer(&self.users, name)
    }

    fn group(&self, name: &str) -> Fact<u32> {
        answer(&self.groups, name)
    }

    fn number(&self, file: NameFile, directories: &NameDirectories, name: &str) -> Option<u32> {
        self.numbers.get(&(file, directories.clone(), name.to_owned())).copied().flatten()
    }

    fn vrf_table(&self, name: &IfName) -> Fact<u32> {
        answer(&self.vrfs, name.as_str())
    }

    fn key_file(&self, path: &Path) -> Fact<KeyFile> {
        self.key_files.get(&Name::of(path)).cloned().unwrap_or(Fact::Unchecked)
    }

    fn cpus(&self) -> Option<u32> {
        self.cpus
    }

    fn host_name(&self) -> Option<&str> {
        self.host_name.as_deref()
    }

    fn config_id(&self) -> Option<&str> {
        self.config_id.as_deref()
    }

    fn working_directory(&self) -> &Path {
        self.working_directory.path()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned().flatten()
    }

    fn random_seed(&self) -> u64 {
        self.random_seed
    }

    fn all_includes_must_be_there(&self) -> bool {
        self.all_includes_must_be_there
    }
}

/// Asks the world, and notes the answer. A question that comes again gets the same one.
struct Recorder<'a> {
    files: &'a dyn FileSource,
    environment: &'a dyn Environment,
    /// Who is asked for users and groups.
    accounts: &'a dyn Environment,
    recording: RefCell<Recording>,
}

impl Recorder<'_> {
    fn load(self, path: &Path) -> (Loaded, Recording) {
        let loaded = load(path, &self, &self);
        (loaded, self.recording.into_inner())
    }

    fn ask<K: Ord + Clone, T: Clone>(
        &self,
        noted: fn(&mut Recording) -> &mut BTreeMap<K, T>,
        question: K,
        ask: impl FnOnce() -> T,
    ) -> T {
        noted(&mut self.recording.borrow_mut()).entry(question).or_insert_with(ask).clone()
    }
}

impl FileSource for Recorder<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let read = || self.files.read(path).map(Content::of);
        self.ask(|noted| &mut noted.files, Name::of(path), read).map(|content| content.bytes().to_vec())
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let find = || self.files.glob(pattern).iter().map(|path| Name::of(path)).collect();
        let found: Vec<Name> = self.ask(|noted| &mut noted.globs, pattern.to_owned(), find);
        found.iter().map(|name| name.path().to_owned()).collect()
    }
}

impl Environment for Recorder<'_> {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        let ask = || self.environment.link(name);
        self.ask(|noted| &mut noted.links, name.as_str().to_owned(), ask)
    }

    fn link_names(&self) -> Vec<String> {
        let names = self.environment.link_names();
        self.recording.borrow_mut().link_names.clone_from(&names);
        names
    }

    fn user(&self, name: &str) -> Fact<Account> {
        self.ask(|noted| &mut noted.users, name.to_owned(), || self.accounts.user(name))
    }

    fn group(&self, name: &str) -> Fact<u32> {
        self.ask(|noted| &mut noted.groups, name.to_owned(), || self.accounts.group(name))
    }

    fn number(&self, file: NameFile, directories: &NameDirectories, name: &str) -> Option<u32> {
        let ask = || self.environment.number(file, directories, name);
        self.ask(|noted| &mut noted.numbers, (file, directories.clone(), name.to_owned()), ask)
    }

    fn vrf_table(&self, name: &IfName) -> Fact<u32> {
        let ask = || self.environment.vrf_table(name);
        self.ask(|noted| &mut noted.vrfs, name.as_str().to_owned(), ask)
    }

    fn key_file(&self, path: &Path) -> Fact<KeyFile> {
        self.ask(|noted| &mut noted.key_files, Name::of(path), || self.environment.key_file(path))
    }

    fn cpus(&self) -> Option<u32> {
        self.environment.cpus()
    }

    fn host_name(&self) -> Option<&str> {
        self.environment.host_name()
    }

    fn config_id(&self) -> Option<&str> {
        self.environment.config_id()
    }

    fn working_directory(&self) -> &Path {
        self.environment.working_directory()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.ask(|noted| &mut noted.variables, name.to_owned(), || self.environment.variable(name))
    }

    fn random_seed(&self) -> u64 {
        self.environment.random_seed()
    }

    fn all_includes_must_be_there(&self) -> bool {
        self.environment.all_includes_must_be_there()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Described;
    use crate::config::source::MemoryFiles;

    const FILE: &str = "$X=${_ENV WHO}\nvrrp_instance A {\n interface eth0\n virtual_router_id ${_RANDOM 1 200}\n \
                        auth_hmac {\n key 1 file:/k\n }\n virtual_ipaddress {\n 10.0.0.1\n }\n \
                        notify \"/x $X\" bob staff\n virtual_routes {\n 10.1.0.0/16 dev eth0 table blue\n }\n}\n\
                        include /e/*.conf\ninclude /none\n@here vrrp_script c {\n@here script /t\n@here }\n";

    fn machine() -> Described {
        let account = Account { uid: 7, gid: 8 };
        Described {
            links: Some([("eth0".to_owned(), LinkFacts::default())].into()),
            users: Some([("bob".to_owned(), account)].into()),
            groups: Some([("staff".to_owned(), 9)].into()),
            key_files: Some(
                [("/k".into(), KeyFile { text: Some(Secret::new(b"\xff\n".to_vec())), exposed: true })]
                    .into(),
            ),
            numbers: [((NameFile::Tables, "blue".to_owned()), 77)].into(),
            config_id: Some("here".to_owned()),
            variables: [("WHO".to_owned(), "me".to_owned())].into(),
            random_seed: 4711,
            ..Described::default()
        }
    }

    /// Of a world that is gone, nothing is asked again.
    #[test]
    fn a_recording_comes_to_the_same_in_another_world() {
        let files = MemoryFiles::single("/k.conf", FILE)
            .with("/e/1.conf", "vrrp_instance B {\n interface none\n virtual_router_id 3\n}\n")
            .with("/e/2.conf", b"# \xf4\x8f\xbd\x81 and \xe9\nbogus \xe9\n");
        let (loaded, recording) = record(Path::new("/k.conf"), &files, &machine());
        assert_eq!(loaded.config, load(Path::new("/k.conf"), &files, &machine()).config, "asked as before");
        let carried = serde_json::to_vec(&recording).unwrap();
        let carried: Recording = serde_json::from_slice(&carried).unwrap();
        assert_eq!(carried, recording);
        let again = carried.load();
        assert_eq!(again.config, loaded.config);
        assert_eq!(again.diagnostics, loaded.diagnostics);
        let text =
            |loaded: &Loaded| loaded.sources.files().map(|file| file.text().to_owned()).collect::<Vec<_>>();
        assert_eq!(text(&again), text(&loaded));
        assert!(!loaded.config.instances.is_empty() && !loaded.diagnostics.is_empty());
    }

    /// A script whose user is made later.
    #[test]
    fn who_comes_late_is_taken_into_the_same_reading() {
        let files = MemoryFiles::single("/k.conf", FILE);
        let nobody = Described { users: Some([].into()), groups: Some([].into()), ..machine() };
        let (loaded, recording) = record(Path::new("/k.conf"), &files, &nobody);
        assert!(recording.misses_accounts() && loaded.config.instances[0].notify.any.is_none());
        assert_eq!(recording.with_late_accounts(&nobody), None);
        let late = recording.with_late_accounts(&machine()).expect("bob and his group have come");
        let as_from_the_start = load(Path::new("/k.conf"), &files, &machine());
        assert_eq!(late.load().config, as_from_the_start.config);
        assert!(as_from_the_start.config.instances[0].notify.any.is_some());
    }

    /// Of a daemon that is older, and of one that is newer.
    #[test]
    fn a_recording_of_another_version_is_read_as_far_as_it_goes() {
        let recording: Recording = serde_json::from_str(r#"{"main":"/k.conf","later":[1]}"#).unwrap();
        assert_eq!((recording.main(), recording.load().run_exit_code()), (Path::new("/k.conf"), Some(6)));
    }

    #[test]
    fn a_recording_shows_nothing_of_what_it_has_read() {
        let (_, recording) =
            record(Path::new("/k.conf"), &MemoryFiles::single("/k.conf", "hunter2"), &machine());
        assert_eq!(format!("{recording:?}"), "Recording(/k.conf and 0 other files)");
    }
}
