//! Errors as gRPC says them.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::error::{Advice, Error};

/// `google.rpc.Status`, with `RetryInfo` where trying again makes sense: a
/// RESOURCE_EXHAUSTED without it (too large) is never going to pass.
pub fn of(error: &Error) -> Status {
    let (code, message) = (error.grpc_code(), error.to_string());
    match error.advice() {
        // An agent that is told when would send the same batch for ever.
        Advice::GiveUp | Advice::RetrySmaller(_) => Status::new(code, message),
        Advice::Retry(after) => {
            let details = details(code, &message, after);
            Status::with_details(code, message, details)
        }
    }
}

/// What tonic itself answers to a body that it could not read, as this
/// service's answers are: it says INTERNAL for garbage and OUT_OF_RANGE for
/// size, and clients would try both again.
pub fn of_transport(response: ::http::Response<Body>, limit_bytes: usize) -> (::http::Response<Body>, Option<Error>) {
    let Some(status) = Status::from_header_map(response.headers()) else { return (response, None) };
    let error = match status.code() {
        Code::Ok => return (response, None),
        Code::OutOfRange | Code::ResourceExhausted => Error::BodyTooLarge { limit_bytes },
        Code::Unimplemented => Error::ContentEncoding(status.message().to_owned()),
        _ => Error::Malformed(status.message().to_owned()),
    };
    if status.code() == Code::Unimplemented {
        // Names the encodings that are supported, in a header of its own.
        return (response, Some(error));
    }
    (of(&error).into_http(), Some(error))
}

/// `google.rpc.Status` of the `grpc-status-details-bin` header.
#[derive(Clone, PartialEq, Message, serde::Serialize)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(skip)]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.RetryInfo`; its one field is a `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
pub struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<RetryDelay>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RetryDelay {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

fn details(code: Code, message: &str, after: Duration) -> Bytes {
    let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
    let delay = RetryDelay { seconds, nanos: after.subsec_nanos() as i32 };
    let info = RetryInfo { retry_delay: Some(delay) };
    let any = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: info.encode_to_vec() };
    RpcStatus { code: code as i32, message: message.to_owned(), details: vec![any] }.encode_to_vec().into()
}
