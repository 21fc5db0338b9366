//! Settings of the whole daemon, and that they do in vrrpd what they do in keepalived.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use crate::net::daemon::Daemon;
use crate::net::inject::{flood, ipv4, v2_pass};
use crate::net::lan::Lan;
use crate::net::process::descendants;
use crate::net::wait_for;
use crate::process::{CONFIG, LIMIT, Machine, kill};
use crate::world::{Kind, lab_dir, need, write_script};

const BOTH: [Kind; 2] = [Kind::Keepalived, Kind::Vrrpd];

fn start(machine: &Machine, kind: Kind, config: &str) -> Daemon {
    Daemon::start(&kind.program(), &machine.space, config, &["-D", "-P"]).expect("it starts")
}

fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

/// The process of that name; it may not have it yet.
#[track_caller]
fn named(daemon: &Daemon, name: &str) -> u32 {
    let find = || {
        let mut all = descendants(daemon.tree.pid()).into_iter().chain([daemon.tree.pid()]);
        all.find(|pid| comm(*pid) == name)
    };
    wait_for(LIMIT, find).unwrap_or_else(|| panic!("nobody is called {name}:\n{}", daemon.log()))
}

fn status(pid: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

#[test]
fn a_daemon_has_the_names_and_the_namespace_of_its_configuration() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let ip = |words: &str| {
            machine.space.call(Command::new("ip").args(words.split(' '))).expect("iproute2 is needed")
        };
        ip("netns add blue");
        ip("-n blue link add eth5 type veth peer name eth6");
        ip("-n blue link set eth5 up");
        ip("-n blue link set eth6 up");
        ip("-n blue addr add 10.99.0.1/24 dev eth5");
        let config = CONFIG.replace("eth0", "eth5").replace("priority 150", "priority 255");
        let config = format!(
            "instance inst1\nnet_namespace blue\nglobal_defs {{\n    process_name father\n    vrrp_process_name child\n    \
             data_use_instance\n    umask 022\n}}\n{config}"
        );
        let mut daemon = start(&machine, kind, &config);
        machine.logged(&daemon, "Entering MASTER STATE", 1);
        machine.logged(&daemon, "Changing syslog ident to Keepalived_blue_inst1", 1);
        let (father, child) = (daemon.tree.pid(), named(&daemon, "child"));
        assert_eq!(comm(father), "father", "{kind:?}");
        assert_eq!(
            machine.named_by(&daemon, "keepalived/blue/keepalived_inst1.pid"),
            Some(father),
            "{kind:?}"
        );
        assert_eq!(machine.named_by(&daemon, "keepalived/blue/vrrp_inst1.pid"), Some(child), "{kind:?}");
        assert_eq!(status(child, "Umask"), "0022", "{kind:?}");
        let there = wait_for(LIMIT, || ip("-n blue addr show eth5").contains("10.99.0.100").then_some(()));
        assert!(there.is_some(), "{kind:?}: the address is not in the namespace");
        daemon.tree.signal(Signal::SIGUSR1).expect("it runs");
        for name in ["keepalived.blue_inst1.data", "keepalived_parent.blue_inst1.data"] {
            let dump = machine.space.dir.join("tmp").join(name);
            let text = wait_for(LIMIT, || fs::read_to_string(&dump).ok().filter(|text| !text.is_empty()));
            assert!(text.is_some_and(|text| text.contains(" Instance name = inst1\n")), "{kind:?} {name}");
        }
        assert!(daemon.stop().expect("an orderly end").success());
        assert!(!machine.run("keepalived").exists(), "{kind:?}: the directory is left");
    }
}

#[test]
fn what_a_reload_cannot_change_is_refused_as_a_whole() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let mut daemon = start(&machine, kind, &format!("instance one\n{CONFIG}"));
        machine.logged(&daemon, "Entering BACKUP STATE (init)", 1);
        let file = machine.space.dir.join("keepalived.conf");
        fs::write(&file, format!("instance two\n{}", CONFIG.replace("VI_1", "VI_2"))).expect("a file");
        daemon.tree.signal(Signal::SIGHUP).expect("it runs");
        machine.logged(&daemon, "Cannot change instance name at a reload - please restart keepalived", 1);
        fs::write(&file, format!("instance one\n{}", CONFIG.replace("VI_1", "VI_3"))).expect("a file");
        daemon.tree.signal(Signal::SIGHUP).expect("it runs");
        machine.logged(&daemon, "Reload complete", 1);
        assert!(!daemon.log().contains("VI_2"), "{}", daemon.log());
        assert!(daemon.stop().expect("an orderly end").success());
    }
}

