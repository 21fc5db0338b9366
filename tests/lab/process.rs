//! Processes: command line, parent, children, pid files, scripts; beside keepalived where it can play.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::net::daemon::{Daemon, Program};
use crate::net::lan::Lan;
use crate::net::process::descendants;
use crate::net::space::Space;
use crate::net::wait_for;
use crate::world::{Kind, LabDir, lab_dir, need, tool, within, write_script};

pub(crate) const CONFIG: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {
        10.99.0.100/24
    }
}
";

/// For what takes a fraction of it: other tests flood their networks meanwhile.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A machine on a LAN of its own, without a daemon.
pub(crate) struct Machine {
    pub(crate) space: Space,
    _lan: Lan,
    _dir: LabDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        need(&[]);
        let dir = lab_dir();
        let lan = Lan::new(dir.path()).expect("a LAN");
        let space = lan.machine("a", 1).expect("a machine");
        Self { space, _lan: lan, _dir: dir }
    }

    pub(crate) fn start(&self, config: &str, options: &[&str]) -> Daemon {
        Daemon::start(&Kind::Vrrpd.program(), &self.space, config, options).expect("it starts")
    }

    /// Until the log has these words so many times.
    #[track_caller]
    pub(crate) fn logged(&self, daemon: &Daemon, words: &str, times: usize) {
        let seen = wait_for(LIMIT, || (daemon.log().matches(words).count() >= times).then_some(()));
        assert!(seen.is_some(), "not {times} times {words:?} in:\n{}", daemon.log());
    }

    pub(crate) fn run(&self, file: &str) -> PathBuf {
        self.space.dir.join("run").join(file)
    }

    /// The process, as we number it, that a pid file names as the machine numbers it.
    pub(crate) fn named_by(&self, daemon: &Daemon, file: &str) -> Option<u32> {
        let inner = fs::read_to_string(self.run(file)).ok()?;
        let all = descendants(daemon.tree.pid()).into_iter().chain([daemon.tree.pid()]);
        all.into_iter().find(|pid| inner_pid(*pid).as_deref() == Some(inner.trim()))
    }

    fn vrrp(&self, daemon: &Daemon) -> u32 {
        wait_for(LIMIT, || self.named_by(daemon, "vrrp.pid")).expect("the pid file names the VRRP process")
    }
}

fn inner_pid(pid: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("NSpid:"))?;
    line.split_whitespace().next_back().map(str::to_owned)
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), signal).expect("it runs");
}

/// Runs to its end inside a machine: exit code, standard output, standard error.
fn run_in(space: &Space, program: &Path, arguments: &[&str], dir: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = space.spawn(&mut command).and_then(std::process::Child::wait_with_output).expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Exit code and, where both daemons print a line of usage, every byte of it.
#[test]
fn both_daemons_take_a_command_line_alike() {
    need(&["keepalived"]);
    let machine = Machine::new();
    let dir = machine.space.dir.clone();
    fs::write(dir.join("a.conf"), "").expect("a file");
    fs::write(dir.join("bad.conf"), "bogus_keyword\n").expect("a file");
    let (keepalived, vrrpd) = (Kind::Keepalived.program(), Kind::Vrrpd.program());
    for (line, same_stderr) in [
        ("-Z", true),
        ("--bad", true),
        ("-f", true),
        ("-r", true),
        ("--use-file=", true),
        ("--conf -f a.conf", true),
        ("--vr -t -f a.conf", true),
        ("--log-c=3", true),
        ("-Z --bad -f", true),
        ("--signum=JSON", true),
        ("--sig STATS_CLEAR", true),
        ("--signum foo", true),
        ("-t -f a.conf", true),
        ("-t -f a.conf extra args", true),
        ("-l -t -f a.conf", true),
        ("-tout -f bad.conf", true),
        ("-t=out -f bad.conf", true),
        ("--config-test=out2 -f bad.conf", true),
        ("--config-t -f a.conf", true),
        ("-u zz -t -f a.conf", false),
        ("-S 9 -t -f a.conf", true),
        ("-S 3 -t -f a.conf", true),
        ("-t -f bad.conf", false),
        ("-t -e -f missing.conf", false),
        ("-v -f", false),
        ("-hZ", false),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let theirs = run_in(&machine.space, &keepalived.path, &arguments, &dir);
        let ours = run_in(&machine.space, &vrrpd.path, &arguments, &dir);
        assert_eq!(
            (ours.0, &ours.1),
            (theirs.0, &theirs.1),
            "{line}\nours: {}\ntheirs: {}",
            ours.2,
            theirs.2
        );
        if same_stderr {
            assert_eq!(ours.2, theirs.2, "{line}");
        }
    }
    // `f` is where the log goes, and the default file is not there: good to keepalived, not to vrrpd.
    for line in ["-tf a.conf", "-nDltf a.conf"] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let theirs = run_in(&machine.space, &keepalived.path, &arguments, &dir);
        let ours = run_in(&machine.space, &vrrpd.path, &arguments, &dir);
        assert_eq!((theirs.0, ours.0), (Some(0), Some(4)), "{line}");
        assert_eq!(ours.1, theirs.1, "{line}");
    }
}

