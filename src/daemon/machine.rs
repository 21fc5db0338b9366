//! The machine that we run on, as a configuration is checked against it.

use crate::config::environment::{Account, Environment, Fact, LinkFacts};
use crate::daemon::options::Options;
use crate::sys::{account, link_info};
use crate::types::IfName;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Answers from the kernel and the user database at the moment of the question, and what the command
/// line adds to them.
#[derive(Clone, Debug)]
pub struct Machine {
    config_id: String,
    all_config: bool,
    working_directory: PathBuf,
    random_seed: u64,
}

impl Machine {
    /// This machine, for one reading of the configuration.
    #[must_use]
    pub fn with_options(options: &Options) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            config_id: options.config_id.clone(),
            all_config: options.all_config,
            working_directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            random_seed: now.as_secs() ^ (u64::from(now.subsec_nanos()) << 32),
        }
    }
}

impl Environment for Machine {
    fn link(&self, name: &IfName) -> Fact<LinkFacts> {
        let facts = |info: link_info::LinkInfo| LinkFacts { mtu: Some(info.mtu), loopback: info.loopback };
        fact(link_info::link_info(name).map(|info| info.map(facts)))
    }

    fn user(&self, name: &str) -> Fact<Account> {
        let numbers = |account: account::Account| Account { uid: account.uid, gid: account.gid };
        fact(account::user(name).map(|found| found.map(numbers)))
    }

    fn group(&self, name: &str) -> Fact<u32> {
        fact(account::group(name))
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

/// What cannot be found out is not held against the configuration.
fn fact<T>(answer: io::Result<Option<T>>) -> Fact<T> {
    match answer {
        Ok(Some(value)) => Fact::Known(value),
        Ok(None) => Fact::Absent,
        Err(_) => Fact::Unchecked,
    }
}
