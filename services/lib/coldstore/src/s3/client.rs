//! The HTTP client below the store: HTTP/1.1, rustls, and a limit of time for
//! every exchange, the answer's body included.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};

use super::S3Error;

/// Added to an exchange's time for each MiB of a body, so that a large object
/// is not cut off on a slow line.
const TIME_PER_MIB: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

/// Idle connections kept open.
const MAX_IDLE: usize = 16;
/// Below what S3 and load balancers close idle connections after.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// What connections are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Plain,
    /// But for the machine's own metadata service, which knows none.
    Tls,
}

#[derive(Clone, Debug)]
enum Inner {
    Plain(Client<TcpConnector, HttpRequestBody>),
    Tls(Client<HttpsConnector<TcpConnector>, HttpRequestBody>),
}

#[derive(Clone, Debug)]
pub struct Connector {
    client: Inner,
    request_timeout: Duration,
}

impl Connector {
    /// `ca_path` says whom TLS trusts; without it the system does.
    pub fn new(
        transport: Transport,
        ca_path: Option<&Path>,
        connect_timeout: Duration,
        request_timeout: Duration,
    ) -> Result<Self, S3Error> {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(transport == Transport::Plain);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(MAX_IDLE);
        let client = match transport {
            Transport::Plain => Inner::Plain(client.build(tcp)),
            Transport::Tls => {
                let provider = rustls::crypto::ring::default_provider();
                let tls = match ca_path {
                    Some(path) => HttpsConnectorBuilder::new().with_tls_config(trusting(path, provider)?),
                    None => HttpsConnectorBuilder::new()
                        .with_provider_and_native_roots(provider)
                        .map_err(S3Error::Certificates)?,
                };
                Inner::Tls(client.build(tls.https_or_http().enable_http1().wrap_connector(tcp)))
            }
        };
        Ok(Self { client, request_timeout })
    }

    fn send(&self, request: HttpRequest) -> ResponseFuture {
        match &self.client {
            Inner::Plain(client) => client.request(request),
            Inner::Tls(client) => client.request(request),
        }
    }
}

/// Those of a file, and nobody else.
fn trusting(path: &Path, provider: CryptoProvider) -> Result<ClientConfig, S3Error> {
    let failed = |why: String| S3Error::Ca { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let config = config.map_err(|error| failed(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {} ms", .0.as_millis())]
struct TimedOut(Duration);

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let began = Instant::now();
        let limit = self.request_timeout + time_for(request.body().content_length() as u64);
        let timed_out = |limit| HttpError::new(HttpErrorKind::Timeout, TimedOut(limit));
        let answer = timeout_at(began + limit, self.send(request)).await;
        let answer = answer.map_err(|_| timed_out(limit))?.map_err(|error| HttpError::new(kind(&error), error))?;
        let (head, body) = answer.into_parts();
        let length = head.headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let limit = limit + time_for(length.and_then(|length| length.parse().ok()).unwrap_or(0));
        let body = timeout_at(began + limit, body.collect()).await.map_err(|_| timed_out(limit))?;
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().into()))
    }
}

fn time_for(size_bytes: u64) -> Duration {
    TIME_PER_MIB * u32::try_from(size_bytes / MIB).unwrap_or(u32::MAX)
}

/// What was never sent may be sent again, whatever it is.
fn kind(error: &hyper_util::client::legacy::Error) -> HttpErrorKind {
    if error.is_connect() {
        return HttpErrorKind::Connect;
    }
    let mut source = error.source();
    while let Some(error) = source {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return HttpErrorKind::Timeout;
        }
        source = error.source();
    }
    HttpErrorKind::Interrupted
}