#[test]
fn a_killed_child_is_replaced_later_each_time_and_adopts_what_it_had() {
    let machine = Machine::new();
    let mut daemon = machine.start(CONFIG, &["-D"]);
    let mut before = machine.vrrp(&daemon);
    machine.logged(&daemon, "Startup complete", 1);
    machine.logged(&daemon, "Entering MASTER STATE", 1);
    for (delay, signal) in [(0, Signal::SIGKILL), (1, Signal::SIGTERM), (2, Signal::SIGABRT)] {
        let start = Instant::now();
        kill(before, signal);
        let words = format!("Restart of VRRP process delayed {delay} seconds to limit respawn rate");
        machine.logged(&daemon, &words, 1);
        let after = wait_for(LIMIT, || machine.named_by(&daemon, "vrrp.pid").filter(|pid| *pid != before));
        before = after.expect("another child");
        within("respawn", start.elapsed(), Duration::from_secs(delay), Duration::from_secs(delay + 3));
    }
    let log = daemon.log();
    assert!(log.contains("exited due to signal 9 (Killed) - has rlimit_rttime been exceeded?"), "{log}");
    assert!(log.contains("exited due to signal 6 (Aborted)\n"), "{log}");
    assert_eq!(log.matches("died: Respawning").count(), 3, "{log}");
    assert_eq!(log.matches("Startup complete").count(), 1, "{log}");
    assert!(daemon.stop().expect("an orderly end").success());
}

/// How many descriptors a process may have from now on.
fn allow_descriptors(pid: u32, most: usize) {
    let mut prlimit = Command::new("prlimit");
    let status = prlimit.args([format!("--pid={pid}"), format!("--nofile={most}:")]).status();
    assert!(status.expect("util-linux is installed").success());
}

/// A reload that has no room for the configuration, a successor that has none for what it needs: the addresses
/// stay. With a stop between two lives of the child they go.
#[test]
fn a_want_of_descriptors_costs_no_address_and_a_stop_before_the_next_child_leaves_none() {
    let machine = Machine::new();
    let mut daemon = machine.start(CONFIG, &["-D"]);
    machine.logged(&daemon, "Entering MASTER STATE", 1);
    let (parent, child) = (daemon.tree.pid(), machine.vrrp(&daemon));
    let has_address = || {
        let shown = machine.space.call(Command::new("ip").args(["address", "show", "dev", "eth0"]));
        shown.expect("iproute2 is installed").contains("10.99.0.100")
    };
    wait_for(LIMIT, || has_address().then_some(())).expect("a master has its address");
    fs::write(machine.space.dir.join("keepalived.conf"), CONFIG.replace("150", "140")).expect("a file");
    allow_descriptors(child, 0);
    daemon.tree.signal(Signal::SIGHUP).expect("it runs");
    machine.logged(&daemon, "stays in force: the configuration has not arrived", 1);
    assert!(has_address() && machine.vrrp(&daemon) == child, "{}", daemon.log());

    // As many as it takes to fork.
    let used = fs::read_dir(format!("/proc/{parent}/fd")).expect("it runs").count();
    allow_descriptors(parent, used + 4);
    kill(child, Signal::SIGKILL);
    machine.logged(&daemon, "VRRP cannot run: Too many open files", 2);
    machine.logged(&daemon, "Restart of VRRP process delayed 2 seconds", 1);
    assert!(has_address(), "{}", daemon.log());
    allow_descriptors(parent, 1000);
    assert!(daemon.stop().expect("an orderly end").success(), "{}", daemon.log());
    assert!(!has_address(), "{}", daemon.log());
}

