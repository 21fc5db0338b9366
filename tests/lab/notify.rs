//! Notify scripts that are slower than what they are told of, and those that never end.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::net::daemon::Daemon;
use crate::net::process::descendants;
use crate::net::wait_for;
use crate::process::{CONFIG, LIMIT, Machine};
use crate::world::{Kind, need, write_script};

/// What a script takes.
const SLOW: Duration = Duration::from_millis(300);

/// Every script takes its object's lock, or complains.
const SCRIPT: &str = "#!/bin/sh
cd DIR
who=$1
shift
mkdir lock.$who || echo \"$who OVERLAP\" >> told
echo \"$who $*\" >> told
sleep 0.3
rmdir lock.$who
";

const FLAPPING: &str = "
vrrp_track_file switch {
    file DIR/switch
}
vrrp_sync_group G {
    group {
        VI_1
        VI_2
    }
    notify_master \"DIR/script G MASTER\"
    notify_backup \"DIR/script G BACKUP\"
    notify_fault \"DIR/script G FAULT\"
    notify_stop \"DIR/script G STOP\"
    notify \"DIR/script G\"
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.02
    priority 200
    track_file {
        switch
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
    notify_master \"DIR/script VI_1 MASTER\"
    notify_backup \"DIR/script VI_1 BACKUP\"
    notify_fault \"DIR/script VI_1 FAULT\"
    notify_stop \"DIR/script VI_1 STOP\"
    notify \"DIR/script VI_1\"
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 52
    version 3
    advert_int 0.02
    priority 200
    virtual_ipaddress {
        10.99.0.101/24
    }
    notify \"DIR/script VI_2\"
}
";

/// What was told to the scripts of one object.
fn told(dir: &Path, who: &str) -> Vec<String> {
    let text = fs::read_to_string(dir.join("told")).unwrap_or_default();
    let of_who = |line: &str| Some(line.strip_prefix(who)?.strip_prefix(' ')?.to_owned());
    text.lines().filter_map(of_who).collect()
}

/// How often a tracked file flaps; `VRRPD_FLAPS` says otherwise.
fn flaps() -> u32 {
    std::env::var("VRRPD_FLAPS").ok().and_then(|number| number.parse().ok()).unwrap_or(500)
}

/// An instance that flaps, the time between two changes from too short to be noticed to long enough for a takeover.
struct Flapping {
    machine: Machine,
    daemon: Daemon,
    switch: PathBuf,
    lasted: Duration,
}

impl Flapping {
    fn new(kind: Kind, flaps: u32) -> Self {
        let machine = Machine::new();
        let dir = &machine.space.dir;
        let text = |text: &str| text.replace("DIR", &dir.display().to_string());
        write_script(&dir.join("script"), &text(SCRIPT));
        let switch = dir.join("switch");
        fs::write(&switch, "0").expect("a file");
        let daemon = Daemon::start(&kind.program(), &machine.space, &text(FLAPPING), &["-D"]);
        let daemon = daemon.expect("it starts");
        machine.logged(&daemon, "(VI_2) Entering MASTER STATE", 1);
        let mut seed = 8_u64;
        let begin = Instant::now();
        for _ in 0..flaps {
            for value in ["-1", "0"] {
                fs::write(&switch, value).expect("a file");
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                thread::sleep(Duration::from_micros(
                    (seed >> 33) % 20_000 + if seed >> 60 == 0 { 120_000 } else { 0 },
                ));
            }
        }
        Self { machine, daemon, switch, lasted: begin.elapsed() }
    }

    fn told(&self, who: &str) -> Vec<String> {
        told(&self.machine.space.dir, who)
    }

    fn transitions(&self) -> usize {
        self.daemon.log().matches("(VI_1) Entering ").count()
    }

    /// Of which objects the last call names this state.
    fn name(&self, state: &str) -> Vec<&'static str> {
        let right = |(who, subject, priority): &(&str, &str, u8)| {
            self.told(who).last() == Some(&format!("{subject} {who} {state} {priority}"))
        };
        OBJECTS.into_iter().filter(right).map(|(who, ..)| who).collect()
    }

    /// Until all last calls name this state and no script runs, for longer than one does.
    #[track_caller]
    fn settle_on(&self, state: &str) {
        // All that can wait: two scripts for each of four events, and the one that runs; after a takeover.
        let limit = SLOW * 9 + Duration::from_secs(4);
        let dir = &self.machine.space.dir;
        let is_lock = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("lock.");
        let idle = || !fs::read_dir(dir).expect("it is there").flatten().any(is_lock);
        let all = || self.name(state).len() == OBJECTS.len();
        let at_rest = || all() && idle();
        let stays = || {
            thread::sleep(SLOW + SLOW / 2);
            at_rest()
        };
        assert!(
            wait_for(limit, || (at_rest() && stays()).then_some(())).is_some(),
            "the last calls are not {state}: {}\n{}",
            fs::read_to_string(dir.join("told")).unwrap_or_default(),
            self.daemon.log()
        );
    }
}

/// Who is told of, as what, and with which priority at last.
const OBJECTS: [(&str, &str, u8); 3] =
    [("VI_1", "INSTANCE", 200), ("VI_2", "INSTANCE", 200), ("G", "GROUP", 0)];

