//! A client of HTTP/1.1: connections that stay open, and TLS where the address
//! says https.

use std::fs;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tidegate_mad::config::ClientTls;
use tidegate_runtime::tls::{TlsClientConfig, TlsError};

use crate::push::innermost;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
    #[error("{0}")]
    Exchange(String),
}

/// Why nobody could be connected to by https.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    #[error("tls: {0}")]
    Files(Box<TlsError>),
    #[error("tls: {0:?} is no name of a server")]
    ServerName(String),
}

impl From<TlsError> for ClientTlsError {
    fn from(error: TlsError) -> Self {
        Self::Files(Box::new(error))
    }
}

type TlsClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Its connections serve all addresses.
pub struct HttpClient {
    plain: Client<HttpConnector, Full<Bytes>>,
    tls: TlsClientConfig,
    /// Made when the first address wants it: it may read all certificates of the system.
    secure: Mutex<Option<Secure>>,
    idle_timeout: Duration,
}

struct Secure {
    client: TlsClient,
    /// When each of the files that are named was last written.
    written: Vec<Option<SystemTime>>,
}

impl HttpClient {
    /// Connections that nobody uses are closed after `idle_timeout`.
    pub fn new(tls: TlsClientConfig, idle_timeout: Duration) -> Self {
        Self { plain: builder(idle_timeout).build(connector()), tls, secure: Mutex::default(), idle_timeout }
    }

    /// Does what the first request by https would have to do.
    ///
    /// # Errors
    /// When certificates cannot be read, or there are none to check those of a server against.
    pub fn prepare(&self) -> Result<(), ClientTlsError> {
        self.secure().map(drop)
    }

    /// As [`HttpClient::prepare`], where requests to that address would.
    ///
    /// # Errors
    /// As [`HttpClient::prepare`].
    pub fn prepare_for(&self, uri: &Uri) -> Result<(), ClientTlsError> {
        if is_tls(uri) { self.prepare() } else { Ok(()) }
    }

    /// # Errors
    /// When no answer begins.
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        let answer = match is_tls(request.uri()) {
            true => self.secure()?.request(request).await,
            false => self.plain.request(request).await,
        };
        answer.map_err(|error| HttpError::Exchange(innermost(&error)))
    }

    /// Files that have changed count from the next connection on. Those that cannot be used leave what was.
    fn secure(&self) -> Result<TlsClient, ClientTlsError> {
        let written: Vec<_> =
            self.tls.files().map(|path| fs::metadata(path).and_then(|file| file.modified()).ok()).collect();
        let mut secure = self.secure.lock();
        if let Some(secure) = secure.as_ref().filter(|secure| secure.written == written) {
            return Ok(secure.client.clone());
        }
        let client = match (self.build(), secure.as_ref()) {
            (Ok(client), _) => client,
            (Err(error), Some(before)) => {
                tracing::error!(%error, "the new certificates cannot be used, the old ones stay");
                before.client.clone()
            }
            (Err(error), None) => return Err(error),
        };
        *secure = Some(Secure { client: client.clone(), written });
        Ok(client)
    }

    fn build(&self) -> Result<TlsClient, ClientTlsError> {
        let mut tcp = connector();
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().with_tls_config(self.tls.client()?).https_only();
        let name = match self.tls.server_name.as_str() {
            "" => None,
            name => {
                let parsed = ServerName::try_from(name.to_owned());
                Some(parsed.map_err(|_| ClientTlsError::ServerName(name.to_owned()))?)
            }
        };
        let tls = match name {
            None => tls.enable_http1(),
            Some(name) => tls.with_server_name_resolver(FixedServerNameResolver::new(name)).enable_http1(),
        };
        Ok(builder(self.idle_timeout).build(tls.wrap_connector(tcp)))
    }
}

/// As the configuration of a Metrics Aggregator Daemon has it.
pub fn tls(config: &ClientTls) -> TlsClientConfig {
    let certificate = config.certificate.as_ref();
    TlsClientConfig {
        ca_path: config.ca_path.clone(),
        certificate_path: certificate.map(|paths| paths.certificate_path.clone()),
        key_path: certificate.map(|paths| paths.key_path.clone()),
        server_name: config.server_name.clone().unwrap_or_default(),
        pinned_certificate_path: None,
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

#[cfg(test)]
mod tests;
