//! Processes: forking, ancestry, signals.

use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, UsageWho, getrlimit, getrusage, rlim_t, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::time::{TimeVal, TimeValLike};

/// Exit code of a forked body that panicked: `EX_SOFTWARE`, as keepalived's for internal errors.
pub const INTERNAL_ERROR: u8 = 70;

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It returned or called `exit`.
    Status(i32),
    /// A signal, by number, ended it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// Forks; the child runs `body` and ends with its exit code, and never returns from here.
///
/// In the child all signals are blocked until it calls [`unblock_signals`], so that none is lost
/// or delivered to a handler of the parent.
/// Call it while the process has one thread ([`thread_count`]): the child has only that one, and a lock that
/// another held stays held for ever.
///
/// # Errors
/// When the kernel refuses another process.
pub fn fork(body: impl FnOnce() -> u8) -> io::Result<u32> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // SAFETY: the child runs ordinary code only under the condition that this function documents.
    let forked = unsafe { nix::unistd::fork() };
    match forked {
        Ok(nix::unistd::ForkResult::Child) => {
            let code = panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or(INTERNAL_ERROR);
            exit_now(code)
        }
        Ok(nix::unistd::ForkResult::Parent { child }) => {
            before.thread_set_mask()?;
            Ok(child.as_raw().cast_unsigned())
        }
        Err(errno) => {
            before.thread_set_mask()?;
            Err(errno.into())
        }
    }
}

/// Ends this process at once: nothing that a forked child inherited is flushed or torn down.
pub fn exit_now(code: u8) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(i32::from(code)) }
}

/// How many threads this process has; 1 when `/proc` does not tell.
#[must_use]
pub fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Lets all signals in.
///
/// # Errors
/// None that the kernel documents for this use.
pub fn unblock_signals() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}

/// Gives every signal its default action and lets all in: the state that a new program expects.
pub fn reset_signals() {
    for number in 1..=64 {
        // SAFETY: `SIG_DFL` runs no code of ours. The kernel and the C library refuse the numbers
        // that cannot be changed, which is as well.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    let _ = unblock_signals();
}

/// Asks for SIGTERM when the parent ends. A parent that has ended already is noticed by
/// comparing `parent` with the present one.
///
/// The kernel ties this to the *thread* that forked, so that thread must live as long as its
/// process. Changing the user id and executing a privileged file clear it.
///
/// # Errors
/// [`io::ErrorKind::BrokenPipe`] when `parent` is gone.
pub fn end_with_parent(parent: u32) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
    if std::os::unix::process::parent_id() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

/// Makes this process the parent of descendants whose own parent ends.
///
/// # Errors
/// None on kernels since 3.4.
pub fn become_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Sends a signal, by number, to a process. One that is gone is no error.
///
/// # Errors
/// When the kernel does not permit it.
pub fn kill(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: `kill` touches no memory. (The typed wrapper knows no real-time signals.)
    sent(unsafe { libc::kill(pid.cast_signed(), signal) })
}

/// Sends a signal, by number, to a process group. One that is gone is no error.
///
/// # Errors
/// When the kernel does not permit it.
pub fn kill_group(group: u32, signal: i32) -> io::Result<()> {
    // SAFETY: `killpg` touches no memory.
    sent(unsafe { libc::killpg(group.cast_signed(), signal) })
}

fn sent(result: i32) -> io::Result<()> {
    match Errno::result(result) {
        Ok(_) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Collects a child if it has ended; `None` while it runs.
///
/// # Errors
/// When `pid` is not a child of this process.
pub fn try_wait(pid: u32) -> io::Result<Option<Exit>> {
    Ok(wait_with(pid.cast_signed(), libc::WNOHANG)?.map(|(_, exit)| exit))
}

/// Whether a child has ended, without collecting it.
#[must_use]
pub fn has_ended(pid: u32) -> bool {
    // SAFETY: all fields of `siginfo_t` are integers; `waitid` fills it in, or leaves the zeroes
    // when the child still runs.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_PID, pid, &raw mut info, options) == 0 && info.si_pid() != 0
    }
}

/// Collects any one child that has ended; `None` when there is none.
///
/// # Errors
/// None that the kernel documents for this use.
pub fn try_wait_any() -> io::Result<Option<(u32, Exit)>> {
    match wait_with(-1, libc::WNOHANG) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        result => result,
    }
}

/// Waits for a child to end.
///
/// # Errors
/// When `pid` is not a child of this process.
pub fn wait(pid: u32) -> io::Result<Exit> {
    loop {
        if let Some((_, exit)) = wait_with(pid.cast_signed(), 0)? {
            return Ok(exit);
        }
    }
}

/// `waitpid`. (The typed wrapper fails on a child that a real-time signal ended.)
fn wait_with(pid: i32, options: i32) -> io::Result<Option<(u32, Exit)>> {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the one integer that is written.
    let result = Errno::result(unsafe { libc::waitpid(pid, &raw mut status, options) });
    let pid = match result {
        Ok(0) | Err(Errno::EINTR) => return Ok(None),
        Ok(pid) => pid.cast_unsigned(),
        Err(errno) => return Err(errno.into()),
    };
    Ok(if libc::WIFEXITED(status) {
        Some((pid, Exit::Status(libc::WEXITSTATUS(status))))
    } else if libc::WIFSIGNALED(status) {
        Some((pid, Exit::Signal(libc::WTERMSIG(status))))
    } else {
        None
    })
}

/// What a signal is called by `strsignal(3)`: `Killed`, `Segmentation fault`.
#[must_use]
pub fn signal_description(number: i32) -> String {
    // SAFETY: `strsignal` returns a string that is valid until its next call; we copy it at once,
    // and only the parent, which has one thread, asks.
    unsafe {
        let text = libc::strsignal(number);
        if text.is_null() {
            return format!("signal {number}");
        }
        std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}

/// CPU time that somebody has used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel's.
    pub system: Duration,
}

/// CPU time of this process and of the children that it has collected.
#[must_use]
pub fn cpu_time() -> (CpuTime, CpuTime) {
    (cpu_time_of(UsageWho::RUSAGE_SELF), cpu_time_of(UsageWho::RUSAGE_CHILDREN))
}

/// What a thread has had of a CPU so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ThreadUsage {
    /// How often it has given up the CPU by itself: to wait for something.
    pub sleeps: u64,
    /// How long it has run.
    pub cpu: Duration,
}

