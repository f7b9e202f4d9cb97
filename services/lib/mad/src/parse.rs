//! The formats that sources read: bytes → [`Record`]s.
//!
//! Each follows the Java daemon to the letter, its oddities included: which
//! input it takes, which it refuses, and which it falls over.

pub mod client;
pub mod collectd;
pub mod graphite;
mod lenient_json;
mod number;
pub mod otlp;
pub mod prometheus;
pub mod query_log;
pub mod statsd;
pub mod telegraf;
mod units;

use tidegate_codec::ingest::Encoding;

use crate::{Dimensions, Kind, Metric, Quantity, Record};

/// Why input gives no records. One such part refuses the whole of what came
/// with it: request, message, datagram or line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is not what it should be. HTTP sources answer 400.
    #[error("not {format}: {reason}")]
    Malformed { format: &'static str, reason: String },
    /// What the Java daemon does not expect and fails at. HTTP sources answer
    /// 500, as it does.
    #[error("{format} that nobody expects: {reason}")]
    Unexpected { format: &'static str, reason: String },
}

impl ParseError {
    fn malformed(format: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { format, reason: reason.to_string() }
    }

    fn unexpected(format: &'static str, reason: impl ToString) -> Self {
        Self::Unexpected { format, reason: reason.to_string() }
    }

    /// The status of the answer to a request.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::Unexpected { .. } => 500,
        }
    }
}

/// The body of a request whose `Content-Encoding` is `encoding`, at most
/// `limit_bytes` of it. (The Java daemon takes no notice of that header.)
///
/// # Errors
/// [`ParseError::Malformed`].
pub fn decompress<'a>(
    encoding: Option<&str>,
    body: &'a [u8],
    limit_bytes: usize,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], ParseError> {
    let decompressed = Encoding::from_header(encoding)
        .and_then(|encoding| tidegate_codec::ingest::decompress(encoding, body, limit_bytes, buffer));
    decompressed.map_err(|error| ParseError::malformed("a body that can be decompressed", error))
}

/// A metric with one sample.
fn one_sample(kind: Kind, quantity: Quantity) -> Metric {
    Metric { kind, samples: vec![quantity], histograms: Vec::new() }
}

/// A record of one metric with one sample.
fn one_metric(time_ms: i64, dimensions: Dimensions, name: &str, metric: Metric) -> Record {
    Record { time_ms, request_time_ms: None, dimensions, metrics: vec![(name.into(), metric)] }
}

/// The first name that comes twice.
fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

#[cfg(test)]
mod random_bytes_tests;
