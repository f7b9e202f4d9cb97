//! The body of a request, whole and within its size.

use axum::body::{Body, HttpBody};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use tidegate_runtime::server::BodyError;

use crate::error::Error;

/// What is read on of a body that is too large: a client that is still sending
/// when the connection ends does not see the answer.
const FORGOTTEN_BYTES: usize = 32 << 20;

/// # Errors
/// [`Error::BodyTooLarge`], [`Error::SlowRequest`], and [`Error::Request`] when
/// the sender breaks off.
pub(super) async fn read(headers: &HeaderMap, mut body: Body, limit_bytes: usize) -> Result<Vec<u8>, Error> {
    let too_large = Error::BodyTooLarge { limit_bytes };
    // Who waits to be told to go on is told no.
    if headers.contains_key(header::EXPECT) && body.size_hint().lower() > limit_bytes as u64 {
        return Err(too_large);
    }
    let (mut bytes, mut forgotten) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(_) if forgotten > 0 => break,
            Err(error) => return Err(broken(&error)),
        };
        let Ok(piece) = frame.into_data() else { continue };
        if forgotten == 0 && bytes.len() + piece.len() <= limit_bytes {
            bytes.extend_from_slice(&piece);
            continue;
        }
        bytes = Vec::new();
        forgotten += piece.len();
        if forgotten > FORGOTTEN_BYTES {
            break;
        }
    }
    if forgotten > 0 { Err(too_large) } else { Ok(bytes) }
}

fn broken(error: &axum::Error) -> Error {
    match BodyError::time_limit(error) {
        Some(limit) => Error::SlowRequest { limit },
        None => Error::Request("the body is cut off".into()),
    }
}
