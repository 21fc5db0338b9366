//! Facts about the machine that a configuration is checked against.
//!
//! The pure ring asks, it never looks: a file can be checked for a machine that is not this one.

use super::recording;
pub use crate::types::Stacked;
use crate::types::{IfIndex, IfName, MacAddr, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The answer to a question about the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Fact<T> {
    /// Nobody looked: whatever depends on it is taken to be in order.
    Unchecked,
    /// It is not there.
    Absent,
    /// It is there.
    Known(T),
}

impl<T> Fact<T> {
    /// The same answer about a part of what was asked for.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Fact<U> {
        self.and_then(|whole| Some(part(whole)))
    }

    /// The same, of a part that it need not have.
    pub fn and_then<U>(self, part: impl FnOnce(T) -> Option<U>) -> Fact<U> {
        match self {
            Self::Unchecked => Fact::Unchecked,
            Self::Absent => Fact::Absent,
            Self::Known(whole) => part(whole).map_or(Fact::Absent, Fact::Known),
        }
    }
}

/// What is asked of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LinkFacts {
    /// Bytes of the largest packet; `None` when not known (1500 is assumed).
    pub mtu: Option<u32>,
    /// `lo` and the like, on which no virtual router runs.
    pub loopback: bool,
    /// Its frames are Ethernet's: a VMAC can stand on it.
    pub ethernet: bool,
    /// It takes multicast.
    pub multicast: bool,
    /// The kernel's number of it.
    pub index: Option<IfIndex>,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// What it is on top of another link, if it is.
    pub stacked: Option<Stacked>,
    /// The number of the link below, if it is on top of one.
    pub base: Option<IfIndex>,
}

impl Default for LinkFacts {
    /// An Ethernet link of unknown size.
    fn default() -> Self {
        Self {
            mtu: None,
            loopback: false,
            ethernet: true,
            multicast: true,
            index: None,
            mac: None,
            stacked: None,
            base: None,
        }
    }
}

/// A file that holds a key.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct KeyFile {
    /// All that it holds; `None`: more than [`LONGEST_KEY_FILE`] bytes.
    #[serde(with = "recording::secret")]
    pub text: Option<Secret>,
    /// Its group or others may read, write or execute it.
    pub exposed: bool,
}

/// Bytes: the longest key in hexadecimal digits, its prefix, and newlines (keepalived's buffer).
pub const LONGEST_KEY_FILE: usize = 138;

/// What is asked of a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
}

/// A file that gives names to numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum NameFile {
    /// `rt_tables`: routing tables.
    Tables,
    /// `rt_protos`: who has installed a route.
    Protocols,
    /// `rt_scopes`: how far an address or a route reaches.
    Scopes,
    /// `rt_realms`: realms of routes.
    Realms,
    /// `rt_dsfield`: types of service.
    Dsfield,
    /// `group`: groups of interfaces.
    Groups,
    /// `/etc/protocols`: protocols on top of IP.
    IpProtocols,
}

/// Where the files of iproute2 are.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct NameDirectories {
    /// `iproute_usr_dir`: those of the distribution; `None`: where distributions put them.
    pub usr: Option<PathBuf>,
    /// `iproute_etc_dir`: those of this machine, which count first; `None`: `/etc/iproute2`.
    pub etc: Option<PathBuf>,
}

/// The machine, as far as a configuration is concerned.
pub trait Environment {
    /// An interface by name.
    fn link(&self, name: &IfName) -> Fact<LinkFacts>;
    /// The names of all interfaces, for suggestions; none when nobody looked.
    fn link_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// A user by name.
    fn user(&self, name: &str) -> Fact<Account>;
    /// A group by name.
    fn group(&self, name: &str) -> Fact<u32>;

    /// The number that a file gives to a name.
    fn number(&self, _file: NameFile, _directories: &NameDirectories, _name: &str) -> Option<u32> {
        None
    }

    /// The routing table of a VRF; absent when the interface is none.
    fn vrf_table(&self, _name: &IfName) -> Fact<u32> {
        Fact::Unchecked
    }

    /// The file behind `key ID file:PATH`.
    fn key_file(&self, _path: &Path) -> Fact<KeyFile> {
        Fact::Unchecked
    }

    /// How many CPUs are online; `None` when not known.
    fn cpus(&self) -> Option<u32> {
        None
    }

