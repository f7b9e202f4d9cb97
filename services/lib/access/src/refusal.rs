//! Why a request is not let in. The texts tell nothing of other tenants, nor
//! whether a token ever existed.

use http::StatusCode;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a token is needed: `Authorization: Bearer TOKEN`, or Basic with the token as password")]
    Missing,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the token is not valid, or not any more")]
    Unknown,
    /// The client has it right, so it may know.
    #[error("the token has expired")]
    Expired,
    #[error("the token lacks the role {0}")]
    Role(&'static str),
    #[error("X-Scope-OrgID is not the tenant of the token")]
    Tenant,
    #[error("a request with the session's cookie must come from the dashboard itself")]
    CrossSite,
}

impl Refusal {
    /// 401 where another token may help, 403 where this one is not enough.
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Malformed(_) | Self::Unknown | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::Role(_) | Self::Tenant | Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// For the metric and the audit log.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Role(_) => "role",
            Self::Tenant => "tenant",
            Self::CrossSite => "cross_site",
        }
    }
}
