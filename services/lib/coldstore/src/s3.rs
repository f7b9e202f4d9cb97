//! The archive on S3, or on any store that speaks its protocol and checks
//! `If-Match` and `If-None-Match` on a put.

mod client;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig};
use serde::{Deserialize, Serialize};

use crate::conditional::StorePut;
use crate::{Archive, ArchiveError};

use client::{Connector, Transport};
pub use tidegate_credentials::Secret;

/// Where the archive is and how long its answers are waited for. What is not
/// given comes from the usual variables: `AWS_REGION`, `AWS_ENDPOINT_URL`. So do
/// credentials, from the first of: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`
/// and `AWS_SESSION_TOKEN`; the role of a web identity
/// (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`); that of a container
/// (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, `_FULL_URI`); the machine's own,
/// from its metadata service. Those of a role are renewed before they expire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// For stores other than AWS: `https://s3.example.org`, the bucket not in
    /// it.
    pub endpoint: Option<String>,
    /// `us-east-1` where nothing says otherwise.
    pub region: Option<String>,
    pub bucket: String,
    /// All objects' names begin with this and a slash; empty: the bucket is the
    /// archive.
    pub prefix: String,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Secret>,
    /// PEM: who vouches for the endpoint; without it those whom the system trusts.
    pub ca_path: Option<PathBuf>,
    /// Talk to the endpoint in the clear. Not needed on this machine's own
    /// loopback addresses.
    pub allow_http: bool,
    pub connect_timeout_ms: u64,
    /// For one exchange; a second more for each MiB that it carries.
    pub request_timeout_ms: u64,
    /// An exchange that failed is not begun again after this.
    pub retry_timeout_ms: u64,
    pub max_retries: usize,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            bucket: String::new(),
            prefix: String::new(),
            access_key_id: None,
            secret_access_key: None,
            ca_path: None,
            allow_http: false,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 30_000,
            retry_timeout_ms: 60_000,
            max_retries: 8,
        }
    }
}

/// What keeps the archive from being opened; of the configuration only.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    #[error("archive.s3.bucket is missing")]
    NoBucket,
    #[error("archive.s3.{0} must not be 0")]
    Zero(&'static str),
    #[error("archive.s3.access_key_id and secret_access_key go together; one of them is missing")]
    HalfAKey,
    #[error("archive.s3.endpoint {0:?} is no http or https address")]
    Endpoint(String),
    #[error("archive.s3.endpoint {0:?} is not encrypted and not on this machine; allow_http permits it")]
    Unencrypted(String),
    #[error("archive.s3.prefix {0:?} is no path such as metrics/archive")]
    Prefix(String),
    #[error("the system's certificates cannot be read: {0}")]
    Certificates(#[source] std::io::Error),
    #[error("archive.s3.ca_path: {}: {why}", path.display())]
    Ca { path: PathBuf, why: String },
    #[error("archive.s3: {0}")]
    Store(#[from] object_store::Error),
}

impl Archive {
    /// An archive in a bucket, which must be there. Asks the store nothing yet.
    ///
    /// # Errors
    /// When the configuration does not make sense.
    pub fn s3(config: &S3Config) -> Result<Self, S3Error> {
        let store = Arc::new(connect(config)?);
        if config.prefix.is_empty() {
            return Ok(Self::new(store.clone(), Arc::new(StorePut(store))));
        }
        let prefix = object_store::path::Path::parse(&config.prefix);
        let prefix = prefix.map_err(|_| S3Error::Prefix(config.prefix.clone()))?;
        let store = Arc::new(PrefixStore::new(store, prefix));
        Ok(Self::new(store.clone(), Arc::new(StorePut(store))))
    }

    /// Whether the archive can be listed; what a wrong key or bucket does, it
    /// does here.
    ///
    /// # Errors
    /// What the store answered.
    pub async fn check(&self) -> Result<(), ArchiveError> {
        self.store().list_with_delimiter(None).await?;
        Ok(())
    }
}

/// Makes the bucket; that it is there already is no error.
///
/// # Errors
/// As [`Archive::s3`], and what the store answered.
pub async fn create_bucket(config: &S3Config) -> Result<(), S3Error> {
    let bucket = connect(config)?;
    // A put to the bucket's own address makes it.
    match bucket.put(&object_store::path::Path::default(), object_store::PutPayload::new()).await {
        // S3 has no ETag for a bucket, which object_store misses.
        Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
        Err(error) => match bucket.list_with_delimiter(None).await {
            Ok(_) => Ok(()),
            Err(_) => Err(error.into()),
        },
    }
}

/// The bucket as a store.
///
/// # Errors
/// As [`Archive::s3`].
pub fn connect(config: &S3Config) -> Result<AmazonS3, S3Error> {
    connect_with(config, AmazonS3Builder::from_env())
}

/// `environment` holds what the configuration does not give.
fn connect_with(config: &S3Config, environment: AmazonS3Builder) -> Result<AmazonS3, S3Error> {
    if config.bucket.is_empty() {
        return Err(S3Error::NoBucket);
    }
    for (name, value) in
        [("connect_timeout_ms", config.connect_timeout_ms), ("request_timeout_ms", config.request_timeout_ms)]
    {
        if value == 0 {
            return Err(S3Error::Zero(name));
        }
    }
    let value = |key| environment.get_config_value(&key);
    let region = config.region.clone().or_else(|| value(AmazonS3ConfigKey::Region));
    let endpoint = config.endpoint.clone().or_else(|| value(AmazonS3ConfigKey::Endpoint));
    let mut builder = match (&config.access_key_id, &config.secret_access_key) {
        // A key of our own must not meet a session token of the environment.
        (Some(id), Some(secret)) => {
            AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret.reveal())
        }
        (None, None) => environment,
        _ => return Err(S3Error::HalfAKey),
    };
    let mut transport = Transport::Tls;
    if let Some(endpoint) = endpoint {
        transport = transport_to(&endpoint, config.allow_http)?;
        builder = builder.with_endpoint(endpoint);
    }
    let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
    let request_timeout = Duration::from_millis(config.request_timeout_ms);
    let connector = Connector::new(transport, config.ca_path.as_deref(), connect_timeout, request_timeout)?;
    let store = builder
        .with_region(region.unwrap_or_else(|| "us-east-1".to_owned()))
        .with_bucket_name(&config.bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // One request an object: not every store knows the other.
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(10),
                base: 2.0,
            },
            max_retries: config.max_retries,
            retry_timeout: Duration::from_millis(config.retry_timeout_ms),
        })
        .with_http_connector(connector)
        .build()?;
    Ok(store)
}

fn transport_to(endpoint: &str, allow_http: bool) -> Result<Transport, S3Error> {
    let wrong = || S3Error::Endpoint(endpoint.to_owned());
    let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    match uri.scheme_str() {
        Some("https") => Ok(Transport::Tls),
        Some("http") if allow_http || is_loopback(host) => Ok(Transport::Plain),
        Some("http") => Err(S3Error::Unencrypted(endpoint.to_owned())),
        _ => Err(wrong()),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
pub(crate) mod tests;