#[test]
fn the_scripts_of_its_life_run_before_and_after_everything_else() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let (script, out) = (machine.space.dir.join("life"), machine.space.dir.join("out"));
        write_script(&script, &format!("#!/bin/sh\necho $1 >> {}\nexit $2\n", out.display()));
        let slow = machine.space.dir.join("slow");
        write_script(&slow, &format!("#!/bin/sh\necho slow >> {}\nsleep 60\n", out.display()));
        let globals = |startup: &str, shutdown: &str| {
            format!(
                "global_defs {{\n    startup_script \"{startup}\"\n    startup_script_timeout 1\n    \
                 shutdown_script \"{shutdown}\"\n    shutdown_script_timeout 1\n}}\n{CONFIG}"
            )
        };
        let path = script.display();
        let mut daemon =
            start(&machine, kind, &globals(&format!("{path} begin 0"), &format!("{path} end 3")));
        machine.logged(&daemon, "startup script script succeeded", 1);
        machine.logged(&daemon, "Entering BACKUP STATE (init)", 1);
        let log = daemon.log();
        let at = |words: &str| log.find(words).unwrap_or_else(|| panic!("{kind:?}: no {words:?} in:\n{log}"));
        assert!(at("startup script script succeeded") < at("Starting VRRP child process"), "{log}");
        assert!(daemon.stop().expect("an orderly end").success());
        let log = daemon.log();
        let at = |words: &str| log.find(words).unwrap_or_else(|| panic!("{kind:?}: no {words:?} in:\n{log}"));
        assert!(at("Stopped - used") < at("shutdown script script failed, status 3"), "{log}");
        assert_eq!(fs::read_to_string(&out).expect("both ran"), "begin\nend\n");
        // One that takes too long is not waited for.
        let slow = slow.display().to_string();
        let mut daemon = start(&machine, kind, &globals(&slow, &slow));
        machine.logged(&daemon, "startup script timed out", 1);
        machine.logged(&daemon, "Entering BACKUP STATE (init)", 2);
        assert!(daemon.stop().expect("an orderly end").success());
        machine.logged(&daemon, "shutdown script timed out", 1);
    }
}

#[test]
fn a_stop_does_not_wait_for_the_startup_script() {
    let machine = Machine::new();
    let slow = machine.space.dir.join("slow");
    write_script(&slow, "#!/bin/sh\nexec sleep 60\n");
    let config = format!(
        "global_defs {{\n    startup_script {}\n    startup_script_timeout 600\n}}\n{CONFIG}",
        slow.display()
    );
    let mut daemon = start(&machine, Kind::Vrrpd, &config);
    machine.logged(&daemon, "Running startup script", 1);
    assert!(daemon.stop().expect("an orderly end").success());
}

#[test]
fn children_that_do_not_end_are_waited_for_as_long_as_configured() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let config = format!("child_wait_time 1\nglobal_defs {{\n    vrrp_process_name child\n}}\n{CONFIG}");
        let mut daemon = start(&machine, kind, &config);
        machine.logged(&daemon, "Entering BACKUP STATE (init)", 1);
        kill(named(&daemon, "child"), Signal::SIGSTOP);
        let begin = Instant::now();
        daemon.stop().expect("it ends");
        let took = begin.elapsed();
        assert!(took > Duration::from_millis(900) && took < Duration::from_secs(4), "{kind:?}: {took:?}");
        machine.logged(&daemon, "failed to die - forcing termination", 1);
    }
}

