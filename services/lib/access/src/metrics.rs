//! What the guard says of itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limit {
    tenant: String,
    /// Empty where the limit is the tenant's.
    token: String,
    limit: &'static str,
}

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    refused: Family<Reason, Counter>,
    limited: Family<Limit, Counter>,
    pub tokens: Gauge,
    pub reloads: Counter,
    pub failed_reloads: Counter,
    pub skipped_audit_lines: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_access");
        registry.register("refused_requests", "Requests not let in, by reason", metrics.refused.clone());
        registry.register(
            "limited_requests",
            "Requests refused, or in part, by a limit of their tenant or token, by both and the limit",
            metrics.limited.clone(),
        );
        registry.register("tokens", "Tokens that are valid or were", metrics.tokens.clone());
        registry.register("reloads", "Times that the file of tokens was read again", metrics.reloads.clone());
        registry.register(
            "failed_reloads",
            "Times that it could not be, and the tokens before stayed",
            metrics.failed_reloads.clone(),
        );
        registry.register(
            "skipped_audit_lines",
            "Lines that the audit log left out because there were too many at once",
            metrics.skipped_audit_lines.clone(),
        );
        metrics
    }

    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Tenants and tokens come from the file of tokens, so there is an end to them.
    pub fn limited(&self, tenant: &str, token: Option<&str>, limit: &'static str) {
        let (tenant, token) = (tenant.to_owned(), token.unwrap_or_default().to_owned());
        self.limited.get_or_create(&Limit { tenant, token, limit }).inc();
    }
}