/// Those of a daemon to which only a reload brings something to run, too.
#[test]
fn pid_files_are_readable_for_all_and_gone_at_the_end() {
    for first in [CONFIG, ""] {
        let machine = Machine::new();
        let mut daemon = machine.start(first, &[]);
        machine.logged(&daemon, "Startup complete", 1);
        fs::write(machine.space.dir.join("keepalived.conf"), CONFIG).expect("a file");
        daemon.tree.signal(Signal::SIGHUP).expect("it runs");
        machine.vrrp(&daemon);
        assert_eq!(machine.named_by(&daemon, "keepalived.pid"), Some(daemon.tree.pid()));
        for file in ["keepalived.pid", "vrrp.pid"] {
            let mode = machine.run(file).metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o7777, 0o644);
            assert!(fs::read_to_string(machine.run(file)).expect("it can be read").ends_with('\n'));
        }
        assert!(daemon.stop().expect("an orderly end").success());
        assert!(!machine.run("keepalived.pid").exists() && !machine.run("vrrp.pid").exists());
    }
}

/// A second daemon of either make leaves the first alone and ends with 0.
#[test]
fn a_second_instance_says_so_and_ends_with_0() {
    need(&["keepalived"]);
    for (first, second) in
        [(Kind::Vrrpd, Kind::Vrrpd), (Kind::Keepalived, Kind::Vrrpd), (Kind::Vrrpd, Kind::Keepalived)]
    {
        let machine = Machine::new();
        // A keepalived looks for a process of its own name.
        let link = machine.space.dir.join("keepalived");
        symlink(Kind::Vrrpd.program().path, &link).expect("a link");
        let program = |kind| match kind {
            Kind::Vrrpd => Program { name: "vrrpd", path: link.clone() },
            Kind::Keepalived => Kind::Keepalived.program(),
        };
        let mut running = Daemon::start(&program(first), &machine.space, CONFIG, &[]).expect("it starts");
        machine.logged(&running, "Entering BACKUP STATE (init)", 1);
        let mut other = Daemon::start(&program(second), &machine.space, CONFIG, &[]).expect("it starts");
        let status = other.tree.wait(LIMIT).expect("a child of ours").expect("it ends");
        assert_eq!(status.code(), Some(0), "{first:?} then {second:?}");
        machine.logged(&other, "daemon is already running", 1);
        assert!(running.tree.is_running(), "{first:?} then {second:?}");
        assert!(machine.run("keepalived.pid").exists(), "{first:?} then {second:?}");
        running.stop().expect("an orderly end");
    }
}

#[test]
fn what_cannot_be_mended_by_running_again_ends_the_daemon_with_its_code() {
    let machine = Machine::new();
    for (config, options, code) in [
        (CONFIG.replace("eth0", "eth9"), &[][..], 2),
        ("vrrp_instance VI_1 {\n interface\n}\n".to_owned(), &[][..], 2),
        (CONFIG.to_owned(), &["-p", "/nonexistent/pid"][..], 1),
        (CONFIG.to_owned(), &["-s", "nonexistent"][..], 1),
    ] {
        let mut daemon = machine.start(&config, options);
        let status = daemon.tree.wait(LIMIT).expect("a child of ours").expect("it ends");
        assert_eq!(status.code(), Some(code), "{}", daemon.log());
        assert!(!machine.run("keepalived.pid").exists());
    }
    let mut daemon = machine.start(CONFIG, &["-R"]);
    let child = machine.vrrp(&daemon);
    machine.logged(&daemon, "Startup complete", 1);
    kill(child, Signal::SIGKILL);
    let status = daemon.tree.wait(LIMIT).expect("a child of ours").expect("it ends");
    assert_eq!(status.code(), Some(0), "-R: {}", daemon.log());
    machine.logged(&daemon, "died: Exiting", 1);
}

