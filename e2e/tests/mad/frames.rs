//! The server of an `AggregationServerSink`: frames one after the other on a connection, nothing is answered.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The kind of a frame with a result; others name the host and say that it lives.
const STATISTIC_SET: u8 = 4;

/// Ends when it is dropped.
pub struct FrameServer {
    pub port: u16,
    results: Arc<Mutex<Vec<Bytes>>>,
    task: JoinHandle<()>,
}

impl FrameServer {
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let results = Arc::<Mutex<Vec<Bytes>>>::default();
        let kept = results.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection ends as its client likes, in the middle of a frame too.
                tokio::spawn(read(stream, kept.clone()));
            }
        });
        Ok(Self { port, results, task })
    }

    /// Results so far, in the order in which they came.
    pub fn take(&self) -> Vec<Bytes> {
        std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn count(&self) -> usize {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for FrameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: TcpStream, results: Arc<Mutex<Vec<Bytes>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let length = stream.read_u32().await?;
        let mut frame = length.to_be_bytes().to_vec();
        frame.resize((length as usize).max(4), 0);
        stream.read_exact(&mut frame[4..]).await?;
        if frame.get(4) == Some(&STATISTIC_SET) {
            results.lock().unwrap_or_else(PoisonError::into_inner).push(frame.into());
        }
    }
}
