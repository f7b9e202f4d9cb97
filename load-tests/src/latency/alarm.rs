//! Waits until a time as precisely as the kernel does; the runtime's timers are a millisecond coarse.

use std::time::{Duration, Instant};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};
use tokio::net::unix::pipe::Receiver;

/// A timer of the kernel's, which is read as a pipe is.
pub struct Alarm(Receiver);

impl Alarm {
    pub fn new() -> std::io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(Receiver::from_owned_fd_unchecked(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Returns at once when that is past.
    pub async fn at(&self, time: Instant) -> std::io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        // Nothing left would mean never to the kernel.
        if left == Duration::ZERO {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: zero, it_value: left.try_into().map_err(std::io::Error::other)? };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        let mut expirations = [0; 8];
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut expirations) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                read => return read.map(|_| ()),
            }
        }
    }
}