#[test]
fn in_the_background_it_is_detached_when_the_command_returns() {
    let machine = Machine::new();
    fs::write(machine.space.dir.join("a.conf"), CONFIG).expect("a file");
    let link = machine.space.dir.join("keepalived");
    symlink(Kind::Vrrpd.program().path, &link).expect("a link");
    let shell = format!(
        "cd {dir} && ./keepalived -f a.conf -p here.pid -g{dir}/log && echo started $(cat here.pid) && \
         readlink /proc/$(cat here.pid)/cwd /proc/$(cat here.pid)/fd/0 /proc/$(cat here.pid)/fd/2 && \
         cat /proc/$(cat here.pid)/comm && ps -o sid= -p $(cat here.pid)",
        dir = machine.space.dir.display()
    );
    let output = machine.space.call(Command::new("/bin/sh").args(["-c", &shell])).expect("it starts");
    let lines: Vec<&str> = output.lines().collect();
    let pid = lines[0].strip_prefix("started ").expect("the pid file was there when the command returned");
    let told: Vec<&str> = lines[1..].iter().map(|line| line.trim()).collect();
    assert_eq!(told, ["/", "/dev/null", "/dev/null", "keepalived", pid], "{output}");
    let vrrp_log = machine.space.dir.join("log_vrrp");
    let entered = || fs::read_to_string(&vrrp_log).ok().filter(|log| log.contains("Entering BACKUP STATE"));
    wait_for(LIMIT, entered).expect("the VRRP process logs to its own file");
    let stop = format!("kill {pid}; while [ -e here.pid ]; do sleep 0.05; done");
    machine
        .space
        .call(Command::new("/bin/sh").args(["-c", &stop]).current_dir(&machine.space.dir))
        .expect("it stops");

    fs::write(machine.space.dir.join("a.conf"), "vrrp_instance VI_1 {\n interface\n}\n").expect("a file");
    let failed = machine.space.call(Command::new("/bin/sh").args(["-c", &shell])).expect_err("it cannot run");
    assert!(failed.to_string().contains("exit status: 2"), "{failed}");
}

