//! The machine that we run on, as a configuration is checked against it.

use crate::config::environment::{
    Account, Environment, Fact, KeyFile, LONGEST_KEY_FILE, LinkFacts, NameDirectories, NameFile,
};
use crate::daemon::names::NameFiles;
use crate::daemon::options::Options;
use crate::sys::account;
use crate::sys::netlink::{LinkInfo, link_info, link_names};
use crate::types::{IfName, Secret};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Answers from the kernel and the user database at the moment of the first question, and what the command
/// line adds to them.
#[derive(Debug)]
pub struct Machine {
    config_id: String,
    host_name: String,
    all_config: bool,
    working_directory: PathBuf,
    random_seed: u64,
    names: NameFiles,
    /// Asked once: thousands of instances share a link, and are to be judged by one and the same.
    links: Mutex<BTreeMap<IfName, Fact<LinkInfo>>>,
}

impl Machine {
    /// This machine, for one reading of the configuration.
    #[must_use]
    pub fn with_options(options: &Options) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            config_id: options.config_id.clone(),
            host_name: nix::unistd::gethostname()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            all_config: options.all_config,
            working_directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            random_seed: now.as_secs() ^ (u64::from(now.subsec_nanos()) << 32),
            names: NameFiles::default(),
            links: Mutex::default(),
        }
    }

    fn link_info(&self, name: &IfName) -> Fact<LinkInfo> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        *links.entry(name.clone()).or_insert_with(|| fact(link_info(name)))
    }
}

impl Environment for Machine {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        self.link_info(name).map(|info| LinkFacts {
            mtu: Some(info.mtu),
            loopback: info.loopback,
            ethernet: info.ethernet,
            multicast: info.multicast,
            index: Some(info.index),
            mac: info.mac,
            stacked: info.stacked,
            base: info.base,
        })
    }

    fn link_names(&self) -> Vec<String> {
        link_names().unwrap_or_default()
    }

    fn vrf_table(&self, name: &IfName) -> Fact<u32> {
        self.link_info(name).and_then(|info| info.vrf_table)
    }

    fn user(&self, name: &str) -> Fact<Account> {
        let numbers = |account: account::Account| Account { uid: account.uid, gid: account.gid };
        fact(account::user(name).map(|found| found.map(numbers)))
    }

    fn group(&self, name: &str) -> Fact<u32> {
        fact(account::group(name))
    }

    fn number(&self, file: NameFile, directories: &NameDirectories, name: &str) -> Option<u32> {
        self.names.number(file, directories, name)
    }

    fn key_file(&self, path: &Path) -> Fact<KeyFile> {
        read_key_file(path).map_or(Fact::Absent, Fact::Known)
    }

    fn cpus(&self) -> Option<u32> {
        let count = std::thread::available_parallelism().ok()?;
        u32::try_from(count.get()).ok()
    }

    fn host_name(&self) -> Option<&str> {
        Some(self.host_name.as_str()).filter(|name| !name.is_empty())
    }

    fn config_id(&self) -> Option<&str> {
        Some(&self.config_id)
    }

    fn working_directory(&self) -> &Path {
        &self.working_directory
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn random_seed(&self) -> u64 {
        self.random_seed
    }

    fn all_includes_must_be_there(&self) -> bool {
        self.all_config
    }
}

/// One pass over a plain file, with what anybody else may do to it; nothing that could make us wait is opened.
fn read_key_file(path: &Path) -> io::Result<KeyFile> {
    const GROUP_AND_OTHERS: u32 = 0o077;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Room for all of it from the start: a buffer that grew would leave copies behind.
    let most = LONGEST_KEY_FILE + 1;
    let mut bytes = Vec::with_capacity(most + 1);
    file.take(most as u64).read_to_end(&mut bytes)?;
    let secret = Secret::new(bytes);
    let text = (secret.expose().len() < most).then_some(secret);
    Ok(KeyFile { text, exposed: metadata.mode() & GROUP_AND_OTHERS != 0 })
}

/// What cannot be found out is not held against the configuration.
fn fact<T>(answer: io::Result<Option<T>>) -> Fact<T> {
    match answer {
        Ok(Some(value)) => Fact::Known(value),
        Ok(None) => Fact::Absent,
        Err(_) => Fact::Unchecked,
    }
}
