//! The sections `gateway` and `limits` of the configuration.

use serde::{Deserialize, Serialize};
use tidegate_codec::ingest::LabelLimits;

/// Section `gateway`: how requests become records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long after one append the next may begin, so that batches share
    /// records; one that comes later than that does not wait. 0 = as they come.
    pub linger_ms: u64,
    /// Size from which a record takes no further batch.
    pub record_target_bytes: usize,
    /// Largest record; what one request has for one partition must fit in.
    pub max_record_bytes: usize,
    /// Bytes of request bodies in memory, of all that are being received or
    /// decoded, as they came; beyond, requests are answered 503.
    pub max_received_bytes: usize,
    /// Bytes on their way to the log, at most; beyond, requests are answered
    /// 503.
    pub max_in_flight_bytes: usize,
    /// Calls to the log that may be open at a time. While one is, what comes gathers: a log that is slow is asked less often. Each call has
    /// a record for nearly every partition, and brokers take what comes on a connection one by one, so that further calls would
    /// only stand behind the first. More may be better where brokers are far away.
    pub max_open_appends: usize,
    /// Time for the log to acknowledge a batch.
    pub append_timeout_ms: u64,
    /// Time for a client to send the body of a request.
    pub body_timeout_ms: u64,
    /// Whether `target_info` is written for OTLP resources.
    pub otlp_target_info: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            linger_ms: 1,
            record_target_bytes: 1 << 20,
            max_record_bytes: 8 << 20,
            max_received_bytes: 256 << 20,
            max_in_flight_bytes: 64 << 20,
            max_open_appends: 1,
            append_timeout_ms: 30_000,
            body_timeout_ms: 30_000,
            otlp_target_info: true,
        }
    }
}

/// Section `limits`: what a client or a tenant may send. Per gateway process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// JSON pushes of a client; 0 = no limit.
    pub requests_per_second: u32,
    /// Samples of a client, whatever it speaks; 0 = no limit.
    pub samples_per_second: u32,
    /// Series with samples in the last one to two hours, per tenant; 0 = no
    /// limit.
    pub active_series_per_tenant: u64,
    /// The same of all tenants together; 0 = no limit.
    pub active_series: u64,
    /// Series of a tenant that become active within a minute; 0 = no limit.
    pub new_series_per_minute_per_tenant: u32,
    /// A gateway that has just started has seen none of the series that there
    /// are; for this long none of them counts as new.
    pub new_series_grace_seconds: u32,
    /// Body of a request, decompressed.
    pub max_body_bytes: usize,
    pub max_labels_per_series: usize,
    pub max_label_name_bytes: usize,
    pub max_label_value_bytes: usize,
    /// Samples older than this are refused; the store can take no more than
    /// six days.
    pub max_age_hours: u32,
    /// Samples further ahead of the gateway's clock than this are refused.
    pub max_ahead_seconds: u32,
    /// Values that the metrics of a name may have; none by default.
    pub value_ranges: Vec<ValueRange>,
}

/// Values outside `min..=max` are refused for metrics of this name; NaN never
/// is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRange {
    pub name: String,
    #[serde(default = "lowest")]
    pub min: f64,
    #[serde(default = "highest")]
    pub max: f64,
}

fn lowest() -> f64 {
    f64::NEG_INFINITY
}

fn highest() -> f64 {
    f64::INFINITY
}

/// Ages beyond this would come back to a store that no longer holds the rows
/// beside them.
const MAX_AGE_HOURS: u32 = 6 * 24;
/// Further ahead, a closed hour would not be what it seems.
const MAX_AHEAD_SECONDS: u32 = 600;

impl Default for Limits {
    fn default() -> Self {
        let labels = LabelLimits::default();
        Self {
            requests_per_second: 100,
            samples_per_second: 1_000_000,
            active_series_per_tenant: 1_000_000,
            active_series: 5_000_000,
            new_series_per_minute_per_tenant: 0,
            new_series_grace_seconds: 120,
            max_body_bytes: tidegate_codec::ingest::decompress::DEFAULT_LIMIT_BYTES,
            max_labels_per_series: labels.max_labels,
            max_label_name_bytes: labels.max_name_bytes,
            max_label_value_bytes: labels.max_value_bytes,
            max_age_hours: MAX_AGE_HOURS,
            max_ahead_seconds: MAX_AHEAD_SECONDS,
            value_ranges: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{key} must be {wanted}, is {found}")]
    OutOfRange { key: &'static str, wanted: &'static str, found: String },
}

fn check<T: PartialOrd + ToString>(
    key: &'static str,
    value: T,
    low: T,
    high: T,
    wanted: &'static str,
) -> Result<(), ConfigError> {
    if value < low || value > high {
        return Err(ConfigError::OutOfRange { key, wanted, found: value.to_string() });
    }
    Ok(())
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        check("gateway.linger_ms", self.linger_ms, 0, 1_000, "0 to 1000")?;
        check("gateway.record_target_bytes", self.record_target_bytes, 1 << 10, 64 << 20, "1 KiB to 64 MiB")?;
        let (low, high) = (self.record_target_bytes, 64 << 20);
        check(
            "gateway.max_record_bytes",
            self.max_record_bytes,
            low,
            high,
            "at least record_target_bytes, at most 64 MiB",
        )?;
        let low = self.max_record_bytes;
        check("gateway.max_in_flight_bytes", self.max_in_flight_bytes, low, usize::MAX, "at least max_record_bytes")?;
        check("gateway.max_received_bytes", self.max_received_bytes, 1 << 20, usize::MAX, "at least 1 MiB")?;
        check("gateway.max_open_appends", self.max_open_appends, 1, 64, "1 to 64")?;
        check("gateway.append_timeout_ms", self.append_timeout_ms, 100, 600_000, "100 to 600000")?;
        check("gateway.body_timeout_ms", self.body_timeout_ms, 100, 600_000, "100 to 600000")
    }
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        check("limits.max_body_bytes", self.max_body_bytes, 1 << 10, 1 << 30, "1 KiB to 1 GiB")?;
        check("limits.max_labels_per_series", self.max_labels_per_series, 1, 1_000, "1 to 1000")?;
        check("limits.max_label_name_bytes", self.max_label_name_bytes, 8, 64 << 10, "8 to 65536")?;
        check("limits.max_label_value_bytes", self.max_label_value_bytes, 1, 1 << 20, "1 to 1048576")?;
        check("limits.max_age_hours", self.max_age_hours, 1, MAX_AGE_HOURS, "1 to 144 (6 days)")?;
        check("limits.max_ahead_seconds", self.max_ahead_seconds, 1, MAX_AHEAD_SECONDS, "1 to 600")
    }

    pub(crate) fn labels(&self) -> LabelLimits {
        LabelLimits {
            max_labels: self.max_labels_per_series,
            max_name_bytes: self.max_label_name_bytes,
            max_value_bytes: self.max_label_value_bytes,
        }
    }
}