/// The service manager's view, over a socket with a path and over an abstract one.
#[test]
fn the_service_manager_hears_of_start_reload_and_stop() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    let machine = Machine::new();
    let path = machine.space.dir.join("notify");
    let name = path.to_str().expect("UTF-8").to_owned();
    let abstract_name = format!("vrrpd-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&abstract_name).expect("a name");
    let sockets = [
        (name, UnixDatagram::bind(&path).expect("a socket")),
        (
            format!("@{abstract_name}"),
            machine.space.run(|| UnixDatagram::bind_addr(&address)).expect("a thread").expect("a socket"),
        ),
    ];
    for (name, socket) in sockets {
        socket.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let hear = || {
            let mut buffer = [0; 512];
            let length = socket.recv(&mut buffer).expect("a message");
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        fs::write(machine.space.dir.join("a.conf"), CONFIG).expect("a file");
        let mut command = Command::new(Kind::Vrrpd.program().path);
        command
            .args(["-n", "-G", "-f", "a.conf"])
            .current_dir(&machine.space.dir)
            .env("NOTIFY_SOCKET", &name);
        let mut daemon =
            crate::net::process::Tree::new(machine.space.spawn(&mut command).expect("it starts"));
        let ready = hear();
        assert!(ready.starts_with("READY=1\n") && ready.contains("\nMAINPID="), "{ready}");
        daemon.signal(Signal::SIGHUP).expect("it runs");
        assert!(hear().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert!(hear().starts_with("READY=1\n"));
        fs::write(machine.space.dir.join("a.conf"), "vrrp_instance VI_1 {\n interface\n}\n").expect("a file");
        daemon.signal(Signal::SIGHUP).expect("it runs");
        assert!(hear().starts_with("RELOADING=1\n"));
        let failed = hear();
        let tells = failed.starts_with("READY=1\nSTATUS=") && failed.contains("which failed: a.conf:2: ");
        assert!(tells, "a bad file changes nothing, and is told with its place: {failed}");
        daemon.signal(Signal::SIGTERM).expect("it runs");
        assert_eq!(hear(), "STOPPING=1");
        assert!(daemon.wait(LIMIT).expect("a child of ours").expect("it ends").success());
    }
}

fn scripted(script: &Path, extra: &str) -> String {
    let instance =
        CONFIG.replace("priority 150", "priority 150\n    track_script {\n        chk weight 10\n    }");
    format!(
        "{extra}\nvrrp_script chk {{\n    script \"{}\"\n    interval 1\n}}\n{instance}",
        script.display()
    )
}

/// The runner's death costs a run; the next one goes through its successor, and VRRP does not notice.
#[test]
fn scripts_go_on_after_the_death_of_their_runner() {
    let machine = Machine::new();
    let (script, runs) = (machine.space.dir.join("chk"), machine.space.dir.join("runs"));
    write_script(&script, &format!("#!/bin/sh\necho >> {}\n", runs.display()));
    let mut daemon = machine.start(&scripted(&script, ""), &["-D"]);
    let count = || fs::read_to_string(&runs).map_or(0, |text| text.len());
    wait_for(LIMIT, || (count() >= 1).then_some(())).expect("the script runs");
    let vrrp = machine.vrrp(&daemon);
    let runner = || {
        let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let own = name(&daemon.tree.pid());
        descendants(daemon.tree.pid()).into_iter().find(|pid| *pid != vrrp && name(pid) == own)
    };
    let old = runner().expect("the runner");
    kill(old, Signal::SIGKILL);
    machine.logged(&daemon, "Script runner process died (signal 9)", 1);
    let before = count();
    wait_for(LIMIT, || (count() >= before + 2).then_some(())).expect("the script runs again");
    assert_ne!(runner(), Some(old));
    assert_eq!(machine.vrrp(&daemon), vrrp, "the VRRP process is the same");
    assert!(daemon.stop().expect("an orderly end").success());
}

#[test]
fn a_script_runs_as_its_user_with_nothing_of_ours() {
    let machine = Machine::new();
    let script = machine.space.dir.join("chk");
    let out = machine.space.dir.join("shared");
    fs::create_dir(&out).expect("a directory");
    fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).expect("anybody may write");
    open_the_way_to(&script);
    write_script(
        &script,
        &format!(
            "#!/bin/sh\nset -- /proc/$$/fd/*; fds=$#\n{{ id -u; id -g; id -G; umask; echo $fds; env | grep -c -e NOTIFY_SOCKET -e LD_; \
             grep -E '^(CapEff|SigIgn)' /proc/$$/status; cut -d' ' -f40-41 /proc/$$/stat; }} > {0}/new; mv {0}/new {0}/done\n",
            out.display()
        ),
    );
    let config = scripted(&script, "global_defs {\n    script_user nobody\n}\n");
    let mut daemon = machine.start(&config, &[]);
    let seen = wait_for(LIMIT, || fs::read_to_string(out.join("done")).ok());
    let seen = seen.unwrap_or_else(|| panic!("the script never ran:\n{}", daemon.log()));
    let nobody = nix::unistd::User::from_name("nobody").expect("a user database").expect("nobody");
    let lines: Vec<&str> = seen.lines().collect();
    let (uid, gid) = (nobody.uid.to_string(), nobody.gid.to_string());
    assert_eq!(lines[..4], [uid.as_str(), &gid, &gid, "0177"], "{seen}");
    // 0, 1, 2, the script that the shell reads, and the directory that it counts in.
    assert_eq!(lines[4].trim(), "5", "{seen}");
    assert_eq!(lines[5], "0", "{seen}");
    assert!(lines[6..].contains(&"CapEff:\t0000000000000000"), "{seen}");
    assert_eq!(lines.last(), Some(&"0 0"), "no real-time priority and class: {seen}");
    daemon.stop().expect("an orderly end");
}

/// keepalived leaves such a script out until it is reloaded.
#[test]
fn a_script_whose_user_is_made_later_runs_from_then_on() {
    let machine = Machine::new();
    let (accounts, out) = (machine.space.dir.join("passwd"), machine.space.dir.join("shared"));
    fs::copy("/etc/passwd", &accounts).expect("a copy");
    let mut mount = Command::new("mount");
    let mount = mount.args(["--bind", &accounts.display().to_string(), "/etc/passwd"]);
    machine.space.call(mount).expect("the machine has accounts of its own");
    fs::create_dir(&out).expect("a directory");
    fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).expect("anybody may write");
    let script = machine.space.dir.join("chk");
    open_the_way_to(&script);
    write_script(&script, &format!("#!/bin/sh\nid -u > {0}/new; mv {0}/new {0}/done\n", out.display()));
    let config = scripted(&script, "global_defs {\n    script_user late\n}\n");
    let mut daemon = machine.start(&config, &[]);
    machine.logged(&daemon, "Entering BACKUP STATE", 1);
    let known = fs::read_to_string(&accounts).expect("the accounts");
    assert!(!out.join("done").exists(), "nobody could run it:\n{}", daemon.log());
    fs::write(&accounts, known + "late:x:4711:4711::/:/bin/sh\n").expect("a new user");
    machine.logged(&daemon, "Users or groups of the configuration are there now", 1);
    let seen = wait_for(LIMIT, || fs::read_to_string(out.join("done")).ok());
    assert_eq!(seen.as_deref(), Some("4711\n"), "{}", daemon.log());
    daemon.stop().expect("an orderly end");
}

