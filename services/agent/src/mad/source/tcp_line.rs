//! Lines over TCP. A line that is wrong is passed over; the end of a connection
//! in the middle of a line is no line, as in Java.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tidegate_mad::Record;
use tidegate_mad::config::{Parser, TcpLineInput};
use tidegate_runtime::Tasks;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Reader, SourceMetrics};
use crate::clock::unix_ms;
use crate::mad::feed::{Feed, Sockets, address};

/// Longer lines are passed over.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Clients that send nothing for so long are hung up on.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// More are turned away at once.
pub const MAX_CONNECTIONS: usize = 1_024;
const READ_BYTES: usize = 64 << 10;
/// For what a client still sends when the source stops, and how long it may pause.
const FAREWELL: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_millis(20);

/// # Errors
/// When the address is taken or none of this host's.
pub fn bind(input: &TcpLineInput, sockets: &Sockets) -> io::Result<Arc<TcpListener>> {
    let address = address(&input.host, input.port)?;
    sockets.tcp.get(address, |address| {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(input.accept_queue)
    })
}

pub fn start(listener: Arc<TcpListener>, parser: Parser, feed: Feed, metrics: SourceMetrics, tasks: &mut Tasks) {
    let source = Lines { listener, parser, feed, metrics };
    tasks.spawn("agent-tcp-lines", |cancel| source.run(cancel));
}

struct Lines {
    listener: Arc<TcpListener>,
    parser: Parser,
    feed: Feed,
    metrics: SourceMetrics,
}

impl Lines {
    async fn run(self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(source = self.metrics.name(), %error, "a connection's task failed");
                    }
                    self.metrics.connections.set(connections.len() as i64);
                    continue;
                }
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                    let connection = Connection {
                        stream,
                        lines: Splitter::default(),
                        reader: Reader::new(self.parser.clone(), MAX_LINE_BYTES),
                        feed: self.feed.clone(),
                        metrics: self.metrics.clone(),
                    };
                    connections.spawn(connection.run(cancel.clone()));
                }
                Ok((_, peer)) => {
                    self.metrics.failures.inc();
                    tracing::warn!(source = self.metrics.name(), %peer, "too many connections, turned away");
                }
                Err(error) => {
                    // Out of file handles, most likely.
                    self.metrics.failures.inc();
                    tracing::warn!(source = self.metrics.name(), %error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            self.metrics.connections.set(connections.len() as i64);
        }
        while connections.join_next().await.is_some() {}
        self.metrics.connections.set(0);
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    lines: Splitter,
    reader: Reader,
    feed: Feed,
    metrics: SourceMetrics,
}

#[derive(Clone, Copy)]
enum Stop {
    NotAsked,
    By(Instant),
}

#[derive(Debug, thiserror::Error)]
#[error("a line is longer than {MAX_LINE_BYTES} bytes")]
struct LineTooLong;

impl Connection {
    async fn run(mut self, cancel: CancellationToken) {
        let mut buffer = vec![0; READ_BYTES];
        let mut stop = Stop::NotAsked;
        loop {
            let read = match stop {
                Stop::NotAsked => tokio::select! {
                    biased;
                    () = cancel.cancelled() => {
                        stop = Stop::By(Instant::now() + FAREWELL);
                        continue;
                    }
                    read = tokio::time::timeout(IDLE, self.stream.read(&mut buffer)) => read,
                },
                // What is on its way already still comes.
                Stop::By(end) if Instant::now() < end => {
                    tokio::time::timeout(SILENCE, self.stream.read(&mut buffer)).await
                }
                Stop::By(_) => return,
            };
            let length = match read {
                Ok(Ok(length)) if length > 0 => length,
                // Closed, reset or silent.
                _ => return,
            };
            let records = self.read(&buffer[..length]);
            if self.feed.send(records).await.is_err() {
                return;
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Record> {
        let Self { lines, reader, metrics, .. } = self;
        let mut records = Vec::new();
        let now_ms = unix_ms();
        lines.split(bytes, |line| {
            metrics.received.inc();
            match line {
                Ok(line) => {
                    if let Err(error) = reader.read(line, [], now_ms, &mut records) {
                        metrics.refuse(&error);
                    }
                }
                Err(error) => metrics.refuse(&error),
            }
        });
        records
    }
}

/// Lines of what comes in pieces.
#[derive(Debug, Default)]
struct Splitter {
    /// The beginning of a line that is not whole yet.
    begun: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Reading,
    /// The line is too long: passed over to its end.
    Skipping,
}

impl Splitter {
    /// Calls `each` with each line that ends in `bytes`, without the end.
    fn split(&mut self, mut bytes: &[u8], mut each: impl FnMut(Result<&[u8], LineTooLong>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            match std::mem::take(&mut self.state) {
                State::Skipping => each(Err(LineTooLong)),
                State::Reading if self.begun.len() + line.len() > MAX_LINE_BYTES => each(Err(LineTooLong)),
                State::Reading if self.begun.is_empty() => each(Ok(line)),
                State::Reading => {
                    self.begun.extend_from_slice(line);
                    each(Ok(&self.begun));
                }
            }
            self.begun.clear();
            bytes = rest;
        }
        if self.state == State::Skipping || bytes.is_empty() {
            return;
        }
        if self.begun.len() + bytes.len() > MAX_LINE_BYTES {
            self.state = State::Skipping;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