    /// The name of the machine: what `router_id` is without the keyword.
    fn host_name(&self) -> Option<&str> {
        None
    }

    /// What `@ID` lines are for and `${_INSTANCE}` is: `-i`, or the host name up to its first dot.
    fn config_id(&self) -> Option<&str> {
        None
    }

    /// Where relative paths start, for `${_PWD}`.
    fn working_directory(&self) -> &Path {
        Path::new("/")
    }

    /// A variable of the environment, for `${_ENV NAME}`.
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    /// What `${_RANDOM}` starts from. keepalived takes the time of day.
    fn random_seed(&self) -> u64 {
        0
    }

    /// `-e`: every `include` is an `includea`.
    fn all_includes_must_be_there(&self) -> bool {
        false
    }
}

/// A machine of which nothing is known: every name is taken to exist.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere;

impl Environment for Anywhere {
    fn link(&self, _: &IfName) -> Fact<LinkFacts> {
        Fact::Unchecked
    }

    fn user(&self, _: &str) -> Fact<Account> {
        Fact::Unchecked
    }

    fn group(&self, _: &str) -> Fact<u32> {
        Fact::Unchecked
    }
}

/// A machine described by lists: what the daemon collects before it reads the file, and what tests make up.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Interfaces; `None`: not checked.
    pub links: Option<BTreeMap<String, LinkFacts>>,
    /// Users; `None`: not checked.
    pub users: Option<BTreeMap<String, Account>>,
    /// Groups; `None`: not checked.
    pub groups: Option<BTreeMap<String, u32>>,
    /// Files that hold keys; `None`: not looked at.
    pub key_files: Option<BTreeMap<PathBuf, KeyFile>>,
    /// CPUs that are online; `None`: not checked.
    pub cpus: Option<u32>,
    /// The routing tables of VRFs.
    pub vrfs: BTreeMap<String, u32>,
    /// Names of numbers, beside those that every machine knows.
    pub numbers: BTreeMap<(NameFile, String), u32>,
    /// `-i`, or the host name up to its first dot.
    pub config_id: Option<String>,
    /// Where relative paths start; empty: at the root.
    pub working_directory: PathBuf,
    /// Variables of the environment.
    pub variables: BTreeMap<String, String>,
    /// What `${_RANDOM}` starts from.
    pub random_seed: u64,
    /// `-e`: every `include` is an `includea`.
    pub all_includes_must_be_there: bool,
}

fn look_up<T: Copy>(table: Option<&BTreeMap<String, T>>, name: &str) -> Fact<T> {
    match table {
        None => Fact::Unchecked,
        Some(table) => table.get(name).map_or(Fact::Absent, |value| Fact::Known(*value)),
    }
}

impl Environment for Described {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        look_up(self.links.as_ref(), name.as_str())
    }

    fn link_names(&self) -> Vec<String> {
        self.links.iter().flat_map(|links| links.keys().cloned()).collect()
    }

    fn user(&self, name: &str) -> Fact<Account> {
        look_up(self.users.as_ref(), name)
    }

    fn group(&self, name: &str) -> Fact<u32> {
        look_up(self.groups.as_ref(), name)
    }

    fn key_file(&self, path: &Path) -> Fact<KeyFile> {
        match &self.key_files {
            None => Fact::Unchecked,
            Some(files) => files.get(path).map_or(Fact::Absent, |file| Fact::Known(file.clone())),
        }
    }

    fn cpus(&self) -> Option<u32> {
        self.cpus
    }

    fn vrf_table(&self, name: &IfName) -> Fact<u32> {
        match (self.vrfs.get(name.as_str()), &self.links) {
            (Some(table), _) => Fact::Known(*table),
            (None, Some(_)) => Fact::Absent,
            (None, None) => Fact::Unchecked,
        }
    }

    fn number(&self, file: NameFile, _: &NameDirectories, name: &str) -> Option<u32> {
        self.numbers.get(&(file, name.to_owned())).copied()
    }

    fn config_id(&self) -> Option<&str> {
        self.config_id.as_deref()
    }

    fn working_directory(&self) -> &Path {
        if self.working_directory.as_os_str().is_empty() { Path::new("/") } else { &self.working_directory }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn random_seed(&self) -> u64 {
        self.random_seed
    }

    fn all_includes_must_be_there(&self) -> bool {
        self.all_includes_must_be_there
    }
}
