//! Who this daemon is among others of its kind: namespace, names, pid files.
//!
//! The command line says it, and where that is silent the configuration that the daemon starts with. A
//! reload changes nothing of it.

use std::path::PathBuf;

use crate::config::block::{DaemonDefs, GlobalDefs};
use crate::daemon::options::{Options, PID_DIRECTORY};

/// What tells this daemon from others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// `-s`, `net_namespace`: the network namespace that it runs in.
    pub namespace: Option<String>,
    /// `instance`: its name.
    pub instance: Option<String>,
    /// `-p`, `-r`, `-c`.
    pub pid_files: PidFiles,
}

/// Where each process leaves its number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PidFiles {
    /// The parent.
    pub parent: PathBuf,
    /// The VRRP child.
    pub vrrp: PathBuf,
    /// The checker child.
    pub checkers: PathBuf,
}

impl Identity {
    /// From the command line and the globals of the first configuration.
    #[must_use]
    pub fn new(options: &Options, defs: &DaemonDefs) -> Self {
        let namespace = options.namespace.clone().or_else(|| defs.net_namespace.clone());
        let instance = defs.instance.clone();
        // Each network namespace has a directory of its own, so that each can have a daemon.
        let directory = match &namespace {
            Some(name) => PathBuf::from(PID_DIRECTORY).join(name),
            None if instance.is_some() || defs.use_pid_dir => PathBuf::from(PID_DIRECTORY),
            None => PathBuf::from("/run"),
        };
        let suffix = instance.as_ref().map_or(String::new(), |name| format!("_{name}"));
        let file = |given: &Option<PathBuf>, name: &str| {
            given.clone().unwrap_or_else(|| directory.join(format!("{name}{suffix}.pid")))
        };
        let given = &options.pid_files;
        let pid_files = PidFiles {
            parent: file(&given.parent, "keepalived"),
            vrrp: file(&given.vrrp, "vrrp"),
            checkers: file(&given.checkers, "checkers"),
        };
        Self { namespace, instance, pid_files }
    }

    /// The name in syslog: `Keepalived_vrrp_NAMESPACE_INSTANCE`.
    #[must_use]
    pub fn ident(&self, base: &str) -> String {
        self.parts().fold(base.to_owned(), |ident, part| ident + "_" + part)
    }

    /// The name of a dump of the state: `keepalived.data`, or with `data_use_instance`
    /// `keepalived.NAMESPACE_INSTANCE.data`.
    #[must_use]
    pub fn data_file(&self, stem: &str, global: &GlobalDefs) -> String {
        let parts: Vec<&str> = self.parts().collect();
        match parts.as_slice() {
            [_, ..] if global.files.data_use_instance => format!("{stem}.{}.data", parts.join("_")),
            _ => format!("{stem}.data"),
        }
    }

    /// What a configuration says otherwise, in keepalived's words: it cannot be reloaded.
    #[must_use]
    pub fn contradictions(&self, options: &Options, before: &GlobalDefs, after: &GlobalDefs) -> Vec<String> {
        let new = Self::new(options, &after.daemon);
        // Without `nftables` there may be a table all the same, made because something needed it.
        let renamed = |before: &Option<String>, after: &Option<String>| {
            before.as_ref().zip(after.as_ref()).is_some_and(|(before, after)| before != after)
        };
        let changed = [
            (new.namespace != self.namespace, "network namespace"),
            (before.daemon.net_namespace_ipvs != after.daemon.net_namespace_ipvs, "IPVS network namespace"),
            (new.instance != self.instance, "instance name"),
            (renamed(&before.firewall.table, &after.firewall.table), "nftables table name"),
            (before.firewall.ipvs_table != after.firewall.ipvs_table, "IPVS nftables table name"),
            (before.disable_local_igmp != after.disable_local_igmp, "disable_local_igmp"),
        ];
        let line = |what: &str| format!("Cannot change {what} at a reload - please restart keepalived");
        changed.into_iter().filter(|(changed, _)| *changed).map(|(_, what)| line(what)).collect()
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.namespace.as_deref().into_iter().chain(self.instance.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn defs(namespace: Option<&str>, instance: Option<&str>) -> DaemonDefs {
        DaemonDefs {
            net_namespace: namespace.map(str::to_owned),
            instance: instance.map(str::to_owned),
            ..DaemonDefs::default()
        }
    }

    /// oracle: keepalived 2.2.7, files and lines seen.
    #[test]
    fn names_say_namespace_and_instance() {
        let options = Options::default();
        let both = Identity::new(&options, &defs(Some("blue"), Some("inst1")));
        assert_eq!(both.pid_files.parent, Path::new("/run/keepalived/blue/keepalived_inst1.pid"));
        assert_eq!(both.pid_files.vrrp, Path::new("/run/keepalived/blue/vrrp_inst1.pid"));
        assert_eq!(both.ident("Keepalived_vrrp"), "Keepalived_vrrp_blue_inst1");
        let mut global = GlobalDefs::default();
        assert_eq!(both.data_file("keepalived_parent", &global), "keepalived_parent.data");
        global.files.data_use_instance = true;
        assert_eq!(both.data_file("keepalived", &global), "keepalived.blue_inst1.data");
        let one = Identity::new(&options, &defs(None, Some("x")));
        assert_eq!(one.pid_files.vrrp, Path::new("/run/keepalived/vrrp_x.pid"));
        let none = Identity::new(&options, &defs(None, None));
        assert_eq!(none.pid_files.vrrp, Path::new("/run/vrrp.pid"));
        assert_eq!(
            (none.ident("K"), none.data_file("keepalived", &global)),
            ("K".into(), "keepalived.data".into())
        );
    }

    #[test]
    fn the_command_line_wins() {
        let mut options = Options { namespace: Some("red".to_owned()), ..Options::default() };
        options.pid_files.vrrp = Some("v".into());
        let identity = Identity::new(&options, &defs(Some("blue"), None));
        assert_eq!(identity.namespace.as_deref(), Some("red"));
        assert_eq!(identity.pid_files.vrrp, Path::new("v"));
        let changed = GlobalDefs { daemon: defs(Some("green"), Some("i")), ..GlobalDefs::default() };
        // oracle: keepalived 2.2.7
        assert_eq!(
            identity.contradictions(&options, &GlobalDefs::default(), &changed),
            ["Cannot change instance name at a reload - please restart keepalived"]
        );
    }
}
