//! The lab in a virtual machine: cases that need VLANs, VRFs, dummy links or netem, which the kernel of a
//! test machine may lack.
//!
//! Each test of this module runs itself. On the host it asks the one VM of this process, which the first
//! that asks has booted, to run the same test of the same binary, and passes or fails as that does. In the
//! VM its body runs, with the whole lab at hand.
//!
//! Needs qemu-system-x86_64, busybox, dash, flock, ip, tc, ldd, and apt-get and dpkg-deb for Debian's kernel: a test
//! that misses one says so and fails. `cargo test --release --test lab vm::` runs these tests alone.

mod archive;
mod dummy;
mod kernel;
mod machine;
mod netem;
mod vlan;
mod vmac;
mod vrf;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::net::daemon::Daemon;
use crate::net::space::Space;
use crate::world::{Kind, Node, World, lab_dir, need};

/// What is only waited for may take this long by the clock of the VM, which is slow and shared.
const PATIENCE: Duration = Duration::from_secs(25);

/// What that may add to a time that is measured; the kernel tells of a carrier up to a second late.
const SLACK: Duration = Duration::from_secs(2);

/// Set in the VM.
const INSIDE: &str = "VRRPD_LAB_INSIDE";

/// Runs a test in the VM: `path` is its name without the crate's.
fn in_vm(path: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    need(&[]);
    // The emulator keeps a core busy: nothing is measured beside it.
    let _turn = lab_dir();
    machine::run(path);
}

/// Makes a module of tests for each scenario, one for each pair of daemons on nodes a and b.
///
/// The pair of two keepalived is the oracle: the scenario expects of vrrpd what it does.
macro_rules! pairings_in_vm {
    ($($scenario:ident: $($pair:ident)|+;)*) => {$(
        mod $scenario {
            $(
                #[test]
                fn $pair() {
                    $crate::vm::play(module_path!(), stringify!($pair), super::$scenario);
                }
            )+
        }
    )*};
}
use pairings_in_vm;

/// Runs a scenario of two nodes in the VM, with the daemons that the test is called after.
fn play(module: &str, pair: &str, scenario: impl FnOnce(&mut World)) {
    let kind = |name| if name == "vrrpd" { Kind::Vrrpd } else { Kind::Keepalived };
    let (a, b) = pair.split_once('_').expect("two names");
    let (_crate, module) = module.split_once("::").expect("a module of this crate");
    let body = || scenario(&mut World::without_service(kind(a), kind(b)));
    in_vm(&format!("{module}::{pair}"), body);
}

/// Waits for something, or fails with what both daemons said.
#[track_caller]
fn until(world: &World, what: &str, mut check: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if check() {
            return;
        }
        // Each look costs the one processor of all tests a few milliseconds.
        thread::sleep(Duration::from_millis(100));
    }
    let log = |node: &Node| node.daemon.as_ref().map(Daemon::log).unwrap_or_default();
    panic!("not within {PATIENCE:?}: {what}\n--- a:\n{}\n--- b:\n{}", log(&world.a), log(&world.b));
}

/// Waits until `node` alone holds `vip`.
#[track_caller]
fn until_master(world: &World, node: &Node, vip: &str) {
    let vip = vip.parse().expect("an address");
    let other = if node.n == world.a.n { &world.b } else { &world.a };
    until(world, &format!("{} alone holds {vip}", node.space.name), || node.has(vip) && !other.has(vip));
}

/// Waits for words in the log of a node.
#[track_caller]
fn until_said(world: &World, node: &Node, words: &str) {
    let said = || node.daemon.as_ref().is_some_and(|daemon| daemon.log().contains(words));
    until(world, &format!("{} says `{words}`", node.space.name), said);
}

/// Starts a daemon that tells everything, and not to the console, which is slow. A machine that has just booted
/// is one behind whose links vrrpd listens first; keepalived does not.
fn start(node: &mut Node, config: &str) {
    let settled = match node.program.name {
        "vrrpd" => "global_defs {\n    vrrp_startup_silence 0\n}\n",
        _ => "",
    };
    node.start_with(&format!("{settled}{config}"), &["-D", "-G"]);
}

/// Runs `ip` or `tc` in a machine.
#[track_caller]
fn run(space: &Space, command: &str) -> String {
    let mut words = command.split_whitespace();
    let mut program = Command::new(words.next().expect("a command"));
    space.call(program.args(words)).unwrap_or_else(|error| panic!("{error}"))
}
