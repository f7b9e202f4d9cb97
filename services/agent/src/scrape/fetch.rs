//! Gets pages: HTTP/1.1 with connections kept open, TLS where the address says
//! https, gzip where the target has it.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tidegate_codec::ingest::{DecompressError, Encoding, decompress};

use super::page::{Format, Page, PageError, parse};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than most intervals.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

const FORMATS: &str = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("the system's certificates cannot be read: {0}")]
    Certificates(#[from] io::Error),
    #[error("{0}")]
    Exchange(String),
    #[error("no whole page within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("status {0}")]
    Status(StatusCode),
    #[error("the page has more than {0} bytes")]
    TooLarge(usize),
    #[error("{0}")]
    Compression(#[from] DecompressError),
    #[error("the page is not UTF-8")]
    NoText,
    #[error("{0}")]
    Page(#[from] PageError),
}

type Body = Empty<Bytes>;

/// Its connections serve all targets.
pub struct Fetcher {
    plain: Client<HttpConnector, Body>,
    /// Made when the first target wants it: it reads the system's certificates.
    tls: OnceLock<Client<HttpsConnector<HttpConnector>, Body>>,
}

impl Fetcher {
    pub fn new() -> Self {
        Self { plain: builder().build(connector()), tls: OnceLock::new() }
    }

    /// # Errors
    /// When there is no page, or it cannot be read.
    pub async fn page(&self, url: &str, timeout: Duration, max_bytes: usize) -> Result<Page, FetchError> {
        let fetched = tokio::time::timeout(timeout, self.fetch(url, timeout, max_bytes)).await;
        let (text, format) = fetched.map_err(|_| FetchError::Timeout(timeout))??;
        Ok(parse(&text, format)?)
    }

    async fn fetch(&self, url: &str, timeout: Duration, max_bytes: usize) -> Result<(String, Format), FetchError> {
        let request = Request::get(url)
            .header(ACCEPT, FORMATS)
            .header(ACCEPT_ENCODING, "gzip")
            .header(USER_AGENT, concat!("tidegate-agent/", env!("CARGO_PKG_VERSION")))
            .header("x-prometheus-scrape-timeout-seconds", timeout.as_secs())
            .body(Body::new())?;
        let answer = match url.starts_with("https:") {
            true => self.tls()?.request(request).await,
            false => self.plain.request(request).await,
        };
        let answer = answer.map_err(|error| FetchError::Exchange(crate::push::innermost(&error)))?;
        let (head, body) = answer.into_parts();
        if head.status != StatusCode::OK {
            return Err(FetchError::Status(head.status));
        }
        let body =
            Limited::new(body, max_bytes).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
                true => FetchError::TooLarge(max_bytes),
                false => FetchError::Exchange(error.to_string()),
            })?;
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let mut buffer = Vec::new();
        let encoding = Encoding::from_header(header(CONTENT_ENCODING))?;
        let bytes = body.to_bytes();
        let text = decompress(encoding, &bytes, max_bytes, &mut buffer).map_err(|error| match error {
            DecompressError::TooLarge { limit_bytes } => FetchError::TooLarge(limit_bytes),
            other => FetchError::Compression(other),
        })?;
        let text = std::str::from_utf8(text).map_err(|_| FetchError::NoText)?.to_owned();
        Ok((text, Format::of_content_type(header(CONTENT_TYPE).unwrap_or_default())))
    }

    fn tls(&self) -> io::Result<&Client<HttpsConnector<HttpConnector>, Body>> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let mut tcp = connector();
        tcp.enforce_http(false);
        let client = builder().build(tls.https_only().enable_http1().wrap_connector(tcp));
        Ok(self.tls.get_or_init(|| client))
    }
}

fn connector() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
    builder
}