/// Lets everybody pass through the directories above `path`.
fn open_the_way_to(path: &Path) {
    for directory in path.ancestors().skip(1) {
        let mode = directory.metadata().expect("it is there").permissions().mode();
        if mode & 0o001 == 0 {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode | 0o711)).expect("it is ours");
        }
    }
}

#[test]
fn at_the_end_the_stop_script_runs_and_nothing_is_left() {
    let machine = Machine::new();
    let (script, out) = (machine.space.dir.join("note"), machine.space.dir.join("out"));
    write_script(&script, &format!("#!/bin/sh\necho $# \"$@\" >> {}\n", out.display()));
    let notify =
        ["notify_backup", "notify_stop", "notify"].map(|word| format!("    {word} {}\n", script.display()));
    let config = CONFIG.replace("    priority 150\n", &format!("    priority 150\n{}", notify.concat()));
    let mut daemon = machine.start(&config, &[]);
    machine.logged(&daemon, "Entering BACKUP STATE (init)", 1);
    wait_for(LIMIT, || (fs::read_to_string(&out).unwrap_or_default().lines().count() == 2).then_some(()))
        .expect("both backup scripts run");
    let all = descendants(daemon.tree.pid());
    assert!(daemon.stop().expect("an orderly end").success());
    let gone = |pid: &u32| !Path::new(&format!("/proc/{pid}")).exists();
    wait_for(LIMIT, || all.iter().all(gone).then_some(())).expect("every process has ended");
    let mut lines: Vec<String> =
        fs::read_to_string(&out).expect("the notes").lines().map(str::to_owned).collect();
    lines[..2].sort();
    lines[2..].sort();
    // oracle: keepalived 2.2.7
    assert_eq!(lines, ["0", "4 INSTANCE VI_1 BACKUP 150", "0", "4 INSTANCE VI_1 STOP 150"]);
}

