//! Space of mounted file systems: `/proc/self/mounts` says which there are,
//! statvfs(3) how full they are.

use std::collections::HashSet;

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{Family, Reading};

static SIZE: Family = Family::gauge("node_filesystem_size_bytes", "Size of the file system.");
static FREE: Family = Family::gauge("node_filesystem_free_bytes", "Space that is free.");
static AVAILABLE: Family =
    Family::gauge("node_filesystem_avail_bytes", "Space that is free for users other than root.");
static FILES: Family = Family::gauge("node_filesystem_files", "Inodes.");
static FILES_FREE: Family = Family::gauge("node_filesystem_files_free", "Inodes that are free.");
static READ_ONLY: Family = Family::gauge("node_filesystem_readonly", "1 when it is mounted read-only.");

/// Kinds that hold no files of their own on a disk.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "fuse.lxcfs",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub device: String,
    pub mountpoint: String,
    pub fstype: String,
}

/// The mounts that have space to watch, each mount point once.
pub fn parse(text: &str) -> Vec<Mount> {
    let mut seen = HashSet::new();
    // Of two mounts on one place the later hides the earlier.
    let mut mounts: Vec<_> =
        text.lines().rev().filter_map(mount).filter(|mount| seen.insert(mount.mountpoint.clone())).collect();
    mounts.reverse();
    mounts.retain(is_watched);
    mounts
}

fn mount(line: &str) -> Option<Mount> {
    let mut words = line.split(' ').map(unescape);
    Some(Mount { device: words.next()?, mountpoint: words.next()?, fstype: words.next()? })
}

fn is_watched(mount: &Mount) -> bool {
    let place = mount.mountpoint.as_str();
    let inside = |folder: &str| place.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if PSEUDO.contains(&mount.fstype.as_str()) || ["/dev", "/proc", "/sys"].iter().any(|folder| inside(folder)) {
        return false;
    }
    // Of containers' layers only the one that this process lives on.
    mount.fstype != "overlay" || place == "/"
}

/// Spaces, tabs, line ends and backslashes stand as `\040` and so on.
fn unescape(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4).filter(|digits| digits.bytes().all(|b| (b'0'..=b'7').contains(&b)));
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Asks each file system; may wait for one that does not answer. Those that
/// cannot be asked, or have no size, are left out.
pub fn read(mounts: &[Mount]) -> Vec<Reading> {
    let mut readings = Vec::new();
    for mount in mounts {
        let Ok(space) = statvfs(mount.mountpoint.as_str()) else { continue };
        if space.f_blocks == 0 {
            continue;
        }
        let bytes = |blocks: u64| blocks as f64 * space.f_frsize as f64;
        let read_only = space.f_flag.contains(StatVfsMountFlags::RDONLY);
        for (family, value) in [
            (&SIZE, bytes(space.f_blocks)),
            (&FREE, bytes(space.f_bfree)),
            (&AVAILABLE, bytes(space.f_bavail)),
            (&FILES, space.f_files as f64),
            (&FILES_FREE, space.f_ffree as f64),
            (&READ_ONLY, f64::from(u8::from(read_only))),
        ] {
            let labels = vec![
                ("device", mount.device.clone()),
                ("mountpoint", mount.mountpoint.clone()),
                ("fstype", mount.fstype.clone()),
            ];
            readings.push(Reading { family, labels, value });
        }
    }
    readings
}

#[cfg(test)]
mod tests;