#[test]
fn the_vrrp_process_gets_its_share_of_the_machine() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let config = format!(
            "global_defs {{\n    vrrp_process_name child\n    vrrp_cpu_affinity 0\n    vrrp_no_swap\n    \
             vrrp_rt_priority 3\n    vrrp_rlimit_rttime 500000\n}}\n{CONFIG}"
        );
        let mut daemon = start(&machine, kind, &config);
        machine.logged(&daemon, "Entering BACKUP STATE (init)", 1);
        let child = named(&daemon, "child");
        let limits = fs::read_to_string(format!("/proc/{child}/limits")).expect("it runs");
        let realtime =
            limits.lines().find(|line| line.starts_with("Max realtime timeout")).unwrap_or_default();
        assert!(realtime.contains(" 500000 "), "{kind:?}: {realtime}");
        assert_eq!(status(child, "Cpus_allowed_list"), "0", "{kind:?}");
        assert_ne!(status(child, "VmLck"), "0 kB", "{kind:?}");
        assert_eq!(scheduling(child)[1..], ["3", "2"], "{kind:?}");
        assert!(daemon.stop().expect("an orderly end").success());
        let config =
            format!("global_defs {{\n    vrrp_process_name child\n    vrrp_priority -7\n}}\n{CONFIG}");
        let mut daemon = start(&machine, kind, &config);
        machine.logged(&daemon, "Entering BACKUP STATE (init)", 2);
        assert_eq!(scheduling(named(&daemon, "child"))[0], "-7", "{kind:?}");
        assert!(daemon.stop().expect("an orderly end").success());
    }
}

/// Nice value, real-time priority and class of the first thread.
fn scheduling(pid: u32) -> [String; 3] {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // Fields 19, 40 and 41 of proc(5), counted from the third.
    [16, 37, 38].map(|field| fields[field].to_owned())
}

#[test]
fn the_state_goes_where_the_configuration_says() {
    let machine = Machine::new();
    let place = machine.space.dir.join("state.txt");
    let config = format!(
        "global_defs {{\n    state_dump_file {}\n    stats_dump_file {}/\n}}\n{CONFIG}",
        place.display(),
        machine.space.dir.display()
    );
    let mut daemon = start(&machine, Kind::Vrrpd, &config);
    machine.logged(&daemon, "Entering BACKUP STATE (init)", 1);
    let written = |path: &Path| {
        wait_for(LIMIT, || fs::read_to_string(path).ok().filter(|text| !text.is_empty())).unwrap_or_default()
    };
    daemon.tree.signal(Signal::SIGUSR1).expect("it runs");
    assert!(written(&place).contains("VRRP Instance = VI_1"));
    assert!(written(&machine.space.dir.join("state_parent.txt")).contains("Global definitions"));
    daemon.tree.signal(Signal::SIGUSR2).expect("it runs");
    assert!(written(&machine.space.dir.join("keepalived.stats")).contains("VRRP Instance: VI_1"));
    assert!(daemon.stop().expect("an orderly end").success());
}

