//! Request bodies in memory: read whole, each within its size and time, all
//! of them within a budget of the process.

use std::error::Error as StdError;
use std::pin::pin;
use std::time::Duration;

use axum::body::HttpBody;
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use tidegate_runtime::server::BodyError;
use tidegate_runtime::{Budget, Exhausted, Reservation};

use crate::error::Error;

/// What a body may take.
#[derive(Clone, Debug)]
pub struct BodyRules {
    pub max_bytes: usize,
    pub timeout: Duration,
    /// Of all bodies that are being received or decoded.
    pub budget: Budget,
}

/// A body that has arrived whole; its part of the budget goes with it.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    _held: Reservation,
}

impl Body {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes `count` bytes, which must be there, off the front.
    pub fn skip(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

/// # Errors
/// [`Error::BodyTooLarge`], [`Error::BodyTimeout`], [`Error::BodyBroken`];
/// [`Error::Unavailable`] when other bodies leave too little.
pub async fn read<B>(body: B, rules: &BodyRules) -> Result<Body, Error>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let limit = rules.timeout;
    tokio::time::timeout(limit, gather(body, rules)).await.map_err(|_| Error::BodyTimeout { limit })?
}

async fn gather<B>(body: B, rules: &BodyRules) -> Result<Body, Error>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut held = rules.budget.open();
    // Most bodies are one piece, which is not copied.
    let (mut only, mut pieces) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| broken(error.into()))?.into_data() else { continue };
        let length = only.len() + pieces.len() + piece.len();
        if length > rules.max_bytes {
            return Err(Error::BodyTooLarge { limit_bytes: rules.max_bytes });
        }
        if length == piece.len() {
            held.resize(length).map_err(overloaded)?;
            only = piece;
            continue;
        }
        if length > pieces.capacity() {
            let capacity = (2 * pieces.capacity()).clamp(length, rules.max_bytes);
            held.resize(capacity).map_err(overloaded)?;
            pieces.reserve_exact(capacity - pieces.len());
        }
        pieces.extend_from_slice(&std::mem::take(&mut only));
        pieces.extend_from_slice(&piece);
    }
    let bytes = if pieces.is_empty() { only } else { pieces.into() };
    Ok(Body { bytes, _held: held })
}

fn overloaded(_: Exhausted) -> Error {
    Error::Unavailable("overloaded: too many bytes of requests are being received".into())
}

fn broken(error: Box<dyn StdError + Send + Sync>) -> Error {
    match BodyError::time_limit(&*error) {
        Some(limit) => Error::BodyTimeout { limit },
        None => Error::BodyBroken(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
