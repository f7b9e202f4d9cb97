//! How long the kernel lets a thread run before it looks who else wants to.
//!
//! A thread that wakes takes the core from one that runs only if its turn would be over sooner (EEVDF, Linux 6.12 and
//! later): with the usual slices an answer to a push, or the log's writer whose data are on disk, waits up to the kernel's
//! next tick, 4 ms often, behind whatever began to run a moment before. Threads that work for some ten microseconds at a
//! time ask for a short slice and need not wait. Their share of the core stays what it is. Older kernels take no notice.
#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

use rustix::process::getpriority_process;

/// The shortest that there is.
const SHORT: Duration = Duration::from_micros(100);

/// For the calling thread and those that it starts.
///
/// # Errors
/// What the kernel says; nothing has changed then.
pub fn shorten() -> io::Result<()> {
    request(SHORT)
}

/// What the kernel thinks best, for a thread that may have inherited a short one.
///
/// # Errors
/// As for [`shorten`].
pub fn restore() -> io::Result<()> {
    request(Duration::ZERO)
}

/// Zero is the kernel's own choice (sched(7), `sched_runtime` of a thread of the usual policy).
fn request(slice: Duration) -> io::Result<()> {
    let attributes = libc::sched_attr {
        sched_flags: libc::SCHED_FLAG_KEEP_POLICY as u64,
        sched_nice: getpriority_process(None)?,
        sched_runtime: slice.as_nanos() as u64,
        ..nothing()
    };
    // SAFETY: the kernel reads `size` bytes of what is pointed to, and keeps no pointer.
    let outcome = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn nothing() -> libc::sched_attr {
    libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    }
}

/// The calling thread's, zero where the kernel does not tell.
#[cfg(test)]
pub fn current() -> io::Result<Duration> {
    let mut attributes = nothing();
    let size = attributes.size;
    // SAFETY: the kernel writes `size` bytes at most, which there are.
    let outcome = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if outcome == 0 { Ok(Duration::from_nanos(attributes.sched_runtime)) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests;