/// Lines of a FIFO, byte for byte, and the life of the program that reads it.
#[test]
fn fifos_get_a_line_for_each_event() {
    need(&["keepalived"]);
    let mut seen = Vec::new();
    for kind in BOTH {
        let machine = Machine::new();
        let dir = machine.space.dir.clone();
        let (reader, lines, check) = (dir.join("reader"), dir.join("lines"), dir.join("check"));
        write_script(
            &reader,
            &format!("#!/bin/sh\necho \"$#\" >> {0}\nexec cat \"$2\" >> {0}\n", lines.display()),
        );
        write_script(&check, &format!("#!/bin/sh\ntest -e {}/flag\n", dir.display()));
        let config = format!(
            "global_defs {{\n    vrrp_notify_fifo {0}/fifo\n    vrrp_notify_fifo_script \"{1} a\"\n    \
             vrrp_notify_priority_changes\n}}\nvrrp_script chk {{\n    script {2}\n    interval 1\n    weight 20\n}}\n{3}",
            dir.display(),
            reader.display(),
            check.display(),
            CONFIG.replace("priority 150", "priority 150\n    track_script {\n        chk\n    }")
        );
        let mut daemon = start(&machine, kind, &config);
        let has = |words: &str| {
            wait_for(LIMIT, || fs::read_to_string(&lines).ok().filter(|text| text.contains(words)))
        };
        assert!(has("MASTER 150\n").is_some(), "{kind:?}:\n{}", daemon.log());
        fs::write(dir.join("flag"), "").expect("a file");
        seen.push(has("MASTER_PRIORITY 170\n").unwrap_or_else(|| panic!("{kind:?}:\n{}", daemon.log())));
        assert!(daemon.stop().expect("an orderly end").success());
        assert!(!dir.join("fifo").exists(), "{kind:?}");
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_reload_leaves_a_fifo_alone_and_may_repeat_the_states() {
    let machine = Machine::new();
    let dir = machine.space.dir.clone();
    let (reader, lines) = (dir.join("reader"), dir.join("lines"));
    write_script(
        &reader,
        // It ends with the FIFO; TERM could come before it has read the last line.
        &format!("#!/bin/sh\ntrap '' TERM\necho begin >> {0}\nexec cat \"$1\" >> {0}\n", lines.display()),
    );
    let config = format!(
        "global_defs {{\n    notify_fifo {}/fifo\n    notify_fifo_script {}\n    \
         fifo_write_vrrp_states_on_reload\n}}\n{CONFIG}",
        dir.display(),
        reader.display()
    );
    let mut daemon = start(&machine, Kind::Vrrpd, &config);
    machine.logged(&daemon, "Entering MASTER STATE", 1);
    daemon.tree.signal(Signal::SIGHUP).expect("it runs");
    machine.logged(&daemon, "Reload complete", 1);
    assert!(daemon.stop().expect("an orderly end").success());
    let expected = "begin\nINSTANCE \"VI_1\" BACKUP 150\nINSTANCE \"VI_1\" MASTER 150\n\
                    INSTANCE \"VI_1\" MASTER 150\nINSTANCE \"VI_1\" STOP 150\n";
    let read = || fs::read_to_string(&lines).unwrap_or_default();
    wait_for(LIMIT, || (read() == expected).then_some(()));
    assert_eq!(read(), expected, "{}", daemon.log());
}

#[test]
fn instances_start_when_the_delay_is_over() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let config = format!("global_defs {{\n    vrrp_startup_delay 1.5\n}}\n{CONFIG}");
        let begin = Instant::now();
        let mut daemon = start(&machine, kind, &config);
        machine.logged(&daemon, "Delaying startup for 1.5 seconds", 1);
        machine.logged(&daemon, "Entering MASTER STATE", 1);
        // The delay, three intervals, and the skew of priority 150.
        assert!(
            begin.elapsed() > Duration::from_millis(1500 + 3000 + 400),
            "{kind:?}: {:?}",
            begin.elapsed()
        );
        assert!(daemon.stop().expect("an orderly end").success());
    }
    let machine = Machine::new();
    let mut daemon =
        start(&machine, Kind::Vrrpd, &format!("global_defs {{\n    vrrp_startup_delay 600\n}}\n{CONFIG}"));
    machine.logged(&daemon, "Startup complete", 1);
    daemon.tree.signal(Signal::SIGHUP).expect("it runs");
    machine.logged(&daemon, "Reload complete", 1);
    assert!(daemon.stop().expect("a stop does not wait either").success());
    assert!(!daemon.log().contains("STATE"), "{}", daemon.log());
}

