//! Posts bodies, with a limit of time for every exchange.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use tidegate_runtime::tls::TlsClientConfig;

use super::delivery::Outcome;
use crate::http_client::{ClientTlsError, HttpClient};

/// Connections are renewed so that a change of the name's addresses is noticed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// As much of an answer is read, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// As much of a refusal goes to the log.
const MAX_TOLD_CHARS: usize = 200;

/// Posts to one address.
pub struct Poster {
    client: HttpClient,
    uri: Uri,
    headers: HeaderMap,
    accepted: Vec<u16>,
    timeout: Duration,
}

impl Poster {
    /// `accepted` are the statuses of success.
    ///
    /// # Errors
    /// When the address is one of https and there are no certificates for it that can be used.
    pub fn new(
        uri: Uri,
        tls: TlsClientConfig,
        headers: HeaderMap,
        accepted: Vec<u16>,
        timeout: Duration,
    ) -> Result<Self, ClientTlsError> {
        let client = HttpClient::new(tls, IDLE_TIMEOUT);
        client.prepare_for(&uri)?;
        Ok(Self { client, uri, headers, accepted, timeout })
    }

    pub async fn post(&self, body: Bytes) -> Outcome {
        match tokio::time::timeout(self.timeout, self.exchange(body)).await {
            Ok(outcome) => outcome,
            Err(_) => failed(format!("no answer within {} s", self.timeout.as_secs())),
        }
    }

    async fn exchange(&self, body: Bytes) -> Outcome {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let (head, body) = match self.client.request(request).await {
            Ok(answer) => answer.into_parts(),
            Err(error) => return failed(error.to_string()),
        };
        // A status is an answer, whatever becomes of the text behind it.
        let text = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        if self.accepted.contains(&head.status.as_u16()) {
            return Outcome::Taken;
        }
        let message = describe(head.status, &text);
        if is_passing(head.status) {
            let seconds =
                head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
            return Outcome::Failed { message, retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)) };
        }
        Outcome::Refused(message)
    }
}

/// Statuses that say "not now"; any other is about the body, or the address.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn describe(status: StatusCode, text: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(text).trim().chars().take(MAX_TOLD_CHARS).collect();
    if text.is_empty() { status.to_string() } else { format!("{status}: {text}") }
}

fn failed(message: String) -> Outcome {
    Outcome::Failed { message, retry_after_ms: None }
}
