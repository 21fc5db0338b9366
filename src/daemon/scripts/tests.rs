use super::*;
use crate::config::block::NotifyScripts;
use crate::config::value::Weight;
use crate::daemon::runner;
use crate::sys::testing::write_script;
use crate::types::Priority;
use crate::vrrp::Event;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A directory with scripts, and a runner in a thread that ends with the test.
struct Fixture {
    dir: tempfile::TempDir,
    control: SeqPacket,
}

impl Fixture {
    fn new() -> Self {
        let (control, its_end) = SeqPacket::pair().unwrap();
        std::thread::spawn(move || runner::serve(its_end));
        Self { dir: tempfile::tempdir().unwrap(), control }
    }

    fn connect(&self) -> SeqPacket {
        let (client, its_end) = SeqPacket::pair().unwrap();
        self.control.send(b"C", Some(its_end.as_fd())).unwrap();
        client
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn command(&self, name: &str, text: &str) -> ScriptCommand {
        let path = self.dir.path().join(name);
        write_script(&path, &format!("#!/bin/sh\n{text}\n"));
        let account = crate::sys::account::Account::current();
        let argv = vec![path.to_str().unwrap().to_owned(), self.out().to_str().unwrap().to_owned()];
        ScriptCommand { argv, uid: Some(account.uid), gid: Some(account.gid) }
    }

    fn check(&self, text: &str) -> VrrpScript {
        VrrpScript {
            name: "chk".to_owned(),
            command: self.command("check", text),
            interval: Duration::from_secs(1),
            timeout: None,
            weight: Weight::default(),
            rise: 1,
            fall: 1,
            init_fail: false,
        }
    }

    /// Queues an event as [`Scripts::notify`] does.
    fn notify(scripts: &mut Scripts, commands: &NotifyScripts, event: Event) {
        let notification = Notification { event, priority: Priority::new(150) };
        scripts.tell(Subject::Instance, "VI_1", commands, notification);
    }
}

fn run<T>(body: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), body()).await.expect("it hangs") })
}

#[test]
fn a_check_starts_and_ends() {
    let fixture = Fixture::new();
    run(async || {
        let mut scripts = Scripts::new(fixture.connect(), &GlobalDefs::default()).unwrap();
        scripts.start_check(RunId(7), &fixture.check("exit 3"));
        assert!(matches!(scripts.next().await, SwitchInput::ScriptStarted(RunId(7), pid) if pid > 1));
        assert_eq!(scripts.next().await, SwitchInput::ScriptEnded(RunId(7), ExitStatus::Exited(3)));
        assert!(scripts.runs.is_empty());
    });
}

#[test]
fn a_check_is_killed_on_demand() {
    let fixture = Fixture::new();
    run(async || {
        let mut scripts = Scripts::new(fixture.connect(), &GlobalDefs::default()).unwrap();
        scripts.start_check(RunId(1), &fixture.check("exec sleep 600"));
        assert!(matches!(scripts.next().await, SwitchInput::ScriptStarted(RunId(1), _)));
        scripts.signal_check(RunId(1), Signal::Term);
        scripts.signal_check(RunId(2), Signal::Term);
        assert_eq!(scripts.next().await, SwitchInput::ScriptEnded(RunId(1), ExitStatus::Signalled(15)));
    });
}

#[test]
fn what_may_not_run_is_reported_as_not_started() {
    let fixture = Fixture::new();
    run(async || {
        let mut scripts = Scripts::new(fixture.connect(), &GlobalDefs::default()).unwrap();
        let mut check = fixture.check("exit 0");
        check.command.argv[0] = "/nonexistent/check".to_owned();
        scripts.start_check(RunId(1), &check);
        assert_eq!(scripts.next().await, SwitchInput::ScriptNotStarted(RunId(1)));
        check.command.argv[0] = "/bin/true".to_owned();
        check.command.argv.push("x".repeat(SeqPacket::MAX_MESSAGE));
        scripts.start_check(RunId(2), &check);
        assert_eq!(scripts.next().await, SwitchInput::ScriptNotStarted(RunId(2)));
    });
}

#[test]
fn a_new_runner_carries_on_where_the_old_one_died() {
    let old = Fixture::new();
    let new = Fixture::new();
    run(async || {
        let (its_end, connection) = SeqPacket::pair().unwrap();
        let mut scripts = Scripts::new(connection, &GlobalDefs::default()).unwrap();
        scripts.start_check(RunId(1), &old.check("exit 0"));
        drop(its_end);
        assert_eq!(scripts.next().await, SwitchInput::ScriptLost(RunId(1)));
        scripts.start_check(RunId(2), &old.check("exit 0"));
        assert_eq!(scripts.next().await, SwitchInput::ScriptLost(RunId(2)));
        let commands =
            NotifyScripts { master: Some(new.command("m", "echo master >> $1")), ..Default::default() };
        Fixture::notify(&mut scripts, &commands, Event::Master);
        scripts.use_runner(new.connect()).unwrap();
        scripts.start_check(RunId(3), &new.check("exit 0"));
        assert!(matches!(scripts.next().await, SwitchInput::ScriptStarted(RunId(3), _)));
        assert_eq!(scripts.next().await, SwitchInput::ScriptEnded(RunId(3), ExitStatus::Exited(0)));
        scripts.finish().await;
        assert_eq!(read(&new.out()), "master\n");
    });
}

#[test]
fn transitions_arrive_in_order_however_long_each_script_takes() {
    let fixture = Fixture::new();
    run(async || {
        let mut scripts = Scripts::new(fixture.connect(), &GlobalDefs::default()).unwrap();
        let commands = NotifyScripts {
            any: Some(fixture.command("any", "[ $4 = MASTER ] && sleep 0.2; echo $2 $3 $4 $5 >> $1")),
            ..Default::default()
        };
        Fixture::notify(&mut scripts, &commands, Event::Master);
        Fixture::notify(&mut scripts, &commands, Event::Backup);
        scripts.finish().await;
        assert_eq!(read(&fixture.out()), "INSTANCE VI_1 MASTER 150\nINSTANCE VI_1 BACKUP 150\n");
    });
}

#[test]
fn the_last_script_runs_though_its_predecessor_hangs_and_is_killed_after_a_second() {
    let fixture = Fixture::new();
    run(async || {
        let mut scripts = Scripts::new(fixture.connect(), &GlobalDefs::default()).unwrap();
        let commands = NotifyScripts {
            master: Some(fixture.command("m", "sleep 600; echo no >> $1")),
            stop: Some(fixture.command("s", "echo stop >> $1; sleep 600; echo no >> $1")),
            ..Default::default()
        };
        Fixture::notify(&mut scripts, &commands, Event::Master);
        Fixture::notify(&mut scripts, &commands, Event::Stop);
        let start = Instant::now();
        scripts.finish().await;
        let took = start.elapsed();
        assert!(
            took >= crate::vrrp::PREDECESSOR_LIMIT + crate::vrrp::STOP_LIMIT && took < Duration::from_secs(5),
            "{took:?}"
        );
        assert_eq!(read(&fixture.out()), "stop\n");
    });
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
