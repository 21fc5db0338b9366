//! Whole protocol threads against the kernel, each in a network namespace of its own.

mod firewall;
mod linkless;
mod panic;
mod routing;
mod upkeep;

use super::*;
use crate::config::block::{Delivery, DynamicInterfaces};
use crate::config::value::VirtualAddress;
use crate::sys::testing::{in_namespace, ip};
use crate::types::{AdvertInt, Family, IfName, IpNet, Priority, State, Version, Vrid};
use crate::vrrp::Event;
use std::io::Read as _;
use std::net::IpAddr;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

/// A protocol thread in its namespace.
struct Node {
    commands: mpsc::Sender<Command>,
    service: mpsc::UnboundedReceiver<ToService>,
    thread: std::thread::JoinHandle<io::Result<End>>,
}

fn vip(address: &str, dev: &str) -> VirtualAddress {
    VirtualAddress::new(IpNet::host(address.parse().unwrap()), IfName::new(dev).unwrap())
}

fn instance(dev: &str, priority: u8, vips: &[&str]) -> VrrpInstance {
    let vips: Vec<_> = vips.iter().map(|address| vip(address, dev)).collect();
    let family = vips[0].net.family();
    VrrpInstance {
        wanted_state: State::Backup,
        interface: IfName::new(dev).ok(),
        family,
        version: Version::V3,
        priority: Priority::new(priority),
        advert_int: AdvertInt::from_centis(30).unwrap(),
        delivery: Delivery::Multicast { group: family.vrrp_group() },
        vips,
        ..crate::vrrp::sample()
    }
}

fn config(instances: Vec<VrrpInstance>) -> Arc<Config> {
    Arc::new(Config { instances: instances.into_iter().map(Arc::new).collect(), ..Config::default() })
}

/// Starts a node in the namespace of the calling thread.
fn start(config: &Arc<Config>, respawned: bool) -> Node {
    start_with(config, respawned, None)
}

/// As [`start`], with a file for what it may leave.
fn start_with(config: &Arc<Config>, respawned: bool, memo: Option<std::path::PathBuf>) -> Node {
    let (commands, receiver) = mpsc::channel(16);
    let (service_sender, service) = mpsc::unbounded_channel();
    let config = Arc::clone(config);
    let files = FileWriter::start().unwrap();
    let memo = memo.map(|path| (path, files.clone()));
    // A thread inherits the namespace of the one that starts it.
    let thread = std::thread::spawn(move || {
        let end = run_protocol(Protocol {
            config,
            commands: receiver,
            service: service_sender,
            trackers: mpsc::unbounded_channel().0,
            respawned,
            keep_addresses: false,
            no_bfd: false,
            memo: Memo::new(memo),
        });
        files.flush(Duration::from_secs(60));
        end
    });
    Node { commands, service, thread }
}

