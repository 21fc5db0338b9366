//! What tests of this ring share: a network namespace of their own with two links in it.

use crate::types::{IfIndex, IfName};
use std::path::Path;
use std::process::Command;

/// Runs `test` on a thread with a network namespace of its own, in which `va` (192.0.2.1/24) and
/// `vb` (192.0.2.2/24) are the two ends of a veth pair, both up.
///
/// Without the privilege to make one, says so and passes, except under `CI=true`, where it fails.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let outcome = std::thread::spawn(|| {
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            eprintln!("not run: no network namespace without root ({error})");
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must be able to run this");
            return;
        }
        ip("link set lo up");
        ip("link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b");
        ip("link set va up");
        ip("link set vb up");
        ip("address add 192.0.2.1/24 dev va");
        ip("address add 192.0.2.2/24 dev vb");
        ip("address add fe80::a/64 dev va nodad");
        ip("address add fe80::b/64 dev vb nodad");
        await_carrier("va");
        await_carrier("vb");
        // Sender and receiver live in one namespace: the receiver must take packets from its own addresses.
        for (name, value) in [("accept_local", "1"), ("rp_filter", "0")] {
            std::fs::write(format!("/proc/sys/net/ipv4/conf/vb/{name}"), value).expect("a sysctl of our own");
        }
        test();
    });
    if let Err(panic) = outcome.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The kernel notices a carrier up to a second late, and drops what is sent before.
fn await_carrier(name: &str) {
    let shown =
        || Command::new("ip").args(["link", "show", "dev", name]).output().expect("iproute2 is installed");
    for _ in 0..500 {
        if String::from_utf8_lossy(&shown().stdout).contains("state UP") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{name} has no carrier");
}

/// Runs `ip` with these words.
pub(crate) fn ip(words: &str) {
    let status = Command::new("ip").args(words.split_whitespace()).status().expect("iproute2 is installed");
    assert!(status.success(), "ip {words}");
}

/// Writes a script that can be run at once. Another process writes it: none that another test forks meanwhile has it
/// open for writing.
pub(crate) fn write_script(path: &Path, text: &str) {
    let write = "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"";
    let status = Command::new("/bin/sh").args(["-c", write]).arg(path).arg(text).status();
    assert!(status.expect("a shell").success(), "{}", path.display());
}

/// Number and name of a link that exists.
pub(crate) fn link(name: &str) -> (IfIndex, IfName) {
    let index = nix::net::if_::if_nametoindex(name).unwrap();
    (IfIndex::new(index).unwrap(), IfName::new(name).unwrap())
}

/// Runs a future on a runtime of this thread, so that it stays in the thread's namespace.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(std::time::Duration::from_secs(20), future).await };
    runtime.block_on(limited).expect("within 20 s")
}