/// Lets keepalived live through so many flaps, and says what came of it.
fn measure_keepalived(flaps: u32) -> String {
    let flapping = Flapping::new(Kind::Keepalived, flaps);
    let mut calls = flapping.told("VI_1");
    let quiet = || {
        let before = std::mem::replace(&mut calls, flapping.told("VI_1")).len();
        thread::sleep(SLOW * 3);
        (flapping.told("VI_1").len() == before).then_some(())
    };
    let ended = wait_for(Duration::from_secs(15), quiet).is_some();
    let overlaps = calls.iter().filter(|call| *call == "OVERLAP").count();
    format!(
        "keepalived, {flaps} flaps: {} transitions of VI_1 in {:?}, {} calls, {overlaps} of them while another \
         one ran, ended: {ended}; the last call names the state of {:?}",
        flapping.transitions(),
        flapping.lasted,
        calls.len() - overlaps,
        flapping.name("MASTER"),
    )
}

/// The last call names the real state, none overlap, and what waits is bounded, so that the last one is not
/// long in coming.
#[test]
fn scripts_that_are_slower_than_the_router_end_on_its_state() {
    need(&["keepalived"]);
    let flaps = flaps();
    // It gets fewer: each of its scripts is a process that stays for a while.
    println!("{}", measure_keepalived(flaps.div_ceil(5)));
    let mut flapping = Flapping::new(Kind::Vrrpd, flaps);
    flapping.settle_on("MASTER");
    let (calls, lasted) = (flapping.told("VI_1").len(), flapping.lasted);
    let most = usize::try_from((lasted + SLOW * 12).as_millis() / SLOW.as_millis()).expect("it fits");
    assert!(calls >= 20.min(most / 2) && calls <= most, "{calls} calls, {most} at most");
    fs::write(&flapping.switch, "-1").expect("a file");
    flapping.settle_on("FAULT");
    println!(
        "vrrpd, {flaps} flaps: {} transitions of VI_1 in {lasted:?}, {calls} calls until it was master for good",
        flapping.transitions()
    );
    let begin = Instant::now();
    assert!(flapping.daemon.stop().expect("an orderly end").success());
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(flapping.name("STOP").len(), OBJECTS.len());
    let all = fs::read_to_string(flapping.machine.space.dir.join("told")).expect("scripts ran");
    assert!(!all.contains("OVERLAP"), "{all}");
}

/// A script that ignores TERM, with a child that does, is ended once another one waits for it; a reload
/// repeats the states if it is asked to, and no two readers of a FIFO ever run at once.
#[test]
fn nothing_waits_for_ever_and_a_reload_can_repeat_the_states() {
    let machine = Machine::new();
    let dir = machine.space.dir.clone();
    let text = |text: &str| text.replace("DIR", &dir.display().to_string());
    write_script(
        &dir.join("script"),
        &text(
            "#!/bin/sh\ncd DIR\necho \"$*\" >> told\n[ $3 = BACKUP ] || exit 0\ntrap '' TERM\nsleep 600 &\n\
             echo $! > child\nwait\nwait\necho woke >> told\n",
        ),
    );
    write_script(
        &dir.join("reader"),
        &text(
            "#!/bin/sh\ncd DIR\nmkdir reading || echo OVERLAP >> read\ntrap 'sleep 1.2; rmdir reading; exit' TERM\n\
             echo begin $1 >> read\nwhile read line; do echo \"$line\" >> read; done < $2\n",
        ),
    );
    let config = |extra: &str, reader: &str| {
        text(&format!(
            "global_defs {{\n    notify_script_timeout 1\n    {extra}\n    vrrp_notify_fifo DIR/fifo\n    \
             vrrp_notify_fifo_script \"DIR/reader {reader}\"\n}}\n{}",
            CONFIG.replace("150\n", "150\n    notify DIR/script\n")
        ))
    };
    let (backup, master) = ("INSTANCE VI_1 BACKUP 150", "INSTANCE VI_1 MASTER 150");
    let told = || fs::read_to_string(dir.join("told")).unwrap_or_default();
    let is_told = |lines: &[&str]| {
        let seen = wait_for(LIMIT, || told().lines().eq(lines.iter().copied()).then_some(()));
        assert!(seen.is_some(), "{lines:?} are not: {}", told());
    };
    let mut daemon = machine.start(&config("", "one"), &["-D"]);
    machine.logged(&daemon, "Entering MASTER STATE", 1);
    is_told(&[backup, master]);
    machine.logged(&daemon, "has run for 1s and holds up others: ending it", 1);
    let child = fs::read_to_string(dir.join("child")).expect("it was started");
    let in_machine = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status
            .lines()
            .any(|line| line.starts_with("NSpid:") && line.ends_with(&format!("\t{}", child.trim())))
    };
    let gone = || (!descendants(std::process::id()).into_iter().any(in_machine)).then_some(());
    wait_for(LIMIT, gone).expect("what the script had started is gone with it");

    let reload = |config: &str, nth: usize| {
        fs::write(dir.join("keepalived.conf"), config).expect("a file");
        daemon.tree.signal(Signal::SIGHUP).expect("it runs");
        machine.logged(&daemon, "Reload complete", nth);
    };
    reload(&config("", "one"), 1);
    reload(&config("notify_replay_on_reload", "one"), 2);
    is_told(&[backup, master, master]);
    reload(&config("", "two"), 3);
    reload(&config("", "three"), 4);
    let read = || fs::read_to_string(dir.join("read")).unwrap_or_default();
    wait_for(LIMIT, || read().contains("begin three").then_some(())).expect("the last reader starts");
    assert!(daemon.stop().expect("an orderly end").success());
    let expected = "begin one\nINSTANCE \"VI_1\" BACKUP 150\nINSTANCE \"VI_1\" MASTER 150\nbegin three\n";
    let read = wait_for(LIMIT, || Some(read()).filter(|text| text.contains("STOP"))).unwrap_or_default();
    assert_eq!(read, format!("{expected}INSTANCE \"VI_1\" STOP 150\n"));
}
