//! What a source holds of its pipeline, and what outlives a reload of it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use tidegate_mad::Record;
use tokio::net::{TcpListener, UdpSocket};

use super::pipeline::{Closed, Intake, Refused};

/// The way from a source to the pipeline that it feeds now. A reload redirects
/// it: the source goes on as it is. A pipeline ends only after the last record
/// on its way there has arrived, so nothing is lost in between.
#[derive(Clone, Debug)]
pub struct Feed(Arc<RwLock<Arc<Intake>>>);

impl Feed {
    pub fn new(intake: Intake) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(intake))))
    }

    /// From now on records go there. What is being sent arrives at the old one.
    pub fn redirect(&self, intake: Intake) {
        let old = {
            let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::new(intake))
        };
        // It may be the last one, and wake its pipeline.
        drop(old);
    }

    fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// See [`Intake::send`].
    ///
    /// # Errors
    /// When the pipeline has been stopped.
    pub async fn send(&self, records: Vec<Record>) -> Result<(), Closed> {
        self.intake().send(records).await
    }

    /// See [`Intake::try_send`].
    ///
    /// # Errors
    /// When nothing was taken.
    pub fn try_send(&self, records: Vec<Record>) -> Result<(), Refused> {
        self.intake().try_send(records)
    }
}

/// The bound sockets of a daemon. A source of a changed configuration gets the
/// socket that its predecessor still reads from: there is no moment without one.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Several that the kernel spreads datagrams over.
    pub udp: Pool<Vec<UdpSocket>>,
    pub tcp: Pool<TcpListener>,
}

/// Things by address, as long as somebody holds them.
#[derive(Debug)]
pub struct Pool<T>(Mutex<HashMap<SocketAddr, Weak<T>>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Pool<T> {
    /// What is bound to `address` already, or what `bind` makes.
    ///
    /// # Errors
    /// Those of `bind`.
    pub fn get(&self, address: SocketAddr, bind: impl FnOnce(SocketAddr) -> io::Result<T>) -> io::Result<Arc<T>> {
        let mut bound = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bound.retain(|_, socket| socket.strong_count() > 0);
        if let Some(socket) = bound.get(&address).and_then(Weak::upgrade) {
            return Ok(socket);
        }
        let socket = Arc::new(bind(address)?);
        bound.insert(address, Arc::downgrade(&socket));
        Ok(socket)
    }
}

/// The address to listen on: as in Java, IPv4 goes first where a name has both.
///
/// # Errors
/// When the name has none.
pub fn address(host: &str, port: u16) -> io::Result<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let none = || io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    addresses.into_iter().next().ok_or_else(none)
}

#[cfg(test)]
mod tests;
