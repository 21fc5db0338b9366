//! Which commands of a configuration may run, and as what file.
//!
//! keepalived's rules (`check_script_secure`, seen on 2.2.7): a name without `/` is looked for in
//! `PATH`; symbolic links are resolved, and the resolved file is what is judged and executed (`use_symlink_paths`:
//! the path as written is executed, and judged as well); with
//! `enable_script_security` a command that root would run is refused when anybody else could have
//! changed it, which is asked of the file and of every directory above it. A check script that is
//! refused is dropped: it counts neither as good nor as bad.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::block::{GlobalDefs, Method, NotifyScripts, TrackEntry, Tracked};
use crate::config::source::SourceMap;
use crate::config::value::ScriptCommand;
use crate::config::{Class, Config, Diagnostic, Loaded, Lvs};
use crate::daemon::runner::Command;
use crate::sys::account::{self, Account};

const SET_UID: u32 = 0o4000;
const STICKY: u32 = 0o1000;
const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;

/// What may be run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approved {
    /// For the script runner.
    pub command: Command,
    /// It was not given as a path, but found here.
    pub found_in_path: Option<PathBuf>,
    /// Somebody other than root could change it, and nobody asked us to mind.
    pub weakness: Option<Weakness>,
}

/// A component of a path through which somebody other than root can change what root runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Weakness {
    /// The file or directory.
    pub component: PathBuf,
    /// Its owner.
    pub owner: Account,
    /// Its permission bits.
    pub mode: u32,
}

/// Why a command may not run.
#[derive(Debug)]
pub enum Refusal {
    /// No directory of `PATH` holds it.
    NotInPath(OsString),
    /// Its path leads nowhere.
    Inaccessible(PathBuf, io::Error),
    /// It is a directory, a socket…
    NotAFile(PathBuf),
    /// Its mode does not let the account execute it.
    NotExecutable(PathBuf, Account),
    /// Somebody other than root could change it.
    Insecure(PathBuf, Weakness),
}

impl Refusal {
    /// keepalived's reason in `Disabling track script … `, which knows only two.
    fn disabling(&self) -> &'static str {
        match self {
            Self::NotInPath(_) | Self::Inaccessible(..) => "since not found/accessible",
            Self::NotAFile(_) | Self::NotExecutable(..) | Self::Insecure(..) => "due to insecure",
        }
    }

    fn diagnostic(&self) -> Diagnostic {
        let (id, message) = match self {
            Self::NotInPath(name) => {
                ("script-missing", format!("no directory of `PATH` holds `{}`", name.display()))
            }
            Self::Inaccessible(path, error) => {
                ("script-missing", format!("`{}` cannot be run: {}", path.display(), reason(error)))
            }
            Self::NotAFile(path) => ("script-missing", format!("`{}` is not a file", path.display())),
            Self::NotExecutable(path, Account { uid, gid }) => {
                ("script-not-executable", format!("`{}` cannot be executed by {uid}:{gid}", path.display()))
            }
            Self::Insecure(path, _) => (
                "script-unsafe",
                format!("somebody other than root can change `{}`, which root would run", path.display()),
            ),
        };
        let problem = remark(id, message, self.to_string());
        match self {
            Self::Insecure(_, weakness) => {
                problem.classic(weakness.to_string()).help(weakness.to_string().trim_start())
            }
            _ => problem,
        }
    }
}

impl fmt::Display for Refusal {
    /// keepalived's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInPath(name) => write!(f, "Cannot find script {} in path - disabling", name.display()),
            Self::Inaccessible(path, error) => {
                write!(f, "Script {} cannot be accessed - {}", path.display(), reason(error))
            }
            Self::NotAFile(path) => write!(f, "Wrong file type found in script path '{}'.", path.display()),
            Self::NotExecutable(path, Account { uid, gid }) => {
                write!(
                    f,
                    "WARNING - script '{}' is not executable for uid:gid {uid}:{gid} - disabling.",
                    path.display()
                )
            }
            Self::Insecure(path, _) => {
                write!(f, "Unsafe permissions found for script '{}' - disabling.", path.display())
            }
        }
    }
}

impl fmt::Display for Weakness {
    /// Names the component, its owner and mode, and the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, owner, mode } = self;
        let path = component.display();
        let (user, group) = (account::user_label(owner.uid), account::group_label(owner.gid));
        write!(f, "  `{path}` belongs to {user}:{group} and has mode {mode:04o}, so ")?;
        if owner.uid != 0 {
            write!(f, "{user} can change what root runs; mend it with `chown root {path}`")
        } else if mode & OTHER_WRITE != 0 {
            write!(f, "anybody can change what root runs; mend it with `chmod o-w {path}`")
        } else {
            write!(f, "group {group} can change what root runs; mend it with `chmod g-w {path}`")
        }
    }
}

