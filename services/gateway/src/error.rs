//! Why a request is refused as a whole, and how that is said over HTTP and
//! over gRPC. Single samples that are refused are no error: see
//! [`crate::batch::Outcome`].

use std::time::Duration;

use ::http::StatusCode;
use tidegate_access::OverLimit;
use tidegate_codec::ingest::{DecodeError, DecompressError};
use tidegate_eventlog::LogError;
use tidegate_model::TenantError;
use tonic::Code;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Malformed(String),
    #[error("X-Scope-OrgID: {0}")]
    Tenant(String),
    #[error("content type {found:?} is not supported; {wanted}")]
    ContentType { found: String, wanted: &'static str },
    #[error("{0}")]
    ContentEncoding(String),
    #[error("the body, or a message in it, exceeds {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize },
    #[error(
        "the samples of one partition take {size_bytes} bytes, {limit_bytes} fit in a record; send smaller batches"
    )]
    PartTooLarge { size_bytes: usize, limit_bytes: usize },
    #[error("the body did not arrive within {} ms", limit.as_millis())]
    BodyTimeout { limit: Duration },
    #[error("the body broke off: {0}")]
    BodyBroken(String),
    #[error("{what}; try again in {} s", seconds(*retry_after))]
    RateLimited { what: String, retry_after: Duration },
    /// More samples in one batch than the client may send in a second: the
    /// same batch never passes, smaller ones do after `retry_after`.
    #[error("{what}")]
    BatchOverLimit { what: String, retry_after: Duration },
    #[error("{0}")]
    Unavailable(String),
}

/// What a client may do next.
pub enum Advice {
    /// The same request will be refused again.
    GiveUp,
    Retry(Duration),
    /// As [`Advice::GiveUp`], but samples in smaller requests may pass later.
    RetrySmaller(Duration),
}

/// The log comes back or takes its time; clients back off from here.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(1);

/// Whole seconds, rounded up, at least 1: what `Retry-After` can say.
pub fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).clamp(1, u64::MAX.into()) as u64
}

impl Error {
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Tenant(_) | Self::BodyBroken(_) => StatusCode::BAD_REQUEST,
            Self::ContentType { .. } | Self::ContentEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge { .. } | Self::PartTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimited { .. } | Self::BatchOverLimit { .. } => StatusCode::TOO_MANY_REQUESTS,
            // Not 408: Prometheus drops what is answered 4xx, and a slow
            // network is no fault of the samples.
            Self::BodyTimeout { .. } | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub fn grpc_code(&self) -> Code {
        match self {
            Self::Malformed(_)
            | Self::Tenant(_)
            | Self::BodyBroken(_)
            | Self::ContentType { .. }
            | Self::ContentEncoding(_) => Code::InvalidArgument,
            Self::BodyTooLarge { .. }
            | Self::PartTooLarge { .. }
            | Self::RateLimited { .. }
            | Self::BatchOverLimit { .. } => Code::ResourceExhausted,
            Self::BodyTimeout { .. } => Code::DeadlineExceeded,
            Self::Unavailable(_) => Code::Unavailable,
        }
    }

    pub fn advice(&self) -> Advice {
        match self {
            Self::RateLimited { retry_after, .. } => Advice::Retry(*retry_after),
            Self::BatchOverLimit { retry_after, .. } => Advice::RetrySmaller(*retry_after),
            Self::BodyTimeout { .. } | Self::Unavailable(_) => Advice::Retry(UNAVAILABLE_RETRY),
            _ => Advice::GiveUp,
        }
    }

    /// A short name for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::BodyBroken(_) => "malformed",
            Self::Tenant(_) => "tenant",
            Self::ContentType { .. } | Self::ContentEncoding(_) => "unsupported",
            Self::BodyTooLarge { .. } | Self::PartTooLarge { .. } => "too_large",
            Self::BodyTimeout { .. } => "timeout",
            Self::RateLimited { .. } | Self::BatchOverLimit { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge { limit_bytes } => Self::BodyTooLarge { limit_bytes },
            other => Self::Malformed(other.to_string()),
        }
    }
}

impl From<OverLimit> for Error {
    fn from(over: OverLimit) -> Self {
        let what = over.to_string();
        match over.retry_after {
            Some(retry_after) => Self::RateLimited { what, retry_after },
            None => Self::BatchOverLimit {
                what: format!("{what}, and this batch alone is larger: send smaller batches"),
                retry_after: UNAVAILABLE_RETRY,
            },
        }
    }
}

impl From<TenantError> for Error {
    fn from(error: TenantError) -> Self {
        Self::Tenant(error.to_string())
    }
}

impl From<DecompressError> for Error {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::TooLarge { limit_bytes } => Self::BodyTooLarge { limit_bytes },
            DecompressError::Corrupt { .. } => Self::Malformed(error.to_string()),
            DecompressError::Unsupported(_) => Self::ContentEncoding(error.to_string()),
        }
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        match error {
            LogError::TooLarge { size_bytes, limit_bytes } => Self::PartTooLarge { size_bytes, limit_bytes },
            // Whatever else ails the log, the samples were not acknowledged
            // and are worth another try.
            other => Self::Unavailable(other.to_string()),
        }
    }
}