/// What the calling thread has had.
#[must_use]
pub fn thread_usage() -> ThreadUsage {
    let cpu = cpu_time_of(UsageWho::RUSAGE_THREAD);
    let sleeps = getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.voluntary_context_switches());
    ThreadUsage { sleeps: u64::try_from(sleeps).unwrap_or(0), cpu: cpu.user + cpu.system }
}

fn cpu_time_of(who: UsageWho) -> CpuTime {
    let duration = |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0));
    getrusage(who).map_or_else(
        |_| CpuTime::default(),
        |usage| CpuTime { user: duration(usage.user_time()), system: duration(usage.system_time()) },
    )
}

/// Leaves the terminal and the working directory: a session of its own, `/`, stdio on `/dev/null`.
///
/// # Errors
/// When `/dev/null` cannot be opened, or the process leads a group already.
pub fn detach() -> io::Result<()> {
    nix::unistd::setsid()?;
    std::env::set_current_dir("/")?;
    null_stdio()
}

/// Puts standard input, output and error on `/dev/null`.
///
/// # Errors
/// When it cannot be opened.
pub fn null_stdio() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Sets the file mode creation mask.
pub fn set_umask(mask: u32) {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
}

/// Lets this process and its children leave core files of any size.
///
/// # Errors
/// When the hard limit forbids it and there is no permission to raise that.
pub fn allow_core_files() -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY)?)
}

/// The soft limit of descriptors that [`allow_more_descriptors`] has raised.
static FEWER_DESCRIPTORS: OnceLock<rlim_t> = OnceLock::new();

/// Raises the soft limit of descriptors of this process, and of what it forks, to the hard one: the soft one is
/// for programs that cannot do with more. Call it once.
///
/// # Errors
/// The hard limit is above `fs.nr_open` meanwhile.
pub fn allow_more_descriptors() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        let _ = FEWER_DESCRIPTORS.set(soft);
    }
    Ok(())
}

/// Before another program is executed: the limit of descriptors that this one was started with.
///
/// # Errors
/// None that the kernel documents: it only goes down.
pub fn restore_descriptor_limit() -> io::Result<()> {
    let Some(soft) = FEWER_DESCRIPTORS.get() else { return Ok(()) };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, (*soft).min(hard), hard)?)
}

/// Moves this thread, and all that it starts, into the network namespace that `ip netns` calls `name`.
///
/// # Errors
/// When there is no such namespace, or no permission.
pub fn enter_network_namespace(name: &str) -> io::Result<()> {
    let namespace = std::fs::File::open(std::path::Path::new("/run/netns").join(name))?;
    Ok(nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET)?)
}

/// Moves this thread, and all that it starts, into the network namespace of another process.
///
/// # Errors
/// When there is no such process, or no permission.
pub fn enter_network_of(pid: u32) -> io::Result<()> {
    let theirs = format!("/proc/{pid}/ns/net");
    // Where we are already takes no permission.
    if std::fs::read_link(&theirs)? == std::fs::read_link("/proc/thread-self/ns/net")? {
        return Ok(());
    }
    let namespace = std::fs::File::open(theirs)?;
    Ok(nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET)?)
}

/// What `/proc` calls this process: the name of the file that was executed. Threads are given it
/// too, so that tools which look at any of them see no other.
#[must_use]
pub fn own_name() -> String {
    std::fs::read_to_string("/proc/self/comm")
        .map_or_else(|_| "vrrpd".to_owned(), |name| name.trim_end().to_owned())
}

/// Gives this thread, and all that it starts, another name in `/proc`; 15 bytes count.
pub fn set_own_name(name: &str) {
    // Where it fails nothing but a name is lost.
    let _ = std::fs::write("/proc/self/comm", name);
}

/// Makes the signals that usually end a process do nothing, in such a way that a program which
/// this process executes has them at their default.
///
/// # Errors
/// None that the kernel documents for these signals.
pub fn catch_termination() -> io::Result<()> {
    use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for number in [SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, 36, 63] {
        signal_hook::flag::register(number, std::sync::Arc::clone(&flag))?;
    }
    Ok(())
}
