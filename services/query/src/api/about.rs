//! `status/runtimeinfo`, `status/flags` and `status/config`: what the process
//! runs with. Only the query's own settings, of which none is a secret.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::response::Response;

use super::{Ask, Json, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn runtimeinfo(query: Arc<Query>, _: Ask) -> Result<Response, Error> {
    let now = SystemTime::now();
    let started = now.checked_sub(query.started.elapsed()).unwrap_or(now);
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let texts = [
        ("startTime", time(started)),
        ("serverTime", time(now)),
        ("lastConfigTime", time(started)),
        ("CWD", String::new()),
        ("hostname", String::new()),
        ("GOGC", String::new()),
        ("GODEBUG", String::new()),
        ("storageRetention", format!("{}h", query.config.hot_retention_hours)),
    ];
    let write = |json: &mut Json| {
        json.raw("{");
        for (name, text) in &texts {
            json.string(name);
            json.raw(":");
            json.string(text);
            json.raw(",");
        }
        json.raw(&format!(
            r#""reloadConfigSuccess":true,"corruptionCount":0,"goroutineCount":0,"GOMAXPROCS":{cores},"GOMEMLIMIT":0}}"#
        ));
    };
    success(&query, write, &[], &[])
}

/// The limits, under the names that Prometheus gives them where it has them.
pub(super) async fn flags(query: Arc<Query>, _: Ask) -> Result<Response, Error> {
    let config = &query.config;
    let duration = |ms| humantime::format_duration(Duration::from_millis(ms)).to_string();
    let flags = [
        ("query.lookback-delta", "5m".to_owned()),
        ("query.max-concurrency", config.max_concurrent_queries.to_string()),
        ("query.max-concurrency-per-tenant", config.max_concurrent_queries_per_tenant.to_string()),
        ("query.max-points", config.max_points.to_string()),
        ("query.max-samples", config.max_samples.to_string()),
        ("query.max-series", config.max_series.to_string()),
        ("query.max-windows", config.max_windows.to_string()),
        ("query.timeout", duration(config.timeout_ms)),
        ("storage.tsdb.retention.time", format!("{}h", config.hot_retention_hours)),
    ];
    let write = |json: &mut Json| {
        json.raw("{");
        json.list(&flags, |json, (name, value)| {
            json.string(name);
            json.raw(":");
            json.string(value);
        });
        json.raw("}");
    };
    success(&query, write, &[], &[])
}

pub(super) async fn config(query: Arc<Query>, _: Ask) -> Result<Response, Error> {
    // Numbers and texts: they can always be written.
    let settings = serde_json::to_value(&query.config).unwrap_or_default();
    let mut yaml = String::from("query:\n");
    for (name, value) in settings.as_object().into_iter().flatten() {
        // JSON's values are YAML's too.
        yaml.push_str(&format!("  {name}: {value}\n"));
    }
    let write = |json: &mut Json| {
        json.raw(r#"{"yaml":"#);
        json.string(&yaml);
        json.raw("}");
    };
    success(&query, write, &[], &[])
}
