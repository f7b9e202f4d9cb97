//! gRPC's framing of the one message that a unary request or answer has: a
//! byte that says whether it is compressed, four of its length, the message
//! (Length-Prefixed-Message of the gRPC over HTTP/2 protocol).

use std::future::ready;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderValue, Response};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tidegate_codec::ingest::Encoding;
use tonic::body::Body;

use crate::body;
use crate::error::Error;

pub const PREFIX_BYTES: usize = 5;

/// What clients may compress with.
pub const ENCODINGS: &str = "identity,gzip,zstd";

/// The compression that the header names.
///
/// # Errors
/// [`Error::ContentEncoding`].
pub fn encoding(headers: &HeaderMap) -> Result<Encoding, Error> {
    let named = headers.get("grpc-encoding").map_or(Some(""), |value| value.to_str().ok());
    match named.and_then(|name| Encoding::from_header(Some(name)).ok()) {
        Some(encoding @ (Encoding::Identity | Encoding::Gzip | Encoding::Zstd)) => Ok(encoding),
        _ => Err(Error::ContentEncoding(format!("grpc-encoding {named:?} is not supported; {ENCODINGS} are"))),
    }
}

/// Takes the prefix off; gives the compression of what is left. `named` is that
/// of the header.
///
/// # Errors
/// [`Error::Malformed`] when it is not one whole message.
pub fn unframe(body: &mut body::Body, named: Encoding) -> Result<Encoding, Error> {
    let malformed = |why: &str| Error::Malformed(why.to_owned());
    let Some((&[flag, length @ ..], message)) = body.bytes().split_first_chunk::<PREFIX_BYTES>() else {
        return Err(malformed("there is no message"));
    };
    let encoding = match (flag, named) {
        (0, _) => Encoding::Identity,
        (1, Encoding::Identity) => return Err(malformed("the message is compressed, grpc-encoding does not say how")),
        (1, named) => named,
        _ => return Err(malformed("the message's first byte is neither 0 nor 1")),
    };
    match (u32::from_be_bytes(length) as usize).cmp(&message.len()) {
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => return Err(malformed("the message is cut off")),
        std::cmp::Ordering::Less => return Err(malformed("there is more than one message")),
    }
    body.skip(PREFIX_BYTES);
    Ok(encoding)
}

/// The answer of success.
pub fn answer(message: &impl Message) -> Response<Body> {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + length);
    frame.put_u8(0);
    // Answers are far from 4 GiB, and memory has no end for writing.
    frame.put_u32(length as u32);
    frame.put_slice(&message.encode_to_vec());
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::<Bytes>::new(frame.freeze()).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
