//! The switchboard, told and asked.

use super::*;
use crate::config::block::VirtualLink;
use crate::config::block::{MacOrigin, TrackEntry, TrackGroup, VirtualLinkKind};
use crate::config::value::{Route, ScriptCommand, VirtualAddress};
use crate::track::Because;
use crate::types::IpNet;
use crate::vrrp::instance::sample::sample;
use std::time::Duration;

fn ms(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn link(name: &str) -> IfName {
    IfName::new(name).unwrap()
}

fn script(name: &str) -> VrrpScript {
    VrrpScript {
        name: name.into(),
        command: ScriptCommand { argv: vec!["/bin/true".into()], uid: None, gid: None },
        interval: Duration::from_secs(1),
        timeout: None,
        weight: Weight::default(),
        rise: 1,
        fall: 1,
        init_fail: false,
    }
}

fn tracked(tracked: Tracked, value: i16) -> TrackEntry {
    TrackEntry { tracked, weight: Weight { value, reverse: false } }
}

/// Two instances: `A` without weight and `B` with weight -20 on `chk`, `B` on the link `lan1` too.
fn config(script: VrrpScript) -> Config {
    let chk = || Tracked::Script("chk".into());
    let a = VrrpInstance { name: "A".into(), track: vec![tracked(chk(), 0)], ..sample() };
    let b = VrrpInstance {
        name: "B".into(),
        track: vec![tracked(Tracked::Interface(link("lan1")), -30), tracked(chk(), -20)],
        ..sample()
    };
    Config { scripts: vec![Arc::new(script)], instances: vec![Arc::new(a), Arc::new(b)], ..Config::default() }
}

fn board(config: &Config) -> Switchboard {
    Switchboard::new(ms(0), config, [(link("eth0"), true), (link("lan1"), true)])
}

fn drain(board: &mut Switchboard) -> Vec<SwitchEffect> {
    std::iter::from_fn(|| board.poll_effect()).collect()
}

/// Lets the due run happen with this exit code.
fn run(board: &mut Switchboard, now: Instant, code: u8) -> Vec<SwitchEffect> {
    board.handle_timeout(now);
    let effects = drain(board);
    let id =
        effects.iter().find_map(|e| if let SwitchEffect::StartScript(id, _) = e { Some(*id) } else { None });
    board.handle(now, SwitchInput::ScriptEnded(id.expect("a run was due"), ExitStatus::Exited(code)));
    drain(board)
}

fn told(effects: &[SwitchEffect]) -> Vec<(&str, i64, usize, usize)> {
    let mut told = Vec::new();
    for effect in effects {
        if let SwitchEffect::Tracking(name, tracking) = effect {
            told.push((name.as_str(), tracking.weight, tracking.faults.len(), tracking.pending));
        }
    }
    told
}

#[test]
fn one_verdict_reaches_each_instance_at_its_own_weight() {
    let mut board = board(&config(script("chk")));
    assert_eq!((board.tracking("A").pending, board.tracking("B").pending), (1, 0));
    assert_eq!(told(&run(&mut board, ms(0), 1)), [("A", 0, 1, 0), ("B", -20, 0, 0)]);
    assert_eq!(told(&run(&mut board, ms(1_000), 0)), [("A", 0, 0, 0), ("B", 0, 0, 0)]);
    assert_eq!(told(&run(&mut board, ms(2_000), 0)), []);
}

#[test]
fn a_dead_link_is_a_fault_or_a_weight() {
    let mut board = board(&config(script("chk")));
    board.handle(ms(0), SwitchInput::Link(link("lan1"), LinkStatus::Down));
    assert_eq!(told(&drain(&mut board)), [("B", -30, 0, 0)]);
    board.handle(ms(0), SwitchInput::Link(link("eth0"), LinkStatus::Down));
    assert_eq!(told(&drain(&mut board)), [("A", 0, 1, 1), ("B", -30, 1, 0)]);
}

/// `C` with a file at weight 2 and processes without weight.
fn followed() -> Config {
    let file = TrackFile { name: "f".into(), path: "/run/f".into(), ..TrackFile::default() };
    let track = vec![tracked(Tracked::File("f".into()), 2), tracked(Tracked::Process("p".into()), 0)];
    let c = VrrpInstance { name: "C".into(), track, ..sample() };
    Config {
        track_files: vec![Arc::new(file)],
        track_processes: vec![Arc::new(crate::track::sample::process("p"))],
        instances: vec![Arc::new(c)],
        ..Config::default()
    }
}

fn file(number: i32) -> SwitchInput {
    SwitchInput::File("f".into(), Reading::Number(number))
}

fn processes(count: usize) -> SwitchInput {
    SwitchInput::Processes(Census { process: "p".into(), count, because: Because::Found })
}

#[test]
fn files_and_processes_are_asked_for_and_waited_for() {
    let mut board = board(&followed());
    let wanted = Followed {
        files: followed().track_files,
        processes: followed().track_processes,
        sessions: Vec::new(),
    };
    assert_eq!(drain(&mut board), [SwitchEffect::Follow(wanted)]);
    assert_eq!(board.tracking("C").pending, 2);
    board.handle(ms(1), file(10));
    assert_eq!(told(&drain(&mut board)), [("C", 20, 0, 1)]);
    board.handle(ms(2), processes(1));
    assert_eq!(told(&drain(&mut board)), [("C", 20, 0, 0)]);
    board.handle(ms(3), processes(0));
    let lost = Fault::Process { name: "p".into(), quorum: false };
    assert_eq!(
        (told(&drain(&mut board)), board.tracking("C").faults),
        (vec![("C", 20, 1, 0)], [lost].into())
    );
    board.handle(ms(4), file(-127));
    assert!(board.tracking("C").faults.contains(&Fault::File("f".into())));
    assert_eq!((board.files()["f"], board.processes()["p"]), (-127, (0, Verdict::Bad)));
    assert_eq!(board.poll_timeout(), None);
}

/// `D` with a session at weight -20 and `E` with it as a fault.
fn with_session() -> Config {
    let session = BfdInstance {
        name: "s".into(),
        session: None,
        weight: Weight::default(),
        tells_vrrp: true,
        tells_checkers: false,
    };
    let instance = |name: &str, weight| VrrpInstance {
        name: name.into(),
        track: vec![tracked(Tracked::Session("s".into()), weight)],
        ..sample()
    };
    Config {
        bfd_instances: vec![Arc::new(session)],
        instances: vec![Arc::new(instance("D", -20)), Arc::new(instance("E", 0))],
        ..Config::default()
    }
}

#[test]
fn a_session_is_down_until_it_is_up_and_each_change_is_told_once() {
    let lines = |effects: &[SwitchEffect]| {
        let notices = effects.iter().filter_map(|effect| match effect {
            SwitchEffect::Notice(notice) => Some(notice.to_string()),
            _ => None,
        });
        notices.collect::<Vec<_>>()
    };
    let mut board = board(&with_session());
    drain(&mut board);
    assert_eq!((board.tracking("D").weight, board.tracking("E").faults.len()), (-20, 1));
    board.handle(ms(1), SwitchInput::Session("s".into(), true));
    let up = drain(&mut board);
    assert_eq!(told(&up), [("D", 0, 0, 0), ("E", 0, 0, 0)]);
    assert_eq!(
        lines(&up),
        ["VRRP_Instance(D) Tracked BFD instance s is UP", "VRRP_Instance(E) Tracked BFD instance s is UP"]
    );
    // The same again, and one that nobody has configured.
    board.handle(ms(2), SwitchInput::Session("s".into(), true));
    board.handle(ms(2), SwitchInput::Session("t".into(), true));
    assert_eq!(drain(&mut board), []);
    board.handle(ms(3), SwitchInput::Session("s".into(), false));
    let down = drain(&mut board);
    assert_eq!(told(&down), [("D", -20, 0, 0), ("E", 0, 1, 0)]);
    assert!(lines(&down)[0].ends_with("s is DOWN"));
}

#[test]
fn a_reload_keeps_what_is_known_of_a_session() {
    let mut board = board(&with_session());
    board.handle(ms(1), SwitchInput::Session("s".into(), true));
    drain(&mut board);
    board.handle(ms(2), SwitchInput::Reconfigure(Arc::new(with_session())));
    assert_eq!(told(&drain(&mut board)), []);
    assert!(board.sessions()["s"] && board.tracking("E").faults.is_empty());
}

#[test]
fn a_reload_asks_again_only_for_what_has_changed_and_moves_nothing_by_itself() {
    let mut board = board(&followed());
    board.handle(ms(1), file(10));
    board.handle(ms(1), processes(1));
    drain(&mut board);
    board.handle(ms(2), SwitchInput::Reconfigure(Arc::new(followed())));
    assert_eq!(drain(&mut board), []);
    let mut config = followed();
    config.track_files =
        vec![Arc::new(TrackFile { path: "/run/g".into(), ..(*config.track_files[0]).clone() })];
    board.handle(ms(3), SwitchInput::Reconfigure(Arc::new(config)));
    assert!(matches!(drain(&mut board)[..], [SwitchEffect::Follow(_)]));
    assert_eq!((board.tracking("C").weight, board.tracking("C").pending), (20, 0));
}

#[test]
fn a_track_group_ties_its_instances_to_the_links_of_static_objects() {
    let address = |dev: &str, group: &str, no_track| VirtualAddress {
        dev: link(dev),
        track_group: Some(group.into()),
        no_track,
        ..crate::vrrp::instance::sample::vip(1)
    };
    let group =
        |name: &str, instance: &str| TrackGroup { name: name.into(), instances: vec![instance.into()] };
    let mut config = config(script("chk"));
    config.statics = StaticObjects {
        addresses: vec![address("lan2", "T", false), address("lan3", "T", true)],
        routes: vec![Route {
            dev: Some(link("lan4")),
            track_group: Some("U".into()),
            ..Route::to(IpNet::host([192, 0, 2, 1].into()))
        }],
        track_groups: vec![group("T", "A"), group("U", "B")],
        ..StaticObjects::default()
    };
    let all = ["eth0", "lan1", "lan2", "lan3", "lan4"].map(|name| (link(name), true));
    let mut board = Switchboard::new(ms(0), &config, all);
    run(&mut board, ms(0), 0);
    let pull = |board: &mut Switchboard, name| {
        board.handle(ms(1), SwitchInput::Link(link(name), LinkStatus::Down));
        told(&drain(board)).into_iter().map(|it| (it.0.to_owned(), it.2)).collect::<Vec<_>>()
    };
    assert_eq!(pull(&mut board, "lan2"), [("A".to_owned(), 1)]);
    assert_eq!(pull(&mut board, "lan3"), []);
    assert_eq!(pull(&mut board, "lan4"), [("B".to_owned(), 1)]);
    // Out of the track group, out of the fault.
    config.statics.track_groups.remove(0);
    board.handle(ms(2), SwitchInput::Reconfigure(Arc::new(config)));
    assert_eq!(told(&drain(&mut board)), [("A", 0, 0, 0)]);
}

/// oracle: keepalived 2.4.3, seen; `dont_track_primary` crashes it, and it forgets what `track_interface` says.
#[test]
fn without_an_interface_the_links_of_addresses_and_those_that_are_named_are_tracked() {
    let own = VrrpInstance {
        interface: None,
        track_primary: false,
        track: vec![tracked(Tracked::Interface(link("eth1")), 0)],
        ..crate::vrrp::sample()
    };
    let config = Config { instances: vec![Arc::new(own)], ..Config::default() };
    let mut board = board(&config);
    let up = |name| SwitchInput::Link(link(name), LinkStatus::of(true));
    for name in ["eth0", "eth1"] {
        board.handle(ms(0), up(name));
    }
    assert_eq!(board.tracking("VI_1").faults.len(), 0);
    for name in ["eth0", "eth1"] {
        board.handle(ms(1), SwitchInput::Link(link(name), LinkStatus::of(false)));
        assert_eq!(board.tracking("VI_1").faults, [Fault::Link(link(name))].into());
        board.handle(ms(2), up(name));
    }
}

#[test]
fn a_link_that_was_never_heard_of_is_down() {
    let board = Switchboard::new(ms(0), &config(script("chk")), []);
    assert_eq!(board.tracking("B").faults, BTreeSet::from([Fault::Link(link("eth0"))]));
}

#[test]
fn a_reload_keeps_what_is_known_of_an_unchanged_script() {
    let config = config(script("chk"));
    let mut board = board(&config);
    run(&mut board, ms(0), 1);
    board.handle(ms(500), SwitchInput::Reconfigure(Arc::new(config)));
    assert_eq!((drain(&mut board), board.scripts()[0].verdict), (vec![], Verdict::Bad));
    assert_eq!(board.poll_timeout(), Some(ms(1_000)));
}

#[test]
fn a_reload_that_changes_a_script_ends_its_run_and_ignores_its_exit() {
    let mut board = board(&config(script("chk")));
    run(&mut board, ms(0), 0);
    board.handle_timeout(ms(1_000));
    let [SwitchEffect::StartScript(old, _)] = drain(&mut board)[..] else { panic!("a run was due") };
    let changed = VrrpScript { interval: Duration::from_secs(9), ..script("chk") };
    board.handle(ms(1_100), SwitchInput::Reconfigure(Arc::new(config(changed))));
    assert!(drain(&mut board).contains(&SwitchEffect::SignalScript(old, Signal::Kill)));
    board.handle(ms(1_200), SwitchInput::ScriptEnded(old, ExitStatus::Signalled(9)));
    assert_eq!((drain(&mut board), board.scripts()[0].verdict), (vec![], Verdict::Good));
}

#[test]
fn a_link_with_delays_counts_when_they_are_over_and_so_does_what_is_made_on_it() {
    let delays =
        UpDownDelays { interface: link("eth0"), down: Duration::from_secs(1), up: Duration::from_secs(2) };
    let mut config = config(script("chk"));
    let mac = crate::types::MacAddr([0, 0, 0x5e, 0, 1, 1]);
    let made = VirtualLink {
        name: link("vrrp.1"),
        base: link("eth0"),
        kind: VirtualLinkKind::Vmac { mac, origin: MacOrigin::Standard },
        group: None,
        netlink_notify: false,
    };
    let vmac = VrrpInstance { name: "V".into(), virtual_link: Some(made), ..sample() };
    (config.up_down_delays, config.scripts, config.instances) = (vec![delays], vec![], vec![Arc::new(vmac)]);
    let mut board = Switchboard::new(ms(0), &config, [(link("eth0"), true), (link("vrrp.1"), true)]);
    board.handle(ms(0), SwitchInput::Link(link("eth0"), LinkStatus::Down));
    board.handle(ms(0), SwitchInput::Link(link("vrrp.1"), LinkStatus::Down));
    assert_eq!((told(&drain(&mut board)), board.poll_timeout()), (vec![], Some(ms(1_000))));
    board.handle_timeout(ms(1_000));
    assert_eq!(told(&drain(&mut board)), [("V", 0, 2, 0)]);
    board.handle(ms(1_500), SwitchInput::Link(link("eth0"), LinkStatus::Up));
    board.handle(ms(1_500), SwitchInput::Link(link("vrrp.1"), LinkStatus::Absent));
    assert_eq!((told(&drain(&mut board)), board.poll_timeout()), (vec![], Some(ms(3_500))));
}
