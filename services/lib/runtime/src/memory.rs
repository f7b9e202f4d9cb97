//! How much of the process is resident. Most of what is here is for a process that is small and idle most of the time.

#![allow(unsafe_code)]

mod thrift;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::mm::{Advice, madvise};

pub use self::thrift::{Thrift, Usage};

/// The allocator takes memory in pages of 2 MB where the kernel lets it: most of what a small process has. It has taken some before
/// anybody could tell it not to, so the program is run anew with what the kernel keeps for it; that takes a few milliseconds.
///
/// # Errors
/// When it goes on with large pages.
pub fn take_small_pages() -> io::Result<()> {
    if rustix::thread::transparent_huge_pages_are_disabled()? {
        return Ok(());
    }
    take_no_more_large_pages()?;
    Err(Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).exec())
}

/// From now on the kernel gives pages of 4 kB. One of 2 MB is cleared as a whole by whoever touches it first: milliseconds that a
/// push waits for, where the machine is a virtual one, and more of it is resident than is used.
///
/// # Errors
/// When it goes on with large pages.
pub fn take_no_more_large_pages() -> io::Result<()> {
    Ok(rustix::thread::disable_transparent_huge_pages(true)?)
}

/// The files that the loader has mapped: the program and the libraries that it is linked with.
#[derive(Debug)]
pub struct Program {
    /// Of each mapping that cannot be written: addresses, rights, offset, device, inode.
    mappings: HashSet<String>,
}

impl Program {
    /// What is mapped now. To be called first of all, while nobody else can map or unmap anything.
    ///
    /// # Errors
    /// When the kernel does not tell what there is.
    pub fn loaded() -> io::Result<Self> {
        Ok(Self::of(&fs::read_to_string("/proc/self/maps")?))
    }

    /// `maps`: the kernel's file, or `smaps`, which has the same lines and more; proc_pid_maps(5).
    fn of(maps: &str) -> Self {
        Self { mappings: maps.lines().filter_map(|line| Some(file_mapping(line)?.0.to_owned())).collect() }
    }

    /// Gives back pages of code and constants, and tells how many bytes of them were resident. Those that are used come again,
    /// 64 kB at a time, from the kernel's cache of files; what only the start has needed does not.
    ///
    /// # Errors
    /// When the kernel does not tell what there is.
    pub fn give_back(&self) -> io::Result<u64> {
        let smaps = fs::read_to_string("/proc/self/smaps")?;
        let mut given_bytes = 0;
        for mapping in self.unwritten(&smaps) {
            let address = std::ptr::without_provenance_mut(mapping.addresses.start);
            // SAFETY: the mapping is a private one of a file, cannot be written, and none of its pages is a copy of this process.
            // So each page is the file's, before and after. The loader has made it before `main` and never unmaps it: it is of
            // the program or of what it is linked with, not of a library that another thread could unload at this moment.
            let given = unsafe { madvise(address, mapping.addresses.len(), Advice::LinuxDontNeed) };
            // Locked memory, for one, stays as it is.
            if given.is_ok() {
                given_bytes += mapping.resident_bytes;
            }
        }
        Ok(given_bytes)
    }

    /// The mappings that have not been written: where the loader has put addresses the kernel tells of pages of our own, resident
    /// or not. `smaps` is the kernel's file; proc_pid_smaps(5).
    fn unwritten(&self, smaps: &str) -> Vec<Mapping> {
        let mut found = Vec::new();
        let mut lines = smaps.lines().peekable();
        while let Some(head) = lines.next() {
            let (mut resident_kb, mut own_kb) = (0, None);
            while let Some((name, value)) = lines.peek().and_then(|line| field(line)) {
                match name {
                    "Rss" => resident_kb = value,
                    "Anonymous" | "Swap" => own_kb = Some(own_kb.unwrap_or(0) + value),
                    _ => {}
                }
                lines.next();
            }
            if own_kb == Some(0)
                && let Some((name, addresses)) = file_mapping(head)
                && self.mappings.contains(name)
            {
                found.push(Mapping { addresses, resident_bytes: resident_kb * 1024 });
            }
        }
        found
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    addresses: Range<usize>,
    resident_bytes: u64,
}

/// `Name:   value kB`, or another value, which is none of those that are looked for.
fn field(line: &str) -> Option<(&str, u64)> {
    let (name, value) = line.split_once(':')?;
    // The first line of a mapping has a colon, too, in the number of a device.
    name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| {
        let number = value.trim().trim_end_matches(" kB").parse();
        (name, number.unwrap_or(0))
    })
}

/// Of `start-end rwxp offset device inode path`: all but the path, which changes when the file is moved, and the addresses; where it
/// is a private mapping of a file that cannot be written.
fn file_mapping(head: &str) -> Option<(&str, Range<usize>)> {
    // A path may hold spaces; nothing before it holds a slash.
    let name = head[..head.find('/')?].trim_end();
    let mut parts = name.split_ascii_whitespace();
    let (addresses, rights) = (parts.next()?, parts.next()?);
    if !rights.starts_with("r-") || !rights.ends_with('p') {
        return None;
    }
    let (start, end) = addresses.split_once('-')?;
    let parse = |text| usize::from_str_radix(text, 16).ok();
    Some((name, parse(start)?..parse(end)?))
}

#[cfg(test)]
mod tests;
