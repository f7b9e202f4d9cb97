//! A client of HTTP/1.1: connections that stay open, and TLS where the address
//! says https.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::push::innermost;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the system's certificates cannot be read: {0}")]
    Certificates(#[from] io::Error),
    #[error("{0}")]
    Exchange(String),
}

type TlsClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Its connections serve all addresses.
pub struct HttpClient {
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Made when the first address wants it: it reads the system's certificates.
    tls: OnceLock<TlsClient>,
    idle_timeout: Duration,
}

impl HttpClient {
    /// Connections that nobody uses are closed after `idle_timeout`.
    pub fn new(idle_timeout: Duration) -> Self {
        Self { plain: builder(idle_timeout).build(connector()), tls: OnceLock::new(), idle_timeout }
    }

    /// Does what a request to the address would have to do first.
    ///
    /// # Errors
    /// When the system has no certificates to check those of a server against.
    pub fn prepare(&self, uri: &Uri) -> io::Result<()> {
        if is_tls(uri) { self.tls().map(drop) } else { Ok(()) }
    }

    /// # Errors
    /// When no answer begins.
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        let answer = match is_tls(request.uri()) {
            true => self.tls()?.request(request).await,
            false => self.plain.request(request).await,
        };
        answer.map_err(|error| HttpError::Exchange(innermost(&error)))
    }

    fn tls(&self) -> io::Result<&TlsClient> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let mut tcp = connector();
        tcp.enforce_http(false);
        let client = builder(self.idle_timeout).build(tls.https_only().enable_http1().wrap_connector(tcp));
        Ok(self.tls.get_or_init(|| client))
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

fn connector() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp
}

fn builder(idle_timeout: Duration) -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(idle_timeout);
    builder
}