/// What the file says of all scripts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rules {
    /// `enable_script_security`: what others can change is not run by root.
    pub strict: bool,
    /// `use_symlink_paths`: a script is run by the path that is written, and not by the one that it leads to.
    pub keeps_links: bool,
    /// `set_supplementary_groups`: a script is in all groups of its user.
    pub all_groups: bool,
}

impl Rules {
    /// Those of a configuration.
    #[must_use]
    pub fn of(global: &GlobalDefs) -> Self {
        Self {
            strict: global.enable_script_security,
            keeps_links: global.use_symlink_paths,
            all_groups: global.set_supplementary_groups,
        }
    }
}

/// Judges a command.
///
/// # Errors
/// Why it may not run.
pub fn judge(command: &ScriptCommand, rules: Rules) -> Result<Approved, Refusal> {
    let account = Account { uid: command.uid.unwrap_or(0), gid: command.gid.unwrap_or(0) };
    let groups = if rules.all_groups { groups_of(account) } else { vec![account.gid] };
    if command.is_redirection() {
        let argv = ["/bin/sh", "-c", &command.to_string()].map(OsString::from).to_vec();
        let command = Command { file: "/bin/sh".into(), argv, account, groups };
        return Ok(Approved { command, found_in_path: None, weakness: None });
    }
    let mut argv: Vec<OsString> = command.argv.iter().map(OsString::from).collect();
    let name = argv.first().cloned().unwrap_or_default();
    let found_in_path = if name.as_encoded_bytes().contains(&b'/') {
        None
    } else {
        Some(search_path(&name, account, &groups).ok_or(Refusal::NotInPath(name.clone()))?)
    };
    let path = found_in_path.clone().unwrap_or_else(|| PathBuf::from(&name));
    let inaccessible = |error| Refusal::Inaccessible(path.clone(), error);
    let file = std::fs::canonicalize(&path).map_err(inaccessible)?;
    let metadata = std::fs::metadata(&file).map_err(inaccessible)?;
    if !metadata.is_file() {
        return Err(Refusal::NotAFile(path));
    }
    let as_root = account.uid == 0 || (metadata.mode() & SET_UID != 0 && metadata.uid() == 0);
    let mut weakness = if as_root { weakest(&file).map_err(inaccessible)? } else { None };
    // Whoever can change where the path leads need not change what it leads to now.
    if as_root && rules.keeps_links && weakness.is_none() {
        weakness = weakest(&path).map_err(inaccessible)?;
    }
    if let Some(weakness) = weakness.as_ref().filter(|_| rules.strict) {
        return Err(Refusal::Insecure(path, weakness.clone()));
    }
    if !is_executable(&metadata, account, &groups) {
        return Err(Refusal::NotExecutable(path, account));
    }
    let called = if rules.keeps_links { path.clone() } else { named(&path, &file) };
    let file = if rules.keeps_links { path } else { file };
    if let Some(word) = argv.first_mut() {
        *word = called.into_os_string();
    }
    Ok(Approved { command: Command { file, argv, account, groups }, found_in_path, weakness })
}

fn groups_of(account: Account) -> Vec<u32> {
    account::groups(account).unwrap_or_else(|error| {
        let user = account::user_label(account.uid);
        tracing::warn!("cannot look up the groups of {user}: {error}; scripts have the one group");
        vec![account.gid]
    })
}

/// What a program is called as: the real directory, and the name that was asked for, because there are
/// programs that go by it.
fn named(path: &Path, file: &Path) -> PathBuf {
    let renamed = path.file_name().map(|name| file.with_file_name(name));
    match renamed {
        Some(renamed) if std::fs::canonicalize(&renamed).is_ok_and(|found| found == file) => renamed,
        _ => file.to_owned(),
    }
}

fn search_path(name: &OsStr, account: Account, groups: &[u32]) -> Option<PathBuf> {
    let directories = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    std::env::split_paths(&directories)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|path| {
            std::fs::metadata(path).is_ok_and(|file| file.is_file() && is_executable(&file, account, groups))
        })
}

/// The topmost component that somebody other than root can change.
fn weakest(file: &Path) -> io::Result<Option<Weakness>> {
    let mut components: Vec<&Path> = file.ancestors().collect();
    components.reverse();
    for component in components {
        let metadata = std::fs::metadata(component)?;
        if is_weak(&metadata) {
            let owner = Account { uid: metadata.uid(), gid: metadata.gid() };
            let mode = metadata.mode() & 0o7777;
            return Ok(Some(Weakness { component: component.to_owned(), owner, mode }));
        }
    }
    Ok(None)
}

