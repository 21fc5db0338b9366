//! Real-time class and niceness, for the threads that need them.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::unistd::Pid;
use std::io;
use std::time::Duration;

/// Puts the calling thread into `SCHED_RR`; children that it forks are ordinary again.
///
/// `priority` is clamped to what the kernel offers (1 to 99). `cpu_limit` is how long the thread may
/// run without ever blocking before the kernel signals it (`RLIMIT_RTTIME`): a loop gone wild must not
/// take the machine with it. Zero: no limit.
///
/// # Errors
/// Not permitted (no `CAP_SYS_NICE`, or a cgroup without real-time bandwidth): the caller goes on without.
pub fn set_round_robin(priority: u8, cpu_limit: Duration) -> io::Result<()> {
    let limit_us = match u64::try_from(cpu_limit.as_micros()) {
        Ok(limit) if limit > 0 => limit,
        _ => RLIM_INFINITY,
    };
    setrlimit(Resource::RLIMIT_RTTIME, limit_us, limit_us)?;
    let param = libc::sched_param { sched_priority: i32::from(priority.clamp(1, 99)) };
    // SAFETY: `param` is a valid sched_param for the length of the call; 0 is the calling thread.
    let result =
        unsafe { libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const param) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets the calling thread run before ordinary ones (nice -20): for a thread that a real-time one waits
/// for, and whose work in the kernel may take too long for that class.
///
/// # Errors
/// Not permitted: the caller goes on without.
pub fn set_favoured() -> io::Result<()> {
    set_nice(-20)
}

/// Gives the calling thread, and all that it starts, a nice value, -20 to 19.
///
/// # Errors
/// Not permitted: less than it has needs `CAP_SYS_NICE`.
pub fn set_nice(nice: i8) -> io::Result<()> {
    // SAFETY: the call takes numbers only; 0 is the calling thread.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice)) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets the calling thread, and all that it starts, run on these CPUs alone.
///
/// # Errors
/// None of them is online or permitted.
pub fn set_cpus(cpus: &[u16]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(usize::from(*cpu))?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Keeps all memory of this process, of now and later, from being swapped out; a fork is free of it.
///
/// # Errors
/// Not permitted, or more than `RLIMIT_MEMLOCK`.
pub fn lock_memory() -> io::Result<()> {
    Ok(mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?)
}