/// The same file in both daemons gives the same JSON, but for times and passwords.
#[test]
fn the_json_dump_is_keepalived_s() {
    need(&["keepalived"]);
    let mut seen = Vec::new();
    for kind in BOTH {
        let machine = Machine::new();
        let config = format!(
            "vrrp_script chk {{\n    script \"/usr/bin/true a\"\n    weight 5\n}}\n{}",
            CONFIG.replace(
                "priority 150",
                "priority 150\n    version 3\n    advert_int 0.25\n    preempt_delay 3\n    garp_master_delay 7\n    \
                 track_script {\n        chk\n    }\n    track_interface {\n        lo weight 4\n    }\n    \
                 notify_master \"/usr/bin/true m\"\n    notify \"/usr/bin/true x\"\n    notify_deleted\n    \
                 virtual_ipaddress_excluded {\n        2001:db8:99::102/64\n    }"
            )
        );
        let mut daemon = start(&machine, kind, &config);
        machine.logged(&daemon, "to 159", 1);
        machine.logged(&daemon, "Entering MASTER STATE", 1);
        vrrpd::sys::process::kill(daemon.tree.pid(), 36).expect("it runs");
        let file = machine.space.dir.join("tmp/keepalived.json");
        let text = wait_for(LIMIT, || fs::read_to_string(&file).ok().filter(|text| text.ends_with("]\n")));
        let text = text.unwrap_or_else(|| panic!("{kind:?}: no file:\n{}", daemon.log()));
        let time = text
            .split("\"last_transition\":")
            .nth(1)
            .and_then(|rest| rest.split(',').next())
            .expect("a time");
        let sent =
            text.split("\"advert_sent\":").nth(1).and_then(|rest| rest.split(',').next()).expect("a count");
        assert_eq!(time.split('.').nth(1).map(str::len), Some(6), "{time}");
        seen.push(
            text.replace(time, "TIME").replace(&format!("\"advert_sent\":{sent}"), "\"advert_sent\":N"),
        );
        assert!(daemon.stop().expect("an orderly end").success());
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_reload_comes_at_the_time_that_a_file_says() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let when = machine.space.dir.join("when");
        let config = |more: &str| {
            let addresses = CONFIG.replace("10.99.0.100/24", &format!("10.99.0.100/24\n{more}"));
            format!(
                "global_defs {{\n    reload_time_file {}\n    reload_repeat\n}}\n{addresses}",
                when.display()
            )
        };
        let mut daemon = start(&machine, kind, &config(""));
        machine.logged(&daemon, "Startup complete", 1);
        let says = |text: &str, lines: &[&str]| {
            fs::write(&when, format!("{text}\n")).expect("a file");
            lines.iter().for_each(|line| machine.logged(&daemon, line, 1));
        };
        says(
            "hello",
            &[
                "Reload time hello format is incorrect - ignoring",
                "Invalid reload time 'hello' specified - ignoring",
            ],
        );
        says("25:00:00", &["Reload date/time 25:00:00 invalid - ignoring"]);
        says("2027-02-30 12:00:00", &["Reload time 2027-02-30 12:00:00 is not valid - ignoring"]);
        says(
            "2020-02-20 12:00:00",
            &[
                "Reload time 2020-02-20 12:00:00 is in the past - ignoring",
                "Reload date/time is in the past - ignoring",
            ],
        );
        says("30-02-20 12:00:00", &["Scheduling reload for 2030-02-20 12:00:00"]);
        says("2031-03-20 01:02:03", &["Reload time updated from 2030-02-20 12:00:00 to 2031-03-20 01:02:03"]);
        daemon.tree.signal(Signal::SIGUSR1).expect("it runs");
        let dump = machine.space.dir.join("tmp/keepalived_parent.data");
        let told = || {
            fs::read_to_string(&dump).is_ok_and(|text| {
                text.contains("\n Reload scheduled for 2031-03-20 01:02:03 (date specified\n")
            })
        };
        assert!(
            wait_for(LIMIT, || told().then_some(())).is_some(),
            "{kind:?}: {:?}",
            fs::read_to_string(&dump)
        );
        fs::remove_file(&when).expect("it is there");
        machine.logged(&daemon, "Cancelling reload scheduled for 2031-03-20 01:02:03", 1);
        // A time without a date stays to be met again, one with a date has been met.
        for (format, address, stays) in
            [("+%H:%M:%SZ", "10.99.0.101", true), ("+%F %TZ", "10.99.0.102", false)]
        {
            let reloads = daemon.log().matches("Reload complete").count();
            fs::write(machine.space.dir.join("keepalived.conf"), config(&format!("{address}/24")))
                .expect("a file");
            let due = SystemTime::now() + Duration::from_secs(2);
            let time =
                Command::new("date").args(["-u", "-d", "+2 seconds", format]).output().expect("coreutils");
            fs::write(&when, time.stdout).expect("a file");
            machine.logged(&daemon, "Reload complete", reloads + 1);
            // keepalived may be early by what is left of a second.
            let early = due.duration_since(SystemTime::now()).unwrap_or_default();
            assert!(kind == Kind::Keepalived || early < Duration::from_secs(1), "{early:?}");
            let there =
                || machine.space.call(Command::new("ip").args(["addr", "show", "eth0"])).expect("iproute2");
            assert!(
                wait_for(LIMIT, || there().contains(address).then_some(())).is_some(),
                "{kind:?} {}",
                daemon.log()
            );
            assert_eq!(when.exists(), stays, "{kind:?} {format}");
            if stays {
                // Tomorrow.
                machine.logged(&daemon, "Scheduling reload for ", 3);
            }
        }
        assert!(daemon.stop().expect("an orderly end").success());
    }
}