/// Every layout is judged by both daemons; the exit code of `-t` and the verdict must be the same.
#[test]
fn script_security_judges_as_keepalived() {
    need(&["keepalived"]);
    let machine = Machine::new();
    // Below a directory that only root can change, unlike the build directory perhaps.
    let dir = TempDir::with_prefix_in("vrrpd-lab.", "/var/tmp").expect("a directory");
    let layouts = layouts(dir.path());
    assert!(layouts.len() >= 12);
    for (name, script) in layouts {
        for strict in ["enable_script_security", ""] {
            let extra = format!("global_defs {{\n    {strict}\n    script_user root\n}}");
            let config = scripted(&script, &extra);
            fs::write(dir.path().join("a.conf"), &config).expect("a file");
            let run = |kind: Kind| {
                run_in(&machine.space, &kind.program().path, &["-t", "-f", "a.conf"], dir.path())
            };
            let (theirs, ours) = (run(Kind::Keepalived), run(Kind::Vrrpd));
            let verdicts = |text: &str| {
                let wanted = ["Disabling track script", "SECURITY VIOLATION"];
                let lines = text.lines().filter(|line| wanted.iter().any(|word| line.contains(word)));
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(
                verdicts(&ours.2),
                verdicts(&theirs.2),
                "{name}, {strict:?}\nours:\n{}\ntheirs:\n{}",
                ours.2,
                theirs.2
            );
            assert_eq!(ours.0, theirs.0, "{name}, {strict:?}\nours:\n{}\ntheirs:\n{}", ours.2, theirs.2);
        }
    }
}

/// Scripts whose way is safe or not in every way that counts.
fn layouts(top: &Path) -> Vec<(&'static str, PathBuf)> {
    const NOBODY: u32 = 65_534;
    let place = |name: &'static str, directory_mode: u32, file_mode: u32| {
        let directory = top.join(name);
        fs::create_dir(&directory).expect("a directory");
        let script = directory.join("script");
        fs::write(&script, "#!/bin/sh\nexit 0\n").expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(file_mode)).expect("a mode");
        fs::set_permissions(&directory, fs::Permissions::from_mode(directory_mode)).expect("a mode");
        (name, script)
    };
    fs::set_permissions(top, fs::Permissions::from_mode(0o755)).expect("a mode");
    let owned =
        |(name, script): (&'static str, PathBuf), directory: bool, uid: Option<u32>, gid: Option<u32>| {
            let target =
                if directory { script.parent().expect("it has one").to_owned() } else { script.clone() };
            let mode = target.metadata().expect("it is there").permissions();
            chown(&target, uid, gid).expect("root may");
            fs::set_permissions(&target, mode).expect("chown may have cleared bits");
            (name, script)
        };
    let mut all = vec![
        place("plain", 0o755, 0o755),
        place("only-root", 0o700, 0o700),
        place("file-of-others", 0o755, 0o757),
        place("file-of-root-group", 0o755, 0o775),
        place("directory-of-others", 0o757, 0o755),
        place("directory-of-root-group", 0o775, 0o755),
        place("sticky-directory", 0o1777, 0o755),
        place("set-uid", 0o755, 0o4755),
        owned(place("file-of-nobody", 0o755, 0o755), false, Some(NOBODY), None),
        owned(place("read-only-file-of-nobody", 0o755, 0o555), false, Some(NOBODY), None),
        owned(place("file-of-a-group", 0o755, 0o775), false, None, Some(NOBODY)),
        owned(place("directory-of-nobody", 0o755, 0o755), true, Some(NOBODY), None),
        owned(place("directory-of-a-group", 0o775, 0o755), true, None, Some(NOBODY)),
        ("missing", top.join("missing")),
        ("a-directory", top.join("plain")),
        ("of-the-system", tool("sh")),
        ("by-its-name", PathBuf::from("true")),
        ("no-such-name", PathBuf::from("no-such-command")),
    ];
    let link = top.join("link");
    symlink(top.join("plain/script"), &link).expect("a link");
    all.push(("good-link", link));
    let link = top.join("bad-link");
    symlink(top.join("directory-of-others/script"), &link).expect("a link");
    all.push(("link-to-a-bad-place", link));
    let link = top.join("linked-directory");
    symlink(top.join("directory-of-others"), &link).expect("a link");
    all.push(("through-a-linked-directory", link.join("script")));
    let link = top.join("directory-of-others/link");
    symlink(top.join("plain/script"), &link).expect("a link");
    all.push(("link-from-a-bad-place", link));
    all
}
