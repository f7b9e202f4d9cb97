//! `POST /api/v1/write`: Prometheus remote write 1.0 and 2.0.

use std::fmt::Write;
use std::sync::Arc;

use ::http::header::CONTENT_ENCODING;
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use tidegate_codec::ingest::Encoding;

use super::{Received, content_type, encoding, receive, refuse};
use crate::batch::Outcome;
use crate::error::Error;
use crate::metrics::Protocol;
use crate::service::{self, Gateway};

const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";
const HISTOGRAMS_WRITTEN: &str = "x-prometheus-remote-write-histograms-written";
const EXEMPLARS_WRITTEN: &str = "x-prometheus-remote-write-exemplars-written";

pub async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let protocol = match protocol(request.headers()) {
        Ok(protocol) => protocol,
        Err(error) => {
            gateway.count(Protocol::RemoteWrite1, &Err(error.clone()));
            return refuse(&error);
        }
    };
    let result = take(&gateway, request, protocol).await;
    let written = result.as_ref().ok().map(|outcome| (outcome.floats, outcome.histograms)).unwrap_or_default();
    let mut response = match result {
        Ok(outcome) if outcome.rejected_series == 0 => StatusCode::NO_CONTENT.into_response(),
        // Prometheus gives up on a 400 and counts it, which is right: what was
        // good is stored, the rest never will be.
        Ok(outcome) => (StatusCode::BAD_REQUEST, refusals(&outcome)).into_response(),
        Err(error) => refuse(&error),
    };
    if protocol == Protocol::RemoteWrite2 {
        let headers = response.headers_mut();
        headers.insert(SAMPLES_WRITTEN, HeaderValue::from(written.0));
        headers.insert(HISTOGRAMS_WRITTEN, HeaderValue::from(written.1));
        headers.insert(EXEMPLARS_WRITTEN, HeaderValue::from(0));
    }
    response
}

/// The version that the content type names; 1.0 where there is none.
fn protocol(headers: &HeaderMap) -> Result<Protocol, Error> {
    const WANTED: &str =
        "application/x-protobuf with proto=prometheus.WriteRequest or io.prometheus.write.v2.Request is";
    let (kind, parameters) = content_type(headers);
    let unsupported = || Error::ContentType { found: format!("{kind};{parameters}"), wanted: WANTED };
    if !kind.is_empty() && !kind.eq_ignore_ascii_case("application/x-protobuf") {
        return Err(unsupported());
    }
    let mut parameters_of = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let proto = parameters_of.find(|(name, _)| name.trim().eq_ignore_ascii_case("proto"));
    match proto.map(|(_, value)| value.trim().trim_matches('"')) {
        None | Some("prometheus.WriteRequest") => Ok(Protocol::RemoteWrite1),
        Some("io.prometheus.write.v2.Request") => Ok(Protocol::RemoteWrite2),
        Some(_) => Err(unsupported()),
    }
}

async fn take(gateway: &Gateway, request: Request, protocol: Protocol) -> Result<Outcome, Error> {
    let received = receive(gateway, request).await;
    let received = received.and_then(|received| Ok((body_encoding(&received.headers)?, received)));
    let (encoding, Received { caller, body, .. }) = match received {
        Ok(received) => received,
        Err(error) => {
            gateway.count(protocol, &Err(error.clone()));
            return Err(error);
        }
    };
    gateway.ingest(service::Request { caller, protocol, encoding, body, idempotency_key: None }).await
}

/// Remote write is snappy where it does not say otherwise.
fn body_encoding(headers: &HeaderMap) -> Result<Encoding, Error> {
    if headers.contains_key(CONTENT_ENCODING) { encoding(headers) } else { Ok(Encoding::Snappy) }
}

fn refusals(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} samples stored, {} refused in {} series:\n",
        outcome.accepted(),
        outcome.rejected_samples,
        outcome.rejected_series
    );
    for refused in &outcome.rejected {
        // Writing to a string does not fail.
        writeln!(text, "series {}: {} ({} samples)", refused.index, refused.reason, refused.samples).ok();
    }
    if outcome.rejected_series > outcome.rejected.len() as u64 {
        text.push_str("...\n");
    }
    text
}
