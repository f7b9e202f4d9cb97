//! `POST /v1/metrics`: OTLP/HTTP. Answers come in the request's own format,
//! errors as `google.rpc.Status`.

use std::sync::Arc;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderValue, StatusCode};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde::Serialize;

use super::{Received, content_type, encoding, receive, refuse, with_advice};
use crate::batch::Outcome;
use crate::error::Error;
use crate::grpc::status::RpcStatus;
use crate::metrics::Protocol;
use crate::otlp_answer;
use crate::service::{self, Gateway};

#[derive(Clone, Copy)]
enum Format {
    Protobuf,
    Json,
}

impl Format {
    fn of(kind: &str) -> Result<Self, Error> {
        match () {
            () if kind.eq_ignore_ascii_case("application/x-protobuf") => Ok(Self::Protobuf),
            () if kind.eq_ignore_ascii_case("application/json") => Ok(Self::Json),
            () => Err(Error::ContentType {
                found: kind.to_owned(),
                wanted: "application/x-protobuf and application/json are",
            }),
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Protobuf => Protocol::OtlpProtobuf,
            Self::Json => Protocol::OtlpJson,
        }
    }

    fn answer<M: Message + Serialize>(self, status: StatusCode, message: &M) -> Response {
        let (kind, body) = match self {
            Self::Protobuf => ("application/x-protobuf", message.encode_to_vec()),
            // The messages are plain structures, which always have a JSON form.
            Self::Json => ("application/json", serde_json::to_vec(message).unwrap_or_default()),
        };
        (status, [(CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
    }
}

pub async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let format = match Format::of(content_type(request.headers()).0) {
        Ok(format) => format,
        Err(error) => {
            gateway.count(Protocol::OtlpProtobuf, &Err(error.clone()));
            return refuse(&error);
        }
    };
    match take(&gateway, request, format.protocol()).await {
        Ok(outcome) => format.answer(StatusCode::OK, &otlp_answer::of(&outcome)),
        Err(error) => {
            let (code, message) = (error.grpc_code() as i32, error.to_string());
            let status = RpcStatus { code, message, details: Vec::new() };
            with_advice(format.answer(error.http_status(), &status), &error)
        }
    }
}

async fn take(gateway: &Gateway, request: Request, protocol: Protocol) -> Result<Outcome, Error> {
    let received = receive(gateway, request).await;
    let received = received.and_then(|received| Ok((encoding(&received.headers)?, received)));
    let (encoding, Received { caller, body, .. }) = match received {
        Ok(received) => received,
        Err(error) => {
            gateway.count(protocol, &Err(error.clone()));
            return Err(error);
        }
    };
    gateway.ingest(service::Request { caller, protocol, encoding, body, idempotency_key: None }).await
}
