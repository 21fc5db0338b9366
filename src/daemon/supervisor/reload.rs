//! Another configuration takes the place of the one that runs, or it stays.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use super::late_accounts::LateAccounts;
use super::timed_reload::TimedReload;
use super::{Coming, Phase, Reload, Supervisor, Vrrp, tell_service_manager};
use crate::config::block::ReloadFile;
use crate::daemon::configuration::{self, Accepted, Reading};
use crate::daemon::machine::Machine;
use crate::sys::sd_notify;

impl Supervisor {
    /// A file that cannot run changes nothing: it is the child's turn only when it can.
    pub(super) fn on_reload(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        if self.reload != Reload::Idle {
            tracing::info!("Reload already in progress, request queued");
            self.reload = Reload::Again;
            return;
        }
        tracing::info!("Reloading ...");
        tell_service_manager(&format!("RELOADING=1\nMONOTONIC_USEC={}", sd_notify::monotonic_usec()));
        self.reload = Reload::UnderWay;
        self.make_reload_file();
        tracing::info!("Configuration file {}", self.options.config_file.display());
        let reading = configuration::read(&self.options);
        self.saved.save(&reading);
        self.go_on_with(reading);
    }

    /// Users or groups that a configuration names may be made after it was read: what runs then is what a
    /// daemon that is started now would run, of the file as it was read.
    pub(super) fn look_for_late_accounts(&mut self, now: Instant) {
        let Some(recording) = self.late.look(now, &Machine::with_options(&self.options)) else { return };
        tracing::info!("Users or groups of the configuration are there now: taking it up again");
        self.reload = Reload::UnderWay;
        self.go_on_with(configuration::again(recording));
    }

    fn go_on_with(&mut self, reading: Reading) {
        match self.prepare(reading) {
            Ok(coming) => self.hand_over(coming),
            Err(reason) => self.on_reloaded(Err(reason)),
        }
    }

    fn make_reload_file(&mut self) {
        let path = match &self.config.global.files.reload_file {
            None => return,
            Some(ReloadFile::At(path)) => PathBuf::from(path),
            Some(ReloadFile::Customary) => self.identity.pid_files.parent.with_file_name("keepalived.reload"),
        };
        match std::fs::File::create(&path) {
            Ok(_) => self.reload_file = Some(path),
            Err(error) => tracing::warn!("Cannot create {}: {error}", path.display()),
        }
    }

    fn remove_reload_file(&mut self) {
        if let Some(path) = self.reload_file.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!("Cannot remove {}: {error}", path.display());
        }
    }

    /// Finds out whether what was read can run. The reason why not.
    fn prepare(&self, reading: Reading) -> Result<Coming, String> {
        let (lines, judged) = reading.judge();
        lines.iter().for_each(|line| tracing::info!("{line}"));
        if let Some(log) = &self.config.global.files.reload_check_config
            && let Err(error) =
                std::fs::write(log, lines.iter().map(|line| format!("{line}\n")).collect::<String>())
        {
            tracing::warn!("Cannot write {log}: {error}");
        }
        let accepted = judged.map_err(|refused| refused.reason)?;
        if let Some(objection) = accepted.objection(&self.config, self.doubtful) {
            return Err(objection);
        }
        let Accepted { config, handover, doubt, .. } = accepted;
        let contradictions = self.identity.contradictions(&self.options, &self.config.global, &config.global);
        contradictions.iter().for_each(|line| tracing::error!("{line}"));
        if let Some(first) = contradictions.into_iter().next() {
            return Err(first);
        }
        let sealed =
            handover.seal().map_err(|error| format!("the configuration cannot be handed over: {error}"))?;
        let late = LateAccounts::of(&handover);
        Ok(Coming { config, sealed, doubtful: doubt.is_some(), late })
    }

    /// The child's answer decides whether it is in force; without a child it is.
    fn hand_over(&mut self, coming: Coming) {
        let given = match &self.vrrp {
            Vrrp::Running(_, link) => link.give_configuration(coming.sealed.as_fd()),
            Vrrp::Unwanted | Vrrp::Due(_) => {
                self.coming = Some(coming);
                self.on_reloaded(Ok(()));
                if matches!(self.vrrp, Vrrp::Unwanted) && self.wants_vrrp() {
                    self.vrrp = Vrrp::Due(Instant::now());
                }
                return;
            }
        };
        match given {
            Ok(()) => self.coming = Some(coming),
            Err(error) => self.on_reloaded(Err(format!("the VRRP process cannot be reached: {error}"))),
        }
    }

    pub(super) fn on_reloaded(&mut self, result: Result<(), String>) {
        let again = self.reload == Reload::Again;
        self.reload = Reload::Idle;
        let coming = self.coming.take();
        self.remove_reload_file();
        match result {
            Ok(()) => {
                if let Some(Coming { config, sealed, doubtful, late }) = coming {
                    (self.config, self.sealed, self.doubtful) = (config, Some(sealed), doubtful);
                    self.late = late;
                }
                tracing::info!("Reload complete");
                tell_service_manager("READY=1\nSTATUS=Running");
            }
            Err(reason) => {
                tracing::error!("Reload failed, the previous configuration stays in force: {reason}");
                let reason = reason.replace('\n', " ");
                tell_service_manager(&format!(
                    "READY=1\nSTATUS=Running with the configuration before the last reload, which failed: {reason}"
                ));
            }
        }
        self.wait_for_the_time_of_a_reload();
        if again {
            self.on_reload();
        }
    }

    /// As the configuration in force has it.
    pub(super) fn wait_for_the_time_of_a_reload(&mut self) {
        self.timed = TimedReload::of(&self.config.global.files, SystemTime::now());
    }
}
