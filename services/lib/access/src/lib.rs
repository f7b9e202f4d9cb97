//! Who may do what: tokens from a file, each with a tenant and roles; a table
//! that says which role a path needs; the guard that a port asks before any
//! route sees a request.
//!
//! Without a file of tokens there is no guard: whoever reaches a port may use
//! it, and `X-Scope-OrgID` names the tenant.

mod account;
mod audit;
mod credentials;
mod file;
mod guard;
mod login;
mod metrics;
mod principal;
mod refusal;
mod reload;
mod rules;
mod secret;
mod usage;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use account::{Account, Held, Minute, OverLimit, TenantLimits, TokenLimits, Usage};
pub use credentials::SESSION_COOKIE;
pub use file::{Entry, FileError, Token, Tokens, expiry};
pub use guard::{Admitted, Guard, GuardError};
pub use login::router as login_router;
pub use principal::Principal;
pub use refusal::Refusal;
pub use rules::{Need, Role, Rule};
pub use secret::{Digest, Secret, SecretError};
pub use usage::router as usage_router;

/// Section `auth` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// YAML file of tokens and tenants; read again when it changes. Without it
    /// no token is asked for.
    pub tokens_file: Option<PathBuf>,
    /// Whether `GET /metrics`, the process's own state, needs a token of role
    /// `admin`, too.
    pub protect_metrics: bool,
    /// Holds the token that commands such as `tidegate verify` show to a
    /// running process.
    pub command_token_file: Option<PathBuf>,
}