/// Who may write to a sticky directory still cannot replace what is root's in it.
fn is_weak(metadata: &Metadata) -> bool {
    let mode = metadata.mode();
    let writable = mode & OTHER_WRITE != 0 || (mode & GROUP_WRITE != 0 && metadata.gid() != 0);
    metadata.uid() != 0 || (writable && !(metadata.is_dir() && mode & STICKY != 0))
}

fn is_executable(metadata: &Metadata, account: Account, groups: &[u32]) -> bool {
    let bits = if account.uid == 0 {
        0o111
    } else if account.uid == metadata.uid() {
        0o100
    } else if groups.contains(&metadata.gid()) {
        0o010
    } else {
        0o001
    };
    metadata.mode() & bits != 0
}

/// What the operating system calls an error, without Rust's `(os error 2)`.
fn reason(error: &io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |code| nix::errno::Errno::from_raw(code).desc().to_owned())
}

/// What became of a configuration's commands.
#[derive(Debug)]
pub struct Vetted {
    /// The configuration without what may not run.
    pub config: Config,
    /// What to tell the operator. keepalived says only some of it under `-t`, as the classes tell.
    pub problems: Vec<Diagnostic>,
}

impl Vetted {
    /// The exit code of `-t`, where that of the configuration's own problems is `code`: 2 is about a file
    /// that was not read to its end, and stays.
    #[must_use]
    pub fn test_exit_code(&self, code: u8) -> u8 {
        let worst = self.problems.iter().map(|problem| problem.class).max().unwrap_or(Class::Harmless);
        if code == 2 { code } else { code.max(worst.exit_code()) }
    }

    /// keepalived's lines, then ours.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let nowhere = SourceMap::default();
        self.problems.iter().flat_map(move |problem| problem.classic_lines(&nowhere))
    }
}

/// Drops from a configuration the commands that may not run on this machine.
#[must_use]
pub fn vet(loaded: Loaded) -> Vetted {
    vet_by(loaded, &mut judge)
}

/// A judge of commands: [`judge`], or one that knows another machine.
pub type Judge<'a> = dyn FnMut(&ScriptCommand, Rules) -> Result<Approved, Refusal> + 'a;

/// Drops from a configuration the commands that `judge` refuses.
///
/// keepalived's processes look at commands when they have read the whole file: a process that stops before
/// that, as said in the diagnostics, says nothing about them.
#[must_use]
pub fn vet_by(loaded: Loaded, judge: &mut Judge<'_>) -> Vetted {
    let (reads_vrrp, reads_lvs) = (loaded.vrrp_is_complete(), loaded.lvs_is_complete());
    // An instance that cannot run has been left out, but it is one.
    let has_instances = !loaded.config.instances.is_empty() || loaded.is_fatal();
    let (mut config, left_out) = (loaded.config, loaded.left_out);
    let rules = Rules::of(&config.global);
    let mut vetting = Vetting { judge, rules, problems: Vec::new(), any: false, weak: false };
    vetting.slot(&mut config.global.life.startup);
    vetting.slot(&mut config.global.life.shutdown);
    vetting.conclude("start/shutdown scripts");
    if reads_lvs && !config.lvs.virtual_servers.is_empty() {
        vetting.lvs(&mut config.lvs, &mut config.global);
        vetting.conclude("check scripts");
    }
    if reads_vrrp && has_instances {
        vetting.vrrp(&mut config);
        left_out.into_iter().for_each(|command| vetting.slot(&mut Some(command)));
        vetting.conclude("scripts");
    }
    Vetted { problems: vetting.problems, config }
}

struct Vetting<'a, 'j> {
    judge: &'a mut Judge<'j>,
    rules: Rules,
    problems: Vec<Diagnostic>,
    /// There is something to run.
    any: bool,
    /// Somebody other than root can change some of it.
    weak: bool,
}

impl Vetting<'_, '_> {
    fn vrrp(&mut self, config: &mut Config) {
        config.scripts.retain_mut(|script| match self.ask(&mut Arc::make_mut(script).command) {
            None => true,
            Some(refusal) => {
                self.disable(&script.name, &refusal);
                false
            }
        });
        let names: Vec<&str> = config.scripts.iter().map(|script| script.name.as_str()).collect();
        let runs = |entry: &TrackEntry| match &entry.tracked {
            Tracked::Script(name) => names.contains(&name.as_str()),
            _ => true,
        };
        for instance in &mut config.instances {
            let instance = Arc::make_mut(instance);
            instance.track.retain(runs);
            self.notify(&mut instance.notify);
        }
        for group in &mut config.sync_groups {
            let group = Arc::make_mut(group);
            group.track.retain(runs);
            self.notify(&mut group.notify);
        }
        self.slot(&mut config.global.fifo.script);
        self.slot(&mut config.global.vrrp_fifo.script);
        // keepalived asks about all of them, and keeps those that something follows.
        let tracks = |entries: &[TrackEntry], name: &str| {
            entries.iter().any(|entry| matches!(&entry.tracked, Tracked::Script(script) if script == name))
        };
        let Config { scripts, instances, sync_groups, .. } = config;
        scripts.retain(|script| {
            instances.iter().any(|instance| tracks(&instance.track, &script.name))
                || sync_groups.iter().any(|group| tracks(&group.track, &script.name))
        });
    }