impl Node {
    /// Waits for a notification of this event.
    fn await_event(&mut self, wanted: Event) -> Instant {
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            match self.service.try_recv() {
                Ok(ToService::Notify(notify)) if notify.notification.event == wanted => {
                    return Instant::now();
                }
                Ok(_) => {}
                Err(_) => {
                    assert!(Instant::now() < limit, "{wanted} did not come");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    fn tell(&self, command: Command) {
        self.commands.blocking_send(command).unwrap();
    }

    fn snapshot(&self) -> Snapshot {
        let (answer, snapshot) = oneshot::channel();
        self.tell(Command::Snapshot(answer));
        snapshot.blocking_recv().unwrap()
    }

    fn stop(self) {
        self.tell(Command::Stop);
        assert_eq!(self.thread.join().unwrap().unwrap(), End::Stopped);
    }

    /// Ends it as a crash would: nothing is said, nothing removed.
    fn crash(self) {
        drop(self.commands);
        assert_eq!(self.thread.join().unwrap().unwrap(), End::Broken);
    }
}

fn shown(name: &str) -> String {
    let output = Process::new("ip").args(["address", "show", "dev", name]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn has(name: &str, address: &str) -> bool {
    shown(name).contains(&format!(" {address}/"))
}

/// `ip monitor address`, ended when dropped.
struct AddressWatch(Child);

/// Starts it in this namespace and waits until it listens.
fn watch_addresses() -> AddressWatch {
    let mut command = Process::new("ip");
    let command = command.args(["monitor", "address"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let watch = AddressWatch(command.spawn().unwrap());
    std::thread::sleep(Duration::from_millis(200));
    watch
}

/// Ends it and gives what it has seen.
fn told(mut watch: AddressWatch) -> String {
    std::thread::sleep(Duration::from_millis(100));
    watch.0.kill().unwrap();
    let mut seen = String::new();
    watch.0.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
    seen
}

impl Drop for AddressWatch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `test` beside a second namespace: `va` stays here, `vb` moves there. The argument runs
/// closures over there, one after another.
fn with_peer(test: impl FnOnce(&Peer) + Send + 'static) {
    in_namespace(|| {
        let (jobs, receiver) = std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            ready.send(nix::unistd::gettid()).unwrap();
            receiver.into_iter().for_each(|job| job());
        });
        let tid = is_ready.recv().unwrap();
        ip(&format!("link set vb netns {tid}"));
        let peer = Peer { jobs };
        peer.run(|| {
            ip("link set vb up");
            ip("address add 192.0.2.2/24 dev vb");
            ip("address add fe80::b/64 dev vb nodad");
        });
        test(&peer);
        drop(peer);
        thread.join().unwrap();
    });
}

struct Peer {
    jobs: std::sync::mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl Peer {
    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, result) = std::sync::mpsc::channel();
        self.jobs.send(Box::new(move || answer.send(job()).unwrap())).unwrap();
        result.recv().unwrap()
    }
}

fn failover(vips: &'static [&'static str], unicast: Option<[&'static str; 2]>) {
    with_peer(move |peer| {
        let with_delivery = move |mut instance: VrrpInstance, own: usize| {
            if let Some(nodes) = unicast {
                let addresses = nodes.map(|node| node.parse::<IpAddr>().unwrap());
                instance.source = Some(addresses[own]);
                instance.delivery = Delivery::to_peers([addresses[1 - own]]);
            }
            config(vec![instance])
        };
        let mut a = start(&with_delivery(instance("va", 150, vips), 0), false);
        a.await_event(Event::Master);
        let mut b = peer.run(move || start(&with_delivery(instance("vb", 100, vips), 1), false));
        b.await_event(Event::Backup);
        assert!(vips.iter().all(|vip| has("va", vip)));
        std::thread::sleep(Duration::from_millis(1200));
        let seen = b.snapshot().instances;
        assert_eq!((seen[0].state, seen[0].stats.become_master), (State::Backup, 0), "{:?}", seen[0]);
        assert_eq!(seen[0].master.unwrap().priority, Priority::new(150));
        assert!(seen[0].stats.advert_rcvd >= 3);

        a.stop();
        assert!(!vips.iter().any(|vip| has("va", vip)));
        b.await_event(Event::Master);
        assert_eq!(b.snapshot().instances[0].stats.pri_zero_rcvd, 1);
        assert!(peer.run(move || vips.iter().all(|vip| has("vb", vip))));
        b.stop();
        assert!(!peer.run(move || vips.iter().any(|vip| has("vb", vip))));
    });
}

#[test]
fn ipv4_multicast_fails_over() {
    failover(&["10.99.0.100", "10.99.0.101"], None);
}

#[test]
fn ipv6_multicast_fails_over() {
    failover(&["fe80::51", "2001:db8:99::100"], None);
}

#[test]
fn ipv4_unicast_fails_over() {
    failover(&["10.99.0.100"], Some(["192.0.2.1", "192.0.2.2"]));
}

#[test]
fn ipv6_unicast_fails_over() {
    failover(&["2001:db8:99::100"], Some(["fe80::a", "fe80::b"]));
}

#[test]
fn what_a_reload_drops_stays_until_its_successor_is_there() {
    with_peer(|peer| {
        // A backup of it waits for the skew of 0.6 s, in which there is time to look.
        let slow =
            |one: VrrpInstance| VrrpInstance { advert_int: AdvertInt::from_centis(100).unwrap(), ..one };
        let dropped = slow(instance("va", 150, &["10.99.0.100"]));
        let kept = VrrpInstance {
            name: "VI_2".into(),
            vrid: Vrid::new(52).unwrap(),
            ..instance("va", 150, &["10.99.0.101"])
        };
        let mut a = start(&config(vec![dropped.clone(), kept.clone()]), false);
        a.await_event(Event::Master);
        a.await_event(Event::Master);
        let mut b =
            peer.run(move || start(&config(vec![slow(instance("vb", 100, &["10.99.0.100"]))]), false));
        b.await_event(Event::Backup);
        // It has heard an advert.
        std::thread::sleep(Duration::from_millis(1100));
        a.tell(Command::Reload(config(vec![kept.clone()])));
        std::thread::sleep(Duration::from_millis(60));
        assert!(has("va", "10.99.0.100"), "it has let go at once");
        b.await_event(Event::Master);
        // To scripts it is in FAULT, as keepalived's are told.
        a.await_event(Event::Fault);
        assert!(!has("va", "10.99.0.100") && has("va", "10.99.0.101"));
        b.stop();
        // With nobody to follow it stays as long as somebody could; a file that has it again finds it gone.
        a.tell(Command::Reload(config(vec![dropped.clone(), kept.clone()])));
        a.await_event(Event::Master);
        a.tell(Command::Reload(config(vec![kept.clone()])));
        std::thread::sleep(Duration::from_millis(60));
        assert!(has("va", "10.99.0.100"));
        a.tell(Command::Reload(config(vec![dropped, kept])));
        a.await_event(Event::Backup);
        assert!(!has("va", "10.99.0.100") && has("va", "10.99.0.101"));
        a.await_event(Event::Master);
        a.stop();
        assert!(!has("va", "10.99.0.100") && !has("va", "10.99.0.101"));
    });
}

#[test]
fn a_respawned_child_keeps_the_addresses_of_the_killed_one_without_a_gap() {
    in_namespace(|| {
        let config = config(vec![instance("va", 150, &["10.99.0.100"])]);
        let mut first = start(&config, false);
        first.await_event(Event::Master);
        first.crash();
        assert!(has("va", "10.99.0.100"));
        goes_on_without_a_gap(|| start(&config, true));
    });
}

/// The address stays from the start of a successor until its end.
fn goes_on_without_a_gap(successor: impl FnOnce() -> Node) {
    let monitor = watch_addresses();
    let mut second = successor();
    second.await_event(Event::Master);
    assert!(has("va", "10.99.0.100"));
    second.stop();
    assert!(!has("va", "10.99.0.100"));
    let events = told(monitor);
    assert_eq!(events.matches("10.99.0.100").count(), 1, "removed once, at the end: {events}");
}

/// Linux before 5.18 keeps no mark: who has put an address there the memo alone says.
#[test]
fn a_respawned_child_keeps_the_addresses_of_the_killed_one_that_bear_no_mark() {
    in_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let memo = Some(directory.path().join("vrrp.left"));
        let config = config(vec![instance("va", 150, &["10.99.0.100"])]);
        let mut first = start_with(&config, false, memo.clone());
        first.await_event(Event::Master);
        first.crash();
        ip("address del 10.99.0.100/32 dev va");
        ip("address add 10.99.0.100/32 dev va");
        goes_on_without_a_gap(|| start_with(&config, true, memo));
    });
}

#[test]
fn a_first_start_removes_leftovers() {
    in_namespace(|| {
        ip("address add 10.99.0.100/32 dev va");
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100"])]), false);
        node.await_event(Event::Backup);
        assert!(!has("va", "10.99.0.100"));
        node.stop();
    });
}

#[test]
fn an_address_that_somebody_removes_is_put_back() {
    in_namespace(|| {
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100", "10.99.0.101"])]), false);
        node.await_event(Event::Master);
        ip("address del 10.99.0.101/32 dev va");
        let limit = Instant::now() + Duration::from_secs(5);
        while !has("va", "10.99.0.101") {
            assert!(Instant::now() < limit);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(node.snapshot().instances[0].state, State::Master);
        node.stop();
    });
}

#[test]
fn a_dead_cable_is_a_fault_and_a_mended_one_none() {
    with_peer(|peer| {
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100"])]), false);
        node.await_event(Event::Master);
        peer.run(|| ip("link set vb down"));
        node.await_event(Event::Fault);
        assert!(!has("va", "10.99.0.100"));
        peer.run(|| ip("link set vb up"));
        node.await_event(Event::Backup);
        node.await_event(Event::Master);
        node.stop();
    });
}

#[test]
fn a_link_that_is_made_anew_is_used_again() {
    in_namespace(|| {
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100"])]), false);
        node.await_event(Event::Master);
        ip("link del va");
        node.await_event(Event::Fault);
        ip("link add va type veth peer name vb");
        ip("link set vb up");
        ip("link set va up");
        ip("address add 192.0.2.1/24 dev va");
        node.await_event(Event::Master);
        assert!(has("va", "10.99.0.100"));
        node.stop();
    });
}

#[test]
fn a_reload_moves_an_address_between_instances_without_removing_it() {
    in_namespace(|| {
        let pair = |first: &[&str], second: &[&str]| {
            let other = VrrpInstance {
                name: "VI_2".into(),
                vrid: Vrid::new(7).unwrap(),
                ..instance("va", 100, second)
            };
            config(vec![instance("va", 150, first), other])
        };
        let moving = "10.99.0.102";
        let mut node = start(&pair(&["10.99.0.100", moving], &["10.99.0.101"]), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        let monitor = watch_addresses();
        node.tell(Command::Reload(pair(&["10.99.0.100"], &["10.99.0.101", moving, "10.99.0.103"])));
        let states: Vec<State> = node.snapshot().instances.iter().map(|instance| instance.state).collect();
        assert_eq!(states, [State::Master; 2]);
        let events = told(monitor);
        assert!(events.contains("10.99.0.103") && !events.contains(moving), "{events}");
        assert!(has("va", moving));
        node.stop();
    });
}

#[test]
fn an_interface_that_does_not_exist_ends_a_first_start_and_is_refused_by_a_reload() {
    in_namespace(|| {
        let absent = config(vec![instance("eth9", 150, &["10.99.0.100"])]);
        let node = start(&absent, false);
        assert_eq!(node.thread.join().unwrap().unwrap(), End::InterfacesMissing);
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100"])]), false);
        node.await_event(Event::Master);
        node.tell(Command::Reload(absent));
        assert_eq!(node.snapshot().instances[0].state, State::Master);
        assert!(has("va", "10.99.0.100"));
        node.stop();
    });
}

#[test]
fn many_instances_share_a_socket_and_all_become_master() {
    in_namespace(|| {
        let instances = (1..=100u8).map(|vrid| VrrpInstance {
            name: format!("VI_{vrid}"),
            vrid: Vrid::new(vrid).unwrap(),
            ..instance("va", 150, &[&format!("10.98.0.{vrid}")])
        });
        let mut node = start(&config(instances.collect()), false);
        for _ in 1..=100 {
            node.await_event(Event::Master);
        }
        let raw = std::fs::read_to_string("/proc/thread-self/net/raw").unwrap();
        assert_eq!(raw.lines().count(), 1 + 2, "one pair of sockets: {raw}");
        assert_eq!(Family::V4, node.snapshot().instances[0].config.family);
        node.stop();
        assert!(!shown("va").contains("10.98.0."));
    });
}

#[test]
fn an_instance_that_fails_starts_again_and_neither_its_addresses_nor_the_others_notice() {
    in_namespace(|| {
        let other = VrrpInstance {
            name: "VI_2".into(),
            vrid: Vrid::new(7).unwrap(),
            ..instance("va", 100, &["10.99.0.101"])
        };
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100"]), other]), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        let monitor = watch_addresses();
        node.tell(Command::Fail("VI_1".into()));
        node.await_event(Event::Backup);
        node.await_event(Event::Master);
        let seen = node.snapshot().instances;
        assert_eq!(seen.iter().map(|instance| instance.stats.become_master).collect::<Vec<_>>(), [1, 1]);
        assert!(!told(monitor).contains("10.99.0."), "an address moved");
        assert!(has("va", "10.99.0.100") && has("va", "10.99.0.101"));
        node.stop();
        assert!(!has("va", "10.99.0.100"));
    });
}

#[test]
fn an_address_that_goes_because_another_of_its_subnet_goes_is_put_back() {
    in_namespace(|| {
        let with_prefix = |addresses: &[&str]| {
            let mut instance = instance("va", 150, addresses);
            instance.vips.iter_mut().for_each(|vip| vip.net.prefix = 24);
            config(vec![instance])
        };
        let mut node = start(&with_prefix(&["10.99.5.1", "10.99.5.2", "10.99.5.3"]), false);
        node.await_event(Event::Master);
        // The kernel removes the others of a subnet with its first address.
        node.tell(Command::Reload(with_prefix(&["10.99.5.2", "10.99.5.3"])));
        let limit = Instant::now() + Duration::from_secs(5);
        while has("va", "10.99.5.1") || !has("va", "10.99.5.2") || !has("va", "10.99.5.3") {
            assert!(Instant::now() < limit, "{}", shown("va"));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(node.snapshot().instances[0].state, State::Master);
        node.stop();
    });
}

#[test]
fn an_instance_that_a_reload_drops_lets_go_and_tells_its_scripts_fault() {
    in_namespace(|| {
        let kept = instance("va", 150, &["10.99.0.100"]);
        let dropped = VrrpInstance {
            name: "VI_2".into(),
            vrid: Vrid::new(7).unwrap(),
            ..instance("va", 100, &["10.99.0.101"])
        };
        let mut node = start(&config(vec![dropped, kept.clone()]), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        node.tell(Command::Reload(config(vec![kept])));
        node.await_event(Event::Fault);
        assert_eq!(node.snapshot().instances.len(), 1);
        assert!(has("va", "10.99.0.100") && !has("va", "10.99.0.101"));
        node.stop();
    });
}

#[test]
fn what_an_instance_had_that_fails_and_is_dropped_is_let_go_of() {
    in_namespace(|| {
        let kept = instance("va", 150, &["10.99.0.100"]);
        let other = VrrpInstance {
            name: "VI_2".into(),
            vrid: Vrid::new(7).unwrap(),
            ..instance("va", 100, &["10.99.0.101"])
        };
        let mut node = start(&config(vec![other, kept.clone()]), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        node.tell(Command::Fail("VI_2".into()));
        node.tell(Command::Reload(config(vec![kept])));
        let limit = Instant::now() + Duration::from_secs(2);
        while has("va", "10.99.0.101") {
            assert!(Instant::now() < limit);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(has("va", "10.99.0.100"));
        node.stop();
    });
}

#[test]
fn the_end_removes_the_addresses_of_an_instance_that_has_failed() {
    in_namespace(|| {
        let mut node = start(&config(vec![instance("va", 150, &["10.99.0.100"])]), false);
        node.await_event(Event::Master);
        node.tell(Command::Fail("VI_1".into()));
        std::thread::sleep(Duration::from_millis(200));
        node.stop();
        let limit = Instant::now() + Duration::from_secs(2);
        while has("va", "10.99.0.100") {
            assert!(Instant::now() < limit);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

/// oracle: keepalived 2.2.7 with `dynamic_interfaces`: FAULT until the interface comes, and again when it goes.
#[test]
fn an_interface_that_may_come_later_is_waited_for_and_may_go_and_come_again() {
    in_namespace(|| {
        let absent = instance("vc", 150, &["10.99.0.100"]);
        let mut config = Config { instances: vec![Arc::new(absent)], ..Config::default() };
        config.global.dynamic_interfaces = DynamicInterfaces::Allowed;
        let mut node = start(&Arc::new(config), false);
        for _ in 0..2 {
            node.await_event(Event::Fault);
            assert_eq!(node.snapshot().instances[0].state, State::Fault);
            ip("link add vc type veth peer name vd");
            ip("address add 192.0.2.3/24 dev vc");
            ip("link set vc up");
            ip("link set vd up");
            node.await_event(Event::Master);
            assert!(has("vc", "10.99.0.100"));
            ip("link delete vc");
        }
        node.stop();
    });
}

#[test]
fn a_shortage_is_tried_again_and_a_successor_in_any_case() {
    let code = |errno, respawned| code_of(&io::Error::from_raw_os_error(errno), respawned);
    for errno in [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE, libc::ENOBUFS] {
        assert_eq!(code(errno, false), process::INTERNAL_ERROR, "{errno}");
    }
    assert_eq!(code(libc::EPERM, false), exit_code::MISSING_PERMISSION);
    assert_eq!(code(libc::EAFNOSUPPORT, false), exit_code::FATAL);
    for errno in [libc::EMFILE, libc::EPERM, libc::EAFNOSUPPORT] {
        assert_eq!(code(errno, true), process::INTERNAL_ERROR, "{errno}");
    }
}

/// The kernel is still at the addresses of one reload when the next one drops their instance, and waits for
/// nobody because another is to have one of them.
#[test]
fn what_is_dropped_before_the_kernel_has_answered_tells_its_scripts_all_the_same() {
    in_namespace(|| {
        let many: Vec<String> = (1..=400).map(|n| format!("2001:db8:99::{n:x}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let other = |vips: &[&str]| VrrpInstance {
            name: "VI_2".into(),
            vrid: Vrid::new(7).unwrap(),
            ..instance("va", 150, vips)
        };
        let kept = instance("va", 150, &["2001:db8:98::1"]);
        let mut taking = kept.clone();
        taking.vips.push(vip(many[0], "va"));
        let mut node = start(&config(vec![other(&many[..1]), kept.clone()]), false);
        node.await_event(Event::Master);
        node.await_event(Event::Master);
        node.tell(Command::Reload(config(vec![other(&many), kept])));
        node.tell(Command::Reload(config(vec![taking])));
        node.await_event(Event::Fault);
        node.stop();
    });
}
