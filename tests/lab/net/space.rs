//! One machine: a network, mount and process-id namespace with a directory for its files.
//!
//! Inside, `/run` and `/tmp` are directories of the machine's own, so that every daemon may use its
//! default paths; so is `/etc/keepalived` where it exists. `/proc` shows the machine's processes only.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::netlink::Rtnl;

/// A machine. All its processes end when this value is dropped.
pub(crate) struct Space {
    /// Short name, also the name of its directory.
    pub(crate) name: String,
    /// The machine's files, as seen from outside and inside alike.
    pub(crate) dir: PathBuf,
    net: File,
    mounts: File,
    pids: File,
    init: Option<Child>,
    rtnl: Mutex<Rtnl>,
}

impl Space {
    /// Starts a machine without any link but `lo`. Its files go to `parent/name`.
    pub(crate) fn new(parent: &Path, name: &str) -> io::Result<Self> {
        let dir = parent.join(name);
        for part in ["run", "tmp", "etc"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let (net, mounts, mut init, rtnl) = apart(|| boot(&dir))?;
        init.stdout.take().expect("init was started with a pipe").read_exact(&mut [0; 6])?;
        let pids = File::open(format!("/proc/{}/ns/pid", init.id()))?;
        let space =
            Self { name: name.to_owned(), dir, net, mounts, pids, init: Some(init), rtnl: Mutex::new(rtnl) };
        space.rtnl().set_up("lo", true)?;
        Ok(space)
    }

    /// The machine's network, for a veth end that moves into it.
    pub(crate) fn net(&self) -> &File {
        &self.net
    }

    /// The machine's own netlink socket.
    pub(crate) fn rtnl(&self) -> std::sync::MutexGuard<'_, Rtnl> {
        self.rtnl.lock().expect("no thread panics while it holds the socket")
    }

    /// Runs `work` on a thread inside the machine's network: sockets made there stay there.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        apart(|| {
            setns(self.net.as_fd(), CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        })
    }

    /// Starts a process inside the machine: its network, its files, its process ids.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        if self.dir.starts_with("/tmp") {
            // Then `/tmp` is everybody's, and dumps would be too.
            command.env("TMPDIR", self.dir.join("tmp"));
        }
        apart(|| {
            unshare(CloneFlags::CLONE_FS)?;
            setns(self.net.as_fd(), CloneFlags::CLONE_NEWNET)?;
            setns(self.mounts.as_fd(), CloneFlags::CLONE_NEWNS)?;
            setns(self.pids.as_fd(), CloneFlags::CLONE_NEWPID)?;
            command.spawn()
        })
    }

    /// Runs a command inside to its end; an error with its output if it fails.
    pub(crate) fn call(&self, command: &mut Command) -> io::Result<String> {
        let child = self.spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let out = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if out.status.success() {
            return Ok(text);
        }
        let words = String::from_utf8_lossy(&out.stderr);
        Err(io::Error::other(format!("{command:?} in {}: {}: {text}{words}", self.name, out.status)))
    }

    /// Writes a value below `/proc/sys/net`; a kernel without that knob is no error.
    pub(crate) fn sysctl(&self, key: &str, value: &str) -> io::Result<()> {
        self.run(|| match fs::write(Path::new("/proc/sys/net").join(key), value) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        })?
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Some(mut init) = self.init.take() {
            let _ = init.kill();
            // It does not end before its last process has been waited for, which may be our next step.
            thread::spawn(move || init.wait());
        }
    }
}

/// Runs `work` on a thread of its own, whose namespaces may be changed freely.
fn apart<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|s| s.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn boot(dir: &Path) -> io::Result<(File, File, Child, Rtnl)> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    for (own, path) in [("run", "/run"), ("tmp", "/tmp"), ("etc", "/etc/keepalived")] {
        if Path::new(path).is_dir() && !dir.starts_with(path) {
            mount(Some(&dir.join(own)), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        }
    }
    let net = File::open("/proc/thread-self/ns/net")?;
    let mounts = File::open("/proc/thread-self/ns/mnt")?;
    let init =
        Command::new("/bin/sh").args(["-c", INIT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    Ok((net, mounts, init, Rtnl::new()?))
}

/// The first process of a machine. It lives as long as its standard input is open, and its `wait` buries
/// the orphans that end up with it. A container may forbid a fresh `/proc`: daemons do without one.
const INIT: &str = "mount -t proc proc /proc 2>/dev/null; exec 3<&0; cat <&3 >/dev/null & echo ready; wait";
