//! Sockets, and many datagrams with one system call.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrStorage, bind as bind_socket, getsockopt,
    recvmmsg, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::mad::feed::{Sockets, address};

/// The largest that UDP can carry is 65,507 bytes.
const DATAGRAM_BYTES: usize = 65_536;
/// Taken with one call.
const DATAGRAMS: usize = 32;
/// What the kernel shall keep for each socket while nobody reads.
const BUFFER_BYTES: usize = 8 << 20;
const MOST_SOCKETS: usize = 4;

/// One socket a core, up to four, that the kernel spreads senders over.
///
/// # Errors
/// When the address is taken or none of this host's.
pub fn bind(host: &str, port: u16, sockets: &Sockets) -> io::Result<Arc<Vec<UdpSocket>>> {
    let address = address(host, port)?;
    let count = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_SOCKETS);
    sockets.udp.get(address, |address| {
        let first = open(address)?;
        let address = first.local_addr()?;
        let mut all = vec![first];
        for _ in 1..count {
            all.push(open(address)?);
        }
        Ok(all)
    })
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Datagram, flags, None)?;
    setsockopt(&socket, sockopt::ReusePort, &true)?;
    // Only the privileged may exceed the system's limit; the others get what it allows.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER_BYTES)?;
    }
    let granted = getsockopt(&socket, sockopt::RcvBuf)?;
    if granted < BUFFER_BYTES {
        tracing::info!(bytes = granted, "the receive buffer is small: net.core.rmem_max allows no more");
    }
    bind_socket(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    UdpSocket::from_std(std::net::UdpSocket::from(socket))
}

/// Room for datagrams, and those that came last.
pub struct Datagrams {
    buffers: Vec<u8>,
    lengths: Vec<usize>,
}

impl Datagrams {
    pub fn new() -> Self {
        // Pages that no datagram reaches are never touched.
        Self { buffers: vec![0; DATAGRAMS * DATAGRAM_BYTES], lengths: Vec::with_capacity(DATAGRAMS) }
    }

    /// Waits for one, and takes those behind it as well.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        loop {
            socket.readable().await?;
            match socket.try_io(Interest::READABLE, || self.take(socket)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Whether there were more.
    pub fn try_receive(&mut self, socket: &UdpSocket) -> bool {
        // Without asking the runtime, which may not have looked yet.
        self.take(socket).is_ok()
    }

    fn take(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.lengths.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.chunks_exact_mut(DATAGRAM_BYTES).map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let mut headers = MultiHeaders::<()>::preallocate(DATAGRAMS, None);
        match recvmmsg(socket.as_fd().as_raw_fd(), &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(received) => self.lengths.extend(received.map(|datagram| datagram.bytes)),
            Err(Errno::EAGAIN) => return Err(ErrorKind::WouldBlock.into()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let buffers = self.buffers.chunks_exact(DATAGRAM_BYTES);
        buffers.zip(&self.lengths).map(|(buffer, length)| &buffer[..(*length).min(DATAGRAM_BYTES)])
    }
}

/// What the kernel dropped at sockets, from its own tables.
pub struct Drops {
    inodes: Vec<u64>,
    last: u64,
}

impl Drops {
    pub fn new(sockets: &[UdpSocket]) -> Self {
        let inode = |socket: &UdpSocket| rustix::fs::fstat(socket.as_fd()).ok().map(|stat| stat.st_ino);
        let mut drops = Self { inodes: sockets.iter().filter_map(inode).collect(), last: 0 };
        drops.since_last_time();
        drops
    }

    pub fn since_last_time(&mut self) -> u64 {
        let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
        let now = tables.iter().filter_map(|path| std::fs::read_to_string(path).ok());
        let now: u64 = now.map(|table| dropped(&table, &self.inodes)).sum();
        now.saturating_sub(std::mem::replace(&mut self.last, now))
    }
}

/// A line of the table has the inode in its tenth column and drops in its last.
pub(super) fn dropped(table: &str, inodes: &[u64]) -> u64 {
    let of_line = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let inode: u64 = columns.nth(9)?.parse().ok()?;
        inodes.contains(&inode).then(|| columns.last()?.parse::<u64>().ok())?
    };
    table.lines().skip(1).filter_map(of_line).sum()
}
