//! Errors as gRPC says them.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
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
