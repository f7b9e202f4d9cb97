//! What a process has used, as the kernel counts it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use procfs::process::Process;
use procfs::{CurrentSI, KernelStats};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU seconds of a process so far, user and system, all threads.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = process(pid)?.stat()?;
    Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

/// Seconds, of all cores together, for which the machine's own host has kept them from it so far (proc_stat(5), steal).
pub fn stolen_seconds() -> anyhow::Result<f64> {
    let ticks = KernelStats::current()?.total.steal.unwrap_or(0);
    Ok(ticks as f64 / procfs::ticks_per_second() as f64)
}

/// The most memory that it has held at once, in bytes.
pub fn peak_resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let kib = process(pid)?.status()?.vmhwm.context("the kernel does not tell VmHWM")?;
    Ok(kib * 1024)
}

/// The memory that it holds now, in bytes.
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    Ok(process(pid)?.status()?.vmrss.context("the kernel does not tell VmRSS")? * 1024)
}

/// Lets the peak begin anew (proc(5), clear_refs).
pub fn forget_peak(pid: u32) -> anyhow::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("forgetting the peak")
}

/// As many open connections for this program as the system allows.
pub fn raise_file_handles() -> anyhow::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

fn process(pid: u32) -> anyhow::Result<Process> {
    Process::new(i32::try_from(pid)?).with_context(|| format!("process {pid} is gone"))
}

/// Disk blocks that the files of a folder take, in bytes. Files that vanish meanwhile count nothing.
pub fn disk_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Files of this name anywhere below the folder.
pub fn count_named(folder: &Path, name: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => count_named(&entry.path(), name),
            _ => usize::from(entry.file_name() == name),
        })
        .sum()
}
