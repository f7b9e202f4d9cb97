//! The one table of what each route of a process needs, and the guard before
//! them.

use axum::http::Method;
use prometheus_client::registry::Registry;
use tidegate_access::{Guard, GuardError, Need, Role, Rule};

use crate::config::Config;

const PUSH: Need = Need::Role(Role::Push);
const READ: Need = Need::Role(Role::Read);
const ADMIN: Need = Need::Role(Role::Admin);

/// All methods.
const fn any(path: &'static str, need: Need) -> Rule {
    Rule { method: None, path, need }
}

const fn on(method: Method, path: &'static str, need: Need) -> Rule {
    Rule { method: Some(method), path, need }
}

/// What is not here needs the role admin.
pub static TABLE: &[Rule] = &[
    any("/livez", Need::Nothing),
    any("/readyz", Need::Nothing),
    any("/login", Need::Nothing),
    any("/logout", Need::Nothing),
    on(Method::GET, "/metrics", Need::Metrics),
    any("/health", Need::Metrics),
    on(Method::POST, "/metrics", PUSH),
    any("/api/v1/write", PUSH),
    any("/v1/metrics", PUSH),
    any("/tidegate.v1.Ingest/Push", PUSH),
    any("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", PUSH),
    any("/", READ),
    // The same for everyone, and of the public source.
    any("/assets/{name}", Need::Nothing),
    any("/api/v1/query", READ),
    any("/api/v1/query_range", READ),
    any("/api/v1/series", READ),
    any("/api/v1/labels", READ),
    any("/api/v1/label/{name}/values", READ),
    any("/api/v1/metadata", READ),
    any("/api/v1/format_query", READ),
    any("/api/v1/query_exemplars", READ),
    any("/api/v1/rules", READ),
    any("/api/v1/alerts", READ),
    any("/api/v1/status/buildinfo", READ),
    any("/api/v1/status/runtimeinfo", READ),
    any("/api/v1/status/flags", READ),
    any("/api/v1/status/config", READ),
    any("/api/v1/status/tsdb", READ),
    any("/api/v1/status/pipeline", READ),
    // Names of others.
    any("/api/v1/status/tenants", ADMIN),
    any("/api/v1/stream", READ),
    any("/api/v1/tenant/usage", READ),
    any("/admin/verify", ADMIN),
    any("/admin/log-level", ADMIN),
    any("/admin/drain", ADMIN),
    any("/admin/profile", ADMIN),
];

/// The guard of both ports; `None` where no tokens are configured.
///
/// # Errors
/// When the file of tokens cannot be used.
pub fn guard(config: &Config, registry: &mut Registry) -> Result<Option<Guard>, GuardError> {
    let guard = Guard::load(&config.auth, TABLE, registry)?;
    let loopback = config.http.listen.ip().is_loopback() && config.grpc.listen.ip().is_loopback();
    if guard.is_none() && !loopback {
        tracing::warn!("whoever reaches the ports can read and write: auth.tokens_file names no tokens");
    }
    Ok(guard)
}

#[cfg(test)]
mod tests;