#[test]
fn configurations_are_saved_before_and_after_a_reload() {
    need(&["keepalived"]);
    for kind in BOTH {
        let machine = Machine::new();
        let saved = machine.space.dir.join("saved");
        let config = |priority: &str| {
            let instance =
                CONFIG.replace("priority 150", &format!("include more*.conf\n    priority {priority}"));
            format!("global_defs {{\n    config_save_dir {}\n}}\n$X=1\n{instance}", saved.display())
        };
        fs::write(
            machine.space.dir.join("more1.conf"),
            "authentication {\n    auth_type PASS\n    auth_pass s3cr3t\n}\n",
        )
        .expect("a file");
        let mut daemon = start(&machine, kind, &config("150"));
        machine.logged(&daemon, "Entering MASTER STATE", 1);
        fs::write(machine.space.dir.join("keepalived.conf"), config("250")).expect("a file");
        daemon.tree.signal(Signal::SIGHUP).expect("it runs");
        machine.logged(&daemon, "Reload complete", 1);
        let names = || {
            let files = fs::read_dir(&saved).into_iter().flatten().flatten().map(|file| file.path());
            let mut files: Vec<PathBuf> =
                files.filter(|file| fs::metadata(file).is_ok_and(|file| file.len() > 0)).collect();
            files.sort();
            (files.len() == 4).then_some(files)
        };
        let files = wait_for(LIMIT, names).unwrap_or_else(|| panic!("{kind:?}:\n{}", daemon.log()));
        // A name ends in `PID.N`, and those of dumps in `.pre` or `.post` behind that.
        let ends = ["0", "1", "1.post", "1.pre"];
        let begins = ["keepalived.conf.", "keepalived.conf.", "keepalived_vrrp.", "keepalived_vrrp."];
        for (file, (begin, end)) in files.iter().zip(begins.iter().zip(ends)) {
            let name = file.file_name().expect("a name").to_string_lossy();
            let pid = name
                .strip_prefix(begin)
                .and_then(|rest| rest.strip_suffix(end))
                .and_then(|rest| rest.strip_suffix('.'));
            assert!(pid.is_some_and(|pid| pid.parse::<u32>().is_ok()), "{kind:?}: {name}");
            assert_eq!(
                fs::metadata(file).expect("it is there").permissions().mode() & 0o777,
                0o600,
                "{name}"
            );
        }
        let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).expect("text")).collect();
        for (text, priority) in texts.iter().zip(["150", "250", "250", "150"]) {
            let lines: Vec<String> = text.lines().map(|line| line.trim().to_lowercase()).collect();
            let is_there = |line: &String| {
                [format!("priority {priority}"), format!("priority = {priority}")].contains(line)
            };
            assert!(lines.iter().any(is_there), "{kind:?} {priority}:\n{text}");
        }
        assert!(texts[1].contains("auth_pass s3cr3t\n"), "{}", texts[1]);
        assert!(daemon.stop().expect("an orderly end").success());
    }
}

/// keepalived tells every one; once is enough.
#[test]
fn a_virtual_router_that_is_not_ours_is_told_once() {
    let dir = lab_dir();
    let lan = Lan::new(dir.path()).expect("a LAN");
    let space = lan.machine("a", 1).expect("a machine");
    let stranger = lan.machine("b", 2).expect("a machine");
    let config = |globals: &str| format!("global_defs {{\n    {globals}\n}}\n{CONFIG}");
    let mut daemon =
        Daemon::start(&Kind::Vrrpd.program(), &space, &config("log_unknown_vrids"), &[]).expect("it starts");
    let logged = |words: &str| {
        wait_for(LIMIT, || daemon.log().contains(words).then_some(()))
            .unwrap_or_else(|| panic!("no {words:?} in:\n{}", daemon.log()))
    };
    logged("Entering MASTER STATE");
    let (from, group) = (Ipv4Addr::new(10, 99, 0, 2), Ipv4Addr::new(224, 0, 0, 18));
    let advert =
        |vrid| ipv4(from, group, 255, &v2_pass(vrid, 200, Ipv4Addr::new(10, 99, 0, 101), b"s3cr3t\0\0"));
    flood(&stranger, &[advert(99)], 10, Duration::from_secs(1)).expect("packets leave");
    logged("Unknown VRID(99) received on interface(eth0). ignoring...");
    fs::write(space.dir.join("keepalived.conf"), config("")).expect("a file");
    daemon.tree.signal(Signal::SIGHUP).expect("it runs");
    logged("Reload complete");
    flood(&stranger, &[advert(98)], 10, Duration::from_secs(1)).expect("packets leave");
    assert!(daemon.stop().expect("an orderly end").success());
    let log = daemon.log();
    assert_eq!(log.matches("Unknown VRID").count(), 1, "{log}");
}
