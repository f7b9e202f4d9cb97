//! Gets pages, with gzip where the target has it.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tidegate_codec::ingest::{DecompressError, Encoding, decompress};
use tidegate_runtime::tls::TlsClientConfig;

use super::page::{Format, Page, PageError, parse};
use crate::http_client::{ClientTlsError, HttpClient, HttpError};

/// Longer than most intervals.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

const FORMATS: &str = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("{0}")]
    Body(String),
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

/// Its connections serve all targets.
pub struct Fetcher(HttpClient);

impl Fetcher {
    /// # Errors
    /// When files are named that cannot be used.
    pub fn new(tls: &TlsClientConfig) -> Result<Self, ClientTlsError> {
        let client = HttpClient::new(tls.clone(), IDLE_TIMEOUT);
        // The system's certificates are for a target that wants them: there may be none.
        if *tls != TlsClientConfig::default() {
            client.prepare()?;
        }
        Ok(Self(client))
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
            .body(Full::default())?;
        let (head, body) = self.0.request(request).await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(FetchError::Status(head.status));
        }
        let body =
            Limited::new(body, max_bytes).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
                true => FetchError::TooLarge(max_bytes),
                false => FetchError::Body(error.to_string()),
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
}
