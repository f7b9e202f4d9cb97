//! Ports for child processes.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::bail;

/// Below the range that systems take outgoing ports from, so nothing else grabs a port between choice and use; above
/// those of the servers that the tests share.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of 127.0.0.1 that nothing listens on, never the same twice in a process.
pub fn free_port() -> anyhow::Result<u16> {
    free_ports(1)
}

/// The first of some such ports in a row.
pub fn free_ports(count: u16) -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT / 100)) as u16 * 100;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for _ in 0..COUNT {
        let offset = NEXT.fetch_add(count, Ordering::Relaxed) % COUNT;
        let first = FIRST + (start + offset) % COUNT;
        if (first..first + count).all(is_free) {
            return Ok(first);
        }
    }
    bail!("no {count} free ports in a row from {FIRST} on")
}
