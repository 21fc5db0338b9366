//! A small network laboratory: machines as namespaces, a LAN between them, eyes on the wire.
//!
//! Nothing here calls a program of the host to build the network, and nothing leaves the namespaces
//! that it makes. It works as root and inside an unprivileged user namespace ([`become_root`]).
//! Start reading at [`lan::Lan`]; a machine is a [`space::Space`].
//!
//! Every value tears down what it made when it is dropped, on panic too: the first process of a
//! machine holds a pipe to us, and when that closes the kernel ends all processes of the machine.

pub(crate) mod capture;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod frame;
pub(crate) mod inject;
pub(crate) mod lan;
pub(crate) mod netlink;
pub(crate) mod process;
pub(crate) mod pulse;
pub(crate) mod space;
pub(crate) mod stall;
pub(crate) mod watch;

use std::time::{Duration, Instant};

/// Makes this process root of a user namespace of its own, unless it is root already.
///
/// Must be called before the first thread is started. Fails where the kernel forbids it.
pub(crate) fn become_root() -> std::io::Result<()> {
    use nix::{sched, unistd};
    if unistd::geteuid().is_root() {
        return Ok(());
    }
    let (uid, gid) = (unistd::geteuid(), unistd::getegid());
    sched::unshare(sched::CloneFlags::CLONE_NEWUSER)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Asks `check` every few milliseconds until it answers something or the time is up.
pub(crate) fn wait_for<T>(limit: Duration, mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = check() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(4));
    }
}
