//! How soon a thread that wakes up gets a core that another one has.
//!
//! Linux shares cores in slices. Since 6.12 a thread may have a slice of its own, and one that wakes up takes the core at once from one
//! whose slice is longer, as long as it has not had more than its share; otherwise it waits until the other has used up its slice,
//! which the kernel looks at each tick: milliseconds. Shares stay as they are. Kernels before take the value and do nothing with it.
//! sched_setattr(2); "Earliest eligible virtual deadline first", Stoica and Abdel-Wahab, 1995.

#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::time::Duration;

use libc::{SCHED_BATCH, SCHED_OTHER, SYS_sched_getattr, SYS_sched_setattr, c_int, c_long, sched_attr};

/// The shortest that the kernel knows.
pub const SHORTEST: Duration = Duration::from_micros(100);

/// The calling thread.
const SELF: c_int = 0;
const NO_FLAGS: c_int = 0;

/// From now on the calling thread has this slice, and so has each that it starts; zero: the kernel's own. A thread of a class that
/// has none, real time for one, stays as it is.
///
/// # Errors
/// When the kernel, or what the process is kept in, forbids it.
pub fn set(slice: Duration) -> io::Result<()> {
    let mut attributes = read()?;
    if !matches!(attributes.sched_policy.cast_signed(), SCHED_OTHER | SCHED_BATCH) {
        return Ok(());
    }
    attributes.sched_runtime = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the kernel reads `size` bytes of a struct that has them, and keeps nothing of it.
    done(unsafe { libc::syscall(SYS_sched_setattr, SELF, &raw const attributes, NO_FLAGS) })
}

/// The calling thread's slice; zero where the kernel knows of none.
///
/// # Errors
/// When what the process is kept in forbids the question.
pub fn get() -> io::Result<Duration> {
    Ok(Duration::from_nanos(read()?.sched_runtime))
}

fn read() -> io::Result<sched_attr> {
    const SIZE: u32 = size_of::<sched_attr>() as u32;
    let mut attributes = sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most `SIZE` bytes to a struct that has them.
    done(unsafe { libc::syscall(SYS_sched_getattr, SELF, &raw mut attributes, SIZE, NO_FLAGS) })?;
    Ok(attributes)
}

fn done(answer: c_long) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests;
