//! Posts bodies: HTTP/1.1 with connections kept open, TLS where the address
//! says https, and a limit of time for every exchange.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::delivery::Outcome;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections are renewed so that a change of the name's addresses is noticed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// As much of an answer is read, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// As much of a refusal goes to the log.
const MAX_TOLD_CHARS: usize = 200;

enum Inner {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// Posts to one address.
pub struct Poster {
    client: Inner,
    uri: Uri,
    headers: HeaderMap,
    accepted: Vec<u16>,
    timeout: Duration,
}

impl Poster {
    /// `accepted` are the statuses of success.
    ///
    /// # Errors
    /// When the system has no certificates to check those of a server against.
    pub fn new(uri: Uri, headers: HeaderMap, accepted: Vec<u16>, timeout: Duration) -> io::Result<Self> {
        let tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(!tls);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
        let client = if tls {
            let provider = rustls::crypto::ring::default_provider();
            let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
            Inner::Tls(client.build(connector.https_only().enable_http1().wrap_connector(tcp)))
        } else {
            Inner::Plain(client.build(tcp))
        };
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
        let answer = match &self.client {
            Inner::Plain(client) => client.request(request).await,
            Inner::Tls(client) => client.request(request).await,
        };
        let (head, body) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(error) => return failed(crate::push::innermost(&error)),
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
