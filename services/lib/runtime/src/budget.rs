//! Bytes that many share: what clients have sent and is not done with, what
//! they have not yet taken. Who wants more than is left is refused at once;
//! nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use prometheus_client::metrics::gauge::Gauge;

/// No more than a number of bytes, of all reservations together.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
    /// Shows `held_bytes`.
    gauge: Gauge,
}

/// Other reservations leave too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit_bytes} bytes are all that may be held at a time")]
pub struct Exhausted {
    pub limit_bytes: usize,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Budget {
    /// `gauge` shows the bytes that are held.
    pub fn new(limit_bytes: usize, gauge: Gauge) -> Self {
        Self { shared: Arc::new(Shared { limit_bytes, held_bytes: AtomicUsize::new(0), gauge }) }
    }

    pub fn held_bytes(&self) -> usize {
        self.shared.held_bytes.load(Ordering::Relaxed)
    }

    /// A reservation of nothing, to be resized.
    pub fn open(&self) -> Reservation {
        Reservation { shared: Arc::clone(&self.shared), bytes: 0 }
    }

    /// # Errors
    /// [`Exhausted`].
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, Exhausted> {
        let mut reservation = self.open();
        reservation.resize(bytes)?;
        Ok(reservation)
    }
}

impl Reservation {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more, or gives back what is too much.
    ///
    /// # Errors
    /// [`Exhausted`]; then it stays as it is.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let limit_bytes = self.shared.limit_bytes;
        if let Some(more) = bytes.checked_sub(self.bytes) {
            let grown = |held: usize| held.checked_add(more).filter(|sum| *sum <= limit_bytes);
            let taken = self.shared.held_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown);
            taken.map_err(|_| Exhausted { limit_bytes })?;
            self.shared.gauge.inc_by(more as i64);
        } else {
            self.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Bytes that hold the reservation until the last of their clones is gone,
    /// wherever that is.
    pub fn attach(self, data: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        struct Held<T> {
            data: T,
            _reservation: Reservation,
        }
        impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
            fn as_ref(&self) -> &[u8] {
                self.data.as_ref()
            }
        }
        Bytes::from_owner(Held { data, _reservation: self })
    }

    fn give_back(&self, bytes: usize) {
        self.shared.held_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.shared.gauge.dec_by(bytes as i64);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
