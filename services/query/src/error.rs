//! Everything that can keep a request from its answer, and the one place
//! where that becomes an HTTP status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tidegate_access::OverLimit;
use tidegate_codec::stored::StoredError;
use tidegate_coldstore::ArchiveError;
use tidegate_eventlog::LogError;
use tidegate_hotstore::StoreError;
use tidegate_model::TenantError;
use tidegate_promql::{EvalError, ParseError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} must be at least 1")]
    Config(&'static str),
    #[error("{key} must be at least {what}")]
    TooSmall { key: &'static str, what: &'static str },
    #[error("query.cors_origins: {origin:?} is no origin such as https://grafana.example.org, nor *")]
    Origin { origin: String },
    #[error("invalid parameter {name:?}: {reason}")]
    Parameter { name: &'static str, reason: String },
    #[error("the request cannot be read: {0}")]
    Request(String),
    #[error("the body of the request exceeds {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize },
    #[error("the body of the request did not arrive within {} s", limit.as_secs())]
    SlowRequest { limit: Duration },
    #[error("{0}")]
    Tenant(#[from] TenantError),
    #[error("invalid parameter \"query\": {0}")]
    Parse(#[from] ParseError),
    #[error("{steps} steps in the range exceed the limit of {limit} points per series; a larger step needs fewer")]
    TooManyPoints { steps: u64, limit: usize },
    #[error("a stream needs an expression whose value is a scalar or an instant vector; this one is a {0}")]
    NotStreamable(&'static str),
    #[error("a range query needs an expression whose value is a scalar or an instant vector; this one is a {0}")]
    NotRanged(&'static str),
    #[error("the query selects {found} series or more; {limit} are allowed")]
    TooManySeries { found: usize, limit: usize },
    #[error("the query loads more than {limit} windows; ask for a shorter range or fewer series")]
    TooManyWindows { limit: usize },
    #[error("other queries hold the memory that this one needs; try again")]
    MemoryTaken,
    #[error("the answer is larger than {limit_bytes} bytes; ask for fewer series or a larger step")]
    AnswerTooLarge { limit_bytes: usize },
    #[error("too many bytes of answers wait for clients to take them; try again")]
    TooMuchUnsent,
    #[error("{0}")]
    Evaluation(#[from] EvalError),
    #[error("the query did not finish within {} s", after.as_secs_f64())]
    Timeout { after: Duration },
    #[error("all {limit} places for queries stayed taken; try again")]
    Busy { limit: usize },
    #[error("the tenant has {running} queries running and {waiting} waiting, which is the limit; try again")]
    TenantBusy { running: usize, waiting: usize },
    #[error("the tenant has {limit} open streams, which is the limit")]
    TooManyStreams { limit: usize },
    #[error("the tenant streams {limit} different expressions, which is the limit")]
    TooManySubjects { limit: usize },
    #[error("{0}")]
    OverLimit(#[from] OverLimit),
    #[error("the query reads too many samples: {0}")]
    TooLarge(OverLimit),
    #[error("the query takes too long: {0}")]
    TooSlow(OverLimit),
    #[error("all {limit} places for streams are taken; try again")]
    AllStreamsTaken { limit: usize },
    #[error("queries are not ready yet: {0}")]
    NotReady(String),
    #[error("the process is shutting down")]
    Stopping,
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("reading the archive: {0}")]
    Archive(#[from] ArchiveError),
    #[error("a stored row cannot be read: {0}")]
    Chunk(#[from] StoredError),
    #[error("the evaluation panicked: {0}")]
    Panic(String),
}

/// The `errorType` of a Prometheus answer and the status that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BadData,
    Slow,
    Execution,
    Limit,
    Timeout,
    Unavailable,
    Internal,
}

impl Kind {
    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Limit => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Slow | Self::Timeout => "timeout",
            Self::Limit | Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Parameter { .. }
            | Self::Request(_)
            | Self::BodyTooLarge { .. }
            | Self::Tenant(_)
            | Self::Parse(_)
            | Self::TooManyPoints { .. }
            | Self::NotStreamable(_)
            | Self::NotRanged(_) => Kind::BadData,
            Self::SlowRequest { .. } => Kind::Slow,
            Self::Evaluation(
                EvalError::TooManySteps { .. }
                | EvalError::BadRange
                | EvalError::MatrixOverRange
                | EvalError::StringOverRange,
            ) => Kind::BadData,
            Self::Evaluation(EvalError::Timeout) => Kind::Timeout,
            Self::TooManySeries { .. }
            | Self::TooManyWindows { .. }
            | Self::AnswerTooLarge { .. }
            | Self::TooLarge(_)
            | Self::Evaluation(_) => Kind::Execution,
            Self::OverLimit(_)
            | Self::TooManyStreams { .. }
            | Self::TooManySubjects { .. }
            | Self::TenantBusy { .. } => Kind::Limit,
            Self::Timeout { .. } | Self::TooSlow(_) => Kind::Timeout,
            Self::Busy { .. }
            | Self::MemoryTaken
            | Self::TooMuchUnsent
            | Self::AllStreamsTaken { .. }
            | Self::NotReady(_)
            | Self::Stopping => Kind::Unavailable,
            Self::Log(LogError::Unavailable(_) | LogError::Overloaded) => Kind::Unavailable,
            Self::Store(StoreError::Unavailable(_)) | Self::Archive(ArchiveError::Unavailable(_)) => Kind::Unavailable,
            Self::Config(_)
            | Self::TooSmall { .. }
            | Self::Origin { .. }
            | Self::Log(_)
            | Self::Store(_)
            | Self::Archive(_)
            | Self::Chunk(_)
            | Self::Panic(_) => Kind::Internal,
        }
    }

    /// Worth trying again with the same request.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.kind(), Kind::Unavailable | Kind::Timeout)
            || matches!(self, Self::TenantBusy { .. } | Self::OverLimit(_))
    }

    /// The body of the answer, also sent as a stream's `failure` event.
    pub(crate) fn to_json(&self) -> String {
        serde_json::json!({ "status": "error", "errorType": self.kind().name(), "error": self.to_string() }).to_string()
    }

    /// For the metric of outcomes.
    pub(crate) fn outcome(&self) -> &'static str {
        self.kind().name()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let kind = self.kind();
        if kind == Kind::Internal {
            tracing::error!(error = %self, "a query failed");
        }
        let json = HeaderValue::from_static("application/json");
        let mut response = (kind.status(), [(header::CONTENT_TYPE, json)], self.to_json()).into_response();
        if matches!(kind, Kind::Unavailable | Kind::Limit) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
