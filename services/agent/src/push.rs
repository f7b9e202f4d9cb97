//! Sends batches: one gRPC call each, the batch's bytes as they are.

mod codec;
pub(crate) mod status;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tidegate_proto::v1::PushResponse;
use tidegate_runtime::tls::Connector;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::{Compression, PushConfig, PushError};
use codec::RawCodec;

const METHOD: &str = "/tidegate.v1.Ingest/Push";
const TENANT_HEADER: &str = "x-scope-orgid";
const TOKEN_HEADER: &str = "authorization";

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway has it; some samples may be refused.
    Stored { rejected_samples: u64, reason: Option<String> },
    /// It will never be taken; sending it again is of no use.
    Refused(String),
    /// The gateway wants less for now.
    Limited { message: String, retry_after_ms: Option<u64> },
    /// Not known to have arrived; to be sent again.
    Failed { message: String, retry_after_ms: Option<u64> },
}

/// A connection to a gateway, made when it is first used and again after it
/// breaks.
#[derive(Clone)]
pub struct Client {
    grpc: Grpc<Channel>,
    timeout: Duration,
    tenant: Option<AsciiMetadataValue>,
    token: Token,
}

/// What is sent as `Authorization`.
#[derive(Clone)]
enum Token {
    None,
    Fixed(AsciiMetadataValue),
    /// Read each time, so that a new one counts at once.
    File(PathBuf),
}

impl Client {
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// When endpoint or tenant cannot be used.
    pub fn new(config: &PushConfig) -> Result<Self, PushError> {
        let invalid = |message: String| PushError::Endpoint { endpoint: config.endpoint.clone(), message };
        let endpoint = Endpoint::from_shared(config.endpoint.clone()).map_err(|error| invalid(error.to_string()))?;
        let tls = match endpoint.uri().scheme_str() {
            Some("http") => None,
            Some("https") => Some(Connector::new(&config.tls).map_err(PushError::Tls)?),
            _ => return Err(invalid("must be http://HOST:PORT or https://HOST:PORT".into())),
        };
        let timeout = Duration::from_secs(config.timeout_seconds.max(1));
        let endpoint = endpoint
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        let channel = match tls {
            None => endpoint.connect_lazy(),
            Some(connector) => endpoint.connect_with_connector_lazy(connector),
        };
        let grpc = match config.compression {
            Compression::Zstd => Grpc::new(channel).send_compressed(CompressionEncoding::Zstd),
            Compression::Gzip => Grpc::new(channel).send_compressed(CompressionEncoding::Gzip),
            Compression::None => Grpc::new(channel),
        };
        let tenant = match config.tenant.as_str() {
            "" => None,
            tenant => Some(tenant.parse().map_err(|_| PushError::Tenant(tenant.to_owned()))?),
        };
        let token = match (&config.token_file, &config.token) {
            (Some(path), _) => Token::File(path.clone()),
            (None, Some(secret)) => Token::Fixed(bearer(secret.reveal()).ok_or(PushError::Token)?),
            (None, None) => Token::None,
        };
        Ok(Self { grpc, timeout, tenant, token })
    }

    /// Sends one batch and waits for its fate.
    pub async fn push(&mut self, batch: Bytes) -> Outcome {
        match tokio::time::timeout(self.timeout, self.call(batch)).await {
            Ok(Ok(response)) => Outcome::Stored {
                rejected_samples: response.rejected.iter().map(|rejection| rejection.samples).sum(),
                reason: response.rejected.into_iter().next().map(|rejection| rejection.reason),
            },
            Ok(Err(status)) => status::outcome(&status),
            Err(_) => {
                let message = format!("no answer within {} s", self.timeout.as_secs());
                Outcome::Failed { message, retry_after_ms: None }
            }
        }
    }

    async fn call(&mut self, batch: Bytes) -> Result<PushResponse, Status> {
        self.grpc.ready().await.map_err(|error| Status::unavailable(innermost(&error)))?;
        let mut request = Request::new(batch);
        if let Some(tenant) = &self.tenant {
            request.metadata_mut().insert(TENANT_HEADER, tenant.clone());
        }
        match &self.token {
            Token::None => {}
            Token::Fixed(token) => drop(request.metadata_mut().insert(TOKEN_HEADER, token.clone())),
            Token::File(path) => drop(request.metadata_mut().insert(TOKEN_HEADER, read(path).await?)),
        }
        let path = http::uri::PathAndQuery::from_static(METHOD);
        Ok(self.grpc.unary(request, path, RawCodec).await?.into_inner())
    }
}

fn bearer(token: &str) -> Option<AsciiMetadataValue> {
    let mut value: AsciiMetadataValue = format!("Bearer {token}").parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn read(path: &Path) -> Result<AsciiMetadataValue, Status> {
    let failed = |message: String| Status::unauthenticated(format!("{}: {message}", path.display()));
    let text = tokio::fs::read_to_string(path).await.map_err(|error| failed(error.to_string()))?;
    bearer(text.trim()).ok_or_else(|| failed("has characters that a header cannot hold".into()))
}

/// What really happened is the last in the chain: "connection refused", not
/// "transport error".
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests;
