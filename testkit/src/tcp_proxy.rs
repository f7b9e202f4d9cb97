//! A proxy in front of any TCP server that can go silent or away, without touching the server, which others may use.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Passing,
    /// They stay open and are accepted, but no byte goes through, in either direction. What was sent meanwhile follows later.
    Hanging,
    /// They are cut; new ones are closed as soon as they are made.
    Refusing,
}

pub struct TcpProxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    serving: JoinHandle<()>,
}

impl TcpProxy {
    /// On a free port of 127.0.0.1, [`State::Passing`].
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), upstream).await
    }

    /// On this address, [`State::Passing`].
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start_at(listen: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(State::Passing);
        let serving = tokio::spawn(serve(listener, upstream, watched));
        Ok(Self { address, state, serving })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        // Its connections are the task's own and end with it.
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, upstream: SocketAddr, state: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connection(client, upstream, state.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(client: TcpStream, upstream: SocketAddr, mut state: watch::Receiver<State>) {
    let mut cut = state.clone();
    let passed = async {
        passing(&mut state).await;
        let Ok(server) = TcpStream::connect(upstream).await else { return };
        // Requests are small, and Nagle's algorithm would delay them.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::select! {
            () = copy(from_client, to_server, state.clone()) => {}
            () = copy(from_server, to_client, state.clone()) => {}
        }
    };
    tokio::select! {
        () = passed => {}
        _ = cut.wait_for(|state| *state == State::Refusing) => {}
    }
}

async fn passing(state: &mut watch::Receiver<State>) {
    // An error means that the proxy is gone, and its task ends at any moment.
    let _ = state.wait_for(|state| *state == State::Passing).await;
}

/// Until one side ends.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passing(&mut state).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