    fn notify(&mut self, scripts: &mut NotifyScripts) {
        scripts.slots().into_iter().for_each(|slot| self.slot(slot));
    }

    fn lvs(&mut self, lvs: &mut Lvs, global: &mut GlobalDefs) {
        for server in &mut lvs.virtual_servers {
            let server = Arc::make_mut(server);
            for real in &mut server.real_servers {
                real.checkers.retain_mut(|checker| match &mut checker.method {
                    Method::Misc(check) => self.ask(&mut check.command).is_none(),
                    _ => true,
                });
            }
        }
        for server in &mut lvs.virtual_servers {
            let server = Arc::make_mut(server);
            self.slot(&mut server.quorum_up);
            self.slot(&mut server.quorum_down);
            for real in &mut server.real_servers {
                self.slot(&mut real.notify_up);
                self.slot(&mut real.notify_down);
            }
        }
        self.slot(&mut global.fifo.script);
        self.slot(&mut global.lvs.fifo.script);
    }

    /// Empties a slot whose command may not run.
    fn slot(&mut self, slot: &mut Option<ScriptCommand>) {
        if slot.as_mut().is_some_and(|command| self.ask(command).is_some()) {
            *slot = None;
        }
    }

    /// Why a command may not run, as reported; one that may has the whole path of its program from now on.
    fn ask(&mut self, command: &mut ScriptCommand) -> Option<Refusal> {
        if command.is_redirection() {
            return None;
        }
        match (self.judge)(command, self.rules) {
            Ok(approved) => {
                self.any = true;
                if let Some(path) = approved.found_in_path {
                    self.problems.push(found_in_path(&command.argv[0], &path));
                }
                if let Some(weakness) = approved.weakness {
                    self.weak = true;
                    self.problems.push(unguarded(&command.argv[0], &weakness));
                }
                command.argv[0] = approved.command.argv[0].to_string_lossy().into_owned();
                None
            }
            Err(refusal) => {
                // As keepalived: what is there counts as a script, whatever is wrong with it.
                self.any |= !matches!(refusal, Refusal::NotInPath(_) | Refusal::Inaccessible(..));
                self.problems.push(refusal.diagnostic());
                Some(refusal)
            }
        }
    }

    /// Says that a check script is dropped; keepalived does not of one that is not executable.
    fn disable(&mut self, name: &str, refusal: &Refusal) {
        if matches!(refusal, Refusal::NotExecutable(..)) {
            return;
        }
        let problem =
            Diagnostic::error("script-disabled", None, format!("the check script `{name}` is not run"))
                .classic(format!("Disabling track script {name} {}", refusal.disabling()))
                .keepalived("drops it from everything that tracks it");
        self.problems.push(problem);
    }

    /// What a process says when it has asked about all its commands.
    fn conclude(&mut self, what: &str) {
        let (any, weak) = (std::mem::take(&mut self.any), std::mem::take(&mut self.weak));
        if !any || self.rules.strict {
            return;
        }
        let insecure = if weak { " There are insecure scripts." } else { "" };
        let message = "commands are run, and nothing asks whether others could change them";
        let problem =
            Diagnostic::warning("script-security", None, message).class(Class::Security).classic(format!(
                "SECURITY VIOLATION - {what} are being executed but script_security not enabled.{insecure}"
            ));
        self.problems.push(problem.help("add `enable_script_security` to `global_defs`"));
    }
}

/// keepalived only logs these, and not under `-t`.
fn remark(id: &'static str, message: String, classic: String) -> Diagnostic {
    Diagnostic::warning(id, None, message).class(Class::Harmless).classic(classic)
}

fn found_in_path(name: &str, path: &Path) -> Diagnostic {
    let path = path.display();
    let classic =
        format!("WARNING - script `{name}` resolved by path search to `{path}`. Please specify full path.");
    remark("script-path", format!("`{name}` is run as `{path}`: `PATH` is searched for it"), classic)
        .help("give the whole path")
}

fn unguarded(name: &str, weakness: &Weakness) -> Diagnostic {
    let message = format!("somebody other than root can change `{name}`, which root runs");
    remark("script-unsafe", message, format!("Unsafe permissions found for script '{name}'."))
        .classic(weakness.to_string())
        .help(weakness.to_string().trim_start())
}

#[cfg(test)]
mod tests;
