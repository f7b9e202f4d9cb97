//! When to give back pages of the program: while there is little to do, and as long as it helps.

use std::fs;

use crate::process_metrics::Stat;

/// Less is not worth the trouble.
const WORTH_BYTES: u64 = 1024 * 1024;
/// More CPU time than that since the last look is work, of which the next pages are; in ticks, 10 ms mostly.
const QUIET_TICKS: u64 = 1;
/// Looks that are let pass at most where giving back has not helped.
const MAX_PAUSE: u32 = 31;

/// What the process has, as the kernel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// User and system, since the start.
    pub cpu_ticks: u64,
    /// Resident pages of files.
    pub file_bytes: u64,
}

impl Usage {
    /// Of this process; `None` where the kernel does not tell.
    pub fn read() -> Option<Self> {
        let stat = Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let file_pages: u64 =
            fs::read_to_string("/proc/self/statm").ok()?.split_ascii_whitespace().nth(2)?.parse().ok()?;
        Some(Self { cpu_ticks: stat.cpu_ticks, file_bytes: file_pages * rustix::param::page_size() as u64 })
    }
}

/// Looks at regular times, and remembers what came of them.
#[derive(Debug, Default)]
pub struct Thrift {
    cpu_ticks: Option<u64>,
    /// The least that was resident one look after pages were given back: what is used all the time.
    needed_bytes: Option<u64>,
    /// What was resident when pages were given back at the look before.
    given_at_bytes: Option<u64>,
    pause: u32,
    paused: u32,
}

impl Thrift {
    /// Whether to give back pages now.
    pub fn look(&mut self, now: Usage) -> bool {
        let quiet = self.cpu_ticks.replace(now.cpu_ticks).is_some_and(|before| now.cpu_ticks <= before + QUIET_TICKS);
        if let Some(before) = self.given_at_bytes.take() {
            let needed = self.needed_bytes.map_or(now.file_bytes, |needed| needed.min(now.file_bytes));
            self.needed_bytes = Some(needed);
            let helped = now.file_bytes + WORTH_BYTES <= before;
            self.pause = if helped { 0 } else { (self.pause * 2 + 1).min(MAX_PAUSE) };
            self.paused = 0;
        }
        if self.paused < self.pause {
            self.paused += 1;
            return false;
        }
        let more = self.needed_bytes.is_none_or(|needed| now.file_bytes >= needed + WORTH_BYTES);
        let gives = quiet && more;
        if gives {
            self.given_at_bytes = Some(now.file_bytes);
        }
        gives
    }
}

#[cfg(test)]
mod tests;
