//! A configuration on its way from the process that has read it to one that runs it.
//!
//! What travels is not the result but everything that reading and judging has found out: files, names,
//! links, scripts. Whoever gets it comes to the very same configuration without looking at anything again,
//! so that a file that changes at the wrong moment cannot make one process run what another never saw.

use std::ffi::{CStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::value::ScriptCommand;
use crate::config::{Config, Loaded, Recording};
use crate::daemon::runner::Command;
use crate::daemon::script_security::{Approved, Refusal, Rules, Vetted, judge, vet_by};
use crate::sys::account::Account;
use crate::sys::memfd;

/// How the file is called in `/proc/PID/fd`, behind `/memfd:`.
pub const NAME: &CStr = c"vrrpd:configuration";

/// What leads to a configuration that can run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Handover {
    recording: Recording,
    commands: Vec<Verdict>,
}

/// What was found of a command of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Verdict {
    argv: Vec<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    /// What it is called as; `None`: it may not run.
    approved: Option<String>,
}

impl Verdict {
    fn is_of(&self, command: &ScriptCommand) -> bool {
        self.argv == command.argv && self.uid == command.uid && self.gid == command.gid
    }

    /// Why a command may not run has been told when it was found out.
    fn again(&self) -> Result<Approved, Refusal> {
        let account = Account { uid: self.uid.unwrap_or(0), gid: self.gid.unwrap_or(0) };
        match &self.approved {
            Some(name) => {
                let command = Command {
                    file: name.into(),
                    argv: vec![OsString::from(name)],
                    account,
                    groups: Vec::new(),
                };
                Ok(Approved { command, found_in_path: None, weakness: None })
            }
            None => Err(Refusal::NotAFile(PathBuf::new())),
        }
    }
}

impl Handover {
    /// Judges the commands of what has been read.
    pub(super) fn vet(loaded: Loaded, recording: Recording) -> (Vetted, Self) {
        let mut commands: Vec<Verdict> = Vec::new();
        let vetted = vet_by(loaded, &mut |command: &ScriptCommand, rules: Rules| {
            let judged = judge(command, rules);
            let name = judged.as_ref().ok().and_then(|approved| approved.command.argv.first());
            let approved = name.map(|name| name.to_string_lossy().into_owned());
            let ScriptCommand { argv, uid, gid } = command.clone();
            commands.push(Verdict { argv, uid, gid, approved });
            judged
        });
        (vetted, Self { recording, commands })
    }

    /// The configuration that it leads to.
    #[must_use]
    pub fn config(&self) -> Config {
        let mut ask = |command: &ScriptCommand, _| {
            let verdict = self.commands.iter().find(|verdict| verdict.is_of(command));
            verdict.map_or(Err(Refusal::NotAFile(PathBuf::new())), Verdict::again)
        };
        vet_by(self.recording.load(), &mut ask).config
    }

    /// Whether that looks like a part of a file only.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.recording.load().doubt().is_some()
    }

    /// The reading.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Makes it a file that can be passed on and never changes.
    ///
    /// # Errors
    /// When memory or descriptors run out.
    pub fn seal(&self) -> io::Result<OwnedFd> {
        memfd::sealed(NAME, &serde_json::to_vec(self)?)
    }

    /// From such a file, whatever its offset.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(file: OwnedFd) -> io::Result<Self> {
        let file = File::from(file);
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Anywhere;
    use crate::config::record;
    use crate::config::source::MemoryFiles;
    use std::path::Path;

    #[test]
    fn what_is_handed_over_is_what_was_accepted_though_scripts_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let late = dir.path().join("late.sh");
        let text = format!(
            "global_defs {{\n script_user root\n}}\nvrrp_script good {{\n script true\n}}\n\
             vrrp_script late {{\n script {}\n}}\nvrrp_instance A {{\n interface eth0\n virtual_router_id 1\n \
             track_script {{\n good\n late\n }}\n notify_master /bin/false\n virtual_ipaddress {{\n 10.0.0.1\n }}\n}}\n",
            late.display()
        );
        let files = MemoryFiles::single("/k.conf", text);
        let (loaded, recording) = record(Path::new("/k.conf"), &files, &Anywhere);
        let (vetted, handover) = Handover::vet(loaded, recording);
        assert_eq!(vetted.config.scripts.len(), 1, "one is not there yet");
        std::fs::write(&late, "#!/bin/sh\n").unwrap();
        let arrived = Handover::open(handover.seal().unwrap()).unwrap();
        assert_eq!(arrived.config(), vetted.config);
        assert_eq!(arrived.recording().main(), Path::new("/k.conf"));
    }
}
